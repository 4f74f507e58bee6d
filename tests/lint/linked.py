#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A heavy library lives in one program (docs/architecture.md, Programs)."""

import os
import re

import lint

# What each program may load, by the beginnings of library names.
ALWAYS = {"linux-vdso", "ld-linux", "/lib", "libc.so", "libm.so", "libgcc_s"}
ALLOWED = {
    "cli/mooring": {"libyajl"},  # where it is not static: the build has no musl
    "registry/mooring-fetch": {"libyajl", "libcrypto", "libssl", "libcurl", "libseccomp", "libcap"},
    "image/mooring-unpack": {"libyajl", "libcrypto", "libarchive", "libisal", "libzstd", "libz.",
                             "libseccomp", "libcap"},
    "compose/mooring-compose": {"libyajl", "libyaml"},
    "lifecycle/mooring-unzip": {"libyajl", "libz."},
    "lifecycle/mqtt/mooring-mqtt": {"libyajl", "libcrypto", "libssl", "libmosquitto", "libseccomp"},
    "lifecycle/mooring-nucleus": {"libyajl", "libcrypto", "libyaml", "libsqlite3"},
    "lifecycle/stream/mooring-streams": {"libyajl"},
}
STATIC = ["runtime/mooring-runc"]
# Functions of libraries that only helpers have.
HEAVY = r" (SSL_new|EVP_\w+|curl_easy_init|archive_read_new|xmlNewDoc|yaml_parser_initialize|sqlite3_open)$"


def libraries(path):
    """What the program itself asks for; what its libraries ask for is theirs."""
    is_ok, text = lint.command("readelf", "-d", path)
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text) if is_ok else None


def main():
    _, build = lint.arguments()
    for program, allowed in ALLOWED.items():
        path = os.path.join(build, program)
        needed = libraries(path)
        extra = [name for name in needed or []
                 if not any(name.startswith(start) for start in ALWAYS | allowed)]
        lint.check(needed is not None and not extra, f"{program} loads only its own libraries",
                   f"not built: {path}" if needed is None else f"loads {' '.join(extra)}")
    for program in STATIC:
        needed = libraries(os.path.join(build, program))
        lint.check(needed == [], f"{program} is static", f"needs {needed}")
    for program in STATIC + ["cli/mooring"]:
        is_ok, text = lint.command("nm", os.path.join(build, program))
        heavy = re.findall(HEAVY, text, re.MULTILINE)
        lint.check(is_ok and " main\n" in text and not heavy,
                   f"{program}: no TLS, HTTP, archive, XML, YAML or SQL in it", " ".join(heavy))
    lint.done()


main()
