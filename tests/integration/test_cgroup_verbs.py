# SPDX-License-Identifier: Apache-2.0
"""pause, resume, kill, ps, update and events of mooring-runc, on real control groups."""

import os
import signal

import pytest

import bundle as bundles
from groups import IS_V1, Groups, gone
from world import wait_until


@pytest.fixture
def bundle(moor):
    bundle = bundles.Bundle(moor)
    bundle.groups = Groups(bundle)
    yield bundle
    moor.runc("delete", "--force", bundle.id)
    assert bundle.traces() == []


def start(bundle, *script):
    """A running container; the pid of its init."""
    pid = bundle.create(*(script or ("sleep", "1000")))
    bundle.moor.runc("start", bundle.id)
    return pid


def refused(bundle, message, *arguments, **options):
    """Runs mooring-runc, which must fail with one line that has the message in it."""
    result = bundle.moor.runc(*arguments, code=1, **options)
    assert message in result.stderr and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def quiet(bundle, *arguments, **options):
    """Runs mooring-runc, which must succeed in silence."""
    result = bundle.moor.runc(*arguments, **options)
    assert result.stdout == "" and result.stderr == ""


def counter(bundle):
    """A container whose program counts; reads how far it has come."""
    pid = start(bundle, "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i > /tmp/count; done")
    path = os.path.join(bundle.rootfs, "tmp", "count")

    def count():
        with open(path) as file:
            return int(file.read().strip() or 0)
    wait_until(lambda: os.path.exists(path), "it counts")
    return pid, count


# -- pause and resume ------------------------------------------------------------------------------

def test_pause_stops_and_resume_goes_on(bundle):
    _, count = counter(bundle)
    quiet(bundle, "pause", bundle.id)
    assert bundle.state()["status"] == "paused" and bundle.groups.is_frozen()
    seen = count()
    refused(bundle, "container not running", "pause", bundle.id)
    refused(bundle, "cannot start a container in the paused state", "start", bundle.id)
    refused(bundle, "that is not stopped: paused", "delete", bundle.id)
    assert count() == seen
    quiet(bundle, "resume", bundle.id)
    assert bundle.state()["status"] == "running" and not bundle.groups.is_frozen()
    wait_until(lambda: count() > seen, "it goes on")
    refused(bundle, "container not paused", "resume", bundle.id)


def test_pause_of_created_and_stopped(bundle):
    pid = bundle.create("sleep", "1000")
    quiet(bundle, "pause", bundle.id)
    assert bundle.state()["status"] == "paused"
    quiet(bundle, "resume", bundle.id)
    assert bundle.state()["status"] == "created"
    quiet(bundle, "start", bundle.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    refused(bundle, "container not running", "pause", bundle.id)
    refused(bundle, "container not paused", "resume", bundle.id)
    refused(bundle, "does not exist", "pause", "no-such-container")
    refused(bundle, '"pause" requires exactly 1 argument(s)', "pause")


def test_pause_while_processes_come_and_go(bundle):
    start(bundle, "sh", "-c", "while true; do true & cat /dev/null; done")
    for _ in range(5):
        quiet(bundle, "pause", bundle.id)
        assert bundle.groups.is_frozen()
        quiet(bundle, "resume", bundle.id)


def test_a_paused_container_dies_of_kill_but_not_of_term(bundle):
    pid = start(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "kill", bundle.id, "TERM")
    assert bundle.state()["status"] == "paused"
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    assert bundle.state()["status"] == "stopped"
    quiet(bundle, "delete", bundle.id)


def test_delete_force_of_a_paused_container(bundle):
    pid = start(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "delete", "--force", bundle.id)
    gone([pid])
    assert bundle.traces() == []


def test_what_the_container_froze_inside_dies_too(bundle):
    """With a writable cgroup mount a container can freeze a group of its own: on v1 nothing in it dies
    before it is thawed."""
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in bundle.config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"].remove("ro")
    inside = "/sys/fs/cgroup/freezer/ice" if IS_V1 else "/sys/fs/cgroup/ice"
    switch = "echo FROZEN > freezer.state" if IS_V1 else "echo 1 > cgroup.freeze"
    pid = start(bundle, "sh", "-c", f"mkdir {inside} && cd {inside} && sleep 1001 & "
                f"cd {inside}; echo $! > cgroup.procs; {switch}; echo > /tmp/done; sleep 1000")
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "done")), "it is set up")
    quiet(bundle, "delete", "--force", bundle.id)
    gone([pid])
    assert bundle.traces() == []


# -- kill ------------------------------------------------------------------------------------------

def without_pid_namespace(bundle):
    bundle.config["linux"]["namespaces"] = [
        namespace for namespace in bundle.config["linux"]["namespaces"] if namespace["type"] != "pid"]


FAMILY = ("sh", "-c", "sleep 1001 & sleep 1002 & (while true; do sleep 1003 & wait $!; done) & "
          "echo > /tmp/ready; sleep 1004")


def family(bundle):
    pid = start(bundle, *FAMILY)
    wait_until(lambda: len(bundle.groups.processes()) >= 5, "all are there")
    return pid, bundle.groups.processes()


@pytest.mark.parametrize("is_init_gone", [False, True])
def test_kill_reaches_all_without_a_pid_namespace(bundle, is_init_gone):
    without_pid_namespace(bundle)
    pid, pids = family(bundle)
    if is_init_gone:
        os.kill(pid, signal.SIGKILL)
        gone([pid])
        assert bundle.state()["status"] == "stopped"
    quiet(bundle, "kill", bundle.id, "KILL")
    gone(pids)
    assert bundle.groups.processes() == []
    refused(bundle, "container not running", "kill", bundle.id, "KILL")
    quiet(bundle, "kill", "--all", bundle.id, "KILL")


def test_other_signals_reach_init_alone(bundle):
    without_pid_namespace(bundle)
    pid, pids = family(bundle)
    quiet(bundle, "kill", bundle.id, "USR1")
    gone([pid])
    assert set(pids) - {pid} <= set(bundle.groups.processes())
    quiet(bundle, "delete", bundle.id)
    gone(pids)


def test_kill_of_a_paused_container_without_a_pid_namespace(bundle):
    without_pid_namespace(bundle)
    _, pids = family(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone(pids)


# -- a group that is taken -------------------------------------------------------------------------

def test_a_group_that_is_in_use_or_frozen_is_refused(moor, bundle):
    other = bundles.Bundle(moor, "other")
    bundle.config["linux"]["cgroupsPath"] = other.config["linux"]["cgroupsPath"] = f"/{bundle.id}"
    pid = start(bundle)
    other.write()
    message = "container's cgroup is not empty: 1 process(es) found"
    refused(other, message, "create", "--bundle", other.path, other.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    bundle.groups.write("freezer.state", "cgroup.freeze", "FROZEN" if IS_V1 else "1")
    refused(other, "container's cgroup unexpectedly frozen", "create", "--bundle", other.path, other.id)
    quiet(bundle, "delete", bundle.id)
    assert other.traces() == []
