"""Publishes signals: many at once, an answer for each, and never a statement per item."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
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
from app.signals import queries
from app.signals.group_keys import KeyRing
from app.signals.item_markings import ItemMarkings
from app.signals.items import Classification, ItemFields, parse_item
from app.signals.kinds import Parsed, kind_of
from app.signals.lines import Shown, shown_by_marking
from app.signals.models import SignalEntry
from app.signals.outcomes import Outcome, refusal
from app.signals.queries import Found, Identity, Known
from app.signals.quick import quick_item
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import ItemStatus, Standing

_TABLE = cast("Table", SignalEntry.__table__)
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
    comes later. Everything else about it stays as it was first said.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: it belongs to another member.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.EDIT, found.thing)
    queries.lock(tx.session, [list_id])
    batch = _Batch(tx, found)
    outcomes = batch.take(items)
    batch.store()
    record(tx, SignalsPublished(subjects=batch.subjects()), batch.lines)
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


class _Batch:
    """The work of one publication."""

    def __init__(self, tx: Tx, found: Found) -> None:
        self._tx = tx
        self._found = found
        self._markings = ItemMarkings(tx, found)
        self._keys = KeyRing(tx.session, found)
        self._new: dict[Identity, tuple[dict[str, Any], Shown]] = {}
        self._renewed: dict[str, int] = {}
        self.lines: list[Line] = []

    def take(self, items: Sequence[Item]) -> list[Outcome]:
        candidates = [self._candidate(item) for item in items]
        asked: dict[str, list[bytes]] = {}
        for candidate in candidates:
            if isinstance(candidate, _Candidate):
                asked.setdefault(candidate.identity[0], []).append(candidate.identity[2])
        present = queries.present(self._tx.session, self._found.id, asked)
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

    def _settle(self, candidate: _Candidate, present: Mapping[Identity, Known]) -> Outcome:
        known = present.get(candidate.identity)
        if known is not None:
            if _marks(candidate) and known.marking_id != candidate.shown.marking_id:
                return _marked_otherwise()
            self._renew(known.id, known.valid_until, candidate)
            return Outcome(ItemStatus.ALREADY_YOURS, known.id)
        pending = self._new.get(candidate.identity)
        if pending is not None:
            row, shown = pending
            if _marks(candidate) and shown.marking_id != candidate.shown.marking_id:
                return _marked_otherwise()
            row["valid_until"] = max(row["valid_until"], candidate.valid_until)
            return Outcome(ItemStatus.ALREADY_YOURS, row["id"])
        row = self._row(candidate)
        self._new[candidate.identity] = (row, candidate.shown)
        return Outcome(ItemStatus.ACCEPTED, row["id"])

    def _renew(self, entry_id: str, until: int, candidate: _Candidate) -> None:
        gained = candidate.valid_until - max(until, self._renewed.get(entry_id, 0))
        if gained >= (1 if candidate.ready.fields.valid_until is not None else RENEWED_FROM):
            self._renewed[entry_id] = candidate.valid_until

    def _row(self, candidate: _Candidate) -> dict[str, Any]:
        parsed, fields = candidate.ready.parsed, candidate.ready.fields
        return {
            "id": new_id(), "collection_id": self._found.id, "type": parsed.type,
            "value": parsed.value, "qualifier": parsed.qualifier, "match_key": candidate.identity[2],
            "details": parsed.metadata, "labels": list(fields.labels),
            "classification": _classification(fields.classification), "confidence": fields.confidence,
            "contributor_id": self._tx.actor.member_id, "marking_id": candidate.shown.marking_id,
            "standing": Standing.LEAD.value, "valid_until": candidate.valid_until,
            "created_at": self._tx.now, "withdrawn_at": None, "withdrawn_reason": None,
        }  # fmt: skip

    def store(self) -> None:
        """Write the rows and make their lines: one statement for the new ones, two for the renewed.

        The list is locked, so nobody else can have written one of the new ones.
        """
        session = self._tx.session
        if self._new:
            insert_rows(session, _TABLE, [row for row, _ in self._new.values()])
            for row, shown in self._new.values():
                self.lines += shown.state(row, fresh=True)
        if self._renewed:
            session.execute(
                update(SignalEntry),
                [{"id": entry_id, "valid_until": until} for entry_id, until in self._renewed.items()],
            )
            entries = queries.standing(session, list(self._renewed))
            where = shown_by_marking(session, self._found.id, {entry["marking_id"] for entry in entries})
            for entry in entries:
                if where[entry["marking_id"]].place is not None:
                    self.lines += where[entry["marking_id"]].state(entry, fresh=False)

    def subjects(self) -> tuple[Subject, ...]:
        """One per marking, with the number of new entries; the list itself where there are none."""
        counts = Counter(shown.marking_id for _, shown in self._new.values())
        by_marking = {shown.marking_id: shown for _, shown in self._new.values()}
        if not counts:
            by_marking = {None: self._markings.of(None)}
        return tuple(
            shown.subject(self._found.marking, count=counts[marking_id])
            for marking_id, shown in by_marking.items()
        )


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
