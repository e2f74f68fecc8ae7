"""Tables of the feed: one line per change, numbered in commit order from a head row."""

from sqlalchemy import BigInteger, Boolean, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment


class Change(Base):
    """One line. Number and tombstone are for ever; `line`, the ready-to-send bytes, may be cleared."""

    __tablename__ = "change"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    date: Mapped[int] = mapped_column(Moment)
    place_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("place.id"))
    collection_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Code)
    object_id: Mapped[str] = mapped_column(Id)
    line: Mapped[bytes | None] = mapped_column(LargeBinary)
    superseded: Mapped[bool] = mapped_column(Boolean, default=False)
    """A newer line of the same object stands in the same place."""
    sight_place_id: Mapped[int | None] = mapped_column(BigInteger)
    """For `sight.*`: the place that is gained or lost."""
    purposes: Mapped[str | None] = mapped_column(String(200))
    """For `sight.*`: only readers with one of these purposes (comma-separated); None: all."""

    __table_args__ = (
        Index("ix_change_place_seq", "place_id", "seq"),
        Index("ix_change_collection_date", "collection_id", "date"),
        Index(
            "ix_change_state", "place_id", "seq",
            sqlite_where=text("NOT superseded"), postgresql_where=text("NOT superseded"),
        ),
        Index("ix_change_object", "object_id"),
        Index(
            "ix_change_clearable", "seq",
            sqlite_where=text("superseded AND line IS NOT NULL"),
            postgresql_where=text("superseded AND line IS NOT NULL"),
        ),
    )  # fmt: skip


class FeedSegment(Base):
    """The present state of a range of a place, prepared: see `app.feed.segments` for when it must go."""

    __tablename__ = "feed_segment"

    place_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("place.id"), primary_key=True)
    first: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column(BigInteger)
    lines: Mapped[int] = mapped_column(Integer)
    first_date: Mapped[int] = mapped_column(Moment)
    last_date: Mapped[int] = mapped_column(Moment)
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the lines, line ends included, before they were compressed."""
    frame: Mapped[bytes] = mapped_column(LargeBinary)
    """One frame of zstd that holds the lines."""


class FeedHead(Base):
    """One row: the newest number and date. Taken last and once by whoever commits a change."""

    __tablename__ = "feed_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)
    date: Mapped[int] = mapped_column(Moment)


class Incarnation(Base):
    """One life of the feed. A restore begins a new one; `forked_at` is the last number that it shares."""

    __tablename__ = "incarnation"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    id: Mapped[str] = mapped_column(Id, unique=True)
    forked_at: Mapped[int] = mapped_column(BigInteger)
    begun_at: Mapped[int] = mapped_column(Moment)


class Sight(Base):
    """Where a member's sight of a place begins: the number of its last `sight.gained`; no row means 0."""

    __tablename__ = "sight"

    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True)
    place_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("place.id"), primary_key=True)
    purpose: Mapped[str] = mapped_column(Code, primary_key=True)
    """Empty: whatever the purpose."""
    since: Mapped[int] = mapped_column(BigInteger)
