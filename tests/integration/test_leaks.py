# SPDX-License-Identifier: Apache-2.0
"""Nothing of a caller's state reaches the program of a container, by run or by exec."""

import ctypes
import os
import signal

import pytest

import bundle as bundles
import world

SHOW = ("busybox cat /proc/self/status; echo ==; busybox ls -l /proc/self/fd; echo ==; busybox env; echo ==; "
        "busybox grep -c . /proc/self/mountinfo; busybox cat /proc/self/mountinfo; echo ==; "
        "busybox cat /proc/self/personality; busybox stat -L -c %u /proc/self; busybox pwd; busybox cat /proc/self/sessionid")
DEFAULT_UMASK = "0022"
LEAKED = 7, 23, 200  # descriptors of the caller that are not closed at execve
PERSONALITY_NO_RANDOM = 0x0040000


def messy_caller():
    """What a careless caller hands on: in the child, between fork and exec."""
    os.umask(0o077)
    for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGUSR1, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    os.sched_setaffinity(0, {0})
    secret = os.open("/etc", os.O_PATH)
    for number in LEAKED:
        os.dup2(secret, number, inheritable=True)
    os.setgroups([0, 4, 24])
    ctypes.CDLL(None).personality(PERSONALITY_NO_RANDOM)


def show(bundle, verb):
    """The parts of SHOW, as a program sees them that was started by such a caller."""
    process = bundle.config["process"]
    process["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [55]}
    process["env"] = ["PATH=/bin", "HOME=/", "ONE=1"]
    process["cwd"] = "/tmp"
    messy = {"preexec_fn": messy_caller, "close_fds": False, "env": {"SECRET": "x", "LD_PRELOAD": "/x.so"}}
    if verb == "run":
        process["args"] = ["sh", "-c", SHOW]
        output = bundle.runc("run", **messy).stdout
    else:
        bundle.create("sleep", "1000")
        bundle.moor.runc("start", bundle.id)
        output = bundle.moor.runc("exec", bundle.id, "sh", "-c", SHOW, **messy).stdout
    return [part.strip().splitlines() for part in output.split("==\n")]


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_callers_state_does_not_leak(bundle, verb):
    status, descriptors, environment, mounts, rest = show(bundle, verb)
    status = dict(line.split(":\t", 1) for line in status if ":\t" in line)

    # Signals: none blocked, none ignored.
    assert int(status["SigBlk"], 16) == 0
    assert int(status["SigIgn"], 16) == 0
    # Who: exactly what the config says, in every set.
    assert status["Uid"].split() == status["Gid"].split() == ["1000"] * 4
    assert status["Groups"].split() == ["55"]
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
    assert status["CapBnd"] == bundles.CAPABILITY_MASK
    assert status["Umask"] == DEFAULT_UMASK
    assert status["TracerPid"] == "0"
    # All processors again, though the caller had one.
    assert status["Cpus_allowed_list"] != "0" or os.cpu_count() == 1
    # Descriptors: the three, and the one that ls reads the directory with.
    numbers = sorted(int(line.split(" -> ")[0].split()[-1]) for line in descriptors[1:])
    assert numbers == [0, 1, 2, 3], descriptors
    assert not any("/etc" in line for line in descriptors)
    # The environment is the config's.
    names = {line.split("=")[0] for line in environment}
    assert names <= {"PATH", "HOME", "ONE", "PWD", "SHLVL", "OLDPWD"}, environment
    # No mount of the host: each has its place below the container's root.
    assert len(mounts) - 1 == int(mounts[0])
    points = {line.split()[4] for line in mounts[1:]}
    assert "/" in points and all(point.split("/")[1] in ("", "proc", "dev", "sys") for point in points), points
    # Plain execution domain; the process is its own to look at; the directory is the config's.
    assert int(rest[0], 16) == 0
    assert rest[1] == "1000"
    assert rest[2] == "/tmp"


@pytest.mark.parametrize("option", [None, "--no-new-keyring"])
def test_session_keyring(bundle, option):
    """Of its own, named after the container, unless the caller's is asked for."""
    bundle.id += f"-{bool(option)}"  # the kernel forgets keyrings late
    bundle.config["linux"]["maskedPaths"] = []
    inside = bundle.sh("busybox cat /proc/keys", *[option] if option else [])
    assert ("_ses." + bundle.id in inside) == (option is None)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_callers_without_streams(bundle, closed):
    """What the runtime opens must not become the program's input or output, nor a hook's."""
    seen = os.path.join(bundle.rootfs, "tmp", "seen")
    hook = os.path.join(bundle.path, "hook")
    with open(hook, "w") as file:
        file.write(f"#!/bin/sh\ncat > {hook}.state\n")
    os.chmod(hook, 0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": hook, "env": ["PATH=/bin:/usr/bin"]}]}
    bundle.config["process"]["args"] = ["sh", "-c", "busybox ls -l /proc/$$/fd > /tmp/seen"]
    bundle.write()
    program = os.path.join(world.BUILD, "runtime", "mooring-runc")
    bundle.moor.run("sh", "-c", f'exec "$@" {closed}', "sh", program, "--root",
                    os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id)
    with open(seen) as file:
        targets = {line.split()[-3]: line.split()[-1] for line in file if " -> " in line}
    for number in "0", "1", "2":
        if closed.startswith({"0": "<", "1": ">", "2": "2"}[number]):
            assert targets[number] == ("/tmp/seen" if number == "1" else "/dev/null"), targets
    with open(hook + ".state") as file:
        assert '"creating"' in file.read()
