# SPDX-License-Identifier: Apache-2.0
"""mooring-fetch's op "http": requests as a caller composes them, and their replies whatever the status."""

import contextlib
import datetime
import os
import random
import ssl
import tempfile
import threading

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from fetch_peer import Fetch, Server, make_certificate

BODY = random.Random(5).randbytes(3_000_000)
KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}


def echo(call):
    call.reply(200, call.raw, X_Method=call.command)


def http(server, path="/", **request):
    scheme = "https" if isinstance(server.http.socket, ssl.SSLSocket) else "http"
    return {"op": "http", "url": f"{scheme}://{server.host}{path}", **request}


@contextlib.contextmanager
def file_of(data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


@pytest.mark.parametrize("method, status", [("GET", 200), ("GET", 404), ("DELETE", 204), ("POST", 500), ("GET", 301)])
def test_reply_whatever_its_status(method, status):
    body = b"" if status == 204 else b"words"

    def answer(call):
        call.reply(status, body, Location="http://127.0.0.1:1/", ETag='"x"', X_Long="y" * 1250)
    with Server(answer) as server, Fetch() as fetch:
        reply, got = fetch.get(**http(server, "/p?q=1", method=method, wanted=["etag", "Location", "X-Long", "X-No"]))
        assert reply == {"id": 1, "ok": True, "status": status, "size": len(body),
                         "headers": {"etag": '"x"', "Location": "http://127.0.0.1:1/"}}
        assert got == body and [(seen.command, seen.path) for seen in server.calls] == [(method, "/p?q=1")]


def test_head_has_no_body():
    with Server(lambda call: call.reply(200, length=10**12)) as server, Fetch() as fetch:
        reply, got = fetch.get(**http(server, method="HEAD", wanted=["Content-Length"]))
        assert (reply["headers"], reply["size"], got) == ({"Content-Length": str(10**12)}, 0, b"")


def test_body_and_headers_in_the_packet():
    with Server(echo) as server, Fetch() as fetch:
        reply, got = fetch.get(**http(server, method="POST", body='{"ü":1}', headers={"Content-Type": "a/b", "X-E": ""}))
        assert reply["ok"] and got.decode() == '{"ü":1}'
        seen = server.calls[0]
        assert (seen.header("Content-Type"), seen.header("X-E"), seen.header("Content-Length")) == ("a/b", "", "8")
        reply, _ = fetch.get(**http(server, method="PUT"))
        seen = server.calls[1]
        assert (seen.header("Content-Type"), seen.header("Content-Length")) == (None, "0")


def test_body_from_a_file_and_from_a_slow_pipe():
    with Server(echo) as server, Fetch() as fetch, file_of(b"skipped" + BODY + b"more") as file:
        os.lseek(file, 7, os.SEEK_SET)
        request = http(server, method="PUT", body_size=len(BODY), limit=len(BODY))
        reply, got = fetch.get(**request, body_from=file)
        assert reply["ok"] and got == BODY

        read_end, write_end = os.pipe()

        def write():
            with os.fdopen(write_end, "wb") as pipe:
                for at in range(0, len(BODY), 500_000):
                    pipe.write(BODY[at:at + 500_000])
                    pipe.flush()
        writer = threading.Thread(target=write)
        number, reply_end = fetch.start(**request, body_from=read_end)
        os.close(read_end)
        writer.start()
        with os.fdopen(reply_end, "rb") as pipe:
            assert pipe.read() == BODY
        writer.join(30)
        assert fetch.wait(number)["size"] == len(BODY) and server.connections == 1
        assert int(fetch.status()["VmHWM"].split()[0]) < 40_000 or "asan" in fetch.program


def test_body_that_ends_too_early():
    with Server(echo) as server, Fetch() as fetch, file_of(b"abc") as file:
        reply, _ = fetch.get(**http(server, method="PUT", body_size=4, attempts=3), body_from=file)
        assert reply["kind"] == "input" and reply["text"].endswith("the request's body ends after 3 of 4 bytes")


@pytest.mark.parametrize("answer", [lambda call: call.reply(200, b"x" * 101),
                                    lambda call: call.chunks([b"x" * 60, b"x" * 60])], ids=["length", "chunks"])
def test_limit_of_the_reply(answer):
    with Server(answer) as server, Fetch() as fetch:
        reply, got = fetch.get(**http(server, limit=100))
        assert reply["kind"] == "corrupt" and "the reply is larger than 100 bytes" in reply["text"] and len(got) <= 100
        assert fetch.get(**http(server, limit=120))[0]["ok"]


def test_many_requests_over_one_connection():
    with Server(echo) as server, Fetch() as fetch:
        for i in range(50):
            assert fetch.get(**http(server, method="POST", body=str(i)))[1] == str(i).encode()
        assert server.connections == 1 and len(server.calls) == 50


def test_connection_that_was_closed_meanwhile_is_replaced():
    def answer(call):
        echo(call)
        call.close_connection = True
    with Server(answer) as server, Fetch() as fetch, file_of(BODY) as file:
        assert fetch.get(**http(server))[0]["ok"]
        request = http(server, method="PUT", body_size=len(BODY), limit=len(BODY))
        assert fetch.get(**request, body_from=file)[1] == BODY


def test_once_unless_asked():
    def answer(call):
        call.reply(503, b"later", Retry_After="0")
    with Server(answer) as server, Fetch() as fetch:
        reply, got = fetch.get(**http(server))
        assert (reply["status"], got, len(server.calls)) == (503, b"later", 1)
        reply, got = fetch.get(**http(server, attempts=3))
        assert (reply["status"], got, len(server.calls)) == (503, b"later", 4)


def test_attempts_send_the_body_again():
    def answer(call):
        if len(server.calls) < 3:
            call.hang_up()
        else:
            echo(call)
    with Server(answer) as server, Fetch() as fetch, file_of(BODY) as file:
        request = http(server, method="PUT", body_size=len(BODY), limit=len(BODY), attempts=5)
        reply, got = fetch.get(**request, body_from=file)
        assert reply["ok"] and got == BODY and len(server.calls) == 3


def test_nobody_there():
    with Server(echo) as server:
        request = http(server, "/x?secret", method="POST", body="x")
    with Fetch() as fetch:
        reply, _ = fetch.get(**request)
    assert reply["kind"] == "network"
    assert reply["text"] == f"Post \"http://{server.host}/x\": dial tcp {server.host}: connect: connection refused"


@pytest.mark.parametrize("patience, part", [({"total_seconds": 1}, "not done within 1 seconds"),
                                            ({"stall_seconds": 1}, "nothing arrived for 1 seconds")])
def test_patience_of_one_request(patience, part):
    over = threading.Event()
    with Server(lambda call: over.wait(20)) as server, Fetch() as fetch:
        reply, _ = fetch.get(**http(server, **patience))
        over.set()
    assert reply["kind"] == "network" and part in reply["text"]


# --- signatures, against botocore's ---

def signed_by_botocore(seen, service, region, body, skew=0, token=None):
    """The Authorization that botocore gives the request as the server saw it."""
    request = AWSRequest(seen.command, f"http://{seen.header('Host')}{seen.path}", data=body)
    for name, value in seen.headers.items():
        if name.lower() in ("host", "content-type", "x-amz-content-sha256") or name.lower().startswith("x-amz-target"):
            request.headers[name] = value
    date = datetime.datetime.strptime(seen.header("X-Amz-Date"), "%Y%m%dT%H%M%SZ")
    now = datetime.datetime.utcnow() + datetime.timedelta(seconds=skew)
    assert abs((now - date).total_seconds()) < 60
    request.context.update(timestamp=seen.header("X-Amz-Date"), payload_signing_enabled=True)
    signer = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials(KEYS["access_key_id"], KEYS["secret_access_key"], token), service, region)
    request.headers["X-Amz-Date"] = seen.header("X-Amz-Date")
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    signature = signer.signature(signer.string_to_sign(request, canonical), request)
    fields = signer.signed_headers(signer.headers_to_sign(request))
    return (f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={fields}, Signature={signature}")


@pytest.mark.parametrize("service, path, body, token", [
    ("kinesis", "/", '{"Records":[]}', None), ("ecr", "/", "{}", "tok/en=="), ("sts", "/a%20b/?b=2&a=1", "", None),
    ("s3", "/bucket/a%20b?partNumber=2&uploadId=x%2Fy", "part", "tok/en==")])
def test_signature_is_botocores(service, path, body, token):
    keys = {**KEYS, **({"session_token": token} if token else {})}
    request = {"method": "POST", "body": body, "headers": {"Content-Type": "application/x-amz-json-1.1",
                                                           "X-Amz-Target": "A_1.B", "X-Other": "z"},
               "sign": {"service": service, "region": "eu-west-1"}}
    with Server(echo) as server:
        with Fetch(aws=keys) as fetch:
            assert fetch.get(**http(server, path, **request))[0]["ok"]
        with Fetch(aws={**KEYS, "access_key_id": "OTHER"}) as fetch:
            request["sign"].update(keys)
            assert fetch.get(**http(server, path, **request))[0]["ok"]
        for seen in server.calls:
            assert seen.header("Authorization") == signed_by_botocore(seen, service, "eu-west-1", body, token=token)
            assert seen.header("X-Amz-Security-Token") == token


def test_signed_body_from_a_descriptor():
    sign = {"service": "s3", "region": "us-east-1"}
    with Server(echo) as server, Fetch(aws=KEYS) as fetch, file_of(BODY) as file:
        request = http(server, "/b/k", method="PUT", body_size=len(BODY), limit=len(BODY), sign=sign)
        assert fetch.get(**request, body_from=file)[1] == BODY
        assert server.calls[0].header("Authorization") == \
            signed_by_botocore(server.calls[0], "s3", "us-east-1", BODY)
        read_end, write_end = os.pipe()
        with os.fdopen(write_end, "wb") as pipe:
            pipe.write(b"abc")
        assert fetch.get(**{**request, "body_size": 3}, body_from=read_end)[1] == b"abc"
        os.close(read_end)
        assert server.calls[1].header("X-Amz-Content-Sha256") == "UNSIGNED-PAYLOAD"


def test_clock_of_the_server_is_taken_once():
    day = 86400 * 300

    def answer(call):
        call.date_time_string = lambda timestamp=None: (
            datetime.datetime.utcnow() + datetime.timedelta(seconds=day)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        call.reply(400, b'{"__type":"InvalidSignatureException"}')
    with Server(answer) as server, Fetch(aws=KEYS) as fetch:
        reply, got = fetch.get(**http(server, method="POST", body="{}", sign={"service": "ecr", "region": "r"}))
        assert reply["status"] == 400 and got.startswith(b"{") and len(server.calls) == 2
        signed_by_botocore(server.calls[0], "ecr", "r", "{}")
        signed_by_botocore(server.calls[1], "ecr", "r", "{}", skew=day)


def test_nothing_to_sign_with():
    with Server(echo) as server, Fetch() as fetch:
        reply, _ = fetch.get(**http(server, sign={"service": "ecr", "region": "r"}))
        assert reply["kind"] == "denied" and "no AWS credentials" in reply["text"] and not server.calls


# --- mutual TLS ---

def test_client_certificate(tmp_path):
    os.makedirs(tmp_path / "client")
    server_pem, client_pem = make_certificate(tmp_path), make_certificate(tmp_path / "client")
    ca, mine = open(server_pem, encoding="ascii").read(), open(client_pem, encoding="ascii").read()
    with Server(echo, certificate=server_pem, client_ca=client_pem) as server, Fetch() as fetch:
        tls = {"ca": ca, "certificate": mine, "key": mine}
        for wrong, kind in [({"ca": ca}, "network corrupt"), ({**tls, "ca": None}, "denied"),
                            ({**tls, "ca": mine}, "denied"), ({**tls, "key": ca}, "input"),
                            ({**tls, "certificate": "nonsense"}, "input")]:
            reply, _ = fetch.get(**http(server, tls=wrong))
            assert reply.get("kind", "fine") in kind, reply
        assert fetch.get(**http(server, tls=tls))[0]["status"] == 200  # by now all others have been counted
        before = server.connections
        for _ in range(2):
            assert fetch.get(**http(server, tls=tls))[0]["status"] == 200
        assert server.connections == before


# --- requests that make no sense ---

@pytest.mark.parametrize("wrong, part", [
    ({"url": "ftp://x/"}, "only http and https"), ({"url": "http://u:p@x/"}, "user name"), ({"url": None}, "url"),
    ({"method": "GET /"}, "method"), ({"method": "X" * 16}, "method"), ({"headers": {"A": "b\r\nC: d"}}, "headers.A"),
    ({"headers": {"A b": "c"}}, "header"), ({"headers": {"Host": "x"}}, "headers.Host"),
    ({"headers": {"Content-Length": "1"}}, "header"), ({"headers": {"A": "1", "a": "2"}}, "header"),
    ({"headers": {str(i): "" for i in range(33)}}, "32"), ({"wanted": ["x"] * 9}, "8"), ({"wanted": ["a b"]}, "wanted"),
    ({"body": "x", "body_size": 1}, "body_size"), ({"body_size": -2}, "body_size"), ({"limit": -1}, "limit"),
    ({"sign": {"service": "s3"}}, "region"), ({"sign": {"service": "s3", "region": "r", "access_key_id": "x"}}, "secret"),
    ({"attempts": 101}, "attempts"), ({"total_seconds": -1}, "total_seconds"), ({"body_size": 1}, "two descriptors")])
def test_requests_that_make_no_sense(wrong, part):
    with Fetch() as fetch:
        reply, _ = fetch.get(**{"op": "http", "url": "http://127.0.0.1:1/", **wrong})
        assert reply["kind"] == "input" and part in reply["text"], reply
