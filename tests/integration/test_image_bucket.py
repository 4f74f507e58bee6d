# SPDX-License-Identifier: Apache-2.0
"""docker load -i s3://BUCKET/KEY: an archive in a bucket, read where it lies; the server is strict about signatures."""

import gzip
import os
import re

import pytest
import world
from image_archives import Layout
from s3_server import Fault, S3Server

BIG = [world.tar_bytes([(f"data/{i}", os.urandom(700_000))]) for i in range(3)]


@pytest.fixture
def s3(moor):
    with S3Server() as server:
        moor.env.update({"AWS_ENDPOINT_URL_S3": server.endpoint, "AWS_REGION": server.region,
                         "AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key})
        yield server


def put(s3, image, directory, name, key="images/app.tar", compress=bytes):
    """As docker save writes it; its size."""
    with open(image.save(os.path.join(directory, "app.tar"), name), "rb") as file:
        content = compress(file.read())
    s3.put("bucket", key, content)
    return len(content)


def received(s3):
    """Bytes that were asked for since the last time."""
    ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"]) for request in s3.requests]
    del s3.requests[:]
    return sum(int(found[2]) - int(found[1]) + 1 for found in ranges)


def test_only_missing_layers_are_fetched(moor, s3, tmp_path):
    size = put(s3, world.Image(BIG[:2]), tmp_path, "app:1")
    assert moor.docker("load", "-i", "s3://bucket/images/app.tar").stdout == "Loaded image: app:1\n"
    assert sum(map(len, BIG[:2])) < received(s3) <= size + 300_000
    newer = world.Image([*BIG[:2], BIG[2]])
    put(s3, newer, tmp_path, "app:2")
    assert moor.docker("load", "-i", "s3://bucket/images/app.tar").stdout == "Loaded image: app:2\n"
    assert len(BIG[2]) < received(s3) < len(BIG[2]) + 300_000
    moor.docker("load", "-q", "-i", "s3://bucket/images/app.tar")
    assert received(s3) < 300_000
    assert moor.docker("images", "-q", "--no-trunc", "app:2").stdout == newer.id + "\n"
    assert "nothing is damaged" in moor.docker("image", "verify").stdout


def test_compressed_archives_and_layouts(moor, s3, tmp_path):
    image = world.Image(BIG[:1])
    put(s3, image, tmp_path, "zipped:1", "zipped.tar.gz", lambda data: gzip.compress(data, 1))
    assert moor.docker("load", "-i", "s3://bucket/zipped.tar.gz").stdout == "Loaded image: zipped:1\n"
    layout = Layout(*BIG, name="layout:1", compress=lambda data: gzip.compress(data, 1))
    s3.put("bucket", "layout.tar", layout.tar())
    assert moor.docker("load", "-i", "s3://bucket/layout.tar").stdout == "Loaded image: layout:1\n"
    assert moor.docker("images", "-q", "--no-trunc", "zipped:1").stdout == image.id + "\n"


def test_broken_connections(moor, s3, tmp_path):
    """Each read goes on where it was cut."""
    image = world.Image(BIG)
    put(s3, image, tmp_path, "cut:1")
    s3.faults.append(Fault(cut_after=200, times=4))
    assert moor.docker("load", "-i", "s3://bucket/images/app.tar").stdout == "Loaded image: cut:1\n"
    put(s3, world.Image(BIG[:1]), tmp_path, "zipped:1", "z.gz", lambda data: gzip.compress(data, 1))
    s3.faults.append(Fault(cut_after=100_000, times=2))
    moor.docker("rmi", "cut:1")
    assert moor.docker("load", "-i", "s3://bucket/z.gz").stdout == "Loaded image: zipped:1\n"


@pytest.mark.parametrize("what,text", [
    ("key", "NoSuchKey"), ("secret", "SignatureDoesNotMatch"), ("short", "HTTP 416"), ("other", "manifest.json"),
    ("layer", "invalid diffID"), ("cut", "unexpected EOF"), ("ranges", "sends all where a part was asked for")])
def test_what_cannot_be_loaded(moor, s3, tmp_path, what, text):
    size = put(s3, world.Image(BIG[:1]), tmp_path, "bad:1")
    content = bytearray((tmp_path / "app.tar").read_bytes())
    if what == "secret":
        moor.env["AWS_SECRET_ACCESS_KEY"] = "wrong"
    elif what == "ranges":
        s3.faults.append(Fault(ignore_range=True, times=9))
    elif what == "layer":
        at = content.index(BIG[0][2000:2100])
        content[at:at + 100] = bytes(100)
    changed = {"short": b"", "other": BIG[0], "layer": bytes(content), "cut": bytes(content[:size - 400_000])}
    if what in changed:
        s3.put("bucket", "images/app.tar", changed[what])
    failed = moor.docker("load", "-i", "s3://bucket/" + ("nothing" if what == "key" else "images/app.tar"), code=1)
    assert text in failed.stderr and failed.stderr.count("\n") == 1, failed.stderr
    assert moor.docker("images", "-q").stdout == "" and os.listdir(os.path.join(moor.root, "layers")) == []
