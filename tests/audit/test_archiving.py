"""Entries age out: into files that prove themselves, then off the tables, whatever happens on the way."""

import gzip
import os
import threading
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, func, select, update

from app import archiving
from app.audit import archive_files, archives, checkpoints, sequencer
from app.audit import tree as stored
from app.audit.models import AuditCheckpoint, AuditEntry, AuditHead, AuditTile
from app.audit.projection import AuditCounted, AuditMention
from app.cli.main import main
from app.clock import DAY, SECOND
from app.keys import Use
from app.transparency.tiles import TileReader, tiles_between
from app.transparency.tree import consistency_proof, inclusion_proof, root_of
from tests.audit.ageing import (
    KEEP_DAYS,
    LONGEST,
    age_out,
    archived,
    counts,
    dies,
    everything,
    files,
    grow,
    keeping,
    recorded,
    rows,
    sign,
)
from tests.audit.writing import write
from tests.fakes import FakeClock

PLACES = [
    (f"{moment} {name}", number)
    for name, times in (("fsync", 2), ("rename", 1), ("commit", 3))
    for number in range(1, times + 1)
    for moment in ("before", "after")
]


@pytest.fixture
def old(house, monkeypatch):
    """A server that keeps entries for 30 days, with a log of which 600 are older."""
    monkeypatch.setattr(archives, "DELETED_AT_ONCE", 128)
    found = keeping(house)
    grow(found, 600)
    return found


def spans(house):
    return [(one.start, one.end) for one in recorded(house)]


def root(house):
    with house.db.read() as session:
        head = session.scalar(select(AuditHead.seq))
        return stored.Tree(session, head).root()


def test_whole_bundles_leave_and_the_rest_stays(old) -> None:
    before = everything(old)
    assert age_out(old) == 4
    assert spans(old) == [(0, 256), (256, 512)]
    assert everything(old) | before == everything(old)
    assert min(rows(old)) == 512
    assert counts(old)[0] == counts(old)[2] == 90  # 88 old ones, and one for each archive
    assert all(one.emptied_at for one in recorded(old))
    assert [path.name for path in files(old)] == [one.file for one in recorded(old)]
    assert archiving.step(old) is False
    with old.db.read() as session:
        said = session.scalars(select(AuditEntry.entry).where(AuditEntry.action == "audit.archived")).all()
    assert len(said) == 2
    assert any(b'"count":256' in one and b'"version":"256-512"' in one for one in said)


def test_nothing_leaves_without_a_policy_or_before_its_time(house) -> None:
    grow(house, 300)
    assert age_out(house) == 0
    policy = keeping(house)
    assert age_out(keeping(house, audit_keep_days=2 * KEEP_DAYS + 2)) == 0
    grow(house, 300, days=1)
    assert age_out(policy) == 2
    assert spans(policy) == [(0, 256)]
    assert age_out(policy) == 0  # the next bundle has younger entries in it


def test_nothing_leaves_that_no_checkpoint_covers_or_that_is_not_in_the_tree(old) -> None:
    with old.db.write() as session:
        session.execute(delete(AuditCheckpoint).where(AuditCheckpoint.size > 0))
    assert age_out(old) == 0
    sign(old)
    write(old, 300)
    sequencer.drain(old.db)
    assert checkpoints_size(old) == 600
    assert age_out(old) == 4
    assert spans(old) == [(0, 256), (256, 512)]
    with old.db.read() as session:
        assert archives.due(session, archiving.before(old), LONGEST) is None
    sign(old)
    with old.db.write() as session:
        session.execute(delete(AuditTile).where(AuditTile.level == 0, AuditTile.position == 2))
    assert age_out(old) == 0


def test_nothing_leaves_that_was_not_taken_in_for_questions(old) -> None:
    with old.db.write() as session:
        session.execute(update(AuditCounted).values(seq=300))
    assert age_out(old) == 2
    assert spans(old) == [(0, 256)]
    with old.db.write() as session:
        assert session.scalar(select(func.min(AuditMention.seq))) == 257
        session.execute(update(AuditCounted).values(seq=600))
    assert age_out(old) == 2
    assert spans(old) == [(0, 256), (256, 512)]


def checkpoints_size(house):
    with house.db.read() as session:
        found = checkpoints.newest(session)
        return found.size if found else 0


def test_proofs_are_the_same_before_and_after(old) -> None:
    size = checkpoints_size(old)
    places = (0, 255, 256, 400, 511, size - 1)

    def proofs():
        with old.db.read() as session:
            return (
                [stored.inclusion(session, index, size) for index in places],
                [stored.consistency(session, start, size) for start in (1, 300, 512, 590)],
                stored.read_many(session, list(tiles_between(0, size))),
            )

    before, leaves = proofs(), everything(old)
    age_out(old)
    assert proofs() == before
    reader = TileReader(size, lambda tile: before[2][tile])
    assert before[0] == [inclusion_proof(index, size, reader) for index in places]
    assert before[1][0] == consistency_proof(1, size, reader)
    sign(old)
    after = everything(old)
    assert {index: after[index] for index in leaves} == leaves
    assert root_of(after[index] for index in range(len(after))) == root(old)
    with old.db.read() as session:
        assert checkpoints.examine(old.db) == (len(after), len(after))
        assert archives.held_from(session) == 512
    assert sequencer.behind(old.db) is False


def test_the_verifier_accepts_the_archives_and_names_what_was_changed_in_one(old, tmp_path) -> None:
    age_out(old)
    with old.db.read() as session:
        published = old.keyring.published(session, Use.AUDIT)
    keys = [
        checkpoints.verifier_key(checkpoints.origin(old.config.issuer), jwk).encode() for jwk in published
    ]
    options = [*(word for key in keys for word in ("--key", key)), "--state", str(tmp_path / "state")]
    paths = [str(path) for path in files(old)]
    result = CliRunner().invoke(main, ["audit", "verify", *paths, *options])
    assert result.exit_code == 0, result.output
    changed = tmp_path / "changed.ndjson"
    changed.write_bytes(gzip.decompress(files(old)[1].read_bytes()).replace(b'"count":300', b'"count":301'))
    result = CliRunner().invoke(main, ["audit", "verify", str(changed), *options])
    assert result.exit_code == 1
    assert "300" in result.output


def test_a_process_that_is_killed_anywhere_loses_and_doubles_nothing(old) -> None:
    """Killed once at every place of the way of one archive, and gone on with each time."""
    clock = FakeClock(old.clock())
    old = replace(old, clock=clock)
    age_out(old)
    for archive, (place, number) in enumerate(PLACES, start=3):
        clock.advance(3 * KEEP_DAYS * DAY / SECOND)
        grow(old, LONGEST)
        before = everything(old)
        assert dies(old, place, number), f"nobody came to {number}. {place}"
        assert everything(old) | before == everything(old), f"lost by a kill {number}. {place}"
        grow(old, 1, days=1)  # so that what is written anew has another checkpoint, and another name
        age_out(old)
        assert spans(old)[archive - 1] == ((archive - 1) * LONGEST, archive * LONGEST)
        after = everything(old)
        assert {index: after[index] for index in before} == before
        assert min(rows(old)) == spans(old)[-1][1]
        assert [path.name for path in files(old)] == [one.file for one in recorded(old)]
        assert not list(old.config.archive_path.glob(".writing*"))
    held = [index for path in files(old) for index, _ in archived(path)]
    assert held == list(range(spans(old)[-1][1]))
    sign(old)
    leaves = everything(old)
    assert root_of(leaves[index] for index in range(len(leaves))) == root(old)


def test_two_workers_take_turns(old) -> None:
    with archive_files.alone(old.config.archive_path):
        assert age_out(old) == 0
    results: list[int] = []
    others = [threading.Thread(target=lambda: results.append(age_out(old))) for _ in range(2)]
    before = everything(old)
    for worker in others:
        worker.start()
    for worker in others:
        worker.join()
    age_out(old)
    assert spans(old) == [(0, 256), (256, 512)]
    assert len(files(old)) == 2
    assert everything(old) | before == everything(old)


def test_a_worker_with_another_folder_does_not_record_the_same_again(old, monkeypatch, tmp_path) -> None:
    """Between the look at what is due and the recording, another machine was faster."""
    elsewhere = keeping(old, audit_archive=str(tmp_path / "elsewhere"))
    write = archives.write

    def late(*arguments):
        monkeypatch.setattr(archives, "write", write)
        written = write(*arguments)
        grow(old, 1, days=1)  # so that the other archive has another checkpoint
        assert archiving.step(old, LONGEST)
        return written

    monkeypatch.setattr(archives, "write", late)
    assert archiving.step(elsewhere, LONGEST)
    assert spans(old) == [(0, 256)]
    assert files(elsewhere) == []
    assert archiving.step(elsewhere, LONGEST) is False  # the file is not in its folder: nothing is deleted
    assert counts(old)[0] == 602
    age_out(old)
    assert spans(old) == [(0, 256), (256, 512)]


def full(_handle) -> None:
    raise OSError(28, os.strerror(28))


def test_a_full_disk_and_a_folder_that_cannot_be_written_are_said(old, monkeypatch, tmp_path, capsys) -> None:
    before, fsync = counts(old), os.fsync
    monkeypatch.setattr(os, "fsync", full)
    assert age_out(old) == 0
    assert "No space left on device" in capsys.readouterr().out
    assert (counts(old), spans(old)) == (before, [])
    assert [path.name for path in old.config.archive_path.iterdir()] == [archive_files.LOCK]
    monkeypatch.setattr(os, "fsync", fsync)
    (tmp_path / "file").write_text("no folder")
    blocked = keeping(old, audit_archive=str(tmp_path / "file" / "archives"))
    assert age_out(blocked) == 0
    said = capsys.readouterr().out
    assert "audit.archiving-failed" in said
    assert "Not a directory" in said
    assert (counts(old)[0], spans(old)) == (600, [])
    assert age_out(old) == 4


def test_no_row_is_deleted_while_its_file_is_not_as_it_was_recorded(old, capsys) -> None:
    assert archiving.step(old, LONGEST)
    [path] = files(old)
    kept = path.read_bytes()
    for harm in (path.unlink, lambda: path.write_bytes(kept[:-1] + b"?")):
        harm()
        assert age_out(old) == 0
        assert "bring it back from a backup" in capsys.readouterr().out
        assert counts(old)[0] == 601
    path.write_bytes(kept)
    assert age_out(old) == 3
    assert min(rows(old)) == 512


def test_what_does_not_fit_the_tree_does_not_leave(old, capsys) -> None:
    with old.db.write() as session:
        row = session.scalars(select(AuditEntry).where(AuditEntry.seq == 300)).one()
        kept, row.entry = row.entry, row.entry.replace(b'"a.b"', b'"a.c"')
    assert age_out(old) == 2
    assert "does not hold entry 299" in capsys.readouterr().out
    with old.db.write() as session:
        session.scalars(select(AuditEntry).where(AuditEntry.seq == 300)).one().entry = kept
        tile = session.get_one(AuditTile, (0, 1))
        tile.hashes = tile.hashes[32:] + tile.hashes[:32]
    assert age_out(old) == 0
    with old.db.write() as session:
        tile = session.get_one(AuditTile, (0, 1))
        tile.hashes = tile.hashes[-32:] + tile.hashes[:-32]
    assert age_out(old) == 2
    assert spans(old) == [(0, 256), (256, 512)]


def test_an_archive_of_another_life_that_lies_there_is_left_alone(old, tmp_path) -> None:
    """As after a restore: the database does not know it, and its checkpoint is none of this log."""
    age_out(old)
    path = files(old)[0]
    stranger = path.with_name(path.name[:-12] + "0000" + path.name[-8:])
    stranger.write_bytes(
        gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"count":5', b'"count":6'))
    )
    found = list(
        archive_files.left_behind(
            old.config.archive_path, 0, archives.Leaves(old.db, (0, 512)), archives.Roots(old.db)
        )
    )
    assert [one.file for one in found] == [path.name]
    assert found[0].end == 256
