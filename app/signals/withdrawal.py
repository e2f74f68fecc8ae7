"""Ends entries: withdrawn by their owner, or expired. Of the value nothing stays, in no table and no line."""

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import null, update

from app.events import SignalsExpired, SignalsWithdrawn, Subject
from app.facts import load_thing
from app.feed.append import Line
from app.markings import Collection
from app.question import Action
from app.record import Tx, record
from app.signals import queries
from app.signals.lines import Shown, shown_by_marking
from app.signals.models import SignalEntry
from app.signals.outcomes import Outcome, refusal
from app.signals.queries import Ending
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import ItemStatus, Reason, Standing


def withdraw(tx: Tx, list_id: str, entry_ids: Sequence[str], reason: Reason) -> list[Outcome]:
    """Withdraw entries of one list, all in this transaction; an outcome per id, in order.

    An id that is not in the list, or that the actor may not know of, is refused; the others go on.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: it belongs to another member.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.EDIT, found.thing)
    queries.lock(tx.session, [list_id])
    known = {entry.id: entry for entry in queries.to_withdraw(tx, list_id, list(dict.fromkeys(entry_ids)))}
    ending = [entry for entry in known.values() if entry.withdrawn_at is None]
    shown = shown_by_marking(tx.session, list_id, {entry.marking_id for entry in ending} | {None})
    lines = end(tx, ending, shown, reason)
    counts = Counter(entry.marking_id for entry in ending) or Counter({None: 0})
    subjects = tuple(shown[key].subject(found.marking, count=count) for key, count in counts.items())
    record(tx, SignalsWithdrawn(subjects=subjects, reason=reason.value), lines)
    return [_outcome(entry_id, known.get(entry_id)) for entry_id in entry_ids]


def expire_due(tx: Tx, limit: int) -> int:
    """End up to `limit` entries whose validity is over; returns how many. Safe to run beside itself."""
    list_ids = queries.due_lists(tx.session, tx.now, limit)
    if not list_ids:
        return 0
    queries.lock(tx.session, list_ids)
    due = queries.due(tx.session, list_ids, tx.now, limit)
    by_list: dict[str, list[Ending]] = {}
    for entry in due:
        by_list.setdefault(entry.list_id, []).append(entry)
    lines: list[Line] = []
    subjects: list[Subject] = []
    for list_id, ending in sorted(by_list.items()):
        outer = load_thing(tx.session, tx.session.get_one(Collection, list_id)).marking
        counts = Counter(entry.marking_id for entry in ending)
        shown = shown_by_marking(tx.session, list_id, counts)
        lines += end(tx, ending, shown, Reason.EXPIRED)
        subjects += [shown[key].subject(outer, count=count) for key, count in counts.items()]
    if due:
        record(tx, SignalsExpired(subjects=tuple(subjects)), lines)
    return len(due)


def end(tx: Tx, ending: Sequence[Ending], shown: Mapping[str | None, Shown], reason: Reason) -> list[Line]:
    """Clear the rows in one statement; their tombstones. The lists must be locked."""
    if not ending:
        return []
    standing = Standing.EXPIRED if reason is Reason.EXPIRED else Standing.RETRACTED
    cleared = (
        update(SignalEntry)
        .where(queries.one_of(tx.session, SignalEntry.id, [entry.id for entry in ending]))
        .values(
            value=None, match_key=None, qualifier="", details={}, labels=[], classification=null(),
            confidence=None, standing=standing.value, withdrawn_at=tx.now, withdrawn_reason=reason.value,
        )
    )  # fmt: skip
    tx.session.execute(cleared, execution_options={"synchronize_session": False})
    return [line for entry in ending for line in shown[entry.marking_id].gone(entry.id, reason)]


def _outcome(entry_id: str, entry: Ending | None) -> Outcome:
    if entry is None:
        hint = "There is no such signal in this list that you may see. Check the id."
        return refusal(Refused(RefusalReason.NOT_FOUND, hint))
    if entry.withdrawn_at is not None:
        return Outcome(ItemStatus.ALREADY_WITHDRAWN, entry_id)
    return Outcome(ItemStatus.WITHDRAWN, entry_id)
