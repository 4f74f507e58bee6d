# SPDX-License-Identifier: Apache-2.0
"""Runs mooring-streams as the nucleus would, and speaks to it byte by byte.

    with Streams(tmp_path / "store") as streams, Client(streams) as client:
        client.create("a")
        client.append("a", b"x")                    # the sequence number
        client.read("a", minMessageCount=1)         # messages
        client.ask(DESCRIBE, name="a")              # any request; its answer, whatever the status
        streams.advance(60_000)                     # the program's clock
"""

import array
import contextlib
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import cbor2

import world

PROGRAM = os.path.join(world.BUILD, "lifecycle", "stream", "mooring-streams")
FETCH = os.path.join(world.BUILD, "registry", "mooring-fetch")
with open(PROGRAM, "rb") as file:
    IS_SANITIZED = b"__asan_init" in file.read()    # its memory says nothing then
SECONDS = 30
TOKEN, COMPONENT = "0123456789ABCDEF", "com.example.Streamer"

CONNECT, CREATE, DELETE, APPEND, READ, LIST, DESCRIBE, UPDATE = 1, 2, 3, 4, 5, 11, 13, 15
ANSWER = {CONNECT: 6, CREATE: 7, DELETE: 8, APPEND: 9, READ: 10, LIST: 12, DESCRIBE: 14, UPDATE: 16}
(SUCCESS, UNKNOWN_FAILURE, UNAUTHORIZED, INVALID_REQUEST, REQUEST_TOO_LARGE, NOT_FOUND, _, ANSWER_TOO_LARGE,
 BAD_CONNECT_VERSION, UNEXPECTED_OPERATION, UNSUPPORTED_VERSION, INVALID_VERSION, FAILED_TO_CONNECT,
 NOT_ENOUGH, READ_ERROR, OUT_OF_MEMORY, UPDATE_FAILED, UPDATE_NOT_ALLOWED, UNKNOWN_OPERATION) = range(19)


class Failed(Exception):
    def __init__(self, answer):
        super().__init__(f"status {answer['status']}: {answer['errorMessage']}")
        self.status, self.text = answer["status"], answer["errorMessage"]


class Streams:
    """The program, and a nucleus for it: tokens, files, mooring-fetch."""

    def __init__(self, root, fetch_settings=None, configuration=None, **settings):
        self.root = str(root)
        os.makedirs(self.root, exist_ok=True)
        self.tokens = {TOKEN: COMPONENT}
        self.opened = []            # (component, path) that were asked for
        self.refused = {}           # path: (kind, text)
        self.fetches = []
        self.fetch_settings = {"patience": {"attempts": 1, "connect_seconds": 5}, **(fetch_settings or {})}
        self.settings = {"root": self.root, **settings,
                         "configuration": {"STREAM_MANAGER_SERVER_PORT": "0", **(configuration or {})}}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.stop(must_be_clean=kind is None)

    def start(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.link = ours
        self.process = spawn([PROGRAM], theirs, self.settings)
        self.is_ready, self.port = threading.Event(), None
        self.advanced, self.advanced_ms = threading.Semaphore(0), 0
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        if not self.is_ready.wait(SECONDS) or not self.port:
            self.process.kill()
            raise AssertionError("mooring-streams: " + self.process.communicate()[1].decode())

    def kill(self):
        """As a power cut would, as far as a process can see."""
        self.process.send_signal(signal.SIGKILL)
        self.end()

    def stop(self, must_be_clean=True):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.end()
        if must_be_clean:
            assert self.process.returncode == 0, self.errors

    def end(self):
        self.errors = self.process.communicate()[1].decode()
        self.thread.join(SECONDS)
        self.link.close()
        for fetch in self.fetches:
            fetch.wait(SECONDS)
            fetch.stderr.close()
        self.fetches = []

    def serve(self):
        while True:
            try:
                packet = self.link.recv(65536)
            except OSError:
                packet = b""
            if not packet:
                break
            message = json.loads(packet)
            if message.get("event") == "ready":
                self.port = message["port"]
                self.is_ready.set()
            elif message.get("event") == "advanced":
                self.advanced.release()
            else:
                self.answer(message, message.pop("id"))
        self.is_ready.set()

    def answer(self, message, number):
        reply = getattr(self, "on_" + message.pop("op"))(**message)
        fd = reply.pop("fd", None)
        rights = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        with contextlib.suppress(BrokenPipeError):    # killed meanwhile
            self.link.sendmsg([json.dumps({"id": number, **reply}).encode()], rights)
        if fd is not None:
            os.close(fd)

    def on_token(self, token):
        if token in self.tokens:
            return {"ok": True, "component": self.tokens[token]}
        return {"ok": False, "kind": "denied", "text": "unauthorized"}

    def on_open(self, component, path):
        self.opened.append((component, path))
        if path in self.refused:
            kind, text = self.refused[path]
            return {"ok": False, "kind": kind, "text": text}
        try:
            return {"ok": True, "fd": os.open(path, os.O_RDONLY)}
        except OSError as error:
            return {"ok": False, "kind": "not-found", "text": f"{path}: {error.strerror}"}

    def on_fetch(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.fetches.append(spawn([FETCH], theirs, self.fetch_settings))
        return {"ok": True, "fd": ours.detach()}

    def advance(self, milliseconds):
        self.link.send(json.dumps({"event": "advance", "ms": milliseconds}).encode())
        assert self.advanced.acquire(timeout=SECONDS)
        self.advanced_ms += milliseconds

    def memory(self):
        """Bytes that are this process's own (PSS)."""
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


def spawn(argv, link, settings, text=None):
    """A program that has its end of a socket at 3 and its settings at 5."""
    read_end, write_end = os.pipe()
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in (link.fileno(), read_end)]

    def place():
        os.dup2(high[0], 3)
        os.dup2(high[1], 5)

    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, preexec_fn=place, pass_fds=(3, 5))
    link.close()
    for fd in (read_end, *high):
        os.close(fd)
    with os.fdopen(write_end, "w") as pipe:
        pipe.write(json.dumps(settings) if text is None else text)
    return process


class Client:
    """One connection. Requests may overlap: `send` and `receive`."""

    def __init__(self, streams, token=TOKEN, connect=True):
        self.port, self.token, self.connects = streams.port, token, connect
        self.number = 0

    def __enter__(self):
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.connects:
            answer = self.connect()
            assert answer["status"] == SUCCESS, answer
        return self

    def __exit__(self, *_):
        self.socket.close()

    def connect(self, **changes):
        request = {"requestId": "c", "protocolVersion": "1.1.0",
                   "otherSupportedProtocolVersions": ["1.0.0"], "sdkVersion": "1.1.1"}
        if self.token is not None:
            request["authToken"] = self.token
        self.socket.sendall(b"\1" + frame(CONNECT, {**request, **changes}))
        return self.greeting()

    def greeting(self):
        assert self.exactly(1) == b"\1"
        operation, answer = self.receive()
        assert operation == ANSWER[CONNECT]
        return answer

    def exactly(self, count):
        data, got = bytearray(count), 0
        while got < count:
            part = self.socket.recv_into(memoryview(data)[got:])
            assert part, f"hung up after {got} of {count} bytes"
            got += part
        return bytes(data)

    def is_closed(self):
        return self.socket.recv(1) == b""

    def send(self, operation, request_id=None, **members):
        self.number += 1
        request_id = request_id or f"r{self.number}"
        self.socket.sendall(frame(operation, {"requestId": request_id, **members}))
        return request_id

    def receive(self):
        length, operation = struct.unpack(">IB", self.exactly(5))
        return operation, cbor2.loads(self.exactly(length - 1))

    def ask(self, operation, **members):
        request_id = self.send(operation, **members)
        got, answer = self.receive()
        assert (got, answer["requestId"]) == (ANSWER.get(operation, 17), request_id)
        assert None not in answer.values()
        return answer

    def must(self, operation, **members):
        answer = self.ask(operation, **members)
        if answer["status"] != SUCCESS:
            raise Failed(answer)
        return answer

    def create(self, name, strategyOnFull=1, **members):
        self.must(CREATE, definition={"name": name, "strategyOnFull": strategyOnFull, **members})

    def append(self, name, payload):
        return self.must(APPEND, name=name, payload=payload)["sequenceNumber"]

    def read(self, name, **options):
        return self.must(READ, streamName=name, readMessagesOptions=options)["messages"]

    def describe(self, name):
        return self.must(DESCRIBE, name=name)["messageStreamInfo"]

    def follow(self, name, start=0, until=lambda message: True, seconds=SECONDS):
        """Messages as they come, up to the first that `until` likes."""
        end = time.monotonic() + seconds
        while True:
            assert time.monotonic() < end, f"nothing more in {name} after {start}"
            answer = self.ask(READ, streamName=name, readMessagesOptions={
                "desiredStartSequenceNumber": start, "minMessageCount": 1, "readTimeoutMillis": 2000})
            for message in answer.get("messages", []):
                yield message
                if until(message):
                    return
                start = message["sequenceNumber"] + 1


def frame(operation, members):
    payload = members if isinstance(members, bytes) else cbor2.dumps(members)
    return struct.pack(">IB", len(payload) + 1, operation) + payload
