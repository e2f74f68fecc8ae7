"""What was erased from which list, as rows: by it a value that comes again is known, and refused.

A value is known by its fingerprint, which is keyed with the server's secret: a plain digest of a value could
be looked for by whoever holds a copy of the table.
"""

import hmac
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Index, LargeBinary, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from app import ledger
from app.db import Base, Code, Id, Moment
from app.record import Tx
from app.rows import batches
from app.signals.kinds import Parsed
from app.signals.models import SignalList
from app.signals.queries import Identity, one_of


class Erasure(Base):
    """One row of the ledger. Its list may be missing: it may have been created after the backup was taken."""

    __tablename__ = "erasure"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    list_id: Mapped[str] = mapped_column(Id)
    entry_id: Mapped[str | None] = mapped_column(Id, index=True)
    fingerprint: Mapped[bytes | None] = mapped_column(LargeBinary)
    """None: the value had gone before, and only the entry's id was known."""
    reason: Mapped[str] = mapped_column(Code)
    at: Mapped[int] = mapped_column(Moment)

    __table_args__ = (Index(None, "list_id", "fingerprint"),)


def fingerprint(tx: Tx, list_id: str, identity: Identity) -> bytes:
    """What is kept of a value of a list: the same in another list is another."""
    type_name, qualifier, key = identity
    said = f"{list_id}\0{type_name}\0{qualifier}\0".encode() + key
    return hmac.digest(tx.runtime.fingerprint_key, said, "sha256")


def identity_of(parsed: Parsed) -> Identity:
    return parsed.type, parsed.qualifier, parsed.match_key


def among(tx: Tx, list_id: str, asked: Iterable[Parsed]) -> frozenset[Identity]:
    """Those of the values that were erased from the list, which must be locked."""
    # Asked anew: what was read before the list was locked may have changed while that was waited for.
    if not tx.session.scalar(select(SignalList.has_erasures).where(SignalList.collection_id == list_id)):
        return frozenset()
    identities = {identity_of(item) for item in asked}
    prints = {fingerprint(tx, list_id, identity): identity for identity in identities}
    return frozenset(prints[found] for found in known(tx.session, list_id, prints))


def any_of(session: Session, list_id: str) -> bool:
    """Whether anything was ever erased from a list of this id."""
    return session.scalar(select(Erasure.id).where(Erasure.list_id == list_id).limit(1)) is not None


def known(session: Session, list_id: str, prints: Iterable[bytes]) -> set[bytes]:
    """Those of the fingerprints that the table holds for a list."""
    return _held(session, list_id, Erasure.fingerprint, prints)


def named(session: Session, list_id: str, entry_ids: Sequence[str]) -> set[str]:
    """Those of the entries that the table names for a list."""
    return _held(session, list_id, Erasure.entry_id, entry_ids)


def _held(
    session: Session, list_id: str, column: InstrumentedAttribute[Any], values: Iterable[Any]
) -> set[Any]:
    held: set[Any] = set()
    for part in batches(sorted(values)):
        wanted = select(column).where(Erasure.list_id == list_id, one_of(session, column, part))
        held.update(session.scalars(wanted))
    return held


def store(session: Session, rows: Sequence[ledger.Row]) -> None:
    """Add rows of the ledger to the table; those that are there already stay as they are."""
    if not rows:
        return
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    values = [
        {
            "id": row.id, "list_id": row.list, "entry_id": row.entry, "reason": row.reason, "at": row.at,
            "fingerprint": bytes.fromhex(row.fingerprint) if row.fingerprint else None,
        }
        for row in rows
    ]  # fmt: skip
    session.execute(make(Erasure).on_conflict_do_nothing(index_elements=["id"]), values)
    lists = {row.list for row in rows}
    session.execute(
        update(SignalList).where(SignalList.collection_id.in_(lists)).values(has_erasures=True),
        execution_options={"synchronize_session": False},
    )


def rows(session: Session) -> list[ledger.Row]:
    """Every row, oldest first."""
    return [
        ledger.Row(
            id=row.id, list=row.list_id, entry=row.entry_id, reason=row.reason, at=row.at,
            fingerprint=row.fingerprint.hex() if row.fingerprint is not None else None,
        )
        for row in session.scalars(select(Erasure).order_by(Erasure.at, Erasure.id))
    ]  # fmt: skip
