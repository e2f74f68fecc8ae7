"""Chunks of requests that are taken in chunks, for their repetition."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0004"
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


def downgrade() -> None:
    op.drop_table("idempotent_chunk")
