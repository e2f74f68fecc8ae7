"""Questions about the log over HTTP: who took it, who was not told, how much; and what members may ask."""

import json
from typing import Any

import pytest

from app import clock as time
from schemas.vocabulary import Purpose, Scope
from tests.api.test_audit import ABSENT, auditor, author, bank, entries, own
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import look_up, new_list, publish, sha, withdraw
from tests.samples import COMMUNITY, created, pointers, published, red_marking

__all__ = ["auditor", "author", "bank"]

DAY = 86_400


def ask(caller: Caller, question: str, **query: Any) -> dict[str, Any]:
    answer = caller.get(f"/v1/audit/{question}", query_string=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = json.loads(answer.text)
    return found


def retract(caller: Caller, set_id: str) -> None:
    path = f"/v1/sets/{set_id}/versions/1.0.0/retract"
    assert caller.post(path, json={"reason": "wrong"}).status_code == 200


def takers(answer: dict[str, Any]) -> dict[str, int]:
    return {one["member"]: one["times"] for one in answer["items"]}


# ── Who took it ─────────────────────────────────────────────────────────────────────────────────────────


def test_who_took_a_version_is_told_with_first_and_last_times_labels_and_purposes(
    make: Make, author: Caller, bank: Caller, auditor: Caller, clock: FakeClock
) -> None:
    made = created(author)
    published(author, made["id"])
    path = f"/v1/sets/{made['id']}/versions/1.0.0"
    bank.get(path)
    clock.advance(60)
    make.caller(bank.member, purpose=Purpose.RESEARCH).get(path)
    clock.advance(60)
    bank.get("/v1/changes")

    answer = ask(auditor, "recipients", collection=made["id"], version="1.0.0")
    assert answer["next"] is None
    (found,) = answer["items"]
    log = entries(auditor, member=bank.member.id, decision="released")
    assert (found["member"], found["times"]) == (bank.member.id, 3)
    assert (found["first_entry"], found["last_entry"]) == (log[0]["id"], log[2]["id"])
    assert (found["first_at"], found["last_at"]) == (log[0]["at"], log[2]["at"])
    said = {(way["action"], way["purpose"], way["tlp"], way["times"]) for way in found["ways"]}
    assert said == {
        ("version.read", "detect", "TLP:GREEN", 1),
        ("version.read", "research", "TLP:GREEN", 1),
        ("changes.read", "detect", "TLP:GREEN", 1),
    }


def test_asking_or_being_refused_or_publishing_is_not_taking(
    make: Make, author: Caller, auditor: Caller
) -> None:
    made = created(author)
    published(author, made["id"])
    make.caller(make.member()).get(f"/v1/sets/{made['id']}")  # the set, and not the version
    make.caller(make.member()).get(f"/v1/sets/{made['id']}/versions/2.0.0")
    author.get("/v1/reviews/reminders")
    for _ in range(2):
        found = ask(auditor, "recipients", collection=made["id"], version="1.0.0")
        assert found["items"] == []


def test_members_come_in_pages(make: Make, author: Caller, auditor: Caller) -> None:
    made = created(author)
    published(author, made["id"])
    readers = [make.caller(make.member()) for _ in range(3)]
    for reader in readers:
        reader.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    query = {"collection": made["id"], "version": "1.0.0", "limit": 2}
    first = ask(auditor, "recipients", **query)
    second = ask(auditor, "recipients", **query, after=first["next"])
    assert second["next"] is None
    paged = [one["member"] for one in (*first["items"], *second["items"])]
    assert paged == sorted(reader.member.id for reader in readers)


def test_an_owner_learns_who_took_its_version_and_a_stranger_nothing(
    make: Make, author: Caller, bank: Caller
) -> None:
    made = created(author)
    published(author, made["id"])
    bank.get("/v1/changes")
    asked = {"collection": made["id"], "version": "1.0.0"}
    assert takers(ask(own(make, author), "recipients", **asked)) == {bank.member.id: 1}
    assert takers(ask(own(make, bank), "recipients", **asked)) == {bank.member.id: 1}
    stranger = own(make, make.caller(make.member()))
    nothing = ask(stranger, "recipients", object=ABSENT)
    assert ask(stranger, "recipients", **asked) == nothing


def test_of_what_is_red_a_colleague_is_told_nothing(make: Make, auditor: Caller) -> None:
    member = make.member()
    person = make.caller(member, user=make.user(member))
    made = created(person, red_marking(person.user.id if person.user else ""))
    published(person, made["id"])
    person.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    asked = {"collection": made["id"], "version": "1.0.0"}
    assert takers(ask(auditor, "recipients", **asked)) == {member.id: 1}
    assert ask(own(make, person), "recipients", **asked)["items"] == []


# ── Who was not told ────────────────────────────────────────────────────────────────────────────────────


def test_whoever_took_a_version_and_was_not_handed_its_tombstone_is_outstanding(
    make: Make, author: Caller, auditor: Caller, clock: FakeClock
) -> None:
    polling, asking, silent, late = (make.caller(make.member()) for _ in range(4))
    made = created(author)
    published(author, made["id"])
    for reader in (polling, silent):
        reader.get("/v1/changes")
    asking.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    asked = {"collection": made["id"], "version": "1.0.0"}
    before = ask(auditor, "outstanding", **asked)
    assert (before["retracted_at"], before["recipients"], before["items"]) == (None, 3, [])

    retract(author, made["id"])
    clock.advance(300)
    everybody = {caller.member.id for caller in (polling, asking, silent)}
    assert set(takers(ask(auditor, "outstanding", **asked))) == everybody

    polling.get("/v1/changes")
    late.get("/v1/changes")
    assert asking.get(f"/v1/sets/{made['id']}/versions/1.0.0").status_code == 410
    silent.get(f"/v1/sets/{made['id']}")
    found = ask(auditor, "outstanding", **asked)
    assert takers(found) == {silent.member.id: 1}
    assert (found["recipients"], found["told"]) == (3, 2)
    assert found["retracted_at"] is not None
    assert ask(own(make, author), "outstanding", **asked) == found


def test_who_was_not_told_that_a_signal_was_withdrawn_is_found_by_its_id(
    make: Make, author: Caller, auditor: Caller
) -> None:
    told, silent = make.caller(make.member()), make.caller(make.member())
    signals = new_list(author, COMMUNITY)
    signal = publish(author, signals, sha(1))[0]["id"]
    told.get("/v1/changes")
    silent.get(f"/v1/signals/{signal}")
    withdraw(author, signals, signal)
    told.get("/v1/changes")
    assert takers(ask(auditor, "outstanding", object=signal)) == {silent.member.id: 1}
    assert silent.get(f"/v1/signals/{signal}").status_code == 410
    assert ask(auditor, "outstanding", object=signal)["items"] == []


# ── How much ────────────────────────────────────────────────────────────────────────────────────────────


def test_volume_counts_by_day_action_and_decision(
    make: Make, author: Caller, bank: Caller, auditor: Caller, clock: FakeClock
) -> None:
    made = created(author)
    start = time.to_text(clock())
    for _ in range(2):
        bank.get(f"/v1/sets/{made['id']}")
    bank.get(f"/v1/sets/{ABSENT}")
    found = ask(auditor, "volume", member=bank.member.id, since=start)
    assert [day["day"] for day in found["days"]] == [start[:10]]
    counts = {
        (one["action"], one["decision"]): (one["entries"], one["items"]) for one in found["days"][0]["counts"]
    }
    assert counts == {("set.read", "released"): (2, 2), ("set.read", "refused"): (1, 1)}
    assert found["unusual"] == []
    everybody = ask(auditor, "volume", since=start)["days"][0]["counts"]
    assert {one["action"] for one in everybody} >= {"set.created", "set.read", "audit.read"}


def test_a_day_above_a_members_own_past_is_told(
    make: Make, author: Caller, auditor: Caller, clock: FakeClock
) -> None:
    made = created(author)
    reader = make.member()
    for _ in range(8):
        make.caller(reader).get(f"/v1/sets/{made['id']}")
        clock.advance(DAY)
    caller = make.caller(reader)
    for _ in range(20):
        caller.get(f"/v1/sets/{made['id']}")
    fresh = make.caller(auditor.member, Scope.AUDIT_READ)
    found = ask(fresh, "volume", member=reader.id)["unusual"]
    today = time.to_text(clock())[:10]
    usual = {"median": 1.0, "limit": 7.0, "days": 8}
    assert found == [
        {"day": today, "measure": measure, "value": 20, **usual} for measure in ("entries", "items")
    ]


def test_an_owner_is_told_what_others_did_with_its_data_and_lookups_in_bands(
    make: Make, author: Caller, bank: Caller
) -> None:
    rival = make.caller(make.member())
    made, theirs = created(author), created(rival)
    signals = new_list(author, COMMUNITY)
    publish(author, signals, *map(sha, range(12)))
    look_up(bank, *map(sha, range(12)))
    bank.get(f"/v1/sets/{made['id']}")
    for _ in range(3):
        bank.get(f"/v1/sets/{theirs['id']}")
    found = ask(own(make, author), "volume", member=bank.member.id)
    assert found["days"][0]["counts"] == [
        {"action": "set.read", "decision": "released", "entries": 1, "items": 1},
        {"action": "signals.looked-up", "decision": "released", "entries": 1, "band": "10-99"},
    ]
    mine = ask(own(make, bank), "volume", member=bank.member.id)["days"][0]["counts"]
    assert {"action": "set.read", "decision": "released", "entries": 4, "items": 4} in mine
    stranger = own(make, make.caller(make.member()))
    assert ask(stranger, "volume", member=bank.member.id) == {"days": [], "unusual": []}


def test_the_matrix_says_who_did_how_much_with_whose_data(
    make: Make, author: Caller, bank: Caller, auditor: Caller
) -> None:
    made = created(author)
    for _ in range(2):
        bank.get(f"/v1/sets/{made['id']}")
    cells = ask(auditor, "matrix")["items"]
    pair = [one for one in cells if one["member"] == bank.member.id]
    assert pair == [
        {"member": bank.member.id, "owner": author.member.id, "entries": 2, "items": 2, "refused": 0}
    ]
    assert own(make, bank).get("/v1/audit/matrix").status_code == 403


# ── Filters of the list ─────────────────────────────────────────────────────────────────────────────────


def test_entries_are_found_by_purpose_label_reason_user_and_one_of_several_actions(
    make: Make, author: Caller, bank: Caller, auditor: Caller
) -> None:
    made = created(author)
    person = make.caller(bank.member, user=make.user(bank.member), purpose=Purpose.RESEARCH)
    person.get(f"/v1/sets/{made['id']}")
    bank.get(f"/v1/sets/{made['id']}")
    bank.get(f"/v1/sets/{ABSENT}")
    bank.get("/v1/me")
    whose = {"member": bank.member.id}

    def found(**query: Any) -> list[str]:
        return [entry["action"] for entry in entries(auditor, **query)]

    assert found(**whose, purpose="research") == ["set.read"]
    assert found(**whose, tlp="TLP:GREEN", action="set.read") == ["set.read", "set.read"]
    assert found(**whose, tlp="TLP:RED") == []
    assert found(**whose, reason="not-found", decision="refused") == ["set.read"]
    assert found(user=person.user.id if person.user else "") == ["set.read"]
    assert found(user=ABSENT) == []
    assert found(**whose, action="me.read,set.read") == ["set.read"] * 3 + ["me.read"]
    assert found(collection=made["id"], purpose="research") == ["set.read"]
    assert found(collection=made["id"], user=person.user.id if person.user else "") == ["set.read"]
    assert found(collection=made["id"], client=bank.client.id, tlp="TLP:GREEN") == ["set.read", "me.read"]
    assert found(collection=made["id"], tlp="TLP:AMBER") == []


def test_the_newest_come_first_where_that_is_asked_for(author: Caller, auditor: Caller) -> None:
    for n in range(5):
        created(author, slug=f"s{n}")
    oldest = [entry["id"] for entry in entries(auditor, member=author.member.id)]
    paged: list[str] = []
    query: dict[str, Any] = {"member": author.member.id, "limit": 2, "order": "newest"}
    while True:
        page = ask(auditor, "entries", **query)
        paged += [item["entry"]["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert paged == oldest[::-1]
    other = auditor.get("/v1/audit/entries", query_string={**query, "order": "oldest"})
    assert (other.status_code, json.loads(other.text)["reason"]) == (422, "cursor_unreadable")


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_a_page_that_looked_far_ends_early_and_goes_on(
    author: Caller, auditor: Caller, bank: Caller, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [created(author, slug=f"s{n}")["id"] for n in range(4)]
    for one in made:
        bank.get(f"/v1/sets/{one}")
    query: dict[str, Any] = {"member": author.member.id, "purpose": "detect", "order": order}
    whole = [entry["id"] for entry in entries(auditor, **query)]
    monkeypatch.setattr("app.audit.queries.WINDOW", 1)
    monkeypatch.setattr("app.audit.queries.SCATTERED", 1)
    paged: list[str] = []
    pages = 0
    while True:
        page = ask(auditor, "entries", **query)
        pages += 1
        paged += [item["entry"]["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert paged == whole
    assert pages > 1


def test_a_member_asks_about_others_only_what_it_may_see(make: Make, author: Caller, bank: Caller) -> None:
    rival = make.caller(make.member())
    mine = created(author)
    created(rival, {**COMMUNITY, "tlp": "TLP:CLEAR", "pap": "PAP:CLEAR", "audience": {"kind": "public"}})
    person = make.caller(bank.member, user=make.user(bank.member))
    person.get("/v1/changes")
    reader = own(make, author)

    def found(**query: Any) -> int:
        return len([one for one in entries(reader, **query) if one["actor"]["member"] == bank.member.id])

    assert found(collection=mine["id"]) == found(tlp="TLP:GREEN") == found(member=bank.member.id) == 1
    assert found(tlp="TLP:CLEAR") == 0  # of another's subject in the same entry
    assert found(user=person.user.id if person.user else "") == 0
    assert found(user=person.user.id if person.user else "", collection=mine["id"]) == 0
    assert found(purpose="detect", decision="released", order="newest") == 1


@pytest.mark.parametrize(
    ("question", "query", "pointer"),
    [
        ("entries", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "/until"),
        ("entries", "action=set.reed", "/action"),
        ("entries", "action=set.read,", "/action"),
        ("entries", "purpose=fun", "/purpose"),
        ("entries", "tlp=RED", "/tlp"),
        ("entries", "reason=No%20reason", "/reason"),
        ("entries", "order=random", "/order"),
        ("entries", "since=2026-13-01T00:00:00Z", "/since"),
        ("recipients", "", "/collection"),
        ("recipients", f"collection={ABSENT}", "/version"),
        ("recipients", f"collection={ABSENT}&version=one", "/version"),
        ("outstanding", f"object={ABSENT}&version=1.0.0", "/version"),
        ("outstanding", "version=1.0.0", "/collection"),
        ("volume", "member=me", "/member"),
        ("volume", "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "/until"),
        ("volume", "since=2020-01-01T00:00:00Z&until=2026-01-01T00:00:00Z", "/since"),
        ("volume", "since=2020-01-01T00:00:00Z", "/since"),
        ("matrix", "since=2999-01-01T00:00:00Z", "/since"),
    ],
)
def test_a_question_that_makes_no_sense_is_named(
    auditor: Caller, question: str, query: str, pointer: str
) -> None:
    answer = auditor.get(f"/v1/audit/{question}?{query}")
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


@pytest.mark.parametrize("question", ["recipients", "outstanding", "volume", "matrix"])
def test_questions_need_a_client_without_bound_and_leave_an_entry(
    make: Make, auditor: Caller, question: str
) -> None:
    query = {"object": ABSENT} if question in {"recipients", "outstanding"} else {}
    bound = make.caller(make.member(), Scope.AUDIT_READ, collections=[ABSENT])
    assert bound.get(f"/v1/audit/{question}", query_string=query).status_code == 403
    ask(auditor, question, **query)
    last = entries(auditor, member=auditor.member.id)[-1]
    assert (last["action"], last["decision"]) == ("audit.read", "released")
    assert ABSENT not in json.dumps(last)
