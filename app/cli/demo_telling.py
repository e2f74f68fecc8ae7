"""How the demo speaks: chapters, sentences and tables for people, one summary for programs."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from app.cli.command import console, table
from app.cli.demo_cast import Reader

_SAID = {
    "changed": "{noun}",
    "tombstoned": "{noun} gone",
    "gained": "gain of {noun}",
    "lost": "loss of {noun}",
}


@dataclass
class Telling:
    """Speaks to people unless it is told to be quiet; keeps facts for the summary either way."""

    quiet: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    _chapters: int = 0

    def chapter(self, title: str) -> None:
        self._chapters += 1
        if not self.quiet:
            console().print(f"\n[bold]{self._chapters}. {escape(title)}[/bold]")

    def say(self, text: str) -> None:
        if not self.quiet:
            console().print(f"   {escape(text)}", soft_wrap=True)

    def show(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        if not self.quiet:
            console().print()
            console().print(table(title, columns, rows))

    def took(self, reader: Reader, came: Counter[str]) -> None:
        """Say what a reader was given by one pull."""
        said = ", ".join(_counted(kind, count) for kind, count in came.items())
        now = ", ".join(_counted(f"{noun}.changed", count) for noun, count in reader.copy.counts().items())
        self.say(f"{reader.name} takes {said or 'nothing new'}; it holds {now or 'nothing'}.")
        self.facts.setdefault("taken", []).append({"member": reader.part.key, **came})


@dataclass(frozen=True)
class Thing:
    """A set or list of the story, by the name that its tables use."""

    id: str
    name: str


def who_sees_what(cast: Iterable[Reader], things: Sequence[Thing]) -> list[list[str]]:
    """One row per set or list, one column per member: the marking it stands under, and why it is seen.

    Asked of the server as each member: `GET /v1/me`.
    """
    columns = []
    for reader in cast:
        seen = reader.server.get("/v1/me", params={"limit": 1000})["collections"]
        columns.append({one["id"]: one for one in seen})
    rows = []
    for thing in things:
        cells = [_cell(column.get(thing.id)) for column in columns]
        label = next((column[thing.id]["marking"] for column in columns if thing.id in column), None)
        rows.append([thing.name, f"{label['tlp']} {label['pap']}" if label else "", *cells])
    return rows


def _counted(kind: str, count: int) -> str:
    noun, _, happened = kind.partition(".")
    plural = f"{noun}s" if count > 1 and noun != "sight" else noun
    return f"{count:,} {_SAID[happened].format(noun=plural)}"


def _cell(seen: dict[str, Any] | None) -> str:
    return f"yes: {seen['reason']}" if seen else "-"
