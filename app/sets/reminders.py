"""Reviews that are due: red flags grow old, and nobody looks at a date by herself."""

from dataclasses import dataclass

from sqlalchemy import or_, select, tuple_

from app import clock
from app.events import VersionReviewDue
from app.markings import Collection, Marking
from app.policy import visible_to
from app.record import Tx, record
from app.sets import queries
from app.sets.forms import version_subject
from app.sets.models import SetVersion
from schemas.vocabulary import VersionStatus

NEAR = 30 * clock.DAY
BATCH = 100


@dataclass(frozen=True, kw_only=True)
class Due:
    """A version of one's own whose review is near or past (`schemas.sets.ReminderSchema`)."""

    set: str
    slug: str
    title: str
    version: str
    review_by: int
    overdue: bool
    key: tuple[int, str]
    """Where it stands in the list."""


def record_due(tx: Tx, limit: int = BATCH) -> int:
    """Record once per version that its review is near or past; returns how many. The worker's verb."""
    wanted = (
        select(SetVersion)
        .where(
            SetVersion.status == VersionStatus.PUBLISHED.value,
            SetVersion.reminded_at.is_(None),
            SetVersion.review_by <= tx.now + NEAR,
        )
        .order_by(SetVersion.review_by, SetVersion.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(tx.session.scalars(wanted))
    for row in rows:
        row.reminded_at = tx.now
        found = queries.of_collection(tx.session, row.set_id)
        reason = "past" if row.overdue(tx.now) else "near"
        record(tx, VersionReviewDue(subjects=(version_subject(row, found.marking),), reason=reason))
    return len(rows)


def page(tx: Tx, after: tuple[int, str] | None, limit: int) -> list[Due]:
    """Published versions of the actor's member whose review is near or past, the longest due first.

    TLP:RED ones are not among them, as in every list.
    """
    wanted = (
        select(SetVersion, Collection)
        .join(Collection, Collection.id == SetVersion.set_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Collection.owner_id == tx.actor.member_id,
            visible_to(tx.actor, tx.now, through_feed=True),
            SetVersion.status == VersionStatus.PUBLISHED.value,
            SetVersion.review_by <= tx.now + NEAR,
            or_(SetVersion.valid_until.is_(None), SetVersion.valid_until > tx.now),
        )
        .order_by(SetVersion.review_by, SetVersion.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(tuple_(SetVersion.review_by, SetVersion.id) > after)
    return [
        Due(
            set=row.set_id, slug=collection.slug, title=collection.title, version=row.version,
            review_by=row.review_by or 0, overdue=row.overdue(tx.now), key=(row.review_by or 0, row.id),
        )
        for row, collection in tx.session.execute(wanted)
    ]  # fmt: skip
