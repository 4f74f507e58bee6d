# SPDX-License-Identifier: Apache-2.0
"""--systemd-cgroup with a real systemd: the unit, its properties, its end."""

import json
import os
import subprocess

import pytest

import bundle as bundles
import world
from world import wait_until

RUNC = os.path.join(world.BUILD, "runtime", "mooring-runc")
GROUPS = "/sys/fs/cgroup"
MIB = 1 << 20


class Unit:
    """A systemd unit, as systemctl shows it."""

    def __init__(self, name, *scope):
        self.name = name
        self.scope = scope

    def systemctl(self, *arguments):
        return subprocess.run(["systemctl", *self.scope, *arguments], text=True, capture_output=True).stdout

    def show(self, name):
        return self.systemctl("show", "--value", "-p", name, "--", self.name).strip()

    def is_gone(self):
        return self.show("LoadState") == "not-found" or self.show("ActiveState") == "inactive"

    def path(self):
        return GROUPS + self.show("ControlGroup")

    def read(self, file):
        with open(os.path.join(self.path(), file)) as stream:
            return stream.read().strip()


@pytest.fixture
def bundle(moor):
    bundle = bundles.Bundle(moor)
    bundle.unit = Unit(f"runc-{bundle.id}.scope")
    bundle.resources = bundle.config["linux"]["resources"]
    yield bundle
    moor.runc("delete", "--force", bundle.id)
    assert bundle.unit.is_gone()
    assert bundle.traces() == []


def start(bundle, *script, path=None, env=None, code=0):
    """A container that stays, and its unit."""
    bundle.config["process"]["args"] = list(script) or ["sleep", "1000"]
    if path:
        bundle.config["linux"]["cgroupsPath"] = path
    bundle.write()
    quiet = {"capture_output": False, "input": None, "stdin": subprocess.DEVNULL,
             "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return bundle.moor.runc("--systemd-cgroup", "run", "--detach", "--bundle", bundle.path, bundle.id,
                            env=env, code=code, **({} if code else quiet))


def refused(bundle):
    return start(bundle, code=1).stderr


# -- birth -----------------------------------------------------------------------------------------

def test_unit(bundle):
    bundle.resources.update(memory={"limit": 64 * MIB, "reservation": 32 * MIB, "swap": 96 * MIB},
                            cpu={"shares": 512, "quota": 50000, "period": 200000, "cpus": "0", "mems": "0"},
                            pids={"limit": 42}, blockIO={"weight": 100})
    start(bundle)
    unit = bundle.unit
    assert unit.show("Description") == f"libcontainer container {bundle.id}"
    assert unit.show("Slice") == "system.slice" and unit.show("Delegate") == "yes"
    assert unit.show("DefaultDependencies") == "no" and unit.show("ActiveState") == "active"
    for name in ("Memory", "CPU", "IO", "Tasks"):
        assert unit.show(f"{name}Accounting") == "yes"
    assert unit.show("MemoryMax") == str(64 * MIB) and unit.show("MemoryLow") == str(32 * MIB)
    assert unit.show("MemorySwapMax") == str(32 * MIB) and unit.show("TasksMax") == "42"
    assert unit.show("CPUWeight") == "59" and unit.show("CPUQuotaPerSecUSec") == "250ms"
    assert unit.show("CPUQuotaPeriodUSec") == "200ms" and unit.show("IOWeight") == "910"
    assert unit.show("AllowedCPUs") == "0" and unit.show("AllowedMemoryNodes") == "0"
    assert unit.show("NeedDaemonReload") == "no"


def test_files(bundle):
    bundle.resources.update(memory={"limit": 64 * MIB}, cpu={"shares": 512, "quota": 50000, "cpus": "0"},
                            pids={"limit": 42}, unified={"memory.high": str(32 * MIB)})
    start(bundle)
    read = bundle.unit.read
    assert bundle.unit.path() == f"{GROUPS}/system.slice/{bundle.unit.name}"
    assert int(read("cgroup.procs")) == bundle.state()["pid"]
    assert read("memory.max") == str(64 * MIB) and read("memory.high") == str(32 * MIB)
    assert read("cpu.weight") == "59" and read("cpu.max") == "50000 100000"
    assert read("cpuset.cpus") == "0" and read("pids.max") == "42"
    bundle.unit.systemctl("daemon-reload")  # writes all that systemd knows again
    assert read("memory.max") == str(64 * MIB) and read("memory.high") == str(32 * MIB)
    assert read("cpu.weight") == "59" and read("cpu.max") == "50000 100000" and read("pids.max") == "42"


@pytest.mark.parametrize("quota,rate,rounded", [(12345, "130ms", "13000"), (10000, "100ms", "10000")])
def test_quota_in_percents(bundle, quota, rate, rounded):
    bundle.resources["cpu"] = {"quota": quota, "period": 100000}
    start(bundle)
    assert bundle.unit.show("CPUQuotaPerSecUSec") == rate
    assert bundle.unit.read("cpu.max") == f"{rounded} 100000"


@pytest.mark.parametrize("unified,name,value", [
    ({"memory.min": "1048576"}, "MemoryMin", "1048576"), ({"memory.max": "max"}, "MemoryMax", "infinity"),
    ({"pids.max": "7"}, "TasksMax", "7"), ({"cpu.weight": "12"}, "CPUWeight", "12"),
    ({"cpu.max": "20000 50000"}, "CPUQuotaPerSecUSec", "400ms"), ({"cpuset.cpus": "0-1"}, "AllowedCPUs", "0-1"),
    ({"cpu.idle": "1"}, "CPUWeight", "idle")])
def test_unified(bundle, unified, name, value):
    bundle.resources["unified"] = unified
    start(bundle)
    assert bundle.unit.show(name) == value


@pytest.mark.parametrize("resources,text", [
    ({"cpu": {"cpus": "zero"}}, "is not a list of CPUs"), ({"cpu": {"cpus": "3-1"}}, "is not a list of CPUs"),
    ({"cpu": {"cpus": "99999"}}, "is not a list of CPUs"),
    ({"unified": {"cpu.max": "1 2 3"}}, 'unified["cpu.max"]'),
    ({"unified": {"memory.max": "lots"}}, 'unified["memory.max"]')])
def test_bad_values(bundle, resources, text):
    bundle.resources.update(resources)
    assert text in refused(bundle)


@pytest.mark.parametrize("path,unit,group", [
    ("mooringtest-one.slice:pre:name", "pre-name.scope", "/mooringtest.slice/mooringtest-one.slice/"),
    (":pre:name", "pre-name.scope", "/system.slice/"), ("-.slice:pre:name", "pre-name.scope", "/"),
    ("mooringtest.slice::name", "-name.scope", "/mooringtest.slice/")])
def test_names(bundle, path, unit, group):
    bundle.unit = Unit(unit)
    start(bundle, path=path)
    assert bundle.unit.show("ControlGroup") == group + unit
    assert int(bundle.unit.read("cgroup.procs")) == bundle.state()["pid"]


def test_slice(bundle):
    """A name that ends so becomes a slice, which systemd puts where its name says."""
    bundle.unit = Unit("mooringtest-two.slice")
    start(bundle, path="mooringtest.slice:x:mooringtest-two.slice")
    assert bundle.unit.show("ControlGroup") == "/mooringtest.slice/mooringtest-two.slice"
    assert int(bundle.unit.read("cgroup.procs")) == bundle.state()["pid"]


def test_over_the_bus(bundle):
    start(bundle, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/run/dbus/system_bus_socket"})
    assert int(bundle.unit.read("cgroup.procs")) == bundle.state()["pid"]


def test_no_bus(bundle):
    bundle.write()
    stderr = bundle.moor.runc("--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, code=1,
                              env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent"}).stderr
    assert "cannot reach systemd: connect to D-Bus at /nonexistent" in stderr


# -- annotations -----------------------------------------------------------------------------------

def test_annotations(bundle):
    prefix = "org.systemd.property."
    bundle.config["annotations"] = {prefix + name: value for name, value in {
        "TimeoutStopUSec": "uint64 123456789", "CollectMode": "'inactive-or-failed'",
        "Before": "['shutdown.target']", "RuntimeMaxSec": "3600.5", "Description": "\"mine\"",
        "SendSIGHUP": "true", "DeviceAllow": "[('/dev/zero', 'r')]"}.items()}
    start(bundle)
    show = bundle.unit.show
    assert show("TimeoutStopUSec") == "2min 3.456789s" and show("CollectMode") == "inactive-or-failed"
    assert "shutdown.target" in show("Before") and show("RuntimeMaxUSec") == "1h 500ms"
    assert show("Description") == "mine" and show("SendSIGHUP") == "yes"
    assert "/dev/zero r" in show("DeviceAllow")


@pytest.mark.parametrize("name,value,text", [
    ("x", "true", "not a property's name"), ("Bad1", "true", "not a property's name"),
    ("Description", "mine", "annotation org.systemd.property.Description"),
    ("RuntimeMaxSec", "'soon'", "a number of seconds"), ("Before", "[]", "empty list"),
    ("NoSuchProperty", "true", "NoSuchProperty")])
def test_bad_annotations(bundle, name, value, text):
    bundle.config["annotations"] = {"org.systemd.property." + name: value}
    assert text in refused(bundle)


# -- others' units ----------------------------------------------------------------------------------

def scope(name, *properties):
    process = subprocess.Popen(["systemd-run", "--quiet", "--scope", f"--unit={name}", *properties, "sleep", "1000"])
    wait_until(lambda: Unit(name).show("ActiveState") != "inactive", "the other scope to start")
    return process


def test_taken_name(bundle):
    """Neither the start nor a delete touches a unit that is not the container's."""
    other = scope(bundle.unit.name)
    try:
        assert "already" in refused(bundle)
        bundle.moor.runc("delete", "--force", bundle.id)
        assert bundle.unit.show("ActiveState") == "active" and other.poll() is None
    finally:
        other.kill()
        other.wait()
        wait_until(bundle.unit.is_gone, "the other scope to go")


def test_failed_unit_is_replaced(bundle):
    other = scope(bundle.unit.name, "-p", "RuntimeMaxSec=1")
    other.wait(30)
    wait_until(lambda: bundle.unit.show("ActiveState") == "failed", "the other scope to fail")
    start(bundle)
    assert bundle.unit.show("ActiveState") == "active"


# -- life ------------------------------------------------------------------------------------------

def test_update(bundle):
    bundle.resources.update(memory={"limit": 64 * MIB}, pids={"limit": 42})
    start(bundle)
    bundle.moor.runc("update", "--memory", str(96 * MIB), "--pids-limit", "50", "--cpu-quota", "30000",
                     "--cpu-period", "100000", "--cpu-share", "1024", bundle.id)
    show, read = bundle.unit.show, bundle.unit.read
    assert show("MemoryMax") == str(96 * MIB) and show("TasksMax") == "50" and show("CPUWeight") == "100"
    assert show("CPUQuotaPerSecUSec") == "300ms" and show("DevicePolicy") == "strict"
    bundle.unit.systemctl("daemon-reload")
    assert read("memory.max") == str(96 * MIB) and read("pids.max") == "50" and read("cpu.weight") == "100"
    assert read("cpu.max") == "30000 100000"
    bundle.moor.runc("update", "--pids-limit", "-1", bundle.id)
    assert show("TasksMax") == "infinity" and read("pids.max") == "max" and show("MemoryMax") == str(96 * MIB)


def test_pause(bundle):
    start(bundle)
    bundle.moor.runc("pause", bundle.id)
    assert bundle.state()["status"] == "paused" and "frozen 1" in bundle.unit.read("cgroup.events")
    bundle.moor.runc("resume", bundle.id)
    assert bundle.state()["status"] == "running"


@pytest.mark.parametrize("rules,policy", [
    ([], "strict"), ([{"allow": True, "type": "c", "major": 1, "minor": 7, "access": "rwm"},
                      {"allow": False, "type": "c", "major": 1, "minor": 7, "access": "r"}], "strict"),
    ([{"allow": True, "access": "rwm"}], "auto"),
    ([{"allow": True, "type": "c", "access": "rwm"}, {"allow": False, "type": "c", "major": 1, "minor": 11,
                                                       "access": "rwm"}], "auto")])
def test_device_policy(bundle, rules, policy):
    bundle.resources["devices"] += rules
    start(bundle)
    assert bundle.unit.show("DevicePolicy") == policy
    allowed = bundle.unit.show("DeviceAllow")
    assert ("/dev/char/1:3 rwm" in allowed and "char-136 rwm" in allowed) == (policy == "strict")


def test_devices(bundle):
    """What the rules say holds before and after systemd sets its own again."""
    bundle.config["linux"]["devices"] = [{"path": "/dev/kmsg", "type": "c", "major": 1, "minor": 11}]
    bundle.resources["devices"] += [{"allow": True, "type": "c", "access": "rwm"},
                                    {"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rwm"}]
    start(bundle, "sh", "-c", "while ! test -e /tmp/go; do sleep 0.1; done; head -c1 /dev/zero >/dev/null && "
          "echo null >/tmp/out; head -c1 /dev/kmsg >/dev/null || echo denied >>/tmp/out; echo end >>/tmp/out; "
          "sleep 1000")
    bundle.unit.systemctl("daemon-reload")
    bundle.moor.runc("update", "--pids-limit", "50", bundle.id)
    open(os.path.join(bundle.rootfs, "tmp", "go"), "w").close()
    out = os.path.join(bundle.rootfs, "tmp", "out")
    wait_until(lambda: os.path.exists(out) and "end" in open(out).read(), "the container's verdict")
    assert open(out).read().split() == ["null", "denied", "end"]


# -- death -----------------------------------------------------------------------------------------

def test_foreground(bundle):
    bundle.config["process"]["args"] = ["sh", "-c", "cat /proc/self/cgroup; exit 7"]
    bundle.write()
    run = bundle.moor.runc("--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, code=7)
    assert run.stderr == "" and run.stdout.startswith("0::/")
    assert bundle.unit.is_gone() and bundle.traces() == []


def test_delete(bundle):
    """By the state alone: delete is not told about systemd."""
    start(bundle)
    path = bundle.unit.path()
    bundle.moor.runc("kill", bundle.id, "KILL")
    wait_until(lambda: bundle.state()["status"] == "stopped", "the container to stop")
    bundle.moor.runc("delete", bundle.id)
    assert bundle.unit.is_gone() and not os.path.exists(path)


def test_delete_forgets_a_failed_unit(bundle):
    bundle.config["annotations"] = {"org.systemd.property.RuntimeMaxSec": "1",
                                    "org.systemd.property.TimeoutStopSec": "1"}
    start(bundle)
    wait_until(lambda: bundle.unit.show("ActiveState") == "failed", "systemd to end the container", 30)
    bundle.moor.runc("delete", bundle.id)
    assert bundle.unit.show("LoadState") == "not-found"


def test_start_that_fails_leaves_nothing(bundle):
    bundle.config["process"]["args"] = ["no-such-program"]
    bundle.write()
    stderr = bundle.moor.runc("--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, code=1).stderr
    assert "executable file not found" in stderr
    assert bundle.unit.is_gone() and bundle.traces() == []


# -- who may write ----------------------------------------------------------------------------------

@pytest.mark.parametrize("option,has_namespace,owner", [
    ("rw", True, "0"), ("ro", True, "65534"), ("rw", False, "65534")])
def test_delegation(bundle, option, has_namespace, owner):
    linux = bundle.config["linux"]
    linux["namespaces"] += [{"type": "user"}] + [{"type": "cgroup"}] * has_namespace
    linux["uidMappings"] = linux["gidMappings"] = [{"hostID": 100000, "containerID": 0, "size": 65536}]
    os.chown(bundle.rootfs, 100000, 100000)
    for directory in ("tmp", "dev", "proc", "sys"):
        os.chown(os.path.join(bundle.rootfs, directory), 100000, 100000)
    mount = next(mount for mount in bundle.config["mounts"] if mount["type"] == "cgroup")
    mount["options"] = [option, "nosuid", "noexec", "nodev"]
    bundle.config["process"]["args"] = ["sh", "-c", "stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs; "
                                        "mkdir /sys/fs/cgroup/inner 2>/dev/null && echo made"]
    subprocess.run(["chmod", "-R", "a+rX", bundle.path], check=True)
    parent = bundle.path
    while parent != "/tmp":
        parent = os.path.dirname(parent)
        os.chmod(parent, 0o755)
    bundle.write()
    out = bundle.moor.runc("--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, code=None).stdout
    assert out.split() == [owner, owner] + ["made"] * (owner == "0")


def test_user_manager(bundle):
    """An ordinary user's container is a unit of that user's systemd."""
    name = subprocess.run(["loginctl", "list-users", "--no-legend"], text=True, capture_output=True).stdout
    uid, user = next(line.split()[:2] for line in name.splitlines() if line.split()[0] != "0")
    home = f"/run/user/{uid}/mooringtest"
    run = ["runuser", "-u", user, "--", "env", f"XDG_RUNTIME_DIR=/run/user/{uid}"]
    linux = bundle.config["linux"]
    linux["namespaces"] += [{"type": "user"}]
    linux["uidMappings"] = linux["gidMappings"] = [{"hostID": int(uid), "containerID": 0, "size": 1}]
    linux["resources"] = {"memory": {"limit": 64 * MIB}, "pids": {"limit": 42}}
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"] if mount["type"] in ("proc", "tmpfs")]
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    subprocess.run(["cp", "-a", bundle.path, home], check=True)
    subprocess.run(["chown", "-R", f"{uid}:{uid}", home], check=True)
    unit = Unit(bundle.unit.name, "--user", "--machine", f"{user}@.host")
    runc = [*run, RUNC, "--root", f"/run/user/{uid}/mooringtest-state"]
    try:
        log = os.path.join(home, "log")
        started = subprocess.run([*runc, "--log", log, "--systemd-cgroup", "run", "-d", "--bundle", home, bundle.id],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                 timeout=60)  # not captured: the container keeps these streams
        assert started.returncode == 0, open(log).read()
        state = json.loads(subprocess.run([*runc, "state", bundle.id], text=True, capture_output=True).stdout)
        group = open(f"/proc/{state['pid']}/cgroup").read().split("::")[1].strip()
        assert group.endswith(f"user@{uid}.service/user.slice/{bundle.unit.name}")
        assert open(f"{GROUPS}{group}/memory.max").read().strip() == str(64 * MIB)
        assert open(f"{GROUPS}{group}/pids.max").read().strip() == "42"
    finally:
        ended = subprocess.run([*runc, "delete", "--force", bundle.id], text=True, capture_output=True)
        subprocess.run(["rm", "-rf", home, f"/run/user/{uid}/mooringtest-state"])
    assert ended.returncode == 0, ended.stderr
    assert not os.path.exists(GROUPS + group)
    assert unit.is_gone()
