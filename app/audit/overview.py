"""How much went on lately, by day and by member: from the tallies, whatever the log's length.

Auditors read of everybody; a member of itself, and of others what they did with what it owns. Days are
of UTC; today is one that is not over.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.audit import projecting, service, tallies
from app.audit.projection import NOBODY, AuditTally
from app.audit.queries import Scope
from app.audit.unusual import PAST_DAYS, Unusual, unusual
from app.clock import DAY
from app.question import Actor
from schemas.vocabulary import Decision

_ENDINGS = (Decision.COMPLETED.value, Decision.ABORTED.value)
"""What ends a stream is no exchange of its own: its segments are counted."""


@dataclass(frozen=True, kw_only=True)
class Day:
    """Entries of one day: of exchanges, and of refusals. `day` is its first microsecond."""

    day: int
    exchanges: int
    refused: int


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Days from `since` on, today included, each with its counts; and what was unusual among them.

    Args:
        members: member → its exchanges and refusals in these days. None: the operator, or nobody known.
        unusual: days of a member that stand out against its own past, newest first.
        partial: of others it says only what they did with what the reader's member owns.
    """

    since: int
    days: Sequence[Day]
    members: dict[str | None, tuple[int, int]]
    unusual: Sequence[tuple[str, Unusual]]
    partial: bool = False

    @property
    def exchanges(self) -> int:
        return sum(day.exchanges for day in self.days)

    @property
    def refused(self) -> int:
        return sum(day.refused for day in self.days)


def look(session: Session, actor: Actor, now: int, days: int, *, member: str | None = None) -> Overview:
    """The last days, of all members that the reader may be told of, or of one of them.

    Args:
        days: how many, at least 1.

    Raises:
        Forbidden: the reader's client is bound to collections; the log is not cut that way.
        Unavailable: the log is still being prepared for questions.
    """
    scope = service.scope_of(actor)
    projecting.require_counted(session)
    until = now - now % DAY + DAY
    since = until - days * DAY
    volumes = _volumes(session, scope, member, since - PAST_DAYS * DAY, until)
    with_own = [] if scope.member is None else _with_what_it_owns(session, scope.member, since, until)
    of_others = scope.member is not None and member not in {None, scope.member}
    if of_others:
        volumes = [row for row in with_own if row[0] == member]
    return Overview(
        since=since,
        days=_days(volumes, since, until),
        members=_members([*with_own, *volumes] if not of_others else volumes, since),
        unusual=[] if of_others else _unusual(session, scope, volumes, since, until),
        partial=scope.member is not None,
    )


@dataclass(frozen=True, kw_only=True)
class _Count:
    """What a member did on one day with one decision."""

    day: int
    decision: str
    entries: int
    items: int


_Row = tuple[str, _Count]


def _volumes(session: Session, scope: Scope, member: str | None, since: int, until: int) -> list[_Row]:
    """Everything that a member, or everybody, did."""
    of = {scope.member, member} - {None}
    return _summed(
        session, since, until, AuditTally.owner_id == NOBODY, *(AuditTally.member_id == one for one in of)
    )


def _with_what_it_owns(session: Session, owner: str, since: int, until: int) -> list[_Row]:
    """What others did with what a member owns. Entries alone: of lookups it is told no exact items."""
    rows = _summed(session, since, until, AuditTally.owner_id == owner, AuditTally.member_id != owner)
    return [(who, replace(one, items=0)) for who, one in rows]


def _summed(session: Session, since: int, until: int, *wanted: ColumnElement[bool]) -> list[_Row]:
    by = (AuditTally.day, AuditTally.member_id, AuditTally.decision)
    rows = (
        select(*by, func.sum(AuditTally.entries), func.sum(AuditTally.items))
        .where(AuditTally.day >= since, AuditTally.day < until, *wanted)
        .group_by(*by)
        .order_by(*by)
    )
    return [
        (who, _Count(day=day, decision=decision, entries=int(entries), items=int(items)))
        for day, who, decision, entries, items in session.execute(rows)
    ]


def _days(volumes: Iterable[_Row], since: int, until: int) -> list[Day]:
    counted = {day: [0, 0] for day in range(since, until, DAY)}
    for _, one in volumes:
        if one.day >= since:
            _count(counted[one.day], one)
    return [
        Day(day=day, exchanges=exchanges, refused=refused) for day, (exchanges, refused) in counted.items()
    ]


def _members(volumes: Iterable[_Row], since: int) -> dict[str | None, tuple[int, int]]:
    counted: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for who, one in volumes:
        if one.day >= since:
            _count(counted[None if who == NOBODY else who], one)
    return {who: (exchanges, refused) for who, (exchanges, refused) in counted.items()}


def _count(into: list[int], one: _Count) -> None:
    if one.decision == Decision.REFUSED.value:
        into[1] += one.entries
    elif one.decision not in _ENDINGS:
        into[0] += one.entries


def _unusual(
    session: Session, scope: Scope, volumes: Iterable[_Row], since: int, until: int
) -> list[tuple[str, Unusual]]:
    by_member: dict[str, list[_Count]] = defaultdict(list)
    for who, one in volumes:
        if who != NOBODY:
            by_member[who].append(one)
    begun = tallies.first_days(session, scope, by_member)
    found = [(who, one) for who, own in by_member.items() for one in unusual(own, since, until, begun[who])]
    return sorted(found, key=lambda pair: (-pair[1].day, pair[0], pair[1].measure))
