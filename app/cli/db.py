"""`halyard db`: migrations."""

import click
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app import upgrade
from app.cli import local
from app.cli.command import Command, Noun, Output
from app.cli.reapplying import reapply_erasures
from app.cli.restore import begin_incarnation
from app.runtime import Runtime


@click.group(cls=Noun)
def db() -> None:
    """The database: bring it to the present form, see where it is."""


@db.command("upgrade", cls=Command)
@click.pass_obj
def upgrade_(output: Output) -> None:
    """Run every migration that is missing, and make what a server needs to start. Safe to run again."""
    with local.opened() as runtime:
        upgrade.prepare(runtime)
        current, _ = revisions(runtime)
    output.show({"revisions": current}, f"The database is at revision {', '.join(current)}.")


@db.command("status", cls=Command)
@click.pass_obj
@click.pass_context
def status(ctx: click.Context, output: Output) -> None:
    """Say whether migrations are missing; exit code 1 if so."""
    with local.opened() as runtime:
        current, wanted = revisions(runtime)
    ready = current == wanted
    said = "up to date" if ready else "run `halyard db upgrade`"
    output.show(
        {"revisions": current, "wanted": wanted, "ready": ready},
        f"It is at {', '.join(current) or 'nothing'}, this version needs {', '.join(wanted)}: {said}.",
    )
    ctx.exit(0 if ready else 1)


@db.command("restored", cls=Command)
@click.pass_obj
def restored(output: Output) -> None:
    """Say that this database was restored from a copy by its own tools (pg_restore).

    Begins a new incarnation of the feed, so that no member's cursor skips what is written from now on, and
    erases again what the ledger of this machine names.
    Run it once, before any server starts. `halyard restore` does it by itself.
    """
    with local.opened() as runtime:
        upgrade.prepare(runtime)
        incarnation = begin_incarnation(runtime)
        erased = reapply_erasures(runtime)
    said = f"Incarnation {incarnation} of the feed begins; {erased:,} signals were erased again."
    output.show({"incarnation": incarnation, "erased_again": erased}, said)


def revisions(runtime: Runtime) -> tuple[list[str], list[str]]:
    """What the database holds, and what this version needs."""
    with runtime.db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_heads()
        wanted = ScriptDirectory.from_config(upgrade.alembic_config(connection)).get_heads()
    return sorted(current), sorted(wanted)
