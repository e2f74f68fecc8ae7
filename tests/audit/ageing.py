"""A log of which entries have aged, the whole of it wherever it lies, and processes that die on the way."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from app import archiving
from app.audit import archives, checkpoints, projecting, sequencer
from app.audit.append import append
from app.audit.archives import Archive
from app.audit.entry import Request, build
from app.audit.models import AuditEntry, AuditPrivate
from app.audit.projection import AuditMention
from app.clock import DAY
from app.events import Subject
from app.question import ANONYMOUS
from app.runtime import Runtime
from app.transparency.tree import leaf_hash
from app.verifier.lines import Entry, parse, raw_lines
from schemas.vocabulary import Decision

KEEP_DAYS = 30
LONGEST = 256
"""Entries of one archive in tests."""
THING = "11111111-1111-4111-8111-111111111111"


def keeping(house: Runtime, **changed: Any) -> Runtime:
    """The same server with a policy."""
    settings = {"audit_keep_days": KEEP_DAYS, **changed}
    return replace(house, config=replace(house.config, **settings))


def grow(house: Runtime, count: int, *, days: float = 2 * KEEP_DAYS) -> None:
    """Write entries that are so many days old, give them their places, sign, and take them in."""
    at = house.clock() - int(days * DAY)
    entries = [
        build(
            at=at + n, action="a.b", decision=Decision.RELEASED, actor=ANONYMOUS, request=Request(),
            subjects=(Subject(kind="x", id=THING, count=n),), body_digest=bytes(32),
        )
        for n in range(count)
    ]  # fmt: skip
    with house.db.write() as session:
        append(session, entries)
    sign(house)


def sign(house: Runtime) -> None:
    """Number what is pending, sign a checkpoint of it if the newest one does not cover it, and take it in."""
    sequencer.drain(house.db)
    with house.db.read() as session:
        last = checkpoints.newest(session)
        later = max(house.clock(), last.signed_at if last else 0) + 2 * checkpoints.PACE
    checkpoints.sign(house.db, house.keyring, checkpoints.origin(house.config.issuer), later)
    projecting.drain(house.db)


def age_out(house: Runtime) -> int:
    """All that is due; how many steps did something."""
    steps = 0
    while archiving.step(house, LONGEST):
        steps += 1
    return steps


def files(house: Runtime) -> list[Path]:
    return sorted(house.config.archive_path.glob("audit-*"))


def archived(path: Path) -> Iterator[tuple[int, bytes]]:
    """Index and leaf of each entry of a file."""
    for _, line, _ in raw_lines(path):
        found = parse(line)
        if isinstance(found, Entry):
            yield found.index, found.leaf


def rows(house: Runtime) -> dict[int, bytes]:
    """Index → leaf of the entries whose rows stand."""
    with house.db.read() as session:
        found = session.execute(select(AuditEntry.seq, AuditEntry.entry).where(AuditEntry.seq.is_not(None)))
        return {row.seq - 1: leaf_hash(row.entry) for row in found}


def recorded(house: Runtime) -> list[Archive]:
    with house.db.read() as session:
        return archives.all_of(session)


def everything(house: Runtime) -> dict[int, bytes]:
    """Index → leaf of all entries, from rows and recorded archives; in both, an entry is the same."""
    found = rows(house)
    for archive in recorded(house):
        for index, leaf in archived(house.config.archive_path / archive.file):
            assert found.setdefault(index, leaf) == leaf
    return found


def counts(house: Runtime) -> tuple[int, ...]:
    """Rows of entries, of what questions read of them, and of their openings."""
    with house.db.read() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (AuditEntry, AuditMention, AuditPrivate)
        )


def dies(house: Runtime, place: str, number: int) -> bool:
    """Age out in a process of its own that is killed where it passes a place for the n-th time.

    Args:
        place: a commit, `fsync` or `rename`, with `before` or `after`.

    Returns:
        Whether it came there.
    """
    child = os.fork()
    if not child:
        try:
            house.db.engine.dispose(close=False)  # its connections are the parent's
            _arm(house, place, number)
            age_out(house)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child of a test must not go on as a test
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the child failed"
    return os.WIFSIGNALED(status)


def _arm(house: Runtime, place: str, number: int) -> None:
    moment, _, name = place.partition(" ")
    passed = 0

    def pass_by(when: str) -> None:
        nonlocal passed
        if when == "before":
            passed += 1
        if when == moment and passed == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(known: Callable[..., Any]) -> Callable[..., Any]:
        def passing(*arguments: Any) -> Any:
            pass_by("before")
            result = known(*arguments)
            pass_by("after")
            return result

        return passing

    write = house.db.write

    @contextmanager
    def committing() -> Iterator[Any]:
        with write() as session:
            yield session
            pass_by("before")
        pass_by("after")

    if name == "commit":
        vars(house.db)["write"] = committing
    elif name == "fsync":
        os.fsync = around(os.fsync)
    else:
        vars_of: Any = Path
        vars_of.rename = around(Path.rename)
