# SPDX-License-Identifier: Apache-2.0
"""podman as root, with conmon, and bundles that umoci makes. Rootless podman: test_rootless.py."""

import json
import os
import subprocess

import pytest

import callers
from image_archives import Layout
import world
from world import wait_until

pytestmark = pytest.mark.static  # podman and conmon clear the environment: no options for sanitizers

FILES = {
    # Limits that a machine's root without CAP_SYS_RESOURCE can have; JSON errors, as docs/runc.md has it.
    "containers.conf": """
[containers]
default_ulimits = ["nofile=1024:4096", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime_supports_json = ["mooring-runc"]
runtime_supports_nocgroup = ["mooring-runc"]
""",
    "storage.conf": """
[storage]
driver = "overlay"
graphroot = "/run/store"
runroot = "/run/containers"
""",
}


class Podman:
    def __init__(self, place, directory):
        self.place = place
        self.client = ["env", f"CONTAINERS_CONF={directory}/containers.conf",
                       f"CONTAINERS_STORAGE_CONF={directory}/storage.conf", "podman", "--runtime", callers.RUNTIME]

    def __call__(self, *arguments, **options):
        return self.place.run(*self.client, *arguments, **options)

    def run_arguments(self, *flags):
        return ["run", "--pull", "never", "--network", "none", "--cgroup-parent", "/" + self.place.name, *flags, self.image]

    def run(self, flags, *argv, **options):
        return self(*self.run_arguments(*flags), *argv, **options)

    def inspect(self, name, field):
        return self("inspect", "--format", "{{.State." + field + "}}", name).stdout.strip()


@pytest.fixture(scope="module")
def podman(tmp_path_factory, busybox_tar):
    directory = tmp_path_factory.mktemp("podman")
    for name, text in FILES.items():
        (directory / name).write_text(text)
    # Ids for --userns=auto.
    (directory / "subids").write_text("containers:200000:262144\n")
    with callers.place("podman") as place:
        for name in ("/etc/subuid", "/etc/subgid"):
            place.run("mount", "--bind", str(directory / "subids"), name)
        podman = Podman(place, directory)
        podman.image = podman("load", "--quiet", "--input", busybox_tar).stdout.split()[-1]
        yield podman
        assert podman("ps", "--all", "--quiet").stdout == ""


@pytest.fixture
def quay(podman):
    """A container that runs until it is told to stop."""
    podman.run(["-d", "--name", "quay", "--memory", "32m"], "sh", "-c",
               "trap 'exit 9' TERM; echo out; echo err >&2; while :; do sleep 0.1; done")
    yield "quay"
    podman("rm", "--force", "--time", "0", "quay")
    assert podman.place.groups("libpod-") == []


def test_run(podman):
    assert podman.run(["--rm"], "echo", "hello").stdout == "hello\n"
    assert podman.run(["--rm"], "sh", "-c", "echo no >&2; exit 3", code=3).stderr == "no\n"
    assert podman.run(["--rm", "-i"], "cat", input="typed").stdout == "typed"
    assert podman.run(["--rm", "--user", "1000:1000", "--workdir", "/tmp"], "sh", "-c", "id -u; pwd").stdout == "1000\n/tmp\n"
    kept = podman.run_arguments("--rm", "--group-add", "keep-groups")
    kept = podman.place.run("setpriv", "--groups", "5,6", *podman.client, *kept, "id", "-G")
    assert kept.stdout == "0 5 6\n"


@pytest.mark.parametrize("program, code, reason", [
    ("nowhere", 127, "executable file not found in $PATH"),
    ("/etc", 126, "permission denied"),
])
def test_cannot_start(podman, program, code, reason):
    """podman shows the one record of the log, not a record in a record."""
    stderr = podman.run(["--rm"], program, code=code).stderr
    assert stderr.startswith(f"Error: {callers.RUNTIME}: runc create failed: unable to start container process: "
                             f'exec: "{program}": {reason}')
    assert "level=error" not in stderr


def test_terminal(podman, quay):
    script = "test -t 0 && read x && stty size && echo got $x"
    run = [*podman.client, *podman.run_arguments("--rm", "-it"), "sh", "-c", script]
    assert "33 99\ngot mail\n" in podman.place.terminal(*run, keys="mail\n")
    sized = "until [ \"$(stty size 2> /dev/null)\" ]; do sleep 0.05; done; "  # podman tells the size while the program runs
    execute = [*podman.client, "exec", "-it", quay, "sh", "-c", sized + script]
    assert "33 99\ngot mail\n" in podman.place.terminal(*execute, keys="mail\n")


def test_exec(podman, quay):
    assert podman("exec", quay, "echo", "inside").stdout == "inside\n"
    assert podman("exec", "-i", quay, "cat", input="typed").stdout == "typed"
    assert podman("exec", "--env", "A=b", "--user", "1000", quay, "sh", "-c", "echo $A; id -u").stdout == "b\n1000\n"
    podman("exec", quay, "sh", "-c", "exit 4", code=4)
    assert "executable file not found" in podman("exec", quay, "nowhere", code=127).stderr
    assert "permission denied" in podman("exec", quay, "/etc", code=126).stderr
    podman("exec", "--detach", quay, "sh", "-c", "echo there > /tmp/detached")
    wait_until(lambda: "there" in podman("exec", quay, "cat", "/tmp/detached", code=None).stdout, "the detached program")


def test_detached_container(podman, quay):
    assert podman("inspect", "--format", "{{.OCIRuntime}}", quay).stdout.strip() == callers.RUNTIME
    done = podman("logs", quay)
    assert (done.stdout, done.stderr) == ("out\n", "err\n")
    stats = json.loads(podman("stats", "--no-stream", "--format", "json", quay).stdout)[0]
    assert int(stats["pids"]) >= 1 and "33.55MB" in stats["mem_usage"]
    assert "trap" in podman("top", quay).stdout
    podman("pause", quay)
    assert podman.inspect(quay, "Status") == "paused"
    podman("exec", quay, "true", code=255)
    podman("unpause", quay)
    assert podman.inspect(quay, "Status") == "running"


@pytest.mark.skipif(os.path.exists("/sys/fs/cgroup/cgroup.controllers"), reason="podman 4.3 updates groups of v1 alone")
def test_update(podman, quay):
    podman("update", "--memory", "64m", quay)
    limit = podman("exec", quay, "cat", "/sys/fs/cgroup/memory/memory.limit_in_bytes").stdout
    assert limit == f"{64 << 20}\n"


def test_end_and_again(podman, quay):
    podman("stop", quay)
    assert (podman.inspect(quay, "Status"), podman.inspect(quay, "ExitCode")) == ("exited", "9")
    podman("start", quay)
    podman("kill", "--signal", "KILL", quay)
    assert podman("wait", quay).stdout == "137\n"
    podman("restart", quay)
    assert podman.inspect(quay, "Status") == "running"


def test_read_only(podman):
    """podman puts a tmpfs over /run, /tmp, /var/tmp; one that it is told of begins with what the image has there."""
    out = podman.run(["--rm", "--read-only"], "sh", "-c",
                     "touch /x; for at in /tmp /run /var/tmp; do touch $at/y && ls $at; done")
    assert "/x: Read-only file system" in out.stderr and out.stdout.split().count("y") == 3
    assert "root:" in podman.run(["--rm", "--tmpfs", "/etc"], "sh", "-c", "touch /etc/y && cat /etc/group").stdout


def test_user_namespaces(podman):
    mapped = ["--uidmap", "0:100000:65536"]
    for flags, first in ((mapped, "100000"), ([*mapped, "--privileged"], "100000"), (["--userns", "auto:size=1000"], "200000")):
        out = podman.run(["--rm", *flags], "sh", "-c", "cat /proc/self/uid_map; id -u; touch /tmp/mine").stdout.split()
        assert out[1] == first and out[3] == "0"
    # With mappings, podman mounts in a namespace of conmon's: only what cleans up there, as --rm does, can remove it.
    podman.run(["-d", "--rm", "--name", "first", *mapped], "sleep", "1000")
    out = podman.run(["--rm", "--userns", "container:first"], "cat", "/proc/self/uid_map").stdout
    assert out.split() == ["0", "100000", "65536"]
    podman("kill", "first")
    wait_until(lambda: podman("container", "exists", "first", code=None).returncode == 1, "podman to remove it")


def test_without_control_groups(podman):
    """The program is where podman is."""
    out = podman("run", "--rm", "--pull", "never", "--network", "none", "--cgroups", "disabled", podman.image, "sh", "-c",
                 "cat /proc/self/cgroup; ls /sys/fs/cgroup").stdout
    assert out == podman.place.run("cat", "/proc/self/cgroup").stdout


# -- umoci -----------------------------------------------------------------------------------------

@pytest.fixture
def unpacked(tmp_path, moor):
    """A bundle with the config.json that umoci writes for an image."""
    Layout(world.busybox_layer(), Cmd=["sh", "-c", "test -t 0 && echo on a terminal"],
           Env=["PATH=/bin"]).write(str(tmp_path / "layout"))
    bundle = str(tmp_path / "bundle")
    subprocess.run(["umoci", "unpack", "--image", f"{tmp_path}/layout:t", bundle], check=True, capture_output=True)
    yield bundle
    moor.runc("delete", "--force", "umoci")


def test_umoci_bundle_as_it_is(moor, unpacked):
    with callers.place("umoci") as place:
        assert "on a terminal\n" in place.terminal(callers.RUNTIME, "run", "--bundle", unpacked, "umoci")


def test_umoci_bundle_by_hand(moor, unpacked):
    path = os.path.join(unpacked, "config.json")
    with open(path) as file:
        config = json.load(file)
    config["process"].update(terminal=False, args=["sleep", "1000"])
    with open(path, "w") as file:
        json.dump(config, file)
    quiet = {"capture_output": False, "input": None, "stdin": subprocess.DEVNULL}
    moor.runc("create", "--bundle", unpacked, "umoci", **quiet)
    state = lambda: json.loads(moor.runc("state", "umoci").stdout)["status"]  # noqa: E731
    assert state() == "created"
    moor.runc("start", "umoci")
    assert state() == "running"
    assert moor.runc("exec", "umoci", "cat", "/proc/1/cmdline").stdout == "sleep\0001000\0"
    moor.runc("kill", "umoci", "KILL")
    wait_until(lambda: state() == "stopped", "the end")
    moor.runc("delete", "umoci")
    assert "does not exist" in moor.runc("state", "umoci", code=1).stderr
