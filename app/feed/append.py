"""Writes changes: numbered from the head row, which is taken last and once per transaction.

A database sequence would lose changes: a number taken early and committed late falls behind readers that have
passed it. The head row makes number order and commit order the same thing.
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import msgspec
from sqlalchemy import Table, and_, case, update
from sqlalchemy.orm import Session

from app import clock
from app.feed import segments
from app.feed.models import Change, FeedHead
from app.markings import Place
from app.rows import insert_rows
from schemas.vocabulary import ChangeKind

BATCH = 500
_TABLE = cast("Table", Change.__table__)

BODIED = frozenset(
    {
        ChangeKind.SET_CHANGED,
        ChangeKind.VERSION_CHANGED,
        ChangeKind.LIST_CHANGED,
        ChangeKind.SIGNAL_CHANGED,
    }
)
"""Kinds of line that carry a body. Tombstones, pointers and sight hold ids only, and keep their bytes."""


class Line(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One change that a transaction wants in the feed. There may be thousands: a struct is made quickly.

    Args:
        body: the object's state as JSON bytes; None for tombstones, pointers and sight.
        extra: more top-level members of the line (reason, successor, tlp …): codes and ids only.
        fresh: the object has no earlier line anywhere, so none needs to be superseded.
        clears: earlier lines of the object, in every place, lose their bytes now.
    """

    place: Place
    kind: ChangeKind
    collection_id: str
    object_id: str
    body: bytes | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    fresh: bool = False
    clears: bool = False
    sight_place: Place | None = None
    purposes: tuple[str, ...] | None = None

    @property
    def replaces(self) -> bool:
        """There may be earlier lines of the object."""
        return not self.fresh and self.sight_place is None


def append(session: Session, lines: Sequence[Line], now: int) -> int:
    """Number the lines, store them, supersede or clear what they replace.

    Returns the number of the last line. Everything else of the transaction must have been flushed before.
    """
    if not lines:
        return 0
    places = {line.place.id: line.place for line in lines}
    last, date = _take_head(session, len(lines), now)
    first = last - len(lines) + 1
    segments.discard(session, [line.object_id for line in lines if line.replaces])
    _replace(session, lines, first)
    rows = [_row(line, first + n, date - len(lines) + 1 + n, line.place.key) for n, line in enumerate(lines)]
    insert_rows(session, _TABLE, rows)
    newest = {line.place.id: first + n for n, line in enumerate(lines)}
    session.execute(
        update(Place), [{"id": place_id, "head": newest[place_id]} for place_id in sorted(places)]
    )
    return last


def numbered(lines: Sequence[Line], last: int) -> list[tuple[Line, int]]:
    """The lines with the numbers that `append` gave them."""
    return [(line, last - len(lines) + 1 + n) for n, line in enumerate(lines)]


def head_line(date: int, kind: str, collection_id: str, place_key: str, object_id: str) -> bytes:
    """The opening of every line, without its closing brace: ids and codes, nothing that needs escaping."""
    return (
        f'{{"date":"{clock.to_text(date)}","kind":"{kind}","collection":"{collection_id}",'
        f'"place":"{place_key}","object":"{object_id}"'
    ).encode()


def _take_head(session: Session, count: int, now: int) -> tuple[int, int]:
    """Advance the head: numbers grow by `count`, dates strictly, and never behind the clock."""
    earliest = FeedHead.date + count
    taken = (
        update(FeedHead)
        .where(FeedHead.id == 1)
        .values(seq=FeedHead.seq + count, date=_greater(earliest, now + count - 1))
        .returning(FeedHead.seq, FeedHead.date)
    )
    seq, date = session.execute(taken, execution_options={"synchronize_session": False}).one()
    return seq, date


def _greater(column: Any, value: int) -> Any:
    return case((column > value, column), else_=value)


def _row(line: Line, seq: int, date: int, place_key: str) -> dict[str, Any]:
    target = line.sight_place.key if line.sight_place is not None else place_key
    kind = line.kind.value
    text = head_line(date, kind, line.collection_id, target, line.object_id)
    for name, value in line.extra:
        text += b',"' + name.encode() + b'":' + msgspec.json.encode(value)
    if line.body is not None:
        text += b',"body":' + line.body
    return {
        "seq": seq,
        "date": date,
        "place_id": line.place.id,
        "collection_id": line.collection_id,
        "kind": kind,
        "object_id": line.object_id,
        "line": text + b"}",
        "superseded": False,
        "sight_place_id": line.sight_place.id if line.sight_place is not None else None,
        "purposes": ",".join(line.purposes) if line.purposes else None,
    }


def _replace(session: Session, lines: Sequence[Line], first: int) -> None:
    """Mark the earlier lines of the same objects in the same places, and clear what must not stay."""
    replaced = [line for line in lines if line.replaces]
    by_place: dict[int, list[str]] = {}
    for line in replaced:
        by_place.setdefault(line.place.id, []).append(line.object_id)
    for place_id, objects in sorted(by_place.items()):
        for batch in _batches(objects):
            older = and_(Change.object_id.in_(batch), Change.superseded.is_(False), Change.seq < first)
            # The sum keeps the planner from the index over places, by which it would walk the whole place.
            session.execute(
                update(Change).where(older, Change.place_id + 0 == place_id).values(superseded=True),
                execution_options={"synchronize_session": False},
            )
    for batch in _batches([line.object_id for line in replaced if line.clears]):
        bodies = and_(Change.object_id.in_(batch), Change.seq < first, Change.line.is_not(None))
        session.execute(
            update(Change).where(bodies, _holds_body()).values(line=None),
            execution_options={"synchronize_session": False},
        )


def _holds_body() -> Any:
    return Change.kind.in_([kind.value for kind in BODIED])


def _batches(items: Iterable[str]) -> Iterable[list[str]]:
    whole = list(dict.fromkeys(items))
    return (whole[n : n + BATCH] for n in range(0, len(whole), BATCH))
