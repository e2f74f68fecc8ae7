"""The ledger of what must stay gone, as a file beside the data, to which lines are only ever added.

A line is durable before the act that it names commits. The file outlives what a restore puts in place of the
database, so that what was erased can be erased again. It holds ids, times and keyed fingerprints.
"""

import fcntl
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from app.durable import sync_folder
from app.errors import Unavailable

_MODE = 0o600
_RETRY_AFTER_SECONDS = 30


class Row(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what", tag="signal"):
    """One erasure: of an entry, of a value by its fingerprint (hex), or of both."""

    id: str
    list: str
    entry: str | None = None
    fingerprint: str | None = None
    reason: str
    at: int


class Statement(msgspec.Struct, frozen=True, kw_only=True, tag_field="what", tag="statement"):
    """An attestation whose consent was withdrawn: its `id`, and the set that it was about."""

    id: str
    set: str
    at: int


@dataclass(frozen=True)
class Read:
    """What a ledger names. A line that a crash cut off names nothing: its act never committed."""

    rows: Sequence[Row]
    statements: Sequence[Statement]
    unreadable: int


def append(path: Path, rows: Sequence[Row | Statement]) -> None:
    """Add rows, and return when they are on the disk.

    Raises:
        Unavailable: they cannot be written, so the act must not commit.
    """
    if not rows:
        return
    data = msgspec.json.Encoder().encode_lines(rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, _MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            _write(handle, data)
        finally:
            os.close(handle)
        sync_folder(path.parent)
    except OSError as error:
        raise Unavailable(
            "The ledger of what must stay gone cannot be written, so nothing was done. Tell the operator.",
            reason="ledger_unavailable",
            retry_after=_RETRY_AFTER_SECONDS,
        ) from error


def read(path: Path) -> Read:
    """Everything that the ledger names; nothing where there is none yet."""
    if not path.exists():
        return Read((), (), 0)
    read: list[Row | Statement] = []
    unreadable = 0
    decoder = msgspec.json.Decoder(Row | Statement)
    with path.open("rb") as file:
        for line in file:
            try:
                read.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable += 1
    return Read(
        rows=[one for one in read if isinstance(one, Row)],
        statements=[one for one in read if isinstance(one, Statement)],
        unreadable=unreadable,
    )


def writable(path: Path) -> bool:
    """Whether an erasure could be written now."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, _MODE))
    except OSError:
        return False
    return True


def _write(handle: int, data: bytes) -> None:
    """All of it behind whatever is there: what a crash cut off before becomes a line of its own."""
    size = os.fstat(handle).st_size
    if size and os.pread(handle, 1, size - 1) != b"\n":
        data = b"\n" + data
    while data:
        data = data[os.write(handle, data) :]
    os.fsync(handle)
