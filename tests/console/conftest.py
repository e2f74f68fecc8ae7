"""A coalition with a past and its auditor; hashes of passwords that take as little time as they can."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from app.members.people import passwords
from tests.browsing import Browser
from tests.console.coalition import World, world
from tests.factories import Make


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def there(make: Make) -> World:
    return world(make)


@pytest.fixture
def auditor(there: World) -> Browser:
    return there.auditor()
