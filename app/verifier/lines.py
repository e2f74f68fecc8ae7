"""Reads the lines of exports and archives (`schemas/documents/audit-export.v1.json`), packed or not."""

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from app import canonical, zstd
from app.transparency.errors import NotProven
from app.transparency.exports import SCHEMA
from app.transparency.lines import from_base64
from app.transparency.tree import HASH_BYTES, leaf_hash

LINE_LIMIT: Final = 4_000_000
_BLOCK: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_ENTRY: Final = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,18})(?:,"hashes":(\[[0-9a-f",]*\]))?,"entry":(\{.*\})\}', re.DOTALL
)
_REDUCED: Final = (b'{"entry":', b',"reduced":true}')
_SHOWN: Final = 200
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class BadLine(NotProven):
    """A line of no known form."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    origin: str
    start: int
    end: int
    note: bytes
    whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    index: int
    leaves: bytes
    path: list[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`leaf` is the hash of its bytes; `path` is None where it stands in a block."""

    index: int
    id: str
    leaf: bytes
    path: list[bytes] | None


@dataclass(frozen=True, slots=True)
class Reduced:
    """An entry of which parts were withheld."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A line `reached` or, where it is the last one of its piece, `closed`, which counts its entries."""

    until: int | None
    closed: bool
    entries: int | None


Line = Opening | Block | Entry | Reduced | Mark


def raw_lines(path: Path) -> Iterator[tuple[int, bytes, bool]]:
    """Lines with their number, counted from 1, and whether their end is there; without it.

    Raises:
        BadLine: what is packed cannot be unpacked any further.
    """
    rest, number = b"", 0
    for block in _unpacked(path):
        *whole, rest = (rest + block).split(b"\n")
        for line in whole:
            number += 1
            yield number, line, True
        if len(rest) > LINE_LIMIT:
            raise BadLine("A line is longer than any of an export.")
    if rest:
        yield number + 1, rest, False


def parse(line: bytes) -> Line:
    """One line.

    Raises:
        BadLine: it has none of the published forms.
    """
    found = _ENTRY.fullmatch(line)
    if found:
        path = None if found[2] is None else _hashes(_json(found[2]))
        entry_id, leaf = _entry(found[3])
        return Entry(index=int(found[1]), id=entry_id, leaf=leaf, path=path)
    if line.startswith(_REDUCED[0]) and line.endswith(_REDUCED[1]):
        return Reduced()
    document = _json(line)
    if not isinstance(document, dict) or not document:
        raise BadLine("This is no line of an export.")
    try:
        return _of(document)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, NotProven) as error:
        raise BadLine("This is no line of an export.") from error


def _of(document: dict[str, Any]) -> Line:
    name = next(iter(document))
    told = document[name]
    if name == "export":
        if told["schema"] != SCHEMA:
            raise BadLine("This is an export of another version.")
        return Opening(
            origin=str(told["origin"]), start=_whole(told["from"]), end=_whole(told["to"]),
            note=told["checkpoint"].encode(), whole=told["kind"] == "whole",
        )  # fmt: skip
    if name == "block":
        leaves = from_base64(told["leaves"])
        return Block(index=_whole(told["index"]), leaves=leaves, path=_hashes(told["hashes"]))
    if name in {"reached", "closed"}:
        until = None if told.get("until") is None else _whole(told["until"])
        entries = _whole(told["entries"]) if name == "closed" else None
        return Mark(until=until, closed=name == "closed", entries=entries)
    if "reduced" in document:
        return Reduced()
    path = _hashes(document["hashes"]) if "hashes" in document else None
    leaf = leaf_hash(canonical.encode(document["entry"]))
    return Entry(index=_whole(document["index"]), id=legible(document["entry"]["id"]), leaf=leaf, path=path)


def _entry(raw: bytes) -> tuple[str, bytes]:
    """Id and leaf hash of an entry whose bytes are those that were logged.

    Bytes that have another form than the one that is hashed could be read in two ways, so that one is made of
    them that counts.
    """
    try:
        document = msgspec.json.decode(raw)
        entry_id = legible(document["id"])
        if msgspec.json.encode(document, order="sorted") != raw:
            raw = canonical.encode(_json(raw))
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BadLine("This holds no entry.") from error
    return entry_id, leaf_hash(raw)


def legible(value: Any) -> str:
    """A value out of a file as it may be shown: it could be long, or say something to a terminal."""
    text = str(value)[:_SHOWN]
    return text if text.isprintable() else repr(text)


def _json(raw: bytes) -> Any:
    try:
        found = json.loads(raw, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise BadLine("This is no JSON.") from error
    return found


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON in which no key stands twice: readers would differ about which one counts."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise BadLine("This is no index.")
    return value


def _hashes(found: Any) -> list[bytes]:
    if not isinstance(found, list) or not all(
        isinstance(one, str) and _DIGEST.fullmatch(one) for one in found
    ):
        raise BadLine("These are no hashes.")
    path = [bytes.fromhex(one) for one in found]
    if len(path) > 2 * HASH_BYTES:
        raise BadLine("No path is as long.")
    return path


def _unpacked(path: Path) -> Iterator[bytes]:
    with path.open("rb") as opened:
        begins = opened.read(4)
        opened.seek(0)
        try:
            if begins.startswith(_GZIP):
                with gzip.GzipFile(fileobj=opened) as unpacking:
                    while piece := unpacking.read(_BLOCK):
                        yield piece
            elif begins == _ZSTD:
                frames = zstd.Frames()
                while packed := opened.read(_BLOCK):
                    yield from frames.pieces(packed)
            else:
                while piece := opened.read(_BLOCK):
                    yield piece
        except (gzip.BadGzipFile, EOFError, zlib.error, zstd.ZstdError) as error:
            raise BadLine("What is packed here was cut or changed.") from error
