"""Answers name the entries that they left in the audit log, so that their caller can fetch the receipts.

Streams name none: their entries are many, and are found by the id of the request.
"""

from collections.abc import Iterable
from typing import Final

from flask import Response, g, request
from werkzeug.http import parse_options_header

HEADER: Final = "Halyard-Audit-Entry"
NAMED_LIMIT: Final = 20
"""Entries that one answer names; one about more things than these hold names none."""
_PREFERENCE: Final = "receipt"


def note(entry_ids: Iterable[str]) -> None:
    """Remember what this request left in the log."""
    g.setdefault("audit_entries", []).extend(entry_ids)


def name(answer: Response) -> None:
    """Name the entries; to who prefers receipts (RFC 7240) also where they are."""
    left: list[str] = g.get("audit_entries", [])
    if not 0 < len(left) <= NAMED_LIMIT:
        return
    answer.headers[HEADER] = ", ".join(left)
    if _preferred():
        links = [f'</v1/audit/entries/{entry_id}/receipt>; rel="receipt"' for entry_id in left]
        answer.headers.add("Link", ", ".join(links))
        answer.headers["Preference-Applied"] = _PREFERENCE
        answer.vary.add("Prefer")


def _preferred() -> bool:
    """Whether the request says `Prefer: receipt`, alone or among other preferences."""
    asked = ",".join(request.headers.getlist("Prefer")).split(",")
    return any(parse_options_header(one)[0].strip().lower() == _PREFERENCE for one in asked)
