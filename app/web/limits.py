"""Rate limits that protect the process (RFC 6585 section 4).

Limits that protect data are counted elsewhere.
"""

import time

from flask import current_app
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from app.errors import TooMany
from app.runtime import Runtime

MEMORY = "memory://"
CLEARING_SECONDS = 1.0


class Unhurried(MemoryStorage):
    """Counts in memory. By its library's own way a busy process starts a thread a hundred times a second.

    Those threads drop what is too old to count. Here whoever comes does it, at most once a second.
    """

    _cleared = 0.0

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - the name that the library gives it
        now = time.monotonic()
        if now - self._cleared >= CLEARING_SECONDS:
            self._cleared = now
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]


def install(house: Runtime) -> MovingWindowRateLimiter:
    """The limiter of one process, or of all where the storage is shared."""
    where = house.config.rate_limit_storage
    storage = Unhurried(where) if where == MEMORY else storage_from_string(where)
    return MovingWindowRateLimiter(storage)


def hit_client(house: Runtime, client_id: str) -> None:
    """Count one request of an identified client; `TooMany` when it has had its share."""
    _hit(parse(house.config.rate_limit), "client", client_id)


def hit_network(house: Runtime, network: str | None) -> None:
    """Count one request without a valid identity."""
    _hit(parse(house.config.token_rate_limit), "network", network or "unknown")


def _hit(item: RateLimitItem, *names: str) -> None:
    limiter: MovingWindowRateLimiter = current_app.extensions["halyard-limits"]
    if not limiter.hit(item, *names):
        window = limiter.get_window_stats(item, *names)
        raise TooMany(
            "Too many requests. Wait as long as Retry-After says.",
            retry_after=max(1, int(window.reset_time - time.time()) + 1),
        )
