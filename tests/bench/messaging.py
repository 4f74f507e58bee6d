# SPDX-License-Identifier: Apache-2.0
"""Greengrass IPC: local publish/subscribe beside a plain relay of the same bytes, and the nucleus' memory when many
components are connected."""

import contextlib
import os
import re
import statistics
import subprocess

import place

CONNECTED = 50
RESULT = re.compile(r"(\d+) messages/s through IPC, (\d+) through a plain relay: ([\d.]+) times as long")


def pace(build, rounds):
    """Medians of (messages a second through IPC, through the relay, ratio within a run)."""
    runs = []
    for _ in range(rounds):
        text = subprocess.run([os.path.join(build, "tests", "bench", "ipcpace")], check=True, text=True,
                              capture_output=True).stdout
        runs.append([float(number) for number in RESULT.match(text).groups()])
    return [statistics.median(column) for column in zip(*runs)]


def connected_memory(directory):
    """PSS in KiB of a nucleus with so many components: running, and each with a connection and a subscription."""
    from ipc_peer import Client
    from resident import Resident

    device = Resident(os.path.join(directory, "device"), {**os.environ, "MOORING_RUN": os.path.join(directory, "run")})
    names = [f"com.example.C{i}" for i in range(CONNECTED)]
    for name in names:
        device.recipe({"run": "echo $SVCUID > token; exec sleep 1000"}, name=name, configuration={"accessControl": {
            "aws.greengrass.ipc.pubsub": {"p": {"operations": ["*"], "resources": ["*"]}}}})
    with device, contextlib.ExitStack() as stack:
        device.deploy(add={name: "1.0.0" for name in names})
        place.wait_for(lambda: all(os.path.exists(device.work("token", name)) and device.read("token", name).strip()
                                   for name in names), "the tokens")
        before = place.pss(device.process.pid)
        for name in names:
            client = stack.enter_context(Client(os.path.join(device.root, "ipc.socket"), device.read("token", name).strip()))
            client.subscribe("SubscribeToTopic", topic=f"to/{name}")
        return before, place.pss(device.process.pid)


def run(scratch, build, say, rounds):
    os.environ["MOORING_BUILD"] = build
    ours, plain, ratio = pace(build, rounds)
    say("## Greengrass IPC")
    say()
    say("Messages of 1 KiB from one client through the nucleus' IPC to another, and the same bytes through a process that "
        "copies them from one Unix socket to the next (`tests/bench/ipcpace.c`).")
    say()
    say("| | messages a second | times the relay's time |")
    say("|---|--:|--:|")
    say(f"| a plain relay | {plain:.0f} | 1.00 |")
    say(f"| IPC: PublishToTopic, SubscribeToTopic | {ours:.0f} | {ratio:.2f} |")
    say()
    before, after = connected_memory(os.path.join(scratch, "connected"))
    say(f"Memory of the nucleus (PSS) with {CONNECTED} components: {before} KiB when they run, {after} KiB when each has a "
        "connection and a subscription.")
    say()
