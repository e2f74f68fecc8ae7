"""Clients that publish their keys at a `jwks_uri`: fetched, kept, fetched again, and never too often."""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from joserfc.jwk import RSAKey
from sqlalchemy import select

from app.members import key_sources
from app.outgoing import Outgoing
from app.parties import ClientKeySet
from schemas.vocabulary import Scope
from tests.api.oauth_client import Key, Office, Registered, es256
from tests.elsewhere import Authority, Elsewhere, Names, client_of, document, serving
from tests.factories import Make
from tests.fakes import FakeClock

MINUTES = 60.0


@pytest.fixture
def names() -> Names:
    return Names(["127.0.0.1"])


@pytest.fixture
def server(context: ssl.SSLContext) -> Iterator[Elsewhere]:
    with serving(context, document(b"{}")) as found:
        yield found


@pytest.fixture
def outgoing(server: Elsewhere, authority: Authority, names: Names) -> Outgoing:
    return client_of(server, authority.trust(), names)


def publish(server: Elsewhere, *keys: Key, **headers: str) -> None:
    jwks = {"keys": [key.as_dict(private=False) for key in keys]}
    server.talk = document(json.dumps(jwks).encode(), **headers)


def gone(server: Elsewhere) -> None:
    server.talk = document(b"", status="503 Service Unavailable")


def register(office: Office, server: Elsewhere, key: Key, **more: Any) -> Registered:
    """A client whose keys are published at the server."""
    client = Registered(
        id="", member=office.make.member(), runtime=office.make.runtime, http=office.make.http, key=key
    )
    body = {
        "name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks_uri": server.url(), **more,
    }  # fmt: skip
    answer = office.operator.post(f"/v1/members/{client.member.id}/clients", json=body)
    assert answer.status_code == 201, answer.json
    found: Any = answer.json
    assert found["client"]["jwks_uri"] == server.url()
    assert "jwks" not in found["client"]
    client.id = found["client"]["id"]
    return client


def test_published_keys_prove_a_client_and_are_fetched_once_for_many_tokens(
    office: Office, server: Elsewhere
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)

    assert [client.ask().status_code for _ in range(3)] == [200, 200, 200]
    assert len(server.asked) == 1


def test_what_is_fetched_stands_in_the_database_for_all_processes(office: Office, server: Elsewhere) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)

    with client.runtime.db.read() as session:
        columns = select(ClientKeySet.url, ClientKeySet.jwks).where(ClientKeySet.client_id == client.id)
        url, jwks = session.execute(columns).one()

    assert url == server.url()
    assert [found["kid"] for found in jwks["keys"]] == [key.kid]


@pytest.mark.parametrize(
    ("cache_control", "seconds"),
    [
        (None, 900), ("max-age=60", 300), ("public, max-age=3600", 3600), ("max-age=31536000", 86_400),
        ("no-store", 300), ("no-cache, max-age=3600", 300), ("max-age=banana", 900), ("s-maxage=9", 900),
    ],
)  # fmt: skip
def test_a_removed_key_stops_working_when_the_set_is_no_longer_fresh(
    office: Office, server: Elsewhere, clock: FakeClock, cache_control: str | None, seconds: int
) -> None:
    old, new = es256(), es256()
    publish(server, old, **({"Cache_Control": cache_control} if cache_control else {}))
    client = register(office, server, old)
    publish(server, new)
    begun = clock.now

    clock.set(begun + (seconds - 10) * 1_000_000)
    assert client.ask().status_code == 200
    clock.set(begun + (seconds + 1) * 1_000_000)
    assert client.ask().status_code == 401

    client.key = new
    assert client.ask().status_code == 200


def test_a_new_key_works_at_once_and_unknown_kids_fetch_once_a_minute(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    old, new = es256(), es256()
    publish(server, old)
    client = register(office, server, old)
    publish(server, old, new)
    clock.advance(61)

    client.key = new
    assert client.ask().status_code == 200
    assert len(server.asked) == 2
    client.key = es256()
    assert {client.ask().status_code for _ in range(20)} == {401}
    assert len(server.asked) == 2
    clock.advance(61)
    assert {client.ask().status_code for _ in range(20)} == {401}
    assert len(server.asked) == 3


def test_an_unknown_kid_just_after_the_registration_fetches_nothing(
    office: Office, server: Elsewhere
) -> None:
    publish(server, es256())
    client = register(office, server, es256())

    assert {client.ask().status_code for _ in range(5)} == {401}
    assert len(server.asked) == 1


def test_while_the_source_is_down_its_keys_work_for_a_bounded_time_and_then_not(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    gone(server)

    clock.advance(16 * MINUTES)
    assert client.ask().status_code == 200
    assert client.ask().status_code == 200
    assert len(server.asked) == 2  # the second request didn't try again
    clock.advance(58 * MINUTES)
    assert client.ask().status_code == 200
    clock.advance(2 * MINUTES)
    assert client.ask().status_code == 401

    publish(server, key)
    clock.advance(61)
    assert client.ask().status_code == 200


def test_beside_a_fetch_that_is_under_way_a_client_without_usable_keys_is_asked_to_wait(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    clock.advance(100 * MINUTES)
    with client.runtime.db.write() as session:  # another process has just set out
        session.get_one(ClientKeySet, client.id).attempted_at = clock.now

    answer = client.ask()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert len(server.asked) == 1


def test_of_two_processes_that_set_out_at_once_one_fetches(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    publish(server, es256())
    client = register(office, server, es256())
    clock.advance(61)

    claims = [key_sources._claim(client.runtime, client.id, server.url(), clock.now) for _ in range(2)]

    assert claims == [True, False]


def test_what_is_published_is_checked_as_what_is_sent(office: Office, server: Elsewhere) -> None:
    private = json.dumps({"keys": [es256().as_dict(private=True)]}).encode()
    bodies = [
        private, b"{}", b"[]", b'{"keys": []}', b"\xff", b"not json", b"[" * 60_000, b'{"a":' * 10_000,
        b'{"keys": [{"kty": "oct", "k": "AAAA"}]}',
    ]  # fmt: skip
    at = f"/v1/members/{office.make.member().id}/clients"
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks_uri": server.url()}

    for published in bodies:
        server.talk = document(published)
        answer = office.operator.post(at, json=body)
        found: Any = answer.json
        assert answer.status_code == 422, published[:40]
        assert {error["pointer"] for error in found["errors"]} == {"/jwks_uri"}
        assert "127.0.0.1" not in answer.text
        assert server.url() not in answer.text


def test_a_bad_set_at_a_refresh_leaves_the_good_one_for_the_bounded_time(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    server.talk = document(json.dumps({"keys": [es256().as_dict(private=True)]}).encode())

    clock.advance(16 * MINUTES)
    assert client.ask().status_code == 200
    clock.advance(60 * MINUTES)
    assert client.ask().status_code == 401


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.bank.example/jwks.json", "https://127.0.0.1/jwks.json", "https://2130706433/jwks.json",
        "https://0177.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://localhost/",
        "https://user@keys.bank.example/", "https://keys.bank.example:22/", "https://keys.bank.example/#x",
    ],
)  # fmt: skip
def test_an_address_that_must_not_be_asked_is_refused_at_registration(
    office: Office, names: Names, url: str
) -> None:
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks_uri": url}

    answer = office.operator.post(f"/v1/members/{office.make.member().id}/clients", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/jwks_uri"  # type: ignore[index]
    assert url not in answer.text
    assert names.asked == []


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::a00:1", "10.0.0.1"])
def test_a_name_that_is_bound_anew_to_a_private_address_is_not_followed(
    office: Office, server: Elsewhere, names: Names, clock: FakeClock, address: str
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    names.answers = [[address]]

    clock.advance(16 * MINUTES)
    client.key = es256()
    assert client.ask().status_code == 401
    assert len(server.asked) == 1


def test_only_the_operator_makes_this_server_ask_others(
    office: Office, server: Elsewhere, make: Make
) -> None:
    own = make.caller(member := make.member(), *(scope for scope in Scope if scope != Scope.MEMBERS_ADMIN))
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks_uri": server.url()}

    assert own.post(f"/v1/members/{member.id}/clients", json=body).status_code == 403
    assert server.asked == []


def test_keys_and_their_address_are_not_both_taken_and_a_secret_has_neither(
    office: Office, server: Elsewhere
) -> None:
    key = es256()
    publish(server, key)
    at = f"/v1/members/{office.make.member().id}/clients"
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks_uri": server.url()}
    jwks = {"keys": [key.as_dict(private=False)]}

    assert office.operator.post(at, json={**body, "jwks": jwks}).status_code == 422
    assert office.operator.post(at, json={**body, "auth_method": "client_secret_basic"}).status_code == 422


def test_a_rotation_moves_a_client_to_published_keys_and_back(office: Office, server: Elsewhere) -> None:
    sent, shown = es256(), es256()
    publish(server, shown)
    client = office.register(key=sent)
    at = f"/v1/members/{client.member.id}/clients/{client.id}"

    moved: Any = office.operator.post(f"{at}/rotation", json={"jwks_uri": server.url()}).json
    assert moved["client"]["jwks_uri"] == server.url()
    assert client.ask().status_code == 401
    client.key = shown
    assert client.ask().status_code == 200

    jwks = {"keys": [sent.as_dict(private=False)]}
    back: Any = office.operator.post(f"{at}/rotation", json={"jwks": jwks}).json
    assert "jwks_uri" not in back["client"]
    assert client.ask().status_code == 401
    client.key = sent
    assert client.ask().status_code == 200
    with client.runtime.db.read() as session:
        assert session.get(ClientKeySet, client.id) is None


def test_sent_keys_overlap_with_published_ones_but_published_keys_overlap_at_their_source(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    sent, shown = es256(), es256()
    publish(server, shown)
    client = office.register(key=sent)
    at = f"/v1/members/{client.member.id}/clients/{client.id}/rotation"
    moved = office.operator.post(at, json={"jwks_uri": server.url(), "overlap_hours": 1})
    assert moved.status_code == 200
    clock.advance(61)

    assert client.ask().status_code == 200
    assert len(server.asked) == 1  # a former key is known without asking again
    client.key = shown
    assert client.ask().status_code == 200

    jwks = {"keys": [sent.as_dict(private=False)]}
    refused = office.operator.post(at, json={"jwks": jwks, "overlap_hours": 1})
    assert refused.status_code == 422
    assert refused.json["errors"][0]["pointer"] == "/overlap_hours"  # type: ignore[index]


def test_what_was_fetched_from_another_address_before_a_rotation_proves_nothing(
    office: Office, server: Elsewhere
) -> None:
    old, new = es256(), es256()
    publish(server, old)
    client = register(office, server, old)
    publish(server, new)
    at = f"/v1/members/{client.member.id}/clients/{client.id}/rotation"

    assert office.operator.post(at, json={"jwks_uri": server.url("/other")}).status_code == 200

    assert client.ask().status_code == 401
    client.key = new
    assert client.ask().status_code == 200


def counting(begin: Any, opened: list[int]) -> Any:
    """The same way to begin a transaction, which says how many are open."""

    @contextmanager
    def counted() -> Iterator[Any]:
        opened[0] += 1
        try:
            with begin() as session:
                yield session
        finally:
            opened[0] -= 1

    return counted


def test_no_transaction_is_open_while_another_server_is_asked(
    office: Office, server: Elsewhere, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    runtime = client.runtime
    opened: list[int] = [0]
    seen: list[int] = []
    for name in ("read", "write"):
        monkeypatch.setattr(runtime.db, name, counting(getattr(runtime.db, name), opened))
    get = runtime.outgoing.get

    def noting(*asked: Any) -> Any:
        seen.append(opened[0])
        return get(*asked)

    monkeypatch.setattr(runtime.outgoing, "get", noting)

    register(office, server, key)
    clock.advance(16 * MINUTES)
    assert client.ask().status_code == 200

    assert seen == [0, 0]


def test_an_emptied_set_ends_the_keys_that_stood_in_it(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    key = es256()
    publish(server, key)
    client = register(office, server, key)
    publish(server)
    clock.advance(16 * MINUTES)

    assert client.ask().status_code == 401


def test_a_key_for_encryption_beside_those_for_signing_does_not_spoil_the_set(
    office: Office, server: Elsewhere, clock: FakeClock
) -> None:
    key, new = es256(), es256()
    publish(server, key)
    client = register(office, server, key)
    other = RSAKey.generate_key(2048).as_dict(private=False)
    other |= {"use": "enc", "alg": "RSA-OAEP-256", "kid": "encryption"}
    keys = [key.as_dict(private=False), new.as_dict(private=False), other]
    server.talk = document(json.dumps({"keys": keys}).encode())
    clock.advance(2 * MINUTES)

    client.key = new

    assert client.ask().status_code == 200
