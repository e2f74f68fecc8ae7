"""Attests a candidate or a version, as an accredited body; reads what was attested."""

import uuid
from collections.abc import Mapping
from typing import Any

from app import clock, keys
from app.errors import Conflict
from app.events import AttestationMade
from app.keys import Use
from app.policy import require_person
from app.question import Action
from app.record import Tx, record
from app.sets import lines, versions
from app.sets import queries as sets
from app.sets.queries import Found
from app.sets.review import attestation, life, queries
from app.sets.review.forms import attestation_subject
from app.sets.review.models import Attestation
from schemas.vocabulary import AttestationStatus, CandidateStatus

_ATTESTED = (*life.OPEN, CandidateStatus.PUBLISHED.value)


def attest_candidate(tx: Tx, set_id: str, digest: str, claim: Mapping[str, Any]) -> Attestation:
    """State how a candidate was validated: a person of a body that is accredited now and invited on it.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: the candidate is no longer under review, or the body has attested it already.
        Gone: the version that was made of it was taken back.
        Invalid: the statement breaks a rule of its format.
    """
    found = sets.find(tx, set_id, lock=True)
    seen = queries.find(tx, found, digest)
    tx.require(Action.ATTEST, seen.thing)
    if seen.row.status not in _ATTESTED:
        raise Conflict(
            "This candidate is not under review any more. Read the review of the set for the present one.",
            reason=f"candidate_{seen.row.status}",
        )
    if seen.row.status == CandidateStatus.PUBLISHED.value:
        versions.readable(tx, set_id, seen.row.version)
    return _attest(tx, found, seen.row.version, digest, claim)


def attest_version(tx: Tx, set_id: str, version: str, claim: Mapping[str, Any]) -> Attestation:
    """The same of a published version, as a body that reads it: its readers get the statement with it.

    Raises:
        NotFound, Forbidden, Conflict, Gone, Invalid: as for `attest_candidate`.
    """
    found, row = versions.readable(tx, set_id, version, lock=True)
    tx.require(Action.ATTEST, found.thing)
    return _attest(tx, found, row.version, row.document_digest, claim)


def of_candidate(tx: Tx, set_id: str, digest: str) -> tuple[Found, list[Attestation]]:
    """What was attested of a candidate, ended ones too: for its owner all, for a body its own.

    Raises:
        NotFound, Forbidden: as `policy` decides.
    """
    found = sets.find(tx, set_id)
    queries.find(tx, found, digest)
    rows = queries.attestations(tx.session, set_id, digest)
    own = tx.actor.member_id == found.collection.owner_id
    return found, [row for row in rows if own or row.body_id == tx.actor.member_id]


def of_version(tx: Tx, set_id: str, version: str) -> tuple[Found, list[Attestation]]:
    """The attestations of a version that stand, for everybody who reads it.

    Raises:
        NotFound, Forbidden, Gone: as for reading the version.
    """
    found, row = versions.readable(tx, set_id, version)
    return found, queries.standing(tx.session, set_id, [row.document_digest])


def _attest(tx: Tx, found: Found, version: str, digest: str, claim: Mapping[str, Any]) -> Attestation:
    body_id, user_id = tx.actor.member_id or "", require_person(tx.actor)
    if any(row.body_id == body_id for row in queries.standing(tx.session, found.id, [digest])):
        raise Conflict(
            "You have attested this document already. Withdraw that statement before you make another.",
            reason="already_attested",
        )
    row = Attestation(
        id=str(uuid.uuid4()), set_id=found.id, document_digest=digest, body_id=body_id, user_id=user_id,
        survivors_consulted=claim["survivors_consulted"], status=AttestationStatus.STANDING.value, at=tx.now,
    )  # fmt: skip
    named = {
        "id": row.id, "home": tx.runtime.config.issuer, "set": found.id, "version": version,
        "document": digest, "body": body_id,
    }  # fmt: skip
    row.statement = attestation.build(claim, named=named, this_year=int(clock.to_text(tx.now)[:4]))
    signer = tx.runtime.keyring.signer(tx.session, Use.DOCUMENT)
    row.signature = keys.sign_detached(signer, row.statement, attestation.ATTESTATION_TYP)
    tx.session.add(row)
    tx.session.flush()
    changed = [
        line
        for published in sets.readable(tx.session, found.id)
        if published.document_digest == digest
        for line in lines.version_changed(tx.session, found, published)
    ]
    record(tx, AttestationMade(subjects=(attestation_subject(row, version, found),)), changed)
    return row
