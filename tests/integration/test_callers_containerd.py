# SPDX-License-Identifier: Apache-2.0
"""containerd and its client ctr, with mooring-runc in the place of runc."""

import json
import os
import subprocess

import pytest

import callers
from world import wait_until

pytestmark = pytest.mark.static  # containerd gives the runtime's sanitizers no options

IMAGE = "docker.io/library/busybox:test"
CONFIG = """
version = 2
root = "/run/store"
state = "/run/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "/run/containerd.sock"
"""


class Containerd:
    def __init__(self, place):
        self.place = place
        self.client = ["ctr", "--address", "/run/containerd.sock", "--namespace", place.name]

    def ctr(self, *arguments, **options):
        return self.place.run(*self.client, *arguments, **options)

    def run_command(self, flags, name, *argv):
        return [*self.client, "run", "--runc-binary", callers.RUNTIME, *flags, IMAGE, name, *argv]

    def run(self, flags, name, *argv, **options):
        return self.place.run(*self.run_command(flags, name, *argv), **options)

    def status(self, name):
        lines = self.ctr("task", "list").stdout.splitlines()
        return next((line.split()[2] for line in lines if line.split()[0] == name), None)

    def state_directories(self):
        return self.place.run("sh", "-c", f"ls /run/containerd/runc/{self.place.name}").stdout.split()


@pytest.fixture(scope="module")
def containerd(tmp_path_factory, busybox_tar):
    directory = tmp_path_factory.mktemp("containerd")
    config = directory / "config.toml"
    config.write_text(CONFIG)
    runc, calls = directory / "runc", directory / "calls"
    runc.write_text(f"#!/bin/bash\necho $* >> {calls}\nexec -a runc {callers.RUNTIME} \"$@\"\n")
    runc.chmod(0o755)
    with callers.place("containerd") as place:
        containerd = Containerd(place)
        containerd.runc_calls = calls
        with place.daemon("env", f"PATH={directory}:{os.environ['PATH']}", "containerd", "--config", str(config),
                          log=directory / "log", ready=[*containerd.client, "version"]):
            containerd.ctr("image", "import", "--base-name", "docker.io/library/busybox", busybox_tar)
            yield containerd
            assert containerd.state_directories() == []


@pytest.fixture
def sleeper(containerd):
    containerd.run(["-d", "--memory-limit", str(32 << 20)], "sleeper", "sleep", "1000")
    yield "sleeper"
    containerd.ctr("task", "kill", "-s", "KILL", "sleeper", code=None)
    wait_until(lambda: containerd.status("sleeper") in ("STOPPED", None), "sleeper to end")
    containerd.ctr("task", "delete", "sleeper", code=None)
    containerd.ctr("container", "delete", "sleeper")
    assert containerd.place.groups("sleeper") == []


def test_run(containerd):
    assert containerd.run(["--rm"], "hello", "echo", "hello").stdout == "hello\n"
    assert containerd.run(["--rm"], "seven", "sh", "-c", "echo no >&2; exit 7", code=7).stderr == "no\n"
    assert containerd.run(["--rm"], "cat", "sh", "-c", "read x; echo got $x", input="mail\n").stdout == "got mail\n"


def test_under_the_name_of_runc(containerd):
    """The program that a shim takes if it is told of none."""
    calls = containerd.runc_calls
    assert not calls.exists()
    assert containerd.ctr("run", "--rm", IMAGE, "default", "echo", "hello").stdout == "hello\n"
    assert {"create", "start", "delete"} <= set(calls.read_text().split())


def test_run_on_a_terminal(containerd):
    command = containerd.run_command(["--rm", "-t"], "tty", "sh", "-c", "test -t 0 && read x && echo got $x")
    assert "got mail\r\n" in containerd.place.terminal(*command, keys="mail\n")


def test_cannot_start(containerd):
    """The shim shows the record of the log, and nothing stays."""
    failed = containerd.run(["--rm"], "lost", "nowhere", code=1)
    assert 'unable to start container process: exec: "nowhere": executable file not found in $PATH' in failed.stderr
    failed = containerd.run(["--rm", "--cwd", "/etc/passwd"], "lost", "true", code=1)
    assert "not a directory" in failed.stderr
    assert containerd.status("lost") is None and containerd.place.groups("lost") == []


def test_exec(containerd, sleeper):
    """ctr opens the streams in the background, and gives up on those not yet open when the program ends (with runc,
    too, where ctr is slow): what is to be seen has to be seen before."""
    execute = [*containerd.client, "task", "exec", "--exec-id", "more"]

    def talk(*argv, code=0):
        with containerd.place.start("timeout", "60", *execute, *argv, stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE) as process:
            seen = [process.stdout.readline(), process.stdout.readline()]
            process.stdin.write("end\n")
            process.stdin.close()
            assert process.wait() == code
        return seen

    pid, word = talk(sleeper, "sh", "-c", "echo $$; echo fine; read end; exit 5", code=5)
    assert pid.strip().isdigit() and word == "fine\n"
    script = "id -u; pwd; read end"
    assert talk("--user", "1000", "--cwd", "/tmp", sleeper, "sh", "-c", script) == ["1000\n", "/tmp\n"]
    assert "executable file not found" in containerd.place.run(*execute, sleeper, "nowhere", code=1).stderr
    command = [*containerd.client, "task", "exec", "-t", "--exec-id", "seen", sleeper, "sh", "-c",
               "test -t 0 && read x && echo got $x"]
    assert "got mail\r\n" in containerd.place.terminal(*command, keys="mail\n")


def test_kill_of_one_process(containerd, sleeper):
    with containerd.place.start(*containerd.client, "task", "exec", "--exec-id", "second", sleeper, "sleep",
                                "1000") as second:
        wait_until(lambda: "ExecID:second" in containerd.ctr("task", "ps", sleeper).stdout, "the second process")
        assert len(containerd.ctr("task", "ps", sleeper).stdout.splitlines()) == 3
        containerd.ctr("task", "kill", "-s", "TERM", "--exec-id", "second", sleeper)
        assert second.wait(20) == 128 + 15
    assert containerd.status(sleeper) == "RUNNING"


def test_detached_container(containerd, sleeper):
    """Started, watched, paused, killed; its status is kept until somebody asks."""
    metrics = json.loads(containerd.ctr("task", "metrics", "--format", "json", sleeper).stdout)
    assert metrics["pids"]["current"] == 1 and str(32 << 20) in str(metrics["memory"])
    containerd.ctr("task", "pause", sleeper)
    assert containerd.status(sleeper) == "PAUSED"
    refused = containerd.ctr("task", "exec", "--exec-id", "late", sleeper, "true", code=1)
    assert "paused" in refused.stderr
    containerd.ctr("task", "resume", sleeper)
    assert containerd.status(sleeper) == "RUNNING"
    containerd.ctr("task", "kill", "-s", "KILL", "--all", sleeper)
    wait_until(lambda: containerd.status(sleeper) == "STOPPED", "the end")
    assert "non-zero exit code 137" in containerd.ctr("task", "delete", sleeper).stderr


def test_many_at_once(containerd):
    started = [containerd.place.start(*containerd.run_command(["--rm"], f"many{i}", "sh", "-c", f"echo {i}; exit {i}"),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
               for i in range(20)]
    for i, process in enumerate(started):
        assert process.communicate(timeout=60) == (f"{i}\n", "") and process.returncode == i
    assert containerd.ctr("task", "list", "-q").stdout == ""
    assert containerd.state_directories() == [] and containerd.place.groups("many") == []
