# SPDX-License-Identifier: Apache-2.0
"""Archives that docker, podman, skopeo, buildah and umoci make, and those that we make for them."""

import io
import json
import os
import subprocess
import tarfile

import pytest

import callers
from image_archives import (LIST_TREE, Layout, Store, digest, docker_archive, entry, link, list_overlay, list_tree, tar,
                            xattrs)
from odd_layers import NOT_DOCKERS, NOT_UMOCIS, ODD
from test_image_layers import BASE, CHANGES, MORE, without_directory_times

DOCKER = ["/usr/bin/docker", "--host", "unix:///run/docker.sock"]  # Debian's: another of that name may be ours
SMALL = [tar(entry("etc"), entry("etc/a", b"a" * 2000), link("l", "etc/a")),
         tar(entry("etc/b", b"b", **xattrs(user__x="1")), entry("etc/.wh.a", b""))]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "root")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options).stdout


def podman(directory):
    return ["podman", "--root", directory / "podman", "--runroot", directory / "run", "--storage-driver", "vfs",
            "--events-backend", "none"]


def check_loaded(store, source, layout=None, image=None, names=None):
    """The image is there, whole, under its names; the tree of a layout is that of our own archive of it."""
    found = store.load(source).images
    assert names is None or [event.get("reference") for event in found] == names
    loaded = found[0]["id"]
    assert loaded == (image or layout.id)
    assert [layer["diff"] for layer in store.record(loaded)["layers"]] == \
        [digest(layer) for layer in (layout.layers if layout else SMALL)]
    store.check()


@pytest.fixture
def layout(tmp_path):
    made = Layout(*SMALL, name="v1", Cmd=["sh"])
    made.write(str(tmp_path / "layout"))
    return made


@pytest.mark.parametrize("form", ["docker-archive", "oci-archive", "oci"])
def test_skopeos(store, layout, tmp_path, form):
    target = tmp_path / "target"
    tag = "docker.io/foo/bar:2" if form == "docker-archive" else "foo/bar:2"
    run("skopeo", "copy", "-q", f"oci:{tmp_path}/layout:v1", f"{form}:{target}:{tag}")
    if form == "docker-archive":
        image = json.loads(run("skopeo", "inspect", "--raw", f"docker-archive:{target}"))["config"]["digest"]
        check_loaded(store, target, image=image, names=["docker.io/foo/bar:2"])
    else:
        check_loaded(store, target, layout, names=["docker.io/foo/bar:2"])


@pytest.mark.parametrize("compress", ["gzip", "zstd", "xz", "bzip2"])
def test_compressed_as_a_whole(store, layout, tmp_path, compress):
    data = run(compress, "-c", input=layout.tar())
    check_loaded(store, data, layout)
    (tmp_path / "file").write_bytes(data)
    other = Store(tmp_path / "other")
    check_loaded(other, tmp_path / "file", layout)


def test_podmans(layout, tmp_path):
    tool = podman(tmp_path)
    run(*tool, "load", "-q", input=layout.tar())
    (made,) = json.loads(run(*tool, "images", "--format", "json"))
    for name in ("one:1", "one:2"):
        run(*tool, "tag", made["Id"], f"localhost/{name}")
    for form in ("docker-archive", "oci-archive", "oci-dir", "docker-dir"):
        target = tmp_path / form
        run(*tool, "save", "-q", "--format", form, "-o", target, "localhost/one:1")
        store = Store(tmp_path / f"root-{form}")
        check_loaded(store, target, image="sha256:" + made["Id"])
        if form != "docker-dir":  # which has no place for names
            assert "localhost/one:1" in store.names(), form
    run(*tool, "save", "-q", "--format", "docker-archive", "-m", "-o", tmp_path / "many", "localhost/one:1",
        "localhost/one:2")
    store = Store(tmp_path / "root-many")
    store.load(tmp_path / "many")
    assert sorted(store.names()) == ["localhost/one:1", "localhost/one:2"]
    # And back: what we save, podman loads.
    store.save(tmp_path / "ours", "localhost/one")
    run(*tool, "rmi", "-f", made["Id"])
    run(*tool, "load", "-q", "-i", tmp_path / "ours")
    assert {image["Id"] for image in json.loads(run(*tool, "images", "--format", "json"))} == {made["Id"]}


def test_buildahs_and_umocis(store, tmp_path):
    tool = ["buildah", "--root", tmp_path / "buildah", "--runroot", tmp_path / "run", "--storage-driver", "vfs"]
    container = run(*tool, "from", "scratch", text=True).strip()
    (tmp_path / "file").write_bytes(b"added")
    run(*tool, "add", "--chown", "7:8", container, tmp_path / "file", "/d/")
    run(*tool, "commit", "-q", container, f"oci-archive:{tmp_path}/buildah.tar:built/by:1")
    image = store.load(tmp_path / "buildah.tar").images[0]
    assert image["reference"] == "docker.io/built/by:1"
    added = os.stat(store.diff(image["id"]) + "/d/file")
    assert (added.st_uid, added.st_gid, added.st_size) == (7, 8, 5)

    made = tmp_path / "umoci"
    run("umoci", "init", "--layout", made)
    run("umoci", "new", "--image", f"{made}:x")
    run("umoci", "insert", "--image", f"{made}:x", tmp_path / "file", "/inserted")
    image = store.load(made).images[0]["id"]
    assert os.stat(store.diff(image) + "/inserted").st_size == 5


@pytest.fixture(scope="module")
def docker(tmp_path_factory):
    with callers.place("archives") as place:
        with place.daemon("dockerd", "--data-root", "/run/store", "--host", DOCKER[2], "--bridge", "none",
                          "--iptables=false", log=tmp_path_factory.mktemp("dockerd") / "log",
                          ready=[*DOCKER, "version"]):
            yield lambda *words, **options: place.run(*DOCKER, *words, **options).stdout, place


def what_docker_takes(layer):
    """Without duplicates, which dockerd refuses, and without a whiteout beside a directory of its name: dockerd
    shows what is below then, umoci and we do not (image-spec: whiteouts apply before the layer's own entries)."""
    out, seen = io.BytesIO(), set()
    with tarfile.open(fileobj=io.BytesIO(layer)) as old, tarfile.open(fileobj=out, mode="w") as new:
        for info in old:
            if info.name not in seen and info.name != ".wh.rebuilt":
                new.addfile(info, old.extractfile(info) if info.isreg() else None)
            seen.add(info.name)
    return out.getvalue()


MERGE = """mkdir -p /run/merged && mount -t overlay overlay -o "lowerdir=$1" /run/merged &&
/usr/bin/python3 -c "$2" /run/merged && umount /run/merged"""


def test_the_tree_is_dockers(docker, store, tmp_path):
    """Byte for byte, attribute for attribute: what dockerd makes of the same archive."""
    docker, place = docker
    archive = tmp_path / "archive.tar"
    archive.write_bytes(docker_archive([BASE, what_docker_takes(CHANGES), MORE]))
    image = store.load(archive).images[0]["id"]
    docker("load", "-q", "-i", str(archive))
    data = json.loads(docker("image", "inspect", image))[0]["GraphDriver"]["Data"]
    theirs = json.loads(place.run("sh", "-c", MERGE, "sh", data["UpperDir"] + ":" + data["LowerDir"], LIST_TREE).stdout)
    ours = list_overlay(store.lower(image), tmp_path)
    for tree in (ours, theirs):
        for name in sorted(tree):
            # 20.10 keeps no user.* attributes, and gives directories that no entry describes the time of the load.
            tree[name]["xattrs"] = {key: value for key, value in tree[name]["xattrs"].items()
                                    if not key.startswith("user.")}
            if name in (".", "opaque", "kept"):
                del tree[name]["mtime"]
    assert sorted(ours) == sorted(theirs)
    assert {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]} == {}


@pytest.fixture(scope="module")
def dockers_trees(docker, tmp_path_factory):
    """Of all odd layers that dockerd takes, in one go."""
    docker, place = docker
    odd = [layers for name, layers in ODD.items() if name not in NOT_DOCKERS]
    archive = tmp_path_factory.mktemp("odd") / "odd.tar"
    archive.write_bytes(docker_archive(*odd, names=[[f"odd:{i}"] for i in range(len(odd))]))
    docker("load", "-q", "-i", str(archive))
    images = json.loads(docker("image", "inspect", *(f"odd:{i}" for i in range(len(odd)))))
    lower = [":".join(image["GraphDriver"]["Data"].get(key, "/run/empty") for key in ("UpperDir", "LowerDir"))
             for image in images]
    script = "mkdir -p /run/empty; python=$1; shift; for lower; do set -- \"$lower\" \"$python\"; " + MERGE + "; echo; done"
    trees = place.run("sh", "-ec", script, "sh", LIST_TREE, *lower).stdout
    return dict(zip((name for name in ODD if name not in NOT_DOCKERS), map(json.loads, trees.splitlines())))


@pytest.mark.parametrize("name", ODD)
def test_odd_layers(dockers_trees, store, tmp_path, name):
    """What umoci and dockerd make of them, or GNU tar where those refuse."""
    layout = Layout(*ODD[name])
    ours = list_overlay(store.lower(store.load(layout.tar()).images[0]["id"]), tmp_path)
    del ours["."]["mtime"]  # no entry describes it
    if name not in NOT_UMOCIS:
        run("umoci", "unpack", "--image", layout.write(str(tmp_path / "layout")) + ":t", tmp_path / "bundle")
        theirs = list_tree(tmp_path / "bundle/rootfs")
        assert without_directory_times(ours) == without_directory_times(theirs)
    if name in dockers_trees:
        theirs = dockers_trees[name]
        del theirs["."]["mtime"]
        for tree in (ours, theirs):
            for item in tree.values():  # which 20.10 does not keep
                item["xattrs"] = {key: value for key, value in item["xattrs"].items() if not key.startswith("user.")}
        assert ours == theirs
    elif name in NOT_UMOCIS:
        (tmp_path / "untarred").mkdir()
        run("tar", "-xp", "--numeric-owner", "-C", tmp_path / "untarred", input=ODD[name][0])
        theirs = list_tree(tmp_path / "untarred")
        del theirs["."]["mtime"]
        assert ours == theirs


def test_dockers_archive_and_ours(docker, store, tmp_path):
    docker, _ = docker
    archive, layout = tmp_path / "archive.tar", Layout(*SMALL)
    store.load(layout.tar())
    other = store.build(tar(entry("other", b"1")), {"os": "linux", "architecture": "amd64", "config": {},
                                                    "created": "2024-01-01T00:00:00Z", "history": [{}]},
                        "--reference", "docker.io/library/other:1").images[0]["id"]
    store.save(archive, layout.id, "other:1")
    docker("load", "-q", "-i", str(archive))
    for name, image in (("first:1", layout.id), ("first:2", layout.id), ("second:1", other)):
        docker("tag", image, name)
    docker("save", "-o", str(tmp_path / "dockers.tar"), "first:1", "first:2", "second:1")
    back = Store(tmp_path / "back")
    back.load(tmp_path / "dockers.tar")
    assert back.names() == {"docker.io/library/first:1": layout.id, "docker.io/library/first:2": layout.id,
                            "docker.io/library/second:1": other}
    back.check()
