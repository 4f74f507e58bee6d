# SPDX-License-Identifier: Apache-2.0
"""The MQTT proxy against mosquitto, which takes only clients with the thing's certificate."""

import base64
import os
import signal
import socket
import ssl
import threading

import greengrass
import pytest
import world
from greengrass import blob
from ipc_peer import Refused

A = "com.example.A"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return greengrass.Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def broker(tmp_path, certificates):
    broker = greengrass.Broker(tmp_path / "broker", certificates)
    yield broker
    broker.stop()


@pytest.fixture
def device(tmp_path, certificates, broker):
    """Makes a nucleus whose broker that is."""
    made = []

    def make(**mqtt):
        settings = {"endpoint": "localhost", "port": broker.port, **certificates.device(), **mqtt}
        made.append(greengrass.Nucleus(tmp_path / f"nucleus{len(made)}", {A: greengrass.MQTT}, mqtt=settings))
        return made[-1]

    yield make
    for nucleus in made:
        nucleus.close()


def publish(client, topic, text, qos="1", **more):
    return client.call("PublishToIoTCore", topicName=topic, qos=qos, payload=blob(text), **more)


def arrived(client):
    _, shape, body = client.event()
    assert shape == "IoTCoreMessage"
    return body["message"]["topicName"], base64.b64decode(body["message"]["payload"]).decode()


def mqtt_process(nucleus):
    """The pid of its mooring-mqtt."""
    with open(f"/proc/{nucleus.process.pid}/task/{nucleus.process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def test_there_and_back(broker, device):
    broker.start()
    nucleus = device()
    assert mqtt_process(nucleus) == [] and nucleus.state()["mqtt"]["state"] == "unused"
    client = nucleus.client(A)
    status = client.subscribe("SubscribeToIoTCoreConnectionStatus")
    assert client.event() == (status, "IoTCoreConnectionStatusEvent",
                              {"connectionStatusEvent": {"status": "DISCONNECTED"}})
    first = client.subscribe("SubscribeToIoTCore", topicName="down/+/x", qos="1")
    assert client.event()[2] == {"connectionStatusEvent": {"status": "CONNECTED"}}
    [pid] = mqtt_process(nucleus)
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
    assert status["Uid"].split() == ["65534"] * 4 and status["Seccomp"] == "2" and int(status["CapEff"], 16) == 0

    with broker.subscriber("up/#") as lines:
        publish(client, "up/a", "one")
        publish(client, "up/b", "", qos="0")
        publish(client, "up/c", "kept", retain=True)
        world.wait_until(lambda: len(lines()) == 3, "three messages")
        assert lines() == ["up/a one", "up/b (null)", "up/c kept"]

        # A subscription in force hears, and hears no more when it is closed; retained messages come at once.
        broker.publish("down/1/x", "hello")
        assert arrived(client) == ("down/1/x", "hello")
        second = client.subscribe("SubscribeToIoTCore", topicName="up/#", qos=0)
        assert arrived(client) == ("up/c", "kept")
        client.close_stream(first)
        publish(client, "up/d", "x" * 131072)
        topic, text = arrived(client)
        assert topic == "up/d" and len(text) == 131072
        broker.publish("down/1/x", "nobody listens")
        broker.publish("up/e", "last")
        assert arrived(client) == ("up/e", "last")
        client.close_stream(second)
        broker.publish("up/c", "", "-r")  # forgets the retained message
    world.wait_until(lambda: nucleus.state()["mqtt"]["spool"]["messages"] == 0, "all is done")
    client.close()


def test_refused_requests(broker, device):
    nucleus = device()  # the broker is not there
    client = nucleus.client(A)
    for members, part in [
            ({"topicName": "a/#", "qos": "1"}, "wildcard"), ({"topicName": "a", "qos": "2"}, "must be"),
            ({"topicName": "a", "qos": "1", "payload": "!"}, "base64"), ({"qos": "1"}, "topicName"),
            ({"topicName": "a/" * 9, "qos": "1"}, "7 slashes"), ({"topicName": "x" * 257, "qos": "1"}, "256"),
            ({"topicName": "a", "qos": "1", "payload": blob(b"x" * 131073)}, "131072")]:
        with pytest.raises(Refused, match=part) as failed:
            client.call("PublishToIoTCore", **members)
        assert failed.value.shape == "ServiceError"
    client.call("PublishToIoTCore", topicName="$aws/rules/rule/" + "a/" * 7 + "b", qos="1")
    with pytest.raises(Refused, match="whole level"):
        client.subscribe("SubscribeToIoTCore", topicName="a#", qos="1")
    client.close()


def test_broker_goes_and_comes(broker, device, certificates):
    """QoS 1 published while the broker is away is not lost, and keeps its order; the spool has a limit."""
    broker.start()
    nucleus = device(spool_max=20000)
    client = nucleus.client(A)
    with broker.subscriber("up/#"):
        pass  # the broker keeps what comes for this client from now on
    publish(client, "up/0", "before")
    client.subscribe("SubscribeToIoTCore", topicName="down", qos="1")
    world.wait_until(lambda: nucleus.state()["mqtt"]["spool"]["messages"] == 0, "it is delivered")
    broker.stop()
    nucleus.wait_state("disconnected")
    count = 0
    with pytest.raises(Refused, match="spool is full"):
        for count in range(1, 1000):
            publish(client, "up/x", f"{count:04d}" + "." * 100)
    assert 50 < count < 200
    with pytest.raises(Refused, match="offline"):
        publish(client, "up/x", "lost", qos="0")
    with pytest.raises(Refused, match="larger than the whole spool"):
        publish(client, "up/x", "x" * 30000)
    assert nucleus.state()["mqtt"]["trouble"]
    broker.start()
    with broker.subscriber("up/#") as lines:
        world.wait_until(lambda: len(lines()) >= count, "all of them", 30)
        numbers = [int(line.split()[1][:4]) for line in lines() if line.startswith("up/x")]
        assert list(dict.fromkeys(numbers)) == list(range(1, count))
        assert lines()[0] == "up/0 before"
    broker.publish("down", "subscribed again")
    assert arrived(client) == ("down", "subscribed again")
    client.close()


def test_spool_on_disk(tmp_path, broker, device):
    """What was acknowledged survives the nucleus and mooring-mqtt being killed at any time."""
    spool = str(tmp_path / "spool")
    nucleus = device(spool_directory=spool)
    client = nucleus.client(A)
    for number in range(50):
        publish(client, "up/x", f"{number:04d}" + "." * 20000)
    nucleus.kill()
    client.close()
    with open(sorted(os.scandir(spool), key=lambda entry: entry.name)[-2].path, "ab") as file:
        file.write(b"torn")
    broker.start()
    with broker.subscriber("up/#") as lines:
        again = device(spool_directory=spool)
        client = again.client(A)
        publish(client, "up/x", "0050")
        world.wait_until(lambda: mqtt_process(again), "mooring-mqtt")
        os.kill(mqtt_process(again)[0], signal.SIGKILL)
        world.wait_until(lambda: any("0050" in line for line in lines()), "the last one", 30)
        numbers = [int(line.split()[1][:4]) for line in lines()]
        assert sorted(set(numbers)) == list(range(51))
        firsts = list(dict.fromkeys(numbers))
        assert firsts == sorted(firsts)
        world.wait_until(lambda: again.state()["mqtt"]["spool"]["messages"] == 0, "the spool is empty")
    assert len([name for name in os.listdir(spool) if name.endswith(".spool")]) == 1
    client.close()


def test_wrong_certificates(broker, device, certificates):
    """Neither a broker nor a device that nobody vouches for; and not the broker of another name."""
    broker.start()
    for changes, reason in [({"root_ca": certificates.stranger_root}, "certificate verify failed"),
                            ({"certificate": certificates.stranger, "key": certificates.stranger_key}, ""),
                            ({"endpoint": "ip6-localhost"}, "")]:
        nucleus = device(**changes)
        client = nucleus.client(A)
        publish(client, "up/x", "never")
        world.wait_until(lambda: nucleus.state()["mqtt"]["state"] == "disconnected", "it fails")
        state = nucleus.state()["mqtt"]
        assert reason in state["trouble"] and state["spool"]["messages"] == 1, state
        client.close()


def test_proxy(broker, device):
    """Through an HTTP proxy that asks for a login, and not without it."""
    broker.start()
    proxy = greengrass.HttpProxy("user:p@ss/100%")
    try:
        nucleus = device(proxy_url=f"http://user:p%40ss%2f100%@127.0.0.1:{proxy.port}")
        client = nucleus.client(A)
        with broker.subscriber("up/#") as lines:
            publish(client, "up/x", "through")
            world.wait_until(lambda: "up/x through" in lines(), "it arrives")
        assert proxy.seen == [f"CONNECT localhost:{broker.port} HTTP/1.1"]
        client.close()
        nucleus = device(proxy_url=f"http://user:wrong@127.0.0.1:{proxy.port}")
        client = nucleus.client(A)
        publish(client, "up/x", "never")
        world.wait_until(lambda: "407" in nucleus.state()["mqtt"].get("trouble", ""), "it says why")
        client.close()
    finally:
        proxy.close()


def test_proxy_whose_url_is_refused_is_not_shown(device, capfd):
    said = ""

    def has_said(words):
        nonlocal said
        said += "".join(capfd.readouterr())
        return words in said
    for url, words in [("https://user:secret@127.0.0.1:1", "must be http://HOST:PORT"),
                       ("http://user:secret@:1", "names no host")]:
        client = device(proxy_url=url).client(A)
        publish(client, "up/x", "never")
        world.wait_until(lambda words=words: has_said(words), words)
        client.close()
    assert "secret" not in said


def test_refused_subscription_and_port_443(device, certificates):
    """A broker that refuses a filter, on the port that needs ALPN."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.server_key)
    context.load_verify_locations(certificates.root)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["x-amzn-mqtt-ca"])
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    seen = {}

    def serve():
        with listener.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as broker:
            seen["alpn"] = broker.selected_alpn_protocol()
            seen["connect"] = broker.recv(1000)
            broker.sendall(b"\x20\x02\x00\x00")
            subscribe = broker.recv(1000)
            broker.sendall(b"\x90\x03" + subscribe[2:4] + b"\x80")
            broker.recv(1000)

    with socket.create_server(("127.0.0.1", 443)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        nucleus = device(port=443)
        client = nucleus.client(A)
        stream = client.subscribe("SubscribeToIoTCore", topicName="forbidden", qos="1")
        with pytest.raises(Refused, match="refuses the subscription") as failed:
            client.answer(stream)
        assert failed.value.shape == "ServiceError" and failed.value.body["context"]["reasonString"]
        client.close()
        nucleus.kill()
        thread.join(20)
    assert seen["alpn"] == "x-amzn-mqtt-ca" and names == ["localhost"]
    assert seen["connect"].endswith(b"\x00\x04MQTT\x04\x00\x00\x3c\x00\x09gateway-7")


def test_no_cloud(tmp_path):
    nucleus = greengrass.Nucleus(tmp_path / "n", {A: greengrass.MQTT})
    client = nucleus.client(A)
    for operation in ["PublishToIoTCore", "SubscribeToIoTCore"]:
        with pytest.raises(Refused, match="iotDataEndpoint") as failed:
            client.call(operation, topicName="a", qos="1", payload="")
        assert failed.value.shape == "ServiceError"
    client.close()
    nucleus.close()
