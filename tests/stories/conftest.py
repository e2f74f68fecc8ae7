"""What stories start from: a seed that is printed, and servers that are stopped whatever happens."""

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import NewDatabase
from tests.stories.coalition import Coalition, operator
from tests.stories.server import Server, Site

SEED = "HALYARD_TEST_SEED"

Enrol = Callable[[Server], Coalition]


@pytest.fixture(scope="session")
def seed() -> str:
    """The seed of all randomness; `HALYARD_TEST_SEED` repeats a run."""
    chosen = os.environ.get(SEED) or str(secrets.randbelow(10**9))
    print(f"\n{SEED}={chosen}")  # noqa: T201 - pytest shows it when a story fails
    return chosen


@pytest.fixture
def site(new_database_url: NewDatabase, tmp_path: Path, backend: str) -> Iterator[Site]:
    """A database of its own, and the servers over it. Faults in their logs fail the story."""
    made = Site(new_database_url(), tmp_path, backend)
    try:
        yield made
    finally:
        faults = made.close()
    assert faults == []


@pytest.fixture
def enrol(site: Site) -> Iterator[Enrol]:
    """A function that begins a coalition on a server; its connections are closed at the end."""
    begun: list[Coalition] = []

    def begin(server: Server) -> Coalition:
        begun.append(Coalition(operator(site.runtime, server.url)))
        return begun[-1]

    yield begin
    for coalition in begun:
        coalition.close()
