"""Limits that are counted in memory: as strict as the library's, without its threads."""

import threading

from limits import parse
from limits.strategies import MovingWindowRateLimiter

from app.web import limits
from app.web.limits import Unhurried


def test_counting_in_memory_holds_the_limit_and_starts_no_thread() -> None:
    storage = Unhurried()
    storage.timer.join()  # the library begins with one
    limiter = MovingWindowRateLimiter(storage)
    before, limit = threading.active_count(), parse("3 per minute")
    assert [limiter.hit(limit, "client", "a") for _ in range(5)] == [True, True, True, False, False]
    assert limiter.hit(limit, "client", "b")
    assert threading.active_count() == before


def test_what_is_too_old_to_count_is_dropped_by_whoever_comes() -> None:
    storage = Unhurried()
    limiter = MovingWindowRateLimiter(storage)
    limiter.hit(parse("3 per minute"), "client", "a")
    (key,) = storage.events
    storage.events[key][0].expiry = 0
    storage._cleared -= limits.CLEARING_SECONDS
    limiter.hit(parse("3 per minute"), "client", "b")
    assert storage.events[key] == []
