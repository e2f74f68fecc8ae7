"""Content codings of answers (RFC 9110 section 8.4): gzip and zstd, for callers that ask for them.

A stream is coded part by part, so that a reader can read each as soon as it has come, and so that one that
was cut still reads what came whole. In gzip all parts are one member, flushed behind each: many clients drop
what follows a first member without a word. In zstd each part is a frame of its own, which some clients cannot
read either: whoever accepts both alike is given gzip.
"""

import zlib
from typing import Protocol

from flask import Response
from werkzeug.datastructures import Accept

from app import zstd

LEVEL = 1
"""Of both: what is spent above it costs a server more than it saves on the wire."""
WORTH_BYTES = 1_000
"""Pages that are smaller are sent as they are."""

_GZIP_WINDOW = zlib.MAX_WBITS + 16


class Coding(Protocol):
    """Codes one answer: its parts in order, then `end`."""

    name: str
    """As `Content-Encoding` says it; empty: none."""

    def part(self, data: bytes) -> bytes:
        """A part that can be read without the next one."""

    def frame(self, frame: bytes) -> bytes:
        """The same for a part that is at hand as a frame of zstd."""

    def end(self) -> bytes:
        """What stands behind the last part. An answer without it is short, and decoders say so."""


class Identity:
    name = ""

    def part(self, data: bytes) -> bytes:
        return data

    def frame(self, frame: bytes) -> bytes:
        return zstd.decompress(frame)

    def end(self) -> bytes:
        return b""


class Gzip:
    name = "gzip"

    def __init__(self) -> None:
        self._running = zlib.compressobj(LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def part(self, data: bytes) -> bytes:
        return self._running.compress(data) + self._running.flush(zlib.Z_FULL_FLUSH)

    def frame(self, frame: bytes) -> bytes:
        return self.part(zstd.decompress(frame))

    def end(self) -> bytes:
        return self._running.flush(zlib.Z_FINISH)


class Zstd:
    name = "zstd"

    def part(self, data: bytes) -> bytes:
        return zstd.compress(data, LEVEL)

    def frame(self, frame: bytes) -> bytes:
        return frame

    def end(self) -> bytes:
        return b""


def chosen(accepted: Accept) -> Coding:
    """The coding that the caller likes best; none, where it names none that is offered."""
    named = {name.lower(): quality for name, quality in accepted}
    rest = named.get("*", 0)
    quality = {kind: named.get(kind.name, rest) for kind in (Gzip, Zstd)}
    best = max(quality, key=lambda kind: quality[kind])
    if quality[best] <= 0 or named.get("identity", 0) > quality[best]:
        return Identity()
    return best()


def declare(answer: Response, coding: Coding) -> None:
    """Say in the headers how the answer is coded, and that another caller may be answered otherwise."""
    answer.vary.update(("Accept", "Accept-Encoding"))
    if coding.name:
        answer.content_encoding = coding.name


def whole(answer: Response, accepted: Accept) -> None:
    """Code an answer that is complete, where it is worth it."""
    body = answer.get_data()
    coding: Coding = chosen(accepted) if len(body) >= WORTH_BYTES else Identity()
    answer.set_data(coding.part(body) + coding.end())
    declare(answer, coding)
