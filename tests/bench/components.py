# SPDX-License-Identifier: Apache-2.0
"""The resident nucleus: its memory when it lies idle, and how long its start takes until all components run."""

import os
import signal
import statistics
import time

import place

COUNTS = (1, 20, 100)
RECIPE = {"startup": "true", "shutdown": "true"}


def start_until_running(device, count):
    """Milliseconds from the nucleus' own start to the last RUNNING."""
    for name in os.listdir(os.path.join(device.root, "logs")):
        os.unlink(os.path.join(device.root, "logs", name))
    begin = time.monotonic()
    device.start()
    place.wait_for(lambda: list(device.components().values()).count("RUNNING") == count,
                   "all components to run", 60)
    return (time.monotonic() - begin) * 1000


def measure(device, count, rounds):
    """(PSS of the idle nucleus in KiB, ms of the deployment, median ms of a start)."""
    for i in range(count):
        device.recipe(RECIPE, name=f"com.example.C{i}", configuration={"text": "x" * 200},
                      needs={f"com.example.C{i - 10}": "HARD"} if i >= 10 else None)
    device.start()
    begin = time.monotonic()
    device.deploy(add={f"com.example.C{i}": "1.0.0" for i in range(count)})
    deployment = (time.monotonic() - begin) * 1000
    device.end()
    starts = []
    for _ in range(rounds):
        starts.append(start_until_running(device, count))
        pss = place.pss(device.process.pid)
        device.end(signal.SIGTERM)
    return pss, deployment, statistics.median(starts)


def run(scratch, build, say, rounds):
    os.environ["MOORING_BUILD"] = build
    from resident import Resident

    say("## The resident nucleus")
    say()
    say("Components with a `startup` and a `shutdown` script, each of which but the first ten needs another one.")
    say()
    say("| components | PSS KiB, idle | deployment ms | start to all RUNNING ms |")
    say("|--:|--:|--:|--:|")
    for count in COUNTS:
        directory = os.path.join(scratch, f"nucleus-{count}")
        env = {**os.environ, "MOORING_RUN": os.path.join(directory, "run")}
        device = Resident(os.path.join(directory, "device"), env)
        pss, deployment, start = measure(device, count, rounds)
        say(f"| {count} | {pss} | {deployment:.0f} | {start:.0f} |")
    say()
