# SPDX-License-Identifier: Apache-2.0
"""Volumes and mounts as docker has them."""

import json
import os
import re
import socket
import stat
import subprocess
import tarfile

import pytest

import leftovers
from image_archives import entry, link, tar, xattrs
from world import Image, busybox_layer, mounted, tar_bytes, wait_until


@pytest.fixture
def run(moor, busybox):
    def run(*options, command=("true",), image=busybox, **how):
        return moor.docker("run", "--network", "none", *options, image, *command, **how)
    return run


def names(moor, *options):
    return moor.docker("volume", "ls", "-q", *options).stdout.split()


def sh(script):
    return ("sh", "-c", script)


def test_volume_verbs(moor, run):
    assert moor.docker("volume", "create", "--label", "kind=test", "vol").stdout == "vol\n"
    anonymous = moor.docker("volume", "create").stdout.strip()
    assert re.fullmatch("[0-9a-f]{64}", anonymous)
    told = json.loads(moor.docker("volume", "inspect", "vol").stdout)[0]
    assert told["Mountpoint"] == f"{moor.root}/volumes/vol/_data" and os.path.isdir(told["Mountpoint"])
    assert told["Labels"] == {"kind": "test"} and (told["Driver"], told["Scope"]) == ("local", "local")
    run("-d", "--name", "user", "-v", "used:/data", command=("sleep", "600"))
    assert names(moor) == sorted(["used", "vol", anonymous])
    assert names(moor, "-f", "label=kind=test") == ["vol"] and names(moor, "-f", "dangling=false") == ["used"]
    assert names(moor, "-f", "name=^u|l$") == ["used", "vol"] and names(moor, "-f", " Name =se", "-f", "") == ["used"]
    for text, why in [("dangling=maybe", "invalid filter 'dangling=[maybe]'"), ("FOO=1", "invalid filter 'foo'")]:
        assert why in moor.docker("volume", "ls", "-f", text, code=1).stderr
    moor.docker("volume", "create", "--label", "b", "--label", "a=1", "tagged")
    assert moor.docker("volume", "ls", "-f", "label=b", "--format", "{{.Name}} {{.Labels}}").stdout == "tagged a=1,b=\n"
    moor.docker("volume", "rm", "tagged")
    assert "both --name and as a positional arg" in moor.docker("volume", "create", "--name", "vv", "vv", code=1).stderr
    assert "volume is in use - [" in moor.docker("volume", "rm", "used", code=1).stderr
    assert "get none: no such volume" in moor.docker("volume", "rm", "none", code=1).stderr
    for arguments, text in [(["x"], "volume name is too short"), (["a/b"], "includes invalid characters"),
                            (["-d", "bogus", "vv"], 'plugin "bogus" not found'),
                            (["-o", "foo=1", "vv"], 'invalid option: "foo"'),
                            (["-o", "type=tmpfs", "vv"], 'missing required option: "device"')]:
        assert text in moor.docker("volume", "create", *arguments, code=1).stderr
    assert "volume name is too short" in run("--rm", "-v", "v:/x", code=125).stderr
    pruned = moor.docker("volume", "prune", "-f").stdout
    assert pruned.startswith(f"Deleted Volumes:\n{anonymous}\n\nTotal reclaimed space: ")
    assert "vol\n" in moor.docker("volume", "prune", "-f", "-a").stdout and names(moor) == ["used"]
    moor.docker("rm", "-f", "user")
    assert moor.docker("volume", "rm", "used").stdout == "used\n" and names(moor) == []


def test_anonymous_volumes_go_with_their_container(moor, run):
    run("--rm", "-v", "/anon", "-v", "kept:/kept")
    assert names(moor) == ["kept"]
    run("--name", "one", "-v", "/anon", command=sh("echo 1 > /anon/f"))
    run("-d", "--name", "two", "--volumes-from", "one:ro", command=("sleep", "600"))
    assert moor.docker("exec", "two", "cat", "/anon/f").stdout == "1\n"
    assert "Read-only" in moor.docker("exec", "two", "touch", "/anon/g", code=1).stderr
    moor.docker("rm", "-v", "one")
    assert len(names(moor)) == 2  # the other one has it too
    assert moor.docker("exec", "two", "cat", "/anon/f").stdout == "1\n"
    assert "No such container: nobody" in run("--volumes-from", "nobody", code=125).stderr
    assert "invalid mode for --volumes-from" in run("--volumes-from", "two:x", code=125).stderr


def test_a_volume_without_a_slash(moor, busybox, run, tmp_path):
    """VOLUME data, as a Dockerfile may say it, is /data."""
    moor.docker("create", "--name", "c", busybox)
    moor.docker("export", "-o", str(tmp_path / "all.tar"), "c")
    moor.docker("import", "-c", "VOLUME data", str(tmp_path / "all.tar"), "relative:1")
    moor.docker("rm", "c")
    run("--name", "c", image="relative:1", command=sh("echo kept > /data/file; cat /data/file"))
    assert moor.docker("inspect", "-f", "{{range .Mounts}}{{.Type}} {{.Destination}}{{end}}", "c").stdout == "volume /data\n"
    assert len(names(moor)) == 1
    moor.docker("rm", "-v", "c")
    assert names(moor) == []
    assert run("--rm", "-v", "work", command=sh("echo 1 > /work/file; cat /work/file")).stdout == "1\n"
    assert names(moor) == []


def test_whose_volume_it_is(moor, run):
    """Of another container's volume and an own one at the same place; of two other containers'."""
    def shown(*options):
        return run("--rm", *options, command=sh("cat /data/f; :")).stdout

    for name in ("one", "two"):
        run("--name", name, "-v", "/data", command=sh(f"echo {name} > /data/f"))
    from_one = ("--volumes-from", "one")
    assert shown(*from_one, "-v", "/data") == "one\n" and shown(*from_one, "--volumes-from", "two") == "two\n"
    for own in (("-v", "named:/data"), ("--mount", "dst=/data"), ("--tmpfs", "/data")):
        assert shown(*from_one, *own) == ""


def test_a_volume_stays_while_nobody_can_tell_who_has_it(moor, run):
    run("--name", "one", "-v", "kept:/data", command=sh("echo 1 > /data/f"))
    container = moor.docker("inspect", "-f", "{{.Id}}", "one").stdout.strip()
    path = f"{moor.root}/containers/{container}/options.json"
    with open(path) as file:
        record = file.read()
    with open(path, "w") as file:
        file.write("{")
    refusal = moor.docker("volume", "rm", "kept", code=1).stderr
    assert f"remove kept: see whether container {container[:12]} has volume kept: " in refusal
    moor.docker("volume", "prune", "-f", "-a")
    assert names(moor) == ["kept"] == names(moor, "-f", "dangling=false")
    with open(path, "w") as file:
        file.write(record)
    assert "volume is in use" in moor.docker("volume", "rm", "kept", code=1).stderr
    moor.docker("rm", "one")
    assert moor.docker("volume", "rm", "kept").stdout == "kept\n"


def test_volume_over_our_files(moor, run, tmp_path):
    """A volume at /etc hides none of the files that we keep there; the user's own do."""
    see = sh("cat /etc/hostname /etc/resolv.conf; grep own /etc/hosts")
    options = ("--rm", "-h", "box", "--dns", "127.0.0.1", "--add-host", "own:1.2.3.4")
    for volume in ("/etc", f"{tmp_path}:/etc"):
        done = run(*options, "-v", volume, command=see)
        assert done.stdout == "box\nnameserver 127.0.0.1\n1.2.3.4\town\n"
        assert done.stderr == "WARNING: Localhost DNS setting (--dns=127.0.0.1) may fail in containers.\n"
    (tmp_path / "mine").write_text("mine\n")
    done = run(*options, "-v", f"{tmp_path}:/etc", "-v", f"{tmp_path}/mine:/etc/hostname", command=see)
    assert done.stdout.startswith("mine\nnameserver")


def test_our_files_are_not_led_to_the_host(moor, run, busybox, tmp_path):
    """A link of the image's for /etc, into a mount that passes on to the host what is mounted there."""
    link = tar_bytes([("etc", ("link", "/host"))])
    moor.docker("load", "-i", Image([busybox_layer(), link]).save(tmp_path / "i.tar", "link:1"))
    shared = str(tmp_path / "shared")
    with mounted(shared):
        subprocess.run(["mount", "--make-shared", shared], check=True)
        for name in ("hosts", "hostname", "resolv.conf"):
            (tmp_path / "shared" / name).write_text("the host's\n")
        before = leftovers.mounts()
        for image, options in (("link:1", ()), ("link:1", ("-v", "/etc")), (busybox, ("-v", f"{shared}:/etc:rshared"))):
            shown = run("--rm", "-v", f"{shared}:/host:ro,rshared", *options, image=image, command=sh("cat /host/hosts"))
            assert shown.stdout == "the host's\n" and leftovers.mounts() == before
        for options in (("-v", "/etc/x"), ("--tmpfs", "/etc/x"), ("-v", f"{tmp_path}/i.tar:/etc/hosts")):
            done = run("--rm", "-v", f"{shared}:/host:rshared", *options, image="link:1", code=125)
            assert 'into "/host", which is shared with the host' in done.stderr and leftovers.mounts() == before


def test_what_the_image_has_is_copied_once(moor, run, tmp_path):
    layer = tar_bytes([("data", None), ("data/from-image", b"image\n")])
    moor.docker("load", "-i", Image([busybox_layer(), layer]).save(tmp_path / "i.tar", "data:1"))
    run("-v", "v1:/data", image="data:1", command=sh("rm /data/from-image; echo own > /data/own"))
    assert run("-v", "v1:/data", image="data:1", command=("ls", "/data")).stdout == "own\n"
    assert run("-v", "v2:/data:nocopy", image="data:1", command=("ls", "/data")).stdout == ""
    assert run("--mount", "src=v3,dst=/data,volume-nocopy", image="data:1", command=("ls", "/data")).stdout == ""
    assert run("--mount", "src=v4,dst=/data", image="data:1", command=("ls", "/data")).stdout == "from-image\n"


def test_files_are_copied_with_all_they_have(moor, run, tmp_path):
    """Capabilities and other attributes, several names of one file, pipes; but no device: others can come to it."""
    capability = {"security__capability": "\x01\0\0\x02\0\x20" + 14 * "\0"}  # cap_net_raw+ep
    layer = tar(entry("data", uid=7, mode=0o751), entry("data/sub", **xattrs(user__kind="directory")),
                entry("data/ping", b"ping", mode=0o4755, **xattrs(**capability)),
                entry("data/told", b"told", uid=8, gid=9, mode=0o440, **xattrs(user__kind="file")),
                link("data/sub/again", "data/told", hard=True), link("data/told-too", "data/told", hard=True),
                link("data/sub/far", "../../etc/passwd"), entry("data/fifo", type=tarfile.FIFOTYPE, mode=0o640, gid=5),
                entry("data/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666))
    moor.docker("load", "-i", Image([busybox_layer(), layer]).save(tmp_path / "i.tar", "data:1"))
    run("--rm", "-v", "v1:/data", image="data:1")
    top = f"{moor.root}/volumes/v1/_data"
    assert os.getxattr(top + "/ping", "security.capability").hex() == "0100000200200000" + 24 * "0"
    assert stat.S_IMODE(os.stat(top + "/ping").st_mode) == 0o4755
    assert os.getxattr(top + "/told", "user.kind") == b"file" and os.getxattr(top + "/sub", "user.kind") == b"directory"
    told = os.stat(top + "/told")
    assert (told.st_nlink, told.st_uid, told.st_gid, stat.S_IMODE(told.st_mode)) == (3, 8, 9, 0o440)
    assert os.path.samefile(top + "/told", top + "/sub/again") and os.path.samefile(top + "/told", top + "/told-too")
    assert os.readlink(top + "/sub/far") == "../../etc/passwd"
    fifo = os.stat(top + "/fifo")
    assert stat.S_ISFIFO(fifo.st_mode) and (stat.S_IMODE(fifo.st_mode), fifo.st_gid) == (0o640, 5)
    assert not os.path.lexists(top + "/null")


def test_options_of_the_local_driver(moor, run, tmp_path):
    """Something is mounted for all who use it, from the first to the last."""
    moor.docker("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m,uid=1000", "memory")
    (tmp_path / "host").mkdir()
    moor.docker("volume", "create", "-o", "type=none", "-o", f"device={tmp_path}/host", "-o", "o=bind,ro", "bound")
    run("-d", "--name", "first", "-v", "memory:/m", command=sh("echo shared > /m/f; sleep 600"))
    place = f"{moor.root}/volumes/memory/_data"
    wait_until(lambda: os.path.exists(f"{place}/f"), "the file")
    told = run("--rm", "-v", "memory:/m", command=sh("cat /m/f; stat -c %u /m; busybox df -k /m | busybox tail -1")).stdout
    assert told.startswith("shared\n1000\n") and " 1024 " in told
    assert os.path.ismount(place)
    moor.docker("kill", "first")
    wait_until(lambda: not os.path.ismount(place), "it to be unmounted with the last user")
    assert "Read-only" in run("--rm", "-v", "bound:/b", command=("touch", "/b/x"), code=1).stderr
    assert not os.path.ismount(f"{moor.root}/volumes/bound/_data")
    moor.docker("volume", "create", "-o", "type=none", "-o", "device=/nowhere", "-o", "o=bind", "broken")
    refused = run("--rm", "-v", "broken:/b", code=127).stderr
    assert "error while mounting volume" in refused and "No such file or directory" in refused
    inline = run("--rm", "--mount", "src=inline,dst=/i,volume-opt=type=tmpfs,volume-opt=device=tmpfs,volume-label=a=b",
                 command=sh("busybox grep -c '^tmpfs /i ' /proc/mounts")).stdout
    assert inline == "1\n" and names(moor, "-f", "label=a=b") == ["inline"]


def test_recursive_bind_of_the_local_driver(moor, run, tmp_path):
    """Its end is not that of the host's own mounts, on a machine where everything is shared."""
    host = tmp_path / "host"
    moor.docker("volume", "create", "-o", "type=none", "-o", f"device={host}", "-o", "o=rbind", "bound")
    with mounted(host):
        subprocess.run(["mount", "--make-shared", host], check=True)
        with mounted(host / "below"):
            (host / "below" / "file").write_text("here\n")
            assert run("--rm", "-v", "bound:/b", command=("cat", "/b/below/file")).stdout == "here\n"
            assert os.path.ismount(host / "below") and not os.path.ismount(f"{moor.root}/volumes/bound/_data")


def test_binds(moor, run, tmp_path):
    (tmp_path / "file").write_text("content\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "sock"))
        shown = run("--rm", "-v", f"{tmp_path}/file:/deep/in/file", "-v", f"{tmp_path}/sock:/sock", "-v",
                    "/dev/zero:/zero", command=sh("cat /deep/in/file; test -S /sock && test -c /zero && echo both")).stdout
    assert shown == "content\nboth\n"
    run("--rm", "-v", f"{tmp_path}/made/deep:/x:z", command=("touch", "/x/y"))
    assert (tmp_path / "made/deep/y").exists() and os.stat(tmp_path / "made/deep").st_mode & 0o777 == 0o755
    with mounted(str(tmp_path / "top/below")):
        top = f"{tmp_path}/top"
        write = sh("touch /s/below/x && echo below; touch /s/y && echo top")
        assert run("--rm", "-v", f"{top}:/s", command=write).stdout == "below\ntop\n"
        assert run("--rm", "-v", f"{top}:/s:ro", command=write, code=1).stdout == ""
        spec = f"type=bind,src={top},dst=/s,"
        assert run("--rm", "--mount", spec + "ro,bind-recursive=writable", command=write, code=1).stdout == "below\n"
        assert run("--rm", "--mount", spec + "bind-recursive=disabled", command=("ls", "/s/below")).stdout == ""
        assert run("--rm", "--mount", f'type=bind,"src={top}",dst=/s,readonly=false', command=write).stdout == "below\ntop\n"


def test_a_part_of_a_volume(moor, busybox, run, tmp_path):
    """The part is found in the volume alone, whatever links somebody puts there."""
    run("--rm", "-v", "vol:/v", command=sh("mkdir /v/part; echo in > /v/part/f; busybox ln -s /etc /v/evil; "
                                           "busybox ln -s ../../../../../../etc /v/up"))
    assert run("--rm", "--mount", "src=vol,dst=/p,volume-subpath=part", command=("cat", "/p/f")).stdout == "in\n"
    assert run("--rm", "--mount", "src=vol,dst=/p,volume-subpath=part/f", command=("cat", "/p")).stdout == "in\n"
    for path, code, why in (("none", 127, "cannot access path"), ("evil", 125, "escapes the base directory"), ("up", 125, "escapes the base"),
                            ("../..", 125, "subpath must be a relative path within the volume")):
        assert why in run("--rm", "--mount", f"src=vol,dst=/p,volume-subpath={path}", code=code).stderr
    for name, path in ("still", "part"), ("led", "evil"):
        moor.docker("create", "--name", name, "--mount", f"src=vol,dst=/tmp,volume-subpath={path}", busybox, "true")
    moor.docker("cp", "still:/tmp/f", tmp_path / "out")  # of one that does not run, too
    assert (tmp_path / "out").read_text() == "in\n"
    assert "Could not find" in moor.docker("cp", "led:/tmp/hostname", tmp_path / "out", code=1).stderr


def test_image_as_a_mount(moor, busybox, run, tmp_path):
    """Read-only and alone, or a part of it that no link leads out of; held like the image of the container itself."""
    layer = tar_bytes([("etc", None), ("etc/f", b"in\n"), ("etc/part", None), ("etc/part/p", b"part\n"), ("gone", b""), ("out", ("link", "/etc"))])
    moor.docker("load", "-i", Image([layer, tar_bytes([("etc/g", b"above\n"), (".wh.gone", b"")])]).save(tmp_path / "i.tar", "data:1"))
    id = moor.docker("inspect", "-f", "{{.Id}}", "data:1").stdout.strip()
    done = run("--name", "c", "--mount", "type=image,src=data:1,dst=/image", command=sh("ls -A /image /image/etc; cat /image/etc/f; echo x > /image/x"), code=1)
    assert done.stdout.split() == ["/image:", "etc", "out", "/image/etc:", "f", "g", "part", "in"] and "Read-only file system" in done.stderr
    told = json.loads(moor.docker("inspect", "c").stdout)[0]
    assert told["HostConfig"]["Mounts"] == [{"Type": "image", "Source": "data:1", "Target": "/image", "ReadOnly": True}]
    assert [told["Mounts"][0][name] for name in ("Type", "Name", "Source", "RW")] == ["image", "data:1", id, False]
    assert "is using its referenced image" in moor.docker("rmi", "data:1", code=1).stderr
    moor.docker("rmi", "-f", "data:1")
    assert moor.docker("start", "-a", "c", code=1).stdout == done.stdout
    moor.docker("tag", id, "data:1")
    os.makedirs(tmp_path / "data:1/etc")  # no place of the caller's, whatever the image is called
    (tmp_path / "data:1/etc/f").write_text("the caller's\n")
    assert "\nin\n" in moor.docker("cp", "c:/image/etc/f", "-", cwd=tmp_path).stdout.replace("\0", "\n")
    (tmp_path / "x").write_text("x")
    assert "read-only" in moor.docker("cp", tmp_path / "x", "c:/image/x", code=1).stderr
    moor.docker("rm", "c")
    part = "type=image,src=data:1,dst=/image,image-subpath="
    assert run("--rm", "--mount", part + "etc/part", command=("ls", "/image")).stdout == "p\n"
    assert run("--rm", "--mount", part + "etc/f", command=("cat", "/image")).stdout == "in\n"
    assert "escapes the base directory" in run("--rm", "--mount", part + "out", code=125).stderr
    assert "cannot access path" in run("--rm", "--mount", part + "gone", code=127).stderr
    moor.docker("rmi", "data:1")


def test_propagation(moor, run, tmp_path):
    """What the host mounts later arrives with rslave, and does not without."""
    shared = str(tmp_path / "shared")
    with mounted(shared):
        subprocess.run(["mount", "--make-shared", shared], check=True)
        os.mkdir(f"{shared}/later")
        for mode in ("rslave", "rprivate"):
            run("-d", "--name", mode, "-v", f"{shared}:/s:{mode}", command=("sleep", "600"))
        with mounted(f"{shared}/later"):
            (tmp_path / "shared/later/f").write_text("seen\n")
            for mode, seen in (("rslave", 0), ("rprivate", 1)):
                moor.docker("exec", mode, "test", "-f", "/s/later/f", code=seen)
        moor.docker("rm", "-f", "rslave", "rprivate")


def test_propagation_back(moor, run, tmp_path):
    """What the container mounts is there for the host with rshared, and stays; nothing else is passed on."""
    shared, plain = str(tmp_path / "shared"), str(tmp_path / "plain")
    with mounted(shared), mounted(plain):
        subprocess.run(["mount", "--make-shared", shared], check=True)
        subprocess.run(["mount", "--make-private", plain], check=True)
        before = leftovers.mounts()
        for mode in ("rshared", "rslave", "rprivate"):
            run("--rm", "--privileged", "-v", f"{shared}:/s:{mode}", "-v", "/:/host", "--mount",
                f"type=bind,src={shared},dst=/again,bind-propagation={mode}",
                command=sh(f"mkdir /s/{mode} && busybox mount -t tmpfs t /s/{mode} && echo seen > /s/{mode}/f"))
        assert leftovers.mounts() - before == {f"mount {shared}/rshared"}
        assert (tmp_path / "shared/rshared/f").read_text() == "seen\n"
        # A second one holds what is below, and lets go of it without the host's noticing.
        assert run("--rm", "-v", f"{shared}:/s:rshared", command=("cat", "/s/rshared/f")).stdout == "seen\n"
        (tmp_path / "shared/file").write_text("a file\n")
        assert run("--rm", "-v", f"{shared}/file:/f:shared", command=("cat", "/f")).stdout == "a file\n"
        assert (tmp_path / "shared/rshared/f").read_text() == "seen\n"
        subprocess.run(["umount", f"{shared}/rshared"], check=True)
        for mode, word in (("rshared", "shared"), ("shared", "shared"), ("slave", "shared or slave")):
            refused = run("--rm", "-v", f"{plain}/new:/s:{mode}", code=125).stderr
            assert f"path {plain}/new is mounted on {plain} but it is not a {word} mount" in refused
        assert leftovers.mounts() == before


@pytest.mark.parametrize("spec, why", [
    ("foo=1,dst=/x", "unexpected key 'foo' in 'foo=1'"), ("src=/tmp", "target is required"),
    ("type=bogus,dst=/x", "invalid mount config for type \"bogus\": mount type unknown"), ("type=bind,dst=/x", "field Source must not be empty"),
    ("type=tmpfs,dst=/x,tmpfs-size=zz", "invalid value for tmpfs-size: zz"),
    ("type=tmpfs,dst=/x,tmpfs-mode=9", "invalid value for tmpfs-mode: 9"),
    ("type=tmpfs,src=/a,dst=/x", "field Source must not be specified"),
    ("type=bind,src=/tmp,dst=/x,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"),
    ("dst=/x,bind-propagation=rslave", "cannot mix 'bind-*' options with mount type 'volume'"),
    ("type=bind,src=/tmp,dst=/x,bind-propagation=bogus", "invalid value for bind-propagation: bogus"),
    ("type=bind,src=/tmp,dst=/x,bind-recursive=readonly", "option 'bind-recursive=readonly' requires 'readonly' to be"),
    ("type=bind,src=/tmp,dst=/x,bind-recursive=writable", "option 'bind-recursive=writable' requires 'readonly' to be"),
    ("type=bind,src=/tmp,dst=/x,bind-recursive=readonly,ro", "requires 'bind-propagation=rprivate' to be"),
    ("type=bind,src=/nofile,dst=/x", "bind source path does not exist: /nofile"),
    ("dst=/x,volume-driver=bogus", 'plugin "bogus" not found'), ("dst=/x,ro=maybe", "invalid value for ro: maybe"),
])
def test_refused_mounts(run, spec, why):
    assert why in run("--rm", "--mount", spec, code=125).stderr


def test_one_place_twice(moor, busybox, run, tmp_path):
    """A volume without a source gives way to whatever else is there; --tmpfs hides what --mount or --volumes-from has; else it is refused."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "seen").write_text("")
    moor.docker("create", "--name", "other", "-v", "kept:/t", busybox)
    bind, long, tmpfs = f"-v={source}:/t", f"--mount=type=bind,src={source},dst=/t", "--tmpfs=/t:size=1m"
    told = "{{range .Mounts}}{{.Type}} {{end}}{{json .HostConfig.Binds}}{{len .HostConfig.Mounts}}{{len .HostConfig.Tmpfs}}{{json .Config.Volumes}}"
    declared = '{"/t":{}}'
    for first, second, seen, inspected in [
            (bind, "-v=/t", "seen", f'bind ["{source}:/t"]00{declared}'), (long, "-v=/t", "seen", f"bind null10{declared}"),
            ("-v=/t", "-v=/t", "", f"volume null00{declared}"), (tmpfs, "-v=/t", "", f"null01{declared}"),
            (tmpfs, long, "", "bind null11null"), ("--volumes-from=other", tmpfs, "", "volume null01null"),
            ("--volumes-from=other", "-v=/t", "", f"volume null00{declared}")]:
        for options in ((first, second), (second, first)):
            assert run("--name", "c", *options, command=("ls", "/t")).stdout.split() == seen.split(), options
            assert moor.docker("inspect", "-f", told, "c").stdout.strip() == inspected, options
            assert moor.docker("cp", "c:/t", "-", text=False).stdout.count(b"t/seen") == bool(seen), options
            moor.docker("rm", "-v", "c")
    for options in [(bind, tmpfs), (bind, long), (long, "--mount=dst=/t"), (bind, "-v=kept:/t")]:
        assert "Duplicate mount point: /t" in run(*options, code=125).stderr, options
    assert names(moor) == ["kept"]


def test_refused_modes(moor, busybox):
    """Of each kind of mode one at most, and none that the kind of mount has no use for."""
    mixed = "invalid volume specification: '{}': invalid mount config for type"
    for spec, why in [("/tmp:/x:ro,rw", "invalid mode: ro,rw"), ("vv:/x:ro,ro", "invalid mode: ro,ro"), ("vv:/x:z,Z", "invalid mode: z,Z"),
                      ("/tmp:/x:ro,rshared,rslave", "invalid mode: ro,rshared,rslave"), ("vv:/x:,ro", "invalid mode: ,ro"),
                      ("/tmp:/x:nocopy", mixed), ("vv:/x:shared", mixed), ("vv:/x:ro,rprivate", mixed), ("", "invalid empty volume spec")]:
        assert why.format(spec) in moor.docker("create", "-v", spec, busybox, code=None).stderr, spec
    moor.docker("create", "--mount", "type=TMPFS,dst=/x", "-p", "80/", busybox)
    for spec in ("/tmp:/x:slave,Z,ro", "vv:/x:nocopy,z,rw,cached"):
        moor.docker("create", "-v", spec, busybox)
