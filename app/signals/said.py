"""What members said of entries: contributions that stand, opinions, and who is accredited to assess."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.parties import Attribute, Member
from app.record import Tx
from app.signals.models import Contribution, SignalOpinion
from app.signals.queries import Entry, one_of
from app.signals.standing import ASSESSOR, Contributed, Judged, voice_of
from schemas.vocabulary import Opinion


def contributions(session: Session, entry_ids: Sequence[str], now: int) -> dict[str, list[Contributed]]:
    """Those whose time is not over, by entry, oldest first."""
    wanted = (
        select(
            Contribution.entry_id, Contribution.member_id, Contribution.labels, Contribution.classification,
            Contribution.confidence, Contribution.valid_until, Contribution.assessed, Member.kind,
            Member.upstream_id,
        )
        .join(Member, Member.id == Contribution.member_id)
        .where(one_of(session, Contribution.entry_id, entry_ids), stands(now))
        .order_by(Contribution.created_at, Contribution.member_id)
    )  # fmt: skip
    found: dict[str, list[Contributed]] = {}
    for row in session.execute(wanted):
        found.setdefault(row[0], []).append(Contributed(*row[1:7], voice=voice_of(row[1], row[7], row[8])))
    return found


def lapsed(session: Session, entry_ids: Sequence[str], now: int) -> set[str]:
    """Those of the entries that hold a contribution whose time is over."""
    if not entry_ids:
        return set()
    wanted = select(Contribution.entry_id).where(one_of(session, Contribution.entry_id, entry_ids))
    return set(session.scalars(wanted.where(~stands(now))))


def with_contributions(session: Session, entries: Sequence[Entry], now: int) -> Sequence[Entry]:
    """The entries, each with its `contributions`."""
    found = contributions(session, [entry["id"] for entry in entries], now) if entries else {}
    for entry in entries:
        entry["contributions"] = found.get(entry["id"], [])
    return entries


def opinions(session: Session, entry_ids: Sequence[str]) -> dict[str, list[Judged]]:
    """Opinions by entry."""
    wanted = (
        select(
            SignalOpinion.entry_id, SignalOpinion.member_id, SignalOpinion.opinion, SignalOpinion.accredited,
            Member.kind, Member.upstream_id,
        )
        .join(Member, Member.id == SignalOpinion.member_id)
        .where(one_of(session, SignalOpinion.entry_id, entry_ids))
    )  # fmt: skip
    found: dict[str, list[Judged]] = {}
    for row in session.execute(wanted):
        voice = voice_of(row.member_id, row.kind, row.upstream_id)
        found.setdefault(row.entry_id, []).append(Judged(Opinion(row.opinion), row.accredited, voice))
    return found


def stands(now: int) -> ColumnElement[bool]:
    """Condition: the contribution's time is not over."""
    return Contribution.valid_until > now


def is_assessor(tx: Tx) -> bool:
    """Whether the actor's member is an accredited assessor at this moment."""
    holds = select(Attribute.name).where(
        Attribute.member_id == tx.actor.member_id,
        Attribute.name == ASSESSOR,
        Attribute.valid_until > tx.now,
    )
    return tx.session.scalar(holds) is not None
