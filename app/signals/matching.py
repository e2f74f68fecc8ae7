"""What a lookup reads: the shelves that its actor may look on, and the entries there that have a value.

The statements are built once over bound parameters, and give ids and JSON as text: building them, or making
objects of what is only passed on, costs many times what running them does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, any_, bindparam, cast, literal_column, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app import policy
from app.db import Moment
from app.markings import Collection, Marking, Place
from app.parties import Member
from app.question import parameters, parametrised
from app.record import Tx
from app.signals.models import Contribution, SignalEntry, SignalList
from app.signals.queries import Identity
from app.signals.standing import voice_of
from schemas.vocabulary import CollectionKind


@dataclass(frozen=True, slots=True)
class Shelf:
    """A place whose entries may answer: of a list, or of a narrower audience in it."""

    list_id: str
    title: str
    list_marking_id: str
    marking_id: str | None
    key: str
    allowed: bool
    """False: only its owner's prohibition of this purpose stands in the way."""
    types: frozenset[str]
    lookup_only: bool


@dataclass(frozen=True, slots=True)
class Said:
    """What one member says of an entry."""

    member_id: str
    voice: str | None
    """See `standing.voice_of`."""
    labels: str
    classification: str | None
    confidence: int | None
    valid_until: int


@dataclass(frozen=True, slots=True)
class Matched:
    """An entry that has a value that was asked; ids and JSON as this database writes them."""

    id: str
    list_id: str
    marking_id: str | None
    standing: str
    valid_until: int
    contributions: list[Said] = field(default_factory=list)
    """Those whose time is not over, oldest first: at least one."""


def shelves(tx: Tx) -> list[Shelf]:
    """The shelves that the actor sees through feeds, those that prohibit its purpose too: none is TLP:RED."""
    actor = tx.actor
    bound = {} if actor.collections is None else {"chosen": sorted(actor.collections)}
    statement = _shelves(person=actor.user_id is not None, bound=bool(bound))
    rows = tx.session.execute(statement, {**parameters(actor, tx.now), **bound})
    return [
        Shelf(row[0] or "", row[1], row[2], row[3], row[4], bool(row[5]), frozenset(row[6]), bool(row[7]))
        for row in rows
    ]


@cache
def _shelves(*, person: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    actor, now = parametrised(person=person)
    seen = (
        select(
            Place.collection_id, Collection.title, Collection.marking_id, Place.marking_id, Place.key,
            policy.place_visible(actor, now), SignalList.types, SignalList.lookup_only,
        )
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .join(SignalList, SignalList.collection_id == Collection.id)
        .where(
            Collection.kind == CollectionKind.LIST,
            Place.kind == "collection",
            policy.place_visible(actor, now, any_purpose=True),
        )
    )  # fmt: skip
    return seen.where(Collection.id.in_(bindparam("chosen", expanding=True))) if bound else seen


def matching(
    session: Session, wanted: set[Identity], open_shelves: Sequence[Shelf], now: int
) -> Mapping[Identity, Sequence[Matched]]:
    """Standing entries on these shelves by what they match, oldest first: one statement for all types."""
    if not wanted or not open_shelves:
        return {}
    sqlite = session.get_bind().dialect.name == "sqlite"
    values = {
        "types": sorted({identity[0] for identity in wanted}),
        "keys": sorted({identity[2] for identity in wanted}),
        "lists": sorted({shelf.list_id for shelf in open_shelves}),
        "narrower": sorted({shelf.marking_id for shelf in open_shelves if shelf.marking_id is not None}),
        "now": now,
    }
    found: dict[Identity, list[Matched]] = {}
    dashed = _dashed if sqlite else _as_is
    last = ""
    for type_name, qualifier, key, *rest in session.execute(_entries(sqlite=sqlite), values):
        identity = (type_name, qualifier, key)
        if identity not in wanted:
            continue  # another type or key id with the same bytes
        id_, list_id, marking_id, standing, until, member_id, kind, upstream_id, *said = rest
        entries = found.setdefault(identity, [])
        if id_ != last:
            marking = marking_id and dashed(marking_id)
            entries.append(Matched(dashed(id_), dashed(list_id), marking, standing, until))
            last = id_
        member = dashed(member_id)
        voice = voice_of(member, kind, upstream_id and dashed(upstream_id))
        entries[-1].contributions.append(Said(member, voice, *said))
    return found


@cache
def _entries(*, sqlite: bool) -> Select[*tuple[Any, ...]]:
    collection_id: ColumnElement[Any] = SignalEntry.collection_id.expression
    if sqlite:
        # The plus keeps SQLite from its index by list: where one list is seen, it would read that list whole.
        collection_id = literal_column("+signal_entry.collection_id", SignalEntry.collection_id.type)
    return (
        select(
            SignalEntry.type, SignalEntry.qualifier, SignalEntry.match_key,
            cast(SignalEntry.id, Text), cast(SignalEntry.collection_id, Text),
            cast(SignalEntry.marking_id, Text), SignalEntry.standing, SignalEntry.valid_until,
            cast(Contribution.member_id, Text), Member.kind, cast(Member.upstream_id, Text),
            cast(Contribution.labels, Text), cast(Contribution.classification, Text),
            Contribution.confidence, Contribution.valid_until,
        )
        .join(Contribution, Contribution.entry_id == SignalEntry.id)
        .join(Member, Member.id == Contribution.member_id)
        .where(
            _is_one_of(SignalEntry.type, "types", sqlite=sqlite),
            _is_one_of(SignalEntry.match_key, "keys", sqlite=sqlite),
            SignalEntry.withdrawn_at.is_(None),
            SignalEntry.valid_until > bindparam("now", type_=Moment),
            Contribution.valid_until > bindparam("now", type_=Moment),
            _is_one_of(collection_id, "lists", sqlite=sqlite),
            or_(
                SignalEntry.marking_id.is_(None),
                _is_one_of(SignalEntry.marking_id, "narrower", sqlite=sqlite),
            ),
        )
        .order_by(
            SignalEntry.created_at, SignalEntry.id, Contribution.created_at, Contribution.member_id
        )
    )  # fmt: skip


def _is_one_of(column: Any, name: str, *, sqlite: bool) -> ColumnElement[bool]:
    """`queries.one_of` over a bound parameter."""
    condition: ColumnElement[bool]
    if sqlite:
        condition = column.in_(bindparam(name, expanding=True))
    else:
        condition = column == any_(bindparam(name, type_=ARRAY(column.type)))
    return condition


def _dashed(text: str) -> str:
    """An id as SQLite holds it, in the form that is told."""
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _as_is(text: str) -> str:
    return text
