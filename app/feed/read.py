"""`read`: the one function through which every door reads the feed.

A page is a range of an index per visible place, and costs what the reader gets, not what others wrote in
between. Stored bytes go out as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.events import Subject
from app.feed import sight
from app.feed.append import head_line
from app.feed.cursor import Position, View
from app.feed.models import Change, FeedHead
from app.markings import Collection, Marking, MarkingPurpose, Place
from app.policy import Actor, place_visible, visible_to
from schemas.vocabulary import ChangeKind

MAX_BYTES = 4_000_000

_RANGE = (
    "SELECT seq, date, line FROM change WHERE place_id = {p} AND seq > {p} AND seq <= {p}{state} "
    "ORDER BY seq LIMIT {p}"
)
_STATE_ONLY = " AND NOT superseded"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A place that this reader sees now, with what an audit entry says about it."""

    id: int
    key: str
    head: int
    collection_id: str
    narrower: bool
    owner_id: str
    tlp: str
    pap: str
    audience: str
    group_id: str | None


@dataclass
class Page:
    """What one page holds: `lines` are JSON objects, ready to send."""

    lines: list[bytes] = field(default_factory=list)
    position: Position = field(default_factory=Position)
    more: bool = False
    size: int = 0
    ranges: dict[int, list[int]] = field(default_factory=dict)
    """Place id → [first date, last date, count]."""

    def add(self, rows: Sequence[tuple[int, int, int, bytes]]) -> None:
        """Take rows of (number, date, place id, line)."""
        for _, date, place_id, line in rows:
            self.lines.append(line)
            self.size += len(line) + 1
            known = self.ranges.get(place_id)
            if known is None:
                self.ranges[place_id] = [date, date, 1]
            else:
                known[0] = min(known[0], date)
                known[1] = max(known[1], date)
                known[2] += 1


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
) -> tuple[Page, dict[int, Seen]]:
    """Read up to `limit` lines or `max_bytes`, whichever comes first, from `position` on.

    Returns the page and the places that it came from. An empty page still moves its position.
    """
    upto = _head(session)
    addressed = _addressed(session, view, position, upto)
    needed = {row.sight_place_id for row in addressed} | {position.fill_place}
    seen = {place.id: place for place in _places(session, actor, view, now, position.after, needed)}
    begins = sight.since(session, view.member_id, view.purpose)
    reader = _Reader(session, seen, begins, addressed, upto)
    page = Page(position=position)
    while len(page.lines) < limit and page.size < max_bytes:
        if not reader.advance(page, limit - len(page.lines), max_bytes - page.size):
            break
    page.more = page.position.after < upto or page.position.fill_place != 0
    return page, seen


def subjects(page: Page, seen: dict[int, Seen]) -> list[Subject]:
    """What an audit entry says of a page: per place the first and last change and the count."""
    found = []
    for place_id, (first, last, count) in sorted(page.ranges.items()):
        place = seen.get(place_id)
        if place is None:  # lines addressed to the reader alone
            found.append(Subject(kind="sight", first=first, last=last, count=count))
            continue
        found.append(
            Subject(
                kind="changes",
                collection_id=place.collection_id,
                owner_id=place.owner_id,
                place=place.key if place.narrower else None,
                tlp=place.tlp,
                pap=place.pap,
                audience=place.audience,
                group_id=place.group_id,
                first=first,
                last=last,
                count=count,
            )
        )
    return found


def excluded(session: Session, actor: Actor, view: View, now: int) -> list[str]:
    """Ids of collections that the reader sees, but whose owner prohibits the view's purpose."""
    prohibited = (
        select(Collection.id)
        .join(Marking, Marking.id == Collection.marking_id)
        .join(MarkingPurpose, MarkingPurpose.marking_id == Marking.id)
        .where(
            MarkingPurpose.purpose == view.purpose,
            Collection.kind.in_(sorted(view.kinds)),
            Marking.owner_id != view.member_id,
            visible_to(actor, now, through_feed=True, any_purpose=True),
        )
        .order_by(Collection.id)
    )
    if view.collections is not None:
        prohibited = prohibited.where(Collection.id.in_(sorted(view.collections)))
    return list(session.scalars(prohibited))


def _head(session: Session) -> int:
    return session.execute(select(FeedHead.seq).where(FeedHead.id == 1)).scalar_one()


def _places(
    session: Session, actor: Actor, view: View, now: int, after: int, needed: set[int]
) -> Iterator[Seen]:
    """Visible places of the view with something new, worked out from the markings as they are now."""
    visible = (
        select(
            Place.id, Place.key, Place.head, Place.collection_id, Place.marking_id, Marking.owner_id,
            Marking.tlp, Marking.pap, Marking.audience, Marking.group_id,
        )
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Place.kind == "collection",
            or_(Place.head > after, Place.id.in_(sorted(place for place in needed if place))),
            Collection.kind.in_(sorted(view.kinds)),
            place_visible(actor, now),
        )
    )  # fmt: skip
    if view.collections is not None:
        visible = visible.where(Collection.id.in_(sorted(view.collections)))
    for row in session.execute(visible):
        yield Seen(
            id=row.id, key=row.key, head=row.head, collection_id=row.collection_id or "",
            narrower=row.marking_id is not None, owner_id=row.owner_id, tlp=row.tlp, pap=row.pap,
            audience=row.audience, group_id=row.group_id,
        )  # fmt: skip


def _addressed(session: Session, view: View, position: Position, upto: int) -> list[Any]:
    """Lines addressed to this member (sight) or user (pointers) behind the position, in the view."""
    identities = [f"m:{view.member_id}"] + ([f"u:{view.user_id}"] if view.user_id else [])
    lines = (
        select(
            Change.seq, Change.date, Change.place_id, Change.kind, Change.line, Change.superseded,
            Change.sight_place_id, Change.purposes,
        )
        .join(Place, Place.id == Change.place_id)
        .join(Collection, Collection.id == Change.collection_id)
        .where(
            Place.identity.in_(identities),
            Change.seq > position.after,
            Change.seq <= upto,
            Collection.kind.in_(sorted(view.kinds)),
        )
        .order_by(Change.seq)
    )  # fmt: skip
    if view.collections is not None:
        lines = lines.where(Collection.id.in_(sorted(view.collections)))
    return [
        row
        for row in session.execute(lines)
        if row.purposes is None or view.purpose in row.purposes.split(",")
    ]


class _Reader:
    """Reads stretches of the feed: each is bounded by the next thing that needs other rules."""

    def __init__(
        self,
        session: Session,
        seen: dict[int, Seen],
        begins: dict[int, int],
        addressed: list[Any],
        upto: int,
    ) -> None:
        self._session = session
        self._seen = seen
        self._begins = begins
        self._addressed = addressed
        self._upto = upto
        self._sqlite = session.get_bind().dialect.name == "sqlite"

    def advance(self, page: Page, count: int, room: int) -> bool:
        """Read one stretch into the page; False when there is nothing more to read now."""
        position = page.position
        if position.fill_place:
            return self._fill(page, count, room)
        if position.after >= self._upto:
            return False
        if position.after < position.start:
            self._stretch(page, min(position.start, self._upto), count, room, state_only=True)
            return True
        gains = (row for row in self._addressed if row.seq > position.after and self._counts(row))
        gained = next(gains, None)
        end = self._upto if gained is None else gained.seq - 1
        complete = self._stretch(page, end, count, room, state_only=False)
        if complete and gained is not None:
            page.position = replace(
                page.position, fill_place=gained.sight_place_id, fill_gained=gained.seq, fill_after=0
            )
        return True

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
        rows = self._own_lines(position.after, end, state_only=state_only)[: count + 1]
        for place in self._seen.values():
            begin = self._begins.get(place.id, 0)
            low = max(position.after, begin if begin > position.start else 0)
            # What the places before have filled already bounds what is worth reading from this one.
            bound = rows[count][0] if len(rows) > count else end
            if place.head > low and low < bound:
                rows += self._range(place, low, bound, count + 1, state_only=state_only)
                rows.sort(key=_number)
                del rows[count + 1 :]
        taken = _fit(rows, count, room)
        page.add(taken)
        complete = len(taken) == len(rows)
        page.position = replace(position, after=end if complete else taken[-1][0])
        return complete

    def _own_lines(self, after: int, end: int, *, state_only: bool) -> list[tuple[int, int, int, bytes]]:
        """Losses of sight, and pointers. Who starts late needs no losses and no past."""
        return [
            (row.seq, row.date, row.place_id, row.line)
            for row in self._addressed
            if after < row.seq <= end
            and row.kind != ChangeKind.SIGHT_GAINED
            and not (state_only and (row.superseded or row.kind == ChangeKind.SIGHT_LOST))
        ]

    def _fill(self, page: Page, count: int, room: int) -> bool:
        """Page the present state of a gained place below its gain, then the gain itself."""
        position = page.position
        place = self._seen.get(position.fill_place)
        gained = position.fill_gained
        if place is None or self._begins.get(place.id) != gained:  # lost again, or gained anew since
            page.position = replace(position, after=gained, fill_place=0, fill_gained=0, fill_after=0)
            return True
        rows = self._range(place, position.fill_after, gained - 1, count, state_only=True)
        line = select(Change.seq, Change.date, Change.place_id, Change.line).where(Change.seq == gained)
        rows += [(row.seq, row.date, row.place_id, row.line or b"") for row in self._session.execute(line)]
        taken = _fit(rows, count, room)
        page.add(taken)
        if len(taken) == len(rows):
            page.position = replace(position, after=gained, fill_place=0, fill_gained=0, fill_after=0)
        else:
            page.position = replace(position, fill_after=taken[-1][0])
        return True

    def _range(
        self, place: Seen, low: int, end: int, limit: int, *, state_only: bool
    ) -> list[tuple[int, int, int, bytes]]:
        """Rows of one place with low < number <= end: one index range, straight from the driver."""
        statement = _RANGE.format(
            p="?" if self._sqlite else "%s",
            state=_STATE_ONLY if state_only else "",
        )
        result = self._session.connection().exec_driver_sql(statement, (place.id, low, end, limit))
        fetched = list(result.cursor.fetchall())
        result.close()
        rows = [(seq, date, place.id, line) for seq, date, line in fetched]
        if any(row[3] is None for row in rows):
            rows = self._with_cleared(place, rows)
        return rows

    def _with_cleared(self, place: Seen, rows: list[Any]) -> list[tuple[int, int, int, bytes]]:
        """Give lines whose bytes were cleared their ids back: the number and the fact stay."""
        numbers = [row[0] for row in rows if row[3] is None]
        known = select(Change.seq, Change.kind, Change.collection_id, Change.object_id)
        details = {}
        for start in range(0, len(numbers), 500):
            batch = known.where(Change.seq.in_(numbers[start : start + 500]))
            details.update({row.seq: row for row in self._session.execute(batch)})
        return [
            row if row[3] is not None else (*row[:3], _cleared(details[row[0]], row[1], place.key))
            for row in rows
        ]


def _number(row: tuple[int, int, int, bytes]) -> int:
    return row[0]


def _cleared(row: Any, date: int, place_key: str) -> bytes:
    return head_line(date, row.kind, row.collection_id, place_key, row.object_id) + b',"superseded":true}'


def _fit(rows: list[tuple[int, int, int, bytes]], count: int, room: int) -> list[tuple[int, int, int, bytes]]:
    """As many rows as `count` and `room` bytes allow; at least one, so that a reader always moves on."""
    size = 0
    for n, row in enumerate(rows[:count]):
        size += len(row[3]) + 1
        if size > room and n:
            return rows[:n]
    return rows[:count]
