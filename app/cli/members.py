"""`halyard member`: who belongs to the coalition."""

import json
from typing import Any

import click

from app import clock
from app.cli import local
from app.cli.command import Command, Failure, Noun, Output, table
from app.events import Subject
from app.members import attributes, members
from app.members.members import MemberView
from schemas.members import ATTRIBUTE, AttributeSchema, MemberSchema, NewMemberSchema
from schemas.vocabulary import MemberKind, Sector

_ATTRIBUTE_DAYS = 365


@click.group(cls=Noun)
def member() -> None:
    """Members of the coalition: enrol, suspend, offboard."""


@member.command("add", cls=Command)
@click.argument("name")
@click.option("--sector", required=True, type=click.Choice([sector.value for sector in Sector]))
@click.option("--served-by", "upstream", help="For a downstream: id or name of the member that serves it.")
@click.pass_obj
def add(output: Output, name: str, sector: str, upstream: str | None) -> None:
    """Enrol a member under its legal NAME."""
    with local.acting() as tx:
        asked: dict[str, Any] = {"name": name, "sector": sector}
        if upstream is not None:
            serving = local.find_member(tx, upstream)
            asked |= {"kind": MemberKind.DOWNSTREAM.value, "upstream": serving.id}
        body = NewMemberSchema().load(asked)
        made = members.add(
            tx, name=body["name"], sector=body["sector"], kind=MemberKind(body["kind"]),
            upstream_id=body.get("upstream"),
        )  # fmt: skip
    output.show(_form(made), f"{made.name} is enrolled: {made.id}")


@member.command("list", cls=Command)
@click.pass_obj
def show_all(output: Output) -> None:
    """Show every member with its standing and attributes."""
    body = local.looking(
        "member.listed",
        Subject(kind="member"),
        lambda tx: json.dumps([_form(found) for found in local.all_members(tx)]).encode(),
    )
    found = json.loads(body)
    rows = [
        (row["name"], row["sector"], row["kind"], row["status"], _attributes(row), row["id"]) for row in found
    ]
    output.show(found, table(None, ("name", "sector", "kind", "status", "attributes", "id"), rows))


@member.command("suspend", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.pass_obj
def suspend(output: Output, who: str) -> None:
    """Take a member out for a time: it sees nothing, and its tokens stop at once."""
    with local.acting(moves_policy=True) as tx:
        moved = members.suspend(tx, local.find_member(tx, who).id)
    output.show(_form(moved), f"{moved.name} is suspended.")


@member.command("reactivate", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.pass_obj
def reactivate(output: Output, who: str) -> None:
    """End a suspension."""
    with local.acting(moves_policy=True) as tx:
        moved = members.reactivate(tx, local.find_member(tx, who).id)
    output.show(_form(moved), f"{moved.name} is active again.")


@member.command("offboard", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.confirmation_option(prompt="This ends the membership for good. Go on?")
@click.pass_obj
def offboard(output: Output, who: str) -> None:
    """End a membership for good: groups are left, clients and users are disabled."""
    with local.acting(moves_policy=True) as tx:
        moved = members.offboard(tx, local.find_member(tx, who).id)
    output.show(_form(moved), f"{moved.name} is offboarded.")


@member.command("attribute", cls=Command)
@click.argument("who", metavar="MEMBER")
@click.argument("name")
@click.option("--until", help="RFC 3339 moment at which it ends; left out: in a year.")
@click.option("--end", is_flag=True, help="End it now instead.")
@click.pass_obj
def attribute(output: Output, who: str, name: str, until: str | None, *, end: bool) -> None:
    """Grant a member an attribute that groups may require, for example us_314b_registered."""
    ATTRIBUTE(name)
    with local.acting(moves_policy=True) as tx:
        found = local.find_member(tx, who)
        if end:
            attributes.end(tx, found.id, name)
            form = {"name": name, "holds": False}
        else:
            form = AttributeSchema().dump(attributes.grant(tx, found.id, name, _until(until, tx.now)))
    ending = f"until {form['valid_until']}" if form["holds"] else "no longer"
    output.show(form, f"{found.name} holds {name} {ending}.")


def _until(text: str | None, now: int) -> int:
    if text is None:
        return now + _ATTRIBUTE_DAYS * clock.DAY
    try:
        return clock.from_text(text)
    except ValueError:
        raise Failure(
            "--until must be an RFC 3339 moment with an offset, for example a final Z.", reason="until"
        ) from None


def _form(found: MemberView) -> dict[str, Any]:
    form: dict[str, Any] = MemberSchema().dump(found)
    return form


def _attributes(row: dict[str, Any]) -> str:
    held = [f"{one['name']} until {one['valid_until'][:10]}" for one in row["attributes"] if one["holds"]]
    return ", ".join(held)
