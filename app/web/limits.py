"""Rate limits that protect the process (RFC 6585 section 4).

Limits that protect data are counted elsewhere.
"""

import time

from flask import current_app
from limits import RateLimitItem, parse
from limits.storage import storage_from_string
from limits.strategies import MovingWindowRateLimiter

from app.errors import TooMany
from app.runtime import Runtime


def install(house: Runtime) -> MovingWindowRateLimiter:
    """The limiter of one process, or of all where the storage is shared."""
    return MovingWindowRateLimiter(storage_from_string(house.config.rate_limit_storage))


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
