# SPDX-License-Identifier: Apache-2.0
"""A pull that was killed, cut off or lost to a power cut goes on where it stood, by Range."""

import contextlib
import gzip
import http.server
import os
import random
import struct
import subprocess
import tempfile
import threading
import zlib
from pathlib import Path

import pytest
import world
from image_archives import FETCH, UNPACK, Layout, Store, digest, entry, link, list_tree, tar

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Server(http.server.ThreadingHTTPServer):
    """A registry with one image. It sends the first `stop` bytes of a blob and then falls silent, until it is told
    to hang up; it remembers the ranges it was asked for."""

    daemon_threads = True

    def __init__(self, layout):
        super().__init__(("127.0.0.1", 0), Handler)
        self.blobs = {digest(blob): blob for blob in (layout.config, *layout.blobs)}
        self.manifest = layout.manifest
        self.stop, self.hang_up = None, threading.Event()
        self.ranges = []
        self.reference = f"127.0.0.1:{self.server_address[1]}/app:1"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, body, **headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def do_GET(self):
        with contextlib.suppress(ConnectionError):
            self.serve()

    def serve(self):
        server, name = self.server, self.path.split("/")[-1]
        if "/manifests/" in self.path:
            self.wfile.write(self.answer(200, server.manifest, Content_Type=MANIFEST))
        elif name not in server.blobs:
            self.wfile.write(self.answer(200, b"{}"))
        else:
            self.serve_blob(server.blobs[name])

    def serve_blob(self, blob):
        asked = self.headers.get("Range")
        start = int(asked[6:].split("-")[0]) if asked else 0
        if len(blob) > 100000:
            self.server.ranges.append(start)
        body = self.answer(206 if asked else 200, blob[start:], **(
            {"Content_Range": f"bytes {start}-{len(blob) - 1}/{len(blob)}"} if asked else {}))
        if self.server.stop is None or len(blob) < 100000:
            self.wfile.write(body)
            return
        self.wfile.write(body[:max(0, self.server.stop - start)])
        self.wfile.flush()
        self.server.hang_up.wait(60)
        self.close_connection = True
        self.connection.shutdown(2)


def layer():
    """Names of all kinds around content that hardly compresses; some of it in directories without an entry."""
    draw = random.Random(4)
    before = b""
    entries = [entry("a", mode=0o710), entry("opaque"), entry("opaque/.wh..wh..opq", b"")]
    for i in range(48):
        content = draw.randbytes(400_000) + before[:100_000]  # which zstd's window reaches, and gzip's does not
        before = content
        entries += [entry(f"a/f{i}", content, uid=i), link(f"a/l{i}", f"f{i}"),
                    link(f"a/h{i}", f"a/f{i}", hard=True), entry(f"implied{i // 8}/deep{i}/x", b"x" * i),
                    entry(f"a/.wh.gone{i}", b""), entry(f"d{i}", mode=0o700 + i % 8), entry(f"d{i}/e", b"")]
    return tar(*entries)


def layer_of_a_large_file():
    """Most of it is one file, with everything that is set when all of it is there."""
    content = random.Random(5).randbytes(16_000_000)
    return tar(entry("a", mode=0o710), entry("a/before", b"before"),
               entry("a/model", content, uid=7, mode=0o4755, mtime=1.5,
                     pax_headers={"SCHILY.xattr.user.kind": "large", "path": "a/" + "long" * 20 + "model"}),
               entry("d0/after", b"after"))


LAYER = layer()
LARGE = layer_of_a_large_file()
SMALL = tar(entry("small", b"small"))


def quick(data):
    return gzip.compress(data, 1)


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


def zstd_by_go(data):
    """By the encoder that podman, buildkit and containerd have: what registries hold is mostly its."""
    with tempfile.TemporaryDirectory() as place:
        archive = world.Image([data]).save(f"{place}/in.tar", "t:1")
        subprocess.run(["skopeo", "copy", "-q", "--insecure-policy", "--dest-compress-format", "zstd",
                        f"docker-archive:{archive}", f"oci:{place}/out:t"], check=True)
        blobs = [Path(place, "out/blobs/sha256", name).read_bytes() for name in os.listdir(f"{place}/out/blobs/sha256")]
    return next(blob for blob in blobs if blob.startswith(b"\x28\xb5\x2f\xfd"))


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The trees of a pull that nothing disturbed."""
    store = Store(tmp_path_factory.mktemp("expected") / "root")
    layout = Layout(LAYER, SMALL, compress=quick)
    image = store.load(layout.tar()).images[0]["id"]
    return [list_tree(store.diff(image, index)) for index in range(2)]


def stamped(store):
    """The stage that has a checkpoint."""
    staged = os.listdir(store.path("staging")) if os.path.isdir(store.path("staging")) else []
    return next((name for name in staged if os.path.exists(store.path("staging", name, "resume"))), None)


def start(store, reference, *more):
    """docker pull's two programs; the caller kills them."""
    code = ("import os, socket, subprocess, sys\n"
            "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "settings = os.memfd_create('s'); os.write(settings, b'{\"patience\":{\"attempts\":1,\"back_off_ms\":10}}')\n"
            "os.lseek(settings, 0, 0)\n"
            "def run(program, to, *words):\n"
            "    def prepare():\n"
            "        os.dup2(to.fileno(), 3); os.dup2(settings, 5)\n"
            "    return subprocess.Popen([program, *words], preexec_fn=prepare, pass_fds=[3, 5],\n"
            "                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)\n"
            "fetch = run(sys.argv[1], a)\n"
            "unpack = run(sys.argv[2], b, 'pull', '--root', sys.argv[3], '--reference', *sys.argv[4:])\n"
            "a.close(); b.close()\n"
            "code = unpack.wait(); fetch.kill(); fetch.wait(); sys.exit(code)\n")
    return subprocess.Popen(["/usr/bin/python3", "-c", code, FETCH, UNPACK, store.root, reference, *more],
                            start_new_session=True, stderr=subprocess.PIPE)


def kill(process):
    os.killpg(process.pid, 9)
    process.wait()
    process.stderr.close()


def check(store, layout, expected):
    store.check()
    assert [list_tree(store.diff(layout.id, index)) for index in range(2)] == expected
    assert os.listdir(store.path("staging")) == []
    assert not any("resume" in os.listdir(store.path("layers", name)) for name in os.listdir(store.path("layers")))
    store.save(os.path.join(store.root, "..", "saved.tar"), layout.id)  # every byte of the archive is known


def started(tmp_path, compress, *more):
    """A pull of which half the layer comes, once it has a checkpoint: (layout, server, store, process)."""
    layout = Layout(LAYER, SMALL, compress=compress)
    server, store = Server(layout), Store(tmp_path / "root")
    server.stop = len(layout.blobs[0]) // 2
    process = start(store, server.reference, *more)
    world.wait_until(lambda: stamped(store), "a checkpoint", 30)
    return layout, server, store, process


@pytest.mark.parametrize("compress, more", [(quick, ["--keep-blobs"]), (zstd, ["--keep-blobs"]), (bytes, [])],
                         ids=["gzip, kept", "zstd, kept", "plain"])
def test_killed_and_gone_on(tmp_path, expected, compress, more):
    layout, server, store, process = started(tmp_path, compress, *more)
    size = len(layout.blobs[0])
    kill(process)
    assert server.ranges == [0] and store.names() == {}
    name = stamped(store)
    os.makedirs(store.path("staging", name, "diff", "implied5", "later"))  # made after the checkpoint, for all it knows
    os.makedirs(store.path("staging", name, "diff", "d47"))
    server.stop = None
    store.pull(server.reference, more=more)
    assert len(server.ranges) == 2 and 3_000_000 < server.ranges[1] <= size // 2
    check(store, layout, expected)
    for index, blob in enumerate(layout.blobs):
        path = os.path.join(os.path.dirname(store.diff(layout.id, index)), "blob")
        assert open(path, "rb").read() == blob if more else not os.path.exists(path)
    server.hang_up.set()
    server.shutdown()


@pytest.mark.parametrize("compress", [quick, zstd, zstd_by_go])
def test_cut_off_by_the_network(tmp_path, expected, compress):
    layout, server, store, process = started(tmp_path, compress)
    server.hang_up.set()
    assert process.wait(60) == 1
    process.stderr.close()
    assert stamped(store)
    server.stop = None
    before = len(server.ranges)
    store.pull(server.reference)
    assert server.ranges[before] > 3_000_000
    check(store, layout, expected)
    server.shutdown()


@pytest.mark.parametrize("compress", [quick, zstd, bytes], ids=["gzip", "zstd", "plain"])
def test_inside_of_a_file(tmp_path, compress):
    """Twice: what goes on can be cut off, too."""
    layout = Layout(LARGE, SMALL, compress=compress)
    server, store, undisturbed = Server(layout), Store(tmp_path / "root"), Store(tmp_path / "undisturbed")
    undisturbed.load(layout.tar())
    expected = [list_tree(undisturbed.diff(layout.id, index)) for index in range(2)]
    for part, runs in ((0.5, 1), (0.8, 2)):
        server.stop = int(len(layout.blobs[0]) * part)
        process = start(store, server.reference)
        world.wait_until(lambda: stamped(store) and len(server.ranges) == runs, "a checkpoint", 30)
        kill(process)
        server.hang_up.set()
        server.hang_up = threading.Event()
    server.stop = None
    store.pull(server.reference)
    assert server.ranges[0] == 0 and 3_000_000 < server.ranges[1] <= server.ranges[2]
    check(store, layout, expected)
    server.shutdown()


def test_what_lay_about_does_no_harm(tmp_path, expected):
    """Another blob's checkpoint, a broken one, files of nobody's: the layer is fetched anew, or ends as it should."""
    layout, server, store, process = started(tmp_path, quick)
    kill(process)
    server.stop = None
    subprocess.run(["cp", "-a", store.root, tmp_path / "copy"], check=True)
    name = stamped(store)
    resume = store.path("staging", name, "resume")
    with open(resume, "r+b") as file:
        file.seek(200)
        file.write(b"\xff" * 64)
    store.pull(server.reference)
    check(store, layout, expected)

    other = Store(tmp_path / "copy")  # its files have other inode numbers: nothing to go on with
    other.pull(server.reference)
    assert server.ranges[-1] == 0
    check(other, layout, expected)
    server.hang_up.set()
    server.shutdown()


DECODER = 96 << 10  # what a checkpoint has room for at its end: the inflater's state


def spoil_state(store, name):
    """A checkpoint that looks sound and is not."""
    path = store.path("staging", name, "resume")
    with open(path, "rb") as file:
        data = bytearray(file.read())
    end = struct.unpack_from("I", data, 20)[0]
    data[end - DECODER + 10:end] = b"\xff" * (DECODER - 10)
    data[-4:] = struct.pack("I", zlib.crc32(data[:-4]))
    with open(path, "r+b") as file:
        file.write(data)


def spoil_files(store, name):
    """What is unpacked already is no more what it was."""
    directory = store.path("staging", name, "diff", "a")
    for file in os.listdir(directory):
        if file.startswith("f"):
            with open(os.path.join(directory, file), "r+b") as opened:
                opened.write(b"other bytes")


@pytest.mark.parametrize("compress, spoil", [(quick, spoil_state), (zstd, spoil_state), (zstd, spoil_files)],
                         ids=["gzip", "zstd", "zstd, files"])
def test_a_wrong_checkpoint_costs_the_layer_once_more(tmp_path, expected, compress, spoil):
    layout, server, store, process = started(tmp_path, compress)
    kill(process)
    spoil(store, stamped(store))
    server.stop = None
    store.pull(server.reference)
    assert len(server.ranges) == 3 and server.ranges[1] > 3_000_000 and server.ranges[2] == 0
    check(store, layout, expected)
    server.hang_up.set()
    server.shutdown()


def test_removed_is_removed(tmp_path):
    """A layer that still has its checkpoint, as stores of earlier versions do, is none that a pull was cut off from."""
    store, layout = Store(tmp_path / "root"), Layout(SMALL, compress=quick)
    store.load(layout.tar())
    with open(os.path.join(store.diff(layout.id), "..", "resume"), "w"):
        pass
    subprocess.run([os.path.join(world.BUILD, "cli", "bin", "docker"), "rmi", layout.id], check=True, capture_output=True,
                   env={**os.environ, "MOORING_ROOT": store.root, "MOORING_RUN": str(tmp_path / "run")})
    assert os.listdir(store.path("staging")) == os.listdir(store.path("layers")) == []


def test_a_finished_layer_is_not_fetched_again(tmp_path):
    """Killed with the second layer under way: the first one stays, though no image names it yet."""
    layout = Layout(tar(entry("first", random.Random(1).randbytes(40_000_000))),
                    tar(entry("second", random.Random(2).randbytes(9_000_000))), compress=bytes)
    server, store = Server(layout), Store(tmp_path / "root")
    process = start(store, server.reference)
    world.wait_until(lambda: os.path.isdir(store.path("layers")) and os.listdir(store.path("layers")), "a layer", 60)
    kill(process)
    if layout.id in store.names().values():
        return  # it was too fast: nothing was left to fetch
    del server.ranges[:]
    assert store.pull(server.reference).layers[digest(layout.blobs[0])[7:19]] == "exists"
    assert len(server.ranges) <= 1
    server.shutdown()
