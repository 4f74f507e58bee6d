# SPDX-License-Identifier: Apache-2.0
"""A container that may make packets of any kind (NET_RAW): who it says it is, it is to be believed nowhere beyond its
own network."""

import contextlib
import json
import os
import subprocess

import pytest

import netpeer
from netpeer import HOST, HOST6, PEER, PEER6
from test_firewall import kept
from test_networks import inspect, start
from world import wait_until

PORT = 5353
STRANGER, STRANGER6 = "198.51.100.9", "2001:db8::9"

# Sends a UDP packet for each "SOURCE DESTINATION TEXT"; ARP for each "ARP ADDRESS": "I have it", to everybody.
FORGE = """
import socket, struct, sys
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    total = (total >> 16) + (total & 0xffff)
    return 0xffff - (total + (total >> 16)) & 0xffff
for line in sys.argv[2:]:
    source, target, text = line.split()
    data = text.encode() + b" " * (len(text) % 2)
    udp = struct.pack("!HHHH", 4000, int(sys.argv[1]), 8 + len(data), 0) + data
    if ":" in source:
        one, other = (socket.inet_pton(socket.AF_INET6, each) for each in (source, target))
        sum6 = checksum(one + other + struct.pack("!II", len(udp), 17) + udp)
        packet = struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + one + other + udp[:6] + struct.pack("!H", sum6) + udp[8:]
        raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.sendto(packet, (target, 0))
    else:
        one, other = (socket.inet_aton(each) for each in (source, target))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        raw.sendto(struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + one + other + udp, (target, 0))
"""
ARP = """
import socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); link.bind(("eth0", 0))
mac = link.getsockname()[4]
for address in sys.argv[1:]:
    own = mac + socket.inet_aton(address)
    for kind, to in ((1, b"\\0" * 6), (2, b"\\xff" * 6)):
        link.send(b"\\xff" * 6 + mac + b"\\x08\\x06" + b"\\0\\1\\x08\\0\\6\\4\\0" + bytes([kind]) + own + to + socket.inet_aton(address))
"""
# Sends a frame to nobody from each hardware address, and from so many invented ones.
INVENT = """
import os, socket, sys
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); link.bind(("eth0", 0))
for mac in [bytes.fromhex(mac.replace(":", "")) for mac in sys.argv[2:]] + [b"\\x02" + os.urandom(5) for _ in range(int(sys.argv[1]))]:
    link.send(b"\\x02\\0\\0\\0\\0\\1" + mac + b"\\x88\\xb5" + b"\\0" * 46)
"""
# A router advertisement (RFC 4861) with a prefix and a route for everything (RFC 4191).
ADVERTISE = """
import socket, struct
link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); link.bind(("eth0", 0))
mac, ends = link.getsockname()[4], socket.inet_pton(socket.AF_INET6, "fe80::bad") + socket.inet_pton(socket.AF_INET6, "ff02::1")
advice = struct.pack("!BBHBBHII", 134, 0, 0, 64, 8, 9000, 0, 0) + bytes([1, 1]) + mac
advice += bytes([3, 4, 64, 0xc0]) + struct.pack("!III", 86400, 86400, 0) + socket.inet_pton(socket.AF_INET6, "2001:db8:bad::")
advice += bytes([24, 1, 0, 8]) + struct.pack("!I", 86400)
data = ends + struct.pack("!II", len(advice), 58) + advice
total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
total = (total >> 16) + (total & 0xffff)
advice = advice[:2] + struct.pack("!H", 0xffff - (total + (total >> 16)) & 0xffff) + advice[4:]
link.send(b"\\x33\\x33\\0\\0\\0\\1" + mac + b"\\x86\\xdd" + struct.pack("!IHBB", 6 << 28, len(advice), 58, 255) + ends + advice)
"""
# Prints who says what, until each of two families has been told the end.
HEAR = """
import socket, sys
heard = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
heard.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
heard.bind(("::", int(sys.argv[1])))
print("ready", flush=True)
ends = 0
while ends < 2:
    text = heard.recv(99).decode().strip()
    ends += text.startswith("end")
    print(text, flush=True)
"""


class Member:
    def __init__(self, moor, name, network):
        settings = json.loads(inspect(moor, name, "{{json .NetworkSettings.Networks}}"))[network]
        self.address, self.address6 = settings["IPAddress"], settings["GlobalIPv6Address"]
        self.gateway, self.gateway6 = settings["Gateway"], settings["IPv6Gateway"]
        self.enter = ["nsenter", "-t", inspect(moor, name, "{{.State.Pid}}"), "-n"]

    def run(self, script, *words):
        subprocess.run([*self.enter, "/usr/bin/python3", "-c", script, *map(str, words)], check=True, timeout=20)


@contextlib.contextmanager
def hearing(*before):
    with subprocess.Popen([*before, "/usr/bin/python3", "-c", HEAR, str(PORT)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def believing():
    """The machine does not ask itself by which way an address would be reached."""
    path = "/proc/sys/net/ipv4/conf/all/rp_filter"
    with open(path) as file:
        before = file.read()
    names = [name for name in os.listdir("/proc/sys/net/ipv4/conf") if name.startswith("br-") or name == "all"]
    try:
        for name in names:
            with open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w") as file:
                file.write("0")
        yield
    finally:
        with open(path, "w") as file:
            file.write(before)


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_forged_sources(moor, busybox, backend):
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": backend}, settings)
    with kept("iptables"), kept("ip6tables"), netpeer.neighbour() as peer:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        for number, name in enumerate(("left", "right")):
            moor.docker("network", "create", "--ipv6", "--subnet", f"fd00:211:{number}::/64", name)
            start(moor, busybox, name, "--network", name, "-p", f"{18341 + number}:{PORT}/udp")
        start(moor, busybox, "second", "--network", "right")
        left, right, second = Member(moor, "left", "left"), Member(moor, "right", "right"), Member(moor, "second", "right")
        sources = (second.address, right.gateway, PEER, HOST, "127.0.0.1", STRANGER)
        sources6 = (second.address6, right.gateway6, PEER6, HOST6, "::1", STRANGER6)
        with believing(), hearing() as host, hearing(*right.enter) as other:
            left.run(ARP, right.address, second.address, right.gateway, PEER, HOST)
            left.run(FORGE, PORT,
                     *[f"{source} {target} forged-{source}" for source in (*sources, left.address) for target in
                       (right.address, right.gateway if source != left.address else right.address, "127.0.0.1")],
                     *[f"{source} {target} forged-{source}" for source in sources for target in (HOST, left.gateway)],
                     *[f"{source} {target} forged-{source}" for source in (*sources6, left.address6) for target in
                       (right.address6, right.gateway6 if source != left.address6 else right.address6)],
                     *[f"{source} {target} forged-{source}" for source in sources6 for target in (HOST6, left.gateway6)])
            left.run(FORGE, 18342, *[f"{source} {HOST} forged-{source}" for source in sources],
                     *[f"{source} {HOST6} forged-{source}" for source in sources6])
            # As it is, it is heard: by the host, by whom its port leads to, and the other by its neighbour.
            left.run(FORGE, PORT, f"{left.address} {HOST} end-4", f"{left.address6} {HOST6} end-6")
            second.run(FORGE, PORT, f"{second.address} {right.address} end-4", f"{second.address6} {right.address6} end-6")
            assert [process.communicate(timeout=20)[0].split() for process in (host, other)] == [["end-4", "end-6"]] * 2
        # ARP has not led anybody astray.
        for address in (right.address, PEER):
            assert subprocess.run(["/bin/busybox", "ping", "-c1", "-W2", address], capture_output=True).returncode == 0


@contextlib.contextmanager
def unfiltered():
    """What stays within a bridge is not shown to netfilter, as where br_netfilter is not loaded."""
    paths = [path for path in (f"/proc/sys/net/bridge/bridge-nf-call-{name}tables" for name in ("ip", "ip6"))
             if os.path.exists(path)]
    before = [open(path).read() for path in paths]
    try:
        for path in paths:
            with open(path, "w") as file:
                file.write("0")
        yield
    finally:
        for path, value in zip(paths, before):
            with open(path, "w") as file:
                file.write(value)


@pytest.mark.parametrize("way", [contextlib.nullcontext, unfiltered], ids=["filtered", "unfiltered"])
def test_apart_within(moor, busybox, way):
    """Without inter-container communication members reach the outside and are reached by what they publish, no more; and a
    packet with another member's address, or one that goes by the gateway, is no way around that."""
    with way():
        see_apart_within(moor, busybox)


def see_apart_within(moor, busybox):
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:211:2::/64", "-o",
                "com.docker.network.bridge.enable_icc=false", "apart")
    for name in ("one", "two", "three"):
        start(moor, busybox, name, "--network", "apart", "-p", f"{PORT}/udp")
    one, two, three = (Member(moor, name, "apart") for name in ("one", "two", "three"))
    published = moor.docker("port", "two", f"{PORT}/udp").stdout.split("\n")[0].split(":")[1]
    with netpeer.neighbour() as peer, hearing(*two.enter) as heard:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        one.run(FORGE, PORT, *[f"{source} {two.address} forged-{source}" for source in (one.address, three.address, one.gateway, PEER)],
                *[f"{source} {two.address6} forged-{source}" for source in (one.address6, three.address6, one.gateway6, PEER6)])
        subprocess.run([*one.enter, "ip", "route", "add", f"{two.address}/32", "via", one.gateway], check=True)
        subprocess.run([*one.enter, "ip", "route", "add", f"{two.address6}/128", "via", one.gateway6], check=True)
        one.run(FORGE, PORT, f"{one.address} {two.address} around", f"{one.address6} {two.address6} around")
        assert one_can_ping(one, PEER)
        peer.run("/usr/bin/python3", "-c", FORGE, published, f"{PEER} {HOST} end-4")
        subprocess.run(["/usr/bin/python3", "-c", FORGE, str(PORT), f"{two.gateway6} {two.address6} end-6"], check=True)
        assert heard.communicate(timeout=20)[0].split() == ["end-4", "end-6"]


def test_internal(moor, busybox):
    """Nothing of an internal network's leaves it, whatever a member makes of its routes and packets; and nothing comes in."""
    moor.docker("network", "create", "--internal", "--ipv6", "--subnet", "fd00:211:3::/64", "in")
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:211:4::/64", "out")
    start(moor, busybox, "i", "--network", "in", "-p", f"18343:{PORT}/udp")
    start(moor, busybox, "o", "--network", "out")
    within, without = Member(moor, "i", "in"), Member(moor, "o", "out")
    network, network6 = within.address.rsplit(".", 1)[0], within.address6.rsplit("::", 1)[0]
    with netpeer.neighbour() as peer, hearing(*without.enter) as other, hearing("nsenter", "-t", str(peer.pid), "-n") as outside, \
            hearing(*within.enter) as inside:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        peer.run("ip", "route", "add", "default", "via", HOST6)
        for gateway in (f"{network}.1", f"{network6}::1"):  # the bridge: the container is not told of it
            assert netpeer.ip("addr", "show", "to", gateway).stdout
            subprocess.run([*within.enter, "ip", "route", "add", "default", "via", gateway], check=True)
        targets, targets6 = (without.address, PEER), (without.address6, PEER6)
        within.run(FORGE, PORT, *[f"{source} {target} out" for source in (within.address, HOST, without.gateway) for target in targets],
                   *[f"{source} {target} out" for source in (within.address6, HOST6, without.gateway6) for target in targets6])
        assert not one_can_ping(within, PEER, 1)
        for start_of in (without.run, lambda *words: peer.run("/usr/bin/python3", "-c", *words)):
            start_of(FORGE, PORT, *[f"{source} {within.address} in" for source in (without.address, PEER)],
                     *[f"{source} {within.address6} in" for source in (without.address6, PEER6)])
            start_of(FORGE, 18343, f"{PEER} {HOST} in", f"{PEER6} {HOST6} in")
        # The host itself reaches each of them.
        for target, source, target6, source6 in ((within.address, HOST, within.address6, HOST6), (without.address, HOST, without.address6, HOST6),
                                                 (PEER, HOST, PEER6, HOST6)):
            subprocess.run(["/usr/bin/python3", "-c", FORGE, str(PORT), f"{source} {target} end-4", f"{source6} {target6} end-6"], check=True)
        assert [process.communicate(timeout=20)[0].split() for process in (other, outside, inside)] == [["end-4", "end-6"]] * 3


def test_a_member_is_no_router(moor, busybox):
    """Nor are router advertisements for its neighbours, but for one that is to listen to them."""
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:211:5::/64", "six")
    heeding = "driver-opt=com.docker.network.endpoint.sysctls=net.ipv6.conf.IFNAME.accept_ra=1"
    start(moor, busybox, "rogue", "--network", "six")
    start(moor, busybox, "neighbour", "--network", "six")
    start(moor, busybox, "heeding", "--network", f"name=six,{heeding}")
    rogue, neighbour, student = (Member(moor, name, "six") for name in ("rogue", "neighbour", "heeding"))
    before = routes6(neighbour)
    rogue.run(ADVERTISE)
    wait_until(lambda: "via fe80::bad" in routes6(student), "the advertisement to be heard")
    assert routes6(neighbour) == before and "fe80::bad" not in netpeer.ip("-6", "route").stdout


def test_invented_hardware_addresses(moor, busybox):
    """They do not fill the bridge's table, which knows no limit but the host's memory; nor does anybody get what is for a
    neighbour by using its address. Who really has another one is reached all the same."""
    for name in ("thief", "victim"):
        start(moor, busybox, name)
    start(moor, busybox, "moved", "--cap-add", "NET_ADMIN")
    thief, victim, moved = (Member(moor, name, "bridge") for name in ("thief", "victim", "moved"))
    mac = inspect(moor, "victim", "{{.NetworkSettings.MacAddress}}")
    before = hardware_addresses()
    assert sum(mac in line for line in before) == 1
    thief.run(INVENT, 2000, mac)
    assert hardware_addresses() == before
    subprocess.run([*moved.enter, "ip", "link", "set", "eth0", "address", "02:00:00:00:77:01"], check=True)
    for address in (moved.address, victim.address):
        assert one_can_ping(thief, address)
        assert subprocess.run(["/bin/busybox", "ping", "-c1", "-W2", address], capture_output=True).returncode == 0


def hardware_addresses():
    """What bridges know of who is behind which port, but for groups."""
    lines = subprocess.run(["bridge", "fdb", "show"], check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(line for line in lines if not line.startswith(("33:33:", "01:00:5e:")))


def routes6(member):
    return subprocess.run([*member.enter, "ip", "-6", "route"], check=True, capture_output=True, text=True).stdout


def one_can_ping(member, address, patience=2):
    return subprocess.run([*member.enter, "/bin/busybox", "ping", "-c1", f"-W{patience}", address], capture_output=True).returncode == 0
