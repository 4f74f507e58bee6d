# SPDX-License-Identifier: Apache-2.0
"""What is installed works from where it is, whatever the prefix."""

import json
import os
import subprocess

import pytest

import world

NAMES = ["docker", "docker-compose", "greengrass-cli"]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", world.BUILD],
                                        check=True, capture_output=True, text=True).stdout)
    prefix = next(option["value"] for option in options if option["name"] == "prefix")
    destination = str(tmp_path_factory.mktemp("destination"))
    subprocess.run(["meson", "install", "-C", world.BUILD, "--no-rebuild", "--quiet",
                    "--destdir", destination], check=True, stdin=subprocess.DEVNULL)
    return destination + prefix


def test_places(prefix):
    for name in ("bin/mooring", "bin/mooring-runc", "libexec/mooring/mooring-fetch",
                 "libexec/mooring/mooring-unpack", "libexec/mooring/mooring-nucleus",
                 "libexec/mooring/mooring-unzip"):
        path = os.path.join(prefix, name)
        assert os.path.isfile(path) and os.access(path, os.X_OK), path
    for name in NAMES:
        link = os.path.join(prefix, "libexec/mooring/bin", name)
        assert os.path.realpath(link) == os.path.realpath(os.path.join(prefix, "bin/mooring"))
    assert os.path.isfile(os.path.join(prefix, "share/man/man1/mooring.1"))


def test_programs_are_a_target_of_their_own(prefix):
    """`make programs` and `make install` build all that is installed, and no test."""
    asked = subprocess.run(["ninja", "-C", world.BUILD, "-t", "query", "programs"], check=True, capture_output=True, text=True).stdout
    built = {os.path.basename(line) for line in asked.splitlines()}
    installed = {name for place in ("bin", "libexec/mooring", "libexec/mooring/bin") for name in os.listdir(os.path.join(prefix, place))
                 if not os.path.isdir(os.path.join(prefix, place, name))}
    assert len(installed) > len(NAMES) and installed <= built and "/test" not in asked


def test_services_name_what_is_installed(prefix):
    """systemd's own check of the units, and shellcheck's of the init script, with their programs where they say."""
    installed = "/" + os.path.relpath(prefix, prefix[:prefix.index("/destination") + len("/destination0")])
    root = prefix[:-len(installed)]
    units = os.path.join(prefix, "lib/systemd/system")
    assert sorted(os.listdir(units)) == ["mooring-gate.socket", "mooring-gate@.service",
                                         "mooring-nucleus.service", "mooring.service"]
    for name in ("mooring-gate@.service", "mooring-nucleus.service", "mooring.service"):
        for line in open(os.path.join(units, name)):
            key, _, command = line.strip().partition("=")
            if key in ("ExecStart", "ExecStop"):
                assert os.access(root + command.split()[0], os.X_OK), line
    for name in ("mooring.init", "mooring-nucleus.init"):
        script = os.path.join(prefix, "share/mooring", name)
        subprocess.run(["shellcheck", "-s", "sh", script], check=True)
        for line in open(script):
            if line.startswith(("gate=", "mooring=")):
                assert os.access(root + line.strip().partition("=")[2], os.X_OK), line


def test_helpers_are_found(prefix, moor, busybox_tar):
    docker = os.path.join(prefix, "libexec/mooring/bin/docker")
    assert "busybox:test" in moor.run(docker, "load", "-i", busybox_tar).stdout
    assert moor.run(docker, "run", "--rm", "busybox:test", "echo", "hi").stdout == "hi\n"


def test_no_name_of_the_build_tree(prefix):
    for directory, _, names in os.walk(prefix):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.islink(path) or "/share/man/" in path:
                continue
            rpath = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
            assert "RUNPATH" not in rpath and "RPATH" not in rpath, path
