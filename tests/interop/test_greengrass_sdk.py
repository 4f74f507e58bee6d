# SPDX-License-Identifier: Apache-2.0
"""Greengrass IPC with AWS' own SDKs, unmodified: Python (PyPI awsiotsdk) and Node (npm aws-iot-device-sdk-v2)."""

import json
import os
import shutil
import subprocess
import sys

import greengrass
import pytest
import world

HERE = os.path.dirname(os.path.realpath(__file__))
NODE_PACKAGE = "aws-iot-device-sdk-v2@1"
A, B = "com.example.A", "com.example.B"
POLICY = {"accessControl": {
    **{service: {"p": {"operations": ["*"], "resources": ["*"]}} for service in [
        "aws.greengrass.ipc.mqttproxy", "aws.greengrass.ipc.lifecycle", "aws.greengrass.ipc.componentmetric",
        "aws.greengrass.SecretManager", "aws.greengrass.ShadowManager", "aws.greengrass.Cli",
        "aws.greengrass.clientdevices.Auth"]},
    "aws.greengrass.ipc.pubsub": {"p": {"operations": ["*"], "resources": ["a/*", "a+"]}}}}


@pytest.fixture(scope="module")
def node_modules():
    """The SDK from npm, installed once into the build directory."""
    directory = os.path.join(world.BUILD, "npm")
    if not os.path.isdir(os.path.join(directory, "node_modules", "aws-iot-device-sdk-v2")):
        os.makedirs(directory, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", NODE_PACKAGE], cwd=directory,
                       check=True, timeout=600)
    return os.path.join(directory, "node_modules")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return greengrass.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def device(tmp_path, certificates):
    broker = greengrass.Broker(tmp_path / "broker", certificates)
    broker.start()
    nucleus = greengrass.Nucleus(
        tmp_path / "nucleus", {A: {"site": {"name": "north"}, **POLICY}, B: {"k": 1}},
        mqtt={"endpoint": "localhost", "port": broker.port, **certificates.device()})
    yield nucleus
    nucleus.close()
    broker.stop()


def run(device, *argv, **environment):
    """What the script prints, while the nucleus updates and validates."""
    process = subprocess.Popen([*argv, device.tokens[B]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env={**os.environ, **device.environment(A), **environment})
    calls = []
    while (line := process.stdout.readline()).strip() != "ready":
        assert line, process.communicate(timeout=60)[1]
    assert device.line() == f"report {A} RUNNING"
    device.tell("pre-update d1")
    assert device.line() == A
    calls.append(device.line())
    device.tell(f'validate {A} d1 {{"new":true}}')
    assert device.line() == "asked"
    calls.append(device.line())
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert calls == [f"defer {A} d1 1000 busy", f"validity {A} d1 ACCEPTED -"]
    return json.loads(output.splitlines()[-1])


def check(results):
    """What both SDKs must have seen; they differ in how they spell members."""
    def has(name, *parts):
        text = json.dumps(results[name], ensure_ascii=False)
        assert all(part in text for part in parts), f"{name}: {text}"

    has("event", "v\u00e9\U0001f600", '"topic": "a/b"')
    assert results["large"] == 131072 and results["order"] is True
    has("bad filter", "whole level")
    has("denied", "may not PublishToTopic")
    has("GetConfiguration", '{"name": "north"}', A)
    has("missing key", "Key not found")
    has("change", '["site", "name"]')
    has("older", "newer")
    has("DeferComponentUpdate", "not subscribed")
    has("pre-update", "d1")
    has("validate", '{"new": true}', "d1")
    has("ResumeComponent", "nobody")
    has("RestartComponent", "SUCCEEDED")
    has("StopComponent", "nobody")
    has("ListComponents", A, B, "RUNNING", "1.0.0")
    has("GetComponentDetails", B, '{"k": 1}')
    has("CreateLocalDeployment", "6f6d3f5c")
    has("GetLocalDeploymentStatus", "no deployment x")
    has("ListLocalDeployments", "QUEUED")
    has("CancelLocalDeployment", "no deployment x")
    has("CreateDebugPassword", "no local debug console")
    has("GetSecretValue", "there is no secret")
    has("UpdateThingShadow", "on", "version")
    has("conflict", "Version conflict")
    has("GetThingShadow", "delta")
    has("ListNamedShadowsForThing", '["n"]')
    has("DeleteThingShadow", "version")
    has("PutComponentMetric", "only components of AWS")
    has("ValidateAuthorizationToken", "may not validate tokens")
    has("GetClientDeviceAuthToken", "not supported")
    has("arrival", "down/x", "hello")
    for name in ["PublishToTopic", "UpdateConfiguration", "UpdateState", "defer", "SendConfigurationValidityReport",
                 "PauseComponent", "PublishToIoTCore"]:
        assert not (results[name] or {}).get("error"), f"{name}: {results[name]}"


def test_python(device):
    results = run(device, sys.executable, os.path.join(HERE, "sdk_calls.py"))
    check(results)
    errors = {name: results[name]["error"] for name in ["bad filter", "denied", "missing key", "older", "conflict",
                                                        "StopComponent", "ResumeComponent", "no secret"]}
    assert errors == {"bad filter": "InvalidArgumentsError", "denied": "UnauthorizedError",
                      "missing key": "ResourceNotFoundError", "older": "FailedUpdateConditionCheckError",
                      "conflict": "ConflictError", "StopComponent": "ComponentNotFoundError",
                      "ResumeComponent": "ResourceNotFoundError", "no secret": "ResourceNotFoundError"}


def test_node(device, node_modules):
    if not shutil.which("node"):
        pytest.fail("nodejs and npm are in deps/peers.txt")
    check(run(device, "node", os.path.join(HERE, "sdk_calls.js"), NODE_PATH=node_modules))
