"""Reads NDJSON from a request body in bounded chunks: one JSON value per line, UTF-8, ended by a line feed.

A bad line never spoils a good one: it comes back with its number and a reason, and the next one is read.
Memory is bounded by the limits below, whatever is sent. Reading waits for the network, so no transaction may
be open while it goes on: take a chunk, do the work, take the next.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from app.web.bodies import DEPTH_LIMIT

MEDIA_TYPE = "application/x-ndjson"
LINE_LIMIT = 1_000_000
"""Bytes of one line; the largest signal, a .tmk file in base64, has about 353,000."""
CHUNK_LINES = 1_000
CHUNK_BYTES = 4_000_000
_BLOCK = 65_536
_SUSPECT = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


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


class _Bad(ValueError):
    """Why a line cannot be read: (reason, hint)."""


def chunks(
    stream: Readable,
    *,
    lines: int = CHUNK_LINES,
    size: int = CHUNK_BYTES,
    line_limit: int = LINE_LIMIT,
) -> Iterator[list[Line | BadLine]]:
    """The lines of a body, at most `lines` of them and about `size` bytes at a time. Empty ones are left out.

    An error of the connection passes through: what had not been yielded is then not taken.
    """
    chunk: list[Line | BadLine] = []
    held = 0
    for number, raw in _split(stream, line_limit):
        if raw is not None and not raw.strip():
            continue
        chunk.append(_decode(number, raw, line_limit))
        held += len(raw or b"")
        if len(chunk) >= lines or held >= size:
            yield chunk
            chunk, held = [], 0
    if chunk:
        yield chunk


def _split(stream: Readable, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines without their end; None for one over the limit, which is skipped as it arrives."""
    number, rest, skipping = 0, b"", False
    while block := stream.read(_BLOCK):
        *complete, rest = (rest + block).split(b"\n")
        for raw in complete:
            number += 1
            yield number, None if skipping or len(raw) > limit else raw
            skipping = False
        if len(rest) > limit:
            skipping, rest = True, b""
    if skipping or rest:
        yield number + 1, None if skipping else rest


def _decode(number: int, raw: bytes | None, limit: int) -> Line | BadLine:
    if raw is None:
        return BadLine(number, "line_too_long", f"Send lines of at most {limit} bytes.")
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
