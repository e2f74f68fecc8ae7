"""Requests without a valid identity: counted per minute and network, then written as one entry each."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.audit.append import append
from app.audit.entry import Request, build
from app.audit.models import RefusalCount
from app.clock import MINUTE
from app.db import Database
from app.events import Subject
from app.question import ANONYMOUS
from schemas.vocabulary import Decision

BATCH = 500


def count(db: Database, network: str, now: int) -> None:
    """Add one refusal to the minute's count of a network."""
    make = sqlite_insert if db.sqlite else postgresql_insert
    statement = make(RefusalCount).values(minute=now - now % MINUTE, network=network, count=1)
    with db.write() as session:
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["minute", "network"], set_={"count": RefusalCount.count + 1}
            )
        )


def write_past(db: Database, now: int) -> int:
    """Write one entry for every network and minute that is over; returns how many."""
    with db.write() as session:
        past = list(
            session.scalars(
                select(RefusalCount)
                .where(RefusalCount.minute < now - now % MINUTE)
                .order_by(RefusalCount.minute, RefusalCount.network)
                .limit(BATCH)
                .with_for_update(skip_locked=not db.sqlite)
            )
        )
        entries = [
            build(
                at=now,
                action="request.unauthenticated",
                decision=Decision.REFUSED,
                actor=ANONYMOUS,
                request=Request(network=row.network),
                reason="no_valid_identity",
                subjects=(
                    Subject(kind="requests", first=row.minute, last=row.minute + MINUTE, count=row.count),
                ),
            )
            for row in past
        ]
        append(session, entries)
        for row in past:
            session.execute(
                delete(RefusalCount).where(
                    RefusalCount.minute == row.minute, RefusalCount.network == row.network
                )
            )
        return len(past)
