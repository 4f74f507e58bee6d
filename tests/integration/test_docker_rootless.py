# SPDX-License-Identifier: Apache-2.0
"""docker of an ordinary user who is in no group: a store, a user namespace and containers of its own."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

import leftovers
import netpeer
import ordinary
import world
from ordinary import FIRST, UID
from test_networks import leases
from world import wait_until

PROGRAMS = ["cli/mooring", "runtime/mooring-runc", "image/mooring-unpack", "registry/mooring-fetch", "engine/mooring-init",
            "engine/mooring-resolver", "engine/mooring-portproxy", "compose/mooring-compose"]
NO_NETWORK = ("--network", "none")


class DockerUser:
    """An ordinary user with our programs in its home, as the build tree's may lie where it cannot look."""

    def __init__(self, user):
        self.user = user
        self.programs = os.path.join(user.home, "programs")
        for name in PROGRAMS:
            os.makedirs(os.path.dirname(os.path.join(self.programs, name)), exist_ok=True)
            shutil.copy(os.path.join(world.BUILD, name), os.path.join(self.programs, name))
        os.makedirs(os.path.join(self.programs, "cli", "bin"))
        self.program = os.path.join(self.programs, "cli", "bin", "docker")
        os.symlink("../mooring", self.program)
        self.store = os.path.join(user.home, ".local/share/mooring")
        self.run_dir = os.path.join(user.run_dir, "mooring")
        # No gate here, even if the machine has one.
        self.env = {"MOORING_GATE": os.path.join(user.home, "no-gate")}

    def docker(self, *arguments, env=None, **options):
        return self.user.run(self.program, *arguments, env={**self.env, **(env or {})}, **options)

    def load(self, image, name="busybox:test"):
        path = image.save(os.path.join(self.user.home, "image.tar"), name)
        self.docker("load", "-i", path)
        return name

    def clean_up(self):
        ids = self.docker("ps", "-aq", code=None).stdout.split()
        if ids:
            self.docker("rm", "-f", *ids)


@pytest.fixture
def rootless():
    with ordinary.user() as user:
        rootless = DockerUser(user)
        yield rootless
        rootless.clean_up()


@pytest.fixture
def busybox(rootless):
    return rootless.load(world.Image())


def inspect(rootless, name, template):
    return rootless.docker("inspect", "-f", template, name).stdout.strip()


def test_a_life(rootless, busybox):
    """All verbs meet the same containers, though each is a process that finds the namespace anew."""
    out = rootless.docker("run", "--rm", *NO_NETWORK, busybox, "sh", "-c", "id -u; cat /proc/self/uid_map").stdout
    assert re.sub(" +", " ", out) == f"0\n 0 {UID} 1\n 1 {FIRST} 70000\n"
    identity = rootless.docker("run", "-d", *NO_NETWORK, "--name", "web", "-u", "1000", busybox, "sh", "-c",
                               "echo up; sleep 60").stdout.strip()
    assert rootless.docker("ps", "-q", "--no-trunc").stdout.strip() == identity
    wait_until(lambda: rootless.docker("logs", "web").stdout == "up\n", "its output")
    pid = inspect(rootless, "web", "{{.State.Pid}}")
    assert os.stat(f"/proc/{pid}").st_uid == FIRST + 999
    rootless.docker("stop", "-t", "0", "web")
    assert inspect(rootless, "web", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    rootless.docker("start", "web")
    rootless.docker("rm", "-f", "web")
    assert rootless.docker("ps", "-aq").stdout == "" and os.listdir(os.path.join(rootless.store, "containers")) == []


def test_a_member_of_docker_without_a_gate_gets_no_empty_store(rootless):
    """It would look as if root's containers were lost. Who names a store, and then has one, goes on with it."""
    rootless.user.more = 'echo "docker:x:$uid:" > /etc/group'
    refused = rootless.docker("ps", code=1).stderr
    assert refused.startswith("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.") and refused.count("\n") == 1
    assert f"set MOORING_ROOT={rootless.store}" in refused and not os.path.exists(rootless.store)
    assert rootless.docker("images", "-q", env={"MOORING_ROOT": rootless.store}).stdout == ""
    assert rootless.docker("images", "-q").stdout == "" and os.path.exists(rootless.store)


def namespace_of(rootless, name):
    return os.readlink(f"/proc/{inspect(rootless, name, '{{.State.Pid}}')}/ns/user")


def test_one_namespace_for_all(rootless, busybox):
    """Also for commands that begin at the same moment, when there is none yet."""
    # The user's table of ids is in a mount namespace that `user.run` makes: each command waits for its sign in one.
    go = os.path.join(rootless.user.home, "go")
    names = ["a", "b", "c", "d"]
    script = f"while [ ! -e {go} ]; do sleep 0.01; done; exec {rootless.program} run -d --network none --name $0 {busybox} sleep 60"
    started = [subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", ordinary.BECOME, "sh", rootless.user.home, str(UID),
         ":", "sh", "-c", script, name], env={**rootless.user.env, **rootless.env}, stdout=subprocess.DEVNULL) for name in names]
    open(go, "w").close()
    assert [process.wait(30) for process in started] == [0, 0, 0, 0]
    assert len({namespace_of(rootless, name) for name in names}) == 1
    # No command lives any more that could tell: the monitors do, also of a container that is between two lives.
    os.unlink(os.path.join(rootless.run_dir, "userns"))
    rootless.docker("run", "-d", *NO_NETWORK, "--name", "e", busybox, "sleep", "60")
    assert namespace_of(rootless, "e") == namespace_of(rootless, "a")


def test_files_belong_to_the_user(rootless, busybox):
    shared = os.path.join(rootless.user.home, "shared")
    os.mkdir(shared)
    os.chown(shared, UID, UID)
    rootless.docker("run", "--rm", *NO_NETWORK, "-v", f"{shared}:/s", busybox, "sh", "-c",
                    "touch /s/root; touch /s/other; chown 5:6 /s/other")
    assert os.stat(os.path.join(shared, "root")).st_uid == UID
    other = os.stat(os.path.join(shared, "other"))
    assert (other.st_uid, other.st_gid) == (FIRST + 4, FIRST + 5)
    # What only root may write stays so.
    owned = os.path.join(rootless.user.home, "owned")
    os.mkdir(owned, 0o755)
    refused = rootless.docker("run", "--rm", *NO_NETWORK, "-v", f"{owned}:/r", busybox, "sh", "-c", "touch /r/x", code=1)
    assert "denied" in refused.stderr.lower() and os.listdir(owned) == []


def test_layers_and_devices(rootless):
    """Whiteouts of a rootless store, and an image with owners and a device node."""
    import tarfile
    lower = world.busybox_layer()
    owned = tarfile.TarInfo("owned")
    owned.uid, owned.gid, owned.mode = 1000, 2000, 0o640
    device = tarfile.TarInfo("dev-null")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
    gone = tarfile.TarInfo("etc/.wh.group")
    opaque = tarfile.TarInfo("tmp/.wh..wh..opq")
    image = world.Image(layers=[lower, world.tar_bytes([("tmp/old", b"x")]),
                                world.tar_bytes([owned, device, gone, opaque, ("tmp/new", b"y")])])
    name = rootless.load(image, "layers:test")
    out = rootless.docker("run", "--rm", *NO_NETWORK, name, "sh", "-c", "stat -c '%u %g %a' /owned; ls /tmp; ls /etc").stdout
    assert out.split()[:4] == ["1000", "2000", "640", "new"] and "group" not in out.split()
    image = ("--mount", f"type=image,src={name},dst=/i")
    out = rootless.docker("run", "--rm", *NO_NETWORK, *image, name, "sh", "-c", "ls /i/tmp; touch /i/x 2>&1", code=1).stdout
    assert out.startswith("new\n") and "Read-only" in out


def test_host_network(rootless, busybox):
    """sysfs is the machine's then, and its control groups are out of reach (CVE-2023-25809)."""
    out = rootless.docker("run", "--rm", "--network", "host", busybox, "sh", "-c",
                          "cat /proc/net/dev | wc -l; mkdir /sys/fs/cgroup/x; echo > /sys/kernel/uevent_seqnum", code=None)
    assert int(out.stdout) >= 3 and out.stderr.count("Read-only") + out.stderr.count("denied") == 2


def test_pull(rootless, registry):
    name = f"{registry.address}/rootless/x:1"
    registry.push(world.Image(), "rootless/x", "1")
    rootless.docker("pull", "-q", name)
    assert rootless.docker("run", "--rm", *NO_NETWORK, name, "echo", "hi").stdout == "hi\n"
    assert rootless.docker("rmi", name).stdout.count("Deleted") > 0
    assert os.listdir(os.path.join(rootless.store, "layers")) == []


def test_restart_and_kill(rootless, busybox):
    rootless.docker("run", "-d", *NO_NETWORK, "--name", "again", "--restart", "always", busybox, "sh", "-c", "echo up; sleep 60")
    first = inspect(rootless, "again", "{{.State.Pid}}")
    os.kill(int(first), signal.SIGKILL)
    wait_until(lambda: inspect(rootless, "again", "{{.State.Pid}}") not in ("0", first), "the restart")
    rootless.docker("kill", "again")
    assert inspect(rootless, "again", "{{.State.Running}}") == "false"


def test_exec_of_what_ends_at_once(rootless, busybox):
    """Before its parent has looked at it: strace holds the parent up where the child is made."""
    rootless.docker("run", "-d", *NO_NETWORK, "--name", "up", "--init", "--oom-score-adj", "100", busybox, "sleep", "60")
    done = rootless.user.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone3", "-e", "inject=clone3:delay_exit=300000",
                             rootless.program, "exec", "up", "cat", "/proc/self/oom_score_adj", env=rootless.env)
    assert done.stdout == "100\n"


def test_limits_that_nobody_keeps(rootless, busybox):
    done = rootless.docker("run", "--rm", *NO_NETWORK, "-m", "16m", busybox, "true")
    assert done.stderr.startswith("WARNING: rootless containers have no control groups") and done.stderr.count("\n") == 1


def test_without_grants(rootless):
    """A system user such as ggc_user has none: the text that AWS's nucleus knows, and what may be done."""
    rootless.user.more = ": > /etc/subuid"
    refused = rootless.docker("ps", code=1)
    assert "Got permission denied while trying to connect to the Docker daemon socket" in refused.stderr
    assert "/etc/subuid" in refused.stderr
    assert not os.path.exists(rootless.store)


def test_namespaces_forbidden(rootless):
    """By the machine's settings: said with their names, nothing half-made."""
    refused = rootless.user.run("strace", "-qq", "-o", "/dev/null", "-e", "inject=unshare:error=ENOSPC", rootless.program, "ps",
                                env=rootless.env, code=1)
    assert "user.max_user_namespaces" in refused.stderr
    assert not os.path.exists(os.path.join(rootless.run_dir, "userns"))


def test_a_helper_that_refuses(rootless):
    """Grants that the kernel cannot map: the caller's own id among them."""
    rootless.user.more = f"echo mooringtest:{UID - 1}:10 > /etc/subgid"
    refused = rootless.docker("ps", code=1)
    assert "newgidmap refused rootless docker: see /etc/subgid" in refused.stderr
    assert not os.path.exists(os.path.join(rootless.run_dir, "userns"))


def test_others_cannot_use_it(rootless, busybox):
    """The store and what runs are the user's alone."""
    rootless.docker("run", "-d", *NO_NETWORK, "--name", "mine", busybox, "sleep", "60")
    pid = inspect(rootless, "mine", "{{.State.Pid}}")
    with contextlib.suppress(PermissionError):
        assert subprocess.run(["setpriv", "--reuid", "54321", "--clear-groups", "kill", "-0", pid], capture_output=True).returncode
    assert os.stat(rootless.run_dir).st_mode & 0o077 == 0
    # Without HOME nothing lies in /tmp, where others may have been before.
    without = ("env", "-u", "HOME", "-u", "XDG_RUNTIME_DIR", rootless.program)
    shown = rootless.user.run(*without, "info", "-f", "{{.DockerRootDir}}", env=rootless.env).stdout
    assert shown == rootless.store + "\n"


def test_directories_of_others(rootless, moor):
    """Whoever owns the run directory could put a door of his own there, at which attach hands him the user's terminal."""
    for place in (rootless.run_dir, rootless.store):
        os.makedirs(place, exist_ok=True)
        for owner, mode, text in ((54321, 0o755, "is somebody else's"), (UID, 0o757, "others may write to directory")):
            os.chown(place, owner, owner)
            os.chmod(place, mode)
            refused = rootless.docker("ps", code=1).stderr
            assert text in refused and place in refused and refused.count("\n") == 1
        os.chmod(place, 0o700)
    assert rootless.docker("ps", "-q").stdout == ""
    for place in (moor.run_dir, moor.root):  # nor root by those of a user
        os.makedirs(place, exist_ok=True)
        os.chown(place, UID, UID)
        assert f"{place} is somebody else's" in moor.docker("ps", code=1).stderr
        os.chown(place, 0, 0)


TUN = ("mkdir -p /dev/net; mknod $home/tun c 10 200 2>/dev/null; chmod 666 $home/tun; "
       "test -e /dev/net/tun || : > /dev/net/tun; mount --bind $home/tun /dev/net/tun")


WEB = ("sh", "-c", "busybox mkdir /w; echo served > /w/index.html; exec busybox httpd -f -p 80 -h /w")


def get(rootless, container, url, patience=5):
    """What a container that runs is served there."""
    return rootless.docker("exec", container, "busybox", "timeout", patience, "busybox", "wget", "-qO-", url, code=None).stdout.strip()


def test_network(rootless, busybox):
    """Without root the way out is slirp4netns: names of the host's, published ports; it ends with the last container."""
    rootless.user.more = TUN
    rootless.docker("run", "-d", "--name", "web", "-p", "127.0.0.1:18201:80", "-p", "18202:81/udp", busybox, *WEB)
    wait_until(lambda: netpeer.fetch("127.0.0.1", 18201, 1) == "served", "the port to lead to the container")
    assert rootless.docker("ps", "--format", "{{.Ports}}").stdout == "127.0.0.1:18201->80/tcp, 0.0.0.0:18202->81/udp, [::]:18202->81/udp\n"
    assert inspect(rootless, "web", "{{.NetworkSettings.IPAddress}}") == "172.17.0.2"
    assert "nameserver 10.0.2.3" in rootless.docker("exec", "web", "cat", "/etc/resolv.conf").stdout
    taken = rootless.docker("run", "--rm", "-p", "127.0.0.1:18201:80", busybox, "true", code=125).stderr
    assert re.search(r"on endpoint \w+ \([0-9a-f]{64}\): Bind for 127.0.0.1:18201 failed: port is already allocated", taken)
    linked = ("--link", "web:w", busybox, "busybox", "wget", "-qO-", "http://w/")
    assert rootless.docker("run", "--rm", *linked).stdout == "served\n"
    with netpeer.neighbour():
        pinged = rootless.docker("run", "--rm", busybox, "busybox", "wget", "-qO-", f"http://{netpeer.HOST}:18202/", code=1)
        assert "refused" in pinged.stderr  # the host was reached
    # What reads the containers' packets has no right but to ports, and sees nothing of the user's.
    slirp = slirps(rootless)[0].split()[1]
    told = status_of(slirp)
    assert told["CapEff"] == told["CapPrm"] == f"{1 << 10:016x}" and told["Seccomp"] == "2"
    assert set(os.listdir(f"/proc/{slirp}/root")) == {"etc", "run"}
    assert len(slirps(rootless)) == 1
    rootless.docker("rm", "-f", "web")
    wait_until(lambda: not slirps(rootless), "slirp4netns to end")
    assert netpeer.fetch("127.0.0.1", 18201, 1) is None


def status_of(process):
    with open(f"/proc/{process}/status") as status:
        return dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)


def test_no_tun(rootless, busybox):
    """The device is there, and not for the user: said before anything is made."""
    rootless.user.more = TUN.replace("666", "600")
    refused = rootless.docker("run", "--rm", busybox, "true", code=126).stderr
    assert "needs /dev/net/tun" in refused and refused.splitlines()[0].endswith("open it: Permission denied")
    assert rootless.docker("ps", "-aq").stdout == "" and not slirps(rootless)
    networks = os.path.join(rootless.run_dir, "networks")
    assert [name for _, _, names in os.walk(networks) for name in names] == ["lock"]
    assert rootless.docker("run", "--rm", *NO_NETWORK, busybox, "echo", "hi").stdout == "hi\n"


ECHO = """
import socket, threading
datagrams, server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
datagrams.bind(("", 9000))
server.bind(("", 9000))
server.listen(1024)
def serve():
    while True:
        datagrams.sendto(*datagrams.recvfrom(65000))
threading.Thread(target=serve, daemon=True).start()
print(flush=True)
while True:
    client, all = server.accept()[0], b""
    while part := client.recv(65536):
        all += part
    client.sendall(all[::-1])  # not before the client's end
    client.close()
"""


def asked_after(port):
    """The timers of what is connected to a port of the machine's."""
    return subprocess.run(["ss", "-6Htno", "sport", "=", f":{port}"], check=True, capture_output=True, text=True).stdout


def all_of(client):
    return b"".join(iter(lambda: client.recv(65536), b""))


def test_ports_at_ipv6(rootless, busybox):
    """As with dockerd: -p 18207:9000 is reached at ::1, too, by a program that is there as long as the container; whole
    connections and datagrams, to which what is asked answers, from the address that was asked."""
    rootless.user.more = TUN
    ports = ("-p", "18207:9000", "-p", "18207:9000/udp", "-p", "[::1]:18208:9000", "-p", "[::1]:18209:9001", "-p", "127.0.0.1:18209:9001")
    rootless.docker("network", "create", "--internal", "within")
    rootless.docker("run", "-d", "--init", "--name", "echo", *ports, busybox, "sleep", "600")
    assert rootless.docker("port", "echo").stdout.splitlines() == [
        "9000/tcp -> 0.0.0.0:18207", "9000/tcp -> [::]:18207", "9000/tcp -> [::1]:18208", "9000/udp -> 0.0.0.0:18207",
        "9000/udp -> [::]:18207", "9001/tcp -> 127.0.0.1:18209", "9001/tcp -> [::1]:18209"]
    taken = rootless.docker("run", "--rm", "-p", "[::1]:18208:80", busybox, "true", code=125).stderr
    assert "Bind for [::1]:18208 failed: port is already allocated" in taken
    with subprocess.Popen(["nsenter", "-t", inspect(rootless, "echo", "{{.State.Pid}}"), "-n", "/usr/bin/python3", "-c", ECHO],
                          stdout=subprocess.PIPE) as server, netpeer.neighbour() as peer:
        try:
            assert server.stdout.readline() == b"\n"
            netpeer.ip("addr", "add", f"{netpeer.HOST6}/64", "dev", "wire0", "nodad")
            text = os.urandom(3 << 20)
            for address, port in (("::1", 18207), ("::1", 18208), (netpeer.HOST6, 18207), ("127.0.0.1", 18207)):
                with socket.create_connection((address, port), 60) as client:
                    client.sendall(text)
                    client.shutdown(socket.SHUT_WR)
                    assert all_of(client) == text[::-1], (address, port)
            # Nobody listens in there: a connection is reset, and no more than it.
            with pytest.raises(ConnectionResetError), socket.create_connection(("::1", 18209), 60) as client:
                all_of(client)
            # Who vanishes without a word does not keep his connection for ever.
            with socket.create_connection(("::1", 18208), 60) as client:
                client.sendall(b"a")
                waiting = wait_until(lambda: re.search(r"timer:.*", asked_after(18208)), "the connection to be asked after")
                assert waiting[0].startswith("timer:(keepalive,1")
            # More than are served at a time: the others wait.
            clients = [socket.create_connection(("::1", 18208), 60) for _ in range(600)]
            for client in clients:
                client.shutdown(socket.SHUT_WR)
            for client in clients:
                assert all_of(client) == b""
                client.close()
            for client_address in ("::1", netpeer.HOST6):
                with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as client:
                    client.settimeout(60)
                    client.connect((client_address, 18207))
                    for word in (b"", b"hello", bytes(40000)):
                        client.send(word)
                        assert client.recv(65000) == word
            # Whatever network it is in now.
            rootless.docker("network", "create", "own")
            rootless.docker("network", "connect", "own", "echo")
            rootless.docker("network", "disconnect", "bridge", "echo")
            with socket.create_connection(("::1", 18207), 60) as client:
                client.sendall(b"abc")
                client.shutdown(socket.SHUT_WR)
                assert all_of(client) == b"cba"
        finally:
            server.kill()
    # What is slow to end does not keep the port from who comes next.
    os.kill(int(proxies(rootless)[0].split()[1]), signal.SIGSTOP)
    rootless.docker("restart", "-t", "0", "echo")
    assert len(proxies(rootless)) == 1 and "[::1]:18208" in rootless.docker("port", "echo").stdout
    # Published later, where there was no way out.
    rootless.docker("run", "-d", "--init", "--name", "late", "--network", "within", "-p", "[::1]:18210:80", busybox, *WEB)
    assert len(proxies(rootless)) == 1
    rootless.docker("network", "connect", "own", "late")
    wait_until(lambda: netpeer.fetch("::1", 18210, 1) == "served", "the port to lead to the container")
    assert len(proxies(rootless)) == 2
    for proxy in proxies(rootless):
        told = status_of(proxy.split()[1])
        assert {told[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
        assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2" and str(UID) not in told["Uid"].split()
    rootless.docker("network", "disconnect", "own", "late")
    wait_until(lambda: len(proxies(rootless)) == 1, "its program to end")
    kill_monitor(rootless, "echo")
    wait_until(lambda: not proxies(rootless), "the program to end")
    rootless.docker("rm", "-f", "echo", "late")


def proxies(rootless):
    return [text for text in leftovers.processes_naming(rootless.user.home) if "mooring-portproxy" in text]


def test_connect_and_disconnect(rootless, busybox):
    """Of containers that run: names, addresses and ports go over, also of one that had no way out."""
    rootless.user.more = TUN
    rootless.docker("network", "create", "own")
    rootless.docker("network", "create", "--internal", "within")
    rootless.docker("run", "-d", "--name", "web", "-p", "127.0.0.1:18205:80", busybox, *WEB)
    rootless.docker("run", "-d", "--name", "late", "--network", "within", "-p", "127.0.0.2:18205:80", busybox, *WEB)
    rootless.docker("run", "-d", "--name", "ask", "--init", "--network", "own", busybox, "sleep", "60")
    wait_until(lambda: netpeer.fetch("127.0.0.1", 18205, 1) == "served", "the port to lead to the container")
    assert netpeer.fetch("127.0.0.2", 18205, 1) is None
    rootless.docker("network", "connect", "--alias", "there", "own", "web")
    rootless.docker("network", "connect", "own", "late")
    assert [get(rootless, "ask", f"http://{name}/") for name in ("web", "there", "late")] == ["served"] * 3
    assert netpeer.fetch("127.0.0.2", 18205) == "served"
    assert rootless.docker("ps", "--filter", "name=late", "--format", "{{.Ports}}").stdout == "127.0.0.2:18205->80/tcp\n"
    rootless.docker("network", "disconnect", "bridge", "web")  # its ports go the other way
    assert netpeer.fetch("127.0.0.1", 18205) == "served" and get(rootless, "ask", "http://there/") == "served"
    # At the address that the network publishes at, where -p names none; without a way out nobody listens.
    rootless.docker("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.3", "zz-near")
    rootless.docker("run", "-d", "--name", "moved", "--network", "own", "-p", "18206:80", busybox, *WEB)
    wait_until(lambda: netpeer.fetch("127.0.0.1", 18206, 1) == "served", "the port to lead to the container")
    rootless.docker("network", "connect", "zz-near", "moved")
    rootless.docker("network", "disconnect", "own", "moved")
    assert rootless.docker("port", "moved").stdout == "80/tcp -> 127.0.0.3:18206\n" and not netpeer.fetch("::1", 18206, 1)
    assert netpeer.fetch("127.0.0.3", 18206) == "served" and not netpeer.fetch("127.0.0.1", 18206, 1)
    rootless.docker("network", "disconnect", "zz-near", "moved")
    with socket.socket() as probe:  # connections that have ended linger
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("0.0.0.0", 18206))
    rootless.docker("network", "connect", "own", "moved")
    assert rootless.docker("port", "moved").stdout == "80/tcp -> 0.0.0.0:18206\n80/tcp -> [::]:18206\n"
    assert netpeer.fetch("127.0.0.1", 18206) == netpeer.fetch("::1", 18206) == "served"
    rootless.docker("rm", "-f", "moved")
    rootless.docker("network", "disconnect", "own", "late")
    assert not netpeer.fetch("127.0.0.2", 18205, 1)
    assert rootless.docker("exec", "late", "ls", "/sys/class/net").stdout.split() == ["eth0", "lo"]
    held = leases(rootless)
    rootless.docker("run", "--network", "own", busybox, "nosuch", code=127)
    refused = rootless.docker("run", "--rm", "--network", "own", "--network", "name=within,driver-opt=com.docker.network.endpoint."
                              "sysctls=net.ipv4.conf.IFNAME.nosuch=1", busybox, "true", code=125).stderr
    assert "nosuch is not a sysctl of eth1" in refused and len(held) == 3 and leases(rootless) == held
    again = rootless.docker("network", "connect", "own", "web", code=1).stderr
    assert "endpoint with name web already exists in network own" in again
    shown = inspect(rootless, "web", "{{range $name, $of := .NetworkSettings.Networks}}{{$name}} {{$of.IPAddress}};{{end}}")
    assert shown.startswith("own 172.18.0.")
    os.kill(resolver_of(rootless), signal.SIGKILL)
    rootless.docker("ps")
    assert get(rootless, "ask", "http://there/") == "served"
    rootless.docker("rm", "-f", *rootless.docker("ps", "-aq").stdout.split())
    wait_until(lambda: not slirps(rootless), "slirp4netns to end")


def resolver_of(rootless):
    return next(int(pid) for pid in os.listdir("/proc") if pid.isdigit() and os.path.exists(f"/proc/{pid}/cmdline")
                and f"{rootless.programs}/engine/mooring-resolver" in open(f"/proc/{pid}/cmdline").read())


def test_ipv6(rootless, busybox):
    """Where it is asked for: among members, and out by slirp4netns, which does not lead to the machine's loopback."""
    rootless.user.more = TUN
    rootless.docker("network", "create", "--ipv6", "--subnet", "fd77:1::/64", "six")
    rootless.docker("run", "-d", "--name", "web", "--network", "six", busybox, *WEB)
    rootless.docker("run", "-d", "--name", "ask", "--init", "--network", "six", busybox, "sleep", "60")
    address = inspect(rootless, "web", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}")
    wait_until(lambda: get(rootless, "ask", f"http://[{address}]/") == "served", "the other to answer")
    with netpeer.neighbour(), netpeer.web6() as server:
        assert get(rootless, "ask", f"http://[{netpeer.HOST6}]:{server}/") == "host"
        assert get(rootless, "ask", f"http://[fd00::2]:{server}/", 1) == ""


def test_networks_of_ones_own(rootless, busybox):
    """Bridges, names and ports in a namespace of the user's: there from the first container to the last, kill -9 included."""
    rootless.user.more = TUN
    rootless.docker("network", "create", "own")
    rootless.docker("network", "create", "other")
    web = ("sh", "-c", "busybox mkdir /w; echo $0 > /w/index.html; exec busybox httpd -f -p 80 -h /w")
    rootless.docker("run", "-d", "--name", "web", "--network", "own", "-p", "127.0.0.1:18203:80", busybox, *web, "one")
    rootless.docker("run", "-d", "--name", "two", "--network", "own", "-p", "127.0.0.2:18203:80", busybox, *web, "two")
    wait_until(lambda: netpeer.fetch("127.0.0.1", 18203, 1) == "one", "the port to lead to the container")
    wait_until(lambda: netpeer.fetch("127.0.0.2", 18203, 1) == "two", "the same one of another address")
    assert len(slirps(rootless)) == 1
    assert rootless.docker("ps", "--filter", "name=web", "--format", "{{.Ports}}").stdout == "127.0.0.1:18203->80/tcp\n"
    assert rootless.docker("run", "--rm", "--network", "own", busybox, "busybox", "wget", "-qO-", "http://web/").stdout == "one\n"
    address = inspect(rootless, "web", "{{.NetworkSettings.Networks.own.IPAddress}}")
    apart = ("busybox", "timeout", "1", "busybox", "wget", "-qO-", f"http://{address}/")
    assert rootless.docker("run", "--rm", "--init", "--network", "other", busybox, *apart, code=None).returncode != 0
    with netpeer.neighbour():
        out = ("busybox", "wget", "-qO-", f"http://{netpeer.HOST}:18299/")
        assert "refused" in rootless.docker("run", "--rm", "--network", "own", busybox, *out, code=1).stderr  # the host was reached
    taken = rootless.docker("run", "--rm", "--network", "other", "-p", "127.0.0.1:18203:80", busybox, "true", code=125).stderr
    assert "Bind for 127.0.0.1:18203 failed: port is already allocated" in taken
    # A network that publishes at one address of the host's, where -p names none.
    rootless.docker("network", "create", "-o", "com.docker.network.bridge.host_binding_ipv4=127.0.0.3", "near")
    rootless.docker("run", "-d", "--init", "--name", "near", "--network", "near", "-p", "18203:80", busybox, *web, "near")
    assert rootless.docker("port", "near").stdout == "80/tcp -> 127.0.0.3:18203\n"
    wait_until(lambda: netpeer.fetch("127.0.0.3", 18203, 1) == "near", "the port at the network's address")
    assert netpeer.fetch("127.0.0.4", 18203, 1) is None
    rootless.docker("rm", "-f", "near")
    rootless.docker("network", "create", "--internal", "shut")
    rootless.docker("run", "-d", "--init", "--name", "near", "--network", "shut", "-p", "18203:80", busybox, *web, "near")
    rootless.docker("network", "connect", "near", "near")
    assert rootless.docker("port", "near").stdout == "80/tcp -> 127.0.0.3:18203\n"
    rootless.docker("rm", "-f", "near")
    # What a killed monitor leaves is in nobody's way.
    kill_monitor(rootless, "two")
    rootless.docker("start", "two")
    wait_until(lambda: netpeer.fetch("127.0.0.2", 18203, 1) == "two", "the port to lead to it again")
    rootless.docker("rm", "-f", "web")
    assert netpeer.fetch("127.0.0.1", 18203, 1) is None
    assert netpeer.fetch("127.0.0.2", 18203, 1) == "two"
    rootless.docker("network", "rm", "other")
    kill_monitor(rootless, "two")
    wait_until(lambda: not slirps(rootless), "slirp4netns to end")
    rootless.docker("rm", "-f", "two")
    rootless.docker("network", "rm", "own")


def kill_monitor(rootless, name):
    """And what it leaves of the container."""
    pid = int(inspect(rootless, name, "{{.State.Pid}}"))
    with open(f"/proc/{pid}/stat") as file:
        parent = int(file.read().rpartition(")")[2].split()[1])
    for one in (parent, pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    wait_until(lambda: inspect(rootless, name, "{{.State.Running}}") == "false", "both to be gone")


def slirps(rootless):
    """Its processes of slirp4netns."""
    return [text for text in leftovers.processes_naming(rootless.user.home) if "slirp4netns" in text]


def test_compose(rootless):
    """A project of an ordinary user's own: volumes, health, a text that becomes a file of another owner."""
    rootless.load(world.Image())
    rootless.user.more = TUN
    directory = rootless.user.bundle.path
    path = os.path.join(directory, "compose.yaml")
    with open(path, "w") as file:
        file.write("""
name: mine
services:
  db:
    image: busybox:test
    network_mode: none
    command: ["sh", "-c", "busybox stat -c '%u %a' /run/secrets/s; echo row | busybox tee /d/index.html > /d/row; while :; do sleep 0.1; done"]
    init: true
    volumes: ["data:/d"]
    secrets: [{source: s, uid: "7", mode: 0400}]
    healthcheck: {test: ["CMD", "/bin/test", "-e", "/d/row"], interval: 200ms}
  app:
    image: busybox:test
    network_mode: none
    command: cat /d/row
    volumes: ["data:/d:ro"]
    depends_on: {db: {condition: service_healthy}}
  web:
    image: busybox:test
    command: ["busybox", "httpd", "-f", "-p", "80", "-h", "/d"]
    volumes: ["data:/d:ro"]
    ports: ["127.0.0.1:18204:80"]
    init: true
  ask:
    image: busybox:test
    command: ["sh", "-c", "until busybox wget -qO- http://web/row; do busybox sleep 0.1; done"]
volumes: {data: {}}
secrets: {s: {environment: TOKEN}}
""")
    env = {"TOKEN": "x"}

    def compose(*arguments, **options):
        return rootless.docker("compose", "-f", path, *arguments, env=env, **options)

    assert " Container mine-app-1  Started\n" in compose("up", "-d").stderr
    rootless.docker("wait", "mine-app-1")
    assert compose("logs", "--no-log-prefix", "app").stdout == "row\n"
    rootless.docker("wait", "mine-ask-1")
    assert compose("logs", "--no-log-prefix", "ask").stdout.endswith("row\n")
    wait_until(lambda: netpeer.fetch("127.0.0.1", 18204, 1) == "row", "the service's port")
    assert compose("logs", "--no-log-prefix", "db").stdout == "7 400\n"
    assert compose("exec", "db", "id", "-u").stdout == "0\n"
    assert "mine-db-1" in compose("ps").stdout
    down = compose("down", "-v", "-t", "0").stderr
    assert " Volume mine_data  Removed\n" in down and " Network mine_default  Removed\n" in down
    wait_until(lambda: not slirps(rootless), "slirp4netns to end")
    assert rootless.docker("ps", "-aq").stdout == rootless.docker("volume", "ls", "-q").stdout == ""
