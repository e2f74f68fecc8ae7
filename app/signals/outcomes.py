"""What became of the items of a bulk request."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from app.signals.refused import Refused
from schemas.vocabulary import ItemStatus

Item = TypeVar("Item")


class Outcome(msgspec.Struct, frozen=True):
    """One answer. `reason` and `hint` say why it was refused, and never repeat what was sent."""

    status: ItemStatus
    id: str | None = None
    reason: str | None = None
    hint: str | None = None


def refusal(refused: Refused) -> Outcome:
    return Outcome(ItemStatus.REFUSED, reason=refused.reason.value, hint=refused.hint)


def answered(
    items: Sequence[Item | Refused], work: Callable[[Sequence[Item]], Sequence[Outcome]]
) -> list[Outcome]:
    """An outcome per item, in order: `work` is asked about those that could be read."""
    outcomes = iter(work([item for item in items if not isinstance(item, Refused)]))
    return [refusal(item) if isinstance(item, Refused) else next(outcomes) for item in items]


def to_wire(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """The answers in order: id and status, or status, reason and hint; no id where that would tell."""
    return [
        {"status": outcome.status.value, "reason": outcome.reason, "hint": outcome.hint}
        if outcome.reason is not None
        else {"status": outcome.status.value}
        if outcome.id is None
        else {"id": outcome.id, "status": outcome.status.value}
        for outcome in outcomes
    ]
