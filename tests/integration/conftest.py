# SPDX-License-Identifier: Apache-2.0
import contextlib
import glob
import os

from fixtures import bundle, busybox, busybox_tar, moor, registry, small_disk  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "static: needs mooring-runc to be static, as in a container "
                            "or where the C library's start would fail: not under sanitizers")


def pytest_sessionfinish():
    """The parent of all containers' cgroups stays when the last one goes, as dockerd's does. It is removed
    here if it is empty, so that whatever is in it counts as left behind."""
    for group in glob.glob("/sys/fs/cgroup/*/docker") + ["/sys/fs/cgroup/docker"]:
        with contextlib.suppress(OSError):
            os.rmdir(group)
