"""`halyard user`: the persons of a member, known by a handle, and how they come to sign in to the console."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from app.cli import local
from app.cli.command import Command, Failure, Noun, Output, table
from app.clock import to_text
from app.config import Config
from app.events import Subject
from app.members import users
from app.members.people import accounts, enrolling, provider, roles
from app.members.people.accounts import Account
from app.parties import User
from app.record import Tx
from schemas.members import NewUserSchema, UserSchema
from schemas.people import AccountSchema
from schemas.vocabulary import Role

_PAGE = 500
_ROLES = click.Choice([role.value for role in Role])


def _person(command: Callable[..., None]) -> Callable[..., None]:
    """The arguments by which a person is named."""
    return click.argument("who", metavar="MEMBER")(click.argument("handle")(command))


@contextmanager
def _found(who: str, handle: str, *, moves_policy: bool = False) -> Iterator[tuple[Tx, str, str]]:
    """A transaction about a person, with the ids of its member and of the person itself."""
    with local.acting(moves_policy=moves_policy) as tx:
        member_id = local.find_member(tx, who).id
        yield tx, member_id, find_user(tx, member_id, handle)


@click.group(cls=Noun)
def user() -> None:
    """Persons of a member: they act through their personal clients, or sign in to the console."""


@user.command("add", cls=Command)
@_person
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
    """Show the persons of MEMBER, with their roles and how they sign in."""

    def work(tx: Tx) -> bytes:
        member_id, found, after = local.find_member(tx, who).id, list[Account](), None
        while page := accounts.browse(tx, member_id, after=after, limit=_PAGE):
            found += page
            after = page[-1].user.id
        return json.dumps(AccountSchema(many=True).dump(found)).encode()

    found = json.loads(local.looking("user.listed", Subject(kind="user"), work))
    rows = [
        (row["handle"], ", ".join(row["roles"]) or "none", _standing(row), row["id"]) for row in found
    ]  # fmt: skip
    output.show(found, table(None, ("handle", "roles", "signing in", "id"), rows))


def _standing(row: dict[str, object]) -> str:
    if "disabled_at" in row:
        return f"disabled {row['disabled_at']}"
    ways = ["password and device"] if row["enrolled"] else []
    ways += ["provider"] if row["linked"] else []
    if "invited_until" in row:
        ways.append(f"invited until {row['invited_until']}")
    if row["locked"]:
        ways.append(f"LOCKED until {row.get('locked_until', 'you unlock it')}")
    return ", ".join(ways) or "not invited"


@user.command("invite", cls=Command)
@_person
@click.option("--role", "given", type=_ROLES, multiple=True, help="Give it this role too; repeat for more.")
@click.pass_obj
def invite(output: Output, who: str, handle: str, given: tuple[str, ...]) -> None:
    """Let a person of MEMBER set a password and a device, once; add it first where there is none.

    The code works for 24 hours. For somebody who has a password and a device it starts both anew, and ends
    all its sessions once it is used. Hand it over on a way on which it reaches that person only.
    """
    asked = NewUserSchema().load({"handle": handle})
    with local.acting(moves_policy=True) as tx:
        member = local.find_member(tx, who)
        known = {found.handle: found.id for found in _all(tx, member.id)}
        user_id = known.get(asked["handle"]) or users.add(tx, member.id, handle=asked["handle"]).id
        held = roles.held_by(tx.session, [user_id])[user_id]
        for role in {Role(word) for word in given} - held:
            roles.give(tx, member.id, user_id, role)
        made = enrolling.invite(tx, member.id, user_id)
    address = f"{Config.from_env().issuer.rstrip('/')}/console/invitation"
    form = {
        "id": user_id, "handle": handle, "code": made.code, "address": address,
        "expires_at": to_text(made.expires_at),
    }  # fmt: skip
    text = f"{handle} is invited until {form['expires_at']}.\nAddress  {address}\nCode     {made.code}"
    output.show(form, text)


@user.group("role", cls=Noun)
def role() -> None:
    """What a person may do in the console: auditor, analyst, operator."""


@role.command("add", cls=Command)
@_person
@click.argument("name", metavar="ROLE", type=_ROLES)
@click.pass_obj
def give_role(output: Output, who: str, handle: str, name: str) -> None:
    """Give a person a role: it holds from its next request on."""
    with _found(who, handle, moves_policy=True) as (tx, member_id, user_id):
        roles.give(tx, member_id, user_id, Role(name))
    output.show({"id": user_id, "role": name, "held": True}, f"{handle} is {name} now.")


@role.command("remove", cls=Command)
@_person
@click.argument("name", metavar="ROLE", type=_ROLES)
@click.pass_obj
def take_role(output: Output, who: str, handle: str, name: str) -> None:
    """Take a role from a person: it holds from its next request on."""
    with _found(who, handle, moves_policy=True) as (tx, member_id, user_id):
        roles.take(tx, member_id, user_id, Role(name))
    output.show({"id": user_id, "role": name, "held": False}, f"{handle} is {name} no longer.")


@user.command("unlock", cls=Command)
@_person
@click.pass_obj
def unlock(output: Output, who: str, handle: str) -> None:
    """End a lock that came of too many failures. Ask the person first whether they were its own."""
    with _found(who, handle) as (tx, member_id, user_id):
        accounts.unlock(tx, member_id, user_id)
    output.show({"id": user_id, "locked": False}, f"{handle} may sign in again.")


@user.command("link", cls=Command)
@_person
@click.argument("subject")
@click.pass_obj
def link(output: Output, who: str, handle: str, subject: str) -> None:
    """Let an account at the OpenID provider sign in as a person: SUBJECT is its `sub` there."""
    issuer = Config.from_env().oidc_issuer
    if not issuer:
        raise Failure(
            "Set HALYARD_OIDC_ISSUER first: an account is one of that provider.", reason="no-provider"
        )
    with _found(who, handle) as (tx, member_id, user_id):
        provider.link(tx, member_id, user_id, issuer=issuer, subject=subject)
    output.show({"id": user_id, "linked": True}, f"{handle} signs in through {issuer}.")


@user.command("unlink", cls=Command)
@_person
@click.pass_obj
def unlink(output: Output, who: str, handle: str) -> None:
    """Take that away, and end the person's sessions."""
    with _found(who, handle, moves_policy=True) as (tx, member_id, user_id):
        provider.unlink(tx, member_id, user_id)
    output.show({"id": user_id, "linked": False}, f"{handle} does not sign in through the provider.")


@user.command("disable", cls=Command)
@_person
@click.pass_obj
def disable(output: Output, who: str, handle: str) -> None:
    """End a person's access: tokens of its personal clients stop at once."""
    with _found(who, handle, moves_policy=True) as (tx, member_id, user_id):
        users.disable(tx, member_id, user_id)
    output.show({"id": user_id, "disabled": True}, f"{handle} is disabled.")


def _all(tx: Tx, member_id: str) -> Iterator[User]:
    """Every user of a member, by id."""
    after: str | None = None
    while page := users.browse(tx, member_id, after=after, limit=_PAGE):
        yield from page
        after = page[-1].id


def find_user(tx: Tx, member_id: str, text: str) -> str:
    """Id of a member's user, given by id or handle."""
    for found in _all(tx, member_id):
        if text in {found.id, found.handle}:
            return found.id
    raise Failure(
        "This member has no user of this handle or id. `halyard user list` shows them.", reason="not-found"
    )
