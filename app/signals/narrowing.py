"""Gives many entries narrower markings: the rules of `entries.narrow`, and never a statement per entry."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import update

from app.events import MarkingChanged, Subject
from app.facts import load_thing
from app.feed.append import Line
from app.policy import may
from app.question import Action, Denied
from app.record import Tx, record
from app.signals import queries
from app.signals.entries import NOT_HEARD, NOT_NARROWER, TAKEN, Single, adds_readers
from app.signals.item_markings import ItemMarkings
from app.signals.kinds import match_key
from app.signals.lines import Shown, own_first, shown_by_marking
from app.signals.models import SignalEntry
from app.signals.moving import forget_unheard, heard, moved
from app.signals.naming import Narrowed
from app.signals.outcomes import Outcome, answered, refusal
from app.signals.queries import Entry, Found, Identity
from app.signals.recount import recount
from app.signals.refused import RefusalReason, Refused
from app.strictness import at_least_as_strict
from schemas.vocabulary import ItemStatus

_UNKNOWN = Refused(
    RefusalReason.NOT_FOUND, "There is no such signal in this list that you may see. Check the id."
)
_GONE = Refused(RefusalReason.GONE, "It was taken back, or its time is over. Delete your copy.")
_NOT_HEARD = Refused(RefusalReason.NO_CONTRIBUTION, NOT_HEARD)


def narrow_entries(tx: Tx, list_id: str, items: Sequence[Narrowed | Refused]) -> list[Outcome]:
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
    record(tx, MarkingChanged(subjects=batch.subjects(), reason="narrowed"), own_first(batch.lines))
    return outcomes


class _Batch:
    """The work of one request: `_before` has the entries as they stand, `_target` where some of them go."""

    def __init__(self, tx: Tx, found: Found) -> None:
        self._tx = tx
        self._found = found
        self._markings = ItemMarkings(tx, found)
        self._before: dict[str, Entry] = {}
        self._target: dict[str, Shown] = {}
        self._shown: dict[str | None, Shown] = {}
        self._verdicts: dict[tuple[str | None, str | None], Refused | None] = {}
        self._taken: set[tuple[Identity, int]] = set()
        self.lines: list[Line] = []

    def take(self, items: Sequence[Narrowed]) -> list[Outcome]:
        self._before = queries.to_narrow(self._tx, self._found.id, list({item.id: None for item in items}))
        markings = {entry["marking_id"] for entry in self._before.values()}
        self._shown = shown_by_marking(self._tx.session, self._found.id, markings | {None})
        self._taken = self._keys_in_use(items)
        outcomes = [self._take(item) for item in items]
        unheard = self._drop_unheard()
        return [refusal(_NOT_HEARD) if outcome.id in unheard else outcome for outcome in outcomes]

    def store(self) -> None:
        """Write the rows and what follows from them: some statements per marking that entries go to."""
        session = self._tx.session
        for new, ids in self._by_target():
            keyed = [{"id": entry_id, "match_key": _key(self._before[entry_id], new)} for entry_id in ids]
            where = {"marking_id": new.marking_id, "place_id": new.home.id}
            session.execute(update(SignalEntry), [{**row, **where} for row in keyed])
            forget_unheard(self._tx, ids, new, self._found.marking.owner_id)
            for one in recount(self._tx, ids):
                old = self._shown[self._before[one.entry["id"]]["marking_id"]]
                self.lines += moved(one.entry, old, new)

    def subjects(self) -> tuple[Subject, ...]:
        """One per marking that entries go to, with their number; the list itself where there are none."""
        counts = Counter(new.marking_id for new in self._target.values()) or Counter({None: 0})
        known = self._shown or shown_by_marking(self._tx.session, self._found.id, {None})
        return tuple(known[key].subject(self._found.marking, count=count) for key, count in counts.items())

    def _take(self, item: Narrowed) -> Outcome:
        entry = self._before.get(item.id)
        if entry is None:
            return refusal(_UNKNOWN)
        if entry["value"] is None or entry["valid_until"] <= self._tx.now:
            return refusal(_GONE)
        old = self._target.get(item.id) or self._shown[entry["marking_id"]]
        try:
            new = self._markings.of(item.marking)
            if new.marking_id == old.marking_id:
                return Outcome(ItemStatus.ALREADY_MARKED, item.id)
            self._check(old, new)
            self._claim(entry, new)
        except Refused as refused:
            return refusal(refused)
        return Outcome(ItemStatus.MARKED, item.id)

    def _check(self, old: Shown, new: Shown) -> None:
        pair = old.marking_id, new.marking_id
        if pair not in self._verdicts:
            self._verdicts[pair] = self._decide(old, new)
        refused = self._verdicts[pair]
        if refused is not None:
            raise Refused(refused.reason, refused.hint)

    def _decide(self, old: Shown, new: Shown) -> Refused | None:
        thing = load_thing(self._tx.session, self._found.collection, old.marking_id)
        verdict = may(self._tx.facts, Action.NARROW, thing)
        if isinstance(verdict, Denied):
            return Refused(RefusalReason.NEEDS_PERSON, verdict.detail)
        standing = SignalEntry(collection_id=self._found.id, marking_id=old.marking_id)
        before = Single(entry=standing, thing=thing, sealed=self._found.lookup_only)
        wider = (
            new.narrower is None
            or not at_least_as_strict(new.narrower, thing.effective)
            or adds_readers(self._tx, before, new.marking_id or "", new.narrower)
        )
        return Refused(RefusalReason.NOT_NARROWER, NOT_NARROWER) if wider else None

    def _claim(self, entry: Entry, new: Shown) -> None:
        """Take the place for this value there, unless another entry has it."""
        identity = (entry["type"], entry["qualifier"], _key(entry, new)), new.home.id
        if identity in self._taken:
            raise Refused(RefusalReason.TAKEN, TAKEN)
        self._taken.add(identity)
        self._shown[new.marking_id] = self._target[entry["id"]] = new

    def _keys_in_use(self, items: Sequence[Narrowed]) -> set[tuple[Identity, int]]:
        """Which of these values stand already where they are to go."""
        asked: dict[str, list[bytes]] = {}
        homes: set[int] = set()
        for item in items:
            entry, new = self._before.get(item.id), self._wanted(item)
            if new is not None and entry is not None and entry["value"] is not None:
                asked.setdefault(entry["type"], []).append(_key(entry, new))
                homes.add(new.home.id)
        present = queries.present(self._tx, self._found, sorted(homes), asked)
        return {(identity, known.place_id) for identity, all_of in present.items() for known in all_of}

    def _wanted(self, item: Narrowed) -> Shown | None:
        try:
            return self._markings.of(item.marking)
        except Refused:
            return None

    def _drop_unheard(self) -> set[str]:
        """Leave where they are those to which nobody would contribute any more; their ids."""
        unheard: set[str] = set()
        for new, ids in self._by_target():
            unheard |= set(ids) - heard(self._tx, ids, new, self._found.marking.owner_id)
        for entry_id in unheard:
            del self._target[entry_id]
        return unheard

    def _by_target(self) -> list[tuple[Shown, list[str]]]:
        by_marking: dict[str | None, list[str]] = {}
        for entry_id, new in self._target.items():
            by_marking.setdefault(new.marking_id, []).append(entry_id)
        return [(self._shown[marking_id], ids) for marking_id, ids in by_marking.items()]


def _key(entry: Entry, new: Shown) -> bytes:
    value: bytes = entry["value"]
    return new.match_key(match_key(value), value)
