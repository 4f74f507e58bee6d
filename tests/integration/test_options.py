# SPDX-License-Identifier: Apache-2.0
"""Wrong values: every option of every verb refuses one with docker's words and exit code, before anything is made."""

import os
import re

import pytest

CLI = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "cli")
BOOL = "strconv.ParseBool: parsing \"perhaps\": invalid syntax"
INT = "strconv.ParseInt: parsing \"x\": invalid syntax"
UINT = "strconv.ParseUint: parsing \"x\": invalid syntax"
SIZE = "invalid size: 'x'"
SPAN = "time: invalid duration \"x\""

# Said by docker's client of the option: "invalid argument … for … flag: ".
FLAG = {
    "add-host": ("foo", "bad format for add-host: \"foo\""), "annotation": ("x", "x must be formatted as key=value"),
    "attach": ("x", "valid streams are STDIN, STDOUT and STDERR"), "blkio-weight": ("70000", "value out of range"),
    "blkio-weight-device": ("/dev/null:5", "invalid weight for device: /dev/null:5"), "cpu-count": ("x", INT),
    "cpu-percent": ("x", INT), "cpu-period": ("x", INT), "cpu-quota": ("x", INT), "cpu-rt-period": ("x", INT),
    "cpu-rt-runtime": ("x", INT), "cpu-shares": ("x", INT), "cpus": ("1/3", "value is too precise"),
    "detach-keys": ("zz", "invalid detach keys (zz): Unknown character: 'zz'"),
    "device-cgroup-rule": ("c 1", "invalid device cgroup format 'c 1'"), "device-read-bps": ("/dev/x:y", "Unit is optional"),
    "device-read-iops": ("/dev/x:1k", "<device-path>:<number>. Number must be"), "device-write-bps": ("x", "bad format: x"),
    "device-write-iops": ("/x:1", "bad format for device path: /x:1"), "dns": ("x", "IP address is not correctly formatted: x"),
    "dns-search": ("-x", "-x is not a valid domain"), "env": ("=x", "invalid environment variable: =x"),
    "expose": ("x", "invalid range format for --expose: x"), "gpus": ("x=y", "unexpected key 'x' in 'x=y'"),
    "health-interval": ("x", SPAN), "health-retries": ("x", INT), "health-start-interval": ("x", SPAN),
    "health-start-period": ("x", SPAN), "health-timeout": ("10", "time: missing unit in duration \"10\""),
    "io-maxbandwidth": ("x", SIZE), "io-maxiops": ("x", UINT), "ip": ("x", "invalid IPv4 address: x"),
    "ip6": ("::ffff:1.2.3.4", "invalid IPv6 address: ::ffff:1.2.3.4"), "kernel-memory": ("x", SIZE), "label": ("=x", "invalid label '=x': empty name"),
    "link": ("a:b:c", "a:b:c"), "link-local-ip": ("1.2.3.4", "1.2.3.4 is no link-local address"),
    "mac-address": ("x", "x is not a valid mac address"), "memory": ("-1", "invalid size: '-1'"),
    "memory-reservation": ("10x", "invalid suffix: 'x'"), "memory-swap": ("x", SIZE), "memory-swappiness": ("x", INT),
    "mount": ("foo=bar,dst=/x", "unexpected key 'foo' in 'foo=bar'"), "net": ("name=a,b=1", "invalid field key b"),
    "network": ("name=a,b=1", "invalid field key b"), "oom-score-adj": ("x", INT), "pids-limit": ("x", INT),
    "publish": ("abc:80", "invalid hostPort: abc"), "pull": ("x", "invalid pull option: 'x'"), "shm-size": ("x", SIZE),
    "stop-timeout": ("x", INT), "sysctl": ("kernel.foo=1", "sysctl 'kernel.foo=1' is not allowed"),
    "ulimit": ("nofile=1:2:3", "too many limit value arguments - 1:2:3"), "userns": ("x", "--userns: invalid USER mode"),
    "volumes-from": ("a:b:c", "invalid mode for --volumes-from: a:b:c"),
}
# Said by docker's client in words of their own, whether the verb is run or create: exit code 125.
CLIENT = {
    "cgroupns": ("x", "--cgroupns: invalid CGROUP mode"), "device": ("/dev/null:/x:q", "bad mode specified: q"),
    "env-file": ("/nofile", "open /nofile: no such file or directory"),
    "label-file": ("/nofile", "open /nofile: no such file or directory"),
    "net-alias": ("x", "network-scoped aliases are only supported for user-defined networks"),
    "network-alias": ("x", "network-scoped aliases are only supported for user-defined networks"), "pid": ("x", "--pid: invalid PID mode"),
    "restart": ("on-failure:x", "invalid restart policy format: maximum retry count must be an integer"),
    "storage-opt": ("x", "invalid storage option"), "uts": ("x", "--uts: invalid UTS mode"),
    "volume": (":/x", "invalid spec: :/x: empty section between colons"),
    "security-opt": ("seccomp=/nofile", "opening seccomp profile (/nofile) failed: open /nofile: no such file or directory"),
}
# Said by docker's daemon: exit code 1 of create; that of run, unless it follows from the words.
DAEMON = {
    "cap-add": ("x", "invalid CapAdd: unknown capability: \"CAP_X\""), "cap-drop": ("x", "invalid CapDrop: unknown capability: \"CAP_X\""),
    "cidfile": ("/nodir/x", "open /nodir/x: no such file or directory", 127),
    "cpuset-cpus": ("x", "Invalid value x for cpuset cpus: invalid format: x"),
    "cpuset-mems": ("x", "Invalid value x for cpuset mems: invalid format: x"), "ipc": ("x", "Invalid IPC mode: x"),
    "isolation": ("x", "Invalid isolation: \"x\" - linux only supports 'default'"),
    "log-driver": ("x", "error looking up logging plugin x: plugin \"x\" not found"),
    "log-opt": ("x=1", "unknown log opt 'x' for json-file log driver"),
    "name": ("a b", "Invalid container name (a b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
    "platform": ("x", "error parsing specified platform: \"x\": unknown operating system or architecture"),
    "runtime": ("x", "Unknown runtime specified x"), "stop-signal": ("x", "Invalid signal: x"),
    "tmpfs": ("x", "invalid mount path: 'x' mount path must be absolute"),
    "workdir": ("x", "the working directory 'x' is invalid, it needs to be an absolute path"),
}
# Any text will do for now; what is found out at the start is seen elsewhere. All that can be wrong is that there is none.
ANY = {"cgroup-parent", "dns-opt", "dns-option", "domainname", "entrypoint", "entrypoint-word", "group-add", "health-cmd", "health-test",
       "hostname", "user", "volume-driver"}
# More than one thing can be wrong with a value.
MORE = [
    (["--blkio-weight", "5"], 125, "Range of blkio weight is from 10 to 1000"),
    (["--cpu-period", "1"], 125, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"),
    (["--cpu-quota", "1"], 125, "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (["--cpus", "-1"], 125, "Range of CPUs is from 0.01 to "), (["--cpus", "x"], 125, "failed to parse x as a rational number"),
    (["--gpus", "x"], 125, "invalid count (x): value must be either \"all\" or an integer"),
    (["--label", "a b=c"], 125, "label 'a b' contains whitespaces"),
    (["--memory-reservation", "1m"], 125, "Minimum memory reservation allowed is 6MB"),
    (["--memory-swappiness", "200"], 125, "docker: invalid value: 200. Valid memory swappiness range is 0-100"),
    (["--health-retries", "-1"], 125, "docker: --health-retries cannot be negative"),
    (["--health-timeout", "5"], 125, "time: missing unit in duration \"5\""),
    (["--health-timeout", "1m-5s"], 125, "time: unknown unit \"m-\" in duration \"1m-5s\""),
    (["--health-timeout", "-1.5.5s"], 125, "time: missing unit in duration \"-1.5.5s\""),
    (["--health-timeout", "."], 125, "time: invalid duration \".\""), (["--health-timeout", ""], 125, "time: invalid duration \"\""),
    (["--mount", "dst=x"], 125, "invalid mount config for type \"volume\": invalid mount path: 'x'"),
    (["--mount", "type=x,dst=/x"], 125, "invalid mount config for type \"x\": mount type unknown"),
    (["-v", "/a:x"], 125, "invalid volume specification: '/a:x': invalid mount config for type \"bind\": invalid mount path: 'x'"),
    (["--restart", "x"], 125, "Error response from daemon: invalid restart policy 'x'"),
    (["--security-opt", "x"], 125, "Invalid --security-opt: \"x\""),
    (["--security-opt", "a=b"], 125, "invalid --security-opt 2: \"a=b\""),
    (["--storage-opt", "x=1"], 125, "Unknown option x"), (["--ulimit", "nofile=x"], 125, "strconv.ParseInt: parsing \"x\""),
    (["--platform", "a/b/c/d"], 125, "error parsing specified platform: \"a/b/c/d\": cannot parse platform specifier"),
    (["--cpuset-cpus", "1-10000,1--"], 125, "Invalid value 1-10000,1-- for cpuset cpus"),
    (["-v", "vol:/x:shared"], 125, "invalid mount config for type \"volume\": field BindOptions must not be specified"),
    (["-v", "/a:/x:nocopy"], 125, "invalid mount config for type \"bind\": field VolumeOptions must not be specified"),
    (["--uts", "host", "-h", "x"], 125, "conflicting options: hostname and the UTS mode"),
    (["--uts", "host", "--domainname", "x"], 125, "conflicting options: domainname and the UTS mode"),
    (["--network", "container:own", "--name", "own"], 125, "cannot join own network"),
    (["--network", "container"], 125, "Invalid network mode: invalid container format container:<name|id>"),
    (["--network", "host", "--mac-address", "02:00:00:00:00:01"], 125, "conflicting options: mac-address and the network mode"),
    (["--network", "name=n,alias=a", "--network-alias", "b"], 125, "cannot specify both --network-alias and per-network alias"),
    (["--network", "name=n,ip=1.2.3.4", "--ip", "1.2.3.5"], 125, "cannot specify both --ip and per-network IPv4 address"),
    (["--mount", "src=vol,dst=/x,volume-subpath=/abs"], 125, "subpath must be a relative path within the volume"),
    (["--restart", "always:2:3"], 125, "invalid restart policy format: maximum retry count must be an integer"),
    (["--user", "-1"], 125, "uids and gids must be in range 0-2147483647"),
    (["--workdir", "/bin/sh"], 125, "Cannot mkdir: /bin/sh is not a directory"),
    (["--device", "/dev/null:x"], 125, "docker: x is not an absolute path"), (["--device", "null"], 125, "docker: null is not an absolute path"),
    (["--device", "/dev/null::r"], 125, "docker:  is not an absolute path"), (["--device", ":x"], 125, "docker: bad format for path: :x"),
    (["--device", "nvidia.com/gpu=all"], 125, "could not select device driver \"cdi\" with capabilities: []: CDI devices are not supported"),
    (["--volume-driver", "x", "-v", "/y"], 125, "error looking up volume plugin x: plugin \"x\" not found"),
    (["--use-api-socket"], 125, "--use-api-socket"),
    (["--mount", "type=image,src=nothere,dst=/x"], 125, "No such image: nothere:latest"),
    (["--mount", "type=image,dst=/x"], 125, "invalid mount config for type \"image\": field Source must not be empty"),
    (["--mount", "type=image,src=x,dst=/x,image-subpath=a/../../b"], 125, "subpath must be a relative path within the image"),
    (["--mount", "src=vol,dst=/x,volume-subpath=../b"], 125, "subpath must be a relative path within the volume"),
    (["--device", "/etc"], 125, "custom device \"/etc\": not a device node"),
    (["--security-opt", "label"], 125, "Invalid --security-opt: \"label\""),
    (["--device", "/dev/nosuch"], 127, "error gathering device information while adding custom device \"/dev/nosuch\""),
]


def table(name):
    """The options of a table in runtable.c: (name, whether it takes no value)."""
    with open(os.path.join(CLI, "runtable.c"), encoding="utf-8") as file:
        rows = re.findall(r'^\t\{ "([a-z0-9-]+)", (?:0|\'.\'), (OPT_\w+)', file.read().partition(name)[2], re.MULTILINE)
    return [(option, "BOOL" in kind or kind == "OPT_UNLESS") for option, kind in rows]


def refused(moor, *words, code):
    done = moor.docker(*words, code=code)
    lines = done.stderr.splitlines()
    assert done.stdout == "" and lines[1] == "" and lines[-1].endswith("for more information"), done.stderr
    return lines[0]


def test_every_option_of_run_and_create(moor, busybox):
    """Those of the table in the source; one without a row fails."""
    seen = 0
    for option, is_bool in table("OPTIONS_OF_BOTH"):
        verbs = ["run"] if option in ("detach", "detach-keys", "one-off", "sig-proxy") else ["run", "create"]
        verbs = ["create"] if option == "unattached" else verbs
        for verb in verbs:
            wrong = [verb, "--network", "none"]
            flag = rf'for "(-., )?--{option}" flag: '
            if is_bool:
                text = refused(moor, *wrong, f"--{option}=perhaps", busybox, code=125)
                assert text.startswith("invalid argument \"perhaps\" ") and re.search(flag + re.escape(BOOL), text), text
            elif option in FLAG:
                value, reason = FLAG[option]
                text = refused(moor, *wrong, f"--{option}", value, busybox, code=125)
                assert text.startswith(f"invalid argument \"{value}\" ") and re.search(flag, text) and reason in text, text
            elif option in CLIENT:
                value, reason = CLIENT[option]
                text = refused(moor, *wrong, f"--{option}", value, busybox, "true", code=125)
                assert text == f"docker: {reason}", text
            elif option in DAEMON:
                value, reason, code = (*DAEMON[option], 125)[:3]
                done = moor.docker(*wrong, f"--{option}", value, busybox, "true", code=code if verb == "run" else 1)
                assert done.stderr.startswith("docker: " * (verb == "run") + "Error response from daemon: "), done.stderr
                assert reason in done.stderr.splitlines()[0], done.stderr
            else:
                assert option in ANY, f"--{option} has no row"
                assert refused(moor, verb, f"--{option}", code=125) == f"flag needs an argument: --{option}"
            seen += 1
    assert seen > 190
    assert os.listdir(os.path.join(moor.root, "containers")) == os.listdir(os.path.join(moor.root, "names")) == []
    for options, code, text in MORE:
        network = [] if "--network" in options else ["--network", "none"]
        done = moor.docker("run", *network, *options, busybox, "true", code=code)
        assert text in done.stderr.splitlines()[0], (options, done.stderr)
    moor.docker("rm", *moor.docker("ps", "-aq").stdout.split())  # those that failed at their start


def test_what_goes_not_together_on_the_way_to_the_daemon(moor, busybox):
    """What docker's client finds out is a mistake in options for create as for run."""
    for options, reason in (
            (["--network", "none", "--network", "x"], "conflicting options: cannot attach both user-defined and non-user-defined network-modes"),
            (["--network", "x", "--network", "x"], "network \"x\" is specified multiple times"),
            (["--network", "none", "--link", "x"], "links are only supported for user-defined networks")):
        for verb in "run", "create":
            assert refused(moor, verb, *options, busybox, "true", code=125).startswith(f"docker: {reason}")
    done = moor.docker("create", "--network", "none", "--ip", "1.2.3.4", busybox, code=1)
    assert done.stderr == "Error response from daemon: user specified IP address is supported on user defined networks only\n"


def test_an_empty_value_is_none(moor, busybox, tmp_path):
    """A script's variable that is not set."""
    moor.docker("run", "--rm", "--network=none", "--cidfile=", "--platform=", busybox, "true")
    moor.docker("create", "--name=c", "--network=none", "--cidfile=", "--platform=", busybox, "true")
    moor.docker("start", "-a", "c")
    moor.docker("logs", "--since=", "--until=", "c")
    for words in (["save", "--output=", "--platform=", busybox], ["export", "--output=", "c"]):
        done = moor.docker(*words, text=False, input=b"")
        assert done.stdout[257:262] == b"ustar" and done.stderr == b""
    moor.docker("network", "create", "--subnet=", "--gateway=", "--ip-range=", "--ipam-driver=", "n")
    moor.docker("volume", "create", "--name=", "vol")
    moor.docker("volume", "rm", "vol")
    moor.docker("network", "rm", "n")
    assert refused(moor, "builder", "prune", "-f", "--filter=x", code=125) == (
        'invalid argument "x" for "--filter" flag: bad format of filter (expected name=value)')
    for option, reason in ("--kernel-memory=x", SIZE), ("--blkio-weight=-1", 'strconv.ParseUint: parsing "-1": invalid syntax'):
        assert refused(moor, "update", option, "c", code=125).endswith(reason)
    moor.docker("rm", "c")


def commands():
    """Every verb there is, as words, but those that only refuse."""
    with open(os.path.join(CLI, "verbs.c"), encoding="utf-8") as file:
        found = re.findall(r'\{ (NULL|"\w+"), "([\w-]+)", &cmd', file.read())
    return [[verb] if group == "NULL" else [group.strip('"'), verb] for group, verb in found]


def wrong_values(kind):
    return {None: "perhaps", "int": "x", "uint16": "x", "bytes": "x", "decimal": "x", "duration": "x"}.get(kind)


@pytest.mark.parametrize("group", [False, True])
def test_every_option_of_every_verb(moor, group):
    """What the help names: a switch that is neither on nor off, a number that is none, a value that is not there."""
    verbs = [words for words in commands() if (len(words) > 1) is group]
    seen = 0
    for words in verbs:
        options = re.findall(r"^ +(?:-., )? *--([a-z0-9-]+)(?: (\w[\w-]*))?(?:  +\S|$)", moor.docker(*words, "--help").stdout, re.MULTILINE)
        for option, kind in options:
            value = wrong_values(kind or None)
            if value:
                text = refused(moor, *words, f"--{option}={value}", code=125)
                assert text.startswith(f'invalid argument "{value}" for "') and f'--{option}" flag: ' in text, (words, text)
            else:
                assert refused(moor, *words, f"--{option}", code=125) == f"flag needs an argument: --{option}", words
            seen += 1
        assert refused(moor, *words, "--nosuch", code=125) == "unknown flag: --nosuch"
    assert len(verbs) > 30 and seen > 100
