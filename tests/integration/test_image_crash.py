# SPDX-License-Identifier: Apache-2.0
"""The store after kill -9, a full disk, and several writers at once."""

import fcntl
import glob
import json
import os
import shutil
import subprocess
import threading

import pytest
import world
from image_archives import Layout, Result, Store, docker_archive, entry, link, tar

# What mooring-unpack itself does to the disk, and how it starts those who do the rest.
CALLS = ["mkdirat", "unlinkat", "rename,renameat", "renameat2", "write", "fsync", "syncfs", "flock",
         "fchmod", "fsetxattr", "mknodat", "clone", "wait4", "openat", "openat2"]

LAYERS = [tar(entry("d"), entry("d/a", b"a" * 3000), link("l", "d/a"), entry("e")),
          tar(entry("d"), entry("d/.wh..wh..opq", b""), entry("e/implied/x", b"1")),
          tar(entry(".wh.l", b""), entry("big", os.urandom(300000)))]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "root")
    store.load(docker_archive([tar(entry("base", b"1"))], names=(("base:1",),)))
    return store


def killed_at(call, number):
    """A wrapper that ends the program by SIGKILL when it is about to make its number-th such call."""
    return ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
            "-e", f"inject={call}:signal=KILL:when={number}"]


def is_held(directory):
    try:
        fd = os.open(directory, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def wait_for_workers(store):
    """Until those that a killed program had started, and that die with it, have let go of what they made."""
    staging = store.path("staging")
    world.wait_until(lambda: not any(is_held(os.path.join(staging, name)) for name in os.listdir(staging)), "workers to end")


def sweep(store, work, again, points, calls=CALLS):
    """Kills `work` at every point of its way; the store is whole each time, and of use."""
    killed = 0
    for call in calls:
        for number in range(1, 200):
            result = work(killed_at(call, number))
            wait_for_workers(store)
            store.check()
            assert "docker.io/library/base:1" in store.names()
            if result.code == 0:  # it makes no more such calls
                break
            killed += 1
            if number % 5 == 1:
                again()
                store.check()
                assert os.listdir(store.path("staging")) == []
    assert killed >= points, f"only {killed} points"
    again()


def forget(store, *names):
    """As rmi would: names and records go; what only they had is rubbish now, and so old that no pull goes on with it."""
    left = {name: image for name, image in store.names().items() if name not in names}
    gone = set(store.names().values()) - set(left.values())
    with open(store.path("images", "names.json"), "w") as file:
        json.dump(left, file)
    for image in gone:
        os.unlink(store.path("images", image[7:] + ".json"))
    for layer in os.listdir(store.path("layers")):
        os.utime(store.path("layers", layer), (0, 0))


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_load_killed_at_every_step(store, tmp_path, source):
    archive = docker_archive(LAYERS, names=(("t:1", "t:2"),))
    path = tmp_path / "archive.tar"
    path.write_bytes(archive)

    def work(wrap):
        if "docker.io/library/t:1" in store.names():
            forget(store, "docker.io/library/t:1", "docker.io/library/t:2")
        return store.load(path if source == "file" else archive, code=None, wrap=wrap)

    def again():
        store.load(path)
        names = store.names()
        image = names["docker.io/library/t:1"]
        assert names["docker.io/library/t:2"] == image
        assert os.path.exists(store.diff(image, 2) + "/big")
        assert os.getxattr(store.diff(image, 1) + "/d", "trusted.overlay.opaque") == b"y"

    sweep(store, work, again, 100)


def test_pull_killed_at_every_step(store, registry):
    layout = Layout(*LAYERS)
    reference = layout.push(registry, "crash")

    def work(wrap):
        if reference in store.names():
            forget(store, *(name for name in store.names() if name.startswith(registry.address)))
        return store.pull(reference, code=None, wrap=wrap)

    def again():
        store.pull(reference)
        assert store.names()[reference] == layout.id

    sweep(store, work, again, 100)


@pytest.fixture
def docker(store, tmp_path):
    env = {**os.environ, "MOORING_ROOT": store.root, "MOORING_RUN": str(tmp_path / "run"),
           "MOORING_CONFIG": str(tmp_path / "config")}

    def run(*arguments, wrap=()):
        program = os.path.join(world.BUILD, "cli", "bin", "docker")
        process = subprocess.run([*wrap, program, *arguments], env=env, capture_output=True, text=True)
        return Result(process.returncode, "", process.stderr)

    return run


CHANGES = ["unlinkat", "rename,renameat", "write", "fsync", "flock"]  # what changes the store, and what guards it


def test_tag_killed_at_every_step(store, docker):
    def work(wrap):
        forget(store, "docker.io/library/more:1")
        return docker("tag", "base:1", "more:1", wrap=wrap)

    def again():
        assert docker("tag", "base:1", "more:1").code == 0
        assert sorted(store.names()) == ["docker.io/library/base:1", "docker.io/library/more:1"]

    sweep(store, work, again, 5, CHANGES)


def test_prune_killed_at_every_step(store, docker, tmp_path):
    path, newer = tmp_path / "archive.tar", tmp_path / "newer.tar"
    path.write_bytes(docker_archive(LAYERS, names=(("t:1",),)))
    newer.write_bytes(docker_archive(LAYERS[:1], names=(("t:1",),)))

    def work(wrap):
        store.load(path)
        store.load(newer)  # takes the name: what it meant before has none
        return docker("image", "prune", "-f", wrap=wrap)

    def again():
        assert docker("image", "prune", "-f").code == 0
        assert len(os.listdir(store.path("layers"))) == 2
        kept = sorted(name for name in os.listdir(store.path("images")) if not name.startswith("names.json"))
        assert kept == sorted(image[7:] + ".json" for image in store.names().values()) and len(kept) == 2

    sweep(store, work, again, 10, CHANGES)


def test_rmi_killed_at_every_step(store, docker, tmp_path):
    path = tmp_path / "archive.tar"
    path.write_bytes(docker_archive(LAYERS, names=(("t:1", "t:2"),)))

    def work(wrap):
        store.load(path)
        return docker("rmi", "t:1", "t:2", wrap=wrap)

    def again():
        docker("rmi", "t:1", "t:2")
        docker("image", "prune", "-f")  # killed in between, it is an image without a name
        assert list(store.names()) == ["docker.io/library/base:1"]
        store.load(docker_archive([tar(entry("base", b"1"))], names=(("base:1",),)))
        assert len(os.listdir(store.path("layers"))) == 1

    sweep(store, work, again, 20)


def test_a_killed_worker_is_an_error(store, tmp_path):
    path = tmp_path / "archive.tar"
    path.write_bytes(docker_archive(LAYERS))
    before = store.contents()
    result = store.load(path, code=1, wrap=["strace", "-f", "-qq", "-o", "/dev/null", "-e",
                                            "trace=utimensat", "-e", "inject=utimensat:signal=KILL"])
    assert "was killed" in result.failure["text"]
    assert store.contents() == before


# -- a full disk ---------------------------------------------------------------------------------

def test_disk_full(small_disk, tmp_path, registry):
    store = Store(os.path.join(small_disk, "root"))
    store.load(docker_archive([tar(entry("base", b"1"))], names=(("base:1",),)))
    before = store.contents(), store.names()
    layers = [tar(entry("small", b"1")), tar(entry("big", os.urandom(20 << 20)))]
    layout = Layout(*layers)
    path = tmp_path / "archive.tar"
    path.write_bytes(docker_archive(layers))
    reference = layout.push(registry, "large")
    for result in (store.load(path, code=1), store.load(path.read_bytes(), code=1),
                   store.pull(reference, code=1)):
        assert "no space left on device" in result.failure["text"].lower()
        assert result.failure["kind"] == "no-space"
        assert "\n" not in result.failure["text"] and not result.stderr
        assert (store.contents(), store.names()) == before
    assert os.statvfs(small_disk).f_bavail * 4096 > 15 << 20
    store.load(docker_archive([layers[0]]))
    store.check()


def test_no_inodes_left(tmp_path):
    directory = str(tmp_path / "disk")
    with world.mounted(directory, size="16M,nr_inodes=200"):
        store = Store(os.path.join(directory, "root"))
        result = store.load(docker_archive([tar(*(entry(f"f{i}", b"") for i in range(300)))]), code=1)
        assert "no space left on device" in result.failure["text"].lower()
        assert store.contents() == []


# -- several at once -----------------------------------------------------------------------------

def run_all(*works):
    failures = []

    def run(work):
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_the_same_image_from_all_sides(store, tmp_path, registry):
    layout = Layout(*LAYERS)
    reference = layout.push(registry, "together")
    path = tmp_path / "archive.tar"
    path.write_bytes(docker_archive(LAYERS, names=(("t:1",),)))
    for _ in range(3):
        run_all(*[lambda: store.load(path)] * 3, *[lambda: store.pull(reference)] * 3,
                lambda: store.load(path.read_bytes()))
        store.check()
        assert len(store.names()) == 4 and os.listdir(store.path("staging")) == []
        forget(store, *(name for name in store.names() if "base" not in name))


def while_it_waits(store, work, change):
    """Calls `change` while `work`, which has all on the disk, waits for the store's lock to publish it."""
    lock = os.open(store.path("lock"), os.O_RDWR)
    inode = os.fstat(lock).st_ino

    def is_waited_for():
        with open("/proc/locks") as locks:
            return any("-> FLOCK" in line and f":{inode} " in line for line in locks)

    def change_and_let_go():
        try:
            world.wait_until(is_waited_for, "it to wait for the lock")
            change()
        finally:
            os.close(lock)

    fcntl.flock(lock, fcntl.LOCK_SH)
    run_all(work, change_and_let_go)


def test_what_changes_while_an_image_waits_to_be_published(store, tmp_path, registry):
    """What was prepared without the lock is looked at again with it."""
    layout, path, other = Layout(*LAYERS, name="t:1"), tmp_path / "archive.tar", Store(tmp_path / "other")
    path.write_bytes(layout.tar())
    reference = layout.push(registry, "meanwhile")
    other.pull(reference)
    published = []

    def publish():
        for directory in ("blobs/sha256", "images"):
            for name in os.listdir(other.path(directory)):
                if not name.startswith("names.json"):
                    shutil.copy(other.path(directory, name), store.path(directory, name))
        published.append(os.stat(store.path("images", layout.id[7:] + ".json")).st_ino)

    while_it_waits(store, lambda: store.load(path), publish)
    assert published == [os.stat(store.path("images", layout.id[7:] + ".json")).st_ino]  # not written over
    store.check()

    def remove():
        forget(store, "docker.io/library/t:1")
        os.unlink(store.path("blobs/sha256", layout.id[7:]))

    while_it_waits(store, lambda: store.load(path), remove)
    store.check()
    assert store.names()["docker.io/library/t:1"] == layout.id and store.record(layout.id) == other.record(layout.id)
    assert os.listdir(store.path("staging")) == []


def test_ten_pulls_do_the_work_once(store, registry):
    layout = Layout(tar(entry("big", os.urandom(8 << 20))))
    reference = layout.push(registry, "twice")
    results = []
    run_all(*[lambda: results.append(store.pull(reference))] * 10)
    states = sorted(state for result in results for state in result.layers.values())
    assert states == ["done", *["exists"] * 9]


def test_rubbish_goes_with_the_next_command(store):
    forget(store, "docker.io/library/base:1")
    os.makedirs(store.path("staging", "layer-" + "0" * 64, "diff", "deep", "er"))
    with open(store.path("images", "names.json.tmp-1-2"), "w"):
        pass
    store.load(docker_archive([tar(entry("x", b"1"))]))
    assert len(os.listdir(store.path("layers"))) == 1
    (image,) = [name for name in os.listdir(store.path("images")) if not name.startswith("names.json")]
    assert len(image) == 69 and not glob.glob(store.path("images", "*.tmp-*"))
    assert os.listdir(store.path("staging")) == []


def test_what_is_being_made_is_not_rubbish(store, tmp_path):
    """A load in the middle of a layer, while another one cleans up."""
    archive = docker_archive(LAYERS)
    middle = archive.find(b"a" * 3000) + 1500
    source, feed_end = os.pipe()
    with store.start(["load", "--root", store.root], source) as process:
        os.close(source)
        os.write(feed_end, archive[:middle])
        world.wait_until(lambda: os.listdir(store.path("staging")), "the layer to be started")
        store.load(docker_archive([tar(entry("other", b"1"))], names=(("other:1",),)))
        with open(feed_end, "wb") as pipe:
            pipe.write(archive[middle:])
        process.events.read()
        assert process.wait(30) == 0
        process.events.close()
    assert "docker.io/library/t:1" in store.names()
    store.check()


def test_too_little_space_is_said_before_the_first_byte(small_disk, registry):
    store = Store(os.path.join(small_disk, "root"))
    layout = Layout(tar(entry("big", os.urandom(40 << 20))))
    result = store.pull(layout.push(registry, "too-large"), code=1)
    assert result.failure["kind"] == "no-space" and "needs 41" in result.failure["text"], result.failure
    assert result.layers == {} and store.contents() == []
