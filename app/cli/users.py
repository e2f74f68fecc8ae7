"""`halyard user`: the persons of a member, known by a handle."""

import json

import click

from app.cli import local
from app.cli.command import Command, Failure, Noun, Output, table
from app.events import Subject
from app.members import users
from app.record import Tx
from schemas.members import NewUserSchema, UserSchema

_PAGE = 500


@click.group(cls=Noun)
def user() -> None:
    """Persons of a member: what needs a person is done through their personal clients."""


@user.command("add", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.argument("handle")
@click.pass_obj
def add(output: Output, who: str, handle: str) -> None:
    """Add a person of MEMBER under a HANDLE: no name, no address."""
    asked = NewUserSchema().load({"handle": handle})
    with local.acting() as tx:
        made = users.add(tx, local.find_member(tx, who).id, handle=asked["handle"])
    output.show(UserSchema().dump(made), f"{made.handle} is added: {made.id}")


@user.command("list", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.pass_obj
def show_all(output: Output, who: str) -> None:
    """Show the persons of MEMBER."""

    def work(tx: Tx) -> bytes:
        found = users.browse(tx, local.find_member(tx, who).id, limit=_PAGE)
        return json.dumps(UserSchema(many=True).dump(found)).encode()

    found = json.loads(local.looking("user.listed", Subject(kind="user"), work))
    rows = [(row["handle"], row.get("disabled_at", "active"), row["id"]) for row in found]
    output.show(found, table(None, ("handle", "disabled", "id"), rows))


@user.command("disable", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.argument("handle")
@click.pass_obj
def disable(output: Output, who: str, handle: str) -> None:
    """End a person's access: tokens of its personal clients stop at once."""
    with local.acting(moves_policy=True) as tx:
        member_id = local.find_member(tx, who).id
        user_id = find_user(tx, member_id, handle)
        users.disable(tx, member_id, user_id)
    output.show({"id": user_id, "disabled": True}, f"{handle} is disabled.")


def find_user(tx: Tx, member_id: str, text: str) -> str:
    """Id of a member's user, given by id or handle."""
    for found in users.browse(tx, member_id, limit=_PAGE):
        if text in {found.id, found.handle}:
            return found.id
    raise Failure(
        "This member has no user of this handle or id. `halyard user list` shows them.", reason="not-found"
    )
