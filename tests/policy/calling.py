"""Calls any route as any reader, with ids of what it sees and of what is hidden, and undoes the call."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask
from sqlalchemy import event, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.audit.models import AuditEntry
from app.parties import Client, Member, User
from schemas.vocabulary import MemberStatus
from tests.factories import Caller
from tests.policy import model
from tests.policy.model import SINGLE, answer
from tests.policy.routes import ASKS, Ask
from tests.policy.stocked import EVERY_SCOPE, Stocked

OF_THE_REQUEST = {"x-request-id", "halyard-request-id", "date", "ratelimit"}
"""What is of this request alone: `RateLimit` counts requests, whatever they asked for."""
COUNTED = "halyard-audit-entry"
"""Ids of this request's entries: how many there are must be the same, whatever was asked for."""


def told_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """What must be the same in two answers that tell the same."""
    return sorted(
        (name, str(value.count(",")) if name.lower() == COUNTED else value)
        for name, value in headers
        if name.lower() not in OF_THE_REQUEST
    )


@contextmanager
def undone(stocked: Stocked) -> Iterator[None]:
    """Whatever a call writes is gone behind it."""
    connection = stocked.make.runtime.db._connection
    assert connection is not None
    savepoint = connection.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


@dataclass
class Ids:
    """What a reader can put into a path: of each kind something it may see, and something hidden."""

    visible: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str, *, visible: bool) -> None:
        (self.visible if visible else self.hidden).setdefault(name, []).append(value)

    def any_of(self, name: str) -> list[str]:
        return self.visible.get(name, []) + self.hidden.get(name, [])


def ids_for(stocked: Stocked, reader: str) -> Ids:
    found = Ids()
    _collections(stocked, reader, found)
    _parties(stocked, reader, found)
    return found


def _collections(stocked: Stocked, reader: str, found: Ids) -> None:
    for column in model.COLUMNS:
        seen = answer(reader, column, SINGLE) == "yes"
        found.add("set_id", stocked.sets[column], visible=seen)
        found.add("collection_id", stocked.sets[column], visible=seen)
        if column in stocked.lists:
            found.add("list_id", stocked.lists[column], visible=seen)
            found.add("collection_id", stocked.lists[column], visible=seen)
    for (column, narrower), signal in stocked.signals.items():
        if column != "gone":
            seen = answer(reader, column, SINGLE, narrower=narrower) == "yes"
            found.add("signal_id", signal, visible=seen)
    seen = answer(reader, "clear", SINGLE) == "yes"
    found.add("list_id", stocked.sealed_list, visible=seen)
    found.add("signal_id", stocked.sealed_signal, visible=seen)


def _parties(stocked: Stocked, reader: str, found: Ids) -> None:
    member, session = stocked.world.readers[reader].member, stocked.world.session
    own, operator = member.id if member else None, reader == EVERY_SCOPE
    for row in session.scalars(select(Member)):
        known = operator or row.id == own or row.status == MemberStatus.ACTIVE
        found.add("member_id", row.id, visible=known)
        found.add("downstream_id", row.id, visible=known)
    for group in stocked.world.groups.values():
        found.add("group_id", group.id, visible=own in stocked.secrets[group.name].members)
    for user in session.scalars(select(User)):
        found.add("user_id", user.id, visible=operator or user.member_id == own)
    for client in session.scalars(select(Client)):
        found.add("client_id", client.id, visible=operator or client.member_id == own)
    attesting = stocked.body.member.id == own
    for attestation in stocked.attestations:
        found.add("attestation_id", attestation, visible=attesting)
    for proposal in stocked.proposals:
        found.add("proposal_id", proposal, visible=own == stocked.world.owner.id)
    for name, subscription in stocked.subscriptions.items():
        found.add("subscription_id", subscription, visible=name == reader)
    for entry in session.scalars(select(AuditEntry).where(AuditEntry.seq.is_not(None)).limit(200)):
        found.add("entry_id", entry.id, visible=operator or entry.member_id == own)


def path_of(rule: Rule, ids: dict[str, str]) -> str:
    plain = {"version": "1.0.0", "name": "trusted_flagger", "level": "0", "path": "000.p/1"}
    text = rule.rule
    for argument in rule.arguments:
        for written in (
            f"<ident:{argument}>",
            f"<digest:{argument}>",
            f"<tiles:{argument}>",
            f"<{argument}>",
        ):
            text = text.replace(written, ids.get(argument, plain.get(argument, "")))
    return text


def call_of(stocked: Stocked, method: str, rule: Rule, ids: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """Path and options of a call of a route, as `routes` says."""
    ask = ASKS.get((method, rule.rule), Ask())
    ids = ids | {"digest": stocked.digests.get(ids.get("set_id", ""), "0" * 64)}
    path = path_of(rule, ids) + (f"?{ask.query}" if ask.query else "")
    options: dict[str, Any] = {"headers": dict(ask.headers)}
    if ask.body is not None:
        options["data" if ask.form else "json"] = ask.body(stocked, ids)
    return path, options


def asking(stocked: Stocked, caller: Caller, method: str, rule: Rule, ids: dict[str, str]) -> TestResponse:
    """One call of a route; its effects are undone."""
    path, options = call_of(stocked, method, rule, ids)
    with undone(stocked):
        return caller._call(method, path, **options)


def rules(app: Flask) -> list[Rule]:
    """Every route for clients; people's pages are the console's (`tests/console`)."""
    found = [rule for rule in app.url_map.iter_rules() if not rule.rule.startswith("/console")]
    return sorted(found, key=lambda rule: rule.rule)


def calls(app: Flask) -> list[tuple[str, Rule]]:
    """Every route with every method that it offers."""
    return [(m, rule) for rule in rules(app) for m in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]


# ── What is told ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """Everything that a caller, a database administrator or an auditor could compare."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    statements: tuple[str, ...]
    audit: tuple[str, ...]


def told(
    stocked: Stocked, caller: Caller, method: str, path: str, options: dict[str, Any], asked: list[str]
) -> Told:
    """One call; `asked` are the ids in it, which an audit entry may repeat."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        statements.append(statement)

    connection = stocked.make.runtime.db._connection
    assert connection is not None
    auditor = cast(Any, stocked.make.runtime.auditor)
    auditor.noted.clear()
    with undone(stocked):
        event.listen(connection, "before_cursor_execute", note)
        found = caller._call(method, path, **options)
        event.remove(connection, "before_cursor_execute", note)
    entries = [json.loads(entry.data) for entry in auditor.noted]
    return Told(
        status=found.status,
        headers=tuple(told_headers(found.headers.items())),
        body=_CURSOR.sub(b"", found.data),
        statements=tuple(statements),
        audit=tuple(comparable(entry, asked) for entry in entries),
    )


_CURSOR = re.compile(rb'"next":"[^"]*"')
"""Sealed anew each time, so never the same bytes."""


def comparable(entry: dict[str, Any], asked: list[str]) -> str:
    """An audit entry without what belongs to the request, and without the id that was asked for."""
    kept = {
        name: value for name, value in entry.items() if name not in {"id", "at", "request", "commitments"}
    }
    text = json.dumps(kept, sort_keys=True)
    for value in asked:
        text = text.replace(value, "asked")
    return text


def apart(what: str, absent: Told, hidden: Told) -> list[str]:
    """In which parts two answers differ; of statements their number counts."""
    parts = [name for name in vars(absent) if name != "statements"]
    parts = [name for name in parts if getattr(absent, name) != getattr(hidden, name)]
    if len(absent.statements) != len(hidden.statements):
        parts.append("statements")
    return [f"{what}: {parts} of {absent.status}, {hidden.status}"] if parts else []
