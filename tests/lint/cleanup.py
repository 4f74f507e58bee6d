#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A variable with a cleanup is empty or filled before the first way out: compilers do not look at what a cleanup reads.

A call that gets the variable's address fills it, whether it succeeds or fails.
"""

import os
import re

import lint

DECLARED = re.compile(r"^\t+auto(?:buf|arena|texts) struct \w+ ([\w, ]+);$")
BARE = re.compile(r"^\t+auto(?:free|close|file|dir) [\w ]*?\**(\w+);$")


def way_out(lines, start, name):
    """The number of a line that leaves the function before anything has filled the variable."""
    address = re.compile(rf"&{name}\b|^\t+{name} = ")
    for number in range(start, len(lines)):
        if lines[number].startswith("}") or address.search(lines[number]):
            return None
        if re.search(r"\breturn\b", lines[number]):
            return number
    return None


def main():
    source, _ = lint.arguments()
    for path in lint.files(source):
        if not path.endswith(".c"):
            continue
        with open(os.path.join(source, path)) as file:
            lines = file.read().split("\n")
        found = []
        for number, line in enumerate(lines):
            match = DECLARED.match(line) or BARE.match(line)
            for name in re.findall(r"\w+", match.group(1)) if match else []:
                at = way_out(lines, number + 1, name)
                if at is not None:
                    found.append(f"{path}:{at + 1}: leaves before {name} (line {number + 1}) is empty or filled")
        if found:
            lint.check(False, path, "\n".join(found))
    lint.check(True, "all files looked at")
    lint.done()


main()
