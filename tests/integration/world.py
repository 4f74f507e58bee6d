# SPDX-License-Identifier: Apache-2.0
"""What integration tests are made of: our programs on a store of their own, images, a registry."""

import contextlib
import hashlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request

TESTS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
TOP = os.path.dirname(TESTS)
sys.path.insert(0, TESTS)
import leftovers  # noqa: E402

BUILD = os.path.realpath(os.environ.get("MOORING_BUILD", os.path.join(TOP, "build")))
os.environ["MOORING_BUILD"] = BUILD  # for programs of tests that start elsewhere
BUSYBOX = "/bin/busybox"  # Debian's busybox-static
APPLETS = ["sh", "cat", "echo", "env", "false", "hostname", "id", "ls", "mkdir", "mount", "ps", "rm",
           "sleep", "stat", "test", "touch", "true", "wc"]

# What a test run with sanitizers asks of them, for programs that get an environment of their own.
SANITIZERS = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}

# How many times longer than on a machine of its own things may take: in an emulated one (tests/vm).
PATIENCE = int(os.environ.get("PATIENCE", "1"))


def wait_until(condition, what, seconds=15):
    """Returns the first true result of condition(); fails when the time is up."""
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"timed out after {seconds} s: {what}"
        time.sleep(0.02)


RECORD = re.compile(r'time="[^"]*" level=error msg="((?:[^"\\]|\\.)*)"')


def unquoted(stderr):
    """What mooring-runc writes for programs, as a person would see it."""
    return RECORD.sub(lambda match: "mooring-runc: " + re.sub(r"\\(.)", r"\1", match[1]), stderr)


class Mooring:
    """Our programs with a store, a run directory and a configuration below one directory."""

    def __init__(self, directory):
        self.directory = str(directory)
        self.root = os.path.join(self.directory, "root")
        self.run_dir = os.path.join(self.directory, "run")
        self.config = os.path.join(self.directory, "config")
        os.makedirs(self.config, exist_ok=True)
        self.names = os.path.join(BUILD, "cli", "bin")
        self.env = {
            **{name: value for name, value in os.environ.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")},
            "MOORING_ROOT": self.root,
            "MOORING_RUN": self.run_dir,
            "MOORING_CONFIG": self.config,
            "DOCKER_CONFIG": os.path.join(self.directory, "docker"),
            "PATH": self.names + ":" + os.environ["PATH"],
        }

    def start(self, *argv, env=None, **options):
        """A Popen of any program in this environment; its streams are pipes of text."""
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        return subprocess.Popen([str(arg) for arg in argv], env={**self.env, **(env or {})},
                                **{"text": True, **pipes, **options})

    def run(self, *argv, code=0, input="", timeout=60, env=None, **options):
        """Runs to the end and checks the exit code (None: any)."""
        process = subprocess.run([str(arg) for arg in argv], env={**self.env, **(env or {})},
                                 timeout=timeout * PATIENCE,
                                 **{"text": True, "input": input, "capture_output": True, **options})
        assert code is None or process.returncode == code, (
            f"{' '.join(process.args)}: exit code {process.returncode}, wanted {code}\n"
            f"stdout: {process.stdout}\nstderr: {process.stderr}")
        if isinstance(process.stderr, str):
            process.stderr = unquoted(process.stderr)
        return process

    def docker(self, *arguments, **options):
        return self.run(os.path.join(self.names, "docker"), *arguments, **options)

    def mooring(self, *arguments, **options):
        return self.run(os.path.join(BUILD, "cli", "mooring"), *arguments, **options)

    def runc(self, *arguments, **options):
        return self.run(os.path.join(BUILD, "runtime", "mooring-runc"), "--root",
                        os.path.join(self.run_dir, "runc"), *arguments, **options)

    def clean_up(self):
        """Removes the containers and the bridge that this store's run directory has."""
        if not os.path.exists(os.path.join(BUILD, "cli", "mooring")) or not os.path.isdir(self.root):
            return
        ids = self.docker("ps", "-aq", code=None).stdout.split()
        if ids:
            self.docker("rm", "-f", *ids, code=None)
        self.mooring("network-reset", code=None)

    def leftovers(self, seconds=5.0):
        """Mounts below our directory and processes that name it; what ends in time is none."""
        end = time.monotonic() + seconds
        while True:
            left = [mount for mount in leftovers.mounts() if self.directory in mount]
            left += leftovers.processes_naming(self.directory)
            if not left or time.monotonic() > end:
                return left
            time.sleep(0.05)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar_bytes(entries, **options):
    """A tar archive of (name, content) pairs or TarInfo. Content: bytes, None for a directory, or
    ("link", target). Members are executable when their name is below bin/."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT, **options) as tar:
        for entry in entries:
            info, content = (entry, None) if isinstance(entry, tarfile.TarInfo) else _member(*entry)
            tar.addfile(info, io.BytesIO(content) if content else None)
    return out.getvalue()


def _member(name, content):
    info = tarfile.TarInfo(name)
    info.mode = 0o755 if content is None or "bin/" in name else 0o644
    if content is None:
        info.type = tarfile.DIRTYPE
    elif isinstance(content, tuple):
        info.type, info.linkname = tarfile.SYMTYPE, content[1]
    else:
        info.size = len(content)
        return info, content
    return info, None


def busybox_layer():
    with open(BUSYBOX, "rb") as file:
        binary = file.read()
    entries = [("bin", None), ("bin/busybox", binary), ("etc", None), ("tmp", None),
               ("etc/passwd", b"root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n"),
               ("etc/group", b"root:x:0:\nuser:x:1000:\n")]
    return tar_bytes(entries + [("bin/" + name, ("link", "busybox")) for name in APPLETS])


class Image:
    """An image in memory: uncompressed layers (tar bytes) and the `config` part of its config."""

    def __init__(self, layers=None, **config):
        self.layers = layers if layers is not None else [busybox_layer()]
        self.config = json.dumps({
            "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "arm"),
            "os": "linux",
            "created": "2024-01-01T00:00:00Z",
            "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/bin"], **config},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in self.layers]},
            "history": [{"created_by": f"layer {i}"} for i, _ in enumerate(self.layers)],
        }).encode()
        self.id = sha256(self.config)

    def save(self, path, *references):
        """Writes what `docker save` would."""
        config_name = self.id.split(":")[1] + ".json"
        names = [f"{i}-{sha256(layer)[7:19]}/layer.tar" for i, layer in enumerate(self.layers)]
        manifest = [{"Config": config_name, "RepoTags": list(references), "Layers": names}]
        members = [(config_name, self.config), *zip(names, self.layers),
                   ("manifest.json", json.dumps(manifest).encode())]
        with open(path, "wb") as file:
            file.write(tar_bytes(members))
        return str(path)


class Registry:
    """A docker-registry on loopback, filled without any program of ours."""

    def __init__(self, address):
        self.address = address

    def request(self, method, path, data=None, **headers):
        url = path if path.startswith("http") else f"http://{self.address}{path}"
        request = urllib.request.Request(
            url, data, {name.replace("_", "-"): value for name, value in headers.items()},
            method=method)
        return urllib.request.urlopen(request, timeout=20)

    def push_blob(self, name, data):
        location = self.request("POST", f"/v2/{name}/blobs/uploads/").headers["Location"]
        sign = "&" if "?" in location else "?"
        self.request("PUT", f"{location}{sign}digest={sha256(data)}", data,
                     Content_Type="application/octet-stream")
        return {"size": len(data), "digest": sha256(data)}

    def push(self, image, name, tag="latest", compress=lambda layer: layer,
             layer_type="application/vnd.oci.image.layer.v1.tar"):
        """Pushes and returns the manifest's digest. `compress` belongs to `layer_type`."""
        oci = "application/vnd.oci.image."
        manifest = json.dumps({
            "schemaVersion": 2,
            "mediaType": oci + "manifest.v1+json",
            "config": {"mediaType": oci + "config.v1+json", **self.push_blob(name, image.config)},
            "layers": [{"mediaType": layer_type, **self.push_blob(name, compress(layer))}
                       for layer in image.layers],
        }).encode()
        self.request("PUT", f"/v2/{name}/manifests/{tag}", manifest,
                     Content_Type=oci + "manifest.v1+json")
        return sha256(manifest)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextlib.contextmanager
def serving(argv, port, **options):
    """Runs a server until the block ends; enters it once the port accepts connections."""
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
    try:
        wait_until(lambda: _accepts(port) or process.poll() is not None, f"{argv[0]} to listen")
        assert process.poll() is None, f"{argv[0]} ended at once: {process.returncode}"
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def docker_registry(directory, extra="", port=None):
    """A fresh registry; `extra` is added to its YAML configuration."""
    port = port or free_port()
    config = os.path.join(directory, "registry.yml")
    with open(config, "w") as file:
        file.write("version: 0.1\n"
                   f"storage: {{filesystem: {{rootdirectory: {directory}/blobs}}}}\n"
                   f"http: {{addr: '127.0.0.1:{port}'}}\n" + extra)
    with open(os.path.join(directory, "registry.log"), "w") as log:
        with serving(["docker-registry", "serve", config], port, stdout=log, stderr=log):
            yield Registry(f"127.0.0.1:{port}")


def proc_stat(pid):
    """Fields of /proc/PID/stat from the third on: state, parent, group, session, …"""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rsplit(")", 1)[1].split()


def parent(pid):
    return int(proc_stat(pid)[1])


@contextlib.contextmanager
def mounted(directory, kind="tmpfs", size="16M"):
    """A small file system at `directory`: a tmpfs, or ext4 in a file beside it."""
    os.makedirs(directory, exist_ok=True)
    if kind == "tmpfs":
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", directory]
    else:
        subprocess.run(["mkfs.ext4", "-q", f"{directory}.img", size], check=True)
        command = ["mount", "-o", "loop", f"{directory}.img", directory]
    subprocess.run(command, check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)
