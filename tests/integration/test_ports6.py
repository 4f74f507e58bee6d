# SPDX-License-Identifier: Apache-2.0
"""Published ports by IPv6: in networks that have it, with the rules of nf_tables and with those of ip6tables."""

import contextlib
import json
import os
import re
import subprocess

import pytest

import netpeer
from netpeer import HOST6, PEER6, fetch
from test_firewall import kept
from test_ports import SERVE, fetch_inside, inspect
from world import wait_until



@pytest.fixture(params=["nftables", "iptables"])
def moor6(request, moor):
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": request.param}, settings)
    with kept("iptables"), kept("ip6tables"):
        yield moor


def refused(address, port):
    """Whether the machine itself is told at once that nobody listens there."""
    done = subprocess.run(["/usr/bin/python3", "-c", netpeer.FETCH, address, str(port), "10"], capture_output=True,
                          text=True, timeout=30)
    return "ConnectionRefusedError" in done.stderr


def test_from_everywhere(moor6, busybox):
    moor = moor6
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:207:1::/64", "six")
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:207:2::/64", "other")
    with netpeer.neighbour() as peer:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        peer.run("ip", "route", "add", "default", "via", HOST6)
        moor.docker("run", "-d", "--init", "--name", "web", "--network", "six", "--ip6", "fd00:207:1::80", "-p", "18151:80",
                    "-p", f"[{HOST6}]:18152:80", "-p", "[::1]:18153:80", busybox, *SERVE)
        address = inspect(moor, "web", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}")
        assert address == "fd00:207:1::80"
        wait_until(lambda: fetch(address, 80, 1) == "served", "the server to listen")
        assert fetch(HOST6, 18151) == fetch(HOST6, 18152) == fetch("127.0.0.1", 18151) == "served"
        assert peer.fetch(HOST6, 18151) == peer.fetch(HOST6, 18152) == "served"
        for network in ("six", "other"):  # by a neighbour in its network, too
            assert fetch_inside(moor, busybox, f"[{HOST6}]", 18151, "--network", network) == "served"
        assert moor.docker("exec", "web", "busybox", "wget", "-qO-", f"http://[{HOST6}]:18151/").stdout == "served\n"
        # Only by what is published, and where it is.
        assert peer.fetch(address, 80, 1) is None and peer.fetch(HOST6, 18153, 1) is None
        assert fetch_inside(moor, busybox, f"[{address}]", 80, "--init", "--network", "other") == ""
        assert refused("::1", 18151) and refused("::1", 18153) and refused("127.0.0.1", 18152)
        assert moor.docker("port", "web").stdout.splitlines() == [
            "80/tcp -> 0.0.0.0:18151", "80/tcp -> [::]:18151", f"80/tcp -> [{HOST6}]:18152", "80/tcp -> [::1]:18153"]
        rows = json.loads(inspect(moor, "web", "{{json .NetworkSettings.Ports}}"))["80/tcp"]
        assert {"HostIp": "::", "HostPort": "18151"} in rows and {"HostIp": HOST6, "HostPort": "18152"} in rows
        for text, why in (("[::]:18153:1", r"Bind for \[::\]:18153 failed: port is already allocated"),
                          ("[fd00:dead::1]:18154:1", r"listen tcp6 \[fd00:dead::1\]:18154: bind: cannot assign")):
            assert re.search(why, moor.docker("run", "--rm", "--network", "six", "-p", text, busybox, "true", code=125).stderr)
        moor.docker("rm", "-f", "web")
    left = netpeer.nft("list", "ruleset")
    assert "1815" not in left and "fd00:207" not in left


ASKED_BY = ("import socket\n"
            "s = socket.create_server((HOST, 8099), family=socket.AF_INET6 if ':' in HOST else socket.AF_INET)\n"
            "print(flush=True)\n"
            "while True:\n"
            "    c, who = s.accept(); c.sendall(who[0].encode() + b'\\n'); c.close()\n")
MODE, SOURCE = "com.docker.network.bridge.gateway_mode_ipv", "com.docker.network.host_ipv"


def test_modes_of_a_bridge(moor6, busybox):
    """An unprotected network's containers are reached by their own addresses, too, by whoever knows the way, but not what
    is protected; and whom its containers ask sees the address of the host's that is asked for."""
    moor = moor6
    source4, source6 = netpeer.HOST.rsplit(".", 1)[0] + ".77", HOST6 + "77"
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:207:3::/64", "--subnet", "10.207.3.0/24", "-o", f"{MODE}4=nat-unprotected",
                "-o", f"{MODE}6=nat-unprotected", "-o", f"{SOURCE}4={source4}", "-o", f"{SOURCE}6={source6}", "open")
    moor.docker("network", "create", "--subnet", "10.207.4.0/24", "shut")
    with netpeer.neighbour() as peer:
        for address in (f"{HOST6}/64", f"{source6}/64", f"{source4}/24"):
            netpeer.ip("addr", "add", address, "dev", "wire0", *(["nodad"] if ":" in address else []))
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        peer.run("ip", "route", "add", "default", "via", HOST6)
        for name, network in (("web", "open"), ("closed", "shut")):
            moor.docker("run", "-d", "--init", "--name", name, "--network", network, busybox, *SERVE)
        for address in ("10.207.3.2", "fd00:207:3::2"):
            wait_until(lambda address=address: peer.fetch(address, 80, 1) == "served", "the server to listen")
            where = f"[{address}]" if ":" in address else address
            assert ":" in address or fetch_inside(moor, busybox, where, 80, "--network", "shut") == "served"
        assert peer.fetch("10.207.4.2", 80, 1) is None
        for asked, source in ((netpeer.PEER, source4), (PEER6, source6)):
            with subprocess.Popen(["nsenter", "-t", str(peer.pid), "-n", "/usr/bin/python3", "-c", f"HOST = '{asked}'\n{ASKED_BY}"],
                                  stdout=subprocess.PIPE) as server:
                try:
                    assert server.stdout.readline() == b"\n"
                    assert moor.docker("exec", "web", "busybox", "nc", "-w", "10", asked, "8099").stdout == f"{source}\n"
                finally:
                    server.kill()
        moor.docker("rm", "-f", "web", "closed")


def test_routed(moor6, busybox):
    """What is published by a routed network is reached by the container's own address, and nothing else of it; nobody's
    address is changed, and no port of the host's is taken."""
    moor = moor6
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:207:6::/64", "--subnet", "10.207.6.0/24", "-o", f"{MODE}4=nat",
                "-o", f"{MODE}6=routed", "half")
    moor.docker("network", "create", "--subnet", "10.207.7.0/24", "-o", f"{MODE}4=routed", "whole")
    script = "import socket; s = socket.create_server(('::', 8099), family=socket.AF_INET6, dualstack_ipv6=True)\n" + ASKED_BY.split("\n", 2)[2]
    with netpeer.neighbour() as peer, contextlib.ExitStack() as servers:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        peer.run("ip", "route", "add", "default", "via", HOST6)

        def asked(address, port=8099, seconds=20):
            done = peer.run("/bin/busybox", "nc", "-w", seconds, address, port, check=False)
            return done.stdout.strip() if done.returncode == 0 else None

        for name in ("half", "whole"):
            moor.docker("run", "-d", "--init", "--name", name, "--network", name, "-p", "18171:8099", "-p", "18172:8098", busybox, *SERVE)
            server = servers.enter_context(subprocess.Popen(
                ["nsenter", "-t", inspect(moor, name, "{{.State.Pid}}"), "-n", "/usr/bin/python3", "-c", script], stdout=subprocess.PIPE))
            servers.callback(server.kill)
            assert server.stdout.readline() == b"\n"
        ports = json.loads(inspect(moor, "half", "{{json .NetworkSettings.Ports}}"))["8099/tcp"]
        assert ports == [{"HostIp": "0.0.0.0", "HostPort": "18171"}, {"HostIp": "::", "HostPort": ""}]
        assert moor.docker("port", "whole", "8099").stdout == "0.0.0.0:\n"
        assert asked("fd00:207:6::2") == PEER6 and asked("10.207.7.2") == f"::ffff:{netpeer.PEER}"
        assert asked(netpeer.HOST, 18171) == f"::ffff:{netpeer.PEER}" and asked("10.207.6.2", 8099, 1) is None
        for address in ("fd00:207:6::2", "10.207.7.2"):
            assert peer.fetch(address, 80, 1) is None  # it listens, and is not published
            assert "1 packets received" in peer.run("/bin/busybox", "ping", "-c1", "-W5", address).stdout
        # Other networks are let in as neighbours are.
        assert moor.docker("exec", "half", "busybox", "nc", "-w", "20", "10.207.7.2", "8099").stdout.startswith("::ffff:10.207.")
        moor.docker("rm", "-f", "half", "whole")


def test_without_ipv4(moor6, busybox):
    """A network of IPv6 alone: no address of the other family, names, ports at the host's IPv6 addresses, compose."""
    moor = moor6
    assert "IPv4 or IPv6 must be enabled" in moor.docker("network", "create", "--ipv4=false", "six", code=1).stderr
    moor.docker("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd00:207:5::/64", "six")
    told = json.loads(moor.docker("network", "inspect", "six").stdout)[0]
    assert told["IPAM"]["Config"] == [{"Subnet": "fd00:207:5::/64", "Gateway": "fd00:207:5::1"}] and not told["EnableIPv4"]
    assert moor.docker("network", "ls", "--filter", "name=six", "--format", "{{.IPv4}} {{.IPv6}}").stdout == "false true\n"
    with netpeer.neighbour() as peer:
        netpeer.ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")
        peer.run("ip", "addr", "add", f"{PEER6}/64", "dev", "wire1", "nodad")
        moor.docker("run", "-d", "--init", "--name", "web", "--network", "six", "-p", "18161:80", "-p", "127.0.0.1:18162:80",
                    "--add-host", "up:host-gateway", busybox, *SERVE)
        shown = moor.docker("exec", "web", "busybox", "ip", "addr").stdout
        assert re.findall(r"inet (\S+)", shown) == ["127.0.0.1/8"] and "inet6 fd00:207:5::2/64" in shown and "02:42:00:00:00:02" in shown
        assert inspect(moor, "web", "{{with .NetworkSettings.Networks.six}}{{.IPAddress}},{{.GlobalIPv6Address}},{{.IPv6Gateway}}{{end}}") == \
            ",fd00:207:5::2,fd00:207:5::1"
        assert moor.docker("port", "web").stdout == "80/tcp -> [::]:18161\n"
        assert "fd00:207:5::1\tup\n" in moor.docker("exec", "web", "cat", "/etc/hosts").stdout
        wait_until(lambda: peer.fetch(HOST6, 18161, 1) == "served", "the port to lead to the container")
        assert fetch_inside(moor, busybox, "web", 80, "--network", "six") == "served"
        assert "1 packets received" in moor.docker("exec", "web", "busybox", "ping", "-6", "-c1", "-W3", PEER6).stdout
        # Another network may bring the other family.
        moor.docker("network", "connect", "bridge", "web")
        assert len(re.findall(r"inet (\S+)", moor.docker("exec", "web", "busybox", "ip", "addr").stdout)) == 2
        moor.docker("rm", "-f", "web")
