"""Stretches of the log in which entries of a time stand: exact where it was counted, and open behind that.

Numbers follow moments closely and not strictly, because an entry gets its number when it is committed. So no
slack is assumed: `audit_hour` knows the first and the last number of each hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.audit.projecting import counted
from app.audit.projection import AuditHour
from app.clock import HOUR


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
    hours = select(func.min(AuditHour.first_seq).label("first"), func.max(AuditHour.last_seq).label("last"))
    if since is not None:
        hours = hours.where(AuditHour.hour >= since - since % HOUR)
    if until is not None:
        hours = hours.where(AuditHour.hour < until)
    found = session.execute(hours.having(func.count() > 0)).one_or_none()
    tail = Span(low=upto)
    if found is None or found.first > upto:
        return [tail]
    known = Span(low=found.first - 1, high=min(found.last, upto))
    return [tail, known] if newest else [known, tail]
