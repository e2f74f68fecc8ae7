"""Sets over the API: created, read, listed, and what is refused."""

# mypy: disable-error-code="index"
# An answer that is no JSON fails its test by itself.

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.main import create_app
from app.runtime import Runtime
from schemas.vocabulary import Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.samples import (
    COMMUNITY,
    PUBLIC,
    created,
    group_marking,
    members_marking,
    pointers,
    published,
    red_marking,
)

ABSENT = "00000000-0000-4000-8000-000000000000"


def test_a_set_is_created_with_its_marking_and_read_by_the_community(author: Caller, bank: Caller) -> None:
    made = created(author, COMMUNITY)

    answer = bank.get(f"/v1/sets/{made['id']}")

    assert answer.status_code == 200
    assert answer.json == made
    assert answer.json["owner"] == author.member.id
    assert answer.json["marking"] == {**COMMUNITY, "prohibited_purposes": []}


def test_the_owner_reads_back_whom_it_named_and_recipients_do_not(
    author: Caller, bank: Caller, make: Make
) -> None:
    other = make.member()
    made = created(author, members_marking(bank.member.id, other.id))

    assert sorted(made["marking"]["audience"]["members"]) == sorted([bank.member.id, other.id])
    assert bank.get(f"/v1/sets/{made['id']}").json["marking"]["audience"] == {"kind": "members"}


def test_a_hidden_set_and_one_that_does_not_exist_give_the_same_answer(
    author: Caller, bank: Caller, make: Make
) -> None:
    hidden = created(author, members_marking(make.member().id))["id"]

    def answers(set_id: str) -> list[tuple[int, Any, Any]]:
        named = {"If-Match": '"x"'}
        calls = [
            bank.get(f"/v1/sets/{set_id}"),
            bank.get(f"/v1/sets/{set_id}/draft"),
            bank.put(f"/v1/sets/{set_id}/draft", json={"content": {}}, headers=named),
            bank.put(f"/v1/sets/{set_id}/draft", json={"content": {}}),
            bank.put(f"/v1/sets/{set_id}/marking", json=COMMUNITY),
            bank.put(f"/v1/sets/{set_id}/marking", json=group_marking(ABSENT)),
            bank.get(f"/v1/sets/{set_id}/versions"),
            bank.get(f"/v1/sets/{set_id}/versions/1.0.0"),
            bank.post(f"/v1/sets/{set_id}/versions", json={"version": "1.0.0"}),
            bank.get(f"/v1/sets/{set_id}/diff?from=1.0.0&to=1.1.0"),
            bank.post(f"/v1/sets/{set_id}/versions/1.0.0/deprecate", json={"successor": "1.1.0"}),
            bank.post(f"/v1/sets/{set_id}/versions/1.0.0/retract", json={"reason": "wrong"}),
        ]
        return [(call.status_code, call.json, sorted(call.headers.keys())) for call in calls]

    assert answers(hidden) == answers(ABSENT)
    assert {status for status, _, _ in answers(ABSENT)} == {404, 428}


def test_sets_are_listed_in_pages_without_the_hidden_and_the_red(make: Make, bank: Caller) -> None:
    ngo = make.member(sector=Sector.NGO)
    person = make.caller(ngo, user=make.user(ngo))
    reader_user = make.user(bank.member)
    reader = make.caller(bank.member, user=reader_user)
    seen = sorted(created(person, COMMUNITY, slug=f"open-{n}")["id"] for n in range(3))
    created(person, members_marking(make.member().id), slug="hidden")
    red = created(person, red_marking(reader_user.id), slug="red")["id"]

    first = reader.get("/v1/sets?limit=2").json
    second = reader.get(f"/v1/sets?limit=2&after={first['next']}").json

    assert [item["id"] for item in first["items"] + second["items"]] == seen
    assert second["next"] is None
    assert reader.get(f"/v1/sets/{red}").status_code == 200


def test_a_page_cursor_of_another_member_is_refused(author: Caller, bank: Caller) -> None:
    for n in range(2):
        created(author, slug=f"set-{n}")
    taken = author.get("/v1/sets?limit=1").json["next"]

    assert bank.get(f"/v1/sets?after={taken}").status_code == 422


def test_a_prohibited_purpose_is_refused_singly_and_left_out_of_pages(author: Caller, make: Make) -> None:
    made = created(author, {**COMMUNITY, "prohibited_purposes": ["train"]})
    trainer = make.caller(make.member(), purpose=Purpose.TRAIN)

    single = trainer.get(f"/v1/sets/{made['id']}")
    page = trainer.get("/v1/sets").json

    assert (single.status_code, single.json["reason"]) == (403, "purpose_prohibited")
    assert (page["items"], page["excluded"]) == ([], [made["id"]])


def test_an_import_keeps_its_id_and_a_taken_one_is_refused(author: Caller, bank: Caller) -> None:
    made = created(author, COMMUNITY, id=ABSENT)

    again = bank.post("/v1/sets", json={"slug": "b", "title": "B", "marking": COMMUNITY, "id": ABSENT})

    assert made["id"] == ABSENT
    assert (again.status_code, again.json["reason"]) == (409, "taken")


def test_a_slug_is_unique_for_one_owner_only(author: Caller, bank: Caller) -> None:
    body = {"slug": "same", "title": "A", "marking": COMMUNITY}

    assert [caller.post("/v1/sets", json=body).status_code for caller in (author, bank, author)] == [
        201, 201, 409,
    ]  # fmt: skip


def test_a_client_that_is_bound_to_collections_creates_no_other(make: Make) -> None:
    bound = make.caller(make.member(), collections=[ABSENT])

    answer = bound.post("/v1/sets", json={"slug": "x", "title": "X", "marking": COMMUNITY})

    assert (answer.status_code, answer.json["reason"]) == (403, "client_not_bound")
    assert bound.get("/v1/sets").json["items"] == []


def test_a_client_that_is_bound_to_collections_finds_no_other(author: Caller, make: Make) -> None:
    names = [
        author.post("/v1/sets", json={"slug": slug, "title": "A", "marking": COMMUNITY}).json["id"]
        for slug in ("bound", "other")
    ]
    bound = make.caller(make.member(), collections=names[:1])

    assert [bound.get(f"/v1/sets/{name}").status_code for name in names] == [200, 404]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"marking": None}, "/marking"),
        ({"marking": {**COMMUNITY, "tlp": "TLP:WHITE"}}, "/marking/tlp"),
        ({"marking": {**COMMUNITY, "tlp": ["TLP:GREEN", "TLP:RED"]}}, "/marking/tlp"),
        ({"marking": {"tlp": "TLP:AMBER", "pap": "PAP:AMBER"}}, "/marking/audience"),
        ({"marking": {**COMMUNITY, "tlp": "TLP:AMBER"}}, "/marking/audience"),
        ({"marking": members_marking()}, "/marking/audience"),
        ({"marking": members_marking(ABSENT)}, "/marking/audience/members/0"),
        ({"marking": group_marking(ABSENT)}, "/marking/audience/group"),
        ({"marking": {**COMMUNITY, "audience": {"kind": "community", "members": [ABSENT]}}},
         "/marking/audience/members"),
        ({"marking": {**COMMUNITY, "note": "Ask jane.doe@example.org"}}, "/marking/note"),
        ({"title": "Call +44 20 7946 0958"}, "/title"),
        ({"slug": "Not A Slug"}, "/slug"),
        ({"id": "x"}, "/id"),
        ({"extra": 1}, "/extra"),
    ],
)  # fmt: skip
def test_a_set_without_one_usable_marking_and_clean_names_is_refused(
    author: Caller, change: dict[str, Any], pointer: str
) -> None:
    answer = author.post("/v1/sets", json={"slug": "s", "title": "T", "marking": COMMUNITY, **change})

    assert answer.status_code == 422
    assert pointer in pointers(answer)
    assert author.get("/v1/sets").json["items"] == []


def test_red_names_its_readers_and_always_its_author(make: Make, author: Caller, bank: Caller) -> None:
    ngo = author.member
    person, colleague = (make.caller(ngo, user=make.user(ngo)) for _ in range(2))
    named = make.user(bank.member)
    body = {"slug": "r", "title": "R", "marking": red_marking(named.id)}

    service = author.post("/v1/sets", json=body)
    nobody = person.post("/v1/sets", json={**body, "marking": red_marking()})
    made = created(person, red_marking(named.id))

    assert (service.status_code, service.json["reason"]) == (403, "needs_person")
    assert (nobody.status_code, pointers(nobody)) == (422, ["/marking/audience"])
    readers = [person, make.caller(bank.member, user=named)]
    assert [one.get(f"/v1/sets/{made['id']}").status_code for one in readers] == [200, 200]
    others = [colleague, author, bank]
    assert [one.get(f"/v1/sets/{made['id']}").status_code for one in others] == [404] * 3


def test_a_group_of_others_is_no_audience_of_mine(make: Make, author: Caller, bank: Caller) -> None:
    group = make.group(bank.member, [bank.member])

    answer = author.post("/v1/sets", json={"slug": "g", "title": "G", "marking": group_marking(group.id)})

    assert pointers(answer) == ["/marking/audience/group"]


def test_anonymous_callers_read_what_is_public_if_the_operator_says_so(
    author: Caller, runtime: Runtime, http: FlaskClient
) -> None:
    public = created(author, PUBLIC, slug="public")["id"]
    created(author, COMMUNITY, slug="green")
    published(author, public)
    reading = create_app(replace(runtime, config=replace(runtime.config, public_reading=True))).test_client()

    listed: Any = reading.get("/v1/sets").json

    assert [one["id"] for one in listed["items"]] == [public]
    assert reading.get(f"/v1/sets/{public}/versions/1.0.0").status_code == 200
    assert http.get(f"/v1/sets/{public}/versions/1.0.0").status_code == 401
    assert reading.post("/v1/sets", json={}).status_code == 401


def test_scopes_are_asked_for(make: Make) -> None:
    reader = make.caller(make.member(), Scope.SETS_READ)
    writer = make.caller(make.member(), Scope.SETS_WRITE)

    assert reader.post("/v1/sets", json={}).status_code == 403
    assert writer.get("/v1/sets").status_code == 403
