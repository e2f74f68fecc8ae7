"""`halyard audit recipients`, `outstanding`, `volume`, `matrix` and `request`: questions about the log."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import click

from app.cli import names
from app.cli.client import Server
from app.cli.command import Command, Failure, Output, table
from app.cli.trail import COLUMNS, lines

Work = TypeVar("Work", bound=Callable[..., Any])

_THING = (
    click.option("--collection", metavar="ID", help="The set; one that you see also by slug."),
    click.option("--version", help="Its version."),
    click.option("--object", "object_", metavar="ID", help="A version or signal by its id instead."),
)
_PERIOD = (
    click.option("--since", metavar="MOMENT", help="RFC 3339, from its day on; else 28 days."),
    click.option("--until", metavar="MOMENT", help="RFC 3339, days that begin before it; else until now."),
)
_TAKERS = ("member", "times", "first", "last", "how", "label", "purpose")


def _options(*options: Callable[[Work], Work]) -> Callable[[Work], Work]:
    def add(command: Work) -> Work:
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command("recipients", cls=Command)
@_options(*_THING)
@click.pass_obj
def recipients(output: Output, /, **asked: str | None) -> None:
    """Show who was given a version or signal, alone or on a page: when, how often, under which label."""
    with Server.from_env() as server:
        found = list(server.items("/v1/audit/recipients", **_thing(server, asked)))
        called = names.members(server)
    output.show(found, table(None, _TAKERS, _takers(found, called)))


@click.command("outstanding", cls=Command)
@_options(*_THING)
@click.pass_obj
def outstanding(output: Output, /, **asked: str | None) -> None:
    """Show who was given a version or signal and was not handed its tombstone since."""
    with Server.from_env() as server:
        query = _thing(server, asked)
        first = server.get("/v1/audit/outstanding", params={**query, "limit": 1})
        found = list(server.items("/v1/audit/outstanding", **query))
        called = names.members(server)
    told = {name: first[name] for name in ("retracted_at", "recipients", "told")}
    output.show({**told, "items": found}, table(None, _TAKERS, _takers(found, called)))
    if told["retracted_at"] is None:
        output.note("Nothing says that it was taken back.")
    else:
        output.note(f"{told['told']} of {told['recipients']} members that took it were handed its tombstone.")


@click.command("volume", cls=Command)
@click.option("--member", metavar="MEMBER", help="What this member did, by id or name; else everybody.")
@_options(*_PERIOD)
@click.pass_obj
def volume(output: Output, /, **asked: str | None) -> None:
    """Show how much was done by day, and which days are unusual against a member's own past."""
    query = _given(asked)
    with Server.from_env() as server:
        if "member" in query:
            query["member"] = names.member(server, query["member"])
        found = server.get("/v1/audit/volume", params=query)
    columns = ("day", "action", "decided", "entries", "items", "unusual")
    output.show(found, table(None, columns, _days(found)))


@click.command("matrix", cls=Command)
@_options(*_PERIOD)
@click.pass_obj
def matrix(output: Output, /, **asked: str | None) -> None:
    """Show which member did how much with whose data."""
    with Server.from_env() as server:
        found = server.get("/v1/audit/matrix", params=_given(asked))["items"]
        called = names.members(server)
    rows = (
        (
            _called(row["member"], called),
            _called(row["owner"], called),
            row["entries"],
            row["items"],
            row["refused"],
        )
        for row in found
    )
    output.show(found, table(None, ("member", "owner", "entries", "items", "refused"), rows))


@click.command("request", cls=Command)
@click.argument("request")
@click.pass_obj
def request(output: Output, /, request: str) -> None:
    """Show what one request did, by its id: the header Halyard-Request-Id of the answer."""
    with Server.from_env() as server:
        found = list(server.items("/v1/audit/entries", request=request))
        called = names.members(server) | names.titles(server)
    output.show(found, table(None, COLUMNS, lines(found, called)))


COMMANDS = (recipients, outstanding, volume, matrix, request)


def _thing(server: Server, asked: Mapping[str, str | None]) -> dict[str, str]:
    query = _given({**asked, "object": asked["object_"], "object_": None})
    if "collection" in query:
        query["collection"] = names.collection(server, query["collection"])
    if not query:
        raise Failure("Name --collection and --version, or --object.", reason="invalid")
    return query


def _given(asked: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value is not None}


def _called(ident: str | None, called: Mapping[str, str]) -> str:
    return "nobody known" if ident is None else called.get(ident, f"{ident[:8]}…")


def _takers(found: Iterable[Mapping[str, Any]], called: Mapping[str, str]) -> Iterator[tuple[object, ...]]:
    for one in found:
        ways = one["ways"]
        yield (
            _called(one["member"], called), one["times"], _moment(one["first_at"]), _moment(one["last_at"]),
            _several(way["action"] for way in ways),
            _several((way["tlp"] or "").removeprefix("TLP:") for way in ways),
            _several(way["purpose"] or "" for way in ways),
        )  # fmt: skip


def _days(found: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    unusual: dict[str, list[str]] = {}
    for one in found["unusual"]:
        said = f"{one['measure']} {one['value']:,}, usual up to {one['limit']:,.0f}"
        unusual.setdefault(one["day"], []).append(said)
    for day in found["days"]:
        notes = "; ".join(unusual.get(day["day"], ()))
        for count in day["counts"]:
            items = count.get("items", count.get("band"))
            yield day["day"], count["action"], count["decision"], count["entries"], items, notes
            notes = ""


def _several(words: Iterable[str]) -> str:
    return ", ".join(sorted({word for word in words if word}))


def _moment(text: str) -> str:
    return text.replace("T", " ")[:19]
