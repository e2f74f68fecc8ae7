"""Ages entries out of the audit log by policy: into a file first, then off the tables.

One process at a time, by a lock on the folder that ends with its holder. Killed at any point, nothing is lost
and nothing doubled: rows are deleted only while the recorded file lies there unchanged, and what was begun is
gone on with.
"""

from pathlib import Path

import structlog
from sqlalchemy.exc import IntegrityError

from app.audit import archive_files, archives
from app.audit.archive_files import Written
from app.audit.archives import Archive
from app.audit.entry import Request
from app.clock import DAY
from app.events import AuditArchived, Subject
from app.record import as_system, begin, record
from app.runtime import Runtime
from app.transparency.errors import NotProven

log = structlog.get_logger(__name__)


def step(runtime: Runtime, longest: int = archives.LONGEST) -> bool:
    """Finish an archive whose rows still stand, or write the next one; says whether there was one.

    What stands in the way is logged, and nothing is deleted.

    Args:
        longest: entries of one archive at most, a multiple of 256.
    """
    config = runtime.config
    if not config.audit_keep_days or not _anything(runtime, longest):
        return False
    try:
        with archive_files.alone(config.archive_path):
            return _finish(runtime) or _next(runtime, longest)
    except BlockingIOError:  # another process is at it
        return False
    except (OSError, NotProven) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        log.error("audit.archiving-failed", folder=str(config.archive_path), why=why)  # noqa: TRY400 - the reason is all there is to say
        return False


def before(runtime: Runtime) -> int:
    """Entries made before this moment, the beginning of a day (UTC), are to leave.

    Whole days make few files: what grew old during a day leaves with the next one.
    """
    past = runtime.clock() - runtime.config.audit_keep_days * DAY
    return past - past % DAY


def _anything(runtime: Runtime, longest: int) -> bool:
    with runtime.db.read() as session:
        return (
            archives.unfinished(session) is not None
            or archives.due(session, before(runtime), longest) is not None
        )


def _finish(runtime: Runtime) -> bool:
    """Delete the rows of an archive, after looking whether its file is there."""
    db = runtime.db
    with db.read() as session:
        archive = archives.unfinished(session)
    if archive is None:
        return False
    archive_files.require(runtime.config.archive_path, archive.file, archive.digest)
    for part in archives.parts(archive):
        with db.write() as session:
            archives.delete_rows(session, part)
            if part[1] == archive.end:
                archives.finish(session, archive.start, runtime.clock())
    return True


def _next(runtime: Runtime, longest: int) -> bool:
    """Write the next archive and record it. Its rows are deleted by the next step."""
    folder = runtime.config.archive_path
    with runtime.db.read() as session:
        span = archives.due(session, before(runtime), longest)
    if span is None:
        return False
    written = archives.write(runtime.db, folder, span)
    try:
        with begin(runtime, as_system, Request()) as tx:
            row = archives.add(tx.session, written, tx.now)
            record(tx, AuditArchived(subjects=(_subject(row),)))
    except IntegrityError:  # a process with another folder was first
        _take_back(runtime, folder, written)
    return True


def _subject(row: Archive) -> Subject:
    """The range of indexes stands where other subjects have a version; dates are those of its entries."""
    return Subject(
        kind="archive", version=f"{row.start}-{row.end}", count=row.end - row.start, first=row.oldest_at,
        last=row.newest_at,
    )  # fmt: skip


def _take_back(runtime: Runtime, folder: Path, written: Written) -> None:
    with runtime.db.read() as session:
        recorded = archives.holding(session, written.start)
    if recorded is not None and recorded.file != written.file:
        (folder / written.file).unlink(missing_ok=True)
