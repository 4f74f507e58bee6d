# SPDX-License-Identifier: Apache-2.0
"""Docker's token server (distribution: docs/spec/auth), good enough for docker-registry to believe it: JWTs signed by a
key of its own. An `answer` for fetch_peer.Server.

    tokens = TokenServer(directory, {"user": "password"})
    world.docker_registry(directory, tokens.settings(realm_url))
"""

import base64
import json
import os
import subprocess
import time
import urllib.parse

SERVICE, ISSUER = "registry.docker.io", "auth.test"


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


class TokenServer:
    def __init__(self, directory, users, is_open=True, identities=None):
        self.users, self.is_open = users, is_open  # is_open: nobody in particular may pull, too
        self.key, self.cert = (os.path.join(directory, name) for name in ("token.key", "token.crt"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=auth",
                        "-keyout", self.key, "-out", self.cert], check=True, capture_output=True, timeout=60)
        der = subprocess.run(["openssl", "x509", "-in", self.cert, "-outform", "der"], check=True, capture_output=True,
                             timeout=60).stdout
        self.header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        self.identities = identities or {}  # user: the refresh token that stands for them, for who asks "offline"
        self.asked = []  # (user or None, scopes)

    def settings(self, realm):
        return (f"auth: {{token: {{realm: '{realm}', service: {SERVICE}, issuer: {ISSUER}, "
                f"rootcertbundle: {self.cert}}}}}\n")

    def token(self, scopes, user):
        actions = ["pull", "push"] if user else ["pull"] if self.is_open else []
        now = int(time.time())
        access = [{"type": kind, "name": name, "actions": sorted(set(wanted.split(",")) & set(actions))}
                  for kind, name, wanted in (scope.split(":") for scope in scopes)]
        claims = {"iss": ISSUER, "sub": user or "", "aud": SERVICE, "exp": now + 300, "nbf": now - 10, "iat": now,
                  "jti": str(now), "access": access}
        text = b".".join(encoded(json.dumps(part).encode()) for part in (self.header, claims))
        signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=text, check=True,
                                   capture_output=True, timeout=60).stdout
        return (text + b"." + encoded(signature)).decode()

    def by_identity(self, call):
        """OAuth2's way: a form instead of a password."""
        form = urllib.parse.parse_qs(call.body)
        assert form["grant_type"] == ["refresh_token"] and form["service"] == [SERVICE] and form["client_id"]
        user = next((user for user, token in self.identities.items() if form["refresh_token"] == [token]), None)
        if not user:
            call.reply(401, b'{"details":"unknown identity"}')
            return
        scopes = form.get("scope", [""])[0].split()
        self.asked.append((user, scopes))
        call.reply(200, json.dumps({"access_token": self.token(scopes, user), "expires_in": 300}).encode())

    def __call__(self, call):
        if call.command == "POST":
            self.by_identity(call)
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(call.path).query)
        user = None
        if call.header("Authorization"):
            user, _, password = base64.b64decode(call.header("Authorization").split()[1]).decode().partition(":")
            if self.users.get(user) != password:
                call.reply(401, b'{"details":"incorrect username or password"}')
                return
        assert query["service"] == [SERVICE]
        scopes = query.get("scope", [])
        self.asked.append((user, scopes))
        reply = {"token": self.token(scopes, user), "expires_in": 300}
        if query.get("offline_token") == ["true"] and user in self.identities:
            assert query["client_id"]
            reply["refresh_token"] = self.identities[user]
        call.reply(200, json.dumps(reply).encode())
