# SPDX-License-Identifier: Apache-2.0
"""The machine goes down and comes up: what stops, what starts again, and what the services say."""

import contextlib
import glob
import os
import shutil
import signal
import subprocess

import pytest

import leftovers
import world
from world import wait_until

POLICIES = ["no", "on-failure", "unless-stopped", "always"]


def state(moor, name):
    return moor.docker("inspect", "-f", "{{.State.Status}}", name).stdout.strip()


def states(moor, names):
    return {name: state(moor, name) for name in names}


def run(moor, image, name, policy, *command):
    moor.docker("run", "-d", "--network", "none", "--name", name, "--restart", policy, "--stop-signal", "KILL", image,
                *(command or ("sleep", "600")))


def running(moor):
    """The processes of all that runs, by their containers."""
    ids = moor.docker("ps", "-q", "--no-trunc").stdout.split()
    pids = moor.docker("inspect", "-f", "{{.State.Pid}}", *ids).stdout.split() if ids else []
    return {container: pid for container, pid in zip(ids, pids) if pid != "0"}  # 0: it has ended just now


def lose_power(moor, lost=None):
    """What is left after the lights went out: the disk. Monitors, processes and /run are gone, and nobody took notes."""
    lost = running(moor) if lost is None else lost
    pids = lost.values()
    for pid in pids:
        os.kill(world.parent(pid), signal.SIGKILL)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
        wait_until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the process to be gone")
    shutil.rmtree(moor.run_dir)
    for container in lost:  # control groups are no more on the disk than /run is
        for group in glob.glob(f"{leftovers.CGROUPS}/*/docker/{container}") + glob.glob(f"{leftovers.CGROUPS}/docker/{container}"):
            os.rmdir(group)


@pytest.fixture
def fleet(moor, busybox):
    """A running, a stopped, a failed and a never started container of every policy."""
    for policy in POLICIES:
        run(moor, busybox, f"runs-{policy}", policy)
        run(moor, busybox, f"stopped-{policy}", policy)
        moor.docker("create", "--network", "none", "--name", f"created-{policy}", "--restart", policy, busybox, "true")
    moor.docker("stop", *[f"stopped-{policy}" for policy in POLICIES])
    return moor


def expected(policy, before):
    """The table of docker-cli.md, 6.2."""
    if before == "created":
        return "created"
    starts = {"runs": {"on-failure", "unless-stopped", "always"}, "stopped": {"on-failure", "always"}}
    return "running" if policy in starts[before] else "exited"


@pytest.mark.parametrize("ending", ["shutdown", "power cut"])
def test_what_comes_up_again(fleet, ending):
    if ending == "shutdown":
        fleet.mooring("shutdown")
        assert fleet.docker("ps", "-q").stdout == ""
        shutil.rmtree(fleet.run_dir)
    else:
        lose_power(fleet)
    fleet.mooring("boot")
    wanted = {f"{before}-{policy}": expected(policy, before)
              for policy in POLICIES for before in ("runs", "stopped", "created")}
    assert states(fleet, wanted) == wanted


def test_boot_is_once(moor, busybox):
    """The service started by hand a second time brings nothing back that was stopped since."""
    run(moor, busybox, "c", "always")
    moor.mooring("shutdown")
    moor.mooring("boot")
    assert state(moor, "c") == "running"
    moor.docker("stop", "c")
    moor.mooring("boot")
    assert state(moor, "c") == "exited"
    moor.mooring("shutdown")
    moor.mooring("boot")
    assert state(moor, "c") == "running"


@pytest.mark.parametrize("verb, call", [("boot", "bind"), ("boot", "unlinkat"), ("shutdown", "fork,clone")])
def test_killed_in_the_middle(moor, busybox, verb, call):
    """The service manager's next try goes on: what was to come up again does."""
    for name in ("a", "b"):
        run(moor, busybox, name, "unless-stopped")
    moor.mooring("boot")
    if verb == "boot":
        moor.mooring("shutdown")
    cut = moor.run("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when=2",
                   os.path.join(world.BUILD, "cli", "mooring"), verb, code=None)
    assert cut.returncode
    if verb == "shutdown":
        wait_until(lambda: state(moor, "a") == "exited", "the one that it had begun with")
    moor.mooring("boot")
    assert states(moor, "ab") == {"a": "running", "b": "running"}
    moor.docker("stop", "b")
    moor.mooring("boot")
    assert states(moor, "ab") == {"a": "running", "b": "exited"}


def test_what_could_not_be_started_is_tried_again(moor, busybox, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    run(moor, busybox, "good", "always")
    moor.docker("run", "-d", "--network", "none", "--name", "bad", "--restart", "always", "--stop-signal", "KILL", "--mount",
                f"type=bind,source={source},target=/x", busybox, "sleep", "600")
    moor.mooring("shutdown")
    source.rmdir()
    assert "bad is not started: " in moor.mooring("boot", code=1).stderr
    assert state(moor, "good") == "running"
    source.mkdir()
    moor.mooring("boot")
    assert states(moor, ["good", "bad"]) == {"good": "running", "bad": "running"}


def test_boot_in_order_and_past_a_broken_one(moor, busybox):
    for name in ("a", "b", "c"):
        run(moor, busybox, name, "always")
    ids = {name: moor.docker("inspect", "-f", "{{.Id}}", name).stdout.strip() for name in "abc"}
    moor.mooring("shutdown")
    with open(os.path.join(moor.root, "containers", ids["b"], "options.json"), "w") as file:
        file.write("{")
    told = moor.mooring("boot", code=0)
    assert ids["b"][:12] in told.stderr
    started = [moor.docker("inspect", "-f", "{{.State.StartedAt}}", name).stdout for name in "ac"]
    assert states(moor, "ac") == {"a": "running", "c": "running"} and started == sorted(started)


def test_one_that_cannot_start_is_told(moor, busybox, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    moor.docker("run", "-d", "--network", "none", "--name", "bad", "--restart", "always", "--stop-signal", "KILL", "--mount",
                f"type=bind,src={source},dst=/x", busybox, "sleep", "600")
    run(moor, busybox, "good", "always")
    moor.mooring("shutdown")
    source.rmdir()
    told = moor.mooring("boot", code=1)
    assert "bad is not started: " in told.stderr and str(source) in told.stderr
    assert state(moor, "good") == "running"


def test_only_root(moor):
    refused = subprocess.run([os.path.join(world.BUILD, "cli", "mooring"), "boot"], capture_output=True, text=True,
                             preexec_fn=lambda: os.setuid(54321))
    assert (refused.returncode, refused.stderr) == (1, "mooring boot: only root can do this (sudo)\n")


def test_shutdown_is_parallel(moor, busybox, tmp_path):
    """Each waits, once it is told to stop, for the others to be told too."""
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    wait = "touch /m/$0; while [ $(ls /m | wc -l) -lt 3 ]; do sleep 0.02; done; exit 0"
    for name in ("a", "b", "c"):
        moor.docker("run", "-d", "--network", "none", "--name", name, "-v", f"{meeting}:/m", busybox, "sh", "-c",
                    f"trap '{wait}' TERM; echo up; while :; do sleep 0.05; done", name)
        wait_until(lambda name=name: moor.docker("logs", name).stdout, "its trap")
    moor.mooring("shutdown")
    assert moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "a", "b", "c").stdout == "exited 0\n" * 3
