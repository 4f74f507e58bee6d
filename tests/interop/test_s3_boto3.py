# SPDX-License-Identifier: Apache-2.0
"""Our S3 test server against the newest boto3: what our client is tested with must be right itself."""

import boto3
import botocore.exceptions
import pytest
from s3_server import S3Server


def client(server, secret):
    return boto3.client("s3", endpoint_url=server.endpoint, region_name="us-east-1",
                        aws_access_key_id="AKIDTEST", aws_secret_access_key=secret,
                        config=boto3.session.Config(s3={"addressing_style": "path"}))


def test_round_trip():
    with S3Server() as server:
        server.put("b", "first", b"")  # makes the bucket
        s3 = client(server, "secret/with+signs")
        s3.put_object(Bucket="b", Key="a key/ü+%~.bin", Body=b"x" * 100000)
        assert s3.get_object(Bucket="b", Key="a key/ü+%~.bin")["Body"].read() == b"x" * 100000
        part = s3.get_object(Bucket="b", Key="a key/ü+%~.bin", Range="bytes=99990-")
        assert part["Body"].read() == b"x" * 10


def test_wrong_secret():
    with S3Server() as server:
        server.put("b", "k", b"x")
        with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
            client(server, "wrong").get_object(Bucket="b", Key="k")
