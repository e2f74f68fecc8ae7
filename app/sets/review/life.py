"""What saving, sending and publishing do to authors and candidates."""

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.record import Tx
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review.models import Candidate, DraftAuthor
from schemas.vocabulary import CandidateStatus

OPEN = (CandidateStatus.IN_REVIEW.value, CandidateStatus.APPROVED.value)


def note_author(tx: Tx, set_id: str) -> None:
    """Remember the user who saves a draft; a service client is nobody's hand."""
    if tx.actor.user_id is None:
        return
    row = tx.session.get(DraftAuthor, (set_id, tx.actor.user_id))
    if row is None:
        row = DraftAuthor(set_id=set_id, user_id=tx.actor.user_id)
        tx.session.add(row)
    row.at = tx.now


def supersede(session: Session, set_id: str) -> None:
    """Close the open candidates, and clear the bytes of all: another one, or a version, takes over."""
    of_set = Candidate.set_id == set_id
    session.execute(
        update(Candidate)
        .where(of_set, Candidate.status.in_(OPEN))
        .values(status=CandidateStatus.SUPERSEDED.value)
    )
    session.execute(update(Candidate).where(of_set, Candidate.document.is_not(None)).values(document=None))


def publish(tx: Tx, found: Found, candidate: Candidate | None, row: SetVersion) -> None:
    """A version was made of a candidate, or of the draft: nothing is under review any more.

    Who saved the draft after the candidate was sent stays an author of what is not yet published.
    """
    since = delete(DraftAuthor).where(DraftAuthor.set_id == found.id)
    if candidate is not None:
        candidate.status = CandidateStatus.PUBLISHED.value
        candidate.version_id = row.id
        tx.session.flush()
        if candidate.draft_digest != found.row.draft_digest:
            since = since.where(DraftAuthor.at < candidate.sent_at)
    supersede(tx.session, found.id)
    tx.session.execute(since)
