# SPDX-License-Identifier: Apache-2.0
"""System calls that fail (a broken or read-only disk, no descriptors, no memory): one line says what, docker's exit code
says so, and nothing is half made. (A full disk: test_full_disk.py; kill -9: test_power.py.)"""

import errno
import os
import subprocess

import pytest

import world

CHANGES = ["openat", "write", "fsync", "mkdirat", "rename,renameat,renameat2", "symlinkat,symlink", "fchmodat"]
POINTS_MAX = 80  # of one kind that a command may have: more are not tried


def failing(call, error, number):
    return ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"]


def sweep(moor, command, error, check, calls=(*CHANGES, "unlinkat")):
    """Runs the command once for each of its calls, which fails; `check(code, stderr)` each time. Returns how many failed."""
    failed = 0
    for call in calls:
        for number in range(1, POINTS_MAX):
            done = moor.run(*failing(call, error, number), os.path.join(moor.names, "docker"), *command, code=None, timeout=30)
            assert done.returncode in (0, 1, 125), (call, number, done)
            failed += done.returncode != 0
            check(done.returncode, done.stderr)
            if done.returncode == 0 and is_past(moor, call, number, command, check):
                break
    return failed


def is_past(moor, call, number, command, check):
    """Whether the command makes fewer such calls: a failure that does not matter is no end of them."""
    log = os.path.join(moor.directory, "calls")
    done = moor.run("strace", "-qq", "-o", log, "-e", f"trace={call}", os.path.join(moor.names, "docker"), *command, code=None)
    check(done.returncode, done.stderr)
    with open(log) as lines:
        return sum("(" in line for line in lines) < number


def listed(moor):
    return {name: sorted(os.listdir(os.path.join(moor.root, name))) for name in ("containers", "names", "volumes")}


@pytest.mark.parametrize("error", ["EIO", "EMFILE"])
def test_a_container_is_made_or_not(moor, busybox, error):
    moor.docker("volume", "create", "first")
    before = listed(moor)

    def check(code, stderr):
        assert stderr.count("\n") <= 1 and (code == 0 or os.strerror(getattr(errno, error)).lower() in stderr.lower())
        if code == 0 or "/dev/stdout" in stderr:  # it is there, and its ID could not be told
            moor.docker("rm", "one")
        moor.docker("volume", "rm", "-f", "vol")  # is there before the container is
        moor.docker("ps", "-a")
        assert listed(moor) == before

    assert sweep(moor, ["create", "--name", "one", "-v", "vol:/data", busybox, "true"], error, check) > 20


@pytest.mark.parametrize("error", ["EIO", "ENFILE"])
def test_a_container_that_was_said_to_be_removed_is(moor, busybox, error):
    moor.docker("create", "--name", "one", busybox, "true")

    def check(code, stderr):
        assert stderr.count("\n") <= 1 and bool(stderr) == (code != 0), stderr
        is_there = moor.docker("ps", "-aq").stdout != ""
        assert not (is_there and code == 0)
        if not is_there:
            moor.docker("create", "--name", "one", busybox, "true")

    assert sweep(moor, ["rm", "-f", "one"], error, check, ["openat", "unlinkat", "rename,renameat", "fsync"]) > 15


READ_ONLY = [
    ["create", "busybox:test", "true"], ["run", "--rm", "busybox:test", "true"], ["start", "old"], ["rename", "old", "new"],
    ["rm", "old"], ["update", "--restart", "always", "old"], ["volume", "create", "vol"], ["volume", "rm", "first"],
    ["network", "create", "net"], ["network", "rm", "first"], ["tag", "busybox:test", "other:1"], ["rmi", "-f", "busybox:test"],
    ["load", "-i", "IMAGE"], ["import", "IMAGE"], ["commit", "old", "other:1"], ["cp", "IMAGE", "old:/x"], ["image", "prune", "-f"],
    ["container", "prune", "-f"],
]


@pytest.mark.parametrize("how", ["ro", "abort"])
def test_a_read_only_store_is_named(moor, busybox_tar, tmp_path, how):
    """Mounted so, or ext4 has met an error: the message says which file system it is."""
    with world.mounted(str(tmp_path / "disk"), "ext4", "24M") as disk:
        moor.root = moor.env["MOORING_ROOT"] = os.path.join(disk, "root")
        moor.docker("load", "-i", busybox_tar)
        moor.docker("create", "--name", "old", "--network", "none", "busybox:test", "true")
        moor.docker("volume", "create", "first")
        moor.docker("network", "create", "first")
        subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)
        for command in READ_ONLY:
            words = [busybox_tar if word == "IMAGE" else word for word in command]
            failed = moor.docker(*words, code=125 if words[0] == "run" else 1, timeout=30)
            assert failed.stderr.split("\n")[0].endswith(f"ead-only file system ({disk} is mounted read-only: see dmesg)"), (
                command, failed.stderr)
        assert moor.docker("ps", "-a", "--format", "{{.Names}}").stdout == "old\n"


def test_no_memory_for_a_word_to_the_monitor(moor, busybox):
    """The client's `detach`, and its network namespace for the container: not heard, the one means stop, the other wait."""
    log = os.path.join(moor.directory, "calls")
    moor.run("strace", "-qq", "-o", log, "-e", "trace=sendto", "-e", "inject=sendto:error=ENOBUFS:when=1",
             os.path.join(moor.names, "docker"), "run", "-d", "--name", "told", "--network", "none", busybox, "sleep", "600", timeout=30)
    with open(log) as lines:
        said = [line.strip() for line in lines if "detach" in line]
    assert len(said) == 2 and "ENOBUFS" in said[0] and said[1].endswith(" = 15"), said
    moor.run(*failing("sendmsg", "ENOMEM", 1), os.path.join(moor.names, "docker"), "run", "-d", "--name", "own", busybox,
             "sleep", "600", timeout=30)
    moor.docker("exec", "own", "true")
