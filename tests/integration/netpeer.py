# SPDX-License-Identifier: Apache-2.0
"""Neighbours of the machine for tests of networks: a network namespace beside it, and servers."""

import contextlib
import json
import os
import socket
import struct
import subprocess
import threading

HOST, PEER = "10.213.77.1", "10.213.77.2"  # the two ends of the wire
HOST6, PEER6 = "fd00:213:77::1", "fd00:213:77::2"
FETCH = ("import socket,sys\n"
         "s=socket.create_connection((sys.argv[1],int(sys.argv[2])),float(sys.argv[3]))\n"
         "s.settimeout(float(sys.argv[3])); s.sendall(b'GET /index.html HTTP/1.0\\r\\n\\r\\n')\n"
         "data=b''\n"
         "while True:\n"
         "    part=s.recv(4096)\n"
         "    if not part: break\n"
         "    data+=part\n"
         "print(data.split(b'\\r\\n\\r\\n')[-1].decode().strip())\n")


def ip(*arguments, **options):
    return subprocess.run(["ip", *map(str, arguments)], check=True, capture_output=True, text=True, **options)


class Neighbour:
    """Somebody on the same wire: peer.fetch("10.213.77.1", 8080)."""

    def __init__(self, pid):
        self.pid = pid  # of a process in its namespace

    def run(self, *argv, check=True):
        return subprocess.run(["nsenter", "-t", str(self.pid), "-n", *map(str, argv)], check=check,
                              capture_output=True, text=True, timeout=30)

    def fetch(self, address, port, patience=5):
        """What an HTTP server there serves; None if it cannot be reached."""
        done = self.run("/usr/bin/python3", "-c", FETCH, address, port, patience, check=False)
        return done.stdout.strip() if done.returncode == 0 else None


def fetch(address, port, patience=5):
    """The same from the machine itself."""
    done = subprocess.run(["/usr/bin/python3", "-c", FETCH, address, str(port), str(patience)], capture_output=True,
                          text=True, timeout=30)
    return done.stdout.strip() if done.returncode == 0 else None


@contextlib.contextmanager
def neighbour():
    """A machine at the other end of a wire from this one. Its namespace has no name (`ip netns`), which would stay
    where a test is killed: it lasts as long as a process that ends with this one."""
    with subprocess.Popen(["unshare", "--net", "sh", "-c", "echo && exec cat"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"\n"  # it is inside
        peer = Neighbour(process.pid)
        try:
            ip("link", "add", "wire0", "type", "veth", "peer", "name", "wire1", "netns", process.pid)
            ip("addr", "add", f"{HOST}/24", "dev", "wire0")
            ip("link", "set", "wire0", "up")
            peer.run("ip", "addr", "add", f"{PEER}/24", "dev", "wire1")
            peer.run("ip", "link", "set", "lo", "up")
            peer.run("ip", "link", "set", "wire1", "up")
            peer.run("ip", "route", "add", "default", "via", HOST)
            yield peer
        finally:
            # At once: a namespace goes some time after its last process.
            subprocess.run(["ip", "link", "del", "wire0"], capture_output=True)
            process.stdin.close()


def nft(*words, code=0):
    done = subprocess.run(["nft", *words], capture_output=True, text=True)
    assert code is None or done.returncode == code, done.stderr
    return done.stdout


def nft_tables():
    return set(nft("list", "tables").splitlines())


def links():
    return {link["ifname"] for link in json.loads(ip("-j", "link").stdout)}


class NameServer:
    """A name server of somebody else's, on UDP and TCP: answers A questions with 192.0.2.1, and remembers them. A name
    that begins with "big" has 60 addresses, more than it says by UDP; one with "huge" 400, which it does say. With
    `failure`, a code, it fails every time, with 1 (what it cannot read) without the question."""

    def __init__(self, address, failure=0):
        self.questions, self.failure = [], failure
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.udp.bind((address, 53))
        self.tcp.bind((address, 53))
        self.tcp.listen()
        for serve in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=serve, daemon=True).start()

    def close(self):
        for server in (self.udp, self.tcp):
            with contextlib.suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
            server.close()

    def _answer(self, query, is_tcp=False):
        at, labels = 12, []
        query += bytes(16)  # nonsense is read like a question that ends
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode(errors="replace"))
            at = min(at + 1 + query[at], len(query) - 8)
        name, question = ".".join(labels), query[12:at + 5]
        self.questions.append(name)
        if self.failure:
            told = b"\0" if self.failure == 1 else b"\1"
            return query[:2] + b"\x81" + bytes([0x80 | self.failure]) + b"\0" + told + b"\0\0\0\0\0\0" + (question if told != b"\0" else b"")
        if name.startswith("nosuch"):
            return query[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + question
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
        count = 1 if question[-4:-2] == b"\0\1" else 0
        if count and name.startswith("huge"):
            return query[:2] + b"\x81\x80\0\1\1\x90\0\0\0\0" + question + record * 400
        if count and name.startswith("big"):
            if not is_tcp:
                return query[:2] + b"\x83\x80\0\1\0\0\0\0\0\0" + question
            many = b"".join(record[:-1] + bytes([number]) for number in range(60))
            return query[:2] + b"\x81\x80\0\1\0\x3c\0\0\0\0" + question + many
        return query[:2] + b"\x81\x80\0\1" + struct.pack(">H", count) + b"\0\0\0\0" + question + record * count

    def _serve_udp(self):
        with contextlib.suppress(OSError):
            while True:
                query, sender = self.udp.recvfrom(4096)
                if not sender:  # it was shut down
                    return
                self.udp.sendto(self._answer(query), sender)

    def _serve_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                client = self.tcp.accept()[0]
                with client:
                    size = struct.unpack(">H", client.recv(2, socket.MSG_WAITALL))[0]
                    answer = self._answer(client.recv(size, socket.MSG_WAITALL), True)
                    client.sendall(struct.pack(">H", len(answer)) + answer)


@contextlib.contextmanager
def name_server(address, failure=0):
    server = NameServer(address, failure)
    try:
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def web6():
    """A server of the machine's own at all its IPv6 addresses; gives its port. HOST6 is one of them, at the wire."""
    ip("addr", "add", f"{HOST6}/64", "dev", "wire0", "nodad")

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                with client:
                    client.recv(4096)
                    client.sendall(b"HTTP/1.0 200 OK\r\n\r\nhost\n")

    with socket.create_server(("::", 0), family=socket.AF_INET6) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
