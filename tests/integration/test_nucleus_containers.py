# SPDX-License-Identifier: Apache-2.0
"""What components' containers need from the nucleus: IPC over the bind-mounted socket, whoever they run as; credentials
at 169.254.170.2 for those behind the bridge; and they pause with their component."""

import json
import os
import re
import shutil
import socket
import tempfile

import pytest

import greengrass
import resident
import test_gate
import world
from ipc_peer import Client, Refused
from resident import Resident, wait_until

SOCKET = "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT"
EXCHANGE = "aws.greengrass.TokenExchangeService"
ASK = f"""
import os, sys
sys.path.insert(0, "/peer")
from ipc_peer import Client, Refused
with Client(os.environ["{SOCKET}"], os.environ["SVCUID"]) as peer:
    print(os.getuid(), peer.call("GetConfiguration", keyPath=["text"])["value"]["text"], flush=True)
    peer.call("UpdateConfiguration", keyPath=["seen"], timestamp=2e9, valueToMerge={{str(os.getuid()): True}})
    try:
        peer.call("PublishToTopic", topic="a", publishMessage={{"binaryMessage": {{"message": "eA=="}}}})
    except Refused as refused:
        print(refused.code, flush=True)
"""
COUNT = 'i=0; while :; do i=$((i+1)); echo $i > /work/new; mv /work/new /work/count; usleep 2000; done'

@pytest.fixture
def certificates(tmp_path):
    os.makedirs(tmp_path / "certificates")
    return greengrass.Certificates(tmp_path / "certificates")

@pytest.fixture
def device(moor, tmp_path, busybox, certificates):
    """One whose bridge is not there yet, as after a start of the machine."""
    moor.docker("run", "--rm", busybox, "true")
    (bridge,) = [name for _, name in socket.if_nameindex() if name.startswith("mrg-")]
    moor.mooring("network-reset")
    provider = greengrass.CredentialsProvider(certificates)
    try:
        with Resident(tmp_path / "device", moor.env, config={
                "system": {"thingName": greengrass.THING, "certificateFilePath": certificates.thing,
                           "privateKeyPath": certificates.thing_key, "rootCaPath": certificates.root},
                "services": {
                    EXCHANGE: {"configuration": {"linkDevice": bridge}},
                    "aws.greengrass.Nucleus": {"configuration": {
                        "awsRegion": "us-east-1", "iotRoleAlias": "Alias", "iotCredEndpoint": provider.endpoint,
                        "runWithDefault": {"posixUser": "root"}}}}}) as device:
            yield device
    finally:
        provider.close()

def python_of_the_host(tmp_path):
    """The options of `docker run` that give a container Debian's Python, and the client."""
    peer = tmp_path / "peer"
    peer.mkdir()
    shutil.copy(os.path.join(world.TESTS, "integration", "ipc_peer.py"), peer)
    (peer / "ask.py").write_text(ASK)
    os.chmod(peer, 0o755)
    for name in os.listdir(peer):
        os.chmod(peer / name, 0o644)
    libraries = {os.path.realpath(path): path for path in ("/usr", "/lib", "/lib64") if os.path.isdir(path)}
    return " ".join(f"-v {path}:{inside}:ro" for path, inside in [*libraries.items(), (peer, "/peer")])

def test_ipc_from_inside(device, busybox, tmp_path):
    run = f'docker run --rm --network none -e SVCUID -e {SOCKET} -v ${SOCKET}:${SOCKET} {python_of_the_host(tmp_path)}'
    device.recipe({"run": "\n".join(f"{run} {user} {busybox} /usr/bin/python3 /peer/ask.py"
                                    for user in ("", "--user 1234:1234 --cap-drop ALL --read-only"))},
                  configuration={"text": "from the nucleus"})
    device.deploy(add={"A": "1.0.0"})
    device.wait_for("A", "FINISHED")
    assert device.lines() == ["0 from the nucleus", "UnauthorizedError", "1234 from the nucleus", "UnauthorizedError"]
    seen = device.client.call("GetConfiguration", componentName="A", keyPath=["seen"])["value"]
    assert seen == {"0": True, "1234": True}

def test_credentials_behind_the_bridge(device, moor, busybox):
    """At the address where AWS' SDKs look by themselves, for those on the bridge that was named, and nobody else; also
    on the bridge that comes after it."""
    moor.docker("network", "create", "other")
    request = r"GET /2016-11-01/credentialprovider/ HTTP/1.0\r\nAuthorization: $TOKEN\r\n\r\n"
    ask = f'printf "{request}" | docker run -i --rm --network %s {busybox} busybox nc -w 5 169.254.170.2 80'
    patiently = f"until {ask % 'bridge'} > answer; do :; done; cat answer; echo"
    device.recipe({"run": "\n".join([
        "TOKEN=$AWS_CONTAINER_AUTHORIZATION_TOKEN", patiently,
        f"{ask % 'other'} || echo 'nobody there'", "TOKEN=wrong", patiently, "rm answer"])}, needs={EXCHANGE: "HARD"})
    device.deploy(add={"A": "1.0.0"})
    device.wait_for("A", "FINISHED")

    def is_given(lines):
        return lines[0] == "HTTP/1.1 200 OK" and json.loads(lines[1])["AccessKeyId"] == "ASIAEXAMPLE"

    lines = [line for line in device.lines() if line.startswith(("HTTP/", "{", "nobody"))]
    assert is_given(lines) and lines[2:] == ["nobody there", "HTTP/1.1 403 Forbidden"]
    moor.mooring("network-reset")
    device.recipe({"run": f"TOKEN=$AWS_CONTAINER_AUTHORIZATION_TOKEN\n{patiently}"}, name="B", needs={EXCHANGE: "HARD"})
    device.deploy(add={"B": "1.0.0"})
    device.wait_for("B", "FINISHED")
    assert is_given([line for line in device.lines("B") if line.startswith(("HTTP/", "{"))])


def is_frozen(pid):
    with open(f"/proc/{pid}/cgroup") as file:
        places = dict(line.strip().split(":", 2)[1:] for line in file)
    if "freezer" in places:
        with open(f"/sys/fs/cgroup/freezer{places['freezer']}/freezer.state") as file:
            return file.read() == "FROZEN\n"
    with open(f"/sys/fs/cgroup{places['']}/cgroup.events") as file:
        return "frozen 1" in file.read()

def test_pause_and_resume(device, moor, busybox):
    """The containers' processes stop where they are, and go on; a paused component can be removed."""
    run = f"docker run --rm --network none -v {{work:path}}:/work {busybox} sh -c '{COUNT}'"
    device.recipe({"run": run.replace("--rm", "--rm --name Runs"), "shutdown": "docker kill Runs"}, name="Runs")
    device.recipe({"startup": run.replace("--rm", "-d --rm --name Starts"), "shutdown": "docker kill Starts"},
                  name="Starts")
    device.recipe({"run": "echo $SVCUID > token; sleep 1000"}, name="Boss", configuration={"accessControl": {
        "aws.greengrass.ipc.lifecycle": {"p": {
            "operations": ["aws.greengrass#PauseComponent", "aws.greengrass#ResumeComponent"],
            "resources": ["Runs", "Starts"]}}}})
    device.deploy(add={"Runs": "1.0.0", "Starts": "1.0.0", "Boss": "1.0.0"})
    wait_until(lambda: os.path.exists(device.work("token", "Boss")) and device.read("token", "Boss"), "a token")
    with Client(os.path.join(device.root, "ipc.socket"), device.read("token", "Boss").strip()) as boss:
        with pytest.raises(Refused, match="Unauthorized"):
            boss.call("PauseComponent", componentName="Boss")
        for name in ("Runs", "Starts"):
            wait_until(lambda: os.path.exists(device.work("count", name)), "the container to count")
            pid = int(moor.docker("inspect", "-f", "{{.State.Pid}}", name).stdout)
            with open(f"/proc/{pid}/cgroup") as file:
                assert f"/greengrass/{name}/" in file.read()
            assert not is_frozen(pid)
            boss.call("PauseComponent", componentName=name)
            count = device.read("count", name)
            assert is_frozen(pid)
            moor.docker("ps")  # takes longer than many rounds
            assert device.read("count", name) == count
            boss.call("ResumeComponent", componentName=name)
            assert not is_frozen(pid)
            wait_until(lambda: device.read("count", name) != count, "the container to go on counting")
            boss.call("PauseComponent", componentName=name)
    device.deploy(add={}, remove=["Runs", "Starts"])
    assert moor.docker("ps", "-aq").stdout == ""


@pytest.fixture
def open_gate(moor, monkeypatch):
    """The gate to the group docker, and a nucleus whose docker other users may execute."""
    with tempfile.TemporaryDirectory(prefix="nucleus-") as directory:
        os.chmod(directory, 0o755)
        gate = test_gate.Gate(moor, directory)
        os.makedirs(os.path.join(directory, "cli", "bin"))
        os.symlink("../docker", os.path.join(directory, "cli", "bin", "docker"))
        os.mkdir(os.path.join(directory, "lifecycle"))
        monkeypatch.setattr(resident, "NUCLEUS", shutil.copy(resident.NUCLEUS, os.path.join(directory, "lifecycle")))
        gate.listen()
        yield gate
        gate.process.terminate()
        assert gate.process.wait(10) == 0


def etc(tmp_path, **more):
    """A command that starts another with such lines more in files of /etc."""
    mounts = ""
    for name, line in more.items():
        with open(f"/etc/{name}") as file:
            lines = [old for old in file if not old.startswith(line.split(":")[0] + ":")]
        (tmp_path / name).write_text("".join([*lines, line]))
        mounts += f"mount --bind {tmp_path / name} /etc/{name} && "
    return "unshare", "-m", "sh", "-c", mounts + 'exec "$@"', "sh"


def test_component_user_and_the_group_docker(open_gate, moor, busybox, tmp_path):
    """Who has ggc_user and names nobody has components run as that one, whose docker is root's, if in the group."""
    moor.docker("run", "--rm", "--network", "none", busybox, "true")
    home = open_gate.home
    wrap = etc(tmp_path, passwd=f"ggc_user:x:{test_gate.UID}:{test_gate.UID}::{home}:/bin/sh\n",
               group=f"docker:x:{open_gate.group}:ggc_user\n")
    env = {name: value for name, value in moor.env.items() if name != "DOCKER_CONFIG"}  # of root alone
    device = Resident(os.path.join(open_gate.directory, "device"), env, config={"setenv": {"MOORING_GATE": open_gate.socket}})
    device.recipe({"run": f"id -un; docker run --rm --init --name member --network none {busybox} sleep 1000"})
    device.recipe({"startup": "id -un; ! docker ps"}, name="B")
    with device.start(wrap=wrap):
        device.deploy(add={"A": "1.0.0", "B": "1.0.0"}, run_with={
            "A": {"systemResourceLimits": {"memory": 65536}}, "B": {"posixUser": "nobody"}})
        wait_until(lambda: "member" in moor.docker("ps").stdout, "the container")
        pid = moor.docker("inspect", "--format", "{{.State.Pid}}", "member").stdout.strip()
        with open(f"/proc/{pid}/cgroup") as file:
            assert re.search(r"memory:/greengrass/A/|^0::/greengrass/A/", file.read(), re.M), "the limits hold for it"
    assert device.lines() == ["ggc_user"] and moor.docker("ps", "-aq").stdout == ""
    nobody, denied = sorted(device.lines("B"), reverse=True)
    assert nobody == "nobody" and denied.startswith(test_gate.DENIED)
