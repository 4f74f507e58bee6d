# SPDX-License-Identifier: Apache-2.0
"""Projects of several services, run by our docker-compose and by Debian's with its dockerd.

Each directory of compose/ is a project: its files, and `steps`, one shell command a line, where $DC
is docker-compose and $D docker. Of every step the exit code, and what it writes to stdout and to
stderr (as sets of lines, without IDs, times and free ports) are the same. A step after a line
"# differs: REASON" has only its exit code compared.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess

import pytest

import callers
import world

HERE = os.path.join(os.path.dirname(os.path.realpath(__file__)), "compose")
PROJECTS = sorted(os.listdir(HERE))
SOCKET = "unix:///run/docker.sock"


class Side:
    """One of the two: where it runs, and what $D and $DC are there."""

    def __init__(self, place, directory, env):
        self.place = place
        self.directory = str(directory)
        self.env = {"PATH": os.environ["PATH"], "HOME": "/root", "LANG": "C.UTF-8", **env}

    def sh(self, command, directory="/", **options):
        return self.place.run("bash", "-c", f"cd {directory} && {command}", env=self.env, timeout=120, **options)

    def project(self, name):
        directory = os.path.join(self.directory, name)
        shutil.copytree(os.path.join(HERE, name), directory)
        return directory

    def clean_up(self):
        self.sh("$D ps -aq | xargs -r $D rm -f -v; $D network prune -f; $D volume ls -q | xargs -r $D volume rm",
                code=None)


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """Two images of a busybox with all its applets: busybox:test, and app:1 with a user, a volume and a health check."""
    directory = tmp_path_factory.mktemp("images")
    applets = subprocess.run([world.BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    with open(world.BUSYBOX, "rb") as file:
        binary = file.read()
    passwd = b"root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"
    layer = world.tar_bytes([("bin", None), ("bin/busybox", binary), ("etc", None), ("tmp", None), ("srv", None),
                             ("srv/from-image", b"image\n"), ("etc/passwd", passwd), ("etc/group", b"root:x:0:\nuser:x:1000:\n"),
                             *(("bin/" + name, ("link", "busybox")) for name in applets if name != "busybox")])
    plain = world.Image([layer])
    app = world.Image([layer], Cmd=["cat", "/srv/from-image"], Entrypoint=None, User="user", WorkingDir="/srv",
                      Volumes={"/srv": {}}, Env=["PATH=/bin", "FROM=image"], Labels={"kind": "app"})
    return [plain.save(directory / "plain.tar", "busybox:test"), app.save(directory / "app.tar", "app:1")]


@pytest.fixture(scope="session")
def docker(tmp_path_factory, archive):
    directory = tmp_path_factory.mktemp("docker")
    with callers.place("parity") as place:
        side = Side(place, directory, {"D": "/usr/bin/docker", "DC": "/usr/bin/docker-compose", "DOCKER_HOST": SOCKET})
        with place.daemon("dockerd", "--data-root", "/run/store", "--host", SOCKET, "--cgroup-parent", "/" + place.name,
                          log=directory / "log", ready=["/usr/bin/docker", "--host", SOCKET, "version"]):
            for path in archive:
                side.sh(f"$D load -qi {path}")
            yield side
            side.clean_up()


@pytest.fixture(scope="session")
def mooring(tmp_path_factory, archive):
    directory = tmp_path_factory.mktemp("mooring")
    names = os.path.join(world.BUILD, "cli", "bin")
    with callers.place("moored") as place:
        side = Side(place, directory, {
            "D": os.path.join(names, "docker"), "DC": os.path.join(names, "docker-compose"),
            "MOORING_ROOT": str(directory / "root"), "MOORING_RUN": "/run/mooring", "DOCKER_CONFIG": str(directory / "none")})
        for path in archive:
            side.sh(f"$D load -qi {path}")
        yield side
        side.clean_up()
        place.run(os.path.join(world.BUILD, "cli", "mooring"), "network-reset", env=side.env, code=None)


PATTERNS = [
    (re.compile(r"\x1b\[[0-9;]*[mKAB]"), ""),
    (re.compile(r"\b[0-9a-f]{64}\b"), "ID64"),
    (re.compile(r"\b[0-9a-f]{12}\b"), "ID12"),
    (re.compile(r"\b(3[2-9]|4\d|5\d|60)\d{3}(?=->|$)"), "PORT"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"\b[\d.]+ MB$", re.M), "SIZE"),
    (re.compile(r"-{10,}"), "-----"),
    (re.compile(r"[ \t]+"), " "),
]


def normal(text):
    """Lines without order. Debian's docker-compose also tells its exit code, in a line of its own."""
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    text = re.sub(r"^Attaching to (.*)$", lambda match: "Attaching to " + " ".join(sorted(match[1].split(", "))), text,
                  flags=re.M)
    return sorted(line.strip() for line in text.splitlines() if line.strip())


def without_code(lines, code):
    return [line for line in lines if not code or line != str(code)]


def steps_of(name):
    """(command, whether its output is compared)"""
    differs = False
    with open(os.path.join(HERE, name, "steps")) as file:
        for line in file:
            if line.startswith("# differs: "):
                differs = True
            elif line.strip() and not line.startswith("#"):
                yield line.strip(), not differs
                differs = False


@pytest.mark.parametrize("name", PROJECTS)
def test_project(name, docker, mooring):
    directories = {side: side.project(name) for side in (docker, mooring)}
    found = []
    try:
        for command, is_compared in steps_of(name):
            with concurrent.futures.ThreadPoolExecutor() as pool:
                done = list(pool.map(lambda side: side.sh(command, directories[side], code=None), (docker, mooring)))
            outcome = [(f"exit {one.returncode}", normal(one.stdout.replace(directories[side], "DIR")) if is_compared else [],
                        without_code(normal(one.stderr.replace(directories[side], "DIR")), one.returncode) if is_compared else [])
                       for one, side in zip(done, (docker, mooring))]
            if outcome[0] != outcome[1]:
                found.append(f"$ {command}\n  docker:  {outcome[0]}\n  mooring: {outcome[1]}")
    finally:
        docker.clean_up()
        mooring.clean_up()
    assert not found, "\n".join(found)
