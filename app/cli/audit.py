"""`halyard audit`: who got what, when, under which marking and purpose."""

from itertools import islice
from typing import Any

import click

from app.cli.audit_archives import show_archives
from app.cli.audit_taking import checkpoint, export, receipt
from app.cli.audit_verify import verify
from app.cli.client import Server
from app.cli.command import Command, Failure, Noun, Output, table
from app.cli.local import IDENT
from app.cli.trail import COLUMNS, lines
from schemas.vocabulary import Decision

_SHOWN = 200


@click.group(cls=Noun)
def audit() -> None:
    """The audit log: auditors see all of it, members what concerns their own data."""


for command in (export, receipt, checkpoint, verify, show_archives):
    audit.add_command(command)


@audit.command("list", cls=Command)
@click.option("--member", metavar="ID", help="Entries of this acting member.")
@click.option("--client", metavar="ID", help="Entries of this client.")
@click.option("--action", help="For example changes.read or version.published.")
@click.option("--decision", type=click.Choice([decision.value for decision in Decision]))
@click.option(
    "--collection", metavar="ID", help="Entries about this set or list; one that you see also by slug."
)
@click.option("--version", help="Who was given this version of the set that --collection names.")
@click.option("--object", "object_", metavar="ID", help="Who was given or changed this version or signal.")
@click.option("--since", metavar="MOMENT", help="RFC 3339, from this moment on.")
@click.option("--until", metavar="MOMENT", help="RFC 3339, before this moment.")
@click.option("--limit", default=_SHOWN, show_default=True, help="How many entries at most; 0: all.")
@click.pass_obj
def show(output: Output, /, *, limit: int, object_: str | None, **asked: str | None) -> None:
    """Show entries, oldest first. All filters that are given must hold."""
    filters = {name: value for name, value in {**asked, "object": object_}.items() if value is not None}
    with Server.from_env() as server:
        if "collection" in filters:
            filters["collection"] = _collection(server, filters["collection"])
        entries = server.items("/v1/audit/entries", **filters)
        found = list(islice(entries, limit or None))
        names = {row["id"]: row["name"] for row in server.items("/v1/members")}
        names |= _titles(server)
    output.show(found, table(None, COLUMNS, lines(found, names)))
    if limit and len(found) == limit:
        output.note("There may be more: narrow the filters, or raise --limit.")


def _collection(server: Server, name: str) -> str:
    if IDENT.fullmatch(name):
        return name
    for path in ("/v1/sets", "/v1/signal-lists"):
        for row in server.items(path):
            if row["slug"] == name:
                return str(row["id"])
    raise Failure("You see no set or list of this slug. Name it by id.", reason="not-found")


def _titles(server: Server) -> dict[str, str]:
    """What the sets and lists that this client sees are called; a role gives no sight of the others."""
    me: dict[str, Any] = server.get("/v1/me", params={"limit": 1000})
    return {row["id"]: row["title"] for row in me["collections"]}
