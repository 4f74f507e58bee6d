# SPDX-License-Identifier: Apache-2.0
"""Control groups of version 2, with every controller: limits, devices, delegation, birth and death."""

import os
import re
import subprocess

import pytest

import bundle as bundles
from groups import Groups, gone
from world import wait_until

MIB = 1 << 20
DISK = "%d:%d" % (os.major(os.stat("/dev/vda").st_rdev), os.minor(os.stat("/dev/vda").st_rdev))


@pytest.fixture
def bundle(bundle):
    bundle.groups = Groups(bundle)
    bundle.resources = bundle.config["linux"]["resources"]
    return bundle


def limits(bundle, **resources):
    """Makes a container with these limits; reads a file of its group."""
    bundle.resources.update(resources)
    bundle.create("sleep", "1000")
    return lambda name: bundle.groups.read("", name)


def cgroup_mount(bundle):
    return next(mount for mount in bundle.config["mounts"] if mount["type"] == "cgroup")


# -- limits ----------------------------------------------------------------------------------------

def test_memory(bundle):
    read = limits(bundle, memory={"limit": 64 * MIB, "swap": 96 * MIB, "reservation": 32 * MIB})
    assert read("memory.max") == str(64 * MIB) and read("memory.low") == str(32 * MIB)
    assert read("memory.swap.max") == str(32 * MIB)


@pytest.mark.parametrize("limit,swap,memory_max,swap_max", [
    (64 * MIB, -1, str(64 * MIB), "max"), (-1, -1, "max", "max"), (64 * MIB, 64 * MIB, str(64 * MIB), "0")])
def test_memory_without_limits(bundle, limit, swap, memory_max, swap_max):
    read = limits(bundle, memory={"limit": limit, "swap": swap})
    assert (read("memory.max"), read("memory.swap.max")) == (memory_max, swap_max)


def test_swap_less_than_memory_is_refused(bundle):
    bundle.resources["memory"] = {"limit": 64 * MIB, "swap": 32 * MIB}
    assert "swap (which includes memory) is smaller than limit" in bundle.runc("run", code=1).stderr


@pytest.mark.parametrize("shares,weight", [(2, 1), (512, 59), (1024, 100), (262144, 10000)])
def test_cpu_shares(bundle, shares, weight):
    assert limits(bundle, cpu={"shares": shares})("cpu.weight") == str(weight)


def test_cpu_time(bundle):
    read = limits(bundle, cpu={"quota": 50000, "period": 200000, "burst": 10000})
    assert read("cpu.max") == "50000 200000" and read("cpu.max.burst") == "10000"


@pytest.mark.parametrize("cpu,wanted", [({"quota": 30000}, "30000 100000"), ({"period": 50000}, "max 50000"),
                                        ({"quota": -1}, "max 100000")])
def test_half_of_cpu_time(bundle, cpu, wanted):
    assert limits(bundle, cpu=cpu)("cpu.max") == wanted


def test_cpu_quota_holds(bundle):
    """A tenth of a processor: its throttling is counted."""
    bundle.resources["cpu"] = {"quota": 10000, "period": 100000}
    bundle.create("sh", "-c", "while :; do :; done")
    bundle.moor.runc("start", bundle.id)
    wait_until(lambda: int(re.search(r"nr_throttled (\d+)", bundle.groups.read("", "cpu.stat"))[1]) > 2,
               "it is throttled", 30)


def test_idle(bundle):
    read = limits(bundle, cpu={"idle": 1})
    assert read("cpu.idle") == "1"


def test_cpuset(bundle):
    bundle.resources["cpu"] = {"cpus": "1", "mems": "0"}
    out = bundle.sh("cat /sys/fs/cgroup/cpuset.cpus.effective; grep -E '(Cpus|Mems)_allowed_list' /proc/self/status")
    assert out.split() == ["1", "Cpus_allowed_list:", "1", "Mems_allowed_list:", "0"]


def test_pids(bundle):
    bundle.resources["pids"] = {"limit": 5}
    out = bundle.sh("cat /sys/fs/cgroup/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>&1", code=None)
    assert out.startswith("5\n") and "can't fork" in out


@pytest.mark.parametrize("limit,wanted", [(-1, "max"), (0, "1")])
def test_pids_without_limit(bundle, limit, wanted):
    assert limits(bundle, pids={"limit": limit})("pids.max") == wanted


def test_block_devices(bundle):
    major, minor = map(int, DISK.split(":"))
    rates = {"throttleReadBpsDevice": MIB, "throttleWriteBpsDevice": 2 * MIB,
             "throttleReadIOPSDevice": 100, "throttleWriteIOPSDevice": 200}
    read = limits(bundle, blockIO={"weight": 505, **{
        name: [{"major": major, "minor": minor, "rate": rate}] for name, rate in rates.items()}})
    assert read("io.max") == f"{DISK} rbps={MIB} wbps={2 * MIB} riops=100 wiops=200"
    assert read("io.weight") == "default 5000"


def test_huge_pages(bundle):
    read = limits(bundle, hugepageLimits=[{"pageSize": "2MB", "limit": 4 * MIB}])
    assert read("hugetlb.2MB.max") == read("hugetlb.2MB.rsvd.max") == str(4 * MIB)


def test_unified(bundle):
    read = limits(bundle, unified={"memory.high": str(50 * MIB), "memory.oom.group": "1", "pids.max": "7",
                                   "io.max": f"{DISK} rbps=4096\n{DISK} wbps=8192"})
    assert [read("memory.high"), read("memory.oom.group"), read("pids.max")] == [str(50 * MIB), "1", "7"]
    assert read("io.max") == f"{DISK} rbps=4096 wbps=8192 riops=max wiops=max"


@pytest.mark.parametrize("name,message", [
    ("nosuch.max", 'controller "nosuch" not available'), ("pids.nosuch", 'unified resource "pids.nosuch"'),
    ("../pids.max", "../pids.max"), ("nosuch", "CONTROLLER.PARAMETER")])
def test_unified_refuses(bundle, name, message):
    bundle.resources["unified"] = {name: "1"}
    result = bundle.runc("run", code=1)
    assert message in result.stderr and result.stderr.count("\n") == 1


def test_groups_above_hand_all_controllers_down(bundle):
    bundle.config["linux"]["cgroupsPath"] = f"/above-{bundle.id}/deep/{bundle.id}"
    read = limits(bundle, pids={"limit": 9})
    try:
        assert read("pids.max") == "9"
        assert {"cpu", "cpuset", "io", "memory", "hugetlb", "pids"} <= set(read("cgroup.controllers").split())
    finally:
        bundle.moor.runc("delete", "--force", bundle.id)
        os.rmdir(f"/sys/fs/cgroup/above-{bundle.id}/deep")
        os.rmdir(f"/sys/fs/cgroup/above-{bundle.id}")


# -- devices ---------------------------------------------------------------------------------------

def test_devices_by_default(bundle):
    """All is denied but what every container has; making a node is no use."""
    out = bundle.sh("mknod /tmp/disk b %s && echo made; head -c1 /tmp/disk; mknod /tmp/kmsg c 1 11; head -c1 /tmp/kmsg;"
                    "for n in null zero full random urandom tty ptmx pts/ptmx; do"
                    "  stat /dev/$n > /dev/null || echo no $n; done; head -c3 /dev/zero | wc -c; echo > /dev/null && echo fine"
                    % DISK.replace(":", " "), code=None)
    assert out.splitlines() == ["made", "3", "fine"]
    stderr = bundle.runc("run", code=None).stderr
    assert "/tmp/disk: Operation not permitted" in stderr and "/tmp/kmsg: Operation not permitted" in stderr


RULES = [
    # rules after "deny all"; what a reader of 1:11 (kmsg), a writer, both at once, and a reader of the disk get
    ([("c", 1, 11, "r")], "r"),
    ([("c", 1, 11, "rw")], "rwb"),
    ([("c", 1, 11, "r"), ("c", 1, None, "w")], "rwb"),
    ([("c", 1, None, "rwm")], "rwb"),
    ([("c", None, 11, "r")], "r"),
    ([("c", None, None, "w")], "w"),
    ([("b", None, None, "r")], "d"),
    ([("a", None, None, "rwm")], "rwbd"),
    ([("a", 1, 11, "r")], "r"),
    ([("a", 1, None, "rwm")], "rwb"),
    ([("a", None, None, "m")], ""),
    ([("a", None, None, "m"), ("c", 1, 11, "r")], "r"),
    ([("b", 1, 11, "rwm")], ""),
    ([("a", None, None, "rwm"), ("!c", 1, 11, "w")], "rd"),
    ([("a", None, None, "rwm"), ("!b", None, None, "rwm")], "rwb"),
    ([("a", None, None, "rwm"), ("!a", 1, 11, "w"), ("!c", 1, 11, "r")], "d"),
    ([("a", None, None, "rw"), *[("!c", 1, number, "w") for number in range(200)]], "rd"),
    ([("c", 1, 11, "rw"), ("!c", 1, None, "r")], "w"),
    ([("!c", 1, 11, "rwm"), ("c", 1, 11, "r")], "r"),
]


@pytest.mark.parametrize("rules,wanted", RULES)
def test_device_rules(bundle, rules, wanted):
    """The last rule that matches decides."""
    for kind, major, minor, access in rules:
        rule = {"allow": kind[0] != "!", "type": kind[-1], "access": access}
        rule.update({key: number for key, number in (("major", major), ("minor", minor)) if number is not None})
        bundle.resources["devices"].append(rule)
    for name in ("bounding", "effective", "permitted"):  # what kmsg asks of a reader besides
        bundle.config["process"]["capabilities"][name] = bundles.CAPABILITIES + ["CAP_SYSLOG"]
    major, minor = map(int, DISK.split(":"))
    bundle.config["linux"]["devices"] = [{"path": "/dev/log", "type": "c", "major": 1, "minor": 11},
                                         {"path": "/dev/disk", "type": "b", "major": major, "minor": minor}]
    out = bundle.sh("(exec 3< /dev/log) 2> /dev/null && echo r; (exec 3>> /dev/log) 2> /dev/null && echo w;"
                    "(exec 3<> /dev/log) 2> /dev/null && echo b;"
                    "(exec 3< /dev/disk) 2> /dev/null && echo d", code=None)
    assert "".join(out.split()) == wanted


def test_devices_without_rules(bundle):
    """A config that says nothing of devices denies all the same (runc's way)."""
    del bundle.config["linux"]["resources"]
    out = bundle.sh("mknod /tmp/kmsg c 1 11; head -c1 /tmp/kmsg; echo > /dev/null && echo fine", code=0)
    assert out == "fine\n"


def test_device_rules_of_an_update_replace_the_old(bundle):
    bundle.create("sleep", "1000")
    bundle.moor.runc("start", bundle.id)
    text = '{"devices": [{"allow": false, "access": "rwm"}], "pids": {"limit": 9}}'
    bundle.moor.runc("update", "-r", "-", bundle.id, input=text)
    assert bundle.groups.read("", "pids.max") == "9"


# -- birth and death -------------------------------------------------------------------------------

def test_init_is_born_in_its_group(bundle):
    """clone3 puts it there: nobody writes its pid to cgroup.procs."""
    bundle.config["process"]["args"] = ["true"]
    bundle.write()
    log = os.path.join(bundle.path, "strace")
    program = bundle.moor.runc("--version").args[0]
    bundle.moor.run("strace", "-f", "-o", log, "-e", "trace=clone3,openat,open", program, "--root",
                    os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id)
    with open(log) as file:
        calls = file.read()
    assert re.search(r"clone3\(.*CLONE_INTO_CGROUP.*cgroup=\d+", calls)
    assert not re.search(r"cgroup\.(procs|threads)", calls)


def test_kill_all_at_once(bundle):
    """cgroup.kill: also what sits in groups that the container made, and without a pid namespace."""
    bundle.config["linux"]["namespaces"] = [
        entry for entry in bundle.config["linux"]["namespaces"] if entry["type"] != "pid"]
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    cgroup_mount(bundle)["options"].remove("ro")
    bundle.create("sh", "-c", "mkdir /sys/fs/cgroup/in; sleep 1001 & echo $! > /sys/fs/cgroup/in/cgroup.procs;"
                  "sleep 1002 & touch /tmp/ready; wait")
    bundle.moor.runc("start", bundle.id)
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "ready")), "all are there")
    with open(os.path.join(bundle.groups.path(""), "in", "cgroup.procs")) as file:
        pids = bundle.groups.processes() + [int(line) for line in file]
    assert len(pids) == 3
    log = os.path.join(bundle.path, "strace")
    program = bundle.moor.runc("--version").args[0]
    bundle.moor.run("strace", "-o", log, "-e", "trace=openat,open", program, "--root",
                    os.path.join(bundle.moor.run_dir, "runc"), "kill", bundle.id, "KILL")
    gone(pids)
    with open(log) as file:
        assert "cgroup.kill" in file.read()


def test_out_of_memory_is_told(moor, busybox):
    """The kernel kills it, and the engine's record says why."""
    name = f"greedy-{os.getpid()}"
    moor.docker("run", "--name", name, "-m", "24m", "--memory-swap", "24m", busybox, "sh", "-c",
                "x=; i=0; while :; do x=$x$x$i; i=$((i+1)); done", code=137, timeout=120)
    out = moor.docker("inspect", "--format", "{{.State.OOMKilled}} {{.State.ExitCode}}", name).stdout
    assert out == "true 137\n"


def test_no_out_of_memory_is_not_told(moor, busybox):
    name = f"modest-{os.getpid()}"
    moor.docker("run", "--name", name, "-m", "24m", busybox, "sh", "-c",
                "sh -c 'kill -9 $$'; exit $?", code=137)
    assert moor.docker("inspect", "--format", "{{.State.OOMKilled}}", name).stdout == "false\n"


# -- what a container sees -------------------------------------------------------------------------

def test_own_namespace(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    out = bundle.sh("cat /proc/self/cgroup; grep ' /sys/fs/cgroup ' /proc/mounts; cat /sys/fs/cgroup/cgroup.procs;"
                    "mkdir /sys/fs/cgroup/new 2>&1", code=None).splitlines()
    assert out[0] == "0::/" and out[2] == "1"
    kind, options = out[1].split()[2:4]
    assert kind == "cgroup2" and {"ro", "nosuid", "nodev", "noexec"} <= set(options.split(","))
    assert "Read-only file system" in out[-1]


def test_without_own_namespace(bundle):
    """The group itself is bound; nothing above it can be seen."""
    out = bundle.sh("cat /proc/self/cgroup; cat /sys/fs/cgroup/cgroup.type; ls -d /sys/fs/cgroup/*.slice 2>&1; true")
    assert out.splitlines()[0].endswith("/" + bundle.id) and out.splitlines()[1] == "domain"
    assert "No such file" in out


@pytest.mark.parametrize("is_writable", [True, False])
def test_delegation(bundle, is_writable):
    """Root of a user namespace manages its own group, if the mount is writable, and not the limits of it."""
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"].update({"uidMappings": maps, "gidMappings": maps})
    bundle.config["linux"]["namespaces"] += [{"type": "user"}, {"type": "cgroup"}]
    bundle.resources["pids"] = {"limit": 50}
    subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
    if is_writable:
        cgroup_mount(bundle)["options"].remove("ro")
    out = bundle.sh("""
        cd /sys/fs/cgroup
        stat -c '%u %n' . cgroup.procs cgroup.subtree_control cgroup.threads pids.max memory.max
        mkdir in && echo $$ > in/cgroup.procs && echo +pids > cgroup.subtree_control && cat in/pids.max && echo managed
        echo max > pids.max || echo limited""", code=None).splitlines()
    owner = "0" if is_writable else "65534"
    assert out[:4] == [f"{owner} {name}" for name in (
        ".", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads")]
    assert out[4:6] == ["65534 pids.max", "65534 memory.max"]
    assert out[6:] == (["max", "managed", "limited"] if is_writable else ["limited"])
