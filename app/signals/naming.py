"""Items that name an entry of a list by its id, with or without a marking that it shall have."""

from typing import Any

import msgspec

from app import ids
from app.signals.refused import RefusalReason, Refused
from app.signals.wire import read


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry."""

    id: str


class Narrowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry, and the narrower marking that it shall have, as it was sent."""

    id: str
    marking: dict[str, Any]


def read_named(raw: object) -> str | Refused:
    """The id in `{"id": …}`; why not, if it cannot be used."""
    try:
        return _ident(read(raw, Named).id)
    except Refused as refused:
        return refused


def read_narrowed(raw: object) -> Narrowed | Refused:
    """The item in `{"id": …, "marking": …}`; why not, if it cannot be used."""
    try:
        item = read(raw, Narrowed)
        _ident(item.id)
    except Refused as refused:
        return refused
    return item


def _ident(text: str) -> str:
    if ids.FORM.fullmatch(text) is None:
        raise Refused(RefusalReason.WRONG_FORMAT, "Send id as a UUID, as it was given out.")
    return text
