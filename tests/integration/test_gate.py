# SPDX-License-Identifier: Apache-2.0
"""The group docker: an ordinary user's docker works on root's containers through mooring-gate, and nobody else's does."""

import array
import contextlib
import grp
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile

import pytest

import world
from world import wait_until

UID = 54321
GROUP = "docker"  # Debian's docker.io, which the tests have, makes it
DENIED = "Got permission denied while trying to connect to the Docker daemon socket"


class Gate:
    """A listener of its own for one store, and the client's program where an ordinary user may execute it."""

    def __init__(self, moor, directory):
        self.moor = moor
        self.directory = directory
        self.socket = os.path.join(directory, "gate.sock")
        self.docker_program = os.path.join(directory, "cli", "docker")
        self.group = grp.getgrnam(GROUP).gr_gid
        self.process = None
        for source, target in (("cli/mooring", "cli/docker"), ("compose/mooring-compose",) * 2):  # as they lie in the build tree
            os.makedirs(os.path.dirname(os.path.join(directory, target)), exist_ok=True)
            shutil.copy(os.path.join(world.BUILD, source), os.path.join(directory, target))
        self.home = os.path.join(directory, "home")
        os.mkdir(self.home)
        os.chown(self.home, UID, UID)

    def listen(self, *before):
        self.process = self.moor.start(*before, os.path.join(world.BUILD, "engine", "mooring-gate"), "--listen", "--socket",
                                       self.socket, stdin=None, stdout=None, stderr=None)
        wait_until(lambda: os.path.exists(self.socket) and stat.S_IMODE(os.stat(self.socket).st_mode) == 0o660,
                   "the gate to listen")

    def options(self, groups=None, env=None):
        return {"user": UID, "group": UID, "extra_groups": [self.group] if groups is None else groups, "cwd": self.home,
                "env": {"PATH": os.environ["PATH"], "HOME": self.home, "MOORING_GATE": self.socket, **world.SANITIZERS,
                        **(env or {})}}

    def docker(self, *arguments, code=0, groups=None, env=None, **more):
        process = subprocess.run([self.docker_program, *arguments], text=True, capture_output=True, timeout=60,
                                 **{"input": "", **more}, **self.options(groups, env))
        assert process.returncode == code, (arguments, process.returncode, process.stdout, process.stderr)
        return process

    def start(self, *arguments):
        return subprocess.Popen([self.docker_program, *arguments], text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.options())

    def connect(self, groups=()):
        """A bare connection of the user's; made by a child, as credentials are noted at connect."""
        ours, theirs = socket.socketpair()
        child = os.fork()
        if child == 0:
            os.setgroups(list(groups))
            os.setgid(UID)
            os.setuid(UID)
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            connection.connect(self.socket)
            socket.send_fds(theirs, [b"x"], [connection.fileno()])
            os._exit(0)
        os.waitpid(child, 0)
        with ours, theirs:
            fds = socket.recv_fds(ours, 1, 1)[1]
        return socket.socket(fileno=fds[0])


@pytest.fixture
def gate(moor):
    with tempfile.TemporaryDirectory(prefix="gate-") as directory:
        os.chmod(directory, 0o755)
        gate = Gate(moor, directory)
        gate.listen()
        yield gate
        gate.process.terminate()
        assert gate.process.wait(10) == 0


def users_of(gate, name):
    return gate.moor.docker("ps", "-aq", "-f", f"name=^{name}$").stdout.split()


def test_a_member_works_on_roots_containers(gate, busybox):
    assert gate.docker("run", "--rm", "--network", "none", busybox, "id", "-u").stdout == "0\n"
    assert gate.docker("run", "--rm", "--network", "none", busybox, "sh", "-c", "cat; exit 7", code=7, input="").stdout == ""
    assert gate.docker("run", "--rm", "-i", "--network", "none", busybox, "cat", input="a\nb\n").stdout == "a\nb\n"
    made = gate.docker("run", "-d", "--network", "none", "--name", "web", busybox, "sleep", "60").stdout.strip()
    assert gate.moor.docker("ps", "-q", "--no-trunc").stdout.strip() == made
    assert gate.docker("images", "-q", busybox).stdout
    assert gate.docker("rm", "-f", "web").stdout == "web\n"


def test_variables_pass_but_not_ours(gate, busybox):
    """-e NAME takes the caller's value; where the store is, and what programs load, is not the caller's to say."""
    env = {"GREETING": "hello, world", "MOORING_RUN": "/nowhere", "MOORING_CALLER": "0:0:", "LD_PRELOAD": "/nosuch.so"}
    ours = f"MOORING_RUN={gate.moor.run_dir}\n"  # the gate's own
    out = gate.docker("run", "--rm", "--network", "none", "-e", "GREETING", "-e", "LD_PRELOAD", "-e", "MOORING_RUN", busybox,
                      "env", env=env).stdout
    assert "GREETING=hello, world\n" in out and ours in out and "LD_PRELOAD" not in out


def test_libraries_are_not_the_callers(gate, busybox):
    """OpenSSL loads, as root, what its configuration says, and curl writes where a variable says."""
    config, keys = os.path.join(gate.home, "openssl.cnf"), os.path.join(gate.directory, "keys")
    with open(config, "w") as file:
        file.write("openssl_conf = a\n[a]\nproviders = p\n[p]\nevil = e\n[e]\nmodule = /nosuch.so\nactivate = 1\n")
    env = {"OPENSSL_CONF": config, "SSLKEYLOGFILE": keys}
    gate.docker("save", "-o", "image.tar", busybox, env=env)
    gate.docker("load", "-i", "image.tar", env=env)
    assert "connection refused" in gate.docker("pull", f"127.0.0.1:{world.free_port()}/x", env=env, code=1).stderr
    assert not os.path.exists(keys)


def test_files_are_the_callers(gate, busybox):
    """What is named on the command line is read and made with the caller's rights, not root's."""
    secret = os.path.join(gate.directory, "secret")
    with open(secret, "w") as file:
        file.write("TOKEN=1\n")
    os.chmod(secret, 0o600)
    refused = gate.docker("run", "--rm", "--network", "none", "--env-file", secret, busybox, "env", code=125)
    assert "permission denied" in refused.stderr.lower() and "TOKEN" not in refused.stdout
    refused = gate.docker("run", "--rm", "--security-opt", f"seccomp={secret}", busybox, "true", code=125)
    assert "permission denied" in refused.stderr.lower() and "TOKEN" not in refused.stderr
    assert "permission denied" in gate.docker("load", "-i", secret, code=1).stderr.lower()

    gate.docker("run", "--cidfile", "id", "--rm", "--network", "none", busybox, "true")
    gate.docker("save", "-o", "image.tar", busybox)
    for name in ("id", "image.tar"):
        status = os.stat(os.path.join(gate.home, name))
        assert (status.st_uid, status.st_gid) == (UID, UID), name
    assert "Loaded image" in gate.docker("load", "-i", "image.tar").stdout
    for target in (secret, "/root/x.tar"):
        gate.docker("save", "-o", target, busybox, code=1)
    assert open(secret).read() == "TOKEN=1\n" and not os.path.exists("/root/x.tar")


def test_a_credential_helper_is_the_callers_own(gate, registry):
    """It is a program of the caller's choice: root does not run it as root."""
    bin_dir = os.path.join(gate.home, "bin")
    os.mkdir(bin_dir)
    helper = os.path.join(bin_dir, "docker-credential-mine")
    with open(helper, "w") as file:
        file.write("#!/bin/sh\nid -u > $HOME/who\nid -G >> $HOME/who\nprintf '{\"Username\":\"u\",\"Secret\":\"s\"}'\n")
    os.chmod(helper, 0o755)
    os.mkdir(os.path.join(gate.home, ".docker"))
    with open(os.path.join(gate.home, ".docker", "config.json"), "w") as file:
        json.dump({"credHelpers": {registry.address: "mine"}}, file)
    gate.docker("pull", f"{registry.address}/nosuch:1", code=1, env={"PATH": bin_dir + ":/usr/bin:/bin"})
    assert open(os.path.join(gate.home, "who")).read() == f"{UID}\n{UID} {gate.group}\n"


def test_a_directory_that_is_closed_to_root(gate):
    """As on NFS: who may enter it, works there. Whom nobody lets in (FUSE) is told so, not that he is no member."""
    def listen_without(*rights):
        gate.process.terminate()
        assert gate.process.wait(10) == 0
        os.unlink(gate.socket)
        gate.listen("setpriv", "--bounding-set=" + ",".join("-" + right for right in rights))

    os.chmod(gate.home, 0o700)
    with open(os.path.join(gate.home, "env"), "w") as file:
        file.write("A=1\n")
    os.chown(os.path.join(gate.home, "env"), UID, UID)
    os.chmod(os.path.join(gate.home, "env"), 0o600)
    listen_without("dac_override", "dac_read_search")
    gate.docker("ps")
    assert "No such image" in gate.docker("create", "--pull", "never", "--env-file", "env", "nosuch:1", code=1).stderr
    listen_without("dac_override", "dac_read_search", "setuid")
    assert "the working directory is closed to root" in gate.docker("ps", code=1).stderr


def test_ps_is_the_machines(gate, busybox):
    """`docker top` runs a program by its name: as root, and so not the one that is first on the caller's PATH."""
    bin_dir = os.path.join(gate.home, "bin")
    os.mkdir(bin_dir)
    with open(os.path.join(bin_dir, "ps"), "w") as file:
        file.write(f"#!/bin/sh\nid -u > {gate.home}/who\nexec /bin/ps \"$@\"\n")
    os.chmod(os.path.join(bin_dir, "ps"), 0o755)
    gate.docker("run", "-d", "--network", "none", "--name", "web", busybox, "sleep", "60")
    assert "sleep 60" in gate.docker("top", "web", env={"PATH": bin_dir + ":/usr/bin:/bin"}).stdout
    assert not os.path.exists(os.path.join(gate.home, "who"))
    gate.docker("rm", "-f", "web")


def test_a_login_is_written_by_the_caller(gate, registry):
    """Our client never sends it; one who does by hand has no file written by root where a link of his leads."""
    os.mkdir(os.path.join(gate.directory, "roots"))
    target = os.path.join(gate.directory, "roots", "file")
    config = os.path.join(gate.home, ".docker")
    os.mkdir(config)
    os.chown(config, UID, UID)
    os.symlink(target, os.path.join(config, "config.json"))
    words = ["docker", "login", "-u", "u", "-p", "p", registry.address, f"HOME={gate.home}"]

    def login():
        with gate.connect([gate.group]) as connection:
            connection.settimeout(20)
            request(gate, connection, words, argc=len(words) - 1, envc=1)
            return struct.unpack("=ii", connection.recv(100))

    assert login() == (1, 0) and not os.path.exists(target)
    os.unlink(os.path.join(config, "config.json"))
    assert login() == (0, 0)
    status = os.stat(os.path.join(config, "config.json"))
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (UID, UID, 0o600)


def test_nobody_else_passes(gate, busybox):
    refused = gate.docker("run", "--rm", busybox, "true", code=126, groups=[])
    assert DENIED in refused.stderr and "usermod -aG docker" in refused.stderr
    assert DENIED in gate.docker("ps", code=1, groups=[]).stderr
    assert gate.docker("-v", groups=[]).stdout.startswith("Docker version")
    assert "Usage:" in gate.docker("run", "--help", groups=[]).stdout
    # Also where the socket's mode was opened by mistake: the kernel's word for who is there counts.
    os.chmod(gate.socket, 0o666)
    assert DENIED in gate.docker("ps", code=1, groups=[]).stderr


def test_no_gate(gate):
    """Whoever is in the group is told so in docker's words; nobody else waits for a gate."""
    nowhere = {"MOORING_GATE": gate.directory + "/nosuch"}
    refused = gate.docker("ps", code=1, groups=[], env=nowhere)
    assert DENIED in refused.stderr and "mooring-gate" in refused.stderr
    for arguments, code, prefix in [(["ps"], 1, ""), (["run", "--rm", "x"], 125, "docker: ")]:
        refused = gate.docker(*arguments, code=code, env=nowhere)
        assert refused.stdout == "" and refused.stderr.count("\n") == 1
        assert refused.stderr.startswith(f"{prefix}Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
                                         "Is the docker daemon running?")
        assert "enable --now mooring-gate.socket" in refused.stderr


def test_made_a_member_after_the_login(gate, busybox):
    """usermod -aG docker, and the session goes on without the group: it is told so, instead of an empty rootless store."""
    for name, line in ("passwd", f"late:x:{UID}:{UID}::{gate.home}:/bin/sh"), ("group", f"{GROUP}:x:{gate.group}:other,late"), (
            "subuid", "late:7000000:70000"), ("subgid", "late:7000000:70000"):
        with open(os.path.join(gate.directory, name), "w") as file:
            file.write(f"root:x:0:0:root:/root:/bin/sh\n{line}\n" if name == "passwd" else line + "\n")

    def late(files, *arguments, code, **env):
        script = "".join(f"mount --bind {gate.directory}/{name} /etc/{name}; " for name in files.split())
        options = gate.options(env=env)
        done = subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-ec", script + (
            f"exec setpriv --reuid {UID} --regid {UID} --clear-groups -- \"$@\""), "sh", gate.docker_program, *arguments],
            text=True, capture_output=True, timeout=60, input="", env=options["env"], cwd=gate.home)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done
    for files, more in ("passwd group", ""), ("passwd group subuid subgid", "set MOORING_ROOT="):
        for arguments, code, prefix in (["ps"], 1, ""), (["run", "--rm", busybox, "true"], 126, "docker: "):
            told = late(files, *arguments, code=code)
            assert told.stdout == "" and told.stderr.startswith(prefix + DENIED) and told.stderr.count("\n") == 1
            assert "log in again, or run 'newgrp docker'" in told.stderr and more in told.stderr
        nowhere = late(files, "ps", code=1, MOORING_GATE=gate.directory + "/nosuch")
        assert "enable --now mooring-gate.socket" in nowhere.stderr
    assert late("passwd", "-v", code=0).stdout.startswith("Docker version")
    assert "usermod -aG docker" in late("passwd", "ps", code=1).stderr  # the real group, in which late is not
    assert not os.listdir(gate.home)


def test_signals_pass(gate, busybox):
    script = "trap 'echo caught; exit 5' TERM; echo up; while :; do sleep 0.05; done"
    client = gate.start("run", "--rm", "--name", "sig", "--network", "none", busybox, "sh", "-c", script)
    assert client.stdout.readline() == "up\n"
    client.send_signal(signal.SIGTERM)
    assert client.communicate(timeout=20)[0] == "caught\n" and client.returncode == 5
    assert not users_of(gate, "sig")


@pytest.mark.parametrize("victim", ["client", "gate"])
def test_a_killed_client_leaves_nothing(gate, busybox, victim):
    """Also when what is killed is the gate's own process for this connection."""
    client = gate.start("run", "--rm", "--name", "gone", "--network", "none", "--stop-signal", "KILL", busybox, "sh", "-c", "echo up; sleep 60")
    assert client.stdout.readline() == "up\n"
    if victim == "client":
        client.kill()
    else:
        with open(f"/proc/{gate.process.pid}/task/{gate.process.pid}/children") as file:
            os.kill(int(file.read()), signal.SIGKILL)
    client.communicate(timeout=20)
    assert client.returncode != 0
    wait_until(lambda: not users_of(gate, "gone"), "the container to go with its client")


def request(gate, connection, words, version=1, argc=None, envc=0, fds=5, kind="memory"):
    text = b"".join(word.encode() + b"\0" for word in words) if isinstance(words, list) else words
    memory = os.memfd_create("x")
    os.write(memory, text)
    if kind == "pipe":
        memory = os.pipe()[0]
    home = os.open(gate.home, os.O_PATH)
    null = os.open("/dev/null", os.O_RDWR)
    sent = [null, null, null, home, memory, null, null][:fds]
    message = struct.pack("=IIII", version, 0o22, len(words) if argc is None else argc, envc)
    with contextlib.suppress(BrokenPipeError):
        connection.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", sent))])
    for fd in {null, home, memory}:
        os.close(fd)


@pytest.mark.parametrize("how", [
    {"words": ["docker", "ps"], "version": 2},
    {"words": ["docker", "ps"], "argc": 3},
    {"words": ["docker", "ps"], "argc": 1},
    {"words": ["docker", "ps"], "argc": 0xffffffff},
    {"words": ["docker", "ps"], "envc": 1},
    {"words": ["docker", "ps"], "fds": 4},
    {"words": ["docker", "ps"], "fds": 7},
    {"words": ["docker", "ps"], "kind": "pipe"},
    {"words": b"docker\0ps", "argc": 2},
    {"words": b"", "argc": 1},
    {"words": ["mooring", "container-cleanup"]},
    {"words": ["/tmp/x/docker", "ps"]},
    {"words": ["", "ps"]},
])
def test_nonsense_is_refused(gate, how):
    connection = gate.connect([gate.group])
    with connection:
        connection.settimeout(20)
        request(gate, connection, **how)
        code, refused = struct.unpack("=ii", connection.recv(100))
        assert refused != 0
    assert gate.docker("ps", "-q").stdout == ""  # it goes on serving


def test_bad_signals_end_the_call(gate, busybox):
    """A number that is no signal is a client that has lost its mind: its command goes, the gate stays."""
    connection = gate.connect([gate.group])
    with connection:
        connection.settimeout(20)
        request(gate, connection, ["docker", "run", "--rm", "--name", "bad", "--network", "none", "--stop-signal", "KILL", busybox, "sleep", "60"])
        wait_until(lambda: users_of(gate, "bad"), "the container")
        connection.send(struct.pack("=i", 99999))
        wait_until(lambda: not users_of(gate, "bad"), "the container to go")


def test_compose_of_a_member(gate, busybox):
    """A project in a member's directory: its containers are root's, its files are read with the member's rights alone."""
    secret = os.path.join(gate.directory, "secret")
    with open(secret, "w") as file:
        file.write("TOKEN=1\n")
    os.chmod(secret, 0o600)
    file = os.path.join(gate.home, "compose.yaml")

    def write(more=""):
        with open(file, "w") as out:
            out.write("name: ours\nservices: {a: {image: '%s', network_mode: none, init: true, command: sleep 60, "
                      "environment: [GREETING]%s}}\n" % (busybox, more))

    write()
    assert " Container ours-a-1  Started\n" in gate.docker("compose", "up", "-d", env={"GREETING": "hello"}).stderr
    assert gate.moor.docker("ps", "--format", "{{.Names}}").stdout == "ours-a-1\n"
    assert gate.docker("compose", "exec", "a", "sh", "-c", "echo $GREETING").stdout == "hello\n"
    assert gate.docker("compose", "config", "-o", "out.yaml").stdout == "" and os.stat(os.path.join(gate.home, "out.yaml")).st_uid == UID
    denied = gate.docker("compose", "-f", secret, "config", code=14).stderr
    assert "ermission denied" in denied and "TOKEN" not in denied
    write(f", env_file: {secret}")
    denied = gate.docker("compose", "up", "-d", code=14).stderr
    assert "ermission denied" in denied and "TOKEN" not in denied
    denied = gate.docker("compose", "--env-file", secret, "config", code=14).stderr
    assert "ermission denied" in denied and "TOKEN" not in denied
    write()
    assert " Container ours-a-1  Removed\n" in gate.docker("compose", "down").stderr
    assert gate.moor.docker("ps", "-aq").stdout == ""
    assert DENIED in gate.docker("compose", "ps", code=1, groups=[]).stderr
