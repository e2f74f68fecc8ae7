"""Sessions of the console: who sits in a browser, asked of the database in every transaction.

The browser holds 256 random bits, the database their SHA-256. A session ends after half an hour without use,
after twelve hours in any case, and at once when its user is disabled or its member is no longer active.
"""

import hashlib
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import CursorResult, Row, delete, select, update
from sqlalchemy.orm import Session

from app.clock import HOUR, MINUTE
from app.errors import NotFound, Unauthenticated
from app.events import SessionBegun, SessionEnded, Subject
from app.members.people import roles
from app.members.people.models import ConsoleSession
from app.parties import Member, User
from app.question import Actor
from app.record import Tx, record
from schemas.vocabulary import MemberStatus, Purpose, Role

TOKEN_BYTES = 32
IDLE = 30 * MINUTE
LONGEST = 12 * HOUR
STEP_LONGEST = 10 * MINUTE
"""For the steps between the password and being signed in."""
SEEN_EVERY = MINUTE
"""How exactly it is written down when a session was last used."""
PURPOSE = Purpose.INVESTIGATE
"""What a person reads for in the console: owners that prohibit it are not shown there."""


class Stage(StrEnum):
    CODE = "code"
    """The password, or the provider, was right; a one-time code is still asked for."""
    ENROL = "enrol"
    """The same, and the person's device still has to be set up."""
    OPEN = "open"
    """Signed in."""


@dataclass(frozen=True, kw_only=True)
class Person:
    """Whose session it is, and what holds of it now."""

    session_id: str
    stage: Stage
    user_id: str
    handle: str
    member_id: str
    member: str
    """Name of the member that the person acts for."""
    how: str
    """Code of what it proved itself with."""
    roles: frozenset[Role]
    token_for: frozenset[Role]
    """The roles that the session's token was made for."""
    began_at: int
    seen_at: int
    ends_at: int

    @property
    def actor(self) -> Actor:
        """For the policy and the audit log."""
        return Actor(
            member_id=self.member_id, user_id=self.user_id, scopes=roles.scopes_of(self.roles),
            purpose=PURPOSE.value,
        )  # fmt: skip


def hash_token(token: str) -> bytes:
    """SHA-256: enough for 256 random bits, which no dictionary holds."""
    return hashlib.sha256(token.encode()).digest()


def find(session: Session, token_hash: bytes, now: int) -> Person | None:
    """The person of a session at any stage that has not ended, if user and member still stand."""
    row = session.execute(_standing(now).where(ConsoleSession.token_hash == token_hash)).one_or_none()
    if row is None:
        return None
    return _person(row, roles.held_by(session, [row.User.id])[row.User.id])


def _standing(now: int) -> Any:
    return (
        select(ConsoleSession, User, Member.name)
        .join(User, User.id == ConsoleSession.user_id)
        .join(Member, Member.id == User.member_id)
        .where(
            User.disabled_at.is_(None),
            Member.status == MemberStatus.ACTIVE,
            ConsoleSession.ends_at > now,
            ConsoleSession.seen_at > now - IDLE,
        )
    )


def _person(row: Row[*tuple[Any, ...]], held: frozenset[Role]) -> Person:
    found, user, member = row
    return Person(
        session_id=found.id, stage=Stage(found.stage), user_id=user.id, handle=user.handle,
        member_id=user.member_id, member=member, how=found.how, roles=held,
        token_for=frozenset(Role(role) for role in found.roles), began_at=found.began_at,
        seen_at=found.seen_at, ends_at=found.ends_at,
    )  # fmt: skip


@dataclass(frozen=True)
class SignedIn:
    """Identifies the person of a session from what the database holds now (`app.record.Identify`).

    Raises:
        Unauthenticated: the session is not open any more.
    """

    token_hash: bytes
    stage: Stage = Stage.OPEN

    def __call__(self, session: Session, now: int) -> Actor:
        found = find(session, self.token_hash, now)
        if found is None or found.stage is not self.stage:
            raise Unauthenticated("Your session has ended. Sign in again.", reason="session_ended")
        return found.actor


def start(tx: Tx, user_id: str, stage: Stage, how: str) -> str:
    """Make a session and return its token, which is held nowhere else. An open one is an event.

    Args:
        how: code of what the person proved itself with.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    held = roles.held_by(tx.session, [user_id])[user_id]
    row = ConsoleSession(
        token_hash=hash_token(token), id=str(uuid.uuid4()), user_id=user_id, stage=stage.value,
        how=how, roles=sorted(held), began_at=tx.now, seen_at=tx.now,
        ends_at=tx.now + (LONGEST if stage is Stage.OPEN else STEP_LONGEST),
    )  # fmt: skip
    tx.session.add(row)
    tx.session.flush()
    if stage is Stage.OPEN:
        user = tx.session.get_one(User, user_id)
        record(tx, SessionBegun(subjects=(_subject(row.id, user.member_id),), reason=how))
    return token


def see(session: Session, token_hash: bytes, now: int) -> None:
    """Write down that a session is in use."""
    row = ConsoleSession.token_hash == token_hash
    session.execute(update(ConsoleSession).where(row, ConsoleSession.seen_at < now).values(seen_at=now))


def change_token(session: Session, token_hash: bytes, held: Iterable[Role]) -> str | None:
    """Give a session another token, made for these roles; None if somebody else did at this moment."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    changed = (
        update(ConsoleSession)
        .where(ConsoleSession.token_hash == token_hash)
        .values(token_hash=hash_token(token), roles=sorted(held))
    )
    return token if cast(CursorResult[Any], session.execute(changed)).rowcount else None


def drop(session: Session, token_hash: bytes) -> None:
    """Delete a session that was never open, or whose place another one takes."""
    session.execute(delete(ConsoleSession).where(ConsoleSession.token_hash == token_hash))


def replace(tx: Tx, token_hash: bytes | None) -> None:
    """End what this browser had before somebody signs in there anew."""
    if token_hash is None:
        return
    gone = delete(ConsoleSession).where(ConsoleSession.token_hash == token_hash)
    found = tx.session.execute(
        gone.returning(ConsoleSession.id, ConsoleSession.stage, ConsoleSession.user_id)
    ).one_or_none()
    if found is not None and found.stage == Stage.OPEN:
        owner = tx.session.get_one(User, found.user_id).member_id
        record(tx, SessionEnded(subjects=(_subject(found.id, owner),), reason="replaced"))


def end(tx: Tx, token_hash: bytes) -> None:
    """Sign out."""
    gone = delete(ConsoleSession).where(ConsoleSession.token_hash == token_hash).returning(ConsoleSession.id)
    found = tx.session.scalar(gone)
    if found is not None:
        record(tx, SessionEnded(subjects=(_subject(found, tx.actor.member_id),), reason="signed-out"))


def browse(tx: Tx) -> Sequence[ConsoleSession]:
    """The acting person's open sessions, the newest first."""
    wanted = select(ConsoleSession).where(
        ConsoleSession.user_id == tx.actor.user_id,
        ConsoleSession.stage == Stage.OPEN.value,
        ConsoleSession.ends_at > tx.now,
        ConsoleSession.seen_at > tx.now - IDLE,
    )
    return tx.session.scalars(wanted.order_by(ConsoleSession.began_at.desc(), ConsoleSession.id)).all()


def end_others(tx: Tx, token_hash: bytes, reason: str = "ended-elsewhere") -> int:
    """End all sessions of the acting person but this one; returns how many were open.

    Raises:
        NotFound: nobody acts.
    """
    if tx.actor.user_id is None:
        raise NotFound
    return end_all(tx, tx.actor.user_id, reason=reason, but=token_hash)


def end_all(tx: Tx, user_id: str, *, reason: str, but: bytes = b"") -> int:
    """End all sessions of a user, those that were only begun too; returns how many were open."""
    user = tx.session.get_one(User, user_id)
    gone = delete(ConsoleSession).where(ConsoleSession.user_id == user_id, ConsoleSession.token_hash != but)
    rows = tx.session.execute(gone.returning(ConsoleSession.id, ConsoleSession.stage)).all()
    ended = [row.id for row in rows if row.stage == Stage.OPEN]
    if ended:
        subjects = tuple(_subject(found, user.member_id) for found in ended)
        record(tx, SessionEnded(subjects=subjects, reason=reason))
    return len(ended)


def _subject(session_id: str, member_id: str | None) -> Subject:
    return Subject(kind="session", id=session_id, owner_id=member_id)
