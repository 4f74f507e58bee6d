# SPDX-License-Identifier: Apache-2.0
"""Drives mooring-fetch as mooring-unpack would, over its contract, and serves it whatever a test likes.

    with Fetch(insecure=["registry.test:80"]) as fetch:
        reply, body = fetch.get(op="manifest", reference="127.0.0.1:5000/x")

    def answer(call):                      # runs for each request
        call.reply(200, b"body", ETag="x")
    with Server(answer) as server:
        server.host, server.calls
"""

import array
import contextlib
import fcntl
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import world

PROGRAM = os.path.join(world.BUILD, "registry", "mooring-fetch")
SECONDS = 30
QUICK = {"attempts": 5, "back_off_ms": 1, "connect_seconds": 10, "stall_seconds": 10}


# Gives the program a /etc/hosts of its own.
WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$1"'


class Fetch:
    """`hosts` are names with their addresses, for it alone. What it has learnt, where the settings say
    tells_learnt, is in `learnt` afterwards."""

    def __init__(self, program=PROGRAM, settings_text=None, patience=None, hosts=None, **settings):
        self.program = program
        self.hosts = hosts
        settings["patience"] = {**QUICK, **(patience or {})}
        self.settings = settings_text or json.dumps(settings)
        self.messages = []
        self.next_id = 1

    def __enter__(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        read_end, write_end = os.pipe()
        # Out of the way of the numbers they shall have.
        self.learnt_file = tempfile.TemporaryFile()
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100)
                for fd in (theirs.fileno(), read_end, self.learnt_file.fileno())]

        def place():
            for fd, number in zip(high, (3, 5, 6)):
                os.dup2(fd, number)

        command = [self.program]
        if self.hosts:
            self.hosts_file = tempfile.NamedTemporaryFile("w", prefix="hosts-")
            self.hosts_file.writelines(f"{address} {name}\n" for name, address in self.hosts.items())
            self.hosts_file.flush()
            os.chmod(self.hosts_file.name, 0o644)
            command = ["unshare", "--mount", "sh", "-c", WITH_HOSTS, self.hosts_file.name, self.program]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, preexec_fn=place, pass_fds=(3, 5, 6))
        theirs.close()
        for fd in (read_end, *high):
            os.close(fd)
        with contextlib.suppress(BrokenPipeError), os.fdopen(write_end, "wb") as pipe:
            pipe.write(self.settings.encode())
        self.socket = ours
        self.socket.settimeout(SECONDS)
        return self

    def __exit__(self, kind, *_):
        self.socket.close()
        try:
            self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            if kind is None:
                raise
        self.errors = self.process.stderr.read().decode()
        self.process.stderr.close()
        self.learnt_file.seek(0)
        self.learnt = [json.loads(line) for line in self.learnt_file]
        self.learnt_file.close()
        if kind is None:
            assert self.process.returncode == 0 and not self.errors, \
                f"mooring-fetch: exit {self.process.returncode}: {self.errors}"

    def send(self, packet, *fds):
        """One packet as it is."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.socket.sendmsg([packet if isinstance(packet, bytes) else json.dumps(packet).encode()],
                            rights)

    def start(self, **request):
        """Sends a request with a pipe; returns its id and the pipe's end to read from. `body_from` is a
        descriptor that the request's own body comes from."""
        body = request.pop("body_from", None)
        number, self.next_id = self.next_id, self.next_id + 1
        read_end, write_end = os.pipe()
        self.send({"id": number, **request}, write_end, *([] if body is None else [body]))
        os.close(write_end)
        return number, read_end

    def receive(self):
        packet = self.socket.recv(1 << 16)
        assert packet, "mooring-fetch hung up"
        message = json.loads(packet)
        self.messages.append(message)
        return message

    def wait(self, number):
        """The final reply to a request."""
        for message in self.messages:
            if message["id"] == number and "ok" in message:
                return message
        while True:
            message = self.receive()
            if message["id"] == number and "ok" in message:
                return message

    def get(self, **request):
        """Reply and body of one request."""
        number, read_end = self.start(**request)
        chunks = []

        def read():
            with os.fdopen(read_end, "rb") as pipe:
                chunks.append(pipe.read())

        reader = threading.Thread(target=read)
        reader.start()
        reply = self.wait(number)
        reader.join(SECONDS)
        assert not reader.is_alive(), "the body's descriptor was not closed"
        return reply, chunks[0]

    def status(self):
        """/proc/PID/status as a dictionary."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def cpu_ticks(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def descriptors(self):
        return sorted(os.listdir(f"/proc/{self.process.pid}/fd"), key=int)


class Seen:
    """One request as it came."""

    def __init__(self, call):
        self.command, self.path, self.headers = call.command, call.path, call.headers
        self.raw, self.body = call.raw, call.body

    def header(self, name):
        return self.headers.get(name)


class Server:
    """HTTP on a loopback address; `answer(call)` deals with each request. `certificate` is a PEM file
    with a key: TLS, and who calls must have a certificate signed by `client_ca`, where given, or may show one signed by
    `asks_for`. `read(file, length)` reads a request's body."""

    def __init__(self, answer, address="127.0.0.1", port=0, certificate=None, client_ca=None, read=None, asks_for=None):
        server = self

        class Call(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            answer_to = staticmethod(answer)

            def log_message(self, *_):
                pass

            def serve(self):
                length = int(self.headers.get("Content-Length", 0))
                self.raw = read(self.rfile, length) if read else self.rfile.read(length)
                self.body = self.raw.decode(errors="replace")
                server.calls.append(Seen(self))  # this object serves the connection's next, too
                with contextlib.suppress(ConnectionError):
                    self.answer_to(self)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = serve

            header = Seen.header

            def reply(self, status, body=b"", length=None, **headers):
                """`length` lies about the body's; headers: Content_Type="…" or a list of values."""
                self.send_response(status)
                for name, values in headers.items():
                    for value in values if isinstance(values, list) else [values]:
                        self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(body) if length is None else length))
                self.end_headers()
                self.wfile.write(body)

            def hang_up(self):
                self.wfile.flush()
                self.close_connection = True

            def chunks(self, pieces, **headers):
                self.send_response(200)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")

            def setup(self):
                server.connections += 1
                super().setup()

        self.calls = []
        self.connections = 0
        self.http = ThreadingHTTPServer((address, port), Call)
        self.http.daemon_threads = True
        self.http.handle_error = lambda *_: None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            if client_ca or asks_for:
                context.verify_mode = ssl.CERT_REQUIRED if client_ca else ssl.CERT_OPTIONAL
                context.load_verify_locations(client_ca or asks_for)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True,
                                                   do_handshake_on_connect=False)
        self.host = f"{address}:{self.http.server_address[1]}"

    def __enter__(self):
        self.thread = threading.Thread(target=self.http.serve_forever,
                                       kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join(SECONDS)

    def paths(self):
        return [call.path for call in self.calls]


def make_certificate(directory, *names, owner="test"):
    """A self-signed certificate of `owner` with its key, in one PEM file, for 127.0.0.1 and these names."""
    path = os.path.join(directory, "tls.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", f"/CN={owner}", "-addext", ",".join(["subjectAltName=IP:127.0.0.1", *(f"DNS:{name}" for name in names)]),
         "-keyout", path, "-out", path + ".crt"], check=True, capture_output=True, timeout=SECONDS)
    with open(path + ".crt", encoding="ascii") as cert, open(path, "a", encoding="ascii") as pem:
        pem.write(cert.read())
    return path
