"""`halyard doctor`: looks at everything that a server needs, and says what to do."""

import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass

import click
from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from app import ledger
from app.audit import archive_files, archives, checkpoints, witnessing
from app.audit.append import hold_epoch
from app.audit.models import AuditEntry, AuditHead
from app.cli import local, running
from app.cli.command import Command, Output, table
from app.cli.db import revisions
from app.clock import MINUTE, SECOND, to_text
from app.config import Config, ConfigError
from app.feed.models import FeedHead
from app.keys import Use
from app.markings import Collection
from app.parties import Client, Member
from app.runtime import Runtime
from app.signals import erased
from app.transparency.errors import NotProven

SPARE_BYTES = 200_000_000
CLOCK_TOLERANCE = 5 * SECOND
WAITING_LIMIT = MINUTE


@dataclass(frozen=True)
class Finding:
    """What one look found. `fit` is None where a person should know, and nothing is broken."""

    name: str
    fit: bool | None
    said: str


Look = Callable[[Runtime], Finding]


@click.command("doctor", cls=Command)
@click.pass_obj
@click.pass_context
def doctor(ctx: click.Context, output: Output) -> None:
    """Look at settings, database, migrations, keys, clock, disk and audit log; exit code 1 when unfit."""
    found = examine()
    fit = all(finding.fit is not False for finding in found)
    words = {True: "fit", None: "note", False: "UNFIT"}
    rows = [(finding.name, words[finding.fit], finding.said) for finding in found]
    shown = {"fit": fit, "findings": [asdict(finding) for finding in found]}
    output.show(shown, table(None, ("looked at", "", "found"), rows))
    ctx.exit(0 if fit else 1)


def examine() -> list[Finding]:
    """Every look in turn; later ones are left out where an earlier one makes them pointless."""
    try:
        config = Config.from_env()
        with local.opened(config) as runtime:
            found = [_settings(config), _disk(runtime), _database(runtime)]
            if found[-1].fit:
                found.append(_migrations(runtime))
            if found[-1].fit and found[-1].name == "migrations":
                looks = (
                    _keys, _clock, _audit, _sequencer, _tree, _witnesses, _archives, _ledger, _counts,
                )  # fmt: skip
                found += [look(runtime) for look in looks]
            return found
    except ConfigError as error:
        return [Finding("settings", fit=False, said=str(error))]


def _settings(config: Config) -> Finding:
    kind = "SQLite" if config.sqlite else "PostgreSQL"
    if config.environment != "production":
        said = f"{kind}, development: set HALYARD_ENVIRONMENT=production before others depend on it"
        return Finding("settings", fit=None, said=said)
    return Finding("settings", fit=True, said=f"{kind}, production, {config.issuer}")


def _disk(runtime: Runtime) -> Finding:
    folder = runtime.config.data_dir
    free = shutil.disk_usage(folder if folder.exists() else ".").free
    said = f"{free / 1e9:.1f} GB free in the data folder"
    if free < SPARE_BYTES:
        return Finding("disk", fit=False, said=f"{said}: make room, the audit log must be writable")
    return Finding("disk", fit=True, said=said)


def _database(runtime: Runtime) -> Finding:
    path = running.database_path(runtime.config)
    if path is not None and not path.exists():
        return Finding("database", fit=False, said="there is none yet: run `halyard db upgrade`")
    try:
        with runtime.db.read() as session:
            session.execute(select(1))
    except SQLAlchemyError as error:
        said = f"it does not answer ({type(error).__name__}): look at HALYARD_DATABASE_URL and its server"
        return Finding("database", fit=False, said=said)
    return Finding("database", fit=True, said="it answers")


def _migrations(runtime: Runtime) -> Finding:
    current, wanted = revisions(runtime)
    if current != wanted:
        said = f"at {', '.join(current) or 'nothing'}, needs {', '.join(wanted)}: run `halyard db upgrade`"
        return Finding("migrations", fit=False, said=said)
    return Finding("migrations", fit=True, said=f"at {', '.join(current)}")


def _keys(runtime: Runtime) -> Finding:
    try:
        with runtime.db.read() as session:
            kids = [runtime.keyring.signer(session, use).kid for use in Use]
    except LookupError as error:
        return Finding("keys", fit=False, said=str(error))
    except InvalidTag:
        said = "the signing keys were made with another HALYARD_SECRET: set that one"
        return Finding("keys", fit=False, said=said)
    return Finding("keys", fit=True, said=f"{len(kids)} keys sign, their next ones are published")


def _clock(runtime: Runtime) -> Finding:
    now = runtime.clock()
    with runtime.db.read() as session:
        newest = session.scalar(select(func.max(AuditEntry.at))) or 0
        head = session.scalar(select(FeedHead.date)) or 0
    if max(newest, head) > now + CLOCK_TOLERANCE:
        said = f"this clock says {to_text(now)}, the newest entry is later: run NTP on every machine"
        return Finding("clock", fit=False, said=said)
    return Finding("clock", fit=True, said=to_text(now))


def _audit(runtime: Runtime) -> Finding:
    try:
        with runtime.db.write() as session:
            hold_epoch(session)
    except SQLAlchemyError as error:
        said = f"it cannot be written ({type(error).__name__}): nothing can be released until it can"
        return Finding("audit log", fit=False, said=said)
    return Finding("audit log", fit=True, said="it can be written")


def _sequencer(runtime: Runtime) -> Finding:
    now = runtime.clock()
    with runtime.db.read() as session:
        last = session.scalar(select(AuditHead.seq)) or 0
        at = session.scalar(select(AuditEntry.at).where(AuditEntry.seq == last))
        oldest = session.scalar(select(func.min(AuditEntry.at)).where(AuditEntry.seq.is_(None)))
    said = f"entry {last:,}" + (f" of {to_text(at)}" if at else "")
    if oldest is None or now - oldest < WAITING_LIMIT:
        return Finding("last sequenced", fit=True, said=said)
    stuck = running.in_use(runtime.config) if runtime.config.sqlite else True
    said += f"; entries wait since {to_text(oldest)}: " + (
        "restart the worker" if stuck else "nothing runs now"
    )
    return Finding("last sequenced", fit=False if stuck else None, said=said)


def _tree(runtime: Runtime) -> Finding:
    try:
        head, size = checkpoints.examine(runtime.db)
    except SQLAlchemyError as error:
        said = f"it cannot be looked at now ({type(error).__name__})"
        return Finding("audit tree", fit=None, said=said)
    except NotProven as error:
        said = f"{error} Somebody changed the database: keep a copy, and compare with a backup"
        return Finding("audit tree", fit=False, said=said)
    said = f"it holds together, over {size:,} of {head:,} entries"
    return Finding("audit tree", fit=True, said=said)


def _witnesses(runtime: Runtime) -> Finding:
    with runtime.db.read() as session:
        found = witnessing.standing(session, runtime.config.witness_list)
    if not found:
        said = "none: nobody else vouches that all see the same log; HALYARD_WITNESSES names some"
        return Finding("witnesses", fit=None, said=said)
    said = "; ".join(
        f"{one.key.name}: " + (one.problem or f"cosigned {one.cosigned_size or 0:,} entries") for one in found
    )
    if any(one.grave for one in found):
        said += ". A witness has seen another history of this log: docs/operations.md says what to do"
        return Finding("witnesses", fit=False, said=said)
    return Finding("witnesses", fit=None if any(one.problem for one in found) else True, said=said)


def _archives(runtime: Runtime) -> Finding:
    """Whether the files lie there as they were recorded; `halyard audit archives --check` reads them, too."""
    config = runtime.config
    folder = config.archive_path
    with runtime.db.read() as session:
        rows = archives.all_of(session)
    try:
        for row in rows:
            archive_files.require(folder, row.file, row.digest)
        if config.audit_keep_days:
            archive_files.require_writable(folder)
    except NotProven as error:
        return Finding("audit archives", fit=False, said=f"{folder}: {error}")
    if not rows and not config.audit_keep_days:
        return Finding("audit archives", fit=True, said="none: all entries are kept in the database")
    said = f"{len(rows):,} in {folder}, entries before {rows[-1].end if rows else 0:,}"
    return Finding("audit archives", fit=True, said=said)


def _ledger(runtime: Runtime) -> Finding:
    path = runtime.config.ledger_path
    if not ledger.writable(path):
        said = f"{path} cannot be written: nothing can be erased until it can"
        return Finding("erasure ledger", fit=False, said=said)
    read = ledger.read(path)
    with runtime.db.read() as session:
        stored = {row.id for row in erased.rows(session)}
    said = f"{len(read.rows) + len(read.statements):,} rows in {path}"
    if not {row.id for row in read.rows} <= stored:
        said += "; this database is older than some of them: start a server or worker, which erases again"
        return Finding("erasure ledger", fit=False, said=said)
    if read.unreadable:
        said += f"; {read.unreadable} lines cannot be read: compare with another copy of the file"
        return Finding("erasure ledger", fit=None, said=said)
    return Finding("erasure ledger", fit=True, said=said)


def _counts(runtime: Runtime) -> Finding:
    with runtime.db.read() as session:
        counts = {
            table_.__tablename__: session.scalar(select(func.count()).select_from(table_)) or 0
            for table_ in (Member, Client, Collection)
        }
        changes = session.scalar(select(FeedHead.seq)) or 0
    said = ", ".join(f"{count:,} {name}s" for name, count in counts.items())
    return Finding("counts", fit=True, said=f"{said}, {changes:,} changes")
