"""Gives many entries narrower markings: the rules of `entries.narrow`, and never a statement per entry."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import update

from app.events import MarkingChanged, Subject
from app.facts import load_thing
from app.feed.append import Line
from app.policy import at_least_as_strict, may
from app.question import Action, Denied
from app.record import Tx, record
from app.signals import queries
from app.signals.entries import NOT_NARROWER, Single, adds_readers
from app.signals.item_markings import ItemMarkings
from app.signals.kinds import match_key
from app.signals.lines import Shown, shown_by_marking
from app.signals.models import SignalEntry
from app.signals.naming import Remarked
from app.signals.outcomes import Outcome, answered, refusal
from app.signals.queries import Entry, Found, Identity
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import ItemStatus, Reason

_UNKNOWN = "There is no such signal in this list that you may see. Check the id."
_GONE = "It was taken back, or its time is over. Delete your copy."
_TAKEN = "The same value stands under this marking already. Withdraw one."


def remark_entries(tx: Tx, list_id: str, items: Sequence[Remarked | Refused]) -> list[Outcome]:
    """Give entries of one list narrower markings, all in this transaction; an outcome per item, in order.

    Needs `moves_policy`. An entry that comes twice is asked twice, and goes to where the last one lets it.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: it belongs to another member.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.NARROW, found.thing)
    queries.lock(tx.session, [list_id])
    batch = _Batch(tx, found)
    outcomes = answered(items, batch.take)
    batch.store()
    record(tx, MarkingChanged(subjects=batch.subjects(), reason="narrowed"), batch.lines)
    return outcomes


class _Batch:
    """The work of one request.

    `_before` has the entries as they stand, `_after` those that move as they will.
    """

    def __init__(self, tx: Tx, found: Found) -> None:
        self._tx = tx
        self._found = found
        self._markings = ItemMarkings(tx, found)
        self._before: dict[str, Entry] = {}
        self._after: dict[str, Entry] = {}
        self._shown: dict[str | None, Shown] = {}
        self._verdicts: dict[tuple[str | None, str | None], Refused | None] = {}
        self._taken: set[Identity] = set()
        self.lines: list[Line] = []

    def take(self, items: Sequence[Remarked]) -> list[Outcome]:
        session, list_id = self._tx.session, self._found.id
        self._before = queries.to_remark(self._tx, list_id, list({item.id: None for item in items}))
        markings = {entry["marking_id"] for entry in self._before.values()}
        self._shown = shown_by_marking(session, list_id, markings | {None})
        self._taken = self._keys_in_use(items)
        return [self._take(item) for item in items]

    def store(self) -> None:
        """Write the rows: one statement per marking that they go to, and one for keys that change."""
        session = self._tx.session
        by_marking: dict[str | None, list[str]] = {}
        for entry in self._after.values():
            by_marking.setdefault(entry["marking_id"], []).append(entry["id"])
            self.lines += self._moved(self._before[entry["id"]], entry)
        for marking_id, ids in by_marking.items():
            moved = update(SignalEntry).where(queries.one_of(session, SignalEntry.id, ids))
            session.execute(
                moved.values(marking_id=marking_id), execution_options={"synchronize_session": False}
            )
        keyed = [
            {"id": entry["id"], "match_key": entry["match_key"]}
            for entry in self._after.values()
            if entry["match_key"] != self._before[entry["id"]]["match_key"]
        ]
        if keyed:
            session.execute(update(SignalEntry), keyed)

    def subjects(self) -> tuple[Subject, ...]:
        """One per marking that entries go to, with their number; the list itself where there are none."""
        counts = Counter(entry["marking_id"] for entry in self._after.values()) or Counter({None: 0})
        known = self._shown or shown_by_marking(self._tx.session, self._found.id, {None})
        return tuple(known[key].subject(self._found.marking, count=count) for key, count in counts.items())

    def _take(self, item: Remarked) -> Outcome:
        entry = self._after.get(item.id) or self._before.get(item.id)
        if entry is None:
            return refusal(Refused(RefusalReason.NOT_FOUND, _UNKNOWN))
        if entry["value"] is None or entry["valid_until"] <= self._tx.now:
            return refusal(Refused(RefusalReason.GONE, _GONE))
        try:
            new = self._markings.of(item.marking)
            if new.marking_id == entry["marking_id"]:
                return Outcome(ItemStatus.ALREADY_MARKED, item.id)
            self._check(entry, new)
            self._after[item.id] = self._at(entry, new)
        except Refused as refused:
            return refusal(refused)
        return Outcome(ItemStatus.MARKED, item.id)

    def _check(self, entry: Entry, new: Shown) -> None:
        pair = entry["marking_id"], new.marking_id
        if pair not in self._verdicts:
            self._verdicts[pair] = self._decide(entry, new)
        refused = self._verdicts[pair]
        if refused is not None:
            raise Refused(refused.reason, refused.hint)

    def _decide(self, entry: Entry, new: Shown) -> Refused | None:
        thing = load_thing(self._tx.session, self._found.collection, entry["marking_id"])
        verdict = may(self._tx.facts, Action.NARROW, thing)
        if isinstance(verdict, Denied):
            return Refused(RefusalReason.NEEDS_PERSON, verdict.detail)
        standing = SignalEntry(collection_id=self._found.id, marking_id=entry["marking_id"])
        wider = (
            new.narrower is None
            or not at_least_as_strict(new.narrower, thing.effective)
            or adds_readers(self._tx, Single(entry=standing, thing=thing), new.marking_id or "", new.narrower)
        )
        return Refused(RefusalReason.NOT_NARROWER, NOT_NARROWER) if wider else None

    def _at(self, entry: Entry, new: Shown) -> Entry:
        key = _key(entry, new)
        identity = entry["type"], entry["qualifier"], key
        if key != entry["match_key"]:
            if identity in self._taken:
                raise Refused(RefusalReason.TAKEN, _TAKEN)
            self._taken.add(identity)
        self._shown[new.marking_id] = new
        return {**entry, "marking_id": new.marking_id, "match_key": key}

    def _keys_in_use(self, items: Sequence[Remarked]) -> set[Identity]:
        """Keys that entries would have under TLP:RED, which alone changes them, if others have them."""
        asked: dict[str, list[bytes]] = {}
        for item in items:
            entry, new = self._before.get(item.id), self._red(item)
            if new is not None and entry is not None and entry["value"] is not None:
                asked.setdefault(entry["type"], []).append(_key(entry, new))
        return set(queries.present(self._tx.session, self._found.id, asked))

    def _red(self, item: Remarked) -> Shown | None:
        try:
            new = self._markings.of(item.marking)
        except Refused:
            return None
        return new if new.place is None else None

    def _moved(self, before: Entry, after: Entry) -> list[Line]:
        old, new = self._shown[before["marking_id"]], self._shown[after["marking_id"]]
        gone = old.gone(before["id"], Reason.NARROWED, keeping=new.users.keys())
        if old.place is None:
            return gone  # those who are still named have their pointer
        return [*gone, *new.state(after, fresh=False, clears=True)]


def _key(entry: Entry, new: Shown) -> bytes:
    value: bytes = entry["value"]
    return new.match_key(match_key(value), value)
