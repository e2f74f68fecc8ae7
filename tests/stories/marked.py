"""Servers and workers for stories that kill them: they say where in the transactions of the log they are.

`halyard serve` and `halyard worker` with three differences. The loops of the log follow each other faster. A
process that holds the audit head keeps a file `inside-<group>-<pid>`, which names what it reached last and
is blank while it holds nothing: what stands there after a kill is where the kill hit. And where a file `die`
names a place, the first process that reaches it takes the file and kills its own process group.

Imports are most of a start, so they are made once here, and each server and worker is forked from this
process before it has an engine or a thread. Run as `python -m tests.stories.marked`: each line of standard
input is an order, and is answered with the process id.
"""

import json
import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.pool import Pool

from app.audit import checkpoints
from app.cli import serve, worker
from app.cli.main import main
from app.clock import SECOND
from app.worker.loops import LOOPS
from app.worker.runner import Runner

DIE, TAKEN, INSIDE = "die", "taken", "inside"
LOG_LOOPS = {"audit-sequence", "audit-checkpoint"}
BUSY_SECONDS, IDLE_SECONDS = 0.02, 0.04
PACE = SECOND // 50
"""Between two checkpoints."""

NUMBERED, SIGNED = "COMMIT of numbers", "COMMIT of a checkpoint"
AFTER = "after "
WRITING = (
    "UPDATE audit_entry", "UPDATE audit_head", "UPDATE audit_tile", "INSERT audit_tile",
    "INSERT audit_checkpoint", NUMBERED, SIGNED,
)  # fmt: skip
"""Places at which rows were changed and are not committed."""
PLACES = ("SELECT audit_head", "SELECT audit_tile", *WRITING, AFTER + NUMBERED, AFTER + SIGNED)
"""Where a process can be told to die."""

_STATEMENT = re.compile(
    r"\s*(SELECT|UPDATE|INSERT|DELETE)\b.*?\b(audit_(?:head|entry|tile|checkpoint))\b", re.DOTALL
)
_WIDTH = 40
_Info = dict[Any, Any]


class Marks:
    """Where this process is in a transaction that holds the audit head."""

    def __init__(self) -> None:
        self._folder = Path()
        self._file = -1
        self._pid = 0

    def listen(self) -> None:
        """Follow every engine that will be made."""
        event.listen(Engine, "after_cursor_execute", self._executed)
        event.listen(Engine, "commit", self._commits)
        event.listen(Engine, "rollback", self._rolls_back)
        event.listen(Pool, "checkin", self._checked_in)

    def _executed(
        self, connection: Connection, cursor: Any, statement: str, _values: Any, _context: Any, _many: Any
    ) -> None:
        found = _STATEMENT.match(statement)
        if found is None or connection.get_execution_options().get("halyard_readonly", False):
            return
        place = f"{found[1]} {found[2]}"
        held = connection.info.setdefault("halyard_inside", [])
        if not held and (place != "SELECT audit_head" or cursor.rowcount == 0):
            return  # another process holds it, or this is about something else
        held.append(place)
        self._reach(place)

    def _commits(self, connection: Connection) -> None:
        held = connection.info.pop("halyard_inside", None)
        if not held:
            return
        place = _commit_of(held)
        self._reach(place)
        connection.info["halyard_committed"] = place

    def _rolls_back(self, connection: Connection) -> None:
        if connection.info.pop("halyard_inside", None):
            self._write("")

    def _checked_in(self, _connection: Any, record: Any) -> None:
        place = record.info.pop("halyard_committed", None)
        if place is not None:
            self._write("")
            self._die_at(AFTER + place)

    def _reach(self, place: str) -> None:
        self._write(place)
        self._die_at(place)

    def _write(self, place: str) -> None:
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._folder = Path(os.environ["HALYARD_DATA_DIR"])
            path = self._folder / f"{INSIDE}-{os.getpgrp()}-{self._pid}"
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        os.pwrite(self._file, place.ljust(_WIDTH).encode(), 0)

    def _die_at(self, place: str) -> None:
        order = self._folder / DIE
        try:
            if order.read_text() == place:
                order.rename(self._folder / TAKEN)  # one takes it
                os.killpg(0, signal.SIGKILL)
        except FileNotFoundError:
            return


def _commit_of(held: list[str]) -> str:
    if "INSERT audit_checkpoint" in held:
        return SIGNED
    return NUMBERED if "UPDATE audit_entry" in held else "COMMIT of nothing"


class Eager(Runner):
    """The worker's loops, those of the log at a pace at which they are killed often."""

    def __init__(self, runtime: Any) -> None:
        eager = [
            replace(loop, busy=BUSY_SECONDS, idle=IDLE_SECONDS) if loop.name in LOG_LOOPS else loop
            for loop in LOOPS
        ]
        super().__init__(runtime, eager)


def become(order: dict[str, Any]) -> None:
    """Be what was ordered, in a process group of its own."""
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number, file in enumerate((nothing, log, log)):
        os.dup2(file, number)
    os.environ.update(order["settings"])
    main.main(args=[order["program"]], prog_name="halyard")


def obey() -> None:
    """Fork what is ordered until there are no more orders."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # whoever was killed is gone at once
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            become(json.loads(line))
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    Marks().listen()
    vars(checkpoints)["PACE"] = PACE
    vars(serve)["Runner"] = vars(worker)["Runner"] = Eager
    obey()
