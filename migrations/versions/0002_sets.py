"""Indicator sets and their versions."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_READABLE = sa.text("document IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "indicator_set",
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("marking_note", sa.String(500), nullable=True),
        sa.Column("draft", sa.LargeBinary(), nullable=False),
        sa.Column("draft_digest", sa.String(64), nullable=False),
        sa.Column("draft_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name="fk_indicator_set_collection_id"),
        sa.PrimaryKeyConstraint("collection_id", name="pk_indicator_set"),
    )
    op.create_table("set_version", *_version_columns(), *_version_constraints())
    op.create_index("ix_set_version_version", "set_version", ["set_id", "version"], unique=True)
    op.create_index(
        "ix_set_version_due",
        "set_version",
        ["valid_until"],
        sqlite_where=_READABLE,
        postgresql_where=_READABLE,
    )


def _version_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("id", _ID, nullable=False),
        sa.Column("set_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.Column("document_digest", sa.String(64), nullable=False),
        sa.Column("document_signature", sa.Text(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("envelope_signature", sa.Text(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("successor", sa.String(64), nullable=True),
        sa.Column("reason", sa.String(64), nullable=True),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("review_by", sa.BigInteger(), nullable=True),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
    ]


def _version_constraints() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["set_id"], ["indicator_set.collection_id"], name="fk_set_version_set_id"),
        sa.PrimaryKeyConstraint("id", name="pk_set_version"),
        sa.UniqueConstraint("set_id", "number", name="uq_set_version_set_id_number"),
    ]


def downgrade() -> None:
    op.drop_table("set_version")
    op.drop_table("indicator_set")
