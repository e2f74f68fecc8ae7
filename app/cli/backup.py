"""`halyard backup`: a copy of the embedded database, taken while the server runs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import click

from app.cli.command import Command, Failure, Output
from app.cli.running import database_path
from app.config import Config

_STEP_PAGES = 1_000
_BY_POSTGRESQL = (
    "PostgreSQL is backed up by its own tools: pg_dump --format=custom --file FILE DATABASE, or continuous "
    "archiving for a point in time. After pg_restore run `halyard db restored`."
)


@click.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def backup(output: Output, file: Path) -> None:
    """Copy the embedded database into FILE, also while the server runs.

    The copy holds everything but the server secret, which belongs elsewhere.
    """
    source = database_path(Config.from_env())
    if source is None:
        raise Failure(_BY_POSTGRESQL, reason="postgresql")
    if not source.exists():
        raise Failure(
            "There is no database yet. Run `halyard db upgrade` or `halyard serve`.", reason="no_database"
        )
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Failure("The file exists. Choose another name.", reason="exists") from None
    copy(source, file)
    size = file.stat().st_size
    output.show(
        {"file": str(file), "bytes": size}, f"{file}: {size:,} bytes. Keep the server secret elsewhere."
    )


def copy(source: Path, target: Path) -> None:
    """Copy a SQLite database by its backup interface: a committed state, whatever happens meanwhile."""
    with (
        closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as reading,
        closing(sqlite3.connect(target)) as writing,
    ):
        reading.backup(writing, pages=_STEP_PAGES)
        writing.execute("PRAGMA journal_mode=DELETE")
