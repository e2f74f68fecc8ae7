"""The life of a client: its end, the networks that it is bound to, and rotation with an overlap."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.clock import DAY, HOUR, SECOND, from_text, to_text
from app.main import create_app
from app.parties import Client
from app.runtime import Runtime
from tests.api.oauth_client import Key, Office, Registered, es256
from tests.fakes import FakeClock

LOCAL = "127.0.0.1/32"


def calls(client: Registered, token: str, address: str = "127.0.0.1") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return client.http.get("/v1/me", headers=headers, environ_base={"REMOTE_ADDR": address}).status_code


def asks(client: Registered, address: str = "127.0.0.1") -> tuple[int, Any]:
    answer = client.http.post(
        "/oauth/token", data={"grant_type": "client_credentials", **client.proof()},
        environ_base={"REMOTE_ADDR": address},
    )  # fmt: skip
    return answer.status_code, answer.json


def test_a_client_ends_at_its_moment_and_so_do_its_tokens(office: Office, clock: FakeClock) -> None:
    end = clock.now + 300 * SECOND
    client = office.register(key=es256(), expires_at=to_text(end))
    token = client.token()
    clock.set(end - SECOND)
    assert calls(client, token) == 200

    clock.set(end)

    assert calls(client, token) == 401
    status, body = asks(client)
    assert (status, body["error"]) == (401, "invalid_client")


def test_the_end_holds_in_the_middle_of_a_request_too(
    office: Office, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between admission and the transaction that reads, the client ends."""
    end = clock.now + 300 * SECOND
    client = office.register(key=es256(), expires_at=to_text(end))
    token = client.token()
    begin, seen = client.runtime.db.read, [0]

    def ending() -> Any:
        seen[0] += 1
        if seen[0] == 3:  # keys, admission, and now the read itself
            clock.set(end)
        return begin()

    calls(client, token)  # the keys are known to this process
    monkeypatch.setattr(client.runtime.db, "read", ending)
    seen[0] = 1
    assert calls(client, token) == 401


@pytest.mark.parametrize("moment", ["2020-01-01T00:00:00Z", "2026-11-23T09:00:00Z", "tomorrow", 7])
def test_a_client_cannot_be_registered_with_an_end_that_is_past(office: Office, moment: Any) -> None:
    body = {
        "name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "auth_method": "client_secret_basic",
        "expires_at": moment,
    }  # fmt: skip
    answer = office.operator.post(f"/v1/members/{office.make.member().id}/clients", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"] == "/expires_at"  # type: ignore[index]


@pytest.mark.parametrize(
    ("networks", "address", "fits"),
    [
        (["192.0.2.0/24"], "192.0.2.77", True),
        (["192.0.2.0/24"], "192.0.3.1", False),
        (["192.0.2.0/24"], "::ffff:192.0.2.77", True),
        (["::ffff:192.0.2.0/120"], "192.0.2.77", True),
        (["192.0.2.7/32", "2001:db8:7::/48"], "2001:db8:7:1::9", True),
        (["192.0.2.7/32", "2001:db8:7::/48"], "2001:db8:8::1", False),
        (["0.0.0.0/0"], "2001:db8::1", False),
        (["::/0"], "192.0.2.1", False),
        (["192.0.2.0/24"], "nonsense", False),
        (["192.0.2.0/24"], "", False),
    ],
)
def test_a_client_gets_and_uses_tokens_only_from_its_networks(
    office: Office, networks: list[str], address: str, *, fits: bool
) -> None:
    client = office.register(key=es256(), networks=[*networks, LOCAL])
    token = client.token()

    assert calls(client, token) == 200
    assert calls(client, token, address) == (200 if fits else 401)
    status, body = asks(client, address)
    assert status == (200 if fits else 401)
    assert fits or "this network" in body["error_description"]


def test_a_call_from_elsewhere_that_proves_its_client_is_written_down(office: Office) -> None:
    client = office.register(key=es256(), networks=["192.0.2.0/24"])

    assert asks(client)[0] == 401

    with client.runtime.db.read() as session:
        wanted = select(AuditEntry.decision).where(AuditEntry.client_id == client.id)
        assert session.scalars(wanted).all() == ["refused"]


def test_introspection_of_a_bound_token_answers_a_colleague_wherever_it_asks_from(office: Office) -> None:
    client = office.register(key=es256(), networks=["192.0.2.0/24"])
    colleague = office.register(client.member)
    token = asks(client, "192.0.2.1")[1]["access_token"]

    assert calls(client, token) == 401
    assert colleague.post("/oauth/introspect", token=token).json["active"] is True  # type: ignore[index]


@pytest.mark.parametrize(
    "networks",
    [[], ["192.0.2.1"], ["192.0.2.1/24"], ["192.0.2.0/33"], ["example"], ["192.0.2.0/24 "], ["0/0"],
     ["fe80::1%eth0/64"], ["10.0.0.0/8"] * 33, ["10.0.0.0/255.0.0.1"]],
)  # fmt: skip
def test_networks_that_are_not_in_cidr_form_are_refused(office: Office, networks: list[str]) -> None:
    body = {
        "name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "auth_method": "client_secret_basic",
        "networks": networks,
    }  # fmt: skip
    answer = office.operator.post(f"/v1/members/{office.make.member().id}/clients", json=body)

    assert answer.status_code == 422
    assert answer.json["errors"][0]["pointer"].startswith("/networks")  # type: ignore[index]


@pytest.mark.parametrize(("days", "soon"), [(29, True), (31, False)])
def test_who_calls_is_told_when_its_client_ends_and_that_it_is_soon(
    office: Office, clock: FakeClock, days: int, *, soon: bool
) -> None:
    end = clock.now + days * DAY
    client = office.register(key=es256(), expires_at=to_text(end), networks=[LOCAL])
    listed: Any = office.operator.get(f"/v1/members/{client.member.id}/clients").json

    me: Any = client.call(client.token()).json

    assert me["client"]["ends_at"] == to_text(end)
    assert me["client"]["ends_soon"] is soon
    assert me["client"]["networks"] == [LOCAL]
    assert listed["items"][0]["ends_at"] == listed["items"][0]["expires_at"] == to_text(end)


def test_the_end_of_a_secret_is_the_end_that_is_told(office: Office, clock: FakeClock) -> None:
    client = office.register(secret_days=20, expires_at=to_text(clock.now + 100 * DAY))

    me: Any = client.call(client.token()).json

    assert me["client"]["ends_soon"] is True
    assert me["client"]["ends_at"] < to_text(clock.now + 21 * DAY)


def test_a_client_without_an_end_is_not_reminded(office: Office) -> None:
    client = office.register(key=es256())

    me: Any = client.call(client.token()).json

    assert me["client"]["ends_soon"] is False
    assert "ends_at" not in me["client"]


def rotate(office: Office, client: Registered, **body: Any) -> Any:
    answer = office.operator.post(f"/v1/members/{client.member.id}/clients/{client.id}/rotation", json=body)
    assert answer.status_code == 200, answer.json
    return answer.json


def jwks(*keys: Key) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False) for key in keys]}


def works(client: Registered, credential: Key | str) -> bool:
    if isinstance(credential, str):
        headers = client.basic(credential)
        answer = client.http.post("/oauth/token", data={"grant_type": "client_credentials"}, headers=headers)
        return answer.status_code == 200
    client.key = credential
    return client.ask().status_code == 200


def replaced(office: Office, client: Registered, **more: Any) -> Key | str:
    """The new credential of a client that was rotated, of the kind that it has."""
    if client.secret is not None:
        return str(rotate(office, client, **more)["secret"])
    key = es256()
    rotate(office, client, jwks=jwks(key), **more)
    return key


@pytest.fixture(params=["key", "secret"])
def client(office: Office, request: pytest.FixtureRequest) -> Registered:
    return office.register(key=es256() if request.param == "key" else None)


def first(client: Registered) -> Key | str:
    credential = client.secret or client.key
    assert credential is not None
    return credential


def test_with_an_overlap_old_and_new_both_work_until_it_ends(
    office: Office, client: Registered, clock: FakeClock
) -> None:
    old = first(client)
    begun = clock.now
    new = replaced(office, client, overlap_hours=24)

    assert works(client, old)
    assert works(client, new)
    clock.set(begun + 24 * HOUR - 10 * SECOND)
    assert works(client, old)
    clock.set(begun + 24 * HOUR + 10 * SECOND)
    assert not works(client, old)
    assert works(client, new)


def test_a_second_rotation_within_the_overlap_ends_the_oldest_at_once(
    office: Office, client: Registered
) -> None:
    oldest = first(client)
    old = replaced(office, client, overlap_hours=168)
    new = replaced(office, client, overlap_hours=1)

    assert [works(client, credential) for credential in (oldest, old, new)] == [False, True, True]


def test_a_rotation_without_an_overlap_ends_everything_before_it(office: Office, client: Registered) -> None:
    oldest = first(client)
    old = replaced(office, client, overlap_hours=168)
    new = replaced(office, client)

    assert [works(client, credential) for credential in (oldest, old, new)] == [False, False, True]


def test_revoking_ends_old_and_new(office: Office, client: Registered) -> None:
    old = first(client)
    new = replaced(office, client, overlap_hours=168)
    office.operator.delete(f"/v1/members/{client.member.id}/clients/{client.id}")

    assert not works(client, old)
    assert not works(client, new)


def test_the_audit_entry_and_the_client_say_until_when_the_old_credential_works(
    office: Office, client: Registered, clock: FakeClock
) -> None:
    replaced(office, client, overlap_hours=24)
    shown: Any = office.operator.get(f"/v1/members/{client.member.id}/clients/{client.id}").json

    with client.runtime.db.read() as session:
        entry = session.scalar(select(AuditEntry.entry).where(AuditEntry.action == "client.rotated"))

    said = json.loads(entry or b"")
    assert said["reason"] == "overlap"
    assert said["subjects"][0]["last"] == shown["former_until"]
    assert 0 <= clock.now + 24 * HOUR - from_text(shown["former_until"]) < SECOND


def test_an_old_secret_does_not_outlive_its_own_end(office: Office, clock: FakeClock) -> None:
    client = office.register(secret_days=1)
    old = first(client)
    new = replaced(office, client, overlap_hours=168)
    clock.advance(DAY / SECOND + 1)

    assert not works(client, old)
    assert works(client, new)


def test_no_secret_of_any_age_stands_in_the_database_or_in_an_answer(office: Office) -> None:
    client = office.register()
    old = first(client)
    replaced(office, client, overlap_hours=24)

    with client.runtime.db.read() as session:
        row = session.get_one(Client, client.id)
        stored = repr([getattr(row, column.name) for column in Client.__table__.columns])
    shown = office.operator.get(f"/v1/members/{client.member.id}/clients/{client.id}").text
    assert str(old) not in stored + shown
    assert "former_secret" not in shown
    assert base64.b64encode(str(old).encode()).decode() not in stored


def test_a_former_keys_assertion_counts_once_as_well(office: Office) -> None:
    client = office.register(key=es256())
    assertion = client.assertion()
    rotate(office, client, jwks=jwks(es256()), overlap_hours=1)
    form = {"grant_type": "client_credentials", **client.proof(assertion)}

    assert [client.http.post("/oauth/token", data=form).status_code for _ in range(2)] == [200, 401]


def test_two_different_keys_under_one_kid_cannot_overlap(office: Office) -> None:
    client = office.register(key=es256())
    assert client.key is not None
    twin = {**es256().as_dict(private=False), "kid": client.kid}
    at = f"/v1/members/{client.member.id}/clients/{client.id}/rotation"

    assert office.operator.post(at, json={"jwks": {"keys": [twin]}, "overlap_hours": 1}).status_code == 422
    assert works(client, client.key)
    assert office.operator.post(at, json={"jwks": {"keys": [twin]}}).status_code == 200


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "2", None])
def test_an_overlap_is_zero_to_seven_days(office: Office, hours: Any) -> None:
    client = office.register()
    at = f"/v1/members/{client.member.id}/clients/{client.id}/rotation"

    assert office.operator.post(at, json={"overlap_hours": hours}).status_code == 422
    assert works(client, first(client))


def test_a_forwarded_address_counts_only_from_the_named_proxies(office: Office, runtime: Runtime) -> None:
    named = replace(runtime.config, trusted_proxies=1, proxy_networks=("10.0.0.0/24",))
    http = create_app(replace(runtime, config=named)).test_client()
    client = office.register(key=es256(), networks=["198.51.100.0/24"])

    def asked_from(peer: str) -> int:
        return http.post(
            "/oauth/token", data={"grant_type": "client_credentials", **client.proof()},
            headers={"X-Forwarded-For": "198.51.100.7"}, environ_base={"REMOTE_ADDR": peer},
        ).status_code  # fmt: skip

    assert (asked_from("10.0.0.9"), asked_from("203.0.113.9")) == (200, 401)
