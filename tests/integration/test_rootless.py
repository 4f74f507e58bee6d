# SPDX-License-Identifier: Apache-2.0
"""mooring-runc for callers that are not the machine's root: an ordinary user, root of a user namespace."""

import fcntl
import json
import os
import shutil
import subprocess

import pytest

import attack
import bundle as bundles
import ordinary
from ordinary import COUNT, FIRST, UID
from world import wait_until

IS_V1 = os.path.isdir("/sys/fs/cgroup/memory")
RANGES = [(0, UID, 1), (1, FIRST, COUNT)]


@pytest.fixture
def user():
    with ordinary.user() as user:
        user.map_ids(*RANGES)
        yield user


def namespaces(config, *kinds):
    config["linux"]["namespaces"] = [n for n in config["linux"]["namespaces"] if n["type"] not in kinds]


# -- ids -------------------------------------------------------------------------------------------

def test_many_ids(user):
    """newuidmap and newgidmap map what /etc/subuid and /etc/subgid grant; all of it can be used."""
    user.bundle.config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [5, COUNT]}
    user.bundle.config["mounts"][2]["options"].append("gid=5")
    os.chmod(os.path.join(user.bundle.rootfs, "tmp"), 0o1777)
    out = user.sh("cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -u; id -g; id -G;"
                  "touch /tmp/mine; stat -c %g /dev/pts/ptmx /dev/pts", code=0).split()
    wanted = [str(number) for line in RANGES for number in line]
    assert out[:12] == wanted * 2
    assert out[12:18] == ["allow", "1000", "1001", "1001", "5", str(COUNT)]
    made = os.stat(os.path.join(user.bundle.rootfs, "tmp", "mine"))
    assert (made.st_uid, made.st_gid) == (FIRST + 999, FIRST + 1000)
    os.remove(os.path.join(user.bundle.rootfs, "tmp", "mine"))


def test_own_id_only(user):
    """Takes no helper, and setgroups is given up for it."""
    user.more = "mount --bind /dev/null /usr/bin/newuidmap && mount --bind /dev/null /usr/bin/newgidmap"
    user.map_ids((0, UID, 1))
    out = user.sh("cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups; id -G").split()
    assert out == ["0", str(UID), "1"] * 2 + ["deny", "0"]
    user.bundle.config["process"]["user"]["additionalGids"] = [0]
    refused = user.start("run", code=1).stderr
    assert "cannot set any additional groups in a rootless container" in refused


def test_helper_is_missing(user):
    user.more = "mount --bind /dev/null /usr/bin/newgidmap"
    refused = user.start("run", code=1).stderr
    assert "newgidmap" in refused and "install the package uidmap" in refused
    assert user.left() == []


@pytest.mark.parametrize("ranges, text", [
    ([(0, UID, 1), (1, FIRST, COUNT + 1)], "/etc/subgid"),
    ([(0, UID + 1, 1)], "/etc/subgid"),
    ([(0, 0, 1)], "/etc/subgid"),
])
def test_ids_that_are_not_granted(user, ranges, text):
    user.map_ids(*ranges)
    refused = user.start("run", code=1).stderr
    assert text in refused and "newgidmap refused linux.gidMappings" in refused
    assert "not allowed" in refused  # the helper's own words
    assert refused.count("\n") == 1 and user.left() == []


def change(config, path, value):
    *way, last = path
    for step in way:
        config = config[step]
    config[last] = value


@pytest.mark.parametrize("path, value, text", [
    (["process", "user", "uid"], COUNT + 1, f"process.user.uid: {COUNT + 1} is not mapped"),
    (["process", "user", "gid"], COUNT + 1, f"process.user.gid: {COUNT + 1} is not mapped"),
    (["process", "user", "additionalGids"], [5, COUNT + 1], "process.user.additionalGids"),
    (["mounts", 2, "options"], ["newinstance", f"gid={COUNT + 1}"], f"cannot specify gid={COUNT + 1} mount option"),
    (["mounts", 1, "options"], ["mode=755", f"uid={COUNT + 9},size=1k"], f"cannot specify uid={COUNT + 9} mount"),
    (["linux", "uidMappings"], [], "no uid/gid mappings found"),
    (["linux", "uidMappings", 0, "containerID"], COUNT + 1, "process.user.uid: 0 is not mapped"),
    (["linux", "uidMappings", 0, "size"], 2, "uidMappings[1]: overlaps with mapping 0"),
    (["linux", "gidMappings", 0, "size"], -1, "gidMappings[0]: ids out of range"),
    (["linux", "gidMappings", 0, "hostID"], 2**32, "gidMappings[0]: ids out of range"),
    (["linux", "gidMappings", 0, "size"], 2**32 + 1, "gidMappings[0]: ids out of range"),
])
def test_ids_that_make_no_sense(user, path, value, text):
    change(user.bundle.config, path, value)
    assert text in user.start("run", code=1).stderr
    assert not os.path.exists(user.root) or user.left() == []


@pytest.mark.parametrize("count, text", [(340, "larger than 4095 bytes"), (341, "more than 340 mappings")])
def test_long_maps(moor, bundle, count, text):
    """The kernel takes 340 lines and less than a page: nothing is cut off (CVE-2021-43784)."""
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    for key in ("uidMappings", "gidMappings"):
        bundle.config["linux"][key] = [
            {"containerID": 3000000000 * (i > 0) + 2 * i, "hostID": 3000000000 + 2 * i, "size": 1}
            for i in range(count)]
    assert text in bundle.runc("run", code=1).stderr


def test_full_map(moor, bundle):
    """As many ranges as the kernel takes, in the order of the config."""
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    maps = [{"containerID": 2 * i, "hostID": 2 * i, "size": 1} for i in range(340)]
    bundle.config["linux"].update({"uidMappings": maps, "gidMappings": maps[:1]})
    out = bundle.sh("wc -l < /proc/self/uid_map; head -n 341 /proc/self/uid_map").split()
    assert out == ["340"] + [str(n) for i in range(340) for n in (2 * i, 2 * i, 1)]


NO_ROOT = "id -u; id -g; cat /proc/self/uid_map; grep CapEff /proc/self/status; mkdir /tmp/x; stat -c %u /tmp/x"


def test_no_root_inside(user):
    """The only id is the program's user's: init sets the container up as him."""
    user.map_ids((1000, UID, 1))
    user.bundle.config["process"].update(user={"uid": 1000, "gid": 1000}, capabilities={})
    out = user.sh(NO_ROOT)
    assert out.split() == ["1000", "1000", "1000", str(UID), "1", "CapEff:", "0" * 16, "1000"]


def test_no_root_inside_made_by_root(moor, bundle):
    attack.with_user_namespace(bundle)
    for key in ("uidMappings", "gidMappings"):
        bundle.config["linux"][key] = [{"containerID": 1000, "hostID": 100000, "size": 1}]
    bundle.config["process"].update(user={"uid": 1000, "gid": 1000}, capabilities={})
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.runc("run", "--detach", **bundles.QUIET)
    out = moor.runc("exec", bundle.id, "sh", "-c", NO_ROOT).stdout
    assert out.split() == ["1000", "1000", "1000", "100000", "1", "CapEff:", "0" * 16, "1000"]
    moor.runc("delete", "--force", bundle.id)


# -- what an ordinary user cannot have ---------------------------------------------------------------

def test_needs_user_namespace(user):
    namespaces(user.bundle.config, "user")
    del user.bundle.config["linux"]["uidMappings"], user.bundle.config["linux"]["gidMappings"]
    assert "rootless container requires user namespaces" in user.start("run", code=1).stderr


@pytest.mark.parametrize("change_config, before, text", [
    (lambda linux: linux["resources"].update(memory={"limit": 1 << 26}), [], "unable to apply cgroup configuration: rootless needs no limits"),
    (lambda linux: linux["resources"].update(pids={"limit": 10}), ["--rootless", "true"], "rootless needs no"),
    (lambda linux: linux.update(cgroupsPath="/some/group"), [], "no cgrouppath"),
    (lambda linux: None, ["--rootless=false"], "make cgroup"),
    (lambda linux: None, ["--rootless=maybe"], '"maybe" is none of true, false and auto'),
])
def test_no_rights_to_cgroups(user, change_config, before, text):
    change_config(user.bundle.config["linux"])
    assert text in user.start("run", before=before, code=1).stderr
    assert user.left() == []


def test_without_cgroups(user):
    """Limits that limit nothing do not count; the groups of the host are not shown."""
    user.bundle.config["linux"]["resources"].update({"pids": {"limit": -1}, "memory": {"limit": -1}})
    out = user.sh("echo started; find /sys/fs/cgroup; mkdir /sys/fs/cgroup/x 2>&1", code=1)
    assert out.split("\n")[:2] == ["started", "/sys/fs/cgroup"] and "Read-only" in out


def test_life(user):
    user.env["SECRET"] = "the caller's"
    pid = user.create("sleep", "1000")
    assert user.state()["status"] == "created"
    # Its owner may look into it from now on, but nothing of the caller is there, and nothing leads out.
    seen = user.runc("exec", user.bundle.id, "cat", "/proc/1/environ", "/proc/1/cmdline").stdout
    assert seen.strip("\0") == "mooring-runc init"
    opened = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    directory = os.path.join(user.root, user.bundle.id)
    assert opened == {"/dev/null", f"{directory}/exec.fifo", f"{directory}/exec.result"}
    user.runc("start", user.bundle.id)
    wait_until(lambda: user.state()["status"] == "running", "running")
    assert os.stat(f"/proc/{pid}").st_uid == UID
    user.runc("kill", user.bundle.id, "KILL")
    wait_until(lambda: user.state()["status"] == "stopped", "stopped")
    user.runc("delete", user.bundle.id)
    assert user.left() == []


def test_oom_score_stays(user):
    """To lower it takes the machine's root; the container starts all the same."""
    user.bundle.config["process"]["oomScoreAdj"] = -500
    assert user.sh("cat /proc/self/oom_score_adj") == "0\n"


def test_limits_can_only_be_lowered(user):
    limits = user.bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 128}]
    assert user.sh("ulimit -n; ulimit -Hn") == "64\n128\n"
    limits[0]["hard"] = 1 << 30
    assert "rlimit" in user.start("run", code=1).stderr
    assert user.left() == []


# -- the state directory -----------------------------------------------------------------------------

def test_state_directory(user):
    user.create("true")
    for name in ("mooring", "mooring/runc"):
        info = os.stat(os.path.join(user.run_dir, name))
        assert info.st_mode & 0o7777 == 0o1700 and info.st_uid == UID  # sticky: not taken for old
    refused = user.start("run", env={"XDG_RUNTIME_DIR": ""}, code=1).stderr
    assert "set XDG_RUNTIME_DIR, or use --root" in refused


@pytest.mark.parametrize("name, is_own", [(None, True), ("somebody", True), ("root", False)])
def test_state_directory_in_user_namespace(user, name, is_own):
    """$USER tells root of a user namespace from one that plays the machine's root (as podman and others do)."""
    user.create("true")
    env = {"USER": name} if name else {}
    listed = user.run("unshare", "-r", "--map-root-user", user.program, "list", "-q", env=env, code=None).stdout
    assert (user.bundle.id in listed) == is_own


# -- root of a user namespace ------------------------------------------------------------------------

@pytest.fixture
def plain(user):
    """The config that podman writes for its own user namespace: none in it."""
    namespaces(user.bundle.config, "user")
    del user.bundle.config["linux"]["uidMappings"], user.bundle.config["linux"]["gidMappings"]
    return user


def inside(user, script, *flags, nested=("unshare", "--user", "--map-root-user"), **options):
    user.bundle.config["process"]["args"] = ["sh", "-c", script]
    user.bundle.write()
    return user.run(*nested, user.program, "run", *flags, user.bundle.id, **options)


def test_in_user_namespace(plain):
    plain.bundle.config["process"]["oomScoreAdj"] = -1
    plain.bundle.config["linux"]["seccomp"] = bundles.SECCOMP
    out = inside(plain, "id -u; cat /proc/self/uid_map; stat -c %t:%T /dev/null; echo x > /dev/null; ls /sys/fs/cgroup;"
                 "grep Seccomp: /proc/self/status; mkdir /tmp/x 2>&1", code=1).stdout.split()
    assert out[:8] == ["0", "0", str(UID), "1", "1:3", "Seccomp:", "2", "mkdir:"]


def test_user_namespace_in_user_namespace(user):
    user.map_ids((0, 0, 1))
    assert inside(user, "cat /proc/self/uid_map").stdout.split() == ["0", "0", "1"]
    user.map_ids((0, 0, 2))
    refused = inside(user, "true", code=1).stderr
    assert "the caller's user namespace does not have all of its ids" in refused and user.left() == []


def test_network_of_the_outer_namespace(user):
    """By path, owned by a user namespace that is not the container's."""
    user.map_ids((0, 0, 1))
    for namespace in user.bundle.config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = "/proc/self/ns/net"
    mounts = user.bundle.config["mounts"]
    user.bundle.config["mounts"] = [m for m in mounts if m["type"] not in ("sysfs", "cgroup")]
    script = "readlink /proc/self/ns/net; readlink /proc/self/ns/user"
    user.bundle.config["process"]["args"] = ["sh", "-c", script]
    user.bundle.write()
    outer = 'readlink /proc/self/ns/net; readlink /proc/self/ns/user; exec "$0" run "$1"'
    out = user.run("unshare", "-Urn", "sh", "-c", outer, user.program, user.bundle.id).stdout.split()
    assert out[0] == out[2] and out[1] != out[3]


@pytest.mark.parametrize("nested", [[], ["unshare", "--user", "--map-root-user"]])
def test_runtime_cannot_be_overwritten(user, nested):
    """The program is the user's own file, and so is the container's root (CVE-2019-5736): what a container
    can reach of it is a sealed copy."""
    user.map_ids((0, 0 if nested else UID, 1))
    user.bundle.config["process"]["args"] = ["sleep", "1000"]
    user.bundle.write()
    nothing = subprocess.DEVNULL
    user.run(*nested, user.program, "create", user.bundle.id, capture_output=False, input=None, stdin=nothing,
             stdout=nothing, stderr=nothing)
    with open(f"/proc/{user.state()['pid']}/exe", "rb") as file:
        assert fcntl.fcntl(file, fcntl.F_GET_SEALS) & fcntl.F_SEAL_WRITE
        assert file.read() == open(user.program, "rb").read()


# -- namespaces by path --------------------------------------------------------------------------------

def test_joined_user_namespace(user):
    """A second container in the user, network and other namespaces of the first, as in a pod."""
    pid = user.create("sleep", "1000")
    user.runc("start", user.bundle.id)
    other = user.copy("other")
    names = {"user": "user", "network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    for namespace in other.config["linux"]["namespaces"]:
        if namespace["type"] in names:
            namespace["path"] = f"/proc/{pid}/ns/{names[namespace['type']]}"
    del other.config["linux"]["uidMappings"], other.config["linux"]["gidMappings"], other.config["hostname"]
    other.config["process"].update({"args": ["sh", "-c", "for n in user net ipc uts pid mnt; do readlink "
                                             "/proc/self/ns/$n; done; id -u; hostname; ps"],
                                    "user": {"uid": 7, "gid": 7}})
    other.write()
    out = user.runc("run", other.id).stdout.split("\n")
    theirs = [os.readlink(f"/proc/{pid}/ns/{name}") for name in ("user", "net", "ipc", "uts", "pid", "mnt")]
    assert out[:5] == theirs[:5] and out[5] != theirs[5]
    assert out[6:8] == ["7", "harbour"] and [line for line in out if "sleep 1000" in line]


def test_wrong_kind_of_namespace(user):
    for namespace in user.bundle.config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = "/proc/self/ns/uts"
    assert "/proc/self/ns/uts is no network namespace" in user.start("run", code=1).stderr
    for namespace in user.bundle.config["linux"]["namespaces"]:
        if namespace["type"] == "network":
            namespace["path"] = "/etc/passwd"
    assert "/etc/passwd is no network namespace" in user.start("run", code=1).stderr


# -- time ------------------------------------------------------------------------------------------------

OFFSETS = {"boottime": {"secs": 100000000, "nanosecs": 5}, "monotonic": {"secs": 12345}}
CLOCKS = "cat /proc/uptime /proc/self/timens_offsets; for n in time time_for_children; do "\
         "readlink /proc/self/ns/$n; done"


def check_clocks(out):
    lines = out.splitlines()
    assert float(lines[0].split()[0]) > 100000000
    assert [line.split() for line in lines[1:3]] == [["monotonic", "12345", "0"], ["boottime", "100000000", "5"]]
    assert lines[3] == lines[4].replace("_for_children", "") != os.readlink("/proc/self/ns/time")


def test_time_namespace_of_user(user):
    user.bundle.config["linux"]["namespaces"].append({"type": "time"})
    user.bundle.config["linux"]["timeOffsets"] = OFFSETS
    check_clocks(user.sh(CLOCKS))


def test_time_namespace(bundle, moor):
    bundle.config["linux"]["namespaces"].append({"type": "time"})
    bundle.config["linux"]["timeOffsets"] = OFFSETS
    check_clocks(bundle.sh(CLOCKS))
    bundle.config["linux"]["timeOffsets"] = {"boottime": {"secs": 2**62}}
    refused = bundle.runc("run", code=1).stderr
    assert "linux.timeOffsets" in refused and "boottime" in refused and bundle.traces() == []


def test_joined_time_namespace(bundle, moor):
    other = bundles.Bundle(moor, "other")
    other.config["linux"]["namespaces"].append({"type": "time"})
    other.config["linux"]["timeOffsets"] = OFFSETS
    pid = other.create("sleep", "1000")
    bundle.config["linux"]["namespaces"].append({"type": "time", "path": f"/proc/{pid}/ns/time"})
    uptime = bundle.sh("cat /proc/uptime; readlink /proc/self/ns/time").split()
    assert float(uptime[0]) > 100000000 and uptime[2] == os.readlink(f"/proc/{pid}/ns/time")
    moor.runc("delete", "--force", other.id)
    assert other.traces() == []


# -- podman ----------------------------------------------------------------------------------------------

@pytest.fixture
def podman(user):
    """Podman as the user. It keeps a process for its user namespace until it is reset."""
    def podman(*arguments, **options):
        return user.run("podman", "--runtime", user.program, "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs",
                        *arguments, **options)

    yield podman
    podman("system", "reset", "--force")


def test_podman(user, podman):
    """The real thing: run, logs, a container in the background, stop, rm."""
    rootfs = os.path.join(user.home, "rootfs")
    shutil.copytree(user.bundle.rootfs, rootfs, symlinks=True)
    subprocess.run(["chown", "-R", f"{UID}:{UID}", rootfs], check=True)
    common = ["--network", "none", "--rootfs", rootfs]
    script = "id -u; cat /proc/self/uid_map; ls /sys/fs/cgroup"
    out = podman("run", "--rm", *common, "sh", "-c", script).stdout.split()
    assert out == ["0"] + [str(number) for line in RANGES for number in line]
    assert podman("run", "--rm", "--user", "1000", *common, "id", "-u").stdout == "1000\n"
    assert "not found" in podman("run", "--rm", *common, "/no/such", code=127).stderr
    podman("run", "-d", "--name", "quay", *common, "sh", "-c", "echo here; exec sleep 1000")
    assert json.loads(podman("inspect", "quay").stdout)[0]["State"]["Status"] == "running"
    wait_until(lambda: podman("logs", "quay").stdout == "here\n", "the log")
    podman("stop", "-t", "0", "quay")
    assert json.loads(podman("inspect", "quay").stdout)[0]["State"]["Status"] == "exited"
    podman("rm", "quay")
