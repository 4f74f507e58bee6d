# SPDX-License-Identifier: Apache-2.0
"""`mooring deploy`: recipes of plain shell scripts through their whole lifecycle."""

import base64
import hashlib
import io
import json
import os
import re
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import zipfile

import pytest

import world
from aws_server import AwsServer
from fetch_peer import Server, make_certificate
from proxies import PASSWORD, USER, squid
from s3_server import S3Server
from together import Together

NUCLEUS = os.path.join(world.BUILD, "lifecycle", "mooring-nucleus")
NAME = "com.example.Test"
together = Together()


class Device:
    """A nucleus' root, a recipe directory and an artifact directory."""

    def __init__(self, moor, directory, root=None):
        self.moor = moor
        self.directory = str(directory)
        self.root = str(root or os.path.join(self.directory, "device"))
        self.recipes = os.path.join(self.directory, "recipes")
        self.artifacts = os.path.join(self.directory, "artifacts")
        self.config = os.path.join(self.directory, "config.yaml")
        for name in (self.recipes, self.artifacts):
            os.makedirs(name)
        self.configure()

    def configure(self, **sections):
        """Scripts run as root unless a test says otherwise, whatever users this machine has."""
        sections.setdefault("services", {"aws.greengrass.Nucleus": {"configuration": {
            "runWithDefault": {"posixUser": "root"}, "awsRegion": "eu-central-1"}}})
        with open(self.config, "w") as file:
            json.dump(sections, file)

    def recipe(self, lifecycle=None, name=NAME, version="1.0.0", artifacts=None, dependencies=None,
               configuration=None, **others):
        manifest = {"Platform": {"os": "linux"}, "Lifecycle": lifecycle or {}}
        if artifacts:
            manifest["Artifacts"] = artifacts
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name,
                  "ComponentVersion": version, "Manifests": [manifest], **others}
        if dependencies:
            recipe["ComponentDependencies"] = dependencies
        if configuration:
            recipe["ComponentConfiguration"] = {"DefaultConfiguration": configuration}
        self.write(f"{name}-{version}.json", json.dumps(recipe))

    def write(self, file_name, text):
        with open(os.path.join(self.recipes, file_name), "w") as file:
            file.write(text)

    def artifact(self, content, file_name="file.txt", name=NAME, version="1.0.0"):
        directory = os.path.join(self.artifacts, name, version)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, file_name), "wb") as file:
            file.write(content)

    def arguments(self, *merges):
        merges = merges or (f"{NAME}=1.0.0",)
        return [NUCLEUS, "deploy", "--foreground", "--root", self.root, "--config", self.config,
                "--recipe-dir", self.recipes, "--artifact-dir", self.artifacts,
                *(part for merge in merges for part in ("--merge", merge))]

    def deploy(self, *merges, code=0, **options):
        return self.moor.run(*self.arguments(*merges), code=code, **options)

    def start(self, *merges, **options):
        return self.moor.start(*self.arguments(*merges), **options)

    def component(self, *arguments, **options):
        return self.moor.run(NUCLEUS, "component", *arguments, "--root", self.root,
                             **options).stdout

    def state(self, name=NAME):
        return re.search(r"State: (.*)", self.component("details", name)).group(1)

    def log(self, name=NAME):
        with open(os.path.join(self.root, "logs", f"{name}.log")) as file:
            return file.read()

    def lines(self, name=NAME):
        """What the component wrote, without what the log adds."""
        return re.findall(r": std(?:out|err)\. (.*)\. \{scriptName", self.log(name))

    def work(self, file_name, name=NAME):
        return os.path.join(self.root, "work", name, file_name)

    def read(self, file_name, name=NAME):
        with open(self.work(file_name, name)) as file:
            return file.read()

    def stored_artifact(self, file_name="file.txt", name=NAME):
        return os.path.join(self.root, "packages", "artifacts", name, "1.0.0", file_name)


@pytest.fixture
def device(moor, tmp_path):
    return Device(moor, tmp_path)


def load_busybox(moor, directory):
    moor.docker("load", "-i", world.Image().save(directory / "busybox.tar", "busybox:test"))
    return "busybox:test"


def states(output, name=NAME):
    """The states that the command told of, in order."""
    changes = re.findall(rf"^{re.escape(name)}: (\w+) -> (\w+)$", output, re.M)
    return [changes[0][0], *(to for _, to in changes)] if changes else []


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for_file(path):
    def content():
        if os.path.exists(path):
            with open(path) as file:
                return file.read()
        return None

    return world.wait_until(content, path)


GOOD = ["NEW", "INSTALLED", "STARTING", "RUNNING", "STOPPING", "FINISHED"]


# -- the usual way ---------------------------------------------------------------------------------


def test_install_and_run(device):
    device.artifact(b"a file\n")
    device.recipe({"Install": "cat {artifacts:path}/file.txt",
                   "Run": {"Script": "echo \"{configuration:/who}\"; echo oops >&2; pwd"},
                   "Shutdown": "echo bye"},
                  configuration={"who": "Hello, World!"})
    done = device.deploy()
    assert states(done.stdout) == GOOD
    assert f"{NAME} | Hello, World!" in done.stdout
    assert f"{NAME} | oops" in done.stderr
    assert f"{NAME} 1.0.0: FINISHED" in done.stdout
    assert f"log: {device.root}/logs/{NAME}.log" in done.stdout
    lines = device.lines()
    lines.remove("oops")  # the order of two streams is nobody's promise
    assert lines == ["a file", "Hello, World!", f"{device.root}/work/{NAME}", "bye"]
    assert device.state() == "FINISHED"
    assert re.search(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \[INFO\] \(Copier\) com\.example\.Test: stdout\. "
        r"Hello, World!\. \{scriptName=services\.com\.example\.Test\.lifecycle\.Run\.Script, "
        r"serviceName=com\.example\.Test, currentState=RUNNING\}$", device.log(), re.M)
    assert "[WARN] (Copier) com.example.Test: stderr. oops. " in device.log()
    assert states(device.deploy().stdout) == GOOD, "and a second time"


def test_yaml_recipe_with_block_scalar(device):
    device.write("x.yaml", """---
RecipeFormatVersion: 2020-01-25
ComponentName: com.example.Test
ComponentVersion: 1.0.0
Manifests:
  - Platform: {os: all}
    Lifecycle:
      Setenv: {NUMBER: 1.50, SWITCH: on}
      Run: |
        echo one \\
          two
        echo "$NUMBER $SWITCH"
""")
    device.deploy()
    assert device.lines() == ["one two", "1.50 on"]


def test_component_list_speaks_as_greengrass_cli(device):
    device.recipe({"Run": "true"}, configuration={"b": 1, "a": "x"})
    assert device.component("list") == "Components currently running in Greengrass:\n"
    device.deploy()
    assert device.component("list") == (
        "Components currently running in Greengrass:\n"
        f"Component Name: {NAME}\n    Version: 1.0.0\n    State: FINISHED\n"
        '    Configuration: {"a":"x","b":1}\n')
    assert f"Log: {device.root}/logs/{NAME}.log" in device.component("details", NAME)
    gone = device.moor.run(NUCLEUS, "component", "details", "x.y", "--root", device.root, code=1)
    assert gone.stderr == "mooring: component details: x.y is not deployed\n"


def test_environment(device):
    device.recipe({"Setenv": {"A": "lifecycle", "B": "lifecycle", "W": "{work:path}"},
                   "Run": {"Script": "env; cat /proc/$$/stat", "Setenv": {"B": "step"}}})
    device.deploy(env={"A": "ours", "C": "ours", "AWS_SECRET_ACCESS_KEY": "secret",
                       "AWS_ACCESS_KEY_ID": "id", "AWS_SESSION_TOKEN": "token"})
    lines = device.lines()
    for line in ("A=lifecycle", "B=step", "C=ours", f"W={device.root}/work/{NAME}",
                 "AWS_REGION=eu-central-1", f"MOORING_ROOT={device.moor.root}"):
        assert line in lines
    path = next(line for line in lines if line.startswith("PATH="))
    assert path.startswith(f"PATH={device.moor.names}:")
    assert not [line for line in lines if "secret" in line or line.startswith("AWS_ACCESS")]
    fields = lines[-1].rsplit(")", 1)[1].split()
    assert fields[3] == lines[-1].split()[0], "a script has a session of its own"


def test_stdin_never_ends(device):
    device.recipe({"Run": {"Script": "read line; echo ended", "Timeout": "0.3"}})
    assert device.deploy(code=3).stdout.count("took longer") == 3
    assert "ended" not in device.lines()


def test_nothing_to_run(device):
    device.recipe({"Install": "true", "Run": ""})
    assert states(device.deploy().stdout) == ["NEW", "INSTALLED", "STARTING", "FINISHED"]


def test_skipif(device):
    device.recipe({"Install": {"Script": "echo install", "Skipif": "onpath sh"},
                   "Startup": {"Script": "echo startup", "Skipif": "!exists /nowhere"},
                   "Run": {"Script": "echo run", "Skipif": "exists ~root/nowhere"}})
    device.deploy()
    assert device.lines() == ["run"]


def test_long_and_odd_lines(device):
    device.recipe({"Run": "head -c 40000 /dev/zero | tr '\\0' x; printf '\\na\\rb\\r\\n\\n\\0c'; "
                          "printf '\\033[2Jd\\ne\\233\\302\\233\\177\\303\\251\\t'"})
    done = device.deploy()
    lines = device.lines()
    assert [len(line) for line in lines[:3]] == [16384, 16384, 7232]
    assert lines[3:] == ["a", "b", "?c\\x1b[2Jd", "e\ufffd\ufffd\ufffdé\t"]
    assert f"{NAME} | ?c\\x1b[2Jd\n" in done.stdout, "the terminal is not steered by a component"


def test_log_is_rotated(device):
    device.recipe({"Run": "yes 0123456789012345678901234567890123456789 | head -n 20000"})
    device.deploy()
    logs = [log for log in os.listdir(os.path.join(device.root, "logs")) if log != "greengrass.log"]
    assert len(logs) > 2
    assert all(os.path.getsize(os.path.join(device.root, "logs", log)) <= 1024 * 1024
               for log in logs)
    assert all(re.fullmatch(rf"{NAME}(_\d{{4}}_\d\d_\d\d_\d\d_\d+)?\.log", log) for log in logs)


# -- failures --------------------------------------------------------------------------------------


def test_run_that_fails_is_broken_after_three(device):
    device.recipe({"Run": "echo run; exit 7", "Recover": "echo recover", "Shutdown": "echo down"})
    done = device.deploy(code=3)
    again = ["INSTALLED", "STARTING", "RUNNING", "ERRORED"]
    assert states(done.stdout) == ["NEW", *again, "STOPPING", *again, "STOPPING", *again, "BROKEN"]
    assert device.lines() == ["run", "recover", "down", "run", "recover", "down", "run", "down"]
    assert f"{NAME} 1.0.0: BROKEN, RUN_ERROR" in done.stdout
    assert f", FAILED_ROLLBACK_NOT_REQUESTED: {NAME} is BROKEN: RUN_ERROR" in done.stdout
    assert "SUCCEEDED" not in done.stdout
    assert "the run script exited with code 7" in done.stdout
    assert device.state() == "BROKEN"
    assert "Last exit code: " in device.component("details", NAME)


def test_install_that_fails_is_done_again(device):
    device.recipe({"Install": "echo x >> n; test $(wc -l < n) = 3", "Run": "true"})
    done = device.deploy()
    assert states(done.stdout) == ["NEW", "ERRORED", "NEW", "ERRORED", *GOOD]


def test_startup(device):
    device.recipe({"Startup": "echo up", "Run": "echo never", "Shutdown": "echo down"})
    process = device.start()
    world.wait_until(lambda: "RUNNING" in process.stdout.readline(), "RUNNING", 15)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0
    assert states(output) == ["RUNNING", "STOPPING", "FINISHED"]
    assert device.lines() == ["up", "down"]


def test_startup_that_fails(device):
    device.recipe({"Startup": "exit 1", "Shutdown": "echo down"})
    assert "BROKEN, STARTUP_ERROR" in device.deploy(code=3).stdout
    assert device.lines() == ["down"] * 3


@together
def install_timeout_ends_all_processes(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Install": {"Script": "echo $$ >> pids; sleep 1000 & echo $! >> pids; wait",
                               "Timeout": "{configuration:/timeout}"}},
                  configuration={"timeout": 0.5})
    done = device.deploy(code=3)
    assert "BROKEN, INSTALL_TIMEOUT" in done.stdout
    pids = device.read("pids").split()
    assert len(pids) == 6
    assert not [pid for pid in pids if is_alive(pid)]


@together
def what_ignores_sigterm_is_killed(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Install": "true",
                   "Startup": {"Script": "trap '' TERM; echo $$ > pid; while :; do sleep 1000; done",
                               "Timeout": 1}})
    process = device.start()
    pid = wait_for_file(device.work("pid")).strip()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert "did not respond to SIGTERM" in errors
    assert not is_alive(pid)


@together
def stream_held_open_by_a_child(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Startup": {"Script": "sleep 1000 & exit 0", "Timeout": 1}})
    assert "BROKEN, STARTUP_TIMEOUT" in device.deploy(code=3).stdout


@together
def install_does_not_wait_for_a_child_that_holds_its_streams(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Install": "sleep 1000 & echo $! > pid; exit 0", "Run": "true"})
    assert states(device.deploy(timeout=30).stdout) == GOOD
    assert not is_alive(device.read("pid").strip())


def test_shutdown_timeout(device):
    device.recipe({"Run": "true", "Shutdown": {"Script": "sleep 1000", "Timeout": 0.3}})
    done = device.deploy()
    assert states(done.stdout)[-3:] == ["STOPPING", "ERRORED", "FINISHED"]
    assert "the shutdown script took longer" in done.stdout


# -- stopping and dying ----------------------------------------------------------------------------


def test_sigterm_stops_the_component(device):
    device.recipe({"Run": "sh -c 'sleep 1000' & echo $! > child; wait", "Shutdown": "echo down"})
    process = device.start()
    child = wait_for_file(device.work("child")).strip()
    world.wait_until(lambda: device.state() == "RUNNING", "it to be noted")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 0, "it was up: stopping it is no failure"
    assert "Stopping the components." in output
    assert states(output)[-2:] == ["STOPPING", "FINISHED"]
    assert "down" in device.lines()
    assert not is_alive(child)


@together
def killed_nucleus(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Run": "trap '' TERM; (while :; do sleep 1000; done) & echo $! > child; wait"})
    process = device.start()
    child = wait_for_file(device.work("child")).strip()
    world.wait_until(lambda: "SUCCEEDED" in process.stdout.readline(), "its success")
    process.kill()
    process.communicate(timeout=15)
    assert is_alive(child), "it ignores the SIGTERM that comes with its supervisor's death"
    assert device.state() == "RUNNING (nobody supervises it: start the nucleus, or deploy it again)"
    device.recipe({"Run": "echo fine"})
    done = device.deploy(timeout=30)
    assert "was interrupted; this one takes its place" not in done.stdout, "it had succeeded"
    assert "processes that a killed nucleus left behind" in done.stderr
    assert not is_alive(child)
    assert states(done.stdout) == GOOD


def test_nucleus_killed_during_install(device):
    device.artifact(b"content")
    device.recipe({"Install": "sleep 1000 & echo $$ $! > pids; wait", "Run": "echo fine"})
    process = device.start()
    shell, child = wait_for_file(device.work("pids")).split()
    process.kill()  # at once: the ledger may not know of the script yet
    process.communicate(timeout=15)
    world.wait_until(lambda: not is_alive(shell), "the script to end with its supervisor")
    device.recipe({"Install": "true", "Run": "echo fine"})
    done = device.deploy()
    assert "was interrupted; this one takes its place" in done.stdout
    assert states(done.stdout) == GOOD
    assert not is_alive(child)


def test_daemon_outlives_a_killed_nucleus(device):
    """What has a living session of its own, as a container's monitor has, is left alone."""
    device.recipe({"Run": "setsid sh -c 'echo $$ > pid; sleep 1000; :' & sleep 1000"})
    process = device.start()
    daemon = int(wait_for_file(device.work("pid")))
    process.kill()
    process.communicate(timeout=15)
    device.recipe({"Run": "true"})
    device.deploy()
    assert is_alive(daemon)
    os.killpg(daemon, signal.SIGTERM)


def test_one_deployment_at_a_time(device):
    device.recipe({"Run": "echo 1 > up; sleep 1000"})
    process = device.start()
    wait_for_file(device.work("up"))
    second = device.deploy(code=1)
    assert second.stderr.startswith("mooring: deploy: another nucleus is running in ")
    process.terminate()
    process.communicate(timeout=15)


def test_interrupted_before_it_was_up(device):
    device.recipe({"Install": "echo 1 > here; sleep 1000"})
    process = device.start()
    wait_for_file(device.work("here"))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=15)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.endswith("mooring: deploy: interrupted\n")
    assert states(output) == ["NEW", "STOPPING", "FINISHED"]


# -- dependencies ----------------------------------------------------------------------------------


def test_dependencies_start_first_and_stop_last(device):
    order = os.path.join(device.directory, "order")
    for name, needs in (("a", {}), ("b", {"com.example.a": "^1.0.0"}),
                        ("c", {"com.example.b": ">=1.0.0 <2.0.0", "com.example.a": "~1.0.0"})):
        device.recipe({"Startup": f"sleep 0.2; echo +{name} >> {order}",
                       "Shutdown": f"sleep 0.2; echo -{name} >> {order}"},
                      name=f"com.example.{name}",
                      dependencies={need: {"VersionRequirement": version}
                                    for need, version in needs.items()})
    process = device.start("com.example.c=1.0.0")
    world.wait_until(lambda: device.component("list").count("State: RUNNING") == 3, "all to run")
    process.terminate()
    process.communicate(timeout=15)
    assert process.returncode == 0
    with open(order) as file:
        assert file.read().split() == ["+a", "+b", "+c", "-c", "-b", "-a"]


def test_dependency_that_is_broken(device):
    device.recipe({"Run": "true"}, name="com.example.b",
                  dependencies={"com.example.a": {"VersionRequirement": "*"}})
    device.recipe({"Startup": "exit 1"}, name="com.example.a")
    done = device.deploy("com.example.b=1.0.0", code=3)
    assert "com.example.a 1.0.0: BROKEN" in done.stdout
    assert "com.example.b 1.0.0: INSTALLED" in done.stdout


@together
def dependency_that_starts_again_takes_its_dependents_along(moor, directory):
    device = Device(moor, directory)
    device.recipe({"Run": "echo run; test -e again || { sleep 0.5; touch again; exit 1; }; sleep 1"},
                  name="com.example.a")
    device.recipe({"Run": "echo run; sleep 2"}, name="com.example.b",
                  dependencies={"com.example.a": {"VersionRequirement": "*"}})
    device.deploy("com.example.b=1.0.0")
    assert device.lines("com.example.a") == ["run", "run"]
    assert device.lines("com.example.b") == ["run", "run"]


def test_versions_and_stored_recipes(device):
    for version in ("1.0.0", "1.5.0", "2.0.0"):
        device.recipe({"Run": f"echo {version}"}, version=version)
    device.deploy(f"{NAME}=^1.0.0")
    assert device.lines() == ["1.5.0"]
    for version in ("1.0.0", "1.5.0", "2.0.0"):
        os.unlink(os.path.join(device.recipes, f"{NAME}-{version}.json"))
    device.deploy(f"{NAME}=1.5.0")
    assert device.lines() == ["1.5.0"] * 2, "from the recipe that was stored"
    refused = device.deploy(f"{NAME}=2.0.0", code=1)
    assert refused.stderr == (f"mooring: deploy: no usable version of {NAME} meets all requirements: "
                              "2.0.0 (asked for); there are: 1.5.0\n")
    log = device.log("greengrass")  # for who asks when the terminal is closed
    assert "FAILED_NO_STATE_CHANGE" in log and f"[ERROR] (mooring) greengrass: no usable version of {NAME} meets" in log, log


def test_remove(device):
    device.artifact(b"x")
    device.recipe({"Run": "true"})
    device.recipe({"Run": "true"}, name="com.example.Other")
    device.deploy(f"{NAME}=1.0.0", "com.example.Other=1.0.0")
    assert os.path.exists(device.stored_artifact())
    device.moor.run(NUCLEUS, "deploy", "--foreground", "--root", device.root, "--config",
                    device.config, "--remove", NAME)
    assert NAME not in device.component("list")
    assert "com.example.Other" in device.component("list")
    assert not os.path.exists(device.stored_artifact())


# -- artifacts -------------------------------------------------------------------------------------


def test_local_artifact_modes(device):
    device.artifact(b"x")
    device.artifact(b"#!/bin/sh\necho executed\n", "run.sh")
    device.recipe({"Run": "{artifacts:path}/run.sh"},
                  artifacts=[{"URI": "s3://bucket/any/where/run.sh",
                              "Permission": {"Read": "ALL", "Execute": "ALL"}}])
    device.deploy()
    assert device.lines() == ["executed"], "what is there already is not downloaded"
    assert stat.S_IMODE(os.stat(device.stored_artifact()).st_mode) == 0o440
    assert stat.S_IMODE(os.stat(device.stored_artifact("run.sh")).st_mode) == 0o555
    device.artifact(b"#!/bin/sh\necho changed\n", "run.sh")
    device.deploy()
    assert device.lines()[-1] == "changed"


@pytest.fixture
def open_root():
    """A directory that other users may enter, as they may not enter pytest's."""
    with tempfile.TemporaryDirectory(prefix="mooring-test-") as directory:
        os.chmod(directory, 0o755)
        yield os.path.join(directory, "device")


def test_component_user(moor, tmp_path, open_root):
    device = Device(moor, tmp_path / "d", root=open_root)
    device.configure(services={"aws.greengrass.Nucleus": {"configuration": {
        "runWithDefault": {"posixUser": "nobody:daemon"}}}})
    device.artifact(b"mine")
    device.recipe({"Install": {"Script": "id -un", "RequiresPrivilege": True},
                   "Run": "id -un; id -gn; echo $HOME; cat {artifacts:path}/file.txt; touch mine"})
    done = device.deploy()
    assert device.lines() == ["root", "nobody", "daemon", "/nonexistent", "mine"], done.stdout
    assert os.stat(device.stored_artifact()).st_uid == os.stat(device.work("mine")).st_uid != 0
    assert os.stat(os.path.dirname(device.stored_artifact())).st_uid == 0


def test_user_that_is_not_there(device):
    device.configure(services={"aws.greengrass.Nucleus": {"configuration": {
        "runWithDefault": {"posixUser": "nobody-such"}}}})
    device.recipe({"Run": "true"})
    assert device.deploy(code=1).stderr == (
        "mooring: deploy: there is no user \"nobody-such\" (runWithDefault.posixUser)\n")
    device.configure(services={})
    device.deploy()  # the mistake was not kept: it is gone from the file


def test_artifact_link_out_of_the_directory(device):
    device.artifact(b"inside")
    directory = os.path.join(device.artifacts, NAME, "1.0.0")
    os.symlink("file.txt", os.path.join(directory, "good.txt"))
    device.recipe({"Run": "cat {artifacts:path}/good.txt"})
    device.deploy()
    assert device.lines() == ["inside"]
    os.symlink("/etc/shadow", os.path.join(directory, "evil.txt"))
    refused = device.deploy(code=1)
    assert refused.stderr.startswith(f"mooring: deploy: artifact directory {device.artifacts}: ")
    assert "evil.txt" in refused.stderr and refused.stderr.count("\n") == 1
    assert not os.path.exists(device.stored_artifact("evil.txt"))
    assert device.state() == "FINISHED", "as before"


def test_artifact_directory_that_holds_the_store(device):
    device.recipe({"Run": "true"})
    device.artifacts = device.directory
    assert "must not hold the store" in device.deploy(code=1).stderr


def test_disk_full(moor, tmp_path, small_disk):
    device = Device(moor, tmp_path / "d", root=os.path.join(small_disk, "device"))
    device.artifact(b"small")
    device.recipe({"Run": "true"})
    device.deploy()
    device.artifact(bytes(20 * 1024 * 1024), "big.bin")
    refused = device.deploy(code=1)
    assert "No space left on device" in refused.stderr and refused.stderr.count("\n") == 1
    assert device.state() == "FINISHED"
    assert os.listdir(os.path.dirname(device.stored_artifact())) == ["file.txt"]


def zip_of(*entries, method=zipfile.ZIP_DEFLATED):
    """A ZIP archive; each entry is (name, content) or (name, content, Unix mode)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content, *mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = (mode[0] if mode else 0o100644) << 16
            archive.writestr(info, content)
    return data.getvalue()


def sharing(content, count):
    """An archive whose table of contents lists its one file as often as that."""
    archive = zip_of(("a", content), method=zipfile.ZIP_STORED)
    table = archive.index(b"PK\x01\x02")
    entry, end = archive[table:-22], archive[-22:]
    return (archive[:table] + entry * count + end[:8] + struct.pack("<HHI", count, count, count * len(entry))
            + end[16:])


ZIP = [{"URI": "s3://bucket/app.tar.zip", "Unarchive": "ZIP",
        "Permission": {"Read": "ALL", "Execute": "ALL"}}]


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED])
def test_unarchive_zip(device, method):
    device.artifact(zip_of(("bin/", ""), ("bin/run.sh", "#!/bin/sh\ncat ${0%/*}/../data\n"),
                           ("data", "content " * 9999), ("link", "/etc/shadow", 0o120777),
                           ("empty", ""), method=method), "app.tar.zip")
    device.recipe({"Run": "{artifacts:decompressedPath}/app.tar/bin/run.sh | wc -c"},
                  artifacts=ZIP)
    device.deploy()
    assert device.lines() == ["79992"]
    directory = os.path.join(device.root, "packages", "artifacts-unarchived", NAME, "1.0.0")
    assert os.listdir(directory) == ["app.tar"]
    data = os.path.join(directory, "app.tar", "data")
    assert stat.S_IMODE(os.stat(data).st_mode) == 0o555
    assert os.stat(os.path.join(directory, "app.tar", "bin")).st_uid == os.getuid()
    with open(os.path.join(directory, "app.tar", "link")) as file:
        assert file.read() == "/etc/shadow", "a link is no way out"
    inode = os.stat(data).st_ino
    device.deploy()
    assert os.stat(data).st_ino == inode, "the same archive is not taken apart again"
    device.artifact(zip_of(("new", "x")), "app.tar.zip")
    device.recipe({"Run": "ls {artifacts:decompressedPath}/app.tar"}, artifacts=ZIP)
    device.deploy()
    assert device.lines()[-1] == "new" and not os.path.exists(data)


@pytest.mark.parametrize("content, reason", [
    (zip_of(("good", "x"), ("../evil", "x")), "entry ../evil: it leads out of the directory"),
    (zip_of(("a/../../evil", "x")), "entry a/../../evil: it leads out of the directory"),
    (zip_of(("/etc/evil", "x")), "entry /etc/evil: it leads out of the directory"),
    (zip_of(("/".join("d" * 40), "x")), "a name is too deep or too long"),
    (zip_of(("file", "x"), ("file/below", "x")), "make a directory: Not a directory"),
    (zip_of(("a", "x" * 5000))[:-30], "it has no table of contents"),
    (zip_of(("a", bytes(70000)), method=zipfile.ZIP_STORED).replace(bytes(10), b"1" * 10, 1),
     "entry a: not a good ZIP archive: a file is not what its checksum promises"),
    (sharing("x" * 5000, 9), "entry a: not a good ZIP archive: files share bytes"),
    (b"PK\x03\x04 not a zip", "it is too short"),
    (zip_of(("a", "x"), method=zipfile.ZIP_BZIP2), "compression method 12 is not supported"),
], ids=lambda value: value if isinstance(value, str) else "zip")
def test_unarchive_bad_zip(device, content, reason):
    device.artifact(content, "app.tar.zip")
    device.recipe({"Run": "true"}, artifacts=ZIP)
    refused = device.deploy(code=1)
    assert f"{NAME}: artifact s3://bucket/app.tar.zip: Unarchive: " in refused.stderr
    assert reason in refused.stderr and refused.stderr.count("\n") == 1
    directory = os.path.join(device.root, "packages", "artifacts-unarchived", NAME, "1.0.0")
    assert os.listdir(directory) == []
    assert device.component("list").count("Component Name") == 0


def test_unzip_counts_directories(tmp_path):
    """In memory: a disk takes its time for so many."""
    (tmp_path / "many.zip").write_bytes(zip_of(*((f"{i}/" + "d/" * 30, "") for i in range(2200)), method=zipfile.ZIP_STORED))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        unzip = subprocess.run(["sh", "-c", 'exec 3<"$1" && exec "$0" <"$2"', os.path.join(world.BUILD, "lifecycle", "mooring-unzip"),
                                directory, tmp_path / "many.zip"], capture_output=True, text=True, timeout=120)
        assert unzip.returncode == 1 and unzip.stderr.endswith("more than 65535 directories are in it\n")


def test_unzip_has_a_limit_of_time(tmp_path):
    """Looked at while it cannot get rid of what it has to say."""
    reader, writer = os.pipe()
    os.write(writer, b" " * 65536)
    (tmp_path / "bad.zip").write_bytes(b"none")
    with subprocess.Popen(["sh", "-c", 'exec 3<"$1" && exec "$0" <"$2"', os.path.join(world.BUILD, "lifecycle", "mooring-unzip"),
                           tmp_path, tmp_path / "bad.zip"], stderr=writer) as unzip:
        os.close(writer)
        limit = re.compile(r"^Max cpu time +900 +900 +seconds", re.M)
        world.wait_until(lambda: limit.search(open(f"/proc/{unzip.pid}/limits").read()), "a limit of the processor's time")
        with open(reader, "rb") as words:
            assert b"zip" in words.read().lower()
    assert unzip.returncode == 1


# -- S3 --------------------------------------------------------------------------------------------


@pytest.fixture
def s3():
    with S3Server() as server:
        yield server


def sha256_base64(content):
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.fixture
def cloud(device, s3):
    """A device whose recipe's artifact is in S3; its config names the server."""
    device.configure(s3={"endpoint": s3.endpoint, "region": s3.region})
    device.content = os.urandom(300000)
    s3.put("bucket", "some/folder/file.txt", device.content)
    device.moor.env.update({"AWS_ACCESS_KEY_ID": s3.access_key,
                            "AWS_SECRET_ACCESS_KEY": s3.secret_key})
    device.uri = {"URI": "s3://bucket/some/folder/file.txt"}
    device.recipe({"Run": "wc -c < {artifacts:path}/file.txt"}, artifacts=[device.uri])
    return device


def test_s3_artifact(cloud, s3):
    cloud.deploy()
    assert cloud.lines() == ["300000"]
    with open(cloud.stored_artifact(), "rb") as file:
        assert file.read() == cloud.content
    assert stat.S_IMODE(os.stat(cloud.stored_artifact()).st_mode) == 0o440
    assert s3.requests and all(request.status in (200, 206) for request in s3.requests)
    count = len(s3.requests)
    cloud.deploy()
    assert len(s3.requests) == count, "it is there: nothing is asked"


def test_s3_digest(cloud, s3):
    cloud.recipe({"Run": "true"}, artifacts=[
        {**cloud.uri, "Digest": sha256_base64(cloud.content), "Algorithm": "SHA-256"}])
    cloud.deploy()
    count = len(s3.requests)
    cloud.artifact(b"tampered with")
    cloud.deploy()
    with open(cloud.stored_artifact(), "rb") as file:
        assert file.read() == cloud.content, "a file that is not what was promised is fetched again"
    assert len(s3.requests) > count


def test_s3_wrong_digest(cloud):
    cloud.recipe({"Run": "true"}, artifacts=[{**cloud.uri, "Digest": sha256_base64(b"other")}])
    refused = cloud.deploy(code=1)
    assert refused.stderr == (f"mooring: deploy: {NAME}: artifact {cloud.uri['URI']}: the object is "
                              "not what the recipe's digest promises\n")
    assert os.listdir(os.path.dirname(cloud.stored_artifact())) == []
    assert cloud.component("list").count("Component Name") == 0, "nothing was changed"


def test_s3_missing_object(cloud):
    cloud.recipe({"Run": "true"}, artifacts=[{"URI": "s3://bucket/not/there.tar"}])
    refused = cloud.deploy(code=1)
    assert refused.stderr.startswith(
        f"mooring: deploy: {NAME}: artifact s3://bucket/not/there.tar: ")
    assert refused.stderr.count("s3://") == 1
    assert refused.stderr.count("\n") == 1
    assert not os.path.exists(cloud.stored_artifact("there.tar"))


def test_s3_without_credentials(cloud):
    refused = cloud.deploy(code=1, env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    assert refused.stderr.startswith(f"mooring: deploy: {NAME}: artifact {cloud.uri['URI']}: ")
    assert "there are no AWS credentials to sign with" in refused.stderr
    assert refused.stderr.count("\n") == 1
    refused = cloud.deploy(code=1, env={"AWS_ACCESS_KEY_ID": ""})
    assert "AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not" in refused.stderr


def test_s3_by_the_role_alias_through_the_networks_proxy(device, tmp_path):
    """The device's certificate, its root and its proxy, with a password: for the credentials and for the object."""
    keys = ("AKIDTEST", "secret/with+signs", "session/token==")
    pem = make_certificate(str(tmp_path), "credentials.test")
    names = {"credentials.test": "127.0.0.1", "s3.test": "127.0.0.1"}
    nucleus = {"runWithDefault": {"posixUser": "root"}, "awsRegion": "us-east-1", "iotRoleAlias": "alias"}
    with S3Server(*keys[:2], session_token=keys[2]) as s3, squid(names) as proxy, \
            Server(AwsServer(keys=[keys]), certificate=pem, client_ca=pem) as credentials:
        s3.put("bucket", "file.txt", b"content")
        nucleus["iotCredEndpoint"] = credentials.host.replace("127.0.0.1", "credentials.test")
        nucleus["networkProxy"] = {"proxy": {"url": f"http://{proxy.address}", "username": USER, "password": PASSWORD}}
        system = {"thingName": "thing1", "rootCaPath": pem, "certificateFilePath": pem, "privateKeyPath": pem}

        def configure(**changes):
            device.configure(system={**system, **changes}, s3={"endpoint": f"http://s3.test:{s3.port}"},
                             services={"aws.greengrass.Nucleus": {"configuration": nucleus}})
        configure()
        device.recipe({"Run": "cat {artifacts:path}/file.txt"}, artifacts=[{"URI": "s3://bucket/file.txt"}])
        device.deploy()
        assert device.lines() == ["content"] and credentials.paths() == ["/role-aliases/alias/credentials"]
        log = proxy.log()
        assert "CONNECT credentials.test" in log and "GET http://s3.test" in log

        env = {"AWS_ACCESS_KEY_ID": keys[0], "AWS_SECRET_ACCESS_KEY": keys[1], "AWS_SESSION_TOKEN": keys[2]}
        device.recipe({"Run": "true"}, version="1.0.1", artifacts=[{"URI": "s3://bucket/file.txt"}])
        configure(rootCaPath="/nowhere/root.pem")
        refused = device.deploy(f"{NAME}=1.0.1", code=1, env=env)
        assert refused.stderr.count("\n") == 1 and "rootCaPath: open /nowhere/root.pem" in refused.stderr
        configure()
        nucleus["networkProxy"]["proxy"]["password"] = "wrong"
        configure()
        refused = device.deploy(f"{NAME}=1.0.1", code=1, env=env)
        assert "the proxy" in refused.stderr and PASSWORD not in refused.stderr


def test_s3_by_a_profile(cloud, s3):
    """What AWS' own programs find, mooring-fetch is told."""
    with open(os.path.join(cloud.directory, "credentials"), "w") as file:
        file.write(f"[gateway]\naws_access_key_id = {s3.access_key}\naws_secret_access_key = {s3.secret_key}\n")
    cloud.deploy(env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_PROFILE": "gateway",
                      "AWS_SHARED_CREDENTIALS_FILE": os.path.join(cloud.directory, "credentials")})
    assert cloud.lines() == ["300000"]


def test_s3_interrupted(cloud, s3):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cloud.configure(s3={"endpoint": "http://127.0.0.1:%d" % silent.getsockname()[1],
                            "region": s3.region})
        process = cloud.start()
        silent.settimeout(15)
        connection, _ = silent.accept()  # and never answers
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=15)
        connection.close()
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert os.listdir(os.path.dirname(cloud.stored_artifact())) == []
    cloud.configure(s3={"endpoint": s3.endpoint, "region": s3.region})
    cloud.deploy()


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize("text, reason", [
    ("{", "not valid JSON"),
    ('{"RecipeFormatVersion": "2030-01-01"}', 'RecipeFormatVersion: "2030-01-01" is not a format'),
    ('{"RecipeFormatVersion": "2020-01-25", "ComponentName": 5, "ComponentVersion": "1.0.0", '
     '"Manifests": [{"Lifecycle": {"run": 5}}]}',
     "Manifests[0].Lifecycle.run: expected a string or an object, found a number"),
    ("[" * 10000, "nested too deeply"),
])
def test_bad_recipe(device, text, reason):
    device.recipe({"Run": "true"})
    device.write("bad.json", text)
    refused = device.deploy(code=1)
    assert refused.stderr.startswith(f"mooring: deploy: {device.recipes}/bad.json: ")
    assert refused.stdout.endswith(", FAILED_NO_STATE_CHANGE\n"), "the reason is said once"
    assert reason in refused.stderr and refused.stderr.count("\n") == 1
    assert device.component("list").count("Component Name") == 0, "nothing was changed"


HEAD = "RecipeFormatVersion: '2020-01-25'\nComponentName: A\nComponentVersion: 1.0.0\n"
MISTAKES = [
    ('{"RecipeFormatVersion": "2020-01-25",\n "Manifests": [', "{file}: not valid JSON at line 2, column 16: "),
    ("services: {web: {image: x}}\n",
     "{file}: this is no recipe: RecipeFormatVersion and ComponentName are missing (below --recipe-dir, "),
    (HEAD + "Manifests:\n\t- Lifecycle: {Run: a}\n",
     "{file}: line 5: a character no value begins with, such as a tab: YAML is indented with spaces"),
    (HEAD + "Manifests:\n  - Lifecycle:\n      Run: echo a: b\n",
     "{file}: line 6: mapping values are not allowed in this context"),
    (HEAD + "Manifest: []\n", "{file}: Manifests is missing or empty"),
    (HEAD + "Manifests: {Lifecycle: {Run: a}}\n", "{file}: Manifests: expected an array, found an object"),
    (HEAD + "Manifests: [{Platform: {os: linux, architecture: z80}}]\n",
     "no usable version of A meets all requirements: 1.0.0 (asked for); there are: 1.0.0 (not for this platform: "
     "os linux, architecture "),
    (HEAD.replace("1.0.0", "1.0") + "Manifests: [{}]\n",
     '{file}: ComponentVersion: "1.0" is not a version such as 1.0.0 (numbers of at most 6 digits)'),
    (HEAD + "Manifests: [{Artifacts: [{URI: 's3://b/x.tar', Unarchive: TAR}]}]\n",
     '{file}: Manifests[0].Artifacts[0].Unarchive: "TAR" is none of NONE, ZIP'),
    (HEAD + "Manifests: [{Artifacts: [{URI: 'https://b/x.zip'}]}]\n",
     '{file}: Manifests[0].Artifacts[0].URI: "https://b/x.zip" has none of the schemes s3://, docker:, greengrass: '
     "(a local file needs no URI: put it into the artifact directory)"),
    (HEAD + "Manifests: [{Artifacts: [{URI: 's3://bucket/x.zip'}]}]\n",
     'A: artifact s3://bucket/x.zip: Get "https://bucket.s3.eu-central-1.amazonaws.com/x.zip": dial tcp: lookup '
     "bucket.s3.eu-central-1.amazonaws.com"),  # and why: by the machine's network
    (HEAD + "Manifests: [{}]\nComponentDependencies: {B: {VersionRequirement: latest}}\n",
     '{file}: ComponentDependencies.B.VersionRequirement: "latest" is not a version requirement such as ^1.0.0 or '
     ">=1.0.0 <2.0.0"),
    (HEAD + "Manifests: [{}]\nComponentDependencies: {B: {VersionRequirement: ^1.0.0}}\n",
     "no recipe of B was found; wanted: ^1.0.0 (for A) (is its recipe below --recipe-dir?)"),
    (HEAD + "Manifests: [{Lifecycle: {Install: {Script: a, Timeout: soon}}}]\n",
     'A: install: Timeout: "soon" is not a number of seconds from 1 to 8640000'),
    ('{"RecipeFormatVersion": "2020-01-25",\n "Manifests": [{},]}', "{file}: not valid JSON at line 2, column 19: "),
]


def test_mistakes_of_an_author(device):
    """One line each, that says where."""
    for text, line in MISTAKES:
        name = "A.json" if text.startswith("{") else "A.yaml"
        device.write(name, text)
        refused = device.deploy("A=1.0.0", code=1)
        os.unlink(os.path.join(device.recipes, name))
        line = line.replace("{file}", f"{device.recipes}/{name}").replace("{artifacts}", device.artifacts)
        assert refused.stderr.startswith("mooring: deploy: " + line)
        assert refused.stderr.count("\n") == 1
        assert "s3://bucket" not in line or refused.stderr.endswith(f" (there is no {device.artifacts}/A/1.0.0/x.zip)\n")
    device.write("A.yaml", HEAD + "Manifests: [{Lifecycle: {Runn: a}}]\n")
    assert f"{device.recipes}/A.yaml: Manifests[0].Lifecycle.Runn: no such key is known; it is ignored\n" in \
        device.deploy("A=1.0.0").stdout


@pytest.mark.parametrize("make, reason", [
    (os.mkfifo, "not a file"),
    (lambda path: os.symlink("/dev/zero", path), "not a file"),
    (lambda path: os.symlink(path, path), "Too many levels of symbolic links"),
    (lambda path: open(path, "w").close(), "is empty"),
    (lambda path: os.truncate(path, 2 << 20) if open(path, "w").close() is None else None,
     "larger than 1048576 bytes"),
])
def test_bad_recipe_file(device, make, reason):
    device.recipe({"Run": "true"})
    make(os.path.join(device.recipes, "bad.yaml"))
    refused = device.deploy(code=1)
    assert refused.stderr.startswith("mooring: deploy: ")
    assert f"{device.recipes}/bad.yaml" in refused.stderr
    assert reason in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("text, reason", [
    ("- a\n", "config.yaml: expected an object, found an array"),
    ("services: 5\n", "services: expected an object, found a number"),
    ("a: [\n", "line 2: "),
    ("s3: {path_style: perhaps}\n", "s3.path_style: expected a boolean"),
])
def test_bad_configuration(device, text, reason):
    device.recipe({"Run": "true"})
    with open(device.config, "w") as file:
        file.write(text)
    refused = device.deploy(code=1)
    assert reason in refused.stderr and refused.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["", "# nothing\n", "other: 1\n"])
def test_empty_configuration(device, text):
    device.recipe({"Run": "true"})
    with open(device.config, "w") as file:
        file.write(text)
    device.deploy()


def test_damaged_ledger(device):
    device.recipe({"Run": "true"})
    device.deploy()
    path = os.path.join(device.root, "config", "nucleus.db")
    with open(path, "w") as file:
        file.write("no database" * 100)
    refused = device.deploy(code=1)
    assert f"the record of deployments {path} is damaged (remove it to start anew)" in refused.stderr
    os.unlink(path)
    device.deploy()


@pytest.mark.parametrize("lifecycle, reason", [
    ({"Run": {"Script": "x", "Timeout": "soon"}}, 'run: Timeout: "soon" is not a number'),
    ({"Run": {"Script": "x", "Timeout": -1}}, 'run: Timeout: "-1" is not a number'),
    ({"Run": {"Script": "x", "RequiresPrivilege": "maybe"}}, '"maybe" is neither true nor false'),
    ({"Run": {"Script": "x", "Skipif": "whatever"}}, 'Skipif: "whatever" is neither'),
])
def test_bad_lifecycle(device, lifecycle, reason):
    device.recipe(lifecycle)
    refused = device.deploy(code=1)
    assert refused.stderr.startswith(f"mooring: deploy: {NAME}: ")
    assert reason in refused.stderr
    assert device.component("list").count("Component Name") == 0


def test_other_type_of_component(device):
    device.recipe({"Run": "true"}, ComponentType="aws.greengrass.lambda")
    refused = device.deploy(code=1)
    assert refused.stderr == (f"mooring: deploy: {NAME}: components of the type "
                              "aws.greengrass.lambda are not supported\n")


@pytest.mark.parametrize("artifact, reason", [
    ({"URI": "greengrass:file.zip"}, "greengrass: artifacts come from AWS' component service, which is not supported: use s3:// "
     "or the artifact directory"),
    ({"URI": "docker:example.com/A-timeout"}, "Invalid Docker image artifact uri. URI should follow the format of "
     "`docker:registry/image_name[:tag]|[@digest]`: invalid reference format: repository name (A-timeout) must be lowercase"),
])
def test_unsupported_artifact(device, artifact, reason):
    device.recipe({"Run": "true"}, artifacts=[artifact])
    refused = device.deploy(code=1)
    assert refused.stderr == f"mooring: deploy: {NAME}: artifact {artifact['URI']}: {reason}\n"
    assert device.component("list").count("Component Name") == 0


@pytest.mark.parametrize("arguments, reason", [
    ([], "nothing to do: give --merge"),
    (["--groupId", "a:b", "--merge", "x=1.0.0"], "a group's name has no ':'"),
    (["--foreground", "--merge", "x=1.0.0", "more"], 'unexpected argument "more"'),
    (["--colour"], "--colour"),
])
def test_usage(moor, arguments, reason):
    refused = moor.run(NUCLEUS, "deploy", *arguments, code=2)
    assert reason in refused.stderr
    assert 'Try "mooring deploy --help".' in refused.stderr
    assert not os.path.exists(moor.root)


@pytest.mark.parametrize("merge, reason", [
    ("x", "--merge x: expected NAME=VERSION"),
    ("x=", "--merge x=: expected NAME=VERSION"),
    ("../x=1.0.0", "--merge ../x=1.0.0: not a component's name: \"../x\""),
    ("x=latest", '--merge x=latest: "latest" is not a version requirement'),
    ("x=1.0.0", "no recipe of x was found"),
])
def test_bad_merge(device, merge, reason):
    refused = device.deploy(merge, code=1 if merge == "x=1.0.0" else 2)
    assert refused.stderr.startswith(f"mooring: deploy: {reason}")


def test_help(moor):
    assert "Exit status:" in moor.run(NUCLEUS, "deploy", "--help").stdout
    assert "Usage: mooring component list" in moor.run(NUCLEUS, "component", "--help").stdout


# -- with our docker -------------------------------------------------------------------------------


def seed_recipe(extension, **replacements):
    path = os.path.join(world.TESTS, "cases", "recipe", "seed",
                        f"com.example.MyS3DockerComponent-1.0.0.{extension}")
    with open(path) as file:
        text = file.read()
    for old, new in replacements.items():
        assert old.replace("_", "-") in text
        text = text.replace(old.replace("_", "-"), new)
    return text


@pytest.mark.parametrize("extension", ["json", "yaml"])
def test_seed_recipe_from_s3(device, s3, tmp_path, extension):
    image = world.Image(Cmd=["/bin/echo", "Hello from a container"])
    with open(image.save(tmp_path / "x.tar", "hello-world:latest"), "rb") as file:
        s3.put("images", "artifacts/com.example.MyDockerComponent/1.0.0/hello-world.tar",
               file.read())
    device.configure(s3={"endpoint": s3.endpoint, "region": s3.region})
    device.write(f"seed.{extension}", seed_recipe(extension, DOC_EXAMPLE_BUCKET="images"))
    name = "com.example.MyS3DockerComponent"
    done = device.moor.mooring(
        *device.arguments(f"{name}=1.0.0")[1:],
        env={"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key})
    assert states(done.stdout, name) == GOOD
    assert "Hello from a container" in device.lines(name)
    assert device.moor.docker("ps", "-aq").stdout == ""


def test_seed_recipe_of_compose(device, s3, registry):
    """Images by docker:, the compose file from S3, docker-compose up as the script; stopped with its containers."""
    registry.push(world.Image(Cmd=["/bin/echo", "agent up"]), "cloudwatch-agent/cloudwatch-agent")
    registry.push(world.Image(Cmd=["sh", "-c", "echo mysqld; trap 'exit 0' TERM; while :; do sleep 0.1; done"]), "mysql", "8.0")
    agent, mysql = (f"{registry.address}/{name}" for name in ("cloudwatch-agent/cloudwatch-agent:latest", "mysql:8.0"))
    s3.put("images", "folder/docker-compose.yaml", (f'version: "3"\nservices:\n  cloudwatchagent:\n    image: "{agent}"\n'
                                                    f'  mysql:\n    image: "{mysql}"\n').encode())
    device.configure(s3={"endpoint": s3.endpoint, "region": s3.region})
    name = "com.example.MyDockerComposeComponent"
    with open(os.path.join(world.TESTS, "cases", "recipe", "seed", f"{name}-1.0.0.yaml")) as file:
        recipe = file.read()
    for old, new in (("public.ecr.aws/cloudwatch-agent/cloudwatch-agent:latest", agent), ("docker:mysql:8.0", "docker:" + mysql),
                     ("DOC-EXAMPLE-BUCKET", "images")):
        assert old in recipe
        recipe = recipe.replace(old, new)
    device.write("seed.yaml", recipe)
    process = device.start(f"{name}=1.0.0", env={"AWS_ACCESS_KEY_ID": s3.access_key, "AWS_SECRET_ACCESS_KEY": s3.secret_key})
    plain = re.compile(r"\x1b\[[0-9;]*m")
    world.wait_until(lambda: os.path.exists(os.path.join(device.root, "logs", f"{name}.log")) and
                     {"mysql_1            | mysqld", "cloudwatchagent_1  | agent up"} <=
                     {plain.sub("", line) for line in device.lines(name)}, "both services", 40)
    world.wait_until(lambda: device.moor.docker("ps", "--format", "{{.Names}}").stdout == "100_mysql_1\n", "the agent's end to be noted")
    process.terminate()
    process.communicate(timeout=40)
    assert process.returncode == 0 and device.moor.docker("ps", "-q").stdout == ""
    states_now = device.moor.docker("ps", "-a", "--format", "{{.Names}} {{.Status}}").stdout.splitlines()
    assert sorted(line.split(" ")[0] for line in states_now) == ["100_cloudwatchagent_1", "100_mysql_1"]
    assert all(" Exited (0) " in line for line in states_now)


@together
def stopping_stops_the_container(moor, directory):
    """One that ignores SIGTERM: docker is killed after five seconds, its monitor does the rest."""
    device, busybox = Device(moor, directory), load_busybox(moor, directory)
    device.recipe({"Run": f"docker run --rm --network none --stop-timeout 1 --name sleeper {busybox} sleep 1000"})
    process = device.start()
    world.wait_until(lambda: "sleeper" in device.moor.docker("ps").stdout, "the container")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 0
    world.wait_until(lambda: device.moor.docker("ps", "-aq").stdout == "", "its end", 30)


@together
def next_deployment_ends_the_container_of_a_killed_nucleus(moor, directory):
    device, busybox = Device(moor, directory), load_busybox(moor, directory)
    device.recipe({"Run": f"docker run --rm --network none --stop-timeout 1 --name sleeper {busybox} sleep 1000"})
    process = device.start()
    world.wait_until(lambda: "sleeper" in device.moor.docker("ps").stdout, "the container")
    process.kill()
    process.communicate(timeout=15)
    device.recipe({"Run": "true"})
    device.deploy()
    world.wait_until(lambda: "sleeper" not in device.moor.docker("ps", "-a").stdout, "its end", 30)


def test_docker_artifact(device, registry):
    registry.push(world.Image(Cmd=["/bin/echo", "pulled"]), "lifecycle/image", "1.0")
    image = f"{registry.address}/lifecycle/image:1.0"
    device.recipe({"Run": f"docker run --rm {image}"}, artifacts=[{"URI": f"docker:{image}"}])
    device.deploy()
    assert "pulled" in device.lines()
    device.recipe({"Run": "true"}, artifacts=[{"URI": f"docker:{registry.address}/no/such"}])
    refused = device.deploy(code=1)
    assert f"artifact docker:{registry.address}/no/such: docker pull" in refused.stderr
    assert f"Warning: {NAME}: artifact docker:{registry.address}/no/such names neither a tag nor a digest" in refused.stdout
    assert device.state() == "FINISHED", "nothing was changed"


def test_our_docker_is_on_the_path_for_skipif(device):
    device.recipe({"Install": {"Script": "echo installing docker", "Skipif": "onpath docker"},
                   "Run": "command -v docker"})
    device.deploy()
    assert device.lines() == [os.path.join(device.moor.names, "docker")]


outcomes, test_what_waits = together.tests()
