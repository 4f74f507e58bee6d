# SPDX-License-Identifier: Apache-2.0
"""A realistic image of this machine's own files, and everybody's way of getting it: pull and load."""

import base64
import gzip
import io
import json
import os
import random
import subprocess
import tarfile

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
