# SPDX-License-Identifier: Apache-2.0
"""AWS' own clients against the stream manager: Python's from PyPI (stream-manager), JavaScript's from npm; and what it
delivers for them to moto's Kinesis, to a server that checks with botocore's model of SiteWise, and over HTTP."""

import json
import os
import shutil
import subprocess
import time
import urllib.request

import botocore.session
import botocore.validate
import pytest
import stream_manager
from stream_manager import (AssetPropertyValue, ExportDefinition, ExportFormat, HTTPConfig, IoTSiteWiseConfig,
                            KinesisConfig, MessageStreamDefinition, Persistence, PutAssetPropertyValueEntry, Quality,
                            ReadMessagesOptions, ResourceNotFoundException, S3ExportTaskDefinition,
                            S3ExportTaskExecutorConfig, Status, StatusConfig, StatusMessage, StrategyOnFull,
                            StreamManagerClient, TimeInNanos, Util, Variant)

import world
from fetch_peer import Server
from s3_server import S3Server
from stream_peer import TOKEN, Streams
from test_s3_moto import moto  # noqa: F401

NPM = "aws-greengrass-core-sdk@1.7.0"


@pytest.fixture
def streams(tmp_path, monkeypatch):
    with S3Server() as s3, Streams(
            tmp_path / "store", region="us-east-1", endpoints={"s3": s3.endpoint},
            fetch_settings={"aws": {"access_key_id": s3.access_key, "secret_access_key": s3.secret_key}}) as streams:
        streams.s3 = s3
        s3.buckets["bucket"] = {}
        monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
        monkeypatch.setenv("STREAM_MANAGER_SERVER_PORT", str(streams.port))
        yield streams


def test_python_file_to_s3(streams, tmp_path):
    """What the example component of AWS' guide does."""
    (tmp_path / "a.txt").write_text("hello")
    with StreamManagerClient() as client:
        for name in ("Status", "Upload"):
            with pytest.raises(ResourceNotFoundException):
                client.delete_message_stream(name)
        client.create_message_stream(MessageStreamDefinition(
            name="Status", strategy_on_full=StrategyOnFull.OverwriteOldestData))
        client.create_message_stream(MessageStreamDefinition(
            name="Upload", strategy_on_full=StrategyOnFull.OverwriteOldestData, export_definition=ExportDefinition(
                s3_task_executor=[S3ExportTaskExecutorConfig(
                    "s3", status_config=StatusConfig(status_stream_name="Status"))])))
        client.append_message("Upload", Util.validate_and_serialize_to_json_bytes(S3ExportTaskDefinition(
            input_url=f"file://{tmp_path}/a.txt", bucket="bucket", key="in/!{timestamp:YYYY}/a.txt")))
        seen, number = [], 0
        while Status.Success not in seen:
            for message in client.read_messages("Status", ReadMessagesOptions(
                    desired_start_sequence_number=number, min_message_count=1, read_timeout_millis=20000)):
                status = Util.deserialize_json_bytes_to_obj(message.payload, StatusMessage)
                seen.append(status.status)
                number = message.sequence_number + 1
                assert status.status != Status.Failure, status.message
        assert seen == [Status.InProgress, Status.Success]
        (content,) = streams.s3.buckets["bucket"].values()
        assert content == b"hello"
        info = client.describe_message_stream("Upload")
        assert info.export_statuses[0].last_exported_sequence_number == info.storage_status.newest_sequence_number == 0
        info.definition.strategy_on_full = StrategyOnFull.RejectNewData
        client.update_message_stream(info.definition)               # what was described may be sent back
        assert client.describe_message_stream("Upload").definition.strategy_on_full == StrategyOnFull.RejectNewData


def test_python_operations_and_exceptions(streams):
    with StreamManagerClient() as client:
        client.create_message_stream(MessageStreamDefinition(
            name="s", strategy_on_full=StrategyOnFull.RejectNewData, persistence=Persistence.Memory, max_size=1 << 20))
        assert client.list_streams() == ["s"]
        assert [client.append_message("s", b"%d" % i) for i in range(20)] == list(range(20))
        messages = client.read_messages("s", ReadMessagesOptions(
            desired_start_sequence_number=5, min_message_count=2, max_message_count=4))
        assert [(m.sequence_number, m.payload) for m in messages] == [(i, b"%d" % i) for i in range(5, 9)]
        with pytest.raises(stream_manager.NotEnoughMessagesException):
            client.read_messages("s", ReadMessagesOptions(desired_start_sequence_number=20, read_timeout_millis=500))
        with pytest.raises(stream_manager.RequestPayloadTooLargeException):
            client.append_message("s", bytes(2 << 20))
        with pytest.raises(stream_manager.InvalidRequestException, match="already exists"):
            client.create_message_stream(MessageStreamDefinition(
                name="s", strategy_on_full=StrategyOnFull.RejectNewData))
        with pytest.raises(stream_manager.InvalidRequestException, match="stream is full"):
            for _ in range(20):
                client.append_message("s", bytes(100_000))
        with pytest.raises(stream_manager.UpdateNotAllowedException):
            client.update_message_stream(MessageStreamDefinition(
                name="s", strategy_on_full=StrategyOnFull.RejectNewData, persistence=Persistence.File))
        client.delete_message_stream("s")
        assert client.list_streams() == []


def test_python_wrong_token(streams, monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong")
    with pytest.raises(Exception):
        StreamManagerClient()


def test_javascript(streams):
    if not shutil.which("npm"):
        pytest.fail("nodejs and npm are in deps/peers.txt")
    packages = os.path.join(world.TOP, "build-interop", "stream-js")
    if not os.path.isdir(os.path.join(packages, "node_modules", NPM.split("@")[0])):
        os.makedirs(packages, exist_ok=True)
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix", packages,
                        NPM], check=True, timeout=300)
    done = subprocess.run(["node", os.path.join(world.TESTS, "interop", "streams.js"), packages], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 29, done.stdout


# -- what is delivered

def ask_for_signatures(moto, after):
    """After so many requests that need none."""
    urllib.request.urlopen(urllib.request.Request(moto.endpoint + "/moto-api/reset-auth", data=b"%d" % after,
                                                  headers={"Content-Type": "text/plain"})).close()


def stream_of_kinesis(moto):
    """Where the device's user may put records; and where they can be read."""
    ask_for_signatures(moto, 100)
    kinesis = moto.client("kinesis")
    kinesis.create_stream(StreamName="Measurements", ShardCount=1)
    moto.client("iam").put_user_policy(UserName="device", PolicyName="kinesis", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecords", "Resource": "*"}]}))
    shard, = kinesis.describe_stream(StreamName="Measurements")["StreamDescription"]["Shards"]
    iterator = kinesis.get_shard_iterator(StreamName="Measurements", ShardId=shard["ShardId"],
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    ask_for_signatures(moto, 0)
    return kinesis, iterator


def follow(client, name, last):
    def is_there():
        (status,) = client.describe_message_stream(name).export_statuses
        assert not status.error_message, status.error_message
        return status.last_exported_sequence_number == last

    world.wait_until(is_there, f"{name} to be exported up to {last}")


def exporting(tmp_path, monkeypatch, keys, **endpoints):
    streams = Streams(tmp_path / "store", region="us-east-1", endpoints=endpoints, fetch_settings={"aws": dict(
        zip(("access_key_id", "secret_access_key"), keys))})
    streams.start()
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN)
    monkeypatch.setenv("STREAM_MANAGER_SERVER_PORT", str(streams.port))
    return streams


def export(name, **definition):
    return MessageStreamDefinition(name=name, strategy_on_full=StrategyOnFull.RejectNewData,
                                   export_definition=ExportDefinition(**definition))


def test_kinesis(moto, tmp_path, monkeypatch):  # noqa: F811
    kinesis, iterator = stream_of_kinesis(moto)
    keys = [moto.environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    streams = exporting(tmp_path, monkeypatch, keys, kinesis=moto.endpoint)
    with StreamManagerClient() as client:
        client.create_message_stream(export("k", kinesis=[KinesisConfig(
            identifier="k", kinesis_stream_name="Measurements", batch_size=3)]))
        for i in range(7):
            client.append_message("k", b"measured %d" % i)
        follow(client, "k", 6)
    streams.stop()
    ask_for_signatures(moto, 100)
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"measured %d" % i for i in range(7)]


def test_sitewise(tmp_path, monkeypatch):
    """moto has none; the server takes what botocore's model allows."""
    operation = botocore.session.get_session().get_service_model("iotsitewise").operation_model(
        "BatchPutAssetPropertyValue")
    assert operation.http == {"method": "POST", "requestUri": "/properties"}
    taken, problems = [], []

    def answer(call):
        request = json.loads(call.body)
        report = botocore.validate.ParamValidator().validate(request, operation.input_shape)
        if report.has_errors() or (call.command, call.path) != ("POST", "/properties"):
            problems.append(report.generate_report())
        taken.extend(request["entries"])
        call.reply(200, b'{"errorEntries":[]}')

    with Server(answer) as server:
        streams = exporting(tmp_path, monkeypatch, ("AKIDTEST", "secret"), sitewise=f"http://{server.host}")
        with StreamManagerClient() as client:
            client.create_message_stream(export("w", iot_sitewise=[IoTSiteWiseConfig(identifier="w", batch_size=2)]))
            for i in range(5):
                client.append_message("w", Util.validate_and_serialize_to_json_bytes(PutAssetPropertyValueEntry(
                    entry_id=f"e{i}", property_alias=f"/plant/{i}", property_values=[AssetPropertyValue(
                        value=Variant(double_value=i / 2), quality=Quality.GOOD,
                        timestamp=TimeInNanos(time_in_seconds=int(time.time()), offset_in_nanos=i))])))
            follow(client, "w", 4)
        streams.stop()
    assert not problems and [entry["entryId"] for entry in taken] == [f"e{i}" for i in range(5)]
    assert taken[3]["propertyValues"][0]["value"] == {"doubleValue": 1.5}


def test_http(tmp_path, monkeypatch):
    bodies = []

    def answer(call):
        bodies.append(call.body)
        call.reply(204)

    with Server(answer) as server:
        streams = exporting(tmp_path, monkeypatch, ("AKIDTEST", "secret"))
        with StreamManagerClient() as client:
            client.create_message_stream(export("h", http=[
                HTTPConfig(identifier="raw", uri=f"http://{server.host}/in",
                           export_format=ExportFormat.RAW_NOT_BATCHED)]))
            for i in range(3):
                client.append_message("h", b"message %d" % i)
            follow(client, "h", 2)
        streams.stop()
    assert bodies == [f"message {i}" for i in range(3)]
