# SPDX-License-Identifier: Apache-2.0
"""What comes out of layers: against umoci where it can judge, and by the rules where it cannot."""

import os
import stat
import subprocess
import tarfile

import pytest
from image_archives import (MTIME, Layout, Store, docker_archive, entry, link, list_overlay,
                            list_tree, tar, xattrs)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "root")


LONG = "long/" + "d" * 90 + "/" + "e" * 90 + "/" + "f" * 200

BASE = tar(
    entry("./"), entry("etc"), entry("etc/passwd", b"root:x:0:0::/:/bin/sh\n"),
    entry("etc/shadow", b"secret", mode=0o640, gid=42),
    entry("tmp", mode=0o1777), entry("root", mode=0o700, uid=0),
    entry("home", gid=1000), entry("home/user", uid=1000, gid=1000, mode=0o2775),
    entry("home/user/file", b"x" * 5000, uid=1000, gid=1000, mode=0o600),
    entry("bin"), entry("bin/su", b"#!su", mode=0o4755), entry("bin/wall", b"#!wall", mode=0o2755),
    entry("bin/ping", b"#!ping", mode=0o755,
          **xattrs(security__capability="\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00"
                   "\x00\x00\x00\x00\x00\x00")),
    link("bin/hard", "bin/su", hard=True, mode=0o4755),
    link("bin/hard2", "./bin/hard", hard=True, mode=0o4755),
    link("bin/soft", "/bin/su"), link("bin/dangling", "nowhere/at/all", uid=7),
    entry("attrs", **xattrs(user__dir="directory")),
    entry("attrs/file", b"", **xattrs(user__a="1", user__b="zwei")),
    entry("dev"), entry("dev/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    entry("dev/loop", type=tarfile.BLKTYPE, devmajor=7, devminor=0, gid=6),
    entry("dev/fifo", type=tarfile.FIFOTYPE, mode=0o622),
    entry("fraction", b"t", mtime=1600000000.123456789),
    entry("long"), entry("long/" + "d" * 90), entry(os.path.dirname(LONG)), entry(LONG, b"long"),
    entry("grüße", "ünïcode".encode()),
    entry("big", os.urandom(1 << 20) * 3),
    entry("gone"), entry("gone/a", b"a"), entry("gone/sub"), entry("gone/sub/b", b"b"),
    entry("opaque"), entry("opaque/below", b"below"), entry("opaque/both", b"below"),
    entry("file-to-dir", b"file"), entry("dir-to-file"), entry("dir-to-file/x", b"x"),
    entry("rebuilt"), entry("rebuilt/old", b"old"),
    entry("kept", mode=0o710, uid=3, gid=4), entry("kept/deep", mode=0o701, uid=5),
    entry("kept/deep/file", b"1"),
)
CHANGES = tar(
    entry("etc", mtime=MTIME + 5), entry("etc/.wh.shadow", b""), entry("etc/new", b"new"),
    entry(".wh.gone", b""),
    entry("opaque"), entry("opaque/.wh..wh..opq", b""), entry("opaque/both", b"above"),
    entry("file-to-dir"), entry("file-to-dir/inside", b"inside"),
    entry("dir-to-file", b"now a file"),
    entry(".wh.rebuilt", b""), entry("rebuilt"), entry("rebuilt/new", b"new"),
    entry("bin", mode=0o711, mtime=MTIME + 9), entry("bin/.wh.soft", b""),
    entry("dup", b"first"), entry("dup", b"second, and longer", mode=0o600),
)
MORE = tar(
    entry("gone", mode=0o750), entry("gone/again", b"again"),
    entry("a"), entry("a/b"), link("a/b/up", "../../etc"), entry("last", b"last"),
    link("also", "last", hard=True),
)


def without_directory_times(tree):
    """umoci touches directories when it applies later layers; docker and we do not."""
    return {path: {key: value for key, value in item.items()
                   if key != "mtime" or not stat.S_ISDIR(int(item["mode"], 8))}
            for path, item in tree.items()}


def test_the_tree_is_umocis(store, tmp_path):
    layout = Layout(BASE, CHANGES, MORE)
    image = store.load(layout.tar()).images[0]
    assert image["id"] == layout.id
    directory = layout.write(str(tmp_path / "layout"))
    bundle = str(tmp_path / "bundle")
    subprocess.run(["umoci", "unpack", "--image", directory + ":t", bundle], check=True,
                   capture_output=True)
    ours = list_overlay(store.lower(layout.id), tmp_path)
    assert without_directory_times(ours) == without_directory_times(list_tree(bundle + "/rootfs"))
    assert ours["etc"]["mtime"] == (MTIME + 5) * 10**9
    assert ours["tmp"]["mtime"] == MTIME * 10**9
    assert ours["fraction"]["mtime"] == 1600000000123456789 or \
        ours["fraction"]["mtime"] // 1000 == 1600000000123456
    assert "bin/ping" in ours and "security.capability" in ours["bin/ping"]["xattrs"]


@pytest.mark.parametrize("seekable", [True, False], ids=["file", "pipe"])
def test_file_and_pipe_give_the_same(store, tmp_path, seekable):
    archive = docker_archive([BASE, CHANGES, MORE])
    path = tmp_path / "archive.tar"
    path.write_bytes(archive)
    store.load(path if seekable else archive)
    reference = Store(tmp_path / "other")
    reference.load(Layout(BASE, CHANGES, MORE).tar())
    mine, other = [list(s.names().values()) for s in (store, reference)]
    if not other:  # the layout's name is only a tag
        other = ["sha256:" + os.listdir(reference.path("images"))[0][:-5]]
    for index in range(3):
        assert list_tree(store.diff(mine[0], index)) == \
            list_tree(reference.diff(other[0], index))


def load_layers(store, *layers):
    return store.load(docker_archive(list(layers))).images[0]["id"]


def test_whiteouts_become_overlay_marks(store):
    image = load_layers(store, BASE, CHANGES, MORE)
    upper = store.diff(image, 1)
    info = os.lstat(upper + "/gone")
    assert stat.S_ISCHR(info.st_mode) and info.st_rdev == 0
    assert os.getxattr(upper + "/opaque", "trusted.overlay.opaque") == b"y"
    assert os.getxattr(upper + "/rebuilt", "trusted.overlay.opaque") == b"y"
    assert not [name for name in os.listdir(upper) if name.startswith(".wh")]
    assert "gone" in os.listdir(store.diff(image, 2))


def test_what_aufs_kept_for_itself(store, tmp_path):
    """Is not there; the names of a file that has several are hard links to one of its files. All of it is saved."""
    layer = tar(entry(".wh..wh.aufs", b""), entry(".wh..wh.orph"), entry(".wh..wh.orph/lost", b"l"), entry(".wh..wh.plnk"),
                entry(".wh..wh.plnk/12.34", b"shared", mode=0o600, uid=3), entry(".wh..wh.plnk/56.78", b"nobody's"), entry("x"),
                link("x/one", ".wh..wh.plnk/12.34", hard=True), link("two", "/.wh..wh.plnk/12.34", hard=True))
    image = store.load(docker_archive([layer])).images[0]["id"]
    tree = list_tree(store.diff(image))
    assert sorted(tree) == [".", "two", "x", "x/one"]
    assert tree["two"]["links"] == ["two", "x/one"] and tree["two"]["owner"] == [3, 0] and tree["two"]["mode"] == "0o100600"
    store.save(tmp_path / "saved", image)
    assert Store(tmp_path / "other").load(tmp_path / "saved").images[0]["id"] == image
    refuse = store.load(docker_archive([tar(link("x", ".wh..wh.plnk/9", hard=True))]), code=1).failure["text"]
    assert "hard link to .wh..wh.plnk/9, which is not in this layer" in refuse


@pytest.mark.parametrize("names", [("b/real", ".wh..wh.plnk/k"), (".wh..wh.plnk/k", "b/real")])
def test_a_link_to_what_aufs_kept(store, tmp_path, names):
    """What comes through it is there and is saved, and gets at nothing that AUFS kept."""
    layer = tar(link("b", ".wh..wh.plnk"), *(entry(name, b"k") for name in names), link("x", ".wh..wh.plnk/k", hard=True))
    image = store.load(docker_archive([layer])).images[0]["id"]
    tree = list_tree(store.diff(image))
    assert sorted(tree) == [".", ".wh..wh.plnk", ".wh..wh.plnk/real", "b", "x"]
    store.save(tmp_path / "saved", image)
    assert Store(tmp_path / "other").load(tmp_path / "saved").images[0]["id"] == image
    for target in ("b/k", ".wh..wh.plnk.k", "b/.wh..wh.plnk.k"):
        thief = tar(link("b", "."), entry(".wh..wh.plnk/k", b"k"), link("x", target, hard=True))
        assert f"hard link to {target}, which is not in this layer" in store.load(docker_archive([thief]), code=1).failure["text"]
    clash = tar(link("c", ".wh..wh.plnk.k"), entry("c/x", b"x"), entry(".wh..wh.plnk/k", b"k"))
    assert ".wh..wh.plnk/k: a symlink leads to its place" in store.load(docker_archive([clash]), code=1).failure["text"]


def test_whiteout_after_the_entry_and_before(store, tmp_path):
    below = tar(entry("a"), entry("a/x", b"1"), entry("b"), entry("b/x", b"1"), entry("c", b"1"))
    above = tar(entry("a"), entry("a/new", b"2"), entry(".wh.a", b""),
                entry(".wh.b", b""), entry("b/new", b"2"),
                entry("c", b"2"), entry(".wh.c", b""))
    image = load_layers(store, below, above)
    tree = list_overlay(store.lower(image), tmp_path)
    assert sorted(path for path in tree if path != ".") == \
        ["a", "a/new", "b", "b/new", "c"]


def test_an_opaque_root_hides_everything_below(store, tmp_path):
    below = tar(entry("a", b"1"), entry("d"), entry("d/x", b"1"), entry("e"), entry("e/x", b"1"))
    above = tar(entry(".wh..wh..opq", b""), entry("d"), entry("d/y", b"2"))
    image = load_layers(store, below, above)
    tree = list_overlay(store.lower(image), tmp_path)
    assert sorted(path for path in tree if path != ".") == ["d", "d/y"]


def test_implied_parents_look_as_they_do_below(store, tmp_path):
    image = load_layers(store, BASE, tar(entry("kept/deep/file", b"2"), entry("tmp/x", b"x"),
                                         entry("fresh/dir/file", b"3")))
    tree = list_overlay(store.lower(image), tmp_path)
    assert (tree["kept"]["mode"], tree["kept"]["owner"]) == (oct(0o40710), [3, 4])
    assert (tree["kept/deep"]["mode"], tree["kept/deep"]["owner"]) == (oct(0o40701), [5, 0])
    assert tree["tmp"]["mode"] == oct(0o41777)
    assert tree["fresh/dir"]["mode"] == oct(0o40755)
    assert tree["."]["mode"] == oct(0o40755)


def test_symlinks_of_the_same_layer_are_followed_inside(store):
    image = load_layers(store, tar(
        entry("usr"), link("lib", "usr/lib"), entry("lib/a", b"a"),
        link("abs", "/usr/share"), entry("abs/b", b"b"),
        link("up", "../../../../usr"), entry("up/c", b"c")))
    diff = store.diff(image)
    assert open(diff + "/usr/lib/a").read() == "a"
    assert open(diff + "/usr/share/b").read() == "b"
    assert open(diff + "/usr/c").read() == "c"
    assert os.path.islink(diff + "/lib")


def test_names_of_every_kind(store):
    raw = "latin-\udce9"
    image = load_layers(store, tar(
        entry("/absolute", b"1"), entry("././dots/./x", b"2"), entry("slashes//y", b"3"),
        entry("new\nline", b"4"), entry("c" * 255, b"5")),
        tar(entry(raw, b"6"), entry("g" * 150, b"7"), link("h" * 120, "i" * 130),
            format=tarfile.GNU_FORMAT))
    first, second = store.diff(image, 0), store.diff(image, 1)
    assert open(first + "/absolute").read() == "1"
    assert open(first + "/dots/x").read() == "2"
    assert open(first + "/slashes/y").read() == "3"
    assert open(first + "/new\nline").read() == "4"
    assert open(first + "/" + "c" * 255).read() == "5"
    assert os.fsencode(raw) in os.listdir(os.fsencode(second))
    assert os.readlink(second + "/" + "h" * 120) == "i" * 130


def test_pax_names_that_are_not_utf8(store):
    raw = "\udcff\udcfe"
    image = load_layers(store, tar(entry(raw, b"6"), link("l", "t\udcfd")))
    assert os.fsencode(raw) in os.listdir(os.fsencode(store.diff(image)))
    assert os.readlink(os.fsencode(store.diff(image)) + b"/l") == b"t\xfd"


def test_a_sparse_file_stays_sparse(store, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.write(b"begin")
        file.seek(50 << 20)
        file.write(b"end")
        file.truncate(60 << 20)
    for flags in (["--format=gnu"], ["--format=posix", "--sparse-version=1.0"],
                  ["--format=posix", "--sparse-version=0.0"]):
        layer = subprocess.run(["tar", "-C", tmp_path, "-cSf", "-", *flags, "sparse"], check=True,
                               capture_output=True).stdout
        assert len(layer) < 1 << 20
        path = store.diff(load_layers(store, layer)) + "/sparse"
        assert os.stat(path).st_size == 60 << 20
        assert os.stat(path).st_blocks * 512 < 1 << 20
        with open(path, "rb") as file:
            data = file.read()
        assert data[:5] == b"begin" and data[50 << 20:(50 << 20) + 3] == b"end"


def test_overlays_own_attributes_do_not_get_in(store):
    image = load_layers(store, tar(entry("d", **xattrs(
        trusted__overlay__opaque="y", trusted__overlay__redirect="/etc",
        user__overlay__opaque="y", trusted__x="1", user__fine="1"))))
    assert os.listxattr(store.diff(image) + "/d") == ["user.fine"]


def test_a_layer_used_twice_is_a_directory_each_time(store, tmp_path):
    empty, other = tar(), tar(entry("x", b"1"), entry("d"), entry("d/y", b"2"))
    archive = docker_archive([other, empty, other, empty], [empty, other],
                             names=(("one:1",), ("two:1",)))
    for index, data in enumerate([archive, (tmp_path / "f.tar", archive)]):
        each = Store(tmp_path / f"root{index}")
        if isinstance(data, tuple):
            data[0].write_bytes(data[1])
            data = data[0]
        result = each.load(data)
        assert [image["reference"] for image in result.images] == \
            ["docker.io/library/one:1", "docker.io/library/two:1"]
        for image in result.images:
            assert "d/y" in list_overlay(each.lower(image["id"]), tmp_path / f"m{index}")
        each.check()


def test_an_empty_layer_of_no_bytes(store):
    image = load_layers(store, b"", tar(entry("x", b"1")))
    assert os.listdir(store.diff(image, 0)) == []


def test_127_layers_and_not_128(store, tmp_path):
    layers = [tar(entry(f"f{i}", b"%d" % i)) for i in range(128)]
    image = load_layers(store, *layers[:127])
    assert len(store.chains(image)) == 127
    result = Store(tmp_path / "other").load(docker_archive(layers), code=1)
    assert "128 layers" in result.failure["text"]
