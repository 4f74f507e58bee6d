# SPDX-License-Identifier: Apache-2.0
"""The stream manager as a program: what it gives up, what it says of wrong settings, and `mooring stream`."""

import os

import pytest

import stream_peer
from stream_peer import Client, Streams

NOBODY = 65534


def status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def test_what_it_gives_up(open_path):
    """It talks to strangers: another user, no capability, no new program, no file but its store's."""
    store = open_path / "store"
    store.mkdir()
    os.chown(store, NOBODY, NOBODY)
    with Streams(store, user={"uid": NOBODY, "gid": NOBODY}) as streams, Client(streams) as client:
        client.create("s")
        client.append("s", b"x")
        found = status(streams.process.pid)
        assert found["Uid"].split() == [str(NOBODY)] * 4 and found["Groups"].split() == []
        assert [int(found[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb")] == [0] * 5
        assert found["NoNewPrivs"] == "1" and found["Seccomp"] == "2"
        assert os.stat(f"/proc/{streams.process.pid}/mem").st_uid == 0          # not dumpable: nobody else's
        assert (store / "streams" / "s" / "0000000000000000000.log").stat().st_uid == NOBODY


@pytest.mark.parametrize("settings, part", [
    ("", "settings"), ("[]", "STREAM_MANAGER_STORE_ROOT_DIR"), ("{}", "STREAM_MANAGER_STORE_ROOT_DIR"),
    ('{"root": "relative"}', "absolute path"),
    ('{"root": "/nowhere"}', "/nowhere: No such file"),
    ('{"root": "/", "configuration": {"STREAM_MANAGER_SERVER_PORT": "70000"}}', "STREAM_MANAGER_SERVER_PORT"),
    ('{"root": "/", "configuration": {"STREAM_MANAGER_AUTHENTICATE_CLIENT": "maybe"}}', "true or false"),
    ('{"root": "/", "configuration": {"LOG_LEVEL": "LOUD"}}', "LOG_LEVEL"),
    ('{"root": "/", "configuration": {"STREAM_MANAGER_EXPORTER_S3_DESTINATION_MULTIPART_UPLOAD_MIN_PART_SIZE_BYTES": 1}}',
     "from 5242880"),
])
def test_wrong_settings(settings, part):
    ours, theirs = stream_peer.socket.socketpair(stream_peer.socket.AF_UNIX, stream_peer.socket.SOCK_SEQPACKET)
    process = stream_peer.spawn([stream_peer.PROGRAM], theirs, None, settings)
    _, errors = process.communicate(timeout=30)
    ours.close()
    assert process.returncode == 1
    (line,) = errors.decode().splitlines()
    assert line.startswith("mooring-streams: ") and part in line


def test_a_store_is_one_programs(tmp_path):
    with Streams(tmp_path / "s"), pytest.raises(AssertionError, match="%lock"):
        Streams(tmp_path / "s").start()


def test_port_that_is_taken(tmp_path):
    with Streams(tmp_path / "a") as streams:
        with pytest.raises(AssertionError, match=f"127.0.0.1:{streams.port}.*STREAM_MANAGER_SERVER_PORT"):
            Streams(tmp_path / "b", configuration={"STREAM_MANAGER_SERVER_PORT": streams.port}).start()


def test_command(moor, tmp_path):
    """mooring stream list, describe, read."""
    os.makedirs(moor.run_dir, exist_ok=True)
    done = moor.mooring("stream", "list", code=1)
    assert "does not run" in done.stderr
    with Streams(tmp_path / "s", control=os.path.join(moor.run_dir, "streams.sock")) as streams, \
            Client(streams) as client:
        assert os.stat(streams.settings["control"]).st_mode & 0o777 == 0o600
        client.create("Up", maxSize=1 << 20, timeToLiveMillis=60000, exportDefinition={
            "http": [{"identifier": "h", "uri": "http://127.0.0.1:1/"}]})
        client.create("memory only", persistence=1)
        for payload in (b"hello", "grüße".encode(), b"\x1b[31m", b"\x00\xff"):
            client.append("Up", payload)
        rows = [line.split() for line in moor.mooring("stream", "list").stdout.splitlines()]
        assert rows[0] == ["NAME", "IN", "OLDEST", "NEWEST", "BYTES", "EXPORTS", "LAG"]
        assert rows[1][:4] + rows[1][5:] == ["Up", "file", "0", "3", "1", "4"]
        assert rows[2] == ["memory", "only", "memory", "0", "-1", "0", "0", "0"]
        text = moor.mooring("stream", "describe", "Up").stdout
        for part in ("Name: Up", "Messages: 0 to 3", "of 1.0 MiB", "oldest are overwritten", "Kept for: 60 s",
                     "Export: h", "Delivered: up to -1", "Lag: 4"):
            assert part in text, text
        lines = moor.mooring("stream", "read", "Up").stdout.splitlines()
        assert [line.split(" ", 2)[::2] for line in lines] == [
            ["0", "hello"], ["1", "grüße"], ["2", "hex:1b5b33316d"], ["3", "hex:00ff"]]
        assert moor.mooring("stream", "read", "--raw", "--from", "1", "-n", "1", "Up").stdout == "grüße\n"
        assert "not found" in moor.mooring("stream", "describe", "nobody", code=1).stderr
    for words in ([], ["list", "x"], ["describe"], ["read"], ["drop", "x"], ["read", "--from", "x", "Up"], ["read", "-n", "0", "Up"]):
        assert "--help" in moor.mooring("stream", *words, code=2).stderr
    assert moor.mooring("stream", "describe", code=2).stderr.startswith(
        'mooring: stream: expected "list", "describe STREAM" or "read STREAM"\n')
    assert "Usage: mooring stream list" in moor.mooring("stream", "--help").stdout
