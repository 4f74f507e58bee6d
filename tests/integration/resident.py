# SPDX-License-Identifier: Apache-2.0
"""A nucleus that stays, and the device it runs on: recipes, deployments, states, logs."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

import world
from ipc_peer import Client

NUCLEUS = os.path.join(world.BUILD, "lifecycle", "mooring-nucleus")
OVER = ("SUCCEEDED", "FAILED", "CANCELED")


def wait_until(condition, what, seconds=30):
    return world.wait_until(condition, what, seconds)


class Resident:
    def __init__(self, directory, env, config=None, like=None):
        """`like`: a device that is copied as it is."""
        self.directory = str(directory)
        self.env = dict(env)
        self.root = os.path.join(self.directory, "root")
        self.recipes = os.path.join(self.directory, "recipes")
        self.artifacts = os.path.join(self.directory, "artifacts")
        self.config = os.path.join(self.directory, "config.yaml")
        self.process = None
        self.client = None
        self.uid = os.getuid()
        if like:
            shutil.copytree(like.directory, self.directory)
            return
        os.makedirs(self.recipes)
        os.makedirs(self.artifacts)
        with open(self.config, "w") as file:
            json.dump(config or {"services": {"aws.greengrass.Nucleus": {"configuration": {
                "runWithDefault": {"posixUser": "root"}, "awsRegion": "eu-central-1"}}}}, file)

    # -- the nucleus ---------------------------------------------------------------------------

    def start(self, wrap=(), stdout=subprocess.DEVNULL, **env):
        """Returns when it can be spoken to. `wrap`: the command that starts it."""
        info = os.path.join(self.root, "cli_ipc_info", f"user-{self.uid}")
        before = os.stat(info).st_mtime_ns if os.path.exists(info) else None
        self.process = subprocess.Popen(
            [*wrap, NUCLEUS, "nucleus", "--root", self.root, "--config", self.config],
            env={**self.env, **env}, stdin=subprocess.DEVNULL, stdout=stdout,
            stderr=subprocess.PIPE, text=True)
        wait_until(lambda: self.process.poll() is not None or
                   (os.path.exists(info) and os.stat(info).st_mtime_ns != before), "the nucleus")
        assert self.process.poll() is None, self.process.stderr.read()
        self.client = Client.console(self.root, self.uid, timeout=60)
        return self

    def try_to_connect(self):
        try:
            return Client.console(self.root, self.uid, timeout=60)
        except (OSError, AssertionError):
            return None

    def end(self, how=signal.SIGTERM):
        """Stops it, or kills it; returns what it wrote on stderr."""
        if not self.process:
            return ""
        self.client.socket.close()
        self.process.send_signal(how)
        _, errors = self.process.communicate(timeout=60)
        code, self.process = self.process.returncode, None
        assert code == (0 if how == signal.SIGTERM else -how), errors
        return errors

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, *_):
        if kind and self.process:
            self.process.kill()
            self.process.communicate()
            self.process = None
        else:
            self.end()

    # -- deployments ---------------------------------------------------------------------------

    def recipe(self, lifecycle, name="A", version="1.0.0", needs=None, configuration=None,
               artifacts=None):
        manifest = {"Lifecycle": lifecycle, **({"Artifacts": artifacts} if artifacts else {})}
        recipe = {"RecipeFormatVersion": "2020-01-25", "ComponentName": name,
                  "ComponentVersion": version, "Manifests": [manifest],
                  "ComponentDependencies": {
                      need: {"VersionRequirement": "*", "DependencyType": kind}
                      for need, kind in (needs or {}).items()},
                  "ComponentConfiguration": {"DefaultConfiguration": configuration or {}}}
        with open(os.path.join(self.recipes, f"{name}-{version}.json"), "w") as file:
            json.dump(recipe, file)

    def artifact(self, content, file_name, name="A", version="1.0.0"):
        directory = os.path.join(self.artifacts, name, version)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, file_name), "wb") as file:
            file.write(content)

    def begin(self, add, remove=(), merge=None, reset=None, run_with=None, rollback=False,
              group=None):
        updates = {name: {} for name in {**(merge or {}), **(reset or {})}}
        for name, value in (merge or {}).items():
            updates[name]["MERGE"] = value
        for name, pointers in (reset or {}).items():
            updates[name]["RESET"] = pointers
        return self.client.call(
            "CreateLocalDeployment", rootComponentVersionsToAdd=add,
            rootComponentsToRemove=list(remove), componentToConfiguration=updates,
            componentToRunWithInfo=run_with or {}, recipeDirectoryPath=self.recipes,
            artifactsDirectoryPath=self.artifacts, **({"groupName": group} if group else {}),
            failureHandlingPolicy="ROLLBACK" if rollback else "DO_NOTHING")["deploymentId"]

    def status(self, deployment):
        return self.client.call("GetLocalDeploymentStatus",
                                deploymentId=deployment)["deployment"]

    def finish(self, deployment, seconds=60):
        """Waits for its end: the details of its status."""
        def over():
            found = self.status(deployment)
            return found if found["status"] in OVER else None

        return wait_until(over, f"deployment {deployment}", seconds)["deploymentStatusDetails"]

    def deploy(self, result="SUCCESSFUL", **options):
        details = self.finish(self.begin(**options))
        assert details["detailedDeploymentStatus"] == result, details
        return details

    # -- what came of it -----------------------------------------------------------------------

    def log(self, name="A"):
        path = os.path.join(self.root, "logs", f"{name}.log")
        if not os.path.exists(path):
            return ""
        with open(path) as file:
            return file.read()

    def states(self, name="A"):
        """All that the component has gone through, of all nuclei."""
        found = re.findall(r"service-set-state\. newState=(\w+)", self.log(name))
        return ["NEW", *found] if found else []

    def lines(self, name="A"):
        return re.findall(r": std(?:out|err)\. (.*)\. \{scriptName", self.log(name))

    def components(self):
        return {component["componentName"]: component["state"]
                for component in self.client.call("ListComponents")["components"]}

    def wait_for(self, name, state, count=1):
        wait_until(lambda: self.states(name).count(state) >= count and
                   self.states(name)[-1] == state, f"{name} to be {state}")

    def work(self, file_name, name="A"):
        return os.path.join(self.root, "work", name, file_name)

    def read(self, file_name, name="A"):
        with open(self.work(file_name, name)) as file:
            return file.read()
