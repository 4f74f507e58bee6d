# SPDX-License-Identifier: Apache-2.0
"""A device with a thing's certificate: S3 artifacts and components with the device's role, AWS IoT Core."""

import json
import os
import select

import pytest

import greengrass
import world
from ipc_peer import Client
from resident import Resident, wait_until
from s3_server import S3Server

ASK = ("import os, urllib.request as r; print(r.urlopen(r.Request("
       "os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], headers={'Authorization': "
       "os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']})).read().decode())")


@pytest.fixture
def certificates(tmp_path):
    os.makedirs(tmp_path / "certificates")
    return greengrass.Certificates(tmp_path / "certificates")


@pytest.fixture
def provider(certificates):
    provider = greengrass.CredentialsProvider(certificates)
    yield provider
    provider.close()


def make_device(moor, directory, certificates, provider, s3, broker_port, **mqtt):
    return Resident(directory, moor.env, config={
        "system": {"thingName": greengrass.THING, "certificateFilePath": certificates.thing,
                   "privateKeyPath": certificates.thing_key, "rootCaPath": certificates.root},
        "s3": {"endpoint": s3.endpoint, "region": s3.region},
        "services": {"aws.greengrass.Nucleus": {"configuration": {
            "awsRegion": s3.region, "iotRoleAlias": "MyAlias",
            "iotCredEndpoint": provider.endpoint, "iotDataEndpoint": "localhost",
            "mqtt": {"port": broker_port, **mqtt}, "runWithDefault": {"posixUser": "root"}}}}})


def test_device_with_a_cloud(moor, tmp_path, certificates, provider):
    broker = greengrass.Broker(tmp_path / "broker", certificates)
    broker.start()
    with S3Server(access_key="ASIAEXAMPLE", secret_key="secret", session_token="token") as s3:
        s3.put("bucket", "a/file.txt", b"from S3 with the role's credentials")
        device = make_device(moor, tmp_path / "device", certificates, provider, s3, broker.port)
        device.recipe(
            {"run": "cat {artifacts:path}/file.txt; echo; echo $AWS_IOT_THING_NAME $AWS_REGION; "
                    f"/usr/bin/python3 -c \"{ASK}\"; echo $SVCUID > token; sleep 1000"},
            needs={"aws.greengrass.TokenExchangeService": "HARD"},
            artifacts=[{"URI": "s3://bucket/a/file.txt"}],
            configuration={"accessControl": {"aws.greengrass.ipc.mqttproxy": {"A:1": {
                "operations": ["aws.greengrass#PublishToIoTCore"], "resources": ["site/*"]}}}})
        try:
            with device:
                device.deploy(add={"A": "1.0.0"})
                wait_until(lambda: len(device.lines()) == 3, "its output")
                first, names, answer = device.lines()
                assert first == "from S3 with the role's credentials"
                assert names == f"{greengrass.THING} {s3.region}"
                assert json.loads(answer)["AccessKeyId"] == "ASIAEXAMPLE"
                assert provider.requests[0] == ("/role-aliases/MyAlias/credentials",
                                                greengrass.THING)
                assert len(provider.requests) == 1, "fetched once for all"
                port = device.client.call("GetConfiguration", keyPath=["activePort"],
                                          componentName="aws.greengrass.TokenExchangeService")
                assert port["value"]["activePort"] > 0
                wait_until(lambda: os.path.exists(device.work("token")), "its token")
                with broker.subscriber("site/#") as lines, \
                        Client(os.path.join(device.root, "ipc.socket"),
                               device.read("token").strip()) as peer:
                    peer.call("PublishToIoTCore", topicName="site/1", qos="1",
                              payload=greengrass.blob("hello"))
                    wait_until(lambda: "site/1 hello" in list(lines()), "the message")
                speak_by_greengrass_cli(moor, device, broker)
                move_to_another_broker(device, broker, tmp_path / "other")
        finally:
            broker.stop()


def speak_by_greengrass_cli(moor, device, broker):
    program = (os.path.join(world.BUILD, "cli", "bin", "greengrass-cli"), "--ggcRootPath", device.root, "iotcore")
    with broker.subscriber("hand/#", client="hand") as lines:
        moor.run(*program, "pub", "--topic", "hand/1", "--message", "by hand")
        wait_until(lambda: "hand/1 by hand" in list(lines()), "the message")
    listener = moor.start(*program, "sub", "--topic", "back/#")
    try:
        wait_until(lambda: broker.publish("back/1", "from the cloud") or
                   select.select([listener.stdout], [], [], 0.1)[0], "it to listen")
        assert listener.stdout.readline() == "from the cloud\n"
    finally:
        listener.terminate()
        listener.communicate()


def move_to_another_broker(device, broker, directory):
    """A deployment gives another port: the nucleus begins anew with it, and goes on with the deployment."""
    other = greengrass.Broker(directory, broker.certificates)
    other.start()
    try:
        before = device.read("token")
        deployment = device.begin(add={"A": "1.0.0"}, merge={
            "aws.greengrass.Nucleus": {"mqtt": {"port": other.port}}})
        wait_until(lambda: device.read("token").strip() and device.read("token") != before, "another token")
        device.client.socket.close()
        device.client = wait_until(device.try_to_connect, "it to listen")
        assert device.finish(deployment)["detailedDeploymentStatus"] == "SUCCESSFUL"
        with other.subscriber("site/#") as lines, \
                Client(os.path.join(device.root, "ipc.socket"), device.read("token").strip()) as peer:
            peer.call("PublishToIoTCore", topicName="site/2", qos="1", payload=greengrass.blob("there"))
            wait_until(lambda: "site/2 there" in list(lines()), "the message at the other one")
    finally:
        other.stop()


def test_numbers_out_of_range(moor, tmp_path, certificates, provider):
    """They are told, with what is used in their place."""
    with S3Server() as s3:
        device = make_device(moor, tmp_path / "device", certificates, provider, s3, 70000, maxInFlightPublishes=0,
                             keepAliveTimeoutMs=4294967297, maxPublishRetry="many", spooler={"maxSizeInBytes": -1},
                             minimumReconnectDelaySeconds=300, maximumReconnectDelaySeconds=200)
        device.start()
        said = device.end()
    for key, part in {"port": "must be between 1 and 65535: 8883 is used", "maxPublishRetry": ": 100 is used",
                      "maxInFlightPublishes": "must be between 1 and 100: 5 is used",
                      "keepAliveTimeoutMs": "must be between 30000 and 1200000: 60000 is used",
                      "maxSizeInBytes": ": 2621440 is used",
                      "maximumReconnectDelaySeconds": "must be between 300 and 86400: 300 is used"}.items():
        assert [line for line in said.splitlines() if key in line and line.endswith(part)], said
