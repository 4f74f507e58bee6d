# SPDX-License-Identifier: Apache-2.0
"""Images made on this machine: a layer from an archive or from a container's upper side."""

import io
import json
import os
import socket
import stat
import subprocess
import tarfile

import pytest
from image_archives import (Store, digest, docker_archive, entry, link, list_overlay, list_tree, tar)

LINE = {"created": "2024-01-01T00:00:00Z", "created_by": "a test"}
CONFIG = {"os": "linux", "architecture": "amd64", "created": LINE["created"],
          "config": {"Env": ["A=1"]}, "history": [LINE]}
NAME = "docker.io/library/built:1"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "root")


def config_of(store, image):
    with open(store.path("blobs/sha256", image[7:])) as file:
        return json.load(file)


def test_from_an_archive(store):
    layer = tar(entry("etc"), entry("etc/a", b"a", uid=5), link("l", "etc/a"))
    result = store.build(layer, CONFIG, "--reference", NAME)
    image = store.names()[NAME]
    assert result.images == [{"event": "image", "id": image, "reference": NAME, "new": True}]
    config = config_of(store, image)
    assert config["rootfs"] == {"type": "layers", "diff_ids": [digest(layer)]}
    assert config["history"] == [LINE] and config["config"] == {"Env": ["A=1"]}
    assert digest(open(store.path("blobs/sha256", image[7:]), "rb").read()) == image
    store.check()
    again = store.build(subprocess.run(["xz"], input=layer, capture_output=True).stdout, CONFIG,
                        "--reference", "docker.io/library/other:1")
    assert again.images[0]["id"] == image and not again.images[0]["new"]
    assert os.listdir(store.path("staging")) == []


def test_on_a_parent(store, tmp_path):
    base = tar(entry("kept", b"1"), entry("gone", b"2"), entry("d"), entry("d/below", b"3"))
    parent = store.load(docker_archive([base], names=(("base:1",),))).images[0]["id"]
    upper = tmp_path / "upper"
    os.makedirs(upper / "d")
    (upper / "d" / "above").write_bytes(b"4")
    os.setxattr(upper / "d", "trusted.overlay.opaque", b"y")
    os.mknod(upper / "gone", stat.S_IFCHR, 0)
    result = store.build(str(upper), {**CONFIG, "history": [LINE, LINE]}, "--parent", parent)
    image = result.images[0]["id"]
    assert config_of(store, image)["rootfs"]["diff_ids"][0] == digest(base)
    tree = list_overlay(store.lower(image), tmp_path)
    assert sorted(tree) == [".", "d", "d/above", "kept"]
    store.check()
    # What is saved is what was made, whiteouts included.
    store.save(tmp_path / "saved.tar", image[7:19])
    other = Store(tmp_path / "other")
    assert other.load(tmp_path / "saved.tar").images[0]["id"] == image
    assert list_tree(other.diff(image, 1)) == list_tree(store.diff(image, 1))


def test_nothing_changed(store, tmp_path):
    base = tar(entry("a", b"1"))
    parent = store.load(docker_archive([base], names=(("base:1",),))).images[0]["id"]
    os.mkdir(tmp_path / "upper")
    result = store.build(str(tmp_path / "upper"), {**CONFIG, "history": [LINE, LINE]},
                         "--parent", parent)
    config = config_of(store, result.images[0]["id"])
    assert config["rootfs"]["diff_ids"] == [digest(base)]
    assert config["history"] == [LINE, {**LINE, "empty_layer": True}]
    assert len(os.listdir(store.path("layers"))) == 1


def test_what_cannot_be_built(store):
    layer = tar(entry("a", b"1"))
    for data, options, kind in ((layer[:512], [], "corrupt"), (b"no archive" * 100, [], "corrupt"),
                                (tar(entry("../x", b"1")), [], "input"),
                                (layer, ["--parent", "sha256:" + "0" * 64], "not-found")):
        assert store.build(data, CONFIG, *options, code=1).failure["kind"] == kind
        assert store.contents() == []


def test_a_directory_becomes_an_archive(store, tmp_path):
    """Into an archive and out again, by us and by tar, is the same tree."""
    top = tmp_path / "top"
    os.makedirs(top / "sub" / "deep", mode=0o750)
    (top / "file").write_bytes(os.urandom(300000))
    os.chmod(top / "file", 0o4755)
    os.link(top / "file", top / "sub" / "hard")
    os.symlink("../file", top / "sub" / "soft")
    os.symlink("/nowhere", top / ("n" * 200))
    os.mkfifo(top / "fifo", 0o622)
    os.mknod(top / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.chown(top / "sub", 1000, 70000)
    os.setxattr(top / "file", "user.a", b"\x00binary")
    os.setxattr(top / "sub", "user.b", b"directory")
    os.mkdir(os.fsencode(top) + b"/\xff\xfe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(top / "socket"))
    for directory, names, files in os.walk(os.fsencode(top), topdown=False):
        for name in [*names, *files]:
            os.utime(os.path.join(directory, name), (1700000000, 1700000000), follow_symlinks=False)
    data = store.pack(str(top))
    os.unlink(top / "socket")
    expected = list_tree(str(top))
    (tmp_path / "tar").mkdir()
    subprocess.run(["tar", "-x", "--xattrs", "--xattrs-include=user.*", "-C", str(tmp_path / "tar")],
                   input=data, check=True)
    image = store.build(data, CONFIG).images[0]["id"]
    for tree in (list_tree(str(tmp_path / "tar")), list_tree(store.diff(image))):
        assert {name: item for name, item in tree.items() if name != "."} == \
            {name: item for name, item in expected.items() if name != "."}
    assert store.pack(str(top)) == data


def test_one_entry_by_another_name(store, tmp_path):
    os.makedirs(tmp_path / "top" / "d")
    (tmp_path / "top" / "d" / "f").write_bytes(b"1")
    data = store.pack(str(tmp_path / "top"), "d", "renamed")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert archive.getnames() == ["renamed", "renamed/f"]
