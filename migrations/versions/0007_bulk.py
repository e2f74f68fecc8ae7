"""Chunks of requests that are taken in chunks, for their repetition; keys of groups, by name."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.create_table(
        "idempotent_chunk",
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id", "key"],
            ["idempotent_answer.client_id", "idempotent_answer.key"],
            name="fk_idempotent_chunk_client_id_key",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("client_id", "key", "number", name="pk_idempotent_chunk"),
    )
    op.create_table(
        "group_key",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("retired_before", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["sharing_group.id"], name="fk_group_key_group_id"),
        sa.PrimaryKeyConstraint("group_id", "key_id", name="pk_group_key"),
    )


def downgrade() -> None:
    op.drop_table("group_key")
    op.drop_table("idempotent_chunk")
