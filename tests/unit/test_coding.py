"""Content codings: what the caller likes best, and streams that standard decoders read."""

import zlib

import pytest
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app import zstd
from app.web.coding import Gzip, Identity, Zstd, chosen

PARTS = [b"first part\n" * 50, b"", b"second part\n" * 50]


@pytest.mark.parametrize(
    ("asked", "coding"),
    [
        ("", Identity), ("identity", Identity), ("br", Identity), ("gzip", Gzip), ("GZIP", Gzip),
        ("zstd", Zstd), ("gzip, zstd", Gzip), ("zstd, gzip, br, deflate", Gzip), ("gzip;q=0.5, zstd", Zstd),
        ("*", Gzip), ("gzip;q=0, *", Zstd), ("gzip;q=0", Identity), ("gzip;q=0, zstd;q=0, *;q=0.1", Identity),
        ("gzip;q=0.5, identity", Identity), ("gzip, identity;q=0.5", Gzip), ("identity;q=0, br", Identity),
        ("zstd;q=0.3, gzip;q=0.2, identity;q=0.1", Zstd), ("gzip;q=x", Identity),
    ],
)  # fmt: skip
def test_the_caller_is_given_what_it_likes_best(asked: str, coding: type) -> None:
    assert type(chosen(parse_accept_header(asked, MIMEAccept))) is coding


def test_a_stream_in_gzip_is_one_member_that_can_be_read_part_by_part() -> None:
    coding, decoder = Gzip(), zlib.decompressobj(zlib.MAX_WBITS + 16)
    for part in PARTS:
        assert decoder.decompress(coding.part(part)) == part
    assert not decoder.eof, "a stream without its end must not look complete"
    decoder.decompress(coding.end())
    assert decoder.eof


def test_a_stream_in_zstd_has_a_frame_for_each_part() -> None:
    coding = Zstd()
    frames = [coding.part(part) for part in PARTS]
    assert [zstd.decompress(frame) for frame in frames] == PARTS
    whole = zstd.Frames()
    assert b"".join(whole.pieces(b"".join(frames) + coding.end())) == b"".join(PARTS)


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_frames_are_unpacked_wherever_the_network_cuts_them(step: int) -> None:
    large = bytes(3 * zstd.PIECE_BYTES) + b"end"
    sent = b"".join(zstd.compress(part) for part in [*PARTS, b"", large])
    frames = zstd.Frames()
    found = [piece for at in range(0, len(sent), step) for piece in frames.pieces(sent[at : at + step])]
    assert b"".join(found) == b"".join(PARTS) + large
    assert max(map(len, found)) <= zstd.PIECE_BYTES
