"""The filter form of the log: what a person typed, what it means, and what is wrong with which field."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from marshmallow import ValidationError

from app import ids
from app.audit.queries import Filter
from app.errors import Invalid
from app.members import names
from app.record import Tx
from app.web.audit import filter_of
from schemas.audit import EntryArgs

COLLECTION, VERSION = "collection", "version"
FIELDS: Final = (
    "member", "action", "decision", "purpose", "tlp", "collection", "version", "since", "until", "object",
    "request", "reason",
)  # fmt: skip
TEXT_LIMIT: Final = 300
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MINUTE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?Z?")
_LABELS: Final = {
    "member": "Member", "action": "Action", "decision": "Decision", "purpose": "Purpose",
    "collection": "Set or list", "version": "Version", "object": "Object", "request": "Request",
    "since": "Since", "until": "Until", "tlp": "Marking", "reason": "Reason",
}  # fmt: skip

_WHEN: Final = "Write a day, as 2026-11-25, or a day and a time, as 2026-11-25 14:30."
_ID: Final = "Give an id as the log shows it: 36 characters, in lower case."
_SAID: Final = {"since": _WHEN, "until": _WHEN, "object": _ID, "request": _ID}
"""What to do about a field, where the API's words are for programs."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A form as it came in, and as it is understood.

    Args:
        typed: field → text, without those that were left empty.
        sent: the same as the API would be asked: ids for names, moments for days.
        wanted: what was understood of that.
        errors: field → what to do about it.
    """

    typed: dict[str, str] = field(default_factory=dict)
    sent: dict[str, str] = field(default_factory=dict)
    wanted: Filter = field(default_factory=Filter)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def query(self) -> str:
        """The form's fields as the query of a link."""
        return urlencode(self.typed)

    def told(self) -> list[tuple[str, str]]:
        """(label, text) of what was filled in, in the order of the form."""
        return [(_LABELS.get(name, name), self.typed[name]) for name in FIELDS if name in self.typed]

    def error_list(self) -> list[tuple[str, str, str]]:
        """(field, label, what to do), in the order of the form."""
        return [(name, _LABELS.get(name, name), self.errors[name]) for name in FIELDS if name in self.errors]

    def problems(self) -> list[dict[str, str]]:
        """As a problem document lists them."""
        return [{"pointer": f"/{name}", "detail": text} for name, _, text in self.error_list()]


def typed(query: Mapping[str, str]) -> dict[str, str]:
    """The fields that somebody filled in, without control characters; other parameters are left out."""
    found = {name: "".join(filter(str.isprintable, query.get(name, ""))).strip() for name in FIELDS}
    return {name: text[:TEXT_LIMIT] for name, text in found.items() if text}


def understand(tx: Tx, form: dict[str, str]) -> Asked:
    """Find what names and slugs stand for, and check the rest as the API does."""
    values, errors = dict(form), dict[str, str]()
    for name, find in (("member", _member), ("collection", _collection)):
        if name in values:
            _replace(values, errors, name, find(tx, values[name]))
    for name in ("since", "until"):
        if name in values:
            values[name] = _moment(values[name], end=name == "until")
    schema = EntryArgs()
    try:
        loaded: dict[str, Any] = schema.load(values)
    except ValidationError as wrong:
        loaded = dict(wrong.valid_data or {})
        for name, said in _by_field(wrong).items():
            errors.setdefault(name if name in FIELDS else FIELDS[0], _SAID.get(name) or _first(said))
    for name in ("limit", "order"):
        loaded.pop(name, None)
    wanted = Filter()
    try:
        wanted = filter_of(loaded)
    except Invalid:
        errors["action"] = "No entry has an action of this name. Choose one from the list."
    return Asked(typed=form, sent=values, wanted=wanted, errors=errors)


def _replace(
    values: dict[str, str], errors: dict[str, str], name: str, found: tuple[str | None, str]
) -> None:
    ident, problem = found
    if ident is None:
        del values[name]
        errors[name] = problem
    else:
        values[name] = ident


def _member(tx: Tx, text: str) -> tuple[str | None, str]:
    if ids.FORM.fullmatch(text):
        return text, ""
    return names.member_called(tx.session, tx.actor, text), (
        "No member that you may know has this name. Choose one from the list, or give its id."
    )


def _collection(tx: Tx, text: str) -> tuple[str | None, str]:
    if ids.FORM.fullmatch(text):
        return text, ""
    found = names.collections_called(tx.session, tx.actor, tx.now, text)
    if len(found) > 1:
        which = ", ".join(one.id for one in found)
        return None, f"Several sets or lists have this slug. Give the id of one: {which}."
    if not found:
        return (
            None,
            "No set or list that you may see has this slug. Choose one from the list, or give its id.",
        )
    return found[0].id, ""


def _moment(text: str, *, end: bool) -> str:
    """A day, or a day and a time, as a moment; days are whole, and `until` takes in the one that it names."""
    if _DAY.fullmatch(text):
        return _day_after(text) if end else f"{text}T00:00:00Z"
    written = _MINUTE.fullmatch(text)
    return f"{written[1]}T{written[2]}{written[3] or ':00'}Z" if written else text


def _day_after(text: str) -> str:
    try:
        return f"{date.fromisoformat(text) + timedelta(days=1)}T00:00:00Z"
    except (ValueError, OverflowError):  # no such day: told as the field's error
        return text


def _by_field(wrong: ValidationError) -> dict[str, Any]:
    return wrong.messages if isinstance(wrong.messages, dict) else {FIELDS[0]: wrong.messages}


def _first(said: Any) -> str:
    while isinstance(said, dict | list):
        said = next(iter(said.values() if isinstance(said, dict) else said), "This does not fit.")
    return str(said)
