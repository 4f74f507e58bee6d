#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every source as a compiler for 32-bit ARM sees it: no warning. Nothing is linked."""

import concurrent.futures
import json
import os
import shlex

import lint

COMPILER = "arm-linux-gnueabihf-gcc"
# This machine's headers of libraries, behind the compiler's own of the C library.
HEADERS = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]
WITH_VALUE = {"-o", "-MQ", "-MF"}
FOREIGN = ("-M", "-fcf-protection", "-specs", "-I/usr/")


def options(command):
    """What a build for this machine says, without what only it understands."""
    words = iter(shlex.split(command))
    for word in words:
        if word in WITH_VALUE:
            next(words)
        elif word.startswith("-") and not word.startswith(FOREIGN):
            yield word


def compile_as_arm(build, entry):
    return lint.command(COMPILER, "-fsyntax-only", "-Werror", *HEADERS, *options(entry["command"]), "-fdiagnostics-color=never", entry["file"], cwd=build)


def main():
    source, build = lint.arguments()
    with open(os.path.join(build, "compile_commands.json")) as file:
        found = {entry["file"]: entry for entry in json.load(file)}
    folders = {os.path.join(os.path.relpath(source, build), folder) for folder in lint.FOLDERS}
    ours = [entry for name, entry in sorted(found.items()) if name.startswith(tuple(f"{folder}/" for folder in folders))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda entry: compile_as_arm(build, entry), ours))
    failed = "".join(text for is_ok, text in results if not is_ok)
    lint.check(len(ours) > 400 and not failed, f"{COMPILER} has nothing to say", failed[:4000] or f"only {len(ours)} sources")
    lint.done()


main()
