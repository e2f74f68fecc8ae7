"""Servers and workers that are killed and started again: one server on SQLite, else several processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.stories.marked import DIE, INSIDE, TAKEN, WRITING
from tests.stories.server import FAULTS, ROOT, free_port, settings

START_SECONDS = 40
DEATH_SECONDS = 15
REACH_SECONDS = 30
LOOK_SECONDS = 0.002
LAST_LINES = 4_000

SERVER, FIRST, SECOND = "server", "first worker", "second worker"


@dataclass
class Hits:
    """Where kills hit, by what the killed process reached last in a transaction that was never committed."""

    told: Counter[str] = field(default_factory=Counter)
    """Kills at a place that was ordered."""
    unforeseen: Counter[str] = field(default_factory=Counter)
    """Kills at a moment that was drawn."""

    @property
    def unwritten(self) -> int:
        """Kills with changed rows in an open transaction of the sequencer or of the signing."""
        return sum((self.told + self.unforeseen)[place] for place in WRITING)


class Forge:
    """The process that forks servers and workers: `tests.stories.marked`."""

    def __init__(self) -> None:
        inherited = {name: text for name, text in os.environ.items() if not name.startswith("HALYARD_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stories.marked"],
            cwd=ROOT, env={**inherited, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def start(self, program: str, told: dict[str, str], log: Path) -> int:
        """Fork one; its process id, which is also its process group."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"program": program, "settings": told, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


class Fleet:
    """Everything that runs over one database, by name."""

    def __init__(self, database_url: str, folder: Path, backend: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.hits = Hits()
        self._folder = folder
        self._forge = Forge()
        self._running: dict[str, int] = {}
        several = backend == "postgresql"
        told = settings(
            database_url, folder, LISTEN=f"127.0.0.1:{port}", PROCESSES="2" if several else "1", THREADS="12",
            EMBEDDED_WORKER="false" if several else "true",
        )  # fmt: skip
        self._programs: dict[str, tuple[str, dict[str, str]]] = {SERVER: ("serve", told)}
        if several:
            self._programs |= {FIRST: ("worker", told), SECOND: ("worker", told)}

    @property
    def names(self) -> list[str]:
        return list(self._programs)

    def start(self) -> None:
        """Start whatever does not run, and wait until the server answers."""
        for name, (program, told) in self._programs.items():
            if name not in self._running:
                self._running[name] = self._forge.start(program, told, self._log(name))
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not _lives(self._running[SERVER]) or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the server did not start:\n{self._log(SERVER).read_text()[-LAST_LINES:]}"
                )
            time.sleep(LOOK_SECONDS)

    def kill(self, *names: str) -> None:
        """SIGKILL to all processes of these, at this moment."""
        for name in names:
            os.killpg(self._running[name], signal.SIGKILL)
        for name in names:
            self._bury(name, self.hits.unforeseen)

    def kill_at(self, place: str) -> bool:
        """SIGKILL to whichever reaches this place next; False if none did in its time."""
        (self._folder / TAKEN).unlink(missing_ok=True)
        order = self._folder / "order"
        order.write_text(place)
        order.rename(self._folder / DIE)
        deadline = time.monotonic() + REACH_SECONDS
        while not (self._folder / TAKEN).exists():
            if time.monotonic() > deadline:
                (self._folder / DIE).unlink(missing_ok=True)
                return (self._folder / TAKEN).exists()
            time.sleep(LOOK_SECONDS)
        while not (dead := [name for name, group in self._running.items() if not _lives(group)]):
            time.sleep(LOOK_SECONDS)
        for name in dead:
            self._bury(name, self.hits.told)
        return True

    def close(self) -> list[str]:
        """Stop everything in order; what the logs say of faults."""
        for group in self._running.values():
            os.killpg(group, signal.SIGTERM)
        for group in self._running.values():
            _await_end(group)
        self._forge.close()
        logs = [self._log(name) for name in self._programs]
        lines = [line for log in logs if log.exists() for line in log.read_text().splitlines()]
        return [line for line in lines if any(fault in line for fault in FAULTS)]

    def _bury(self, name: str, hits: Counter[str]) -> None:
        """See that it is gone, and count where it was."""
        group = self._running.pop(name)
        _await_end(group)
        for mark in self._folder.glob(f"{INSIDE}-{group}-*"):
            hits[mark.read_text().strip() or "outside"] += 1
            mark.unlink()

    def _log(self, name: str) -> Path:
        return self._folder / f"{name.replace(' ', '-')}.log"

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _await_end(group: int) -> None:
    deadline = time.monotonic() + DEATH_SECONDS
    while _lives(group):
        if time.monotonic() > deadline:
            os.killpg(group, signal.SIGKILL)
            return
        time.sleep(LOOK_SECONDS)
