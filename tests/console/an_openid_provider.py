"""A little OpenID provider on loopback: it signs real tokens, and lies on request."""

import json
import ssl
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet

from app.clock import SECOND, Clock
from tests.elsewhere import Elsewhere, document

CLIENT, SECRET = "halyard at home", "a secret: with signs"


@dataclass
class Provider:
    """What it says and signs. Whatever a test puts into `claims` or `header` replaces the truth."""

    clock: Clock
    port: int = 0
    keys: list[Key] = field(default_factory=lambda: [ECKey.generate_key("P-256", {"kid": "one"})])
    signs_with: Key | None = None
    subject: str = "subject-of-somebody"
    claims: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "ES256"
    metadata: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    authenticated: list[tuple[str, str]] = field(default_factory=list)

    @property
    def issuer(self) -> str:
        return f"https://keys.bank.example:{self.port}"

    def authorise(self, address: str) -> str:
        """What a browser does there: the person agrees, and is sent back with a code; returns its query."""
        asked = {name: value[0] for name, value in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.issuer}/authorise?")
        assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid")
        assert asked["code_challenge_method"] == "S256"
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"code={code}&state={asked['state']}"

    def talk(self, connection: ssl.SSLSocket) -> None:
        """One request, whose head has been read already by the server; a body is read here."""
        head = self.server.asked[-1].decode()
        path = head.split(" ")[1]
        if path == "/.well-known/openid-configuration":
            answer = self._metadata()
        elif path == "/keys":
            answer = {**KeySet(self.keys).as_dict(private=False)}
        else:
            answer = self._token(head, self._body(head, connection))
        status = "400 Bad Request" if "error" in answer else "200 OK"
        document(json.dumps(answer).encode(), status=status)(connection)

    server: Elsewhere = field(init=False)

    def _body(self, head: str, connection: ssl.SSLSocket) -> str:
        before, _, body = head.partition("\r\n\r\n")
        [length] = [line for line in before.lower().split("\r\n") if line.startswith("content-length:")]
        while len(body) < int(length.split(":")[1]):
            body += connection.recv(4096).decode()
        return body

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorise",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            **self.metadata,
        }

    def _token(self, head: str, body: str) -> dict[str, Any]:
        sent = {name: value[0] for name, value in parse_qs(body).items()}
        [basic] = [line for line in head.split("\r\n") if line.lower().startswith("authorization: basic ")]
        client, secret = b64decode(basic.split(" ")[2]).decode().split(":")
        self.authenticated.append((unquote_plus(client), unquote_plus(secret)))
        asked = self.codes.pop(sent.get("code", ""), None)
        right = (
            asked is not None
            and sent["grant_type"] == "authorization_code"
            and sent["redirect_uri"] == asked["redirect_uri"]
            and create_s256_code_challenge(sent["code_verifier"]) == asked["code_challenge"]
            and self.authenticated[-1] == (CLIENT, SECRET)
        )
        if asked is None or not right:
            return {"error": "invalid_grant"}
        now = self.clock() // SECOND
        claims = {
            "iss": self.issuer, "sub": self.subject, "aud": CLIENT, "iat": now, "exp": now + 300,
            "nonce": asked["nonce"],
        }  # fmt: skip
        claims = {name: value for name, value in (claims | self.claims).items() if value is not None}
        key = self.signs_with or self.keys[0]
        header = {"alg": self.algorithm, "kid": key.kid}
        return {
            "id_token": jwt.encode(header, claims, key, algorithms=[self.algorithm]),
            "token_type": "Bearer",
        }
