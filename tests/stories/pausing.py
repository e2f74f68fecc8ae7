"""A server for tests that can be held between the decision of a read and its release.

`halyard serve` with two differences: its auditor waits while a file named `hold` lies in the data folder,
which says at which segment of a stream (0: also at what is no stream), and segments are short. Run as
`python -m tests.stories.pausing`, with the settings in the environment.
"""

import json
import time
from pathlib import Path

from flask import Flask

from app.api import changes
from app.audit.committer import GroupCommitter
from app.audit.entry import Entry
from app.cli.serve import Server, prepare
from app.clock import system_clock
from app.config import Config
from app.db import Database
from app.main import create_app
from app.runtime import Runtime
from schemas.vocabulary import Decision

HOLD, HELD = "hold", "held"
SEGMENT_LINES = 200
LOOK_SECONDS = 0.01


class Holding(GroupCommitter):
    """Waits before it makes a release durable, as long as it is told to."""

    def __init__(self, db: Database, config: Config) -> None:
        super().__init__(db, wait=config.audit_wait)
        self._folder = config.data_dir

    def release(self, entries: list[Entry], epoch: int | None) -> None:
        """Say in a file that something is held, then wait until the order to hold is gone."""
        for entry in entries:
            while entry.decision == Decision.RELEASED and self._segment_held() == _segment(entry):
                (self._folder / f"{HELD}-{entry.id}").touch()
                time.sleep(LOOK_SECONDS)
        super().release(entries, epoch)

    def _segment_held(self) -> int | None:
        try:
            return int((self._folder / HOLD).read_text())
        except FileNotFoundError:
            return None


def _segment(entry: Entry) -> int:
    number: int = json.loads(entry.data).get("stream", {}).get("segment", 0)
    return number


class PausingServer(Server):
    """The product's server over such an auditor."""

    def load(self) -> Flask:
        config = self._config
        self._runtime = Runtime.assemble(config, auditor=lambda db: Holding(db, config), now=self._now)
        return create_app(self._runtime)


class Hold:
    """The test's end of it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, segment: int = 0) -> None:
        """Hold whatever is decided from now on, of streams this segment."""
        for held in self._folder.glob(f"{HELD}-*"):
            held.unlink()
        order = self._folder / "order"
        order.write_text(str(segment))
        order.rename(self._folder / HOLD)

    def wait(self, count: int = 1, seconds: float = 20) -> None:
        """Return when this many releases are held."""
        deadline = time.monotonic() + seconds
        while len(list(self._folder.glob(f"{HELD}-*"))) < count:
            if time.monotonic() > deadline:
                raise TimeoutError("nothing is held")
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """Let go of everything."""
        (self._folder / HOLD).unlink(missing_ok=True)


if __name__ == "__main__":
    changes.SEGMENT_LINES = SEGMENT_LINES
    settings = Config.from_env()
    prepare(settings, system_clock)
    PausingServer(settings, system_clock).run()
