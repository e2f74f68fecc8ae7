"""Rate limits that protect the process (RFC 6585 section 4), told in every answer.

Limits that protect data are counted elsewhere. Counted in memory, or in Redis for all processes together;
while Redis does not answer, each process counts for itself: a store that is down stops nobody.
"""

import time
from dataclasses import dataclass
from typing import Any

import structlog
from flask import Response, current_app, g
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import MovingWindowRateLimiter
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.addresses import site
from app.config import Config, ConfigError
from app.errors import TooMany
from app.runtime import Runtime

log = structlog.get_logger(__name__)

STORE_SECONDS = 0.25
"""How long a request waits for the shared store."""
PAUSE_SECONDS = 5.0
"""How long a shared store that did not answer is left alone."""
CLEARING_SECONDS = 1.0
"""How often counts that are too old are dropped."""


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


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A named limit, as `RateLimit-Policy` tells it."""

    name: str
    item: RateLimitItem


@dataclass(frozen=True, kw_only=True)
class Quota:
    """What is left of a limit after a request, and seconds until there is more."""

    policy: Policy
    allowed: bool
    remaining: int
    seconds: int


class Limits:
    """The limits of one process, or of all where the store is shared."""

    def __init__(self, config: Config) -> None:
        self.client = Policy(name="client", item=_parsed("RATE_LIMIT", config.rate_limit))
        self.network = Policy(name="network", item=_parsed("TOKEN_RATE_LIMIT", config.token_rate_limit))
        self._own = MovingWindowRateLimiter(Unhurried())
        self._shared = _shared(config.rate_limit_storage)
        self._left_alone_until = 0.0

    def hit(self, policy: Policy, key: str) -> Quota:
        """Count one request."""
        if self._shared is not None and time.monotonic() >= self._left_alone_until:
            try:
                return _hit(self._shared, policy, key)
            except StorageError as error:
                self._left_alone_until = time.monotonic() + PAUSE_SECONDS
                log.warning("rate-limit.store-failed", error=type(error.storage_error).__name__)
        return _hit(self._own, policy, key)


def install(house: Runtime) -> Limits:
    """The limits that the settings name. Connects to nothing yet."""
    return Limits(house.config)


def hit_client(client_id: str) -> None:
    """Count one request of an identified client; `TooMany` when it has had its share."""
    limits = _limits()
    _enforce(limits.hit(limits.client, client_id))


def hit_network(network: str | None) -> None:
    """Count one request without a valid identity, by address or IPv6 site: each request once."""
    if "limit" in g:
        return
    limits = _limits()
    _enforce(limits.hit(limits.network, site(network)))


def tell(answer: Response) -> None:
    """Say in an answer what is left (draft-ietf-httpapi-ratelimit-headers-11)."""
    found: Quota | None = g.get("limit")
    if found is None:
        return
    item = found.policy.item
    answer.headers["RateLimit-Policy"] = f'"{found.policy.name}";q={item.amount};w={item.get_expiry()}'
    answer.headers["RateLimit"] = f'"{found.policy.name}";r={found.remaining};t={found.seconds}'


def _limits() -> Limits:
    limits: Limits = current_app.extensions["halyard-limits"]
    return limits


def _enforce(quota: Quota) -> None:
    g.limit = quota
    if not quota.allowed:
        raise TooMany("Too many requests. Wait as long as Retry-After says.", retry_after=quota.seconds)


def _hit(limiter: MovingWindowRateLimiter, policy: Policy, key: str) -> Quota:
    names = (policy.name, key)
    allowed = limiter.hit(policy.item, *names)
    window = limiter.get_window_stats(policy.item, *names)
    seconds = max(1, int(window.reset_time - time.time()) + 1)
    remaining = max(0, window.remaining) if allowed else 0
    return Quota(policy=policy, allowed=allowed, remaining=remaining, seconds=seconds)


def _parsed(setting: str, text: str) -> RateLimitItem:
    try:
        return parse(text)
    except ValueError as error:
        raise ConfigError(f"HALYARD_{setting} cannot be read: write for example 60 per minute") from error


def _shared(uri: str) -> MovingWindowRateLimiter | None:
    if uri == "memory://":
        return None
    if not uri.startswith(("redis://", "rediss://")):
        raise ConfigError(
            "HALYARD_RATE_LIMIT_STORAGE is memory:// or the address of a Redis: redis://host:6379"
        )
    options: dict[str, Any] = {
        "socket_connect_timeout": STORE_SECONDS,
        "socket_timeout": STORE_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }
    storage = storage_from_string(uri, wrap_exceptions=True, **options)
    return MovingWindowRateLimiter(storage)
