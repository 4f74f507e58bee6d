# SPDX-License-Identifier: Apache-2.0
"""An artifact from moto's S3, which checks our signature with botocore's own code."""

import json
import os
import sys
import urllib.request

import boto3
import botocore.exceptions
import pytest

import world

COMPONENT = "com.example.FromBucket"
KEYS = ["greeting.txt", "dir with spaces/plus+percent%/ünïcode~()*'!.txt"]


def recipe(key):
    return {
        "RecipeFormatVersion": "2020-01-25",
        "ComponentName": COMPONENT,
        "ComponentVersion": "1.0.0",
        "Manifests": [{
            "Platform": {"os": "linux"},
            "Lifecycle": {"Run": {"RequiresPrivilege": True,
                                  "Script": f"cat '{{artifacts:path}}/'{quoted(key)}"}},
            "Artifacts": [{"URI": "s3://artifacts/" + key}],
        }],
    }


def quoted(key):
    """The last part of a key as a word for sh."""
    return "'" + key.rsplit("/", 1)[-1].replace("'", "'\\''") + "'"


class Moto:
    """A moto server with one user who may read one bucket, and who must sign for it."""

    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}"
        iam = self.client("iam")
        iam.create_user(UserName="device")
        key = iam.create_access_key(UserName="device")["AccessKey"]
        self.environment = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                            "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        iam.put_user_policy(UserName="device", PolicyName="read", PolicyDocument=json.dumps({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}))
        s3 = self.client("s3")
        s3.create_bucket(Bucket="artifacts")
        for name in KEYS:
            s3.put_object(Bucket="artifacts", Key=name, Body=f"content of {name}\n".encode())
        enforce = urllib.request.Request(self.endpoint + "/moto-api/reset-auth", data=b"0",
                                         headers={"Content-Type": "text/plain"})
        urllib.request.urlopen(enforce).close()

    def client(self, service, key="testing", secret="testing"):
        return boto3.client(service, endpoint_url=self.endpoint, region_name="us-east-1",
                            aws_access_key_id=key, aws_secret_access_key=secret)


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    port = world.free_port()
    server = os.path.join(os.path.dirname(sys.executable), "moto_server")
    with open(tmp_path_factory.mktemp("moto") / "log", "w") as log:
        with world.serving([server, "-H", "127.0.0.1", "-p", str(port)], port, stdout=log,
                           stderr=log):
            yield Moto(port)


def deploy(moor, moto, tmp_path, key, **environment):
    recipes = tmp_path / "recipes"
    recipes.mkdir()
    (recipes / f"{COMPONENT}-1.0.0.json").write_text(json.dumps(recipe(key)))
    with open(os.path.join(moor.config, "mooring.yaml"), "w") as config:
        config.write(f"s3:\n  endpoint: {moto.endpoint}\n  region: us-east-1\n  path_style: true\n")
    return moor.mooring("deploy", "--foreground", "--recipe-dir", recipes, "--merge",
                        f"{COMPONENT}=1.0.0", code=None, env={**moto.environment, **environment})


def test_moto_refuses_a_wrong_signature(moto):
    client = moto.client("s3", moto.environment["AWS_ACCESS_KEY_ID"], "wrong")
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        client.get_object(Bucket="artifacts", Key=KEYS[0])


@pytest.mark.parametrize("key", KEYS)
def test_artifact(moor, moto, tmp_path, key):
    done = deploy(moor, moto, tmp_path, key)
    assert done.returncode == 0, done.stderr
    log = os.path.join(moor.root, "components", "logs", COMPONENT + ".log")
    with open(log) as file:
        assert f"content of {key}" in file.read()


def test_wrong_secret(moor, moto, tmp_path):
    done = deploy(moor, moto, tmp_path, KEYS[0], AWS_SECRET_ACCESS_KEY="wrong")
    assert done.returncode != 0
    assert "s3://artifacts/greeting.txt" in done.stderr
    assert "SignatureDoesNotMatch" in done.stderr


def test_missing_object(moor, moto, tmp_path):
    done = deploy(moor, moto, tmp_path, "no-such-object")
    assert done.returncode != 0
    assert "s3://artifacts/no-such-object" in done.stderr
