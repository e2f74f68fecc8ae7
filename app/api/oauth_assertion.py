"""Client authentication: by signed assertion (`private_key_jwt`, RFC 7523), or by secret (HTTP Basic).

Authlib finds the client and asks for its keys; what an assertion must say is checked here, because the
library's own rules let it live for a year, address several servers, and be signed with RS256 or HS256.
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749.errors import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64decode

from app.clock import SECOND
from app.errors import Malformed
from app.members.jwks import ASSERTION_ALGORITHMS
from app.members.sign_in import Candidate, Spent, verifying_keys
from app.runtime import Runtime
from app.web.bodies import parse_json

LIFETIME_SECONDS = 300
SKEW_SECONDS = 30
TEXT_LIMIT = 8_192
JTI_LIMIT = 255


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A client that has proved who it is; `spent` once the assertion that proved it is found in order."""

    candidate: Candidate
    spent: Spent | None = None


class Registered:
    """A client in the form that Authlib asks its questions to."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return self.candidate.auth_method == method

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


Query = Callable[[str], Registered | None]


class Assertion(JWTBearerClientAssertion):  # type: ignore[misc] # Authlib ships no types
    """One per request: it notes on the request what was proved."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, house: Runtime) -> None:
        super().__init__()
        self._house = house
        self._request: Any = None
        self._kid: str | None = None

    def __call__(self, query_client: Query, request: Any) -> Any:
        self._request = request
        return super().__call__(query_client, request)

    def extract_assertion(self, assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims, read strictly, before anything is believed."""
        try:
            if len(assertion) > TEXT_LIMIT:
                raise failed()
            header, claims, _signature = assertion.encode("ascii").split(b".")
            found = parse_json(urlsafe_b64decode(header)), parse_json(urlsafe_b64decode(claims))
        except (ValueError, Malformed) as error:
            raise failed() from error
        if not isinstance(found[0], dict) or not isinstance(found[1], dict):
            raise failed()
        kid = found[0].get("kid")
        self._kid = kid if isinstance(kid, str) else None
        return found

    def resolve_client_public_key(self, client: Registered) -> KeySet:
        keys = verifying_keys(self._house, client.candidate, self._kid)
        if keys is None or not keys["keys"]:
            raise failed()
        return KeySet.import_key_set(keys)  # type: ignore[arg-type]

    def process_assertion_claims(self, assertion: str, resolve_key: KeySet) -> None:
        candidate = self._request.client.candidate
        try:
            token = jwt.decode(assertion, resolve_key, registry=_Registry())
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise failed() from error
        self._request.proof = Proof(candidate=candidate)
        self._request.proof = Proof(candidate=candidate, spent=self._check(token.claims, candidate.id))

    def _check(self, claims: Mapping[str, Any], client_id: str) -> Spent:
        now = self._house.clock() / SECOND
        if claims.get("iss") != client_id or claims.get("sub") != client_id:
            raise failed("iss and sub of the assertion are both the client_id.")
        if claims.get("aud") != self._house.config.issuer:
            raise failed("aud of the assertion is the issuer of this server, as one string.")
        end = _seconds(claims, "exp")
        if end is None or not now < end <= now + LIFETIME_SECONDS:
            raise failed(f"exp of the assertion is ahead, and at most {LIFETIME_SECONDS} seconds.")
        begun = _seconds(claims, "iat")
        if begun is not None and (begun > now + SKEW_SECONDS or end - begun > LIFETIME_SECONDS):
            raise failed(f"iat of the assertion is past, and at most {LIFETIME_SECONDS} seconds before exp.")
        if (_seconds(claims, "nbf") or 0) > now + SKEW_SECONDS:
            raise failed("nbf of the assertion is still ahead.")
        jti = claims.get("jti")
        fits = isinstance(jti, str) and 0 < len(jti) <= JTI_LIMIT and jti.isascii() and jti.isprintable()
        if not fits:
            raise failed(f"jti of the assertion is 1 to {JTI_LIMIT} printable ASCII characters.")
        return Spent(jti=str(jti), until=int(end * SECOND))


class BySecret:
    """HTTP Basic with client_id and secret, for clients that were registered so."""

    def __init__(self, house: Runtime) -> None:
        self._house = house

    def __call__(self, query_client: Query, request: Any) -> Registered | None:
        if request.authorization is None:
            return None
        client_id, secret = _basic(request.authorization)
        client = query_client(client_id)
        if client is None or not client.candidate.has_secret(secret, self._house.clock()):
            raise failed()
        request.proof = Proof(candidate=client.candidate)
        return client


class _Registry(JWSRegistry):
    """Exactly the algorithms that registered keys can have, by their old and new names (RFC 9864)."""

    def get_alg(self, name: str) -> Any:
        if name not in ASSERTION_ALGORITHMS:
            raise UnsupportedAlgorithmError("this algorithm is not accepted")
        return self.algorithms[name]


def failed(detail: str = "Client authentication failed.") -> InvalidClientError:
    """The one answer to a client that cannot prove itself; a detail only once its signature was good."""
    return InvalidClientError(description=detail, status_code=401)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    """A NumericDate (RFC 7519 section 2)."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12:
        raise failed(f"{name} of the assertion is a number of seconds.")
    return float(value)


def _basic(header: str) -> tuple[str, str]:
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic" or len(text) > TEXT_LIMIT:
        raise failed()
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise failed() from error
    client_id, _, secret = pair.partition(":")
    return unquote_plus(client_id), unquote_plus(secret)
