# SPDX-License-Identifier: Apache-2.0
"""What a test run may leave on a machine: mounts, cgroups, network devices, namespaces, rules."""

import contextlib
import glob
import os
import re
import socket
import subprocess
import time

CGROUPS = "/sys/fs/cgroup"
OWN_DIRECTORIES = ["/run/mooring", "/var/lib/mooring", "/etc/mooring"]


def mounts():
    with open("/proc/self/mountinfo") as lines:
        return {"mount " + line.split()[4] for line in lines}


def cgroups():
    found = set()
    for directory, below, _ in os.walk(CGROUPS):
        found.update("cgroup " + os.path.join(directory, name) for name in below)
    return found


OURS = ["docker", "greengrass"]  # where our programs put groups of many; whatever else they make is at the top


def cgroups_of_ours():
    """Groups at the top of each hierarchy, below those of ours and below this process's: a machine's services make
    and end theirs below their own whenever they like."""
    with open("/proc/self/cgroup") as lines:
        own = {line.strip().split(":", 2)[2] for line in lines} - {"/"}
    found = set()
    for group in cgroups():
        path = group.removeprefix(f"cgroup {CGROUPS}/")
        for part in (path, path.partition("/")[2]):  # hierarchy v2's, and v1's of some controller
            is_at_top = part and "/" not in part
            if is_at_top or part.split("/")[0] in OURS or any(f"/{part}".startswith(place + "/") for place in own):
                found.add(group)
    return found


def networks():
    found = {"network device " + name for _, name in socket.if_nameindex()}  # /sys may show another namespace's
    for directory in ("/run/netns", "/var/run/netns"):
        if os.path.isdir(directory):
            found.update("network namespace " + name for name in os.listdir(directory))
    return found


SHUT = {"table ip filter", "table ip6 filter"}  # FORWARD's policy stays where forwarding was turned on, as dockerd's does


def rules():
    """Tables of nftables."""
    tables = subprocess.run(["nft", "list", "tables"], stdin=subprocess.DEVNULL, text=True,
                            stdout=subprocess.PIPE).stdout
    return {"nftables " + line for line in tables.splitlines() if line not in SHUT}


def directories():
    """A test uses a store of its own; the machine's is not a test's to make."""
    return {"directory " + name for name in OWN_DIRECTORIES if os.path.exists(name)}


def snapshot_of_namespaces():
    """Of what a network and a mount namespace have to themselves."""
    return mounts() | networks() | rules()


def snapshot():
    return snapshot_of_namespaces() | cgroups_of_ours() | directories()


def remove_empty_parents():
    """The parents of containers' cgroups may stay when the last one goes, as dockerd's does. Removed where they are
    empty, so that whatever is in them counts as left behind."""
    names = ["docker", "greengrass/*/scripts", "greengrass/*", "greengrass"]
    for group in [group for name in names for top in ("", "/*") for group in glob.glob(f"{CGROUPS}{top}/{name}")]:
        with contextlib.suppress(OSError):
            os.rmdir(group)


def new_since(before, look=None, seconds=5.0):
    """What is there now and was not `before`; what goes away by itself in time is no leftover."""
    end = time.monotonic() + seconds
    while True:
        left = (look or snapshot)() - before
        if not left or time.monotonic() > end:
            return sorted(left)
        time.sleep(0.1)


def processes_naming(text):
    """Processes whose command line, environment or working directory names `text`."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) != os.getpid() and text in _traces(pid):
            found.append(f"process {pid} ({command(pid)})")
    return found


def command(pid):
    return re.sub(r"\s+", " ", _read(pid, "cmdline").replace("\0", " ")).strip()[:200]


def _traces(pid):
    try:
        directory = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        directory = ""
    return "\n".join([_read(pid, "cmdline"), _read(pid, "environ"), directory])


def _read(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
