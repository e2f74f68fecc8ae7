"""Tables of the audit log.

`audit_entry` holds each entry's bytes, beside the columns that questions are asked by, for ever or until
they age out to a file that `audit_archive` names. `seq` is given afterwards by the sequencer, dense and in
one order; readers see sequenced entries only. `audit_private` holds what must be erasable: salts, digests in
clear, network addresses. `audit_tile` is the Merkle tree over the sequenced entries, `audit_checkpoint` what
was signed of it, `audit_cosignature` what witnesses signed of that, and `audit_life` the lives of the log
that restores began.
"""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Code, Id, Moment

REFUSED = "decision = 'refused'"


class AuditEntry(Base):
    __tablename__ = "audit_entry"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    at: Mapped[int] = mapped_column(Moment, index=True)
    action: Mapped[str] = mapped_column(Code)
    decision: Mapped[str] = mapped_column(Code)
    member_id: Mapped[str | None] = mapped_column(Id)
    client_id: Mapped[str | None] = mapped_column(Id)
    request_id: Mapped[str] = mapped_column(Id, index=True)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    """Canonical bytes, `schemas/documents/audit-entry.v1.json`."""

    __table_args__ = (
        Index("ix_audit_entry_member_seq", "member_id", "seq"),
        Index("ix_audit_entry_client_seq", "client_id", "seq"),
        Index("ix_audit_entry_action_seq", "action", "seq"),
        Index(
            "ix_audit_entry_pending", "at",
            sqlite_where=seq.is_(None), postgresql_where=seq.is_(None),
        ),
        Index(
            "ix_audit_entry_refused", "seq",
            sqlite_where=text(REFUSED), postgresql_where=text(REFUSED),
        ),
        Index(
            "ix_audit_entry_refused_member", "member_id", "seq",
            sqlite_where=text(REFUSED), postgresql_where=text(REFUSED),
        ),
    )  # fmt: skip


class AuditPrivate(Base):
    """What the commitments of an entry open to; deleted after its retention, and the entry still stands."""

    __tablename__ = "audit_private"

    entry_id: Mapped[str] = mapped_column(Id, ForeignKey("audit_entry.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(LargeBinary)
    body_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    query_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    network: Mapped[str | None] = mapped_column(String(64))
    at: Mapped[int] = mapped_column(Moment, index=True)


class AuditHead(Base):
    """One row: the number of the newest sequenced entry. Whoever holds its lock is the sequencer."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    seq: Mapped[int] = mapped_column(BigInteger)


class AuditTile(Base):
    """One tile of the tree (C2SP tlog-tiles): hashes of the nodes of level `8 * level`.

    Leaf `n` is the entry with the number `n + 1`. A row only grows, until it holds 256 hashes; what a partial
    tile holds is a prefix of it. The size of the tree and its right edge stand here and nowhere else.
    """

    __tablename__ = "audit_tile"

    level: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Which tile of its level, counted from 0."""
    hashes: Mapped[bytes] = mapped_column(LargeBinary)
    """32 bytes each, 1 to 256 of them."""


class AuditCheckpoint(Base):
    """What was signed: for one size one root, ever."""

    __tablename__ = "audit_checkpoint"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[bytes] = mapped_column(LargeBinary)
    """The signed note as it is served (C2SP tlog-checkpoint)."""
    kid: Mapped[str] = mapped_column(String(64))
    """Of the key that signed, in `signing_key`."""
    signed_at: Mapped[int] = mapped_column(Moment)
    life: Mapped[int] = mapped_column(Integer, server_default="1")
    """In which life of the log, whose name is the checkpoint's origin."""


class AuditLife(Base):
    """A life of the log that a restore began. The first one has no row: its name is the log's own."""

    __tablename__ = "audit_life"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(64))
    """What its origin ends in: number and a random part, so that no two restores begin the same life."""
    began_at_size: Mapped[int] = mapped_column(BigInteger)
    """How many entries it took over, with their numbers, from the life before."""
    begun_at: Mapped[int] = mapped_column(Moment)


class AuditCosignature(Base):
    """What a witness signed of a checkpoint (C2SP tlog-cosignature); verified before it came here."""

    __tablename__ = "audit_cosignature"

    size: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("audit_checkpoint.size"), primary_key=True, autoincrement=False
    )
    witness: Mapped[str] = mapped_column(String(255), primary_key=True)
    """The name of its key."""
    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    """The id of its key, in hex."""
    line: Mapped[bytes] = mapped_column(LargeBinary)
    """The signature line, with its newline."""
    cosigned_at: Mapped[int] = mapped_column(Moment)
    """When, as the witness says."""


class AuditWitness(Base):
    """How far a configured witness has come, as it said itself, and when it is asked next."""

    __tablename__ = "audit_witness"

    name: Mapped[str] = mapped_column(String(255), primary_key=True)
    key_id: Mapped[str] = mapped_column(String(8), primary_key=True)
    life: Mapped[int] = mapped_column(Integer)
    """The life of the log that the rest speaks of."""
    size: Mapped[int] = mapped_column(BigInteger)
    """The size that it holds, as far as is known; 0: it was not asked yet."""
    cosigned_at: Mapped[int | None] = mapped_column(Moment)
    next_at: Mapped[int] = mapped_column(Moment)
    failures: Mapped[int] = mapped_column(Integer)
    """In a row."""
    problem: Mapped[str | None] = mapped_column(Code)
    problem_at: Mapped[int | None] = mapped_column(Moment)


class AuditArchive(Base):
    """Entries that were written to a file before their rows were deleted. Their leaves stay in the tree."""

    __tablename__ = "audit_archive"

    start: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """The index of its first entry, counted from 0; a multiple of 256."""
    end: Mapped[int] = mapped_column(BigInteger)
    """The index behind its last entry; a multiple of 256."""
    file: Mapped[str] = mapped_column(String(255))
    """The name of the file in the archive folder."""
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    """SHA-256 of the file."""
    oldest_at: Mapped[int] = mapped_column(Moment)
    """When the oldest of its entries was made."""
    newest_at: Mapped[int] = mapped_column(Moment)
    archived_at: Mapped[int] = mapped_column(Moment)
    emptied_at: Mapped[int | None] = mapped_column(Moment)
    """When the last of its rows was deleted; None: some are still there."""


class PolicyEpoch(Base):
    """One row: moves with every change to markings, membership, attributes, suspension or revocation."""

    __tablename__ = "policy_epoch"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    epoch: Mapped[int] = mapped_column(BigInteger)


class RefusalCount(Base):
    """Requests without a valid identity, counted per minute and network until their one entry is written."""

    __tablename__ = "refusal_count"

    minute: Mapped[int] = mapped_column(Moment, primary_key=True)
    network: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
