"""`halyard group`: named members who share under accepted terms."""

import json
from pathlib import Path
from typing import Any

import click

from app.cli import local
from app.cli.command import Command, Noun, Output, table
from app.events import Subject
from app.members import groups, membership
from app.members.groups import GroupView
from app.record import Tx
from schemas.groups import GroupSchema, NewGroupSchema


@click.group(cls=Noun)
def group() -> None:
    """Sharing groups: create one, let members in, take them out."""


@group.command("add", cls=Command)
@click.argument("name")
@click.option("--owner", required=True, help="Id or name of the member that owns it.")
@click.option("--terms", help="What every member accepts, as text.")
@click.option(
    "--terms-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The same, from a file.",
)
@click.option("--requires", multiple=True, metavar="ATTRIBUTE", help="An attribute that members must hold.")
@click.option("--allows-downstream", is_flag=True, help="Members may release material to those they serve.")
@click.option("--requires-bound-tokens", is_flag=True, help="Clients of its members bind their tokens.")
@click.pass_obj
def add(
    output: Output, name: str, owner: str, terms: str | None, terms_file: Path | None,
    requires: tuple[str, ...], *, allows_downstream: bool, requires_bound_tokens: bool,
) -> None:  # fmt: skip
    """Create a group; its owner is in it from the start."""
    if (terms is None) == (terms_file is None):
        raise click.UsageError("Give the terms once: --terms TEXT or --terms-file FILE.")
    text = terms_file.read_text() if terms_file is not None else terms
    body = NewGroupSchema().load(
        {
            "name": name, "terms": text, "requires": list(requires), "allows_downstream": allows_downstream,
            "requires_bound_tokens": requires_bound_tokens,
        }
    )  # fmt: skip
    with local.acting(moves_policy=requires_bound_tokens) as tx:
        made = groups.create(tx, **body, owner_id=local.find_member(tx, owner).id)
    output.show(_form(made), f"{made.name} is created: {made.id}")


@group.command("bind", cls=Command)
@click.argument("name", metavar="GROUP")
@click.option("--on/--off", "demanded", default=True, show_default=True, help="Demand it, or no longer.")
@click.pass_obj
def bind(output: Output, name: str, *, demanded: bool) -> None:
    """Demand that clients of the group's members bind their tokens; unbound ones stop at once."""
    with local.acting(moves_policy=True) as tx:
        found = local.find_group(tx, name)
        changed = groups.change(tx, found.id, requires_bound_tokens=demanded)
    said = "demands bound tokens" if demanded else "no longer demands bound tokens"
    output.show(_form(changed), f"{changed.name} {said}.")


@group.command("list", cls=Command)
@click.pass_obj
def show_all(output: Output) -> None:
    """Show every group with its members."""
    body = local.looking(
        "group.listed",
        Subject(kind="group"),
        lambda tx: json.dumps([_form(found) for found in local.all_groups(tx)]).encode(),
    )
    found = json.loads(body)
    rows = [
        (row["name"], row["terms_version"], ", ".join(row["requires"]), _members(row), row["id"])
        for row in found
    ]
    output.show(found, table(None, ("name", "terms", "requires", "members", "id"), rows))


@group.command("join", cls=Command)
@click.argument("name", metavar="GROUP")
@click.argument("who", metavar="MEMBER")
@click.option(
    "--accepted-terms", type=int, metavar="VERSION",
    help="You hold the member's written acceptance of this version of the terms.",
)  # fmt: skip
@click.pass_obj
def join(output: Output, name: str, who: str, accepted_terms: int | None) -> None:
    """Ask a member in; with its acceptance at hand, let it in.

    Without --accepted-terms the member is invited, accepts the terms itself over the API, and the same
    command, run again, lets it in.
    """
    with local.acting(moves_policy=True) as tx:
        found, joining = local.find_group(tx, name), local.find_member(tx, who)
        standing = _standing(found, joining.id)
        if standing is None:
            found = membership.invite(tx, found.id, joining.id)
            standing = "invited"
        if standing == "invited" and accepted_terms is not None:
            found = membership.accept(tx, found.id, accepted_terms, member_id=joining.id)
            standing = _standing(found, joining.id)
        if standing == "accepted":
            found = membership.let_in(tx, found.id, joining.id)
        standing = _standing(found, joining.id)
    said = {"invited": "is invited and may read the terms", "active": "is in the group"}
    output.show(_form(found), f"{joining.name} {said[standing or 'invited']}.")


@group.command("leave", cls=Command)
@click.argument("name", metavar="GROUP")
@click.argument("who", metavar="MEMBER")
@click.pass_obj
def leave(output: Output, name: str, who: str) -> None:
    """Take a member out: it loses sight of the group's material at once."""
    with local.acting(moves_policy=True) as tx:
        found, leaving = local.find_group(tx, name), local.find_member(tx, who)
        membership.leave(tx, found.id, leaving.id)
        left = _reread(tx, found.id)
    output.show(_form(left), f"{leaving.name} is no longer in {left.name}.")


def _reread(tx: Tx, group_id: str) -> GroupView:
    tx.session.flush()
    return groups.read(tx, group_id)


def _form(found: GroupView) -> dict[str, Any]:
    form: dict[str, Any] = GroupSchema().dump(found)
    form.pop("holds", None)  # the operator at the machine is no member
    return form


def _standing(found: GroupView, member_id: str) -> str | None:
    return next((one.standing.value for one in found.members or () if one.member == member_id), None)


def _members(row: dict[str, Any]) -> str:
    shown = []
    for one in row["members"]:
        standing = "" if one["standing"] == "active" else f" ({one['standing']})"
        shown.append(one["name"] + standing + ("" if one["holds"] else " (lacks an attribute)"))
    return ", ".join(shown)
