"""Sessions of `app.db`: what a reader may do, and connections that the server has ended meanwhile."""

from collections.abc import Iterator

import pytest
from sqlalchemy import func, select, update

from app import db as module
from app import upgrade
from app.audit.models import PolicyEpoch
from app.config import Config
from app.db import Database
from app.runtime import Runtime
from tests.conftest import NewDatabase, run_on_server

MOVE = update(PolicyEpoch).values(epoch=PolicyEpoch.epoch + 1)


@pytest.fixture
def own(new_database_url: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database with connections of its own, not those of the test's transaction."""
    config = Config(data_dir=tmp_path_factory.mktemp("own"), database_url=new_database_url())
    runtime = Runtime.assemble(config)
    upgrade.prepare(runtime)
    yield runtime.db
    runtime.db.dispose()


def epoch(database: Database) -> int:
    with database.read() as session:
        return session.execute(select(PolicyEpoch.epoch)).scalar_one()


def test_a_session_for_reading_refuses_to_change_anything(own: Database) -> None:
    before = epoch(own)

    with pytest.raises(RuntimeError, match=r"use Database\.write"), own.read() as session:
        session.execute(MOVE)

    with own.write() as session:
        session.execute(MOVE)
    assert epoch(own) == before + 1


def test_a_connection_that_the_server_ended_is_opened_anew(
    own: Database, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite has no server")
    monkeypatch.setattr(module, "RESTED_SECONDS", 0.0)
    with own.read() as session:
        old = session.execute(select(func.pg_backend_pid())).scalar_one()
    run_on_server(f"SELECT pg_terminate_backend({old}, 5000)")

    with own.read() as session:
        assert session.execute(select(func.pg_backend_pid())).scalar_one() != old
