# SPDX-License-Identifier: Apache-2.0
"""OCI bundles that every runtime is measured on: what docker hands to its runtime, and a minimal one."""

import copy
import json
import os
import shutil

BUSYBOX = "/bin/busybox"  # Debian's busybox-static
CASES = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "cases")

CAPABILITIES = ["CAP_" + name for name in (
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP "
    "NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE").split()]
DEVICES = [(1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1)]
SAFE = ["nosuid", "noexec", "nodev"]


def mount(destination, kind, source, *options):
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def docker_config(top):
    """As `docker run --memory 256m --cpus 1 --pids-limit 100` has it, on cgroup v1."""
    with open(os.path.join(CASES, "seccomp", "docker-20.10.json")) as file:
        seccomp = json.load(file)
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": 0, "gid": 0}, "args": ["/bin/true"], "env": ["PATH=/bin"], "cwd": "/",
            "capabilities": {name: CAPABILITIES for name in ("bounding", "effective", "permitted")},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024}],
        },
        "root": {"path": os.path.join(top, "rootfs")},
        "hostname": "bench",
        "mounts": [
            mount("/proc", "proc", "proc", *SAFE),
            mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
            mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance",
                  "ptmxmode=0666", "mode=0620", "gid=5"),
            mount("/sys", "sysfs", "sysfs", *SAFE, "ro"),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro", *SAFE),
            mount("/dev/mqueue", "mqueue", "mqueue", *SAFE),
            mount("/dev/shm", "tmpfs", "shm", *SAFE, "mode=1777", "size=67108864"),
        ] + [mount("/etc/" + name, "bind", os.path.join(top, "etc", name), "rbind", "rprivate")
             for name in ("resolv.conf", "hostname", "hosts")],
        "linux": {
            "sysctl": {"net.ipv4.ip_unprivileged_port_start": "0",
                       "net.ipv4.ping_group_range": "0 2147483647"},
            "resources": {
                "devices": [{"allow": False, "access": "rwm"}] + [
                    {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
                    for major, minor in DEVICES],
                "memory": {"limit": 256 << 20, "swap": 512 << 20},
                "cpu": {"quota": 100000, "period": 100000},
                "pids": {"limit": 100},
            },
            "namespaces": [{"type": name} for name in ("mount", "network", "uts", "pid", "ipc")],
            "maskedPaths": ["/proc/" + name for name in (
                "asound acpi kcore keys latency_stats timer_list timer_stats sched_debug "
                "scsi").split()] + ["/sys/firmware"],
            "readonlyPaths": ["/proc/" + name for name in "bus fs irq sys sysrq-trigger".split()],
            "seccomp": seccomp,
        },
    }


def without_seccomp(config):
    config = copy.deepcopy(config)
    del config["linux"]["seccomp"]
    return config


def minimal(config):
    """Four namespaces, /proc and /dev; no limits, no filter."""
    config = without_seccomp(config)
    for key in ("sysctl", "resources", "maskedPaths", "readonlyPaths"):
        del config["linux"][key]
    del config["process"]["rlimits"]
    config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"]
                                     if one["type"] != "network"]
    config["mounts"] = [one for one in config["mounts"] if one["destination"] in ("/proc", "/dev")]
    return config


def sleeping(config):
    config = copy.deepcopy(config)
    config["process"]["args"] = ["/bin/sleep", "1000"]
    return config


def make_all(top):
    """Writes the bundles below `top` and returns name → directory. All share one root."""
    for name in ("bin", "etc", "proc", "sys", "dev", "tmp"):
        os.makedirs(os.path.join(top, "rootfs", name))
    shutil.copy(BUSYBOX, os.path.join(top, "rootfs", "bin", "busybox"))
    for applet in ("true", "sleep", "sh", "cat"):
        os.symlink("busybox", os.path.join(top, "rootfs", "bin", applet))
    os.makedirs(os.path.join(top, "etc"))
    for name in ("resolv.conf", "hostname", "hosts"):
        for directory in (os.path.join(top, "etc"), os.path.join(top, "rootfs", "etc")):
            with open(os.path.join(directory, name), "w") as file:
                file.write("# bench\n")
    docker = docker_config(top)
    configs = {"docker": docker, "nosec": without_seccomp(docker), "minimal": minimal(docker),
               "sleep": sleeping(docker)}
    bundles = {}
    for name, config in configs.items():
        bundles[name] = os.path.join(top, name)
        os.makedirs(bundles[name])
        with open(os.path.join(bundles[name], "config.json"), "w") as file:
            json.dump(config, file)
    return bundles
