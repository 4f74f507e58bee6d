# SPDX-License-Identifier: Apache-2.0
"""The test runner must notice what is left behind: tested by leaving things behind."""

import contextlib
import os
import re
import subprocess
import sys
import uuid

import pytest

import world
from world import leftovers


def run(*argv):
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)


@contextlib.contextmanager
def undone(make, undo):
    run(*make)
    try:
        yield
    finally:
        run(*undo)


def left(name):
    return [thing for thing in leftovers.snapshot() if name in thing]


NAME = "mrgtest" + uuid.uuid4().hex[:6]
CGROUP = next(directory for directory in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids",
                                          "/sys/fs/cgroup") if os.path.isdir(directory))


@pytest.mark.parametrize("kind,make,undo", [
    ("network device", ["ip", "link", "add", NAME, "type", "bridge"], ["ip", "link", "del", NAME]),
    # Only its name: `ip netns add` would leave a mount of its own.
    ("network namespace", ["sh", "-c", f"mkdir -p /run/netns && touch /run/netns/{NAME}"],
     ["rm", f"/run/netns/{NAME}"]),
    ("nftables table", ["nft", "add", "table", "ip", NAME], ["nft", "delete", "table", "ip", NAME]),
    ("cgroup", ["mkdir", f"{CGROUP}/{NAME}"], ["rmdir", f"{CGROUP}/{NAME}"]),
])
def test_snapshot_sees(kind, make, undo):
    assert not left(NAME)
    with undone(make, undo):
        assert any(thing.startswith(kind) for thing in left(NAME))
    assert not left(NAME)


def test_new_since_sees_mounts(tmp_path):
    def mounts_here():
        return [thing for thing in leftovers.new_since(before, seconds=0) if str(tmp_path) in thing]

    before = leftovers.snapshot()
    with world.mounted(str(tmp_path / "mount")) as directory:
        assert mounts_here() == ["mount " + directory]
    assert mounts_here() == []


def test_store_sees_processes(tmp_path):
    moor = world.Mooring(tmp_path)
    process = moor.start("sleep", "1000")
    assert any("sleep 1000" in thing for thing in moor.leftovers(0))
    process.kill()
    process.communicate()
    assert moor.leftovers(0) == []


FAKE = """
import importlib.machinery, importlib.util, subprocess, sys
loader = importlib.machinery.SourceFileLoader("runner", sys.argv.pop(1))
runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
loader.exec_module(runner)
def plain(count, _):
    count.check(True, "fine")
    {suite}
runner.SUITES["plain"] = plain
runner.leftovers.snapshot = set
runner.main()
"""
DETACH = """subprocess.run(["setsid", "-f", "sleep", "1000"], check=True)"""


def run_runner(suite):
    return subprocess.run([sys.executable, "-c", FAKE.format(suite=suite),
                           os.path.join(world.TESTS, "run"), "plain"], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


def test_runner_passes():
    done = run_runner("pass")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "3 passed, 0 failed"


def test_runner_finds_and_ends_a_detached_process():
    done = run_runner(DETACH)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed"
    pid = int(re.search(r"left behind: process (\d+) \(sleep 1000\)", done.stdout)[1])
    world.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the process to be killed")


def test_runner_that_breaks_fails():
    done = run_runner("raise SystemExit(0)")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].endswith(" failed")
    assert not done.stdout.endswith(" 0 failed\n")


def test_a_worker_that_breaks_fails_the_run(tmp_path):
    (tmp_path / "test_x.py").write_text("")
    done = run_runner(f"runner.TESTS = '/nowhere'; runner.pytest_in_parts(count, 'build', {str(tmp_path)!r})")
    assert done.returncode == 1 and not done.stdout.endswith(" 0 failed\n")


def test_a_failed_check_fails_the_run():
    done = run_runner("count.check(False, 'broken thing')")
    assert done.returncode == 1
    assert "FAILED broken thing" in done.stdout


AGAIN = """
import os
import pytest
seen = {seen!r}

def test_passes():
    pass

@pytest.mark.parametrize("name", ["a b[c]"])
def test_races(name):
    with open(seen, "a+") as file:
        assert file.tell() > 0 or not file.write("seen")

@pytest.mark.parametrize("number", range({broken}))
def test_is_broken(number):
    assert False
"""


@pytest.mark.parametrize("broken", [1, 6])
def test_what_fails_is_run_once_more_alone(tmp_path, broken):
    """A race is told from a failure, and named; unless so much fails that it is none."""
    (tmp_path / "build").mkdir()
    (tmp_path / "test_x.py").write_text(AGAIN.format(seen=str(tmp_path / "seen"), broken=broken))
    done = run_runner(f"runner.pytest_in_parts(count, {str(tmp_path / 'build')!r}, {str(tmp_path)!r})")
    assert done.returncode == 1
    unstable = [line for line in done.stdout.splitlines() if line.startswith("UNSTABLE")]
    assert len(unstable) == (1 if broken == 1 else 0) and all("test_races[a b[c]]" in name for name in unstable)
    failed = [line for line in done.stdout.splitlines() if line.startswith(f"FAILED {tmp_path}/build: ")]
    assert len([name for name in failed if "test_is_broken" in name]) == broken
    assert done.stdout.splitlines()[-1] == ("5 passed, 1 failed" if broken == 1 else "4 passed, 7 failed")


@pytest.mark.parametrize("command,status", [
    ("exit 0", 0), ("exit 7", 7), (f"ip link add {NAME} type bridge", 99), ("mount -t tmpfs tmpfs .", 99),
    (f"nft add table ip {NAME}; exit 3", 3),
])
def test_a_part_leaves_nothing(tmp_path, command, status):
    """In namespaces of its own; what is left there is told, and gone with them."""
    part = subprocess.run([os.path.join(world.TESTS, "part"), "sh", "-c", command], capture_output=True, text=True,
                          cwd=tmp_path)
    assert part.returncode == status, part
    assert ("left behind: " in part.stdout) == (command not in ("exit 0", "exit 7"))
    assert not left(NAME) and not left(str(tmp_path))
