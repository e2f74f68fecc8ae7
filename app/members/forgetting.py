"""Forgets what only mattered while a token or an assertion could still be used."""

from typing import Any, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from app.clock import HOUR
from app.parties import RevokedToken, SpentAssertion

GRACE = HOUR
"""Longer than any leeway with which an end is read."""


def forget_ended(session: Session, now: int) -> int:
    """Delete spent assertions and revoked tokens whose own end has passed; returns how many."""
    ended = 0
    for table in (SpentAssertion, RevokedToken):
        gone = delete(table).where(table.expires_at < now - GRACE)
        ended += cast(CursorResult[Any], session.execute(gone)).rowcount
    return ended
