# SPDX-License-Identifier: Apache-2.0
"""A virtual machine of tests/vm/image: what goes into it, its boot, and what comes out of it.

Its disks are the root file system, a tar archive with the programs, tests/ and a command (which it unpacks in /mooring and
runs), and one on which it leaves /mooring/results as another archive."""

import glob
import io
import os
import shlex
import subprocess
import sys
import tarfile

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
MACHINES = {
    # The first serial line is the console, the second our standard output. A kernel that is given too little time to see its
    # timer tick would give up.
    "amd64": {"qemu": ["qemu-system-x86_64", "-serial", "file:console", "-serial", "stdio"],
              "console": "ttyS0 no_timer_check"},
    "arm64": {"qemu": ["qemu-system-aarch64", "-machine", "virt", "-serial", "stdio"], "console": "ttyAMA0"},
    "armhf": {"qemu": ["qemu-system-arm", "-machine", "virt", "-serial", "stdio"], "console": "ttyAMA0"},
}
CGROUPS = {"v2": "1", "hybrid": "0 systemd.legacy_systemd_cgroup_controller=0",
           "v1": "0 systemd.legacy_systemd_cgroup_controller=1"}
RESULTS_SIZE = 32 << 20
PATIENCE = 8  # how much longer than elsewhere a test waits for what is to come; emulation is slow
LEAVE = "tar -cf /dev/vdc -C results ."  # how what is in results/ leaves the machine

# What the machine runs. It is in tests/vm/mooring-tests.service that it ends when this does.
JOB = """#!/bin/sh
export TERM=dumb HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin MOORING_BUILD=/mooring/build PATIENCE={patience}
mkdir -p /mooring/results {above}
ln -sfn /mooring {top}  # unit tests know the files of their cases by where they were built
cd /mooring
timeout --signal INT --kill-after 60 {seconds} sh ./command  # pytest still tells what it knows
echo $? > results/status
{leave}
"""


def make_image(build, arch):
    """Its directory."""
    image = f"{build}/vm"
    subprocess.run([f"{HERE}/image", image, arch], check=True)
    return image


def pytest_command(arguments):
    return "python3 -m pytest -q -p no:cacheprovider --junitxml results/junit.xml " + shlex.join(arguments)


def add_text(tar, name, text, mode=0o644):
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(text.encode()), mode
    tar.addfile(member, io.BytesIO(text.encode()))


def programs(build):
    """What the tests run, from the top of the build directory."""
    if not build:
        return []
    found = (glob.glob(f"{build}/*/mooring*") + glob.glob(f"{build}/tests/unit/test-*")
             + glob.glob(f"{build}/tests/fuzz/replay-*") + [f"{build}/cli/bin"])
    return [os.path.relpath(path, build) for path in found if not path.endswith(".p")]


def write_input(path, build, command, seconds, texts=None, trees=None):
    """The machine's second disk; the command may take so long. Without a build there are no programs of it, but for what is
    among these texts and directories, by their names."""
    def wanted(member):
        return None if "__pycache__" in member.name else member

    job = JOB.format(seconds=seconds, top=shlex.quote(TOP), above=shlex.quote(os.path.dirname(TOP)), patience=PATIENCE,
                     leave=LEAVE)
    with tarfile.open(path, "w") as tar:
        add_text(tar, "job", job, 0o755)
        add_text(tar, "command", command + "\n")
        for name, text in (texts or {}).items():
            add_text(tar, name, text)
        for name, tree in {"tests": os.path.join(TOP, "tests"), **(trees or {})}.items():
            tar.add(tree, name, filter=wanted)
        for name in programs(build):
            tar.add(os.path.join(build, name), os.path.join("build", name))


def start(image, directory, arguments, disk=None, **streams):
    """Boots it, with `input` of the directory; a Popen. Without a disk of its own it forgets what it writes."""
    with open(f"{directory}/results", "wb") as file:
        file.truncate(RESULTS_SIZE)
    machine = MACHINES[arguments.arch]
    drives = [f"file={disk},cache=unsafe" if disk else f"file={image}/root.ext4,snapshot=on,cache=unsafe",
              "file=input,readonly=on", "file=results,cache=unsafe"]
    kernel = (f"root=/dev/vda console={machine['console']} quiet panic=-1 mitigations=off systemd.show_status=0 "
              f"systemd.unified_cgroup_hierarchy={CGROUPS[arguments.cgroup]}")
    argv = [*machine["qemu"], "-accel", arguments.accel, "-cpu", "max", "-smp", "2",
            "-m", str(arguments.memory), "-nodefaults", "-no-user-config", "-display", "none",
            "-nic", "none", "-no-reboot", "-kernel", f"{image}/vmlinuz", "-initrd", f"{image}/initrd",
            "-append", kernel]
    for drive in drives:
        argv += ["-drive", "if=virtio,format=raw," + drive]
    with open(f"{directory}/qemu.log", "w") as log:
        return subprocess.Popen(argv, cwd=directory, stderr=log, **streams)


def read_results(directory, into):
    """Unpacks what the machine left; its exit status, or None."""
    try:
        with tarfile.open(f"{directory}/results", "r:") as tar:
            tar.extractall(into)
        with open(f"{into}/status") as file:
            return int(file.read())
    except (OSError, tarfile.TarError, ValueError):
        return None


def show_console(directory):
    for name in ("qemu.log", "console"):
        path = os.path.join(directory, name)
        if os.path.exists(path):
            with open(path, errors="replace") as file:
                sys.stderr.write(file.read()[-8000:])


def add_options(parser):
    parser.add_argument("--cgroup", choices=CGROUPS, default="v2")
    parser.add_argument("--accel", choices=["tcg", "kvm"], default="tcg",
                        help="kvm is faster, where it works (default: tcg, emulation)")
    parser.add_argument("--memory", type=int, default=1536, metavar="MIB")
