"""How often somebody may try: failures slow down, then lock, by handle; by network they slow down.

A failure is charged before anything is looked at, and given back when it was none, so that many attempts at
once gain nothing. Handles that nobody has are counted, slowed down and locked like the others, so that
neither an answer nor a wait tells which there are. What was typed is kept as a keyed digest.
"""

import hmac
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified

from app.addresses import site
from app.clock import DAY, HOUR, MINUTE, SECOND, to_text
from app.errors import TooMany
from app.keys import derive
from app.members.people.models import SignInCount
from app.record import Tx
from app.runtime import Runtime

FREE = 3
"""Failures under one handle that cost no time. From the next one on the wait doubles."""
LOCKED_AFTER = 10
"""Each tenth failure locks the handle."""
LOCKS = (15 * MINUTE, HOUR, DAY)
"""How long the first, the second and all later locks last."""
HELD_AFTER = 100
"""Failures without a success between them after which only the operator unlocks (NIST SP 800-63B 5.2.2)."""
NETWORK_FREE = 20
"""The same for a network: many people may share it. It is never locked."""
LONGEST_WAIT = MINUTE
FORGOTTEN_AFTER = DAY
"""After the wait or the lock, without a new failure; what only the operator ends is not forgotten."""
NETWORK_FORGOTTEN_AFTER = 15 * MINUTE

_COUNTED = ("failures", "wait_until", "locked", "held")


class Locked(TooMany):
    """Nobody signs in under this handle until `until` (microseconds); None: until the operator unlocks it."""

    def __init__(self, until: int | None, now: int) -> None:
        if until is None:
            detail = "This handle is locked after too many failures. The coalition's operator can unlock it."
        else:
            detail = (
                f"This handle is locked until {to_text(until)[:16].replace('T', ' ')} UTC after too many "
                "failures. The coalition's operator can unlock it before."
            )
        seconds = DAY // SECOND if until is None else (until - now) // SECOND + 1
        super().__init__(detail, reason="locked", retry_after=seconds)
        self.until = until


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One attempt that was counted as a failure in advance."""

    handle: str
    locks_until: int | None
    """If it turns out to be one, the handle is locked, until then or (0) until the operator unlocks it."""


def charge(tx: Tx, handle: str) -> Charge:
    """Count an attempt as a failure. Needs a transaction that commits whatever comes of the attempt.

    Raises:
        Locked: the handle is locked.
        TooMany: it is too early for another attempt, under this handle or from this network.
    """
    keys = (_handle_key(tx.runtime, handle), _network_key(tx))
    rows = _rows(tx.session, dict(zip(keys, (FORGOTTEN_AFTER, NETWORK_FORGOTTEN_AFTER), strict=True)), tx.now)
    by_handle, by_network = rows[keys[0]], rows[keys[1]]
    if by_handle.held:
        raise Locked(None, tx.now)
    if by_handle.locked and by_handle.wait_until > tx.now:
        raise Locked(by_handle.wait_until, tx.now)
    wait = max(by_handle.wait_until, by_network.wait_until) - tx.now
    if wait > 0:
        raise TooMany(
            "There were several failures. Wait a little before you try again.", reason="slowed_down",
            retry_after=wait // SECOND + 1,
        )  # fmt: skip
    for row, free in ((by_handle, FREE), (by_network, NETWORK_FREE)):
        row.failures += 1
        row.wait_until = tx.now + _wait(row.failures, free)
        row.locked = False
    locks_until = _lock(by_handle, tx.now)
    for row in (by_handle, by_network):
        for column in _COUNTED:  # all of them each time: how many are written must not tell anything
            flag_modified(row, column)
    tx.session.flush()
    return Charge(handle=handle, locks_until=locks_until)


def give_back(tx: Tx, charged: Charge) -> None:
    """The attempt was no failure, though not all is proved yet: it does not count, nor does it lock."""
    for key in sorted((_handle_key(tx.runtime, charged.handle), _network_key(tx))):
        row = tx.session.get(SignInCount, key, with_for_update=True, populate_existing=True)
        if row is None:  # the operator unlocked the handle in the meantime
            continue
        row.failures = max(row.failures - 1, 0)
        by_network = key == _network_key(tx)
        if by_network and row.failures >= NETWORK_FREE:
            continue  # or whoever has an account of its own would be rid of every wait by signing in
        if row.locked and charged.locks_until is None:
            continue  # another attempt locked it
        row.wait_until, row.locked, row.held = tx.now, False, False
    tx.session.flush()


def forgive(tx: Tx, charged: Charge) -> None:
    """All is proved: the handle starts anew, the network is not charged for it."""
    give_back(tx, charged)
    clear(tx.session, tx.runtime, charged.handle)


def clear(session: Session, runtime: Runtime, handle: str) -> bool:
    """Forget the failures under a handle, and any lock; False if there was none."""
    gone = delete(SignInCount).where(SignInCount.key == _handle_key(runtime, handle))
    return session.execute(gone.returning(SignInCount.key)).first() is not None


def locked_until(session: Session, runtime: Runtime, handle: str, now: int) -> int | None:
    """Until when a handle is locked; 0: until the operator unlocks it; None: it is not."""
    row = session.get(SignInCount, _handle_key(runtime, handle))
    if row is None or not (row.held or (row.locked and row.wait_until > now)):
        return None
    return 0 if row.held else row.wait_until


def _lock(row: SignInCount, now: int) -> int | None:
    """Lock a handle whose failures are that many, and say until when, as `Charge.locks_until` does."""
    if row.failures % LOCKED_AFTER:
        return None
    times = row.failures // LOCKED_AFTER
    row.locked = True
    row.held = row.failures >= HELD_AFTER
    row.wait_until = now + LOCKS[min(times, len(LOCKS)) - 1]
    return 0 if row.held else row.wait_until


def _wait(failures: int, free: int) -> int:
    return 0 if failures <= free else min(SECOND << min(failures - free, 20), LONGEST_WAIT)


def _rows(session: Session, keys: dict[bytes, int], now: int) -> dict[bytes, SignInCount]:
    """Both rows, locked and made where missing; what lies far back counts no more."""
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    for key in sorted(keys):
        fresh = make(SignInCount).values(key=key, failures=0, wait_until=now, locked=False, held=False)
        session.execute(fresh.on_conflict_do_nothing())
    wanted = select(SignInCount).where(SignInCount.key.in_(keys)).order_by(SignInCount.key)
    rows = session.scalars(wanted.with_for_update().execution_options(populate_existing=True)).all()
    for row in rows:
        if row.wait_until <= now - keys[row.key] and not row.held:
            row.failures, row.wait_until, row.locked = 0, now, False
    return {row.key: row for row in rows}


def _handle_key(runtime: Runtime, handle: str) -> bytes:
    return _key(runtime, f"handle\0{handle}")


def _network_key(tx: Tx) -> bytes:
    return _key(tx.runtime, f"network\0{site(tx.request.network)}")


def _key(runtime: Runtime, text: str) -> bytes:
    return hmac.digest(derive(runtime.people_key, "sign-in-counts"), text.encode(), "sha256")
