# SPDX-License-Identifier: Apache-2.0
from fixtures import busybox, busybox_tar, moor, registry, small_disk  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "static: runs mooring-runc inside a container, for which it "
                            "must be static: not under sanitizers")
