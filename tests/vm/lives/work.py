# SPDX-License-Identifier: Apache-2.0
"""Makes and removes images, containers, volumes and a project, without end, in an order of the seed's, and tells each step on
the serial line before it begins and once its command has ended: tests/vm/reboot cuts the power meanwhile.

    tests/vm/lives/work.py SEED"""

import os
import random
import signal
import sys
import tempfile
import termios

import device
from device import docker, world

NAME = "work"  # the project's
REGISTRY = "127.0.0.1:5099"


class Worker:
    """`tell` gets each line of the ledger. Its archives, and the registry's, are in `directory`."""

    def __init__(self, directory, tell):
        self.directory, self.tell = directory, tell
        self.names = {"image": device.LOADED + device.PULLED, "container": ["c0", "c1", "c2"], "volume": ["v0", "v1", "v2"],
                      "project": [NAME]}
        self.has = {(kind, name): False for kind in self.names for name in self.names[kind]}

    def __enter__(self):
        self.server = world.docker_registry(self.directory, port=int(REGISTRY.rpartition(":")[2]))
        registry = self.server.__enter__()
        for name in device.LOADED:
            device.image(name).save(f"{self.directory}/{name}.tar", name)
        for name in device.PULLED:
            registry.push(device.image(name), name)
        with open(f"{self.directory}/compose.yaml", "w") as file:
            file.write(device.COMPOSE.replace(str(device.PORT), str(device.PORT + 1)))
        return self

    def __exit__(self, *error):
        self.server.__exit__(*error)

    def reference(self, name):
        return f"{REGISTRY}/{name}" if name in device.PULLED else name

    def compose(self, *arguments):
        device.run("docker-compose", "-p", NAME, "-f", f"{self.directory}/compose.yaml", *arguments)

    # -- what can be made, and removed -----------------------------------------------------------------

    def make(self, kind, name):
        self.tell(f"begun {kind} {name}")
        getattr(self, "make_" + kind)(name)
        self.tell(f"done {kind} {name} present")
        self.has[kind, name] = True

    def remove(self, kind, name, **options):
        self.tell(f"begun {kind} {name}")
        if kind == "project":
            self.compose("down")
        else:
            docker(*{"image": ["rmi"], "container": ["rm", "-f"], "volume": ["volume", "rm"]}[kind],
                   self.reference(name) if kind == "image" else name, **options)
        self.tell(f"done {kind} {name} gone")
        self.has[kind, name] = False

    def forget(self, kind, name):
        """It may not be there."""
        self.remove(kind, name, **({} if kind == "project" else {"code": None}))

    def make_image(self, name):
        if name in device.PULLED:
            docker("pull", self.reference(name))
        else:
            docker("load", "-i", f"{self.directory}/{name}.tar")

    def make_volume(self, name):
        docker("volume", "create", name)

    def make_container(self, name):
        docker("run", "-d", "--name", name, "--restart", "always", "--stop-signal", "KILL", "-v", f"v{name[1:]}:/v", device.BASE,
               "sh", "-c", f"echo {name} > /v/name; exec sleep 100000")

    def make_project(self, _):
        self.compose("up", "-d")

    # -- without end -----------------------------------------------------------------------------------

    def is_possible(self, kind, name):
        if kind == "volume":  # it is there before its container, and after
            return not self.has["container", f"c{name[1:]}"]
        return kind != "container" or self.has["volume", f"v{name[1:]}"]

    def step(self, chance):
        kind, name = chance.choice([key for key in self.has if self.is_possible(*key)])
        (self.remove if self.has[kind, name] else self.make)(kind, name)


def tell(line):
    """It has left the machine when this returns."""
    os.write(1, f"@@ {line}\n".encode())
    if os.isatty(1):
        termios.tcdrain(1)


def main():
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # timeout(1) has put us in the terminal's background, where draining stops
    chance = random.Random(int(sys.argv[1]))
    with tempfile.TemporaryDirectory(dir="/run") as directory, Worker(directory, tell) as worker:
        tell("works")
        while True:
            worker.step(chance)


if __name__ == "__main__":
    main()
