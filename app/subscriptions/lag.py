"""How far a subscription is behind: for its client over its whole view, for an owner over one collection."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.feed import incarnation, sight
from app.feed.cursor import Opened, Position
from app.feed.models import Change
from app.feed.read import read
from app.markings import Collection, Place
from app.record import Tx
from app.subscriptions import queries
from app.subscriptions.models import Subscription
from app.subscriptions.queries import Covering
from schemas.vocabulary import ChangeKind

CAP = 10_000
"""Changes that are counted; beyond it a count says only that there are more."""
RETRACTIONS_SHOWN = 1_000

_TOMBSTONES = (ChangeKind.VERSION_TOMBSTONED.value, ChangeKind.SIGNAL_TOMBSTONED.value)


@dataclass(frozen=True, kw_only=True)
class Lag:
    """Changes of the subscription's view that are not acknowledged yet, at most `CAP`.

    `oldest_at` is the date of the first of them, microseconds; None where there is none.
    """

    changes: int
    more: bool
    oldest_at: int | None


@dataclass(frozen=True, kw_only=True)
class Recipient:
    """How far one subscription of another member is behind in one collection."""

    subscription: str
    member: str
    member_name: str
    acknowledged_at: int | None
    acknowledged_through: int | None
    """Date of the newest change of the collection that it has acknowledged, microseconds."""
    changes_behind: int
    more_behind: bool
    retractions_outstanding: Sequence[str]
    more_retractions: bool

    @property
    def behind(self) -> bool:
        return self.changes_behind > 0


def position_now(session: Session, row: Subscription) -> tuple[str, Position]:
    """The acknowledged position in the feed's present life."""
    return incarnation.resolve(session, Opened(incarnation=row.incarnation, position=row.position))


def own_lag(tx: Tx, row: Subscription) -> Lag:
    """What `read` would page from the acknowledged position on: the same rules, without the bytes."""
    view = row.view(queries.named_collections(tx.session, [row.id]).get(row.id, frozenset()))
    actor = replace(tx.actor, purpose=row.purpose)
    position = position_now(tx.session, row)[1]
    page, _ = read(tx.session, actor, view, position, limit=CAP + 1, now=tx.now, counting=True)
    changes = len(page.lines)
    oldest = min((first for first, _, _ in page.ranges.values()), default=None)
    return Lag(changes=min(changes, CAP), more=changes > CAP, oldest_at=oldest)


def recipients(tx: Tx, collection: Collection, rows: Sequence[Covering]) -> list[Recipient]:
    """How far each of these subscriptions is behind in the collection."""
    scope = sight.Scope(
        members=frozenset(row.subscription.member_id for row in rows), collections=frozenset({collection.id})
    )
    sees = sight.readers(tx.session, scope, tx.now) if rows else {}
    places = list(tx.session.scalars(select(Place).where(Place.id.in_({place for _, place in sees}))))
    found = []
    for row in rows:
        held = row.subscription
        shown = [
            place
            for place in places
            if held.purpose not in sees.get((held.member_id, place.id), frozenset({held.purpose}))
        ]
        found.append(_recipient(tx.session, row, shown))
    return found


def _recipient(session: Session, row: Covering, places: Sequence[Place]) -> Recipient:
    held = row.subscription
    position = position_now(session, held)[1]
    begins = sight.since(session, held.member_id, held.purpose)
    open_ = [place for place in places if not _to_fill(position, begins.get(place.id, 0))]
    pending = [
        part for place in places if (part := _pending(place, position, begins.get(place.id, 0))) is not None
    ]
    behind = _count(session, pending)
    gone = _retractions(session, pending)
    return Recipient(
        subscription=held.id,
        member=held.member_id,
        member_name=row.member_name,
        acknowledged_at=held.acknowledged_at,
        acknowledged_through=_through(session, open_, position),
        changes_behind=min(behind, CAP),
        more_behind=behind > CAP,
        retractions_outstanding=gone[:RETRACTIONS_SHOWN],
        more_retractions=len(gone) > RETRACTIONS_SHOWN,
    )


def _pending(place: Place, position: Position, since: int) -> ColumnElement[bool] | None:
    """Condition: changes of a place that a reader at this position still has before it; None: there are none.

    The rules are those of `app.feed.read`: present state up to where the reader began or gained sight, every
    change after that.
    """
    here = Change.place_id == place.id
    if _to_fill(position, since):
        filled = position.fill_after if position.fill_place == place.id else 0
        state = and_(Change.seq > filled, Change.seq < since, Change.superseded.is_(False))
        return and_(here, or_(state, Change.seq > since))
    if place.head <= position.after:
        return None
    newer = and_(here, Change.seq > position.after)
    if position.after >= position.start:
        return newer
    return and_(newer, or_(Change.seq > position.start, Change.superseded.is_(False)))


def _to_fill(position: Position, since: int) -> bool:
    """Sight of a place was gained behind this position: its whole state is still to be paged."""
    return since > max(position.start, position.after)


def _count(session: Session, pending: Iterable[ColumnElement[bool]]) -> int:
    parts = list(pending)
    if not parts:
        return 0
    some = select(Change.seq).where(or_(*parts)).limit(CAP + 1).subquery()
    return session.execute(select(func.count()).select_from(some)).scalar_one()


def _retractions(session: Session, pending: Iterable[ColumnElement[bool]]) -> list[str]:
    """Objects that are gone, oldest first, of which this reader has not acknowledged that they are."""
    parts = list(pending)
    if not parts:
        return []
    gone = (
        select(Change.object_id)
        .where(or_(*parts), Change.kind.in_(_TOMBSTONES), Change.superseded.is_(False))
        .order_by(Change.seq)
        .limit(RETRACTIONS_SHOWN + 1)
    )
    return list(dict.fromkeys(session.scalars(gone)))


def _through(session: Session, places: Sequence[Place], position: Position) -> int | None:
    newest = (
        select(Change.date)
        .where(Change.place_id.in_([place.id for place in places]), Change.seq <= position.after)
        .order_by(Change.seq.desc())
        .limit(1)
    )
    return session.scalar(newest)
