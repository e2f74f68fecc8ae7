"""Files that survive a kill and a power cut: whole as they were, or whole as they are now."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Damaged(Exception):
    """A file of the witness cannot be read as what it should be. Nothing is cosigned over it."""


def write(path: Path, value: dict[str, Any]) -> None:
    """Put a document in its place; when this returns it is on the disk, and its name is."""
    beside = path.with_name(path.name + ".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    _sync_folder(path.parent)


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


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock, among all threads and processes of this machine, while the block runs."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
