"""Opinions on signals: stated, changed, taken back, read, and what they do to standing."""

# mypy: disable-error-code="index, union-attr, arg-type, dict-item"

import json

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.runtime import Runtime
from schemas.opinions import OpinionPageSchema, OpinionSchema
from schemas.vocabulary import MemberKind, Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.hashes import changes, lines_of, new_list, opine, published, sha, state_of, told, withdraw
from tests.samples import COMMUNITY, PUBLIC, red_marking


@pytest.fixture
def entry(platform: Caller, open_list: str) -> str:
    return published(platform, open_list, sha(1))[0]


def test_an_opinion_is_one_of_each_member_changed_and_taken_back(
    platform: Caller, bank: Caller, entry: str
) -> None:
    path = f"/v1/signals/{entry}/opinions"
    first = bank.put(path, json={"opinion": "disagree", "reason": "false_match"})
    assert first.status_code == 200, first.text
    assert OpinionSchema().validate(first.json) == {}
    assert platform.get(path).json == {"items": [first.json], "next": None}
    assert OpinionPageSchema().validate(platform.get(path).json) == {}

    opine(bank, entry, "agree")
    (only,) = platform.get(path).json["items"]
    assert (only["opinion"], "reason" in only, only["accredited"]) == ("agree", False, False)

    assert bank.delete(path).status_code == 204
    assert platform.get(path).json["items"] == []
    assert bank.delete(path).status_code == 404


def test_a_line_for_each_change_of_standing_and_none_where_it_stays(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, entry: str
) -> None:
    other = make.caller(make.member())
    for caller, opinion, standing, lines in (
        (bank, "strongly_agree", "lead", 0),
        (bank, "disagree", "disputed", 1),
        (bank, "disagree", "disputed", 1),
        (bank, "strongly_disagree", "disputed", 1),
        (other, "strongly_disagree", "disputed", 1),
        (bank, "neutral", "disputed", 1),
        (other, "agree", "lead", 2),
    ):
        opine(caller, entry, opinion)
        found = state_of(platform, entry)["standing"], lines_of(runtime, entry) - 1
        assert found == (standing, lines)
    assert told(platform, entry) == "lead"


def test_a_dispute_ends_with_its_opinion(platform: Caller, bank: Caller, entry: str) -> None:
    opine(bank, entry, "disagree")
    bank.delete(f"/v1/signals/{entry}/opinions")
    assert told(platform, entry) == "lead"
    assert changes(platform)[-1]["body"] == {
        name: item for name, item in state_of(platform, entry).items() if name not in {"list", "marking"}
    }


def test_an_accredited_assessor_that_agrees_corroborates_unless_it_contributed(
    make: Make, platform: Caller, bank: Caller, entry: str
) -> None:
    make.attribute(platform.member, "assessor")
    make.attribute(bank.member, "assessor", days=-1)
    opine(platform, entry, "strongly_agree")
    opine(bank, entry, "agree")
    assert state_of(bank, entry)["standing"] == "lead"
    assessor = make.member()
    make.attribute(assessor, "assessor")
    opine(make.caller(assessor), entry, "agree")
    assert state_of(bank, entry)["standing"] == "corroborated"


def test_who_reads_it_may_judge_it_but_no_authority_from_outside_and_no_peer(
    make: Make, platform: Caller, bank: Caller
) -> None:
    entry = published(platform, new_list(platform, PUBLIC), sha(1))[0]
    path = f"/v1/signals/{entry}/opinions"
    readers = {
        "200": make.member(kind=MemberKind.DOWNSTREAM, upstream=bank.member),
        "not_addressed": make.member(sector=Sector.AUTHORITY),
    }
    for said, member in readers.items():
        answer = make.caller(member).put(path, json={"opinion": "agree"})
        assert str(answer.json.get("reason", answer.status_code)) == said
    peer = make.caller(make.member(kind=MemberKind.PEER))
    assert peer.put(path, json={"opinion": "agree"}).json["reason"] == "not_addressed"
    assert len(peer.get(path).json["items"]) == 1


def test_a_prohibited_purpose_is_refused_and_taking_back_is_not(make: Make, platform: Caller) -> None:
    list_id = new_list(platform, COMMUNITY)
    entry, member = published(platform, list_id, sha(1))[0], make.member()
    opine(make.caller(member), entry, "disagree")
    platform.put(f"/v1/signal-lists/{list_id}/marking", json={**COMMUNITY, "prohibited_purposes": ["detect"]})
    detecting = make.caller(member, purpose=Purpose.DETECT)
    path = f"/v1/signals/{entry}/opinions"
    assert detecting.put(path, json={"opinion": "agree"}).json["reason"] == "purpose_prohibited"
    assert detecting.delete(path).status_code == 204


def test_an_opinion_needs_the_scope_of_feedback(make: Make, entry: str) -> None:
    reader = make.caller(make.member(), Scope.SIGNALS_READ, Scope.SIGNALS_WRITE)
    answer = reader.put(f"/v1/signals/{entry}/opinions", json={"opinion": "agree"})
    assert (answer.status_code, answer.json["reason"]) == (403, "insufficient_scope")
    for body in ({"opinion": "maybe"}, {}, {"opinion": "agree", "reason": "because"}):
        assert make.caller(make.member()).put(f"/v1/signals/{entry}/opinions", json=body).status_code == 422


def test_what_has_ended_takes_no_opinion_and_keeps_none(
    platform: Caller, bank: Caller, open_list: str, entry: str
) -> None:
    opine(bank, entry, "disagree")
    withdraw(platform, open_list, entry)
    path = f"/v1/signals/{entry}/opinions"
    for answer in (bank.put(path, json={"opinion": "agree"}), bank.delete(path), bank.get(path)):
        assert answer.status_code == 410
    assert told(bank, entry) == "wrong"


def test_a_named_user_is_pointed_to_a_red_signal_again_when_its_standing_changes(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller, open_list: str
) -> None:
    author = make.caller(platform.member, user=make.user(platform.member))
    person = make.user(bank.member)
    named = make.caller(bank.member, user=person)
    (entry,) = published(author, open_list, {**sha(1), "marking": red_marking(person.id)})
    opine(named, entry, "disagree")
    assert state_of(author, entry)["standing"] == "disputed"
    (pointer,) = [line for line in changes(author) if line["object"] == entry]
    assert (pointer["kind"], "body" in pointer) == ("pointer.changed", False)
    assert lines_of(runtime, entry) == 4
    assert bank.get(f"/v1/signals/{entry}/opinions").status_code == 404
    assert not any(line["object"] == entry for line in changes(bank))


def test_every_opinion_is_in_the_audit_log(runtime: Runtime, bank: Caller, entry: str) -> None:
    opine(bank, entry, "agree")
    bank.delete(f"/v1/signals/{entry}/opinions")
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action.like("opinion.%")).order_by(AuditEntry.at)
        stated, withdrawn = (json.loads(raw) for raw in session.scalars(wanted))
    assert (stated["action"], stated["reason"], stated["decision"]) == ("opinion.stated", "agree", "allowed")
    assert stated["subjects"][0]["id"] == entry
    assert withdrawn["action"] == "opinion.withdrawn"


def test_opinions_are_paged_by_member(make: Make, platform: Caller, entry: str) -> None:
    callers = [make.caller(make.member()) for _ in range(3)]
    for caller in callers:
        opine(caller, entry, "agree")
    members = sorted(caller.member.id for caller in callers)
    path = f"/v1/signals/{entry}/opinions"
    first = platform.get(f"{path}?limit=2").json
    second = platform.get(f"{path}?limit=2&after={first['next']}").json
    assert [item["member"] for item in first["items"] + second["items"]] == members
    assert second["next"] is None
