# SPDX-License-Identifier: Apache-2.0
import os

import world
from fixtures import bundle, busybox, busybox_tar, moor, open_path, registry, small_disk  # noqa: F401


def pytest_configure(config):
    config.addinivalue_line("markers", "static: needs mooring-runc to be static, as in a container "
                            "or where the C library's start would fail: not under sanitizers")


def pytest_sessionfinish():
    if "MOORING_PART" not in os.environ:  # others may be about to make a group in it
        world.leftovers.remove_empty_parents()
