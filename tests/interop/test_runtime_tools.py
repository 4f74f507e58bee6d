# SPDX-License-Identifier: Apache-2.0
"""The validation programs of the OCI's runtime-tools: what passes with runc or crun passes with us.

The programs are fetched by Go's module proxy, in the versions and with the checksums of
runtime-tools/go.mod and go.sum, and built here. They speak TAP. Where one fails with us, it is run
with Debian's runc and crun too; docs/compat.md has the list of those that fail with all, and why.
"""

import collections
import concurrent.futures
import contextlib
import os
import re
import shutil
import stat
import subprocess
import tempfile
import threading

import pytest
import world

HERE = os.path.dirname(os.path.realpath(__file__))
MODULE = "github.com/opencontainers/runtime-tools"
JOBS = 2
SECONDS = 60  # one program
MORE_TRIES = 2  # some race with the end of their own containers

PROGRAMS = """
config_updates_without_affect create default delete delete_only_create_resources delete_resources hooks
hooks_stdin hostname kill kill_no_effect killsig linux_cgroups_blkio linux_cgroups_cpus
linux_cgroups_devices linux_cgroups_hugetlb linux_cgroups_memory linux_cgroups_network linux_cgroups_pids
linux_cgroups_relative_blkio linux_cgroups_relative_cpus linux_cgroups_relative_devices
linux_cgroups_relative_hugetlb linux_cgroups_relative_memory linux_cgroups_relative_network
linux_cgroups_relative_pids linux_devices linux_masked_paths linux_mount_label linux_ns_itype
linux_ns_nopath linux_ns_path linux_ns_path_type linux_process_apparmor_profile linux_readonly_paths
linux_rootfs_propagation linux_seccomp linux_sysctl linux_uid_mappings misc_props mounts pidfile poststart
poststart_fail poststop poststop_fail prestart prestart_fail process process_capabilities
process_capabilities_fail process_oom_score_adj process_rlimits process_rlimits_fail process_user
root_readonly_true start state
""".split()

# These share a control group. With runc 1.1 it may be anybody's; ours must be empty, as with newer ones.
GROUPS = threading.Lock()

Result = collections.namedtuple("Result", "is_good passed output")


def go(*arguments):
    return subprocess.run(["go", *arguments], cwd=os.path.join(HERE, "runtime-tools"), check=True, text=True,
                          stdout=subprocess.PIPE, timeout=1200,
                          env={**os.environ, "GOFLAGS": "-mod=readonly"}).stdout


@pytest.fixture(scope="module")
def workshop():
    """A directory with the programs and what they expect beside them."""
    with tempfile.TemporaryDirectory(prefix="runtime-tools-") as directory:
        os.chmod(directory, 0o755)  # containers of other users go through it
        go("build", "-ldflags=-s -w", "-o", directory + "/", f"{MODULE}/validation/...", f"{MODULE}/cmd/runtimetest")
        archive = os.path.join(go("list", "-m", "-f", "{{.Dir}}", MODULE).strip(), "rootfs-amd64.tar.gz")
        shutil.copy(archive, directory)
        yield directory
        # What programs leave behind: the parents of their containers' control groups, read-only trees.
        subprocess.run(["find", "/sys/fs/cgroup", "-depth", "-type", "d", "(", "-path", "*/testdir/cgrouptest", "-o",
                        "-name", "testdir", ")", "-exec", "rmdir", "{}", ";"], check=True)
        subprocess.run(["chmod", "-R", "u+rwX", directory], check=True)


def wrapper(workshop, program):
    """The runtime with a state directory of its own, which the programs know nothing of."""
    home = os.path.join(workshop, "with-" + os.path.basename(program))
    path = os.path.join(home, "runtime")
    os.makedirs(os.path.join(home, "tmp"), exist_ok=True)
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec {program} --root {home}/state "$@"\n')
    os.chmod(path, stat.S_IRWXU)
    return home, path


def run(workshop, home, path, name):
    process = subprocess.Popen([os.path.join(workshop, name)], cwd=workshop, text=True, start_new_session=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**os.environ, "RUNTIME": path, "TMPDIR": os.path.join(home, "tmp")})
    try:
        output = process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        output = process.communicate()[0] + "\nnot ok - timed out\n"
    passed = collections.Counter(re.findall(r"^\s*ok (?:\d+ )?-? ?(.*)$", output, re.M))
    failed = re.search(r"^\s*not ok", output, re.M)
    # Some count nothing, and only print what is wrong.
    is_good = process.returncode == 0 and not failed and (bool(passed) or '"error"' not in output)
    return Result(is_good, passed, output)


def run_in_turn(*arguments):
    with GROUPS if "cgroups" in arguments[-1] else contextlib.nullcontext():
        return run(*arguments)


def run_all(workshop, runtime, names):
    """The results by name; what is left of containers is removed."""
    home, path = wrapper(workshop, runtime)
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        results = dict(zip(names, pool.map(lambda name: run_in_turn(workshop, home, path, name), names)))
    ids = subprocess.run([path, "list", "-q"], text=True, stdout=subprocess.PIPE).stdout.split()
    for name in ids:
        subprocess.run([path, "delete", "--force", name], check=True, timeout=60)
    return results


def lost(ours, peer):
    """What passes with the peer alone."""
    return dict(peer.passed - ours.passed) if not peer.is_good else {"all of it": 1}


@pytest.fixture(scope="module")
def results(workshop):
    """Ours, and the peers' of those that failed."""
    program = os.path.join(world.BUILD, "runtime", "mooring-runc")
    ours = run_all(workshop, program, PROGRAMS)
    failed = [name for name in PROGRAMS if not ours[name].is_good]
    peers = [run_all(workshop, shutil.which(peer), ["default", *failed]) for peer in ("runc", "crun")]
    peers = [peer for peer in peers if peer["default"].is_good]
    for _ in range(MORE_TRIES):
        behind = [name for name in failed if not ours[name].is_good
                  and any(lost(ours[name], peer[name]) for peer in peers)]
        ours.update(run_all(workshop, program, behind))
    return ours, peers


def test_a_peer_works(results):
    """crun 1.8 runs nothing where a controller is on cgroup v2 and others are on v1."""
    assert results[1]


def test_list_is_complete(workshop):
    built = set(os.listdir(workshop)) - {"runtimetest", "rootfs-amd64.tar.gz"}
    assert {name for name in built if not name.startswith("with-")} == set(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(results, name):
    """It passes, or fails with the peers too, and nothing passes with them alone."""
    ours, peers = results
    if ours[name].is_good:
        return
    for peer in peers:
        assert lost(ours[name], peer[name]) == {}, ours[name].output
