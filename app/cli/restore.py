"""`halyard restore`: puts a backup in place and begins a new incarnation of the feed."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import click
from sqlalchemy.engine import make_url

from app import record, upgrade
from app.audit import checkpoints, lives, sequencer
from app.audit.entry import Request
from app.cli import local, running
from app.cli.backup import copy
from app.cli.command import Command, Failure, Output
from app.cli.reapplying import reapply_erasures
from app.config import Config
from app.events import IncarnationBegun
from app.feed import incarnation
from app.members.people import forgetting as people
from app.runtime import Runtime

_BESIDE = ("-wal", "-shm")
"""What SQLite keeps beside a database that is open."""


@click.command("restore", cls=Command)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace the database that is there.")
@click.pass_obj
def restore(output: Output, file: Path, *, force: bool) -> None:
    """Put the backup FILE in the place of the embedded database.

    Begins a new incarnation of the feed: members whose cursors are newer than the backup go back to where it
    was taken, and miss nothing that is written from now on. What was erased since is erased again, as the
    ledger beside the data says. What was revoked after the backup was taken must be revoked again.
    """
    config = Config.from_env()
    target = running.database_path(config)
    if target is None:
        raise Failure(
            "Restore PostgreSQL by pg_restore, then run `halyard db restored`.", reason="postgresql"
        )
    _require_backup(file)
    if target.exists() and not force:
        raise Failure(
            "There is a database already. Back it up, then add --force to replace it.", reason="exists"
        )
    try:
        with running.alone(config):
            number = _replace(file, target, config)
            with local.opened(config) as runtime:
                erased = reapply_erasures(runtime)  # in the new life, so that readers of the old one are told
    except BlockingIOError:
        raise Failure("A server or worker uses this database. Stop it first.", reason="running") from None
    said = f"Restored; incarnation {number} begins."
    if erased:
        said += f" {erased:,} signals that were erased since the backup are erased again."
    output.show({"database": str(target), "incarnation": number, "erased_again": erased}, said)


def begin_incarnation(runtime: Runtime) -> int:
    """Begin a new life of the feed and of the audit log after a restore; returns the feed's number.

    The log's life signs at once, so that nobody finds a checkpoint of the life before as the newest one.
    """
    with record.begin(runtime, record.as_system, Request(), moves_policy=True) as tx:
        begun = incarnation.begin_new(tx.session, tx.now)
        lives.begin_new(tx.session, tx.now)
        people.forget_restored(tx.session)
        record.record(tx, IncarnationBegun())
    sequencer.drain(runtime.db)
    checkpoints.sign(runtime.db, runtime.keyring, checkpoints.origin(runtime.config.issuer), runtime.clock())
    return begun.number


def _require_backup(file: Path) -> None:
    """Refuse what is damaged or no database of ours, before anything is replaced."""
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as opened:
            whole = opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            opened.execute("SELECT number FROM incarnation").fetchone()
    except sqlite3.DatabaseError:
        whole = False
    if not whole:
        raise Failure("This file is damaged, or no backup of a Halyard database.", reason="not_a_backup")


def _replace(file: Path, target: Path, config: Config) -> int:
    """Copy beside, begin the new life there, then rename; returns the number of the feed's incarnation.

    At no moment is there half a database, nor one that would go on signing as the life it was copied from.
    """
    beside = target.with_name(target.name + ".restoring")
    for suffix in ("", *_BESIDE):
        beside.with_name(beside.name + suffix).unlink(missing_ok=True)
    copy(file, beside)
    url = make_url(config.url).set(database=str(beside)).render_as_string(hide_password=False)
    with local.opened(replace(config, database_url=url)) as runtime:
        upgrade.prepare(runtime)
        number = begin_incarnation(runtime)
    with closing(sqlite3.connect(beside)) as opened:
        opened.execute("PRAGMA journal_mode=DELETE")  # all of it is in the one file that is renamed
    for suffix in _BESIDE:
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    beside.replace(target)
    return number
