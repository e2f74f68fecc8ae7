"""Members, attributes, users and clients over REST."""

from typing import Any

import pytest
from sqlalchemy import select

from app.audit import projecting, sequencer
from app.audit.models import AuditEntry
from app.audit.projection import AuditMention
from app.clock import DAY, to_text
from app.parties import Client
from app.runtime import Runtime
from schemas.vocabulary import MemberKind, MemberStatus, Scope, Sector
from tests.api.collections import collection, sights
from tests.api.oauth_client import Office, es256
from tests.factories import Caller, Make
from tests.fakes import FakeClock


@pytest.fixture
def operator(make: Make) -> Caller:
    return make.caller(make.member("Coalition office"), Scope.MEMBERS_ADMIN)


def test_the_operator_enrols_a_member_that_others_then_find_by_name_and_sector(
    operator: Caller, make: Make
) -> None:
    made: Any = operator.post("/v1/members", json={"name": "Bank of Test", "sector": "finance"}).json
    reader = make.caller(make.member(), Scope.SETS_READ)

    found: Any = reader.get(f"/v1/members/{made['id']}").json

    assert made["status"] == "active"
    assert found == {"id": made["id"], "name": "Bank of Test", "sector": "finance", "kind": "member"}
    assert found in reader.get("/v1/members").json["items"]  # type: ignore[index]


def test_a_downstream_names_the_member_that_serves_it_and_only_the_two_know(
    operator: Caller, make: Make
) -> None:
    bank, other = make.member(), make.member()
    body = {"name": "Vendor", "sector": "vendor", "kind": "downstream", "upstream": bank.id}

    made: Any = operator.post("/v1/members", json=body).json
    path = f"/v1/members/{made['id']}"

    assert made["upstream"] == bank.id
    assert make.caller(bank, Scope.SETS_READ).get(path).json["upstream"] == bank.id  # type: ignore[index]
    assert "upstream" not in make.caller(other, Scope.SETS_READ).get(path).json  # type: ignore[operator]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "No sector"}, 422),
        ({"name": "X", "sector": "bank"}, 422),
        ({"name": "", "sector": "finance"}, 422),
        ({"name": "  ", "sector": "finance"}, 422),
        ({"name": "X", "sector": "finance", "colour": "red"}, 422),
        ({"name": "write to info@bank.example", "sector": "finance"}, 422),
        ({"name": "X", "sector": "finance", "kind": "peer"}, 422),
        ({"name": "X", "sector": "vendor", "kind": "downstream"}, 422),
        ({"name": "X", "sector": "finance", "upstream": "00000000-0000-4000-8000-000000000000"}, 422),
        ({"name": "Taken", "sector": "finance"}, 409),
    ],
)
def test_a_member_that_cannot_be_enrolled_is_refused(
    operator: Caller, make: Make, body: dict[str, Any], status: int
) -> None:
    make.member("Taken")

    answer = operator.post("/v1/members", json=body)

    assert answer.status_code == status
    assert "info@bank" not in answer.text


def test_only_the_operator_administers(make: Make) -> None:
    member = make.member()
    user, client = make.user(member), make.client(member)
    own = make.caller(member, *(scope for scope in Scope if scope != Scope.MEMBERS_ADMIN))
    at = f"/v1/members/{member.id}"

    answers = [
        own.post("/v1/members", json={"name": "X", "sector": "ngo"}),
        own.post(f"{at}/suspension"),
        own.delete(f"{at}/suspension"),
        own.delete(at),
        own.put(f"{at}/attributes/a", json={"valid_until": "2030-01-01T00:00:00Z"}),
        own.delete(f"{at}/attributes/a"),
        own.post(f"{at}/users", json={"handle": "x"}),
        own.delete(f"{at}/users/{user.id}"),
        own.post(f"{at}/clients", json={}),
        own.post(f"{at}/clients/{client.id}/rotation", json={}),
        own.delete(f"{at}/clients/{client.id}"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert all('scope="members:admin"' in answer.headers["WWW-Authenticate"] for answer in answers)


def test_a_member_that_is_not_active_and_one_that_never_was_are_the_same_to_others(make: Make) -> None:
    gone = make.member(status=MemberStatus.SUSPENDED)
    reader = make.caller(make.member(), Scope.SETS_READ)

    hidden = reader.get(f"/v1/members/{gone.id}")
    absent = reader.get("/v1/members/00000000-0000-4000-8000-000000000000")

    assert hidden.status_code == absent.status_code == 404
    assert hidden.data == absent.data
    assert gone.name not in reader.get("/v1/members?limit=1000").text


def test_the_list_is_paged_by_name_with_cursors_that_are_not_ours_to_move(
    operator: Caller, make: Make
) -> None:
    names = sorted(make.member(f"Page {number}").name for number in range(5))
    found: list[str] = []
    after = ""

    while True:
        page: Any = operator.get(f"/v1/members?limit=2{after}").json
        found += [item["name"] for item in page["items"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"

    assert [name for name in found if name.startswith("Page")] == names
    assert len(found) == len(set(found))
    other = make.caller(make.member(), Scope.SETS_READ)
    assert other.get(f"/v1/members?limit=2{after}").status_code == 422


def test_suspending_and_reactivating_takes_sight_and_gives_it_back(
    operator: Caller, make: Make, runtime: Runtime
) -> None:
    owner, reader = make.member(sector=Sector.NGO), make.member()
    downstream = make.member(kind=MemberKind.DOWNSTREAM, upstream=reader)
    named = collection(runtime, owner, members=[reader])
    upstream = make.caller(reader, Scope.GROUPS_ADMIN)
    assert upstream.put(f"/v1/collections/{named.id}/releases/{downstream.id}").status_code == 204
    at = f"/v1/members/{reader.id}/suspension"

    assert operator.post(at).json["status"] == "suspended"  # type: ignore[index]
    assert operator.post(at).status_code == 409
    assert operator.delete(at).json["status"] == "active"  # type: ignore[index]

    lost_and_back = [("sight.lost", named.id), ("sight.gained", named.id)]
    assert sights(runtime, reader) == lost_and_back
    assert sights(runtime, downstream) == [("sight.gained", named.id), *lost_and_back]
    assert sights(runtime, owner) == []


def test_offboarding_ends_groups_users_and_clients_for_good(
    operator: Caller, make: Make, runtime: Runtime
) -> None:
    owner, member = make.member(), make.member()
    group = make.group(owner, [owner, member])
    marked = collection(runtime, owner, group=group.id)
    caller = make.caller(member, Scope.SETS_READ, user=make.user(member))

    answer = operator.delete(f"/v1/members/{member.id}")

    assert answer.json["status"] == "offboarded"  # type: ignore[index]
    assert sights(runtime, member) == [("sight.lost", marked.id)]
    assert caller.get("/v1/me").status_code == 401
    assert operator.delete(f"/v1/members/{member.id}/suspension").status_code == 409
    assert operator.post(f"/v1/members/{member.id}/users", json={"handle": "late"}).status_code == 409
    with runtime.db.read() as session:
        assert session.scalar(select(Client.disabled_at).where(Client.member_id == member.id)) is not None


def test_an_attribute_opens_a_group_until_it_ends_or_is_ended(
    operator: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    owner, member = make.member(), make.member()
    group = make.group(owner, [member], requires=["us_314b_registered"])
    marked = collection(runtime, owner, group=group.id)
    at = f"/v1/members/{member.id}/attributes/us_314b_registered"
    until = {"valid_until": to_text(clock() + DAY)}

    assert operator.put(at, json=until).json["holds"] is True  # type: ignore[index]
    assert operator.delete(at).status_code == 204
    assert operator.delete(at).status_code == 404

    assert sights(runtime, member) == [("sight.gained", marked.id), ("sight.lost", marked.id)]


def test_a_renewal_after_a_lapse_that_nobody_recorded_is_told_as_lost_and_gained(
    operator: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    owner, member = make.member(), make.member()
    marked = collection(runtime, owner, group=make.group(owner, [member], requires=["registered"]).id)
    at = f"/v1/members/{member.id}/attributes/registered"
    operator.put(at, json={"valid_until": to_text(clock() + DAY)})
    for _ in range(2):  # and each lapse anew
        clock.advance(86_400 + 60)
        fresh = make.caller(operator.member, Scope.MEMBERS_ADMIN)
        assert fresh.put(at, json={"valid_until": to_text(clock() + DAY)}).status_code == 200

    kinds = [kind for kind, _ in sights(runtime, member)]
    assert kinds == ["sight.gained", *["sight.lost", "sight.gained"] * 2]
    assert {collection_id for _, collection_id in sights(runtime, member)} == {marked.id}


def test_renewing_before_the_end_changes_nothing_that_is_seen(
    operator: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    owner, member = make.member(), make.member()
    collection(runtime, owner, group=make.group(owner, [member], requires=["registered"]).id)
    at = f"/v1/members/{member.id}/attributes/registered"

    for days in (1, 2):
        operator.put(at, json={"valid_until": to_text(clock() + days * DAY)})

    assert [kind for kind, _ in sights(runtime, member)] == ["sight.gained"]


@pytest.mark.parametrize(
    ("name", "until"),
    [
        ("ok", "2020-01-01T00:00:00Z"),
        ("ok", "2030-01-01T00:00:00"),
        ("ok", "soon"),
        ("ok", 5),
        ("Not-ok", "2030-01-01T00:00:00Z"),
        ("a%00b", "2030-01-01T00:00:00Z"),
        ("x" * 65, "2030-01-01T00:00:00Z"),
    ],
)
def test_an_attribute_without_a_proper_name_or_end_is_refused(
    operator: Caller, make: Make, name: str, until: Any
) -> None:
    at = f"/v1/members/{make.member().id}/attributes/{name}"

    assert operator.put(at, json={"valid_until": until}).status_code == 422
    assert operator.delete(at).status_code == 404


def test_attributes_are_shown_to_the_member_itself_and_the_operator_only(
    operator: Caller, make: Make
) -> None:
    member = make.member()
    make.attribute(member, "registered")
    at = f"/v1/members/{member.id}"

    for caller in (operator, make.caller(member, Scope.SETS_READ)):
        assert caller.get(at).json["attributes"][0]["name"] == "registered"  # type: ignore[index]
    assert "registered" not in make.caller(make.member(), Scope.SETS_READ).get(at).text


def test_users_and_clients_of_a_member_are_hidden_from_other_members(operator: Caller, make: Make) -> None:
    member = make.member()
    user = make.user(member)
    client = make.client(member)
    own, other = make.caller(member, Scope.SETS_READ), make.caller(make.member(), Scope.SETS_READ)

    for kind, row in (("users", user), ("clients", client)):
        at = f"/v1/members/{member.id}/{kind}"
        for caller in (own, operator):
            assert row.id in {item["id"] for item in caller.get(at).json["items"]}  # type: ignore[index]
        assert other.get(at).status_code == 404
    assert own.get(f"/v1/members/{member.id}/clients/{client.id}").status_code == 200
    assert other.get(f"/v1/members/{member.id}/clients/{client.id}").status_code == 404
    assert other.get(f"/v1/members/{other.member.id}/clients/{client.id}").status_code == 404


@pytest.mark.parametrize("handle", ["", "Anna", "anna@bank.example", "a b", "x" * 65, "4111111111111111"])
def test_a_handle_that_names_or_reaches_somebody_is_refused(
    operator: Caller, make: Make, handle: str
) -> None:
    answer = operator.post(f"/v1/members/{make.member().id}/users", json={"handle": handle})

    assert answer.status_code == 422


def test_a_handle_is_taken_once_in_the_coalition(operator: Caller, make: Make) -> None:
    make.user(make.member(), "analyst-1")
    at = f"/v1/members/{make.member().id}/users"

    assert operator.post(at, json={"handle": "analyst-1"}).status_code == 409
    assert operator.post(at, json={"handle": "analyst-2"}).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"scopes": []},
        {"scopes": ["sets:everything"]},
        {"purposes": []},
        {"default_purpose": "train"},
        {"user": "00000000-0000-4000-8000-000000000000"},
        {"collections": ["00000000-0000-4000-8000-000000000000"]},
        {"collections": []},
        {"auth_method": "client_secret_basic"},
        {"auth_method": "none"},
        {"jwks": {"keys": []}},
        {"jwks": None},
        {"name": "call +49 30 901820"},
        {"secret": "mine"},
    ],
    ids=str,
)
def test_a_client_that_cannot_be_registered_is_refused(
    operator: Caller, make: Make, changes: dict[str, Any]
) -> None:
    body: dict[str, Any] = {
        "name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"],
        "jwks": {"keys": [es256().as_dict(private=False)]}, **changes,
    }  # fmt: skip

    assert operator.post(f"/v1/members/{make.member().id}/clients", json=body).status_code == 422


def test_private_key_material_is_refused_and_not_repeated(operator: Caller, make: Make) -> None:
    key = es256().as_dict(private=True)
    body = {"name": "Sync", "scopes": ["sets:read"], "purposes": ["detect"], "jwks": {"keys": [key]}}

    answer = operator.post(f"/v1/members/{make.member().id}/clients", json=body)

    assert answer.status_code == 422
    assert str(key["d"]) not in answer.text
    assert answer.json["errors"][0]["pointer"] == "/jwks/keys/0"  # type: ignore[index]


def test_a_secret_lives_two_years_at_most_and_is_shown_once(operator: Caller, make: Make) -> None:
    at = f"/v1/members/{make.member().id}/clients"
    body = {
        "name": "Sync",
        "auth_method": "client_secret_basic",
        "scopes": ["sets:read"],
        "purposes": ["detect"],
    }

    made: Any = operator.post(at, json=body, headers={"Idempotency-Key": "once"}).json
    again: Any = operator.post(at, json=body, headers={"Idempotency-Key": "once"}).json

    assert operator.post(at, json={**body, "secret_days": 731}).status_code == 422
    assert made["secret"] not in operator.get(at).text
    assert again["client"]["id"] != made["client"]["id"]
    assert "secret_hash" not in made["client"]


def test_a_revoked_client_cannot_be_rotated_or_revoked_again(operator: Caller, make: Make) -> None:
    client = Office(make).register()
    at = f"/v1/members/{client.member.id}/clients/{client.id}"

    assert operator.delete(at).status_code == 204
    assert operator.delete(at).status_code == 409
    assert operator.post(f"{at}/rotation", json={}).status_code == 409


def test_what_is_done_to_a_member_stands_in_the_audit_as_its_own(
    operator: Caller, make: Make, runtime: Runtime
) -> None:
    member = make.member()
    operator.post(f"/v1/members/{member.id}/suspension")
    operator.get(f"/v1/members/{member.id}")
    operator.delete("/v1/members/00000000-0000-4000-8000-000000000000")

    sequencer.drain(runtime.db)
    projecting.drain(runtime.db)
    with runtime.db.read() as session:
        rows = session.execute(
            select(AuditMention.action, AuditMention.decision, AuditMention.member_id).where(
                AuditMention.object_id == member.id
            )
        ).all()
        refused = session.scalar(select(AuditEntry.action).where(AuditEntry.decision == "refused"))
    assert {tuple(row) for row in rows} == {
        ("member.status-changed", "allowed", operator.member.id),
        ("member.read", "released", operator.member.id),
    }
    assert refused == "member.status-changed"
