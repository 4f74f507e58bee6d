# SPDX-License-Identifier: Apache-2.0
"""A compose project of a test's own, and what the tests of compose have in common."""

import contextlib
import json
import os
import re
import textwrap

from world import wait_until

COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class Project:
    """A directory with a compose file, and the two ways to call compose."""

    def __init__(self, moor, directory):
        self.moor = moor
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)

    def write(self, text, name="docker-compose.yml"):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def services(self, **services):
        """Writes a file of services without a network, unless they say otherwise."""
        for service in services.values():
            service.setdefault("image", "busybox:test")
            if "networks" not in service:
                service.setdefault("network_mode", "none")
        self.write(json.dumps({"services": services}))

    def classic(self, *arguments, **options):
        return self.moor.run(os.path.join(self.moor.names, "docker-compose"), *arguments,
                             cwd=self.directory, **options)

    def __call__(self, *arguments, **options):
        return self.moor.docker("compose", *arguments, cwd=self.directory, **options)

    def start(self, *arguments, classic=False, **options):
        program = [os.path.join(self.moor.names, "docker-compose")] if classic else \
            [os.path.join(self.moor.names, "docker"), "compose"]
        return self.moor.start(*program, *arguments, cwd=self.directory, **options)

    def down(self):
        self("down", "-t", "0", "-v", "--remove-orphans", code=None)

    def ids(self, *options):
        return self.moor.docker("ps", "-q", "--no-trunc", *options).stdout.split()

    def names(self, *options):
        return sorted(self.moor.docker("ps", "-a", "--format", "{{.Names}}", *options).stdout.split())

    def inspect(self, name, template):
        return self.moor.docker("inspect", "-f", template, name).stdout.rstrip("\n")


SLEEPER = ["sh", "-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done"]


def lines(text):
    return sorted(COLOURS.sub("", text).splitlines())


@contextlib.contextmanager
def foreground(project, *arguments, running=1, **options):
    """An `up` in the foreground, once so many containers run."""
    process = project.start("up", *arguments, **options)
    try:
        wait_until(lambda: len(project.ids()) >= running or process.poll() is not None, "containers to run")
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
