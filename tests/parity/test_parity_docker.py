# SPDX-License-Identifier: Apache-2.0
"""The same commands for Debian's docker 20.10 with dockerd and for ours: exit code, stdout and stderr are the same once
IDs, times and addresses of help are made equal. Where they may differ the row says so, and docs/compat.md why."""

import re

import pytest

from dockersides import ours, theirs  # noqa: F401
from fixtures import busybox_tar  # noqa: F401

I = "busybox:test"
R = "docker run --network none"
UP = f"{R} -d --name c1 {I} sh -c 'trap \"exit 4\" TERM; while :; do sleep 0.05; done' > /dev/null; "
WAIT = "until docker exec c1 true 2> /dev/null; do sleep 0.1; done; "

# How the two outputs are compared: as they are; only that there is some; not at all.
SAME, SOME, ANY = "same", "some", "any"


# What scripts write: by Go's names and by JSON's, printed as Go prints it.
TEMPLATES = [
    "{{.ID}}", "{{.HostConfig.NanoCPUs}} {{.HostConfig.CPUShares}}", "{{.Name | slice}}", "{{slice .Name 1}} {{slice .Name 1 3}}",
    "{{.Name | printf \"%q %-20s|%v\"}}", "{{json .Config.Labels}}", "{{range $k, $v := .Config.Labels}}{{$k}}={{$v}};{{end}}",
    "{{range $i, $v := .Config.Env}}{{$i}}:{{$v}} {{end}}", "{{with .State.Health}}x{{else}}none{{end}}",
    "{{if .State.Paused}}p{{else if .State.Running}}r{{else}}n{{end}}", "{{len .Config.Env}} {{len .Name}} {{len .Config.Labels}}",
    "{{eq .Name \"/c1\" \"/c2\"}} {{eq 1 2 3 1}}", "x {{- .Name -}} y",
    "{{range .Config.Env}}{{if eq . \"A=1\"}}{{continue}}{{end}}{{.}}{{break}}{{end}}", "{{index .HostConfig.PortBindings \"80/tcp\" 0 \"HostPort\"}}",
    "{{(index (index .HostConfig.PortBindings \"80/tcp\") 0).HostIp}}", "{{split .Name \"/\"}} {{join .Config.Env \",\"}}",
    "{{title \"abc def\"}} {{upper .Name}} {{lower \"ABC\"}} {{pad .Name 2 3}}| {{truncate .Name 2}}", "{{println .Name .Path}}{{print .Name 1 2 \"x\"}}",
    "{{html \"<a&b>\"}} {{urlquery \"a b&c\"}}", "{{range $p, $conf := .HostConfig.PortBindings}}{{$p}} -> {{(index $conf 0).HostPort}} {{end}}",
    "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}", "{{.HostConfig.PortBindings}} {{.HostConfig.Binds}}",
    "{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}}", "{{.Config.Cmd}} {{.Args}} {{.Config.Entrypoint}} {{.Config.Volumes}}",
    "{{printf \"%d %05d %x %v %t\" 1 2 255 .RestartCount .State.Running}}", "{{printf \"%6.2f|%-8s|%+d|%c|%U\" 3.14159 \"a\" 5 65 65}}",
    "{{.State.Pid | printf \"%T\"}} {{printf \"%T\" .Name}}", "{{$x := .Name}}{{$x}}{{$x = \"b\"}}{{$x}}", "{{/* c */}}{{\"a\" | printf \"%s-%s\" \"b\"}}",
    "{{lt 1 2}} {{le 2 2}} {{gt \"b\" \"a\"}} {{ge 1.5 1.5}} {{ne 1 2}}", "{{or .Config.Domainname \"none\"}} {{and 1 0}}", "{{json .HostConfig.RestartPolicy}}",
    "{{index .Config.Labels \"nope\"}}|{{.Config.Labels.nope}}|", "{{define \"T\"}}[{{.}}]{{end}}{{template \"T\" .Name}}", "{{block \"B\" .Path}}<{{.}}>{{end}}",
    "{{index .Config.Env 0 0}}", "{{(.State).Running}} {{.State.Running | not}}", "{{split \"a,b\" \",\" | json}} {{len (split \"a,b\" \",\")}}",
    "{{with .State}}{{with .Running}}{{.}}{{else}}no{{end}}{{end}}", "{{$.Name}} {{range .Args}}{{$.Path}}{{end}}", "{{.nope}}", "{{.State.nope}}",
    "{{range 3}}x{{end}}", "{{len}}", "{{.Name.foo}}", "{{if .State.Running}}x", "{{index .Args 5}}", "{{lt \"a\" 1}}",
]
LISTS = [
    "ps -a --format 'table {{.Image}}\\t{{.Names}}'", "ps -a --format 'table {{.Names}}\\t{{.Labels}}\\t{{.Label \"k\"}}\\t{{.Label \"com.example.a-b\"}}'",
    "ps -a --format 'table {{lower .Names}} {{truncate .State 3}}'", "ps -a --format '{{.Names}} {{.Size}}'", "ps -a --format '{{.Nope}}'",
    "ps -a --format raw", "ps -aq --format raw", "ps -a --format 'table {{range split .Names \",\"}}{{.}} {{end}}'", "network ls --format '{{.Nope}}'",
    "images --format raw", "volume ls --format raw", "volume ls --format '{{.Name}} {{.Scope}} {{.Links}} {{.Size}}'", "volume ls --format '{{.Nope}}'",
    "network ls --format raw -q", "inspect -f '{{.Id}}' nope", "version --format '{{.Client.APIVersion | len}} {{.Server.MinAPIVersion}}'",
    "info --format '{{json .Swarm}}'",
]


def row(script, out=SAME, err=SAME):
    return pytest.param(script, out, err, id=re.sub(r"\W+", "-", script)[-60:].strip("-"))


ROWS = [
    # run: streams, exit codes, identity
    row(f"{R} --rm {I} sh -c 'echo out; echo err >&2; exit 3'"),
    row(f"{R} --rm {I} nosuch", err=SOME),
    row(f"{R} --rm {I} /etc/passwd", err=SOME),
    row(f"{R} --rm {I} sh -c 'kill -9 $$; sleep 1; echo alive'"),
    row(f"echo in | {R} --rm -i {I} cat"),
    row(f"echo in | {R} --rm {I} cat"),
    row(f"{R} --rm -t {I} sh -c 'echo o; echo e >&2'"),
    row(f"{R} --rm -it {I} true"),
    row(f"{R} --rm -d -a stdout {I} true", err=SOME),
    row(f"{R} --rm -h box -e A=1 -e B {I} sh -c 'env | sort'"),
    row(f"X=here {R} --rm -e X -e NOT {I} sh -c 'echo [$X][${{NOT-unset}}]'"),
    row(f"printf 'A=1\\n# no\\n B=two words\\nC\\n' > e; C=c {R} --rm --env-file e -e A=2 {I} sh -c 'echo $A $B $C'"),
    row(f"{R} --rm -u user {I} id"), row(f"{R} --rm -u 1234 {I} id"), row(f"{R} --rm -u 1:2 --group-add 7 {I} id"),
    row(f"{R} --rm -w /new/dir {I} sh -c pwd"),
    row(f"{R} --rm --entrypoint echo {I} a b"),
    row(f"{R} --rm --read-only {I} sh -c 'touch /x'"),
    row(f"{R} --rm --tmpfs /t:size=1m {I} sh -c 'mount | grep \" /t \"'"),
    row(f"{R} --rm {I} sh -c 'busybox grep Cap /proc/self/status'"),
    row(f"{R} --rm --cap-drop ALL --cap-add chown {I} sh -c 'busybox grep Cap /proc/self/status'"),
    row(f"{R} --rm --security-opt no-new-privileges {I} sh -c 'busybox grep NoNew /proc/self/status'"),
    row(f"{R} --rm --ulimit nofile=100:200 {I} sh -c 'ulimit -n; ulimit -Hn'"),
    row(f"{R} --rm --shm-size 1m {I} sh -c 'busybox df -k /dev/shm | busybox tail -1'"),
    row(f"{R} --rm --init {I} sh -c 'echo $$'", out=ANY),
    row(f"{R} --rm {I} sh -c 'ls /dev; ls -a /etc'", out=SOME),
    row(f"{R} --rm {I} sh -c 'cat /etc/hosts'"),
    row(f"{R} --rm --add-host foo:1.2.3.4 {I} sh -c 'busybox grep foo /etc/hosts'"),
    row(f"mkdir b; {R} --rm -v $T/b:/x {I} sh -c 'echo v > /x/f'; cat b/f"),
    row(f"{R} --rm -v vol:/d {I} sh -c 'echo v > /d/f'; {R} --rm -v vol:/d:ro {I} sh -c 'cat /d/f; touch /d/g'"),
    row(f"{R} --name c1 {I} sh -c 'exit 5'; docker inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' c1"),
    row(f"{R} --name c1 {I} nosuch 2> /dev/null; docker inspect -f '{{{{.State.Status}}}} {{{{.State.ExitCode}}}}' c1"),
    row(f"{R} -d {I} true"),
    row(f"{R} --cidfile cid {I} true; wc -c < cid; {R} --cidfile cid {I} true", err=SOME),
    *[row(f"{R} --rm {program} > up & until grep -q up up; do sleep 0.1; done; kill -{signal} $!; wait $!") for signal, program in (
        ("TERM", f"--init {I} sh -c 'echo up; exec sleep 30'"),
        ("HUP", f"{I} sh -c 'trap \"exit 6\" HUP; echo up; while :; do sleep 0.1; done'"))],
    # run: what is refused
    # Where the client has changed its words since 20.10, ours are those of today.
    *[row(f"{R} {options} {I} true", err=SOME) for options in (
        "--restart on-failure:x", "--restart always:3", "--restart bogus", "--rm --restart always", "-v /tmp:rel",
        "-v /tmp:/x:bogus", "--pid bogus", "--uts bogus", "--mount src=/tmp", "--cgroupns bogus", "--stop-signal BOGUS",
        "-m 10x", "--sysctl kernel.foo=1", "--dns bogus", "--gpus all")],
    *[row(f"{R} {options} {I} true") for options in (
        "--nosuch", "-x", "--rm=yes", "-e =x", "-m 1m", "--memory-swap 10m", "-w rel",
        "--ulimit bogus=1", "--ulimit nofile=2:1", "--cap-add BOGUS", "--log-driver bogus",
        "--mount type=bind,src=/nofile,dst=/x", "-v /tmp:/x -v /tmp:/x", "--env-file /nofile",
        "--device-cgroup-rule x", "--device-read-bps /x:1", "--health-interval 10", "--health-retries -1",
        "--no-healthcheck --health-cmd x", "--add-host foo",
        "--memory-swappiness 200")],
    row(f"{R}", err=SOME), row("docker run --network none BAD:1", err=SOME), row("docker nosuch", err=SOME), row("docker ps x", err=SOME),
    row(f"{R} --name 'a b' {I} true"),
    # names
    row(f"{R} -d --name c1 {I} sleep 60 > /dev/null; {R} --name c1 {I} true"),
    # lifecycle
    row(f"docker create --network none --name c1 {I} sh -c 'echo hi; exit 3'; docker start -a c1; docker start c1; docker wait c1"),
    row(UP + WAIT + "docker stop c1; docker inspect -f '{{.State.ExitCode}}' c1; docker stop c1; docker start c1; docker kill c1; "
        "docker inspect -f '{{.State.ExitCode}} {{.State.Status}}' c1; docker kill c1"),
    row(UP + WAIT + "docker restart -t 0 c1; docker inspect -f '{{.State.Running}}' c1; docker rm c1; docker rm -f c1; docker rm c1"),
    row("docker stop nope; docker kill nope; docker rm nope; docker rm -f nope; docker start nope; docker restart nope; "
        "docker wait nope; docker logs nope; docker exec nope true; docker pause nope; docker top nope; docker rename nope x; "
        "docker attach nope; docker diff nope; docker export nope; docker update -m 10m nope; docker port nope"),
    row(UP + "docker rename c1 d1; docker inspect -f '{{.Name}}' d1; docker rename d1 d1; docker rename d1 'a b'", err=SOME),
    row(UP + WAIT + "docker pause c1; docker inspect -f '{{.State.Status}} {{.State.Paused}}' c1; docker exec c1 true; docker pause c1; "
        "docker unpause c1; docker unpause c1; docker ps --format '{{.State}}'"),
    row(UP + "docker update --restart always -m 64m --memory-swap 64m c1; "
        "docker inspect -f '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}' c1; docker update -m 1g c1; docker update c1"),
    row(f"{R} -d --restart on-failure:2 --name c1 {I} sh -c 'exit 4' > /dev/null; "
        "until docker inspect -f '{{.RestartCount}} {{.State.Running}}' c1 | grep -q '2 false'; do sleep 0.1; done; "
        "docker inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' c1"),
    # exec
    row(UP + WAIT + "docker exec c1 sh -c 'echo o; echo e >&2; exit 7'"),
    row(UP + WAIT + "docker exec -e A=1 -w /tmp -u user c1 sh -c 'echo $A; pwd; id'"),
    row(UP + WAIT + "echo in | docker exec -i c1 cat; echo in | docker exec c1 cat; docker exec -t c1 echo t; docker exec -it c1 true"),
    row(UP + WAIT + "docker exec -d c1 touch /done; until docker exec c1 ls /done 2> /dev/null; do sleep 0.1; done"),
    row(f"{R} --name c1 {I} true; docker exec c1 true"),
    row("docker exec c1", err=SOME), row("docker exec -w"),
    *[row(UP + WAIT + f"docker exec {options} c1 true") for options in ("-u nobody-there", "-u root:nogroup", "-w rel", "-w /no", "-d -u nobody")],
    row(UP + WAIT + "docker kill -s BOGUS c1; docker kill -s 99 c1; docker kill -s 0 c1; docker stop -t 0 c1; docker unpause c1"),
    # logs
    row(f"{R} --name c1 {I} sh -c 'echo 1; echo 2 >&2; echo 3; printf end'; docker logs c1; docker logs --tail 1 c1; "
        "docker logs -n 0 c1; docker logs --since 2099-01-01 c1; docker logs --until 2000-01-01 c1; docker logs --since x c1"),
    row(f"{R} --name c1 --log-driver none {I} echo x; docker logs c1"),
    # listing and inspecting
    row("docker ps; docker ps -q; docker ps -a --format '{{.Names}}'"),
    row(f"{R} -d --name c1 -l k=v {I} sleep 60 > /dev/null; docker ps --no-trunc --format "
        "'{{.Names}}|{{.Image}}|{{.Command}}|{{.State}}|{{.Labels}}|{{.Label \"k\"}}|{{.Ports}}|{{.Networks}}|{{.Mounts}}'; "
        "docker ps -f label=k=v -q; docker ps -f status=exited -q; docker ps -f bogus=1; docker ps -f status=bogus; "
        "docker ps --format '{{.Nope}}'; docker ps --format 'table {{.Names}}\\t{{.Image}}'", err=SOME),
    row(f"{R} -d --name c1 {I} sleep 60 > /dev/null; docker inspect -f "
        "'{{.Name}} {{.Path}} {{json .Args}} {{.Config.Image}} {{.HostConfig.NetworkMode}} {{.Config.Tty}} {{.State.Running}} "
        "{{len .Mounts}} {{json .Config.Cmd}} {{json .Config.Entrypoint}} {{.HostConfig.LogConfig.Type}} {{.HostConfig.ShmSize}}' c1"),
    row("docker inspect nope; docker container inspect nope; docker image inspect nope", err=SOME),
    row(f"docker inspect -f '{{{{.Nope}}}}' {I}", err=SOME),
    row(UP + WAIT + "docker top c1 -o comm,pid | head -1; docker stats --no-stream c1 | head -1"),
    row(f"docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}'; docker images -q nosuch; docker rmi nosuch; docker tag nosuch x",
        err=SOME),
    # health
    row(f"{R} -d --name c1 --health-cmd 'echo h; exit 1' --health-interval 2s --health-retries 1 {I} sleep 60 > /dev/null; "
        "docker inspect -f '{{.State.Health.Status}}' c1; "
        "until docker inspect -f '{{.State.Health.Status}}' c1 | grep -q unhealthy; do sleep 0.1; done; docker inspect -f '{{.State.Health.Status}} "
        "{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' c1; docker ps --format '{{.Status}}' | "
        "grep -o '(.*)'"),
    # what JSON leaves out, a template has all the same
    row("docker create --name c1 --health-cmd 'exit 0' --health-interval 90s --health-timeout 300ms " + I + " true > /dev/null; "
        "docker create --name c2 " + I + " true > /dev/null; docker inspect -f '{{with .Config.Healthcheck}}{{.Interval}} {{.Timeout}} "
        "{{.StartPeriod}} {{.Retries}} {{json .}}{{else}}none{{end}} [{{.Config.StopSignal}}] {{.Config.StopTimeout}} "
        "{{.HostConfig.Init}} {{.HostConfig.Tmpfs}} {{.Config.Shell}} {{if .State.Health}}checked{{else}}unchecked{{end}}' c1 c2; "
        "docker inspect -f '{{.State.Health.Status}}' c2", err=SOME),
    row(f"docker create --name c1 -l k=v -l x.y=1 -e A=1 -p 8080:80 -v v1:/d --restart on-failure:3 {I} sleep 60 > /dev/null; " +
        "".join(f"docker inspect -f '{template}' c1; " for template in TEMPLATES)),
    row(f"docker create --name c1 -l k=v -v v1:/d {I} true > /dev/null; " + "".join(f"docker {words}; " for words in LISTS)),
    # the language of templates
    row("docker create --name c1 -l k=v " + I + " sh -c 'echo hi' > /dev/null; docker inspect -f '{{define \"x\"}}[{{.}}]{{end}}"
        "{{template \"x\" .Name}} {{range .Config.Env}}{{if eq . \"A\"}}{{break}}{{end}}{{.}}{{end}} {{html \"<a>\"}} {{urlquery \"a b\"}} "
        "{{printf \"%05d|%-5s|%.2f|%q|%T|%d\" 42 \"a\" 2.5 \"b\" 1 \"x\"}} {{print 1 2 \"a\"}} {{if and .State.Health .State.Health.Status}}x{{end}} "
        "{{.Config.Labels.nope}} {{.Config.Entrypoint}} {{len .HostConfig.Binds}} {{.HostConfig.RestartPolicy}} {{.HostConfig.LogConfig}} "
        "{{with $n := .Path}}{{slice $n 1}}{{end}} {{not .State.Running}}{{lt 1 2}}{{or 0 \"z\"}}' c1"),
    *[row(f"docker create --name c1 {I} true > /dev/null; docker inspect -f '{template}' c1") for template in (
        "{{.State.Nope}}", "{{.Name.X}}", "{{template \"nope\"}}", "{{eq \"a\" 1}}", "{{if}}{{end}}", "{{end}}", "{{nofunc}}", "{{len 3}}",
        "a\n {{index .Args \"x\"}}", "{{range .Name}}{{end}}")],
    row(f"docker create --name c1 -l b=1 -l a=1 -l b=2 -p 8080:80 -p 8443:443 {I} > /dev/null; docker ps -aq -f label=b=1; docker inspect -f "
        "'{{json .Config.Labels}} {{json .HostConfig.PortBindings}} {{json .Config.ExposedPorts}}' c1"),
    # files
    row(f"{R} --name c1 {I} sh -c 'echo n > /n; rm /etc/group; mkdir /d; echo f > /d/f'; docker diff c1 | sort; docker cp c1:/d out; "
        "cat out/f; docker cp c1:/n -  | tar tf -; docker cp c1:/nofile x; docker cp c1:/a c1:/b; docker cp a b", err=SOME),
    row(f"docker create --name c1 {I} > /dev/null; echo in > in; docker cp in c1:/tmp/in; docker cp c1:/tmp/in back; cat back; "
        "docker cp in c1:/nodir/x; echo $?", err=SOME),
    row(f"{R} --name c1 {I} sh -c 'echo n > /n'; docker export c1 | tar tf - | grep -E '^(n|bin/sh)$' | sort; "
        "docker commit -c 'CMD [\"cat\",\"/n\"]' c1 made:1 | cut -c1-7; docker run --rm --network none made:1"),
    # legacy links, in the default network
    row(f"docker run -d --name db -e X=1 -e PATH=/bin --expose 5432 --expose 90-93 --expose 91/udp {I} sleep 60 > /dev/null; "
        f"docker run --name web --link db:my-db --link db:my-db --link db {I} sh -c 'env | sort; busybox grep -w db /etc/hosts | sort'; "
        "docker inspect -f '{{range .HostConfig.Links}}{{println .}}{{end}}' web | sort; docker inspect -f '{{.NetworkSettings.Networks.bridge.Links}}' web; "
        "docker create --name alone --link db " + I + " > /dev/null; docker rm --link alone/nope; docker rm -l web/my-db; docker rm -l web; docker rm -f db; docker start alone; docker inspect -f '{{.HostConfig.Links}}' alone"),
    row(f"docker create --name c1 {I} true > /dev/null; docker create --name c2 --network none {I} > /dev/null; "
        f"docker create --name c3 --network host {I} > /dev/null; docker create --name c4 --network container:c3 {I} > /dev/null; "
        f"docker run --link nope {I} true; docker run --name ww --link c1:a {I} true; docker rm ww; docker run --name ww --link c2 {I}; "
        f"docker rm ww; docker run --link c3 {I}; docker run --link c4 {I}; docker run --link c1:b:c {I}; {R} --link nope {I}; "
        f"docker run --network host --link c1 {I}; docker start ww"),
    # events
    row(f"s=$(date +%s.%N); {R} --rm --name c1 {I} sh -c 'exit 3'; sleep 0.3; docker events --since $s --until $(date +%s.%N) "
        "-f container=c1 --format '{{.Action}} {{.Actor.Attributes.exitCode}}' | grep -E 'create|start|die'"),
    # volumes
    row("docker volume create v1; docker volume ls -q; docker volume inspect -f '{{.Name}} {{.Driver}} {{.Scope}}' v1; docker volume rm v1; "
        "docker volume rm v1", err=SOME),
    row(f"{R} -d --name c1 -v v1:/d {I} sleep 60 > /dev/null; docker volume rm v1; docker rm -f c1; docker volume rm v1"),
    row("docker -v > /dev/null; echo $?; docker info --format '{{.OSType}} {{.Swarm.LocalNodeState}}'; docker version -f x"),
]


def equalised(text):
    """What may differ between two runs, or two releases of the client."""
    text = text.decode(errors="replace")
    text = re.sub(r"\b[0-9a-f]{64}\b", "ID64", text)
    text = re.sub(r"\b[0-9a-f]{12}\b", "ID12", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][\d:.]+(Z| \+0000 UTC)?", "TIME", text)
    # The client of 20.10 ends its sentences, and has other quotes and prefixes than the one of today.
    text = re.sub(r"^(docker: |Error: )?(Error response from daemon: )?", "", text, flags=re.M).replace('"', "'")
    lines = [line.rstrip(" .") for line in text.splitlines()]
    # The hint at the help has been worded in several ways; that of 20.10 also tells of its own waiting.
    return [line for line in lines
            if line and not re.match(r"(See|Run) 'docker|Usage: |\s+docker |.* \(Did you mean|time='TIME' level=error msg='error waiting", line)]


def compared(ours, theirs, how):
    if how == ANY:
        return True
    if how == SOME:
        return bool(ours) == bool(theirs)
    return ours == theirs


@pytest.mark.parametrize("script, out, err", ROWS)
def test_row(ours, theirs, script, out, err):  # noqa: F811
    results = []
    for side in (ours, theirs):
        done = side.shell(script)
        side.tidy()
        results.append((done.returncode, equalised(done.stdout), equalised(done.stderr)))
    (code, stdout, stderr), (wanted, their_stdout, their_stderr) = results
    assert code == wanted, results
    assert compared(stdout, their_stdout, out), results
    assert compared(stderr, their_stderr, err), results
