# SPDX-License-Identifier: Apache-2.0
"""What `make demo` runs, in a directory of its own."""

import os
import subprocess

import pytest

import world

DEMO = os.path.join(world.TOP, "demo", "run")


@pytest.fixture(scope="module")
def without_docker(tmp_path_factory):
    """A PATH on which there is all of the machine's but Docker, whether or not it has that."""
    shadow = tmp_path_factory.mktemp("bin")
    for directory in os.environ["PATH"].split(":"):
        for name in os.listdir(directory) if os.path.isdir(directory) else []:
            if not name.startswith("docker") and not (shadow / name).is_symlink():
                (shadow / name).symlink_to(os.path.join(directory, name))
    return str(shadow)


@pytest.fixture
def build(tmp_path):
    """Looks like the build directory to the demo, which writes below it."""
    (tmp_path / "build").mkdir()
    for name in ("cli", "runtime", "image", "registry", "lifecycle"):
        (tmp_path / "build" / name).symlink_to(os.path.join(world.BUILD, name))
    yield tmp_path / "build"
    moor = world.Mooring(tmp_path / "build" / "demo")
    moor.clean_up()
    assert not moor.leftovers()


def run_demo(build, path):
    done = subprocess.run([DEMO, build], text=True, capture_output=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PATH": path})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def try_next(output):
    """The commands that the demo proposes, as one would paste them."""
    return output.split("Try next")[1].split("To remove")[0].partition("\n")[2]


def test_demo_runs_twice(build, without_docker):
    for _ in range(2):
        output = run_demo(build, without_docker)
        assert "FINISHED" in output
        assert "Ahoy from inside a container!" in output
        assert "I am process 1 " in output
        assert "/etc/passwd does not exist" in output


def test_what_it_proposes_works(build, without_docker):
    commands = try_next(run_demo(build, without_docker))
    done = subprocess.run(["sh", "-eu"], input=commands, text=True, capture_output=True, timeout=60,
                          env={"PATH": without_docker, "HOME": str(build)})
    assert done.returncode == 0, commands + done.stderr
    assert len([line for line in commands.splitlines() if line and "export" not in line]) == 3
    assert "hello-world" in done.stdout
    assert "Ahoy from inside a container!" in done.stdout
    assert "com.example.MyS3DockerComponent" in done.stdout


def test_image_is_reproducible(tmp_path):
    packer = os.path.join(world.TOP, "demo", "pack-image.py")
    for name in ("a.tar", "b.tar"):
        subprocess.run([packer, "x:latest", world.BUSYBOX, tmp_path / name], check=True)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
