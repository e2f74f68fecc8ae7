"""What a check came to: what is proven, what is not and where, and what was not looked at."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import Any, Final

FINDINGS_LIMIT: Final = 10_000
"""How many are listed: a file can be made that has any number of them."""


class Fault(StrEnum):
    """Why something is not proven. Programs read these words."""

    CHANGED = "changed"
    """The entry at this place is not the one that was logged."""
    MISSING = "missing"
    """An entry that was logged is not there."""
    INSERTED = "inserted"
    """An entry that was never logged."""
    MOVED = "moved"
    """Entries that were logged in another place."""
    DOUBLED = "doubled"
    """An entry stands there twice."""
    OUT_OF_ORDER = "out-of-order"
    """A line stands behind one that should follow it; the entry itself may be proven."""
    UNREADABLE = "unreadable"
    """A line, or a file, that has no form which can be read."""
    CUT = "cut"
    """The file ends before its closing line."""
    UNPROVEN = "unproven"
    """Nothing in the file proves it: its block or its path is missing or wrong."""
    CHECKPOINT = "checkpoint"
    """No checkpoint of this log: unreadable, of another log, or not signed by a key that is trusted."""
    COSIGNATURES = "cosignatures"
    """Too few witnesses have signed."""
    FORK = "fork"
    """Two checkpoints contradict each other: the log was rewritten, or is shown differently to others."""
    ROLLBACK = "rollback"
    """The log is smaller than it was."""
    LOST = "lost"
    """Entries that a restore of the server has lost."""
    UNANSWERED = "unanswered"
    """The server does not give what would prove it."""


SPLIT: Final = frozenset({Fault.FORK, Fault.ROLLBACK, Fault.LOST})
"""Where the log is not the one that was seen, nothing new of it is kept."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that does not hold.

    Args:
        index: the first entry that is concerned, counted from 0.
        to: the index behind the last one.
        entry: the id of the entry that stands at `index` now, if one does.
        where: the file, or where else it was found.
        line: of the file, counted from 1.
    """

    fault: Fault
    detail: str
    index: int | None = None
    to: int | None = None
    entry: str | None = None
    where: str | None = None
    line: int | None = None

    def to_wire(self) -> dict[str, Any]:
        told = {
            "fault": self.fault.value, "detail": self.detail, "index": self.index, "to": self.to,
            "entry": self.entry, "where": self.where, "line": self.line,
        }  # fmt: skip
        return {name: value for name, value in told.items() if value is not None}


class Ranges:
    """A set of whole numbers as few ranges."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    def add(self, start: int, end: int) -> None:
        """Add the numbers from `start` until `end`."""
        if not self._spans or self._spans[-1][1] < start:
            self._spans.append((start, end))
            return
        low = bisect_left(self._spans, start, key=itemgetter(1))
        high = bisect_right(self._spans, end, lo=low, key=itemgetter(0))
        for span_start, span_end in self._spans[low:high]:
            start, end = min(start, span_start), max(end, span_end)
        self._spans[low:high] = [(start, end)]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._spans, number, key=itemgetter(0))
        return at > 0 and number < self._spans[at - 1][1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(self._spans)

    def __len__(self) -> int:
        return sum(high - low for low, high in self._spans)

    def gaps(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """What is missing of the numbers from `start` until `end`."""
        at = start
        for low, high in self._spans:
            if high <= at:
                continue
            if low >= end:
                break
            if low > at:
                yield at, low
            at = max(at, high)
        if at < end:
            yield at, end


@dataclass(kw_only=True)
class Report:
    """All that a check came to. It is proven if nothing was found, and something was looked at."""

    findings: list[Finding] = field(default_factory=list)
    proven: Ranges = field(default_factory=Ranges)
    """Indexes of the entries that are proven to be in the log as they were given."""
    checkpoints: list[dict[str, Any]] = field(default_factory=list)
    """Whose signatures hold: origin, size, root in hex, and who cosigned it."""
    receipts: list[dict[str, Any]] = field(default_factory=list)
    compared: set[int] = field(default_factory=set)
    """Sizes of kept checkpoints that the log was shown to continue."""
    notes: list[str] = field(default_factory=list)
    """What the reader should know, and what was not looked at."""

    @property
    def holds(self) -> bool:
        return not self.findings and bool(self.checkpoints)

    def add(self, findings: Iterable[Finding]) -> None:
        """Add what was found; behind the limit only what says that the log is another one."""
        for one in findings:
            if len(self.findings) < FINDINGS_LIMIT or one.fault in SPLIT:
                self.findings.append(one)
            else:
                self.note(f"There are more findings than the {FINDINGS_LIMIT:,} that are listed.")

    def note(self, text: str) -> None:
        """Say something to the reader, once."""
        if text not in self.notes:
            self.notes.append(text)

    def to_wire(self) -> dict[str, Any]:
        return {
            "proven": self.holds,
            "findings": [one.to_wire() for one in self.findings],
            "entries": {"proven": len(self.proven), "ranges": [list(span) for span in self.proven]},
            "checkpoints": self.checkpoints,
            "receipts": self.receipts,
            "compared": sorted(self.compared),
            "notes": self.notes,
        }


def span(start: int, end: int) -> str:
    """Indexes from `start` until `end` in words."""
    return f"entry {start}" if end - start == 1 else f"entries {start} to {end - 1}"
