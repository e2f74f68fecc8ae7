"""What all commands share: `--json`, results as tables or JSON, refusals as one clear line."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from marshmallow import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from app.config import ConfigError
from app.errors import HalyardError

WIDE = 180
"""Columns of a table that is not shown on a terminal: nothing is cut."""

_SHOWN_ERRORS = 5


@dataclass
class Output:
    """Where results go: to standard output, as a table for people or as JSON for programs."""

    as_json: bool = False

    def show(self, value: Any, people: str | Table | None = None) -> None:
        """Print a result: `value` for programs, `people` for people (left out: nothing)."""
        if self.as_json:
            click.echo(json.dumps(value, indent=2, ensure_ascii=False))
        elif isinstance(people, Table):
            console().print(people)
        elif people is not None:
            click.echo(people)

    def note(self, text: str) -> None:
        """Say something to people beside the result, on standard error; programs are spared it."""
        if not self.as_json:
            click.echo(text, err=True)


def console(*, stderr: bool = False) -> Console:
    """A rich console that cuts nothing where the output is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else WIDE, highlight=False)


def table(title: str | None, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; cells are text, never markup, and None is an empty cell."""
    made = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else escape(str(cell)) for cell in row))
    return made


class Failure(click.ClickException):
    """A refusal. `problem` has the members of RFC 9457 as far as they are known."""

    def __init__(
        self, detail: str, *, reason: str | None = None, errors: Sequence[Mapping[str, Any]] = (), **more: Any
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.problem = {"detail": detail, "reason": reason, "errors": list(errors) or None, **more}
        self.problem = {name: value for name, value in self.problem.items() if value is not None}
        self.as_json = False

    def format_message(self) -> str:
        """One line: what to do, the reason code, and the first places where the input is wrong."""
        places = self.problem.get("errors", [])
        shown = [f"{place.get('pointer', '')}: {place.get('detail', '')}" for place in places[:_SHOWN_ERRORS]]
        if len(places) > _SHOWN_ERRORS:
            shown.append(f"and {len(places) - _SHOWN_ERRORS} more")
        code = f" ({self.reason})" if self.reason else ""
        return self.message + code + (" " + "; ".join(shown) if shown else "")

    def show(self, file: Any = None) -> None:
        if self.as_json:
            click.echo(json.dumps({"error": self.problem}, ensure_ascii=False), err=True)
        else:
            super().show(file)


def _remember(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
    ctx.ensure_object(Output).as_json |= value


class Command(click.Command):
    """A command that takes `--json`, and shows what is refused as one line instead of a trace."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        option = click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Print results for programs.",
        )
        self.params.append(option)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except Failure as failure:
            failure.as_json = ctx.ensure_object(Output).as_json
            raise

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except HalyardError as error:
            raise Failure(error.detail, reason=error.reason, errors=error.errors or ()) from error
        except ConfigError as error:
            raise Failure(str(error), reason="settings") from error
        except ValidationError as error:
            raise Failure("This cannot be taken.", reason="invalid", errors=_places(error)) from error
        except SQLAlchemyError as error:  # its own text would repeat statements and values
            raise Failure(
                "The database cannot be used as it is. Run `halyard db upgrade`, then `halyard doctor`.",
                reason=type(error).__name__,
            ) from error


class Noun(click.Group):
    """Commands about one noun."""

    command_class = Command
    group_class = type


def _places(error: ValidationError) -> list[dict[str, str]]:
    messages: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
    found = []
    for name, told in sorted(messages.items()):
        texts = told if isinstance(told, list) else [json.dumps(told)]
        found += [{"pointer": f"/{name}", "detail": str(text)} for text in texts]
    return found
