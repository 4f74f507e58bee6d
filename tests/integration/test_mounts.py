# SPDX-License-Identifier: Apache-2.0
"""The container's mounts and devices: what config.json can say about them, seen from inside."""

import os
import stat
import subprocess

import pytest

import bundle as bundles
import world
from attack import with_user_namespace, without_mounts
from bundle import PROGRAM, QUIET

MAPS = [{"containerID": 0, "hostID": 100000, "size": 65536}]


@pytest.fixture
def source(bundle):
    """A directory of the host with a file of user 1000's."""
    path = os.path.join(bundle.path, "source")
    os.mkdir(path)
    with open(os.path.join(path, "file"), "w") as file:
        file.write("content")
    os.chown(os.path.join(path, "file"), 1000, 1000)
    return path


def add_mount(bundle, destination, *options, **more):
    bundle.config["mounts"].append({"destination": destination, "options": list(options), **more})


def options_of(bundle, path):
    """The options of the mount at a path, as the kernel tells the container."""
    lines = [line.split() for line in bundle.sh("cat /proc/self/mountinfo").splitlines()]
    return [fields[5].split(",") for fields in lines if fields[4] == path][-1]


# -- ids ---------------------------------------------------------------------------------------------------

def test_idmap_with_maps_of_its_own(bundle, source):
    mapping = [{"containerID": 1000, "hostID": 5000, "size": 1}]
    add_mount(bundle, "/mapped", "bind", source=source, uidMappings=mapping, gidMappings=mapping)
    add_mount(bundle, "/plain", "bind", source=source)
    assert bundle.sh("stat -c %u:%g /mapped/file /plain/file") == "5000:5000\n1000:1000\n"


def test_idmap_in_an_option(bundle, source):
    """As crun takes it and podman passes it on: "@" counts from the container's user namespace."""
    with_user_namespace(bundle)
    os.chown(os.path.join(source, "file"), 1, 2)
    for path, maps in (("/a", "uids=0-100000-10;gids=0-100003-1#2-100100-10"), ("/b", "gids=+0-100000-5;uids=@1-3-10"),
                       ("/c", "uids=5-100000-5;gids=0-5-10")):
        add_mount(bundle, path, "bind", "idmap=" + maps, source=source)
    add_mount(bundle, "/d", "rbind", "ridmap=uids=1-100004-1;gids=2-100006-1", source=source)
    assert bundle.sh("stat -c %u:%g /a/file /b/file /c/file /d/file").split() == ["1:100", "3:2", "65534:65534", "4:6"]


@pytest.mark.parametrize("option", ["idmap", "ridmap"])
def test_idmap_as_the_container(bundle, source, option):
    with_user_namespace(bundle)
    add_mount(bundle, "/mapped", "rbind", option, source=source)
    add_mount(bundle, "/plain", "rbind", source=source)
    assert bundle.sh("stat -c %u /mapped/file /plain/file; touch /mapped/new") == "1000\n65534\n"
    assert os.stat(os.path.join(source, "new")).st_uid == 0


def test_recursive_idmap_reaches_what_is_below(bundle, source):
    mapping = [{"containerID": 0, "hostID": 5000, "size": 1}]
    below = os.path.join(source, "below")
    with world.mounted(below, "ext4"):  # tmpfs can have its ids mapped since Linux 6.3
        for option, wanted in (("idmap", "0\n"), ("ridmap", "5000\n")):
            bundle.config["mounts"] = bundle.config["mounts"][:7]
            add_mount(bundle, "/mapped", "rbind", option, source=source, uidMappings=mapping, gidMappings=mapping)
            assert bundle.sh("stat -c %u /mapped/below") == wanted


def test_idmap_that_the_file_system_cannot(bundle):
    add_mount(bundle, "/mapped", "bind", source="/sys/kernel", uidMappings=MAPS, gidMappings=MAPS)
    result = bundle.runc("run", code=1)
    assert "failed to set MOUNT_ATTR_IDMAP on /sys/kernel (maybe the filesystem used doesn't support" in result.stderr
    assert result.stderr.count("\n") == 1


# -- sources ------------------------------------------------------------------------------------------------

def test_source_behind_a_closed_directory(bundle, source):
    """The container's user cannot reach it, nor can root without its rights; the caller can."""
    with_user_namespace(bundle)
    closed = os.path.join(bundle.path, "closed")
    os.mkdir(closed, 0o700)
    os.rename(source, os.path.join(closed, "source"))
    os.chown(closed, 1234, 1234)
    for path in ("source", "source/file"):
        add_mount(bundle, "/" + path, "bind", source="closed/" + path)
    os.symlink(os.path.join(closed, "source"), os.path.join(bundle.path, "link"))
    os.chmod(os.path.join(closed, "source"), 0o755)
    os.chmod(os.path.join(closed, "source", "file"), 0o644)
    add_mount(bundle, "/link", "bind", source=os.path.join(bundle.path, "link"))
    assert bundle.sh("cat /source/file; cat /link/file") == "contentcontent"


def test_missing_source_behind_a_closed_directory(bundle):
    with_user_namespace(bundle)
    closed = os.path.join(bundle.path, "closed")
    os.mkdir(closed, 0o700)
    os.chown(closed, 1234, 1234)
    add_mount(bundle, "/x", "bind", source=closed + "/missing")
    result = bundle.runc("run", code=1)
    assert closed + "/missing" in result.stderr and "no such file or directory" in result.stderr.lower()


def test_source_is_what_was_mounted_before(bundle, source):
    """Below the root itself, and with the root's path in front of a destination, as runc allows it."""
    add_mount(bundle, bundle.rootfs + "/first", "bind", source=source)
    add_mount(bundle, "/second", "bind", source=bundle.rootfs + "/first")
    add_mount(bundle, "third//../third", "bind", source="rootfs/second")
    assert bundle.sh("cat /first/file /second/file /third/file") == "content" * 3


def test_links_to_what_is_not_there_yet(bundle, source):
    """As images have them in place of /etc/resolv.conf: what they name is made, below the root."""
    outside = os.path.join(bundle.path, "outside")
    for link, target in (("etc/file", "../run/deep/file"), ("jump", outside), ("etc/dir", "/jump/dir"), ("loop", "loop")):
        os.symlink(target, os.path.join(bundle.rootfs, link))
    add_mount(bundle, "/etc/file", "bind", source=os.path.join(source, "file"))
    add_mount(bundle, "/etc/dir", "bind", source=source)
    assert bundle.sh(f"cat /etc/file /run/deep/file /etc/dir/file {outside}/dir/file") == "content" * 4
    assert not os.path.exists(outside) and os.path.isdir(bundle.rootfs + outside)
    add_mount(bundle, "/loop/x", "bind", source=source)
    stderr = bundle.runc("run", code=1).stderr
    assert "unable to start container process: error during container init: error mounting" in stderr
    assert "symbolic links" in stderr


# -- options -------------------------------------------------------------------------------------------------

def test_options_of_binds(bundle):
    """Options given are all there are; without any the source's remain; access times are kept apart."""
    directory = os.path.join(bundle.path, "disk")
    with world.mounted(directory):
        subprocess.run(["mount", "-o", "remount,bind,ro,noexec,noatime", directory], check=True)
        for number, (options, wanted, unwanted) in enumerate((
                (["bind"], {"ro", "noexec", "noatime"}, set()),
                (["rbind", "rw"], {"rw", "noatime"}, {"ro", "noexec"}),
                (["bind", "nosuid"], {"rw", "nosuid", "noatime"}, {"noexec"}),
                (["bind", "ro", "relatime"], {"ro", "relatime"}, {"noatime", "noexec"}),
                (["bind", "atime", "diratime", "norelatime"], {"rw", "noatime"}, {"relatime", "noexec"}),
                (["bind", "nodiratime", "strictatime", "nosymfollow"], {"rw", "nodiratime", "nosymfollow"},
                 {"noatime", "relatime"}))):
            add_mount(bundle, f"/bound{number}", *options, source=directory)
            found = set(options_of(bundle, f"/bound{number}"))
            assert wanted <= found and not unwanted & found, options


def test_locked_options_of_binds(bundle):
    """What is locked in a user namespace stays, unless the config says that it must not."""
    with_user_namespace(bundle)
    directory = os.path.join(bundle.path, "disk")
    with world.mounted(directory):
        subprocess.run(["mount", "-o", "remount,bind,ro,nodev,noatime,nosymfollow", directory], check=True)
        add_mount(bundle, "/bound", "bind", "nosuid", source=directory)
        options = set(options_of(bundle, "/bound"))
        assert {"ro", "nodev", "nosuid", "noatime"} <= options and "nosymfollow" not in options
        assert "read-only" in bundle.sh("mount -o remount,bind,rw /bound 2>&1; touch /bound/x 2>&1; true").lower()
        for option in ("rw", "dev", "strictatime"):
            bundle.config["mounts"][-1]["options"] = ["bind", option]
            assert "operation not permitted" in bundle.runc("run", code=1).stderr.lower()


@pytest.mark.parametrize("option,wanted", [
    ("rro", "ro"), ("rnosuid", "nosuid"), ("rnodev", "nodev"), ("rnoexec", "noexec"), ("rnoatime", "noatime"),
    ("rnodiratime", "nodiratime"), ("rrelatime", "relatime"), ("rnosymfollow", "nosymfollow"), ("rstrictatime", None)])
def test_recursive_options(bundle, source, option, wanted):
    below = os.path.join(source, "below")
    with world.mounted(below):
        add_mount(bundle, "/bound", "rbind", option, source=source)
        for path in ("/bound", "/bound/below"):
            found = options_of(bundle, path)
            assert wanted in found if wanted else not {"relatime", "noatime"} & set(found)
        # And back: a later option takes away what an earlier one gave.
        if wanted not in (None, "relatime"):
            bundle.config["mounts"][-1]["options"].append("rrw" if option == "rro" else option.replace("rno", "r"))
            assert wanted not in options_of(bundle, "/bound/below")


def test_readonly_bind_is_not_recursive(bundle, source):
    with world.mounted(os.path.join(source, "below")):
        add_mount(bundle, "/bound", "rbind", "ro", source=source)
        assert bundle.sh("touch /bound/x 2>/dev/null || echo refused; touch /bound/below/x && echo made") == \
            "refused\nmade\n"


def test_remount(bundle, source):
    add_mount(bundle, "/bound", "bind", source=source)
    add_mount(bundle, "/bound", "bind", "remount", "ro", "noexec", source=source)
    assert {"ro", "noexec"} <= set(options_of(bundle, "/bound"))


PROPAGATIONS = ["private", "rprivate", "slave", "rslave", "shared", "rshared", "unbindable", "runbindable"]


@pytest.mark.parametrize("name", PROPAGATIONS)
def test_root_propagation(bundle, name):
    """On a machine where everything is shared, as systemd makes it; none of its mounts may come or go."""
    bundle.config["linux"]["rootfsPropagation"] = name
    bundle.config["process"]["args"] = ["cat", "/proc/self/mountinfo"]
    bundle.write()
    before, after = (os.path.join(bundle.path, name) for name in ("before", "after"))
    output = bundle.moor.run(
        "unshare", "--mount", "--propagation", "private", "sh", "-ec",
        f"mount --make-rshared /; cat /proc/self/mountinfo >{before}; "
        f"{PROGRAM} --root {bundle.moor.run_dir}/runc run --bundle {bundle.path} {bundle.id}; "
        f"cat /proc/self/mountinfo >{after}").stdout
    root = [line.split(" - ")[0].split()[6:] for line in output.splitlines() if line.split()[4] == "/"][-1]
    kind = name[1:] if name.startswith("r") else name
    assert [tag.split(":")[0] for tag in root] == {"private": [], "slave": ["master"]}.get(kind, [kind])
    with open(before) as first, open(after) as second:
        assert first.read() == second.read()


@pytest.mark.parametrize("option", PROPAGATIONS)
def test_propagation_of_mounts(bundle, source, option):
    add_mount(bundle, "/bound", "rbind", option, source=source)
    add_mount(bundle, "/temporary", option, type="tmpfs")
    bundle.config["process"]["args"] = ["cat", "/proc/self/mountinfo"]
    bundle.write()
    output = bundle.moor.run(
        "unshare", "--mount", "--propagation", "private", PROGRAM, "--root", bundle.moor.run_dir + "/runc",
        "run", "--bundle", bundle.path, bundle.id).stdout  # the machine's own may be shared, or not
    lines = [line.split() for line in output.splitlines()]
    tags = {fields[4]: [field.split(":")[0] for field in fields[6:fields.index("-")]] for fields in lines}
    wanted = [option.lstrip("r")] if option.endswith(("shared", "bindable")) else []
    assert tags["/bound"] == wanted and tags["/temporary"] == wanted


def run_where_all_is_shared(bundle, *commands):
    """In a mount namespace of its own, like a machine's with systemd."""
    bundle.write()
    run = f"{PROGRAM} --root {bundle.moor.run_dir}/runc run --bundle {bundle.path} {bundle.id}"
    script = "; ".join(["mount --make-rshared /", *commands]).format(run=run)
    return bundle.moor.run("unshare", "--mount", "--propagation", "private", "sh", "-ec", script)


@pytest.mark.parametrize("who", ["admin", "ambient", "user", "filtered", "confined", "user namespace"])
def test_link_into_what_is_shared(bundle, source, who):
    """An image's link does not say what is mounted for the host; but whoever may mount there anyway is not refused
    (a privileged pod with /run, of an image with /var/run -> /run).
    """
    os.symlink("/host", os.path.join(bundle.rootfs, "led"))
    add_mount(bundle, "/host", "rbind", "rshared", source=source)
    add_mount(bundle, "/led/x", type="tmpfs", source="tmpfs")
    bundle.config["linux"]["rootfsPropagation"] = "rshared"
    bundle.config["process"]["args"] = ["sh", "-c", "echo here > /led/x/a; cat /host/x/a"]
    if who == "user namespace":
        with_user_namespace(bundle)
    else:
        caps = ["CAP_SYS_ADMIN"] if who != "confined" else []
        names = ["bounding", "effective", "permitted"] + (["inheritable", "ambient"] if who == "ambient" else [])
        bundle.config["process"]["capabilities"] = {name: caps for name in names}
    if who in ("ambient", "user"):
        bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    if who == "filtered":
        bundle.config["linux"]["seccomp"] = bundles.SECCOMP
    make = f"mount -t tmpfs tmpfs {source}; mkdir -m 777 {source}/x"
    count = f"grep -c ' {source}/x ' /proc/self/mountinfo || true"
    is_led = who in ("admin", "ambient", "user namespace")
    done = run_where_all_is_shared(bundle, make, "{run}" if is_led else "! {run}", count)
    assert done.stdout.split() == (["here"] if is_led else []) + ["1" if who in ("admin", "ambient") else "0"]
    refusal = 'a link leads "/led/x" into "/host", which is shared with the host'
    assert (refusal in done.stderr) != is_led


# -- the caller's mount namespace -------------------------------------------------------------------------------

@pytest.fixture
def unspaced(bundle):
    """A bundle that says nothing of namespaces: the container is in all of its caller's."""
    bundle.config["linux"] = {"namespaces": []}
    del bundle.config["hostname"]
    return bundle


def mounts_below(path):
    with open("/proc/self/mountinfo") as lines:
        return [line for line in lines if line.split()[4].startswith(path)]


def test_without_namespaces(unspaced):
    moor, rootfs = unspaced.moor, unspaced.rootfs
    with open("/proc/self/mountinfo") as lines:
        top = lines.readline()
    pid = unspaced.create("sleep", "1000")
    for kind in os.listdir("/proc/self/ns"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}"), kind
    made = [line.split(" - ")[0].split() for line in mounts_below(rootfs)]
    assert [rootfs + name in [fields[4] for fields in made] for name in ("", "/proc", "/dev/pts")] == [True] * 3
    assert all(len(fields) == 6 for fields in made), "something is shared"
    moor.runc("start", unspaced.id)
    shown = moor.runc("exec", unspaced.id, "sh", "-c", "ls /; cd ..; pwd; echo /../etc/*").stdout.split()
    assert shown == [*sorted(os.listdir(rootfs)), "/", "/../etc/passwd"]
    moor.runc("delete", "--force", unspaced.id)
    with open("/proc/self/mountinfo") as lines:
        assert lines.readline() == top and mounts_below(rootfs) == []
    unspaced.create("sleep", "1000")
    state = os.path.join(moor.run_dir, "runc", unspaced.id, "state.json")
    os.truncate(state, os.path.getsize(state) - 1)
    moor.runc("delete", "--force", unspaced.id)
    assert mounts_below(rootfs) == []
    unspaced.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    unspaced.runc("create", code=1, **QUIET)
    assert mounts_below(rootfs) == []


def test_without_namespaces_on_a_shared_tree(unspaced):
    """The first mount is passed on; those below are the container's."""
    unspaced.config["process"]["args"] = ["readlink", "/proc/self/root"]
    copies = [os.path.join(unspaced.path, name) for name in ("before", "meanwhile", "after")]
    note = "cat /proc/self/mountinfo > "
    unspaced.config["hooks"] = {"poststart": [{"path": "/bin/sh", "args": ["sh", "-c", note + copies[1]]}]}
    done = run_where_all_is_shared(unspaced, note + copies[0], "{run}", note + copies[2])
    before, meanwhile, after = (open(path).read() for path in copies)
    assert done.stdout == "/\n" and before == after and unspaced.rootfs + "/proc " in meanwhile


@pytest.mark.parametrize("end", ["run", "delete", "damaged", "failed"])
def test_without_namespaces_and_the_hosts_mounts(unspaced, source, end):
    """A root that shares the host's mounts (a node agent's /host) goes without them, and without what came later."""
    add_mount(unspaced, "/host", "rbind", "rshared", source="/")
    unspaced.config["process"]["args"] = ["ls", f"/host{source}/sub"]
    later = f"mkdir {source}/later; mount -t tmpfs tmpfs {source}/later; exit {int(end == 'failed')}"
    unspaced.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", later],
                                                   "env": ["PATH=" + os.environ["PATH"]]}]}
    make = f"mount -t tmpfs tmpfs {source}; mkdir {source}/sub; mount -t tmpfs tmpfs {source}/sub; echo >{source}/sub/here"
    runc = f"{PROGRAM} --root {unspaced.moor.run_dir}/runc"
    create = f"{runc} create --bundle {unspaced.path} {unspaced.id} </dev/null >/dev/null 2>&1"
    damage = f"truncate --size -1 {unspaced.moor.run_dir}/runc/{unspaced.id}/state.json"
    delete = f"{runc} delete --force {unspaced.id}"
    steps = {"run": ["{run}"], "delete": [create, delete], "damaged": [create, damage, delete], "failed": ["! " + create]}
    note = f"cat /proc/self/mountinfo >{unspaced.path}/"
    run_where_all_is_shared(unspaced, make, note + "before", *steps[end], note + "after")
    before, after = (set(open(os.path.join(unspaced.path, name))) for name in ("before", "after"))
    assert before <= after and [line.split()[4] for line in after - before] == [source + "/later"]


def test_without_namespaces_and_unmounted_by_others(unspaced):
    """What lies at its place by then is not the container's."""
    unspaced.create("sleep", "1000")
    subprocess.run(["umount", "--lazy", unspaced.rootfs], check=True)
    with world.mounted(unspaced.rootfs):
        unspaced.moor.runc("start", unspaced.id)
        refused = unspaced.moor.runc("exec", unspaced.id, "true", code=255).stderr
        assert f"{unspaced.rootfs} is not mounted any more" in refused
        unspaced.moor.runc("delete", "--force", unspaced.id)
        assert len(mounts_below(unspaced.rootfs)) == 1


# -- new file systems -------------------------------------------------------------------------------------------

def test_tmpcopyup(bundle, source):
    data = os.path.join(bundle.rootfs, "data")
    os.makedirs(os.path.join(data, "deep"), 0o750)
    os.chmod(data, 0o2751)
    os.symlink("/etc/shadow", os.path.join(data, "link"))
    with open(os.path.join(data, "deep", "file"), "w") as file:
        file.write("text")
    os.chown(os.path.join(data, "deep", "file"), 7, 8)
    add_mount(bundle, "/data", "tmpcopyup", "ro", "size=1m", type="tmpfs", source="tmpfs")
    assert bundle.sh("stat -c %a /data; cat /data/deep/file; stat -c ' %u:%g' /data/deep/file; readlink /data/link; "
                     "touch /data/x 2>/dev/null || echo refused") == "2751\ntext 7:8\n/etc/shadow\nrefused\n"
    with open(os.path.join(data, "large"), "wb") as file:
        file.truncate(0)
        file.write(b"x" * (2 << 20))
    result = bundle.runc("run", code=1)
    assert "tmpcopyup" in result.stderr and "no space left" in result.stderr.lower()


def test_tmpfs_takes_the_mode_of_what_it_covers(bundle):
    os.chmod(os.path.join(bundle.rootfs, "tmp"), 0o1777)
    add_mount(bundle, "/tmp", type="tmpfs", source="tmpfs")
    add_mount(bundle, "/with", "mode=711", type="tmpfs", source="tmpfs")
    assert bundle.sh("stat -c %a /tmp /with") == "1777\n711\n"


@pytest.mark.parametrize("is_root", [True, False])
def test_root_as_readonly_path(bundle, is_root):
    bundle.config["linux"]["readonlyPaths"] = ["/." if is_root else "/tmp"]
    assert bundle.sh("touch /etc/x 2>/dev/null && echo etc; touch /tmp/x 2>/dev/null && echo tmp; touch /dev/x; true") \
        == ("" if is_root else "etc\n")


def test_paths_that_are_not_there(bundle):
    bundle.config["linux"]["readonlyPaths"] = ["/missing", "/etc/passwd/below"]
    bundle.config["linux"]["maskedPaths"] = ["/missing", "/etc/passwd/below"]
    assert bundle.sh("echo good") == "good\n"
    bundle.config["linux"]["maskedPaths"] = ["/.."]
    assert "the root itself cannot be masked" in bundle.runc("run", code=1).stderr


def test_cgroup_namespace(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    output = bundle.sh("cat /proc/self/cgroup /proc/self/mountinfo; touch /sys/fs/cgroup/x 2>&1; true")
    found = [line.split()[5] for line in output.splitlines() if " /sys/fs/cgroup" in line and " - " in line]
    assert f"/{bundle.id}\n" not in output.split(" - ")[0] and "Read-only file system" in output
    assert found and all(options.startswith("ro,") for options in found)


# -- without pivot_root -------------------------------------------------------------------------------------------

def test_no_pivot(bundle):
    """No procfs or sysfs of the host stays behind: the kernel lets a user namespace mount a new one only
    where a whole one can be seen."""
    bundle.config["process"]["capabilities"] = {
        name: bundles.CAPABILITIES + ["CAP_SYS_ADMIN"] for name in ("bounding", "effective", "permitted")}
    os.symlink("busybox", os.path.join(bundle.rootfs, "bin", "unshare"))
    script = "ls /; unshare -mrpf mount -t proc proc /proc 2>&1 && echo escaped; true"
    for arguments in ([], ["--no-pivot"]):
        output = bundle.sh(script, *arguments)
        assert output.startswith("bin\ndev\netc\nproc\n") and "escaped" not in output
    bundle.config["linux"]["rootfsPropagation"] = "rprivate"
    assert "not safe without pivot_root" in bundle.runc("run", "--no-pivot", code=1).stderr


# -- devices --------------------------------------------------------------------------------------------------------

DEVICE = {"path": "/dev/extra", "type": "c", "major": 10, "minor": 200}


def test_devices(bundle):
    bundle.config["linux"]["devices"] = [
        {**DEVICE, "fileMode": 0o100640, "uid": 5, "gid": 6},
        {"path": "/dev/deep/pipe", "type": "p", "major": 1, "minor": 2, "fileMode": 0o622},
        {"path": "/dev/../dev/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o600}]
    assert bundle.sh("stat -c '%a %u:%g %t:%T %F' /dev/extra /dev/deep/pipe /dev/zero /dev/null") == (
        "640 5:6 a:c8 character special file\n622 0:0 0:0 fifo\n600 0:0 1:5 character special file\n"
        "666 0:0 1:3 character special file\n")


@pytest.mark.parametrize("is_user", [False, True])
def test_devices_of_the_image(bundle, is_user):
    """Without a mount on /dev: the same device may stay, another one may not, and no file is opened."""
    without_mounts(bundle, "/dev")
    os.mknod(os.path.join(bundle.rootfs, "dev", "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    if is_user:
        with_user_namespace(bundle)
    assert bundle.sh("echo x >/dev/null; stat -c %t:%T /dev/null /dev/full") == "1:3\n1:7\n"
    os.unlink(os.path.join(bundle.rootfs, "dev", "full"))
    os.mkfifo(os.path.join(bundle.rootfs, "dev", "full"))
    result = bundle.runc("run", code=1, timeout=20)
    assert "/dev/full exists in the image and is not the device it should be" in result.stderr


# -- older kernels ----------------------------------------------------------------------------------------------------

@pytest.mark.static
@pytest.mark.parametrize("call", ["mount_setattr", "openat2", "close_range", "clone3"])
def test_without_a_system_call(bundle, source, call):
    """Linux 5.4 has neither of the first three; a container's filter may hide the last."""
    add_mount(bundle, "/bound", "rbind", "ro", "nosuid", "noexec", "private", source=source)
    add_mount(bundle, "/file", "bind", "ro", source=source + "/file")
    add_mount(bundle, "/data", "ro", "shared", type="tmpfs", source="tmpfs")
    bundle.config["root"]["readonly"] = True
    bundle.config["process"]["args"] = [
        "sh", "-c", "cat /bound/file; for path in /bound/x /file /data/x /etc/x /proc/sys/kernel/hostname "
                    "/sys/fs/cgroup/x; do (: >>$path) 2>/dev/null && echo $path; done; cat /proc/timer_list; "
                    "ls /sys/firmware; ls /proc/self/fd | wc -l"]
    bundle.write()
    command = [PROGRAM, "--root", os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id]
    with open(os.path.join(bundle.path, "leak"), "w") as leak:
        result = bundle.moor.run("strace", "-f", "-o", "/dev/null", "-e", f"inject={call}:error=ENOSYS", *command,
                                 pass_fds=[leak.fileno()])
    assert result.stdout == "content4\n" and result.stderr == ""


@pytest.mark.static
def test_recursive_options_without_mount_setattr(bundle, source):
    add_mount(bundle, "/bound", "rbind", "rro", source=source)
    bundle.write()
    result = bundle.moor.run(
        "strace", "-f", "-o", "/dev/null", "-e", "inject=mount_setattr:error=ENOSYS", PROGRAM, "--root",
        os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id, code=1)
    assert "the recursive options of /bound need Linux 5.12 or later" in result.stderr
