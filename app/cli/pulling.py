"""Pulls the feed into a file so that nothing is missed and nothing is repeated, whenever it is stopped.

The feed comes as one stream, compressed. Each mark in it says how far one has come: what came before is
stored with that cursor, and a stream that was cut goes on from there.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import msgspec

from app import zstd
from app.cli.client import ATTEMPTS, Server
from app.cli.command import Failure
from schemas.vocabulary import StreamLine

HEADERS = {"Accept": "application/x-ndjson", "Accept-Encoding": "zstd, gzip;q=0.5"}
_MARK = b'{"kind":"page.'
"""How the lines of a stream begin that are no changes; changes begin with their date."""


class Mark(msgspec.Struct):
    """A line that is no change: where the stream goes on, or, at its end, would."""

    kind: StreamLine
    next: str
    excluded: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Part:
    """The lines before a mark, as the server sent them."""

    lines: bytes
    count: int
    mark: Mark


class _CutError(Exception):
    """The stream ended before its closing line."""


def pull_into(
    server: Server, file: Path, cursor: Path, collections: Sequence[str], advanced: Callable[[int], None]
) -> dict[str, Any]:
    """Append all changes behind the cursor to the file; returns counts and what was left out.

    The cursor file also says how long the file was at that moment: what a stopped pull wrote behind it is cut
    off before the next one begins.
    """
    after, size = _read_cursor(cursor)
    count = 0
    with file.open("ab") as opened:
        _cut(opened, size)
        for part in _parts(server, after, collections):
            opened.write(part.lines)
            opened.flush()
            os.fsync(opened.fileno())
            _write_cursor(cursor, part.mark.next, opened.tell())
            count += part.count
            advanced(part.count)
    return {"changes": count, "file": str(file), "cursor": str(cursor), "excluded": part.mark.excluded}


def _parts(server: Server, after: str | None, collections: Sequence[str]) -> Iterator[Part]:
    """All parts to the closing line, taken up again where the stream is cut.

    Raises:
        Failure: it is cut again and again before its next mark.
    """
    tried = 0
    while True:
        try:
            for part in _streamed(server, after, collections):
                yield part
                after, tried = part.mark.next, 0
                if part.mark.kind is StreamLine.CLOSED:
                    return
        except (_CutError, httpx.TransportError, httpx.DecodingError, zstd.ZstdError):
            tried += 1
            if tried == ATTEMPTS:
                raise Failure(
                    "The stream breaks off again and again. Pull again later.", reason="cut"
                ) from None
            time.sleep(0.2 * 2**tried)


def _streamed(server: Server, after: str | None, collections: Sequence[str]) -> Iterator[Part]:
    """The parts of one stream."""
    asked: dict[str, Any] = {"collection": list(collections), **({"after": after} if after else {})}
    answer = server.call("GET", "/v1/changes", params=asked, headers=HEADERS, stream=True)
    lines: list[bytes] = []
    rest = b""
    try:
        for block in _decoded(answer):
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                if not line.startswith(_MARK):
                    lines.append(line)
                    continue
                mark = msgspec.json.decode(line, type=Mark)
                yield Part(lines=b"".join(each + b"\n" for each in lines), count=len(lines), mark=mark)
                lines = []
    finally:
        answer.close()
    raise _CutError


def _decoded(answer: httpx.Response) -> Iterator[bytes]:
    """The stream's bytes; frame by frame, which the HTTP library's own decoder does not do."""
    if answer.headers.get("Content-Encoding") != "zstd":
        yield from answer.iter_bytes()
        return
    frames = zstd.Frames()
    for block in answer.iter_raw():
        yield from frames.pieces(block)


def _read_cursor(path: Path) -> tuple[str | None, int | None]:
    if not path.exists():
        return None, None
    try:
        kept = json.loads(path.read_text())
        return str(kept["after"]), int(kept["bytes"])
    except (ValueError, KeyError, TypeError):
        raise Failure(
            "The cursor file cannot be read. Remove it and FILE to start from the beginning.", reason="cursor"
        ) from None


def _write_cursor(path: Path, after: str, size: int) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as opened:
        json.dump({"after": after, "bytes": size}, opened)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(path)


def _cut(opened: BinaryIO, size: int | None) -> None:
    """Cut off what a stopped pull wrote behind its cursor; never a file that no pull has written."""
    length = opened.seek(0, os.SEEK_END)
    if size is None:
        if length:
            raise Failure("FILE exists, and no cursor belongs to it. Choose another name.", reason="cursor")
        return
    if length < size:
        raise Failure(
            "FILE is shorter than the cursor says. Remove both to start from the beginning.", reason="cursor"
        )
    opened.truncate(size)
    opened.seek(size)
