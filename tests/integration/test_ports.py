# SPDX-License-Identifier: Apache-2.0
"""Published ports: reached from everywhere they should be, from nowhere else, and gone with the container."""

import contextlib
import json
import os
import re
import socket
import subprocess
import threading

import pytest

import netpeer
from netpeer import HOST, fetch
from world import wait_until

SERVE = ("sh", "-c", "busybox mkdir -p /www; echo served > /www/index.html; exec busybox httpd -f -p 80 -h /www")


def inspect(moor, name, template):
    return moor.docker("inspect", "-f", template, name).stdout.rstrip("\n")


def serve(moor, image, name, *options):
    moor.docker("run", "-d", "--init", "--name", name, *options, image, *SERVE)
    address = inspect(moor, name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")
    wait_until(lambda: fetch(address, 80, 1) == "served", "the server to listen")
    return address


def fetch_inside(moor, image, address, port, *options):
    return moor.docker("run", "--rm", *options, image, "busybox", "timeout", "3", "busybox", "wget", "-qO-", f"http://{address}:{port}/",
                       code=None).stdout.strip()


def test_from_everywhere(moor, busybox):
    moor.docker("network", "create", "other")
    with netpeer.neighbour() as peer:
        address = serve(moor, busybox, "web", "-p", "18081:80")
        assert fetch("127.0.0.1", 18081) == "served"
        assert fetch(HOST, 18081) == "served"
        assert peer.fetch(HOST, 18081) == "served"
        assert fetch_inside(moor, busybox, HOST, 18081) == "served"
        assert fetch_inside(moor, busybox, HOST, 18081, "--network", "other") == "served"
        itself = moor.docker("exec", "web", "busybox", "wget", "-qO-", f"http://{HOST}:18081/").stdout
        assert itself == "served\n"
        assert peer.fetch(address, 80, 1) is None  # only by what is published
        assert moor.docker("port", "web").stdout.splitlines()[0] == "80/tcp -> 0.0.0.0:18081"
        assert moor.docker("ps", "--format", "{{.Ports}}").stdout.startswith("0.0.0.0:18081->80/tcp")
        moor.docker("stop", "-t", "0", "web")
        assert fetch("127.0.0.1", 18081, 1) is None and moor.docker("port", "web").stdout == ""
        assert inspect(moor, "web", "{{json .NetworkSettings.Ports}}") == "{}"
        assert '"80/tcp":[{"HostIp":"","HostPort":"18081"}]' in inspect(moor, "web", "{{json .HostConfig.PortBindings}}")
        moor.docker("create", "--name", "lists", "-p", "80:90", "-p", "127.0.0.1:81:90", "-p", "82-83:89-90", busybox)
        assert inspect(moor, "lists", "{{json .HostConfig.PortBindings}}").strip() == (
            '{"89/tcp":[{"HostIp":"","HostPort":"82"}],"90/tcp":[{"HostIp":"","HostPort":"80"},'
            '{"HostIp":"127.0.0.1","HostPort":"81"},{"HostIp":"","HostPort":"83"}]}')
        moor.docker("start", "web")
        assert wait_until(lambda: fetch("127.0.0.1", 18081, 1), "the server to listen again") == "served"


def test_a_network_of_one_address(moor, busybox):
    moor.docker("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.1", "near")
    moor.docker("run", "-d", "--init", "--name", "web", "--network", "near", "-p", "18092:80", "-p", "0.0.0.0:18093:80", busybox, *SERVE)
    wait_until(lambda: fetch("127.0.0.1", 18092, 1) == "served", "the server to listen")
    assert moor.docker("port", "web").stdout.splitlines() == ["80/tcp -> 127.0.0.1:18092", "80/tcp -> 0.0.0.0:18093"]
    assert not [line for line in moor.docker("inspect", "web").stdout.splitlines() if '"::"' in line]
    moor.docker("run", "--rm", "-p", "127.0.0.2:18092:80", busybox, "true")  # the other addresses stay free


def test_ports_go_to_the_address_of_the_network(moor, busybox):
    """Of a container that runs: where -p names no address, it is that of the network that is now the way out; without one there is none."""
    def is_free(address):
        with socket.socket() as probe:
            probe.bind((address, 18094))
        return True
    moor.docker("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.3", "zz-near")
    moor.docker("network", "create", "aa-far")
    moor.docker("network", "create", "bb-far")
    moor.docker("run", "-d", "--init", "--name", "web", "--network", "aa-far", "-p", "18094:80", "-p", "127.0.0.4:18095:80", busybox, *SERVE)
    wait_until(lambda: fetch("127.0.0.1", 18094, 1) == "served", "the server to listen")
    everywhere = ["80/tcp -> 0.0.0.0:18094", "80/tcp -> 127.0.0.4:18095", "80/tcp -> [::]:18094"]
    assert sorted(moor.docker("port", "web").stdout.splitlines()) == everywhere
    moor.docker("network", "connect", "zz-near", "web")
    assert fetch("127.0.0.1", 18094) == "served" and fetch("127.0.0.4", 18095) == "served"
    moor.docker("network", "disconnect", "aa-far", "web")
    near = ["80/tcp -> 127.0.0.3:18094", "80/tcp -> 127.0.0.4:18095"]
    assert sorted(moor.docker("port", "web").stdout.splitlines()) == near
    assert fetch("127.0.0.3", 18094) == "served" and fetch("127.0.0.4", 18095) == "served"
    assert fetch("127.0.0.1", 18094, 1) is None and is_free("127.0.0.1") and is_free("127.0.0.2")
    # One that somebody else has meanwhile cannot be had: all stays as it was.
    with socket.socket() as other:
        other.bind(("127.0.0.9", 18094))
        other.listen()
        refused = moor.docker("network", "connect", "bb-far", "web", code=1).stderr
        assert "address already in use" in refused
        assert sorted(moor.docker("port", "web").stdout.splitlines()) == near and fetch("127.0.0.3", 18094) == "served"
    moor.docker("network", "connect", "bb-far", "web")
    assert sorted(moor.docker("port", "web").stdout.splitlines()) == everywhere
    assert fetch("127.0.0.1", 18094) == "served" and fetch("127.0.0.4", 18095) == "served"
    moor.docker("network", "disconnect", "bb-far", "web")
    assert sorted(moor.docker("port", "web").stdout.splitlines()) == near
    moor.docker("network", "disconnect", "zz-near", "web")
    assert moor.docker("port", "web").stdout == "" and is_free("127.0.0.3") and is_free("0.0.0.0")
    moor.docker("network", "connect", "zz-near", "web")
    assert sorted(moor.docker("port", "web").stdout.splitlines()) == near and fetch("127.0.0.3", 18094) == "served"


def test_for_this_machine_alone(moor, busybox):
    """-p 127.0.0.1:… is not for neighbours, even those who send packets for 127.0.0.1 here."""
    with netpeer.neighbour() as peer:
        serve(moor, busybox, "web", "-p", "127.0.0.1:18082:80")
        assert fetch("127.0.0.1", 18082) == "served"
        assert fetch(HOST, 18082, 1) is None and peer.fetch(HOST, 18082, 1) is None
        peer.run("sh", "-c", "ip addr del 127.0.0.1/8 dev lo; sysctl -qw net.ipv4.conf.all.route_localnet=1; "
                             f"ip route add 127.0.0.1/32 via {HOST} src {netpeer.PEER}")
        assert peer.fetch("127.0.0.1", 18082, 1) is None
        assert moor.docker("ps", "--format", "{{.Ports}}").stdout == "127.0.0.1:18082->80/tcp\n"


def reaches_loopback(moor, container, gateway, port):
    """Whether a privileged container comes to a port of the machine's 127.0.0.1 by its gateway."""
    attack = moor.docker(
        "exec", container, "sh", "-c",
        "busybox mount -o remount,rw /proc/sys 2>/dev/null; busybox ip addr del 127.0.0.1/8 dev lo 2>/dev/null; "
        "busybox sysctl -qw net.ipv4.conf.all.route_localnet=1; "
        f"busybox ip route replace 127.0.0.1/32 via {gateway} src $(busybox hostname -i) || echo setup failed; "
        f"busybox nc -w 2 127.0.0.1 {port} </dev/null && echo reached", code=None).stdout
    assert "setup failed" not in attack
    return "reached" in attack


def test_containers_do_not_reach_the_loopback(moor, busybox):
    """What makes 127.0.0.1:8080 lead to a container leads no container to 127.0.0.1 (CVE-2020-8558)."""
    with socket.socket() as secret:
        secret.bind(("127.0.0.1", 0))
        secret.listen()
        serve(moor, busybox, "web", "-p", "18083:80")
        moor.docker("run", "-d", "--init", "--name", "other", "--privileged", busybox, "sleep", "600")
        assert not reaches_loopback(moor, "other", inspect(moor, "web", "{{.NetworkSettings.Gateway}}"), secret.getsockname()[1])


def test_a_flushed_firewall_opens_nothing(moor, busybox):
    """What is published keeps its own guard when somebody takes all rules away that he may (`systemctl reload nftables`): it is
    no way to the loopback, and leads nobody to more of the container, nor what is for this machine alone to its neighbours
    (CVE-2025-54388)."""
    with netpeer.neighbour() as peer, socket.socket() as secret:
        secret.bind(("127.0.0.1", 0))
        secret.listen()
        address = serve(moor, busybox, "web", "-p", "127.0.0.1:18089:80", "-p", "18090:80")
        moor.docker("run", "-d", "--init", "--name", "other", "--privileged", busybox, "sleep", "600")
        netpeer.nft("flush", "ruleset")
        assert not reaches_loopback(moor, "other", inspect(moor, "web", "{{.NetworkSettings.Gateway}}"), secret.getsockname()[1])
        assert peer.fetch(address, 80, 1) is None and peer.fetch(HOST, 18089, 1) is None
        assert peer.fetch(HOST, 18090) == fetch("127.0.0.1", 18089) == fetch(address, 80) == "served"
        # What it asks for itself comes back.
        assert "1 packets received" in moor.docker("exec", "web", "busybox", "ping", "-c1", "-W2", netpeer.PEER).stdout


def test_udp(moor, busybox):
    """A flow that goes on is led to the next container, whose address is another, when that has the port."""
    moor.docker("run", "-d", "--init", "--name", "first", "-p", "18084:9000/udp", busybox, "sleep", "600")
    moor.docker("run", "-d", "--init", "--name", "between", busybox, "sleep", "600")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.connect(("127.0.0.1", 18084))

        def echoed():
            with contextlib.suppress(OSError):
                client.send(b"hello")
                return client.recv(100)

        for name in ("first", "second"):
            server = subprocess.Popen(
                ["nsenter", "-t", inspect(moor, name, "{{.State.Pid}}"), "-n", "/usr/bin/python3", "-c",
                 "import socket; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.bind(('',9000))\n"
                 f"while True: s.sendto(b'{name}', s.recvfrom(100)[1])"])
            with server:
                try:
                    assert wait_until(echoed, "an echo") == name.encode()
                finally:
                    server.kill()
            if name == "first":
                # The first one's address stays taken, and its flow alive, by what is sent meanwhile.
                first = inspect(moor, "first", "{{.NetworkSettings.IPAddress}}")
                moor.docker("kill", "first")
                moor.docker("run", "-d", "--init", "--name", "holder", busybox, "sleep", "600")
                assert inspect(moor, "holder", "{{.NetworkSettings.IPAddress}}") == first
                with contextlib.suppress(OSError):
                    client.send(b"still there?")
                moor.docker("run", "-d", "--init", "--name", "second", "-p", "18084:9000/udp", busybox, "sleep", "600")


def test_ranges_and_random(moor, busybox):
    moor.docker("run", "-d", "--init", "--name", "r", "--expose", "99", "-p", "18100-18102:18100-18102", "-p", "18110-18111:50-51/udp",
                "-p", "70", "-p", "[::1]:18112:71", busybox, "sleep", "600")
    ports = moor.docker("ps", "--format", "{{.Ports}}").stdout
    assert ports.startswith("99/tcp, ") and "0.0.0.0:18100-18102->18100-18102/tcp" in ports
    assert "0.0.0.0:18110->50/udp" in ports and "[::1]:18112->71/tcp" in ports
    random = moor.docker("port", "r", "70").stdout.splitlines()[0]
    assert re.fullmatch(r"0\.0\.0\.0:\d+", random)
    moor.docker("run", "-d", "--init", "--name", "first-free", "-p", "18100-18105:80", busybox, "sleep", "600")
    assert moor.docker("port", "first-free", "80/tcp").stdout.splitlines()[0] == "0.0.0.0:18103"
    moor.docker("run", "-d", "--init", "--name", "all", "-P", "--expose", "81-82", "--expose", "83/udp", busybox, "sleep",
                "600")
    assert sorted(json.loads(inspect(moor, "all", "{{json .NetworkSettings.Ports}}"))) == ["81/tcp", "82/tcp", "83/udp"]
    assert "No public port '84' published for all" in moor.docker("port", "all", "84", code=1).stderr


@pytest.mark.parametrize("text, why", [
    ("abc:80", "invalid hostPort: abc"), ("80:abc", "invalid containerPort: abc"), ("80:80/foo", "invalid proto: foo"),
    ("host:80:80", "invalid IP address: host"), ("80:0", "invalid containerPort: 0"), ("99999:80", "invalid hostPort: 99999"),
    ("9000-9001:80-82", "invalid ranges specified for container and host Ports: 80-82 and 9000-9001"),
])
def test_refused(moor, busybox, text, why):
    assert why in moor.docker("run", "--rm", "-p", text, busybox, "true", code=125).stderr


def test_in_use(moor, busybox):
    moor.docker("run", "-d", "--init", "--name", "holder", "-p", "18085:80", busybox, "sleep", "600")
    taken = moor.docker("run", "-d", "--name", "late", "-p", "18085:81", busybox, "sleep", "600", code=125)
    assert ("driver failed programming external connectivity on endpoint late" in taken.stderr and
            "Bind for 0.0.0.0:18085 failed: port is already allocated" in taken.stderr)
    assert inspect(moor, "late", "{{.State.Status}}") == "created"
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        busy = moor.docker("run", "--rm", "-p", f"{port}:80", busybox, "true", code=125).stderr
        assert f"listen tcp4 0.0.0.0:{port}: bind: address already in use" in busy
    away = moor.docker("run", "--rm", "-p", "192.0.2.77:18086:80", busybox, "true", code=125).stderr
    assert "cannot assign requested address" in away
    # Nobody else gets it while it is published, everybody at once when it is not.
    with socket.socket() as server, pytest.raises(OSError):
        server.bind(("0.0.0.0", 18085))
    # SCTP's, of which the machine may have no sockets.
    moor.docker("run", "-d", "--init", "--name", "s", "-p", "18088:80/sctp", busybox, "sleep", "600")
    for ports in (("-p", "18088:81/sctp"), ("-p", "18089:80/sctp", "-p", "127.0.0.1:18089:81/sctp")):
        taken = moor.docker("run", "--rm", *ports, busybox, "true", code=125).stderr
        assert re.search("Bind for [0-9.]+:1808[89] failed: port is already allocated", taken), taken
    moor.docker("rm", "-f", "holder", "s")
    moor.docker("start", "late")
    for _ in range(3):
        moor.docker("run", "--rm", "-p", "18087:80", busybox, "true")


def test_rules_of_others(moor, busybox):
    """They stay as they are; and a firewall that is loaded anew takes no published port away."""
    mine = "table ip bystander { chain input { type filter hook input priority filter; tcp dport 4242 counter drop; }; }"
    netpeer.nft(mine)
    try:
        before = netpeer.nft("list", "table", "ip", "bystander")
        serve(moor, busybox, "web", "-p", "18088:80")
        assert netpeer.nft("list", "table", "ip", "bystander") == before
        netpeer.nft("flush", "ruleset")
        assert fetch("127.0.0.1", 18088) == "served"
        moor.docker("run", "--rm", busybox, "true")  # what was flushed of the network's own rules is back
        assert "masquerade" in netpeer.nft("list", "ruleset")
        moor.docker("rm", "-f", "web")
        assert "18088" not in netpeer.nft("list", "ruleset")
    finally:
        netpeer.nft("delete", "table", "ip", "bystander", code=None)


def test_the_network_is_left(moor, busybox):
    """Ports lead by the next network when theirs is left, and never to whoever gets the address then."""
    for name in ("aa", "bb"):
        moor.docker("network", "create", name)
    with netpeer.neighbour() as peer:
        left = serve(moor, busybox, "web", "--network", "aa", "-p", "18120:80", "-p", "[::]:18121:80")
        moor.docker("network", "connect", "bb", "web")
        moor.docker("network", "disconnect", "aa", "web")
        assert netpeer.nft("list", "ruleset").count("dport 18120 ") == 1
        for where in ("127.0.0.1", HOST):
            assert fetch(where, 18120) == "served"
        assert peer.fetch(HOST, 18120) == "served"
        assert moor.docker("exec", "web", "busybox", "wget", "-qO-", f"http://{HOST}:18120/").stdout == "served\n"
        moor.docker("network", "disconnect", "bb", "web")
        assert serve(moor, busybox, "other", "--network", "aa") == left
        assert fetch("127.0.0.1", 18120, 1) is None and peer.fetch(HOST, 18120, 1) is None
        assert moor.docker("port", "web").stdout == "" and "18120" not in moor.docker("ps").stdout
        moor.docker("network", "connect", "bb", "web")
        assert fetch("127.0.0.1", 18120) == "served"
        assert moor.docker("port", "web", "80").stdout.startswith("0.0.0.0:18120")
        moor.docker("rm", "-f", "web")
        assert "18120" not in netpeer.nft("list", "ruleset")


def test_a_way_out_comes_later(moor, busybox):
    """In an internal network nothing is published, and nothing taken; it is with the first network that leads outward."""
    moor.docker("network", "create", "--internal", "in")
    moor.docker("network", "create", "out")
    for name in ("one", "two"):
        serve(moor, busybox, name, "--network", "in", "-p", "18140:80", "-p", "127.0.0.1:18141:80")
    assert moor.docker("port", "one").stdout == "" and fetch("127.0.0.1", 18140, 1) is None
    moor.docker("network", "connect", "out", "one")
    assert moor.docker("port", "one", "80").stdout.split() == ["0.0.0.0:18140", "127.0.0.1:18141", "[::]:18140"]
    assert fetch("127.0.0.1", 18140) == fetch("127.0.0.1", 18141) == "served"
    # What is refused leaves nothing behind, and can be had later.
    assert "port is already allocated" in moor.docker("network", "connect", "out", "two", code=1).stderr
    assert "eth1" not in moor.docker("exec", "two", "busybox", "ip", "addr").stdout
    moor.docker("network", "disconnect", "out", "one")
    assert moor.docker("port", "one").stdout == ""
    moor.docker("network", "connect", "bridge", "one")
    assert fetch("127.0.0.1", 18140) == "served"
    moor.docker("rm", "-f", "one")
    moor.docker("network", "connect", "out", "two")
    assert fetch("127.0.0.1", 18141) == "served"
    moor.docker("rm", "-f", "two")
    assert "18140" not in netpeer.nft("list", "ruleset")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 18140))


@pytest.mark.parametrize("table, chain, text", [
    ("ip filter", "FORWARD", "{ chain FORWARD { type filter hook forward priority filter; policy drop; }; }"),
    ("ip filter", "DOCKER-USER", "{ chain DOCKER-USER { counter return; }; chain FORWARD { type filter hook forward "
                                 "priority filter; policy drop; jump DOCKER-USER; }; }"),
    ("inet firewalld", "filter_FORWARD", "{ chain filter_FORWARD { type filter hook forward priority filter + 10; "
                                         "ct state established,related accept; reject with icmpx admin-prohibited; }; }"),
])
def test_past_a_firewall_that_forwards_nothing(moor, busybox, table, chain, text):
    """As dockerd, ufw and firewalld set it up. Two rules are added, marked as ours, and taken away; nothing else
    changes."""
    netpeer.nft(f"table {table} {text}")
    moor.docker("network", "create", "user")
    before = netpeer.nft("-s", "list", "table", *table.split())
    try:
        with netpeer.neighbour() as peer:
            serve(moor, busybox, "web", "-p", "18089:80", "--network", "user")
            assert peer.fetch(HOST, 18089) == "served"
            pinged = moor.docker("exec", "web", "busybox", "ping", "-c1", "-W2", netpeer.PEER).stdout
            assert "1 packets received" in pinged
            rules = netpeer.nft("list", "chain", *table.split(), chain)
            assert rules.count("mooring br-") == 2
            if table == "ip filter":
                listed = subprocess.run(["iptables", "-S", chain], capture_output=True, text=True)
                assert listed.returncode == 0 and "-i br-" in listed.stdout, listed.stderr
        moor.docker("rm", "-f", "web")
        wait_until(lambda: netpeer.nft("-s", "list", "table", *table.split()) == before, "our rules to go")
    finally:
        netpeer.nft("delete", "table", *table.split(), code=None)


def test_credentials_by_translation(moor, busybox):
    """The way AWS Labs' router gives components in containers their credentials: 169.254.170.2 is led to a server on
    the host's loopback by a rule of its own."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    client = server.accept()[0]
                    client.recv(4096)
                    client.sendall(b"HTTP/1.0 200 OK\r\n\r\ncredentials\n")
                    client.close()
        threading.Thread(target=answer, daemon=True).start()
        with open("/proc/sys/net/ipv4/conf/all/route_localnet") as setting:
            before = setting.read()
        rule = f"ip daddr 169.254.170.2 tcp dport 80 dnat to 127.0.0.1:{port}"
        netpeer.nft(f"table ip router {{ chain prerouting {{ type nat hook prerouting priority dstnat; {rule}; }}; }}")
        try:
            subprocess.run(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"], check=True)
            assert fetch_inside(moor, busybox, "169.254.170.2", 80) == "credentials"
        finally:
            subprocess.run(["sysctl", "-qw", f"net.ipv4.conf.all.route_localnet={before.strip()}"], check=True)
            netpeer.nft("delete", "table", "ip", "router")
        server.shutdown(socket.SHUT_RDWR)

