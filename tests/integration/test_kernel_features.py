# SPDX-License-Identifier: Apache-2.0
"""A kernel that was made without something: said in one line that names the option, and nothing half-made.

The kernel here has all of it. So a seccomp agent looks at what our programs ask of it, and has it asked for something
that no kernel has (a kind of device, of address, of rule), or answers in the kernel's place."""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import select
import socket
import struct
import threading

import pytest

import agent
import leftovers
import netpeer
from test_firewall import without_nftables
from test_networks import leases

SENDTO, MOUNT, SECCOMP = {"x86_64": (44, 165, 317), "aarch64": (206, 40, 277)}.get(platform.machine(), (290, 21, 383))
NEW_LISTENER = 8
RTM_NEWADDR = 20


def attribute(kind, text):
    """As netlink has it: nla_len, nla_type, text."""
    return struct.pack("HH", 5 + len(text), kind) + text + b"\0"


def unknown_kind(text):
    """IFLA_INFO_KIND of a device (1), or NFTA_EXPR_NAME of a rule's expression (1)."""
    return lambda packet: packet.replace(attribute(1, text), attribute(1, b"?" * len(text)))


def unknown_family(packet):
    """Addresses of IPv6, where it is not."""
    at, changed = 0, bytearray(packet)
    while at + 17 <= len(packet):
        length, kind = struct.unpack_from("IH", packet, at)
        if kind == RTM_NEWADDR and packet[at + 16] == socket.AF_INET6:
            changed[at + 16] = 99
        if length < 16:
            break
        at += (length + 3) & ~3
    return bytes(changed)


class Kernel:
    """`preexec_fn` is for the command; its calls come here as long as it lives."""

    def __init__(self, change):
        self.change = change  # what is sent by netlink, as bytes; None: there is no overlay
        self.ours, self.theirs = socket.socketpair()
        self.has_changed = False
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def preexec_fn(self):
        program = agent.filter_program(
            (agent.LOAD, 0, 0, 0), (agent.EQUALS, MOUNT if self.change is None else SENDTO, 0, 1),
            (agent.RESULT, agent.RET_NOTIFY, 0, 0), (agent.RESULT, agent.RET_ALLOW, 0, 0))
        set_mode_filter = 1
        listener = ctypes.CDLL(None, use_errno=True).syscall(SECCOMP, set_mode_filter, NEW_LISTENER, program)
        if listener < 0:
            raise OSError(ctypes.get_errno(), "no listener")
        socket.send_fds(self.theirs, [b"x"], [listener])

    def _serve(self):
        _, fds, _, _ = socket.recv_fds(self.ours, 1, 1)
        for listener in fds:
            try:
                follow(listener, self._answer)
            finally:
                os.close(listener)  # who waits for an answer is told ENOSYS

    def _answer(self, call):
        with open(f"/proc/{call.pid}/mem", "r+b", buffering=0) as memory:
            if self.change is None:
                memory.seek(call.args[2])
                is_it = call.args[2] != 0 and memory.read(8) == b"overlay\0"
                self.has_changed |= is_it
                return (errno.ENODEV, 0) if is_it else (0, agent.CONTINUE)
            memory.seek(call.args[1])
            packet = memory.read(call.args[2])
            changed = self.change(packet)
            if changed != packet:
                self.has_changed = True
                memory.seek(call.args[1])
                memory.write(changed)
        return 0, agent.CONTINUE

    def close(self):
        self.theirs.close()
        self.thread.join()
        self.ours.close()


def follow(listener, answer):
    """Answers until the last process with the filter is gone."""
    poller = select.poll()
    poller.register(listener, select.POLLIN)
    while all(events & select.POLLIN for _, events in poller.poll()):
        call = agent.Notification()
        try:
            fcntl.ioctl(listener, agent.RECV, call)
            wrong, flags = answer(call)
            fcntl.ioctl(listener, agent.SEND, agent.Answer(call.id, 0, -wrong, flags))
        except FileNotFoundError:  # it was killed meanwhile
            continue


@contextlib.contextmanager
def without(change):
    kernel = Kernel(change)
    try:
        yield kernel
    finally:
        kernel.close()


def state(moor):
    """All that a start makes for its networks, and containers."""
    tops = [os.path.join(moor.run_dir, "networks"), os.path.join(moor.root, "containers")]
    files = [os.path.join(top, name) for place in tops for top, _, names in os.walk(place) for name in names
             if not name.endswith("lock") and name != "names.sock"]  # these lead nowhere
    with open("/proc/self/mountinfo") as mounts:
        ours = [line for line in mounts if moor.directory in line]
    return netpeer.links(), netpeer.nft_tables() - leftovers.SHUT, sorted(files), leases(moor), ours, moor.docker("ps", "-aq").stdout


@pytest.mark.parametrize("change, network, words", [
    (unknown_kind(b"bridge"), "own", "the kernel has no bridges (CONFIG_BRIDGE): use --network host or none"),
    (unknown_kind(b"veth"), "own", "the kernel has no virtual Ethernet (CONFIG_VETH): use --network host or none"),
    (unknown_kind(b"macvlan"), "shared", "the kernel has no macvlan (CONFIG_MACVLAN)"),
    (unknown_family, "six", "the kernel has no IPv6 (CONFIG_IPV6)"),
    (None, "none", "the kernel needs CONFIG_OVERLAY_FS"),
    (None, "own", "the kernel needs CONFIG_OVERLAY_FS"),
])
def test_missing(moor, busybox, change, network, words):
    moor.docker("network", "create", "own")
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:209:1::/64", "six")
    moor.docker("network", "create", "-d", "macvlan", "-o", "parent=lo", "--subnet", "10.209.2.0/24", "shared")
    before = state(moor)
    run = ("run", "--rm", "--network", network, "-p", "18331:80", busybox, "true")
    with without(change) as kernel:
        refused = moor.docker(*run, code=125, preexec_fn=kernel.preexec_fn).stderr
    lines = [line for line in refused.splitlines() if line and not line.startswith("Run 'docker")]
    assert len(lines) == 1 and words in lines[0], refused
    assert kernel.has_changed and state(moor) == before


def test_no_filter(moor, busybox):
    """Neither kind of packet filter's expressions: an internal network would be none, and a port would lead nowhere."""
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": "nftables"}, settings)
    moor.docker("network", "create", "--internal", "within")
    moor.docker("network", "create", "own")
    before = state(moor)
    for network in ("within", "own"):
        run = ("run", "--rm", "--network", network, "-p", "18331:80", busybox, "true")
        refused = moor.docker(*run, code=125, preexec_fn=without_nftables).stderr
        assert "CONFIG_NF_TABLES" in refused and state(moor) == before
    for expression in (b"masq", b"nat"):
        with without(unknown_kind(expression)) as kernel:
            refused = moor.docker("run", "--rm", "--network", "own", "-p", "18331:80", busybox, "true", code=125,
                                  preexec_fn=kernel.preexec_fn).stderr
        assert "CONFIG_NFT_MASQ" in refused and kernel.has_changed and state(moor) == before


# As with cgroup_disable=memory, which is how some small boards start.
WITHOUT_MEMORY = """
cd /sys/fs/cgroup && if [ -e cgroup.controllers ]; then
    sed 's/\\bmemory\\b//' cgroup.controllers > "$1/list" && mount --bind "$1/list" cgroup.controllers
else
    mount -t tmpfs tmpfs "$1" && for name in *; do
        if [ "$name" = memory ]; then continue
        elif [ -L "$name" ]; then cp -P "$name" "$1"
        else mkdir "$1/$name" && mount --bind "$name" "$1/$name"; fi
    done && mount --rbind "$1" /sys/fs/cgroup
fi && shift && exec "$@"
"""


def test_limits_nobody_keeps(moor, busybox, tmp_path):
    """They are taken out, with docker's warnings; --cpus is an error. What the kernel does have is kept."""
    groups = tmp_path / "groups"
    groups.mkdir()

    def docker(*arguments, **how):
        return moor.run("unshare", "--mount", "--propagation", "private", "sh", "-c", WITHOUT_MEMORY, "sh", groups,
                        os.path.join(moor.names, "docker"), *arguments, **how)

    missing = "Your kernel does not support {} or the cgroup is not mounted. {} discarded.".format
    words = [missing("memory limit capabilities", "Limitation"), missing("memory swappiness capabilities", "Memory swappiness"),
             missing("memory soft limit capabilities", "Limitation")]
    made = docker("run", "-d", "--name", "c", "--network", "none", "-m", "64m", "--memory-reservation", "32m", "--memory-swappiness", "3",
                  "--pids-limit", "77", busybox, "sleep", "600")
    assert made.stderr.splitlines() == [f"WARNING: {line}" for line in words]
    told = ("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.MemoryReservation}} {{.HostConfig.PidsLimit}}", "c")
    assert moor.docker(*told).stdout == "0 -1 0 77\n"
    changed = docker("update", "-m", "96m", "--pids-limit", "78", "c")
    assert changed.stdout.splitlines() == ["c", words[0]] and moor.docker(*told).stdout == "0 -1 0 78\n"
    moor.docker("kill", "c")
    moor.docker("update", "-m", "96m", "--memory-swap", "-1", "--memory-reservation", "48m", "c")
    assert moor.docker(*told).stdout == f"{96 << 20} -1 {48 << 20} 78\n"
    moor.docker("start", "c")
    without = "does not support OomKillDisable" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "no memory limit is set, this can"
    assert without in moor.docker("create", "--oom-kill-disable", busybox).stderr
    assert "NanoCPUs can not be set" not in docker("create", "--cpus", "1", busybox).stderr
