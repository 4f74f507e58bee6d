# SPDX-License-Identifier: Apache-2.0
"""What a Greengrass device talks to, and who talks to it: certificates, an MQTT broker and a credentials provider
that ask for them, and the test nucleus. Its client is ipc_peer's (the real SDKs are in tests/interop)."""

import base64
import contextlib
import datetime
import http.server
import json
import os
import socket
import ssl
import subprocess
import threading
import time

import world
from ipc_peer import Client

THING = "gateway-7"


# -- certificates -----------------------------------------------------------------------------------------------------

class Certificates:
    """A root that stands for Amazon's, a server's certificate for 127.0.0.1 and localhost, the thing's; and those of a
    stranger, whom nobody knows."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.root = self._authority("root")
        self._authority("stranger-root")
        self.server, self.server_key = self._certificate("server", "root", "DNS:localhost,IP:127.0.0.1")
        self.thing, self.thing_key = self._certificate(THING, "root", None)
        self.stranger, self.stranger_key = self._certificate("stranger", "stranger-root", None)
        self.stranger_root = self._path("stranger-root.pem")

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _openssl(self, *argv):
        subprocess.run(["openssl", *argv], check=True, cwd=self.directory, capture_output=True)

    def _authority(self, name):
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                      "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
        return self._path(f"{name}.pem")

    def _certificate(self, name, authority, names):
        extensions = self._path(f"{name}.ext")
        with open(extensions, "w") as file:
            file.write(f"subjectAltName={names}\n" if names else "basicConstraints=CA:FALSE\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                      "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.pem", "-CAkey", f"{authority}.key",
                      "-CAcreateserial", "-days", "30", "-extfile", extensions, "-out", f"{name}.pem")
        return self._path(f"{name}.pem"), self._path(f"{name}.key")

    def device(self, **changes):
        """The settings that name them."""
        return {"thing": THING, "certificate": self.thing, "key": self.thing_key, "root_ca": self.root, **changes}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


# -- AWS' side --------------------------------------------------------------------------------------------------------

class Broker:
    """mosquitto that takes only clients with a certificate, as AWS IoT Core does; it can be stopped and started."""

    def __init__(self, directory, certificates):
        self.certificates = certificates
        self.port = free_port()
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        os.chmod(self.directory, 0o777)
        self.file = os.path.join(self.directory, "mosquitto.conf")
        with open(self.file, "w") as file:
            file.write(f"listener {self.port} 127.0.0.1\ncafile {certificates.root}\n"
                       f"certfile {certificates.server}\nkeyfile {certificates.server_key}\n"
                       "require_certificate true\nuse_identity_as_username true\nuser root\n"
                       f"acl_file {self.directory}/acl\nmax_inflight_messages 20\n"
                       f"persistence true\npersistence_location {self.directory}/\n")
        self.acl("pattern readwrite #\n")
        self.process = None

    def acl(self, text):
        with open(os.path.join(self.directory, "acl"), "w") as file:
            file.write(text)

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.file], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        world.wait_until(self._is_up, "the broker listens")

    def _is_up(self):
        assert self.process.poll() is None, "mosquitto ended"
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def _client(self, program, *argv):
        return [program, "-h", "localhost", "-p", str(self.port), "--cafile", self.certificates.root,
                "--cert", self.certificates.thing, "--key", self.certificates.thing_key, *argv]

    def publish(self, topic, text, *argv):
        subprocess.run(self._client("mosquitto_pub", "-q", "1", "-t", topic, "-m", text, *argv), check=True, timeout=20)

    @contextlib.contextmanager
    def subscriber(self, topic, client="listener", clean=False):
        """A list that fills with "TOPIC TEXT" lines."""
        argv = self._client("mosquitto_sub", "-i", client, "-q", "1", "-t", topic, "-v", *([] if clean else ["-c"]))
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        lines = []
        reader = threading.Thread(target=self._read, args=(process, lines))
        reader.start()
        marker = f"ready-{client}"

        def is_ready():
            self.publish(topic.replace("#", marker), "x")
            return any(marker in line for line in lines)

        try:
            world.wait_until(is_ready, "the subscriber hears something")
            yield Lines(lines, marker)
        finally:
            process.terminate()
            process.wait(10)
            reader.join(10)
            process.stdout.close()

    @staticmethod
    def _read(process, lines):
        for line in process.stdout:
            lines.append(line.rstrip("\n"))


class Lines:
    def __init__(self, lines, marker):
        self._lines, self._marker = lines, marker

    def __call__(self):
        return [line for line in list(self._lines) if self._marker not in line]


class CredentialsProvider:
    """The IoT credentials provider: HTTPS that asks for the thing's certificate. `answers` is what it says next, as
    (status, body) or a function that makes it; the last one stays."""

    def __init__(self, certificates):
        self.answers = [(200, credentials(3600))]
        self.requests = []
        self.gate = threading.Event()
        self.gate.set()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.requests.append((self.path, self.headers.get("x-amzn-iot-thingname")))
                outer.gate.wait(20)
                status, body = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                data = body.encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates.server, certificates.server_key)
        context.load_verify_locations(certificates.root)
        context.verify_mode = ssl.CERT_REQUIRED
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.endpoint = f"localhost:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    def close(self):
        self.gate.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def credentials(seconds, key="ASIAEXAMPLE"):
    """The provider's answer: credentials that live so long."""
    end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return json.dumps({"credentials": {"accessKeyId": key, "secretAccessKey": "secret", "sessionToken": "token",
                                       "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}})


class HttpProxy:
    """An HTTP proxy that knows CONNECT and asks for a login."""

    def __init__(self, login="user:password"):
        self.login = base64.b64encode(login.encode()).decode()
        self.seen = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(1)
            lines = head.decode().split("\r\n")
            self.seen.append(lines[0])
            if f"Proxy-Authorization: Basic {self.login}" not in lines:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                client.close()
                return
            host, port = lines[0].split()[1].rsplit(":", 1)
            upstream = socket.create_connection((host, int(port)))
            self.sockets += [client, upstream]
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            threading.Thread(target=self._copy, args=(upstream, client), daemon=True).start()
            self._copy(client, upstream)

    @staticmethod
    def _copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.server.close()
        for end in self.sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


# -- the device -------------------------------------------------------------------------------------------------------

class Nucleus:
    """tests/ipc/ipc_nucleus.c: real IPC, MQTT and token exchange; components are names."""

    def __init__(self, directory, components, **parts):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.socket = os.path.join(self.directory, "ipc.socket")
        self.settings = os.path.join(self.directory, "settings.json")
        with open(self.settings, "w") as file:
            json.dump({"socket": self.socket, "data": self.directory, "components": components, **parts}, file)
        self.process = subprocess.Popen([os.path.join(world.BUILD, "tests", "ipc-nucleus"), self.settings],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        hello = json.loads(self.process.stdout.readline() or "{}")
        assert hello, "the nucleus did not start"
        self.tokens, self.uri = hello["tokens"], hello.get("uri")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def state(self):
        self.tell("state")
        return json.loads(self.line())

    def wait_state(self, state):
        return world.wait_until(lambda: self.state()["mqtt"]["state"] == state, f"MQTT is {state}")

    def client(self, component):
        return Client(self.socket, self.tokens[component])

    def environment(self, component):
        """What a component's scripts find."""
        return {"SVCUID": self.tokens[component], "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": self.socket,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": self.tokens[component],
                **({"AWS_CONTAINER_CREDENTIALS_FULL_URI": self.uri} if self.uri else {})}

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


def allow(**services):
    """accessControl that allows everything of each service: allow(pubsub="aws.greengrass.ipc.pubsub")."""
    return {"accessControl": {service: {"p": {"operations": ["*"], "resources": ["*"]}}
                              for service in services.values()}}


MQTT = allow(mqtt="aws.greengrass.ipc.mqttproxy", pubsub="aws.greengrass.ipc.pubsub")


def blob(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def now():
    return time.time()
