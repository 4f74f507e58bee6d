#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""cppcheck's warnings; what it only suspects (style, performance) is left to readers.

It does not know that error_set and vsnprintf fill what they are given, so its view of uninitialised
values is left out: the compilers and the sanitizers see those.
"""

import lint


def main():
    source, build = lint.arguments()
    is_ok, text = lint.command(
        "cppcheck", "--quiet", "--enable=warning,portability", "--error-exitcode=1",
        "--inline-suppr", "--suppress=uninitvar", "--suppress=ctuuninitvar",
        "-D_GNU_SOURCE", "-D__linux__", "-D__x86_64__", "-I", source,
        "-i", build, *lint.FOLDERS, cwd=source)
    lint.check(is_ok, "cppcheck", text[:4000])
    lint.done()


main()
