# SPDX-License-Identifier: Apache-2.0
"""mooring-runc monitor: the contract of docs/architecture.md, seen from both ends."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

import world
from monitoring import TIME, monitor  # noqa: F401 (a fixture)

TRAP = "trap 'echo stopping; exit 7' TERM; echo ready; sleep 1000 & wait"


def test_output_is_byte_exact(monitor):
    data = os.urandom(3 << 20)
    one = monitor("sh", "-c", "cat /data; echo done >&2; exit 3")
    one.put("data", data)
    message = one.start()
    assert message["pid"] > 0
    assert one.read("stdout") == data
    assert one.read("stderr") == b"done\n"
    assert one.exit_code() == 3
    assert one.logged("stderr") == "done\n"
    assert len(one.log()) > data.count(b"\n") // 2


def test_log_has_every_line(monitor):
    one = monitor("sh", "-c", "seq 1 20000; echo warn >&2; printf 'no end'")
    one.start()
    out = one.read("stdout").decode()
    assert one.exit_code() == 0
    assert one.logged() == out == "".join(f"{i}\n" for i in range(1, 20001)) + "no end"
    assert one.logged("stderr") == "warn\n"
    assert [record["log"] for record in one.log() if record["stream"] == "stdout"][-1] == "no end"


def test_long_lines_are_split(monitor):
    one = monitor("sh", "-c", "cat /data")
    one.put("data", b"x" * 40000 + b"\nshort\n")
    one.start()
    one.read("stdout")
    assert one.exit_code() == 0
    assert [len(record["log"]) for record in one.log()] == [16384, 16384, 7233, 6]


def test_slow_client_slows_the_container(monitor):
    """The client reads nothing until the container is stuck; then it gets everything."""
    data = b"0123456789abcde\n" * (1 << 16)
    one = monitor("cat", "/data")
    one.put("data", data)
    pid = one.start()["pid"]
    world.wait_until(lambda: os.path.getsize(one.log_file) > 100000, "output in the log")
    world.wait_until(lambda: is_writing(pid), "the container to wait for its client")
    assert os.path.getsize(one.log_file) < 10 * len(data)
    assert len(one.log()) * 16 < len(data) // 2
    assert one.read("stdout") == data
    assert one.exit_code() == 0
    assert len(one.log()) * 16 == len(data)


def is_writing(pid):
    """True if the process waits for room in a pipe."""
    with open(f"/proc/{pid}/wchan") as file:
        return "pipe" in file.read()


def test_container_survives_a_closed_stdout(monitor):
    one = monitor("sh", "-c", "seq 1 50000; echo end")
    one.start()
    assert one.read_line() == "1\n"
    os.close(one.stdout)
    one.stdout = None
    assert one.exit_code() == 0
    assert one.logged().endswith("50000\nend\n")


def test_killed_client_stops_the_container(monitor, moor):
    """The client is a process of its own and dies by SIGKILL."""
    one = monitor("sh", "-c", TRAP)
    done = os.path.join(moor.directory, "done")
    program = ("import socket, subprocess, sys, time\n"
               "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
               "subprocess.run([a.replace('CLIENT', str(theirs.fileno())) for a in sys.argv[1:]],\n"
               "               pass_fds=[theirs.fileno()], check=True)\n"
               "theirs.close()\n"
               "print(ours.recv(4096).decode(), flush=True)\n"
               "ours.recv(4096)\n")
    client = subprocess.Popen(
        [sys.executable, "-c", program,
         *one.command("--client-fd", "CLIENT", "--exit-command", "/bin/touch", "--exit-command", done)],
        stdout=subprocess.PIPE, text=True, env=moor.env)
    assert json.loads(client.stdout.readline())["event"] == "started"
    world.wait_until(lambda: one.logged() == "ready\n", "the container to be ready")
    client.kill()
    client.communicate(timeout=20)
    assert one.record()["code"] == 7
    world.wait_until(lambda: os.path.exists(done), "the exit command")
    assert one.logged() == "ready\nstopping\n"


def test_stubborn_container_is_killed(monitor):
    one = monitor("sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done")
    one.start("--stop-timeout", 1)
    assert one.read_line() == "ready\n"
    begin = time.monotonic()
    one.close()
    record = one.record()
    assert (record["code"], record["signal"]) == (137, 9)
    assert time.monotonic() - begin > 0.9


def test_stop_signal_is_the_one_asked_for(monitor):
    one = monitor("sh", "-c", "trap 'exit 12' USR2; echo ready; sleep 1000 & wait")
    one.start("--stop-signal", "SIGUSR2")
    assert one.read_line() == "ready\n"
    one.close()
    assert one.record()["code"] == 12


def test_detached_container_goes_on_alone(monitor, moor):
    """Nothing of the caller stays: descriptors, session, directory, control groups, parent."""
    one = monitor("sh", "-c", TRAP)
    leak, their_leak = os.pipe()
    caller = subprocess.Popen(["/bin/sleep", "1000"], stdout=their_leak)
    fcntl.fcntl(their_leak, fcntl.F_SETFD, 0)
    container = one.start()["pid"]
    os.close(their_leak)
    caller.kill()
    caller.wait()
    assert os.read(leak, 1) == b"", "somebody holds an inherited descriptor"
    os.close(leak)
    assert one.read_line() == "ready\n"
    one.send(detach=True)
    monitor_pid = one.pid(container)
    assert one.client.recv(10) == b"", "the monitor lets go of the socket"
    assert one.read("stdout") == b""
    state = world.proc_stat(monitor_pid)
    assert state[3] == str(monitor_pid), "leads a session of its own"
    assert int(state[1]) != os.getpid()
    assert os.readlink(f"/proc/{monitor_pid}/cwd") == "/"
    for fd in range(3):
        assert os.readlink(f"/proc/{monitor_pid}/fd/{fd}") == "/dev/null"
    with open(f"/proc/{monitor_pid}/cgroup") as file:
        assert all(line.rstrip("\n").endswith(":/") for line in file)
    os.kill(container, signal.SIGTERM)
    assert one.record()["code"] == 7


@pytest.fixture
def caller_groups():
    """Groups for a caller to be in, on v1 and v2, as a service manager would make them."""
    tops = [os.path.join("/sys/fs/cgroup", name) for name in ("", "unified", "memory", "pids")]
    made = [os.path.join(top, "mooring-test-caller") for top in tops
            if os.path.exists(os.path.join(top, "cgroup.procs"))]
    for group in made:
        os.mkdir(group)
    yield made
    for group in made:
        os.rmdir(group)


def test_monitor_leaves_the_callers_groups(caller_groups, monitor):
    one = monitor("sh", "-c", TRAP)
    enter = "".join(f"echo 0 >{group}/cgroup.procs; " for group in caller_groups)
    one.moor.run("/bin/sh", "-c", enter + 'exec "$@"', "sh", *one.command())
    world.wait_until(lambda: one.logged() == "ready\n", "the container to be ready")
    for group in caller_groups:
        with open(os.path.join(group, "cgroup.procs")) as file:
            assert file.read() == ""
    with open(os.path.join(one.moor.run_dir, "runc", one.id, "state.json")) as file:
        container = json.load(file)["init_process_pid"]
    with open(f"/proc/{one.pid(container)}/cgroup") as file:
        assert all(line.rstrip("\n").endswith(":/") for line in file)
    os.kill(container, signal.SIGTERM)
    assert one.record()["code"] == 7


def test_descriptors_in_the_container(monitor):
    one = monitor("ls", "/proc/self/fd")
    one.start()
    assert one.read("stdout").split() == [b"0", b"1", b"2", b"3"]  # 3 is what ls reads
    assert one.exit_code() == 0


def test_signals_in_the_container(monitor):
    """None is blocked or ignored, whatever the caller does and the monitor needs."""
    one = monitor("cat", "/proc/self/status")
    old = signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    one.start()
    signal.signal(signal.SIGQUIT, old)
    out = one.read("stdout").decode()
    for name in ("SigBlk", "SigIgn"):
        assert re.search(name + r":\t0+\n", out), out
    assert one.exit_code() == 0


def resident_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Rss:"))


def small_kib():
    """What a quiet monitor stays below; a sanitizer's own memory is not ours to give back."""
    with open(os.path.join(world.BUILD, "runtime", "mooring-runc"), "rb") as file:
        return 1 << 20 if b"__asan_init" in file.read() else 200


def test_quiet_monitor_is_small_and_wakes_up(monitor):
    one = monitor("sh", "-c", "trap 'echo awake; exit 4' USR1; seq 1 20000; sleep 1000 & wait")
    container = one.start()["pid"]
    while one.read_line() != "20000\n":
        pass
    world.wait_until(lambda: resident_kib(one.pid(container)) < small_kib(), "the monitor to get small")
    one.send(signal=int(signal.SIGUSR1))
    assert one.read("stdout") == b"awake\n"
    assert one.exit_code() == 4
    assert one.logged().endswith("20000\nawake\n")


def test_stdin(monitor):
    one = monitor("sh", "-c", "cat; echo end")
    ours, theirs = os.pipe()
    one.start(stdin=ours)
    os.close(ours)
    os.write(theirs, b"hello\n")
    assert one.read_line() == "hello\n"
    os.close(theirs)
    assert one.read("stdout") == b"end\n"
    assert one.exit_code() == 0


def test_without_stdin_there_is_an_empty_one(monitor):
    one = monitor("sh", "-c", "cat; echo end")
    one.start()
    assert one.read("stdout") == b"end\n"
    assert one.exit_code() == 0


def test_signals_are_passed_on(monitor):
    one = monitor("sh", "-c", "trap 'echo usr1' USR1; trap 'exit 5' INT; echo ready; "
                              "while :; do sleep 1000 & wait; done")
    one.start()
    assert one.read_line() == "ready\n"
    one.send(signal=int(signal.SIGUSR1))
    assert one.read_line() == "usr1\n"
    one.client.send(b"nonsense")
    one.client.send(b'{"signal":"x"}')
    one.send(signal=-3)
    one.send(signal=int(signal.SIGINT))
    assert one.exit_code() == 5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_asked_to_end_the_monitor_stops_the_container(monitor, number):
    one = monitor("sh", "-c", TRAP)
    container = one.start()["pid"]
    assert one.read_line() == "ready\n"
    os.kill(one.pid(container), signal.SIGHUP)  # means nothing to it
    os.kill(one.pid(container), number)
    assert one.read("stdout") == b"stopping\n"
    assert one.exit_code() == 7
    assert one.record()["code"] == 7


def test_exit_record(monitor):
    one = monitor("sh", "-c", "exit 42")
    one.start()
    assert one.exit_code() == 42
    record = one.record()
    assert list(record) == ["code", "signal", "oom_killed", "started_at", "finished_at"]
    assert (record["code"], record["signal"], record["oom_killed"]) == (42, 0, False)
    assert TIME.fullmatch(record["started_at"]) and TIME.fullmatch(record["finished_at"])
    assert record["started_at"] <= record["finished_at"]
    assert [name for name in os.listdir(one.bundle) if "tmp" in name] == []


def test_killed_by_a_signal(monitor):
    one = monitor("sh", "-c", "echo ready; sleep 1000")
    container = one.start()["pid"]
    assert one.read_line() == "ready\n"
    os.kill(container, signal.SIGKILL)
    assert one.exit_code() == 137
    assert one.record()["signal"] == 9


def test_out_of_memory(monitor):
    one = monitor("sh", "-c", "a=0123456789; while :; do a=$a$a; done", memory=16 << 20)
    one.start()
    assert one.exit_code() == 137
    assert one.record()["oom_killed"] is True


def test_rotation(monitor):
    one = monitor("seq", "1", "3000")
    one.start("--log-max-size", 20000, "--log-max-files", 3)
    one.read("stdout")
    assert one.exit_code() == 0
    names = ["", ".1", ".2"]
    assert all(0 < os.path.getsize(one.log_file + name) <= 20000 for name in names)
    assert not os.path.exists(one.log_file + ".3")
    lines = [record["log"] for name in reversed(names) for record in one.log(name)]
    assert lines == [f"{i}\n" for i in range(3001 - len(lines), 3001)]


def test_full_disk_does_not_stop_the_container(moor, small_disk, monitor):
    one = monitor("sh", "-c", "cat /data; echo end >&2")
    one.put("data", b"a line of text\n" * 400000)
    one.log_file = os.path.join(str(small_disk), "container.log")
    one.start()
    assert len(one.read("stdout")) == 400000 * 15
    assert one.exit_code() == 0
    record = one.record()
    assert record["log_dropped"] > 1000
    assert len(one.log()) + record["log_dropped"] == 400001


FAILURES = [
    (["/nowhere"], "not-found", "nowhere", 127),
    (["nosuchprogram"], "not-found", "nosuchprogram", 127),
    (["/proc"], "not-executable", "/proc", 126),
    (["/plain"], "not-executable", "/plain", 126),
]


@pytest.mark.parametrize("args, kind, part, code", FAILURES)
def test_program_that_cannot_start(monitor, args, kind, part, code):
    one = monitor(*args)
    one.put("plain", b"not executable")
    message = one.start(expect="failed")
    assert message["kind"] == kind
    assert part in message["text"] and "\n" not in message["text"]
    assert one.read("stdout") == b""
    assert one.client.recv(10) == b""
    assert not os.path.exists(one.exit_file)


@pytest.mark.parametrize("args, kind, part, code", FAILURES)
def test_without_a_client_the_exit_code_tells(monitor, args, kind, part, code):
    one = monitor(*args)
    one.put("plain", b"not executable")
    done = one.moor.run(*one.command(), code=code)
    assert part in done.stderr and done.stderr.count("\n") == 1


def test_without_a_client(monitor):
    one = monitor("sh", "-c", "echo hello; exit 3")
    done = os.path.join(one.moor.directory, "done")
    run = one.moor.run(*one.command("--exit-command", "/bin/touch", "--exit-command", done))
    assert run.stdout == run.stderr == ""
    assert one.record()["code"] == 3
    world.wait_until(lambda: os.path.exists(done), "the exit command")
    assert one.logged() == "hello\n"


def test_broken_bundle(monitor):
    one = monitor("true")
    os.unlink(os.path.join(one.bundle, "config.json"))
    message = one.start(expect="failed")
    assert message["kind"] == "other" and "config.json" in message["text"]


BAD = [
    ([], "--bundle and --exit-file"),
    (["--frob", "1"], "unknown option --frob"),
    (["--client-fd", "x"], "--client-fd: \"x\" is no number"),
    (["--client-fd", "-1"], "is no number"),
    (["--client-fd", "999"], "descriptor 999: Bad file descriptor"),
    (["--detached", "1"], "--detached needs --client-fd"),
    (["--detached", "2"], "--detached: \"2\" is no number from 0 to 1"),
    (["--stop-signal", "SIGNOPE"], "unknown signal \"SIGNOPE\""),
    (["--stop-timeout", "99999999999"], "is no number"),
    (["--log-max-size"], "needs a value"),
]


@pytest.mark.parametrize("options, part", BAD)
def test_bad_usage(moor, options, part):
    more = [] if options in ([], ["--log-max-size"]) else ["--bundle", "/x", "--exit-file", "/x/y"]
    tail = [] if options == ["--log-max-size"] else ["id"]
    done = moor.runc("monitor", *more, *options, *tail, code=125)
    assert part in done.stderr and done.stderr.count("\n") == 1
