# SPDX-License-Identifier: Apache-2.0
"""A container's files from outside: cp, diff, export, import, commit."""

import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tarfile

import pytest

import leftovers
from world import mounted, wait_until

CHANGES = ("echo hi > /newf; rm /etc/group; mkdir /d; echo x > /d/f; ln -s /d /dl; ln -s /etc/shadow /d/out; "
           "echo v > /data/v; chmod 700 /tmp")


@pytest.fixture
def changed(moor, busybox):
    """A container that has ended, with changes; and its name."""
    moor.docker("run", "--name", "c", "--network", "none", "-v", "vol:/data", busybox, "sh", "-c", CHANGES)
    return "c"


def files(archive):
    return {member.name: member for member in tarfile.open(fileobj=io.BytesIO(archive))}


def test_diff(moor, busybox, changed):
    shown = moor.docker("diff", "c").stdout.splitlines()
    assert [line for line in shown if "data" not in line] == [
        "A /d", "A /d/f", "A /d/out", "A /dl", "C /etc", "D /etc/group", "A /newf", "C /tmp"]
    moor.docker("run", "--name", "same", "--network", "none", busybox, "true")
    assert moor.docker("diff", "same").stdout == ""
    assert "No such container" in moor.docker("diff", "nope", code=1).stderr


def test_copy_out(moor, changed, tmp_path):
    def cp(*arguments, **options):
        return moor.docker("cp", *arguments, cwd=tmp_path, **options)
    cp("c:/newf", "out")
    assert (tmp_path / "out").read_text() == "hi\n"
    cp("c:newf", ".")  # relative to the root, into a directory
    assert (tmp_path / "newf").read_text() == "hi\n"
    cp("c:/data/v", "v")  # of a volume, though it does not run
    assert (tmp_path / "v").read_text() == "v\n"
    cp("c:/d", "new")
    cp("c:/d", "new")  # the second time into it
    cp("c:/d/.", "new")
    assert sorted(os.listdir(tmp_path / "new")) == ["d", "f", "out"]
    assert os.readlink(tmp_path / "new" / "out") == "/etc/shadow"
    cp("c:/dl", "link")
    cp("-L", "c:/dl", "real")
    assert os.readlink(tmp_path / "link") == "/d" and os.path.isdir(tmp_path / "real")
    # A link of the container's leads nowhere outside of it.
    assert "Could not find the file" in cp("-L", "c:/d/out", "stolen", code=1).stderr
    archive = files(cp("c:/d", "-", text=False, input=b"").stdout)
    assert sorted(archive) == ["d", "d/f", "d/out"] and archive["d/out"].linkname == "/etc/shadow"
    assert "Could not find the file /nofile in container c" in cp("c:/nofile", "x", code=1).stderr
    assert "copying between containers is not supported" in cp("c:/x", "c:/y", code=1).stderr
    assert "must specify at least one container source" in cp("x", "y", code=1).stderr
    assert "lstat /newf/: not a directory" in cp("c:/newf/", "x", code=1).stderr
    assert "does not exist" in cp("c:/newf", "no/dir", code=1).stderr
    assert "No such container: nope" in cp("nope:/x", "y", code=1).stderr


def test_copy_in(moor, busybox, tmp_path):
    """Into one that runs, through its links and volumes, and never out of it."""
    script = "ln -s /tmp /way; ln -s /etc/passwd /evil; mkdir /full; echo old > /full/in; while :; do sleep 0.1; done"
    moor.docker("run", "-d", "--name", "c", "--network", "none", "-v", "vol:/data", busybox, "sh", "-c", script)
    wait_until(lambda: moor.docker("exec", "c", "ls", "/full/in", code=None).returncode == 0, "its files")
    (tmp_path / "in").write_text("new\n")
    os.chmod(tmp_path / "in", 0o640)
    os.makedirs(tmp_path / "tree" / "sub")
    (tmp_path / "tree" / "sub" / "t").write_text("t\n")
    os.symlink("/etc/hostname", tmp_path / "tree" / "l")

    def cp(*arguments, **options):
        return moor.docker("cp", *arguments, cwd=tmp_path, **options)

    def read(path):
        return moor.docker("exec", "c", "cat", path).stdout
    cp("in", "c:/full")
    assert read("/full/in") == "new\n"
    cp("in", "c:/way/")
    assert read("/tmp/in") == "new\n"
    cp("in", "c:/data/x")
    assert read("/data/x") == "new\n"
    assert moor.docker("exec", "c", "stat", "-c", "%u %a", "/data/x").stdout == "0 640\n"
    before = open("/etc/passwd").read()
    cp("in", "c:/evil")
    assert open("/etc/passwd").read() == before and read("/etc/passwd") == "new\n"
    cp("tree", "c:/")
    cp("tree", "c:/other")
    cp("tree/.", "c:/full")
    assert read("/tree/sub/t") == read("/other/sub/t") == read("/full/sub/t") == "t\n"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.add(tmp_path / "tree", "packed")
    cp("-", "c:/tmp", text=False, input=buffer.getvalue())
    assert read("/tmp/packed/sub/t") == "t\n"
    assert moor.docker("images", "-aq").stdout.count("\n") == 1  # nothing of the archive stays
    assert "Could not find the file /nodir" in cp("in", "c:/nodir/x", code=1).stderr
    assert "cannot copy directory" in cp("tree", "c:/full/in", code=1).stderr
    assert "no such file or directory" in cp("nofile", "c:/", code=1).stderr


def test_copy_places(moor, busybox, tmp_path):
    """Which name a copy gets, by links, slashes and dots of both sides, and what is refused; as docker has it."""
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "f").write_text("f\n")
    (tmp_path / "plain").write_text("plain\n")
    os.symlink("d", tmp_path / "dl")
    os.symlink("d/f", tmp_path / "fl")
    os.symlink("later", tmp_path / "broken")
    moor.docker("create", "--name", "c", "--network", "none", busybox)

    def cp(*arguments, **options):
        return moor.docker("cp", *arguments, cwd=tmp_path, **options)

    def names(path, *options):
        return [name for name in sorted(files(cp(*options, path, "-", text=False, input=b"").stdout)) if "f" in name or "d" in name]
    for source in ("d", "plain", "dl", "fl"):
        cp(source, "c:/")
    for options, source, shown in [
            ((), "c:/d", ["d", "d/f"]), ((), "c:/d/", ["d", "d/f"]), ((), "c:/dl", ["dl"]), ((), "c:/dl/", ["dl", "dl/f"]),
            ((), "c:/dl/.", ["./f"]), (("-L",), "c:/dl", ["d", "d/f"]), (("-L",), "c:/fl", ["f"])]:
        assert names(source, *options) == shown, (options, source)
    for number, (options, source, made) in enumerate([
            (("-L",), "fl", ["fl"]), (("-L",), "dl", ["dl", "dl/f"]), ((), "dl/", ["dl", "dl/f"]), (("-L",), "dl/.", ["f"])]):
        place = f"out{number}"
        (tmp_path / place).mkdir()
        cp(*options, "c:/" + source, place)
        cp(place, "c:/tmp")  # an empty directory to copy into, there too
        there = tmp_path / place
        assert sorted(str(path.relative_to(there)) for path in there.rglob("*")) == made, source
        cp(*options, source, f"c:/tmp/{place}")
        got = names(f"c:/tmp/{place}/.")
        assert got == sorted("./" + name for name in made), source
    cp("c:/plain", "broken")  # the link stays, and what it leads to is made
    assert os.readlink(tmp_path / "broken") == "later" and (tmp_path / "later").read_text() == "plain\n"
    here = str(tmp_path)
    device = 'must be a directory or a regular file: got a device'
    for source, target, why in [
            ("", "c:/", "source can not be empty"), ("c:/", "", "destination can not be empty"), ("plain", "c:", "no such directory"),
            ("c:", "x", "Error response from daemon: bad parameter: path cannot be empty"),
            ("nofile", "c:/", f"lstat {here}/nofile: no such file or directory"), ("plain/", "c:/", f"lstat {here}/plain/: not a directory"),
            ("plain", "c:/etc/passwd/", "no such directory"), ("plain", "c:/none/", "no such directory"),
            ("d", "c:/etc/passwd/", 'Error response from daemon: cannot overwrite non-directory "/etc/passwd" with a directory'),
            ("plain", "c:/etc/passwd/x", "Error response from daemon: extraction point is not a directory"),
            ("d/.", "c:/etc/passwd", "cannot copy directory"), ("c:/d/.", "plain", "cannot copy directory"),
            ("c:/plain", "plain/", f"stat {here}/plain/: not a directory"), ("c:/d", "plain/", f"stat {here}/plain/: not a directory"),
            ("c:/d", "plain/x", f"stat {here}/plain/x: not a directory"), ("c:/plain", "none/", "no such directory"),
            ("c:/d", "none/x", f'invalid output path: directory "{here}/none" does not exist'),
            ("c:/plain", "/dev/null", f'invalid output path: "/dev/null" {device}')]:
        assert cp(source, target, code=1).stderr == why + "\n", (source, target)
    assert names("c:/d/.") == ["./f"] and (tmp_path / "plain").read_text() == "plain\n"


def test_copy_before_the_first_start(moor, busybox, tmp_path):
    """What is mounted in a container counts before it has ever run, and its volumes have what the image has there."""
    (tmp_path / "bound").mkdir()
    (tmp_path / "one").write_text("one\n")
    moor.docker("create", "--name", "c", "--network", "none", "--read-only", "-v", "vol:/etc", "-v", "/anonymous", "-v",
                f"{tmp_path}/bound:/new/b", "-v", f"{tmp_path}/bound:/ro:ro", "-v", f"{tmp_path}/one:/new/one", busybox, "cat",
                "/etc/passwd", "/anonymous/x")
    moor.docker("cp", "c:/etc/group", tmp_path)
    assert (tmp_path / "group").read_text() == "root:x:0:\nuser:x:1000:\n"
    for target in ("c:/anonymous/x", "c:/new/b", "c:/etc/passwd"):
        moor.docker("cp", tmp_path / "one", target)
    assert (tmp_path / "bound" / "one").read_text() == "one\n"
    moor.docker("cp", "c:/new/one", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "one\n"
    for target in ("c:/ro", "c:/ro/x"):
        assert moor.docker("cp", tmp_path / "one", target, code=1).stderr == (
            "Error response from daemon: mounted volume is marked read-only\n")
    assert moor.docker("start", "-a", "c").stdout == "one\none\n"
    moor.docker("create", "--name", "w", "--network", "none", "-w", "/made/for/it", busybox)
    moor.docker("cp", "w:/made/for/it", tmp_path)  # as is its working directory
    assert (tmp_path / "it").is_dir()
    moor.docker("export", "-o", tmp_path / "all.tar", "c")
    moor.docker("commit", "-m", "why", "c", "made:1")
    told = moor.docker("events", "--since", "1h", "--until", "0s", "-f", "container=c", "--format",
                       "{{.Action}} {{.Actor.Attributes.imageRef}} {{.Actor.Attributes.comment}}").stdout.splitlines()
    nothing = "<no value> <no value>"
    assert told[:3] == [f"create {nothing}", f"archive-path {nothing}", f"extract-to-dir {nothing}"]
    assert told[-2:] == [f"export {nothing}", "commit made:1 why"]


def test_copy_before_the_first_start_of_a_stranger(moor, busybox, tmp_path):
    """A volume of an image's that is a link to where the user mounts gets nothing of what is the user's, at cp as at the start; and
    cp opens nothing that another container may have put into a shared volume meanwhile, a FIFO on which it would wait for ever."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret").write_text("secret\n")
    moor.docker("run", "--name", "made", "--network", "none", busybox, "sh", "-c", "mkdir /data && echo >/data/x && ln -s /host /v")
    moor.docker("commit", "-c", "VOLUME /v", "made", "evil")
    moor.docker("create", "--name", "c", "--network", "none", "-v", f"{tmp_path}/mine:/host:ro", "-v", "shared:/data",
                "-v", f"{tmp_path}/mine/secret:/data/new", "evil", "true")
    trace = tmp_path / "trace"
    moor.run("strace", "-f", "-o", trace, "-e", "trace=open,openat,openat2", os.path.join(moor.names, "docker"), "cp", "c:/data/new", tmp_path)
    assert (tmp_path / "new").read_text() == "secret\n"
    shown = {name: sorted(os.listdir(os.path.join(moor.root, "volumes", name, "_data")))
             for name in moor.docker("volume", "ls", "-q").stdout.split()}
    assert shown.pop("shared") == ["new", "x"] and list(shown.values()) == [[]]
    opened = [line for line in trace.read_text().splitlines() if 'new"' in line and str(tmp_path) not in line and "O_PATH" not in line]
    places = [line for line in opened if "O_CREAT" in line]
    assert places and all("O_EXCL" in line and "O_NOFOLLOW" in line for line in places), opened


def test_copy_comes_whole_or_not_at_all(moor, busybox, tmp_path):
    """What is there stays until the copy is whole: on a full disk, after a kill; on both sides, and under names of any length."""
    long = "n" * 255
    (tmp_path / "f").write_text("new\n")
    (tmp_path / "big").write_bytes(bytes(1 << 16))
    moor.docker("run", "-d", "--name", "c", "--network", "none", "--tmpfs", "/t:size=64k", busybox, "sh", "-c",
                f"echo old > /t/big; echo old > /{long}; dd if=/dev/zero of=/big bs=65536 count=1; echo >/ready; while :; do sleep 1; done")
    wait_until(lambda: moor.docker("exec", "c", "ls", "/ready", code=None).returncode == 0, "its files")

    def shown(path):
        return moor.docker("exec", "c", "sh", "-c", f"ls {path}; cat {path}/*").stdout
    with mounted(str(tmp_path / "disk"), "tmpfs", "64k") as disk:
        old = os.path.join(disk, "big")
        with open(old, "w") as file:
            file.write("old\n")
        why = moor.docker("cp", "c:/big", old, code=1).stderr
        assert why == f"copy from c:/big: copy big: No space left on device (make room on {disk}: see df and df -i)\n"
        assert (os.listdir(disk), open(old).read()) == (["big"], "old\n")
    why = moor.docker("cp", "big", "c:/t", cwd=tmp_path, code=1).stderr
    mounted_there = "No space left on device (make room in what is mounted there: see df in the container)\n"
    assert why == "Error response from daemon: copy to c:/t: copy big: " + mounted_there
    assert shown("/t") == "big\nold\n"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / long).write_text("mine\n")
    for source, target in ((f"c:/{long}", "out"), ("f", f"c:/{long}"), ("f", "c:/t/big")):
        moor.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,renameat2", "-e",
                 "inject=rename,renameat,renameat2:error=ENOSYS:signal=KILL", os.path.join(moor.names, "docker"), "cp", source, target,
                 cwd=tmp_path, code=None)
    assert (tmp_path / "out" / long).read_text() == "mine\n" and moor.docker("exec", "c", "cat", f"/{long}", "/t/big").stdout == "old\n" * 2
    moor.docker("cp", f"c:/{long}", "out", cwd=tmp_path)
    assert (tmp_path / "out" / long).read_text() == "old\n"
    moor.docker("cp", "f", f"c:/{long}", cwd=tmp_path)
    assert moor.docker("exec", "c", "cat", f"/{long}").stdout == "new\n"


SWAPPER = """
import os, sys
name = sys.argv[1]
evil = os.stat("evil").st_ino
print("ready", flush=True)
while True:
    try:
        if os.lstat(name).st_ino != evil:
            os.rename(name, "old")
            os.link("evil", "new")
            os.rename("new", name)
    except OSError:
        pass
"""


@pytest.mark.parametrize("name, make", [("tool", "mkdir /from; dd if=/dev/zero of=/from/tool bs=1M count=24; chmod 6755 /from/tool"),
                                        ("dir", "mkdir -p /from/dir; dd if=/dev/zero of=/from/dir/f bs=1M count=24; chmod 2755 /from/dir")], ids=["file", "directory"])
def test_copy_to_where_another_puts_his_own(moor, busybox, open_path, name, make):
    """A copy that is root's, with set-user-ID: what the directory's owner puts in its place meanwhile stays his."""
    other = 54321
    moor.docker("run", "--name", "c", "--network", "none", busybox, "sh", "-c", make)
    place = open_path / "his"
    place.mkdir()
    shutil.copy("/bin/true", place / "evil")
    for path in (place, place / "evil"):
        os.chown(path, other, other)
    before = os.stat(place / "evil")
    with subprocess.Popen([sys.executable, "-c", SWAPPER, name], user=other, group=other, extra_groups=[], cwd=place,
                          stdout=subprocess.PIPE) as swapper:
        try:
            assert swapper.stdout.readline() == b"ready\n"
            for _ in range(3):
                moor.docker("cp", f"c:/from/{name}", f"{place}/", code=None)
        finally:
            swapper.kill()
    after = os.stat(place / "evil")
    assert (after.st_uid, after.st_gid, after.st_mode) == (other, other, before.st_mode)


def test_copy_to_a_file_that_is_mounted(moor, busybox, tmp_path):
    """It is written where it is, and stays mounted, of a container that runs as of one that does not."""
    (tmp_path / "one").write_text("a longer one\n")
    (tmp_path / "f").write_text("new\n")
    with mounted(str(tmp_path / "disk"), "tmpfs", "64k") as disk:
        os.mkdir(os.path.join(disk, "d"))
        moor.docker("run", "-d", "--name", "c", "--network", "none", "-v", f"{tmp_path}/one:/one", "-v", f"{disk}/d:/d", "-v",
                    f"{tmp_path}/one:/d/one", busybox, "sleep", "60")
        places = ("/one", "/d/one", "/etc/hosts")
        for place in places:
            moor.docker("cp", "f", "c:" + place, cwd=tmp_path)
        counted = "for f in %s; do cat $f; grep -c \" $f \" /proc/mounts; done" % " ".join(places)
        assert moor.docker("exec", "c", "sh", "-c", counted).stdout == "new\n1\n" * 3
        assert (tmp_path / "one").read_text() == "new\n" and os.listdir(os.path.join(disk, "d")) == ["one"]
        moor.docker("stop", "-t", "0", "c")
        (tmp_path / "f").write_text("newer\n")
        moor.docker("cp", "f", "c:/d/one", cwd=tmp_path)
        assert (tmp_path / "one").read_text() == "newer\n" and os.path.getsize(os.path.join(disk, "d", "one")) == 0
        moor.docker("rm", "c")


def test_copy_into_a_readonly_container(moor, busybox, tmp_path):
    """Its root, and what is mounted read-only, stay as they are, whether it runs or not; volumes and tmpfs take it."""
    (tmp_path / "bound").mkdir()
    (tmp_path / "one").write_text("old\n")
    (tmp_path / "f").write_text("new\n")
    moor.docker("run", "-d", "--name", "c", "--network", "none", "--read-only", "--tmpfs", "/t", "-v", "vol:/data", "-v",
                f"{tmp_path}/bound:/b:ro", "-v", f"{tmp_path}/one:/data/one:ro", busybox, "sleep", "60")
    root, volume = (f"Error response from daemon: {what} is marked read-only\n" for what in ("container rootfs", "mounted volume"))
    refused = {"c:/x": root, "c:/etc": root, "c:/etc/passwd": root, "c:/b": volume, "c:/b/x": volume, "c:/data/one": volume}

    def check():
        for target, why in refused.items():
            assert moor.docker("cp", "f", target, cwd=tmp_path, code=1).stderr == why, target
        moor.docker("cp", "f", "c:/data/x", cwd=tmp_path)
        assert os.listdir(tmp_path / "bound") == [] and (tmp_path / "one").read_text() == "old\n"
        assert moor.docker("diff", "c").stdout.split() == ["A", "/b", "A", "/data", "A", "/t"]
    check()
    moor.docker("cp", "f", "c:/t", cwd=tmp_path)
    assert moor.docker("exec", "c", "cat", "/t/f", "/data/x").stdout == "new\nnew\n"
    failed = moor.docker("cp", "-", "c:/etc/passwd", text=False, input=b"", code=1)
    assert failed.stderr == b'destination "c:/etc/passwd" must be a directory\n'
    moor.docker("run", "-d", "--name", "full", "--network", "none", "--tmpfs", "/t:size=4k", busybox, "sleep", "60")
    (tmp_path / "big").write_bytes(bytes(1 << 16))
    assert moor.docker("cp", "big", "full:/t", cwd=tmp_path, code=1).stderr == (
        "Error response from daemon: copy to full:/t: copy big: No space left on device (make room in what is mounted there: see df in the "
        "container)\n")
    moor.docker("stop", "-t", "0", "c")
    check()


def test_export_and_import(moor, changed, tmp_path):
    with mounted(tmp_path / "full", size="64k"):  # what was there stays until the new one is whole
        (tmp_path / "full" / "x.tar").write_text("old\n")
        assert "No space left" in moor.docker("export", "-o", tmp_path / "full" / "x.tar", "c", code=1).stderr
        moor.docker("export", "-o", tmp_path / "full" / "x.tar", "c", code=-signal.SIGXFSZ,  # killed in its midst
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
        assert os.listdir(tmp_path / "full") == ["x.tar"] and (tmp_path / "full" / "x.tar").read_text() == "old\n"
    moor.docker("export", "-o", str(tmp_path / "x.tar"), "c")
    with open(tmp_path / "x.tar", "rb") as file:
        archive = files(file.read())
    assert "newf" in archive and "bin/busybox" in archive and "etc/group" not in archive and "data/v" not in archive
    assert archive["bin/sh"].issym() or archive["bin/sh"].islnk()
    shown = moor.docker("import", "-c", "CMD [\"cat\",\"/newf\"]", "-c", "ENV PATH=/bin X=\"a b\"", "-m", "why",
                        str(tmp_path / "x.tar"), "imported:1").stdout
    assert shown.startswith("sha256:") and len(shown) == 72
    assert moor.docker("run", "--rm", "--network", "none", "imported:1").stdout == "hi\n"
    assert moor.docker("image", "inspect", "-f", "{{json .Config.Env}}", "imported:1").stdout == '["PATH=/bin","X=a b"]\n'
    with open(tmp_path / "x.tar", "rb") as file:
        moor.docker("import", "-", "imported:2", text=False, input=file.read())
    assert moor.docker("images", "-q", "imported").stdout.count("\n") == 2
    assert "no such file" in moor.docker("import", "nofile", code=1).stderr
    assert "not a valid change command" in moor.docker("import", "-c", "RUN x", "-", code=125).stderr
    assert "invalid reference format" in moor.docker("import", "-", "BAD NAME", code=1).stderr


def test_commit_of_one_that_ends_meanwhile(moor, busybox):
    """Between the look whether it runs and the pause, which is held up here."""
    moor.docker("run", "-d", "--network", "none", "--name", "r", "--stop-signal", "KILL", busybox, "sleep", "60")
    made = moor.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=execve", "-e", "inject=execve:delay_enter=1500000:when=1",
                      "-e", "signal=none", os.path.join(moor.names, "docker"), "commit", "r", "made:1")
    try:
        wait_until(lambda: len(processes_of("commit", "r", "made:1")) > 1, "the pause to be near")
        moor.docker("kill", "r")
    finally:
        _, stderr = made.communicate(timeout=30)
    assert (made.returncode, stderr) == (0, "")
    assert moor.docker("image", "inspect", "-f", "{{.RepoTags}}", "made:1").stdout == "[made:1]\n"


def processes_of(*arguments):
    """The processes with these last arguments, but strace."""
    found, wanted = [], b"\0".join(argument.encode() for argument in arguments) + b"\0"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
            line = file.read()
            if line.endswith(wanted) and not line.startswith(b"strace"):
                found.append(pid)
    return found


@pytest.mark.parametrize("call", ["memfd_create", "vfork", "rename,renameat", "wait4"])
def test_a_killed_commit_leaves_nobody_paused(moor, busybox, call):
    """The command is killed while the container is paused, or about to be: it goes on all the same."""
    moor.docker("run", "-d", "--name", "c", "--network", "none", "--stop-signal", "KILL", busybox, "sleep", "60")
    for number in (1, 2, 3):
        moor.run("strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
                 os.path.join(moor.names, "docker"), "commit", "c", "new:1", code=None)
        wait_until(lambda: moor.docker("inspect", "-f", "{{.State.Status}}", "c").stdout == "running\n", "it to go on")
        wait_until(lambda: not leftovers.processes_naming("commit\0c\0new:1"), "its guard to go")
        assert moor.docker("inspect", "-f", "{{.State.Status}}", "c").stdout == "running\n"
    moor.docker("commit", "c", "new:1")


def test_commit(moor, changed, busybox, tmp_path):
    shown = moor.docker("commit", "-m", "why", "-a", "me", "-c", "LABEL k=v", "-c", "WORKDIR /d", "c", "made:1").stdout
    assert shown.startswith("sha256:")
    assert moor.docker("run", "--rm", "--network", "none", "made:1", "sh", "-c", "cat /newf f; ls /etc",
                       ).stdout.startswith("hi\nx\n")
    assert moor.docker("image", "inspect", "-f", "{{.Config.WorkingDir}} {{.Config.Labels.k}} {{len .RootFS.Layers}}",
                       "made:1").stdout == "/d v 2\n"
    assert "why" in moor.docker("history", "made:1").stdout
    # The places of /etc/hosts, /dev and others, made to mount on, are no change of the container's.
    moor.docker("save", "-o", str(tmp_path / "made.tar"), "made:1")
    with tarfile.open(tmp_path / "made.tar") as saved:
        layer = json.load(saved.extractfile("manifest.json"))[0]["Layers"][-1]
        names = set(files(saved.extractfile(layer).read()))
    assert "newf" in names
    assert not names & {"etc/hosts", "etc/hostname", "etc/resolv.conf", "etc/mtab", "proc", "sys", "dev", ".dockerenv"}
    moor.docker("run", "-d", "--name", "r", "--network", "none", busybox, "sleep", "60")
    moor.docker("commit", "r", "made:2")
    assert moor.docker("inspect", "-f", "{{.State.Status}}", "r").stdout == "running\n"
    moor.docker("rm", "-f", "r")
    assert "No such container: nope" in moor.docker("commit", "nope", code=1).stderr
    assert "refusing to create a tag with a digest reference" in moor.docker("commit", "c", "a@sha256:" + "f" * 64, code=1).stderr


def test_changes_of_a_commit(moor, busybox):
    """Every instruction that docker takes, as it takes it, and what it refuses."""
    moor.docker("create", "--name", "c", "--label", "some=label", busybox)

    def commit(*changes, code=0):
        return moor.docker("commit", *[part for change in changes for part in ("-c", change)], "c", "made:1", code=code)
    commit("EXPOSE 8080 80-81/udp", "ENV DEBUG true", "ENV test 1", "LABEL foo bar", 'CMD ["/bin/sh"]', "WORKDIR /opt",
           'ENTRYPOINT ["/bin/sh"]', "USER testuser", "VOLUME /var/lib/docker", "onbuild /usr/bin/build --dir /app", "ONBUILD RUN x",
           'HEALTHCHECK --interval=5s --timeout=1m --start-period=2s --retries=3 CMD ["a", "b"]', "STOPSIGNAL SIGUSR1")
    config = json.loads(moor.docker("image", "inspect", "-f", "{{json .Config}}", "made:1").stdout)
    expected = {"ExposedPorts": {"8080/tcp": {}, "80/udp": {}, "81/udp": {}}, "Labels": {"foo": "bar", "some": "label"}, "Cmd": ["/bin/sh"],
                "WorkingDir": "/opt", "Entrypoint": ["/bin/sh"], "User": "testuser", "Volumes": {"/var/lib/docker": {}},
                "OnBuild": ["/usr/bin/build --dir /app", "RUN x"], "StopSignal": "SIGUSR1",
                "Healthcheck": {"Test": ["CMD", "a", "b"], "Interval": 5 * 10**9, "Timeout": 60 * 10**9, "StartPeriod": 2 * 10**9, "Retries": 3}}
    assert {key: config[key] for key in expected} == expected and {"DEBUG=true", "test=1"} < set(config["Env"])
    commit("HEALTHCHECK CMD test -e /x", "LABEL some=label2")
    config = json.loads(moor.docker("image", "inspect", "-f", "{{json .Config}}", "made:1").stdout)
    assert config["Healthcheck"] == {"Test": ["CMD-SHELL", "test -e /x"]} and config["OnBuild"] is None
    assert config["Labels"] == {"some": "label2"} and moor.docker("inspect", "-f", "{{.Config.Labels}}", "c").stdout == "map[some:label]\n"
    moor.docker("run", "--name", "on", "--network", "none", "made:1", "true")
    assert moor.docker("inspect", "-f", "{{.Config.Healthcheck.Test}}", "on").stdout == "[CMD-SHELL test -e /x]\n"
    moor.docker("create", "--name", "probed", "--health-cmd", "x", "--health-interval", "3s", busybox)
    moor.docker("commit", "probed", "made:2")  # what the container was asked for is its image's
    assert json.loads(moor.docker("image", "inspect", "-f", "{{json .Config.Healthcheck}}", "made:2").stdout) == {
        "Test": ["CMD-SHELL", "x"], "Interval": 3 * 10**9}
    moor.docker("commit", "probed", "plain")
    moor.docker("create", "--name", "using", "plain")
    assert 'unable to remove repository reference "plain" (must force)' in moor.docker("rmi", "plain", code=1).stderr
    for change, why in [("FROM x", "FROM is not a valid change command"), (" ", "file with no instructions"), ("EXPOSE foo", "foo"),
                        ("ENV", "requires at least one argument"), ("ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"),
                        ("ONBUILD onbuild x", "Chaining ONBUILD via"), ("HEALTHCHECK x", "Unknown type \"x\" in HEALTHCHECK (try CMD)"),
                        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"), ("HEALTHCHECK --foo=1 CMD x", "Unknown flag: foo"),
                        ("HEALTHCHECK --interval=x CMD x", "invalid duration"), ("HEALTHCHECK --retries=-1 CMD x", "--retries must be")]:
        assert why in commit(change, code=None).stderr, change


def test_system_df_and_prune(moor, changed, busybox):
    moor.docker("run", "-d", "--name", "up", "--network", "none", "-l", "keep=1", busybox, "sleep", "60")
    table = moor.docker("system", "df").stdout.splitlines()
    assert table[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"] and len(table) == 5
    shown = moor.docker("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Active}}|{{.Reclaimable}}").stdout.splitlines()
    assert shown[0].startswith("Images|1|1|") and shown[1].startswith("Containers|2|1|5B") and shown[2].startswith("Local Volumes|1|1|")
    raw = moor.docker("system", "df", "--format", "raw").stdout.split("\n\n")
    assert len(raw) == 5 and raw[1].startswith("type: Containers\ntotal: 2\nactive: 1\nsize: 5B\nreclaimable: 5B")
    moor.docker("commit", "c", "made:1")
    images, containers, volumes, builds = [
        [re.split("   +", line.rstrip()) for line in part.splitlines()]
        for part in re.split(r"\n*(?:Images|Containers|Local Volumes) space usage:\n\n|\n\nBuild cache usage: 0B\n\n",
                             moor.docker("system", "df", "-v").stdout)[1:]]
    assert images[0] == ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"]
    # What both have is on the disk once; what the used one has is not reclaimed.
    count, size, rest = moor.docker("system", "df", "--format", "{{.TotalCount}} {{.Size}} {{.Reclaimable}}").stdout.splitlines()[0].split(" ", 2)
    assert count == "2" and size[:4] == "1.98" and re.fullmatch(r"\d+B \(0%\)", rest)
    made, base = sorted(images[1:], key=lambda row: row[0] == "busybox")
    assert (made[0], made[5], made[7]) == ("made", base[5], "0") and re.fullmatch(r"\d+B", made[6])
    assert base[5][:4] == base[4][:4] and re.fullmatch(r"\d\.\d{3}MB", base[5]) and base[6:] == ["0B", "2"]
    assert containers[0] == ["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"]
    assert {row[-1]: (row[3], row[4]) for row in containers[1:]} == {"c": ("1", "5B"), "up": ("0", "0B")}
    assert volumes[0] == ["VOLUME NAME", "LINKS", "SIZE"] and [row[1] for row in volumes[1:]] == ["1"]
    assert builds == [["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"]]
    whole = json.loads(moor.docker("system", "df", "-v", "--format", "{{json .}}").stdout)
    assert {kind: len(rows) for kind, rows in whole.items()} == {"Images": 2, "Containers": 2, "Volumes": 1, "BuildCache": 0}
    assert (whole["Volumes"][0]["Links"], whole["Volumes"][0]["Driver"]) == ("1", "local") and whole["Volumes"][0]["Size"] != "N/A"
    assert {row["Names"]: row["Size"] for row in whole["Containers"]} == {"c": "5B", "up": "0B"}
    shared = "{{range .Images}}{{.Repository}} {{.SharedSize}} {{.Containers}};{{end}}"
    assert f"busybox {base[5]} 2;" in moor.docker("system", "df", "-v", "--format", shared).stdout
    moor.docker("rmi", "made:1")
    assert moor.docker("container", "prune", "-f", "--filter", "label=keep").stdout == "Total reclaimed space: 0B\n"
    assert moor.docker("container", "prune", "-f", "--filter", "until=1h").stdout == "Total reclaimed space: 0B\n"
    assert moor.docker("system", "prune", input="n\n").stdout.endswith("[y/N] ")
    pruned = moor.docker("system", "prune", "-f", "--volumes").stdout
    assert re.match(r"Deleted Containers:\n[0-9a-f]{64}\n", pruned) and pruned.endswith("Total reclaimed space: 5B\n")
    assert moor.docker("ps", "-aq").stdout.count("\n") == 1
    moor.docker("rm", "-f", "up")
    assert "busybox:test" in moor.docker("system", "prune", "-af").stdout
    assert moor.docker("images", "-q").stdout == ""
