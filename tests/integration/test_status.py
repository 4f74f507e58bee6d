# SPDX-License-Identifier: Apache-2.0
"""`mooring status`, and secrets that people put on the device for components."""

import json
import subprocess

import pytest
import resident
from ipc_peer import Client


def nucleus(root, *argv, code=0, input=b""):
    done = subprocess.run([resident.NUCLEUS, *argv, "--root", root], input=input, capture_output=True, timeout=60)
    assert done.returncode == code, done.stderr
    return done.stdout.decode()


def test_status_and_secrets(moor, tmp_path):
    device = resident.Resident(tmp_path / "device", moor.env)
    nucleus(device.root, "status", code=1)
    nucleus(device.root, "status", "extra", code=2)
    nucleus(device.root, "secret", code=2)
    with device:
        state = json.loads(nucleus(device.root, "status"))
        assert state["ipc"]["connections"] >= 1 and state["metrics"] == [] and "mqtt" not in state
        nucleus(device.root, "secret", "put", "--arn", "arn:x:db", "db", input=b"hunter2\n")
        nucleus(device.root, "secret", "put", "key", input=b"\0\xff")
        assert {secret["name"] for secret in json.loads(nucleus(device.root, "secret", "list"))} == {"db", "key"}
        console = Client.console(device.root)
        found = console.call("GetSecretValue", secretId="db")
        assert found["secretId"] == "arn:x:db" and found["secretValue"] == {"secretString": "hunter2"}
        assert console.call("GetSecretValue", secretId="key")["secretValue"] == {"secretBinary": "AP8="}
        nucleus(device.root, "secret", "rm", "db")
        nucleus(device.root, "secret", "rm", "db", code=1)
        with pytest.raises(Exception, match="no secret"):
            console.call("GetSecretValue", secretId="db")
        console.socket.close()
