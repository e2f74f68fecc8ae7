"""Prepared segments: the present state of a range of a place, made ready to send.

A segment holds what every line of its range is now. It is deleted in the transaction in which one of them
stops being its object's state, so a committed one can never hold what is superseded or gone. Both that and
the making of segments (`app.feed.preparing`) happen under the head row: no two of them cross.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Row, and_, bindparam, delete, select, tuple_
from sqlalchemy.orm import Session

from app.feed.models import Change, FeedSegment
from app.feed.page import Prepared

BATCH = 500


@dataclass(frozen=True, kw_only=True)
class Extent:
    """Where a prepared segment lies: from its first line to its last one."""

    place_id: int
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Segment:
    """A prepared segment with what an audit entry says about it."""

    extent: Extent
    prepared: Prepared
    first_date: int
    last_date: int
    count: int


_NEXT = (
    select(
        FeedSegment.place_id, FeedSegment.first, FeedSegment.last, FeedSegment.first_date,
        FeedSegment.last_date, FeedSegment.lines, FeedSegment.digest, FeedSegment.frame,
    )
    .where(
        FeedSegment.place_id.in_(bindparam("places", expanding=True)),
        FeedSegment.first > bindparam("after"),
        FeedSegment.last <= bindparam("end"),
    )
    .order_by(FeedSegment.first)
    .limit(1)
)  # fmt: skip
_ANY = select(FeedSegment.place_id).limit(1)


def following(session: Session, places: Sequence[int], after: int, end: int) -> Segment | None:
    """The first segment of these places that begins behind `after` and ends by `end`."""
    row = session.connection().execute(_NEXT, {"places": places, "after": after, "end": end}).one_or_none()
    if row is None:
        return None
    return Segment(
        extent=Extent(place_id=row.place_id, first=row.first, last=row.last),
        prepared=Prepared(frame=row.frame, digest=row.digest),
        first_date=row.first_date,
        last_date=row.last_date,
        count=row.lines,
    )


def discard(session: Session, object_ids: Iterable[str]) -> None:
    """Delete every segment that holds a line of these objects. The head row must be held."""
    if session.scalar(_ANY) is None:
        return
    names = list(dict.fromkeys(object_ids))
    for start in range(0, len(names), BATCH):
        lines = Change.object_id.in_(names[start : start + BATCH])
        _delete(session, session.execute(_HOLDING.where(lines).distinct()).all())


def discard_all(session: Session) -> None:
    """Delete every segment, whatever it holds."""
    session.execute(delete(FeedSegment), execution_options={"synchronize_session": False})


def _delete(session: Session, keys: Sequence[Row[int, int]]) -> None:
    if keys:
        session.execute(
            delete(FeedSegment).where(tuple_(FeedSegment.place_id, FeedSegment.first).in_(keys)),
            execution_options={"synchronize_session": False},
        )


_HOLDING = select(FeedSegment.place_id, FeedSegment.first).join(
    Change,
    and_(Change.place_id == FeedSegment.place_id, Change.seq.between(FeedSegment.first, FeedSegment.last)),
)
