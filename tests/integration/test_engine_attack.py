# SPDX-License-Identifier: Apache-2.0
"""Images and containers that mean harm to `docker run`, and commands that end in the middle of it.
The canary is a file of the host that none of them may read or change."""

import errno
import glob
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tarfile
import threading

import pytest

import world
from attack import Swapper
from image_archives import entry, link, tar
from world import wait_until


@pytest.fixture
def canary(tmp_path):
    path = tmp_path / "canary"
    path.write_text("canary\n")
    path.chmod(0o600)
    yield path
    assert path.read_text() == "canary\n"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.stat().st_uid == 0


@pytest.fixture
def load(moor):
    """Loads busybox with more layers on it, and a configuration, as evil:1."""
    def load(*layers, code=0, **config):
        path = os.path.join(moor.directory, "evil.tar")
        world.Image([world.busybox_layer(), *layers], **config).save(path, "evil:1")
        return moor.docker("load", "-q", "-i", path, code=code)
    return load


@pytest.fixture
def run(moor):
    def run(script, *options, **how):
        return moor.docker("run", "--rm", "--network", "none", *options, "evil:1", "sh", "-c",
                           script, **how)
    return run


def kept(moor):
    """What the store has of containers."""
    return [name for directory in ("containers", "names", "volumes")
            if os.path.isdir(os.path.join(moor.root, directory))
            for name in os.listdir(os.path.join(moor.root, directory)) if name != ".lock"]


@pytest.mark.parametrize("key,value", [("Interval", 1), ("Interval", -1), ("Timeout", 999999), ("StartInterval", -1 << 63)])
def test_health_check_without_a_pause(load, moor, run, key, value):
    """What docker refuses of options is refused of an image: the monitor would start one after the other."""
    load(Healthcheck={"Test": ["CMD", "true"], key: value})
    assert f"{key} in Healthcheck cannot be less than 1ms" in run("true", code=125).stderr
    assert kept(moor) == []
    run("true", "--no-healthcheck")


def test_filters_that_grow(moor, busybox):
    """A counted repetition of counted repetitions would take all memory: such an expression is none, and finds nothing."""
    moor.docker("create", "--name", "aa", busybox, "true")
    for pattern in "((a{1,255}){1,255}){1,255}", "((((a{9}){9}){9}){9}){9}", "(" * 30 + "a" + "+)" * 30:
        assert moor.docker("ps", "-aq", "--filter", f"name={pattern}").stdout == ""
        assert moor.docker("volume", "ls", "-q", "--filter", f"name={pattern}").stdout == ""
    assert moor.docker("ps", "-aq", "--filter", "name=^a{2}$").stdout
    moor.docker("rm", "aa")


def test_ghsa_6fw5_f8r9_fgfm_what_others_do_is_not_told(moor, load, run):
    """Counts of interrupts, and of how often a processor was too hot, tell of the host's keys and passwords."""
    sensors = glob.glob("/sys/devices/system/cpu/cpu[0-9]*/thermal_throttle")
    load()
    assert run("cat /proc/interrupts; for each in /sys/devices/system/cpu/cpu*/thermal_throttle/*; do test ! -e $each || echo $each; done").stdout == ""
    assert "CPU0" in run("cat /proc/interrupts", "--security-opt", "systempaths=unconfined").stdout
    moor.docker("create", "--name", "masked", "evil:1", "true")
    masked = json.loads(moor.docker("inspect", "-f", "{{json .HostConfig.MaskedPaths}}", "masked").stdout)
    moor.docker("rm", "masked")
    assert {"/proc/interrupts", *sensors} <= set(masked)


# -- files of the image that we read, or mount on --------------------------------------------------

@pytest.mark.parametrize("name", ["hosts", "resolv.conf", "hostname"])
@pytest.mark.parametrize("target", ["{canary}", "../../../../../..{canary}", "/proc/self/fd/3",
                                    "../run/systemd/resolve/stub-resolv.conf"])
def test_links_where_our_files_go(moor, load, run, canary, name, target):
    """As with docker the link goes; buildroot and others do have /etc/resolv.conf as a link."""
    load(tar(link("etc/" + name, target.format(canary=canary))))
    done = run(f"test ! -L /etc/{name} && cat /etc/{name}; echo x >>/etc/{name}; ls /tmp")
    assert done.stderr == ""
    assert done.stdout and "canary" not in done.stdout
    assert kept(moor) == []


@pytest.mark.parametrize("name", ["hosts", "resolv.conf"])
def test_links_in_a_read_only_root(load, run, canary, name):
    load(tar(link("etc/" + name, str(canary))))
    assert "canary" not in run(f"cat /etc/{name}", "--read-only").stdout


def test_etc_that_leads_out(load, run, canary):
    """As with docker: what the link leads to is made below the container's root."""
    load(tar(entry(".wh.etc", b"")), tar(link("etc", str(canary.parent))))
    assert run(f"cd {canary.parent} && echo *").stdout == "hostname hosts resolv.conf\n"
    assert sorted(os.listdir(canary.parent)) == ["canary", "config", "evil.tar", "root", "run"]


@pytest.mark.parametrize("special", [
    entry("etc/passwd", type=tarfile.FIFOTYPE), entry("etc/passwd"),
    entry("etc/passwd", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    entry("etc/passwd", type=tarfile.CHRTYPE, devmajor=200, devminor=200)], ids=["fifo", "dir", "zero", "none"])
def test_passwd_that_is_no_file(load, run, special):
    """CVE-2024-9676: none of these may be waited for, or read without end. A device is not even opened: the kernel
    would say that there is none. Who comes by number needs no file."""
    load(tar(special))
    assert run("echo hi").stdout == run("echo hi", "-u", "1000:29").stdout == "hi\n"
    assert "unable to find user user: /etc/passwd is not a regular file" in run("true", "-u", "user", code=125).stderr


@pytest.mark.parametrize("target", ["/etc/shadow", "{canary}", "/proc/self/environ"])
def test_passwd_that_leads_out(load, run, canary, target):
    (canary.parent / "evil-passwd").write_text("evil:x:7:7::/:/bin/sh\n")
    for wanted in (target.format(canary=canary), str(canary.parent / "evil-passwd")):
        load(tar(link("etc/passwd", wanted)), User="evil")
        assert "unable to find user evil" in run("id", code=125).stderr
    os.unlink(canary.parent / "evil-passwd")


def test_passwd_of_a_gigabyte(load, run):
    """CVE-2026-47262: more than a table of accounts can be is not read."""
    load(tar(entry("etc/passwd", b"#" * (5 << 20))))
    assert "unable to find user user: /etc/passwd is larger than " in run("true", "-u", "user", code=125).stderr
    assert run("echo hi").stdout == "hi\n"


def test_accounts_that_lead_into_procfs(moor, load):
    """A container's /proc is read with the host's rights, were it read: /proc/kmsg is the host's log, and empties. The
    name of its first program stands for that: it makes a fine line of both tables. A mounted table is one."""
    load()
    table = os.path.join(moor.directory, "passwd")
    pathlib.Path(table).write_text("good:x:5:6::/:/bin/sh\n")
    for name, *options in (("links",), ("mounted", "-v", f"{table}:/etc/passwd:ro")):
        moor.docker("run", "-d", "--name", name, "--network", "none", *options, "evil:1", "sh", "-c",
                    "printf evil:x:7:7::/ >/proc/self/comm; ln -sf /proc/1/comm /etc/group;"
                    "ln -sf /proc/1/comm /etc/passwd; echo ready; while :; do sleep 1000; done")
        wait_until(lambda: "ready" in moor.docker("logs", name).stdout, "the links")
    assert moor.docker("exec", "links", "cat", "/etc/group").stdout.strip() == "evil:x:7:7::/"
    for user, file in (("evil", "user evil: /etc/passwd"), ("5:evil", "group evil: /etc/group")):
        refused = moor.docker("exec", "-u", user, "links", "true", code=126)
        assert f"unable to find {file} is no stored file" in refused.stdout
    for user in ("5", "root", "0:6"):
        moor.docker("exec", "-u", user, "links", "true")
    assert moor.docker("exec", "mounted", "cat", "/etc/passwd").stdout == "good:x:5:6::/:/bin/sh\n"
    assert moor.docker("exec", "-u", "good", "mounted", "id", "-u").stdout == "5\n"


@pytest.mark.parametrize("user", ["4294967296", "2147483648", "-1", "0:4294967297", "../../root",
                                  "18446744073709551616"])
def test_users_out_of_range(load, run, user):
    """CVE-2024-40635"""
    load(User=user)
    assert "id" not in run("id", code=125).stdout


@pytest.mark.parametrize("workdir", ["/proc/self/fd/3", "/proc/self/fd/8", "/proc/self/cwd",
                                     "/proc/1/root", "/link", "../../..", "/link/new"])
def test_working_directories_that_lead_out(moor, load, run, canary, workdir):
    """CVE-2024-21626"""
    load(tar(link("link", str(canary.parent))), WorkingDir=workdir)
    done = run("cat canary; cat ../canary ../../canary ../../../../../../../../.." + str(canary),
               code=None)
    assert "canary\n" not in done.stdout
    assert done.returncode in (1, 125)
    assert "new" not in os.listdir(canary.parent)
    assert kept(moor) == []


@pytest.mark.parametrize("volume, code", [("/", 125), ("../x", 125), ("rel/../../x", 125), ("/proc", 125), ("/proc/self", 125),
                                          ("/proc/self/fd/3", 125), ("/etc/passwd", 125), ("/dev", 127)])
def test_volumes_that_lead_out(moor, load, run, canary, volume, code):
    """CVE-2022-23648"""
    load(Volumes={volume: {}})
    refused = run("true", code=code)
    assert refused.stderr.startswith("docker: Error response from daemon: ")
    assert kept(moor) == []


@pytest.mark.parametrize("below", ["", "/x"])
def test_volumes_behind_links_stay_inside(moor, load, run, canary, below):
    """As with docker: what the link leads to is made below the container's root."""
    load(tar(link("link", str(canary.parent))), Volumes={"/link" + below: {}})
    before = sorted(os.listdir(canary.parent))
    done = run(f"grep -c ' {canary.parent}{below} ' /proc/self/mountinfo; cd /link{below} && touch new && echo *; cat /link/canary", code=1)
    assert done.stdout == "1\nnew\n"
    assert sorted(os.listdir(canary.parent)) == before
    assert kept(moor) == []


def test_a_volume_takes_no_more_than_the_image_has(load, run, canary):
    """Copying up: links stay links, devices stay away, holes stay holes."""
    sparse = entry("v/holes", b"x" * 10)[0]
    sparse.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1",
                          "GNU.sparse.size": str(1 << 33), "GNU.sparse.numblocks": "1",
                          "GNU.sparse.map": f"{1 << 32},10", "GNU.sparse.name": "v/holes"}
    load(tar(entry("v/d/disk", type=tarfile.BLKTYPE, devmajor=8, devminor=0),
             entry("v/s", b"x", mode=0o4755), link("v/l", str(canary)), entry("v/f", b"data" * 5000),
             entry("v/p", type=tarfile.FIFOTYPE, mode=0o622), (sparse, b"x" * 10)),
         Volumes={"/v": {}})
    done = run("cd /v; ls d; stat -c '%A %s %n' s p l f holes; test $(stat -c %b holes) -lt 1000 && echo few")
    assert done.stdout.splitlines() == [
        "-rwsr-xr-x 1 s", "prw--w--w- 0 p", f"lrwxrwxrwx {len(str(canary))} l",
        "-rw-r--r-- 20000 f", f"-rw-r--r-- {1 << 33} holes", "few"]


@pytest.mark.parametrize("kind", ["link", "file"])
def test_a_volume_that_changes_while_it_is_filled(moor, load, run, canary, kind):
    """Somebody else who has the volume replaces what was just copied by a link, or by a program of his own: the
    link's target keeps its mode, the program its owner and mode. strace holds our program where it matters."""
    load(tar(entry("v/victim", b"x", mode=0o4777)))
    moor.docker("volume", "create", "shared")
    place = os.path.join(moor.root, "volumes", "shared", "_data", "victim")
    own = os.path.join(moor.root, "own")
    if kind == "link":
        os.symlink(canary, own)
    else:
        shutil.copy("/bin/true", own)
        os.chown(own, 54321, 54321)
    before = os.lstat(own)
    is_over = threading.Event()

    def swap():
        while not is_over.is_set():
            if os.path.lexists(place):
                os.rename(own, place)
                return
            is_over.wait(0.002)
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        moor.run("strace", "-qq", "-f", "-o", "/dev/null", "-e", "trace=fchownat,?chown",
                 "-e", "inject=fchownat,?chown:delay_enter=300000", os.path.join(moor.names, "docker"),
                 "run", "--rm", "--network", "none", "-v", "shared:/v", "evil:1", "true", code=None)
    finally:
        is_over.set()
        swapper.join()
    after = os.lstat(place)
    assert (after.st_ino, after.st_uid, after.st_gid, after.st_mode) == (before.st_ino, before.st_uid, before.st_gid, before.st_mode)
    moor.docker("volume", "rm", "shared")


def test_cve_2021_41091_strangers_cannot_use_what_a_volume_holds(moor, busybox):
    """A container can leave a set-uid program in its volume, and agree with a user of the machine."""
    moor.docker("run", "--rm", "--network", "none", "-v", "named:/v", "-v", "/anonymous", busybox, "sh", "-c",
                "cat /bin/busybox > /v/evil; busybox chmod 4755 /v/evil")
    program = os.path.join(moor.root, "volumes", "named", "_data", "evil")
    assert os.stat(program).st_mode & stat.S_ISUID
    for directory in pathlib.Path(program).parents:
        if str(directory) == moor.root:
            break
        if not directory.stat().st_mode & 0o001:
            return
    raise AssertionError(f"others may execute {program}")


# -- numbers and words of the image ----------------------------------------------------------------

@pytest.mark.parametrize("config,text", [
    ({"StopSignal": "BOGUS"}, "Invalid signal: BOGUS"), ({"StopSignal": "0"}, "Invalid signal: 0"),
    ({"StopTimeout": 1 << 62}, "invalid stop timeout"),
    ({"Volumes": {f"/v{i}": {} for i in range(2000)}}, "more than 1024 mounts"),
])
def test_values_the_monitor_would_not_take(moor, load, run, config, text):
    load(**config)
    refused = run("true", code=125)
    assert refused.stderr.startswith("docker: Error response from daemon: ") and text in refused.stderr
    assert kept(moor) == []


@pytest.mark.parametrize("key,value", [
    ("Labels", {f"l{i}": "" for i in range(20000)}), ("Env", [f"l{i}=1" for i in range(20000)]),
    ("Volumes", {f"/v{i}": {} for i in range(20000)})])
def test_more_than_is_of_use(load, key, value):
    """They are compared with each other: without a limit that takes minutes."""
    assert f"config.{key} has 20000 entries" in load(code=1, **{key: value}).stderr


def test_a_label_cannot_speak_to_the_terminal(moor, load, run):
    load(Labels={"a\x1b]0;x\x07": "\x1b[31m\n", "b": "c"})
    run("true")
    assert json.loads(moor.docker("image", "inspect", "evil:1").stdout)[0]["Config"]["Labels"]["b"] == "c"


def test_an_archive_cannot_take_the_place_of_an_id(moor, load, tmp_path):
    """CVE-2026-50195: a repository "sha256" with a tag of 64 digits reads like another's ID."""
    load()
    good = moor.docker("images", "-q", "--no-trunc", "evil:1").stdout.strip()
    other = world.Image([world.busybox_layer(), tar(entry("other", b""))])
    for name in (good, good[:20]):
        path = other.save(tmp_path / "evil.tar", name)
        assert "looks like an image's ID" in moor.docker("load", "-i", path, code=1).stderr
        assert "ambiguous tag" in moor.docker("tag", "evil:1", name, code=1).stderr
    assert "other" not in moor.docker("run", "--rm", "--network", "none", good, "ls", "/").stdout
    many = other.save(tmp_path / "evil.tar", *(f"t:{i}" for i in range(2000)))
    assert "more than 1024 names" in moor.docker("load", "-i", many, code=1).stderr


# -- what a container can reach --------------------------------------------------------------------

def test_no_way_out_through_proc_and_sys(moor, load, run):
    load()
    done = run("""
        for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/panic_on_oom \
                 /sys/kernel/uevent_helper /sys/kernel/mm/ksm/run; do
            (echo 0 >$f) 2>/dev/null && echo written $f
        done
        for f in $(find /sys/fs/cgroup -name release_agent -o -name notify_on_release); do
            (echo 1 >$f) 2>/dev/null && echo written $f
        done
        mkdir /sys/fs/cgroup/*/x /sys/fs/cgroup/x 2>/dev/null && echo made a cgroup
        mount -t proc proc /tmp 2>/dev/null && echo mounted
        mount -o remount,rw /sys 2>/dev/null && echo remounted
        ls /proc/self/fd | grep -v '^[0123]$'
        ls -l /proc/1/fd | grep -E 'root/|\\.json|canary'
        exit 0""")
    assert done.stdout == ""


def program_of_32_bits(family):
    """An executable for 32-bit PCs: asks by socketcall(2) for a socket of the family, and exits with the errno."""
    base, head = 0x08048000, 52 + 32
    code = bytes([0xb8, 102, 0, 0, 0, 0xbb, 1, 0, 0, 0, 0xb9]) + struct.pack("<I", base + head + 32)
    code += bytes([0xcd, 0x80, 0x89, 0xc3, 0xf7, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80])
    body = code.ljust(32, b"\x90") + struct.pack("<III", family, socket.SOCK_STREAM if family != socket.AF_ALG else socket.SOCK_SEQPACKET, 0)
    return (b"\x7fELF\1\1\1".ljust(16, b"\0") + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + head, 52, 0, 0, 52, 32, 1, 0, 0, 0)
            + struct.pack("<IIIIIIII", 1, 0, base, base, head + len(body), head + len(body), 7, 4096) + body)


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="other machines have no socketcall")
@pytest.mark.parametrize("options,groups", [((), "0"), (("-u", "1234"), "0"), (("-u", "12:34", "--group-add", "7"), "7 34")])
def test_cve_2022_36109_the_own_group_is_among_the_others(moor, load, run, options, groups):
    """Else a program could leave it, and be let in where the group is shut out (mode 0705)."""
    load()
    assert run("busybox grep Groups /proc/self/status", *options).stdout.split(None, 1)[1].strip() == groups
    moor.docker("run", "-d", "--name", "g", "--network", "none", *options, "evil:1", "sleep", "60")
    assert moor.docker("exec", "g", "busybox", "grep", "Groups", "/proc/self/status").stdout.split(None, 1)[1].strip() == groups
    moor.docker("rm", "-f", "g")


def test_cve_2026_31431_no_way_around_by_socketcall(moor, tmp_path):
    """What 64 bits may not have (AF_ALG, AF_VSOCK) a program gets by the 32 bits' call neither; images for 32 bits keep it,
    as they have no other for any family."""
    families = {"alg": socket.AF_ALG, "vsock": socket.AF_VSOCK, "unix": socket.AF_UNIX}
    image = world.Image([world.busybox_layer(), tar(*[entry(name, program_of_32_bits(family), mode=0o755)
                                                      for name, family in families.items()])])
    for architecture in ("amd64", "386"):
        image.config = json.dumps({**json.loads(image.config), "architecture": architecture}).encode()
        image.id = world.sha256(image.config)
        moor.docker("load", "-i", image.save(tmp_path / "image.tar", f"bits:{architecture}"))
    def told(name, tag, *options):
        return moor.docker("run", "--rm", "--network", "none", *options, f"bits:{tag}", f"/{name}", code=None)
    if "exec format error" in told("unix", "386", "--security-opt", "seccomp=unconfined").stderr:
        pytest.skip("this kernel runs no programs for 32 bits")
    assert {told(name, "amd64").returncode for name in families} == {errno.ENOSYS}
    assert errno.ENOSYS not in {told(name, "386").returncode for name in families}
    assert told("unix", "386").returncode > 200  # a descriptor, negated


def test_no_descriptor_of_ours_is_left(load, run):
    """3 is the directory that ls itself reads."""
    load()
    assert run("ls /proc/self/fd").stdout.split() == ["0", "1", "2", "3"]
    assert run("ls -l /proc/self/fd/0").stdout.rstrip().endswith("/dev/null")


def test_devices_are_refused(load, run):
    """A layer's node, and one that the container makes itself: the cgroup says no."""
    load(tar(entry("mem", type=tarfile.CHRTYPE, devmajor=1, devminor=1, mode=0o666)))
    script = """
        busybox mknod /tmp/k c 1 2
        for node in /mem /tmp/k; do (busybox head -c1 $node) 2>/dev/null && echo read $node; done
        exit 0"""
    assert run(script).stdout == ""


def test_a_profile_is_settled_when_the_container_is_made(moor, busybox, tmp_path):
    """Not what lies under that name where, or when, somebody starts it again or runs a program in it."""
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    (tmp_path / "p.json").write_text(json.dumps(profile, indent=1))
    moor.docker("run", "-d", "--name", "c", "--network", "none", "--security-opt", "seccomp=p.json", busybox, "sleep", "1000",
                cwd=tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "p.json").write_text('{"defaultAction": "SCMP_ACT_ALLOW"}')
    (tmp_path / "p.json").unlink()
    for where in (other, "/"):
        moor.docker("restart", "-t", "0", "c", cwd=where)
        assert "not permitted" in moor.docker("exec", "c", "mkdir", "/new", cwd=where, code=1).stderr
    shown = json.loads(moor.docker("inspect", "-f", "{{json .HostConfig.SecurityOpt}}", "c").stdout)
    assert [json.loads(option.removeprefix("seccomp=")) for option in shown] == [profile]
    missing = moor.docker("run", "--rm", "--security-opt", "seccomp=p.json", busybox, "true", cwd=tmp_path, code=125).stderr
    assert "opening seccomp profile (p.json) failed: open p.json: no such file or directory" in missing
    open_paths = moor.docker("run", "--rm", "--security-opt", "systempaths=unconfine", busybox, "true", code=125).stderr
    assert 'invalid --security-opt 2: "systempaths=unconfine"' in open_paths


def test_a_profile_in_dockers_format(moor, busybox, tmp_path):
    """Rules that hold for some capabilities only, and for one call; what means two things is refused."""
    def run(rule, *options, code=0, only=None, **more):
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", **rule}], **more}
        profile = profile if only is None else {key: profile[key] for key in only}
        (tmp_path / "p.json").write_text(json.dumps(profile))
        return moor.docker("run", "--rm", "--network", "none", "--security-opt", f"seccomp={tmp_path}/p.json", *options,
                           busybox, "mkdir", "/new", code=code).stderr

    calls = {"names": ["mkdir", "mkdirat"]}
    without = {**calls, "excludes": {"caps": ["CAP_NET_ADMIN"]}}
    assert "not permitted" in run(without, code=1) and run(without, "--cap-add", "NET_ADMIN") == ""
    with_it = {**calls, "includes": {"caps": ["CAP_NET_ADMIN"]}}
    assert "not permitted" in run(with_it, "--cap-add", "NET_ADMIN", code=1) and run(with_it) == ""
    assert "not permitted" in run({"name": "mkdir" if os.uname().machine == "x86_64" else "mkdirat"}, code=1)
    assert "use either 'name' or 'names'" in run({**calls, "name": "x"}, code=125)
    both = {"architectures": ["SCMP_ARCH_X86"], "archMap": [{"architecture": "SCMP_ARCH_X86"}]}
    assert "use either 'architectures' or 'archMap'" in run(calls, code=125, **both)
    go = {"Action": "SCMP_ACT_ERRNO", "Names": calls["names"]}  # keys of any case, as Go takes them
    assert "not permitted" in run({}, code=1, DEFAULTACTION="SCMP_ACT_ALLOW", Syscalls=[go], only=["Syscalls", "DEFAULTACTION"])
    assert "no defaultAction" in run({}, code=125, only=[])


@pytest.mark.static  # a sanitizer makes calls of its own and waits for them to be allowed
def test_a_profile_that_forbids_every_call(moor, busybox, tmp_path):
    """It forbids to say so, and to leave, too."""
    (tmp_path / "p.json").write_text(json.dumps({"defaultAction": "SCMP_ACT_ERRNO"}))
    end = moor.docker("run", "--rm", "--network", "none", "--security-opt", f"seccomp={tmp_path}/p.json", busybox, "true",
                      code=128 + signal.SIGILL)
    assert end.stderr == ""
    assert moor.docker("ps", "-aq").stdout == ""


def test_privileged_is_what_docker_makes_of_it(load, run):
    load()
    script = "grep -E 'CapEff|Seccomp:' /proc/self/status; mount -t tmpfs t /tmp && echo mounted"
    plain = run(script, code=1).stdout.split()
    mighty = run(script, "--privileged").stdout.split()
    assert plain[1] == "00000000a80425fb" and plain[3] == "2"
    assert int(mighty[1], 16) > 1 << 35 and mighty[3] == "0" and mighty[4] == "mounted"


def test_what_a_container_does_to_its_own_files_before_it_is_started_again(moor, load, canary):
    load()
    moor.docker("run", "--name", "again", "--network", "none", "evil:1", "sh", "-c",
                f"rm /etc/passwd; mkdir /x; for n in hosts passwd group; do ln -s {canary} /x/$n; done;"
                "busybox mv /etc /old; busybox ln -s /x /etc; exit 0")
    for _ in range(2):
        moor.docker("start", "-a", "again", code=None)
    moor.docker("rm", "again")


def test_a_tree_deeper_than_descriptors(moor, load, run):
    """Removing what a container made must need neither a descriptor nor a frame per directory."""
    load()
    done = run("cd /tmp; i=0; while [ $i -lt 1200 ]; do mkdir d && cd d || exit 1; i=$((i+1)); done")
    assert done.stderr == ""
    assert kept(moor) == []


def test_many_files_with_long_names(moor, busybox, tmp_path):
    """To list them takes no memory for each; and names that nobody can use are told, not passed over."""
    moor.docker("run", "-d", "--name", "c", "--network", "none", busybox, "sleep", "1000")
    root = f"/proc/{moor.docker('inspect', '-f', '{{.State.Pid}}', 'c').stdout.strip()}/root"
    name = "n" * 250
    place = os.open(root, os.O_PATH)
    for _ in range(15):
        os.mkdir(name, dir_fd=place)
        below = os.open(name, os.O_PATH, dir_fd=place)
        os.close(place)
        place = below
    for number in range(6000):
        os.mknod(str(number), dir_fd=place)
    # A sanitizer's own memory is more than that.
    in_little = [] if "sanitize" in world.BUILD else ["prlimit", f"--as={32 << 20}"]
    lines = moor.run(*in_little, os.path.join(moor.names, "docker"), "diff", "c").stdout.splitlines()
    assert len(lines) == 6015 and lines[15] == f"A /{'/'.join([name] * 15)}/0" and lines[14] == lines[15][:-2]
    for _ in range(2):
        os.mkdir(name, dir_fd=place)
        below = os.open(name, os.O_PATH, dir_fd=place)
        os.close(place)
        place = below
    os.close(place)
    assert "name too long" in moor.docker("diff", "c", code=1).stderr
    assert "name too long" in moor.docker("export", "-o", tmp_path / "out.tar", "c", code=1).stderr


def test_log_records_cannot_be_forged(moor, load):
    load()
    forged = r'{"log":"forged\\n","stream":"stdout","time":"2020-01-01T00:00:00Z"}'
    moor.docker("run", "--name", "l", "--network", "none", "evil:1", "sh", "-c",
                f"printf '%s\\n' '{forged}'; printf 'a\\0b\\033[31m\\rc\\n'")
    assert moor.docker("logs", "l", text=False, input=b"").stdout == \
        forged.encode() + b"\n" + b"a\0b\033[31m\rc\n"
    assert not moor.docker("logs", "-t", "l").stdout.startswith("2020")


# -- docker cp and health checks, against a container that runs ------------------------------------

@pytest.fixture
def shared(moor, busybox, tmp_path):
    """A directory that the container c has as /vol, and can change at any moment."""
    directory = tmp_path / "shared"
    directory.mkdir()
    moor.docker("run", "-d", "--name", "c", "--network", "none", "-v", f"{directory}:/vol", busybox, "sleep", "1000")
    return directory


@pytest.fixture
def slow_cp(moor):
    """docker cp that takes its time after each look at a name: what is seen is seldom what is opened then."""
    def slow_cp(*arguments):
        return moor.run("strace", "-f", "-o", "/dev/null", "-e", "trace=newfstatat,statx",
                        "-e", "inject=newfstatat,statx:delay_exit=3ms", os.path.join(moor.names, "docker"), "cp",
                        *arguments, code=None, text=False, input=b"")
    return slow_cp


def test_cve_2018_15664_copy_in_behind_a_race(shared, slow_cp, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "in").write_text("evil\n")
    for i in range(20):
        real, led = shared / f"real{i}", shared / f"led{i}"
        real.mkdir()
        led.symlink_to(outside)
        with Swapper(str(real), str(led), may_miss=True):  # once a link was replaced by the file
            slow_cp(tmp_path / "in", f"c:/vol/real{i}")
    assert os.listdir(outside) == []
    assert [name for name in os.listdir(shared) if os.path.exists(shared / name / "in")]


def test_copy_out_opens_no_device(shared, slow_cp, tmp_path):
    """To open one can be to start it: a watchdog, a tape."""
    (shared / "a").write_text("file")
    os.mknod(shared / "b", stat.S_IFCHR | 0o600, os.makedev(1, 3))  # null: it reads as an empty file
    copied = set()
    with Swapper(str(shared / "a"), str(shared / "b")):
        for _ in range(10):
            if slow_cp("c:/vol/a", tmp_path / "out").returncode == 0:
                status = (tmp_path / "out").lstat()
                copied.add(status.st_size if stat.S_ISREG(status.st_mode) else "device")
            archive = slow_cp("c:/vol/a", "-").stdout
            if archive[156:157] == b"0":
                copied.add(archive[512:516])
    assert copied <= {4, "device", b"file"}


def test_copy_out_leads_into_no_procfs(moor, shared, tmp_path):
    """What lies there would be read with the host's rights, which the container's programs do not have."""
    for name in ("1", "sys/kernel/random"):
        (shared / os.path.basename(name)).symlink_to("/proc/" + name)
    for target in (tmp_path / "out", "-"):
        assert "comm is no stored file" in moor.docker("cp", "c:/vol/1/comm", target, code=1).stderr
    (tmp_path / "all").mkdir()
    moor.docker("cp", "c:/vol/random/.", tmp_path / "all")
    assert os.listdir(tmp_path / "all") == []
    assert "boot_id" not in moor.docker("cp", "c:/vol/random/.", "-").stdout


def test_a_file_of_nothing_takes_no_room(moor, shared, tmp_path):
    """A container makes a terabyte of zeros in no time; who copies or commits it shall not find the disk full."""
    with open(shared / "huge", "wb") as file:
        file.write(b"begin")
        file.seek(1 << 34)
        file.write(b"middle")
        file.truncate(1 << 40)
    moor.docker("cp", "c:/vol/huge", tmp_path / "out", timeout=20)
    status = os.stat(tmp_path / "out")
    assert status.st_size == 1 << 40 and status.st_blocks < 1 << 10
    with open(tmp_path / "out", "rb") as file:
        assert file.read(6) == b"begin\0" and file.seek((1 << 34) - 1) and file.read(8) == b"\0middle\0"
    moor.docker("exec", "c", "sh", "-c", "echo begin >/sparse; busybox truncate -s 1073741824 /sparse; echo end >>/sparse")
    before = room_taken(moor.root)
    moor.docker("commit", "c", "made:1", timeout=60)
    assert room_taken(moor.root) - before < 16 << 20
    assert moor.docker("run", "--rm", "--network", "none", "made:1", "sh", "-c",
                       "busybox stat -c %s /sparse; busybox head -c 6 /sparse; busybox tail -c 5 /sparse | busybox od -c").stdout.split() == \
        [str((1 << 30) + 4), "begin", "0000000", "\\0", "e", "n", "d", "\\n", "0000005"]


def room_taken(directory):
    return int(subprocess.run(["du", "-s", "-B1", directory], check=True, capture_output=True, text=True).stdout.split()[0])


def test_a_file_that_grows_is_copied_to_an_end(moor, shared, tmp_path):
    """Whoever appends as fast as it is copied does not keep docker cp busy until the disk is full."""
    (shared / "log").write_bytes(b"x" * (1 << 20))
    writer = subprocess.Popen(["/usr/bin/python3", "-c", "import sys, time\nwith open(sys.argv[1], 'ab', 0) as file:\n"
                               "    while True: file.write(b'y' * 4096); time.sleep(0.001)", str(shared / "log")])
    try:
        done = moor.run("strace", "-f", "-o", "/dev/null", "-e", "trace=sendfile,sendfile64", "-e",
                        "inject=sendfile,sendfile64:delay_exit=100ms", os.path.join(moor.names, "docker"), "cp", "c:/vol/log",
                        tmp_path / "out", timeout=10)
    finally:
        writer.kill()
        writer.wait()
    assert done.stderr == "" and os.stat(tmp_path / "out").st_size >= 1 << 20


def take_number(pid):
    """A process with that number, or None if somebody else has it."""
    with open("/proc/sys/kernel/ns_last_pid", "w") as file:
        file.write(str(pid - 1))
    process = subprocess.Popen(["sleep", "1000"])
    if process.pid == pid:
        return process
    process.kill()
    process.wait()
    return None


def test_a_health_check_kills_nobody_else(moor, busybox):
    """The test is over, what it left behind holds its output, its number has become another's."""
    moor.docker("run", "-d", "--name", "c", "--network", "none", "--health-cmd", "busybox setsid sleep 1000 & exit 0",
                "--health-interval", "300ms", "--health-timeout", "1500ms", busybox, "sleep", "1000")
    record = os.path.join(moor.run_dir, "health", moor.docker("ps", "-q", "--no-trunc").stdout.strip() + ".probe.pid")

    def number():
        try:
            with open(record) as file:
                return int(file.read() or 0)
        except FileNotFoundError:
            return 0

    def take_its_number():
        probe = number()
        bystander = take_number(probe) if probe and not os.path.exists(f"/proc/{probe}") else None
        if bystander and number() != probe:  # too late for this one
            bystander.kill()
            bystander.wait()
            return None
        return bystander
    bystander = wait_until(take_its_number, "the number of a test that is over", 60)
    try:
        wait_until(lambda: number() != bystander.pid, "the time to be up")
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


# -- commands that fail or die on the way ----------------------------------------------------------

def test_a_cidfile_that_cannot_be_written_leaves_nothing(moor, load, run):
    load(Volumes={"/v": {}})
    assert "failed to create the container ID file" in \
        run("true", "--cidfile", "/nonexistent/id", code=127).stderr
    assert kept(moor) == []


def test_a_link_as_cidfile(run, load, canary):
    load()
    os.symlink(canary, canary.parent / "id")
    assert "container ID file found" in run("true", "--cidfile", canary.parent / "id", code=125).stderr
    os.unlink(canary.parent / "id")


@pytest.mark.parametrize("milliseconds", range(0, 30, 3))
def test_killed_run_leaves_nothing_that_runs(moor, load, milliseconds):
    """Here the time of the kill is what is tried; all must be well at each."""
    load()
    docker = os.path.join(moor.names, "docker")
    process = subprocess.Popen([docker, "run", "--name", "x", "--network", "none", "--stop-signal", "KILL",
                                "evil:1", "sleep", "60"], env=moor.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.004 + milliseconds / 1000)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_until(lambda: "Up" not in moor.docker("ps", "-a", "--format", "{{.Status}}").stdout,
               "the container to be stopped")
    moor.docker("images")
    ids = moor.docker("ps", "-aq").stdout.split()
    if ids:
        moor.docker("rm", "-f", *ids)
    assert moor.docker("run", "--rm", "--name", "x", "--network", "none", "evil:1", "echo", "ok").stdout == "ok\n"
    assert kept(moor) == []


def remove_cgroups(ids):
    """As a reboot does. False while the kernel still counts somebody in one."""
    for directory, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if any(id in directory for id in ids):
            try:
                os.rmdir(directory)
            except OSError:
                return False
    return True


def test_after_a_reboot(moor, load):
    """/run is empty, the processes are gone; the store still says that they were started."""
    load()
    moor.docker("run", "-d", "--name", "kept", "evil:1", "sleep", "60")
    moor.docker("run", "-d", "--rm", "--name", "brief", "evil:1", "sleep", "60")
    monitors = world.leftovers.processes_naming(moor.root)
    pids = [int(word) for line in monitors for word in line.split()[:2] if word.isdigit()]
    inits = [int(moor.docker("inspect", "-f", "{{.State.Pid}}", name).stdout) for name in ("kept", "brief")]
    for pid in pids + inits:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not moor.leftovers(0), "the processes to be gone")
    ids = os.listdir(os.path.join(moor.root, "containers"))
    wait_until(lambda: remove_cgroups(ids), "the cgroups to be empty")
    subprocess.run(["rm", "-rf", moor.run_dir], check=True)
    assert "Exited" in moor.docker("ps", "-a", "--format", "{{.Status}}", "-f", "name=kept").stdout
    assert moor.docker("start", "kept").stdout == "kept\n"
    assert moor.docker("ps", "--format", "{{.Names}}").stdout == "kept\n"
    moor.docker("run", "--rm", "--name", "brief", "evil:1", "true")
    moor.docker("rm", "-f", "kept")
    assert kept(moor) == []
