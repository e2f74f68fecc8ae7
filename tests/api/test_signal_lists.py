"""Signal lists over the API: created, read, re-marked, and who sees them."""

# mypy: disable-error-code="index"

import json
from typing import Any

import pytest
from marshmallow import Schema
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.runtime import Runtime
from schemas.signals import (
    LookupAnswerSchema,
    PublishedSchema,
    SignalListPageSchema,
    SignalListSchema,
    SignalPageSchema,
    SingleSignalSchema,
    WithdrawnSchema,
)
from schemas.vocabulary import Purpose, Sector
from tests.factories import Caller, Make
from tests.hashes import changes, held, new_list, pdq, publish, published, sha
from tests.samples import COMMUNITY, PUBLIC, group_marking, members_marking, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


def body(**changed: Any) -> dict[str, Any]:
    return {"slug": "hashes", "title": "Hashes", "types": ["sha256"], "marking": COMMUNITY, **changed}


def test_a_list_is_created_and_read_back_by_those_who_may(platform: Caller, bank: Caller) -> None:
    made = platform.post("/v1/signal-lists", json=body(types=["sha256", "md5", "md5"]))
    assert made.status_code == 201
    assert made.json["types"] == ["md5", "sha256"]
    assert made.json["owner"] == platform.member.id
    assert bank.get(made.headers["Location"]).json == made.json
    assert [line["kind"] for line in changes(bank)] == ["list.changed"]
    assert changes(bank)[0]["body"] == made.json


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"types": []}, "/types"),
        ({"types": ["sha3"]}, "/types/0"),
        ({"types": ["pdq"]}, "/marking/tlp"),
        ({"types": ["hmac_sha256"], "marking": PUBLIC}, "/marking/tlp"),
        ({"marking": {**COMMUNITY, "tlp": "TLP:WHITE"}}, "/marking/tlp"),
        ({"marking": {**COMMUNITY, "tlp": "TLP:AMBER"}}, "/marking/audience"),
        ({"slug": "Not a slug"}, "/slug"),
        ({"title": "Ask someone@example.org"}, "/title"),
        ({"note": "x"}, "/note"),
    ],
)
def test_a_list_that_cannot_be_is_refused_and_leaves_nothing(
    platform: Caller, changed: dict[str, Any], pointer: str
) -> None:
    answer = platform.post("/v1/signal-lists", json=body(**changed))
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json["errors"]] == [pointer]
    assert "example.org" not in answer.text
    assert platform.get("/v1/signal-lists").json["items"] == []
    assert changes(platform) == []


def test_a_list_is_never_red_because_red_travels_only_singly(make: Make) -> None:
    member = make.member()
    person = make.caller(member, user=make.user(member))
    answer = person.post("/v1/signal-lists", json=body(marking=red_marking(make.user(member).id)))
    assert answer.status_code == 422
    assert "singly" in answer.json["errors"][0]["detail"]


def test_a_slug_is_taken_once_by_each_member_and_an_id_once_by_anybody(
    platform: Caller, bank: Caller
) -> None:
    list_id = new_list(platform, COMMUNITY)
    assert platform.post("/v1/signal-lists", json=body()).status_code == 409
    assert bank.post("/v1/signal-lists", json=body(id=list_id)).status_code == 409
    imported = "11111111-1111-4111-8111-111111111111"
    answer = bank.post("/v1/signal-lists", json=body(id=imported))
    assert (answer.status_code, answer.json["id"]) == (201, imported)


def test_lists_are_paged_and_leave_out_the_hidden_and_the_prohibited(make: Make, platform: Caller) -> None:
    detecting = make.caller(make.member(), purpose=Purpose.DETECT)
    seen = sorted(new_list(platform, COMMUNITY, slug=f"open-{n}") for n in range(3))
    new_list(platform, members_marking(make.member().id), slug="hidden")
    prohibited = new_list(platform, {**COMMUNITY, "prohibited_purposes": ["detect"]}, slug="prohibited")

    first = detecting.get("/v1/signal-lists?limit=2").json
    second = detecting.get(f"/v1/signal-lists?limit=2&after={first['next']}").json

    assert [item["id"] for item in first["items"] + second["items"]] == seen
    assert second["next"] is None
    assert first["excluded"] == [prohibited]
    alone = detecting.get(f"/v1/signal-lists/{prohibited}")
    assert (alone.status_code, alone.json["reason"]) == (403, "purpose_prohibited")
    assert detecting.get(f"/v1/signal-lists/{prohibited}/signals").status_code == 403


def test_a_cursor_of_another_member_or_list_is_refused(platform: Caller, bank: Caller) -> None:
    one, other = (new_list(platform, COMMUNITY, slug=slug) for slug in ("one", "other"))
    for list_id in (one, other):
        published(platform, list_id, sha(1), sha(2))
    cursor = bank.get(f"/v1/signal-lists/{one}/signals?limit=1").json["next"]
    assert bank.get(f"/v1/signal-lists/{one}/signals?after={cursor}").status_code == 200
    assert bank.get(f"/v1/signal-lists/{other}/signals?after={cursor}").status_code == 422
    assert platform.get(f"/v1/signal-lists/{one}/signals?after={cursor}").status_code == 422


def test_a_hidden_list_and_an_absent_one_give_the_same_answer(
    make: Make, platform: Caller, bank: Caller, statements: list[str]
) -> None:
    hidden = new_list(platform, members_marking(make.member().id))
    entry = published(platform, hidden, sha(1))[0]

    def answers(list_id: str, entry_id: str) -> list[tuple[Any, ...]]:
        found = []
        for method, path, sent in (
            ("GET", f"/v1/signal-lists/{list_id}", None),
            ("GET", f"/v1/signal-lists/{list_id}/signals", None),
            ("PUT", f"/v1/signal-lists/{list_id}/marking", COMMUNITY),
            ("POST", f"/v1/signal-lists/{list_id}/signals", {"signals": [sha(1)]}),
            ("POST", f"/v1/signal-lists/{list_id}/withdrawals", {"ids": [entry_id], "reason": "wrong"}),
            ("GET", f"/v1/signals/{entry_id}", None),
            ("PUT", f"/v1/signal-lists/{list_id}/contributors", {"contributors": "audience"}),
            ("PUT", f"/v1/signals/{entry_id}/marking", COMMUNITY),
            ("GET", f"/v1/signals/{entry_id}/opinions", None),
            ("PUT", f"/v1/signals/{entry_id}/opinions", {"opinion": "agree"}),
            ("DELETE", f"/v1/signals/{entry_id}/opinions", None),
        ):
            statements.clear()
            call = bank._call(method, path, **({"json": sent} if sent else {}))
            asked = [text for text in statements if "SAVEPOINT" not in text]
            found.append((call.status_code, call.json, sorted(call.headers.keys()), asked))
        return found

    assert answers(hidden, entry) == answers(ABSENT, ABSENT)
    assert {answer[0] for answer in answers(ABSENT, ABSENT)} == {404}


def test_another_members_list_is_read_and_not_written(platform: Caller, bank: Caller) -> None:
    list_id = new_list(platform, COMMUNITY)
    entry = published(platform, list_id, sha(1))[0]
    for answer in (
        bank.post(f"/v1/signal-lists/{list_id}/signals", json={"signals": [sha(2)]}),
        bank.post(
            f"/v1/signal-lists/{list_id}/withdrawals",
            json={"ids": [entry], "reason": "wrong", "whole": True},
        ),
        bank.put(f"/v1/signal-lists/{list_id}/contributors", json={"contributors": "audience"}),
        bank.put(f"/v1/signal-lists/{list_id}/marking", json=members_marking(bank.member.id)),
        bank.put(f"/v1/signals/{entry}/marking", json=members_marking(bank.member.id)),
    ):
        assert (answer.status_code, answer.json["reason"]) == (403, "not_owner")
    assert held(bank, list_id) == {entry}


def test_narrowing_a_list_takes_it_from_those_who_may_no_longer_see_it(
    make: Make, platform: Caller, bank: Caller
) -> None:
    other = make.caller(make.member())
    list_id = new_list(platform, COMMUNITY)
    entry = published(platform, list_id, sha(1))[0]

    answer = platform.put(f"/v1/signal-lists/{list_id}/marking", json=members_marking(bank.member.id))

    assert answer.status_code == 200, answer.text
    assert answer.json["marking"]["audience"]["members"] == [bank.member.id]
    assert held(bank, list_id) == {entry}
    assert changes(other) == [] or {line["kind"] for line in changes(other)} == {"sight.lost"}
    assert other.get(f"/v1/signals/{entry}").status_code == 404
    newest = [line for line in changes(bank) if line["kind"] == "list.changed"][-1]
    assert newest["body"]["marking"]["tlp"] == "TLP:AMBER"
    assert newest["body"]["marking"]["audience"] == {"kind": "members"}


def test_widening_a_list_takes_a_person_and_stays_above_the_floor_of_its_types(make: Make) -> None:
    member = make.member()
    service, person = make.caller(member), make.caller(member, user=make.user(member))
    reader = make.member()
    wide = members_marking(reader.id, make.member().id)
    list_id = new_list(service, members_marking(reader.id), "pdq", "sha256")

    refused = service.put(f"/v1/signal-lists/{list_id}/marking", json=wide)
    assert (refused.status_code, refused.json["reason"]) == (403, "needs_person")
    assert person.put(f"/v1/signal-lists/{list_id}/marking", json=wide).status_code == 200
    assert person.put(f"/v1/signal-lists/{list_id}/marking", json=COMMUNITY).status_code == 422


def test_an_authority_sees_what_a_group_that_names_it_holds_and_no_more(make: Make, platform: Caller) -> None:
    authority = make.member(sector=Sector.AUTHORITY)
    reader = make.caller(authority)
    group = make.group(platform.member, [platform.member, authority])
    inside = new_list(platform, group_marking(group.id), "pdq", slug="inside")
    new_list(platform, COMMUNITY, slug="outside")
    published(platform, inside, pdq(1))
    assert [item["id"] for item in reader.get("/v1/signal-lists").json["items"]] == [inside]
    assert len(reader.get(f"/v1/signal-lists/{inside}/signals").json["items"]) == 1


def test_reading_a_page_is_one_audit_entry_with_the_list_and_the_count(
    runtime: Runtime, platform: Caller, bank: Caller
) -> None:
    list_id = new_list(platform, COMMUNITY)
    published(platform, list_id, sha(1), sha(2))
    lines = [line for line in changes(bank) if line["kind"] == "signal.changed"]
    bank.get(f"/v1/signal-lists/{list_id}/signals")
    with runtime.db.read() as session:
        wanted = select(AuditEntry.entry).where(AuditEntry.action == "signals.listed")
        (raw,) = session.scalars(wanted).all()
    entry = json.loads(raw)
    (subject,) = entry["subjects"]
    assert entry["decision"] == "released"
    assert (subject["collection"], subject["count"]) == (list_id, 2)
    assert (subject["first"], subject["last"]) == (lines[0]["date"], lines[-1]["date"])
    assert subject["marking"]["tlp"] == "TLP:GREEN"


def test_an_answer_to_a_publisher_never_says_that_others_have_it(platform: Caller, bank: Caller) -> None:
    theirs, ours = new_list(platform, COMMUNITY, slug="theirs"), new_list(bank, COMMUNITY, slug="ours")
    published(platform, theirs, sha(1))
    assert [item["status"] for item in publish(bank, ours, sha(1))] == ["accepted"]


def test_answers_have_the_form_that_is_documented(make: Make, platform: Caller) -> None:
    reader = make.caller(make.member())
    narrow = {**members_marking(reader.member.id), "prohibited_purposes": ["train"]}
    list_id = new_list(platform, members_marking(reader.member.id, make.member().id), "pdq", "vpdq")
    classified = {
        **pdq(1),
        "classification": {"scheme": "iwf", "code": "A1"},
        "confidence": 3,
        "marking": narrow,
    }
    frames = {"type": "vpdq", "value": [f"{pdq(n)['value']},80,{n}" for n in range(80)]}
    path = f"/v1/signal-lists/{list_id}"
    sent = {"signals": [classified, frames, {}]}
    published_answer = platform.post(f"{path}/signals", json=sent).json
    entry_id = published_answer["items"][0]["id"]
    body = {"signals": [{"type": "pdq", "value": pdq(1)["value"]}, {"type": "pdq", "value": ""}]}
    answers: tuple[tuple[type[Schema], Any], ...] = (
        (PublishedSchema, published_answer),
        (SignalListSchema, reader.get(path).json),
        (SignalListPageSchema, reader.get("/v1/signal-lists").json),
        (SignalPageSchema, reader.get(f"{path}/signals").json),
        (SingleSignalSchema, reader.get(f"/v1/signals/{entry_id}").json),
        (LookupAnswerSchema, reader.post("/v1/lookup", json=body).json),
        (
            WithdrawnSchema,
            platform.post(f"{path}/withdrawals", json={"ids": [entry_id, ABSENT], "reason": "wrong"}).json,
        ),
    )
    for schema, answer in answers:
        assert schema().validate(answer) == {}, schema
