#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nothing names the machine it was written on, or a mirror."""

import os
import re

import lint

# Spelled so that this file does not find itself.
FOREIGN = re.compile(
    rb"/wor[k]/(main|shared|\.library)|/roo[t]/\.|\.pyen[v]|mirrors?\.\w+\.\w|index-ur[l]")


def main():
    source, _ = lint.arguments()
    found = []
    for name in lint.files(source):
        with open(os.path.join(source, name), "rb") as file:
            for number, line in enumerate(file, 1):
                if FOREIGN.search(line):
                    found.append(f"{name}:{number}: {line.strip()[:120].decode(errors='replace')}")
    lint.check(not found, "no paths of a machine, no mirrors", "\n".join(found))
    lint.done()


main()
