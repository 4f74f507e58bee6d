# SPDX-License-Identifier: Apache-2.0
"""AWS' own clients against the stream manager: Python's from PyPI (stream-manager), JavaScript's from npm."""

import os
import shutil
import subprocess

import pytest
import stream_manager
from stream_manager import (ExportDefinition, MessageStreamDefinition, Persistence, ReadMessagesOptions,
                            ResourceNotFoundException, S3ExportTaskDefinition, S3ExportTaskExecutorConfig, Status,
                            StatusConfig, StatusMessage, StrategyOnFull, StreamManagerClient, Util)

import world
from s3_server import S3Server
from stream_peer import TOKEN, Streams

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
        pytest.skip("npm is not installed")
    packages = os.path.join(world.TOP, "build-interop", "stream-js")
    os.makedirs(packages, exist_ok=True)
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix", packages, NPM],
                   check=True, timeout=300)
    done = subprocess.run(["node", os.path.join(world.TESTS, "interop", "streams.js"), packages], capture_output=True,
                          text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok ") == 29, done.stdout
