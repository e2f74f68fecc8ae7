"""What ids are called, and the ids of what is called by a name, as far as a client sees it."""

from typing import Any

from app import ids
from app.cli.client import Server
from app.cli.command import Failure


def collection(server: Server, name: str) -> str:
    """The id of a set or list that is named by id or slug."""
    if ids.FORM.fullmatch(name):
        return name
    for path in ("/v1/sets", "/v1/signal-lists"):
        for row in server.items(path):
            if row["slug"] == name:
                return str(row["id"])
    raise Failure("You see no set or list of this slug. Name it by id.", reason="not-found")


def member(server: Server, name: str) -> str:
    """The id of a member that is named by id or name."""
    if ids.FORM.fullmatch(name):
        return name
    for row in server.items("/v1/members"):
        if row["name"] == name:
            return str(row["id"])
    raise Failure("There is no member of this name. Name it by id.", reason="not-found")


def members(server: Server) -> dict[str, str]:
    """Names of members by id."""
    return {row["id"]: row["name"] for row in server.items("/v1/members")}


def titles(server: Server) -> dict[str, str]:
    """What the sets and lists that this client sees are called; a role gives no sight of the others."""
    me: dict[str, Any] = server.get("/v1/me", params={"limit": 1000})
    return {row["id"]: row["title"] for row in me["collections"]}
