# SPDX-License-Identifier: Apache-2.0
"""mooring-runc against what never ends: files and floods of a hostile container."""

import contextlib
import os
import signal
import socket
import subprocess
import threading

import pytest

import world
from bundle import PROGRAM, service_manager


@contextlib.contextmanager
def slow(bundle, call, *arguments):
    """Our program, and none of its children, pauses before each such call, as it would on a loaded machine. Its
    process and its pid."""
    pid_file = os.path.join(bundle.moor.directory, "runtime.pid")
    script = 'echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"'
    with subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", "signal=none", "-e",
                           f"inject={call}:delay_enter=3000", "sh", "-c", script, pid_file, PROGRAM, "--root",
                           os.path.join(bundle.moor.run_dir, "runc"), *arguments],
                          env=bundle.moor.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            world.wait_until(lambda: os.path.exists(pid_file), "the program")
            with open(pid_file) as file:
                pid = int(file.read())
            yield process, pid
        finally:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)


def test_passwd_without_an_end(bundle):
    """It claims to be empty, and has gigabytes without a line in them."""
    os.unlink(os.path.join(bundle.rootfs, "etc", "passwd"))
    os.symlink("/proc/self/pagemap", os.path.join(bundle.rootfs, "etc", "passwd"))
    assert bundle.sh("echo $HOME", timeout=20) == "/\n"


@contextlib.contextmanager
def manager(bundle):
    """The service manager's socket, and a config whose program waits."""
    with service_manager(bundle) as sock:
        bundle.config["process"]["args"] = ["sh", "-c", "trap 'exit 9' TERM; touch /ready; while :; do sleep 0.05; done"]
        bundle.write()
        yield sock


@contextlib.contextmanager
def container_end(bundle):
    """The notify socket as the container's programs have it."""
    path = os.path.join(bundle.moor.run_dir, "runc", bundle.id, "notify", "notify.sock")
    world.wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "ready")), "the program")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect(path)
        yield sock


def test_flood_of_notifications(bundle):
    """Who never stops talking to the manager does not keep the operator from being heard."""

    def flood(sock, flooded):
        with contextlib.suppress(OSError):  # the runtime is gone: that is the end of it
            for number in range(1000000):
                sock.send(b"STATUS=still starting")
                if number == 200:
                    flooded.set()

    flooded = threading.Event()
    with manager(bundle), slow(bundle, "recvfrom", "run", "--bundle", bundle.path, bundle.id) as (process, pid), \
            container_end(bundle) as sock:
        thread = threading.Thread(target=flood, args=(sock, flooded))
        thread.start()
        try:
            assert flooded.wait(20)
            os.kill(pid, signal.SIGTERM)
            assert process.wait(10) == 9
        finally:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
            thread.join()


def test_ready_is_said_once(bundle):
    """The machine's manager is not for a container to keep busy."""
    with manager(bundle) as outside:
        process = bundle.moor.start(PROGRAM, "--root", os.path.join(bundle.moor.run_dir, "runc"), "run",
                                    "--bundle", bundle.path, bundle.id, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with container_end(bundle) as sock:
                sock.send(b"READY=1")
                assert outside.recv(100) == b"READY=1\n" and outside.recv(100).startswith(b"MAINPID=")
                for _ in range(100):
                    sock.send(b"READY=1")
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 9
            outside.setblocking(False)
            with pytest.raises(BlockingIOError):
                outside.recv(100)
        finally:
            process.kill()
            process.wait()


STOPS = """
while :; do
    for p in /proc/[0-9]*; do
        read name < $p/comm && case $name in mooring-runc) kill -STOP ${p#/proc/};; *) kill -CONT ${p#/proc/};; esac
    done
done 2> /dev/null
"""


def test_who_joins_is_stopped(moor, busybox):
    """A container that stops whatever joins it holds nobody: not exec, not a health check, not its own end."""
    moor.docker("run", "-d", "--network", "none", "--name", "h", "--health-cmd", "true", "--health-timeout", "300ms",
                "--health-interval", "10ms", busybox, "sh", "-c", STOPS)
    for _ in range(8):
        ended = moor.docker("exec", "h", "true", code=None, timeout=30)
        assert ended.returncode == 0 or (ended.returncode == 126 and "stops it again and again" in ended.stdout)
    exec_ = moor.start(os.path.join(moor.names, "docker"), "exec", "h", "sleep", "50")
    template = "{{range .State.Health.Log}}{{.ExitCode}} {{end}}"
    world.wait_until(lambda: "-1" in moor.docker("inspect", "-f", template, "h").stdout, "a check to be timed out")
    moor.docker("stop", "-t", "0", "h", timeout=30)
    exec_.communicate(timeout=30)
    moor.docker("rm", "h")
