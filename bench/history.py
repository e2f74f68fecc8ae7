"""A long audit log, as a coalition leaves it in 90 days: entries after the pattern of real ones, in bulk.

Patterns are made by the product's own form (`app.audit.entry`). Each entry is one of them with its own ids,
moments and commitments; numbers, tree and what questions read are made by the product's own code. Rows that
no question reads (`audit_private`) are left out, and indexes are made after the rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from sqlalchemy import Index, Table, text, update
from sqlalchemy.orm import Session

from app.audit import checkpoints, projecting, sequencer
from app.audit.entry import Entry, Request, build
from app.audit.models import AuditEntry, AuditHead
from app.audit.projection import AuditMention
from app.audit.tree import Tree
from app.clock import DAY, HOUR, MINUTE, to_text
from app.events import Subject
from app.feed.models import Change
from app.question import Actor
from app.rows import insert_rows
from app.runtime import Runtime
from app.transparency.tree import leaf_hash
from bench import world
from bench.client import Client
from bench.lab import Lab
from schemas.vocabulary import ChangeKind, Decision, Purpose

DAYS = 90
MEMBERS, OWNERS, COLLECTIONS, PUBLISHED = 60, 20, 200, 8
VERSIONS = ("1.0.0", "2.0.0", "3.0.0", "4.0.0")
BATCH = 20_000
_ENTRIES, _MENTIONS = cast(Table, AuditEntry.__table__), cast(Table, AuditMention.__table__)
_PATTERN_AT, _PATTERN_FIRST = 1_000 * DAY, 999 * DAY
_HEX = 64


@dataclass(frozen=True, kw_only=True)
class Collection:
    """What is exchanged: its versions stood in the feed where the server knows it."""

    id: str
    owner: str
    versions: dict[str, str]
    """By version: id."""


@dataclass(frozen=True, kw_only=True)
class History:
    """What there is to ask about."""

    begun: int
    ends: int
    members: Sequence[str]
    collections: Sequence[Collection]
    """The first `PUBLISHED` of them have lines in the feed."""
    requests: Sequence[str]
    entries: Sequence[str]
    """Some ids of requests and entries."""


@dataclass(frozen=True, kw_only=True)
class _Pattern:
    entry: Entry
    weight: float


def enrolled(lab: Lab, address: str) -> list[Collection]:
    """What is to be exchanged: lists of members that the server knows, and names of others."""
    random = lab.random
    owners = [world.enrol(lab.runtime, f"Owner {world.letters(n)}") for n in range(OWNERS)]
    collections: list[Collection] = []
    for number in range(COLLECTIONS):
        owner = owners[number % OWNERS]
        if number < PUBLISHED:
            with Client(address, owner) as client:
                name = world.new_list(client, world.COMMUNITY)
        else:
            name = _id(random)
        collections.append(
            Collection(
                id=name, owner=owner.member_id, versions={version: _id(random) for version in VERSIONS}
            )
        )
    return collections


def written(lab: Lab, collections: Sequence[Collection]) -> History:
    """Fill the log with so many entries as the lab's size says; no server may run beside it."""
    random, now = lab.random, lab.runtime.clock()
    begun = now - DAYS * DAY
    members = [_id(random) for _ in range(MEMBERS)] + sorted({one.owner for one in collections})
    _publish(lab.runtime, collections[:PUBLISHED], begun, now)
    maker = _Maker(random, members, _patterns(random, collections))
    kept: list[tuple[str, str]] = []
    with _without_indexes(lab.runtime):
        head = _before(lab.runtime, begun)
        for start in range(0, lab.size, BATCH):
            count = min(BATCH, lab.size - start)
            moments = [begun + (start + n) * DAYS * DAY // lab.size for n in range(count)]
            rows = [maker.row(at, head + start + n) for n, at in enumerate(moments, 1)]
            kept += [(row["id"], row["request_id"]) for row in rows[:: max(1, BATCH // 20)]]
            _append(lab.runtime, rows, head + start + count)
        while projecting.step(lab.runtime.db, batch=BATCH):
            pass
    name = checkpoints.origin(lab.runtime.config.issuer)
    checkpoints.sign(lab.runtime.db, lab.runtime.keyring, name, lab.runtime.clock() + HOUR)
    lab.driver.vacuum()
    return History(
        begun=begun, ends=now, members=members, collections=collections,
        requests=[request for _, request in kept], entries=[entry for entry, _ in kept],
    )  # fmt: skip


class _Maker:
    """Makes rows of entries after patterns."""

    def __init__(self, random: Random, members: Sequence[str], patterns: Sequence[_Pattern]) -> None:
        self._random = random
        self._members = list(members)
        self._clients = {member: _id(random) for member in members}
        # A few members do most of it, as everywhere.
        self._shares = [1 / (n + 1) ** 0.7 for n in range(len(members))]
        self._patterns = [pattern.entry for pattern in patterns]
        self._weights = [pattern.weight for pattern in patterns]
        self._drawn: Iterator[tuple[str, Entry]] = iter(())

    def row(self, at: int, number: int) -> dict[str, Any]:
        member, pattern = self._next()
        entry, request, noise = _id(self._random), _id(self._random), self._random.randbytes(32).hex()
        first = to_text(at - self._random.randrange(HOUR))
        data = (
            pattern.data.replace(pattern.id.encode(), entry.encode())
            .replace(pattern.request.id.encode(), request.encode())
            .replace(_PATTERN_MEMBER.encode(), member.encode())
            .replace(_PATTERN_CLIENT.encode(), self._clients[member].encode())
            .replace(to_text(_PATTERN_AT).encode(), to_text(at).encode())
            .replace(to_text(_PATTERN_FIRST).encode(), first.encode())
            .replace(_PATTERN_NOISE.encode(), noise.encode())
        )
        return {
            "id": entry, "seq": number, "at": at, "action": pattern.action, "decision": pattern.decision,
            "member_id": member, "client_id": self._clients[member], "request_id": request, "entry": data,
        }  # fmt: skip

    def _next(self) -> tuple[str, Entry]:
        found = next(self._drawn, None)
        if found is None:
            members = self._random.choices(self._members, self._shares, k=BATCH)
            patterns = self._random.choices(self._patterns, self._weights, k=BATCH)
            self._drawn = zip(members, patterns, strict=True)
            found = next(self._drawn)
        return found


_PATTERN_MEMBER, _PATTERN_CLIENT = (f"{n}1111111-1111-4111-8111-111111111111" for n in "ab")
_PATTERN_NOISE = "0" * _HEX


def _patterns(random: Random, collections: Sequence[Collection]) -> list[_Pattern]:
    """Pages of the feed, lookups, reads of versions, refusals, and what has no subject, by their shares."""
    found = []
    for rank, one in enumerate(collections):
        share = 1 / (rank + 1) ** 0.7
        changes = _subject(
            "changes", one, first=_PATTERN_FIRST, last=_PATTERN_AT, count=random.randrange(1, 900)
        )
        others = random.sample(collections, 2)
        more = [
            _subject("changes", other, first=_PATTERN_FIRST, last=_PATTERN_AT, count=7) for other in others
        ]
        found += [
            _pattern("changes.read", share * 30, [changes]),
            _pattern("changes.read", share * 15, [changes, *more]),
            _pattern("signals.looked-up", share * 12, [Subject(kind="lookup", count=500)]),
            _pattern(
                "signals.looked-up", share * 16,
                [Subject(kind="lookup", count=500), _subject("list", one, id=one.id, count=11)],
            ),
            _pattern("set.read", share * 4, [_subject("set", one, id=one.id)]),
            _pattern(
                "set.read", share * 1,
                [Subject(kind="set", id=one.id, collection_id=one.id)], decision=Decision.REFUSED,
            ),
            _pattern("me.read", share * 3, [Subject(kind="member", id=_PATTERN_MEMBER)]),
            _pattern("token.issued", share * 8, [], decision=Decision.ALLOWED),
        ]  # fmt: skip
        for version, ident in one.versions.items():
            named = _subject("version", one, id=ident, version=version)
            found.append(_pattern("version.read", share * 2.5, [named]))
        found.append(_pattern("changes.read", share * 0.01, [changes], purpose=Purpose.TEST))
    return found


def _pattern(
    action: str,
    weight: float,
    subjects: Sequence[Subject],
    *,
    decision: Decision = Decision.RELEASED,
    purpose: Purpose = Purpose.DETECT,
) -> _Pattern:
    actor = Actor(member_id=_PATTERN_MEMBER, client_id=_PATTERN_CLIENT, purpose=purpose.value)
    entry = build(
        at=_PATTERN_AT, action=action, decision=decision, actor=actor, subjects=subjects,
        request=Request(network="192.0.2.1"), body_digest=bytes(32), query_digest=bytes(32),
        reason="not-found" if decision is Decision.REFUSED else None,
    )  # fmt: skip
    return _Pattern(entry=_with_open_noise(entry), weight=weight)


def _with_open_noise(entry: Entry) -> Entry:
    """The same entry, whose commitment to the body can be told from the others."""
    at = entry.data.index(b'"body":"') + len('"body":"')
    data = entry.data[:at] + _PATTERN_NOISE.encode() + entry.data[at + _HEX :]
    return Entry(**(entry.__dict__ | {"data": data}))


def _subject(kind: str, of: Collection, **more: Any) -> Subject:
    return Subject(
        kind=kind, collection_id=of.id, owner_id=of.owner, tlp="TLP:GREEN", pap="PAP:GREEN",
        audience="community", **more,
    )  # fmt: skip


def _publish(runtime: Runtime, collections: Sequence[Collection], begun: int, now: int) -> None:
    """Lines of the feed about versions; the first one of each collection was taken back since."""
    places = {one.id: world.place_of(runtime, one.id) for one in collections}
    seq = 1_000_000
    with runtime.db.write() as session:
        for one in collections:
            for number, ident in enumerate(one.versions.values()):
                seq += 1
                date = begun + (number + 1) * (now - begun) // (len(VERSIONS) + 2)
                session.add(_line(seq, date, one, places[one.id], ident, ChangeKind.VERSION_CHANGED))
            seq += 1
            ident = next(iter(one.versions.values()))
            session.add(
                _line(seq, now - 5 * MINUTE, one, places[one.id], ident, ChangeKind.VERSION_TOMBSTONED)
            )


def _line(seq: int, date: int, of: Collection, place_id: int, ident: str, kind: ChangeKind) -> Change:
    return Change(
        seq=seq, date=date, place_id=place_id, collection_id=of.id, kind=kind.value, object_id=ident,
        line=b"{}", superseded=False,
    )  # fmt: skip


class _without_indexes:  # noqa: N801 - it reads as a statement
    """Drop the indexes of the tables that are filled, and make them again."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        tables = (_ENTRIES, _MENTIONS)
        self._indexes: list[Index] = sorted(
            (index for table in tables for index in table.indexes), key=lambda index: str(index.name)
        )

    def __enter__(self) -> None:
        with self._runtime.db.write() as session:
            for index in self._indexes:
                index.drop(session.connection())

    def __exit__(self, *_error: object) -> None:
        for index in self._indexes:
            with self._runtime.db.write() as session:
                _roomy(session)
                index.create(session.connection())


def _before(runtime: Runtime, begun: int) -> int:
    """How many entries there are already, of setting this up: they are taken to be from before."""
    sequencer.drain(runtime.db)
    with runtime.db.write() as session:
        session.execute(update(AuditEntry).values(at=begun))
        return projecting.counted(session).head


def _append(runtime: Runtime, rows: list[dict[str, Any]], head: int) -> None:
    with runtime.db.write() as session:
        _roomy(session)
        insert_rows(session, _ENTRIES, rows)
        session.execute(update(AuditHead).values(seq=head))
        Tree(session, head).append([leaf_hash(row["entry"]) for row in rows])


def _roomy(session: Session) -> None:
    """Room for a bulk load, as nobody needs it in a running server."""
    if session.get_bind().dialect.name == "sqlite":
        session.execute(text("PRAGMA cache_size=-400000"))
    else:
        session.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        session.execute(text("SET LOCAL statement_timeout = 0"))


def _id(random: Random) -> str:
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
