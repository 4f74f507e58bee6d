#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A test that a document names as its proof is there."""

import os
import re

import lint

NAMED = re.compile(r"`(?:tests/\w+/)?(test_[a-z0-9_]+(?:\.py)?)`")
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)


def read(source, name):
    with open(os.path.join(source, name)) as file:
        return file.read()


def main():
    source, _ = lint.arguments()
    names = list(lint.files(source))
    tests = {os.path.basename(name) for name in names}
    for name in names:
        if os.path.basename(name).startswith("test_") and name.endswith(".py"):
            tests.update(DEFINED.findall(read(source, name)))
    for name in names:
        if name.endswith(".md"):
            missing = sorted(set(NAMED.findall(read(source, name))) - tests)
            if missing or NAMED.search(read(source, name)):
                lint.check(not missing, f"tests named in {name}", "\n".join(missing))
    lint.done()


main()
