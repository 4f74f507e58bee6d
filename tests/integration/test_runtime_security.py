# SPDX-License-Identifier: Apache-2.0
"""mooring-runc under attack: hostile images, hostile configs, hostile neighbours, and kills."""

import collections
import ctypes
import errno
import os
import resource
import shutil
import signal
import socket
import stat
import subprocess

import pytest

import bundle as bundles
import leftovers
import world
from attack import LIBC, Swapper, canary, with_user_namespace, without_mounts  # noqa: F401
from bundle import PROGRAM, QUIET
from world import wait_until

IS_V1 = os.path.isdir("/sys/fs/cgroup/memory")


def place(path, kind, canary):
    """Puts something at a path of an image where the runtime expects something else."""
    if os.path.isdir(path) and not os.path.islink(path):
        os.rmdir(path)
    if os.path.lexists(path):
        os.unlink(path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "file":
        open(path, "w").close()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
    elif kind == "device":
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    elif kind == "directory":
        os.makedirs(os.path.join(path, "below"))
    else:
        os.symlink({"absolute": canary, "relative": "../" * 16 + canary[1:], "inner": canary + "/file",
                    "dangling": canary + "/made", "dangling up": "../" * 16 + canary[1:] + "/made",
                    "loop": os.path.basename(path)}.get(kind, kind), path)


def run_bounded(bundle, verb="run", *arguments):
    """Whatever happens, it happens soon, and a failure is told in one line."""
    result = bundle.runc(verb, *arguments, code=None, timeout=20)
    if result.returncode:
        assert result.stderr.startswith("mooring-runc: runc "), result.stderr
        assert result.stderr.count("\n") == 1
    return result


# -- hostile images ----------------------------------------------------------------------------------

LINKS = ["absolute", "relative", "inner", "dangling", "dangling up", "loop", "/proc/self/root", "/proc/1/root",
         "/proc/self/fd/3", "/proc/self/exe", "/proc/self/cwd"]
OTHERS = ["fifo", "file", "socket", "device", "directory"]
PLACES = ["dev", "dev/pts", "dev/shm", "dev/mqueue", "dev/null", "dev/ptmx", "dev/console", "dev/fd", "proc",
          "proc/self", "sys", "sys/fs", "sys/fs/cgroup", "etc/passwd", "work", "target"]


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("is_bare", [False, True])
def test_hostile_image(moor, canary, name, is_bare):
    """Every kind of thing at every path we touch; bare: nothing is mounted there first."""
    for number, kind in enumerate(LINKS + OTHERS):
        bundle = bundles.Bundle(moor, f"image{number}")
        if is_bare:
            without_mounts(bundle, "/" + name.split("/")[0])
        place(os.path.join(bundle.rootfs, name), kind, canary)
        bundle.config["process"].update({"cwd": "/work/deep/er", "user": {"uid": 1000, "gid": 1000}})
        bundle.config["mounts"] += [{"destination": "/target/made", "type": "tmpfs", "source": "tmpfs"}]
        bundle.config["linux"]["maskedPaths"].append("/etc/passwd")
        bundle.config["process"]["args"] = [
            "sh", "-c", f"ls / {canary} /../../..{canary} /proc/self/cwd/ /dev /target/made 2>/dev/null; true"]
        result = run_bounded(bundle)
        assert "inner" not in result.stdout, kind
        assert bundle.traces() == [], kind


@pytest.mark.parametrize("name", ["dev", "dev/console", "dev/pts", "dev/ptmx", "dev/pts/ptmx", "dev/tty"])
@pytest.mark.parametrize("is_readonly", [False, True])
def test_hostile_terminal(moor, canary, name, is_readonly):
    """CVE-2025-52565, CVE-2026-88264: the console's mount point and the terminal's name."""
    for number, kind in enumerate(LINKS + OTHERS):
        bundle = bundles.Bundle(moor, f"terminal{number}")
        without_mounts(bundle, "/dev")
        bundle.config["root"]["readonly"] = is_readonly
        place(os.path.join(bundle.rootfs, name), kind, canary)
        bundle.config["process"].update({"terminal": True, "args": ["true"]})
        run_bounded(bundle)
        assert bundle.traces() == [], kind


@pytest.mark.parametrize("kind", LINKS)
def test_hostile_mount_target(moor, canary, kind):
    """A bind of a file and of a directory, a device and a tmpfs, each below a hostile link."""
    bundle = bundles.Bundle(moor)
    place(os.path.join(bundle.rootfs, "target"), kind, canary)
    source = os.path.join(bundle.path, "source")
    os.mkdir(source)
    for mount in ({"source": source, "options": ["rbind"]}, {"source": "config.json", "options": ["bind"]},
                  {"type": "tmpfs", "source": "tmpfs"}, {"type": "proc", "source": "proc"}):
        bundle.config["mounts"].append({"destination": "/target/made", **mount})
        run_bounded(bundle)
        bundle.config["mounts"][-1]["destination"] = "/target"
        run_bounded(bundle)
        bundle.config["mounts"].pop()
    bundle.config["linux"]["devices"] = [{"path": "/target/device", "type": "p"}]
    run_bounded(bundle)
    assert bundle.traces() == []


def test_root_that_is_a_link(bundle, canary):
    os.rename(bundle.rootfs, bundle.rootfs + "2")
    os.symlink("rootfs2", bundle.rootfs)
    assert "not a link" in run_bounded(bundle).stderr


def test_standard_streams_are_not_given_away(bundle, canary):
    """CVE-2026-88265: /dev/null of the image is a link; what it leads to must not change its owner."""
    null = os.stat("/dev/null")
    without_mounts(bundle, "/dev")
    os.symlink("../" * 16 + canary[1:] + "/file", os.path.join(bundle.rootfs, "dev", "null"))
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    bundle.runc("run", code=1, **{**QUIET, "stderr": subprocess.DEVNULL})
    assert os.stat("/dev/null")[:6] == null[:6]


def runtime_copy(directory):
    """A runtime that a test may lose."""
    os.makedirs(directory, exist_ok=True)
    shutil.copy(PROGRAM, directory)
    return os.path.join(directory, "mooring-runc")


def hold_program(bundle, program):
    """Creates a container and keeps what its init is executing, as a process inside could."""
    root = os.path.join(bundle.moor.run_dir, "runc")
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    bundle.moor.run(program, "--root", root, "create", "--bundle", bundle.path, bundle.id, **QUIET)
    held = os.open(f"/proc/{bundle.state()['pid']}/exe", os.O_PATH)
    bundle.moor.runc("delete", "--force", bundle.id)
    return held


def refused(function, *arguments):
    """The errno with which the kernel refuses it; 0 if it does not."""
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
    return 0


def make_writable(fd):
    """mount_setattr and open_tree on what is held: the ways to a writable mount of it."""
    attr = (ctypes.c_uint64 * 4)(0, 1, 0, 0)  # clear MOUNT_ATTR_RDONLY
    done = LIBC.syscall(442, fd, b"", 0x1000, attr, ctypes.sizeof(attr)) == 0
    tree = LIBC.syscall(428, fd, b"", 0x1000 | 1)
    return done or tree >= 0


def test_runtime_cannot_be_overwritten_when_it_rests(bundle, tmp_path):
    """CVE-2019-5736: while it runs the file is busy; so it is held, and written to later."""
    program = runtime_copy(str(tmp_path / "bin"))
    held = hold_program(bundle, program)
    assert refused(os.open, f"/proc/self/fd/{held}", os.O_WRONLY) == errno.EROFS
    assert not make_writable(held)
    os.close(held)


def test_runtime_on_a_mount_that_becomes_writable(bundle, tmp_path):
    """A read-only mount of today is remounted for tomorrow's update; what was held stays read-only."""
    directory = str(tmp_path / "bin")
    with world.mounted(directory):
        program = runtime_copy(directory)
        subprocess.run(["mount", "-o", "remount,ro", directory], check=True)
        held = hold_program(bundle, program)
        subprocess.run(["mount", "-o", "remount,rw", directory], check=True)
        failure = refused(lambda: os.close(os.open(f"/proc/self/fd/{held}", os.O_WRONLY)))
        os.close(held)
    assert failure == errno.EROFS


# -- races -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["proc", "sys", "dev", "target", "work"])
def test_swapped_for_a_link(moor, canary, name):
    """CVE-2019-19921, 2021-30465, 2024-45310: a directory becomes a link while we are at it."""
    bundle = bundles.Bundle(moor)
    without_mounts(bundle, "/dev/") if name == "dev" else None
    os.makedirs(os.path.join(bundle.rootfs, name), exist_ok=True)
    os.symlink("../" * 16 + canary[1:], os.path.join(bundle.rootfs, "link"))
    bundle.config["process"].update({"cwd": "/work/made", "args": [
        "sh", "-c", "ls /proc/self/cwd/ /proc/self/cwd/.. /target /dev 2>/dev/null; true"]})
    bundle.config["mounts"] += [{"destination": f"/target/made/{i}", "type": "tmpfs", "source": "tmpfs"}
                                for i in range(4)]
    bundle.config["linux"]["devices"] = [{"path": "/target/device/pipe", "type": "p"}]
    with Swapper(os.path.join(bundle.rootfs, name), os.path.join(bundle.rootfs, "link")) as swapper:
        results = [run_bounded(bundle) for _ in range(60)]
    assert swapper.count > 100
    assert not [result for result in results if "inner" in result.stdout]
    assert bundle.traces() == []


def test_masks_survive_a_race(moor, canary):
    """CVE-2025-31133: /dev/null of a shared /dev is exchanged for a link while paths are masked."""
    bundle = bundles.Bundle(moor)
    without_mounts(bundle, "/dev")
    dev = os.path.join(bundle.path, "dev")
    os.mkdir(dev)
    os.mknod(os.path.join(dev, "null"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.symlink("../proc/self/status", os.path.join(dev, "trap"))
    bundle.config["mounts"].append({"destination": "/dev", "type": "bind", "source": dev, "options": ["bind"]})
    bundle.config["linux"]["maskedPaths"] = ["/proc/keys", "/proc/timer_list", "/proc/version"]
    bundle.config["process"]["args"] = ["cat", "/proc/keys", "/proc/timer_list", "/proc/version"]
    with Swapper(os.path.join(dev, "null"), os.path.join(dev, "trap")) as swapper:
        results = [run_bounded(bundle) for _ in range(100)]
    assert swapper.count > 100
    assert {result.stdout for result in results} == {""}
    assert bundle.traces() == []


def test_renames_elsewhere_do_not_stop_us(moor, bundle):
    """A neighbour that does nothing but rename makes the kernel refuse walks up ("..") for a moment;
    images are full of them (/var/run -> ../run)."""
    os.makedirs(os.path.join(bundle.rootfs, "run"))
    os.makedirs(os.path.join(bundle.rootfs, "var"))
    os.symlink("../run", os.path.join(bundle.rootfs, "var", "run"))
    bundle.config["mounts"] += [{"destination": f"/var/run/../run/{i}", "type": "tmpfs", "source": "tmpfs"}
                                for i in range(20)]
    for name in ("a", "b"):
        os.mkdir(os.path.join(moor.directory, name))
    with Swapper(os.path.join(moor.directory, "a"), os.path.join(moor.directory, "b")):
        results = [run_bounded(bundle) for _ in range(30)]
    assert [result.stderr for result in results if result.returncode] == []


# -- hostile neighbours ------------------------------------------------------------------------------------

def test_created_init_holds_no_way_out(bundle):
    """It may wait for days, and whoever shares its pid namespace sees its descriptors."""
    pid = bundle.create("sleep", "1000")
    held = {fd: os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
    paths = [path for fd, path in held.items() if int(fd) > 2 and path.startswith("/")]
    assert all(os.path.basename(path) in ("exec.fifo", "exec.result") for path in paths), held


def test_init_is_never_dumpable(moor, bundle):
    """CVE-2016-9962: who joins a pid namespace must not be open to those who are in it already. Seen
    from outside by the owner of its /proc files: root's own for a process that is dumpable."""
    first = bundles.Bundle(moor, "first")
    with_user_namespace(first)
    pid = first.create("sleep", "1000")
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}] + [
        {"type": kind, "path": f"/proc/{pid}/ns/{name}"}
        for kind, name in (("user", "user"), ("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("network", "net"))]
    subprocess.run(["chown", "-R", "-h", "100000:100000", bundle.rootfs], check=True)
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.runc("create", **QUIET)
    # In a user namespace the dumpable's files belong to its own root, the others' to the machine's.
    assert os.stat(f"/proc/{bundle.state()['pid']}/status").st_uid == 0
    bundle.moor.runc("delete", "--force", bundle.id)
    moor.runc("delete", "--force", first.id)


def test_hooks_have_plain_signals(bundle):
    out = os.path.join(bundle.path, "out")
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": [
        "sh", "-c", f"grep -E 'Sig(Ign|Blk)' /proc/self/status > {out}; ls /proc/$$/fd | wc -l >> {out}"]}]}
    # Whoever runs the tests in the background has them ignore the keyboard's signals, or its end.
    bundle.runc("run", preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (1, 2, 3)])
    lines = open(out).read().split()
    assert lines[1] == lines[3] == "0" * 16


@pytest.mark.parametrize("rules,user", [
    ([], True),
    ([{"allow": True, "type": "a", "major": 1, "minor": 3, "access": "r"}], False),
    ([{"allow": True, "type": "a", "access": "m"}], False),
    ([{"allow": True, "type": "c", "access": "rwm"},
      {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"}], False),
])
def test_device_of_the_image(bundle, rules, user):
    """A device node that came with the image opens only if a rule says so, also in user namespaces."""
    node = os.path.join(bundle.rootfs, "fuse")
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    os.chmod(node, 0o666)
    bundle.config["linux"]["resources"]["devices"] += rules
    if user:
        with_user_namespace(bundle)
    bundle.config["process"]["args"] = ["sh", "-c", "exec 3< /fuse && echo OPENED"]
    result = bundle.runc("run", code=None)
    assert result.stdout == "" and ("not permitted" in result.stderr or "cannot make a hole" in result.stderr)


@pytest.mark.skipif(not IS_V1, reason="moves processes by v1's tasks files")
def test_no_process_outlives_its_groups(bundle):
    """Without a pid namespace, and hidden in groups below the container's own."""
    without_mounts(bundle, "/sys")
    bundle.config["linux"]["namespaces"] = [n for n in bundle.config["linux"]["namespaces"] if n["type"] != "pid"]
    bundle.config["mounts"].append({"destination": "/groups", "type": "bind", "source": "/sys/fs/cgroup",
                                    "options": ["rbind"]})
    for applet in ("cut", "tr"):
        os.symlink("busybox", os.path.join(bundle.rootfs, "bin", applet))
    script = """
        sleep 1000 > /dev/null 2>&1 &
        echo $!
        for name in pids memory freezer; do
            mkdir -p /groups/$(grep :$name: /proc/self/cgroup | cut -d: -f2,3 | tr -d :)/hidden/deeper
            echo $! > /groups/$(grep :$name: /proc/self/cgroup | cut -d: -f2,3 | tr -d :)/hidden/deeper/tasks
        done"""
    pid = int(bundle.sh(script))
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the hidden process to end")
    assert bundle.traces() == []


@pytest.mark.parametrize("has_pid_namespace", [True, False])
def test_fork_bomb_is_deleted(moor, bundle, has_pid_namespace):
    bundle.config["linux"]["resources"]["pids"] = {"limit": 60}
    if not has_pid_namespace:
        bundle.config["linux"]["namespaces"] = [n for n in bundle.config["linux"]["namespaces"] if n["type"] != "pid"]
    # The shell that meets the limit ends, all that it started stays, and init goes on.
    bundle.create("sh", "-c", "trap '' TERM; (while :; do sleep 1000 & done); exec sleep 1000")
    moor.runc("start", bundle.id)
    group = next(path.split(" ", 1)[1] for path in leftovers.cgroups()
                 if path.endswith("/" + bundle.id) and ("/pids/" in path or not IS_V1))
    wait_until(lambda: int(open(group + "/pids.current").read()) > 50, "the bomb")
    moor.runc("delete", "--force", bundle.id, timeout=20)
    assert bundle.traces() == []


# -- hostile configs ------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", ["net/../kernel/panic_on_warn", "net.//.kernel.panic_on_warn",
                                  "fs/mqueue/../../kernel/panic_on_warn", "net/./core/somaxconn", "net//x",
                                  "net/", "kernel/core_pattern", "../kernel/panic_on_warn"])
def test_sysctl_stays_in_its_namespace(bundle, name):
    with open("/proc/sys/kernel/panic_on_warn") as file:
        bundle.config["linux"]["sysctl"] = {name: file.read().strip()}
    assert "not in a separate kernel namespace" in bundle.runc("run", code=1).stderr


@pytest.mark.parametrize("kind,name", [("network", "net"), ("uts", "uts"), ("mount", "mnt")])
def test_callers_own_namespace_is_not_changed(bundle, kind, name):
    """In a mount and uts namespace of the test's own, in case that it is."""
    for namespace in bundle.config["linux"]["namespaces"]:
        if namespace["type"] == kind:
            namespace["path"] = f"/proc/self/ns/{name}"
    without_mounts(bundle, "/sys")
    if kind == "network":
        bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": "64"}
    bundle.write()
    result = bundle.moor.run("unshare", "--mount", "--uts", "--net", PROGRAM, "--root",
                             os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id,
                             code=None)
    assert result.returncode == 1 and "caller's own namespace" in result.stderr


# -- kills -----------------------------------------------------------------------------------------------

def members(bundle):
    """Processes in groups of the container's name, but for those that have ended and wait for the machine's init, which takes its time."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                found += [pid] if "/" + bundle.id in file.read() and world.proc_stat(pid)[0] != "Z" else []
        except OSError:
            pass  # it has ended meanwhile
    return found


def system_calls(moor, command):
    """What the command does, as strace can be told to interfere: (name, how many of them so far)."""
    trace = os.path.join(moor.directory, "trace")
    moor.run("strace", "-o", trace, *command, **QUIET)
    counts = collections.Counter()
    calls = []
    with open(trace) as file:
        for line in file:
            name = line.split("(")[0]
            if name.replace("_", "").isalnum() and "(" in line:
                counts[name] += 1
                calls.append((name, counts[name]))
    return calls


@pytest.mark.parametrize("verb", ["create", "start", "delete"])
def test_killed_at_system_calls(moor, bundle, verb):
    """The runtime is killed at every third system call: delete --force leaves nothing."""
    root = os.path.join(moor.run_dir, "runc")
    arguments = {"create": ["create", "--bundle", bundle.path], "start": ["start"], "delete": ["delete", "--force"]}
    command = [PROGRAM, "--root", root, *arguments[verb], bundle.id]
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
    bundle.write()

    def prepare():
        if verb != "create":
            bundle.runc("create", **QUIET)

    prepare()
    calls = system_calls(moor, command)
    moor.runc("delete", "--force", bundle.id)
    kills = 0
    for name, number in calls[1::3]:
        prepare()
        result = moor.run("strace", "-o", "/dev/null", "-e", f"inject={name}:signal=KILL:when={number}", *command,
                          code=None, **QUIET)
        kills += result.returncode == -signal.SIGKILL
        moor.runc("delete", "--force", bundle.id)
        wait_until(lambda: not bundle.traces() and not members(bundle), f"nothing left after a kill at {name} {number}")
    assert kills > 10


@pytest.mark.static
def test_every_system_call_may_fail(moor, bundle):
    """Once each, out of memory: one line, nothing left."""
    root = os.path.join(moor.run_dir, "runc")
    command = [PROGRAM, "--root", root, "create", "--bundle", bundle.path, bundle.id]
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    calls = system_calls(moor, command)
    moor.runc("delete", "--force", bundle.id)
    messages = os.path.join(moor.directory, "messages")
    failures = 0
    last = max(number for number, (name, _) in enumerate(calls) if name == "execveat")
    for name, number in calls[last + 1:]:
        if name in ("brk", "mmap", "arch_prctl", "mprotect", "rt_sigaction"):
            continue  # the C library's own: it does not expect that, or it is our memory, which ends us
        with open(messages, "w") as file:
            result = moor.run("strace", "-o", "/dev/null", "-e", f"inject={name}:error=ENOMEM:when={number}", *command,
                              code=None, **{**QUIET, "stderr": file})
        if result.returncode:
            failures += 1
            assert result.returncode == 1 and open(messages).read().count("\n") == 1
            assert bundle.traces() == [] and members(bundle) == []
        moor.runc("delete", "--force", bundle.id)
    assert failures > 5


def test_one_of_many_creates_wins(moor, bundle):
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    command = [PROGRAM, "--root", os.path.join(moor.run_dir, "runc"), "create", "--bundle", bundle.path, bundle.id]
    quiet = dict(stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(5):
        codes = [process.wait(20) for process in [moor.start(*command, **quiet) for _ in range(8)]]
        assert sorted(codes) == [0] + [1] * 7
        moor.runc("delete", "--force", bundle.id)


def test_delete_does_not_wait_for_what_hangs_inside(moor, bundle):
    """A hook in the container never returns, and `start` with it; both end with the container."""
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sleep", "args": ["sleep", "1000"]}]}
    bundle.create("true")
    start = moor.start(PROGRAM, "--root", os.path.join(moor.run_dir, "runc"), "start", bundle.id)
    wait_until(lambda: "sleep" in "".join(open(f"/proc/{pid}/comm").read() for pid in members(bundle)
                                          if os.path.exists(f"/proc/{pid}")), "the hook")
    moor.runc("delete", "--force", bundle.id, timeout=8)
    start.communicate(timeout=8)


@pytest.mark.static
@pytest.mark.parametrize("limit", [3, 6, 10, 16, 20])
def test_few_descriptors(bundle, limit):
    result = bundle.runc("run", code=None, timeout=20,
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)))
    assert result.returncode in (0, 1)
    if result.returncode:
        assert "too many open files" in result.stderr
        assert result.stderr.count("\n") == 1
    assert bundle.traces() == []


HOSTILE_TEXTS = {
    "deep": "[" * 10000 + "]" * 10000,
    "large": '{"a":"' + "x" * (10 << 20) + '"}',
    "nul": '{"ociVersion":"1.0\\u0000"}',
    "two": "{}{}",
    "empty": "",
    "bytes": b'{"ociVersion":"1.\xff\xfe"}',
}


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_hostile_config(moor, bundle, name):
    text = HOSTILE_TEXTS[name]
    with open(os.path.join(bundle.path, "config.json"), "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    result = moor.runc("run", "--bundle", bundle.path, bundle.id, code=1, timeout=20)
    assert "config.json" in result.stderr and result.stderr.count("\n") == 1
    assert bundle.traces() == []
