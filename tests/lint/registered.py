#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every test source is built and run: a misspelt name in a list must not lose a test."""

import json

import lint


def main():
    source, build = lint.arguments()
    is_ok, text = lint.command("meson", "introspect", "--tests", build)
    tests = {test["name"] for test in json.loads(text)} if is_ok else set()
    lint.check(bool(tests), "meson knows the tests", text)
    for name in lint.files(source):
        folder, _, rest = name.rpartition("/")
        stem = rest.removesuffix(".c")
        if folder == "tests/unit" and rest.endswith(".c"):
            lint.check(stem in tests, f"{name} is a test", "see tests/unit/meson.build")
        if folder == "tests/fuzz" and rest.endswith(".c") and stem != "replay":
            lint.check(f"replay-{stem}" in tests, f"{name} is a fuzz target",
                       "see tests/fuzz/meson.build")
    lint.done()


main()
