"""How much was exchanged, by day: read from `audit_tally`, at the same cost however long the log is.

Days are of UTC and whole: from the day of `since` to before `until`, a day that it cuts included. Auditors
read of everybody. A member reads of itself, and of others what they did with what it owns, lookups in bands.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Subquery, func, select, union_all
from sqlalchemy.orm import Session

from app.audit import projecting
from app.audit.projection import NOBODY, WEEK, AuditPair, AuditTally
from app.audit.queries import Scope
from app.audit.withheld import BANDED, band
from app.clock import DAY


@dataclass(frozen=True, kw_only=True)
class Volume:
    """What was done on one day: how many entries of an action and decision, and how many items they count.

    Of others' lookups an owner gets a band of the items instead of their number.
    """

    day: int
    action: str
    decision: str
    entries: int
    items: int | None
    band: str | None = None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a member did with what an owner owns. `member` None: nobody that is known.

    `entries` and `items` were given or allowed; `refused` counts entries that were refused.
    """

    member: str | None
    owner: str
    entries: int
    items: int
    refused: int


def volume(session: Session, scope: Scope, member: str | None, since: int, until: int) -> Sequence[Volume]:
    """Counts per day, action and decision, oldest first.

    Args:
        scope: of the reader. A member that asks for another one gets what that one did with its own data.
        member: the acting member; None: all that the reader may know of.
        since: microseconds; with `until`, see above.

    Raises:
        Unavailable: the log is still being prepared for questions.
    """
    projecting.require_counted(session)
    wanted = (
        select(
            AuditTally.day, AuditTally.action, AuditTally.decision,
            func.sum(AuditTally.entries), func.sum(AuditTally.items),
        )
        .where(*_within(since, until), *_whose(scope, member))
        .group_by(AuditTally.day, AuditTally.action, AuditTally.decision)
        .order_by(AuditTally.day, AuditTally.action, AuditTally.decision)
    )  # fmt: skip
    own = _own(scope, member)
    return [
        _volume(day, action, decision, int(entries), int(items), exact=own or action not in BANDED)
        for day, action, decision, entries, items in session.execute(wanted)
    ]


def _volume(day: int, action: str, decision: str, entries: int, items: int, *, exact: bool) -> Volume:
    return Volume(
        day=day, action=action, decision=decision, entries=entries,
        items=items if exact else None, band=None if exact else band(items),
    )  # fmt: skip


def first_days(session: Session, scope: Scope, members: Collection[str]) -> dict[str, int]:
    """The first day on which each of these members did something that the reader may know of."""
    whole = all(_own(scope, member) for member in members)
    wanted = (
        select(AuditTally.member_id, func.min(AuditTally.day).label("day"))
        .where(
            AuditTally.owner_id == (NOBODY if whole else scope.member),
            AuditTally.member_id.in_(sorted(members)),
        )
        .group_by(AuditTally.member_id)
    )
    return {row.member_id: row.day for row in session.execute(wanted)}


def matrix(session: Session, since: int, until: int) -> Sequence[Cell]:
    """Who did how much with whose data, by member and owner: for auditors.

    Raises:
        Unavailable: as `volume`.
    """
    projecting.require_counted(session)
    pairs = _pairs(since, until).c
    by = (pairs.member_id, pairs.owner_id)
    wanted = (
        select(*by, func.sum(pairs.entries), func.sum(pairs["items"]), func.sum(pairs.refused))
        .group_by(*by)
        .order_by(*by)
    )
    return [
        Cell(
            member=member if member != NOBODY else None, owner=owner,
            entries=int(entries), items=int(items), refused=int(refused),
        )
        for member, owner, entries, items, refused in session.execute(wanted)
    ]  # fmt: skip


def _pairs(since: int, until: int) -> Subquery:
    """Rows of the whole weeks of a period, and of the days before and after them: each by a range of keys."""
    begun, ended = since - since % DAY, until + -until % DAY
    first, last = begun + -begun % WEEK, ended - ended % WEEK
    if first >= last:
        first = last = ended
    columns = (
        AuditPair.member_id, AuditPair.owner_id, AuditPair.entries, AuditPair.items, AuditPair.refused,
    )  # fmt: skip
    return union_all(
        *(
            select(*columns).where(AuditPair.days == days, AuditPair.day >= low, AuditPair.day < high)
            for days, low, high in ((7, first, last), (1, begun, first), (1, last, ended))
        )
    ).subquery()


def _within(since: int, until: int) -> list[ColumnElement[bool]]:
    return [AuditTally.day >= since - since % DAY, AuditTally.day < until]


def _whose(scope: Scope, member: str | None) -> list[ColumnElement[bool]]:
    """Rows that answer for a member: of others, a member reads those of what it owns."""
    parts = [AuditTally.owner_id == (NOBODY if _own(scope, member) else scope.member)]
    if member is not None:
        parts.append(AuditTally.member_id == member)
    return parts


def _own(scope: Scope, member: str | None) -> bool:
    """Whether the reader may have all of it: it is an auditor, or asks about itself."""
    return scope.member is None or member == scope.member
