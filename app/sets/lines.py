"""The feed lines of sets and versions.

What is TLP:RED enters no collection's place: each named user gets a pointer, which holds ids and the label.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy.orm import Session

from app.feed import places
from app.feed.append import Line
from app.question import MarkingView
from app.sets.envelope import join
from app.sets.forms import end_reason, set_form
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review.models import Attestation
from app.sets.review.queries import standing
from schemas.vocabulary import ChangeKind, Reason, Tlp


def set_changed(session: Session, found: Found, *, fresh: bool = False) -> list[Line]:
    """The set's name and marking, for whoever sees it."""
    if found.marking.tlp is Tlp.RED:
        return _pointers(session, found, found.id, "set", sorted(found.marking.users), fresh=fresh)
    return [
        Line(
            place=places.of_collection(session, found.id),
            kind=ChangeKind.SET_CHANGED,
            collection_id=found.id,
            object_id=found.id,
            body=msgspec.json.encode(set_form(found, None)),
            fresh=fresh,
            clears=not fresh,
        )
    ]


def version_changed(session: Session, found: Found, row: SetVersion, *, fresh: bool = False) -> list[Line]:
    """The version as it is read singly, with what bodies attest of it.

    Its earlier lines lose their bytes, which hold an older envelope or a statement that was withdrawn.
    """
    if found.marking.tlp is Tlp.RED:
        return _pointers(session, found, row.id, "version", sorted(found.marking.users), fresh=fresh)
    return [
        Line(
            place=places.of_collection(session, found.id),
            kind=ChangeKind.VERSION_CHANGED,
            collection_id=found.id,
            object_id=row.id,
            body=joined(row, standing(session, row.set_id, [row.document_digest])),
            fresh=fresh,
            clears=not fresh,
        )
    ]


def version_ended(session: Session, found: Found, row: SetVersion, now: int) -> list[Line]:
    """The tombstone of a retracted or expired version; every earlier line of it loses its bytes."""
    reason = Reason(end_reason(row, now) or Reason.EXPIRED)
    if found.marking.tlp is Tlp.RED:
        users = sorted(found.marking.users)
        return _pointers(session, found, row.id, "version", users, gone=reason)
    return [_version_tombstone(session, found, row, reason)]


def moved(session: Session, before: MarkingView, found: Found, versions: Sequence[SetVersion]) -> list[Line]:
    """The lines of a set whose marking has changed from `before`: what is gone where, then the new state."""
    lines: list[Line] = []
    if before.tlp is Tlp.RED:
        gone = sorted(before.users - found.marking.users)
        lines += _pointers(session, found, found.id, "set", gone, gone=Reason.NARROWED)
        for row in versions:
            lines += _pointers(session, found, row.id, "version", gone, gone=Reason.NARROWED)
    elif found.marking.tlp is Tlp.RED:
        lines.append(_set_tombstone(session, found))
        lines += [_version_tombstone(session, found, row, Reason.NARROWED) for row in versions]
    lines += set_changed(session, found)
    for row in versions:
        lines += version_changed(session, found, row)
    return lines


def joined(row: SetVersion, stated: Sequence[Attestation]) -> bytes:
    """The version on the wire, with the attestations that stand.

    Raises:
        LookupError: it has ended; ask `ended` first.
    """
    if row.document is None:
        raise LookupError("the document of a version that ended is not kept")
    return join(
        row.envelope,
        row.document,
        envelope_jws=row.envelope_signature,
        document_jws=row.document_signature,
        attestations=[(one.statement or b"", one.signature or "") for one in stated],
    )


def _version_tombstone(session: Session, found: Found, row: SetVersion, reason: Reason) -> Line:
    successor = row.successor if reason is not Reason.NARROWED else None
    return Line(
        place=places.of_collection(session, found.id),
        kind=ChangeKind.VERSION_TOMBSTONED,
        collection_id=found.id,
        object_id=row.id,
        extra=(("version", row.version), ("reason", reason.value), ("successor", successor)),
        clears=True,
    )


def _set_tombstone(session: Session, found: Found) -> Line:
    """The set left this place for TLP:RED: a line without a body, so that its title goes too."""
    return Line(
        place=places.of_collection(session, found.id),
        kind=ChangeKind.SET_CHANGED,
        collection_id=found.id,
        object_id=found.id,
        extra=(("reason", Reason.NARROWED.value),),
        clears=True,
    )


def _pointers(
    session: Session,
    found: Found,
    object_id: str,
    kind: str,
    users: Iterable[str],
    *,
    fresh: bool = False,
    gone: Reason | None = None,
) -> list[Line]:
    said: tuple[tuple[str, str], ...] = (("object_kind", kind), ("tlp", Tlp.RED.value))
    if gone is not None:
        said += (("reason", gone.value),)
    return [
        Line(
            place=places.of_user(session, user_id),
            kind=ChangeKind.POINTER_CHANGED if gone is None else ChangeKind.POINTER_TOMBSTONED,
            collection_id=found.id,
            object_id=object_id,
            extra=said,
            fresh=fresh,
            clears=gone is not None,
        )
        for user_id in users
    ]
