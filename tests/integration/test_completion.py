# SPDX-License-Identifier: Apache-2.0
"""Command lines that bash completes, as `docker completion bash` tells it."""

import os
import pty
import select
import subprocess
import time

import pytest

NO_NETWORK = ["--network", "none"]


def offered(moor, line, word=None, name="docker"):
    """What bash is told on a TAB at the end of the line. `word`: what it asks about."""
    word = line.rpartition(" ")[2] if word is None else word
    env = {"COMP_LINE": line, "COMP_POINT": str(len(line.encode()))}
    ask = moor.docker if name == "docker" else moor.mooring
    process = ask("__complete", name, word, "", env=env)
    assert process.stderr == ""
    return process.stdout.split()


@pytest.fixture
def web(moor, busybox):
    moor.docker("create", "--name", "web-1", *NO_NETWORK, busybox)
    moor.docker("network", "create", "backend")
    moor.docker("volume", "create", "data")
    moor.docker("tag", busybox, "team/app:1.0")
    yield "web-1"
    moor.docker("network", "rm", "backend")


def test_verbs_and_options(moor):
    assert offered(moor, "docker ru") == ["run"]
    assert offered(moor, "docker --config /x ru") == ["run"]
    assert {"ps", "container", "compose"} <= set(offered(moor, "docker "))
    assert not {"build", "deploy"} & set(offered(moor, "docker "))  # what would be refused
    assert offered(moor, "docker container insp") == ["inspect"]
    assert offered(moor, "docker volume ").count("rm") == 1
    assert offered(moor, "docker run --cap") == ["--cap-add", "--cap-drop"]
    assert offered(moor, "docker run --rm x --cap") == []  # that is the container's
    assert offered(moor, "docker nosuch --cap") == offered(moor, "docker build -") == []


def test_names(moor, web):
    assert offered(moor, "docker logs w") == offered(moor, "docker logs -f --tail 5 ") == ["web-1"]
    assert offered(moor, "docker rm nosuch we") == offered(moor, "docker container exec -u 0 w") == ["web-1"]
    assert offered(moor, "docker inspect web") == offered(moor, "docker stop -t ") + ["web-1"]
    assert offered(moor, "docker run -it --network back") == ["backend"]
    assert offered(moor, "docker network connect backend ") == offered(moor, "docker cp we") == ["web-1"]
    assert offered(moor, "docker volume rm d") == ["data"]
    assert offered(moor, "docker run --rm te") == ["team/app:1.0"]
    assert offered(moor, "docker rmi team/app:1", word="1") == ["1.0"]  # bash ends words at a colon
    assert offered(moor, "docker rename web-1 ") == offered(moor, "docker run team/app:1.0 ") == []


def test_as_mooring(moor):
    assert offered(moor, "mooring dep", name="mooring") == ["deploy"]
    assert "complete -o default -C 'mooring __complete' mooring\n" in moor.mooring("completion", "bash").stdout
    assert "is not supported" in moor.docker("completion", "fish", code=1).stderr


def test_outside_of_a_shell(moor):
    assert moor.docker("__complete", code=1).stdout == ""
    assert moor.docker("__complete", env={"COMP_LINE": " ", "COMP_POINT": "99"}).stdout == ""


def test_bash_on_a_terminal(moor, web):
    """TABs typed into bash itself."""
    keys = b"docker rena\tw\t; echo do''ne\n"
    master, slave = pty.openpty()
    shell = subprocess.Popen(["bash", "--norc", "-i"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                             env={**moor.env, "PATH": f"{moor.names}:{os.environ['PATH']}", "PS1": "$ ", "TERM": "dumb"})
    os.close(slave)
    os.write(master, b"source <(docker completion bash)\n" + keys)
    shown, end = b"", time.monotonic() + 20
    while b"\ndone" not in shown and time.monotonic() < end and select.select([master], [], [], 5)[0]:
        shown += os.read(master, 4096)
    shell.kill()
    shell.wait()
    os.close(master)
    assert b"docker rename web-1 ; echo" in shown
