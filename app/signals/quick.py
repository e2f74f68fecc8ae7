"""Reads the lines of a large publication at once, where nothing about them is unusual.

What this does not take is read the strict way, which has the last word: nothing is refused here, and what is
taken is what `items.parse_item` makes of the decoded line. It may be JSON with more than one meaning for
others only by escapes, which are left to the strict way, and by a key that comes twice, which the quotation
marks tell.
"""

import msgspec
from msgspec import UNSET

from app.signals.items import ItemFields, parse_wire
from app.signals.kinds import Parsed
from app.signals.refused import Refused
from app.signals.wire import WireItem

_DECODER = msgspec.json.Decoder(WireItem)
_TEXTS = ("identifier", "key_id", "producer", "valid_until")
_NUMBERS = ("quality", "epoch", "confidence")


def quick_item(raw: bytes) -> tuple[Parsed, ItemFields] | None:
    """A line of JSON as an item; None: it may be good or bad, and must be read the strict way."""
    if b"\\" in raw:
        return None
    try:
        item = _DECODER.decode(raw)
        if raw.count(b'"') != _quotation_marks(item):
            return None
        return parse_wire(item)
    except (msgspec.DecodeError, UnicodeDecodeError, Refused):
        return None


def _quotation_marks(item: WireItem) -> int:
    """How many an object with these members has without escapes, each member once; -1 for a rare one."""
    if item.marking is not UNSET or item.classification is not UNSET or isinstance(item.value, list):
        return -1
    count = 8  # type and value
    if item.labels is not UNSET:
        count += 2 + 2 * len(item.labels)
    for name in _TEXTS:
        if getattr(item, name) is not UNSET:
            count += 4
    for name in _NUMBERS:
        if getattr(item, name) is not UNSET:
            count += 2
    return count
