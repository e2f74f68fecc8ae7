"""Who there is: members, users, clients and sharing groups, as tables.

They stand on the ground floor because `policy.py` decides over them; the verbs that change them are in
`app.members`.
"""

from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class Member(Base):
    """A legal entity in the coalition, a downstream of one, or a peer server."""

    __tablename__ = "member"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    sector: Mapped[str] = mapped_column(Code)
    kind: Mapped[str] = mapped_column(Code)
    status: Mapped[str] = mapped_column(Code)
    upstream_id: Mapped[str | None] = mapped_column(Id, ForeignKey("member.id"), index=True)
    """The member that serves this downstream."""
    peer_id: Mapped[str | None] = mapped_column(Id, ForeignKey("member.id"), index=True)
    """The peer server whose member this is; None for our own members."""
    same_community: Mapped[bool] = mapped_column(Boolean, default=False)
    """For a peer: the agreement says that both servers are one community."""
    created_at: Mapped[int] = mapped_column(Moment)


class Attribute(Base):
    """Something true of a member for a time, for example `us_314b_registered`."""

    __tablename__ = "member_attribute"

    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    valid_until: Mapped[int] = mapped_column(Moment, index=True)
    lapse_recorded: Mapped[bool] = mapped_column(Boolean, default=False)
    """The loss of sight that its end brings stands in the feed."""


class User(Base):
    """A person of a member, known by a handle: no name, no address."""

    __tablename__ = "user_account"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    handle: Mapped[str] = mapped_column(String(64), unique=True)
    disabled_at: Mapped[int | None] = mapped_column(Moment)
    created_at: Mapped[int] = mapped_column(Moment)


class Client(Base):
    """An OAuth client of a member (RFC 6749 section 2)."""

    __tablename__ = "client"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("user_account.id"))
    kind: Mapped[str] = mapped_column(Code)
    name: Mapped[str] = mapped_column(String(200))
    auth_method: Mapped[str] = mapped_column(Code)
    jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    jwks_uri: Mapped[str | None] = mapped_column(String(2000))
    """Where its keys are published, instead of `jwks`: see `ClientKeySet`."""
    secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret_expires_at: Mapped[int | None] = mapped_column(Moment)
    former_jwks: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    former_secret_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    former_until: Mapped[int | None] = mapped_column(Moment)
    """Until when the keys or the secret before the last rotation prove it as well."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    purposes: Mapped[list[str]] = mapped_column(JSON)
    default_purpose: Mapped[str] = mapped_column(Code)
    collections: Mapped[list[str] | None] = mapped_column(JSON)
    """Ids of the only collections that this client may touch; None: no such bound."""
    networks: Mapped[list[str] | None] = mapped_column(JSON)
    """The only networks that it may call from, in CIDR form; None: no such bound."""
    expires_at: Mapped[int | None] = mapped_column(Moment)
    dpop_bound_access_tokens: Mapped[bool] = mapped_column(Boolean, default=False)
    """It uses tokens that are bound to a key of its own (RFC 9449 section 5.2), and no others."""
    tls_client_certificate_bound_access_tokens: Mapped[bool] = mapped_column(Boolean, default=False)
    """It uses tokens that are bound to its certificate (RFC 8705 section 3.4), and no others."""
    disabled_at: Mapped[int | None] = mapped_column(Moment)
    created_at: Mapped[int] = mapped_column(Moment)

    @property
    def ends_at(self) -> int | None:
        """When it ends by itself: at its own end or at that of its secret, whichever comes first."""
        return min(
            (end for end in (self.expires_at, self.secret_expires_at) if end is not None), default=None
        )


class ClientKeySet(Base):
    """The keys of a client that publishes them, as they were last fetched from its `jwks_uri`."""

    __tablename__ = "client_key_set"

    client_id: Mapped[str] = mapped_column(Id, ForeignKey("client.id"), primary_key=True)
    url: Mapped[str] = mapped_column(String(2000))
    jwks: Mapped[dict[str, Any]] = mapped_column(JSON)
    fresh_until: Mapped[int] = mapped_column(Moment)
    attempted_at: Mapped[int] = mapped_column(Moment)
    """When a process last set out to fetch them, whatever came of it."""


class SharingGroup(Base):
    """Named members who share under accepted terms."""

    __tablename__ = "sharing_group"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200), unique=True)
    owner_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    terms: Mapped[str] = mapped_column(Text)
    terms_version: Mapped[int]
    allows_downstream: Mapped[bool] = mapped_column(Boolean, default=False)
    """The terms let a member release what it receives to those that it serves."""
    requires_bound_tokens: Mapped[bool] = mapped_column(Boolean, default=False)
    """Clients of its owner and of its members use tokens that are bound to their sender, and no others."""
    created_at: Mapped[int] = mapped_column(Moment)


class GroupRequirement(Base):
    """A member attribute without which the group's material is not seen: checked at each read."""

    __tablename__ = "group_requirement"

    group_id: Mapped[str] = mapped_column(Id, ForeignKey("sharing_group.id"), primary_key=True)
    attribute: Mapped[str] = mapped_column(Code, primary_key=True)


class GroupKey(Base):
    """A key under which a group hashes identifiers, by name: its value never comes here."""

    __tablename__ = "group_key"

    group_id: Mapped[str] = mapped_column(Id, ForeignKey("sharing_group.id"), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    epoch: Mapped[int]
    """The newest epoch."""
    retired_before: Mapped[int]
    """Epochs before this one are no longer taken."""


class GroupMember(Base):
    """A member in a group. `active` only after its own acceptance of the terms and the owner's act."""

    __tablename__ = "group_member"

    group_id: Mapped[str] = mapped_column(Id, ForeignKey("sharing_group.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True, index=True)
    accepted_terms: Mapped[int | None]
    """The version of the terms that the member accepted."""
    active: Mapped[bool] = mapped_column(Boolean, default=False)
    joined_at: Mapped[int | None] = mapped_column(Moment)


class Release(Base):
    """A member's act of letting one downstream see one collection (TLP:AMBER: one step, never further)."""

    __tablename__ = "downstream_release"
    __table_args__ = (UniqueConstraint("collection_id", "downstream_id"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("collection.id"))
    upstream_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"))
    downstream_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    created_at: Mapped[int] = mapped_column(Moment)


class SpentAssertion(Base):
    """A client assertion's `jti`, kept until it would expire: each is used once (RFC 7523 section 3)."""

    __tablename__ = "spent_assertion"

    client_id: Mapped[str] = mapped_column(Id, ForeignKey("client.id"), primary_key=True)
    jti: Mapped[str] = mapped_column(String(255), primary_key=True)
    expires_at: Mapped[int] = mapped_column(Moment, index=True)


class SpentProof(Base):
    """A proof of possession that was used (RFC 9449 section 11.1), kept until it is too old to be taken."""

    __tablename__ = "spent_proof"

    id: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    """SHA-256 of the thumbprint of its key and of its `jti`."""
    expires_at: Mapped[int] = mapped_column(Moment, index=True)


class RevokedToken(Base):
    """An access token's `jti` that was revoked before its end (RFC 7009)."""

    __tablename__ = "revoked_token"

    jti: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at: Mapped[int] = mapped_column(Moment)

    __table_args__ = (Index(None, "expires_at"),)
