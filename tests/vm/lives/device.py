# SPDX-License-Identifier: Apache-2.0
"""The device of tests/vm/reboot, seen from inside: its commands, what runs on it from life to life, and what it worked at.

What was worked at is a ledger of lines "begun KIND NAME" and "done KIND NAME present" (or "gone")."""

import hashlib
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "integration"))

import world  # noqa: E402

COMMANDS = "/usr/local/bin"
STORE = "/var/lib/mooring"
SERVICES = ("mooring.service", "mooring-gate.socket", "mooring-nucleus.service")
BASE = "busybox:test"  # the image of what runs from life to life
SECONDS = 300  # for one command; the machine is emulated

PROJECT = "/var/lib/device/project"
PORT = 8099
COMPOSE = f"""\
services:
  web:
    image: {BASE}
    command: sh -c 'echo here > /f && exec busybox httpd -f -p 80'
    stop_signal: KILL
    restart: unless-stopped
    ports: ["127.0.0.1:{PORT}:80"]
  other:
    image: {BASE}
    command: sleep 100000
    stop_signal: KILL
    restart: always
    depends_on: [web]
"""

LOADED = ["i0:1", "i1:1", "i2:1"]
PULLED = ["r0", "r1", "r2"]
SIZE = 1 << 20  # of the file that makes an image one of its own


def run(*argv, user=None, code=0):
    """Its stdout; what it says on stderr is for the failure."""
    argv = (["runuser", "-u", user, "--"] if user else []) + list(argv)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True, capture_output=True, timeout=SECONDS, cwd="/",
                          env={**os.environ, "PATH": f"{COMMANDS}:{os.environ['PATH']}"})
    assert code is None or done.returncode == code, f"{' '.join(argv)}: exit code {done.returncode}: {done.stdout}{done.stderr}"
    return done.stdout


def docker(*arguments, **options):
    return run("docker", *arguments, **options)


def listed(kind, field):
    more = ["-a"] if kind == "container" else []
    return set(docker(kind, "ls", *more, "--format", "{{." + field + "}}").split())


def state(name):
    return docker("inspect", "-f", "{{.State.Status}}", name).strip()


def service(verb, name):
    return run("systemctl", verb, name, code=None).strip()


def room():
    """The bytes that the store has on the disk."""
    return int(run("du", "-s", "-B1", STORE).split()[0])


# -- what is worked at -----------------------------------------------------------------------------

def image(name):
    """One whose files can be checked inside: `check` is its command."""
    data = random.Random(name).randbytes(SIZE)
    layer = world.tar_bytes([("data", None), ("data/f", data), ("data/sum", f"{hashlib.md5(data).hexdigest()}  /data/f\n".encode())])
    return world.Image([world.busybox_layer(), layer], Cmd=["busybox", "md5sum", "-c", "/data/sum"])


def known(ledger):
    """Of each (kind, name) whether it must be there; None if that was being changed when the power went."""
    found = {}
    for line in ledger:
        step, kind, name, *now = line.split()
        found[kind, name] = now[0] == "present" if step == "done" else None
    return found
