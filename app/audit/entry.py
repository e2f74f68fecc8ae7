"""Builds audit entries: pure, final in form (`schemas/documents/audit-entry.v1.json`).

An entry's bytes are for ever, so nothing that must be erasable is in them. Digests of bodies and queries and
the network address appear only as `SHA-256(salt ‖ x)`; salt and clear form stand in a side row.
"""

import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app import canonical, clock
from app.events import Subject
from app.question import Actor
from app.transparency.tiles import ENTRY_BYTES
from schemas.vocabulary import Decision

SALT_BYTES = 16
SUBJECT_LIMIT = 100
"""Subjects of one entry: with the longest of each part a subject is below 600 bytes, so that an entry stays
below the 65,535 bytes that a bundle of the transparency log can hold."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """Where an exchange comes from: our own request id, and the caller's network address if there is one."""

    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    network: str | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One audit entry with its index columns and its erasable side."""

    id: str
    at: int
    action: str
    decision: str
    actor: Actor
    request: Request
    subjects: tuple[Subject, ...]
    data: bytes
    salt: bytes
    body_digest: bytes | None
    query_digest: bytes | None


def build(  # noqa: PLR0913 - one keyword per member of the entry
    *,
    at: int,
    action: str,
    decision: Decision,
    actor: Actor,
    request: Request,
    subjects: Sequence[Subject] = (),
    reason: str | None = None,
    body_digest: bytes | None = None,
    query_digest: bytes | None = None,
    stream: tuple[str, int] | None = None,
) -> Entry:
    """Make an entry.

    Args:
        at: microseconds UTC.
        reason: a code, never text.
        body_digest: raw SHA-256 of the bytes that were released.
        query_digest: raw SHA-256 of what was asked.
        stream: id of the stream and number of this segment, counted from 0.

    Raises:
        ValueError: it is longer than an entry can be; `build_all` divides what may have many subjects.
    """
    entry_id = str(uuid.uuid4())
    salt = secrets.token_bytes(SALT_BYTES)
    document: dict[str, Any] = {
        "schema": "halyard.audit-entry/1",
        "id": entry_id,
        "at": clock.to_text(at),
        "action": action,
        "decision": decision.value,
        "actor": {"member": actor.member_id, "client": actor.client_id, "user": actor.user_id},
        "purpose": actor.purpose,
        "subjects": [_subject(subject) for subject in subjects],
        "request": request.id,
    }
    if reason is not None:
        document["reason"] = reason
    if stream is not None:
        document["stream"] = {"id": stream[0], "segment": stream[1]}
    commitments = {
        "body": body_digest,
        "query": query_digest,
        "network": request.network.encode() if request.network else None,
    }
    document["commitments"] = {
        name: canonical.commitment(salt, value) for name, value in commitments.items() if value is not None
    }
    data = canonical.encode(document)
    if len(data) > ENTRY_BYTES:
        raise ValueError("an audit entry is at most 65,535 bytes: divide its subjects")
    return Entry(
        id=entry_id,
        at=at,
        action=action,
        decision=decision.value,
        actor=actor,
        request=request,
        subjects=tuple(subjects),
        data=data,
        salt=salt,
        body_digest=body_digest,
        query_digest=query_digest,
    )


def build_all(*, subjects: Sequence[Subject], **rest: Any) -> list[Entry]:
    """The entries of one exchange: one, or as many as its subjects take, each with all else that it says.

    Args:
        rest: as `build` has it.
    """
    starts = range(0, max(len(subjects), 1), SUBJECT_LIMIT)
    return [build(subjects=subjects[start : start + SUBJECT_LIMIT], **rest) for start in starts]


def _subject(subject: Subject) -> dict[str, Any]:
    values: dict[str, Any] = {"kind": subject.kind}
    plain = {
        "id": subject.id,
        "version": subject.version,
        "collection": subject.collection_id,
        "place": subject.place,
        "owner": subject.owner_id,
        "first": clock.to_text(subject.first) if subject.first is not None else None,
        "last": clock.to_text(subject.last) if subject.last is not None else None,
        "count": subject.count,
    }
    values.update({name: value for name, value in plain.items() if value is not None})
    if subject.tlp is not None:
        audience: dict[str, str] = {"kind": subject.audience or ""}
        if subject.group_id is not None:
            audience["group"] = subject.group_id
        values["marking"] = {"tlp": subject.tlp, "pap": subject.pap, "audience": audience}
    return values
