# SPDX-License-Identifier: Apache-2.0
"""Recipes as people write them (tests/cases/recipe/real), all deployed at once: what each goes through."""

import gzip
import os
import stat

import pytest

import world
from resident import Resident, wait_until
from test_lifecycle import zip_of

RECIPES = os.path.join(world.TESTS, "cases", "recipe", "real")
ENDS = "NEW INSTALLED STARTING RUNNING STOPPING FINISHED"
ERROR = "INSTALLED STARTING RUNNING ERRORED"
# Of each component: its states up to the end of the nucleus, and what it wrote. None: not looked at.
EXPECTED = {
    "AptInstall": (ENDS, ["apt-get update -y", "apt-get install -y docker-ce docker-ce-cli "
                          "containerd.io", "Loaded image: busybox:test", "from apt"]),
    "ComposeUpDown": (ENDS, None),
    "ComposeRun": (ENDS, None),
    "Detached": (ENDS, None),
    "LogsFollow": (ENDS, None),
    "PassThrough": (ENDS, ["eu-central-1/Hello, World!/3/none/16/MyThing"]),
    "OptionsInVariables": (ENDS, ["the default is used", "1, two words", "{a:[1,2]}"]),
    "SkipIfDocker": (ENDS, None),
    "BootstrapNetwork": (ENDS, None),
    "Uninstall": (ENDS, None),
    "LoadGzip": (ENDS, None),
    "WorkDirectory": (ENDS, ["from the host", "from inside"]),
    "Unarchived": (ENDS, ["hello app"]),
    "ExitCode": (f"NEW {ERROR} STOPPING {ERROR} STOPPING {ERROR} BROKEN",
                 ["recover", "shutdown", "recover", "shutdown", "shutdown"]),
    "StopByHand": (ENDS, ["in the other one", "detached"]),
}
COMPOSE = """
services:
  one: {image: "busybox:test", command: "sleep 1000", network_mode: none}
  two: {image: "busybox:test", command: ["sleep", "1000"], network_mode: none}
"""
COMPOSE_ENDS = """
services:
  one: {image: "busybox:test", command: "echo one", network_mode: none}
  two: {image: "busybox:test", command: "sh -c 'exit 3'", network_mode: none}
"""


def prepare(device, busybox_tar):
    """Artifacts where a local deployment has them; and an apt-get that says what it was told."""
    with open(busybox_tar, "rb") as file:
        image = file.read()
    device.artifact(image, "busybox.tar", "com.example.AptInstall")
    device.artifact(gzip.compress(image, 1), "image.tar.gz", "com.example.LoadGzip")
    device.artifact(COMPOSE.encode(), "docker-compose.yml", "com.example.ComposeUpDown")
    device.artifact(COMPOSE_ENDS.encode(), "ends.yml", "com.example.ComposeRun")
    device.artifact(zip_of(("bin/hello", "#!/bin/sh\necho hello $1\n")), "app.zip",
                    "com.example.Unarchived")
    tools = os.path.join(device.directory, "tools")
    os.makedirs(tools)
    with open(os.path.join(tools, "apt-get"), "w") as file:
        file.write("#!/bin/sh\necho apt-get \"$@\"\n")
    os.chmod(file.name, stat.S_IRWXU)
    return tools


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, busybox_tar):
    """All of them deployed, and the nucleus stopped again: the device, and what docker said meanwhile."""
    directory = tmp_path_factory.mktemp("real")
    moor = world.Mooring(directory)
    device = Resident(directory / "device", moor.env, config={
        "system": {"thingName": "MyThing"},
        "services": {"aws.greengrass.Nucleus": {"configuration": {
            "awsRegion": "eu-central-1", "runWithDefault": {"posixUser": "root"}}}}})
    tools = prepare(device, busybox_tar)
    moor.docker("load", "-i", busybox_tar)
    moor.docker("run", "--rm", "busybox:test", "true")
    device.recipes = RECIPES
    names = [f"com.example.{name}" for name in EXPECTED]
    with device.start(PATH=f"{tools}:{moor.env['PATH']}"):
        pass_over = {"FINISHED", "BROKEN", "RUNNING"}
        device.deploy(add={name: "1.0.0" for name in names}, result="FAILED_ROLLBACK_NOT_REQUESTED")
        wait_until(lambda: set(device.components().values()) <= pass_over and
                   device.lines("com.example.LogsFollow"), "all to be up", 60)
        running = moor.docker("ps", "--format", "{{.Names}}").stdout.split()
        broken = device.components()["com.example.ExitCode"]
        device.deploy(add={}, remove=["com.example.Uninstall", "com.example.BootstrapNetwork",
                                      "com.example.ExitCode"], result="SUCCESSFUL")
        images = moor.docker("images", "--format", "{{.Repository}}").stdout.split()
        networks = moor.docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    left = moor.docker("ps", "-a", "--format", "{{.Names}}").stdout.split()
    yield {"device": device, "running": running, "images": images, "networks": networks,
           "left": left, "broken": broken}
    moor.clean_up()


@pytest.mark.parametrize("name", EXPECTED)
def test_real_recipe(outcome, name):
    states, lines = EXPECTED[name]
    device = outcome["device"]
    found = [state for state in device.states(f"com.example.{name}")
             if not state.startswith("UNINSTALL")]
    log = device.log(f"com.example.{name}")
    assert found == states.split(), log
    assert lines is None or device.lines(f"com.example.{name}") == lines, log


def test_containers_of_real_recipes(outcome):
    assert {"detached", "followed"} <= set(outcome["running"])
    assert {"100_one_1", "100_two_1"} <= set(outcome["running"]), "the version names the project"
    assert sorted(outcome["left"]) == ["100-one-1", "100-two-1"], "what has no Shutdown stays"


def test_uninstall_of_real_recipes(outcome):
    device = outcome["device"]
    assert outcome["broken"] == "BROKEN"
    assert device.lines("com.example.Uninstall")[-1] == "removed"
    assert "uninstall" not in outcome["images"] and "busybox" in outcome["images"]
    assert "edge" not in outcome["networks"]
    assert "said in the container" in device.lines("com.example.LogsFollow")
    assert "--network=host -v a:b" in device.lines("com.example.LoadGzip")
