"""Contributions and opinions beside signal entries, and entries that are unique at their place."""

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_PRESENT = sa.text("withdrawn_at IS NULL")
_OLD_IDENTITY = "uq_signal_entry_collection_id_type_match_key_qualifier"
_IDENTITY = "uq_signal_entry_type_match_key_qualifier_place_id"


def upgrade() -> None:
    op.add_column(
        "signal_list", sa.Column("contributors", sa.String(64), nullable=False, server_default="owner")
    )
    _create_contribution()
    _create_opinion()
    op.execute(
        "INSERT INTO contribution (entry_id, member_id, labels, classification, confidence, assessed,"
        " valid_until, created_at) SELECT id, contributor_id, labels, classification, confidence, FALSE,"
        " valid_until, created_at FROM signal_entry WHERE withdrawn_at IS NULL"
    )
    _drop_indexes()
    with op.batch_alter_table("signal_entry") as table:
        table.add_column(sa.Column("place_id", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("lapses_at", sa.BigInteger(), nullable=True))
    _fill_places()
    op.execute("UPDATE signal_entry SET lapses_at = valid_until")
    with op.batch_alter_table("signal_entry") as table:
        table.drop_constraint(_OLD_IDENTITY, type_="unique")
        table.drop_constraint("fk_signal_entry_contributor_id", type_="foreignkey")
        for column in ("contributor_id", "labels", "classification", "confidence"):
            table.drop_column(column)
        table.alter_column("place_id", existing_type=sa.BigInteger(), nullable=False)
        table.alter_column("lapses_at", existing_type=sa.BigInteger(), nullable=False)
        table.create_foreign_key("fk_signal_entry_place_id", "place", ["place_id"], ["id"])
        table.create_unique_constraint(_IDENTITY, ["type", "match_key", "qualifier", "place_id"])
    _create_indexes("lapses_at")


def downgrade() -> None:
    op.drop_index("ix_signal_entry_due", "signal_entry")
    op.drop_index("ix_signal_entry_present", "signal_entry")
    with op.batch_alter_table("signal_entry") as table:
        table.add_column(sa.Column("contributor_id", _ID, nullable=True))
        table.add_column(sa.Column("labels", sa.JSON(), nullable=False, server_default="[]"))
        table.add_column(sa.Column("classification", sa.JSON(none_as_null=True), nullable=True))
        table.add_column(sa.Column("confidence", sa.Integer(), nullable=True))
    _fill_contributors()
    with op.batch_alter_table("signal_entry") as table:
        table.drop_constraint(_IDENTITY, type_="unique")
        table.drop_constraint("fk_signal_entry_place_id", type_="foreignkey")
        table.drop_column("place_id")
        table.drop_column("lapses_at")
        table.alter_column("contributor_id", existing_type=_ID, nullable=False)
        table.alter_column("labels", existing_type=sa.JSON(), server_default=None)
        table.create_foreign_key("fk_signal_entry_contributor_id", "member", ["contributor_id"], ["id"])
        table.create_unique_constraint(_OLD_IDENTITY, ["collection_id", "type", "match_key", "qualifier"])
    op.create_index("ix_signal_entry_lookup", "signal_entry", ["type", "match_key"])
    _create_indexes("valid_until")
    op.drop_table("signal_opinion")
    op.drop_table("contribution")
    with op.batch_alter_table("signal_list") as table:
        table.drop_column("contributors")


def _create_contribution() -> None:
    op.create_table(
        "contribution",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("classification", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("assessed", sa.Boolean(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["signal_entry.id"], name="fk_contribution_entry_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_contribution_member_id"),
        sa.PrimaryKeyConstraint("entry_id", "member_id", name="pk_contribution"),
        sqlite_with_rowid=False,
    )


def _create_opinion() -> None:
    op.create_table(
        "signal_opinion",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("opinion", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("accredited", sa.Boolean(), nullable=False),
        sa.Column("stated_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["signal_entry.id"], name="fk_signal_opinion_entry_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_signal_opinion_member_id"),
        sa.PrimaryKeyConstraint("entry_id", "member_id", name="pk_signal_opinion"),
        sqlite_with_rowid=False,
    )


def _fill_places() -> None:
    """TLP:RED entries stand in no feed, but each of their markings gets a place too: it tells them apart."""
    op.execute(
        "UPDATE signal_entry SET place_id = (SELECT place.id FROM place WHERE place.kind = 'collection'"
        " AND place.collection_id = signal_entry.collection_id"
        " AND (place.marking_id = signal_entry.marking_id"
        " OR (place.marking_id IS NULL AND signal_entry.marking_id IS NULL)))"
    )
    connection = op.get_bind()
    entry = sa.table(
        "signal_entry", sa.column("collection_id", _ID), sa.column("marking_id", _ID), sa.column("place_id")
    )
    place = sa.table(
        "place", sa.column("id"), sa.column("key", _ID), sa.column("identity"), sa.column("kind"),
        sa.column("collection_id", _ID), sa.column("marking_id", _ID), sa.column("head"),
    )  # fmt: skip
    missing = (
        sa.select(entry.c.collection_id, entry.c.marking_id).where(entry.c.place_id.is_(None)).distinct()
    )
    for collection_id, marking_id in connection.execute(missing).all():
        row = {
            "key": str(uuid.uuid4()), "identity": f"c:{collection_id}:{marking_id or ''}",
            "kind": "collection", "collection_id": collection_id, "marking_id": marking_id, "head": 0,
        }  # fmt: skip
        connection.execute(sa.insert(place).values(row))
        made = sa.select(place.c.id).where(place.c.identity == row["identity"]).scalar_subquery()
        connection.execute(
            sa.update(entry)
            .where(entry.c.collection_id == collection_id, entry.c.marking_id == marking_id)
            .values(place_id=made)
        )


def _fill_contributors() -> None:
    """The older form holds one contributor of an entry, and one entry of a value: of several the first."""
    op.execute(
        "UPDATE signal_entry SET contributor_id = (SELECT member_id FROM contribution"
        " WHERE entry_id = signal_entry.id ORDER BY created_at, member_id LIMIT 1)"
    )
    op.execute(
        "UPDATE signal_entry SET"
        " labels = (SELECT labels FROM contribution AS c WHERE c.entry_id = signal_entry.id"
        " AND c.member_id = contributor_id),"
        " classification = (SELECT classification FROM contribution AS c WHERE c.entry_id = signal_entry.id"
        " AND c.member_id = contributor_id),"
        " confidence = (SELECT confidence FROM contribution AS c WHERE c.entry_id = signal_entry.id"
        " AND c.member_id = contributor_id) WHERE contributor_id IS NOT NULL"
    )
    op.execute(
        "UPDATE signal_entry SET contributor_id = (SELECT owner_id FROM collection"
        " WHERE collection.id = signal_entry.collection_id) WHERE contributor_id IS NULL"
    )
    op.execute(
        "UPDATE signal_entry SET match_key = NULL WHERE EXISTS (SELECT 1 FROM signal_entry AS first"
        " WHERE first.collection_id = signal_entry.collection_id AND first.type = signal_entry.type"
        " AND first.match_key = signal_entry.match_key AND first.qualifier = signal_entry.qualifier"
        " AND first.id < signal_entry.id)"
    )


def _drop_indexes() -> None:
    for name in ("lookup", "present", "due"):
        op.drop_index(f"ix_signal_entry_{name}", "signal_entry")


def _create_indexes(due: str) -> None:
    op.create_index(
        "ix_signal_entry_present",
        "signal_entry",
        ["collection_id", "created_at", "id"],
        sqlite_where=_PRESENT,
        postgresql_where=_PRESENT,
    )
    op.create_index(
        "ix_signal_entry_due", "signal_entry", [due], sqlite_where=_PRESENT, postgresql_where=_PRESENT
    )
