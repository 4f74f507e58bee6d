# SPDX-License-Identifier: Apache-2.0
"""What attacks on the runtime are made of: a part of the host that must not change, races, bundles."""

import ctypes
import os
import subprocess
import threading

import pytest

import leftovers

RENAME_EXCHANGE = 2
LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def canary(moor):
    """A directory of the host that nobody may touch, not even its times of access to names in it."""
    path = os.path.join(moor.directory, "canary")
    os.makedirs(os.path.join(path, "inner"))
    with open(os.path.join(path, "file"), "w") as file:
        file.write("host")
    os.chmod(os.path.join(path, "file"), 0o600)
    before = fingerprint(path)
    yield path
    assert fingerprint(path) == before
    assert not [line for line in leftovers.mounts() if path in line]


def fingerprint(top):
    found = {}
    for directory, names, files in os.walk(top):
        for name in [""] + names + files:
            info = os.lstat(os.path.join(directory, name))
            found[os.path.join(directory, name)] = (
                info.st_ino, info.st_mode, info.st_uid, info.st_gid, info.st_size, info.st_mtime_ns,
                info.st_ctime_ns, info.st_nlink)
    return found


def without_mounts(bundle, *prefixes):
    bundle.config["mounts"] = [mount for mount in bundle.config["mounts"]
                               if not mount["destination"].startswith(prefixes)]


def with_user_namespace(bundle):
    maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
    bundle.config["linux"]["namespaces"].append({"type": "user"})
    bundle.config["linux"].update({"uidMappings": maps, "gidMappings": maps})
    subprocess.run(["chown", "-R", "-h", "100000:100000", bundle.rootfs], check=True)


class Swapper:
    """Exchanges two names, as a neighbour that shares the volume would, until the block ends."""

    def __init__(self, first, second, may_miss=False):
        """may_miss: one of them comes and goes."""
        self.names = (first.encode(), second.encode())
        self.may_miss = may_miss
        self.is_over = False
        self.count = 0

    def _swap(self):
        while not self.is_over:
            is_done = LIBC.renameat2(-100, self.names[0], -100, self.names[1], RENAME_EXCHANGE) == 0
            assert is_done or self.may_miss
            self.count += is_done

    def __enter__(self):
        self.thread = threading.Thread(target=self._swap)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()
