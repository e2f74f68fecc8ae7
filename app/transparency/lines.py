"""What the texts of notes are made of. Each value has one written form, so that bytes can be compared."""

import base64
import binascii
import re
from typing import Final

from app.transparency.errors import BadNote

_UNFIT: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def is_plain(text: str) -> bool:
    """Whether it can stand in a note: UTF-8, no control character but newlines (signed-note, Format)."""
    return _UNFIT.search(text) is None


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes of standard base64 in its canonical form.

    Raises:
        BadNote: it is anything else, such as bits behind the last byte that are not zero.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("This is no base64.") from error
    if to_base64(data) != text:
        raise BadNote("This base64 is not in its canonical form.")
    return data


def from_decimal(text: str) -> int:
    """A whole number without sign or leading zeros.

    Raises:
        BadNote: it is anything else, or has more than 19 digits.
    """
    if not _DECIMAL.fullmatch(text):
        raise BadNote("A number has digits alone, and no leading zeros.")
    return int(text)
