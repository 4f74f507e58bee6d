# SPDX-License-Identifier: Apache-2.0
"""The second life (tests/vm/reboot): what an orderly reboot left."""

from device import docker


def test_containers_were_asked_to_end():
    assert docker("exec", "orderly", "cat", "/v/ended") == "ended\n"
