# SPDX-License-Identifier: Apache-2.0
"""Two recipes of AWS' page "Run a Docker container" from deployment to the end, in containers whose images hold
Debian's Python and AWS' own SDKs: a message for IoT Core arrives at the broker, and the buckets are listed with
credentials from the token exchange. moto is S3; mosquitto and an HTTPS server ask for the thing's certificate."""

import io
import os
import subprocess
import sys
import sysconfig
import tarfile

import boto3
import greengrass
import pytest
import resident
import world

SEED = os.path.join(world.TESTS, "cases", "recipe", "seed")
PUBLISH, BUCKETS = "com.example.python.docker.PublishToIoTCore", "com.example.python.docker.ListS3Buckets"
BUCKET = "docker-artifacts"
SITE = sysconfig.get_paths()["purelib"]

PUBLISHER = """
import os
from awsiot.greengrasscoreipc.clientv2 import GreengrassCoreIPCClientV2
client = GreengrassCoreIPCClientV2()
client.publish_to_iot_core(topic_name=os.environ["MQTT_TOPIC"], qos=os.environ["MQTT_QOS"],
                           payload=os.environ["MQTT_MESSAGE"])
client.close()
print("published", flush=True)
os._exit(0)
"""
LISTER = """
import boto3
print("buckets:", sorted(bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]))
"""


def files_of_python(packages):
    """Debian's Python with what it is linked to, and these packages from PyPI."""
    binary = os.path.realpath("/usr/bin/python3")
    library = f"/usr/lib/{os.path.basename(binary)}"
    found = {binary}
    for directory, parts, names in os.walk(library):
        parts[:] = [part for part in parts if part not in ("test", "__pycache__", "idlelib", "tkinter", "lib2to3",
                                                           "dist-packages", "ensurepip", "config-3.11-x86_64-linux-gnu")]
        found.update(os.path.join(directory, name) for name in names)
    for package in packages:
        top = os.path.join(SITE, package)
        if os.path.isfile(top):
            found.add(top)
        for directory, parts, names in os.walk(top):
            if os.path.basename(directory) == "data" and "botocore" in directory:
                parts[:] = ["s3"]
            parts[:] = [part for part in parts if part != "__pycache__"]
            found.update(os.path.join(directory, name) for name in names)
    for file in [name for name in found if name == binary or ".so" in os.path.basename(name)]:
        output = subprocess.run(["ldd", file], capture_output=True, text=True).stdout
        found.update(word for word in output.split() if word.startswith("/"))
    return binary, library, found


def image(path, reference, script, packages, *environment):
    """A docker-save archive that runs the script."""
    binary, library, files = files_of_python(packages)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for file in sorted(files):
            inside = file.replace(SITE, f"{library}/dist-packages").lstrip("/")
            # The loader is asked for below /lib64, which is a link on Debian.
            tar.add(os.path.realpath(file), inside, recursive=False)
        member = tarfile.TarInfo("app.py")
        member.size = len(script.encode())
        tar.addfile(member, io.BytesIO(script.encode()))
    world.Image([data.getvalue()], Cmd=[binary, "/app.py"], Env=["PATH=/usr/bin", *environment]).save(path, reference)


@pytest.fixture(scope="module")
def s3():
    port = greengrass.free_port()
    process = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{port}", aws_access_key_id="x",
                          aws_secret_access_key="y", region_name="us-east-1")

    def is_up():
        try:
            return client.list_buckets()
        except Exception:  # not listening yet
            return None

    world.wait_until(is_up, "moto", 60)
    client.create_bucket(Bucket=BUCKET)
    client.create_bucket(Bucket="somebody-elses")
    client.url = f"http://127.0.0.1:{port}"
    yield client
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return greengrass.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def cloud(tmp_path, certificates):
    broker = greengrass.Broker(tmp_path / "broker", certificates)
    broker.start()
    provider = greengrass.CredentialsProvider(certificates)
    yield broker, provider
    provider.close()
    broker.stop()


@pytest.fixture
def device(moor, tmp_path, certificates, cloud, s3):
    broker, provider = cloud
    config = {"system": {"thingName": greengrass.THING, "certificateFilePath": certificates.thing,
                         "privateKeyPath": certificates.thing_key, "rootCaPath": certificates.root},
              "services": {"aws.greengrass.Nucleus": {"configuration": {
                  "runWithDefault": {"posixUser": "root"}, "awsRegion": "us-east-1", "iotRoleAlias": "Alias",
                  "iotDataEndpoint": "localhost", "iotCredEndpoint": provider.endpoint,
                  "mqtt": {"port": broker.port}}}},
              "s3": {"endpoint": s3.url, "region": "us-east-1"}}
    env = {**moor.env, "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}
    with resident.Resident(tmp_path / "device", env, config) as device:
        yield device


def deploy(device, s3, tmp_path, name, kind, archive, reference, script, packages, *environment):
    path = tmp_path / archive
    image(path, reference, script, packages, *environment)
    with open(os.path.join(SEED, f"{name}-1.0.0.{kind}")) as file:
        recipe = file.read().replace("DOC-EXAMPLE-BUCKET", BUCKET)
    with open(os.path.join(device.recipes, f"{name}-1.0.0.{kind}"), "w") as file:
        file.write(recipe)
    s3.upload_file(str(path), BUCKET, f"artifacts/{name}/1.0.0/{archive}")
    details = device.finish(device.begin({name: "1.0.0"}), 180)
    assert details["detailedDeploymentStatus"] == "SUCCESSFUL", (details, device.log(name))
    resident.wait_until(lambda: device.states(name)[-1] == "FINISHED", device.log(name), 120)


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_publish_to_iot_core(device, s3, cloud, tmp_path, kind):
    broker, _ = cloud
    with broker.subscriber("test/#") as lines:
        deploy(device, s3, tmp_path, PUBLISH, kind, "publish-to-iot-core.tar", "publish-to-iot-core", PUBLISHER,
               ["awscrt", "awsiot", "_awscrt.abi3.so"])
        world.wait_until(lambda: "test/topic/java Hello, World!" in lines(), "the message arrives")
    assert "published" in device.lines(PUBLISH)


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_list_s3_buckets(device, s3, cloud, tmp_path, kind):
    _, provider = cloud
    deploy(device, s3, tmp_path, BUCKETS, kind, "list-s3-buckets.tar", "list-s3-buckets", LISTER,
           ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py"],
           f"AWS_ENDPOINT_URL={s3.url}", "AWS_DEFAULT_REGION=us-east-1")
    assert f"buckets: ['{BUCKET}', 'somebody-elses']" in device.lines(BUCKETS)
    assert provider.requests[0] == ("/role-aliases/Alias/credentials", greengrass.THING)
