"""Keys that clients publish at a `jwks_uri` (RFC 7591): fetched, kept for a time, fetched again.

What was fetched stands in the database, for all processes. It is fresh for as long as its server says, within
bounds. A key that is removed there stops working here when the set is no longer fresh, and while the other
server does not answer at most `STALE` later. Nothing here is called inside a transaction but `keep`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from app.clock import DAY, HOUR, MINUTE, SECOND
from app.errors import HalyardError, Invalid, Unavailable, Unreachable
from app.members.jwks import check_jwks, usable
from app.parties import Client, ClientKeySet
from app.runtime import Runtime

log = structlog.get_logger(__name__)

MEDIA_TYPES = ("application/json", "application/jwk-set+json")
FRESH_LEAST = 5 * MINUTE
FRESH_USUAL = 15 * MINUTE
FRESH_MOST = DAY
STALE = HOUR
"""How long keys that are no longer fresh are used while their server does not answer."""
PAUSE = MINUTE
"""The least time between two attempts for one client, whatever its callers send."""
_UNDER_WAY = 10 * SECOND
_RETRY_AFTER_SECONDS = 2
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=\"?(\d{1,9})")
_UNSTORED = re.compile(r"(?:^|[\s,])no-(?:store|cache)(?:$|[\s,=])")


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A checked key set, where it came from, and for how long it is fresh (microseconds)."""

    url: str
    jwks: dict[str, Any]
    lifetime: int


@dataclass(frozen=True, kw_only=True)
class _Held:
    """What stands in the database."""

    jwks: dict[str, Any]
    fresh_until: int
    attempted_at: int


def fetch(runtime: Runtime, url: str, *, known: bool = False) -> Fetched:
    """Get and check the key set at a URL, now.

    Args:
        known: of a client that is registered: then a set without keys is an answer, and ends them.

    Raises:
        Invalid: the URL is not allowed, or what is there is no key set that can be taken.
    """
    try:
        answer = runtime.outgoing.get(url, MEDIA_TYPES)
        found = usable(msgspec.json.decode(answer.body, type=dict[str, Any]))
        jwks = found if known and found["keys"] == [] else check_jwks(found)
    except (Unreachable, Invalid) as error:
        raise _refused(error) from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _refused(Unreachable("What is there is no JSON object.", reason="json")) from error
    return Fetched(url=url, jwks=jwks, lifetime=lifetime(answer.headers.get("cache-control", "")))


def lifetime(cache_control: str) -> int:
    """For how long a set is fresh, by `Cache-Control` (RFC 9111 section 5.2.2) within our bounds."""
    text = cache_control.lower()
    if _UNSTORED.search(text):
        return FRESH_LEAST
    found = _MAX_AGE.search(text)
    wanted = int(found[1]) * SECOND if found else FRESH_USUAL
    return max(FRESH_LEAST, min(wanted, FRESH_MOST))


def keep(session: Session, client: Client, fetched: Fetched | None, now: int) -> None:
    """Make this the client's published keys, instead of what was there; None: it publishes none."""
    row = session.get(ClientKeySet, client.id)
    if fetched is None:
        if row is not None:
            session.delete(row)
        return
    if row is None:
        row = ClientKeySet(client_id=client.id)
        session.add(row)
    row.url, row.jwks = fetched.url, fetched.jwks
    row.fresh_until, row.attempted_at = now + fetched.lifetime, now


def published(runtime: Runtime, client_id: str, url: str, kid: str | None) -> Sequence[dict[str, Any]]:
    """The keys of a client that publishes them; fetched again where they are not fresh or lack `kid`.

    Raises:
        Unavailable: another process is fetching them at this moment, and there are none to go on with.
    """
    now = runtime.clock()
    held = _held(runtime, client_id, url)
    if held is None:
        return ()
    if now < held.fresh_until and (kid is None or _names(held.jwks, kid)):
        return _keys(held.jwks)
    ours = held.attempted_at <= now - PAUSE and _claim(runtime, client_id, url, now)
    fetched = _try(runtime, client_id, url) if ours else None
    if fetched is not None:
        _store(runtime, client_id, fetched)
        return _keys(fetched.jwks)
    held = _held(runtime, client_id, url) or held
    if now < held.fresh_until + STALE:
        return _keys(held.jwks)
    if not ours and now - held.attempted_at < _UNDER_WAY:
        raise Unavailable("The keys of this client are being fetched.", retry_after=_RETRY_AFTER_SECONDS)
    return ()


def _try(runtime: Runtime, client_id: str, url: str) -> Fetched | None:
    try:
        return fetch(runtime, url, known=True)
    except Invalid as error:
        log.warning("jwks-uri.failed", client=client_id, reason=error.reason)
        return None


def _held(runtime: Runtime, client_id: str, url: str) -> _Held | None:
    columns = select(ClientKeySet.jwks, ClientKeySet.fresh_until, ClientKeySet.attempted_at)
    wanted = columns.where(ClientKeySet.client_id == client_id, ClientKeySet.url == url)
    with runtime.db.read() as session:
        row = session.execute(wanted).one_or_none()
    return None if row is None else _Held(jwks=row[0], fresh_until=row[1], attempted_at=row[2])


def _claim(runtime: Runtime, client_id: str, url: str, now: int) -> bool:
    """Whether this process is the one that fetches now: of all that ask at once, one is."""
    wanted = update(ClientKeySet).where(
        ClientKeySet.client_id == client_id, ClientKeySet.url == url, ClientKeySet.attempted_at <= now - PAUSE
    )
    with runtime.db.write() as session:
        done = session.execute(wanted.values(attempted_at=now))
        return cast(CursorResult[Any], done).rowcount == 1


def _store(runtime: Runtime, client_id: str, fetched: Fetched) -> None:
    """Keep what was fetched, unless the client publishes elsewhere by now."""
    wanted = update(ClientKeySet).where(ClientKeySet.client_id == client_id, ClientKeySet.url == fetched.url)
    with runtime.db.write() as session:
        fresh_until = runtime.clock() + fetched.lifetime
        session.execute(wanted.values(jwks=fetched.jwks, fresh_until=fresh_until))


def _keys(jwks: dict[str, Any]) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = jwks["keys"]
    return found


def _names(jwks: dict[str, Any], kid: str) -> bool:
    return any(key["kid"] == kid for key in _keys(jwks))


def _refused(error: HalyardError) -> Invalid:
    details = [found["detail"] for found in error.errors or ()] or [error.detail]
    return Invalid(
        "The key set at this address cannot be taken: see errors.", reason=f"jwks_uri_{error.reason}",
        errors=[{"pointer": "/jwks_uri", "detail": detail} for detail in details],
    )  # fmt: skip
