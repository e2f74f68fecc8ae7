"""The two ways through which a view reaches the features: `read` and `write`.

Both audit refusals. `read` hands out bytes only after their entry is durable; `write` answers only after the
commit, and keeps the answer for a repeat with the same `Idempotency-Key`.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from flask import Response, request
from marshmallow import Schema
from sqlalchemy.exc import IntegrityError, OperationalError

from app import idempotency, record
from app.audit.committer import EpochMovedError
from app.errors import Forbidden, Gone, HalyardError, Invalid, NotFound, Unavailable
from app.events import AnswerReplayed, Subject
from app.idempotency import Answer
from app.question import ANONYMOUS, Actor
from app.record import Tx
from app.web import coding, receipts
from app.web.bodies import asked_body
from app.web.identity import identify, origin
from app.web.state import runtime

ATTEMPTS = 8
RETRY_AFTER_SECONDS = 1
_KEY_LIMIT = 255
REFUSALS = (Forbidden, NotFound, Gone)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer: final bytes, and what the audit entry says that it was about.

    Args:
        coded: large enough to be sent in a content coding, if the caller accepts one. The entry commits to
            the bytes before that.
    """

    body: bytes = b""
    subjects: Sequence[Subject] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    coded: bool = False

    @classmethod
    def json(cls, value: Any, **rest: Any) -> Self:
        return cls(body=msgspec.json.encode(value), **rest)

    @classmethod
    def of(cls, schema: type[Schema], value: Any, *, many: bool = False, **rest: Any) -> Self:
        """Dump a value with its schema."""
        return cls.json(schema(many=many).dump(value), **rest)

    def response(self) -> Response:
        answer = Response(self.body, status=self.status, content_type=self.media_type)
        answer.headers.update(self.headers)
        answer.headers.setdefault("Cache-Control", "no-store")
        if self.coded:
            coding.whole(answer, request.accept_encodings)
        return answer


def read(
    action: str, asked: Subject, work: Callable[[Tx], Reply], *, asked_body: bytes | None = None
) -> Response:
    """Do a read, make its entry durable, then answer.

    Args:
        action: what the entry says was done, `noun.verb`.
        asked: what was asked for; the entry's subject where the reply names none, and in refusals.
        asked_body: a body that is part of the question (lookups).

    When the policy changes between the decision and the release, the read is made again.
    """
    house, query = runtime(), question(asked_body)
    for _ in range(ATTEMPTS):
        actor = ANONYMOUS
        try:
            with record.reading(house, identify(), origin()) as tx:
                actor = tx.actor
                reply = work(tx)
            left = record.release(tx, action, reply.subjects or (asked,), reply.body, query_digest=query)
        except EpochMovedError:
            continue
        except REFUSALS as error:
            audit_refusal(actor, action, asked, error, query)
            raise
        receipts.note(left)
        return reply.response()
    raise contended()


def write(
    action: str,
    asked: Subject,
    work: Callable[[Tx], Reply],
    *,
    moves_policy: bool = False,
    idempotent: bool = True,
) -> Response:
    """Do a write in one transaction, then answer.

    Args:
        moves_policy: see `record.begin`.
        idempotent: keep the answer under the request's `Idempotency-Key`; never for answers with a secret.
    """
    house = runtime()
    key = idempotency_key() if idempotent else None
    asked_digest = question(asked_body(request))
    for _ in range(ATTEMPTS):
        actor = ANONYMOUS
        try:
            with record.begin(house, identify(), origin(), moves_policy=moves_policy) as tx:
                actor = tx.actor
                reply = _once(tx, key, asked_digest, asked, work)
        except IntegrityError:
            if key is None:
                raise
            continue  # the same request was answered beside this one: its answer is there now
        except OperationalError as error:
            if not deadlocked(error):
                raise
            continue
        except REFUSALS as error:
            audit_refusal(actor, action, asked, error, asked_digest)
            raise
        receipts.note(entry.id for entry in tx.entries if entry.actor == actor)
        return reply.response()
    raise contended()


def _once(tx: Tx, key: str | None, digest: bytes, asked: Subject, work: Callable[[Tx], Reply]) -> Reply:
    """Do the work, or find the answer of the same request made earlier."""
    client_id = tx.actor.client_id
    if key is None or client_id is None:
        return work(tx)
    known = idempotency.find(tx.session, client_id, key, digest)
    if known is not None:
        record.record(tx, AnswerReplayed(subjects=(asked,)))
        return _replayed(known)
    row = idempotency.reserve(tx.session, client_id, key, digest, tx.now)
    reply = work(tx)
    row.status, row.headers, row.body = reply.status, dict(reply.headers), reply.body
    return reply


def _replayed(known: Answer) -> Reply:
    return Reply(
        body=known.body, status=known.status, headers={**known.headers, "Idempotent-Replayed": "true"}
    )


def question(body: bytes | None = None) -> bytes:
    """SHA-256 of what was asked: method, path, query and, where it matters, body."""
    asked = f"{request.method} {request.full_path}\n".encode()
    return hashlib.sha256(asked + (body or b"")).digest()


def contended() -> Unavailable:
    return Unavailable("Too much is changing at this moment. Try again.", retry_after=RETRY_AFTER_SECONDS)


def audit_refusal(actor: Actor, action: str, asked: Subject, error: HalyardError, query: bytes) -> None:
    """Write down a refusal, unless that was done where it was decided."""
    if error.extra.get("audited"):
        return
    left = record.refuse(
        runtime(), actor, origin(), action, error.reason, subjects=(asked,), query_digest=query
    )
    receipts.note(left)


def idempotency_key() -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= _KEY_LIMIT or not key.isascii() or not key.isprintable():
        raise Invalid("An Idempotency-Key is 1 to 255 printable ASCII characters.", reason="idempotency_key")
    return key


def deadlocked(error: OperationalError) -> bool:
    """PostgreSQL ended one of two transactions that waited for each other: it may be tried again."""
    return getattr(error.orig, "sqlstate", None) in {"40P01", "40001"}
