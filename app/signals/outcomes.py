"""What became of one item of a bulk request."""

from collections.abc import Sequence
from typing import Any

import msgspec

from app.signals.refused import Refused
from schemas.vocabulary import ItemStatus


class Outcome(msgspec.Struct, frozen=True):
    """One answer. `reason` and `hint` say why it was refused, and never repeat what was sent."""

    status: ItemStatus
    id: str | None = None
    reason: str | None = None
    hint: str | None = None


def refusal(refused: Refused) -> Outcome:
    return Outcome(ItemStatus.REFUSED, reason=refused.reason.value, hint=refused.hint)


def to_wire(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The answers in order: id and status, or status, reason and hint."""
    return [
        {"status": outcome.status.value, "reason": outcome.reason, "hint": outcome.hint}
        if outcome.reason is not None
        else {"id": outcome.id, "status": outcome.status.value}
        for outcome in outcomes
    ]
