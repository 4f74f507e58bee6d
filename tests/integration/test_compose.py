# SPDX-License-Identifier: Apache-2.0
"""Services of compose files: up, logs, ps, down, and what they promise to scripts."""

import json
import os
import re
import signal
import urllib.request

import pytest

import world
from composing import COLOURS, SLEEPER, Project, foreground, lines
from world import wait_until


@pytest.fixture
def project(moor, busybox, tmp_path):
    return Project(moor, tmp_path / "proj")


# -- up in the foreground ------------------------------------------------------------------------


def test_foreground(project):
    project.services(web={"command": "sh -c 'echo web-up; echo tail | tr -d \"\\n\"'", "depends_on": ["db"]},
                     db={"command": ["sh", "-c", "echo db-up >&2; exit 3"]})
    done = project.classic("up")
    assert done.stdout.splitlines()[0] == "Attaching to proj_db_1, proj_web_1"
    assert lines(done.stdout)[1:] == ["db_1   | db-up", "proj_db_1 exited with code 3", "proj_web_1 exited with code 0",
                                      "web_1  | tail", "web_1  | web-up"]
    assert "\x1b[36mdb_1   |\x1b[0m db-up\n" in done.stdout
    assert done.stderr == ("Creating proj_db_1 ... \nCreating proj_db_1 ... done\n"
                           "Creating proj_web_1 ... \nCreating proj_web_1 ... done\n")
    done = project("up")
    assert lines(done.stdout) == ["Attaching to db-1, web-1", "db-1 exited with code 3", "web-1  | tail",
                                  "web-1  | web-up", "web-1 exited with code 0"]
    assert "db-1   | db-up\n" in done.stderr and " Container proj_web_1  Started\n" in done.stderr
    assert project("up", "--no-log-prefix", "web").stdout.splitlines()[1:] == ["web-up", "tail", "web-1 exited with code 0"]
    project.down()
    assert project.names() == []


@pytest.mark.parametrize("classic, code", [(True, 0), (False, 130)])
def test_stopped_by_signal(project, classic, code):
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    with foreground(project, running=2, classic=classic) as process:
        wait_until(lambda: process.stdout.readline().endswith(" up\n"), "the program to set its trap")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Gracefully stopping... (press Ctrl+C again to force)\n" in out
    assert ("Stopping proj_a_1 ... done\n" if classic else " Container proj-a-1  Stopped\n") in err
    assert project.ids() == [] and len(project.names()) == 2


def test_second_signal_kills(project):
    project.services(a={"command": ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]})
    with foreground(project, classic=True) as process:
        wait_until(lambda: process.stdout.readline().endswith(" up\n"), "the program to set its trap")
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "Gracefully" in process.stdout.readline(), "the first signal to be taken")
        wait_until(lambda: "Stopping" in process.stderr.readline(), "containers to be stopped")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=8)
    assert process.returncode == 2 and "Killing proj_a_1" in err
    assert project.inspect("proj_a_1", "{{.State.ExitCode}}") == "137"


def test_killed_command_leaves_containers(project):
    project.services(a={"command": SLEEPER})
    with foreground(project) as process:
        process.kill()
        process.wait()
    assert len(project.ids()) == 1


def test_ends_together(project):
    project.services(job={"command": "sh -c 'exit 7'"}, other={"command": SLEEPER})
    done = project.classic("up", "--abort-on-container-exit", code=7)
    assert "Aborting on container exit...\n" in done.stdout and project.ids() == []
    project("up", "--abort-on-container-exit", code=7)
    project.classic("up", "--exit-code-from", "job", code=7)
    assert project.ids() == []
    assert 'No service named "nope"' in project.classic("up", "--exit-code-from", "nope", code=2).stderr
    assert "cannot be combined" in project("up", "-d", "--abort-on-container-exit", code=1).stderr


def test_restarted_container_is_followed(project):
    project.services(a={"command": ["sh", "-c", "echo run >> /d/runs; cat /d/runs | wc -l; exit 2"],
                        "restart": "on-failure:2", "volumes": ["./d:/d"]})
    done = project("up")
    assert done.stdout.splitlines()[1:] == ["a-1  | 1", "a-1 exited with code 2 (restarting)", "a-1  | 2",
                                            "a-1 exited with code 2 (restarting)", "a-1  | 3", "a-1 exited with code 2"]


# -- what changes ----------------------------------------------------------------------------------


def test_recreates_what_changed(project):
    services = {"a": {"command": SLEEPER, "volumes": ["/data"]}, "b": {"command": SLEEPER, "depends_on": ["a"]}}
    project.services(**services)
    assert project("up", "-d").stdout == ""
    a, b = (project.inspect(f"proj-{name}-1", "{{.Id}}") for name in "ab")
    assert " Container proj-a-1  Running\n" in project("up", "-d").stderr
    services["a"]["environment"] = {"NEW": "1"}
    project.services(**services)
    project("up", "-d", "--no-recreate")
    assert project.inspect("proj-a-1", "{{.Id}}") == a
    assert " Container proj-a-1  Recreated\n" in project("up", "-d", "-t", "0").stderr
    assert project.inspect("proj-a-1", "{{.Id}}") != a and project.inspect("proj-b-1", "{{.Id}}") == b
    assert project.names() == ["proj-a-1", "proj-b-1"]
    project("up", "-d", "-t", "0", "--force-recreate", "--no-deps", "b")
    assert project.inspect("proj-b-1", "{{.Id}}") != b


def test_scale(project):
    project.services(a={"command": SLEEPER})
    project("up", "-d", "--scale", "a=3")
    assert project.names() == ["proj-a-1", "proj-a-2", "proj-a-3"]
    project("up", "-d", "-t", "0")
    assert project.names() == ["proj-a-1"]
    assert "invalid --scale" in project("up", "-d", "--scale", "a=x", code=1).stderr
    for words in (["scale"], ["up", "-d", "--scale"]):
        assert 'Number of containers for service "a" is not a number' in project.classic(*words, "a=x", code=1).stderr
        assert "Arguments to scale should be in the form service=num" in project.classic(*words, "a", code=1).stderr
    project.down()


def test_scale_with_a_port_of_the_host(project):
    """One gets it; the others' failure is told in each generation's words, and by its service once more in 1's."""
    clash = ('The "a" service specifies a port on the host. If multiple containers for this service are created on a single '
             "host, the port will clash.\n")
    project.services(a={"command": SLEEPER, "network_mode": "bridge", "ports": ["18790:80"]})
    assert clash not in project.classic("up", "-d").stderr
    assert {row["URL"] for row in json.loads(project("ps", "--format", "json").stdout)["Publishers"]} == {"0.0.0.0", "::"}
    told = project.classic("up", "-d", "--scale", "a=2", code=1).stderr
    reason = (r"  Cannot start service a: driver failed programming external connectivity on endpoint proj_a_2 \([0-9a-f]{64}\): "
              r"Bind for 0\.0\.0\.0:18790 failed: port is already allocated\n")
    assert re.fullmatch(re.escape(clash + "Creating proj_a_2 ... \nCreating proj_a_2 ... error\n"
                                  "Host is already in use by another container\n") + r"\nERROR: for proj_a_2" + reason +
                        r"\nERROR: for a" + reason + re.escape("Encountered errors while bringing up the project.\n"), told), told
    assert project.inspect("proj_a_2", "{{.State.Status}} {{.State.ExitCode}}") == "created 128"
    told = project.classic("start", code=1).stderr
    assert re.search(r"\nERROR: for a" + reason + r"\Z", told), told
    told = project("up", "-d", "--scale", "a=2", code=1).stderr
    assert clash not in told and "Error response from daemon: driver failed programming external connectivity" in told
    # Started at once, none has written down yet which ports are its own.
    project.down()
    told = project("up", "-d", "--scale", "a=4", code=1).stderr
    assert told.count("Bind for 0.0.0.0:18790 failed: port is already allocated") == 3 and "address already in use" not in told


def test_orphans(project):
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    project("up", "-d")
    project.services(a={"command": SLEEPER})
    assert "Found orphan containers (proj-b-1) for this project." in project.classic("up", "-d").stderr
    assert len(project.ids()) == 2
    assert "orphan" not in project("up", "-d", env={"COMPOSE_IGNORE_ORPHANS": "1"}).stderr
    project("up", "-d", "--remove-orphans")
    assert project.names() == ["proj-a-1"]


def test_two_directories_of_one_name(project, moor, tmp_path):
    """One must not touch the other's containers; a name of its own makes them strangers."""
    other = Project(moor, tmp_path / "elsewhere" / "proj")
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    other.services(a={"command": SLEEPER}, c={"command": SLEEPER})
    project("up", "-d")
    done = other("up", "-d", code=1)
    assert f"belongs to another project of the name proj, that of {project.directory}" in done.stderr
    assert "COMPOSE_PROJECT_NAME" in done.stderr and len(project.ids()) == 2
    other("up", "-d", "c")
    assert "orphan" not in project("up", "-d").stderr
    other("down", "-t", "0")
    assert project.names() == ["proj-a-1", "proj-b-1"]
    other("up", "-d", env={"COMPOSE_PROJECT_NAME": "second"})
    assert "second-a-1" in project.names()
    other("-p", "second", "down", "-t", "0")
    os.rename(project.directory, str(tmp_path / "moved"))
    other("down", "-t", "0", "--remove-orphans")
    assert project.names() == []


# -- order -----------------------------------------------------------------------------------------


def test_completed_dependency(project):
    project.services(job={"command": ["sh", "-c", "sleep 0.3; touch /d/done"], "volumes": ["./d:/d"]},
                     app={"command": "test -e /d/done", "volumes": ["./d:/d"],
                          "depends_on": {"job": {"condition": "service_completed_successfully"}}})
    done = project("up")
    assert "app-1 exited with code 0\n" in done.stdout
    project.services(job={"command": "sh -c 'exit 4'"},
                     app={"command": "true", "depends_on": {"job": {"condition": "service_completed_successfully"}}})
    done = project("up", "-d", code=1)
    assert "service \"job\" didn't complete successfully: exit 4" in done.stderr
    assert "exited with code 4." in project.classic("up", "-d", code=1).stderr
    assert project.inspect("proj-app-1", "{{.State.ExitCode}}") == "0"  # the old one


# -- ps, logs --------------------------------------------------------------------------------------


def test_ps(project):
    project.services(a={"command": SLEEPER}, b={"command": "sh -c 'exit 3'", "container_name": "bee"})
    project("up", "-d")
    wait_until(lambda: project.inspect("bee", "{{.State.Status}}") == "exited", "bee to end")
    rows = project.classic("ps").stdout.splitlines()
    assert rows[0].split() == ["Name", "Command", "State", "Ports"] and set(rows[1]) == {"-"}
    assert re.match(r"bee +sh -c exit 3 +Exit 3 +", rows[2]) and re.match(r"proj-a-1 +sh -c .* Up ", rows[3])
    assert rows[3].split("   ")[1].endswith(" ...")
    table = project("ps").stdout.splitlines()
    assert table[0].split() == ["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"]
    assert len(table) == 2 and table[1].startswith("proj-a-1")
    assert project("ps", "-aq").stdout.split() == project.ids("-a", "-f", "name=bee") + project.ids()
    row = json.loads(project("ps", "-a", "--format", "json", "b").stdout)
    assert (row["Name"], row["Service"], row["State"], row["ExitCode"], row["Project"]) == ("bee", "b", "exited", 3, "proj")
    chosen = {"env": {"DOCKER_CONFIG": os.path.dirname(project.write('{"psFormat": "{{.Name}} of mine"}', "own/config.json"))}}
    assert project("ps", **chosen).stdout == "proj-a-1 of mine\n" and project("ps", "-q", **chosen).stdout == project("ps", "-q").stdout
    assert project("ps", "--format", "{{.Service}}", **chosen).stdout == "a\n"
    assert project.classic("ps", **chosen).stdout.startswith("  ")
    assert project("ps", "--services", "--status", "exited").stdout == "b\n"
    assert project("ps", "--services", "--filter", "status=running").stdout == "a\n"
    services = ("ps", "--services")
    for filters, shown in ([], "a\nb\n"), (["status=stopped"], "b\n"), (["status=running", "source=image"], "a\n"), (["source=build"], ""):
        assert project.classic(*services, *[word for filter in filters for word in ("--filter", filter)]).stdout == shown
    for wrong, told in ("x", "arguments to --filter should be in form KEY=VAL"), ("x=1", "unknown filter x"):
        assert project(*services, "--filter", wrong, code=None).stderr == told + "\n"
    assert "invalid value for source filter: x" in project.classic(*services, "--filter", "source=x", code=1).stderr


def test_logs(project):
    project.services(a={"command": "sh -c 'echo 1; echo 2; echo 3 >&2'"}, b={"command": "echo other"})
    project("up")
    done = project.classic("logs", "--no-color", "--tail", "2", "a")
    assert done.stdout == "Attaching to proj-a-1\na_1  | 2\na_1  | 3\n"
    done = project("logs", "-t", "-f", "b")
    assert re.fullmatch(r"b-1  \| \d{4}-\d\d-\d\dT[\d:]{8}\.\d{9}Z other\n", done.stdout)
    assert lines(project("logs", "--no-log-prefix").stdout) == ["1", "2", "other"]
    assert "no such service: zz" in project("logs", "zz", code=1).stderr


@pytest.mark.parametrize("classic", [False, True])
@pytest.mark.parametrize("verb", ["up", "logs"])
def test_newcomers_are_followed(project, verb, classic):
    """What is made anew, or more of it, from elsewhere; and each end is told once."""
    project.services(a={"command": ["sh", "-c", "echo up; exec sleep 1000"]}, b={"command": SLEEPER})
    project("up", "-d")
    with project.start(*{"up": ["up"], "logs": ["logs", "-f"]}[verb], classic=classic) as follower:
        told = []

        def read(count, wanted):
            while sum(wanted in line for line in told) < count:
                line = follower.stdout.readline()
                assert line, told
                told.append(COLOURS.sub("", line))

        first = {("up", False): "Attaching to"}.get((verb, classic), "up")
        read(1 if "Attaching" in first else 2, first)
        before = sum("| up" in line for line in told)
        project("stop", "-t", "0", "a")
        read(1, "exited with code 137")
        project("start", "a")
        read(before + 1, "| up")
        project("up", "-d", "-t", "0", "--force-recreate", "--no-deps", "a")
        read(before + 2, "| up")
        project("up", "-d", "--scale", "b=2", "--no-recreate")
        read(before + 3, "| up")
        project("stop", "-t", "0")
        told += COLOURS.sub("", follower.communicate(timeout=30)[0]).splitlines(True)
    separator = "_" if classic else "-"
    assert any(line.startswith(f"b{separator}2 ") and "| up" in line for line in told)
    ends = [line for line in told if "exited with code" in line]
    assert sorted(end.split()[0].replace("_", "-").removeprefix("proj-") for end in ends) == ["a-1"] * 3 + ["b-1", "b-2"], told


@pytest.mark.parametrize("verb", [["up"], ["logs", "-f"]])
def test_the_only_one_is_made_anew(project, verb):
    """Whoever follows it goes on with the new one (2); to 1 it has ended."""
    project.services(a={"command": SLEEPER})
    project("up", "-d")
    with project.start(*verb) as follower, project.start("logs", "-f", classic=True) as old:
        wait_until(lambda: "| up" in COLOURS.sub("", old.stdout.readline()), "the first one's line")
        shown = follower.stdout.readline()  # "Attaching to", or its line
        project("up", "-d", "-t", "5", "--force-recreate")
        assert old.communicate(timeout=30)[0].endswith("proj-a-1 exited with code 0\n\x1b[0m")
        while shown.count("| up") < (1 if verb == ["up"] else 2):
            line = follower.stdout.readline()
            assert line, shown
            shown += line
        project("stop", "-t", "5")
        shown += follower.communicate(timeout=30)[0]
    assert [line for line in shown.splitlines() if "|" not in line and "Attaching" not in line] == [
        "a-1 exited with code 0", "a-1 has been recreated", "a-1 exited with code 0"], shown
    assert follower.returncode == 0


def test_a_variable_without_a_value_is_none(project):
    """Not the image's, either."""
    project.moor.docker("create", "--name", "c", "busybox:test")
    project.moor.docker("commit", "-c", "ENV ZZ=image", "c", "zz:test")
    project.moor.docker("rm", "c")
    project.services(a={"image": "zz:test", "environment": ["ZZ"]}, b={"image": "zz:test"})
    project("create")
    assert "ZZ=" not in project.inspect("proj-a-1", "{{.Config.Env}}") and "ZZ=image" in project.inspect("proj-b-1", "{{.Config.Env}}")


# -- mistakes --------------------------------------------------------------------------------------


def test_wrong_values_are_told_without_dockers_usage(project):
    project.services(a={"sysctls": {"kernel.nope": 1}})
    assert project("create", code=1).stderr.splitlines()[-1] == "Error response from daemon: sysctl 'kernel.nope=1' is not allowed"


def test_build_without_image(project):
    project.write("services: {a: {build: ., network_mode: none}}\n")
    done = project("up", "-d", "--no-build", code=1)
    assert 'Service "a" needs to be built, but --no-build was passed' in done.stderr
    project.moor.docker("tag", "busybox:test", "proj-a")
    project("up", "-d", "--no-build")
    assert project.names() == ["proj-a-1"]


def test_build_and_push(project):
    """Refused, naming the service; scripts that run them where there is nothing to build go on."""
    project.write("services: {a: {build: ., image: x}, b: {image: x}}\n")
    for verb, remedy in ("build", "docker load"), ("push", "docker push"):
        for caller in project, project.classic:
            refused = caller(verb, code=1).stderr
            assert refused.startswith(f"service \"a\": '{verb}' is not supported by this runtime: ") and remedy in refused
            assert refused.count("\n") == 1
        assert project(verb, "b").stdout == project.classic(verb, "b").stdout == ""
    assert project.classic("build", "--pull", "b").stderr == "b uses an image, skipping\n"
    assert project("build", "--no-cache", "b").stderr == "No services to build\n"


def test_left_out(project):
    """What this runtime does not do and a container can do without is told, once."""
    project.services(a={"command": "true", "expose": ["80002", 80], "isolation": "default", "storage_opt": {"size": "1G"}, "deploy": {
        "placement": {}, "resources": {"reservations": {"devices": [{"driver": "nvidia", "capabilities": ["gpu"]}]}}}})
    warnings = [line for line in project("up", "-d").stderr.splitlines() if "ignored" in line]
    assert warnings == [f'service "a": {key} is not supported by this runtime: ignored' for key in
                        ("storage_opt", "deploy.placement", "deploy.resources.reservations.devices")]
    project.services(a={"command": "true", "isolation": "hyperv"})
    assert "Invalid isolation: \"hyperv\" - linux only supports 'default'" in project("up", "-d", code=1).stderr


def test_missing_image(project):
    project.services(a={"image": "127.0.0.1:9/x:1"}, b={})
    done = project.classic("up", "-d", code=1)
    assert "connection refused" in done.stderr and 'service "a"' in done.stderr
    assert "No such image" in project("up", "-d", "--pull", "never", code=1).stderr
    assert project.names() == []


def test_one_that_cannot_start(project):
    """The others are started; nothing is rolled back."""
    project.services(a={"command": "/no/such"}, b={"command": SLEEPER})
    done = project.classic("up", "-d", code=1)
    assert "ERROR: for proj_a_1  " in done.stderr and "no such file" in done.stderr
    assert done.stderr.endswith("\nEncountered errors while bringing up the project.\n")
    assert project.names("-f", "status=running") == ["proj_b_1"]
    told = project("up", "-d", code=1).stderr
    assert told.count("Error response from daemon: ") == 1 and "failed to start containers" not in told + done.stderr


# -- the other verbs -------------------------------------------------------------------------------


def test_stop_start_restart_kill_rm(project):
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER, "depends_on": ["a"]})
    assert project.classic("start", code=1).stderr.splitlines() == [
        "Starting a ... ", "Starting a ... failed", "Starting b ... ", "Starting b ... failed", "No containers to start"]
    project.classic("up", "-d")
    first = project.inspect("proj_a_1", "{{.Id}} {{.State.StartedAt}}")
    done = project.classic("stop")
    assert done.stderr.splitlines() == ["Stopping proj_b_1 ... ", "Stopping proj_a_1 ... ",
                                        "Stopping proj_b_1 ... done", "Stopping proj_a_1 ... done"]
    assert project.classic("stop").stderr == "" and project.ids() == []
    done = project.classic("start")
    assert done.stderr.splitlines() == ["Starting a ... ", "Starting b ... ", "Starting a ... done", "Starting b ... done"]
    project("restart", "-t", "1", "a")
    again = project.inspect("proj_a_1", "{{.Id}} {{.State.StartedAt}}")
    assert again.split()[0] == first.split()[0] and again != first
    assert "Killing proj_b_1 ... done" in project.classic("kill", "b").stderr
    wait_until(lambda: project.inspect("proj_b_1", "{{.State.Running}}") == "false", "b to be killed")
    assert project.inspect("proj_b_1", "{{.State.ExitCode}}") == "137"
    assert project.classic("rm", input="n\n").stdout == "Going to remove proj_b_1\nAre you sure? [yN] "
    done = project.classic("rm", "-f")
    assert (done.stdout, done.stderr) == ("Going to remove proj_b_1\n",
                                          "Removing proj_b_1 ... \nRemoving proj_b_1 ... done\n")
    project("rm", "-sf")
    assert project.names() == []
    assert project("rm", "-f").stderr == "No stopped containers\n"


def test_create_and_scale(project):
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    project("create", "a")
    assert project.names("-f", "status=created") == ["proj-a-1"]
    project("scale", "a=2")
    assert project.names("-f", "status=running") == ["proj-a-1", "proj-a-2"]
    assert [row["Status"] for row in json.loads(project("ls", "--format", "json").stdout)] == ["running(2)"]
    project("down", "-t", "0")
    assert project("ls", "-aq").stdout == ""


def test_run(project):
    project.services(a={"command": "sleep 60", "environment": {"X": "file", "Y": "y"}, "depends_on": ["b"],
                        "entrypoint": ["sh", "-c"]},
                     b={"command": SLEEPER})
    done = project("run", "--rm", "-T", "-e", "X=run", "-w", "/tmp", "a", "echo $X $Y; pwd; cat; exit 9", input="typed", code=9)
    assert done.stdout == "run y\n/tmp\ntyped"
    assert project.names() == ["proj-b-1"]
    project.classic("run", "--no-deps", "--entrypoint", "false", "a", code=1)
    name, = [name for name in project.names() if "_run_" in name]
    assert re.fullmatch(r"proj_a_run_[0-9a-f]{12}", name)
    assert project.inspect(name, '{{index .Config.Labels "com.docker.compose.oneoff"}}') == "True"
    project("up", "-d", "b")  # no orphan, no instance
    name = project.classic("run", "-d", "--name", "named", "a", "sleep 60").stdout
    assert name == "named\n"
    assert "No such service: zz" in project.classic("run", "zz", code=1).stderr
    # What cannot be started is told as by `up`, and is no program's exit code.
    for caller in project, project.classic:
        failed = caller("run", "--rm", "--no-deps", "-T", "--entrypoint", "nosuch", "a", code=1).stderr
        assert failed.endswith('Error response from daemon: unable to start container process: exec: "nosuch": executable '
                               "file not found in $PATH\n") and "docker run" not in failed
        assert "docker compose run" in caller("run", "-p", "80:x", "a", code=None).stderr
    # More of what it needs than the files say: all stay.
    project("up", "-d", "--scale", "b=2", "b")
    project("run", "--rm", "-T", "a", "true")
    assert [name for name in project.names() if "-b-" in name] == ["proj-b-1", "proj-b-2"]
    project("down", "-t", "0")
    assert project.names() == []


def test_exec(project):
    project.services(a={"command": SLEEPER})
    assert project("exec", "-T", "a", "true", code=1).stderr == 'service "a" is not running\n'
    project("up", "-d")
    done = project("exec", "-T", "-e", "E=1", "a", "sh", "-c", "echo ex $E; cat; exit 5", code=5, input="in")
    assert done.stdout == "ex 1\nin"
    assert "the input device is not a TTY" in project.classic("exec", "a", "true", code=1).stderr
    assert project("exec", "a", "echo", "auto").stdout == "auto\n"
    assert "No container found for a_2" in project.classic("exec", "--index", "2", "a", "true", code=1).stderr


def test_other_words_of_run(project):
    """Options of 2 that others are called by too, variables from a file, and the label that tells containers of one service from each other."""
    project.services(a={"environment": {"A": "service", "B": "service"}})
    project.write("A=file\nB=file\nC=${B}\n", "given.env")
    project.write("here\n", "seen")
    done = project("run", "-T", "-q", "--quiet-build", "--volumes", project.directory + ":/foo", "--labels", "of=test", "--env-from-file", "given.env",
                   "-e", "B=option", "a", "sh", "-c", "cat /foo/seen; echo $A $B $C")
    assert (done.stdout, done.stderr) == ("here\nfile option file\n", "")
    name, slug = project.moor.docker("ps", "-a", "--filter", "label=of=test", "--format", '{{.Names}} {{.Label "com.docker.compose.slug"}}').stdout.split()
    assert re.fullmatch("[0-9a-f]{64}", slug) and name == f"proj-a-run-{slug[:12]}"
    assert "couldn't find env file: no.env" in project("run", "--env-from-file", "no.env", "a", code=1).stderr


def test_images_and_wait(project):
    project.services(a={"command": "sh -c 'exit 6'"})
    project("up")
    rows = project.classic("images").stdout.splitlines()
    assert rows[0].split() == ["Container", "Repository", "Tag", "Image", "Id", "Size"]
    assert rows[2].split()[:3] == ["proj-a-1", "busybox", "test"]
    image = project.inspect("proj-a-1", "{{.Image}}").split(":")[1]
    assert project("images", "-q").stdout == image + "\n"
    rows = json.loads(project("images", "--format", "json").stdout)
    assert [(row["ID"], row["ContainerName"], row["Repository"], row["Tag"]) for row in rows] == [("sha256:" + image, "proj-a-1", "busybox", "test")]
    assert rows[0]["Size"] > 100000
    assert project("wait", "a", code=6).stdout.endswith(" exited with status code 6\n")


def test_pull(project, registry, moor):
    registry.push(world.Image(), "compose/app", "1")
    project.services(a={"image": f"{registry.address}/compose/app:1"}, b={"build": "."},
                     c={"image": f"{registry.address}/compose/none:1"})
    done = project.classic("pull", code=1)
    assert "Pulling a ... done" in done.stderr and "Pulling c ... error" in done.stderr and "ERROR: for c  " in done.stderr
    project.classic("pull", "--ignore-pull-failures")
    assert f"{registry.address}/compose/app" in moor.docker("images").stdout
    project("up", "--no-deps", "-d", "--pull", "always", "a")
    project.down()
    images = [f"{registry.address}/compose/app:{tag}" for tag in "123"]
    moor.docker("rmi", images[0])
    for image in images[1:]:
        registry.push(world.Image(), "compose/app", image[-1])
    project.services(a={"image": images[0]}, b={"image": images[1]}, c={"image": images[2]}, d={"image": images[0]})
    told = project("pull").stderr
    assert sorted(told.splitlines()) == [*(f" {name} {word} " for name in "abc" for word in ("Pulled", "Pulling")),
                                         " d Skipped - Image is already being pulled by a "]
    assert told.index("c Pulling") < told.index("Pulled")  # all at once
    moor.docker("rmi", *images)
    assert f"Pulling b ({images[1]})..." in project.classic("up", "--no-start").stderr


# -- what a container is made of -------------------------------------------------------------------


def test_service_keys(project):
    """Keys that say what a container is, seen from inside and by inspect."""
    project.write("from: file\n", "settings.yml")
    project.write("secret", "secret.txt")
    project.write("# comment\nA=file\nB='lit $$X'\nexport C=\"two words\"\nD\n", "a.env")
    project.write("""
        x-common: &common
          image: busybox:test
          network_mode: none
        services:
          a:
            <<: *common
            command: ["sh", "-c", "id -u; pwd; hostname; env | sort; cat /run/secrets/s /settings /etc/inline; stat -c %a /scratch; ulimit -n; touch /no 2>&1 || echo ro; cat /proc/1/comm"]
            entrypoint: []
            user: "1000"
            working_dir: /tmp
            hostname: harbour
            init: true
            read_only: true
            env_file: a.env
            environment: [A=own, "E=${FROM_ENV:-default}", F]
            tmpfs: ["/scratch:mode=750"]
            secrets: [s]
            configs: [{source: c, target: /settings}, {source: inline, target: /etc/inline}]
            ulimits: {nofile: {soft: 100, hard: 200}}
            mem_limit: 64m
            stop_grace_period: 1m30s
            stop_signal: SIGINT
            labels: {com.example.x: "1"}
            logging: {driver: json-file, options: {max-size: 1m}}
            restart: "no"
            deploy: {resources: {limits: {cpus: "0.5", pids: 50}}}
        secrets: {s: {file: ./secret.txt}}
        configs: {c: {file: ./settings.yml}, inline: {content: "inline ${FROM_ENV:-text}\\n"}}
        """)
    done = project("up", "--no-log-prefix", env={"D": "passed", "F": "also"})
    assert done.stdout.splitlines()[1:-1] == [
        "1000", "/tmp", "harbour", "A=own", "B=lit $$X", "C=two words", "D=passed", "E=default", "F=also", "HOME=/",
        "HOSTNAME=harbour", "PATH=/bin", "PWD=/tmp", "SHLVL=1", "secretfrom: file", "inline text", "750", "100",
        "touch: /no: Read-only file system", "ro", "docker-init"], done.stderr
    host = json.loads(project.inspect("proj-a-1", "{{json .}}"))
    assert host["HostConfig"]["Memory"] == 64 << 20 and host["HostConfig"]["NanoCpus"] == 500000000
    assert host["HostConfig"]["PidsLimit"] == 50 and host["Config"]["StopTimeout"] == 90
    assert host["Config"]["StopSignal"] == "SIGINT" and host["Config"]["Labels"]["com.example.x"] == "1"
    labels = host["Config"]["Labels"]
    assert labels["com.docker.compose.project"] == "proj" and labels["com.docker.compose.container-number"] == "1"
    assert labels["com.docker.compose.project.working_dir"] == project.directory
    assert " Container proj-a-1  Recreated\n" in project("up", env={"FROM_ENV": "new", "D": "passed", "F": "also"}).stderr
    project("down")
    assert not os.path.exists(os.path.join(project.moor.root, "compose", "proj"))


def test_containers_as_inspect_tells_of_them(project):
    """What the key has made of a container, where a script may look for it."""
    project.write("""
        services:
          bare: {image: "busybox:test", entrypoint: [], pids_limit: -1, userns_mode: host}
          text: {image: "busybox:test", entrypoint: "", command: [ls], healthcheck: {interval: 10s}}
          mounts:
            image: busybox:test
            volumes: ["data:/data", "./sub:/sub", "data:/again:ro", "/anonymous"]
        volumes: {data: }
        """)
    for caller, dash, is_attachable in (project.classic, "_", "true"), (project, "-", "false"):
        caller("up", "--no-start")

        def inspect(service, template):
            return project.inspect(f"proj{dash}{service}{dash}1", template)

        assert inspect("bare", "{{json .Config.Entrypoint}} {{json .Config.Cmd}}") == 'null ["/bin/sh"]', "the image's"
        assert inspect("text", "{{json .Config.Entrypoint}} {{json .Config.Cmd}}") == 'null ["ls"]'
        assert inspect("bare", "{{json .HostConfig.PidsLimit}} {{.HostConfig.UsernsMode}}") == "null host"
        assert inspect("text", "{{json .Config.Healthcheck}}") == '{"Interval":10000000000}'
        assert json.loads(inspect("mounts", "{{json .HostConfig.Binds}}")) == [
            "proj_data:/data:rw", project.directory + "/sub:/sub:rw", "proj_data:/again:ro"]
        assert project.moor.docker("network", "inspect", "-f", "{{.Attachable}}",
                                   "proj_default").stdout == is_attachable + "\n"
        project.down()


def test_links_name_every_container_of_a_service(project):
    """Those beyond the file's scale too; what `run` makes is linked with its own service's."""
    project.services(db={"command": SLEEPER, "network_mode": "bridge"},
                     web={"command": SLEEPER, "network_mode": "bridge", "links": ["db:base"]})
    project("up", "-d", "--scale", "db=2")
    for service, target, names in ("web", "proj-web-1", "base db-1 proj-db-1 db-2 proj-db-2"), \
            ("db", "once", "db db-1 proj-db-1 db-2 proj-db-2"):
        if service == "db":
            project("run", "-d", "--name", "once", "db")
        links = json.loads(project.inspect(target, "{{json .HostConfig.Links}}"))
        assert sorted(link.rpartition("/")[2] for link in links) == sorted(names.split()), links
    project.down()


def test_target_with_a_slash_at_the_end(project):
    """It is the one without: an anonymous volume of the container before does not come in its way."""
    project.write("services: {a: {image: 'busybox:test', network_mode: none, volumes: [/data]}}")
    project("create")
    for place in "['named:/data/']", "[{type: volume, source: named, target: /data/}]":
        project.write(f"services: {{a: {{image: 'busybox:test', network_mode: none, volumes: {place}}}}}\n"
                      "volumes: {named: }")
        project("create")
        assert project.inspect("proj-a-1", "{{range .Mounts}}{{.Name}} {{.Destination}},{{end}}") == "proj_named /data,"
    project.down()


# -- health ----------------------------------------------------------------------------------------


def test_health(project):
    """A test of words needs no shell; who waits for it starts when it succeeds, or is told why not."""
    check = {"test": ["CMD", "/bin/test", "-e", "/d/ok"], "interval": "200ms", "retries": 2, "start_period": "1m"}
    project.services(db={"command": ["sh", "-c", "sleep 0.5; touch /d/ok; sleep 60"], "init": True, "volumes": ["./d:/d"],
                         "healthcheck": check},
                     app={"command": "echo app", "depends_on": {"db": {"condition": "service_healthy"}}},
                     ill={"command": SLEEPER, "healthcheck": {**check, "test": "false", "start_period": "0s"}, "profiles": ["ill"]},
                     needy={"command": "true", "depends_on": {"ill": {"condition": "service_healthy"}}, "profiles": ["ill"]},
                     short={"command": ["sh", "-c", "exit 3"], "profiles": ["ill"]}, over={"command": "true", "profiles": ["ill"]},
                     loose={"command": "true", "depends_on": {"ill": {"condition": "service_healthy", "required": False}},
                            "profiles": ["ill"]})
    told = project("up", "-d").stderr.splitlines()
    waited = [told.index(f" Container proj-{line}") for line in ("db-1  Started", "db-1  Waiting", "db-1  Healthy", "app-1  Starting")]
    assert waited == sorted(waited), told
    assert project("logs", "app", "--no-log-prefix").stdout == "app\n"
    assert "Up (healthy)" in project.classic("ps", "db").stdout
    assert project.inspect("proj-db-1", "{{json .Config.Healthcheck.Test}}") == '["CMD","/bin/test","-e","/d/ok"]'
    assert "proj-db-1  Healthy" in project("up", "--wait", "db").stderr
    assert "container proj-ill-1 is unhealthy" in project("up", "--wait", "ill", code=1).stderr
    for name, code in (("short", 3), ("over", 0)):
        told = project("up", "-d", "--wait", name, code=1).stderr
        assert told.endswith(f"container proj-{name}-1 exited ({code})\n") and f"proj-{name}-1  Healthy" not in told
    told = project("up", "-d", "needy", code=1).stderr
    assert told.endswith("\ndependency failed to start: container proj-ill-1 is unhealthy\n") and " Container proj-ill-1  Error\n" in told
    assert project.names("-f", "name=needy") == []
    project("up", "-d", "loose")
    assert project.names("-f", "name=loose") == ["proj-loose-1"]
    assert json.loads(project("ps", "--format", "json", "db").stdout)["Health"] == "healthy"


def test_shared_volumes(project):
    project.services(writer={"command": ["sh", "-c", "echo kept > /data/f; echo anon > /anon/f"],
                             "volumes": ["data:/data", "/anon"]})
    project.write(json.dumps({"volumes": {"data": {}}, "services": json.loads(open(os.path.join(
        project.directory, "docker-compose.yml")).read())["services"]}))
    project("up")
    names = project.moor.docker("volume", "ls", "-q").stdout.split()
    assert "proj_data" in names and len(names) == 2
    assert "proj_data" in project("down", "-v").stderr
    assert project.moor.docker("volume", "ls", "-q").stdout == ""


# -- networks --------------------------------------------------------------------------------------


def test_networks(project):
    """Services find each other by name and alias where they share a network; ports; what is not there."""
    server = ["sh", "-c", "echo here > /tmp/f; exec busybox httpd -f -p 80 -h /tmp"]
    client = "until wget -qO- http://%s/f; do sleep 0.1; done"
    martians = "net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.forwarding=0"
    project.write(json.dumps({
        "services": {
            "a": {"image": "busybox:test", "command": server, "stop_signal": "SIGKILL", "ports": ["127.0.0.1:18733:80"],
                  "networks": {"front": {"aliases": ["www"]}, "default": {}}},
            "b": {"image": "busybox:test", "depends_on": ["a"],
                  "networks": {"front": {"interface_name": "front0", "driver_opts": {"com.docker.network.endpoint.sysctls": martians}}},
                  "command": ["sh", "-c", f"{client % 'www'}; {client % 'a'}; busybox grep -q 1 /proc/sys/net/ipv4/conf/front0/log_martians"]},
            "c": {"image": "busybox:test", "network_mode": "service:a", "depends_on": ["a"],
                  "command": ["sh", "-c", client % "127.0.0.1"]}},
        "networks": {"front": {"name": "named-front", "internal": True}}}))
    done = project("up", "-d")
    assert " Network proj_default  Created\n" in done.stderr and " Network named-front  Created\n" in done.stderr
    for name in ("b", "c"):
        assert project.moor.docker("wait", f"proj-{name}-1").stdout == "0\n"
    assert project("logs", "b", "c", "--no-log-prefix").stdout == "here\nhere\nhere\n"
    assert project("port", "a", "80").stdout == "127.0.0.1:18733\n"
    assert urllib.request.urlopen("http://127.0.0.1:18733/f", timeout=5).read() == b"here\n"
    assert "127.0.0.1:18733->80/tcp" in project("ps").stdout
    row = json.loads(project("ps", "--format", "json", "a").stdout)
    assert row["Publishers"] == [{"URL": "127.0.0.1", "TargetPort": 80, "PublishedPort": 18733, "Protocol": "tcp"}]
    done = project("down", "-t", "0")
    assert " Network named-front  Removed\n" in done.stderr
    assert project.moor.docker("network", "ls", "--format", "{{.Name}}").stdout.split() == ["bridge", "host", "none"]
    project.write("services: {a: {image: 'busybox:test'}}\nnetworks: {default: {external: true, name: nowhere}}\n")
    assert "network nowhere declared as external, but could not be found\n" in project("up", "-d", code=1).stderr
    assert "Network nowhere declared as external, but could not be found. Please create the network manually using `docker network create nowhere`" in \
        project.classic("up", "-d", code=1).stderr
