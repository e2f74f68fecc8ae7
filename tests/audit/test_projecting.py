"""What questions are answered from: each entry counted once, by whoever does it, wherever it is killed."""

import threading

import pytest
from sqlalchemy import delete, func, insert, select, update

from app.audit import projecting, sequencer, spans
from app.audit.append import append
from app.audit.entry import Entry, Request, build
from app.audit.models import AuditEntry
from app.audit.projection import NOBODY, AuditCounted, AuditHour, AuditMention, AuditTally
from app.audit.spans import Span
from app.clock import DAY, HOUR
from app.errors import Unavailable
from app.events import Subject
from app.question import ANONYMOUS, Actor
from app.runtime import Runtime
from schemas.vocabulary import Decision

ONE, OTHER, OWNER, SET = (f"{n}0000000-0000-4000-8000-000000000000" for n in range(1, 5))


def entry(at: int, member: str | None = ONE, *, owner: str = OWNER, count: int | None = 3) -> Entry:
    actor = ANONYMOUS if member is None else Actor(member_id=member, client_id=ONE, purpose="detect")
    changes = Subject(
        kind="changes", collection_id=SET, owner_id=owner, tlp="TLP:GREEN", pap="PAP:GREEN",
        audience="community", first=at - 2, last=at - 1, count=count,
    )  # fmt: skip
    return build(
        at=at, action="changes.read", decision=Decision.RELEASED, actor=actor, request=Request(),
        subjects=(changes,),
    )  # fmt: skip


def written(house: Runtime, *entries: Entry) -> None:
    """Commit entries and give them their numbers, in the order of their moments."""
    with house.db.write() as session:
        append(session, entries)
    sequencer.drain(house.db)


def tallies(house: Runtime) -> dict[tuple[int, str, str], tuple[int, int]]:
    with house.db.read() as session:
        return {
            (row.day, row.member_id, row.owner_id): (row.entries, row.items)
            for row in session.scalars(select(AuditTally))
        }


def count(house: Runtime, table: type) -> int:
    with house.db.read() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def test_each_entry_is_counted_once_in_all_and_once_with_each_owner(house: Runtime) -> None:
    written(house, entry(10), entry(20, count=None), entry(DAY + 5), entry(30, None))
    while projecting.step(house.db, batch=1):
        pass
    assert tallies(house) == {
        (0, ONE, NOBODY): (2, 4),
        (0, ONE, OWNER): (2, 4),
        (0, NOBODY, NOBODY): (1, 3),
        (0, NOBODY, OWNER): (1, 3),
        (DAY, ONE, NOBODY): (1, 3),
        (DAY, ONE, OWNER): (1, 3),
    }
    assert projecting.step(house.db) == 0


def test_a_mention_says_what_the_entry_says(house: Runtime) -> None:
    written(house, entry(10))
    projecting.drain(house.db)
    with house.db.read() as session:
        row = session.scalars(select(AuditMention)).one()
        session.expunge(row)
    assert (row.seq, row.position, row.at, row.action, row.decision) == (1, 0, 10, "changes.read", "released")
    assert (row.member_id, row.purpose, row.collection_id, row.owner_id) == (ONE, "detect", SET, OWNER)
    assert (row.tlp, row.first, row.last, row.object_id, row.version) == ("TLP:GREEN", 8, 9, None, None)


def test_an_entry_without_subjects_is_counted_and_mentions_nothing(house: Runtime) -> None:
    bare = build(at=1, action="me.read", decision=Decision.RELEASED, actor=ANONYMOUS, request=Request())
    written(house, bare)
    projecting.drain(house.db)
    assert tallies(house) == {(0, NOBODY, NOBODY): (1, 0)}
    assert count(house, AuditMention) == 0


def test_what_fails_in_a_batch_leaves_nothing_of_it(house: Runtime) -> None:
    written(house, entry(10), entry(20))
    with house.db.write() as session:  # in the way of the second entry's mention
        session.execute(
            insert(AuditMention).values(seq=2, position=0, at=0, action="a.b", decision="released")
        )
    with pytest.raises(Exception, match=r"(?i)unique"):
        projecting.step(house.db)
    assert tallies(house) == {}
    with house.db.write() as session:
        session.execute(delete(AuditMention))
    assert projecting.step(house.db) == 2
    assert tallies(house)[0, ONE, NOBODY] == (2, 6)


def test_several_workers_count_nothing_twice(house: Runtime) -> None:
    written(house, *(entry(n) for n in range(60)))

    def work() -> None:
        while True:
            with house.db.read() as session:
                if projecting.counted(session).behind == 0:
                    return
            projecting.step(house.db, batch=4)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tallies(house)[0, ONE, NOBODY] == (60, 180)
    assert count(house, AuditMention) == 60


def test_a_batch_that_another_has_written_is_left(house: Runtime) -> None:
    written(house, entry(10))
    with house.db.read() as session:
        before = projecting.counted(session)
    assert (before.seq, before.head, before.behind) == (0, 1, 1)
    projecting.step(house.db)
    with house.db.write() as session:
        assert projecting._moved(session, before.seq, before.head) is False
    assert tallies(house)[0, ONE, NOBODY] == (1, 3)


def test_a_row_that_was_taken_out_or_made_unreadable_holds_nobody_up(house: Runtime) -> None:
    written(house, entry(10), entry(20), entry(30))
    with house.db.write() as session:
        session.execute(update(AuditEntry).where(AuditEntry.seq == 2).values(entry=b"{"))
        session.execute(update(AuditEntry).where(AuditEntry.seq == 3).values(seq=None))
    projecting.drain(house.db)
    assert tallies(house) == {(0, ONE, NOBODY): (2, 3), (0, ONE, OWNER): (1, 3)}
    with house.db.read() as session:
        assert projecting.counted(session).behind == 0


def test_questions_wait_for_a_little_and_are_told_to_come_back_for_much(
    house: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(house, *(entry(n) for n in range(5)))
    monkeypatch.setattr(projecting, "NEAR", 4)
    projecting.drain(house.db)
    with house.db.read() as session, pytest.raises(Unavailable) as refused:
        projecting.require_counted(session)
    assert refused.value.reason == "log_being_counted"
    monkeypatch.setattr(projecting, "NEAR", 5)
    projecting.drain(house.db)
    with house.db.read() as session:
        assert projecting.require_counted(session).behind == 0


def test_a_period_is_found_where_its_hours_stand_and_behind_what_was_counted(house: Runtime) -> None:
    for at in (0, HOUR, 2 * HOUR, HOUR + 1, 3 * HOUR):  # the fourth came late
        written(house, entry(at))
    projecting.drain(house.db)
    with house.db.read() as session:
        hours = {
            row.hour // HOUR: (row.first_seq, row.last_seq) for row in session.scalars(select(AuditHour))
        }
        assert hours == {0: (1, 1), 1: (2, 4), 2: (3, 3), 3: (5, 5)}

        def of(since: int | None, until: int | None, *, newest: bool = False) -> list[Span]:
            return list(spans.of(session, since, until, newest=newest))

        tail = Span(low=5)
        assert of(None, None) == [Span()]
        assert of(HOUR, 2 * HOUR) == [Span(low=1, high=4), tail]
        assert of(2 * HOUR, None) == [Span(low=2, high=3), Span(low=4, high=5), tail]
        assert of(None, 1) == [Span(low=0, high=1), tail]
        assert of(None, 1, newest=True) == [tail, Span(low=0, high=1)]
        assert of(4 * HOUR, None) == [tail]


def test_an_hour_of_a_wrong_clock_stands_apart(house: Runtime) -> None:
    for at in (0, 90 * DAY, HOUR, 2 * HOUR, 3 * HOUR):  # the second one's clock was wrong
        written(house, entry(at))
    projecting.drain(house.db)
    with house.db.read() as session:
        assert spans.of(session, 2 * HOUR, None, newest=False) == [
            Span(low=1, high=2),
            Span(low=3, high=5),
            Span(low=5),
        ]


def test_what_was_not_counted_yet_is_found_too(house: Runtime) -> None:
    written(house, entry(0), entry(HOUR))
    with house.db.write() as session:
        session.execute(update(AuditCounted).values(seq=1))
        session.add(AuditHour(hour=0, first_seq=1, last_seq=1))
    with house.db.read() as session:
        assert spans.of(session, HOUR, None, newest=False) == [Span(low=1)]
        assert spans.of(session, 0, HOUR, newest=False) == [Span(low=0, high=1), Span(low=1)]
