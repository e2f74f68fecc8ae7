"""How much a client may ask of lookup-only lists: counted in the database, so that it holds across processes.

Whoever may ask without end learns by and by what such a list holds. Queries are counted before they are
answered, in a transaction of their own: what was counted stays counted, whatever becomes of the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ForeignKey, case
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.clock import DAY, HOUR, SECOND
from app.config import Config
from app.db import Base, Code, Id, Moment
from app.errors import TooMany


class LookupBudget(Base):
    """What a client has asked in the present hour and day (`span`). Two rows per client, for ever."""

    __tablename__ = "lookup_budget"

    client_id: Mapped[str] = mapped_column(Id, ForeignKey("client.id"), primary_key=True)
    span: Mapped[str] = mapped_column(Code, primary_key=True)
    begun_at: Mapped[int] = mapped_column(Moment)
    used: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, kw_only=True)
class Limit:
    """So many queries in each span of the clock (UTC), the first of which began at the epoch."""

    span: str
    length: int
    most: int


def limits(config: Config) -> tuple[Limit, ...]:
    """The limits that hold, in the order in which their rows are taken."""
    return (
        Limit(span="day", length=DAY, most=config.lookup_only_daily),
        Limit(span="hour", length=HOUR, most=config.lookup_only_hourly),
    )


def reserve(session: Session, client_id: str, count: int, now: int, held: Sequence[Limit]) -> None:
    """Count queries of a client towards every limit, or towards none.

    Raises:
        TooMany: they are more than is left. The caller's transaction must be rolled back.
    """
    for limit in held:
        begun = now - now % limit.length
        if count > limit.most or not _taken(session, client_id, count, begun, limit):
            raise TooMany(
                f"A client may ask lookup-only lists {limit.most} queries a {limit.span}. "
                "Ask fewer, or wait as long as Retry-After says.",
                reason="lookup_budget",
                retry_after=(begun + limit.length - now) // SECOND + 1,
            )


def _taken(session: Session, client_id: str, count: int, begun: int, limit: Limit) -> bool:
    """One statement: the row is made, begun anew or added to; not touched where that would be too much."""
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    # A clock that is a little behind another server's begins no span anew.
    running = LookupBudget.begun_at >= begun
    used = case((running, LookupBudget.used), else_=0)
    taken = (
        make(LookupBudget)
        .values(client_id=client_id, span=limit.span, begun_at=begun, used=count)
        .on_conflict_do_update(
            index_elements=["client_id", "span"],
            set_={"begun_at": case((running, LookupBudget.begun_at), else_=begun), "used": used + count},
            where=used + count <= limit.most,
        )
        .returning(LookupBudget.used)
    )
    return session.scalar(taken) is not None
