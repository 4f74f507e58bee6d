# SPDX-License-Identifier: Apache-2.0
"""The nucleus' own configuration: variables for scripts, and what a deployment changes of it."""

import json
import os
import subprocess

import pytest

import world
from resident import Resident, wait_until

NUCLEUS = "aws.greengrass.Nucleus"
SAY_PROXY = {"run": "echo ${HTTP_PROXY:-none} ${NO_PROXY:-none}; sleep 1000"}


@pytest.fixture
def device(moor, tmp_path):
    found = Resident(tmp_path / "device", moor.env, config={
        "setenv": {"V1": "root", "V2": "root", "V3": "root", "V4": "root", "NUMBER": 1.50},
        "services": {NUCLEUS: {"configuration": {"runWithDefault": {"posixUser": "root"}}},
                     "A": {"setenv": {"V2": "service", "V3": "service", "V4": "service"}}}})
    yield found
    if found.process:
        found.end()


def connect_again(device):
    """The nucleus has begun anew."""
    device.client.socket.close()
    device.client = wait_until(device.try_to_connect, "it to listen")


def test_setenv_of_the_configuration(device):
    say = {"Setenv": {"V3": "recipe", "V4": "recipe"},
           "run": {"Script": "echo $V1 $V2 $V3 $V4 $NUMBER; sleep 1000", "Setenv": {"V4": "step"}}}
    device.recipe(say)
    device.recipe(say, name="B")
    with device:
        device.deploy(add={"A": "1.0.0", "B": "1.0.0"})
        wait_until(lambda: device.lines() and device.lines("B"), "their output")
    assert device.lines() == ["root service recipe step 1.5"]
    assert device.lines("B") == ["root root recipe step 1.5"]


def test_network_proxy_by_a_deployment(device):
    """The nucleus begins anew, as AWS' does, and goes on with the deployment; one that fails brings the old one back."""
    device.recipe(SAY_PROXY)
    device.recipe({"startup": "exit 1"}, name="Bad")
    with device:
        device.deploy(add={"A": "1.0.0"})
        wait_until(lambda: device.lines() == ["none none"], "the first")
        cause = device.deploy(add={"A": "1.0.0"}, merge={NUCLEUS: {"networkProxy": {"proxy": "http://x"}}},
                              result="FAILED_NO_STATE_CHANGE")["deploymentFailureCause"]
        assert "networkProxy.proxy: expected an object, found a string" in cause, "else it could never begin again"
        deployment = device.begin(add={"A": "1.0.0"}, merge={NUCLEUS: {"networkProxy": {
            "noProxyAddresses": "10.0.0.1", "proxy": {"url": "http://192.0.2.1:3128"}}}})
        wait_until(lambda: len(device.lines()) == 2, "A with the proxy")
        connect_again(device)
        assert device.finish(deployment)["detailedDeploymentStatus"] == "SUCCESSFUL"
        assert device.lines()[-1] == "http://192.0.2.1:3128 localhost,10.0.0.1"
        deployment = device.begin(add={"Bad": "1.0.0"}, rollback=True, merge={NUCLEUS: {"networkProxy": {
            "proxy": {"url": "http://192.0.2.2:3128"}}}})
        wait_until(lambda: len(device.lines()) == 4, "A with the old proxy again", 60)
        connect_again(device)
        assert device.finish(deployment)["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
        assert [line.split()[0] for line in device.lines()[1:]] == [
            "http://192.0.2.1:3128", "http://192.0.2.2:3128", "http://192.0.2.1:3128"]
        assert list(device.components()) == ["A"]
    assert device.log("greengrass").count("asks for a restart of the nucleus") == 3


def test_logging_by_a_deployment(device, moor, tmp_path):
    """Level, place and form of the logs; what is wrong is refused, and what runs goes on as it was."""
    cli = os.path.join(world.BUILD, "cli", "bin", "greengrass-cli")
    elsewhere = str(tmp_path / "elsewhere")
    device.recipe({"run": "echo out; echo err >&2; sleep 1000"})

    def logging(**members):
        device.deploy(add={"A": "1.0.0"}, merge={NUCLEUS: {"logging": members}})
        device.client.call("RestartComponent", componentName="A")

    device.start(stdout=subprocess.PIPE)
    device.deploy(add={"A": "1.0.0"})
    wait_until(lambda: sorted(device.lines()) == ["err", "out"], "both lines")
    for members, reason in (({"level": "LOUD"}, '"LOUD": there are the levels TRACE, DEBUG, INFO'),
                            ({"format": "XML"}, '"XML": expected TEXT or JSON'),
                            ({"outputType": "PRINTER"}, '"PRINTER": expected FILE or CONSOLE'),
                            ({"outputDirectory": "logs"}, '"logs": expected an absolute path'),
                            ({"fileSizeKB": 0}, "fileSizeKB: must be above 0")):
        refused = device.deploy(add={"A": "1.0.0"}, merge={NUCLEUS: {"logging": members}}, result="FAILED_NO_STATE_CHANGE")
        assert reason in refused["deploymentFailureCause"]
    before = len(device.log())
    logging(level="WARN")
    wait_until(lambda: device.lines().count("err") == 2, "the line of its standard error")
    device.client.call("StopComponent", componentName="A")
    wait_until(lambda: device.components()["A"] == "FINISHED", "its end")
    assert " [INFO] " not in device.log()[before:] and " [WARN] (Copier) A: stderr. err. {" in device.log()[before:]

    logging(level="INFO", outputDirectory=elsewhere)
    seen = wait_until(lambda: moor.run(cli, "--ggcRootPath", device.root, "logs", "get", "-f", "stdout").stdout, "a line there")
    assert "A: stdout. out. {scriptName" in seen
    assert f"    Log: {elsewhere}/A.log\n" in moor.run(
        cli, "--ggcRootPath", device.root, "component", "details", "-n", "A").stdout
    size = len(device.log())
    logging(outputType="CONSOLE", format="JSON")
    messages = iter(json.loads(line) for line in device.process.stdout)
    assert next(message for message in messages if message["message"] == "out")["contexts"]["serviceName"] == "A"
    device.end()
    assert len(device.log()) == size, "nothing more where the logs were first"


def test_place_of_the_socket(moor, tmp_path):
    """It is made, components are told, and command lines find it."""
    path = str(tmp_path / "run" / "gg" / "ipc.sock")
    device = Resident(tmp_path / "device", moor.env, config={"system": {"ipcSocketPath": path, "rootpath": "/greengrass/v2"}})
    device.recipe({"startup": "echo $AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH; echo $AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        assert device.lines() == [path, path]
        assert not os.path.exists(os.path.join(device.root, "ipc.socket"))
    assert not os.path.exists(path)
    # A root whose name is too long for a socket, beside another one's states.
    device.root = os.path.join(device.directory, "r" * 100)
    with open(device.config, "w") as file:
        file.write("{}")
    with device:
        device.deploy(add={"A": "1.0.0"})
        place = os.path.dirname(device.lines()[0])
        assert len(device.lines()[0]) < 108 and os.stat(place).st_mode & 0o777 == 0o755, "all users' components speak there"
    with open(device.config, "w") as file:
        json.dump({"system": {"ipcSocketPath": "ipc.sock"}}, file)
    refused = moor.run(os.path.join(world.BUILD, "cli", "mooring"), "nucleus", "--root", device.root, "--config", device.config, code=1)
    assert refused.stderr == f'mooring: nucleus: {device.config}: system.ipcSocketPath: "ipc.sock": expected an absolute path\n'


INSTALLED = """---
system:
  certificateFilePath: "{directory}/thingCert.crt"
  privateKeyPath: "{directory}/privKey.key"
  rootCaPath: "{directory}/rootCA.pem"
  rootpath: "/greengrass/v2"
  thingName: "GreengrassQuickStartCore-176e4c2c0a7"
services:
  {nucleus}:
    componentType: "NUCLEUS"
    configuration:
      awsRegion: "us-west-2"
      componentStoreMaxSizeBytes: 10000000000
      deploymentPollingFrequencySeconds: 15
      fipsMode: "true"
      greengrassDataPlanePort: 8443
      httpClient: {{}}
      iotCredEndpoint: "credentials.invalid"
      iotDataEndpoint: "data.invalid"
      iotRoleAlias: "GreengrassV2TokenExchangeRoleAlias"
      mqtt:
        port: 8883
        spooler: {{}}
      networkProxy:
        proxy: {{}}
      platformOverride: {{site: north}}
      runWithDefault:
        posixShell: bash
        posixUser: "root:root"
      telemetry: {{}}
    dependencies: []
    version: "2.12.6"
  main:
    dependencies:
    - "{nucleus}"
    lifecycle: {{}}
"""


@pytest.mark.parametrize("nucleus", [NUCLEUS, NUCLEUS + "Lite"])
def test_configuration_as_an_installer_writes_it(moor, tmp_path, nucleus):
    """Keys we have no use for, empty sections, numbers as texts, files that are not there: it starts, and goes by the rest."""
    device = Resident(tmp_path / "device", moor.env)
    with open(device.config, "w") as file:
        file.write(INSTALLED.format(directory=tmp_path, nucleus=nucleus))
    say = "[[ $BASH_VERSION ]] && echo $AWS_IOT_THING_NAME $AWS_REGION $AWS_GG_FIPS_MODE $AWS_USE_FIPS_ENDPOINT $GG_ROOT_CA_PATH"
    recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": "A", "ComponentVersion": "1.0.0", "Manifests": [
        {"Platform": {"os": "linux", "site": "south"}, "Lifecycle": {"startup": "exit 1"}},
        {"Platform": {"os": "linux", "site": "north"}, "Lifecycle": {"startup": say},
         "Artifacts": [{"URI": "s3://bucket/a/file"}]}]}
    with open(os.path.join(device.recipes, "A.json"), "w") as file:
        json.dump(recipe, file)
    with device:
        # Nobody gives credentials here: a file from S3 has to wait, and may be given up; one that is there has not.
        deployment = device.begin(add={"A": "1.0.0"})
        waits = f"Deployment {deployment} waits for the device's credentials."
        wait_until(lambda: waits in device.log("greengrass"), "it to wait")
        device.client.call("CancelLocalDeployment", deploymentId=deployment)
        assert device.finish(deployment)["deploymentFailureCause"] == "it was cancelled"
        device.artifact(b"file", "file")
        device.deploy(add={"A": "1.0.0"})
        assert device.log("greengrass").count("waits for the device's credentials") == 1
    assert device.lines() == [f"GreengrassQuickStartCore-176e4c2c0a7 us-west-2 true true {tmp_path}/rootCA.pem"]


def test_room_for_components(device):
    device.recipe({"startup": "true"}, artifacts=[{"URI": "s3://bucket/file"}])
    device.artifact(b"x" * 5000, "file")
    with device:
        device.deploy(add={"A": "1.0.0"}, merge={NUCLEUS: {"componentStoreMaxSizeBytes": 5000}})
        refused = device.deploy(add={"A": "1.0.0"}, result="FAILED_NO_STATE_CHANGE")["deploymentFailureCause"]
        assert refused.startswith("components' files take ") and refused.endswith(", more than componentStoreMaxSizeBytes")
