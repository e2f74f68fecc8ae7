"""Gives entries their place in the log: dense numbers, one order, one sequencer at a time.

Reads commit their entries without a lock, in any order. Whoever holds the head row moves those that have no
number yet behind the last one. Killed at any point it leaves either all of a batch or nothing.
"""

from typing import cast

from sqlalchemy import Table, bindparam, select, update

from app.audit.models import AuditEntry, AuditHead
from app.db import Database

BATCH = 2_000


def step(db: Database, *, batch: int = BATCH, wait: bool = False) -> int:
    """Sequence up to `batch` entries; returns how many. Safe to run anywhere, any number of times.

    Args:
        wait: for another process that is sequencing now; otherwise leave it to that one.
    """
    with db.write() as session:
        head = session.execute(
            select(AuditHead.seq)
            .where(AuditHead.id == 1)
            .with_for_update(skip_locked=not db.sqlite and not wait)
        ).scalar_one_or_none()
        if head is None:  # another process is sequencing now
            return 0
        pending = list(
            session.scalars(
                select(AuditEntry.id).where(AuditEntry.seq.is_(None)).order_by(AuditEntry.at).limit(batch)
            )
        )
        if not pending:
            return 0
        entries = cast(Table, AuditEntry.__table__)
        session.execute(
            update(entries).where(entries.c.id == bindparam("pending_id")).values(seq=bindparam("number")),
            [{"pending_id": entry, "number": head + 1 + n} for n, entry in enumerate(pending)],
        )
        session.execute(update(AuditHead).where(AuditHead.id == 1).values(seq=head + len(pending)))
        return len(pending)


def waiting(db: Database) -> bool:
    """Whether an entry has no place yet: asked without a lock."""
    with db.read() as session:
        return session.scalar(select(AuditEntry.id).where(AuditEntry.seq.is_(None)).limit(1)) is not None


def drain(db: Database) -> int:
    """Sequence everything that is committed now; returns how many. After it all of it can be read."""
    total = 0
    while moved := step(db, wait=True):
        total += moved
        if moved < BATCH:
            break
    return total
