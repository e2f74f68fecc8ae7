"""Finds every entry of a list that holds certain values, and destroys them: what an erasure is made of."""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, null, select

from app import ledger
from app.feed.append import Line
from app.record import Tx
from app.rows import batches
from app.signals import erased
from app.signals.kinds import match_key
from app.signals.lines import named_only, red_key, shown_by_marking
from app.signals.models import SignalEntry
from app.signals.queries import Ending, Identity, one_of
from app.signals.withdrawal import end
from schemas.vocabulary import Reason

SCAN_ROWS = 5_000


@dataclass(frozen=True, slots=True)
class Held:
    """An entry, and the value that it holds still: None where that has gone before."""

    ending: Ending
    identity: Identity | None
    value: bytes | None
    """Whole; only read where TLP:RED entries of this owner may hold it too."""


Values = Mapping[Identity, bytes | None]


class Destruction:
    """The work of one erasure in one list, which must be locked."""

    def __init__(self, tx: Tx, list_id: str, owner_id: str) -> None:
        self._tx = tx
        self._list_id = list_id
        self._reds = named_only(tx.session, owner_id)

    def by_id(self, entry_ids: Iterable[str]) -> list[Held]:
        """Entries of these ids that were not erased before: standing, withdrawn and expired ones."""
        fresh = SignalEntry.withdrawn_reason.is_distinct_from(Reason.ERASED.value)
        found: list[Held] = []
        for part in batches(sorted(entry_ids)):
            found += self._held(one_of(self._tx.session, SignalEntry.id, part), fresh)
        return found

    def by_value(self, values: Values) -> list[Held]:
        """Entries that hold one of these values, also those that nobody may be told of."""
        keys: dict[str, set[bytes]] = {}
        for identity, value in values.items():
            keys.setdefault(identity[0], set()).update(self._keys(identity, value))
        found: list[Held] = []
        for type_name, wanted in sorted(keys.items()):
            for part in batches(sorted(wanted)):
                held = one_of(self._tx.session, SignalEntry.match_key, part)
                found += self._held(SignalEntry.type == type_name, held)
        return [held for held in found if held.identity in values]

    def by_fingerprint(self, prints: set[bytes]) -> list[Held]:
        """Entries whose value has one of these fingerprints: every entry of the list is looked at."""
        if not prints:
            return []
        return [
            held
            for held in self._held(SignalEntry.match_key.is_not(None))
            if held.identity is not None and self._print(held.identity) in prints
        ]

    def destroy(self, held: Iterable[Held], values: Values) -> list[Line]:
        """Write the ledger, clear the rows; the tombstones."""
        entries = list({one.ending.id: one for one in held}.values())
        self._note(entries, values)
        session = self._tx.session
        shown = shown_by_marking(session, self._list_id, {one.ending.marking_id for one in entries} | {None})
        return end(self._tx, [one.ending for one in entries], shown, Reason.ERASED)

    def _note(self, entries: Sequence[Held], values: Values) -> None:
        """Rows for what the ledger does not name yet: on the disk before this transaction commits."""
        prints = {one.identity: self._print(one.identity) for one in entries if one.identity is not None}
        prints |= {identity: self._print(identity) for identity in values}
        known = erased.known(self._tx.session, self._list_id, prints.values())
        valueless = [one.ending.id for one in entries if one.identity is None]
        named = erased.named(self._tx.session, self._list_id, valueless)
        rows = [self._row(entry_id, None) for entry_id in valueless if entry_id not in named]
        rows += [
            self._row(one.ending.id, prints[one.identity])
            for one in entries
            if one.identity is not None and prints[one.identity] not in known
        ]
        met = {one.identity for one in entries}
        rows += [
            self._row(None, prints[identity])
            for identity in values
            if identity not in met and prints[identity] not in known
        ]
        erased.store(self._tx.session, rows)
        ledger.append(self._tx.runtime.config.ledger_path, rows)

    def _row(self, entry_id: str | None, print_: bytes | None) -> ledger.Row:
        return ledger.Row(
            id=str(uuid.uuid4()), list=self._list_id, entry=entry_id, reason=Reason.ERASED.value,
            at=self._tx.now, fingerprint=print_.hex() if print_ is not None else None,
        )  # fmt: skip

    def _held(self, *conditions: ColumnElement[bool]) -> Iterator[Held]:
        value: ColumnElement[Any] = SignalEntry.value.expression if self._reds else null()
        wanted = select(
            SignalEntry.id, SignalEntry.marking_id, SignalEntry.withdrawn_at, SignalEntry.type,
            SignalEntry.qualifier, SignalEntry.match_key, value,
        ).where(SignalEntry.collection_id == self._list_id, *conditions)  # fmt: skip
        rows = self._tx.session.execute(wanted, execution_options={"yield_per": SCAN_ROWS})
        for entry_id, marking_id, ended_at, type_name, qualifier, key, whole in rows:
            own = match_key(whole) if marking_id in self._reds and whole is not None else key
            yield Held(
                ending=Ending(entry_id, self._list_id, marking_id, ended_at),
                identity=None if own is None else (type_name, qualifier, own),
                value=whole,
            )

    def _keys(self, identity: Identity, value: bytes | None) -> set[bytes]:
        """What an entry with this value may have as its match key."""
        reds = () if value is None else self._reds
        return {identity[2], *(red_key(marking_id, value or b"") for marking_id in reds)}

    def _print(self, identity: Identity) -> bytes:
        return erased.fingerprint(self._tx, self._list_id, identity)
