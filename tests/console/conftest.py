"""Hashing a password takes time on purpose, which tests have none of: here it takes as little as it can."""

from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from app.members.people import passwords


@pytest.fixture(autouse=True)
def quick_hashing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()
