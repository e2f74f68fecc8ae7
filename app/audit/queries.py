"""Finds sequenced entries: which index answers is decided here, and not left to a planner's estimates.

A question is one or more streams of numbers, each in the log's order, each from one index: entries by who, by
what was done or by request, and mentions (`app.audit.projection`) by thing or owner. What an index does not
answer is looked at one by one, as many for a page as take no long time (`WINDOW`, `SCATTERED`): a page may
then hold less than asked for, also nothing, and says how far it looked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sqlalchemy import (
    ColumnElement,
    LargeBinary,
    Select,
    and_,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from app.audit import spans
from app.audit.models import AuditEntry, AuditPrivate
from app.audit.projection import AuditMention, slots
from app.audit.spans import Span
from app.parties import User
from schemas.vocabulary import Decision

Condition = ColumnElement[bool]
Conditions = Mapping[str, ColumnElement[bool]]
"""By the name of what is asked for."""

WINDOW = 4_000
"""How many of one stream a page looks at where an index does not answer all that is asked."""
SCATTERED = 1_000
"""The same for entries, with their bytes, that stand far apart, each a page of the disk of its own."""


class Shown(Protocol):
    """A line of the feed that held what is asked about (`app.feed.shown`)."""

    @property
    def collection_id(self) -> str: ...
    @property
    def place(self) -> str | None: ...
    @property
    def date(self) -> int: ...
    @property
    def until(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which entries. All that is given must hold; times are microseconds, `since` included, `until` not.

    Args:
        actions: one of these.
        tlp: the label of something that the entry is about; of what else is asked for, where it is.
    """

    member: str | None = None
    client: str | None = None
    user: str | None = None
    actions: tuple[str, ...] = ()
    decision: str | None = None
    reason: str | None = None
    purpose: str | None = None
    tlp: str | None = None
    collection: str | None = None
    object: str | None = None
    version: str | None = None
    place: str | None = None
    request: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def about_something(self) -> bool:
        """Whether it asks about subjects, not only about who, what and when."""
        return any(part is not None for part in (self.collection, self.object, self.version, self.place))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose entries a reader may find: those of a member and about what it owns. None: everybody's."""

    member: str | None = None


@dataclass(frozen=True, kw_only=True)
class Page:
    """Which part: behind the number `after` in the order asked for (None: all), as many as `limit`."""

    after: int | None
    limit: int
    newest: bool = False


@dataclass(frozen=True, kw_only=True)
class Found:
    """Entries in the order asked for.

    Args:
        reached: the number up to which everything was looked at; None: there is nothing behind these.
    """

    rows: Sequence[AuditEntry]
    reached: int | None


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """Numbers out of one index: `key` picks them there, `rest` is looked at one by one.

    Args:
        few: the index does not hold them in order, and they are few: a page's range rarely holds one date.
    """

    number: Any
    key: Sequence[Condition]
    rest: Sequence[Condition]
    joined: bool = False
    """Something is asked of mentions that only their entries say."""
    scattered: bool = False
    """Entries with their bytes are looked at, and do not stand together."""
    few: bool = False

    def wanted(self, span: Span, limit: int, *, newest: bool) -> Select[Any]:
        """The first numbers in a span, each once."""
        # Added to, so that no planner walks an index of numbers to find the few in order.
        number = self.number + 0 if self.few else self.number
        wanted = select(number).where(*self.key, *self.rest, *span.holds(number))
        if self.joined:
            wanted = wanted.join(AuditEntry, AuditEntry.seq == self.number)
        return wanted.group_by(number).order_by(number.desc() if newest else number).limit(limit)

    def bound(self, span: Span, *, newest: bool) -> Select[Any] | None:
        """The number behind which a page does not look; None: it looks at all."""
        if self.few or not self.rest:
            return None
        order = self.number.desc() if newest else self.number
        keyed = select(self.number).where(*self.key, *span.holds(self.number))
        return keyed.order_by(order).offset(SCATTERED if self.scattered else WINDOW).limit(1)


def entries(session: Session, scope: Scope, asked: Filter, shown: Sequence[Shown], page: Page) -> Found:
    """Sequenced entries in order, as many as fit and were found within the window.

    Args:
        shown: lines of the feed that held what is asked about.
    """
    streams = _streams(session, scope, asked, shown)
    numbers: list[int] = []
    reached: int | None = None
    for span in spans.of(session, asked.since, asked.until, newest=page.newest):
        part = span.behind(page.after, newest=page.newest)
        if part is None:
            continue
        found, reached = _taken(session, streams, part, page)
        numbers += found
        if len(numbers) > page.limit:
            numbers = numbers[: page.limit]
            reached = numbers[-1]
        if reached is not None:
            break
    order = AuditEntry.seq.desc() if page.newest else AuditEntry.seq
    rows = session.scalars(select(AuditEntry).where(AuditEntry.seq.in_(numbers)).order_by(order))
    return Found(rows=list(rows), reached=reached)


def entry(session: Session, entry_id: str) -> AuditEntry | None:
    """One sequenced entry, whomever it concerns."""
    return session.scalar(select(AuditEntry).where(AuditEntry.id == entry_id, AuditEntry.seq.is_not(None)))


def private(session: Session, entry_id: str) -> AuditPrivate | None:
    """What the commitments of an entry open to, while it is retained."""
    return session.get(AuditPrivate, entry_id)


def on_page(line: Shown) -> Condition:
    """Mentions of pages that held a line of the feed."""
    parts = [
        AuditMention.collection_id == line.collection_id,
        AuditMention.place.is_(None) if line.place is None else AuditMention.place == line.place,
        AuditMention.slot.in_(slots(line.date)),
        AuditMention.first <= line.date,
        AuditMention.last >= line.date,
    ]
    if line.until is not None:
        parts.append(AuditMention.at < line.until)
    return and_(*parts)


def _taken(
    session: Session, streams: Sequence[_Stream], span: Span, page: Page
) -> tuple[list[int], int | None]:
    """The first numbers of all streams in a span, one more than asked for, and how far that is all."""
    bounds = [stream.bound(span, newest=page.newest) for stream in streams]
    reached = [
        found for bound in bounds if bound is not None and (found := session.scalar(bound)) is not None
    ]
    horizon = (max if page.newest else min)(reached) if reached else None
    part = span if horizon is None else span.up_to(horizon, newest=page.newest)
    found = {
        number
        for stream in streams
        for number in session.scalars(stream.wanted(part, page.limit + 1, newest=page.newest))
    }
    return sorted(found, reverse=page.newest)[: page.limit + 1], horizon


def _streams(session: Session, scope: Scope, asked: Filter, shown: Sequence[Shown]) -> list[_Stream]:
    """All of them together are the answer."""
    if scope.member is None:
        return _about(session, asked, shown, []) if asked.about_something else _acted(session, asked)
    # Other members' clients, users and requests are not shown, so they cannot be asked for either.
    own_only = any(part is not None for part in (asked.client, asked.request, asked.user))
    if own_only and asked.member not in {None, scope.member}:
        return []
    own = replace(asked, member=scope.member)
    if asked.about_something:
        whose = [AuditMention.member_id == scope.member]
        if not own_only:
            # A hit on another subject of another's entry would tell what else that one read.
            whose = [or_(*whose, AuditMention.owner_id == scope.member)]
        return _about(session, asked, shown, whose)
    if own_only or asked.member == scope.member:
        return _acted(session, own)
    owned = _Stream(
        number=AuditMention.seq,
        key=[AuditMention.owner_id == scope.member],
        rest=list(_of_mentions(session, asked).values()),
    )
    return [owned] if asked.member is not None else [*_acted(session, own), owned]


def _acted(session: Session, asked: Filter) -> list[_Stream]:
    """Entries by the narrowest thing that is asked for."""
    conditions = _of_entries(session, asked)
    refused = asked.decision == Decision.REFUSED.value
    if refused:
        # Written out, because no index of refusals is found for a value that is filled in later.
        conditions["decision"] = AuditEntry.decision == literal_column(f"'{Decision.REFUSED.value}'")
    key: tuple[str, ...] = ()
    if asked.request is not None:
        key = ("request",)
    elif asked.client is not None:
        key = ("client",)
    elif asked.member is not None:
        key = ("member", "decision") if refused else ("member",)
    elif refused:
        key = ("decision",)
    elif asked.user is not None:
        of = session.scalar(select(User.member_id).where(User.id == asked.user))
        conditions["home"] = AuditEntry.member_id == of
        key = ("home",)
    elif asked.actions:
        rest = [part for name, part in conditions.items() if name != "action"]
        return [
            _Stream(number=AuditEntry.seq, key=[AuditEntry.action == action], rest=rest, scattered=True)
            for action in asked.actions
        ]
    found = _stream(AuditEntry.seq, conditions, key)
    return [replace(found, scattered=bool(key))]


def _about(session: Session, asked: Filter, shown: Sequence[Shown], whose: list[Condition]) -> list[_Stream]:
    """Mentions of what is asked about, and pages whose range held it."""
    conditions = _of_mentions(session, asked)
    joined = any(name in conditions for name in ("client", "request", "user"))
    rest = [*conditions.values(), *whose]
    named = {
        name: column == value
        for name, column, value in (
            ("object", AuditMention.object_id, asked.object),
            ("collection", AuditMention.collection_id, asked.collection),
            ("version", AuditMention.version, asked.version),
            ("place", AuditMention.place, asked.place),
        )
        if value is not None
    }
    key = next(
        names
        for names in (("object",), ("collection", "version"), ("place",), ("collection",))
        if named.keys() >= set(names)
    )
    direct = _stream(AuditMention.seq, named, key)
    found = [replace(direct, rest=[*direct.rest, *rest], joined=joined, scattered=joined)]
    if asked.object is not None or asked.version is not None:
        # Also where no line is known: what is hidden and what does not exist cost the same statements.
        lines = or_(false(), *(on_page(line) for line in shown if _fits(line, asked)))
        found.append(_Stream(number=AuditMention.seq, key=[lines], rest=rest, joined=joined, few=True))
    return found


def _stream(number: Any, conditions: Conditions, key: Sequence[str]) -> _Stream:
    return _Stream(
        number=number,
        key=[conditions[name] for name in key],
        rest=[part for name, part in conditions.items() if name not in key],
    )


def _of_entries(session: Session, asked: Filter) -> dict[str, Condition]:
    plain: tuple[tuple[str, Any, Any], ...] = (
        ("member", AuditEntry.member_id, asked.member),
        ("client", AuditEntry.client_id, asked.client),
        ("request", AuditEntry.request_id, asked.request),
        ("decision", AuditEntry.decision, asked.decision),
    )
    written = (
        ("user", asked.user), ("reason", asked.reason), ("purpose", asked.purpose), ("tlp", asked.tlp),
    )  # fmt: skip
    conditions = {name: column == value for name, column, value in plain if value is not None}
    conditions |= {name: _says(session, name, value) for name, value in written if value is not None}
    return conditions | _when(asked, AuditEntry.action, AuditEntry.at)


def _of_mentions(session: Session, asked: Filter) -> dict[str, Condition]:
    plain: tuple[tuple[str, Any, Any], ...] = (
        ("member", AuditMention.member_id, asked.member),
        ("decision", AuditMention.decision, asked.decision),
        ("reason", AuditMention.reason, asked.reason),
        ("purpose", AuditMention.purpose, asked.purpose),
        ("tlp", AuditMention.tlp, asked.tlp),
        ("client", AuditEntry.client_id, asked.client),
        ("request", AuditEntry.request_id, asked.request),
    )
    conditions = {name: column == value for name, column, value in plain if value is not None}
    if asked.user is not None:
        conditions["user"] = _says(session, "user", asked.user)
    return conditions | _when(asked, AuditMention.action, AuditMention.at)


def _when(asked: Filter, action: Any, at: Any) -> dict[str, Condition]:
    conditions: dict[str, Condition] = {}
    if asked.actions:
        conditions["action"] = action.in_(asked.actions)
    if asked.since is not None:
        conditions["since"] = at >= asked.since
    if asked.until is not None:
        conditions["until"] = at < asked.until
    return conditions


def _says(session: Session, name: str, value: str) -> Condition:
    """An entry's bytes hold this name with this value.

    They are canonical JSON (RFC 8785) of ids and codes alone, in which each of these names stands for one
    thing, so that looking for bytes finds exactly what reading them would find.
    """
    part = literal(f"{json.dumps(name)}:{json.dumps(value)}".encode(), LargeBinary)
    sqlite = session.get_bind().dialect.name == "sqlite"
    position = func.instr if sqlite else func.pg_catalog.position
    return position(AuditEntry.entry, part) > 0


def _fits(line: Shown, asked: Filter) -> bool:
    return (asked.collection is None or line.collection_id == asked.collection) and (
        asked.place is None or line.place == asked.place
    )
