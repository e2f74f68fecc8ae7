"""Prepared segments for tests: small ones, and streams that say which of theirs were prepared."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app import zstd
from app.feed import preparing
from app.feed.models import Change, FeedSegment
from app.runtime import Runtime
from tests.factories import Caller

LINES = {"Accept": "application/x-ndjson", "Accept-Encoding": "zstd"}


def prepare(runtime: Runtime, threshold: int = 1) -> int:
    """Make all segments that are due; returns how many there are then."""
    for _ in range(1_000):
        if not preparing.step(runtime.db, threshold):
            return len(stored(runtime))
    raise AssertionError("the preparing never comes to an end")


@dataclass(frozen=True)
class Stored:
    """One stored segment."""

    place_id: int
    first: int
    last: int
    lines: int
    digest: bytes
    body: bytes


def stored(runtime: Runtime) -> list[Stored]:
    rows = select(FeedSegment).order_by(FeedSegment.place_id, FeedSegment.first)
    unpack = zstd.decompress
    with runtime.db.read() as session:
        return [
            Stored(row.place_id, row.first, row.last, row.lines, row.digest, unpack(row.frame))
            for row in session.scalars(rows)
        ]


def standing(runtime: Runtime, segment: Stored) -> bytes:
    """What the lines of a segment's range are now."""
    wanted = (
        select(Change.line)
        .where(Change.place_id == segment.place_id, Change.seq.between(segment.first, segment.last))
        .where(Change.superseded.is_(False))
        .order_by(Change.seq)
    )
    with runtime.db.read() as session:
        return b"".join((line or b"?") + b"\n" for line in session.scalars(wanted))


@dataclass
class Streamed:
    """What came as a stream in zstd."""

    request_id: str
    lines: list[dict[str, Any]]
    """Changes only."""
    segments: list[bytes]
    """What stands between the marks."""
    prepared: int
    """How many segments were stored frames, sent as they are."""
    closed: bool

    @property
    def objects(self) -> list[str]:
        return [line["object"] for line in self.lines]


def stream(caller: Caller, runtime: Runtime, **query: Any) -> Streamed:
    answer = caller.get("/v1/changes", headers=LINES, query_string=query)
    assert answer.status_code == 200, answer.text
    return read(answer.data, answer.headers["Halyard-Request-Id"], {part.body for part in stored(runtime)})


def read(data: bytes, request_id: str, known: set[bytes]) -> Streamed:
    """Read the frames of a stream.

    Args:
        known: bodies of stored segments.
    """
    prepared, segments, closed = 0, [b""], False
    while data:
        frame = zstd.ZstdDecompressor()
        part = frame.decompress(data)
        data = frame.unused_data
        prepared += part in known
        for line in part.splitlines(keepends=True):
            if line.startswith(b'{"kind":"page.reached"'):
                segments.append(b"")
            else:
                segments[-1] += line
                closed = line.startswith(b'{"kind":"page.closed"')
    lines = [json.loads(line) for part in segments for line in part.splitlines()]
    changes = [line for line in lines if "object" in line]
    return Streamed(request_id, changes, [part for part in segments if part], prepared, closed)
