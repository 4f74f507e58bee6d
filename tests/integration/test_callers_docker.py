# SPDX-License-Identifier: Apache-2.0
"""dockerd with mooring-runc as its default runtime, side by side with runc."""

import json
import os
import time

import pytest

import callers
from world import wait_until

pytestmark = pytest.mark.static  # dockerd's containerd gives the runtime's sanitizers no options

DOCKER = "/usr/bin/docker"  # Debian's: another of that name may be ours
SOCKET = "unix:///run/docker.sock"
IMAGE = "busybox:test"
IS_V1 = not os.path.exists("/sys/fs/cgroup/cgroup.controllers")


class Docker:
    def __init__(self, place):
        self.place = place
        self.client = [DOCKER, "--host", SOCKET]

    def __call__(self, *arguments, **options):
        return self.place.run(*self.client, *arguments, **options)

    def run(self, flags, *argv, **options):
        return self("run", "--network", "none", *flags, IMAGE, *argv, **options)

    def inspect(self, name, field):
        return self("inspect", "--format", "{{" + field + "}}", name).stdout.strip()

    def wait_for(self, name, field, wanted):
        wait_until(lambda: self.inspect(name, field) == wanted, f"{field} of {name} to be {wanted}")


@pytest.fixture(scope="module")
def docker(tmp_path_factory, busybox_tar):
    directory = tmp_path_factory.mktemp("dockerd")
    config = directory / "daemon.json"
    config.write_text(json.dumps({"runtimes": {"mooring": {"path": callers.RUNTIME}}, "default-runtime": "mooring"}))
    with callers.place("docker") as place:
        docker = Docker(place)
        with place.daemon("dockerd", "--config-file", str(config), "--data-root", "/run/store", "--host", SOCKET,
                          "--cgroup-parent", "/" + place.name, log=directory / "log", ready=[*docker.client, "version"]):
            docker("load", "--quiet", "--input", busybox_tar)
            yield docker
            assert docker("ps", "--all", "--quiet").stdout == ""


@pytest.fixture
def quay(docker):
    """A container that runs until it is told to stop."""
    docker.run(["--detach", "--name", "quay", "--memory", "32m"],
               "sh", "-c", "trap 'exit 9' TERM; echo out; echo err >&2; while :; do sleep 0.1; done")
    yield "quay"
    container = docker.inspect("quay", ".Id")
    docker("rm", "--force", "quay")
    assert docker.place.groups(container) == []


def test_run(docker):
    assert docker("info", "--format", "{{.DefaultRuntime}}").stdout == "mooring\n"
    assert docker("run", "--rm", IMAGE, "echo", "hello").stdout == "hello\n"  # on the default bridge: a prestart hook
    assert docker.run(["--rm"], "sh", "-c", "echo no >&2; exit 3", code=3).stderr == "no\n"
    assert docker.run(["--rm", "--interactive"], "cat", input="typed").stdout == "typed"


@pytest.mark.parametrize("flags, program, code, reason", [
    ([], "nowhere", 127, "executable file not found in $PATH"),
    ([], "/etc", 126, "permission denied"),
    ([], "/etc/passwd", 126, "permission denied"),
    (["--sysctl", "net.nowhere=1"], "true", 127, "no such file or directory"),
    (["--volume", "/etc/passwd:/etc"], "true", 125, "Are you trying to mount a directory onto a file"),
    (["--pids-limit", "100", "--cpuset-cpus", "0", "--ulimit", "nofile=99999999999"], "true", 125, "not permitted"),
])
def test_cannot_start(docker, flags, program, code, reason):
    """With the status that runc's failure gives."""
    for runtime in ("mooring", "runc"):
        done = docker.run(["--rm", "--runtime", runtime, *flags], program, code=code)
        assert "runc create failed: unable to start container process: " in done.stderr
        assert reason in done.stderr and done.stderr.count("Error response") == 1


OPTIONS = """
id -u; id -g; pwd; cat /proc/self/oom_score_adj; grep -E 'Cap|NoNew|Seccomp:' /proc/self/status; ulimit -n
stat -c '%n %a %F' /dev/xnull /tmp /made /new /dev/shm; ls -1 /dev /proc/self/fd; hostname; umask
grep -E ' (/|/made|/ro|/dev/shm) ' /proc/mounts | cut -d ' ' -f 2-3; echo x > /x; cat /ro/passwd > /dev/null && echo read
"""


def test_options(docker):
    """What programs find is the same under runc."""
    flags = ["--rm", "--user", "1000:1000", "--workdir", "/tmp", "--oom-score-adj", "50", "--cap-drop", "ALL", "--cap-add",
             "NET_ADMIN", "--security-opt", "no-new-privileges", "--ulimit", "nofile=100:200", "--device",
             "/dev/null:/dev/xnull", "--read-only", "--tmpfs", "/new", "--mount", "type=tmpfs,dst=/made,tmpfs-mode=0750",
             "--volume", "/etc:/ro:ro", "--shm-size", "1m", "--hostname", "harbour"]
    seen = {}
    for runtime in ("runc", "mooring"):
        done = docker.run(["--runtime", runtime, *flags], "sh", "-c", OPTIONS)
        seen[runtime] = sorted(done.stdout.splitlines()), done.stderr
    assert seen["mooring"] == seen["runc"]
    assert "/new 1777 directory" in seen["mooring"][0] and "read" in seen["mooring"][0]


def test_of_the_host(docker):
    flags = ["--rm", "--pid", "host", "--ipc", "host", "--uts", "host"]
    out = docker("run", *flags, "--network", "host", IMAGE, "sh", "-c", "cat /proc/1/comm; hostname").stdout
    assert out.split() == ["bash", os.uname().nodename]
    assert docker.run(["--rm", "--init"], "cat", "/proc/1/comm").stdout == "docker-init\n"
    assert int(docker.run(["--rm", "--privileged"], "sh", "-c", "ls /dev | wc -l").stdout) > 16


def test_terminal(docker, quay):
    """The client tells the size of its window once the program runs."""
    script = "test -t 0 && read x && until stty size | grep 33; do sleep 0.1; done; echo got $x"
    command = [*docker.client, "run", "--rm", "--network", "none", "--interactive", "--tty", IMAGE, "sh", "-c", script]
    assert "33 99\ngot mail\n" in docker.place.terminal(*command, keys="mail\n")
    command = [*docker.client, "exec", "--interactive", "--tty", quay, "sh", "-c", script]
    assert "33 99\ngot mail\n" in docker.place.terminal(*command, keys="mail\n")
    assert docker("exec", "--tty", quay, "sh", "-c", "test -t 1 && echo yes").stdout == "yes\n"


def test_exec(docker, quay):
    assert docker("exec", quay, "echo", "inside").stdout == "inside\n"
    assert docker("exec", "--interactive", quay, "cat", input="typed").stdout == "typed"
    out = docker("exec", "--env", "A=b", "--workdir", "/tmp", "--user", "1000", quay, "sh", "-c", "echo $A; pwd; id -u").stdout
    assert out.split() == ["b", "/tmp", "1000"]
    docker("exec", quay, "sh", "-c", "exit 4", code=4)
    assert "executable file not found in $PATH" in docker("exec", quay, "nowhere", code=126).stdout
    assert "permission denied" in docker("exec", quay, "/etc", code=126).stdout
    capabilities = [docker("exec", *flags, quay, "sh", "-c", "grep CapBnd /proc/self/status").stdout.split()[1]
                    for flags in ([], ["--privileged"])]
    assert int(capabilities[0], 16) < int(capabilities[1], 16)


def test_health(docker):
    """Not together with `pause`: dockerd 20.10 then waits half a minute for its own probe, under runc too."""
    docker.run(["--detach", "--name", "patient", "--health-cmd", "test -e /tmp/healthy", "--health-interval", "200ms",
                "--health-retries", "1"], "sleep", "1000")
    docker.wait_for("patient", ".State.Health.Status", "unhealthy")
    docker("exec", "patient", "touch", "/tmp/healthy")
    docker.wait_for("patient", ".State.Health.Status", "healthy")
    docker("rm", "--force", "patient")


def test_detached_container(docker, quay):
    done = docker("logs", quay)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    stats = json.loads(docker("stats", "--no-stream", "--format", "{{json .}}", quay).stdout)
    assert int(stats["PIDs"]) >= 1 and stats["MemUsage"].endswith("/ 32MiB")
    assert "trap" in docker("top", quay).stdout
    docker("pause", quay)
    assert docker.inspect(quay, ".State.Status") == "paused"
    docker("unpause", quay)
    assert docker.inspect(quay, ".State.Status") == "running"


@pytest.mark.skipif(not IS_V1, reason="names of files of cgroup v1")
def test_update(docker, quay):
    docker("update", "--memory", "64m", "--memory-swap", "64m", "--cpus", "0.5", "--pids-limit", "30", quay)
    files = ["memory/memory.limit_in_bytes", "cpu/cpu.cfs_quota_us", "pids/pids.max"]
    out = docker("exec", quay, "cat", *(f"/sys/fs/cgroup/{file}" for file in files)).stdout
    assert out.split() == [str(64 << 20), "50000", "30"]


def test_end_and_again(docker, quay):
    docker("stop", quay)
    assert docker.inspect(quay, ".State.Status .State.ExitCode".replace(" ", "}} {{")) == "exited 9"
    docker("start", quay)
    docker("kill", quay)
    docker.wait_for(quay, ".State.ExitCode", "137")
    docker("restart", quay)
    assert docker.inspect(quay, ".State.Status") == "running"


def test_restart_policy(docker):
    docker.run(["--detach", "--name", "again", "--restart", "on-failure:2"], "false")
    docker.wait_for("again", ".RestartCount", "2")
    docker.wait_for("again", ".State.Status", "exited")
    docker("rm", "again")


def test_out_of_memory(docker):
    since = str(int(time.time()))
    docker.run(["--name", "hungry", "--memory", "16m", "--memory-swap", "16m"], "sh", "-c",
               "x=a; while :; do x=$x$x; done", code=137)
    assert docker.inspect("hungry", ".State.OOMKilled") == "true"
    docker("rm", "hungry")
    events = docker("events", "--since", since, "--until", str(int(time.time()) + 1), "--filter", "container=hungry",
                    "--format", "{{.Action}}").stdout.split()
    assert "oom" in events and "die" in events
