# SPDX-License-Identifier: Apache-2.0
"""Published attacks on runtimes that go through users, capabilities, names and files, one by one.

Those on mounts and devices are in test_cve_rootfs.py, on hostile images in test_runtime_security.py, on
exec in test_exec.py. docs/security.md lists them all.
"""

import json
import os
import re
import subprocess

import pytest

import bundle as bundles


@pytest.fixture
def running(bundle):
    """A bundle whose container is up before the test goes on."""
    def up():
        bundle.create("sleep", "1000")
        bundle.moor.runc("start", bundle.id)
        return bundle
    return up


def in_container(bundle, *arguments, **options):
    return bundle.moor.runc("exec", *arguments[:-1], bundle.id, "sh", "-c", arguments[-1], **options).stdout


def capability_sets(text):
    return {name: int(mask, 16) for name, mask in re.findall(r"Cap(\w+):\s+(\S+)", text)}


def test_cve_2016_3697_user_named_like_a_number(running, bundle):
    with open(os.path.join(bundle.rootfs, "etc", "passwd"), "w") as file:
        file.write("1000:x:0:0::/root:/bin/sh\n")
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    assert bundle.sh("busybox id -u; grep Uid /proc/self/status").split() == ["1000", "Uid:"] + ["1000"] * 4
    running()
    assert in_container(bundle, "-u", "1000", "grep Uid /proc/self/status").split()[1:] == ["1000"] * 4


def test_cve_2016_8867_no_ambient_capabilities_unasked(running, bundle):
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    running()
    sets = capability_sets(in_container(bundle, "grep Cap /proc/self/status"))
    assert sets["Amb"] == sets["Eff"] == sets["Prm"] == 0
    assert sets["Bnd"] == int(bundles.CAPABILITY_MASK, 16)


@pytest.mark.parametrize("uid", [0, 1000])
def test_cve_2022_24769_27649_27652_29162_nothing_inheritable_unasked(running, bundle, uid):
    bundle.config["process"]["user"] = {"uid": uid, "gid": uid}
    show = "grep Cap /proc/self/status"
    assert capability_sets(bundle.sh(show))["Inh"] == 0
    running()
    assert capability_sets(in_container(bundle, show))["Inh"] == 0
    assert capability_sets(in_container(bundle, "--cap", "CAP_NET_ADMIN", show))["Inh"] == 0


def test_cve_2025_27612_exec_gets_what_the_container_has(running, bundle):
    few = ["CAP_CHOWN", "CAP_KILL"]
    bundle.config["process"]["capabilities"] = {name: few for name in ("bounding", "effective", "permitted")}
    of_init = capability_sets(bundle.sh("grep Cap /proc/self/status"))
    running()
    assert capability_sets(in_container(bundle, "grep Cap /proc/self/status")) == of_init
    assert of_init["Bnd"] == of_init["Eff"] == 1 << 0 | 1 << 5


def test_cve_2017_16539_2018_10892_masked_paths_tell_nothing(bundle):
    """Of files: empty. Of directories: empty and not to be written to."""
    bundle.config["linux"]["maskedPaths"] = [
        "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
        "/proc/sched_debug", "/proc/scsi", "/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"]
    out = bundle.sh("""
        for path in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do
            test -e $path && { busybox head -c 100 $path | busybox wc -c; }
        done
        for path in /proc/acpi /proc/asound /proc/scsi /sys/firmware /sys/devices/virtual/powercap; do
            test -d $path && { ls -A $path | busybox wc -l; mkdir $path/x 2>/dev/null && echo written; }
        done
        true""")
    assert set(out.split()) == {"0"}, out


def test_masks_of_the_default_config(moor, tmp_path):
    """What `spec` writes hides and protects what is known to leak."""
    moor.runc("spec", "--bundle", tmp_path)
    linux = json.loads((tmp_path / "config.json").read_text())["linux"]
    assert {"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"} <= set(linux["maskedPaths"])
    assert {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} <= set(linux["readonlyPaths"])


@pytest.mark.parametrize("value", ["1\n2", "64+kernel.core_pattern=x", "1 ; kernel.core_pattern=x"])
def test_cve_2022_0811_one_sysctl_is_one_write(bundle, value):
    with open("/proc/sys/kernel/core_pattern") as file:
        before = file.read()
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_default_ttl": value}
    bundle.runc("run", code=None)
    with open("/proc/sys/kernel/core_pattern") as file:
        assert file.read() == before


@pytest.mark.parametrize("name", ["kernel.core_pattern", "kernel/core_pattern", "net/../kernel/core_pattern",
                                  "net.ipv4/../../kernel/core_pattern", "kernel.modprobe", "fs.binfmt_misc.register",
                                  "vm.panic_on_oom", "net..ipv4.ip_forward", "/net/ipv4/ip_forward"])
def test_sysctls_of_the_host_are_refused(bundle, name):
    bundle.config["linux"]["sysctl"] = {name: "1"}
    result = bundle.runc("run", code=1)
    assert "sysctl" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["../escape", "a/b", "..", ".", "", "a\nb", "a b", "x" * 300, "a\x01", "é"])
def test_cve_2025_0750_ids_name_no_path(moor, bundle, name):
    bundle.write()
    for verb in ("create", "run"):
        result = moor.runc(verb, "--bundle", bundle.path, name, code=1)
        assert "container id" in result.stderr.lower() or "invalid container" in result.stderr.lower()
    for arguments in (["start"], ["state"], ["kill"], ["delete"], ["pause"], ["ps"], ["events", "--stats"]):
        assert moor.runc(*arguments, name, code=1).stderr.count("\n") >= 1
    assert moor.runc("exec", name, "true", code=255).stderr
    assert not os.path.exists(os.path.join(moor.run_dir, "escape"))


def test_cve_2020_15257_no_abstract_sockets(running, bundle):
    """A container in the host's network could connect to one."""
    def abstract():
        with open("/proc/net/unix") as file:
            return {line.split()[7] for line in file if len(line.split()) > 7 and line.split()[7].startswith("@")}

    before = abstract()
    running()
    assert abstract() - before == set()


def test_cve_2022_0492_release_agent_is_out_of_reach(bundle):
    """Nor can a new hierarchy be mounted with one."""
    out = bundle.sh("""
        for file in $(busybox find /sys/fs/cgroup -name release_agent 2>/dev/null); do
            echo x > $file && echo written
        done
        mkdir /tmp/c && mount -t cgroup -o rdma x /tmp/c && echo mounted
        true""", code=0)
    assert out == ""


@pytest.mark.parametrize("path", ["/../../../mooring-escape", "../../mooring-escape", "/a/../../mooring-escape"])
def test_cgroups_path_stays_below_its_hierarchy(bundle, path):
    bundle.config["linux"]["cgroupsPath"] = path
    out = bundle.sh("true")
    assert out == ""
    outside = subprocess.run(["find", "/sys/fs", "-maxdepth", "1", "-name", "mooring-escape"], capture_output=True,
                             text=True, check=True).stdout
    assert outside == ""


def test_cve_2025_24965_nothing_is_written_into_the_image(bundle, tmp_path):
    """Every name that some runtime ever wrote into a root file system, as a link to a file of ours."""
    canary = tmp_path / "canary"
    canary.write_text("untouched")
    names = [".krun_config.json", ".krun_vm.json", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/group",
             "run/.containerenv", ".dockerenv", "etc/mtab", "run/notify/notify.sock", "dev/console", "dev/core"]
    for name in names:
        path = os.path.join(bundle.rootfs, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(canary, path)
    bundle.config["process"]["cwd"] = "/made/by/us"
    bundle.sh("true")
    assert canary.read_text() == "untouched"
    assert canary.stat().st_uid == os.getuid() and canary.stat().st_mode & 0o777 == 0o644
    for name in names:
        assert os.path.islink(os.path.join(bundle.rootfs, name)), name


def test_large_uid_is_no_root(bundle):
    """CVE-2024-40635: 2^32 and more must not wrap around to 0."""
    for uid in (4294967295, 4294967296, 2 ** 64, -1):
        bundle.config["process"]["user"]["uid"] = uid
        assert "process.user.uid" in bundle.runc("run", code=1).stderr
    bundle.config["process"]["user"]["uid"] = 4294967294
    assert "4294967294" in bundle.sh("grep Uid /proc/self/status")
