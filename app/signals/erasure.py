"""Erases values for good, and again when an older copy of the database comes back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app import ledger
from app.events import SignalsErased
from app.facts import load_thing
from app.ids import FORM
from app.markings import Collection
from app.question import Action
from app.record import Tx, record
from app.signals import erased, lists, queries
from app.signals.destruction import Destruction, Held
from app.signals.kinds import Parsed, parse_key
from app.signals.lines import own_first, shown
from app.signals.models import SignalList
from app.signals.outcomes import Outcome, refusal
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import ItemStatus


@dataclass(frozen=True, slots=True)
class Named:
    """An item that names an entry."""

    id: str


Item = Named | Parsed | Refused


def read_items(raw: Iterable[object]) -> list[Item]:
    """Read decoded JSON items, before any transaction is open."""
    return [read_item(item) for item in raw]


def read_item(raw: object) -> Item:
    """Read one item: `{"id": …}`, or a value as in a lookup."""
    try:
        if not isinstance(raw, dict) or "id" not in raw:
            return parse_key(raw)
        return _read_id(raw)
    except Refused as refused:
        return refused


def erase(tx: Tx, list_id: str, items: Sequence[Item]) -> list[Outcome]:
    """Destroy values of a list for good, all in this transaction; an outcome per item, in order.

    Whatever stands or stood under an item's value goes, however it is marked, and the value is refused from
    now on. A value that is named is answered in the same way whether it was there or not.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: it belongs to another member.
        Unavailable: the ledger cannot be written.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.EDIT, found.thing)
    queries.lock(tx.session, [list_id])
    work = Destruction(tx, list_id, found.marking.owner_id)
    ids = {item.id for item in items if isinstance(item, Named)}
    seen = {entry.id for entry in queries.to_withdraw(tx, list_id, sorted(ids))}
    named = work.by_id(seen)
    values = _values(named) | {
        erased.identity_of(item): item.value for item in items if isinstance(item, Parsed)
    }
    lines = work.destroy([*named, *work.by_value(values)], values)
    count = sum(not isinstance(item, Refused) for item in items)
    record(tx, SignalsErased(subjects=(lists.subject(found, count=count),)), own_first(lines))
    return [_outcome(item, seen) for item in items]


def reconcile(tx: Tx) -> int:
    """Erase again what the ledger's file names and the table does not; returns how many entries that were.

    Such a row was written after this copy of the database was taken. Before any request is answered.
    """
    known = {row.id for row in erased.rows(tx.session)}
    by_list: dict[str, list[ledger.Row]] = {}
    for row in ledger.read(tx.runtime.config.ledger_path).rows:
        if row.id not in known:
            by_list.setdefault(row.list, []).append(row)
    return sum(_reapply(tx, list_id, rows) for list_id, rows in sorted(by_list.items()))


def share(session: Session, path: Path) -> int:
    """Write to the ledger's file what was erased through another machine; returns how many rows that were."""
    stored, written = erased.rows(session), {row.id for row in ledger.read(path).rows}
    missing = [row for row in stored if row.id not in written]
    ledger.append(path, missing)
    return len(missing)


def _read_id(raw: Mapping[str, object]) -> Named:
    text = raw["id"]
    if len(raw) > 1 or not isinstance(text, str) or FORM.fullmatch(text) is None:
        raise Refused(RefusalReason.WRONG_FORMAT, "Send either the id of an entry alone, or type and value.")
    return Named(text)


def _outcome(item: Item, seen: set[str]) -> Outcome:
    if isinstance(item, Refused):
        return refusal(item)
    if isinstance(item, Parsed):
        return Outcome(ItemStatus.ERASED)
    if item.id not in seen:
        hint = "There is no such signal in this list that you may see. Check the id."
        return refusal(Refused(RefusalReason.NOT_FOUND, hint))
    return Outcome(ItemStatus.ERASED, item.id)


def _values(held: Iterable[Held]) -> dict[tuple[str, str, bytes], bytes | None]:
    return {one.identity: one.value for one in held if one.identity is not None}


def _reapply(tx: Tx, list_id: str, rows: Sequence[ledger.Row]) -> int:
    """Erase again what rows of the ledger name in one list; all of them are then in the table."""
    erased.store(tx.session, rows)
    if tx.session.get(SignalList, list_id) is None:
        return 0
    queries.lock(tx.session, [list_id])
    outer = load_thing(tx.session, tx.session.get_one(Collection, list_id)).marking
    work = Destruction(tx, list_id, outer.owner_id)
    held = work.by_id({row.entry for row in rows if row.entry is not None})
    held += work.by_fingerprint({bytes.fromhex(row.fingerprint) for row in rows if row.fingerprint})
    held += work.by_value(_values(held))
    if not held:
        return 0
    lines = work.destroy(held, {})
    count = len({one.ending.id for one in held})
    subject = shown(tx.session, list_id, None, None).subject(outer, count=count)
    record(tx, SignalsErased(subjects=(subject,)), lines)
    return count
