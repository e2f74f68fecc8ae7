"""`read`: the one function through which every door reads the feed.

A page is a range of an index per visible place, and costs what the reader gets, not what others wrote in
between. Stored bytes go out as they are.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from app.feed import segments, sight, visible
from app.feed.cursor import Position, View
from app.feed.lines import Lines
from app.feed.models import Change, FeedHead
from app.feed.page import Merged, Page, Row, Seen, weight
from app.feed.segments import Extent, Segment
from app.question import Actor
from schemas.vocabulary import ChangeKind

MAX_BYTES = 4_000_000
LINE_END = b"\n"
_HEAD = select(FeedHead.seq).where(FeedHead.id == 1)
_DATES = select(Change.seq, Change.date).where(Change.seq.in_(bindparam("numbers", expanding=True)))


def begin_position(session: Session) -> Position:
    """Where a reader starts that has no cursor: it is shown the present state up to the head of now."""
    return Position(start=_head(session))


def read(  # noqa: PLR0913 - what is read, from where, and how much of it
    session: Session,
    actor: Actor,
    view: View,
    position: Position,
    *,
    limit: int,
    now: int,
    max_bytes: int = MAX_BYTES,
    counting: bool = False,
    streaming: bool = False,
) -> tuple[Page, dict[int, Seen]]:
    """Read up to `limit` lines or `max_bytes`, whichever comes first, from `position` on.

    Returns the page and the places that it came from. An empty page still moves its position.

    Args:
        counting: leave the lines' bytes in the database: how many, where and when is all that is asked.
        streaming: lines may come joined by line ends; and a page may be a prepared segment, whatever the
            limits are. More always follows it.
    """
    upto = _head(session)
    addressed = visible.addressed(session, view, position, upto)
    needed = {row.sight_place_id for row in addressed} | {position.fill_place}
    needed -= {None, 0}
    seen = {place.id: place for place in visible.places(session, actor, view, now, position.after, needed)}
    begins = sight.since(session, view.member_id, view.purpose)
    page = Page(position=position)
    reader = _Reader(session, seen, begins, addressed, upto, counting=counting, streaming=streaming)
    while page.count < limit and page.size < max_bytes:
        if not reader.advance(page, limit - page.count, max_bytes - page.size):
            break
    if page.ranges and page.prepared is None:
        page.dated(
            {
                row.seq: row.date
                for row in session.connection().execute(_DATES, {"numbers": sorted(page.ends())})
            }
        )
    more = page.position.after < upto or page.position.fill_place != 0
    page.more = more or page.prepared is not None
    return page, seen


def _head(session: Session) -> int:
    return session.connection().execute(_HEAD).scalar_one()


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
        streaming: bool,
    ) -> None:
        self._session = session
        self._seen = seen
        self._begins = begins
        self._addressed = addressed
        self._upto = upto
        self._lines = Lines(session, counting=counting)
        self._streaming = streaming

    def advance(self, page: Page, count: int, room: int) -> bool:
        """Read one stretch into the page; False when nothing more is there, or it did not all fit."""
        position = page.position
        if position.fill_place:
            return self._fill(page, count, room)
        if position.after >= self._upto:
            return False
        if position.after < position.start:
            return self._past(page, min(position.start, self._upto), count, room)
        gains = (row for row in self._addressed if row.seq > position.after and self._counts(row))
        gained = next(gains, None)
        end = self._upto if gained is None else gained.seq - 1
        complete = self._stretch(page, end, count, room, state_only=False)
        if complete and gained is not None:
            page.position = replace(
                page.position, fill_place=gained.sight_place_id, fill_gained=gained.seq, fill_after=0
            )
        return complete

    def _past(self, page: Page, end: int, count: int, room: int) -> bool:
        """Read present state: prepared segments where they lie, and line by line what is between them."""
        after, start = page.position.after, page.position.start
        places = [place.id for place in self._seen.values() if self._begins.get(place.id, 0) <= start]
        found = self._prepared_in(places, after, end)
        if found is None:
            return self._stretch(page, end, count, room, state_only=True)
        extent = found.extent
        if not self._alone(extent, places):
            return self._stretch(page, extent.last, count, room, state_only=True)
        if after < extent.first - 1:
            return self._stretch(page, extent.first - 1, count, room, state_only=True)
        if not page.count:  # otherwise the next page begins with it
            self._take(page, found)
            page.position = replace(page.position, after=extent.last)
        return False

    def _prepared_in(self, places: list[int], after: int, end: int) -> Segment | None:
        return segments.following(self._session, places, after, end) if self._streaming else None

    def _alone(self, extent: Extent, places: list[int]) -> bool:
        """Whether this reader is shown nothing else that lies in the range of a segment."""
        low, end = extent.first - 1, extent.last
        if self._own_lines(low, end, state_only=True):
            return False
        others = [place for place in places if place != extent.place_id and self._seen[place].head > low]
        return not any(self._lines.any_state(place, low, end) for place in others)

    @staticmethod
    def _take(page: Page, found: Segment) -> None:
        """Make the page of a prepared segment."""
        page.prepared = found.prepared
        page.ranges = {found.extent.place_id: [found.first_date, found.last_date, found.count]}

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
        own = self._own_lines(position.after, end, state_only=state_only)
        behind = [(place, self._low(place, position)) for place in self._seen.values()]
        ranges = [(place, low) for place, low in behind if low < min(place.head, end)]
        if self._streaming and not own and len(ranges) == 1:
            return self._alone_in(page, *ranges[0], end, count, room, state_only=state_only)
        merged = Merged(count, room)
        for place_id, rows in own.items():
            merged.add(place_id, rows, weight([line for _, line in rows]))
        for place, low in ranges:
            # What the places before have filled already bounds what is worth reading from this one.
            bound = min(end, merged.bound)
            if low < bound:
                merged.add(place.id, *self._range(place, low, bound, count, room, state_only=state_only))
        if merged.rows:
            page.add(merged)
        page.position = replace(position, after=merged.rows[-1][0] if merged.full else end)
        return not merged.full

    def _low(self, place: Seen, position: Position) -> int:
        """The number behind which this reader reads a place."""
        begin = self._begins.get(place.id, 0)
        return max(position.after, begin if begin > position.start else 0)

    def _alone_in(
        self, page: Page, place: Seen, low: int, end: int, count: int, room: int, *, state_only: bool
    ) -> bool:
        """Read up to `end` from the one place that has lines there; True when all of it fitted."""
        found = self._lines.joined(
            place.id, place.key, low, end, count, room, state_only=state_only, by=LINE_END
        )
        page.add_joined(place.id, found)
        page.position = replace(page.position, after=found.last if found.full else end)
        return not found.full

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
        found = self._prepared_in([place.id], position.fill_after, gained - 1)
        end = gained - 1 if found is None else found.extent.first - 1
        merged = Merged(count, room)
        merged.add(place.id, *self._range(place, position.fill_after, end, count, room, state_only=True))
        if found is not None and not merged.rows:
            if not page.count:  # otherwise the next page begins with it
                self._take(page, found)
                page.position = replace(position, fill_after=found.extent.last)
            return False
        if found is None and not merged.full:
            line = select(Change.line, Change.place_id).where(Change.seq == gained)
            gain = self._session.execute(line).one()
            merged.add(gain.place_id, [(gained, gain.line)], weight([gain.line]))
        page.add(merged)
        if merged.full:
            page.position = replace(position, fill_after=merged.rows[-1][0])
        elif found is not None:
            page.position = replace(position, fill_after=end)
        else:
            page.position = replace(position, after=gained, fill_place=0, fill_gained=0, fill_after=0)
        return not merged.full

    def _range(
        self, place: Seen, low: int, end: int, count: int, room: int, *, state_only: bool
    ) -> tuple[list[Row], int]:
        return self._lines.range(place.id, place.key, low, end, count, room, state_only=state_only)
