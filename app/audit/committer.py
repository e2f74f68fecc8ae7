"""Makes the entries of reads durable before their bytes leave: one thread per process commits them in groups.

Callers block until *their* entry is committed. If that takes too long, or the thread has died, they get
`Unavailable`, and no bytes leave: a silent failure must never look like a slow success.
"""

import os
import queue
import threading
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.audit.append import append, hold_epoch
from app.audit.entry import Entry
from app.db import Database
from app.errors import Unavailable

log = structlog.get_logger(__name__)

GROUP_LIMIT = 256
RETRY_AFTER_SECONDS = 5


def _unavailable() -> Unavailable:
    return Unavailable(
        "The audit log cannot be written now, so nothing was released. Try again shortly.",
        reason="audit_unavailable",
        retry_after=RETRY_AFTER_SECONDS,
    )


class EpochMovedError(Exception):
    """The policy changed between the decision and the release: the read must be made again."""


class Auditor(Protocol):
    """Where reads hand in their entries."""

    def release(self, entries: list[Entry], epoch: int | None) -> None:
        """Return when the entries are durable.

        Args:
            epoch: the policy epoch under which it was decided; None for refusals, which release nothing.

        Raises:
            EpochMovedError: the epoch has moved; nothing was written.
            Unavailable: the entries could not be made durable in time; no bytes may leave.
        """

    def healthy(self) -> bool: ...


@dataclass
class _Waiting:
    entries: list[Entry]
    epoch: int | None
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = field(default_factory=_unavailable)
    """Cleared only after the commit: whatever else happens, the caller is refused."""
    abandoned: bool = False


class GroupCommitter:
    """The auditor of a running server.

    Its thread starts with the first entry, in the process that needs it: a thread that is inside SQLite
    during a fork can hang the child for ever.
    """

    def __init__(self, db: Database, *, wait: float) -> None:
        self._db = db
        self._wait = wait
        self._queue: queue.SimpleQueue[_Waiting] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._pid = 0

    def release(self, entries: list[Entry], epoch: int | None) -> None:
        self._ensure_thread()
        waiting = _Waiting(entries, epoch)
        self._queue.put(waiting)
        if not waiting.done.wait(self._wait):
            waiting.abandoned = True
            log.error("audit.wait-exceeded", seconds=self._wait)
            raise _unavailable()
        if waiting.error is not None:
            raise waiting.error

    def healthy(self) -> bool:
        """Whether an entry could be made durable now: the watchdog's question."""
        if self._thread is None or self._pid != os.getpid():
            return True
        return self._thread.is_alive() and self._queue.qsize() < GROUP_LIMIT

    def _ensure_thread(self) -> None:
        if self._pid == os.getpid() and self._thread is not None and self._thread.is_alive():
            return
        with self._starting:
            if self._pid == os.getpid() and self._thread is not None and self._thread.is_alive():
                return
            if self._pid != os.getpid():
                self._queue = queue.SimpleQueue()
            self._pid = os.getpid()
            self._thread = threading.Thread(target=self._run, name="audit-committer", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            group = [self._queue.get()]
            while len(group) < GROUP_LIMIT and not self._queue.empty():
                group.append(self._queue.get())
            group = [waiting for waiting in group if not waiting.abandoned]
            try:
                commit_group(self._db, group)
            except SQLAlchemyError as error:
                log.error("audit.commit-failed", error=type(error).__name__)  # noqa: TRY400 - no statement in logs
            finally:
                for waiting in group:
                    waiting.done.set()


def commit_group(db: Database, group: list[_Waiting]) -> None:
    """One transaction for all: those whose epoch has moved are left out and told so."""
    with db.write() as session:
        epoch = hold_epoch(session)
        current = [waiting for waiting in group if waiting.epoch in {None, epoch}]
        append(session, [entry for waiting in current for entry in waiting.entries])
    for waiting in group:
        waiting.error = None if waiting.epoch in {None, epoch} else EpochMovedError()
