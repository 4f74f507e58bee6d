# SPDX-License-Identifier: Apache-2.0
"""Published ports by IPv6: in networks that have it, with the rules of nf_tables and with those of ip6tables."""

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
