"""Entries as rows for spreadsheets: one for each entry and subject. Pure.

A spreadsheet proves nothing: what is to be verified is exported as NDJSON.
"""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

ENTRY: Final = ("id", "at", "action", "decision", "reason", "purpose", "request")
ACTOR: Final = ("member", "client", "user")
STREAM: Final = ("id", "segment")
SUBJECT: Final = ("kind", "id", "version", "collection", "place", "owner", "first", "last", "count", "band")
MARKING: Final = ("tlp", "pap")
AUDIENCE: Final = ("kind", "group")
COLUMNS: Final = (
    "row", "index", *ENTRY, *ACTOR, *(f"stream_{name}" for name in STREAM), "subject",
    *(f"subject_{name}" for name in SUBJECT), *MARKING, *(f"audience_{name}" for name in AUDIENCE), "next",
)  # fmt: skip
"""`row` is `entry`, or `closed` in the last one, which holds `next`: without it, the file is short. `subject`
counts the subjects of an entry from 1."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""With what spreadsheets begin a formula, in full width too."""


def header() -> bytes:
    """The first row."""
    return _written([COLUMNS])


def rows(items: Iterable[tuple[int | None, bytes]]) -> bytes:
    """Rows of entries.

    Args:
        items: the index, counted from 0, or None where the reader is not told it; and the entry as JSON.
    """
    return _written(row for index, entry in items for row in _rows(index, json.loads(entry)))


def closing(following: str) -> bytes:
    """The last row, with where to go on when the log has grown."""
    return _written([["closed", *[None] * (len(COLUMNS) - 2), following]])


def _rows(index: int | None, entry: dict[str, Any]) -> Iterable[Sequence[object]]:
    stream = entry.get("stream", {})
    head = [
        "entry", index, *(entry.get(name) for name in ENTRY), *(entry["actor"].get(name) for name in ACTOR),
        *(stream.get(name) for name in STREAM),
    ]  # fmt: skip
    for number, subject in enumerate(entry["subjects"] or [{}], 1):
        marking = subject.get("marking", {})
        audience = marking.get("audience", {})
        yield [
            *head, number if subject else None, *(subject.get(name) for name in SUBJECT),
            *(marking.get(name) for name in MARKING), *(audience.get(name) for name in AUDIENCE), None,
        ]  # fmt: skip


def _written(lines: Iterable[Sequence[object]]) -> bytes:
    made = io.StringIO()
    csv.writer(made).writerows([_cell(value) for value in line] for line in lines)
    return made.getvalue().encode()


def _cell(value: object) -> object:
    """A value that no spreadsheet computes: text that could be a formula is marked as text."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
