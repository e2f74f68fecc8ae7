"""Stretches of the log in which entries of a time stand: exact where it was counted, and open behind that.

Numbers follow moments closely and not strictly, because an entry gets its number when it is committed. So no
slack is assumed: `audit_hour` knows the first and the last number of each hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from app.audit.projecting import counted
from app.audit.projection import AuditHour
from app.clock import HOUR

SPANS: Final = 8
"""Stretches that a period is looked for in one by one; more are taken as one."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """Numbers above `low`, up to `high`; None: to the end of the log."""

    low: int = 0
    high: int | None = None

    def behind(self, after: int | None, *, newest: bool) -> Self | None:
        """What lies behind a number in this order; None: nothing."""
        if after is None:
            found = self
        elif newest:
            found = replace(self, high=after - 1 if self.high is None else min(self.high, after - 1))
        else:
            found = replace(self, low=max(self.low, after))
        return None if found.high is not None and found.high <= found.low else found

    def up_to(self, number: int, *, newest: bool) -> Self:
        """The part up to a number in this order, that number included."""
        if newest:
            return replace(self, low=max(self.low, number - 1))
        return replace(self, high=number if self.high is None else min(self.high, number))

    def holds(self, number: Any) -> list[ColumnElement[bool]]:
        """Conditions: a column's number lies in it."""
        parts: list[ColumnElement[bool]] = [number > self.low]
        if self.high is not None:
            parts.append(number <= self.high)
        return parts


def of(session: Session, since: int | None, until: int | None, *, newest: bool) -> Sequence[Span]:
    """The spans outside of which no entry of the period stands, in this order."""
    if since is None and until is None:
        return [Span()]
    upto = counted(session).seq  # read first: hours that are added meanwhile lie behind it
    known = [
        Span(low=span.low, high=min(span.high or upto, upto))
        for span in _counted(session, since, until)
        if span.low < upto
    ]
    spans = [*known, Span(low=upto)]
    return spans[::-1] if newest else spans


def _counted(session: Session, since: int | None, until: int | None) -> list[Span]:
    """The stretches of a period's hours; where they touch they are one.

    Mostly it is one in all. An hour that stands apart comes of a clock that was set wrong, and must not make
    every later question look through all that lies between.
    """
    before = func.max(AuditHour.last_seq).over(order_by=AuditHour.first_seq, rows=(None, -1))
    hours = select(AuditHour.first_seq, AuditHour.last_seq, before.label("reached"))
    if since is not None:
        hours = hours.where(AuditHour.hour >= since - since % HOUR)
    if until is not None:
        hours = hours.where(AuditHour.hour < until)
    each = hours.subquery()
    last = session.scalar(select(func.max(each.c.last_seq)))
    apart = or_(each.c.reached.is_(None), each.c.first_seq > each.c.reached + 1)
    rows = session.execute(
        select(each.c.first_seq, each.c.reached).where(apart).order_by(each.c.first_seq).limit(SPANS + 1)
    ).all()
    if last is None or not rows:
        return []
    if len(rows) > SPANS:
        return [Span(low=rows[0].first_seq - 1, high=last)]
    ends = [row.reached for row in rows[1:]] + [last]
    return [Span(low=row.first_seq - 1, high=end) for row, end in zip(rows, ends, strict=True)]
