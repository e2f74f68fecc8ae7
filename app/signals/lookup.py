"""Exact lookup: which of these signals does anybody know whose entries this actor may see?"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app import clock, remark
from app.events import Subject
from app.facts import load_views
from app.question import Actor, MarkingView
from app.record import Tx
from app.signals.kinds import Parsed, kind_of
from app.signals.matching import Matched, Said, Shelf, matching, shelves
from app.signals.queries import Identity
from app.signals.refused import RefusalReason, Refused
from app.signals.standing import added_up
from app.signals.wire import Wire, read, read_all
from schemas.vocabulary import Standing

Query = Parsed | Refused

_until = lru_cache(maxsize=4096)(clock.to_text)
"""Entries that were published together end together."""


class Unpaid(Exception):
    """These queries ask lookup-only lists, and were not counted yet: count them, and ask again."""

    def __init__(self, actor: Actor, count: int) -> None:
        super().__init__(actor, count)
        self.actor = actor
        self.count = count


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """One entry; what many have in common is written once, and JSON is passed on as it is stored."""

    id: str
    list: Raw
    marking: Raw
    labels: Raw
    standing: str
    valid_until: str
    contributions: Sequence["Contributed"]


class Contributed(msgspec.Struct, frozen=True, kw_only=True):
    """What one member says of an entry, in the form of `rendering.describe_standing`."""

    member: str
    labels: Raw
    classification: Raw | UnsetType = UNSET
    confidence: int | UnsetType = UNSET
    valid_until: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one query."""

    matches: Sequence[Match] = ()
    contributors: int | UnsetType = UNSET
    standing: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET


_NOTHING = Result()


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A result per query, in order; lists left out for the actor's purpose; the audit entry's subjects."""

    results: Sequence[Result]
    excluded: Sequence[str]
    subjects: Sequence[Subject]


def read_queries(raw: Sequence[object]) -> list[Query]:
    """Read decoded JSON queries, before any transaction is open."""
    whole = read_all(raw, Wire)
    if whole is None:
        return [_read(item) for item in raw]
    return [_parsed(item) for item in whole]


def lookup(tx: Tx, asked: Sequence[Query], *, paid: int = 0) -> Answer:
    """Match exactly against every entry that the actor sees through feeds: TLP:RED is never among them.

    Args:
        paid: how many queries to lookup-only lists were counted towards the client's budget.

    Raises:
        Unpaid: more of them ask a lookup-only list that the actor sees. Nothing was matched.
    """
    seen = shelves(tx)
    open_shelves = {(shelf.list_id, shelf.marking_id): shelf for shelf in seen if shelf.allowed}
    costs = _cost(asked, open_shelves.values())
    if costs > paid:
        raise Unpaid(tx.actor, costs)
    identities = [_identity(query) if isinstance(query, Parsed) else None for query in asked]
    wanted = {identity for identity in identities if identity is not None}
    found = matching(tx.session, wanted, list(open_shelves.values()), tx.now)
    hit = {(entry.list_id, entry.marking_id) for entries in found.values() for entry in entries}
    marks = {name for key in hit for name in (open_shelves[key].list_marking_id, key[1]) if name is not None}
    views = load_views(tx.session, marks) if marks else {}
    describe = _Describe({key: open_shelves[key] for key in hit}, views, tx.actor.member_id)
    return Answer(
        results=[
            _result(query, () if identity is None else found.get(identity, ()), describe)
            for query, identity in zip(asked, identities, strict=True)
        ],
        excluded=sorted({shelf.list_id for shelf in seen if not shelf.allowed}),
        subjects=[Subject(kind="lookup", count=len(asked)), *describe.subjects()],
    )


def _read(raw: object) -> Query:
    try:
        item = read(raw, Wire)
    except Refused as refused:
        return refused
    return _parsed(item)


def _parsed(item: Wire) -> Query:
    try:
        kind = kind_of(item.type)
        parsed = kind.parse(item, publishing=False)
    except Refused as refused:
        return refused
    if not kind.exact_lookup:
        return Refused(
            RefusalReason.NO_EXACT_LOOKUP, "Fetch the lists and compare this type with its own library."
        )
    return parsed


def _identity(query: Parsed) -> Identity:
    return query.type, query.qualifier, query.match_key


def _cost(asked: Sequence[Query], open_shelves: Iterable[Shelf]) -> int:
    """How many queries ask a type that a lookup-only list takes."""
    types = {name for shelf in open_shelves if shelf.lookup_only for name in shelf.types}
    return sum(isinstance(query, Parsed) and query.type in types for query in asked) if types else 0


class _Describe:
    """Renders matches, and counts them by place for the audit entry."""

    def __init__(
        self,
        hit: Mapping[tuple[str, str | None], Shelf],
        views: Mapping[str, MarkingView],
        reader: str | None,
    ) -> None:
        self._shelves = hit
        self._views = views
        self._lists = {key: _raw({"id": key[0], "title": shelf.title}) for key, shelf in hit.items()}
        self._markings = {key: _raw(remark.to_wire(self._view(key), reader)) for key in hit}
        self._counts: Counter[tuple[str, str | None]] = Counter()

    def __call__(self, entry: Matched) -> Match:
        key = (entry.list_id, entry.marking_id)
        self._counts[key] += 1
        return Match(
            id=entry.id,
            list=self._lists[key],
            marking=self._markings[key],
            labels=_labels(entry.contributions),
            standing=entry.standing,
            valid_until=_until(entry.valid_until),
            contributions=[_contributed(said) for said in entry.contributions],
        )

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


def _contributed(said: Said) -> Contributed:
    return Contributed(
        member=said.member_id,
        labels=Raw(said.labels),
        classification=UNSET if said.classification is None else Raw(said.classification),
        confidence=UNSET if said.confidence is None else said.confidence,
        valid_until=_until(said.valid_until),
    )


def _labels(contributions: Sequence[Said]) -> Raw:
    """All that were given, each once; of one contribution they pass as they are stored."""
    if len(contributions) == 1:
        return Raw(contributions[0].labels)
    given = (label for said in contributions for label in msgspec.json.decode(said.labels))
    return _raw(list(dict.fromkeys(given)))


def _raw(value: Any) -> Raw:
    return Raw(msgspec.json.encode(value))


def _result(query: Query, entries: Sequence[Matched], describe: _Describe) -> Result:
    if isinstance(query, Refused):
        return Result(reason=query.reason.value, hint=query.hint)
    if not entries:
        return _NOTHING
    said = [one for entry in entries for one in entry.contributions]
    standing = added_up([Standing(entry.standing) for entry in entries], [one.voice for one in said])
    return Result(
        matches=[describe(entry) for entry in entries],
        contributors=len({one.member_id for one in said}),
        standing=standing.value,
    )
