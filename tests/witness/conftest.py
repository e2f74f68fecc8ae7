"""A log, and a witness that follows it."""

import pytest

from app.witness.keeper import Keeper
from tests.witness.logs import Log


@pytest.fixture
def log():
    return Log()


@pytest.fixture
def keeper(tmp_path, log):
    made = Keeper.make(tmp_path / "w", "witness.example/w1")
    made.follow(log.origin, [log.verifier])
    return made
