"""Public keys that clients register (RFC 7517), and the algorithms that go with them. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.util import urlsafe_b64decode

from app.errors import Invalid

KEYS_LIMIT = 8
RSA_BITS_LEAST = 2048
RSA_BITS_MOST = 8192
RSA_EXPONENT = 65537

ALGORITHMS: Mapping[str, Sequence[str]] = {"EC": ("ES256",), "OKP": ("EdDSA", "Ed25519"), "RSA": ("PS256",)}
"""Key type → signature algorithms that its assertions may use."""

ASSERTION_ALGORITHMS: Sequence[str] = tuple(name for names in ALGORITHMS.values() for name in names)

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEPT = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("n", "e")}
_CURVES = {"EC": "P-256", "OKP": "Ed25519"}
_KID = re.compile(r"[\x21-\x7e]{1,128}")
_NUMBER = re.compile(r"[A-Za-z0-9_-]{1,1400}")


def check_jwks(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """The key set as it is stored: public members only, each key with a `kid`.

    Raises:
        Invalid: private or symmetric material, an unknown type, a weak key, or two keys with one `kid`.
    """
    keys = jwks.get("keys")
    if not isinstance(keys, list) or not 1 <= len(keys) <= KEYS_LIMIT:
        _refuse("/jwks/keys", f"Give 1 to {KEYS_LIMIT} public keys.")
    checked = [_check_key(key, f"/jwks/keys/{index}") for index, key in enumerate(keys)]
    if len({key["kid"] for key in checked}) != len(checked):
        _refuse("/jwks/keys", "Every key needs a kid of its own.")
    return {"keys": checked}


def usable(jwks: Mapping[str, Any]) -> dict[str, Any]:
    """A published set without keys that are not for signing, or of unknown types (RFC 7517 section 5)."""
    keys = jwks.get("keys")
    return {"keys": [key for key in keys if _is_meant(key)] if isinstance(keys, list) else keys}


def _is_meant(key: Any) -> bool:
    """Whether a key is for us. What is no key, or holds private material, is left in to be refused."""
    if not isinstance(key, dict) or _PRIVATE.intersection(key):
        return True
    kind = key.get("kty")
    return (
        isinstance(kind, str) and kind in ALGORITHMS
        and key.get("use") in (None, "sig")
        and key.get("alg") in (None, *ALGORITHMS[kind])
        and key.get("crv") == _CURVES.get(kind, key.get("crv"))
    )  # fmt: skip


def _check_key(key: Any, at: str) -> dict[str, str]:
    if not isinstance(key, dict):
        _refuse(at, "A key is a JSON object.")
    if _PRIVATE.intersection(key):
        _refuse(at, "This holds private or symmetric key material. Treat it as lost; send a public key.")
    kind = key.get("kty")
    if not isinstance(kind, str) or kind not in ALGORITHMS:
        _refuse(f"{at}/kty", "Use EC (P-256), OKP (Ed25519) or RSA.")
    if key.get("alg") not in (None, *ALGORITHMS[kind]):
        _refuse(f"{at}/alg", f"For this type: {', '.join(ALGORITHMS[kind])}.")
    operations = key.get("key_ops", ["verify"])
    if key.get("use") not in (None, "sig") or not isinstance(operations, list) or "verify" not in operations:
        _refuse(at, "The key must be meant for signatures.")
    if kind in _CURVES and key.get("crv") != _CURVES[kind]:
        _refuse(f"{at}/crv", f"Use the curve {_CURVES[kind]}.")
    stored = {"kty": kind}
    for name in _KEPT[kind]:
        value = key.get(name)
        if not isinstance(value, str) or (name != "crv" and not _NUMBER.fullmatch(value)):
            _refuse(f"{at}/{name}", "Send it as base64url without padding.")
        stored[name] = value
    return {**stored, "kid": _kid(key, at, _thumbprint(stored, at))}


def _kid(key: Mapping[str, Any], at: str, thumbprint: str) -> str:
    kid = key.get("kid", thumbprint)
    if not isinstance(kid, str) or not _KID.fullmatch(kid):
        _refuse(f"{at}/kid", "A kid is 1 to 128 printable ASCII characters without spaces.")
    return kid


def _thumbprint(stored: dict[str, str], at: str) -> str:
    """RFC 7638 thumbprint; reading the key for it shows whether it is one."""
    try:
        if stored["kty"] == "RSA":
            _check_rsa(stored, at)
        return import_key(dict(stored)).thumbprint()
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise _invalid(at, "This is not a public key of its type.") from error


def _check_rsa(stored: dict[str, str], at: str) -> None:
    modulus, exponent = (int.from_bytes(urlsafe_b64decode(stored[name].encode())) for name in ("n", "e"))
    if not RSA_BITS_LEAST <= modulus.bit_length() <= RSA_BITS_MOST:
        _refuse(at, f"An RSA key has {RSA_BITS_LEAST} to {RSA_BITS_MOST} bits.")
    if exponent != RSA_EXPONENT:
        _refuse(f"{at}/e", f"Use the public exponent {RSA_EXPONENT}.")


def _invalid(at: str, detail: str) -> Invalid:
    return Invalid(
        "This key set cannot be taken: see errors.", reason="jwks",
        errors=[{"pointer": at, "detail": detail}],
    )  # fmt: skip


def _refuse(at: str, detail: str) -> NoReturn:
    raise _invalid(at, detail)
