"""The wire form of one signal as shapes that msgspec checks, and refusals that never repeat what was sent.

msgspec names unknown fields and bad values in its own messages; those are thrown away and the item is
looked at a second time, which only refused items pay for.
"""

from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import UNSET, UnsetType

from app.signals.refused import RefusalReason, Refused

Shape = TypeVar("Shape", bound=msgspec.Struct)


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What identifies and describes one value. Which optional fields belong is decided by the type.

    `value` is text for every type; `vpdq` may also come as the list that its text holds.
    """

    type: str
    value: str | list[str]
    quality: int | UnsetType = UNSET
    identifier: str | UnsetType = UNSET
    key_id: str | UnsetType = UNSET
    epoch: int | UnsetType = UNSET
    producer: str | UnsetType = UNSET


class WireClassification(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A class by code: scheme (which book), code (which entry), assessor (who looked)."""

    scheme: str
    code: str
    assessor: str | UnsetType = UNSET


class WireItem(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of a publish request: a signal and what its contributor says about it."""

    labels: list[str] | UnsetType = UNSET
    valid_until: str | UnsetType = UNSET
    classification: WireClassification | UnsetType = UNSET
    marking: dict[str, Any] | UnsetType = UNSET
    confidence: int | UnsetType = UNSET


_FORMS = {
    "value": "text (for vpdq, text or a list of text)",
    "quality": "a whole number from 0 to 100",
    "epoch": "a whole number from 0",
    "labels": "a list of codes",
    "classification": "an object with scheme, code and, if known, assessor",
    "marking": "an object",
    "confidence": "a whole number from 0 to 100",
}


def read(raw: object, shape: type[Shape]) -> Shape:
    """`raw`, a decoded JSON value, as `shape`.

    Raises:
        Refused: `wrong_type`, `unknown_field` or `missing_field`.
    """
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError:
        raise _explain(raw, shape) from None


def read_all(raw: Sequence[object], shape: type[Shape]) -> list[Shape] | None:
    """All of them at once, which takes a fraction of the time; None if any does not read well."""
    try:
        return msgspec.convert(raw, list[shape])  # type: ignore[valid-type]
    except msgspec.ValidationError:
        return None


def _explain(raw: object, shape: type[msgspec.Struct]) -> Refused:
    if not isinstance(raw, dict):
        return Refused(RefusalReason.WRONG_TYPE, "Send each signal as a JSON object.")
    fields = {field.encode_name: field for field in msgspec.structs.fields(shape)}
    if not raw.keys() <= fields.keys():
        return Refused(RefusalReason.UNKNOWN_FIELD, f"Send only these fields: {', '.join(sorted(fields))}.")
    for name, field in fields.items():
        if name not in raw:
            if field.required:
                return Refused(RefusalReason.MISSING_FIELD, f"The field {name} is required.")
        elif not _fits(raw[name], field.type):
            nested = _nested(field.type)
            if nested is not None and isinstance(raw[name], dict):
                return _explain(raw[name], nested)
            return Refused(RefusalReason.WRONG_TYPE, f"Send {name} as {_FORMS.get(name, 'text')}.")
    return Refused(RefusalReason.WRONG_TYPE, "Send each signal as a JSON object of the documented form.")


def _fits(value: object, wanted: Any) -> bool:
    try:
        msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        return False
    return True


def _nested(wanted: Any) -> type[msgspec.Struct] | None:
    for choice in get_args(wanted):
        if isinstance(choice, type) and issubclass(choice, msgspec.Struct):
            return choice
    return None
