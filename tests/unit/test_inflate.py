"""Compressed bodies: read as they arrive, bounded whatever they say, and refused with the reason."""

import gzip
import io
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import zstd
from app.errors import HalyardError, UnsupportedMedia
from app.web.inflate import RATIO_FREE, Readable, inflated

COMPRESS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zstd": zstd.compress}
both = pytest.mark.parametrize("encoding", COMPRESS)


def noise(size: int) -> bytes:
    """Hex text of random bytes: as compressible as signals are."""
    return random.Random(1).randbytes(size // 2).hex().encode()


def drained(stream: Readable, size: int = 65_536) -> bytes:
    whole = b""
    while block := stream.read(size):
        assert len(block) <= size
        whole += block
    return whole


class Drip:
    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = io.BytesIO(data), step

    def read(self, _size: int, /) -> bytes:
        return self._data.read(self._step)


@both
@given(
    parts=st.lists(st.binary(max_size=300), max_size=5),
    step=st.integers(1, 80),
    size=st.integers(1, 500),
)
def test_members_and_frames_come_out_as_one_body_however_they_arrive(
    encoding: str, parts: list[bytes], step: int, size: int
) -> None:
    sent = b"".join(COMPRESS[encoding](part) for part in parts)
    assert drained(inflated(Drip(sent, step), encoding), size) == b"".join(parts)


@both
def test_a_large_body_comes_out_whole(encoding: str) -> None:
    data = noise(3_000_000)
    assert drained(inflated(io.BytesIO(COMPRESS[encoding](data)), encoding)) == data


@pytest.mark.parametrize("encoding", [None, "", "identity", "GZIP", " zstd "])
def test_names_of_encodings_are_read_as_http_writes_them(encoding: str | None) -> None:
    name = (encoding or "").strip().lower()
    sent = COMPRESS.get(name, bytes)(b"text")
    assert drained(inflated(io.BytesIO(sent), encoding)) == b"text"


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, zstd", "compress"])
def test_another_encoding_is_refused_and_the_known_ones_are_named(encoding: str) -> None:
    with pytest.raises(UnsupportedMedia) as refused:
        inflated(io.BytesIO(b""), encoding)
    assert refused.value.extra["accept_encoding"] == "gzip, zstd"


@both
@pytest.mark.parametrize("cut", [1, 5, 100, 999])
def test_a_body_that_ends_in_its_middle_gives_what_came_and_then_its_reason(encoding: str, cut: int) -> None:
    sent = COMPRESS[encoding](noise(200_000))
    stream = inflated(io.BytesIO(sent[:-cut]), encoding)
    with pytest.raises(HalyardError) as refused:
        drained(stream)
    assert refused.value.reason == "body_cut"


@both
@pytest.mark.parametrize("broken", [b"plain text", b"\x00" * 40, b"{}\n"])
def test_what_is_not_compressed_has_its_reason(encoding: str, broken: bytes) -> None:
    with pytest.raises(HalyardError) as refused:
        drained(inflated(io.BytesIO(broken), encoding))
    assert refused.value.reason == "broken_compression"


@both
def test_a_changed_byte_is_noticed_at_the_latest_by_the_checksum(encoding: str) -> None:
    options: dict[int, int] = {zstd.CompressionParameter.checksum_flag: 1}
    data = noise(50_000)
    sent = bytearray(gzip.compress(data) if encoding == "gzip" else zstd.compress(data, options=options))
    sent[len(sent) // 2] ^= 0x10
    with pytest.raises(HalyardError) as refused:
        drained(inflated(io.BytesIO(bytes(sent)), encoding))
    assert refused.value.reason == "broken_compression"


@both
def test_garbage_behind_a_member_is_refused_after_the_member(encoding: str) -> None:
    stream = inflated(io.BytesIO(COMPRESS[encoding](b"good") + b"garbage"), encoding)
    assert stream.read(100) == b"good"
    with pytest.raises(HalyardError):
        stream.read(100)


@both
def test_a_bomb_is_stopped_early_and_never_held(encoding: str) -> None:
    bomb = COMPRESS[encoding](bytes(300_000_000))
    stream = inflated(io.BytesIO(bomb), encoding)
    given_out = 0

    def take_all() -> None:
        nonlocal given_out
        while block := stream.read(65_536):
            given_out += len(block)

    tracemalloc.start()
    with pytest.raises(HalyardError) as refused:
        take_all()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.reason == "compression_ratio"
    assert given_out < RATIO_FREE + 100 * len(bomb)
    assert given_out < 40_000_000
    assert peak < 2_000_000


def test_a_bomb_of_many_small_members_is_stopped_too() -> None:
    small = zlib.compress(bytes(2_000_000), wbits=31)
    with pytest.raises(HalyardError) as refused:
        drained(inflated(io.BytesIO(small * 50), "gzip"))
    assert refused.value.reason == "compression_ratio"


def test_a_short_body_may_be_as_regular_as_it_likes() -> None:
    data = bytes(RATIO_FREE)
    assert len(drained(inflated(io.BytesIO(gzip.compress(data)), "gzip"))) == RATIO_FREE


def test_a_long_window_is_refused() -> None:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: 27}
    compressor = zstd.ZstdCompressor(options=options)
    sent = compressor.compress(noise(100_000)) + compressor.flush()
    with pytest.raises(HalyardError) as refused:
        drained(inflated(io.BytesIO(sent), "zstd"))
    assert refused.value.reason == "window_too_large"
