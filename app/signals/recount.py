"""Works out anew how entries stand after something was said or taken back, and tells their readers once."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import update

from app.feed.append import Line
from app.record import Tx
from app.signals import queries, said
from app.signals.lines import shown_by_marking
from app.signals.models import SignalEntry
from app.signals.queries import Entry
from app.signals.standing import standing_of


@dataclass(frozen=True, slots=True)
class Recounted:
    """An entry as it stands now; `moved` if its standing is another one than before."""

    entry: Entry
    moved: bool


def recount(tx: Tx, entry_ids: Sequence[str]) -> list[Recounted]:
    """Write standing and times of entries that still have a contribution: some statements, however many."""
    session = tx.session
    session.flush()
    entries = said.with_contributions(session, queries.standing(session, entry_ids), tx.now)
    opinions = said.opinions(session, entry_ids)
    over = said.lapsed(session, [entry["id"] for entry in entries if entry["lapses_at"] <= tx.now], tx.now)
    done: list[Recounted] = []
    rows: list[dict[str, object]] = []
    for entry in entries:
        contributions = entry["contributions"]
        if not contributions:
            continue
        ends = [contributed.valid_until for contributed in contributions]
        now = {
            "standing": standing_of(contributions, opinions.get(entry["id"], ())).value,
            "valid_until": max(ends),
            # What is over and still there keeps the entry due, or the worker would not come for it.
            "lapses_at": entry["lapses_at"] if entry["id"] in over else min(ends),
        }
        done.append(Recounted(entry, moved=now["standing"] != entry["standing"]))
        if any(entry[name] != value for name, value in now.items()):
            rows.append({"id": entry["id"], **now})
            entry.update(now)
    if rows:
        session.execute(update(SignalEntry), rows)
    return done


def restate(
    tx: Tx, list_id: str, entry_ids: Sequence[str], *, only_moved: bool = False, clears: bool = False
) -> list[Line]:
    """Recount entries of one list; a line for each whose readers must learn something.

    Args:
        only_moved: what changed is not part of an entry's wire form: only another standing is worth a line.
        clears: older lines lose their bytes, because they repeat what was taken back.
    """
    if not entry_ids:
        return []
    recounted = recount(tx, entry_ids)
    where = shown_by_marking(tx.session, list_id, {one.entry["marking_id"] for one in recounted})
    lines: list[Line] = []
    for one in recounted:
        place = where[one.entry["marking_id"]]
        # A pointer (TLP:RED) holds nothing of the entry: it is repeated for another standing only.
        if one.moved or not (only_moved or place.place is None):
            lines += place.state(one.entry, fresh=False, clears=clears)
    return lines
