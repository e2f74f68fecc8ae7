"""A client that proves possession of a key, as a member would write one, or an attacker."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from werkzeug.test import TestResponse

from app.clock import SECOND
from tests.api.oauth_client import Key, Registered, es256


def hashed(token: str) -> str:
    """The `ath` of a token."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode()


def compact(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    """A signed JWT with whatever header a test wants, without the library's advice."""
    parts = [urlsafe_b64encode(json.dumps(part).encode()) for part in (header, claims)]
    algorithm: Any = JWSRegistry.algorithms[header["alg"]]
    signature = urlsafe_b64encode(algorithm.sign(b".".join(parts), key))
    return b".".join([*parts, signature]).decode()


@dataclass
class Prover:
    """A registered client with a key for proofs. Claims and headers can be changed; None leaves one out."""

    client: Registered
    key: Key = field(default_factory=es256)
    alg: str = "ES256"

    def proof(
        self, method: str = "GET", path: str = "/v1/me", *, token: str | None = None,
        header: dict[str, Any] | None = None, signer: Any = None, **changes: Any,
    ) -> str:  # fmt: skip
        claims = {
            "htm": method, "htu": self.address(path), "iat": self.client.runtime.clock() // SECOND,
            "jti": secrets.token_hex(8), "ath": None if token is None else hashed(token), **changes,
        }  # fmt: skip
        head = {
            "typ": "dpop+jwt", "alg": self.alg, "jwk": self.key.as_dict(private=False), **(header or {}),
        }  # fmt: skip
        kept = {name: value for name, value in head.items() if value is not None}
        said = {name: value for name, value in claims.items() if value is not None}
        return compact(kept, said, signer or self.key)

    def address(self, path: str) -> str:
        return self.client.runtime.config.issuer + path

    def ask(self, proof: str | None = None, **form: str) -> TestResponse:
        """Ask for a token with a proof, and with an assertion or a secret."""
        sent = {"DPoP": self.proof("POST", "/oauth/token") if proof is None else proof}
        form = {"grant_type": "client_credentials", **form}
        if self.client.secret is not None:
            return self.client.http.post("/oauth/token", data=form, headers=sent | self.client.basic())
        return self.client.http.post("/oauth/token", data=form | self.client.proof(), headers=sent)

    def token(self) -> str:
        answer = self.ask()
        assert answer.status_code == 200, answer.json
        return str(answer.json["access_token"])  # type: ignore[index]

    def call(
        self, token: str, proof: str | None = None, *, path: str = "/v1/me", method: str = "GET",
        scheme: str = "DPoP",
    ) -> TestResponse:  # fmt: skip
        shown = self.proof(method, path.partition("?")[0], token=token) if proof is None else proof
        sent = [("Authorization", f"{scheme} {token}"), ("DPoP", shown)]
        return self.client.http.open(path, method=method, headers=sent)
