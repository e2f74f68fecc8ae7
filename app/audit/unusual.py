"""Days on which a member did unusually much, against its own past. Pure.

The measure is the median of the days before and their median absolute deviation (MAD), which a few wild days
do not move; 1.4826 MAD estimates a standard deviation where days vary normally (Rousseeuw and Croux 1993,
Alternatives to the Median Absolute Deviation). A day is unusual if it lies more than `DEVIATIONS` of these
above the median. Counts vary by chance, so that a deviation is never taken for less than the square root of
the median, nor for less than 1.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final, Protocol

from app.clock import DAY
from schemas.vocabulary import Decision

PAST_DAYS: Final = 28
"""Days before the one in question that it is compared with."""
LEAST_DAYS: Final = 7
"""So many days must have passed since the first that is known: before that there is no past."""
DEVIATIONS: Final = 6
SCALE: Final = 1.4826

ENTRIES, ITEMS, REFUSED = "entries", "items", "refused"
MEASURES: Final = (ENTRIES, ITEMS, REFUSED)


class Counted(Protocol):
    """What was done on one day with one decision, or a part of it: entries, and the items that they count."""

    @property
    def day(self) -> int: ...
    @property
    def decision(self) -> str: ...
    @property
    def entries(self) -> int: ...
    @property
    def items(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True)
class Unusual:
    """One measure of one day that lies above what the days before make likely.

    Args:
        measure: `entries` or `items` (that were not refused), or `refused` (entries).
        value: of the day.
        median: of the days before.
        limit: the most that would not have been unusual.
        days: how many days before it was compared with.
    """

    day: int
    measure: str
    value: int
    median: float
    limit: float
    days: int


def unusual(volumes: Iterable[Counted], since: int, until: int, begun: int) -> Sequence[Unusual]:
    """The unusual days of a period, oldest first.

    Args:
        begun: the member's first day that is known: days without anything count as past only from there on.
        volumes: of one member, from `PAST_DAYS` before the period on.
        since: first microsecond of a day; with `until` the period in question.
    """
    days = _by_day(volumes)
    return [
        found
        for day in sorted(days)
        if since <= day < until
        for measure in MEASURES
        if (found := _judged(days, begun, day, measure)) is not None
    ]


def _by_day(volumes: Iterable[Counted]) -> Mapping[int, Mapping[str, int]]:
    days: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(MEASURES, 0))
    for one in volumes:
        day = days[one.day]
        if one.decision == Decision.REFUSED.value:
            day[REFUSED] += one.entries
        else:
            day[ENTRIES] += one.entries
            day[ITEMS] += one.items or 0
    return days


def _judged(days: Mapping[int, Mapping[str, int]], begun: int, day: int, measure: str) -> Unusual | None:
    first = max(begun, day - PAST_DAYS * DAY)
    past = [days[past][measure] if past in days else 0 for past in range(first, day, DAY)]
    if len(past) < LEAST_DAYS:
        return None
    middle = median(past)
    spread = median(abs(value - middle) for value in past)
    limit = middle + DEVIATIONS * max(SCALE * spread, sqrt(middle), 1)
    value = days[day][measure]
    if value <= limit:
        return None
    return Unusual(
        day=day, measure=measure, value=value, median=middle, limit=round(limit, 1), days=len(past)
    )
