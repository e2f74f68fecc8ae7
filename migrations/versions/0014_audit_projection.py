"""What questions about the audit log are answered from: mentions, tallies, and where the hours stand.

No data moves here: a worker loop makes all of it from the entries, in batches. Questions about things are
answered from mentions, so that `audit_subject`, which every audited read paid for, goes. Going down fills it
from the mentions that were made by then.
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)
_CODE = sa.String(64)
_REFUSED = "decision = 'refused'"
_TOLD = ("decision", "action", "reason", "member_id", "owner_id", "purpose", "tlp", "at")
"""Beside what is looked for, so that who took a thing is summed up from the index alone."""
_SUBJECT = "collection_id, place, object_id, version, owner_id, first, last"


def upgrade() -> None:
    op.create_table(
        "audit_mention",
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", _CODE, nullable=False),
        sa.Column("decision", _CODE, nullable=False),
        sa.Column("member_id", _ID, nullable=True),
        sa.Column("purpose", _CODE, nullable=True),
        sa.Column("reason", _CODE, nullable=True),
        sa.Column("collection_id", _ID, nullable=True),
        sa.Column("place", _ID, nullable=True),
        sa.Column("object_id", _ID, nullable=True),
        sa.Column("version", sa.String(64), nullable=True),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("tlp", _CODE, nullable=True),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.Column("slot", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", "position", name="pk_audit_mention"),
        sqlite_with_rowid=False,
    )
    _index("ix_audit_mention_collection", ["collection_id", "seq"], "collection_id IS NOT NULL")
    _index("ix_audit_mention_object", ["object_id", "seq", *_TOLD], "object_id IS NOT NULL")
    _index("ix_audit_mention_owner", ["owner_id", "seq"], "owner_id IS NOT NULL")
    _index("ix_audit_mention_place", ["place", "seq"], "place IS NOT NULL")
    _index("ix_audit_mention_version", ["collection_id", "version", "seq", *_TOLD], "version IS NOT NULL")
    _index("ix_audit_mention_range", ["collection_id", "slot", "first", "last"], "slot IS NOT NULL")
    op.create_table(
        "audit_tally",
        sa.Column("day", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("action", _CODE, nullable=False),
        sa.Column("decision", _CODE, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "member_id", "owner_id", "action", "decision", name="pk_audit_tally"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_audit_tally_member", "audit_tally", ["member_id", "owner_id", "day"])
    op.create_index("ix_audit_tally_owner", "audit_tally", ["owner_id", "day"])
    op.create_table(
        "audit_pair",
        sa.Column("days", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("day", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("days", "day", "member_id", "owner_id", name="pk_audit_pair"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "audit_hour",
        sa.Column("hour", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("first_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hour", name="pk_audit_hour"),
    )
    counted = op.create_table(
        "audit_counted",
        sa.Column("id", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_counted"),
    )
    op.bulk_insert(counted, [{"id": 1, "seq": 0}])
    _index("ix_audit_entry_refused", ["seq"], _REFUSED, "audit_entry")
    _index("ix_audit_entry_refused_member", ["member_id", "seq"], _REFUSED, "audit_entry")
    op.drop_table("audit_subject")


def downgrade() -> None:
    op.create_table(
        "audit_subject",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("collection_id", _ID, nullable=True),
        sa.Column("place", _ID, nullable=True),
        sa.Column("object_id", _ID, nullable=True),
        sa.Column("version", sa.String(64), nullable=True),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name="fk_audit_subject_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_audit_subject"),
    )
    op.execute(
        f"INSERT INTO audit_subject (entry_id, position, {_SUBJECT}) SELECT e.id, m.position,"  # noqa: S608
        + ", ".join(f" m.{name}" for name in _SUBJECT.split(", "))
        + " FROM audit_mention m JOIN audit_entry e ON e.seq = m.seq"
    )
    op.create_index("ix_audit_subject_object_id", "audit_subject", ["object_id"])
    op.create_index("ix_audit_subject_owner_id", "audit_subject", ["owner_id"])
    op.create_index("ix_audit_subject_range", "audit_subject", ["collection_id", "first", "last"])
    _index("ix_audit_subject_version", ["collection_id", "version"], "version IS NOT NULL", "audit_subject")
    op.drop_index("ix_audit_entry_refused_member", "audit_entry")
    op.drop_index("ix_audit_entry_refused", "audit_entry")
    for table in ("audit_counted", "audit_hour", "audit_pair", "audit_tally", "audit_mention"):
        op.drop_table(table)


def _index(name: str, columns: list[str], where: str, table: str = "audit_mention") -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
