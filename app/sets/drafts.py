"""Verbs on a set's draft: the owner's working state, never shown to a recipient.

What may be saved: any JSON object without personal data, content or fields that the format does not have. It
may be incomplete; what would stop its publishing is told with every answer.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from app import canonical
from app.errors import Invalid, StaleVersion
from app.events import DraftEdited
from app.question import Action
from app.record import Tx, record
from app.screening import screen_document
from app.sets import document, queries, schema
from app.sets.forms import set_subject
from app.sets.queries import Found
from app.sets.review import life
from schemas import documents

FIRST_VERSION = "0.1.0"
SHOWN = 50
_OURS = ("schema", "set")


class Editions(Protocol):
    """The editions that an edit is made for: what `If-Match` named."""

    def __contains__(self, etag: str, /) -> bool: ...


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A draft as stored. `digest` is the SHA-256 of its canonical bytes, and its ETag."""

    found: Found
    content: dict[str, Any]
    digest: str
    edited_at: int
    problems: list[dict[str, str]]


def read(tx: Tx, set_id: str) -> Draft:
    """The draft, for its owner.

    Raises:
        NotFound: the set does not exist or is hidden.
        Forbidden: the actor sees the set, but does not own it.
    """
    found = queries.find(tx, set_id)
    tx.require(Action.EDIT, found.thing)
    return _draft(found)


def save(tx: Tx, set_id: str, content: dict[str, Any], editions: Editions) -> Draft:
    """Replace the draft.

    Raises:
        NotFound, Forbidden: as for `read`.
        StaleVersion: it was edited since.
        Invalid: it holds personal data, content, unknown fields, or numbers that JSON cannot carry.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.EDIT, found.thing)
    if found.row.draft_digest not in editions:
        raise StaleVersion("The draft was edited since you read it. Read it again and repeat your edit.")
    found.row.draft = _checked(content, set_id)
    found.row.draft_digest = canonical.digest(found.row.draft)
    found.row.draft_at = tx.now
    life.note_author(tx, set_id)
    record(tx, DraftEdited(subjects=(set_subject(found),)))
    return _draft(found)


def content_of(found: Found) -> dict[str, Any]:
    """The content of the stored draft."""
    loaded: dict[str, Any] = msgspec.json.decode(found.row.draft)
    return loaded


def _draft(found: Found) -> Draft:
    content = content_of(found)
    return Draft(
        found=found,
        content=content,
        digest=found.row.draft_digest,
        edited_at=found.row.draft_at,
        problems=_problems(content, found.id),
    )


def _problems(content: dict[str, Any], set_id: str) -> list[dict[str, str]]:
    try:
        document.build(content, set_id=set_id, version=content.get("version", FIRST_VERSION))
    except Invalid as error:
        return [dict(problem) for problem in error.errors or ()]
    return []


def _checked(content: dict[str, Any], set_id: str) -> bytes:
    refused = [(finding.path, finding.hint) for finding in screen_document(content)]
    refused += [(f"/{key}", "The server writes this. Leave it out.") for key in _OURS if key in content]
    whole = {**content, "schema": document.SCHEMA, "set": set_id}
    refused += [
        (pointer, detail)
        for pointer, detail in schema.problems(documents.INDICATOR_SET, whole)
        if detail == schema.UNKNOWN_FIELD
    ]
    if refused:
        raise Invalid(
            "The draft holds what can never be published. Correct each place listed.",
            errors=[{"pointer": pointer, "detail": detail} for pointer, detail in refused[:SHOWN]],
        )
    try:
        return canonical.encode(content)
    except ValueError as error:
        detail = "Whole numbers must be within 2^53, and text valid Unicode."
        raise Invalid("The draft has no canonical form. " + detail) from error
