"""The publish item: a signal, and what its contributor says about it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from app import clock
from app.signals.codes import CLASS_CODE, LABEL, read_code
from app.signals.kinds import Parsed, kind_of
from app.signals.refused import RefusalReason, Refused
from app.signals.wire import WireClassification, WireItem, read

MAX_LABELS: Final = 16

# RFC 3339 section 5.6; `clock.from_text` reads more of ISO 8601 than the wire form allows.
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Classification:
    """A class by code: `scheme` (which book), `code` (which entry), `assessor` (who looked, if said)."""

    scheme: str
    code: str
    assessor: str | None = None


class ItemFields(msgspec.Struct, frozen=True):
    """What a contributor says beside the value.

    `valid_until` in microseconds UTC as asked, None for the longest of the type (`SignalType.valid_until`
    decides). `marking` is the wire object untouched, None for the collection's own. `confidence` 0 to 100.
    """

    labels: tuple[str, ...] = ()
    valid_until: int | None = None
    classification: Classification | None = None
    marking: Mapping[str, Any] | None = None
    confidence: int | None = None


def parse_item(raw: object) -> tuple[Parsed, ItemFields]:
    """A decoded JSON publish item, read completely: nothing in it is ignored.

    Raises:
        Refused: with a reason code and a hint; never with anything that was sent.
    """
    return parse_wire(read(raw, WireItem))


def parse_wire(item: WireItem) -> tuple[Parsed, ItemFields]:
    """The same of an item whose form is known to be right."""
    return kind_of(item.type).parse(item), ItemFields(
        labels=() if item.labels is UNSET else _labels(tuple(item.labels)),
        valid_until=None if item.valid_until is UNSET else _moment(item.valid_until),
        classification=None if item.classification is UNSET else _classification(item.classification),
        marking=None if item.marking is UNSET else item.marking,
        confidence=_confidence(item.confidence),
    )


@lru_cache(maxsize=4096)  # the same few come with every item
def _labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    if len(labels) > MAX_LABELS:
        raise Refused(RefusalReason.TOO_LARGE, f"Send at most {MAX_LABELS} labels.")
    return tuple(dict.fromkeys(read_code(label, "each label", LABEL) for label in labels))


def _moment(text: str) -> int:
    if _DATE_TIME.fullmatch(text) is not None:
        try:
            return clock.from_text(text.upper())
        except ValueError:
            pass
    raise Refused(
        RefusalReason.WRONG_FORMAT,
        "Send valid_until as an RFC 3339 date-time with an offset, for example a final Z.",
    )


def _classification(wire: WireClassification) -> Classification:
    assessor = wire.assessor
    return Classification(
        scheme=read_code(wire.scheme, "classification.scheme", LABEL),
        code=read_code(wire.code, "classification.code", CLASS_CODE),
        assessor=None if assessor is UNSET else read_code(assessor, "classification.assessor", LABEL),
    )


def _confidence(confidence: int | UnsetType) -> int | None:
    if confidence is UNSET:
        return None
    if not 0 <= confidence <= 100:
        raise Refused(RefusalReason.OUT_OF_RANGE, "Send confidence as a whole number from 0 to 100.")
    return confidence
