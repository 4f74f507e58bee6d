# SPDX-License-Identifier: Apache-2.0
"""A life after the power was cut (tests/vm/reboot): what the work had said was done is, and all of it can be done again."""

import pytest

import device
import work
from device import docker, world

SLACK = 1 << 20  # bytes: logs of what runs, directories that have grown


@pytest.fixture(scope="module")
def wanted():
    with open("/mooring/ledger") as file:
        found = device.known(file.read().splitlines())
    assert found
    return found


@pytest.fixture(scope="module")
def there():
    images = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    return {**{("image", name.removeprefix(work.REGISTRY + "/").removesuffix(":latest")): name for name in images},
            **{("container", name): name for name in device.listed("container", "Names")},
            **{("volume", name): name for name in device.listed("volume", "Name")}}


def test_done_is_done(wanted, there):
    lost = [key for key, is_present in wanted.items() if is_present and key not in there and key[0] != "project"]
    still = [key for key, is_present in wanted.items() if is_present is False and key in there]
    assert (lost, still) == ([], [])


def test_images_are_whole(wanted, there):
    for kind, name in set(wanted) & set(there):
        if kind == "image":
            assert docker("run", "--rm", there[kind, name]) == "/data/f: OK\n"


def test_containers_run_again(wanted):
    for (kind, name), is_present in wanted.items():
        if kind == "container" and is_present:
            assert device.state(name) == "running"
            assert docker("exec", name, "cat", "/v/name") == name + "\n"


def test_project_is_up(wanted):
    if wanted.get(("project", work.NAME)):
        assert len(docker("ps", "-q", "--filter", f"label=com.docker.compose.project={work.NAME}").split()) == 2


def test_all_of_it_again_and_undone(tmp_path, there):
    """Whatever state the cut left, each thing can be removed, made, and removed."""
    with work.Worker(str(tmp_path), print) as worker:
        for kind in ("project", "container", "volume", "image"):
            for name in worker.names[kind]:
                worker.forget(kind, name)
        for kind in ("image", "volume", "container", "project"):
            for name in worker.names[kind]:
                worker.make(kind, name)
        for kind in ("project", "container", "volume", "image"):
            for name in worker.names[kind]:
                worker.remove(kind, name)
    docker("image", "prune", "-f")
    docker("network", "prune", "-f")


def test_nothing_is_left_of_it():
    with open("/var/lib/device/room") as file:
        before = int(file.read())
    assert device.room() < before + SLACK, device.run("du", "-a", device.STORE)[-4000:]
    assert not set(device.listed("network", "Name")) - {"bridge", "host", "none", "project_default"}
