# SPDX-License-Identifier: Apache-2.0
"""The store after the power went: an ext4 of its own that is shut down without writing out anything, mounted again.

EXT4_IOC_SHUTDOWN is what file systems' own power-cut tests use: from that moment nothing reaches the device, and what was
not written is lost, data and journal alike. Or the journal is written before, as it may be at any moment: every name is there
then, and the contents that nobody has synced are not."""

import fcntl
import hashlib
import os
import struct
import subprocess
import time

import pytest
import world
from image_archives import Layout, Store, entry, link, list_tree, tar
from test_image_crash import killed_at
from test_image_resume import LAYER, SMALL, Server, check, expected, kill, quick, stamped, start, zstd  # noqa: F401

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN
WITH_LOG, WITHOUT_LOG = 1, 2  # EXT4_GOING_FLAGS_LOGFLUSH, EXT4_GOING_FLAGS_NOLOGFLUSH
STEPS = ["mkdirat", "rename,renameat", "renameat2", "fsync", "syncfs", "flock", "unlinkat"]
LAYERS = [tar(entry("d"), entry("d/a", b"a" * 3000), link("l", "d/a"), entry("d/empty", b"")),
          tar(entry("d"), entry("d/.wh.a", b""), entry("e/implied/x", b"1" * 100_000))]


class Disk:
    """A loopback ext4 that can lose its power."""

    def __init__(self, directory):
        self.image, self.place = os.path.join(directory, "disk.img"), os.path.join(directory, "disk")
        os.mkdir(self.place)
        subprocess.run(["truncate", "-s", "200M", self.image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image], check=True)
        self.mount()

    def mount(self):
        subprocess.run(["mount", "-o", "loop,commit=300", self.image, self.place], check=True)

    def unmount(self):
        """Until nobody has it: processes that were killed and have not gone yet have it in mount namespaces of theirs."""
        world.wait_until(lambda: subprocess.run(["umount", self.place], capture_output=True).returncode == 0, "the disk to be free")
        world.wait_until(lambda: not subprocess.run(["losetup", "-j", self.image], check=True, capture_output=True).stdout,
                         "the disk's last user to go")

    def lose_power(self, end_all=lambda: None, log=WITHOUT_LOG):
        """`end_all` ends those who have the disk open: the power has gone for them, too."""
        place = os.open(self.place, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.ioctl(place, SHUTDOWN, struct.pack("=I", log))
        os.close(place)
        end_all()
        self.unmount()
        self.mount()


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path)
    yield made
    made.unmount()


def trees(store, layout):
    return [list_tree(store.diff(layout.id, index)) for index in range(len(layout.layers))]


def test_an_image_that_was_pulled_or_loaded_is_there(disk, registry, tmp_path):
    """The command has returned, and the power goes at once."""
    layout = Layout(*LAYERS, name="loaded:1")
    reference = layout.push(registry, "power")
    undisturbed = Store(tmp_path / "undisturbed")
    undisturbed.pull(reference)
    store = Store(os.path.join(disk.place, "root"))
    store.pull(reference)
    disk.lose_power()
    store.check()
    assert store.names()[reference] == layout.id and trees(store, layout) == trees(undisturbed, layout)

    other = Store(os.path.join(disk.place, "other"))
    loaded = other.load(layout.tar()).images[0]["id"]
    disk.lose_power()
    other.check()
    assert loaded in other.names().values() and trees(other, layout) == trees(undisturbed, layout)


def remove(store, layout):
    subprocess.run([os.path.join(world.BUILD, "cli", "bin", "docker"), "rmi", "-f", layout.id[7:]], check=True,
                   env={**os.environ, "MOORING_ROOT": store.root}, capture_output=True)


def check_contents(store, expected):
    """What has a name in the store is what that name says; `expected`: chain ID → tree."""
    for name in os.listdir(store.path("blobs/sha256")):
        with open(store.path("blobs/sha256", name), "rb") as file:
            assert len(name) != 64 or hashlib.sha256(file.read()).hexdigest() == name
    for name in os.listdir(store.path("layers")):
        assert name not in expected or list_tree(store.path("layers", name, "diff")) == expected[name]


@pytest.mark.parametrize("log, calls, least", [(WITHOUT_LOG, STEPS, 16), (WITH_LOG, STEPS[1:5], 10)],
                         ids=["journal-lost", "journal-written"])
def test_the_power_goes_at_every_step(disk, registry, tmp_path, log, calls, least):
    """Between any two steps that change the store it is the old one or the new one, and the next pull finishes."""
    layout, lost = Layout(*LAYERS), 0
    reference = layout.push(registry, "power")
    undisturbed = Store(tmp_path / "undisturbed")
    undisturbed.pull(reference)
    expected = dict(zip(undisturbed.chains(layout.id), trees(undisturbed, layout)))
    store = Store(os.path.join(disk.place, "root"))
    store.load(Layout(tar(entry("base", b"1")), name="base:1").tar())
    os.sync()
    for call in calls:
        for number in range(1, 60):
            result = store.pull(reference, code=None, wrap=killed_at(call, number))
            disk.lose_power(log=log)
            store.check()
            check_contents(store, expected)
            assert "docker.io/library/base:1" in store.names()
            if result.code == 0:
                assert store.names()[reference] == layout.id
                remove(store, layout)
                break
            lost += 1
            if number % 4 == 1:
                store.pull(reference)
                assert store.names()[reference] == layout.id and os.listdir(store.path("staging")) == []
                store.check()
                remove(store, layout)
    assert lost >= least


def are_idle(session):
    """All of its processes wait, and still do a moment later: a checkpoint's name is seen before its fsync is over."""
    def states():
        listed = subprocess.run(["ps", "-L", "-o", "s=", "-s", str(session)], capture_output=True, text=True, check=True)
        return set(listed.stdout.split())

    if states() != {"S"}:
        return False
    time.sleep(0.2)
    return states() == {"S"}


@pytest.mark.parametrize("compress", [quick, zstd], ids=["gzip", "zstd"])
def test_a_pull_goes_on_after_the_power_went(disk, expected, compress):  # noqa: F811
    layout = Layout(LAYER, SMALL, compress=compress)
    server, store = Server(layout), Store(os.path.join(disk.place, "root"))
    server.stop = len(layout.blobs[0]) // 2
    process = start(store, server.reference)
    world.wait_until(lambda: stamped(store), "a checkpoint", 30)
    world.wait_until(lambda: are_idle(process.pid), "it to wait for the rest", 30)
    kill(process)
    disk.lose_power()
    assert stamped(store) and store.names() == {}
    server.stop = None
    store.pull(server.reference)
    assert len(server.ranges) == 2 and server.ranges[1] > 3_000_000
    check(store, layout, expected)
    server.hang_up.set()
    server.shutdown()
