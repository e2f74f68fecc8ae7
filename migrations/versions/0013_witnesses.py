"""Witnesses of the audit log, and its lives: a restore begins a new one.

Checkpoints that there are belong to the first life, which has no row of its own.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    op.create_table(
        "audit_life",
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("began_at_size", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit_life"),
    )
    op.add_column("audit_checkpoint", sa.Column("life", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "audit_cosignature",
        sa.Column("size", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("witness", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=False),
        sa.Column("cosigned_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["audit_checkpoint.size"], name="fk_audit_cosignature_size"),
        sa.PrimaryKeyConstraint("size", "witness", "key_id", name="pk_audit_cosignature"),
    )
    op.create_table(
        "audit_witness",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("key_id", sa.String(length=8), nullable=False),
        sa.Column("life", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("cosigned_at", sa.BigInteger(), nullable=True),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=64), nullable=True),
        sa.Column("problem_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("name", "key_id", name="pk_audit_witness"),
    )


def downgrade() -> None:
    op.drop_table("audit_witness")
    op.drop_table("audit_cosignature")
    op.drop_column("audit_checkpoint", "life")
    op.drop_table("audit_life")
