# SPDX-License-Identifier: Apache-2.0
"""Reading compose files: what they mean (tests/cases/compose), where they are found, what is refused."""

import glob
import json
import os
import textwrap

import pytest

import world

CASES = os.path.join(world.TESTS, "cases", "compose")
NAMES = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(CASES, "*.yml")))


class Files:
    """A directory of files, and our two programs in it with nothing in their environment but what a test says."""

    def __init__(self, moor, directory):
        self.moor, self.directory = moor, str(directory)
        os.makedirs(self.directory)

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))

    def run(self, *arguments, program="docker", env=None, cwd=None, **options):
        argv = [os.path.join(self.moor.names, program), *(["compose"] if program == "docker" else []), *arguments]
        return self.moor.run("env", "-i", "PATH=" + self.moor.env["PATH"], "HOME=/home/me",
                             *(f"{key}={value}" for key, value in (env or {}).items()), *argv,
                             cwd=cwd or self.directory, **options)

    def config(self, *arguments, **options):
        return json.loads(self.run(*arguments, "config", "--format", "json", **options).stdout)


@pytest.fixture
def files(moor, tmp_path):
    return Files(moor, tmp_path / "My.Proj-X_1")


@pytest.mark.parametrize("name", NAMES)
def test_meaning(files, name):
    """And what is printed means the same when it is read again."""
    with open(os.path.join(CASES, name + ".out")) as file:
        wanted = file.read()
    options = {"env": {"GIVEN": "given"}}
    done = files.run("--project-directory", "/srv/App.1", "-f", os.path.join(CASES, name + ".yml"), "config", **options)
    assert done.stdout == wanted
    files.write("again.yml", done.stdout)
    assert files.run("--project-directory", "/srv/App.1", "-f", "again.yml", "config", **options).stdout == wanted


def test_numbers(files):
    """They are numbers in what is printed, whatever they were; the container is still the same one."""
    hashes = []
    for quote in ("", '"'):
        number = (quote + "%s" + quote).__mod__
        files.write("x.yml", f"services: {{a: {{image: x, cpus: {number('1.50')}, deploy: {{replicas: {number(2)}, update_config: {{parallelism: {number(2)}, max_failure_ratio: {number(0.5)}}}}}, blkio_config: {{weight: {number(300)}}}, cpu_shares: {number(9)},"
                             f" healthcheck: {{test: x, retries: {number(3)}}}, ulimits: {{nproc: {number(10)}}}, mem_limit: {number(8000000)}}}}}\n")
        a = files.config("-f", "x.yml")["services"]["a"]
        assert [a["cpus"], a["deploy"]["replicas"], a["cpu_shares"], a["healthcheck"]["retries"], a["ulimits"]["nproc"]] == [1.5, 2, 9, 3, 10]
        assert a["mem_limit"] == "8000000"
        assert a["deploy"]["update_config"] == {"parallelism": 2, "max_failure_ratio": 0.5} and a["blkio_config"] == {"weight": 300}
        hashes.append(files.run("-f", "x.yml", "config", "--hash", "a").stdout)
    assert hashes[0] == hashes[1]


def test_hash_is_stable(files):
    """Another one would have every container of every device recreated after an update of Mooring."""
    files.write("x.yml", "services: {a: {image: x, command: echo hi, environment: {B: 1, A: 2}}}\n")
    assert files.run("-f", "x.yml", "-p", "p", "config", "--hash", "*").stdout == "a 96bd5f90a88de7d59e0e0ee53ac38c92\n"
    same = "services: {a: {environment: [A=2, B=1], scale: 3, profiles: [], command: [echo, hi], image: x, depends_on: []}}\n"
    files.write("y.yml", same)
    assert files.run("-f", "y.yml", "-p", "p", "config", "--hash", "a").stdout == "a 96bd5f90a88de7d59e0e0ee53ac38c92\n"


# -- where they are --------------------------------------------------------------------------------


def service(image):
    return f"services: {{a: {{image: '{image}'}}}}\n"


def test_names_of_files(files):
    def image(**options):
        return files.config(**options)["services"]["a"]["image"]

    assert "no configuration file provided" in files.run("config", code=14).stderr
    files.write("docker-compose.yml", service("four"))
    assert image() == "four"
    files.write("compose.yaml", service("one"))
    assert image() == "one"
    assert "Found multiple config files with supported names" in files.run("config", "-q").stderr
    os.unlink(os.path.join(files.directory, "docker-compose.yml"))
    files.write("compose.override.yaml", service("over"))
    assert image() == "over"
    files.write("docker-compose.override.yml", service("too many"))
    assert "Found multiple override files with supported names: compose.override.yaml, docker-compose.override.yml" in files.run("config").stderr
    assert "Multiple override files found: " in files.run("config", program="docker-compose", code=1).stderr
    os.unlink(os.path.join(files.directory, "docker-compose.override.yml"))
    files.write("deep/er/x", "")
    assert image(cwd=os.path.join(files.directory, "deep", "er")) == "over"
    assert files.config("-f", "compose.yaml")["services"]["a"]["image"] == "one"
    files.write("two.yml", "services: {b: {image: two}}\n")
    assert sorted(files.config("-f", "compose.yaml", "-f", "two.yml")["services"]) == ["a", "b"]
    assert sorted(files.config(env={"COMPOSE_FILE": "two.yml:compose.yaml"})["services"]) == ["a", "b"]
    assert files.run("-f", "-", "config", "--images", input=service("typed")).stdout == "typed\n"
    assert "nowhere.yml: no such file or directory" in files.run("-f", "nowhere.yml", "config", code=14).stderr


def test_name_of_project(files):
    files.write("compose.yaml", service("x"))
    assert files.config()["name"] == "myproj-x_1"
    for given in (("-p", "Foo.Bar"), ("-p", "-x"), ("-p", "...")):
        assert files.run(*given, "config", code=15).stderr.strip() == (
            f'invalid project name "{given[1]}": must consist only of lowercase alphanumeric characters, hyphens, and '
            "underscores as well as start with a letter or number")
    assert files.config(env={"COMPOSE_PROJECT_NAME": "named"})["name"] == "named"
    files.write(".env", "COMPOSE_PROJECT_NAME=dotted\n")
    assert files.config()["name"] == "dotted"
    files.write(".env", "")
    files.write("compose.yaml", "name: own\nservices: {a: {image: '${COMPOSE_PROJECT_NAME}'}}\n")
    assert files.config()["name"] == "own"
    assert files.config()["services"]["a"]["image"] == "own"
    assert files.config("-p", "flag")["services"]["a"]["image"] == "flag"
    files.write("later.yaml", "name: later-${X}\n")
    assert files.config("-f", "compose.yaml", "-f", "later.yaml", env={"X": "1"})["services"]["a"]["image"] == "later-1"
    assert files.config(env={"COMPOSE_PROJECT_NAME": "named"})["services"]["a"]["image"] == "named"
    files.write("1.0.0/compose.yaml", service("x"))
    assert files.config("-f", "1.0.0/compose.yaml")["name"] == "100"
    assert files.config("-p", "Foo.Bar", "-f", "1.0.0/compose.yaml", program="docker-compose")["name"] == "foobar"  # 1 mends it
    assert "project name must not be empty" in files.run("-p", "...", "config", program="docker-compose", code=1).stderr


def test_variables(files):
    files.write("sub/compose.yaml", service("${A}-${B:-b}-${C-c}-$D"))
    files.write("sub/.env", "A=dot\nD=\"d$A\"\n")
    files.write("other.env", "A=other\n")
    path = ("-f", "sub/compose.yaml")
    assert files.config(*path)["services"]["a"]["image"] == "dot-b-c-ddot"
    assert files.config(*path, env={"A": "env"})["services"]["a"]["image"] == "env-b-c-denv"
    done = files.run(*path, "--env-file", "other.env", "config")
    assert "image: other-b-c-" in done.stdout and 'The "D" variable is not set. Defaulting to a blank string.' in done.stderr
    classic = files.run(*path, "--env-file", "other.env", "config", program="docker-compose").stderr
    assert classic == "The D variable is not set. Defaulting to a blank string.\n"
    assert "couldn't find env file" in files.run(*path, "--env-file", "no.env", "config", code=15).stderr


def test_files_of_variables(files):
    """Beside the compose file and, when that lies further up, here; in docker's grammar if they are called raw."""
    files.write("compose.yaml", service("$A-$B-$C"))
    files.write(".env", "A=up\nB=up\n")
    files.write("sub/.env", "B=here\nC=here\n")
    below = os.path.join(files.directory, "sub")
    assert files.config(cwd=below)["services"]["a"]["image"] == "up-here-here"
    assert files.config("-f", "../compose.yaml", cwd=below)["services"]["a"]["image"] == "up-up-"
    assert files.config(cwd=below, env={"COMPOSE_DISABLE_ENV_FILE": "1"})["services"]["a"]["image"] == "--"
    files.write("raw.env", "K='{\"a\": \"$A\"}' # so\n")
    for form, value in ((", format: raw", "'{\"a\": \"$$A\"}' # so"), ("", '{"a": "$$A"}')):
        files.write("compose.yaml", "services: {a: {image: x, env_file: [{path: raw.env%s}]}}\n" % form)
        assert files.config()["services"]["a"]["environment"]["K"] == value
    files.write("compose.yaml", "services: {a: {image: x, env_file: [{path: raw.env, format: odd}]}}\n")
    assert 'unsupported env_file format "odd"' in files.run("config", code=15).stderr


def test_variables_multiply(files):
    """Limits of a text and of a count multiply; all texts of a project have one in common."""
    many = "take more than 64 MiB of memory"
    files.write(".env", "BIG=" + "x" * 1000000 + "\n")
    files.write("compose.yaml", "services: {a: {image: x, command: [&a '${BIG}'" + ", *a" * 5000 + "]}}\n")
    assert many in files.run("config", code=15).stderr
    text = "A0=" + "x" * 1000 + "\n" + "".join("A%d=%s\n" % (i, ("${A%d}" % (i - 1)) * 9) for i in range(1, 4))
    text += "".join("B%d=${A3}\n" % i for i in range(1000))
    files.write(".env", text)
    files.write("compose.yaml", "services: {a: {image: x}}\n")
    assert ".env: line " in files.run("config", code=15).stderr
    assert many in files.run("config", code=15).stderr
    os.rename(os.path.join(files.directory, ".env"), os.path.join(files.directory, "big.env"))
    files.write("compose.yaml", "services: {a: {image: x, env_file: big.env}}\n")
    assert many in files.run("config", code=15).stderr
    files.write("big.env", ("#" + "x" * 60000 + "\n") * 16)
    for form in "big.env", "{path: big.env, format: raw}":
        files.write("compose.yaml", "services: {a: {image: x, env_file: [&a %s%s]}}\n" % (form, ", *a" * 200))
        assert many in files.run("config", code=15).stderr
    options = ["--env-file", "big.env"] * 100
    refused = files.moor.docker("create", *options, "nosuch", code=125, cwd=files.directory)
    assert "big.env: all env files take more than 64 MiB" in refused.stderr


def test_other_files(files):
    """extends and include: paths are relative to the file they stand in."""
    files.write("compose.yaml", """
        include: [inc/part.yaml]
        services:
          web: {extends: {file: lib/base.yaml, service: base}, image: web}
        """)
    files.write("lib/base.yaml", "services: {base: {extends: deeper, volumes: ['./v:/v'], env_file: e.env}, deeper: {image: x, tty: true}}\n")
    files.write("lib/e.env", "FROM=lib\n")
    files.write("inc/part.yaml", "services: {part: {image: part, volumes: ['./p:/p']}}\nvolumes: {pv: {}}\n")
    services = files.config()["services"]
    assert services["web"]["volumes"][0]["source"] == files.directory + "/lib/v" and services["web"]["image"] == "web"
    assert services["web"]["environment"] == {"FROM": "lib"} and services["web"]["tty"] is True
    assert services["part"]["volumes"][0]["source"] == files.directory + "/inc/p"
    files.write("inc/part.yaml", "services: {web: {image: clash}}\n")
    assert "conflicts with imported resource" in files.run("config", code=15).stderr
    files.write("inc/part.yaml", "include: [part.yaml]\n")
    assert "too many files extend or include each other" in files.run("config", code=15).stderr


def test_environment(files):
    """What ${...} in the files may be: the process' environment counts more than .env."""
    files.write("compose.yaml", service("x"))
    files.write(".env", "T=dotted\nX=dotted\nCOMPOSE_PROJECT_NAME=named\n")
    lines = files.run("config", "--environment", env={"X": "given"}).stdout.splitlines()
    assert {"T=dotted", "X=given", "COMPOSE_PROJECT_NAME=named", "HOME=/home/me"} <= set(lines)
    assert lines == sorted(lines) and len({line.split("=")[0] for line in lines}) == len(lines)
    for option in ("--variables", "--resolve-image-digests", "--lock-image-digests"):
        assert option + " is not supported yet" in files.run("config", option, code=16).stderr


def test_variables_of_included_files(files):
    """`env_file` of include, or .env beside the files, says what the environment does not; further files are laid over the first."""
    files.write("compose.yaml", """
        include:
          - {path: [inc/part.yaml, inc/over.yaml], env_file: given.env}
          - other/part.yaml
        services: {own: {image: "own:${TAG-unset}", environment: [TAG]}}
        """)
    files.write("given.env", "TAG=given\n")
    files.write("inc/part.yaml", "services: {part: {image: 'part:${TAG}', environment: [TAG, GIVEN]}}\n")
    files.write("inc/over.yaml", "services: {part: {command: 'echo ${TAG}'}}\n")
    files.write("other/part.yaml", "services: {other: {image: 'other:${TAG}'}}\n")
    files.write("other/.env", "TAG=beside\n")
    services = files.config(env={"GIVEN": "given"})["services"]
    assert [services[name]["image"] for name in ("own", "part", "other")] == ["own:unset", "part:given", "other:beside"]
    assert services["part"]["environment"] == {"TAG": "given", "GIVEN": "given"} and services["part"]["command"] == ["echo", "given"]
    assert services["own"]["environment"] == {"TAG": None}
    services = files.config(env={"TAG": "environment"})["services"]
    assert {services[name]["image"].split(":")[1] for name in services} == {"environment"}
    os.unlink(os.path.join(files.directory, "given.env"))
    assert "given.env" in files.run("config", code=14).stderr


# A key of a service, what stands there, and what becomes of it; None: a mistake, whose text is in its place.
FORMS = [
    ("cap_add", "[A, A, B]", ["A", "B"]), ("dns", "[1.1.1.1, 1.1.1.1]", ["1.1.1.1"]), ("expose", "[80, '80']", ["80"]),
    ("labels", "[a]", {"a": ""}), ("annotations", "{a: }", {"a": ""}), ("sysctls", "[a]", {"a": ""}), ("pull_policy", "if_not_present", "missing"),
    ("extra_hosts", "['a=[::1]']", ["a:::1"]), ("secrets", "[s, s]", [{"source": "s", "target": "/run/secrets/s"}]),
    ("links", "[b]", ["b"]), ("command", "a $ $1 b$", ["a", "$$", "$$1", "b$$"]), ("environment", "[ABSENT]", {"ABSENT": None}),
    ("healthcheck", "{test: [], retries: 3}", {"test": [], "retries": 3}),
    ("cgroup", "x", "one of the following"), ("pull_policy", "x", "one of the following"), ("cpu_percent", "101", "between 0 and 100"),
    ("cpu_count", "1.5", "integer"), ("oom_score_adj", "1001", "between -1000 and 1000"), ("cpu_quota", "x", "number"),
    ("blkio_config", "{device_read_bps: {}}", "list"), ("security_opt", "[a, a]", "twice"), ("group_add", "[1, 1]", "twice"),
    ("depends_on", "[b, b]", "twice"), ("depends_on", "{b: }", "mapping"), ("depends_on", "{b: {required: false}}", "condition"),
    ("depends_on", "{zz: {condition: service_started}}", "undefined service"), ("extra_hosts", "[a]", "missing IP"),
    ("ports", "['1.2.3:80:80']", "invalid ip address: 1.2.3"), ("ports", "['localhost:80:80']", "invalid ip address"),
    ("secrets", "s", "list"), ("secrets", "[{source: s, uid: 1}]", "string"), ("logging", "{options: [a=b]}", "mapping"),
    ("storage_opt", "[size=1G]", "mapping"), ("deploy", "{update_config: {order: x}}", "one of the following"),
    ("build", "1", "mapping"), ("build", "{context: ., dockerfile: D, dockerfile_inline: X}", "mutually exclusive"),
]


def test_forms(files):
    for key, value, wanted in FORMS:
        files.write("x.yml", f"services: {{a: {{image: x, {key}: {value}}}, b: {{image: y}}}}\nsecrets: {{s: {{file: s}}}}\n")
        if isinstance(wanted, str) and value != "if_not_present":
            assert wanted in files.run("-f", "x.yml", "config", code=15).stderr, (key, value)
        else:
            assert files.config("-f", "x.yml")["services"]["a"][key] == wanted, (key, value)


def test_what_is_needed_though_not_named(files):
    """Namespaces and links of others are dependencies; what a file says of one is kept, whatever another adds."""
    files.write("x.yml", "services: {a: {image: x, links: ['b:x'], volumes_from: [c], pid: 'service:d', depends_on: {b: {condition: service_healthy}}},"
                         " b: {image: x}, c: {image: x}, d: {image: x}}\n")
    files.write("over.yml", "services: {a: {depends_on: {b: {required: false}}, command: null}}\n")
    started = {"condition": "service_started", "required": True}
    assert files.config("-f", "x.yml", "-f", "over.yml")["services"]["a"]["depends_on"] == {
        "b": {"condition": "service_healthy", "required": False}, "c": started, "d": {**started, "restart": True}}


def test_null_takes_a_command_away(files):
    files.write("x.yml", "services: {a: {image: x, command: c, entrypoint: e, hostname: h}}\n")
    files.write("over.yml", "services: {a: {command: null, entrypoint: , hostname: null}}\n")
    service = files.config("-f", "x.yml", "-f", "over.yml")["services"]["a"]
    assert "command" not in service and "entrypoint" not in service and service["hostname"] == "h"


def test_a_file_extends_itself(files):
    files.write("compose.yaml", "services: {a: {extends: {file: compose.yaml, service: b}, hostname: a}, b: {image: x}, c: {extends: {file: part.yaml, service: e}, image: y}}\n")
    files.write("part.yaml", "services: {e: , other: {extends: {file: absent.yaml, service: z}}}\n")
    services = files.config()["services"]
    assert (services["a"]["image"], services["a"]["hostname"], services["c"]["image"]) == ("x", "a", "y")
    files.write("compose.yaml", "services: {a: {extends: {file: compose.yaml, service: b}}, b: {extends: {file: ./compose.yaml, service: a}}}\n")
    assert "too many files extend" in files.run("config", code=15).stderr


def test_names_in_variables(files):
    """${COMPOSE_PROJECT_NAME} is the name in the end: -p counts more than the environment, nothing is no name, and what is included has it too."""
    files.write("compose.yaml", "name: The.Name\ninclude: [part/part.yaml]\n")
    files.write("part/part.yaml", "name: other\nservices: {a: {image: 'x:${COMPOSE_PROJECT_NAME}', environment: [COMPOSE_PROJECT_NAME]}}\n")
    for options, env, wanted in [((), {}, "thename"), (("-p", "opt"), {"COMPOSE_PROJECT_NAME": "env"}, "opt"), ((), {"COMPOSE_PROJECT_NAME": "env"}, "env"),
                                 ((), {"COMPOSE_PROJECT_NAME": ""}, "thename")]:
        service = files.config(*options, env=env)["services"]["a"]
        assert (service["image"], service["environment"]) == ("x:" + wanted, {"COMPOSE_PROJECT_NAME": wanted})
    os.mkdir(os.path.join(files.directory, ".env"))  # a directory of that name is no file of variables
    files.write("compose.yaml", "services: {a: {image: x}, b: {image: x, profiles: [p]}}\n")
    assert sorted(files.config(env={"COMPOSE_PROFILES": "*"})["services"]) == ["a", "b"]


def test_secrets_say_where_they_are(files):
    for section, said, reason in [("secrets", "", "mapping"), ("secrets", "{}", "must be set"), ("secrets", "{file: f, environment: E}", "mutually exclusive"),
                                  ("secrets", "{content: c}", "'content' not allowed"), ("configs", "{name: n}", "must be set"),
                                  ("configs", "{content: c, environment: E}", "mutually exclusive")]:
        files.write("x.yml", f"services: {{a: {{image: x}}}}\n{section}: {{n: {said}}}\n")
        assert reason in files.run("-f", "x.yml", "config", code=15).stderr, (section, said)
    files.write("x.yml", "name: p\nservices: {a: {image: x, secrets: [s], build: {context: sub, additional_contexts: [o=./other], args: [GIVEN, ABSENT], secrets: [t]}}}\n"
                         "secrets: {s: {file: f}, t: {environment: E, name: own}, unused: {file: g}}\n")
    found = files.config("-f", "x.yml", env={"GIVEN": "given"})
    at = files.directory
    assert found["secrets"] == {"s": {"file": at + "/f", "name": "p_s"}, "t": {"environment": "E", "name": "own"}}
    assert found["services"]["a"]["build"] == {"context": at + "/sub", "dockerfile": "Dockerfile", "additional_contexts": {"o": at + "/other"},
                                               "args": {"GIVEN": "given"}, "secrets": [{"source": "t"}]}


def test_remote_includes(files):
    for remote in ("https://host.invalid/p.git", "oci://host.invalid/p", "git@host.invalid:p.git"):
        for entry in (remote, {"path": [remote]}):
            files.write("compose.yaml", json.dumps({"include": [entry]}))
            assert "remote includes are not supported" in files.run("config", code=15).stderr


def test_keys_that_stand_twice(files):
    """2 refuses them; of 1, the last value counts."""
    files.write("compose.yaml", "services:\n  a:\n    image: x\n    labels: {one: 1}\n    image: y\n    labels: {two: 2}\n")
    assert 'line 5: mapping key "image" already defined at line 3' in files.run("config", code=15).stderr
    told = files.run("config", program="docker-compose").stdout
    assert told.count("image:") == 1 and "image: y" in told.replace('"', "") and "one" not in told and "two" in told
    files.write("compose.yaml", "services: {a: {image: x, labels: {<<: &l {a: 1}, <<: {a: 2, b: 3}, b: 4, '<': 5}}}\n")
    assert files.config()["services"]["a"]["labels"] == {"a": "1", "b": "4", "<": "5"}


def test_modes(files):
    """Octal as YAML 1.1 and 1.2 write it, and a number, which is all that JSON has."""
    def write(mode):
        return files.write("compose.yaml", f"""
            services:
              a:
                image: x
                configs: [{{source: c, mode: {mode}}}]
                volumes: [{{type: tmpfs, target: /t, tmpfs: {{mode: {mode}}}}}]
            configs: {{c: {{content: x}}}}
            """)

    for mode, octal in ("0440", "0440"), ("0o440", "0440"), ("288", "0440"), ("'0440'", "0440"), ("1023", "1777"), ("0o1777", "1777"), ("440", "0670"):
        write(mode)
        a = files.config()["services"]["a"]
        assert (a["configs"][0]["mode"], a["volumes"][0]["tmpfs"]["mode"]) == (octal, octal), mode
    for mode in "0o9", "4096", "-1", "rw", "true":
        write(mode)
        assert "mode" in files.run("config", code=15).stderr


def test_what_would_enable(files):
    files.write("compose.yaml", "services: {b: {image: x, depends_on: [c]}, c: {image: x, profiles: [p, q]}}\n")
    assert files.run("config", code=15).stderr == (
        'service "c" is required by "b" but is disabled. Can be enabled by profiles [p q]\n')


def test_documents(files):
    """Further documents of a file are laid over the first, as further files are; what is empty adds nothing."""
    files.write("compose.yaml", """\
        # first
        ---
        services: {test: {image: one, ports: ["80:80"], labels: {text: "a --- b"}}}
        ---
        services: {test: {image: two, ports: !reset []}}
        ---
        """)
    files.write("nothing.yaml", "# nothing yet\n")
    for names in (("-f", "compose.yaml"), ("-f", "compose.yaml", "-f", "nothing.yaml")):
        test = files.config(*names)["services"]["test"]
        assert test["image"] == "two" and not test.get("ports") and test["labels"] == {"text": "a --- b"}
    files.write("compose.yaml", "a: 1\n---\n\nservices: [\n")
    assert "additional properties 'a' not allowed" in files.run("config", code=15).stderr
    files.write("compose.yaml", "services: {}\n---\n\nservices: [\n")
    assert "compose.yaml: line 5: " in files.run("config", code=15).stderr
    files.write("compose.yaml", "services: {a: {image: x}}\n" + "---\n" * 64)
    assert "too many files" in files.run("config", code=15).stderr


def test_services_are_merged_whatever_their_name_is(files):
    """`test`, `command` and `entrypoint` are also keys whose lists are replaced as a whole."""
    for name in ("test", "command", "entrypoint"):
        files.write("1.yml", f"services: {{{name}: {{image: x, command: [a, b], healthcheck: {{test: [CMD, a]}}}}}}\n")
        files.write("2.yml", f"services: {{{name}: {{tty: true, command: [c], healthcheck: {{test: [CMD, c]}}}}}}\n")
        service = files.config("-f", "1.yml", "-f", "2.yml")["services"][name]
        assert (service["image"], service["tty"], service["command"], service["healthcheck"]["test"]) == ("x", True, ["c"], ["CMD", "c"])


def test_old_and_long_ways_to_say_it(files):
    files.write("compose.yaml", """
        services:
          a:
            image: x
            devices: [{source: /dev/null, target: /dev/nothing, permissions: r}, {source: /dev/zero}, /dev/full]
            secrets: [{source: s, mode: 0o440}]
            volumes: ["./b:/b:ro,odd"]
            networks: [n]
        secrets: {s: {file: ./s}}
        networks: {n: {external: true, driver: bridge}}
        volumes: {v: {driver: local, driver_opts: {type: none, o: bind, device: ./v}}, w: {driver: local, driver_opts: {device: ./w}}}
        """)
    config = files.config()
    a = config["services"]["a"]
    assert a["devices"] == ["/dev/null:/dev/nothing:r", "/dev/zero:/dev/zero", "/dev/full"]
    assert a["secrets"][0]["mode"] == "0440" and a["volumes"][0]["read_only"] is True
    files.write("compose.yaml", "services: {a: {image: x, volumes: [v:/v, w:/w]}}\nvolumes: {v: {driver: local, driver_opts: {type: none, o: bind, "
                                "device: ./v}}, w: {driver: local, driver_opts: {device: ./w}}}\n")
    volumes = files.config()["volumes"]
    assert [volumes[name]["driver_opts"]["device"] for name in "vw"] == [files.directory + "/v", "./w"]
    files.write("compose.yaml", "services: {a: {image: x, volumes: ['/a:/b:odd']}}\n")
    assert "invalid mode: odd" in files.run("config", program="docker-compose", code=1).stderr
    files.write("compose.yaml", "services: {a: {image: x}}\nnetworks: {n: {external: true, driver: bridge}}\n")
    assert 'networks.n: conflicting parameters "external"' in files.run("config", program="docker-compose", code=1).stderr


def test_reset_and_override(files):
    """What a file takes from the one it is laid over, and a service from the one it extends."""
    files.write("compose.yaml", """
        services:
          web: {image: a, ports: ["80:80"], environment: [A=1, B=2], privileged: true, command: x, depends_on: [db]}
          worker: {extends: web, ports: !reset [], environment: !override {C: 3}}
          db: {image: d}
        volumes: {data: {labels: {of: base}}}
        """)
    files.write("more.yaml", """
        services:
          web:
            ports: !override ["81:81"]
            environment: {A: !reset null}
            privileged: !override false
            command: !reset
            depends_on: !reset []
          worker: {depends_on: !override [web]}
          db: !reset {image: never}
        volumes: {data: !override {labels: {from: more}}}
        """)
    worker = files.config()["services"]["worker"]
    assert "ports" not in worker and worker["environment"] == {"C": "3"} and list(worker["depends_on"]) == ["db"]
    config = files.config("-f", "compose.yaml", "-f", "more.yaml")
    web, worker = config["services"]["web"], config["services"]["worker"]
    assert [port["published"] for port in web["ports"]] == ["81"] and web["environment"] == {"B": "2"} and not web.get("privileged")
    assert not web.get("command") and "depends_on" not in web and "db" not in config["services"]
    assert list(worker["depends_on"]) == ["web"]


def test_profiles(files):
    files.write("compose.yaml", "services: {a: {image: x}, b: {image: x, profiles: [p]}, c: {image: x, profiles: [p, q], depends_on: [b]}}\n")

    def names(*arguments, **options):
        return files.run(*arguments, "config", "--services", **options).stdout.split()

    assert names() == ["a"] and names("--profile", "p") == ["a", "b", "c"]
    assert names(env={"COMPOSE_PROFILES": "x,p"}) == ["a", "b", "c"] and names("--profile", "*") == ["a", "b", "c"]
    assert 'service "b" is required by "c" but is disabled' in files.run("--profile", "q", "config", code=15).stderr
    assert files.run("--profile", "p", "config", "--profiles").stdout.split() == ["p", "q"]


def test_parts_of_config(files):
    """What `config` prints when it is asked for one thing, and how the files look before variables have values."""
    files.write("compose.yaml", """
        services:
          b: {image: "y:$TAG", volumes: ["data:/d", "$DIR:/x"], ports: ["$PORT:80"], depends_on: [a], env_file: [$DIR/env]}
          a: {image: "x:${TAG:-1}", networks: [back], build: {context: $DIR}, mem_limit: $SIZE}
          c: {image: z, profiles: [late, early]}
        volumes: {data: {}, unused: {}}
        networks: {back: {name: $DIR}}
        """)
    files.write("more.yaml", "services: {b: {command: echo $TAG}}\n")
    env = {"TAG": "7", "DIR": ".", "PORT": "81", "SIZE": "6m"}
    files.write("env", "")

    def ask(*arguments, **options):
        return files.run("config", *arguments, env=env, **options).stdout.splitlines()

    assert ask("--services") == ["a", "b"] and ask("--images") == ["x:7", "y:7"] and ask("--volumes") == ["data"]
    assert ask("--profiles") == ["early", "late"] and ask("--networks") == ["back", "default"] and ask("-q") == []
    hashes = ask("--hash", "*")
    assert [line.split()[0] for line in hashes] == ["a", "b"] and ask("--hash", "b,a") == hashes and ask("--hash", "b") == hashes[1:]
    assert files.run("config", "--hash", "nope", env=env, code=1).stderr == "no such service: nope\n"
    assert list(json.loads("".join(ask("--format", "json", "a")))["services"]) == ["a"]
    raw = json.loads(files.run("-f", "compose.yaml", "-f", "more.yaml", "config", "--no-interpolate", "--format", "json").stdout)
    a, b = raw["services"]["a"], raw["services"]["b"]
    assert a["image"] == "x:${TAG:-1}" and a["build"]["context"] == "$DIR" and a["mem_limit"] == "$SIZE"
    assert b["ports"] == ["$PORT:80"] and b["volumes"][1] == "$DIR:/x" and b["env_file"][0]["path"] == "$DIR/env"
    assert b["command"] == "echo $TAG" and raw["networks"]["back"]["name"] == "$DIR" and "c" in raw["services"]


# -- what is refused -------------------------------------------------------------------------------

MISTAKES = [
    ("", "empty compose file"),
    ("[]", "Top-level object must be a mapping"),
    ("services: {}", "no service selected"),
    ("a: {image: x}", "additional properties 'a' not allowed"),
    ("services:\n\ta: {image: x}", "line 2"),
    ("services: {a: {image: x}", "did not find expected ',' or '}'"),
    ("services: {a: {image: x, comand: y}}", "services.a: additional properties 'comand' not allowed"),
    ("services: {a: {command: x}}", "has neither an image nor a build context specified"),
    ("services: {a: {image: x, ports: [!reset '1']}}", "!reset and !override are not supported in lists"),
    ("x-a: &a {ports: !reset []}\nservices: {a: {image: x}}", "line 1: !reset and !override are not supported below an anchor"),
    ("services: {a: {image: x, <<: {ports: !override []}}}", "not supported in lists and below <<"),
    ("services: {a: {image: x, !reset ports: []}}", "a tag on a key is not supported"),
    ("services: {a: null}", "services.a: must be a mapping"),
    ("services: {a: {image: [x]}}", "services.a.image: must be a string"),
    ("services: {a: {image: x, command: true}}", "services.a.command: must be a string or a list"),
    ("services: {a: {image: x, command: \"echo 'open\"}}", "services.a.command: invalid command line string"),
    ("services: {a: {image: x, depends_on: [zz]}}", "depends on undefined service zz"),
    ("services: {a: {image: x, depends_on: {b: {condition: hot}}}, b: {image: x}}", "value must be one of 'service_started'"),
    ("services: {a: {image: x, depends_on: [b]}, b: {image: x, links: [a]}}", "dependency cycle detected: a -> b -> a"),
    ("services: {z: {image: x, depends_on: [b]}, a: {image: x, depends_on: [z]}, b: {image: x, depends_on: [z]}}", "detected: z -> b -> z"),
    ("services: {a: {image: x, environment: ['DEBUG = true']}}", "environment variable DEBUG  is declared with a trailing space"),
    ("services: {a: {image: x, devices: [{target: /dev/null}]}}", "missing property 'source'"),
    ("services: {a: {image: x}}\nnetworks: {n: {name: a, external: {name: b}}}", "networks.n: name and external.name conflict; only use name"),
    ("services: {a: {image: x, networks: [zz]}}", "refers to undefined network zz"),
    ("services: {a: {image: x, network_mode: host, networks: [n]}}\nnetworks: {n: }", "mutually exclusive"),
    ("services: {a: {image: x, volumes: ['zz:/x']}}", "refers to undefined volume zz"),
    ("services: {a: {image: x, volumes: [':/b']}}", "empty section between colons"),
    ("services: {a: {image: x, volumes: [{type: bind, target: /x}]}}", "a bind mount needs a 'source'"),
    ("services: {a: {image: x, secrets: [zz]}}", "refers to undefined secret zz"),
    ("services: {a: {image: x, ports: ['a:80']}}", "invalid hostPort: a"),
    ("services: {a: {image: x, ports: ['80/xyz']}}", "invalid proto: xyz"),
    ("services: {a: {image: x, ports: ['1-3:1-2']}}", "invalid ranges specified"),
    ("services: {a: {image: x, ports: ['1-60000']}}", "too many ports"),
    ("services: {a: {image: x, ports: ['99999']}}", "invalid containerPort: 99999"),
    ("services: {a: {image: x, mem_limit: much}}", "services.a.mem_limit: invalid size"),
    ("services: {a: {image: x, stop_grace_period: 10}}", "invalid duration"),
    ("services: {a: {image: x, scale: -1}}", "cannot be scaled to -1"),
    ("services: {a: {image: x, scale: 2, container_name: c}}", "there is one container_name: c"),
    ("services: {a: {image: x, container_name: c}, b: {image: x, container_name: c}}",
     '"services.b": container name "c" is already in use by "services.a"'),
    ("version: 2\nservices: {a: {image: x}}", "version: must be a string"),
    ("services: {a: {image: x, user: 1000}}", "services.a.user: must be a string"),
    ("services: {a: {image: x, command: [sleep, 5]}}", "services.a.command[1]: must be a string"),
    ("services: {a: {image: x, cap_add: ALL}}", "services.a.cap_add: must be a list"),
    ("services: {a: {image: x, deploy: {placement: {foo: 1}}}}", "services.a.deploy.placement: additional properties 'foo' not allowed"),
    ("services: {a: {build: {context: ., foo: 1}}}", "services.a.build: additional properties 'foo' not allowed"),
    ("services: {a: {image: x}}\nvolumes: {v: {external: true, driver: d}}", 'volumes.v: conflicting parameters "external" and "driver" specified'),
    ("services: {a: {image: x}}\nnetworks: {n: {ipam: {foo: 1}}}", "networks.n.ipam: additional properties 'foo' not allowed"),
    ("services: {a: {image: x, healthcheck: {test: [curl]}}}", "must start either by \"CMD\""),
    ("services: {a: {image: x, ulimits: {nofile: {soft: 1}}}}", "needs 'soft' and 'hard'"),
    ("services: {a: {image: x, provider: {type: y}}}", "services.a.provider: not supported by this runtime"),
    ("services: {a: {image: x, models: [m]}}\nmodels: {m: {model: ai/x}}", "services.a.models: not supported by this runtime"),
    ("services: {a: {image: x, use_api_socket: true}}", "services.a.use_api_socket: not supported by this runtime"),
    ("services: {a: {image: x, init: maybe}}", "must be a boolean"),
    ("services: {'a/b': {image: x}}", "additional properties 'a/b' not allowed"),
    ("services: {a: {image: x}}\nconfigs: {'../x': {content: y}}", "additional properties '../x' not allowed"),
    ("services: {a: {image: '${V:?needed}'}}", "required variable V is missing a value: needed"),
    ("services: {a: {image: '${V'}}", "invalid interpolation format: \"${V\""),
    ("services: {a: {image: x, env_file: no.env}}", "no.env not found"),
    ("services: {a: {extends: zz}}", "service \"zz\" not found"),
    ("services: {a: {extends: b}, b: {extends: a}}", "Circular reference"),
    ("services: {a: {extends: {file: no.yml, service: b}}}", "no.yml: no such file or directory"),
    ("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
     "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d,*d]", "too many values"),
]


def test_mistakes(files):
    """One line, exit code 15 (14 for a file that is not there), nothing on stdout; 1 as docker-compose, which knows no other."""
    wrong = []
    for text, wanted in MISTAKES:
        done = files.run("-f", "-", "config", input=text, code=14 if "no.env" in text or "no.yml" in text else 15)
        lines = [line for line in done.stderr.splitlines() if "variable is not set" not in line]
        if wanted not in done.stderr or len(lines) != 1 or done.stdout:
            wrong.append((text, wanted, done.stderr, done.stdout))
    assert not wrong, "\n".join(map(str, wrong))
    for words, code in ((["config", "--nonsense"], 16), (["--nonsense", "config"], 16), (["up", "-t", "x"], 16), (["-f", "no.yml", "ps"], 14),
                        (["-f", "/", "ps"], 14), (["-f", "-", "ps"], 15), (["nosuch"], 16), (["exec"], 1)):
        told = files.run(*words, input="a: [", code=code).stderr
        assert told and files.run(*words, input="a: [", program="docker-compose", code=1).stderr, words
    assert files.run("config", "--nonsense", code=16).stderr.startswith("unknown flag: --nonsense")
    for verb in "build", "ps", "down":  # nothing is called after this directory
        assert files.run(verb, code=14).stderr == "no configuration file provided: not found\n"
        assert files.run(verb, program="docker-compose", code=1).stderr.startswith(
            "Can't find a suitable configuration file in this directory or any parent. Are you in the right directory? ")
    assert "compose nosuch" in files.run("nosuch", code=16).stderr


CLASSIC_WORDS = [
    ("{a: {image: x, net: y}}", "Unsupported config option for services.a: 'net'"),
    ("{a: {command: x}}", "Service a has neither an image nor a build context specified. At least one must be provided."),
    ("{a: {image: x, networks: [zz]}}", 'Service "a" uses an undefined network "zz"'),
    ("{a: {image: x, volumes: ['zz:/x:ro']}}", 'Named volume "zz:/x:ro" is used in service "a" but no declaration was found'),
    ("{a: {image: x, depends_on: [zz]}}", "Service 'a' depends on service 'zz' which is undefined."),
    ("{a: {image: x, depends_on: [b]}, b: {image: x, profiles: [p]}}",
     'Service "b" was pulled in as a dependency of service "a" but is not enabled by the active profiles.'),
    ("{a: {image: x, env_file: no.env}}", "Couldn't find env file: "),
]


def test_words_of_classic(files):
    """What scripts that call docker-compose look for."""
    for services, wanted in CLASSIC_WORDS:
        done = files.run("-f", "-", "config", input=f"version: '2'\nservices: {services}\n", program="docker-compose", code=1)
        assert wanted in done.stderr and done.stderr.count("\n") == 1 and not done.stdout, services


def test_version(files):
    assert files.run("version").stdout == "Docker Compose version v2.29.1\n"
    assert files.run("version", "--short", program="docker-compose").stdout == "1.29.2\n"
    assert files.run("--version", program="docker-compose").stdout.startswith("docker-compose version 1.29.2, build mooring")
