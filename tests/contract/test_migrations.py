"""Migrations: up, down, up again, and no drift between them and the tables, on both databases."""

import uuid
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Integer, MetaData, Table, inspect, text

from app import models, upgrade
from app.db import Database, Id


def test_every_migration_goes_up_down_and_up(new_database_url):
    db = Database(new_database_url())
    upgrade.upgrade(db)
    first = set(inspect(db.engine).get_table_names())
    upgrade.downgrade(db, "base")
    assert set(inspect(db.engine).get_table_names()) == {"alembic_version"}
    upgrade.upgrade(db)
    assert set(inspect(db.engine).get_table_names()) == first
    db.dispose()


def test_migrations_and_tables_do_not_drift(migrated):
    with migrated.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, models.metadata) == []


def test_migrations_stand_in_one_row(migrated):
    with migrated.engine.connect() as connection:
        script = ScriptDirectory.from_config(upgrade.alembic_config(connection))
    assert len(script.get_heads()) == 1
    assert [revision.revision for revision in script.walk_revisions()][-1] == "0001"


def test_upgrading_an_upgraded_database_changes_nothing(migrated):
    before = inspect(migrated.engine).get_table_names()
    with migrated.engine.connect() as connection:
        command.upgrade(upgrade.alembic_config(connection), "heads")
    assert inspect(migrated.engine).get_table_names() == before


def test_entries_keep_what_was_said_of_them_when_contributions_come_and_go(new_database_url):
    db = Database(new_database_url())
    upgrade.upgrade(db, "0004")
    listed, narrow, member = fill(db)
    upgrade.upgrade(db, "0006")
    with db.engine.connect() as connection:
        said = (
            "SELECT place.identity, contribution.labels FROM signal_entry"
            " JOIN place ON place.id = signal_entry.place_id"
            " LEFT JOIN contribution ON contribution.entry_id = signal_entry.id"
            " ORDER BY signal_entry.created_at"
        )
        found = [tuple(row) for row in connection.execute(text(said).columns(labels=JSON))]
    own = f"c:{listed}:"
    assert found == [(own, ["known"]), (f"c:{listed}:{narrow}", ["known"]), (own, None)]
    upgrade.downgrade(db, "0004")
    with db.engine.connect() as connection:
        older = text("SELECT contributor_id, labels FROM signal_entry ORDER BY created_at")
        rows = connection.execute(older.columns(contributor_id=Id, labels=JSON)).all()
    assert [tuple(row) for row in rows] == [(member, ["known"]), (member, ["known"]), (member, [])]
    upgrade.upgrade(db)
    db.dispose()


def fill(db: Database) -> tuple[str, str, str]:
    """One member's list as the migrations before left it: an entry, a TLP:RED one, and one that ended."""
    member, own, narrow, listed = (str(uuid.uuid4()) for _ in range(4))
    marking = {"pap": "PAP:GREEN", "owner_id": member, "audience": "community"}
    entry: dict[str, Any] = {
        "collection_id": listed, "type": "sha256", "value": b"v", "qualifier": "", "match_key": b"v",
        "details": {}, "labels": ["known"], "contributor_id": member, "marking_id": None, "standing": "lead",
        "valid_until": 9, "created_at": 1, "withdrawn_at": None,
    }  # fmt: skip
    ended: dict[str, Any] = {
        "value": None,
        "match_key": None,
        "labels": [],
        "withdrawn_at": 5,
        "created_at": 3,
    }
    rows: dict[str, list[dict[str, Any]]] = {
        "member": [{
            "id": member, "name": "A member", "sector": "ngo", "kind": "member", "status": "active",
            "same_community": False, "created_at": 1,
        }],
        "marking": [{"id": own, "tlp": "TLP:GREEN", **marking}, {"id": narrow, "tlp": "TLP:RED", **marking}],
        "collection": [{
            "id": listed, "kind": "list", "owner_id": member, "slug": "s", "title": "t", "marking_id": own,
            "created_at": 1,
        }],
        "signal_list": [{"collection_id": listed, "types": ["sha256"]}],
        "place": [{
            "key": own, "identity": f"c:{listed}:", "kind": "collection", "collection_id": listed, "head": 0,
        }],
        "signal_entry": [
            {**entry, "id": str(uuid.uuid4())},
            {**entry, "id": str(uuid.uuid4()), "marking_id": narrow, "match_key": b"red", "created_at": 2},
            {**entry, "id": str(uuid.uuid4()), **ended},
        ],
    }  # fmt: skip
    with db.engine.begin() as connection:
        for name, values in rows.items():
            table = Table(name, MetaData(), autoload_with=connection)
            for column in table.columns:
                if column.name in {"id", "key"} or column.name.endswith("_id"):
                    column.type = Integer() if (name, column.name) == ("place", "id") else Id
            connection.execute(table.insert(), values)
    return listed, narrow, member
