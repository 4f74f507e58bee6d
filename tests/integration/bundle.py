# SPDX-License-Identifier: Apache-2.0
"""Bundles for mooring-runc: a busybox root file system and a config.json like docker's."""

import contextlib
import copy
import json
import os
import shutil
import socket
import subprocess

import world
from world import leftovers

PROGRAM = os.path.join(world.BUILD, "runtime", "mooring-runc")
# For a container that stays: it keeps the streams, so they cannot be captured.
QUIET = {"capture_output": False, "input": None, "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
         "stderr": subprocess.DEVNULL}

APPLETS = world.APPLETS + ["grep", "head", "ip", "kill", "mkfifo", "mknod", "pwd", "readlink", "sort",
                           "stty", "tty", "umask"]

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW",
                "CAP_SETGID", "CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE",
                "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE"]
CAPABILITY_MASK = "00000000a80425fb"

SECCOMP = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"],
    "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}],
}

BASE = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["true"],
        "env": ["PATH=/bin"],
        "cwd": "/",
        "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
    },
    "root": {"path": "rootfs"},
    "hostname": "harbour",
    "mounts": [
        {"destination": "/proc", "type": "proc", "source": "proc",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
         "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
         "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]},
        {"destination": "/sys", "type": "sysfs", "source": "sysfs",
         "options": ["nosuid", "noexec", "nodev", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
         "options": ["ro", "nosuid", "noexec", "nodev"]},
        {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue",
         "options": ["nosuid", "noexec", "nodev"]},
        {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",
         "options": ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
    ],
    "linux": {
        "namespaces": [{"type": kind} for kind in ("mount", "network", "uts", "pid", "ipc")],
        "resources": {"devices": [{"allow": False, "access": "rwm"}]},
        "maskedPaths": ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/sys/firmware"],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
}


class Bundle:
    """A bundle below a fresh store: bundle.config is written when a container is made of it."""

    def __init__(self, moor, name="bundle"):
        self.moor = moor
        self.id = f"{name}-{os.getpid()}"
        self.path = os.path.join(moor.directory, name)
        self.rootfs = os.path.join(self.path, "rootfs")
        self.config = copy.deepcopy(BASE)
        for directory in ("bin", "etc", "proc", "sys", "dev", "tmp"):
            os.makedirs(os.path.join(self.rootfs, directory))
        shutil.copy(world.BUSYBOX, os.path.join(self.rootfs, "bin", "busybox"))
        for applet in APPLETS:
            os.symlink("busybox", os.path.join(self.rootfs, "bin", applet))
        with open(os.path.join(self.rootfs, "etc", "passwd"), "w") as file:
            file.write("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n")

    def write(self):
        with open(os.path.join(self.path, "config.json"), "w") as file:
            json.dump(self.config, file)

    def runc(self, verb, *arguments, **options):
        """create and run; the config is written first."""
        self.write()
        return self.moor.runc(verb, "--bundle", self.path, *arguments, self.id, **options)

    def sh(self, script, *arguments, **options):
        """Runs a shell script in a container of this bundle; its output."""
        self.config["process"]["args"] = ["sh", "-c", script]
        return self.runc("run", *arguments, **options).stdout

    def state(self):
        return json.loads(self.moor.runc("state", self.id).stdout)

    def create(self, *script):
        self.config["process"]["args"] = list(script)
        self.runc("create", **QUIET)
        return self.state()["pid"]

    def traces(self):
        """What is left of containers of this name: state, cgroups."""
        root = os.path.join(self.moor.run_dir, "runc")
        found = [name for name in os.listdir(root)] if os.path.isdir(root) else []
        return found + [path for path in leftovers.cgroups() if path.endswith("/" + self.id)]


@contextlib.contextmanager
def service_manager(bundle):
    """The socket of a service manager, which the runtime has in its environment."""
    path = os.path.join(bundle.moor.directory, "manager")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(20)
        bundle.moor.env["NOTIFY_SOCKET"] = path
        yield sock
