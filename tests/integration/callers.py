# SPDX-License-Identifier: Apache-2.0
"""Programs that call mooring-runc, each in a place of its own: process, mount and network namespaces,
an empty /run, and in it their stores. All of it ends with the place."""

import contextlib
import fcntl
import os
import select
import shlex
import signal
import subprocess
import termios
import time

import world

RUNTIME = os.path.join(world.BUILD, "runtime", "mooring-runc")
CGROUPS = "/sys/fs/cgroup"

# Engines keep locks, caches and keys outside of the stores they are given: not the machine's own.
# podman makes groups also where no hierarchy is mounted: in a tmpfs that goes with the place. Process 1
# is a shell: it reaps what detached itself, and ends, with all others, when its standard input does.
SET_UP = r"""
set -e
for directory in /run /dev/shm /etc/docker /opt/containerd /var/lib/containers /var/lib/containerd /var/lib/docker; do
    [ ! -d $directory ] || mount -t tmpfs tmpfs $directory
done
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mkdir /run/groups
    mount -t tmpfs tmpfs /run/groups
    for group in /sys/fs/cgroup/*; do
        if [ -L "$group" ]; then
            cp -d "$group" /run/groups
        elif mountpoint -q "$group"; then
            mkdir "/run/groups/${group##*/}"
            mount --bind "$group" "/run/groups/${group##*/}"
        fi
    done
    mount --move /run/groups /sys/fs/cgroup
    rmdir /run/groups
fi
ip link set lo up
echo ready
while read -r _; do :; done
"""


def children(process):
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as pids:
        return [int(pid) for pid in pids.read().split()]


class Place:
    """Runs programs in it; `name` is that of its control groups, and part of nobody else's."""

    def __init__(self, kind):
        self.name = f"{kind}-{os.getpid()}"
        self.anchor = subprocess.Popen(
            ["unshare", "--fork", "--kill-child", "--pid", "--mount", "--net", "--mount-proc", "--propagation",
             "private", "bash", "-c", SET_UP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.anchor.stdout.readline() == "ready\n"
        self.enter = ["nsenter", "-t", str(children(self.anchor)[0]), "--pid", "--mount", "--net", "--wd=/", "--"]

    def end(self):
        self.anchor.stdin.close()
        self.anchor.wait(20)
        self.anchor.stdout.close()
        world.wait_until(self.remove_groups, "the control groups to be empty")

    def remove_groups(self):
        """What engines keep when their last container goes."""
        for hierarchy in ["", *os.listdir(CGROUPS)]:
            for directory, _, _ in os.walk(os.path.join(CGROUPS, hierarchy, self.name), topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(directory)
        return not self.groups()

    def groups(self, name=""):
        """Control groups of the place, or those of a container in it."""
        return [directory for hierarchy in ["", *os.listdir(CGROUPS)]
                for directory, _, _ in os.walk(os.path.join(CGROUPS, hierarchy, self.name))
                if name in os.path.basename(directory)]

    def start(self, *argv, **options):
        return subprocess.Popen([*self.enter, *argv], **{"stdin": subprocess.DEVNULL, "text": True, **options})

    def run(self, *argv, code=0, timeout=60, **options):
        """Runs to the end and checks the exit code (None: any)."""
        done = subprocess.run([*self.enter, *argv], timeout=timeout,
                              **{"text": True, "capture_output": True, "input": "", **options})
        assert code is None or done.returncode == code, (
            f"{shlex.join(argv)}: exit code {done.returncode}, wanted {code}\n{done.stdout}{done.stderr}")
        return done

    def terminal(self, *argv, keys="", size=(33, 99), code=0, seconds=30):
        """Runs it on a terminal of rows and columns, types `keys`; what was to be seen there."""
        leader, follower = os.openpty()
        termios.tcsetwinsize(follower, size)
        process = self.start(*argv, stdin=follower, stdout=follower, stderr=follower, start_new_session=True,
                             preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        os.write(leader, keys.encode())
        seen, end = b"", time.monotonic() + seconds
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while select.select([leader], [], [], max(0, end - time.monotonic()))[0]:
                seen += os.read(leader, 4096)
        os.close(leader)
        process.kill() if time.monotonic() > end else None
        assert process.wait(10) == code, seen
        return seen.decode().replace("\r\n", "\n")

    @contextlib.contextmanager
    def daemon(self, *argv, log, ready):
        """A daemon that serves until the block ends; it is ready once that command succeeds."""
        with open(log, "w") as file:
            process = self.start(*argv, stdout=file, stderr=file)
        try:
            world.wait_until(lambda: process.poll() is not None or self.run(*ready, code=None).returncode == 0,
                             f"{argv[0]}: see {log}", 40)
            assert process.poll() is None, open(log).read()[-2000:]
            yield
        finally:
            for child in children(process):  # nsenter passes no signals on
                os.kill(child, signal.SIGTERM)
            process.wait(30)


@contextlib.contextmanager
def place(kind):
    place = Place(kind)
    try:
        yield place
    finally:
        place.end()
