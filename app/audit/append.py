"""Writes entries into the log, in the caller's transaction, and holds the policy epoch."""

from collections.abc import Sequence

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from app.audit.entry import Entry
from app.audit.models import AuditEntry, AuditPrivate, PolicyEpoch
from app.db import Base

_EPOCH_LOCK = 0x48414C59
"""Number of the advisory lock that stands for the policy epoch."""

# Built once, over tables: every read waits for them, and inserting mapped objects costs three times as much.
_TABLES = Base.metadata.tables
_ENTRIES = insert(_TABLES[AuditEntry.__tablename__])
_PRIVATE = insert(_TABLES[AuditPrivate.__tablename__])
_EPOCH = select(PolicyEpoch.epoch).where(PolicyEpoch.id == 1)


def append(session: Session, entries: Sequence[Entry]) -> None:
    """Insert entries with their side rows: two statements, however many entries."""
    if not entries:
        return
    connection = session.connection()
    connection.execute(_ENTRIES, [_row(entry) for entry in entries])
    connection.execute(_PRIVATE, [_private_row(entry) for entry in entries])


def _row(entry: Entry) -> dict[str, object]:
    return {
        "id": entry.id, "seq": None, "at": entry.at, "action": entry.action, "decision": entry.decision,
        "member_id": entry.actor.member_id, "client_id": entry.actor.client_id,
        "request_id": entry.request.id, "entry": entry.data,
    }  # fmt: skip


def _private_row(entry: Entry) -> dict[str, object]:
    return {
        "entry_id": entry.id, "salt": entry.salt, "body_digest": entry.body_digest,
        "query_digest": entry.query_digest, "network": entry.request.network, "at": entry.at,
    }  # fmt: skip


def read_epoch(session: Session) -> int:
    """The policy epoch, without a lock: for reads, whose audit entry is checked against it later."""
    return session.connection().execute(_EPOCH).scalar_one()


def hold_epoch(session: Session) -> int:
    """The policy epoch, held still until the transaction ends: decisions made under it stay true."""
    _lock(session, "pg_advisory_xact_lock_shared")
    return read_epoch(session)


def move_epoch(session: Session) -> int:
    """Move the policy epoch, after everybody who holds the old one. Taken before any other lock."""
    _lock(session, "pg_advisory_xact_lock")
    moved = update(PolicyEpoch).where(PolicyEpoch.id == 1).values(epoch=PolicyEpoch.epoch + 1)
    return session.execute(moved.returning(PolicyEpoch.epoch)).scalar_one()


def _lock(session: Session, function: str) -> None:
    """Take the epoch's lock: advisory on PostgreSQL, and none on SQLite, which has one writer at a time.

    Advisory locks queue fairly, so that a stream of holders cannot starve a move, and they write nothing,
    which a row lock taken by every exchange would.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(select(getattr(func, function)(_EPOCH_LOCK)))
