# SPDX-License-Identifier: Apache-2.0
"""Verbs about containers that run: exec, pause, top, stats, update, events, health checks; namespaces in common."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

import leftovers
from world import parent, wait_until


@pytest.fixture
def container(moor, busybox):
    """Starts one in the background and returns its ID."""
    def container(name, *options, command=("sleep", "60")):
        return moor.docker("run", "-d", "--network", "none", "--name", name, *options, busybox,
                           *command).stdout.strip()
    return container


def inspect(moor, name, template):
    return moor.docker("inspect", "-f", template, name).stdout.strip()


def cell(moor, name):
    return moor.docker("ps", "-a", "-f", f"name=^{name}$", "--format", "{{.Status}}").stdout.strip()


def test_exec(moor, container):
    """Streams, exit codes, environment, user, directory; the program's end is the command's."""
    id = container("x", "-e", "OWN=1", "-w", "/tmp")
    both = moor.docker("exec", "x", "sh", "-c", "echo out; echo err >&2; exit 7", code=7)
    assert (both.stdout, both.stderr) == ("out\n", "err\n")
    assert moor.docker("exec", "x", "cat", input="lost").stdout == ""
    data = os.urandom(1 << 20)
    assert moor.docker("exec", "-i", "x", "cat", input=data, text=False).stdout == data
    shown = moor.docker("exec", "-e", "A=1", "-e", "FROM", "-u", "user", "x", "sh", "-c",
                        "echo $OWN $A $FROM $HOME; pwd; id -u", env={"FROM": "here"}).stdout
    assert shown == "1 1 here /\n/tmp\n1000\n"
    assert moor.docker("exec", "-w", "/bin", "x", "sh", "-c", "pwd").stdout == "/bin\n"
    for command, code, text in [(["nosuch"], 127, "executable file not found in $PATH"),
                                (["/etc/passwd"], 126, "permission denied"), (["/etc"], 126, "")]:
        failed = moor.docker("exec", "x", *command, code=code)
        assert failed.stdout.startswith("OCI runtime exec failed: exec failed: unable to start container process: ")
        assert text in failed.stdout and failed.stderr == ""
    failed = moor.docker("exec", "-d", "x", "nosuch", code=1).stderr
    assert failed.startswith("Error response from daemon: OCI runtime exec failed: exec failed: ")
    for options, text in ((["-u", "nouser"], "unable to find user nouser: no matching entries in passwd file"),
                          (["-u", "root:nogroup"], "unable to find group nogroup: no matching entries in group file"),
                          (["-w", "rel"], "OCI runtime exec failed: exec failed: Cwd must be an absolute path: unknown"),
                          (["-w", "/no"], "OCI runtime exec failed: exec failed: unable to start container process: "
                                          "chdir to cwd (\"/no\") set in config.json failed: no such file or directory: unknown")):
        failed = moor.docker("exec", *options, "x", "true", code=126)
        assert (failed.stdout, failed.stderr) == (text + "\n", "")  # "\r\n", before Python reads it
    failed = moor.docker("exec", "-d", "-u", "nouser", "x", "true", code=1)
    assert failed.stderr.startswith("Error response from daemon: unable to find user nouser") and not failed.stdout
    assert "requires at least 2 arguments" in moor.docker("exec", "x", code=1).stderr
    caps = "grep CapEff /proc/self/status"
    assert "a80425fb" in moor.docker("exec", "x", "sh", "-c", caps.replace("grep", "busybox grep")).stdout
    ended = moor.start(os.path.join(moor.names, "docker"), "exec", "x", "sh", "-c",
                       "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done")
    assert ended.stdout.readline() == "up\n"
    ended.send_signal(signal.SIGTERM)
    assert ended.wait(10) == 5
    for stream in (ended.stdin, ended.stdout, ended.stderr):
        stream.close()
    assert moor.docker("exec", "-d", "x", "touch", "/done").stdout == ""
    wait_until(lambda: moor.docker("exec", "x", "ls", "/done", code=None).returncode == 0, "-d to have run")
    moor.docker("stop", "-t", "0", "x")
    assert f"Container {id} is not running" in moor.docker("exec", "x", "true", code=1).stderr
    assert "No such container: nope" in moor.docker("exec", "nope", "true", code=1).stderr


STREAMS = "for i in 0 1 2; do busybox readlink /proc/self/fd/$i; done"


def test_exec_gives_none_of_the_callers_streams(moor, container, tmp_path):
    """Of a file, a directory or a terminal the program could make more than it was given for: it has pipes."""
    def exec_with(stdin, stdout, *options, script=STREAMS):
        subprocess.run([os.path.join(moor.names, "docker"), "exec", *options, "x", "sh", "-c", script], env=moor.env, check=True,
                       timeout=30, stdin=stdin, stdout=stdout, stderr=stdout)

    container("x")
    honest, log = tmp_path / "deploy.sh", tmp_path / "log"
    honest.write_text("honest\n")
    log.write_text("before\n")
    with open(honest) as stdin, open(log, "a") as stdout:
        exec_with(stdin, stdout, "-i", script=STREAMS + "; echo evil >> /proc/self/fd/0; : > /proc/self/fd/1; cat")
    assert honest.read_text() == "honest\n"
    assert re.fullmatch(r"before\n(pipe:\S+\n){3}(evil\n)?honest\n(evil\n)?", log.read_text())
    directory = os.open(tmp_path, os.O_RDONLY)
    leader, terminal = os.openpty()
    try:
        with open(log, "w") as stdout:
            exec_with(directory, stdout, "-i", script="cd /proc/self/fd/0/ && pwd; " + STREAMS)
        lines = sorted(log.read_text().splitlines(), key=lambda line: line.startswith("pipe:"))
        assert "can't cd" in lines[0] and [line[:5] for line in lines[1:]] == ["pipe:"] * 3
        owner = os.fstat(terminal).st_uid
        exec_with(terminal, terminal, "-i", "-u", "1000")
        assert os.fstat(terminal).st_uid == owner
        shown = os.read(leader, 4096)
        assert shown.count(b"pipe:") == 3 and b"/dev/" not in shown
        exec_with(terminal, terminal, "-d", script=f"({STREAMS}) > /streams; touch /done")
    finally:
        for fd in (directory, leader, terminal):
            os.close(fd)
    wait_until(lambda: moor.docker("exec", "x", "ls", "/done", code=None).returncode == 0, "-d to have run")
    assert moor.docker("exec", "x", "cat", "/streams").stdout.split() == ["/dev/null", "/streams", "/dev/null"]
    moor.docker("rm", "-f", "x")


def test_exec_never_gives_the_hosts_null(moor, container):
    """Its mode and owner are for the whole machine, and a container may have removed its own."""
    hosts = os.stat("/dev/null")
    ids = "for i in 0 1 2; do busybox stat -L -c '%d %i %a' /proc/self/fd/$i; done"
    container("x")
    for change in ("true", "rm /dev/null", "echo no > /dev/null", "rm /dev/null; ln -s zero /dev/null"):
        moor.docker("exec", "x", "sh", "-c", change)
        shown = moor.docker("exec", "x", "sh", "-c", ids).stdout.splitlines()
        assert shown[0].endswith(" 666") and not shown[0].startswith(f"{hosts.st_dev} {hosts.st_ino} ")
        moor.docker("exec", "-d", "x", "sh", "-c", f"exec 5>/shown.part; ({ids}) >&5; echo >&2; mv /shown.part /shown")
        wait_until(lambda: moor.docker("exec", "x", "ls", "/shown", code=None).returncode == 0, "-d to have run")
        seen = moor.docker("exec", "x", "cat", "/shown").stdout
        assert f"{hosts.st_dev} {hosts.st_ino} " not in seen and seen.count(" 666") >= 2
        moor.docker("exec", "x", "rm", "/shown")
    moor.docker("rm", "-f", "x")


def test_exec_of_what_stays_behind(moor, container):
    """For two seconds what is said still comes. For some more, what goes on then is not ended by a closed pipe."""
    container("x")
    assert moor.docker("exec", "x", "sh", "-c", "(sleep 0.5; echo late) & echo now").stdout == "now\nlate\n"
    script = "(while [ ! -e /go ]; do sleep 0.05; done; echo lost; echo lost >&2; touch /alive) & echo now"
    assert moor.docker("exec", "x", "sh", "-c", script).stdout == "now\n"
    # Who reads on is no process of the container's: it is root of the host.
    assert "mooring" not in moor.docker("exec", "x", "sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
    moor.docker("exec", "x", "touch", "/go")
    wait_until(lambda: moor.docker("exec", "x", "ls", "/alive", code=None).returncode == 0, "what was left to go on")
    moor.docker("exec", "-dt", "x", "sleep", "50")
    assert "mooring" not in moor.docker("exec", "x", "sh", "-c", "cat /proc/[0-9]*/cmdline").stdout
    flood = "busybox yes & busybox yes >&2 & true"  # both streams always have something
    subprocess.run([f"{moor.names}/docker", "exec", "x", "sh", "-c", flood], env=moor.env, timeout=30, check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    piped = subprocess.run(f"{moor.names}/docker exec x busybox yes | head -c 100000 | wc -c", shell=True, env=moor.env, timeout=30,
                           capture_output=True, text=True)
    assert (piped.stdout.strip(), piped.stderr) == ("100000", "")
    moor.docker("rm", "-f", "x")


def test_exec_leaves_nobody_for_long(moor, container):
    """As dockerd, which closes its pipes after a while: what is left running holds no process of ours until its end."""
    container("x")
    before = set(leftovers.processes_naming(moor.directory))
    for _ in range(3):
        moor.docker("exec", "x", "sh", "-c", "(trap '' PIPE; while echo; do sleep 0.1; done 2> /dev/null; touch /closed) & sleep 60 & echo")

    def left():
        return set(leftovers.processes_naming(moor.directory)) - before
    assert left(), "who reads on"
    wait_until(lambda: not left(), "them to end")
    wait_until(lambda: moor.docker("exec", "x", "ls", "/closed", code=None).returncode == 0, "what was left to notice")
    moor.docker("rm", "-f", "x")


def test_exec_holds_up_no_end(moor, container):
    """Nobody takes what the program has said; its container ends all the same."""
    container("x")
    command = [os.path.join(moor.names, "docker"), "exec", "x", "sh", "-c", "busybox head -c 120000 /dev/zero; touch /said"]
    with subprocess.Popen(command, env=moor.env, stdout=subprocess.PIPE) as unread:
        wait_until(lambda: moor.docker("exec", "x", "ls", "/said", code=None).returncode == 0, "all to be said")
        try:
            moor.docker("stop", "-t", "0", "x", timeout=20)
            assert len(unread.stdout.read()) == 120000 and unread.wait(20) == 0
        finally:
            unread.kill()


def test_exec_detached_where_nobody_reaps(moor, busybox):
    """The first process of a build's pod is often `sleep`: what was executed does not outlast its container as a zombie."""
    script = f"""
      docker run -d --network none --name x {busybox} sleep 100
      for options in -d -dt; do docker exec $options x sh -c 'exit 3' 2>&1 | cat; done
      docker exec -d x sleep 100 2>&1 | cat  # nobody waits for it, or holds the pipe
      docker events --since 1h --until "$(date +%s.%N)" -f event=exec_die --format '{{{{.Actor.Attributes.exitCode}}}}' >&2
      timeout -k 1 20 docker stop -t 0 x && docker rm x
    """
    with subprocess.Popen(["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc", "--propagation",
                           "private", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE) as anchor:
        assert anchor.stdout.read(1) == b"\n"
        with open(f"/proc/{anchor.pid}/task/{anchor.pid}/children", encoding="ascii") as file:
            first = file.read().strip()
        try:
            done = moor.run("nsenter", "-t", first, "--pid", "--mount", "--net", "sh", "-ec", script, timeout=40)
        finally:
            anchor.kill()
    assert done.stdout.endswith("x\nx\n") and done.stderr.split()[:2] == ["3", "3"]


def test_exec_of_what_takes_its_time(moor, container):
    """A program that reads no more is not ended by what we still had for it, and its last words wait for a slow reader."""
    container("x")

    def shell(pipeline):
        return subprocess.run(["sh", "-c", pipeline], env={**moor.env, "DOCKER": f"{moor.names}/docker"}, timeout=30, capture_output=True, text=True)

    deaf = shell("busybox yes | $DOCKER exec -i x sh -c 'exec 0<&-; busybox sleep 1; echo done'; true")
    assert (deaf.stdout, deaf.stderr) == ("done\n", "")
    # The reader's pipe is full, a piece is on its way, and the rest is still in the program's pipe.
    script = "busybox head -c 65536 /dev/zero; busybox sleep 0.3; echo; busybox sleep 0.3; busybox head -c 60000 /dev/zero"
    assert shell(f"$DOCKER exec x sh -c '{script}' | (sleep 4; wc -c)").stdout.strip() == str(65536 + 1 + 60000)
    command = [os.path.join(moor.names, "docker"), "exec", "x", "sh", "-c", "busybox head -c 120000 /dev/zero; touch /said"]
    with subprocess.Popen(command, env=moor.env, stdout=subprocess.PIPE) as unread:
        wait_until(lambda: moor.docker("exec", "x", "ls", "/said", code=None).returncode == 0, "all to be said")
        wait_until(lambda: unread.terminate() or unread.poll() is not None, "exec to end, which has nobody else to end")
    own = shell("$DOCKER exec -u 1000 x sh -c 'echo x > /dev/stdout; echo y > /dev/stderr; cat /dev/stdin'")
    assert (own.stdout, own.stderr) == ("x\n", "y\n")
    moor.docker("rm", "-f", "x")


def test_exec_while_it_ends(moor, busybox):
    """Whatever the end of a container meets an exec at, the words are the same."""
    id = moor.docker("create", "--network", "none", "--name", "d", busybox, "true").stdout.strip()
    for _ in range(40):
        moor.docker("start", "d")
        ran = moor.docker("exec", "d", "true", code=None)
        assert (ran.returncode, ran.stdout, ran.stderr) in (
            (1, "", f"Error response from daemon: Container {id} is not running\n"),
            (0, "", ""), (137, "", ""))  # it came in time, or ended together with the container


def test_pause(moor, container):
    container("p", command=["sh", "-c", "trap 'exit 4' TERM; while :; do sleep 0.05; done"])
    assert moor.docker("pause", "p").stdout == "p\n"
    assert cell(moor, "p").endswith("(Paused)")
    assert inspect(moor, "p", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}") == "paused true true"
    assert moor.docker("info", "-f", "{{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}} {{.CPUShares}} "
                       "{{json .Plugins.Log}} {{json .Runtimes.runc}}").stdout == (
        '0 1 0 true ["journald","json-file","local","none","syslog"] {"path":"mooring-runc"}\n')
    assert "already paused" in moor.docker("pause", "p", code=1).stderr
    for how in ([], ["-a"]):
        assert "cannot start a paused container, try unpause instead" in moor.docker("start", *how, "p", code=1).stderr
    assert "is paused, unpause the container before exec" in moor.docker("exec", "p", "true", code=1).stderr
    assert moor.docker("unpause", "p").stdout == "p\n"
    assert "is not paused" in moor.docker("unpause", "p", code=1).stderr
    assert moor.docker("kill", "-s", "BOGUS", "p", "nope", code=1).stderr == "Error response from daemon: Invalid signal: BOGUS\n"
    for number in ("99", "-1"):
        assert moor.docker("kill", "-s", number, "p", code=1).stderr == (
            f"Error response from daemon: Cannot kill container: p: The linux daemon does not support signal {number}\n")
    for verb in ("stop", "restart"):
        assert moor.docker(verb, "--time", "2", "--timeout", "2", "p", code=1).stderr == (
            "conflicting options: cannot specify both --timeout and --time\n")
    moor.docker("pause", "p")
    moor.docker("stop", "-t", "30", "p")  # what is frozen must go on to end
    assert inspect(moor, "p", "{{.State.ExitCode}}") == "4"
    assert "is not running" in moor.docker("pause", "p", code=1).stderr
    assert "is not paused" in moor.docker("unpause", "p", code=1).stderr
    container("q")
    moor.docker("pause", "q")
    moor.docker("rm", "-f", "q")


def test_ps_of_many(moor, busybox, container):
    """What `ps` remembers of containers is never what they were: after a pause, kills, a rename, a damaged memory."""
    names = [f"m{number}" for number in range(7)]
    ids = {name: container(name, "-v", "/srv:/srv", "--label", "a=b") for name in names}
    container("tab", "-e", "A=1", command=("sh", "-c", "\tsleep 60"))
    path = os.path.join(moor.run_dir, "rows")

    def states():
        rows = moor.docker("ps", "-a", "--format", "{{.Names}}={{.State}}").stdout.split()
        return dict(row.split("=") for row in rows)

    def remembers():
        moor.docker("ps")
        with open(path) as rows:
            text = rows.read()
        return all(id in text for id in ids.values())

    def shown():
        return [line.split()[0] for line in moor.docker("ps").stdout.splitlines()[1:]]

    wait_until(lambda: states() and os.path.exists(path) and remembers(), "rows are remembered")
    assert states() == dict.fromkeys([*names, "tab"], "running")
    form = "{{.ID}} {{.Image}} {{.Command}} {{.Mounts}} {{.LocalVolumes}} {{.Labels}} {{.Networks}} {{.Names}}"
    as_filtered = moor.docker("ps", "--format", form, "-f", "status=running").stdout  # reads everything
    assert moor.docker("ps", "--format", form).stdout == as_filtered and "/srv 0 a=b none m0" in as_filtered
    assert '"sh -c \'\\tsleep 60\'"' in as_filtered
    moor.docker("pause", "m0")
    assert states()["m0"] == "paused"
    moor.docker("unpause", "m0")
    assert states()["m0"] == "running"
    pid = int(inspect(moor, "m1", "{{.State.Pid}}"))
    for victim in (parent(pid), pid):
        os.kill(victim, signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the container's end")
    assert states()["m1"] == "exited" and ids["m1"][:12] not in shown()
    moor.docker("kill", "m2")
    moor.docker("wait", "m2")
    assert states()["m2"] == "exited"
    moor.docker("start", "m2")
    moor.docker("rename", "m3", "other")
    moor.docker("rm", "-f", "m4")
    now = states()
    assert now == {**dict.fromkeys(["m0", "m2", "m5", "m6", "other", "tab"], "running"), "m1": "exited"}
    with open(path, "r+") as rows:
        rows.write("x" * 200)
    assert states() == now
    moor.docker("tag", busybox, "another:1")
    moor.docker("rmi", busybox)
    assert busybox not in moor.docker("ps").stdout
    moor.docker("tag", "another:1", busybox)


def test_templates_of_what_is_not_there(moor, busybox):
    """What docker's own structures have, and JSON leaves out; labels are sorted; blanks around a template are not its own."""
    moor.docker("create", "--name", "c", "--network", "none", "-l", "z=1", "-l", "a", busybox, "true")
    with open(os.path.join(moor.root, "containers", moor.docker("ps", "-aq", "--no-trunc").stdout.strip(), "upper", "f"), "w") as file:
        file.write("12345")
    moor.docker("volume", "create", "vol")
    moor.docker("network", "create", "n")
    for words, form, text in (
            (["ps", "-a"], "  {{.Labels}}  ", "a=,z=1"), (["ps", "-a"], "{{.Size}}", "5B (virtual "),
            (["ps", "-a"], "{{json .}}", '"Size":"5B (virtual '), (["ps", "-a"], "json", '"Size":"0B"'),
            (["image", "inspect", busybox], "{{.Architecture}}/{{.Variant}}|{{.OsVersion}}|", "amd64/||"),
            (["image", "inspect", busybox], "{{.ContainerConfig}}", "{   false false false map[] false false false [] [] <nil> false "),
            (["history", busybox], "{{.CreatedAt}} {{.CreatedSince}}", "0001-01-01T00:00:00Z N/A"),
            (["volume", "inspect", "vol"], "{{.Status}} {{.UsageData}} {{json .UsageData}}", "map[] <nil> null"),
            (["network", "inspect", "n"], "{{.Peers}} {{.Services}}", "[] map[]"),
            (["info"], "{{.ProductLicense}}|{{.ServerErrors}}|{{.DefaultAddressPools}}|{{.NFd}}|{{.GenericResources}}", "|[]|[]|0|[]")):
        shown = moor.docker(*words, "--format", form).stdout
        assert text in shown and not shown.startswith(" "), (words, form, shown)
    moor.docker("network", "rm", "n")


def test_inspect_is_whole(moor, busybox):
    """What was asked for, under the API's names and with its types; all members of HostConfig are always there."""
    moor.docker("create", "--name", "plain", busybox)
    moor.docker("create", "--name", "full", "-m", "64m", "--memory-swappiness", "5", "--oom-kill-disable",
                "--ulimit", "nofile=100:200", "--ulimit", "nproc=50", "--device", "/dev/null:/dev/x:r",
                "--device", "/dev/zero", "--device-cgroup-rule", "c 1:3 mr", "--device-read-bps", "/dev/sda:1mb",
                "--device-write-iops", "/dev/sda:5", "--blkio-weight", "300", "--blkio-weight-device", "/dev/sda:20",
                "--cap-add", "net_admin", "--cap-drop", "CHOWN", "--sysctl", "net.ipv4.ip_forward=1", "--pid", "host",
                "--annotation", "k=v", "--cgroup-parent", "/foo", "--init", "-v", "/srv:/a:ro,rshared", "-v", "vol:/b",
                "-v", "/anon", "--tmpfs", "/t:size=1m", "--mount", "type=tmpfs,dst=/mt,tmpfs-size=1m",
                "--mount", "type=bind,src=/srv,dst=/m,readonly", "--mount", "type=volume,src=vol,dst=/mv,volume-nocopy",
                "--mac-address", "02:42:ac:11:00:09", busybox)
    plain, full = json.loads(moor.docker("inspect", "plain", "full").stdout)
    host = full["HostConfig"]
    assert set(host) - set(plain["HostConfig"]) == {"Annotations", "Init", "Mounts", "Sysctls", "Tmpfs"}
    wanted = {
        "Binds": ["/srv:/a:ro,rshared", "vol:/b"], "Tmpfs": {"/t": "size=1m"}, "MemorySwappiness": 5,
        "OomKillDisable": True, "Ulimits": [{"Name": "nofile", "Hard": 200, "Soft": 100},
                                            {"Name": "nproc", "Hard": 50, "Soft": 50}],
        "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"},
                    {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/zero", "CgroupPermissions": "rwm"}],
        "DeviceCgroupRules": ["c 1:3 mr"], "BlkioDeviceReadBps": [{"Path": "/dev/sda", "Rate": 1 << 20}],
        "BlkioDeviceWriteIOps": [{"Path": "/dev/sda", "Rate": 5}], "BlkioDeviceReadIOps": None, "BlkioWeight": 300,
        "BlkioWeightDevice": [{"Path": "/dev/sda", "Weight": 20}], "CapAdd": ["CAP_NET_ADMIN"],
        "CapDrop": ["CAP_CHOWN"], "Sysctls": {"net.ipv4.ip_forward": "1"}, "Annotations": {"k": "v"},
        "CgroupParent": "/foo", "Init": True, "SecurityOpt": ["label=disable"], "PidMode": "host",
        "ConsoleSize": [0, 0], "Dns": [], "GroupAdd": None, "DeviceRequests": None, "KernelMemory": 0,
        "Mounts": [{"Type": "tmpfs", "Target": "/mt", "TmpfsOptions": {"SizeBytes": 1 << 20}},
                   {"Type": "bind", "Source": "/srv", "Target": "/m", "ReadOnly": True},
                   {"Type": "volume", "Source": "vol", "Target": "/mv", "VolumeOptions": {"NoCopy": True}}],
    }
    if os.path.exists("/sys/fs/cgroup/cgroup.controllers"):  # of cgroup v1 alone: taken out, with a warning
        wanted.update({"MemorySwappiness": None, "OomKillDisable": False})
    elif not {"blkio.weight", "blkio.bfq.io_serviced"} & set(os.listdir("/sys/fs/cgroup/blkio")):  # no scheduler with weights
        wanted.update({"BlkioWeight": 0, "BlkioWeightDevice": []})
    assert {key: host[key] for key in wanted} == {**wanted, "Mounts": host["Mounts"]}
    assert sorted(map(str, host["Mounts"])) == sorted(map(str, wanted["Mounts"]))
    mounts = {mount["Destination"]: mount for mount in full["Mounts"]}
    assert (mounts["/a"]["Propagation"], mounts["/b"]["Mode"], mounts["/mt"]["Type"]) == ("rshared", "z", "tmpfs")
    assert full["Config"]["Volumes"] == {"/anon": {}} and full["Config"]["MacAddress"] == "02:42:ac:11:00:09"
    assert plain["HostConfig"]["Ulimits"] is None and plain["Config"]["Volumes"] is None and plain["LogPath"] == ""
    assert "/proc/kcore" in plain["HostConfig"]["MaskedPaths"] and plain["HostConfig"]["Binds"] is None
    assert "/proc/sys" in plain["HostConfig"]["ReadonlyPaths"]
    sized = moor.docker("run", "--name", "sized", "--network", "none", busybox, "sh", "-c", "echo 12345 > /file")
    assert sized.stdout == ""
    own, whole = moor.docker("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "sized").stdout.split()
    image = int(moor.docker("image", "inspect", "-f", "{{.Size}}", busybox).stdout)
    assert own == "6" and int(whole) == image + 6
    assert "SizeRw" not in full
    assert re.fullmatch(r"6B \(virtual [0-9.]+[kM]B\)", moor.docker("ps", "-as", "-f", "name=sized", "--format",
                                                                    "{{.Size}}").stdout.strip())
    head = moor.docker("ps", "-as").stdout.splitlines()[0].split()
    assert head[-1] == "SIZE"
    key = moor.docker("run", "-d", "--name", "up", "--network", "none", busybox, "sleep", "60") and inspect(
        moor, "up", "{{.NetworkSettings.SandboxKey}}")
    assert os.readlink(key) != os.readlink("/proc/self/ns/net")
    moor.docker("create", "--name", "open", "--security-opt", "systempaths=unconfined", "--security-opt", "no-new-privileges", busybox)
    shown = moor.docker("inspect", "-f", "{{json .HostConfig.SecurityOpt}} {{json .HostConfig.MaskedPaths}} {{json .HostConfig.ReadonlyPaths}}", "open")
    assert shown.stdout == '["no-new-privileges"] [] []\n'  # the paths are what is left of the other


def test_top_and_stats(moor, container):
    container("t", "-m", "64m", command=["sh", "-c", "sleep 60 & wait"])
    wait_until(lambda: len(moor.docker("top", "t").stdout.splitlines()) == 3, "two processes")
    lines = moor.docker("top", "t").stdout.splitlines()
    assert lines[0].split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert lines[1].endswith("sh -c sleep 60 & wait") and lines[2].endswith("sleep 60")
    assert inspect(moor, "t", "{{.State.Pid}}") == lines[1].split()[1]
    shown = moor.docker("top", "t", "-o", "pid,comm").stdout.splitlines()
    assert [line.split()[1] for line in shown] == ["COMMAND", "sh", "sleep"]
    assert "PID field" in moor.docker("top", "t", "-o", "comm", code=1).stderr
    wrong = moor.docker("top", "t", "-o", "bogus", code=1).stderr
    assert wrong.startswith("Error response from daemon: ps: ") and "bogus" in wrong and wrong.count("\n") == 1
    header, row = moor.docker("stats", "--no-stream").stdout.splitlines()
    assert re.split(r" {2,}", header) == ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O",
                                          "BLOCK I/O", "PIDS"]
    assert re.fullmatch(r"[0-9a-f]{12} +t +\d+\.\d\d% +[\d.]+[KM]iB / 64MiB +\d+\.\d\d% +0B / 0B +.* 2", row)
    assert moor.docker("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "t").stdout == "t 2\n"
    with moor.start(os.path.join(moor.names, "docker"), "stats", "--format", "{{.Name}}") as watch:
        assert watch.stdout.readline() == "t\n"
        container("u")  # whoever comes later is shown, too
        assert any(watch.stdout.readline() == "u\n" for _ in range(60))
        watch.kill()
    names = [f"n{number}" for number in range(6)]
    for name in names:
        moor.docker("create", "--name", name, "--network", "none", "busybox:test")
    everyone = moor.docker("stats", "--no-stream", "-a", "--format", "{{.Name}}").stdout.split()
    assert everyone == [*reversed(names), "u", "t"] == moor.docker("ps", "-a", "--format", "{{.Names}}").stdout.split()
    moor.docker("rm", *names)
    moor.docker("stop", "-t", "0", "t", "u")
    assert "is not running" in moor.docker("top", "t", code=1).stderr
    assert len(moor.docker("stats", "--no-stream").stdout.splitlines()) == 1
    assert "No such container" in moor.docker("stats", "--no-stream", "nope", code=1).stderr


def test_update(moor, container):
    id = container("u", "-m", "64m")
    limit = f"/sys/fs/cgroup/memory/docker/{id}/memory.limit_in_bytes"
    if not os.path.exists(limit):
        limit = f"/sys/fs/cgroup/docker/{id}/memory.max"
    assert moor.docker("update", "-m", "32m", "--memory-swap", "48m", "--restart", "always", "--cpus", "0.5",
                       "u").stdout == "u\n"
    assert inspect(moor, "u", "{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}} {{.HostConfig.NanoCpus}} "
                   "{{.HostConfig.RestartPolicy.Name}}") == "33554432 50331648 500000000 always"
    with open(limit) as file:
        assert file.read() == "33554432\n"
    assert "smaller than already set memoryswap" in moor.docker("update", "-m", "1g", "u", code=1).stderr
    assert "Minimum memory limit allowed is 6MB" in moor.docker("update", "-m", "1m", "u", code=1).stderr
    assert "one or more flags" in moor.docker("update", "u", code=1).stderr
    assert "invalid restart policy" in moor.docker("update", "--restart", "x", "u", code=1).stderr
    assert inspect(moor, "u", "{{.HostConfig.Memory}}") == "33554432"
    moor.docker("pause", "u")
    assert f"paused container {id}. Unpause and then stop the container before attempting" in moor.docker("rm", "u", code=1).stderr
    moor.docker("stop", "-t", "0", "u")
    moor.docker("update", "--pids-limit", "17", "u")  # one that does not run is changed for its next life
    moor.docker("update", "--pids-limit", "0", "-m", "0", "--cpus", "0", "--memory-swap", "0", "u")  # asks for nothing
    assert inspect(moor, "u", "{{.HostConfig.PidsLimit}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}") == "17 33554432 500000000"
    id = container("r", "--rm", "--health-interval", "5s")
    assert f"Cannot update container {id}: Restart policy cannot be updated because AutoRemove" in \
        moor.docker("update", "--restart", "always", "r", code=1).stderr
    assert inspect(moor, "r", "{{json .Config.Healthcheck}} {{json .State.Health}}") == '{"Interval":5000000000} null'


def test_update_of_processors(moor, container):
    """Each of the two ways to say how much of them stands against the other."""
    container("n", "--cpus", "0.5")
    container("q", "--cpu-quota", "50000")
    for name, option, words in (("n", "--cpu-quota", "CPU Quota cannot be updated as NanoCPUs has already been set"),
                                ("n", "--cpu-period", "CPU Period cannot be updated as NanoCPUs has already been set"),
                                ("q", "--cpus", "Nano CPUs cannot be updated as CPU Quota has already been set")):
        value = "1" if option == "--cpus" else "80000"
        assert f"Conflicting options: {words}" in moor.docker("update", option, value, name, code=1).stderr
    moor.docker("update", "--cpus", "0.8", "n")
    assert inspect(moor, "n", "{{.HostConfig.NanoCpus}} {{.HostConfig.CpuQuota}}") == "800000000 0"
    moor.docker("rm", "-f", "n", "q")


def test_events(moor, busybox, container):
    start = time.time()
    live = moor.start(os.path.join(moor.names, "docker"), "events", "-f", "container=e", "--format",
                      "{{.Action}} {{.Actor.Attributes.name}}")
    wait_until(lambda: any("inotify" in os.readlink(f"/proc/{live.pid}/fd/{fd}")
                           for fd in os.listdir(f"/proc/{live.pid}/fd")), "events to watch")
    container("e", "-l", "k=v", "--restart", "on-failure:1", command=["sh", "-c", "exit 3"])
    wait_until(lambda: cell(moor, "e").startswith("Exited"), "the second end")
    moor.docker("rename", "e", "f")
    moor.docker("rm", "f")
    container("other", "--rm")
    moor.docker("exec", "other", "true")
    moor.docker("pause", "other")
    moor.docker("unpause", "other")
    moor.docker("stop", "-t", "0", "other")
    wanted = ["create e", "start e", "die e", "start e", "die e"]
    assert [live.stdout.readline().rstrip("\n") for _ in wanted] == wanted
    live.send_signal(signal.SIGTERM)
    live.wait(10)
    for stream in (live.stdin, live.stdout, live.stderr):
        stream.close()

    def past(*options):
        return moor.docker("events", "--since", f"{start:.9f}", "--until", f"{time.time():.9f}",
                           *options).stdout.splitlines()
    assert past("-f", "label=k=v", "--format", "{{.Action}}") == ["create", "start", "die", "start", "die", "rename", "destroy"]
    actions = past("-f", "container=other", "--format", "{{.Action}}")
    assert actions[:-2] == ["create", "start", "exec_create: true", "exec_start: true", "exec_die", "pause", "unpause", "kill", "die"]
    assert re.search(r"exec_die [0-9a-f]{64} \(execID=([0-9a-f]{64}), exitCode=0, image=busybox:test, name=other\)$",
                     past("-f", "event=exec_die")[0])[1] in past("-f", "event=exec_create")[0]
    assert sorted(actions[-2:]) == ["destroy", "stop"]  # --rm: by two processes
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(Z|[+-]\d\d:\d\d) container die [0-9a-f]{64} "
                        r"\(exitCode=3, image=busybox:test, k=v, name=e\)", past("-f", "event=die")[0])
    turned = moor.docker("events", "--since", "1h", "--until", "2h", code=1).stderr
    assert re.fullmatch(r"Error response from daemon: `since` time \([\d.]+\) cannot be after `until` time \([\d.]+\)\n", turned)
    for format, why in [("{{badFuncString .}}", 'template: :1: function "badFuncString" not defined'),
                        ("{{.badField}}", 'template: :1:2: executing "" at <.badField>: can\'t evaluate field badField in type *events.Message')]:
        assert moor.docker("events", "--format", format, code=64).stderr == f"Error parsing format: {why}\n"
    event = json.loads(past("-f", "event=die", "--format", "json")[0])
    assert event["Type"] == "container" and event["Actor"]["Attributes"]["exitCode"] == "3"
    assert event["time"] == event["timeNano"] // 10 ** 9 >= int(start)
    assert "invalid filter 'bogus'" in moor.docker("events", "-f", "bogus=x", "--until", "0", code=1).stderr


def test_events_of_other_things(moor, busybox):
    """Networks, volumes and images; and what a container holds from its start to its end."""
    start = time.time()
    moor.docker("network", "create", "n1")
    moor.docker("volume", "create", "v1")
    moor.docker("run", "--rm", "--name", "c", "--network", "n1", "-v", "v1:/d", busybox, "true")
    moor.docker("run", "--name", "r", "--network", "none", "--restart", "on-failure:1", busybox, "false", code=1)
    wait_until(lambda: cell(moor, "r").startswith("Exited"), "the second end")
    moor.docker("rm", "r")
    moor.docker("network", "rm", "n1")
    moor.docker("volume", "rm", "v1")
    moor.docker("tag", busybox, "other:2")
    image = moor.docker("images", "-q", "--no-trunc", "other:2").stdout.strip()
    moor.docker("rmi", "other:2")

    def shown(*options):
        shown = moor.docker("events", "--since", f"{start:.9f}", "--until", f"{time.time():.9f}", *options).stdout
        return shown.splitlines()
    lines = shown("--format", "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}")
    lines.remove("container attach c")  # told by the client, at any moment of the start
    lines.remove("container attach r")
    no = "<no value>"
    assert lines == [
        "network create n1", f"volume create {no}", "container create c", "network connect n1", f"volume mount {no}",
        "container start c", "container die c", "network disconnect n1", f"volume unmount {no}", "container destroy c",
        "container create r", "network connect none", "container start r", "container die r", "network disconnect none",
        "network connect none", "container start r", "container die r", "network disconnect none", "container destroy r",
        "network destroy n1", f"volume destroy {no}", "image tag other:2", f"image untag {image}"]
    assert re.search(r"network connect [0-9a-f]{64} \(container=[0-9a-f]{64}, name=n1, type=bridge\)$",
                     shown("-f", "type=network", "-f", "event=connect")[0])
    assert re.search(r"volume mount v1 \(container=[0-9a-f]{64}, destination=/d, driver=local, propagation=, "
                     r"read/write=true\)$", shown("-f", "volume=v1", "-f", "event=mount")[0])
    assert re.search(r"volume unmount v1 \(container=[0-9a-f]{64}, driver=local\)$", shown("-f", "event=unmount")[0])
    moor.docker("save", "-o", "/dev/stdout", busybox, text=False, input=b"")
    assert shown("-f", "event=save", "--format", "{{.Action}} {{.ID}}") == [f"save {image}"]


def test_events_are_bounded(moor, busybox, container):
    """A journal that has grown is moved away: old events go, a reader that follows misses none."""
    journal = os.path.join(moor.run_dir, "events")
    container("j")
    live = moor.start(os.path.join(moor.names, "docker"), "events", "--format", "{{.Action}}")
    wait_until(lambda: any("inotify" in os.readlink(f"/proc/{live.pid}/fd/{fd}")
                           for fd in os.listdir(f"/proc/{live.pid}/fd")), "events to watch")
    filler = {"time": 1, "type": "container", "action": "x" * 1000, "id": "0" * 64}
    with open(journal, "a") as file:
        file.write((json.dumps(filler) + "\n") * 600)
        file.write("no json\n")
    moor.docker("pause", "j")
    moor.docker("unpause", "j")
    assert [live.stdout.readline() for _ in range(2)] == ["pause\n", "unpause\n"]
    assert os.path.getsize(journal) < 4096 < os.path.getsize(journal + ".1")
    live.kill()
    live.wait()
    for stream in (live.stdin, live.stdout, live.stderr):
        stream.close()


def test_health(moor, container):
    """From starting to unhealthy to healthy; a time limit; what stays when it is over; the image's own check."""
    container("h", "--health-cmd", "echo probing; test -e /ok", "--health-interval", "150ms", "--health-retries", "2")
    assert cell(moor, "h").endswith("(health: starting)")
    wait_until(lambda: cell(moor, "h").endswith("(unhealthy)"), "two failures")
    health = json.loads(inspect(moor, "h", "{{json .State.Health}}"))
    assert health["Status"] == "unhealthy" and health["FailingStreak"] >= 2
    assert health["Log"][0]["ExitCode"] == 1 and health["Log"][0]["Output"] == "probing\n"
    moor.docker("exec", "h", "touch", "/ok")
    wait_until(lambda: moor.docker("ps", "-q", "-f", "health=healthy").stdout, "a success")
    assert cell(moor, "h").endswith("(healthy)") and inspect(moor, "h", "{{.State.Health.FailingStreak}}") == "0"
    wait_until(lambda: len(json.loads(inspect(moor, "h", "{{json .State.Health.Log}}"))) == 5, "five results")
    moor.docker("stop", "-t", "0", "h")
    assert inspect(moor, "h", "{{.State.Health.Status}}") == "unhealthy"
    moor.docker("start", "h")
    assert inspect(moor, "h", "{{.State.Health.Status}}") == "starting"
    container("s", "--health-cmd", "echo x; sleep 50", "--health-timeout", "200ms", "--health-interval", "50ms",
              "--health-retries", "1")
    wait_until(lambda: inspect(moor, "s", "{{.State.Health.Status}}") == "unhealthy", "the time limit")
    last = json.loads(inspect(moor, "s", "{{json .State.Health.Log}}"))[-1]
    assert last["ExitCode"] == -1 and last["Output"].startswith("Health check exceeded timeout (200ms)")
    wait_until(lambda: "exceeded timeout (200ms): x\\n" in inspect(moor, "s", "{{json .State.Health.Log}}"), "what it had said")
    moor.docker("pause", "s")  # none is started any more; what was killed is gone
    moor.docker("unpause", "s")
    container("g", "--health-cmd", "false", "--health-interval", "50ms", "--health-retries", "1",
              "--health-start-period", "60s", "--health-start-interval", "50ms")
    wait_until(lambda: len(json.loads(inspect(moor, "g", "{{json .State.Health.Log}}"))) >= 3, "some failures")
    assert inspect(moor, "g", "{{.State.Health.Status}} {{.State.Health.FailingStreak}}") == "starting 0"
    assert "Health" not in json.loads(moor.docker("inspect", container("n")).stdout)[0]["State"]


def test_namespaces_in_common(moor, busybox, container):
    container("one", "--ipc", "shareable", "--shm-size", "1m", command=["sh", "-c", "echo here > /dev/shm/x; sleep 60"])
    container("two")
    joined = moor.docker("run", "--rm", "--network", "none", "--pid", "container:one", "--ipc", "container:one", busybox,
                         "sh", "-c", "cat /dev/shm/x; ps; readlink /proc/1/ns/ipc; readlink /proc/self/ns/ipc").stdout
    assert joined.startswith("here\n") and "sleep 60" in joined
    assert len(set(re.findall(r"ipc:\[\d+\]", joined))) == 1
    for mode, text in [("container:two", "non-shareable IPC"), ("container:nope", "No such container: nope")]:
        assert text in moor.docker("run", "--rm", "--network", "none", "--ipc", mode, busybox, "true", code=125).stderr
    moor.docker("stop", "-t", "0", "two")
    two = moor.docker("inspect", "-f", "{{.Id}}", "two").stdout.strip()
    for option, said in [("--pid", f"daemon: container {two} is not running\n"),
                         ("--ipc", f"daemon: can't join IPC of container {two}: container {two} is not running\n")]:
        assert said in moor.docker("run", "--rm", "--network", "none", option, "container:two", busybox, "true", code=125).stderr


# Where a start is held up by strace, and the file that says it has come near: before its monitor is executed, before the
# runtime has made a process, before whoever started it hears of it.
MOMENTS = {"monitor": ("execve:when=2+", "options.json"), "process": ("clone3:when=1+", "config.json"),
           "word": ("sendto:when=1", "config.json")}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("verb", [("stop", "-t", "0"), ("kill",), ("rm", "-f"), ("start",)])
def test_end_while_starting(moor, busybox, moment, verb):
    """It is over then, and stays so: the start is waited for, and its policy does not bring it back. To start it once
    more does nothing more."""
    call, file = MOMENTS[moment]
    starting = moor.start("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call.split(':')[0]}",
                          "-e", f"inject={call.replace(':', ':delay_enter=700000:')}", os.path.join(moor.names, "docker"),
                          "run", "-d", "--network", "none", "--name", "slow", "--restart", "always", busybox, "sleep", "60")
    folder = os.path.join(moor.root, "containers")
    wait_until(lambda: any(os.path.exists(os.path.join(folder, id, file)) for id in os.listdir(folder))
               if os.path.isdir(folder) else False, "the start")
    assert moor.docker(*verb, "slow").stdout == "slow\n"
    if verb[0] == "start":
        assert inspect(moor, "slow", "{{.State.Running}} {{.RestartCount}}") == "true 0"
        moor.docker("rm", "-f", "slow")
    starting.communicate(timeout=30)  # strace stays as long as the monitor
    if verb[0] in ("start", "rm"):
        assert moor.docker("ps", "-aq").stdout == "" and os.listdir(folder) == []
    else:
        assert moor.docker("wait", "slow").stdout in ("137\n", "0\n", "125\n")
        assert inspect(moor, "slow", "{{.State.Running}} {{.State.Restarting}} {{.State.Pid}}") == "false false 0"
        moor.docker("rm", "slow")
