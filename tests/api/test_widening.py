"""Widening by two persons over the API, for sets and lists alike."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from collections.abc import Callable
from typing import Any

import pytest

from app.parties import User
from app.runtime import Runtime
from tests.api.collections import sights
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import new_list
from tests.reviewing import colleague
from tests.samples import created, group_marking, members_marking, published, red_marking, version_path

STRICT = "TLP:AMBER+STRICT"
Held = Callable[[dict[str, Any]], str]


@pytest.fixture(params=["sets", "signal-lists"])
def held(request: pytest.FixtureRequest, ann: Caller) -> Held:
    """Makes a set, and then a list; says its path."""

    def make_one(marking: dict[str, Any]) -> str:
        made = created(ann, marking)["id"] if request.param == "sets" else new_list(ann, marking)
        return f"/v1/{request.param}/{made}"

    return make_one


def asked(caller: Caller, path: str, marking: dict[str, Any]) -> Any:
    answer = caller.put(f"{path}/marking", json=marking)
    assert answer.status_code == 202, answer.json
    return answer.json


def approval(caller: Caller, path: str, proposal_id: str) -> Any:
    return caller.post(f"{path}/marking/proposals/{proposal_id}/approval")


def label(caller: Caller, path: str) -> str:
    found: str = caller.get(path).json["marking"]["tlp"]
    return found


def test_the_first_person_proposes_and_the_second_ones_approval_widens(
    make: Make, ann: Caller, ben: Caller, held: Held, runtime: Runtime
) -> None:
    one, other = make.caller(make.member()), make.caller(make.member())
    path = held(members_marking(one.member.id, tlp=STRICT))
    wider = members_marking(one.member.id, other.member.id)

    proposal = asked(ann, path, wider)
    before = (label(ann, path), other.get(path).status_code, sights(runtime, other.member))
    done = approval(ben, path, proposal["id"])

    assert (proposal["status"], proposal["marking"]["tlp"]) == ("open", "TLP:AMBER")
    assert before == (STRICT, 404, [])
    assert (done.status_code, done.json["marking"]["tlp"]) == (200, "TLP:AMBER")
    assert other.get(path).status_code == 200
    assert [kind for kind, _ in sights(runtime, other.member)] == ["sight.gained"]
    (listed,) = ben.get(f"{path}/marking/proposals").json["items"]
    assert (listed["status"], listed["decided_by"]) == ("approved", ben.client.user_id)
    assert approval(ben, path, proposal["id"]).json["reason"] == "proposal_approved"


def test_the_same_person_with_two_clients_and_a_service_client_approve_nothing(
    make: Make, ann: Caller, held: Held
) -> None:
    group = make.group(ann.member, [ann.member])
    path = held(group_marking(group.id, STRICT))
    proposal = asked(ann, path, group_marking(group.id))
    again, service = make.caller(ann.member, user=ann.user), make.caller(ann.member)

    refusals = [approval(caller, path, proposal["id"]) for caller in (ann, again, service)]

    assert [(one.status_code, one.json["reason"]) for one in refusals] == [
        (403, "same_person"),
        (403, "same_person"),
        (403, "needs_person"),
    ]
    assert service.put(f"{path}/marking", json=group_marking(group.id)).json["reason"] == "needs_person"
    assert label(ann, path) == STRICT


def test_a_proposal_is_stale_once_the_marking_was_changed_otherwise(
    make: Make, ann: Caller, ben: Caller, held: Held
) -> None:
    one, other = make.member(), make.member()
    path = held(members_marking(one.id, other.id, tlp=STRICT))
    proposal = asked(ann, path, members_marking(one.id, other.id))
    ann.put(f"{path}/marking", json=members_marking(one.id, tlp=STRICT))

    answer = approval(ben, path, proposal["id"])

    assert (answer.status_code, answer.json["reason"]) == (409, "proposal_stale")
    assert ann.get(f"{path}/marking/proposals").json["items"][0]["status"] == "stale"
    assert label(ann, path) == STRICT


def test_a_proposal_runs_out_after_a_week(make: Make, ann: Caller, held: Held, clock: FakeClock) -> None:
    group = make.group(ann.member, [ann.member])
    path = held(group_marking(group.id, STRICT))
    proposal = asked(ann, path, group_marking(group.id))
    clock.advance(7 * 86_400)

    answer = approval(colleague(make, ann), path, proposal["id"])

    assert (answer.status_code, answer.json["reason"]) == (409, "proposal_expired")


def test_a_withdrawn_proposal_is_not_approved(make: Make, ann: Caller, ben: Caller, held: Held) -> None:
    group = make.group(ann.member, [ann.member])
    path = held(group_marking(group.id, STRICT))
    proposal = asked(ann, path, group_marking(group.id))

    gone = ann.delete(f"{path}/marking/proposals/{proposal['id']}")

    assert gone.status_code == 204
    assert approval(ben, path, proposal["id"]).json["reason"] == "proposal_withdrawn"
    assert ann.delete(f"{path}/marking/proposals/{proposal['id']}").status_code == 409


def test_what_is_approved_is_decided_on_the_facts_of_that_moment(
    make: Make, ann: Caller, ben: Caller, held: Held, runtime: Runtime
) -> None:
    named = make.member()
    path = held(members_marking(ann.member.id, tlp=STRICT))
    proposal = asked(ann, path, members_marking(named.id))
    with runtime.db.write() as session:
        session.merge(named).status = "offboarded"

    answer = approval(ben, path, proposal["id"])

    assert answer.status_code == 422
    assert label(ann, path) == STRICT


def test_proposals_are_the_owners_alone(make: Make, ann: Caller, held: Held) -> None:
    kept = make.member()
    reader, stranger = (make.caller(one, user=make.user(one)) for one in (kept, make.member()))
    path = held(members_marking(kept.id, tlp=STRICT))
    proposal = asked(ann, path, members_marking(kept.id))

    assert reader.get(f"{path}/marking/proposals").json["reason"] == "not_owner"
    assert approval(reader, path, proposal["id"]).json["reason"] == "not_owner"
    assert approval(stranger, path, proposal["id"]).status_code == 404
    assert stranger.get(f"{path}/marking/proposals").status_code == 404


def test_a_proposal_of_another_collection_is_not_found(make: Make, ann: Caller, ben: Caller) -> None:
    group = make.group(ann.member, [ann.member])
    one, other = (created(ann, group_marking(group.id, STRICT), slug=slug)["id"] for slug in ("one", "two"))
    proposal = asked(ann, f"/v1/sets/{one}", group_marking(group.id))

    assert approval(ben, f"/v1/sets/{other}", proposal["id"]).status_code == 404
    assert label(ann, f"/v1/sets/{other}") == STRICT


def test_proposals_are_listed_newest_first_in_pages(make: Make, ann: Caller, held: Held) -> None:
    group = make.group(ann.member, [ann.member])
    path = held(group_marking(group.id, STRICT))
    ids = [
        asked(ann, path, {**group_marking(group.id), "pap": pap})["id"] for pap in ("PAP:RED", "PAP:AMBER")
    ]

    first = ann.get(f"{path}/marking/proposals?limit=1").json
    rest = ann.get(f"{path}/marking/proposals?limit=1&after={first['next']}").json

    assert [one["id"] for one in first["items"] + rest["items"]] == ids[::-1]
    assert rest["next"] is None


def test_every_version_gets_a_new_envelope_when_its_set_is_widened_by_two(
    make: Make, ann: Caller, ben: Caller
) -> None:
    group = make.group(ann.member, [ann.member])
    set_id = created(ann, group_marking(group.id, STRICT))["id"]
    published(ann, set_id)
    note = {"note": "As its source says."}
    proposal = asked(ann, f"/v1/sets/{set_id}", {**group_marking(group.id), **note})
    before = ann.get(version_path(set_id, "1.0.0")).json["envelope"]

    approval(ben, f"/v1/sets/{set_id}", proposal["id"])

    after = ann.get(version_path(set_id, "1.0.0")).json["envelope"]
    assert (before["counter"], after["counter"]) == (1, 2)
    assert (after["marking"]["tlp"], after["marking"]["note"]) == ("TLP:AMBER", note["note"])


def test_a_red_set_is_widened_by_two_of_its_named_users(make: Make, ann: Caller, ben: Caller) -> None:
    cleo = colleague(make, ann)
    set_id = created(ann, red_marking(ben.client.user_id or ""))["id"]
    path = f"/v1/sets/{set_id}"
    proposal = asked(ann, path, red_marking(ben.client.user_id or "", cleo.client.user_id or ""))

    assert approval(cleo, path, proposal["id"]).status_code == 404
    assert cleo.get(f"{path}/marking/proposals").status_code == 404
    assert approval(ben, path, proposal["id"]).status_code == 200
    assert {caller.get(path).status_code for caller in (ann, ben, cleo)} == {200}


def test_what_somebody_proposed_who_is_disabled_since_is_not_approved(
    make: Make, ann: Caller, ben: Caller, held: Held, runtime: Runtime
) -> None:
    group = make.group(ann.member, [ann.member])
    path = held(group_marking(group.id, STRICT))
    proposal = asked(ann, path, group_marking(group.id))
    with runtime.db.write() as session:
        session.get_one(User, ann.client.user_id).disabled_at = runtime.clock()

    answer = approval(ben, path, proposal["id"])

    assert (answer.status_code, answer.json["reason"]) == (409, "proposer_disabled")
    assert label(ben, path) == STRICT


def test_a_stale_proposal_stays_stale_when_its_marking_comes_back(
    make: Make, ann: Caller, ben: Caller, held: Held
) -> None:
    one, other = make.member(), make.member()
    marking = members_marking(one.id, tlp=STRICT)
    path = held(marking)
    first = asked(ann, path, members_marking(one.id, other.id))
    ann.put(f"{path}/marking", json={**marking, "prohibited_purposes": ["train"]})
    back = asked(ann, path, marking)
    assert approval(ben, path, back["id"]).status_code == 200

    answer = approval(ben, path, first["id"])

    assert (answer.status_code, answer.json["reason"]) == (409, "proposal_stale")
    assert label(ann, path) == STRICT
