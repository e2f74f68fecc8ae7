"""The form of an audit entry: final, closed, and free of whatever must be erasable."""

import json
import secrets
import uuid
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from app import canonical, events
from app.audit.entry import SUBJECT_LIMIT, Entry, Request, build, build_all
from app.clock import from_text
from app.events import Event, Subject
from app.question import ANONYMOUS, SYSTEM, Actor, MarkingView
from app.transparency.tiles import ENTRY_BYTES
from schemas import documents
from schemas.vocabulary import AudienceKind, Decision, Pap, Tlp

AT = from_text("2026-11-23T09:30:00.000001Z")


def ident(n: int) -> str:
    return str(uuid.UUID(int=n))


PERSON = Actor(member_id=ident(1), client_id=ident(2), user_id=ident(3), purpose="investigate")
MARKED = MarkingView(
    tlp=Tlp.AMBER, pap=Pap.AMBER, owner_id=ident(7), audience=AudienceKind.GROUP, group_id=ident(8)
)


def check(made: Entry) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(made.data)
    jsonschema.Draft202012Validator(documents.load(documents.AUDIT_ENTRY)).validate(document)
    return document


def kinds(base: type[Event] = Event) -> Iterator[type[Event]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


@pytest.mark.parametrize("kind", list(kinds()), ids=lambda kind: kind.kind)
def test_every_event_makes_an_entry_of_the_published_form(kind: type[Event]) -> None:
    event = kind(subjects=(Subject(kind="set", id=ident(4)).marked(MARKED),), reason="wrong")
    made = build(
        at=AT,
        action=event.kind,
        decision=Decision.ALLOWED,
        actor=SYSTEM,
        request=Request(network="192.0.2.7"),
        subjects=event.subjects,
        reason=event.reason,
    )
    assert check(made)["action"] == kind.kind


def test_events_are_named_once() -> None:
    names = [kind.kind for kind in kinds()]
    assert len(names) == len(set(names))
    assert events.SubscriptionAcknowledged.kind in names


@pytest.mark.parametrize("actor", [PERSON, ANONYMOUS, SYSTEM, Actor(member_id=ident(1), client_id=ident(2))])
@pytest.mark.parametrize("decision", list(Decision))
@pytest.mark.parametrize("stream", [None, (ident(5), 0)])
def test_pages_segments_and_refusals_are_of_the_published_form(
    actor: Actor, decision: Decision, stream: tuple[str, int] | None
) -> None:
    subjects = (
        Subject(kind="changes", collection_id=ident(6), place=ident(9), first=1, last=AT, count=0),
        Subject(kind="version", id=ident(4), version="1.0.0-rc.1", collection_id=ident(6)).marked(MARKED),
        Subject(kind="requests", count=3),
    )
    made = build(
        at=AT, action="changes.read", decision=decision, actor=actor, request=Request(), subjects=subjects,
        reason="not-found", body_digest=b"1" * 32, query_digest=b"2" * 32, stream=stream,
    )  # fmt: skip
    document = check(made)
    assert set(document["commitments"]) == {"body", "query"}


@pytest.mark.parametrize("where", ["", "actor", "commitments", "subjects/0", "subjects/0/marking"])
def test_the_published_form_is_closed(where: str) -> None:
    made = build(
        at=AT, action="a.b", decision=Decision.ALLOWED, actor=PERSON, request=Request(),
        subjects=[Subject(kind="set", id=ident(4)).marked(MARKED)],
    )  # fmt: skip
    document = check(made)
    inner: Any = document
    for step in filter(None, where.split("/")):
        inner = inner[int(step) if step.isdigit() else step]
    inner["more"] = "x"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(documents.load(documents.AUDIT_ENTRY)).validate(document)


def test_the_bytes_of_an_entry_are_these_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=10))
    monkeypatch.setattr(secrets, "token_bytes", lambda size: b"s" * size)
    made = build(
        at=AT,
        action="version.read",
        decision=Decision.RELEASED,
        actor=PERSON,
        request=Request(id=ident(11), network="192.0.2.7"),
        subjects=[
            Subject(kind="version", id=ident(4), version="1.0.0", collection_id=ident(6)).marked(MARKED),
            Subject(kind="changes", first=AT - 1, last=AT, count=2),
        ],
        reason="x",
        body_digest=bytes(32),
        query_digest=bytes(31) + b"1",
        stream=(ident(12), 3),
    )
    assert made.data.decode() == (
        '{"action":"version.read",'
        '"actor":{"client":"00000000-0000-0000-0000-000000000002",'
        '"member":"00000000-0000-0000-0000-000000000001",'
        '"user":"00000000-0000-0000-0000-000000000003"},'
        '"at":"2026-11-23T09:30:00.000001Z",'
        '"commitments":{'
        '"body":"eabcd4bb5469a5afbdb4e1b538c7a66bbc0f8821ae38b8dd7bccc75921448b34",'
        '"network":"f6f53ed5ce3e40f9754c8487a563773dcf38cb4d589ad36d593c3fcd6464e49d",'
        '"query":"1c6799b4815d5bbb0fbb99bc70c6531c8dfc136d8c0fd28d477e8a2d18c31de7"},'
        '"decision":"released",'
        '"id":"00000000-0000-0000-0000-00000000000a",'
        '"purpose":"investigate",'
        '"reason":"x",'
        '"request":"00000000-0000-0000-0000-00000000000b",'
        '"schema":"halyard.audit-entry/1",'
        '"stream":{"id":"00000000-0000-0000-0000-00000000000c","segment":3},'
        '"subjects":[{"collection":"00000000-0000-0000-0000-000000000006",'
        '"id":"00000000-0000-0000-0000-000000000004","kind":"version",'
        '"marking":{"audience":{"group":"00000000-0000-0000-0000-000000000008","kind":"group"},'
        '"pap":"PAP:AMBER","tlp":"TLP:AMBER"},'
        '"owner":"00000000-0000-0000-0000-000000000007","version":"1.0.0"},'
        '{"count":2,"first":"2026-11-23T09:30:00.000000Z","kind":"changes",'
        '"last":"2026-11-23T09:30:00.000001Z"}]}'
    )


def test_an_entry_holds_no_digest_and_no_address_in_clear() -> None:
    body, query = b"\x01" * 32, b"\x02" * 32
    request = Request(network="192.0.2.7")
    made = build(
        at=AT, action="a.b", decision=Decision.RELEASED, actor=PERSON, request=request, body_digest=body,
        query_digest=query,
    )  # fmt: skip
    for clear in (body.hex().encode(), query.hex().encode(), b"192.0.2.7", made.salt.hex().encode()):
        assert clear not in made.data
    commitments = check(made)["commitments"]
    assert commitments == {
        "body": canonical.commitment(made.salt, body),
        "query": canonical.commitment(made.salt, query),
        "network": canonical.commitment(made.salt, b"192.0.2.7"),
    }
    again = build(at=AT, action="a.b", decision=Decision.RELEASED, actor=PERSON, request=request)
    assert check(again)["commitments"]["network"] != commitments["network"]


LONGEST = Subject(
    kind="k" * 64, id=ident(1), version="9" * 64, collection_id=ident(2), place=ident(3), owner_id=ident(4),
    tlp=Tlp.AMBER_STRICT.value, pap=Pap.AMBER.value, audience=AudienceKind.COMMUNITY.value, group_id=ident(5),
    first=AT, last=AT, count=2**53 - 1,
)  # fmt: skip


def built(subjects: list[Subject]) -> list[Entry]:
    return build_all(
        at=AT, action="a" * 64, decision=Decision.COMPLETED, actor=PERSON, request=Request(network="n" * 64),
        subjects=subjects, reason="r" * 64, body_digest=bytes(32), query_digest=bytes(32),
        stream=(ident(6), 2**53 - 1),
    )  # fmt: skip


def test_an_entry_of_the_longest_subjects_fits_a_bundle() -> None:
    (made,) = built([LONGEST] * SUBJECT_LIMIT)
    check(made)
    assert len(made.data) <= ENTRY_BYTES


@pytest.mark.parametrize("count", [0, 1, SUBJECT_LIMIT, SUBJECT_LIMIT + 1, 3 * SUBJECT_LIMIT - 1])
def test_an_exchange_about_many_things_is_as_many_entries_as_they_take(count: int) -> None:
    subjects = [Subject(kind="set", count=n) for n in range(count)]
    made = built(subjects)
    documents_made = [check(one) for one in made]
    assert [one["count"] for document in documents_made for one in document["subjects"]] == list(range(count))
    assert [subject for one in made for subject in one.subjects] == subjects
    assert len(made) == max(1, -(-count // SUBJECT_LIMIT))
    assert len({document["request"] for document in documents_made}) == 1
    assert len({one.salt for one in made}) == len(made)
    assert all(document["stream"]["id"] == ident(6) for document in documents_made)
    assert all(
        canonical.commitment(one.salt, bytes(32)) == document["commitments"]["body"]
        for one, document in zip(made, documents_made, strict=True)
    )


def test_an_entry_that_no_bundle_could_hold_is_never_made() -> None:
    with pytest.raises(ValueError, match="65,535"):
        build(
            at=AT, action="a.b", decision=Decision.RELEASED, actor=PERSON, request=Request(),
            subjects=[LONGEST] * 2 * SUBJECT_LIMIT,
        )  # fmt: skip
