"""Lookup-only lists with their limits, and the ledger of erasures."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    # The defaults are for rows that are there, and for the version before, which goes on writing lists.
    op.add_column(
        "signal_list", sa.Column("lookup_only", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "signal_list", sa.Column("has_erasures", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "lookup_budget",
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("span", sa.String(64), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_lookup_budget_client_id"),
        sa.PrimaryKeyConstraint("client_id", "span", name="pk_lookup_budget"),
    )
    op.create_table(
        "erasure",
        sa.Column("id", _ID, nullable=False),
        sa.Column("list_id", _ID, nullable=False),
        sa.Column("entry_id", _ID, nullable=True),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=True),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
    )
    op.create_index("ix_erasure_list_id_fingerprint", "erasure", ["list_id", "fingerprint"])
    op.create_index("ix_erasure_entry_id", "erasure", ["entry_id"])


def downgrade() -> None:
    op.drop_table("erasure")
    op.drop_table("lookup_budget")
    op.drop_column("signal_list", "has_erasures")
    op.drop_column("signal_list", "lookup_only")
