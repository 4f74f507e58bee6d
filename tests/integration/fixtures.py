# SPDX-License-Identifier: Apache-2.0
"""Fixtures for all integration tests; what they are made of is in world.py.

    MOORING_BUILD=build-x /usr/bin/python3 -m pytest tests/integration -k load    (as root)

`moor` is a fresh store: moor.docker("ps", "-a"), moor.mooring(…), moor.runc(…), each checking the
exit code (code=0). When the test is over its containers are removed, and a mount or process that is
left fails the test.
"""

import os
import pathlib
import tempfile

import pytest

import bundle as bundles
import world


@pytest.fixture
def moor(tmp_path):
    moor = world.Mooring(tmp_path)
    yield moor
    moor.clean_up()
    left = moor.leftovers()
    assert not left, "left behind: " + "; ".join(left)


@pytest.fixture
def open_path():
    """A directory that other users reach. Below tmp_path there is none: each pytest that starts closes
    /tmp/pytest-of-root to them, for the others, too."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="mooring-test-") as directory:
        os.chmod(directory, 0o755)
        yield pathlib.Path(directory)


@pytest.fixture
def bundle(moor):
    """A bundle for mooring-runc, of which nothing is left in the end once its container is deleted. A test file that
    wants more of it has a fixture of the same name that asks for this one."""
    bundle = bundles.Bundle(moor)
    yield bundle
    moor.runc("delete", "--force", bundle.id)
    assert bundle.traces() == []


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory):
    """A docker-save archive of one busybox layer, named busybox:test."""
    return world.Image().save(tmp_path_factory.mktemp("busybox") / "busybox.tar", "busybox:test")


@pytest.fixture
def busybox(moor, busybox_tar):
    """A store that has the image; its name."""
    moor.docker("load", "-i", busybox_tar)
    return "busybox:test"


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    with world.docker_registry(str(tmp_path_factory.mktemp("registry"))) as registry:
        yield registry


@pytest.fixture
def small_disk(tmp_path_factory):
    """A tmpfs of 16 MiB, for what happens when the disk is full. Not below tmp_path: `moor` finds
    mounts there that nobody will undo."""
    with world.mounted(str(tmp_path_factory.mktemp("small") / "disk")) as directory:
        yield directory
