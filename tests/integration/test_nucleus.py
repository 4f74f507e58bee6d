# SPDX-License-Identifier: Apache-2.0
"""The nucleus that stays: deployments, its own death at every moment, limits, logs, memory."""

import concurrent.futures
import contextlib
import itertools
import json
import os
import re
import select
import signal
import tempfile

import pytest

import world
from greengrass import free_port
from ipc_peer import Client, Refused
from resident import NUCLEUS, Resident, wait_until
from test_lifecycle import zip_of
from together import Together

together = Together()


@pytest.fixture
def device(moor, tmp_path):
    found = Resident(tmp_path / "device", moor.env)
    yield found
    if found.process:
        found.end()


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


SLEEP = {"run": "sleep 1000"}


# -- deployments -----------------------------------------------------------------------------------


def test_groups(device):
    """A group's deployment changes only what is the group's."""
    for name in ("A", "B", "C"):
        device.recipe(SLEEP, name=name)
    with device:
        device.deploy(add={"A": "1.0.0", "B": "1.0.0"})
        device.deploy(add={"C": "1.0.0"}, group="other")
        device.deploy(add={}, remove=["A", "C"])
        assert sorted(device.components()) == ["B", "C"], "C is a root of the other group"
        device.deploy(add={}, remove=["C"], group="other")
        assert sorted(device.components()) == ["B"]


def test_queue_list_and_cancel(device):
    device.recipe({"install": "while ! test -e go; do sleep 0.05; done"})
    device.recipe(SLEEP, name="B")
    with device:
        first = device.begin(add={"A": "1.0.0"})
        second = device.begin(add={"B": "1.0.0"})
        wait_until(lambda: device.status(first)["status"] == "IN_PROGRESS", "the first")
        assert device.status(second)["status"] == "QUEUED"
        wait_until(lambda: "A" in device.components(), "A")
        with pytest.raises(Refused, match="has begun to change components"):
            device.client.call("CancelLocalDeployment", deploymentId=first)
        device.client.call("CancelLocalDeployment", deploymentId=second)
        with open(device.work("go"), "w"):
            pass
        device.finish(first)
        listed = device.client.call("ListLocalDeployments")["localDeployments"]
        assert [(one["deploymentId"], one["status"]) for one in listed] == [
            (second, "CANCELED"), (first, "SUCCEEDED")]
        assert "B" not in device.components()
        with pytest.raises(Refused) as refused:
            device.status("no-such-deployment")
        assert refused.value.code == "ResourceNotFoundError"


@pytest.mark.parametrize("recipe, add, reason", [
    ({"name": "A", "needs": {"B": "HARD"}}, {"A": "1.0.0"}, "no recipe of B was found"),
    ({"name": "A", "lifecycle": {"run": 5}}, {"A": "1.0.0"}, "expected a string or an object"),
    ({"name": "A"}, {"A": "2.0.0"}, "no usable version of A meets all requirements"),
    ({"name": "A", "needs": {"A": "HARD"}}, {"A": "1.0.0"}, "A needs A"),
])
def test_refused_before_anything_changes(device, recipe, add, reason):
    device.recipe(SLEEP, name="Z")
    with device:
        device.deploy(add={"Z": "1.0.0"})
        device.recipe(**{"lifecycle": SLEEP, **recipe})
        details = device.deploy(result="FAILED_NO_STATE_CHANGE", add=add)
        assert reason in details["deploymentFailureCause"]
        assert device.components() == {"Z": "RUNNING"}


def test_old_versions_go(device, moor, registry):
    """The version in force and the one before it stay; images go with their last recipe."""
    images = {}
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        registry.push(world.Image(Cmd=["/bin/echo", version]), "nucleus/old", version)
        images[version] = f"{registry.address}/nucleus/old:{version}"
        device.artifact(b"x", "file.txt", version=version)
        device.recipe({"run": "true"}, version=version, artifacts=[
            {"URI": f"docker:{images[version]}"}, {"URI": "s3://bucket/file.txt"}])
    store = os.path.join(device.root, "packages", "artifacts", "A")
    with device:
        for version in ("1.0.0", "2.0.0", "3.0.0"):
            device.deploy(add={"A": version})
            os.unlink(os.path.join(device.recipes, f"A-{version}.json"))
        wait_until(lambda: sorted(os.listdir(store)) == ["2.0.0", "3.0.0"], "the oldest to go")
        wait_until(lambda: len(os.listdir(os.path.join(device.root, "packages", "recipes"))) == 2, "its recipe to go")
        wait_until(lambda: sorted(moor.docker("images", "--format", "{{.Tag}}").stdout.split())
                   == ["2.0.0", "3.0.0"], "its image to go")


# -- its own end -----------------------------------------------------------------------------------


@together
def nothing_runs_twice(moor, directory):
    """A killed nucleus leaves what ignores SIGTERM; its successor ends that before it starts anew."""
    device = Resident(directory / "device", moor.env)
    device.recipe({"run": "trap '' TERM; echo $$ >> pids; while :; do sleep 1000; done"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        first = wait_until(lambda: device.read("pids").split(), "the first")[0]
        device.end(signal.SIGKILL)
        assert is_alive(first)
        device.start()
        wait_until(lambda: len(device.read("pids").split()) == 2, "the second")
        assert not is_alive(first)
    assert not is_alive(device.read("pids").split()[1])


def test_second_nucleus_is_refused(device, moor):
    with device:
        second = moor.run(os.path.join(world.BUILD, "lifecycle", "mooring-nucleus"), "nucleus",
                          "--root", device.root, code=1)
        assert second.stderr.startswith("mooring: nucleus: another nucleus is running in ")


def test_nucleus_at_a_terminal_and_who_may_speak_to_it(device, moor):
    ours, theirs = os.openpty()
    try:
        device.start(stdout=theirs)
        assert f"its log is {device.root}/logs/greengrass.log" in os.read(ours, 4096).decode()
        stranger = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", NUCLEUS)
        for words in (("component", "list"), ("deployment", "list")):
            refused = moor.run(*stranger, *words, "--root", device.root, code=1)
            assert re.fullmatch(r"mooring: .* is another user's: .*sudo\)\n", refused.stderr), refused.stderr
        refused = moor.run(*stranger, "component", "list", code=1, env={"MOORING_ROOT": "/nonexistent"})
        assert "nothing was ever deployed in " in refused.stderr and "sudo" in refused.stderr
    finally:
        device.end()
        os.close(ours)
        os.close(theirs)


# -- killed, or without power, at every durable step ------------------------------------------------

POINTS = range(1, 27)
IS_THOROUGH = bool(os.environ.get("MOORING_ALL_POINTS"))  # each of them killed, and each without power
AT_ONCE = 8


def tracer(directory, number):
    """Ends the nucleus when it is about to make its number-th call that makes something last."""
    return ["strace", "-qq", "-y", "-s", "0", "-o", f"{directory}.trace", "-e",
            "trace=fsync,fdatasync,pwrite64", "-e",
            f"inject=fsync,fdatasync:signal=KILL:when={number}"]


def cut_power(device):
    """What was written to the database's log since it was synced last is not there any more."""
    log = os.path.join(device.root, "config", "nucleus.db-wal")
    written = synced = 0
    with open(f"{device.directory}.trace") as trace:
        for line in trace:
            write = re.match(r"pwrite64\(\d+<(.*)>, .*, (\d+), (\d+)\) = ", line)
            if write and write.group(1) == log:
                written = max(written, int(write.group(2)) + int(write.group(3)))
            elif re.match(rf"fdatasync\(\d+<{re.escape(log)}>\) += 0", line):
                synced = written
    if os.path.exists(log):
        os.truncate(log, synced)


def ended(device):
    """True if the nucleus was killed before the deployment was over."""
    try:
        device.start(tracer(device.directory, device.number))
        deployment = device.begin(add={"A": "2.0.0", "B": "1.0.0"}, merge={"A": {"v": 7}},
                                  rollback=True)
        device.finish(deployment)
    except (ConnectionError, AssertionError, OSError):
        device.process.communicate(timeout=15)  # or it was something else
        return True
    with open(f"/proc/{device.process.pid}/task/{device.process.pid}/children") as file:
        os.kill(int(file.read().split()[0]), signal.SIGKILL)
    device.process.communicate()
    return False


def judge(device, is_bad):
    """What is not whole after the next nucleus has done what there was to do; None if all is."""
    device.start()
    listed = device.client.call("ListLocalDeployments")["localDeployments"]
    for one in listed:
        device.finish(one["deploymentId"])
    newest = device.status(listed[0]["deploymentId"])
    details = newest["deploymentStatusDetails"]["detailedDeploymentStatus"]
    is_new = len(listed) == 2 and newest["status"] == "SUCCEEDED"
    found = {one["componentName"]: one["version"]
             for one in device.client.call("ListComponents")["components"]}
    value = device.client.call("GetConfiguration", componentName="A", keyPath=["v"])["value"]
    device.end()
    wanted = ({"A": "2.0.0", "B": "1.0.0"}, {"v": 7}) if is_new else ({"A": "1.0.0"}, {"v": 1})
    if (found, value) != wanted:
        return f"{newest['status']}, but {found} and {value}"
    if len(listed) == 2 and details != ("FAILED_ROLLBACK_COMPLETE" if is_bad else "SUCCESSFUL"):
        return f"it ended {details}"
    return None


@pytest.mark.parametrize("is_bad", [False, True], ids=["good", "bad"])
def test_killed_at_every_durable_step(device, tmp_path, is_bad):
    """A deployment that is going to succeed, and one that is going to be taken back: whatever the
    moment, afterwards it is finished or undone."""
    device.recipe(SLEEP, configuration={"v": 1})
    with device:
        device.deploy(add={"A": "1.0.0"})
    device.recipe({"startup": "exit 1"} if is_bad else {"startup": "true"}, version="2.0.0")
    device.recipe({"startup": "true"}, name="B")

    def attempt(number, loses_power):
        copy = Resident(f"{device.directory}-{number}-{loses_power}", device.env, like=device)
        copy.number = number
        was_ended = ended(copy)
        if was_ended and loses_power:
            cut_power(copy)
        return was_ended, judge(copy, is_bad)

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        attempts = {(number, loses_power): pool.submit(attempt, number, loses_power)
                    for number in POINTS for loses_power in (False, True)
                    if IS_THOROUGH or number % 2 == (loses_power != is_bad)}
        results = {key: future.result() for key, future in attempts.items()}
    assert not {key: wrong for key, (_, wrong) in results.items() if wrong}
    killed = {number for (number, _), (was_ended, _) in results.items() if was_ended}
    assert len(killed) >= 8, "there are that many moments at which something comes to last"
    assert POINTS[-1] not in killed, "and the last of them was reached"


# -- command lines ---------------------------------------------------------------------------------


@pytest.fixture
def cli(device, moor):
    """greengrass-cli, as a person types it."""
    def run(*arguments, **options):
        return moor.run(os.path.join(world.BUILD, "cli", "bin", "greengrass-cli"), "--ggcRootPath",
                        device.root, *arguments, **options)
    return run


def test_details_say_no_exit_code_of_another_version(device, cli):
    """What failed was taken back: how it ended is not told of what runs now."""
    device.recipe(SLEEP)
    device.recipe({"run": "exit 7"}, version="2.0.0")
    with device:
        device.deploy(add={"A": "1.0.0"})
        assert "Last exit code" not in cli("component", "details", "-n", "A").stdout, "no script has ended"
        device.deploy(result="FAILED_ROLLBACK_COMPLETE", add={"A": "2.0.0"}, rollback=True)
        told = cli("component", "details", "-n", "A").stdout
        assert "Version: 1.0.0\n    State: RUNNING\n" in told and "Last exit code" not in told
        device.deploy(result="FAILED_ROLLBACK_NOT_REQUESTED", add={"A": "2.0.0"})
        assert "    Last exit code: 7\n" in cli("component", "details", "-n", "A").stdout


def test_greengrass_cli(device, cli):
    device.recipe({"run": "echo {configuration:/who}; sleep 1000"}, configuration={"who": "x"})
    device.recipe({"startup": "echo b; exit 1"}, name="B")
    refused = cli("deployment", "list", code=1)
    assert "no nucleus is running in" in refused.stderr
    with device:
        created = cli("deployment", "create", "-m", "A=1.0.0", "-r", device.recipes, "-a",
                      device.artifacts, "-c", '{"A": {"MERGE": {"who": "you"}}}', "--runWith",
                      "A:posixUser=root:daemon", "-fp", "ROLLBACK").stdout
        deployment = re.fullmatch(r"Local deployment submitted! Deployment Id: (\S+)\n",
                                  created).group(1)
        device.finish(deployment)
        assert re.fullmatch(rf"{deployment}: SUCCEEDED\nCreated on: .*UTC\n",
                            cli("deployment", "status", "-i", deployment).stdout)
        listed = cli("component", "list").stdout
        assert listed == ("Components currently running in Greengrass:\nComponent Name: A\n"
                          "    Version: 1.0.0\n    State: RUNNING\n"
                          '    Configuration: {"who":"you"}\n')
        cli("component", "restart", "-n", "A")
        device.wait_for("A", "RUNNING", 2)
        cli("component", "stop", "--names=A")
        device.wait_for("A", "FINISHED")
        unknown = cli("component", "stop", "-n", "C", code=1)
        assert "greengrass-cli: component stop: C: component C is not deployed" in unknown.stderr
        failed = cli("deployment", "create", "--merge", "B=1.0.0", "-r",
                     device.recipes).stdout.split()[-1]
        device.finish(failed)
        status = cli("deployment", "status", "-i", failed).stdout
        assert f"{failed}: FAILED\n" in status and \
            f"Failure Cause: B is BROKEN: STARTUP_ERROR (see {device.root}/logs/B.log)\n" in status
        assert "Detailed Status: FAILED_ROLLBACK_NOT_REQUESTED\n" in status
        assert cli("deployment", "list").stdout.index(failed) < \
            cli("deployment", "list").stdout.index(deployment), "newest first"
        cli("deployment", "status", "-i", "nonsense", code=1)
        cli("deployment", "create", "--remove", "A,B")
        wait_until(lambda: device.components() == {}, "both to go")
    for words, shown in ((("help",), "Usage: greengrass-cli"), (("-h",), "Usage: greengrass-cli"), (("-V",), "mooring-nucleus "),
                         (("help", "logs"), "Usage: greengrass-cli logs"), (("logs", "get", "-h"), "Usage: greengrass-cli logs")):
        assert cli(*words).stdout.startswith(shown), words


def test_deploy_waits_for_the_nucleus(device, moor):
    device.recipe({"startup": "true"})
    device.recipe({"startup": "exit 1"}, version="2.0.0")
    device.recipe({"startup": "sleep 0.1; exit 1"}, name="B")
    deploy = (os.path.join(world.BUILD, "cli", "mooring"), "deploy", "--root", device.root,
              "--recipe-dir", device.recipes)
    with device:
        assert ": SUCCEEDED\n" in moor.run(*deploy, "--merge", "A=1.0.0").stdout
        assert ": FAILED\n" in moor.run(*deploy, "--merge", "A=2.0.0", code=3).stdout
        assert ": FAILED\n" in moor.run(*deploy, "--merge", "A=3.0.0", code=1).stdout
        both = moor.run(*deploy, "--merge", "B=1.0.0", code=3).stdout
        assert re.search(r"Cause: B is BROKEN: \w+ \(see \S+/B\.log\); A is BROKEN: \w+ \(see \S+/A\.log; it was "
                         r'deployed before: "mooring deploy --remove A" takes it away\)\n', both), both
        refused = moor.run(*deploy[:-1], "/nope", "--merge", "A=2.0.0", code=1)
        assert refused.stderr == "mooring: deploy: /nope: No such file or directory\n"
    for command, rest in (("deploy", "; or give --foreground"), ("status", "")):
        refused = moor.run(deploy[0], command, "--root", device.root, *(["--merge", "A=1.0.0"] if rest else []), code=1)
        assert refused.stderr == f"mooring: {command}: no nucleus is running in {device.root} " \
            f"(start it: mooring nucleus){rest}\n"


@pytest.mark.parametrize("arguments, reason", [
    (("deployment", "create", "-c", "{", "-m", "A=1.0.0"), "--update-config"),
    (("deployment", "create", "-c", '{"A": {"merge": 1}}'), "expected an object"),
    (("deployment", "create", "-c", '{"A": {"ADD": {}}}'), "expected MERGE or RESET"),
    (("deployment", "create", "--systemLimits", '{"A": {"cpus": -1}}'), "number of CPUs above 0"),
    (("deployment", "create", "--systemLimits", '{"A": {"memory": 1.5}}'), "number of kilobytes"),
    (("deployment", "create", "--runWith", "A=user"), "expected COMPONENT:posixUser=USER"),
    (("deployment", "create", "-m", "A"), "expected NAME=VERSION"),
    (("deployment", "create", "-m", "A="), "expected NAME=VERSION"),
])
def test_bad_command_line(cli, arguments, reason):
    refused = cli(*arguments, code=2)
    first, second = refused.stderr.splitlines()
    assert first.startswith("greengrass-cli: deployment create: ") and reason in first
    assert second == 'Try "greengrass-cli deployment create --help".'


def test_warnings_reach_who_deploys(device, cli, moor):
    """What is ignored is in the deployment's status, once, and does not fail it."""
    device.recipe({"Runn": "true", "run": "echo '{configuration:/none} {C:artifacts:path} ${X:-y} {a:b}'; sleep 1000"})
    device.recipe(SLEEP, name="B", needs={"A": "SOFT"})
    deploy = (os.path.join(world.BUILD, "cli", "mooring"), "deploy", "--root", device.root, "-r", device.recipes)

    def warnings(shown):
        return [line[len("Warning: "):] for line in shown.splitlines() if line.startswith("Warning: ")]

    with device:
        shown = moor.run(*deploy, "-m", "A=1.0.0").stdout
        place = f"{device.recipes}/A-1.0.0.json: Manifests[0].Lifecycle"
        assert warnings(shown) == [
            f"{place}.run: {{configuration:/none}} cannot be resolved; it stays as it is",
            f"{place}.run: {{C:artifacts:path}} cannot be resolved; it stays as it is",
            f"{place}.Runn: no such key is known; it is ignored"]
        deployment = re.search("Id: (.*)", shown).group(1)
        assert warnings(cli("deployment", "status", "-i", deployment).stdout) == warnings(shown)
        wait_until(device.lines, "its output")
        assert device.lines() == ["{configuration:/none} {C:artifacts:path} ${X:-y} {a:b}"]
        os.unlink(os.path.join(device.recipes, "A-1.0.0.json"))
        assert warnings(moor.run(*deploy, "-m", "B=1.0.0").stdout) == [], "A's are old"
        assert warnings(moor.run(*deploy, "--remove", "A,Nobody").stdout) == [
            "A stays: this deployment, another component or another group needs it",
            "Nobody is not deployed: there is nothing to remove"]
        nobody = {"Nobody": {"MERGE": {"a": 1}}, "B": {"MERGE": {"b": 2}}, "aws.greengrass.Nucleus": {"MERGE": {"c": 3}}}
        assert warnings(moor.run(*deploy, "-c", json.dumps(nobody)).stdout) == [
            "Nobody is not deployed: what is said of its configuration, user or limits is ignored"]
        assert "[WARN] (mooring) greengrass: Nobody is not deployed" in device.log("greengrass")


def test_logs(device, cli):
    device.recipe({"run": "echo one; echo two >&2; echo three; sleep 1000"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        wait_until(lambda: len(device.lines()) == 3, "its output")
    files = cli("logs", "list-log-files").stdout.split()
    assert sorted(os.path.basename(file) for file in files) == ["A.log", "greengrass.log"]
    warnings = cli("logs", "get", "--filter", "level=WARN", "-f", "serviceName=A").stdout
    assert "stderr. two. " in warnings and "stdout" not in warnings
    around = cli("logs", "get", "-f", "newState=INSTALLED", "--after", "1", "--before=0").stdout
    assert len(around.splitlines()) == 2 and "newState=STARTING" in around.splitlines()[1]
    assert cli("logs", "get", "-t", "2100-01-01T00:00:00,").stdout == ""
    times = [line[:24] for line in cli("logs", "get").stdout.splitlines()]
    assert times == sorted(times)
    assert "currentState=$str" in cli("logs", "list-keywords").stdout


MOMENT = "2026-01-02T03:04:%02d.%03dZ [%s] (Copier) %s: text. {serviceName=%s}\n"


def test_logs_of_several_files(cli, moor, tmp_path):
    """In the order of their times, whatever is in them: JSON, lines without a time, half a line at the end."""
    def get(*arguments, **options):
        return cli("logs", "get", "--log-dir", tmp_path, *arguments, **options)

    json_line = ('{"thread":"Copier","level":"WARN","message":"\\"timestamp\\":5","contexts":{"serviceName":"J"},'
                 '"timestamp":1767323043500}\n')
    (tmp_path / "A_2026_01_02_03_1.log").write_text(MOMENT % (1, 0, "INFO", "A", "A") + " at a\n at b\n" +
                                                     MOMENT % (3, 0, "ERROR", "A", "A"))
    (tmp_path / "A.log").write_text(MOMENT % (5, 0, "INFO", "A", "A"))
    (tmp_path / "B.log").write_text(MOMENT % (2, 0, "DEBUG", "B", "B") + MOMENT % (3, 600, "INFO", "B", "B") + "half")
    (tmp_path / "J.log").write_text(json_line)
    all_lines = get().stdout.splitlines()
    short = [re.sub(r".*T03:04:(\d\d).*", r"\1", line) for line in all_lines]
    assert short == ["01", " at a", " at b", "02", "03", json_line.strip(), "03", "half", "05"]
    for arguments, wanted in (
            (("-f", "level=WARN"), [4, 5]), (("-f", "serviceName=j"), [5]), (("-f", "at a,level=ERROR"), [1, 4]),
            (("-t", "2026-01-02T03:04:03,2026-01-02T03:04:03.500"), [4, 5]), (("-t", ",2026-01-02T03:04:01"), [0, 1, 2]),
            (("-t", "2026-01-02T03:04,2026-01-02"), range(9)), (("-t", "2026-01-03,"), []),
            (("-f", "level=ERROR", "-b", "2", "-a", "1"), [2, 3, 4, 5]), (("-f", "at b,half", "-b", "9"), range(8))):
        assert get(*arguments).stdout.splitlines() == [all_lines[i] for i in wanted], arguments
    for arguments, reason in ((("-f", "level=LOUD"), "there are the levels"), (("-b", "-1"), "is no number of lines"),
                              (("-t", "yesterday,"), "is no time such as"), (("--log-file", "/nope"), "/nope: No such file")):
        assert reason in get(*arguments, code=None).stderr

    follower = moor.start(os.path.join(world.BUILD, "cli", "bin", "greengrass-cli"), "logs", "get", "--log-dir", tmp_path,
                          "--follow", "-f", "level=FATAL,half")
    with open(tmp_path / "B.log", "a") as file:
        file.write(" and half\n")
    assert follower.stdout.readline() == "half and half\n"
    os.rename(tmp_path / "A.log", tmp_path / "A_2026_01_02_03_2.log")
    (tmp_path / "A.log").write_text(MOMENT % (6, 0, "FATAL", "A", "A"))
    assert follower.stdout.readline() == MOMENT % (6, 0, "FATAL", "A", "A")
    follower.terminate()
    follower.communicate()
    (tmp_path / "hostile").write_bytes(b"\033[2J\033]0;title\007\302\233A\377\177 \303\251\n\033[36mblue\033[0m \033[1;31mred\n"
                                       b"\033[" + 40 * b"1" + b"m\033[3\n")
    assert get("--log-file", tmp_path / "hostile").stdout == (
        "\\x1b[2J\\x1b]0;title\\x07\ufffdA\ufffd\ufffd é\n\033[36mblue\033[0m \033[1;31mred\033[0m\n\\x1b[" + 40 * "1" + "m\\x1b[3\n")


def test_messages_by_greengrass_cli(device, cli, moor):
    """One subscribes, another publishes; what has no newline in it stays a line each."""
    program = os.path.join(world.BUILD, "cli", "bin", "greengrass-cli")
    with device:
        listener = moor.start(program, "--ggcRootPath", device.root, "pubsub", "sub", "--topic", "a/+")
        # Until it has subscribed nobody hears anything.
        wait_until(lambda: cli("pubsub", "pub", "--topic", "a/b", "--message", "ready").returncode == 0 and
                   select.select([listener.stdout], [], [], 0.1)[0], "it to listen")
        cli("pubsub", "pub", "-t", "other", "-m", "not heard")
        cli("pubsub", "pub", "-t", "a/c", "-m", '{"text": "süß"}')
        device.client.call("PublishToTopic", topic="a/d", publishMessage={"jsonMessage": {"message": {"n": [1, None]}}})
        lines = (line.rstrip("\n") for line in listener.stdout)
        assert [line for line in itertools.islice((line for line in lines if line != "ready"), 2)] == [
            '{"text": "süß"}', '{"n":[1,null]}']
        for arguments, reason in ((("pubsub", "pub", "--topic", "a"), "Usage: "), (("pubsub", "sub"), "Usage: "),
                                  (("iotcore", "pub", "-t", "a/#", "-m", "x"), "greengrass-cli: iotcore pub: ")):
            assert reason in cli(*arguments, code=None).stderr
    _, errors = listener.communicate(timeout=20)
    assert listener.returncode == 1 and errors == "greengrass-cli: pubsub sub: the nucleus has closed the connection\n"


# -- what components may do ------------------------------------------------------------------------


@pytest.mark.static  # a sanitizer keeps what was freed
def test_component_that_never_stops_to_talk(moor, tmp_path):
    """The nucleus grows by nothing, answers others, keeps to the size of the logs; and if it is killed, the next does."""
    device = Resident(tmp_path / "device", moor.env, config={"services": {"aws.greengrass.Nucleus": {"configuration": {
        "runWithDefault": {"posixUser": "root"}, "logging": {"fileSizeKB": 64, "totalLogsSizeKB": 256}}}}})
    device.recipe({"run": "cat /dev/urandom & exec yes a line >&2"})
    device.recipe(SLEEP, name="B")
    directory = os.path.join(device.root, "logs")

    def resident_size():
        with open(f"/proc/{device.process.pid}/status") as file:
            return int(re.search(r"^VmRSS:\s+(\d+)", file.read(), re.M).group(1))

    def newest():
        """When the oldest line of the newest file was written."""
        try:
            with open(os.path.join(directory, "A.log"), "rb") as file:
                return file.read(24)
        except (FileNotFoundError, ProcessLookupError):  # it is being replaced
            return b""

    def talks_on():
        before = newest()
        for _ in range(2):
            wait_until(lambda: newest() not in (before, b""), "another file")
            before = newest()
        sizes = []
        for file in os.scandir(directory):
            if file.name.startswith("A") and file.name != "A.log":
                with contextlib.suppress(FileNotFoundError):  # an old one goes at any moment
                    sizes.append(file.stat().st_size)
        assert sizes and max(sizes) <= 64 * 1024 and sum(sizes) <= 256 * 1024

    with device:
        device.deploy(add={"B": "1.0.0"})
        before = resident_size()
        device.deploy(add={"A": "1.0.0"})
        for _ in range(3):
            talks_on()
            assert device.components() == {"A": "RUNNING", "B": "RUNNING"}
        assert resident_size() < before + 1024, "KiB"
        device.end(signal.SIGKILL)
        device.start()
        wait_until(lambda: device.components().get("A") == "RUNNING", "it to run again")
        talks_on()


def test_logs_as_json_and_their_size(moor, tmp_path):
    device = Resident(tmp_path / "device", moor.env, config={"services": {
        "aws.greengrass.Nucleus": {"configuration": {
            "runWithDefault": {"posixUser": "root"},
            "logging": {"format": "JSON", "fileSizeKB": 64, "totalLogsSizeKB": 256}}}}})
    device.recipe({"run": "echo '\"quoted\"'; head -c 600000 /dev/urandom; "
                          "yes 0123456789012345678901234567890123456789 | head -n 20000"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        wait_until(lambda: device.components()["A"] == "FINISHED", "its end", 60)
    logs = [os.path.join(device.root, "logs", name)
            for name in os.listdir(os.path.join(device.root, "logs")) if name.startswith("A")]
    assert sum(os.path.getsize(log) for log in logs) <= 256 * 1024
    assert all(os.path.getsize(log) <= 64 * 1024 + 200 for log in logs)
    with open(os.path.join(device.root, "logs", "A.log")) as file:
        last = [json.loads(line) for line in file][-1]
    assert last["contexts"] == {"serviceName": "A", "currentState": "STOPPING"}
    assert last["message"] == "service-set-state. newState=FINISHED" and last["level"] == "INFO"


def test_script_that_forks_away(device):
    """What left its script's tree and session is found by the mark in its environment."""
    device.recipe({"run": "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > pid; "
                          "while :; do sleep 1000; done' &) ; sleep 1000"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        pid = wait_until(lambda: os.path.exists(device.work("pid")) and device.read("pid").strip(),
                         "its pid")
        device.client.call("StopComponent", componentName="A")
        device.wait_for("A", "FINISHED")
        assert is_alive(pid), "a daemon with a session of its own is a daemon's, as with Greengrass"
    os.killpg(int(pid), signal.SIGKILL)


GROUP = "/sys/fs/cgroup/{}/greengrass/A"
IS_UNIFIED = os.path.exists("/sys/fs/cgroup/cgroup.controllers")


def group_value(controller, one, two):
    name = "/sys/fs/cgroup/greengrass/A/" + two if IS_UNIFIED else \
        GROUP.format(controller) + "/" + one
    with open(name) as file:
        return file.read().strip()


def test_resource_limits_hold_for_containers_too(device, moor, busybox):
    device.recipe({"run": f"docker run --rm --init --name limited --network none {busybox} sleep 1000"})
    with device:
        device.deploy(add={"A": "1.0.0"}, run_with={
            "A": {"systemResourceLimits": {"memory": 65536, "cpus": 0.5}}})
        assert group_value("memory", "memory.limit_in_bytes", "memory.max") == str(65536 * 1024)
        assert group_value("cpu", "cpu.cfs_quota_us", "cpu.max") in ("50000", "50000 100000")
        wait_until(lambda: "limited" in moor.docker("ps").stdout, "the container")
        pid = moor.docker("inspect", "--format", "{{.State.Pid}}", "limited").stdout.strip()
        with open(f"/proc/{pid}/cgroup") as file:
            places = file.read()
        assert re.search(r"memory:/greengrass/A/|^0::/greengrass/A/", places, re.M), places
        device.deploy(add={"A": "1.0.0"}, run_with={
            "A": {"systemResourceLimits": {"memory": 32768}}})
        assert group_value("memory", "memory.limit_in_bytes", "memory.max") == str(32768 * 1024)
        assert device.states().count("RUNNING") == 1, "changed while it runs"
    assert not os.path.exists(GROUP.format("memory")) or IS_UNIFIED


def test_killed_for_want_of_memory(device):
    """By its own limit: 137 alone tells nobody why. Its log says it, and the nucleus' log does."""
    fill = "import ctypes; ctypes.CDLL(None).mlockall(3); bytearray(1 << 28)"  # locked: nothing goes to where the kernel swaps
    device.recipe({"run": f"while [ ! -e go ]; do sleep 0.02; done; python3 -c '{fill}'"})
    with device:
        device.deploy(add={"A": "1.0.0"}, run_with={"A": {"systemResourceLimits": {"memory": 65536}}})
        open(device.work("go"), "w").close()
        device.wait_for("A", "BROKEN")
        why = "out of memory: the kernel has killed 1 of its processes (systemResourceLimits: memory 65536)"
        assert device.log().count(why) == 3, device.log()
        with open(os.path.join(device.root, "logs", "greengrass.log")) as file:
            assert file.read().count(f"A: {why}") == 3


def test_pause_and_resume(device):
    device.recipe({"run": "while :; do echo x >> ticks; sleep 0.02; done"})
    with device:
        device.deploy(add={"A": "1.0.0"})
        device.client.call("PauseComponent", componentName="A")
        before = os.path.getsize(device.work("ticks"))
        device.client.call("ListComponents")
        assert os.path.getsize(device.work("ticks")) == before
        device.client.call("ResumeComponent", componentName="A")
        wait_until(lambda: os.path.getsize(device.work("ticks")) > before, "it to go on")
        with pytest.raises(Refused):
            device.client.call("ResumeComponent", componentName="A")
        device.client.call("PauseComponent", componentName="A")  # and stops while it is paused


def test_component_judges_its_configuration(device, cli):
    recipe = {"run": "echo $SVCUID > token; sleep 1000"}
    device.recipe(recipe, configuration={"v": 1})
    with device:
        device.deploy(add={"A": "1.0.0"})
        wait_until(lambda: os.path.exists(device.work("token")), "its token")
        with Client(os.path.join(device.root, "ipc.socket"), device.read("token").strip()) as peer:
            events = peer.subscribe("SubscribeToValidateConfigurationUpdates")
            changes = peer.subscribe("SubscribeToConfigurationUpdate", keyPath=["v"])
            for verdict, result in (("REJECTED", "FAILED_NO_STATE_CHANGE"),
                                    ("ACCEPTED", "SUCCESSFUL")):
                deployment = device.begin(add={"A": "1.0.0"}, merge={"A": {"v": 2}})
                event = peer.answer(events)["validateConfigurationUpdateEvent"]
                assert event == {"configuration": {"v": 2}, "deploymentId": deployment}
                peer.call("SendConfigurationValidityReport", configurationValidityReport={
                    "status": verdict, "deploymentId": deployment, "message": "because\u009b2J"})
                details = device.finish(deployment)
                assert details["detailedDeploymentStatus"] == result
                if verdict == "REJECTED":
                    assert details["deploymentFailureCause"] == \
                        "A rejects its new configuration: because  2J"  # an error is one line, and plain
                    assert "Failure Cause: A rejects its new configuration: because  2J\n" in \
                        cli("deployment", "status", "-i", deployment).stdout
            assert peer.answer(changes)["configurationUpdateEvent"] == {
                "componentName": "A", "keyPath": ["v"]}
            assert peer.call("GetConfiguration", keyPath=["v"])["value"] == {"v": 2}
            peer.call("UpdateConfiguration", keyPath=["own"], timestamp=0, valueToMerge={"x": [1]})
        device.end(signal.SIGKILL)
        device.start()
        found = device.client.call("GetConfiguration", componentName="A", keyPath=[])
        assert found["value"] == {"v": 2, "own": {"x": [1]}}, "what was answered lasts"


# -- many of them ----------------------------------------------------------------------------------


def test_hundred_components(device):
    """Ten layers of ten, each of which needs two of the layer above."""
    for layer in range(10):
        for i in range(10):
            needs = {f"L{layer - 1}.{k % 10}": "HARD" for k in (i, i + 3)} if layer else {}
            device.recipe({"startup": "echo up", "shutdown": "echo down"}, name=f"L{layer}.{i}",
                          needs=needs)
    with device:
        device.deploy(add={f"L9.{i}": "1.0.0" for i in range(10)})
        components = device.components()
        assert len(components) == 100 and set(components.values()) == {"RUNNING"}
    def moment(name, what):
        return re.search(rf"^(\S+) .*{what}", device.log(name), re.M).group(1)
    for layer in range(1, 10):
        assert moment(f"L{layer}.0", "newState=STARTING") >= \
            moment(f"L{layer - 1}.0", "newState=RUNNING")
        assert moment(f"L{layer}.0", "newState=FINISHED") <= \
            moment(f"L{layer - 1}.0", "newState=STOPPING")


@pytest.mark.static  # a sanitizer's memory is not the nucleus'
def test_memory_with_twenty_components(device):
    for i in range(20):
        device.recipe(SLEEP, name=f"C{i}", configuration={"text": "x" * 500})
    with device:
        device.deploy(add={f"C{i}": "1.0.0" for i in range(20)})
        with open(f"/proc/{device.process.pid}/smaps_rollup") as file:
            pss = int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1))
    assert pss < 6 * 1024, f"{pss} KiB"


# -- a network that is not there yet -----------------------------------------------------------------


def test_deployment_waits_for_the_network(device, registry):
    """What cannot be reached is waited for; what is refused is not."""
    nobody = "127.0.0.1:%d" % free_port()
    device.recipe(SLEEP, artifacts=[{"URI": f"docker:{nobody}/x/y:1"}])
    device.recipe(SLEEP, name="B", artifacts=[{"URI": f"docker:{registry.address}/no/such:1"}])
    with device:
        waiting = device.begin(add={"A": "1.0.0"})
        wait_until(lambda: re.search(r"trying again in (3\d|4\d|5\d|60) s", device.log("greengrass")), "it to say so")
        assert device.status(waiting)["status"] == "IN_PROGRESS"
        device.client.call("CancelLocalDeployment", deploymentId=waiting)
        assert device.finish(waiting)["detailedDeploymentStatus"] == "FAILED_NO_STATE_CHANGE"
        assert device.status(waiting)["status"] == "CANCELED"
        details = device.deploy(result="FAILED_NO_STATE_CHANGE", add={"B": "1.0.0"})
        assert "docker pull failed with exit code 1: " in details["deploymentFailureCause"]


def test_variables_in_configuration(moor, tmp_path):
    device = Resident(tmp_path / "device", moor.env, config={
        "system": {"thingName": "MyThing"},
        "services": {"aws.greengrass.Nucleus": {"configuration": {
            "interpolateComponentConfiguration": True, "runWithDefault": {"posixUser": "root"}}}}})
    device.recipe({"run": "echo '{configuration:/a} {configuration:/b}'; sleep 1000"},
                  configuration={"a": "{iot:thingName} {configuration:/b}", "b": "x"})
    with device:
        device.deploy(add={"A": "1.0.0"}, merge={"A": {"b": "{work:path}"}})
        wait_until(lambda: device.lines(), "its output")
    assert device.lines() == [f"MyThing {{configuration:/b}} {device.root}/work/A"]


# -- bootstrap that asks for a restart -----------------------------------------------------------------


@pytest.mark.parametrize("code", [100, 101])
def test_bootstrap_that_asks_for_a_restart(device, tmp_path, code):
    """The rest of the deployment is the next nucleus'; a script that is done is not run again."""
    tools = tmp_path / "tools"
    os.makedirs(tools)
    with open(tools / "shutdown", "w") as file:
        file.write(f"#!/bin/sh\necho \"$@\" >> {tools}/said\n")
    os.chmod(tools / "shutdown", 0o755)
    device.recipe({"bootstrap": f"echo a; exit {code}", "run": "echo run; sleep 1000", "runn": ""})
    device.recipe({"bootstrap": "echo b", **SLEEP}, name="B", needs={"A": "HARD"})
    with device.start(PATH=f"{tools}:{device.env['PATH']}"):
        deployment = device.begin(add={"B": "1.0.0"})
        wait_until(lambda: "goes on." in device.log("greengrass"), "the next nucleus")
        device.client.socket.close()
        device.client = wait_until(device.try_to_connect, "it to listen")
        details = device.finish(deployment)
        assert details["detailedDeploymentStatus"] == "SUCCESSFUL" and len(details["deploymentWarnings"]) == 1
        wait_until(lambda: len(device.lines()) == 2, "its output")
    assert device.lines() == ["a", "run"] and device.lines("B") == ["b"]
    assert os.path.exists(tools / "said") == (code == 101)
    if code == 101:
        assert (tools / "said").read_text() == "-r now\n"


def test_bootstrap_for_a_rollback(device):
    """What a failed deployment's bootstrap script has changed is put right by the old version's, if it says so."""
    bootstrap = {"Script": "echo old >> trace", "BootstrapOnRollback": True}
    for name in "AB":
        device.recipe({"bootstrap": bootstrap if name == "A" else "echo old >> trace", **SLEEP}, name=name)
    device.recipe({"bootstrap": "echo new >> trace", "run": "exit 1"}, version="2.0.0")
    device.recipe({"bootstrap": "echo new >> trace; exit 1", **SLEEP}, version="3.0.0")
    device.recipe({"bootstrap": "echo new >> trace", **SLEEP}, name="B", version="2.0.0")
    device.recipe({"run": "exit 1"}, version="4.0.0")
    with device:
        device.deploy(add={"A": "1.0.0", "B": "1.0.0"})
        assert device.read("trace") == "old\n"

        # Its components were started, and the bootstrap script failed; then one that had none.
        for version in "23":
            device.deploy(add={"A": f"{version}.0.0", "B": "2.0.0"}, rollback=True, result="FAILED_ROLLBACK_COMPLETE")
        assert device.read("trace") == "old\n" + 2 * "new\nold\n"
        assert device.components() == {"A": "RUNNING", "B": "RUNNING"}
        device.deploy(add={"A": "4.0.0"}, rollback=True, result="FAILED_ROLLBACK_COMPLETE")
        assert device.read("trace").count("old") == 3
        assert device.read("trace", "B").startswith("old\nnew\n") and device.read("trace", "B").count("old") == 1


def test_bootstrap_for_a_rollback_fails_or_starts_the_nucleus_anew(device):
    device.recipe({"bootstrap": {"Script": "echo old >> trace; test ! -e again || exit $(cat again)",
                                 "BootstrapOnRollback": True}, **SLEEP})
    device.recipe({"bootstrap": "echo new >> trace; echo 100 > again", "run": "exit 1"}, version="2.0.0")
    device.recipe({"bootstrap": "echo 7 > again; exit 1", **SLEEP}, version="3.0.0")
    with device:
        device.deploy(add={"A": "1.0.0"})
        deployment = device.begin(add={"A": "2.0.0"}, rollback=True)
        wait_until(lambda: "goes on." in device.log("greengrass"), "the next nucleus")
        device.client.socket.close()
        device.client = wait_until(device.try_to_connect, "it to listen")
        assert device.finish(deployment)["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
        assert device.read("trace") == "old\nnew\nold\n"
        assert device.components() == {"A": "RUNNING"}

        details = device.deploy(add={"A": "3.0.0"}, rollback=True, result="FAILED_UNABLE_TO_ROLLBACK")
        assert "the bootstrap script exited with code 1" in details["deploymentFailureCause"]
        assert "A: the bootstrap script exited with code 7" in device.log("greengrass")
        assert device.components() == {"A": "RUNNING"}


def test_disk_that_fills_during_a_deployment(device, small_disk):
    """It is taken back; and that it has failed is written down as soon as there is room, before another one begins."""
    os.makedirs(device.root)
    os.symlink(small_disk, os.path.join(device.root, "config"))  # the log has room
    device.recipe(SLEEP)
    device.recipe({"bootstrap": f"cat /dev/zero > {small_disk}/fill; true", **SLEEP}, version="2.0.0")
    device.recipe(SLEEP, version="3.0.0")
    with device:
        device.deploy(add={"A": "1.0.0"})
        failed = device.begin(add={"A": "2.0.0"}, rollback=True)
        wait_until(lambda: "which cannot be written down yet" in device.log("greengrass"), "it to fail")
        with pytest.raises(Refused, match="no space left on the disk"):
            device.begin(add={"A": "3.0.0"})
        assert device.components() == {"A": "RUNNING"}
        os.unlink(f"{small_disk}/fill")
        details = device.finish(failed)
        assert details["detailedDeploymentStatus"] == "FAILED_ROLLBACK_COMPLETE"
        assert details["deploymentFailureCause"].endswith("nucleus.db: no space left on the disk")
        device.deploy(add={"A": "3.0.0"})
        device.end()
        device.start()
        device.wait_for("A", "RUNNING", 3)
        assert [one["status"] for one in device.client.call("ListLocalDeployments")["localDeployments"]] == [
            "SUCCEEDED", "FAILED", "SUCCEEDED"]


def test_default_user_is_changed_by_a_deployment(device):
    device.recipe({"run": "id -un; sleep 1000"})
    with device:
        device.deploy(add={"A": "1.0.0"}, merge={"aws.greengrass.Nucleus": {
            "runWithDefault": {"posixUser": "nobody"}}})
        wait_until(lambda: device.lines(), "its output")
        details = device.deploy(add={"A": "1.0.0"}, rollback=True, merge={
            "aws.greengrass.Nucleus": {"runWithDefault": {"posixUser": "no-such-user"}}},
            result="FAILED_NO_STATE_CHANGE")
        assert 'there is no user "no-such-user"' in details["deploymentFailureCause"]
    assert device.lines() == ["nobody"]


def world_with(passwd):
    """A command that starts another with that /etc/passwd."""
    return ("unshare", "-m", "sh", "-c", f"mount --bind {passwd} /etc/passwd && exec \"$@\"", "sh")


def test_user_of_a_component_is_missing(device, cli, tmp_path):
    """A deployment is refused; of one whose user goes later the status says that it is broken for want of it."""
    passwd = tmp_path / "passwd"
    with open("/etc/passwd") as file:
        passwd.write_text(file.read() + "component:x:4242:4242::/:/bin/sh\n")
    device.recipe(SLEEP)
    device.recipe({"startup": "sleep 1000 > /dev/null 2>&1 &"}, name="B")
    device.recipe(SLEEP, name="C")
    names = {name: "1.0.0" for name in "ABC"}
    with device.start(wrap=world_with(passwd)):
        details = device.deploy(add=names, result="FAILED_NO_STATE_CHANGE",
                                run_with={"A": {"posixUser": "no-such-user"}})
        assert details["deploymentFailureCause"] == 'A: there is no user "no-such-user" (runWith.posixUser)'
        device.deploy(add=names, run_with={name: {"posixUser": "component"} for name in "AB"})
    with device:
        device.wait_for("A", "BROKEN")
        device.wait_for("B", "BROKEN")
        device.wait_for("C", "RUNNING", 2)
        assert device.components() == {"A": "BROKEN", "B": "BROKEN", "C": "RUNNING"}
        for name, step in (("A", "RUN"), ("B", "STARTUP")):
            assert 'there is no user "component" (runWith.posixUser)' in device.log(name)
            assert f"Status: {step}_MISSING_DEFAULT_RUNWITH\n" in cli("component", "details", "-n", name).stdout


# -- without root -----------------------------------------------------------------------------------


def test_nucleus_of_another_user(moor):
    """Scripts run as who the nucleus is; nothing needs root."""
    uid = 65534
    with tempfile.TemporaryDirectory(prefix="mooring-test-") as directory:
        os.chmod(directory, 0o755)
        env = {**moor.env, "MOORING_RUN": os.path.join(directory, "run"), "HOME": directory}
        device = Resident(os.path.join(directory, "device"), env)
        device.uid = uid
        device.artifact(zip_of(("hello", "echo from the archive\n")), "app.zip")
        device.recipe({"run": {"Script": "id -u; sh {artifacts:decompressedPath}/app/hello; "
                                         "sleep 1000", "RequiresPrivilege": True}},
                      artifacts=[{"URI": "s3://b/app.zip", "Unarchive": "ZIP"}])
        for path in (env["MOORING_RUN"], device.root):
            os.makedirs(path, exist_ok=True)
            os.chown(path, uid, uid)
        device.start(("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"))
        with device:
            device.deploy(add={"A": "1.0.0"}, run_with={
                "A": {"systemResourceLimits": {"memory": 65536}}})
            wait_until(lambda: len(device.lines()) == 2, "its output")
        assert device.lines() == [str(uid), "from the archive"]
        assert "systemResourceLimits are not applied: " in device.log()
        assert os.stat(device.work(".")).st_uid == uid


outcomes, test_what_waits = together.tests()
