#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Manual pages are right mdoc, and every program has one."""

import os

import lint

PAGES = ["mooring.1", "mooring-deploy.1", "mooring-docker.1", "mooring-nucleus.8", "mooring-runc.8", "mooring-stream.1"]


def main():
    source, _ = lint.arguments()
    folder = os.path.join(source, "docs", "man")
    found = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    for page in PAGES:
        lint.check(page in found, f"there is a {page}")
    for page in (name for name in found if name[-2:] in (".1", ".5", ".7", ".8")):
        is_ok, text = lint.command("mandoc", "-Tlint", "-Wwarning", os.path.join(folder, page))
        lint.check(is_ok, f"mandoc {page}", text)
    lint.done()


main()
