"""The worker's steps: each does its work once, and doing it again is harmless."""

# mypy: disable-error-code="index"

import json
from typing import Any

import pytest
from sqlalchemy import func, select

from app import clock as time
from app.audit.entry import Request
from app.audit.models import AuditEntry, AuditPrivate, PolicyEpoch, RefusalCount
from app.feed import places
from app.feed.append import Line
from app.feed.models import Change
from app.idempotency import IdempotentAnswer
from app.parties import Attribute, RevokedToken, SpentAssertion, SpentProof
from app.record import as_system, begin
from app.runtime import Runtime
from app.sets.models import SetVersion
from app.signals.models import SignalEntry
from app.worker import loops
from app.worker.loops import LOOPS, Loop
from schemas.vocabulary import ChangeKind, Purpose, Scope, Sector
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import new_list, publish, sha
from tests.samples import COMMUNITY, created, group_marking, published, red_marking, small

DAY_SECONDS = 86_400


@pytest.fixture
def author(make: Make) -> Caller:
    return make.caller(make.member(sector=Sector.NGO))


def again(make: Make, caller: Caller) -> Caller:
    """The same client with a new token: the old one has ended in the meantime."""
    return Caller(
        http=caller.http, token=make.token(caller.client), member=caller.member, client=caller.client
    )


def rows(runtime: Runtime, statement: Any) -> list[Any]:
    with runtime.db.read() as session:
        return list(session.execute(statement).all())


def count(runtime: Runtime, table: Any, *where: Any) -> int:
    with runtime.db.read() as session:
        return session.execute(select(func.count()).select_from(table).where(*where)).scalar_one()


def feed(runtime: Runtime, *kinds: str) -> list[Any]:
    """(kind, object, line) of the changes of these kinds, in order."""
    wanted = select(Change.kind, Change.object_id, Change.line).where(Change.kind.in_(kinds))
    return rows(runtime, wanted.order_by(Change.seq))


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.name)
def test_a_step_with_nothing_to_do_does_nothing_and_says_so(runtime: Runtime, loop: Loop) -> None:
    while loop.step(runtime):
        pass
    before = [count(runtime, table) for table in (AuditEntry, Change, AuditPrivate)]
    assert loop.step(runtime) is False
    assert [count(runtime, table) for table in (AuditEntry, Change, AuditPrivate)] == before


def test_every_loop_has_a_name_of_its_own_and_rests() -> None:
    assert len({loop.name for loop in LOOPS}) == len(LOOPS)
    assert all(0 < loop.busy <= loop.idle for loop in LOOPS)


def test_entries_are_given_their_place(author: Caller, runtime: Runtime) -> None:
    created(author)
    assert loops.sequence(runtime) is True
    assert count(runtime, AuditEntry, AuditEntry.seq.is_(None)) == 0
    assert loops.sequence(runtime) is False


def test_refused_strangers_are_written_down_when_their_minute_is_over(
    http: Any, runtime: Runtime, clock: FakeClock
) -> None:
    for _ in range(3):
        http.get("/v1/sets/")
    assert loops.count_refusals(runtime) is False
    clock.advance(60)
    assert loops.count_refusals(runtime) is True
    assert loops.count_refusals(runtime) is False
    assert count(runtime, RefusalCount) == 0
    found = rows(runtime, select(AuditEntry.entry).where(AuditEntry.action == "request.unauthenticated"))
    assert [json.loads(entry)["subjects"][0]["count"] for (entry,) in found] == [3]


def test_a_lapsed_attribute_loses_sight_of_a_place_by_exactly_one_row(
    author: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    bank = make.caller(make.member())
    make.attribute(bank.member, "registered", days=1)
    make.attribute(bank.member, "other", days=1)
    group = make.group(author.member, [bank.member], requires=["registered"])
    made = created(author, group_marking(group.id))
    published(author, made["id"])
    assert len(bank.get("/v1/changes").json["changes"]) == 2
    cursor = bank.get("/v1/changes").json["next"]
    assert loops.lapse_attributes(runtime) is False

    clock.advance(DAY_SECONDS + 1)
    assert loops.lapse_attributes(runtime) is True
    assert loops.lapse_attributes(runtime) is False

    assert [(kind, about) for kind, about, _ in feed(runtime, "sight.lost")] == [("sight.lost", made["id"])]
    page = again(make, bank).get("/v1/changes", query_string={"after": cursor})
    assert [line["kind"] for line in page.json["changes"]] == ["sight.lost"]
    reasons = rows(runtime, select(AuditEntry.entry).where(AuditEntry.action == "member.attribute-lapsed"))
    assert {json.loads(entry)["reason"] for (entry,) in reasons} == {"registered", "other"}
    assert count(runtime, Attribute, Attribute.lapse_recorded.is_(False)) == 0


def test_an_attribute_that_ends_moves_the_policy_epoch_once(
    make: Make, runtime: Runtime, clock: FakeClock
) -> None:

    make.attribute(make.member(), "registered", days=1)
    epoch = rows(runtime, select(PolicyEpoch.epoch))
    loops.lapse_attributes(runtime)
    assert rows(runtime, select(PolicyEpoch.epoch)) == epoch
    clock.advance(DAY_SECONDS + 1)
    loops.lapse_attributes(runtime)
    loops.lapse_attributes(runtime)
    assert rows(runtime, select(PolicyEpoch.epoch)) == [(epoch[0][0] + 1,)]


def test_a_version_past_its_validity_becomes_a_tombstone_without_text(
    author: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    made = created(author)
    until = time.to_text(clock() + time.DAY)
    version = published(author, made["id"], content=small(valid_until=until))
    assert loops.expire_versions(runtime) is False

    clock.advance(DAY_SECONDS + 1)
    assert loops.expire_versions(runtime) is True
    assert loops.expire_versions(runtime) is False

    gone = feed(runtime, "version.tombstoned")
    assert [about for _, about, _ in gone] == [version["id"]]
    assert json.loads(gone[0][2])["reason"] == "expired"
    assert [line for _, _, line in feed(runtime, "version.changed")] == [None]
    assert count(runtime, SetVersion, SetVersion.document.is_not(None)) == 0
    assert len(rows(runtime, select(AuditEntry.id).where(AuditEntry.action == "version.expired"))) == 1


def test_a_signal_past_its_validity_becomes_a_tombstone_without_value(
    author: Caller, runtime: Runtime, clock: FakeClock
) -> None:
    until = time.to_text(clock() + time.DAY)
    signals = new_list(author, COMMUNITY)
    short, long = (
        publish(author, signals, {**sha(n), **more})[0]["id"]
        for n, more in ((1, {"valid_until": until}), (2, {}))
    )
    assert loops.expire_signals(runtime) is False

    clock.advance(DAY_SECONDS + 1)
    assert loops.expire_signals(runtime) is True
    assert loops.expire_signals(runtime) is False

    gone = feed(runtime, "signal.tombstoned")
    assert [(about, json.loads(line)["reason"]) for _, about, line in gone] == [(short, "expired")]
    held = {about: line for _, about, line in feed(runtime, "signal.changed")}
    assert held[short] is None
    assert held[long] is not None
    values = dict(rows(runtime, select(SignalEntry.id, SignalEntry.value)))
    assert values[short] is None
    assert values[long] is not None


def test_clearing_leaves_each_objects_state_and_every_tombstone(
    author: Caller, make: Make, runtime: Runtime
) -> None:
    reader = make.caller(make.member())
    made = created(author)
    published(author, made["id"])
    author.post(f"/v1/sets/{made['id']}/versions/1.0.0/retract", json={"reason": "wrong"})
    supersede(runtime, made["id"])
    state = reader.get("/v1/changes").json["changes"]
    assert len(feed(runtime, "set.changed")) == 2

    assert loops.clear_bodies(runtime) is True
    assert loops.clear_bodies(runtime) is False

    assert [line is None for _, _, line in feed(runtime, "set.changed")] == [True, False]
    assert [line is None for _, _, line in feed(runtime, "version.tombstoned")] == [False]
    assert again(make, reader).get("/v1/changes").json["changes"] == state


def test_a_follower_behind_a_cleared_body_gets_its_number_and_then_the_state(
    author: Caller, make: Make, runtime: Runtime
) -> None:
    reader = make.caller(make.member())
    cursor = reader.get("/v1/changes").json["next"]
    made = created(author)
    supersede(runtime, made["id"])
    loops.clear_bodies(runtime)
    lines = reader.get("/v1/changes", query_string={"after": cursor}).json["changes"]
    assert [(line.get("superseded"), "body" in line) for line in lines] == [(True, False), (None, True)]


def test_pointers_keep_their_bytes(make: Make, runtime: Runtime) -> None:
    member = make.member()
    person = make.caller(member, user=make.user(member))
    made = created(person, red_marking(person.user.id if person.user else ""))
    loops.clear_bodies(runtime)
    assert [(about, line is None) for _, about, line in feed(runtime, "pointer.changed")] == [
        (made["id"], False)
    ]


def supersede(runtime: Runtime, set_id: str) -> None:
    """Write a set's line again, as plain supersession does: the older body stays for the worker."""
    with begin(runtime, as_system, Request()) as tx:
        tx.lines.append(
            Line(
                place=places.of_collection(tx.session, set_id),
                kind=ChangeKind.SET_CHANGED,
                collection_id=set_id,
                object_id=set_id,
                body=b'{"title":"newer"}',
            )
        )


def test_what_is_kept_for_a_time_only_is_forgotten_and_the_entries_stay(
    author: Caller, make: Make, runtime: Runtime, clock: FakeClock
) -> None:
    now = clock()
    author.post(
        "/v1/sets/", json={"slug": "s", "title": "S", "marking": COMMUNITY}, headers={"Idempotency-Key": "k"}
    )
    with runtime.db.write() as session:
        session.add(SpentAssertion(client_id=author.client.id, jti="ends", expires_at=now + time.MINUTE))
        session.add(RevokedToken(jti="ends", expires_at=now + time.MINUTE))
        session.add(SpentAssertion(client_id=author.client.id, jti="lives", expires_at=now + 9 * time.DAY))
        session.add(RevokedToken(jti="lives", expires_at=now + 9 * time.DAY))
        session.add(SpentProof(id=b"ends", expires_at=now + time.MINUTE))
        session.add(SpentProof(id=b"lives", expires_at=now + 9 * time.DAY))
    entries = count(runtime, AuditEntry)
    assert loops.forget(runtime) is False
    assert count(runtime, IdempotentAnswer) == 1

    clock.advance(2 * DAY_SECONDS)
    loops.forget(runtime)
    assert count(runtime, IdempotentAnswer) == 0
    assert rows(runtime, select(SpentAssertion.jti)) == [("lives",)]
    assert rows(runtime, select(RevokedToken.jti)) == [("lives",)]
    assert rows(runtime, select(SpentProof.id)) == [(b"lives",)]
    assert count(runtime, AuditPrivate) == entries

    clock.advance(runtime.config.network_retention_days * DAY_SECONDS)
    make.caller(make.member(), Scope.SETS_READ, purpose=Purpose.DETECT).get("/v1/sets/")
    assert loops.forget(runtime) is True
    assert loops.forget(runtime) is False
    assert count(runtime, AuditPrivate) == 1
    assert count(runtime, AuditEntry) == entries + 1
