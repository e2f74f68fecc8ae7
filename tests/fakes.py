"""A clock that stands still until told, an auditor that commits in the caller's thread, no resolver."""

from app.audit.committer import _Waiting, commit_group
from app.audit.entry import Entry
from app.clock import SECOND, from_text
from app.db import Database

START = from_text("2026-11-23T09:00:00Z")


class FakeClock:
    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1  # two looks are never the same moment
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def set(self, moment: int) -> None:
        self.now = moment


def nowhere(_host: str, _port: int) -> list[str]:
    """Resolves no name: no test asks a real resolver."""
    raise OSError


class InlineAuditor:
    """Commits each entry at once, by the group committer's code: for tests that share one connection."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def release(self, entries: list[Entry], epoch: int | None) -> None:
        waiting = _Waiting(entries, epoch)
        commit_group(self._db, [waiting])
        if waiting.error is not None:
            raise waiting.error

    def healthy(self) -> bool:
        return True
