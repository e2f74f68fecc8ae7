"""What makes a well-formed value useless or dangerous to match, and how PDQ values are compared."""

from collections.abc import Callable
from typing import Final

from app.signals.encodings import TMK_HEADER_BYTES, vpdq_frames
from app.signals.plain import plain_data, reads_as_text
from app.signals.refused import RefusalReason, Refused

PDQ_MATCH_DISTANCE: Final = 31
PDQ_MIN_QUALITY: Final = 50
PDQ_BITS: Final = range(32, 225)
"""Set bits of a PDQ that tells pictures apart; outside, one hash matches whole families of blank ones."""

_DEGENERATE = (
    RefusalReason.DEGENERATE,
    "Do not send values without information (all zero, all one, or nearly): they match unrelated things.",
)
_EMPTY = (
    RefusalReason.EMPTY_CONTENT,
    "Do not send the hash of an empty file or address: everybody holds one.",
)


def digest_check(size: int, *of_nothing: bytes) -> Callable[[bytes], None]:
    """A check of opaque digests of `size` bytes; `of_nothing` are the digests of empty content."""
    known_bad = dict.fromkeys((bytes(size), b"\xff" * size), _DEGENERATE)
    known_bad.update(dict.fromkeys(of_nothing, _EMPTY))
    # A random md5 or sha1 is printable text once in 10**7 or 10**9: too often to refuse it.
    may_be_text = size >= 32

    def check(value: bytes) -> None:
        bad = known_bad.get(value)
        if bad is not None:
            raise Refused(*bad)
        if may_be_text and value.isascii() and reads_as_text(value):
            raise plain_data()

    return check


def check_pdq(value: bytes) -> None:
    """Refuses degenerate values, and text dressed up as a hash."""
    if int.from_bytes(value, "big").bit_count() not in PDQ_BITS:
        raise Refused(*_DEGENERATE)
    if value.isascii() and reads_as_text(value):
        raise plain_data()


def check_vpdq(value: bytes) -> None:
    """Frames under quality 50 are kept but never matched: only the others must be good, and one at least."""
    usable = [pdq for pdq, quality in vpdq_frames(value) if quality >= PDQ_MIN_QUALITY]
    if not usable:
        raise Refused(
            RefusalReason.LOW_QUALITY, f"Send at least one frame of quality {PDQ_MIN_QUALITY} or more."
        )
    for pdq in usable:
        check_pdq(pdq)


def check_tmk(value: bytes) -> None:
    """Refuses vectors of all zero or all one behind the header."""
    vectors = value[TMK_HEADER_BYTES:]
    if not vectors.strip(b"\0") or not vectors.strip(b"\xff"):
        raise Refused(*_DEGENERATE)


def hamming(a: bytes, b: bytes) -> int:
    """Number of bits in which two values of the same length differ.

    Raises:
        ValueError: the lengths differ.
    """
    if len(a) != len(b):
        raise ValueError("a distance needs two values of the same length")
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def match(a: bytes, b: bytes) -> bool:
    """True when two PDQ values are within distance 31, the threshold that PDQ is published with."""
    return hamming(a, b) <= PDQ_MATCH_DISTANCE
