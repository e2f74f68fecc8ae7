"""Zstandard (RFC 8878) as Python 3.14 has it: from the standard library, or from its backport."""

import sys

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


class Frames:
    """Unpacks frames that follow each other, as they arrive."""

    def __init__(self) -> None:
        self._frame = ZstdDecompressor()

    def decompress(self, data: bytes) -> bytes:
        """What can be read by now.

        Raises:
            ZstdError: the bytes are no frame.
        """
        out = []
        while data:
            out.append(self._frame.decompress(data))
            data = b""
            if self._frame.eof:
                data, self._frame = self._frame.unused_data, ZstdDecompressor()
        return b"".join(out)
