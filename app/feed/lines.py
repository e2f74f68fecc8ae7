"""Reads ranges of lines straight from the driver: one place, in order of their numbers."""

from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import BINARY
from app.feed.append import head_line
from app.feed.models import Change
from app.feed.page import Row, weight

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
_CLEARED = b',"superseded":true}'


class Lines:
    """The lines of places, for one session.

    Args:
        counting: leave the lines' bytes in the database.
    """

    def __init__(self, session: Session, *, counting: bool = False) -> None:
        self._session = session
        self._line = "''" if counting else "line"
        self._parameter = "?" if session.get_bind().dialect.name == "sqlite" else "%s"

    def range(
        self, place_id: int, key: str, low: int, end: int, count: int, room: int, *, state_only: bool
    ) -> tuple[list[Row], int]:
        """Rows of one place with low < number <= end, and their size: an index range.

        Ends with one row more than `count` or `room` allow, if there is one: it tells that more follows.

        Args:
            key: of the place, as lines name it.
        """
        statement = _RANGE.format(p=self._parameter, line=self._line, state=_STATE_ONLY if state_only else "")
        rows: list[Row] = []
        size, asked = 0, min(count + 1, FIRST_ROWS)
        while True:
            found, weighs = self._rows(key, statement, (place_id, low, place_id, end, asked))
            rows += found
            size += weighs
            if len(found) < asked or len(rows) > count or (size > room and len(rows) > 1):
                return rows, size
            low = rows[-1][0]
            # As many as fit if the rest is like what came, so that little is read that must be left behind.
            asked = min(count + 1 - len(rows), max((room - size) * len(rows) // size, LEAST_ROWS))

    def any_state(self, place_id: int, low: int, end: int) -> bool:
        """Whether a place has a present state line with low < number <= end."""
        statement = _RANGE.format(p=self._parameter, line="''", state=_STATE_ONLY)
        connection = self._session.connection()
        found = connection.exec_driver_sql(statement, (place_id, low, place_id, end, 1)).first()
        return found is not None

    def _rows(self, key: str, statement: str, values: tuple[int, ...]) -> tuple[list[Row], int]:
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
