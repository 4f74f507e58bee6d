# SPDX-License-Identifier: Apache-2.0
"""A password from moto's ECR, which checks our signature with botocore's own code; and what boto3 gets from the same
server with the same keys."""

import base64
import json
import urllib.request

import pytest
from aws_server import EcrRegistry
from fetch_peer import Fetch, Server, make_certificate
from test_s3_moto import moto  # noqa: F401

DOMAIN = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
ADDRESS = "127.77.2.1"  # nobody else's port 443
MANIFEST = b'{"schemaVersion":2}'
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def keys_of(moto):
    environment = moto.environment
    return environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]


@pytest.fixture(scope="module")
def allowed(moto):
    """The user may ask for a password, too."""
    request = urllib.request.Request(moto.endpoint + "/moto-api/reset-auth", data=b"100",
                                     headers={"Content-Type": "text/plain"})
    urllib.request.urlopen(request).close()
    moto.client("iam").put_user_policy(UserName="device", PolicyName="ecr", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"}]}))
    request.data = b"0"
    urllib.request.urlopen(request).close()
    return moto


def pull(moto, tmp_path, password, **keys):
    pem = make_certificate(tmp_path, DOMAIN)
    with open(pem, encoding="ascii") as file:
        ca = file.read()
    registry = EcrRegistry(password, MANIFEST, OCI_MANIFEST)
    with Server(registry, address=ADDRESS, port=443, certificate=pem), \
            Fetch(hosts={DOMAIN: ADDRESS}, ca=ca, ecr={"endpoint": moto.endpoint}, aws=keys) as fetch:
        return fetch.get(op="manifest", reference=f"{DOMAIN}/x:1")


def test_password_is_the_one_that_boto3_gets(allowed, tmp_path):
    key, secret = keys_of(allowed)
    (data,) = allowed.client("ecr", key, secret).get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert user == "AWS"
    reply, body = pull(allowed, tmp_path, password, access_key_id=key, secret_access_key=secret)
    assert reply["ok"] and body == MANIFEST, reply


def test_wrong_secret(allowed, tmp_path):
    reply, _ = pull(allowed, tmp_path, "x", access_key_id=keys_of(allowed)[0], secret_access_key="wrong")
    assert reply["kind"] == "denied" and "ECR: " in reply["text"], reply
