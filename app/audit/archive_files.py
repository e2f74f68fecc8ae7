"""Archives of the log as files: gzip over the form of exports, checked against the tree leaf by leaf.

A file is written beside its place, brought to the disk, read again and checked, and only then put into its
place, where nothing overwrites it: its name holds the first digits of its SHA-256.
"""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.durable import locked, sync_folder
from app.transparency.blocks import verify_block
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import NotProven
from app.transparency.notes import Note
from app.transparency.tiles import WIDTH
from app.verifier.lines import Block, Entry, Line, Mark, Opening, parse, raw_lines

LOCK: Final = ".lock"
WRITING: Final = ".writing-"
SUFFIX: Final = ".ndjson.gz"
_PIECE: Final = 1 << 20
_LEVEL: Final = 6

RootAt = Callable[[int], bytes | None]
"""The root that was signed for a size, 32 bytes; None: none was."""
LeavesOf = Callable[[int], bytes]
"""The 256 leaf hashes of a block, as the tree has them; empty where it has not all of them."""


class BadArchive(NotProven):
    """A file that is not the archive which it should be. The message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A file that was checked: its name in the folder, its SHA-256, the range of indexes that it holds."""

    file: str
    digest: bytes
    start: int
    end: int


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make the folder if there is none, and hold its lock: one process at a time ages out into it.

    The lock ends with its holder, however that ends.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the folder cannot be made or written.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(folder / LOCK, wait=False):
        yield


def write(
    folder: Path, start: int, end: int, lines: Iterable[bytes], leaves_of: LeavesOf, root_at: RootAt
) -> Written:
    """Write an archive, and check what then lies on the disk. Call it while holding the folder's lock.

    Args:
        start, end: the range of indexes, multiples of 256.
        lines: those of a whole export of that range in one piece.

    Raises:
        OSError: it cannot be written: no room, no right. Nothing is left behind.
        BadArchive: what lies on the disk is not what the tree holds.
    """
    for left in folder.glob(f"{WRITING}*"):
        left.unlink()
    path = folder / f"{WRITING}{start}"
    try:
        _pack(path, lines)
        if check(path, leaves_of, root_at) != (start, end):
            raise BadArchive("The archive that was just written holds another range than it should.")
        digest = digest_of(path)
        name = f"audit-{start:012}-{end:012}-{digest.hex()[:16]}{SUFFIX}"
        path.rename(folder / name)
    finally:
        path.unlink(missing_ok=True)
    sync_folder(folder)
    return Written(file=name, digest=digest, start=start, end=end)


def left_behind(folder: Path, start: int, leaves_of: LeavesOf, root_at: RootAt) -> Iterator[Written]:
    """Archives from this index on that lie in the folder and are what the tree holds.

    A process that was killed between writing one and recording it leaves it there.
    """
    for path in sorted(folder.glob(f"audit-{start:012}-*{SUFFIX}")):
        try:
            found = check(path, leaves_of, root_at)
        except NotProven:
            continue  # of another life of this log, or damaged: people decide about it
        if found[0] == start:
            sync_folder(folder)
            yield Written(file=path.name, digest=digest_of(path), start=start, end=found[1])


def digest_of(path: Path) -> bytes:
    """SHA-256 of a file.

    Raises:
        OSError: it is missing, or cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.digest()


def require(folder: Path, file: str, digest: bytes) -> Path:
    """The path of an archive that lies in the folder, byte for byte as it was recorded.

    Raises:
        BadArchive: it is missing or was changed.
    """
    path = folder / file
    try:
        found = digest_of(path)
    except OSError as error:
        said = f"{file} cannot be read ({error.strerror}): bring it back from a backup of the archives."
        raise BadArchive(said) from error
    if found != digest:
        raise BadArchive(f"{file} was changed: bring it back from a backup of the archives.")
    return path


def require_writable(folder: Path) -> None:
    """See that archives can be written; the folder is made if there is none.

    Raises:
        BadArchive: they cannot.
    """
    try:
        with alone(folder), tempfile.TemporaryFile(dir=folder):
            return
    except BlockingIOError:  # a worker writes there now
        return
    except OSError as error:
        said = f"It cannot be written ({error.strerror}): no entry leaves the database until it can."
        raise BadArchive(said) from error


def check(path: Path, leaves_of: LeavesOf, root_at: RootAt) -> tuple[int, int]:
    """See that a file is one whole piece whose every entry is the leaf that the tree holds at its index.

    Returns:
        The range of indexes that it holds.

    Raises:
        BadArchive: it is not.
        OSError: it is missing, or cannot be read.
    """
    lines = _lines(path)
    opening = next(lines, None)
    if not isinstance(opening, Opening) or not opening.whole or opening.start >= opening.end:
        raise BadArchive(f"{path.name} does not begin as an archive does.")
    checkpoint = Checkpoint.parse(Note.parse(opening.note).text)
    if root_at(checkpoint.size) != checkpoint.root:
        raise BadArchive(f"The checkpoint of {path.name} was not signed by this log.")
    for index in range(opening.start, opening.end, WIDTH):
        block = next(lines, None)
        if (
            not isinstance(block, Block)
            or block.index * WIDTH != index
            or block.leaves != leaves_of(block.index)
        ):
            raise BadArchive(f"{path.name} does not hold what the tree holds from entry {index} on.")
        leaves = verify_block(block.index, checkpoint.size, block.leaves, block.path, checkpoint.root)
        for number, leaf in enumerate(leaves, index):
            entry = next(lines, None)
            if not isinstance(entry, Entry) or (entry.index, entry.leaf) != (number, leaf):
                raise BadArchive(f"{path.name} does not hold entry {number} as it was logged.")
    closing = next(lines, None)
    if (
        closing != Mark(until=opening.end, closed=True, entries=opening.end - opening.start)
        or next(lines, None) is not None
    ):
        raise BadArchive(f"{path.name} does not end as an archive does.")
    return opening.start, opening.end


def _pack(path: Path, lines: Iterable[bytes]) -> None:
    """Write a new file, and bring it to the disk. Its bytes depend on the lines alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=_LEVEL, fileobj=file, mtime=0) as packed:
            for line in lines:
                packed.write(line)
        file.flush()
        os.fsync(file.fileno())


def _lines(path: Path) -> Iterator[Line]:
    for _, line, whole in raw_lines(path):
        if not whole:
            raise BadArchive(f"{path.name} is cut off.")
        yield parse(line)
