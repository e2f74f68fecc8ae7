"""Forgets what has ended: sessions, invitations, ways to the provider, and failures that lie far back.

After a restore that is all that the backup brought back: it may have ended since.
"""

from typing import Any, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from app.members.people.attempts import FORGOTTEN_AFTER
from app.members.people.models import ConsoleSession, Invitation, ProviderRequest, SignInCount
from app.members.people.sessions import IDLE


def forget_ended(session: Session, now: int) -> int:
    """Delete them; returns how many there were."""
    ended = 0
    for gone in (
        delete(ConsoleSession).where(ConsoleSession.ends_at <= now),
        delete(ConsoleSession).where(ConsoleSession.seen_at <= now - IDLE),
        delete(Invitation).where(Invitation.expires_at <= now),
        delete(ProviderRequest).where(ProviderRequest.expires_at <= now),
        delete(SignInCount).where(
            SignInCount.wait_until <= now - FORGOTTEN_AFTER, SignInCount.held.is_(False)
        ),
    ):
        ended += cast(CursorResult[Any], session.execute(gone)).rowcount
    return ended


def forget_restored(session: Session) -> None:
    """Delete every session, invitation and way to the provider: people sign in again."""
    for table in (ConsoleSession, Invitation, ProviderRequest):
        session.execute(delete(table))
