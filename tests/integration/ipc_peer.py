# SPDX-License-Identifier: Apache-2.0
"""A client of Greengrass IPC: event-stream frames, one operation at a time, and subscriptions."""

import json
import socket
import struct
import zlib


MESSAGE, CONNECT, CONNECT_ACK = 0, 4, 5
ACCEPTED, TERMINATE = 1, 2  # flags


class Refused(Exception):
    """The server's answer is an error: `body`, whose short name is `code` and whose shape is `shape`."""

    def __init__(self, shape, body):
        self.code, self.shape, self.body = body.get("_errorCode"), shape, body
        super().__init__(f"{self.code}: {body.get('message')}")


def encode(headers, payload=b""):
    block = b""
    for name, value in headers:
        block += bytes([len(name)]) + name.encode()
        if isinstance(value, int):
            block += b"\x04" + struct.pack(">i", value)
        else:
            block += b"\x07" + struct.pack(">H", len(value.encode())) + value.encode()
    start = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    message = start + struct.pack(">I", zlib.crc32(start)) + block + payload
    return message + struct.pack(">I", zlib.crc32(message))


def decode(message):
    """Headers and payload."""
    assert struct.unpack(">I", message[-4:])[0] == zlib.crc32(message[:-4])
    end = 12 + struct.unpack(">I", message[4:8])[0]
    headers, block = {}, message[12:end]
    while block:
        length = block[0]
        name, kind, block = block[1:1 + length].decode(), block[1 + length], block[2 + length:]
        if kind == 4:
            headers[name], block = struct.unpack(">i", block[:4])[0], block[4:]
        else:
            assert kind == 7, f"header type {kind}: the C component SDK takes 4 and 7 only"
            size = struct.unpack(">H", block[:2])[0]
            headers[name], block = block[2:2 + size].decode(), block[2 + size:]
    return headers, message[end:-4]


def shape_of(headers):
    """A message's type, without the namespace."""
    return headers.get("service-model-type", "").removeprefix("aws.greengrass#")


class Client:
    def __init__(self, path, token, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.stream = 0
        self.waiting = []  # (headers, payload) that came while another stream's was waited for
        self.send(CONNECT, 0, 0, [(":version", "0.1.0")], {"authToken": token})
        headers, _ = self.receive()
        assert headers[":message-type"] == CONNECT_ACK and headers[":message-flags"] == ACCEPTED, headers

    @classmethod
    def console(cls, root, uid=0, **options):
        """Who greengrass-cli is: the token that the nucleus' own user finds on the device."""
        with open(f"{root}/cli_ipc_info/user-{uid}") as file:
            info = json.load(file)
        return cls(info["domain_socket_path"], info["cli_auth_token"], **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, kind, flags, stream, more=(), payload=None):
        headers = [(":message-type", kind), (":message-flags", flags), (":stream-id", stream), *more]
        self.socket.sendall(encode(headers, b"" if payload is None else json.dumps(payload).encode()))

    def read(self, count):
        data = b""
        while len(data) < count:
            part = self.socket.recv(count - len(data))
            if not part:
                raise ConnectionError("the server has closed the connection")
            data += part
        return data

    def receive(self):
        start = self.read(12)
        return decode(start + self.read(struct.unpack(">I", start[:4])[0] - 12))

    def answer(self, stream):
        """The next message of the stream, as JSON."""
        place = next((i for i, (headers, _) in enumerate(self.waiting) if headers[":stream-id"] == stream), None)
        if place is not None:
            headers, payload = self.waiting.pop(place)
        else:
            headers, payload = self.receive()
            while headers[":stream-id"] != stream:
                self.waiting.append((headers, payload))
                headers, payload = self.receive()
        body = json.loads(payload or b"{}")
        if headers[":message-type"] != MESSAGE:
            raise Refused(shape_of(headers), body)
        return body

    def event(self):
        """The next message of any stream: (stream, shape, body)."""
        headers, payload = self.waiting.pop(0) if self.waiting else self.receive()
        return headers[":stream-id"], shape_of(headers), json.loads(payload) if payload else None

    def begin(self, operation, **members):
        self.stream += 1
        self.send(MESSAGE, 0, self.stream, [("operation", f"aws.greengrass#{operation}")], members)
        return self.stream

    def close_stream(self, stream):
        self.send(MESSAGE, TERMINATE, stream)

    def call(self, operation, **members):
        return self.answer(self.begin(operation, **members))

    def subscribe(self, operation, **members):
        """The stream on which events come: answer(stream)."""
        stream = self.begin(operation, **members)
        self.answer(stream)
        return stream
