"""Parties, markings, feed and audit log: what everything else stands on."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

_ID = sa.Uuid(as_uuid=False)

TABLES = (
    "member",
    "user_account",
    "client",
    "member_attribute",
    "sharing_group",
    "group_requirement",
    "group_member",
    "spent_assertion",
    "revoked_token",
    "marking",
    "marking_member",
    "marking_user",
    "marking_purpose",
    "collection",
    "place",
    "downstream_release",
    "feed_head",
    "incarnation",
    "change",
    "sight",
    "audit_entry",
    "audit_subject",
    "audit_private",
    "audit_head",
    "policy_epoch",
    "refusal_count",
    "signing_key",
    "idempotent_answer",
)


def upgrade() -> None:
    _parties()
    _markings()
    _feed()
    _audit()
    _server()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _parties() -> None:
    """Who there is: members, users, clients, groups."""
    op.create_table(
        "member",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("sector", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("upstream_id", _ID, nullable=True),
        sa.Column("peer_id", _ID, nullable=True),
        sa.Column("same_community", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["peer_id"], ["member.id"], name="fk_member_peer_id"),
        sa.ForeignKeyConstraint(["upstream_id"], ["member.id"], name="fk_member_upstream_id"),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
        sa.UniqueConstraint("name", name="uq_member_name"),
    )
    op.create_index("ix_member_peer_id", "member", ["peer_id"])
    op.create_index("ix_member_upstream_id", "member", ["upstream_id"])
    op.create_table(
        "user_account",
        sa.Column("id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("handle", sa.String(length=64), nullable=False),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_user_account_member_id"),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("handle", name="uq_user_account_handle"),
    )
    op.create_index("ix_user_account_member_id", "user_account", ["member_id"])
    op.create_table(
        "client",
        sa.Column("id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("auth_method", sa.String(length=64), nullable=False),
        sa.Column("jwks", sa.JSON(), nullable=True),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=True),
        sa.Column("secret_expires_at", sa.BigInteger(), nullable=True),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("purposes", sa.JSON(), nullable=False),
        sa.Column("default_purpose", sa.String(length=64), nullable=False),
        sa.Column("collections", sa.JSON(), nullable=True),
        sa.Column("disabled_at", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_client_member_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_client_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_client"),
    )
    op.create_index("ix_client_member_id", "client", ["member_id"])
    op.create_table(
        "member_attribute",
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=False),
        sa.Column("lapse_recorded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_member_attribute_member_id"),
        sa.PrimaryKeyConstraint("member_id", "name", name="pk_member_attribute"),
    )
    op.create_index("ix_member_attribute_valid_until", "member_attribute", ["valid_until"])
    op.create_table(
        "sharing_group",
        sa.Column("id", _ID, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("allows_downstream", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name="fk_sharing_group_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sharing_group"),
        sa.UniqueConstraint("name", name="uq_sharing_group_name"),
    )
    op.create_index("ix_sharing_group_owner_id", "sharing_group", ["owner_id"])
    op.create_table(
        "group_requirement",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("attribute", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["sharing_group.id"], name="fk_group_requirement_group_id"),
        sa.PrimaryKeyConstraint("group_id", "attribute", name="pk_group_requirement"),
    )
    op.create_table(
        "group_member",
        sa.Column("group_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("accepted_terms", sa.Integer(), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("joined_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["sharing_group.id"], name="fk_group_member_group_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_group_member_member_id"),
        sa.PrimaryKeyConstraint("group_id", "member_id", name="pk_group_member"),
    )
    op.create_index("ix_group_member_member_id", "group_member", ["member_id"])
    op.create_table(
        "spent_assertion",
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("jti", sa.String(length=255), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name="fk_spent_assertion_client_id"),
        sa.PrimaryKeyConstraint("client_id", "jti", name="pk_spent_assertion"),
    )
    op.create_index("ix_spent_assertion_expires_at", "spent_assertion", ["expires_at"])
    op.create_table(
        "revoked_token",
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_revoked_token"),
    )
    op.create_index("ix_revoked_token_expires_at", "revoked_token", ["expires_at"])


def _markings() -> None:
    """What is marked: markings, collections, places, releases."""
    op.create_table(
        "marking",
        sa.Column("id", _ID, nullable=False),
        sa.Column("tlp", sa.String(length=64), nullable=False),
        sa.Column("pap", sa.String(length=64), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("audience", sa.String(length=64), nullable=False),
        sa.Column("group_id", _ID, nullable=True),
        sa.Column("identity", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["group_id"], ["sharing_group.id"], name="fk_marking_group_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name="fk_marking_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_marking"),
        sa.UniqueConstraint("identity", name="uq_marking_identity"),
    )
    op.create_index("ix_marking_group_id", "marking", ["group_id"])
    op.create_index("ix_marking_owner_id", "marking", ["owner_id"])
    op.create_table(
        "marking_member",
        sa.Column("marking_id", _ID, nullable=False),
        sa.Column("member_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_marking_member_marking_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_marking_member_member_id"),
        sa.PrimaryKeyConstraint("marking_id", "member_id", name="pk_marking_member"),
    )
    op.create_index("ix_marking_member_member_id", "marking_member", ["member_id"])
    op.create_table(
        "marking_user",
        sa.Column("marking_id", _ID, nullable=False),
        sa.Column("user_id", _ID, nullable=False),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_marking_user_marking_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_marking_user_user_id"),
        sa.PrimaryKeyConstraint("marking_id", "user_id", name="pk_marking_user"),
    )
    op.create_index("ix_marking_user_user_id", "marking_user", ["user_id"])
    op.create_table(
        "marking_purpose",
        sa.Column("marking_id", _ID, nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_marking_purpose_marking_id"),
        sa.PrimaryKeyConstraint("marking_id", "purpose", name="pk_marking_purpose"),
    )
    op.create_table(
        "collection",
        sa.Column("id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("owner_id", _ID, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("marking_id", _ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_collection_marking_id"),
        sa.ForeignKeyConstraint(["owner_id"], ["member.id"], name="fk_collection_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_collection"),
        sa.UniqueConstraint("marking_id", name="uq_collection_marking_id"),
        sa.UniqueConstraint("owner_id", "slug", name="uq_collection_owner_id_slug"),
    )
    op.create_index("ix_collection_owner_id", "collection", ["owner_id"])
    op.create_table(
        "place",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("key", _ID, nullable=False),
        sa.Column("identity", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("collection_id", _ID, nullable=True),
        sa.Column("marking_id", _ID, nullable=True),
        sa.Column("member_id", _ID, nullable=True),
        sa.Column("user_id", _ID, nullable=True),
        sa.Column("head", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name="fk_place_collection_id"),
        sa.ForeignKeyConstraint(["marking_id"], ["marking.id"], name="fk_place_marking_id"),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_place_member_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_place_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_place"),
        sa.UniqueConstraint("identity", name="uq_place_identity"),
        sa.UniqueConstraint("key", name="uq_place_key"),
    )
    op.create_index("ix_place_collection_id", "place", ["collection_id"])
    op.create_index("ix_place_head", "place", ["head"])
    op.create_index("ix_place_member_id", "place", ["member_id"])
    op.create_index("ix_place_user_id", "place", ["user_id"])
    op.create_table(
        "downstream_release",
        sa.Column("id", _ID, nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("upstream_id", _ID, nullable=False),
        sa.Column("downstream_id", _ID, nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["collection_id"], ["collection.id"], name="fk_downstream_release_collection_id"
        ),
        sa.ForeignKeyConstraint(["downstream_id"], ["member.id"], name="fk_downstream_release_downstream_id"),
        sa.ForeignKeyConstraint(["upstream_id"], ["member.id"], name="fk_downstream_release_upstream_id"),
        sa.PrimaryKeyConstraint("id", name="pk_downstream_release"),
        sa.UniqueConstraint(
            "collection_id", "downstream_id", name="uq_downstream_release_collection_id_downstream_id"
        ),
    )
    op.create_index("ix_downstream_release_downstream_id", "downstream_release", ["downstream_id"])


def _feed() -> None:
    """Changes, their head row, lives and sight."""
    op.create_table(
        "feed_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("date", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed_head"),
    )
    op.create_table(
        "incarnation",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", _ID, nullable=False),
        sa.Column("forked_at", sa.BigInteger(), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_incarnation"),
        sa.UniqueConstraint("id", name="uq_incarnation_id"),
    )
    op.create_table(
        "change",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("date", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("collection_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("object_id", _ID, nullable=False),
        sa.Column("line", sa.LargeBinary(), nullable=True),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("sight_place_id", sa.BigInteger(), nullable=True),
        sa.Column("purposes", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name="fk_change_place_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_change"),
    )
    op.create_index(
        "ix_change_clearable",
        "change",
        ["seq"],
        sqlite_where=sa.text("superseded AND line IS NOT NULL"),
        postgresql_where=sa.text("superseded AND line IS NOT NULL"),
    )
    op.create_index("ix_change_collection_date", "change", ["collection_id", "date"])
    op.create_index("ix_change_object", "change", ["object_id"])
    op.create_index("ix_change_place_seq", "change", ["place_id", "seq"])
    op.create_index(
        "ix_change_state",
        "change",
        ["place_id", "seq"],
        sqlite_where=sa.text("NOT superseded"),
        postgresql_where=sa.text("NOT superseded"),
    )
    op.create_table(
        "sight",
        sa.Column("member_id", _ID, nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("purpose", sa.String(length=64), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["member.id"], name="fk_sight_member_id"),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name="fk_sight_place_id"),
        sa.PrimaryKeyConstraint("member_id", "place_id", "purpose", name="pk_sight"),
    )


def _audit() -> None:
    """The audit log and the policy epoch."""
    op.create_table(
        "audit_entry",
        sa.Column("id", _ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=64), nullable=False),
        sa.Column("member_id", _ID, nullable=True),
        sa.Column("client_id", _ID, nullable=True),
        sa.Column("request_id", _ID, nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_entry"),
        sa.UniqueConstraint("seq", name="uq_audit_entry_seq"),
    )
    op.create_index("ix_audit_entry_action_seq", "audit_entry", ["action", "seq"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_audit_entry_member_seq", "audit_entry", ["member_id", "seq"])
    op.create_index(
        "ix_audit_entry_pending",
        "audit_entry",
        ["at"],
        sqlite_where=sa.text("seq IS NULL"),
        postgresql_where=sa.text("seq IS NULL"),
    )
    op.create_index("ix_audit_entry_request_id", "audit_entry", ["request_id"])
    op.create_table(
        "audit_subject",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("collection_id", _ID, nullable=True),
        sa.Column("place", _ID, nullable=True),
        sa.Column("object_id", _ID, nullable=True),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("owner_id", _ID, nullable=True),
        sa.Column("first", sa.BigInteger(), nullable=True),
        sa.Column("last", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name="fk_audit_subject_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", "position", name="pk_audit_subject"),
    )
    op.create_index("ix_audit_subject_object_id", "audit_subject", ["object_id"])
    op.create_index("ix_audit_subject_owner_id", "audit_subject", ["owner_id"])
    op.create_index("ix_audit_subject_range", "audit_subject", ["collection_id", "first", "last"])
    op.create_table(
        "audit_private",
        sa.Column("entry_id", _ID, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body_digest", sa.LargeBinary(), nullable=True),
        sa.Column("query_digest", sa.LargeBinary(), nullable=True),
        sa.Column("network", sa.String(length=64), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["audit_entry.id"], name="fk_audit_private_entry_id"),
        sa.PrimaryKeyConstraint("entry_id", name="pk_audit_private"),
    )
    op.create_index("ix_audit_private_at", "audit_private", ["at"])
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.create_table(
        "policy_epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_policy_epoch"),
    )
    op.create_table(
        "refusal_count",
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("minute", "network", name="pk_refusal_count"),
    )


def _server() -> None:
    """Signing keys and kept answers."""
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("use", sa.String(length=64), nullable=False),
        sa.Column("public_jwk", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("active_from", sa.BigInteger(), nullable=True),
        sa.Column("retired_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_key"),
    )
    op.create_index("ix_signing_key_use", "signing_key", ["use"])
    op.create_table(
        "idempotent_answer",
        sa.Column("client_id", _ID, nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_digest", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "key", name="pk_idempotent_answer"),
    )
    op.create_index("ix_idempotent_answer_at", "idempotent_answer", ["at"])
