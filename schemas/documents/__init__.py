"""JSON Schemas (2020-12) of whatever is hashed, signed, stored or sent to another server.

A file that was released is never edited: version 2 goes beside it.
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

ATTESTATION = "attestation.v1"
AUDIT_ENTRY = "audit-entry.v1"
AUDIT_EXPORT = "audit-export.v1"
AUDIT_RECEIPT = "audit-receipt.v1"
INDICATOR_SET = "indicator-set.v1"
SET_ENVELOPE = "set-envelope.v1"
TOMBSTONE = "tombstone.v1"


@cache
def load(name: str) -> dict[str, Any]:
    """The schema `name` (for example `indicator-set.v1`), read once and shared: do not change what you get.

    Raises:
        FileNotFoundError: there is no such schema.
    """
    loaded: dict[str, Any] = json.loads(files(__name__).joinpath(f"{name}.json").read_text("utf-8"))
    return loaded
