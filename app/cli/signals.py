"""`halyard signals`: signal lists, publishing in bulk, syncing and looking up, over HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.client import Server
from app.cli.command import Command, Failure, Noun, Output, console, table
from app.cli.markings import marking_of, marking_options, shown
from app.cli.pulling import pull_into
from app.cli.pushing import push_from
from app.cli.signal_standing import (
    contributors,
    find_list,
    member_names,
    opinion,
    opinions,
    withdraw,
)
from schemas.signals import ERASURE_LIMIT, LOOKUP_LIMIT
from schemas.vocabulary import SignalType

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_REASONS_SHOWN = 10
_TYPES = click.Choice([kind.value for kind in SignalType])


@click.group(cls=Noun)
def signals() -> None:
    """Hashed signals: push, pull, look up. A LIST is named by its id or slug."""


for _command in (contributors, withdraw, opinion, opinions):
    signals.add_command(_command)


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
@click.option("--lookup-only", is_flag=True, help="Matched against, never handed out. It stays so.")
@marking_options
@click.pass_obj
def add_list(
    output: Output, /, tlp: str | None, pap: str | None, audience: str | None, prohibit: tuple[str, ...],
    **new: Any,
) -> None:  # fmt: skip
    """Create a signal list of your own."""
    marking = marking_of(None, tlp, pap, audience, prohibit)
    with Server.from_env() as server:
        made = server.post("/v1/signal-lists", {**new, "marking": marking})
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

        answer = push_from(server, find_list(server, name)["id"], file, advanced)
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
        names = member_names(server) if any(result["matches"] for result in results) else {}
    rows = [
        row for value, result in zip(wanted, results, strict=True) for row in _matches(value, result, names)
    ]
    columns = ("value", "list", "contributors", "standing", "marking", "labels")
    output.show({"results": results, "excluded": excluded}, table(None, columns, rows))


@signals.command("erase", cls=Command)
@click.argument("name", metavar="LIST")
@click.argument("file", type=_FILE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(output: Output, name: str, file: Path, *, yes: bool) -> None:
    """Destroy the values that FILE names in a list of your own, for good: NDJSON, one per line.

    A line is {"id": "<id of an entry>"}, or type and value as in a lookup. Every recipient is told, and the
    list never takes the value again. Values stand in a file because a shell keeps what is typed: delete the
    file afterwards.
    """
    items = [_item(number, line) for number, line in enumerate(file.read_bytes().splitlines(), 1) if line]
    if not yes:
        click.confirm(f"Erase {len(items)} values for good?", abort=True, err=True)
    answers: list[dict[str, Any]] = []
    with Server.from_env() as server:
        path = f"/v1/signal-lists/{find_list(server, name)['id']}/erasures"
        for start in range(0, len(items), ERASURE_LIMIT):
            answers += server.post(path, {"items": items[start : start + ERASURE_LIMIT]})["items"]
    refused = [(n, answer) for n, answer in enumerate(answers, 1) if "reason" in answer]
    said = f"{len(answers) - len(refused):,} erased, {len(refused):,} refused."
    for number, answer in refused[:_REASONS_SHOWN]:
        said += f"\n  item {number}: {answer['hint']} ({answer['reason']})"
    output.show({"items": answers}, said)


def _item(number: int, line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        raise Failure(f"Line {number} is not JSON. Nothing was erased.", reason="not_json") from None


def _matches(value: str, result: dict[str, Any], names: dict[str, str]) -> Iterator[tuple[str, ...]]:
    short = value if len(value) <= 20 else f"{value[:16]}…"
    if "hint" in result:
        yield short, "", "", "", "", result["hint"]
    elif not result["matches"]:
        yield short, "no match", "", "", "", ""
    for match in result["matches"]:
        yield (
            short,
            match["list"]["title"],
            ", ".join(names.get(one["member"], one["member"]) for one in match["contributions"]),
            match["standing"],
            shown(match["marking"]),
            " ".join(match["labels"]),
        )


def _progress(output: Output) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console(stderr=True), disable=output.as_json)
