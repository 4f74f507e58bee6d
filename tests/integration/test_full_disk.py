# SPDX-License-Identifier: Apache-2.0
"""A container has filled the disk of MOORING_ROOT: it is seen to end, stopped, killed, removed."""

import json
import os
import subprocess
import tarfile

import pytest

import world

SIZE = "24M"
FILL = "cat /dev/zero > /x 2> /tmp/why; cat /dev/zero > /y 2> /tmp/why2; "


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request, tmp_path_factory):
    with world.mounted(str(tmp_path_factory.mktemp("full") / "disk"), request.param, SIZE) as directory:
        yield directory


@pytest.fixture
def full(moor, busybox_tar, disk):
    """A store on a small disk, with an image."""
    moor.root = moor.env["MOORING_ROOT"] = os.path.join(disk, "root")
    moor.docker("load", "-i", busybox_tar)
    yield moor
    moor.clean_up()


def start(moor, name, *options, network="none"):
    """One that runs on with the disk full."""
    container = moor.docker("run", "-d", "--name", name, "--network", network, *options, "busybox:test", "sh", "-c",
                            FILL + "echo full > /dev/shm/full; while :; do sleep 1; done").stdout.strip()
    world.wait_until(lambda: moor.docker("exec", name, "cat", "/dev/shm/full", code=None).stdout == "full\n", "a full disk")
    with pytest.raises(OSError, match="No space left"):
        with open(os.path.join(moor.root, "probe"), "wb") as probe:
            probe.write(bytes(1 << 16))
    os.unlink(os.path.join(moor.root, "probe"))
    return container


def state(moor, name):
    return json.loads(moor.docker("inspect", name).stdout)[0]["State"]


def test_stop_and_remove(full):
    for policy in ("unless-stopped", "always", "on-failure", "no"):
        container = start(full, "z", "--restart", policy, "--stop-timeout", "0")
        full.docker("stop", "z")
        assert (state(full, "z")["Status"], state(full, "z")["ExitCode"]) == ("exited", 137)
        if policy != "no":  # what `boot` reads
            with open(os.path.join(full.root, "containers", container, "restart")) as file:
                assert file.read().split() == ["no", "user"]
        full.docker("rm", "z")
        start(full, "z", "--restart", policy)
        full.docker("kill", "z")
        world.wait_until(lambda: state(full, "z")["Status"] == "exited", "its end")
        full.docker("rm", "z")
        start(full, "z", "--restart", policy, "-p", "127.0.0.1::80", "-v", "data:/data", network="bridge")
        full.docker("rm", "-f", "z")
    assert full.docker("ps", "-aq").stdout == ""


def test_remove_without_inodes(moor, busybox_tar, tmp_path_factory):
    """Not a file more can be made, also no lock; what cannot be done is refused with nothing half-made."""
    with world.mounted(str(tmp_path_factory.mktemp("few") / "disk"), "tmpfs", SIZE + ",nr_inodes=1000") as directory:
        moor.root = moor.env["MOORING_ROOT"] = os.path.join(directory, "root")
        moor.docker("load", "-i", busybox_tar)
        try:
            for name in ("one", "two"):
                moor.docker("run", "-d", "--name", name, "--network", "none", "busybox:test", "sleep", "60")
            files = 0
            with pytest.raises(OSError, match="No space left"):
                while files < 1000:
                    open(os.path.join(directory, f"f{files}"), "wb").close()
                    files += 1
            assert "No space left" in moor.docker("rename", "two", "three", code=1).stderr
            moor.docker("rm", "-f", "one")
            assert moor.docker("ps", "-a", "--format", "{{.Names}}").stdout == "two\n"
            moor.docker("rm", "-f", "two")
            assert os.listdir(os.path.join(moor.root, "names")) == []
        finally:
            moor.clean_up()


def test_update_is_whole_or_not_at_all(full):
    """What cannot be written down does not hold either: neither limits nor the policy; and it can be stopped."""
    def now():
        limits = full.docker("exec", "z", "sh", "-c", "cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory/memory.limit_in_bytes "
                             "/sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max 2>/dev/null || true").stdout
        with open(os.path.join(full.root, "containers", container, "restart")) as file:
            return limits, file.read(), full.docker("inspect", "-f", "{{.HostConfig}}", "z").stdout
    container = start(full, "z", "--restart", "always", "--stop-timeout", "0")
    before = now()
    with open(os.path.join(full.root, "rest"), "wb", buffering=0) as rest:  # of what is left for root, or for small files
        with pytest.raises(OSError, match="No space left"):
            while True:
                rest.write(bytes(512))
    for change in (["--restart", "no"], ["--pids-limit", "77"], ["--memory", "64m", "--restart", "unless-stopped"]):
        failed = full.docker("update", *change, "z", code=1)
        assert "No space left on device" in failed.stderr and failed.stderr.count("\n") == 1 and failed.stdout == ""
        assert now() == before
    full.docker("stop", "z")
    full.docker("rm", "z")


def test_stopped_by_hand_stays_so_at_boot(full):
    start(full, "z", "--restart", "unless-stopped", "--stop-timeout", "0")
    full.docker("stop", "z")
    full.mooring("boot")
    assert state(full, "z")["Status"] == "exited"


def test_nothing_can_be_overwritten(moor, busybox):
    """As on file systems that write every byte to a new place: it is stopped all the same."""
    moor.docker("run", "-d", "--name", "z", "--network", "none", "--restart", "always", busybox, "sleep", "1000")
    moor.run("strace", "-qq", "-o", "/dev/null", "-e", "inject=fsync,pwrite64:error=ENOSPC", os.path.join(moor.names, "docker"),
             "stop", "-t", "0", "z")
    assert state(moor, "z")["Status"] == "exited"


def test_exit_code(full):
    """Of one that fills the disk and ends: its client gets it, and so does who asks later."""
    run = ("run", "--name", "f", "--network", "none")
    full.docker(*run, "busybox:test", "sh", "-c", FILL + "exit 7", code=7)
    assert (state(full, "f")["Status"], state(full, "f")["ExitCode"]) == ("exited", 7)
    assert full.docker("wait", "f").stdout == "7\n"
    full.docker("start", "-a", "f", code=7)  # on the disk that is full already
    assert state(full, "f")["ExitCode"] == 7
    full.docker("rm", "f")
    full.docker(*run, "-d", "--restart", "on-failure:2", "busybox:test", "sh", "-c", FILL + "exit 9")
    world.wait_until(lambda: state(full, "f")["Status"] == "exited", "its last end")
    assert (state(full, "f")["ExitCode"], json.loads(full.docker("inspect", "f").stdout)[0]["RestartCount"]) == (9, 2)
    full.docker("rm", "f")
    full.docker(*run, "-d", "--restart", "always", "busybox:test", "sh", "-c", FILL + "exit 9")
    world.wait_until(lambda: state(full, "f")["Status"] == "restarting", "the pause before a restart")
    full.docker("stop", "-t", "0", "f")
    assert state(full, "f")["Status"] == "exited" and state(full, "f")["ExitCode"] in (9, 137)  # it may run again by now
    full.docker("rm", "f")


def test_commit_says_why(full):
    """The one who reads the archive of the changes finds no room for them, half-way."""
    full.docker("run", "--name", "c", "--network", "none", "busybox:test", "busybox", "dd", "if=/dev/urandom", "of=/x",
                "bs=1M", "count=14")
    refused = full.docker("commit", "c", "new", code=1).stderr
    assert f"no space left on device (make room on {os.path.dirname(full.root)}: see df and df -i)" in refused and refused.count("\n") == 1
    assert full.docker("images", "-q").stdout.count("\n") == 1


@pytest.mark.parametrize("what", ["run", "root"])
def test_the_full_one_is_named(moor, busybox, tmp_path, what):
    """One line: the file's whole path, and where its file system is mounted; the container comes once there is room."""
    place = moor.run_dir if what == "run" else os.path.join(moor.root, "containers")
    os.makedirs(place, exist_ok=True)
    with world.mounted(place, "tmpfs", "128k") as directory:
        with open(os.path.join(directory, "rest"), "wb", buffering=0) as rest:
            with pytest.raises(OSError, match="No space left"):
                while True:
                    rest.write(bytes(4096))
        try:
            failed = moor.docker("run", "--name", "z", busybox, "true", code=125).stderr.splitlines()[0]
            path = failed.split(": No space left on device")[0].split(" ")[-1]
            assert path.startswith(directory + "/")
            assert failed.endswith(f": No space left on device (make room on {directory}: see df and df -i)")
            os.unlink(os.path.join(directory, "rest"))
            moor.docker("rm", "-f", "z", code=None)
            moor.docker("run", "--rm", "--name", "z", busybox, "true")
        finally:
            moor.clean_up()


def test_the_full_one_is_named_by_what_copies(moor, busybox, busybox_tar, tmp_path):
    """import, load and cp - fill the store's file system, save, export and compose the one that they write to: which is said in one line,
    and what was there stays."""
    (tmp_path / "big").write_bytes(os.urandom(12 << 20))
    with tarfile.open(tmp_path / "big.tar", "w") as archive:
        archive.add(tmp_path / "big", "big")
    (tmp_path / "compose.yaml").write_text("services: {a: {image: x, labels: {l: %s}}}\n" % ("y" * 70000))
    moor.docker("create", "--name", "c", "--network", "none", busybox)

    def refused(place, *command, said="o space left on device", **options):
        why = moor.docker(*command, code=1, cwd=tmp_path, **options).stderr
        assert said in why and why.endswith(f"(make room on {place}: see df and df -i)\n") and why.count("\n") == 1, (command, why)
    with world.mounted(str(tmp_path / "small"), "tmpfs", "64k") as small:
        old = os.path.join(small, "old")
        with open(old, "w") as file:
            file.write("old")
        for command in (("save", "-o", old, busybox), ("export", "-o", old, "c"), ("save", "-o", small + "/new", busybox)):
            refused(small, *command)
        with open(os.path.join(small, "out"), "w") as out:
            why = subprocess.run([os.path.join(moor.names, "docker"), "export", "c"], env=moor.env, stdout=out, stderr=subprocess.PIPE, text=True)
        assert why.returncode == 1 and why.stderr.endswith(f"No space left on device (make room on {small}: see df and df -i)\n")
        assert open(old).read() == "old" and sorted(os.listdir(small)) == ["old", "out"]
        os.unlink(os.path.join(small, "out"))
        refused(small, "compose", "config", "--no-interpolate", "-o", os.path.join(small, "out"))
    with world.mounted(str(tmp_path / "disk"), "tmpfs", "10M") as disk:
        moor.env["MOORING_ROOT"] = os.path.join(disk, "root")
        try:
            moor.docker("load", "-i", busybox_tar)
            moor.docker("create", "--name", "d", "--network", "none", busybox)
            refused(disk, "import", "big.tar", "new:1")
            with open(tmp_path / "big.tar") as archive:
                refused(disk, "cp", "-", "d:/", input=None, stdin=archive)
            assert moor.docker("images", "-q").stdout.count("\n") == 1
            refused(disk, "cp", "big", "d:/")
            moor.docker("rm", "d")
        finally:
            moor.env["MOORING_ROOT"] = moor.root


def test_images_are_removed(full):
    """It is how such a disk is freed: names go, then images, however many names there are."""
    def fill():
        with open(os.path.join(full.root, "rest"), "wb", buffering=0) as rest:
            for size in (1 << 20, 512):
                with pytest.raises(OSError, match="No space left"):
                    while True:
                        rest.write(bytes(size))
    names = [f"registry.example.com/some/where/on/the/gateway/component-{i}:1" for i in range(40)]
    for name in names:
        full.docker("tag", "busybox:test", name)
    assert os.path.getsize(os.path.join(full.root, "images", "names.json")) > 4096
    fill()
    assert "o space left" in full.docker("tag", "busybox:test", "another:1", code=1).stderr
    for name in (names[0], names[1]):  # nothing is freed in between
        assert full.docker("rmi", name).stdout == f"Untagged: {name}\n"
        fill()
    full.docker("rmi", *names[2:])
    fill()
    assert "Deleted: sha256:" in full.docker("image", "prune", "-a", "-f").stdout.replace("deleted", "Deleted")
    assert full.docker("images", "-aq").stdout == "" and os.listdir(os.path.join(full.root, "layers")) == []
    os.unlink(os.path.join(full.root, "rest"))


def test_what_is_shown_does_not_fit(moor):
    for words in (["version"], ["--version"], ["images"], ["info"], ["ps", "--help"]):
        with open("/dev/full", "w") as full:
            shown = moor.docker(*words, code=1, capture_output=False, stdout=full, stderr=subprocess.PIPE)
        assert shown.stderr == "write /dev/stdout: no space left on device\n"
    moor.docker("ps", capture_output=False, stdout=subprocess.DEVNULL)


def test_stop_where_nothing_can_be_written(moor, busybox_tar, tmp_path):
    """ext4 has met an error and is read-only: a container that would be started again can be stopped all the same."""
    with world.mounted(str(tmp_path / "disk"), "ext4", SIZE) as disk:
        moor.root = moor.env["MOORING_ROOT"] = os.path.join(disk, "root")
        moor.docker("load", "-i", busybox_tar)
        for name in ("stopped", "killed", "removed"):
            moor.docker("run", "-d", "--name", name, "--network", "none", "--restart", "always", "--stop-timeout", "0",
                        "busybox:test", "sleep", "600")
        pids = [state(moor, name)["Pid"] for name in ("stopped", "killed", "removed")]
        subprocess.run(["mount", "-o", "remount,abort", disk], check=True)
        for verb, name, code in ((["stop"], "stopped", 0), (["kill"], "killed", 0), (["rm", "-f"], "removed", 1)):
            done = moor.docker(*verb, name, code=code, timeout=30)
            assert "write the restart policy" in done.stderr and "ead-only file system" in done.stderr
        for pid in pids:
            world.wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the end of each")
        moor.clean_up()
