# SPDX-License-Identifier: Apache-2.0
"""The fixtures of tests/integration, for what only the virtual machine of tests/vm/run can show."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "integration"))

from fixtures import bundle, busybox, busybox_tar, moor  # noqa: E402,F401

collect_ignore = ["lives"]  # each is run in its turn, by tests/vm/reboot
