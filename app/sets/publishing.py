"""Publishing: a draft or a candidate becomes a version, two signed things stored as they were hashed."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from app import canonical, clock
from app.errors import Conflict, Invalid
from app.events import VersionPublished
from app.question import Action
from app.record import Tx, record
from app.sets import document, lines, queries, status
from app.sets.drafts import content_of
from app.sets.forms import version_subject
from app.sets.models import SetVersion
from app.sets.order import require_higher
from app.sets.queries import Found
from app.sets.review import demands, life
from app.sets.review import queries as review
from app.sets.review.models import Candidate
from app.sets.review.sending import require_not_returned
from app.sets.sign import put_envelope, sign_document
from schemas.vocabulary import CandidateStatus, VersionStatus


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What is to be published: a candidate's bytes, or the draft's."""

    data: bytes
    content: dict[str, Any]
    candidate: Candidate | None = None


def publish(
    tx: Tx,
    set_id: str,
    *,
    version: str | None = None,
    draft: str | None = None,
    candidate: str | None = None,
    supersedes: Sequence[str] = (),
) -> SetVersion:
    """Publish a candidate, or the draft where nothing needs a second person: from then on it never changes.

    Args:
        version: what it is called; None: as the candidate says.
        draft: digest of the draft that the publisher means; None: the present one.
        candidate: digest of the candidate whose very bytes are published; None: the draft is.
        supersedes: versions that this one replaces: they are deprecated in the same act.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: the draft has changed since, the version is not higher than every earlier one, an approval
            or an attestation is missing, or what is replaced does not stand.
        Invalid: the draft is not complete, or breaks rules of the format.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.EDIT, found.thing)
    chosen = _draft(found, version, draft) if candidate is None else _candidate(tx, found, version, candidate)
    require_not_returned(tx, set_id, canonical.digest(chosen.data))
    number = require_higher(tx.session, set_id, chosen.content["version"])
    old = status.replaced(tx, set_id, supersedes)
    _check_demands(tx, found, chosen)
    row = _row(tx, found, chosen, number=number)
    tx.session.add(row)
    tx.session.flush()
    life.publish(tx, found, chosen.candidate, row)
    changed = lines.version_changed(tx.session, found, row, fresh=True)
    record(tx, VersionPublished(subjects=(version_subject(row, found.marking),)), changed)
    for other in old:
        status.replace(tx, found, other, row.version)
    return row


def _draft(found: Found, version: str | None, draft: str | None) -> Publication:
    if draft is not None and draft != found.row.draft_digest:
        raise Conflict(
            "The draft has changed. Read it again and publish what you mean.", reason="draft_changed"
        )
    made = document.build(content_of(found), set_id=found.id, version=version or "")
    return Publication(data=canonical.encode(made), content=made)


def _candidate(tx: Tx, found: Found, version: str | None, digest: str) -> Publication:
    row = review.find(tx, found, digest).row
    if row.status not in life.OPEN or row.document is None:
        raise Conflict(
            "This candidate cannot be published any more. Read the review of the set for the present one.",
            reason=f"candidate_{row.status}",
        )
    if version is not None and version != row.version:
        raise Conflict(
            "The candidate is for another version. Leave version out, or send the draft to review anew.",
            reason="version_of_candidate",
        )
    return Publication(data=row.document, content=msgspec.json.decode(row.document), candidate=row)


def _check_demands(tx: Tx, found: Found, chosen: Publication) -> None:
    """High rights caution takes a second person's approval; a claim of survivors takes an attestation."""
    cautious, claimed = demands.approval(chosen.content), demands.attestation(chosen.content)
    row = chosen.candidate
    if row is None and (cautious or claimed):
        raise _demanded(
            "needs_candidate",
            "This draft cannot be published directly. Send it to review, and publish the candidate.",
            (cautious, _APPROVAL), (claimed, _ATTESTATION),
        )  # fmt: skip
    if row is not None and cautious and row.status != CandidateStatus.APPROVED.value:
        raise _demanded(
            "needs_approval",
            "Rights caution is high: a second person of your member must approve this candidate first.",
            (cautious, _APPROVAL),
        )
    if row is not None and claimed and not review.supported(tx.session, found.id, row.digest):
        raise _demanded(
            "needs_attestation",
            "It says that survivors validated it: an invited validation body must attest it first.",
            (claimed, _ATTESTATION),
        )


_APPROVAL = "Is high: takes the approval of a second person."
_ATTESTATION = "Is true: takes an attestation, by an accredited body, that survivors were consulted."


def _demanded(reason: str, detail: str, *places: tuple[list[str], str]) -> Conflict:
    located = [{"pointer": pointer, "detail": why} for pointers, why in places for pointer in pointers]
    return Conflict(detail, reason=reason, errors=located[: document.PROBLEMS_SHOWN])


def _row(tx: Tx, found: Found, chosen: Publication, *, number: int) -> SetVersion:
    row = SetVersion(
        id=str(uuid.uuid4()),
        set_id=found.id,
        number=number,
        version=chosen.content["version"],
        document=chosen.data,
        document_digest=canonical.digest(chosen.data),
        document_signature=sign_document(tx, chosen.data),
        counter=0,
        status=VersionStatus.PUBLISHED.value,
        successor=None,
        reason=None,
        published_at=tx.now,
        review_by=clock.from_text(chosen.content["review_by"]),
        valid_until=_valid_until(chosen.content, tx.now),
    )
    put_envelope(tx, found, row)
    return row


def _valid_until(made: dict[str, Any], now: int) -> int | None:
    if "valid_until" not in made:
        return None
    end = clock.from_text(made["valid_until"])
    if end <= now:
        raise Invalid(
            "The validity of this version is over. Correct it in the draft.",
            errors=[{"pointer": "/valid_until", "detail": "Must be in the future."}],
        )
    return end
