# SPDX-License-Identifier: Apache-2.0
"""Pulling through the real mooring-fetch: from docker-registry, and from a registry that lies."""

import contextlib
import gzip
import http.server
import json
import os
import subprocess
import threading

import pytest
import world
from image_archives import Layout, Store, digest, entry, link, list_tree, tar

OCI = "application/vnd.oci.image."
INDEX = OCI + "index.v1+json"
MANIFEST = OCI + "manifest.v1+json"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "root")


LAYERS = [tar(entry("d"), entry("d/a", os.urandom(200000)), link("l", "d/a")),
          tar(entry("d"), entry("d/b", b"b"), entry("d/.wh.a", b"")),
          tar(entry("d/c", b"c"))]


def test_an_image_of_several_layers(store, registry):
    layout = Layout(*LAYERS, Env=["A=1"], Cmd=["sh"])
    reference = layout.push(registry, "several")
    result = store.pull(reference)
    assert result.images == [{"event": "image", "id": layout.id, "reference": reference, "new": True}]
    assert result.events[0] == {"event": "resolved", "digest": digest(layout.manifest)}
    assert set(result.layers.values()) == {"done"} and len(result.layers) == 3
    assert store.names() == {reference: layout.id,
                             f"{registry.address}/several@{digest(layout.manifest)}": layout.id}
    assert store.record(layout.id)["config"]["Env"] == ["A=1"]
    assert store.record(layout.id)["manifest"] == digest(layout.manifest)
    assert {f"sha256:{name}" for name in os.listdir(store.path("blobs/sha256"))} == {layout.id, digest(layout.manifest)}
    store.check()
    again = store.pull(reference)
    assert set(again.layers.values()) == {"exists"} and not again.images[0]["new"]


def test_a_shared_layer_is_fetched_once(store, registry):
    store.pull(Layout(*LAYERS).push(registry, "shared", "1"))
    result = store.pull(Layout(LAYERS[0], tar(entry("other", b"1"))).push(registry, "shared", "2"))
    assert sorted(result.layers.values()) == ["done", "exists"]


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def members(data):
    """gzip in many members, as pigz -i and eStargz write it."""
    return b"".join(gzip.compress(data[i:i + 10000]) for i in range(0, len(data), 10000))


def frames(data):
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    return skippable + zstd(data[:1000]) + skippable + zstd(data[1000:]) + skippable


@pytest.mark.parametrize("compress", [gzip.compress, members, zstd, frames, lambda data: data],
                         ids=["gzip", "members", "zstd", "frames", "plain"])
def test_compressions(store, registry, compress, tmp_path):
    layout = Layout(*LAYERS, compress=compress)
    store.pull(layout.push(registry, "compressed"))
    plain = Store(tmp_path / "plain")
    plain.pull(Layout(*LAYERS).push(registry, "plain"))
    assert list_tree(store.diff(layout.id)) == list_tree(plain.diff(layout.id))


def wide(window):
    """zstd with a window of 2^`window` bytes, whatever is in it."""
    return lambda data: subprocess.run(["zstd", "-q", "-c", f"--zstd=wlog={window}", "--no-content-size"],
                                       input=data, capture_output=True, check=True).stdout


def test_a_ceiling_for_memory(store, registry):
    """Two layers that need all of it come one after the other; more than it is refused, and said what would do."""
    pair = Layout(*LAYERS[:2], compress=wide(23)).push(registry, "wide", "8")
    assert set(store.pull(pair, more=["--memory", str(16 << 20)]).layers.values()) == {"done"}
    store.check()
    wider = Layout(tar(entry("w", b"w")), compress=wide(25)).push(registry, "wide", "32")
    failure = store.pull(wider, code=1, more=["--memory", str(16 << 20)]).failure
    assert failure["kind"] == "unsupported" and failure["text"].endswith(
        "zstd's window needs more memory than unpack-memory in daemon.json allows: make that 40m at least")
    assert os.listdir(store.path("staging")) == []
    store.pull(wider, more=["--memory", str(40 << 20)])
    for window, text in (26, None), (27, "allows by default: make that 136m at least"), (28, "a window of 256 MiB; at most 128 are supported"):
        widest = Layout(tar(entry("x", str(window).encode())), compress=wide(window)).push(registry, "wide", str(window))
        if text:
            assert text in store.pull(widest, code=1).failure["text"]
        if window < 28:
            store.pull(widest, more=["--memory", str(136 << 20)] if text else [])


def test_by_digest(store, registry):
    layout = Layout(*LAYERS)
    layout.push(registry, "digest")
    reference = f"{registry.address}/digest@{digest(layout.manifest)}"
    assert store.pull(reference).images[0]["reference"] == reference
    assert store.names() == {reference: layout.id}


def push_index(registry, name, tag, manifests):
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}).encode()
    registry.request("PUT", f"/v2/{name}/manifests/{tag}", index, Content_Type=INDEX)
    return digest(index)


def test_the_platform_of_an_index(store, registry):
    mine, other = Layout(*LAYERS), Layout(tar(entry("other", b"1")))
    for layout, tag in ((mine, "mine"), (other, "other")):
        layout.push(registry, "index", tag)
    here = json.loads(mine.config)["architecture"]
    attestation = {"annotations": {"vnd.docker.reference.type": "attestation-manifest"},
                   "platform": {"os": "unknown", "architecture": "unknown"}}
    top = push_index(registry, "index", "multi", [
        {**Layout.descriptor(MANIFEST, other.manifest), **attestation},
        {**Layout.descriptor(MANIFEST, other.manifest),
         "platform": {"os": "linux", "architecture": "s390x"}},
        {**Layout.descriptor(MANIFEST, mine.manifest),
         "platform": {"os": "linux", "architecture": here}}])
    result = store.pull(f"{registry.address}/index:multi")
    assert result.images[0]["id"] == mine.id
    assert f"{registry.address}/index@{top}" in store.names()

    push_index(registry, "index", "foreign", [
        {**Layout.descriptor(MANIFEST, other.manifest),
         "platform": {"os": "linux", "architecture": "s390x"}}])
    text = store.pull(f"{registry.address}/index:foreign", code=1).failure["text"]
    assert "no matching manifest for linux/" in text and "linux/s390x" in text


def test_what_cannot_be_pulled(store, registry):
    for reference, kind, text in (
            (f"{registry.address}/nothing:here", "not-found", "manifest unknown"),
            (f"127.0.0.1:{world.free_port()}/x", "network", "connection refused"),
            ("UPPER", "input", "invalid reference format")):
        failure = store.pull(reference, code=1).failure
        assert failure["kind"] == kind and text in failure["text"]
    assert store.contents() == []


# -- a registry that lies ------------------------------------------------------------------------

class Liar:
    """Answers with whatever it was told, and remembers what it was asked."""

    def __init__(self, layout):
        self.layout, self.manifest, self.type = layout, layout.manifest, MANIFEST
        self.header = None  # Docker-Content-Digest
        self.blobs = {digest(blob): blob for blob in (layout.config, *layout.blobs)}
        self.cut = None     # bytes after which a blob breaks off, though promised
        self.asked = []
        self.command = None  # what is being answered: GET or HEAD

    def answer(self, path):
        self.asked.append(path)
        last = path.rsplit("/", 1)[-1]
        if "/manifests/" in path:
            return self.manifest, self.type
        return self.blobs.get(last, b"") if "/blobs/" in path else b"{}", "application/octet-stream"

    def status(self, path):
        return 200

    def send(self, file, body):
        file.write(body)


@contextlib.contextmanager
def lying(liar, address="127.0.0.1:0"):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            liar.command = self.command
            body, media_type = liar.answer(self.path)
            self.send_response(liar.status(self.path))
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            if liar.header and "/manifests/" in self.path and not self.path.endswith(digest(liar.manifest)):
                self.send_header("Docker-Content-Digest", liar.header)
            self.end_headers()
            if self.command == "HEAD":
                return
            if liar.cut and "/blobs/" in self.path and body != liar.layout.config:
                self.wfile.write(body[:liar.cut])
                self.close_connection = True
                return
            with contextlib.suppress(OSError):
                liar.send(self.wfile, body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    host, _, port = address.partition(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Holding(Liar):
    """Keeps the end of some blobs back until it is told to go on."""

    def __init__(self, layout, held):
        super().__init__(layout)
        self.held, self.go_on = held, threading.Event()

    def send(self, file, body):
        if body in self.held:
            file.write(body[:-100])
            assert self.go_on.wait(60)
            body = body[-100:]
        file.write(body)


def memory_of(process):
    """Bytes that a process and all it has started have together, what several share counted once; those of them that come
    from no file, and so are the same on every machine; and the largest's."""
    found, sizes, own = [process.pid], [0], 0
    for pid in found:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                kinds = {line.split()[0]: int(line.split()[1]) << 10 for line in file if line.startswith("Pss")}
            sizes.append(kinds["Pss:"])
            own += kinds["Pss_Anon:"] + kinds["Pss_Shmem:"]
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return sum(sizes), own, max(sizes)


def files_of(mib):
    """A layer that compression does not make smaller: of a window, all is used."""
    return tar(*(entry(f"f{i}", os.urandom(1 << 20)) for i in range(mib)))


@pytest.mark.static  # a sanitizer takes more for itself
@pytest.mark.parametrize("other", [wide(23), lambda data: gzip.compress(data, 1)], ids=["wide", "gzip"])
def test_memory_of_all_processes(moor, other):
    """While the widest window that is usual, 8 MiB, is in use, and another layer waits or is unpacked beside it."""
    window, kinds = 8 << 20, iter([wide(23), other])
    layout = Layout(files_of(10), files_of(10), compress=lambda layer: next(kinds)(layer))
    holding = Holding(layout, [blob for blob in layout.blobs if blob.startswith(b"\x28\xb5\x2f\xfd")])
    with lying(holding) as address:
        process = moor.start("docker", "pull", "-q", f"{address}/wide:1")
        try:
            world.wait_until(lambda: memory_of(process)[2] > window or process.poll() is not None, "a window that is full")
            used, own, _ = map(max, zip(*(memory_of(process) for _ in range(10))))
        finally:
            holding.go_on.set()
        assert process.communicate(timeout=60) == (f"{address}/wide:1\n", "") and process.returncode == 0
    # Programs and libraries are shared with whoever runs beside them: 16 MiB where a few do.
    assert window < own < 13 << 20 and used < 18 << 20, f"{own >> 10} of {used >> 10} KiB"


def index_of(*layouts):
    """Each for this machine's platform: the first is the one to take."""
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [
        {**Layout.descriptor(MANIFEST, layout.manifest),
         "platform": {"os": "linux", "architecture": json.loads(layout.config)["architecture"]}}
        for layout in layouts]}).encode()


class Honest(Liar):
    """Has the image behind an index, under the tag 1."""

    def __init__(self, layout):
        super().__init__(layout)
        self.index, self.requests = index_of(layout), []
        self.header = digest(self.index)

    def answer(self, path):
        self.requests.append((self.command, path))
        return (self.index, INDEX) if path.endswith("/manifests/1") else super().answer(path)

    def move(self, layout):
        """The tag gets another meaning."""
        self.index, self.manifest = index_of(layout), layout.manifest
        self.header = digest(self.index)
        self.blobs.update({digest(blob): blob for blob in (layout.config, *layout.blobs)})


def test_nothing_changed(store):
    """One HEAD says that an index is as it was, what it names is here; a digest needs no request at all."""
    layout = Layout(*LAYERS)
    with lying(Honest(layout)) as address:
        reference = f"{address}/same:1"
        by_digest = f"{address}/same@{digest(index_of(layout))}"
        store.pull(reference)
    before = store.contents()
    honest = Honest(layout)
    with lying(honest, address) as _:
        for name, requests in ((reference, [("HEAD", "/v2/same/manifests/1")]), (by_digest, [])):
            del honest.requests[:]
            again = store.pull(name)
            assert honest.requests == requests
            assert again.images[0]["id"] == layout.id and not again.images[0]["new"]
            assert set(again.layers.values()) == {"exists"} and store.contents() == before


@pytest.mark.parametrize("status", [403, 404, 405, 410])
def test_a_server_of_files(store, status):
    """That has the image, and nothing at "/v2/"; one that has neither is said to be no registry."""
    layout = Layout(*LAYERS)

    class Files(Honest):
        def answer(self, path):
            if path == "/v2/" or "/none/" in path:
                return b"not here", "text/plain"
            return super().answer(path)

        def status(self, path):
            return status if path == "/v2/" else 404 if "/none/" in path else 200

    with lying(Files(layout)) as address:
        assert store.pull(f"{address}/same:1").images[0]["id"] == layout.id
        failure = store.pull(f"{address}/none/same:1", code=1).failure
    assert failure["kind"] == "not-found", failure
    assert f'{address} is not an image registry (Get "http://{address}/v2/none/same/manifests/1": HTTP 404)' in failure["text"]


@pytest.mark.parametrize("header", ["said", "missing"])
def test_the_tag_moved(store, header):
    """The HEAD says so, or nothing of use; then the manifest is asked for."""
    old, new = Layout(*LAYERS), Layout(LAYERS[0], tar(entry("new", b"1")))
    honest = Honest(old)
    with lying(honest) as address:
        store.pull(f"{address}/same:1")
        honest.move(new)
        if header == "missing":
            honest.header = None
        del honest.requests[:]
        again = store.pull(f"{address}/same:1")
    assert again.images[0]["id"] == new.id and again.images[0]["replaced"] == old.id
    assert [request for request in honest.requests if request[1].endswith("/1")] == [
        ("HEAD", "/v2/same/manifests/1"), ("GET", "/v2/same/manifests/1")]


IMPATIENT = b'{"patience": {"attempts": 2, "back_off_ms": 10, "stall_seconds": 5}}'


def refuse(store, liar, *parts, reference="lies:1"):
    with lying(liar) as address:
        result = store.pull(f"{address}/{reference}", code=1, settings=IMPATIENT)
    for part in parts:
        assert part in result.failure["text"], result.failure
    assert "\n" not in result.failure["text"] and not result.stderr
    assert store.contents() == []
    return result.failure


@pytest.fixture
def liar():
    return Liar(Layout(*LAYERS))


def test_a_layer_with_another_digest(store, liar):
    name = digest(liar.layout.blobs[1])
    good = liar.blobs[name]
    for bad in (gzip.compress(LAYERS[1], 1), good[:-1] + b"x", good[:-4] + b"abcd"):
        liar.blobs[name] = bad.ljust(len(good), b"\0")[:len(good)]
        refuse(store, liar, "filesystem layer verification failed for digest " + name)


def test_a_kept_blob_repairs_its_layer(store, liar):
    """Nothing is asked of the registry but the name; if the blob is damaged, too, it is."""
    name = digest(liar.layout.blobs[1])
    good = liar.blobs[name]
    with lying(liar) as address:
        store.pull(f"{address}/lies:1", more=["--keep-blobs"])
        directory = os.path.dirname(store.diff(liar.layout.id, 1))
        kept = os.path.join(directory, "blob")
        again = ["--again", "sha256:" + os.path.basename(directory), "--keep-blobs"]

        def repair(**options):
            os.unlink(os.path.join(directory, "diff/d/b"))
            del liar.asked[:]
            store.pull(f"{address}/lies:1", more=again, **options)
            return any(path.endswith(name) for path in liar.asked)

        assert open(kept, "rb").read() == good and not repair()
        store.check()
        with open(kept, "r+b") as file:
            file.write(b"bad")
        assert repair() and open(kept, "rb").read() == good
        store.pull(f"{address}/lies:1", more=again[:2])
    assert not os.path.exists(kept)


@pytest.mark.parametrize("what", ["layer", "config", "manifest"])
def test_a_mirror_that_lies(store, liar, what):
    """The registry itself is asked for what the mirror sent wrong, and nobody else's word is taken."""
    honest = Liar(liar.layout)
    good = {"layer": liar.layout.blobs[1], "config": liar.layout.config}.get(what)
    if good:
        liar.blobs[digest(good)] = good[:-1] + b"?"
    else:
        liar.header = digest(b"something else")
    with lying(liar) as mirror, lying(liar) as bad, lying(honest) as origin:
        mirrors = {host: [f"http://{mirror}"] for host in (bad, origin)}
        options = {"settings": json.dumps({**json.loads(IMPATIENT), "mirrors": mirrors}).encode(), "more": ["--mirrored"]}
        assert store.pull(f"{bad}/lies:1", code=1, **options).failure["kind"] == "corrupt"
        assert honest.asked == []
        assert store.pull(f"{origin}/lies:1", **options).images[0]["id"] == liar.layout.id
        assert honest.asked != []


def test_a_layer_with_another_diff_id(store):
    layout = Layout(*LAYERS)
    evil = Layout(*LAYERS[:2], tar(entry("evil", b"1")))
    liar = Liar(evil)
    config = layout.config
    liar.blobs[digest(config)] = config
    liar.manifest = evil.manifest.replace(digest(evil.config).encode(), digest(config).encode())
    refuse(store, liar, "invalid diffID")


def test_a_layer_of_another_size(store, liar):
    name = digest(liar.layout.blobs[0])
    good = liar.blobs[name]
    for bad in (good + b"x", good[:-1], b""):
        liar.blobs[name] = bad
        refuse(store, liar, "filesystem layer verification failed for digest " + name)
    liar.blobs[name] = good
    name = digest(liar.layout.config)
    liar.blobs[name] += b"x"
    refuse(store, liar, "image config verification failed for digest " + name)


def test_a_layer_that_breaks_off(store, liar):
    liar.cut = 1000
    assert refuse(store, liar)["kind"] == "network"


def test_a_configuration_with_another_digest(store, liar):
    name = digest(liar.layout.config)
    liar.blobs[name] = liar.blobs[name].replace(b"linux", b"xunil")
    refuse(store, liar, "verification failed for digest " + name)


def test_a_manifest_with_another_digest(store, liar):
    refuse(store, liar, "manifest verification failed",
           reference="lies@sha256:" + "0" * 64)
    liar.header = "sha256:" + "0" * 64
    refuse(store, liar, "manifest verification failed")


def test_an_image_of_another_system(store, liar):
    """Refused before a layer of it is fetched; so by load."""
    config = json.dumps({**json.loads(liar.layout.config), "os": "windows"}).encode()
    liar.blobs[digest(config)] = config
    liar.manifest = json.dumps({**json.loads(liar.layout.manifest), "config": Layout.descriptor(
        "application/vnd.oci.image.config.v1+json", config)}).encode()
    text = 'image operating system "windows" cannot be used on this platform: operating system is not supported'
    assert refuse(store, liar, text)["kind"] == "unsupported"
    assert not [path for path in liar.asked if digest(liar.layout.blobs[0]) in path]
    liar.layout.config = config
    liar.layout.manifest = liar.manifest
    layout = dict(liar.layout.files())
    layout["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [Layout.descriptor(MANIFEST, liar.manifest)]}).encode()
    assert text in store.load(tar(*(entry(name, data) for name, data in layout.items())), code=1).failure["text"]
    assert store.contents() == []


def test_manifests_that_are_none(store, liar):
    manifest = json.loads(liar.layout.manifest)
    layer = manifest["layers"][0]
    for change, part in (
            ({"manifests": []}, "an index and an image at once"),
            ({"mediaType": INDEX}, "calls itself"),
            ({"config": {**manifest["config"], "mediaType": "application/x"}}, "artifact"),
            ({"config": None}, "no config"),
            ({"layers": [{**layer, "mediaType": "application/x"}] * 3}, "cannot be run"),
            ({"layers": [{**layer, "size": -1}] * 3}, "negative size"),
            ({"layers": [{**layer, "digest": "sha256:../../x"}] * 3}, "layers[0]"),
            ({"layers": [layer] * 200}, "200 layers"),
            ({"layers": [layer]}, "has 1 layers"),
            ({"fsLayers": []}, "schema 1")):
        liar.manifest = json.dumps({**manifest, **change}).encode()
        refuse(store, liar, part)
    liar.manifest = b"[" * 10000 + b"]" * 10000
    refuse(store, liar, "nested too deeply")


def test_a_manifest_of_100_megabytes(store, liar):
    liar.manifest = b"{" + b" " * (100 << 20)
    refuse(store, liar)


def test_an_index_of_itself(store, liar):
    """Depth is bounded, and a digest cannot name itself anyway: the liar is caught by it."""
    entry_ = {**Layout.descriptor(INDEX, b""), "platform":
              {"os": "linux", "architecture": json.loads(liar.layout.config)["architecture"]}}
    liar.manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX,
                                "manifests": [entry_]}).encode()
    liar.type = INDEX
    refuse(store, liar, "manifest verification failed")
