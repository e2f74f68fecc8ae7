"""`halyard witness`: a server that vouches for others' audit logs, kept in a folder of its own.

It needs no database and none of the server's settings: whoever hosts it is not the one who hosts the log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from flask import Flask
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

from app import logs
from app.cli.command import Command, Failure, Noun, Output, table
from app.cli.server_log import ServerLog
from app.transparency.errors import BadNote
from app.transparency.notes import VerifierKey
from app.witness.files import Damaged
from app.witness.keeper import Exists, Keeper
from app.witness.server import create_app
from app.witness.status import status_of

THREADS = 4
TIMEOUT_SECONDS = 30
REQUEST_LINE_BYTES = 1_000

_FOLDER = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("witness"),
    show_default=True,
    help="Where the witness keeps its key and what it has seen.",
)


@click.group(cls=Noun)
def witness() -> None:
    """Vouch for the audit logs of others: cosign what only grows, refuse a fork or a rollback, and say so."""


@witness.command("init", cls=Command)
@click.argument("name")
@_FOLDER
@click.pass_obj
def init(output: Output, name: str, folder: Path) -> None:
    """Make a witness called NAME, for example witness.example.org, with a key of its own.

    Prints its verifier key, which the operators of the logs need. Never copy or restore the folder: a witness
    that forgot what it has seen must begin anew, with a new key.
    """
    try:
        keeper = Keeper.make(folder, name)
    except Exists:
        raise Failure("There is a witness in this folder. Choose another one.", reason="exists") from None
    except ValueError:
        raise Failure("A name has no spaces, no plus and no control characters.", reason="name") from None
    output.show({"name": name, "vkey": keeper.vkey, "folder": str(folder)}, keeper.vkey)


@witness.command("follow", cls=Command)
@click.argument("origin")
@click.argument("vkeys", nargs=-1, required=True)
@_FOLDER
@click.pass_obj
def follow(output: Output, origin: str, vkeys: tuple[str, ...], folder: Path) -> None:
    """Follow the log ORIGIN, signed with any of VKEYS; again with others when its keys are rotated.

    Both are in `/.well-known/halyard` of the log's server, below `audit_log`. What was seen of the log stays.
    """
    with _opened(folder) as keeper:
        try:
            followed = keeper.follow(origin, [VerifierKey.parse(vkey) for vkey in vkeys])
        except BadNote as error:
            raise Failure(str(error), reason="vkey") from error
        except ValueError as error:
            raise Failure(
                "Give the origin as it stands in checkpoints, and keys that bear it as their name.",
                reason="origin",
            ) from error
    shown = {"origin": followed.origin, "keys": [key.encode() for key in followed.keys]}
    output.show(shown, f"Follows {origin}, with {len(followed.keys)} keys.")


@witness.command("status", cls=Command)
@_FOLDER
@click.pass_obj
@click.pass_context
def status(ctx: click.Context, output: Output, folder: Path) -> None:
    """Show what is held of each log and what was refused; exit code 1 while proof of a fork is held."""
    with _opened(folder) as keeper:
        found = status_of(keeper)
    rows = [
        (
            one["origin"],
            f"{one['size']:,}",
            one["cosigned_at"] or "never",
            "FORK" if one["fork"] else ", ".join(each["verdict"] for each in one["refused"]),
        )
        for one in found["logs"]
    ]
    output.note(found["vkey"])
    output.show(found, table(None, ("log", "size", "since", "refused"), rows))
    if found["fork"]:
        output.note(
            f"A log has signed two histories. Both notes are in {folder / 'evidence'}: keep a copy, and tell "
            "the members of the coalition."
        )
    ctx.exit(1 if found["fork"] else 0)


@witness.command("serve", cls=Command)
@click.option("--listen", default="127.0.0.1:8450", show_default=True, help="Address to listen on.")
@click.option("--log-level", default="INFO", show_default=True, help="DEBUG, INFO, WARNING, ERROR")
@_FOLDER
def serve(listen: str, log_level: str, folder: Path) -> None:
    """Run the witness; SIGTERM stops it in order. Put a proxy that ends TLS in front of it."""
    with _opened(folder) as keeper:
        status_of(keeper)  # a state that cannot be read is found before anybody asks
        logs.configure(log_level)
        WitnessServer(keeper, listen, log_level).run()


class WitnessServer(BaseApplication):  # type: ignore[misc]
    """gunicorn with one process and a few threads: submissions are short, and a log sends few of them."""

    def __init__(self, keeper: Keeper, listen: str, log_level: str) -> None:
        self._keeper = keeper
        self._listen = listen
        self._log_level = log_level
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": self._listen,
            "workers": 1,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": TIMEOUT_SECONDS,
            "limit_request_line": REQUEST_LINE_BYTES,
            "control_socket_disable": True,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": self._log_level.lower(),
            "logger_class": ServerLog,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """Assemble the app, in the process that will serve it."""
        return create_app(self._keeper)


@contextmanager
def _opened(folder: Path) -> Iterator[Keeper]:
    try:
        yield Keeper(folder)
    except Damaged as error:
        raise Failure(
            f"{error}. `halyard witness init` makes a witness; one whose files were damaged must begin anew.",
            reason="damaged",
        ) from error
