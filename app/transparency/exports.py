"""The form of exports and archives of a log (`schemas/documents/audit-export.v1.json`): how it is written.

One JSON object per line (NDJSON). The opening line holds a checkpoint, and whatever follows is proven against
it by what stands in the same file:

* A **whole** export holds every entry from one index until another. Before the entries of each block stand
  the hashes of all its leaves with their path to the root. So each entry can be checked as it is read, a file
  that was cut proves all that it holds, and of a damaged one it is known which entries are not as they were
  logged.
* A **selection** holds the entries that somebody asked for, each with its own path if that was wanted. It
  does not prove that nothing was left out.

Lines have one written form: no spaces, and an entry is the very bytes that the log commits to. Pieces that
follow each other may stand in one file, each with its opening line.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.transparency.blocks import block_proof, block_width
from app.transparency.lines import to_base64
from app.transparency.tiles import WIDTH
from app.transparency.tree import Read

SCHEMA: Final = "halyard.audit-export/1"

Numbered = tuple[int, bytes]
"""An entry with its index, counted from 0."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """The first line of a piece.

    Args:
        origin: the log's, as in the checkpoint.
        start, end: the range of indexes that this piece is about; `end` is not in it.
        note: the checkpoint, a signed note of `end` leaves or more. All of the piece is proven against it.
        asked: the filters of a selection; None: a whole export.
        proofs: each entry of a selection has its path.
    """

    origin: str
    start: int
    end: int
    note: bytes
    asked: Mapping[str, str] | None = None
    proofs: bool = False

    def line(self) -> bytes:
        told: dict[str, Any] = {
            "schema": SCHEMA, "kind": "whole" if self.asked is None else "selection", "origin": self.origin,
            "from": self.start, "to": self.end, "checkpoint": self.note.decode(),
        }  # fmt: skip
        if self.asked is not None:
            told |= {"asked": dict(self.asked), "proofs": self.proofs}
        return _line({"export": told})


def block_line(index: int, size: int, read: Read) -> bytes:
    """The leaves of a block of the tree of `size` leaves, and their path."""
    first = index * WIDTH
    leaves = b"".join(read(0, leaf) for leaf in range(first, first + block_width(index, size)))
    hashes = [one.hex() for one in block_proof(index, size, read)]
    return _line({"block": {"index": index, "leaves": to_base64(leaves), "hashes": hashes}})


def entry_line(index: int, entry: bytes, hashes: Sequence[bytes] | None = None) -> bytes:
    """An entry as it was logged, with its path where it stands in no block."""
    path = b"" if hashes is None else b'"hashes":%b,' % json.dumps(
        [one.hex() for one in hashes], separators=(",", ":")
    ).encode()  # fmt: skip
    return b'{"index":%d,%b"entry":%b}\n' % (index, path, entry)


def reduced_line(entry: bytes) -> bytes:
    """What a reader may have of an entry that is not all for it. It proves nothing."""
    return b'{"entry":%b,"reduced":true}\n' % entry


def reached_line(following: str, until: int | None) -> bytes:
    """Up to here what came is whole; `following` is where to go on if it ends before its closing line."""
    return _line({"reached": {"next": following, **({} if until is None else {"until": until})}})


def closing_line(entries: int, following: str | None, until: int | None) -> bytes:
    """The last line of a piece: without it, the piece is short.

    Args:
        entries: how many the piece holds.
        following: where to go on when the log has grown; None: an archive, which nobody goes on from.
        until: the index behind the last one that the piece is about.
    """
    return _line(
        {"closed": {"entries": entries, "next": following, **({} if until is None else {"until": until})}}
    )


def block_lines(start: int, end: int, size: int, entries: Iterable[Numbered], read: Read) -> Iterator[bytes]:
    """Blocks, each before the entries that stand in it.

    Args:
        start, end: the range of indexes.
        size: of the tree that the opening line's checkpoint speaks of.
        entries: those of the range, in order. One that is missing is left out: its block tells so.
        read: gives nodes of that tree, such as a `TileReader` over the tiles that `block_tiles` names.
    """
    rest = iter(entries)
    held = next(rest, None)
    for index in range(start // WIDTH, -(-end // WIDTH) if start < end else 0):
        yield block_line(index, size, read)
        while held is not None and held[0] < (index + 1) * WIDTH:
            yield entry_line(*held)
            held = next(rest, None)


def whole(opening: Opening, size: int, entries: Iterable[Numbered], read: Read) -> Iterator[bytes]:
    """A whole export in one piece, as archives are written. Parameters as in `Opening` and `block_lines`.

    Raises:
        ValueError: an entry is missing or stands in another place: an archive holds every one of its range.
    """
    yield opening.line()
    yield from block_lines(opening.start, opening.end, size, _dense(opening, entries), read)
    yield closing_line(opening.end - opening.start, None, opening.end)


def _dense(opening: Opening, entries: Iterable[Numbered]) -> Iterator[Numbered]:
    expected = opening.start
    for index, entry in entries:
        if index != expected:
            break
        yield index, entry
        expected += 1
    if expected != opening.end:
        raise ValueError("an archive holds every entry of its range, in order")


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
