"""Backup, restore, doctor and migrations at the command line."""

import os
import signal
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.audit import checkpoints, lives, sequencer
from app.audit.lives import Life
from app.audit.models import AuditCheckpoint, AuditTile
from app.cli import running
from app.config import Config
from app.db import Database
from app.runtime import Runtime
from tests.cli.conftest import Machine, new_machine
from tests.conftest import NewDatabase


@pytest.fixture
def embedded(request: pytest.FixtureRequest, backend: str) -> Machine:
    if backend != "sqlite":
        pytest.skip("PostgreSQL has tools of its own for this")
    made: Machine = request.getfixturevalue("machine")
    return made


def test_a_restored_backup_holds_what_it_was_made_of_and_begins_a_new_incarnation(
    embedded: Machine, tmp_path: Path
) -> None:
    embedded.ok("member", "add", "Before", "--sector", "ngo")
    copy = tmp_path / "copy.db"
    embedded.ok("backup", str(copy))
    embedded.ok("member", "add", "After", "--sector", "ngo")
    assert "exists" in embedded.refused("restore", str(copy))
    assert embedded.json("restore", str(copy), "--force")["incarnation"] == 2
    assert [row["name"] for row in embedded.json("member", "list")] == ["Before"]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600


def test_a_database_in_use_is_not_replaced(embedded: Machine, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    embedded.ok("backup", str(copy))
    config = Config(database_url=embedded.env["HALYARD_DATABASE_URL"])
    with running.using(config):
        assert running.in_use(config)
        assert "running" in embedded.refused("restore", str(copy), "--force")
    assert not running.in_use(config)


def test_nothing_starts_on_a_database_that_is_being_restored(embedded: Machine) -> None:
    with running.alone(Config(database_url=embedded.env["HALYARD_DATABASE_URL"])):
        for command in ("serve", "worker"):
            assert "restoring" in embedded.refused(command)


def test_damaged_and_foreign_files_are_refused_before_anything_is_replaced(
    embedded: Machine, tmp_path: Path
) -> None:
    embedded.ok("member", "add", "Kept", "--sector", "ngo")
    whole = tmp_path / "whole.db"
    embedded.ok("backup", str(whole))
    damaged, foreign = tmp_path / "damaged.db", tmp_path / "foreign.db"
    data = bytearray(whole.read_bytes())
    data[8_192:40_960] = os.urandom(32_768)
    damaged.write_bytes(data)
    with closing(sqlite3.connect(foreign)) as opened:
        opened.execute("CREATE TABLE something (x)")
    for file in (damaged, foreign):
        assert "not_a_backup" in embedded.refused("restore", str(file), "--force")
    assert [row["name"] for row in embedded.json("member", "list")] == ["Kept"]


def test_a_backup_never_overwrites_a_file(embedded: Machine, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_text("precious")
    assert "exists" in embedded.refused("backup", str(file))
    assert file.read_text() == "precious"


def test_postgresql_is_pointed_to_its_own_tools(machine: Machine, backend: str, tmp_path: Path) -> None:
    if backend == "sqlite":
        pytest.skip("SQLite is copied here")
    file = tmp_path / "copy"
    assert "pg_dump" in machine.refused("backup", str(file))
    file.touch()
    assert "halyard db restored" in machine.refused("restore", str(file))


def test_after_a_restore_by_other_tools_a_new_incarnation_is_begun(machine: Machine) -> None:
    assert machine.json("db", "restored") == {"incarnation": 2, "erased_again": 0}


def test_migrations_are_missing_until_the_database_is_upgraded(
    new_database_url: NewDatabase, tmp_path: Path
) -> None:
    empty = new_machine(new_database_url(), tmp_path)
    assert empty.run("db", "status").exit_code == 1
    assert "halyard db upgrade" in empty.refused("worker")
    assert "halyard db upgrade" in empty.refused("member", "list")
    empty.ok("db", "upgrade")
    assert empty.json("db", "status")["ready"] is True


def test_doctor_is_content_with_a_sound_machine(machine: Machine) -> None:
    found = machine.json("doctor")
    assert found["fit"] is True
    looked_at = [one["name"] for one in found["findings"]]
    assert looked_at == [
        "settings", "disk", "database", "migrations", "keys", "clock", "audit log", "last sequenced",
        "audit tree", "witnesses", "audit archives", "erasure ledger", "counts",
    ]  # fmt: skip


def test_doctor_finds_what_is_missing(new_database_url: NewDatabase, tmp_path: Path) -> None:
    empty = new_machine(new_database_url(), tmp_path)
    found = empty.run("doctor")
    assert found.exit_code == 1
    assert "halyard db upgrade" in found.stdout


def test_doctor_finds_a_wrong_secret(machine: Machine) -> None:
    found = machine.run("doctor", HALYARD_SECRET="b3RoZXItc2VjcmV0LTMyLWJ5dGVzLW5vdC1mb3ItdXM=")
    assert found.exit_code == 1
    assert "another HALYARD_SECRET" in found.stdout


def test_doctor_finds_a_tree_that_somebody_changed(machine: Machine) -> None:
    db = Database(Config.from_env(machine.env).url)
    with db.write() as session:
        session.add(AuditTile(level=1, position=0, hashes=bytes(32)))
    db.dispose()
    found = machine.run("doctor")
    assert found.exit_code == 1
    assert "Somebody changed the database" in found.stdout


def test_doctor_finds_a_setting_that_cannot_be_used(machine: Machine) -> None:
    found = machine.run("doctor", HALYARD_THREADS="many")
    assert found.exit_code == 1
    assert "HALYARD_THREADS" in found.stdout


def log_of(machine: Machine) -> tuple[list[Life], list[tuple[int, int, str]]]:
    """The lives of the log, and (life, size, origin) of its checkpoints."""
    db = Database(Config.from_env(machine.env).url)
    with db.read() as session:
        begun = lives.all_of(session)
        rows = session.scalars(select(AuditCheckpoint).order_by(AuditCheckpoint.size))
        signed = [(row.life, row.size, row.note.decode().partition("\n")[0]) for row in rows]
    db.dispose()
    return begun, signed


def sign(machine: Machine) -> None:
    config = Config.from_env(machine.env)
    house = Runtime.assemble(config)
    sequencer.drain(house.db)
    assert checkpoints.sign(house.db, house.keyring, checkpoints.origin(config.issuer), house.clock())
    house.db.dispose()


def test_a_restore_begins_a_new_life_of_the_log_which_signs_at_once(
    embedded: Machine, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    embedded.ok("member", "add", "Before", "--sector", "ngo")
    sign(embedded)
    embedded.ok("backup", str(copy))
    name = checkpoints.origin(embedded.env["HALYARD_ISSUER"])
    origins = set()
    for _ in range(2):
        embedded.ok("member", "add", "After", "--sector", "ngo")
        embedded.ok("restore", str(copy), "--force")
        begun, signed = log_of(embedded)
        assert [life.number for life in begun] == [1, 2]
        assert signed[0] == (1, begun[1].began_at_size, name)
        assert signed[-1][0] == 2
        assert signed[-1][1] > begun[1].began_at_size
        assert signed[-1][2] == begun[1].origin(name)
        origins.add(signed[-1][2])
    assert len(origins) == 2, "a copy that is restored twice must not sign as one log"


def test_after_a_restore_by_other_tools_the_log_begins_a_new_life(machine: Machine) -> None:
    machine.ok("member", "add", "Before", "--sector", "ngo")
    sign(machine)
    machine.ok("db", "restored")
    begun, signed = log_of(machine)
    assert [(life, size) for life, size, _ in signed] == [(1, begun[1].began_at_size), (2, signed[-1][1])]
    assert signed[-1][2].startswith(f"{signed[0][2]}/2-")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_restore_that_is_killed_leaves_the_former_life_or_the_new_one(
    embedded: Machine, tmp_path: Path, moment: str
) -> None:
    embedded.ok("member", "add", "Before", "--sector", "ngo")
    embedded.ok("backup", str(tmp_path / "copy.db"))
    embedded.ok("member", "add", "After", "--sector", "ngo")
    child = os.fork()
    if not child:
        known = Path.replace

        def dying(one: Path, target: Path) -> Path:
            if moment == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            known(one, target)
            os.kill(os.getpid(), signal.SIGKILL)
            return target

        vars_of: Any = Path
        vars_of.replace = dying
        embedded.run("restore", str(tmp_path / "copy.db"), "--force")
        os._exit(1)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])
    begun, signed = log_of(embedded)
    names = {row["name"] for row in embedded.json("member", "list")}
    if moment == "before":
        assert (len(begun), names) == (1, {"Before", "After"})
        embedded.ok("restore", str(tmp_path / "copy.db"), "--force")
        begun, signed = log_of(embedded)
        names = {row["name"] for row in embedded.json("member", "list")}
    assert (len(begun), names) == (2, {"Before"})
    assert signed[-1][0] == 2
