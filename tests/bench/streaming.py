# SPDX-License-Identifier: Apache-2.0
"""The stream manager: messages of 1 KiB appended, and its memory, beside a plain loopback echo of the same bytes."""

import contextlib
import os
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "integration"))
import stream_peer  # noqa: E402

WINDOW = 64  # requests on their way


def frames(name, count):
    return [stream_peer.frame(stream_peer.APPEND, {"requestId": f"{i:036d}", "name": name, "payload": b"x" * 1024})
            for i in range(count)]


def drive(connection, requests, window):
    """Seconds for all requests, at most `window` unanswered. All answers are of one length but for the number."""
    got, sent, answered = bytearray(), 0, 0
    start = time.perf_counter()
    while answered < len(requests):
        if sent < len(requests) and sent - answered < window:
            until = min(len(requests), answered + window)
            connection.sendall(b"".join(requests[sent:until]))
            sent = until
        got += connection.recv(1 << 18)
        while len(got) >= 5 and len(got) >= (length := 4 + int.from_bytes(got[:4], "big")):
            del got[:length]
            answered += 1
    return time.perf_counter() - start


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def echo():
    """A process that answers each request with a frame of the right size: what Python and loopback can do at all."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = listener.accept()
        got, answer = bytearray(), stream_peer.frame(9, {"requestId": "0" * 36, "status": 0, "errorMessage": "",
                                                         "sequenceNumber": 100000})
        while part := connection.recv(1 << 18):
            got += part
            answers = b""
            while len(got) >= 5 and len(got) >= (length := 4 + int.from_bytes(got[:4], "big")):
                del got[:length]
                answers += answer
            connection.sendall(answers)

    child = os.fork()
    if child == 0:
        serve()
        os._exit(0)
    with socket.create_connection(listener.getsockname()) as connection:
        yield connection
    os.waitpid(child, 0)


class Comparison:
    def __init__(self, build, scratch, say, count):
        self.scratch, self.say, self.count = scratch, say, count
        stream_peer.PROGRAM = os.path.join(build, "lifecycle", "stream", "mooring-streams")

    def run(self):
        self.say("## Streams: appending 1 KiB")
        self.say()
        with stream_peer.Streams(os.path.join(self.scratch, "streams")) as streams:
            idle = streams.memory()
            rows = [("file, one at a time", {}, 1), (f"file, {WINDOW} on their way", {}, WINDOW),
                    (f"memory, {WINDOW} on their way", {"persistence": 1, "maxSize": 64 << 20}, WINDOW),
                    ("file with flushOnWrite, one at a time", {"flushOnWrite": True}, 1)]
            self.say("| stream | messages a second | processor time of the server for one, µs |")
            self.say("|---|--:|--:|")
            for i, (name, members, window) in enumerate(rows):
                count = self.count // 20 if "flush" in name else self.count
                with stream_peer.Client(streams) as client:
                    client.create(f"s{i}", **members)
                    requests = frames(f"s{i}", count)
                    before = processor_seconds(streams.process.pid)
                    times = [drive(client.socket, requests, window) for _ in range(3)]
                    spent = processor_seconds(streams.process.pid) - before
                self.say(f"| {name} | {count / statistics.median(times):.0f} | {spent / count / 3 * 1e6:.0f} |")
            peak = streams.memory()
            with echo() as connection:
                requests = frames("echo", self.count)
                times = [drive(connection, requests, WINDOW) for _ in range(3)]
            self.say(f"| the same client against an echo, {WINDOW} on their way | "
                     f"{self.count / statistics.median(times):.0f} | |")
        self.say()
        self.say(f"Memory of `mooring-streams` (PSS): {idle >> 10} KiB idle, {peak >> 10} KiB afterwards.")
        self.say()
