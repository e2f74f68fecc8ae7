"""A client's end and networks are set anew: who may, what is taken, and from when on it holds."""

import json
from typing import Any

import pytest
from sqlalchemy import select
from werkzeug.test import TestResponse

from app.audit.append import read_epoch
from app.audit.models import AuditEntry
from app.clock import DAY, HOUR, SECOND, to_text
from app.runtime import Runtime
from schemas.vocabulary import Scope
from tests.api.oauth_client import Office, Registered, es256
from tests.factories import Make
from tests.fakes import FakeClock

LOCAL = "127.0.0.1/32"
ELSEWHERE = "192.0.2.0/24"


def path(client: Registered) -> str:
    return f"/v1/members/{client.member.id}/clients/{client.id}"


def change(office: Office, client: Registered, **body: Any) -> TestResponse:
    return office.operator.patch(path(client), json=body)


def changed(office: Office, client: Registered, **body: Any) -> Any:
    answer = change(office, client, **body)
    assert answer.status_code == 200, answer.json
    assert answer.json == office.operator.get(path(client)).json
    return answer.json


def reason(answer: TestResponse) -> tuple[int, str]:
    body: Any = answer.json
    return answer.status_code, body["reason"]


def written(runtime: Runtime) -> list[dict[str, Any]]:
    with runtime.db.read() as session:
        found = session.scalars(select(AuditEntry.entry).where(AuditEntry.action == "client.changed"))
        return [json.loads(entry) for entry in found]


def test_a_renewed_client_goes_on_past_its_old_end_with_the_tokens_that_it_has(
    office: Office, clock: FakeClock
) -> None:
    client = office.register(key=es256(), expires_at=to_text(clock.now + 60 * SECOND))
    token, later = client.token(), clock.now + DAY

    assert changed(office, client, expires_at=to_text(later))["ends_at"] == to_text(later)

    clock.advance(120)
    assert client.call(token).status_code == 200
    assert client.ask().status_code == 200


def test_a_shortened_client_ends_sooner_and_so_do_tokens_that_were_issued_before(
    office: Office, clock: FakeClock
) -> None:
    client = office.register(key=es256(), expires_at=to_text(clock.now + DAY))
    token = client.token()

    changed(office, client, expires_at=to_text(clock.now + 60 * SECOND))

    assert client.call(token).status_code == 200
    clock.advance(60)
    assert client.call(token).status_code == 401
    assert client.ask().status_code == 401


def test_an_end_is_taken_away(office: Office, clock: FakeClock) -> None:
    client = office.register(key=es256(), expires_at=to_text(clock.now + HOUR))

    assert "ends_at" not in changed(office, client, expires_at=None)

    clock.advance(2 * HOUR / SECOND)
    assert client.call(client.token()).status_code == 200


def test_networks_are_replaced_and_cleared_for_tokens_that_were_issued_before(office: Office) -> None:
    client = office.register(key=es256())
    token = client.token()

    assert changed(office, client, networks=[ELSEWHERE, ELSEWHERE])["networks"] == [ELSEWHERE]
    assert client.call(token).status_code == 401
    assert client.ask().status_code == 401
    changed(office, client, networks=["::ffff:127.0.0.1/128"])
    assert client.call(token).status_code == 200
    changed(office, client, networks=[ELSEWHERE])
    assert client.call(token).status_code == 401
    assert "networks" not in changed(office, client, networks=None)
    assert client.call(token).status_code == 200


def test_what_is_not_named_stays(office: Office, clock: FakeClock) -> None:
    end, later = to_text(clock.now + DAY), to_text(clock.now + 2 * DAY)
    client = office.register(key=es256(), expires_at=end, networks=[LOCAL])

    assert changed(office, client, expires_at=later)["networks"] == [LOCAL]
    assert changed(office, client, networks=None)["expires_at"] == later


def test_the_audit_entry_names_the_fields_that_changed_and_the_new_end(
    office: Office, runtime: Runtime, clock: FakeClock
) -> None:
    end = to_text(clock.now + DAY)
    client = office.register(key=es256(), networks=[LOCAL])

    changed(office, client, expires_at=end, networks=[ELSEWHERE])
    changed(office, client, networks=[LOCAL])
    changed(office, client, expires_at=end)
    changed(office, client, expires_at=None)

    about = {"kind": "client", "id": client.id, "owner": client.member.id}
    entries = written(runtime)
    assert [entry["reason"] for entry in entries] == [
        "expires_at.networks", "networks", "unchanged", "expires_at",
    ]  # fmt: skip
    assert [entry["subjects"] for entry in entries] == [[about | {"last": end}]] * 3 + [[about]]
    assert ELSEWHERE not in json.dumps(entries)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2026-11-23T09:00:00Z"}, "/expires_at"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": 7}, "/expires_at"),
        ({"networks": []}, "/networks"),
        ({"networks": ["192.0.2.1/24"]}, "/networks/0"),
        ({"networks": [LOCAL, None]}, "/networks/1"),
        ({"networks": ["10.0.0.0/8"] * 33}, "/networks"),
        ({"scopes": ["sets:write"]}, "/scopes"),
        ({"expires_at": None, "networks": ["example"]}, "/networks/0"),
    ],
)
def test_what_could_not_be_registered_changes_nothing(
    office: Office, clock: FakeClock, runtime: Runtime, body: dict[str, Any], pointer: str
) -> None:
    client = office.register(key=es256(), expires_at=to_text(clock.now + DAY), networks=[LOCAL])
    before = office.operator.get(path(client)).json

    answer = change(office, client, **body)

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]  # type: ignore[index]
    assert office.operator.get(path(client)).json == before
    assert written(runtime) == []


def test_a_client_that_was_revoked_or_has_ended_stays_so(office: Office, clock: FakeClock) -> None:
    revoked = office.register(key=es256())
    office.operator.delete(path(revoked))
    ended = office.register(key=es256(), expires_at=to_text(clock.now + 60 * SECOND))
    clock.advance(60)

    for body in ({"expires_at": None}, {"networks": None}, {}):
        assert reason(change(office, revoked, **body)) == (409, "client_revoked")
        assert reason(change(office, ended, **body)) == (409, "client_ended")
    assert ended.ask().status_code == 401


def test_a_client_of_another_member_looks_absent(office: Office, make: Make) -> None:
    client, other = office.register(key=es256()), make.member()
    body = {"networks": [ELSEWHERE]}
    nothing = f"/v1/members/{other.id}/clients/00000000-0000-4000-8000-000000000000"

    wrong = office.operator.patch(f"/v1/members/{other.id}/clients/{client.id}", json=body)
    absent = office.operator.patch(nothing, json=body)

    assert wrong.status_code == absent.status_code == 404
    assert wrong.json["detail"] == absent.json["detail"]  # type: ignore[index]
    assert client.call(client.token()).status_code == 200


@pytest.mark.parametrize("scope", [Scope.SETS_READ, Scope.GROUPS_ADMIN])
def test_only_the_operator_changes_a_client_not_even_its_own_member(
    office: Office, make: Make, scope: Scope
) -> None:
    client = office.register(key=es256(), networks=[LOCAL])
    own, stranger = make.caller(client.member, scope), make.caller(make.member(), scope)
    nothing = f"/v1/members/{client.member.id}/clients/00000000-0000-4000-8000-000000000000"
    asked = [own.patch(path(client), json={"networks": None})]
    asked += [stranger.patch(at, json={"networks": None}) for at in (path(client), nothing)]

    assert {reason(answer) for answer in asked} == {(403, "insufficient_scope")}
    assert office.operator.get(path(client)).json["networks"] == [LOCAL]  # type: ignore[index]


def test_a_change_moves_the_policy_epoch(office: Office, runtime: Runtime) -> None:
    client = office.register(key=es256())
    with runtime.db.read() as session:
        before = read_epoch(session)

    changed(office, client, networks=[LOCAL])

    with runtime.db.read() as session:
        assert read_epoch(session) == before + 1


def test_a_repeat_with_its_idempotency_key_is_answered_and_not_done_again(
    office: Office, runtime: Runtime
) -> None:
    client = office.register(key=es256())
    key = {"Idempotency-Key": "narrow-1"}

    first = office.operator.patch(path(client), json={"networks": [LOCAL]}, headers=key)
    changed(office, client, networks=None)
    again = office.operator.patch(path(client), json={"networks": [LOCAL]}, headers=key)

    assert again.json == first.json
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "networks" not in office.operator.get(path(client)).json  # type: ignore[operator]
    assert [entry["reason"] for entry in written(runtime)] == ["networks", "networks"]
