"""Tables that questions are answered from: made of the entries' bytes alone, by a worker loop behind the log.

Nothing here proves anything, and nothing that is exchanged waits for it: it can be thrown away and made
again. `audit_mention` says which entry is about what, in the log's own order; `audit_tally` and `audit_pair`
count; `audit_hour` says where in the log an hour stands, and `audit_counted` how far all of them reach.
"""

from typing import Final

from sqlalchemy import BigInteger, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import DAY, HOUR
from app.db import Base, Code, Id, Moment

NOBODY = "00000000-0000-0000-0000-000000000000"
"""Stands for no member, and for the row that counts whatever the owner: a primary key holds no nulls."""
WEEK: Final = 7 * DAY
"""Of days since 1970-01-01, a Thursday."""

_WIDTHS: Final = (HOUR, DAY, 32 * DAY, 1_024 * DAY)
_SLOTS_OF_A_WIDTH: Final = 1 << 32


def slot(first: int, last: int) -> int:
    """Where a range of dates lies, coarsely, so that an index finds the ranges that hold a date.

    Time is cut into slots of an hour, a day, 32 days and 1,024 days. A range is in the slot of its first
    date, of the narrowest width that is no less than its own; those that are longer still share one slot.
    """
    for number, width in enumerate(_WIDTHS):
        if last - first <= width:
            return number * _SLOTS_OF_A_WIDTH + first // width
    return len(_WIDTHS) * _SLOTS_OF_A_WIDTH


def slots(date: int) -> list[int]:
    """The slots in which every range lies that holds a date: two of each width, and the last one."""
    found = [
        number * _SLOTS_OF_A_WIDTH + at
        for number, width in enumerate(_WIDTHS)
        for at in (date // width - 1, date // width)
    ]
    return [*found, len(_WIDTHS) * _SLOTS_OF_A_WIDTH]


_TOLD_OF_MENTIONS: Final = (
    "decision", "action", "reason", "member_id", "owner_id", "purpose", "tlp", "at",
)  # fmt: skip
"""Stand in an index, so that who took a thing is summed up without looking at thousands of rows."""


class AuditMention(Base):
    """One subject of a sequenced entry that names a collection, an object or an owner."""

    __tablename__ = "audit_mention"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The entry's number."""
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(Moment)
    action: Mapped[str] = mapped_column(Code)
    decision: Mapped[str] = mapped_column(Code)
    member_id: Mapped[str | None] = mapped_column(Id)
    purpose: Mapped[str | None] = mapped_column(Code)
    reason: Mapped[str | None] = mapped_column(Code)
    collection_id: Mapped[str | None] = mapped_column(Id)
    place: Mapped[str | None] = mapped_column(Id)
    object_id: Mapped[str | None] = mapped_column(Id)
    version: Mapped[str | None] = mapped_column(String(64))
    owner_id: Mapped[str | None] = mapped_column(Id)
    tlp: Mapped[str | None] = mapped_column(Code)
    first: Mapped[int | None] = mapped_column(Moment)
    last: Mapped[int | None] = mapped_column(Moment)
    slot: Mapped[int | None] = mapped_column(BigInteger)
    """Of `first` and `last`."""

    __table_args__ = (
        Index(
            "ix_audit_mention_collection", "collection_id", "seq",
            sqlite_where=collection_id.is_not(None), postgresql_where=collection_id.is_not(None),
        ),
        Index(
            "ix_audit_mention_object", "object_id", "seq", *_TOLD_OF_MENTIONS,
            sqlite_where=object_id.is_not(None), postgresql_where=object_id.is_not(None),
        ),
        Index(
            "ix_audit_mention_owner", "owner_id", "seq",
            sqlite_where=owner_id.is_not(None), postgresql_where=owner_id.is_not(None),
        ),
        Index(
            "ix_audit_mention_place", "place", "seq",
            sqlite_where=place.is_not(None), postgresql_where=place.is_not(None),
        ),
        Index(
            "ix_audit_mention_version", "collection_id", "version", "seq", *_TOLD_OF_MENTIONS,
            sqlite_where=version.is_not(None), postgresql_where=version.is_not(None),
        ),
        Index(
            "ix_audit_mention_range", "collection_id", "slot", "first", "last",
            sqlite_where=slot.is_not(None), postgresql_where=slot.is_not(None),
        ),
        {"sqlite_with_rowid": False},
    )  # fmt: skip


class AuditTally(Base):
    """How often a member did something on a day (UTC), in all and with what each owner owns.

    The row whose owner is `NOBODY` counts each entry once; an owner's row counts the entries that name
    something of its, and what they say of that.
    """

    __tablename__ = "audit_tally"

    day: Mapped[int] = mapped_column(Moment, primary_key=True, autoincrement=False)
    """Its first microsecond."""
    member_id: Mapped[str] = mapped_column(Id, primary_key=True)
    """Who acted; `NOBODY`: the operator, or somebody unknown."""
    owner_id: Mapped[str] = mapped_column(Id, primary_key=True)
    action: Mapped[str] = mapped_column(Code, primary_key=True)
    decision: Mapped[str] = mapped_column(Code, primary_key=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    """What the subjects count; a subject without a count is one."""

    __table_args__ = (
        Index("ix_audit_tally_member", "member_id", "owner_id", "day"),
        Index("ix_audit_tally_owner", "owner_id", "day"),
        {"sqlite_with_rowid": False},
    )


class AuditPair(Base):
    """What a member did with an owner's data on a day (UTC), and in a week: `audit_tally` summed once more.

    There are so few of them that all of a year can be looked at.
    """

    __tablename__ = "audit_pair"

    days: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """How many days it counts: 1 or 7."""
    day: Mapped[int] = mapped_column(Moment, primary_key=True, autoincrement=False)
    """The first microsecond of the first of them."""
    member_id: Mapped[str] = mapped_column(Id, primary_key=True)
    owner_id: Mapped[str] = mapped_column(Id, primary_key=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    items: Mapped[int] = mapped_column(BigInteger)
    """Of entries that were not refused, as `entries`."""
    refused: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = ({"sqlite_with_rowid": False},)


class AuditHour(Base):
    """The numbers between which the entries of an hour (UTC) stand: other hours' may stand there, too."""

    __tablename__ = "audit_hour"

    hour: Mapped[int] = mapped_column(Moment, primary_key=True, autoincrement=False)
    """Its first microsecond."""
    first_seq: Mapped[int] = mapped_column(BigInteger)
    last_seq: Mapped[int] = mapped_column(BigInteger)


class AuditCounted(Base):
    """One row: the number up to which entries are in these tables."""

    __tablename__ = "audit_counted"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
