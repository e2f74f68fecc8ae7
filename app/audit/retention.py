"""Forgets what the commitments of old entries open to. The entries themselves stay for ever."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.audit.models import AuditPrivate

BATCH = 5_000


def forget_private(session: Session, before: int, limit: int = BATCH) -> int:
    """Delete salts, clear digests and network addresses of entries made before a moment; returns how many."""
    past = (
        select(AuditPrivate.entry_id)
        .where(AuditPrivate.at < before)
        .order_by(AuditPrivate.at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    entries = list(session.scalars(past))
    if entries:
        session.execute(
            delete(AuditPrivate).where(AuditPrivate.entry_id.in_(entries)),
            execution_options={"synchronize_session": False},
        )
    return len(entries)
