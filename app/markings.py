"""What is marked: markings, collections and places, as tables.

They stand on the ground floor because `policy.py` decides over them and the feed is addressed by them.
"""

from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class Marking(Base):
    """TLP label, PAP label, owner and audience. One row per collection, and per narrower audience in it."""

    __tablename__ = "marking"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    tlp: Mapped[str] = mapped_column(Code)
    pap: Mapped[str] = mapped_column(Code)
    owner_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    audience: Mapped[str] = mapped_column(Code)
    group_id: Mapped[str | None] = mapped_column(Id, ForeignKey("sharing_group.id"), index=True)
    identity: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Digest of a narrower marking inside its collection, so that equal ones are one;

    None for a collection's.
    """


class MarkingMember(Base):
    """A member named by a marking with audience `members`."""

    __tablename__ = "marking_member"

    marking_id: Mapped[str] = mapped_column(Id, ForeignKey("marking.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True, index=True)


class MarkingUser(Base):
    """A user named by a marking with audience `users` (TLP:RED)."""

    __tablename__ = "marking_user"

    marking_id: Mapped[str] = mapped_column(Id, ForeignKey("marking.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True, index=True)


class MarkingPurpose(Base):
    """A purpose that a marking prohibits, as a row so that the policy can ask for it in SQL."""

    __tablename__ = "marking_purpose"

    marking_id: Mapped[str] = mapped_column(Id, ForeignKey("marking.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Code, primary_key=True)


class Collection(Base):
    """A set or a list: the unit that is subscribed to and that carries the default marking."""

    __tablename__ = "collection"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    kind: Mapped[str] = mapped_column(Code)
    owner_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    slug: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(300))
    marking_id: Mapped[str] = mapped_column(Id, ForeignKey("marking.id"), unique=True)
    created_at: Mapped[int] = mapped_column(Moment)

    __table_args__ = (UniqueConstraint("owner_id", "slug"),)


class WideningProposal(Base):
    """A marking that one person of the owner asks for, and that takes a second one to hold."""

    __tablename__ = "widening_proposal"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("collection.id"))
    number: Mapped[int] = mapped_column(Integer)
    """Counts the proposals for the collection from 1."""
    asked: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The marking as it was sent."""
    present: Mapped[str] = mapped_column(String(64))
    """Digest of the marking that held when it was asked for: on any other one the proposal is stale."""
    status: Mapped[str] = mapped_column(Code)
    proposed_by: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"))
    proposed_at: Mapped[int] = mapped_column(Moment)
    expires_at: Mapped[int] = mapped_column(Moment)
    decided_by: Mapped[str | None] = mapped_column(Id, ForeignKey("user_account.id"))
    decided_at: Mapped[int | None] = mapped_column(Moment)

    __table_args__ = (UniqueConstraint("collection_id", "number"),)


class Place(Base):
    """Where a change is shown, interned.

    `collection`: the collection's own audience (`marking_id` None) or a narrower one inside it;
    `member`: lines addressed to one member (sight); `user`: pointers addressed to one user (TLP:RED).
    """

    __tablename__ = "place"

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    key: Mapped[str] = mapped_column(Id, unique=True)
    """The name of the place on the wire: random, so that it tells nothing."""
    identity: Mapped[str] = mapped_column(String(120), unique=True)
    """What the place is, as text: two transactions cannot intern it twice."""
    kind: Mapped[str] = mapped_column(Code)
    collection_id: Mapped[str | None] = mapped_column(Id, ForeignKey("collection.id"), index=True)
    marking_id: Mapped[str | None] = mapped_column(Id, ForeignKey("marking.id"))
    member_id: Mapped[str | None] = mapped_column(Id, ForeignKey("member.id"), index=True)
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("user_account.id"), index=True)
    head: Mapped[int] = mapped_column(BigInteger, default=0)
    """Number of the newest change here: a poll with nothing new stops at this column."""

    __table_args__ = (Index(None, "head"),)
