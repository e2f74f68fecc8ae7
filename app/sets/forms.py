"""What sets and versions look like to a reader, and what the audit log calls them. Pure."""

from dataclasses import dataclass
from typing import Any

from app.events import Subject
from app.question import MarkingView
from app.remark import to_wire
from app.sets.models import SetVersion
from app.sets.queries import Found
from schemas.vocabulary import CollectionKind, Reason

TOMBSTONE_SCHEMA = "halyard.tombstone/1"


@dataclass(frozen=True, kw_only=True)
class VersionState:
    """How a version stands at one moment (`schemas.sets.VersionSchema`)."""

    id: str
    set: str
    version: str
    status: str
    overdue: bool
    document: str
    counter: int
    successor: str | None
    reason: str | None
    published_at: int
    changed_at: int
    review_by: int | None
    valid_until: int | None

    @classmethod
    def of(cls, row: SetVersion, now: int) -> "VersionState":
        ended = row.ended(now)
        return cls(
            id=row.id, set=row.set_id, version=row.version, status=ended.value if ended else row.status,
            overdue=row.overdue(now), document=row.document_digest, counter=row.counter,
            successor=row.successor, reason=end_reason(row, now), published_at=row.published_at,
            changed_at=row.changed_at, review_by=row.review_by, valid_until=row.valid_until,
        )  # fmt: skip


def end_reason(row: SetVersion, now: int) -> str | None:
    """The reason code of a version that ended; also when its time is over and the worker has not come by."""
    if row.reason is None and row.ended(now) is not None:
        return Reason.EXPIRED.value
    return row.reason


def set_form(found: Found, reader: str | None) -> dict[str, Any]:
    """A set as `reader` (a member id) may know it; None: as everybody who sees it may."""
    marking = to_wire(found.marking, reader)
    if found.row.marking_note is not None:
        marking["note"] = found.row.marking_note
    return {
        "id": found.id,
        "kind": CollectionKind.SET.value,
        "slug": found.collection.slug,
        "title": found.collection.title,
        "owner": found.collection.owner_id,
        "marking": marking,
    }


def tombstone(row: SetVersion, now: int) -> dict[str, Any]:
    """The record that a version is gone, and why (`schemas/documents/tombstone.v1.json`)."""
    return {
        "schema": TOMBSTONE_SCHEMA,
        "kind": "version",
        "id": row.id,
        "collection": row.set_id,
        "version": row.version,
        "reason": end_reason(row, now),
        "successor": row.successor,
    }


def set_subject(found: Found, count: int | None = None) -> Subject:
    return Subject(kind="set", id=found.id, collection_id=found.id, count=count).marked(found.marking)


def version_subject(row: SetVersion, marking: MarkingView) -> Subject:
    return Subject(kind="version", id=row.id, version=row.version, collection_id=row.set_id).marked(marking)
