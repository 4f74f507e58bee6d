# SPDX-License-Identifier: Apache-2.0
"""Layers as images in the wild have them, where programs that unpack them are apt to differ: name → layers, lowest
first."""

import os
import subprocess
import tarfile
import tempfile

from image_archives import entry, link, tar, xattrs

CAPABLE = xattrs(security__capability="\x01\x00\x00\x02\x00\x20\x00\x00" + "\x00" * 12)
DEEP = "/".join(["deep" * 20] * 12)


def whiteout(path):
    directory, _, name = path.rpartition("/")
    return entry(f"{directory}/.wh.{name}" if directory else f".wh.{name}", b"")


def opaque(directory):
    return entry(directory + "/.wh..wh..opq", b"")


def header(name, type):
    """An entry without content."""
    return entry(name, type=type)[0].tobuf(tarfile.GNU_FORMAT)


def gnu_tar(*options):
    """What GNU tar makes of a file with holes, and of one that is nothing else."""
    with tempfile.TemporaryDirectory() as directory:
        for name, size, places in (("holes", 5_000_000, (0, 1_000_000, 4_999_000)), ("empty", 3_000_000, ())):
            with open(os.path.join(directory, name), "wb") as file:
                for place in places:
                    file.seek(place)
                    file.write(b"data" * 200)
                file.truncate(size)
            os.utime(os.path.join(directory, name), (1600000000, 1600000000))
        return subprocess.run(["tar", "-cS", "--owner=5", "--group=6", *options, "-C", directory, "holes", "empty"],
                              check=True, capture_output=True).stdout


ODD = {
    "removed and there again": [
        tar(entry("file", b"1"), entry("dir"), entry("dir/x", b"x"), entry("link", b"1"), entry("sub"), entry("sub/a", b"a")),
        tar(whiteout("file"), entry("file", b"22"), whiteout("dir"), entry("dir", b"a file now"),
            whiteout("link"), link("link", "file"), entry("sub"), whiteout("sub/a"), entry("sub/a"), entry("sub/a/b", b"b"))],
    "of other kinds and back": [
        tar(entry("a", b"file"), entry("b"), entry("b/in", b"in"), link("c", "a"), entry("d"), entry("d/x", b"x"), entry("e", b"e")),
        tar(entry("a"), entry("a/new", b"n"), entry("b", b"file"), entry("c"), entry("c/y", b"y"), link("d", "a"),
            entry("e", type=tarfile.FIFOTYPE)),
        tar(entry("a", b"file again"), entry("b"), entry("b/other", b"o"), link("c", "a"), entry("d"), entry("d/z", b"z"),
            entry("e", type=tarfile.CHRTYPE, devmajor=1, devminor=5))],
    "opaque": [
        tar(*(entry(name) for name in ("o", "o/sub", "p", "p/q", "p/q/r")), entry("o/x", b"x"), entry("o/sub/y", b"y"),
            entry("p/q/r/s", b"s"), entry("p/t", b"t"), entry("f", b"file")),
        tar(entry("o"), entry("o/first", b"1"), opaque("o"), entry("o/sub"), entry("o/sub/new", b"2"), entry("p"), entry("p/q"),
            opaque("p/q"), entry("p/q/u", b"u"), entry("never"), opaque("never"), whiteout("f"), entry("f"), opaque("f"),
            entry("f/in", b"in")),
        tar(entry("o"), entry("o/third", b"3"), whiteout("o/first"), entry("p"), entry("p/q"), entry("p/q/v", b"v"))],
    "whiteouts of nothing": [
        tar(entry("d"), entry("d/x", b"x"), entry(".wh..wh.aufs", b"")),
        tar(whiteout("nothing"), entry("d"), whiteout("d/nothing"), entry("d/y", b"y"))],
    "marks below files": [
        tar(entry("d"), entry("d/x", b"x"), entry("e"), entry("e/f"), entry("e/f/x", b"x")),
        tar(entry("d", b"file"), opaque("d"), opaque("d/y"), entry("e", b"file"), whiteout("e/f"), whiteout("e/f/x"), entry("g", b"g"))],
    "hard links": [
        tar(entry("a", b"one"), link("b", "a", hard=True), link("c", "b", hard=True), entry("d"), link("d/e", "a", hard=True),
            entry("x", b"two", **CAPABLE), link("y", "x", hard=True, **CAPABLE), link("soft", "a"), link("hard-soft", "soft", hard=True),
            entry("fifo", type=tarfile.FIFOTYPE), link("hard-fifo", "fifo", hard=True)),
        tar(whiteout("a"), entry("b", b"replaced"), entry("d"), entry("d/new", b"n"), link("d/newer", "d/new", hard=True)),
        tar(entry("d"), entry("d/e", b"apart"), entry("x", b"without a capability"))],
    "modes and owners": [
        tar(entry("suid", b"s", mode=0o4755), entry("sgid", b"s", mode=0o2755, uid=1, gid=2), entry("all", b"s", mode=0o7777, uid=9),
            entry("none", b"s", mode=0), entry("sgid-dir", mode=0o2770, gid=50), entry("sgid-dir/in", b"i", gid=7),
            entry("sticky", mode=0o1777), entry("big", b"b", uid=2_000_000, gid=3_000_000), entry("biggest", b"b", uid=2**31 - 2, gid=2**31 - 2),
            link("link", "suid", uid=11, gid=12, mode=0o777)),
        tar(entry("suid", b"no longer", mode=0o755), entry("sgid-dir", mode=0o755, uid=3), entry("sticky", mode=0o700))],
    "capabilities and attributes": [
        tar(entry("capable", b"c", uid=5, mode=0o755, **CAPABLE), entry("kept", b"k", mode=0o4755, **CAPABLE),
            entry("dir", **xattrs(user__d="d")), entry("many", b"m", **xattrs(user__a="1", user__b="two", user__c="drei"))),
        tar(entry("capable", b"without"), entry("dir"), entry("many", b"m", **xattrs(user__a="other")))],
    "devices and pipes": [
        tar(entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666, gid=4), entry("sda", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
            entry("high", type=tarfile.CHRTYPE, devmajor=300, devminor=70000), entry("pipe", type=tarfile.FIFOTYPE, mode=0o600, uid=3)),
        tar(entry("null", b"a file"), whiteout("sda"), entry("pipe"), entry("pipe/x", b"x"))],
    "long names, by PAX": [
        tar(*(entry(DEEP[:81 * i - 1]) for i in range(1, 13)), entry(f"{DEEP}/{'f' * 255}", b"f"), link("l", "t" * 3000),
            link("h" * 200, f"{DEEP}/{'f' * 255}", hard=True), entry("grüße", b"g"), entry("x\ny", b"n"), entry(" leading", b""))],
    "long names, by GNU": [
        tar(*(entry(DEEP[:81 * i - 1]) for i in range(1, 13)), entry(f"{DEEP}/{'f' * 255}", b"f"), link("l", "t" * 3000),
            link("h" * 200, f"{DEEP}/{'f' * 255}", hard=True), entry("grüße", b"g"), format=tarfile.GNU_FORMAT)],
    "ustar": [tar(entry("d"), entry("d/" + "x" * 90), entry("d/" + "x" * 90 + "/" + "y" * 90, b"y"), entry("d/z", b"z"), link("s", "d/z"),
                  format=tarfile.USTAR_FORMAT)],
    "names with dots and slashes": [
        tar(entry("./"), entry("./a/"), entry("./a/./b", b"b"), entry("a//c", b"c"), entry("/abs", b"abs"), entry("./a/d/"), entry("a/d/e", b"e"),
            link("./a/h", "./a/b", hard=True), link("/a/s", "../abs")),
        tar(entry("./a/"), entry("./a/.wh.b", b""), entry("/.wh.abs", b""))],
    "holes, PAX": [gnu_tar("--format=posix", "--sparse-version=1.0", "--pax-option=delete=atime,delete=ctime")],
    "holes, GNU": [gnu_tar("--format=gnu")],
    "times": [
        tar(entry("epoch", b"e", mtime=0), entry("late", b"l", mtime=2**33), entry("fraction", b"f", mtime=1600000000.25),
            entry("d", mtime=1111111111), entry("d/x", b"x", mtime=1222222222), link("s", "d", mtime=1333333333)),
        tar(entry("d", mtime=1444444444), entry("d/y", b"y"))],
    "directories last": [
        tar(entry("d/e/f", b"f"), entry("d/e", mode=0o700, uid=1), entry("d", mode=0o711, uid=2, mtime=1000000000)),
        tar(entry("d/e", mode=0o755, uid=4), entry("d", mode=0o755, uid=3))],
    "directories twice": [tar(entry("g"), entry("g/h", b"h"), entry("g", mode=0o750, gid=9))],
    "unknown types": [
        header("continuous", tarfile.CONTTYPE) + header("old", tarfile.AREGTYPE) + tar(entry("a", b"a"))],
}

# What docker 20.10 and umoci refuse: GNU tar is the judge of those.
NOT_DOCKERS = {"holes, GNU", "unknown types", "directories twice", "marks below files"}
NOT_UMOCIS = {"holes, GNU", "unknown types"}
