# SPDX-License-Identifier: Apache-2.0
"""mooring-runc exec: one more process in a container that is there, and what a hostile one can do to it."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

import bundle as bundles
import groups
import leftovers
import ordinary
from attack import canary, with_user_namespace  # noqa: F401 (a fixture)
from bundle import PROGRAM, QUIET
from world import wait_until


class Container:
    """A bundle's container that sleeps, and what is executed in it."""

    def __init__(self, moor):
        self.moor = moor
        self.bundle = bundles.Bundle(moor)
        self.config = self.bundle.config
        self.root = os.path.join(moor.run_dir, "runc")

    def up(self, verb="run"):
        self.config["process"]["args"] = ["sleep", "1000"]
        self.bundle.runc(verb, *(["--detach"] if verb == "run" else []), **QUIET)
        return self

    def command(self, *arguments):
        return [PROGRAM, "--root", self.root, "exec", *arguments]

    def exec(self, *arguments, flags=(), code=0, **options):
        options.setdefault("timeout", 20)
        return self.moor.runc("exec", *flags, self.bundle.id, *arguments, code=code, **options)

    def sh(self, script, *flags, **options):
        return self.exec("sh", "-c", script, flags=flags, **options).stdout

    def fails(self, *arguments, flags=(), **options):
        result = self.exec(*arguments, flags=flags, code=255, **options)
        assert result.stderr.count("\n") == 1 and "exec failed: " in result.stderr
        return result.stderr

    def process(self, **members):
        """A file with a process object like the config's."""
        path = os.path.join(self.moor.directory, "process.json")
        with open(path, "w") as file:
            json.dump({**self.config["process"], **members}, file)
        return path


@pytest.fixture
def container(moor):
    container = Container(moor)
    yield container
    moor.runc("delete", "--force", container.bundle.id)
    assert container.bundle.traces() == []


# -- what it is ------------------------------------------------------------------------------------

def test_it_is_in_the_container(container):
    has_time = os.path.exists("/proc/self/ns/time")  # 32-bit ARM has no namespaces of time
    names = ["mnt", "net", "uts", "pid", "ipc", "cgroup"] + ["time"] * has_time
    container.config["linux"]["namespaces"] += [{"type": name} for name in names[5:]]
    if has_time:
        container.config["linux"]["timeOffsets"] = {"boottime": {"secs": 1000000, "nanosecs": 0}}
    container.up()
    script = "for n in %s; do readlink /proc/$P/ns/$n; done" % " ".join(names)
    inside = container.sh(f"P=1; {script}; P=self; {script}; cut -d. -f1 /proc/uptime; hostname; pwd").split()
    first, second, others = inside[:len(names)], inside[len(names):2 * len(names)], inside[2 * len(names):]
    assert first == second
    assert not set(first) & {os.readlink("/proc/self/ns/" + name) for name in names}
    assert (int(others[0]) > 1000000) == has_time and others[1:] == ["harbour", "/"]


def test_control_groups(container):
    container.config["linux"]["resources"]["pids"] = {"limit": 50}
    container.up()
    pid = container.bundle.state()["pid"]
    with open(f"/proc/{pid}/cgroup") as file:
        theirs = file.read()
    process = subprocess.Popen(container.command("--pid-file", container.moor.directory + "/pid",
                                                 container.bundle.id, "cat"), stdin=subprocess.PIPE)
    with process:
        path = wait_until(lambda: os.path.exists(container.moor.directory + "/pid"), "pid file") and \
            container.moor.directory + "/pid"
        with open(path) as file:
            text = file.read()
        with open(f"/proc/{text}/cgroup") as file:
            ours = file.read()
        process.stdin.close()
    assert text.isdigit() and ours == theirs and container.bundle.id in ours
    assert process.returncode == 0


def test_process_of_the_config(container):
    container.config["process"].update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [7], "umask": 0o027}, "cwd": "/tmp",
        "noNewPrivileges": True, "env": ["PATH=/bin", "A=1"], "oomScoreAdj": 100, "terminal": True,
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]})
    container.config["linux"]["seccomp"] = bundles.SECCOMP
    container.config["process"]["terminal"] = False
    container.up()
    # What it is now does not count, what it was does.
    container.config["process"]["env"] = ["PATH=/nowhere"]
    container.bundle.write()
    out = container.sh("id -u; id -G; umask; pwd; env | sort; cat /proc/self/oom_score_adj; ulimit -n;"
                       "grep -E 'NoNew|Seccomp:|Cap|Sig[BI]' /proc/self/status; mkdir /tmp/x 2>&1; true")
    lines = out.splitlines()
    assert lines[:4] == ["1000", "1001 7", "0027", "/tmp"]
    assert [line for line in lines if re.match(r"[A-Z]+=", line) and not line.startswith(("PWD", "SHLVL"))] == [
        "A=1", "HOME=/home/user", "PATH=/bin"]
    assert lines[lines.index("100"):][:2] == ["100", "100"]
    status = dict(re.findall(r"(\w+):\s+(\S+)", out))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["CapBnd"] == bundles.CAPABILITY_MASK
    assert status["CapEff"] == status["CapInh"] == status["CapAmb"] == "0" * 16
    assert status["SigBlk"] == status["SigIgn"] == "0" * 16
    assert "No space left" in lines[-1]


def test_process_object(container):
    path = container.up().process(args=["sh", "-c", "id -u; id -g; pwd; echo $B; echo $HOME; umask"],
                                  user={"uid": 5, "gid": 6}, cwd="/bin", env=["PATH=/bin", "B=2"])
    assert container.exec(flags=["--process", path]).stdout.split() == ["5", "6", "/bin", "2", "/", "0022"]


def test_flags_change_it(container):
    container.config["process"]["env"] += ["A=config", "EMPTY="]
    container.up()
    out = container.sh("id -u; id -g; id -G; pwd; echo $A; echo $B; grep -E 'NoNew' /proc/self/status",
                       "--user", "1000:1001", "-g", "7", "--additional-gids=8", "--cwd", "/bin", "-e", "A=1",
                       "--env", "A=2", "--env=B=x=y,z", "-no-new-privs")
    assert out.split() == ["1000", "1001", "1001", "7", "8", "/bin", "2", "x=y,z", "NoNewPrivs:", "1"]


def test_what_follows_the_id_is_the_programs(container):
    container.up()
    assert container.exec("echo", "-t", "--user", "x", "--").stdout == "-t --user x --\n"
    assert container.exec("-h", code=255).stderr.count("executable file not found in $PATH") == 1


@pytest.mark.parametrize("user, uid, gid", [("1", "1", "3"), ("0", "0", "3"), ("7:8", "7", "8"),
                                            ("4294967294:0", "4294967294", "0")])
def test_user(container, user, uid, gid):
    container.config["process"]["user"] = {"uid": 2, "gid": 3}
    container.up()
    assert container.sh("id -u; id -g", "-u", user).split() == [uid, gid]


def test_groups_that_are_kept(container):
    """As podman asks crun for --group-add keep-groups; "0" is no."""
    container.config["process"]["user"]["additionalGids"] = [9]
    for value, groups in (("1", ["5", "6"]), ("0", ["9"])):
        container.config["annotations"] = {"run.oci.keep_original_groups": value}
        container.up()
        command = container.command(container.bundle.id, "grep", "Groups", "/proc/self/status")
        assert container.moor.run("setpriv", "--groups", "5,6", *command).stdout.split()[1:] == groups
        container.moor.runc("delete", "--force", container.bundle.id)
    container.config["process"]["args"] = ["grep", "Groups", "/proc/self/status"]
    container.config["annotations"] = {"run.oci.keep_original_groups": "yes"}
    container.bundle.write()
    run = [PROGRAM, "--root", container.root, "run", "--bundle", container.bundle.path, container.bundle.id]
    assert container.moor.run("setpriv", "--groups", "5,6", *run).stdout.split()[1:] == ["5", "6"]


def test_signals_that_wait(container):
    """For an init that asks for them itself; nobody else begins with a signal blocked, nor does it of a container that was created."""
    container.config["process"]["args"] = ["grep", "SigBlk", "/proc/self/status"]
    run = [PROGRAM, "--root", container.root, "run", "--bundle", container.bundle.path, container.bundle.id]
    for annotations, blocked in (({}, 0), ({"org.mooring.signals-wait": "1"}, 0x7ffbfeff)):
        container.config["annotations"] = annotations
        container.bundle.write()
        assert int(container.moor.run(*run).stdout.split()[1], 16) & 0x7fffffff == blocked


def test_bad_users(container):
    """CVE-2026-30892: nothing that is no number becomes one."""
    container.up()
    for user in ("", ":", "1:", ":1", "x", "1x", "0x1", "-1", "+1", " 1", "1:x", "1:2:3", "4294967295",
                 "4294967296", "18446744073709551616", "root"):
        assert "bad " in container.fails("true", flags=["--user", user]), user
    for group in ("", "-1", "x", "4294967295"):
        assert "bad additional gid" in container.fails("true", flags=["-g", group]), group


def test_capabilities(container):
    """CVE-2022-29162: --cap never reaches the inheritable set, and without it no ambient one."""
    container.up()
    added = int(bundles.CAPABILITY_MASK, 16) | 1 << 12
    for user, effective in (("0", added), ("1000", 0)):
        out = container.sh("grep Cap /proc/self/status", "--cap", "CAP_NET_ADMIN", "-u", user)
        sets = {name: int(mask, 16) for name, mask in re.findall(r"Cap(\w+):\s+(\S+)", out)}
        assert sets == {"Inh": 0, "Amb": 0, "Bnd": added, "Prm": effective, "Eff": effective}
    told = container.exec("grep", "CapEff", "/proc/self/status", flags=["--cap", "CAP_NONE"])
    assert int(told.stdout.split()[1], 16) == int(bundles.CAPABILITY_MASK, 16)
    assert "level=warning" in told.stderr and "ignoring unknown or unavailable capabilities: [CAP_NONE]" in told.stderr
    caps = {"effective": ["CAP_NONE", "CAP_KILL"], "permitted": ["CAP_KILL"], "bounding": ["CAP_KILL"]}
    file = container.process(args=["true"], capabilities=caps)
    assert "capabilities: [CAP_NONE]" in container.exec(flags=["--process", file]).stderr


def test_added_capability_is_ambient_with_an_inheritable_set(container):
    caps = container.config["process"]["capabilities"]
    caps["inheritable"] = ["CAP_NET_ADMIN", "CAP_CHOWN"]
    container.up()
    out = container.sh("grep Cap /proc/self/status", "-c", "CAP_NET_ADMIN", "-u", "1000")
    sets = dict(re.findall(r"Cap(\w+):\s+0*(\S+)", out))
    assert (sets["Inh"], sets["Amb"], sets["Eff"]) == ("1001", "1000", "1000")


# -- how it ends -------------------------------------------------------------------------------------

def test_exit_status(container):
    container.up()
    container.exec("sh", "-c", "exit 42", code=42)
    container.exec("sh", "-c", "kill -9 $$", code=137)
    container.exec("false", code=1)


def test_what_cannot_be_executed(container):
    rootfs = container.bundle.rootfs
    for name, text in (("script", "#!/missing\n"), ("plain", "text")):
        with open(os.path.join(rootfs, name), "w") as file:
            file.write(text)
        os.chmod(os.path.join(rootfs, name), 0o755 if name == "script" else 0o644)
    container.up()
    start = "exec failed: unable to start container process: "
    for name, text in (("nothing", 'exec: "nothing": executable file not found in $PATH'),
                       ("/nothing", 'exec: "/nothing": stat /nothing: no such file or directory'),
                       ("/bin", 'exec: "/bin": permission denied'), ("/plain", 'exec: "/plain": permission denied'),
                       ("/script", "exec /script: no such file or directory")):
        assert start + text + "\n" in container.fails(name)
    assert "exec args cannot be empty" in container.fails()
    assert 'chdir to cwd ("/nothing")' in container.fails("true", flags=["--cwd", "/nothing"])
    assert "absolute" in container.fails("true", flags=["--cwd", "bin"])
    assert "expected NAME=VALUE" in container.fails("true", flags=["--env", "A"])
    assert not os.path.exists(os.path.join(rootfs, "nothing"))


def test_bad_process_objects(container):
    container.up()
    path = os.path.join(container.moor.directory, "bad.json")
    for text, reason in (("{", "process"), ("[]", "object"), ('{"cwd": "/", "args": []}', "args"),
                         ('{"args": ["true"]}', "cwd"), ('{"args": ["true"], "cwd": "x"}', "absolute"),
                         ('{"args": ["true"], "cwd": "/", "user": {"uid": -1}}', "uid")):
        with open(path, "w") as file:
            file.write(text)
        assert reason in container.fails(flags=["-p", path])
    assert "no such file" in container.fails(flags=["-p", path + "x"])


def test_containers_that_will_not_do(container):
    missing = container.moor.runc("exec", "missing", "true", code=255).stderr
    assert "exec failed: container does not exist" in missing
    container.up()
    container.moor.runc("kill", container.bundle.id, "KILL")
    wait_until(lambda: container.bundle.state()["status"] == "stopped", "stopped")
    assert "cannot exec in a stopped container" in container.fails("true")


def test_created_container(container):
    container.up("create")
    assert container.sh("ls /; echo made > /tmp/f").split() == ["bin", "dev", "etc", "proc", "sys", "tmp"]
    assert container.bundle.state()["status"] == "created"
    container.moor.runc("start", container.bundle.id)
    assert container.exec("cat", "/tmp/f").stdout == "made\n"


def test_paused_container(container):
    container.up()
    container.moor.runc("pause", container.bundle.id)
    assert "cannot exec in a paused container (use --ignore-paused to override)" in container.fails("true")
    with subprocess.Popen(container.command("--ignore-paused", container.bundle.id, "echo", "later"),
                          stdout=subprocess.PIPE, text=True) as process:
        wait_until(lambda: len(groups.Groups(container.bundle).processes()) == 2, "it is in the group")
        assert process.poll() is None
        container.moor.runc("resume", container.bundle.id)
        assert process.communicate(timeout=20)[0] == "later\n" and process.returncode == 0


def test_signals_go_to_it(container):
    container.up()
    script = "trap 'echo got; exit 3' USR1; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(container.command(container.bundle.id, "sh", "-c", script),
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        assert process.communicate(timeout=20)[0] == "got\n" and process.returncode == 3


# -- detached, sockets, descriptors ------------------------------------------------------------------

def test_detached(container):
    """Its parent is whoever called: nobody is left in between, and no stream is held."""
    container.up()
    path = os.path.join(container.moor.directory, "pid")
    script = f"{' '.join(container.command('--detach', '--pid-file', path, container.bundle.id))} sh -c 'exit 9'"
    reaper = ("import ctypes, os, subprocess, sys\n"
              "ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
              "assert subprocess.run(sys.argv[1], shell=True).returncode == 0\n"
              "pid, status = os.wait()\n"
              "print(pid == int(open(sys.argv[2]).read()), os.waitstatus_to_exitcode(status))\n")
    out = subprocess.run(["/usr/bin/python3", "-c", reaper, script, path], capture_output=True, text=True,
                         timeout=60, check=True).stdout
    assert out == "True 9\n"


@contextlib.contextmanager
def receiver(path):
    """A socket for one descriptor: [message, descriptor] once it has come."""
    got = []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
        sock.listen()
        sock.settimeout(20)

        def receive():
            connection = sock.accept()[0]
            with connection:
                message, descriptors, _, _ = socket.recv_fds(connection, 4096, 4)
                got.extend([message.decode(), *descriptors])
        thread = threading.Thread(target=receive)
        thread.start()
        yield got
        thread.join()
    for descriptor in got[1:]:
        os.close(descriptor)


def test_sockets(container):
    container.up()
    console = os.path.join(container.moor.directory, "console")
    pidfd = os.path.join(container.moor.directory, "pidfd")
    with receiver(console) as master, receiver(pidfd) as process:
        container.exec("sh", "-c", "tty; stty size; sleep 1000",
                       flags=["-d", "-t", "--console-socket", console, "--pidfd-socket", pidfd], **QUIET)
        wait_until(lambda: len(master) == 2 and len(process) == 2, "both descriptors")
        assert master[0].startswith("/dev/pts/") and process[0] == "setns"
        assert wait_until(lambda: os.read(master[1], 100), "output").decode().startswith("/dev/pts/")
        signal.pidfd_send_signal(process[1], signal.SIGKILL)


def test_terminal_rules(container):
    container.up()
    assert "cannot allocate tty if runc will detach without setting console socket" in container.fails(
        "true", flags=["-d", "-t"])
    text = "cannot use console socket if runc will not detach or allocate tty"
    for flags in (["--console-socket", "/s"], ["-t", "--console-socket", "/s"], ["-d", "--console-socket", "/s"]):
        assert text in container.fails("true", flags=flags)
    out = container.exec("sh", "-c", "tty; ls /proc/self/fd | wc -l", flags=["-t"]).stdout.split()
    assert re.match(r"/dev/pts/\d+$", out[0]) and out[1:] == ["4"]  # three and the directory


def test_much_is_typed(container):
    """A program that is stuck with what it says reads nothing: what is typed must not wait for it."""
    lines = [f"{number:060}" for number in range(4000)]
    said = container.up().sh("stty -echo; sed 's/.*/&&&/; /^0*3999$/q'", "-t", input="\n".join(lines) + "\n")
    assert said.split("\n")[-2].strip() == 3 * lines[-1]


def test_nothing_is_inherited(container):
    container.up()
    host = os.open("/", os.O_RDONLY)

    def run(*arguments):
        result = subprocess.run(container.command(container.bundle.id, *arguments), timeout=20, pass_fds=[host],
                                capture_output=True, text=True)
        return result.returncode, result.stdout
    assert run("sh", "-c", "ls /proc/$$/fd; :") == (0, "0\n1\n2\n")
    # CVE-2024-21626: as the program's path.
    for name in (f"/proc/self/fd/{host}/bin/sh", f"/proc/self/fd/{host}/../bin/sh", "/proc/self/fd/3/bin/sh"):
        assert run(name, "-c", "echo out") == (255, "")
    os.close(host)


def test_preserved_descriptors(container):
    container.up()
    with open(os.path.join(container.moor.directory, "kept"), "w+") as file:
        file.write("kept")
        file.flush()
        command = " ".join(container.command("--preserve-fds", "2", container.bundle.id))
        result = subprocess.run(["sh", "-c", f"exec 3</dev/null 4<{file.name} 5</; {command} sh -c "
                                 "'cat <&4; echo; ls /proc/$$/fd; :'"], capture_output=True, text=True, timeout=20)
    assert result.stdout.split() == ["kept", "0", "1", "2", "3", "4"]
    assert "preserved-fd" in container.fails("true", flags=["--preserve-fds", "1000"])


def test_streams_of_another_user(container):
    """A pipe becomes the user's, so that it can be opened again; a device of the machine's does not."""
    container.up()
    assert container.sh("echo again > /dev/stdout; ls -lnL /proc/self/fd/1", "-u", "1000").split()[0:4:3] == [
        "again", "1000"]
    device = os.path.join(container.moor.directory, "device")
    os.mknod(device, 0o20600, os.makedev(1, 5))
    with open(device) as stream:
        container.exec("true", flags=["-u", "1000"], **{**QUIET, "stdin": stream})
    assert os.stat(device).st_uid == 0
    null = os.stat("/dev/null")[:6]
    container.exec("true", flags=["-u", "1000"], **QUIET)
    assert os.stat("/dev/null")[:6] == null


# -- control groups below -----------------------------------------------------------------------------

def test_groups_below(container):
    container.up()
    found = groups.Groups(container.bundle)
    below = os.path.join(found.path("memory"), "below")
    os.mkdir(below)
    flag = "memory:below" if groups.IS_V1 else "below"
    line = [one for one in container.sh("cat /proc/self/cgroup", "--cgroup", flag).splitlines()
            if "memory" in one or one.startswith("0:")]
    assert [one for one in line if one.endswith("/below")]
    for wrong, text in (("..", "bad sub cgroup path: .."), ("../" * 9, "bad sub cgroup path: "),
                        ("below/../../x", "bad sub cgroup path: "), ("what:/", "unknown controller what in SubCgroup"),
                        ("nowhere", "/nowhere/cgroup.procs: no such file or directory")):
        assert text in container.fails("true", flags=["--cgroup", wrong])
    assert "missing <controller>: prefix" in container.fails("true", flags=["--cgroup", "a", "--cgroup", "b"])
    assert container.bundle.id in container.sh("cat /proc/self/cgroup", "--cgroup", "/")


# -- user namespaces ----------------------------------------------------------------------------------

def test_user_namespace(container):
    with_user_namespace(container.bundle)
    container.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    container.up()
    out = container.sh("readlink /proc/self/ns/user; readlink /proc/1/ns/user; id -u; ulimit -n; touch /tmp/f;"
                       "cat /proc/self/setgroups; grep CapEff /proc/self/status").split()
    assert out[0] == out[1] != os.readlink("/proc/self/ns/user")
    assert out[2:5] == ["0", "100", "allow"]
    assert out[6].endswith(bundles.CAPABILITY_MASK)
    assert os.stat(os.path.join(container.bundle.rootfs, "tmp", "f")).st_uid == 100000
    assert container.sh("id -u; tty", "-t", "-u", "7").split()[0] == "7"
    assert container.fails("true", flags=["-u", "70000"])


def test_ordinary_user(moor):
    """Without rights over its pid namespace a stage goes ahead; the process is the caller's child all the same."""
    with ordinary.user() as user:
        user.map_ids((0, ordinary.UID, 1), (1, ordinary.FIRST, ordinary.COUNT))
        user.bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 128}]
        user.bundle.config["process"]["oomScoreAdj"] = 100
        pid = user.create("sleep", "1000")
        user.runc("start", user.bundle.id)
        script = ("for n in user pid mnt ipc; do readlink /proc/self/ns/$n; done; id -u; ulimit -n; touch /tmp/f;"
                  "ls /proc/$$/fd; exit 3")
        out = user.runc("exec", user.bundle.id, "sh", "-c", script, code=3).stdout.split()
        assert out[:4] == [os.readlink(f"/proc/{pid}/ns/{name}") for name in ("user", "pid", "mnt", "ipc")]
        assert out[4:] == ["0", "64", "0", "1", "2"]
        assert user.runc("exec", "-t", "-u", "9:9", user.bundle.id, "id", "-u").stdout.strip() == "9"
        # The new process asks for its limits before the stage that made it could tell of it: strace holds the stage up.
        held_up = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=clone3", "-e", "inject=clone3:delay_exit=300000")
        assert user.run(*held_up, user.program, "exec", user.bundle.id, "sh", "-c", "ulimit -n").stdout == "64\n"
        path = os.path.join(user.home, "pid")
        user.runc("exec", "-d", "--pid-file", path, user.bundle.id, "sleep", "1000", **QUIET)
        with open(path) as file:
            assert os.stat("/proc/" + file.read()).st_uid == ordinary.UID
        assert "not found in $PATH" in user.runc("exec", user.bundle.id, "nothing", code=255).stderr


def test_kernels_before_5_8(container):
    """They join by one file of /proc for each namespace. strace lets each process's first setns fail like theirs."""
    container.up()
    strace = ["strace", "-f", "-o", container.moor.directory + "/trace", "-e", "trace=setns", "-e",
              "inject=setns:error=EINVAL:when=1"]
    script = "for n in mnt net uts pid ipc; do readlink /proc/self/ns/$n; readlink /proc/1/ns/$n; done; ls /proc/$$/fd; :"
    out = subprocess.run([*strace, *container.command(container.bundle.id, "sh", "-c", script)], timeout=30, text=True,
                         stdout=subprocess.PIPE, check=True).stdout.split()
    assert out[:10:2] == out[1:10:2] and out[10:] == ["0", "1", "2"]
    with open(container.moor.directory + "/trace") as file:
        assert file.read().count("INJECTED") == 2


# -- hostile ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("kind", ["fifo", "directory", "link", "loop", "device"])
def test_hostile_passwd(container, kind):
    path = os.path.join(container.bundle.rootfs, "etc", "passwd")
    os.unlink(path)
    {"fifo": lambda: os.mkfifo(path), "directory": lambda: os.mkdir(path),
     "link": lambda: os.symlink("/proc/1/root/etc/passwd", path),
     "loop": lambda: os.symlink("passwd", path),
     "device": lambda: os.mknod(path, 0o20666, os.makedev(1, 5))}[kind]()
    container.up()
    assert container.sh("echo $HOME") == "/\n"


@pytest.mark.parametrize("cwd", ["/proc/self/fd/%d" % n for n in (3, 5, 7)] + ["/proc/self/cwd", "/link", "/up",
                                                                              "/proc/1/root"])
def test_hostile_working_directory(container, canary, cwd):
    """CVE-2024-21626: neither a descriptor of ours nor a link leads out."""
    rootfs = container.bundle.rootfs
    os.symlink("/proc/self/fd/7", os.path.join(rootfs, "link"))
    os.symlink("../" * 16 + canary[1:], os.path.join(rootfs, "up"))
    container.up()
    result = container.exec("ls", ".", "..", "../../..", flags=["--cwd", cwd], code=None)
    assert result.returncode == 0 or "chdir to cwd" in result.stderr
    assert "canary" not in result.stdout and "inner" not in result.stdout


@pytest.mark.static
def test_our_own_program(container):
    """CVE-2019-5736: executed as the container's program it is itself, from a mount nobody can write to."""
    program = os.path.join(container.moor.directory, "mooring-runc")
    shutil.copy(PROGRAM, program)
    with open(program, "rb") as file:
        before = hashlib.sha256(file.read()).hexdigest()
    script = os.path.join(container.bundle.rootfs, "script")
    with open(script, "w") as file:
        file.write("#!/proc/self/exe --version\n")
    os.chmod(script, 0o755)
    container.up()
    watch = subprocess.Popen(container.command(container.bundle.id, "sh", "-c", "while :; do for p in /proc/[0-9]*; do"
                                               " case $(readlink $p/exe) in *busybox) ;; *) echo x > $p/exe;; esac;"
                                               " done; done"), stderr=subprocess.DEVNULL)
    for name in ("/proc/self/exe", "/script"):
        for _ in range(20):
            result = subprocess.run([program, "--root", container.root, "exec", container.bundle.id, name,
                                     "--version"], capture_output=True, text=True, timeout=20)
            assert "version" in result.stdout + result.stderr
    watch.kill()
    watch.wait()
    with open(program, "rb") as file:
        assert hashlib.sha256(file.read()).hexdigest() == before
    os.utime(program)
    with open(program, "r+b"):
        pass


def test_newcomers_cannot_be_looked_into(container):
    """CVE-2016-9962: a process of the container that opens what every newcomer has open, and its root."""
    container.up()
    script = ("while :; do for p in /proc/[0-9]*; do case $p in /proc/1|/proc/$$) continue;; esac;"
              " ls -l $p/fd/ $p/root/ 2>/dev/null | grep -E 'ns/|state|pidfd|/sys/fs|runc'; done; done")
    with subprocess.Popen(container.command(container.bundle.id, "sh", "-c", script), stdout=subprocess.PIPE,
                          text=True) as watch:
        for _ in range(40):
            container.exec("true")
        with open(f"/proc/{watch.pid}/task/{watch.pid}/children") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        assert watch.communicate(timeout=20)[0] == ""


def test_exec_while_another_creates(container):
    """Before its init has left the host's files behind, a container cannot be entered."""
    hook = os.path.join(container.moor.directory, "hook")
    with open(hook, "w") as file:
        file.write("#!/bin/sh\ntouch %s/reached\nwhile ! test -e %s/go; do sleep 0.02; done\n"
                   % (container.moor.directory, container.moor.directory))
    os.chmod(hook, 0o755)
    container.config["hooks"] = {"createRuntime": [{"path": hook}]}
    thread = threading.Thread(target=container.up)
    thread.start()
    wait_until(lambda: os.path.exists(container.moor.directory + "/reached"), "hook")
    with subprocess.Popen(container.command(container.bundle.id, "ls", "/"), stdout=subprocess.PIPE,
                          text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.5)
        open(container.moor.directory + "/go", "w").close()
        assert process.communicate(timeout=20)[0].split() == ["bin", "dev", "etc", "proc", "sys", "tmp"]
    thread.join()


def test_many_at_once(container):
    container.up()
    started = [subprocess.Popen(container.command(container.bundle.id, "sh", "-c", f"exit {n}")) for n in range(20)]
    assert [process.wait(timeout=30) for process in started] == list(range(20))
    assert len(groups.Groups(container.bundle).processes()) == 1
    assert not [line for line in leftovers.mounts() if container.bundle.path + "/rootfs" in line]
