"""Finds which entries are not as they were logged, from the leaves of a log and the entries shown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.transparency.tiles import WIDTH
from app.transparency.tree import HASH_BYTES
from app.verifier.findings import Fault, Finding, Ranges, span

STRAYS_LIMIT = 200_000
"""Entries that stand wrong and are remembered, to find where they belong; the memory is bounded by it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as it is shown: its place, its id, the hash of its bytes, and where it stands."""

    index: int
    entry: str
    leaf: bytes
    where: str | None = None
    line: int | None = None


class Matching:
    """Leaves come in blocks that were verified, each before the entries that stand in it."""

    def __init__(self) -> None:
        self.proven = Ranges()
        self._blocks: dict[int, bytes] = {}
        self._due: dict[int, bytes] = {}
        self._strays: list[Shown] = []
        self._more = 0
        self._rewritten: dict[int, Shown | None] = {}
        """Leaves of which there are two, under two checkpoints, and what was shown last there."""
        self._unknown = Ranges()

    def block(self, index: int, leaves: Sequence[bytes], start: int, end: int) -> None:
        """Take the leaves of a block; those from `start` until `end` are due to be shown."""
        first = index * WIDTH
        joined = b"".join(leaves)
        known = self._blocks.get(index, b"")
        for n in range(0, min(len(known), len(joined)), HASH_BYTES):
            if known[n : n + HASH_BYTES] != joined[n : n + HASH_BYTES]:
                self._rewritten.setdefault(first + n // HASH_BYTES)
        if len(joined) > len(known):
            self._blocks[index] = joined
        for at, leaf in enumerate(leaves, first):
            if start <= at < end and at not in self.proven:
                self._due[at] = leaf

    def entry(self, shown: Shown) -> None:
        """Take an entry that is shown at a place."""
        leaf = self._leaf(shown.index)
        if shown.index in self._rewritten:
            self._rewritten[shown.index] = shown
        elif leaf == shown.leaf:
            self.proven.add(shown.index, shown.index + 1)
            self._due.pop(shown.index, None)
        elif leaf is None:
            self._unknown.add(shown.index, shown.index + 1)
        elif len(self._strays) < STRAYS_LIMIT:
            self._strays.append(shown)
        else:
            self._more += 1

    def excuse(self, start: int, end: int) -> None:
        """Entries that are not shown, for a reason that is told elsewhere, are not missing."""
        for at in [at for at in self._due if start <= at < end]:
            del self._due[at]

    def unknown(self) -> Iterator[tuple[int, int]]:
        """Entries that were shown without a block that could prove them, and not proven elsewhere either."""
        for low, high in self._unknown:
            yield from self.proven.gaps(low, high)

    def shown(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Which of these are neither proven, nor due, nor shown without proof: nothing is known of them."""
        seen = Ranges()
        for low, high in (*self.proven, *self._unknown):
            seen.add(low, high)
        for at in sorted(self._due):
            seen.add(at, at + 1)
        yield from seen.gaps(start, end)

    @property
    def blocks(self) -> Mapping[int, bytes]:
        """The leaf hashes of each block that was shown."""
        return self._blocks

    def rewritten(self, other: "Matching", upto: int) -> Iterator[Finding]:
        """Leaves below `upto` that two lives of a log do not have in common, although one took them over."""
        for index in sorted(self._blocks.keys() & other.blocks.keys()):
            first = index * WIDTH
            here, there = self._blocks[index], other.blocks[index]
            for n in range(0, min(len(here), len(there), max(upto - first, 0) * HASH_BYTES), HASH_BYTES):
                if here[n : n + HASH_BYTES] != there[n : n + HASH_BYTES]:
                    at = first + n // HASH_BYTES
                    yield Finding(
                        fault=Fault.CHANGED, index=at, to=at + 1,
                        detail=f"Entry {at} was taken over by a restore, and is another one since: it was"
                        " rewritten.",
                    )  # fmt: skip

    def findings(self) -> Iterator[Finding]:
        """Where entries were changed, moved, inserted or taken away."""
        for at, last in self._rewritten.items():
            self._due.pop(at, None)
            yield Finding(
                fault=Fault.CHANGED, index=at, to=at + 1, entry=last.entry if last else None,
                detail=f"Entry {at} was logged differently under two checkpoints: it was rewritten.",
            )  # fmt: skip
        places = {leaf: at for at, leaf in self._due.items()}
        moved = [(one, places[one.leaf]) for one in self._strays if one.leaf in places]
        here = {place for _, place in moved}
        odd = [one for one in self._strays if one.leaf not in places]
        changed = set()
        for one in odd:
            if one.index in here:  # what was logged there stands elsewhere
                yield _inserted(one)
            else:
                changed.add(one.index)
                yield _changed(one)
        yield from _moves(moved)
        yield from _missing(sorted(self._due.keys() - here - changed))
        if self._more:
            yield Finding(
                fault=Fault.CHANGED, detail=f"{self._more} more entries are not as they were logged."
            )

    def _leaf(self, index: int) -> bytes | None:
        leaves = self._blocks.get(index // WIDTH, b"")
        at = index % WIDTH * HASH_BYTES
        return leaves[at : at + HASH_BYTES] or None


def _changed(one: Shown) -> Finding:
    return Finding(
        fault=Fault.CHANGED, index=one.index, to=one.index + 1, entry=one.entry,
        where=one.where, line=one.line,
        detail=f"Entry {one.index} ({one.entry}) is not the one that was logged there: it was changed.",
    )  # fmt: skip


def _inserted(one: Shown) -> Finding:
    return Finding(
        fault=Fault.INSERTED, index=one.index, to=one.index + 1, entry=one.entry,
        where=one.where, line=one.line,
        detail=f"The entry {one.entry}, which stands at {one.index}, was never logged: it was inserted.",
    )  # fmt: skip


def _moves(moved: Iterable[tuple[Shown, int]]) -> Iterator[Finding]:
    """Neighbours that were moved by as much are told together."""
    runs: list[list[tuple[Shown, int]]] = []
    for one, place in moved:
        if runs and one.index == runs[-1][-1][0].index + 1 and place == runs[-1][-1][1] + 1:
            runs[-1].append((one, place))
        else:
            runs.append([(one, place)])
    for run in runs:
        one, place = run[0]
        end = run[-1][0].index + 1
        yield Finding(
            fault=Fault.MOVED, index=one.index, to=end, entry=one.entry, where=one.where, line=one.line,
            detail=f"What stands at {span(one.index, end)} was logged as {span(place, place + len(run))}"
            f" (the first is {one.entry}).",
        )  # fmt: skip


def _missing(indexes: Iterable[int]) -> Iterator[Finding]:
    gone = Ranges()
    for index in indexes:
        gone.add(index, index + 1)
    for low, high in gone:
        detail = f"Not there, though logged: {span(low, high)}."
        yield Finding(fault=Fault.MISSING, index=low, to=high, detail=detail)
