"""The database: engines, the declarative base, and the ways to open a session for writing or reading.

SQLite runs in WAL mode with `synchronous=FULL`; writers take `BEGIN IMMEDIATE` behind an in-process lock,
because a deferred transaction that turns into a writer fails at once whatever its busy timeout, and SQLite's
own waiting is unfair. Nothing but this module commits.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from psycopg import Error as DriverError
from psycopg.pq import Format
from psycopg.types.array import ListBinaryDumper
from sqlalchemy import BigInteger, Connection, Engine, MetaData, String, Uuid, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

SQLITE_BUSY_MS = 30_000
TRUNCATE_WAIT_MS = 1_000
STATEMENT_TIMEOUT_MS = 60_000
LOCK_TIMEOUT_MS = 20_000
RESTED_SECONDS = 1.0
"""A connection that nobody used for so long is tried before it is used: the server may have gone."""

BINARY = "halyard_binary"
"""Execution option: take results in the wire's binary form where the driver has one.

PostgreSQL writes bytes as hex text otherwise, twice as long. For plain SQL, whose results nothing converts.
"""

Id = Uuid(as_uuid=False)
"""Random UUIDs as 36-character text in Python: `uuid` on PostgreSQL, 32 hex characters on SQLite."""

Moment = BigInteger
"""Microseconds UTC, see `app.clock`."""

Code = String(64)
"""A word of a closed or semi-closed vocabulary."""


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One database. `write()` and `read()` open a session in its own transaction.

    With `connection` given, every session joins that connection through savepoints instead: the caller
    rolls the outer transaction back.
    """

    def __init__(self, url: str, *, pool_size: int = 10, connection: Connection | None = None) -> None:
        self.url = _with_driver(url)
        self.sqlite = self.url.startswith("sqlite")
        self._connection = connection
        self._writing = threading.RLock()
        self.log_due = False
        if connection is not None:
            self.engine: Engine = connection.engine
        else:
            self.engine = _make_engine(self.url, sqlite=self.sqlite, pool_size=pool_size)
        # On PostgreSQL each statement of a reader would see the newest state inside a transaction, too.
        alone = {} if self.sqlite else {"isolation_level": "AUTOCOMMIT"}
        self._reader = self.engine.execution_options(halyard_readonly=True, **alone)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits when the block is left and rolls back when it raises."""
        if not self.sqlite:
            with self._session(self.engine) as session, session.begin():
                yield session
            return
        with self._writing, self._session(self.engine) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading: it refuses to change anything."""
        with self._session(self._reader) as session:
            yield session
            session.rollback()

    def truncate_log(self) -> bool:
        """Empty SQLite's write-ahead log, where older pages may hold what was erased; in no transaction.

        Returns False where readers were in the way: `log_due` then stays set, and the worker tries again.
        """
        if not self.sqlite or self._connection is not None:
            return True
        self.log_due = True
        with self._writing:
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                cursor.execute(f"PRAGMA busy_timeout={TRUNCATE_WAIT_MS}")
                self.log_due = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] != 0
                cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
            finally:
                connection.close()
        return not self.log_due

    def dispose(self) -> None:
        if self._connection is None:
            self.engine.dispose()

    def _session(self, engine: Engine) -> Session:
        if self._connection is not None:
            return Session(self._connection, join_transaction_mode="create_savepoint", expire_on_commit=False)
        return Session(engine, expire_on_commit=False)


def _with_driver(url: str) -> str:
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


def _make_engine(url: str, *, sqlite: bool, pool_size: int) -> Engine:
    if sqlite:
        engine = create_engine(
            url, poolclass=QueuePool, pool_size=pool_size, max_overflow=20,
            connect_args={"check_same_thread": False, "timeout": SQLITE_BUSY_MS / 1000},
            hide_parameters=True,
        )  # fmt: skip
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        event.listen(engine, "before_cursor_execute", _refuse_changes_in_reads)
        return engine
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"
    engine = create_engine(
        url, pool_size=pool_size, max_overflow=20, hide_parameters=True, connect_args={"options": options}
    )
    event.listen(engine, "connect", _postgresql_connect)
    event.listen(engine, "checkin", _rests)
    event.listen(engine, "checkout", partial(_try_rested, engine))
    event.listen(engine, "before_cursor_execute", _refuse_changes_in_reads)
    event.listen(engine, "before_cursor_execute", _postgresql_execute)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not open transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MS}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # erased values must not linger in free pages
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    readonly = connection.get_execution_options().get("halyard_readonly", False)
    connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")


def _postgresql_connect(connection: Any, _record: Any) -> None:
    # As text, every byte of an array is escaped twice: 500 match keys took 14 ms that take 0.1 ms so.
    connection.adapters.register_dumper(list, ListBinaryDumper)


def _rests(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["rests"] = time.monotonic()


def _try_rested(engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
    """The pool's own way asks the server each time: a round trip, also where it has just been in use."""
    if time.monotonic() - record.info.get("rests", time.monotonic()) < RESTED_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except DriverError as error:
        raise InvalidatePoolError from error  # opened anew, as all others that are as old


def _refuse_changes_in_reads(
    connection: Connection, _cursor: Any, _statement: str, _values: Any, context: Any, _many: Any
) -> None:
    changes = context.isinsert or context.isupdate or context.isdelete or context.isddl
    if changes and connection.get_execution_options().get("halyard_readonly", False):
        raise RuntimeError("a session for reading must not change anything: use Database.write")


def _postgresql_execute(
    _connection: Connection, cursor: Any, _statement: str, _values: Any, context: Any, _many: Any
) -> None:
    if context.execution_options.get(BINARY, False):
        cursor.format = Format.BINARY
