# SPDX-License-Identifier: Apache-2.0
"""What AWS's two nuclei, and recipes under them, do with docker: their command lines, word for word, and how they end what
they have started. And many commands at once."""

import os
import re
import signal
import subprocess

import pytest

from world import parent, proc_stat, wait_until

SHELL = ("sh", "-c")


def names(moor, *options):
    return moor.docker("ps", *options, "--format", "{{.Names}}").stdout.split()


def test_classic_nucleus(moor, busybox):
    """docker -v; images -q; rmi: the exit code and whether anything is printed decide."""
    assert moor.docker("-v").stdout.startswith("Docker version ")
    assert moor.docker("images", "-q", busybox).stdout.strip()
    assert moor.docker("images", "-q", "nosuch:1").stdout == ""
    refused = moor.docker("pull", "127.0.0.1:9/x:1", code=1)
    assert "dial tcp" in refused.stderr  # its class of errors that are tried again
    assert "No such image" in moor.docker("rmi", "nosuch:1", code=1).stderr
    login = moor.run(*SHELL, "docker login 127.0.0.1:9 -u $dockerUsername -p $dockerPassword", code=1,
                     env={"dockerUsername": "AWS", "dockerPassword": "secret"})
    assert "connection refused" in login.stderr and "secret" not in login.stderr
    moor.docker("tag", busybox, "component:latest")
    assert moor.docker("rmi", "component:latest").stdout == "Untagged: component:latest\n"


def test_classic_nucleus_and_a_registry(moor, busybox, registry):
    """Its whole life of an image: asked for, pulled, asked for again, removed; by tag and by digest, as recipes write it."""
    name = f"{registry.address}/life/x"
    moor.docker("tag", busybox, f"{name}:1")
    moor.docker("push", "-q", f"{name}:1")
    digest = moor.docker("inspect", "-f", "{{index .RepoDigests 0}}", f"{name}:1").stdout.strip()
    moor.docker("rmi", f"{name}:1")
    for wanted in (f"{name}:1", digest):
        assert moor.docker("images", "-q", wanted).stdout == "", wanted
        moor.docker("pull", wanted)
        assert re.fullmatch(r"[0-9a-f]{12}\n", moor.docker("images", "-q", wanted).stdout), wanted
        assert moor.docker("pull", "-q", wanted).stdout == wanted + "\n"
        removed = moor.docker("rmi", wanted).stdout.splitlines()
        assert removed[0] == f"Untagged: {wanted}", removed
        again = moor.docker("rmi", wanted, code=1)
        assert (again.stdout, again.stderr) == ("", f"Error response from daemon: No such image: {wanted}\n")
    for wanted in ("busybox:test", "docker.io/busybox:test", "docker.io/library/busybox:test",
                   "index.docker.io/library/busybox:test"):
        assert moor.docker("images", "-q", wanted).stdout.strip(), wanted


def test_lite_nucleus(moor, busybox):
    """It reads stdout and stderr of `image ls -q` from one pipe: nothing at all means that it is not there."""
    absent = moor.docker("image", "ls", "-q", "nosuch:1")
    assert (absent.stdout, absent.stderr) == ("", "")
    assert moor.docker("image", "ls", "-q", busybox).stdout.strip()
    assert "No such image" in moor.docker("rmi", "nosuch:1", code=1).stderr
    pulled = moor.docker("pull", "-q", "127.0.0.1:9/x:1", code=1)
    assert "connection refused" in pulled.stderr
    login = moor.docker("login", "https://127.0.0.1:9", "--username", "AWS", "--password-stdin", input="secret", code=1)
    assert "connection refused" in login.stderr


def test_component_with_startup_and_shutdown(moor, busybox):
    """Startup: docker run -d; Shutdown: docker stop. Twice, as after an update of the component."""
    for _ in range(2):
        moor.run(*SHELL, f"docker run --user=$(id -u):$(id -g) --rm -d --name=component --network none "
                         f"--entrypoint sleep {busybox} 60", code=0)
        assert names(moor) == ["component"]
        moor.run(*SHELL, "docker stop -t 0 component", code=0)
        assert names(moor, "-a") == []
    assert "No such container" in moor.run(*SHELL, "docker rm -f component || true", code=0).stderr


@pytest.mark.parametrize("ending", ["classic", "classic-at-once", "systemd"])
def test_run_step_is_ended(moor, busybox, ending):
    """The script and all its descendants get SIGTERM, and SIGKILL 5 s later or at once; or its control group does. No
    container stays, none ends in the wrong way, and the same name is free for the next start."""
    script = moor.start(*SHELL, f"docker run --rm --init --name component --network none {busybox} sleep 60; exit 0",
                        start_new_session=True)
    wait_until(lambda: names(moor) == ["component"], "the component to run")
    if ending == "systemd":
        os.killpg(script.pid, signal.SIGKILL)
    else:
        for process in descendants(script.pid):
            os.kill(process, signal.SIGTERM)
        if ending == "classic-at-once":
            for process in descendants(script.pid):
                os.kill(process, signal.SIGKILL)
    script.wait(20)
    for stream in (script.stdin, script.stdout, script.stderr):
        stream.close()
    wait_until(lambda: names(moor, "-a") == [], "the container to be gone", 20)
    moor.docker("run", "--rm", "--name", "component", "--network", "none", busybox, "true")


def test_component_that_asks_for_the_daemon(moor, busybox, tmp_path):
    """There is no socket: it is told so, and the rest of the container works."""
    socket = str(tmp_path / "docker.sock")
    for _ in range(2):  # the second time the directory is there
        done = moor.docker("run", "--rm", "--network", "none", "-v", f"{socket}:/var/run/docker.sock", busybox, "ls",
                           "/var/run/docker.sock")
        assert done.stdout == "" and done.stderr == (
            f"WARNING: {socket}: there is no daemon here and no socket of it: the container gets an empty directory\n")


def test_ended_by_several_at_once(moor, busybox):
    """A Shutdown script, the nucleus and somebody at the keyboard: each hears that it is over, none waits for ever."""
    docker = os.path.join(moor.names, "docker")
    moor.docker("run", "-d", "--name", "component", "--network", "none", "--stop-timeout", "60", busybox, "sleep", "60")
    stops = [moor.start(docker, "stop", "component", stdin=subprocess.DEVNULL) for _ in range(2)]
    waiting = moor.start(docker, "wait", "component", stdin=subprocess.DEVNULL)
    moor.docker("rm", "-f", "component")
    for process in stops:
        stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout, stderr) in [
            (0, "component\n", ""), (1, "", "Error response from daemon: No such container: component\n")]
    assert waiting.communicate(timeout=20)[0] in ("137\n", "") and names(moor, "-a") == []


def descendants(pid):
    found = [pid]
    for process in found:
        try:
            with open(f"/proc/{process}/task/{process}/children") as children:
                found += [int(child) for child in children.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


# --- many at once ---

def test_one_name_for_many(moor, busybox):
    docker = os.path.join(moor.names, "docker")
    many = [moor.start(docker, "run", "-d", "--name", "same", "--network", "none", busybox, "sleep", "60",
                       stdin=subprocess.DEVNULL) for _ in range(50)]
    codes = []
    for process in many:
        _, stderr = process.communicate(timeout=100)
        codes.append(process.returncode)
        assert process.returncode == 0 or 'The container name "/same" is already in use by container' in stderr, stderr
    assert sorted(codes) == [0] + [125] * 49
    assert names(moor, "-a") == ["same"]
    assert os.listdir(os.path.join(moor.root, "names")) == ["same"]


def test_many_names(moor, busybox):
    """200 at once, 50 of them at a time: all work, and nothing of them stays."""
    docker = os.path.join(moor.names, "docker")
    done = moor.run("bash", "-c", f"seq 200 | xargs -P 50 -I% {docker} run --rm --name many-% --network none {busybox} "
                    "echo %", code=0, timeout=200)
    assert sorted(int(number) for number in done.stdout.split()) == list(range(1, 201))
    assert names(moor, "-a") == []
    assert [name for name in os.listdir(os.path.join(moor.root, "containers")) if not name.startswith(".")] == []


# --- whichever process of ours is killed ---

def is_dead(pid):
    try:
        return proc_stat(pid)[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("victim", ["monitor", "init", "client", "both"])
def test_state_after_a_kill(moor, busybox, victim):
    """What ps and inspect say is true at once, and what is left can be removed and started again."""
    client = moor.start(os.path.join(moor.names, "docker"), "run", "--name", "k", "--network", "none", busybox,
                        "sh", "-c", "echo up; exec sleep 60", stdin=subprocess.DEVNULL)
    assert client.stdout.readline() == "up\n"
    init = int(moor.docker("inspect", "-f", "{{.State.Pid}}", "k").stdout)
    monitor = parent(init)
    for pid in {"monitor": [monitor], "init": [init], "client": [client.pid], "both": [monitor, init]}[victim]:
        os.kill(pid, signal.SIGKILL)
    if victim == "both":
        wait_until(lambda: is_dead(init), "the kernel to end it")
    if victim == "client":
        moor.docker("stop", "-t", "0", "k")
    client.wait(20)
    client.stdout.close()
    client.stderr.close()
    if victim == "monitor":  # its container goes on without it, until somebody looks after it
        moor.docker("rm", "-f", "k")
        assert names(moor, "-a") == []
        return
    shown = moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}", "k")
    assert shown.stdout.startswith("exited 137 2") and " 0001" not in shown.stdout
    assert re.fullmatch(r"Exited \(137\) (\d+ seconds?|Less than a second|About a minute) ago\n", moor.docker(
        "ps", "-a", "--format", "{{.Status}}").stdout)
    moor.docker("start", "k")
    assert names(moor) == ["k"]
    moor.docker("exec", "k", "true")
    moor.docker("rm", "-f", "k")


def test_a_monitor_killed_before_it_says_started(moor, busybox):
    """What was seen to run has run: it counts as ended with its monitor, not as never started."""
    docker = os.path.join(moor.names, "docker")
    client = moor.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:signal=KILL",
                        docker, "run", "--name", "k", "--network", "host", busybox, "sleep", "60", stdin=subprocess.DEVNULL)
    assert "the container's monitor ended unexpectedly" in client.stderr.readline()
    assert names(moor) == ["k"]  # goes on alone, as of any other monitor
    init = int(moor.docker("inspect", "-f", "{{.State.Pid}}", "k").stdout)
    os.kill(init, signal.SIGKILL)
    assert client.wait(20) == 125
    client.stdout.close()
    client.stderr.close()
    assert moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "k").stdout == "exited 137\n"
    moor.docker("start", "k")
    assert names(moor) == ["k"]
    moor.docker("rm", "-f", "k")
