# SPDX-License-Identifier: Apache-2.0
"""Our test S3 must be as strict as the real one: boto3 is its judge, wrong signatures its test."""

import http.client

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.client import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from s3_server import Fault, S3Server

KEYS = ["plain", "a b+c=d&e~f", "dir/üñ/x:y@z", "tail/..%2F(1)'*!"]


def client(s3, secret=None, style="path", host="127.0.0.1", token=None):
    return boto3.client(
        "s3", endpoint_url=f"http://{host}:{s3.port}", region_name=s3.region,
        aws_access_key_id=s3.access_key, aws_secret_access_key=secret or s3.secret_key,
        aws_session_token=token,
        config=Config(s3={"addressing_style": style}, retries={"max_attempts": 0}))


@pytest.mark.parametrize("key", KEYS)
def test_boto3_puts_and_gets(key):
    with S3Server() as s3:
        boto = client(s3)
        boto.create_bucket(Bucket="bucket")
        boto.put_object(Bucket="bucket", Key=key, Body=b"0123456789")
        assert boto.get_object(Bucket="bucket", Key=key)["Body"].read() == b"0123456789"
        assert boto.get_object(Bucket="bucket", Key=key, Range="bytes=3-5")["Body"].read() == b"345"
        assert boto.head_object(Bucket="bucket", Key=key)["ContentLength"] == 10
        assert list(s3.buckets["bucket"]) == [key]


def test_session_token_is_asked_for():
    with S3Server(session_token="session") as s3:
        s3.put("bucket", "key", b"x")
        assert client(s3, token="session").get_object(Bucket="bucket", Key="key")
        with pytest.raises(ClientError, match="InvalidToken"):
            client(s3, token="other").get_object(Bucket="bucket", Key="key")


@pytest.mark.parametrize("bucket, key, code", [
    ("nobucket", "key", "NoSuchBucket"), ("bucket", "nokey", "NoSuchKey")])
def test_what_is_missing(bucket, key, code):
    with S3Server() as s3:
        s3.put("bucket", "key", b"x")
        with pytest.raises(ClientError, match=code):
            client(s3).get_object(Bucket=bucket, Key=key)


def test_wrong_secret():
    with S3Server() as s3:
        s3.put("bucket", "key", b"x")
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            client(s3, secret="wrong").get_object(Bucket="bucket", Key="key")


def test_clock_that_is_wrong():
    with S3Server(clock_offset=3600) as s3:
        s3.put("bucket", "key", b"x")
        with pytest.raises(ClientError, match="RequestTimeTooSkewed"):
            client(s3).get_object(Bucket="bucket", Key="key")


def signed(s3, path="/bucket/key"):
    request = AWSRequest("GET", f"{s3.endpoint}{path}", headers={"Host": f"127.0.0.1:{s3.port}"})
    S3SigV4Auth(Credentials(s3.access_key, s3.secret_key), "s3", s3.region).add_auth(request)
    return dict(request.headers.items())


def send(s3, headers, path="/bucket/key", method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", s3.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(errors="replace")
    finally:
        connection.close()


def test_changes_after_signing_are_refused():
    with S3Server() as s3:
        s3.put("bucket", "key", b"x")
        good = signed(s3)
        assert send(s3, good)[0] == 200
        assert send(s3, {"Host": good["Host"]})[0] == 403
        for name, value in [("X-Amz-Date", "20200101T000000Z"), ("X-Amz-Meta-New", "unsigned"),
                            ("X-Amz-Content-SHA256", "0" * 64), ("Host", "other.localhost")]:
            assert send(s3, {**good, name: value})[0] in (400, 403), name
        assert send(s3, good, path="/bucket/other")[0] == 403
        assert send(s3, good, path="/bucket/key?x=1")[0] == 403
        assert send(s3, good, method="HEAD")[0] == 403


def test_faults_are_committed_once():
    with S3Server(is_public=True) as s3:
        s3.put("bucket", "key", b"0123456789")
        s3.faults += [Fault(status=503), Fault(cut_after=4), Fault(content=b"wrong")]
        assert send(s3, {})[0] == 503
        with pytest.raises(http.client.IncompleteRead):
            send(s3, {})
        assert send(s3, {}) == (200, "wrong")
        assert send(s3, {}) == (200, "0123456789")
