"""The database driver alone, without Halyard: what the figures are measured against.

Same tables, indexes, foreign keys and durability; no policy, no audit log, no SQL toolkit, no HTTP.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from app.clock import system_clock

SCAN_ROWS = 10_000
ENTRY, CONTRIBUTION, CHANGE = "signal_entry", "contribution", "change"
_SCAN = "SELECT line FROM change WHERE place_id = {} ORDER BY seq"
_MATCH = (
    "SELECT * FROM signal_entry "
    "WHERE type = 'sha256' AND match_key IN ({}) AND withdrawn_at IS NULL AND valid_until > {}"
)

Tables = dict[str, tuple[list[str], list[list[Any]]]]
"""By table: names of columns, and rows."""

Template = tuple[list[str], list[Any]]
"""Names of a table's columns, and one row of it as the driver takes it back."""


class Driver(Protocol):
    """One connection of a database's own driver."""

    def template(self, table: str, column: str, value: Any) -> Template:
        """Any row of the table with this value."""

    def key(self, name: str) -> str:
        """An id as this database holds it."""

    def head(self) -> int:
        """Number of the newest change."""

    def write(self, tables: Tables, place_id: int, head: int) -> None:
        """Write rows of several tables and move the heads of the feed and the place: one transaction."""

    def scan(self, place_id: int) -> Iterator[Sequence[tuple[bytes]]]:
        """The lines of a place in order, `SCAN_ROWS` at a time."""

    def match(self, keys: list[bytes]) -> int:
        """How many standing entries have one of these keys; their rows are fetched."""

    def vacuum(self) -> None:
        """What the database's own housekeeping would have done by and by after a bulk load."""

    def close(self) -> None: ...


def connect(url: str) -> Driver:
    return Sqlite(url) if url.startswith("sqlite") else Postgresql(url)


class Sqlite:
    """`sqlite3` with the settings of `app.db`."""

    def __init__(self, url: str) -> None:
        self._connection = sqlite3.connect(make_url(url).database or "", isolation_level=None)
        for setting in ("busy_timeout=30000", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {setting}")

    def template(self, table: str, column: str, value: Any) -> Template:
        statement = f"SELECT * FROM {table} WHERE {column} = ? LIMIT 1"  # noqa: S608 - names of this module
        cursor = self._connection.execute(statement, (value,))
        return [part[0] for part in cursor.description], list(cursor.fetchone())

    def key(self, name: str) -> str:
        return name.replace("-", "")

    def head(self) -> int:
        return int(self._connection.execute("SELECT seq FROM feed_head").fetchone()[0])

    def write(self, tables: Tables, place_id: int, head: int) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for table, (columns, rows) in tables.items():
            marks = ",".join("?" * len(columns))
            self._connection.executemany(
                f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})",  # noqa: S608 - as above
                rows,
            )
        self._connection.execute("UPDATE feed_head SET seq = ?, date = ?", (head, system_clock()))
        self._connection.execute("UPDATE place SET head = ? WHERE id = ?", (head, place_id))
        self._connection.execute("COMMIT")

    def scan(self, place_id: int) -> Iterator[Sequence[tuple[bytes]]]:
        cursor = self._connection.execute(_SCAN.format("?"), (place_id,))
        while rows := cursor.fetchmany(SCAN_ROWS):
            yield rows

    def match(self, keys: list[bytes]) -> int:
        statement = _MATCH.format(",".join("?" * len(keys)), "?")
        return len(self._connection.execute(statement, (*keys, system_clock())).fetchall())

    def vacuum(self) -> None:
        """Nothing: SQLite has no dead rows here and plans without statistics."""

    def close(self) -> None:
        self._connection.close()


class Postgresql:
    """psycopg: `COPY` and `ON CONFLICT` to write, a server-side cursor to scan, `unnest` to match."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)

    def template(self, table: str, column: str, value: Any) -> Template:
        names = self._connection.execute(
            sql.SQL("SELECT * FROM {} LIMIT 0").format(sql.Identifier(table))
        ).description
        columns = [part.name for part in names or ()]
        statement = sql.SQL("SELECT {} FROM {} WHERE {} = %s LIMIT 1").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns),
            sql.Identifier(table),
            sql.Identifier(column),
        )
        return columns, list(self._connection.execute(statement, (value,)).fetchone() or ())

    def key(self, name: str) -> str:
        return name

    def head(self) -> int:
        return int(self._connection.execute("SELECT seq FROM feed_head").fetchall()[0][0])

    def write(self, tables: Tables, place_id: int, head: int) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table, (columns, rows) in tables.items():
                self._copied(cursor, table, columns, rows)
            cursor.execute("UPDATE feed_head SET seq = %s, date = %s", (head, system_clock()))
            cursor.execute("UPDATE place SET head = %s WHERE id = %s", (head, place_id))

    def _copied(
        self, cursor: psycopg.Cursor[Any], table: str, columns: list[str], rows: list[list[Any]]
    ) -> None:
        """Into a temporary table and from there: the fastest way that stands a conflict."""
        names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
        parts = {"new": sql.Identifier(f"new_{table}"), "table": sql.Identifier(table), "names": names}
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE IF NOT EXISTS {new} (LIKE {table}) ON COMMIT DELETE ROWS").format(
                **parts
            )
        )
        with cursor.copy(sql.SQL("COPY {new} ({names}) FROM STDIN").format(**parts)) as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute(
            sql.SQL("INSERT INTO {table} ({names}) SELECT {names} FROM {new} ON CONFLICT DO NOTHING").format(
                **parts
            )
        )

    def scan(self, place_id: int) -> Iterator[Sequence[tuple[bytes]]]:
        with self._connection.transaction(), self._connection.cursor("scan", binary=True) as cursor:
            cursor.execute(_SCAN.format("%s"), (place_id,))
            while rows := cursor.fetchmany(SCAN_ROWS):
                yield rows

    def match(self, keys: list[bytes]) -> int:
        statement = _MATCH.format("SELECT unnest(%s::bytea[])", "%s")
        return len(self._connection.execute(statement.encode(), (keys, system_clock())).fetchall())

    def vacuum(self) -> None:
        self._connection.execute("VACUUM ANALYZE")

    def close(self) -> None:
        self._connection.close()
