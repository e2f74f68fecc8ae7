"""Signal lists and their entries."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_PRESENT = sa.text("withdrawn_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "signal_list",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name="fk_signal_list_collection_id"),
        sa.PrimaryKeyConstraint("collection_id", name="pk_signal_list"),
    )
    op.create_table("signal_entry", *_entry_columns(), *_entry_constraints())
    op.create_index("ix_signal_entry_lookup", "signal_entry", ["type", "match_key"])
    op.create_index(
        "ix_signal_entry_present",
        "signal_entry",
        ["collection_id", "created_at", "id"],
        sqlite_where=_PRESENT,
        postgresql_where=_PRESENT,
    )
    op.create_index(
        "ix_signal_entry_due",
        "signal_entry",
        ["valid_until"],
        sqlite_where=_PRESENT,
        postgresql_where=_PRESENT,
    )


def _entry_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("qualifier", sa.String(128), nullable=False),
        sa.Column("match_key", sa.LargeBinary(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("classification", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("confidence", sa.Integer(), nullable=True),
        sa.Column("contributor_id", _ID, nullable=False),
        sa.Column("marking_id", _ID, nullable=True),
        sa.Column("standing", sa.String(64), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_reason", sa.String(64), nullable=True),
    ]


def _entry_constraints() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["collection_id"], ["signal_list.collection_id"], name="fk_signal_entry_collection_id"
        ),
        sa.ForeignKeyConstraint(["contributor_id"], ["member.id"], name="fk_signal_entry_contributor_id"),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_signal_entry_marking_id"),
        sa.PrimaryKeyConstraint("id", name="pk_signal_entry"),
        sa.UniqueConstraint(
            "collection_id", "type", "match_key", "qualifier",
            name="uq_signal_entry_collection_id_type_match_key_qualifier",
        ),
    ]  # fmt: skip


def downgrade() -> None:
    op.drop_table("signal_entry")
    op.drop_table("signal_list")
