"""Pulls the feed into a file so that nothing is missed and nothing is repeated, whenever it is stopped."""

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from app.cli.client import Server
from app.cli.command import Failure

PAGE = 1_000


class Page(msgspec.Struct):
    """A page of the feed; its lines stay the bytes that the server sent."""

    changes: list[msgspec.Raw]
    next: str
    more: bool
    excluded: list[str]


def pull_into(
    server: Server, file: Path, cursor: Path, collections: Sequence[str], advanced: Callable[[int], None]
) -> dict[str, Any]:
    """Append all changes behind the cursor to the file; returns counts and what was left out.

    The cursor file also says how long the file was at that moment: what a stopped pull wrote behind it is cut
    off before the next one begins.
    """
    after, size = _read_cursor(cursor)
    count = 0
    with file.open("ab") as opened:
        _cut(opened, size)
        while True:
            page = _page(server, after, collections)
            for line in page.changes:
                opened.write(bytes(line) + b"\n")
            opened.flush()
            os.fsync(opened.fileno())
            after = page.next
            _write_cursor(cursor, after, opened.tell())
            count += len(page.changes)
            advanced(len(page.changes))
            if not page.more:
                return {"changes": count, "file": str(file), "cursor": str(cursor), "excluded": page.excluded}


def _page(server: Server, after: str | None, collections: Sequence[str]) -> Page:
    parameters: dict[str, Any] = {"limit": PAGE, "collection": list(collections)}
    if after is not None:
        parameters["after"] = after
    return msgspec.json.decode(server.call("GET", "/v1/changes", params=parameters).content, type=Page)


def _read_cursor(path: Path) -> tuple[str | None, int | None]:
    if not path.exists():
        return None, None
    try:
        kept = json.loads(path.read_text())
        return str(kept["after"]), int(kept["bytes"])
    except (ValueError, KeyError, TypeError):
        raise Failure(
            "The cursor file cannot be read. Remove it and FILE to start from the beginning.", reason="cursor"
        ) from None


def _write_cursor(path: Path, after: str, size: int) -> None:
    beside = path.with_name(path.name + ".new")
    with beside.open("w") as opened:
        json.dump({"after": after, "bytes": size}, opened)
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(path)


def _cut(opened: BinaryIO, size: int | None) -> None:
    """Cut off what a stopped pull wrote behind its cursor; never a file that no pull has written."""
    length = opened.seek(0, os.SEEK_END)
    if size is None:
        if length:
            raise Failure("FILE exists, and no cursor belongs to it. Choose another name.", reason="cursor")
        return
    if length < size:
        raise Failure(
            "FILE is shorter than the cursor says. Remove both to start from the beginning.", reason="cursor"
        )
    opened.truncate(size)
    opened.seek(size)
