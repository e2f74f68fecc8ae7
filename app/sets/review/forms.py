"""What candidates, remarks and attestations look like to a reader, and what the audit log calls them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.events import Subject
from app.record import Tx
from app.sets.queries import Found
from app.sets.review import queries
from app.sets.review.models import Attestation, Candidate


@dataclass(frozen=True, kw_only=True)
class CandidateState:
    """A candidate (`schemas.review.CandidateSchema`); who wrote it and who was invited is for its owner."""

    set: str
    digest: str
    version: str
    status: str
    note: str | None
    sent_at: int
    sent_by: str | None = None
    authors: Sequence[str] | None = None
    bodies: Sequence[str] | None = None


def candidates(tx: Tx, found: Found, rows: Sequence[Candidate]) -> list[CandidateState]:
    """The states of several candidates of one set, in a fixed number of statements."""
    own = tx.actor.member_id == found.collection.owner_id
    ids = [row.id for row in rows] if own else []
    authors, bodies = queries.authors(tx.session, ids), queries.bodies(tx.session, ids)
    return [
        CandidateState(
            set=row.set_id, digest=row.digest, version=row.version, status=row.status, note=row.note,
            sent_at=row.sent_at, sent_by=row.sent_by if own else None,
            authors=authors.get(row.id, []) if own else None,
            bodies=bodies.get(row.id, []) if own else None,
        )
        for row in rows
    ]  # fmt: skip


def candidate_subject(row: Candidate, found: Found) -> Subject:
    named = Subject(kind="candidate", id=row.id, version=row.version, collection_id=row.set_id)
    return named.marked(found.marking)


def attestation_subject(row: Attestation, version: str, found: Found) -> Subject:
    named = Subject(kind="attestation", id=row.id, version=version, collection_id=row.set_id)
    return named.marked(found.marking)
