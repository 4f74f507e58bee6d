#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kubernetes' critest against Debian's containerd, with mooring-runc or another runtime.

    MOORING_BUILD=build tests/interop/critest.py [RUNTIME [FLAG of critest]…]      (as root)

Not part of `make test-interop`: building critest (600 packages of the Go proxy; Go 1.24 or newer) takes minutes of processor
time. It needs containerd, containernetworking-plugins, busybox-static and gcc. critest's images are made here, of busybox, under
the names that it asks for. What has to be left out: specs about images (they need a registry), AppArmor and SELinux (the
machine has neither), a pod or container that is not there (containerd 1.6 says so), a masked /bin/ls (busybox is one file).
"""

import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "integration"))
import callers  # noqa: E402
import world  # noqa: E402
from image_archives import entry, link, tar  # noqa: E402

MODULE = "sigs.k8s.io/cri-tools/cmd/critest"
VERSION = "v1.34.0"
SKIPPED = ["-ginkgo.skip", "Image Manager|AppArmor|SELinux|Idempotence Stop.*if not found|MaskedPaths"]
SOCKET = "/run/containerd.sock"
PAUSE = "registry.k8s.io/pause:3.6"
E2E = "registry.k8s.io/e2e-test-images/"
STAGING = "gcr.io/k8s-staging-cri-tools/"

CONFIG = """
version = 2
root = "/run/store"
state = "/run/state"
[grpc]
address = "%(socket)s"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "%(pause)s"
restrict_oom_score_adj = true
stream_server_port = "10250"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "%(directory)s/net.d"
[plugins."io.containerd.grpc.v1.cri".containerd]
default_runtime_name = "tried"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tried]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tried.options]
BinaryName = "%(runtime)s"
"""

NETWORK = {"cniVersion": "0.4.0", "name": "critest", "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True,
     "ipam": {"type": "host-local", "dataDir": "/run/ipam", "ranges": [[{"subnet": "10.88.0.0/16"}]],
              "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": True}}]}

# What the real image's program prints.
WHO = '#include <stdio.h>\n#include <unistd.h>\nint main(void) { printf("Effective uid: %d\\n", (int)geteuid()); }\n'

# A web server with nginx's name, words on its command line, and file of its pid.
NGINX = "#!/bin/sh\necho $$ > /var/run/nginx.pid\nhttpd -p ${PORT:-80} -h /www -f &\necho httpd is up\nwait\n"

IMAGES = {
    PAUSE: {"Entrypoint": ["tail", "-f", "/dev/null"]},
    E2E + "busybox:1.29-2": {"Cmd": ["sh"]},
    E2E + "nginx:1.14-2": {"Entrypoint": ["nginx", "nginx: master process"]},
    E2E + "httpd:2.4.39-4": {"Entrypoint": ["nginx", "httpd"]},
    E2E + "nonewprivs:1.3": {"Entrypoint": ["/who"]},
    STAGING + "hostnet-nginx-amd64:latest": {"Entrypoint": ["nginx", "nginx: master process"],
                                             "Env": ["PATH=/usr/sbin:/bin", "PORT=12003"]},
    STAGING + "test-image-predefined-group:latest": {"User": "1000"},
}


def build(directory):
    """critest, in a module of its own; Go checks what it fetches against the public checksums."""
    def go(*arguments):
        subprocess.run(["go", *arguments], cwd=directory, check=True, env={**os.environ, "GOFLAGS": "-mod=mod"})

    go("mod", "init", "critest")
    go("get", f"{MODULE}@{VERSION}")
    go("test", "-c", "-ldflags=-s -w", "-o", "critest", MODULE)


def layer(directory):
    who = os.path.join(directory, "who")
    subprocess.run(["gcc", "-static", "-x", "c", "-o", who, "-"], input=WHO, text=True, check=True)
    with open(world.BUSYBOX, "rb") as file:
        busybox = file.read()
    applets = set(subprocess.check_output([world.BUSYBOX, "--list"], text=True).split()) - {"busybox"}
    ids = {"root": 0, "www-data": 33, "default-user": 1000, "nobody": 65534}
    passwd = "".join(f"{name}:x:{number}:{number}::/:/bin/sh\n" for name, number in ids.items())
    group = "".join(f"{name}:x:{number}:\n" for name, number in ids.items())
    entries = [entry(name) for name in ("bin", "dev", "etc", "proc", "root", "sys", "usr", "usr/sbin", "var", "var/run", "www")]
    entries += [entry("tmp", mode=0o1777), entry("www/index.html", b"hello\n"), entry("etc/passwd", passwd.encode()),
                entry("etc/group", (group + "group-defined-in-image:x:50000:default-user\n").encode())]
    entries += [link(f"bin/{name}", "busybox") for name in sorted(applets)]
    programs = {"bin/busybox": busybox, "usr/sbin/nginx": NGINX.encode(), "bin/pgrep": b"#!/bin/sh\nexec pidof $1\n",
                "bin/ipcs": b"#!/bin/sh\ncat /proc/sysvipc/shm\n"}
    entries += [entry(name, data, mode=0o755) for name, data in programs.items()]
    with open(who, "rb") as file:
        return tar(*entries, entry("who", file.read(), mode=0o4755))


def main():
    runtime = sys.argv[1] if len(sys.argv) > 1 else callers.RUNTIME
    with tempfile.TemporaryDirectory(prefix="critest-") as directory, callers.place("critest") as place:
        build(directory)
        files = layer(directory)
        os.mkdir(directory + "/net.d")
        with open(directory + "/net.d/10.conflist", "w") as file:
            json.dump(NETWORK, file)
        with open(directory + "/config.toml", "w") as file:
            file.write(CONFIG % {"socket": SOCKET, "pause": PAUSE, "directory": directory, "runtime": runtime})
        place.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet")
        ctr = ["ctr", "--address", SOCKET, "--namespace", "k8s.io"]
        with place.daemon("containerd", "--config", directory + "/config.toml", log=directory + "/log", ready=[*ctr, "version"]):
            for name, config in IMAGES.items():
                archive = world.Image([files], **{"Env": ["PATH=/usr/sbin:/bin"], "Cmd": [], **config})
                place.run(*ctr, "image", "import", archive.save(directory + "/image.tar", name))
            flags = sys.argv[2:] or SKIPPED
            tests = place.start("sh", "-c", 'cd /tmp && exec "$@"', "sh", directory + "/critest", "-runtime-endpoint",
                                "unix://" + SOCKET, *flags)
            return tests.wait()


if __name__ == "__main__":
    sys.exit(main())
