"""The stored tree: one over all entries, whoever sequences, wherever it is interrupted."""

import random
import threading

import pytest
from sqlalchemy import delete, event, func, select, update

from app.audit import sequencer, tree
from app.audit.models import AuditEntry, AuditHead, AuditPrivate, AuditTile
from app.transparency.errors import BadTile
from app.transparency.tiles import WIDTH
from app.transparency.tree import HASH_BYTES, leaf_hash, root_of
from app.worker import loops
from tests.audit.writing import write


def entries(house):
    """The bytes of all sequenced entries, in the order of the log."""
    with house.db.read() as session:
        rows = session.execute(
            select(AuditEntry.seq, AuditEntry.entry)
            .where(AuditEntry.seq.is_not(None))
            .order_by(AuditEntry.seq)
        ).all()
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [row.entry for row in rows]


def stored(house):
    """Size and root of the tree as it is stored."""
    with house.db.read() as session:
        head = session.scalar(select(AuditHead.seq))
        found = tree.Tree(session, head)
        return found.size, found.root()


def check_whole(house, count):
    """As many entries have a number and are in the tree, and all tiles are what their entries make them."""
    leaves = [leaf_hash(entry) for entry in entries(house)]
    assert stored(house) == (count, root_of(leaves))
    check_tiles(house, leaves)


def check_tiles(house, leaves):
    level, expected = leaves, {}
    for number in range(8):
        for n in range(0, len(level), WIDTH):
            expected[number, n // WIDTH] = b"".join(level[n : n + WIDTH])
        level = [root_of(level[n : n + WIDTH]) for n in range(0, len(level) - WIDTH + 1, WIDTH)]
    assert {(row.level, row.position): row.hashes for row in all_tiles(house)} == expected


def test_random_batches_make_the_tree_of_all_entries(house):
    chance = random.Random(7)
    total = 0
    while total < 1_500:
        count = chance.choice([1, 2, 30, 255, 256, 257, 300])
        write(house, count)
        total += count
        while sequencer.step(house.db, batch=chance.choice([1, 100, 255, 256, 257, 2_000])) > 1:
            pass
    sequencer.drain(house.db)
    check_whole(house, total)


def test_a_tree_of_three_levels_of_tiles_is_right(house):
    leaves = [leaf_hash(b"%d" % n) for n in range(WIDTH * WIDTH + WIDTH + 3)]
    for start, end in (
        (0, 10),
        (10, WIDTH * WIDTH - 1),
        (WIDTH * WIDTH - 1, WIDTH * WIDTH),
        (WIDTH * WIDTH, None),
    ):
        with house.db.write() as session:
            grown = tree.Tree(session, len(leaves))
            grown.append(leaves[start:end])
            assert grown.root() == root_of(leaves[:end])
        with house.db.read() as session:
            assert tree.Tree(session, len(leaves)).root() == root_of(leaves[:end])
        check_tiles(house, leaves[:end])


def test_competing_sequencers_make_one_tree(house):
    def work():
        for _ in range(15):
            write(house, 20)
            sequencer.step(house.db, batch=33)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sequencer.drain(house.db)
    check_whole(house, 1_200)


class KilledError(Exception):
    """Stands for the end of a process between two statements."""


def interrupted(house, after):
    """Make one step that ends before its statement number `after`; False if it had no such statement."""
    seen = 0

    def count(*_args):
        nonlocal seen
        seen += 1
        if seen > after:
            raise KilledError

    event.listen(house.db.engine, "before_cursor_execute", count)
    try:
        sequencer.step(house.db, batch=300)
    except KilledError:
        return True
    finally:
        event.remove(house.db.engine, "before_cursor_execute", count)
    return False


def test_a_step_that_ends_before_any_statement_leaves_all_or_nothing(house):
    total = 0
    for after in range(40):
        write(house, 270)
        total += 270
        before = stored(house)
        if not interrupted(house, after):
            break
        assert stored(house) == before
        assert len(entries(house)) == before[0]
        sequencer.drain(house.db)
        check_whole(house, total)
    assert 6 <= after < 39  # every statement had its turn, and there is a last one
    sequencer.drain(house.db)
    check_whole(house, total)


def forget_tree(house):
    """As a database is that was upgraded from before there was a tree."""
    with house.db.write() as session:
        session.execute(delete(AuditTile))


def test_the_tree_over_an_older_log_is_built_in_batches_while_new_entries_get_their_number(
    house, monkeypatch
):
    write(house, 1_000)
    sequencer.drain(house.db)
    forget_tree(house)
    monkeypatch.setattr(sequencer, "BATCH", 100)
    write(house, 5)
    assert sequencer.step(house.db, batch=100) == 5
    assert len(entries(house)) == 1_005
    assert stored(house)[0] == 200
    assert interrupted(house, 6)
    assert stored(house) == (200, root_of(map(leaf_hash, entries(house)[:200])))
    for _ in range(10):
        loops.sequence(house)
    assert loops.sequence(house) is False
    check_whole(house, 1_005)


def delete_entries(session, condition):
    chosen = select(AuditEntry.id).where(condition)
    session.execute(delete(AuditPrivate).where(AuditPrivate.entry_id.in_(chosen)))
    session.execute(delete(AuditEntry).where(condition))


@pytest.mark.parametrize("broken", ["missing", "longer", "torn", "beyond", "gap"])
def test_a_tree_that_was_changed_stops_growing_and_the_log_goes_on(house, broken, capsys):
    write(house, 600)
    sequencer.drain(house.db)
    with house.db.write() as session:
        if broken == "missing":
            session.execute(delete(AuditTile).where(AuditTile.level == 1))
        if broken == "longer":
            row = session.get(AuditTile, (1, 0))
            row.hashes = row.hashes * 2
        if broken == "torn":
            row = session.get(AuditTile, (0, 2))
            row.hashes = row.hashes[:-1]
        if broken == "beyond":
            delete_entries(session, AuditEntry.seq > 590)
            session.execute(update(AuditHead).values(seq=590))
        if broken == "gap":
            forget_tree(house)
            session.flush()
            delete_entries(session, AuditEntry.seq == 3)
    tiles = all_tiles(house)
    write(house, 1)
    assert sequencer.step(house.db) == 1
    assert loops.sequence(house) is False
    assert all_tiles(house) == tiles
    assert "audit.tree-broken" in capsys.readouterr().out


def all_tiles(house):
    with house.db.read() as session:
        rows = select(AuditTile.level, AuditTile.position, AuditTile.hashes)
        return session.execute(rows.order_by(AuditTile.level, AuditTile.position)).all()


def test_a_changed_entry_no_longer_has_the_stored_root(house):
    write(house, 300)
    sequencer.drain(house.db)
    with house.db.write() as session:
        row = session.scalar(select(AuditEntry).where(AuditEntry.seq == 17))
        row.entry = row.entry.replace(b'"a.b"', b'"a.c"')
    size, root = stored(house)
    leaves = [leaf_hash(entry) for entry in entries(house)]
    assert size == 300
    assert root_of(leaves) != root


def test_only_partial_tiles_are_written_again(house):
    write(house, 256)
    sequencer.drain(house.db)
    with house.db.read() as session:
        rows = session.execute(
            select(AuditTile.level, func.length(AuditTile.hashes)).order_by(AuditTile.level)
        )
        assert [tuple(row) for row in rows] == [(0, 256 * HASH_BYTES), (1, HASH_BYTES)]
    write(house, 1)
    touched = []

    def note(_connection, _cursor, statement, values, _context, _many):
        if "audit_tile" in statement and not statement.startswith("SELECT"):
            touched.append(statement.split()[0])

    event.listen(house.db.engine, "before_cursor_execute", note)
    sequencer.drain(house.db)
    event.remove(house.db.engine, "before_cursor_execute", note)
    assert touched == ["INSERT"]


def test_what_is_not_stored_cannot_be_proven(house):
    write(house, 10)
    sequencer.drain(house.db)
    with house.db.read() as session, pytest.raises(BadTile):
        tree.inclusion(session, 3, 11)
