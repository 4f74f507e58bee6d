# SPDX-License-Identifier: Apache-2.0
"""The token exchange service against an IoT credentials provider that asks for the thing's certificate."""

import http.client
import json
import os
import socket
import threading
import time
import urllib.parse

import boto3
import greengrass
import pytest
import world

A, DENIED = "com.example.A", "com.example.Denied"
PATH = "/2016-11-01/credentialprovider/"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return greengrass.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def provider(certificates):
    provider = greengrass.CredentialsProvider(certificates)
    yield provider
    provider.close()


@pytest.fixture
def device(tmp_path, certificates, provider):
    made = []

    def make(**changes):
        settings = {"endpoint": provider.endpoint, "role_alias": "Alias", **certificates.device(), **changes}
        made.append(greengrass.Nucleus(tmp_path / f"n{len(made)}", {A: {}, DENIED: {}, "user-0": {}},
                                       credentials=settings))
        return made[-1]

    yield make
    for nucleus in made:
        nucleus.close()


def get(nucleus, token, method="GET", path=PATH, host=None, timeout=10):
    """(status, body) of one request; `token` None: no header."""
    port = urllib.parse.urlsplit(nucleus.uri).port
    connection = http.client.HTTPConnection(host or "127.0.0.1", port, timeout=timeout)
    connection.request(method, path, headers={} if token is None else {"Authorization": token})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body


def raw(nucleus, data):
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(nucleus.uri).port), 15) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def test_credentials(device, provider):
    nucleus = device()
    token = nucleus.tokens[A]
    status, body = get(nucleus, token)
    assert status == 200
    given = json.loads(body)
    assert sorted(given) == ["AccessKeyId", "Expiration", "SecretAccessKey", "Token"]
    assert given["AccessKeyId"] == "ASIAEXAMPLE" and given["Token"] == "token"
    assert provider.requests == [("/role-aliases/Alias/credentials", greengrass.THING)]
    assert get(nucleus, token, host="::1")[0] == 200
    assert len(provider.requests) == 1, "answered from memory"
    for wrong in [None, "", "AAAAAAAAAAAAAAAA", "Bearer " + token, token + "A", nucleus.tokens[DENIED],
                  nucleus.tokens["user-0"]]:
        assert get(nucleus, wrong) == (403, "")
    assert get(nucleus, token, method="POST") == (405, "")
    assert get(nucleus, token, method="HEAD")[0] == 405
    for path in ["/", PATH[:-1], PATH + "x", "/2016-11-01/credentialprovider/?x"]:
        assert get(nucleus, token, path=path) == (400, "")
    state = nucleus.state()["credentials"]
    assert state["state"] == "ready" and state["uri"] == nucleus.uri
    nucleus.tell(f"gone {A}")
    world.wait_until(lambda: get(nucleus, token)[0] == 403, "the token is no longer valid")


def test_hostile_clients(device):
    nucleus = device()
    token = nucleus.tokens[A]
    request = f"GET {PATH} HTTP/1.1\r\nauthorization:{token}\t\r\n\r\n"
    assert raw(nucleus, request.encode()).startswith("HTTP/1.1 200 OK\r\n")
    assert raw(nucleus, request.replace("\r\n", "\n").encode()).startswith("HTTP/1.1 200 OK\r\n")
    for data, status in [(b"\r\n\r\n", 400), (b"GET\r\n\r\n", 400), (b"GET / HTTP/2\r\n\r\n", 400),
                         (b"GET " + b"x" * 5000, 431), (b"\0" * 100, 400), (b"X" * 20000, 431),
                         (request.replace("\r\n\r\n", f"\r\nAuthorization: {token}\r\n\r\n").encode(), 400)]:
        assert raw(nucleus, data).startswith(f"HTTP/1.1 {status} "), data[:50]
    # Bytes one by one; and more silent clients than are served, who hurt nobody else for long.
    with socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(nucleus.uri).port), 15) as slow:
        for byte in request.encode():
            slow.sendall(bytes([byte]))
        assert slow.recv(100).startswith(b"HTTP/1.1 200")
    silent = [socket.create_connection(("127.0.0.1", urllib.parse.urlsplit(nucleus.uri).port)) for _ in range(63)]
    assert get(nucleus, token)[0] == 200
    for connection in silent:
        connection.close()
    # Nobody listens but on the loopback.
    port = urllib.parse.urlsplit(nucleus.uri).port
    with open(f"/proc/{nucleus.process.pid}/net/tcp") as file:
        listeners = [line.split()[1] for line in file if line.split()[3] == "0A"]
    assert [name for name in listeners if name.endswith(f":{port:04X}")] == [f"0100007F:{port:04X}"]


def test_refused_by_the_cloud(device, provider):
    provider.answers = [(403, '{"message":"Access\nDenied"}'), (200, greengrass.credentials(3600))]
    nucleus = device(client_error_seconds=1)
    status, body = get(nucleus, nucleus.tokens[A])
    assert status == 403 and body.startswith("TES responded with status code: 403. Caching response.")
    assert get(nucleus, nucleus.tokens[A])[0] == 403
    assert len(provider.requests) == 1, "a refusal is remembered"
    world.wait_until(lambda: get(nucleus, nucleus.tokens[A])[0] == 200, "and forgotten after its time")


def test_errors_of_the_cloud(device, provider, certificates):
    provider.answers = [(500, "oops")]
    nucleus = device()
    status, body = get(nucleus, nucleus.tokens[A])
    assert status == 500 and "500" in body
    for changes, part in [({"endpoint": f"localhost:{greengrass.free_port()}"}, "onnect"),
                          ({"root_ca": certificates.stranger_root}, "certificate"),
                          ({"certificate": certificates.stranger, "key": certificates.stranger_key}, "")]:
        nucleus = device(**changes)
        world.wait_until(lambda: get(nucleus, nucleus.tokens[A])[0] == 504, "it says so")
        assert part in nucleus.state()["credentials"]["trouble"]
    provider.answers = [(200, greengrass.credentials(-5))]
    nucleus = device()
    status, body = get(nucleus, nucleus.tokens[A])
    assert status == 504 and "clock" in body
    provider.answers = [(200, "{}")]
    nucleus = device()
    assert get(nucleus, nucleus.tokens[A])[0] == 504


def test_slow_provider_and_prefetch(device, provider):
    """Who asks while a fetch is under way waits two seconds at most; one fetch serves all; credentials are fetched
    anew at half of a short life, so that the next one finds them ready."""
    provider.answers = [(200, greengrass.credentials(14, "FIRST")), (200, greengrass.credentials(3600, "SECOND"))]
    provider.gate.clear()
    nucleus = device()
    begin = time.monotonic()
    results = []
    threads = [threading.Thread(target=lambda: results.append(get(nucleus, nucleus.tokens[A]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [status for status, _ in results] == [500] * 8 and time.monotonic() - begin >= 2
    provider.gate.set()
    world.wait_until(lambda: nucleus.state()["credentials"]["state"] == "ready", "the fetch is over")
    assert json.loads(get(nucleus, nucleus.tokens[A])[1])["AccessKeyId"] == "FIRST"
    assert len(provider.requests) == 1
    world.wait_until(lambda: len(provider.requests) == 2, "fetched before they expire", 20)
    world.wait_until(lambda: "SECOND" in get(nucleus, nucleus.tokens[A])[1], "the new ones are served")


def test_botocore(device, monkeypatch):
    nucleus = device()
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    for name, value in nucleus.environment(A).items():
        monkeypatch.setenv(name, value)
    given = boto3.Session().get_credentials().get_frozen_credentials()
    assert given == ("ASIAEXAMPLE", "secret", "token")
