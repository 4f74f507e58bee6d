# SPDX-License-Identifier: Apache-2.0
"""Rules by iptables: where the settings say so, where the kernel has no nf_tables, and past a firewall that is made of
them."""

import contextlib
import ctypes
import errno
import json
import os
import platform
import re
import signal
import subprocess

import pytest

import agent
import netpeer
from netpeer import HOST, fetch
from test_networks import monitor_of
from test_ports import fetch_inside, inspect, serve
from world import wait_until

NETFILTER = 12  # NETLINK_NETFILTER
SOCKET = {"x86_64": 41, "aarch64": 198}.get(platform.machine(), 281)


def without_nftables():
    """No socket of NETLINK_NETFILTER from here on, as on a kernel without it: a seccomp filter."""
    program = agent.filter_program(
        (agent.LOAD, 0, 0, 0), (agent.EQUALS, SOCKET, 0, 3), (agent.LOAD, 32, 0, 0), (agent.EQUALS, NETFILTER, 0, 1),
        (agent.RESULT, agent.RET_ERRNO | errno.EPROTONOSUPPORT, 0, 0), (agent.RESULT, agent.RET_ALLOW, 0, 0))
    set_seccomp, mode_filter = 22, 2
    if ctypes.CDLL(None, use_errno=True).prctl(set_seccomp, mode_filter, program, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


def legacy(*words):
    return subprocess.run(["iptables-legacy", *words], check=True, capture_output=True, text=True).stdout


def rules(program):
    """All rules, and chains that are not as a kernel makes them."""
    saved = subprocess.run([f"{program}-save"], check=True, capture_output=True, text=True).stdout
    return "".join(f"{line}\n" for line in re.sub(r" \[\d+:\d+\]", "", saved).splitlines()
                   if line[0] in ":-" and not re.fullmatch(r":[A-Z]+ ACCEPT", line))


@contextlib.contextmanager
def kept(program):
    """The rules of this machine, as they were before; iptables of nf_tables makes tables of its own."""
    tables = netpeer.nft_tables()
    saved = subprocess.run([f"{program}-save"], check=True, capture_output=True, text=True).stdout
    try:
        yield
    finally:
        for table in ("filter", "nat", "mangle"):
            if f"*{table}\n" not in saved:
                saved += f"*{table}\n" + "".join(f":{chain} ACCEPT [0:0]\n" for chain in (
                    ("INPUT", "FORWARD", "OUTPUT") if table == "filter" else ("PREROUTING", "POSTROUTING"))) + "COMMIT\n"
        subprocess.run([f"{program}-restore"], input=saved, text=True, check=True)
        for table in netpeer.nft_tables() - tables:
            netpeer.nft("delete", *table.split(), code=None)


@pytest.fixture(params=["setting", "kernel"])
def moor_iptables(request, moor):
    """A docker that cannot, or must not, use nf_tables; which iptables it is then."""
    if request.param == "setting":
        os.makedirs(moor.config, exist_ok=True)
        with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
            json.dump({"firewall-backend": "iptables"}, settings)
        moor.program = "iptables"
    else:
        docker = moor.docker
        moor.docker = lambda *words, **options: docker(*words, preexec_fn=without_nftables, **options)
        moor.program = "iptables-legacy"
    with kept(moor.program):
        yield moor


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_rules_of_an_older_program(moor, busybox, backend):
    """What a network's rules lack since they were put in (an upgrade, with its members running) is there from the next
    start of a member on; what they have already stays untouched."""
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": backend}, settings)

    def now():
        if backend == "nftables":
            return netpeer.nft("--handle", "list", "table", "ip", name)
        return "".join(line + "\n" for line in rules("iptables").splitlines() if name in line)

    def start(member):
        moor.docker("run", "-d", "--network", "one", "--init", "--name", member, busybox, "sleep", "60")

    with kept("iptables"):
        name = "mooring-br-" + moor.docker("network", "create", "one").stdout[:12]
        start("first")
        before = now()
        edition = re.search(r"chain (v\w\w) {" if backend == "nftables" else rf":{name}-(v\w\w) ", before)[1]
        start("second")
        assert now() == before
        if backend == "nftables":
            for chain in ("input", edition):
                netpeer.nft("flush", "chain", "ip", name, chain)
                netpeer.nft("delete", "chain", "ip", name, chain)
        else:
            for words in (["-t", "mangle", "-D", "INPUT", "-m", "comment", "--comment", name, "-j", f"{name}-inp"],
                          ["-t", "mangle", "-F", f"{name}-inp"], ["-t", "mangle", "-X", f"{name}-inp"],
                          ["-t", "nat", "-X", f"{name}-{edition}"]):
                subprocess.run(["iptables", *words], check=True)
        assert "inp" not in now()
        start("third")
        assert re.sub(r"# handle \d+", "", now()) == re.sub(r"# handle \d+", "", before)
        moor.docker("rm", "-f", "first", "second", "third")
        moor.docker("network", "rm", "one")
        assert name not in (" ".join(netpeer.nft_tables()) if backend == "nftables" else rules("iptables"))


def test_all_that_networks_need(moor_iptables, busybox):
    moor = moor_iptables
    subprocess.run([moor.program, "-A", "INPUT", "-p", "tcp", "--dport", "4242", "-j", "DROP"], check=True)
    subprocess.run([moor.program, "-P", "FORWARD", "DROP"], check=True)
    before = rules(moor.program)
    moor.docker("network", "create", "one")
    moor.docker("network", "create", "two")
    with netpeer.neighbour() as peer:
        address = serve(moor, busybox, "web", "--network", "one", "-p", "18301:80", "-p", "18302-18303:18302-18303",
                        "-p", "127.0.0.1:18304:80")
        for where in ("127.0.0.1", HOST):
            assert fetch(where, 18301) == "served"
        assert peer.fetch(HOST, 18301) == "served"
        assert fetch("127.0.0.1", 18304) == "served" and peer.fetch(HOST, 18304, 1) is None
        assert fetch_inside(moor, busybox, HOST, 18301, "--network", "one") == "served"  # by its neighbour
        assert fetch_inside(moor, busybox, HOST, 18301, "--network", "two") == "served"
        assert fetch_inside(moor, busybox, "web", 80, "--network", "one") == "served"
        assert fetch_inside(moor, busybox, address, 80, "--init", "--network", "two") == ""  # networks are apart
        assert peer.fetch(address, 80, 1) is None
        assert "1 packets received" in moor.docker("exec", "web", "busybox", "ping", "-c1", "-W2", netpeer.PEER).stdout
        assert f"--comment mooring-{inspect(moor, 'web', '{{.Id}}')[:12]} " in rules(moor.program)
        assert set(before.splitlines()) <= set(rules(moor.program).splitlines())
        # After a kill -9 of who supervises the container they are gone before anybody else gets its address.
        init = int(inspect(moor, "web", "{{.State.Pid}}"))
        os.kill(monitor_of(moor, "web"), signal.SIGKILL)
        os.kill(init, signal.SIGKILL)
        wait_until(lambda: inspect(moor, "web", "{{.State.Running}}") == "false", "the container's end")
        moor.docker("run", "--rm", "--network", "two", busybox, "true")
        assert "18301" not in rules(moor.program)
        moor.docker("start", "web")
        wait_until(lambda: fetch("127.0.0.1", 18301, 1), "the server to listen again")
        moor.docker("network", "connect", "two", "web")
        moor.docker("network", "disconnect", "one", "web")
        assert fetch("127.0.0.1", 18301) == "served" and address not in rules(moor.program)
    moor.docker("rm", "-f", "web")
    assert "br-" not in rules(moor.program) and "1830" not in rules(moor.program)
    moor.docker("network", "create", "--internal", "closed")
    serve(moor, busybox, "inner", "--network", "closed")
    assert "network" in moor.docker("exec", "inner", "busybox", "ping", "-c1", "-W1", HOST, code=None).stderr.lower()
    moor.docker("rm", "-f", "inner")
    assert rules(moor.program) == before


def test_past_an_old_firewall(moor, busybox):
    """Rules are nf_tables', but the administrator's FORWARD is of the old kind, which is asked all the same."""
    moor.docker("network", "create", "one")
    with kept("iptables-legacy"), netpeer.neighbour() as peer:
        legacy("-A", "FORWARD", "-j", "REJECT")
        before = rules("iptables-legacy")
        serve(moor, busybox, "web", "--network", "one", "-p", "18305:80")
        assert peer.fetch(HOST, 18305) == "served"
        assert legacy("-S", "FORWARD").count("pass-br-") == 2
        moor.docker("rm", "-f", "web")
        assert rules("iptables-legacy") == before


def test_firewalld_loaded_anew(moor, busybox):
    """Its reload flushes what iptables knows, and puts a table of its own in anew: networks stay apart, and what is for this
    machine alone stays so (CVE-2025-54410, CVE-2025-54388)."""
    firewalld = ("table inet firewalld; delete table inet firewalld; table inet firewalld { chain filter_FORWARD "
                 "{ type filter hook forward priority 10; policy accept; }; }")
    moor.docker("network", "create", "one")
    moor.docker("network", "create", "two")
    with kept("iptables"), kept("iptables-legacy"), netpeer.neighbour() as peer:
        netpeer.nft(firewalld)
        try:
            address = serve(moor, busybox, "web", "--network", "one", "-p", "127.0.0.1:18307:80", "-p", "18308:80")
            other = serve(moor, busybox, "other", "--network", "two")
            for program in ("iptables", "iptables-legacy"):
                for table in ("filter", "nat", "mangle", "raw"):
                    subprocess.run([program, "-t", table, "-F"], check=True)
                    subprocess.run([program, "-t", table, "-X"], check=True)
            netpeer.nft(firewalld)
            for target, source in ((other, "web"), (address, "other")):
                assert moor.docker("exec", source, "busybox", "wget", "-T1", "-qO-", f"http://{target}/", code=None).stdout == ""
            assert peer.fetch(address, 80, 1) is None and peer.fetch(HOST, 18307, 1) is None
            assert fetch("127.0.0.1", 18307) == fetch(HOST, 18308) == "served"
        finally:
            netpeer.nft("delete", "table", "inet", "firewalld")


def test_the_setting(moor, busybox):
    os.makedirs(moor.config, exist_ok=True)
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": "ipchains"}, settings)
    refused = moor.docker("run", "--rm", "-p", "18306:80", busybox, "true", code=125).stderr
    assert "firewall-backend" in refused and 'neither "nftables" nor "iptables"' in refused
    with open(os.path.join(moor.config, "daemon.json"), "w") as settings:
        json.dump({"firewall-backend": "nftables"}, settings)
    refused = moor.docker("run", "--rm", "-p", "18306:80", busybox, "true", code=125, preexec_fn=without_nftables).stderr
    assert "CONFIG_NF_TABLES" in refused and "iptables" not in refused
