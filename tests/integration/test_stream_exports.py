# SPDX-License-Identifier: Apache-2.0
"""What streams deliver: files to S3, messages to HTTP, Kinesis and SiteWise; and what happens when that fails."""

import base64
import json
import os
import random
import threading

import pytest

import world
from fetch_peer import Server
from s3_server import S3Server
from stream_peer import APPEND, COMPONENT, INVALID_REQUEST, UPDATE, Client, Streams

OK, FAILURE, IN_PROGRESS, WARNING, CANCELED = range(5)
KEYS = {"access_key_id": "AKIDTEST", "secret_access_key": "secret/with+signs"}


def to_s3(s3, tmp_path, **settings):
    s3.buckets.setdefault("bucket", {})
    return Streams(tmp_path / "store", fetch_settings={"aws": KEYS}, region="us-east-1",
                   endpoints={"s3": s3.endpoint}, **settings)


def s3_export(status="status", **changes):
    return {"s3TaskExecutor": [{"identifier": "s3", "statusConfig": {"statusStreamName": status}, **changes}]}


def create_both(client, **changes):
    client.create("status")
    client.create("up", exportDefinition=s3_export(**changes))


def task(path, key="in/a.txt", bucket="bucket", **more):
    return json.dumps({"inputUrl": f"file://{path}", "bucket": bucket, "key": key, **more}).encode()


def statuses(client, start=0, until=(OK, FAILURE, CANCELED), tasks=1, stream="status"):
    """Status messages up to the end of so many tasks."""
    found, left = [], [tasks]

    def is_end(message):
        left[0] -= json.loads(message["payload"])["status"] in until
        return left[0] <= 0

    for message in client.follow(stream, start, is_end):
        found.append(json.loads(message["payload"]))
    return found


# -- S3

def test_s3(tmp_path):
    path = tmp_path / "a b%ü.txt"
    path.write_bytes(b"hello")
    url = str(path).replace("%", "%25").replace(" ", "%20")
    with S3Server() as s3, to_s3(s3, tmp_path) as streams, Client(streams) as client:
        create_both(client)
        sent = task(url, "in/!{timestamp:yyyy}/a+b.txt", userMetadata={"Name": "value one", "x": "y"})
        assert client.append("up", sent) == 0
        progress, success = statuses(client)
        key = f"in/{world.time.gmtime().tm_year}/a+b.txt"
        assert s3.buckets["bucket"][key] == b"hello"
        assert s3.metadata["bucket", key] == {"name": "value one", "x": "y"}
        assert streams.opened == [(COMPONENT, str(path))]
        assert (progress["status"], success["status"]) == (IN_PROGRESS, OK)
        assert success["statusContext"] == {"s3ExportTaskDefinition": json.loads(sent), "exportIdentifier": "s3",
                                            "streamName": "up", "sequenceNumber": 0}
        assert success["eventType"] == 0 and success["statusLevel"] == 2 and success["message"] == "Success"
        assert path.exists()
        (status,) = client.describe("up")["exportStatuses"]
        assert status["lastExportedSequenceNumber"] == 0 and status["exportedMessagesCount"] == 1
        assert status["exportedBytesFromStream"] == 5 and status["lastExportTime"] > 1.6e12


@pytest.mark.parametrize("text, part", [
    (b"no json", "S3 task"), (b"\xff\xfe", "S3 task"), (b"[]", "expected an object"), (b"{}", "inputUrl"),
    (b"x" * 70000, "64 KiB"),
    (task("relative"), "absolute path"), (task("/a%zz"), "%-sequence"), (task("/a%00b"), "%-sequence"),
    (json.dumps({"inputUrl": "https://h/x", "bucket": "bucket", "key": "k"}).encode(), "absolute path"),
    (task("/a", bucket="B"), "no name of a bucket"), (task("/a", bucket="1.2.3.4"), "no name of a bucket"),
    (task("/a", key=""), "key: must be"), (task("/a", key="a b"), "must not hold"), (task("/a", key="{x}"), "must not"),
    (task("/a", key="k" * 1025), "key: must be"),
    (task("/a", userMetadata={"$aws-gg-x": "y"}), "userMetadata"), (task("/a", userMetadata={"a": "b\nc"}), "userMetadata"),
    (task("/nowhere/at/all"), "No such file"),
    (task("/dev/null"), "not a regular file"),
    (task("/etc/passwd", key="!{timestamp:J}"), "is not understood"),
    (task("/etc/passwd", key="!{thing:yyyy}"), "only !{timestamp"),
    (task("/etc/passwd", bucket="other-bucket"), "NoSuchBucket"),
])
def test_s3_tasks_that_never_will_be(tmp_path_factory, s3_and_streams, text, part):
    """They are named, and passed over."""
    s3, streams = s3_and_streams
    with Client(streams) as client:
        start = client.describe("status")["storageStatus"]["newestSequenceNumber"] + 1
        client.append("up", text)
        last = statuses(client, start)[-1]
        assert last["status"] == FAILURE and last["statusLevel"] == 0 and part in last["message"], last


@pytest.fixture(scope="module")
def s3_and_streams(tmp_path_factory):
    tmp_path = tmp_path_factory.mktemp("s3")
    with S3Server() as s3, to_s3(s3, tmp_path) as streams:
        with Client(streams) as client:
            create_both(client)
        yield s3, streams


def test_s3_refused_file(s3_and_streams, tmp_path):
    """Whose file it is the nucleus says."""
    _, streams = s3_and_streams
    streams.refused["/etc/shadow"] = ("denied", "/etc/shadow: not below the component's directories")
    with Client(streams) as client:
        start = client.describe("status")["storageStatus"]["newestSequenceNumber"] + 1
        client.append("up", task("/etc/shadow"))
        assert "not below" in statuses(client, start)[-1]["message"]


def test_s3_parts(tmp_path):
    """Larger than the threshold; the server fails in between and is asked again."""
    content = random.Random(8).randbytes(12_000_000)
    path = tmp_path / "large"
    path.write_bytes(content)
    with S3Server() as s3, to_s3(s3, tmp_path) as streams, Client(streams) as client:
        create_both(client)
        s3.write_faults = [(503, "SlowDown"), (500, "InternalError")]
        client.append("up", task(path, "large", userMetadata={"a": "b"}))
        wait_for_retry(streams, lambda: len(s3.requests) >= 1)
        assert [s["status"] for s in until_done(streams, client)] == [IN_PROGRESS, OK]
        assert s3.buckets["bucket"]["large"] == content and s3.metadata["bucket", "large"] == {"a": "b"}
        assert not s3.uploads
        parts = [r.headers["content-length"] for r in s3.requests if "partNumber" in r.path and r.status == 200]
        assert parts == ["5242880", "5242880", "1514240"]


def wait_for_retry(streams, condition):
    world.wait_until(condition, "a first attempt")


def until_done(streams, client, start=0, tasks=1):
    """Statuses, while the clock runs quickly."""
    found = []
    thread = threading.Thread(target=lambda: found.extend(statuses(client, start, tasks=tasks)))
    thread.start()
    while thread.is_alive():
        thread.join(0.1)
        streams.advance(1000)
    return found


def test_s3_resumes_after_kill(tmp_path):
    """Parts that are there are not sent again, unless the file has changed."""
    content = bytearray(random.Random(9).randbytes(16 << 20))
    path = tmp_path / "large"
    path.write_bytes(content)
    with S3Server() as s3:
        streams = to_s3(s3, tmp_path)
        streams.start()
        with Client(streams) as client:
            create_both(client)
            client.append("up", task(path, "large-!{timestamp:n}"))
            world.wait_until(lambda: sum("partNumber=1" in r.path and r.status == 200 for r in s3.requests), "a part")
            state = tmp_path / "store" / "streams" / "up" / "exports"
            world.wait_until(lambda: '"etags":["' in state.read_text(), "a part that is noted")
        streams.kill()
        before = len(s3.requests)
        with streams, Client(streams) as client:
            assert statuses(client, tasks=1)[-1]["status"] == OK
        (uploaded,) = s3.buckets["bucket"].values()
        assert uploaded == content and not s3.uploads
        assert not any("partNumber=1&" in r.path or "?uploads" in r.path for r in s3.requests[before:])


def test_s3_changed_file_starts_anew(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(12 << 20))
    with S3Server() as s3:
        streams = to_s3(s3, tmp_path)
        with streams, Client(streams) as client:
            create_both(client)
            s3.write_faults = []
            client.append("up", task(path, "large"))
            world.wait_until(lambda: s3.uploads and next(iter(s3.uploads.values()))[3], "a part")
            s3.write_faults = [(503, "SlowDown")] * 100
            streams.kill()
            s3.write_faults = []
            path.write_bytes(b"x" * (12 << 20))
            streams.start()
            with Client(streams) as again:
                assert statuses(again)[-1]["status"] == OK
        assert s3.buckets["bucket"]["large"] == b"x" * (12 << 20) and not s3.uploads


def test_s3_offline_for_a_day(tmp_path):
    """Tasks wait; retries become rare; nothing is lost, and all is delivered in order when the link is back."""
    for i in range(3):
        (tmp_path / f"f{i}").write_bytes(b"%d" % i)
    s3 = S3Server().start()
    endpoint, port = s3.endpoint, s3.port
    s3.stop()
    hasty = {"aws": KEYS, "patience": {"back_off_ms": 1}}
    with Streams(tmp_path / "store", fetch_settings=hasty, region="us-east-1",
                 endpoints={"s3": endpoint}) as streams, Client(streams) as client:
        create_both(client)
        for i in range(3):
            client.append("up", task(tmp_path / f"f{i}", f"key{i}"))
        before = attempts(client)
        for _ in range(12):
            streams.advance(2 * 60 * 60 * 1000)
            before = world.wait_until(lambda: newer(client, before), "another attempt")
        assert client.describe("up")["exportStatuses"][0]["lastExportedSequenceNumber"] == -1
        assert "refused" in client.describe("up")["exportStatuses"][0]["errorMessage"].lower() or before
        again = S3Server()
        again.buckets["bucket"] = {}
        with on_port(again, port):
            found = until_done(streams, client, tasks=3)
        assert [s["statusContext"]["sequenceNumber"] for s in found if s["status"] == OK] == [0, 1, 2]
        assert [s["status"] for s in found].count(IN_PROGRESS) == 3
        assert again.buckets["bucket"] == {f"key{i}": b"%d" % i for i in range(3)}


def attempts(client):
    return client.describe("up")["exportStatuses"][0].get("lastExportTime", 0)


def newer(client, than):
    now = attempts(client)
    return now if now > than else None


class on_port:
    """An S3 server where one was before."""

    def __init__(self, server, port):
        self.server, self.port = server, port

    def __enter__(self):
        import http.server
        made = http.server.ThreadingHTTPServer

        class Same(made):
            def __init__(inner, address, handler):
                made.__init__(inner, (address[0], self.port), handler)

        import s3_server
        s3_server.ThreadingHTTPServer, old = Same, s3_server.ThreadingHTTPServer
        try:
            self.server.start()
        finally:
            s3_server.ThreadingHTTPServer = old
        return self.server

    def __exit__(self, *_):
        self.server.stop()


def test_s3_canceled(tmp_path):
    """A task that grew too old, or whose export or stream was removed, is said to be canceled."""
    path = tmp_path / "f"
    path.write_bytes(b"x")
    with S3Server() as s3, to_s3(s3, tmp_path) as streams, Client(streams) as client:
        client.create("status")
        for name in ("old", "removed", "deleted"):
            client.create(name, timeToLiveMillis=60000, exportDefinition=s3_export(disabled=True))
            client.append(name, task(path))
        client.must(UPDATE, definition={"name": "removed", "strategyOnFull": 1})
        assert [s["statusContext"]["streamName"] for s in statuses(client)] == ["removed"]
        client.must(3, name="deleted")
        streams.advance(70000)
        found = statuses(client, start=1, tasks=2)
        assert [(s["status"], s["statusLevel"]) for s in found] == [(CANCELED, 1)] * 2
        assert sorted(s["statusContext"]["streamName"] for s in found) == ["deleted", "old"]
        assert not s3.requests


def test_s3_disabled_then_enabled_and_levels(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"x")
    with S3Server() as s3, to_s3(s3, tmp_path) as streams, Client(streams) as client:
        client.create("status")
        client.create("up", exportDefinition=s3_export(disabled=True))
        client.append("up", task(path))
        definition = client.describe("up")["definition"]
        executor = definition["exportDefinition"]["s3TaskExecutor"][0]
        executor.update(disabled=False, statusConfig={"statusLevel": 0, "statusStreamName": "status"})
        assert not s3.requests
        client.must(UPDATE, definition=definition)
        world.wait_until(lambda: s3.buckets["bucket"], "the upload")
        client.append("up", b"no task")
        assert [s["status"] for s in statuses(client)] == [FAILURE]      # errors alone were asked for
        executor["sizeThresholdForMultipartUploadBytes"] = 5242879
        assert client.ask(UPDATE, definition=definition)["status"] == INVALID_REQUEST


# -- messages

class Collector:
    """A destination; `answer` may refuse."""

    def __init__(self):
        self.bodies, self.answers = [], []

    def __call__(self, call):
        self.bodies.append(call.body)
        call.reply(*(self.answers.pop(0) if self.answers else (200, b"{}")))


def test_http(tmp_path):
    collector = Collector()
    collector.answers = [(503, b"busy"), (404, b"not yet")]
    with Server(collector) as server, Streams(tmp_path / "store") as streams, Client(streams) as client:
        client.create("raw", exportDefinition={"http": [{"identifier": "h", "uri": f"http://{server.host}/x"}]})
        for i in range(5):
            client.append("raw", b"message %d" % i)
        world.wait_until(lambda: len(collector.bodies) >= 1, "a first attempt")
        advance_until(streams, lambda: exported(client, "raw") == 4)
        assert collector.bodies[2:] == [f"message {i}" for i in range(5)]     # again and again, in order
        (status,) = client.describe("raw")["exportStatuses"]
        assert status["exportedMessagesCount"] == 5 and status["exportedBytesFromStream"] == 45
        assert status["errorMessage"] == ""


def test_http_batches(tmp_path):
    collector = Collector()
    with Server(collector) as server, Streams(tmp_path / "store") as streams, Client(streams) as client:
        client.create("json", exportDefinition={"http": [{
            "identifier": "h", "uri": f"http://{server.host}/x", "exportFormat": 1, "batchSize": 4,
            "batchIntervalMillis": 60000, "startSequenceNumber": 0}]})
        for i in range(10):
            client.append("json", b"%d" % i)
        world.wait_until(lambda: exported(client, "json") == 7, "two whole batches")
        assert [len(json.loads(body)) for body in collector.bodies] == [4, 4]
        streams.advance(60000)
        world.wait_until(lambda: exported(client, "json") == 9, "the rest, as it grew old")
        messages = [message for body in collector.bodies for message in json.loads(body)]
        assert [(m["sequenceNumber"], base64.b64decode(m["payload"])) for m in messages] == \
            [(i, b"%d" % i) for i in range(10)]
        assert {m["streamName"] for m in messages} == {"json"}
        definition = client.describe("json")["definition"]
        definition["exportDefinition"]["http"][0]["startSequenceNumber"] = 6
        client.must(UPDATE, definition=definition)                       # from there once more
        world.wait_until(lambda: len(collector.bodies) == 4, "again from 6")
        assert [m["sequenceNumber"] for m in json.loads(collector.bodies[3])] == [6, 7, 8, 9]
        client.must(UPDATE, definition=definition)                       # what was told may be sent back
        client.append("json", b"x" * 10)
        assert len(collector.bodies) == 4


def test_delivered_is_not_delivered_again_after_a_restart(tmp_path):
    collector = Collector()
    with Server(collector) as server:
        streams = Streams(tmp_path / "store")
        with streams, Client(streams) as client:
            client.create("s", exportDefinition={"http": [{"identifier": "h", "uri": f"http://{server.host}/"}]})
            client.append("s", b"one")
            world.wait_until(lambda: exported(client, "s") == 0, "the first")
        with streams, Client(streams) as client:
            client.append("s", b"two")
            world.wait_until(lambda: exported(client, "s") == 1, "the second")
        assert collector.bodies == ["one", "two"]


def test_full_stream_gives_room_for_what_was_exported(tmp_path):
    collector = Collector()
    with Server(collector) as server, Streams(tmp_path / "store") as streams, Client(streams) as client:
        client.create("s", strategyOnFull=0, maxSize=4096, streamSegmentSize=1024, exportDefinition={
            "http": [{"identifier": "h", "uri": f"http://{server.host}/", "exportFormat": 1}]})
        for i in range(200):
            world.wait_until(lambda: client.ask(APPEND, name="s", payload=b"x" * 100)["status"] == 0, "room")
        world.wait_until(lambda: exported(client, "s") == 199, "all of it")
        numbers = [m["sequenceNumber"] for body in collector.bodies for m in json.loads(body)]
        assert numbers == list(range(200))


def test_kinesis(tmp_path):
    """Records that failed go again, and only they."""
    calls = []

    def answer(call):
        request = json.loads(call.body)
        calls.append((call.header("X-Amz-Target"), call.header("Authorization"), request))
        records = [{"SequenceNumber": "1", "ShardId": "s"} for _ in request["Records"]]
        if len(calls) == 1:
            records[1] = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
        call.reply(200, json.dumps({"FailedRecordCount": len(calls) == 1, "Records": records}).encode())

    with Server(answer) as server, Streams(
            tmp_path / "store", fetch_settings={"aws": KEYS}, region="eu-west-1",
            endpoints={"kinesis": f"http://{server.host}"}) as streams, Client(streams) as client:
        client.create("k", exportDefinition={"kinesis": [{
            "identifier": "k", "kinesisStreamName": "MyStream", "batchSize": 3, "batchIntervalMillis": 60000}]})
        client.append("k", b"x" * (1 << 20))                             # more than Kinesis takes
        for i in range(5):
            client.append("k", b"m%d" % i)
        advance_until(streams, lambda: exported(client, "k") == 5, step=61000)
        target, authorization, first = calls[0]
        assert target == "Kinesis_20131202.PutRecords" and "/eu-west-1/kinesis/" in authorization
        assert first["StreamName"] == "MyStream"
        sent = [[base64.b64decode(r["Data"]) for r in request["Records"]] for _, _, request in calls]
        assert sent[0] == [b"m0", b"m1"] and sent[1] == [b"m1"] and sum(sent[2:], []) == [b"m2", b"m3", b"m4"]
        assert len({r["PartitionKey"] for _, _, request in calls for r in request["Records"]}) == 6
        assert client.describe("k")["exportStatuses"][0]["exportedMessagesCount"] == 5


def entry(number, alias="/a", seconds=1, **more):
    return json.dumps({"entryId": f"e{number}", "propertyAlias": alias, "propertyValues": [
        {"value": {"doubleValue": 1.5}, "timestamp": {"timeInSeconds": seconds, "offsetInNanos": 0},
         "quality": "GOOD"}], **more}).encode()


def test_sitewise(tmp_path):
    calls = []

    def answer(call):
        calls.append((call.path, call.header("Authorization"), json.loads(call.body)["entries"]))
        errors = [{"entryId": "e0", "errors": [{"errorCode": "ThrottlingException", "errorMessage": "slow"}]},
                  {"entryId": "e1", "errors": [{"errorCode": "ResourceNotFoundException", "errorMessage": "none"}]}]
        call.reply(200, json.dumps({"errorEntries": errors if len(calls) == 1 else []}).encode())

    with Server(answer) as server, Streams(
            tmp_path / "store", fetch_settings={"aws": KEYS}, region="eu-west-1",
            endpoints={"sitewise": f"http://{server.host}"}) as streams, Client(streams) as client:
        client.create("w", exportDefinition={"IotSitewise": [{"identifier": "w", "disabled": True}]})
        for payload in (entry(0), entry(1, "/b"), b"no entry", entry(2, "/c", propertyValues=[]), entry(3, "/d"),
                        entry(4, "/d"), entry(5, "/e")):
            client.append("w", payload)
        client.must(UPDATE, definition={"name": "w", "strategyOnFull": 1,
                                        "exportDefinition": {"IotSitewise": [{"identifier": "w"}]}})
        advance_until(streams, lambda: exported(client, "w") == 6)
        assert calls[0][0] == "/properties" and "/eu-west-1/iotsitewise/" in calls[0][1]
        # The second value of one property and time is the next request's; what is broken is passed over.
        assert [[e["entryId"] for e in entries] for _, _, entries in calls] == [["e0", "e1", "e3"], ["e0"], ["e4", "e5"]]
        assert client.describe("w")["exportStatuses"][0]["exportedMessagesCount"] == 4


def test_analytics_says_that_it_is_no_more(tmp_path):
    with Streams(tmp_path / "store") as streams, Client(streams) as client:
        client.create("a", exportDefinition={"iotAnalytics": [{"identifier": "a", "iotChannel": "c"}]})
        client.append("a", b"x")
        assert "December 2025" in client.describe("a")["exportStatuses"][0]["errorMessage"]


def exported(client, name):
    return client.describe(name)["exportStatuses"][0]["lastExportedSequenceNumber"]


def advance_until(streams, condition, step=1000):
    def check():
        streams.advance(step)
        return condition()

    world.wait_until(check, "the export, while the clock runs quickly")


# -- who may, and how much at a time

def test_credentials_of_the_token_exchange(tmp_path):
    """They are fetched when needed, again before they expire, and again when S3 does not like them."""
    asked = []

    def answer(call):
        asked.append((call.path, call.header("Authorization")))
        expiry = world.time.strftime("%Y-%m-%dT%H:%M:%SZ", world.time.gmtime(world.time.time() + 3600 + streams.advanced_ms / 1000))
        call.reply(*((503, b"no link") if len(asked) == 1 else (200, json.dumps({
            "AccessKeyId": KEYS["access_key_id"], "SecretAccessKey": KEYS["secret_access_key"], "Token": "session",
            "Expiration": expiry}).encode())))

    path = tmp_path / "f"
    path.write_bytes(b"x")
    with Server(answer) as exchange, S3Server(session_token="session") as s3:
        s3.buckets["bucket"] = {}
        uri = f"http://{exchange.host}/2016-11-01/credentialprovider/"
        with Streams(tmp_path / "store", region="us-east-1", endpoints={"s3": s3.endpoint},
                     credentials={"uri": uri, "token": "SVCUID"}) as streams, Client(streams) as client:
            create_both(client)
            client.append("up", task(path))
            world.wait_until(lambda: asked, "a first attempt")
            until_done(streams, client)
            assert asked == [("/2016-11-01/credentialprovider/", "SVCUID")] * 2
            client.append("up", task(path, "second"))
            until_done(streams, client, start=2)
            assert len(asked) == 2
            streams.advance(3600 * 1000)
            client.append("up", task(path, "third"))
            until_done(streams, client, start=4)
            assert len(asked) == 3
            s3.write_faults = [(400, "ExpiredToken")]
            client.append("up", task(path, "fourth"))
            until_done(streams, client, start=6)
            assert len(asked) == 4 and sorted(s3.buckets["bucket"]) == ["fourth", "in/a.txt", "second", "third"]


def test_priority_and_one_at_a_time(tmp_path):
    collector = Collector()
    with Server(collector) as server, Streams(
            tmp_path / "store", configuration={"STREAM_MANAGER_EXPORTER_THREAD_POOL_SIZE": 1}) as streams, \
            Client(streams) as client:
        def export(priority, disabled):
            return {"http": [{"identifier": "h", "uri": f"http://{server.host}/", "priority": priority,
                              "disabled": disabled}]}

        names = [("low", 9), ("high", 1), ("mid", 5)]
        for name, priority in names:
            client.create(name, exportDefinition=export(priority, True))
            for _ in range(3):
                client.append(name, name.encode())
        # In one packet, so that all are ready before the first goes.
        frames = [("u%d" % i, {"name": name, "strategyOnFull": 1, "exportDefinition": export(priority, False)})
                  for i, (name, priority) in enumerate(names)]
        import stream_peer
        client.socket.sendall(b"".join(stream_peer.frame(UPDATE, {"requestId": i, "definition": d}) for i, d in frames))
        assert [client.receive()[1]["status"] for _ in frames] == [0, 0, 0]
        world.wait_until(lambda: len(collector.bodies) == 9, "all of it")
        assert collector.bodies == ["high"] * 3 + ["mid"] * 3 + ["low"] * 3


def test_bandwidth(tmp_path):
    """80 kbit/s are 10 kB a second, on average."""
    for i in range(3):
        (tmp_path / f"f{i}").write_bytes(bytes(20_000))
    with S3Server() as s3, to_s3(s3, tmp_path, configuration={"STREAM_MANAGER_EXPORTER_MAX_BANDWIDTH": "80"}) as streams, \
            Client(streams) as client:
        create_both(client)
        for i in range(3):
            client.append("up", task(tmp_path / f"f{i}", f"f{i}"))
        statuses(client)
        client.must(11)
        assert sorted(s3.buckets["bucket"]) == ["f0"]
        streams.advance(500)  # the real clock goes on meanwhile
        client.must(11)
        assert sorted(s3.buckets["bucket"]) == ["f0"]
        streams.advance(1600)
        statuses(client, start=2)
        assert sorted(s3.buckets["bucket"]) == ["f0", "f1"]


# -- kill -9

def test_kill_sweep(tmp_path):
    """Killed at any moment: what was acknowledged is there, what is served is whole, and each message is
    delivered at least once, in order, never one that was not appended."""
    collector = Collector()
    pick = random.Random(4)
    with Server(collector) as server:
        streams = Streams(tmp_path / "store")
        streams.start()
        acknowledged = 0
        with Client(streams) as client:
            client.create("s", streamSegmentSize=4096, exportDefinition={
                "http": [{"identifier": "h", "uri": f"http://{server.host}/", "exportFormat": 1, "batchSize": 20}]})
            client.create("q", streamSegmentSize=4096, flushOnWrite=True)
        for _ in range(25):
            with Client(streams) as client:
                stop_at = threading.Timer(pick.uniform(0.002, 0.06), streams.process.kill)
                stop_at.start()
                try:
                    while True:
                        number = client.append("s", b"s%d" % acknowledged + b"." * pick.randrange(300))
                        assert number == acknowledged or number == acknowledged + 1
                        acknowledged = number + 1
                        client.append("q", b"x")
                except (OSError, AssertionError) as error:
                    assert isinstance(error, OSError) or "hung up" in str(error), error
                stop_at.join()
            streams.end()
            streams.start()
            with Client(streams) as client:
                storage = client.describe("s")["storageStatus"]
                assert storage["newestSequenceNumber"] + 1 in (acknowledged, acknowledged + 1)
                acknowledged = storage["newestSequenceNumber"] + 1
                for message in client.read("s", maxMessageCount=100000) if acknowledged else []:
                    assert message["payload"].rstrip(b".").startswith(b"s")
        with Client(streams) as client:
            world.wait_until(lambda: exported(client, "s") == acknowledged - 1, "all of it")
            messages = client.read("s", maxMessageCount=100000)
            assert [m["sequenceNumber"] for m in messages] == list(range(acknowledged))
        streams.stop()
    whole = [body for body in collector.bodies if body.endswith("]")]      # the sender may have been killed
    delivered = [m for body in whole for m in json.loads(body)]
    assert {m["sequenceNumber"] for m in delivered} == set(range(acknowledged))
    assert all(base64.b64decode(m["payload"]) == messages[m["sequenceNumber"]]["payload"] for m in delivered)
