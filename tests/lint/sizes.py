#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Functions of at most 60 lines, files of at most 600 (STYLE): beyond that, split by idea.

A function that truly is one long list says so in the comment above it, with the words "long list".
"""

import os

import lint

FUNCTION_MAX = 60
FILE_MAX = 600


def functions(lines):
    """(number of the first line, text of the comment above, lines inside) of each function.

    Layout is .clang-format's: a function, and nothing else, opens and closes in column 0.
    """
    start, above = 0, 0
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line == "}":
            yield above + 1, "\n".join(lines[above:start]), number - start - 1
            above = number + 1


def mistakes(name, lines):
    if len(lines) > FILE_MAX and not name.startswith("tests/"):  # a table of cases is long
        yield f"{name}: {len(lines)} lines"
    for number, head, size in functions(lines):
        if size > FUNCTION_MAX and "long list" not in head:
            yield f"{name}:{number}: a function of {size} lines"


def main():
    source, _ = lint.arguments()
    long_function = ["{", *["x;"] * 61, "}"]
    lint.check(list(mistakes("x.c", long_function)), "would notice a long function")
    lint.check(not list(mistakes("x.c", ["/* one long list */", *long_function])), "that says why")
    found = []
    for name in lint.files(source):
        if name.endswith((".c", ".h")):
            with open(os.path.join(source, name)) as file:
                found += mistakes(name, file.read().splitlines())
    lint.check(not found, "functions and files are short", "\n".join(found))
    lint.done()


main()
