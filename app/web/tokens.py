"""Access tokens: RFC 9068 JWTs, ES256, ten minutes, for this server only."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from sqlalchemy.orm import Session

from app.clock import SECOND
from app.errors import Unauthenticated
from app.keys import Use
from app.parties import Client
from app.runtime import Runtime

LIFETIME_SECONDS = 600
LEEWAY_SECONDS = 5
_ALGORITHMS = ["ES256"]
_TYPES = {"at+jwt", "application/at+jwt"}


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What the sender of a token must show beside it (RFC 7800); of a bearer token nothing."""

    jkt: str | None = None
    """Thumbprint of the key that signs its proofs (RFC 9449 section 6.1)."""
    x5t: str | None = None
    """SHA-256 of its certificate (RFC 8705 section 3.1)."""

    def __bool__(self) -> bool:
        return self.jkt is not None or self.x5t is not None

    @property
    def cnf(self) -> dict[str, str]:
        """The claim that says so."""
        named = {_JKT: self.jkt, _X5T: self.x5t}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def token_type(self) -> str:
        return "Bearer" if self.jkt is None else "DPoP"


_JKT, _X5T = "jkt", "x5t#S256"
UNBOUND = Binding()


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a verified token says. Whether it still holds is asked of the database in every transaction."""

    jti: str
    client_id: str
    member_id: str
    user_id: str | None
    scopes: frozenset[str]
    purpose: str
    expires_at: int
    binding: Binding = UNBOUND


def mint(
    runtime: Runtime, session: Session, client: Client, scopes: Iterable[str], purpose: str, now: int,
    binding: Binding = UNBOUND,
) -> tuple[str, Claims]:  # fmt: skip
    """Sign a token for a client; returns it in compact form, with its claims."""
    key = runtime.keyring.signer(session, Use.TOKEN)
    issued = now // SECOND
    claims = Claims(
        jti=uuid.uuid4().hex,
        client_id=client.id,
        member_id=client.member_id,
        user_id=client.user_id,
        scopes=frozenset(scopes),
        purpose=purpose,
        expires_at=issued + LIFETIME_SECONDS,
        binding=binding,
    )
    payload: dict[str, Any] = {
        "iss": runtime.config.issuer,
        "aud": runtime.config.issuer,
        "sub": claims.user_id or claims.client_id,
        "client_id": claims.client_id,
        "member": claims.member_id,
        "iat": issued,
        "exp": claims.expires_at,
        "jti": claims.jti,
        "scope": " ".join(sorted(claims.scopes)),
        "purpose": purpose,
    }
    if binding:
        payload["cnf"] = binding.cnf
    header = {"typ": "at+jwt", "alg": "ES256", "kid": key.kid}
    return jwt.encode(header, payload, key, algorithms=_ALGORITHMS), claims


def verify(runtime: Runtime, token: str, keys: KeySet) -> Claims:
    """Check signature, type, issuer, audience and time of a token (RFC 9068 section 4).

    Raises:
        Unauthenticated: any of them does not hold; the reason is `invalid_token`.
    """
    now = runtime.clock() // SECOND
    try:
        decoded = jwt.decode(token, keys, algorithms=_ALGORITHMS)
        claims = decoded.claims
        fits = (
            decoded.header.get("typ") in _TYPES
            and claims["iss"] == runtime.config.issuer
            and claims["aud"] == runtime.config.issuer
            and claims["exp"] > now - LEEWAY_SECONDS
            and claims["iat"] <= now + LEEWAY_SECONDS
        )
        if not fits:
            raise invalid_token()
        return Claims(
            jti=str(claims["jti"]),
            client_id=str(claims["client_id"]),
            member_id=str(claims["member"]),
            user_id=None if claims["sub"] == claims["client_id"] else str(claims["sub"]),
            scopes=frozenset(str(claims["scope"]).split()),
            purpose=str(claims["purpose"]),
            expires_at=int(claims["exp"]),
            binding=_binding(claims.get("cnf", {})),
        )
    except (JoseError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise invalid_token() from error


def _binding(cnf: Mapping[str, Any]) -> Binding:
    """What a `cnf` claim says; one that says more than is understood here is refused."""
    if not cnf.keys() <= {_JKT, _X5T}:
        raise invalid_token()
    return Binding(jkt=cnf.get(_JKT), x5t=cnf.get(_X5T))


def public_keys(runtime: Runtime, session: Session) -> KeySet:
    """The published token keys whose tokens can still stand: a retired key ends with its last token."""
    ended = runtime.clock() // SECOND - LIFETIME_SECONDS - LEEWAY_SECONDS
    alive = [
        jwk for jwk in runtime.keyring.published(session, Use.TOKEN) if jwk.get("exp", ended + 1) > ended
    ]
    return KeySet([ECKey.import_key(_plain(jwk)) for jwk in alive])


def _plain(jwk: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in {"nbf", "exp"}}


def invalid_token(
    detail: str = "The access token is not valid here, or no longer. Ask the token endpoint for a new one.",
    scheme: str = "Bearer",
) -> Unauthenticated:
    """A token that does not count; `scheme` is that of the challenge."""
    return Unauthenticated(detail, reason="invalid_token", scheme=scheme)
