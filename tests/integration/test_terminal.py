# SPDX-License-Identifier: Apache-2.0
"""Terminals: run -t, exec -t, attach, detach keys, sizes; and who hears which signal."""

import json
import os
import select
import signal
import socket
import subprocess

import pytest

import world
from screen import Screen
from world import wait_until

KEYS = "\x10\x11"  # ctrl-p ctrl-q


@pytest.fixture
def screen(moor):
    def screen(*arguments, **size):
        return Screen([os.path.join(moor.names, "docker"), *arguments], moor.env, **size)
    return screen


def state(moor, name):
    return moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name).stdout.strip()


def running(moor, name):
    wait_until(lambda: state(moor, name) == "running 0", f"{name} to run")


def test_a_shell_at_a_terminal(moor, busybox, screen):
    """Size at the start and later, TERM, raw mode and back, leaving, coming back twice, the end."""
    moor.docker("create", "-it", "--network", "none", "--name", "never", busybox)
    with screen("run", "-it", "--network", "none", "--name", "sh", busybox, "sh", rows=40, columns=100) as first:
        first.wait_for("# ")
        first.type("stty size; echo [$TERM]; test -t 0 -a -t 1 -a -t 2 && echo tty\n")
        assert "40 100\r\n" in first.wait_for("[xterm]\r\n")
        first.wait_for("tty\r\n")
        assert not first.is_as_before(), "raw mode"
        first.resize(30, 90)
        first.type("while [ \"$(stty size)\" != '30 90' ]; do sleep 0.05; done; echo res''ized\n")
        first.wait_for("resized\r\n")
        first.type("echo a\x10b\n")  # half of the keys is no leaving
        first.wait_for("b\r\n")
        first.type(KEYS)
        assert first.wait() == 0 and first.is_as_before()
    running(moor, "sh")
    os.makedirs(moor.env["DOCKER_CONFIG"], exist_ok=True)
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as config:
        config.write('{"detachKeys": "ctrl-a,a"}')
    for leave in (["attach", "sh"], ["exec", "-it", "sh", "sh"]):
        with screen(*leave) as other:
            other.type("echo he''re\n")
            other.wait_for("here\r\n")
            other.type("\x01a")
            assert other.wait() == 1 and b"read escape sequence" in other.seen
    running(moor, "sh")
    with screen("attach", "--detach-keys", "ctrl-x,y", "sh", rows=11, columns=22) as second, \
            screen("attach", "sh", rows=12, columns=34) as third:
        second.type("echo thi''s; stty size\n")
        second.wait_for("this\r\n")
        third.type("echo tha''t\n")  # both see everything
        second.wait_for("that\r\n")
        third.wait_for("that\r\n")
        second.type("\x18y")
        assert second.wait() == 1 and b"read escape sequence" in second.seen and second.is_as_before()
        third.process.kill()  # who only looks may go without a word
        third.wait()
    running(moor, "sh")
    with screen("attach", "sh") as last:
        last.type("exit 9\n")
        assert last.wait() == 9 and last.is_as_before()
    assert state(moor, "sh") == "exited 9"
    assert b"resized\r\n" in moor.docker("logs", "sh", text=False, input=b"").stdout
    with screen("start", "-ai", "sh") as again:  # a new life, the same terminal
        again.type("exit 3\n")
        assert again.wait() == 3
    for refused in (["run", "--rm", "-it", busybox], ["attach", "sh"]):
        moor.docker(*refused, code=1)
    assert "the input device is not a TTY" in moor.docker("run", "-it", busybox, code=1).stderr
    assert "stopped container" in moor.docker("attach", "sh", code=1).stderr


def test_terminal_without_a_screen(moor, busybox):
    """Both streams are one, with returns; -d keeps it open; nothing that is typed is lost."""
    shown = moor.docker("run", "--rm", "-t", "--network", "none", busybox, "sh", "-c", "echo o; echo e >&2",
                        text=False, input=b"")
    assert (shown.stdout, shown.stderr) == (b"o\r\ne\r\n", b"")
    moor.docker("run", "-dit", "--network", "none", "--name", "t", busybox, "sh", "-c", "read a; echo [$a]; read b")
    with Screen([os.path.join(moor.names, "docker"), "attach", "t"], moor.env) as one:
        one.type("hello\n")
        one.wait_for("[hello]\r\n")
        one.type(KEYS)
        one.wait()
    running(moor, "t")
    moor.docker("rm", "-f", "t")


def test_exec_at_a_terminal(moor, busybox, screen):
    moor.docker("run", "-d", "--network", "none", "--name", "x", busybox, "sleep", "60")
    with screen("exec", "-it", "x", "sh", rows=41, columns=101) as shell:
        shell.wait_for("# ")
        shell.type("stty size; exit 5\n")
        shell.wait_for("41 101\r\n")
        assert shell.wait() == 5 and shell.is_as_before()
    with screen("exec", "-it", "--detach-keys", "ctrl-a,b", "x", "sh", "-c",
                "echo up; while [ ! -e /go ]; do sleep 0.05; done; echo still > /here; sleep 60") as left:
        left.wait_for("up\r\n")
        left.type("\x01b")
        assert left.wait() == 1 and left.is_as_before()
    moor.docker("exec", "x", "touch", "/go")
    wait_until(lambda: moor.docker("exec", "x", "cat", "/here", code=None).stdout == "still\n",
               "the program that was left to go on")
    assert moor.docker("exec", "-t", "x", "sh", "-c", "echo o; echo e >&2", text=False,
                       input=b"").stdout == b"o\r\ne\r\n"
    assert "not a TTY" in moor.docker("exec", "-it", "x", "true", code=1).stderr
    moor.docker("exec", "-dt", "x", "sh", "-c", "test -t 1; r=$?; sleep 0.2; echo on; echo alive $r > /tmp/alive")
    wait_until(lambda: moor.docker("exec", "x", "cat", "/tmp/alive", code=None).stdout == "alive 0\n",
               "a terminal without anybody")
    moor.docker("rm", "-f", "x")


def test_exec_holds_up_no_end(moor, busybox, screen):
    """The terminal takes nothing any more, as after ^S; the container's end is seen all the same."""
    moor.docker("run", "-d", "--network", "none", "--name", "x", busybox, "sleep", "60")
    with screen("exec", "-t", "x", "sh", "-c", "echo up; busybox yes") as silent, screen("exec", "x", "busybox", "yes") as piped:
        silent.wait_for("up")
        piped.wait_for("y")
        for one in (silent, piped):
            wait_until(one.is_full, "a full terminal")
        moor.docker("stop", "-t", "0", "x", timeout=20)
        assert (silent.wait(), piped.wait()) == (137, 137) and silent.is_as_before()


def test_who_looks_on_holds_up_no_end(moor, busybox, screen):
    """Of a container's clients one takes nothing any more: its monitor is there for the others."""
    yes = ["--network", "none", busybox, "busybox", "yes"]
    moor.docker("run", "-dit", "--name", "a", "--network", "none", busybox, "sh", "-c", "read start; busybox yes")
    with screen("run", "--name", "p", *yes) as plain, screen("run", "-it", "--name", "t", *yes) as terminal, \
            screen("attach", "a") as attached:
        attached.type("go\n")
        for one in (plain, terminal, attached):
            one.wait_for("y")
            wait_until(one.is_full, "a full terminal")
        for name in ("p", "t", "a"):
            moor.docker("stop", "-t", "0", name, timeout=20)
        assert (plain.wait(), terminal.wait(), attached.wait()) == (137, 137, 137)
    ours, theirs = socket.socketpair()
    with ours, theirs, subprocess.Popen([os.path.join(moor.names, "docker"), "run", "--name", "s", *yes], env=moor.env,
                                        stdin=subprocess.DEVNULL, stdout=theirs) as client:
        try:
            wait_until(lambda: not select.select([], [theirs], [], 0)[1], "a full socket")
            moor.docker("stop", "-t", "0", "s", timeout=20)
            while client.poll() is None:
                if select.select([ours], [], [], 0.05)[0]:
                    ours.recv(65536)
        finally:
            client.kill()
        assert client.returncode == 137


def test_exec_where_nobody_looks_on(moor, busybox):
    """The program hears that its terminal is closed, not of our broken pipe."""
    moor.docker("run", "-d", "--network", "none", "--name", "x", busybox, "sleep", "60")
    script = "trap 'echo pipe > /how; exit 3' PIPE; trap 'echo hangup > /how; exit 4' HUP; while :; do echo on; sleep 0.05; done"
    with subprocess.Popen([os.path.join(moor.names, "docker"), "exec", "-t", "x", "sh", "-c", script], env=moor.env,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"on\r\n"
        client.stdout.close()
        try:
            assert client.wait(20) == 4
        finally:
            client.kill()
    assert moor.docker("exec", "x", "cat", "/how").stdout == "hangup\n"
    moor.docker("rm", "-f", "x")


def test_exec_in_the_background(moor, busybox):
    """A shell's job: what is typed meanwhile is the shell's; in the foreground it is the program's."""
    moor.docker("run", "-d", "--network", "none", "--name", "x", busybox, "sleep", "60")
    docker = os.path.join(moor.names, "docker")
    job = f"set -m; {docker} exec -i x sh -c 'echo up >&2; cat; echo e''nd' & read line; echo [$line]; fg > /dev/null"
    with Screen(["bash", "-c", job], moor.env) as shell:
        shell.wait_for("up\r\n")
        shell.type("own\n")
        shell.wait_for("[own]\r\n")
        shell.type("theirs\n")
        shell.wait_for("theirs\r\ntheirs\r\n")
        shell.type("\x04")
        shell.wait_for("end\r\n")
        assert shell.wait() == 0
    job = f"set -m; {docker} exec -it x sh & until jobs | grep -q Stopped; do sleep 0.05; done; echo wai''ts; read line; fg"
    with Screen(["bash", "-c", job], moor.env) as shell:
        shell.wait_for("waits\r\n")
        assert shell.is_as_before()
        shell.type("\n")
        shell.wait_for("# ")
        shell.type("exit 6\n")
        assert shell.wait() == 6 and shell.is_as_before()
    moor.docker("rm", "-f", "x")


@pytest.mark.parametrize("way", ["killed", "left", "closed"])
def test_exec_is_reaped_where_nobody_reaps(moor, busybox, way):
    """Whatever becomes of the client: the program does not outlast its container as a zombie."""
    docker = os.path.join(moor.names, "docker")
    with subprocess.Popen(["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc", "--propagation",
                           "private", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) as anchor:
        assert anchor.stdout.read(1) == b"\n"
        with open(f"/proc/{anchor.pid}/task/{anchor.pid}/children", encoding="ascii") as file:
            inside = ["nsenter", "-t", file.read().strip(), "--pid", "--mount", "--net"]
        try:
            moor.run(*inside, docker, "run", "-d", "--network", "none", "--name", "x", busybox, "sleep", "100")
            with Screen([*inside, docker, "exec", "-it", "x", "sh", "-c", "echo up; sleep 100"], moor.env) as client:
                client.wait_for("up\r\n")
                if way == "left":
                    client.type(KEYS)
                elif way == "killed":
                    children = subprocess.run(["pgrep", "-P", str(client.process.pid)], capture_output=True, text=True)
                    for pid in children.stdout.split() or [str(client.process.pid)]:
                        os.kill(int(pid), signal.SIGKILL)
                if way != "closed":
                    client.wait()
            moor.run(*inside, "timeout", "-k", "1", "20", docker, "stop", "-t", "0", "x", timeout=40)
            moor.run(*inside, docker, "rm", "x")
        finally:
            anchor.kill()


def test_attach_without_a_terminal(moor, busybox):
    """Streams apart, stdin of -di, signals to the container, its exit code; killed lookers mean nothing."""
    script = "trap 'exit 6' USR1; echo err >&2; while read line; do echo got $line; done; sleep 60 & wait"
    moor.docker("run", "-d", "-i", "--network", "none", "--name", "a", busybox, "sh", "-c", script)
    docker = os.path.join(moor.names, "docker")
    lookers = [moor.start(docker, "attach", "a") for _ in range(2)]
    for number, looker in enumerate(lookers):
        looker.stdin.write(f"{number}\n")
        looker.stdin.flush()
        assert looker.stdout.readline() == f"got {number}\n" or number == 1
    lookers[1].send_signal(signal.SIGKILL)
    lookers[1].wait(10)
    running(moor, "a")
    quiet = moor.start(docker, "attach", "--no-stdin", "--sig-proxy=false", "a")
    wait_until(lambda: len(os.listdir(f"/proc/{quiet.pid}/fd")) > 8, "the third to be there")
    quiet.send_signal(signal.SIGINT)
    quiet.wait(10)
    running(moor, "a")
    lookers[0].send_signal(signal.SIGUSR1)
    assert lookers[0].wait(10) == 6
    assert state(moor, "a") == "exited 6"
    for process in [*lookers, quiet]:
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
    moor.docker("rm", "a")


def test_signals_that_are_not_passed_on(moor, busybox):
    """--sig-proxy=false: neither the client nor the container ends."""
    client = moor.start(os.path.join(moor.names, "docker"), "run", "--init", "--sig-proxy=false", "--network", "none",
                        "--name", "deaf", busybox, "sleep", "60", stdin=subprocess.DEVNULL)
    wait_until(lambda: moor.docker("ps", "-q", "-f", "name=deaf").stdout, "it to run")
    client.send_signal(signal.SIGTERM)
    moor.docker("exec", "deaf", "true")
    assert client.poll() is None
    moor.docker("kill", "deaf")
    assert client.wait(10) == 137
    client.stdout.close()
    client.stderr.close()


def test_many_clients_come_and_go(moor, busybox):
    """Nothing stays of those that attached and were killed (CVE-2025-64329)."""
    moor.docker("run", "-d", "--network", "none", "--name", "c", busybox, "sh", "-c", "while busybox sleep 0.1; do echo told; done")
    monitor = world.parent(moor.docker("inspect", "-f", "{{.State.Pid}}", "c").stdout.strip())

    def held():
        return len(os.listdir(f"/proc/{monitor}/fd")), len(os.listdir(f"/proc/{monitor}/task"))

    before = held()
    for _ in range(30):
        client = moor.start(os.path.join(moor.names, "docker"), "attach", "--no-stdin", "c")
        assert client.stdout.readline() == "told\n"
        client.kill()
        client.communicate()
    wait_until(lambda: held() == before, "the monitor to forget them")


# -- what images and containers have chosen ------------------------------------------------------------

EVIL, SEEN = "\x1b[2Jgone\nFORGED\x9b2J", "\\x1b[2Jgone\\x0aFORGED\ufffd2J"


def test_an_image_does_not_steer_the_terminal(moor, screen, tmp_path):
    """Programs get what there is, byte for byte; who looks at it sees what is there."""
    image = world.Image(Labels={"evil": EVIL}, Cmd=["touch", "/\x1b[2Jfile"])
    config = json.loads(image.config)
    config["history"][0].update(created_by=EVIL, comment=EVIL)
    image.config = json.dumps(config).encode()
    image.id = world.sha256(image.config)
    moor.docker("load", "-i", image.save(tmp_path / "evil.tar", "evil:1"))
    moor.docker("run", "--network", "none", "--name", "c", "evil:1")
    for command, raw, seen in (
            (["history", "--no-trunc", "evil:1"], EVIL.split("\n")[0], SEEN),
            (["history", "--format", "{{.Comment}}", "evil:1"], EVIL, SEEN),
            (["diff", "c"], "A /\x1b[2Jfile", "A /\\x1b[2Jfile"),
            (["ps", "-a", "--format", "\x1b[1m{{.Labels}}"], f"\x1b[1mevil={EVIL}", f"\x1b[1mevil={SEEN}"),
            (["inspect", "-f", '{{index .Config.Labels "evil"}}', "c"], EVIL, SEEN.replace("\\x0a", "\r\n")),
            (["inspect", "c"], '"evil": "\\u001B[2Jgone\\nFORGED\x9b2J"', '"evil": "\\u001B[2Jgone\\nFORGED\ufffd2J"'),
            (["events", "--since", "1", "--until", "0s"], f"evil={EVIL}", f"evil={SEEN}"),
            (["events", "--since", "1", "--until", "0s", "--format", "{{.Actor.Attributes.evil}}"], EVIL, SEEN)):
        assert raw in moor.docker(*command).stdout, command
        with screen(*command) as terminal:
            assert terminal.wait() == 0, command
            shown = terminal.seen.decode()
            assert seen in shown and "\x1b[2J" not in shown and "\x9b" not in shown, command


def test_an_image_does_not_steer_the_terminal_by_compose(moor, screen, tmp_path):
    """Labels make a container a project's: what they say is neither obeyed nor taken for more of the list."""
    files = f'"}},{{"Name":"forged","ConfigFiles":"{EVIL}'
    image = world.Image(Labels={"evil": EVIL, "com.docker.compose.project": "p", "com.docker.compose.service": "s",
                                "com.docker.compose.container-number": "1", "com.docker.compose.project.config_files": files},
                        Cmd=["touch", "/\x1b[2Jfile"])
    moor.docker("load", "-i", image.save(tmp_path / "evil.tar", "evil:1"))
    moor.docker("run", "--network", "none", "--name", "c", "evil:1")
    listed = json.loads(moor.docker("compose", "ls", "-a", "--format", "json").stdout)
    assert listed == [{"Name": "p", "Status": "exited(1)", "ConfigFiles": files}]
    (tmp_path / "docker-compose.yml").write_text("services: {s: {image: evil:1}}")
    project = ("-p", "p", "-f", str(tmp_path / "docker-compose.yml"))
    with screen("compose", "ls", "-a", "--format", "json") as terminal:
        assert terminal.wait() == 0 and "\x1b[2J" not in terminal.seen.decode() and "\x9b" not in terminal.seen.decode()
    with Screen([os.path.join(moor.names, "docker-compose"), *project, "ps", "-a"], moor.env) as terminal:
        assert terminal.wait() == 0
        assert "touch /\\x1b[2Jfile" in terminal.seen.decode() and "\x1b[2J" not in terminal.seen.decode()
    with screen("compose", *project, "events") as terminal:
        while b" container die " not in terminal.seen:  # until it listens
            moor.docker("start", "-a", "c")
            if select.select([terminal.master], [], [], 0.5)[0]:
                terminal.seen += os.read(terminal.master, 65536)
        assert f"evil={SEEN}" in terminal.seen.decode() and "\x1b[2J" not in terminal.seen.decode()
