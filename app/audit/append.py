"""Writes entries into the log, in the caller's transaction, and holds the policy epoch."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from app.audit.entry import Entry
from app.audit.models import AuditEntry, AuditPrivate, AuditSubject, PolicyEpoch


def append(session: Session, entries: Sequence[Entry]) -> None:
    """Insert entries with their subjects and side rows: three statements, however many entries."""
    if not entries:
        return
    session.execute(insert(AuditEntry), [_row(entry) for entry in entries])
    subjects = [
        {
            "entry_id": entry.id, "position": position, "collection_id": subject.collection_id,
            "place": subject.place, "object_id": subject.id, "version": subject.version,
            "owner_id": subject.owner_id, "first": subject.first, "last": subject.last,
        }
        for entry in entries
        for position, subject in enumerate(entry.subjects)
    ]  # fmt: skip
    if subjects:
        session.execute(insert(AuditSubject), subjects)
    session.execute(insert(AuditPrivate), [_private_row(entry) for entry in entries])


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
    return session.execute(select(PolicyEpoch.epoch).where(PolicyEpoch.id == 1)).scalar_one()


def hold_epoch(session: Session) -> int:
    """The policy epoch, held still until the transaction ends: decisions made under it stay true."""
    held = select(PolicyEpoch.epoch).where(PolicyEpoch.id == 1).with_for_update(read=True)
    return session.execute(held).scalar_one()


def move_epoch(session: Session) -> int:
    """Move the policy epoch, and wait for everybody who holds the old one.

    Taken first, before any other lock.
    """
    moved = (update(PolicyEpoch).where(PolicyEpoch.id == 1).values(epoch=PolicyEpoch.epoch + 1)).returning(
        PolicyEpoch.epoch
    )
    return session.execute(moved).scalar_one()
