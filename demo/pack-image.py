#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packs one program as an image, the way `docker save` would write it.

    demo/pack-image.py REFERENCE PROGRAM ARCHIVE

The same program gives the same bytes: every time stamp is zero and every owner root.
"""

import hashlib
import io
import json
import os
import platform
import sys
import tarfile

GOARCH = {"x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "armv6l": "arm",
          "riscv64": "riscv64", "ppc64le": "ppc64le", "s390x": "s390x"}


def archive(members):
    """A tar archive of (name, mode, bytes)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode, content in members:
            info = tarfile.TarInfo(name)
            info.mode, info.size = mode, len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def pack(reference, program, content):
    layer = archive([(program, 0o755, content)])
    diff_id = hashlib.sha256(layer).hexdigest()
    config = json.dumps({
        "architecture": GOARCH.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Cmd": ["/" + program], "WorkingDir": "/"},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + diff_id]},
        "history": [{"created": "1970-01-01T00:00:00Z", "created_by": f"COPY {program} /"}],
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": [reference],
                            "Layers": [f"{diff_id}/layer.tar"]}]).encode()
    return archive([(config_name, 0o644, config), (f"{diff_id}/layer.tar", 0o644, layer),
                    ("manifest.json", 0o644, manifest)])


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    reference, program, target = sys.argv[1:]
    with open(program, "rb") as file:
        content = file.read()
    with open(target, "wb") as file:
        file.write(pack(reference, os.path.basename(program), content))


main()
