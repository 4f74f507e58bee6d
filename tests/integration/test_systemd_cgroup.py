# SPDX-License-Identifier: Apache-2.0
"""--systemd-cgroup: what is refused before any systemd is asked. With one: tests/vm/test_systemd.py."""

import pytest

import bundle as bundles


@pytest.fixture
def bundle(moor):
    bundle = bundles.Bundle(moor)
    yield bundle
    assert bundle.traces() == []


def refused(bundle, path):
    """The message when no systemd is there; /run is another one meanwhile."""
    bundle.config["linux"]["cgroupsPath"] = path
    bundle.write()
    return bundle.moor.run(
        "unshare", "--mount", "--propagation", "private", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"',
        "sh", bundles.world.BUILD + "/runtime/mooring-runc", "--root", bundle.moor.run_dir + "/runc",
        "--systemd-cgroup", "run", "--bundle", bundle.path, bundle.id, code=1).stderr


@pytest.mark.parametrize("path", ["", "system.slice:runc:x", "a-b-c.slice:x:y", ":x:y", "-.slice:x:y", "::y"])
def test_no_systemd(bundle, path):
    assert "systemd is not running on this host" in refused(bundle, path)


@pytest.mark.parametrize("path", ["/x", "x", "a:b", "system.slice:a:b:c", "::::"])
def test_not_three_parts(bundle, path):
    assert 'expected cgroupsPath to be of format "slice:prefix:name"' in refused(bundle, path)


@pytest.mark.parametrize("slice", ["system", ".slice", "-a.slice", "a-.slice", "a--b.slice", "x.service"])
def test_not_a_slice(bundle, slice):
    assert f"invalid slice name: {slice}" in refused(bundle, slice + ":runc:x")


@pytest.mark.parametrize("path", ["system.slice:runc:a/b", "system.slice:../x:y", "a/b.slice:x:y",
                                  "system.slice:runc:a b", "system.slice:runc:" + "x" * 255])
def test_not_a_unit(bundle, path):
    assert "is not a unit's name" in refused(bundle, path)
