"""Zstandard (RFC 8878) as Python 3.14 has it: from the standard library, or from its backport."""

import sys
from collections.abc import Iterator

if sys.version_info >= (3, 14):
    from compression.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
        compress,
        decompress,
    )
else:
    from backports.zstd import (
        CompressionParameter,
        DecompressionParameter,
        ZstdCompressor,
        ZstdDecompressor,
        ZstdError,
        compress,
        decompress,
    )

__all__ = [
    "CompressionParameter",
    "DecompressionParameter",
    "Frames",
    "ZstdCompressor",
    "ZstdDecompressor",
    "ZstdError",
    "compress",
    "decompress",
]


PIECE_BYTES = 1 << 17
"""What is unpacked at once: small enough to stay in a processor's cache until it is used."""


class Frames:
    """Unpacks frames that follow each other, as they arrive."""

    def __init__(self) -> None:
        self._frame = ZstdDecompressor()

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What can be read by now, a piece at a time. All must be taken before more data is given.

        Raises:
            ZstdError: the bytes are no frame.
        """
        while data or not self._frame.needs_input:
            if self._frame.eof:
                self._frame = ZstdDecompressor()
            piece = self._frame.decompress(data, PIECE_BYTES)
            data = self._frame.unused_data if self._frame.eof else b""
            if piece:
                yield piece
