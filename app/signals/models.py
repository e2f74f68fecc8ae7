"""Tables of signals: lists, and the entries in them.

An entry that was withdrawn or has expired keeps its row with its ids, its reason and its marking. Its value
and all that was said about it are cleared, so that nothing of it remains in the database.
"""

from typing import Any

from sqlalchemy import JSON, Boolean, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class SignalList(Base):
    """What a collection of kind `list` has beside its row there. Whoever changes its entries locks it."""

    __tablename__ = "signal_list"

    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("collection.id"), primary_key=True)
    types: Mapped[list[str]] = mapped_column(JSON)
    """The signal types that it takes, in alphabetical order."""
    lookup_only: Mapped[bool] = mapped_column(Boolean, default=False)
    """Matched against and never handed out: no line, page or single read of an entry holds its value."""
    has_erasures: Mapped[bool] = mapped_column(Boolean, default=False)
    """Values were erased from it, and are looked for in what is published."""


class SignalEntry(Base):
    """One signal in one list. Its id is random, never made from the value."""

    __tablename__ = "signal_entry"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("signal_list.collection_id"))
    type: Mapped[str] = mapped_column(Code)
    value: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Raw bytes; None once withdrawn or expired."""
    qualifier: Mapped[str] = mapped_column(String(128))
    """Identity beside the value: `identifier/key id/epoch` of a keyed type, else empty."""
    match_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    """What exact lookup compares; None once withdrawn or expired."""
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    """`quality` and `producer`, where given."""
    labels: Mapped[list[str]] = mapped_column(JSON)
    classification: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    confidence: Mapped[int | None] = mapped_column(Integer)
    contributor_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"))
    marking_id: Mapped[str | None] = mapped_column(Id, ForeignKey("marking.id"))
    """Its own narrower marking; None: the list's."""
    standing: Mapped[str] = mapped_column(Code)
    valid_until: Mapped[int] = mapped_column(Moment)
    created_at: Mapped[int] = mapped_column(Moment)
    withdrawn_at: Mapped[int | None] = mapped_column(Moment)
    """When it was withdrawn or found expired."""
    withdrawn_reason: Mapped[str | None] = mapped_column(Code)

    __table_args__ = (
        # A cleared match key is NULL and equals nothing, so a value may come back as a new entry.
        UniqueConstraint("collection_id", "type", "match_key", "qualifier"),
        Index("ix_signal_entry_lookup", "type", "match_key"),
        Index(
            "ix_signal_entry_present", "collection_id", "created_at", "id",
            sqlite_where=withdrawn_at.is_(None), postgresql_where=withdrawn_at.is_(None),
        ),
        Index(
            "ix_signal_entry_due", "valid_until",
            sqlite_where=withdrawn_at.is_(None), postgresql_where=withdrawn_at.is_(None),
        ),
    )  # fmt: skip
