"""NDJSON publishing: a bounded chunk is read, then a transaction takes it, then the next is read."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Response, request

from app import record
from app.api.signal_lists import asked_list
from app.errors import Forbidden, HalyardError
from app.question import ANONYMOUS
from app.signals import publishing
from app.signals.outcomes import Outcome
from app.web.exchange import REFUSALS, Reply, audit_refusal, question
from app.web.identity import identify, origin
from app.web.ndjson import BadLine, Line, chunks
from app.web.state import runtime
from schemas.vocabulary import ItemStatus, Scope

REASONS_LIMIT: Final = 1_000


@dataclass
class _Report:
    """What was done so far."""

    statuses: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: list[dict[str, Any]] = field(default_factory=list)

    def add(self, chunk: Sequence[Line | BadLine], outcomes: Sequence[Outcome]) -> None:
        """Count a chunk that was taken; `outcomes` answer its readable lines, in order."""
        answers = iter(outcomes)
        for line in chunk:
            if isinstance(line, BadLine):
                self._refuse(line.number, line.reason, line.hint)
                continue
            outcome = next(answers)
            if outcome.status is ItemStatus.REFUSED:
                self._refuse(line.number, outcome.reason or "", outcome.hint or "")
            else:
                self.statuses[outcome.status.value] += 1

    def _refuse(self, number: int, reason: str, hint: str) -> None:
        self.statuses[ItemStatus.REFUSED.value] += 1
        self.counts[reason] += 1
        if len(self.reasons) < REASONS_LIMIT:
            self.reasons.append({"line": number, "reason": reason, "hint": hint})

    def to_wire(self) -> dict[str, Any]:
        taken = (ItemStatus.ACCEPTED, ItemStatus.ALREADY_YOURS, ItemStatus.REFUSED)
        return {
            "lines": self.statuses.total(),
            **{status.value: self.statuses[status.value] for status in taken},
            "reasons": self.reasons,
            "counts": dict(self.counts),
        }


def publish_lines(list_id: str) -> Response:
    """Take the request's body line by line. What was taken stays, whatever happens to the rest.

    Raises:
        HalyardError: the caller may not, or no longer; `extra["taken"]` counts the lines before that.
    """
    request.max_content_length = None
    report = _Report()
    try:
        for chunk in chunks(request.stream):
            _take(list_id, chunk, report)
        if not report.statuses:
            _take(list_id, (), report)
    except HalyardError as error:
        if report.statuses:
            error.extra["taken"] = report.to_wire()
        raise
    return Reply.json(report.to_wire()).response()


def _take(list_id: str, chunk: Sequence[Line | BadLine], report: _Report) -> None:
    """One chunk in one transaction, under the rights that the caller has at that moment."""
    items = publishing.read_items(line.value for line in chunk if isinstance(line, Line))
    actor = ANONYMOUS
    try:
        with record.begin(runtime(), identify(), origin()) as tx:
            actor = tx.actor
            if Scope.SIGNALS_WRITE not in actor.scopes:
                raise Forbidden(f"This needs the scope {Scope.SIGNALS_WRITE}.", reason="insufficient_scope")
            outcomes = publishing.publish(tx, list_id, items)
    except REFUSALS as error:
        audit_refusal(actor, "signals.published", asked_list(list_id), error, question())
        raise
    report.add(chunk, outcomes)
