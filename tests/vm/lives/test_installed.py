# SPDX-License-Identifier: Apache-2.0
"""The first life (tests/vm/reboot): what `make install-docker` made is put in place, and the device gets its work."""

import json
import os
import shutil
import subprocess
import urllib.request

import pytest

import device
from device import docker, run, service, world
from test_boot import POLICIES

RECIPE = {
    "RecipeFormatVersion": "2020-01-25", "ComponentName": "com.example.Sleeper", "ComponentVersion": "1.0.0",
    "Manifests": [{"Platform": {"os": "linux"}, "Lifecycle": {
        "run": f"docker run --rm --name component --stop-signal KILL {device.BASE} sleep 100000"}}]}


def test_install():
    run("cp", "-a", "/mooring/tree/.", "/")
    run("groupadd", "--system", "--force", "docker")
    run("useradd", "--system", "--create-home", "--user-group", "ggc_user")
    for user in ("ggc_user", "tester"):
        run("usermod", "-aG", "docker", user)
    run("systemctl", "daemon-reload")
    run("systemctl", "enable", "--now", *device.SERVICES)
    assert [service("is-active", name) for name in device.SERVICES] == ["active"] * 3


def test_load(tmp_path):
    docker("load", "-i", world.Image().save(tmp_path / "busybox.tar", device.BASE))
    assert docker("run", "--rm", device.BASE, "echo", "hi") == "hi\n"


def test_gate():
    """A member of the group docker has root's store; who is not one does not."""
    assert docker("images", "-q", user="tester") == docker("images", "-q") != ""
    assert docker("run", "--rm", device.BASE, "id", "-u", user="tester") == "0\n"
    docker("ps", user="nobody", code=1)


@pytest.mark.parametrize("policy", POLICIES)
def test_policies(policy):
    for name in (f"runs-{policy}", f"stopped-{policy}"):
        docker("run", "-d", "--name", name, "--restart", policy, "--stop-signal", "KILL", device.BASE, "sleep", "100000")
    docker("create", "--name", f"created-{policy}", "--restart", policy, device.BASE, "true")
    docker("stop", f"stopped-{policy}")


def test_one_with_something_to_do_at_its_end():
    docker("run", "-d", "--name", "orderly", "--restart", "always", "-v", "orderly:/v", device.BASE, "sh", "-c",
           "trap 'echo ended > /v/ended; exit 0' TERM; echo ready > /v/ready; while :; do sleep 1; done")
    world.wait_until(lambda: docker("exec", "orderly", "cat", "/v/ready", code=None), "its trap")


def test_project():
    os.makedirs(device.PROJECT)
    with open(f"{device.PROJECT}/compose.yaml", "w") as file:
        file.write(device.COMPOSE)
    run("docker-compose", "--project-directory", device.PROJECT, "up", "-d")
    world.wait_until(answers, "the project's server")


def answers():
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{device.PORT}/f", timeout=20) as page:
            return page.read() == b"here\n"
    except OSError:
        return False


def test_component(tmp_path):
    """Its script is ggc_user's, whose docker goes through the gate."""
    (tmp_path / "recipe.json").write_text(json.dumps(RECIPE))
    run("mooring", "deploy", "--recipe-dir", str(tmp_path), "--merge", "com.example.Sleeper=1.0.0")
    world.wait_until(lambda: "component" in docker("ps", "--format", "{{.Names}}").split(), "the component's container")
    assert "RUNNING" in run("greengrass-cli", "component", "details", "-n", "com.example.Sleeper")


def test_end_in_order():
    """The machine of the other tests ends by force; this one stops its services."""
    place = "/etc/systemd/system/mooring-tests.service.d"
    os.makedirs(place)
    with open(f"{place}/orderly.conf", "w") as file:
        file.write("[Unit]\nSuccessAction=reboot\nFailureAction=reboot\n")
    run("systemctl", "daemon-reload")


def test_room():
    """What the store has now is what it shall have again when all work is undone."""
    shutil.rmtree("/mooring/tree")
    subprocess.run(["sync"], check=True)
    with open("/var/lib/device/room", "w") as file:
        file.write(str(device.room()))
