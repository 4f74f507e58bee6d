# SPDX-License-Identifier: Apache-2.0
"""pause, resume, kill, ps, update and events of mooring-runc, on real control groups."""

import contextlib
import json
import os
import signal
import subprocess

import pytest

import bundle as bundles
from groups import IS_V1, Groups, gone
from world import BUILD, wait_until


@pytest.fixture
def bundle(bundle):
    bundle.groups = Groups(bundle)
    return bundle


def start(bundle, *script):
    """A running container; the pid of its init."""
    pid = bundle.create(*(script or ("sleep", "1000")))
    bundle.moor.runc("start", bundle.id)
    return pid


def refused(bundle, message, *arguments, **options):
    """Runs mooring-runc, which must fail with one line that has the message in it."""
    result = bundle.moor.runc(*arguments, code=1, **options)
    assert message in result.stderr and result.stderr.count("\n") == 1, result.stderr
    return result.stderr


def quiet(bundle, *arguments, **options):
    """Runs mooring-runc, which must succeed in silence."""
    result = bundle.moor.runc(*arguments, **options)
    assert result.stdout == "" and result.stderr == ""


def counter(bundle):
    """A container whose program counts; reads how far it has come."""
    pid = start(bundle, "sh", "-c", "i=0; while true; do i=$((i+1)); echo $i > /tmp/count; done")
    path = os.path.join(bundle.rootfs, "tmp", "count")

    def count():
        with open(path) as file:
            return int(file.read().strip() or 0)
    wait_until(lambda: os.path.exists(path), "it counts")
    return pid, count


# -- pause and resume ------------------------------------------------------------------------------

def test_pause_stops_and_resume_goes_on(bundle):
    _, count = counter(bundle)
    quiet(bundle, "pause", bundle.id)
    assert bundle.state()["status"] == "paused" and bundle.groups.is_frozen()
    seen = count()
    refused(bundle, "container not running", "pause", bundle.id)
    refused(bundle, "cannot start a container in the paused state", "start", bundle.id)
    refused(bundle, "that is not stopped: paused", "delete", bundle.id)
    assert count() == seen
    quiet(bundle, "resume", bundle.id)
    assert bundle.state()["status"] == "running" and not bundle.groups.is_frozen()
    wait_until(lambda: count() > seen, "it goes on")
    refused(bundle, "container not paused", "resume", bundle.id)


def test_pause_of_created_and_stopped(bundle):
    pid = bundle.create("sleep", "1000")
    quiet(bundle, "pause", bundle.id)
    assert bundle.state()["status"] == "paused"
    quiet(bundle, "resume", bundle.id)
    assert bundle.state()["status"] == "created"
    quiet(bundle, "start", bundle.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    refused(bundle, "container not running", "pause", bundle.id)
    refused(bundle, "container not paused", "resume", bundle.id)
    refused(bundle, "does not exist", "pause", "no-such-container")
    refused(bundle, '"pause" requires exactly 1 argument(s)', "pause")


def test_pause_while_processes_come_and_go(bundle):
    start(bundle, "sh", "-c", "while true; do true & cat /dev/null; done")
    for _ in range(5):
        quiet(bundle, "pause", bundle.id)
        assert bundle.groups.is_frozen()
        quiet(bundle, "resume", bundle.id)


def test_pause_waits_for_those_who_wait_for_the_processor(bundle):
    """With a sixtieth of a processor a turn comes every now and then only."""
    bundle.config["linux"]["resources"]["cpu"] = {"quota": 5000, "period": 300000}
    start(bundle, "sh", "-c", "for i in 1 2 3; do (while true; do :; done) & done; wait")
    wait_until(lambda: len(bundle.groups.processes()) == 4, "all are busy")
    quiet(bundle, "pause", bundle.id)
    assert bundle.groups.is_frozen()


def test_a_paused_container_dies_of_kill_but_not_of_term(bundle):
    pid = start(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "kill", bundle.id, "TERM")
    assert bundle.state()["status"] == "paused"
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    assert bundle.state()["status"] == "stopped"
    quiet(bundle, "delete", bundle.id)


def test_delete_force_of_a_paused_container(bundle):
    pid = start(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "delete", "--force", bundle.id)
    gone([pid])
    assert bundle.traces() == []


def test_what_the_container_froze_inside_dies_too(bundle):
    """With a writable cgroup mount a container can freeze a group of its own: on v1 nothing in it dies
    before it is thawed."""
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    for mount in bundle.config["mounts"]:
        if mount["type"] == "cgroup":
            mount["options"].remove("ro")
    inside = "/sys/fs/cgroup/freezer/ice" if IS_V1 else "/sys/fs/cgroup/ice"
    switch = "echo FROZEN > freezer.state" if IS_V1 else "echo 1 > cgroup.freeze"
    pid = start(bundle, "sh", "-c", f"mkdir {inside} && cd {inside} && sleep 1001 & "
                f"cd {inside}; echo $! > cgroup.procs; {switch}; echo > /tmp/done; sleep 1000")
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "done")), "it is set up")
    quiet(bundle, "delete", "--force", bundle.id)
    gone([pid])
    assert bundle.traces() == []


# -- kill ------------------------------------------------------------------------------------------

def without_pid_namespace(bundle):
    bundle.config["linux"]["namespaces"] = [
        namespace for namespace in bundle.config["linux"]["namespaces"] if namespace["type"] != "pid"]


FAMILY = ("sh", "-c", "sleep 1001 & sleep 1002 & (while true; do sleep 1003 & wait $!; done) & "
          "echo > /tmp/ready; sleep 1004")


def family(bundle):
    pid = start(bundle, *FAMILY)
    wait_until(lambda: len(bundle.groups.processes()) >= 5, "all are there")
    return pid, bundle.groups.processes()


@pytest.mark.parametrize("is_init_gone", [False, True])
def test_kill_reaches_all_without_a_pid_namespace(bundle, is_init_gone):
    without_pid_namespace(bundle)
    pid, pids = family(bundle)
    if is_init_gone:
        os.kill(pid, signal.SIGKILL)
        gone([pid])
        assert bundle.state()["status"] == "stopped"
    quiet(bundle, "kill", bundle.id, "KILL")
    gone(pids)
    assert bundle.groups.processes() == []
    refused(bundle, "container not running", "kill", bundle.id, "KILL")
    quiet(bundle, "kill", "--all", bundle.id, "KILL")


def test_other_signals_reach_init_alone(bundle):
    without_pid_namespace(bundle)
    pid, pids = family(bundle)
    quiet(bundle, "kill", bundle.id, "USR1")
    gone([pid])
    assert set(pids) - {pid} <= set(bundle.groups.processes())
    quiet(bundle, "delete", bundle.id)
    gone(pids)


def test_kill_of_a_paused_container_without_a_pid_namespace(bundle):
    without_pid_namespace(bundle)
    _, pids = family(bundle)
    quiet(bundle, "pause", bundle.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone(pids)


def test_kill_by_number(bundle):
    pid = start(bundle)
    quiet(bundle, "kill", bundle.id, "0")  # is it there?
    refused(bundle, 'unknown signal "65"', "kill", bundle.id, "65")
    refused(bundle, 'unknown signal "NOPE"', "kill", bundle.id, "NOPE")
    quiet(bundle, "kill", bundle.id, "-9")
    gone([pid])
    refused(bundle, "container not running", "kill", bundle.id, "0")
    quiet(bundle, "kill", "--all", bundle.id, "0")


# -- delete ----------------------------------------------------------------------------------------

def state_file(bundle):
    return os.path.join(bundle.moor.run_dir, "runc", bundle.id, "state.json")


@pytest.mark.parametrize("share", [0, 10, 50, 100])
def test_delete_force_of_a_damaged_state(bundle, share):
    """Whatever part of it can still be read: the container is ended as far as it names it."""
    without_pid_namespace(bundle)
    pid, pids = family(bundle)
    pids.sort(key=lambda other: other != pid)  # init first
    with open(state_file(bundle)) as file:
        paths = json.load(file)["cgroup_paths"]
    with open(state_file(bundle), "r+") as file:
        file.truncate(max(0, os.path.getsize(state_file(bundle)) * share // 100 - 1))
    refused(bundle, "delete --force removes the container", "delete", bundle.id)
    assert os.path.exists(f"/proc/{pid}")
    quiet(bundle, "delete", "--force", bundle.id)
    assert not os.path.exists(state_file(bundle))
    refused(bundle, "does not exist", "delete", bundle.id)
    if share >= 50:
        gone([pid])
    if share < 100:  # nobody knows the others any more
        for other in pids[share >= 50:]:
            with contextlib.suppress(ProcessLookupError):  # it has ended with the one it waited for
                os.kill(other, signal.SIGKILL)
    gone(pids)
    for path in paths.values():
        wait_until(lambda path=path: remove_group(path), path)


def test_state_of_runcs(bundle):
    """After one runtime took the other's place: said, and left alone, by force too."""
    bundle.write()
    root = os.path.join(bundle.moor.run_dir, "runc")
    nothing = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    subprocess.run(["runc", "--root", root, "create", "--bundle", bundle.path, bundle.id], **nothing)
    try:
        for verb in (["state"], ["kill"], ["delete"], ["delete", "--force"]):
            refused(bundle, "it is runc's container: use runc for it, or another --root", *verb, bundle.id)
        shown = subprocess.run(["runc", "--root", root, "state", bundle.id], capture_output=True, text=True, check=True)
        assert json.loads(shown.stdout)["status"] == "created"
    finally:
        subprocess.run(["runc", "--root", root, "delete", "--force", bundle.id], **nothing)


def remove_group(path):
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def test_poststop_hooks_that_fail_are_told_and_hinder_nothing(bundle):
    ran = os.path.join(bundle.path, "ran")
    bundle.config["hooks"] = {"poststop": [
        {"path": "/bin/sh", "args": ["sh", "-c", "echo oh dear >&2; exit 3"]},
        {"path": "/bin/touch", "args": ["touch", ran]}]}
    pid = start(bundle)
    os.kill(pid, signal.SIGKILL)
    gone([pid])
    log = os.path.join(bundle.path, "log.json")
    deleted = bundle.moor.runc("--log", log, "--log-format", "json", "delete", bundle.id)
    assert "error running poststop hook #0: exit status 3" in deleted.stderr
    assert "oh dear" in deleted.stderr and os.path.exists(ran) and bundle.traces() == []
    assert not os.path.exists(log) or os.path.getsize(log) == 0


# -- ps --------------------------------------------------------------------------------------------

def test_ps_as_json(bundle):
    _, pids = family(bundle)
    printed = bundle.moor.runc("ps", "--format", "json", bundle.id).stdout
    assert printed.count("\n") == 1 and " " not in printed
    assert set(json.loads(printed)) >= set(pids[:4])
    quiet(bundle, "kill", bundle.id, "KILL")
    gone(pids)
    assert bundle.moor.runc("ps", "-f", "json", bundle.id).stdout == "null\n"


def test_ps_lists_groups_inside(bundle):
    pid = start(bundle)
    inside = os.path.join(bundle.groups.path("freezer"), "inside")
    os.mkdir(inside)
    with open(os.path.join(inside, "cgroup.procs"), "w") as file:
        file.write(str(pid))
    assert json.loads(bundle.moor.runc("ps", "-f", "json", bundle.id).stdout) == [pid]


def test_ps_as_a_table(bundle):
    pid = start(bundle, "sh", "-c", "sleep 1001 & exec sleep 1002")
    wait_until(lambda: len(bundle.groups.processes()) == 2, "both are there")
    pids = {str(number) for number in bundle.groups.processes()}
    heading, *rows = bundle.moor.runc("ps", bundle.id).stdout.splitlines()
    assert heading.split()[:3] == ["UID", "PID", "PPID"]
    assert {row.split()[1] for row in rows} == pids
    assert [row for row in rows if row.split()[1] == str(pid)][0].endswith("sleep 1002")
    # What follows the id is for ps.
    heading, *rows = bundle.moor.runc("ps", bundle.id, "-e", "-o", "ppid,pid").stdout.splitlines()
    assert {row.split()[1] for row in rows} == pids


def test_ps_refuses(bundle):
    start(bundle)
    refused(bundle, "couldn't find PID field in ps output", "ps", bundle.id, "-e", "-o", "comm")
    refused(bundle, "ps: exit status 1: error:", "ps", bundle.id, "--no-such-option")
    refused(bundle, "invalid format option", "ps", "-f", "xml", bundle.id)
    refused(bundle, "does not exist", "ps", "no-such-container")
    refused(bundle, 'requires a minimum of 1 argument(s)', "ps")


# -- update ----------------------------------------------------------------------------------------

MIB = 1 << 20
MEMORY = ("memory.limit_in_bytes", "memory.max")
SOFT = ("memory.soft_limit_in_bytes", "memory.low")
PIDS = ("pids.max", "pids.max")
CPUS = ("cpuset.cpus", "cpuset.cpus")
IDLE = ("cpu.idle", "cpu.idle")
BURST = ("cpu.cfs_burst_us", "cpu.max.burst")


def cpu(bundle):
    """Quota and period."""
    if IS_V1:
        return [int(bundle.groups.read(f"cpu.cfs_{name}_us", "")) for name in ("quota", "period")]
    quota, period = bundle.groups.read("", "cpu.max").split()
    return [-1 if quota == "max" else int(quota), int(period)]


def swap(bundle):
    """Limit of memory and swap together; None: no limit."""
    if IS_V1:
        limit = int(bundle.groups.read("memory.memsw.limit_in_bytes", ""))
        return None if limit > 1 << 60 else limit
    limit = bundle.groups.read("", "memory.swap.max")
    return None if limit == "max" else int(limit) + int(bundle.groups.read(*MEMORY))


def is_unlimited(text):
    return text == "max" or int(text) > 1 << 60


SHARES = {100: 17, 200: 29, 1024: 100}


def shares(bundle, number):
    return bundle.groups.read("cpu.shares", "cpu.weight") == str(number if IS_V1 else SHARES[number])


@pytest.fixture
def limited(bundle):
    bundle.config["linux"]["resources"].update({
        "memory": {"limit": 32 * MIB, "reservation": 24 * MIB},
        "cpu": {"shares": 100, "quota": 500000, "period": 1000000}, "pids": {"limit": 20}})
    start(bundle)
    return bundle


def test_update_by_flags(limited):
    update = lambda *flags: quiet(limited, "update", *flags)  # noqa: E731
    read = limited.groups.read
    assert [read(*MEMORY), read(*SOFT), read(*PIDS)] == [str(32 * MIB), str(24 * MIB), "20"]
    update(limited.id, "--memory", "50M")  # flags may follow the id
    assert read(*MEMORY) == str(50 * MIB) and read(*SOFT) == str(24 * MIB) and read(*PIDS) == "20"
    update("--memory-reservation", str(33 * MIB), limited.id)
    assert read(*SOFT) == str(33 * MIB)
    update("--pids-limit", "10", "--cpu-share=200", limited.id)
    assert read(*PIDS) == "10" and shares(limited, 200) and read(*MEMORY) == str(50 * MIB)
    update("--pids-limit", "-1", limited.id)
    assert read(*PIDS) == "max"
    update("--memory", "-1", limited.id)
    assert is_unlimited(read(*MEMORY))
    if os.cpu_count() > 1:
        update("--cpuset-cpus", "1", limited.id)
        assert read(*CPUS) == "1"
    update("--kernel-memory", "1M", "--kernel-memory-tcp", "1M", limited.id)
    update(limited.id)


def test_update_keeps_the_other_half_of_the_quota(limited):
    for flags, wanted in [([], [500000, 1000000]),
                          (["--cpu-period", "900000"], [500000, 900000]),
                          (["--cpu-quota", "600000"], [600000, 900000]),
                          (["--cpu-quota", "-1"], [-1, 900000]),
                          (["--cpu-quota", "3000", "--cpu-period", "10000"], [3000, 10000]),
                          (["--cpu-share", "1024"], [3000, 10000])]:
        quiet(limited, "update", *flags, limited.id)
        assert cpu(limited) == wanted, flags
    assert shares(limited, 1024)


def test_update_of_an_unlimited_container(bundle):
    start(bundle)
    quiet(bundle, "update", "--cpu-quota", "30000", bundle.id)
    assert cpu(bundle) == [30000, 100000]
    quiet(bundle, "update", "--cpu-period", "50000", bundle.id)
    assert cpu(bundle) == [30000, 50000]


def test_update_by_json(limited):
    text = json.dumps({"memory": {"limit": 64 * MIB, "reservation": 16 * MIB},
                       "cpu": {"shares": 200, "quota": 600000, "period": 900000, "cpus": "0"},
                       "pids": {"limit": 30}})
    quiet(limited, "update", "--resources=-", limited.id, input=text)
    read = limited.groups.read
    assert [read(*MEMORY), read(*SOFT), read(*PIDS), read(*CPUS)] == [
        str(64 * MIB), str(16 * MIB), "30", "0"]
    assert cpu(limited) == [600000, 900000] and shares(limited, 200)
    path = os.path.join(limited.path, "resources.json")
    with open(path, "w") as file:
        json.dump({"pids": {"limit": 40}, "devices": [{"allow": False, "access": "rwm"}]}, file)
    quiet(limited, "update", limited.id, "-r", path)
    assert read(*PIDS) == "40" and read(*MEMORY) == str(64 * MIB)


def test_update_of_swap(limited):
    if not limited.groups.has("memory.memsw.limit_in_bytes", "memory.swap.max"):
        return  # a kernel without swap accounting: nothing to update
    for memory, both in [(30, 50), (60, 80), (20, 25), (20, 200), (150, 200)]:
        quiet(limited, "update", "--memory", f"{memory}M", "--memory-swap", f"{both}M", limited.id)
        assert limited.groups.read(*MEMORY) == str(memory * MIB) and swap(limited) == both * MIB
    quiet(limited, "update", "--memory-swap", "160M", limited.id)  # memory stays
    assert limited.groups.read(*MEMORY) == str(150 * MIB) and swap(limited) == 160 * MIB
    quiet(limited, "update", "--memory", "100M", limited.id)  # the sum stays
    assert limited.groups.read(*MEMORY) == str(100 * MIB) and swap(limited) == 160 * MIB
    quiet(limited, "update", "--memory-swap", "-1", limited.id)
    assert swap(limited) is None
    quiet(limited, "update", "--memory-swap", "160M", limited.id)
    quiet(limited, "update", "--memory", "-1", limited.id)  # takes swap's limit along
    assert is_unlimited(limited.groups.read(*MEMORY)) and swap(limited) is None


def test_update_of_idle_and_burst(limited):
    if limited.groups.has(*BURST):
        quiet(limited, "update", "--cpu-period", "900000", "--cpu-burst", "500000", limited.id)
        assert limited.groups.read(*BURST) == "500000"
        quiet(limited, "update", "--memory", "100M", limited.id)
        assert limited.groups.read(*BURST) == "500000"
        quiet(limited, "update", "--cpu-quota", "100000", "--cpu-burst", "90000", limited.id)
        assert [limited.groups.read(*BURST), cpu(limited)] == ["90000", [100000, 900000]]
        quiet(limited, "update", "--cpu-quota", "400000", "--cpu-burst", "300000", limited.id)
        assert [limited.groups.read(*BURST), cpu(limited)] == ["300000", [400000, 900000]]
        quiet(limited, "update", "--cpu-burst", "0", limited.id)
        assert limited.groups.read(*BURST) == "0"
    for value in "1", "0", "1":
        quiet(limited, "update", "--cpu-idle", value, limited.id)
        assert limited.groups.read(*IDLE) == value
    refused(limited, "invalid value for cpu-idle", "update", "--cpu-idle", "2", limited.id)
    quiet(limited, "update", "--cpu-period", "10000", "--cpu-quota", "5000", limited.id)
    assert limited.groups.read(*IDLE) == "1"


def test_update_that_fails_sets_back_what_it_changed(limited):
    effective = ("cpuset.effective_cpus", "cpuset.cpus.effective")
    now = lambda: [limited.groups.read(*file)  # noqa: E731
                   for file in (MEMORY, SOFT, PIDS, effective)] + cpu(limited)
    before = now()
    text = json.dumps({"memory": {"limit": 64 * MIB, "reservation": 16 * MIB}, "pids": {"limit": 5},
                       "cpu": {"shares": 200, "quota": 600000, "period": 900000, "cpus": "0"},
                       "hugepageLimits": [{"pageSize": "3KB", "limit": 1}]})
    refused(limited, "hugetlb", "update", "-r", "-", limited.id, input=text)
    assert now() == before
    assert shares(limited, 100)
    refused(limited, "cpuset.cpus", "update", "--cpuset-cpus", "100000", "--memory", "60M", limited.id)
    assert limited.groups.read(*MEMORY) == before[0]


def test_update_refuses(limited):
    refuse = lambda message, *flags, **options: refused(  # noqa: E731
        limited, message, "update", *flags, limited.id, **options)
    refuse("invalid value for memory: invalid suffix: 'x'", "--memory", "12x")
    refuse("invalid value for cpu-period: expected a number from 0", "--cpu-period", "-5")
    refuse("invalid value for pids-limit", "--pids-limit", "many")
    refuse("l3 cache schema is not enabled", "--l3-cache-schema", "L3:0=f")
    refuse("memory bandwidth schema is not enabled", "--mem-bw-schema", "MB:0=20")
    refuse("resources: memory.limit: expected", "-r", "-", input='{"memory": {"limit": "1G"}}')
    refuse("resources", "-r", "-", input="{")
    refuse("resources: expected an object, found an array", "-r", "-", input="[]")
    refuse("/no/such/file: no such file or directory", "-r", "/no/such/file")
    refuse("flag provided but not defined: -nonsense", "--nonsense")
    if IS_V1:
        refuse("invalid configuration: cannot use unified on cgroup v1", "-r", "-",
               input='{"unified": {"pids.max": "10"}}')
        refuse("the maximum allowed cpu-shares is 262144", "--cpu-share", "300000")
        refuse("the minimum allowed cpu-shares is 2", "--cpu-share", "1")
        assert shares(limited, 100)
    quiet(limited, "kill", limited.id, "KILL")
    wait_until(lambda: limited.state()["status"] == "stopped", "it is dead")
    refuse("container not running", "--pids-limit", "10")
    refused(limited, '"update" requires exactly 1 argument(s)', "update", "--pids-limit", "10")
    refused(limited, "does not exist", "update", "--pids-limit", "10", "no-such-container")


def test_update_refuses_a_limit_below_what_is_in_use(bundle):
    """v1's kernel refuses and says how much is in use; v2's kills, unless it is checked before."""
    bundle.config["linux"]["resources"]["memory"] = {"limit": 64 * MIB, "swap": 64 * MIB}
    start(bundle, "sh", "-c", "head -c 20000000 /dev/zero > /dev/shm/f; echo > /tmp/full; sleep 1000")
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "full")), "memory is in use")
    text = json.dumps({"memory": {"limit": 4 * MIB, "checkBeforeUpdate": True}})
    message = "unable to set memory limit to 4194304 (current usage: " if IS_V1 else (
        "rejecting memory limit 4194304 <= usage ")
    refused(bundle, message, "update", "-r", "-", bundle.id, input=text)
    assert bundle.groups.read(*MEMORY) == str(64 * MIB) and bundle.state()["status"] == "running"


def test_update_by_unified(limited):
    if IS_V1:
        return
    update = lambda **files: limited.moor.runc(  # noqa: E731
        "update", "-r", "-", limited.id, input=json.dumps({"unified": files}), code=None)
    assert update(**{"cpu.max": "max 100000", "cpu.weight": "16", "pids.max": "10"}).returncode == 0
    assert cpu(limited) == [-1, 100000] and limited.groups.read(*PIDS) == "10"
    assert limited.groups.read("", "cpu.weight") == "16"
    assert 'must be in the form CONTROLLER.PARAMETER' in update(nonsense="1").stderr
    assert 'controller "nonsense" not available' in update(**{"nonsense.max": "1"}).stderr
    assert 'unable to set unified resource "pids.nonsense"' in update(**{"pids.nonsense": "1"}).stderr


def test_update_leaves_a_paused_container_paused(limited):
    quiet(limited, "pause", limited.id)
    quiet(limited, "update", "--pids-limit", "30", limited.id)
    assert limited.state()["status"] == "paused" and limited.groups.read(*PIDS) == "30"
    quiet(limited, "resume", limited.id)


# -- events ----------------------------------------------------------------------------------------

class Events:
    """A running `events`; its lines as they come."""

    def __init__(self, bundle, *flags):
        self.process = bundle.moor.start(os.path.join(BUILD, "runtime", "mooring-runc"), "--root",
                                         os.path.join(bundle.moor.run_dir, "runc"), "events", *flags,
                                         bundle.id)
        self.text = b""
        os.set_blocking(self.process.stdout.fileno(), False)

    def lines(self):
        while True:
            try:
                more = os.read(self.process.stdout.fileno(), 65536)
            except BlockingIOError:
                more = b""
            self.text += more
            if not more:
                return [json.loads(line) for line in self.text.decode().splitlines(keepends=True)
                        if line.endswith("\n")]

    def types(self):
        return [line["type"] for line in self.lines()]

    def wait_for(self, kind):
        wait_until(lambda: kind in self.types(), kind)

    def watches(self):
        """True once it waits for news of memory."""
        descriptors = f"/proc/{self.process.pid}/fd"
        links = []
        for name in os.listdir(descriptors):
            with contextlib.suppress(FileNotFoundError):  # just closed
                links.append(os.readlink(os.path.join(descriptors, name)))
        return ("anon_inode:[eventfd]" in links or "anon_inode:inotify" in links) and (
            "anon_inode:[pidfd]" in links or [link for link in links if link.startswith("pidfd:")])

    def ends(self):
        """It must end by itself, without an error."""
        assert self.process.wait(15) == 0
        assert self.process.stderr.read() == ""
        return self.types()


def test_events_stats_once(bundle):
    bundle.config["linux"]["resources"].update({"memory": {"limit": 64 * MIB}, "pids": {"limit": 7},
                                                "cpu": {"quota": 50000, "period": 100000}})
    start(bundle, "sh", "-c", "head -c 8000000 /dev/zero > /dev/shm/f; echo > /tmp/full;"
          "exec sleep 1000")
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "full")), "memory is in use")
    printed = bundle.moor.runc("events", "--stats", bundle.id).stdout
    assert printed.count("\n") == 1 and printed.startswith('{"type":"stats","id":"%s",' % bundle.id)
    data = json.loads(printed)["data"]
    assert list(data) == ["cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt",
                          "network_interfaces"]
    assert data["cpu"]["usage"]["total"] > 100000
    assert set(data["cpu"]["usage"]) >= {"kernel", "user"} and "throttling" in data["cpu"]
    assert data["memory"]["usage"]["limit"] == 64 * MIB
    assert 8000000 < data["memory"]["usage"]["usage"] <= 64 * MIB
    assert data["memory"]["cache"] >= 8000000
    assert data["memory"]["raw"]["cache" if IS_V1 else "file"] >= 8000000
    assert data["memory"]["swap"]["usage"] >= data["memory"]["usage"]["usage"]
    assert {"limit", "failcnt"} <= set(data["memory"]["kernel"])
    assert data["pids"] == {"current": 1, "limit": 7}
    assert data["intel_rdt"] == {} and data["network_interfaces"] is None
    if IS_V1:
        assert len(data["cpu"]["usage"]["percpu"]) >= os.cpu_count()
        assert 0 in data["cpuset"]["cpus"] and data["cpuset"]["sched_relax_domain_level"] == -1


def test_events_come_at_the_interval_until_the_end(bundle):
    pid = start(bundle)
    events = Events(bundle, "--interval", "50ms")
    wait_until(lambda: len(events.lines()) >= 3, "three lines")
    slow = Events(bundle, "--interval", "1h")
    wait_until(slow.watches, "it watches")
    os.kill(pid, signal.SIGKILL)
    assert set(events.ends()) == {"stats"}
    assert slow.ends() == []


def test_events_of_memory_that_ran_out(bundle):
    bundle.config["linux"]["resources"]["memory"] = {"limit": 24 * MIB, "swap": 24 * MIB}
    start(bundle, "sh", "-c", "while ! test -e /tmp/go; do sleep 0.02; done;"
          "sort /dev/zero; sleep 1000")  # one line without end
    events = Events(bundle, "--interval", "1h")
    wait_until(events.watches, "it watches")
    assert events.types() == []
    with open(os.path.join(bundle.rootfs, "tmp", "go"), "w"):
        pass
    events.wait_for("oom")
    assert events.lines()[0] == {"type": "oom", "id": bundle.id}
    assert bundle.state()["status"] == "running"
    quiet(bundle, "delete", "--force", bundle.id)
    assert set(events.ends()) == {"oom"}


def test_events_of_memory_that_took_init_along(bundle):
    bundle.config["linux"]["resources"]["memory"] = {"limit": 24 * MIB, "swap": 24 * MIB}
    start(bundle, "sh", "-c", "while ! test -e /tmp/go; do sleep 0.02; done;"
          "exec sort /dev/zero")
    events = Events(bundle, "--interval", "1h")
    wait_until(events.watches, "it watches")
    with open(os.path.join(bundle.rootfs, "tmp", "go"), "w"):
        pass
    assert set(events.ends()) == {"oom"}
    wait_until(lambda: bundle.state()["status"] == "stopped", "it is dead")


def test_events_refuses(bundle):
    pid = start(bundle)
    refused(bundle, "duration interval must be greater than 0", "events", "--interval", "0s", bundle.id)
    refused(bundle, "expected a duration", "events", "--interval", "soon", bundle.id)
    refused(bundle, "does not exist", "events", "no-such-container")
    os.kill(pid, signal.SIGKILL)
    gone([pid])
    refused(bundle, f"container with id {bundle.id} is not running", "events", "--stats", bundle.id)


# -- a group that is taken -------------------------------------------------------------------------

def test_a_group_that_is_in_use_or_frozen_is_refused(moor, bundle):
    other = bundles.Bundle(moor, "other")
    bundle.config["linux"]["cgroupsPath"] = other.config["linux"]["cgroupsPath"] = f"/{bundle.id}"
    pid = start(bundle)
    other.write()
    message = "container's cgroup is not empty: 1 process(es) found"
    refused(other, message, "create", "--bundle", other.path, other.id)
    quiet(bundle, "kill", bundle.id, "KILL")
    gone([pid])
    bundle.groups.write("freezer.state", "cgroup.freeze", "FROZEN" if IS_V1 else "1")
    refused(other, "container's cgroup unexpectedly frozen", "create", "--bundle", other.path, other.id)
    quiet(bundle, "delete", bundle.id)
    assert other.traces() == []
