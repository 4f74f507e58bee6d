# SPDX-License-Identifier: Apache-2.0
"""docker save: the archive has the very layers that came in, and others can read it."""

import json
import os
import random
import subprocess
import tarfile

import pytest
from image_archives import (Layout, Store, digest, docker_archive, entry, link, list_tree, tar,
                            xattrs)

OTHER = tar(entry("other", b"other"))
MIXED = tar(entry("./"), entry("./a", b"a" * 1000), link("l", "a"), link("h", "a", hard=True),
            entry("empty", b""), entry(".wh.gone", b""), entry("d"), entry("d/.wh..wh..opq", b""),
            entry("x" * 180, b"long name", **xattrs(user__a="1")), entry("grüße", b"utf-8"),
            entry("exact", b"e" * 512), entry("dev", type=tarfile.CHRTYPE, devmajor=1, devminor=3))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "root")
    store.load(docker_archive([OTHER, MIXED], [OTHER], names=(("one:1", "one:2"), ("two:1",))))
    return store


def members(path):
    with tarfile.open(path) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive}


def test_every_layer_is_what_it_was(store, tmp_path):
    path = tmp_path / "saved.tar"
    store.save(path, "one:1", "two:1")
    found = members(path)
    for layer in (OTHER, MIXED):
        assert found["blobs/sha256/" + digest(layer)[7:]] == layer
    for name, data in found.items():
        if name.startswith("blobs/"):
            assert digest(data)[7:] == name.split("/")[-1]
    manifest = json.loads(found["manifest.json"])
    assert [image["RepoTags"] for image in manifest] == [["one:1"], ["two:1"]]
    assert len(json.loads(found["index.json"])["manifests"]) == 2
    tops = [image["Layers"][-1].split("/")[-1] for image in manifest]
    assert json.loads(found["repositories"]) == {"one": {"1": tops[0]}, "two": {"1": tops[1]}}


@pytest.mark.parametrize("names, expected", [
    (["one"], ["one:1", "one:2"]), (["one:2"], ["one:2"]), (["one:2", "one:1"], ["one:2", "one:1"]),
    (["one:1", "one:1"], ["one:1"])])
def test_names(store, tmp_path, names, expected):
    store.save(tmp_path / "saved.tar", *names)
    manifest = json.loads(members(tmp_path / "saved.tar")["manifest.json"])
    assert [image["RepoTags"] for image in manifest] == [expected]
    assert [list(tags) for tags in json.loads(members(tmp_path / "saved.tar")["repositories"]).values()] == [
        [name.split(":")[1] for name in expected]]


def test_by_id_it_has_no_name(store, tmp_path):
    image = store.names()["docker.io/library/two:1"]
    store.save(tmp_path / "saved.tar", image[7:19])
    found = members(tmp_path / "saved.tar")
    assert json.loads(found["manifest.json"])[0]["RepoTags"] is None
    assert "repositories" not in found
    other = Store(tmp_path / "other")
    assert other.load(tmp_path / "saved.tar").images == [
        {"event": "image", "id": image, "new": True}]
    assert other.names() == {}


def test_there_and_back_again(store, tmp_path):
    path = tmp_path / "saved.tar"
    store.save(path, "one", "two")
    other = Store(tmp_path / "other")
    other.load(path)
    assert other.names() == store.names()
    for image in set(store.names().values()):
        for index in range(len(store.chains(image))):
            assert list_tree(store.diff(image, index)) == list_tree(other.diff(image, index))
    other.save(tmp_path / "again.tar", "one", "two")
    assert path.read_bytes() == (tmp_path / "again.tar").read_bytes()


def test_others_can_read_it(store, tmp_path):
    """skopeo as docker's format and as an OCI layout."""
    path = tmp_path / "saved.tar"
    store.save(path, "one:1")
    image = store.names()["docker.io/library/one:1"]
    for source in (f"docker-archive:{path}", f"oci-archive:{path}:1"):
        target = tmp_path / source.split(":")[0]
        subprocess.run(["skopeo", "copy", "-q", source, f"dir:{target}"], check=True)
        with open(target / "manifest.json") as file:
            assert json.load(file)["config"]["digest"] == image


def test_a_pulled_image(registry, tmp_path):
    layout = Layout(OTHER, MIXED)
    store = Store(tmp_path / "root")
    store.pull(layout.push(registry, "save"))
    store.save(tmp_path / "saved.tar", layout.id)
    assert members(tmp_path / "saved.tar")["blobs/sha256/" + digest(MIXED)[7:]] == MIXED


def gnu_tar(directory, *options):
    return subprocess.run(["tar", "-C", directory, "-cf", "-", *options, "."], check=True,
                          capture_output=True).stdout


def test_archives_of_every_kind(tmp_path):
    """GNU tar's own formats, sparse files, record padding, large and many members."""
    chance = random.Random(1)
    tree = tmp_path / "tree"
    for i in range(300):
        path = tree / f"d{i % 17}" / ("n" * chance.randrange(1, 200))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(chance.choice([0, 1, 511, 512, 513, 5000, 300000])))
    with open(tree / "sparse", "wb") as file:
        file.seek(3 << 20)
        file.write(b"end")
    layers = [gnu_tar(tree, "--format=gnu", "-S"), gnu_tar(tree, "--format=posix", "-S", "-b", "100"),
              gnu_tar(tree, "--format=posix", "--sparse-version=0.1", "-S"),
              gnu_tar(tree, "--format=ustar", "--exclude=nnn*"), tar(entry("a", b"1")) + b"trailing garbage" * 99999]
    store = Store(tmp_path / "root")
    store.load(docker_archive(layers))
    store.save(tmp_path / "saved.tar", "t:1")
    found = members(tmp_path / "saved.tar")
    for layer in layers:
        assert found["blobs/sha256/" + digest(layer)[7:]] == layer


def test_what_cannot_be_saved(store, tmp_path):
    path = tmp_path / "saved.tar"
    result = store.save(path, "one:1", "nothing", code=1)
    assert "No such image: nothing" in result.failure["text"] and path.read_bytes() == b""
    image = store.names()["docker.io/library/two:1"]
    with open(store.diff(image) + "/other", "r+") as file:
        file.write("OTHER")
    text = store.save(path, "two:1", code=1).failure["text"]
    assert "not what they were" in text
    with open(store.diff(image) + "/other", "w") as file:
        file.write("ot")
    assert "shorter" in store.save(path, "two:1", code=1).failure["text"]
    Store(tmp_path / "other").load(path, code=1)


def test_nobody_reads_it(store):
    with store.start(["save", "--root", store.root, "one:1"], subprocess.DEVNULL,
                     stdout=subprocess.PIPE) as process:
        process.stdout.close()
        text = process.events.read()
        process.events.close()
        assert process.wait(30) in (0, 1)  # all of it may have fit into the pipe
    assert "\n" not in text.strip()
