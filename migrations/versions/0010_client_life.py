"""Clients: published keys, an end, networks, and what was valid before a rotation."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[object]], ...] = (
    ("jwks_uri", sa.String(length=2000)),
    ("former_jwks", sa.JSON()),
    ("former_secret_hash", sa.LargeBinary()),
    ("former_until", sa.BigInteger()),
    ("networks", sa.JSON()),
    ("expires_at", sa.BigInteger()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("client", sa.Column(name, kind, nullable=True))
    op.create_table(
        "client_key_set",
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=False),
        sa.Column("fresh_until", sa.BigInteger(), nullable=False),
        sa.Column("attempted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_client_key_set_client_id"),
        sa.PrimaryKeyConstraint("client_id", name="pk_client_key_set"),
    )


def downgrade() -> None:
    op.drop_table("client_key_set")
    for name, _kind in reversed(_COLUMNS):
        op.drop_column("client", name)
