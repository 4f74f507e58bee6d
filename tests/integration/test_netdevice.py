# SPDX-License-Identifier: Apache-2.0
"""linux.netDevices: devices of the host's that become the container's. The host is a network namespace of
the test's own, so that nothing of the machine's network is touched."""

import json
import os
import subprocess

import pytest

import world
from attack import with_user_namespace
from bundle import PROGRAM


class Host:
    """A network namespace, held by a process until the test is over."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
        own = os.stat("/proc/self/ns/net").st_ino
        world.wait_until(lambda: os.stat(f"/proc/{self.process.pid}/ns/net").st_ino != own, "a network namespace")

    def command(self, *argv):
        return ["nsenter", "--net", f"--target={self.process.pid}", *argv]

    def ip(self, *words):
        return subprocess.run(self.command("ip", "-json", *words), check=True, stdout=subprocess.PIPE, text=True).stdout

    def names(self):
        return {link["ifname"] for link in json.loads(self.ip("link"))}

    def end(self):
        self.process.communicate(timeout=10)


@pytest.fixture
def host():
    host = Host()
    host.ip("link", "add", "port0", "type", "veth", "peer", "name", "peer0")
    yield host
    host.end()


def run(bundle, host, devices, script, code=0):
    bundle.config["linux"]["netDevices"] = devices
    bundle.config["process"]["args"] = ["sh", "-c", script]
    bundle.write()
    return bundle.moor.run(*host.command(PROGRAM, "--root", os.path.join(bundle.moor.run_dir, "runc"), "run",
                                         "--bundle", bundle.path, bundle.id), code=code)


@pytest.mark.parametrize("is_user", [False, True])
def test_moved_with_its_addresses(bundle, host, is_user):
    """Permanent global addresses go with it; what is temporary, of the link or another device's stays away."""
    if is_user:
        with_user_namespace(bundle)
    for words in ("192.0.2.1/24 broadcast 192.0.2.255", "192.0.2.7/24", "2001:db8::7/64 nodad",
                  "198.51.100.1 peer 198.51.100.2", "203.0.113.5/24 valid_lft 1000 preferred_lft 1000",
                  "192.0.2.9/32 scope link"):
        host.ip("address", "add", *words.split(), "dev", "port0")
    host.ip("address", "add", "192.0.2.99/24", "dev", "peer0")
    host.ip("link", "set", "peer0", "up")
    host.ip("link", "set", "port0", "up")
    output = run(bundle, host, {"port0": {"name": "eth7"}}, "ip address show dev eth7; ls /sys/class/net").stdout
    assert "<BROADCAST,MULTICAST,UP,LOWER_UP" in output and output.endswith("\neth7\nlo\n")
    for text in ("inet 192.0.2.1/24 brd 192.0.2.255 scope global", "inet 192.0.2.7/24", "inet6 2001:db8::7/64",
                 "inet 198.51.100.1 peer 198.51.100.2/32"):
        assert text in output, output
    for text in ("203.0.113.5", "192.0.2.9/", "192.0.2.99"):
        assert text not in output, output
    # A veth does not come back: it ends with the namespace, and its peer too.
    world.wait_until(lambda: host.names() == {"lo"}, "the devices to end")


def test_names(bundle, host):
    """Without a name it keeps its own; "%d" is the first free number; many at once."""
    for number in (1, 2):
        host.ip("link", "add", f"port{number}", "type", "veth", "peer", "name", f"peer{number}")
    output = run(bundle, host, {"port0": {}, "port1": {"name": "net%d"}, "port2": {"name": "net%d"}},
                 "ls /sys/class/net; ip link show up | grep -c net").stdout
    assert output == "lo\nnet0\nnet1\nport0\n2\n"


def test_create_and_start(bundle, host):
    bundle.config["linux"]["netDevices"] = {"port0": {"name": "eth0"}}
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    subprocess.run(host.command(PROGRAM, "--root", os.path.join(bundle.moor.run_dir, "runc"), "create", "--bundle",
                                bundle.path, bundle.id), check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL)
    assert host.names() == {"lo", "peer0"}
    pid = bundle.state()["pid"]
    found = subprocess.run(["nsenter", "--net", f"--target={pid}", "ip", "-json", "link"], check=True,
                           stdout=subprocess.PIPE).stdout
    assert {link["ifname"] for link in json.loads(found)} == {"lo", "eth0"}


@pytest.mark.parametrize("devices,message", [
    ({"missing0": {}}, "network device missing0 (inside: missing0): find it: No such device"),
    ({"port0": {"name": "lo"}}, "network device port0 (inside: lo): the container has a device of that name"),
    ({"lo": {"name": "lo1"}}, "network device lo (inside: lo1): move it: Invalid argument"),
    ({"port0": {"name": "a/b"}}, "invalid network device name"),
    ({"port0": {"name": "sixteen-bytes-xx"}}, "invalid network device name"),
    ({"port0": {"name": "a%db%d"}}, "invalid network device name"),
    ({"port0": 1}, "linux.netDevices"),
])
def test_refused(bundle, host, devices, message):
    result = run(bundle, host, devices, "true", code=1)
    assert message.lower() in result.stderr.lower() and result.stderr.count("\n") == 1
    assert {"lo", "port0", "peer0"} <= host.names()


def test_needs_a_network_namespace(bundle, host):
    bundle.config["linux"]["namespaces"] = [item for item in bundle.config["linux"]["namespaces"]
                                            if item["type"] != "network"]
    result = run(bundle, host, {"port0": {}}, "true", code=1)
    assert "unable to move network devices without a private NET namespace" in result.stderr
