# SPDX-License-Identifier: Apache-2.0
"""mooring-fetch and AWS: every source of credentials, ECR private and public under their own names."""

import contextlib
import os
import time

import pytest

from aws_server import AwsServer, EcrRegistry
from fetch_peer import Fetch, Server, make_certificate
from s3_server import S3Server

MANIFEST = b'{"schemaVersion":2}'
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ADDRESS = "127.77.0.1"  # nobody else's port 443
PRIVATE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
PUBLIC = "public.ecr.aws"
KEYS = ("AKIDTEST", "secret/with+signs", "session/token==")
STATIC = {"access_key_id": KEYS[0], "secret_access_key": KEYS[1], "session_token": KEYS[2]}
ROLE = {"role_arn": "arn:aws:iam::123456789012:role/x", "session_name": "a name"}
REQUEST = {"op": "manifest", "reference": PRIVATE + "/team/x:1"}
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module", name="pem")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls"), PRIVATE, PUBLIC)


def providers(server, tls):
    """What an AwsServer gives, under each kind's settings."""
    url = f"http://{server.host}"
    return {
        "container": {"kind": "container", "url": url + "/2016-11-01/credentialprovider/", "authorization": "tes token"},
        "web-identity": {"kind": "web-identity", "url": url + "/", "token": "web+token/=", **ROLE},
        "role": {"kind": "role", "url": url + "/", "region": "eu-west-1", "access_key_id": "SOURCE",
                 "secret_access_key": "source secret", **ROLE},
        "iot": {"kind": "iot", "url": url.replace("http:", "https:") + "/role-aliases/alias/credentials",
                "thing": "thing1", **tls},
        "imds": {"kind": "imds", "url": url},
        "role of container": {"kind": "role", "url": url + "/", "region": "eu-west-1", **ROLE, "source": {
            "kind": "container", "url": url + "/2016-11-01/credentialprovider/", "authorization": "tes token"}},
        "role of imds": {"kind": "role", "url": url + "/", "region": "eu-west-1", **ROLE,
                         "source": {"kind": "imds", "url": url}},
    }


REQUESTS = {"container": 1, "web-identity": 1, "role": 1, "iot": 1, "imds": 3, "role of container": 2, "role of imds": 4}


@pytest.mark.parametrize("kind", REQUESTS)
def test_credentials_of_each_kind(kind, pem):
    """Each opens the same object of S3, behind a provider that nobody answers for and one that refuses."""
    aws = AwsServer(keys=[KEYS, ("SOURCE", "source secret", None)])
    text = open(pem, encoding="ascii").read()
    tls = {"ca": text, "certificate": text, "key": text}
    with S3Server(*KEYS[:2], session_token=KEYS[2]) as s3, \
            Server(aws, certificate=pem if kind == "iot" else None, client_ca=pem) as server:
        s3.put("bucket", "key", b"content")
        refused = {"kind": "container", "url": f"{s3.endpoint}/nothing", "authorization": "x"}
        silent = {"kind": "container", "url": NOBODY}
        with Fetch(s3={"endpoint": s3.endpoint, "path_style": True}, patience={"back_off_ms": 1},
                   aws_providers=[silent, refused, providers(server, tls)[kind]]) as fetch:
            for _ in range(2):
                reply, body = fetch.get(op="s3", uri="s3://bucket/key")
                assert reply["ok"] and body == b"content", reply
        assert len(server.calls) == REQUESTS[kind]


def test_call_is_signed_with_what_a_provider_gives():
    """Op http asks the same chain, once for several calls; who finds nothing says where it looked."""
    aws = AwsServer(keys=[KEYS])
    with Server(aws) as server:
        call = {"op": "http", "url": f"http://{server.host}/", "method": "POST", "body": "{}", "headers": {
            "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"},
            "sign": {"service": "ecr", "region": "eu-west-1"}}
        own = {**call, "sign": {**call["sign"], **STATIC}}
        container = providers(server, {})["container"]
        silent = {"kind": "container", "url": NOBODY}
        with Fetch(aws_providers=[silent, container]) as fetch:
            numbers = [fetch.start(**call) for _ in range(3)]
            for number, read_end in numbers:
                assert fetch.wait(number)["status"] == 200
                os.close(read_end)
        paths = server.paths()
        assert aws.given == ["AKIDTEST"] * 3 and 1 <= paths.count("/2016-11-01/credentialprovider/") <= 3
        with Fetch(aws_providers=[{**container, "authorization": "another"}]) as fetch:
            reply, _ = fetch.get(**call)
            assert reply["kind"] == "denied" and \
                reply["text"] == "ecr: there are no AWS credentials to sign with (container credentials: HTTP 403 Forbidden)"
            asked = len(server.calls)
            assert fetch.get(**own)[0]["status"] == 200 and len(server.calls) == asked + 1


def test_no_provider_has_any():
    aws = AwsServer(keys=[KEYS])
    with S3Server() as s3, Server(aws) as server:
        wrong = {**providers(server, {})["container"], "authorization": "another"}
        with Fetch(s3={"endpoint": s3.endpoint, "path_style": True},
                   aws_providers=[wrong, {"kind": "imds", "url": NOBODY}]) as fetch:
            reply, _ = fetch.get(op="s3", uri="s3://bucket/key")
        assert reply["kind"] == "denied", reply
        assert "container credentials: HTTP 403 Forbidden; instance metadata: no answer" in reply["text"]
        assert len(server.calls) == 3


def test_credentials_are_renewed_before_their_end():
    """They live for two seconds, so for half of them they are used."""
    aws = AwsServer(keys=[KEYS], life=2)
    with S3Server(*KEYS[:2], session_token=KEYS[2]) as s3, Server(aws) as server:
        s3.put("bucket", "key", b"content")
        with Fetch(s3={"endpoint": s3.endpoint, "path_style": True},
                   aws_providers=[providers(server, {})["container"]]) as fetch:
            end = time.monotonic() + 20
            while len(server.calls) < 2 and time.monotonic() < end:
                assert fetch.get(op="s3", uri="s3://bucket/key")[0]["ok"]
    assert len(server.calls) == 2 < len(s3.requests)


@contextlib.contextmanager
def ecr(pem, cloud, registry, name=PRIVATE, **settings):
    """mooring-fetch, with the registry under its own name and the AWS API at an endpoint."""
    ca = open(pem, encoding="ascii").read()
    endpoint = "public_endpoint" if registry.is_public else "endpoint"
    with Server(cloud) as api, Server(registry, address=ADDRESS, port=443, certificate=pem) as server:
        settings.setdefault("aws", STATIC)
        told = {endpoint: f"http://{api.host}", **settings.pop("ecr", {})}
        with Fetch(hosts={name: ADDRESS}, ca=ca, ecr=told, tells_learnt=True, **settings) as fetch:
            yield fetch, server


def test_ecr_private(pem):
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    with ecr(pem, aws, registry) as (fetch, server):
        for _ in range(3):
            reply, body = fetch.get(**REQUEST)
            assert reply["ok"] and body == MANIFEST, reply
        assert server.paths() == ["/v2/"] + ["/v2/team/x/manifests/1"] * 3
    assert aws.given == ["AKIDTEST"] and aws.region == "eu-west-1"
    (learnt,) = fetch.learnt
    assert (learnt["host"], learnt["username"], learnt["password"]) == (PRIVATE, "AWS", aws.password)
    assert abs(learnt["expires"] - time.time() - 43200) < 60


def test_ecr_password_of_an_earlier_process(pem):
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    kept = {"host": PRIVATE, "username": "AWS", "password": aws.password, "expires": int(time.time()) + 3600}
    with ecr(pem, aws, registry, ecr=kept) as (fetch, _):
        assert fetch.get(**REQUEST)[0]["ok"] and not aws.given
    for wrong in ({"expires": int(time.time()) + 10}, {"password": "stale"}, {"host": "other"}):
        del aws.given[:]
        with ecr(pem, aws, registry, ecr={**kept, **wrong}) as (fetch, _):
            assert fetch.get(**REQUEST)[0]["ok"] and len(aws.given) == 1, wrong


def test_ecr_password_that_ends_is_replaced_once(pem):
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    registry.refusals = 1
    with ecr(pem, aws, registry) as (fetch, _):
        assert fetch.get(**REQUEST)[0]["ok"] and len(aws.given) == 2
    registry.refusals = 100
    with ecr(pem, aws, registry) as (fetch, _):
        reply, _ = fetch.get(**REQUEST)
        assert reply["kind"] == "denied" and "Your Authorization Token has expired" in reply["text"]
        assert len(aws.given) == 4


def test_stale_docker_login_does_not_hide_what_aws_gives(pem):
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    login = {PRIVATE: {"username": "AWS", "password": "of yesterday"}}
    with ecr(pem, aws, registry, auths=login) as (fetch, server):
        assert fetch.get(**REQUEST)[0]["ok"] and aws.given == ["AKIDTEST"]
        assert server.paths() == ["/v2/"] + ["/v2/team/x/manifests/1"] * 2
    login[PRIVATE]["password"] = aws.password
    with ecr(pem, aws, registry, auths=login) as (fetch, _):
        assert fetch.get(**REQUEST)[0]["ok"] and len(aws.given) == 1


def test_ecr_by_the_token_exchange(pem):
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    with Server(aws) as tes:
        with ecr(pem, aws, registry, aws=None, aws_providers=[providers(tes, {})["container"]]) as (fetch, _):
            assert fetch.get(**REQUEST)[0]["ok"] and len(tes.calls) == 1


@pytest.mark.parametrize("aws, settings, part", [
    (AwsServer(keys=[("OTHER", "s", None)]), {}, "(ECR: UnrecognizedClientException: KeyError)"),
    (AwsServer(keys=[KEYS]), {"aws": None}, "no basic auth credentials"),
    (AwsServer(keys=[KEYS]), {"aws": None, "aws_providers": [{"kind": "imds", "url": NOBODY}]},
     "(no AWS credentials: instance metadata: no answer)"),
])
def test_ecr_that_does_not_let_us_in(pem, aws, settings, part):
    with ecr(pem, aws, EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST), **settings) as (fetch, _):
        reply, _ = fetch.get(**REQUEST)
    assert reply["kind"] == "denied" and part in reply["text"], reply
    assert "repository does not exist or may require 'docker login'" in reply["text"]


def test_clock_of_ecr_is_taken(pem):
    aws = AwsServer(keys=[KEYS], clock_offset=86400 * 3000)
    with ecr(pem, aws, EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)) as (fetch, _):
        assert fetch.get(**REQUEST)[0]["ok"] and len(aws.given) == 1


def test_ecr_that_is_busy_is_asked_again(pem):
    aws = AwsServer(keys=[KEYS])
    aws.faults = [(503, b""), (500, b"{}")]
    with ecr(pem, aws, EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)) as (fetch, _):
        assert fetch.get(**REQUEST)[0]["ok"]


@pytest.mark.parametrize("needs_login, asked", [(False, []), (True, ["AKIDTEST"])])
def test_ecr_public(pem, needs_login, asked):
    """Anybody may come in; who is refused, and has credentials of AWS, says who he is."""
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST, is_public=True, needs_login=needs_login)
    with ecr(pem, aws, registry, name=PUBLIC) as (fetch, _):
        reply, body = fetch.get(op="manifest", reference=PUBLIC + "/a/b:1")
        assert reply["ok"] and body == MANIFEST, reply
    assert aws.given == asked and (not asked or aws.region == "us-east-1")


def test_name_that_only_looks_like_ecr_gets_no_password(pem, tmp_path):
    evil = PRIVATE + ".evil.example"
    os.makedirs(tmp_path / "evil")
    aws = AwsServer(keys=[KEYS])
    registry = EcrRegistry(aws.password, MANIFEST, OCI_MANIFEST)
    with ecr(make_certificate(tmp_path / "evil", evil), aws, registry, name=evil) as (fetch, server):
        reply, _ = fetch.get(op="manifest", reference=evil + "/x:1")
        assert reply["kind"] == "denied" and not aws.given
        assert {call.header("Authorization") for call in server.calls} == {None}
