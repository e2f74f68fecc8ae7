"""What may be registered as a client's key set."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from joserfc.util import int_to_base64

from app.errors import Invalid
from app.members.jwks import check_jwks

EC = ECKey.generate_key("P-256")
EDWARDS = OKPKey.generate_key("Ed25519")
RSA = RSAKey.generate_key(2048)


def rsa_jwk(bits: int, exponent: int = 65537) -> dict[str, Any]:
    numbers = rsa.generate_private_key(exponent, bits).public_key().public_numbers()
    return {"kty": "RSA", "n": int_to_base64(numbers.n), "e": int_to_base64(numbers.e)}


@pytest.mark.parametrize("key", [EC, EDWARDS, RSA])
def test_public_keys_are_stored_with_a_kid_and_nothing_that_is_not_needed(key: Any) -> None:
    sent = {**key.as_dict(private=False), "x5t": "abc", "use": "sig", "unknown": 1}
    sent.pop("kid", None)

    stored = check_jwks({"keys": [sent]})["keys"][0]

    assert stored["kid"] == key.thumbprint()
    assert set(stored) <= {"kty", "crv", "x", "y", "n", "e", "kid"}


def test_a_given_kid_is_kept() -> None:
    sent = {**EC.as_dict(private=False), "kid": "2026-a"}

    assert check_jwks({"keys": [sent]})["keys"][0]["kid"] == "2026-a"


def changed(key: Any, **values: Any) -> dict[str, Any]:
    sent = {**key.as_dict(private=False), **values}
    return {name: value for name, value in sent.items() if value is not None}


@pytest.mark.parametrize(
    "key",
    [
        EC.as_dict(private=True),
        EDWARDS.as_dict(private=True),
        RSA.as_dict(private=True),
        changed(EC, d=""),
        changed(RSA, oth=[]),
        OctKey.generate_key(256).as_dict(private=True),
        {"kty": "oct"},
        ECKey.generate_key("P-384").as_dict(private=False),
        ECKey.generate_key("secp256k1").as_dict(private=False),
        OKPKey.generate_key("X25519").as_dict(private=False),
        OKPKey.generate_key("Ed448").as_dict(private=False),
        rsa_jwk(1024),
        rsa_jwk(2048, exponent=3),
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        changed(RSA, alg="RS256"),
        changed(EC, alg="none"),
        changed(EC, alg=["ES256"]),
        changed(EC, use="enc"),
        changed(EC, key_ops=["sign"]),
        changed(EC, key_ops=7),
        changed(EC, x="AAAA"),
        changed(EC, x=None),
        changed(EC, x=5),
        changed(EC, y="\u00e9"),
        changed(EC, kid=""),
        changed(EC, kid="a\0b"),
        changed(EC, kid=5),
        changed(EC, kty=["EC"]),
        "key",
        None,
    ],
    ids=range(30),
)
def test_whatever_else_is_sent_as_a_key_is_refused_without_repeating_it(key: Any) -> None:
    with pytest.raises(Invalid) as refused:
        check_jwks({"keys": [key]})

    assert refused.value.errors is not None
    assert refused.value.errors[0]["pointer"].startswith("/jwks/keys/0")


@pytest.mark.parametrize("jwks", [{}, {"keys": []}, {"keys": {}}, {"keys": [EC.as_dict(private=False)] * 2}])
def test_a_set_without_keys_or_with_one_kid_twice_is_refused(jwks: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        check_jwks(jwks)
