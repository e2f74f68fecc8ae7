"""Files that `halyard set import` takes: {marking, content}, or `federation-indicator-set/draft-0.1`."""

import json
from pathlib import Path
from typing import Any

from app.cli.command import Failure
from app.sets import document


def read_set_file(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Content, and the marking that the file asks for (empty where it asks for none)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise Failure("The file holds no JSON in UTF-8.", reason="malformed") from None
    if isinstance(found, dict) and found.get("schema") == document.DRAFT_0_1:
        content, hint = document.import_draft(found)
        return content, {name: value for name, value in hint.items() if name in {"tlp", "pap", "note"}}
    if not isinstance(found, dict) or not isinstance(found.get("content"), dict):
        raise Failure("A set file has two parts, marking and content: see samples/.", reason="malformed")
    return found["content"], found.get("marking", {})
