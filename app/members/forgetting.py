"""Forgets what only mattered while a token or an assertion could still be used."""

from typing import Any, cast

from sqlalchemy import CursorResult, delete
from sqlalchemy.orm import Session

from app.clock import HOUR, MINUTE
from app.parties import RevokedToken, SpentAssertion, SpentProof

GRACE = HOUR
"""Longer than any leeway with which an end is read."""

PROOF_GRACE = MINUTE
"""There is a proof for every request: its end is read without a leeway, by clocks that differ by seconds."""


def forget_ended(session: Session, now: int) -> int:
    """Delete spent assertions, spent proofs and revoked tokens whose own end has passed; returns how many."""
    ended = 0
    for table, grace in ((SpentAssertion, GRACE), (RevokedToken, GRACE), (SpentProof, PROOF_GRACE)):
        gone = delete(table).where(table.expires_at < now - grace)
        ended += cast(CursorResult[Any], session.execute(gone)).rowcount
    return ended
