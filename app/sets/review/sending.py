"""Sends a draft to review: its document is frozen as a candidate."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app import canonical
from app.errors import Conflict, Invalid
from app.events import CandidateSent
from app.parties import Member
from app.question import Action
from app.record import Tx, record
from app.sets import document
from app.sets import queries as sets
from app.sets.drafts import content_of
from app.sets.order import require_higher
from app.sets.queries import Found
from app.sets.review import life, queries
from app.sets.review.forms import candidate_subject
from app.sets.review.models import Candidate, CandidateAuthor, CandidateBody
from app.sets.review.texts import screened
from schemas.vocabulary import CandidateStatus, MemberStatus


def send(
    tx: Tx, set_id: str, *, version: str, bodies: Sequence[str] = (), note: str | None = None
) -> tuple[Found, Candidate]:
    """Freeze the draft as a candidate for `version`. An earlier one is superseded.

    Sending the same bytes again while they are under review invites further bodies, and changes nothing else.

    Args:
        bodies: members that are invited to attest it, and so to read it if they see the set.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: the version is not higher than every earlier one, or these bytes were returned.
        Invalid: the draft is not complete, or a body cannot be invited.
    """
    found = sets.find(tx, set_id, lock=True)
    tx.require(Action.EDIT, found.thing)
    screened(note, "/note")
    require_higher(tx.session, set_id, version)
    data = canonical.encode(document.build(content_of(found), set_id=set_id, version=version))
    invited = _invited(tx, found, bodies)
    before = queries.newest(tx.session, set_id)
    require_not_returned(tx, set_id, canonical.digest(data))
    row = _again(before, canonical.digest(data))
    if row is None:
        life.supersede(tx.session, set_id)
        row = _freeze(tx, found, data, version, note, number=1 if before is None else before.number + 1)
    for member_id in sorted(invited - set(queries.bodies(tx.session, [row.id]).get(row.id, ()))):
        tx.session.add(CandidateBody(candidate_id=row.id, member_id=member_id))
    tx.session.flush()
    record(tx, CandidateSent(subjects=(candidate_subject(row, found),)))
    return found, row


def require_not_returned(tx: Tx, set_id: str, digest: str) -> None:
    """Bytes that were returned are neither sent again nor published, by whatever way.

    Raises:
        Conflict: they were.
    """
    if queries.returned(tx.session, set_id, digest):
        raise Conflict(
            "This very draft was returned. Make the changes that were asked for, then send it again.",
            reason="candidate_returned",
        )


def _again(before: Candidate | None, digest: str) -> Candidate | None:
    """The candidate that holds these bytes, if it is still under review."""
    if before is None or before.digest != digest:
        return None
    return before if before.status in life.OPEN else None


def _freeze(tx: Tx, found: Found, data: bytes, version: str, note: str | None, *, number: int) -> Candidate:
    row = Candidate(
        id=str(uuid.uuid4()), set_id=found.id, number=number, version=version, digest=canonical.digest(data),
        document=data, draft_digest=found.row.draft_digest, status=CandidateStatus.IN_REVIEW.value, note=note,
        sent_by=tx.actor.user_id, sent_at=tx.now,
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    authors = {*queries.draft_authors(tx.session, found.id), *filter(None, [tx.actor.user_id])}
    tx.session.add_all(CandidateAuthor(candidate_id=row.id, user_id=user_id) for user_id in sorted(authors))
    return row


def _invited(tx: Tx, found: Found, bodies: Sequence[str]) -> set[str]:
    known = select(Member.id).where(Member.id.in_(bodies), Member.status == MemberStatus.ACTIVE)
    active = set(tx.session.scalars(known)) - {found.collection.owner_id}
    for position, member_id in enumerate(bodies):
        if member_id not in active:
            raise Invalid(
                "A body that is to attest must be another active member. Check the id.",
                reason="body_unknown",
                errors=[{"pointer": f"/bodies/{position}", "detail": "There is no such other member."}],
            )
    return active
