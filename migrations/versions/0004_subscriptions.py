"""Subscriptions, and indexes for the questions that the audit log answers."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_LIVE = sa.text("ended_at IS NULL")
_VERSIONED = sa.text("version IS NOT NULL")


def upgrade() -> None:
    op.create_table("subscription", *_columns(), *_constraints())
    for column in ("member_id", "client_id"):
        op.create_index(f"ix_subscription_{column}", "subscription", [column])
    op.create_index(
        "ix_subscription_live", "subscription", ["id"], sqlite_where=_LIVE, postgresql_where=_LIVE
    )
    op.create_table(
        "subscription_collection",
        sa.Column("subscription_id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"], ["subscription.id"], name="fk_subscription_collection_subscription_id"
        ),
        sa.PrimaryKeyConstraint("subscription_id", "collection_id", name="pk_subscription_collection"),
    )
    op.create_index("ix_subscription_collection_collection_id", "subscription_collection", ["collection_id"])
    op.create_index("ix_audit_entry_client_seq", "audit_entry", ["client_id", "seq"])
    op.create_index(
        "ix_audit_subject_version",
        "audit_subject",
        ["collection_id", "version"],
        sqlite_where=_VERSIONED,
        postgresql_where=_VERSIONED,
    )


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("takes_sets", sa.Boolean(), nullable=False),
        sa.Column("takes_lists", sa.Boolean(), nullable=False),
        sa.Column("everything", sa.Boolean(), nullable=False),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("incarnation", _ID, nullable=False),
        sa.Column("after", sa.BigInteger(), nullable=False),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("fill_place", sa.BigInteger(), nullable=False),
        sa.Column("fill_gained", sa.BigInteger(), nullable=False),
        sa.Column("fill_after", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
    ]


def _constraints() -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_subscription_member_id"),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_subscription_client_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_subscription_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_subscription"),
    ]


def downgrade() -> None:
    op.drop_index("ix_audit_subject_version", "audit_subject")
    op.drop_index("ix_audit_entry_client_seq", "audit_entry")
    op.drop_table("subscription_collection")
    op.drop_table("subscription")
