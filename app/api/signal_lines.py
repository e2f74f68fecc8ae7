"""What the lines of each bulk route are: signals to publish, ids to withdraw, ids to mark narrower."""

from typing import Any, Final

from flask import Response, request

from app.api.signal_lists import asked_list
from app.errors import Invalid
from app.signals import naming, narrowing, publishing, withdrawal
from app.signals.outcomes import answered
from app.web.lines import LineDoor, take_lines
from schemas.signals import WITHDRAWAL_REASONS
from schemas.vocabulary import ItemStatus, Reason, Scope

_REASONS: Final = [reason.value for reason in WITHDRAWAL_REASONS]
WITHDRAWAL_PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": "reason", "in": "query", "schema": {"type": "string", "enum": _REASONS},
        "description": "Why, for all lines of an NDJSON body; every recipient is told.",
    },
    {
        "name": "whole", "in": "query", "schema": {"type": "boolean"},
        "description": "For all lines of an NDJSON body: as `whole` in JSON.",
    },
]  # fmt: skip


def publish_lines(list_id: str) -> Response:
    """Contribute signals, one per line."""
    return take_lines(
        LineDoor(
            action="signals.published",
            asked=asked_list(list_id),
            scope=Scope.SIGNALS_WRITE,
            statuses=(ItemStatus.ACCEPTED, ItemStatus.ALREADY_YOURS),
            read=publishing.read_item,
            quick=publishing.read_line,
            work=lambda tx, items: publishing.publish(tx, list_id, items),
        )
    )


def withdraw_lines(list_id: str) -> Response:
    """Withdraw the entries that lines name as `{"id": …}`, all for the reason in the query.

    With `whole=true` there, the list's owner ends them with what others contributed.
    """
    given = request.args.get("reason")
    if given not in _REASONS:
        detail = f"Send one of: {', '.join(_REASONS)}."
        raise Invalid(
            "Say in the query why they are withdrawn.", errors=[{"pointer": "/reason", "detail": detail}]
        )
    reason, whole = Reason(given), request.args.get("whole") == "true"
    return take_lines(
        LineDoor(
            action="signals.withdrawn",
            asked=asked_list(list_id),
            scope=Scope.SIGNALS_WRITE,
            statuses=(ItemStatus.WITHDRAWN, ItemStatus.ALREADY_WITHDRAWN),
            read=naming.read_named,
            work=lambda tx, items: answered(
                items, lambda ids: withdrawal.withdraw(tx, list_id, ids, reason, whole=whole)
            ),
        )
    )


def narrow_lines(list_id: str) -> Response:
    """Mark entries narrower, each line as `{"id": …, "marking": …}`."""
    return take_lines(
        LineDoor(
            action="marking.changed",
            asked=asked_list(list_id),
            scope=Scope.SIGNALS_WRITE,
            statuses=(ItemStatus.MARKED, ItemStatus.ALREADY_MARKED),
            read=naming.read_narrowed,
            work=lambda tx, items: narrowing.narrow_entries(tx, list_id, items),
            moves_policy=True,
        )
    )
