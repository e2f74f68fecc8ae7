"""One database transaction per module, undone after it: worlds are built once and looked at many times."""

from collections.abc import Iterator

import pytest

from app.audit.entry import Entry
from app.config import Config
from app.db import Database
from app.runtime import Runtime
from tests.fakes import START, FakeClock, InlineAuditor
from tests.policy.world import World, build


class Noting(InlineAuditor):
    """Keeps the entries of reads and refusals at hand."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.noted: list[Entry] = []

    def release(self, entries: list[Entry], epoch: int | None) -> None:
        self.noted.extend(entries)
        super().release(entries, epoch)


@pytest.fixture(scope="module")
def house(config: Config, migrated: Database) -> Iterator[Runtime]:
    """A server whose transactions all end with the module."""
    with migrated.engine.connect() as connection:
        outer = connection.begin()
        database = Database(migrated.url, connection=connection)
        yield Runtime.assemble(config, db=database, auditor=Noting, now=FakeClock())
        outer.rollback()


@pytest.fixture(scope="module")
def world(house: Runtime) -> Iterator[World]:
    """Everybody and everything of the table in `model`."""
    with house.db.read() as session:
        yield build(session, START)
