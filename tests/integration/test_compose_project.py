# SPDX-License-Identifier: Apache-2.0
"""What a project's parts do to each other, and what is left of it in the end."""

import datetime
import json
import os
import re
import select
import signal
import tarfile

import pytest

import world
from composing import COLOURS, SLEEPER, Project, foreground
from screen import Screen
from world import wait_until


@pytest.fixture
def project(moor, busybox, tmp_path):
    project = Project(moor, tmp_path / "proj")
    yield project
    project.down()


def test_down_without_files(project, tmp_path):
    """A name is enough: labels tell what it made. What has another's is not touched."""
    project.write(json.dumps({"services": {"a": {"image": "busybox:test", "command": SLEEPER, "volumes": ["data:/d"]}},
                              "volumes": {"data": {}}}))
    project("-p", "one", "up", "-d")
    project("-p", "other", "up", "--no-start")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = project.moor.docker("compose", "-p", "one", "down", "-t", "0", cwd=elsewhere)
    assert " Network one_default  Removed\n" in done.stderr and " Container one-a-1  Removed\n" in done.stderr
    volumes = ["volume", "ls", "-q"]
    assert project.moor.docker(*volumes).stdout.split() == ["one_data", "other_data"]
    assert " Volume one_data  Removed\n" in project.moor.docker("compose", "-p", "one", "down", "-v", cwd=elsewhere).stderr
    assert project.moor.docker(*volumes).stdout.split() == ["other_data"] and project.names() == ["other-a-1"]
    project.moor.docker("compose", "-p", "other", "down", "-v", cwd=elsewhere)
    assert project.moor.docker("network", "ls", "--format", "{{.Name}}").stdout.split() == ["bridge", "host", "none"]
    assert project.moor.docker("compose", "-p", "other", "down", "-v", cwd=elsewhere).stderr == ""
    assert project.moor.docker("compose", "-p", "other", "down", cwd=elsewhere).stderr == (
        'Warning: No resource found to remove for project "other".\n')


def test_order_without_files(project, tmp_path):
    """What needs what is told by labels where there are only containers."""
    project.services(bar={"command": SLEEPER}, foo={"command": SLEEPER, "depends_on": ["bar"]},
                     tied={"command": SLEEPER, "depends_on": {"bar": {"condition": "service_started", "restart": True}}})
    project("-p", "named", "up", "-d")
    assert project.inspect("named-tied-1", '{{index .Config.Labels "com.docker.compose.depends_on"}}') == "bar:service_started:true"

    def told(*words):
        stderr = project.moor.docker("compose", "-p", "named", *words, cwd=tmp_path).stderr
        return [re.sub(r"^ Container named-(.*)-1 ", r"\1", line) for line in stderr.splitlines()]

    assert told("stop", "-t", "0")[-2:] == ["bar Stopping", "bar Stopped"]
    assert told("start", "foo") == ["bar Starting", "bar Started", "foo Starting", "foo Started"]
    assert told("restart", "-t", "0", "bar") == ["bar Restarting", "bar Started", "tied Restarting", "tied Started"]
    told("pause", "foo")
    assert re.search(r"^named +paused\(1\), running\(2\) ", project("ls").stdout, re.M)
    told("down", "-t", "0")


@pytest.mark.parametrize("kind, place", [("network", "networks"), ("volume", "volumes")])
def test_down_that_did_not_remove_all_is_a_failure(project, kind, place):
    """The one that removes it is killed: it is there yet, though nobody uses it."""
    moor, down = project.moor, ["-v", "-t", "0"]
    project.write(json.dumps({"services": {"app": {"image": "busybox:test", "command": SLEEPER, "volumes": ["data:/data"]}},
                              "volumes": {"data": {}}}))
    project("up", "-d")
    killer = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", os.path.join(moor.root, place), "-e", "trace=unlinkat,renameat",
              "-e", "inject=unlinkat,renameat:signal=KILL"]
    failed = moor.run(*killer, os.path.join(moor.names, "docker"), "compose", "down", *down, cwd=project.directory, code=1)
    assert f"remove {kind} proj_" in failed.stderr
    project("down", *down)
    assert moor.docker("volume", "ls", "-q").stdout == "" and "proj_default" not in moor.docker("network", "ls").stdout


def test_circle_of_labels(project, tmp_path):
    """Anybody's image may say that it is a service of the project's, and what it needs: all are stopped and started nevertheless."""
    project.services(db={"command": SLEEPER}, mid={"command": SLEEPER, "depends_on": ["db"]}, web={"command": SLEEPER, "depends_on": ["mid"]})
    project("-p", "named", "up", "-d")
    claims = {"project": "named", "service": "db", "depends_on": "web:service_started:true,db:service_started:true",
              "container-number": "7", "oneoff": "False"}
    changes = [word for key, value in claims.items() for word in ("--change", f"LABEL com.docker.compose.{key}={value}")]
    bare = tmp_path / "bare.tar"
    bare.write_bytes(project.moor.docker("export", "named-db-1", text=False).stdout)
    project.moor.docker("import", *changes, str(bare), "stranger")
    project.moor.docker("run", "-d", "--network", "none", "--name", "stranger", "stranger", *SLEEPER)

    def told(*words):
        stderr = project.moor.docker("compose", "-p", "named", *words, cwd=tmp_path).stderr
        return re.findall(r"^ Container (?:named-)?(\w+)(?:-1)? +(?:Stopped|Started|Removed)$", stderr, re.M)

    for verb, order in (("stop", ["web", "mid", "db"]), ("start", ["db", "mid", "web"])):
        names = told(verb)
        assert sorted(names) == ["db", "mid", "stranger", "web"] and [name for name in names if name != "stranger"] == order
    assert len(told("down", "-t", "0")) == 8 and project.names() == []


def test_what_is_named_is_stopped(project):
    """At Ctrl-C: what was only needed may have been there before."""
    project.services(dep={"command": SLEEPER}, app={"command": SLEEPER, "depends_on": ["dep"]})
    with foreground(project, "app", running=2) as process:
        wait_until(lambda: process.stdout.readline().endswith(" up\n"), "the program to set its trap")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "proj-app-1  Stopped" in err and "proj-dep-1  Stop" not in err
    assert project("ps", "--format", "{{.Name}}").stdout == "proj-dep-1\n"


def test_one_offs_become_orphans(project):
    project.services(job={"command": "true", "profiles": ["jobs"]}, long={"command": SLEEPER})
    project("run", "job")
    name, = project.names()
    assert f"Found orphan containers ([{name}]) for this project" in project("up", "-d").stderr
    assert "Found orphan" not in project.classic("up", "-d").stderr
    assert "Found orphan" not in project("up", "-d", env={"COMPOSE_IGNORE_ORPHANS": "True"}).stderr
    assert "COMPOSE_IGNORE_ORPHANS and --remove-orphans" in project(
        "up", "-d", "--remove-orphans", env={"COMPOSE_IGNORE_ORPHANS": "True"}, code=1).stderr
    assert project("up", "-d", env={"COMPOSE_REMOVE_ORPHANS": "true"}).stderr.count(name) == 2
    assert name not in project.names()


def test_waits_for_jobs(project):
    """A good end is what is wanted of one whose end others wait for."""
    def write(job):
        project.services(job={"command": job}, long={"command": SLEEPER, "depends_on": {"job": {"condition": "service_completed_successfully"}}},
                         maybe={"command": SLEEPER, "depends_on": {"sick": {"condition": "service_healthy", "required": False}}},
                         sick={"command": SLEEPER, "healthcheck": {"test": "false", "interval": "100ms", "retries": 1}})

    write("true")
    assert " Container proj-long-1  Healthy\n" in project("up", "--wait", "long").stderr
    assert ' Container proj-sick-1  Skipped: optional dependency "sick" failed to start\n' in project("up", "-d", "maybe").stderr
    write("false")
    assert 'didn\'t complete successfully: exit 1' in project("up", "--wait", "long", code=1).stderr


def test_what_is_not_pulled(project):
    project.write(json.dumps({"services": {
        "a": {"image": "localhost:1/x:1"}, "b": {"image": "localhost:1/x:1"}, "c": {"image": "busybox:test", "pull_policy": "missing"},
        "d": {"build": "."}, "e": {"image": "localhost:1/y", "pull_policy": "never"}, "f": {"image": "localhost:1/z", "build": "."}}}))
    told = project("pull", "--ignore-pull-failures", "--ignore-buildable").stderr.splitlines()
    assert [line.strip() for line in told if "Skipped" in line] == [
        "b Skipped - Image is already being pulled by a", "c Skipped - Image is already present locally",
        "d Skipped - No image to be pulled", "e Skipped", "f Skipped - Image can be built"]
    assert sum("connection refused" in line for line in told) == 1


def test_restarts_with_what_it_needs(project):
    """depends_on: restart: true, for a container made anew and for one restarted."""
    def write(value):
        project.services(db={"command": SLEEPER, "environment": {"V": value}},
                         app={"command": SLEEPER, "depends_on": {"db": {"condition": "service_started", "restart": True}}},
                         loose={"command": SLEEPER, "depends_on": ["db"]})

    def started():
        return {name: project.inspect(f"proj-{name}-1", "{{.Id}} {{.State.StartedAt}}") for name in ("db", "app", "loose")}

    write("1")
    project("up", "-d")
    first = started()
    write("2")
    told = project("up", "-d").stderr.splitlines()
    assert [line for line in told if "proj-app-1" in line] == [f" Container proj-app-1  {word}" for word in (
        "Stopping", "Stopped", "Starting", "Started")]
    second = started()
    assert second["db"][:64] != first["db"][:64] and second["loose"] == first["loose"]
    assert second["app"][:64] == first["app"][:64] and second["app"] != first["app"]
    assert "Running" in project("up", "-d").stderr and started() == second
    project("restart", "--no-deps", "-t", "0", "db")
    third = started()
    assert third["app"] == second["app"] and third["db"] != second["db"]
    project("restart", "-t", "0", "db")
    last = started()
    assert last["app"] != third["app"] and last["loose"] == second["loose"]


def test_events(project):
    project.services(a={"command": "true"}, b={"command": "true", "labels": {"x": "y"}})
    since = datetime.datetime.now(datetime.timezone.utc).isoformat()
    project("up", "-d")
    project.moor.docker("wait", "proj-a-1", "proj-b-1")
    project("run", "--rm", "a", "true")  # a one-off: not the project's
    window = ["--since", since, "--until", "0s"]

    def look(call, *arguments):
        wait_until(lambda: call("events", *window, *arguments).stdout.count(" die ") or "--json" in arguments, "the ends to be noted")
        return call("events", *window, *arguments).stdout.splitlines()

    wait_until(lambda: "".join(look(project)).count(" die ") == 2, "both ends to be noted")
    for call in (project, project.classic):
        found = look(call)
        pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} container (\w+) [0-9a-f]{64} \((exitCode=0, )?image=busybox:test, name=proj-(a|b)-1(, x=y)?\)"
        assert all(re.fullmatch(pattern, line) for line in found if " die " not in line), found
        assert sorted(line.split()[3] for line in found) == ["create", "create", "die", "die", "start", "start"]
    rows = [json.loads(line) for line in look(project, "--json", "b")]
    assert [(row["service"], row["type"], row["action"]) for row in rows] == [
        ("b", "container", action) for action in ("create", "start", "die")]
    assert rows[0]["attributes"] == {"image": "busybox:test", "name": "proj-b-1", "x": "y"}
    assert rows[0]["id"] == project.inspect("proj-b-1", "{{.Id}}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d)", rows[0]["time"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", json.loads(look(project.classic, "--json")[0])["time"])


def test_owners_of_secrets(project):
    project.write("own", "own.txt")
    project.write("""
        services:
          a:
            image: busybox:test
            network_mode: none
            user: "1000:1000"
            command: ["sh", "-c", "busybox stat -c '%u %g %a' /run/secrets/s /etc/c; cat /run/secrets/s /etc/c"]
            secrets: [{source: s, uid: "1000", gid: "7", mode: 0400}]
            configs: [{source: c, target: /etc/c}, {source: own, mode: 0440}]
        secrets: {s: {environment: TOKEN}}
        configs: {c: {content: "said"}, own: {file: own.txt}}
        """)
    done = project("up", "--no-log-prefix", env={"TOKEN": "hush "})
    assert done.stdout.splitlines()[1:-1] == ["1000 7 400", "0 0 444", "hush said"], done.stderr
    assert done.stderr.count("configs `uid`, `gid` and `mode` are not supported, they will be ignored\n") == 1
    # Where the variable is not set nothing is changed; and who only looks, or ends it all, needs it not.
    id = project.inspect("proj-a-1", "{{.Id}}")
    for words in ("up", "-d"), ("run", "--rm", "-T", "a"), ("create",):
        for caller in project, project.classic:
            assert 'environment variable "TOKEN" required by secret "s" is not set\n' in caller(*words, code=1).stderr
    assert project.names() == ["proj-a-1"] and project.inspect("proj-a-1", "{{.Id}}") == id
    for words in ("ps", "-a"), ("logs",), ("config", "-q"), ("stop",), ("rm", "-f"), ("down",):
        project(*words)
    assert project.names() == []
    text = open(os.path.join(project.directory, "docker-compose.yml")).read()
    project.write(text.replace('uid: "1000"', "uid: me"))
    assert 'uid: "me" of "s" must be a number' in project("up", code=1, env={"TOKEN": "x"}).stderr


def test_anonymous_volume_is_carried(project):
    """It goes over to the container that takes the old one's place, and with that one it ends."""
    project.services(a={"command": ["sh", "-c", "echo $$V >> /anon/f; cat /anon/f"], "volumes": ["/anon"], "environment": {"V": "1"}})
    project("up")
    name = project.moor.docker("volume", "ls", "-q").stdout
    project.services(a={"command": ["sh", "-c", "echo $$V >> /anon/f; cat /anon/f"], "volumes": ["/anon"], "environment": {"V": "2"}})
    assert project("up", "--no-log-prefix").stdout.splitlines()[1:3] == ["1", "2"]
    assert project.moor.docker("volume", "ls", "-q").stdout == name
    # -V alone is a reason for a new container to 1, not to 2.
    id = project.inspect("proj-a-1", "{{.Id}}")
    project("up", "-V")
    assert (project.inspect("proj-a-1", "{{.Id}}"), project.moor.docker("volume", "ls", "-q").stdout) == (id, name)
    project.classic("up", "-V")
    assert project.moor.docker("volume", "ls", "-q").stdout != name
    assert "cannot be combined" in project.classic("up", "-V", "--no-recreate", code=1).stderr
    project("down", "-v")
    assert project.moor.docker("volume", "ls", "-q").stdout == ""
    assert "volume-anonymous" in project.moor.docker("run", "--mount", "type=bind,src=/tmp,dst=/x,volume-anonymous=x",
                                                     "busybox:test", code=125).stderr


def test_attach_commit_export(project):
    project.services(a={"command": ["sh", "-c", "echo kept > /kept; while read line && [ $$line != end ]; do echo got $$line; done; exit 5"],
                        "stdin_open": True})
    project("up", "-d")
    done = project("attach", "a", input="one\ntwo\nend\n", code=5)  # the end of our input is not the end of its
    assert done.stdout == "got one\ngot two\n"
    project("commit", "--change", 'CMD ["cat", "/kept"]', "a", "made:1")
    assert project.moor.docker("run", "--rm", "--network", "none", "made:1").stdout == "kept\n"
    project("export", "-o", "out.tar", "a")
    with tarfile.open(os.path.join(project.directory, "out.tar")) as tar:
        assert tar.extractfile("kept").read() == b"kept\n"
    assert 'service "a" has no container #2' in project("export", "--index", "2", "a", code=1).stderr


# -- at a terminal ---------------------------------------------------------------------------------


def on_terminal(project, *argv, **env):
    """What stands on the terminal in the end, and all that was written to it."""
    with Screen(["sh", "-c", 'cd "$0" && "$@"', project.directory, *argv], {**project.moor.env, "TERM": "xterm", **env}) as screen:
        assert screen.wait() == 0
        while select.select([screen.master], [], [], 0)[0]:
            screen.seen += os.read(screen.master, 4096)
    written = screen.seen.decode()
    return shown_by(written), written


def shown_by(written):
    """Of a terminal: the lines after all movements of the cursor."""
    rows, row = [""], 0
    for text in re.findall(r"\x1b\[\??[0-9;]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", written):
        if text == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif re.fullmatch(r"\x1b\[\d+[AB]", text):
            row += int(text[2:-1]) * (1 if text[-1] == "B" else -1)
        elif text == "\x1b[2K":
            rows[row] = ""
        elif text[0] not in "\x1b\r":
            rows[row] += text
    return [line.rstrip() for line in rows if line]


def test_progress_on_terminal(project):
    project.services(a={"command": SLEEPER}, bb={"command": SLEEPER, "depends_on": ["a"]})
    classic, docker = os.path.join(project.moor.names, "docker-compose"), os.path.join(project.moor.names, "docker")
    shown, written = on_terminal(project, classic, "up", "-d")
    assert shown == ["Creating proj_a_1 ... done", "Creating proj_bb_1 ... done"] and "\x1b[32mdone\x1b[0m" in written
    shown, _ = on_terminal(project, docker, "compose", "up", "-d", "--force-recreate")
    assert shown == ["[+] Running 2/2", " ✔ Container proj-a-1  Started", " ✔ Container proj-bb-1  Started"]
    shown, written = on_terminal(project, docker, "compose", "--progress", "plain", "stop", "-t", "0")
    assert "\x1b" not in written and " Container proj-a-1  Stopping" in shown
    shown, written = on_terminal(project, docker, "compose", "down", TERM="dumb")
    assert "\x1b" not in written and " Container proj-a-1  Removed" in shown


def test_dry_run(project):
    """What would be done is told, as 2 tells it; nothing is changed, nothing is waited for."""
    def state():
        return [project.moor.docker(*words).stdout for words in (
            ("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"), ("network", "ls"), ("volume", "ls"), ("images",))]

    def told(*words, code=0):
        done = project("--dry-run", *words, code=code)
        behind = project(words[0], "--dry-run", *words[1:], code=code)
        assert sorted(behind.stderr.splitlines()) == sorted(done.stderr.splitlines()) and behind.stdout == done.stdout
        return sorted(re.sub(" DRY-RUN MODE - ", "", line) for line in done.stderr.splitlines() if line.startswith(" DRY-RUN MODE - ")), done

    project.write("""
        services:
          db: {image: busybox:test, command: sleep 600, volumes: ["data:/d"], healthcheck: {test: "false", interval: 1h}}
          web: {image: busybox:test, command: sleep 600, depends_on: {db: {condition: service_healthy}}}
        volumes: {data: }
        """)
    before = state()
    made = [f" Container proj-{name}-1  {word}" for name in ("db", "web") for word in ("Created", "Creating", "Started", "Starting")]
    made += [" Network proj_default  Created", " Network proj_default  Creating", " Volume proj_data  Created", " Volume proj_data  Creating"]
    assert told("up", "-d")[0] == sorted(made)
    got, done = told("up")
    assert got == sorted(made)
    assert done.stdout == "end of 'compose up' output, interactive run is not supported in dry-run mode\n"
    assert told("pull", "db")[0] == [" db Pulled ", " db Pulling "]
    assert state() == before
    project("up", "-d", "db")
    before = state()
    for words, name, lines in ((("stop",), "Container proj-db-1", ("Stopped", "Stopping")), (("kill",), "Container proj-db-1", ("Killed", "Killing")),
                               (("restart",), "Container proj-db-1", ("Restarting", "Started")),
                               (("up", "-d", "--force-recreate", "db"), "Container proj-db-1", ("Recreate", "Recreated", "Started", "Starting")),
                               (("rm", "-sf",), "Container proj-db-1", ("Removed", "Removing", "Stopped", "Stopping"))):
        assert told(*words)[0] == [f" {name}  {line}" for line in lines], words
    assert told("down", "-v")[0] == sorted(f" {name}  {line}" for name, lines in (
        ("Container proj-db-1", ("Removed", "Removing", "Stopped", "Stopping")), ("Network proj_default", ("Removed", "Removing")),
        ("Volume proj_data", ("Removed", "Removing"))) for line in lines)
    assert "proj-db-1" in project("--dry-run", "ps").stdout
    for words in (("run", "db", "true"), ("exec", "db", "true"), ("cp", "x", "db:/"), ("attach", "db"), ("wait", "db")):
        assert f"--dry-run is not supported with '{words[0]}'" in told(*words, code=1)[1].stderr
    assert state() == before
    for verb, remedy in (("watch", "up -d"), ("publish", "compose files")):
        refused = project(verb, code=1).stderr
        assert refused.startswith(f"docker compose: '{verb}' is not supported by this runtime: ") and remedy in refused
        assert refused.count("\n") == 1


def test_links_in_the_default_network(project):
    """There nobody has names: docker's legacy links bring them."""
    project.services(db={"command": "sleep 600", "network_mode": "bridge", "expose": ["5432"]},
                     web={"command": "sh -c 'env; cat /etc/hosts'", "network_mode": "bridge", "links": ["db", "db:store"]})
    project("up", "-d")
    project.moor.docker("wait", "proj-web-1")
    told = project("logs", "--no-log-prefix", "web").stdout
    address = project.inspect("proj-db-1", "{{.NetworkSettings.IPAddress}}")
    assert f"STORE_PORT_5432_TCP=tcp://{address}:5432\n" in told and "DB_NAME=/proj-web-1/db\n" in told
    assert re.search(rf"{address}\tstore [0-9a-f]{{12}} proj-db-1\n", told)


def test_hooks(project):
    """Commands in a container once it has started, and before it is stopped; one that fails is what failed."""
    def write(post=(), pre=()):
        project.services(a={"command": SLEEPER, "volumes": ["./d:/d"], "post_start": list(post), "pre_stop": list(pre)})

    path = os.path.join(project.directory, "d")
    write([{"command": "sh -c 'echo $$WORD $$(id -u) $$PWD >>/d/first'", "user": "7", "environment": {"WORD": "w"}, "working_dir": "/d"},
           {"command": ["touch", "/d/second"]}], [{"command": "touch /d/stopped"}])
    os.makedirs(path)
    os.chmod(path, 0o777)
    project("up", "-d")
    with open(os.path.join(path, "first")) as file:
        assert file.read() == "w 7 /d\n"
    assert sorted(os.listdir(path)) == ["first", "second"]
    project("stop")
    assert "stopped" in os.listdir(path)
    os.unlink(os.path.join(path, "first"))
    project("start")
    assert os.path.exists(os.path.join(path, "first"))
    write(pre=[{"command": "nosuchprogram"}])
    project("up", "-d", "-t", "0")
    assert "a hook exited with status 127\n" in project("down", "-t", "0", code=1).stderr
    assert len(project.ids()) == 1  # it was not stopped
    write(post=[{"command": "sh -c 'exit 3'"}])
    assert project("up", "-d", "-t", "0", code=1).stderr.endswith("a hook exited with status 3\n")
    write(post=[{"command": "true"}] * 9)
    assert "at most 8 hooks" in project("config", code=15).stderr
    write(post=[{"user": "7"}])
    assert "missing property 'command'" in project("config", code=15).stderr


def test_lenders_without_dependencies(project):
    """--no-deps: 2 wants whose namespaces or volumes are shared to be there, 1 does without, and makes a container that has the volumes."""
    for key, value, what, classic in [("network_mode", "service:db", "network namespace", "network stack"), ("pid", "service:db", "PID namespace", "PID namespace"),
                                      ("ipc", "service:db", "IPC namespace", "IPC namespace"), ("volumes_from", ["db"], "volume", "")]:
        project.services(web={"command": SLEEPER, "stop_signal": "SIGKILL", key: value}, db={"command": SLEEPER, "volumes": ["/data"]})
        missing = f"cannot share {what} with service db: container missing\n"
        assert project("up", "-d", "--no-deps", "web", code=1).stderr.endswith(missing), key
        assert project("run", "--rm", "--no-deps", "web", "true", code=1).stderr.endswith(missing), key
        project("down")
        told = f"Service db is trying to use reuse the {classic} of another service that is not running."
        for words in (["up", "-d", "--no-deps", "web"], ["run", "--rm", "--no-deps", "web", "true"]):
            stderr = project.classic(*words).stderr
            assert (told in stderr) == bool(classic), (key, words, stderr)
        assert project.names() == (["proj_web_1"] if classic else ["proj_db_1", "proj_web_1"])
        if not classic:
            assert project.inspect("proj_db_1", "{{.State.Status}}") == "created"
            assert project.inspect("proj_web_1", "{{(index .Mounts 0).Name}}") == project.inspect("proj_db_1", "{{(index .Mounts 0).Name}}")
        project.down()


def test_lenders_of_any_name_and_number(project):
    """Who shares what is found by its labels: the other program named it, and it is not the first."""
    tree = {"web": {"image": "busybox:test", "command": SLEEPER, "links": ["db:base"], "volumes_from": ["db"], "pid": "service:db"},
            "net": {"image": "busybox:test", "command": SLEEPER, "network_mode": "service:db"},
            "db": {"image": "busybox:test", "command": SLEEPER, "volumes": ["/data"], "scale": 2}}
    project.write(json.dumps({"version": "2.4", "services": tree}))
    project.classic("up", "-d", "db")
    project.moor.docker("rm", "-f", "proj_db_1")
    project.classic("up", "-d", "db")
    assert project.names() == ["proj_db_2", "proj_db_3"]
    for program, web in ((project, "proj-web-1"), (project.classic, "proj_web_2")):
        program("up", "-d", "--no-recreate", "--scale", "web=" + web[-1])
        assert project.inspect(web, "{{(index .Mounts 0).Name}}") == project.inspect("proj_db_2", "{{(index .Mounts 0).Name}}"), web
        second = project.inspect("proj_db_2", "{{.Id}}")
        assert project.inspect(web, "{{.HostConfig.PidMode}}") == "container:" + second
        assert project.inspect("proj-net-1", "{{.HostConfig.NetworkMode}}") == "container:" + second
        links = project.inspect(web, "{{range .NetworkSettings.Networks}}{{.Links}}{{end}}")
        assert "proj_db_2:base" in links and "proj_db_3:base" in links, links
        assert project("run", "--rm", "--no-deps", "-T", "web", "ls", "-d", "/data").stdout == "/data\n"


def test_mounted_images(project, registry, moor):
    """type: image, as docker run --mount has it; what is not here is fetched."""
    name = f"{registry.address}/data"
    registry.push(world.Image([world.tar_bytes([("srv", None), ("srv/told", b"told\n")])]), "data")
    mount = {"type": "image", "source": name, "target": "/data"}
    project.services(a={"command": ["sh", "-c", "cat /data/srv/told /part/told; ! touch /data/x"],
                        "volumes": [mount, {**mount, "target": "/part", "image": {"subpath": "srv"}}]},
                     never={"volumes": [{**mount, "source": "absent:1"}], "pull_policy": "never", "profiles": ["p"]})
    assert "told\na-1  | told\n" in COLOURS.sub("", project("up", "a").stdout)
    assert project.inspect("proj-a-1", "{{range .Mounts}}{{.Type}} {{.Name}}{{end}}") == f"image {name}" * 2
    assert 'service "never": No such image: absent:1' in project("up", "never", code=1).stderr
    again = json.loads(project("config", "--format", "json").stdout)["services"]["a"]["volumes"]
    assert again == [mount, {**mount, "target": "/part", "image": {"subpath": "srv"}}]
    for said, reason in (({"type": "image", "target": "/x"}, "needs a 'source'"), ({**mount, "image": {"path": "x"}}, "'path' not allowed")):
        project.services(a={"volumes": [said]})
        assert reason in project("config", code=15).stderr


def test_what_address_managers_are_told(project):
    project.write(json.dumps({"services": {"a": {"image": "busybox:test", "networks": ["n"]}},
                              "networks": {"n": {"ipam": {"driver": "default", "options": {"foo": "bar", "n": 1}}}, "odd": {"ipam": {"driver": "nosuch"}}}}))
    project("create")
    options = json.loads(project.moor.docker("network", "inspect", "proj_n").stdout)[0]["IPAM"]
    assert (options["Driver"], options["Options"]) == ("default", {"foo": "bar", "n": "1"})
    project.write(json.dumps({"services": {"a": {"image": "busybox:test", "networks": ["odd"]}}, "networks": {"odd": {"ipam": {"driver": "nosuch"}}}}))
    assert 'plugin "nosuch" not found' in project("create", code=1).stderr


def test_what_the_environment_asks_for(project):
    """COMPOSE_… of 2."""
    project.services(a={"command": SLEEPER}, b={"command": SLEEPER})
    done = project("up", "-d", env={"COMPOSE_STATUS_STDOUT": "true"})
    assert " Container proj-a-1  Started\n" in done.stdout and not done.stderr
    done = project("up", "-d", env={"COMPOSE_STATUS_STDOUT": "0"})
    assert " Container proj-a-1  Running\n" in done.stderr and not done.stdout
    project.services(a={"command": SLEEPER})
    assert "Found orphan containers ([proj-b-1])" in project("create").stderr
    assert "orphan" not in project("create", env={"COMPOSE_IGNORE_ORPHANS": "1"}).stderr
    assert " Network proj_default" not in project("down", "-t", "0", env={"COMPOSE_REMOVE_ORPHANS": "true"}).stderr
    assert project.names() == []
    for program in (project, project.classic):
        assert 'COMPOSE_PARALLEL_LIMIT must be an integer (found: "x")' in program("ps", env={"COMPOSE_PARALLEL_LIMIT": "x"}, code=1).stderr
    assert project("ps", env={"COMPOSE_PROGRESS": "odd"}, code=1).stderr == 'unsupported --progress value "odd"\n'


def test_age_of_images(project):
    """Nobody keeps it: a policy that goes by it is that of an image that is missing, and one line says so."""
    project.services(a={"command": SLEEPER, "pull_policy": "every_2d12h"})
    assert project("create").stderr.startswith('service "a": pull_policy: "every_2d12h" is not supported: the image is pulled only where it is missing\n')
    for policy in ("every_", "every_x", "every_1h3"):
        project.services(a={"pull_policy": policy})
        assert f'services.a.pull_policy: "{policy}" is no every_ and a time' in project("config", code=15).stderr
