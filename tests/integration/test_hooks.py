# SPDX-License-Identifier: Apache-2.0
"""Hooks of all six kinds: where they run and with what, and what their failure does."""

import json
import os

import pytest

from world import wait_until

OUTSIDE = ["prestart", "createRuntime", "poststart", "poststop"]
EARLY = ["prestart", "createRuntime", "createContainer"]
# A filter as it was written before there were pidfds and close_range.
OLD_FILTER = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
    {"names": ["clone3", "pidfd_open", "close_range"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1}]}


@pytest.fixture
def bundle(bundle):
    bundle.config["hooks"] = {}
    return bundle


class Log:
    """What hooks write, a line each; /tmp of the container is the same directory."""

    def __init__(self, bundle):
        self.host = os.path.join(bundle.rootfs, "tmp", "log")

    def path(self, kind):
        return "/tmp/log" if kind == "startContainer" else self.host

    def lines(self):
        return open(self.host).read().splitlines() if os.path.exists(self.host) else []


def shell(script, **more):
    return {"path": "/bin/sh", "args": ["sh", "-c", script], **more}


def noting(log, kind, script="echo {kind}", **more):
    return [shell(f"({script.format(kind=kind)}) >> {log.path(kind)}", env=["PATH=/bin"], **more)]


def test_namespaces(bundle):
    """Host hooks are in the caller's namespaces, the two others in the container's."""
    log = Log(bundle)
    script = "echo {kind} $(for n in net mnt uts; do readlink /proc/self/ns/$n; done)"
    for kind in OUTSIDE + ["createContainer", "startContainer"]:
        bundle.config["hooks"][kind] = noting(log, kind, script)
    bundle.config["process"]["args"] = ["sh", "-c", f"({script.format(kind='program')}) >> /tmp/log"]
    bundle.runc("run")
    seen = {line.split()[0]: line.split()[1:] for line in log.lines()}
    ours = [os.readlink("/proc/self/ns/" + kind) for kind in ("net", "mnt", "uts")]
    assert all(seen[kind] == ours for kind in OUTSIDE)
    assert seen["createContainer"] == seen["startContainer"] == seen["program"]
    assert not set(seen["program"]) & set(ours)


def test_mounts_are_made_but_not_entered(bundle):
    """Before the root is changed: an early hook still finds host files, and the container's mounts below its root."""
    log = Log(bundle)
    bundle.config["hooks"]["createContainer"] = noting(
        log, "createContainer", f"pwd; test -c ./dev/null && echo dev; test -e {bundle.path}/config.json && echo host; "
        "mkdir -p tmp/made && mount -t tmpfs made tmp/made && echo hello > tmp/made/file")
    assert bundle.sh("cat /tmp/made/file") == "hello\n"
    assert log.lines() == [bundle.rootfs, "dev", "host"]


def test_working_directory_and_start_order(bundle):
    log = Log(bundle)
    for kind in ["poststart", "poststop", "prestart", "createRuntime"]:
        bundle.config["hooks"][kind] = noting(log, kind, "echo {kind} $(pwd)")
    bundle.create("sleep", "1000")
    assert log.lines() == [f"{kind} {bundle.path}" for kind in ("prestart", "createRuntime")]
    bundle.moor.runc("start", bundle.id)
    assert log.lines()[2:] == [f"poststart {bundle.path}"]
    bundle.moor.runc("delete", "--force", bundle.id)
    assert log.lines()[3:] == [f"poststop {bundle.path}"]


def test_config_as_it_was_at_create(bundle):
    log = Log(bundle)
    bundle.config["hooks"]["poststop"] = noting(log, "poststop")
    bundle.create("sleep", "1000")
    bundle.config["hooks"] = {"poststop": [{"path": "/bin/false"}], "poststart": [{"path": "/bin/false"}]}
    bundle.write()
    bundle.moor.runc("start", bundle.id)
    bundle.moor.runc("delete", "--force", bundle.id)
    assert log.lines() == ["poststop"]


# -- what they get ---------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", OUTSIDE + ["createContainer"])
def test_environment_is_never_the_images(bundle, kind):
    """Nothing of the container's (LD_PRELOAD in an image, CVE-2025-23266) gets into a host's program: it has its own,
    or, if it names none, the caller's.
    """
    out = os.path.join(bundle.rootfs, "tmp", "environment")
    bundle.config["process"]["env"] = ["PATH=/bin", "LD_PRELOAD=/evil.so", "LD_AUDIT=/evil.so"]
    dump = {"path": "/bin/dd", "args": ["dd", "if=/proc/self/environ", f"of={out}", "oflag=append", "conv=notrunc"]}
    bundle.config["hooks"][kind] = [dump, {**dump, "env": ["ONE=two"]}, {**dump, "env": []}]
    bundle.runc("run", env={"CALLERS": "own"})
    callers, *named = open(out).read().split("ONE=two\0")
    assert "CALLERS=own" in callers.split("\0") and named == [""]
    assert "evil" not in callers


def test_start_container_has_the_programs_environment(bundle):
    bundle.config["process"]["env"] = ["PATH=/bin", "ONE=two"]
    bundle.config["hooks"]["startContainer"] = [shell("env > /tmp/a"), shell("env > /tmp/b", env=["PATH=/bin"])]
    bundle.runc("run")
    first, second = (open(os.path.join(bundle.rootfs, "tmp", name)).read() for name in "ab")
    assert "ONE=two\n" in first and "HOME=/root\n" in first
    assert "ONE" not in second and "HOME" not in second


def test_start_container_is_confined(bundle):
    """User, capabilities, no_new_privs and the filter are the program's."""
    process = bundle.config["process"]
    process["user"] = {"uid": 1000, "gid": 1000}
    process["noNewPrivileges"] = True
    bundle.config["linux"]["seccomp"] = OLD_FILTER
    os.chmod(os.path.join(bundle.rootfs, "tmp"), 0o777)
    bundle.config["hooks"]["startContainer"] = [shell("cat > /tmp/state; id -u > /tmp/who; cat /proc/self/status > /tmp/status")]
    bundle.runc("run")
    read = {name: open(os.path.join(bundle.rootfs, "tmp", name)).read() for name in ("state", "who", "status")}
    state = json.loads(read["state"])
    assert (state["status"], state["pid"], state["id"]) == ("created", 1, bundle.id)
    assert read["who"] == "1000\n"
    fields = dict(line.split(":\t") for line in read["status"].splitlines())
    assert fields["CapEff"] == "0" * 16 and fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_argv_and_a_hook_that_does_not_read(bundle):
    log = Log(bundle)
    bundle.config["annotations"] = {"big": "x" * 300000}  # more than a pipe holds
    bundle.config["hooks"]["createRuntime"] = [
        {"path": "/bin/true"},
        {"path": "/bin/sh", "args": ["other", "-c", f"echo $0 $1 >> {log.host}", "zero", "one"]},
        shell(f"cat | wc -c >> {log.host}", env=["PATH=/bin"])]
    bundle.runc("run")
    name, size = log.lines()
    assert name == "zero one" and int(size) > 300000


def test_no_descriptors(bundle):
    log = Log(bundle)
    for kind in OUTSIDE + ["createContainer"]:
        bundle.config["hooks"][kind] = [shell(f"ls -l /proc/self/fd >> {log.host}", env=["PATH=/bin"])]
    bundle.runc("run", "--preserve-fds", "1", pass_fds=(3,) if os.path.exists("/proc/self/fd/3") else ())
    targets = [line.split(" -> ")[1] for line in log.lines() if " -> " in line]
    assert targets and all(target.startswith("pipe:") or target == log.host or "/fd" in target for target in targets)


# -- failure ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", EARLY + ["startContainer", "poststart"])
def test_failure_destroys(bundle, kind):
    """The second hook fails: no later one runs, the container is gone, and poststop hooks run as for any other."""
    log = Log(bundle)
    bundle.config["hooks"] = {kind: [shell("true"), shell("echo out; echo why >&2; exit 5"), shell(f"echo not >> {log.path(kind)}")],
                              "poststop": noting(log, "poststop", "echo {kind}; cat > /dev/null")}
    bundle.config["process"]["args"] = ["sh", "-c", "while :; do sleep 1; done"]
    stderr = bundle.runc("run", code=1).stderr
    assert f"error running {kind} hook #1: exit status 5, stdout: out , stderr: why" in stderr
    assert log.lines() == ["poststop"] and bundle.traces() == []


@pytest.mark.parametrize("kind", EARLY)
def test_failure_at_create(bundle, kind):
    bundle.config["hooks"][kind] = [{"path": "/bin/false"}]
    assert f"error running {kind} hook #0: exit status 1" in bundle.runc("create", code=1).stderr
    assert bundle.traces() == []


@pytest.mark.parametrize("signal, name", [("KILL", "killed"), ("SYS", "bad system call"), ("TERM", "terminated")])
def test_killed_hook(bundle, signal, name):
    bundle.config["hooks"] = {"createRuntime": [shell(f"kill -{signal} $$")]}
    assert f"error running createRuntime hook #0: signal: {name}, stdout" in bundle.runc("create", code=1).stderr


def test_failure_at_start(bundle):
    """The container stays to be deleted, its program does not run (on)."""
    for kind in ("startContainer", "poststart"):
        bundle.config["hooks"] = {kind: [{"path": "/bin/false"}]}
        bundle.create("sleep", "1000")
        assert f"error running {kind} hook #0: exit status 1" in bundle.moor.runc("start", bundle.id, code=1).stderr
        wait_until(lambda: bundle.state()["status"] == "stopped", "its end")
        bundle.moor.runc("delete", bundle.id)


def test_poststop_failures_change_nothing(bundle):
    log = Log(bundle)
    bundle.config["hooks"]["poststop"] = [{"path": "/bin/false"}, {"path": "/nowhere"}, *noting(log, "poststop")]
    bundle.config["process"]["args"] = ["sh", "-c", "exit 7"]
    assert bundle.runc("run", code=7).stderr == ""
    bundle.create("true")
    bundle.moor.runc("delete", "--force", bundle.id)
    assert log.lines() == ["poststop", "poststop"]


@pytest.mark.parametrize("kind", ["createRuntime", "startContainer"])
def test_timeout(bundle, kind):
    """What the hook started goes with it."""
    bundle.config["hooks"][kind] = [shell("sleep 1000 & echo waiting; wait", timeout=1, env=["PATH=/bin"])]
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.config["linux"]["seccomp"] = OLD_FILTER
    stderr = bundle.runc("run", code=1, timeout=20).stderr
    assert f"error running {kind} hook #0: hook ran past specified timeout of 1.0s" in stderr


def test_missing_and_unusable_programs(bundle):
    bundle.config["hooks"]["createRuntime"] = [{"path": "/nowhere"}]
    assert "/nowhere: No such file or directory" in bundle.runc("run", code=1).stderr
    bundle.config["hooks"]["createRuntime"] = [{"path": "/etc"}]
    assert "/etc: Permission denied" in bundle.runc("run", code=1).stderr
    bundle.config["hooks"] = {"startContainer": [{"path": "/etc/passwd"}]}
    assert "/etc/passwd: Permission denied" in bundle.runc("run", code=1).stderr


def test_a_daemon_does_not_hold_the_hook_up(bundle):
    """A hook ends with its process, though a child of it still has the pipes."""
    pid = os.path.join(bundle.path, "pid")
    bundle.config["hooks"]["createRuntime"] = [shell(f"sleep 1000 & echo $! > {pid}", env=["PATH=/bin"])]
    try:
        bundle.runc("run", timeout=20)
    finally:
        os.kill(int(open(pid).read()), 9)
