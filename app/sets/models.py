"""Tables of indicator sets. What makes a set a collection (owner, slug, marking) is in `app.markings`."""

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment
from schemas.vocabulary import VersionStatus

_TO_REMIND = text("status = 'published' AND reminded_at IS NULL")

READABLE = (VersionStatus.PUBLISHED.value, VersionStatus.DEPRECATED.value)


class IndicatorSet(Base):
    """A set's working state: its draft, and what its source says about the marking."""

    __tablename__ = "indicator_set"

    collection_id: Mapped[str] = mapped_column(Id, ForeignKey("collection.id"), primary_key=True)
    marking_note: Mapped[str | None] = mapped_column(String(500))
    draft: Mapped[bytes] = mapped_column(LargeBinary)
    """Canonical JSON; `{}` until something is saved. The owner's own, never shown to a recipient."""
    draft_digest: Mapped[str] = mapped_column(String(64))
    draft_at: Mapped[int] = mapped_column(Moment)


class SetVersion(Base):
    """One published version: two signed things, stored as the bytes that were hashed.

    `document` never changes, but is cleared when the version is retracted or expires: digest and signature
    stay, so that what was said can still be recognised by who holds it. The envelope is made anew at each
    change; `counter` is its own.
    """

    __tablename__ = "set_version"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    set_id: Mapped[str] = mapped_column(Id, ForeignKey("indicator_set.collection_id"))
    number: Mapped[int] = mapped_column(Integer)
    """Counts the versions of the set from 1: semver order too, since each is higher than the one before."""
    version: Mapped[str] = mapped_column(Code)
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
    document_digest: Mapped[str] = mapped_column(String(64))
    document_signature: Mapped[str] = mapped_column(Text)
    envelope: Mapped[bytes] = mapped_column(LargeBinary)
    envelope_signature: Mapped[str] = mapped_column(Text)
    counter: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(Code)
    successor: Mapped[str | None] = mapped_column(Code)
    reason: Mapped[str | None] = mapped_column(Code)
    published_at: Mapped[int] = mapped_column(Moment)
    changed_at: Mapped[int] = mapped_column(Moment)
    review_by: Mapped[int | None] = mapped_column(Moment)
    valid_until: Mapped[int | None] = mapped_column(Moment)
    reminded_at: Mapped[int | None] = mapped_column(Moment)
    """When it was recorded that its review is due; once per version."""

    __table_args__ = (
        UniqueConstraint("set_id", "number"),
        Index("ix_set_version_version", "set_id", "version", unique=True),
        Index(
            "ix_set_version_due", "valid_until",
            sqlite_where=document.is_not(None), postgresql_where=document.is_not(None),
        ),
        Index("ix_set_version_review", "review_by", sqlite_where=_TO_REMIND, postgresql_where=_TO_REMIND),
    )  # fmt: skip

    def ended(self, now: int) -> VersionStatus | None:
        """Retracted or expired, if it is: its validity ends by the clock, not when the worker gets to it."""
        if self.status not in READABLE:
            return VersionStatus(self.status)
        if self.valid_until is not None and self.valid_until <= now:
            return VersionStatus.EXPIRED
        return None

    def overdue(self, now: int) -> bool:
        """Whether it can still be read, though its review date has passed."""
        return self.ended(now) is None and self.review_by is not None and self.review_by <= now
