# SPDX-License-Identifier: Apache-2.0
"""A container with its monitor, and the test as its client."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

import world

RECORD = re.compile(r'\{"log":"(?:[^"\\]|\\.)*","stream":"(?:stdout|stderr)",'
                    r'"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z"\}')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")

GROUP = f"mooring-test-{os.getpid()}"  # another file of tests that runs beside this one has another


class Monitor:
    """One container with its monitor, and us as the attached client."""

    serial = 0

    def __init__(self, moor, *args, **changes):
        Monitor.serial += 1
        self.moor = moor
        self.id = f"m{os.getpid()}-{Monitor.serial}"
        self.bundle = os.path.join(moor.directory, self.id)
        self.exit_file = os.path.join(self.bundle, "exit.json")
        self.log_file = os.path.join(self.bundle, "container.log")
        self.messages = []
        self.client = self.stdout = self.stderr = None
        os.makedirs(os.path.join(self.bundle, "rootfs"))
        self.make_root()
        with open(os.path.join(self.bundle, "config.json"), "w") as file:
            json.dump(self.config(args, **changes), file)

    def make_root(self):
        root = os.path.join(self.bundle, "rootfs")
        for name in ("bin", "proc", "dev", "tmp"):
            os.mkdir(os.path.join(root, name))
        shutil.copy(world.BUSYBOX, os.path.join(root, "bin", "busybox"))
        for name in world.APPLETS + ["seq"]:
            os.symlink("busybox", os.path.join(root, "bin", name))

    def config(self, args, memory=None, terminal=None):
        """`terminal`: rows and columns."""
        process = {"args": list(args), "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 0, "gid": 0}}
        if terminal:
            process["terminal"] = True
            process["consoleSize"] = {"height": terminal[0], "width": terminal[1]}
        pts = {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
               "options": ["newinstance", "ptmxmode=0666", "mode=0620"]}
        return {
            "ociVersion": "1.0.2",
            "process": process,
            "root": {"path": "rootfs"},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                       *([pts] if terminal else [])],
            "linux": {"cgroupsPath": f"/{GROUP}/{self.id}",
                      "resources": {"memory": {"limit": memory, "swap": memory}} if memory else {},
                      "namespaces": [{"type": name} for name in ("pid", "mount", "ipc", "uts")]},
        }

    def put(self, name, data):
        with open(os.path.join(self.bundle, "rootfs", name), "wb") as file:
            file.write(data)

    def command(self, *options):
        return [os.path.join(world.BUILD, "runtime", "mooring-runc"), "--root",
                os.path.join(self.moor.run_dir, "runc"), "monitor", "--bundle", self.bundle,
                "--exit-file", self.exit_file, "--log-file", self.log_file,
                *[str(option) for option in options], self.id]

    def start(self, *options, stdin=None, expect="started"):
        """Attaches socket, stdout and stderr, and waits for the first message."""
        self.has_ended = False
        self.client, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.stdout, out = os.pipe()
        self.stderr, err = os.pipe()
        passed = [theirs.fileno(), out, err]
        options = ["--client-fd", passed[0], "--stdout-fd", out, "--stderr-fd", err, *options]
        if stdin is not None:
            passed.append(stdin)
            options = ["--stdin-fd", stdin, *options]
        done = subprocess.run(self.command(*options), pass_fds=passed, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=30, env=self.moor.env)
        assert done.returncode == 0, done.stderr
        theirs.close()
        os.close(out)
        os.close(err)
        message = self.receive()
        assert message["event"] == expect, message
        return message

    def receive(self, seconds=20):
        self.client.settimeout(seconds)
        packet = self.client.recv(4096)
        assert packet, "the monitor hung up"
        message = json.loads(packet)
        if message != {"event": "ended"}:
            return message
        assert not self.has_ended, "once"
        self.has_ended = True
        return self.receive(seconds)

    def send(self, **message):
        self.client.send(json.dumps(message).encode())

    def read(self, which="stdout"):
        """Everything up to the end of the stream."""
        with os.fdopen(getattr(self, which), "rb") as file:
            setattr(self, which, None)
            return file.read()

    def read_line(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = os.read(self.stdout, 1)
            assert byte, f"end of output after {line!r}"
            line += byte
        return line.decode()

    def exit_code(self):
        message = self.receive()
        assert message["event"] == "exited" and self.has_ended, message
        return message["code"]

    def close(self):
        for name in ("stdout", "stderr"):
            if getattr(self, name) is not None:
                os.close(getattr(self, name))
                setattr(self, name, None)
        if self.client:
            self.client.close()
            self.client = None

    def pid(self, container):
        return world.parent(container)

    def record(self):
        world.wait_until(lambda: os.path.exists(self.exit_file), "exit.json")
        with open(self.exit_file) as file:
            return json.load(file)

    def log(self, suffix=""):
        with open(self.log_file + suffix) as file:
            lines = file.read().split("\n")
        assert lines.pop() == "", "the log ends with a whole line"
        for line in lines:
            assert RECORD.fullmatch(line), line
        return [json.loads(line) for line in lines]

    def logged(self, stream="stdout"):
        return "".join(record["log"] for record in self.log() if record["stream"] == stream)


@pytest.fixture
def monitor(moor):
    made = []

    def make(*args, **changes):
        made.append(Monitor(moor, *args, **changes))
        return made[-1]

    yield make
    for one in made:
        one.close()
    world.wait_until(lambda: not os.path.isdir(os.path.join(moor.run_dir, "runc")) or
                     not os.listdir(os.path.join(moor.run_dir, "runc")), "containers to end")
    for hierarchy in os.listdir("/sys/fs/cgroup"):
        group = os.path.join("/sys/fs/cgroup", hierarchy, GROUP)
        if os.path.isdir(group):
            os.rmdir(group)
