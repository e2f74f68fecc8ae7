"""Tables of signals: lists, the entries in them, and what members said of each.

An entry that was withdrawn or has expired keeps its row with its ids, its reason and its marking. Its value
and all that was said about it are cleared, so that nothing of it remains in the database.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class SignalList(Base):
    """What a collection of kind `list` has beside its row there. Whoever changes its entries locks it."""

    __tablename__ = "signal_list"

    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("collection.id"), primary_key=True)
    types: Mapped[list[str]] = mapped_column(JSON)
    """The signal types that it takes, in alphabetical order."""
    contributors: Mapped[str] = mapped_column(Code)
    """Who may contribute: its owner, or its audience."""
    lookup_only: Mapped[bool] = mapped_column(Boolean, default=False)
    """Matched against and never handed out: no line, page or single read of an entry holds its value."""
    has_erasures: Mapped[bool] = mapped_column(Boolean, default=False)
    """Values were erased from it, and are looked for in what is published."""


class SignalEntry(Base):
    """One signal at one place of a list: what is marked, fed and judged. Its id is random.

    Whoever contributes the same value at another place makes another entry, and learns nothing of this one.
    """

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
    place_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("place.id"))
    """That of the list's own audience or of its own marking; for TLP:RED it is one that nobody sees."""
    marking_id: Mapped[str | None] = mapped_column(Id, ForeignKey("marking.id"))
    """Its own narrower marking; None: the list's."""
    standing: Mapped[str] = mapped_column(Code)
    valid_until: Mapped[int] = mapped_column(Moment)
    """When the last of its contributions ends."""
    lapses_at: Mapped[int] = mapped_column(Moment)
    """When the first of its contributions ends."""
    created_at: Mapped[int] = mapped_column(Moment)
    withdrawn_at: Mapped[int | None] = mapped_column(Moment)
    """When it was withdrawn or found expired."""
    withdrawn_reason: Mapped[str | None] = mapped_column(Code)

    __table_args__ = (
        # A cleared match key is NULL and equals nothing, so a value may come back as a new entry.
        # The place stands last, so that lookups by type and key use the same index.
        UniqueConstraint("type", "match_key", "qualifier", "place_id"),
        Index(
            "ix_signal_entry_present", "collection_id", "created_at", "id",
            sqlite_where=withdrawn_at.is_(None), postgresql_where=withdrawn_at.is_(None),
        ),
        Index(
            "ix_signal_entry_due", "lapses_at",
            sqlite_where=withdrawn_at.is_(None), postgresql_where=withdrawn_at.is_(None),
        ),
    )  # fmt: skip


class Contribution(Base):
    """One member's submission of an entry: what it says of the value, and for how long."""

    __tablename__ = "contribution"

    entry_id: Mapped[str] = mapped_column(Id, ForeignKey("signal_entry.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True)
    labels: Mapped[list[str]] = mapped_column(JSON)
    classification: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    confidence: Mapped[int | None] = mapped_column(Integer)
    assessed: Mapped[bool] = mapped_column(Boolean)
    """It holds a classification, and the member was an accredited assessor when it gave that."""
    valid_until: Mapped[int] = mapped_column(Moment)
    created_at: Mapped[int] = mapped_column(Moment)

    # One tree instead of a table and an index: publishing writes here for each signal.
    __table_args__ = ({"sqlite_with_rowid": False},)


class SignalOpinion(Base):
    """What one member thinks of an entry now."""

    __tablename__ = "signal_opinion"

    entry_id: Mapped[str] = mapped_column(Id, ForeignKey("signal_entry.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True)
    opinion: Mapped[str] = mapped_column(Code)
    reason: Mapped[str | None] = mapped_column(Code)
    accredited: Mapped[bool] = mapped_column(Boolean)
    """The member was an accredited assessor when it said so."""
    stated_at: Mapped[int] = mapped_column(Moment)

    __table_args__ = ({"sqlite_with_rowid": False},)
