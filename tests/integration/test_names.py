# SPDX-License-Identifier: Apache-2.0
"""Names in user networks: who is where, what is asked of others, and a resolver that outlives nobody."""

import contextlib
import glob
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

import netpeer
from world import wait_until

SERVER = "127.77.0.1"  # somebody else's, on the machine's loopback: our resolver asks from there


def start(moor, image, name, *options, command=("sleep", "600")):
    moor.docker("run", "-d", "--init", "--name", name, *options, image, *command)


def look_up(moor, container, name, *more):
    """Addresses (or names) that are told for a name, sorted; None if there is no such name."""
    told = moor.docker("exec", container, "busybox", "nslookup", *more, name, code=None)
    if "can't find" in told.stdout or "can't resolve" in told.stdout:
        return None
    body = told.stdout.split("\n\n", 1)[1] if "\n\n" in told.stdout else told.stdout
    return sorted(re.findall(r"(?:Address: |name = )(\S+)", body))


def resolvers(moor):
    """Processes that serve the store's names: those of this part of a run, which has an ipc namespace of its own."""
    found = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        with contextlib.suppress(OSError), open(path) as comm:
            is_ours = os.readlink(os.path.dirname(path) + "/ns/ipc") == os.readlink("/proc/self/ns/ipc")
            if is_ours and comm.read() == "mooring-resolve\n":
                found.append(int(path.split("/")[2]))
    return found


def address_of(moor, name, network):
    return moor.docker("inspect", "-f", '{{(index .NetworkSettings.Networks "%s").IPAddress}}' % network,
                       name).stdout.strip()


@pytest.fixture
def net(moor, busybox):
    moor.docker("network", "create", "net")
    yield busybox
    moor.clean_up()
    wait_until(lambda: not resolvers(moor), "the resolver to end with the last container")


def test_members(moor, net):
    start(moor, net, "web", "--network", "net", "--network-alias", "front", "-h", "web-host")
    start(moor, net, "db1", "--network", "net", "--network-alias", "db")
    start(moor, net, "db2", "--network", "net", "--network-alias", "DB")
    web, db1, db2 = (address_of(moor, name, "net") for name in ("web", "db1", "db2"))
    short = moor.docker("ps", "-q", "-f", "name=web").stdout.strip()
    for name in ("web", "WEB", "front", "web-host", "web.net", short):
        assert look_up(moor, "db1", name) == [web], name
    assert look_up(moor, "web", "db") == sorted([db1, db2])
    firsts = {moor.docker("exec", "web", "busybox", "nslookup", "db").stdout.split("Address: ")[1].split()[0]
              for _ in range(4)}
    assert firsts == {db1, db2}  # in turn
    assert look_up(moor, "web", db1) == ["db1.net"]
    assert look_up(moor, "web", "db1", "-type=aaaa") == [] or look_up(moor, "web", "db1", "-type=aaaa") is not None
    conf = moor.docker("exec", "web", "cat", "/etc/resolv.conf").stdout
    assert "nameserver 127.0.0.11\n" in conf and "options ndots:0\n" in conf
    assert len(resolvers(moor)) == 1
    moor.docker("rm", "-f", "db2")
    assert look_up(moor, "web", "db") == [db1]
    moor.docker("restart", "-t", "0", "db1")
    assert look_up(moor, "web", "db1") == [address_of(moor, "db1", "net")]


def test_only_in_common_networks(moor, net):
    moor.docker("network", "create", "far")
    start(moor, net, "near", "--network", "net")
    start(moor, net, "away", "--network", "far")
    start(moor, net, "plain")
    assert look_up(moor, "away", "near") is None and look_up(moor, "near", "plain") is None
    moor.docker("network", "connect", "--alias", "visitor", "far", "near")
    assert look_up(moor, "away", "visitor") == look_up(moor, "away", "near") == [address_of(moor, "near", "far")]
    moor.docker("network", "disconnect", "far", "near")
    assert look_up(moor, "away", "near") is None
    # On the default network there are no names, as with docker, but what --link puts into the file.
    linked = moor.docker("run", "--rm", "--link", "plain:other", net, "cat", "/etc/hosts").stdout
    assert re.search(r"\tother [0-9a-f]{12} plain\n", linked)
    start(moor, net, "linking", "--network", "net", "--link", "near:friend")
    assert moor.docker("inspect", "-f", "{{.HostConfig.Links}} {{.NetworkSettings.Networks.net.Links}}",
                       "linking").stdout == "[] [near:friend]\n"
    moor.docker("network", "connect", "--link", "away:pal", "far", "linking")
    assert look_up(moor, "linking", "pal") == [address_of(moor, "away", "far")]
    assert look_up(moor, "linking", "friend") == [address_of(moor, "near", "net")]
    moor.docker("network", "connect", "far", "near")  # a link holds in its network alone
    assert look_up(moor, "linking", "friend") == [address_of(moor, "near", "net")]
    moor.docker("network", "disconnect", "net", "near")
    assert look_up(moor, "linking", "friend") is None and look_up(moor, "linking", "near") == [address_of(moor, "near", "far")]
    assert look_up(moor, "near", "friend") is None
    # It is by name: who is linked may come later, and be made anew; by an ID, it is that one.
    start(moor, net, "early", "--network", "net", "--link", "Late:tardy")
    assert look_up(moor, "early", "tardy") is None
    for _ in range(2):
        start(moor, net, "Late", "--network", "net")
        assert look_up(moor, "early", "tardy") == [address_of(moor, "Late", "net")]
        moor.docker("rm", "-f", "early2")
        start(moor, net, "early2", "--network", "net", "--link", moor.docker("ps", "-q", "-f", "name=Late").stdout[:9] + ":tardy")
        assert look_up(moor, "early2", "tardy") == [address_of(moor, "Late", "net")]
        moor.docker("rm", "-f", "Late")
    assert look_up(moor, "early", "tardy") is None


def test_legacy_links(moor, net):
    """In the default network: a line in the hosts file and docker's variables, of what runs when the linking one starts."""
    start(moor, net, "db", "-h", "db-host", "-e", "X=1 2", "-e", "PATH=/bin", "--expose", "5432", "--expose", "90-92", "--expose", "90/udp")
    linking = ("--link", "db:my-db", "--link", "db", "--link", "db:my-db")
    moor.docker("create", "--name", "web", *linking, "-e", "DB_ENV_X=own", net, "sh", "-c", "env; cat /etc/hosts")
    moor.docker("rename", "db", "store")
    moor.docker("rename", "web", "site")
    assert moor.docker("inspect", "-f", "{{.HostConfig.Links}}", "site").stdout == "[/store:/site/my-db /store:/site/db]\n"
    address = address_of(moor, "store", "bridge")
    told = moor.docker("start", "-a", "site").stdout.splitlines()
    assert f"{address}\tmy-db db-host store" in told and f"{address}\tdb db-host store" in told
    variables = sorted(line for line in told if line.startswith("MY_DB_"))
    assert variables == sorted([
        f"MY_DB_PORT=tcp://{address}:90", "MY_DB_NAME=/site/my-db", "MY_DB_ENV_X=1 2",
        f"MY_DB_PORT_90_TCP_START=tcp://{address}:90", f"MY_DB_PORT_90_TCP_END=tcp://{address}:92",
        "MY_DB_PORT_90_TCP_PORT_START=90", "MY_DB_PORT_90_TCP_PORT_END=92",
        *[line for port, kind in ((90, "tcp"), (90, "udp"), (91, "tcp"), (92, "tcp"), (5432, "tcp"))
          for name in [f"MY_DB_PORT_{port}_{kind.upper()}"]
          for line in (f"{name}={kind}://{address}:{port}", f"{name}_ADDR={address}", f"{name}_PORT={port}", f"{name}_PROTO={kind}")]])
    assert "DB_ENV_X=own" in told
    # A program that is executed later sees them too.
    start(moor, net, "later", "--link", "store:s")
    assert "S_NAME=/later/s" in moor.docker("exec", "later", "env").stdout
    moor.docker("exec", "later", "sh", "-c", "echo '192.0.2.7 own' >> /etc/hosts")
    moor.docker("rm", "--link", "later/s")  # it runs, and sees at once that the name is gone
    lines = moor.docker("exec", "later", "cat", "/etc/hosts").stdout.splitlines()
    assert "192.0.2.7 own" in lines and not any(line.startswith(address + "\t") for line in lines)
    for words in (("--link", "nope"), ("--link", "nope:alias")):
        refused = moor.docker("run", *words, net, "true", code=125)
        assert "could not get container for nope: No such container: nope" in refused.stderr
    assert "bad format for links: a:b:c" in moor.docker("run", "--link", "a:b:c", net, code=125).stderr
    assert "links are only supported for user-defined networks" in moor.docker("run", "--network", "none", "--link", "store",
                                                                               net, code=125).stderr
    start(moor, net, "away", "--network", "net")
    assert "Cannot link to /away, as it does not belong to the default network" in moor.docker(
        "run", "--link", "away", net, "true", code=125).stderr
    assert moor.docker("rm", "--link", "/site/db").stdout == "/site/db\n"
    assert moor.docker("inspect", "-f", "{{.HostConfig.Links}}", "site").stdout == "[/store:/site/my-db]\n"
    assert "No such container: site/db" in moor.docker("rm", "-l", "site/db", code=1).stderr
    assert "cannot remove the default link name of the container" in moor.docker("rm", "-l", "site", code=1).stderr
    moor.docker("rm", "-f", "store")
    assert "Cannot link to a non running container: /db AS /site/my-db" in moor.docker("start", "site", code=1).stderr


def test_a_legacy_link_moves(moor, net):
    """What a container that runs links to comes back with another address: told in its hosts file, beside what it wrote there."""
    start(moor, net, "db", "-h", "db-host")
    before = address_of(moor, "db", "bridge")
    start(moor, net, "web", "--link", "db:store", "--link", "db", "--add-host", f"{before}.example:{before}")
    moor.docker("exec", "web", "sh", "-c", f"echo '192.0.2.7 mine' >> /etc/hosts; echo '{before} storekeeper' >> /etc/hosts")
    moor.docker("stop", "-t", "0", "db")
    start(moor, net, "other")
    assert address_of(moor, "other", "bridge") == before
    moor.docker("start", "db")
    after = address_of(moor, "db", "bridge")
    lines = moor.docker("exec", "web", "cat", "/etc/hosts").stdout.splitlines()
    assert f"{after}\tstore db-host db" in lines and f"{after}\tdb db-host" in lines
    assert "192.0.2.7 mine" in lines and f"{before} storekeeper" in lines and f"{before}\t{before}.example" in lines
    assert not any(line.startswith(before) for line in lines if line.endswith(" db"))
    # A file that the container has made bigger than such files are is left alone.
    moor.docker("exec", "web", "sh", "-c", "busybox yes 192.0.2.8 | busybox head -c 300000 > /etc/hosts")
    moor.docker("restart", "-t", "0", "db")
    assert moor.docker("exec", "web", "busybox", "wc", "-c", "/etc/hosts").stdout.split()[0] == "300000"


def test_others_are_asked(moor, net):
    with netpeer.name_server(SERVER) as server:
        start(moor, net, "asker", "--network", "net", "--dns", SERVER)
        assert look_up(moor, "asker", "example.test") == ["192.0.2.1"]
        assert look_up(moor, "asker", "nosuch.test") is None
        assert "example.test" in server.questions and "asker" not in server.questions
        # By TCP a question goes on by TCP; and two of one connection are answered in order.
        query = b"".join(struct.pack(">H", 29) + struct.pack(">HHHHHH", number, 0x100, 1, 0, 0, 0) +
                         b"\x07example\x03tcp\0\0\1\0\1" for number in (7, 8))
        pid = moor.docker("inspect", "-f", "{{.State.Pid}}", "asker").stdout.strip()
        answers = subprocess.run(["nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c",
                                  "import socket,sys\n"
                                  "s=socket.create_connection(('127.0.0.11',53),5)\n"
                                  f"s.sendall({query!r})\n"
                                  "d=b''\n"
                                  "while len(d) < 94: d+=s.recv(4096)\n"
                                  "sys.stdout.buffer.write(d)"], capture_output=True, timeout=20).stdout
        assert answers.count(b"\xc0\0\2\1") == 2 and answers[2:4] == b"\0\7"
        # A network that is internal asks nobody (CVE-2024-29018).
        moor.docker("network", "create", "--internal", "in")
        start(moor, net, "mute", "--network", "in", "--dns", SERVER)
        assert look_up(moor, "mute", "secret.leak.test") is None
        assert "SERVFAIL" in moor.docker("exec", "mute", "busybox", "nslookup", "secret.leak.test", code=1).stdout
        assert "secret.leak.test" not in server.questions


def resolved(moor, container, name, family="AF_INET"):
    """What the C library makes of the container's resolv.conf and network: addresses, in order; or its error's name."""
    pid, identity = moor.docker("inspect", "-f", "{{.State.Pid}} {{.Id}}", container).stdout.split()
    script = ("import socket,sys\n"
              f"try: print(*[a[4][0] for a in socket.getaddrinfo('{name}', 1, socket.{family}, socket.SOCK_STREAM)])\n"
              "except socket.gaierror as e: print('error', e.errno)")
    conf = os.path.join(moor.root, "containers", identity, "resolv.conf")
    switch = os.path.join(moor.directory, "nsswitch.conf")
    with open(switch, "w") as file:
        file.write("hosts: dns\n")
    enter = ("mount --bind $1 /etc/resolv.conf && if [ -e /etc/nsswitch.conf ]; then mount --bind $2 /etc/nsswitch.conf; fi && "
             'exec /usr/bin/python3 -c "$3"')
    done = subprocess.run(["nsenter", "-t", pid, "-n", "unshare", "-m", "sh", "-c", enter, "sh", conf, switch, script],
                          capture_output=True, text=True, timeout=30, check=True)
    return done.stdout.split()


def test_families(moor, net):
    """IPv6 addresses where there are some; where there are none the name is there all the same, and nobody else is asked for it."""
    moor.docker("network", "create", "--ipv6", "--subnet", "fd00:212:1::/64", "six")
    nothing, no_name = f"error {-5}".split(), f"error {-2}".split()  # EAI_NODATA, EAI_NONAME
    with netpeer.name_server(SERVER) as server:
        start(moor, net, "both", "--network", "six", "--network-alias", "alias6")
        start(moor, net, "asker", "--network", "six", "--network", "net", "--dns", SERVER)
        start(moor, net, "four", "--network", "net")
        address6 = moor.docker("inspect", "-f", "{{.NetworkSettings.Networks.six.GlobalIPv6Address}}", "both").stdout.strip()
        assert resolved(moor, "asker", "both", "AF_INET6") == resolved(moor, "asker", "alias6", "AF_INET6") == [address6]
        assert resolved(moor, "asker", "both") == [address_of(moor, "both", "six")]
        assert look_up(moor, "asker", address6) == ["both.six"]
        assert resolved(moor, "asker", "four", "AF_INET6") == nothing and resolved(moor, "asker", "nosuch.test", "AF_INET6") == no_name
        assert resolved(moor, "asker", "nosuch.test") == no_name
        assert "nosuch.test" in server.questions and not {"four", "both", "alias6"} & set(server.questions)


def test_big_answers(moor, net):
    """More addresses than go into a datagram: asked for again by TCP, by those who care, ours as well as others'."""
    networks = ["net", "net1", "net2", "net3"]
    for network in networks[1:]:
        moor.docker("network", "create", network)
    everywhere = [word for network in networks for word in ("--network", f"name={network},alias=many")]
    for number in range(8):
        start(moor, net, f"one{number}", *everywhere)
    with netpeer.name_server(SERVER) as server:
        start(moor, net, "asker", "--dns", SERVER, *[word for network in networks for word in ("--network", network)])
        addresses = resolved(moor, "asker", "many")
        assert sorted(addresses) == sorted(address_of(moor, f"one{number}", network) for number in range(8) for network in networks)
        assert resolved(moor, "asker", "big.test").count("192.0.2.59") == 1 and server.questions.count("big.test") == 2


def ask_inside(moor, container, script):
    """Runs a Python script in the container's network, with a question's bytes for a name as q(NAME)."""
    pid = moor.docker("inspect", "-f", "{{.State.Pid}}", container).stdout.strip()
    head = ("import select,socket,struct\n"
            "def q(name, number=7, more=b''):\n"
            "    labels = b''.join(bytes([len(l)]) + l.encode() for l in name.split('.'))\n"
            "    return struct.pack('>HHHHHH', number, 0x100, 1, 0, 0, 1 if more else 0) + labels + b'\\0\\0\\1\\0\\1' + more\n"
            "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.connect(('127.0.0.11', 53)); u.settimeout(20)\n")
    done = subprocess.run(["nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c", head + script], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_servers_that_fail(moor, net):
    """One that cannot tell has not said that there is no such name: the next is asked; that of the last one counts."""
    second, third = "127.77.0.2", "127.77.0.3"
    code = "u.send(q('{0}')); print(u.recv(9000)[3] & 15)\n"
    with netpeer.name_server(SERVER, 2) as failing, netpeer.name_server(second) as good, netpeer.name_server(third, 5) as refusing:
        start(moor, net, "asker", "--network", "net", "--dns", SERVER, "--dns", second)
        start(moor, net, "lost", "--network", "net", "--dns", SERVER, "--dns", third)
        assert look_up(moor, "asker", "example.test") == ["192.0.2.1"] and look_up(moor, "asker", "nosuch.test") is None
        assert resolved(moor, "asker", "big.test").count("192.0.2.59") == 1  # by TCP as well
        assert {"example.test", "nosuch.test", "big.test"} <= set(good.questions) & set(failing.questions)
        assert ask_inside(moor, "lost", code.format("lost.test")) == ["5"]
        assert failing.questions.count("lost.test") == refusing.questions.count("lost.test") == 1
        failing.failure = 1  # an old server that cannot read what it is asked says so without the question
        assert ask_inside(moor, "asker", code.format("old.test")) == ["1"]


def test_much_at_once(moor, net):
    """Hundreds of questions whose answers take long are all out at a time, and answered; long answers come by TCP."""
    holder = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    holder.setsockopt(socket.SOL_SOCKET, 33, 4 << 20)  # SO_RCVBUFFORCE: none of them shall be lost here
    holder.bind((SERVER, 53))
    many = 600

    def answer_the_last_first():
        held = [holder.recvfrom(4096) for _ in range(many)]
        for query, sender in reversed(held):
            holder.sendto(query[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] + b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1", sender)

    start(moor, net, "asker", "--network", "net", "--dns", SERVER)
    thread = threading.Thread(target=answer_the_last_first)
    thread.start()
    seen = ask_inside(moor, "asker", f"s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range({many})]\n"
                      "for i, one in enumerate(s):\n"
                      "    one.settimeout(30); one.connect(('127.0.0.11', 53)); one.send(q(f'n{i}.test', i))\n"
                      f"print(sum(one.recv(512)[-4:] == b'\\xc0\\0\\2\\1' for one in s))\n")
    thread.join()
    holder.close()
    assert seen == [str(many)]
    with netpeer.name_server(SERVER):
        told = ask_inside(moor, "asker", "u.send(q('huge.test', 7, b'\\0\\0\\x29\\xff\\xff\\0\\0\\0\\0\\0\\0'))\n"
                          "a = u.recv(70000); print(len(a), a[2] & 2, a[7])\n")
        assert told == ["27", "2", "0"]
        assert len(resolved(moor, "asker", "huge.test")) == 400


def resolv_conf(moor, image, *options):
    done = moor.docker("run", "--rm", *options, image, "cat", "/etc/resolv.conf").stdout
    return [line for line in done.splitlines() if line and not line.startswith("#")]


@contextlib.contextmanager
def host_resolv_conf(moor, text):
    """What the machine's own file says, for this part of the run."""
    path = os.path.join(moor.directory, "resolv.conf")
    with open(path, "w") as file:
        file.write(text)
    subprocess.run(["mount", "--bind", path, "/etc/resolv.conf"], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "/etc/resolv.conf"], check=True)


def test_what_the_host_says(moor, net):
    moor.docker("network", "create", "--ipv6", "six")
    with host_resolv_conf(moor, "domain old.test\nnameserver 10.0.0.1\nnameserver fd00::53\nnameserver ::1\nnameserver 127.0.0.1\n"
                          "options timeout:1 ndots:x\noptions ndots:2 rotate\n"):
        four = ["search old.test", "nameserver 10.0.0.1", "options timeout:1 ndots:x", "options ndots:2 rotate"]
        assert resolv_conf(moor, net) == four  # no IPv6, no IPv6 server
        own = ["search old.test", "nameserver 127.0.0.11", "options timeout:1 ndots:2 rotate"]
        assert resolv_conf(moor, net, "--network", "net") == resolv_conf(moor, net, "--network", "six") == own
        assert resolv_conf(moor, net, "--network", "net", "--dns-opt", "ndots:many", "--dns-opt", "use-vc")[-1] == "options use-vc ndots:0"
        assert resolv_conf(moor, net, "--network", "host")[1:5] == [
            f"nameserver {server}" for server in ("10.0.0.1", "fd00::53", "::1", "127.0.0.1")]
    with host_resolv_conf(moor, "search a.test\nsearch b.test c.test\nnameserver fd00::53\n"):
        assert resolv_conf(moor, net) == ["search b.test c.test", "nameserver 8.8.8.8", "nameserver 8.8.4.4"]
        # What daemon.json says goes before the host's, and what the command says before both.
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            file.write('{"dns": ["192.0.2.53"], "dns-search": ["d.test"], "dns-opts": ["timeout:3"]}')
        assert resolv_conf(moor, net) == ["search d.test", "nameserver 192.0.2.53", "options timeout:3"]
        assert resolv_conf(moor, net, "--network", "net") == ["search d.test", "nameserver 127.0.0.11", "options timeout:3 ndots:0"]
        assert resolv_conf(moor, net, "--dns", "192.0.2.1", "--dns-search", ".") == ["nameserver 192.0.2.1", "options timeout:3"]
        with open(os.path.join(moor.config, "daemon.json"), "w") as file:
            file.write('{"dns": ["127.77.0.1"]}')
        with netpeer.name_server(SERVER):
            start(moor, net, "asker", "--network", "net")
            assert look_up(moor, "asker", "example.test") == ["192.0.2.1"]
        os.remove(os.path.join(moor.config, "daemon.json"))
    # systemd-resolved's address is the machine's alone; our resolver is on it, and asks there, whatever servers that has now.
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run"], check=True)  # of this part of the run
    try:
        os.makedirs("/run/systemd/resolve")
        with open("/run/systemd/resolve/resolv.conf", "w") as file:
            file.write("nameserver 192.0.2.9\n")
        with host_resolv_conf(moor, "nameserver 127.0.0.53\n"), netpeer.name_server("127.0.0.53"):
            assert resolv_conf(moor, net) == ["nameserver 192.0.2.9"]
            start(moor, net, "local", "--network", "net")
            assert look_up(moor, "local", "example.test") == ["192.0.2.1"]
            moor.docker("rm", "-f", "local")
    finally:
        subprocess.run(["umount", "/run"], check=True)


def test_a_name_server_in_a_container(moor, net):
    """Port 53 of all addresses is free for it, as with docker."""
    start(moor, net, "dns", "--network", "net", command=("busybox", "nc", "-l", "-p", "53"))
    start(moor, net, "peer", "--network", "net")
    assert look_up(moor, "dns", "peer")
    moor.docker("exec", "-i", "peer", "busybox", "nc", "-w", "2", "dns", "53", input="to the server in there")
    wait_until(lambda: moor.docker("logs", "dns").stdout == "to the server in there", "it to be heard")


def test_hostile_questions(moor, net):
    start(moor, net, "evil", "--network", "net", "--dns", SERVER)
    start(moor, net, "good", "--network", "net")
    before = resolvers(moor)
    pid = moor.docker("inspect", "-f", "{{.State.Pid}}", "evil").stdout.strip()
    attack = ("import os,random,socket,struct\n"
              "random.seed(7)\n"
              "u=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); u.connect(('127.0.0.11',53))\n"
              "head=struct.pack('>HHHHHH',1,256,1,0,0,0)\n"
              "cases=[b'',b'x',head,head+b'\\xc0\\x0c\\0\\1\\0\\1',head+b'\\x3f'*300,head+b'\\1a'*200+b'\\0\\0\\1\\0\\1',\n"
              "       head[:4]+b'\\xff\\xff'+head[6:],b'\\0'*512,head+b'\\4good\\0\\0\\xff\\0\\xff']\n"
              "for c in cases+[os.urandom(random.randrange(600)) for _ in range(500)]: u.send(c)\n"
              "for i in range(300): u.send(head+b'\\5wait'+bytes([97+i%26])+b'\\0\\0\\1\\0\\1')\n"
              "ss=[]\n"
              "for i in range(40):\n"
              "    s=socket.socket(); s.settimeout(1)\n"
              "    try:\n"
              "        s.connect(('127.0.0.11',53)); s.send(struct.pack('>H',65535)+b'a'*5000)\n"
              "    except OSError: pass\n"
              "    ss.append(s)\n"
              "print('done')\n")
    done = subprocess.run(["nsenter", "-t", pid, "-n", "/usr/bin/python3", "-c", attack], capture_output=True, text=True,
                          timeout=50)
    assert done.stdout == "done\n", done.stderr
    assert look_up(moor, "good", "evil") == [address_of(moor, "evil", "net")]
    assert resolvers(moor) == before


def some_descriptor(kind):
    if kind in ("/dev/zero", "/etc/hostname", "/"):
        return os.open(kind, os.O_RDONLY)
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_DGRAM if kind in ("udp", "unix") else socket.SOCK_STREAM)
    if kind == "listening":
        opened.bind(("127.0.0.1", 0))
        opened.listen()
    return opened.detach()


@pytest.mark.parametrize("kinds", ["/dev/zero listening", "/etc/hostname listening", "udp /dev/zero", "udp /", "udp tcp",
                                   "unix listening", "udp unix", "listening udp", "udp listening /etc/hostname",
                                   "udp listening /dev/zero", "udp", ""])
def test_a_registration_of_no_sockets(moor, net, kinds):
    """Who reaches the resolver's socket may take part, and no more: it goes on, for all others."""
    start(moor, net, "a", "--network", "net")
    before = resolvers(moor)

    def registered(kinds):
        given = [some_descriptor(kind) for kind in kinds.split()]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(20)
            connection.connect(os.path.join(moor.run_dir, "networks", "names.sock"))
            try:
                socket.send_fds(connection, [b"register " + b"b" * 64], given)
            finally:
                for fd in given:
                    os.close(fd)
            return connection.recv(600)
    assert registered(kinds) not in (b"ok", b"")
    assert registered("udp listening") == b"ok"
    assert look_up(moor, "a", "a")
    assert resolvers(moor) == before


def test_a_registered_socket_is_shut_down(moor, net):
    """By who gave it, or by a container that may end sockets of its own: it would be ready for ever, and is let go."""
    start(moor, net, "a", "--network", "net")
    resolver, = resolvers(moor)
    connections = []

    def held():
        return len(os.listdir(f"/proc/{resolver}/fd"))
    with contextlib.ExitStack() as stack:
        for end in ("udp", "tcp", "both"):
            before = held()
            given = [stack.enter_context(socket.socket(fileno=some_descriptor(kind))) for kind in ("udp", "listening")]
            connections.append(stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)))
            connections[-1].settimeout(20)
            connections[-1].connect(os.path.join(moor.run_dir, "networks", "names.sock"))
            socket.send_fds(connections[-1], [b"register " + end.encode().ljust(64, b"c")], [one.fileno() for one in given])
            assert connections[-1].recv(600) == b"ok" and held() == before + 3
            given[0].connect(("127.0.0.1", 9))  # what is not connected cannot be shut down
            for one in given if end == "both" else given[:1] if end == "udp" else given[1:]:
                one.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: held() == before + (1 if end == "both" else 2), "the resolver to let go of it")
            assert look_up(moor, "a", "a")
    assert resolvers(moor) == [resolver]


def test_the_last_network_takes_all(moor, net):
    start(moor, net, "a", "--network", "net")
    path = os.path.join(moor.run_dir, "networks", "names.sock")
    assert os.path.exists(path)
    moor.docker("rm", "-f", "a")
    wait_until(lambda: not resolvers(moor), "the resolver to end with the last container")
    moor.docker("network", "rm", "net")
    assert not os.path.exists(path)


@pytest.mark.static
def test_the_resolver_has_nothing(moor, net):
    start(moor, net, "one", "--network", "net")
    resolver, = resolvers(moor)
    with open(f"/proc/{resolver}/status") as status:
        told = dict(line.split(":\t", 1) for line in status.read().splitlines() if ":\t" in line)
    assert told["Uid"].split() == ["65534"] * 4 and told["Gid"].split() == ["65534"] * 4
    assert {told[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")} == {"0" * 16}
    assert told["NoNewPrivs"] == "1" and told["Seccomp"] == "2"
    with open(f"/proc/{resolver}/smaps_rollup") as memory:
        assert int(re.search(r"^Pss: +(\d+)", memory.read(), re.M)[1]) < 200  # KiB
    assert os.readlink(f"/proc/{resolver}/ns/net") == os.readlink("/proc/self/ns/net")


def kill_resolver(moor):
    resolver, = resolvers(moor)
    os.kill(resolver, 9)
    wait_until(lambda: not resolvers(moor), "it to be gone")


def test_the_resolver_is_killed(moor, net):
    """The next command that needs it, or only looks, has it started again, and who runs has names as before."""
    start(moor, net, "one", "--network", "net", "--network-alias", "uno")
    kill_resolver(moor)
    start(moor, net, "two", "--network", "net")
    assert look_up(moor, "two", "uno") == [address_of(moor, "one", "net")]
    assert look_up(moor, "one", "two") == [address_of(moor, "two", "net")]
    kill_resolver(moor)
    moor.docker("ps")
    assert look_up(moor, "one", "two") == [address_of(moor, "two", "net")]
    assert look_up(moor, "two", "uno") == [address_of(moor, "one", "net")]
    moor.docker("rm", "-f", "one", "two")
    wait_until(lambda: not resolvers(moor), "the resolver to end with the last of them")
    moor.docker("ps")
    assert resolvers(moor) == []
