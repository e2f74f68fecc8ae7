"""Publishing: the draft becomes a version, two signed things stored as the bytes that were hashed."""

import uuid
from typing import Any

from app import canonical, clock
from app.errors import Conflict, Invalid
from app.events import VersionPublished
from app.question import Action
from app.record import Tx, record
from app.sets import document, lines, queries
from app.sets.drafts import content_of
from app.sets.forms import version_subject
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.sign import put_envelope, sign_document
from schemas.vocabulary import VersionStatus


def publish(tx: Tx, set_id: str, *, version: str, draft: str | None = None) -> SetVersion:
    """Publish the draft as `version`: from then on it is never changed.

    Args:
        draft: digest of the draft that the publisher means; None: the present one.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: the draft has changed since, or the version is not higher than every earlier one.
        Invalid: the draft is not complete, or breaks rules of the format.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.EDIT, found.thing)
    if draft is not None and draft != found.row.draft_digest:
        raise Conflict(
            "The draft has changed. Read it again and publish what you mean.", reason="draft_changed"
        )
    before = queries.newest(tx.session, set_id)
    if before is not None and not document.is_higher(version, before.version):
        raise Conflict(
            "A published version is never changed. Publish under a version higher than every earlier one.",
            reason="version_not_higher",
        )
    made = document.build(content_of(found), set_id=set_id, version=version)
    row = _row(tx, found, made, number=1 if before is None else before.number + 1)
    tx.session.add(row)
    tx.session.flush()
    changed = lines.version_changed(tx.session, found, row, fresh=True)
    record(tx, VersionPublished(subjects=(version_subject(row, found.marking),)), changed)
    return row


def _row(tx: Tx, found: Found, made: dict[str, Any], *, number: int) -> SetVersion:
    data = canonical.encode(made)
    row = SetVersion(
        id=str(uuid.uuid4()),
        set_id=found.id,
        number=number,
        version=made["version"],
        document=data,
        document_digest=canonical.digest(data),
        document_signature=sign_document(tx, data),
        counter=0,
        status=VersionStatus.PUBLISHED.value,
        successor=None,
        reason=None,
        published_at=tx.now,
        review_by=clock.from_text(made["review_by"]),
        valid_until=_valid_until(made, tx.now),
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
