"""What a verifier keeps: the checkpoints that it has seen, and the keys that it took for those of the log.

One JSON file for all logs that it follows, written as a whole and put in the place of the former one.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Self

from app import durable
from app.durable import locked
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote, NotProven
from app.transparency.notes import Note, VerifierKey
from app.verifier.trust import Life, Opened, Trust

SCHEMA: Final = "halyard.audit-state/1"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file of kept checkpoints: two checks at once would each forget what the other saw.

    Raises:
        BadState: the folder cannot be written.
    """
    with ExitStack() as until_done:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            until_done.enter_context(locked(path.with_name(f".{path.name}.lock")))
        except OSError as error:
            raise BadState(
                f"Checkpoints cannot be kept there ({error.strerror}). Name another file."
            ) from error
        yield


class BadState(NotProven):
    """The file is not what a verifier kept."""


@dataclass
class Kept:
    """What is kept of one log through all its lives."""

    lives: list[Life] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    """URLs of the servers that showed this log: others are believed nothing new about it."""

    def opened(self, trust: Trust) -> list[Opened]:
        """The kept checkpoints of the lives that are known. They were verified when they were kept."""
        numbers = {life.origin: number for number, life in enumerate(trust.lives)}
        found = []
        for note in self.notes:
            checkpoint = Checkpoint.parse(Note.parse(note.encode()).text)
            if checkpoint.origin in numbers:
                life = numbers[checkpoint.origin]
                found.append(Opened(checkpoint=checkpoint, note=note.encode(), life=life))
        return found

    def hidden(self, trust: Trust) -> list[str]:
        """Origins of kept checkpoints that are none of the lives which are told of now."""
        kept = dict.fromkeys(Checkpoint.parse(Note.parse(note.encode()).text).origin for note in self.notes)
        return [origin for origin in kept if origin not in trust.origins]

    def keep(self, trust: Trust, seen: Sequence[Opened], *, proven: bool = True) -> None:
        """Keep the keys and what was seen: one note for each size.

        Args:
            proven: else a log that is known gets no other lives and no keys.
        """
        if self.lives and not proven:
            known = {life.origin for life in self.lives}
            self._keep_notes(trust, [one for one in seen if one.checkpoint.origin in known])
            return
        kept = {life.origin: life.keys for life in self.lives}
        lives = [
            replace(life, keys=tuple(dict.fromkeys((*kept.get(life.origin, ()), *life.keys))))
            for life in trust.lives
        ]
        self.lives = [*lives, *(life for life in self.lives if life.origin not in trust.origins)]
        self._keep_notes(trust, seen)

    def _keep_notes(self, trust: Trust, seen: Sequence[Opened]) -> None:
        had = {(one.checkpoint.origin, one.size) for one in self.opened(trust)}
        for one in seen:
            if (one.checkpoint.origin, one.size) not in had:
                had.add((one.checkpoint.origin, one.size))
                self.notes.append(one.note.decode())


@dataclass
class State:
    logs: list[Kept] = field(default_factory=list)

    def log_of(self, origins: Sequence[str]) -> Kept | None:
        """What is kept of the log that has or had one of these origins."""
        wanted = set(origins)
        return next((log for log in self.logs if wanted & {life.origin for life in log.lives}), None)

    def shown_by(self, server: str) -> Kept | None:
        """What is kept of the log that this server showed."""
        return next((log for log in self.logs if server in log.servers), None)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What the file holds; nothing if there is none.

        Raises:
            BadState: it cannot be read. It is not passed over: what it holds is what a fork is known by.
        """
        if not path.exists():
            return cls()
        try:
            document = json.loads(path.read_bytes())
            if document["schema"] != SCHEMA:
                raise BadNote("This is of another version.")
            return cls([_kept(log) for log in document["logs"]])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, NotProven) as error:
            raise BadState(
                "The file of kept checkpoints cannot be read. Bring it back from a copy, or name another one."
            ) from error

    def save(self, path: Path) -> None:
        """Write the file so that it is the former one or this one, whatever happens; call it `alone`."""
        document = {"schema": SCHEMA, "logs": [_wire(log) for log in self.logs]}
        durable.put(path, json.dumps(document, indent=1, ensure_ascii=False).encode())


def _kept(log: dict[str, Any]) -> Kept:
    lives = [
        Life(
            origin=life["origin"], began=int(life["began_at_size"]),
            keys=tuple(VerifierKey.parse(key) for key in life["keys"]),
        )
        for life in log["lives"]
    ]  # fmt: skip
    for note in log["checkpoints"]:
        Checkpoint.parse(Note.parse(note.encode()).text)
    return Kept(lives, list(log["checkpoints"]), [str(server) for server in log.get("servers", [])])


def _wire(log: Kept) -> dict[str, Any]:
    return {
        "lives": [
            {
                "origin": life.origin,
                "began_at_size": life.began,
                "keys": [key.encode() for key in life.keys],
            }
            for life in log.lives
        ],
        "checkpoints": log.notes,
        "servers": log.servers,
    }
