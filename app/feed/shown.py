"""When the body of an object stood in the feed: the dates by which pages that gave it out can be found."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.clock import MINUTE
from app.feed.models import Change
from app.markings import Place
from schemas.vocabulary import ChangeKind

GRACE = 2 * MINUTE
"""A read may see the state before a tombstone for as long as the tombstone's transaction can last."""
SHOWN_LIMIT = 500

_BODIES = frozenset(
    {
        ChangeKind.SET_CHANGED.value,
        ChangeKind.VERSION_CHANGED.value,
        ChangeKind.LIST_CHANGED.value,
        ChangeKind.SIGNAL_CHANGED.value,
    }
)
_GONE = frozenset({ChangeKind.VERSION_TOMBSTONED.value, ChangeKind.SIGNAL_TOMBSTONED.value})


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One line that held the object's body, by its date.

    Args:
        place: key of the narrower place; None: the collection's own.
        until: pages that were decided later cannot hold the body; None: they still can.
    """

    collection_id: str
    place: str | None
    date: int
    until: int | None = None


def gone(session: Session, object_ids: Collection[str]) -> list[Shown]:
    """The lines that said that one of these objects is gone, at most `SHOWN_LIMIT`."""
    if not object_ids:
        return []
    lines = _lines(object_ids).where(Change.kind.in_(_GONE))
    return [
        Shown(
            collection_id=row.collection_id,
            place=row.key if row.marking_id is not None else None,
            date=row.date,
        )
        for row in session.execute(lines)
    ]


def shown(session: Session, object_ids: Collection[str]) -> list[Shown]:
    """The lines that held the bodies of these objects, newest first, at most `SHOWN_LIMIT` lines read."""
    if not object_ids:
        return []
    found: list[Shown] = []
    ends: dict[tuple[str, str], int] = {}
    for row in session.execute(_lines(object_ids)):
        here = (row.object_id, row.key)
        if row.kind in _GONE:
            ends[here] = row.date + GRACE
        elif row.kind in _BODIES:
            place = row.key if row.marking_id is not None else None
            found.append(
                Shown(
                    collection_id=row.collection_id,
                    place=place,
                    date=row.date,
                    until=ends.get(here),
                )
            )
    return found


def _lines(object_ids: Collection[str]) -> Select[*tuple[Any, ...]]:
    return (
        select(Change.object_id, Change.kind, Change.collection_id, Change.date, Place.key, Place.marking_id)
        .join(Place, Place.id == Change.place_id)
        .where(Change.object_id.in_(sorted(object_ids)), Place.kind == "collection")
        .order_by(Change.seq.desc())
        .limit(SHOWN_LIMIT)
    )
