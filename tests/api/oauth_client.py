"""A client of the OAuth endpoints as a member would write one: keys, assertions, form posts."""

import base64
import json
import secrets
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from werkzeug.test import TestResponse

from app.clock import SECOND
from app.parties import Member, User
from app.runtime import Runtime
from schemas.vocabulary import Purpose, Scope
from tests.factories import Make

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Key = ECKey | OKPKey | RSAKey


class AnyAlgorithm(JWSRegistry):
    """Signs with whatever a test wants, without the library's advice."""

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


@dataclass
class Registered:
    """A client that was registered through the API, with what it needs to prove itself."""

    id: str
    member: Member
    runtime: Runtime
    http: FlaskClient
    key: Key | None = None
    secret: str | None = None

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = self.runtime.clock() // SECOND
        claims = {
            "iss": self.id, "sub": self.id, "aud": self.runtime.config.issuer, "iat": now, "exp": now + 60,
            "jti": secrets.token_hex(8), **changes,
        }  # fmt: skip
        return {name: value for name, value in claims.items() if value is not None}

    def assertion(
        self, *, key: Any = None, alg: str = "ES256", header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        signer: Any = key or self.key
        head = {"alg": alg, "kid": self.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(head, self.claims(**changes), signer, registry=AnyAlgorithm())

    @property
    def kid(self) -> str | None:
        return self.key.kid if self.key is not None else None

    def proof(self, assertion: str | None = None) -> dict[str, str]:
        return {
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion if assertion is not None else self.assertion(),
        }

    def basic(self, secret: str | None = None) -> dict[str, str]:
        pair = f"{self.id}:{secret or self.secret}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}

    def ask(self, **form: str) -> TestResponse:
        """Ask for a token with whatever the client was registered with."""
        return self.post("/oauth/token", grant_type="client_credentials", **form)

    def post(self, path: str, **form: str) -> TestResponse:
        if self.secret is not None:
            return self.http.post(path, data=form, headers=self.basic())
        return self.http.post(path, data={**self.proof(), **form})

    def token(self, **form: str) -> str:
        answer = self.ask(**form)
        assert answer.status_code == 200, answer.json
        return str(answer.json["access_token"])  # type: ignore[index]

    def call(self, token: str, path: str = "/v1/me") -> TestResponse:
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"})


class Office:
    """The operator, who registers clients through the API."""

    def __init__(self, make: Make) -> None:
        self.make = make
        self.operator = make.caller(make.member(), Scope.MEMBERS_ADMIN)

    def register(
        self,
        member: Member | None = None,
        *,
        key: Key | None = None,
        user: User | None = None,
        scopes: tuple[str, ...] = (Scope.SETS_READ, Scope.SIGNALS_READ),
        purposes: tuple[str, ...] = (Purpose.DETECT, Purpose.RESEARCH),
        **more: Any,
    ) -> Registered:
        """A client with this key, or with a secret where none is given."""
        member = member or self.make.member()
        body: dict[str, Any] = {"name": "Sync", "scopes": list(scopes), "purposes": list(purposes), **more}
        if key is None:
            body["auth_method"] = "client_secret_basic"
        else:
            body["jwks"] = {"keys": [key.as_dict(private=False)]}
        if user is not None:
            body["user"] = user.id
        answer = self.operator.post(f"/v1/members/{member.id}/clients", json=body)
        assert answer.status_code == 201, answer.json
        made: Any = answer.json
        return Registered(
            id=made["client"]["id"], member=member, runtime=self.make.runtime, http=self.make.http, key=key,
            secret=made["secret"],
        )  # fmt: skip


def es256() -> ECKey:
    return ECKey.generate_key("P-256", auto_kid=True)


def unsigned(claims: dict[str, Any]) -> str:
    """A JWT with `alg: none` and no signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."
