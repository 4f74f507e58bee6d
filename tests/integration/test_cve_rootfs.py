# SPDX-License-Identifier: Apache-2.0
"""Published attacks on how runtimes make the container's files, beyond those in test_runtime_security.py:
a neighbour shares a volume and renames in it while containers are created, or an image brings links."""

import os
import stat

import pytest

import bundle as bundles
import leftovers
from attack import Swapper, canary, fingerprint, with_user_namespace, without_mounts  # noqa: F401

ROUNDS = 40
UP = "../" * 16


@pytest.fixture
def volume(bundle):
    """A directory of the host that is the container's /volume, and open to an attacker."""
    path = os.path.join(bundle.path, "volume")
    os.makedirs(os.path.join(path, "place"))
    bundle.config["mounts"].append({"destination": "/volume", "type": "bind", "source": path, "options": ["bind"]})
    return path


@pytest.fixture
def seen(bundle):
    """Mount points in the container's mount namespace, from its last moment with the host's tree."""
    path = os.path.join(bundle.path, "mountinfo")
    bundle.config["hooks"] = {"createContainer": [
        {"path": "/bin/sh", "args": ["sh", "-c", f"cat /proc/self/mountinfo >>{path}"]}]}

    def points():
        with open(path) as file:
            return {line.split()[4] for line in file}
    return points


def try_often(bundle, rounds=ROUNDS):
    """Each either works or fails in one line; all outputs."""
    results = [bundle.runc("run", code=None, timeout=20) for _ in range(rounds)]
    assert all(result.returncode in (0, 1) and result.stderr.count("\n") == result.returncode
               for result in results), {result.stderr for result in results}
    return [result.stdout for result in results]


@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_cve_2021_30465_and_2024_45310_volume_race(bundle, volume, canary, seen, target):
    """Mount targets below a name that is now a directory, now a link to the host: nothing is mounted there,
    and nothing made. The attacker's own view of the result has nothing of the host either."""
    os.makedirs(os.path.join(volume, "place", "inner"))
    os.symlink(canary if target == "absolute" else UP + canary[1:], os.path.join(volume, "link"))
    payload = os.path.join(bundle.path, "payload")
    os.mkdir(payload)
    bundle.config["mounts"] += [
        {"destination": "/volume/place/inner", "type": "bind", "source": payload, "options": ["bind"]},
        {"destination": "/volume/place/made/deep", "type": "tmpfs", "source": "tmpfs", "options": ["ro"]},
        {"destination": "/volume/place/made/file", "type": "bind", "source": "config.json", "options": ["bind"]}]
    bundle.config["process"]["args"] = ["sh", "-c", "cat /volume/place/file /volume/link/file 2>/dev/null; true"]
    with Swapper(os.path.join(volume, "place"), os.path.join(volume, "link")) as swapper:
        outputs = try_often(bundle)
    assert swapper.count > ROUNDS and set(outputs) == {""}
    assert not [point for point in seen() if point.startswith(canary)]


def test_cve_2019_19921_proc_behind_a_race(bundle, canary, seen):
    """The root lies in a shared directory: /proc is now a directory, now a link. Wherever procfs ends up, it is
    protected; by name the protected paths were not there any more, which is no failure."""
    os.makedirs(os.path.join(bundle.rootfs, "fake", "self"))
    os.symlink("fake", os.path.join(bundle.rootfs, "link"))
    bundle.config["process"]["args"] = ["sh", "-c", "cat /proc/self/mountinfo /link/self/mountinfo 2>/dev/null; true"]
    with Swapper(os.path.join(bundle.rootfs, "proc"), os.path.join(bundle.rootfs, "link")) as swapper:
        tables = [output for output in try_often(bundle) if output]
    assert swapper.count > ROUNDS and tables
    for table in tables:
        assert "/timer_list r" in table and "/irq ro" in table, table
    assert not [point for point in seen() if "/fake" in point]


@pytest.mark.parametrize("target", ["/proc", "/proc/self/attr", "/proc/sys", "/proc/self/fd", "proc/1", "/proc/cpuinfo"])
@pytest.mark.parametrize("kind", ["tmpfs", "bind"])
def test_cve_2019_16884_volume_that_is_a_link_to_proc(bundle, target, kind):
    """An image's VOLUME is a link into /proc: what the runtime and the program trust would be the image's."""
    os.symlink(target, os.path.join(bundle.rootfs, "data"))
    source = os.path.join(bundle.path, "source")
    os.mkdir(source) if target != "/proc/cpuinfo" else open(source, "w").close()
    bundle.config["mounts"].append({"destination": "/data", "type": kind, "source": source,
                                    "options": ["bind"] if kind == "bind" else []})
    result = bundle.runc("run", code=1)
    assert "inside /proc" in result.stderr or "procfs" in result.stderr or "not a directory" in result.stderr.lower()


def test_cve_2025_52881_writes_go_to_the_real_procfs(bundle, canary):
    """The image prepared what sysctls and labels are written to, and nothing is mounted on /proc."""
    for name in ("sys/net/ipv4/ip_default_ttl", "thread-self/attr/exec", "self/attr/exec", "self/oom_score_adj",
                 "self/timens_offsets", "self/uid_map"):
        path = os.path.join(bundle.rootfs, "proc", name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(UP + canary[1:] + "/file", path)
    without_mounts(bundle, "/proc")
    bundle.config["linux"].update({"sysctl": {"net.ipv4.ip_default_ttl": "77"}, "maskedPaths": [], "readonlyPaths": []})
    bundle.config["process"].update({"oomScoreAdj": 100, "args": ["sh", "-c", "mount -t proc proc /mnt; "
                                     "cat /mnt/sys/net/ipv4/ip_default_ttl /mnt/self/oom_score_adj"]})
    os.mkdir(os.path.join(bundle.rootfs, "mnt"))
    bundle.config["process"]["capabilities"] = {
        name: bundles.CAPABILITIES + ["CAP_SYS_ADMIN"] for name in ("bounding", "effective", "permitted")}
    assert bundle.runc("run").stdout == "77\n100\n"


@pytest.mark.parametrize("target", ["absolute", "relative", "inside"])
@pytest.mark.parametrize("has_terminal", [False, True])
def test_cve_2026_41579_and_88264_dev_behind_a_race(bundle, has_terminal, target):
    """Nothing is mounted on /dev, and the image's is now a directory, now a link: to a directory of the host
    where devices, links, a removed ptmx and a console would show."""
    outside = os.path.join(bundle.path, "outside")
    os.mkdir(outside)
    open(os.path.join(outside, "ptmx"), "w").close()
    before = fingerprint(outside)
    without_mounts(bundle, "/dev")
    os.makedirs(os.path.join(bundle.rootfs, "other"))
    os.symlink({"absolute": outside, "relative": UP + outside[1:], "inside": "other"}[target],
               os.path.join(bundle.rootfs, "link"))
    if has_terminal:
        bundle.config["process"]["terminal"] = True
        bundle.config["mounts"].append({"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                                        "options": ["newinstance", "ptmxmode=0666"]})
    with Swapper(os.path.join(bundle.rootfs, "dev"), os.path.join(bundle.rootfs, "link")) as swapper:
        try_often(bundle, ROUNDS // 4)
    assert swapper.count > ROUNDS
    assert fingerprint(outside) == before
    assert set(os.listdir(os.path.join(bundle.rootfs, "other"))) <= {"pts"}


@pytest.mark.parametrize("kind", ["link", "file", "device", "fifo"])
def test_cve_2025_52565_pts_is_a_volume(bundle, canary, kind):
    """The terminal comes from a devpts file system, or there is none."""
    without_mounts(bundle, "/dev/pts")
    pts = os.path.join(bundle.path, "pts")
    os.mkdir(pts)
    for name in ("ptmx", "0", "1"):
        path = os.path.join(pts, name)
        if kind == "link":
            os.symlink(UP + canary[1:] + "/file", path)
        elif kind == "file":
            open(path, "w").close()
        elif kind == "device":
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(5, 2))
        else:
            os.mkfifo(path)
    bundle.config["mounts"].append({"destination": "/dev/pts", "type": "bind", "source": pts, "options": ["bind"]})
    bundle.config["process"]["terminal"] = True
    result = bundle.runc("run", code=1, timeout=20)
    assert result.stderr.count("\n") == 1 and "dev/pts" in result.stderr


def test_cve_2025_52565_console_behind_a_race(bundle, canary):
    """A shared /dev in which the console is now a file, now a link."""
    without_mounts(bundle, "/dev")
    dev = os.path.join(bundle.path, "dev")
    os.makedirs(os.path.join(dev, "pts"))
    os.mknod(os.path.join(dev, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    open(os.path.join(dev, "console"), "w").close()
    os.symlink(UP + canary[1:] + "/file", os.path.join(dev, "trap"))
    bundle.config["mounts"] += [
        {"destination": "/dev", "type": "bind", "source": dev, "options": ["bind"]},
        {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["newinstance", "ptmxmode=0666"]}]
    bundle.config["process"].update({"terminal": True, "args": ["sh", "-c", "cat /dev/trap; true"]})
    with Swapper(os.path.join(dev, "console"), os.path.join(dev, "trap")) as swapper:
        outputs = try_often(bundle, ROUNDS // 4)
    assert swapper.count > ROUNDS and not [text for text in outputs if "host" in text]


def test_owner_of_a_device_behind_a_race(bundle, volume, canary):
    """Of the family of CVE-2026-88265: the node is exchanged for a link between its making and its change of
    owner, which must not reach the link's target."""
    node, link = os.path.join(volume, "node"), os.path.join(volume, "link")
    bundle.config["linux"]["devices"] = [{"path": "/volume/node", "type": "c", "major": 10, "minor": 200,
                                          "uid": 1000, "gid": 1000, "fileMode": 0o777}]
    made = 0
    with Swapper(node, link, may_miss=True) as swapper:
        for _ in range(ROUNDS):
            for path in (node, link):
                if os.path.lexists(path):
                    os.unlink(path)
            os.symlink(UP + canary[1:] + "/file", link)
            made += bundle.runc("run", code=None, timeout=20).returncode == 0
    assert swapper.count > 0


@pytest.mark.parametrize("kind", ["maskedPaths", "readonlyPaths"])
def test_cve_2025_31133_protected_path_behind_a_race(bundle, volume, canary, seen, kind):
    """A protected path is now a directory, now a link to the host: nothing of the host is covered, and the
    container starts protected or without the path, never with the host's."""
    os.mkdir(os.path.join(volume, "place", "inner"))
    os.symlink(canary, os.path.join(volume, "link"))
    bundle.config["linux"][kind] = ["/volume/place", "/volume/place/inner"]
    with Swapper(os.path.join(volume, "place"), os.path.join(volume, "link")) as swapper:
        try_often(bundle)
    assert swapper.count > ROUNDS
    assert not [line for line in leftovers.mounts() if volume in line]


def test_cve_2023_25809_cgroups_below_a_bound_sys(bundle):
    """A user namespace without a cgroup namespace and with the host's /sys: its cgroups cannot be changed."""
    with_user_namespace(bundle)
    without_mounts(bundle, "/sys")
    bundle.config["linux"]["namespaces"] = [item for item in bundle.config["linux"]["namespaces"]
                                            if item["type"] != "network"]
    bundle.config["mounts"] += [
        {"destination": "/sys", "type": "bind", "source": "/sys", "options": ["rbind", "ro"]},
        {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"]}]
    found = bundle.sh("cd /sys/fs/cgroup; for group in . *; do mkdir $group/made 2>/dev/null && echo $group; "
                      "(echo 1 >$group/cgroup.procs) 2>/dev/null && echo $group; done; grep -c ' /sys/fs/cgroup' "
                      "/proc/self/mountinfo")
    assert found.splitlines()[:-1] == [] and int(found) > 0


def test_nothing_of_the_host_is_left(bundle):
    """No mount of the host's in the container's table, by whatever way in and out."""
    for arguments in ([], ["--no-pivot"]):
        bundle.config["process"]["args"] = ["cat", "/proc/self/mountinfo"]
        points = [line.split()[4] for line in bundle.runc("run", *arguments).stdout.splitlines()]
        wanted = [mount["destination"] for mount in bundle.config["mounts"]]
        assert all(point == "/" or point.startswith(("/proc", "/dev", "/sys")) for point in points)
        assert set(wanted) <= set(points) and bundle.path not in " ".join(points)
