"""Exact lookup: which of these signals does anybody know whose entries this actor may see?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, or_, select
from sqlalchemy.orm import Session

from app import policy, remark
from app.events import Subject
from app.facts import load_views
from app.markings import Collection, Marking, Place
from app.question import MarkingView, parameters, parametrised
from app.record import Tx
from app.signals import said
from app.signals.kinds import Parsed, kind_of, parse_key
from app.signals.models import SignalEntry
from app.signals.queries import PARTS, Entry, Identity, one_of
from app.signals.refused import RefusalReason, Refused
from app.signals.rendering import describe_standing
from app.signals.standing import added_up
from schemas.vocabulary import CollectionKind, Standing

Query = Parsed | Refused


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A result per query, in order; lists left out for the actor's purpose; the audit entry's subjects."""

    results: Sequence[Mapping[str, Any]]
    excluded: Sequence[str]
    subjects: Sequence[Subject]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """A place whose entries may answer: of a list, or of a narrower audience in it."""

    list_id: str
    title: str
    list_marking_id: str
    marking_id: str | None
    key: str
    allowed: bool
    """False: only its owner's prohibition of this purpose stands in the way."""


def read_queries(raw: Iterable[object]) -> list[Query]:
    """Read decoded JSON queries, before any transaction is open."""
    return [_read(item) for item in raw]


def lookup(tx: Tx, asked: Sequence[Query]) -> Answer:
    """Match exactly against every entry that the actor sees through feeds: TLP:RED is never among them."""
    shelves = _shelves(tx)
    open_shelves = {(shelf.list_id, shelf.marking_id): shelf for shelf in shelves if shelf.allowed}
    found = _matching(tx, asked, open_shelves.values())
    hit = {(entry["collection_id"], entry["marking_id"]) for entries in found.values() for entry in entries}
    marks = {name for key in hit for name in (open_shelves[key].list_marking_id, key[1]) if name is not None}
    views = load_views(tx.session, marks) if marks else {}
    describe = _Describe(open_shelves, views, tx.actor.member_id)
    return Answer(
        results=[_result(query, found, describe) for query in asked],
        excluded=sorted({shelf.list_id for shelf in shelves if not shelf.allowed}),
        subjects=[Subject(kind="lookup", count=len(asked)), *describe.subjects()],
    )


def _read(raw: object) -> Query:
    try:
        parsed = parse_key(raw)
        if not kind_of(parsed.type).exact_lookup:
            raise Refused(  # noqa: TRY301 - the answer is the same as for what cannot be read
                RefusalReason.NO_EXACT_LOOKUP, "Fetch the lists and compare this type with its own library."
            )
    except Refused as refused:
        return refused
    return parsed


def _identity(query: Parsed) -> Identity:
    return query.type, query.qualifier, query.match_key


def _shelves(tx: Tx) -> list[_Shelf]:
    actor = tx.actor
    bound = {} if actor.collections is None else {"chosen": sorted(actor.collections)}
    statement = _shelves_statement(person=actor.user_id is not None, bound=bool(bound))
    rows = tx.session.execute(statement, {**parameters(actor, tx.now), **bound})
    return [_Shelf(row[0] or "", row[1], row[2], row[3], row[4], bool(row[5])) for row in rows]


@cache
def _shelves_statement(*, person: bool, bound: bool) -> Select[*tuple[Any, ...]]:
    """Built once: making it costs many times what running it does."""
    actor, now = parametrised(person=person)
    shelves = (
        select(
            Place.collection_id, Collection.title, Collection.marking_id, Place.marking_id, Place.key,
            policy.place_visible(actor, now),
        )
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Collection.kind == CollectionKind.LIST,
            Place.kind == "collection",
            policy.place_visible(actor, now, any_purpose=True),
        )
    )  # fmt: skip
    return shelves.where(Collection.id.in_(bindparam("chosen", expanding=True))) if bound else shelves


def _matching(tx: Tx, asked: Sequence[Query], shelves: Iterable[_Shelf]) -> dict[Identity, list[Entry]]:
    """Entries by what they match: one statement per type."""
    by_type: dict[str, set[bytes]] = {}
    for query in asked:
        if isinstance(query, Parsed):
            by_type.setdefault(query.type, set()).add(query.match_key)
    lists = sorted({shelf.list_id for shelf in shelves})
    narrower = sorted({shelf.marking_id for shelf in shelves if shelf.marking_id is not None})
    found: dict[Identity, list[Entry]] = {}
    for type_name, keys in sorted(by_type.items()) if lists else ():
        wanted = (
            select(*PARTS)
            .where(
                SignalEntry.type == type_name,
                one_of(tx.session, SignalEntry.match_key, sorted(keys)),
                SignalEntry.withdrawn_at.is_(None),
                SignalEntry.valid_until > tx.now,
                _in_lists(tx.session, lists),
                or_(SignalEntry.marking_id.is_(None), one_of(tx.session, SignalEntry.marking_id, narrower)),
            )
            .order_by(SignalEntry.created_at, SignalEntry.id)
        )
        for row in tx.session.execute(wanted).mappings():
            entry = dict(row)
            found.setdefault((type_name, entry["qualifier"], entry["match_key"]), []).append(entry)
    matched = [entry for entries in found.values() for entry in entries]
    said.with_contributions(tx.session, matched, tx.now)
    return found


def _in_lists(session: Session, lists: Sequence[str]) -> ColumnElement[bool]:
    """The plus keeps SQLite from its index by list: where one list is seen, it would read that list whole."""
    if session.get_bind().dialect.name == "sqlite":
        return literal_column("+signal_entry.collection_id", SignalEntry.collection_id.type).in_(lists)
    return one_of(session, SignalEntry.collection_id, lists)


class _Describe:
    """Renders matches, and counts them by place for the audit entry."""

    def __init__(
        self,
        shelves: Mapping[tuple[str, str | None], _Shelf],
        views: Mapping[str, MarkingView],
        reader: str | None,
    ) -> None:
        self._shelves = shelves
        self._views = views
        self._reader = reader
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def __call__(self, entry: Entry) -> dict[str, Any]:
        key = (entry["collection_id"], entry["marking_id"])
        self._counts[key] += 1
        return {
            "id": entry["id"],
            "list": {"id": entry["collection_id"], "title": self._shelves[key].title},
            **describe_standing(entry),
            "marking": remark.to_wire(self._view(key), self._reader),
        }

    def subjects(self) -> list[Subject]:
        """One per place that matched, with how many matches: never which."""
        return [
            Subject(
                kind="list",
                id=list_id,
                collection_id=list_id,
                place=self._shelves[list_id, marking_id].key if marking_id is not None else None,
                count=count,
            ).marked(self._view((list_id, marking_id)))
            for (list_id, marking_id), count in sorted(self._counts.items(), key=str)
        ]

    def _view(self, key: tuple[str, str | None]) -> MarkingView:
        return self._views[key[1] or self._shelves[key].list_marking_id]


def _result(query: Query, found: Mapping[Identity, Sequence[Entry]], describe: _Describe) -> dict[str, Any]:
    if isinstance(query, Refused):
        return {"matches": [], "reason": query.reason.value, "hint": query.hint}
    entries = found.get(_identity(query), ())
    result: dict[str, Any] = {"matches": [describe(entry) for entry in entries]}
    if entries:
        contributions = [one for entry in entries for one in entry["contributions"]]
        result["contributors"] = len({one.member_id for one in contributions})
        result["standing"] = added_up([Standing(entry["standing"]) for entry in entries], contributions).value
    return result
