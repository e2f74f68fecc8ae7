"""Streams by segments: each is made in memory, hashed, its entry durable, and only then sent.

A last entry says `completed` or `aborted`, and the stream ends with a closing line that holds the next
cursor, so that short never looks complete. Behind each segment but the last stands a mark, from which a
reader that was cut goes on. An entry commits to the bytes of its segment before any content coding, and
without the mark, which tells nothing but where its reader is.
"""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import structlog
from flask import Response, request
from sqlalchemy.exc import SQLAlchemyError

from app import record
from app.audit.committer import EpochMovedError
from app.audit.entry import Request, build
from app.errors import HalyardError, Unavailable
from app.events import Subject
from app.feed.page import Prepared
from app.logs import frames
from app.question import ANONYMOUS, Actor
from app.record import Identify, Tx
from app.runtime import Runtime
from app.web import coding
from app.web.exchange import ATTEMPTS, REFUSALS, audit_refusal, contended, question
from app.web.identity import identify, origin
from app.web.state import runtime
from schemas.vocabulary import Decision

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/x-ndjson"


@dataclass(frozen=True, kw_only=True)
class Segment:
    """At most 10,000 items or 4 MB.

    Args:
        mark: a line behind it that its entry does not commit to.
        last: nothing follows.
    """

    body: bytes | Prepared
    subjects: Sequence[Subject]
    last: bool
    mark: bytes = b""


NextSegment = Callable[[Tx], Segment]
"""Makes the next segment. Called again from the same place if the policy moved before its release."""


class Stream:
    """One streamed answer. `following` must not advance its own state before `accept` is called."""

    def __init__(
        self,
        action: str,
        following: NextSegment,
        accept: Callable[[Segment], None],
        media_type: str = MEDIA_TYPE,
    ) -> None:
        self._action = action
        self._media_type = media_type
        self._following = following
        self._accept = accept
        self._id = str(uuid.uuid4())
        self._number = 0
        self._house: Runtime = runtime()
        self._identify: Identify = identify()
        self._origin: Request = origin()
        self._query = question()
        self._coding = coding.chosen(request.accept_encodings)
        self._tx: Tx | None = None
        self._actor: Actor = ANONYMOUS
        self._ended = False

    def response(self) -> Response:
        """The first segment is decided before the status line leaves: a refusal is still an answer."""
        try:
            first = self._segment()
        except REFUSALS as error:
            asked = Subject(kind="stream")
            audit_refusal(self._actor, self._action, asked, error, self._query)
            raise
        answer = Response(
            self._send(first), content_type=self._media_type, headers={"Cache-Control": "no-store"}
        )
        coding.declare(answer, self._coding)
        if request.method == "HEAD":  # of which the framework takes no byte, and closes nothing
            self._close(Decision.ABORTED)
        answer.call_on_close(lambda: self._close(Decision.ABORTED))  # a reader that was gone before the first
        return answer

    def _segment(self) -> Segment:
        for _ in range(ATTEMPTS):
            with record.reading(self._house, self._identify, self._origin) as tx:
                self._actor = tx.actor
                segment = self._following(tx)
            try:
                record.release(
                    tx, self._action, segment.subjects, segment.body, query_digest=self._query,
                    stream=(self._id, self._number),
                )  # fmt: skip
            except EpochMovedError:
                continue
            self._tx = tx
            self._number += 1
            self._accept(segment)
            return segment
        raise contended()

    def _send(self, segment: Segment) -> Iterator[bytes]:
        decision = Decision.ABORTED
        try:
            yield from self._pieces(segment)
            while not segment.last:
                segment = self._segment()
                yield from self._pieces(segment)
            yield self._coding.end()
            decision = Decision.COMPLETED
        except (
            HalyardError
        ) as error:  # revoked or unavailable midway: the stream stops without a closing line
            log.info("stream.ended-early", reason=error.reason)
        except SQLAlchemyError as error:
            log.error("stream.failed", error=type(error).__name__, at=frames(error))  # noqa: TRY400
        finally:
            self._close(decision)

    def _pieces(self, segment: Segment) -> Iterator[bytes]:
        if isinstance(segment.body, Prepared):
            yield self._coding.frame(segment.body.frame)
            yield self._coding.part(segment.mark)
            return
        yield self._coding.part(segment.body + segment.mark)

    def _close(self, decision: Decision) -> None:
        if self._tx is None or self._ended:
            return
        self._ended = True
        entry = build(
            at=self._house.clock(), action=self._action, decision=decision, actor=self._tx.actor,
            request=self._origin, subjects=(Subject(kind="stream", count=self._number),),
            stream=(self._id, self._number),
        )  # fmt: skip
        try:
            self._house.auditor.release([entry], None)
        except Unavailable:
            log.error("audit.stream-end-not-written", stream=self._id)  # noqa: TRY400 - no statement in logs
