"""Withdraws an attestation, or the consent behind it: the statement's bytes are destroyed everywhere.

A version that claims what nothing supports any more is retracted in the same transaction; a candidate stops
being publishable, because publishing asks again.
"""

import msgspec

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
    """
    row = tx.session.get(Attestation, attestation_id)
    if row is None or row.body_id != tx.actor.member_id:
        raise NotFound
    require_person(tx.actor)
    found = sets.of_collection(tx.session, row.set_id, lock=True)
    tx.session.refresh(row)
    if row.status != AttestationStatus.STANDING.value:
        raise Conflict("This attestation was withdrawn already. Nothing of it is left.", reason="withdrawn")
    row.statement = row.signature = None
    row.status, row.ended_at = became.value, tx.now
    tx.session.flush()
    subject = _named(tx, found, Subject(kind="attestation", id=row.id, collection_id=found.id))
    record(tx, AttestationWithdrawn(subjects=(subject,), reason=became.value))
    for version in status.settle(tx, found):
        if version.document_digest == row.document_digest:
            _without(tx, found, version, _REASONS[became])
    return row


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
