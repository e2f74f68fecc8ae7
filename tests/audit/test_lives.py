"""Lives of the log: after a restore it goes on under another origin, which has one root for each size."""

import pytest
from sqlalchemy import select

from app.audit import checkpoints, cosignatures, lives, proofs, sequencer
from app.audit.lives import FIRST
from app.audit.models import AuditCheckpoint
from app.clock import SECOND
from app.keys import Use
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import BadNote
from app.transparency.notes import Note, open_checkpoint
from app.transparency.tree import verify_consistency
from tests.audit import writing
from tests.audit.copies import copied

BASE = "example.org/audit"
NOW = 1_800_000_000 * SECOND


def grow(house, count, second=0):
    """Entries with their numbers, and a checkpoint over them as it is stored."""
    writing.write(house, count)
    sequencer.drain(house.db)
    assert checkpoints.sign(house.db, house.keyring, BASE, NOW + second * SECOND)
    return rows(house)[-1]


def rows(house):
    with house.db.read() as session:
        found = list(session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size)))
        session.expunge_all()
        return found


def begin(house, second=0):
    with house.db.write() as session:
        return lives.begin_new(session, NOW + second * SECOND)


def all_of(house):
    with house.db.read() as session:
        return lives.all_of(session)


def opened(house, row, life):
    """A checkpoint as a verifier reads it that trusts the keys published for this life."""
    with house.db.read() as session:
        published = house.keyring.published(session, Use.AUDIT)
    name = life.origin(BASE)
    keys = [checkpoints.verifier_key(name, jwk) for jwk in published]
    return open_checkpoint(row.note, name, keys)[0]


def test_the_first_life_has_the_name_of_the_log(house):
    assert all_of(house) == [FIRST]
    assert FIRST.origin(BASE) == BASE
    assert Note.parse(grow(house, 3).note).text.startswith(f"{BASE}\n3\n")


def test_a_new_life_takes_over_every_entry_and_signs_under_another_name(house):
    before = grow(house, 7)
    life = begin(house)
    assert (life.number, life.began_at_size) == (2, 7)
    assert life.origin(BASE).startswith(f"{BASE}/2-")
    after = grow(house, 5)  # within the same second: a new life need not wait
    assert (before.life, after.life) == (1, 2)
    old, new = opened(house, before, FIRST), opened(house, after, life)
    assert (old.size, new.size) == (7, 12)
    with house.db.read() as session:
        growth = proofs.of_growth(session, 7, 12)
    verify_consistency(7, 12, old.root, new.root, growth.hashes)
    with pytest.raises(BadNote):
        opened(house, after, FIRST)


def test_old_checkpoints_are_served_for_their_sizes(house):
    before = grow(house, 7)
    begin(house)
    after = grow(house, 5)
    with house.db.read() as session:
        assert proofs.of_leaf(session, 3, 7).note == before.note
        assert proofs.of_leaf(session, 3, None).note == after.note
        assert [one.row.size for one in cosignatures.history(session, before=None, limit=9)] == [12, 7]


def test_nothing_is_signed_in_a_new_life_before_the_log_has_grown(house):
    grow(house, 7)
    begin(house)
    assert not checkpoints.sign(house.db, house.keyring, BASE, NOW + 9 * SECOND)
    assert [row.size for row in rows(house)] == [7]


def test_a_copy_restored_twice_begins_two_lives_of_different_names(house, new_database_url):
    grow(house, 7)
    restored = [copied(house, new_database_url) for _ in range(2)]
    made = {}
    for one in restored:
        life = begin(one)
        row = grow(one, 5)
        made[life.origin(BASE)] = row.root
        assert Checkpoint.parse(Note.parse(row.note).text).origin == life.origin(BASE)
        one.db.dispose()
    assert len(made) == 2
    assert len(set(made.values())) == 2


def test_lives_follow_each_other(house):
    grow(house, 3)
    first = begin(house, 10)
    grow(house, 2, 20)
    second = begin(house, 30)
    assert all_of(house) == [FIRST, first, second]
    assert [life.number for life in all_of(house)] == [1, 2, 3]
    assert (first.began_at_size, second.began_at_size) == (3, 5)


def test_who_has_the_log_of_a_life_goes_on_where_the_next_one_began(house, new_database_url):
    grow(house, 7)
    house.db.dispose()
    copy = copied(house, new_database_url)
    other = begin(copy)
    begin(house)
    grow(house, 5, 5)
    second = begin(house)
    grow(house, 4, 10)
    with house.db.read() as session:
        assert [lives.goes_on(session, "", index) for index in (3, 7, 9)] == [3, 7, 7]
        assert lives.goes_on(session, second.name, 15) == 15
        assert lives.goes_on(session, lives.all_of(session)[1].name, 15) == 12
        assert lives.goes_on(session, other.name, 15) == 7
    copy.db.dispose()
