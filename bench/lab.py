"""What every benchmark is given: a database of its own, and servers over it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from app import upgrade
from app.config import Config
from app.runtime import Runtime
from bench import raw, server
from bench.databases import NewDatabase


@dataclass(frozen=True, kw_only=True)
class Lab:
    """One empty, migrated database.

    Args:
        size: how many rows the figures are about.
        runs: how many measured runs of each thing.
    """

    config: Config
    runtime: Runtime
    driver: raw.Driver
    random: Random
    size: int
    runs: int

    @contextmanager
    def serving(self, *, audited: bool = True, snapshot_lines: int = 0) -> Iterator[str]:
        """A server over the database; yields its address."""
        settings = replace(self.config, snapshot_lines=snapshot_lines)
        with server.running(settings, audited=audited) as address:
            yield address


@contextmanager
def opened(new_database: NewDatabase, folder: Path, *, size: int, runs: int) -> Iterator[Lab]:
    config = server.configured(new_database(), folder)
    runtime = Runtime.assemble(config)
    upgrade.prepare(runtime)
    driver = raw.connect(config.url)
    try:
        yield Lab(
            config=config, runtime=runtime, driver=driver, random=Random(20261123), size=size, runs=runs
        )
    finally:
        driver.close()
        runtime.db.dispose()


def seconds(work: Callable[[], object]) -> float:
    """How long it took."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
