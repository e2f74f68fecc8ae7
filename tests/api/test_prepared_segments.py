"""Prepared segments: readers that start get them, and nobody gets from them what is no longer so."""

# mypy: disable-error-code="index"

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import record
from app.api import changes
from app.audit.entry import Request
from app.audit.models import AuditEntry, AuditPrivate
from app.feed import incarnation, places, preparing
from app.feed.append import Line, append
from app.runtime import Runtime
from app.signals.withdrawal import expire_due
from schemas.vocabulary import ChangeKind
from tests.api.segments import LINES, prepare, read, standing, stored, stream
from tests.factories import Caller, Make
from tests.fakes import FakeClock
from tests.hashes import in_database, new_list, publish, published, sha, withdraw
from tests.samples import COMMUNITY, group_marking, members_marking, red_marking
from tests.taking import join

SIZE = 3
SIGNALS = 8


@pytest.fixture(autouse=True)
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparing, "LINES", SIZE)
    monkeypatch.setattr(preparing, "LEAST", 2)
    monkeypatch.setattr(changes, "SEGMENT_LINES", SIZE)


@pytest.fixture
def signals(platform: Caller, open_list: str) -> list[str]:
    """Entries of a list that the community sees: with the list itself three segments' worth."""
    return published(platform, open_list, *(sha(f"value {number}") for number in range(SIGNALS)))


def test_who_starts_is_given_prepared_segments_with_the_same_lines(
    runtime: Runtime, signals: list[str], open_list: str, bank: Caller
) -> None:
    live = stream(bank, runtime)
    assert live.prepared == 0
    assert prepare(runtime) == 3
    ready = stream(bank, runtime)
    assert ready.prepared == 3
    assert ready.closed
    assert ready.lines == live.lines
    assert ready.objects == [open_list, *signals]


@pytest.mark.parametrize("coding", ["gzip", "identity"])
def test_who_cannot_read_zstd_is_given_the_same_lines(
    runtime: Runtime, signals: list[str], bank: Caller, coding: str
) -> None:
    prepare(runtime)
    answer = bank.get("/v1/changes", headers={**LINES, "Accept-Encoding": coding})
    data = answer.data if coding == "identity" else gzip.decompress(answer.data)
    lines = [json.loads(line) for line in data.splitlines()]
    assert [line["object"] for line in lines if "object" in line] == stream(bank, runtime).objects


def test_the_audit_trail_is_that_of_a_live_stream(runtime: Runtime, signals: list[str], bank: Caller) -> None:
    live = stream(bank, runtime)
    prepare(runtime)
    ready = stream(bank, runtime)
    trails = [trail(runtime, each.request_id) for each in (live, ready)]
    # A prepared segment is never the last: the closing line has a segment of its own behind it.
    assert [entry["decision"] for entry in trails[0]] == ["released"] * 3 + ["completed"]
    assert [entry["decision"] for entry in trails[1]] == ["released"] * 4 + ["completed"]
    for before, after in zip(trails[0][:3], trails[1], strict=False):
        assert {**after, "id": "", "at": "", "request": "", "stream": "", "commitments": ""} == {
            **before, "id": "", "at": "", "request": "", "stream": "", "commitments": ""
        }  # fmt: skip
        assert after["stream"]["segment"] == before["stream"]["segment"]
    for entry, segment in zip(trails[1], ready.segments, strict=False):
        assert entry["commitments"]["body"] == entry_opening(runtime, entry["id"], segment)


def trail(runtime: Runtime, request_id: str) -> list[dict[str, Any]]:
    """The entries of one request in order."""
    wanted = select(AuditEntry.entry).where(AuditEntry.request_id == request_id)
    with runtime.db.read() as session:
        entries = [json.loads(entry) for entry in session.scalars(wanted)]
    return sorted(entries, key=lambda entry: entry["stream"]["segment"])


def entry_opening(runtime: Runtime, entry_id: str, body: bytes) -> str:
    """What the commitment of this entry must be if it speaks of these bytes."""
    with runtime.db.read() as session:
        salt = session.get_one(AuditPrivate, entry_id).salt
    return hashlib.sha256(salt + hashlib.sha256(body).digest()).hexdigest()


def test_behind_the_snapshot_the_feed_goes_on_with_the_same_cursor(
    runtime: Runtime, signals: list[str], bank: Caller, platform: Caller, open_list: str
) -> None:
    prepare(runtime)
    whole = bank.get("/v1/changes", headers={"Accept": LINES["Accept"]}).data.splitlines()
    marks = [number for number, line in enumerate(whole) if b'"page.' in line]
    assert len(marks) == 4
    later = published(platform, open_list, sha("later"))
    for mark in marks:
        came = [json.loads(line)["object"] for line in whole[:mark] if b'"object"' in line]
        following = stream(bank, runtime, after=json.loads(whole[mark])["next"])
        assert came + following.objects == [open_list, *signals, *later]


def test_what_ends_or_begins_while_a_snapshot_is_read_comes_behind_it_once(
    runtime: Runtime, signals: list[str], bank: Caller, platform: Caller, open_list: str
) -> None:
    prepare(runtime)
    answer = bank.get("/v1/changes", headers=LINES, buffered=False)
    pieces = iter(answer.iter_encoded())
    data = next(pieces) + next(pieces)
    withdraw(platform, open_list, signals[-1])
    (again,) = (item["id"] for item in publish(platform, open_list, sha("another")))
    data += b"".join(pieces)
    lines = [
        json.loads(line)
        for part in read(data, "", set()).segments for line in part.splitlines()
    ]  # fmt: skip
    assert [(line["kind"], line.get("object")) for line in lines] == [
        ("list.changed", open_list),
        *(("signal.changed", signal) for signal in signals[:-1]),
        ("signal.tombstoned", signals[-1]),
        ("signal.changed", again),
        ("page.closed", None),
    ]


# ── Gone is gone ────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class World:
    """What an act is done in."""

    make: Make
    owner: Caller
    list_id: str
    signal: str
    clock: FakeClock

    @property
    def runtime(self) -> Runtime:
        return self.make.runtime


def withdrawn(world: World) -> None:
    withdraw(world.owner, world.list_id, world.signal)


def renewed(world: World) -> None:
    longer = {name: item for name, item in SHORT.items() if name != "valid_until"}
    assert publish(world.owner, world.list_id, longer)[0]["status"] == "already_yours"


def narrowed(world: World) -> None:
    path = f"/v1/signals/{world.signal}/marking"
    marking = members_marking(world.owner.member.id, tlp="TLP:AMBER+STRICT")
    assert world.owner.put(path, json=marking).status_code == 200


def made_red(world: World) -> None:
    person = world.make.user(world.owner.member)
    author = world.make.caller(world.owner.member, user=person)
    answer = author.put(f"/v1/signals/{world.signal}/marking", json=red_marking(person.id))
    assert answer.status_code == 200, answer.text


def expired(world: World) -> None:
    world.clock.advance(2 * 86_400)
    with record.begin(world.runtime, record.as_system, Request()) as tx:
        assert expire_due(tx, 10) == 1


SHORT = {**sha("value short"), "valid_until": "2026-11-24T09:00:00Z"}
ENDINGS: list[Callable[[World], None]] = [withdrawn, narrowed, made_red, expired]


@pytest.fixture
def world(make: Make, platform: Caller, open_list: str, signals: list[str], clock: FakeClock) -> World:
    """A signal that ends tomorrow, in the last prepared segment of four."""
    (signal,) = published(platform, open_list, SHORT)
    published(platform, open_list, sha("value behind"), sha("value last"))
    assert prepare(make.runtime) == 4
    assert in_database(make.runtime, bytes.fromhex(SHORT["value"])) == ["change", "entry", "segment"]
    return World(make, platform, open_list, signal, clock)


@pytest.mark.parametrize("act", ENDINGS)
def test_with_what_ends_its_segment_is_gone_in_the_same_act(
    world: World, bank: Caller, act: Callable[[World], None]
) -> None:
    whole = stored(world.runtime)
    act(world)
    left = stored(world.runtime)
    assert len(left) == len(whole) - 1
    assert left == [each for each in whole if SHORT["value"].encode() not in each.body]
    prepare(world.runtime)
    assert "segment" not in in_database(world.runtime, bytes.fromhex(SHORT["value"]))
    reader = replace(bank, token=world.make.token(bank.client))
    ready = stream(reader, world.runtime)
    assert ready.prepared >= 3
    assert SHORT["value"].encode() not in b"".join(ready.segments)
    assert ready.lines == live_lines(reader, world.runtime)


def live_lines(reader: Caller, runtime: Runtime) -> list[dict[str, Any]]:
    """What a stream holds when nothing is prepared."""
    preparing.step(runtime.db, 0)
    live = stream(reader, runtime)
    assert live.prepared == 0
    return live.lines


def test_a_segment_of_what_was_renewed_is_made_anew_with_the_new_state(world: World, bank: Caller) -> None:
    renewed(world)
    assert len(stored(world.runtime)) == 3
    assert prepare(world.runtime) == 4
    ready = stream(bank, world.runtime)
    (line,) = [line for line in ready.lines if line["object"] == world.signal]
    assert line["body"]["valid_until"] > SHORT["valid_until"]
    assert ready.lines == live_lines(bank, world.runtime)


def test_what_was_rolled_back_leaves_segments_as_they_were(world: World) -> None:
    """The signal's only line is superseded in a transaction that fails behind that."""
    whole = stored(world.runtime)
    with pytest.raises(Overtaken), record.begin(world.runtime, record.as_system, Request()) as tx:
        fail(tx, world)
    assert stored(world.runtime) == whole


def fail(tx: record.Tx, world: World) -> None:
    line = Line(
        place=places.of_collection(tx.session, world.list_id), kind=ChangeKind.SIGNAL_TOMBSTONED,
        collection_id=world.list_id, object_id=world.signal, clears=True,
    )  # fmt: skip
    append(tx.session, [line], tx.now)
    raise Overtaken


@pytest.mark.parametrize("act", [*ENDINGS, renewed])
def test_a_segment_that_was_overtaken_while_it_was_made_is_not_stored(
    world: World, monkeypatch: pytest.MonkeyPatch, act: Callable[[World], None]
) -> None:
    """The bytes are made, then the act is committed, then they would be stored."""
    preparing.step(world.runtime.db, 0)
    real, moments = preparing._store, iter(range(1_000))

    def store(session: Session, made: preparing.Made) -> bool:
        if next(moments) == 3:  # the fourth segment holds the signal
            act(world)
            assert not real(session, made)
            raise Overtaken
        return real(session, made)

    monkeypatch.setattr(preparing, "_store", store)
    with pytest.raises(Overtaken):
        prepare(world.runtime)
    monkeypatch.setattr(preparing, "_store", real)
    assert len(stored(world.runtime)) == 3
    prepare(world.runtime)
    for each in stored(world.runtime):
        assert each.body == standing(world.runtime, each)


class Overtaken(Exception):
    """The moment has come."""


def test_after_a_restore_no_segment_is_left(world: World) -> None:
    assert stored(world.runtime)
    with world.runtime.db.write() as session:
        incarnation.begin_new(session, world.clock())
    assert stored(world.runtime) == []


# ── Who is given them ───────────────────────────────────────────────────────────────────────────────────


def test_where_another_place_that_the_reader_sees_has_lines_between_it_is_read_line_by_line(
    runtime: Runtime, platform: Caller, bank: Caller
) -> None:
    """Two lists that were filled in turn; who reads one of them is given its segments."""
    lists = [new_list(platform, COMMUNITY, slug=f"list-{name}") for name in "ab"]
    for number in range(6):
        for list_id in lists:
            published(platform, list_id, sha(f"{list_id} {number}"))
    quiet = published(platform, lists[0], *(sha(f"quiet {number}") for number in range(6)))
    live = stream(bank, runtime)
    assert prepare(runtime) == 6
    ready = stream(bank, runtime)
    assert ready.lines == live.lines
    assert ready.objects[-6:] == quiet
    assert ready.prepared == 1, "only the last one of the first list lies alone"
    one = stream(bank, runtime, collection=lists[1])
    assert (one.prepared, len(one.lines)) == (2, 7)


def test_where_only_what_the_reader_does_not_see_lies_between_segments_are_given(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller
) -> None:
    seen = new_list(platform, COMMUNITY, slug="seen")
    hidden = new_list(platform, members_marking(make.member().id), slug="hidden")
    for number in range(5):
        for list_id in (seen, hidden):
            published(platform, list_id, sha(f"{list_id} {number}"))
    prepare(runtime)
    ready = stream(bank, runtime)
    assert (ready.prepared, ready.closed) == (2, True)
    assert {line["collection"] for line in ready.lines} == {seen}


def test_who_gains_sight_is_given_the_place_in_prepared_segments(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller
) -> None:
    group = make.group(platform.member, [platform.member])
    list_id = new_list(platform, group_marking(group.id))
    ids = published(platform, list_id, *(sha(f"gained {number}") for number in range(7)))
    cursor = json.loads(bank.get("/v1/changes").data)["next"]
    prepare(runtime)
    join(make, bank, list_id, group.id)
    ready = stream(bank, runtime, after=cursor)
    assert [line["kind"] for line in ready.lines][-1] == "sight.gained"
    assert ready.objects[:-1] == [list_id, *ids]
    assert ready.prepared == 2
    preparing.step(runtime.db, 0)
    assert stream(bank, runtime, after=cursor).lines == ready.lines


def test_who_may_not_see_a_list_is_given_nothing_of_its_segments(
    runtime: Runtime, make: Make, platform: Caller, bank: Caller
) -> None:
    list_id = new_list(platform, members_marking(make.member().id))
    published(platform, list_id, *(sha(f"hidden {number}") for number in range(5)))
    assert prepare(runtime) == 2
    ready = stream(bank, runtime)
    assert (ready.lines, ready.prepared) == ([], 0)
    assert stream(platform, runtime).prepared == 2


def test_who_is_up_to_date_reads_line_by_line_and_is_told_what_was_superseded(
    runtime: Runtime, platform: Caller, bank: Caller, open_list: str
) -> None:
    cursor = json.loads(bank.get("/v1/changes").data)["next"]
    ids = published(platform, open_list, *(sha(f"late {number}") for number in range(6)))
    withdraw(platform, open_list, ids[0])
    prepare(runtime)
    ready = stream(bank, runtime, after=cursor)
    assert ready.prepared == 0
    assert ready.objects == [*ids, ids[0]]


def test_pages_in_json_hold_what_segments_hold(
    runtime: Runtime, signals: list[str], bank: Caller, open_list: str
) -> None:
    prepare(runtime)
    assert [line["object"] for line in bank.get("/v1/changes").json["changes"]] == [open_list, *signals]


# ── What is prepared ────────────────────────────────────────────────────────────────────────────────────


def test_small_places_and_the_growing_end_are_not_prepared(
    runtime: Runtime, signals: list[str], platform: Caller, open_list: str
) -> None:
    assert prepare(runtime, threshold=SIGNALS + 2) == 0
    assert prepare(runtime, threshold=SIGNALS + 1) == 3
    published(platform, open_list, sha("one more"))
    assert prepare(runtime) == 3
    published(platform, open_list, sha("two more"), sha("three more"))
    assert prepare(runtime) == 4


def test_turned_off_nothing_is_prepared_and_what_was_is_deleted(
    runtime: Runtime, signals: list[str], bank: Caller
) -> None:
    prepare(runtime)
    assert preparing.step(runtime.db, 0)
    assert stored(runtime) == []
    assert not preparing.step(runtime.db, 0)


def test_a_gap_with_few_lines_waits_until_a_neighbour_is_made_anew(
    runtime: Runtime, signals: list[str], platform: Caller, open_list: str
) -> None:
    prepare(runtime)
    withdraw(platform, open_list, *signals[2:4])  # of the second segment
    assert prepare(runtime) == 2
    withdraw(platform, open_list, signals[5])  # of the third one, which goes with its neighbour's rest
    prepare(runtime)
    extents = [(each.first, each.last, each.lines) for each in stored(runtime)]
    assert [lines for _, _, lines in extents] == [3, 3, 3]
    assert all(before[1] < after[0] for before, after in pairwise(extents))
    for each in stored(runtime):
        assert each.body == standing(runtime, each)
        assert each.digest == hashlib.sha256(each.body).digest()
