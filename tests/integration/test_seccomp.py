# SPDX-License-Identifier: Apache-2.0
"""Seccomp filters at work: every action, the flags, and agents that answer system calls. The verdicts
themselves are compared with libseccomp's in tests/unit/seccomp.c."""

import errno
import os
import socket

import pytest

import agent as agents
import ordinary
from world import wait_until


@pytest.fixture
def bundle(bundle, moor):
    bundle.config["linux"]["seccomp"] = profile(moor.directory + "/agent")
    return bundle


def profile(path, names=("mkdir", "mkdirat"), **more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": path, "listenerMetadata": "told",
            "syscalls": [{"names": list(names), "action": "SCMP_ACT_NOTIFY"}], **more}


# -- actions and flags -------------------------------------------------------------------------------

@pytest.mark.parametrize("action, more, status, text", [
    ("ALLOW", {}, 0, ""),
    ("LOG", {}, 0, ""),
    ("ERRNO", {}, 1, "Operation not permitted"),
    ("ERRNO", {"errnoRet": 28}, 1, "No space left"),
    ("ERRNO", {"errnoRet": None}, 1, "Operation not permitted"),
    ("TRACE", {"errnoRet": 3}, 1, "Function not implemented"),  # nobody traces it
    ("TRAP", {}, 159, ""),
    ("KILL", {}, 159, ""),
    ("KILL_THREAD", {}, 159, ""),
    ("KILL_PROCESS", {}, 159, ""),
])
def test_action(bundle, action, more, status, text):
    default = "SCMP_ACT_ALLOW" if action != "ALLOW" else "SCMP_ACT_LOG"
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": default,
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_" + action, **more}]}
    out = bundle.sh("mkdir /tmp/x 2>&1; echo $?").splitlines()
    assert out[-1] == str(status) and text in out[0]
    assert os.path.isdir(bundle.rootfs + "/tmp/x") == (status == 0)


@pytest.mark.parametrize("flags", [None, [], ["LOG"], ["SPEC_ALLOW", "TSYNC"], ["WAIT_KILLABLE_RECV"]])
@pytest.mark.parametrize("is_notifying", [False, True])
def test_flags(bundle, flags, is_notifying):
    seccomp = bundle.config["linux"]["seccomp"]
    seccomp["flags"] = flags and ["SECCOMP_FILTER_FLAG_" + flag for flag in flags]
    if not is_notifying:
        seccomp["syscalls"][0]["action"] = "SCMP_ACT_ERRNO"
    with agents.running(seccomp["listenerPath"], lambda call: (errno.EXDEV, 0)) as agent:
        out = bundle.sh("grep Seccomp /proc/self/status; mkdir /tmp/x 2>&1", code=1)
    assert out.split()[:4] == ["Seccomp:", "2", "Seccomp_filters:", "1"]
    assert ("cross-device" if is_notifying else "not permitted") in out
    assert len(agent.states) == is_notifying


# -- agents --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("has_no_new_privileges", [False, True])
def test_agent_answers(bundle, has_no_new_privileges):
    bundle.config["process"]["noNewPrivileges"] = has_no_new_privileges
    bundle.config["annotations"] = {"some": "thing"}
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"], agents.make_other_directory) as agent:
        assert bundle.sh("mkdir /tmp/foo && ls /tmp; ls /proc/self/fd") == "foo-bar\n0\n1\n2\n3\n"
    (state,) = agent.states
    container = state.pop("state")
    assert state == {"ociVersion": "1.0.2", "fds": ["seccompFd"], "pid": container["pid"], "metadata": "told"}
    wanted = {"ociVersion": "1.0.2", "id": bundle.id, "status": "creating", "bundle": bundle.path,
              "annotations": {"some": "thing"}}
    assert {key: container[key] for key in wanted} == wanted and container["pid"] > 1
    assert set(agent.numbers) <= set(agents.MKDIR) and len(agent.numbers) == 1


def test_agent_has_the_listener_before_start(bundle):
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"]) as agent:
        pid = bundle.create("sh", "-c", "mkdir /tmp/x && sleep 1000")
        assert [state["pid"] for state in agent.states] == [pid] and agent.numbers == []
        bundle.moor.runc("start", bundle.id)
        wait_until(lambda: os.path.isdir(bundle.rootfs + "/tmp/x"), "the directory")
        bundle.moor.runc("kill", bundle.id, "KILL")


def test_agent_answers_what_the_runtime_calls(bundle):
    """What init does under the filter until its program runs may be notified too, except write."""
    names = ["execve", "openat", "open", "read", "close", "fcntl", "capset", "prctl", "close_range", "sendmsg"]
    bundle.config["linux"]["seccomp"] = profile(bundle.moor.directory + "/agent", names)
    with agents.running(bundle.moor.directory + "/agent") as agent:
        assert bundle.sh("echo $((6 * 7))") == "42\n"
    assert len(agent.numbers) > 3


def test_answer_is_an_error(bundle):
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"], lambda call: (errno.ENOMEDIUM, 0)):
        assert "No medium found" in bundle.sh("mkdir /tmp/x 2>&1", code=1)


def test_hook_gets_no_descriptor(bundle):
    """startContainer runs under the filter, when init has given the listener away."""
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "ls /proc/self/fd > /tmp/fds"]}]}
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"]):
        assert bundle.sh("cat /tmp/fds").split() == ["0", "1", "2", "3"]


def test_agent_is_missing(bundle):
    refused = bundle.runc("run", code=1).stderr
    assert "failed to connect with seccomp agent" in refused and "/agent: no such file" in refused
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(bundle.config["linux"]["seccomp"]["listenerPath"])
        assert "connection refused" in bundle.runc("run", code=1).stderr
    assert bundle.traces() == []


def test_agent_leaves(bundle):
    """Then the calls are answered by the kernel: nobody waits for ever."""
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"], leaves=True):
        assert "Function not implemented" in bundle.sh("mkdir /tmp/x 2>&1", code=1)


def test_agent_stalls(bundle):
    """The program waits, but can be seen, killed and deleted."""
    waits = []
    with agents.running(bundle.config["linux"]["seccomp"]["listenerPath"], waits.append) as agent:
        bundle.create("mkdir", "/tmp/x")
        bundle.moor.runc("start", bundle.id)
        wait_until(lambda: waits, "the call")
        assert bundle.state()["status"] == "running" and agent.numbers == []
        bundle.moor.runc("kill", bundle.id, "KILL")
        wait_until(lambda: bundle.state()["status"] == "stopped", "stopped")
        bundle.moor.runc("delete", bundle.id)


def test_path_without_notify(bundle):
    """Without effect: the agent is not even looked for."""
    bundle.config["linux"]["seccomp"]["syscalls"][0]["action"] = "SCMP_ACT_ERRNO"
    assert bundle.sh("echo fine") == "fine\n"


@pytest.mark.parametrize("change, text", [
    (lambda seccomp: seccomp["syscalls"][0]["names"].append("write"),
     "names[2]: SCMP_ACT_NOTIFY cannot be used for the write syscall"),
    (lambda seccomp: seccomp.update(defaultAction="SCMP_ACT_NOTIFY"),
     "defaultAction: SCMP_ACT_NOTIFY cannot be used as default action"),
    (lambda seccomp: seccomp.pop("listenerPath"), "seccomp listenerPath is not set"),
    (lambda seccomp: seccomp.update(listenerPath="agent"), "listenerPath: \"agent\" is not an absolute path"),
    (lambda seccomp: seccomp.update(listenerPath="/" + 200 * "x"), "socket path is too long"),
    (lambda seccomp: seccomp.update(listenerMetadata=7), "listenerMetadata: expected a string"),
    (lambda seccomp: seccomp["syscalls"][0].update(errnoRet=1), "errnoRet: SCMP_ACT_NOTIFY takes no errno"),
])
def test_refused(bundle, change, text):
    change(bundle.config["linux"]["seccomp"])
    assert text in bundle.runc("run", code=1).stderr
    assert bundle.traces() == []


def test_agent_of_ordinary_user():
    with ordinary.user() as user:
        user.map_ids((0, ordinary.UID, 1), (1, ordinary.FIRST, ordinary.COUNT))
        user.bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
        user.bundle.config["linux"]["seccomp"] = profile(user.home + "/agent")
        with agents.running(user.home + "/agent", lambda call: (errno.ENOMEDIUM, 0)) as agent:
            assert "No medium found" in user.sh("mkdir /tmp/x 2>&1", code=1)
        assert agent.states[0]["metadata"] == "told"
