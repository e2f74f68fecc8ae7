"""Answers about proposals to widen: sets and lists have them alike."""

from collections.abc import Sequence

from app import second_person
from app.markings import WideningProposal
from app.question import MarkingView
from app.record import Tx
from app.second_person import ProposalState
from app.web import paging
from app.web.exchange import Reply
from schemas.markings import ProposalPageSchema, ProposalSchema


def proposed(tx: Tx, row: WideningProposal, present: MarkingView) -> Reply:
    """A marking was asked for that takes a second person."""
    return Reply.of(ProposalSchema, ProposalState.of(row, present, tx.now), status=202)


def listed(
    tx: Tx, rows: Sequence[WideningProposal], present: MarkingView, *, limit: int, cursor: str
) -> Reply:
    """A page of proposals; `rows` holds one more than it if there are more."""
    items = rows[:limit]
    more = len(rows) > limit
    value = {
        "items": [ProposalState.of(row, present, tx.now) for row in items],
        "next": paging.seal(tx, cursor, str(items[-1].number)) if more else None,
    }
    return Reply.of(
        ProposalPageSchema, value, subjects=[second_person.subject(row, present) for row in items]
    )
