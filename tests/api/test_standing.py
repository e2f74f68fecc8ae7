"""Several members contribute to one list: who may, what each learns, and how entries stand by it."""

# mypy: disable-error-code="index, union-attr, arg-type, dict-item"

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.entry import Request
from app.record import as_system, begin
from app.runtime import Runtime
from app.signals.models import Contribution
from app.signals.withdrawal import expire_due
from schemas.vocabulary import MemberKind, Purpose, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import (
    changes,
    held,
    in_database,
    lines_of,
    look_up,
    new_list,
    opine,
    page,
    publish,
    published,
    sha,
    state_of,
    statuses,
    told,
    withdraw,
)
from tests.policy.calling import told_headers
from tests.samples import COMMUNITY, PUBLIC, group_marking, members_marking, red_marking


@pytest.fixture
def shared(platform: Caller) -> str:
    """A list of the platform to which the community contributes."""
    return new_list(platform, COMMUNITY, contributors="audience")


@pytest.fixture
def third(make: Make) -> Caller:
    return make.caller(make.member())


# ── Who contributes ─────────────────────────────────────────────────────────────────────────────────────


def test_a_list_takes_contributions_of_its_audience_when_its_owner_says_so(
    platform: Caller, bank: Caller, open_list: str
) -> None:
    path = f"/v1/signal-lists/{open_list}"
    refused = bank.post(f"{path}/signals", json={"signals": [sha(1)]})
    assert (refused.status_code, refused.json["reason"]) == (403, "not_owner")

    assert platform.put(f"{path}/contributors", json={"contributors": "audience"}).status_code == 200
    (entry_id,) = published(bank, open_list, sha(1))
    assert bank.get(path).json["contributors"] == "audience"
    newest = [line for line in changes(bank) if line["kind"] == "list.changed"][-1]
    assert newest["body"]["contributors"] == "audience"

    assert platform.put(f"{path}/contributors", json={"contributors": "owner"}).status_code == 200
    assert bank.post(f"{path}/signals", json={"signals": [sha(2)]}).status_code == 403
    assert statuses(withdraw(bank, open_list, entry_id)) == ["withdrawn"]
    assert held(platform, open_list) == set()


def test_only_who_is_addressed_itself_contributes(make: Make, platform: Caller, bank: Caller) -> None:
    police = make.member(sector=Sector.AUTHORITY)
    served = make.member(kind=MemberKind.DOWNSTREAM, upstream=bank.member)
    group = make.group(platform.member, [platform.member, bank.member, police], allows_downstream=True)
    inside = new_list(platform, group_marking(group.id), slug="inside", contributors="audience")
    public = new_list(platform, PUBLIC, slug="public", contributors="audience")
    assert bank.put(f"/v1/collections/{inside}/releases/{served.id}").status_code == 204

    def may(member: Any, list_id: str) -> str:
        answer = make.caller(member).post(f"/v1/signal-lists/{list_id}/signals", json={"signals": [sha(1)]})
        return str(answer.json.get("reason", answer.status_code))

    assert [may(who, inside) for who in (bank.member, police, served)] == ["200", "200", "not_addressed"]
    assert [may(who, public) for who in (bank.member, police, served)] == ["200", "not_addressed", "200"]
    prohibited = new_list(
        platform, {**COMMUNITY, "prohibited_purposes": ["train"]}, slug="no-train", contributors="audience"
    )
    training = make.caller(bank.member, purpose=Purpose.TRAIN)
    answer = training.post(f"/v1/signal-lists/{prohibited}/signals", json={"signals": [sha(1)]})
    assert (answer.status_code, answer.json["reason"]) == (403, "purpose_prohibited")


def test_a_contributor_takes_the_marking_of_the_list(platform: Caller, bank: Caller, shared: str) -> None:
    items = publish(bank, shared, {**sha(1), "marking": members_marking(platform.member.id)}, sha(2))
    assert [item.get("reason", item["status"]) for item in items] == ["not_owner", "accepted"]


# ── What is said of an entry ────────────────────────────────────────────────────────────────────────────


def test_a_second_independent_member_corroborates_with_one_line(
    runtime: Runtime, platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    (entry_id,) = published(platform, shared, {**sha(1), "labels": ["one", "two"], "confidence": 40})
    (same,) = published(bank, shared, {**sha(1), "labels": ["two", "three"]})
    assert same == entry_id
    found = state_of(third, entry_id)
    assert (found["standing"], found["labels"]) == ("corroborated", ["one", "two", "three"])
    contributions = [(one["member"], one["labels"]) for one in found["contributions"]]
    assert contributions == [(platform.member.id, ["one", "two"]), (bank.member.id, ["two", "three"])]
    assert lines_of(runtime, entry_id) == 2
    assert told(third, entry_id) == "corroborated"
    (item,) = page(third, shared)["items"]
    assert item == changes(third)[-1]["body"]
    (result,) = look_up(third, sha(1))
    assert (result["contributors"], result["standing"]) == (2, "corroborated")
    assert result["matches"][0]["contributions"] == found["contributions"]


def test_a_downstream_of_the_contributor_does_not_corroborate(
    make: Make, platform: Caller, bank: Caller, shared: str
) -> None:
    served = make.caller(make.member(kind=MemberKind.DOWNSTREAM, upstream=bank.member))
    (entry_id,) = published(bank, shared, sha(1))
    published(served, shared, sha(1))
    assert state_of(platform, entry_id)["standing"] == "lead"
    assert look_up(platform, sha(1))[0]["standing"] == "lead"


def test_repeating_answers_already_yours_whoever_else_contributes(
    platform: Caller, bank: Caller, shared: str
) -> None:
    published(platform, shared, sha(1))
    assert statuses(publish(bank, shared, sha(1), sha(1), sha(2))) == [
        "accepted",
        "already_yours",
        "accepted",
    ]
    before = changes(platform)
    assert statuses(publish(bank, shared, sha(1), sha(2))) == ["already_yours"] * 2
    assert changes(platform) == before


def test_a_classification_of_an_accredited_assessor_corroborates(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, shared: str
) -> None:
    classified = {"classification": {"scheme": "iwf", "code": "A1"}}
    make.attribute(bank.member, "assessor")
    plain, assessed = published(bank, shared, sha(1), {**sha(2), **classified})
    (other,) = published(platform, shared, {**sha(3), **classified})
    standings = [state_of(platform, entry_id)["standing"] for entry_id in (plain, assessed, other)]
    assert standings == ["lead", "corroborated", "lead"]
    assert told(platform, assessed) == "corroborated"
    assert lines_of(runtime, assessed) == 1


# ── Taking back ─────────────────────────────────────────────────────────────────────────────────────────


def test_with_one_contribution_taken_back_the_entry_stays_and_falls_back(
    runtime: Runtime, platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    (entry_id,) = published(platform, shared, {**sha(1), "labels": ["taken-back"]})
    published(bank, shared, sha(1))
    assert statuses(withdraw(platform, shared, entry_id)) == ["withdrawn"]
    assert told(third, entry_id) == "lead"
    assert [one["member"] for one in state_of(third, entry_id)["contributions"]] == [bank.member.id]
    assert in_database(runtime, b"taken-back") == []
    assert withdraw(platform, shared, entry_id)[0]["reason"] == "not_yours"

    assert statuses(withdraw(bank, shared, entry_id)) == ["withdrawn"]
    assert told(third, entry_id) == "wrong"
    assert third.get(f"/v1/signals/{entry_id}").status_code == 410
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []


def test_the_owner_of_the_list_ends_an_entry_whole_and_nobody_else_does(
    platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    ids = published(bank, shared, sha(1), sha(2))
    published(third, shared, sha(1))
    refused = third.post(
        f"/v1/signal-lists/{shared}/withdrawals", json={"ids": ids, "reason": "wrong", "whole": True}
    )
    assert (refused.status_code, refused.json["reason"]) == (403, "not_owner")
    assert withdraw(platform, shared, ids[0])[0]["reason"] == "not_yours"
    assert statuses(withdraw(platform, shared, *ids, whole=True)) == ["withdrawn"] * 2
    assert held(third, shared) == set()
    assert statuses(withdraw(bank, shared, *ids)) == ["already_withdrawn"] * 2


def test_who_does_not_contribute_takes_nothing_back(platform: Caller, bank: Caller, shared: str) -> None:
    (entry_id,) = published(platform, shared, sha(1))
    assert withdraw(bank, shared, entry_id)[0]["reason"] == "not_yours"
    assert held(bank, shared) == {entry_id}


# ── Time ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def renewed(make: Make) -> Callable[[Caller], Caller]:
    """The same client with a new token, after the old one's ten minutes."""
    return lambda caller: replace(caller, token=make.token(caller.client))


def expire(runtime: Runtime) -> int:
    with begin(runtime, as_system, Request()) as tx:
        return expire_due(tx, 100)


def test_a_contribution_lapses_alone_and_the_entry_with_the_last(
    runtime: Runtime,
    platform: Caller,
    bank: Caller,
    shared: str,
    clock: FakeClock,
    renewed: Callable[[Caller], Caller],
) -> None:
    early, late = "2026-12-01T00:00:00Z", "2027-01-15T00:00:00Z"
    (entry_id,) = published(platform, shared, {**sha(1), "valid_until": late})
    published(bank, shared, {**sha(1), "valid_until": early})
    assert state_of(bank, entry_id)["valid_until"] == "2027-01-15T00:00:00.000000Z"
    assert (told(bank, entry_id), expire(runtime)) == ("corroborated", 0)

    clock.advance(30 * 86_400)
    bank = renewed(bank)
    assert [one["member"] for one in state_of(bank, entry_id)["contributions"]] == [platform.member.id]
    assert (expire(runtime), expire(runtime)) == (1, 0)
    assert told(bank, entry_id) == "lead"

    clock.advance(30 * 86_400)
    assert (expire(runtime), expire(runtime)) == (1, 0)
    assert told(renewed(bank), entry_id) == "expired"
    assert in_database(runtime, bytes.fromhex(sha(1)["value"])) == []


def test_each_contribution_is_renewed_by_its_own_member(platform: Caller, bank: Caller, shared: str) -> None:
    first, second = "2026-12-01T00:00:00.000000Z", "2026-12-20T00:00:00.000000Z"
    (entry_id,) = published(platform, shared, {**sha(1), "valid_until": first})
    published(bank, shared, {**sha(1), "valid_until": first})
    assert statuses(publish(bank, shared, {**sha(1), "valid_until": second})) == ["already_yours"]
    found = state_of(bank, entry_id)
    assert [one["valid_until"] for one in found["contributions"]] == [first, second]
    assert found["valid_until"] == second


def test_what_lapsed_is_told_also_where_something_else_was_said_in_the_meantime(
    runtime: Runtime,
    platform: Caller,
    bank: Caller,
    third: Caller,
    shared: str,
    clock: FakeClock,
    renewed: Callable[[Caller], Caller],
) -> None:
    early, late = "2026-12-01T00:00:00Z", "2027-01-15T00:00:00Z"
    (entry_id,) = published(platform, shared, {**sha(1), "valid_until": late})
    published(bank, shared, {**sha(1), "valid_until": early, "labels": ["lapsed"]})
    opine(third, entry_id, "disagree")
    clock.advance(30 * 86_400)
    third = renewed(third)
    opine(third, entry_id, "strongly_disagree")
    assert (expire(runtime), expire(runtime)) == (1, 0)
    assert told(renewed(bank), entry_id) == "disputed"
    assert "contribution" not in in_database(runtime, b'"lapsed"')
    (item,) = page(third, shared)["items"]
    assert [line for line in changes(third) if line["object"] == entry_id][-1]["body"] == item
    assert item["labels"] == []
    with runtime.db.read() as session:
        assert session.scalars(select(Contribution.member_id)).all() == [platform.member.id]


# ── Narrower places ─────────────────────────────────────────────────────────────────────────────────────


def test_who_may_not_know_of_a_narrower_entry_learns_nothing_by_contributing(
    make: Make, platform: Caller, bank: Caller, third: Caller, shared: str, statements: list[str]
) -> None:
    narrow = {**sha("narrower"), "marking": members_marking(third.member.id)}
    (hidden,) = published(platform, shared, narrow)
    published(platform, shared, sha("warm"))
    publish(bank, shared, sha("also warm"))
    known = changes(bank)

    def answer(value: object) -> tuple[Any, ...]:
        statements.clear()
        found = bank.post(f"/v1/signal-lists/{shared}/signals", json={"signals": [sha(value)]})
        sent = [text for text in statements if "SAVEPOINT" not in text]
        body = {**found.json, "items": [{**item, "id": ""} for item in found.json["items"]]}
        return found.status_code, told_headers(found.headers.items()), body, sent

    absent, there = answer("absent"), answer("narrower")
    assert there == absent
    wider = publish(bank, shared, sha("narrower"))[0]["id"]
    assert wider != hidden
    assert len(changes(bank)) == len(known) + 2
    assert state_of(third, wider)["standing"] == state_of(third, hidden)["standing"] == "lead"
    assert [item["standing"] for item in page(third, shared)["items"]] == ["lead"] * 5
    assert look_up(third, sha("narrower"))[0]["standing"] == "corroborated"
    assert look_up(bank, sha("narrower"))[0]["standing"] == "lead"
    assert bank.get(f"/v1/signals/{hidden}/opinions").status_code == 404
    assert withdraw(bank, shared, hidden)[0]["reason"] == "not_found"


def test_narrowing_keeps_what_those_say_who_still_see_it(
    platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    (entry_id,) = published(platform, shared, sha(1))
    for other in (bank, third):
        published(other, shared, sha(1))
    opine(bank, entry_id, "disagree")
    narrow = members_marking(third.member.id)
    assert platform.put(f"/v1/signals/{entry_id}/marking", json=narrow).status_code == 200
    found = state_of(third, entry_id)
    assert [one["member"] for one in found["contributions"]] == [platform.member.id, third.member.id]
    assert (found["standing"], told(third, entry_id)) == ("corroborated", "corroborated")
    assert bank.get(f"/v1/signals/{entry_id}").status_code == 404
    (again,) = published(bank, shared, sha(1))
    assert again != entry_id


def test_what_nobody_would_contribute_to_any_more_is_not_narrowed(
    platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    (entry_id,) = published(bank, shared, sha(1))
    answer = platform.put(f"/v1/signals/{entry_id}/marking", json=members_marking(third.member.id))
    assert (answer.status_code, answer.json["reason"]) == (409, "no_contribution")
    assert held(bank, shared) == {entry_id}


def test_who_lost_sight_of_its_own_contribution_contributes_as_if_there_were_none(
    make: Make, platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    group = make.group(platform.member, [platform.member, bank.member])
    (hidden,) = published(platform, shared, sha(1))
    published(bank, shared, sha(1))
    assert platform.put(f"/v1/signals/{hidden}/marking", json=group_marking(group.id)).status_code == 200
    assert platform.delete(f"/v1/groups/{group.id}/members/{bank.member.id}").status_code == 204
    before = state_of(platform, hidden)
    there, absent = publish(bank, shared, {**sha(1), "valid_until": "2029-01-01T00:00:00Z"}, sha(2))
    assert [item["status"] for item in (there, absent)] == ["accepted"] * 2
    assert there["id"] != hidden
    assert state_of(platform, hidden) == before

    at = f"/v1/groups/{group.id}"
    assert platform.post(f"{at}/invitations", json={"member": bank.member.id}).status_code == 201
    assert bank.post(f"{at}/acceptance", json={"terms_version": 1}).status_code == 200
    assert platform.put(f"{at}/members/{bank.member.id}").status_code == 200
    assert state_of(bank, hidden)["contributions"] == before["contributions"]
    assert publish(bank, shared, sha(1)) == [{"id": there["id"], "status": "already_yours"}]


def test_what_was_said_is_taken_back_whatever_purpose_a_narrower_marking_prohibits(
    make: Make, platform: Caller, bank: Caller, shared: str
) -> None:
    (entry_id,) = published(platform, shared, sha(1))
    published(bank, shared, sha(1))
    opine(bank, entry_id, "disagree")
    narrow = {**members_marking(bank.member.id), "prohibited_purposes": ["train"]}
    assert platform.put(f"/v1/signals/{entry_id}/marking", json=narrow).status_code == 200
    training = make.caller(bank.member, purpose=Purpose.TRAIN)
    assert training.get(f"/v1/signals/{entry_id}").status_code == 404
    assert training.delete(f"/v1/signals/{entry_id}/opinions").status_code == 204
    assert statuses(withdraw(training, shared, entry_id)) == ["withdrawn"]
    assert (told(bank, entry_id), len(state_of(bank, entry_id)["contributions"])) == ("lead", 1)
    stranger = make.caller(make.member(), purpose=Purpose.TRAIN)
    assert stranger.delete(f"/v1/signals/{entry_id}/opinions").status_code == 404
    assert withdraw(stranger, shared, entry_id)[0]["reason"] == "not_found"


def test_a_named_user_keeps_her_opinion_where_the_marking_gets_stricter(
    make: Make, platform: Caller, bank: Caller, third: Caller, shared: str
) -> None:
    judge = make.caller(bank.member, user=make.user(bank.member))
    author = make.caller(platform.member, user=make.user(platform.member))
    (entry_id,) = published(author, shared, sha(1))
    opine(judge, entry_id, "disagree")
    opine(third, entry_id, "disagree")
    red = {**red_marking(judge.client.user_id), "pap": "PAP:AMBER"}
    for marking in (red, {**red, "pap": "PAP:RED"}):
        assert author.put(f"/v1/signals/{entry_id}/marking", json=marking).status_code == 200
        opinions = judge.get(f"/v1/signals/{entry_id}/opinions").json["items"]
        assert [one["member"] for one in opinions] == [bank.member.id]
        assert state_of(judge, entry_id)["standing"] == "disputed"
