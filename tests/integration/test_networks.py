# SPDX-License-Identifier: Apache-2.0
"""Networks as docker has them: made, joined, left, kept apart, and nothing left of them."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

import netpeer
import world
from world import wait_until


def inspect(moor, name, template):
    return moor.docker("inspect", "-f", template, name).stdout.rstrip("\n")


def address_of(moor, name, network):
    return inspect(moor, name, '{{(index .NetworkSettings.Networks "%s").IPAddress}}' % network)


def networks_of(moor, name):
    return sorted(json.loads(inspect(moor, name, "{{json .NetworkSettings.Networks}}")))


def start(moor, image, name, *options, command=("sleep", "600")):
    moor.docker("run", "-d", "--init", "--name", name, *options, image, *command)


def inside(moor, name, *command, code=0):
    return moor.docker("exec", name, *command, code=code).stdout


def can_ping(moor, image, network, target):
    return "1 packets received" in moor.docker("run", "--rm", "--network", network, image, "busybox", "ping", "-c1",
                                               "-W2", target, code=None).stdout


def monitor_of(moor, name):
    """The process that supervises the container: the parent of its init."""
    return world.parent(inspect(moor, name, "{{.State.Pid}}"))


def leases(moor):
    top = os.path.join(moor.run_dir, "networks")
    return [name for _, _, names in os.walk(top) for name in names if re.match(r"[0-9a-f]+[.:]", name)]


def test_definitions(moor, busybox):
    long_id = moor.docker("network", "create", "--subnet", "10.91.0.0/16", "--gateway", "10.91.0.9", "--ip-range",
                          "10.91.5.0/24", "--aux-address", "router=10.91.5.1", "--label", "kind=test", "-o",
                          "com.docker.network.driver.mtu=1400", "--internal", "one").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", long_id)
    told = json.loads(moor.docker("network", "inspect", long_id[:7]).stdout)[0]
    assert (told["Name"], told["Id"], told["Driver"], told["Scope"]) == ("one", long_id, "bridge", "local")
    assert told["IPAM"]["Config"] == [{"Subnet": "10.91.0.0/16", "IPRange": "10.91.5.0/24", "Gateway": "10.91.0.9",
                                       "AuxiliaryAddresses": {"router": "10.91.5.1"}}]
    assert told["Internal"] is True and told["Labels"] == {"kind": "test"} and told["Containers"] == {}
    moor.docker("network", "create", "two")
    names = ("network", "ls", "--format", "{{.Name}}")
    assert moor.docker(*names).stdout.split() == ["bridge", "host", "none", "one", "two"]
    assert moor.docker(*names, "-f", "label=kind").stdout == "one\n"
    assert moor.docker(*names, "-f", "type=custom", "-f", "name=tw").stdout == "two\n"
    for filters, shown in [(["name=^.?o"], "host\nnone\none\n"), (["NAME = one"], "none\none\n"), ([""], None),
                           (["type=builtin", "type=custom"], None), (["id=" + long_id[:5]], "one\n")]:
        said = moor.docker(*names, *[part for text in filters for part in ("-f", text)]).stdout
        assert said == (shown or "bridge\nhost\nnone\none\ntwo\n"), filters
    for text, why in [("type=bogus", "invalid filter: 'type'='bogus'"), ("dangling=maybe", "invalid filter 'dangling=[maybe]'"),
                      ("Bogus=1", "invalid filter 'bogus'")]:
        assert why in moor.docker("network", "ls", "-f", text, code=1).stderr
    assert moor.docker("inspect", "-f", "{{.Driver}}", "two").stdout == "bridge\n"
    shown = json.loads(moor.docker("network", "ls", "-f", "name=two", "--format", "json").stdout)
    assert re.fullmatch(r"2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC", shown["CreatedAt"])
    assert moor.docker("network", "inspect", "-f", "{{.Created}} {{.ConfigFrom}}", "two").stdout == shown["CreatedAt"] + " {}\n"
    bridge = "com.docker.network.bridge.name"
    moor.docker("network", "create", "-o", f"{bridge}=brx", "three")
    for arguments, text in [(["one"], "network with name one already exists"),
                            (["--subnet", "10.91.7.0/24", "x1"], "Pool overlaps with other one"),
                            (["-d", "bogus", "x1"], 'plugin "bogus" not found'),
                            (["bridge"], "operation is not permitted on predefined bridge network"),
                            (["--gateway", "10.1.1.1", "x1"], "must have a corresponding subnet"),
                            (["--subnet", "10.1.0.0/16", "--gateway", "10.2.0.1", "x1"], "no matching subnet"),
                            (["--subnet", "10.1.2.3/16", "x1"], "it should be 10.1.0.0"),
                            (["-o", "com.docker.network.driver.mtu=x", "x1"], "mtu: invalid value"),
                            (["-o", f"{bridge}=lo", "x1"], "existing interface lo is not a bridge"),
                            (["-o", f"{bridge}=brx", "x1"], "networks have same bridge name"),
                            (["a b"], "invalid network name"), (["a/b"], "invalid network name"), ([".a"], "invalid network name"),
                            (["container:x"], "invalid network name"), ([""], "invalid network name"),
                            (["--subnet", "10.93.0.0/24", "--gateway", "10.93.0.0", "x1"],
                             "failed to allocate gateway (10.93.0.0): Address already in use"),
                            (["--subnet", "10.93.0.0/24", "--gateway", "10.93.0.255", "x1"],
                             "failed to allocate gateway (10.93.0.255): Address already in use"),
                            (["--ipv6", "--subnet", "fd00:93::/64", "--gateway", "fd00:93::", "x1"], "failed to allocate gateway"),
                            (["--subnet", "10.93.0.0/24", "--aux-address", "a=10.93.0.1", "x1"],
                             "failed to allocate secondary ip address (a:10.93.0.1): Address already in use"),
                            (["-o", "com.docker.network.bridge.enable_icc", "x1"], "enable_icc value:  (invalid syntax)")]:
        assert text in moor.docker("network", "create", *arguments, code=1).stderr
    for arguments, text in [(["--ipam-driver", "bogus"], 'plugin "bogus" not found'),
                            (["--scope", "swarm"], "cannot create a swarm scoped network when swarm is not active"),
                            (["--ingress"], "--ingress is not supported")]:
        assert text in moor.docker("network", "create", *arguments, "x1", code=125).stderr
    moor.docker("network", "create", "-o", "mine", "-o", "other=", "x1")
    assert json.loads(moor.docker("network", "inspect", "-f", "{{json .Options}}", "x1").stdout) == {"mine": "", "other": ""}
    moor.docker("create", "--name", "idle", busybox)
    for alias in "one", "two":  # of one that does not run the last word counts
        moor.docker("network", "connect", "--alias", alias, "x1", "idle")
    assert "two" in inspect(moor, "idle", "{{.NetworkSettings.Networks.x1.Aliases}}")
    moor.docker("network", "disconnect", "x1", "idle")
    assert "not connected to" in moor.docker("network", "disconnect", "x1", "idle", code=1).stderr
    moor.docker("rm", "idle")
    moor.docker("network", "rm", "x1")
    assert "no name set for network" in moor.docker("run", "--rm", "--network", "", busybox, "true", code=125).stderr
    moor.docker("network", "create", "--subnet", "10.93.0.0/16", "--aux-address", "printer=10.93.0.9", "kiwl$%^@#")
    assert json.loads(moor.docker("network", "inspect", "-f", "{{json .IPAM.Config}}", "kiwl$%^@#").stdout) == [
        {"Subnet": "10.93.0.0/16", "Gateway": "10.93.0.1", "AuxiliaryAddresses": {"printer": "10.93.0.9"}}]
    moor.docker("network", "rm", "kiwl$%^@#")
    for arguments, text in [(["--ip-range", "10.94.1.0/24,10.94.2.0/24"],
                             "cannot configure multiple ranges (10.94.2.0/24, 10.94.1.0/24) on the same subnet (10.94.0.0/16)"),
                            (["--gateway", "10.94.0.1", "--gateway", "10.94.0.2"],
                             "cannot configure multiple gateways (10.94.0.2, 10.94.0.1) for the same subnet (10.94.0.0/16)")]:
        assert text in moor.docker("network", "create", "--subnet", "10.94.0.0/16", *arguments, "x1", code=1).stderr
    assert "overlapping" in moor.docker("network", "create", "--subnet", "10.94.0.0/16,10.94.1.0/24", "x1", code=1).stderr
    moor.docker("network", "create", "--ipv6", "--subnet", "10.94.0.0/16,fd00:94::/64", "--gateway", "10.94.0.7/16", "both")
    assert json.loads(moor.docker("network", "inspect", "-f", "{{json .IPAM.Config}}", "both").stdout) == [
        {"Subnet": "10.94.0.0/16", "Gateway": "10.94.0.7"}, {"Subnet": "fd00:94::/64", "Gateway": "fd00:94::1"}]
    moor.docker("network", "rm", "both")
    # The default network shows what it will have, before anybody is in it.
    assert moor.docker("network", "inspect", "-f", "{{len .IPAM.Config}} {{len (index .Options \"" + bridge + "\")}}",
                       "bridge").stdout == "1 12\n"
    assert "invalid CIDR" in moor.docker("network", "create", "--subnet", "x", "x1", code=125).stderr
    assert moor.docker("network", "rm", "one").stdout == "one\n"
    gone = moor.docker("network", "rm", "one", "bridge", code=1)
    assert moor.docker("network", "rm", "-f", "one").stdout == ""
    assert "network one not found" in gone.stderr and gone.stderr.endswith("exit status 1\n")
    assert "bridge is a pre-defined network and cannot be removed" in gone.stderr
    assert sorted(moor.docker("network", "prune", "-f").stdout.split()) == ["Deleted", "Networks:", "three", "two"]
    assert os.listdir(os.path.join(moor.root, "networks")) == [".lock"]


def test_subnets_keep_clear_of_the_host_and_run_out(moor):
    subprocess.run(["ip", "route", "add", "172.18.0.0/17", "dev", "lo"], check=True)
    try:
        moor.docker("network", "create", "n0")
        assert moor.docker("network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}",
                           "n0").stdout == "172.19.0.0/16\n"
    finally:
        subprocess.run(["ip", "route", "del", "172.18.0.0/17", "dev", "lo"], check=True)
    for number in range(1, 40):
        made = moor.docker("network", "create", f"n{number}", code=None)
        if made.returncode:
            break
    assert "could not find an available, non-overlapping IPv4 address pool" in made.stderr
    assert number > 20


def test_options_of_drivers(moor, busybox):
    """What an option asks for is done or refused, never passed over; with docker's words where docker refuses too."""
    bridge = "com.docker.network.bridge."
    for option, words in ((f"{bridge}enable_icc=maybe", f"failed to parse {bridge}enable_icc value: maybe (invalid syntax)"),
                          (f"{bridge}host_binding_ipv4=x", f"failed to parse {bridge}host_binding_ipv4 value: x (nil ip)"),
                          (f"{bridge}gateway_mode_ipv4=isolated", "gateway mode 'isolated' can only be used for an internal network"),
                          (f"{bridge}gateway_mode_ipv6=x", f"failed to parse {bridge}gateway_mode_ipv6 value: x (unknown gateway mode x)"),
                          ("com.docker.network.host_ipv4=fd00::1", "failed to parse com.docker.network.host_ipv4 value: fd00::1 (nil ip)"),
                              ("com.docker.network.container_iface_prefix=a/b", "container_iface_prefix=a/b: no beginning")):
        assert words in moor.docker("network", "create", "-o", option, "refused", code=1).stderr
    assert "refused" not in moor.docker("network", "ls").stdout
    moor.docker("network", "create", "-o", f"{bridge}gateway_mode_ipv4=nat", "-o", f"{bridge}enable_icc=f", "apart")
    start(moor, busybox, "one", "--network", "apart")
    assert not can_ping(moor, busybox, "apart", address_of(moor, "one", "apart"))
    assert "invalid key value pair" in moor.docker("network", "connect", "--driver-opt", "x", "bridge", "one", code=None).stderr
    moor.docker("network", "connect", "--driver-opt", "foo=bar", "bridge", "one")


ENDPOINT = "com.docker.network.endpoint."


def setting_of(moor, name, key):
    return inside(moor, name, "cat", f"/proc/sys/net/{key}").strip()


def test_options_of_endpoints(moor, busybox):
    """A link's name and settings: at the start, when it is connected, and after a restart; and nothing but its own."""
    moor.docker("network", "create", "lan")
    several = f'"driver-opt={ENDPOINT}sysctls=net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.neigh.IFNAME.mcast_solicit=7"'
    start(moor, busybox, "one", "--network", f"name=lan,driver-opt={ENDPOINT}ifname=eth0,{several}", "--network", "bridge")
    settings = ("ipv4/conf/eth0/log_martians", "ipv4/neigh/eth0/mcast_solicit")
    assert [setting_of(moor, "one", key) for key in settings] == ["1", "7"]
    assert setting_of(moor, "one", "ipv4/conf/eth1/log_martians") == "0"
    shown = json.loads(inspect(moor, "one", "{{json .NetworkSettings.Networks}}"))
    assert shown["lan"]["DriverOpts"][f"{ENDPOINT}ifname"] == "eth0" and shown["bridge"]["DriverOpts"] is None
    assert f"{shown['lan']['IPAddress']}/" in inside(moor, "one", "busybox", "ip", "addr", "show", "eth0")
    gateway = shown["lan"]["Gateway"]
    moor.docker("network", "disconnect", "lan", "one")
    connect = ("network", "connect", "--driver-opt", f"{ENDPOINT}ifname=lan0", "--driver-opt",
               f"{ENDPOINT}sysctls=net.ipv4.conf.IFNAME.forwarding=0", "lan", "one")
    moor.docker(*connect)
    for _ in range(2):
        assert setting_of(moor, "one", "ipv4/conf/lan0/forwarding") == "0"
        assert "1 packets received" in inside(moor, "one", "busybox", "ping", "-c1", "-W2", "-I", "lan0", gateway)
        moor.docker("restart", "-t", "0", "one")
    for words, why in (((f"{ENDPOINT}sysctls=net.ipv4.conf.all.forwarding=1",), "unrecognised network interface sysctl"),
                       ((f"{ENDPOINT}ifname=a/b",), "invalid interface name"),
                       ((f"{ENDPOINT}sysctls=net.ipv4.conf.IFNAME.nosuch=1",), "nosuch is not a sysctl of eth0"),
                       ((f"{ENDPOINT}sysctls=net.ipv4.conf.IFNAME.forwarding=x",), "ipv4/conf/eth0/forwarding")):
        refused = moor.docker("run", "--rm", "--network", f"name=lan,driver-opt={words[0]}", busybox, "true", code=125).stderr
        assert why in refused
    moor.docker("network", "disconnect", "lan", "one")
    taken = moor.docker(*connect[:3], f"{ENDPOINT}ifname=eth0", *connect[4:], code=1).stderr
    assert "network lan: the container has an interface eth0 already" in taken
    assert networks_of(moor, "one") == ["bridge"] and len(leases(moor)) == 1


def test_members(moor, busybox):
    moor.docker("network", "create", "--subnet", "10.92.0.0/29", "small")
    before = netpeer.links()  # and those that a test before is still losing
    start(moor, busybox, "first", "--network", "small", "--mac-address", "02:00:00:00:00:07")
    start(moor, busybox, "fixed", "--network", "name=small,ip=10.92.0.6,alias=six")
    assert address_of(moor, "first", "small") == "10.92.0.2" and address_of(moor, "fixed", "small") == "10.92.0.6"
    assert "02:00:00:00:00:07" in inside(moor, "first", "busybox", "ip", "link")
    bridge = "br-" + moor.docker("network", "inspect", "-f", "{{.Id}}", "small").stdout[:12]
    assert bridge in netpeer.links()
    members = json.loads(moor.docker("network", "inspect", "-f", "{{json .Containers}}", "small").stdout)
    assert sorted(member["IPv4Address"] for member in members.values()) == ["10.92.0.2/29", "10.92.0.6/29"]
    refused = moor.docker("network", "rm", "small", code=1).stderr
    assert "error while removing network: network small id" in refused and "has active endpoints" in refused
    for options, text in [(["--ip", "10.92.0.6"], "Address already in use"), (["--ip", "10.99.0.1"], "does not belong"),
                          (["--ip", "x"], "invalid IPv4 address: x"), (["--mac-address", "x"], "not a valid mac address")]:
        assert text in moor.docker("run", "--rm", "--network", "small", *options, busybox, "true", code=125).stderr
    for number in range(3):  # 3, 4, 5 are left
        start(moor, busybox, f"more{number}", "--network", "small")
    full = moor.docker("run", "--rm", "--network", "small", busybox, "true", code=125).stderr
    assert "no available IPv4 addresses on this network's address pools: small" in full
    moor.docker("rm", "-f", "first", "fixed", "more0", "more1", "more2")
    wait_until(lambda: netpeer.links() <= before, "the bridge to go")
    assert leases(moor) == []


def test_modes_and_mistakes(moor, busybox):
    assert "network nonet not found" in moor.docker("run", "--network", "nonet", "--name", "n", busybox, "true",
                                                    code=125).stderr
    assert inspect(moor, "n", "{{.State.Status}}") == "created"
    for options, text in [(["--ip", "172.17.0.9"], "supported on user defined networks only"),
                          (["--network-alias", "x"], "only supported for user-defined networks"),
                          (["--network", "container:nope"], "No such container: nope"),
                          (["--network", "container:n"], "cannot join network of a non running container"),
                          (["--network", "container:n", "-h", "x"], "hostname and the network mode"),
                          (["--network", "container:n", "-p", "1:1"], "port publishing and the container type network"),
                          (["--network", "name=x,bogus=1"], "invalid field key bogus")]:
        assert text in moor.docker("run", "--rm", *options, busybox, "true", code=125).stderr
    start(moor, busybox, "owner", "--network", "bridge", "-h", "shared-name", "--add-host", "x:192.0.2.7")
    both = [moor.docker(*how, "sh", "-c", "readlink /proc/self/ns/net; hostname; cat /etc/hosts").stdout
            for how in (("exec", "owner"), ("run", "--rm", "--network", "container:owner", busybox))]
    assert both[0] == both[1] and "shared-name" in both[0] and "192.0.2.7\tx" in both[0]


def test_apart(moor, busybox):
    """Networks do not reach each other, nor does a neighbour of the machine reach a container; answers do come back."""
    moor.docker("network", "create", "left")
    moor.docker("network", "create", "right")
    with netpeer.neighbour() as peer:
        start(moor, busybox, "l", "--network", "left")
        start(moor, busybox, "b")
        left, default = address_of(moor, "l", "left"), inspect(moor, "b", "{{.NetworkSettings.IPAddress}}")
        assert can_ping(moor, busybox, "left", left) and can_ping(moor, busybox, "bridge", default)
        assert not can_ping(moor, busybox, "right", left) and not can_ping(moor, busybox, "bridge", left)
        assert not can_ping(moor, busybox, "left", default)
        assert can_ping(moor, busybox, "left", netpeer.PEER)
        pinged = peer.run("/bin/busybox", "ping", "-c1", "-W1", left, check=False).stdout
        assert "0 packets received" in pinged
        # An address that is not the container's does not leave the network.
        inside(moor, "l", "true")
        seen = moor.docker("run", "--rm", "--network", "left", "--cap-add", "NET_ADMIN", busybox, "sh", "-c",
                           "busybox ip addr add 198.51.100.9/32 dev eth0; "
                           f"busybox ping -c1 -W1 -I 198.51.100.9 {netpeer.PEER}", code=None).stdout
        assert "0 packets received" in seen


def test_internal(moor, busybox):
    moor.docker("network", "create", "--internal", "in")
    with netpeer.neighbour():
        start(moor, busybox, "i", "--network", "in")
        assert "default" not in inside(moor, "i", "busybox", "ip", "route")
        assert can_ping(moor, busybox, "in", address_of(moor, "i", "in"))
        forced = moor.docker("run", "--rm", "--network", "in", "--cap-add", "NET_ADMIN", busybox, "sh", "-c",
                             "gate=$(busybox ip route | busybox sed 's/.*src *//; s/[0-9]* *$/1/'); "
                             f"busybox ip route add default via $gate && busybox ip route; "
                             f"busybox ping -c1 -W1 {netpeer.PEER}", code=None).stdout
        assert "default via" in forced and "1 packets received" not in forced


def test_connect_and_disconnect(moor, busybox):
    moor.docker("network", "create", "aa")
    moor.docker("network", "create", "--internal", "zz")
    start(moor, busybox, "c", "--network", "aa", "--network", "zz")
    assert networks_of(moor, "c") == ["aa", "zz"]
    route = inside(moor, "c", "busybox", "ip", "route")
    assert re.search("default via .* dev eth0", route)
    start(moor, busybox, "d")
    moor.docker("network", "connect", "--alias", "dd", "zz", "d")
    assert "already exists in network zz" in moor.docker("network", "connect", "zz", "d", code=1).stderr
    assert "eth1" in inside(moor, "d", "busybox", "ip", "addr")
    assert "1 packets received" in inside(moor, "c", "busybox", "ping", "-c1", "-W2", "dd")
    moor.docker("network", "disconnect", "aa", "c")
    assert "default" not in inside(moor, "c", "busybox", "ip", "route")
    moor.docker("network", "connect", "bridge", "c")
    assert re.search("default via .* dev eth0", inside(moor, "c", "busybox", "ip", "route"))
    moor.docker("restart", "-t", "0", "c")  # what was asked for while it ran holds for the next life
    assert networks_of(moor, "c") == ["bridge", "zz"]
    assert "is not connected" in moor.docker("network", "disconnect", "aa", "c", code=1).stderr
    moor.docker("create", "--name", "none", "--network", "none", busybox, "true")
    moor.docker("create", "--name", "host", "--network", "host", busybox, "true")
    scoped = "network-scoped alias is supported only for containers in user defined networks"
    for arguments, text in [(["connect", "aa", "none"], "private (none) mode"), (["connect", "none", "c"], "private (none) mode"),
                            (["connect", "host", "c"], "cannot connect container to host network"),
                            (["disconnect", "host", "host"], "cannot disconnect container from host network"),
                            (["connect", "--alias", "a", "host", "none"], scoped), (["connect", "--alias", "a", "bridge", "none"], scoped),
                            (["disconnect", "gone", "c"], "network gone not found")]:
        assert text in moor.docker("network", *arguments, code=1).stderr, arguments
    moor.docker("stop", "-t", "0", "c")
    moor.docker("network", "disconnect", "bridge", "c")
    moor.docker("stop", "-t", "0", "d")
    moor.docker("network", "rm", "zz")
    moor.docker("network", "disconnect", "-f", "zz", "c")  # of a network that is gone
    assert networks_of(moor, "c") == []


def test_gateway_priority_and_link_local(moor, busybox):
    def gateway(name):
        return re.search("default via ([0-9.]+) ", inside(moor, name, "busybox", "ip", "route"))[1]

    for name, subnet in (("aa", "10.207.1"), ("bb", "10.207.2"), ("cc", "10.207.3")):
        moor.docker("network", "create", "--subnet", subnet + ".0/24", name)
    start(moor, busybox, "c", "--network", "aa", "--network", "name=bb,gw-priority=5,link-local-ip=169.254.9.9",
          "--link-local-ip", "fe80::9")
    assert gateway("c") == "10.207.2.1"
    shown = inside(moor, "c", "busybox", "ip", "addr")
    assert "169.254.9.9/16" in shown and "fe80::9/64" in shown
    moor.docker("network", "connect", "--gw-priority", "6", "--link-local-ip", "169.254.9.10", "cc", "c")
    assert gateway("c") == "10.207.3.1" and "169.254.9.10/16" in inside(moor, "c", "busybox", "ip", "addr")
    moor.docker("network", "disconnect", "cc", "c")
    assert gateway("c") == "10.207.2.1"
    moor.docker("restart", "-t", "0", "c")
    assert gateway("c") == "10.207.2.1"
    assert moor.docker("inspect", "-f", "{{json .NetworkSettings.Networks.bb.IPAMConfig}}",
                       "c").stdout == '{"LinkLocalIPs":["169.254.9.9"]}\n'
    for option, value, words in (("--network", "name=aa,gw-priority=x", "invalid gw-priority: invalid syntax"),
                                 ("--network", "name=aa,link-local-ip=x", "invalid link-local IP address: x"),
                                 ("--link-local-ip", "10.0.0.1", "10.0.0.1 is no link-local address")):
        refused = moor.docker("run", option, value, busybox, code=125).stderr
        assert words in refused and f'for "{option}" flag' in refused


def test_address_pools(moor, busybox):
    def settings(text):
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            file.write('{"default-address-pools": %s}' % text)

    def create(*words, code=0):
        done = moor.docker("network", "create", *words, code=code)
        return done.stderr if code else moor.docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}",
                                                    words[-1]).stdout.split()

    settings('[{"base": "10.208.0.0/22", "size": 24}, {"base": "fd00:5::/56", "size": 64}]')
    assert create("p1") == ["10.208.1.0/24"]  # the first is the default network's
    assert create("--ipv6", "p2") == ["10.208.2.0/24", "fd00:5::/64"]
    assert create("--ipv6", "--subnet", "fd00:7::/64", "p3") == ["10.208.3.0/24", "fd00:7::/64"]
    assert create("--ipv6", "--subnet", "10.209.0.0/24", "p4") == ["10.209.0.0/24", "fd00:5:0:1::/64"]
    assert "default-address-pools in daemon.json are in use" in create("p5", code=1)
    for text, words in (("7", "default-address-pools"), ('[{"base": "10.208.0.0/16"}]', "size"),
                        ('[{"base": "10.208.0.0/16", "size": 8}]', "no size of a subnet of 10.208.0.0/16"),
                        ('[{"base": "x", "size": 8}]', "x is no subnet")):
        settings(text)
        assert words in create("p6", code=1)


def test_the_default_network_of_daemon_json(moor, busybox):
    def settings(text):
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            file.write(text)

    def run(*command, code=0):
        return moor.docker("run", "--rm", busybox, "busybox", *command, code=code)

    bridge = json.loads(moor.docker("network", "inspect", "bridge").stdout)[0]["Options"]["com.docker.network.bridge.name"]
    assert "inet6" not in run("ip", "addr", "show", "eth0").stdout  # the bridge is there, as it is without settings
    settings('{"bip": "10.210.3.1/24", "fixed-cidr": "10.210.3.64/26", "mtu": 1280, "ipv6": true, "fixed-cidr-v6": "fd00:210::/64",'
             '"ip": "127.0.0.1", "ip-masq": false, "host-gateway-ip": "192.0.2.9"}')
    # A new address of the bridge waits for its last member, as with dockerd's restart.
    start(moor, busybox, "first", "-p", "8080:80", "--add-host", "up:host-gateway")
    assert inspect(moor, "first", "{{.NetworkSettings.IPAddress}}/{{.NetworkSettings.IPPrefixLen}}") == "10.210.3.64/24"
    assert inspect(moor, "first", "{{.NetworkSettings.Gateway}} {{.NetworkSettings.IPv6Gateway}}") == "10.210.3.1 fd00:210::1"
    told = json.loads(moor.docker("network", "inspect", "bridge").stdout)[0]
    assert told["IPAM"]["Config"] == [{"Subnet": "10.210.3.0/24", "IPRange": "10.210.3.64/26", "Gateway": "10.210.3.1"},
                                      {"Subnet": "fd00:210::/64", "Gateway": "fd00:210::1"}]
    assert told["EnableIPv6"] and told["Options"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    shown = inside(moor, "first", "busybox", "ip", "addr", "show", "eth0")
    assert "mtu 1280" in shown and "inet6 fd00:210::2/64" in shown
    assert moor.docker("port", "first").stdout == "80/tcp -> 127.0.0.1:8080\n"
    assert "192.0.2.9\tup\n" in inside(moor, "first", "cat", "/etc/hosts")
    assert "1 packets received" in run("ping", "-6", "-c1", "-W3", "fd00:210::2").stdout
    settings('{"bip": "10.210.4.1/24"}')
    start(moor, busybox, "second")
    assert inspect(moor, "second", "{{.NetworkSettings.Gateway}}") == "10.210.3.1"
    moor.docker("rm", "-f", "first", "second")
    assert "inet 10.210.4.2/24" in run("ip", "addr", "show", "eth0").stdout
    # None at all; one that somebody else has made.
    settings('{"bridge": "none"}')
    assert re.findall(r"^\d+: (\w+)", run("ip", "link").stdout, re.M) == ["lo"]
    assert bridge not in netpeer.links() and f"table ip mooring-{bridge}" not in netpeer.nft_tables()
    assert "bridge" not in moor.docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    settings('{"bridge": "plant0"}')
    assert "bridge plant0 of daemon.json is not there" in run("true", code=125).stderr
    netpeer.ip("link", "add", "plant0", "type", "bridge")
    try:
        netpeer.ip("addr", "add", "10.210.5.1/24", "dev", "plant0")
        netpeer.ip("link", "set", "plant0", "up")
        settings("{}")
        start(moor, busybox, "third")
        settings('{"bridge": "plant0"}')
        assert "inet 10.210.5.2/24" in run("ip", "addr", "show", "eth0").stdout
        moor.docker("network", "ls")
        # Who was there before keeps its bridge and rules; then the rules go. So do those of a bridge that is gone.
        former, plant = f"table ip mooring-{bridge}", "table ip mooring-plant0"
        assert {"plant0", bridge} <= netpeer.links() and {former, plant} <= netpeer.nft_tables()
        moor.docker("rm", "-f", "third")
        run("true")
        assert plant in netpeer.nft_tables() and former not in netpeer.nft_tables()
    finally:
        netpeer.ip("link", "del", "plant0")
    settings("{}")
    run("true")
    assert former in netpeer.nft_tables() and plant not in netpeer.nft_tables()
    for text, words in (('{"bip": "10.1.1.0/24"}', "bip: not the address of a bridge"), ('{"mtu": 20}', "mtu: not from 68"),
                        ('{"fixed-cidr": "fd00::/64"}', "fixed-cidr: fd00::/64 is no IPv4 subnet"), ('{"ip": "x"}', "ip: x is no address"),
                        ('{"bip": "10.1.1.1/24", "fixed-cidr": "10.1.0.0/16"}', "fixed-cidr: not a part of bip"),
                        ('{"dns": ["x"]}', "dns: IP address is not correctly formatted: x"),
                        ('{"fixed-cidr": "10.1.0.0/30"}', "fixed-cidr is no part of the default network")):
        settings(text)
        moor.docker("network", "ls")
        if "default network" in text + words:
            netpeer.ip("link", "del", bridge)
        assert words in run("true", code=125).stderr, text


def test_usual_options(moor, busybox):
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        file.write('{"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "1290",'
                   '"com.docker.network.enable_ipv6": "true"}, "macvlan": {"x": "y"}}}')
    moor.docker("network", "create", "usual")
    told = json.loads(moor.docker("network", "inspect", "usual").stdout)[0]
    assert told["EnableIPv6"] and told["Options"] == {"com.docker.network.driver.mtu": "1290", "com.docker.network.enable_ipv6": "true"}
    moor.docker("network", "create", "--ipv6", "-o", "com.docker.network.driver.mtu=1233", "own")
    assert json.loads(moor.docker("network", "inspect", "own").stdout)[0]["Options"] == {"com.docker.network.driver.mtu": "1233"}
    assert "mtu 1290" in moor.docker("run", "--rm", "--network", "usual", busybox, "busybox", "ip", "link", "show", "eth0").stdout


def hear(pid, address, port, seconds=15):
    """What who is there says to the process's network; None where nobody is heard."""
    script = f"import socket; s = socket.create_connection(('{address}', {port}), {seconds}); print(s.recv(99).decode(), end='')"
    done = subprocess.run(["nsenter", "-t", str(pid), "-n", "/usr/bin/python3", "-c", script], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


@contextlib.contextmanager
def plant_and_office():
    """Two machines in networks of their own on both sides of this one: their pids. Each has the other's address 10.95.N.2."""
    machines = []
    try:
        for number in (1, 2):
            process = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo && exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            machines.append(process)
            assert process.stdout.readline() == b"\n"  # it is inside
            netpeer.ip("link", "add", f"side{number}", "type", "veth", "peer", "name", "wire", "netns", process.pid)
            netpeer.ip("addr", "add", f"10.95.{number}.1/24", "dev", f"side{number}")
            netpeer.ip("link", "set", f"side{number}", "up")
            subprocess.run(["nsenter", "-t", str(process.pid), "-n", "sh", "-ec", f"ip link set lo up; ip addr add 10.95.{number}.2/24 dev wire; ip link set wire up;"
                            f"ip route add default via 10.95.{number}.1"], check=True)
        yield [process.pid for process in machines]
    finally:
        for number in (1, 2):
            subprocess.run(["ip", "link", "del", f"side{number}"], capture_output=True)
        for process in machines:
            process.stdin.close()
            process.stdout.close()
            process.wait()


def test_a_machine_that_does_not_forward(moor, busybox):
    """Becomes one that forwards for containers, and not for its neighbours among each other, as with dockerd; unless it did before."""
    forward = "/proc/sys/net/ipv4/ip_forward"
    with open(forward) as file:
        before = file.read()

    def settings(text, value):
        moor.docker("rm", "-f", "c", code=None)
        moor.docker("network", "rm", "far", code=None)
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            file.write(text)
        with open(forward, "w") as file:
            file.write(value)
        netpeer.nft("delete", "table", "ip", "filter", code=None)
        moor.docker("network", "create", "-o", "com.docker.network.bridge.name=br-far", "far")
        start(moor, busybox, "c", "--network", "far", "-p", "8080:80", command=("busybox", "nc", "-ll", "-p", "80", "-e", "echo", "served"))

    with plant_and_office() as (plant, office):
        listener = subprocess.Popen(["nsenter", "-t", str(office), "-n", "busybox", "nc", "-ll", "-p", "80", "-e", "echo", "office"])
        try:
            wait_until(lambda: hear(office, "10.95.2.2", 80) == "office\n", "the office to listen")
            for text, value, after, is_passed in (("{}", "0", "1", False), ('{"ip-forward-no-drop": true}', "0", "1", True),
                                                  ('{"ip-forward": false}', "0", "0", False), ("{}", "1", "1", True)):
                settings(text, value)
                with open(forward) as file:
                    assert file.read().strip() == after, text
                assert hear(plant, "10.95.2.2", 80, 15 if is_passed else 0.5) == ("office\n" if is_passed else None), text
                if not is_passed and after == "1":  # bridged packets may be shown to that chain, too
                    moor.docker("network", "create", "--internal", "in")
                    moor.docker("network", "connect", "in", "c")
                    assert can_ping(moor, busybox, "in", "c")
                if after == "1":
                    assert hear(plant, "10.95.1.1", 8080) == "served\n", text  # a published port
                    address = address_of(moor, "c", "far")
                    assert hear(plant, address, 80, 0.5) is None
                    assert moor.docker("run", "--rm", "--network", "far", busybox, "busybox", "nc", "-w", "5", "10.95.2.2", "80").stdout == "office\n"
            # Whoever turned it off, and whenever: it does not come back open, nor does that cut off networks of before.
            settings("{}", "1")
            for text in ("{}", '{"bridge": "br-own"}'):
                if "own" in text:
                    netpeer.ip("link", "add", "br-own", "type", "bridge")
                    netpeer.ip("addr", "add", "10.96.0.1/24", "dev", "br-own")
                    netpeer.ip("link", "set", "br-own", "up")
                    netpeer.nft("delete", "table", "ip", "filter")
                with open(os.path.join(moor.config, "daemon.json"), "w") as file:
                    file.write(text)
                with open(forward, "w") as file:
                    file.write("0")
                start(moor, busybox, "d")
                with open(forward) as file:
                    assert file.read() == "1\n", text
                assert hear(plant, "10.95.2.2", 80, 0.5) is None, text
                for name in ("c", "d"):
                    assert inside(moor, name, "busybox", "nc", "-w", "5", "10.95.2.2", "80") == "office\n", (text, name)
                moor.docker("rm", "-f", "d")
        finally:
            listener.kill()
            listener.wait()
            subprocess.run(["ip", "link", "del", "br-own"], capture_output=True)
            netpeer.nft("delete", "table", "ip", "mooring-br-own", code=None)
            settings("{}", before)
            moor.docker("rm", "-f", "c", "d", code=None)
            netpeer.nft("delete", "table", "ip", "filter", code=None)


def test_forwarding_of_the_second_family(moor, busybox):
    """IPv6's as IPv4's: where it was turned off meanwhile, what is turned on again is for containers alone."""
    forward = "/proc/sys/net/ipv6/conf/all/forwarding"
    with open(forward) as file:
        before = file.read()
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "six")
    try:
        netpeer.nft("delete", "table", "ip6", "filter", code=None)
        for name, value in (("a", "1"), ("b", "0")):
            with open(forward, "w") as file:
                file.write(value)
            start(moor, busybox, name, "--network", "six")
        with open(forward) as file:
            assert file.read() == "1\n"
        assert "policy drop" in netpeer.nft("list", "chain", "ip6", "filter", "FORWARD")
    finally:
        moor.docker("rm", "-f", "a", "b", code=None)
        moor.docker("network", "rm", "six")
        with open(forward, "w") as file:
            file.write(before)
        netpeer.nft("delete", "table", "ip6", "filter", code=None)


def test_leaving_none(moor, busybox):
    """Who has left the network none can join others, and come back when it is in no other."""
    private = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
    moor.docker("network", "create", "net")
    start(moor, busybox, "off", "--network", "none")
    assert private in moor.docker("network", "connect", "net", "off", code=1).stderr
    moor.docker("network", "disconnect", "none", "off")
    assert networks_of(moor, "off") == [] and inspect(moor, "off", "{{.HostConfig.NetworkMode}}") == "none"
    assert "is not connected to network none" in moor.docker("network", "disconnect", "none", "off", code=1).stderr
    moor.docker("create", "--name", "made", busybox)
    for arguments, said in [(("nonet", "made"), "is not connected to the network nonet"), (("net", "made"), "is not connected to the network net"),
                            (("-f", "net", "nope"), "endpoint nope not found"), (("-f", "nonet", "nope"), "network nonet not found"),
                            (("net", "nope"), "No such container: nope"), (("-f", "nonet", "off"), "network nonet not found")]:
        assert said in moor.docker("network", "disconnect", *arguments, code=1).stderr
    moor.docker("network", "connect", "net", "off")
    assert f"inet {address_of(moor, 'off', 'net')}/" in inside(moor, "off", "busybox", "ip", "addr", "show", "eth0")
    assert private in moor.docker("network", "connect", "none", "off", code=1).stderr
    moor.docker("restart", "-t", "0", "off")
    assert networks_of(moor, "off") == ["net"] and "inet " in inside(moor, "off", "busybox", "ip", "addr", "show", "eth0")
    moor.docker("network", "disconnect", "net", "off")
    moor.docker("network", "connect", "none", "off")
    assert networks_of(moor, "off") == ["none"]


def test_joining_none(moor, busybox):
    """Who has left all networks can join none, running or not, and leave it for another."""
    private = "container cannot be connected to multiple networks with one of the networks in private (none) mode"

    def shown(name):
        return moor.docker("ps", "-a", "-f", f"name={name}", "--format", "{{.Networks}}").stdout.strip()

    moor.docker("network", "create", "net")
    start(moor, busybox, "on", "--network", "net")
    moor.docker("create", "--name", "made", busybox, "sleep", "60")
    start(moor, busybox, "hosts", "--network", "host")
    for name, network in (("on", "net"), ("made", "bridge")):
        moor.docker("network", "disconnect", network, name)
        assert networks_of(moor, name) == [] and shown(name) == ""
        moor.docker("network", "connect", "none", name)
        assert networks_of(moor, name) == ["none"] and shown(name) == "none"
        assert private in moor.docker("network", "connect", "net", name, code=1).stderr
        assert private in moor.docker("network", "connect", "none", name, code=1).stderr
        assert moor.docker("ps", "-aq", "-f", "network=none", "-f", f"name={name}").stdout
    moor.docker("start", "made")
    assert networks_of(moor, "made") == ["none"]
    assert "eth" not in inside(moor, "made", "busybox", "ip", "addr")
    moor.docker("network", "disconnect", "none", "made")
    moor.docker("network", "connect", "bridge", "made")
    assert f"inet {address_of(moor, 'made', 'bridge')}/" in inside(moor, "made", "busybox", "ip", "addr", "show", "eth0")
    assert private in moor.docker("network", "connect", "none", "hosts", code=1).stderr


def test_networks_without_the_host(moor, busybox):
    """Where the bridge has no address nobody's is kept for it: two containers are a network of /31."""
    def create(*words, code=0):
        done = moor.docker("network", "create", *words, code=code)
        return done.stderr if code else json.loads(moor.docker("network", "inspect", words[-1]).stdout)[0]["IPAM"]["Config"]

    mode = "com.docker.network.bridge.gateway_mode_ipv"
    assert "can only be used for an internal network" in create("-o", f"{mode}4=isolated", "x", code=1)
    for name, option in (("apart", f"{mode}4=isolated"), ("silent", "com.docker.network.bridge.inhibit_ipv4=true")):
        assert create("--internal", "-o", option, "-o", f"com.docker.network.bridge.name=br-{name}", "--subnet", "192.168.135.0/31",
                      name) == [{"Subnet": "192.168.135.0/31"}]
        start(moor, busybox, name, "--network", name)
        assert netpeer.ip("-j", "-4", "addr", "show", "dev", f"br-{name}").stdout.count("192.168") == 0
        assert can_ping(moor, busybox, name, name)
        # The host has other addresses, and answers whoever knows the way: not those who are apart.
        pid = inspect(moor, name, "{{.State.Pid}}")
        listener = subprocess.Popen(["busybox", "nc", "-ll", "-p", "9095", "-e", "echo", "host"])
        try:
            wait_until(lambda: hear(os.getpid(), "127.0.0.1", 9095) == "host\n", "the host to listen")
            netpeer.ip("addr", "add", "10.95.3.1/32", "dev", "lo")
            netpeer.ip("route", "add", "192.168.135.0/31", "dev", f"br-{name}")
            subprocess.run(["nsenter", "-t", pid, "-n", "ip", "route", "add", "10.95.3.1", "dev", "eth0"], check=True)
            assert hear(pid, "10.95.3.1", 9095, 15 if name == "silent" else 0.5) == ("host\n" if name == "silent" else None)
        finally:
            subprocess.run(["ip", "addr", "del", "10.95.3.1/32", "dev", "lo"], capture_output=True)
            listener.kill()
            listener.wait()
        moor.docker("rm", "-f", name)
        moor.docker("network", "rm", name)
    assert create("--ipv6", "--internal", "-o", f"{mode}6=isolated", "-o", "com.docker.network.container_iface_prefix=plant", "six")[1].keys() == {"Subnet"}
    assert re.findall(r"^\d+: (\w+)", moor.docker("run", "--rm", "--network", "six", busybox, "busybox", "ip", "link").stdout, re.M) == ["lo", "plant0"]
    # Of a range docker takes the first address for the bridge.
    assert create("--subnet", "172.28.0.0/16", "--ip-range", "172.28.5.0/24", "part")[0]["Gateway"] == "172.28.5.0"
    assert "inet 172.28.5.1/16" in moor.docker("run", "--rm", "--network", "part", busybox, "busybox", "ip", "addr").stdout


def test_addresses_are_told_to_neighbours(moor, busybox):
    """Who gets an address that was another's, with another hardware address, is reached at once; unless that is not wanted."""
    number = "com.docker.network.advertise_addr_nmsgs"
    for option, words in ((f"{number}=4", "must be in the range 0 to 3"), (f"{number}=x", f'value for option {number} "x" must be an integer'),
                          ("com.docker.network.advertise_addr_ms=99", "must be in the range 100 to 2000")):
        assert words in moor.docker("network", "create", "-o", option, "x", code=1).stderr
    for name, option, is_told in (("told", f"{number}=1", True), ("mute", f"{number}=0", False)):
        moor.docker("network", "create", "--ipv6", "--subnet", "10.94.0.0/24", "--subnet", "fd00:94::/64", "-o", option, name)
        fixed = ("--network", name, "--ip", "10.94.0.22", "--ip6", "fd00:94::22")
        start(moor, busybox, "one", "--network", name)
        start(moor, busybox, "two", *fixed, "--mac-address", "02:42:00:00:00:01")
        for family, address in (("-4", "10.94.0.22"), ("-6", "fd00:94::22")):
            inside(moor, "one", "busybox", "ping", family, "-c1", "-W3", address)
        moor.docker("rm", "-f", "two")

        def known():
            return dict(re.findall(r"(\S+::?\S*22|10.94.0.22) dev eth0 lladdr (\S+)", inside(moor, "one", "busybox", "ip", "neigh")))

        assert set(known().values()) == {"02:42:00:00:00:01"} and len(known()) == 2
        start(moor, busybox, "two", *fixed, "--mac-address", "02:42:00:00:00:02")
        if is_told:
            wait_until(lambda: set(known().values()) == {"02:42:00:00:00:02"}, "the neighbour to know both addresses")
        else:
            assert inside(moor, "two", "cat", "/proc/sys/net/ipv4/conf/eth0/arp_notify", "/proc/sys/net/ipv6/conf/eth0/ndisc_notify") == "0\n0\n"
        moor.docker("rm", "-f", "one", "two")
        moor.docker("network", "rm", name)


def test_configuration_networks(moor, busybox):
    def create(*words, code=0):
        done = moor.docker("network", "create", *words, code=code)
        return done.stderr if code else json.loads(moor.docker("network", "inspect", words[-1]).stdout)[0]

    told = create("--config-only", "--subnet", "10.92.0.0/16", "--gateway", "10.92.0.9", "--label", "a=b", "-o",
                  "com.docker.network.driver.mtu=1233", "conf")
    assert told["ConfigOnly"] and told["Driver"] == "null" and told["ConfigFrom"] == {"Network": ""}
    told = create("--config-from", "conf", "--internal", "made")
    assert not told["ConfigOnly"] and told["ConfigFrom"] == {"Network": "conf"} and told["Driver"] == "bridge" and told["Internal"]
    assert told["IPAM"]["Config"] == [{"Subnet": "10.92.0.0/16", "Gateway": "10.92.0.9"}]
    assert told["Labels"] == {"a": "b"} and told["Options"] == {"com.docker.network.driver.mtu": "1233"}
    shown = moor.docker("run", "--rm", "--network", "made", busybox, "busybox", "ip", "addr", "show", "eth0").stdout
    assert "mtu 1233" in shown and "inet 10.92.0.1/16" in shown
    assert "cannot create endpoint on configuration-only network" in moor.docker("run", "--rm", "--network", "conf", busybox, "true",
                                                                                 code=125).stderr
    assert 'configuration network "conf" is in use' in moor.docker("network", "rm", "conf", code=1).stderr
    assert "operator fields" in create("--config-only", "--internal", "x", code=1)
    assert "cannot depend on another" in create("--config-only", "--config-from", "conf", "x", code=1)
    for words in (["--subnet", "10.93.0.0/16"], ["--ipv6"], ["--label", "a=b"], ["-o", "a=b"]):
        assert "user specified configurations are not supported" in create("--config-from", "conf", *words, "x", code=1)
    for name in ("nosuch", "made"):
        assert f'configuration network "{name}" does not exist' in create("--config-from", name, "x", code=1)
    moor.docker("network", "rm", "made")
    moor.docker("network", "prune", "-f")
    moor.docker("network", "rm", "conf")
    assert create("--config-only", "empty")["IPAM"]["Config"] == []
    assert create("--config-from", "empty", "made")["IPAM"]["Config"][0]["Subnet"]


def test_ipv6_and_mtu(moor, busybox):
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:77::/64", "-o", "com.docker.network.driver.mtu=1300",
                "six")
    start(moor, busybox, "s", "--network", "six", "--ip6", "fd00:77::99")
    shown = inside(moor, "s", "busybox", "ip", "addr", "show", "eth0")
    assert "fd00:77::99/64" in shown and "mtu 1300" in shown
    pinged = moor.docker("run", "--rm", "--network", "six", busybox, "busybox", "ping", "-6", "-c1", "-W3", "s").stdout
    assert "1 packets received" in pinged
    start(moor, busybox, "four")
    assert "inet6" not in inside(moor, "four", "busybox", "ip", "addr", "show", "eth0")
    # A member that is without IPv6 has no address, no name, and no lease of it; also where it comes later.
    start(moor, busybox, "without", "--network", "six", "--sysctl", "net.ipv6.conf.all.disable_ipv6=1")
    moor.docker("network", "create", "--ipv6", "other")
    moor.docker("network", "connect", "other", "without")
    assert "inet6" not in inside(moor, "without", "busybox", "ip", "addr")
    assert inspect(moor, "without", "{{range .NetworkSettings.Networks}}[{{.GlobalIPv6Address}}]{{end}}") == "[][]"
    assert re.fullmatch(r"127.0.0.1\tlocalhost\n([\d.]+\t[0-9a-f]{12}\n)+", inside(moor, "without", "cat", "/etc/hosts"))
    asked = moor.docker("exec", "s", "busybox", "ping", "-6", "-c1", "-W3", "without", code=1)
    assert "bad address" in asked.stderr
    assert "1 packets received" in inside(moor, "s", "busybox", "ping", "-4", "-c1", "-W3", "without")


def test_link_local_subnets(moor, busybox):
    """Addresses from fe80::/10 are given, found by name, and reached, as docker's bridges have it."""
    for number, subnet in enumerate(("fe80::/64", "fe80:1234::/64")):
        name = f"local{number}"
        moor.docker("network", "create", "--ipv6", "--subnet", subnet, *(["--internal"] if number else []), name)
        start(moor, busybox, f"m{number}", "--network", name)
        address = inspect(moor, f"m{number}", f"{{{{.NetworkSettings.Networks.{name}.GlobalIPv6Address}}}}")
        assert address == subnet.replace("/64", "2")
        for target in (f"m{number}", f"{address}%eth0"):
            assert "1 packets received" in moor.docker("run", "--rm", "--init", "--network", name, busybox, "busybox", "ping", "-6",
                                                       "-c1", "-W3", target).stdout


def test_a_container_is_no_router(moor, busybox):
    """Router advertisements of containers mean nothing to the host (CVE-2020-13401)."""
    moor.docker("network", "create", "--ipv6", "ra")
    start(moor, busybox, "r", "--network", "ra")
    start(moor, busybox, "d")
    bridges = [link for link in netpeer.links() if link.startswith(("br-", "mrg-"))]
    assert len(bridges) == 2
    for bridge in bridges:
        with open(f"/proc/sys/net/ipv6/conf/{bridge}/accept_ra") as value:
            assert value.read() == "0\n"


@pytest.mark.parametrize("network", ["bridge", "user"])
def test_kill_9_leaves_nothing(moor, busybox, network):
    moor.docker("network", "create", "user")
    before = netpeer.links()
    start(moor, busybox, "k", "--network", network, "-p", "18077:80")
    first, init = address_of(moor, "k", network), int(inspect(moor, "k", "{{.State.Pid}}"))
    os.kill(monitor_of(moor, "k"), signal.SIGKILL)
    wait_until(lambda: "18077" not in netpeer.nft("list", "ruleset"), "what it published to go with its monitor")
    assert "18077" not in moor.docker("port", "k").stdout + moor.docker("ps").stdout
    os.kill(init, signal.SIGKILL)
    wait_until(lambda: inspect(moor, "k", "{{.State.Running}}") == "false", "the container to count as ended")
    start(moor, busybox, "next", "--network", network, "-p", "18077:80")
    assert address_of(moor, "next", network) == first
    moor.docker("rm", "-f", "k", "next")
    wait_until(lambda: {link for link in netpeer.links() - before if link.startswith(("br-", "veth"))} == set(),
               "links to go")
    assert leases(moor) == []


def test_two_stores(moor, busybox, busybox_tar, tmp_path):
    other = world.Mooring(tmp_path / "other")
    other.docker("load", "-i", busybox_tar)
    try:
        for store in (moor, other):
            store.docker("network", "create", "same")
            start(store, busybox, "one", "--network", "same")
            start(store, busybox, "two")
        assert address_of(moor, "one", "same") != address_of(other, "one", "same")
        assert inspect(moor, "two", "{{.NetworkSettings.Gateway}}") != inspect(other, "two",
                                                                              "{{.NetworkSettings.Gateway}}")
        assert not can_ping(other, busybox, "same", address_of(moor, "one", "same"))
    finally:
        other.clean_up()
    assert can_ping(moor, busybox, "same", "one")


def test_macvlan(moor, busybox):
    with netpeer.neighbour() as peer:
        moor.docker("network", "create", "-d", "macvlan", "--subnet", "10.213.77.0/24", "--gateway", netpeer.PEER, "-o",
                    "parent=wire0", "lan")
        start(moor, busybox, "m", "--network", "lan", "--ip", "10.213.77.50", "-p", "18078:80")
        assert moor.docker("port", "m").stdout == ""  # there is nothing to publish it by yet
        assert "inet6" not in inside(moor, "m", "busybox", "ip", "addr", "show", "eth0")  # CVE-2024-32473
        assert "1 packets received" in inside(moor, "m", "busybox", "ping", "-c1", "-W2", netpeer.PEER)
        assert peer.run("/bin/busybox", "ping", "-c1", "-W2", "10.213.77.50", check=False).returncode == 0
        moor.docker("network", "disconnect", "lan", "m")
        moor.docker("network", "connect", "bridge", "m")
        assert moor.docker("port", "m").stdout.splitlines() == ["80/tcp -> 0.0.0.0:18078", "80/tcp -> [::]:18078"]
        moor.docker("network", "create", "-d", "macvlan", "--subnet", "10.3.0.0/24", "orphan")
        refused = moor.docker("run", "--rm", "--network", "orphan", busybox, "true", code=125).stderr
        assert "create it with -o parent=DEVICE" in refused
        moor.docker("rm", "-f", "m")


def test_reset_spares_who_runs(moor, busybox):
    start(moor, busybox, "m")
    refused = moor.mooring("network-reset", code=1).stderr
    assert "in use" in refused and inspect(moor, "m", "{{.Id}}")[:12] in refused
    moor.docker("rm", "-f", "m")
    moor.mooring("network-reset")


def test_first_containers_at_once(moor, busybox):
    """Nobody has made the default bridge yet; who comes second uses what the first one made."""
    for _ in range(5):
        docker = os.path.join(moor.names, "docker")
        started = [moor.start(docker, "run", "--rm", busybox, "true") for _ in range(6)]
        assert [(process.communicate()[1], process.returncode) for process in started] == [("", 0)] * 6
        moor.mooring("network-reset")
