"""Review by persons of the owner: comments, approval by a second person, return."""

import uuid
from typing import Any

import msgspec

from app.errors import Conflict, Invalid
from app.events import CandidateApproved, CandidateCommented, CandidateReturned, Event
from app.question import Action
from app.record import Tx, record
from app.second_person import require_second_person
from app.sets import queries as sets
from app.sets.queries import Found
from app.sets.review import life, queries
from app.sets.review.forms import candidate_subject
from app.sets.review.models import Candidate, Remark
from app.sets.review.texts import screened
from schemas.vocabulary import CandidateStatus, RemarkKind

_EVENTS: dict[RemarkKind, type[Event]] = {
    RemarkKind.COMMENT: CandidateCommented,
    RemarkKind.APPROVAL: CandidateApproved,
    RemarkKind.RETURN: CandidateReturned,
}


def remarks(
    tx: Tx, set_id: str, digest: str, after: int, limit: int
) -> tuple[Candidate, list[Remark], Found]:
    """What was said of a candidate: for its owner.

    Raises:
        NotFound, Forbidden: as `policy` decides.
    """
    found = sets.find(tx, set_id)
    tx.require(Action.EDIT, found.thing)
    row = queries.find(tx, found, digest).row
    return row, queries.remarks(tx.session, row.id, after, limit), found


def comment(tx: Tx, set_id: str, digest: str, *, text: str, indicator: str | None = None) -> Remark:
    """Say something of a candidate, or of one indicator in it. Its authors may answer.

    Raises:
        NotFound, Forbidden: as `policy` decides: a person of the owner.
        Conflict: the candidate is no longer under review.
        Invalid: the text holds personal data, or there is no such indicator.
    """
    found, row = _open(tx, set_id, digest)
    if indicator is not None and indicator not in _indicators(row):
        raise Invalid(
            "The candidate has no such indicator. Name one of its own, or leave it out.",
            errors=[{"pointer": "/indicator", "detail": "Must be the id of an indicator of this candidate."}],
        )
    return _remark(tx, found, row, RemarkKind.COMMENT, text, indicator)


def approve(tx: Tx, set_id: str, digest: str, *, note: str | None = None) -> Remark:
    """Approve a candidate as a second person. Users count: an author never does, whichever client she uses.

    Raises:
        NotFound, Forbidden: as `policy` decides; the user is one of its authors.
        Conflict: the candidate is no longer under review, or is approved already.
    """
    found, row = _open(tx, set_id, digest)
    require_second_person(tx.actor, queries.authors(tx.session, [row.id]).get(row.id, ()))
    if row.status == CandidateStatus.APPROVED.value:
        raise Conflict("This candidate is approved already. It can be published.", reason="already_approved")
    row.status = CandidateStatus.APPROVED.value
    return _remark(tx, found, row, RemarkKind.APPROVAL, note)


def send_back(tx: Tx, set_id: str, digest: str, *, note: str) -> Remark:
    """Return a candidate with a note on what must change. It is never published.

    Raises:
        NotFound, Forbidden, Conflict: as for `comment`.
    """
    found, row = _open(tx, set_id, digest)
    row.status = CandidateStatus.RETURNED.value
    return _remark(tx, found, row, RemarkKind.RETURN, note)


def _open(tx: Tx, set_id: str, digest: str) -> tuple[Found, Candidate]:
    found = sets.find(tx, set_id, lock=True)
    tx.require(Action.REVIEW, found.thing)
    row = queries.find(tx, found, digest).row
    if row.status not in life.OPEN:
        raise Conflict(
            "This candidate is not under review any more. Read the review of the set for the present one.",
            reason=f"candidate_{row.status}",
        )
    return found, row


def _remark(
    tx: Tx, found: Found, row: Candidate, kind: RemarkKind, text: str | None, indicator: str | None = None
) -> Remark:
    screened(text, "/text" if kind is RemarkKind.COMMENT else "/note")
    made = Remark(
        id=str(uuid.uuid4()), candidate_id=row.id, number=queries.last_remark(tx.session, row.id) + 1,
        kind=kind.value, indicator=indicator, text=text, user_id=tx.actor.user_id or "", at=tx.now,
    )  # fmt: skip
    tx.session.add(made)
    tx.session.flush()
    record(tx, _EVENTS[kind](subjects=(candidate_subject(row, found),)))
    return made


def _indicators(row: Candidate) -> set[str]:
    document: dict[str, Any] = msgspec.json.decode(row.document or b"{}")
    return {indicator["id"] for indicator in document.get("indicators", ())}
