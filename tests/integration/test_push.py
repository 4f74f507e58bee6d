# SPDX-License-Identifier: Apache-2.0
"""docker push: to a real registry, read back by other programs; what is there is not sent again; what breaks begins
again; hostile registries."""

import contextlib
import crypt
import gzip
import json
import os
import re
import subprocess
import threading

import pytest

import world
from fetch_peer import Server
from image_archives import digest
from test_image_save import MIXED, OTHER, docker_archive
from token_server import TokenServer

OCI = "application/vnd.oci.image."


@pytest.fixture(name="loaded")
def two_layers(moor, tmp_path):
    """An image of two layers, of which one has all that a layer can have."""
    archive = docker_archive([OTHER, MIXED], names=(("two:1",),))
    path = tmp_path / "two.tar"
    path.write_bytes(archive)
    moor.docker("load", "-i", path)
    return "two:1"


def manifest_of(registry, name, tag="1"):
    reply = registry.request("GET", f"/v2/{name}/manifests/{tag}", Accept=OCI + "manifest.v1+json")
    body = reply.read()
    return json.loads(body), body, reply.headers["Content-Type"]


def blob_of(registry, name, descriptor):
    data = registry.request("GET", f"/v2/{name}/blobs/{descriptor['digest']}").read()
    assert (len(data), world.sha256(data)) == (descriptor["size"], descriptor["digest"])
    return data


def push(moor, name, **options):
    return moor.docker("push", name, **options)


def test_push_and_read_back(moor, loaded, registry, tmp_path):
    name = f"{registry.address}/push/x"
    moor.docker("tag", loaded, f"{name}:1")
    told = push(moor, f"{name}:1").stdout
    document, body, kind = manifest_of(registry, "push/x")
    assert kind == OCI + "manifest.v1+json" == document["mediaType"]
    ids = [digest(layer)[7:19] for layer in (OTHER, MIXED)]
    assert told.splitlines() == [
        f"The push refers to repository [{name}]", *(f"{one}: Preparing" for one in ids),
        *(line for one in ids for line in (f"{one}: Pushing", f"{one}: Pushed")),
        f"1: digest: {world.sha256(body)} size: {len(body)}"]
    assert [gzip.decompress(blob_of(registry, "push/x", layer)) for layer in document["layers"]] == [OTHER, MIXED]
    config = blob_of(registry, "push/x", document["config"])
    assert [digest(OTHER), digest(MIXED)] == json.loads(config)["rootfs"]["diff_ids"]
    assert document["config"]["digest"] == moor.docker("images", "-q", "--no-trunc", loaded).stdout.strip()

    by_digest = f"{name}@{world.sha256(body)}"
    assert moor.docker("inspect", "-f", "{{json .RepoDigests}}", loaded).stdout == f'["{by_digest}"]\n'
    again = push(moor, f"{name}:1").stdout
    assert [line.split(": ")[1] for line in again.splitlines()[3:5]] == ["Layer already exists"] * 2
    assert again.splitlines()[-1] == told.splitlines()[-1]
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", f"docker://{name}:1",
                    f"docker-archive:{tmp_path}/copied.tar"], check=True, capture_output=True, timeout=60)
    moor.docker("rmi", loaded)
    assert moor.docker("rmi", f"{name}:1").stdout.startswith(f"Untagged: {name}:1\nUntagged: {by_digest}\nDeleted: ")
    moor.docker("pull", "-q", f"{name}:1")
    assert "Loaded image" in moor.docker("load", "-i", f"{tmp_path}/copied.tar").stdout
    assert not [entry for entry in os.listdir(os.path.join(moor.root, "staging")) if entry.startswith("push")]


def test_what_was_pulled_is_pushed_as_it_was(moor, registry):
    """Another name at the same registry: layers are mounted, and the manifest is the same to the byte."""
    layers = [world.tar_bytes([("f", os.urandom(100_000))]), world.tar_bytes([("g", b"x")])]
    was = registry.push(world.Image(layers), "push/from", "1", gzip.compress, OCI + "layer.v1.tar+gzip")
    moor.docker("pull", "-q", f"{registry.address}/push/from:1")
    moor.docker("tag", f"{registry.address}/push/from:1", f"{registry.address}/push/to:2")
    told = push(moor, f"{registry.address}/push/to:2").stdout
    assert told.count(": Mounted from push/from\n") == 2 and f"2: digest: {was} size: " in told
    assert push(moor, f"{registry.address}/push/to:2").stdout.count(": Layer already exists\n") == 2
    document, body, _ = manifest_of(registry, "push/to", "2")
    assert world.sha256(body) == was
    assert [gzip.decompress(blob_of(registry, "push/to", layer)) for layer in document["layers"]] == layers


def test_a_kept_blob_is_pushed_as_it_was(moor, registry, tmp_path):
    """keep-blobs: another registry gets the same bytes, and so the same image; if they are damaged, they are made anew."""
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"keep-blobs": True}, file)
    layer = world.tar_bytes([("f", os.urandom(100_000))])
    was = registry.push(world.Image([layer]), "kept/from", "1", lambda data: gzip.compress(data, 1), OCI + "layer.v1.tar+gzip")
    moor.docker("pull", "-q", f"{registry.address}/kept/from:1")
    for state in ("whole", "damaged"):
        (tmp_path / state).mkdir()
        with world.docker_registry(str(tmp_path / state)) as other:
            moor.docker("tag", f"{registry.address}/kept/from:1", f"{other.address}/to:1")
            assert (f": digest: {was} " in push(moor, f"{other.address}/to:1").stdout) == (state == "whole")
            document, _, _ = manifest_of(other, "to")
            assert gzip.decompress(blob_of(other, "to", document["layers"][0])) == layer
        for path, _, names in os.walk(os.path.join(moor.root, "layers")):
            if "blob" in names:
                os.truncate(os.path.join(path, "blob"), 10)


def test_all_tags_and_quiet(moor, loaded, registry):
    name = f"{registry.address}/push/many"
    assert moor.docker("push", "-a", name, code=1).stderr.endswith(
        f"An image does not exist locally with the tag: {name}\n")
    for tag in ("1", "2", "latest"):
        moor.docker("tag", loaded, f"{name}:{tag}")
    told = push(moor, name).stdout
    assert told.startswith(f"Using default tag: latest\nThe push refers to repository [{name}]\n")
    assert moor.docker("push", "-q", f"{name}:1").stdout == f"{name}:1\n"
    assert moor.docker("push", "-a", name).stdout.count(": digest: sha256:") == 3
    tags = json.loads(registry.request("GET", "/v2/push/many/tags/list").read())["tags"]
    assert sorted(tags) == ["1", "2", "latest"]


@pytest.mark.parametrize("arguments, text", [
    (["-a", "x:1"], "tag can't be used with --all-tags/-a"), (["nothing:1"], "An image does not exist locally with the tag: nothing\n"),
    (["x@sha256:" + "0" * 64], "cannot push a digest reference"), (["Bad"], "must be lowercase")])
def test_push_that_cannot_be(moor, arguments, text):
    assert text in moor.docker("push", *arguments, code=1).stderr


def test_push_to_nobody(moor, loaded):
    """Nothing is packed for a registry that does not answer; docker's words."""
    address = f"127.0.0.1:{world.free_port()}"
    moor.docker("tag", loaded, f"{address}/x:1")
    failed = moor.docker("push", f"{address}/x:1", code=1)
    assert failed.stdout == f"The push refers to repository [{address}/x]\n"
    assert failed.stderr == f'Get "http://{address}/v2/": dial tcp {address}: connect: connection refused\n'


def test_push_with_basic_login(moor, loaded, tmp_path):
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4)
    (tmp_path / "htpasswd").write_text(f"user:{crypt.crypt('pass', salt)}\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n"
    with world.docker_registry(str(tmp_path), auth) as registry:
        name = f"{registry.address}/x:1"
        moor.docker("tag", loaded, name)
        refused = moor.docker("push", name, code=1)
        assert "push access denied for" in refused.stderr and "no basic auth credentials" in refused.stderr
        assert moor.docker("inspect", "-f", "{{.RepoDigests}}", name).stdout == "[]\n"
        moor.docker("login", registry.address, "-u", "user", "--password-stdin", input="pass")
        push(moor, name)


def test_push_with_tokens(moor, loaded, tmp_path):
    tokens = TokenServer(str(tmp_path), {"me": "pass"})
    with Server(tokens) as server, \
            world.docker_registry(str(tmp_path), tokens.settings(f"http://{server.host}/token")) as registry:
        name = f"{registry.address}/x:1"
        moor.docker("tag", loaded, name)
        assert "push access denied for" in moor.docker("push", name, code=1).stderr
        moor.docker("login", registry.address, "-u", "me", "--password-stdin", input="pass")
        push(moor, name)
        assert ("me", ["repository:x:pull,push"]) in tokens.asked


class Uploads:
    """A registry that takes everything, after as many refusals as were ordered for each kind of request."""

    def __init__(self, **refusals):
        self.refusals = refusals
        self.location = "/v2/x/blobs/uploads/1?state=a"
        self.blobs = {}

    def __call__(self, call):
        kind = call.command.lower()
        if self.refusals.get(kind, 0) > 0:
            self.refusals[kind] -= 1
            if self.refusals.get("hangs_up"):
                call.hang_up()
            else:
                call.reply(503, Retry_After="0")
        elif kind == "get":
            call.reply(200)
        elif kind == "head":
            call.reply(404)
        elif kind == "post":
            call.reply(202, Location=self.location)
        elif kind == "patch":
            self.sent = call.raw
            call.reply(202, Location=self.location.replace("=a", "=b"))
        elif "/manifests/" in call.path:
            call.reply(201)
        else:
            wanted = re.search(r"state=b&digest=sha256%3A([0-9a-f]{64})$", call.path)
            self.blobs[wanted[1]] = self.sent
            call.reply(201)


@pytest.mark.parametrize("refusals", [{"patch": 2}, {"post": 1, "put": 1}, {"patch": 2, "hangs_up": True}, {"head": 2}])
def test_what_breaks_begins_again(moor, loaded, refusals):
    uploads = Uploads(**refusals)
    with Server(uploads) as server:
        moor.docker("tag", loaded, f"{server.host}/x:1")
        push(moor, f"{server.host}/x:1")
    assert len(uploads.blobs) == 3
    for name, data in uploads.blobs.items():
        assert world.sha256(data) == f"sha256:{name}"


@pytest.mark.parametrize("way", ["created", "ok", "relative", "head refused", "mount refused", "mount without a token"])
def test_registries_with_words_of_their_own(moor, loaded, way):
    """What docker takes, too: ECR's 201 for what was sent, no new Location, one relative to the request; who may not
    look, or not mount, may still upload."""
    uploads = Uploads()
    uploads.location = "1?state=b" if way == "relative" else "/v2/x/blobs/uploads/1?state=b"

    def answer(call):
        is_mount = "mount=" in call.path
        if call.path.startswith("/token"):
            call.reply(401 if "repository%3Ay%3Apull" in call.path and way == "mount without a token" else 200, b'{"token":"t"}')
        elif way == "mount without a token" and call.header("Authorization") != "Bearer t":
            call.reply(401, WWW_Authenticate=f'Bearer realm="http://{server.host}/token"')
        elif call.command == "HEAD" and way == "head refused":
            call.reply(403)
        elif is_mount and way == "mount refused":
            call.reply(405)
        elif call.command == "PATCH" and way != "relative":
            uploads.sent = call.raw
            call.reply(201 if way == "created" else 200)
        elif "/manifests/" in call.path and call.command == "PUT":
            call.reply(200 if way == "ok" else 202)
        else:
            uploads(call)
    with Server(answer) as server:
        for name in ("y:1", "x:1"):  # from y, x's layers could be mounted
            moor.docker("tag", loaded, f"{server.host}/{name}")
        push(moor, f"{server.host}/x:1")
        assert ["mount=" in call.path for call in server.calls].count(True) == (way in ("ok", "created", "relative", "mount refused")) * 3
    assert len(uploads.blobs) == 3 and all(world.sha256(data) == f"sha256:{name}" for name, data in uploads.blobs.items())


@pytest.mark.parametrize("told, starts", [
    ("0-{last}", [0, 1 << 20, 2 << 20]),  # each time a MiB more has come
    ("0-0", [0, 0]), ("0-9999999999999", [0, 0]), ("0-x", [0, 0])])
def test_upload_that_is_cut_off_goes_on(moor, tmp_path, told, starts):
    """After a MiB each time; where the registry says how much it has, only the rest is sent, else all again. An
    attempt that brought it further is not counted: two without are allowed, and it is cut off twice."""
    with open(os.path.join(moor.config, "daemon.json"), "w") as file:
        json.dump({"max-download-attempts": 2}, file)
    image = world.Image([world.tar_bytes([("noise", os.urandom(3 << 20))])])
    moor.docker("load", "-i", image.save(tmp_path / "noise.tar", "noise:1"))
    uploads, come, seen, cuts = Uploads(), bytearray(), [], starts[1:]

    def read(file, length):
        return file.read(1 << 20 if cuts and length > 1 << 20 else length)

    def answer(call):
        if call.command == "GET" and "/uploads/" in call.path:
            call.reply(204, Location=uploads.location, Range=told.format(last=len(come) - 1))
        elif call.command == "PATCH" and int(call.header("Content-Length")) > 4096:  # the layer
            first = int((call.header("Content-Range") or "0-").split("-")[0])
            seen.append(first)
            come[first:] = call.raw
            if cuts:
                cuts.pop()
                call.hang_up()
                return
            call.raw = bytes(come)
            uploads(call)
        else:
            uploads(call)
    with Server(answer, read=read) as server:
        moor.docker("tag", "noise:1", f"{server.host}/x:1")
        push(moor, f"{server.host}/x:1")
    assert seen == starts
    assert len(uploads.blobs) == 2 and all(world.sha256(data) == f"sha256:{name}" for name, data in uploads.blobs.items())


def test_push_on_a_terminal_draws_what_is_sent(moor, tmp_path):
    """The registry takes the layer slowly until some of it was seen to be on its way."""
    image = world.Image([world.tar_bytes([("noise", os.urandom(16 << 20))])])
    moor.docker("load", "-i", image.save(tmp_path / "noise.tar", "noise:1"))
    leader, terminal = os.openpty()
    is_shown, drawn = threading.Event(), []

    def watch():
        with contextlib.suppress(OSError):  # the terminal's other side is closed
            while True:
                drawn.append(os.read(leader, 1 << 16))
                if re.search(rb"Pushing \[=+> +\] ", b"".join(drawn)):
                    is_shown.set()

    def read(file, length):
        pieces = []
        while length > 0 and (piece := file.read(min(length, 1 << 18))):
            pieces.append(piece)
            length -= len(piece)
            is_shown.wait(0.1)
        return b"".join(pieces)
    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with Server(Uploads(), read=read) as server:
            moor.docker("tag", "noise:1", f"{server.host}/x:1")
            moor.docker("push", f"{server.host}/x:1", capture_output=False, stdout=terminal)
    finally:
        os.close(terminal)
        watcher.join(30)
        os.close(leader)
    text = b"".join(drawn).decode()
    assert is_shown.is_set(), text
    name = digest(image.layers[0])[7:19]
    assert f"\n{name}: Preparing\r\n" in text, text
    assert f"\x1b[1A\r\x1b[K{name}: Pushed\x1b[1B\r" in text and "1: digest: sha256:" in text, text


@pytest.mark.parametrize("location, part", [
    (None, "does not say where to upload"), ("ftp://x/", "only http and https"), ("http://u:p@x/", "user name")])
def test_places_to_upload_that_are_refused(moor, loaded, location, part):
    def answer(call):
        if call.command == "POST":
            call.reply(202, **({"Location": location} if location else {}))
        else:
            call.reply(200 if call.path == "/v2/" else 404)
    with Server(answer) as server:
        moor.docker("tag", loaded, f"{server.host}/x:1")
        assert part in moor.docker("push", f"{server.host}/x:1", code=1).stderr


def test_uploads_elsewhere_get_no_password(moor, loaded):
    uploads = Uploads()
    with Server(uploads) as elsewhere:
        uploads.location = f"http://{elsewhere.host}/u?state=a"

        def door(call):
            if call.header("Authorization"):
                uploads(call)
            else:
                call.reply(401, WWW_Authenticate='Basic realm="x"')
        with Server(door) as server:
            moor.docker("login", server.host, "-u", "me", "--password-stdin", input="pass")
            moor.docker("tag", loaded, f"{server.host}/x:1")
            push(moor, f"{server.host}/x:1")
        assert len(uploads.blobs) == 3 and {call.header("Authorization") for call in elsewhere.calls} == {None}
