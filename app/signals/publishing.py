"""Publishes signals: many at once, an answer for each, and never a statement per item."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, cast

import msgspec
from sqlalchemy import Table, update

from app import clock
from app.events import SignalsPublished, Subject
from app.feed.append import Line
from app.ids import new_id
from app.question import Action
from app.record import Tx, record
from app.rows import insert_rows
from app.signals import erased, queries, said
from app.signals.group_keys import KeyRing
from app.signals.item_markings import ItemMarkings
from app.signals.items import Classification, ItemFields, parse_item
from app.signals.kinds import Parsed, kind_of
from app.signals.lines import Shown, own_first
from app.signals.models import Contribution, SignalEntry
from app.signals.outcomes import Outcome, refusal
from app.signals.queries import Found, Identity, Known
from app.signals.quick import quick_item
from app.signals.recount import restate
from app.signals.refused import RefusalReason, Refused
from app.signals.standing import Contributed
from schemas.vocabulary import ItemStatus, Standing

_ENTRIES = cast("Table", SignalEntry.__table__)
_CONTRIBUTIONS = cast("Table", Contribution.__table__)

RENEWED_FROM = clock.DAY
"""A repetition that does not ask for an end of validity renews only if it gains this much (microseconds):
otherwise sending the same list every few minutes would make a change of each signal each time."""


class Ready(msgspec.Struct, frozen=True):
    """An item that reads well."""

    parsed: Parsed
    fields: ItemFields


Item = Ready | Refused


def read_items(raw: Iterable[object]) -> list[Item]:
    """Read decoded JSON items, before any transaction is open."""
    return [read_item(item) for item in raw]


def publish(tx: Tx, list_id: str, items: Sequence[Item]) -> list[Outcome]:
    """Contribute signals to a list, all in this transaction; an outcome per item, in order.

    A value that the member contributed before is `already_yours`, and is renewed if its end of validity
    comes later. Everything else about it stays as it was first said. Whether others contribute it too makes
    no difference to the answer. That of a lookup-only list names no ids: an entry that others contribute to
    has the id that it had before, and by its id anybody may read who they are, as if that had been looked up.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: it takes no contributions of this member.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.CONTRIBUTE, found.thing)
    queries.lock(tx.session, [list_id])
    batch = _Batch(tx, found)
    outcomes = batch.take(items)
    batch.store()
    record(tx, SignalsPublished(subjects=batch.subjects()), own_first(batch.lines))
    if found.lookup_only:
        return [msgspec.structs.replace(outcome, id=None) for outcome in outcomes]
    return outcomes


def read_item(raw: object) -> Item:
    """Read one decoded JSON item; why not, if it cannot be used."""
    try:
        return Ready(*parse_item(raw))
    except Refused as refused:
        return refused


def read_line(raw: bytes) -> Item | None:
    """Read a line of JSON at once; None: decode it the strict way, and use `read_item`."""
    found = quick_item(raw)
    return None if found is None else Ready(*found)


class _Candidate(msgspec.Struct, frozen=True):
    """An item that may stand in this list."""

    ready: Ready
    shown: Shown
    identity: Identity
    valid_until: int


@dataclass(frozen=True, slots=True)
class _Submitted:
    """A contribution to write, and its entry if that is new too."""

    shown: Shown
    contribution: dict[str, Any]
    entry: dict[str, Any] | None

    def last_until(self, moment: int) -> None:
        """The same value came again in the same publication."""
        self.contribution["valid_until"] = max(self.contribution["valid_until"], moment)
        if self.entry is not None:
            self.entry["valid_until"] = self.entry["lapses_at"] = self.contribution["valid_until"]


class _Batch:
    """The work of one publication."""

    def __init__(self, tx: Tx, found: Found) -> None:
        self._tx = tx
        self._found = found
        self._markings = ItemMarkings(tx, found)
        self._keys = KeyRing(tx.session, found)
        self._submitted: dict[Identity, _Submitted] = {}
        self._renewed: dict[str, int] = {}
        self.lines: list[Line] = []

    @cached_property
    def _accredited(self) -> bool:
        return said.is_assessor(self._tx)

    def take(self, items: Sequence[Item]) -> list[Outcome]:
        candidates = [self._candidate(item) for item in items]
        known = erased.among(
            self._tx, self._found.id, (c.ready.parsed for c in candidates if isinstance(c, _Candidate))
        )
        candidates = [_unless_erased(candidate, known) for candidate in candidates] if known else candidates
        asked: dict[str, list[bytes]] = {}
        homes: set[int] = set()
        for candidate in candidates:
            if isinstance(candidate, _Candidate):
                asked.setdefault(candidate.identity[0], []).append(candidate.identity[2])
                homes.add(candidate.shown.home.id)
        present = queries.present(self._tx, self._found, sorted(homes), asked)
        return [
            candidate if isinstance(candidate, Outcome) else self._settle(candidate, present)
            for candidate in candidates
        ]

    def _candidate(self, item: Item) -> _Candidate | Outcome:
        if isinstance(item, Refused):
            return refusal(item)
        parsed, fields = item.parsed, item.fields
        try:
            _check_taken(parsed.type, self._found.types)
            self._keys.check(parsed)
            shown = self._markings.of(fields.marking)
            until = kind_of(parsed.type).valid_until(fields.valid_until, self._tx.now)
        except Refused as refused:
            return refusal(refused)
        key = shown.match_key(parsed.match_key, parsed.value)
        return _Candidate(item, shown, (parsed.type, parsed.qualifier, key), until)

    def _settle(self, candidate: _Candidate, present: Mapping[Identity, Sequence[Known]]) -> Outcome:
        standing = present.get(candidate.identity, ())
        home = candidate.shown.home.id
        if len(standing) > 1:  # whoever loses and regains sight of a place may contribute at two of them
            standing = sorted(standing, key=lambda known: known.place_id != home)
        for known in standing:
            if known.until is not None:
                if _marks(candidate) and known.place_id != home:
                    return _marked_otherwise()
                self._renew(known.id, known.until, candidate)
                return Outcome(ItemStatus.ALREADY_YOURS, known.id)
        pending = self._submitted.get(candidate.identity)
        if pending is not None:
            if _marks(candidate) and pending.shown.home.id != home:
                return _marked_otherwise()
            pending.last_until(candidate.valid_until)
            return Outcome(ItemStatus.ALREADY_YOURS, pending.contribution["entry_id"])
        here = (known.id for known in standing if known.place_id == home)
        return Outcome(ItemStatus.ACCEPTED, self._submit(candidate, next(here, None)))

    def _renew(self, entry_id: str, until: int, candidate: _Candidate) -> None:
        gained = candidate.valid_until - max(until, self._renewed.get(entry_id, 0))
        if gained >= (1 if candidate.ready.fields.valid_until is not None else RENEWED_FROM):
            self._renewed[entry_id] = candidate.valid_until

    def _submit(self, candidate: _Candidate, entry_id: str | None) -> str:
        """Contribute to the entry that stands here, or make it."""
        fields = candidate.ready.fields
        contribution = {
            "entry_id": entry_id or new_id(), "member_id": self._tx.actor.member_id,
            "labels": list(fields.labels), "classification": _classification(fields.classification),
            "confidence": fields.confidence,
            "assessed": fields.classification is not None and self._accredited,
            "valid_until": candidate.valid_until, "created_at": self._tx.now,
        }  # fmt: skip
        entry = self._entry(candidate, contribution) if entry_id is None else None
        self._submitted[candidate.identity] = _Submitted(candidate.shown, contribution, entry)
        return str(contribution["entry_id"])

    def _entry(self, candidate: _Candidate, contribution: Mapping[str, Any]) -> dict[str, Any]:
        parsed, shown = candidate.ready.parsed, candidate.shown
        standing = Standing.CORROBORATED if contribution["assessed"] else Standing.LEAD
        return {
            "id": contribution["entry_id"], "collection_id": self._found.id, "type": parsed.type,
            "value": parsed.value, "qualifier": parsed.qualifier, "match_key": candidate.identity[2],
            "details": parsed.metadata, "place_id": shown.home.id, "marking_id": shown.marking_id,
            "standing": standing.value, "valid_until": candidate.valid_until,
            "lapses_at": candidate.valid_until, "created_at": self._tx.now, "withdrawn_at": None,
            "withdrawn_reason": None,
        }  # fmt: skip

    def store(self) -> None:
        """Write the rows and make their lines: a fixed number of statements.

        The list is locked, so nobody else can have written one of the new ones.
        """
        session, submitted = self._tx.session, self._submitted.values()
        entries = [one.entry for one in submitted if one.entry is not None]
        if entries:
            insert_rows(session, _ENTRIES, entries)
        if submitted:
            insert_rows(session, _CONTRIBUTIONS, [one.contribution for one in submitted])
        for one in submitted:
            if one.entry is not None:
                self.lines += one.shown.state(_rendered(one.entry, one.contribution), fresh=True)
        member_id = self._tx.actor.member_id
        renewed = [
            {"entry_id": entry_id, "member_id": member_id, "valid_until": until}
            for entry_id, until in self._renewed.items()
        ]
        if renewed:
            session.execute(update(Contribution), renewed)
        joined = [one.contribution["entry_id"] for one in submitted if one.entry is None]
        self.lines += restate(self._tx, self._found.id, [*joined, *self._renewed])

    def subjects(self) -> tuple[Subject, ...]:
        """One per marking, with the number of new contributions; the list itself where there are none."""
        counts = Counter(one.shown.marking_id for one in self._submitted.values())
        by_marking = {one.shown.marking_id: one.shown for one in self._submitted.values()}
        if not counts:
            by_marking = {None: self._markings.of(None)}
        return tuple(
            shown.subject(self._found.marking, count=counts[marking_id])
            for marking_id, shown in by_marking.items()
        )


def _rendered(entry: Mapping[str, Any], contribution: Mapping[str, Any]) -> dict[str, Any]:
    """A new entry as it is told: nobody else contributes to it yet, so whose voice it is does not count."""
    only = Contributed(
        member_id=contribution["member_id"], labels=contribution["labels"],
        classification=contribution["classification"], confidence=contribution["confidence"],
        valid_until=contribution["valid_until"], assessed=contribution["assessed"], voice=None,
    )  # fmt: skip
    return {**entry, "contributions": (only,)}


def _unless_erased(candidate: _Candidate | Outcome, known: frozenset[Identity]) -> _Candidate | Outcome:
    if isinstance(candidate, Outcome) or erased.identity_of(candidate.ready.parsed) not in known:
        return candidate
    hint = "This value was erased from this list for good. Do not send it here again."
    return refusal(Refused(RefusalReason.ERASED, hint))


def _check_taken(type_name: str, taken: Sequence[str]) -> None:
    if type_name not in taken:
        raise Refused(
            RefusalReason.TYPE_NOT_TAKEN, f"This list takes: {', '.join(taken)}. Send it to another list."
        )


def _marks(candidate: _Candidate) -> bool:
    return candidate.ready.fields.marking is not None


def _marked_otherwise() -> Outcome:
    return refusal(
        Refused(
            RefusalReason.MARKED_OTHERWISE,
            "You contributed this value under another marking: see PUT /v1/signals/{id}/marking.",
        )
    )


def _classification(given: Classification | None) -> dict[str, str] | None:
    if given is None:
        return None
    return {name: text for name, text in asdict(given).items() if text is not None}
