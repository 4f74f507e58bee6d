# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess

import pytest

import world
from fixtures import bundle, busybox, busybox_tar, moor, open_path, registry, small_disk  # noqa: F401


LIMIT, AGAIN = 300 * world.PATIENCE, 20  # seconds of a test, and until what holds up its end is ended, too


def pytest_configure(config):
    config.addinivalue_line("markers", "static: needs mooring-runc to be static, as in a container "
                            "or where the C library's start would fail: not under sanitizers")


def pytest_sessionfinish():
    if "MOORING_PART" not in os.environ:  # others may be about to make a group in it
        world.leftovers.remove_empty_parents()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    """A test that hangs fails, and shows where and with which processes: whoever runs the suite is not kept waiting."""
    def too_long(*_):
        tree = subprocess.run(["ps", "-e", "-o", "pid,ppid,stat,wchan:20,args", "--forest"], capture_output=True, text=True)
        raise AssertionError(f"the test takes more than {LIMIT} s\n{tree.stdout}")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.setitimer(signal.ITIMER_REAL, LIMIT, AGAIN)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)
