"""Finds lists and entries. Hidden and absent are one answer of one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    any_,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from app import policy
from app.db import Id
from app.errors import NotFound
from app.facts import load_thing, load_views
from app.feed.models import Change
from app.markings import Collection, Marking, Place
from app.question import MarkingView, Thing, parameters, parametrised
from app.record import Tx
from app.signals.models import Contribution, SignalEntry, SignalList
from schemas.vocabulary import ChangeKind, CollectionKind, Contributors

Identity = tuple[str, str, bytes]
"""(type, qualifier, match key): what makes two signals of one place the same."""

PARTS = (
    SignalEntry.id, SignalEntry.collection_id, SignalEntry.type, SignalEntry.value, SignalEntry.qualifier,
    SignalEntry.match_key, SignalEntry.details, SignalEntry.marking_id, SignalEntry.standing,
    SignalEntry.valid_until, SignalEntry.lapses_at, SignalEntry.created_at,
)  # fmt: skip
"""Every column that is read of entries that stand, as plain values."""

_ENDING = (SignalEntry.id, SignalEntry.collection_id, SignalEntry.marking_id, SignalEntry.withdrawn_at)

Entry = dict[str, Any]
"""The columns of `PARTS` by name; where it is to be rendered also its `contributions`."""


@dataclass(frozen=True, slots=True)
class Known:
    """An entry that stands already, as a publication must know it.

    `until` is the end of the actor's own contribution to it; None: it has none.
    """

    id: str
    place_id: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Ending:
    """An entry that is to end; `withdrawn_at` if it has ended already.

    `mine`: the actor contributes to it; `others`: somebody else does, and still will.
    """

    id: str
    list_id: str
    marking_id: str | None
    withdrawn_at: int | None
    mine: bool = False
    others: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """A list as it was found, with its marking."""

    collection: Collection
    types: tuple[str, ...]
    marking: MarkingView
    contributors: Contributors
    lookup_only: bool = False

    @property
    def id(self) -> str:
        return self.collection.id

    @property
    def thing(self) -> Thing:
        return Thing(collection_id=self.collection.id, marking=self.marking, contributors=self.contributors)


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────


def find(tx: Tx, list_id: str) -> Found:
    """The list, if this actor sees it, whatever its purpose: a prohibited one is `Forbidden` in `policy`.

    Raises:
        NotFound: it does not exist or is hidden.
    """
    actor = tx.actor
    if actor.member_id is None:
        rows = tx.session.execute(_visible(tx, any_purpose=True).where(Collection.id == list_id))
    else:
        bound = {} if actor.collections is None else {"chosen": sorted(actor.collections)}
        statement = _members_find(person=actor.user_id is not None, bound=bool(bound))
        rows = tx.session.execute(statement, {**parameters(actor, tx.now), **bound, "wanted": list_id})
    found = rows.one_or_none()
    if found is None:
        raise NotFound
    collection, row = found
    return _found(collection, row, load_thing(tx.session, collection).marking)


def page(tx: Tx, after: str | None, limit: int) -> list[Found]:
    """Lists by id, without those that prohibit the actor's purpose."""
    wanted = _visible(tx).order_by(Collection.id).limit(limit)
    if after is not None:
        wanted = wanted.where(Collection.id > after)
    rows = tx.session.execute(wanted).all()
    views = load_views(tx.session, [collection.marking_id for collection, _ in rows])
    return [_found(collection, row, views[collection.marking_id]) for collection, row in rows]


def is_lookup_only(session: Session, list_id: str) -> bool:
    """Whether a list is only matched against; it must exist."""
    return session.get_one(SignalList, list_id).lookup_only


def excluded(tx: Tx) -> list[str]:
    """Ids of lists left out of pages and lookups: seen, but what they prohibit is this actor's purpose."""
    wanted = (
        _visible(tx, any_purpose=True)
        .with_only_columns(Collection.id)
        .where(~_sees(tx))
        .order_by(Collection.id)
    )
    return list(tx.session.scalars(wanted))


def lock(session: Session, list_ids: Sequence[str]) -> None:
    """Hold lists until the transaction ends, so that changes of one list's entries follow each other."""
    held = (
        select(SignalList.collection_id)
        .where(SignalList.collection_id.in_(list_ids))
        .order_by(SignalList.collection_id)
    )
    session.execute(held.with_for_update(key_share=True)).all()


def _found(collection: Collection, row: SignalList, marking: MarkingView) -> Found:
    return Found(
        collection=collection,
        types=tuple(row.types),
        marking=marking,
        contributors=Contributors(row.contributors),
        lookup_only=row.lookup_only,
    )


@cache
def _members_find(*, person: bool, bound: bool) -> Select[Collection, SignalList]:
    """Built once: every chunk of a bulk request asks it, and making it costs more than running it."""
    actor, now = parametrised(person=person)
    found = _LISTS.where(
        Collection.id == bindparam("wanted", type_=Id), policy.visible_to(actor, now, any_purpose=True)
    )
    return found.where(Collection.id.in_(bindparam("chosen", expanding=True))) if bound else found


def _visible(tx: Tx, *, any_purpose: bool = False) -> Select[Collection, SignalList]:
    return _LISTS.where(_sees(tx, any_purpose=any_purpose))


_LISTS = (
    select(Collection, SignalList)
    .join(Marking, Marking.id == Collection.marking_id)
    .join(SignalList, SignalList.collection_id == Collection.id)
    .where(Collection.kind == CollectionKind.LIST)
)


def _sees(tx: Tx, *, any_purpose: bool = False) -> ColumnElement[bool]:
    public_reading = tx.runtime.config.public_reading
    return policy.visible_to(tx.actor, tx.now, public_reading=public_reading, any_purpose=any_purpose)


# ── One entry ───────────────────────────────────────────────────────────────────────────────────────────


def find_entry(tx: Tx, entry_id: str, *, any_purpose: bool = False) -> tuple[SignalEntry, Collection]:
    """The entry, standing or not, if this actor sees it and its list.

    Args:
        any_purpose: also where its own marking prohibits the actor's purpose.

    Raises:
        NotFound: it does not exist or is hidden.
    """
    wanted = (
        select(SignalEntry, Collection)
        .join(Collection, Collection.id == SignalEntry.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            SignalEntry.id == entry_id,
            _sees(tx, any_purpose=True),
            _item_seen(tx, any_purpose=any_purpose),
        )
    )
    found = tx.session.execute(wanted).one_or_none()
    if found is None:
        raise NotFound
    entry, collection = found
    return entry, collection


def _item_seen(tx: Tx, *, any_purpose: bool = False) -> ColumnElement[bool]:
    return policy.item_visible(
        replace(tx.actor, purpose=None) if any_purpose else tx.actor,
        SignalEntry.marking_id, SignalEntry.collection_id, tx.now,
        public_reading=tx.runtime.config.public_reading,
    )  # fmt: skip


# ── Many entries ────────────────────────────────────────────────────────────────────────────────────────


def entries_page(
    tx: Tx, list_id: str, after: tuple[int, str] | None, limit: int, *, ending_by: int | None = None
) -> list[Entry]:
    """Entries that stand and travel, oldest first, behind (created at, id). The list must have been found.

    Args:
        ending_by: only those whose validity ends by then.
    """
    narrower = _narrower_seen(tx, list_id)
    key = tuple_(SignalEntry.created_at, SignalEntry.id)
    wanted = (
        select(*PARTS)
        .where(
            SignalEntry.collection_id == list_id,
            SignalEntry.withdrawn_at.is_(None),
            SignalEntry.valid_until > tx.now,
            or_(SignalEntry.marking_id.is_(None), one_of(tx.session, SignalEntry.marking_id, narrower)),
        )
        .order_by(SignalEntry.created_at, SignalEntry.id)
        .limit(limit)
    )
    if ending_by is not None:
        wanted = wanted.where(SignalEntry.valid_until <= ending_by)
    if after is not None:
        wanted = wanted.where(key > tuple_(literal(after[0]), literal(after[1], SignalEntry.id.type)))
    return [dict(row) for row in tx.session.execute(wanted).mappings()]


def _narrower_seen(tx: Tx, list_id: str, *, any_purpose: bool = False) -> list[str]:
    """The narrower markings in this list whose entries the actor sees in feeds and pages."""
    seen = (
        select(Place.marking_id)
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Place.collection_id == list_id,
            policy.place_visible(tx.actor, tx.now, any_purpose=any_purpose),
        )
    )
    return [marking_id for marking_id in tx.session.scalars(seen) if marking_id is not None]


def change_dates(session: Session, entry_ids: Sequence[str]) -> tuple[int, int] | None:
    """Dates of the first and the last change by which these entries have come to stand as they do."""
    wanted = select(func.min(Change.date), func.max(Change.date)).where(
        one_of(session, Change.object_id, entry_ids),
        Change.kind == ChangeKind.SIGNAL_CHANGED,
        Change.superseded.is_(False),
    )
    dates: Sequence[int | None] = session.execute(wanted).one()
    return None if dates[0] is None or dates[1] is None else (dates[0], dates[1])


def present(
    tx: Tx, found_list: Found, place_ids: Sequence[int], asked: Mapping[str, Sequence[bytes]]
) -> dict[Identity, list[Known]]:
    """What stands already of these match keys by type: one statement per type.

    At these places everything; at others of the list only what the actor itself contributes to and still
    sees, so that nothing depends on entries that it may not know of.
    """
    own = and_(Contribution.entry_id == SignalEntry.id, Contribution.member_id == tx.actor.member_id)
    elsewhere: ColumnElement[bool] = Contribution.member_id.is_not(None)
    if tx.actor.member_id != found_list.marking.owner_id:
        seen = _narrower_seen(tx, found_list.id, any_purpose=True)
        elsewhere = and_(elsewhere, one_of(tx.session, SignalEntry.marking_id, seen))
    found: dict[Identity, list[Known]] = {}
    for type_name, keys in sorted(asked.items()):
        wanted = (
            select(
                SignalEntry.type, SignalEntry.qualifier, SignalEntry.match_key, SignalEntry.id,
                SignalEntry.place_id, Contribution.valid_until,
            )
            .outerjoin(Contribution, own)
            .where(
                SignalEntry.collection_id == found_list.id,
                SignalEntry.type == type_name,
                one_of(tx.session, SignalEntry.match_key, keys),
                or_(SignalEntry.place_id.in_(place_ids), elsewhere),
            )
        )  # fmt: skip
        for kind, qualifier, key, entry_id, place_id, until in tx.session.execute(wanted):
            if key is not None:
                found.setdefault((kind, qualifier, key), []).append(Known(entry_id, place_id, until))
    return found


def standing(session: Session, entry_ids: Sequence[str]) -> list[Entry]:
    """Entries by id, as plain values."""
    wanted = select(*PARTS).where(one_of(session, SignalEntry.id, entry_ids))
    return [dict(row) for row in session.execute(wanted).mappings()]


def to_withdraw(tx: Tx, list_id: str, entry_ids: Sequence[str]) -> list[Ending]:
    """Those of the ids that are in the list and that the actor sees, whatever its purpose; ended ones too."""
    own, others = aliased(Contribution), aliased(Contribution)
    beside = exists().where(
        others.entry_id == SignalEntry.id, others.member_id != tx.actor.member_id, others.valid_until > tx.now
    )
    wanted = (
        select(*_ENDING, own.member_id.is_not(None), beside.correlate_except(others))
        .outerjoin(own, and_(own.entry_id == SignalEntry.id, own.member_id == tx.actor.member_id))
        .where(
            SignalEntry.collection_id == list_id,
            one_of(tx.session, SignalEntry.id, entry_ids),
            _item_seen(tx, any_purpose=True),
        )
    )
    return [Ending(*row) for row in tx.session.execute(wanted)]


def to_narrow(tx: Tx, list_id: str, entry_ids: Sequence[str]) -> dict[str, Entry]:
    """Those of the ids that are in the list and that the actor sees, ended ones too."""
    wanted = select(*PARTS).where(
        SignalEntry.collection_id == list_id,
        one_of(tx.session, SignalEntry.id, entry_ids),
        _item_seen(tx),
    )
    return {row["id"]: dict(row) for row in tx.session.execute(wanted).mappings()}


def due_lists(session: Session, now: int, limit: int) -> list[str]:
    """Lists with entries among the first `limit` that a contribution lapsed of."""
    first = select(SignalEntry.collection_id).where(_due(now)).order_by(SignalEntry.lapses_at).limit(limit)
    return list(session.scalars(select(first.subquery().c.collection_id).distinct()))


def due(session: Session, list_ids: Sequence[str], now: int, limit: int) -> list[Ending]:
    """Entries of these lists that a contribution lapsed of, oldest end first; `others`: one still stands."""
    still = exists().where(Contribution.entry_id == SignalEntry.id, Contribution.valid_until > now)
    wanted = (
        select(*_ENDING, false(), still.correlate_except(Contribution))
        .where(_due(now), SignalEntry.collection_id.in_(list_ids))
        .order_by(SignalEntry.lapses_at, SignalEntry.id)
        .limit(limit)
    )
    return [Ending(*row) for row in session.execute(wanted)]


def _due(now: int) -> ColumnElement[bool]:
    return and_(SignalEntry.withdrawn_at.is_(None), SignalEntry.lapses_at <= now)


def one_of(
    session: Session, column: InstrumentedAttribute[Any], values: Sequence[Any]
) -> ColumnElement[bool]:
    """Condition: the column is one of many values, as one parameter where the database takes arrays.

    On PostgreSQL `= ANY(array)` stays good on a table that was never analysed, where a join with `unnest`
    became a nested loop over both (measured: 5,000 values against 50,000 rows, seven times slower).
    """
    if session.get_bind().dialect.name == "sqlite":
        return column.in_(values)
    return column == any_(literal(list(values), ARRAY(column.type)))
