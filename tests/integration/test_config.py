# SPDX-License-Identifier: Apache-2.0
"""config.json: what is wrong with it is said in one line before anything is made; what it asks of the kernel for the
process is what the process gets."""

import json
import os
import re
import subprocess

import pytest

import world


# -- refused ---------------------------------------------------------------------------------------

def put(*path_and_value):
    *path, last, value = path_and_value

    def change(config):
        for step in path:
            config = config.setdefault(step, {}) if isinstance(step, str) else config[step]
        config[last] = value
    return change


REFUSED = {
    "ociVersion: unsupported version": put("ociVersion", "2.0.0"),
    "root file system .*missing": put("root", "path", "missing"),
    "process.args: expected an array": put("process", "args", "sh"),
    "process.scheduler.policy: invalid": put("process", "scheduler", {"policy": "X"}),
    "process.ioPriority.priority: must be": put("process", "ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": 9}),
    "process.execCPUAffinity.final: ": put("process", "execCPUAffinity", {"final": "x"}),
    "process.selinuxLabel: selinux label is specified in config, but selinux is disabled":
        put("process", "selinuxLabel", "system_u:system_r:container_t:s0"),
    "linux.mountLabel: selinux label is specified": put("linux", "mountLabel", "a:b:c:d"),
    "process.apparmorProfile: .* AppArmor is not enabled": put("process", "apparmorProfile", "docker-default"),
    "linux.memoryPolicy.mode: invalid": put("linux", "memoryPolicy", {"mode": "X"}),
    "linux.intelRdt: Intel RDT is not available": put("linux", "intelRdt", {"closID": "x"}),
    "linux.intelRdt.closID: invalid": put("linux", "intelRdt", {"closID": "../x"}),
    "linux.namespaces: .*/ns/net is no uts namespace": put("linux", "namespaces", [
        {"type": "mount"}, {"type": "uts", "path": "/proc/self/ns/net"}]),
    "linux.seccomp.defaultAction": put("linux", "seccomp", {"defaultAction": "X"}),
    "linux.resources.memory.limit: expected a number": put("linux", "resources", "memory", {"limit": "1g"}),
    "linux.sysctl: sysctl .* is not in a separate": put("linux", "sysctl", {"vm.swappiness": "1"}),
    "hooks.poststop.0..timeout": put("hooks", {"poststop": [{"path": "/bin/true", "timeout": 0}]}),
    r"mounts\[0\].destination: missing": put("mounts", 0, {"type": "tmpfs"}),
    "annotations.x: expected a string": put("annotations", {"x": 1}),
}
HAS = {"selinux": os.path.isdir("/sys/fs/selinux"), "apparmorProfile": os.path.isdir("/sys/module/apparmor"),
       "mountLabel": os.path.isdir("/sys/fs/selinux"), "not available": os.path.isdir("/sys/fs/resctrl")}


def check_refused(bundle, pattern, **options):
    result = bundle.moor.runc("create", "--bundle", bundle.path, bundle.id, code=1, **options)
    assert re.search(pattern, result.stderr) and result.stderr.count("\n") == 1 and result.stdout == ""
    assert not os.path.exists(os.path.join(bundle.moor.run_dir, "runc"))  # not even the directory of all
    assert bundle.traces() == []


@pytest.mark.parametrize("pattern", [p for p in REFUSED if not any(word in p and has for word, has in HAS.items())])
def test_refused_before_anything_is_made(bundle, pattern):
    REFUSED[pattern](bundle.config)
    bundle.write()
    check_refused(bundle, pattern)


@pytest.mark.static  # a sanitizer clones a process at the end
def test_refused_without_a_process(bundle, tmp_path):
    """Not even a namespace: no clone, no directory, nothing mounted but our own program's view of itself."""
    bundle.config["process"]["scheduler"] = {"policy": "X"}
    bundle.write()
    trace = tmp_path / "trace"
    bundle.moor.run("strace", "-f", "-o", trace, os.path.join(world.BUILD, "runtime", "mooring-runc"), "create",
                    "--bundle", bundle.path, bundle.id, code=1)
    calls = {line.split()[1].split("(")[0] for line in trace.read_text().splitlines() if "(" in line}
    assert "openat" in calls or "open" in calls
    assert not calls & {"clone", "clone3", "fork", "vfork", "unshare", "mkdir", "mkdirat", "setns"}


def test_things_that_are_no_file(bundle):
    """A FIFO nobody writes to, a device, a directory: none of them keeps the caller waiting."""
    path = os.path.join(bundle.path, "config.json")
    for make in (lambda: os.mkfifo(path), lambda: os.mkdir(path), lambda: os.symlink("/dev/zero", path),
                 lambda: os.symlink("/dev/tty", path)):
        make()
        check_refused(bundle, "config.json", timeout=10)
        os.rmdir(path) if os.path.isdir(path) else os.unlink(path)
    check_refused(bundle, "JSON specification file config.json not found")


def test_size_and_text(bundle):
    path = os.path.join(bundle.path, "config.json")
    for content, pattern in ((b"", "config.json"), (b"{", "config.json"), (b" " * (9 << 20), "config.json.*8388608"),
                             (b"[" * 100000, "config.json"), (b'{"ociVersion":"1.0.0\xff"}', "config.json"),
                             (b'{"ociVersion":"1.0.0"} x', "config.json"), (b"null", "expected an object")):
        with open(path, "wb") as file:
            file.write(content)
        check_refused(bundle, pattern)


# -- what the process gets -------------------------------------------------------------------------

def stat_fields(pid):
    """Of /proc/PID/stat, by the numbers that proc(5) gives them."""
    return [None, None, None] + open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()


def test_scheduler(bundle):
    process = bundle.config["process"]
    if os.path.exists("/sys/fs/cgroup/cpu/cpu.rt_runtime_us"):  # real time is divided among groups
        process["scheduler"] = {"policy": "SCHED_RR", "priority": 12}
        assert "linux.resources.cpu.realtimeRuntime" in bundle.runc("run", code=1).stderr
        bundle.config["linux"]["cgroupsPath"] = "/" + bundle.id
        bundle.config["linux"]["resources"]["cpu"] = {"realtimeRuntime": 10000, "realtimePeriod": 1000000}
    for policy, number, more in (("SCHED_BATCH", 3, {"nice": 7}), ("SCHED_IDLE", 5, {}),
                                 ("SCHED_OTHER", 0, {"nice": -3}), ("SCHED_RR", 2, {"priority": 12})):
        process["scheduler"] = {"policy": policy, "flags": ["SCHED_FLAG_RESET_ON_FORK"], **more}
        fields = stat_fields(bundle.create("sleep", "1000"))
        assert fields[41] == str(number) and fields[40] == str(more.get("priority", 0))
        if "nice" in more:
            assert fields[19] == str(more["nice"])
        bundle.moor.runc("delete", "--force", bundle.id)


def test_deadline_scheduler(bundle):
    """A share of time, promised for all CPUs or none; the container's cpuset stands against it."""
    bundle.config["process"]["scheduler"] = {"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK"],
                                             "runtime": 42000, "deadline": 100000, "period": 1000000}
    pid = bundle.create("sleep", "1000")
    shown = bundle.moor.run("chrt", "-p", str(pid)).stdout
    assert "SCHED_DEADLINE|SCHED_RESET_ON_FORK" in shown and "42000/100000/1000000" in shown
    if os.cpu_count() > 1:
        bundle.moor.runc("delete", "--force", bundle.id)
        bundle.config["linux"]["resources"]["cpu"] = {"cpus": "0", "mems": "0"}
        assert "process scheduler can't be used together with AllowedCPUs" in bundle.runc("run", code=1).stderr


@pytest.mark.parametrize("priority,shown", [({"class": "IOPRIO_CLASS_BE", "priority": 4}, "best-effort: prio 4"),
                                            ({"class": "IOPRIO_CLASS_RT", "priority": 7}, "realtime: prio 7"),
                                            ({"class": "IOPRIO_CLASS_IDLE"}, "idle")])
def test_io_priority(bundle, priority, shown):
    bundle.config["process"]["ioPriority"] = priority
    before = bundle.moor.run("ionice", "-p", str(os.getpid())).stdout
    assert bundle.moor.run("ionice", "-p", str(bundle.create("sleep", "1000"))).stdout.strip() == shown
    assert bundle.moor.run("ionice", "-p", str(os.getpid())).stdout == before


@pytest.mark.parametrize("policy,shown", [({"mode": "MPOL_BIND", "nodes": "0"}, "bind:0"),
                                          ({"mode": "MPOL_PREFERRED", "nodes": "0"}, "prefer:0"),
                                          ({"mode": "MPOL_INTERLEAVE", "nodes": "0",
                                            "flags": ["MPOL_F_STATIC_NODES"]}, "interleave=static:0"),
                                          ({"mode": "MPOL_LOCAL"}, "local")])
def test_memory_policy(bundle, policy, shown):
    bundle.config["linux"]["memoryPolicy"] = policy
    assert all(line.split()[1] == shown for line in bundle.sh("cat /proc/self/numa_maps").splitlines())


def test_memory_policy_of_missing_nodes(bundle):
    bundle.config["linux"]["memoryPolicy"] = {"mode": "MPOL_BIND", "nodes": "1000-1023"}
    assert "set the memory policy (linux.memoryPolicy)" in bundle.runc("run", code=1).stderr


def test_personality(bundle):
    bundle.config["linux"]["personality"] = {"domain": "LINUX32", "flags": []}
    assert bundle.sh("cat /proc/self/personality") == "00000008\n"


@pytest.mark.parametrize("score", [-1000, 0, 1000])
def test_oom_score(bundle, score):
    """Lowering it needs CAP_SYS_RESOURCE."""
    bundle.config["process"]["oomScoreAdj"] = score
    result = bundle.runc("run", code=None) if score < 0 else None
    if score >= 0:
        assert bundle.sh("cat /proc/self/oom_score_adj") == f"{score}\n"
    else:
        assert result.returncode == 0 or f"set oom_score_adj to {score}" in result.stderr


# -- features --------------------------------------------------------------------------------------

def test_features(bundle):
    text = bundle.moor.runc("features").stdout
    features = json.loads(text)
    assert text.startswith('{\n    "ociVersionMin": "1.0.0",\n')
    assert features["hooks"] == ["prestart", "createRuntime", "createContainer", "startContainer", "poststart",
                                 "poststop"]
    assert features["mountOptions"] == sorted(features["mountOptions"])
    assert {"rro", "rslave", "nosuid", "idmap", "tmpcopyup"} <= set(features["mountOptions"])
    linux = features["linux"]
    assert linux["namespaces"] == ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]
    assert linux["capabilities"][0] == "CAP_CHOWN" and len(linux["capabilities"]) == 41
    assert set(linux["seccomp"]["supportedFlags"]) <= set(linux["seccomp"]["knownFlags"])
    assert features["potentiallyUnsafeConfigAnnotations"] == ["org.systemd.property."]


def test_features_are_true(bundle):
    """What is listed is accepted where it belongs; what is not is refused."""
    linux = bundle.moor.runc("features").stdout
    linux = json.loads(linux)["linux"]
    bundle.config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": linux["seccomp"]["archs"],
        "flags": linux["seccomp"]["supportedFlags"], "syscalls": [
            {"names": ["swapoff"], "action": action, "args": [{"index": 0, "value": 1, "valueTwo": 1, "op": op}]}
            for action in linux["seccomp"]["actions"] if action != "SCMP_ACT_NOTIFY"
            for op in linux["seccomp"]["operators"]]}
    if "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" in bundle.config["linux"]["seccomp"]["flags"]:
        bundle.config["linux"]["seccomp"]["flags"].remove("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")  # with NOTIFY only
    bundle.config["process"]["capabilities"]["bounding"] = linux["capabilities"]
    for mode in linux["memoryPolicy"]["modes"]:
        nodes = {} if mode in ("MPOL_DEFAULT", "MPOL_LOCAL") else {"nodes": "0"}
        bundle.config["linux"]["memoryPolicy"] = {"mode": mode, **nodes}
        result = bundle.runc("run", code=None)
        assert "config.json" not in result.stderr
    assert linux["cgroup"] == dict.fromkeys(("v1", "v2", "systemd", "systemdUser", "rdma"), True)


def test_runs_what_runc_writes(bundle):
    """runc's own example, as it is."""
    subprocess.run(["runc", "spec", "--bundle", bundle.path], check=True)
    with open(os.path.join(bundle.path, "config.json")) as file:
        bundle.config = json.load(file)
    bundle.config["process"]["terminal"] = False
    assert bundle.sh("hostname") == "runc\n"
