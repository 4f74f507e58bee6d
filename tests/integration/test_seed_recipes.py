# SPDX-License-Identifier: Apache-2.0
"""The recipes of the Greengrass guide's page on Docker, placeholders filled in, all in one deployment.

Stand-ins: an S3 server that checks signatures, a registry on loopback, and images whose program says
what it was given (the SDKs' real ones are in tests/interop).
"""

import os
import re

import pytest

import world
from resident import Resident, wait_until
from s3_server import S3Server

SEED = os.path.join(world.TESTS, "cases", "recipe", "seed")
ENDS = "NEW INSTALLED STARTING RUNNING STOPPING FINISHED".split()
COMPOSE = """version: "3"
services:
  cloudwatchagent:
    image: "{agent}"
  mysql:
    image: "{mysql}"
"""
PUBLISH = """test -S "$AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT" && echo "a socket"
echo "${#SVCUID} $MQTT_TOPIC|$MQTT_MESSAGE|$MQTT_QOS"
"""
STREAM = """echo "from the container" > "$WORK_PATH/file" && echo "${#AWS_CONTAINER_AUTHORIZATION_TOKEN}|$BUCKET_NAME|"
"""


def image(script):
    return world.Image(Cmd=["/bin/sh", "-c", script])


def fill(device, s3, registry, extension, tmp_path):
    """Puts images and files where the recipes want them, and the recipes into the directory."""
    agent = f"{registry.address}/cloudwatch-agent/cloudwatch-agent:latest"
    mysql = f"{registry.address}/library/mysql:8.0"
    registry.push(image("echo no configuration; exit 1"), "cloudwatch-agent/cloudwatch-agent", "latest")
    registry.push(image("echo no password >&2; exit 1"), "library/mysql", "8.0")
    registry.push(image("echo from a private registry"), "private/repository", "tag")
    s3.put("bucket", "folder/docker-compose.yaml", COMPOSE.format(agent=agent, mysql=mysql).encode())
    for name, key, script in (
            ("hello-world", "com.example.MyDockerComponent", "echo Hello from Docker!"),
            ("publish-to-iot-core", "com.example.python.docker.PublishToIoTCore", PUBLISH),
            ("stream-file-to-s3", "com.example.python.docker.StreamFileToS3", STREAM)):
        with open(image(script).save(tmp_path / name, f"{name}:latest"), "rb") as file:
            s3.put("bucket", f"artifacts/{key}/1.0.0/{name}.tar", file.read())
    replacements = {
        "DOC-EXAMPLE-BUCKET": "bucket", "mysql:8.0": mysql,
        "public.ecr.aws/cloudwatch-agent/cloudwatch-agent:latest": agent,
        "account-id.dkr.ecr.region.amazonaws.com/repository[:tag|@digest]":
            f"{registry.address}/private/repository:tag"}
    names = []
    for file_name in sorted(os.listdir(SEED)):
        name = file_name.removesuffix(f"-1.0.0.{extension}")
        if name == file_name or "ListS3Buckets" in name:  # that one needs credentials: tests/interop
            continue
        with open(os.path.join(SEED, file_name)) as file:
            text = file.read()
        for old, new in replacements.items():
            text = text.replace(old, new)
        with open(os.path.join(device.recipes, file_name), "w") as file:
            file.write(text)
        names.append(name)
    return names


@pytest.mark.parametrize("extension", ["json", "yaml"])
def test_seed_recipes(moor, registry, tmp_path, extension):
    with S3Server() as s3:
        device = Resident(tmp_path / "device", moor.env, config={
            "s3": {"endpoint": s3.endpoint, "region": s3.region},
            "services": {"aws.greengrass.Nucleus": {"configuration": {
                "awsRegion": "eu-central-1", "runWithDefault": {"posixUser": "root"}}}}})
        names = fill(device, s3, registry, extension, tmp_path)
        assert len(names) == 5
        device.start(AWS_ACCESS_KEY_ID=s3.access_key, AWS_SECRET_ACCESS_KEY=s3.secret_key)
        with device:
            device.deploy(add={name: "1.0.0" for name in names})
            wait_until(lambda: set(device.components().values()) == {"FINISHED"}, "all to end", 60)
            for name in names:
                assert device.states(name) == ENDS, device.log(name)
        lines = {name.rsplit(".", 1)[1]: device.lines(name) for name in names}
        assert "Hello from Docker!" in lines["MyS3DockerComponent"]
        assert lines["MyPrivateDockerComponent"] == ["from a private registry"]
        assert lines["PublishToIoTCore"][-2:] == ["a socket", "16 test/topic/java|Hello, World!|1"]
        assert lines["StreamFileToS3"][-1] == "16||"
        assert device.read("file", "com.example.python.docker.StreamFileToS3") == \
            "from the container\n"
        compose = re.sub(r"\x1b\[\d*m", "", "\n".join(lines["MyDockerComposeComponent"]))
        assert re.search(r"cloudwatchagent\S* +\| no configuration", compose), compose
        assert re.search(r"mysql\S* +\| no password", compose), compose
