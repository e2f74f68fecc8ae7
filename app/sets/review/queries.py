"""Finds candidates, what was said of them, and attestations. Hidden and absent are one answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.markings import Collection, Marking
from app.policy import NOT_VISIBLE, may
from app.question import Action, Thing
from app.record import Tx
from app.sets.queries import Found
from app.sets.review.models import (
    Attestation,
    Candidate,
    CandidateAuthor,
    CandidateBody,
    DraftAuthor,
    Remark,
)
from schemas.vocabulary import AttestationStatus, AudienceKind, CandidateStatus


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A candidate as an actor found it."""

    row: Candidate
    thing: Thing


def find(tx: Tx, found: Found, digest: str) -> Seen:
    """The newest candidate of this digest, for the owner and the bodies invited on it.

    Raises:
        NotFound: there is none, or it is hidden from the actor.
        Forbidden: the owner prohibits the actor's purpose.
    """
    facts = tx.facts  # asked first, so that the hidden and the absent take the same statements
    wanted = _seen(tx).where(Candidate.set_id == found.id, Candidate.digest == digest)
    pair = tx.session.execute(wanted.order_by(Candidate.number.desc()).limit(1)).one_or_none()
    if pair is None:
        raise NotFound
    row, invited = pair
    thing = replace(found.thing, invited=frozenset({invited} if invited else ()))
    if may(facts, Action.EXAMINE, thing) == NOT_VISIBLE:
        raise NotFound
    tx.require(Action.EXAMINE, thing)
    return Seen(row=row, thing=thing)


def page(tx: Tx, found: Found, before: int | None, limit: int) -> list[Candidate]:
    """Candidates of a set that the actor sees, newest first, those numbered below `before`."""
    owner = literal(tx.actor.member_id == found.collection.owner_id)
    wanted = _seen(tx).where(Candidate.set_id == found.id, or_(owner, CandidateBody.member_id.is_not(None)))
    if before is not None:
        wanted = wanted.where(Candidate.number < before)
    rows = tx.session.execute(wanted.order_by(Candidate.number.desc()).limit(limit))
    return [row for row, _ in rows]


def _seen(tx: Tx) -> Select[Candidate, str | None]:
    """Candidates, each beside the actor's member if that was invited on it."""
    invited = (CandidateBody.candidate_id == Candidate.id) & (CandidateBody.member_id == tx.actor.member_id)
    return select(Candidate, CandidateBody.member_id).outerjoin(CandidateBody, invited)


def newest(session: Session, set_id: str) -> Candidate | None:
    wanted = select(Candidate).where(Candidate.set_id == set_id).order_by(Candidate.number.desc())
    return session.scalar(wanted.limit(1))


def returned(session: Session, set_id: str, digest: str) -> bool:
    """Whether a reviewer returned exactly these bytes, whatever was sent since."""
    wanted = select(Candidate.id).where(
        Candidate.set_id == set_id, Candidate.digest == digest,
        Candidate.status == CandidateStatus.RETURNED.value,
    )  # fmt: skip
    return session.scalar(wanted.limit(1)) is not None


def draft_authors(session: Session, set_id: str) -> list[str]:
    """The users who saved the draft since what was last published."""
    return list(session.scalars(select(DraftAuthor.user_id).where(DraftAuthor.set_id == set_id)))


def authors(session: Session, candidate_ids: Sequence[str]) -> dict[str, list[str]]:
    """Candidate id → the users who wrote it."""
    wanted = select(CandidateAuthor).where(CandidateAuthor.candidate_id.in_(candidate_ids))
    found: dict[str, list[str]] = {}
    for row in session.scalars(wanted.order_by(CandidateAuthor.user_id)):
        found.setdefault(row.candidate_id, []).append(row.user_id)
    return found


def bodies(session: Session, candidate_ids: Sequence[str]) -> dict[str, list[str]]:
    """Candidate id → the members invited to attest it."""
    wanted = select(CandidateBody).where(CandidateBody.candidate_id.in_(candidate_ids))
    found: dict[str, list[str]] = {}
    for row in session.scalars(wanted.order_by(CandidateBody.member_id)):
        found.setdefault(row.candidate_id, []).append(row.member_id)
    return found


def remarks(session: Session, candidate_id: str, after: int, limit: int) -> list[Remark]:
    """What was said of a candidate, in its order, those numbered above `after`."""
    wanted = select(Remark).where(Remark.candidate_id == candidate_id, Remark.number > after)
    return list(session.scalars(wanted.order_by(Remark.number).limit(limit)))


def last_remark(session: Session, candidate_id: str) -> int:
    """The number of the newest remark; 0 where nothing was said."""
    wanted = select(func.max(Remark.number)).where(Remark.candidate_id == candidate_id)
    return session.scalar(wanted) or 0


def standing(session: Session, set_id: str, digests: Sequence[str]) -> list[Attestation]:
    """The attestations of these documents of a set that stand, oldest first."""
    wanted = select(Attestation).where(
        Attestation.set_id == set_id,
        Attestation.document_digest.in_(digests),
        Attestation.status == AttestationStatus.STANDING.value,
    )
    return list(session.scalars(wanted.order_by(Attestation.at, Attestation.id)))


def attestations(session: Session, set_id: str, digest: str) -> list[Attestation]:
    """Every attestation of a document of a set, withdrawn ones too, oldest first."""
    wanted = select(Attestation).where(Attestation.set_id == set_id, Attestation.document_digest == digest)
    return list(session.scalars(wanted.order_by(Attestation.at, Attestation.id)))


def of_body(tx: Tx, after: tuple[int, str] | None, limit: int) -> list[Attestation]:
    """What the actor's member attested, oldest first; of what names its readers, each person her own."""
    own = or_(Marking.audience != AudienceKind.USERS, Attestation.user_id == tx.actor.user_id)
    wanted = (
        select(Attestation)
        .join(Collection, Collection.id == Attestation.set_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(Attestation.body_id == tx.actor.member_id, own)
        .order_by(Attestation.at, Attestation.id)
        .limit(limit)
    )
    if tx.actor.collections is not None:
        wanted = wanted.where(Attestation.set_id.in_(sorted(tx.actor.collections)))
    if after is not None:
        wanted = wanted.where(tuple_(Attestation.at, Attestation.id) > after)
    return list(tx.session.scalars(wanted))


def supported(session: Session, set_id: str, digest: str) -> bool:
    """Whether a statement stands that survivors were consulted on this document."""
    return any(row.survivors_consulted for row in standing(session, set_id, [digest]))
