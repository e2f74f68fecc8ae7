"""The document of a set version: what was said. Pure: no database, no clock, no marking.

Content (what an author drafts, what a sample file holds) becomes a document when set and version are added.
The form is `schemas/documents/indicator-set.v1.json`; marking, status and successor live in the envelope.
"""

import re
from copy import deepcopy
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import semver

from app.errors import Invalid
from app.screening import screen_document
from app.sets import checks, schema
from schemas import documents
from schemas.vocabulary import Pap, Tlp

SCHEMA = "halyard.indicator-set/1"
DRAFT_0_1 = "federation-indicator-set/draft-0.1"
PROBLEMS_SHOWN = 50

MOVED_KEYS = {
    "/schema": "document#/schema",
    "/id": "document#/stix_id",
    "/tlp": "envelope#/marking/tlp",
    "/pap": "envelope#/marking/pap",
    "/tlp_note": "envelope#/marking/note",
    "/status": "envelope#/status",
}
"""Where an import puts what a `federation-indicator-set/draft-0.1` file holds: old pointer, new place.

Every other key is in the document at its old pointer with its old value, but for `TIGHTENED_KEYS`.
"""

TIGHTENED_KEYS = {
    "/indicators/*/validation/*/date": "only the year, where survivor_validated is true",
    "/indicators/*/context_only": "true, where it is left out of a demographic or corridor indicator",
}
"""What an import makes stricter than the file says: such files were written before these rules.

A draft in today's form that breaks them is refused at the place instead: its author can correct it.
"""

_NOT_CONTENT = ("/tlp", "/tlp_note", "/pap", "/status", "/marking", "/audience")
_FINER_THAN_YEAR = re.compile(r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?")
_MISPLACED = "Belongs to the envelope, not to the content. Leave it out."


def build(draft: dict[str, Any], *, set_id: str, version: str) -> dict[str, Any]:
    """The document made of a draft's content.

    `version` wins over one that the draft proposes. STIX ids that are left out are derived from set and
    indicator id, so that they stay the same in every version.

    Raises:
        Invalid: `errors` holds up to 50 `{"pointer", "detail"}`, located in the content.
    """
    own = [key for key in ("schema", "set") if key in draft]
    if own:
        raise Invalid(
            "The server gives a document its schema and set. Leave them out of the content.",
            errors=[{"pointer": f"/{key}", "detail": "Leave it out."} for key in own],
        )
    document: dict[str, Any] = {**draft, "schema": SCHEMA, "set": set_id, "version": version}
    document.setdefault("stix_id", f"grouping--{set_id}")
    indicators = document.get("indicators")
    if isinstance(indicators, list):
        document["indicators"] = [_with_stix_id(indicator, set_id) for indicator in indicators]
    validate(document)
    return deepcopy(document)


def validate(document: dict[str, Any]) -> None:
    """Checks a whole document: schema, cross references, dignity rules, no personal data, no content.

    Raises:
        Invalid: as for `build`.
    """
    found = problems(document)
    if found:
        raise Invalid(
            "The indicator set breaks rules of its format. Correct each place listed.", errors=found
        )


def problems(document: dict[str, Any]) -> list[dict[str, str]]:
    """What is wrong with a document, at most 50 places, without any of its values."""
    located = schema.problems(documents.INDICATOR_SET, document)
    located += checks.check(document, [pointer for pointer, _ in located])
    located = [(at, _MISPLACED if at in _NOT_CONTENT else detail) for at, detail in located]
    located += [(finding.path, finding.hint) for finding in screen_document(document)]
    return [{"pointer": pointer, "detail": detail} for pointer, detail in located[:PROBLEMS_SHOWN]]


def is_higher(new: str, old: str) -> bool:
    """Whether version `new` comes after `old` (semver 2.0.0 section 11).

    Raises:
        Invalid: one of them is no semantic version.
    """
    return bool(_parsed(new) > _parsed(old))


def import_draft(draft_0_1: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Content and marking hint from a `federation-indicator-set/draft-0.1` file.

    What `TIGHTENED_KEYS` names is made stricter. The hint holds what `MOVED_KEYS` sends to the envelope:
    `tlp`, and if given `pap`, `note`, `status`. It is what the file claims; who imports decides on the
    marking. The content is checked by `build`.

    Raises:
        Invalid: another format, no label, or a label that does not exist.
    """
    if draft_0_1.get("schema") != DRAFT_0_1:
        raise Invalid(
            f"This format cannot be imported. Send {DRAFT_0_1}.",
            errors=[{"pointer": "/schema", "detail": f"Must be {DRAFT_0_1}."}],
        )
    _require_label(draft_0_1.get("tlp"), Tlp, "/tlp")
    if "pap" in draft_0_1:
        _require_label(draft_0_1["pap"], Pap, "/pap")
    content = {key: deepcopy(value) for key, value in draft_0_1.items() if f"/{key}" not in MOVED_KEYS}
    for indicator in _objects(content.get("indicators")):
        _tighten(indicator)
    if "id" in draft_0_1:
        content["stix_id"] = draft_0_1["id"]
    hint = {
        MOVED_KEYS[f"/{key}"].rpartition("/")[2]: draft_0_1[key]
        for key in ("tlp", "pap", "tlp_note", "status")
        if key in draft_0_1
    }
    return content, hint


def _tighten(indicator: dict[str, Any]) -> None:
    if indicator.get("category") == "demographic" or indicator.get("subcategory") == "corridor":
        indicator.setdefault("context_only", True)
    for validation in _objects(indicator.get("validation")):
        day = validation.get("date")
        if validation.get("survivor_validated") is not True or not isinstance(day, str):
            continue
        if _FINER_THAN_YEAR.fullmatch(day):
            validation["date"] = day[:4]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _with_stix_id(indicator: Any, set_id: str) -> Any:
    if not isinstance(indicator, dict) or "stix_id" in indicator or not isinstance(indicator.get("id"), str):
        return indicator
    name = f"urn:halyard:set:{set_id}:{indicator['id']}"
    return {**indicator, "stix_id": f"indicator--{uuid5(NAMESPACE_URL, name)}"}


def _parsed(version: str) -> semver.Version:
    try:
        return semver.Version.parse(version)
    except (TypeError, ValueError):
        raise Invalid(
            "A version must be a semantic version (2.0.0), for example 1.4.0.",
            errors=[{"pointer": "/version", "detail": "Must be a semantic version, for example 1.4.0."}],
        ) from None


def _require_label(label: Any, labels: type[Tlp] | type[Pap], pointer: str) -> None:
    known = [known.value for known in labels]
    if label not in known:
        raise Invalid(
            "The marking is missing or unknown. Nothing is taken in without exactly one known label.",
            errors=[{"pointer": pointer, "detail": f"Must be exactly one of {', '.join(known)}."}],
        )
