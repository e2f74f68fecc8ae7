"""`halyard audit`: who got what, when, under which marking and purpose."""

from itertools import islice

import click

from app.cli import names
from app.cli.audit_archives import show_archives
from app.cli.audit_questions import COMMANDS
from app.cli.audit_taking import checkpoint, export, receipt
from app.cli.audit_verify import verify
from app.cli.client import Server
from app.cli.command import Command, Noun, Output, table
from app.cli.trail import COLUMNS, lines
from schemas.audit import NEWEST, OLDEST
from schemas.vocabulary import Decision, Purpose, Tlp

_SHOWN = 200


@click.group(cls=Noun)
def audit() -> None:
    """The audit log: auditors see all of it, members what concerns their own data."""


for command in (export, receipt, checkpoint, verify, show_archives):
    audit.add_command(command)


@audit.command("list", cls=Command)
@click.option("--member", metavar="ID", help="Entries of this acting member.")
@click.option("--client", metavar="ID", help="Entries of this client.")
@click.option("--user", metavar="ID", help="Entries of this person.")
@click.option("--action", help="For example changes.read; several with commas between: one of them.")
@click.option("--decision", type=click.Choice([decision.value for decision in Decision]))
@click.option("--reason", help="Code of a refusal, or of what changed.")
@click.option("--purpose", type=click.Choice([purpose.value for purpose in Purpose]))
@click.option(
    "--tlp", type=click.Choice([tlp.value for tlp in Tlp]), help="About something under this label."
)
@click.option(
    "--collection", metavar="ID", help="Entries about this set or list; one that you see also by slug."
)
@click.option("--version", help="Who was given this version of the set that --collection names.")
@click.option("--object", "object_", metavar="ID", help="Who was given or changed this version or signal.")
@click.option("--since", metavar="MOMENT", help="RFC 3339, from this moment on.")
@click.option("--until", metavar="MOMENT", help="RFC 3339, before this moment.")
@click.option("--newest", is_flag=True, help="Show the newest first, instead of the oldest.")
@click.option("--limit", default=_SHOWN, show_default=True, help="How many entries at most; 0: all.")
@click.pass_obj
def show(output: Output, /, *, limit: int, newest: bool, object_: str | None, **asked: str | None) -> None:
    """Show entries, oldest first unless told otherwise. All filters that are given must hold."""
    filters = {name: value for name, value in {**asked, "object": object_}.items() if value is not None}
    filters["order"] = NEWEST if newest else OLDEST
    with Server.from_env() as server:
        if "collection" in filters:
            filters["collection"] = names.collection(server, filters["collection"])
        entries = server.items("/v1/audit/entries", **filters)
        found = list(islice(entries, limit or None))
        called = names.members(server) | names.titles(server)
    output.show(found, table(None, COLUMNS, lines(found, called)))
    if limit and len(found) == limit:
        output.note("There may be more: narrow the filters, or raise --limit.")


for _command in COMMANDS:
    audit.add_command(_command)
