# SPDX-License-Identifier: Apache-2.0
"""What the checks share: arguments, the files of the tree, TAP."""

import os
import subprocess
import sys

FOLDERS = ["base", "registry", "image", "runtime", "engine", "lifecycle", "cli", "compose"]
SKIPPED = {".git", "__pycache__", ".pytest_cache"}
_count = 0
_failed = 0


def arguments():
    """The source directory and the build directory."""
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} SOURCE BUILD")
    return sys.argv[1], sys.argv[2]


def files(source):
    """All files of the tree, relative, without what a build makes."""
    for directory, below, names in os.walk(source):
        top = directory == source
        below[:] = sorted(name for name in below if name not in SKIPPED
                          and not (top and name.startswith("build")))
        for name in sorted(set(names) - SKIPPED):  # in a linked worktree .git is a file
            yield os.path.relpath(os.path.join(directory, name), source)


def scripts(source):
    """Files that a shell runs."""
    for name in files(source):
        with open(os.path.join(source, name), "rb") as file:
            first = file.readline(80)
        if first.startswith(b"#!") and first.rstrip().endswith((b"/sh", b"bash")):
            yield name


def check(is_ok, name, details=""):
    global _count, _failed
    _count += 1
    _failed += not is_ok
    print(f"{'ok' if is_ok else 'not ok'} {_count} - {name.replace('#', '?')}")
    if not is_ok:
        for line in details.splitlines():
            print("#", line)


def command(*argv, cwd=None):
    """(succeeded, output) of a program; one that is not there fails."""
    try:
        process = subprocess.run(argv, cwd=cwd, stdin=subprocess.DEVNULL, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    except FileNotFoundError as error:
        return False, str(error)
    return process.returncode == 0, process.stdout


def done():
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)
