"""Opinions of members on entries: one of each member, for all who see the entry to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app import clock
from app.errors import NotFound
from app.events import OpinionStated, OpinionWithdrawn
from app.question import Action
from app.record import Tx, record
from app.signals import entries, said
from app.signals.entries import Single
from app.signals.models import SignalOpinion
from app.signals.recount import restate
from schemas.vocabulary import Opinion, OpinionReason


@dataclass(frozen=True, kw_only=True)
class Opinions:
    """One page of what members think of an entry, by member."""

    single: Single
    items: Sequence[SignalOpinion]
    last: str | None
    """Member of the last one; None: there are no more."""


def page(tx: Tx, entry_id: str, after: str | None, limit: int) -> Opinions:
    """What members think of an entry that this actor sees.

    Raises:
        NotFound: there is none that this actor sees.
        Forbidden: its owner prohibits the actor's purpose.
        Gone: it was withdrawn or has expired.
    """
    single = entries.get(tx, entry_id)
    wanted = select(SignalOpinion).where(SignalOpinion.entry_id == entry_id)
    wanted = wanted.order_by(SignalOpinion.member_id).limit(limit + 1)
    if after is not None:
        wanted = wanted.where(SignalOpinion.member_id > after)
    rows = tx.session.scalars(wanted).all()
    last = rows[limit - 1].member_id if len(rows) > limit else None
    return Opinions(single=single, items=rows[:limit], last=last)


def state(tx: Tx, entry_id: str, opinion: Opinion, reason: OpinionReason | None) -> SignalOpinion:
    """Say what the actor's member thinks of an entry, instead of what it said before.

    Raises:
        NotFound: there is none that this actor sees.
        Forbidden: it may not judge it.
        Gone: it was withdrawn or has expired.
    """
    single = entries.find(tx, entry_id)
    tx.require(Action.JUDGE, single.thing)
    entries.hold(tx, single.entry)
    stated = SignalOpinion(
        entry_id=entry_id, member_id=tx.actor.member_id or "", opinion=opinion.value,
        reason=reason.value if reason else None, accredited=said.is_assessor(tx), stated_at=tx.now,
    )  # fmt: skip
    row = tx.session.merge(stated)
    lines = restate(tx, single.entry.collection_id, [entry_id], only_moved=True)
    record(tx, OpinionStated(subjects=(single.subject,), reason=opinion.value), lines)
    return row


def withdraw(tx: Tx, entry_id: str) -> None:
    """Take the actor's opinion back.

    Raises:
        NotFound: there is no such entry for this actor, or its member has no opinion of it.
        Gone: it was withdrawn or has expired, and the opinion with it.
    """
    single = entries.find(tx, entry_id, any_purpose=True)
    tx.require(Action.RECALL, single.thing)
    entries.hold(tx, single.entry)
    row = tx.session.get(SignalOpinion, (entry_id, tx.actor.member_id or ""))
    if row is None:
        raise NotFound
    tx.session.delete(row)
    lines = restate(tx, single.entry.collection_id, [entry_id], only_moved=True)
    record(tx, OpinionWithdrawn(subjects=(single.subject,)), lines)


def describe(row: SignalOpinion) -> dict[str, Any]:
    """The wire form of one opinion."""
    described: dict[str, Any] = {"member": row.member_id, "opinion": row.opinion}
    if row.reason is not None:
        described["reason"] = row.reason
    return {**described, "accredited": row.accredited, "stated_at": clock.to_text(row.stated_at)}
