# SPDX-License-Identifier: Apache-2.0
"""Containers, volumes and networks after the power went, and after kill -9 at every step: what a command said was done is
there in full, and what it had not yet said is there or not, never half. (Images: test_image_power.py, test_image_crash.py.)"""

import contextlib
import json
import os
import signal

import pytest

import leftovers
import test_boot
import world
from test_image_crash import killed_at
from test_image_power import Disk


@pytest.fixture
def disk(tmp_path):
    made = Disk(tmp_path)
    yield made
    made.unmount()


class Machine(world.Mooring):
    """Its store is on the disk, its /run is not."""

    def __init__(self, directory, disk):
        super().__init__(directory)
        self.disk, self.root = disk, os.path.join(disk.place, "root")
        self.env["MOORING_ROOT"] = self.root

    def lose_power(self):
        lost = test_boot.running(self)
        os.makedirs(self.run_dir, exist_ok=True)
        self.disk.lose_power(lambda: test_boot.lose_power(self, lost))

    def listed(self, kind):
        return self.docker(kind, "ls", "-q" if kind == "volume" else "--format={{.Name}}").stdout.split()

    def inspect(self, template, name):
        return self.docker("inspect", "-f", template, name).stdout.strip()


@pytest.fixture
def machine(tmp_path, disk, busybox_tar):
    machine = Machine(tmp_path, disk)
    machine.docker("load", "-i", busybox_tar)
    yield machine
    machine.clean_up()


def run(machine, name, *options):
    machine.docker("run", "-d", "--network", "none", "--stop-signal", "KILL", "--name", name, *options, "busybox:test",
                   "sleep", "600")


def test_what_was_said_to_be_done_is(machine):
    def after(*command):
        machine.docker(*command)
        machine.lose_power()

    after("create", "--name", "made", "--label", "a=b", "busybox:test", "true")
    assert machine.inspect("{{.State.Status}} {{.Config.Labels.a}}", "made") == "created b"
    after("rename", "made", "renamed")
    assert machine.inspect("{{.Name}}", "renamed") == "/renamed"
    machine.docker("inspect", "made", code=1)
    after("rm", "renamed")
    machine.docker("inspect", "renamed", code=1)

    run(machine, "always", "--restart", "always", "-v", "data:/data")
    machine.lose_power()
    machine.mooring("boot")
    assert machine.inspect("{{.State.Status}}", "always") == "running"
    after("rm", "-f", "always")
    machine.docker("inspect", "always", code=1)

    run(machine, "once")
    machine.docker("create", "--name", "started", "--network", "none", "--restart", "unless-stopped", "busybox:test", "sleep", "600")
    after("start", "started")
    machine.mooring("boot")
    assert [machine.inspect("{{.State.Status}}", name) for name in ("once", "started")] == ["exited", "running"]
    after("stop", "-t", "0", "started")
    machine.mooring("boot")
    assert machine.inspect("{{.State.Status}}", "started") == "exited"
    after("start", "started")
    machine.mooring("boot")
    assert machine.inspect("{{.State.Status}}", "started") == "running"

    after("volume", "create", "--label", "a=b", "labelled")
    assert machine.docker("volume", "inspect", "-f", "{{.Labels.a}}", "labelled").stdout == "b\n"
    after("volume", "rm", "labelled")
    assert machine.listed("volume") == ["data"]
    after("network", "create", "net")
    assert "net" in machine.listed("network")
    after("network", "rm", "net")
    assert "net" not in machine.listed("network")


def one_of(machine, name, *states):
    return machine.docker("ps", "-a", "--filter", f"name=^{name}$", "--format", "{{.State}}").stdout.strip() in states


KEPT = ["--network", "none", "--restart", "unless-stopped", "busybox:test", "sleep", "600"]
CUT = {  # name: (before it, the command, what may be then if it had not returned)
    "create": (None, ["create", "--name", "one", "-v", "data:/data", *KEPT], lambda m: one_of(m, "one", "", "created")),
    "start": (["create", "--name", "one", *KEPT], ["start", "one"], lambda m: one_of(m, "one", "created", "running")),
    "rename": (["create", "--name", "one", *KEPT], ["rename", "one", "two"],
               lambda m: sorted([one_of(m, "one", "created"), one_of(m, "two", "created")]) == [False, True]),
    "remove": (["create", "--name", "one", "-v", "/anonymous", *KEPT], ["rm", "-v", "one"], lambda m: one_of(m, "one", "", "created")),
    "tag": (None, ["tag", "busybox:test", "other:1"], lambda m: m.docker("images", "-q", "busybox:test").stdout),
}


@pytest.mark.parametrize("name", CUT)
def test_the_power_goes_in_the_middle(machine, name):
    """Killed before some of its steps, and nothing is written any more: the old state or the new one, and all is of use."""
    before, command, is_whole = CUT[name]
    cut = 0
    for call, number in [(call, number) for call in ("mkdirat", "rename,renameat", "fsync", "unlinkat") for number in (1, 3)]:
        if before:
            machine.docker(*before)
        done = machine.run(*killed_at(call, number), os.path.join(machine.names, "docker"), *command, code=None)
        machine.lose_power()
        listed = machine.docker("ps", "-a")
        assert (listed.stderr, machine.mooring("boot").stderr) == ("", "") and is_whole(machine), (call, number)
        cut += done.returncode != 0
        machine.docker("rm", "-f", "-v", "one", "two")
        machine.docker("volume", "prune", "-af")
        assert os.listdir(os.path.join(machine.root, "names")) == [] and machine.listed("volume") == []
    assert cut >= 2


PROJECT = """
services:
  a: {image: "busybox:test", command: sleep 600, network_mode: none, restart: always, stop_signal: KILL, volumes: ["data:/data"]}
  b: {image: "busybox:test", command: "true", network_mode: none, depends_on: [a]}
volumes:
  data: {labels: {c: d}}
"""


def test_a_project_that_was_said_to_be_up_is(machine, tmp_path):
    (tmp_path / "compose.yaml").write_text(PROJECT)

    def compose(*arguments):
        return machine.docker("compose", "-p", "p", "-f", tmp_path / "compose.yaml", *arguments)

    compose("up", "-d")
    machine.docker("wait", "p-b-1")
    machine.lose_power()
    machine.mooring("boot")
    assert [machine.inspect("{{.State.Status}}", name) for name in ("p-a-1", "p-b-1")] == ["running", "exited"]
    assert machine.docker("volume", "inspect", "-f", "{{.Labels.c}}", "p_data").stdout == "d\n"
    compose("up", "-d")
    machine.docker("wait", "p-b-1")
    compose("down", "-v")
    machine.lose_power()
    assert (machine.docker("ps", "-aq").stdout, machine.listed("volume")) == ("", [])


def test_what_goes_away_with_its_process_has_gone(machine):
    """Nothing of a --rm container is synced, but others' syncs bring its names to the disk, and its files with nothing in them."""
    before = os.listdir(os.path.join(machine.root, "containers"))
    run(machine, "gone", "--rm")
    machine.docker("network", "create", "net")
    machine.lose_power()
    left = os.listdir(os.path.join(machine.root, "containers"))
    assert len(left) == 1 and os.path.getsize(os.path.join(machine.root, "containers", left[0], "options.json")) == 0
    listed = machine.docker("ps", "-aq")
    assert (listed.stdout, listed.stderr, machine.mooring("boot").stderr) == ("", "", "")
    machine.docker("run", "--rm", "--network", "none", "--name", "gone", "busybox:test", "true")
    assert os.listdir(os.path.join(machine.root, "containers")) == before
    machine.docker("rmi", "busybox:test")


# -- kill -9 -------------------------------------------------------------------------------------

STEPS = ["mkdirat", "fchmodat", "rename,renameat", "symlinkat,symlink", "unlinkat", "fsync"]


def sweep(moor, command, check, prepare=lambda: None):
    """Kills the command before each of its steps; then `check` looks, and the command does what is left to do."""
    killed = 0
    for call in STEPS:
        for number in range(1, 60):
            prepare()
            code = moor.run(*killed_at(call, number), os.path.join(moor.names, "docker"), *command, code=None).returncode
            check(code == 0)
            if code == 0:
                break
            killed += 1
    return killed


def below(directory):
    """Of what ends with the machine: all but the journal of events."""
    found = {os.path.relpath(os.path.join(place, name), directory) for place, names, files in os.walk(directory)
             for name in names + files}
    return found - {"events", "events.1"}


RUN_STEPS = [("bind", 1), ("unlinkat", 1), ("unlinkat", 4), ("rename,renameat", 1), ("rename,renameat", 2), ("write", 2), ("write", 3),
             ("write", 4), ("write", 5)]


@pytest.mark.parametrize("is_kept", [False, True], ids=["--rm", "start"])
def test_a_killed_start_leaves_nothing_in_run(moor, busybox, is_kept):
    """Command and monitor are killed before their n-th such call: addresses and doors are given back by the next ones."""
    run = ["run", "--rm", "--name", "one", "-p", "127.0.0.1::80", busybox, "true"]
    moor.docker(*run)
    before = below(moor.run_dir)
    for call, number in RUN_STEPS:
        if is_kept:
            moor.docker("create", *run[2:])
        cut = moor.run("strace", "-f", *killed_at(call, number)[1:], os.path.join(moor.names, "docker"),
                       *(["start", "-a", "one"] if is_kept else run), code=None)
        assert cut.returncode, (call, number)
        assert moor.docker("ps", "-aq").stderr == ""
        moor.docker("rm", "-f", "one")
        moor.docker(*run)
        assert below(moor.run_dir) == before, (call, number)


def test_a_removed_network_is_forgotten(moor):
    """Killed before it removes what the network had in /run: the next network that is made does."""
    def check(is_done):
        moor.docker("network", "rm", "-f", "net")
        moor.docker("network", "create", "other")
        moor.docker("network", "rm", "other")
        assert os.listdir(os.path.join(moor.run_dir, "networks")) == []

    assert sweep(moor, ["network", "rm", "net"], check, lambda: moor.docker("network", "create", "net")) > 5


def test_a_volume_is_made_in_one_step(moor):
    def check(is_done):
        assert moor.docker("volume", "ls", "-q").stdout.split() in ([["all"]] if is_done else [[], ["all"]])
        moor.docker("volume", "create", "--label", "a=b", "all")
        made = json.loads(moor.docker("volume", "inspect", "all").stdout)[0]
        assert made["Labels"] == {"a": "b"} and os.stat(made["Mountpoint"]).st_mode == 0o40755
        moor.docker("volume", "rm", "all")
        assert os.listdir(os.path.join(moor.root, "volumes")) == [".lock"]

    assert sweep(moor, ["volume", "create", "--label", "a=b", "all"], check) > 5


def test_a_volume_is_removed_in_one_step(moor):
    data = os.path.join(moor.root, "volumes", "all", "_data")

    def prepare():
        if not os.path.exists(data):
            moor.docker("volume", "create", "all")
            for name in "abc":
                open(os.path.join(data, name), "w").close()

    def check(is_done):
        if moor.docker("volume", "ls", "-q").stdout == "":
            assert os.listdir(os.path.join(moor.root, "volumes")) == [".lock"]
        else:
            assert not is_done and sorted(os.listdir(data)) == ["a", "b", "c"]

    assert sweep(moor, ["volume", "rm", "all"], check, prepare) > 5


def test_a_full_disk_leaves_no_half_volume(small_disk):
    moor = world.Mooring(small_disk)
    moor.docker("volume", "create", "first")
    with open(os.path.join(small_disk, "fill"), "wb", 0) as file, contextlib.suppress(OSError):
        while file.write(4096 * b"x"):
            pass
    assert "make volume second: " in moor.docker("volume", "create", "--label", "a=b", "second", code=1).stderr
    assert moor.docker("volume", "ls", "-q").stdout == "first\n"
    moor.docker("volume", "rm", "first")
    os.unlink(os.path.join(small_disk, "fill"))
    moor.docker("volume", "create", "second")
    assert sorted(os.listdir(os.path.join(moor.root, "volumes"))) == [".lock", "second"]


def test_a_volume_without_data_is_none(moor):
    """As file systems leave one of which nothing was synced, neither name nor data."""
    os.makedirs(os.path.join(moor.root, "volumes", 64 * "a"))
    assert moor.docker("volume", "ls", "-q").stdout == "" and os.listdir(os.path.join(moor.root, "volumes")) == []


def test_a_copy_into_a_volume_is_done_again(moor, tmp_path):
    """Somebody else's file is there by then: it stays."""
    files = {f"data/{name}": name.encode() * 5000 for name in "abcd"}
    layer = world.tar_bytes([("data", None), *files.items(), ("data/link", ("link", "a"))])
    moor.docker("load", "-i", world.Image([world.busybox_layer(), layer]).save(tmp_path / "image.tar", "data:1"))
    command = ["run", "--rm", "--network", "none", "-v", "vol:/data", "data:1", "true"]
    cut = moor.run("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendfile", "-e", "inject=sendfile:signal=KILL:when=3",
                   os.path.join(moor.names, "docker"), *command, code=None)
    data = os.path.join(moor.root, "volumes", "vol", "_data")
    assert cut.returncode and 0 < len(os.listdir(data)) < 5
    with open(os.path.join(data, "other"), "w") as file:
        file.write("kept")
    moor.docker(*command)
    assert sorted(os.listdir(data)) == ["a", "b", "c", "d", "link", "other"]
    assert all(open(os.path.join(data, name), "rb").read() == name.encode() * 5000 for name in "abcd")
    os.unlink(os.path.join(data, "a"))
    moor.docker(*command)
    assert not os.path.exists(os.path.join(data, "a"))  # once is enough


def test_a_rename_goes_on(moor, busybox):
    moor.docker("create", "--name", "old", busybox, "true")

    def check(is_done):
        listed = moor.docker("ps", "-a", "--format", "{{.Names}}").stdout.strip()
        assert listed in (["new"] if is_done else ["old", "new"])
        if listed == "old":
            moor.docker("rename", "old", "new")
        moor.docker("inspect", "new")
        moor.docker("inspect", "old", code=1)
        moor.docker("rename", "new", "old")

    assert sweep(moor, ["rename", "old", "new"], check) > 5


# -- damage --------------------------------------------------------------------------------------

DAMAGE = {"empty": lambda old: b"", "zeros": lambda old: bytes(len(old)), "half": lambda old: old[:len(old) // 2],
         "other": lambda old: b'{"id": [1'}


@pytest.mark.parametrize("how", DAMAGE)
@pytest.mark.parametrize("is_running", [False, True], ids=["ended", "running"])
def test_a_damaged_container_can_be_removed(moor, busybox, how, is_running):
    """Its options are not what was written, as after a bad block: it is named, others do not mind, and rm -f removes
    all that there is of it. Empty and not running, it is what a power cut leaves, and goes by itself."""
    moor.docker("network", "create", "net")
    options = ("--network", "net", "-p", "127.0.0.1::80", "--restart", "always")
    id = moor.docker(*(("run", "-d") if is_running else ("create",)), "--name", "victim", *options, busybox, "sleep", "600").stdout.strip()
    moor.docker("run", "-d", "--name", "good", "--network", "none", "--stop-signal", "KILL", busybox, "sleep", "600")
    before = set(leftovers.processes_naming(id))
    path = os.path.join(moor.root, "containers", id, "options.json")
    with open(path, "rb") as file:
        old = file.read()
    with open(path, "wb") as file:
        file.write(DAMAGE[how](old))
    is_rubbish = how in ("empty", "zeros") and not is_running
    listed = moor.docker("ps", "-a", "--format", "{{.Names}}")
    assert listed.stdout == "good\n"
    assert bool(listed.stderr) != is_rubbish and (is_rubbish or f"docker rm -f {id[:12]}" in listed.stderr), listed.stderr
    assert listed.stderr.count("\n") == (0 if is_rubbish else 1)
    if not is_rubbish:
        assert f"docker rm -f {id[:12]}" in moor.docker("inspect", "victim", code=1).stderr
        assert f"docker rm -f {id[:12]}" in moor.docker("container", "prune", "-f").stderr
        refused = moor.docker("rm", "victim", code=1).stderr
        assert f"docker rm -f {id[:12]}" in refused and refused.count("\n") == 1
        moor.docker("run", "--rm", "--network", "none", "--name", "victim", busybox, code=125)
        assert moor.docker("rm", "-f", "victim").stdout == "victim\n"
    assert not os.path.exists(os.path.dirname(path))
    assert not is_running or before
    world.wait_until(lambda: not leftovers.processes_naming(id), "its processes to end")
    assert os.listdir(os.path.join(moor.root, "names")) == ["good"]
    moor.docker("network", "rm", "net")
    moor.docker("run", "-d", "--name", "victim", *options[2:], busybox, "true")
    moor.docker("rm", "-f", "victim", "good")


@pytest.mark.parametrize("how", ["empty", "other"])
@pytest.mark.parametrize("monitor", ["lives", "was-killed"])
def test_a_container_whose_state_is_damaged_is_found(moor, busybox, how, monitor):
    """The runtime's state in /run is not what was written: the container is known by its control group, and can be ended."""
    id = moor.docker("run", "-d", "--name", "victim", "--network", "none", busybox, "sleep", "600").stdout.strip()
    moor.docker("exec", "-d", "victim", "sleep", "600")
    pid = moor.docker("inspect", "-f", "{{.State.Pid}}", "victim").stdout.strip()
    if monitor == "was-killed":
        keeper = world.parent(pid)
        os.kill(keeper, signal.SIGKILL)
        world.wait_until(lambda: not os.path.exists(f"/proc/{keeper}"), "the monitor to go")
    with open(os.path.join(moor.run_dir, "runc", id, "state.json"), "r+b") as file:
        new = DAMAGE[how](file.read())
        file.seek(0)
        file.truncate()
        file.write(new)
    assert moor.docker("inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "victim").stdout == f"running {pid}\n"
    assert moor.docker("rm", "-f", "victim", timeout=9).stdout == "victim\n"
    world.wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "it to end")
    assert not [group for group in leftovers.cgroups() if id in group]
    assert os.listdir(os.path.join(moor.run_dir, "runc")) == []


def test_a_bad_block_hides_no_others(moor, busybox):
    id = moor.docker("create", "--name", "victim", "--network", "none", busybox).stdout.strip()
    moor.docker("create", "--name", "good", "--network", "none", busybox)
    bad = ("strace", "-qq", "-o", "/dev/null", "-P", os.path.join(moor.root, "containers", id, "options.json"), "-e", "trace=read",
           "-e", "inject=read:error=EIO", os.path.join(moor.names, "docker"))
    listed = moor.run(*bad, "ps", "-a", "--format", "{{.Names}}")
    assert listed.stdout == "good\n" and f"Input/output error (docker rm -f {id[:12]}" in listed.stderr
    assert moor.run(*bad, "rm", "-f", "victim").stdout == "victim\n"
    assert os.listdir(os.path.join(moor.root, "containers")) == [moor.docker("inspect", "-f", "{{.Id}}", "good").stdout.strip()]
