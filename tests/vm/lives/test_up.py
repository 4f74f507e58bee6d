# SPDX-License-Identifier: Apache-2.0
"""Every later life (tests/vm/reboot): what comes up by itself, and what stays down."""

import pytest

import device
from device import docker, run, service, world
from test_boot import POLICIES, expected
from test_installed import answers


@pytest.fixture(scope="module", autouse=True)
def up():
    world.wait_until(lambda: service("is-active", "mooring.service") != "activating", "the boot", device.SECONDS)


def test_services():
    assert [service("is-active", name) for name in device.SERVICES] == ["active"] * 3, \
        run("journalctl", "-b", "--no-pager", "-u", "mooring*", code=None)


@pytest.mark.parametrize("policy", POLICIES)
def test_policies(policy):
    wanted = {f"{before}-{policy}": expected(policy, before) for before in ("runs", "stopped", "created")}
    assert {name: device.state(name) for name in wanted} == wanted


def test_gate():
    assert docker("run", "--rm", device.BASE, "id", "-u", user="tester") == "0\n"


def test_project():
    world.wait_until(answers, "the project's server")
    assert docker("ps", "-q", "--filter", "label=com.docker.compose.service=other")


def test_component():
    world.wait_until(lambda: docker("ps", "-q", "--filter", "name=^/?component$"), "the component's container")
    assert "RUNNING" in run("greengrass-cli", "component", "details", "-n", "com.example.Sleeper")


def test_network():
    """A container speaks to another by its name."""
    docker("network", "create", "again")
    docker("run", "-d", "--network", "again", "--name", "server", "--stop-signal", "KILL", device.BASE, "sh", "-c",
           "echo here > /f && exec busybox httpd -f -p 80")
    world.wait_until(lambda: docker("run", "--rm", "--network", "again", device.BASE, "busybox", "wget", "-qO-", "http://server/f",
                                    code=None) == "here\n", "an answer")
    docker("rm", "-f", "server")
    docker("network", "rm", "again")
