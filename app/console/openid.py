"""OpenID Connect with the provider that the operator named: authorization code with a proof key.

Discovery, code exchange and ID tokens (OpenID Connect Core 1.0 sections 3.1.2 and 3.1.3, Discovery 1.0,
RFC 7636, RFC 9207). What is read here says who signed in there; whether that is somebody here, `app.members`
knows. Nothing of this happens inside a transaction.
"""

import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_plus

import msgspec
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from app.clock import SECOND
from app.errors import Unavailable, Unreachable
from app.members.people.provider import Errand
from app.runtime import Runtime

KNOWN_FOR: Final = 600.0
"""Seconds for which what the provider says of itself, and its keys, are held."""
LEEWAY: Final = 30
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "Ed25519", "EdDSA"}
)
"""With a public key only: never `none`, never a shared secret."""
_JSON: Final = ("application/json", "application/jwk-set+json")


class NotProven(Exception):
    """What came back from the provider does not hold; `reason` is a code for the audit log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Proven:
    """Who signed in at the provider."""

    subject: str
    second_factor: bool


class OpenId:
    """The provider, as one process knows it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._config = runtime.config
        self._held: tuple[float, Mapping[str, Any], KeySet] | None = None

    @property
    def _redirect(self) -> str:
        return f"{self._config.issuer.rstrip('/')}/console/sign-in/provider/back"

    def address(self, errand: Errand) -> str:
        """Where to send the browser (Core section 3.1.2.1).

        Raises:
            Unavailable: the provider does not say so at this moment.
        """
        told, _ = self._known()
        address: str = prepare_grant_uri(
            told["authorization_endpoint"], self._config.oidc_client_id, "code",
            redirect_uri=self._redirect, scope="openid", state=errand.state, nonce=errand.nonce,
            code_challenge=create_s256_code_challenge(errand.verifier), code_challenge_method="S256",
        )  # fmt: skip
        return address

    def prove(self, errand: Errand, answer: Mapping[str, str]) -> Proven:
        """Exchange the code of an answer for an ID token, and check that.

        Args:
            answer: `code`, and `iss` if the provider says it (RFC 9207); or an error and no code.

        Raises:
            NotProven: any part of the answer does not hold.
            Unavailable: the provider does not answer.
        """
        if answer.get("iss", self._config.oidc_issuer) != self._config.oidc_issuer:
            raise NotProven("provider_issuer")
        if "code" not in answer:
            raise NotProven("provider_refused")
        told, keys = self._known()
        claims = self._checked(self._exchange(told, errand, answer["code"]), told, keys, errand)
        accepted = set(self._config.oidc_second_factor)
        said = {claims.get("acr"), *(claims.get("amr") or [])}
        return Proven(subject=str(claims["sub"]), second_factor=bool(accepted & said))

    def _exchange(self, told: Mapping[str, Any], errand: Errand, code: str) -> str:
        """The ID token that the code is good for (Core section 3.1.3)."""
        ours: dict[str, str] = {"code_verifier": errand.verifier}
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        ways = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        client_id, secret = self._config.oidc_client_id, self._config.oidc_secret()
        if "client_secret_basic" in ways:  # each part form-encoded first (RFC 6749 section 2.3.1)
            pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            ours |= {"client_id": client_id, "client_secret": secret}
        body = prepare_token_request("authorization_code", redirect_uri=self._redirect, code=code, **ours)
        try:
            answer = self._runtime.provider.send(
                "POST", told["token_endpoint"], headers=headers, body=body.encode()
            )
        except Unreachable as error:
            raise _unavailable() from error
        if answer.status != 200:
            raise NotProven("provider_code")
        try:
            return str(msgspec.json.decode(answer.body)["id_token"])
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise NotProven("provider_answer") from error

    def _checked(self, token: str, told: Mapping[str, Any], keys: KeySet, errand: Errand) -> CodeIDToken:
        """The claims of an ID token that holds (Core section 3.1.3.7)."""
        offered = told.get("id_token_signing_alg_values_supported", ["RS256"])
        taken = sorted(ALGORITHMS.intersection(offered))
        try:
            try:
                decoded = jwt.decode(token, keys, algorithms=taken)
            except (JoseError, ValueError):  # perhaps it was signed with a key that is new
                decoded = jwt.decode(token, self._known(anew=True)[1], algorithms=taken)
            claims = CodeIDToken(
                decoded.claims, decoded.header,
                options={
                    "iss": {"essential": True, "value": self._config.oidc_issuer},
                    "aud": {"essential": True, "value": self._config.oidc_client_id},
                    "sub": {"essential": True},
                },
                params={"nonce": errand.nonce, "client_id": self._config.oidc_client_id},
            )  # fmt: skip
            claims.validate(now=self._runtime.clock() // SECOND, leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise NotProven("provider_token") from error
        return claims

    def _known(self, *, anew: bool = False) -> tuple[Mapping[str, Any], KeySet]:
        """What the provider says of itself, and its keys, fetched once in a while."""
        if self._held is not None and not anew and time.monotonic() < self._held[0]:
            return self._held[1], self._held[2]
        outgoing, issuer = self._runtime.provider, self._config.oidc_issuer
        try:
            found = outgoing.get(get_well_known_url(issuer, external=True), _JSON)
            told = OpenIDProviderMetadata(msgspec.json.decode(found.body))
            told.validate_issuer()
            told.validate_authorization_endpoint()
            told.validate_token_endpoint()
            if told["issuer"] != issuer:
                raise _unavailable()
            keys = KeySet.import_key_set(msgspec.json.decode(outgoing.get(told["jwks_uri"], _JSON).body))
        except (Unreachable, msgspec.DecodeError, JoseError, ValueError, TypeError, KeyError) as error:
            raise _unavailable() from error
        self._held = time.monotonic() + KNOWN_FOR, told, keys
        return told, keys


def _unavailable() -> Unavailable:
    return Unavailable(
        "The OpenID provider does not answer as it should. Try again in a minute, or use a password.",
        retry_after=60,
    )
