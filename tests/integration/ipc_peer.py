# SPDX-License-Identifier: Apache-2.0
"""A client of Greengrass IPC: event-stream frames, one operation at a time, and subscriptions."""

import json
import socket
import struct
import zlib


class Refused(Exception):
    """The server's answer is an error; `code` is its short name."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code


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


def decode_headers(block):
    headers = {}
    while block:
        length = block[0]
        name, kind, block = block[1:1 + length].decode(), block[1 + length], block[2 + length:]
        if kind == 4:
            headers[name], block = struct.unpack(">i", block[:4])[0], block[4:]
        else:
            size = struct.unpack(">H", block[:2])[0]
            headers[name], block = block[2:2 + size].decode(), block[2 + size:]
    return headers


class Client:
    def __init__(self, path, token, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.stream = 0
        self.waiting = {}  # stream: messages that came while another one was waited for
        self.send([(":message-type", 4), (":message-flags", 0), (":stream-id", 0),
                   (":version", "0.1.0")], {"authToken": token})
        headers, _ = self.receive()
        assert headers[":message-type"] == 5 and headers[":message-flags"] == 1, headers

    @classmethod
    def console(cls, root, uid=0, **options):
        """Who greengrass-cli is: the token that the nucleus' own user finds on the device."""
        with open(f"{root}/cli_ipc_info/user-{uid}") as file:
            info = json.load(file)
        return cls(info["domain_socket_path"], info["cli_auth_token"], **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, headers, payload):
        self.socket.sendall(encode(headers, json.dumps(payload).encode()))

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
        total, length = struct.unpack(">II", start[:8])
        rest = self.read(total - 12)
        return decode_headers(rest[:length]), rest[length:-4]

    def answer(self, stream):
        """The next message of the stream, as JSON."""
        while not self.waiting.setdefault(stream, []):
            headers, payload = self.receive()
            self.waiting.setdefault(headers[":stream-id"], []).append((headers, payload))
        headers, payload = self.waiting[stream].pop(0)
        body = json.loads(payload or b"{}")
        if headers[":message-type"] != 0:
            raise Refused(body.get("_errorCode"), body.get("message"))
        return body

    def begin(self, operation, **members):
        self.stream += 1
        self.send([(":message-type", 0), (":message-flags", 0), (":stream-id", self.stream),
                   ("operation", f"aws.greengrass#{operation}")], members)
        return self.stream

    def call(self, operation, **members):
        return self.answer(self.begin(operation, **members))

    def subscribe(self, operation, **members):
        """The stream on which events come: answer(stream)."""
        stream = self.begin(operation, **members)
        self.answer(stream)
        return stream
