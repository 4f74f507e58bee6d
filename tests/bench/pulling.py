# SPDX-License-Identifier: Apache-2.0
"""A realistic image of this machine's own files, and everybody's way of getting it: pull and load."""

import base64
import contextlib
import gzip
import io
import os
import random
import statistics
import subprocess
import tarfile
import time

import place
import world

LAYER_BYTES, LAYER_ENTRIES = 110 << 20, 5000  # of each of the first two
FILE_MAX = 4 << 20


def machine_files(tops):
    """This machine's programs and libraries, directories first, as an image's base has them."""
    for top in tops:
        for directory, names, files in os.walk(top):
            names.sort()
            yield directory
            for name in sorted(files):
                path = os.path.join(directory, name)
                if os.path.islink(path) or (os.path.isfile(path) and os.path.getsize(path) <= FILE_MAX):
                    yield path


def layer_of_machine(tops):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in machine_files(tops):
            if out.tell() > LAYER_BYTES or len(archive.members) > LAYER_ENTRIES:
                break
            archive.add(path, recursive=False)
    return out.getvalue()


def add(archive, name, data=None):
    info = tarfile.TarInfo(name)
    info.mtime = 1700000000
    info.type = tarfile.REGTYPE if data is not None else tarfile.DIRTYPE
    info.mode = 0o644 if data is not None else 0o755
    info.size = len(data or b"")
    archive.addfile(info, io.BytesIO(data) if data is not None else None)


def layer_of_small_files():
    draw = random.Random(1)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for i in range(2000):
            if i % 50 == 0:
                add(archive, f"opt/app/d{i // 50}")
            data = base64.encodebytes(draw.randbytes(200 + i * 37 % 6000))
            add(archive, f"opt/app/d{i // 50}/f{i}.txt", data)
    return out.getvalue()


def layer_of_changes(below):
    """Whiteouts for some of what the first layer has, and one new file."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(below)) as lower, tarfile.open(fileobj=out, mode="w") as archive:
        for info in [info for info in lower if info.isfile()][::200]:
            directory, name = os.path.split(info.name)
            add(archive, f"{directory}/.wh.{name}", b"")
        add(archive, "opt/app/main.py", b'print("hello")\n')
    return out.getvalue()


def layers():
    first = layer_of_machine(["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/bin"])
    return [first, layer_of_machine(["/usr/include", "/usr/lib/python3", "/usr/lib/gcc", "/usr/lib/go-1.19", "/usr/sbin"]), layer_of_small_files(),
            layer_of_changes(first)]


def gzipped(data):
    return gzip.compress(data, 6)


def zstandard(data):
    return subprocess.run(["zstd", "-q", "-3", "-c"], input=data, capture_output=True, check=True).stdout


FORMATS = {"gzip": ("tar+gzip", gzipped), "zstd": ("tar+zstd", zstandard)}


@contextlib.contextmanager
def registry(directory, image, blobs):
    """A docker-registry that has the image in both formats; `blobs` is (format, layer) → file."""
    config = os.path.join(directory, "registry.yml")
    port = world.free_port()
    with open(config, "w") as file:
        file.write(f"version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {directory}/registry}}\n"
                   f"http: {{addr: '127.0.0.1:{port}'}}\n")
    with world.serving(["docker-registry", "serve", config], port, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL):
        server = world.Registry(f"127.0.0.1:{port}")
        for name, (media, _) in FORMATS.items():
            def read(layer, name=name):
                with open(blobs[name, image.layers.index(layer)], "rb") as file:
                    return file.read()
            server.push(image, "app", name, read, "application/vnd.oci.image.layer.v1." + media)
        yield server.address


@contextlib.contextmanager
def containerd(store):
    config, socket = os.path.join(store, "containerd.toml"), "/run/bench-containerd.sock"
    with open(config, "w") as file:
        file.write(f'version = 2\nroot = "{store}/containerd"\nstate = "/run/bench-containerd"\n'
                   f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{socket}"\n')
    daemon = subprocess.Popen(["containerd", "-c", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place.wait_for(lambda: subprocess.run(["ctr", "-a", socket, "version"], capture_output=True
                                              ).returncode == 0, "containerd")
        yield socket
    finally:
        daemon.terminate()
        daemon.wait(60)


class Puller:
    """One contestant: its daemon, if it has one, and its commands."""

    def __init__(self, name, docker=None):
        self.name, self.docker = name, docker

    @contextlib.contextmanager
    def ready(self, store):
        """Yields (environment, pull, load): command lines, `load` None where there is none."""
        if self.name == "docker":
            with place.dockerd(store) as (env, _):
                yield env, ["docker", "pull", "-q"], ["docker", "load", "-q", "-i"]
        elif self.name == "podman":
            env = place.podman_environment(store)
            yield env, ["podman", "pull", "-q", "--tls-verify=false"], ["podman", "load", "-q", "-i"]
        elif self.name == "containerd":
            with containerd(store) as socket:
                ctr = ["ctr", "-a", socket, "images"]
                yield {}, [*ctr, "pull", "--plain-http"], [*ctr, "import"]
        else:
            env = {"MOORING_ROOT": os.path.join(store, "mooring"), "MOORING_RUN": "/run/bench-mooring",
                   "MOORING_CONFIG": os.path.join(store, "config")}
            yield env, [self.docker, "pull", "-q"], [self.docker, "load", "-q", "-i"]


def timed(command, env, store):
    """Seconds until the command ends, and until what it wrote is on the disk; None if it failed."""
    subprocess.run(["sync"], check=True)
    begin = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, stdin=subprocess.DEVNULL)
    end = time.monotonic()
    subprocess.run(["sync", "-f", store], check=True)
    return (end - begin, time.monotonic() - begin) if done.returncode == 0 else None


def tree(pid):
    """A process and all below it."""
    below = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/stat") as file:
            below.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [pid]
    for parent in found:
        found += below.get(parent, [])
    return found


def peak_memory(command, env):
    """KiB: the most that all processes of the command have together (PSS), looked at all the time."""
    process = subprocess.Popen(command, env={**os.environ, **env}, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = 0
    while process.poll() is None:
        total = 0
        for pid in tree(process.pid):
            with contextlib.suppress(OSError, StopIteration):
                total += place.pss(pid)
        peak = max(peak, total)
    return peak


def cpu_of(command, **options):
    """CPU seconds of a command."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **options)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def ticks(pid):
    """CPU seconds of one process so far; 0 if it is gone. Second: its parent."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(fields[1])
    return 0, 0


def kernel_cpu():
    """CPU seconds of the kernel's own threads so far: all that kthreadd, process 2, started."""
    return sum(seconds for seconds, parent in map(ticks, filter(str.isdigit, os.listdir("/proc"))) if parent == 2)


def write_tree(blobs, count, store):
    """The files of all layers by as many tars at once, and on the disk: seconds, and CPU seconds of the tars and of
    the kernel's threads, which do about half of that work."""
    trees = [os.path.join(store, f"tree{i}") for i in range(count)]
    for tree_ in trees:
        os.mkdir(tree_)
    subprocess.run(["sync", "-f", store], check=True)
    begin, before, kernel = time.monotonic(), os.times(), kernel_cpu()
    tars = [subprocess.Popen(["tar", "-x", "-C", trees[i], "-f", blobs["plain", i]]) for i in range(count)]
    for process in tars:
        if process.wait() != 0:
            raise subprocess.CalledProcessError(process.returncode, "tar")
    subprocess.run(["sync", "-f", store], check=True)
    after, seconds = os.times(), time.monotonic() - begin
    return seconds, (after.children_user + after.children_system - before.children_user - before.children_system +
                     kernel_cpu() - kernel)


def limit(build, address, blobs, name, store):
    """Seconds below which nobody can be on this machine: fetch, hash, inflate, hash, write files; and the disk."""
    count = sum(1 for key in blobs if key[0] == "plain")
    compute = 0
    for i in range(count):
        with open(blobs[name, i], "rb") as file:
            compute += cpu_of([os.path.join(build, "tests", "bench", "inflate")], stdin=file)
    tree_seconds, files = write_tree(blobs, count, store)
    begin = time.monotonic()
    for i in range(count):
        subprocess.run(["dd", f"if={blobs['plain', i]}", f"of={store}/raw{i}", "bs=1M", "conv=fsync"],
                       check=True, capture_output=True)
    disk = time.monotonic() - begin
    digests = [world.sha256(open(blobs[name, i], "rb").read()) for i in range(count)]
    server = place.processes("serve")
    before = sum(ticks(pid)[0] for pid in server)
    fetch = cpu_of(["curl", "-sf", "-o", "/dev/null", "--parallel",
                    *(f"http://{address}/v2/app/blobs/{digest}" for digest in digests)])
    fetch += sum(ticks(pid)[0] for pid in server) - before  # it runs on the same cores
    return max((fetch + compute + files) / os.cpu_count(), disk), (fetch, compute, files, disk, tree_seconds)


class Comparison:
    def __init__(self, build, scratch, say, rounds):
        self.build, self.scratch, self.say, self.rounds = build, scratch, say, rounds
        docker = os.path.join(build, "cli", "bin", "docker")
        self.pullers = [Puller(name) for name, program in (("docker", "dockerd"), ("podman", "podman"),
                                                           ("containerd", "ctr")) if place.available(program)]
        self.pullers.append(Puller("mooring", docker))
        self.seconds = {}

    def prepare(self):
        image = world.Image(layers())
        blobs = {}
        for i, layer in enumerate(image.layers):
            for name, make in (("plain", bytes), *((name, make) for name, (_, make) in FORMATS.items())):
                blobs[name, i] = os.path.join(self.scratch, f"{name}{i}")
                with open(blobs[name, i], "wb") as file:
                    file.write(make(layer))
        archive = os.path.join(self.scratch, "app.tar")
        image.save(archive, "app:bench")
        return image, blobs, archive

    def measure(self, what, puller, address, archive, number):
        with place.young_store(os.path.join(self.scratch, f"{what}-{puller.name}-{number}")) as store, \
                puller.ready(store) as (env, pull, load):
            command = [*load, archive] if what == "load" else [*pull, f"{address}/app:{what}"]
            return timed(command, env, store)

    def run(self):
        image, blobs, archive = self.prepare()
        size = sum(len(layer) for layer in image.layers)
        with registry(self.scratch, image, blobs) as address:
            for what in (*FORMATS, "load"):
                for number in range(self.rounds):
                    for puller in self.pullers:
                        self.seconds.setdefault((what, puller.name), []).append(
                            self.measure(what, puller, address, archive, number))
            limits = {}
            for name in FORMATS:
                with place.young_store(os.path.join(self.scratch, f"limit-{name}")) as store:
                    limits[name] = limit(self.build, address, blobs, name, store)
            memory = self.memory(address, archive)
        self.tell(size, limits, memory)

    def memory(self, address, archive):
        peaks = {}
        for what in (*FORMATS, "load"):
            with place.young_store(os.path.join(self.scratch, f"memory-{what}")) as store, \
                    self.pullers[-1].ready(store) as (env, pull, load):
                command = [*load, archive] if what == "load" else [*pull, f"{address}/app:{what}"]
                peaks[what] = peak_memory(command, env)
        return peaks

    def row(self, what, which):
        """Medians of each, and ours over the fastest other's in the same round."""
        rounds = {puller.name: self.seconds[what, puller.name] for puller in self.pullers}
        good = {name: statistics.median(times[which] for times in all_times)
                for name, all_times in rounds.items() if None not in all_times}
        ratios = [rounds["mooring"][i][which] / min(rounds[name][i][which] for name in good if name != "mooring")
                  for i in range(self.rounds)] if len(good) > 1 and "mooring" in good else [0]
        return good, [f"{good[name]:.2f} s" if name in good else "cannot" for name in rounds], statistics.median(ratios)

    def tell(self, size, limits, memory):
        self.say("## Pull and load")
        self.say()
        self.say(f"{size / 1e6:.0f} MB in four layers from a registry on this machine, each time into a new ext4. "
                 "mooring has written its image to the disk when it ends (syncfs); the others leave that to the "
                 "kernel, so that each has a second row, until `sync -f` of its store is over.")
        self.say()
        self.say("| | " + " | ".join(puller.name for puller in self.pullers) +
                 " | mooring / fastest other | limit | mooring / limit | peak MiB of mooring |")
        self.say("|---" + "|--:" * (len(self.pullers) + 4) + "|")
        for what in (*FORMATS, "load"):
            title = "load" if what == "load" else "pull, " + what
            good, cells, ratio = self.row(what, 0)
            bound = f"{limits[what][0]:.2f} s | {good['mooring'] / limits[what][0]:.2f}" if what in limits else " | "
            self.say(f"| {title} | " + " | ".join(cells) + f" | {ratio:.2f} | {bound} | {memory[what] / 1024:.1f} |")
            _, cells, ratio = self.row(what, 1)
            self.say(f"| {title}, and all of it on the disk | " + " | ".join(cells) + f" | {ratio:.2f} | | | |")
        self.say()
        for name, (_, (fetch, compute, files, disk, tree_seconds)) in limits.items():
            self.say(f"Limit for {name}: CPU of the registry and of fetching {fetch:.2f} s, of hashing, inflating and hashing {compute:.2f} s, of "
                     f"writing the files (tar, and the kernel's threads until they are on the disk) {files:.2f} s, shared by {os.cpu_count()} cores; the disk "
                     f"alone {disk:.2f} s. One tar for each layer, all at once, from tars that lie unpacked in memory, needs {tree_seconds:.2f} s until its files are on the disk.")
            self.say()
