# SPDX-License-Identifier: Apache-2.0
"""What docker-compose 1 has of its own: the first format of files, and answers that its callers wait for."""

import json
import re

import pytest

import world
from composing import SLEEPER, Project, foreground, lines
from world import wait_until


@pytest.fixture
def project(moor, busybox, tmp_path):
    project = Project(moor, tmp_path / "proj")
    yield project
    project.down()


def links_of(project, name, network=None):
    path = f'index .NetworkSettings.Networks "{network}"' if network else ".HostConfig"
    links = json.loads(project.inspect(name, "{{json (%s).Links}}" % path) or "null") or []
    return sorted(link.replace(f"/{name}/", "").lstrip("/") for link in links)


def test_first_format(project):
    """No `services`: they are the document. In the default bridge, with links; names may be containers' or services'."""
    project.write("""
        db: {image: "busybox:test", command: [sleep, "60"], volumes: ["data:/d"], log_driver: json-file, log_opt: {max-size: 10m}}
        web: {image: "busybox:test", command: [sleep, "60"], links: ["db:store"], volumes_from: [db, outside]}
        lone: {image: "busybox:test", links: [db]}
        side: {image: "busybox:test", command: [sleep, "60"], net: "container:web", extends: {file: base.yml, service: base}}
        """)
    project.write("base: {image: other, net: host, environment: [A=1]}", "base.yml")
    project.write("side: {environment: {B: 2}}", "docker-compose.override.yml")
    project.moor.docker("create", "--name", "outside", "-v", "/o", "busybox:test")
    project.classic("up", "-d")
    assert project.moor.docker("network", "ls", "-q", "--filter", "name=proj").stdout == ""
    assert links_of(project, "proj_web_1") == ["proj_db_1:db_1", "proj_db_1:proj_db_1", "proj_db_1:store"]
    assert project.inspect("proj_side_1", "{{.HostConfig.NetworkMode}} {{.Config.Env}}").startswith(
        "container:" + project.inspect("proj_web_1", "{{.Id}} [A=1 B=2"))
    assert project.inspect("proj_db_1", '{{.HostConfig.LogConfig.Type}} {{index .HostConfig.LogConfig.Config "max-size"}}') == "json-file 10m"
    assert project.inspect("proj_web_1", "{{range .Mounts}}{{.Destination}} {{end}}") in ("/d /o ", "/o /d ")
    assert "data" in project.moor.docker("volume", "ls", "-q").stdout.split()
    project.classic("down", "-t", "0")
    project.classic("up", "-d", "--no-deps", "lone")  # what is not there is no link
    assert links_of(project, "proj_lone_1") == []
    assert "additional properties" in project("config", code=15).stderr
    project.write("web: oops", "docker-compose.yml")
    assert "services 'web' must be a mapping not a string" in project.classic("config", "-q", code=1).stderr


def test_links_and_namespaces(project):
    """Each container of a service, by three names and in all networks; what is shared is told by ID."""
    project.write(json.dumps({
        "version": "2", "networks": {"front": {}, "back": {}},
        "services": {"db": {"image": "busybox:test", "command": SLEEPER, "networks": ["back"], "scale": 2, "ipc": "shareable"},
                     "app": {"image": "busybox:test", "command": SLEEPER, "networks": ["front", "back"], "links": ["db:store"],
                             "pid": "service:db", "ipc": "service:db", "volumes_from": ["db:ro"]}}}))
    project.classic("up", "-d")
    for network in "proj_front", "proj_back":
        assert links_of(project, "proj_app_1", network) == [f"proj_db_{number}:{alias}" for number in (1, 2) for alias in (
            f"db_{number}", f"proj_db_{number}", "store")]
    db = project.inspect("proj_db_1", "{{.Id}}")
    assert project.inspect("proj_app_1", "{{with .HostConfig}}{{.PidMode}} {{.IpcMode}} {{.VolumesFrom}}{{end}}") == (
        f"container:{db} container:{db} [{db}:ro]")
    assert project.inspect("proj_app_1", "{{with .Config}}{{.AttachStdin}}{{.AttachStdout}}{{.AttachStderr}}{{end}}") == "falsefalsefalse"


def test_what_nobody_uses(project):
    """Volumes are made all the same; of networks it tells. Without services nothing is wrong."""
    project.write(json.dumps({"version": "2", "volumes": {"data": {}}, "networks": {"idle": {}, "spare": {}},
                              "services": {"a": {"image": "busybox:test", "network_mode": "none"}}}))
    told = project.classic("up", "--no-start").stderr
    assert "Some networks were defined but are not used by any service: idle, spare\n" in told
    assert 'Creating volume "proj_data" with default driver\n' in told
    assert project.classic("config", "--volumes").stdout == "data\n" and project("config", "--volumes").stdout == ""
    assert "Removing volume proj_data\n" in project.classic("down", "--volumes").stderr
    project("--all-resources", "up", "--no-start")
    assert project.moor.docker("network", "ls", "--format", "{{.Name}}", "--filter", "name=proj").stdout.split() == ["proj_idle", "proj_spare"]
    project("--all-resources", "down", "-v")
    assert "proj" not in project.moor.docker("volume", "ls").stdout + project.moor.docker("network", "ls").stdout
    project.write("version: '2'\nnetworks: {foo: {}}\n")
    assert project.classic("up", "-d").stderr == "Some networks were defined but are not used by any service: foo\n"
    assert "no service selected" in project("up", "-d", code=15).stderr


def test_one_off_containers_in_ps(project):
    """Those that ended are seen with --all only."""
    project.services(a={"command": SLEEPER})
    project.classic("run", "a", "true")
    running = project.classic("run", "-d", "a").stdout.strip()
    project("create")
    assert len(project.classic("ps", "-q").stdout.split()) == 2 and running in project.classic("ps").stdout
    assert len(project.classic("ps", "-q", "--all").stdout.split()) == 3
    assert "proj-a-run" not in project("ps").stdout
    project.moor.docker("kill", running)


def test_entrypoint_is_cut_into_words(project):
    project.services(a={"command": ["never"], "entrypoint": ["echo", "own words"]})
    for words, output, entrypoint, command in (
            ([], "own words never", ["echo", "own words"], ["never"]),
            (["--entrypoint", "echo one 'two  three'"], "one two  three", ["echo", "one", "two  three"], None),
            (["--entrypoint=\"\""], "typed", None, ["echo", "typed"])):
        done = project.classic("run", *words, "a", *(command if command and not entrypoint else []))
        assert done.stdout == output + "\n"
        name = project.moor.docker("ps", "-lq").stdout.strip()
        assert json.loads(project.inspect(name, "{{json .Config}}"))["Entrypoint"] == entrypoint
        assert json.loads(project.inspect(name, "{{json .Config.Cmd}}")) == command
    assert "--entrypoint" in project("run", "--entrypoint", "echo 'open", "a", code=1).stderr


def test_variables_of_run(project):
    """"-e NAME" is what the project knows, from its files too."""
    project.services(a={"command": ["sh", "-c", "echo $$IN_FILE $$IN_SHELL $${NOWHERE-unset}"]})
    project.write("IN_FILE=file\nIN_SHELL=file\n", ".env")
    words = ["run", "--rm", *(word for name in ("IN_FILE", "IN_SHELL", "NOWHERE") for word in ("-e", name)), "a"]
    for program in project, project.classic:
        assert program(*words, env={"IN_SHELL": "shell"}).stdout == "file shell unset\n"
    image = world.Image(None, Env=["PATH=/bin", "NOWHERE=image"]).save(project.directory + "/image.tar", "own:1")
    project.moor.docker("load", "-q", "-i", image)
    project.services(a={"image": "own:1", "command": ["sh", "-c", "echo $$IN_FILE $${NOWHERE-unset}"]})
    for program, nowhere in (project, "image"), (project.classic, "unset"):
        assert program(*words).stdout == f"file {nowhere}\n", "2 leaves the image's, 1 says that there is to be none"
    project.services(a={"container_name": "custom"})
    for program, head, tail in (project, "WARNING: ", "\n"), (project.classic, "", ".\n"):
        assert program("up", "-d", "--scale", "a=2", code=1).stderr.endswith(
            f'{head}The "a" service is using the custom container name "custom". Docker requires each container to '
            f"have a unique name. Remove the custom name to scale the service{tail}")
    project.services(a={"healthcheck": {"test": "true", "start_interval": "1s"}})
    assert "start_interval requires healthcheck.start_period to be set" in project("create", code=1).stderr


def test_followed_logs_tell_ends(project):
    project.services(done={"command": "sh -c 'echo said; exit 3'"}, long={"command": SLEEPER})
    with foreground(project, running=1, classic=True):
        wait_until(lambda: "Exit" in project.classic("ps", "done").stdout, "one to end")
    told = project.classic("logs", "-f", "done").stdout
    assert lines(told) == ["Attaching to proj_done_1", "done_1  | said", "proj_done_1 exited with code 3"]
    assert lines(project("logs", "-f", "done").stdout) == ["done-1  | said"]  # it ended before
    assert lines(project.classic("logs", "done").stdout)[1:] == ["done_1  | said"]
    follower = project.start("logs", "-f", "long")
    wait_until(lambda: follower.stdout.readline(), "the first line")
    project("stop", "long")
    assert follower.communicate(timeout=20)[0] == "long-1 exited with code 0\n"


def test_words_of_options(project):
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    project.classic("up", "-d", "a")
    assert project.classic("down", "--rmi", "bogus", code=1).stderr == "--rmi flag must be one of: all, local\n"
    assert project.classic("logs", "--tail", "x", code=1).stderr == "tail flag must be all or a number\n"
    project.classic("pause")
    for state, names in ("running", "a\n"), ("paused", "a\n"), ("stopped", ""):
        assert project.classic("ps", "--services", "--filter", "status=" + state).stdout == names
    for verb, told in ("pause", "is already paused"), ("unpause", ""), ("unpause", "is not paused"):
        assert told in project.classic(verb).stderr, "1 tells of it, and succeeds"
    assert "is not paused" in project("unpause", code=1).stderr
    assert project.classic("start").stderr.splitlines() == ["Starting b ... ", "Starting b ... failed"]
    for program in project, project.classic:
        assert "cannot be combined" in program("create", "--force-recreate", "--no-recreate", code=1).stderr


def test_unhealthy_dependency_of_run(project):
    project.services(db={"command": SLEEPER, "healthcheck": {"test": "exit 1", "interval": "100ms", "retries": 1}},
                     web={"command": "true", "depends_on": {"db": {"condition": "service_healthy"}}})
    told = project.classic("run", "web", code=1).stderr.splitlines()
    assert told[-2].startswith("ERROR: for web  Container ") and told[-2].endswith(" is unhealthy.")
    assert told[-1] == "Encountered errors while bringing up the project."


def test_who_needs_what_is_made_anew(project):
    """1 makes anew who has links, or is stopped, when what it needs is made; 2 does not."""
    def up(program, value, *words):
        project.services(db={"command": SLEEPER, "networks": ["default"], "environment": {"VALUE": value}},
                         **{name: {"command": SLEEPER, "networks": ["default"], key: ["db"]}
                            for name, key in (("linked", "links"), ("after", "depends_on"), ("stopped", "depends_on"))})
        done = program("up", "-d", *words).stderr
        return sorted(set(re.findall(r"proj[-_]([a-z]+)[-_]1\s+(?:\.\.\. done|Recreated)", done)))

    assert up(project.classic, "first") == ["after", "db", "linked", "stopped"]
    assert up(project.classic, "first") == []
    project.classic("stop", "-t", "0", "stopped")
    assert up(project.classic, "second") == ["db", "linked", "stopped"]
    assert up(project, "third") == ["db"]
    assert up(project.classic, "fourth", "--no-recreate") == []
    project.down()


def test_orphans_are_told_and_not_listed(project):
    project.services(gone={"command": SLEEPER}, a={"command": SLEEPER})
    project.classic("up", "-d")
    project.services(a={"command": SLEEPER})
    assert "gone" not in project.classic("ps").stdout and "gone" in project("ps").stdout
    told = "Found orphan containers (proj_gone_1) for this project."
    assert told in project.classic("run", "--rm", "a", "true").stderr
    assert told not in project.classic("run", "--rm", "a", "true", env={"COMPOSE_IGNORE_ORPHANS": "1"}).stderr
    assert told in project.classic("down", "-t", "0").stderr
    assert project.names() == ["proj_gone_1"]
    assert 'Removing orphan container "proj_gone_1"' in project.classic("down", "-t", "0", "--remove-orphans").stderr
    assert project.names() == []
