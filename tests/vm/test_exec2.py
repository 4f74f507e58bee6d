# SPDX-License-Identifier: Apache-2.0
"""exec and groups that may not hold processes: there are such on cgroup v2 alone."""

import os

import groups
from test_exec import container  # noqa: F401


def test_init_that_has_left_its_group(container):
    """As systemd does in a container: controllers handed down, and everybody in groups below."""
    container.up()
    path = groups.Groups(container.bundle).path("pids")
    os.mkdir(path + "/init")
    with open(path + "/init/cgroup.procs", "w") as file:
        file.write(str(container.bundle.state()["pid"]))
    assert container.sh("cat /proc/self/cgroup").endswith(container.bundle.id + "\n")
    with open(path + "/cgroup.subtree_control", "w") as file:
        file.write("+pids")
    assert container.sh("cat /proc/self/cgroup").endswith("/init\n")
    assert "busy" in container.fails("true", flags=["--cgroup", "/"])
    assert container.sh("cat /proc/self/cgroup", "--cgroup", "init").endswith("/init\n")
