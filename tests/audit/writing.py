"""Entries without an exchange behind them."""

from app.audit.append import append
from app.audit.entry import Request, build
from app.question import ANONYMOUS
from app.runtime import Runtime
from schemas.vocabulary import Decision


def write(house: Runtime, count: int) -> None:
    """Commit so many entries that have no number yet."""
    with house.db.write() as session:
        append(
            session,
            [
                build(at=n, action="a.b", decision=Decision.ALLOWED, actor=ANONYMOUS, request=Request())
                for n in range(count)
            ],
        )
