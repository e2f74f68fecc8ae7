"""Single entries and pages of them: read, and re-marked narrower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import not_, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from app import clock, remark
from app.errors import Conflict, Gone
from app.events import MarkingChanged, Subject
from app.facts import load_thing, load_views
from app.markings import Collection, Marking
from app.parties import Member, User
from app.policy import member_sees
from app.question import Action, MarkingView, Thing
from app.record import Tx, record
from app.signals import lists, queries, said
from app.signals.item_markings import UNMATCHED
from app.signals.kinds import match_key
from app.signals.lines import Shown, shown
from app.signals.models import SignalEntry
from app.signals.moving import forget_unheard, moved
from app.signals.queries import PARTS, Entry, Found
from app.signals.recount import recount
from app.signals.rendering import describe
from app.strictness import at_least_as_strict
from schemas.vocabulary import Reason

NOT_HEARD = "Nobody who would still see this signal contributes to it. Contribute it first, or end it."
TAKEN = "The same value stands under this marking already. Withdraw one."
NOT_NARROWER = (
    "Only a narrower marking can be given to a signal. "
    "To let more members see it, withdraw it and publish it again."
)


@dataclass(frozen=True, kw_only=True)
class Single:
    """One entry with the marking that it stands under; its value is not to be shown if it is `sealed`."""

    entry: SignalEntry
    thing: Thing
    sealed: bool

    @property
    def subject(self) -> Subject:
        about = Subject(kind="signal", id=self.entry.id, collection_id=self.entry.collection_id)
        return about.marked(self.thing.effective)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Entries of one list, and what an audit entry says about them."""

    found: Found
    items: Sequence[dict[str, Any]]
    subjects: Sequence[Subject]
    last: tuple[int, str] | None
    """(created at, id) of the last entry; None: nothing follows."""


def get(tx: Tx, entry_id: str) -> Single:
    """One entry that stands.

    Raises:
        NotFound: there is none that this actor sees.
        Forbidden: its owner prohibits the actor's purpose.
        Gone: it was withdrawn or has expired; the tombstone says why.
    """
    single = find(tx, entry_id)
    tx.require(Action.READ, single.thing)
    check_stands(single.entry, tx.now)
    return single


def find(tx: Tx, entry_id: str, *, any_purpose: bool = False) -> Single:
    """One entry that this actor sees, standing or not.

    Args:
        any_purpose: also where its own marking prohibits the actor's purpose.

    Raises:
        NotFound: it does not exist or is hidden.
    """
    entry, collection = queries.find_entry(tx, entry_id, any_purpose=any_purpose)
    return Single(
        entry=entry,
        thing=load_thing(tx.session, collection, entry.marking_id),
        sealed=queries.is_lookup_only(tx.session, collection.id),
    )


def hold(tx: Tx, entry: SignalEntry) -> None:
    """Lock an entry's list, and look at the entry again.

    Raises:
        Gone: it does not stand, or no longer.
    """
    queries.lock(tx.session, [entry.collection_id])
    tx.session.refresh(entry)
    check_stands(entry, tx.now)


def narrow(tx: Tx, entry_id: str, marking: Mapping[str, Any]) -> Single:
    """Give an entry a narrower marking: it is gone from its old place and stands at the new one.

    What members said of it who do not see it there goes: of the list's own marking they may say it anew.

    Raises:
        Conflict: the marking is not narrower, the same value stands under it already, no contribution would
            remain, or the list is for lookups, which would not match it.
    """
    before = find(tx, entry_id)
    tx.require(Action.NARROW, before.thing)
    entry = before.entry
    hold(tx, entry)
    collection = tx.session.get_one(Collection, entry.collection_id)
    view = remark.resolve(tx.session, before.thing.owner_id, marking, actor=tx.actor)
    if view == before.thing.effective:
        record(tx, MarkingChanged(subjects=(before.subject,), reason="narrowed"))
        return before
    row = remark.intern_narrower(tx.session, collection, view, tx.now)
    if not at_least_as_strict(view, before.thing.effective) or adds_readers(tx, before, row.id, view):
        raise Conflict(NOT_NARROWER, reason="not_narrower")
    old = shown(tx.session, collection.id, entry.marking_id, before.thing.narrower)
    new = shown(tx.session, collection.id, row.id, view)
    if new.silent and new.place is None:
        raise Conflict(UNMATCHED, reason="lookup_only")
    _move(tx, entry, new)
    state = _restated(tx, entry, new, before.thing.owner_id)
    after = Single(entry=entry, thing=load_thing(tx.session, collection, row.id), sealed=new.silent)
    record(tx, MarkingChanged(subjects=(after.subject,), reason="narrowed"), moved(state, old, new))
    return after


def page(
    tx: Tx,
    list_id: str,
    after: tuple[int, str] | None,
    limit: int,
    max_bytes: int,
    *,
    ending_by: int | None = None,
) -> Page:
    """Entries of a list that stand, oldest first, up to `limit` or about `max_bytes`.

    TLP:RED ones are read singly, and are not among them.

    Raises:
        Forbidden: the list is lookup-only, or prohibits the actor's purpose.
    """
    found = lists.get(tx, list_id)
    lists.require_handed_out(found)
    present = queries.entries_page(tx, list_id, after, limit + 1, ending_by=ending_by)
    rows = said.with_contributions(tx.session, present, tx.now)
    views = load_views(tx.session, {row["marking_id"] for row in rows if row["marking_id"] is not None})
    items: list[dict[str, Any]] = []
    size = 0
    for row in rows[:limit]:
        items.append(describe(row, views.get(row["marking_id"]), reader=tx.actor.member_id))
        size += 2 * len(row["value"] or b"") + 512
        if size > max_bytes:
            break
    taken = rows[: len(items)]
    more = len(items) < len(rows)
    return Page(
        found=found,
        items=items,
        subjects=_subjects(tx, found, taken, views),
        last=(taken[-1]["created_at"], taken[-1]["id"]) if more else None,
    )


def describe_single(tx: Tx, single: Single) -> dict[str, Any]:
    """The wire form of a single read: the marking that holds, and the whole value unless it is sealed."""
    entry: Entry = {column.key: getattr(single.entry, column.key) for column in PARTS}
    if single.sealed:
        entry["value"] = None
    said.with_contributions(tx.session, [entry], tx.now)
    described = describe(entry, single.thing.effective, reader=tx.actor.member_id, whole=True)
    return {**described, "list": single.entry.collection_id}


def check_stands(entry: SignalEntry, now: int) -> None:
    """Raise `Gone` with the tombstone unless the entry stands."""
    ended_at = entry.withdrawn_at or (entry.valid_until if entry.valid_until <= now else None)
    if ended_at is None:
        return
    raise Gone(
        "This signal was taken back, or its time is over: see the tombstone. Delete your copy.",
        tombstone={
            "id": entry.id,
            "list": entry.collection_id,
            "reason": entry.withdrawn_reason or Reason.EXPIRED.value,
            "at": clock.to_text(ended_at),
        },
    )


def _subjects(
    tx: Tx, found: Found, rows: Sequence[Mapping[str, Any]], views: Mapping[str, MarkingView]
) -> list[Subject]:
    """One per marking: how many entries, and between which changes they lie."""
    by_marking: dict[str | None, list[str]] = {}
    for row in rows:
        by_marking.setdefault(row["marking_id"], []).append(row["id"])
    subjects: list[Subject] = []
    for marking_id, ids in by_marking.items():
        first, last = queries.change_dates(tx.session, ids) or (None, None)
        where = shown(tx.session, found.id, marking_id, views.get(marking_id or ""))
        subjects.append(where.subject(found.marking, count=len(ids), first=first, last=last))
    return subjects or [lists.subject(found, count=0)]


def adds_readers(tx: Tx, before: Single, marking_id: str, view: MarkingView) -> bool:
    """Whether somebody would see the entry under the new marking who does not under its own narrower one.

    That nobody outside the collection does is `remark.intern_narrower`'s to see to.
    """
    if before.entry.marking_id is None or before.thing.effective.users:
        return False  # no narrower marking yet; or named users, whom `at_least_as_strict` compares
    new, old = aliased(Marking), aliased(Marking)
    collection_id = before.entry.collection_id
    named = select(User.member_id).where(User.id.in_(sorted(view.users)))
    added = (
        select(Member.id)
        .join(new, new.id == marking_id)
        .join(old, old.id == before.entry.marking_id)
        .where(
            or_(member_sees(Member, new, collection_id, tx.now), Member.id.in_(named)),
            not_(member_sees(Member, old, collection_id, tx.now)),
        )
        .limit(1)
    )
    return tx.session.scalar(added) is not None


def _move(tx: Tx, entry: SignalEntry, new: Shown) -> None:
    value = entry.value or b""
    entry.marking_id, entry.place_id = new.marking_id, new.home.id
    entry.match_key = new.match_key(match_key(value), value)
    try:
        with tx.session.begin_nested():
            tx.session.flush()
    except IntegrityError as error:
        raise Conflict(TAKEN, reason="taken") from error


def _restated(tx: Tx, entry: SignalEntry, new: Shown, owner_id: str) -> Entry:
    """How an entry stands with what is still heard of it where it is now."""
    forget_unheard(tx, [entry.id], new, owner_id)
    recounted = recount(tx, [entry.id])
    if not recounted:
        raise Conflict(NOT_HEARD, reason="no_contribution")
    tx.session.refresh(entry)
    return recounted[0].entry
