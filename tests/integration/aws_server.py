# SPDX-License-Identifier: Apache-2.0
"""AWS, as far as credentials and ECR go, as one `answer` of fetch_peer.Server. Signatures are checked as strictly as
AWS does; the arithmetic is s3_server's, which boto3 checks.

    aws = AwsServer(keys=[("AKID", "secret", None)])
    with Server(aws) as server:
        ...
"""

import base64
import datetime
import hashlib
import hmac
import json
import urllib.parse

from s3_server import canonical_query, signing_key

TARGETS = {"AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken": "ecr",
           "SpencerFrontendService.GetAuthorizationToken": "ecr-public"}


def later(seconds=3600):
    return (datetime.datetime.utcnow() + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


class AwsServer:
    def __init__(self, keys, life=3600, password="pass:word" + "x" * 4000, clock_offset=0):
        self.keys = {key: (secret, token) for key, secret, token in keys}
        self.life, self.password, self.clock_offset = life, password, clock_offset
        self.given = []   # access keys that asked for ECR's password
        self.faults = []  # (status, body) before anything else

    def credentials(self, names=("AccessKeyId", "SecretAccessKey", "Token", "Expiration")):
        key, (secret, token) = next(iter(self.keys.items()))
        return dict(zip(names, (key, secret, token, later(self.life))))

    # --- signatures ---

    def check_signature(self, call):
        fields = dict(part.strip().split("=", 1) for part in
                      call.header("Authorization").removeprefix("AWS4-HMAC-SHA256 ").split(","))
        key, date, region, service, _ = fields["Credential"].split("/")
        secret, token = self.keys[key]
        signed = fields["SignedHeaders"].split(";")
        assert {"host", "x-amz-date"} <= set(signed) and call.header("X-Amz-Security-Token") == token
        path, _, query = call.path.partition("?")
        lines = "".join(f"{name}:{call.header(name).strip()}\n" for name in signed)
        canonical = "\n".join([call.command, urllib.parse.quote(path, safe="/-._~"), canonical_query(query), lines,
                               fields["SignedHeaders"], hashlib.sha256(call.raw).hexdigest()])
        text = "\n".join(["AWS4-HMAC-SHA256", call.header("X-Amz-Date"), f"{date}/{region}/{service}/aws4_request",
                          hashlib.sha256(canonical.encode()).hexdigest()])
        assert fields["Signature"] == hmac.new(signing_key(secret, date, region, service), text.encode(),
                                               hashlib.sha256).hexdigest()
        return key, region, service

    def is_late(self, call):
        date = datetime.datetime.strptime(call.header("X-Amz-Date"), "%Y%m%dT%H%M%SZ")
        return abs((self.now() - date).total_seconds()) > 300

    def now(self):
        return datetime.datetime.utcnow() + datetime.timedelta(seconds=self.clock_offset)

    # --- services ---

    def __call__(self, call):
        call.date_time_string = lambda timestamp=None: self.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        if self.faults:
            status, body = self.faults.pop(0)
            call.reply(status, body)
        elif call.header("X-Amz-Target"):
            self.ecr(call)
        elif call.body.startswith("Action="):
            self.sts(call)
        elif call.path.startswith("/latest/"):
            self.imds(call)
        elif call.path.startswith("/role-aliases/"):
            self.iot(call)
        else:
            self.container(call)

    def ecr(self, call):
        try:
            key, self.region, service = self.check_signature(call)
            assert service == TARGETS[call.header("X-Amz-Target")] and json.loads(call.body) == {}
        except (AssertionError, KeyError, ValueError) as problem:
            call.reply(400, b'{"__type":"com.amazon#UnrecognizedClientException","message":"%s"}' %
                       type(problem).__name__.encode())
            return
        if self.is_late(call):
            call.reply(400, b'{"__type":"InvalidSignatureException","message":"Signature expired"}')
            return
        self.given.append(key)
        token = base64.b64encode(f"AWS:{self.password}".encode()).decode()
        data = {"authorizationToken": token, "expiresAt": self.now().timestamp() + 43200.123}
        call.reply(200, json.dumps({"authorizationData": data if service == "ecr-public" else [data]}).encode())

    def sts(self, call):
        form = dict(urllib.parse.parse_qsl(call.body, strict_parsing=True))
        assert form["Version"] == "2011-06-15" and form["RoleArn"].startswith("arn:aws:iam::")
        if form["Action"] == "AssumeRoleWithWebIdentity":
            assert call.header("Authorization") is None
            is_known = form["WebIdentityToken"] == "web+token/="
        else:
            is_known = self.check_signature(call)[2] == "sts"
        if not is_known:
            call.reply(403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")
            return
        parts = "".join(f"<{name}>{value}</{name}>" for name, value in self.credentials(
            ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")).items())
        call.reply(200, f"<R><{form['Action']}Result><Credentials>{parts}</Credentials></{form['Action']}Result></R>".encode())

    def imds(self, call):
        name = call.path.removeprefix("/latest/meta-data/iam/security-credentials/")
        if (call.command, call.path) == ("PUT", "/latest/api/token"):
            assert call.header("X-Aws-Ec2-Metadata-Token-Ttl-Seconds") == "21600"
            call.reply(200, b"imds-token==")
        elif call.header("X-Aws-Ec2-Metadata-Token") != "imds-token==":
            call.reply(401)
        elif name == "":
            call.reply(200, b"a-role@x")
        else:
            assert name == "a-role%40x"
            call.reply(200, json.dumps({"Code": "Success", **self.credentials()}).encode())

    def iot(self, call):
        assert call.path == "/role-aliases/alias/credentials" and call.header("X-Amzn-Iot-Thingname") == "thing1"
        call.reply(200, json.dumps({"credentials": self.credentials(
            ("accessKeyId", "secretAccessKey", "sessionToken", "expiration"))}).encode())

    def container(self, call):
        is_known = call.path == "/2016-11-01/credentialprovider/" and call.header("Authorization") == "tes token"
        call.reply(*(200, json.dumps(self.credentials()).encode()) if is_known else (403,))


class EcrRegistry:
    """A registry that takes AWS's password: Basic for the private one, by its token server for the public one."""

    def __init__(self, password, manifest, content_type, is_public=False, needs_login=True):
        self.authorization = "Basic " + base64.b64encode(f"AWS:{password}".encode()).decode()
        self.manifest, self.content_type = manifest, content_type
        self.is_public, self.needs_login = is_public, needs_login
        self.refusals = 0  # of what would be right, still to come

    def __call__(self, call):
        host = call.header("Host")
        got = call.header("Authorization")
        challenge = (f'Bearer realm="https://{host}/token/",service="{host}",scope="aws"' if self.is_public else
                     f'Basic realm="https://{host}/",service="ecr.amazonaws.com"')
        if call.path.startswith("/token/"):
            assert "scope=aws" in call.path
            call.reply(200, b'{"token":"%s"}' % (b"known" if got == self.authorization else b"anonymous"))
            return
        is_in = got == ("Bearer known" if self.is_public else self.authorization) or \
            (got == "Bearer anonymous" and not self.needs_login)
        if is_in and self.refusals > 0:
            self.refusals -= 1
            call.reply(403, b"Your Authorization Token has expired")
        elif is_in and call.path != "/v2/":
            call.reply(200, self.manifest, Content_Type=self.content_type)
        else:
            call.reply(401, b"Not Authorized", WWW_Authenticate=challenge)
