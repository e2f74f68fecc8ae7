"""`halyard audit verify`: whether a log is what it was, from files, receipts, or what a server publishes."""

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click
import httpx

from app.cli.client import Server
from app.cli.command import Command, Failure, Output
from app.cli.credentials import LOOPBACK, Credentials, require_safe
from app.transparency.errors import BadNote, NotProven
from app.transparency.notes import KeyType, VerifierKey
from app.verifier.exports import Exports, origins_of
from app.verifier.findings import SPLIT, Fault, Finding, Report, span
from app.verifier.growth import Growth
from app.verifier.receipts import check_receipt, origin_of
from app.verifier.served import KEYS, Fetch, Unanswered, check_served
from app.verifier.state import Kept, State, alone
from app.verifier.trust import Trust, parse_keys

_SHOWN: Final = 40
_ANSWER_BYTES: Final = 4_000_000
_SECONDS = httpx.Timeout(60.0, connect=5.0)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be checked, and whom to believe."""

    files: tuple[Path, ...]
    receipts: tuple[Path, ...]
    server: str | None
    keys: tuple[VerifierKey, ...]
    document: Path | None
    witnesses: tuple[VerifierKey, ...]
    quorum: int


@click.command("verify", cls=Command)
@click.argument("files", nargs=-1, type=_FILE)
@click.option("--receipt", "receipts", multiple=True, type=_FILE, help="A receipt to be checked. Repeatable.")
@click.option("--server", metavar="URL", help="Check what a server publishes, and that its log only grew.")
@click.option("--key", "keys", multiple=True, metavar="VKEY", help="The log's key: no other is believed.")
@click.option(
    "--keys", "document", type=_FILE, help="The server's /.well-known/halyard, from a way that you trust."
)
@click.option("--witness", "witnesses", multiple=True, metavar="VKEY", help="A witness that must cosign.")
@click.option("--quorum", type=click.IntRange(min=1), help="How many of the witnesses must; else all.")
@click.option(
    "--state", type=click.Path(dir_okay=False, path_type=Path),
    help="Where checkpoints are kept that were seen. Else in your data folder.",
)  # fmt: skip
@click.pass_context
def verify(  # noqa: PLR0913 - one argument per option
    ctx: click.Context,
    /,
    *,
    files: tuple[Path, ...],
    receipts: tuple[Path, ...],
    server: str | None,
    keys: tuple[str, ...],
    document: Path | None,
    witnesses: tuple[str, ...],
    quorum: int | None,
    state: Path | None,
) -> None:
    """Check exports and archives (FILES), receipts, or a server, without its database.

    What was seen is kept, and what is seen later must go on from it. With --server, growth is proven to the
    client that HALYARD_URL and HALYARD_CLIENT_ID name, if it is one of that server.

    Exit code: 0 proven, 1 not proven, 2 the command was not understood.
    """
    output: Output = ctx.obj
    if not (files or receipts or server):
        raise click.UsageError("Name FILES, --receipt FILE or --server URL.")
    if quorum and quorum > len(witnesses):
        raise click.UsageError("--quorum is more than the witnesses that were named.")
    try:
        asked = Asked(
            files=files, receipts=receipts, server=server.rstrip("/") if server else None,
            keys=tuple(parse_keys(keys, KeyType.NOTE)), document=document,
            witnesses=tuple(parse_keys(witnesses, KeyType.COSIGNATURE)), quorum=quorum or len(witnesses),
        )  # fmt: skip
    except BadNote as error:
        raise click.UsageError(f"--key or --witness: {error}") from error
    path = state or _default_state()
    try:
        with alone(path):
            kept = State.load(path)
            report, trust = _check(asked, kept)
            kept.save(path)
    except NotProven as error:
        raise Failure(str(error), reason="not_proven") from error
    _show(output, report, trust, path)
    ctx.exit(0 if report.holds else 1)


def _check(asked: Asked, state: State) -> tuple[Report, Trust]:
    """Check all that was asked for; what may be kept of it stands in the state afterwards."""
    report = Report()
    stranger = _as_stranger(asked.server) if asked.server else None
    trust, log = _trusted(asked, stranger, state)
    first = not log.lives
    report.notes.extend(trust.notes)
    growth = Growth(trust)
    kept = log.opened(trust)
    for one in kept:
        report.add(growth.know(one))
    Exports(trust, growth, report).check(asked.files)
    for path in asked.receipts:
        check_receipt(path, trust, growth, report)
    if asked.server and stranger:
        report.add(_unnamed(origin) for origin in log.hidden(trust))
        with ExitStack() as closing:
            check_served(stranger, _as_member(asked.server, closing), trust, growth, report)
    report.add(growth.forks())
    report.compared = {one.size for one in kept if (one.life, one.size) in growth.compared}
    if not asked.server:
        report.notes.extend(growth.lost())
    missed = sorted({one.size for one in kept} - report.compared)
    if missed and not asked.server:
        sizes = ", ".join(str(size) for size in missed)
        report.notes.append(
            f"Not compared with checkpoints that you kept, of size {sizes}: these files do not show it."
            " Add --server, or an export that reaches them."
        )
    if not any(finding.fault in SPLIT for finding in report.findings):
        log.keep(trust, growth.known, proven=report.holds)
        if asked.server and report.holds and (first or asked.keys or asked.document):
            log.servers = list(dict.fromkeys((*log.servers, asked.server)))
        if log not in state.logs and log.notes:
            state.logs.append(log)
    return report, trust


def _trusted(asked: Asked, stranger: Fetch | None, state: State) -> tuple[Trust, Kept]:
    """Whom to believe, and what is kept of that log."""
    rest: dict[str, Any] = {"witnesses": asked.witnesses, "quorum": asked.quorum}
    named = Trust.pinned(asked.keys, **rest)
    if asked.document is not None:
        told = Trust.published(_document(asked.document.read_bytes()), **rest)
        pinned = {life.origin: life.keys for life in named.lives}
        lives = [replace(life, keys=pinned.get(life.origin, life.keys)) for life in told.lives]
        named = replace(told, lives=lives).joined(named)
    if stranger is not None:
        served = Trust.published(_document(stranger(KEYS)), **rest)
        log = state.shown_by(asked.server or "") or state.log_of(served.origins) or Kept()
        if named.lives:
            return served.believing(named.lives), log
        if log.lives and asked.server not in log.servers:  # any server can name another's log as its own
            said = "Only the keys that you kept are believed: you know this log, and not from this server."
            return Trust(lives=log.lives, notes=[said], **rest), log
        return served.on_first_use(log.lives), log
    origins = [*origins_of(asked.files), *(origin for path in asked.receipts for origin in origin_of(path))]
    log = state.log_of(named.origins or origins) or Kept()
    if named.lives:
        known = replace(named, lives=log.lives).believing(named.lives)
        return (named.joined(known) if asked.document else known.joined(named)), log
    if not log.lives:
        raise click.UsageError(
            "Name the key of the log: --key VKEY, or --keys FILE. No kept checkpoint has it."
        )
    return Trust(lives=log.lives, **rest), log


def _unnamed(origin: str) -> Finding:
    return Finding(
        fault=Fault.ROLLBACK,
        detail=f"The server does not name {origin} any more, of which you keep checkpoints: it cannot be seen"
        " whether its log goes on from them.",
    )  # fmt: skip


def _document(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadNote("The document of keys is no JSON.") from error


def _as_stranger(url: str) -> Fetch:
    """Asks without a token, which nobody needs for keys and checkpoints."""
    require_safe(url)
    proxies = urlsplit(url).hostname not in LOOPBACK

    def fetch(path: str) -> bytes:
        try:
            with httpx.stream("GET", url + path, timeout=_SECONDS, trust_env=proxies) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise Unanswered(f"The server answers {answer.status_code} to {path}.")
                return _bounded(answer, path)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unanswered("The server does not answer.") from error

    return fetch


def _bounded(answer: httpx.Response, path: str) -> bytes:
    body = b""
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _ANSWER_BYTES:
            raise Unanswered(f"The server's answer to {path} is longer than any of a log.")
    return body


def _as_member(url: str, closing: ExitStack) -> Fetch | None:
    """Asks as the client of the environment, if there is one of this server."""
    if "HALYARD_CLIENT_ID" not in os.environ or Credentials.from_env().url != url:
        return None
    server = closing.enter_context(Server.from_env())

    def fetch(path: str) -> bytes:
        try:
            return server.call("GET", path).content
        except Failure as failure:
            raise Unanswered(str(failure)) from failure

    return fetch


def _default_state() -> Path:
    """In the data folder of who verifies (XDG Base Directory)."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "halyard" / "audit-state.json"


def _show(output: Output, report: Report, trust: Trust, path: Path) -> None:
    keys = [key.encode() for life in trust.lives for key in life.keys]
    told = "\n".join(_plain(line) for line in _told(report))
    output.show({**report.to_wire(), "keys": keys, "state": str(path)}, told)


def _plain(line: str) -> str:
    """A line that says nothing to the terminal itself, whatever a file or a server had it say."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)


def _told(report: Report) -> Iterator[str]:
    """The report for people: the outcome first."""
    yield "PROVEN" if report.holds else "NOT PROVEN"
    for finding in report.findings[:_SHOWN]:
        place = ":".join(str(part) for part in (finding.where, finding.line) if part is not None)
        yield f"  {finding.fault.value}: {finding.detail}" + (f" [{place}]" if place else "")
    if len(report.findings) > _SHOWN:
        yield f"  and {len(report.findings) - _SHOWN} more: see --json"
    for one in report.checkpoints:
        by = f", cosigned by {', '.join(one['cosigned_by'])}" if one["cosigned_by"] else ""
        yield f"Checkpoint of {one['origin']}, size {one['size']}: signed by a trusted key{by}."
    if report.compared:
        yield f"It goes on from {len(report.compared)} kept checkpoint(s), up to size {max(report.compared)}."
    for low, high in list(report.proven)[:_SHOWN]:
        yield f"Proven: {span(low, high)}."
    for receipt in report.receipts:
        entry = receipt["entry"]
        said = f"{entry['action']} ({entry['decision']}) at {entry['at']}"
        yield f"Receipt {receipt['file']}: {said}, entry {entry['id']}."
    yield from (f"Note: {note}" for note in report.notes)
