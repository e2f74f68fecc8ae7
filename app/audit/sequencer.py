"""Gives entries their place in the log: dense numbers, one order, one sequencer at a time, and one tree.

Reads commit their entries without a lock, in any order. Whoever holds the head row moves those that have no
number yet behind the last one, and appends them to the tree in the same transaction. Killed at any point it
leaves either all of a batch or nothing. Where the tree is behind the numbers, as after the upgrade that
brought it, each step takes it a batch further, and what has a number already is not kept waiting.
"""

from collections.abc import Iterator, Sequence
from typing import Final, cast

import structlog
from sqlalchemy import Table, bindparam, select, update
from sqlalchemy.orm import Session

from app.audit.models import AuditEntry, AuditHead
from app.audit.tree import Tree, size_of
from app.db import Database
from app.transparency.errors import BadTile
from app.transparency.tree import leaf_hash

log = structlog.get_logger(__name__)

BATCH = 2_000
_FETCHED: Final = 200
"""Entries held at once while they are hashed."""


def step(db: Database, *, batch: int = BATCH, wait: bool = False) -> int:
    """Sequence up to `batch` entries; returns how many. Safe to run anywhere, any number of times.

    Args:
        wait: for another process that is sequencing now; otherwise leave it to that one.
    """
    with db.write() as session:
        head = hold_head(session, wait=wait or db.sqlite)
        if head is None:  # another process is sequencing now
            return 0
        pending = _pending(session, batch)
        if pending:
            _number(session, head, pending)
        _grow(session, head + len(pending), 2 * batch)  # faster than new ones come
        return len(pending)


def hold_head(session: Session, *, wait: bool) -> int | None:
    """The number of the newest sequenced entry, held until the transaction ends; None: another holds it."""
    return session.execute(
        select(AuditHead.seq).where(AuditHead.id == 1).with_for_update(skip_locked=not wait)
    ).scalar_one_or_none()


def waiting(db: Database) -> bool:
    """Whether an entry has no place yet: asked without a lock."""
    with db.read() as session:
        return session.scalar(select(AuditEntry.id).where(AuditEntry.seq.is_(None)).limit(1)) is not None


def behind(db: Database) -> bool:
    """Whether the tree lacks entries that have their number; asked without a lock."""
    with db.read() as session:
        size = _size(session)
        head = session.scalar(select(AuditHead.seq).where(AuditHead.id == 1))
        return size is not None and head is not None and size < head


def catch_up(db: Database) -> bool:
    """Take a tree that is behind a batch further; False if it did not get any further."""
    with db.read() as session:
        before = _size(session)
    step(db)
    with db.read() as session:
        return _size(session) != before


def drain(db: Database) -> int:
    """Sequence everything that is committed now; returns how many. After it all of it can be read."""
    total = 0
    while moved := step(db, wait=True):
        total += moved
        if moved < BATCH:
            break
    return total


def place(db: Database, entry_id: str) -> None:
    """Give an entry its place, if it exists and has none yet; else nothing is written."""
    with db.read() as session:
        found = session.execute(select(AuditEntry.seq).where(AuditEntry.id == entry_id)).one_or_none()
    if found is not None and found.seq is None:
        drain(db)


def _pending(session: Session, batch: int) -> Sequence[str]:
    """Ids of entries without a number, in the order in which they get one."""
    wanted = select(AuditEntry.id).where(AuditEntry.seq.is_(None)).order_by(AuditEntry.at).limit(batch)
    return session.scalars(wanted).all()


def _number(session: Session, head: int, entry_ids: Sequence[str]) -> None:
    entries = cast(Table, AuditEntry.__table__)
    session.execute(
        update(entries).where(entries.c.id == bindparam("pending_id")).values(seq=bindparam("number")),
        [{"pending_id": entry, "number": head + 1 + n} for n, entry in enumerate(entry_ids)],
    )
    session.execute(update(AuditHead).where(AuditHead.id == 1).values(seq=head + len(entry_ids)))


def _grow(session: Session, head: int, limit: int) -> None:
    """Append the next entries that have a number and are not in the tree yet, up to `limit` of them.

    A tree that cannot be gone on from stays as it is: the log is written on, its checkpoints stop, and why
    is for people to find out.
    """
    try:
        tree = Tree(session, head)
        tree.append(list(_leaves(session, tree.size, head, limit)))
    except BadTile as error:
        log.error("audit.tree-broken", why=str(error))  # noqa: TRY400 - the reason is all there is to say


def _leaves(session: Session, size: int, head: int, limit: int) -> Iterator[bytes]:
    """Leaf hashes of the next entries behind a tree of `size`, up to the number `head`.

    Raises:
        BadTile: a number is missing.
    """
    wanted = (
        select(AuditEntry.seq, AuditEntry.entry)
        .where(AuditEntry.seq > size, AuditEntry.seq <= head)
        .order_by(AuditEntry.seq)
        .limit(limit)
        .execution_options(yield_per=_FETCHED)
    )
    with session.execute(wanted) as rows:
        for number, row in enumerate(rows, size + 1):
            if row.seq != number:
                raise BadTile("An entry that had its number is missing.")
            yield leaf_hash(row.entry)


def _size(session: Session) -> int | None:
    try:
        return size_of(session)
    except BadTile:
        return None
