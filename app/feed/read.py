"""`read`: the one function through which every door reads the feed.

A page is a range of an index per visible place, and costs what the reader gets, not what others wrote in
between. Stored bytes go out as they are.
"""

from dataclasses import replace
from typing import Any, cast

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.db import BINARY
from app.feed import sight, visible
from app.feed.append import head_line
from app.feed.cursor import Position, View
from app.feed.models import Change, FeedHead
from app.feed.page import Merged, Page, Row, Seen, weight
from app.question import Actor
from schemas.vocabulary import ChangeKind

MAX_BYTES = 4_000_000
FIRST_ROWS = 1_000
LEAST_ROWS = 50

# Pairs are compared because only the index over both columns can do that. Of two conditions, PostgreSQL may
# choose to walk the numbers of everybody and to drop those of other places.
_RANGE = (
    "SELECT seq, {line} FROM change "
    "WHERE (place_id, seq) > ({p}, {p}) AND (place_id, seq) <= ({p}, {p}){state} "
    "ORDER BY place_id, seq LIMIT {p}"
)
_STATE_ONLY = " AND NOT superseded"
_HEAD = select(FeedHead.seq).where(FeedHead.id == 1)
_DATES = select(Change.seq, Change.date).where(Change.seq.in_(bindparam("numbers", expanding=True)))


def begin_position(session: Session) -> Position:
    """Where a reader starts that has no cursor: it is shown the present state up to the head of now."""
    return Position(start=_head(session))


def read(
    session: Session,
    actor: Actor,
    view: View,
    position: Position,
    *,
    limit: int,
    now: int,
    max_bytes: int = MAX_BYTES,
    counting: bool = False,
) -> tuple[Page, dict[int, Seen]]:
    """Read up to `limit` lines or `max_bytes`, whichever comes first, from `position` on.

    Returns the page and the places that it came from. An empty page still moves its position.

    Args:
        counting: leave the lines' bytes in the database: how many, where and when is all that is asked.
    """
    upto = _head(session)
    addressed = visible.addressed(session, view, position, upto)
    needed = {row.sight_place_id for row in addressed if row.sight_place_id} | {position.fill_place}
    seen = {place.id: place for place in visible.places(session, actor, view, now, position.after, needed)}
    begins = sight.since(session, view.member_id, view.purpose)
    reader = _Reader(session, seen, begins, addressed, upto, counting=counting)
    page = Page(position=position)
    while len(page.lines) < limit and page.size < max_bytes:
        if not reader.advance(page, limit - len(page.lines), max_bytes - page.size):
            break
    if page.ranges:
        page.dated({row.seq: row.date for row in session.execute(_DATES, {"numbers": sorted(page.ends())})})
    page.more = page.position.after < upto or page.position.fill_place != 0
    return page, seen


def _head(session: Session) -> int:
    return session.execute(_HEAD).scalar_one()


class _Reader:
    """Reads stretches of the feed: each is bounded by the next thing that needs other rules."""

    def __init__(
        self,
        session: Session,
        seen: dict[int, Seen],
        begins: dict[int, int],
        addressed: list[Any],
        upto: int,
        *,
        counting: bool,
    ) -> None:
        self._session = session
        self._seen = seen
        self._begins = begins
        self._addressed = addressed
        self._upto = upto
        self._line = "''" if counting else "line"
        self._parameter = "?" if session.get_bind().dialect.name == "sqlite" else "%s"

    def advance(self, page: Page, count: int, room: int) -> bool:
        """Read one stretch into the page; False when nothing more is there, or it did not all fit."""
        position = page.position
        if position.fill_place:
            return self._fill(page, count, room)
        if position.after >= self._upto:
            return False
        if position.after < position.start:
            return self._stretch(page, min(position.start, self._upto), count, room, state_only=True)
        gains = (row for row in self._addressed if row.seq > position.after and self._counts(row))
        gained = next(gains, None)
        end = self._upto if gained is None else gained.seq - 1
        complete = self._stretch(page, end, count, room, state_only=False)
        if complete and gained is not None:
            page.position = replace(
                page.position, fill_place=gained.sight_place_id, fill_gained=gained.seq, fill_after=0
            )
        return complete

    def _counts(self, row: Any) -> bool:
        """A gain opens a place only if it is the last one, and the place is seen now."""
        return (
            row.kind == ChangeKind.SIGHT_GAINED
            and row.sight_place_id in self._seen
            and self._begins.get(row.sight_place_id) == row.seq
        )

    def _stretch(self, page: Page, end: int, count: int, room: int, *, state_only: bool) -> bool:
        """Read up to `end` from every visible place; True when all of it fitted."""
        position = page.position
        merged = Merged(count, room)
        for place_id, rows in self._own_lines(position.after, end, state_only=state_only).items():
            merged.add(place_id, rows, weight([line for _, line in rows]))
        for place in self._seen.values():
            begin = self._begins.get(place.id, 0)
            low = max(position.after, begin if begin > position.start else 0)
            # What the places before have filled already bounds what is worth reading from this one.
            bound = min(end, merged.bound)
            if place.head > low and low < bound:
                merged.add(place.id, *self._range(place, low, bound, count, room, state_only=state_only))
        if merged.rows:
            page.add(merged)
        page.position = replace(position, after=merged.rows[-1][0] if merged.full else end)
        return not merged.full

    def _own_lines(self, after: int, end: int, *, state_only: bool) -> dict[int, list[Row]]:
        """Losses of sight, and pointers, by place. Who starts late needs no losses and no past."""
        found: dict[int, list[Row]] = {}
        for row in self._addressed:
            past = state_only and (row.superseded or row.kind == ChangeKind.SIGHT_LOST)
            if after < row.seq <= end and row.kind != ChangeKind.SIGHT_GAINED and not past:
                found.setdefault(row.place_id, []).append((row.seq, row.line))
        return found

    def _fill(self, page: Page, count: int, room: int) -> bool:
        """Page the present state of a gained place below its gain, then the gain itself."""
        position = page.position
        place = self._seen.get(position.fill_place)
        gained = position.fill_gained
        if place is None or self._begins.get(place.id) != gained:  # lost again, or gained anew since
            page.position = replace(position, after=gained, fill_place=0, fill_gained=0, fill_after=0)
            return True
        merged = Merged(count, room)
        state = self._range(place, position.fill_after, gained - 1, count, room, state_only=True)
        merged.add(place.id, *state)
        if not merged.full:
            line = select(Change.line, Change.place_id).where(Change.seq == gained)
            gain = self._session.execute(line).one()
            merged.add(gain.place_id, [(gained, gain.line)], weight([gain.line]))
        page.add(merged)
        if merged.full:
            page.position = replace(position, fill_after=merged.rows[-1][0])
        else:
            page.position = replace(position, after=gained, fill_place=0, fill_gained=0, fill_after=0)
        return not merged.full

    def _range(
        self, place: Seen, low: int, end: int, count: int, room: int, *, state_only: bool
    ) -> tuple[list[Row], int]:
        """Rows of one place with low < number <= end, and their size: an index range.

        Ends with one row more than `count` or `room` allow, if there is one: it tells that more follows.
        """
        statement = _RANGE.format(p=self._parameter, line=self._line, state=_STATE_ONLY if state_only else "")
        rows: list[Row] = []
        size, asked = 0, min(count + 1, FIRST_ROWS)
        while True:
            found, weighs = self._rows(place, statement, (place.id, low, place.id, end, asked))
            rows += found
            size += weighs
            if len(found) < asked or len(rows) > count or (size > room and len(rows) > 1):
                return rows, size
            low = rows[-1][0]
            # As many as fit if the rest is like what came, so that little is read that must be left behind.
            asked = min(count + 1 - len(rows), max((room - size) * len(rows) // size, LEAST_ROWS))

    def _rows(self, place: Seen, statement: str, values: tuple[int, ...]) -> tuple[list[Row], int]:
        """Rows straight from the driver; lines whose bytes were cleared get their ids back."""
        result = self._session.connection().exec_driver_sql(
            statement, values, execution_options={BINARY: True}
        )
        rows: list[tuple[int, bytes | None]] = list(result.cursor.fetchall())
        result.close()
        lines = [line for _, line in rows]
        if not all(lines):  # the quick question first: it is asked of every line
            rows = self._whole(place, rows)
            lines = [line for _, line in rows]
        return cast(list[Row], rows), weight(cast(list[bytes], lines))

    def _whole(self, place: Seen, rows: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        """The number and the fact of a cleared line stay."""
        numbers = [number for number, line in rows if line is None]
        known = select(Change.seq, Change.date, Change.kind, Change.collection_id, Change.object_id)
        details: dict[int, Any] = {}
        for start in range(0, len(numbers), 500):
            batch = known.where(Change.seq.in_(numbers[start : start + 500]))
            details.update({row.seq: row for row in self._session.execute(batch)})
        return [
            (number, _cleared(details[number], place.key) if line is None else line) for number, line in rows
        ]


def _cleared(row: Any, place_key: str) -> bytes:
    """A line without its body."""
    return head_line(row.date, row.kind, row.collection_id, place_key, row.object_id) + b',"superseded":true}'
