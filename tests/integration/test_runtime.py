# SPDX-License-Identifier: Apache-2.0
"""mooring-runc on a bundle: what a container sees, what it may not, and how it lives and ends."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import attack
import bundle as bundles
from world import wait_until

CGROUP = "/sys/fs/cgroup"
IS_V1 = os.path.isdir(CGROUP + "/memory")


def status(bundle, wanted):
    wait_until(lambda: bundle.state()["status"] == wanted, wanted)


# -- what it is ------------------------------------------------------------------------------------

def test_namespaces_are_its_own(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "cgroup"})
    names = ["mnt", "net", "uts", "pid", "ipc", "cgroup"]
    inside = bundle.sh("for n in %s; do readlink /proc/self/ns/$n; done" % " ".join(names)).split()
    outside = [os.readlink("/proc/self/ns/" + name) for name in names]
    assert [text.split(":")[0] for text in inside] == names
    assert not set(inside) & set(outside)


def test_absent_namespaces_are_the_callers(bundle):
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}, {"type": "pid"}, {"type": "ipc"}]
    del bundle.config["hostname"]
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if m["type"] != "sysfs"
                               and m["type"] != "cgroup"]
    inside = bundle.sh("readlink /proc/self/ns/net; readlink /proc/self/ns/uts").split()
    assert inside == [os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/uts")]


def test_namespace_by_path_is_joined(moor, bundle):
    other = bundles.Bundle(moor, "other")
    pid = other.create("sleep", "1000")
    kinds = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    for namespace in bundle.config["linux"]["namespaces"]:
        if namespace["type"] in kinds:
            namespace["path"] = f"/proc/{pid}/ns/{kinds[namespace['type']]}"
    inside = bundle.sh("for n in net ipc uts pid mnt; do readlink /proc/self/ns/$n; done; hostname")
    moor.runc("delete", "--force", other.id, input="")
    theirs = inside.split()
    assert len(set(theirs)) == 6 and theirs[5] == "harbour"
    assert other.traces() == []


def test_process_attributes(bundle):
    bundle.config["process"].update({
        "user": {"uid": 1000, "gid": 1001, "additionalGids": [7, 8], "umask": 0o027},
        "cwd": "/made/for/it", "noNewPrivileges": True, "oomScoreAdj": 100,
        "env": ["PATH=/bin", "A=1 2"],
        "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]})
    bundle.config["linux"]["seccomp"] = bundles.SECCOMP
    out = bundle.sh("id -u; id -g; id -G; umask; pwd; env | sort; cat /proc/self/oom_score_adj;"
                    "ulimit -n; ulimit -Hn; grep -E 'NoNew|Seccomp:|Cap|Sig[BI]' /proc/self/status;"
                    "mkdir /tmp/x 2>&1; true")
    lines = out.splitlines()
    assert lines[:5] == ["1000", "1001", "1001 7 8", "0027", "/made/for/it"]
    assert {"A=1 2", "PATH=/bin", "HOME=/home/user"} <= set(lines)
    assert not [line for line in lines if line.startswith("MOORING")]
    assert ["100", "100", "200"] == [line for line in lines if line.isdigit()][3:]
    status = dict(re.findall(r"(\w+):\s+(\S+)", out))
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert status["CapBnd"] == bundles.CAPABILITY_MASK
    assert status["CapEff"] == status["CapInh"] == status["CapAmb"] == "0" * 16
    assert status["SigBlk"] == status["SigIgn"] == "0" * 16
    assert "No space left" in lines[-1]


def test_capabilities_of_root(bundle):
    out = bundle.sh("grep Cap /proc/self/status")
    sets = dict(re.findall(r"(\w+):\s+(\S+)", out))
    mask = bundles.CAPABILITY_MASK
    assert sets == {"CapInh": "0" * 16, "CapPrm": mask, "CapEff": mask, "CapBnd": mask, "CapAmb": "0" * 16}


def test_ambient_capabilities(bundle):
    caps = ["CAP_NET_BIND_SERVICE"]
    bundle.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    bundle.config["process"]["capabilities"] = {
        name: caps for name in ("bounding", "effective", "permitted", "inheritable", "ambient")}
    sets = re.findall(r":\s+(\S+)", bundle.sh("grep Cap /proc/self/status"))
    assert sets == ["0000000000000400"] * 5


def test_capabilities_that_nobody_gets(bundle):
    """Told, and no reason to fail: an ambient one that cannot be, names of another kernel's."""
    caps = bundle.config["process"]["capabilities"]
    caps.update(inheritable=["CAP_KILL"], ambient=["CAP_KILL", "CAP_CHOWN"], bounding=caps["bounding"] + ["CAP_X", "X"])
    bundle.config["process"]["args"] = ["grep", "CapAmb", "/proc/self/status"]
    result = bundle.runc("run")
    assert result.stdout == "CapAmb:\t0000000000000020\n"
    unknown, ambient = result.stderr.splitlines()
    assert 'level=warning msg="ignoring unknown or unavailable capabilities: [CAP_X X]"' in unknown
    assert 'level=warning msg="can\'t raise ambient capability CAP_CHOWN: ' in ambient


def test_file_systems(bundle):
    bundle.config["root"]["readonly"] = True
    out = bundle.sh("cat /proc/mounts; hostname; ls /dev; cat /proc/keys /proc/timer_list | wc -c;"
                    "ls /sys/firmware | wc -l; echo x > /proc/sys/kernel/shmmax; echo x > /file;"
                    "echo x > /proc/keys; echo kept > /dev/shm/f && cat /dev/shm/f; ip link", code=None)
    mounts = {line.split()[1]: line.split() for line in out.splitlines() if line.count(" ") == 5}
    assert "harbour" in out and "kept" in out
    assert mounts["/"][3].startswith("ro") and mounts["/proc"][2] == "proc"
    assert mounts["/sys"][3].startswith("ro") and mounts["/proc/sys"][3].startswith("ro")
    assert mounts["/dev/pts"][2] == "devpts" and mounts["/dev/mqueue"][2] == "mqueue"
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/dev/shm"][3].split(","))
    assert set(out.split("harbour\n")[1].split("\n0\n")[0].split()) == {
        "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout",
        "tty", "urandom", "zero"} | ({"core"} if os.path.exists("/proc/kcore") else set())
    assert out.count("\n0\n0\n") == 1  # masked file, masked directory
    assert "LOOPBACK,UP" in out and "eth0" not in out
    assert not os.path.exists(os.path.join(bundle.rootfs, "file"))
    assert not [line for line in mounts if bundle.path in line]


def test_mount_options(bundle, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "f").write_text("from outside")
    bundle.config["mounts"] += [
        {"destination": "/ro/deep", "type": "bind", "source": str(source), "options": ["rbind", "ro"]},
        {"destination": "/file", "source": str(source / "f"), "options": ["bind", "nosuid", "nodev"]},
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["ro", "size=64k", "mode=700"]},
        {"destination": "/rel", "type": "bind", "source": "inside", "options": ["bind", "rro"]}]
    os.mkdir(os.path.join(bundle.path, "inside"))
    out = bundle.sh("cat /ro/deep/f /file; cat /proc/mounts; echo x > /ro/deep/g; echo x > /t/g;"
                    "echo x > /rel/g; echo more >> /file", code=None)
    mounts = {line.split()[1]: line.split()[3] for line in out.splitlines() if line.count(" ") == 5}
    assert out.startswith("from outsidefrom outside")
    assert mounts["/ro/deep"].startswith("ro") and mounts["/t"].startswith("ro")
    assert "size=64k" in mounts["/t"] and mounts["/rel"].startswith("ro")
    assert {"nosuid", "nodev", "rw"} <= set(mounts["/file"].split(","))
    assert (source / "f").read_text() == "from outsidemore\n" and not (source / "g").exists()


def test_tmpfs_modes(bundle):
    """As the directory that it covers; one that was missing is open to all."""
    os.chmod(os.path.join(bundle.rootfs, "tmp"), 0o710)
    bundle.config["mounts"] += [{"destination": path, "type": "tmpfs", "source": "tmpfs"} for path in ("/tmp", "/new")]
    assert bundle.sh("stat -c %a /tmp /new").split() == ["710", "1777"]


def test_bind_of_another_kind(bundle, tmp_path):
    """dockerd looks for these words, and explains."""
    (tmp_path / "file").write_text("")
    for source, destination in ((tmp_path / "file", "/etc"), (tmp_path, "/etc/passwd")):
        bundle.config["mounts"].append({"destination": destination, "source": str(source), "options": ["bind"]})
        stderr = bundle.runc("run", code=1).stderr
        assert f'to rootfs at "{destination}": ' in stderr and stderr.endswith(": not a directory\n")
        bundle.config["mounts"].pop()


def test_devices(bundle):
    bundle.config["linux"]["devices"] = [
        {"path": "/dev/extra/zero", "type": "c", "major": 1, "minor": 5, "fileMode": 0o640, "uid": 3, "gid": 4},
        {"path": "/dev/pipe", "type": "p"}]
    out = bundle.sh("mknod /tmp/disk b 8 0; head -c1 /tmp/disk; head -c3 /dev/zero | wc -c;"
                    "stat -c '%a %u %g %F' /dev/extra/zero; stat -c %F /dev/pipe; echo > /dev/full", code=1)
    assert out.splitlines()[:3] == ["3", "640 3 4 character special file", "fifo"]
    stderr = bundle.runc("run", code=1).stderr
    assert "/tmp/disk: Operation not permitted" in stderr


@pytest.mark.skipif(not IS_V1, reason="the controllers are not on cgroup v1 here")
def test_limits_on_v1(bundle):
    bundle.config["linux"]["resources"].update({
        "memory": {"limit": 64 << 20, "swap": 128 << 20, "reservation": 32 << 20},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "cpus": "0"},
        "pids": {"limit": 20}})
    bundle.config["linux"]["resources"]["devices"].append(
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"})
    bundle.create("sleep", "1000")
    wanted = {"memory/memory.limit_in_bytes": str(64 << 20), "pids/pids.max": "20",
              "memory/memory.memsw.limit_in_bytes": str(128 << 20),
              "memory/memory.soft_limit_in_bytes": str(32 << 20), "cpu/cpu.shares": "512",
              "cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000", "cpuset/cpuset.cpus": "0"}
    pid = str(bundle.state()["pid"])
    with open(f"/proc/{pid}/cgroup") as file:
        places = dict(line.strip().split(":")[1:] for line in file)
    for name, value in wanted.items():
        controller, file = name.split("/")
        path = f"{CGROUP}/{controller}{places[controller]}"
        assert path.endswith(bundle.id)
        assert open(f"{path}/{file}").read().strip() == value, name
        assert open(f"{path}/cgroup.procs").read().split() == [pid]
    rules = open(f"{CGROUP}/devices{places['devices']}/devices.list").read()
    assert "c 10:229 rw\n" in rules and "c 1:3 rwm\n" in rules and "a *:*" not in rules
    assert places["freezer"].endswith(bundle.id) and places["blkio"].endswith(bundle.id)


@pytest.mark.skipif(not IS_V1, reason="the controllers are not on cgroup v1 here")
def test_limits_hold(bundle):
    bundle.config["linux"]["resources"].update({"pids": {"limit": 5}})
    out = bundle.sh("cat /sys/fs/cgroup/pids/pids.max; for i in 1 2 3 4 5 6 7 8; do sleep 5 & done 2>&1", code=None)
    assert out.startswith("5\n") and "can't fork" in out


def test_sysctl(bundle):
    bundle.config["linux"]["sysctl"] = {"net.ipv4.ip_unprivileged_port_start": "81", "kernel.shmmax": "4242"}
    out = bundle.sh("cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/shmmax")
    assert out.split() == ["81", "4242"]
    with open("/proc/sys/kernel/shmmax") as file:
        assert file.read().strip() != "4242"


def test_user_namespace(bundle):
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"].update({"uidMappings": maps, "gidMappings": maps})
    bundle.config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 60, "hard": 60},  # the last one counts, as with runc
                                           {"type": "RLIMIT_NOFILE", "soft": 70, "hard": 80}]
    subprocess.run(["chown", "-R", "100000:100000", bundle.rootfs], check=True)
    out = bundle.sh("id -u; cat /proc/self/uid_map; ulimit -n; ulimit -Hn; echo x > /dev/null && echo fine;"
                    "touch /tmp/f; mknod /tmp/d c 1 3 2>&1; true")
    assert out.split()[:4] == ["0", "0", "100000", "65536"]
    assert out.split()[4:7] == ["70", "80", "fine"] and "not permitted" in out
    assert os.stat(os.path.join(bundle.rootfs, "tmp", "f")).st_uid == 100000


def test_user_namespace_of_another(moor, bundle):
    """Beside the path podman, containerd and CRI-O give the namespace's mappings once more: they have to be its own."""
    host = {"containerID": 0, "hostID": 100000, "size": 1000}
    more = {"containerID": 1000, "hostID": 200000, "size": 5}
    other = bundles.Bundle(moor, "other")
    for config in (other.config, bundle.config):
        config["linux"].update({"uidMappings": [host, more], "gidMappings": [host]})
    other.config["linux"]["namespaces"].append({"type": "user"})
    pid = other.create("sleep", "1000")
    bundle.config["linux"]["namespaces"].append({"type": "user", "path": f"/proc/{pid}/ns/user"})
    for uids in ([host, more], [more, host]):  # the order means nothing
        bundle.config["linux"]["uidMappings"] = uids
        inside = bundle.sh("readlink /proc/self/ns/user; id -u")
        assert inside == os.readlink(f"/proc/{pid}/ns/user") + "\n0\n"
    refused = []
    for key, maps in (("uidMappings", [host]), ("gidMappings", [{**host, "hostID": 5}])):
        correct = bundle.config["linux"][key]
        bundle.config["linux"][key] = maps
        refused.append((key, bundle.runc("run", code=1).stderr))
        bundle.config["linux"][key] = correct
    moor.runc("delete", "--force", other.id, input="")
    assert other.traces() == []
    with subprocess.Popen(["unshare", "--user", "sh", "-c", "echo; read end"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as unmapped:
        unmapped.stdout.readline()
        bundle.config["linux"]["namespaces"][-1]["path"] = f"/proc/{unmapped.pid}/ns/user"
        bundle.write()
        refused.append(("uidMappings", bundle.runc("run", code=1).stderr))
        unmapped.stdin.close()
    for key, text in refused:
        assert f"linux.{key}: user namespaces enabled, but both namespace path and non-matching mapping specified" in text


def test_ptmx_among_devices(bundle):
    """`podman run --privileged --uidmap` names all of the host's devices: this one is the container's own."""
    bundle.config["linux"]["devices"] = [{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2, "fileMode": 0o666},
                                         {"path": "/dev/net/../ptmx", "type": "c", "major": 5, "minor": 2}]
    assert bundle.sh("readlink /dev/ptmx; grep -c ' /dev/ptmx ' /proc/self/mountinfo", code=1) == "pts/ptmx\n0\n"
    attack.with_user_namespace(bundle)
    assert bundle.sh("readlink /dev/ptmx; grep -c ' /dev/ptmx ' /proc/self/mountinfo", code=1) == "pts/ptmx\n0\n"


# -- what must not get in --------------------------------------------------------------------------

def test_no_descriptor_leaks(bundle, tmp_path):
    leaks = [os.open(str(tmp_path), os.O_RDONLY) for _ in range(4)]
    for fd in leaks:
        os.set_inheritable(fd, True)
    numbers = " ".join(map(str, range(64)))
    out = bundle.sh(f"for n in {numbers}; do [ -e /proc/self/fd/$n ] && echo $n; done; true", pass_fds=leaks)
    assert out.split() == ["0", "1", "2"]
    for fd in leaks:
        os.close(fd)


def test_preserved_descriptors(bundle, tmp_path):
    (tmp_path / "f").write_text("passed on")
    bundle.config["process"]["args"] = ["sh", "-c", "cat <&3; ls /proc/self/fd | wc -l"]
    bundle.write()
    script = 'exec 3< "$1"; exec "$2" --root "$3" run --preserve-fds 1 --bundle "$4" "$5"'
    program = os.path.join(os.environ.get("MOORING_BUILD", "build"), "runtime", "mooring-runc")
    out = bundle.moor.run("sh", "-c", script, "sh", tmp_path / "f", os.path.realpath(program),
                          os.path.join(bundle.moor.run_dir, "runc"), bundle.path, bundle.id).stdout
    assert out == "passed on5\n"
    bundle.runc("run", "--preserve-fds", "40", code=1)


def test_ignored_signals_are_not_inherited(bundle):
    bundle.config["process"]["args"] = ["grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"]

    def ignore():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])

    out = bundle.runc("run", preexec_fn=ignore).stdout
    assert re.findall(r"\w{16}", out) == ["0" * 16] * 2


ESCAPES = {
    "proc": ["/../../../../tmp", "/etc", "loop"],
    "sys": ["/tmp", "../../../../../../tmp"],
    "dev": ["/tmp"],
}


@pytest.mark.parametrize("name,target", [(n, t) for n, ts in ESCAPES.items() for t in ts])
def test_link_as_mount_point(bundle, name, target):
    """CVE-2019-19921, 2023-27561: /proc and /sys must be real directories; /dev stays below the root."""
    os.rmdir(os.path.join(bundle.rootfs, name))
    os.symlink(name if target == "loop" else target, os.path.join(bundle.rootfs, name))
    before = set(os.listdir("/tmp"))
    result = bundle.runc("run", code=None)
    assert result.returncode == 1 and result.stderr.count("\n") == 1
    assert "ordinary directory" in result.stderr
    assert not {"null", "ptmx", "shm", "pts"} & (set(os.listdir("/tmp")) - before)


def test_dev_without_mount(bundle):
    """CVE-2026-41579: no mount on /dev, and the image's /dev is a link to the host's files."""
    outside = os.path.join(bundle.path, "outside")
    os.mkdir(outside)
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
    os.rmdir(os.path.join(bundle.rootfs, "dev"))
    os.symlink(outside, os.path.join(bundle.rootfs, "dev"))
    assert "/dev of the image must be an ordinary directory" in bundle.runc("run", code=1).stderr
    assert os.listdir(outside) == []


@pytest.mark.parametrize("kind", ["link", "file", "missing"])
def test_false_null_device(bundle, kind):
    """CVE-2025-31133: what masks files must be the null device, whatever the image says."""
    bundle.config["mounts"] = [m for m in bundle.config["mounts"] if not m["destination"].startswith("/dev")]
    bundle.config["mounts"].append({"destination": "/dev", "type": "bind", "source": "dev", "options": ["bind"]})
    dev = os.path.join(bundle.path, "dev")
    os.mkdir(dev)
    if kind == "link":
        os.symlink("/proc/sys/kernel/core_pattern", os.path.join(dev, "null"))
    elif kind == "file":
        open(os.path.join(dev, "null"), "w").close()
    stderr = bundle.runc("run", code=1).stderr
    assert "masked path" in stderr


def test_mount_target_stays_inside(bundle):
    """CVE-2021-30465 without its race: links in the target are taken below the root."""
    outside = os.path.join(bundle.path, "outside")
    os.mkdir(outside)
    os.symlink(outside, os.path.join(bundle.rootfs, "absolute"))
    os.symlink("../../../../../../../.." + outside, os.path.join(bundle.rootfs, "relative"))
    bundle.config["mounts"] += [{"destination": f"/{name}/made", "type": "tmpfs", "source": "tmpfs"}
                                for name in ("absolute", "relative")]
    bundle.runc("run", code=None)
    assert os.listdir(outside) == []


@pytest.mark.parametrize("cwd", ["/proc/self/fd/%d" % fd for fd in range(3, 16)] + ["/proc/self/cwd/..", "/link"])
def test_working_directory_stays_inside(bundle, cwd):
    """CVE-2024-21626: a descriptor of the host's as working directory."""
    os.symlink("/proc/self/fd/7", os.path.join(bundle.rootfs, "link"))
    bundle.config["process"]["cwd"] = cwd
    bundle.config["process"]["args"] = ["ls", "../../../../../../../../"]
    result = bundle.runc("run", code=None)
    assert result.returncode == 1 and "chdir to cwd" in result.stderr


@pytest.mark.parametrize("destination", ["/proc/self", "/proc/sys", "/proc/x", "/proc/../proc/1", "/", "/tmp/.."])
def test_refused_targets(bundle, destination):
    """CVE-2019-16884: nothing over /proc but the files that lxcfs fakes."""
    bundle.config["mounts"].append({"destination": destination, "type": "tmpfs", "source": "tmpfs"})
    stderr = bundle.runc("run", code=1).stderr
    assert "inside /proc" in stderr or "top of rootfs" in stderr


def test_proc_must_be_procfs(bundle):
    os.mkdir(os.path.join(bundle.path, "fake"))
    first = bundle.config["mounts"][0]
    for kind in ("bind", "proc"):
        bundle.config["mounts"][0] = {"destination": "/proc", "type": kind, "source": "fake", "options": ["bind"]}
        assert "only procfs can be mounted on /proc" in bundle.runc("run", code=1).stderr
    bundle.config["mounts"][0] = first
    bundle.config["mounts"] += [first, {"destination": "/proc/", "type": "tmpfs"}]
    assert "only procfs can be mounted on /proc" in bundle.runc("run", code=1).stderr
    bundle.config["mounts"].pop()
    assert bundle.sh("grep -c ' /proc proc ' /proc/mounts") == "2\n"


@pytest.mark.parametrize("path", ["/", "/..", "../..", "/a/../.."])
def test_cgroups_path_names_no_group(bundle, path):
    bundle.config["linux"]["cgroupsPath"] = path
    result = bundle.runc("run", code=None)
    assert result.returncode == 1 and "cgroup" in result.stderr


def test_passwd_that_blocks(bundle):
    os.unlink(os.path.join(bundle.rootfs, "etc", "passwd"))
    os.mkfifo(os.path.join(bundle.rootfs, "etc", "passwd"))
    assert "HOME=/\n" in bundle.sh("env", timeout=10)


def test_runtime_cannot_be_overwritten(bundle):
    """CVE-2019-5736: the file behind /proc/self/exe lies on a read-only mount."""
    with open(os.path.join(bundle.rootfs, "start"), "w") as file:
        file.write("#!/proc/self/exe --version\n")
    os.chmod(os.path.join(bundle.rootfs, "start"), 0o755)
    bundle.config["process"]["args"] = ["/start"]
    pid = bundle.create("/bin/sleep", "1000")
    with pytest.raises(OSError) as caught:
        os.open(f"/proc/{pid}/exe", os.O_WRONLY)
    assert caught.value.errno in (30, 26)
    mount = os.statvfs(f"/proc/{pid}/exe")
    assert mount.f_flag & os.ST_RDONLY
    assert not os.access(f"/proc/{pid}/mem", os.W_OK) or os.stat(f"/proc/{pid}/status").st_uid == 0


# -- how it lives and ends ---------------------------------------------------------------------------

@pytest.mark.parametrize("script,code", [("exit 0", 0), ("exit 7", 7), ("exit 255", 255),
                                         ("sh -c 'kill -9 $$'; exit $?", 137)])
def test_exit_code(bundle, script, code):
    bundle.sh(script, code=code)


def test_killed_init(bundle):
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    process = bundle.moor.start(*bundle.moor.runc("--version").args[:1], "--root",
                                os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id)
    wait_until(lambda: bundle.moor.runc("state", bundle.id, code=None).returncode == 0, "state")
    status(bundle, "running")
    bundle.moor.runc("kill", bundle.id, "KILL")
    assert process.wait(timeout=10) == 137
    process.communicate()


def test_signals_are_passed_on(bundle):
    bundle.config["process"]["args"] = ["sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done"]
    bundle.write()
    process = bundle.moor.start(*bundle.moor.runc("--version").args[:1], "--root",
                                os.path.join(bundle.moor.run_dir, "runc"), "run", "--bundle", bundle.path, bundle.id)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 5
    process.communicate()


def test_life(moor, bundle):
    pid_file = os.path.join(bundle.path, "pid")
    bundle.config["process"]["args"] = ["sh", "-c", "echo started > /tmp/mark; exec sleep 1000"]
    bundle.config["annotations"] = {"some.key": "some value"}
    quiet = dict(capture_output=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bundle.runc("create", "--pid-file", pid_file, **quiet)
    state = bundle.state()
    assert state["status"] == "created" and state["bundle"] == bundle.path and state["id"] == bundle.id
    assert state["annotations"] == {"some.key": "some value"} and state["ociVersion"] == "1.0.2"
    assert open(pid_file).read() == str(state["pid"])
    assert not os.path.exists(os.path.join(bundle.rootfs, "tmp", "mark"))
    assert "already exists" in bundle.runc("run", code=1).stderr

    moor.runc("start", bundle.id)
    status(bundle, "running")
    wait_until(lambda: os.path.exists(os.path.join(bundle.rootfs, "tmp", "mark")), "the program")
    assert "already running" in moor.runc("start", bundle.id, code=1).stderr
    assert "not stopped: running" in moor.runc("delete", bundle.id, code=1).stderr
    listed = json.loads(moor.runc("list", "--format", "json").stdout)
    assert [entry["id"] for entry in listed] == [bundle.id] and listed[0]["owner"] == "root"
    assert moor.runc("list", "-q").stdout == bundle.id + "\n"

    moor.runc("kill", bundle.id, "SIGKILL")
    status(bundle, "stopped")
    assert bundle.state()["pid"] == 0
    assert "container not running" in moor.runc("kill", bundle.id, "9", code=1).stderr
    moor.runc("kill", "--all", bundle.id, "KILL")
    assert "has stopped" in moor.runc("start", bundle.id, code=1).stderr
    moor.runc("delete", bundle.id)
    assert "does not exist" in moor.runc("state", bundle.id, code=1).stderr
    assert "does not exist" in moor.runc("delete", bundle.id, code=1).stderr
    moor.runc("delete", "--force", bundle.id)


def test_delete_of_created(moor, bundle):
    pid = bundle.create("sleep", "1000")
    moor.runc("delete", bundle.id)
    assert not os.path.exists(f"/proc/{pid}") or "Z" in open(f"/proc/{pid}/stat").read()
    assert bundle.traces() == []


def test_start_of_dead_init(moor, bundle):
    pid = bundle.create("sleep", "1000")
    os.kill(pid, signal.SIGKILL)
    status(bundle, "stopped")
    assert "has stopped" in moor.runc("start", bundle.id, code=1).stderr


NO_PROGRAM = [
    (["nosuch"], 'exec: "nosuch": executable file not found in $PATH'),
    (["/nosuch"], 'exec: "/nosuch": stat /nosuch: no such file or directory'),
    (["/etc"], 'exec: "/etc": permission denied'),
    (["/etc/passwd"], 'exec: "/etc/passwd": permission denied'),
    ([""], 'exec: "": executable file not found in $PATH'),
]


@pytest.mark.parametrize("args,text", NO_PROGRAM)
@pytest.mark.parametrize("verb", ["run", "create"])
def test_no_program(bundle, verb, args, text):
    bundle.config["process"]["args"] = args
    log = os.path.join(bundle.path, "log")
    bundle.write()
    result = bundle.moor.runc("--log", log, "--log-format", "json", verb, "--bundle", bundle.path, bundle.id, code=1)
    assert text in result.stderr and result.stderr.count("\n") == 1
    record = json.load(open(log))  # the whole file is one object
    assert record["level"] == "error" and text in record["msg"]
    assert record["msg"].startswith(f"runc {verb} failed: unable to start container process: ")
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z$", record["time"])
    assert bundle.traces() == []


def test_not_a_program(bundle):
    with open(os.path.join(bundle.rootfs, "bin", "text"), "w") as file:
        file.write("not a program\n")
    os.chmod(os.path.join(bundle.rootfs, "bin", "text"), 0o755)
    bundle.config["process"]["args"] = ["text"]
    assert "exec format error" in bundle.runc("run", code=1).stderr
    bundle.create("text")
    assert "exec format error" in bundle.moor.runc("start", bundle.id, code=1).stderr


def test_hooks(bundle):
    out = os.path.join(bundle.path, "hooks")
    host = [{"path": "/bin/sh", "args": ["sh", "-c", f"echo $0 $(cat) >> {out}", kind], "env": ["PATH=/bin"]}
            for kind in ("prestart", "createRuntime", "createContainer", "poststart", "poststop")]
    inside = {"path": "/bin/sh", "args": ["sh", "-c", "cat > /tmp/startContainer"], "env": ["PATH=/bin"]}
    bundle.config["hooks"] = {hook["args"][3]: [hook] for hook in host}
    bundle.config["hooks"]["startContainer"] = [inside]
    bundle.runc("run")
    lines = [line.split(" ", 1) for line in open(out).read().splitlines()]
    assert [name for name, _ in lines] == ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
    states = [json.loads(text) for _, text in lines]
    assert [state["status"] for state in states] == ["creating", "creating", "creating", "running", "stopped"]
    assert all(state["id"] == bundle.id and state["bundle"] == bundle.path for state in states)
    assert states[0]["pid"] == states[1]["pid"] == states[3]["pid"] > 1 and states[2]["pid"] == 1
    assert json.load(open(os.path.join(bundle.rootfs, "tmp", "startContainer")))["status"] == "created"


def test_failing_hook(bundle):
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", "echo why >&2; exit 3"]}]}
    stderr = bundle.runc("run", code=1).stderr
    assert "error running createRuntime hook #0: exit status 3" in stderr and "why" in stderr
    bundle.config["hooks"]["createRuntime"][0].update({"args": ["sh", "-c", "sleep 100"], "timeout": 1})
    assert "ran past specified timeout" in bundle.runc("run", code=1, timeout=20).stderr
    assert bundle.traces() == []


def test_console_socket(bundle):
    path = os.path.join(bundle.path, "console")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        bundle.config["process"].update({"terminal": True, "consoleSize": {"height": 33, "width": 77},
                                         "args": ["sh", "-c", "tty; stty size; stat -c %t /dev/console; exec cat"]})
        bundle.runc("create", "--console-socket", path)
        connection, _ = listener.accept()
        with connection:
            text, fds, _, _ = socket.recv_fds(connection, 4096, 4)
        assert len(fds) == 1 and text.startswith(b"/dev/pts/")
    bundle.moor.runc("start", bundle.id)
    output = b""
    while output.count(b"\n") < 3:
        output += os.read(fds[0], 4096)
    assert output.split() == [b"/dev/pts/0", b"33", b"77", b"88"]
    os.close(fds[0])


@pytest.mark.parametrize("typed", ["", "echo h''i\n"])
def test_a_shell_ends_with_stdin(bundle, typed):
    """stdin ends before the shell makes its terminal raw, or while it does, or after."""
    bundle.config["process"].update({"terminal": True, "args": ["sh"]})
    for _ in range(5):
        ran = bundle.runc("run", input=typed, timeout=30)
        assert "hi\n" in ran.stdout if typed else "#" in ran.stdout


def test_terminal_needs_socket(bundle):
    bundle.config["process"]["terminal"] = True
    assert "without setting console socket" in bundle.runc("create", code=1).stderr


def test_killed_create_leaves_nothing_that_delete_cannot_find(bundle):
    bundle.config["process"]["args"] = ["sleep", "1000"]
    bundle.write()
    program = bundle.moor.runc("--version").args[0]
    for step in range(30):
        process = subprocess.Popen([program, "--root", os.path.join(bundle.moor.run_dir, "runc"), "create",
                                    "--bundle", bundle.path, bundle.id], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + step * 0.0004  # another moment of its 10 ms each time
        while time.monotonic() < end:
            pass
        process.kill()
        process.wait()
        bundle.moor.runc("delete", "--force", bundle.id)
        wait_until(lambda: bundle.traces() == [], f"nothing left after a kill in step {step}")


def test_without_control_groups(moor, bundle):
    """crun's --cgroup-manager disabled, for podman's --cgroups disabled: it stays where the caller is."""
    bundle.config["process"]["args"] = ["sh", "-c", "ls /sys/fs/cgroup; while :; do sleep 1; done"]
    bundle.write()
    moor.runc("--cgroup-manager", "disabled", "run", "--detach", "--bundle", bundle.path, bundle.id, **bundles.QUIET)
    with open(f"/proc/{bundle.state()['pid']}/cgroup") as theirs, open("/proc/self/cgroup") as ours:
        assert theirs.read() == ours.read()
    assert moor.runc("exec", bundle.id, "ls", "/sys/fs/cgroup").stdout == ""
    assert "cgroup" in moor.runc("pause", bundle.id, code=1).stderr
    moor.runc("delete", "--force", bundle.id)
    assert bundle.traces() == []
    bundle.config["linux"]["resources"]["pids"] = {"limit": 10}
    bundle.write()
    refused = moor.runc("--cgroup-manager", "disabled", "run", "--bundle", bundle.path, bundle.id, code=1).stderr
    assert "linux.resources: limits need control groups" in refused


def test_bad_ids(moor, bundle):
    for name in ("", ".", "..", "a/b", "a b", "a\nb", "x" * 300):
        stderr = moor.runc("state", name, code=1).stderr
        assert "container id" in stderr.lower() or "container ID" in stderr


def test_command_line(moor, bundle):
    assert moor.runc("--version").stdout.startswith("mooring-runc version ")
    assert moor.runc("--help").stdout.startswith("NAME:")
    assert "cgroupfs, systemd or disabled" in moor.runc("--cgroup-manager=x", "run", "x", code=1).stderr
    assert "Incorrect Usage" in moor.runc("run", "--moon", "x", code=1).stdout
    assert "requires exactly 1" in moor.runc("state", code=1).stderr
    assert "config.json not found" in moor.runc("run", "--bundle", moor.directory, "x", code=1).stderr
    moor.runc("nosuch", code=3)


def test_rootless(bundle):
    """Without root: spec --rootless, run; CVE-2023-25809: the host's cgroups stay read-only."""
    def drop():
        os.setgroups([])
        os.setresgid(1234, 1234, 1234)
        os.setresuid(1234, 1234, 1234)

    program = bundle.moor.runc("--version").args[0]
    with tempfile.TemporaryDirectory(dir="/tmp") as home:  # which the user can reach
        shutil.copytree(bundle.rootfs, home + "/rootfs", symlinks=True)
        shutil.copy(program, home + "/mooring-runc")
        subprocess.run(["chown", "-R", "1234:1234", home], check=True)
        options = dict(preexec_fn=drop, env={"XDG_RUNTIME_DIR": home, "PATH": "/bin", "MOORING_RUN": ""}, cwd=home)
        bundle.moor.run(home + "/mooring-runc", "spec", "--rootless", **options)
        with open(home + "/config.json") as file:
            config = json.load(file)
        config["process"].update({"terminal": False, "args": ["sh", "-c", "id -u; cat /proc/self/uid_map;"
                                  "touch /sys/fs/cgroup/x 2>&1; grep ' /sys' /proc/mounts"]})
        with open(home + "/config.json", "w") as file:
            json.dump(config, file)
        out = bundle.moor.run(home + "/mooring-runc", "run", bundle.id, **options).stdout.splitlines()
        assert out[0] == "0" and out[1].split() == ["0", "1234", "1"] and "Read-only" in out[2]
        assert all(line.split()[3].startswith("ro") for line in out[3:])
        assert os.listdir(home + "/mooring/runc") == []


def test_default_root(moor, bundle):
    """Without --root and MOORING_RUN the state is below /run, here one of the test's own."""
    bundle.config["process"]["args"] = ["echo", "hello"]
    bundle.write()
    program = moor.runc("--version").args[0]
    script = 'mount -t tmpfs tmpfs /run && unset MOORING_RUN && "$0" run --bundle "$1" "$2"; ls -R /run'
    out = moor.run("unshare", "--mount", "sh", "-c", script, program, bundle.path, bundle.id).stdout
    assert out == "hello\n/run:\nmooring\n\n/run/mooring:\nrunc\n\n/run/mooring/runc:\n"


def test_spec(moor, bundle):
    os.remove(os.path.join(bundle.path, "config.json")) if os.path.exists(
        os.path.join(bundle.path, "config.json")) else None
    moor.runc("spec", "--bundle", bundle.path)
    assert "Remove it first" in moor.runc("spec", "--bundle", bundle.path, code=1).stderr
    bundle.config = json.load(open(os.path.join(bundle.path, "config.json")))
    bundle.config["process"].update({"terminal": False, "args": ["echo", "hello"]})
    assert bundle.runc("run").stdout == "hello\n"
