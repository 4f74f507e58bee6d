# SPDX-License-Identifier: Apache-2.0
"""The stream manager's protocol: every operation, every status, and clients that misbehave."""

import os
import socket
import struct

import cbor2
import pytest

from stream_peer import (ANSWER, ANSWER_TOO_LARGE, APPEND, BAD_CONNECT_VERSION, CONNECT, CREATE, DELETE, DESCRIBE,
                         FAILED_TO_CONNECT, INVALID_REQUEST, INVALID_VERSION, IS_SANITIZED, LIST, NOT_ENOUGH, NOT_FOUND, OUT_OF_MEMORY,
                         READ, READ_ERROR, REQUEST_TOO_LARGE, SUCCESS, TOKEN, UNAUTHORIZED, UNEXPECTED_OPERATION,
                         UNKNOWN_OPERATION, UNSUPPORTED_VERSION, UPDATE, UPDATE_NOT_ALLOWED, Client, Failed, Streams,
                         frame)


@pytest.fixture(scope="module")
def streams(tmp_path_factory):
    with Streams(tmp_path_factory.mktemp("streams")) as streams:
        yield streams


@pytest.fixture
def client(streams):
    with Client(streams) as client:
        for name in client.must(LIST)["streams"]:
            client.must(DELETE, name=name)
        yield client


# -- connecting

def test_connect(streams):
    with Client(streams, connect=False) as client:
        answer = client.connect()
    assert answer["status"] == SUCCESS and answer["protocolVersion"] == "1.1.0"
    assert answer["supportedProtocolVersions"] == ["1.0.0", "1.1.0"] and answer["errorMessage"] == ""
    assert answer["clientIdentifier"] == "com.example.Streamer" and "mooring" in answer["serverVersion"]


@pytest.mark.parametrize("version, others, status, chosen", [
    ("1.0.0", [], SUCCESS, "1.0.0"),
    ("2.0.0", ["0.9.0", "1.0.0", "1.1.0"], SUCCESS, "1.1.0"),
    ("2.0.0", ["1.0.0"], SUCCESS, "1.0.0"),
    ("2.0.0", ["1.5.0", "x", 3], UNSUPPORTED_VERSION, None),
    ("2.0.0", None, UNSUPPORTED_VERSION, None),
    ("one", ["1.1.0"], INVALID_VERSION, None),
    ("1.1", [], INVALID_VERSION, None),
    ("", [], INVALID_VERSION, None),
    (None, [], INVALID_VERSION, None),
    (1, [], INVALID_VERSION, None),
])
def test_versions(streams, version, others, status, chosen):
    with Client(streams, connect=False) as client:
        answer = client.connect(protocolVersion=version, otherSupportedProtocolVersions=others)
        assert (answer["status"], answer.get("protocolVersion")) == (status, chosen)
        assert status == SUCCESS or client.is_closed()


@pytest.mark.parametrize("token", ["wrong", "", None, "x" * 2000])
def test_wrong_token(streams, token):
    with Client(streams, token=token, connect=False) as client:
        answer = client.connect()
        assert answer["status"] == UNAUTHORIZED and answer["requestId"] == "c"
        assert client.is_closed()


@pytest.mark.parametrize("sent, status", [
    (b"\2" + frame(CONNECT, {"requestId": "c", "protocolVersion": "1.1.0"}), BAD_CONNECT_VERSION),
    (b"\1" + frame(LIST, {"requestId": "c"}), UNEXPECTED_OPERATION),
    (b"\1" + frame(CONNECT, b"\xff"), FAILED_TO_CONNECT),
    (b"\1" + frame(CONNECT, {"protocolVersion": "1.1.0"}), FAILED_TO_CONNECT),
])
def test_wrong_greeting(streams, sent, status):
    with Client(streams, connect=False) as client:
        client.socket.sendall(sent)
        assert client.greeting()["status"] == status
        assert client.is_closed()


def test_no_authentication(tmp_path):
    with Streams(tmp_path / "s", configuration={"STREAM_MANAGER_AUTHENTICATE_CLIENT": "false"}) as streams:
        for token in (None, "wrong"):
            with Client(streams, token=token) as client:
                assert client.must(LIST)["streams"] == []


# -- quirks of real clients

def test_byte_by_byte(streams):
    """Java's client writes its header so."""
    request = {"requestId": "c", "protocolVersion": "1.1.0", "authToken": TOKEN}
    with Client(streams, connect=False) as client:
        for byte in b"\1" + frame(CONNECT, request):
            client.socket.send(bytes([byte]))
        assert client.greeting()["status"] == SUCCESS
        for byte in frame(LIST, {"requestId": "l"}):
            client.socket.send(bytes([byte]))
        assert client.receive()[1]["status"] == SUCCESS


def test_all_at_once(streams):
    request = {"requestId": "c", "protocolVersion": "1.1.0", "authToken": TOKEN}
    with Client(streams, connect=False) as client:
        client.socket.sendall(b"\1" + frame(CONNECT, request) +
                              b"".join(frame(LIST, {"requestId": f"l{i}"}) for i in range(100)))
        assert client.greeting()["status"] == SUCCESS
        assert [client.receive()[1]["requestId"] for _ in range(100)] == [f"l{i}" for i in range(100)]


def test_indefinite_lengths_and_null(client):
    """Jackson's maps, and text in chunks; null is as good as missing."""
    text = cbor2.dumps
    definition = b"\xbf" + text("name") + b"\x7f" + text("in") + text("def") + b"\xff" + \
        text("strategyOnFull") + b"\x01" + text("exportDefinition") + b"\xf6" + text("maxSize") + b"\xf7" + \
        text("unknown") + text(1.5) + b"\xff"
    client.socket.sendall(frame(CREATE, b"\xbf" + text("requestId") + text("q") + text("definition") +
                                definition + b"\xff"))
    assert client.receive()[1] == {"requestId": "q", "status": SUCCESS, "errorMessage": ""}
    assert client.describe("indef")["definition"]["maxSize"] == 268435456


def test_blank_request_id(client):
    """The JS SDK gives all its requests one id, a blank: it needs its answers in order."""
    client.create("a")
    client.send(READ, " ", streamName="a", readMessagesOptions={"readTimeoutMillis": 20000, "minMessageCount": 2})
    client.send(READ, " ", streamName="a", readMessagesOptions={"readTimeoutMillis": 20000, "minMessageCount": 1})
    client.send(APPEND, " ", name="a", payload=b"1")
    client.send(LIST, "other")
    assert client.receive()[1]["requestId"] == "other"      # what has an id of its own does not wait
    client.send(APPEND, " ", name="a", payload=b"2")
    got = [client.receive() for _ in range(4)]
    assert [operation for operation, _ in got] == [ANSWER[READ], ANSWER[READ], ANSWER[APPEND], ANSWER[APPEND]]
    assert [len(answer["messages"]) for _, answer in got[:2]] == [2, 1]
    assert [answer["sequenceNumber"] for _, answer in got[2:]] == [0, 1]


def test_half_closed(streams):
    """Who says that he sends no more still gets his answers."""
    with Client(streams) as client:
        client.create("half")
        client.send(LIST)
        client.send(READ, streamName="half", readMessagesOptions={"readTimeoutMillis": 300})
        client.socket.shutdown(socket.SHUT_WR)
        assert client.receive()[1]["status"] == SUCCESS
        assert client.receive()[1]["status"] == NOT_ENOUGH
        assert client.is_closed()


# -- operations

def test_create_list_delete(client):
    for name in ("b", "a", ".", "..", "x y,z-_"):
        client.create(name)
    assert client.must(LIST)["streams"] == sorted(("b", "a", ".", "..", "x y,z-_"))
    answer = client.ask(CREATE, definition={"name": "a", "strategyOnFull": 0})
    assert answer["status"] == INVALID_REQUEST and "already exists" in answer["errorMessage"]
    client.must(DELETE, name="a")
    assert client.ask(DELETE, name="a")["status"] == NOT_FOUND
    assert "a" not in client.must(LIST)["streams"]


def test_describe(client):
    client.create("d", exportDefinition={
        "s3TaskExecutor": [{"identifier": "up", "disabled": True, "statusConfig": {"statusStreamName": "s"}}]})
    info = client.describe("d")
    assert info["storageStatus"] == {"oldestSequenceNumber": 0, "newestSequenceNumber": -1, "totalBytes": 0}
    assert info["definition"] == {
        "name": "d", "maxSize": 268435456, "streamSegmentSize": 16777216, "strategyOnFull": 1, "persistence": 0,
        "flushOnWrite": False, "exportDefinition": {
            "http": [], "iotAnalytics": [], "kinesis": [], "IotSitewise": [], "s3TaskExecutor": [{
                "identifier": "up", "disabled": True, "sizeThresholdForMultipartUploadBytes": 5242880,
                "statusConfig": {"statusLevel": 2, "statusStreamName": "s"}}]}}
    assert info["exportStatuses"] == [{
        "exportConfigIdentifier": "up", "lastExportedSequenceNumber": -1, "errorMessage": "",
        "exportedBytesFromStream": 0, "exportedMessagesCount": 0}]
    assert client.ask(DESCRIBE, name="nobody")["status"] == NOT_FOUND


def test_append_and_read(client):
    client.create("r")
    assert [client.append("r", bytes([i]) * (i + 1)) for i in range(10)] == list(range(10))
    messages = client.read("r", desiredStartSequenceNumber=3, maxMessageCount=4)
    assert [(m["streamName"], m["sequenceNumber"], m["payload"]) for m in messages] == \
        [("r", i, bytes([i]) * (i + 1)) for i in range(3, 7)]
    assert abs(messages[0]["ingestTime"] / 1000 - os.times().elapsed) > 1e8 or messages[0]["ingestTime"] > 1.6e12
    assert len(client.read("r")) == 1                                # one, if nothing is said
    assert len(client.read("r", minMessageCount=5)) == 5             # Python sends no maximum
    assert len(client.read("r", maxMessageCount=1000)) == 10         # as many as there are
    assert len(client.read("r", maxMessageCount=1000)) == 10         # reading takes nothing away
    assert client.ask(READ, streamName="r", readMessagesOptions={"minMessageCount": 11,
                                                                 "maxMessageCount": 20})["status"] == NOT_ENOUGH
    assert client.must(READ, streamName="r")["messages"][0]["sequenceNumber"] == 0


def test_large_messages(client):
    client.create("large")
    payload = os.urandom(3 << 20)
    for i in range(4):
        assert client.append("large", payload) == i
    messages = client.read("large", maxMessageCount=4)
    assert [m["payload"] == payload for m in messages] == [True] * 4
    for i in range(4, 12):
        client.append("large", payload)
    assert len(client.read("large", maxMessageCount=12)) == 10       # as many as an answer holds
    assert client.ask(READ, streamName="large", readMessagesOptions={
        "minMessageCount": 12, "maxMessageCount": 12})["status"] == ANSWER_TOO_LARGE


def test_waiting_read(client, streams):
    client.create("w")
    waiting = client.send(READ, streamName="w", readMessagesOptions={"minMessageCount": 2, "readTimeoutMillis": 20000})
    assert client.append("w", b"1") == 0                             # others go on
    client.send(APPEND, name="w", payload=b"2")
    answers = dict(client.receive() for _ in range(2))
    assert answers[ANSWER[READ]]["requestId"] == waiting and len(answers[ANSWER[READ]]["messages"]) == 2
    waiting = client.send(READ, streamName="w", readMessagesOptions={
        "desiredStartSequenceNumber": 2, "minMessageCount": 1, "readTimeoutMillis": 59000})
    client.must(LIST)
    streams.advance(58000)
    client.must(LIST)
    client.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.socket.recv(1)
    client.socket.settimeout(30)
    streams.advance(999)                                             # a little before the client gives up
    assert client.receive()[1]["status"] == NOT_ENOUGH
    waiting = client.send(READ, streamName="w", readMessagesOptions={
        "desiredStartSequenceNumber": 2, "readTimeoutMillis": 50000})
    client.send(DELETE, name="w")
    assert sorted((operation, answer["status"]) for operation, answer in (client.receive(), client.receive())) == \
        [(ANSWER[DELETE], SUCCESS), (ANSWER[READ], NOT_FOUND)]


@pytest.mark.parametrize("operation, members, status", [
    (APPEND, {"name": "nobody", "payload": b"x"}, NOT_FOUND),
    (READ, {"streamName": "nobody"}, NOT_FOUND),
    (UPDATE, {"definition": {"name": "nobody", "strategyOnFull": 1}}, NOT_FOUND),
    (APPEND, {"name": "v"}, INVALID_REQUEST),
    (APPEND, {"name": "v", "payload": b""}, INVALID_REQUEST),
    (APPEND, {"name": "v", "payload": "text"}, INVALID_REQUEST),
    (APPEND, {"payload": b"x"}, INVALID_REQUEST),
    (APPEND, {"name": 5, "payload": b"x"}, INVALID_REQUEST),
    (READ, {"name": "v"}, INVALID_REQUEST),
    (READ, {"streamName": "v", "readMessagesOptions": {"minMessageCount": 0}}, INVALID_REQUEST),
    (READ, {"streamName": "v", "readMessagesOptions": {"minMessageCount": 5, "maxMessageCount": 4}}, INVALID_REQUEST),
    (READ, {"streamName": "v", "readMessagesOptions": {"desiredStartSequenceNumber": -1}}, INVALID_REQUEST),
    (READ, {"streamName": "v", "readMessagesOptions": {"readTimeoutMillis": -1}}, INVALID_REQUEST),
    (READ, {"streamName": "v", "readMessagesOptions": [1]}, INVALID_REQUEST),
    (CREATE, {}, INVALID_REQUEST),
    (CREATE, {"definition": {"name": "a/b", "strategyOnFull": 1}}, INVALID_REQUEST),
    (CREATE, {"definition": {"name": "n" * 256, "strategyOnFull": 1}}, INVALID_REQUEST),
    (CREATE, {"definition": {"name": "n"}}, INVALID_REQUEST),
    (DELETE, {"name": ["v"]}, INVALID_REQUEST),
    (77, {}, UNKNOWN_OPERATION),
    (0, {}, UNKNOWN_OPERATION),
    (255, {"deep": [[[[]]]]}, UNKNOWN_OPERATION),
    (CONNECT, {"protocolVersion": "1.1.0"}, UNEXPECTED_OPERATION),
])
def test_refused(client, operation, members, status):
    client.create("v")
    answer = client.ask(operation, **members)
    assert answer["status"] == status and answer["errorMessage"], answer
    assert client.must(LIST)["streams"] == ["v"]                     # and life goes on


@pytest.mark.parametrize("payload", [
    b"\xa1\x69requestId\x62id" + b"x",                               # a byte too many
    b"\xa2\x69requestId\x62id",                                      # too few
    b"\xa2\x69requestId\x62id\x61x\xc1\x00",                         # a tag
    b"\xa2\x69requestId\x62id\x61x\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xa2\x69requestId\x62id\x61x" + b"\x81" * 100 + b"\x00",
])
def test_broken_cbor_with_an_id(client, payload):
    client.socket.sendall(frame(APPEND, payload))
    assert client.receive() == (ANSWER[APPEND], {"requestId": "id", "status": INVALID_REQUEST,
                                                 "errorMessage": client_text(client)})


def client_text(client):
    """Any text: what is asked for here is that there is an answer with the right id."""
    class Any(str):
        def __eq__(self, other):
            return isinstance(other, str) and other != ""
        __hash__ = str.__hash__
    return Any()


@pytest.mark.parametrize("sent", [
    b"\0\0\0\0\x02", b"\xff\xff\xff\xff\x02", b"\x40\0\0\x01\x02", b"\x80\0\0\0\x02",
    frame(LIST, b"\xff"), frame(LIST, {}), frame(LIST, {"requestId": 5}),
])
def test_lost_way(streams, sent):
    """Where no answer could be told from another the connection is closed, and only that one."""
    with Client(streams) as client, Client(streams) as other:
        client.socket.sendall(sent)
        assert client.is_closed()
        other.must(LIST)


def test_too_large(client):
    """The request is not stored, but answered, and the next one is understood."""
    client.create("t", maxSize=1024)
    assert client.ask(APPEND, name="t", payload=b"x" * 2000)["status"] == REQUEST_TOO_LARGE
    length = 33 << 20
    head = b"\xa3\x69requestId\x63big\x64name\x61t\x67payload\x5a" + struct.pack(">I", length)
    client.socket.sendall(struct.pack(">IB", 1 + len(head) + length, APPEND) + head)
    block = b"x" * 65536
    for _ in range(length // len(block)):
        client.socket.sendall(block)
    assert client.receive()[1]["status"] == REQUEST_TOO_LARGE
    assert client.append("t", b"x") == 0


def test_full(client):
    client.create("full", strategyOnFull=0, maxSize=2048, streamSegmentSize=1024)
    count = 0
    while (answer := client.ask(APPEND, name="full", payload=b"x" * 100))["status"] == SUCCESS:
        count += 1
    assert answer["status"] == INVALID_REQUEST and "stream is full" in answer["errorMessage"]
    assert 10 <= count <= 20 and len(client.read("full", maxMessageCount=100)) == count
    client.create("ring", maxSize=2048, streamSegmentSize=1024)
    for i in range(100):
        assert client.append("ring", b"x" * 100) == i
    storage = client.describe("ring")["storageStatus"]
    assert storage["newestSequenceNumber"] == 99 and storage["totalBytes"] <= 2048
    assert 80 <= storage["oldestSequenceNumber"] <= 91
    assert client.read("ring")[0]["sequenceNumber"] == storage["oldestSequenceNumber"]


def test_update(client):
    base = {"name": "u", "strategyOnFull": 1}
    client.create("u", maxSize=4096, streamSegmentSize=1024, flushOnWrite=True)
    for i in range(20):
        client.append("u", b"x" * 100)

    def status(**changes):
        return client.ask(UPDATE, definition={**base, **changes})["status"]

    assert status(persistence=1) == UPDATE_NOT_ALLOWED
    assert status(maxSize=1024) == INVALID_REQUEST                   # more is stored
    assert status(maxSize=4096, streamSegmentSize=8192) == INVALID_REQUEST
    assert status(exportDefinition={"http": [{"identifier": "h", "uri": "http://127.0.0.1:1/", "disabled": True,
                                              "startSequenceNumber": 19}]}) == INVALID_REQUEST
    assert client.describe("u")["definition"]["maxSize"] == 4096
    assert status(maxSize=8192, streamSegmentSize=2048, strategyOnFull=0, timeToLiveMillis=60000) == SUCCESS
    definition = client.describe("u")["definition"]
    assert (definition["maxSize"], definition["strategyOnFull"], definition["timeToLiveMillis"]) == (8192, 0, 60000)
    assert definition["flushOnWrite"] is False                       # what is not said is the default again
    client.must(UPDATE, definition=definition)                       # what was described may be sent back
    assert len(client.read("u", maxMessageCount=100)) == 20


def test_time_to_live(client, streams):
    client.create("old", timeToLiveMillis=60000, streamSegmentSize=1024)
    for _ in range(20):
        client.append("old", b"x" * 100)
    streams.advance(50000)
    client.append("old", b"young")
    streams.advance(15000)
    storage = client.describe("old")["storageStatus"]
    assert 15 <= storage["oldestSequenceNumber"] <= 20 and storage["newestSequenceNumber"] == 20
    streams.advance(60000)
    assert client.ask(READ, streamName="old")["status"] == NOT_ENOUGH
    assert client.append("old", b"next") == 21


# -- persistence

def test_restart(tmp_path):
    streams = Streams(tmp_path / "s", memory_limit=1 << 20)
    with streams, Client(streams) as client:
        client.create("file", flushOnWrite=True)
        client.create("memory", persistence=1)
        for i in range(100):
            client.append("file", b"f%d" % i)
            client.append("memory", b"m%d" % i)
        assert len(client.read("memory", maxMessageCount=100)) == 100
        assert client.ask(APPEND, name="memory", payload=b"x" * (1 << 20))["status"] == OUT_OF_MEMORY
        assert not [name for name in os.listdir(tmp_path / "s" / "streams" / "memory") if name.endswith(".log")]
    with streams, Client(streams) as client:
        assert [m["payload"] for m in client.read("file", maxMessageCount=1000)] == [b"f%d" % i for i in range(100)]
        assert client.append("file", b"next") == 100
        assert client.ask(READ, streamName="memory")["status"] == NOT_ENOUGH
        assert client.append("memory", b"first again") == 0


def test_damaged_message(tmp_path):
    streams = Streams(tmp_path / "s")
    with streams, Client(streams) as client:
        client.create("d", streamSegmentSize=1024)
        for i in range(30):
            client.append("d", b"x" * 100)
    segments = sorted((tmp_path / "s" / "streams" / "d").glob("*.log"))
    data = bytearray(segments[1].read_bytes())
    data[300] ^= 1
    segments[1].write_bytes(data)
    with streams, Client(streams) as client:
        first = int(segments[1].stem)
        assert len(client.read("d", maxMessageCount=first)) == first
        with pytest.raises(Failed) as failed:
            client.read("d", desiredStartSequenceNumber=first + 2)
        assert failed.value.status == READ_ERROR
        assert client.read("d", desiredStartSequenceNumber=int(segments[2].stem))[0]["payload"] == b"x" * 100
        assert client.append("d", b"x") == 30


def test_stream_with_a_broken_definition(tmp_path):
    """One stream that cannot be read does not keep the others away."""
    streams = Streams(tmp_path / "s")
    with streams, Client(streams) as client:
        client.create("good")
        client.create("bad")
    (tmp_path / "s" / "streams" / "bad" / "definition").write_bytes(b"\xa1")
    with streams, Client(streams) as client:
        assert client.must(LIST)["streams"] == ["good"]
    assert 'stream "bad"' in streams.errors


# -- many

def test_many_clients_and_memory(streams):
    clients = [Client(streams).__enter__() for _ in range(50)]
    clients[0].create("many")
    before = streams.memory()
    for round in range(20):
        for client in clients:
            client.send(APPEND, name="many", payload=b"x" * 1024)
        for client in clients:
            assert client.receive()[1]["status"] == SUCCESS
    assert clients[0].describe("many")["storageStatus"]["newestSequenceNumber"] == 999
    assert IS_SANITIZED or streams.memory() - before < 1 << 20
    descriptors = streams.descriptors()
    for client in clients:
        client.__exit__()
    with Client(streams) as client:
        client.must(LIST)
    assert streams.descriptors() <= descriptors - 49


def test_who_does_not_fetch_answers(streams):
    """His requests wait; memory does not grow, and others are served."""
    with Client(streams) as lazy, Client(streams) as other:
        lazy.create("lazy")
        for i in range(4):
            lazy.append("lazy", b"x" * (2 << 20))
        for i in range(20):
            lazy.send(READ, streamName="lazy", readMessagesOptions={"maxMessageCount": 4})
        other.must(LIST)
        assert IS_SANITIZED or streams.memory() < 60 << 20
        for i in range(20):
            assert len(lazy.receive()[1]["messages"]) == 4
