"""Clears bodies that plain supersession left behind: numbers and tombstones are for ever, bodies are not."""

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.feed.models import Change
from schemas.vocabulary import ChangeKind

BATCH = 1_000

BODIES = (
    ChangeKind.SET_CHANGED.value,
    ChangeKind.VERSION_CHANGED.value,
    ChangeKind.LIST_CHANGED.value,
    ChangeKind.SIGNAL_CHANGED.value,
)
"""Kinds of line that hold a body. The others hold ids and codes only, and keep their bytes."""


def clear(session: Session, limit: int = BATCH) -> int:
    """Clear up to `limit` superseded bodies; returns how many. An object's newest line is never touched.

    No prepared segment holds them: it was deleted with the act that superseded the first of its lines.

    Safe beside itself: lines that another transaction is clearing are passed over.
    """
    superseded = (
        select(Change.seq)
        # In the words of the partial index `ix_change_clearable`: else SQLite reads the whole feed for it.
        .where(text("superseded"), Change.line.is_not(None), Change.kind.in_(BODIES))
        .order_by(Change.seq)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = list(session.scalars(superseded))
    if numbers:
        session.execute(
            update(Change).where(Change.seq.in_(numbers)).values(line=None),
            execution_options={"synchronize_session": False},
        )
    return len(numbers)
