# SPDX-License-Identifier: Apache-2.0
"""Where a container's control groups are: paths that climb, hierarchies that are mounted elsewhere."""

import json
import os
import subprocess

import pytest

import bundle as bundles
import leftovers


def places(bundle):
    with open(os.path.join(bundle.moor.run_dir, "runc", bundle.id, "state.json")) as file:
        return set(json.load(file)["cgroup_paths"].values())


def own_groups():
    """Our own groups, as paths from their hierarchies' tops; on v2 the group above ours."""
    lines = [line.rstrip("\n").split(":", 2) for line in open("/proc/self/cgroup")]
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):
        return {os.path.dirname(path) for _, names, path in lines if not names}
    return {path for _, names, path in lines if names}


@pytest.mark.parametrize("path,name", [
    ("../../../../{id}", "{id}"), ("x/../../{id}/.", "{id}"), ("/../..//{id}", None), ("", "{id}")])
def test_lexical(bundle, path, name):
    """A relative path stays below our own group, an absolute one below the top."""
    bundle.config["linux"]["cgroupsPath"] = path.format(id=bundle.id)
    bundle.create("sleep", "1000")
    found = places(bundle)
    assert found
    for place in found:
        top = [own for own in (own_groups() if name else {"/"})
               if place.endswith((own.rstrip("/") + "/" + bundle.id))]
        assert top, place
        assert ".." not in place and os.path.isdir(place)


HYBRID = "/sys/fs/cgroup/unified"


@pytest.mark.skipif(not os.path.isdir(HYBRID), reason="not a hybrid host")
def test_group_of_a_hybrid_host(bundle):
    """The container has one in the v2 tree too, and all of its processes are in it; its mounts do not show it."""
    group = f"{HYBRID}/{bundle.id}/below"
    bundle.config["linux"]["cgroupsPath"] = f"/{bundle.id}/below"
    bundle.config["mounts"].append({"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                                    "options": ["ro", "nosuid"]})
    bundle.create("sleep", "1000")
    pid, = open(f"{group}/cgroup.procs").read().split()
    assert int(pid) == bundle.state()["pid"]
    bundle.moor.runc("start", bundle.id)
    joined = bundle.moor.runc("exec", bundle.id, "cat", "/proc/self/cgroup").stdout.splitlines()
    assert [line for line in joined if line.startswith("0::")] == [f"0::/{bundle.id}/below"]
    assert all(line.endswith(f"/{bundle.id}/below") for line in joined if not line.startswith("1:name="))
    assert "unified" not in bundle.moor.runc("exec", bundle.id, "ls", "/sys/fs/cgroup").stdout.split()
    bundle.moor.runc("delete", "--force", bundle.id)
    assert not os.path.exists(group)
    for hierarchy in os.listdir("/sys/fs/cgroup"):
        parent = f"/sys/fs/cgroup/{hierarchy}/{bundle.id}"
        if os.path.isdir(parent):
            os.rmdir(parent)


@pytest.mark.skipif(not os.path.isdir(HYBRID), reason="not a hybrid host")
def test_hybrid_host_without_a_v2_tree_to_write_to(bundle):
    """No limit is at stake: the container does without."""
    subprocess.run(["mount", "--bind", HYBRID, HYBRID], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", HYBRID], check=True)
        bundle.create("sleep", "1000")
    finally:
        subprocess.run(["umount", HYBRID], check=True)
    assert places(bundle) and not [place for place in places(bundle) if place.startswith(HYBRID)]


@pytest.mark.parametrize("path", ["/", "/..", "../..", "."])
def test_no_group_of_its_own(bundle, path):
    bundle.config["linux"]["cgroupsPath"] = path
    assert "names no group of the container's own" in bundle.runc("run", code=1).stderr


@pytest.mark.parametrize("depth", [1, 2])
def test_groups_above_that_are_left_empty(bundle, depth):
    """A cpuset that somebody made without CPUs takes no process: it gets those from above, as do others below it."""
    top = os.path.join("/sys/fs/cgroup/cpuset" if os.path.isdir("/sys/fs/cgroup/cpuset") else "/sys/fs/cgroup",
                       f"above-{os.getpid()}")
    above = [os.path.join(top, *["below"] * level) for level in range(depth)]
    for path in above:
        os.mkdir(path)
    try:
        bundle.config["linux"]["cgroupsPath"] = f"{above[-1].removeprefix(os.path.dirname(top))}/{bundle.id}"
        assert bundle.sh("echo there") == "there\n"
    finally:
        remove(f"above-{os.getpid()}")


def remove(name):
    """This group and those below it, in every hierarchy."""
    for place in ["/sys/fs/cgroup", *[entry.path for entry in os.scandir("/sys/fs/cgroup") if entry.is_dir()]]:
        for directory, _, _ in os.walk(os.path.join(place, name), topdown=False):
            os.rmdir(directory)


# In a mount namespace of its own: all hierarchies below $1, nothing below /sys/fs/cgroup.
ELSEWHERE = """
top=$1; shift
if test -e /sys/fs/cgroup/cgroup.controllers; then
    mkdir "$top/all the groups" && mount --bind /sys/fs/cgroup "$top/all the groups"
else
    for name in $(cut -d: -f2 /proc/self/cgroup); do
        name=${name#name=}
        mkdir -p "$top/of $name" && mount --bind "/sys/fs/cgroup/$name" "$top/of $name" || exit 97
    done
fi
mount -t tmpfs tmpfs /sys/fs/cgroup && exec "$@"
"""


def test_mounted_elsewhere(bundle, tmp_path):
    """With blanks in the mount points' names."""
    bundle.config["process"]["args"] = ["sh", "-c", "cat /proc/self/cgroup"]
    bundle.config["linux"]["cgroupsPath"] = "/" + bundle.id
    bundle.config["linux"]["resources"]["pids"] = {"limit": 42}
    bundle.config["hooks"] = {"poststart": [{"path": "/bin/sh", "args": [
        "sh", "-c", f"cp {bundle.moor.run_dir}/runc/{bundle.id}/state.json {tmp_path}; "
        f"cat {tmp_path}/*/{bundle.id}/pids.max > {tmp_path}/limit"], "env": ["PATH=/bin:/usr/bin"]}]}
    bundle.write()
    out = bundle.moor.run("unshare", "--mount", "--propagation", "private", "sh", "-c", ELSEWHERE, "sh", tmp_path,
                          bundles.world.BUILD + "/runtime/mooring-runc", "--root", bundle.moor.run_dir + "/runc",
                          "run", "--bundle", bundle.path, bundle.id).stdout
    paths = json.load(open(tmp_path / "state.json"))["cgroup_paths"].values()
    assert paths and all(path.startswith(str(tmp_path)) and " " in path for path in paths)
    assert open(tmp_path / "limit").read().strip() == "42"
    assert f"/{bundle.id}" in out
    assert [path for path in leftovers.cgroups() if bundle.id in path] == []
