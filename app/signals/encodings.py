"""From the wire form of a value to raw bytes and back, one pair per family of signal types.

Every reader accepts what its writer gives, and gives the same bytes again.
"""

import binascii
import json
import re
from base64 import b64encode
from collections.abc import Callable
from decimal import Decimal

import msgspec

from app.signals.plain import refuse_text
from app.signals.refused import RefusalReason, Refused

WireValue = str | list[str]

PHOTODNA_BYTES = 144
TMK_HEADER_BYTES = 32
TMK_MAX_BYTES = 264 * 1024
"""A TMK+PDQF file at its default parameters is about 263 kB, whatever the length of the video."""
TMK_MAGIC = b"TMK1FVECPDQF"
"""Project, file type (feature vector) and frame algorithm: the first 12 bytes of a `.tmk` file."""
VPDQ_MAX_FRAMES = 3_600
VPDQ_MAX_TEXT = 512 * 1024
VPDQ_MAX_SECONDS = 7 * 24 * 3600

# The exponent is no whim: python-threatexchange writes 1000 seconds as 1e+03.
_VPDQ_FRAME = re.compile(
    r"([0-9A-Fa-f]{64}),([0-9]{1,3}),([0-9]{1,9}(?:\.[0-9]{1,9})?(?:[eE][+-]?[0-9]{1,2})?)"
)
_VPDQ_EXPECTED = 'a JSON list of "pdq,quality,timestamp" strings with the timestamp in seconds'


def hex_reader(size: int) -> Callable[[WireValue], bytes]:
    """A reader of `size` bytes in hex, either case."""
    length = size * 2
    expected = f"{length} hexadecimal digits"

    def read(value: WireValue) -> bytes:
        text = _only_text(value)
        if len(text) == length:
            try:
                raw = bytes.fromhex(text)
            except ValueError:
                raw = b""
            # fromhex skips spaces, so the length must hold on both sides.
            if len(raw) == size:
                return raw
        raise refuse_text(text, expected, hexadecimal=True)

    return read


def write_hex(value: bytes) -> str:
    """Lower-case hex."""
    return value.hex()


def read_photodna(value: WireValue) -> bytes:
    """144 opaque bytes as 192 base64 characters (RFC 4648 section 4) or 288 hexadecimal digits."""
    text = _only_text(value)
    raw = b""
    if len(text) == PHOTODNA_BYTES * 2:
        try:
            raw = bytes.fromhex(text)
        except ValueError:
            raw = b""
    elif len(text) == PHOTODNA_BYTES * 4 // 3:
        raw = _base64(text)
    if len(raw) != PHOTODNA_BYTES:
        raise refuse_text(text, "144 bytes in base64 (192 characters) or hex (288 digits)", hexadecimal=False)
    return raw


def read_tmk(value: WireValue) -> bytes:
    """A `.tmk` feature-vector file in base64 (RFC 4648 section 4), at most `TMK_MAX_BYTES`."""
    text = _only_text(value)
    expected = f"a .tmk feature-vector file in base64, at most {TMK_MAX_BYTES} bytes"
    if len(text) > (TMK_MAX_BYTES + 2) // 3 * 4:
        raise Refused(RefusalReason.TOO_LARGE, f"Send {expected}.")
    raw = _base64(text)
    if len(raw) <= TMK_HEADER_BYTES:
        raise refuse_text(text, expected, hexadecimal=False)
    if not raw.startswith(TMK_MAGIC):
        # Whatever else this is, it may be content.
        raise Refused(RefusalReason.CONTENT, f"Only fingerprints are accepted: send {expected}.")
    return raw


def write_base64(value: bytes) -> str:
    """Base64 with padding (RFC 4648 section 4)."""
    return b64encode(value).decode("ascii")


def read_vpdq(value: WireValue) -> bytes:
    """Canonical bytes of a vPDQ: a JSON list without spaces of `pdq,quality,timestamp`, in frame order.

    PDQ in lower-case hex, quality without leading zeros, seconds with at most three decimals (the
    precision of vPDQ itself) and no trailing zeros, so that one hash has one form whoever wrote it.
    """
    frames = _vpdq_list(value)
    if not frames:
        raise Refused(RefusalReason.WRONG_LENGTH, f"Send {_VPDQ_EXPECTED}, with at least one frame.")
    if len(frames) > VPDQ_MAX_FRAMES:
        raise Refused(
            RefusalReason.TOO_LARGE, f"Send at most {VPDQ_MAX_FRAMES} frames: sample fewer per second."
        )
    return json.dumps([_canonical_frame(frame) for frame in frames], separators=(",", ":")).encode("ascii")


def write_vpdq(value: bytes) -> str:
    """The text of the JSON list: what `VPDQSignal` of python-threatexchange reads."""
    return value.decode("ascii")


def vpdq_frames(value: bytes) -> list[tuple[bytes, int]]:
    """PDQ and quality of each frame of canonical vPDQ bytes."""
    frames = []
    for frame in json.loads(value):
        pdq, quality, _ = frame.split(",")
        frames.append((bytes.fromhex(pdq), int(quality)))
    return frames


def _vpdq_list(value: WireValue) -> list[str]:
    if isinstance(value, list):
        return value
    if len(value) > VPDQ_MAX_TEXT:
        raise Refused(RefusalReason.TOO_LARGE, f"Send at most {VPDQ_MAX_TEXT} characters.")
    try:
        return msgspec.json.decode(value, type=list[str])
    except msgspec.ValidationError:
        raise Refused(RefusalReason.WRONG_FORMAT, f"Send {_VPDQ_EXPECTED}.") from None
    except (msgspec.DecodeError, UnicodeEncodeError):
        raise _refuse_vpdq(value) from None


def _refuse_vpdq(text: str) -> Refused:
    refused = refuse_text(text, _VPDQ_EXPECTED, hexadecimal=False)
    if refused.reason is RefusalReason.WRONG_LENGTH:
        return Refused(RefusalReason.WRONG_FORMAT, refused.hint)
    return refused


def _canonical_frame(frame: str) -> str:
    parts = _VPDQ_FRAME.fullmatch(frame)
    if parts is None:
        raise _refuse_vpdq(frame)
    pdq, quality, timestamp = parts.groups()
    seconds = Decimal(timestamp)
    if int(quality) > 100 or seconds > VPDQ_MAX_SECONDS:
        raise Refused(
            RefusalReason.OUT_OF_RANGE,
            f"Send frames with a quality of 0 to 100 and a timestamp of 0 to {VPDQ_MAX_SECONDS} seconds.",
        )
    whole, thousandths = divmod(int((seconds * 1000).to_integral_value()), 1000)
    fraction = f".{thousandths:03d}".rstrip("0") if thousandths else ""
    return f"{pdq.lower()},{int(quality)},{whole}{fraction}"


def _only_text(value: WireValue) -> str:
    if isinstance(value, list):
        raise Refused(RefusalReason.WRONG_TYPE, "Send value as text: only vpdq may be a list.")
    return value


def _base64(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return b""
