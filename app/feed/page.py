"""Pages: rows of several places merged, cut to size, and counted for the audit log. Pure."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.events import Subject
from app.feed.cursor import Position

Row = tuple[int, bytes]
"""(number, line)."""


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


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Lines that were made ready: a frame of zstd, and the SHA-256 of what is in it, line ends included."""

    frame: bytes
    digest: bytes


@dataclass
class Page:
    """What one page holds: `lines` are JSON objects, ready to send, or all of it is `prepared`."""

    lines: list[bytes] = field(default_factory=list)
    """Single ones, or some that the database joined already."""
    prepared: Prepared | None = None
    position: Position = field(default_factory=Position)
    more: bool = False
    count: int = 0
    size: int = 0
    ranges: dict[int, list[int]] = field(default_factory=dict)
    """Place id → [first, last, count], by number while it is filled, by date once it is `dated`."""

    def add(self, taken: "Merged") -> None:
        """Take the rows that fitted, in order."""
        rows = taken.rows
        self.lines += [row[1] for row in rows]
        self.count += len(rows)
        self.size += taken.size
        if isinstance(taken.where, int):  # all of one place: no need to look at each
            self._count(taken.where, rows[0][0], rows[-1][0], len(rows))
            return
        for number, _ in rows:
            self._count(taken.where[number], number, number, 1)

    def add_joined(self, place_id: int, found: "Joined") -> None:
        """Take what the database joined, all of one place."""
        if not found.count:
            return
        self.lines += found.parts
        self.count += found.count
        self.size += found.size
        self._count(place_id, found.first, found.last, found.count)

    def ends(self) -> set[int]:
        """Numbers of the first and last lines of each place."""
        return {number for first, last, _ in self.ranges.values() for number in (first, last)}

    def dated(self, dates: Mapping[int, int]) -> None:
        """Say the ranges by date: numbers are not for anybody's eyes. Dates have the same order."""
        self.ranges = {
            place_id: [dates[first], dates[last], count]
            for place_id, (first, last, count) in self.ranges.items()
        }

    def _count(self, place_id: int, first: int, last: int, count: int) -> None:
        known = self.ranges.get(place_id)
        if known is None:
            self.ranges[place_id] = [first, last, count]
        else:
            known[0] = min(known[0], first)
            known[1] = max(known[1], last)
            known[2] += count


@dataclass(kw_only=True)
class Joined:
    """Lines of one place in order of their numbers, joined by the database."""

    parts: list[bytes] = field(default_factory=list)
    first: int = 0
    last: int = 0
    count: int = 0
    size: int = 0
    """In bytes, with a separator behind each line."""
    full: bool = False
    """There may be some that did not fit."""

    def add(self, more: "Joined") -> None:
        """Take what follows."""
        if not more.count:
            return
        self.parts += more.parts
        self.first = self.first or more.first
        self.last = more.last
        self.count += more.count
        self.size += more.size


class Merged:
    """The lowest rows of several places in order of their numbers: as many as a page has room for.

    At least one is kept however large it is, so that a reader always moves on.

    Args:
        count: how many lines fit.
        room: how many bytes fit, a separator behind each line included.
    """

    def __init__(self, count: int, room: int) -> None:
        self._count = count
        self._room = room
        self.rows: list[Row] = []
        self.where: int | dict[int, int] = {}
        """The place of all rows, or of each by its number."""
        self.size = 0
        self.full = False
        """Some did not fit."""

    @property
    def bound(self) -> int:
        """No row beyond this number can be among the lowest any more."""
        return self.rows[-1][0] if self.full else sys.maxsize

    def add(self, place_id: int, rows: list[Row], size: int) -> None:
        """Take rows of a place, all up to its last one or to one that is more than fits.

        Args:
            size: of the lines in bytes, separators included.
        """
        if not rows:
            return
        self.size += size
        if not self.rows:
            self.rows, self.where = rows, place_id
        else:
            if isinstance(self.where, int):
                self.where = dict.fromkeys((row[0] for row in self.rows), self.where)
            self.where.update(dict.fromkeys((row[0] for row in rows), place_id))
            self.rows = sorted([*self.rows, *rows], key=_number)
        while len(self.rows) > self._count or (self.size > self._room and len(self.rows) > 1):
            self.size -= len(self.rows.pop()[1]) + 1
            self.full = True


def weight(lines: Sequence[bytes]) -> int:
    """Bytes of lines, a separator behind each included."""
    return sum(map(len, lines)) + len(lines)


def _number(row: Row) -> int:
    return row[0]


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
