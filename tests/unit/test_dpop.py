"""Proofs of possession, garbled in every way: each is in order or refused, and nothing else happens."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.util import urlsafe_b64encode

from app.clock import SECOND
from app.errors import Unauthenticated
from app.web import dpop
from app.web.dpop import Proof, address_of

NOW = 1_800_000_000 * SECOND
KEY = ECKey.generate_key("P-256")
ISSUER = "https://halyard.example"
HEADER = {"typ": "dpop+jwt", "alg": "ES256", "jwk": KEY.as_dict(private=False)}
CLAIMS = {"htm": "GET", "htu": f"{ISSUER}/v1/me", "iat": NOW // SECOND, "jti": "1"}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def check(text: str) -> Proof | str:
    """A proof, or the reason of its refusal."""
    try:
        return dpop.check(text, method="GET", address=address_of(ISSUER, "/v1/me"), now=NOW)
    except Unauthenticated as error:
        return error.reason


def signed(header: dict[str, Any], claims: Any) -> str:
    return jws.serialize_compact(header, json.dumps(claims), KEY, algorithms=["ES256"])


def unsigned(*parts: bytes) -> str:
    return ".".join(urlsafe_b64encode(part).decode() for part in parts)


def test_a_proof_that_is_in_order_says_whose_it_is_and_until_when() -> None:
    proof = check(signed(HEADER, CLAIMS))

    assert isinstance(proof, Proof)
    assert proof.jkt == KEY.thumbprint()
    assert proof.until == NOW + dpop.AGE_SECONDS * SECOND


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    assert check(text) == "invalid_dpop_proof"


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_any_three_parts_are_refused(parts: list[bytes]) -> None:
    assert check(unsigned(*parts)) == "invalid_dpop_proof"


@given(values, values)
def test_any_json_for_header_and_claims_is_refused(header: Any, claims: Any) -> None:
    text = unsigned(json.dumps(header).encode(), json.dumps(claims).encode(), b"signature")

    assert check(text) == "invalid_dpop_proof"


@given(st.sampled_from(["typ", "alg", "jwk"]), values)
def test_any_header_member_that_is_changed_is_refused(name: str, value: Any) -> None:
    head, claims, signature = signed(HEADER, CLAIMS).split(".")
    changed = urlsafe_b64encode(json.dumps(HEADER | {name: value}).encode()).decode()

    assert check(f"{changed}.{claims}.{signature}") == "invalid_dpop_proof" or changed == head


@given(st.sampled_from(["kty", "crv", "x", "y", "kid", "use", "key_ops", "alg", "d", "k", "n", "e"]), values)
def test_any_member_of_the_key_that_is_changed_is_no_server_error(name: str, value: Any) -> None:
    jwk = {**HEADER["jwk"], name: value}  # type: ignore[dict-item]
    text = unsigned(json.dumps(HEADER | {"jwk": jwk}).encode(), json.dumps(CLAIMS).encode(), b"signature")

    assert check(text) == "invalid_dpop_proof"


@given(st.sampled_from(["htm", "htu", "iat", "jti", "ath"]), values)
def test_any_claim_that_is_changed_is_taken_only_if_it_fits(name: str, value: Any) -> None:
    found = check(signed(HEADER, CLAIMS | {name: value}))

    if name in {"htm", "htu"}:
        assert found == "invalid_dpop_proof"
    elif name == "ath":  # means nothing where there is no token
        assert isinstance(found, Proof) or not _readable(value)
    else:
        assert isinstance(found, Proof) or found == "invalid_dpop_proof"


@given(st.text(max_size=60).map(lambda text: f"{ISSUER}{text}") | st.text(max_size=60))
def test_any_address_is_compared_without_an_error(address: str) -> None:
    assert check(signed(HEADER, CLAIMS | {"htu": address})) == "invalid_dpop_proof"


def test_default_port_and_case_of_an_address_do_not_matter_and_a_prefix_of_the_issuer_does() -> None:
    assert address_of("https://Halyard.example:443/", "/a") == address_of(ISSUER, "/a")
    assert address_of(f"{ISSUER}/base/", "/a") == address_of(ISSUER, "/base/a")
    assert address_of(f"{ISSUER}:8443", "/a") != address_of(ISSUER, "/a")
    assert isinstance(check(signed(HEADER, CLAIMS | {"htu": "https://HALYARD.example:443/v1/me"})), Proof)


def _readable(value: Any) -> bool:
    """Whether strict JSON has room for it: no NaN, no half of a surrogate pair, no NUL."""
    text = json.dumps(value)
    return not any(word in text for word in ("NaN", "Infinity", "\\u0000", "\\ud"))
