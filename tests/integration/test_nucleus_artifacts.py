# SPDX-License-Identifier: Apache-2.0
"""What a nucleus does to get artifacts: a private registry with the device's role, patience with what passes, and
images that go when nothing names them any more."""

import base64
import gzip
import hashlib
import os
import re

import pytest

import greengrass
import world
from aws_server import AwsServer, EcrRegistry
from fetch_peer import WITH_HOSTS, Server, make_certificate
from resident import Resident, wait_until
from s3_server import Fault, S3Server
from test_registries import forward

ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
ADDRESS = "127.77.3.1"  # nobody else's port 443
AT_ONCE = {"Retry_After": "0"}
SLEEP = {"run": "sleep 1000"}
SEED = os.path.join(world.TESTS, "cases", "recipe", "seed", "com.example.MyPrivateDockerComponent-1.0.0.json")


def make_device(moor, directory, nucleus=None, **sections):
    """One that is impatient, as far as the schedules allow it."""
    return Resident(directory, moor.env, config={"retry": {"longestPauseMs": 50}, **sections, "services": {
        "aws.greengrass.Nucleus": {"configuration": {"runWithDefault": {"posixUser": "root"}, **(nucleus or {})}}}})


def end(device):
    if device.process:
        device.end()


# -- a private registry of AWS ---------------------------------------------------------------------


def test_private_ecr_image_by_the_token_exchange(moor, registry, tmp_path):
    """The guide's recipe: thing certificate → role's keys → signed request to ECR → password → pull. Nobody has logged
    in; the component's own environment has none of it."""
    pem = make_certificate(tmp_path, ECR)
    certificates = greengrass.Certificates(tmp_path)
    provider = greengrass.CredentialsProvider(certificates)
    aws = AwsServer(keys=[("ASIAEXAMPLE", "secret", "token")])
    door = EcrRegistry(aws.password, b"", "")
    registry.push(world.Image(Cmd=["/bin/echo", "from ECR"]), "team/ecr", "1", gzip.compress,
                  "application/vnd.oci.image.layer.v1.tar+gzip")

    def serve(call):
        if call.header("Authorization") == door.authorization and call.path != "/v2/":
            forward(call, registry.address)
        else:
            door(call)

    device = make_device(moor, tmp_path / "device", {
        "awsRegion": "eu-west-1", "iotRoleAlias": "MyAlias", "iotCredEndpoint": provider.endpoint},
        system={"thingName": greengrass.THING, "certificateFilePath": certificates.thing,
                "privateKeyPath": certificates.thing_key, "rootCaPath": certificates.root})
    with open(SEED, encoding="utf-8") as file:
        text = file.read()
    assert "account-id.dkr.ecr.region.amazonaws.com/repository[:tag|@digest]" in text
    with open(os.path.join(device.recipes, "private.json"), "w", encoding="utf-8") as file:
        file.write(text.replace("account-id.dkr.ecr.region.amazonaws.com/repository[:tag|@digest]", f"{ECR}/team/ecr:1"))
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} {ECR}\n")
    name = "com.example.MyPrivateDockerComponent"
    try:
        with Server(serve, address=ADDRESS, port=443, certificate=pem), Server(aws) as api, \
                device.start(("unshare", "--mount", "sh", "-c", WITH_HOSTS.replace('"$1"', '"$@"'), str(hosts)),
                             SSL_CERT_FILE=pem, AWS_ENDPOINT_URL_ECR=f"http://{api.host}"):
            device.deploy(add={name: "1.0.0"})
            device.wait_for(name, "FINISHED")
            assert device.lines(name) == ["from ECR"]
            assert aws.given == ["ASIAEXAMPLE"] and aws.region == "eu-west-1"
            assert provider.requests == [("/role-aliases/MyAlias/credentials", greengrass.THING)]
            assert moor.docker("images", "-q", f"{ECR}/team/ecr:1").stdout.strip()
    finally:
        provider.close()


# -- what passes, and what does not ----------------------------------------------------------------


def tries_again(device):
    return re.findall(r"trying again in \d+ s", device.log("greengrass"))


def test_registry_that_comes_up_later(moor, registry, tmp_path):
    """Out of reach, then unavailable, then there."""
    image = world.Image(Cmd=["/bin/echo", "at last"])
    registry.push(image, "nucleus/late", "1")
    port = world.free_port()
    device = make_device(moor, tmp_path / "device")
    device.recipe({"run": f"docker run --rm --network none 127.0.0.1:{port}/nucleus/late:1"},
                  artifacts=[{"URI": f"docker:127.0.0.1:{port}/nucleus/late:1"}])
    is_up = False

    def serve(call):
        if is_up:
            forward(call, registry.address)
        else:
            call.reply(503, b"", **AT_ONCE)

    with device:
        deployment = device.begin(add={"A": "1.0.0"})
        wait_until(lambda: "connection refused (trying again" in device.log("greengrass"), "it to find nobody")
        with Server(serve, port=port):
            wait_until(lambda: "503 Service Unavailable (trying again" in device.log("greengrass"), "it to be put off")
            assert device.status(deployment)["status"] == "IN_PROGRESS"
            is_up = True
            assert device.finish(deployment)["detailedDeploymentStatus"] == "SUCCESSFUL"
        wait_until(lambda: "at last" in device.lines(), "its output")


@pytest.fixture
def s3():
    with S3Server() as server:
        yield server


def test_objects_of_s3(moor, s3, tmp_path):
    good = b"what the recipe promises"
    digest = base64.b64encode(hashlib.sha256(good).digest()).decode()
    device = make_device(moor, tmp_path / "device", s3={"endpoint": s3.endpoint, "region": s3.region})
    s3.put("bucket", "wrong", b"another thing")
    s3.put("bucket", "busy", good)
    for name, uri in (("Wrong", "wrong"), ("Mended", "wrong"), ("Busy", "busy"), ("Missing", "no/such")):
        device.recipe(SLEEP, name=name, artifacts=[
            {"URI": f"s3://bucket/{uri}", **({"Digest": digest, "Algorithm": "SHA-256"} if uri == "wrong" else {})}])
    device.start(AWS_ACCESS_KEY_ID=s3.access_key, AWS_SECRET_ACCESS_KEY=s3.secret_key)
    try:
        cause = device.deploy(add={"Wrong": "1.0.0"}, result="FAILED_NO_STATE_CHANGE")["deploymentFailureCause"]
        assert cause == "Wrong: artifact s3://bucket/wrong: the object is not what the recipe's digest promises"
        assert len(tries_again(device)) == 9, "ten attempts"
        deployment = device.begin(add={"Mended": "1.0.0"})
        wait_until(lambda: len(tries_again(device)) > 9, "it to find the wrong one")
        s3.put("bucket", "wrong", good)
        assert device.finish(deployment)["detailedDeploymentStatus"] == "SUCCESSFUL"
        before = len(tries_again(device))
        s3.faults.append(Fault(status=503, times=1000, headers={"Retry-After": "0"}))
        deployment = device.begin(add={"Busy": "1.0.0"})
        wait_until(lambda: len(tries_again(device)) > before + 10, "it to be patient")
        s3.faults.clear()
        assert device.finish(deployment)["detailedDeploymentStatus"] == "SUCCESSFUL"
        before = len(tries_again(device))
        cause = device.deploy(add={"Missing": "1.0.0"}, result="FAILED_NO_STATE_CHANGE")["deploymentFailureCause"]
        assert cause.startswith("Missing: artifact s3://bucket/no/such: ")
        assert len(tries_again(device)) == before, "what is not there is not waited for"
    finally:
        end(device)


# -- images that go ---------------------------------------------------------------------------------


def test_stale_images(moor, registry, tmp_path):
    """An image goes with the last stored version that names it, when no container needs it; one that somebody has loaded
    stays."""
    for name in ("shared", "own"):
        registry.push(world.Image(Cmd=["/bin/sleep", "1000"], Labels={"name": name}), f"stale/{name}", "1")
    shared, own = (f"{registry.address}/stale/{name}:1" for name in ("shared", "own"))
    device = make_device(moor, tmp_path / "device")
    for name, images in (("A", [shared]), ("B", [shared, own]), ("C", [])):
        device.recipe({"run": "true"}, name=name, artifacts=[{"URI": f"docker:{image}"} for image in images])

    def images():
        return moor.docker("images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()

    def is_stored(name):
        stored = os.path.join(device.root, "packages", "recipes")
        key = base64.urlsafe_b64encode(hashlib.sha256(name.encode()).digest()).decode().rstrip("=")
        return any(file.startswith(key) for file in os.listdir(stored))

    moor.docker("load", "-i", world.Image(Labels={"name": "loaded"}).save(tmp_path / "x.tar", "loaded:1"))
    with device:
        device.deploy(add={"A": "1.0.0", "B": "1.0.0", "C": "1.0.0"})
        for name in ("A", "B", "C"):
            os.unlink(os.path.join(device.recipes, f"{name}-1.0.0.json"))
        device.deploy(add={}, remove=["A"])
        wait_until(lambda: not is_stored("A"), "A to be forgotten")
        assert sorted(images()) == sorted([shared, own, "loaded:1"]), "B names it, too"
        moor.docker("run", "-d", "--name", "user", "--network", "none", shared)
        device.deploy(add={}, remove=["B"])
        wait_until(lambda: f"image {shared} is in use (trying again" in device.log("greengrass"), "it to try")
        assert shared in images() and is_stored("B")
        moor.docker("rm", "-f", "user")
        device.deploy(add={"C": "1.0.0"})
        wait_until(lambda: not is_stored("B"), "B to be forgotten")
        assert images() == ["loaded:1"]
