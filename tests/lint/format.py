#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""C is laid out as .clang-format says."""

import lint


def main():
    source, _ = lint.arguments()
    names = [name for name in lint.files(source) if name.endswith((".c", ".h"))]
    is_ok, text = lint.command("clang-format-14", "--dry-run", "-Werror", *names, cwd=source)
    lint.check(bool(names) and is_ok, f"clang-format of {len(names)} files", text[:4000])
    lint.done()


main()
