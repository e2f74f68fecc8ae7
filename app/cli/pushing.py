"""Pushes a file of lines so that it can be stopped and begun again: compressed, under a key that is kept."""

import json
import os
import uuid
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.cli.client import Server

LINES = "application/x-ndjson"
_BLOCK = 256 * 1024
_GZIP = 31
_QUICK = 1


def push_from(server: Server, list_id: str, file: Path, advanced: Callable[[int | None], None]) -> Any:
    """Send the lines of a file to a list; returns the server's report.

    The key is kept beside the file until there is an answer: the server then passes over what a push that was
    stopped had done. A file that was changed meanwhile is new work.

    Args:
        advanced: told how many bytes of the file were sent; None: sending begins anew.
    """
    with _key(list_id, file) as key:
        answer = server.call(
            "POST", f"/v1/signal-lists/{list_id}/signals",
            headers={"Content-Type": LINES, "Content-Encoding": "gzip", "Idempotency-Key": key},
            body=lambda: _compressed(file, advanced),
        )  # fmt: skip
    return answer.json()


@contextmanager
def _key(list_id: str, file: Path) -> Iterator[str]:
    kept = file.with_name(file.name + ".push")
    status = file.stat()
    work = {"list": list_id, "bytes": status.st_size, "changed": status.st_mtime_ns}
    key = _kept_key(kept, work)
    if key is None:
        key = uuid.uuid4().hex
        _keep(kept, {**work, "key": key})
    yield key
    kept.unlink(missing_ok=True)


def _kept_key(path: Path, work: dict[str, Any]) -> str | None:
    try:
        found = json.loads(path.read_text())
        key = str(found.pop("key"))
    except (OSError, ValueError, KeyError, AttributeError):
        return None
    return key if found == work else None


def _keep(path: Path, what: dict[str, Any]) -> None:
    with path.open("w") as opened:
        json.dump(what, opened)
        opened.flush()
        os.fsync(opened.fileno())


def _compressed(file: Path, advanced: Callable[[int | None], None]) -> Iterator[bytes]:
    advanced(None)
    deflate = zlib.compressobj(_QUICK, wbits=_GZIP)
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            if packed := deflate.compress(block):
                yield packed
            advanced(len(block))
    yield deflate.flush()
