"""Makes what questions read from sequenced entries: follows the log by number, a batch per transaction.

The batch is read and taken apart with no transaction open. What comes of it is written together with the
new watermark, which moves only if it still stands where the batch began: of several workers one writes, and
killed at any point all of a batch is there or nothing.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final, cast

import structlog
from msgspec import DecodeError, Struct, ValidationError
from msgspec.json import Decoder
from sqlalchemy import Row, Table, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from app.audit.models import AuditEntry, AuditHead
from app.audit.projection import (
    NOBODY,
    WEEK,
    AuditCounted,
    AuditHour,
    AuditMention,
    AuditPair,
    AuditTally,
    slot,
)
from app.clock import DAY, HOUR, from_text
from app.db import Database
from app.errors import Unavailable
from app.rows import insert_rows
from schemas.vocabulary import Decision

log = structlog.get_logger(__name__)

BATCH: Final = 1_000
NEAR: Final = 20 * BATCH
"""So many entries a question waits for; with more, as after an upgrade, it is told to come back."""
RETRY_AFTER_SECONDS: Final = 30

_MENTIONS: Final = cast(Table, AuditMention.__table__)


class _Marking(Struct):
    tlp: str


class _Subject(Struct):
    id: str | None = None
    version: str | None = None
    collection: str | None = None
    place: str | None = None
    owner: str | None = None
    first: str | None = None
    last: str | None = None
    count: int | None = None
    marking: _Marking | None = None


class _Document(Struct):
    """What is taken from an entry's bytes; the rest stands in columns beside them."""

    purpose: str | None = None
    reason: str | None = None
    subjects: tuple[_Subject, ...] = ()


_DECODER: Final = Decoder(_Document)


@dataclass(frozen=True, kw_only=True)
class Counted:
    """How far the tables reach: entries up to `seq` of `head` are in them."""

    seq: int
    head: int

    @property
    def behind(self) -> int:
        return max(self.head - self.seq, 0)


@dataclass
class _Batch:
    mentions: list[dict[str, Any]] = field(default_factory=list)
    tallies: dict[tuple[int, str, str, str, str], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0, 0])
    )
    """By primary key: entries and items."""
    hours: dict[int, list[int]] = field(default_factory=dict)
    """The first and last number of each hour."""

    def add(self, row: Row[Any]) -> None:
        document = _opened(row)
        owned: dict[str, int] = defaultdict(int)
        items = 0
        for position, subject in enumerate(document.subjects):
            count = 1 if subject.count is None else subject.count
            items += count
            if subject.owner is not None:
                owned[subject.owner] += count
            if subject.collection is not None or subject.id is not None or subject.owner is not None:
                self.mentions.append(_mention(row, position, document, subject))
        member, day = row.member_id or NOBODY, row.at - row.at % DAY
        for owner, counted in ((NOBODY, items), *owned.items()):
            tally = self.tallies[day, member, owner, row.action, row.decision]
            tally[0] += 1
            tally[1] += counted
        hour = self.hours.setdefault(row.at - row.at % HOUR, [row.seq, row.seq])
        hour[1] = row.seq


def step(db: Database, *, batch: int = BATCH) -> int:
    """Take up to `batch` entries in; returns how many. Safe to run anywhere, any number of times."""
    with db.read() as session:
        found = counted(session)
        upto = min(found.head, found.seq + batch)
        if upto <= found.seq:
            return 0
        rows = _rows(session, found.seq, upto)
    taken = _Batch()
    for row in rows:
        taken.add(row)
    with db.write() as session:
        if not _moved(session, found.seq, upto):  # another process has written this batch
            return 0
        insert_rows(session, _MENTIONS, taken.mentions)
        _add_tallies(session, taken)
        _add_pairs(session, taken)
        _add_hours(session, taken)
    return upto - found.seq


def drain(db: Database) -> None:
    """Take in everything that has its number now, so that a question sees it; not where it is far behind."""
    with db.read() as session:
        target = counted(session)
    if target.behind > NEAR:
        return
    reached = target.seq
    while reached < target.head:
        step(db)
        with db.read() as session:
            reached = counted(session).seq


def counted(session: Session) -> Counted:
    """How far the tables reach, and how far the log."""
    head = select(AuditHead.seq).where(AuditHead.id == 1).scalar_subquery()
    row = session.execute(select(AuditCounted.seq, head.label("head")).where(AuditCounted.id == 1)).one()
    return Counted(seq=row.seq, head=row.head)


def require_counted(session: Session) -> Counted:
    """How far the tables reach.

    Raises:
        Unavailable: too far behind the log for an answer that lacks nothing.
    """
    found = counted(session)
    if found.behind > NEAR:
        raise Unavailable(
            f"The log is being prepared for questions: {found.seq} of {found.head} entries so far. Ask again "
            "later.",
            reason="log_being_counted",
            retry_after=RETRY_AFTER_SECONDS,
        )
    return found


def _rows(session: Session, after: int, upto: int) -> list[Row[Any]]:
    """What was taken out of the log by other hands is not counted, and holds nobody up."""
    wanted = (
        select(
            AuditEntry.seq, AuditEntry.at, AuditEntry.action, AuditEntry.decision, AuditEntry.member_id,
            AuditEntry.entry,
        )
        .where(AuditEntry.seq > after, AuditEntry.seq <= upto)
        .order_by(AuditEntry.seq)
    )  # fmt: skip
    return list(session.execute(wanted))


def _opened(row: Row[Any]) -> _Document:
    try:
        return _DECODER.decode(row.entry)
    except (DecodeError, ValidationError):
        log.error("audit.entry-unreadable", index=row.seq)  # noqa: TRY400 - its bytes are not for logs
        return _Document()


def _mention(row: Row[Any], position: int, document: _Document, subject: _Subject) -> dict[str, Any]:
    first = from_text(subject.first) if subject.first is not None else None
    last = from_text(subject.last) if subject.last is not None else None
    return {
        "seq": row.seq, "position": position, "at": row.at, "action": row.action, "decision": row.decision,
        "member_id": row.member_id, "purpose": document.purpose, "reason": document.reason,
        "collection_id": subject.collection, "place": subject.place, "object_id": subject.id,
        "version": subject.version, "owner_id": subject.owner,
        "tlp": subject.marking.tlp if subject.marking is not None else None,
        "first": first, "last": last,
        "slot": slot(first, last) if first is not None and last is not None else None,
    }  # fmt: skip


def _moved(session: Session, old: int, new: int) -> bool:
    """Move the watermark, if it stands where the batch began; holds it until the transaction ends."""
    moved = update(AuditCounted).where(AuditCounted.id == 1, AuditCounted.seq == old).values(seq=new)
    return session.execute(moved.returning(AuditCounted.seq)).scalar_one_or_none() is not None


def _add_tallies(session: Session, taken: _Batch) -> None:
    rows = [
        {
            "day": day, "member_id": member, "owner_id": owner, "action": action, "decision": decision,
            "entries": entries, "items": items,
        }
        for (day, member, owner, action, decision), (entries, items) in sorted(taken.tallies.items())
    ]  # fmt: skip
    if not rows:
        return
    new = _insert(session, AuditTally)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["day", "member_id", "owner_id", "action", "decision"],
            set_={
                "entries": AuditTally.entries + new.excluded.entries,
                "items": AuditTally.items + new.excluded["items"],
            },
        ),
        rows,
    )


def _add_pairs(session: Session, taken: _Batch) -> None:
    pairs: dict[tuple[int, int, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for (day, member, owner, _action, decision), (entries, items) in taken.tallies.items():
        if owner == NOBODY:
            continue
        for days, begun in ((1, day), (7, day - day % WEEK)):
            pair = pairs[days, begun, member, owner]
            if decision == Decision.REFUSED.value:
                pair[2] += entries
            else:
                pair[0] += entries
                pair[1] += items
    rows = [
        {
            "days": days, "day": day, "member_id": member, "owner_id": owner,
            "entries": entries, "items": items, "refused": refused,
        }
        for (days, day, member, owner), (entries, items, refused) in sorted(pairs.items())
    ]  # fmt: skip
    if not rows:
        return
    new = _insert(session, AuditPair)
    session.execute(
        new.on_conflict_do_update(
            index_elements=["days", "day", "member_id", "owner_id"],
            set_={
                "entries": AuditPair.entries + new.excluded.entries,
                "items": AuditPair.items + new.excluded["items"],
                "refused": AuditPair.refused + new.excluded.refused,
            },
        ),
        rows,
    )


def _add_hours(session: Session, taken: _Batch) -> None:
    rows = [
        {"hour": hour, "first_seq": first, "last_seq": last}
        for hour, (first, last) in sorted(taken.hours.items())
    ]
    if not rows:
        return
    new = _insert(session, AuditHour)
    # Numbers only grow from batch to batch: the first one that an hour has stays its first.
    session.execute(
        new.on_conflict_do_update(index_elements=["hour"], set_={"last_seq": new.excluded.last_seq}), rows
    )


def _insert(session: Session, table: type[AuditTally | AuditPair | AuditHour]) -> Any:
    """An insertion with a way out of conflicts, which both databases write alike and the toolkit does not."""
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    return make(cast(Table, table.__table__))
