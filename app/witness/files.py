"""The documents of a witness's folder: whole as they were, or whole as they are now."""

import json
from pathlib import Path
from typing import Any

from app import durable


class Damaged(Exception):
    """A file of the witness cannot be read as what it should be. Nothing is cosigned over it."""


def write(path: Path, value: dict[str, Any]) -> None:
    """Put a document in its place; when this returns it is on the disk."""
    durable.put(path, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")


def read(path: Path) -> dict[str, Any]:
    """A document.

    Raises:
        Damaged: it is not there, or no document.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Damaged(f"{path.name} cannot be read") from error
    if not isinstance(found, dict):
        raise Damaged(f"{path.name} is no document")
    return found
