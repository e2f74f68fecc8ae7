"""Compares what readers were given with the tables themselves, read directly."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.audit.models import AuditEntry, AuditPrivate
from app.feed.models import Change, FeedHead
from app.markings import Collection, Marking, Place
from tests.stories.reader import Reader, Received, digest

SIGHT = {"sight.gained", "sight.lost"}
MOVES = {
    "group.joined", "group.left", "group.terms-accepted", "member.attribute-granted", "collection.released",
    "member.attribute-lapsed", "member.status-changed", "marking.changed",
}  # fmt: skip
MARK = b'{"kind":"page.reached"'
DATE_DRIFT = 2 * clock.SECOND
"""Dates of changes are strictly increasing, so many at once run a little ahead of the clock."""


@dataclass(frozen=True)
class Row:
    """One committed change."""

    seq: int
    date: int
    place: str
    """Key of the place whose state it is about: for sight, the place that is gained or lost."""
    addressee: str | None
    collection: str
    kind: str
    object: str
    purposes: frozenset[str]
    line: dict[str, Any] | None


class Committed:
    """Everything in the change table."""

    def __init__(self, session: Session) -> None:
        places = {row.id: row for row in session.scalars(select(Place))}
        self.rows: list[Row] = []
        for change in session.scalars(select(Change).order_by(Change.seq)):
            at = places[change.place_id]
            about = places[change.sight_place_id] if change.sight_place_id else at
            self.rows.append(
                Row(
                    change.seq, change.date, about.key, at.member_id, change.collection_id, change.kind,
                    change.object_id, frozenset((change.purposes or "").split(",")) - {""},
                    json.loads(change.line) if change.line else None,
                )
            )  # fmt: skip
        self._states = [row for row in self.rows if row.kind not in SIGHT]
        self.by_date = {clock.to_text(row.date): row for row in self.rows}

    def check_dense(self, head: int) -> None:
        """Numbers have no gap and no double, and dates grow with them."""
        assert [row.seq for row in self.rows] == list(range(1, head + 1))
        dates = [row.date for row in self.rows]
        assert all(earlier < later for earlier, later in pairwise(dates))

    def gains(self, reader: Reader) -> dict[str, list[int]]:
        """Place key → numbers of this reader's gains."""
        found: dict[str, list[int]] = defaultdict(list)
        for row in self.rows:
            if row.kind == "sight.gained" and self._for(row, reader):
                found[row.place].append(row.seq)
        return found

    def check_order(self, reader: Reader) -> None:
        """What came was committed, came in order, and nothing of it twice.

        Only the state of a place that is filled after a gain goes back, and only up to that gain.
        """
        gains = self.gains(reader)
        last, seen = 0, defaultdict[str, set[int]](set)
        filling: tuple[str, int] = ("", 0)
        for line in reader.lines:
            row = self.by_date[line["date"]]  # KeyError: it was never committed
            assert (row.kind, row.object, row.place) == (line["kind"], line["object"], line["place"])
            if row.kind == "sight.lost":
                seen[row.place] = set()
            if row.seq > last:
                last = row.seq
            else:
                assert any(gain > last for gain in gains[row.place]), f"{row} after number {last}"
                assert filling[0] != row.place or row.seq > filling[1], f"{row} after {filling}"
            filling = (row.place, row.seq)
            assert row.seq not in seen[row.place], f"{row} came twice"
            seen[row.place].add(row.seq)

    def check_complete(self, reader: Reader, start: int) -> int:
        """Of every place that the reader holds: each change since it began to see it. Returns how many."""
        gains = self.gains(reader)
        received: dict[str, list[int]] = defaultdict(list)
        for line in reader.lines:
            row = self.by_date[line["date"]]
            if row.kind == "sight.lost":
                received[row.place] = []
            elif row.kind not in SIGHT:
                received[row.place].append(row.seq)
        checked = 0
        for place in reader.copy.places:
            begin = max([start, *gains[place]])
            due = [row.seq for row in self._states if row.place == place and row.seq > begin]
            assert [seq for seq in received[place] if seq > begin] == due, place
            checked += len(due)
        return checked

    def check_addressed(self, reader: Reader, start: int) -> None:
        """Every loss of sight that concerns the reader reached it."""
        received = {line["date"] for line in reader.lines}
        for row in self.rows:
            if row.kind == "sight.lost" and row.seq > start and self._for(row, reader):
                assert clock.to_text(row.date) in received, row

    @staticmethod
    def _for(row: Row, reader: Reader) -> bool:
        mine = row.addressee == reader.party.member
        return mine and (not row.purposes or reader.party.purpose in row.purposes)


class Audited:
    """Everything in the audit log."""

    def __init__(self, session: Session) -> None:
        rows = session.execute(
            select(AuditEntry, AuditPrivate).join(AuditPrivate, AuditPrivate.entry_id == AuditEntry.id)
        )
        self.documents: list[dict[str, Any]] = []
        self._by_body: dict[bytes, list[dict[str, Any]]] = defaultdict(list)
        self._by_request: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._bodies: dict[str, bytes] = {}
        for entry, private in rows:
            document = json.loads(entry.entry)
            self.documents.append(document)
            self._by_request[entry.request_id].append(document)
            if private.body_digest is None:
                continue
            opened = hashlib.sha256(private.salt + private.body_digest).hexdigest()
            assert document["commitments"]["body"] == opened, "the commitment opens to something else"
            self._by_body[private.body_digest].append(document)
            self._bodies[document["id"]] = private.body_digest

    def of(self, *actions: str, decision: str = "allowed") -> list[dict[str, Any]]:
        found = [document for document in self.documents if document["action"] in actions]
        return [document for document in found if document["decision"] == decision]

    def check_released(self, reader: Reader) -> int:
        """Every page and segment that the reader holds was released before. Returns how many there are."""
        checked = 0
        for got in reader.received:
            checked += self._check_stream(got) if got.stream else self._check_page(got, reader)
        return checked

    def check_answers(self, answered: Iterable[tuple[str, int]]) -> None:
        """Every answer to a write has its entry: what was done, or that it was refused."""
        for request_id, status in answered:
            decisions = {document["decision"] for document in self._by_request[request_id]}
            if 200 <= status < 300:
                assert decisions & {"allowed", "released"}, (request_id, status)
            elif status in {403, 404, 410}:
                assert decisions == {"refused"}, (request_id, status, decisions)
            else:
                assert "allowed" not in decisions, (request_id, status)

    def counted(self, action: str) -> Counter[str]:
        """Collection → sum of the counts that entries of this action name."""
        counts: Counter[str] = Counter()
        for document in self.of(action):
            for subject in document["subjects"]:
                if subject.get("count"):
                    counts[subject["collection"]] += subject["count"]
        return counts

    def _check_page(self, got: Received, reader: Reader) -> int:
        found = [doc for doc in self._by_body[digest(got.body)] if doc["request"] == got.request_id]
        assert [doc["decision"] for doc in found] == ["released"]
        assert found[0]["actor"]["member"] == reader.party.member
        return 1

    def _check_stream(self, got: Received) -> int:
        """Cut what came at its marks: each segment is what its entry says; the last may be incomplete."""
        entries = [doc for doc in self._by_request[got.request_id] if doc["decision"] == "released"]
        entries.sort(key=lambda doc: doc["stream"]["segment"])
        segments = _segments(got.body)
        assert len(entries) >= len(segments), "bytes came that no entry speaks of"
        whole = [
            digest(segment) == self._bodies[entry["id"]]
            for entry, segment in zip(entries, segments, strict=False)
        ]
        assert all(whole if got.closed else whole[:-1]), "a segment holds other bytes than its entry says"
        return sum(whole)


def _segments(body: bytes) -> list[bytes]:
    """What stands between the marks of a stream, without them."""
    segments = [b""]
    for line in body.splitlines(keepends=True):
        if line.startswith(MARK):
            segments.append(b"")
        else:
            segments[-1] += line
    return segments if segments[-1] else segments[:-1]


def check_changes_have_entries(committed: Committed, audited: Audited, upstream: Mapping[str, str]) -> None:
    """Every change is accounted for by entries about its collection.

    Every gain and loss of sight is, by one at that moment about its member, whoever serves it, or its list.
    """
    fresh: dict[str, set[str]] = defaultdict(set)
    gone: Counter[str] = Counter()
    narrowed, relisted = set[str](), -len(audited.of("list.created"))
    for row in committed.rows:
        if row.kind == "signal.changed":
            fresh[row.collection].add(row.object)
        elif row.kind == "signal.tombstoned" and row.line is not None:
            if row.line["reason"] == "narrowed":
                narrowed.add(row.object)
            else:
                gone[row.collection] += 1
        elif row.kind == "list.changed":
            relisted += 1
    assert audited.counted("signals.published") == Counter({name: len(ids) for name, ids in fresh.items()})
    assert audited.counted("signals.withdrawn") == gone
    marked = [doc["subjects"][0] for doc in audited.of("marking.changed")]
    assert {subject["id"] for subject in marked if subject["kind"] == "signal"} == narrowed
    assert len([subject for subject in marked if subject["kind"] == "list"]) == relisted
    moves = [
        (clock.from_text(doc["at"]), {subject.get("id") for subject in doc["subjects"]})
        for doc in audited.of(*MOVES)
    ]
    for row in committed.rows:
        if row.kind in SIGHT:
            about = {row.addressee, upstream.get(row.addressee or ""), row.collection} - {None}
            near = [named for at, named in moves if at <= row.date <= at + DATE_DRIFT]
            assert any(about & named for named in near), row


def check_nothing_half_written(session: Session) -> None:
    """No marking without its collection, no place whose newest number is not its own."""
    owners = set(session.scalars(select(Collection.marking_id)))
    loose = select(Marking.id).where(Marking.identity.is_(None), Marking.id.not_in(owners))
    assert session.scalars(loose).all() == []
    newest: dict[int, int] = {}
    for place_id, seq in session.execute(select(Change.place_id, Change.seq)):
        newest[place_id] = max(seq, newest.get(place_id, 0))
    for place in session.scalars(select(Place)):
        assert place.head == newest.get(place.id, 0), place.key


def head(session: Session) -> int:
    return session.execute(select(FeedHead.seq)).scalar_one()


def summary(readers: Sequence[Reader], audited: Audited) -> dict[str, int]:
    """What a run amounted to, printed with its seed."""
    whole = [got for reader in readers for got in reader.received if got.closed]
    return {
        "lines": sum(len(reader.lines) for reader in readers),
        "held": len(whole),
        "released": len(audited.of("changes.read", decision="released")),
        "unanswered": sum(reader.unanswered for reader in readers),
        "entries": len(audited.documents),
    }
