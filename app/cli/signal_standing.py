"""`halyard signals …`: who contributes, taking signals back, and opinions on them, over HTTP."""

from typing import Any

import click

from app import ids
from app.cli.client import Server
from app.cli.command import Command, Failure, Output, table
from schemas.signals import WITHDRAWAL_REASONS
from schemas.vocabulary import Contributors, Opinion, OpinionReason

_WHO = click.Choice([who.value for who in Contributors])
_REASON = click.Choice([reason.value for reason in WITHDRAWAL_REASONS])


@click.command("contributors", cls=Command)
@click.argument("name", metavar="LIST")
@click.argument("who", type=_WHO)
@click.pass_obj
def contributors(output: Output, name: str, who: str) -> None:
    """Say who may contribute to a list of yours: you alone, or every member that it addresses."""
    with Server.from_env() as server:
        path = f"/v1/signal-lists/{find_list(server, name)['id']}/contributors"
        made = server.put(path, {"contributors": who})
    output.show(made, f"{made['slug']} takes contributions of: {made['contributors']}.")


@click.command("withdraw", cls=Command)
@click.argument("name", metavar="LIST")
@click.argument("ids", metavar="ID…", nargs=-1, required=True)
@click.option("--reason", type=_REASON, required=True, help="Every recipient is told.")
@click.option("--whole", is_flag=True, help="As the list's owner: also what others contributed.")
@click.pass_obj
def withdraw(output: Output, name: str, ids: tuple[str, ...], reason: str, *, whole: bool) -> None:
    """Take your contributions to signals back. With the last one a signal ends: its value is destroyed."""
    with Server.from_env() as server:
        path = f"/v1/signal-lists/{find_list(server, name)['id']}/withdrawals"
        answer = server.post(path, {"ids": list(ids), "reason": reason, "whole": whole})
    said = f"{answer['withdrawn']} taken back."
    for entry_id, item in zip(ids, answer["items"], strict=True):
        if "hint" in item:
            said += f"\n  {entry_id}: {item['hint']} ({item['reason']})"
    output.show(answer, said)


@click.command("opinion", cls=Command)
@click.argument("entry_id", metavar="ID")
@click.argument("opinion", type=click.Choice([*(opinion.value for opinion in Opinion), "none"]))
@click.option("--reason", type=click.Choice([reason.value for reason in OpinionReason]), help="Why.")
@click.pass_obj
def opinion(output: Output, entry_id: str, opinion: str, reason: str | None) -> None:
    """Say what your member thinks of a signal; `none` takes its opinion back."""
    path = f"/v1/signals/{entry_id}/opinions"
    with Server.from_env() as server:
        if opinion == "none":
            server.call("DELETE", path)
            output.show({"opinion": None}, "Your opinion is taken back.")
            return
        made = server.put(path, {"opinion": opinion} | ({"reason": reason} if reason else {}))
    output.show(made, f"You {made['opinion'].replace('_', ' ')}.")


@click.command("opinions", cls=Command)
@click.argument("entry_id", metavar="ID")
@click.pass_obj
def opinions(output: Output, entry_id: str) -> None:
    """Show what members think of a signal, and how it stands by that."""
    with Server.from_env() as server:
        entry = server.get(f"/v1/signals/{entry_id}")
        found = list(server.items(f"/v1/signals/{entry_id}/opinions"))
        names = member_names(server)
    rows = [
        (
            names.get(row["member"], row["member"]), row["opinion"], row.get("reason", ""),
            "yes" if row["accredited"] else "", row["stated_at"],
        )
        for row in found
    ]  # fmt: skip
    columns = ("member", "opinion", "reason", "accredited", "stated at")
    value = {"standing": entry["standing"], "contributions": entry["contributions"], "opinions": found}
    output.show(value, table(f"The signal stands as: {entry['standing']}", columns, rows))


def member_names(server: Server) -> dict[str, str]:
    """Names of active members by id."""
    return {row["id"]: row["name"] for row in server.items("/v1/members")}


def find_list(server: Server, name: str) -> dict[str, Any]:
    """A list by id or slug, one's own first."""
    if ids.FORM.fullmatch(name):
        return {"id": name}
    member = server.get("/v1/me")["member"]["id"]
    found = [row for row in server.items("/v1/signal-lists") if row["slug"] == name]
    own = [row for row in found if row["owner"] == member]
    if len(own or found) == 1:
        return (own or found)[0]
    if found:
        raise Failure("Several members have a list of this slug. Name it by id.", reason="ambiguous")
    raise Failure(
        "You see no list of this id or slug. `halyard signals lists` shows them.", reason="not-found"
    )
