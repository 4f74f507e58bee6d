# SPDX-License-Identifier: Apache-2.0
"""What AWS's two nuclei, and recipes under them, do with docker: their command lines, word for word, and how they end what
they have started. And many commands at once."""

import gzip
import json
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

import world
from fetch_peer import Server
from world import parent, proc_stat, wait_until

SHELL = ("sh", "-c")


def names(moor, *options):
    return moor.docker("ps", *options, "--format", "{{.Names}}").stdout.split()


def test_classic_nucleus(moor, busybox):
    """docker -v; images -q; rmi: the exit code and whether anything is printed decide."""
    assert moor.docker("-v").stdout.startswith("Docker version ")
    assert moor.docker("images", "-q", busybox).stdout.strip()
    assert moor.docker("images", "-q", "nosuch:1").stdout == ""
    refused = moor.docker("pull", "127.0.0.1:9/x:1", code=1)
    assert "dial tcp" in refused.stderr  # its class of errors that are tried again
    assert "No such image" in moor.docker("rmi", "nosuch:1", code=1).stderr
    login = moor.run(*SHELL, "docker login 127.0.0.1:9 -u $dockerUsername -p $dockerPassword", code=1,
                     env={"dockerUsername": "AWS", "dockerPassword": "secret"})
    assert "connection refused" in login.stderr and "secret" not in login.stderr
    moor.docker("tag", busybox, "component:latest")
    assert moor.docker("rmi", "component:latest").stdout == "Untagged: component:latest\n"


def test_classic_nucleus_and_a_registry(moor, busybox, registry):
    """Its whole life of an image: asked for, pulled, asked for again, removed; by tag and by digest, as recipes write it."""
    name = f"{registry.address}/life/x"
    moor.docker("tag", busybox, f"{name}:1")
    moor.docker("push", "-q", f"{name}:1")
    digest = moor.docker("inspect", "-f", "{{index .RepoDigests 0}}", f"{name}:1").stdout.strip()
    moor.docker("rmi", f"{name}:1")
    for wanted in (f"{name}:1", digest):
        assert moor.docker("images", "-q", wanted).stdout == "", wanted
        moor.docker("pull", wanted)
        assert re.fullmatch(r"[0-9a-f]{12}\n", moor.docker("images", "-q", wanted).stdout), wanted
        assert moor.docker("pull", "-q", wanted).stdout == wanted + "\n"
        removed = moor.docker("rmi", wanted).stdout.splitlines()
        assert removed[0] == f"Untagged: {wanted}", removed
        again = moor.docker("rmi", wanted, code=1)
        assert (again.stdout, again.stderr) == ("", f"Error response from daemon: No such image: {wanted}\n")
    for wanted in ("busybox:test", "docker.io/busybox:test", "docker.io/library/busybox:test",
                   "index.docker.io/library/busybox:test"):
        assert moor.docker("images", "-q", wanted).stdout.strip(), wanted


def test_lite_nucleus(moor, busybox):
    """It reads stdout and stderr of `image ls -q` from one pipe: nothing at all means that it is not there."""
    absent = moor.docker("image", "ls", "-q", "nosuch:1")
    assert (absent.stdout, absent.stderr) == ("", "")
    assert moor.docker("image", "ls", "-q", busybox).stdout.strip()
    assert "No such image" in moor.docker("rmi", "nosuch:1", code=1).stderr
    pulled = moor.docker("pull", "-q", "127.0.0.1:9/x:1", code=1)
    assert "connection refused" in pulled.stderr
    login = moor.docker("login", "https://127.0.0.1:9", "--username", "AWS", "--password-stdin", input="secret", code=1)
    assert "connection refused" in login.stderr


# --- what a pull's failure is taken for ---

# Of stderr, in lower case. "": any other failure, which one version gives up at, and the next tries a few times more.
TRIED_FOR_EVER = [
    "dial tcp", "read tcp", "write tcp", "connection reset by peer", "connection refused", "connection aborted", "broken pipe",
    "network is unreachable", "network is down", "host is unreachable", "no route to host", "read: connection timed out",
    "i/o timeout", "unexpected eof", '": eof', "net/http", "timeout", "request canceled", "context deadline exceeded",
    "no such host", "temporary failure in name resolution", "server misbehaving"]
ALWAYS_TRIED = [  # by its older versions, too
    "read: connection timed out", "temporary failure in name resolution", "net/http", "request canceled", "timeout",
    "no such host", "dial tcp"]
GIVEN_UP = [
    "manifest unknown", "no matching manifest for", "invalid reference format", "no space left on device",
    "authentication required", "requested access to the resource is denied"]
OCI = "application/vnd.oci.image."


def taken_for(stderr):
    said = stderr.lower()
    is_network = any(text in said for text in TRIED_FOR_EVER)
    assert is_network == any(text in said for text in ALWAYS_TRIED), stderr
    return "network" if is_network else "final" if any(text in said for text in GIVEN_UP) else ""


def refuse(status, code, message, **headers):
    body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
    return lambda call, _: call.reply(status, body, Content_Type="application/json", **headers)


def cut(call, data):
    call.reply(200, data[:len(data) // 2], length=len(data))
    call.hang_up()


def reset(call, data):
    call.reply(200, data[:len(data) // 2], length=len(data))
    call.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    call.connection.close()
    call.close_connection = True


def for_another(call, data):
    call.reply(200, json.dumps({"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": [
        {"mediaType": OCI + "manifest.v1+json", "size": len(data), "digest": world.sha256(data),
         "platform": {"os": "linux", "architecture": "s390x"}}]}).encode(), Content_Type=OCI + "index.v1+json")


def other_bytes(call, data):
    call.reply(200, bytes(len(data)))


def half_a_registry(moor, image, answers):
    """One that has the image, except for what `answers` says of "v2", "manifest", "config" or "layer". It is asked once."""
    with open(os.path.join(moor.config, "daemon.json"), "w", encoding="ascii") as file:
        json.dump({"max-download-attempts": 1}, file)
    layer = image.layers[0]

    def described(kind, data):
        return {"mediaType": OCI + kind, "size": len(data), "digest": world.sha256(data)}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": OCI + "manifest.v1+json", "config": described(
        "config.v1+json", image.config), "layers": [described("layer.v1.tar", layer)]}).encode()

    def answer(call):
        kind, data = ("v2", b"{}") if call.path == "/v2/" else ("manifest", manifest) if "/manifests/" in call.path else (
            "config", image.config) if call.path.endswith(image.id) else ("layer", layer)
        if kind in answers:
            answers[kind](call, data)
        else:
            call.reply(200, data, Content_Type=OCI + "manifest.v1+json")
    return Server(answer)


@pytest.mark.parametrize("kind, answer, wanted", [
    ("v2", cut, "network"), ("v2", reset, "network"), ("manifest", cut, "network"), ("manifest", reset, "network"),
    ("config", cut, "network"), ("config", reset, "network"), ("layer", cut, "network"), ("layer", reset, "network"),
    ("v2", refuse(503, "UNAVAILABLE", "busy"), "network"), ("manifest", refuse(500, "UNKNOWN", "boom"), "network"),
    ("layer", refuse(504, "UNKNOWN", ""), "network"),
    ("manifest", refuse(404, "MANIFEST_UNKNOWN", "manifest unknown"), "final"), ("manifest", for_another, "final"),
    ("manifest", refuse(403, "DENIED", "requested access to the resource is denied"), "final"),
    ("manifest", refuse(404, "NAME_UNKNOWN", "repository name not known to registry"), ""),
    ("manifest", refuse(403, "DENIED", "not authorized to perform: ecr:BatchGetImage"), ""),
    ("manifest", refuse(401, "UNAUTHORIZED", "who?", WWW_Authenticate='Basic realm="x"'), ""),
    ("config", lambda call, _: call.reply(401), "final"), ("layer", lambda call, _: call.reply(401, b"<html>"), "final"),
    ("manifest", refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit"), ""),
    ("manifest", other_bytes, ""), ("layer", other_bytes, ""), ("layer", refuse(404, "BLOB_UNKNOWN", "blob unknown"), "")])
def test_failures_that_are_tried_again(moor, kind, answer, wanted):
    """What time mends has one of the nucleus's words for it on stderr, what it does not has none of them."""
    with half_a_registry(moor, world.Image([world.tar_bytes([("etc/motd", b"x")])]), {kind: answer}) as server:
        for options in ([], ["-q"]):
            failed = moor.docker("pull", *options, f"{server.host}/a/x:1", code=1)
            assert taken_for(failed.stderr) == wanted, failed.stderr
            assert failed.stderr.count("\n") == 1 and "Service Unavailable" not in failed.stdout
            assert moor.docker("images", "-q", f"{server.host}/a/x:1").stdout == ""


def test_failures_without_a_registry(moor, small_disk):
    for name, wanted in {"127.0.0.1:9/x:1": "network", "no.such.host.invalid/x:1": "network", "UPPER:1": "final",
                         "x@sha256:12": "final", "x:!": "final"}.items():
        assert taken_for(moor.docker("pull", name, code=1).stderr) == wanted
    image = world.Image([world.tar_bytes([("etc/random", os.urandom(24 << 20))])])
    with half_a_registry(moor, image, {}) as server:
        full = moor.docker("pull", f"{server.host}/a/x:1", code=1, env={"MOORING_ROOT": os.path.join(small_disk, "root")})
        assert taken_for(full.stderr) == "final" and full.stderr.count("\n") == 1


# --- how they are called ---

def test_surroundings(moor, busybox):
    """No variables, no directory, no standard streams, a configuration that is damaged or somebody else's: `-v` and `-q`
    say what they say, and nothing else, also where stderr is read with stdout."""
    docker = os.path.join(moor.names, "docker")
    ours = [f"{name}={value}" for name, value in moor.env.items() if name.startswith("MOORING_")]
    bare = f"env -i {' '.join(ours)} {docker}"
    image = moor.docker("images", "-q", busybox).stdout
    version = moor.docker("-v").stdout
    home = os.path.join(moor.directory, "home", ".docker")
    os.makedirs(home)
    with open(os.path.join(home, "config.json"), "w", encoding="ascii") as file:
        file.write("}{")
    for line, wanted in {
            f"{bare} -v 2>&1; {bare} images -q {busybox} 2>&1; {bare} image ls -q {busybox} 2>&1": version + 2 * image,
            f"{docker} images -q {busybox} <&-; {docker} image ls -q {busybox} 2>&-; {docker} -v <&- 2>&-": 2 * image + version,
            f"mkdir gone; cd gone; rmdir ../gone; {docker} images -q {busybox} 2>&1; {docker} -v 2>&1": image + version,
            f"unset DOCKER_CONFIG; HOME=$PWD/home {docker} image ls -q {busybox} 2>&1": image,
            f"trap '' PIPE HUP TERM; ulimit -n 20; {docker} image ls -q {busybox} 2>&1; {docker} images -q nosuch:1 2>&1": image,
            }.items():
        done = moor.run(*SHELL, line, cwd=moor.directory)
        assert (done.stdout, done.stderr) == (wanted, ""), line
    stranger = f"setpriv --reuid 65534 --regid 65534 --clear-groups {docker}"
    moor.run("chmod", "755", moor.directory)
    assert moor.run(*SHELL, f"{stranger} -v").stdout == version
    for command in (f"images -q {busybox}", f"pull {busybox}", "image ls -q x", "rmi x"):
        refused = moor.run(*SHELL, f"{stranger} {command}", code=1)
        assert "Got permission denied while trying to connect to the Docker daemon socket" in refused.stderr
        assert refused.stdout == ""


def test_image_that_is_in_use_or_has_a_long_name(moor, busybox):
    """rmi: five attempts of one nucleus; the other looks for words in the first 512 bytes."""
    moor.docker("run", "-d", "--name", "component", "--network", "none", "--init", busybox, "sleep", "60")
    for _ in range(2):
        refused = moor.docker("rmi", busybox, code=1)
        assert re.fullmatch(rf'Error response from daemon: conflict: unable to remove repository reference "{busybox}" '
                            r"\(must force\) - container [0-9a-f]{12} is using its referenced image [0-9a-f]{12}\n",
                            refused.stderr)
    moor.docker("rm", "-f", "component")
    moor.docker("rmi", busybox)
    long = f"registry.example.com:5000/{'a' * 100}/{'b' * 100}@sha256:{'0' * 64}"
    assert "No such image" in moor.docker("rmi", long, code=1).stderr[:512]


# Lines of published components, as their scripts have them: the line, what it writes, how it ends.
LINES = [
    ("docker images --quiet --filter=dangling=true | xargs --no-run-if-empty docker rmi -f", "", 0),
    ("docker load --input a.tar && docker load -i a.tar.gz && docker load < a.tar", 3 * "Loaded image: busybox:test\n", 0),
    ("docker images --format '{{.Repository}}:{{.Tag}}'", "busybox:test\n", 0),
    ('docker images busybox --filter "dangling=true" --quiet', "", 0),
    ("docker rm $(docker stop nosuch 2>/dev/null || echo nosuch) 2>&1",
     "Error response from daemon: No such container: nosuch\n", 1),
    ("docker run --rm -d --init --name=c --network none busybox:test sleep 60 | wc -c; docker stop -t 120 c; "
     "docker rm c 2>/dev/null", "65\nc\n", 1),
    ("docker run --detach --init --name c --network none busybox:test sleep 60 | wc -c; docker stop --time 10 c && docker rm c",
     "65\nc\nc\n", 0),
    ("docker network inspect n >/dev/null 2>&1 || docker network create --driver bridge n | wc -c; "
     "docker network inspect n >/dev/null 2>&1 || echo absent; docker network rm n", "65\nn\n", 0),
    ("docker run --rm --network none --entrypoint echo busybox:test --network=host -v a:b -e SVCUID",
     "--network=host -v a:b -e SVCUID\n", 0),
    ('docker run --rm --network none --sysctl "net.ipv4.ip_default_ttl=70 net.ipv4.tcp_ecn=1" busybox:test '
     "cat /proc/sys/net/ipv4/ip_default_ttl", "70\n", 0),
    ('docker run --rm --network none --user "$(id -u):4242" busybox:test id -g; '
     "docker run -u 0 --rm --network=none busybox:test id -u", "4242\n0\n", 0),
    ("mkdir usb; mknod usb/001 c 1 3; docker run --rm --network none --device /dev/null:/dev/a --device /dev/zero:/dev/b "
     "--device $PWD/usb:/dev/bus/usb busybox:test ls -d /dev/a /dev/b /dev/bus/usb/001", "/dev/a\n/dev/b\n/dev/bus/usb/001\n", 0),
    ("docker run $DOCKER_EXTRA --rm --network none -v $PWD/data/:/data/ -v /dev/null:/dev/ttyACM0 -v /dev/shm:/dev/shm "
     "busybox:test ls -d /data /dev/ttyACM0; ls -d data", "/data\n/dev/ttyACM0\ndata\n", 0),
    ("A=1 B='two words' docker run --rm --network none -e A -e B -e C -e D='\"q\"' busybox:test sh -c 'echo $A,$B,${C-none},$D'",
     '1,two words,none,"q"\n', 0),
    ("docker run -idt --name c --network none busybox:test cat | wc -c; docker exec c echo '{}'; docker exec -t c sh -c 'exit 3'; "
     "echo $?; docker rm -f c", "65\n{}\n3\nc\n", 0),
    ("docker run -d --name c --init -p 127.0.0.1:18480:80 busybox:test sleep 60 | wc -c; "
     "docker ps -aq --filter 'publish=18480' | wc -l; docker ps -aq --filter publish=80; docker rm -f c", "65\n1\nc\n", 0),
    ("docker save busybox:test > f; docker save busybox:test | gzip > g; docker image save --output h busybox:test; "
     "docker rmi -f $(docker images -q) >/dev/null; docker load < g; cmp f h", "Loaded image: busybox:test\n", 0),
    ("docker tag busybox:test name:latest && docker image ls name | wc -l; docker rmi name", "2\nUntagged: name:latest\n", 0),
    ("docker run --rm --network none busybox:test nosuch 2>/dev/null; echo $?; docker run --rm --network none busybox:test /etc "
     "2>/dev/null; echo $?; docker run --rm --init --network none busybox:test sh -c 'kill -9 $$'", "127\n126\n", 137),
    ("docker volume list -q; docker info >/dev/null 2>&1; docker version >/dev/null; docker system prune -f",
     "Total reclaimed space: 0B\n", 0),
    ("docker rmi busybox:test >/dev/null; docker rmi busybox:test 2>&1; docker load -i a.tar",
     "Error response from daemon: No such image: busybox:test\nLoaded image: busybox:test\n", 0),
]


def test_lines_of_published_components(moor, busybox_tar):
    with open(busybox_tar, "rb") as file, open(os.path.join(moor.directory, "a.tar"), "wb") as copy:
        copy.write(file.read())
    with open(busybox_tar, "rb") as file, gzip.open(os.path.join(moor.directory, "a.tar.gz"), "wb", 1) as packed:
        packed.write(file.read())
    for line, wanted, code in LINES:
        done = moor.run(*SHELL, line, code=code, cwd=moor.directory)
        assert done.stdout == wanted, (line, done.stderr)
    assert names(moor, "-a") == []


def test_logs_as_the_long_running_command(moor, busybox):
    """`Run: docker run -d --rm …; docker logs --follow NAME 2>&1`: ends with the container, and has all of it."""
    moor.docker("run", "-d", "--rm", "--name", "c", "--network", "none", "-i", busybox, "sh", "-c",
                "echo first; until test -e /tmp/go; do sleep 0.05; done; echo last >&2")
    follow = moor.start(*SHELL, "docker logs --follow c 2>&1", stdin=subprocess.DEVNULL)
    assert follow.stdout.readline() == "first\n"
    moor.docker("exec", "c", "touch", "/tmp/go")
    stdout, stderr = follow.communicate(timeout=20)
    assert (stdout, stderr, follow.returncode) == ("last\n", "", 0)
    wait_until(lambda: names(moor, "-a") == [], "it to be removed")


def test_component_with_startup_and_shutdown(moor, busybox):
    """Startup: docker run -d; Shutdown: docker stop. Twice, as after an update of the component."""
    for _ in range(2):
        moor.run(*SHELL, f"docker run --user=$(id -u):$(id -g) --rm -d --name=component --network none "
                         f"--entrypoint sleep {busybox} 60", code=0)
        assert names(moor) == ["component"]
        moor.run(*SHELL, "docker stop -t 0 component", code=0)
        assert names(moor, "-a") == []
    assert "No such container" in moor.run(*SHELL, "docker rm -f component || true", code=0).stderr


@pytest.mark.parametrize("ending", ["classic", "classic-at-once", "systemd"])
def test_run_step_is_ended(moor, busybox, ending):
    """The script and all its descendants get SIGTERM, and SIGKILL 5 s later or at once; or its control group does. No
    container stays, none ends in the wrong way, and the same name is free for the next start."""
    script = moor.start(*SHELL, f"docker run --rm --init --name component --network none {busybox} sleep 60; exit 0",
                        start_new_session=True)
    wait_until(lambda: names(moor) == ["component"], "the component to run")
    if ending == "systemd":
        os.killpg(script.pid, signal.SIGKILL)
    else:
        for process in descendants(script.pid):
            os.kill(process, signal.SIGTERM)
        if ending == "classic-at-once":
            for process in descendants(script.pid):
                os.kill(process, signal.SIGKILL)
    script.wait(20)
    for stream in (script.stdin, script.stdout, script.stderr):
        stream.close()
    wait_until(lambda: names(moor, "-a") == [], "the container to be gone", 20)
    moor.docker("run", "--rm", "--name", "component", "--network", "none", busybox, "true")


def test_component_that_asks_for_the_daemon(moor, busybox, tmp_path):
    """There is no socket: it is told so, and the rest of the container works."""
    socket = str(tmp_path / "docker.sock")
    for _ in range(2):  # the second time the directory is there
        done = moor.docker("run", "--rm", "--network", "none", "-v", f"{socket}:/var/run/docker.sock", busybox, "ls",
                           "/var/run/docker.sock")
        assert done.stdout == "" and done.stderr == (
            f"WARNING: {socket}: there is no daemon here and no socket of it: the container gets an empty directory\n")


def test_ended_by_several_at_once(moor, busybox):
    """A Shutdown script, the nucleus and somebody at the keyboard: each hears that it is over, none waits for ever."""
    docker = os.path.join(moor.names, "docker")
    moor.docker("run", "-d", "--name", "component", "--network", "none", "--stop-timeout", "60", busybox, "sleep", "60")
    stops = [moor.start(docker, "stop", "component", stdin=subprocess.DEVNULL) for _ in range(2)]
    waiting = moor.start(docker, "wait", "component", stdin=subprocess.DEVNULL)
    moor.docker("rm", "-f", "component")
    for process in stops:
        stdout, stderr = process.communicate(timeout=20)
        assert (process.returncode, stdout, stderr) in [
            (0, "component\n", ""), (1, "", "Error response from daemon: No such container: component\n")]
    assert waiting.communicate(timeout=20)[0] in ("137\n", "") and names(moor, "-a") == []


def descendants(pid):
    found = [pid]
    for process in found:
        try:
            with open(f"/proc/{process}/task/{process}/children") as children:
                found += [int(child) for child in children.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


# --- many at once ---

def test_one_name_for_many(moor, busybox):
    docker = os.path.join(moor.names, "docker")
    many = [moor.start(docker, "run", "-d", "--name", "same", "--network", "none", busybox, "sleep", "60",
                       stdin=subprocess.DEVNULL) for _ in range(50)]
    codes = []
    for process in many:
        _, stderr = process.communicate(timeout=100)
        codes.append(process.returncode)
        assert process.returncode == 0 or 'The container name "/same" is already in use by container' in stderr, stderr
    assert sorted(codes) == [0] + [125] * 49
    assert names(moor, "-a") == ["same"]
    assert os.listdir(os.path.join(moor.root, "names")) == ["same"]


def test_many_names(moor, busybox):
    """200 at once, 50 of them at a time: all work, and nothing of them stays."""
    docker = os.path.join(moor.names, "docker")
    done = moor.run("bash", "-c", f"seq 200 | xargs -P 50 -I% {docker} run --rm --name many-% --network none {busybox} "
                    "echo %", code=0, timeout=200)
    assert sorted(int(number) for number in done.stdout.split()) == list(range(1, 201))
    assert names(moor, "-a") == []
    assert [name for name in os.listdir(os.path.join(moor.root, "containers")) if not name.startswith(".")] == []


# --- whichever process of ours is killed ---

def is_dead(pid):
    try:
        return proc_stat(pid)[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("victim", ["monitor", "init", "client", "both"])
def test_state_after_a_kill(moor, busybox, victim):
    """What ps and inspect say is true at once, and what is left can be removed and started again."""
    client = moor.start(os.path.join(moor.names, "docker"), "run", "--name", "k", "--network", "none", busybox,
                        "sh", "-c", "echo up; exec sleep 60", stdin=subprocess.DEVNULL)
    assert client.stdout.readline() == "up\n"
    init = int(moor.docker("inspect", "-f", "{{.State.Pid}}", "k").stdout)
    monitor = parent(init)
    for pid in {"monitor": [monitor], "init": [init], "client": [client.pid], "both": [monitor, init]}[victim]:
        os.kill(pid, signal.SIGKILL)
    if victim == "both":
        wait_until(lambda: is_dead(init), "the kernel to end it")
    if victim == "client":
        moor.docker("stop", "-t", "0", "k")
    client.wait(20)
    client.stdout.close()
    client.stderr.close()
    if victim == "monitor":  # its container goes on without it, until somebody looks after it
        moor.docker("rm", "-f", "k")
        assert names(moor, "-a") == []
        return
    shown = moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.StartedAt}} {{.State.FinishedAt}}", "k")
    assert shown.stdout.startswith("exited 137 2") and " 0001" not in shown.stdout
    assert re.fullmatch(r"Exited \(137\) (\d+ seconds?|Less than a second|About a minute) ago\n", moor.docker(
        "ps", "-a", "--format", "{{.Status}}").stdout)
    moor.docker("start", "k")
    assert names(moor) == ["k"]
    moor.docker("exec", "k", "true")
    moor.docker("rm", "-f", "k")


def test_a_monitor_killed_before_it_says_started(moor, busybox):
    """What was seen to run has run: it counts as ended with its monitor, not as never started."""
    docker = os.path.join(moor.names, "docker")
    client = moor.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendto", "-e", "inject=sendto:signal=KILL",
                        docker, "run", "--name", "k", "--network", "host", busybox, "sleep", "60", stdin=subprocess.DEVNULL)
    assert "the container's monitor ended unexpectedly" in client.stderr.readline()
    assert names(moor) == ["k"]  # goes on alone, as of any other monitor
    init = int(moor.docker("inspect", "-f", "{{.State.Pid}}", "k").stdout)
    os.kill(init, signal.SIGKILL)
    assert client.wait(20) == 125
    client.stdout.close()
    client.stderr.close()
    assert moor.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "k").stdout == "exited 137\n"
    moor.docker("start", "k")
    assert names(moor) == ["k"]
    moor.docker("rm", "-f", "k")
