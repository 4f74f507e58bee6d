# SPDX-License-Identifier: Apache-2.0
"""Containers as a user types them: run, ps, logs, stop, rm and what they promise to scripts."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time

import pytest

import world
from world import wait_until

NO_NETWORK = ("--network", "none")


@pytest.fixture
def run(moor, busybox):
    """docker run of the busybox image: run(*options, command=[…])."""
    def run(*options, command=("true",), **how):
        return moor.docker("run", *NO_NETWORK, *options, busybox, *command, **how)
    return run


def container_ids(moor, *options):
    return moor.docker("ps", "-q", "--no-trunc", *options).stdout.split()


def inspect(moor, name, template):
    return moor.docker("inspect", "-f", template, name).stdout.rstrip("\n")


def start_attached(moor, image, *options, command=("sleep", "60")):
    """A docker run in the foreground, once its container runs."""
    process = moor.start(os.path.join(moor.names, "docker"), "run", *NO_NETWORK, "--name", "fg",
                         *options, image, *command)
    wait_until(lambda: container_ids(moor, "-f", "name=^fg$"), "the container to run")
    return process


def store_files(moor):
    """What is below the store, apart from images and lock files."""
    return sorted(os.listdir(os.path.join(moor.root, "containers")) +
                  os.listdir(os.path.join(moor.root, "names")))


def await_reader(waiting, container):
    """Until that `docker wait` has the file open that keeps the container's record."""
    folder = f"/proc/{waiting.pid}/fd"

    def is_reading():
        files = [os.path.join(folder, fd) for fd in os.listdir(folder)]
        return any(os.readlink(file).endswith(f"{container}/started") for file in files if os.path.lexists(file))

    wait_until(is_reading, "the container to be waited for")


# --- exit codes and streams ---

@pytest.mark.parametrize("command,code,text", [
    (["true"], 0, ""),
    (["sh", "-c", "exit 3"], 3, ""),
    (["sh", "-c", "kill -9 $$; sleep 9"], 137, ""),
    (["nosuch"], 127, "executable file not found in $PATH"),
    (["/bin/nosuch"], 127, "no such file or directory"),
    (["/etc/passwd"], 126, "permission denied"),
    (["/etc"], 126, ""),
])
def test_exit_code(run, moor, command, code, text):
    # Pid 1 does not die of its own SIGKILL: a child of it is what is killed.
    if code == 137:
        command = ["sh", "-c", "sh -c 'kill -9 $$'; exit $?"]
    done = run("--rm", command=command, code=code)
    assert text in done.stderr
    assert done.stdout == ""
    assert store_files(moor) == []


@pytest.mark.parametrize("options,code", [
    (["--device", "/dev/nosuch"], 127), (["--sysctl", "net.nosuch=1"], 127), (["--device-read-bps", "/dev/nosuch:1m"], 127),
    (["--cpu-rt-runtime", "5"], 125),
])
def test_exit_code_of_a_failed_start(run, options, code):
    """Docker's client goes by the words, whatever was not there."""
    assert run("--rm", *options, code=code).stderr.startswith("docker: Error response from daemon: ")


@pytest.mark.parametrize("options,text", [
    (["--nosuch"], "unknown flag: --nosuch"),
    (["-x"], "unknown shorthand flag: 'x' in -x"),
    (["--rm=yes"], "invalid argument \"yes\" for \"--rm\" flag"),
    (["-e", "=x"], "invalid environment variable: =x"),
    (["--name", "a b"], "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
    (["-w", "rel"], "the working directory 'rel' is invalid, it needs to be an absolute path"),
    (["-m", "1m"], "Minimum memory limit allowed is 6MB"),
    (["-u", "nouser"], "unable to find user nouser: no matching entries in passwd file"),
    (["--cap-add", "bogus"], "invalid CapAdd: unknown capability: \"CAP_BOGUS\""),
    (["--stop-signal", "BOGUS"], "Invalid signal: BOGUS"), (["--stop-signal", "0"], "Invalid signal: 0"),
    (["--ulimit", "bogus=1"], "invalid ulimit type: bogus"),
    (["--env-file", "/nofile"], "open /nofile: no such file or directory"),
    (["--restart", "on-failure:x"], "maximum retry count must be an integer"),
    (["--rm", "--restart", "always"], "conflicting options: cannot specify both --restart and --rm"),
    (["--health-cmd", "true", "--no-healthcheck"], "--no-healthcheck conflicts with --health-* options"),
    (["--health-interval", "10"], "\"--health-interval\" flag: time: missing unit in duration \"10\""),
    (["--health-timeout", "10us"], "Timeout in Healthcheck cannot be less than 1ms"),
    (["--health-retries", "-1"], "--health-retries cannot be negative"),
    (["--device-cgroup-rule", "c 1"], "invalid device cgroup format 'c 1'"),
    (["--annotation", "x"], "x must be formatted as key=value"),
    (["--blkio-weight", "5"], "Range of blkio weight is from 10 to 1000"),
    (["--device-read-bps", "/x:1"], "bad format for device path: /x:1"),
    (["--memory-swappiness", "200"], "Valid memory swappiness range is 0-100"),
    (["--pid", "bogus"], "--pid: invalid PID mode"),
    (["--pid", "container:nope"], "No such container: nope"),
    (["--ipc", "bogus"], "Invalid IPC mode: bogus"),
    (["--uts", "bogus"], "--uts: invalid UTS mode"),
    (["--cgroupns", "bogus"], "--cgroupns: invalid CGROUP mode"),
    (["--storage-opt", "size=1G"], "--storage-opt is supported only for overlay over xfs"),
    (["--detach-keys", "zz"], "\"--detach-keys\" flag"),
    (["--gpus", "all"], "could not select device driver \"\" with capabilities: [[gpu]]"),
    (["--runtime", "nvidia"], "Error response from daemon: Unknown runtime specified nvidia"),
    (["--isolation", "hyperv"], "Invalid isolation: \"hyperv\" - linux only supports 'default'"),
    (["--oom-score-adj", "2000"], "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
    (["--cpu-shares", "-5"], "invalid CPU shares (-5): value must be a positive integer"),
    (["--shm-size", "-1"], "invalid size: '-1'"),
    (["--network", "host"], "Container cannot be connected to network endpoints: host, none"),
    (["-p", "abc:80"], "invalid hostPort: abc"),
    (["--mount", "type=bind,src=/nofile,dst=/x"], "bind source path does not exist: /nofile"),
    (["-v", "rel/path:/x"], "includes invalid characters for a local volume name"),
])
def test_refused_options(run, moor, options, text):
    refused = run(*options, code=125)
    assert text in refused.stderr
    assert "docker run --help" in refused.stderr
    assert refused.stdout == ""
    moor.docker("rm", "-f", *(container_ids(moor, "-a") or ["none"]))
    assert store_files(moor) == []


def test_streams_are_apart_and_exact(run):
    done = run("--rm", command=["sh", "-c", "echo out; echo err >&2; printf 'no newline'"])
    assert (done.stdout, done.stderr) == ("out\nno newline", "err\n")


def test_binary_both_ways(moor, busybox):
    data = os.urandom(3 << 20)
    done = moor.docker("run", "--rm", "-i", *NO_NETWORK, busybox, "cat", input=data, text=False)
    assert done.stdout == data


def test_stdin_only_with_i(run):
    assert run("--rm", command=["cat"], input="hello").stdout == ""
    assert run("--rm", "-i", command=["cat"], input="hello").stdout == "hello"


def test_stdin_alone(moor, run, busybox):
    """Its ID, and how it ended, is all that we hear of it."""
    data = os.urandom(3 << 20)
    id = moor.docker("run", "-i", "-a", "stdin", *NO_NETWORK, busybox, "sh", "-c", "wc -c; exit 3", input=data,
                     text=False, code=3).stdout.decode()
    assert re.fullmatch("[0-9a-f]{64}\n", id)
    assert moor.docker("logs", id.strip()).stdout == f"{len(data)}\n"
    gone = run("--rm", "-a", "stdin", command=["sh", "-c", "exit 7"], code=7).stdout.strip()
    assert gone not in container_ids(moor, "-a")


def test_stdin_that_stays_open_is_no_reason_to_stay(moor, busybox):
    process = moor.start(os.path.join(moor.names, "docker"), "run", "--rm", "-i", *NO_NETWORK, busybox, "true")
    assert process.wait(10) == 0
    for stream in (process.stdin, process.stdout, process.stderr):
        stream.close()


def test_broken_stdout(moor, busybox):
    """As with docker: the client ends, the container goes on."""
    docker = os.path.join(moor.names, "docker")
    piped = moor.run("bash", "-c", f"{docker} run --network none --name fg {busybox} sh -c "
                     "'while echo y; do :; done' | head -1; echo ${PIPESTATUS[0]}", code=0)
    assert piped.stdout == "y\n1\n"
    assert "broken pipe" in piped.stderr
    assert container_ids(moor)
    moor.docker("rm", "-f", "fg")


# --- what the container is given ---

def test_environment(run, tmp_path):
    (tmp_path / "e").write_text("# no\n\n  LEAD=lead\nQ=\"q\"\nOVER=file\nPASS\nUNSET_HERE\n")
    done = run("--rm", "-h", "h1", "-eA=1", "-e", "PASS2", "-e", "NOTHING", "-e", "OVER=e",
               "--env-file", str(tmp_path / "e"), command=["env"], env={"PASS": "p", "PASS2": "p2"})
    assert sorted(done.stdout.splitlines()) == sorted([
        "PATH=/bin", "HOSTNAME=h1", "LEAD=lead", "Q=\"q\"", "OVER=e", "PASS=p", "A=1", "PASS2=p2",
        "HOME=/"])
    (tmp_path / "e").write_bytes(b"\xef\xbb\xbfOK=\xc3\xa4\r\nX=a\377b\r\n")
    refused = run("--rm", "--env-file", str(tmp_path / "e"), code=125)
    assert f"invalid env file ({tmp_path}/e): invalid utf8 bytes at line 2: [88 61 97 255 98]\n" in refused.stderr
    (tmp_path / "e").write_bytes(b"\xef\xbb\xbfOK=\xc3\xa4\r\n")
    assert "OK=ä\n" in run("--rm", "--env-file", str(tmp_path / "e"), command=["env"]).stdout
    (tmp_path / "e").write_text("A=1\nB=" + "b" * 65533)
    assert run("--rm", "--env-file", str(tmp_path / "e"), command=["sh", "-c", "echo ${#B}"]).stdout == "65533\n"
    (tmp_path / "e").write_text("A=1\nB=" + "b" * 65534)
    refused = run("--rm", "--env-file", str(tmp_path / "e"), code=125)
    assert refused.stderr.startswith(f"docker: invalid env file ({tmp_path}/e): bufio.Scanner: token too long\n")


@pytest.mark.parametrize("user,expected", [
    ("user", "1000 1000\n"), ("1000", "1000 1000\n"), ("1234", "1234 0\n"), ("1:2", "1 2\n"),
])
def test_user(run, user, expected):
    assert run("--rm", "-u", user, command=["sh", "-c", "echo $(id -u) $(id -g)"]).stdout == expected


def test_workdir_hostname_and_name(run):
    done = run("--rm", "-w", "/made/here", "-h", "box", command=["sh", "-c", "pwd; hostname; cat /etc/hostname"])
    assert done.stdout == "/made/here\nbox\nbox\n"


def test_links_of_the_image_to_what_is_not_there(run, moor, tmp_path):
    """What they name is made: as the working directory, to mount on."""
    (tmp_path / "file").write_text("content")
    run("--name", "linker", command=["/bin/busybox", "ln", "-s", "/not/yet", "/jump"])
    moor.docker("commit", "linker", "linked")
    done = moor.docker("run", "--rm", "-w", "/jump/work", "-v", f"{tmp_path}/file:/jump/file", "linked",
                       "sh", "-c", "pwd -P; cat /not/yet/file")
    assert done.stdout == "/not/yet/work\ncontent"
    moor.docker("rm", "linker")
    moor.docker("rmi", "linked")


def test_umask_of_the_caller_is_no_matter_of_the_container(moor, busybox):
    before = os.umask(0o077)
    try:
        shown = moor.docker("run", "--rm", *NO_NETWORK, "-u", "1000", "-v", "/data", busybox, "sh", "-c",
                            "stat -c %a / /data /etc/hosts /dev/shm; umask").stdout
        moor.docker("run", "-d", "--name", "c", busybox, "sleep", "60")
        moor.docker("network", "create", "other")
        moor.docker("network", "connect", "other", "c")
    finally:
        os.umask(before)
    assert shown.split() == ["755", "755", "644", "1777", "0022"]
    assert "172." in moor.docker("exec", "-u", "1000", "c", "cat", "/etc/hosts").stdout
    moor.docker("rm", "-f", "c")


def test_binds(run, tmp_path):
    shared = tmp_path / "shared"
    run("--rm", "-v", f"{shared}/new:/x", command=["touch", "/x/made"])
    assert (shared / "new" / "made").exists()
    refused = run("--rm", "-v", f"{shared}:/x:ro", command=["touch", "/x/no"], code=1)
    assert "Read-only file system" in refused.stderr
    (tmp_path / "file").write_text("content")
    done = run("--rm", "--mount", f"type=bind,src={tmp_path}/file,dst=/deep/inside/file,readonly",
               command=["cat", "/deep/inside/file"])
    assert done.stdout == "content"


def test_volumes(run, moor):
    run("--rm", "-v", "data:/d", command=["sh", "-c", "echo kept > /d/f"])
    assert run("--rm", "-v", "data:/e", command=["cat", "/e/f"]).stdout == "kept\n"
    run("--rm", "-v", "/anonymous", command=["touch", "/anonymous/x"])
    assert moor.docker("volume", "ls", "-q").stdout == "data\n"
    moor.docker("volume", "rm", "data")
    assert "no such volume" in moor.docker("volume", "rm", "data", code=1).stderr


def test_read_only_and_tmpfs(run):
    done = run("--rm", "--read-only", "--tmpfs", "/t:size=1m", command=["sh", "-c", "touch /t/a && touch /b"],
               code=1)
    assert "/b: Read-only file system" in done.stderr


def test_what_is_asked_for_twice(run):
    """Of limits and tmpfs the last one counts, of devices the first."""
    shown = run("--rm", "--ulimit", "core=1", "--ulimit", "nofile=50", "--ulimit", "core=0", "--tmpfs", "/t", "--tmpfs",
                "/t/:size=4k", "--device", "/dev/null:/dev/x", "--device", "/dev/zero:/dev/../dev/x", "--device", "/dev/zero:/y",
                "--device", "/dev/null:/y", command=["sh", "-c", "ulimit -c; ulimit -n; df -k /t | tail -n 1; cat /dev/x; "
                                                     "head -c 2 /y | wc -c"]).stdout.split()
    assert shown[:2] == ["0", "50"] and shown[3] == "4" and shown[-1] == "2", shown


def test_confinement_is_dockers(run):
    show = ["sh", "-c", "cat /proc/self/status; echo x > /proc/sys/kernel/hostname; "
            "cat /proc/kcore | wc -c; mount -t tmpfs x /tmp; ls /proc/acpi"]
    done = run("--rm", command=show, code=None)
    assert "CapEff:\t00000000a80425fb\n" in done.stdout
    assert "CapInh:\t0000000000000000\n" in done.stdout
    assert "Seccomp:\t2\n" in done.stdout
    assert "NoNewPrivs:\t0\n" in done.stdout
    assert "Read-only file system" in done.stderr
    assert "permission denied" in done.stderr or "Operation not permitted" in done.stderr
    loose = run("--rm", "--cap-drop", "ALL", "--cap-add", "chown", "--security-opt", "no-new-privileges",
                command=["cat", "/proc/self/status"])
    assert "CapEff:\t0000000000000001\n" in loose.stdout
    assert "NoNewPrivs:\t1\n" in loose.stdout
    plain = run("--rm", "-u", "user", command=["cat", "/proc/self/status"])
    assert "CapEff:\t0000000000000000\n" in plain.stdout


@pytest.mark.parametrize("option, value, reason", [
    ("cpus", "100000", "Requested CPUs are not available - requested 100000, available: 0"),
    ("cpus", "0,0-100000", "Requested CPUs are not available - requested 0,0-100000, available: 0"),
    ("mems", "9999", "Requested memory nodes are not available - requested 9999, available: 0"),
    ("cpus", "0-", "Invalid value 0- for cpuset cpus"), ("mems", "x", "Invalid value x for cpuset mems")])
def test_processors_that_are_not_there(run, moor, option, value, reason):
    assert reason in run(f"--cpuset-{option}", value, command=["true"], code=125).stderr
    assert container_ids(moor) == []
    moor.docker("create", "--cpuset-cpus", "0,0-0", "--cpuset-mems", "0", "busybox:test", "true")


def test_limits_reach_the_cgroup(run, moor):
    run("-d", "--name", "limited", "-m", "64m", "--cpus", "0.5", "--pids-limit", "50", command=["sleep", "60"])
    pid = inspect(moor, "limited", "{{.State.Pid}}")
    with open(f"/proc/{pid}/cgroup") as file:
        paths = dict(line.strip().split(":", 2)[1:] for line in file)
    id = container_ids(moor)[0]
    controllers = ("memory", "pids") if "memory" in paths else ("",)  # v1, v2
    assert {paths[name] for name in controllers} == {f"/docker/{id}"}
    assert inspect(moor, "limited", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}") == "67108864 50"


def test_networks(moor, busybox):
    def links(*options):
        return moor.docker("run", "--rm", *options, busybox, "ls", "/sys/class/net").stdout.split()

    assert links("--network", "none") == ["lo"]
    assert links() == ["eth0", "lo"]
    shown = moor.docker("run", "--rm", "--network=host", busybox, "busybox", "readlink", "/proc/self/ns/net")
    assert shown.stdout.strip() == os.readlink("/proc/self/ns/net")
    ignored = moor.docker("run", "--rm", "--net", "host", "-p", "80:80", busybox, "true")
    assert "Published ports are discarded when using host network mode" in ignored.stderr


def test_containers_reach_each_other_by_address(moor, busybox):
    moor.docker("run", "-d", "--name", "one", busybox, "sleep", "60")
    address = inspect(moor, "one", "{{.NetworkSettings.IPAddress}}")
    done = moor.docker("run", "--rm", busybox, "busybox", "ping", "-c1", "-w5", address)
    assert "1 packets received" in done.stdout
    moor.docker("rm", "-f", "one")
    left = set(os.listdir(os.path.join(moor.run_dir, "networks", "bridge")))
    assert left <= {".lock", ".bridges"}  # no member


def test_restart_keeps_the_network(moor, busybox):
    moor.docker("run", "-d", "--name", "r", "--init", busybox, "sleep", "60")
    for _ in range(5):
        assert moor.docker("restart", "-t", "0", "r").stdout == "r\n"
        assert inspect(moor, "r", "{{.State.Running}}") == "true"
        assert re.fullmatch(r"172\.\d+\.0\.2", inspect(moor, "r", "{{.NetworkSettings.IPAddress}}"))
    moor.docker("rm", "-f", "r")


@pytest.mark.static
def test_init_reaps_and_passes_signals(moor, busybox):
    process = start_attached(moor, busybox, "--rm", "--init",
                             command=("sh", "-c", "echo ready; exec sleep 60"))
    assert process.stdout.readline() == "ready\n"  # before, pid 1 would not hear of it
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 143
    process.communicate()


def test_init_misses_no_signal(moor, busybox, tmp_path):
    """One that comes before it can listen waits for it: it begins with all of them blocked, its program with none."""
    (tmp_path / "init").write_text("#!/bin/sh\nexec grep SigBlk /proc/self/status\n")
    (tmp_path / "init").chmod(0o755)
    run = ("run", "--rm", "--init", "--network", "none")
    for more, blocked in ((("-v", f"{tmp_path}/init:/sbin/docker-init"), 0x7ffbfeff), ((), 0)):
        shown = moor.docker(*run, *more, busybox, "busybox", "grep", "SigBlk", "/proc/self/status").stdout
        assert int(shown.split()[1], 16) & 0x7fffffff == blocked


# --- detached ---

def test_detached_life(run, moor):
    made = run("-d", "--name", "n", command=["sh", "-c", "echo hi; sleep 60"])
    assert re.fullmatch(r"[0-9a-f]{64}\n", made.stdout)
    id = made.stdout.strip()
    table = moor.docker("ps").stdout.splitlines()
    assert re.fullmatch("CONTAINER ID   IMAGE          COMMAND +   CREATED +   STATUS +   PORTS     NAMES", table[0])
    assert table[1].startswith(id[:12] + "   busybox:test   \"sh -c 'echo hi; sle…\"   ")
    assert table[1].endswith("   n") and " Up " in table[1]
    assert moor.docker("container", "ls", "-q").stdout == id[:12] + "\n"
    wait_until(lambda: moor.docker("logs", "n").stdout == "hi\n", "the log")
    running = moor.docker("rm", "n", code=1)
    assert "You cannot remove a running container" in running.stderr
    assert moor.docker("stop", "-t", "0", "n").stdout == "n\n"
    assert inspect(moor, "n", "{{.State.Status}} {{.State.ExitCode}}") == "exited 137"
    assert "Exited (137)" in moor.docker("ps", "-a").stdout
    assert container_ids(moor) == []
    assert moor.docker("stop", "n").stdout == "n\n"
    assert moor.docker("rm", "n").stdout == "n\n"
    assert store_files(moor) == []


def test_nothing_detached_keeps_our_stdio(moor, busybox):
    """A script that captures `docker run -d` must see the end of its output at once."""
    made = moor.run("sh", "-c", f"x=$({moor.names}/docker run -d --network none --name d {busybox} sleep 60); echo $x",
                    timeout=10)
    assert len(made.stdout.strip()) == 64
    pid = int(inspect(moor, "d", "{{.State.Pid}}"))
    with open(f"/proc/{pid}/stat") as stat:
        monitor = int(stat.read().rsplit(")")[1].split()[1])
    for fd in ("0", "1", "2"):
        assert os.readlink(f"/proc/{monitor}/fd/{fd}") == "/dev/null"
    assert os.getsid(monitor) != os.getsid(0)


def test_detached_rm_goes_by_itself(run, moor, busybox):
    run("-d", "--rm", "--name", "brief", "-v", "/anonymous", command=["true"])
    # Many at a time, so that some end before their command could leave them alone.
    docker = os.path.join(world.BUILD, "cli", "bin", "docker")
    many = [subprocess.Popen([docker, "run", "-d", "--rm", *NO_NETWORK, "-v", "/anonymous", busybox, "true"], env=moor.env,
                             stdout=subprocess.DEVNULL) for _ in range(24)]
    assert [process.wait(60) for process in many] == [0] * len(many)
    wait_until(lambda: store_files(moor) == [], "the container to be removed")
    assert moor.docker("volume", "ls", "-q").stdout == ""


def test_end_of_rm_is_never_missed(run, moor, busybox):
    """By who waits for it, whoever ends it, in the background and in the foreground."""
    docker = os.path.join(moor.names, "docker")
    for code in range(3, 7):
        name = run("-di", "--rm", "--name", "w", command=["sh", "-c", f"read line; exit {code}"]).stdout.strip()
        waiting = moor.start(docker, "wait", "w")
        await_reader(waiting, name)
        with open(os.path.join(moor.root, "containers", name, "stdin"), "w") as stdin:
            stdin.write("go\n")
        assert waiting.communicate(timeout=20)[0] == f"{code}\n"
        moor.docker("rm", "-f", "w")  # it may be going
    run("-d", "--name", "kept", command=["sleep", "60"])
    for end in (["stop", "-t0"], ["kill"], ["rm", "-f"]):
        ids = [run("-d", "--rm", "--name", name, command=["sleep", "60"]).stdout.strip() for name in ("a", "b")]
        many = [moor.start(docker, "wait", "a") for _ in range(6)] + [moor.start(docker, "wait", "a", "b")]
        for waiting in many:
            await_reader(waiting, ids[0])
        gone = moor.docker(*end, "a")
        assert (gone.stdout, gone.stderr) == ("a\n", "")
        assert [waiting.communicate(timeout=20)[0] for waiting in many[:-1]] == ["137\n"] * 6
        await_reader(many[-1], ids[1])
        moor.docker(*end, "b")
        assert many[-1].communicate(timeout=20)[0] == "137\n137\n"
    front = start_attached(moor, busybox, "--rm")
    wait_until(lambda: inspect(moor, "fg", "{{.State.Pid}}") != "0", "its process")
    waiting = moor.start(docker, "wait", "fg")
    await_reader(waiting, inspect(moor, "fg", "{{.Id}}"))
    gone = moor.docker("rm", "-f", "fg")
    assert (gone.stdout, gone.stderr, front.wait(20)) == ("fg\n", "", 137)
    assert waiting.communicate(timeout=20)[0] == "137\n"
    waiting = moor.start(docker, "wait", "kept")
    await_reader(waiting, inspect(moor, "kept", "{{.Id}}"))
    moor.docker("rm", "-f", "kept")
    assert waiting.communicate(timeout=20)[0] == "137\n"
    moor.docker("create", *NO_NETWORK, "--restart", "always", "--name", "never", busybox, "true")
    assert moor.docker("wait", "never").stdout == "0\n"
    moor.docker("rm", "never")
    wait_until(lambda: store_files(moor) == [], "the containers to be removed")


def test_restart_of_rm(run, moor, busybox):
    """It goes on, still --rm; in the foreground too, where the client is told of the end."""
    run("-d", "--rm", "--name", "r", command=["sleep", "60"])
    before = inspect(moor, "r", "{{.Id}} {{.State.Pid}}").split()
    assert moor.docker("restart", "-t", "0", "r").stdout == "r\n"
    after = inspect(moor, "r", "{{.Id}} {{.State.Pid}} {{.HostConfig.AutoRemove}} {{.State.Running}}").split()
    assert after == [before[0], after[1], "true", "true"] and after[1] != before[1]
    assert moor.docker("restart", "-t", "0", "r", "r").stdout == "r\nr\n"
    moor.docker("stop", "-t0", "r")
    assert container_ids(moor) == []
    front = start_attached(moor, busybox, "--rm")
    wait_until(lambda: inspect(moor, "fg", "{{.State.Pid}}") != "0", "its process")
    moor.docker("restart", "-t", "0", "fg")
    assert front.wait(20) == 137
    assert inspect(moor, "fg", "{{.State.Running}}") == "true"
    moor.docker("rm", "-f", "fg")
    wait_until(lambda: store_files(moor) == [], "the containers to be removed")


def test_failed_start_is_kept(run, moor, busybox):
    run("--name", "bad", command=["nosuch"], code=127)
    run("-d", "--rm", command=["nosuch"], code=127)
    run("-d", "--rm", command=["/etc/passwd"], code=126)
    assert inspect(moor, "bad", "{{.State.Status}} {{.State.ExitCode}}") == "created 127"
    assert "executable file not found" in inspect(moor, "bad", "{{.State.Error}}")
    assert "failed to start containers: bad" in moor.docker("start", "bad", code=1).stderr
    moor.docker("create", "--network", "none", "--name", "good", busybox, "true")
    for names, failed in ((["good", "nope"], "nope"), (["nope1", "good", "nope2"], "nope1, nope2")):
        started = moor.docker("start", *names, code=1)
        assert started.stdout == "good\n" and started.stderr.endswith(f"\nError: failed to start containers: {failed}\n")


def test_stop_signals_first(run, moor):
    run("-d", "--name", "polite", "--stop-signal", "USR1",
        command=["sh", "-c", "trap 'sleep 1; echo bye; exit 5' USR1; while :; do sleep 0.1; done"])
    wait_until(lambda: "SigCgt:\t0000000000000000" not in open(
        f"/proc/{inspect(moor, 'polite', '{{.State.Pid}}')}/status").read(), "the trap to be set")
    moor.docker("stop", "-t", "18446744073709552", "polite")  # in milliseconds more than 64 bits hold: not 384 of them
    assert inspect(moor, "polite", "{{.State.ExitCode}}") == "5"
    assert moor.docker("logs", "polite").stdout == "bye\n"


def test_kill_wait_start(run, moor):
    run("-d", "--name", "k", command=["sleep", "60"])
    assert moor.docker("kill", "-s", "0", "k", code=1).stderr == "Error response from daemon: Invalid signal: 0\n"
    assert moor.docker("kill", "k").stdout == "k\n"
    assert moor.docker("wait", "k").stdout == "137\n"
    assert "is not running" in moor.docker("kill", "k", code=1).stderr
    assert moor.docker("start", "k").stdout == "k\n"
    assert inspect(moor, "k", "{{.State.Running}}") == "true"
    waiting = moor.start(os.path.join(moor.names, "docker"), "wait", "k")
    moor.docker("stop", "-t", "0", "k")
    assert waiting.communicate(timeout=10)[0] == "137\n"


def test_start_attached(moor, busybox):
    moor.docker("create", *NO_NETWORK, "--name", "c", busybox, "sh", "-c", "echo again; exit 4")
    for _ in range(2):
        assert moor.docker("start", "-a", "c", code=4).stdout == "again\n"
    assert moor.docker("logs", "c").stdout == "again\nagain\n"


def test_logs(run, moor):
    run("--name", "l", command=["sh", "-c", "echo one; echo two >&2; printf three"])
    logs = moor.docker("logs", "l")
    assert (logs.stdout, logs.stderr) == ("one\nthree", "two\n")
    assert moor.docker("logs", "--tail", "1", "l").stdout == "three"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z three",
                        moor.docker("logs", "-t", "-n1", "l").stdout)
    assert "No such container: nope" in moor.docker("logs", "nope", code=1).stderr


def test_logs_keep_the_order_of_both_streams(run, moor):
    run("--name", "c", command=("sh", "-c", "for i in 1 2 3; do echo o$i; sleep 0.05; "
                                            "echo e$i >&2; sleep 0.05; done"))
    both = subprocess.run([os.path.join(moor.names, "docker"), "logs", "c"], env=moor.env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True).stdout
    assert both.split() == ["o1", "e1", "o2", "e2", "o3", "e3"]


@pytest.mark.parametrize("options,is_bounded", [([], True), (["--log-opt", "max-size=-1"], False)])
def test_logs_are_bounded_by_default(run, moor, options, is_bounded):
    run("-d", "--name", "c", *options, command=("sh", "-c", "yes 0123456789 | head -n 900000"))
    moor.docker("wait", "c")
    logs = [os.path.join(folder, name)
            for folder, _, names in os.walk(os.path.join(moor.root, "containers"))
            for name in names if name.startswith("container.log")]
    sizes = [os.stat(path).st_size for path in logs]
    assert (len(logs) == 3 and max(sizes) <= 10 << 20) if is_bounded else len(logs) == 1
    moor.docker("rm", "c")


def test_only_root_for_now(moor, busybox):
    """In the words by which AWS's nucleus knows it."""
    for arguments, code in ((["ps"], 1), (["run", busybox], 126), (["--version"], 0), (["ps", "--help"], 0)):
        result = subprocess.run([os.path.join(moor.names, "docker"), *arguments], env=moor.env, text=True,
                                capture_output=True, user=65534, group=65534)
        assert result.returncode == code
        assert ("Got permission denied while trying to connect to the Docker daemon socket"
                in result.stderr) == (code != 0)


def test_plugins_and_swarm(moor):
    """Of which there are none: what asks for them is answered in docker's words."""
    assert moor.docker("plugin", "ls").stdout == "ID        NAME      DESCRIPTION   ENABLED\n"
    assert moor.docker("plugin", "list", "-q", "--no-trunc", "-f", "enabled=true").stdout == ""
    assert "invalid filter 'x'" in moor.docker("plugin", "ls", "-f", "x=y", code=1).stderr
    inspected = moor.docker("plugin", "inspect", "a", "b", code=1)
    missing = [f'Error response from daemon: plugin "{name}" not found\n' for name in "ab"]
    assert (inspected.stdout, inspected.stderr) == ("[]\n", "".join(missing))
    assert moor.docker("plugin", "rm", "-f", "a", code=1).stderr == missing[0]
    assert moor.docker("plugin", "install", "a", code=1).stderr == "docker: 'plugin install' is not supported by this runtime\n"
    no_manager = ('Error response from daemon: This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" '
                  "to connect this node to swarm and try again.\n")
    for words in ("node ls", "service ls --format {{.ID}}", "stack ps x", "secret ls -q", "config rm x", "swarm join-token worker"):
        assert (told := moor.docker(*words.split(), code=1)).stderr == no_manager and told.stdout == ""
    assert (told := moor.docker("node", "inspect", "self", code=1)).stderr == no_manager and told.stdout == "[]\n"
    assert moor.docker("swarm", "leave", code=1).stderr == "Error response from daemon: This node is not part of a swarm\n"
    assert moor.docker("network", "create", "-d", "overlay", "n", code=1).stderr == no_manager
    for words in (["swarm", "init"], ["swarm", "join", "x:1"], ["swarm"], ["service", "--help"]):
        named = " ".join(word for word in words if word in ("swarm", "service", "init", "join"))
        assert moor.docker(*words, code=1).stderr == f"docker: '{named}' is not supported by this runtime\n"


def test_logs_follow_to_the_end(moor, busybox):
    moor.docker("run", "-di", *NO_NETWORK, "--name", "f", busybox, "sh", "-c", "echo first; read line; echo second")
    follower = moor.start(os.path.join(moor.names, "docker"), "logs", "-f", "f")
    assert follower.stdout.readline() == "first\n"
    directory = os.path.join(moor.root, "containers", container_ids(moor)[0])
    with open(os.path.join(directory, "stdin"), "w") as stdin:
        stdin.write("go\n")
    assert follower.communicate(timeout=10)[0] == "second\n"
    assert follower.returncode == 0


def test_unknown_and_unsupported_verbs(moor):
    assert "docker: unknown command: docker nosuch\n" in moor.docker("nosuch", code=1).stderr
    # By the name it was called by: there is perhaps no docker on this machine.
    unknown = moor.mooring("container", "nosuch", code=1).stderr
    assert unknown.startswith("mooring: unknown command: mooring container nosuch\n")
    assert "'mooring container --help'" in unknown
    build = moor.docker("build", ".", code=1)
    assert "docker: 'build' is not supported by this runtime" in build.stderr
    assert moor.docker("run", "--help").stdout.startswith("Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n")
    # What scripts ask beforehand: there is one context, and nothing was built.
    assert moor.docker("context", "show").stdout == moor.docker("context", "use", "default").stdout == "default\n"
    assert moor.docker("context", "ls", "-q").stdout == "default\n"
    header, row = moor.docker("context", "ls").stdout.splitlines()
    assert header.startswith("NAME        DESCRIPTION") and row.startswith("default *   Current")
    endpoint = moor.docker("context", "inspect", "-f", "{{.Endpoints.docker.Host}}").stdout
    assert endpoint == "unix:///var/run/docker.sock\n"
    assert 'context "other": context not found' in moor.docker("context", "use", "other", code=1).stderr
    assert moor.docker("builder", "prune", "-af").stdout == "Total reclaimed space: 0B\n"
    alone = moor.docker()
    assert alone.stdout == "" and "Usage:  docker" in alone.stderr
    assert re.fullmatch(r"Docker version \d.+, build .+\n", moor.docker("-v").stdout)
    assert "unknown flag: --bogus" in moor.docker("--bogus", "ps", code=125).stderr
    refused = moor.docker("--log-level", "bogus", "ps", code=1)
    assert (refused.stdout, refused.stderr) == ("", "Unable to parse logging level: bogus\n")
    assert moor.docker("-l", "WARNING", "ps", "-q").stdout == moor.docker("-l", "", "ps", "-q").stdout == ""
    assert "at least 1 argument" in moor.docker("run", code=1).stderr
    front = moor.mooring("--help").stdout
    assert "mooring deploy" in front and "mooring run" in front


def test_inspect_is_json(run, moor):
    run("-d", "--name", "i", "-v", "/tmp:/x:ro", "-l", "a=b", command=["sleep", "60"])
    (told,) = json.loads(moor.docker("inspect", "i").stdout)
    assert told["Name"] == "/i" and told["State"]["Running"] is True and told["State"]["Pid"] > 0
    assert told["Config"]["Labels"] == {"a": "b"} and told["Config"]["Image"] == "busybox:test"
    assert told["Mounts"][0]["Destination"] == "/x" and told["Mounts"][0]["RW"] is False
    missing = moor.docker("inspect", "nope", code=1)
    assert missing.stdout == "[]\n" and "No such object: nope" in missing.stderr


def test_image_in_use(run, moor):
    run("--name", "user")
    assert "is using its referenced image" in moor.docker("rmi", "busybox:test", code=1).stderr
    moor.docker("rm", "user")
    moor.docker("rmi", "busybox:test")
    missing = moor.docker("run", "--pull", "never", "busybox:test", "true", code=125)
    assert "No such image: busybox:test" in missing.stderr


def test_missing_image_is_pulled(moor, registry):
    registry.push(world.Image(), "library/test", "1")
    reference = f"{registry.address}/library/test:1"
    pulled = moor.docker("run", "--rm", *NO_NETWORK, reference, "echo", "from afar")
    assert pulled.stdout == "from afar\n"
    assert f"Unable to find image '{reference}' locally" in pulled.stderr
    unreachable = moor.docker("run", "--rm", "127.0.0.1:9/x:1", "true", code=125)
    assert "connection refused" in unreachable.stderr
    quiet = moor.docker("run", "-q", "--rm", "127.0.0.1:9/x:1", "true", code=125)
    assert quiet.stderr.startswith("docker: Error response from daemon: ")


def test_cidfile(run, tmp_path):
    path = tmp_path / "cid"
    id = run("-d", "--cidfile", str(path), command=["true"]).stdout.strip()
    assert path.read_text() == id
    assert "container ID file found" in run("--cidfile", str(path), code=125).stderr


# --- many at once, and sudden ends ---

def test_one_of_many_gets_the_name(moor, busybox):
    docker = os.path.join(moor.names, "docker")
    crowd = [moor.start(docker, "run", "-d", *NO_NETWORK, "--name", "one", busybox, "sleep", "60")
             for _ in range(50)]
    results = [(process.communicate(timeout=60), process.returncode) for process in crowd]
    assert sorted(code for _, code in results) == [0] + [125] * 49
    for (_, stderr), code in results:
        if code:
            assert "Conflict. The container name \"/one\" is already in use by container" in stderr
    assert len(container_ids(moor, "-a")) == 1
    assert len(os.listdir(os.path.join(moor.root, "containers"))) == 1


def test_many_at_once(moor, busybox):
    docker = os.path.join(moor.names, "docker")
    crowd = [moor.start(docker, "run", "--rm", *NO_NETWORK, busybox, "echo", str(number)) for number in range(20)]
    for number, process in enumerate(crowd):
        assert process.communicate(timeout=60) == (f"{number}\n", "")
    assert store_files(moor) == []


def test_signals_are_passed_on(moor, busybox):
    process = start_attached(moor, busybox, command=(
        "sh", "-c", "trap 'exit 6' HUP; echo ready; while :; do sleep 0.1; done"))
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.wait(10) == 6
    process.communicate()


def test_killed_client_takes_its_container_along(moor, busybox):
    """A supervisor that kills the whole tree of `docker run` leaves no container."""
    process = start_attached(moor, busybox, "--rm", "--stop-timeout", "1")
    pid = int(inspect(moor, "fg", "{{.State.Pid}}"))
    process.kill()
    process.communicate()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the container to be stopped")
    wait_until(lambda: store_files(moor) == [], "the container to be removed")


def test_client_killed_after_it_was_asked(moor, busybox):
    """Its container ignores SIGTERM: it is gone at once, not after docker stop's ten seconds."""
    process = start_attached(moor, busybox, "--rm")
    process.send_signal(signal.SIGTERM)
    time.sleep(0.2)  # not awaited: nothing tells that the signal was passed on and ignored
    process.kill()
    process.wait(timeout=10)
    wait_until(lambda: container_ids(moor, "-a") == [], "the container to go", seconds=5)


def test_client_killed_while_it_starts(moor, busybox):
    """The kill may come before the monitor could say "started", or before there is a monitor: nobody
    is told. No container stays, and the next run finds no rubbish, or takes it away."""
    docker = os.path.join(moor.names, "docker")
    run = ("run", "--rm", *NO_NETWORK, "--name", "fg")
    for step in range(30):
        process = moor.start(docker, *run, "--stop-timeout", "0", busybox, "sleep", "60")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.001 * step)
        process.kill()
        process.communicate()
        wait_until(lambda: moor.docker(*run, busybox, "true", code=None).returncode == 0,
                   f"the name of what was killed after {step} ms")
        wait_until(lambda: moor.docker("ps", "-aq").stdout == "" and store_files(moor) == [],
                   f"nothing to be left of what was killed after {step} ms")


def test_container_is_no_descendant(moor, busybox):
    process = start_attached(moor, busybox)
    children = f"/proc/{process.pid}/task/{process.pid}/children"
    wait_until(lambda: open(children).read() == "", "the client to have no child")
    moor.docker("rm", "-f", "fg")
    assert process.wait(10) == 137
    process.communicate()


def test_killed_monitor_leaves_no_lie(run, moor, busybox):
    run("-d", "--name", "orphan", command=["sleep", "60"])
    pid = int(inspect(moor, "orphan", "{{.State.Pid}}"))
    with open(f"/proc/{pid}/stat") as stat:
        monitor = int(stat.read().rsplit(")")[1].split()[1])
    os.kill(monitor, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{monitor}"), "the monitor to end")
    moor.docker("stop", "-t", "0", "orphan")
    assert inspect(moor, "orphan", "{{.State.Status}}") == "exited"
    moor.docker("start", "orphan")
    assert inspect(moor, "orphan", "{{.State.Running}}") == "true"
    client = moor.start(os.path.join(moor.names, "docker"), "run", *NO_NETWORK, "--name", "lost", busybox, "sh", "-c", "echo up; sleep 60",
                        stdin=subprocess.DEVNULL)
    assert client.stdout.readline() == "up\n"
    with open(f"/proc/{inspect(moor, 'lost', '{{.State.Pid}}')}/stat") as stat:
        os.kill(int(stat.read().rsplit(")")[1].split()[1]), signal.SIGKILL)
    errors = client.communicate(timeout=20)[1]  # as docker's when its daemon goes: nobody knows the end
    assert (client.returncode, errors) == (125, "the container's monitor ended unexpectedly\n")
    moor.docker("rm", "-f", "lost")
    moor.docker("rm", "-f", "orphan")
    assert store_files(moor) == []


@pytest.mark.parametrize("verb", ["run", "rm"])
def test_kill_at_any_moment(moor, busybox, verb):
    """Whatever instant a command is killed at, the next ones work and sweep up."""
    docker = os.path.join(moor.names, "docker")
    for step in range(40):
        moor.docker("rm", "-f", "victim", code=None)
        if verb == "rm":
            moor.docker("create", *NO_NETWORK, "--name", "victim", busybox, "true")
            words = ["rm", "victim"]
        else:
            words = ["run", "-d", "--rm", *NO_NETWORK, "--name", "victim", busybox, "sleep", "60"]
        process = moor.start(docker, *words)
        try:
            process.wait(step * 0.0005)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        moor.docker("ps", "-a")
        if verb == "run":
            again = moor.docker("run", *NO_NETWORK, "--name", "victim", busybox, "true", code=None)
            assert again.returncode in (0, 125), again.stderr
            assert again.returncode == 0 or "already in use" in again.stderr
    moor.docker("rm", "-f", "victim", code=None)

    def is_clean():
        moor.docker("ps", "-a")
        return store_files(moor) == []

    wait_until(is_clean, "the store to be clean")


def test_link_to_a_library_count(moor):
    linked = moor.run("readelf", "-d", os.path.join(world.BUILD, "cli", "mooring")).stdout
    names = {name.split(".")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", linked)}
    if "libasan" not in names:  # none at all where it is static
        assert names <= {"libyajl", "libc", "libm"}


def test_names_and_headings_of_templates(moor, busybox):
    """Fields go by Go's names, too; a table's heading is made of headings; "raw" is docker's; nothing found is a line."""
    id = moor.docker("create", "--network", "none", "--name", "named", "--cpus", "0.5", "-l", "org.a-b=v", busybox).stdout.strip()
    assert inspect(moor, "named", "{{.ID}} {{.HostConfig.NanoCPUs}} {{index .Name 1}}") == f"{id} 500000000 110"
    table = moor.docker("ps", "-a", "--format", "table {{truncate .ID 2}}\\t{{lower .Names}}\\t{{.Label \"org.a-b\"}}").stdout
    assert table == f"CONTAINER ID   NAMES     a b\n{id[:2]}             named     v\n"
    assert moor.docker("ps", "-aq", "--no-trunc", "--format", "raw").stdout == f"container_id: {id}\n"
    assert "(virtual " in moor.docker("ps", "-a", "--format", "{{.Size}}").stdout
    unreadable = moor.docker("ps", "-a", "--format", "{{.Names", code=1).stderr
    assert unreadable == "failed to parse template: template: :1: unclosed action\n"
    missing = moor.docker("inspect", "-f", "{{.Id}}", "nosuch", code=1)
    assert (missing.stdout, missing.stderr) == ("\n", "Error: No such object: nosuch\n")
    wrong = moor.docker("ps", "-a", "--format", "{{.Nope}}", code=1).stderr
    assert wrong.endswith("at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext\n")


def test_mistakes_in_docker_s_words(moor, busybox):
    """What is wrong is said where docker says it, also where nothing is there to show."""
    for template, text in (("{{.nope}}", "can't evaluate field nope in type *formatter.ContainerContext"), ("{{nil}}", "nil is not a command"),
                           ("{{join}}", "wrong number of args for join: want 2 got 0")):
        told = moor.docker("ps", "-a", "--format", template, code=1)
        assert told.stderr.startswith("failed to execute template: template: :1:2: executing ") and told.stderr.endswith(text + "\n"), told
    wrong = moor.docker("system", "df", "--format", "{{.nope}}", code=1).stderr
    assert wrong.endswith("can't evaluate field nope in type *formatter.diskUsageImagesContext\n")
    wide = "你好世界teststring-你好世界"
    moor.docker("create", "--name", "c", "--add-host", "a=[::1]", "--add-host", "b:10.0.0.1", "--cap-add", "kill", "--cap-add", "CAP_KILL",
                busybox, "sh", "-c", wide)
    assert inspect(moor, "c", "{{json .HostConfig.ExtraHosts}} {{.HostConfig.CapAdd}}") == '["a:::1","b:10.0.0.1"] [CAP_KILL]'
    assert moor.docker("ps", "-a", "--format", "{{.Command}}").stdout == '"sh -c 你好世界tests…"\n'
    wrong = moor.docker("stats", "-a", "--no-stream", "--format", "{{.nope}}", code=1).stderr
    assert wrong == ('template parsing error: template: :1:2: executing "" at <.nope>: can\'t evaluate field nope in type '
                     "*container.statsContext\n")
    for words, text in ((["container", "remove"], "docker: 'docker container rm' requires at least 1 argument\n\nUsage:  docker container rm ["),
                        (["container", "ps", "x"], "docker: 'docker container ls' accepts no arguments\n\nUsage:  docker container ls ["),
                        (["image", "list", "a", "b"], "docker: 'docker image ls' requires at most 1 argument\n"),
                        (["port"], "docker: 'docker port' requires at least 1 and at most 2 arguments\n"),
                        (["rename", "c", "/a b"], "Error response from daemon: Error when allocating new name: Invalid container name (/a b), only "),
                        (["update", "-m", "1", "c"], "Error response from daemon: Minimum memory limit allowed is 6MB\n")):
        assert moor.docker(*words, code=1).stderr.startswith(text), words
    assert moor.docker("container", "remove", "--help").stdout.startswith("Usage:  docker container rm [OPTIONS] CONTAINER")
    listed = [line.split()[0] for line in moor.docker("container", "--help").stdout.splitlines() if line.startswith("  ")]
    assert {"ls", "rm"} <= set(listed) and not {"list", "ps", "remove"} & set(listed)
    moor.docker("create", "--name", "d", busybox)
    assert moor.docker("rename", "d", "c", code=1).stderr.startswith(
        'Error response from daemon: Error when allocating new name: Conflict. The container name "/c" is already in use by container "')
    moor.docker("rm", "d")
    assert moor.docker("nonexistent", "--help").stdout == moor.docker("--help").stdout
    assert moor.docker("image", "nonexistent", "--help").stdout == moor.docker("image", "--help").stdout
    for words, code, text in (
            (["help", "nonexistent"], 1, "unknown help topic: nonexistent\n"),
            (["-H", "unix:///a", "-H", "unix:///b", "ps"], 125, 'invalid argument "unix:///b" for "-H, --host" flag: specify only one -H\n'),
            (["-H", "unix:///a", "-c", "b", "ps"], 1, "conflicting options: cannot specify both --host and --context\n"),
            (["volume", "create", "--label", "", "x"], 125, "invalid label '': empty name"),
            (["network", "create", "--label", "=x", "x"], 125, "invalid label '=x': empty name"),
            (["rm", "-f", ""], 1, "container name cannot be empty\n"), (["create", "ab" * 32], 1, f"daemon: No such image: sha256:{'ab' * 32}\n"),
            (["rename", "", "x"], 1, "invalid container name or ID: value is empty\n"),
            (["wait", ""], 1, "Error response from daemon: invalid container name or ID: value is empty\n"),
            (["create", "-v", "/x:/", busybox], 1, "Error response from daemon: invalid volume specification: '/x:/': invalid mount config for "
                                                   "type \"bind\": invalid specification: destination can't be '/'\n"),
            (["create", "--device-read-iops", "/dev/null:1:2", busybox], 125, "invalid rate for device: /dev/null:1:2. ")):
        assert text in moor.docker(*words, code=code).stderr, words
    assert moor.docker("-H", "unix:///a", "ps", "-aq").returncode == 0
    assert moor.docker("images", "ls").stderr == 'No images found matching "ls": did you mean "docker image ls"?\n'
    assert moor.docker("images", "nothing").stderr == "" == moor.docker("image", "ls", "rm").stderr
    for gpus in ("-1", "count=-1"):
        assert "could not select device driver" in moor.docker("create", "--gpus", gpus, busybox, code=1).stderr
    moor.docker("create", "--name", "part", "--mount", "type=volume,src=vol,dst=/v,volume-subpath=a", busybox)
    assert inspect(moor, "part", "{{json (index .HostConfig.Mounts 0).VolumeOptions}}") == '{"Subpath":"a"}'


def test_version_and_info(moor):
    """The members, the lines and the names of Go's types as in docker: what scripts look for."""
    version = json.loads(moor.docker("version", "-f", "json").stdout)
    assert [*version["Client"], *version["Server"]] == [
        "Platform", "Version", "ApiVersion", "DefaultAPIVersion", "GitCommit", "GoVersion", "Os", "Arch", "BuildTime", "Context",
        "Experimental", "Platform", "Components", "Version", "ApiVersion", "MinAPIVersion", "GitCommit", "GoVersion", "Os", "Arch",
        "BuildTime", "KernelVersion", "Experimental"]
    engine = version["Server"]["Components"][0]
    assert engine["Name"] == "Engine" and engine["Details"]["KernelVersion"] == os.uname().release
    told = moor.docker("version").stdout
    for label, count in {"Client:": 1, "Server:": 1, " Version:": 3, " API version:": 2, " Go version:": 2, " Git commit:": 2, " Built:": 2,
                         " OS/Arch:": 2, " Context:": 1, " Experimental:": 1}.items():
        assert told.count(label) == count, told
    info = json.loads(moor.docker("info", "-f", "{{json .}}").stdout)
    assert dict(info["DriverStatus"])["Backing Filesystem"] and info["ClientInfo"]["Context"] == "default"
    told = moor.docker("info").stdout
    for label in ("Containers", " Running", " Paused", " Stopped", "Images", "Server Version", "Storage Driver", " Backing Filesystem",
                  "Logging Driver", "Cgroup Driver", "Cgroup Version", "Plugins", " Volume", " Network", " Log", "Swarm", "Runtimes",
                  "Default Runtime", "Init Binary", "containerd version", "runc version", "init version", "Security Options", "  Profile",
                  "Kernel Version", "Operating System", "OSType", "Architecture", "CPUs", "Total Memory", "Name", "ID", "Docker Root Dir",
                  "Registry", "Experimental", "Insecure Registries", "Live Restore Enabled"):
        assert f"\n {label}:" in told, label
    for verb, name, template, type in (
            ("info", "", "{{.nope}}", "system.dockerInfo"), ("info", "", "{{.Swarm.nope}}", "swarm.Info"),
            ("version", "version", "{{.nope}}", "system.versionInfo"), ("version", "version", "{{.Client.nope}}", "system.clientVersion")):
        wrong = moor.docker(verb, "-f", template, code=1)
        assert (wrong.stdout, wrong.stderr) == (
            "\n", f'template: {name}:1:{template.rindex(".")}: executing "{name}" at <{template[2:-2]}>: can\'t evaluate field nope in type {type}\n')
        assert moor.docker(verb, "-f", "{{", code=64).stderr == f"template parsing error: template: {name}:1: unclosed action\n"
    assert 'template: :1: unexpected "}" in command' in moor.docker("info", "-f", "{{}", code=64).stderr


def test_filters_that_are_numbers_and_words(moor, busybox):
    """Ports by number, range and protocol: published ones by the host's number, of what runs; values that mean nothing are refused."""
    moor.docker("create", "--name", "all", "-p", "1-65535:1-65535", busybox)
    assert moor.docker("inspect", "-f", "{{len .HostConfig.PortBindings}} {{len .Config.ExposedPorts}}", "all").stdout == "65535 65535\n"
    moor.docker("create", "--name", "ported", "--expose", "99", "--expose", "53/udp", "-p", "18080:80", busybox, "sleep", "60")
    moor.docker("create", "--name", "other", busybox)

    def is_found(name, wanted):
        found = moor.docker("ps", "-a", "--format", "{{.Names}}", "-f", wanted, "-f", f"name={name}").stdout
        assert found in ("", name + "\n"), found
        return bool(found)

    for wanted, found in {"expose=99": False, "expose=80": False, "publish=18080": False, "health=none": True, "exited=0": False}.items():
        assert is_found("ported", wanted) == found, wanted
    moor.docker("start", "ported")
    for wanted, found in {"expose=99": True, "expose=90-100/tcp": True, "expose=99/udp": False, "expose=53/udp": True,
                          "expose=80": True, "expose=18080": False, "publish=80": False, "publish=18080": True,
                          "publish=18080/udp": False, "publish=18000-18080": True, "publish=99": False}.items():
        assert is_found("ported", wanted) == found, wanted
    for network in ("none", "host"):
        moor.docker("run", "-d", "--name", network, "--network", network, "--expose", "99", busybox, "sleep", "60")
        assert not is_found(network, "expose=99")
        assert moor.docker("ps", "-f", f"name={network}", "--format", "{{.Ports}}").stdout == "\n"
        assert moor.docker("inspect", "-f", "{{json .NetworkSettings.Ports}}", network).stdout == "{}\n"
    moor.docker("rm", "-f", "none", "host", "ported")
    for wrong, text in {"exited=x": 'strconv.Atoi: parsing "x": invalid syntax', "health=well": "Unrecognised filter value for health: well",
                        "publish=x": "error while looking up for publish x: ", "expose=1-": "error while looking up for expose 1-: "}.items():
        told = moor.docker("ps", "-f", wrong, code=1)
        assert told.stderr.startswith("Error response from daemon: " + text) and not told.stdout
    assert moor.docker("events", "--until", "0s", "-f", "x=1", code=1).stderr == "Error response from daemon: invalid filter 'x'\n"


def test_filters_by_family_and_network(moor, busybox):
    """Images that were made from another; networks by name, ID and its beginning; whose names links are."""
    def shown(*options):
        return moor.docker("ps", "-a", "--format", "{{.Names}}", *options).stdout.split()

    def identity(*what):
        return moor.docker(*what, "-f", "{{.Id}}").stdout.strip().removeprefix("sha256:")

    image = busybox
    for generation in ("one", "two"):
        moor.docker("run", "--name", generation, "--network", "none", image, "touch", f"/{generation}")
        image = f"{generation}:1"
        moor.docker("commit", "-m", f"as {generation}", "-a", "somebody", generation, image)
    moor.docker("create", "--name", "three", image)
    for ancestor, found in ((busybox, ["three", "two", "one"]), ("one:1", ["three", "two"]), ("two", []), ("two:1", ["three"]),
                            (identity("image", "inspect", "one:1")[:12], ["three", "two"]), ("nosuch", [])):
        assert shown("-f", f"ancestor={ancestor}") == found, ancestor
    assert moor.docker("inspect", "-f", "{{.Comment}} {{.Author}}", "two:1").stdout == "as two somebody\n"
    bridge = identity("network", "inspect", "bridge")
    for network, found in (("bridge", ["three"]), (bridge, ["three"]), (bridge[:12], ["three"]), ("none", ["two", "one"]), ("nosuch", [])):
        assert shown("-f", f"network={network}") == found, network
    assert shown("-f", "is-task=false", "-l") == ["three"] and shown("-f", "is-task=true") == []
    for wrong, text in (("is-task=x", "invalid filter 'is-task=[x]'"), ("status=x", "invalid filter 'status=x'")):
        assert text in moor.docker("ps", "-f", wrong, code=1).stderr
    moor.docker("create", "--name", "a", "--link", "three:pal", busybox)
    assert shown("--no-trunc", "-n", "2") == ["a", "a/pal,three"] and shown("-n", "2") == ["a", "three"]
    moor.docker("tag", busybox, image)
    assert moor.docker("ps", "-a", "-f", "name=three", "--format", "{{.Image}}", "--no-trunc").stdout.startswith("sha256:")


def test_commands_for_another_machine(moor, run):
    """They are not done on this one; what names this one, by whatever way, is."""
    compose = ["/bin/sh", "-c", f'cd {moor.directory} && exec {moor.names}/docker-compose "$@"', "sh"]
    for host in ("ssh://root@gateway", "ssh://localhost", "tcp://192.0.2.1:2375", "https://127.example.com", "gateway:2375", "x://localhost"):
        words = f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?"
        for asked in (moor.docker("ps", "-q", env={"DOCKER_HOST": host}, code=1), moor.docker("-H", host, "version", code=1),
                      moor.docker("-H", host, "compose", "ls", code=1), moor.run(*compose, "-H", host, "ps", code=1),
                      moor.docker("-c", "default", "rm", "x", env={"DOCKER_HOST": host}, code=1)):
            assert asked.stderr.startswith(words) and asked.stdout == ""
        assert moor.docker("-H", host, "run", "busybox:test", "true", code=125).stderr.startswith("docker: " + words)
        assert moor.docker("-H", "unix:///run/docker.sock", "ps", "-q", env={"DOCKER_HOST": host}).stderr == ""
        moor.docker("--version", env={"DOCKER_HOST": host})
    for host in ("", "unix:///run/user/0/docker.sock", "npipe:////./pipe/docker", "tcp://localhost:2375", "tcp://127.0.0.2", "tcp://[::1]:2376",
                 "tcp://:2375"):
        assert moor.docker("-H", host, "ps", "-q", env={"DOCKER_CONTEXT": "nope"} if host else {}).stderr == ""
    for asked in (moor.docker("--context", "nope", "ps", env={"DOCKER_HOST": "unix:///x"}, code=1),
                  moor.docker("info", env={"DOCKER_CONTEXT": "nope"}, code=1), moor.docker("-c", "nope", "compose", "ls", code=1),
                  moor.docker("-c", "nope", "run", "busybox:test", "true", code=1)):
        assert asked.stderr.startswith('Failed to initialize: unable to resolve docker endpoint: context "nope": context not found: ')
        assert asked.stdout == ""
    assert moor.docker("--context", "default", "ps", "-q", env={"DOCKER_CONTEXT": "nope"}).stderr == ""


def test_help_has_all_that_is_taken(moor):
    shown = moor.docker("--help").stdout
    for option in ("    --config string ", "-c, --context string ", "-D, --debug ", "-H, --host list ", "-l, --log-level string ", "-v, --version "):
        assert shown.count(f"  {option} ") == 1, option
    assert "\n  compose     Docker Compose\n" in shown
    assert moor.docker("help", "compose").stdout == moor.docker("compose", "--help").stdout != ""


def test_proxies_of_the_users_own(moor, run):
    """Containers get those of docker's config.json as variables, unless the command line has its own."""
    os.makedirs(moor.env["DOCKER_CONFIG"], exist_ok=True)
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w") as config:
        json.dump({"proxies": {"default": {"httpProxy": "http://p:1", "noProxy": "n"}, "tcp://127.0.0.1:2375": {"ftpProxy": "f"}}}, config)
    env = ["env"]
    assert {"HTTP_PROXY=http://p:1", "http_proxy=http://p:1", "NO_PROXY=n", "no_proxy=n"} <= set(run("--rm", command=env).stdout.split())
    own = set(run("--rm", "-e", "HTTP_PROXY=own", "-e", "no_proxy", command=env).stdout.split())
    assert {"HTTP_PROXY=own", "http_proxy=http://p:1", "NO_PROXY=n"} <= own and not any("no_proxy" in one for one in own)
    assert "ftp_proxy=f" in run("--rm", command=env, env={"DOCKER_HOST": "tcp://127.0.0.1:2375"}).stdout
    warned = run("--rm", "--oom-kill-disable", command=["true"]).stderr
    assert warned.startswith("WARNING: Disabling the OOM killer on containers without setting a '-m/--memory' limit may be dangerous.\n")


def test_network_by_its_id(moor, busybox):
    """It is known by its name from then on, and is the same as that."""
    id = moor.docker("network", "create", "net").stdout.strip()
    for number, called in enumerate((id, id[:10], "net")):
        moor.docker("run", "-d", "--name", f"c{number}", "--network", called, "--mac-address", "02:42:08:26:a9:55", busybox, "sleep", "60")
        shown = json.loads(moor.docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", f"c{number}").stdout)
        assert list(shown) == ["net"] and shown["net"]["MacAddress"] == "02:42:08:26:a9:55" and shown["net"]["IPAddress"]
        assert moor.docker("inspect", "-f", "{{.HostConfig.NetworkMode}}", f"c{number}").stdout == "net\n"
        moor.docker("rm", "-f", f"c{number}")
    twice = moor.docker("create", "--network", "net", "--network", id, busybox, code=1).stderr
    assert 'network "net" is specified multiple times' in twice


def test_names_that_links_give(moor, busybox):
    """NAME/ALIAS is a name of the container that the link leads to, until it or the link goes."""
    moor.docker("create", "--name", "db", "--dns", " 1.1.1.1\t", busybox)
    assert moor.docker("inspect", "-f", "{{json .HostConfig.Dns}}", "db").stdout == '["1.1.1.1"]\n'
    assert moor.docker("port", "db", "").stdout == ""
    moor.docker("create", "--name", "app", "--link", "db:/mysql", busybox)
    assert moor.docker("inspect", "-f", "{{.HostConfig.Links}}", "app").stdout == "[/db:/app/mysql]\n"
    for name in ("app/mysql", "/app/mysql"):
        assert moor.docker("inspect", "-f", "{{.Name}}", name).stdout == "/db\n"
    for name in ("app/db", "app/mysql/", "app/", "db/mysql", "app/mysql/mysql"):
        assert moor.docker("inspect", name, code=1).stderr == f"Error: No such object: {name}\n"
    assert moor.docker("rm", "app/mysql").stdout == "app/mysql\n"
    assert moor.docker("ps", "-a", "--format", "{{.Names}}").stdout == "app\n"
    assert "No such object" in moor.docker("inspect", "app/mysql", code=1).stderr


def test_formats_of_the_users_own(moor, busybox):
    """Those of docker's config.json count where the command line says nothing."""
    directory = moor.env["DOCKER_CONFIG"]
    os.makedirs(directory, exist_ok=True)
    names = {"PsFormat": "{{.Names}} p", "imagesFormat": "{{.Tag}} i", "volumesFormat": "{{.Name}} v", "networksFormat": "{{.Name}} n",
             "statsFormat": "{{.Name}} s"}
    with open(os.path.join(directory, "config.json"), "w") as config:
        json.dump(names, config)
    id = moor.docker("create", "--name", "c", "-v", "vol:/v", busybox).stdout
    for verb, line in ((["ps", "-a"], "c p"), (["images"], f"{busybox.split(':')[1]} i"), (["volume", "ls"], "vol v"),
                       (["network", "ls"], "bridge n"), (["stats", "-a", "--no-stream"], "c s")):
        assert line in moor.docker(*verb).stdout.splitlines(), verb
    assert moor.docker("ps", "-aq").stdout == id[:12] + "\n" and moor.docker("volume", "ls", "-q").stdout == "vol\n"
    assert moor.docker("ps", "-a", "--format", "{{.State}}").stdout == "created\n"
    with open(os.path.join(directory, "config.json"), "w") as config:
        config.write("{")
    broken = moor.docker("ps", "-a")
    assert "c\n" in broken.stdout and broken.stderr.startswith("WARNING: Error loading config file: ")


def test_what_prunes_keep_by_config_json(moor, busybox):
    """pruneFilters hold for every prune; the command line's own word about a label goes before."""
    directory = moor.env["DOCKER_CONFIG"]
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "config.json"), "w") as config:
        json.dump({"pruneFilters": ["label!=keep", "no filter"]}, config)
    for name, label in (("kept", ["--label", "keep"]), ("gone", [])):
        moor.docker("create", "--network", "none", "--name", name, *label, busybox)
        moor.docker("volume", "create", *label, name)
        moor.docker("network", "create", *label, name)

    def left():
        return [moor.docker(*verb, "--format", template).stdout.split() for verb, template in (
            (["ps", "-a"], "{{.Names}}"), (["volume", "ls"], "{{.Name}}"), (["network", "ls", "-f", "type=custom"], "{{.Name}}"))]
    asked = moor.docker("system", "prune", "--filter", "until=1s", input="n\n").stdout
    assert "\n  Items to be pruned will be filtered with:\n  - label!=keep\n  - until=1s\n" in asked
    moor.docker("volume", "prune", "-af")
    moor.docker("system", "prune", "-f")
    assert left() == [["kept"]] * 3
    with open(os.path.join(directory, "config.json"), "w") as config:
        config.write("{")
    for kind in ("container", "volume", "network", "image", "system"):
        assert "config.json" in moor.docker(kind, "prune", "-f", code=1).stderr
    with open(os.path.join(directory, "config.json"), "w") as config:
        config.write(" \n")  # what a power cut leaves: it says nothing
    assert moor.docker("container", "prune", "-f", "--filter", "label=nothing").stderr == ""
    with open(os.path.join(directory, "config.json"), "w") as config:
        json.dump({"pruneFilters": ["label!=keep"]}, config)
    moor.docker("volume", "prune", "-af", "--filter", "label=keep")
    moor.docker("system", "prune", "-f", "--filter", "label=keep")
    assert left() == [[], [], []]


def test_prunes_at_a_time(moor, busybox):
    """What another prune has removed meanwhile is no mistake; each container is told of once, the header only with one."""
    for kind in ("container", "system"):
        ids = [moor.docker("create", "--network", "none", busybox, "true").stdout.strip() for _ in range(40)]
        prunes = [moor.start(os.path.join(moor.names, "docker"), kind, "prune", "-f") for _ in range(4)]
        told = [(*prune.communicate(timeout=30), prune.returncode) for prune in prunes]
        assert [(err, code) for _, err, code in told] == [("", 0)] * 4
        assert sorted(line for out, _, _ in told for line in out.split() if len(line) == 64) == sorted(ids)
        assert all((out.count("Deleted Containers:\n") == 1) is any(id in out for id in ids) for out, _, _ in told)


def test_an_interrupted_question(moor):
    """Ctrl-C at a question is a no."""
    asking = moor.start(os.path.join(moor.names, "docker"), "container", "prune")
    asked = ""
    while not asked.endswith("[y/N] "):
        asked += asking.stdout.read(1) or pytest.fail(asked)
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=10)
    assert (out, err, asking.returncode) == ("\n", "", 0)


def test_inspect_of_one_kind(moor, busybox):
    for kind, text in {"container": "No such container: nosuch", "image": "No such image: nosuch:latest",
                       "network": "network nosuch not found", "volume": "get nosuch: no such volume"}.items():
        missing = moor.docker("inspect", "--type", kind, "nosuch", code=1)
        assert (missing.stdout, missing.stderr) == ("[]\n", f"Error response from daemon: {text}\n")
    moor.docker("create", "--name", "nosuch", busybox)
    assert inspect(moor, "nosuch", "{{.Name}}") == "/nosuch"
    moor.docker("inspect", "--type", "image", "nosuch", code=1)
    for kind, text in (("bogus", 'unknown type: "bogus": must be one of "config", "container", '), ("", 'type is empty: must be one of "config", ')):
        assert moor.docker("inspect", "--type", kind, "nosuch", code=1).stderr.startswith(text)
    assert "plugin nosuch not found" in moor.docker("inspect", "--type", "plugin", "nosuch", code=1).stderr
    assert moor.docker("inspect", "-s", busybox).stderr == "WARNING: --size ignored for image\n"


def test_marks_of_a_container(moor, busybox, tmp_path):
    """What programs know docker by; no change of the container's, and not in the place of what the image has."""
    look = "stat -c '%F %a %s' /.dockerenv; cat /etc/mtab | head -c 4"
    moor.docker("run", "--name", "marked", "--network", "none", busybox, "sh", "-c", look)
    moor.docker("start", "-a", "marked")
    assert moor.docker("logs", "marked").stdout == "regular empty file 755 0\nover" * 2
    assert "dockerenv" not in moor.docker("diff", "marked").stdout and "mtab" not in moor.docker("diff", "marked").stdout
    assert b".dockerenv" in moor.docker("export", "marked", text=False, input=b"").stdout
    own = world.Image([world.busybox_layer(), world.tar_bytes([(".dockerenv", ("link", "/own")), ("etc/mtab", b"mine"), ("own", b"")])])
    moor.docker("load", "-i", own.save(tmp_path / "own.tar", "own:1"))
    told = moor.docker("run", "--rm", "--network", "none", "own:1", "sh", "-c", "stat -c %F /.dockerenv; cat /etc/mtab; stat -c %s /own")
    assert told.stdout == "symbolic link\nmine0\n"
    bare = world.Image([world.tar_bytes([("bin/" + name, data) for name, data in [("busybox", open(world.BUSYBOX, "rb").read())]])])
    moor.docker("load", "-i", bare.save(tmp_path / "bare.tar", "bare:1"))
    assert moor.docker("run", "--rm", "--network", "none", "bare:1", "/bin/busybox", "readlink", "/etc/mtab").stdout == "/proc/mounts\n"
    moor.docker("run", "--name", "spoilt", "--network", "none", busybox, "sh", "-c", f"{look}; echo >/.dockerenv; rm /etc/mtab; chmod 700 /etc")
    moor.docker("start", "-a", "spoilt")
    assert moor.docker("logs", "spoilt").stdout == "regular empty file 755 0\noverregular file 755 1\nover"
    fresh = moor.docker("run", "--rm", "--network", "none", busybox, "sh", "-c", f"{look}; stat -c %a /etc").stdout
    assert fresh == "regular empty file 755 0\nover755\n" # what one makes of it is its own affair


def test_prune_by_label_and_age(moor, busybox, tmp_path):
    """What has a label is kept, what is younger, too; a filter that one of the kinds has not is refused before anything goes."""
    for name, label in ("old", []), ("kept", ["--label", "keep=yes"]):
        moor.docker("create", "--network", "none", "--name", name, *label, busybox)
        moor.docker("network", "create", *label, f"{name}-net")
        moor.docker("volume", "create", *label, f"{name}-volume")
        moor.docker("load", "-i", world.Image([], Labels={"keep": "yes"} if label else {"other": "1"}).save(tmp_path / "i.tar", f"{name}:1"))

    def left():
        return [moor.docker(*words.split()).stdout.split() for words in (
            "ps -a --format {{.Names}}", "network ls -f type=custom --format {{.Name}}", "volume ls -q", "images --format {{.Repository}} *:1")]
    everything = left()
    assert [len(kind) for kind in everything] == [2, 2, 2, 2]
    for arguments, text in [(["--filter", "bogus=1"], "invalid filter 'bogus'"), (["--filter", "until=bogus"], "invalid value for \"until\""),
                            (["--volumes", "--filter", "until=1h"], 'The "until" filter is not supported with "--volumes"')]:
        assert text in moor.docker("system", "prune", "-f", *arguments, code=1).stderr
    for kind in ("system", "container", "image", "network"):
        twice = moor.docker(kind, "prune", "-f", "--filter", "until=2h", "--filter", "until=1h", code=1)
        assert (twice.stdout, twice.stderr) == ("", "Error response from daemon: more than one until filter specified\n")
        asked = moor.docker(kind, "prune", "--filter", "until=2h", "--filter", "until=2h", "--filter", "label=z", "--filter", "label!=a", input="n\n")
        assert "[y/N]" in asked.stdout and ("\n\n  Items to be pruned will be filtered with:\n  - label!=a\n  - label=z\n  - until=2h\n\n"
                                            "Are you sure" in asked.stdout) == (kind == "system")
    asked = moor.docker("system", "prune", "-a", "--volumes", input="n\n").stdout
    assert "all anonymous volumes not used" in asked and "all build cache\n\nAre" in asked
    assert moor.docker("system", "prune", "-af", "--filter", "until=24h", "--filter", "label!=keep").returncode == 0
    assert left()[:3] == everything[:3] and left()[3] == ["kept"]  # images of tests are years old
    moor.docker("network", "ls", "-f", "until=1h", code=1)
    moor.docker("image", "prune", "-f", "--filter", "dangling=true")
    assert left()[3] == ["kept"]
    assert "'dangling=[x]'" in moor.docker("image", "prune", "-f", "--filter", "dangling=x", code=1).stderr
    assert moor.docker("container", "prune", "-f", "--filter", "label!=keep=yes").stdout.count("\n") == 4
    assert moor.docker("network", "prune", "-f", "--filter", "label!=keep", "--filter", "until=2100-01-01").stdout == "Deleted Networks:\nold-net\n\n"
    assert "old-volume" in moor.docker("volume", "prune", "-af", "--filter", "label!=keep=yes").stdout
    assert left() == [["kept"], ["kept-net"], ["kept-volume"], ["kept"]]
    moor.docker("system", "prune", "-f", "--filter", "until=2100-01-01", "--filter", "label=keep")
    assert left()[:2] == [[], []]
    assert "untagged: kept:1" in moor.docker("image", "prune", "-f", "--filter", "dangling=false").stdout and left()[3] == []
