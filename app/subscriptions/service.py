"""Verbs on subscriptions: make, end, acknowledge; and for the owner of a collection, who takes it."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from app.errors import Conflict, Gone, Invalid
from app.events import Subject, SubscriptionAcknowledged, SubscriptionCreated, SubscriptionEnded
from app.feed import incarnation
from app.feed.cursor import Position, View
from app.feed.read import begin_position
from app.question import Action, MarkingView
from app.record import Tx, record
from app.subscriptions import lag, queries
from app.subscriptions.lag import Lag, Recipient
from app.subscriptions.models import Subscription, SubscriptionCollection
from schemas.vocabulary import CollectionKind

CLIENT_LIMIT = 100
"""Subscriptions of one client that have not ended."""


@dataclass(frozen=True, kw_only=True)
class SubscriptionState:
    """A subscription as its client is shown it. `collections` None: everything that it sees."""

    row: Subscription
    collections: Sequence[str] | None
    lag: Lag | None = None


@dataclass(frozen=True, kw_only=True)
class Taking:
    """A subscription as it is read: the view that it was made with, and its acknowledged position."""

    view: View
    position: Position


@dataclass(frozen=True, kw_only=True)
class Recipients:
    """One page of those who take a collection, under the marking that it has now."""

    marking: MarkingView
    items: Sequence[Recipient]


def create(tx: Tx, *, name: str, view: View, asked: Collection[str] | None) -> SubscriptionState:
    """Subscribe the acting client to a view of the feed, from its present state on.

    Args:
        asked: the collections that the caller named; the view holds what its bound left of them.

    Raises:
        Invalid: a collection is named that the actor does not see, or that is of another kind.
        Conflict: the client has as many subscriptions as it may.
    """
    if queries.count_live(tx) >= CLIENT_LIMIT:
        raise Conflict(
            f"A client has at most {CLIENT_LIMIT} subscriptions. End one that is not used any more.",
            reason="too_many_subscriptions",
        )
    chosen = sorted(view.collections or ())
    owners = queries.visible_collections(tx, {*chosen, *(asked or ())}, view.kinds)
    if not owners.keys() >= set(asked or ()):
        raise Invalid(
            "A collection is not there for you, or not of the kinds that are asked for. Check the ids.",
            reason="collection_unknown",
            errors=[{"pointer": "/collections", "detail": "Name collections that you see."}],
        )
    row = _row(tx, name, view)
    tx.session.add(row)
    tx.session.flush()
    tx.session.add_all(SubscriptionCollection(subscription_id=row.id, collection_id=each) for each in chosen)
    named = [
        Subject(kind="collection", collection_id=each, owner_id=owners[each])
        for each in chosen
        if each in owners
    ]
    record(tx, SubscriptionCreated(subjects=(_subject(row.id), *named)))
    return SubscriptionState(row=row, collections=None if row.everything else chosen)


def _row(tx: Tx, name: str, view: View) -> Subscription:
    row = Subscription(
        id=str(uuid.uuid4()),
        member_id=tx.actor.member_id,
        client_id=tx.actor.client_id,
        user_id=view.user_id,
        name=name,
        takes_sets=CollectionKind.SET in view.kinds,
        takes_lists=CollectionKind.LIST in view.kinds,
        everything=view.collections is None,
        purpose=view.purpose,
        created_at=tx.now,
    )
    row.move(begin_position(tx.session), incarnation.current(tx.session).id)
    return row


def get(tx: Tx, subscription_id: str) -> SubscriptionState:
    """A subscription of this client with its lag, also one that has ended.

    Raises:
        NotFound: it does not exist, or is another client's.
    """
    row = queries.find(tx, subscription_id)
    return _state(tx, row, lag.own_lag(tx, row) if row.ended_at is None else None)


def page(tx: Tx, after: str | None, limit: int) -> list[SubscriptionState]:
    """The client's subscriptions that have not ended, by id, without their lag."""
    rows = queries.page(tx, after, limit)
    named = queries.named_collections(tx.session, [row.id for row in rows])
    return [
        SubscriptionState(
            row=row, collections=None if row.everything else sorted(named.get(row.id, frozenset()))
        )
        for row in rows
    ]


def end(tx: Tx, subscription_id: str) -> None:
    """End a subscription; one that has ended stays so.

    Raises:
        NotFound: it does not exist, or is another client's.
    """
    row = queries.find(tx, subscription_id, lock=True)
    if row.ended_at is not None:
        return
    row.ended_at = tx.now
    record(tx, SubscriptionEnded(subjects=(_subject(row.id),)))


def taking(tx: Tx, subscription_id: str) -> Taking:
    """What a subscription looks at, and where it goes on: its acknowledged position.

    Raises:
        NotFound: it does not exist, or is another client's.
        Gone: it has ended.
    """
    row = _live(tx, subscription_id)
    return Taking(view=_view(tx, row), position=lag.position_now(tx.session, row)[1])


def acknowledge(tx: Tx, subscription_id: str, view: View, cursor: str) -> SubscriptionState:
    """Say that everything up to a cursor was received and stored. Repeating it is harmless.

    Raises:
        NotFound, Gone: as `taking`.
        Conflict: the token looks at something else, or the cursor is of another view or lies further back.
        Invalid: it is no cursor of this server and member.
    """
    row = _live(tx, subscription_id, lock=True)
    require_view(_view(tx, row), view)
    life, position = incarnation.resolve(tx.session, tx.runtime.cursors.open(cursor, view))
    if _order(position) < _order(lag.position_now(tx.session, row)[1]):
        raise Conflict(
            "This subscription has acknowledged more than that. What was acknowledged is never taken back.",
            reason="acknowledged_further",
        )
    row.move(position, life)
    row.acknowledged_at = tx.now
    tx.session.flush()
    record(tx, SubscriptionAcknowledged(subjects=(_subject(row.id),)))
    return _state(tx, row, None)


def recipients(tx: Tx, collection_id: str, kind: CollectionKind, after: str | None, limit: int) -> Recipients:
    """Who takes a collection and how far behind each is: for its owner. By id of the subscription.

    Whoever does not see it any more is not among them: `sight.lost` told it to drop everything.

    Raises:
        NotFound, Forbidden: as `policy` decides.
    """
    row, thing = queries.collection(tx, collection_id, kind)
    tx.require(Action.EDIT, thing)
    items = lag.recipients(tx, row, queries.covering(tx, row, after, limit))
    return Recipients(marking=thing.marking, items=items)


def require_view(fixed: View, view: View) -> None:
    """Raise `Conflict` unless a token looks at what its subscription was made with."""
    if view == fixed:
        return
    kinds = " and ".join(sorted(fixed.kinds))
    raise Conflict(
        f"This subscription takes kind {kinds} for the purpose {fixed.purpose}, within the collections that "
        "the client was bound to. Use a token with that purpose and scopes, or make a new subscription.",
        reason="subscription_of_another_view",
    )


def _live(tx: Tx, subscription_id: str, *, lock: bool = False) -> Subscription:
    row = queries.find(tx, subscription_id, lock=lock)
    if row.ended_at is not None:
        raise Gone("This subscription has ended. Make a new one.", reason="subscription_ended")
    return row


def _view(tx: Tx, row: Subscription) -> View:
    return row.view(queries.named_collections(tx.session, [row.id]).get(row.id, frozenset()))


def _state(tx: Tx, row: Subscription, behind: Lag | None) -> SubscriptionState:
    named = queries.named_collections(tx.session, [row.id]).get(row.id, frozenset())
    return SubscriptionState(row=row, collections=None if row.everything else sorted(named), lag=behind)


def _order(position: Position) -> tuple[int, bool, int]:
    """Positions in the order in which a reader passes them: a gained place is paged before its gain."""
    return position.after, position.fill_place != 0, position.fill_after


def _subject(subscription_id: str) -> Subject:
    return Subject(kind="subscription", id=subscription_id)
