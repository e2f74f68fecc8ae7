"""What takes two persons, counted by users: a second client of the same person is nobody else.

Widening from TLP:AMBER+STRICT up is one such act. What the first person asks for is kept as a proposal; a
second one approves it, and the widening happens then, decided on the facts of that moment.
"""

import uuid
from collections.abc import Collection as Many
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from app import clock
from app.errors import Conflict, Forbidden, NotFound
from app.events import Subject, WideningProposed, WideningWithdrawn
from app.markings import Collection, WideningProposal
from app.parties import User
from app.policy import NEEDS_SECOND, require_person
from app.question import Actor, MarkingView
from app.record import Tx, record
from app.remark import Direction, change_collection_marking, identity
from schemas.vocabulary import ProposalStatus

LASTS = 7 * clock.DAY


def require_second_person(actor: Actor, first: Many[str]) -> str:
    """The id of the user who acts, who must be none of the `first`.

    Raises:
        Forbidden: a service client, or one of them.
    """
    user_id = require_person(actor)
    if user_id in first:
        raise Forbidden(
            "Somebody else of your member must do this: nobody approves what is her own.",
            reason="same_person",
        )
    return user_id


@dataclass(frozen=True, kw_only=True)
class ProposalState:
    """A proposal as it stands at one moment (`schemas.markings.ProposalSchema`)."""

    id: str
    collection: str
    marking: Mapping[str, Any]
    status: str
    proposed_by: str
    proposed_at: int
    expires_at: int
    decided_by: str | None
    decided_at: int | None

    @classmethod
    def of(cls, row: WideningProposal, present: MarkingView, now: int) -> "ProposalState":
        return cls(
            id=row.id, collection=row.collection_id, marking=row.asked, status=_status(row, present, now),
            proposed_by=row.proposed_by, proposed_at=row.proposed_at, expires_at=row.expires_at,
            decided_by=row.decided_by, decided_at=row.decided_at,
        )  # fmt: skip


def change_or_propose(
    tx: Tx, collection: Collection, present: MarkingView, view: MarkingView, asked: Mapping[str, Any]
) -> Direction | WideningProposal:
    """Change a collection's marking, or keep what is asked as a proposal where a second person is needed.

    Args:
        asked: the marking as it was sent.

    Raises:
        Forbidden: as for `change_collection_marking`, but for the second person.
    """
    lines, entries = len(tx.lines), len(tx.entries)
    try:
        with tx.session.begin_nested():
            return change_collection_marking(tx, collection, view)
    except Forbidden as error:
        if error.reason != NEEDS_SECOND.reason:
            raise
    del tx.lines[lines:], tx.entries[entries:]  # what was tried and undone
    return _propose(tx, collection, present, asked)


def proposals(tx: Tx, collection_id: str, before: int | None, limit: int) -> list[WideningProposal]:
    """Proposals for a collection, newest first, those numbered below `before`."""
    wanted = select(WideningProposal).where(WideningProposal.collection_id == collection_id)
    if before is not None:
        wanted = wanted.where(WideningProposal.number < before)
    return list(tx.session.scalars(wanted.order_by(WideningProposal.number.desc()).limit(limit)))


def approve(tx: Tx, collection: Collection, present: MarkingView, proposal_id: str) -> WideningProposal:
    """Approve a proposal as a second person. The caller makes the change that it asks for.

    Raises:
        NotFound: there is no such proposal for this collection.
        Forbidden: a service client, or the person who proposed it.
        Conflict: it was decided, has run out, or the marking was changed otherwise since.
    """
    row = _find(tx, collection, proposal_id)
    user_id = require_second_person(tx.actor, {row.proposed_by})
    if tx.session.get_one(User, row.proposed_by).disabled_at is not None:
        raise Conflict(
            "Whoever proposed this may not act any more. Ask for the marking anew if it is still wanted.",
            reason="proposer_disabled",
        )
    return _decide(tx, row, present, ProposalStatus.APPROVED, user_id)


def withdraw(tx: Tx, collection: Collection, present: MarkingView, proposal_id: str) -> WideningProposal:
    """Withdraw a proposal: any person of the owner may.

    Raises:
        NotFound, Forbidden, Conflict: as for `approve`, but that it may be the same person.
    """
    user_id = require_person(tx.actor)
    row = _find(tx, collection, proposal_id)
    _decide(tx, row, present, ProposalStatus.WITHDRAWN, user_id)
    record(tx, WideningWithdrawn(subjects=(subject(row, present),)))
    return row


def proposer(tx: Tx, row: WideningProposal) -> Actor:
    """The actor for whom a proposal is worked out: whoever asked for it, not who approves."""
    return replace(tx.actor, user_id=row.proposed_by)


def subject(row: WideningProposal, present: MarkingView) -> Subject:
    """What an audit entry says of a proposal."""
    return Subject(kind="proposal", id=row.id, collection_id=row.collection_id).marked(present)


def _propose(
    tx: Tx, collection: Collection, present: MarkingView, asked: Mapping[str, Any]
) -> WideningProposal:
    last = select(func.max(WideningProposal.number)).where(WideningProposal.collection_id == collection.id)
    row = WideningProposal(
        id=str(uuid.uuid4()), collection_id=collection.id, number=(tx.session.scalar(last) or 0) + 1,
        asked=dict(asked), present=identity(collection.id, present), status=ProposalStatus.OPEN.value,
        proposed_by=require_person(tx.actor), proposed_at=tx.now, expires_at=tx.now + LASTS,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    record(tx, WideningProposed(subjects=(subject(row, present),)))
    return row


def _find(tx: Tx, collection: Collection, proposal_id: str) -> WideningProposal:
    row = tx.session.get(WideningProposal, proposal_id, with_for_update=True)
    if row is None or row.collection_id != collection.id:
        raise NotFound
    return row


def _decide(
    tx: Tx, row: WideningProposal, present: MarkingView, became: ProposalStatus, user_id: str
) -> WideningProposal:
    status = _status(row, present, tx.now)
    if status != ProposalStatus.OPEN.value:
        raise Conflict(
            "This proposal is not open any more. Ask for the marking anew if it is still wanted.",
            reason=f"proposal_{status}",
        )
    row.status, row.decided_by, row.decided_at = became.value, user_id, tx.now
    tx.session.flush()
    return row


def _status(row: WideningProposal, present: MarkingView, now: int) -> str:
    if row.status != ProposalStatus.OPEN.value:
        return row.status
    if row.expires_at <= now:
        return ProposalStatus.EXPIRED.value
    same = row.present == identity(row.collection_id, present)
    return ProposalStatus.OPEN.value if same else ProposalStatus.STALE.value
