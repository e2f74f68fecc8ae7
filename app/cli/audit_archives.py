"""`halyard audit archives`: where the entries are that have left the database, at the machine itself."""

from typing import Any

import click

from app.audit import archives
from app.audit.archives import Archive
from app.cli import local
from app.cli.command import Command, Output, table
from app.clock import to_text
from app.runtime import Runtime
from app.transparency.errors import NotProven

COLUMNS = ("entries", "from", "until", "file", "")


@click.command("archives", cls=Command)
@click.option("--check", "checked", is_flag=True, help="Read each file, and compare it with the tree.")
@click.pass_obj
@click.pass_context
def show_archives(ctx: click.Context, output: Output, /, *, checked: bool) -> None:
    """Show which entries of the audit log have left the database for which file; exit code 1 when unfit."""
    with local.opened() as runtime:
        with runtime.db.read() as session:
            rows = archives.all_of(session)
        found = [_told(row, _problem(runtime, row) if checked else None) for row in rows]
    output.show(found, table(None, COLUMNS, (_line(one, checked=checked) for one in found)))
    for one in found:
        if one["problem"]:
            output.note(one["problem"])
    ctx.exit(1 if any(one["problem"] for one in found) else 0)


def _problem(runtime: Runtime, row: Archive) -> str | None:
    try:
        archives.check(runtime.db, runtime.config.archive_path, row)
    except NotProven as error:
        return str(error)
    return None


def _told(row: Archive, problem: str | None) -> dict[str, Any]:
    return {
        "from": row.start, "to": row.end, "file": row.file, "sha256": row.digest.hex(),
        "oldest_at": to_text(row.oldest_at), "newest_at": to_text(row.newest_at),
        "archived_at": to_text(row.archived_at), "problem": problem,
    }  # fmt: skip


def _line(one: dict[str, Any], *, checked: bool) -> tuple[object, ...]:
    word = ("UNFIT" if one["problem"] else "fit") if checked else ""
    return f"{one['from']}-{one['to'] - 1}", one["oldest_at"], one["newest_at"], one["file"], word
