# SPDX-License-Identifier: Apache-2.0
"""An ordinary user of this machine, whom nobody has to make: only its own mount namespace knows it."""

import contextlib
import copy
import json
import os
import shutil
import subprocess
import tempfile

import bundle as bundles
import leftovers
import world

UID = 43210
FIRST = 7000000  # of the ids that /etc/subuid and /etc/subgid grant
COUNT = 70000

# In a mount namespace that ends with the command: its own /etc/passwd and so on, and what a test adds.
BECOME = """
home=$1 uid=$2 more=$3; shift 3
for name in passwd group subuid subgid; do mount --bind "$home/etc/$name" "/etc/$name" || exit 99; done
eval "$more" || exit 98
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all --bounding-set=+all -- "$@"
"""


class User:
    """Has a home, a run directory, a bundle and our program; `runc` runs it."""

    def __init__(self, home):
        self.home = home
        self.directory = home  # for Bundle
        self.run_dir = os.path.join(home, "run")
        self.root = os.path.join(self.run_dir, "mooring", "runc")
        self.program = os.path.join(home, "mooring-runc")
        self.env = {"XDG_RUNTIME_DIR": self.run_dir, "HOME": home, "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
                    **world.SANITIZERS}
        self.more = ":"  # shell, as root, in the user's mount namespace
        shutil.copy(os.path.join(world.BUILD, "runtime", "mooring-runc"), self.program)
        self._know()
        self.bundle = bundles.Bundle(self)
        os.mkdir(self.run_dir, 0o700)
        subprocess.run(["chown", "-R", f"{UID}:{UID}", self.run_dir, self.bundle.path, home], check=True)

    def _know(self):
        os.mkdir(os.path.join(self.home, "etc"))
        lines = {"passwd": f"mooringtest:x:{UID}:{UID}::{self.home}:/bin/sh", "group": f"mooringtest:x:{UID}:"}
        for name in ("passwd", "group", "subuid", "subgid"):
            kept = "" if name.startswith("sub") else open("/etc/" + name).read()
            with open(os.path.join(self.home, "etc", name), "w") as file:
                file.write(kept + lines.get(name, f"mooringtest:{FIRST}:{COUNT}") + "\n")

    def run(self, *argv, code=0, env=None, timeout=60, **options):
        """As world.Mooring.run, as the user."""
        process = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", BECOME, "sh", self.home, str(UID),
             self.more, *[str(arg) for arg in argv]],
            env={**self.env, **(env or {})}, timeout=timeout, cwd=self.bundle.path,
            **{"text": True, "input": "", "capture_output": True, **options})
        assert code is None or process.returncode == code, (
            f"{argv}: exit code {process.returncode}, wanted {code}\n"
            f"stdout: {process.stdout}\nstderr: {process.stderr}")
        if isinstance(process.stderr, str):
            process.stderr = world.unquoted(process.stderr)
        return process

    def runc(self, *arguments, **options):
        return self.run(self.program, *arguments, **options)

    def map_ids(self, *ranges):
        """A new user namespace: (inside, outside, count) for both kinds of ids."""
        config = self.bundle.config["linux"]
        config["namespaces"] = [n for n in config["namespaces"] if n["type"] != "user"] + [{"type": "user"}]
        for key in ("uidMappings", "gidMappings"):
            config[key] = [dict(zip(("containerID", "hostID", "size"), one)) for one in ranges]

    def sh(self, script, *arguments, **options):
        """Runs a shell script in a container of the bundle; its output."""
        self.bundle.config["process"]["args"] = ["sh", "-c", script]
        return self.start("run", *arguments, **options).stdout

    def start(self, verb, *arguments, before=(), **options):
        """create and run; the config is written first. `before`: global flags."""
        self.bundle.write()
        return self.runc(*before, verb, *arguments, self.bundle.id, **options)

    def create(self, *args):
        self.bundle.config["process"]["args"] = list(args)
        nothing = subprocess.DEVNULL  # not captured: the container keeps these streams
        self.start("create", capture_output=False, input=None, stdin=nothing, stdout=nothing, stderr=nothing)
        return self.state()["pid"]

    def state(self):
        return json.loads(self.runc("state", self.bundle.id).stdout)

    def copy(self, name):
        """Another bundle of the same root file system."""
        other = copy.copy(self.bundle)
        other.config = copy.deepcopy(self.bundle.config)
        other.id = f"{name}-{os.getpid()}"
        return other

    def left(self):
        names = os.listdir(self.root) if os.path.isdir(self.root) else []
        return names + [group for group in leftovers.cgroups() if group.endswith("/" + self.bundle.id)]


@contextlib.contextmanager
def user():
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="mooring-user-") as home:
        os.chmod(home, 0o755)
        user = User(home)
        yield user
        for name in os.listdir(user.root) if os.path.isdir(user.root) else []:
            user.runc("delete", "--force", name)
        world.wait_until(lambda: not user.left(), "what ends has cleaned up")
        world.wait_until(lambda: not leftovers.processes_naming(home), "no process is left")
