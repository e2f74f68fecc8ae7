"""Finds subscriptions: a client's own, and for the owner of a collection those that cover it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.facts import load_thing
from app.markings import Collection, Marking, MarkingPurpose
from app.parties import Client, Member
from app.policy import member_sees, visible_to
from app.question import Thing
from app.record import Tx
from app.subscriptions.models import Subscription, SubscriptionCollection
from schemas.vocabulary import CollectionKind


@dataclass(frozen=True, kw_only=True)
class Covering:
    """A subscription of another member that covers a collection."""

    subscription: Subscription
    member_name: str


def find(tx: Tx, subscription_id: str, *, lock: bool = False) -> Subscription:
    """A subscription of this client.

    Args:
        lock: hold it until the transaction ends, so that acknowledgements follow each other.

    Raises:
        NotFound: it does not exist, or is another client's.
    """
    wanted = select(Subscription).where(
        Subscription.id == subscription_id, Subscription.client_id == tx.actor.client_id
    )
    if lock:
        wanted = wanted.with_for_update()
    row = tx.session.scalar(wanted)
    if row is None:
        raise NotFound
    return row


def page(tx: Tx, after: str | None, limit: int) -> list[Subscription]:
    """The client's subscriptions that have not ended, by id."""
    wanted = (
        select(Subscription)
        .where(Subscription.client_id == tx.actor.client_id, Subscription.ended_at.is_(None))
        .order_by(Subscription.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Subscription.id > after)
    return list(tx.session.scalars(wanted))


def count_live(tx: Tx) -> int:
    """How many subscriptions of the client have not ended."""
    counted = select(func.count()).where(
        Subscription.client_id == tx.actor.client_id, Subscription.ended_at.is_(None)
    )
    return tx.session.execute(counted).scalar_one()


def named_collections(session: Session, subscription_ids: Iterable[str]) -> dict[str, frozenset[str]]:
    """Subscription id → the collections that it names; those that take everything name none."""
    rows = select(SubscriptionCollection.subscription_id, SubscriptionCollection.collection_id).where(
        SubscriptionCollection.subscription_id.in_(list(subscription_ids))
    )
    found: dict[str, set[str]] = {}
    for subscription_id, collection_id in session.execute(rows):
        found.setdefault(subscription_id, set()).add(collection_id)
    return {key: frozenset(value) for key, value in found.items()}


def visible_collections(tx: Tx, collection_ids: Iterable[str], kinds: Iterable[str]) -> Mapping[str, str]:
    """Id → owner of those of the collections that the actor sees, whatever its purpose."""
    wanted = (
        select(Collection.id, Collection.owner_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Collection.id.in_(list(collection_ids)),
            Collection.kind.in_(list(kinds)),
            visible_to(tx.actor, tx.now, any_purpose=True),
        )
    )
    return {row.id: row.owner_id for row in tx.session.execute(wanted)}


def collection(tx: Tx, collection_id: str, kind: CollectionKind) -> tuple[Collection, Thing]:
    """A set or a list that the actor sees.

    Raises:
        NotFound: it does not exist or is hidden.
    """
    wanted = (
        select(Collection)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Collection.id == collection_id,
            Collection.kind == kind,
            visible_to(tx.actor, tx.now, any_purpose=True),
        )
    )
    row = tx.session.scalar(wanted)
    if row is None:
        raise NotFound
    return row, load_thing(tx.session, row)


def covering(tx: Tx, row: Collection, after: str | None, limit: int) -> Sequence[Covering]:
    """Live subscriptions of other members that cover a collection and see it now, by id."""
    takes = Subscription.takes_sets if row.kind == CollectionKind.SET else Subscription.takes_lists
    named = (
        exists()
        .correlate_except(SubscriptionCollection)
        .where(
            SubscriptionCollection.subscription_id == Subscription.id,
            SubscriptionCollection.collection_id == row.id,
        )
    )
    prohibited = (
        exists()
        .correlate_except(MarkingPurpose)
        .where(MarkingPurpose.marking_id == row.marking_id, MarkingPurpose.purpose == Subscription.purpose)
    )
    wanted = (
        select(Subscription, Member.name)
        .join(Member, Member.id == Subscription.member_id)
        .join(Client, Client.id == Subscription.client_id)
        .join(Marking, Marking.id == row.marking_id)
        .where(
            Subscription.ended_at.is_(None),
            Subscription.member_id != row.owner_id,
            Client.disabled_at.is_(None),
            takes.is_(True),
            or_(Subscription.everything.is_(True), named),
            ~prohibited,
            member_sees(Member, Marking, row.id, tx.now),
        )
        .order_by(Subscription.id)
        .limit(limit)
    )
    if after is not None:
        wanted = wanted.where(Subscription.id > after)
    return [Covering(subscription=found, member_name=name) for found, name in tx.session.execute(wanted)]
