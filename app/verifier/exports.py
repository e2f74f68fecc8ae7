"""Checks exports and archives: each entry against the checkpoint of its piece, and pieces with each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Final

from app.transparency.blocks import verify_block
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadProof, NotProven
from app.transparency.notes import Note
from app.transparency.tiles import WIDTH
from app.transparency.tree import verify_inclusion
from app.verifier.findings import Fault, Finding, Ranges, Report, span
from app.verifier.growth import Growth, left_edge
from app.verifier.lines import BadLine, Block, Entry, Mark, Opening, parse, raw_lines
from app.verifier.matching import Matching, Shown
from app.verifier.trust import NotCosigned, Opened, Trust

_OPENS = b'{"export":'
UNREADABLE_LIMIT: Final = 1_000
"""Lines of one file that cannot be read: behind them the rest is not looked at."""


def origins_of(paths: Sequence[Path]) -> list[str]:
    """Which logs the checkpoints in these files name; nothing is verified."""
    found: dict[str, None] = {}
    for path in paths:
        for raw in _opening_lines(path):
            try:
                line = parse(raw)
                if isinstance(line, Opening):
                    found[Checkpoint.parse(Note.parse(line.note).text).origin] = None
            except NotProven:
                continue  # it is told where the line is checked
    return list(found)


def _opening_lines(path: Path) -> Iterator[bytes]:
    try:
        for _, raw, whole in raw_lines(path):
            if whole and raw.startswith(_OPENS):
                yield raw
    except BadLine:
        return  # it is told where the file is checked


@dataclass
class _Piece:
    """One piece of a file, as far as it was read."""

    opening: Opening
    opened: Opened | None
    line: int
    at: int
    """The index behind the last entry that stands in it."""
    seen: Ranges = field(default_factory=Ranges)
    reached: int | None = None
    closed: bool = False
    count: int = 0
    """Entries, those of which parts were withheld included."""
    reduced: int = 0
    bare: int = 0
    """Entries of a selection without a path."""


class Exports:
    """Checks files of one log. `growth` may know checkpoints that were kept before."""

    def __init__(self, trust: Trust, growth: Growth, report: Report) -> None:
        self._trust = trust
        self._growth = growth
        self._report = report
        self._matching = [Matching() for _ in trust.lives]
        self._expected: list[tuple[int, int, int]] = []
        """Life and range of each whole piece that ended as it should."""
        self._reach = 0, 0
        """Where the last of them ends, and the size of its checkpoint."""
        self._notes: dict[bytes, Opened] = {}

    def check(self, paths: Sequence[Path]) -> None:
        """Check all of them; what comes of it stands in the report."""
        for path in paths:
            self._introduce(path)
        for path in paths:
            self._check(path)
        shown = Ranges()
        for life, start, end in self._expected:
            self._report.add(self._absent(life, start, end))
            shown.add(start, max(start, end))
        for low, high in shown.gaps(0, max((end for _, _, end in self._expected), default=0)):
            self._report.notes.append(f"Not in these files: {span(low, high)}. Archives may hold them.")
        end, size = self._reach
        if end < size:
            self._report.note(f"Not in these files, which end before: {span(end, size)}.")
        for one, other in combinations(range(len(self._matching)), 2):
            upto = self._trust.shared(one, other) or 0
            self._report.add(self._matching[one].rewritten(self._matching[other], upto))
        for matching in self._matching:
            self._report.add(matching.findings())
            for low, high in matching.unknown():
                self._find(Fault.UNPROVEN, f"No block proves {span(low, high)}.", index=low, to=high)
            for low, high in matching.proven:
                self._report.proven.add(low, high)

    def _introduce(self, path: Path) -> None:
        """Let all checkpoints be known before blocks are compared with them."""
        for raw in _opening_lines(path):
            try:
                line = parse(raw)
                if not isinstance(line, Opening) or line.note in self._notes:
                    continue
                opened = self._trust.open(line.note)
            except NotProven:
                continue  # it is told where the line is checked
            self._notes[line.note] = opened
            self._report.add(self._growth.know(opened))
            if (told := opened.to_wire()) not in self._report.checkpoints:
                self._report.checkpoints.append(told)

    def _check(self, path: Path) -> None:
        piece: _Piece | None = None
        number = unreadable = 0
        try:
            for number, raw, whole in raw_lines(path):
                if not whole:
                    self._find(
                        Fault.CUT, f"The file is cut within its line {number}.", where=path, line=number
                    )
                    break
                try:
                    line = parse(raw)
                except BadLine as error:
                    detail = f"Line {number} cannot be read: {error}"
                    self._find(Fault.UNREADABLE, detail, where=path, line=number)
                    unreadable += 1
                    if unreadable < UNREADABLE_LIMIT:
                        continue
                    detail = (
                        f"So many lines cannot be read that what follows line {number} was not looked at."
                    )
                    self._find(Fault.UNREADABLE, detail, where=path, line=number)
                    break
                if isinstance(line, Opening):
                    self._end(piece, path, number - 1, line)
                    piece = self._open(line, path, number)
                elif piece is None:
                    self._find(Fault.UNREADABLE, "The file has no opening line.", where=path, line=number)
                    return
                else:
                    self._take(piece, line, path, number)
        except (BadLine, OSError) as error:
            detail = f"The file cannot be read behind its line {number}: {error}"
            self._find(Fault.UNREADABLE, detail, where=path, line=number)
        if piece is None:
            self._find(Fault.UNREADABLE, "The file is no export.", where=path)
        self._end(piece, path, number, None)

    def _open(self, line: Opening, path: Path, number: int) -> _Piece:
        opened = self._notes.get(line.note)
        if opened is None:
            try:
                opened = self._trust.open(line.note)
            except NotProven as error:
                fault = Fault.COSIGNATURES if isinstance(error, NotCosigned) else Fault.CHECKPOINT
                self._find(fault, f"Nothing behind line {number} is proven: {error}", where=path, line=number)
        if opened is not None and not (
            line.start <= line.end <= opened.size and line.origin == opened.checkpoint.origin
        ):
            detail = f"Line {number} does not fit the checkpoint in it."
            self._find(Fault.CHECKPOINT, detail, where=path, line=number)
            opened = None
        return _Piece(opening=line, opened=opened, line=number, at=line.start)

    def _take(self, piece: _Piece, line: object, path: Path, number: int) -> None:
        if piece.closed:
            detail = f"Line {number} stands behind the closing line."
            self._find(Fault.UNREADABLE, detail, where=path, line=number)
        elif isinstance(line, Block):
            self._block(piece, line, path, number)
        elif isinstance(line, Entry):
            self._entry(piece, line, path, number)
        elif isinstance(line, Mark):
            piece.reached, piece.closed = line.until, line.closed
            if line.closed and line.entries != piece.count:
                detail = f"Line {number} tells of {line.entries} entries, and {piece.count} are there."
                self._find(Fault.CUT, detail, where=path, line=number)
        else:
            piece.count += 1
            piece.reduced += 1

    def _block(self, piece: _Piece, line: Block, path: Path, number: int) -> None:
        opened = piece.opened
        if opened is None:
            return
        try:
            leaves = verify_block(line.index, opened.size, line.leaves, line.path, opened.root)
        except BadProof as error:
            self._find(
                Fault.UNPROVEN, f"The block at line {number} is not of this log: {error}",
                index=line.index * WIDTH, to=line.index * WIDTH + WIDTH, where=path, line=number,
            )  # fmt: skip
            return
        edge = left_edge(line.index, -(-opened.size // WIDTH), line.path)
        self._growth.block(line.index, leaves, edge, opened)
        matching = self._matching[opened.life]
        matching.block(line.index, leaves, piece.opening.start, piece.opening.end)

    def _entry(self, piece: _Piece, line: Entry, path: Path, number: int) -> None:
        if line.index < piece.at:
            twice = line.index in piece.seen
            fault = Fault.DOUBLED if twice else Fault.OUT_OF_ORDER
            said = "stands there again" if twice else "stands behind one that should follow it"
            self._find(
                fault, f"Line {number}: the entry {line.index} {said}.", index=line.index, entry=line.id,
                where=path, line=number,
            )  # fmt: skip
        piece.count += 1
        piece.seen.add(line.index, line.index + 1)
        piece.at = max(piece.at, line.index + 1)
        if piece.opened is None:
            return
        if not piece.opening.whole:
            self._selected(piece, piece.opened, line, path, number)
            return
        shown = Shown(line.index, line.id, line.leaf, str(path), number)
        self._matching[piece.opened.life].entry(shown)

    def _selected(self, piece: _Piece, opened: Opened, line: Entry, path: Path, number: int) -> None:
        if line.path is None:
            piece.bare += 1
            return
        try:
            verify_inclusion(line.index, opened.size, line.leaf, line.path, opened.root)
        except BadProof:
            detail = f"Line {number}: entry {line.index} ({line.id}) is not the one that was logged."
            self._find(
                Fault.CHANGED, detail, index=line.index, to=line.index + 1, entry=line.id,
                where=path, line=number,
            )  # fmt: skip
            return
        self._matching[opened.life].proven.add(line.index, line.index + 1)

    def _end(self, piece: _Piece | None, path: Path, number: int, following: Opening | None) -> None:
        """Judge how a piece ended: closed, or gone on with by the next one from where it says that it was."""
        if piece is None:
            return
        whole, end = piece.opening.whole, piece.reached
        if piece.closed and whole and end is None:
            end = piece.opening.end
        joined = (
            following is not None
            and end is not None
            and following.start == end
            and (following.whole or not whole)
            and (following.end >= piece.opening.end or following.origin != piece.opening.origin)
        )
        selected = following is not None and not whole and not following.whole
        if not (piece.closed or joined or selected):
            known = f" Nothing is known of what follows, from index {piece.at} on." if whole else ""
            detail = f"The file ends at line {number}, before its closing line.{known}"
            self._find(Fault.CUT, detail, index=piece.at if whole else None, where=path, line=number)
            end = piece.at
        if piece.closed and end is not None and end != piece.opening.end:
            self._find(Fault.CUT, "The closing line does not fit the opening line.", where=path, line=number)
        if piece.opened is not None and whole:
            end = piece.at if end is None else end
            self._matching[piece.opened.life].excuse(end, piece.opening.end)
            self._expected.append((piece.opened.life, piece.opening.start, end))
            if end >= self._reach[0]:
                self._reach = end, piece.opened.size
        if piece.bare:
            detail = f"{piece.bare} entries have no proof: export them with proofs."
            self._find(Fault.UNPROVEN, detail, where=path)
        if piece.reduced:
            self._report.notes.append(
                f"{path}: of {piece.reduced} entries parts were withheld; they prove nothing."
            )
        if not whole:
            self._report.note(f"{path}: a selection does not prove that nothing was left out.")

    def _absent(self, life: int, start: int, end: int) -> Iterator[Finding]:
        """Entries of which neither a block nor a line is there."""
        for low, high in self._matching[life].shown(start, end):
            detail = f"{span(low, high).capitalize()} and what would prove them are not in the file."
            yield Finding(fault=Fault.MISSING, index=low, to=high, detail=detail)

    def _find(
        self,
        fault: Fault,
        detail: str,
        *,
        index: int | None = None,
        to: int | None = None,
        entry: str | None = None,
        where: Path | None = None,
        line: int | None = None,
    ) -> None:
        place = None if where is None else str(where)
        self._report.add(
            [Finding(fault=fault, detail=detail, index=index, to=to, entry=entry, where=place, line=line)]
        )
