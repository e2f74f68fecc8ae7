"""Assertions of `private_key_jwt`: everything that must not get a token."""

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64encode
from sqlalchemy import func, select

from app.parties import SpentAssertion
from tests.api.oauth_client import Office, Registered, es256, unsigned
from tests.factories import Make
from tests.fakes import FakeClock


@pytest.fixture
def client(office: Office) -> Registered:
    return office.register(key=es256())


def spent(client: Registered) -> int:
    with client.runtime.db.read() as session:
        return session.scalar(select(func.count()).select_from(SpentAssertion)) or 0


def try_with(client: Registered, assertion: str) -> tuple[int, str]:
    answer = client.http.post(
        "/oauth/token", data={"grant_type": "client_credentials", **client.proof(assertion)}
    )
    body: Any = answer.json
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, body.get("error", "")


REFUSED = (401, "invalid_client")


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": "{issuer}/oauth/token"},
        {"aud": "{issuer}/"},
        {"aud": ["{issuer}"]},
        {"aud": ["{issuer}", "https://elsewhere.example"]},
        {"aud": None},
        {"iss": "00000000-0000-4000-8000-000000000000"},
        {"iss": None},
        {"sub": None},
        {"sub": 7},
        {"sub": "nobody"},
        {"sub": "\0"},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
        {"jti": "a\0b"},
        {"exp": None},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 1e300},
        {"exp": 10**40},
    ],
    ids=str,
)
def test_an_assertion_that_says_the_wrong_thing_is_refused(
    client: Registered, changes: dict[str, Any]
) -> None:
    issuer = client.runtime.config.issuer

    def filled(value: Any) -> Any:
        if isinstance(value, list):
            return [filled(item) for item in value]
        return value.format(issuer=issuer) if isinstance(value, str) else value

    assertion = client.assertion(**{name: filled(value) for name, value in changes.items()})

    assert try_with(client, assertion) == REFUSED
    assert spent(client) == 0


@pytest.mark.parametrize(
    ("iat", "exp", "nbf", "good"),
    [
        (0, 60, None, True),
        (0, 299, None, True),
        (None, 299, None, True),
        (20, 60, -5, True),
        (0, 0, None, False),
        (-400, -1, None, False),
        (0, 302, None, False),
        (None, 3600, None, False),
        (0, 31_536_000, None, False),
        (-290, 60, None, False),
        (45, 100, None, False),
        (0, 60, 45, False),
    ],
)
def test_an_assertion_lives_three_hundred_seconds_at_most(
    client: Registered, iat: int | None, exp: int, nbf: int | None, *, good: bool
) -> None:
    now = client.claims()["iat"]
    wanted = {"iat": iat, "exp": exp, "nbf": nbf}
    moments: dict[str, Any] = {name: None if at is None else now + at for name, at in wanted.items()}

    status, _ = try_with(client, client.assertion(**moments))

    assert status == (200 if good else 401)


def test_an_assertion_counts_once_even_where_it_got_nothing(client: Registered, clock: FakeClock) -> None:
    used, wasted = client.assertion(), client.assertion()
    too_much = {"grant_type": "client_credentials", "scope": "peers:admin", **client.proof(wasted)}
    assert try_with(client, used)[0] == 200
    assert client.http.post("/oauth/token", data=too_much).status_code == 400

    assert try_with(client, used) == REFUSED
    assert try_with(client, wasted) == REFUSED
    clock.advance(30)
    assert try_with(client, used) == REFUSED
    assert client.http.post("/oauth/introspect", data={"token": "x", **client.proof(used)}).status_code == 401
    assert client.http.post("/oauth/revoke", data={"token": "x", **client.proof(used)}).status_code == 401


def test_two_clients_may_use_the_same_jti(office: Office) -> None:
    one, other = office.register(key=es256()), office.register(key=es256())

    assert try_with(one, one.assertion(jti="same"))[0] == 200
    assert try_with(other, other.assertion(jti="same"))[0] == 200


FORGED: dict[str, Callable[[Registered], str]] = {
    "alg none": lambda client: unsigned(client.claims()),
    "signature cut off": lambda client: client.assertion().rpartition(".")[0] + ".",
    "two parts": lambda client: client.assertion().rpartition(".")[0],
    "signature of another text": lambda client: (
        client.assertion().rpartition(".")[0] + "." + client.assertion().rpartition(".")[2]
    ),
    "another key": lambda client: client.assertion(key=es256()),
    "another key under its kid": lambda client: client.assertion(key=es256(), header={"kid": client.kid}),
    "unknown kid": lambda client: client.assertion(header={"kid": "unknown"}),
    "kid of a wrong type": lambda client: client.assertion(header={"kid": client.kid, "cty": "x"}) + "\0",
    "RS256": lambda client: client.assertion(key=RSAKey.generate_key(2048), alg="RS256"),
    "PS256 against an EC key": lambda client: client.assertion(key=RSAKey.generate_key(2048), alg="PS256"),
    "HS256 with the public key": lambda client: signed_with_public_key(client.key, client.claims()),
    "not ASCII": lambda client: client.assertion() + "\u00e9",
    "deeply nested": lambda _client: "W1tb" * 500 + "." + "W1tb" * 500 + ".AA",
    "nothing": lambda _client: "..",
    "too long": lambda client: client.assertion(extra="x" * 9_000),
}


def signed_with_public_key(key: Any, claims: dict[str, Any]) -> str:
    """Signed by hand: our own library refuses to make this."""
    head = {"alg": "HS256", "kid": key.kid}
    text = b".".join(urlsafe_b64encode(json.dumps(part).encode()) for part in (head, claims))
    digest = hmac.digest(key.as_pem(private=False), text, "sha256")
    return (text + b"." + urlsafe_b64encode(digest)).decode()


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED.keys())
def test_a_forged_assertion_is_refused(client: Registered, forge: Callable[[Registered], str]) -> None:
    assert try_with(client, forge(client)) == REFUSED
    assert spent(client) == 0


def test_another_clients_key_proves_nothing(office: Office) -> None:
    client, other = office.register(key=es256()), office.register(key=es256())

    assert try_with(client, client.assertion(key=other.key)) == REFUSED
    assert try_with(client, client.assertion(key=other.key, header={"kid": other.kid})) == REFUSED


def test_a_client_proves_itself_only_in_the_way_it_was_registered_for(office: Office) -> None:
    by_secret, by_key = office.register(), office.register(key=es256())

    assert try_with(by_secret, by_secret.assertion(key=es256())) == REFUSED
    answer = by_key.http.post(
        "/oauth/token", data={"grant_type": "client_credentials"}, headers=by_key.basic("anything")
    )
    assert answer.status_code == 401


def test_with_several_keys_the_kid_says_which(office: Office, make: Make) -> None:
    member = make.member()
    first, second = es256(), es256()
    jwks = {"keys": [first.as_dict(private=False), second.as_dict(private=False)]}
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks": jwks}
    made: Any = office.operator.post(f"/v1/members/{member.id}/clients", json=body).json
    client = Registered(
        id=made["client"]["id"], member=member, runtime=make.runtime, http=make.http, key=second
    )

    assert try_with(client, client.assertion())[0] == 200
    assert try_with(client, client.assertion(header={"kid": first.kid})) == REFUSED
    assert try_with(client, client.assertion(header={"kid": None})) == REFUSED
