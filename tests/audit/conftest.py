"""A log of its own for each test: what is numbered and signed is committed, and cannot be rolled back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app import upgrade
from app.config import Config
from app.runtime import Runtime
from tests.conftest import NewDatabase


@pytest.fixture
def house(new_database_url: NewDatabase, tmp_path: Path) -> Iterator[Runtime]:
    runtime = Runtime.assemble(Config(data_dir=tmp_path, database_url=new_database_url()))
    upgrade.prepare(runtime)
    yield runtime
    runtime.db.dispose()
