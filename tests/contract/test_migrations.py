"""Migrations: up, down, up again, and no drift between them and the tables, on both databases."""

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from app import models, upgrade
from app.db import Database


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
