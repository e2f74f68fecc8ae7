"""What witnesses signed of the log's checkpoints: stored beside them, served with them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.audit.models import AuditCheckpoint, AuditCosignature


@dataclass(frozen=True, kw_only=True)
class Signed:
    """A checkpoint with the cosignatures that it has, by the names of the witnesses."""

    row: AuditCheckpoint
    cosignatures: Sequence[AuditCosignature]

    @property
    def note(self) -> bytes:
        """The signed note, with the lines of its witnesses behind the log's own."""
        return self.row.note + b"".join(one.line for one in self.cosignatures)


def signed(session: Session, rows: Sequence[AuditCheckpoint]) -> list[Signed]:
    """These checkpoints, in their order, each with its cosignatures."""
    found: dict[int, list[AuditCosignature]] = {row.size: [] for row in rows}
    wanted = (
        select(AuditCosignature)
        .where(AuditCosignature.size.in_(found))
        .order_by(AuditCosignature.witness, AuditCosignature.key_id)
    )
    for one in session.scalars(wanted):
        found[one.size].append(one)
    return [Signed(row=row, cosignatures=found[row.size]) for row in rows]


def at(session: Session, size: int) -> Signed | None:
    """The checkpoint of exactly this size."""
    row = session.get(AuditCheckpoint, size)
    return None if row is None else signed(session, [row])[0]


def newest(session: Session, by: Collection[tuple[str, str]], count: int) -> Signed | None:
    """The newest checkpoint that so many different witnesses cosigned.

    Args:
        by: names and key ids of the witnesses that count.
        count: at least 1.
    """
    names = {name for name, _ in by}
    known = {f"{name} {key_id}" for name, key_id in by}
    enough = (
        select(AuditCosignature.size)
        .where(
            AuditCosignature.witness.in_(names),
            (AuditCosignature.witness + " " + AuditCosignature.key_id).in_(known),
        )
        .group_by(AuditCosignature.size)
        .having(func.count(AuditCosignature.witness.distinct()) >= count)
        .order_by(AuditCosignature.size.desc())
        .limit(1)
    )
    size = session.scalar(enough)
    return None if size is None else at(session, size)


def history(session: Session, *, before: int | None, limit: int) -> list[Signed]:
    """Checkpoints below a size, the newest first."""
    wanted = select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(AuditCheckpoint.size < before)
    return signed(session, list(session.scalars(wanted)))
