"""Answers to requests that carry an `Idempotency-Key`, kept in the transaction that did the work.

A repeat with the same body gets the stored answer; with another body it is refused
(draft-ietf-httpapi-idempotency-key-header).
"""

from dataclasses import dataclass

from sqlalchemy import JSON, Integer, LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Id, Moment
from app.errors import KeyReused

KEPT = clock.DAY


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class IdempotentAnswer(Base):
    """One request of one client. `status` 0: the work is being done in a transaction that is still open."""

    __tablename__ = "idempotent_answer"

    client_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[int] = mapped_column(Moment, index=True)


def find(session: Session, client_id: str, key: str, request_digest: bytes) -> Answer | None:
    """The stored answer of an earlier request.

    Raises:
        KeyReused: the key was used with another request.
    """
    row = session.scalar(
        select(IdempotentAnswer).where(IdempotentAnswer.client_id == client_id, IdempotentAnswer.key == key)
    )
    if row is None:
        return None
    if row.request_digest != request_digest:
        raise KeyReused("This Idempotency-Key was used with another request. Use a new key for new work.")
    return Answer(status=row.status, headers=row.headers, body=row.body)


def reserve(session: Session, client_id: str, key: str, request_digest: bytes, now: int) -> IdempotentAnswer:
    """Claim the key first, so that the same request beside this one waits for it.

    Raises:
        sqlalchemy.exc.IntegrityError: it was answered in the meantime: look again.
    """
    row = IdempotentAnswer(
        client_id=client_id, key=key, request_digest=request_digest, status=0, headers={}, body=b"", at=now
    )
    session.add(row)
    session.flush()
    return row


def forget_old(session: Session, now: int) -> int:
    """Delete answers past their keeping; returns how many."""
    old = delete(IdempotentAnswer).where(IdempotentAnswer.at < now - KEPT)
    return session.execute(old).rowcount  # type: ignore[attr-defined, no-any-return]
