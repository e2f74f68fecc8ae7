"""Takes contributions back: by their member, by the owner of the list, or by the time.

With the last one its entry ends: of the value nothing stays, in no table and no line. While others contribute
to it the entry stays, and how it stands is worked out anew.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, update

from app.events import ContributionsLapsed, SignalsExpired, SignalsWithdrawn, Subject
from app.facts import load_thing
from app.feed.append import Line
from app.markings import Collection
from app.question import Action, MarkingView
from app.record import Tx, record
from app.rows import batches
from app.signals import queries
from app.signals.lines import Shown, own_first, shown_by_marking
from app.signals.models import Contribution, SignalEntry, SignalOpinion
from app.signals.outcomes import Outcome, refusal
from app.signals.queries import Ending
from app.signals.recount import restate
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import ItemStatus, Reason, Standing

_NOT_YOURS = Refused(
    RefusalReason.NOT_YOURS,
    "You do not contribute to this signal. The owner of the list may end it whole, with what others said.",
)


def withdraw(
    tx: Tx, list_id: str, entry_ids: Sequence[str], reason: Reason, *, whole: bool = False
) -> list[Outcome]:
    """Take back the actor's contributions to entries of one list; an outcome per id, in order.

    An id that is not in the list, that the actor may not know of or does not contribute to is refused; the
    others go on. All of it is one transaction.

    Args:
        whole: end the entries, with what others contributed to them: the owner's.

    Raises:
        NotFound: there is no such list for this actor.
        Forbidden: `whole`, and it belongs to another member.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.EDIT if whole else Action.RECALL, found.thing)
    queries.lock(tx.session, [list_id])
    known = {entry.id: entry for entry in queries.to_withdraw(tx, list_id, list(dict.fromkeys(entry_ids)))}
    standing = [entry for entry in known.values() if entry.withdrawn_at is None]
    ending = [entry for entry in standing if whole or (entry.mine and not entry.others)]
    staying = [entry for entry in standing if not whole and entry.mine and entry.others]
    shown = shown_by_marking(tx.session, list_id, {entry.marking_id for entry in standing} | {None})
    lines = end(tx, ending, shown, reason) + _leave(tx, list_id, staying)
    subjects = _subjects(found.marking, shown, [*ending, *staying]) or (
        shown[None].subject(found.marking, count=0),
    )
    record(tx, SignalsWithdrawn(subjects=subjects, reason=reason.value), own_first(lines))
    return [_outcome(entry_id, known.get(entry_id), whole=whole) for entry_id in entry_ids]


def expire_due(tx: Tx, limit: int) -> int:
    """Drop contributions whose time is over, and end up to `limit` entries that have no other.

    Returns how many entries it looked at. Safe to run beside itself.
    """
    list_ids = queries.due_lists(tx.session, tx.now, limit)
    if not list_ids:
        return 0
    queries.lock(tx.session, list_ids)
    due = queries.due(tx.session, list_ids, tx.now, limit)
    by_list: dict[str, list[Ending]] = {}
    for entry in due:
        by_list.setdefault(entry.list_id, []).append(entry)
    ended = _Told([], [])
    lapsed = _Told([], [])
    for list_id, entries in sorted(by_list.items()):
        outer = load_thing(tx.session, tx.session.get_one(Collection, list_id)).marking
        shown = shown_by_marking(tx.session, list_id, {entry.marking_id for entry in entries})
        ending = [entry for entry in entries if not entry.others]
        staying = [entry for entry in entries if entry.others]
        ended.lines.extend(end(tx, ending, shown, Reason.EXPIRED))
        ended.subjects.extend(_subjects(outer, shown, ending))
        lapsed.lines.extend(_lapse(tx, list_id, staying))
        lapsed.subjects.extend(_subjects(outer, shown, staying))
    if ended.subjects:
        record(tx, SignalsExpired(subjects=tuple(ended.subjects)), own_first(ended.lines))
    if lapsed.subjects:
        record(tx, ContributionsLapsed(subjects=tuple(lapsed.subjects)), own_first(lapsed.lines))
    return len(due)


@dataclass(frozen=True)
class _Told:
    """What is told of one event: lines and subjects over several lists."""

    lines: list[Line]
    subjects: list[Subject]


def _subjects(
    outer: MarkingView, shown: Mapping[str | None, Shown], entries: Sequence[Ending]
) -> tuple[Subject, ...]:
    counts = Counter(entry.marking_id for entry in entries)
    return tuple(shown[key].subject(outer, count=count) for key, count in counts.items())


def _leave(tx: Tx, list_id: str, staying: Sequence[Ending]) -> list[Line]:
    """The actor's part of entries that others contribute to as well."""
    ids = [entry.id for entry in staying]
    if not ids:
        return []
    own = delete(Contribution).where(
        queries.one_of(tx.session, Contribution.entry_id, ids), Contribution.member_id == tx.actor.member_id
    )
    tx.session.execute(own, execution_options={"synchronize_session": False})
    return restate(tx, list_id, ids, clears=True)


def _lapse(tx: Tx, list_id: str, staying: Sequence[Ending]) -> list[Line]:
    ids = [entry.id for entry in staying]
    if not ids:
        return []
    over = delete(Contribution).where(
        queries.one_of(tx.session, Contribution.entry_id, ids), Contribution.valid_until <= tx.now
    )
    tx.session.execute(over, execution_options={"synchronize_session": False})
    return restate(tx, list_id, ids)


def end(tx: Tx, ending: Sequence[Ending], shown: Mapping[str | None, Shown], reason: Reason) -> list[Line]:
    """Clear the rows and all that was said of them, some statements; their tombstones.

    The lists must be locked.
    """
    if not ending:
        return []
    standing = Standing.EXPIRED if reason is Reason.EXPIRED else Standing.RETRACTED
    cleared = update(SignalEntry).values(
        value=None, match_key=None, qualifier="", details={}, standing=standing.value,
        withdrawn_at=tx.now, withdrawn_reason=reason.value,
    )  # fmt: skip
    for ids in batches([entry.id for entry in ending]):
        said = [
            delete(table).where(queries.one_of(tx.session, table.entry_id, ids))
            for table in (Contribution, SignalOpinion)
        ]
        for statement in (*said, cleared.where(queries.one_of(tx.session, SignalEntry.id, ids))):
            tx.session.execute(statement, execution_options={"synchronize_session": False})
    return [line for entry in ending for line in shown[entry.marking_id].gone(entry.id, reason)]


def _outcome(entry_id: str, entry: Ending | None, *, whole: bool) -> Outcome:
    if entry is None:
        hint = "There is no such signal in this list that you may see. Check the id."
        return refusal(Refused(RefusalReason.NOT_FOUND, hint))
    if entry.withdrawn_at is not None:
        return Outcome(ItemStatus.ALREADY_WITHDRAWN, entry_id)
    if not (whole or entry.mine):
        return refusal(_NOT_YOURS)
    return Outcome(ItemStatus.WITHDRAWN, entry_id)
