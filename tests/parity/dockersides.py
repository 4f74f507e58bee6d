# SPDX-License-Identifier: Apache-2.0
"""Debian's dockerd and Mooring, each in a place of its own (callers.py), with the same images."""

import os
import shutil

import pytest

import callers
import world

DOCKER = "/usr/bin/docker"  # Debian's: another of that name may be ours


class Side:
    """One of the two: a place, and the directory in which its `docker` is found first on PATH."""

    def __init__(self, place, names, env, scratch):
        self.place = place
        self.scratch = str(scratch)
        self.env = {"PATH": f"{names}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": self.scratch, **env}

    def shell(self, script, timeout=60):
        """Runs it by bash in an empty directory, which is T."""
        work = os.path.join(self.scratch, "work")
        shutil.rmtree(work, ignore_errors=True)
        os.makedirs(work)
        return self.place.run("env", "-i", *[f"{name}={value}" for name, value in {**self.env, "T": work}.items()],
                              "bash", "-c", f"cd $T; {script}", code=None, timeout=timeout, text=False, input=b"")

    def tidy(self):
        self.shell("docker ps -aq | xargs -r docker rm -fv; docker volume ls -q | xargs -r docker volume rm; "
                   "docker images -q --filter dangling=true | xargs -r docker rmi -f; docker rmi -f made:1")


@pytest.fixture(scope="session")
def theirs(tmp_path_factory, busybox_tar):
    scratch = tmp_path_factory.mktemp("theirs")
    names = scratch / "names"
    names.mkdir()
    (names / "docker").symlink_to(DOCKER)
    with callers.place("parity") as place:
        side = Side(place, names, {"DOCKER_HOST": "unix:///run/docker.sock"}, scratch)
        with place.daemon("dockerd", "--data-root", "/run/store", "--host", side.env["DOCKER_HOST"], "--cgroup-parent",
                          "/" + place.name, log=scratch / "log",
                          ready=[DOCKER, "--host", side.env["DOCKER_HOST"], "version"]):
            side.shell(f"docker load -q -i {busybox_tar}")
            yield side
            side.tidy()


@pytest.fixture(scope="session")
def ours(tmp_path_factory, busybox_tar):
    scratch = tmp_path_factory.mktemp("ours")
    with callers.place("parity-ours") as place:
        side = Side(place, os.path.join(world.BUILD, "cli", "bin"),
                    {"MOORING_ROOT": "/run/root", "MOORING_RUN": "/run/mooring"}, scratch)
        side.shell(f"docker load -q -i {busybox_tar}")
        yield side
        side.tidy()
