"""Lives of the log: a restore begins a new one, under an origin of its own.

Restored from an older copy, the server could sign a second root for a size that it had signed before, which
witnesses and verifiers must take for a fork, for ever. So what is signed after a restore names another log:
one that begins with all entries that were restored. Checkpoints of the lives before stay as they are.
"""

import secrets
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit.models import AuditHead, AuditLife

_RANDOM_BYTES = 4


@dataclass(frozen=True, kw_only=True)
class Life:
    """One life of the log.

    Args:
        name: what its origin ends in; empty for the first one.
        began_at_size: how many entries it took over from the life before, at the same places.
        begun_at: microseconds UTC; 0 for the first one.
    """

    number: int = 1
    name: str = ""
    began_at_size: int = 0
    begun_at: int = 0

    def origin(self, base: str) -> str:
        """The origin of its checkpoints and the name of its keys; `base` is that of the first life."""
        return f"{base}/{self.name}" if self.name else base


FIRST = Life()


def all_of(session: Session) -> list[Life]:
    """Every life, the first one first."""
    rows = session.scalars(select(AuditLife).order_by(AuditLife.number))
    return [FIRST, *map(_life, rows)]


def current(session: Session) -> Life:
    row = session.scalar(select(AuditLife).order_by(AuditLife.number.desc()).limit(1))
    return FIRST if row is None else _life(row)


def begin_new(session: Session, now: int) -> Life:
    """Begin a new life after a restore: all entries that have their number are taken over.

    The random part of its name is for a copy that is restored twice: neither database knows of the other's
    life, and the two must not sign as one log.
    """
    number = current(session).number + 1
    head = session.scalar(select(AuditHead.seq).where(AuditHead.id == 1)) or 0
    name = f"{number}-{secrets.token_hex(_RANDOM_BYTES)}"
    row = AuditLife(number=number, name=name, began_at_size=head, begun_at=now)
    session.add(row)
    session.flush()
    return _life(row)


def goes_on(session: Session, name: str, index: int) -> int:
    """Where somebody goes on in the present life who has the log of a life up to an index.

    That is where a life behind that one began, if it was before the index: what stood there from then on is
    lost, and other entries stand in its places.

    Args:
        name: of the life that it was; one that no row names was lost in a restore of its own.
    """
    known = all_of(session)
    names = [life.name for life in known]
    behind = known[names.index(name) + 1 :] if name in names else known[1:]
    return min([index, *(life.began_at_size for life in behind)])


def _life(row: AuditLife) -> Life:
    return Life(number=row.number, name=row.name, began_at_size=row.began_at_size, begun_at=row.begun_at)
