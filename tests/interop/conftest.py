# SPDX-License-Identifier: Apache-2.0
"""The fixtures of tests/integration, for tests whose peers come from PyPI (deps/interop.txt).

    MOORING_BUILD=build build-interop/bin/python -m pytest tests/interop      (as root)
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "integration"))
from fixtures import busybox, busybox_tar, moor, registry, small_disk  # noqa: E402, F401
