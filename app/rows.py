"""Writes many plain rows at once, as each driver does it best: `COPY` on PostgreSQL, `executemany` on SQLite.

The rows go in through the session's own connection and in its transaction. They must be new: where a conflict
could appear, the caller holds a lock that keeps it away.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final, TypeVar

import msgspec
import psycopg
from sqlalchemy import JSON, Dialect, Table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

BATCH: Final = 5_000
"""Values to ask for in one statement, where their number has no bound: SQLite takes 32,766 parameters at most
(https://www.sqlite.org/limits.html), unless it was built to take more."""

_Convert = Callable[[Any], Any]
Value = TypeVar("Value")


def batches(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """Parts of values, as many as one statement may ask for."""
    return (values[start : start + BATCH] for start in range(0, len(values), BATCH))


def insert_rows(session: Session, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns, with values in the form in which the ORM takes them."""
    if not rows:
        return
    connection = session.connection()
    writer = _writer(table, tuple(rows[0]), connection.dialect)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(writer.insert, list(writer.converted(rows)))
        return
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(writer.copy) as copy:
            for row in writer.converted(rows):
                copy.write_row(row)
    except psycopg.Error as error:  # as the toolkit would have raised it
        raise DBAPIError.instance(
            writer.copy, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


class _Writer:
    """The statements for some columns of a table, and how their values are given to the driver."""

    def __init__(self, table: Table, columns: tuple[str, ...], dialect: Dialect) -> None:
        quote = dialect.identifier_preparer.quote
        names = ", ".join(quote(name) for name in columns)
        marks = ", ".join("?" * len(columns))
        self.insert = f"INSERT INTO {quote(table.name)} ({names}) VALUES ({marks})"  # noqa: S608 - our names
        self.copy = f"COPY {quote(table.name)} ({names}) FROM STDIN"
        self._values = itemgetter(*columns)
        converters = ((place, _converter(table, name, dialect)) for place, name in enumerate(columns))
        self._convert = [(place, convert) for place, convert in converters if convert is not None]

    def converted(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
        """The rows as the driver takes them; column by column, which is faster than value by value."""
        columns = list(zip(*map(self._values, rows), strict=True))
        for place, convert in self._convert:
            columns[place] = tuple(map(convert, columns[place]))
        return zip(*columns, strict=True)


@lru_cache(maxsize=64)
def _writer(table: Table, columns: tuple[str, ...], dialect: Dialect) -> _Writer:
    return _Writer(table, columns, dialect)


def _converter(table: Table, name: str, dialect: Dialect) -> _Convert | None:
    kind = table.c[name].type
    if isinstance(kind, JSON):
        return _json_or_null if kind.none_as_null else _json
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _json_or_null(value: Any) -> str | None:
    return None if value is None else _json(value)
