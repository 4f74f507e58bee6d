# SPDX-License-Identifier: Apache-2.0
"""docker login and pull against real registries in their places: Docker Hub's names and token server, TLS with private
authorities and client certificates, mirrors, redirects to another host, proxies with a password."""

import base64
import contextlib
import crypt
import gzip
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

import proxies
import world
from aws_server import AwsServer, EcrRegistry
from fetch_peer import Fetch, Server, WITH_HOSTS, make_certificate
from image_archives import Layout, digest
from s3_server import S3Server
from token_server import TokenServer

ADDRESS = "127.77.1.1"  # nobody else's port 443
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def pushed_to(registry, name, text=b"hello"):
    return registry.push(world.Image([world.tar_bytes([("etc/motd", text)])]), name, "1", gzip.compress, LAYER_TYPE)


def with_hosts(moor, hosts, *argv, authorities=None, **options):
    """moor.docker with names of its own, and another directory as the system's authorities."""
    path = os.path.join(moor.directory, "hosts")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(f"{address} {name}\n" for name, address in hosts.items())
    others = f"mount --bind '{authorities}' /etc/ssl/certs && " if authorities else ""
    return moor.run("unshare", "--mount", "sh", "-c", others + WITH_HOSTS.replace('"$1"', '"$@"'), path,
                    os.path.join(moor.names, "docker"), *argv, **options)


def daemon_json(moor, **settings):
    with open(os.path.join(moor.config, "daemon.json"), "w", encoding="ascii") as file:
        json.dump(settings, file)


def certs_d(moor, host, **files):
    directory = os.path.join(moor.config, "certs.d", host)
    os.makedirs(directory, exist_ok=True)
    for name, path in files.items():
        with open(path, "rb") as source, open(os.path.join(directory, name.replace("_", ".")), "wb") as target:
            target.write(source.read())


@contextlib.contextmanager
def nginx(directory, servers):
    """nginx with these server blocks; the first listens on `port` of 127.0.0.1."""
    port = world.free_port()
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(f"daemon off; master_process off; user root; pid {directory}/nginx.pid; error_log {directory}/error.log;\n"
                   "events {}\nhttp { access_log off; client_max_body_size 0; client_body_temp_path /tmp; "
                   "proxy_temp_path /tmp; fastcgi_temp_path /tmp; uwsgi_temp_path /tmp; scgi_temp_path /tmp;\n"
                   + servers.replace("PORT", str(port)) + "}\n")
    with world.serving(["nginx", "-c", path, "-e", f"{directory}/start.log"], port):
        yield f"127.0.0.1:{port}"


# --- all tags of a repository ---

def test_all_tags_page_by_page(moor, tmp_path):
    """A real registry, whose list comes in pages of one tag each, linked as the specification has it."""
    tags = ["1", "2.0", "edge"]
    with world.docker_registry(str(tmp_path)) as registry:
        for tag in tags:
            image = world.Image([world.tar_bytes([("etc/motd", b"same")]), world.tar_bytes([("etc/tag", tag.encode())])])
            registry.push(image, "team/x", tag, gzip.compress, LAYER_TYPE)

        def serve(call):
            if not call.path.startswith("/v2/team/x/tags/list"):
                forward(call, registry.address)
                return
            place = tags.index(call.path.partition("last=")[2].partition("&")[0]) + 1 if "?" in call.path else 0
            link = f'</v2/team/x/tags/list?last={tags[place]}&n=1>; rel="next"'
            call.reply(200, json.dumps({"name": "team/x", "tags": [tags[place]]}).encode(),
                       **({"Link": link} if place < 2 else {}))
        with Server(serve) as server:
            name = f"{server.host}/team/x"
            told = moor.docker("pull", "--all-tags", name).stdout.splitlines()
            lists = [call.path for call in server.calls if "/tags/list" in call.path]
            assert len(lists) == 3 and len(set(lists)) == 3, lists
            assert [line for line in told if "Pulling from" in line] == [
                f"{tag}: Pulling from team/x" for tag in tags]
            assert len([line for line in told if line.startswith("Digest: sha256:")]) == 3
            assert told[-2:] == [f"Status: Downloaded newer image for {name}", name]
            assert len([line for line in told if line.startswith("Status: ")]) == 1
            assert sorted(moor.docker("images", "--format", "{{.Tag}}", name).stdout.split()) == tags
            again = moor.docker("pull", "-a", name).stdout.splitlines()
            assert again[-2:] == [f"Status: Image is up to date for {name}", name]
            assert moor.docker("pull", "-q", "-a", name).stdout == f"{name}\n"
            assert "repository" in moor.docker("pull", "-a", f"{server.host}/nobody/nothing", code=1).stderr
        refused = moor.docker("pull", "-a", "x:1", code=1)
        assert refused.stderr == "tag can't be used with --all-tags/-a\n"


@pytest.mark.parametrize("tags, link, text", [
    (["../x"], None, "tags[0] is not a well-formed tag"), (["1\x1b[2J"], None, "tags[0] is not a well-formed tag"),
    ("1", None, "expected an array"), (["t"] * 6000, "</v2/x/tags/list?last=t&n=6000>; rel=\"next\"", "more than 10000 tags"),
    (["1"], "<?last=a b>; rel=\"next\"", "is no query of a URL")])
def test_lists_of_tags_that_are_refused(moor, tags, link, text):
    """Nothing is pulled of a list that is wrong anywhere."""
    def serve(call):
        call.reply(200, json.dumps({"name": "x", "tags": tags}).encode(), **({"Link": link} if link else {}))
    with Server(serve) as server:
        failed = moor.docker("pull", "-a", f"{server.host}/x", code=1)
        assert text in failed.stderr and failed.stderr.count("\n") == 1 and "\x1b" not in failed.stderr
        assert not [call for call in server.calls if "/manifests/" in call.path]


# --- Docker Hub ---

HUB = {"registry-1.docker.io": ADDRESS, "auth.docker.io": ADDRESS}


@contextlib.contextmanager
def hub(directory, answer=None):
    """Docker Hub: docker-registry behind TLS under its names, with a token server. `answer(call)` may deal with what
    goes to the registry, and says whether it did."""
    pem = make_certificate(directory, *HUB)
    tokens = TokenServer(directory, {"me": "pä:ss"})
    with world.docker_registry(str(directory)) as plain:
        pushed_to(plain, "library/tiny")
        pushed_to(plain, "me/private")
    with world.docker_registry(str(directory), tokens.settings("https://auth.docker.io/token")) as registry:
        def serve(call):
            if call.header("Host") == "auth.docker.io":
                tokens(call)
            elif not (answer and answer(call)):
                forward(call, registry.address)
        with Server(serve, address=ADDRESS, port=443, certificate=pem) as server:
            yield server, tokens, {"SSL_CERT_FILE": pem}


def forward(call, address):
    request = urllib.request.Request(f"http://{address}{call.path}", method=call.command, headers={
        name: value for name, value in call.headers.items() if name.lower() in ("authorization", "accept")})
    try:
        reply = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as error:
        reply = error
    body = reply.read()
    call.reply(reply.status, body, **{name.replace("-", "_"): value for name, value in reply.headers.items()
                                      if name.lower() in ("content-type", "www-authenticate", "docker-content-digest")})


def below(base, address):
    """Answers as a registry that begins at a path: as the one at `address`, which does not."""
    def answer(call):
        if call.path.startswith(base + "/v2/"):
            call.path = call.path[len(base):]
            forward(call, address)
        else:
            call.reply(404)
    return answer


def test_docker_hub(moor, tmp_path):
    with hub(tmp_path) as (server, tokens, env):
        told = with_hosts(moor, HUB, "pull", "tiny:1", env=env)
        assert "1: Pulling from library/tiny" in told.stdout and told.stdout.endswith("docker.io/library/tiny:1\n")
        assert tokens.asked == [(None, ["repository:library/tiny:pull"])]
        assert moor.docker("images", "-q", "tiny:1").stdout
        failed = with_hosts(moor, HUB, "login", "-u", "me", "--password-stdin", input="wrong", env=env, code=1)
        assert "401 Unauthorized: " in failed.stderr, failed.stderr
        done = with_hosts(moor, HUB, "login", "-u", "me", "--password-stdin", input="pä:ss", env=env)
        assert done.stdout == "Login Succeeded\n"
        with_hosts(moor, HUB, "pull", "-q", "me/private:1", env=env)
        assert tokens.asked[-1] == ("me", ["repository:me/private:pull"])
        assert {call.header("Authorization").split()[0] for call in server.calls
                if call.path.startswith("/v2/me")} == {"Bearer"}
        assert config_of(moor) == {"auths": {"https://index.docker.io/v1/": {
            "auth": base64.b64encode("me:pä:ss".encode()).decode()}}}
        assert with_hosts(moor, HUB, "logout", env=env).stdout == "Removing login credentials for https://index.docker.io/v1/\n"
        assert config_of(moor) == {"auths": {}}


def config_of(moor):
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), encoding="ascii") as file:
        return json.load(file)


def test_identity_token_in_place_of_the_password(moor, tmp_path):
    """Where the token server has one for who logs in, that is kept, and the password is not."""
    tokens = TokenServer(str(tmp_path), {"me": "pass"}, is_open=False, identities={"me": "long/lived+1="})
    with world.docker_registry(str(tmp_path)) as plain:
        pushed_to(plain, "team/x")
    with Server(tokens) as realm, \
            world.docker_registry(str(tmp_path), tokens.settings(f"http://{realm.host}/token")) as registry:
        host = registry.address
        moor.docker("login", host, "-u", "me", "--password-stdin", input="pass")
        assert config_of(moor) == {"auths": {host: {"auth": base64.b64encode(b"me:").decode(),
                                                    "identitytoken": "long/lived+1="}}}
        moor.docker("pull", "-q", f"{host}/team/x:1")
        assert tokens.asked[-1] == ("me", ["repository:team/x:pull"]) and realm.calls[-1].command == "POST"
        again = moor.docker("login", host)
        assert again.stdout == ("Authenticating with existing credentials... [Username: me]\nTo login with a different account, run "
                                "'docker logout' followed by 'docker login'\n\nLogin Succeeded\n")
        assert config_of(moor)["auths"][host]["identitytoken"] == "long/lived+1="
        tokens.identities["me"] = "revoked"
        assert "401 Unauthorized" in moor.docker("login", host, code=1).stderr


def test_registry_token_is_shown_as_it_is(moor):
    """A token in config.json: no token server is asked, and a refusal is final."""
    refusing = []

    def answer(call):
        if call.header("Authorization") == "Bearer mine" and not refusing:
            call.reply(200 if call.path == "/v2/" else 404)
        else:
            call.reply(401, WWW_Authenticate=f'Bearer realm="http://{call.header("Host")}/token",service="s"')
    with Server(answer) as server:
        os.makedirs(moor.env["DOCKER_CONFIG"])
        with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w", encoding="ascii") as file:
            json.dump({"auths": {server.host: {"registrytoken": "mine"}}}, file)
        assert "manifest for " in moor.docker("pull", f"{server.host}/x:1", code=1).stderr
        assert server.paths() == ["/v2/", "/v2/x/manifests/1"]
        refusing.append(True)
        assert "pull access denied" in moor.docker("pull", f"{server.host}/x:1", code=1).stderr
        assert len(server.calls) == 4 and "/token" not in server.paths()


def test_credentials_that_cannot_be_had(moor, tmp_path):
    """A helper that is not there, one that fails, a file that is no JSON: said, and asked without, as docker does."""
    os.makedirs(moor.env["DOCKER_CONFIG"])
    os.makedirs(tmp_path / "bin")
    with open(tmp_path / "bin" / "docker-credential-broken", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\necho locked; exit 1\n")
    os.chmod(file.name, 0o755)
    env = {"PATH": f"{tmp_path}/bin:{moor.env['PATH']}"}
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        for text, why in (('{"credsStore": "not-there"}', "execute docker-credential-not-there: No such file or directory"),
                          ('{"credHelpers": {"%s": "broken"}}' % registry.address, "docker-credential-broken get: locked"),
                          ("{", "config.json: "),
                          ('{"auths": {"%s": {"auth": "AA"}}}' % registry.address, "auth: ")):
            with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w", encoding="ascii") as file:
                file.write(text)
            told = moor.docker("pull", "-q", f"{registry.address}/team/x:1", env=env)
            assert told.stdout == f"{registry.address}/team/x:1\n"
            assert told.stderr.startswith(f"WARNING: no credentials for {registry.address}: ") and why in told.stderr
            assert told.stderr.count("\n") == 1


QUOTA = (b'{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your unauthenticated pull rate limit."}]}')


def test_what_a_registry_has_to_say(moor, tmp_path):
    """Its warnings once, whatever reply they come with, and why nothing happens for a while: to who looks at the pull."""
    layout = Layout(world.tar_bytes([("etc/motd", b"hello")]))
    blobs = {digest(blob): blob for blob in (layout.config, *layout.blobs)}
    said = ['299 - "moves to \\"new\\" in May\x7f"', '299 - "goes"', '199 - "not this"', '299 - "no end']
    busy, heard = [], threading.Event()

    def answer(call):
        last = call.path.rsplit("/", 1)[-1]
        if "/x/" in call.path and not busy and call.command == "GET":
            busy.append(call.path)
            call.reply(503, Retry_After="3")
        elif not heard.wait(30 if busy else 0) and busy:
            call.reply(404)  # said too late
        elif "/manifests/" in call.path:
            call.reply(200, layout.manifest, Content_Type="application/vnd.oci.image.manifest.v1+json", Warning=said)
        else:
            call.reply(200, blobs.get(last, b"{}"), Warning=said)
    with Server(answer) as server:
        with moor.start("docker", "pull", f"{server.host}/x:1") as pull:
            waiting = pull.stderr.readline()
            assert re.search(r"503 Service Unavailable.*: trying again in [23] seconds$", waiting)
            heard.set()
            out, rest = pull.communicate(timeout=60)
        assert rest == 'The registry says: moves to "new" in May?\nThe registry says: goes\n'
        assert "registry says" not in out and pull.returncode == 0
        assert moor.docker("pull", "-q", f"{server.host}/x:1").stderr == ""


def test_docker_hub_quota(moor, tmp_path):
    """The quota names its cure at once; who is told for how long waits, and says so."""
    retry_after = []

    def answer(call):
        if "/manifests/" not in call.path or (retry_after and len(tries) == 2):
            return False
        tries.append(call.path)
        more = {"Retry_After": retry_after[0]} if retry_after else {}
        call.reply(429, QUOTA, ratelimit_limit="100;w=21600", ratelimit_remaining="0;w=21600", **more)
        return True
    tries = []
    with hub(tmp_path, answer) as (_, _, env):
        failed = with_hosts(moor, HUB, "pull", "tiny:1", env=env, code=1)
        assert ("toomanyrequests: You have reached your unauthenticated pull rate limit. (limit 100;w=21600, "
                "remaining 0;w=21600): see 'docker login', or registry-mirrors") in failed.stderr
        assert len(tries) == 1 and "toomanyrequests: toomanyrequests" not in failed.stderr
        retry_after.append("0")
        del tries[:]
        with_hosts(moor, HUB, "pull", "-q", "tiny:1", env=env)
        assert len(tries) == 2


def test_mirrors_of_docker_hub(moor, tmp_path):
    """Down, without the image, with a login of its own: the next is asked, at last the Hub. What belongs to the Hub
    stays there."""
    def empty(call):
        call.reply(200 if call.path == "/v2/" else 404)
    with hub(tmp_path) as (server, _, env), Server(empty) as without:
        with_hosts(moor, HUB, "login", "-u", "me", "--password-stdin", input="pä:ss", env=env)
        down = f"http://127.0.0.1:{world.free_port()}"
        daemon_json(moor, **{"registry-mirrors": [down, f"http://{without.host}/"]})
        del server.calls[:]
        with_hosts(moor, HUB, "pull", "-q", "tiny:1", env=env)
        assert "/v2/library/tiny/manifests/1" in without.paths() and server.calls
        assert {call.header("Authorization") for call in without.calls} == {None}
        moor.docker("rmi", "tiny:1")
        with world.docker_registry(str(tmp_path)) as mirror:
            daemon_json(moor, **{"registry-mirrors": [down, f"http://{mirror.address}"]})
            del server.calls[:]
            with_hosts(moor, HUB, "pull", "-q", "tiny:1", env=env)
            assert not server.calls
            with Server(below("/a/path", mirror.address)) as there:
                moor.docker("rmi", "tiny:1")
                daemon_json(moor, **{"registry-mirrors": [f"http://{there.host}/other/", f"http://{there.host}/a/path/"]})
                with_hosts(moor, HUB, "pull", "-q", "tiny:1", env=env)
                assert not server.calls
                assert {"/other/v2/", "/a/path/v2/", "/a/path/v2/library/tiny/manifests/1"} <= set(there.paths())
        for wrong in ("mirror.lan", "http:/h", "http:///h", "ftp://h/", "http://h/?q", "http://h/#f"):
            daemon_json(moor, **{"registry-mirrors": [wrong]})
            assert "mirror" in moor.docker("pull", "tiny:2", code=1).stderr
        daemon_json(moor, **{"registry-mirrors": ["http://user:pass@h/"]})
        assert "  http://xxxxx:xxxxx@h/\n" in moor.docker("info").stdout
        assert "mirror of docker.io" in moor.docker("pull", "tiny:2", code=1).stderr


# --- TLS ---

def test_authorities_of_the_system(moor, tmp_path):
    """Looked up in a directory, by the hash of a name; whom it does not know, the file of all of them may. That this
    file is given once more by its name changes nothing."""
    os.makedirs(tmp_path / "other")
    other = make_certificate(tmp_path / "other", "other")
    with hub(tmp_path) as (_, _, env):
        own = env["SSL_CERT_FILE"]
        name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", own + ".crt"], check=True,
                              capture_output=True, text=True).stdout.strip()
        cases = {"directory": (name, own, other), "file": (name, other, own), "file-only": (None, other, own), "neither": (name, other, other)}
        for case, (listed, in_directory, in_file) in cases.items():
            os.makedirs(tmp_path / case)
            shutil.copy(in_file + ".crt", tmp_path / case / "ca-certificates.crt")
            if listed:
                shutil.copy(in_directory + ".crt", tmp_path / case / (listed + ".0"))
            done = with_hosts(moor, HUB, "pull", "-q", "tiny:1", authorities=tmp_path / case, code=1 if case == "neither" else 0,
                              env={"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"})
            assert case != "neither" or "tls: failed to verify certificate: x509" in done.stderr
            moor.docker("rmi", "tiny:1", code=None)


def test_names_of_this_machine_need_no_certificate(moor, tmp_path):
    """As dockerd has it: neither TLS nor an authority that is known."""
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "plain")
        with Server(lambda call: forward(call, registry.address), certificate=make_certificate(str(tmp_path))) as server:
            for address in (registry.address, server.host):
                name = f"registry.lan:{address.rsplit(':', 1)[1]}/plain:1"
                with_hosts(moor, {"registry.lan": "127.0.0.1"}, "pull", "-q", name)
                assert moor.docker("images", "-q", name).stdout


def test_private_authority_and_client_certificate(moor, tmp_path):
    os.makedirs(tmp_path / "client")
    pem, client = make_certificate(tmp_path), make_certificate(tmp_path / "client")
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        block = (f"server {{ listen 127.0.0.1:PORT ssl; ssl_certificate {pem}; ssl_certificate_key {pem};\n"
                 f"ssl_client_certificate {client}.crt; ssl_verify_client on;\n"
                 f"location / {{ proxy_pass http://{registry.address}; }} }}\n")
        with nginx(str(tmp_path), block) as host:
            certs_d(moor, host, ca_crt=client + ".crt")
            failed = moor.docker("pull", "-q", f"{host}/team/x:1", code=1)
            assert "tls: failed to verify certificate: x509" in failed.stderr
            certs_d(moor, host, ca_crt=pem + ".crt")
            failed = moor.docker("pull", "-q", f"{host}/team/x:1", code=1)
            assert "received unexpected HTTP status: 400 Bad Request" in failed.stderr
            certs_d(moor, host, me_cert=client + ".crt")
            failed = moor.docker("pull", "-q", f"{host}/team/x:1", code=1)
            assert "me.cert is there, but me.key is not" in failed.stderr
            certs_d(moor, host, me_key=client)
            moor.docker("pull", "-q", f"{host}/team/x:1")


@pytest.mark.parametrize("protocol", ["TLSv1.2", "TLSv1.3"])
def test_client_certificate_that_the_registry_asks_for(moor, tmp_path, protocol):
    """Of several, the one whose authority the server names; where it names none of ours, none at all."""
    owners = ("first", "second", "third")
    for owner in owners:
        os.makedirs(tmp_path / owner)
    pem = make_certificate(tmp_path)
    clients = {owner: make_certificate(tmp_path / owner, owner=owner) for owner in owners}
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        block = (f"server {{ listen 127.0.0.1:PORT ssl; ssl_certificate {pem}; ssl_certificate_key {pem}; ssl_protocols {protocol};\n"
                 f"ssl_client_certificate {clients['second']}.crt; ssl_verify_client optional;\n"
                 "if ($ssl_client_verify = NONE) { return 410; }\n"
                 f"location / {{ proxy_pass http://{registry.address}; }} }}\n")
        with nginx(str(tmp_path), block) as host:
            def have(*names):
                shutil.rmtree(os.path.join(moor.config, "certs.d"), ignore_errors=True)
                certs_d(moor, host, ca_crt=pem + ".crt")
                for name in names:
                    certs_d(moor, host, **{name + "_cert": clients[name] + ".crt", name + "_key": clients[name]})
            have("first", "third")
            assert "HTTP status: 410" in moor.docker("pull", "-q", f"{host}/team/x:1", code=1).stderr
            have(*owners)
            moor.docker("pull", "-q", f"{host}/team/x:1")
            certs_d(moor, host, first_key=clients["third"])
            assert "the key of first.cert is another one's" in moor.docker("pull", "-q", f"{host}/team/x:1", code=1).stderr
            certs_d(moor, host, third_cert="/etc/hostname")
            certs_d(moor, host, first_key=clients["first"])
            assert "third.cert: no certificate" in moor.docker("pull", "-q", f"{host}/team/x:1", code=1).stderr


def test_redirect_to_another_host_brings_no_password(moor, tmp_path):
    salt = crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=1 << 4)
    (tmp_path / "htpasswd").write_text(f"user:{crypt.crypt('pass:word', salt)}\n")
    auth = f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n"
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
    with world.docker_registry(str(tmp_path)) as storage, world.docker_registry(str(tmp_path), auth) as registry, \
            Server(lambda call: forward(call, storage.address)) as elsewhere:
        block = (f"server {{ listen 127.0.0.1:PORT; location / {{ proxy_pass http://{registry.address};\n"
                 "proxy_set_header Host $http_host; }\n"
                 f"location ~ /blobs/ {{ return 307 http://{elsewhere.host}$request_uri; }} }}\n")
        with nginx(str(tmp_path), block) as host:
            moor.docker("login", host, "-u", "user", "--password-stdin", input="pass:word")
            moor.docker("pull", "-q", f"{host}/team/x:1")
        assert len(elsewhere.calls) == 2
        assert {call.header("Authorization") for call in elsewhere.calls} == {None}


# --- proxies ---

@pytest.mark.parametrize("kind", [proxies.tinyproxy, proxies.squid])
def test_proxy_with_a_password_for_registry_token_server_and_s3(kind, tmp_path):
    """One proxy, one authority: for all three. Without the password nothing is let through."""
    names = {name: ADDRESS for name in ("registry.test", "auth.test", "s3.test")}
    pem = make_certificate(tmp_path, *names)
    tokens = TokenServer(str(tmp_path), {})
    with S3Server() as s3:
        s3.put("bucket", "key", b"content")

        def serve(call):
            if call.header("Host") == "auth.test":
                tokens(call)
            elif call.header("Host") == "s3.test":
                call.reply(200, b"content")
            elif call.header("Authorization"):
                call.reply(200, b"{}", Content_Type="application/json")
            else:
                call.reply(401, WWW_Authenticate='Bearer realm="https://auth.test/t",service="registry.docker.io"')
        with Server(serve, address=ADDRESS, port=443, certificate=pem), \
                kind(names) as proxy:
            with open(pem, encoding="ascii") as file:
                settings = {"ca": file.read(), "s3": {"endpoint": "https://s3.test", "path_style": True}}
            with Fetch(proxy={"https": proxy.url}, **settings) as fetch:
                assert fetch.get(op="manifest", reference="registry.test/x:1")[0]["ok"]
                assert fetch.get(op="s3", uri="s3://bucket/key")[1] == b"content"
            # squid writes of a tunnel when it is closed.
            world.wait_until(lambda: all(f"CONNECT {name}:443" in proxy.log() for name in names), "the proxy to tell of all three")
            with Fetch(proxy={"https": proxy.url_with("wrong")}, **settings) as fetch:
                reply, _ = fetch.get(op="manifest", reference="registry.test/x:1")
            assert reply["kind"] == "denied", reply
            status = 401 if kind == proxies.tinyproxy else 407
            assert reply["text"].endswith(
                f"the proxy refuses to connect us: HTTP {status}, so it wants another name or password")


def test_proxy_of_the_environment_and_its_exceptions(moor, tmp_path):
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        port = registry.address.split(":")[1]
        name = f"registry.test:{port}"
        daemon_json(moor, **{"insecure-registries": [name]})
        with proxies.tinyproxy({"registry.test": "127.0.0.1"}) as proxy:
            env = {"HTTP_PROXY": proxy.url, "HTTPS_PROXY": proxy.url}
            moor.docker("pull", "-q", f"{name}/team/x:1", env=env)
            assert "registry.test" in proxy.log()
            moor.docker("rmi", f"{name}/team/x:1")
            proxy.forget()
            with_hosts(moor, {"registry.test": "127.0.0.1"}, "pull", "-q", f"{name}/team/x:1",
                       env={**env, "NO_PROXY": "x.test, .test"})
            assert proxy.log() == ""
            moor.docker("rmi", f"{name}/team/x:1")
        broken = "http://us@r:p:w/d@127.0.0.1:3128"
        with_env = moor.docker("pull", f"{name}/team/x:1", env={"HTTP_PROXY": broken}, code=1)
        daemon_json(moor, **{"insecure-registries": [name], "proxies": {"http-proxy": broken}})
        for failed in (with_env, moor.docker("pull", f"{name}/team/x:1", code=1)):
            assert "must be %-encoded" in failed.stderr
            assert "127.0.0.1" not in failed.stderr and "p:w" not in failed.stdout + failed.stderr


def keep_logins(moor, *places):
    os.makedirs(moor.env["DOCKER_CONFIG"], exist_ok=True)
    auth = base64.b64encode(b"me:secret").decode()
    with open(os.path.join(moor.env["DOCKER_CONFIG"], "config.json"), "w", encoding="ascii") as file:
        json.dump({"auths": {place: {"auth": auth} for place in places}}, file)


def wants_a_password(call):
    """A registry with nothing in it, and a proxy that knows no way by TLS but answers plain requests as such a registry."""
    if call.command == "CONNECT":
        call.reply(502, Connection="close")
    elif call.header("Authorization"):
        call.reply(404)
    else:
        call.reply(401, WWW_Authenticate='Basic realm="x"')


def test_registry_that_asks_for_ever_more_patience(moor):
    """A quarter of an hour in all is what it gets: the pause that would go beyond ends the pull, with the reason."""
    pauses = ["1", "900"]
    with Server(lambda call: call.reply(523, Retry_After=pauses.pop(0) if pauses else "900")) as registry:
        assert "HTTP status: 523" in moor.docker("pull", f"{registry.host}/x:1", code=1, timeout=60).stderr
        assert len(registry.calls) == 2


def test_login_for_a_part_of_a_registry(moor):
    """What is kept for HOST/team is for nobody else there, and login does not make it the host's."""
    with Server(wants_a_password) as registry:
        keep_logins(moor, f"{registry.host}/team")
        before = config_of(moor)
        assert "no basic auth credentials" in moor.docker("pull", f"{registry.host}/stranger/x:1", code=1).stderr
        assert "non TTY device" in moor.docker("login", registry.host, code=1, input="").stderr
        assert not any(call.header("Authorization") for call in registry.calls) and config_of(moor) == before
        assert "not found" in moor.docker("pull", f"{registry.host}/team/x:1", code=1).stderr
        assert registry.calls[-1].header("Authorization")


def test_names_of_this_machine_are_nothing_to_a_proxy(moor):
    """What is insecure because it is here is asked for here, or by TLS alone: no proxy has the password in clear."""
    with Server(wants_a_password) as registry, Server(wants_a_password) as proxy:
        port = registry.host.split(":")[1]
        url = f"http://{proxy.host}"
        env = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": ""}
        name, address, below = f"registry.lan:{port}", f"[::ffff:7f00:1]:{port}", f"registry.localhost:{port}"
        keep_logins(moor, name, address, below)

        def attempt(*argv, **options):
            proxy.calls.clear()
            registry.calls.clear()
            return with_hosts(moor, {"registry.lan": "127.0.0.1"}, *argv, code=1, **options).stderr

        for variables in (env, {**env, "HTTP_PROXY": ""}, {**env, "HTTPS_PROXY": "", "https_proxy": ""}, {**env, "NO_PROXY": "lan:1"}):
            attempt("pull", f"{name}/x:1", env=variables)
            attempt("login", "-u", "me", "--password-stdin", name, input="secret", env=variables)
            assert {call.command for call in proxy.calls} <= {"CONNECT"}, proxy.calls
            assert not any(call.header("Authorization") for call in proxy.calls + registry.calls)
        daemon_json(moor, proxies={"http-proxy": url, "https-proxy": url})
        attempt("pull", f"{name}/x:1", env={"HTTP_PROXY": "", "HTTPS_PROXY": "", "NO_PROXY": ""})
        assert {call.command for call in proxy.calls} == {"CONNECT"}, proxy.calls
        for place, no_proxy in ((name, "x.test, .lan"), (name, "*"), (address, ""), (below, "")):
            told = attempt("pull", f"{place}/x:1", env={**env, "NO_PROXY": no_proxy})
            assert "not found" in told and registry.calls[-1].header("Authorization") and not proxy.calls, place
        daemon_json(moor, **{"insecure-registries": [name]})
        assert "not found" in attempt("pull", f"{name}/x:1", env=env)
        assert proxy.calls[-1].header("Authorization") and not registry.calls


def test_info_tells_how_registries_are_reached(moor):
    daemon_json(moor, **{"insecure-registries": ["reg.lan:5000", "10.0.0.0/8"], "registry-mirrors": ["https://mirror.lan"],
                         "proxies": {"https-proxy": "https://file:9", "no-proxy": "a.lan,.b"}})
    env = {"HTTP_PROXY": "http://us@r:p:w/d@10.9.9.1:3128", "HTTPS_PROXY": "", "https_proxy": "", "NO_PROXY": "", "no_proxy": ""}
    told = moor.docker("info", env=env).stdout
    assert told.endswith(""" HTTP Proxy: http://xxxxx:xxxxx@10.9.9.1:3128
 HTTPS Proxy: https://file:9
 No Proxy: a.lan,.b
 Registry: https://index.docker.io/v1/
 Experimental: false
 Insecure Registries:
  reg.lan:5000
  10.0.0.0/8
  ::1/128
  127.0.0.0/8
 Registry Mirrors:
  https://mirror.lan/
 Live Restore Enabled: true

""")
    object = json.loads(moor.docker("info", "--format", "json", env=env).stdout)
    assert [object[key] for key in ("HttpProxy", "HttpsProxy", "NoProxy")] == [
        "http://xxxxx:xxxxx@10.9.9.1:3128", "https://file:9", "a.lan,.b"]
    mirrors = ["https://mirror.lan/"]
    assert object["RegistryConfig"] == {
        "InsecureRegistryCIDRs": ["10.0.0.0/8", "::1/128", "127.0.0.0/8"], "Mirrors": mirrors, "IndexConfigs": {
            "docker.io": {"Mirrors": mirrors, "Name": "docker.io", "Official": True, "Secure": True},
            "reg.lan:5000": {"Mirrors": [], "Name": "reg.lan:5000", "Official": False, "Secure": False}}}


# --- ECR ---

def test_ecr_logins_of_both_nuclei(moor, tmp_path):
    """AWS' Java nucleus: by sh, from the environment, the registry before the options; its lite one: by stdin, without a
    line's end. Both give the endpoint as ECR calls it, with its scheme; the pull names the host."""
    pem = make_certificate(tmp_path, ECR)
    password = base64.b64encode(os.urandom(1800)).decode()
    door = EcrRegistry(password, b"", "")
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")

        def serve(call):
            if call.header("Authorization") == door.authorization and call.path != "/v2/":
                forward(call, registry.address)
            elif call.header("Authorization") == door.authorization:
                call.reply(200, b"{}")
            else:
                door(call)
        with Server(serve, address=ADDRESS, port=443, certificate=pem):
            env = {"SSL_CERT_FILE": pem, "AWS_EC2_METADATA_DISABLED": "true", "DOCKER_CONFIG": str(tmp_path / "config")}
            path = os.path.join(moor.directory, "hosts")
            with open(path, "w", encoding="ascii") as file:
                file.write(f"{ADDRESS} {ECR}\n")
            classic = moor.run("unshare", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts; docker login "
                               f"https://{ECR} -u \"$dockerUsername\" -p \"$dockerPassword\"", path, env={
                                   **env, "dockerUsername": "AWS", "dockerPassword": password,
                                   "PATH": f"{moor.names}:{os.environ['PATH']}"})
            lite = {**env, "DOCKER_CONFIG": str(tmp_path / "lite")}
            other = with_hosts(moor, {ECR: ADDRESS}, "login", f"https://{ECR}", "--username", "AWS", "--password-stdin",
                               input=password, env=lite)
            for done, kept in ((classic, env), (other, lite)):
                assert done.stdout == "Login Succeeded\n" and password not in done.stderr
                with open(os.path.join(kept["DOCKER_CONFIG"], "config.json"), encoding="ascii") as file:
                    assert json.load(file) == {"auths": {ECR: {"auth": door.authorization.removeprefix("Basic ")}}}
                with_hosts(moor, {ECR: ADDRESS}, "pull", "-q", f"{ECR}/team/x:1", env=kept)
                with_hosts(moor, {ECR: ADDRESS}, "logout", ECR, env=kept)
                refused = with_hosts(moor, {ECR: ADDRESS}, "pull", f"{ECR}/team/x:2", env=kept, code=1)
                assert "no basic auth credentials" in refused.stderr


def behind_ecr(registry, aws):
    """What ECR's registry serves: after a login with the password that `aws` gives, what `registry` has."""
    door = EcrRegistry(aws.password, b"", "")

    def serve(call):
        if call.header("Authorization") == door.authorization and call.path != "/v2/":
            forward(call, registry.address)
        else:
            door(call)
    return serve


def test_ecr_from_the_environment_once_in_12_hours(moor, tmp_path):
    """docker pull without docker login: keys from the environment, the password from a file of ours the second time."""
    pem = make_certificate(tmp_path, ECR)
    aws = AwsServer(keys=[("AKID", "secret", None)])
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        with Server(behind_ecr(registry, aws), address=ADDRESS, port=443, certificate=pem), Server(aws) as api:
            env = {"SSL_CERT_FILE": pem, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
                   "AWS_ENDPOINT_URL_ECR": f"http://{api.host}"}
            cache = os.path.join(moor.root, "ecr.json")
            for asked in (1, 1):
                with_hosts(moor, {ECR: ADDRESS}, "pull", "-q", f"{ECR}/team/x:1", env=env)
                assert len(aws.given) == asked and os.stat(cache).st_mode & 0o777 == 0o600
                with open(cache, encoding="ascii") as file:
                    assert list(json.load(file)) == [f"{ECR} AKID"]
            with open(cache, "w", encoding="ascii") as file:
                file.write("{half")
            with_hosts(moor, {ECR: ADDRESS}, "pull", "-q", f"{ECR}/team/x:1", env=env)
            assert len(aws.given) == 2


@pytest.mark.parametrize("left", [600, -600])
def test_ecr_whose_api_is_down(moor, tmp_path, left):
    """A password that is still good does without it. With one that has run out the pull fails, and names the API, in
    words that say: try again."""
    pem = make_certificate(tmp_path, ECR)
    aws = AwsServer(keys=[("AKID", "secret", None)])
    with world.docker_registry(str(tmp_path)) as registry:
        pushed_to(registry, "team/x")
        with Server(behind_ecr(registry, aws), address=ADDRESS, port=443, certificate=pem):
            api = f"127.0.0.1:{world.free_port()}"
            env = {"SSL_CERT_FILE": pem, "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret",
                   "AWS_ENDPOINT_URL_ECR": f"http://{api}"}
            moor.docker("images")  # there is a store
            with open(os.path.join(moor.root, "ecr.json"), "w", encoding="ascii") as file:
                json.dump({f"{ECR} AKID": {"username": "AWS", "password": aws.password, "expires": int(time.time()) + left}}, file)
            result = with_hosts(moor, {ECR: ADDRESS}, "pull", "-q", f"{ECR}/team/x:1", env=env, code=0 if left > 0 else 1)
            if left < 0:
                assert f"http://{api}/" in result.stderr and "dial tcp" in result.stderr, result.stderr
                assert aws.password not in result.stderr
