"""People sign in to the console: passwords and one-time codes, invitations, roles, sessions, failures."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)


def upgrade() -> None:
    op.create_table(
        "user_secret",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("password_set_at", sa.BigInteger(), nullable=False),
        sa.Column("totp_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("totp_confirmed_at", sa.BigInteger(), nullable=True),
        sa.Column("totp_counter", sa.BigInteger(), nullable=True),
        sa.Column("enrol_until", sa.BigInteger(), nullable=False),
        _of_user("user_secret"),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_secret"),
    )
    op.create_table(
        "user_recovery_code",
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        _of_user("user_recovery_code"),
        sa.PrimaryKeyConstraint("code_hash", name="pk_user_recovery_code"),
    )
    op.create_index("ix_user_recovery_code_user_id", "user_recovery_code", ["user_id"])
    op.create_table(
        "user_invitation",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        _of_user("user_invitation"),
        sa.PrimaryKeyConstraint("user_id", name="pk_user_invitation"),
        sa.UniqueConstraint("code_hash", name="uq_user_invitation_code_hash"),
    )
    op.create_index("ix_user_invitation_expires_at", "user_invitation", ["expires_at"])
    op.create_table(
        "user_role",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        _of_user("user_role"),
        sa.PrimaryKeyConstraint("user_id", "role", name="pk_user_role"),
    )
    _sign_in_tables()


def _sign_in_tables() -> None:
    op.create_table(
        "user_link",
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        _of_user("user_link"),
        sa.PrimaryKeyConstraint("account", name="pk_user_link"),
        sa.UniqueConstraint("user_id", name="uq_user_link_user_id"),
    )
    op.create_table(
        "provider_request",
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("visitor_hash", sa.LargeBinary(), nullable=False),
        sa.Column("goal", sa.String(length=2000), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name="pk_provider_request"),
    )
    op.create_index("ix_provider_request_expires_at", "provider_request", ["expires_at"])
    op.create_table(
        "console_session",
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("how", sa.String(length=64), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        _of_user("console_session"),
        sa.PrimaryKeyConstraint("token_hash", name="pk_console_session"),
        sa.UniqueConstraint("id", name="uq_console_session_id"),
    )
    op.create_index("ix_console_session_user_id", "console_session", ["user_id"])
    op.create_index("ix_console_session_ends_at", "console_session", ["ends_at"])
    op.create_table(
        "sign_in_count",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("wait_until", sa.BigInteger(), nullable=False),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_count"),
    )
    op.create_index("ix_sign_in_count_wait_until", "sign_in_count", ["wait_until"])


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=f"fk_{table}_user_id")


def downgrade() -> None:
    for table in (
        "sign_in_count", "console_session", "provider_request", "user_link", "user_role", "user_invitation",
        "user_recovery_code", "user_secret",
    ):  # fmt: skip
        op.drop_table(table)
