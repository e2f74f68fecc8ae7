"""Reads ranges of lines straight from the driver: one place, in order of their numbers."""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import BINARY
from app.feed.append import head_line
from app.feed.models import Change
from app.feed.page import Joined, Row, weight

FIRST_ROWS = 1_000
LEAST_ROWS = 50
BLOCK_ROWS = 2_000
"""How many lines the database joins at once: in larger blocks, it moves their bytes once more."""
CAREFUL = 0.95
"""How much of the room is asked for at once where lines that did not fit would have to be read again."""

_ROWS = "SELECT seq, {line} AS line FROM change WHERE {range}{state} ORDER BY place_id, seq LIMIT {asked}"
_JOINED = "SELECT count(*), count(line), min(seq), max(seq), {joined} FROM ({rows}) AS part"
_STATE_ONLY = " AND NOT superseded"
_CLEARED = b',"superseded":true}'


@dataclass(frozen=True, kw_only=True)
class _Dialect:
    """How a database says it."""

    parameter: str
    range: str
    joined: str


# PostgreSQL compares pairs, because only the index over both columns can do that: of two conditions, it may
# choose to walk the numbers of everybody and to drop those of other places. SQLite takes that index for two
# conditions, and comparing pairs there costs as much again as all the rest.
_DIALECTS = {
    "postgresql": _Dialect(
        parameter="%({})s",
        range="(place_id, seq) > ({place}, {low}) AND (place_id, seq) <= ({place}, {end})",
        joined="string_agg(line, {by}::bytea)",
    ),
    "sqlite": _Dialect(
        parameter=":{}",
        range="place_id = {place} AND seq > {low} AND seq <= {end}",
        joined="CAST(group_concat(line, {by}) AS BLOB)",
    ),
}


@cache
def _statements(dialect: str, line: str, *, state_only: bool) -> tuple[str, str]:
    """Rows of one place (number and line), and the same joined."""
    spoken = _DIALECTS[dialect]
    names = ("place", "low", "end", "asked", "by")
    marks = {name: spoken.parameter.format(name) for name in names}
    rows = _ROWS.format(
        line=line, range=spoken.range.format(**marks), state=_STATE_ONLY if state_only else "", **marks
    )
    return rows, _JOINED.format(joined=spoken.joined.format(**marks), rows=rows)


class Lines:
    """The lines of places, for one session.

    Args:
        counting: leave the lines' bytes in the database.
    """

    def __init__(self, session: Session, *, counting: bool = False) -> None:
        self._session = session
        self._line = "''" if counting else "line"
        self._dialect = session.get_bind().dialect.name

    def range(
        self, place_id: int, key: str, low: int, end: int, count: int, room: int, *, state_only: bool
    ) -> tuple[list[Row], int]:
        """Rows of one place with low < number <= end, and their size: an index range.

        Ends with one row more than `count` or `room` allow, if there is one: it tells that more follows.

        Args:
            key: of the place, as lines name it.
        """
        statement, _ = _statements(self._dialect, self._line, state_only=state_only)
        values = {"place": place_id, "low": low, "end": end, "asked": min(count + 1, FIRST_ROWS)}
        rows: list[Row] = []
        size = 0
        while True:
            found, weighs = self._rows(key, statement, values)
            rows += found
            size += weighs
            if len(found) < values["asked"] or len(rows) > count or (size > room and len(rows) > 1):
                return rows, size
            values["low"] = rows[-1][0]
            # As many as fit if the rest is like what came, so that little is read that must be left behind.
            fitting = max((room - size) * len(rows) // size, LEAST_ROWS)
            values["asked"] = min(count + 1 - len(rows), fitting)

    def joined(
        self,
        place_id: int,
        key: str,
        low: int,
        end: int,
        count: int,
        room: int,
        *,
        state_only: bool,
        by: bytes,
    ) -> Joined:
        """The same, `count` lines at most, joined by the database: no object for each line."""
        values = {"place": place_id, "low": low, "end": end, "asked": min(count, FIRST_ROWS)}
        found = Joined()
        while values["asked"]:
            more = self._joined(key, {**values, "by": by}, state_only=state_only)
            if found.size + more.size > room and found.count + more.count > 1:
                values["asked"] //= 2
                continue
            found.add(more)
            if more.count < values["asked"]:
                return found
            values["low"] = found.last
            fitting = min(int((room - found.size) * CAREFUL * found.count / found.size), BLOCK_ROWS)
            values["asked"] = min(count - found.count, fitting if fitting > LEAST_ROWS else 0)
        found.full = True
        return found

    def any_state(self, place_id: int, low: int, end: int) -> bool:
        """Whether a place has a present state line with low < number <= end."""
        statement, _ = _statements(self._dialect, "''", state_only=True)
        values = {"place": place_id, "low": low, "end": end, "asked": 1}
        return self._session.connection().exec_driver_sql(statement, values).first() is not None

    def _rows(self, key: str, statement: str, values: dict[str, int]) -> tuple[list[Row], int]:
        """Rows straight from the driver; lines whose bytes were cleared get their ids back."""
        result = self._session.connection().exec_driver_sql(
            statement, values, execution_options={BINARY: True}
        )
        rows: list[tuple[int, bytes | None]] = list(result.cursor.fetchall())
        result.close()
        lines = [line for _, line in rows]
        if not all(lines):  # the quick question first: it is asked of every line
            rows = self._whole(key, rows)
            lines = [line for _, line in rows]
        return cast(list[Row], rows), weight(cast(list[bytes], lines))

    def _joined(self, key: str, values: dict[str, Any], *, state_only: bool) -> Joined:
        """As many lines as are asked for; read one by one where some were cleared."""
        one_by_one, joined = _statements(self._dialect, "line", state_only=state_only)
        result = self._session.connection().exec_driver_sql(joined, values, execution_options={BINARY: True})
        count, bodies, first, last, part = result.one()
        if count and bodies < count:
            # Nothing of the first answer is kept: a line may have been superseded since.
            rows, _ = self._rows(key, one_by_one, values)
            part = values["by"].join(line for _, line in rows)
            count, first, last = (len(rows), rows[0][0], rows[-1][0]) if rows else (0, 0, 0)
        if not count:
            return Joined()
        return Joined(parts=[part], first=first, last=last, count=count, size=len(part) + 1)

    def _whole(self, key: str, rows: list[tuple[int, bytes | None]]) -> list[tuple[int, bytes | None]]:
        """The number and the fact of a cleared line stay."""
        numbers = [number for number, line in rows if line is None]
        known = select(Change.seq, Change.date, Change.kind, Change.collection_id, Change.object_id)
        details: dict[int, Any] = {}
        for start in range(0, len(numbers), 500):
            batch = known.where(Change.seq.in_(numbers[start : start + 500]))
            details.update({row.seq: row for row in self._session.execute(batch)})
        return [(number, _cleared(details[number], key) if line is None else line) for number, line in rows]


def _cleared(row: Any, place_key: str) -> bytes:
    """A line without its body."""
    return head_line(row.date, row.kind, row.collection_id, place_key, row.object_id) + _CLEARED


def is_cleared(line: bytes) -> bool:
    """Whether this is all that is left of a line. Those with a body end with two braces."""
    return line.endswith(_CLEARED)
