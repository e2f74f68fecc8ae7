"""Time as integer microseconds UTC. Databases disagree about time zones; integers do not."""

import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Protocol

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Anything that tells the time in microseconds since 1970-01-01T00:00:00Z."""

    def __call__(self) -> int: ...


def system_clock() -> int:
    return time.time_ns() // 1000


def shifted(microseconds: int) -> Clock:
    """The system clock moved by a fixed amount, so that the passing of years can be tried out."""
    return lambda: system_clock() + microseconds


def to_text(moment: int) -> str:
    """RFC 3339 with six digits and `Z`: sorts like the number."""
    second, rest = divmod(moment, SECOND)
    return f"{_second_to_text(second)}.{rest:06d}Z"


@lru_cache(maxsize=1024)
def _second_to_text(second: int) -> str:
    return (_EPOCH + timedelta(seconds=second)).isoformat(timespec="seconds").removesuffix("+00:00")


def from_text(text: str) -> int:
    """Microseconds of an RFC 3339 date-time with an offset.

    Raises:
        ValueError: no date-time, one without an offset (a local time means nothing to another member), or one
            whose offset leads out of the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a date-time needs an offset, for example a final Z")
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a date-time in UTC lies in the years 1 to 9999") from error
    return (in_utc - _EPOCH) // timedelta(microseconds=1)
