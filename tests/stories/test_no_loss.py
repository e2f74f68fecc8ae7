"""No poller misses or repeats a change, whatever writers, policy and SIGKILL do at the same time.

Eight writers and four pollers over the real HTTP server, while members come and go, attributes expire and
lists narrow: one poller stays where it is, the others come and go. Afterwards everything that the pollers
were given is compared with the tables themselves.
"""

import itertools
import time
from hashlib import sha256

import pytest

from tests.stories.conftest import Enrol
from tests.stories.evidence import (
    Audited,
    Committed,
    check_changes_have_entries,
    check_nothing_half_written,
    head,
    summary,
)
from tests.stories.model import Marked
from tests.stories.party import Party
from tests.stories.reader import Reader
from tests.stories.server import Site
from tests.stories.telling import Scale, Story, play, tell

NORMAL = Scale(steps=20, signals=2_000, seconds=120)
SOAK = Scale(steps=400, signals=100_000, seconds=1_800)
BATCH = 10_000
WHOLE = 1_000
KILLED_AT = (0.3, 0.6)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3_600)]


@pytest.fixture
def scale(soak: bool) -> Scale:  # noqa: FBT001 - a fixture
    return SOAK if soak else NORMAL


@pytest.fixture
def story(site: Site, enrol: Enrol, seed: str, scale: Scale) -> Story:
    """Told up to where everybody begins; on PostgreSQL by a server of two processes."""
    server = site.serve(PROCESSES="1" if site.backend == "sqlite" else "2", THREADS="12")
    return tell(site, server, enrol(server), seed, scale)


def test_every_poller_gets_every_change_once_and_in_order(story: Story, scale: Scale) -> None:
    play(story, scale.seconds)
    check(story)


def test_nothing_is_lost_or_repeated_when_the_server_is_killed_and_started_again(
    story: Story, scale: Scale
) -> None:
    def kill(playing: Story) -> None:
        for part in KILLED_AT:
            while playing.progress < part and any(writer.is_alive() for writer in playing.writers):
                time.sleep(0.01)
            playing.server.kill()
            playing.server.start()

    play(story, scale.seconds, kill)
    check(story)


def check(story: Story) -> None:
    """Everything that was promised."""
    with story.site.runtime.db.read() as session:
        committed, audited = Committed(session), Audited(session)
        committed.check_dense(head(session))
        check_nothing_half_written(session)
    for reader in story.readers:
        committed.check_order(reader)
        committed.check_addressed(reader, story.start)
        assert audited.check_released(reader) > 0
        check_copies(story, reader)
    assert sum(committed.check_complete(reader, story.start) for reader in story.readers) > 0
    check_changes_have_entries(committed, audited, story.coalition.world.upstream)
    for writer in story.writers:
        audited.check_answers(writer.party.answered)
    assert sum(writer.refused for writer in story.writers) > 0
    assert audited.of("answer.replayed"), "no answer was lost: the story shows nothing about retries"
    print(summary(story.readers, audited), f"acts of policy: {story.director.acts}")  # noqa: T201


def check_copies(story: Story, reader: Reader) -> None:
    """The reader's copy is what the model says; and so is that of somebody who begins now."""
    party = reader.party
    may = story.coalition.world.may_hold(party.member, party.purpose, time.time())
    late, lately = Reader(party), Reader(party)
    late.drain(WHOLE)
    lately.drain(WHOLE, streaming=True)
    for who in (reader, late, lately):
        held = who.copy.objects()
        assert held.keys() == may.keys()
        for name, expected in may.items():
            assert {key: held[name][key] for key in expected} == expected


def test_leaving_a_list_writes_one_row_however_long_it_is(site: Site, enrol: Enrol, scale: Scale) -> None:
    coalition = enrol(site.serve())
    owner = coalition.client(coalition.member("Owner"))
    guest = coalition.client(coalition.member("Guest"))
    group = coalition.group(owner)
    coalition.join(group, owner, guest)
    list_id = coalition.new_list(owner, Marked("TLP:AMBER", "group", group), "long")
    fill(owner, list_id, scale.signals)
    reader = Reader(guest)
    reader.drain(WHOLE, streaming=True)
    assert len(reader.copy.objects()) == scale.signals + 1
    with site.runtime.db.read() as session:
        before = head(session)
    coalition.leave(group, guest, guest.member)
    with site.runtime.db.read() as session:
        after = Committed(session).rows[before:]
    assert [row.kind for row in after] == ["sight.lost"]
    reader.drain(WHOLE)
    assert reader.copy.objects() == {}


def fill(owner: Party, list_id: str, count: int) -> None:
    """Publish this many signals."""
    numbers = iter(range(count))
    while batch := list(itertools.islice(numbers, BATCH)):
        signals = [{"type": "sha256", "value": sha256(b"%d" % number).hexdigest()} for number in batch]
        answer = owner.write("POST", f"/v1/signal-lists/{list_id}/signals", {"signals": signals})
        assert answer.json()["accepted"] == len(batch), answer.text[:300]
