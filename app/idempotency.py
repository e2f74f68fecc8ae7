"""Answers to requests that carry an `Idempotency-Key`, kept in the transaction that did the work.

A repeat with the same body gets the stored answer; with another body it is refused
(draft-ietf-httpapi-idempotency-key-header).

A body that is taken in chunks, each in a transaction of its own, leaves a row per chunk: the digest of the
body up to there, and what became of the chunk. A repeat passes over the chunks that were done and goes on
behind them. Neither kind of row holds anything that was sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    JSON,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app import clock
from app.db import Base, Id, Moment
from app.errors import KeyReused

KEPT = clock.DAY
_SURELY_KEPT = KEPT // 2

_REUSED = "This Idempotency-Key was used with another request. Use a new key for new work."
_COMPLETE = 200


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer as it was sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class IdempotentAnswer(Base):
    """One request of one client. `status` 0: the work is being done, in this transaction or in chunks."""

    __tablename__ = "idempotent_answer"

    client_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(Integer)
    headers: Mapped[dict[str, str]] = mapped_column(JSON)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[int] = mapped_column(Moment, index=True)


class IdempotentChunk(Base):
    """One chunk of a request that is taken in chunks. It goes with its request's row."""

    __tablename__ = "idempotent_chunk"
    __table_args__ = (
        ForeignKeyConstraint(
            ["client_id", "key"], ["idempotent_answer.client_id", "idempotent_answer.key"], ondelete="CASCADE"
        ),
    )

    client_id: Mapped[str] = mapped_column(Id, primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the body from its beginning to the end of this chunk."""
    report: Mapped[dict[str, Any]] = mapped_column(JSON)
    """What became of its lines: counts, line numbers, reason codes."""


@dataclass(frozen=True, kw_only=True)
class Chunks:
    """A request that is taken in chunks, as its client named it.

    Args:
        request_digest: of method, path and form; not of the body, which the chunks' digests are about.
    """

    client_id: str
    key: str
    request_digest: bytes

    def known(self, session: Session, now: int) -> int:
        """How many chunks were done of a request that will not be forgotten before a repeat is through.

        0 of an older one: its chunks are found when they are claimed, which keeps it anew.

        Raises:
            KeyReused: the key was used with another request.
        """
        head = session.get(IdempotentAnswer, (self.client_id, self.key))
        return 0 if head is None or head.at < now - _SURELY_KEPT else self.count(session)

    def count(self, session: Session) -> int:
        """How many chunks were done.

        Raises:
            KeyReused: the key was used with another request.
        """
        head = session.get(IdempotentAnswer, (self.client_id, self.key))
        if head is None:
            return 0
        self._check(head)
        done = select(func.count()).select_from(IdempotentChunk).where(*self._mine())
        return session.scalar(done) or 0

    def claim(self, session: Session, now: int) -> None:
        """Hold the request until the transaction ends, so that the same one beside it waits for this chunk.

        Raises:
            KeyReused: the key was used with another request.
        """
        make: Any = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
        row = {
            "client_id": self.client_id, "key": self.key, "request_digest": self.request_digest, "status": 0,
            "headers": {}, "body": b"", "at": now,
        }  # fmt: skip
        session.execute(make(IdempotentAnswer).values(row).on_conflict_do_nothing())
        wanted = select(IdempotentAnswer).where(
            IdempotentAnswer.client_id == self.client_id, IdempotentAnswer.key == self.key
        )
        head = session.scalars(wanted.with_for_update(), execution_options={"populate_existing": True}).one()
        self._check(head)
        head.at = now

    def done(self, session: Session, number: int, digest: bytes) -> dict[str, Any] | None:
        """The report of a chunk that was done; None: it was not yet.

        Raises:
            KeyReused: another body, or a shorter one, was sent up to there.
        """
        wanted = select(IdempotentChunk.digest, IdempotentChunk.report).where(
            *self._mine(), IdempotentChunk.number == number
        )
        found = session.execute(wanted).one_or_none()
        if found is not None and found.digest != digest:
            raise reused()
        if (
            found is None
            and session.get_one(IdempotentAnswer, (self.client_id, self.key)).status == _COMPLETE
        ):
            raise reused()
        return None if found is None else found.report

    def keep(self, session: Session, number: int, digest: bytes, report: Mapping[str, Any]) -> None:
        """Say in the chunk's own transaction that it is done."""
        row = {"client_id": self.client_id, "key": self.key, "number": number}
        session.execute(insert(IdempotentChunk), [{**row, "digest": digest, "report": report}])

    def complete(self, session: Session, count: int) -> bool:
        """The body has ended after `count` chunks; whether that was known. Needs `claim`.

        Raises:
            KeyReused: more of it was sent before.
        """
        if self.count(session) != count:
            raise reused()
        head = self._head(session)
        known = head.status == _COMPLETE
        head.status = _COMPLETE
        return known

    def _head(self, session: Session) -> IdempotentAnswer:
        return session.get_one(IdempotentAnswer, (self.client_id, self.key))

    def _check(self, head: IdempotentAnswer) -> None:
        if head.request_digest != self.request_digest:
            raise reused()

    def _mine(self) -> tuple[Any, ...]:
        return IdempotentChunk.client_id == self.client_id, IdempotentChunk.key == self.key


def reused() -> KeyReused:
    return KeyReused(_REUSED)


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
        raise reused()
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
