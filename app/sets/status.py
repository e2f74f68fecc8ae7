"""Ends versions: deprecated (replaced), retracted (it was wrong), expired (aged out).

A version that is retracted or expires loses its bytes everywhere at once: in the feed and in `set_version`.
What stays is its tombstone, its envelope and the digest of what it said. The owner's draft is not touched: it
is no exchange, and it is where the correction begins.
"""

from collections.abc import Sequence

from app.errors import Conflict
from app.events import Subject, VersionDeprecated, VersionExpired, VersionRetracted
from app.question import Action
from app.record import Tx, record
from app.sets import lines, queries
from app.sets.forms import version_subject
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.sign import put_envelope
from schemas.vocabulary import Reason, VersionStatus

EXPIRY_BATCH = 100


def deprecate(tx: Tx, set_id: str, version: str, *, successor: str) -> SetVersion:
    """Say that another version replaces this one. It stays readable and names its successor.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: it has ended, or the successor is not a published version of this set.
    """
    found, row = _open(tx, set_id, version)
    _require_successor(tx, row, successor)
    replace(tx, found, row, successor)
    return row


def replaced(tx: Tx, set_id: str, versions: Sequence[str]) -> list[SetVersion]:
    """The versions that a new one is to replace.

    Raises:
        Conflict: one of them is no published version of this set, or has ended.
    """
    standing = {row.version: row for row in queries.readable(tx.session, set_id) if row.ended(tx.now) is None}
    wrong = [position for position, version in enumerate(versions) if version not in standing]
    if wrong:
        raise Conflict(
            "What is replaced must be a version of this set that still stands.",
            reason="superseded_unknown",
            errors=[{"pointer": f"/supersedes/{n}", "detail": "No such version stands."} for n in wrong],
        )
    return [standing[version] for version in dict.fromkeys(versions)]


def replace(tx: Tx, found: Found, row: SetVersion, successor: str) -> None:
    """Deprecate a version in favour of another one: whoever holds it is told by the feed."""
    row.status = VersionStatus.DEPRECATED.value
    row.successor = successor
    put_envelope(tx, found, row)
    tx.session.flush()
    changed = lines.version_changed(tx.session, found, row)
    record(tx, VersionDeprecated(subjects=(version_subject(row, found.marking),)), changed)


def retract(tx: Tx, set_id: str, version: str, *, reason: Reason, successor: str | None = None) -> SetVersion:
    """Take a version back because it was wrong to publish it. Its tombstone reaches everybody who may see it.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Conflict: it has ended already, or the successor is not a published version of this set.
    """
    found, row = _open(tx, set_id, version)
    if successor is not None:
        _require_successor(tx, row, successor)
    subject = version_subject(row, found.marking)
    take_back(tx, found, row, reason=reason, successor=successor, subject=subject)
    return row


def take_back(
    tx: Tx, found: Found, row: SetVersion, *, reason: Reason, subject: Subject, successor: str | None = None
) -> None:
    """Retract a version, whoever decided it: its owner, or a body whose statement it cannot stand without."""
    _end(tx, found, row, VersionStatus.RETRACTED, reason, successor or row.successor)
    event = VersionRetracted(subjects=(subject,), reason=reason.value)
    record(tx, event, lines.version_ended(tx.session, found, row, tx.now))


def expire_due(tx: Tx, limit: int = EXPIRY_BATCH) -> int:
    """Expire versions whose `valid_until` has passed; returns how many. The worker's verb.

    A `review_by` that has passed expires nothing: it is shown as overdue.
    """
    rows = queries.due(tx.session, tx.now, limit)
    for row in rows:
        _expire(tx, queries.of_collection(tx.session, row.set_id), row)
    return len(rows)


def settle(tx: Tx, found: Found) -> list[SetVersion]:
    """Expire what is due in one set; returns the versions that still stand, oldest first.

    For verbs that send a set's versions anew: what is due must not go out again.
    """
    rows = queries.readable(tx.session, found.id)
    for row in rows:
        if row.ended(tx.now) is not None:
            _expire(tx, found, row)
    return [row for row in rows if row.document is not None]


def _expire(tx: Tx, found: Found, row: SetVersion) -> None:
    _end(tx, found, row, VersionStatus.EXPIRED, Reason.EXPIRED, row.successor)
    event = VersionExpired(subjects=(version_subject(row, found.marking),), reason=Reason.EXPIRED.value)
    record(tx, event, lines.version_ended(tx.session, found, row, tx.now))


def _open(tx: Tx, set_id: str, version: str) -> tuple[Found, SetVersion]:
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.EDIT, found.thing)
    row = queries.version(tx.session, set_id, version)
    if row.ended(tx.now) is not None:
        raise Conflict(
            "This version has ended already. Nothing more can happen to it.", reason="version_ended"
        )
    return found, row


def _require_successor(tx: Tx, row: SetVersion, successor: str) -> None:
    """A successor must be published now: so no chain of successors ever comes back to where it began."""
    candidates = queries.readable(tx.session, row.set_id)
    stands = any(
        other.version == successor
        and other.id != row.id
        and other.status == VersionStatus.PUBLISHED.value
        and other.ended(tx.now) is None
        for other in candidates
    )
    if not stands:
        raise Conflict(
            "The successor must be another published version of this set that still stands.",
            reason="successor_unknown",
        )


def _end(
    tx: Tx, found: Found, row: SetVersion, status: VersionStatus, reason: Reason, successor: str | None
) -> None:
    row.status = status.value
    row.reason = reason.value
    row.successor = successor
    row.document = None
    put_envelope(tx, found, row)
    tx.session.flush()
