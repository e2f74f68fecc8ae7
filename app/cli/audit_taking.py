"""`halyard audit export`, `receipt` and `checkpoint`: what one takes out of the log to keep."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import click
import httpx

from app.cli.client import ATTEMPTS, Server
from app.cli.command import Command, Failure, Output
from app.transparency.errors import NotProven
from app.transparency.notes import KeyType
from app.verifier.served import CHECKPOINT, KEYS
from app.verifier.trust import Trust, parse_keys
from schemas.vocabulary import Decision

NDJSON = "application/x-ndjson"
CSV = "text/csv"
_MARKS = (b'{"reached":', b'{"closed":')
_NEW_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("export", cls=Command)
@click.option("--output", "file", required=True, type=_NEW_FILE, help="The file to write.")
@click.option("--csv", "as_csv", is_flag=True, help="A spreadsheet, which proves nothing.")
@click.option("--resume", is_flag=True, help="Go on behind what the file holds; nothing there: begin.")
@click.option("--proofs", is_flag=True, help="With filters, or as a member: each entry with its own proof.")
@click.option("--member", metavar="ID", help="Entries of this acting member.")
@click.option("--client", metavar="ID", help="Entries of this client.")
@click.option("--action", help="For example changes.read or version.published.")
@click.option("--decision", type=click.Choice([decision.value for decision in Decision]))
@click.option("--collection", metavar="ID", help="Entries about this set or list.")
@click.option("--version", help="Who was given this version of the set that --collection names.")
@click.option("--object", metavar="ID", help="Who was given or changed this version or signal.")
@click.option("--request", metavar="ID", help="What one request did.")
@click.option("--since", metavar="MOMENT", help="RFC 3339, from this moment on.")
@click.option("--until", metavar="MOMENT", help="RFC 3339, before this moment.")
@click.pass_obj
def export(
    output: Output, /, *, file: Path, as_csv: bool, resume: bool, proofs: bool, **asked: str | None
) -> None:
    """Take the log out into a file that `halyard audit verify` checks offline.

    All that the newest checkpoint covers. A stopped export goes on with --resume, and so does a finished one
    when the log has grown.
    """
    filters = {name: value for name, value in asked.items() if value is not None}
    if as_csv and (resume or proofs):
        raise Failure(
            "A spreadsheet holds no marks and no proofs: leave --resume and --proofs out.", reason="csv"
        )
    if file.exists() and not resume:
        raise Failure("The file exists. Go on behind it with --resume, or name another one.", reason="exists")
    wanted = filters | ({"proofs": "true"} if proofs else {})
    with Server.from_env() as server:
        told = _spreadsheet(server, wanted, file) if as_csv else _into(server, wanted, file)
    output.show(told, f"{told['entries']} entries, written to {file}.")


@click.command("receipt", cls=Command)
@click.argument("entry", metavar="ENTRY")
@click.option("--output", "file", type=_NEW_FILE, help="The file to write; else it is printed.")
@click.pass_obj
def receipt(output: Output, /, *, entry: str, file: Path | None) -> None:
    """Fetch the receipt of an exchange: ENTRY is the answer's Halyard-Audit-Entry."""
    with Server.from_env() as server:
        found = _receipt(server, entry)
    if file is None:
        output.show(json.loads(found), found.decode())
        return
    file.write_bytes(found)
    output.show({"file": str(file)}, f"Written to {file}. Check it: halyard audit verify --receipt {file}")


@click.command("checkpoint", cls=Command)
@click.option("--key", "keys", multiple=True, metavar="VKEY", help="The log's key; else the published ones.")
@click.pass_obj
def checkpoint(output: Output, /, *, keys: tuple[str, ...]) -> None:
    """Print the newest checkpoint, after its signature was checked."""
    with Server.from_env() as server:
        note = server.call("GET", CHECKPOINT).content
        published = server.get(KEYS)
    try:
        trust = Trust.pinned(parse_keys(keys, KeyType.NOTE)) if keys else Trust.published(published)
        opened = trust.open(note)
    except NotProven as error:
        raise Failure(str(error), reason="not_proven") from error
    output.show({**opened.to_wire(), "note": note.decode()}, note.decode().rstrip("\n"))
    if not keys:
        output.note("Verified with the keys that the server itself publishes. Pin one with --key.")


def _receipt(server: Server, entry: str) -> bytes:
    """The receipt, waiting for the checkpoint that covers the entry."""
    for _ in range(ATTEMPTS):
        try:
            return server.call("GET", f"/v1/audit/entries/{entry}/receipt").content
        except Failure as failure:
            if failure.reason != "beyond_checkpoint":
                raise
        time.sleep(1)
    return server.call("GET", f"/v1/audit/entries/{entry}/receipt").content


def _into(server: Server, asked: Mapping[str, str], file: Path) -> dict[str, Any]:
    """Append what follows behind the last mark of the file, and cut off what else stands there."""
    after, size = _held(file)
    entries, last = 0, b""
    with file.open("r+b" if file.exists() else "w+b") as opened:
        opened.truncate(size)
        opened.seek(size)
        for line in _lines(server, asked, after, NDJSON):
            opened.write(line)
            entries += line.startswith((b'{"index":', b'{"entry":'))
            if line.startswith(_MARKS):
                _settle(opened)
                last = line
    if not last.startswith(_MARKS[1]):
        raise Failure("The export broke off. Go on with --resume.", reason="cut")
    return {"entries": entries, "file": str(file)}


def _held(file: Path) -> tuple[str | None, int]:
    """The cursor of the last mark in the file, and where it ends; what stands behind it is fetched again."""
    after, size = None, 0
    if not file.exists():
        return after, size
    at = 0
    with file.open("rb") as opened:
        for line in opened:
            at += len(line)
            if line.startswith(_MARKS) and line.endswith(b"\n"):
                try:
                    after, size = next(iter(json.loads(line).values()))["next"], at
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise Failure("The file is no export, or was damaged.", reason="unreadable") from None
    if at and after is None:
        with file.open("rb") as opened:
            if not opened.read(10).startswith(b'{"export":'[:at]):
                raise Failure("The file is no export: name another one.", reason="unreadable")
    return after, size


def _spreadsheet(server: Server, asked: Mapping[str, str], file: Path) -> dict[str, Any]:
    rows, last = 0, b""
    with file.open("wb") as opened:
        for line in _lines(server, asked, None, CSV):
            opened.write(line)
            rows += line.startswith(b"entry,")
            last = line
        _settle(opened)
    if not last.startswith(b"closed,"):
        raise Failure("The export broke off, and the file is short. Begin again.", reason="cut")
    return {"entries": rows, "file": str(file)}


def _lines(server: Server, asked: Mapping[str, str], after: str | None, form: str) -> Iterator[bytes]:
    """Whole lines as they come; a stream that breaks off just ends."""
    sought = {**asked, **({"after": after} if after else {})}
    headers = {"Accept": form, "Accept-Encoding": "gzip"}
    answer = server.call("GET", "/v1/audit/export", params=sought, headers=headers, stream=True)
    rest = b""
    try:
        for block in answer.iter_bytes():
            *whole, rest = (rest + block).split(b"\n")
            yield from (line + b"\n" for line in whole)
    except (httpx.TransportError, httpx.DecodingError):
        return
    finally:
        answer.close()


def _settle(opened: BinaryIO) -> None:
    opened.flush()
    os.fsync(opened.fileno())
