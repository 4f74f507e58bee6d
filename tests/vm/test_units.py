# SPDX-License-Identifier: Apache-2.0
"""The unit tests and the fuzz targets' corpora, where meson is not: on another machine than that which built them."""

import glob
import os
import subprocess

import pytest

BUILD = os.environ["MOORING_BUILD"]
CORPUS = os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(__file__))), "fuzz", "corpus")
TIMEOUT = 900  # seconds, under emulation


def found(pattern):
    paths = {os.path.basename(path).partition("-")[2]: path for path in glob.glob(f"{BUILD}/tests/{pattern}")
             if not path.endswith(".p")}
    return [pytest.param(name, paths[name], id=name) for name in sorted(paths)]


def check(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", timeout=TIMEOUT)
    failed = [line for line in done.stdout.splitlines() if not line.startswith("ok ")]
    assert done.returncode == 0 and "ok 1" in done.stdout, "\n".join(failed)


@pytest.mark.parametrize("name, path", found("unit/test-*"))
def test_unit(name, path):
    check(path)


@pytest.mark.parametrize("name, path", found("fuzz/replay-*"))
def test_corpus(name, path):
    check(path, f"{CORPUS}/{name}")
