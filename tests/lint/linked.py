#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A heavy library lives in one program (docs/architecture.md, Programs)."""

import os
import re

import lint

# What each program may load, by the beginnings of library names.
ALWAYS = {"linux-vdso", "ld-linux", "/lib", "libc.so", "libm.so", "libgcc_s"}
ALLOWED = {
    "cli/mooring": {"libyajl"},
    "registry/mooring-fetch": {"libyajl", "libcrypto", "libcurl", "libseccomp", "libcap"},
    "image/mooring-unpack": {"libyajl", "libcrypto", "libarchive", "libisal", "libzstd", "libz.",
                             "libseccomp", "libcap"},
    "compose/mooring-compose": {"libyajl", "libyaml"},
    "lifecycle/mooring-unzip": {"libyajl", "libz."},
    "lifecycle/mqtt/mooring-mqtt": {"libyajl", "libcrypto", "libssl", "libmosquitto", "libseccomp"},
    "lifecycle/mooring-nucleus": {"libyajl", "libcrypto", "libyaml", "libsqlite3"},
    "lifecycle/stream/mooring-streams": {"libyajl"},
}
STATIC = ["runtime/mooring-runc"]


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
    is_ok, text = lint.command("ldd", os.path.join(build, "cli/mooring"))
    heavy = [name for name in ("ssl", "crypto", "curl", "archive", "xml", "yaml", "sqlite")
             if f"lib{name}" in text]
    lint.check(is_ok and not heavy, "ldd mooring: no TLS, HTTP, archive or XML library", text)
    for program in STATIC:
        needed = libraries(os.path.join(build, program))
        lint.check(needed == [], f"{program} is static", f"needs {needed}")
    lint.done()


main()
