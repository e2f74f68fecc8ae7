"""Request bodies that were compressed on the way: gzip (RFC 1952) and zstd (RFC 8878), opened as they arrive.

Each read gives out at most what was asked for, whatever the input says, so memory is bounded. What grows out
of proportion is refused, a window over 8 MB too (RFC 9659). Several members or frames follow each other as
one body.
"""

import zlib
from collections.abc import Callable
from typing import Final, Protocol

from app import zstd
from app.errors import Malformed, TooLarge, UnsupportedMedia

RATIO_LIMIT: Final = 100
"""Bytes out per byte in: hashes and random ids give two or three, the most regular lists some twenty."""
RATIO_FREE: Final = 4_000_000
"""Bytes out before the ratio is looked at: a short body may be as regular as it likes."""
WINDOW_LOG: Final = 23
_BLOCK = 65_536


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Part(Protocol):
    """One gzip member or zstd frame."""

    @property
    def eof(self) -> bool: ...

    def take(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        """At most so many bytes of what was compressed, and what of `data` was not looked at."""


class _Gzip:
    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def take(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out = self._inner.decompress(data, most)
        return out, self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        limits: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
        self._inner = zstd.ZstdDecompressor(options=limits)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    def take(self, data: bytes, most: int) -> tuple[bytes, bytes]:
        out = self._inner.decompress(data, most)
        return out, self._inner.unused_data if self._inner.eof else b""


_PARTS: Final[dict[str, Callable[[], _Part]]] = {"gzip": _Gzip, "x-gzip": _Gzip, "zstd": _Zstd}
ENCODINGS: Final = ("gzip", "zstd")


def inflated(stream: Readable, encoding: str | None) -> Readable:
    """The body as it was before its `Content-Encoding`.

    Raises:
        UnsupportedMedia: another encoding; the answer names those that are read (RFC 7694).
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return stream
    part = _PARTS.get(name)
    if part is None:
        known = ", ".join(ENCODINGS)
        raise UnsupportedMedia(
            f"Send the body as it is, or with one Content-Encoding of: {known}.",
            reason="content_encoding",
            accept_encoding=known,
        )
    return Inflated(stream, part)


class Inflated:
    """A stream of bytes out of a stream of compressed ones."""

    def __init__(self, stream: Readable, part: Callable[[], _Part]) -> None:
        self._stream = stream
        self._new_part = part
        self._part: _Part | None = None
        self._waiting = b""
        self._in = self._out = 0

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none at the end.

        Raises:
            Malformed: broken, or cut off before its end.
            TooLarge: it grows out of proportion, or asks for too much memory.
        """
        while True:
            if self._part is None:
                if not self._waiting and not self._fetch():
                    return b""
                self._part = self._new_part()
            out = self._take(self._part, size)
            if self._part.eof:
                self._part = None
            if out:
                self._out += len(out)
                self._check_ratio()
                return out
            if self._part is not None and not self._waiting and not self._fetch():
                raise Malformed("The compressed body ends in its middle. Send all of it.", reason="body_cut")

    def _take(self, part: _Part, size: int) -> bytes:
        try:
            out, self._waiting = part.take(self._waiting, size)
        except (zlib.error, zstd.ZstdError) as error:
            if "too much memory" in str(error):
                raise TooLarge(
                    "The compressed body needs a window over 8 MB. Compress it without a long window.",
                    reason="window_too_large",
                ) from error
            raise Malformed(
                "The compressed body is broken, or is not in the encoding that it names. Compress it again.",
                reason="broken_compression",
            ) from error
        return out

    def _fetch(self) -> bool:
        self._waiting = self._stream.read(_BLOCK)
        self._in += len(self._waiting)
        return bool(self._waiting)

    def _check_ratio(self) -> None:
        if self._out > max(RATIO_FREE, RATIO_LIMIT * self._in):
            raise TooLarge(
                f"The compressed body grows more than {RATIO_LIMIT} times. Send it uncompressed.",
                reason="compression_ratio",
            )
