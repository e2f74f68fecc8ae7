"""The audit log over HTTP: what auditors find, what a member finds, and what neither is told."""

import hashlib
import json
from typing import Any

import jsonschema
import pytest
from sqlalchemy import delete, select

from app import clock as time
from app.audit.entry import SUBJECT_LIMIT
from app.audit.models import AuditEntry, AuditPrivate
from app.audit.withheld import band
from app.runtime import Runtime
from app.subscriptions.models import Subscription
from schemas import documents
from schemas.vocabulary import Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import look_up, new_list, publish, sha
from tests.samples import COMMUNITY, created, group_marking, members_marking, published, red_marking

ABSENT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def auditor(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.OVERSIGHT), Scope.AUDIT_READ)


@pytest.fixture
def author(make: Make) -> Caller:
    return make.caller(make.member("An NGO", sector=Sector.NGO))


@pytest.fixture
def bank(make: Make) -> Caller:
    return make.caller(make.member("A bank"))


def items(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    answer = caller.get("/v1/audit/entries", query_string={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = json.loads(answer.text)["items"]
    return found


def entries(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    return [item["entry"] for item in items(caller, **query)]


def who_was_given(caller: Caller, set_id: str, version: str) -> set[str]:
    """Members to whom a version was handed, by any way."""
    return {
        entry["actor"]["member"]
        for entry in entries(caller, collection=set_id, version=version, decision="released")
    }


def own(make: Make, caller: Caller) -> Caller:
    """A client of the same member that may read what concerns it."""
    return make.caller(caller.member, Scope.AUDIT_READ_OWN)


# ── Auditors ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_auditor_reads_the_stored_bytes_in_order_and_each_fits_the_published_form(
    author: Caller, bank: Caller, auditor: Caller, runtime: Runtime
) -> None:
    made = created(author)
    published(author, made["id"])
    bank.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    bank.get(f"/v1/sets/{ABSENT}")
    bank.get("/v1/changes")
    bank.get("/v1/changes", headers={"Accept": "application/x-ndjson"}).get_data()
    publish(author, new_list(author, COMMUNITY), sha(1))
    look_up(bank, sha(1))
    answer = auditor.get("/v1/audit/entries", query_string={"limit": 1000})

    found = items(auditor)
    assert [item["index"] for item in found] == list(range(1, len(found) + 1))
    with runtime.db.read() as session:
        stored = list(session.scalars(select(AuditEntry.entry).order_by(AuditEntry.at)))
    assert len(stored) > 10
    assert all(entry in answer.data for entry in stored[:10])
    validator = jsonschema.Draft202012Validator(documents.load(documents.AUDIT_ENTRY))
    for entry in stored:
        validator.validate(json.loads(entry))
    decisions = {json.loads(entry)["decision"] for entry in stored}
    assert decisions == {"allowed", "released", "refused", "completed"}


def test_reading_the_log_is_itself_in_the_log(auditor: Caller) -> None:
    before = entries(auditor)
    after = entries(auditor)
    assert len(after) == len(before) + 1
    assert after[-1]["action"] == "audit.read"
    assert after[-1]["actor"]["client"] == auditor.client.id
    assert after[-1]["subjects"] == [{"kind": "entry", "count": len(before)}]


def test_pages_follow_each_other_by_cursor_without_gap_or_repeat(author: Caller, auditor: Caller) -> None:
    for n in range(5):
        created(author, slug=f"s{n}")
    whole = [entry["id"] for entry in entries(auditor, member=author.member.id)]
    paged, query = [], {"member": author.member.id, "limit": 2}
    while True:
        page = json.loads(auditor.get("/v1/audit/entries", query_string=query).text)
        paged += [item["entry"]["id"] for item in page["items"]]
        if page["next"] is None:
            break
        query["after"] = page["next"]
    assert paged == whole
    assert len(whole) == 5


def test_filters_combine(author: Caller, bank: Caller, auditor: Caller, clock: FakeClock) -> None:
    one, other = created(author), created(author, slug="other")
    bank.get(f"/v1/sets/{one['id']}")
    clock.advance(120)
    middle = time.to_text(clock())
    bank.get(f"/v1/sets/{one['id']}")
    bank.get(f"/v1/sets/{other['id']}")
    bank.get(f"/v1/sets/{ABSENT}")

    def count(**query: Any) -> int:
        return len(entries(auditor, **query))

    assert count(member=bank.member.id) == 4
    assert count(member=bank.member.id, since=middle) == 3
    assert count(member=bank.member.id, until=middle) == 1
    assert count(client=bank.client.id, collection=one["id"]) == 2
    assert count(client=bank.client.id, collection=one["id"], since=middle) == 1
    assert count(collection=one["id"], action="set.read") == 2
    assert count(collection=one["id"]) == 3  # its creation too
    assert count(member=bank.member.id, decision="refused") == 1
    assert count(object=ABSENT, decision="refused") == 1
    assert count(object=other["id"], action="set.read", member=author.member.id) == 0


def test_one_request_is_found_by_its_id(bank: Caller, auditor: Caller) -> None:
    request = bank.get("/v1/changes").headers["Halyard-Request-Id"]
    bank.get("/v1/changes")
    assert [entry["action"] for entry in entries(auditor, request=request)] == ["changes.read"]


def test_who_was_given_a_version_names_direct_readers_and_readers_of_the_feed(
    author: Caller, auditor: Caller, make: Make
) -> None:
    direct, polling, early, streaming, before, refused = (make.caller(make.member()) for _ in range(6))
    made = created(
        author, members_marking(*(c.member.id for c in (direct, polling, early, streaming, before)))
    )
    before.get("/v1/changes")
    published(author, made["id"], "1.0.0")
    direct.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    polling.get("/v1/changes")
    streaming.get("/v1/changes", headers={"Accept": "application/x-ndjson"}).get_data()
    early.get("/v1/changes", query_string={"limit": 1})  # the set alone
    refused.get(f"/v1/sets/{made['id']}/versions/1.0.0")

    given = who_was_given(auditor, made["id"], "1.0.0")
    assert given == {caller.member.id for caller in (direct, polling, streaming)}


def test_whoever_came_after_a_retraction_was_not_given_the_version(
    author: Caller, auditor: Caller, make: Make, clock: FakeClock
) -> None:
    timely, late = make.caller(make.member()), make.caller(make.member())
    made = created(author)
    published(author, made["id"], "1.0.0")
    timely.get("/v1/changes")
    author.post(f"/v1/sets/{made['id']}/versions/1.0.0/retract", json={"reason": "wrong"})
    clock.advance(300)
    assert "version.tombstoned" in late.get("/v1/changes").text
    late.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    assert who_was_given(auditor, made["id"], "1.0.0") == {timely.member.id}


def test_who_was_given_a_signal_is_found_by_its_pages(author: Caller, auditor: Caller, make: Make) -> None:
    polling, other = make.caller(make.member()), make.caller(make.member())
    signals = new_list(author, COMMUNITY)
    entry = publish(author, signals, sha(1))[0]["id"]
    polling.get("/v1/changes")
    other.get("/v1/changes", query_string={"collection": created(author)["id"]})
    found = entries(auditor, object=entry, action="changes.read")
    assert {each["actor"]["member"] for each in found} == {polling.member.id}


def test_an_entry_opens_to_the_bytes_that_left_while_that_is_retained(
    bank: Caller, author: Caller, auditor: Caller, runtime: Runtime
) -> None:
    published(author, created(author)["id"])
    page = bank.get("/v1/changes")
    entry = entries(auditor, member=bank.member.id, action="changes.read")[-1]
    path = f"/v1/audit/entries/{entry['id']}"
    item = json.loads(auditor.get(path).text)
    opened = item["openings"]
    salt = bytes.fromhex(opened["salt"])

    assert item["entry"] == entry
    assert opened["body"] == hashlib.sha256(page.data).hexdigest()
    assert opened["network"] == "127.0.0.1"
    assert hashlib.sha256(salt + bytes.fromhex(opened["body"])).hexdigest() == entry["commitments"]["body"]
    with runtime.db.write() as session:
        session.execute(delete(AuditPrivate).where(AuditPrivate.entry_id == entry["id"]))
    assert json.loads(auditor.get(path).text) == {**item, "openings": None}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("member=x", "/member"),
        ("since=yesterday", "/since"),
        ("decision=maybe", "/decision"),
        ("version=1.0.0", "/collection"),
        ("action=DROP", "/action"),
        ("limit=0", "/limit"),
        ("nonsense=1", "/nonsense"),
    ],
)
def test_a_filter_that_makes_no_sense_is_named(auditor: Caller, query: str, pointer: str) -> None:
    answer = auditor.get(f"/v1/audit/entries?{query}")
    assert answer.status_code == 422
    assert [error["pointer"] for error in json.loads(answer.text)["errors"]] == [pointer]


def test_the_log_needs_its_scope_and_a_client_without_bound(make: Make) -> None:
    member = make.member()
    assert make.caller(member, Scope.SETS_READ).get("/v1/audit/entries").status_code == 403
    bound = make.caller(member, Scope.AUDIT_READ, collections=[ABSENT]).get("/v1/audit/entries")
    assert (bound.status_code, json.loads(bound.text)["reason"]) == (403, "client_not_bound")


# ── A member ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_member_sees_its_own_entries_whole_and_nothing_that_does_not_concern_it(
    make: Make, author: Caller, bank: Caller
) -> None:
    made = created(author)
    bank.get(f"/v1/sets/{made['id']}")
    other = make.caller(make.member())
    other.get("/v1/changes", query_string={"collection": ABSENT})

    found = items(own(make, bank))
    assert {item["entry"]["actor"]["member"] for item in found} == {bank.member.id}
    assert not any(item["reduced"] or "index" in item for item in found)
    assert {"client", "request", "commitments"} <= set(found[0]["entry"]) | set(found[0]["entry"]["actor"])


def test_an_owner_sees_who_read_its_data_but_not_by_which_client_or_request(
    make: Make, author: Caller, bank: Caller
) -> None:
    made = created(author)
    published(author, made["id"])
    bank.get(f"/v1/sets/{made['id']}/versions/1.0.0")
    item = next(
        item
        for item in items(own(make, author), collection=made["id"], action="version.read")
        if item["entry"]["actor"]["member"] == bank.member.id
    )

    assert item["reduced"]
    assert set(item["entry"]) == {"id", "at", "action", "decision", "purpose", "actor", "subjects"}
    assert item["entry"]["actor"] == {"member": bank.member.id}
    assert item["entry"]["purpose"] == "detect"
    assert item["entry"]["subjects"][0]["marking"]["tlp"] == "TLP:GREEN"
    assert bank.client.id not in json.dumps(item)


def test_an_owner_sees_of_anothers_page_its_own_collections_only(
    make: Make, author: Caller, bank: Caller
) -> None:
    rival = make.caller(make.member())
    mine, theirs = created(author), created(rival)
    bank.get("/v1/changes")
    reader = own(make, author)
    found = [entry for entry in entries(reader) if entry["actor"]["member"] == bank.member.id]
    assert [subject["collection"] for subject in found[0]["subjects"]] == [mine["id"]]
    assert theirs["id"] not in json.dumps(found)


def test_a_member_cannot_ask_what_else_stands_in_anothers_entry(
    make: Make, author: Caller, bank: Caller
) -> None:
    rival = make.caller(make.member())
    mine, theirs = created(author), created(rival)
    request = bank.get("/v1/changes").headers["Halyard-Request-Id"]
    reader = own(make, author)
    assert len(entries(reader, collection=mine["id"], action="changes.read")) == 1
    assert entries(reader, collection=theirs["id"]) == []
    assert entries(reader, object=theirs["id"]) == []
    assert entries(reader, client=bank.client.id) == []
    assert entries(reader, request=request) == []


def test_an_owner_learns_how_much_others_looked_up_in_bands(make: Make, author: Caller, bank: Caller) -> None:
    signals = new_list(author, COMMUNITY)
    publish(author, signals, *map(sha, range(12)))
    look_up(bank, *map(sha, range(12)))
    found = entries(own(make, author), action="signals.looked-up")
    subjects = [subject for entry in found for subject in entry["subjects"]]
    assert [(subject["collection"], subject["band"]) for subject in subjects] == [(signals, "10-99")]
    assert "count" not in subjects[0]


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0"), (1, "1-9"), (9, "1-9"), (10, "10-99"), (9_999, "1000-9999"), (10**6, "10000+")],
)
def test_a_band_says_roughly_how_many(count: int, said: str) -> None:
    assert band(count) == said


def test_of_what_is_red_a_colleague_learns_no_id(make: Make) -> None:
    member = make.member()
    person = make.caller(member, user=make.user(member))
    made = created(person, red_marking(person.user.id if person.user else ""))
    person.get(f"/v1/sets/{made['id']}")

    colleague = items(own(make, person))
    assert made["id"] not in json.dumps(colleague)
    assert {"set.created", "set.read"} <= {item["entry"]["action"] for item in colleague if item["reduced"]}
    assert made["id"] in json.dumps(items(person))


def test_one_entry_is_there_for_whom_it_concerns_and_opens_for_auditors_only(
    make: Make, author: Caller, bank: Caller, auditor: Caller
) -> None:
    made = created(author, group_marking(make.group(author.member, [bank.member]).id))
    bank.get(f"/v1/sets/{made['id']}")
    entry = entries(auditor, member=bank.member.id)[-1]["id"]
    path = f"/v1/audit/entries/{entry}"
    stranger = own(make, make.caller(make.member()))

    assert json.loads(own(make, author).get(path).text)["reduced"] is True
    mine = json.loads(own(make, bank).get(path).text)
    assert mine["reduced"] is False
    assert "openings" not in mine
    absent = stranger.get(f"/v1/audit/entries/{ABSENT}")
    assert (stranger.get(path).status_code, stranger.get(path).data) == (404, absent.data)


def test_a_member_finds_who_was_given_a_version_of_its_own_set(
    make: Make, author: Caller, bank: Caller
) -> None:
    made = created(author)
    published(author, made["id"])
    bank.get("/v1/changes")
    assert who_was_given(own(make, author), made["id"], "1.0.0") == {bank.member.id}
    stranger = own(make, make.caller(make.member(), purpose=Purpose.RESEARCH))
    assert who_was_given(stranger, made["id"], "1.0.0") == set()


def test_an_owner_sees_who_subscribed_to_its_set(make: Make, author: Caller, bank: Caller) -> None:
    made = created(author)
    bank.post("/v1/subscriptions", json={"name": "Ours", "collections": [made["id"]]})
    found = entries(own(make, author), action="subscription.created")
    assert found[0]["subjects"] == [
        {"kind": "collection", "collection": made["id"], "owner": author.member.id}
    ]
    with make.runtime.db.read() as session:
        assert str(session.scalar(select(Subscription.id))) not in json.dumps(found)


def test_a_page_about_more_things_than_an_entry_holds_is_several_entries_of_one_request(
    author: Caller, auditor: Caller
) -> None:
    made = {new_list(author, COMMUNITY, slug=f"hashes-{n}") for n in range(SUBJECT_LIMIT + 1)}
    answer = author.get("/v1/signal-lists/", query_string={"limit": 1000})
    found = entries(auditor, request=answer.headers["Halyard-Request-Id"])
    assert sorted(len(entry["subjects"]) for entry in found) == [1, SUBJECT_LIMIT]
    assert {subject["id"] for entry in found for subject in entry["subjects"]} == made
    assert {entry["decision"] for entry in found} == {"released"}
