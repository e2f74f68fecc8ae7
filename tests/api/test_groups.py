"""Sharing groups: how a member comes in, what it gains, how it goes; and releases to downstreams."""

from typing import Any

import pytest

from app.parties import Member
from app.runtime import Runtime
from schemas.vocabulary import MemberKind, Scope, Sector
from tests.api.collections import collection, sights
from tests.factories import Caller, Make

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def owner(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.NGO), Scope.GROUPS_ADMIN)


@pytest.fixture
def member(make: Make) -> Caller:
    return make.caller(make.member(), Scope.GROUPS_ADMIN)


def create(owner: Caller, **more: Any) -> str:
    answer = owner.post("/v1/groups", json={"name": "Working group", "terms": "Share with care.", **more})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])  # type: ignore[index]


def bring_in(owner: Caller, group: str, member: Caller) -> None:
    invited = owner.post(f"/v1/groups/{group}/invitations", json={"member": member.member.id})
    assert invited.status_code == 201, invited.json
    version = member.get(f"/v1/groups/{group}").json["terms_version"]  # type: ignore[index]
    assert member.post(f"/v1/groups/{group}/acceptance", json={"terms_version": version}).status_code == 200
    assert owner.put(f"/v1/groups/{group}/members/{member.member.id}").status_code == 200


def test_a_member_comes_in_by_invitation_its_own_acceptance_and_the_owners_act(
    owner: Caller, member: Caller, runtime: Runtime
) -> None:
    group = create(owner)
    marked = collection(runtime, owner.member, group=group)
    at = f"/v1/groups/{group}"
    owner.post(f"{at}/invitations", json={"member": member.member.id})

    invited: Any = member.get(at).json
    early = owner.put(f"{at}/members/{member.member.id}")
    accepted: Any = member.post(f"{at}/acceptance", json={"terms_version": 1}).json
    assert sights(runtime, member.member) == []
    let_in: Any = owner.put(f"{at}/members/{member.member.id}").json

    assert (invited["standing"], invited["terms"], "members" in invited) == (
        "invited",
        "Share with care.",
        False,
    )
    assert (early.status_code, early.json["reason"]) == (409, "terms_not_accepted")  # type: ignore[index]
    assert accepted["standing"] == "accepted"
    assert {entry["member"]: entry["standing"] for entry in let_in["members"]} == {
        owner.member.id: "active",
        member.member.id: "active",
    }
    assert member.get(at).json["standing"] == "active"  # type: ignore[index]
    assert sights(runtime, member.member) == [("sight.gained", marked.id)]


def test_a_group_is_hidden_from_everybody_else_on_every_route(
    owner: Caller, make: Make, runtime: Runtime
) -> None:
    group = create(owner)
    stranger = make.caller(make.member(), Scope.GROUPS_ADMIN, Scope.MEMBERS_ADMIN)

    def answers(group_id: str) -> list[tuple[int, bytes]]:
        at = f"/v1/groups/{group_id}"
        own = stranger.member.id
        found = [
            stranger.get(at),
            stranger.patch(at, json={"terms": "Mine."}),
            stranger.post(f"{at}/invitations", json={"member": own}),
            stranger.post(f"{at}/acceptance", json={"terms_version": 1}),
            stranger.put(f"{at}/members/{own}"),
            stranger.delete(f"{at}/members/{own}"),
            stranger.delete(f"{at}/members/{owner.member.id}"),
        ]
        return [(answer.status_code, answer.data) for answer in found]

    assert answers(group) == answers(ABSENT)
    assert {status for status, _ in answers(group)} == {404}
    assert group not in stranger.get("/v1/groups").text


def test_the_owner_lets_nobody_in_who_lacks_a_required_attribute(
    owner: Caller, member: Caller, make: Make
) -> None:
    group = create(owner, requires=["us_314b_registered"])
    at = f"/v1/groups/{group}"
    owner.post(f"{at}/invitations", json={"member": member.member.id})
    assert member.post(f"{at}/acceptance", json={"terms_version": 1}).json["holds"] is False  # type: ignore[index]

    refused: Any = owner.put(f"{at}/members/{member.member.id}").json
    make.attribute(member.member, "us_314b_registered")

    assert (refused["reason"], refused["missing"]) == ("attributes_missing", ["us_314b_registered"])
    assert owner.put(f"{at}/members/{member.member.id}").status_code == 200


def test_a_member_leaves_and_loses_sight_and_comes_back_only_by_invitation(
    owner: Caller, member: Caller, runtime: Runtime
) -> None:
    group = create(owner)
    marked = collection(runtime, owner.member, group=group)
    bring_in(owner, group, member)
    at = f"/v1/groups/{group}/members/{member.member.id}"

    assert member.delete(at).status_code == 204

    assert sights(runtime, member.member) == [("sight.gained", marked.id), ("sight.lost", marked.id)]
    assert member.get(f"/v1/groups/{group}").status_code == 404
    assert owner.put(at).status_code == 409
    bring_in(owner, group, member)
    assert [kind for kind, _ in sights(runtime, member.member)][-1] == "sight.gained"


def test_the_owner_takes_others_out_but_never_itself_and_members_not_each_other(
    owner: Caller, member: Caller, make: Make
) -> None:
    group = create(owner)
    third = make.caller(make.member(), Scope.GROUPS_ADMIN)
    for caller in (member, third):
        bring_in(owner, group, caller)
    at = f"/v1/groups/{group}/members"

    assert member.delete(f"{at}/{third.member.id}").status_code == 403
    assert owner.delete(f"{at}/{owner.member.id}").status_code == 409
    assert owner.delete(f"{at}/{third.member.id}").status_code == 204
    assert owner.delete(f"{at}/{third.member.id}").status_code == 404
    assert third.get(f"/v1/groups/{group}").status_code == 404


def test_only_the_owner_invites_lets_in_and_changes(owner: Caller, member: Caller) -> None:
    group = create(owner)
    bring_in(owner, group, member)
    at = f"/v1/groups/{group}"

    answers = [
        member.patch(at, json={"terms": "Mine."}),
        member.post(f"{at}/invitations", json={"member": member.member.id}),
        member.put(f"{at}/members/{member.member.id}"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert {answer.json["reason"] for answer in answers} == {"not_owner"}  # type: ignore[index]


def test_new_terms_shut_everybody_out_until_each_accepts_them(
    owner: Caller, member: Caller, runtime: Runtime
) -> None:
    group = create(owner)
    marked = collection(runtime, owner.member, group=group)
    bring_in(owner, group, member)
    at = f"/v1/groups/{group}"

    changed: Any = owner.patch(at, json={"terms": "Share with more care."}).json
    stale = member.post(f"{at}/acceptance", json={"terms_version": 1})
    back: Any = member.post(f"{at}/acceptance", json={"terms_version": 2}).json

    assert changed["terms_version"] == 2
    assert {entry["member"]: entry["standing"] for entry in changed["members"]} == {
        owner.member.id: "active",
        member.member.id: "invited",
    }
    assert (stale.status_code, stale.json["reason"]) == (409, "terms_changed")  # type: ignore[index]
    assert back["standing"] == "active"
    assert sights(runtime, member.member) == [
        ("sight.gained", marked.id), ("sight.lost", marked.id), ("sight.gained", marked.id),
    ]  # fmt: skip


def test_a_new_requirement_is_felt_at_once_by_those_who_lack_it_and_only_by_them(
    owner: Caller, member: Caller, make: Make, runtime: Runtime
) -> None:
    group = create(owner)
    holder = make.caller(make.member(), Scope.GROUPS_ADMIN)
    make.attribute(holder.member, "registered")
    make.attribute(owner.member, "registered")
    marked = collection(runtime, owner.member, group=group)
    for caller in (member, holder):
        bring_in(owner, group, caller)

    assert owner.patch(f"/v1/groups/{group}", json={"requires": ["registered"]}).status_code == 200

    assert sights(runtime, member.member) == [("sight.gained", marked.id), ("sight.lost", marked.id)]
    assert sights(runtime, holder.member) == [("sight.gained", marked.id)]


def test_who_is_invited_or_waits_is_for_the_owner_alone(owner: Caller, member: Caller, make: Make) -> None:
    group = create(owner)
    bring_in(owner, group, member)
    waiting = make.member()
    owner.post(f"/v1/groups/{group}/invitations", json={"member": waiting.id})

    shown: Any = member.get(f"/v1/groups/{group}").json
    whole: Any = owner.get("/v1/groups").json

    assert waiting.id not in {entry["member"] for entry in shown["members"]}
    assert waiting.id in {entry["member"] for entry in whole["items"][0]["members"]}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "X"}, 422),
        ({"name": "X", "terms": "call +49 30 901820"}, 422),
        ({"name": "X", "terms": ""}, 422),
        ({"name": "X", "terms": "T", "requires": ["Not ok"]}, 422),
        ({"name": "X", "terms": "T", "allows_downstream": "yes"}, 422),
        ({"name": "X", "terms": "T", "allows_downstream": 1}, 422),
        ({"name": "X", "terms": "T", "owner_id": ABSENT}, 422),
        ({"name": "Taken", "terms": "T"}, 409),
    ],
)
def test_a_group_that_cannot_be_is_refused(owner: Caller, body: dict[str, Any], status: int) -> None:
    create(owner, name="Taken")

    assert owner.post("/v1/groups", json=body).status_code == status


def test_inviting_twice_or_somebody_unknown_is_refused(owner: Caller, member: Caller, make: Make) -> None:
    group = create(owner)
    at = f"/v1/groups/{group}/invitations"

    assert owner.post(at, json={"member": member.member.id}).status_code == 201
    assert owner.post(at, json={"member": member.member.id}).status_code == 409
    assert owner.post(at, json={"member": ABSENT}).status_code == 404
    assert owner.post(at, json={"member": make.member(status="suspended").id}).status_code == 404


def served(make: Make, by: Member) -> Member:
    return make.member(sector=Sector.VENDOR, kind=MemberKind.DOWNSTREAM, upstream=by)


def test_a_release_goes_one_step_and_is_taken_back(make: Make, runtime: Runtime) -> None:
    ngo, bank = make.member(sector=Sector.NGO), make.caller(make.member(), Scope.GROUPS_ADMIN)
    vendor = served(make, bank.member)
    named = collection(runtime, ngo, members=[bank.member])
    at = f"/v1/collections/{named.id}/releases/{vendor.id}"

    assert [bank.put(at).status_code for _ in range(2)] == [204, 204]
    assert sights(runtime, vendor) == [("sight.gained", named.id)]
    own = make.caller(vendor, Scope.GROUPS_ADMIN)
    further = served(make, vendor)
    assert own.put(f"/v1/collections/{named.id}/releases/{further.id}").status_code == 403
    assert [bank.delete(at).status_code for _ in range(2)] == [204, 404]

    assert sights(runtime, vendor)[1:] == [("sight.lost", named.id)]
    assert sights(runtime, further) == []


@pytest.mark.parametrize(
    ("tlp", "allowed", "status"),
    [
        ("TLP:AMBER", True, 204),
        ("TLP:AMBER", False, 403),
        ("TLP:GREEN", True, 204),
        ("TLP:AMBER+STRICT", True, 403),
    ],
)
def test_label_and_terms_say_whether_a_release_may_be(
    make: Make, runtime: Runtime, tlp: str, status: int, *, allowed: bool
) -> None:
    ngo, bank = make.member(sector=Sector.NGO), make.caller(make.member(), Scope.GROUPS_ADMIN)
    group = make.group(ngo, [bank.member], allows_downstream=allowed)
    marked = collection(runtime, ngo, tlp, group=group.id)

    answer = bank.put(f"/v1/collections/{marked.id}/releases/{served(make, bank.member).id}")

    assert answer.status_code == status


def test_what_one_does_not_see_and_whom_one_does_not_serve_is_not_there(make: Make, runtime: Runtime) -> None:
    ngo, bank = make.member(sector=Sector.NGO), make.caller(make.member(), Scope.GROUPS_ADMIN)
    vendor, foreign = served(make, bank.member), served(make, ngo)
    hidden, seen = collection(runtime, ngo, members=[ngo]), collection(runtime, ngo, members=[bank.member])
    at = "/v1/collections/{}/releases/{}".format

    answers = [
        bank.put(at(hidden.id, vendor.id)),
        bank.put(at(ABSENT, vendor.id)),
        bank.put(at(seen.id, foreign.id)),
        bank.put(at(seen.id, ngo.id)),
        bank.put(at(seen.id, ABSENT)),
        bank.delete(at(seen.id, vendor.id)),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.data for answer in answers}) == 1
