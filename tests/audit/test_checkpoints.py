"""Checkpoints: one root for each size, of what is committed, signed by the key of the log alone."""

import threading

import pytest
from sqlalchemy import delete, event, select, update

from app.audit import checkpoints, sequencer
from app.audit.checkpoints import origin, sign, verifier_key
from app.audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditTile
from app.audit.tree import consistency, inclusion
from app.clock import SECOND
from app.keys import Use
from app.transparency.errors import Unsigned
from app.transparency.notes import open_checkpoint
from app.transparency.tree import leaf_hash, root_of, verify_consistency, verify_inclusion
from app.worker import loops
from tests.audit import writing

NAME = "example.org/audit"
NOW = 1_800_000_000 * SECOND


def write(house, count):
    """Make entries and give them their numbers."""
    writing.write(house, count)
    sequencer.drain(house.db)


def signed(house, second=0):
    return sign(house.db, house.keyring, NAME, NOW + second * SECOND)


def all_of(house):
    with house.db.read() as session:
        rows = list(session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size)))
        session.expunge_all()
        return rows


def keys(house):
    with house.db.read() as session:
        return [verifier_key(NAME, jwk) for jwk in house.keyring.published(session, Use.AUDIT)]


def leaves(house):
    with house.db.read() as session:
        numbered = select(AuditEntry.entry).where(AuditEntry.seq.is_not(None)).order_by(AuditEntry.seq)
        return [leaf_hash(entry) for entry in session.scalars(numbered)]


def opened(house, row):
    found, _ = open_checkpoint(row.note, NAME, keys(house))
    return found


@pytest.mark.parametrize(
    ("issuer", "name"),
    [
        ("https://example.org", "example.org/audit"),
        ("https://example.org/", "example.org/audit"),
        ("http://127.0.0.1:8440", "127.0.0.1:8440/audit"),
        ("https://example.org/hub/", "example.org/hub/audit"),
        ("https://example.org/a+b c", "example.org/a%2Bb%20c/audit"),
        ("http://[::1]:8440", "[::1]:8440/audit"),
    ],
)
def test_the_origin_is_the_issuer_without_its_scheme(issuer, name):
    assert origin(issuer) == name


def test_a_checkpoint_says_the_size_and_the_root_of_the_whole_log(house):
    write(house, 300)
    assert signed(house)
    (row,) = all_of(house)
    found = opened(house, row)
    assert (found.size, found.root, found.extensions) == (300, root_of(leaves(house)), ())
    assert (row.size, row.root, row.signed_at) == (300, found.root, NOW)


def test_an_empty_log_has_no_checkpoint(house):
    assert not signed(house)
    assert all_of(house) == []


def test_nothing_is_signed_twice_and_nothing_within_the_same_second(house):
    write(house, 3)
    assert signed(house)
    assert not signed(house, 5)
    write(house, 1)
    assert not signed(house, 0.9)
    assert signed(house, 1)
    assert [row.size for row in all_of(house)] == [3, 4]


def test_a_clock_that_was_set_back_does_not_hold_checkpoints_up(house):
    write(house, 3)
    assert signed(house, 86_400)
    write(house, 1)
    assert signed(house, 0)


def test_the_worker_signs_what_it_sequenced(house):
    write(house, 3)
    assert loops.sign_checkpoint(house)
    assert not loops.sign_checkpoint(house)
    assert [row.size for row in all_of(house)] == [3]


def test_every_entry_is_proven_against_every_later_checkpoint(house):
    sizes = [1, 2, 3, 255, 256, 257, 300]
    for second, (before, size) in enumerate(zip([0, *sizes], sizes, strict=False)):
        write(house, size - before)
        assert signed(house, second)
    made, found = leaves(house), [opened(house, row) for row in all_of(house)]
    assert [one.size for one in found] == sizes
    with house.db.read() as session:
        for index in range(300):
            verify_inclusion(index, 300, made[index], inclusion(session, index, 300), found[-1].root)
        for old in found:
            for new in found:
                if old.size <= new.size:
                    proof = consistency(session, old.size, new.size)
                    verify_consistency(old.size, new.size, old.root, new.root, proof)


def test_competing_processes_sign_one_root_for_each_size(house):
    def work(number):
        for n in range(10):
            write(house, 3)
            signed(house, 100 * n + 2 * number)

    write(house, 1)
    assert signed(house, -100)
    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    signed(house, 10_000)
    made, rows = leaves(house), all_of(house)
    assert len(made) == 121
    assert (rows[0].size, rows[-1].size) == (1, 121)
    for row in rows:
        found = opened(house, row)
        assert (found.size, found.root) == (row.size, root_of(made[: row.size]))


def test_a_new_key_signs_from_the_next_checkpoint_on(house):
    write(house, 3)
    signed(house)
    with house.db.write() as session:
        ahead = [verifier_key(NAME, jwk) for jwk in house.keyring.published(session, Use.AUDIT)]
        kid = house.keyring.rotate(session, Use.AUDIT, NOW)
    assert not signed(house, 2)
    write(house, 1)
    assert signed(house, 4)
    first, second = all_of(house)
    assert second.kid == kid != first.kid
    assert open_checkpoint(second.note, NAME, ahead)  # the new key was published before it signed
    assert opened(house, first).size == 3
    with house.db.read() as session:
        others = [verifier_key(NAME, jwk) for jwk in house.keyring.published(session, Use.DOCUMENT)]
    with pytest.raises(Unsigned):
        open_checkpoint(second.note, NAME, others)


class KilledError(Exception):
    """Stands for the end of a process between two statements."""


def test_a_signing_that_ends_before_any_statement_leaves_one_checkpoint_or_none(house):
    for after in range(20):
        write(house, 5)
        size, seen = 5 * (after + 1), 0

        def count(*_args, last=after):
            nonlocal seen
            seen += 1
            if seen > last:
                raise KilledError

        event.listen(house.db.engine, "before_cursor_execute", count)
        try:
            assert signed(house, 2 * after)
            break
        except KilledError:
            pass
        finally:
            event.remove(house.db.engine, "before_cursor_execute", count)
        assert all(row.size != size for row in all_of(house))
        assert signed(house, 2 * after)
        row = all_of(house)[-1]
        assert (row.size, row.root) == (size, root_of(leaves(house)))
    assert 4 <= after < 19


@pytest.mark.parametrize("changed", ["truncated", "rewritten", "torn"])
def test_what_does_not_continue_the_newest_checkpoint_is_not_signed(house, changed, capsys):
    write(house, 300)
    signed(house)
    if changed == "torn":
        write(house, 1)
    with house.db.write() as session:
        row = session.get(AuditTile, (0, 1))
        if changed == "truncated":
            row.hashes = row.hashes[:-32]
            session.execute(update(AuditHead).values(seq=299))
        if changed == "rewritten":
            row.hashes = bytes(32) + row.hashes[32:]
        if changed == "torn":
            session.execute(delete(AuditTile).where(AuditTile.level == 1))
    if changed == "rewritten":
        write(house, 1)
    assert checkpoints.due(house.db, NOW + 9 * SECOND)
    assert not signed(house, 9)
    assert len(all_of(house)) == 1
    assert "audit.checkpoint-refused" in capsys.readouterr().out


def test_a_size_that_is_not_committed_is_not_signed(house, backend):
    write(house, 3)
    if backend == "sqlite":
        pytest.skip("there is one writer at a time")
    with house.db.write() as session:
        assert sequencer.hold_head(session, wait=True) == 3
        session.add(AuditTile(level=5, position=9, hashes=bytes(32)))
        session.flush()
        assert not signed(house)
        session.rollback()
    assert signed(house)
