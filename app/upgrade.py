"""Brings a database to the present form, and makes the keys that a server needs to start."""

import uuid
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, select

import migrations
from app.audit.models import AuditHead, PolicyEpoch
from app.db import Database
from app.feed.models import FeedHead, Incarnation
from app.keys import Use
from app.runtime import Runtime


def alembic_config(connection: Connection) -> AlembicConfig:
    """Alembic's settings for this connection; the migrations travel with the package."""
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(db: Database, revision: str = "heads") -> None:
    """Run every migration that is missing. Safe to run again."""
    _run(db, lambda config: command.upgrade(config, revision))


def downgrade(db: Database, revision: str) -> None:
    _run(db, lambda config: command.downgrade(config, revision))


def prepare(runtime: Runtime) -> None:
    """Upgrade, then make the single rows and the keys that every server needs. Safe to run again."""
    if runtime.config.sqlite:
        runtime.config.data_dir.mkdir(parents=True, exist_ok=True)
    upgrade(runtime.db)
    now = runtime.clock()
    with runtime.db.write() as session:
        if session.scalar(select(PolicyEpoch.id)) is None:
            session.add_all(
                [
                    PolicyEpoch(id=1, epoch=1),
                    AuditHead(id=1, seq=0),
                    FeedHead(id=1, seq=0, date=0),
                    Incarnation(number=1, id=str(uuid.uuid4()), forked_at=0, begun_at=now),
                ]
            )
        for use in Use:
            runtime.keyring.ensure(session, use, now)


def _run(db: Database, work: Callable[[AlembicConfig], None]) -> None:
    """Foreign keys must be off on SQLite while tables are rebuilt, which only works outside a transaction."""
    with db.engine.connect() as connection:
        if db.sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")
        work(alembic_config(connection))
        connection.commit()
        if db.sqlite:
            connection.connection.cursor().execute("PRAGMA foreign_keys=ON")
