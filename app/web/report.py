"""What became of lines: counts by status and by reason, and the first thousand reasons in full."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from schemas.vocabulary import ItemStatus

REASONS_LIMIT: Final = 1_000


@dataclass
class Report:
    """Of a whole body, or of one chunk of it. `room`: how many reasons may still be given in full."""

    statuses: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    reasons: list[dict[str, Any]] = field(default_factory=list)
    room: int = REASONS_LIMIT

    @classmethod
    def room_for(cls, before: Self) -> Self:
        """A report that goes on behind another."""
        return cls(room=REASONS_LIMIT - len(before.reasons))

    @classmethod
    def of(cls, kept: Mapping[str, Any]) -> Self:
        """What `to_kept` gave."""
        return cls(Counter(kept["statuses"]), Counter(kept["counts"]), kept["reasons"])

    def to_kept(self) -> dict[str, Any]:
        return {"statuses": dict(self.statuses), "counts": dict(self.counts), "reasons": self.reasons}

    def __bool__(self) -> bool:
        return bool(self.statuses)

    def __iadd__(self, other: Self) -> Self:
        self.statuses += other.statuses
        self.counts += other.counts
        self.reasons += other.reasons[: REASONS_LIMIT - len(self.reasons)]
        return self

    def count(self, status: ItemStatus) -> None:
        self.statuses[status.value] += 1

    def refuse(self, number: int, reason: str, hint: str) -> None:
        self.statuses[ItemStatus.REFUSED.value] += 1
        self.counts[reason] += 1
        if len(self.reasons) < self.room:
            self.reasons.append({"line": number, "reason": reason, "hint": hint})

    def to_wire(self, statuses: Sequence[ItemStatus]) -> dict[str, Any]:
        """The answer; `statuses` and the refused are counted even where there are none."""
        counted = {status.value: self.statuses[status.value] for status in (*statuses, ItemStatus.REFUSED)}
        return {
            "lines": self.statuses.total(),
            **counted,
            "reasons": self.reasons,
            "counts": dict(self.counts),
        }
