"""Proofs of possession (DPoP, RFC 9449): each request says, signed, that its sender holds a key. Pure."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import SplitResult, unquote, urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry, deserialize_compact
from joserfc.util import urlsafe_b64decode

from app.clock import SECOND
from app.errors import Invalid, Malformed, Unauthenticated
from app.members.jwks import ALGORITHMS, ASSERTION_ALGORITHMS, check_jwks
from app.web.bodies import parse_json

SCHEME = "DPoP"
REASON = "invalid_dpop_proof"
SIGNED_WITH = ASSERTION_ALGORITHMS
"""The algorithms of proofs: those of the keys that clients may register."""

AGE_SECONDS = 60
AHEAD_SECONDS = 30
"""How old a proof may be, and how far ahead of this server the clock of its sender may go."""

TEXT_LIMIT = 8_192
JTI_LIMIT = 255
_PORTS = {"http": 80, "https": 443}

Address = tuple[str, str, int | None, str]
"""Scheme, host, port and decoded path: what two spellings of one address have in common."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A proof that is in order. It counts once: `id` is to be remembered until `until` (microseconds)."""

    jkt: str
    id: bytes
    until: int


def check(text: str, *, method: str, address: Address, now: int, token: str | None = None) -> Proof:
    """Check a proof against the request that it came with (RFC 9449 section 4.3).

    Args:
        text: the value of the one `DPoP` header.
        address: where the request went, as `address_of` gives it.
        token: the access token beside it; None at the token endpoint, where there is none yet.

    Raises:
        Unauthenticated: it does not fit; the reason is `invalid_dpop_proof`.
    """
    header, claims = _read(text)
    jkt = _verified(text, header)
    if claims.get("htm") != method:
        refuse("htm of the proof is not the method of this request.")
    if _claimed(claims.get("htu")) != address:
        refuse("htu of the proof is not the address of this request: this server's issuer and the path.")
    if token is not None and claims.get("ath") != _base64url(hashlib.sha256(token.encode()).digest()):
        refuse("ath of the proof is the SHA-256 of the access token beside it, in base64url.")
    until = _until(claims.get("iat"), now)
    jti = claims.get("jti")
    if (
        not isinstance(jti, str)
        or not 0 < len(jti) <= JTI_LIMIT
        or not jti.isascii()
        or not jti.isprintable()
    ):
        refuse(f"jti of the proof is 1 to {JTI_LIMIT} printable ASCII characters.")
    return Proof(jkt=jkt, id=hashlib.sha256(f"{jkt} {jti}".encode()).digest(), until=until)


def address_of(issuer: str, path: str) -> Address:
    """The public address of a request: behind a proxy only the issuer says what its sender called.

    Args:
        path: as it was routed, that is, decoded.
    """
    base = urlsplit(issuer)
    return (*_authority(base), base.path.rstrip("/") + path)


def refuse(detail: str) -> NoReturn:
    raise Unauthenticated(detail, reason=REASON, scheme=SCHEME)


def _read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, read strictly, before anything is believed."""
    if "," in text:
        refuse("Send one DPoP header.")
    try:
        if len(text) > TEXT_LIMIT:
            refuse("The proof is too long.")
        header, claims, _signature = text.encode("ascii").split(b".")
        found = parse_json(urlsafe_b64decode(header)), parse_json(urlsafe_b64decode(claims))
    except (ValueError, Malformed):
        found = (None, None)
    if not isinstance(found[0], dict) or not isinstance(found[1], dict):
        refuse("Send the proof as a signed JWT in compact form.")
    return found


def _verified(text: str, header: Mapping[str, Any]) -> str:
    """Check the signature with the key that the header brings; returns the key's RFC 7638 thumbprint."""
    if header.get("typ") != "dpop+jwt":
        refuse("typ of the proof is dpop+jwt.")
    if header.get("alg") not in SIGNED_WITH or "crit" in header:
        refuse(f"Sign the proof with one of {' '.join(SIGNED_WITH)}, without crit.")
    try:
        public = check_jwks({"keys": [header.get("jwk")]})["keys"][0]
    except Invalid as error:
        refuse(f"jwk of the proof: {(error.errors or [{}])[0].get('detail', error.detail)}")
    if header["alg"] not in ALGORITHMS[public["kty"]]:
        refuse("alg of the proof does not fit its jwk.")
    try:
        key = import_key(dict(public))
        deserialize_compact(text, key, registry=_Registry(strict_check_header=False))
    except (JoseError, ValueError, TypeError, KeyError):
        refuse("The proof's signature is not by its jwk.")
    return key.thumbprint()


class _Registry(JWSRegistry):
    """Without the library's advice on names and its limits on size: both were decided before."""

    max_header_length = max_payload_length = max_signature_length = TEXT_LIMIT

    def get_alg(self, name: str) -> Any:
        return self.algorithms[name]


def _until(iat: object, now: int) -> int:
    if isinstance(iat, bool) or not isinstance(iat, int | float) or abs(iat) > 1e12:
        refuse("iat of the proof is a number of seconds.")
    if not now / SECOND - AGE_SECONDS <= iat <= now / SECOND + AHEAD_SECONDS:
        refuse(
            f"iat of the proof is now, at most {AGE_SECONDS} seconds ago: make one for each request, and set "
            "the clock by the Date of this answer."
        )
    return int((iat + AGE_SECONDS) * SECOND)


def _claimed(htu: object) -> Address | None:
    """The address that a proof names, without query and fragment; None for anything else."""
    if not isinstance(htu, str) or not htu.isascii() or not htu.isprintable() or " " in htu:
        return None
    try:
        parts = urlsplit(htu)
        if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
            return None
        return (*_authority(parts), _path(parts.path))
    except ValueError:
        return None


def _authority(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)


def _path(text: str) -> str:
    """A path as it would be routed: decoded, without dot segments (RFC 3986 section 6.2.2).

    Decoding all of it joins no two resources: routes are found by the decoded path.
    """
    steps: list[str] = []
    for step in unquote(text).split("/")[1:]:
        if step == "..":
            steps = steps[:-1]
        elif step != ".":
            steps.append(step)
    return "/" + "/".join(steps)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
