"""Withdraws an attestation, or the consent behind it: the statement's bytes are destroyed everywhere.

A version that claims what nothing supports any more is retracted in the same transaction; a candidate stops
being publishable, because publishing asks again. Withdrawn consent is in the ledger too: no restore brings
the statement back.
"""

from pathlib import Path

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import ledger
from app.errors import Conflict, NotFound
from app.events import AttestationWithdrawn, Subject
from app.policy import may, require_person
from app.question import Action
from app.record import Tx, record
from app.sets import lines, status
from app.sets import queries as sets
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review import demands, queries
from app.sets.review.models import Attestation
from schemas.vocabulary import AttestationStatus, AudienceKind, Reason

_REASONS = {
    AttestationStatus.WITHDRAWN: Reason.WITHDRAWN,
    AttestationStatus.CONSENT_WITHDRAWN: Reason.CONSENT_WITHDRAWN,
}


def withdraw(tx: Tx, attestation_id: str, became: AttestationStatus) -> Attestation:
    """End a statement of the actor's own body. Neither sight nor accreditation is needed: it is its own word.

    Raises:
        NotFound: there is no such statement of this member.
        Forbidden: a service client.
        Conflict: it was withdrawn already.
        Unavailable: the ledger cannot be written.
    """
    row = tx.session.get(Attestation, attestation_id)
    bound = tx.actor.collections
    if row is None or (bound is not None and row.set_id not in bound):
        raise NotFound
    if not tx.actor.system:  # the operator, for a body that may not act any more
        if row.body_id != tx.actor.member_id:
            raise NotFound
        require_person(tx.actor)
    found = sets.of_collection(tx.session, row.set_id, lock=True)
    tx.session.refresh(row)
    if row.status != AttestationStatus.STANDING.value:
        raise Conflict("This attestation was withdrawn already. Nothing of it is left.", reason="withdrawn")
    if became is AttestationStatus.CONSENT_WITHDRAWN:
        ledger.append(tx.runtime.config.ledger_path, [_line(row, tx.now)])
    _end(tx, found, row, became)
    return row


def reconcile(tx: Tx) -> int:
    """End again the statements whose consent the ledger says was withdrawn; returns how many that were.

    Such a statement stands where this copy of the database was taken before. Before any request is answered.
    """
    count = 0
    for named in ledger.read(tx.runtime.config.ledger_path).statements:
        row = tx.session.get(Attestation, named.id)
        if row is not None and row.status == AttestationStatus.STANDING.value:
            found = sets.of_collection(tx.session, row.set_id, lock=True)
            _end(tx, found, row, AttestationStatus.CONSENT_WITHDRAWN)
            count += 1
    return count


def share(session: Session, path: Path) -> int:
    """Write to the ledger's file what was withdrawn through another machine; returns how many that were."""
    ended = select(Attestation).where(Attestation.status == AttestationStatus.CONSENT_WITHDRAWN.value)
    written = {named.id for named in ledger.read(path).statements}
    missing = [_line(row, row.ended_at or 0) for row in session.scalars(ended) if row.id not in written]
    ledger.append(path, missing)
    return len(missing)


def _line(row: Attestation, at: int) -> ledger.Statement:
    return ledger.Statement(id=row.id, set=row.set_id, at=at)


def _end(tx: Tx, found: Found, row: Attestation, became: AttestationStatus) -> None:
    """Destroy the statement, and see to the versions that had it."""
    row.statement = row.signature = None
    row.status, row.ended_at = became.value, tx.now
    tx.session.flush()
    subject = _named(tx, found, Subject(kind="attestation", id=row.id, collection_id=found.id))
    record(tx, AttestationWithdrawn(subjects=(subject,), reason=became.value))
    for version in status.settle(tx, found):
        if version.document_digest == row.document_digest:
            _without(tx, found, version, _REASONS[became])


def _without(tx: Tx, found: Found, row: SetVersion, reason: Reason) -> None:
    """A version without a statement that it had: retracted if it claims what nothing supports any more."""
    claims = demands.attestation(msgspec.json.decode(row.document or b""))
    if claims and not queries.supported(tx.session, found.id, row.document_digest):
        named = Subject(kind="version", id=row.id, version=row.version, collection_id=found.id)
        status.take_back(tx, found, row, reason=reason, subject=_named(tx, found, named))
        return
    tx.lines.extend(lines.version_changed(tx.session, found, row))


def _named(tx: Tx, found: Found, subject: Subject) -> Subject:
    """The marking is told to the log only as far as the body, which reads its own entries, may know it."""
    known = may(tx.facts, Action.READ, found.thing) or found.marking.audience is AudienceKind.USERS
    plain = Subject(**(subject.__dict__ | {"owner_id": found.collection.owner_id}))
    return plain.marked(found.marking) if known else plain
