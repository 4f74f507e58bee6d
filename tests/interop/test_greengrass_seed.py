# SPDX-License-Identifier: Apache-2.0
"""The recipes of AWS' page "Run a Docker container" that need AWS' SDKs, from deployment to the end, in containers whose
images hold Debian's Python and these SDKs: a message for IoT Core arrives at the broker, the buckets are listed and a
file is streamed to one with credentials from the token exchange. moto is S3; mosquitto and an HTTPS server ask for the
thing's certificate."""

import functools
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
STREAM = "com.example.python.docker.StreamFileToS3"
BUCKET = "docker-artifacts"
SITE = sysconfig.get_paths()["purelib"]
CBOR_LIBRARY = next(name for name in os.listdir(SITE) if name.startswith("_cbor2"))

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
STREAMER = """
import os
from stream_manager import (ExportDefinition, MessageStreamDefinition, ReadMessagesOptions, ResourceNotFoundException,
    S3ExportTaskDefinition, S3ExportTaskExecutorConfig, Status, StatusConfig, StatusMessage, StrategyOnFull,
    StreamManagerClient, Util)
path = os.environ["WORK_PATH"] + "/created.txt"
with open(path, "w") as file:
    file.write("created in a container")
with StreamManagerClient() as client:
    for name in ("SomeStatus", "SomeStream"):
        try:
            client.delete_message_stream(stream_name=name)
        except ResourceNotFoundException:
            pass
    client.create_message_stream(MessageStreamDefinition(
        name="SomeStatus", strategy_on_full=StrategyOnFull.OverwriteOldestData))
    client.create_message_stream(MessageStreamDefinition(
        name="SomeStream", strategy_on_full=StrategyOnFull.OverwriteOldestData, export_definition=ExportDefinition(
            s3_task_executor=[S3ExportTaskExecutorConfig(
                identifier="S3", status_config=StatusConfig(status_stream_name="SomeStatus"))])))
    client.append_message("SomeStream", Util.validate_and_serialize_to_json_bytes(S3ExportTaskDefinition(
        input_url="file://" + path, bucket=os.environ["BUCKET_NAME"], key="from/container.txt")))
    number, is_over = 0, False
    while not is_over:
        for message in client.read_messages("SomeStatus", ReadMessagesOptions(
                desired_start_sequence_number=number, min_message_count=1, read_timeout_millis=30000)):
            status = Util.deserialize_json_bytes_to_obj(message.payload, StatusMessage)
            number = message.sequence_number + 1
            print(status.status, status.message, flush=True)
            is_over = status.status in (Status.Success, Status.Failure)
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
    libc = next(name for name in found if os.path.basename(name) == "libc.so.6")
    found.add(os.path.join(os.path.dirname(libc), "libgcc_s.so.1"))  # a thread's end loads it
    return binary, library, found


@functools.cache
def layer_of_python(packages):
    """Its program, and a layer with it."""
    binary, library, files = files_of_python(packages)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for file in sorted(files):
            inside = file.replace(SITE, f"{library}/dist-packages").lstrip("/")
            # The loader is asked for below /lib64, which is a link on Debian.
            tar.add(os.path.realpath(file), inside, recursive=False)
    return binary, data.getvalue()


def image(path, reference, script, packages, *environment):
    """A docker-save archive that runs the script."""
    binary, layer = layer_of_python(tuple(packages))
    world.Image([layer, world.tar_bytes([("app.py", script.encode())])], Cmd=[binary, "/app.py"],
                Env=["PATH=/usr/bin", *environment]).save(path, reference)


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
              "s3": {"endpoint": s3.url, "region": "us-east-1", "path_style": True}}
    with resident.Resident(tmp_path / "device", moor.env, config) as device:
        yield device


def deploy(device, s3, tmp_path, name, kind, archive, reference, script, packages, *environment, merge=None):
    path = tmp_path / archive
    image(path, reference, script, packages, *environment)
    with open(os.path.join(SEED, f"{name}-1.0.0.{kind}")) as file:
        recipe = file.read().replace("DOC-EXAMPLE-BUCKET", BUCKET)
    with open(os.path.join(device.recipes, f"{name}-1.0.0.{kind}"), "w") as file:
        file.write(recipe)
    s3.upload_file(str(path), BUCKET, f"artifacts/{name}/1.0.0/{archive}")
    details = device.finish(device.begin({name: "1.0.0"}, merge={name: merge} if merge else None), 180)
    assert details["detailedDeploymentStatus"] == "SUCCESSFUL", (details, device.log(name))
    resident.wait_until(lambda: device.states(name)[-1] in ("FINISHED", "BROKEN"), f"{name} to end", 120)
    assert "ERRORED" not in device.states(name), device.log(name)


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


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_stream_file_to_s3(device, s3, cloud, tmp_path, kind):
    _, provider = cloud
    deploy(device, s3, tmp_path, STREAM, kind, "stream-file-to-s3.tar", "stream-file-to-s3", STREAMER,
           ["stream_manager", "cbor2", CBOR_LIBRARY], merge={"bucketName": BUCKET})
    assert device.lines(STREAM)[-2:] == ["Status.InProgress In progress", "Status.Success Success"]
    assert s3.get_object(Bucket=BUCKET, Key="from/container.txt")["Body"].read() == b"created in a container"
    assert device.read("created.txt", STREAM) == "created in a container"
    assert provider.requests[0] == ("/role-aliases/Alias/credentials", greengrass.THING)
    s3.delete_object(Bucket=BUCKET, Key="from/container.txt")
