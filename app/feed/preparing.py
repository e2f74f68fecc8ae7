"""Makes prepared segments of places with many standing lines: the worker's part.

The bytes are made without any lock, from what is committed. Then, under the head row, it is counted whether
all of those lines still stand. Whoever supersedes or clears a line holds the head row from before that until
its commit, and no line of a range comes back or changes otherwise: the same count is the same lines.
"""

import hashlib
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy import ColumnElement, TextClause, bindparam, func, insert, select, text, tuple_
from sqlalchemy.orm import Session

from app import zstd
from app.db import Base, Database
from app.feed import segments
from app.feed.lines import Lines, is_cleared
from app.feed.models import Change, FeedHead, FeedSegment
from app.feed.page import Merged
from app.feed.segments import Extent
from app.markings import Place

LINES = 10_000
BYTES = 4_000_000
LEAST = 1_000
"""Fewer lines between two segments are not worth one; they wait for a neighbour to be made anew."""
LEVEL = 3
"""Made once and sent often: a little more than streams take."""

_INSERT = insert(Base.metadata.tables[FeedSegment.__tablename__])


@dataclass(frozen=True, kw_only=True)
class Made:
    """A segment that is not stored yet, and what must still be true for that."""

    extent: Extent
    count: int
    bodies: int
    """How many of its lines have bytes: the others were cleared already."""
    digest: bytes
    frame: bytes


def step(db: Database, threshold: int) -> bool:
    """Make one segment, if one is due; whether there was any work.

    Args:
        threshold: from how many standing lines on a place gets segments; 0: none does, and there are none.
    """
    if threshold <= 0:
        return _clear_away(db)
    with db.read() as session:
        made = _due(session, threshold)
    if made is None:
        return False
    with db.write() as session:
        _store(session, made)
    return True


def _clear_away(db: Database) -> bool:
    with db.read() as session:
        if session.scalar(select(FeedSegment.place_id).limit(1)) is None:
            return False
    with db.write() as session:
        segments.discard_all(session)
    return True


def _due(session: Session, threshold: int) -> Made | None:
    head = session.execute(select(FeedHead.seq).where(FeedHead.id == 1)).scalar_one()
    for place_id, key in session.execute(_LARGE, {"skipped": threshold - 1}).all():
        for low, end, least in _gaps(session, place_id, head):
            if _has(session, place_id, low, end, least):
                return _make(session, place_id, key, low, end)
    return None


# In the words of the partial index `ix_change_state`, and comparing pairs, as `app.feed.lines` does.
_STANDING = text("NOT superseded")
_LARGE = (
    select(Place.id, Place.key)
    .where(
        Place.kind == "collection",
        select(Change.seq)
        .where(Change.place_id == Place.id, _STANDING)
        .order_by(Change.place_id, Change.seq)
        .limit(1)
        .offset(bindparam("skipped"))
        .correlate(Place)
        .scalar_subquery()
        .is_not(None),
    )
    .order_by(Place.id)
)
"""Places with more standing lines than are skipped: counted only as far as that."""


def _gaps(session: Session, place_id: int, head: int) -> list[tuple[int, int, int]]:
    """(after, up to, how many lines make it worth while) of what no segment covers.

    Behind the last one lines are still being added: there, only a full segment is made.
    """
    known = (
        select(FeedSegment.first, FeedSegment.last)
        .where(FeedSegment.place_id == place_id)
        .order_by(FeedSegment.first)
    )
    extents = [(0, 0), *((row.first, row.last) for row in session.execute(known))]
    inner = [(before[1], behind[0] - 1, LEAST) for before, behind in pairwise(extents)]
    return [*inner, (extents[-1][1], head, LINES)]


def _has(session: Session, place_id: int, low: int, end: int, least: int) -> bool:
    """Whether a gap holds at least so many standing lines."""
    some = select(Change.seq).where(*_range(place_id, low, end)).limit(least).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one() >= least


def _range(place_id: int, low: int, end: int) -> tuple[ColumnElement[bool], ColumnElement[bool], TextClause]:
    """The standing lines of a place with low < number <= end."""
    pair = tuple_(Change.place_id, Change.seq)
    return pair > tuple_(place_id, low), pair <= tuple_(place_id, end), _STANDING


def _make(session: Session, place_id: int, key: str, low: int, end: int) -> Made:
    merged = Merged(LINES, BYTES)
    merged.add(place_id, *Lines(session).range(place_id, key, low, end, LINES, BYTES, state_only=True))
    lines = [line for _, line in merged.rows]
    body = b"\n".join([*lines, b""])
    return Made(
        extent=Extent(place_id=place_id, first=merged.rows[0][0], last=merged.rows[-1][0]),
        count=len(lines),
        bodies=sum(not is_cleared(line) for line in lines),
        digest=hashlib.sha256(body).digest(),
        frame=zstd.compress(body, LEVEL),
    )


def _store(session: Session, made: Made) -> bool:
    """Store a segment unless something of it changed since it was read, or another worker was faster."""
    session.execute(select(FeedHead.seq).where(FeedHead.id == 1).with_for_update())
    extent = made.extent
    standing = select(func.count(), func.count(Change.line)).where(
        *_range(extent.place_id, extent.first - 1, extent.last)
    )
    if tuple(session.execute(standing).one()) != (made.count, made.bodies):
        return False
    overlapping = select(FeedSegment.first).where(
        FeedSegment.place_id == extent.place_id,
        FeedSegment.first <= extent.last,
        FeedSegment.last >= extent.first,
    )
    if session.scalar(overlapping.limit(1)) is not None:
        return False
    ends = _DATES.where(Change.seq.in_([extent.first, extent.last]))
    dates = {row.seq: row.date for row in session.execute(ends)}
    row = {
        **extent.__dict__, "lines": made.count, "first_date": dates[extent.first],
        "last_date": dates[extent.last], "digest": made.digest, "frame": made.frame,
    }  # fmt: skip
    session.execute(_INSERT, row)
    return True


_DATES = select(Change.seq, Change.date)
