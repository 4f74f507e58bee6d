#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Includes go with the arrows of docs/architecture.md, through doors, from the root."""

import os
import re
import tempfile

import lint

# What each folder may include, besides itself.
ARROWS = {
    "base": set(),
    "registry": {"base"},
    "image": {"registry", "base"},
    "runtime": {"base"},
    "engine": {"image", "runtime", "registry", "base"},
    "lifecycle": {"image", "registry", "base"},
    "compose": {"cli", "engine", "image", "registry", "base"},
    "cli": {"engine", "lifecycle", "image", "registry", "runtime", "base"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def read_doors(path):
    doors = {}
    with open(path) as lines:
        for line in lines:
            folder, colon, stems = line.split("#")[0].partition(":")
            if colon:
                doors[folder.strip()] = set(stems.split())
    return doors


def mistake(source, name, included, doors):
    """What is wrong with file `name` including `included`; None if nothing."""
    folder = name.split("/")[0]
    target, _, rest = included.partition("/")
    if not os.path.exists(os.path.join(source, included)):
        return "not a path from the root of the tree"
    if target == folder:
        return None
    if target not in ARROWS[folder]:
        return f"{folder} may not include {target}"
    if target != "base" and rest.removesuffix(".h") not in doors.get(target, ()):
        return f"no door of {target} (tests/lint/doors.txt)"
    return None


def mistakes(source, doors):
    for name in lint.files(source):
        if name.split("/")[0] not in lint.FOLDERS or not name.endswith((".c", ".h")):
            continue
        with open(os.path.join(source, name)) as file:
            included = INCLUDE.findall(file.read())
        for header in included:
            wrong = mistake(source, name, header, doors)
            if wrong:
                yield f"{name}: {header}: {wrong}"
        own = name.removesuffix(".c") + ".h"
        if name.endswith(".c") and os.path.exists(os.path.join(source, own)) and \
                included[:1] != [own]:
            yield f"{name}: its own header is not the first include"


def notices(name, text):
    """True if a tree whose file `name` holds `text` is refused."""
    with tempfile.TemporaryDirectory() as tree:
        for path in ["base/mem.h", "image/store.h", "image/blob.h", "runtime/spec.h", name]:
            os.makedirs(os.path.join(tree, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(tree, path), "w") as file:
                file.write(text if path == name else "")
        return bool(list(mistakes(tree, {"image": {"store"}})))


def main():
    source, _ = lint.arguments()
    lint.check(notices("base/x.c", '#include "image/store.h"\n'), "would notice a wrong way")
    lint.check(notices("image/x.c", '  # include "runtime/spec.h"\n'), "image never runtime")
    lint.check(notices("engine/x.c", '#include "image/blob.h"\n'), "would notice a missed door")
    lint.check(notices("engine/x.c", '#include "../base/mem.h"\n'), "would notice a detour")
    lint.check(notices("image/store.c", '#include "base/mem.h"\n#include "image/store.h"\n'),
               "would notice that the own header is not first")
    lint.check(not notices("engine/x.c", '#include "image/store.h"\n#include "base/mem.h"\n'),
               "would let a door pass")
    found = list(mistakes(source, read_doors(os.path.join(source, "tests/lint/doors.txt"))))
    lint.check(not found, "includes go with the arrows, through doors", "\n".join(found))
    lint.done()


main()
