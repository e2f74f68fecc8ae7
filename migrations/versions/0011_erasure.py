"""Lookup-only lists, and how much a client may ask of them."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    # The default is for rows that are there, and for the version before, which goes on writing lists.
    op.add_column(
        "signal_list", sa.Column("lookup_only", sa.Boolean(), nullable=False, server_default=sa.false())
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


def downgrade() -> None:
    op.drop_table("lookup_budget")
    op.drop_column("signal_list", "lookup_only")
