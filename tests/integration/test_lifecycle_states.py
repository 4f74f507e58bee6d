# SPDX-License-Identifier: Apache-2.0
"""The states that components go through: each file of tests/cases/lifecycle is one situation.

What is expected there follows from what AWS's nucleus does, not from what ours did. All situations
have a nucleus of their own, and several are worked on at once: most of the time is waiting.
"""

import concurrent.futures
import json
import os
import signal

import pytest

import world
from ipc_peer import Client
from resident import Resident, wait_until

CASES = os.path.join(world.TESTS, "cases", "lifecycle")
NAMES = sorted(name.removesuffix(".json") for name in os.listdir(CASES))
AT_ONCE = 8


def read_case(name):
    with open(os.path.join(CASES, name + ".json")) as file:
        return json.load(file)


def wait_for(device, until):
    """A state, a state that is reached for the Nth time, or a file of the component."""
    for name, what in until.items():
        state, count = what if isinstance(what, list) else (what, 1)
        if state.isupper():
            device.wait_for(name, state, count)
        else:
            wait_until(lambda: os.path.exists(device.work(state, name)), f"{name}'s {state}")


def deploy(device, step):
    options = dict(step["deploy"])
    for recipe in options.pop("recipes"):
        device.recipe(**recipe)
    deployment = device.begin(**options)
    if step["result"]:
        result = device.finish(deployment)
        assert result["detailedDeploymentStatus"] == step["result"], result


def report(device, name, state):
    wait_until(lambda: device.read("token", name).strip(), "the token")
    with Client(os.path.join(device.root, "ipc.socket"), device.read("token", name).strip()) as it:
        it.call("UpdateState", state=state)


def take(device, step):
    if "deploy" in step:
        deploy(device, step)
    elif "restart" in step:
        assert device.client.call("RestartComponent", componentName=step["restart"]) == \
            {"restartStatus": "SUCCEEDED"}
    elif "stop" in step:
        assert device.client.call("StopComponent", componentName=step["stop"]) == \
            {"stopStatus": "SUCCEEDED"}
    elif "report" in step:
        report(device, *step["report"])
    elif "touch" in step:
        name, file = step["touch"]
        with open(device.work(file, name), "w"):
            pass
    else:
        device.end(signal.SIGKILL if step["nucleus"] == "kill" else signal.SIGTERM)
        device.start()
    wait_for(device, step.get("until", {}))


def hear_out(device, case):
    """A script that was just started may not have said its first word yet; the last word may be what
    shutdown says when the nucleus ends."""
    for name, lines in case.get("lines", {}).items():
        wait_until(lambda name=name, lines=lines: len(device.lines(name)) >= len(lines) - 1,
                   f"{name} to write {lines}")


def run_case(name, directory, env):
    """What is not as it should be; an empty list if all is."""
    case = read_case(name)
    device = Resident(directory, env)
    with device:
        for step in case["steps"]:
            take(device, step)
        hear_out(device, case)
        status = {component: device.client.call("GetComponentDetails", componentName=component)
                  for component in case.get("status", {})}
    # By now the nucleus has stopped all: whatever happened unexpectedly is in the logs.
    wrong = [f"{component}: went through {' '.join(device.states(component))}"
             for component, states in case["states"].items() if device.states(component) != states]
    wrong += [f"{component}: wrote {device.lines(component)}"
              for component, lines in case.get("lines", {}).items()
              if device.lines(component) != lines]
    wrong += [f"{component}: {status[component]}" for component in status
              if status[component]["componentDetails"]["state"] != "BROKEN"]
    return wrong


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    directory = tmp_path_factory.mktemp("states")
    env = {**os.environ, "MOORING_RUN": str(directory / "run"), "PYTEST_CURRENT_TEST": ""}
    os.makedirs(directory / "run")
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {}
        for name in NAMES:
            os.makedirs(directory / name)
            futures[name] = pool.submit(run_case, name, directory / name, env)
        yield futures


@pytest.mark.parametrize("name", NAMES)
def test_states(results, name):
    wrong = results[name].result()
    assert not wrong, "\n".join([read_case(name)["about"], *wrong])


def test_enough_situations():
    assert len(NAMES) >= 60
