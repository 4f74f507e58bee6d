# SPDX-License-Identifier: Apache-2.0
"""Side by side with Debian's dockerd and docker-compose: the same steps, the same outcome.

    MOORING_BUILD=build /usr/bin/python3 -m pytest tests/parity      (as root)
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "integration"))
