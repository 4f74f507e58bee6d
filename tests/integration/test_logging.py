# SPDX-License-Identifier: Apache-2.0
"""Log drivers: what is passed on, what docker logs shows of it, and which options there are."""

import contextlib
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import world
from world import free_port, parent, wait_until

NO_NETWORK = ("--network", "none")
STAMP = r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d"
RFC3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


@pytest.fixture
def run(moor, busybox):
    def run(*options, command=("sh", "-c", "echo out; echo err >&2"), **others):
        return moor.docker("run", *NO_NETWORK, *options, busybox, *command, **others)
    return run


def options_of(driver, **options):
    pairs = [f"--log-opt={name.replace('_', '-')}={value}" for name, value in options.items()]
    return ("--log-driver", driver, *pairs)


class Listener:
    """A syslog server: datagrams, or one connection after the other."""

    def __init__(self, family, kind, address):
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(30)
        self.socket.bind(address)
        self.kind = kind
        self.connection = None
        self.rest = b""
        if kind == socket.SOCK_STREAM:
            self.socket.listen()

    def line(self):
        if self.kind == socket.SOCK_DGRAM:
            return self.socket.recv(70000).decode().removesuffix("\n")
        if not self.connection:
            self.connection = self.socket.accept()[0]
            self.connection.settimeout(30)
        while b"\n" not in self.rest:
            more = self.connection.recv(65536)
            assert more, f"closed after {self.rest}"
            self.rest += more
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def close(self):
        self.socket.close()
        if self.connection:
            self.connection.close()


@contextlib.contextmanager
def listening(scheme, directory):
    port, path = free_port(), os.path.join(directory, "syslog.sock")
    family, kind, address, url = {
        "udp": (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", port), f"udp://127.0.0.1:{port}"),
        "tcp": (socket.AF_INET6, socket.SOCK_STREAM, ("::1", port), f"tcp://[::1]:{port}"),
        "unix": (socket.AF_UNIX, socket.SOCK_STREAM, path, f"unix://{path}"),
        "unixgram": (socket.AF_UNIX, socket.SOCK_DGRAM, path, f"unixgram://{path}"),
    }[scheme]
    with contextlib.closing(Listener(family, kind, address)) as listener:
        yield listener, url


def loggers(moor):
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and is_logger(pid, moor.directory)]


def is_logger(pid, directory):
    with contextlib.suppress(OSError):
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
            if file.read() != "mooring-logger\n":
                return False
        return any(os.readlink(f"/proc/{pid}/fd/{fd}").startswith(directory) for fd in os.listdir(f"/proc/{pid}/fd"))
    return False


@pytest.mark.parametrize("scheme,options,head", [
    ("udp", {}, STAMP + r" %(id)s\[\d+\]: "),
    ("tcp", {"syslog_format": "rfc5424", "syslog_facility": "local3", "tag": "{{.Name}}/{{ .ImageName }}"},
     "1 " + RFC3339 + r"\S* %(host)s c/%(image)s \d+ c/%(image)s - "),
    ("unix", {"syslog_format": "rfc3164", "syslog_facility": "19", "tag": "x"}, STAMP + r" %(host)s x\[\d+\]: "),
    ("unixgram", {"syslog_format": "rfc5424micro", "tag": "{{.FullID}}"},
     "1 " + RFC3339 + r"\.\d{6}\S* %(host)s %(full)s \d+ %(full)s - "),
], ids=["udp", "tcp", "unix", "unixgram"])
def test_syslog(run, moor, busybox, tmp_path, scheme, options, head):
    """What docker sends, over everything that carries it; docker logs shows it all the same."""
    with listening(scheme, tmp_path) as (listener, url):
        run("--name", "c", *options_of("syslog", syslog_address=url, **options))
        lines = sorted((listener.line(), listener.line()), reverse=True)
    full = moor.docker("inspect", "-f", "{{.Id}}", "c").stdout.strip()
    head %= {"id": full[:12], "full": full, "host": re.escape(socket.gethostname()), "image": re.escape(busybox)}
    facility = 19 if "syslog_facility" in options else 3
    assert re.fullmatch(rf"<{facility * 8 + 6}>{head}out", lines[0])
    assert re.fullmatch(rf"<{facility * 8 + 3}>{head}err", lines[1])
    shown = moor.docker("logs", "c")
    assert (shown.stdout, shown.stderr) == ("out\n", "err\n")
    assert moor.docker("inspect", "-f", "{{.HostConfig.LogConfig.Type}} {{.LogPath}}", "c").stdout == "syslog \n"
    wait_until(lambda: not loggers(moor), "the end of the logger")


def test_syslog_that_is_not_there_yet(run, moor):
    """Nothing is lost, doubled or out of order while the log has room for it, across its rotation."""
    port = free_port()
    count = 4000
    address = ("127.0.0.1", port)
    run("-d", "--name", "c", *options_of("syslog", syslog_address=f"tcp://127.0.0.1:{port}", cache_max_size="64k",
                                         cache_max_file=20),
        command=("sh", "-c", f"seq 1 {count}; exec sleep 600"))
    wait_until(lambda: moor.docker("logs", "-n", "1", "c").stdout == f"{count}\n", "all lines")
    with contextlib.closing(Listener(socket.AF_INET, socket.SOCK_STREAM, address)) as listener:
        assert [listener.line().rsplit(" ", 1)[1] for _ in range(count)] == [str(i + 1) for i in range(count)]
        (logger,) = loggers(moor)
        with open(f"/proc/{logger}/status", encoding="utf-8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert status["NoNewPrivs"] == "1"
        # Another life of the container begins where the last one ended.
        moor.docker("restart", "-t", "0", "c")
        listener.connection.close()
        listener.connection, listener.rest = None, b""
        assert listener.line().endswith("]: 1")
        moor.docker("rm", "-f", "c")
    wait_until(lambda: not loggers(moor), "the end of the logger")


@contextlib.contextmanager
def bounded(process):
    """Who waits for lines that do not come hears of the end instead."""
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


@pytest.mark.parametrize("files, more", [(12, {}), (1, {}), (12, {"compress": "true"})], ids=["12", "1", "12-packed"])
def test_followed_over_many_rotations(run, moor, tmp_path, files, more):
    """Who reads slowly finds the log rotated several times since the last look: no line is missed or doubled while its
    file is there. Of a single file, which is emptied each time, the last lines are read, and what is written afterwards."""
    os.mkfifo(tmp_path / "wanted")
    run("-d", "--name", "c", "-v", f"{tmp_path}:/shared", *options_of("json-file", max_size="16k", max_file=files, **more),
        command=("sh", "-c", "exec 3<>/shared/wanted; while read from to <&3; do seq $from $to; done"))

    def write(first, last):
        with open(tmp_path / "wanted", "w", encoding="utf-8") as file:
            file.write(f"{first} {last}\n")
        wait_until(lambda: moor.docker("logs", "-n", "1", "c").stdout == f"{last}\n", f"line {last}")

    write(1, 3)
    with moor.start("docker", "logs", "-f", "c") as follower:
        got = [follower.stdout.readline() for _ in range(3)]
        os.kill(follower.pid, signal.SIGSTOP)
        write(4, 900)  # about 80 bytes a record: more than four files
        os.kill(follower.pid, signal.SIGCONT)
        with bounded(follower):
            while got[-1] not in ("900\n", ""):
                got.append(follower.stdout.readline())
        assert got[-1], "the follower missed the last line"
        write(901, 902)
        got += [follower.stdout.readline() for _ in range(2)]
        moor.docker("rm", "-f", "c")
        rest = follower.stdout.read()
        follower.wait(30)
    numbers = [int(line) for line in got]
    assert rest == ""
    assert numbers == (list(range(1, 903)) if files > 1 else [1, 2, 3, *range(numbers[3], 903)])


def log_files(moor, name):
    """By name; one that is not whole yet is none."""
    path = moor.docker("inspect", "-f", "{{.LogPath}}", name).stdout.strip() or os.path.join(
        moor.root, "containers", moor.docker("inspect", "-f", "{{.Id}}", name).stdout.strip(), "container.log")
    found = {}
    for file in os.listdir(os.path.dirname(path)):
        if file.startswith("container.log"):
            found[file] = os.path.join(os.path.dirname(path), file)
    return found


def pss_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


@pytest.mark.static
def test_memory_between_two_lines(run, moor):
    """Who tells something every second has a monitor as small as who is silent, but for the moment of it."""
    run("-d", "--name", "c", command=("sh", "-c", "while busybox sleep 1; do echo told; done"))
    monitor = parent(int(moor.docker("inspect", "-f", "{{.State.Pid}}", "c").stdout))
    for lines in (1, 3):
        wait_until(lambda lines=lines: len(moor.docker("logs", "c").stdout.splitlines()) >= lines, "the container to tell")
        wait_until(lambda: pss_kib(monitor) < 150, "the monitor to be small")
    moor.docker("rm", "-f", "c")


def test_packed_logs(run, moor, tmp_path):
    """compress: rotated files are packed one after the other, as docker names them, and read like the others."""
    os.mkfifo(tmp_path / "wanted")
    run("-d", "--name", "c", "-v", f"{tmp_path}:/shared", *options_of("json-file", max_size="16k", max_file=4, compress="true"),
        command=("sh", "-c", "exec 3<>/shared/wanted; while read from to <&3; do seq $from $to; done"))
    written = 0
    moment = None
    for packed in ([], ["1"], ["1", "2"], ["1", "2", "3"], ["1", "2", "3"]):
        with open(tmp_path / "wanted", "w", encoding="utf-8") as file:
            file.write(f"{written + 1} {written + 200}\n")  # 16 kB and some
        written += 200
        wait_until(lambda: moor.docker("logs", "-n", "1", "c").stdout == f"{written}\n", "the last line")
        wanted = ["container.log", *[f"container.log.{number}.gz" for number in packed]]
        wait_until(lambda: sorted(log_files(moor, "c")) == wanted, f"{wanted}")
        if written == 600:
            moment = moor.docker("logs", "-t", "-n", "1", "c").stdout.split()[0]
    numbers = []
    for name, path in sorted(log_files(moor, "c").items(), reverse=True):
        with (gzip.open if name.endswith(".gz") else open)(path, "rt", encoding="utf-8") as file:
            numbers += [int(json.loads(line)["log"]) for line in file]
        assert os.stat(path).st_mode & 0o777 == 0o640
    assert numbers == list(range(numbers[0], 1001)) and numbers[0] > 1 and len(numbers) > 600
    text = [f"{number}\n" for number in numbers]
    assert moor.docker("logs", "c").stdout == "".join(text)
    assert moor.docker("logs", "-n", "500", "c").stdout == "".join(text[-500:])
    since = moor.docker("logs", "--since", moment, "c").stdout.splitlines()  # what was read together has one time
    assert since == [str(number) for number in range(int(since[0]), 1001)] and 400 < int(since[0]) <= 600
    assert moor.docker("logs", "--until", moment, "c").stdout.endswith("599\n600\n")
    # Who takes only the beginning; both forms of one file, as a power cut may leave them; one that is damaged.
    assert moor.run("sh", "-c", "docker logs c | { read line; echo $line; }").stdout == text[0]
    files = log_files(moor, "c")
    with gzip.open(files["container.log.2.gz"], "rb") as file, open(files["container.log.2.gz"][:-3], "wb") as plain:
        plain.write(file.read())
    assert moor.docker("logs", "c").stdout == "".join(text)
    os.unlink(plain.name)
    os.truncate(files["container.log.3.gz"], os.path.getsize(files["container.log.3.gz"]) // 2)
    assert moor.docker("logs", "c").stdout.endswith("".join(text[-500:]))
    monitor = parent(int(moor.docker("inspect", "-f", "{{.State.Pid}}", "c").stdout))
    with open(f"/proc/{monitor}/task/{monitor}/children") as children:
        assert len(children.read().split()) == 1, "the container's init"
    if "sanitize" not in world.BUILD:
        wait_until(lambda: pss_kib(monitor) < 150, "the monitor to be small")
    moor.docker("rm", "-f", "c")


def test_packing_that_is_outrun(run, moor):
    """Who writes faster than they are packed has files as they are: none is lost, none is there twice."""
    run("--name", "c", *options_of("local", max_size="64k"), command=("busybox", "seq", "1", "60000"))
    numbers = [int(line) for line in moor.docker("logs", "c").stdout.split()]
    assert numbers == list(range(numbers[0], 60001))
    files = log_files(moor, "c")
    assert sorted({name.removesuffix(".gz") for name in files}) == ["container.log", *[f"container.log.{i}" for i in range(1, 5)]]
    assert len(files) == 5 and not any(name.endswith(".new") for name in files)
    moor.docker("start", "-a", "c")  # packs what was left, or what replaces it
    assert moor.docker("logs", "-n", "1", "c").stdout == "60000\n" and len(log_files(moor, "c")) == 5
    moor.docker("rm", "c")


def test_who_packs_may_only_read_and_write(tmp_path):
    program = os.path.join(world.BUILD, "engine", "mooring-logpress")
    with subprocess.Popen([program, "--expand"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as expand:
        expand.stdin.write(gzip.compress(b"x" * 1000)[:20])
        expand.stdin.flush()
        with open(f"/proc/{expand.pid}/status") as status:
            seen = status.read
            if "sanitize" not in world.BUILD:
                wait_until(lambda: status.seek(0) == 0 and "Seccomp:\t1\n" in seen(), "the strict filter")
        expand.stdin.close()
        assert expand.wait(20) == 1
    for data, code in (gzip.compress(os.urandom(100000)), 0), (b"", 1), (b"nonsense" * 100, 1), (gzip.compress(b"x" * 10**6), 0):
        done = subprocess.run([program, "--expand"], input=data, capture_output=True, timeout=20)
        assert done.returncode == code and (code or done.stdout == gzip.decompress(data))


def test_followed_over_a_file_of_the_same_size(run, moor, tmp_path):
    """The only file was emptied, and is as long again as it was at the last look: what tells is what it begins with."""
    os.mkfifo(tmp_path / "end")
    run("-d", "--name", "c", "-v", f"{tmp_path}:/shared", *options_of("json-file", max_size="16k", max_file=1),
        command=("sh", "-c", "seq 1 3; read from </shared/end"))
    wait_until(lambda: moor.docker("logs", "-n", "1", "c").stdout == "3\n", "line 3")
    path = moor.docker("inspect", "-f", "{{.LogPath}}", "c").stdout.strip()
    with moor.start("docker", "logs", "-f", "c") as follower:
        got = [follower.stdout.readline() for _ in range(3)]
        os.kill(follower.pid, signal.SIGSTOP)
        with open(path, "r+", encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
            file.seek(0)
            file.truncate()
            for record in records:
                record["log"] = f"{int(record['log']) + 6}\n"
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
        os.kill(follower.pid, signal.SIGCONT)
        with bounded(follower):
            got += [follower.stdout.readline() for _ in range(3)]
        moor.docker("rm", "-f", "c")
        follower.wait(30)
    assert [int(line) for line in got] == [1, 2, 3, 7, 8, 9]


@pytest.fixture
def journal(tmp_path):
    """systemd's journal in a /run of its own: journal(argv) runs a program that sees it; its entries
    are what journal.entries() gives."""
    script = ("mount -t tmpfs tmpfs /run && mkdir -p /run/systemd/journal /run/log/journal && "
              "mkdir -p {mooring} && mount --bind {mooring} {mooring}; "
              "/lib/systemd/systemd-journald & echo $!; wait")
    holder = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c",
                               script.format(mooring=tmp_path / "x")],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    daemon = int(holder.stdout.readline())

    class Journal:
        inside = ["nsenter", "-t", str(daemon), "-m"]

        @staticmethod
        def entries():
            shown = subprocess.run([*Journal.inside, "journalctl", "-D", "/run/log/journal", "-o", "json",
                                    "CONTAINER_NAME=c"], capture_output=True, text=True, check=False)
            return [json.loads(line) for line in shown.stdout.splitlines()]

    wait_until(lambda: os.path.exists(f"/proc/{daemon}/root/run/systemd/journal/socket"), "the journal")
    yield Journal
    os.kill(daemon, 15)
    holder.wait(20)


def test_journald(moor, busybox, journal):
    moor.run(*journal.inside, os.path.join(moor.names, "docker"), "run", "--name", "c", *NO_NETWORK,
             *options_of("journald", tag="t-{{.Name}}", labels="one,none", env="E"), "--label", "one=1 2", "-e",
             "E=a\nb", busybox, "sh", "-c", "echo out; echo err >&2; printf 'no end'")
    wait_until(lambda: len(journal.entries()) == 3, "three entries")
    by_text = {entry["MESSAGE"]: entry for entry in journal.entries()}
    assert {text: (entry["PRIORITY"], entry.get("CONTAINER_PARTIAL_MESSAGE")) for text, entry in by_text.items()} == {
        "out": ("6", None), "err": ("3", None), "no end": ("6", "true")}
    full = moor.docker("inspect", "-f", "{{.Id}}", "c").stdout.strip()
    wanted = {"CONTAINER_ID": full[:12], "CONTAINER_ID_FULL": full, "CONTAINER_TAG": "t-c",
              "SYSLOG_IDENTIFIER": "t-c", "IMAGE_NAME": busybox, "ONE": "1 2", "E": "a\nb"}
    assert {name: by_text["out"].get(name) for name in wanted} == wanted
    assert moor.docker("logs", "c").stdout == "out\nno end"
    wait_until(lambda: not loggers(moor), "the end of the logger")


def test_attributes(run, moor):
    """Labels, variables and a tag in each record of json-file; --details shows them."""
    run("--name", "c", *options_of("json-file", labels="b,none", env_regex="^E", tag="{{.Name}}", max_size="1m"),
        "--label", "b=x y,\"}", "-e", "E1=1", "-e", "F=2", command=("echo", "a \"b\""))
    with open(moor.docker("inspect", "-f", "{{.LogPath}}", "c").stdout.strip(), encoding="utf-8") as file:
        assert json.loads(file.read())["attrs"] == {"E1": "1", "b": 'x y,"}', "tag": "c"}
    assert moor.docker("logs", "c").stdout == 'a "b"\n'
    assert moor.docker("logs", "--details", "c").stdout == 'E1=1,b=x+y%2C%22%7D,tag=c a "b"\n'
    assert json.loads(moor.docker("inspect", "-f", "{{json .HostConfig.LogConfig}}", "c").stdout) == {
        "Type": "json-file", "Config": {"env-regex": "^E", "labels": "b,none", "max-size": "1m", "tag": "{{.Name}}"}}


def test_the_usual_driver(run, moor):
    """daemon.json's log-driver and log-opts; a container's own options go before."""
    with open(os.path.join(moor.config, "daemon.json"), "w", encoding="utf-8") as file:
        json.dump({"log-driver": "local", "log-opts": {"max-size": "1m", "max-file": "2"}}, file)
    run("--name", "c", "--log-opt", "max-file=4")
    run("--name", "d", "--log-driver", "json-file")
    shown = moor.docker("inspect", "-f", "{{json .HostConfig.LogConfig}}", "c", "d").stdout.splitlines()
    assert [json.loads(line) for line in shown] == [
        {"Type": "local", "Config": {"max-file": "4", "max-size": "1m"}}, {"Type": "json-file", "Config": {}}]
    assert moor.docker("info", "-f", "{{.LoggingDriver}}").stdout == "local\n"
    with open(os.path.join(moor.config, "daemon.json"), "w", encoding="utf-8") as file:
        json.dump({"log-opts": {"bogus": "1m"}}, file)
    assert "unknown log opt 'bogus' for json-file" in run(code=125).stderr


def test_logs_that_cannot_be_read(run, moor):
    run("--name", "c", "--log-driver", "none")
    run("--name", "d", *options_of("syslog", syslog_address="udp://127.0.0.1:9", cache_disabled="true"))
    run("--name", "e", *options_of("local", max_file="2", compress="true"))
    for name in "cd":
        assert ("configured logging driver does not support reading"
                in moor.docker("logs", name, code=1).stderr)
    assert moor.docker("logs", "e").stdout == "out\n"
    assert moor.docker("inspect", "-f", "{{.HostConfig.LogConfig.Type}} {{.LogPath}}", "e").stdout == "local \n"


REFUSED = [
    ("json-file", {"bogus": 1}, "unknown log opt 'bogus' for json-file log driver"),
    ("json-file", {"syslog_address": "udp://x"}, "unknown log opt 'syslog-address' for json-file log driver"),
    ("syslog", {"max_size": "1m"}, "unknown log opt 'max-size' for syslog log driver"),
    ("journald", {"bogus": 1}, "unknown log opt 'bogus' for journald log driver"),
    ("local", {"bogus": 1}, "unknown log opt 'bogus' for log driver local"),
    ("none", {"max_size": "1m"}, "invalid logging opts for driver none"),
    ("bogus", {}, 'error looking up logging plugin bogus: plugin "bogus" not found'),
    ("json-file", {"max_size": "x"}, "invalid value for max-size: x"),
    ("json-file", {"max_file": "0"}, "max-file cannot be less than 1"),
    ("json-file", {"mode": "fast"}, "logger: logging mode not supported: fast"),
    ("json-file", {"max_buffer_size": "1m"}, "max-buffer-size option is only supported with 'mode=non-blocking'"),
    ("json-file", {"compress": "maybe"}, 'strconv.ParseBool: parsing "maybe": invalid syntax'),
    ("json-file", {"compress": "true", "max_file": "1"}, "compress cannot be true when max-file is less than 2 or max-size is not set"),
    ("json-file", {"max_size": "10k", "compress": "true"}, "max-size is not set: add --log-opt max-file=2 or more"),
    ("local", {"max_file": "1", "compress": "true"}, "when max file count is 1: add --log-opt max-file=2 or more"),
    ("json-file", {"compress": "1", "max_size": "-1", "max_file": "3"}, "compress cannot be true when max-file is less than 2 or"),
    ("json-file", {"compress": "true", "max_size": "10m"}, "compress cannot be true when max-file is less than 2 or max-size is"),
    ("local", {"compress": "true", "max_file": "1"}, "compression cannot be enabled when max file count is 1"),
    ("json-file", {"tag": "{{.Nope}}"}, "{{.Nope}} is not understood"),
    ("json-file", {"labels_regex": "("}, '"(" is no regular expression'),
    ("syslog", {"syslog_address": "here"}, "syslog-address should be in form proto://address, got here"),
    ("syslog", {"syslog_address": "http://x"}, "unsupported scheme: 'http'"),
    ("syslog", {"syslog_address": "udp://x:99999"}, '"udp://x:99999" is no address'),
    ("syslog", {"syslog_address": "tcp+tls://x"}, "tcp+tls is not supported"),
    ("syslog", {"syslog_facility": "24"}, "invalid syslog facility"),
    ("syslog", {"syslog_format": "x"}, "Invalid syslog format"),
]


def test_refused_options(run, moor):
    for driver, options, text in REFUSED:
        assert text in run(*options_of(driver, **options), code=125).stderr
    assert moor.docker("ps", "-aq").stdout == ""


def test_confinement_of_dockerd(moor, busybox):
    """What would confine every container is refused by its name, not passed over; what is as usual does not matter."""
    os.makedirs(moor.config, exist_ok=True)

    def write(settings):
        with open(os.path.join(moor.config, "daemon.json"), "w", encoding="utf-8") as file:
            json.dump(settings, file)

    for key, value in [("icc", False), ("userns-remap", "default"), ("no-new-privileges", True),
                       ("seccomp-profile", "/x.json"), ("default-ulimits", {"nofile": {"Soft": 1}})]:
        write({key: value})
        refused = moor.docker("run", "--rm", busybox, "true", code=125).stderr
        assert f"daemon.json: {key} is not supported: take it out and " in refused
    write({"icc": True, "userns-remap": "", "no-new-privileges": False, "storage-driver": "overlay2"})
    moor.docker("run", "--rm", "--network", "none", busybox, "true")


def test_settings_that_are_broken(moor, busybox):
    """One line with the place, of every verb that goes by them; what runs is looked after as ever."""
    moor.docker("run", "-d", "--name", "c", "--network", "none", busybox, "sleep", "60")
    os.makedirs(moor.config, exist_ok=True)
    name = os.path.join(moor.config, "daemon.json")
    for text, why in [("{", "not valid JSON at line 1"), ("[]", "expected an object, found an array")]:
        with open(name, "w", encoding="ascii") as file:
            file.write(text)
        for verb, code in [("run", 125), ("create", 1), ("pull", 1), ("info", 1)]:
            refused = moor.docker(verb, *([] if verb == "info" else ["-q", busybox]), code=code).stderr
            assert f"Error response from daemon: {name}: {why}" in refused, verb
        for words in (["ps"], ["images"], ["logs", "c"], ["cp", "c:/etc/passwd", "-"], ["exec", "c", "true"],
                      ["stop", "-t", "0", "c"], ["start", "c"]):
            assert moor.docker(*words).stderr == ""
    moor.docker("rm", "-f", "c")
