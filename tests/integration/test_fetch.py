# SPDX-License-Identifier: Apache-2.0
"""mooring-fetch over its contract: a real docker-registry, and servers that misbehave."""

import base64
import contextlib
import crypt
import gzip
import json
import os
import random
import socket
import subprocess
import tempfile
import threading
import time
import zlib

import pytest

import world
from fetch_peer import Fetch, Server, make_certificate

BLOB = random.Random(1).randbytes(300_000)
DIGEST = world.sha256(BLOB)
PATTERN = [b"\0" * 0x10000] * 16  # a MiB
MANIFEST = json.dumps({"schemaVersion": 2, "config": {}, "layers": []}).encode()
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def blob(server_or_host, size=len(BLOB), digest=DIGEST, offset=0, name="team/x"):
    host = getattr(server_or_host, "host", server_or_host)
    return {"op": "blob", "reference": f"{host}/{name}", "digest": digest, "size": size,
            "offset": offset}


def manifest(server_or_host, name="team/x:1", accept="index"):
    host = getattr(server_or_host, "host", server_or_host)
    return {"op": "manifest", "reference": f"{host}/{name}", "accept": accept}


def failure(reply):
    assert reply["ok"] is False, reply
    return reply["kind"], reply["text"]


def pingable(answer):
    """A registry that asks for nothing; `answer` deals with what comes after the ping."""
    def both(call):
        if call.path == "/v2/":
            call.reply(200, b"{}")
        else:
            answer(call)
    return both


def one_request(answer, request, **settings):
    """Serves one request by `answer`; returns reply, body and the calls after the ping."""
    with Server(pingable(answer)) as server, Fetch(**settings) as fetch:
        reply, body = fetch.get(**request(server))
    return reply, body, server.calls[1:]


# --- a real registry ---

@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    """A running docker-registry with one image of two gzip layers, its directory and its manifest."""
    directory = tmp_path_factory.mktemp("registry")
    image = world.Image([world.tar_bytes([("etc/motd", b"hello\n")]), world.tar_bytes([("big", BLOB)])])
    with world.docker_registry(str(directory)) as registry:
        digest = registry.push(image, "team/x", "1", gzip.compress,
                               "application/vnd.oci.image.layer.v1.tar+gzip")
        yield registry, directory, digest


def test_image_from_docker_registry(pushed):
    registry, _, digest = pushed
    with Fetch() as fetch:
        reply, body = fetch.get(**manifest(registry.address))
        assert reply == {"id": 1, "ok": True, "media_type": OCI_MANIFEST, "digest": digest,
                         "size": len(body), "whole": len(body)}
        assert world.sha256(body) == digest
        document = json.loads(body)
        for part in [document["config"], *document["layers"]]:
            reply, body = fetch.get(**blob(registry.address, part["size"], part["digest"]))
            assert (reply["ok"], reply["size"]) == (True, part["size"])
            assert world.sha256(body) == part["digest"]


def test_manifest_by_digest_and_blob_from_an_offset(pushed):
    registry, _, digest = pushed
    with Fetch() as fetch:
        reply, body = fetch.get(**manifest(registry.address, f"team/x@{digest}", "manifest"))
        assert reply["ok"] and world.sha256(body) == digest
        part = json.loads(body)["layers"][1]
        _, whole = fetch.get(**blob(registry.address, part["size"], part["digest"]))
        reply, rest = fetch.get(**blob(registry.address, part["size"], part["digest"], offset=1000))
        assert rest == whole[1000:] and reply["size"] == part["size"] - 1000


def test_docker_schema_pushed_by_skopeo(pushed, tmp_path):
    registry, _, _ = pushed
    archive = world.Image([world.tar_bytes([("f", b"x")])]).save(tmp_path / "x.tar", "x:1")
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false", "--format", "v2s2",
                    f"docker-archive:{archive}", f"docker://{registry.address}/skopeo/x:2"],
                   check=True, capture_output=True, timeout=60)
    with Fetch() as fetch:
        reply, body = fetch.get(**manifest(registry.address, "skopeo/x:2"))
        assert reply["media_type"] == "application/vnd.docker.distribution.manifest.v2+json"
        part = json.loads(body)["config"]
        reply, body = fetch.get(**blob(registry.address, part["size"], part["digest"], name="skopeo/x"))
        assert world.sha256(body) == part["digest"]


@pytest.mark.parametrize("name", ["team/x:nope", "nobody/nothing:1", "team/x@sha256:" + "0" * 64])
def test_manifest_that_is_not_there(pushed, name):
    registry, _, _ = pushed
    with Fetch() as fetch:
        kind, text = failure(fetch.get(**manifest(registry.address, name))[0])
    assert kind == "not-found"
    assert text == f"manifest for {registry.address}/{name} not found: manifest unknown: manifest unknown"


def test_blob_that_is_not_there(pushed):
    registry, _, _ = pushed
    digest = "sha256:" + "0" * 64
    with Fetch() as fetch:
        kind, text = failure(fetch.get(**blob(registry.address, 5, digest))[0])
    assert kind == "not-found" and digest in text and "blob unknown" in text


def test_basic_credentials(pushed):
    _, directory, digest = pushed
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4)
    (directory / "htpasswd").write_text(f"user:{crypt.crypt('pass:word', salt)}\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {directory}/htpasswd}}}}\n"
    denied = "repository does not exist or may require 'docker login'"
    with world.docker_registry(str(directory), auth) as registry:
        request = manifest(registry.address)
        with Fetch(auths={registry.address: {"username": "user", "password": "pass:word"}}) as fetch:
            reply, body = fetch.get(**request)
            assert reply["ok"] and world.sha256(body) == digest
        with Fetch(auths={f"http://{registry.address}/v2/": {"username": "user",
                                                            "password": "wrong"}}) as fetch:
            kind, text = failure(fetch.get(**request)[0])
            assert kind == "denied" and denied in text
        with Fetch() as fetch:
            kind, text = failure(fetch.get(**request)[0])
            assert kind == "denied"
            assert text == (f"pull access denied for {registry.address}/team/x, {denied}: "
                            "no basic auth credentials")


# --- tokens ---

class TokenRegistry:
    """A registry with a token server behind one address. Tokens are good for `uses` requests."""

    def __init__(self, uses=1000, challenge=None, reply=None, scope="repository:team/x:pull", method=None):
        self.uses, self.scope, self.method = uses, scope, method
        self.challenge = challenge or 'Bearer realm="http://{host}/token",service="test"'
        self.reply = reply or (lambda token: {"token": token, "expires_in": 300})
        self.given = 0
        self.left = {}

    def __call__(self, call):
        host = call.headers["Host"]
        if call.path.startswith("/token"):
            if self.method not in (None, call.command):
                call.reply(405)
                return
            self.given += 1
            token = f"token{self.given}"
            self.left[token] = self.uses
            reply = self.reply(token)
            if isinstance(reply, int):
                call.reply(reply, b'{"errors":[{"code":"UNAUTHORIZED","message":"no such user"}]}')
            else:
                call.reply(200, reply if isinstance(reply, bytes) else json.dumps(reply).encode())
            return
        token = (call.header("Authorization") or "").replace("Bearer ", "")
        fields = [line.format(host=host) for line in
                  (self.challenge if isinstance(self.challenge, list) else [self.challenge])]
        if call.path == "/v2/":
            call.reply(401, b"{}", WWW_Authenticate=fields)
        elif self.left.get(token, 0) <= 0:
            call.reply(401, b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}',
                       WWW_Authenticate=fields[0] + f',scope="{self.scope}",error="invalid_token"')
        else:
            self.left[token] -= 1
            call.reply(200, MANIFEST, Content_Type=OCI_MANIFEST + "; charset=utf-8")


def with_token(registry, **settings):
    with Server(registry) as server, \
            Fetch(**{name: value(server) for name, value in settings.items()}) as fetch:
        reply, body = fetch.get(**manifest(server))
    return reply, body, server


@pytest.mark.parametrize("status, body, said", [
    (401, b'{"errors":[{"Code":"UNAUTHORIZED","Message":"a message","detail":null}]}', "unauthorized: a message"),
    (401, b'{"errors":[{"code":"UNAUTHORIZED"}]}', "unauthorized: authentication required"),
    (403, b'{"errors":[{"code":"DENIED","message":""}]}', "denied: requested access to the resource is denied"),
    (403, b'{"errors":[{"message":"not you"}]}', "not you"), (403, b'{"errors":[{"code":"BLOCKED"}]}', "blocked"),
    (401, b'{"details":"incorrect username"}', "unauthorized: incorrect username"),
    (401, b'{"error":"invalid_client","error_description":"who?"}', "unauthorized: who?"),
    (401, b'{"error":"unauthorized"}', "unauthorized: authentication required"), (401, b"who are you?\n", "unauthorized: who are you?"),
    (401, b"{}", "unauthorized: authentication required"), (401, b"", "unauthorized: authentication required"),
    (403, b"<html>", "HTTP 403 Forbidden"), (403, b"no way", "no way")])
def test_refusals_in_docker_words(status, body, said):
    with Server(pingable(lambda call: call.reply(status, body))) as server, Fetch() as fetch:
        kind, text = failure(fetch.get(**manifest(server))[0])
    assert (kind, text.split("'docker login': ")[1]) == ("denied", said)


def test_anonymous_token():
    reply, body, server = with_token(TokenRegistry())
    assert (reply["ok"], reply["media_type"], body) == (True, OCI_MANIFEST, MANIFEST)
    assert server.paths() == ["/v2/", "/token?service=test&scope=repository%3Ateam%2Fx%3Apull",
                              "/v2/team/x/manifests/1"]
    assert [call.header("Authorization") for call in server.calls] == [None, None, "Bearer token1"]


def test_token_with_password():
    reply, _, server = with_token(
        TokenRegistry(), auths=lambda server: {server.host: {"username": "me", "password": "pä:ss"}})
    basic = "Basic " + base64.b64encode("me:pä:ss".encode()).decode()
    assert reply["ok"]
    assert [call.header("Authorization") for call in server.calls] == [None, basic, "Bearer token1"]
    assert server.paths()[1].endswith("&account=me")


def test_identity_token_is_posted():
    reply, _, server = with_token(
        TokenRegistry(), auths=lambda server: {server.host: {"identitytoken": "long/lived+"}})
    assert reply["ok"]
    form = ("grant_type=refresh_token&client_id=mooring&service=test"
            "&scope=repository%3Ateam%2Fx%3Apull&refresh_token=long%2Flived%2B")
    assert (server.calls[1].command, server.calls[1].path, server.calls[1].body) == ("POST", "/token", form)
    assert server.calls[1].header("Authorization") is None


def test_password_is_posted_where_nothing_else_will_do():
    """To a token server that knows OAuth 2 only."""
    registry = TokenRegistry(method="POST")
    with Server(registry) as server, Fetch(auths={server.host: {"username": "me", "password": "a&b"}}) as fetch:
        for name in ("team/x:1", "team/y:1"):
            assert fetch.get(**manifest(server, name))[0]["ok"]
    asked = [call for call in server.calls if call.path.startswith("/token")]
    assert [call.command for call in asked] == ["GET", "POST", "POST"]
    assert asked[1].body == ("grant_type=password&client_id=mooring&service=test&scope=repository%3Ateam%2Fx%3Apull"
                             "&username=me&password=a%26b")
    assert (asked[1].path, asked[1].header("Authorization")) == ("/token", None)
    reply, _, server = with_token(TokenRegistry(method="POST"))
    assert failure(reply) and [call.command for call in server.calls] == ["GET", "GET"]


@pytest.mark.parametrize("challenge", [
    ['Negotiate', 'bearer REALM="http://{host}/token" , Service=test'],
    'Basic realm="a, b=c", Bearer realm="http://{host}/token",service="te\\st"',
    ['Basic realm="x"', 'Newer a="b", c=d, Bearer realm="http://{host}/token", service="test"'],
    'Bearer realm="http://{host}/token",service=test,scope="unfinished',
    ['Bearer realm="unfinished', 'Bearer realm="http://{host}/token",service=test,scope="aws"'],
    'Bearer realm="http://{host}/token",service="test",scope="repository:user/image:pull"',
])
def test_challenges_of_all_shapes(challenge):
    reply, _, server = with_token(TokenRegistry(challenge=challenge))
    assert reply["ok"], reply
    scope = "aws" if "aws" in str(challenge) else "repository%3Ateam%2Fx%3Apull"
    assert server.paths()[1] == f"/token?service=test&scope={scope}"


@pytest.mark.parametrize("made", [
    lambda token: {"access_token": token}, lambda token: {"token": token, "expires_in": 1},
    lambda token: {"token": token, "issued_at": "1970-01-01T00:00:00Z", "extra": [1]}])
def test_token_replies(made):
    assert with_token(TokenRegistry(reply=made))[0]["ok"]


@pytest.mark.parametrize("made, kind, part", [
    (lambda token: {}, "corrupt", "token"),
    (lambda token: {"token": "a\r\nX-Evil: 1"}, "corrupt", "no token has"),
    (lambda token: b"<html>", "input", "token reply"),
    (lambda token: b'{"token":"' + b"x" * (2 << 20), "input", "token reply"),
    (lambda token: 401, "denied", "unauthorized: no such user"),
])
def test_token_replies_that_are_wrong(made, kind, part):
    reply, _, server = with_token(TokenRegistry(reply=made))
    assert failure(reply)[0] == kind and part in reply["text"], reply
    assert len(server.calls) == 2


def test_token_that_ends_is_replaced_once():
    """The registry takes no token at all: one new token is worth a try, a second is not."""
    reply, _, server = with_token(TokenRegistry(uses=0))
    kind, text = failure(reply)
    assert kind == "denied" and text.endswith("unauthorized: authentication required")
    assert [path.split("?")[0] for path in server.paths()] == [
        "/v2/", "/token", "/v2/team/x/manifests/1", "/token", "/v2/team/x/manifests/1"]


def test_expired_token_in_the_middle_of_a_blob():
    tokens = TokenRegistry(uses=1)

    def answer(call):
        if "/blobs/" not in call.path:
            return tokens(call)
        token = (call.header("Authorization") or "").replace("Bearer ", "")
        if tokens.left.get(token, 0) <= 0:
            return tokens(call)
        tokens.left[token] -= 1
        start = int((call.header("Range") or "bytes=0-")[6:-1])
        if start == 0:
            call.reply(200, BLOB[:1000], length=len(BLOB))
            return call.hang_up()
        return call.reply(206, BLOB[start:],
                          Content_Range=f"bytes {start}-{len(BLOB) - 1}/{len(BLOB)}")

    with Server(answer) as server, Fetch() as fetch:
        reply, body = fetch.get(**blob(server))
    assert reply["ok"] and body == BLOB and tokens.given == 2


def test_password_does_not_follow_a_realm_to_private_addresses():
    """A registry with a public name must not make us talk to the router."""
    with Server(lambda call: call.reply(200, b'{"token":"x"}'), address="127.0.0.2") as victim:
        challenge = f'Bearer realm="http://{victim.host}/token",service="test"'
        reply, _, _ = with_token(TokenRegistry(challenge=challenge),
                                 auths=lambda server: {server.host: {"username": "u", "password": "p"}})
    kind, text = failure(reply)
    assert kind == "denied" and "private address" in text and not victim.calls


@contextlib.contextmanager
def public_address():
    """One that is no private one, of this machine for so long."""
    address = "198.51.100.77"
    subprocess.run(["ip", "addr", "add", f"{address}/32", "dev", "lo"], check=True, timeout=20)
    try:
        yield address
    finally:
        subprocess.run(["ip", "addr", "del", f"{address}/32", "dev", "lo"], check=True, timeout=20)


def test_password_does_not_follow_a_name_to_private_addresses():
    """Whatever the realm is called, and though a connection is there already; a registry of our own network may have its
    token server there."""
    def inside(call):
        call.reply(200, b'{"token":"x"}' if call.path.startswith("/token") else BLOB)

    def answer(call):
        if not call.header("Authorization") and "free" not in call.path:
            call.reply(401, WWW_Authenticate=f'Bearer realm="http://{realm}:{port}/token",service="s"')
        elif "free" in call.path:
            call.reply(307, Location=f"http://{realm}:{port}/blob")
        else:
            call.reply(200, BLOB)
    with public_address() as public, Server(inside) as victim:
        port = victim.host.split(":")[1]
        for address, realm, reached in ((public, "inside.test", False), ("127.0.0.2", "inside.test", True),
                                        ("127.0.0.2", "x.localhost", False)):
            del victim.calls[:]
            with Server(answer, address=address) as server:
                host = f"registry.test:{server.host.split(':')[1]}"
                with Fetch(auths={host: {"username": "u", "password": "p"}}, insecure=[host],
                           hosts={"registry.test": address, "inside.test": "127.0.0.1"}) as fetch:
                    if realm == "inside.test" and not reached:
                        fetch.get(**blob(host, name="team/free"))
                    reply, _ = fetch.get(**blob(host))
            if reached:
                assert reply["ok"] and victim.calls[0].header("Authorization").startswith("Basic ")
            else:
                kind, text = failure(reply)
                assert kind == "denied" and "private address" in text, text
                assert not [call for call in victim.calls if call.header("Authorization")]


# --- redirects ---

def test_authorization_stays_at_home():
    with Server(lambda call: call.reply(200, BLOB), address="127.0.0.2") as other:
        def answer(call):
            if call.path.startswith("/v2/team/x/blobs/"):
                call.reply(307, Location="/moved?sig=1")
            elif call.path.startswith("/moved"):
                call.reply(302, Location=f"http://{other.host}/elsewhere?X-Signature=2")
            else:
                call.reply(401 if call.path == "/v2/" else 404, WWW_Authenticate='Basic realm="x"')
        with Server(answer) as server:
            with Fetch(auths={server.host: {"username": "u", "password": "p"}}) as fetch:
                reply, body = fetch.get(**blob(server))
    assert reply["ok"] and body == BLOB
    assert [bool(call.header("Authorization")) for call in server.calls] == [False, True, True]
    assert other.paths() == ["/elsewhere?X-Signature=2"]
    assert other.calls[0].header("Authorization") is None


@pytest.mark.parametrize("scheme", ["Basic", "Bearer"])
@pytest.mark.parametrize("what", ["blob", "push", "ping"])
def test_nobody_but_the_registry_says_who_gets_the_password(what, scheme):
    """A 401 of where a redirect leads, or of where an upload has its place, names a realm of its own."""
    def elsewhere(call):
        if call.path == "/token":
            call.reply(200, b'{"token":"x"}')
        else:
            call.reply(401, WWW_Authenticate=f'Bearer realm="http://localhost.test:{port}/token"')

    def answer(call):
        if what == "ping" and call.path == "/v2/":
            call.reply(307, Location=f"http://{other.host}/v2/")
        elif call.path.startswith("/token"):
            call.reply(200, b'{"token":"good"}')
        elif what != "ping" and not call.header("Authorization"):
            call.reply(401, WWW_Authenticate=f'{scheme} realm="http://{server.host}/token"')
        elif call.command == "POST":
            call.reply(202, Location=f"http://{other.host}/upload")
        elif what == "blob" and "/blobs/" in call.path:
            call.reply(307, Location=f"http://{other.host}/blob")
        else:
            call.reply(200, BLOB)
    with Server(elsewhere, address="127.0.0.2") as other, Server(answer) as server, tempfile.TemporaryFile() as file:
        port = other.host.split(":")[1]
        file.write(BLOB)
        file.seek(0)
        with Fetch(auths={server.host: {"username": "u", "password": "p"}}, hosts={"localhost.test": "127.0.0.2"}) as fetch:
            if what == "push":
                reply, _ = fetch.get(op="push-blob", reference=f"{server.host}/team/x:1", digest=DIGEST,
                                     body_size=len(BLOB), body_from=file.fileno())
            else:
                reply, _ = fetch.get(**blob(server))
    assert [call.header("Authorization") for call in other.calls] == [None]
    if what == "ping":
        assert reply["ok"] and not server.calls[-1].header("Authorization")
    else:
        kind, text = failure(reply)
        assert kind == "denied" and f"http://{other.host}/" in text and "where its registry sends us" in text, text


@pytest.mark.parametrize("count, is_ok", [(10, True), (11, False)])
def test_chain_of_redirects(count, is_ok):
    def answer(call):
        step = int(call.path.rpartition("=")[2]) if "=" in call.path else 0
        if step < count:
            call.reply(301, Location=f"?step={step + 1}")
        else:
            call.reply(200, BLOB)
    reply, body, calls = one_request(answer, blob)
    assert reply["ok"] is is_ok and len(calls) == 11
    assert body == (BLOB if is_ok else b"")


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1:1/x", "http://u:p@127.0.0.1/x",
    "", "http://", "http://127.0.0.1/" + "x" * 20000, "dict://127.0.0.1:1/d"])
def test_redirects_that_are_refused(location):
    reply, body, calls = one_request(lambda call: call.reply(302, Location=location), blob)
    assert not reply["ok"] and body == b"" and len(calls) <= 11, reply


# --- broken connections ---

def ranged(call, cuts, lie=0, total=len(BLOB), hang_up=True):
    """Serves BLOB, cutting each reply after the next number in `cuts`."""
    start = int((call.header("Range") or "bytes=0-")[6:-1])
    rest = BLOB[start:]
    sent = rest[:cuts.pop(0)] if cuts else rest
    if start:
        call.reply(206, sent, length=len(rest),
                   Content_Range=f"bytes {start + lie}-{len(BLOB) - 1 + lie}/{total + lie}")
    else:
        call.reply(200, sent, length=len(rest))
    if len(sent) < len(rest) and hang_up:
        call.hang_up()


def test_cut_bodies_are_resumed():
    cuts = [1000, 1, 0, 100_000, 50_000, 1, 1, 1]
    reply, body, calls = one_request(lambda call: ranged(call, cuts), blob)
    assert reply["ok"] and body == BLOB and reply["size"] == len(BLOB)
    starts = [int((call.header("Range") or "bytes=0-")[6:-1]) for call in calls]
    assert starts == [0, 1000, 1001, 1001, 101_001, 151_001, 151_002, 151_003, 151_004]


def test_cut_behind_the_last_byte_asks_no_more():
    def answer(call):
        call.reply(200, BLOB[:len(BLOB)], length=len(BLOB))
        call.hang_up()
    reply, body, calls = one_request(answer, blob)
    assert reply["ok"] and body == BLOB and len(calls) == 1


def test_server_that_ignores_ranges():
    cuts = [5000, 70_000]

    def answer(call):
        sent = BLOB[:cuts.pop(0)] if cuts else BLOB
        call.reply(200, sent, length=len(BLOB))
        call.hang_up()
    reply, body, calls = one_request(answer, blob)
    assert reply["ok"] and body == BLOB and len(calls) == 3


@pytest.mark.parametrize("answer, part", [
    (lambda call: ranged(call, CUT[:], lie=7), "another range"),
    (lambda call: ranged(call, CUT[:], total=len(BLOB) + 1), "Content-Range"),
    (lambda call: call.reply(206, BLOB[1000:]) if call.header("Range") else ranged(call, [1000]),
     "Content-Range"),
    (lambda call: call.reply(416, b"short", length=len(BLOB)) if call.header("Range")
     else ranged(call, [1000]), "416"),
    (lambda call: call.reply(206, BLOB[1000:], Content_Range=f"bytes 1000-{len(BLOB)}/{len(BLOB) + 1}")
     if call.header("Range") else ranged(call, [1000]), "were expected"),
])
def test_resume_never_appends_wrong_bytes(answer, part):
    reply, body, _ = one_request(answer, blob)
    kind, text = failure(reply)
    assert kind == "corrupt" and part in text and body == BLOB[:1000]


CUT = [1000]


def test_server_that_always_cuts_without_progress():
    reply, body, calls = one_request(lambda call: ranged(call, [0]), blob)
    kind, text = failure(reply)
    assert kind == "network" and "net/http" in text and "unexpected EOF" in text
    assert len(calls) == 5 and body == b""


def test_stalled_body_is_given_up_and_resumed():
    done = []

    def answer(call):
        if not done:
            done.append(1)
            ranged(call, [1000], hang_up=False)
            call.rfile.read(1)  # until the client has had enough
            return
        ranged(call, [])
    reply, body, _ = one_request(answer, blob, patience={"stall_seconds": 1})
    assert reply["ok"] and body == BLOB


# --- refusals that pass ---

def test_503_then_fine():
    left = [503, 500, 502, 504]
    reply, body, calls = one_request(
        lambda call: call.reply(left.pop()) if left else call.reply(200, BLOB), blob)
    assert reply["ok"] and body == BLOB and len(calls) == 5


def test_503_for_ever():
    reply, _, calls = one_request(lambda call: call.reply(503, b"<html>sorry"), manifest)
    kind, text = failure(reply)
    assert kind == "network" and len(calls) == 5
    assert "net/http" in text and "received unexpected HTTP status: 503 Service Unavailable" in text


def test_retry_after_is_honoured_and_said():
    left = [1]

    def answer(call):
        if left:
            left.pop()
            call.reply(429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}',
                       Retry_After="1")
        else:
            call.reply(200, BLOB)
    began = time.monotonic()
    with Server(pingable(answer)) as server, Fetch() as fetch:
        assert fetch.get(**blob(server))[0]["ok"]
        waiting = [message for message in fetch.messages if "waiting" in message]
    assert time.monotonic() - began >= 1
    assert waiting and "toomanyrequests: slow down" in waiting[0]["waiting"]


def test_absurd_retry_after_is_capped():
    with Server(pingable(lambda call: call.reply(503, Retry_After="1000000000"))) as server:
        with Fetch() as fetch:
            _, read_end = fetch.start(**blob(server))
            os.close(read_end)
            message = fetch.receive()
    assert 890_000 < message["wait_ms"] <= 900_000, message


@pytest.mark.parametrize("status", [400, 405, 418, 501, 204])
def test_other_statuses_are_final(status):
    reply, _, calls = one_request(lambda call: call.reply(status), blob)
    assert failure(reply)[0] == "corrupt" and str(status) in reply["text"] and len(calls) == 1


def test_registry_down():
    port = world.free_port()
    with Fetch(patience={"back_off_ms": 60_000, "attempts": 2}) as fetch:
        _, read_end = fetch.start(**manifest(f"127.0.0.1:{port}"))
        os.close(read_end)
        assert "connection refused" in fetch.receive()["waiting"]
    with Fetch() as fetch:
        kind, text = failure(fetch.get(**manifest(f"127.0.0.1:{port}"))[0])
    assert kind == "network"
    assert text == (f'Get "http://127.0.0.1:{port}/v2/": dial tcp 127.0.0.1:{port}: '
                    "connect: connection refused")


def test_name_that_does_not_exist():
    with Fetch(patience={"attempts": 1}) as fetch:
        kind, text = failure(fetch.get(**manifest("registry.invalid"))[0])
    assert kind == "network"
    assert 'Get "https://registry.invalid/v2/": dial tcp: lookup registry.invalid' in text


# --- sizes ---

@pytest.mark.parametrize("answer, part", [
    (lambda call: call.reply(200, BLOB[:-1]), "offers 299999 bytes where 300000 were expected"),
    (lambda call: call.reply(200, BLOB + b"x"), "offers 300001 bytes"),
    (lambda call: call.chunks([BLOB, b"x"]), "more bytes arrive than were promised"),
    (lambda call: call.chunks([BLOB[:-1]]), "ends after 299999 of 300000 bytes"),
    (lambda call: call.chunks(PATTERN * 1000), "more bytes arrive"),
    (lambda call: call.reply(200, BLOB[:-1], Content_Encoding="gzip"), "Content-Encoding"),
    (lambda call: call.chunks([BLOB], Content_Encoding="gzip"), "Content-Encoding"),
])
def test_blob_of_the_wrong_size(answer, part):
    reply, body, calls = one_request(answer, blob)
    kind, text = failure(reply)
    assert kind == "corrupt" and part in text and DIGEST in text
    assert len(body) <= len(BLOB) and len(calls) == 1


def test_blob_that_is_only_called_encoded():
    """By a store that was told so when it got a layer: it is what the digest says."""
    reply, body, calls = one_request(lambda call: call.reply(200, BLOB, Content_Encoding="gzip"), blob)
    assert reply["ok"] and body == BLOB and calls[-1].header("Accept-Encoding") == "identity"


def squeezed(call, body, coding="gzip", **headers):
    packed = {"gzip": gzip.compress, "deflate": zlib.compress}[coding](body)
    call.reply(200, packed, Content_Encoding=coding, **headers)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_documents_that_a_proxy_compresses(coding):
    """Unasked, and so for docker: Go undoes it. The digest is of what comes out."""
    reply, body, calls = one_request(
        lambda call: squeezed(call, MANIFEST, coding, Content_Type=OCI_MANIFEST), manifest)
    assert reply["ok"] and body == MANIFEST and reply["size"] == len(MANIFEST), reply
    assert calls[-1].header("Accept-Encoding") == "identity"
    reply, body, _ = one_request(lambda call: squeezed(call, b'{"tags":["1"]}', coding),
                                 lambda server: {"op": "tags", "reference": f"{server.host}/team/x"})
    assert reply["ok"] and body == b'{"tags":["1"]}', reply


def test_token_replies_and_refusals_that_a_proxy_compresses():
    class Squeezing(TokenRegistry):
        def __call__(self, call):
            plain = call.reply
            call.reply = lambda status, body=b"", **headers: plain(
                status, gzip.compress(body), Content_Encoding="gzip", **headers)
            super().__call__(call)
    reply, body, _ = with_token(Squeezing())
    assert reply["ok"] and body == MANIFEST, reply
    reply, _, _ = with_token(Squeezing(reply=lambda token: 401))
    assert failure(reply)[0] == "denied" and "unauthorized: no such user" in reply["text"]


def test_a_bomb_as_a_document():
    """Of 64 MiB no more is unpacked than a document may have."""
    bomb = gzip.compress(b"{" + b" " * (64 << 20))
    with Server(pingable(lambda call: call.reply(200, bomb, Content_Encoding="gzip"))) as server, Fetch() as fetch:
        reply, body = fetch.get(**manifest(server))
        peak = peak_kib(fetch)
    assert failure(reply)[0] == "corrupt" and "4194304" in reply["text"] and body == b""
    assert peak < 40_000


def peak_kib(fetch):
    return int(fetch.status()["VmHWM"].split()[0])


@pytest.mark.parametrize("answer", [
    lambda call: call.reply(200, b"{", length=100 << 20),
    lambda call: call.chunks(PATTERN * 100),
])
def test_manifest_of_100_mb(answer):
    with Server(pingable(answer)) as server, Fetch() as fetch:
        reply, body = fetch.get(**manifest(server))
        peak = peak_kib(fetch)
    kind, text = failure(reply)
    assert kind == "corrupt" and "4194304" in text and body == b""
    assert peak < 40_000


def test_headers_without_end():
    def answer(call):
        call.send_response(200)
        for i in range(2000):
            call.send_header(f"X-{i}", "x" * 100)
        call.end_headers()
    reply, _, calls = one_request(answer, blob)
    assert failure(reply)[0] == "corrupt" and "headers" in reply["text"] and len(calls) == 1


@pytest.mark.parametrize("start, more", [
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n", b"X: " + b"y" * 1000 + b"\r\n"),
    (b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"),
], ids=["trailers", "informational"])
def test_trailers_and_informational_replies_without_end(start, more):
    def answer(call):
        call.wfile.write(start)
        while True:  # until it hangs up
            call.wfile.write(more * 100)
    with Server(pingable(answer)) as server, Fetch() as fetch:
        reply, _ = fetch.get(**blob(server, size=5))
        peak = peak_kib(fetch)
    assert failure(reply)[0] == "corrupt" and "headers" in reply["text"] and len(server.calls) == 2
    assert peak < 40_000


def test_error_page_without_end():
    reply, _, calls = one_request(
        lambda call: call.reply(404, b"x" * (3 << 20)), manifest)
    assert failure(reply)[0] == "not-found" and len(reply["text"]) < 1024 and len(calls) == 1


def test_error_text_stays_on_one_line():
    body = json.dumps({"errors": [{"code": "DENIED", "message": "no\n\x1b[31mroot"}]}).encode()
    reply, _, _ = one_request(lambda call: call.reply(403, body), manifest)
    kind, text = failure(reply)
    assert kind == "denied" and "denied: no" in text and text.isprintable()


# --- TLS and proxies ---

@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"))


def test_unknown_certificate_is_refused_unless_listed(certificate):
    answer = pingable(lambda call: call.reply(200, MANIFEST))
    with Server(answer, certificate=certificate) as server:
        with Fetch(insecure=[server.host]) as fetch:
            reply, body = fetch.get(**manifest(server))
            assert reply["ok"] and body == MANIFEST
        # A name is https only, whatever it resolves to.
        name = server.host.replace("127.0.0.1", "registry.localhost")
        with Fetch() as fetch:
            kind, text = failure(fetch.get(**manifest(name))[0])
            assert kind == "denied" and "failed to verify certificate: x509" in text


def test_token_server_is_not_trusted_because_the_registry_is(certificate):
    """CVE-2019-10214: what the user said of the registry counts for nobody else."""
    with Server(lambda call: call.reply(200, b'{"token":"t"}'), certificate=certificate) as tokens:
        realm = f'Bearer realm="https://localhost:{tokens.host.split(":")[1]}/token",service="x"'
        with Server(lambda call: call.reply(401, WWW_Authenticate=realm), certificate=certificate) as server:
            login = {server.host: {"username": "u", "password": "p"}}
            with Fetch(insecure=[server.host], auths=login) as fetch:
                kind, text = failure(fetch.get(**manifest(server))[0])
        assert not tokens.calls and len(server.calls) == 1
    assert kind == "denied" and ("private address" in text or "x509" in text)


def test_certificates_for_a_registry_stay_with_it(tmp_path):
    """Neither its authority nor our certificate for it counts where it redirects to."""
    pem = make_certificate(tmp_path, "registry.test", "other.test")
    with open(pem + ".crt", encoding="ascii") as cert, open(pem, encoding="ascii") as both:
        certificate = cert.read()
        tls = {"ca": certificate,
               "clients": [{"name": "c", "certificate": certificate, "key": both.read().split("-----BEGIN CERT")[0]}]}
    shown = []

    def elsewhere(call):
        shown.append(call.connection.getpeercert(True))
        call.reply(200, BLOB)
    with Server(elsewhere, address="127.0.0.3", certificate=pem, asks_for=pem + ".crt") as other:
        place = f"https://other.test:{other.host.split(':')[1]}/blob"
        with Server(pingable(lambda call: call.reply(307, Location=place)), address="127.0.0.2", certificate=pem,
                    client_ca=pem + ".crt") as server:
            host = f"registry.test:{server.host.split(':')[1]}"
            for ca, is_ok in ({}, False), ({"ca": certificate}, True):
                with Fetch(certs={host: tls}, hosts={"registry.test": "127.0.0.2", "other.test": "127.0.0.3"}, **ca) as fetch:
                    reply, _ = fetch.get(**blob(host))
                assert reply["ok"] is is_ok and (is_ok or "x509" in reply["text"]), reply
    assert shown == [None]


def test_loopback_may_speak_tls(certificate):
    """Plain http sent to the TLS port of a Go server or nginx gets a 400."""
    answer = pingable(lambda call: call.reply(200, MANIFEST))
    with Server(answer, certificate=certificate) as tls:
        def bridge(call):
            call.reply(400, b"Client sent an HTTP request to an HTTPS server.")
        with Server(bridge) as plain, Fetch() as fetch:
            kind, text = failure(fetch.get(**manifest(plain))[0])
            assert kind == "network" and "TLS handshake" in text
        with Fetch(insecure=[tls.host]) as fetch:
            assert fetch.get(**manifest(tls))[0]["ok"]


def test_loopback_may_hang_up_on_plain_http(certificate, tmp_path):
    """Others close the connection. Who is neither is told of by what came first, and who knows the authority stays with TLS."""
    with Server(pingable(lambda call: call.reply(200, MANIFEST)), certificate=certificate) as server, Fetch() as fetch:
        reply, body = fetch.get(**manifest(server))
        assert reply["ok"] and body == MANIFEST, reply
    with Server(lambda call: call.hang_up()) as server:
        with Fetch() as fetch:
            kind, text = failure(fetch.get(**manifest(server))[0])
            assert kind == "network" and f'Get "http://{server.host}/v2/": net/http: unexpected EOF' in text
        before = len(server.calls)
        with open(make_certificate(tmp_path) + ".crt", encoding="ascii") as other, \
                Fetch(certs={server.host: {"ca": other.read()}}) as fetch:
            assert "TLS handshake" in failure(fetch.get(**manifest(server))[0])[1]
        assert len(server.calls) == before


def test_listed_host_may_speak_plain_http():
    with Server(pingable(lambda call: call.reply(200, MANIFEST))) as server:
        name = server.host.replace("127.0.0.1", "registry.localhost")
        with Fetch(insecure=[name], patience={"stall_seconds": 2}) as fetch:
            reply, _ = fetch.get(**manifest(name))
            assert reply["ok"], reply
        with Fetch(patience={"attempts": 1, "stall_seconds": 1, "connect_seconds": 1}) as fetch:
            kind, _ = failure(fetch.get(**manifest(name))[0])
            assert kind == "network"


def test_redirect_from_https_to_http_is_refused(certificate):
    with Server(lambda call: call.reply(200, BLOB)) as plain:
        answer = pingable(lambda call: call.reply(302, Location=f"http://{plain.host}/x"))
        with Server(answer, certificate=certificate) as middle, \
                Server(pingable(lambda call: call.reply(302, Location=f"https://{middle.host}/x"))) as server, \
                Fetch() as fetch:
            reply, _ = fetch.get(**blob(server))
        assert failure(reply)[0] == "denied"  # the certificate of the second is unknown
        assert not plain.calls


def test_http_proxy():
    def answer(call):
        if call.command == "CONNECT":
            call.reply(502)
        elif call.path == "http://registry.test:81/v2/":
            call.reply(200)
        else:
            call.reply(200, MANIFEST)
    with Server(answer) as server:
        proxy = f"http://{server.host}"
        with Fetch(proxy={"http": proxy, "https": proxy}, insecure=["registry.test:81"]) as fetch:
            reply, body = fetch.get(**manifest("registry.test:81"))
    assert reply["ok"] and body == MANIFEST
    assert server.paths() == ["registry.test:81", "http://registry.test:81/v2/",
                              "http://registry.test:81/v2/team/x/manifests/1"]


ELSEWHERE = "192.0.2.1:5000"  # nobody dials it: the proxy is asked, or nobody


@pytest.mark.parametrize("proxy", ["http://us@r:p:w/d@127.0.0.1:PORT", "http://us:12/w@127.0.0.1:PORT",
                                   "http://us:p#w@127.0.0.1:PORT", "http://us:p w@127.0.0.1:PORT",
                                   "ftp://us:pw@127.0.0.1:PORT"])
def test_proxy_whose_url_cannot_be_read_is_not_shown(proxy):
    proxy = proxy.replace("PORT", str(world.free_port()))
    with Fetch(proxy={"http": proxy, "https": proxy}, insecure=[ELSEWHERE]) as fetch:
        kind, text = failure(fetch.get(**manifest(ELSEWHERE))[0])
    assert kind == "input" and text.startswith(f'Get "http://{ELSEWHERE}/v2/": proxyconnect tcp: the proxy\'s URL '), text
    assert ("must begin with" if proxy.startswith("ftp") else "must be %-encoded") in text
    assert "127.0.0.1" not in text and "us:" not in text


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
@pytest.mark.parametrize("insecure", [[ELSEWHERE], []])
def test_proxy_that_is_down_is_named(scheme, insecure):
    address = f"127.0.0.1:{world.free_port()}"
    proxy = f"{scheme}://us:p%40w@{address}"
    with Fetch(proxy={"http": proxy, "https": proxy}, insecure=insecure, patience={"attempts": 1}) as fetch:
        kind, text = failure(fetch.get(**manifest(ELSEWHERE))[0])
    assert kind == "network"
    assert text.endswith(f'{ELSEWHERE}/v2/": proxyconnect tcp: dial tcp {address}: connect: connection refused'), text


def test_proxy_that_is_another_thing_is_named():
    """Without TLS where its URL says https; without a name; one that never answers. Behind it, and where no
    proxy is used, the server is blamed."""
    def text_of(proxy, host=ELSEWHERE, **more):
        with Fetch(proxy={"http": proxy, "https": proxy, **more}, insecure=[ELSEWHERE],
                   patience={"attempts": 1, "connect_seconds": 1}) as fetch:
            kind, text = failure(fetch.get(**manifest(host))[0])
        assert kind == "network"
        return text.partition('/v2/": ')[2]
    with Server(lambda call: call.reply(200)) as plain:
        for host in (ELSEWHERE, "192.0.2.1:443"):
            text = text_of(f"https://{plain.host}", host)
            assert text.startswith("proxyconnect tcp: net/http: TLS handshake failed: "), text
        through = text_of(f"http://{plain.host}", "192.0.2.1:443")
        assert through.startswith("net/http: TLS handshake failed: "), "the server's, not the proxy's"
    assert text_of("http://proxy.invalid:3128").startswith("proxyconnect tcp: dial tcp: lookup proxy.invalid")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert text_of(f"http://{address}", "192.0.2.1:443") == \
            f"proxyconnect tcp: dial tcp {address}: i/o timeout"
        text = text_of(f"https://{address}")
        assert text.startswith("proxyconnect tcp: ") and address in text and "i/o timeout" in text, text
    down = f"127.0.0.1:{world.free_port()}"
    assert text_of("http://192.0.2.1:3128", down) == f"dial tcp {down}: connect: connection refused"


# --- the program itself ---

def test_slow_reader_pauses_the_transfer():
    sent = []

    def answer(call):
        call.send_response(200)
        call.send_header("Content-Length", str(64 << 20))
        call.end_headers()
        for _ in range(64):
            call.wfile.write(b"".join(PATTERN))
            sent.append(1)
    with Server(pingable(answer)) as server, Fetch() as fetch:
        number, read_end = fetch.start(**blob(server, size=64 << 20))
        world.wait_until(lambda: sent and stands_still(sent), "the sender to be held up")
        before, held = fetch.cpu_ticks(), len(sent)
        assert held < 60
        time.sleep(0.5)  # the time over which it is watched
        assert fetch.cpu_ticks() - before <= 2 and len(sent) == held
        assert peak_kib(fetch) < 40_000
        with os.fdopen(read_end, "rb") as pipe:
            assert sum(len(part) for part in iter(lambda: pipe.read(1 << 20), b"")) == 64 << 20
        assert fetch.wait(number)["size"] == 64 << 20


def stands_still(values):
    count = len(values)
    time.sleep(0.2)
    return len(values) == count


def test_reader_that_goes_away_stops_the_transfer():
    with Server(pingable(lambda call: call.chunks(PATTERN * 1000))) as server, Fetch() as fetch:
        number, read_end = fetch.start(**blob(server, size=1 << 30))
        os.read(read_end, 100)
        os.close(read_end)
        kind, text = failure(fetch.wait(number))
    assert kind == "system" and "reader" in text


def test_requests_overlap():
    """The first blob's reader never reads; the second is served all the same."""
    with Server(pingable(lambda call: call.reply(200, BLOB * 20))) as server, Fetch() as fetch:
        size = len(BLOB) * 20
        first, read_end = fetch.start(**blob(server, size))
        reply, body = fetch.get(**blob(server, size))
        assert reply["ok"] and len(body) == size
        assert not [m for m in fetch.messages if m["id"] == first and "ok" in m]
        with os.fdopen(read_end, "rb") as pipe:
            assert len(pipe.read()) == size
        assert fetch.wait(first)["ok"]


def test_progress_is_told():
    def answer(call):
        call.send_response(200)
        call.send_header("Content-Length", str(len(BLOB)))
        call.end_headers()
        for i in range(3):
            call.wfile.write(BLOB[i * 100_000:(i + 1) * 100_000])
            told.wait(0.3)
    told = threading.Event()
    with Server(pingable(answer)) as server, Fetch() as fetch:
        assert fetch.get(**blob(server))[0]["ok"]
        progress = [m for m in fetch.messages if "progress" in m]
    assert progress and all(m["total"] == len(BLOB) for m in progress)
    assert [m["progress"] for m in progress] == sorted({m["progress"] for m in progress})


def test_nothing_is_left_open(pushed):
    registry, _, _ = pushed
    with Fetch() as fetch:
        fetch.get(**manifest(registry.address))
        before = fetch.descriptors()
        for _ in range(40):
            fetch.get(**manifest(registry.address))
            fetch.get(**manifest(registry.address, "team/x:nope"))
        assert fetch.descriptors() == before


def test_it_is_confined(pushed):
    registry, _, _ = pushed
    with Fetch() as fetch:
        assert fetch.get(**manifest(registry.address))[0]["ok"]
        status = fetch.status()
        with open(f"/proc/{fetch.process.pid}/limits", encoding="ascii") as file:
            limits = file.read()
    assert status["Uid"].split() == ["65534"] * 4 and status["Gid"].split() == ["65534"] * 4
    assert status["Groups"].strip() == ""
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert "Max core file size        0 " in limits


@pytest.mark.parametrize("packet, part", [
    (b"{", "request"), (b"[]", "request"), (b'{"id":1}', "op"), (b'{"id":1,"op":"push"}', "op"),
    (b'{"id":"x","op":"blob"}', "id"), (b'{"id":1,"op":"manifest","reference":"UP"}', "lowercase"),
    (b'{"id":1,"op":"blob","reference":"x","digest":"sha256:..","size":1}', "digest"),
    (b'{"id":1,"op":"blob","reference":"x","digest":"sha256:%s","size":-5}' % (b"0" * 64), "size"),
    (b'{"id":1,"op":"blob","reference":"x","digest":"sha256:%s","size":5,"offset":6}' % (b"0" * 64),
     "offset"),
    (b'{"id":1,"op":"s3","uri":"http://x/y"}', "s3://"), (b"x" * 65536, "request"),
    (b'{"id":1,"op":"s3","uri":"s3://bucket"}', "key is missing"),
    (b'{"id":1,"op":"s3","uri":"s3://evil.test#/key"}', "no bucket name"),
])
def test_requests_that_make_no_sense(packet, part):
    read_end, write_end = os.pipe()
    with Fetch() as fetch, os.fdopen(read_end, "rb") as pipe:
        fetch.send(packet, write_end)
        os.close(write_end)
        kind, text = failure(fetch.receive())
        assert part in text and pipe.read() == b""
        fetch.send(packet)
        assert not fetch.receive()["ok"]


def test_request_must_bring_one_descriptor(pushed):
    registry, _, _ = pushed
    ends = os.pipe()
    with Fetch() as fetch:
        for fds in [(), ends, ends * 10]:
            fetch.send({"id": 9, **manifest(registry.address)}, *fds)
            reply = fetch.receive()
            assert reply["id"] == 9 and "descriptor" in failure(reply)[1]
        assert fetch.get(**manifest(registry.address))[0]["ok"]
        assert len(fetch.descriptors()) < 20
    for fd in ends:
        os.close(fd)


def test_too_many_requests_at_once():
    with Server(pingable(lambda call: call.rfile.read(1))) as server, Fetch() as fetch:
        pipes = [fetch.start(**blob(server))[1] for _ in range(33)]
        reply = fetch.wait(33)
        assert "more than 32 at once" in failure(reply)[1]
        for fd in pipes:
            os.close(fd)


@pytest.mark.parametrize("text, part", [
    ("{", "settings"), ("[]", "settings"), ('{"auths":[]}', "auths"), ('{"aws":{}}', "access_key_id"),
    ('{"patience":{"attempts":0}}', "attempts"), ('{"x":"' + "y" * (1 << 20) + '"}', "larger")],
    ids=["cut", "array", "auths", "aws", "attempts", "large"])
def test_settings_that_make_no_sense(text, part):
    fetch = Fetch(settings_text=text)
    with pytest.raises(AssertionError):
        with fetch:
            fetch.process.wait(10)
    assert fetch.process.returncode == 1
    assert fetch.errors.startswith("mooring-fetch: settings") and part in fetch.errors
    assert fetch.errors.count("\n") == 1


# --- thrift ---

def test_rate_is_shared():
    """Two bodies of 600 kB at 600 kB/s take two seconds; without a limit they take none."""
    body = BLOB * 2
    with Server(pingable(lambda call: call.reply(200, body))) as server:
        with Fetch(bytes_per_second=600_000) as fetch:
            started = time.monotonic()
            jobs = [fetch.start(**blob(server, len(body))) for _ in range(2)]
            for number, fd in jobs:
                with os.fdopen(fd, "rb") as pipe:
                    assert pipe.read() == body
                assert fetch.wait(number)["ok"]
            assert time.monotonic() - started > 1


@pytest.mark.parametrize("settings, most", [({"parallel": 2}, 2), ({"metered": True}, 1), ({}, 6)])
def test_bodies_at_once(settings, most):
    """As many are asked for as may be; what waits is asked for when one has ended."""
    running, seen, lock, enough = [0], [0], threading.Lock(), threading.Event()

    def answer(call):
        with lock:
            running[0] += 1
            seen[0] = max(seen[0], running[0])
            if running[0] == most:
                enough.set()
        enough.wait(20)
        with lock:
            running[0] -= 1
        call.reply(200, BLOB)
    with Server(pingable(answer)) as server, Fetch(**settings) as fetch:
        jobs = [fetch.start(**blob(server)) for _ in range(6)]
        for number, fd in jobs:
            with os.fdopen(fd, "rb") as pipe:
                assert pipe.read() == BLOB
            assert fetch.wait(number)["ok"]
    assert seen[0] == most


def test_metered_link_takes_nothing_twice():
    """Where a server ignores ranges, the rest is not worth the whole again."""
    def answer(call):
        call.reply(200, BLOB[:1000], length=len(BLOB))
        call.hang_up()
    reply, body, calls = one_request(answer, blob, metered=True)
    assert failure(reply)[0] == "corrupt" and "metered" in reply["text"]
    assert body == BLOB[:1000] and len(calls) == 2
