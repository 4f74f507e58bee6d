# SPDX-License-Identifier: Apache-2.0
"""The control groups of a container, on v1 and v2 alike."""

import json
import os

from world import wait_until

ROOT = "/sys/fs/cgroup"
IS_V1 = not os.path.exists(ROOT + "/cgroup.controllers")


class Groups:
    """Where a bundle's container has its groups, as its state says."""

    def __init__(self, bundle):
        self.bundle = bundle

    def path(self, controller):
        state = os.path.join(self.bundle.moor.run_dir, "runc", self.bundle.id, "state.json")
        with open(state) as file:
            paths = json.load(file)["cgroup_paths"]
        return paths[""] if not IS_V1 else next(
            path for names, path in paths.items() if controller in names.split(","))

    def file(self, v1, v2):
        """The path of a file: "memory.limit_in_bytes" or "memory.max"; its controller is its prefix."""
        name = v1 if IS_V1 else v2
        return os.path.join(self.path(name.split(".")[0]), name)

    def has(self, v1, v2):
        return os.path.exists(self.file(v1, v2))

    def read(self, v1, v2):
        with open(self.file(v1, v2)) as file:
            return file.read().strip()

    def write(self, v1, v2, text):
        with open(self.file(v1, v2), "w") as file:
            file.write(text)

    def processes(self):
        with open(os.path.join(self.path("freezer"), "cgroup.procs")) as file:
            return [int(line) for line in file]

    def is_frozen(self):
        if IS_V1:
            return self.read("freezer.state", "") == "FROZEN"
        return "frozen 1" in self.read("", "cgroup.events")


def gone(pids, what="processes are gone"):
    def is_gone(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rpartition(")")[2].split()[0] in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return True
    wait_until(lambda: all(is_gone(pid) for pid in pids), what)
