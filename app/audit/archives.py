"""Entries that age out: which are due, what their archives hold, and the end of their rows.

Only whole bundles leave that are in the tree, covered by a checkpoint, taken in for questions and older than
the policy; tiles and checkpoints stay, so that every proof by index can be made as before.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.audit import archive_files, cosignatures, tree
from app.audit.archive_files import Written
from app.audit.checkpoints import newest
from app.audit.models import AuditArchive, AuditCheckpoint, AuditEntry, AuditPrivate
from app.audit.projecting import counted
from app.audit.projection import AuditMention
from app.db import Database
from app.errors import Gone, NotFound
from app.transparency.blocks import block_tiles
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadTile
from app.transparency.exports import Numbered, Opening, whole
from app.transparency.notes import Note
from app.transparency.tiles import WIDTH, Tile

LONGEST: Final = 65_536
"""Entries of one archive: 256 bundles."""
DELETED_AT_ONCE: Final = 512
"""Entries whose rows one transaction deletes."""
_READ_AT_ONCE: Final = 1_024

Span = tuple[int, int]
"""A range of indexes, counted from 0; the second is not in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A recorded archive: the columns of `AuditArchive`."""

    start: int
    end: int
    file: str
    digest: bytes
    oldest_at: int
    newest_at: int
    archived_at: int
    emptied_at: int | None


def held_from(session: Session) -> int:
    """The index of the first entry that is held, counted from 0: those before it are in archives."""
    return session.scalar(select(func.max(AuditArchive.end))) or 0


def all_of(session: Session) -> list[Archive]:
    """Every archive, the oldest first."""
    return [_archive(row) for row in session.scalars(select(AuditArchive).order_by(AuditArchive.start))]


def holding(session: Session, index: int) -> Archive | None:
    """The archive that holds an entry."""
    wanted = select(AuditArchive).where(AuditArchive.start <= index, AuditArchive.end > index)
    row = session.scalar(wanted.limit(1))
    return None if row is None else _archive(row)


def gone(archive: Archive) -> Gone:
    """What is answered where the entries of an archive are asked for."""
    return Gone(
        "These entries have left the server for an archive. Ask the operator for this file, and check it with"
        " `halyard audit verify`.",
        reason="archived",
        archive={
            "file": archive.file, "sha256": archive.digest.hex(), "from": archive.start, "to": archive.end,
        },
    )  # fmt: skip


def absent(session: Session) -> NotFound:
    """What is answered where there is no entry of an id, or none for this reader: both the same."""
    first = held_from(session)
    if not first:
        return NotFound()
    return NotFound(
        "There is nothing here that you may see. Check the id. Older entries have left for archives.",
        held_from=first,
    )


def due(session: Session, before: int, longest: int = LONGEST) -> Span | None:
    """The next entries that are to leave: whole bundles, all of them made before a moment.

    Args:
        before: microseconds UTC.
        longest: how many at most, a multiple of 256.
    """
    start, signed = held_from(session), newest(session)
    end = min(signed.size if signed else 0, counted(session).seq, start + longest)
    if end - start < WIDTH:
        return None
    younger = (
        select(AuditEntry.seq)
        .where(AuditEntry.seq > start, AuditEntry.seq <= end, AuditEntry.at >= before)
        .order_by(AuditEntry.seq)
        .limit(1)
    )
    number = session.scalar(younger)
    end = end if number is None else number - 1
    end -= end % WIDTH
    return (start, end) if end > start else None


def write(db: Database, folder: Path, span: Span) -> Written:
    """Write and check the archive of these entries, or take one that was left behind by a killed process.

    No transaction is open while the file is written.

    Raises:
        BadArchive, BadTile: the stored tree and the entries do not fit together: nothing may be deleted.
        OSError: the file cannot be written.
    """
    start, end = span
    with db.read() as session:
        checkpoint = newest(session)
        if checkpoint is None:
            raise BadTile("No checkpoint covers the entries.")
        note = cosignatures.signed(session, [checkpoint])[0].note
    opened = Checkpoint.parse(Note.parse(note).text)
    with db.read() as session:
        read = tree.reader(session, block_tiles(start, end, opened.size), opened.size)
    leaves, roots = Leaves(db, span), Roots(db)
    for found in archive_files.left_behind(folder, start, leaves, roots):
        if found.end <= end:
            return found
    opening = Opening(origin=opened.origin, start=start, end=end, note=note)
    lines = whole(opening, opened.size, _entries(db, span), read)
    return archive_files.write(folder, start, end, lines, leaves, roots)


def check(db: Database, folder: Path, archive: Archive) -> None:
    """See that a file is still the archive that was recorded, and holds what the tree holds.

    Raises:
        BadArchive: it is not.
    """
    path = archive_files.require(folder, archive.file, archive.digest)
    archive_files.check(path, Leaves(db, (archive.start, archive.end)), Roots(db))


def add(session: Session, written: Written, now: int) -> Archive:
    """Record an archive. From here on its entries are not held any more, though their rows still stand.

    Raises:
        IntegrityError: another process recorded one from the same index on.
    """
    numbers = AuditEntry.seq > written.start, AuditEntry.seq <= written.end
    oldest, latest = session.execute(
        select(func.min(AuditEntry.at), func.max(AuditEntry.at)).where(*numbers)
    ).one()
    row = AuditArchive(
        start=written.start, end=written.end, file=written.file, digest=written.digest, oldest_at=oldest,
        newest_at=latest, archived_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return _archive(row)


def unfinished(session: Session) -> Archive | None:
    """The first archive of which rows still stand."""
    wanted = select(AuditArchive).where(AuditArchive.emptied_at.is_(None)).order_by(AuditArchive.start)
    row = session.scalar(wanted.limit(1))
    return None if row is None else _archive(row)


def parts(archive: Archive) -> Iterator[Span]:
    """Its range in parts that one transaction each may delete."""
    for start in range(archive.start, archive.end, DELETED_AT_ONCE):
        yield start, min(start + DELETED_AT_ONCE, archive.end)


def delete_rows(session: Session, span: Span) -> None:
    """Delete entries with their openings, and what questions read of each. Counts per day stay."""
    numbers = AuditEntry.seq > span[0], AuditEntry.seq <= span[1]
    ids = select(AuditEntry.id).where(*numbers)
    for statement in (
        delete(AuditPrivate).where(AuditPrivate.entry_id.in_(ids)),
        delete(AuditMention).where(AuditMention.seq > span[0], AuditMention.seq <= span[1]),
        delete(AuditEntry).where(*numbers),
    ):
        session.execute(statement, execution_options={"synchronize_session": False})


def finish(session: Session, start: int, now: int) -> None:
    """Note that no row of an archive stands any more."""
    session.get_one(AuditArchive, start).emptied_at = now


def _archive(row: AuditArchive) -> Archive:
    return Archive(
        start=row.start, end=row.end, file=row.file, digest=row.digest, oldest_at=row.oldest_at,
        newest_at=row.newest_at, archived_at=row.archived_at, emptied_at=row.emptied_at,
    )  # fmt: skip


class Leaves:
    """Blocks of the stored tree, as `archive_files.LeavesOf` has them, read 256 at once."""

    def __init__(self, db: Database, span: Span) -> None:
        tiles = [Tile(0, index) for index in range(span[0] // WIDTH, -(-span[1] // WIDTH))]
        with db.read() as session:
            self._held = {tile.index: row for tile, row in tree.read_many(session, tiles).items()}

    def __call__(self, index: int) -> bytes:
        return self._held.get(index, b"")


class Roots:
    """Signed roots, as `archive_files.RootAt` has them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def __call__(self, size: int) -> bytes | None:
        with self._db.read() as session:
            return session.scalar(select(AuditCheckpoint.root).where(AuditCheckpoint.size == size))


def _entries(db: Database, span: Span) -> Iterator[Numbered]:
    """The entries of a range, in order.

    Raises:
        BadTile: one is missing.
    """
    for start in range(span[0], span[1], _READ_AT_ONCE):
        end = min(start + _READ_AT_ONCE, span[1])
        wanted = (
            select(AuditEntry.seq, AuditEntry.entry)
            .where(AuditEntry.seq > start, AuditEntry.seq <= end)
            .order_by(AuditEntry.seq)
        )
        with db.read() as session:
            rows = session.execute(wanted).all()
        if [row.seq for row in rows] != list(range(start + 1, end + 1)):
            raise BadTile("An entry that had its number is missing.")
        yield from ((row.seq - 1, row.entry) for row in rows)
