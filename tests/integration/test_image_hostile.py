# SPDX-License-Identifier: Apache-2.0
"""Archives that mean harm, and archives that are broken: one clear line, nothing written outside,
the store as it was. Numbers of CVEs name what happened to others."""

import gzip
import io
import json
import lzma
import os
import resource
import subprocess
import tarfile
import zlib

import pytest
import world
from image_archives import Layout, Store, digest, docker_archive, entry, link, tar, xattrs


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "root")
    (tmp_path / "secret").write_text("secret")
    store.load(docker_archive([tar(entry("base", b"1"))], names=(("base:1",),)))
    yield store
    assert (tmp_path / "secret").read_text() == "secret"
    assert sorted(os.listdir(tmp_path)) == sorted({"root", "secret", *extra(tmp_path)})
    store.check()
    subprocess.run(["rm", "-rf", store.root], check=True)  # Python gives up on deep trees


def extra(tmp_path):
    return [name for name in os.listdir(tmp_path) if name.startswith("input")]


def refuse(store, archive, *parts, kind=None):
    """Loading fails in one line that has all the parts, and changes nothing."""
    before = store.contents(), store.names()
    result = store.load(archive, code=1)
    text = result.failure["text"]
    for part in parts:
        assert part in text, text
    assert "\n" not in text
    assert not result.stderr
    if kind:
        assert result.failure["kind"] == kind
    assert (store.contents(), store.names()) == before
    return text


# -- names that lead out -------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["../escaped", "a/../../escaped", "/../escaped", "a/..", ".."])
def test_dot_dot_in_a_name(store, name):
    refuse(store, docker_archive([tar(entry(name, b"x"))]), '".." in a name')


def test_dot_dot_in_a_hard_link(store):
    refuse(store, docker_archive([tar(link("x", "../../../secret", hard=True))]),
           '".." in a name')


@pytest.mark.parametrize("record", [b"99 path=x\n", b"9 path=xx", b"0 path=x\n", b"path=x\n",
                                    b"9" * 23 + b" path=x\n"])
def test_pax_records_that_are_none(store, record):
    """As Go's reader, and so docker, has it."""
    info, _ = entry("PaxHeaders/x", record, type=tarfile.XHDTYPE)
    extended = info.tobuf(tarfile.USTAR_FORMAT) + record.ljust(512, b"\0")
    refuse(store, docker_archive([extended + tar(entry("x", b"x"))]), "archive/tar: invalid tar header")


def test_hard_link_out(store, tmp_path):
    """CVE-2014-6407: a hard link to a file of the host by its absolute name."""
    refuse(store, docker_archive([tar(link("x", str(tmp_path / "secret"), hard=True))]),
           "not in this layer")


def test_hard_link_to_what_is_removed(store):
    refuse(store, docker_archive([tar(entry(".wh.x", b""), link("y", "x", hard=True))]), "not in this layer")


def test_hard_link_through_a_symlinked_parent(store, tmp_path):
    """CVE-2014-9356"""
    refuse(store, docker_archive([tar(link("d", str(tmp_path)), link("x", "d/secret", hard=True))]),
           "not in this layer")


@pytest.mark.parametrize("target", ["{tmp}", "../../../../../../../../../../../../{tmp}", "/"])
def test_write_through_a_symlink_stays_inside(store, tmp_path, target):
    """CVE-2014-6407: the path is resolved below the layer's own root."""
    target = target.format(tmp=str(tmp_path))
    layer = tar(link("d", target), entry("d/secret", b"overwritten"),
                entry("d/new/file", b"x"))
    image = store.load(docker_archive([layer])).images[0]["id"]
    diff = store.diff(image)
    inside = os.path.normpath("/" + target).lstrip("/")
    assert open(os.path.join(diff, inside, "secret")).read() == "overwritten"
    assert open(os.path.join(diff, inside, "new/file")).read() == "x"


def test_a_file_that_is_a_symlink_is_replaced_not_followed(store, tmp_path):
    layer = tar(link("x", str(tmp_path / "secret")), entry("x", b"mine"))
    image = store.load(docker_archive([layer])).images[0]["id"]
    assert open(store.diff(image) + "/x").read() == "mine"


def test_chmod_through_a_symlink(store, tmp_path):
    """CVE-2021-32760: a symlink's mode is nobody's business."""
    os.chmod(tmp_path / "secret", 0o600)
    image = store.load(docker_archive([tar(link("x", str(tmp_path / "secret"), mode=0o4777))]))
    assert os.path.islink(store.diff(image.images[0]["id"]) + "/x")
    assert os.stat(tmp_path / "secret").st_mode & 0o7777 == 0o600


def test_symlink_loops(store):
    refuse(store, docker_archive([tar(link("a", "b"), link("b", "a"), entry("a/x", b"1"))]),
           "a/x: ", "symbolic links")
    chain = [link(f"l{i}", f"l{i + 1}") for i in range(60)]
    refuse(store, docker_archive([tar(*chain, entry("l0/x", b"1"))]), "l0/x: ")


def test_symlinks_to_long_ways(store):
    """Each of 39 links leads to a path of 127 components behind the next one."""
    chain = [link(f"l{i}", f"l{i + 1}/" + "/".join("a" * 126)) for i in range(39)]
    refuse(store, docker_archive([tar(*chain, entry("l0/x", b"1"))]), "symlinks lead too deep")
    refuse(store, docker_archive([tar(link("l", "a/" * 129))]), "more than 128 components")


def test_names_through_symlinks_have_a_limit(store):
    """A few bytes of the archive make the kernel walk thousands of components, again and again."""
    deep = "a/" * 100
    stacked = [item for i in range(5) for item in
               (entry(f"s{i - 1}/{deep}x" if i else deep + "x", b"1"),
                link(f"s{i}", f"s{i - 1}/{deep}" if i else deep))]
    image = store.load(docker_archive([tar(*stacked)])).images[0]["id"]
    with open(f"{store.diff(image)}/s3/{deep}/x", encoding="ascii") as file:
        assert file.read() == "1"
    again = [link("h", "s4/x", hard=True)] * 5200
    refuse(store, docker_archive([tar(*stacked, *again)]), "too many names through symlinks")
    made = [link(f"s4/{i}/x", "x") for i in range(2700)]  # and each is met again at the end
    refuse(store, docker_archive([tar(*stacked, *made)]), "too many names through symlinks")


@pytest.mark.parametrize("name", ["/.", ".", "./", "/"])
def test_the_root_itself_as_a_symlink(store, name, tmp_path):
    """CVE-2021-29136, CVE-2020-10696"""
    refuse(store, docker_archive([tar(link(name, str(tmp_path)))]), "root of a layer")


def test_the_root_as_a_file_or_removed(store):
    refuse(store, docker_archive([tar(entry(".", b"x"))]), "root of a layer")
    for name in (".wh.", ".wh..", ".wh..."):
        refuse(store, docker_archive([tar(entry(name, b""))]), "invalid whiteout")


def test_a_member_of_the_archive_that_leads_out(store, tmp_path):
    """A layer's path is data: it means a member of the archive, never a file of the host."""
    (tmp_path / "input.tar").write_bytes(tar(entry("x", b"1")))
    layer = tar(entry("x", b"1"))
    image = world.Image([layer])
    for path in (str(tmp_path / "input.tar"), "../input.tar", "link"):
        manifest = json.dumps([{"Config": "c.json", "RepoTags": ["t:1"], "Layers": [path]}])
        refuse(store, tar(entry("c.json", image.config), entry("manifest.json", manifest.encode()),
                          link("link", "../../../../.." + str(tmp_path / "input.tar"))),
               "no such file")


def test_digests_that_are_paths(store):
    """CVE-2024-3727, CVE-2021-21284"""
    layout = Layout(tar(entry("x", b"1")))
    for bad in ("sha256:../../../x", "sha256:" + "a" * 63, "sha256:" + "A" * 64, "md5:" + "a" * 32,
                "", "../x"):
        index = layout.index.replace(digest(layout.manifest).encode(), bad.encode())
        refuse(store, tar(entry("index.json", index), entry("oci-layout", b"{}")), "index.json")


def test_descriptors_that_lie_about_sizes(store):
    """As for what a registry sends, whose digests are right as well."""
    for what in ("config", "layer", "manifest"):
        layout = Layout(tar(entry("x", b"1")))
        document = json.loads(layout.manifest)
        if what == "manifest":
            layout.index = layout.index.replace(b'"size": %d' % len(layout.manifest), b'"size": 7')
        else:
            (document["config"] if what == "config" else document["layers"][0])["size"] = 7
            old, layout.manifest = layout.manifest, json.dumps(document).encode()
            layout.index = layout.index.replace(digest(old).encode(), digest(layout.manifest).encode()).replace(
                b'"size": %d' % len(old), b'"size": %d' % len(layout.manifest))
        refuse(store, layout.tar(), "bytes, not the 7 of its descriptor")


def test_a_layout_of_another_version(store):
    """As containerd has it; many writers leave the mark out, or empty."""
    files = dict(Layout(tar(entry("x", b"1"))).files())
    for mark, text in ((b'{"imageLayoutVersion":"2.0.0"}', "version 2.0.0: only 1.0.0 is known"),
                       (b'{"imageLayoutVersion":1}', "imageLayoutVersion: expected a string")):
        refuse(store, tar(*(entry(name, data) for name, data in {**files, "oci-layout": mark}.items())), text)
    for mark in (b"{}", b"", b"[]"):
        store.load(tar(*(entry(name, data) for name, data in {**files, "oci-layout": mark}.items())))


# -- attributes ----------------------------------------------------------------------------------

def test_owners_out_of_range(store):
    """CVE-2024-40635"""
    for field in ({"uid": 1 << 32}, {"gid": (1 << 32) - 1}, {"uid": 1 << 40}):
        refuse(store, docker_archive([tar(entry("x", b"", **field))]), "out of range")


def test_a_device_cannot_be_used_from_the_store(store):
    """It is made as the layer says, but mooring-unpack's own mount has nodev."""
    layer = tar(entry("mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666))
    image = store.load(docker_archive([layer])).images[0]["id"]
    assert os.stat(store.diff(image) + "/mem").st_rdev == os.makedev(1, 1)


def test_the_store_keeps_strangers_out(store):
    """CVE-2021-41091: set-uid programs of images must not be reachable."""
    for name in ("layers", "staging", "blobs", "images"):
        assert os.stat(store.path(name)).st_mode & 0o7777 == 0o700


def test_too_many_attributes(store):
    layer = tar(entry("x", b"", **xattrs(**{f"user__a{i}": "1" for i in range(100)})))
    refuse(store, docker_archive([layer]), "extended attributes")


# -- broken archives -----------------------------------------------------------------------------

ARCHIVE = docker_archive([tar(entry("x", os.urandom(100000)), entry("y", b"y"))])


@pytest.mark.parametrize("size", ["20000", "90000000"])
def test_a_file_of_another_size_than_its_content(store, size):
    """Whoever believes it would take the headers that follow for content."""
    lie = entry("f", b"A" * 1000, pax_headers={"SCHILY.realsize": size})
    after = [entry(f"g{i}", b"g" * 5000) for i in range(100)]
    refuse(store, docker_archive([tar(lie, *after)]), "unexpected EOF")
    hidden = entry(".wh.f", b"A" * 1000, pax_headers={"SCHILY.realsize": size})
    image = store.load(docker_archive([tar(hidden, *after)])).images[0]["id"]
    assert sorted(os.listdir(store.diff(image))) == sorted(["f", *(f"g{i}" for i in range(100))])


@pytest.mark.parametrize("length", [0, 1, 100, 511, 512, 700, 50000, 100900])
@pytest.mark.parametrize("source", ["pipe", "file"])
def test_truncated(store, tmp_path, length, source):
    path = tmp_path / "input.tar"
    path.write_bytes(ARCHIVE[:length])
    text = refuse(store, ARCHIVE[:length] if source == "pipe" else path)
    assert "unexpected EOF" in text or "invalid tar header" in text or "manifest.json" in text


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_truncated_compressed(store, pack):
    packed = pack(ARCHIVE)
    for length in (10, 1000, len(packed) // 2, len(packed) - 4):
        refuse(store, packed[:length])


@pytest.mark.parametrize("is_piped", [True, False])
def test_a_single_block_of_zeros(store, tmp_path, is_piped):
    """Is no end while something follows, that would be left out; in a layer and in the archive itself."""
    def archive(data):
        (tmp_path / "input.tar").write_bytes(data)
        return data if is_piped else tmp_path / "input.tar"

    one, two = tar(entry("a", b"1"))[:1024], tar(entry("b", b"2"))
    refuse(store, archive(docker_archive([one + bytes(512) + two])), "invalid tar header (behind a single block of zeros)")
    refuse(store, archive(one + bytes(512) + docker_archive([two])), "invalid tar header (behind a single block of zeros)")
    for end in 0, 512, 1024, 1536:
        image = store.load(archive(docker_archive([one + bytes(end)]))).images[0]["id"]
        assert os.listdir(store.diff(image)) == ["a"]
    image = store.load(archive(docker_archive([one + bytes(1024) + two]))).images[0]["id"]
    assert os.listdir(store.diff(image)) == ["a"]  # as everybody has it


def test_damaged_compression(store):
    packed = bytearray(gzip.compress(ARCHIVE))
    packed[len(packed) // 2] ^= 0xff
    refuse(store, bytes(packed))
    packed = bytearray(gzip.compress(ARCHIVE))
    packed[-6] ^= 0xff  # its checksum
    refuse(store, bytes(packed), "gzip")


def xz_with_dictionary(data, code):
    """As packed with a dictionary of (2 | code & 1) << (code // 2 + 11) bytes."""
    packed = bytearray(lzma.compress(data, preset=0))
    header = 12  # of the first block, behind the stream's: its size / 4 - 1, flags, filter, size, code
    assert packed[header + 2:header + 4] == b"\x21\x01"
    packed[header + 4] = code
    end = header + packed[header] * 4
    packed[end:end + 4] = zlib.crc32(packed[header:end]).to_bytes(4, "little")
    return bytes(packed)


def test_an_xz_dictionary_of_1536_megabytes(store):
    """It would be used as the layer gets longer, and freed only at its end."""
    inner = docker_archive([xz_with_dictionary(tar(entry("x", b"1")), 37)])
    outer = xz_with_dictionary(docker_archive([tar(entry("x", b"1"))]), 37)
    for archive in (inner, outer):
        refuse(store, archive, "an xz dictionary of 1536 MiB needs more memory than unpack-memory in daemon.json "
               "allows by default: make that 1543m at least")
    store.load(xz_with_dictionary(docker_archive([tar(entry("x", b"1"))]), 28))  # 64 MiB, as xz -9


def test_not_an_archive(store):
    refuse(store, b"this is not a tar archive\n" * 40, "invalid tar header", kind="corrupt")
    refuse(store, tar(entry("readme", b"hello")), "manifest.json: no such file")
    refuse(store, tar(entry("repositories", b"{}")), "docker before 1.10")
    refuse(store, tar(entry("manifest.json", b"{}")), "expected an array")
    refuse(store, tar(entry("manifest.json", b"null\n")), "manifest.json")
    refuse(store, tar(entry("manifest.json", b'[{"Config": 7}]')),
           "[0].Config: expected a string")


def test_a_layer_that_is_not_the_one(store):
    """The diff ID is of every byte, the padding after the archive's end too."""
    good, evil = tar(entry("x", b"good")), tar(entry("x", b"evil"))
    image = world.Image([good])
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["t:1"], "Layers": ["l.tar"]}]).encode()
    for layer in (evil, good + b"\0" * 512, good[:-512], good[:-1] + b"x"):
        refuse(store, tar(entry("c.json", image.config), entry("l.tar", layer),
                          entry("manifest.json", manifest)), "invalid diffID", kind="corrupt")


def test_a_blob_that_is_not_the_one(store):
    layout = Layout(tar(entry("x", b"1")))
    files = dict(layout.files())
    name = "blobs/sha256/" + digest(layout.blobs[0])[7:]
    blob = bytearray(layout.blobs[0])
    blob[4] ^= 1  # the time in gzip's header
    files[name] = bytes(blob)
    refuse(store, tar(*(entry(*file) for file in files.items())), "verification failed")
    files = dict(layout.files())
    files["blobs/sha256/" + layout.id[7:]] += b" "
    refuse(store, tar(*(entry(*file) for file in files.items())), "verification failed")


def test_the_number_of_layers_must_agree(store):
    image = world.Image([tar(entry("x", b"1"))])
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["t:1"], "Layers": []}]).encode()
    refuse(store, tar(entry("c.json", image.config), entry("manifest.json", manifest)),
           "layers length mismatch")


@pytest.mark.parametrize("name", ["x/UPPER", "a b", "x@sha256:" + "0" * 64, "a" * 64, ":tag", ""])
def test_names_that_are_none(store, name):
    """CVE-2026-50195: a name of an archive is only a name."""
    refuse(store, docker_archive([tar(entry("x", b"1"))], names=((name,),)), "in the archive")


# -- bombs ---------------------------------------------------------------------------------------

def test_json_nested_deeply(store):
    deep = b"[" * 10000 + b"]" * 10000
    refuse(store, tar(entry("manifest.json", deep)), "nested too deeply")
    config = b'{"rootfs":{"type":"layers","diff_ids":[]},"config":' + b'{"a":' * 10000
    manifest = b'[{"Config":"c.json","RepoTags":["t:1"],"Layers":[]}]'
    refuse(store, tar(entry("c.json", config + b"1" + b"}" * 10001), entry("manifest.json", manifest)),
           "nested too deeply")


def check_memory(before):
    """No child has needed more than 80 MiB (of which a sanitizer may have half)."""
    after = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert after == before or after < 80 * 1024


class Endless(io.RawIOBase):
    """A member of `size` bytes that is never held in memory."""

    def __init__(self, size, start):
        self.left, self.start = size, start

    def read(self, count=-1):
        count = min(count, self.left)
        self.left -= count
        head, self.start = self.start[:count], self.start[count:]
        return head + b" " * (count - len(head))


def test_a_manifest_of_100_megabytes(store, tmp_path):
    """CVE-2020-1702, CVE-2023-25153: memory stays flat."""
    path = tmp_path / "input.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("manifest.json")
        info.size = 100 << 20
        archive.addfile(info, Endless(info.size, b"["))
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    for source in (path, None):
        before = store.contents()
        with open(path, "rb") as file:
            cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
            result = store.load(path if source else b"", code=1,
                                stdin=None if source else cat.stdout)
            cat.stdout.close()
            cat.wait()
        assert "manifest.json" in result.failure["text"]
        assert store.contents() == before
    check_memory(memory)


def test_a_gzip_bomb_as_a_document(store):
    """1 GiB of blanks in 1 MB."""
    bomb = io.BytesIO()
    with gzip.GzipFile(fileobj=bomb, mode="wb", compresslevel=1) as packed:
        with tarfile.open(fileobj=packed, mode="w|") as archive:
            info = tarfile.TarInfo("index.json")
            info.size = 1 << 30
            archive.addfile(info, Endless(info.size, b"{"))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    refuse(store, bomb.getvalue(), "no such file")
    check_memory(before)


def test_a_configuration_of_many_values(store):
    """A history that takes ten times the memory of its text."""
    def archive(count):
        image = world.Image([tar(entry("a", b"1"))])
        config = json.dumps({**json.loads(image.config), "history": [{"created_by": "x"}] * count}).encode()
        manifest = json.dumps([{"Config": "config", "Layers": ["layer.tar"]}]).encode()
        return tar(entry("layer.tar", image.layers[0]), entry("config", config), entry("manifest.json", manifest))

    store.load(archive(16000))
    refuse(store, archive(17000), "image configuration: too many values (more than 32768)", kind="input")


def many_layers(count, used=0):
    """Each a file; so many of them are in images of 100, and in others in the opposite order."""
    layers = [tar(entry(f"{i}", b"x")) for i in range(count)]
    members = {f"{i}.tar": layer for i, layer in enumerate(layers)}
    manifest = []
    for first in range(0, used, 100):
        part = range(first, first + 100)
        for order in part, part[::-1]:
            image = world.Image([layers[i] for i in order])
            members[image.id[7:]] = image.config
            manifest.append({"Config": image.id[7:], "Layers": [f"{i}.tar" for i in order]})
    members["manifest.json"] = json.dumps(manifest).encode()
    return tar(*(entry(name, data) for name, data in members.items()))


def test_many_layers_through_a_pipe(store):
    """Before it is known which ones are wanted, and of those that are wanted again: none has a
    descriptor while it waits."""
    wrap = ["bash", "-c", 'ulimit -n 1024 && exec "$0" "$@"']
    images = store.load(many_layers(600, used=600), wrap=wrap).images
    assert len(images) == 12
    for image, name in (images[0], "0"), (images[1], "99"):
        assert os.listdir(store.diff(image["id"])) == [name]
    assert os.listdir(store.root + "/staging") == []
    before = store.contents()
    result = store.load(many_layers(4097), code=1, wrap=wrap)
    assert "4096.tar: more than 4096 layers" in result.failure["text"]
    assert store.contents() == before


def test_many_documents(store):
    members = [entry(f"{i}.json", b'{"a":"' + b"x" * (3 << 20) + b'"}') for i in range(6)]
    refuse(store, tar(*members), "JSON files are larger")


def test_a_document_named_many_times(store, monkeypatch):
    """Each time it is read it needs memory, but never twice at once."""
    # Freed memory is free, not kept by a sanitizer to see who still uses it.
    monkeypatch.setenv("ASAN_OPTIONS", os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1")
    index = "application/vnd.oci.image.index.v1+json"
    here = {"os": "linux", "architecture": json.loads(world.Image([]).config)["architecture"]}
    missing = {"mediaType": index, "digest": digest(b"missing"), "size": 7, "platform": here}
    document = json.dumps({"schemaVersion": 2, "manifests": [missing], "x": [0] * 100000}).encode()
    whole = json.dumps({"schemaVersion": 2, "manifests": [
        {"mediaType": index, "digest": digest(document), "size": len(document)}] * 30}).encode()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    refuse(store, tar(entry("blobs/sha256/" + digest(document)[7:], document), entry("index.json", whole)),
           "no image for this machine")
    check_memory(before)


def test_entries_that_claim_too_much(store):
    """A header may say anything about the size of what follows."""
    info, _ = entry("x", b"")
    info.size = 1 << 50
    layer = info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024
    refuse(store, docker_archive([layer]))


def sparse(parts, size, content):
    """As GNU tar has it, version 1.0: `parts` are (offset, length)."""
    parts = b"%d\n" % len(parts) + b"".join(b"%d\n%d\n" % part for part in parts)
    return tar(entry("holes", parts.ljust(-(-len(parts) // 512) * 512, b"\0") + content, pax_headers={
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "holes", "GNU.sparse.realsize": str(size)}))


def test_a_map_of_holes_without_end(store):
    """CVE-2025-58183: each part takes 80 bytes of memory, and next to nothing of a compressed archive."""
    refuse(store, docker_archive([sparse([(0, 0)] * 300000, 0, b"")]), "headers have more than 1114112 bytes")
    many = [(4096 * i, 1) for i in range(50000)]
    image = store.load(docker_archive([sparse(many, 4096 * 50000, b"x" * 50000)])).images[0]["id"]
    assert os.stat(store.diff(image) + "/holes").st_size == 4096 * 50000


@pytest.mark.parametrize("parts", [[(0, 4), (2, 4)], [(1000, 4), (0, 4)], [(0, 4), (1000, 60000)], [(0, 4), (70000, 4)]],
                         ids=["overlapping", "backwards", "more than there is", "behind the end"])
def test_maps_of_holes_that_lie(store, parts):
    """As Go's reader, and so docker, has it."""
    text = refuse(store, docker_archive([sparse(parts, 65536, b"aaaabbbb")]), kind="corrupt")
    assert "holes: " in text


def test_members_without_content(store):
    """An empty layer is one, but 60000 of them are not unpacked on the chance that they are wanted."""
    image = world.Image([b""])
    manifest = json.dumps([{"Config": "c.json", "RepoTags": ["t:1"], "Layers": ["m7"]}]).encode()
    loaded = store.load(tar(*(entry(f"m{i}", b"") for i in range(60000)), entry("c.json", image.config),
                            entry("manifest.json", manifest))).images
    assert [event["id"] for event in loaded] == [image.id]


def test_a_deep_tree(store):
    name = "/".join(["d"] * 2000)
    image = store.load(docker_archive([tar(entry(name + "/x", b"1"))])).images[0]["id"]
    refuse(store, docker_archive([tar(entry("/".join(["d"] * 2100), b"1"))]), "name too long")
    assert os.path.isdir(store.diff(image) + "/" + "/".join(["d"] * 1000))


def test_nothing_is_executed(store, tmp_path):
    """CVE-2014-9357, CVE-2026-41567: no decompressor is looked up on PATH."""
    (tmp_path / "input-bin").mkdir()
    for name in ("xz", "gzip", "unpigz", "zstd", "bzip2", "tar"):
        program = tmp_path / "input-bin" / name
        program.write_text(f"#!/bin/sh\ntouch {tmp_path}/input-executed\n")
        program.chmod(0o755)
    archive = docker_archive([tar(entry("x", b"1"))])
    for pack in (gzip.compress, lzma.compress):
        store.load(pack(archive),
                   wrap=["env", f"PATH={tmp_path}/input-bin:{os.environ['PATH']}"])
    assert not (tmp_path / "input-executed").exists()
