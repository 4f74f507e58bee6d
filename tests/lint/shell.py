#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Shell scripts pass shellcheck."""

import lint


def main():
    source, _ = lint.arguments()
    for name in lint.scripts(source):
        is_ok, text = lint.command("shellcheck", "--external-sources", name, cwd=source)
        lint.check(is_ok, name, text)
    lint.done()


main()
