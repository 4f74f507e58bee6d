# SPDX-License-Identifier: Apache-2.0
"""mooring-runc monitor: restarts, and containers with a terminal."""

import os
import signal

import pytest

import world
from monitoring import monitor  # noqa: F401 (a fixture)


@pytest.fixture
def policy(tmp_path):
    """A restart file that can be given another word, as one step."""
    path = tmp_path / "restart"

    def set_policy(word):
        beside = tmp_path / "restart.new"
        beside.write_text(word + "\n")
        beside.rename(path)
        return path

    yield set_policy
    path.unlink(missing_ok=True)


def runs(one):
    """How often the program has started: it writes a line each time."""
    return one.logged().count("run\n")


def wait_for_runs(one, number):
    world.wait_until(lambda: runs(one) >= number, f"run number {number}")


def end_of(one):
    """The last record: the container will not start again."""
    world.wait_until(lambda: os.path.exists(one.exit_file) and "restarting" not in one.record(), "the end")
    return one.record()


FAIL = ("sh", "-c", "echo run; exit 4")


def test_on_failure_up_to_a_number(monitor, policy):
    one = monitor(*FAIL)
    one.start("--restart-file", policy("on-failure:2"))
    assert one.exit_code() == 4, "the client hears of the first end"
    assert one.client.recv(10) == b"", "and is let go"
    record = end_of(one)
    assert (record["code"], record["restart_count"], runs(one)) == (4, 2, 3)


@pytest.mark.parametrize("word, code", [("no", 4), ("on-failure", 0), ("on-failure:3", 0), ("sometimes", 4)])
def test_not_wanted(monitor, policy, word, code):
    one = monitor("sh", "-c", f"echo run; exit {code}")
    one.start("--restart-file", policy(word))
    assert one.exit_code() == code
    assert "restarting" not in one.record()
    assert runs(one) == 1


@pytest.mark.parametrize("word", ["always", "unless-stopped"])
def test_always_until_told_otherwise(monitor, policy, word):
    one = monitor("sh", "-c", "echo run")
    one.start("--restart-file", policy(word))
    wait_for_runs(one, 3)
    policy("no")
    record = end_of(one)
    assert record["code"] == 0
    # A pause that is given up has been counted, as docker does.
    assert record["restart_count"] in (runs(one) - 1, runs(one)) and runs(one) >= 3


def test_removed_file_ends_a_long_pause_at_once(monitor, policy):
    one = monitor(*FAIL)
    path = policy("always")
    one.start("--restart-file", path)
    wait_for_runs(one, 4)  # the next pause is 0.8 s and more
    world.wait_until(lambda: one.record().get("restart_count") == 3, "the pause")
    path.unlink()
    assert end_of(one)["restart_count"] == runs(one) == 4  # the pause has been counted, as docker does


def test_asked_to_end_in_a_pause(monitor, policy):
    one = monitor("sh", "-c", "echo run; read x")
    ours, theirs = os.pipe()
    container = one.start("--restart-file", policy("always"), stdin=ours)["pid"]
    monitor_pid = one.pid(container)
    os.close(ours)
    os.close(theirs)  # the program ends
    world.wait_until(lambda: os.path.exists(one.exit_file), "the first end")
    os.kill(monitor_pid, signal.SIGTERM)
    record = end_of(one)
    assert record["code"] in (0, 1)
    world.wait_until(lambda: not os.path.exists(f"/proc/{monitor_pid}"), "the monitor to end")


def test_killed_client_is_the_end_of_it(monitor, policy):
    one = monitor("sh", "-c", "echo run; sleep 1000")
    one.start("--stop-timeout", 0, "--restart-file", policy("always"))
    assert one.read_line() == "run\n"
    one.close()
    record = end_of(one)
    assert (record["signal"], runs(one)) == (9, 1)


def test_killed_init_is_started_again(monitor, policy):
    one = monitor("sh", "-c", "echo run; sleep 1000")
    first = one.start("--restart-file", policy("unless-stopped"))["pid"]
    monitor_pid = one.pid(first)
    assert one.read_line() == "run\n"
    one.send(detach=True)
    os.kill(first, signal.SIGKILL)
    wait_for_runs(one, 2)
    assert one.record()["signal"] == 9
    os.kill(monitor_pid, signal.SIGTERM)  # stops it for good
    world.wait_until(lambda: children(monitor_pid), "the second run")
    os.kill(children(monitor_pid)[0], signal.SIGKILL)  # the shell, as init, does not heed TERM
    assert end_of(one)["restart_count"] == 1


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_program_that_is_gone_at_the_second_start(monitor, policy):
    one = monitor("sh", "-c", "echo run; rm /bin/sh; exit 3")
    one.start("--restart-file", policy("always"))
    assert one.exit_code() == 3
    record = end_of(one)
    assert record["code"] == 127
    assert "executable file not found" in record["trouble"]
    assert runs(one) == 1


def test_terminal(monitor):
    one = monitor("sh", "-c", "tty; stty size; read line; echo got $line; exit 6", terminal=(24, 91))
    ours, theirs = os.pipe()
    one.start(stdin=ours)
    os.close(ours)
    assert one.read_line().strip() in ("/dev/pts/0", "/dev/console")
    assert one.read_line().split() == ["24", "91"]
    os.write(theirs, b"hello\n")
    rest = one.read().decode()
    os.close(theirs)
    assert "hello" in rest and "got hello" in rest, "typed keys are echoed, then answered"
    assert one.exit_code() == 6
    assert "got hello" in one.logged()


def test_terminal_is_resized(monitor):
    one = monitor("sh", "-c", "trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 1 & wait; done",
                  terminal=(24, 80))
    one.start()
    assert one.read_line().strip() == "ready"
    one.send(rows=50, columns=132)
    assert one.read().split() == [b"50", b"132"]
    assert one.exit_code() == 0


def test_program_that_lets_its_terminal_go(monitor):
    one = monitor("sh", "-c", "exec </dev/null >/dev/null 2>&1; sleep 0.2; exit 9", terminal=(24, 80))
    one.start()
    assert one.exit_code() == 9, "closing the last descriptor is no hang-up"


def test_hungry_terminal_client(monitor):
    """More keys than fit wait for the program, and none is lost."""
    one = monitor("sh", "-c", "stty -echo -icanon; echo ready; busybox head -c 20000 | busybox wc -c", terminal=(24, 80))
    ours, theirs = os.pipe()
    one.start(stdin=ours)
    os.close(ours)
    assert one.read_line().strip() == "ready"
    os.write(theirs, b"0123456789" * 2000)
    assert one.read().split() == [b"20000"]
    os.close(theirs)
    assert one.exit_code() == 0
