"""Review of drafts, attestations, proposals to widen, and reminders of reviews."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_STANDING = sa.text("status = 'standing'")
_TO_REMIND = sa.text("status = 'published' AND reminded_at IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("set_version") as batch:
        batch.add_column(sa.Column("reminded_at", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_set_version_review", "set_version", ["review_by"],
        sqlite_where=_TO_REMIND, postgresql_where=_TO_REMIND,
    )  # fmt: skip
    _pair(
        "draft_author", "set_id", "indicator_set.collection_id", "user_id", "user_account.id", _moment("at")
    )
    _candidates()
    _pair("candidate_author", "candidate_id", "set_candidate.id", "user_id", "user_account.id")
    _pair("candidate_body", "candidate_id", "set_candidate.id", "member_id", "member.id")
    _remarks()
    _attestations()
    _proposals()


def _pair(table: str, one: str, of_one: str, other: str, of_other: str, *more: sa.Column[int]) -> None:
    """A table of pairs, with more columns."""
    op.create_table(
        table,
        sa.Column(one, _ID, nullable=False),
        sa.Column(other, _ID, nullable=False),
        *more,
        sa.ForeignKeyConstraint([one], [of_one], name=f"fk_{table}_{one}"),
        sa.ForeignKeyConstraint([other], [of_other], name=f"fk_{table}_{other}"),
        sa.PrimaryKeyConstraint(one, other, name=f"pk_{table}"),
    )


def _moment(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _candidates() -> None:
    op.create_table(
        "set_candidate",
        sa.Column("id", _ID, nullable=False),
        sa.Column("set_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=True),
        sa.Column("draft_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("note", sa.String(2000), nullable=True),
        sa.Column("sent_by", _ID, nullable=True),
        _moment("sent_at"),
        sa.Column("version_id", _ID, nullable=True),
        sa.ForeignKeyConstraint(["set_id"], ["indicator_set.collection_id"], name="fk_set_candidate_set_id"),
        sa.ForeignKeyConstraint(["sent_by"], ["user_account.id"], name="fk_set_candidate_sent_by"),
        sa.ForeignKeyConstraint(["version_id"], ["set_version.id"], name="fk_set_candidate_version_id"),
        sa.PrimaryKeyConstraint("id", name="pk_set_candidate"),
        sa.UniqueConstraint("set_id", "number", name="uq_set_candidate_set_id_number"),
    )
    op.create_index("ix_set_candidate_set_id_digest", "set_candidate", ["set_id", "digest"])


def _remarks() -> None:
    op.create_table(
        "review_remark",
        sa.Column("id", _ID, nullable=False),
        sa.Column("candidate_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("indicator", sa.String(100), nullable=True),
        sa.Column("text", sa.String(2000), nullable=True),
        sa.Column("user_id", _ID, nullable=False),
        _moment("at"),
        sa.ForeignKeyConstraint(["candidate_id"], ["set_candidate.id"], name="fk_review_remark_candidate_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_review_remark_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_review_remark"),
        sa.UniqueConstraint("candidate_id", "number", name="uq_review_remark_candidate_id_number"),
    )


def _attestations() -> None:
    op.create_table(
        "attestation",
        sa.Column("id", _ID, nullable=False),
        sa.Column("set_id", _ID, nullable=False),
        sa.Column("document_digest", sa.String(64), nullable=False),
        sa.Column("body_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("statement", sa.LargeBinary(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.Column("survivors_consulted", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        _moment("at"),
        _moment("ended_at", nullable=True),
        sa.ForeignKeyConstraint(["set_id"], ["indicator_set.collection_id"], name="fk_attestation_set_id"),
        sa.ForeignKeyConstraint(["body_id"], ["member.id"], name="fk_attestation_body_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_attestation_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_attestation"),
    )
    op.create_index("ix_attestation_body_id", "attestation", ["body_id"])
    named = ["set_id", "document_digest"]
    op.create_index("ix_attestation_set_id_document_digest", "attestation", named)
    op.create_index(
        "ix_attestation_standing", "attestation", [*named, "body_id"], unique=True,
        sqlite_where=_STANDING, postgresql_where=_STANDING,
    )  # fmt: skip


def _proposals() -> None:
    table = "widening_proposal"
    op.create_table(
        table,
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("present", sa.String(64), nullable=False),
        sa.Column("status", sa.String(64), nullable=False),
        sa.Column("proposed_by", _ID, nullable=False),
        _moment("proposed_at"),
        _moment("expires_at"),
        sa.Column("decided_by", _ID, nullable=True),
        _moment("decided_at", nullable=True),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=f"fk_{table}_collection_id"),
        sa.ForeignKeyConstraint(["proposed_by"], ["user_account.id"], name=f"fk_{table}_proposed_by"),
        sa.ForeignKeyConstraint(["decided_by"], ["user_account.id"], name=f"fk_{table}_decided_by"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("collection_id", "number", name=f"uq_{table}_collection_id_number"),
    )


def downgrade() -> None:
    for table in (
        "widening_proposal", "attestation", "review_remark", "candidate_body", "candidate_author",
        "set_candidate", "draft_author",
    ):  # fmt: skip
        op.drop_table(table)
    op.drop_index("ix_set_version_review", "set_version")
    with op.batch_alter_table("set_version") as batch:
        batch.drop_column("reminded_at")
