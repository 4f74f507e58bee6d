# SPDX-License-Identifier: Apache-2.0
from fixtures import busybox, busybox_tar, moor, registry, small_disk  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "static: needs mooring-runc to be static, as in a container "
                            "or where the C library's start would fail: not under sanitizers")
