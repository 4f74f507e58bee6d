# SPDX-License-Identifier: Apache-2.0
"""Restart policies: containers that come again, and who may stop that."""

import os
import signal

import pytest

from world import wait_until

NO_NETWORK = ("--network", "none")
FAILS = ("sh", "-c", "echo run; exit 4")


@pytest.fixture
def run(moor, busybox):
    """docker run -d --name c of the busybox image with a policy: run(policy, command=[…])."""
    def run(policy, *options, command=("sleep", "60")):
        moor.docker("run", "-d", *NO_NETWORK, "--name", "c", "--restart", policy, *options, busybox, *command)
    return run


@pytest.fixture
def state(moor):
    def state(template="{{.State.Status}}"):
        return moor.docker("inspect", "-f", template, "c").stdout.strip()
    return state


@pytest.fixture
def pid(state):
    return lambda: int(state("{{.State.Pid}}"))


def runs(moor):
    return moor.docker("logs", "c").stdout.count("run\n")


@pytest.mark.parametrize("policy,text", [
    ("bogus", "invalid restart policy 'bogus'"),
    ("always:3", "maximum retry count cannot be used with restart policy 'always'"),
    ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
    ("on-failure:", "maximum retry count must be an integer"),
    ("on-failure:-1", "maximum retry count cannot be negative"),
    ("x" * 300, "invalid restart policy 'xxx"),
])
def test_refused_policies(moor, busybox, policy, text):
    refused = moor.docker("run", "-d", *NO_NETWORK, "--restart", policy, busybox, "true", code=125)
    assert text in refused.stderr
    assert moor.docker("ps", "-aq").stdout == ""


def test_on_failure_gives_up(run, moor, state):
    run("on-failure:2", command=FAILS)
    wait_until(lambda: state() == "exited", "the last end")
    assert state("{{.RestartCount}} {{.State.ExitCode}} {{.State.Running}}") == "2 4 false"
    assert state("{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}") == "on-failure 2"
    assert runs(moor) == 3


def test_success_is_no_failure(run, moor, state):
    run("on-failure", command=("sh", "-c", "echo run"))
    wait_until(lambda: state() == "exited", "the end")
    assert runs(moor) == 1


def test_state_between_two_runs(run, moor, state):
    run("always", command=FAILS)
    wait_until(lambda: state() == "restarting" and int(state("{{.RestartCount}}")) >= 4, "a long pause")
    assert state("{{.State.Running}} {{.State.Restarting}} {{.State.Pid}}") == "true true 0"
    listed = moor.docker("ps", "--format", "{{.Status}}", "-f", "status=restarting").stdout
    assert listed.startswith("Restarting (4) ") and listed.endswith(" ago\n")
    refused = moor.docker("rm", "c", code=1)
    assert "You cannot remove a restarting container" in refused.stderr
    assert "is restarting, wait until the container is running" in moor.docker("pause", "c", code=1).stderr


def test_a_pause_given_up_counts(run, moor, state):
    """Another policy ends the pause: the count stays what it was."""
    run("always", command=FAILS)
    wait_until(lambda: state("{{.State.Status}} {{.RestartCount}}") == "restarting 5", "a long pause")
    moor.docker("update", "--restart", "no", "c")
    wait_until(lambda: state() == "exited", "the end")
    assert (state("{{.RestartCount}}"), runs(moor)) == ("5", 5)


@pytest.mark.parametrize("verb", [("stop",), ("kill",), ("kill", "-s", "TERM"), ("stop", "-t", "0")])
def test_stopped_for_good(run, moor, state, verb):
    """Between two runs and within one."""
    run("always", command=("sh", "-c", "echo run; sleep 0.1; exit 4"))
    wait_until(lambda: runs(moor) >= 2, "a second run")
    moor.docker(*verb, "c")
    wait_until(lambda: state() == "exited", "the end")
    done = runs(moor)
    moor.docker("wait", "c")
    assert (runs(moor), state()) == (done, "exited")


@pytest.mark.parametrize("verb", [("kill",), ("kill", "-s", "TERM")])
def test_stopped_between_two_runs(run, moor, state, verb):
    """There is no process to be signalled: its next run is given up, and that is success."""
    run("always", command=FAILS)
    wait_until(lambda: state() == "restarting" and int(state("{{.RestartCount}}")) >= 4, "a long pause")
    moor.docker(*verb, "c")
    wait_until(lambda: state() == "exited", "the end, if it is running again by now")
    refused = moor.docker("kill", "c", code=1)
    assert "is not running" in refused.stderr


def test_a_dead_process_is_replaced(run, pid):
    run("unless-stopped")
    first = pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pid() not in (0, first), "another process")


def test_start_rearms(run, moor, state, pid):
    run("always")
    moor.docker("stop", "-t", "0", "c")
    assert state() == "exited"
    moor.docker("start", "c")
    first = pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pid() not in (0, first), "another process")
    assert state("{{.RestartCount}}") == "1"
    moor.docker("restart", "-t", "0", "c")
    assert state("{{.State.Status}} {{.RestartCount}}") == "running 0"


def test_start_ends_the_pause(run, moor, state):
    run("always", command=("sh", "-c", "test -e /again && sleep 60; touch /again; exit 1"))
    wait_until(lambda: state() in ("restarting", "running"), "the first end")
    moor.docker("start", "c")
    wait_until(lambda: state() == "running", "the second run")


def test_attached_run_returns_the_first_end(moor, busybox, state):
    done = moor.docker("run", *NO_NETWORK, "--name", "c", "--restart", "always", busybox,
                       "sh", "-c", "echo run; exit 5", code=5)
    assert done.stdout == "run\n"
    wait_until(lambda: runs(moor) >= 3, "more runs")
    moor.docker("rm", "-f", "c")


def test_wait_returns_at_the_next_end(run, moor):
    run("always", command=("sh", "-c", "sleep 0.2; exit 6"))
    assert moor.docker("wait", "c").stdout == "6\n"


def test_notices_cancel_nothing(run, moor, pid):
    run("always")
    moor.docker("kill", "-s", "HUP", "c")
    first = pid()
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: pid() not in (0, first), "another process")


def test_rename(moor, busybox):
    moor.docker("create", *NO_NETWORK, "--name", "one", busybox, "true")
    moor.docker("create", *NO_NETWORK, "--name", "other", busybox, "true")
    assert moor.docker("rename", "one", "two").stdout == ""
    assert moor.docker("inspect", "-f", "{{.Name}}", "two").stdout == "/two\n"
    assert "No such container: one" in moor.docker("rename", "one", "x", code=1).stderr
    same = moor.docker("rename", "two", "two", code=1).stderr
    assert same == ("Error response from daemon: Renaming a container with the same name as its current name\n"
                    "Error: failed to rename container named two\n")
    assert "The container name \"/other\" is already in use" in moor.docker("rename", "two", "other", code=1).stderr
    moor.docker("create", *NO_NETWORK, "--name", "one", busybox, "true")


def test_rename_killed_between_its_steps(moor, busybox):
    """The old name still leads to the container: whoever wants it gets it."""
    moor.docker("create", *NO_NETWORK, "--name", "one", busybox, "true")
    names = os.path.join(moor.root, "names")
    moor.docker("rename", "one", "two")
    os.symlink(os.readlink(os.path.join(names, "two")), os.path.join(names, "one"))
    moor.docker("create", *NO_NETWORK, "--name", "one", busybox, "true")
    assert sorted(os.listdir(names)) == ["one", "two"]
