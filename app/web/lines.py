"""Bulk work as NDJSON: a bounded chunk is read, a transaction takes it, the next is read.

One mechanism for every door that takes lines. The door says what a line is and which verb takes many of
them; reading, counting, rights, reasons, repeating and a lost connection are the same for all:

    take_lines(LineDoor(
        action="signals.erased",                      what refusals are audited as
        asked=asked_list(list_id),
        scope=Scope.SIGNALS_WRITE,
        statuses=(ItemStatus.ERASED,),                counted in the answer even where there are none
        read=erasure.read_item,                       a decoded JSON value → an item; outside any transaction
        work=lambda tx, items: erasure.erase(tx, list_id, items),
    ))

`read` never raises for what a line holds: what cannot be used becomes an item that the verb answers with a
refusal. `work` is a verb: it answers with one outcome per item, in order, and records what it did; raising
undoes the chunk and ends the request. It must be harmless to repeat.
"""

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import wraps
from typing import Any, Generic, Protocol, TypeVar

from flask import Response, request
from sqlalchemy.exc import OperationalError

from app import record
from app.errors import Forbidden, HalyardError
from app.events import AnswerReplayed, Subject
from app.idempotency import Chunks
from app.question import ANONYMOUS
from app.record import Tx
from app.web.exchange import (
    ATTEMPTS,
    REFUSALS,
    Reply,
    audit_refusal,
    contended,
    deadlocked,
    idempotency_key,
    question,
)
from app.web.identity import identify, origin
from app.web.ndjson import MEDIA_TYPE, BadLine, Chunk, chunks, decode
from app.web.received import received
from app.web.report import Report
from app.web.state import runtime
from schemas.vocabulary import ItemStatus, Scope

Item = TypeVar("Item")
View = Callable[..., Any]


class Outcome(Protocol):
    """What became of one item."""

    @property
    def status(self) -> ItemStatus: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def hint(self) -> str | None: ...


@dataclass(frozen=True, kw_only=True)
class LineDoor(Generic[Item]):
    """A route that takes lines: see above.

    Args:
        quick: reads a line's bytes at once where they hold nothing unusual, exactly as `read` would after
            decoding;
            None: take the slow way, which has the last word.
        moves_policy: see `record.begin`.
        idempotent: keep which chunks were done under the request's `Idempotency-Key`; without that, repeating
            does the work again.
    """

    action: str
    asked: Subject
    scope: Scope
    statuses: tuple[ItemStatus, ...]
    read: Callable[[Any], Item]
    work: Callable[[Tx, Sequence[Item]], Sequence[Outcome]]
    quick: Callable[[bytes], Item | None] = lambda _raw: None
    moves_policy: bool = False
    idempotent: bool = True


def take_lines(door: LineDoor[Any]) -> Response:
    """Take the request's body line by line. What was taken stays, whatever happens to the rest.

    Raises:
        HalyardError: the caller may not, or no longer; or the body broke off. `extra["taken"]` reports on
            what was
            taken before that.
    """
    upload = _Upload(door)
    try:
        for chunk in chunks(received(request)):
            upload.take(chunk)
        upload.end()
    except HalyardError as error:
        if upload.report:
            error.extra["taken"] = upload.report.to_wire(door.statuses)
        raise
    return Reply.json(upload.report.to_wire(door.statuses)).response()


def or_lines(take: View) -> Callable[[View], View]:
    """Let a route that takes JSON take lines too: `take` is called with the route's arguments instead.

    Stands between `@requires` and `@blp.arguments`.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def either(*args: Any, **kwargs: Any) -> Any:
            return (take if request.mimetype == MEDIA_TYPE else view)(*args, **kwargs)

        either._apidoc = deepcopy(getattr(view, "_apidoc", {}))  # type: ignore[attr-defined]
        return either

    return decorate


class _Upload:
    """One request: the report on what was done so far, and where it stands."""

    def __init__(self, door: LineDoor[Any]) -> None:
        self.report = Report()
        self._door = door
        self._key = idempotency_key() if door.idempotent else None
        self._number = 0
        self._known: int | None = None

    def take(self, chunk: Chunk) -> None:
        """Do one chunk, or find that it was done."""
        done = self._done_before(chunk) if self._may_be_known() else None
        if done is None:
            items = list(_items(self._door, chunk))
            done = self._in_transaction(lambda tx: self._do(tx, chunk, items))
        self.report += done
        self._number += 1

    def end(self) -> None:
        """Nothing follows.

        A body without a line is a chunk without items, so that rights are asked for it too.
        """
        if self._key is not None:
            self._in_transaction(self._complete)
        elif not self._number:
            self._in_transaction(lambda tx: self._door.work(tx, ()))

    def _may_be_known(self) -> bool:
        if self._key is None:
            return False
        if self._known is None:
            with record.reading(runtime(), identify(), origin()) as tx:
                self._known = self._chunks(tx).known(tx.session, tx.now)
        return self._number < self._known

    def _done_before(self, chunk: Chunk) -> Report | None:
        with record.reading(runtime(), identify(), origin()) as tx:
            found = self._chunks(tx).done(tx.session, self._number, chunk.digest)
        return None if found is None else Report.of(found)

    def _do(self, tx: Tx, chunk: Chunk, items: Sequence[Any]) -> Report:
        kept = self._chunks(tx) if self._key is not None else None
        if kept is not None:
            kept.claim(tx.session, tx.now)
            found = kept.done(tx.session, self._number, chunk.digest)
            if found is not None:  # the same request beside this one was first
                return Report.of(found)
        outcomes = iter(self._door.work(tx, [item for item in items if not isinstance(item, BadLine)]))
        report = Report.room_for(self.report)
        for (number, _), item in zip(chunk.lines, items, strict=True):
            if isinstance(item, BadLine):
                report.refuse(number, item.reason, item.hint)
                continue
            outcome = next(outcomes)
            if outcome.status is ItemStatus.REFUSED:
                report.refuse(number, outcome.reason or "", outcome.hint or "")
            else:
                report.count(outcome.status)
        if kept is not None:
            kept.keep(tx.session, self._number, chunk.digest, report.to_kept())
        return report

    def _complete(self, tx: Tx) -> None:
        if not self._number:
            self._door.work(tx, ())
        kept = self._chunks(tx)
        kept.claim(tx.session, tx.now)
        if kept.complete(tx.session, self._number):
            record.record(tx, AnswerReplayed(subjects=(self._door.asked,)))

    def _in_transaction(self, work: Callable[[Tx], Any]) -> Any:
        """Under the rights that the caller has at that moment."""
        door, house = self._door, runtime()
        for _ in range(ATTEMPTS):
            actor = ANONYMOUS
            try:
                with record.begin(house, identify(), origin(), moves_policy=door.moves_policy) as tx:
                    actor = tx.actor
                    if door.scope not in actor.scopes:
                        raise Forbidden(f"This needs the scope {door.scope}.", reason="insufficient_scope")
                    return work(tx)
            except OperationalError as error:
                if not deadlocked(error):
                    raise
            except REFUSALS as error:
                audit_refusal(actor, door.action, door.asked, error, question())
                raise
        raise contended()

    def _chunks(self, tx: Tx) -> Chunks:
        asked = question(MEDIA_TYPE.encode())
        return Chunks(client_id=tx.actor.client_id or "", key=self._key or "", request_digest=asked)


def _items(door: LineDoor[Any], chunk: Chunk) -> Iterator[Any]:
    """The chunk's items, and bad lines in their places."""
    for number, raw in chunk.lines:
        item = None if raw is None else door.quick(raw)
        if item is None:
            line = decode(number, raw)
            item = line if isinstance(line, BadLine) else door.read(line.value)
        yield item
