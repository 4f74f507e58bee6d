# SPDX-License-Identifier: Apache-2.0
"""mooring-runc's command line as runc's callers know it."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

import bundle as bundles
import world
from bundle import PROGRAM, service_manager

VERBS = ["checkpoint", "create", "delete", "events", "exec", "kill", "list", "pause", "ps", "restore", "resume", "run",
         "spec", "start", "state", "update"]


@pytest.fixture
def bundle(moor):
    bundle = bundles.Bundle(moor)
    yield bundle
    assert bundle.traces() == []


def plain(moor, *arguments, **options):
    """Without a --root of the test's; stderr as it comes."""
    process = subprocess.run([PROGRAM, *arguments], env=moor.env, text=True, capture_output=True,
                             timeout=30, **options)
    return process.returncode, process.stdout, process.stderr


# -- help and usage ------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb(moor, verb):
    for words in ((verb, "-h"), (verb, "--help"), ("help", verb), ("h", verb)):
        status, out, err = plain(moor, *words)
        lines = out.splitlines()
        assert (status, err, lines[0]) == (0, "", "NAME:")
        assert lines[1].startswith(f"   mooring-runc {verb} - ")
        assert f"   mooring-runc {verb} " in out.split("USAGE:\n")[1]


@pytest.mark.parametrize("verb", ["", "features", *VERBS])
def test_manual_has_every_flag(moor, verb):
    """In the part that is about the command; run's names those of create."""
    with open(os.path.join(os.path.dirname(world.__file__), "../../docs/man/mooring-runc.8"),
              encoding="utf-8") as file:
        parts = re.split(r"^\.(?:It Cm|Ss|Sh) ", file.read(), flags=re.MULTILINE)
    headings = {"": ["Global"], "run": ["run", "create"], "restore": ["checkpoint"]}
    told = "".join(part for part in parts if part.split()[0] in headings.get(verb, [verb]))
    flags = re.findall(r"^   --([a-z0-9-]+)", plain(moor, *filter(None, [verb]), "--help")[1],
                       re.MULTILINE)
    assert told and (flags or verb not in ("", "exec", "run", "update"))
    for flag in flags:
        assert re.search(rf"^\.It .*Fl -{flag}(?![a-z-])", told, re.MULTILINE), flag


def test_help(moor):
    for words in ((), ("-h",), ("--help",), ("help",)):
        status, out, err = plain(moor, *words)
        assert (status, err) == (0, "") and out.startswith("NAME:\n   mooring-runc - Open Container")
        assert all(f"\n   {verb} " in out for verb in VERBS)


@pytest.mark.parametrize("words, status, message", [
    (["nosuch"], 3, "No help topic for 'nosuch'"),
    (["help", "nosuch"], 3, "No help topic for 'nosuch'"),
    (["--nosuch", "list"], 1, "flag provided but not defined: -nosuch"),
    (["--log"], 1, "flag needs an argument: -log"),
    (["--log-format", "xml", "list"], 1, "invalid log-format: "),
    (["--root", "/", "list"], 1, "--root: "),
    (["--root", "", "list"], 1, "--root: "),
    (["--log", "/nosuch/log", "list"], 1, "open log /nosuch/log: no such file or directory"),
    (["--cgroup-manager", "none", "list"], 1, "expected cgroupfs, systemd or disabled, found none"),
    (["state"], 1, "mooring-runc: \\\"state\\\" requires exactly 1 argument(s)"),
    (["run"], 1, " msg=\"mooring-runc: \\\"run\\\" requires exactly 1 argument(s)"),
    (["exec"], 1, " msg=\"mooring-runc: \\\"exec\\\" requires a minimum of 1 argument(s)"),
    (["exec", "--nosuch", "a"], 1, " msg=\"flag provided but not defined: -nosuch"),
    (["--root", "/nosuch", "list"], 1, "read /nosuch: no such file or directory"),
    (["state", "a", "b"], 1, "requires exactly 1 argument(s)"),
    (["state", "a", "--nosuch"], 1, "requires exactly 1 argument(s)"),
    (["list", "a"], 1, "requires exactly 0 argument(s)"),
    (["kill"], 1, "requires a minimum of 1 argument(s)"),
    (["kill", "a", "b", "c"], 1, "requires a maximum of 2 argument(s)"),
    (["kill", "a", "NOSUCH"], 1, "unknown signal \\\"NOSUCH\\\""),
    (["delete", "--nosuch", "a"], 1, "flag provided but not defined: -nosuch"),
    (["delete", "--force=perhaps", "a"], 1, "invalid boolean value \\\"perhaps\\\" for -force"),
    (["run", "--preserve-fds", "x", "a"], 1, "--preserve-fds: expected a number"),
    (["run", "-df", "a"], 1, "flag provided but not defined: -df"),
    (["list", "--format", "xml"], 1, "invalid format option: xml"),
    (["checkpoint", "--image-path", "x", "a"], 1, "checkpoint is not supported"),
    (["restore", "-no-subreaper", "a"], 1, "restore is not supported"),
    (["state", ""], 1, "container id cannot be empty"),
])
def test_wrong_usage(moor, words, status, message):
    code, out, err = plain(moor, *words)
    assert code == status and message in err and err.count("\n") == 1
    assert re.match(r'time="[^"]+" level=error msg="', err)
    if "argument" in message or "provided" in message:
        assert out.startswith("Incorrect Usage") and "NAME:\n" in out


@pytest.mark.parametrize("words", [["run"], ["exec", "--nosuch"], ["--nosuch"]])
def test_the_mistake_stands_below_the_usage(moor, words):
    """Both streams in one pipe, as a script's log has them: whole lines, the reason last."""
    process = subprocess.run([PROGRAM, *words], env=moor.env, text=True, timeout=30,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    lines = process.stdout.splitlines()
    assert lines[0].startswith("Incorrect Usage")
    assert re.match(r'time="[^"]+" level=error msg="', lines[-1])
    assert process.stdout.count("level=error") == 1


@pytest.mark.parametrize("words", [(), ("exec",), ("list",), ("ps",), ("spec",)])
def test_help_is_aligned(moor, words):
    """Explanations begin in one column, below names that are too long for it."""
    out = plain(moor, *words, "--help")[1]
    options = out.partition("OPTIONS:\n")[2].splitlines()
    assert options and not re.search(r" $", out, re.MULTILINE)
    for line in options:
        is_name_alone = re.fullmatch(r"   --\S+ \S+, -\w \S+", line)
        assert is_name_alone or re.match(r".{35} \S", line), line


def test_flags_among_the_operands(bundle):
    """As callers of runc mix them: behind the id, with one dash, with =, ended by --."""
    moor = bundle.moor
    bundle.write()
    moor.runc("create", bundle.id, "-bundle=" + bundle.path, capture_output=False, input=None,
              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert moor.runc("list", "-q").stdout == bundle.id + "\n"
    moor.runc("delete", "--", "--force", code=1)
    moor.runc("delete", "--force=false", "nosuch", code=1)
    moor.runc("delete", bundle.id, "-force")
    moor.runc("delete", "nosuch", "-f")
    assert bundle.traces() == []


# -- log -----------------------------------------------------------------------------------------


def test_log(bundle, tmp_path):
    """Nothing on success; on failure one record, and the text alone on standard error."""
    log = tmp_path / "log"
    os.makedirs(os.path.join(bundle.moor.run_dir, "runc"))
    previous = os.umask(0)
    try:
        bundle.moor.runc("--log", log, "--log-format", "json", "list")
    finally:
        os.umask(previous)
    assert log.read_text() == "" and log.stat().st_mode & 0o777 == 0o644
    bundle.config["process"]["args"] = ['no"such\t\\']
    bundle.write()
    arguments = ["run", "--bundle", bundle.path, bundle.id]
    result = bundle.moor.runc("--log", log, "--log-format", "json", *arguments, code=1)
    record = json.loads(log.read_text())
    assert sorted(record) == ["level", "msg", "time"] and record["level"] == "error"
    assert record["msg"] + "\n" == result.stderr
    assert record["msg"].startswith("runc run failed: unable to start container process: exec: ")
    log.unlink()
    bundle.moor.runc("--log", log, *arguments, code=1)
    text = re.fullmatch(r'time="\d{4}-\d\d-\d\dT[\d:.]+Z" level=error msg="((?:[^"\\]|\\.)*)"\n',
                        log.read_text())[1]
    assert text.replace("\\t", "\t").replace('\\"', '"').replace("\\\\", "\\") == record["msg"]


@pytest.mark.parametrize("form", ["text", "json"])
def test_debug(bundle, tmp_path, form):
    """The steps on a container's way, in runc's words; to the log, or to standard error."""
    bundle.config["process"].update(args=["sleep", "1000"], execCPUAffinity={"initial": "0"})
    bundle.config["linux"]["seccomp"] = bundles.SECCOMP
    bundle.write()
    level = {"text": "level=debug", "json": '"level":"debug"'}[form]
    log = tmp_path / "log"
    before = ["--debug", "--log-format", form]
    with open(tmp_path / "error", "w") as error:
        bundle.moor.runc(*before, "--log", log, "run", "--detach", "--bundle", bundle.path, bundle.id,
                         **{**bundles.QUIET, "stderr": error})
    assert (tmp_path / "error").read_text() == ""
    told = bundle.moor.runc(*before, "exec", bundle.id, "true").stderr
    bundle.moor.runc("delete", "--force", bundle.id)
    steps = ["seccomp filter flags: 4", "nsexec container setup", "child process in init()"]
    for text, more in ((log.read_text(), ["init: closing the pipe to signal completion"]),
                       (told, [": affinity: 0x1", "setns_init: about to exec"])):
        lines = text.splitlines()
        assert all(level in line for line in lines)
        for words in steps + more:
            assert [line for line in lines if words in line], words
        assert len(lines) == len(steps + more)


def test_called_runc(moor, tmp_path):
    program = tmp_path / "runc"
    shutil.copy(PROGRAM, program)
    lines = moor.run(program, "--version").stdout.splitlines()
    assert re.match(r"runc version \d+\.\d+\.\d+", lines[0]) and lines[1].startswith("commit: ")
    assert re.match(r"spec: 1\.\d+\.\d+", lines[2])
    assert not any("version" in line for line in lines[1:])
    assert moor.run(program, "start", "-h").stdout.splitlines()[1].startswith("   runc start - ")


# -- state and list ------------------------------------------------------------------------------


def test_state_and_list(bundle):
    moor = bundle.moor
    os.makedirs(os.path.join(moor.run_dir, "runc"))
    assert moor.runc("list").stdout == ("ID          PID         STATUS      BUNDLE      CREATED     "
                                        "OWNER\n")
    assert moor.runc("list", "--format", "json").stdout == "null\n"
    pid = bundle.create("sleep", "100")
    try:
        text = moor.runc("state", bundle.id).stdout
        state = json.loads(text)
        assert text == json.dumps(state, indent=2)  # no newline at the end
        assert list(state) == ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "owner"]
        heading, row = moor.runc("list").stdout.splitlines()
        cells = [bundle.id, str(pid), "created", bundle.path, state["created"], "root"]
        starts = [heading.index(name) for name in ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")]
        assert row.split() == cells and [row.rindex(cell) for cell in cells[-3:]] == starts[-3:]
        assert row.startswith(bundle.id.ljust(starts[1]) + str(pid).ljust(12) + "created".ljust(12))
        widths = [second - first for first, second in zip(starts, starts[1:])]
        assert widths == [max(12, len(cell) + 3) for cell in cells[:-1]]
        assert json.loads(moor.runc("list", "-f", "json").stdout) == [{**state, "owner": "root"}]
    finally:
        moor.runc("delete", "--force", bundle.id)


@pytest.mark.parametrize("name", ["TERM", "SIGINT", "sighup", "3"])
def test_kill_of_a_created_container(bundle, name):
    """It needs no SIGKILL, although init has no program yet that would have handlers."""
    bundle.create("sleep", "100")
    bundle.moor.runc("kill", bundle.id, "0")
    bundle.moor.runc("kill", bundle.id, name)
    world.wait_until(lambda: bundle.state()["status"] == "stopped", "the container's end")
    assert "container not running" in bundle.moor.runc("kill", bundle.id, "0", code=1).stderr
    bundle.moor.runc("delete", bundle.id)


# -- descriptors and services --------------------------------------------------------------------


LIST_FDS = "ls /proc/self/fd; env | sort | grep LISTEN; cat <&3"


def with_fds(bundle, count, script, *arguments, before=(), **environment):
    """Runs with descriptors 3 to 2+count open, and no others; LISTEN_PID is the runtime's."""
    bundle.config["process"]["args"] = ["sh", "-c", script]
    bundle.write()
    note = os.path.join(bundle.moor.directory, "note")
    with open(note, "w") as file:
        file.write("hello\n")
    opened = " ".join(f"{fd}<{note}" for fd in range(3, 3 + count))
    line = f'export LISTEN_PID=$$; exec "$@" {opened}'
    return bundle.moor.run("sh", "-c", line, "sh", PROGRAM, "--root",
                           os.path.join(bundle.moor.run_dir, "runc"), *before, "run", "--bundle",
                           bundle.path, *arguments, bundle.id, env=environment, code=None)


def test_preserved_descriptors(bundle):
    assert with_fds(bundle, 2, "ls /proc/self/fd", "--preserve-fds", "2").stdout.split() == \
        ["0", "1", "2", "3", "4", "5"]  # the last is ls's own
    assert with_fds(bundle, 2, "ls /proc/self/fd").stdout.split() == ["0", "1", "2", "3"]
    # Not even the log's descriptor makes up for one that is missing.
    log = os.path.join(bundle.moor.directory, "log")
    result = with_fds(bundle, 1, "true", "--preserve-fds", "2", before=["--log", log])
    assert result.returncode == 1 and "preserved-fd 1 (of 2) is present: descriptor 4 " in result.stderr
    assert bundle.traces() == []


def test_socket_activation(bundle):
    result = with_fds(bundle, 3, LIST_FDS, "--preserve-fds", "1", LISTEN_FDS="2", LISTEN_FDNAMES="a:b")
    assert result.stdout.split() == ["0", "1", "2", "3", "4", "5", "6", "LISTEN_FDNAMES=a:b",
                                     "LISTEN_FDS=2", "LISTEN_PID=1", "hello"]
    result = with_fds(bundle, 1, "true", LISTEN_FDS="2")
    assert result.returncode == 1 and "preserved-fd 1 " in result.stderr
    assert "LISTEN_FDS: expected a number" in with_fds(bundle, 1, "true", LISTEN_FDS="2x").stderr


def test_sockets_of_another_process(bundle):
    """They were opened for somebody else's child, whose variables we have inherited."""
    bundle.moor.env["LISTEN_FDS"] = "2"
    bundle.moor.env["LISTEN_PID"] = str(os.getpid())
    assert "LISTEN" not in bundle.sh("env")


@contextlib.contextmanager
def manager(bundle):
    """A service manager's socket; what it receives, with the pipe of a barrier closed."""
    with service_manager(bundle) as sock:
        def receive():
            text, fds, _, _ = socket.recv_fds(sock, 4096, 4)
            for fd in fds:
                os.close(fd)
            return text.decode()

        yield receive


def say(bundle, *messages):
    """The container's program says that to its manager, from outside: its root has no Python."""
    directory = os.path.join(bundle.moor.run_dir, "runc", bundle.id, "notify", "notify.sock")
    world.wait_until(lambda: os.path.exists(directory), "the notify socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.connect(directory)
        for message in messages:
            sock.send(message.encode())


def start(bundle, verb, *arguments):
    command = [PROGRAM, "--root", os.path.join(bundle.moor.run_dir, "runc"), verb, *arguments, bundle.id]
    return subprocess.Popen(command, env=bundle.moor.env, stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL)


SEEN = "[ $NOTIFY_SOCKET = /run/notify/notify.sock ] && [ -S $NOTIFY_SOCKET ] || exit 7; exec sleep 100"


@pytest.mark.parametrize("is_created", [True, False])
def test_ready_of_a_detached_service(bundle, is_created):
    """start and run -d return once it is ready; only READY gets out, and then the pid of init."""
    with manager(bundle) as receive:
        if is_created:
            bundle.create("sh", "-c", SEEN)
            process = start(bundle, "start")
        else:
            bundle.config["process"]["args"] = ["sh", "-c", SEEN]
            bundle.write()
            process = start(bundle, "run", "--detach", "--bundle", bundle.path)
        try:
            say(bundle, "STATUS=warming up\nMAINPID=1", "X=1\nREADY=1\nMAINPID=7")
            assert receive() == "READY=1\n"
            assert receive() == f"MAINPID={bundle.state()['pid']}\n"
            assert process.poll() is None  # it waits at the barrier, which the next line lifts
            assert receive() == "BARRIER=1"
            assert process.wait(20) == 0
            assert bundle.state()["status"] == "running"
        finally:
            process.kill()
            process.wait()
            bundle.moor.runc("delete", "--force", bundle.id)
    assert bundle.traces() == []


def test_service_that_ends_before_it_is_ready(bundle):
    with manager(bundle):
        bundle.config["process"]["args"] = ["false"]
        bundle.write()
        assert start(bundle, "run", "--detach", "--bundle", bundle.path).wait(20) == 0
        assert bundle.state()["status"] == "stopped"
        bundle.moor.runc("delete", bundle.id)


def test_ready_of_a_service_in_the_foreground(bundle):
    """The runtime stays the main process."""
    with manager(bundle) as receive:
        bundle.config["process"]["args"] = ["sh", "-c", SEEN]
        bundle.write()
        process = start(bundle, "run", "--bundle", bundle.path)
        try:
            say(bundle, "READY=1")
            assert [receive(), receive()] == ["READY=1\n", f"MAINPID={process.pid}\n"]
            world.wait_until(lambda: bundle.state()["status"] == "running", "the program")
            bundle.moor.runc("kill", bundle.id, "KILL")
            assert process.wait(20) == 128 + signal.SIGKILL
        finally:
            process.kill()
            process.wait()
    assert bundle.traces() == []


def test_manager_that_is_gone(bundle):
    """What runs already is not ended because nobody hears that it is ready."""
    bundle.moor.env["NOTIFY_SOCKET"] = os.path.join(bundle.moor.directory, "nosuch")
    bundle.config["process"]["args"] = ["sh", "-c", SEEN]
    bundle.write()
    process = start(bundle, "run", "--detach", "--bundle", bundle.path)
    say(bundle, "READY=1")
    assert process.wait(20) == 0 and bundle.state()["status"] == "running"
    bundle.moor.runc("delete", "--force", bundle.id)


# -- what other runtimes' callers write ----------------------------------------------------------


def test_config_of_another_name(bundle):
    """crun's --config; relative to the caller, as with crun."""
    bundle.config["process"]["args"] = ["echo", "other"]
    bundle.write()
    os.rename(os.path.join(bundle.path, "config.json"), os.path.join(bundle.path, "other.json"))
    command = ["run", "--config", "bundle/other.json", "--bundle", bundle.path, bundle.id]
    assert bundle.moor.runc(*command, cwd=bundle.moor.directory).stdout == "other\n"
    command[2] = "other.json"
    assert "file other.json not found" in bundle.moor.runc(*command, code=1).stderr


def test_empty_path_of_a_namespace(bundle):
    """Programs write it where people leave it out."""
    for namespace in bundle.config["linux"]["namespaces"]:
        namespace["path"] = ""
    assert bundle.sh("hostname; echo $$") == "harbour\n1\n"


@pytest.mark.parametrize("command", ["/bin/mine", "mine"])
@pytest.mark.parametrize("is_mighty", [False, True])
def test_program_of_another_user(bundle, command, is_mighty):
    """With CAP_DAC_OVERRIDE one may execute what any user may, not what nobody may."""
    program = os.path.join(bundle.rootfs, "bin", "mine")
    shutil.copy(world.BUSYBOX, program)
    os.chmod(program, 0o744)
    capabilities = ["CAP_DAC_OVERRIDE"] if is_mighty else []
    bundle.config["process"].update(
        args=[command], user={"uid": 1000, "gid": 1000},
        capabilities={kind: capabilities
                      for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")})
    result = bundle.runc("run", code=None)
    if is_mighty:
        assert result.stderr == "mine: applet not found\n"  # busybox itself
        os.chmod(program, 0o644)
        result = bundle.runc("run", code=None)
    assert result.returncode == 1 and f'exec: "{command}": permission denied' in result.stderr
