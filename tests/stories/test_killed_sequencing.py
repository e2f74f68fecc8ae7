"""The log has no gap, no fork and no loss, wherever the sequencer, the signing and the server are killed.

Clients read and write over HTTP while processes are killed, half of the time at a moment that is drawn, half
of the time at a place that is drawn: at a statement inside of a transaction that numbers entries or signs a
checkpoint, before its commit, or just after it. What a process reached last is written outside of the
database (`marked.py`), so that the story can say how many kills hit an open transaction.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from sqlalchemy import func, select

from app.audit.models import AuditCheckpoint, AuditEntry
from app.transparency.checkpoints import Checkpoint
from app.transparency.notes import VerifierKey, open_checkpoint
from app.transparency.tree import verify_consistency, verify_inclusion
from tests.audit.writing import write
from tests.stories.acting import Acting
from tests.stories.coalition import Coalition, operator
from tests.stories.crowd import Exchanging, Flooding, Reading, Watching, Writing
from tests.stories.fleet import Fleet
from tests.stories.logbook import Logbook
from tests.stories.marked import PLACES
from tests.stories.model import Marked
from tests.stories.party import Party
from tests.stories.server import Site

KILLS, SOAKED_KILLS = 10, 200
WRITERS, READERS, AUDITORS = 4, 8, 2
FLOOD = 600
LONGEST_WAIT = 1.6
FINISH_SECONDS = 60
SETTLE_SECONDS = 30
ASKED = 30
"""Proofs that are asked for over HTTP; all others are made from the stored tiles."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]


@pytest.fixture
def fleet(site: Site) -> Iterator[Fleet]:
    made = Fleet(site.database_url, site.folder, site.backend)
    try:
        made.start()
        yield made
    finally:
        faults = made.close()
    assert faults == []


@dataclass
class Crowd:
    """Everybody who calls."""

    auditor: Party
    writing: list[Writing]
    reading: list[Reading]
    watching: Watching
    flooding: Flooding

    @property
    def exchanging(self) -> list[Exchanging]:
        return [*self.writing, *self.reading]

    @property
    def everybody(self) -> list[Acting]:
        return [*self.exchanging, self.watching, self.flooding]

    @property
    def acknowledged(self) -> list[str]:
        return [name for client in self.exchanging for name in client.acknowledged]


@pytest.fixture
def crowd(site: Site, fleet: Fleet, seed: str) -> Iterator[Crowd]:
    coalition = Coalition(operator(site.runtime, fleet.url))
    owner = coalition.member("Owner")
    writers = [coalition.client(owner) for _ in range(WRITERS)]
    list_id = coalition.new_list(writers[0], Marked("TLP:GREEN", "community"), "killed")
    reader = coalition.member("Reader")
    paths = (f"/v1/signal-lists/{list_id}", "/v1/changes?limit=20", "/v1/signal-lists", "/v1/me")
    reading = [Reading(coalition.client(reader), paths, f"{seed}/r{n}") for n in range(READERS)]
    reading += [
        Reading(coalition.office, ("/v1/audit/entries?limit=50",), f"{seed}/a{n}") for n in range(AUDITORS)
    ]
    yield Crowd(
        auditor=coalition.client(coalition.member("Auditor", "oversight")),
        writing=[Writing(party, list_id, f"{seed}/w{n}") for n, party in enumerate(writers)],
        reading=reading,
        watching=Watching(fleet.url),
        flooding=Flooding(lambda count: write(site.runtime, count), f"{seed}/f", FLOOD),
    )
    coalition.close()


def test_no_gap_no_fork_no_loss(site: Site, fleet: Fleet, crowd: Crowd, seed: str, soak: bool) -> None:  # noqa: FBT001 - a fixture
    kills = SOAKED_KILLS if soak else KILLS
    before = time.monotonic()
    for client in crowd.everybody:
        client.start()
    kill_again_and_again(fleet, kills, random.Random(seed))
    for client in (*crowd.exchanging, crowd.flooding):
        client.finish(FINISH_SECONDS)
    settle(site)
    crowd.watching.act()
    crowd.watching.finish(FINISH_SECONDS)
    with site.runtime.db.read() as session:
        log = Logbook(session)
    log.check_dense_and_one_tree()
    checkpoints = served(fleet, crowd.watching)
    log.check_continues(checkpoints)
    indexes = log.check_holds(crowd.acknowledged, checkpoints[-1])
    check_over_http(
        crowd.auditor, log, random.Random(seed).sample(indexes, min(ASKED, len(indexes))), checkpoints
    )
    hits = fleet.hits
    print(  # noqa: T201 - pytest shows it when a story fails
        f"\nkills: {kills} in {time.monotonic() - before:.0f} s, {hits.unwritten} of them with changed rows"
        f" in an open transaction\n  at places: {dict(hits.told)}\n  at moments: {dict(hits.unforeseen)}\n"
        f"entries: {log.size}, of them acknowledged exchanges: {len(crowd.acknowledged)}, flooded:"
        f" {crowd.flooding.count}; checkpoints served: {len(checkpoints)}"
    )
    assert hits.unwritten >= kills // 10, "the kills hit nothing: the story shows too little"
    assert len(checkpoints) > kills // 2
    assert len(crowd.acknowledged) > kills


def kill_again_and_again(fleet: Fleet, kills: int, drawn: random.Random) -> None:
    """Kill at a place and at a moment in turn; places come in a drawn order until each was there."""
    places: list[str] = []
    for number in range(kills):
        time.sleep(drawn.uniform(0, LONGEST_WAIT))
        if number % 2:
            fleet.kill(*drawn.sample(fleet.names, drawn.randint(1, len(fleet.names))))
        else:
            places = places or drawn.sample(PLACES, len(PLACES))
            place = places.pop()
            assert fleet.kill_at(place), f"nobody came to {place}"
        fleet.start()


def settle(site: Site) -> None:
    """Wait until everything that was committed is covered by a checkpoint."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        with site.runtime.db.read() as session:
            count = session.scalar(select(func.count()).select_from(AuditEntry))
            signed = session.scalar(select(func.max(AuditCheckpoint.size)))
        if count == signed:
            return
        assert time.monotonic() < deadline, f"{count} entries, but a checkpoint of {signed}"
        time.sleep(0.05)


def served(fleet: Fleet, watching: Watching) -> list[Checkpoint]:
    """Every checkpoint that a client was given, opened with the published keys, as they came."""
    home = httpx.get(f"{fleet.url}/.well-known/halyard", trust_env=False).json()["audit_log"]
    keys = [VerifierKey.parse(key["vkey"]) for key in home["keys"]]
    found = [open_checkpoint(note, home["origin"], keys)[0] for note in watching.notes]
    assert len({one.size for one in found}) == len(found), "two notes for one size"
    assert [one.size for one in found] == sorted(one.size for one in found), "the log went back"
    return found


def check_over_http(auditor: Party, log: Logbook, indexes: list[int], checkpoints: list[Checkpoint]) -> None:
    """The server's own proofs: of entries in the newest tree, and that this grew from older checkpoints."""
    newest = checkpoints[-1]
    for index in indexes:
        answer = auditor.get("/v1/audit/proof", index=index, size=newest.size).json()
        verify_inclusion(index, newest.size, log.leaves[index], _hashes(answer), newest.root)
    for old in checkpoints[:: len(checkpoints) // ASKED + 1]:
        answer = auditor.get("/v1/audit/consistency", **{"from": old.size, "to": newest.size}).json()
        verify_consistency(old.size, newest.size, old.root, newest.root, _hashes(answer))


def _hashes(answer: dict[str, list[str]]) -> list[bytes]:
    return [bytes.fromhex(one) for one in answer["hashes"]]
