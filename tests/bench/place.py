# SPDX-License-Identifier: Apache-2.0
"""A private place to measure in: own network and mount namespace, own /run, a young ext4, peers' daemons."""

import contextlib
import ctypes
import os
import shutil
import subprocess
import time

STORE_SIZE = "4G"
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, **options):
    return subprocess.run(argv, check=True, text=True, capture_output=True, **options).stdout


def enter():
    """Puts this process, and all it starts, into namespaces of its own, which end with it."""
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    run("mount", "--make-rprivate", "/")
    # crun 1.8 refuses a hybrid cgroup mount; nothing we measure needs the v2 half of one. An empty tmpfs
    # takes its place, so that what is made there does not stay behind in the directory below.
    if os.path.ismount("/sys/fs/cgroup/unified"):
        run("umount", "/sys/fs/cgroup/unified")
        run("mount", "-t", "tmpfs", "tmpfs", "/sys/fs/cgroup/unified")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.makedirs("/run/lock")
    run("ip", "link", "set", "lo", "up")


@contextlib.contextmanager
def young_store(directory):
    """A new ext4 for the stores of all engines: a used one makes file creation ten times slower."""
    image = os.path.join(directory, "store.img")
    store = os.path.join(directory, "store")
    os.makedirs(store)
    run("truncate", "-s", STORE_SIZE, image)
    run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image)
    run("mount", "-o", "loop", image, store)
    try:
        yield store
    finally:
        run("umount", "-R", store)
        os.unlink(image)


def wait_for(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.05)


@contextlib.contextmanager
def dockerd(store):
    """A dockerd of our own. Yields the environment that its client needs."""
    socket = "/run/bench-docker.sock"
    with open(os.path.join(store, "dockerd.log"), "w") as log:
        daemon = subprocess.Popen(
            ["dockerd", "--data-root", os.path.join(store, "docker"), "--exec-root",
             "/run/bench-docker", "-H", "unix://" + socket, "-p", "/run/bench-docker.pid"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_for(lambda: os.path.exists(socket) or daemon.poll() is not None, "dockerd's socket")
            wait_for(lambda: subprocess.run(["docker", "-H", "unix://" + socket, "version"],
                                            capture_output=True).returncode == 0, "dockerd")
            yield {"DOCKER_HOST": "unix://" + socket}, daemon.pid
        finally:
            daemon.terminate()
            daemon.wait(60)


def podman_environment(store):
    """podman with a store of its own and limits that this machine allows."""
    directory = os.path.join(store, "podman")
    os.makedirs(directory)
    with open(os.path.join(directory, "storage.conf"), "w") as file:
        file.write(f'[storage]\ndriver = "overlay"\ngraphroot = "{directory}/root"\n'
                   'runroot = "/run/bench-podman"\n')
    with open(os.path.join(directory, "containers.conf"), "w") as file:
        file.write('[containers]\ndefault_ulimits = ["nofile=1024:4096","nproc=4096:4096"]\n'
                   '[engine]\nevents_logger = "file"\n')
    return {"CONTAINERS_STORAGE_CONF": os.path.join(directory, "storage.conf"),
            "CONTAINERS_CONF": os.path.join(directory, "containers.conf")}


def pss(pid):
    """Memory of one process, KiB, shared pages divided among their users."""
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def processes(argument):
    """Process ids of those with this argument."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as file:
            if argument in file.read().split("\0"):
                found.append(int(pid))
    return found


def remove_cgroups(names, seconds=10):
    """Groups that runtimes leave below the top of each hierarchy; the last process may still be going."""
    end = time.monotonic() + seconds
    while names & groups_now() and time.monotonic() < end:
        for hierarchy in os.listdir("/sys/fs/cgroup"):
            for name in names:
                top = os.path.join("/sys/fs/cgroup", hierarchy, name)
                for directory, _, _ in os.walk(top, topdown=False):
                    with contextlib.suppress(OSError):
                        os.rmdir(directory)
        time.sleep(0.1)


def groups_now():
    """Names at the top of the hierarchies, to tell later what is new."""
    return {name for hierarchy in os.listdir("/sys/fs/cgroup")
            if os.path.isdir(os.path.join("/sys/fs/cgroup", hierarchy))
            for name in os.listdir(os.path.join("/sys/fs/cgroup", hierarchy))
            if os.path.isdir(os.path.join("/sys/fs/cgroup", hierarchy, name))}


def available(program):
    return shutil.which(program) is not None
