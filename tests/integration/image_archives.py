# SPDX-License-Identifier: Apache-2.0
"""Images, archives and trees for test_image*.py: made here, entry by entry."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
import threading

import world

FETCH = os.path.join(world.BUILD, "registry", "mooring-fetch")
UNPACK = os.path.join(world.BUILD, "image", "mooring-unpack")
MTIME = 1700000000


def entry(name, data=None, type=None, **fields):
    """A tar entry: (TarInfo, data)."""
    info = tarfile.TarInfo(name)
    info.type = type or (tarfile.REGTYPE if data is not None else tarfile.DIRTYPE)
    info.mode = 0o755 if info.type == tarfile.DIRTYPE else 0o644
    info.mtime = MTIME
    info.size = len(data or b"")
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def link(name, target, hard=False, **fields):
    return entry(name, type=tarfile.LNKTYPE if hard else tarfile.SYMTYPE, linkname=target, **fields)


def xattrs(**values):
    """PAX headers for extended attributes; "__" stands for the dot."""
    return {"pax_headers": {"SCHILY.xattr." + name.replace("__", "."): value
                            for name, value in values.items()}}


def tar(*entries, format=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format, encoding="utf-8",
                      errors="surrogateescape") as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data) if data is not None else None)
    return out.getvalue()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI layout in memory: write it as a tar or as a directory (for umoci and skopeo)."""

    def __init__(self, *layers, name="t", compress=gzip.compress, **config):
        self.layers, self.name = layers, name
        self.config = json.dumps({
            "architecture": world.Image([]).config and json.loads(world.Image([]).config)["architecture"],
            "os": "linux", "created": "2024-01-01T00:00:00Z", "config": config,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]}}).encode()
        self.id = digest(self.config)
        self.blobs = [compress(layer) for layer in layers]
        oci = "application/vnd.oci.image."
        self.manifest = json.dumps({
            "schemaVersion": 2, "mediaType": oci + "manifest.v1+json",
            "config": self.descriptor(oci + "config.v1+json", self.config),
            "layers": [self.descriptor(oci + "layer.v1.tar+gzip", blob) for blob in self.blobs],
        }).encode()
        self.index = json.dumps({"schemaVersion": 2, "manifests": [
            {**self.descriptor(oci + "manifest.v1+json", self.manifest),
             "annotations": {"org.opencontainers.image.ref.name": name}}]}).encode()

    @staticmethod
    def descriptor(media_type, data):
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def files(self):
        for blob in [self.config, self.manifest, *self.blobs]:
            yield "blobs/sha256/" + digest(blob)[7:], blob
        yield "index.json", self.index
        yield "oci-layout", b'{"imageLayoutVersion":"1.0.0"}'

    def tar(self):
        return tar(*(entry(name, data) for name, data in dict(self.files()).items()))

    def push(self, registry, name, tag="1", manifest=None):
        """Into a world.Registry; returns the reference."""
        for blob in (self.config, *self.blobs):
            registry.push_blob(name, blob)
        registry.request("PUT", f"/v2/{name}/manifests/{tag}", manifest or self.manifest,
                         Content_Type="application/vnd.oci.image.manifest.v1+json")
        return f"{registry.address}/{name}:{tag}"

    def write(self, directory):
        for name, data in self.files():
            path = os.path.join(directory, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
        return directory


def docker_archive(*images, names=(("t:1",),)):
    """What docker save writes; `images` are lists of layers, or (layers, diff IDs) to lie."""
    members, manifest = {}, []
    for layers, tags in zip(images, names):
        image = world.Image(list(layers))
        paths = []
        for layer in layers:
            paths.append(f"{digest(layer)[7:]}/layer.tar")
            members[paths[-1]] = layer
        config = image.id[7:] + ".json"
        members[config] = image.config
        manifest.append({"Config": config, "RepoTags": list(tags), "Layers": paths})
    members["manifest.json"] = json.dumps(manifest).encode()
    return tar(*(entry(name, data) for name, data in members.items()))


class Result:
    def __init__(self, code, events, stderr):
        self.code, self.stderr = code, stderr
        self.events = [json.loads(line) for line in events.splitlines()]
        failures = [event for event in self.events if event["event"] == "failed"]
        self.failure = failures[0] if failures else None
        self.images = [event for event in self.events if event["event"] == "image"]
        self.layers = {event["id"]: event["state"] for event in self.events
                       if event["event"] == "layer"}


class Store:
    """A store that mooring-unpack works on directly, without docker's command line."""

    def __init__(self, root):
        self.root = str(root)

    def load(self, archive, code=0, stdin=None, wrap=()):
        """`archive`: bytes (through a pipe) or the path of a file or directory."""
        is_piped = isinstance(archive, bytes) and not stdin
        source = stdin or (subprocess.PIPE if is_piped else os.open(archive, os.O_RDONLY))
        with self.start(["load", "--root", self.root], source, wrap) as process:
            if is_piped:
                feeder = threading.Thread(target=feed, args=(process.stdin, archive))
                feeder.start()
            text = process.events.read()
            if is_piped:
                feeder.join()
            elif not stdin:
                os.close(source)
            result = Result(process.wait(60), text, process.stderr.read().decode())
            process.events.close()
        assert code is None or result.code == code, (result.code, result.failure, result.stderr)
        return result

    def pull(self, reference, code=0, wrap=(), settings=b"{}", more=()):
        """Through the real mooring-fetch, joined as image/pull.c does it."""
        unpack_end, fetch_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        events_from, events_to = os.pipe()
        secret_from, secret_to = os.pipe()
        os.write(secret_to, settings)
        os.close(secret_to)
        fetch = subprocess.Popen(
            ["bash", "-c", f'exec "$0" 3>&{fetch_end.fileno()} 5<&{secret_from}', FETCH],
            stdin=subprocess.DEVNULL, pass_fds=[fetch_end.fileno(), secret_from], env={})
        os.close(secret_from)
        fetch_end.close()
        unpack = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3>&{unpack_end.fileno()} 4>&{events_to} '
             f'{unpack_end.fileno()}>&- {events_to}>&-', "sh", *wrap, UNPACK, "pull", "--root",
             self.root, "--reference", reference, *more], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=[unpack_end.fileno(), events_to])
        unpack_end.close()
        os.close(events_to)
        with open(events_from) as events:
            text = events.read()
        stderr = unpack.stderr.read().decode()
        unpack.stderr.close()
        result = Result(unpack.wait(60), text, stderr)
        fetch.kill()
        fetch.wait()
        assert code is None or result.code == code, (result.code, result.failure, stderr)
        return result

    def build(self, layer, config, *options, code=0):
        """`layer`: bytes through a pipe, or a directory, which is an upper side."""
        is_piped = isinstance(layer, bytes)
        source = subprocess.PIPE if is_piped else os.open(layer, os.O_RDONLY | os.O_DIRECTORY)
        with self.start(["build", "--root", self.root, *options, *([] if is_piped else ["--upper"])],
                        source, ["bash", "-c", 'exec "$@" 5<<<"$0"', json.dumps(config)]) as process:
            if is_piped:
                feed(process.stdin, layer)
            else:
                os.close(source)
            text = process.events.read()
            result = Result(process.wait(60), text, process.stderr.read().decode())
            process.events.close()
        assert code is None or result.code == code, (result.code, result.failure, result.stderr)
        return result

    def pack(self, directory, *names):
        """The tar archive of a directory, or of one entry of it."""
        source = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        with self.start(["pack", "--root", self.root, "--", *names], source,
                        stdout=subprocess.PIPE) as process:
            os.close(source)
            data = process.stdout.read()
            text = process.events.read()
            process.events.close()
            assert process.wait(60) == 0, (text, process.stderr.read())
        return data

    def save(self, path, *names, code=0):
        with open(path, "wb") as file:
            with self.start(["save", "--root", self.root, *names], subprocess.DEVNULL,
                            stdout=file) as process:
                text = process.events.read()
                result = Result(process.wait(60), text, process.stderr.read().decode())
                process.events.close()
        assert code is None or result.code == code, (result.code, result.failure, result.stderr)
        return result

    def start(self, arguments, stdin, wrap=(), stdout=subprocess.DEVNULL):
        """mooring-unpack with its descriptor 4 readable as .events; `wrap` is a command before it."""
        events_from, events_to = os.pipe()
        process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 4>&{events_to} {events_to}>&-', "sh", *wrap, UNPACK, *arguments],
            stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, pass_fds=[events_to])
        os.close(events_to)
        process.events = open(events_from)
        return process

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def names(self):
        try:
            with open(self.path("images", "names.json")) as file:
                return json.load(file)
        except FileNotFoundError:
            return {}

    def record(self, image_id):
        with open(self.path("images", image_id[7:] + ".json")) as file:
            return json.load(file)

    def chains(self, image_id):
        return [layer["chain"][7:] for layer in self.record(image_id)["layers"]]

    def diff(self, image_id, index=0):
        return self.path("layers", self.chains(image_id)[index], "diff")

    def lower(self, image_id):
        return ":".join(self.path("layers", chain, "diff")
                        for chain in reversed(self.chains(image_id)))

    def contents(self):
        """Everything a failed command must leave as it was."""
        found = []
        for directory in ("images", "layers", "blobs/sha256", "staging"):
            path = self.path(directory)
            found += [os.path.join(directory, name) for name in os.listdir(path)] \
                if os.path.isdir(path) else []
        return sorted(found)

    def check(self):
        """Every name has a record, every record its blobs and layers, every layer its description."""
        for name, image_id in self.names().items():
            assert os.path.exists(self.path("images", image_id[7:] + ".json")), name
        for file in os.listdir(self.path("images")) if os.path.isdir(self.path("images")) else []:
            if len(file) != 69:
                continue
            record = self.record("sha256:" + file[:-5])
            assert os.path.exists(self.path("blobs/sha256", file[:-5])), file
            for layer in record["layers"]:
                with open(self.path("layers", layer["chain"][7:], "layer.json")) as info:
                    assert json.load(info)["diff"] == layer["diff"]


def feed(pipe, data):
    """Writes until the reader has enough."""
    with contextlib.suppress(BrokenPipeError):
        pipe.write(data)
    with contextlib.suppress(BrokenPipeError):
        pipe.close()


LIST_TREE = r"""
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
tree, groups = {}, {}
for directory, names, files in os.walk(root):
    for name in [b"."] + names + files:
        path = os.path.join(directory, name)
        info = os.lstat(path)
        key = os.path.relpath(path, root).decode("utf-8", "backslashreplace")
        item = {"mode": oct(info.st_mode), "owner": [info.st_uid, info.st_gid],
                "mtime": info.st_mtime_ns, "rdev": info.st_rdev}
        item["xattrs"] = {x: os.getxattr(path, x, follow_symlinks=False).hex()
                          for x in os.listxattr(path, follow_symlinks=False)
                          if not x.startswith("trusted.overlay.")}
        if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
            del item["mtime"]  # a whiteout: made by us, at some time
        if stat.S_ISREG(info.st_mode):
            item["size"] = info.st_size
            item["sha256"] = hashlib.sha256(open(path, "rb").read()).hexdigest()
            groups.setdefault((info.st_dev, info.st_ino), []).append(key)
        elif stat.S_ISLNK(info.st_mode):
            item["target"] = os.fsencode(os.readlink(path)).hex()
        tree[key] = item
for keys in groups.values():
    for key in keys:
        tree[key]["links"] = sorted(keys)
json.dump(tree, sys.stdout)
"""


def list_tree(path):
    output = subprocess.run(["/usr/bin/python3", "-c", LIST_TREE, path], check=True,
                            capture_output=True).stdout
    return json.loads(output)


def list_overlay(lower, directory):
    """The tree that the lower directories make, mounted as rootfs_mount would."""
    for name in ("upper", "work", "merged"):
        os.makedirs(os.path.join(directory, name), exist_ok=True)
    script = ('mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work,'
              'metacopy=off,redirect_dir=nofollow,index=off" "$2/merged" && '
              'exec /usr/bin/python3 -c "$3" "$2/merged"')
    output = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", lower, str(directory),
                             LIST_TREE], check=True, capture_output=True).stdout
    return json.loads(output)
