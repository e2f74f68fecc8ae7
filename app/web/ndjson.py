"""Reads NDJSON from a request body in bounded chunks: one JSON value per line, UTF-8, ended by a line feed.

A bad line never spoils a good one: it comes back with its number and a reason, and the next one is read.
Memory is bounded by the limits below, whatever is sent. Reading waits for the network, so no transaction may
be open while it goes on: take a chunk, do the work, take the next.

Where chunks begin and end depends on the bytes of the body alone, not on how they arrive, so that the same
body has the same chunks when it is sent again.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.web.bodies import DEPTH_LIMIT
from app.web.inflate import Readable

MEDIA_TYPE = "application/x-ndjson"
LINE_LIMIT = 1_000_000
"""Bytes of one line; the largest signal, a .tmk file in base64, has about 353,000."""
CHUNK_LINES = 1_000
CHUNK_BYTES = 4_000_000
_BLOCK = 65_536
_UNHASHED_LINES = 1_000
_MARK = b"\xef\xbb\xbf"
"""A byte-order mark before the first line: some programs write it, and it says nothing (RFC 8259, 8.1)."""
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")


@dataclass(frozen=True, slots=True)
class Line:
    """One decoded line; `number` counts every line of the body from 1, empty ones too."""

    number: int
    value: Any


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that cannot be read.

    `reason` is a code, `hint` says what to send; neither repeats the line.
    """

    number: int
    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of a body as they came: number and bytes, or None for one that is too long.

    `digest` is the SHA-256 of the body from its beginning to the end of this chunk.
    """

    lines: list[tuple[int, bytes | None]]
    digest: bytes


class _Bad(ValueError):
    """Why a line cannot be read: (reason, hint)."""


def chunks(
    stream: Readable,
    *,
    lines: int = CHUNK_LINES,
    size: int = CHUNK_BYTES,
    line_limit: int = LINE_LIMIT,
) -> Iterator[Chunk]:
    """The lines of a body, at most `lines` of them and about `size` bytes at a time. Empty ones are left out.

    An error of the connection passes through: what had not been yielded is then not taken.
    """
    splitter = _Splitter(stream, line_limit)
    taken: list[tuple[int, bytes | None]] = []
    held = 0
    for number, raw in splitter.lines():
        if raw is not None and not raw.strip():
            continue
        taken.append((number, raw))
        held += len(raw or b"")
        if len(taken) >= lines or held >= size:
            yield Chunk(taken, splitter.digest())
            taken, held = [], 0
    if taken:
        yield Chunk(taken, splitter.digest())


class _Splitter:
    """Cuts a stream into lines, and hashes what it has given out."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self._hash = hashlib.sha256()
        self._unhashed: list[bytes] = []

    def digest(self) -> bytes:
        """SHA-256 of everything up to the end of the last line."""
        self._settle()
        return self._hash.digest()

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Numbered lines without their end; None for one over the limit, which is skipped as it arrives."""
        number, rest, skipping = 0, b"", False
        while block := self._stream.read(_BLOCK):
            *complete, rest = (rest + block).split(b"\n")
            for raw in complete:
                number += 1
                self._unhashed += (raw, b"\n")
                yield number, None if skipping or len(raw) > self._limit else _unmarked(number, raw)
                skipping = False
            if len(rest) > self._limit or len(self._unhashed) > _UNHASHED_LINES:
                self._settle()
            if len(rest) > self._limit:
                self._hash.update(rest)
                skipping, rest = True, b""
        if skipping or rest:
            self._unhashed.append(rest)
            yield number + 1, None if skipping else _unmarked(number + 1, rest)

    def _settle(self) -> None:
        self._hash.update(b"".join(self._unhashed))
        self._unhashed.clear()


def _unmarked(number: int, raw: bytes) -> bytes:
    return raw.removeprefix(_MARK) if number == 1 else raw


def decode(number: int, raw: bytes | None) -> Line | BadLine:
    """Read one line strictly: one meaning or none."""
    if raw is None:
        return BadLine(number, "line_too_long", f"Send lines of at most {LINE_LIMIT} bytes.")
    try:
        return Line(number, _value(raw))
    except _Bad as bad:
        return BadLine(number, *bad.args)


def _value(raw: bytes) -> Any:
    try:
        value = _DECODER.decode(raw.decode("utf-8").strip())
    except UnicodeDecodeError as error:
        raise _Bad("broken_utf8", "Send text in UTF-8.") from error
    except json.JSONDecodeError as error:
        raise _Bad("malformed_json", f"This is not JSON from column {error.colno} on.") from error
    except RecursionError as error:
        raise _too_deep() from error
    if raw.count(b"{") + raw.count(b"[") > DEPTH_LIMIT and _deeper_than(value, DEPTH_LIMIT):
        raise _too_deep()
    if _SUSPECT.search(raw):
        raise _Bad("unsupported_escape", "Send text in UTF-8, not as escapes of NUL or of surrogates.")
    return value


def _too_deep() -> _Bad:
    return _Bad("too_deep", f"Nest at most {DEPTH_LIMIT} levels.")


def _deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [inner for item in level for inner in _inside(item)]
        if not level:
            return False
    return any(isinstance(item, dict | list) for item in level)


def _inside(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Bad("duplicate_key", "Give each key of an object once.")
    return found


def _refuse_constant(_name: str) -> Any:
    raise _Bad("malformed_json", "NaN and infinities are not JSON.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _Bad("malformed_json", "A number is too large.")
    return number


def _whole(text: str) -> int:
    if len(text) > 32:
        raise _Bad("malformed_json", "A number is too large.")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
)
