"""Tokens that are bound to their sender: who demands them, and proofs of possession that were used."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_FLAGS = (
    ("client", "dpop_bound_access_tokens"),
    ("client", "tls_client_certificate_bound_access_tokens"),
    ("sharing_group", "requires_bound_tokens"),
)


def upgrade() -> None:
    for table, column in _FLAGS:
        op.add_column(table, sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "spent_proof",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_spent_proof"),
    )
    op.create_index("ix_spent_proof_expires_at", "spent_proof", ["expires_at"])


def downgrade() -> None:
    op.drop_table("spent_proof")
    for table, column in reversed(_FLAGS):
        op.drop_column(table, column)
