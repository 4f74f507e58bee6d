# SPDX-License-Identifier: Apache-2.0
"""mooring-fetch and S3: signatures against a strict server, resume, and clear refusals."""

import random

import pytest

from fetch_peer import Fetch
from s3_server import Fault, S3Server

OBJECT = random.Random(2).randbytes(200_000)


def settings(server, **changes):
    aws = {"access_key_id": server.access_key, "secret_access_key": server.secret_key}
    if server.session_token:
        aws["session_token"] = server.session_token
    where = {"endpoint": server.endpoint, "region": server.region, "path_style": True}
    return {"aws": {**aws, **changes.pop("aws", {})}, "s3": {**where, **changes.pop("s3", {})},
            **changes}


def get(server, uri="s3://bucket/dir/key", offset=0, **changes):
    server.put("bucket", "dir/key", OBJECT)
    with Fetch(**settings(server, **changes)) as fetch:
        return fetch.get(op="s3", uri=uri, offset=offset)


@pytest.mark.parametrize("key", [
    "plain", "deep/er/file.tar.gz", "a b+c=d&e~f", "100%/%2F/%zz", "üñ/日本", "x:y@z(1)'*!$,;", "//a//b/",
    "../up/./x", "q?uery#fragment", "k" * 1024])
def test_keys_are_signed_as_they_are(key):
    with S3Server() as s3:
        s3.put("bucket", key, OBJECT)
        reply, body = get(s3, f"s3://bucket/{key}")
    assert reply["ok"], reply
    assert body == OBJECT and reply["size"] == len(OBJECT)


def test_session_token():
    with S3Server(session_token="IQoJb3JpZ2luX2VjE+/=") as s3:
        reply, body = get(s3)
    assert reply["ok"] and body == OBJECT


def test_virtual_host():
    """curl resolves every name below localhost to loopback."""
    with S3Server() as s3:
        reply, body = get(s3, s3={"endpoint": f"http://s3.localhost:{s3.port}", "path_style": False})
        assert reply["ok"], reply
        assert body == OBJECT
        assert (s3.requests[0].host, s3.requests[0].path) == (f"bucket.s3.localhost:{s3.port}", "/dir/key")


def test_bucket_with_a_dot_is_a_path():
    with S3Server() as s3:
        s3.put("my.bucket", "k", OBJECT)
        reply, _ = get(s3, "s3://my.bucket/k", s3={"endpoint": f"http://s3.localhost:{s3.port}",
                                                   "path_style": False})
        assert reply["ok"] and s3.requests[0].path == "/my.bucket/k"


def test_public_object_without_credentials():
    with S3Server(is_public=True) as s3:
        s3.put("bucket", "dir/key", OBJECT)
        with Fetch(s3={"endpoint": s3.endpoint, "path_style": True}) as fetch:
            reply, body = fetch.get(op="s3", uri="s3://bucket/dir/key")
        assert reply["ok"] and body == OBJECT and "authorization" not in s3.requests[0].headers


@pytest.mark.parametrize("uri, kind, part", [
    ("s3://bucket/nope", "not-found", "s3://bucket/nope: no such object (HTTP 404 Not Found, NoSuchKey"),
    ("s3://nobucket/k", "not-found", "s3://nobucket/k: the bucket does not exist"),
])
def test_what_is_missing(uri, kind, part):
    with S3Server() as s3:
        reply, body = get(s3, uri)
    assert (reply["ok"], reply["kind"], body) == (False, kind, b"") and part in reply["text"]


@pytest.mark.parametrize("aws, code", [
    ({"secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
    ({"access_key_id": "AKIDOTHER"}, "InvalidAccessKeyId")])
def test_wrong_credentials(aws, code):
    with S3Server() as s3:
        reply, _ = get(s3, aws=aws)
        assert (reply["kind"], len(s3.requests)) == ("denied", 1)
    assert reply["text"].startswith("s3://bucket/dir/key: access denied (HTTP 403 Forbidden, " + code)


def test_no_credentials():
    with S3Server() as s3, Fetch(s3={"endpoint": s3.endpoint, "path_style": True}) as fetch:
        reply, _ = fetch.get(op="s3", uri="s3://bucket/key")
    assert reply["kind"] == "denied" and "no AWS credentials" in reply["text"]


def test_wrong_region_is_corrected_once():
    with S3Server(region="eu-central-1") as s3:
        reply, body = get(s3, s3={"region": "us-east-1"})
        assert reply["ok"] and body == OBJECT and len(s3.requests) == 2


def test_redirect_to_another_region():
    with S3Server() as s3:
        s3.faults.append(Fault(status=301, code="PermanentRedirect",
                               headers={"x-amz-bucket-region": "ap-south-1"}))
        reply, _ = get(s3)
        assert reply["kind"] == "denied" or not reply["ok"]
        assert "/ap-south-1/s3/" in s3.requests[1].headers["authorization"]


def test_redirect_to_another_host_gets_no_signature():
    with S3Server() as s3, S3Server() as other:
        s3.faults.append(Fault(status=307, code="TemporaryRedirect",
                               headers={"Location": other.endpoint + "/bucket/dir/key"}))
        reply, _ = get(s3)
        assert not reply["ok"] and not other.requests and len(s3.requests) == 1


@pytest.mark.parametrize("offset", [86400 * 400, -86400 * 400])
def test_clock_of_the_server_is_taken(offset):
    with S3Server(clock_offset=offset) as s3:
        reply, body = get(s3)
        assert reply["ok"] and body == OBJECT and len(s3.requests) == 2


def test_resume_and_offset():
    with S3Server() as s3:
        s3.faults += [Fault(cut_after=1000), Fault(status=503, code="SlowDown"), Fault(cut_after=5)]
        reply, body = get(s3, offset=10)
        assert reply["ok"] and body == OBJECT[10:] and reply["size"] == len(OBJECT) - 10
        ranges = [seen.headers.get("range") for seen in s3.requests]
        assert ranges == ["bytes=10-", "bytes=1010-", "bytes=1010-", "bytes=1015-"]
        assert {seen.headers.get("if-match") for seen in s3.requests[1:]} != {None}


def test_part_of_an_object():
    """As the layers of a tarball are fetched, each by its place: cut off, it goes on to the same end."""
    with S3Server() as s3:
        s3.put("bucket", "dir/key", OBJECT)
        with Fetch(**settings(s3)) as fetch:
            for offset, length in ((0, 512), (1000, 5000), (len(OBJECT) - 1, 1)):
                reply, body = fetch.get(op="s3", uri="s3://bucket/dir/key", offset=offset, length=length)
                assert reply["ok"] and body == OBJECT[offset:offset + length] and reply["size"] == length
            s3.faults.append(Fault(cut_after=100))
            reply, body = fetch.get(op="s3", uri="s3://bucket/dir/key", offset=10, length=1000)
            assert reply["ok"] and body == OBJECT[10:1010]
            assert [seen.headers.get("range") for seen in s3.requests[-2:]] == ["bytes=10-1009", "bytes=110-1009"]
            reply, body = fetch.get(op="s3", uri="s3://bucket/dir/key", offset=len(OBJECT) - 5, length=10)
            assert not reply["ok"] and body == b""
            for length in (0, -2, 2**63 - 1):
                reply, _ = fetch.get(op="s3", uri="s3://bucket/dir/key", offset=1, length=length)
                assert reply["kind"] == "input" and "length" in reply["text"]


def test_object_replaced_while_being_read():
    class Replacing(S3Server):
        def take_fault(self):
            self.put("bucket", "dir/key", OBJECT)
            if len(self.requests) > 1:
                self.put("bucket", "dir/key", b"other" * 100_000)
            return Fault(cut_after=1000)

    with Replacing() as s3:
        reply, body = get(s3)
    # The server looked the object up before it was replaced; the third answer is about the new one.
    assert reply["kind"] == "corrupt" and "replaced" in reply["text"]
    assert body == OBJECT[:len(body)]


@pytest.mark.parametrize("fault, part", [
    (Fault(endless=True), "does not say how long"),
    (Fault(status=500, times=100), "500 Internal Server Error"),
    (Fault(cut_after=0, times=100), "unexpected EOF"),
    (Fault(reset=True, cut_after=0, times=100), "net/http"),
])
def test_server_that_is_broken(fault, part):
    with S3Server() as s3:
        s3.faults.append(fault)
        reply, body = get(s3)
    assert not reply["ok"] and part in reply["text"] and body == b""


@pytest.mark.parametrize("fault", [Fault(ignore_range=True), Fault(reset=True, cut_after=3000)])
def test_resume_that_the_server_complicates(fault):
    with S3Server() as s3:
        s3.faults += [Fault(cut_after=70_000), fault]
        reply, body = get(s3)
    assert reply["ok"] and body == OBJECT


def test_range_that_lies():
    with S3Server() as s3:
        s3.faults += [Fault(cut_after=70_000), Fault(shift_range=-1)]
        reply, body = get(s3)
    assert reply["kind"] == "corrupt" and body == OBJECT[:70_000]


@pytest.mark.parametrize("s3, part", [
    ({"endpoint": "ftp://127.0.0.1/"}, "S3 endpoint"), ({"endpoint": "nonsense"}, "S3 endpoint"),
    ({"region": "us-east-1.evil.test/"}, "region")])
def test_settings_that_make_no_sense(s3, part):
    with Fetch(s3=s3) as fetch:
        reply, _ = fetch.get(op="s3", uri="s3://bucket/key")
    assert not reply["ok"] and part in reply["text"]
