"""`halyard signals`: signal lists, publishing in bulk, syncing and looking up, over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.client import Server
from app.cli.command import Command, Failure, Noun, Output, console, table
from app.cli.local import IDENT
from app.cli.markings import marking_of, marking_options, shown
from app.cli.pulling import pull_into
from app.cli.pushing import push_from
from schemas.signals import LOOKUP_LIMIT
from schemas.vocabulary import SignalType

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_REASONS_SHOWN = 10
_TYPES = click.Choice([kind.value for kind in SignalType])


@click.group(cls=Noun)
def signals() -> None:
    """Hashed signals: push, pull, look up. A LIST is named by its id or slug."""


@signals.command("lists", cls=Command)
@click.pass_obj
def lists(output: Output) -> None:
    """Show the signal lists that you see, and under which marking."""
    with Server.from_env() as server:
        found = list(server.items("/v1/signal-lists"))
    rows = [
        (row["slug"], row["title"], " ".join(row["types"]), shown(row["marking"]), row["id"]) for row in found
    ]
    output.show(found, table(None, ("list", "title", "types", "marking", "id"), rows))


@signals.command("add-list", cls=Command)
@click.argument("slug")
@click.option("--title", required=True, help="What the list is about.")
@click.option(
    "--type", "types", multiple=True, required=True, type=_TYPES, help="A signal type that it takes."
)
@marking_options
@click.pass_obj
def add_list(
    output: Output, slug: str, title: str, types: tuple[str, ...], tlp: str | None, pap: str | None,
    audience: str | None, prohibit: tuple[str, ...],
) -> None:  # fmt: skip
    """Create a signal list of your own."""
    marking = marking_of(None, tlp, pap, audience, prohibit)
    with Server.from_env() as server:
        made = server.post(
            "/v1/signal-lists", {"slug": slug, "title": title, "types": list(types), "marking": marking}
        )
    output.show(made, f"{made['slug']} is created ({shown(made['marking'])}): {made['id']}")


@signals.command("push", cls=Command)
@click.argument("name", metavar="LIST")
@click.argument("file", type=_FILE)
@click.pass_obj
def push(output: Output, name: str, file: Path) -> None:
    """Contribute the signals in FILE: NDJSON, one signal per line. Pushing again is harmless.

    A line looks like {"type": "sha256", "value": "<64 hex digits>", "labels": ["example"]}. A push that was
    stopped goes on where it was when the same file is pushed again within a day; FILE.push is kept for that.
    """
    with Server.from_env() as server, _progress(output) as progress:
        task = progress.add_task(file.name, total=file.stat().st_size)

        def advanced(count: int | None) -> None:
            if count is None:
                progress.reset(task)
                return
            progress.advance(task, count)

        answer = push_from(server, _find(server, name)["id"], file, advanced)
    counts = [
        f"{answer[word]:,} {word.replace('_', ' ')}" for word in ("accepted", "already_yours", "refused")
    ]
    said = ", ".join(counts) + "."
    for one in answer["reasons"][:_REASONS_SHOWN]:
        said += f"\n  line {one['line']}: {one['hint']} ({one['reason']})"
    output.show(answer, said)


@signals.command("pull", cls=Command)
@click.option("--output", "-o", "file", required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--cursor", type=click.Path(dir_okay=False, path_type=Path), help="Left out: FILE.cursor")
@click.option("--collection", multiple=True, metavar="ID", help="Only this set or list.")
@click.pass_obj
def pull(output: Output, file: Path, cursor: Path | None, collection: tuple[str, ...]) -> None:
    """Append every change since the last pull to FILE, one JSON line each; begin with the present state.

    The cursor is kept beside it and moves with each page that is stored: an interrupted pull goes on where it
    stopped, and repeats nothing. Apply lines in order; a tombstone deletes; sight.lost drops its whole place.
    """
    with Server.from_env() as server, Progress(
        TextColumn("{task.completed:,} changes"), console=console(stderr=True), disable=output.as_json
    ) as progress:  # fmt: skip
        task = progress.add_task("pull", total=None)
        pulled = pull_into(
            server, file, cursor or file.with_name(file.name + ".cursor"), collection,
            lambda count: progress.advance(task, count),
        )  # fmt: skip
    said = f"{pulled['changes']:,} changes in {file}."
    if pulled["excluded"]:
        said += f" {len(pulled['excluded'])} collections prohibit your purpose and are left out."
    output.show(pulled, said)


@signals.command("lookup", cls=Command)
@click.argument("kind", metavar="TYPE", type=_TYPES)
@click.argument("values", nargs=-1)
@click.option("--file", type=_FILE, help="Values, one per line.")
@click.pass_obj
def lookup(output: Output, kind: str, values: tuple[str, ...], file: Path | None) -> None:
    """Match VALUES exactly against every signal that you may see."""
    wanted = [*values, *(file.read_text().split() if file else ())]
    if not wanted:
        raise Failure("Give at least one value, or --file.", reason="nothing_asked")
    results: list[dict[str, Any]] = []
    excluded: list[str] = []
    with Server.from_env() as server:
        for start in range(0, len(wanted), LOOKUP_LIMIT):
            asked = [{"type": kind, "value": value} for value in wanted[start : start + LOOKUP_LIMIT]]
            answer = server.post("/v1/lookup", {"signals": asked})
            results += answer["results"]
            excluded = answer["excluded"]
    rows = [row for value, result in zip(wanted, results, strict=True) for row in _matches(value, result)]
    columns = ("value", "list", "contributor", "standing", "marking", "labels")
    output.show({"results": results, "excluded": excluded}, table(None, columns, rows))


def _matches(value: str, result: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    short = value if len(value) <= 20 else f"{value[:16]}…"
    if "hint" in result:
        yield short, "", "", "", "", result["hint"]
    elif not result["matches"]:
        yield short, "no match", "", "", "", ""
    for match in result["matches"]:
        yield (
            short,
            match["list"]["title"],
            match["contributor"]["name"],
            match["standing"],
            shown(match["marking"]),
            " ".join(match["labels"]),
        )


def _progress(output: Output) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), disable=output.as_json)


def _find(server: Server, name: str) -> dict[str, Any]:
    """A list by id or slug, one's own first."""
    if IDENT.fullmatch(name):
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
