"""Tables of review: who drafted, what was frozen, what was said of it, and what bodies attest."""

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment
from schemas.vocabulary import AttestationStatus

_STANDING = text(f"status = '{AttestationStatus.STANDING.value}'")


class DraftAuthor(Base):
    """A user who saved the draft of a set since what was last published, and when last."""

    __tablename__ = "draft_author"

    set_id: Mapped[str] = mapped_column(Id, ForeignKey("indicator_set.collection_id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)
    at: Mapped[int] = mapped_column(Moment)


class Candidate(Base):
    """The frozen bytes of a draft under review.

    Only the newest candidate of a set holds bytes: a later one clears them, and publishing hands them over to
    the version.
    """

    __tablename__ = "set_candidate"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    set_id: Mapped[str] = mapped_column(Id, ForeignKey("indicator_set.collection_id"))
    number: Mapped[int] = mapped_column(Integer)
    """Counts the candidates of the set from 1."""
    version: Mapped[str] = mapped_column(Code)
    digest: Mapped[str] = mapped_column(String(64))
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
    draft_digest: Mapped[str] = mapped_column(String(64))
    """Of the draft that it was made from."""
    status: Mapped[str] = mapped_column(Code)
    note: Mapped[str | None] = mapped_column(String(2000))
    sent_by: Mapped[str | None] = mapped_column(Id, ForeignKey("user_account.id"))
    sent_at: Mapped[int] = mapped_column(Moment)
    version_id: Mapped[str | None] = mapped_column(Id, ForeignKey("set_version.id"))
    """The version that it was published as."""

    __table_args__ = (UniqueConstraint("set_id", "number"), Index(None, "set_id", "digest"))


class CandidateAuthor(Base):
    """A user who wrote what a candidate holds: she never approves it."""

    __tablename__ = "candidate_author"

    candidate_id: Mapped[str] = mapped_column(Id, ForeignKey("set_candidate.id"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"), primary_key=True)


class CandidateBody(Base):
    """A member that the owner invited to attest a candidate, and so to read it."""

    __tablename__ = "candidate_body"

    candidate_id: Mapped[str] = mapped_column(Id, ForeignKey("set_candidate.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), primary_key=True)


class Remark(Base):
    """What a person of the owner said of a candidate: comment, approval, return. For the owner alone."""

    __tablename__ = "review_remark"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    candidate_id: Mapped[str] = mapped_column(Id, ForeignKey("set_candidate.id"))
    number: Mapped[int] = mapped_column(Integer)
    """Counts the remarks on the candidate from 1."""
    kind: Mapped[str] = mapped_column(Code)
    indicator: Mapped[str | None] = mapped_column(String(100))
    text: Mapped[str | None] = mapped_column(String(2000))
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"))
    at: Mapped[int] = mapped_column(Moment)

    __table_args__ = (UniqueConstraint("candidate_id", "number"),)


class Attestation(Base):
    """A body's signed statement of validation, of one document, as the bytes that were signed.

    It belongs to the digest, so it holds for the candidate and for the version that is made of it.
    Withdrawing it clears statement and signature.
    """

    __tablename__ = "attestation"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    set_id: Mapped[str] = mapped_column(Id, ForeignKey("indicator_set.collection_id"))
    document_digest: Mapped[str] = mapped_column(String(64))
    body_id: Mapped[str] = mapped_column(Id, ForeignKey("member.id"), index=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("user_account.id"))
    statement: Mapped[bytes | None] = mapped_column(LargeBinary)
    signature: Mapped[str | None] = mapped_column(Text)
    survivors_consulted: Mapped[bool] = mapped_column(Boolean)
    """Only such a statement carries a document's claim that survivors validated it."""
    status: Mapped[str] = mapped_column(Code)
    at: Mapped[int] = mapped_column(Moment)
    ended_at: Mapped[int | None] = mapped_column(Moment)

    __table_args__ = (
        Index(None, "set_id", "document_digest"),
        Index(
            "ix_attestation_standing", "set_id", "document_digest", "body_id", unique=True,
            sqlite_where=_STANDING, postgresql_where=_STANDING,
        ),
    )  # fmt: skip
