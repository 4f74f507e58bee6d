# SPDX-License-Identifier: Apache-2.0
"""The stream manager under the nucleus: started for who needs it, tokens, files of the component alone."""

import contextlib
import json
import os
import signal
import stat

import pytest

import world
from resident import Resident, wait_until
from s3_server import S3Server

MANAGER = "aws.greengrass.StreamManager"

# What a component's own client does, told by its arguments: an S3 task for each path, then their fate.
SCRIPT = """
import json, os, sys
sys.path.insert(0, {tests!r})
from stream_peer import Client

class Manager:
    port = int(os.environ["PORT"])

work, *paths = sys.argv[1:]
open(work + "/own.txt", "w").write("from " + work)
if not os.path.islink(work + "/out"):
    os.symlink("/etc/passwd", work + "/out")
with Client(Manager, token=os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]) as client:
    client.create("status")
    client.create("up", exportDefinition={{"s3TaskExecutor": [
        {{"identifier": "s3", "statusConfig": {{"statusStreamName": "status"}}}}]}})
    for i, path in enumerate(paths):
        client.append("up", json.dumps({{"inputUrl": "file://" + path, "bucket": "bucket", "key": str(i)}}).encode())
    ends = []
    for message in client.follow("status", until=lambda m: len(ends) == len(paths)):
        status = json.loads(message["payload"])
        if status["status"] != 2:
            ends.append(status)
            print("END", status["statusContext"]["sequenceNumber"], status["status"], status["message"], flush=True)
            if len(ends) == len(paths):
                break
"""


@pytest.fixture
def device(open_path):
    with S3Server() as s3:
        s3.buckets["bucket"] = {}
        config = {"s3": {"endpoint": s3.endpoint, "region": "us-east-1", "path_style": True},
                  "services": {"aws.greengrass.Nucleus": {"configuration": {
                      "runWithDefault": {"posixUser": "nobody:nogroup"}, "awsRegion": "us-east-1"}}}}
        device = Resident(open_path / "device", {**os.environ, "MOORING_RUN": str(open_path / "run")}, config)
        device.s3 = s3
        device.port = world.free_port()
        script = open_path / "client.py"
        script.write_text(SCRIPT.format(tests=os.path.join(world.TESTS, "integration")))
        device.script = str(script)
        device.start(AWS_ACCESS_KEY_ID=s3.access_key, AWS_SECRET_ACCESS_KEY=s3.secret_key)
        try:
            yield device
        finally:
            device.end()


def manager_pids(device):
    """mooring-streams that are children of this nucleus."""
    found = []
    with open(f"/proc/{device.process.pid}/task/{device.process.pid}/children", encoding="ascii") as file:
        children = file.read().split()
    for pid in children:  # one may end while we look at it
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            if comm.read().strip() == "mooring-streams":
                found.append(int(pid))
    return found


def recipe(device, name, paths):
    words = " ".join(f"'{path}'" for path in paths)
    device.recipe({"Run": {"Script": f"/usr/bin/python3 {device.script} '{{work:path}}' {words}",
                           "Setenv": {"PORT": str(device.port)}}}, name=name, needs={MANAGER: "HARD"})


def listen_at(port):
    """Whoever else may be on 8088 of this machine."""
    return {MANAGER: {"STREAM_MANAGER_SERVER_PORT": str(port)}}


def test_component_and_attacker(device):
    assert manager_pids(device) == []
    own = device.work("own.txt", "Streamer")
    recipe(device, "Streamer", [own])
    device.deploy(add={"Streamer": "1.0.0"}, merge=listen_at(device.port))
    device.wait_for("Streamer", "FINISHED")
    assert device.lines("Streamer") == ["END 0 0 Success"]
    assert device.s3.buckets["bucket"] == {"0": f"from {device.root}/work/Streamer".encode()}
    (pid,) = manager_pids(device)
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        assert "Uid:\t65534\t65534\t65534\t65534" in file.read()
    assert "reporting the state: RUNNING" in device.log(MANAGER)
    assert device.client.call("GetConfiguration", componentName=MANAGER, keyPath=["port"])["value"] == {"port": device.port}

    # Another component must not have what it could not read itself uploaded in its name.
    secret = device.work("secret.txt", "Attacker")
    paths = ["/etc/passwd", own, device.work("out", "Attacker"), device.work("../Streamer/own.txt", "Attacker"), secret,
             device.work("own.txt", "Attacker")]
    recipe(device, "Attacker", paths)
    device.recipe({"Run": "sleep 1000"}, name="Waits")
    work = os.path.dirname(secret)
    os.makedirs(work, exist_ok=True)
    with open(secret, "w", encoding="ascii") as file:
        file.write("root's own")
    os.chmod(secret, 0o600)
    remove_streams(device)
    device.deploy(add={"Attacker": "1.0.0"})
    device.wait_for("Attacker", "FINISHED")
    ends = device.lines("Attacker")
    assert [line.split()[2] for line in ends] == ["1"] * 5 + ["0"], ends
    for line, part in zip(ends, ("not below", "not below", "leads out", "leads out", "Permission denied", "Success")):
        assert part in line, ends
    assert device.s3.buckets["bucket"].keys() == {"0", "5"}

    # Nobody needs it any more.
    device.deploy(add={}, remove=["Streamer", "Attacker"])
    wait_until(lambda: not manager_pids(device), "the stream manager to end")


def remove_streams(device):
    """The next component makes them anew."""
    import cbor2
    from stream_peer import frame
    import socket
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(os.path.join(device.env["MOORING_RUN"], "streams.sock"))
        client.sendall(b"\1" + frame(1, {"requestId": "c", "protocolVersion": "1.1.0"}) +
                       frame(3, {"requestId": "1", "name": "up"}) + frame(3, {"requestId": "2", "name": "status"}))
        data = b""
        while data.count(b"requestId") < 3:
            data += client.recv(4096)
    assert cbor2 and data


def test_killed_and_configured(device):
    """It comes back when it is killed, with what it had; and with another configuration when that changes."""
    recipe(device, "Streamer", [device.work("own.txt", "Streamer")])
    device.deploy(add={"Streamer": "1.0.0"}, merge=listen_at(device.port))
    device.wait_for("Streamer", "FINISHED")
    (pid,) = manager_pids(device)
    os.kill(pid, signal.SIGKILL)
    (again,) = wait_until(lambda: [p for p in manager_pids(device) if p != pid], "another one")
    socket_path = os.path.join(device.env["MOORING_RUN"], "streams.sock")
    wait_until(lambda: device.log(MANAGER).count("RUNNING") >= 2 and stat.S_ISSOCK(os.stat(socket_path).st_mode), "it")
    port = world.free_port()
    device.deploy(add={"Streamer": "1.0.0"}, merge=listen_at(port))
    wait_until(lambda: device.client.call("GetConfiguration", componentName=MANAGER, keyPath=["port"])["value"] ==
               {"port": port}, "the other port")
    assert [p for p in manager_pids(device) if p != again]
    assert json.loads(open(os.path.join(device.root, "work", MANAGER, "streams", "up", "exports")).read())
