"""Lives of the feed: a restore begins a new one, so that no cursor can point past what was restored."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.feed import segments
from app.feed.cursor import Opened, Position
from app.feed.models import FeedHead, Incarnation


def current(session: Session) -> Incarnation:
    newest = select(Incarnation).order_by(Incarnation.number.desc()).limit(1)
    return session.execute(newest).scalar_one()


def current_id(session: Session) -> str:
    """Its id, which every cursor names."""
    return session.connection().execute(_CURRENT_ID).scalar_one()


_CURRENT_ID = select(Incarnation.id).order_by(Incarnation.number.desc()).limit(1)
_LIVES = select(Incarnation.number, Incarnation.id, Incarnation.forked_at).order_by(Incarnation.number)


def begin_new(session: Session, now: int) -> Incarnation:
    """Start a new life after a restore: numbers up to the present head are shared with the old one.

    Prepared segments are made anew: what is erased again after a restore then stands in fewer places.
    """
    segments.discard_all(session)
    last = current(session)
    forked_at = session.execute(select(FeedHead.seq).where(FeedHead.id == 1)).scalar_one()
    begun = Incarnation(number=last.number + 1, id=str(uuid.uuid4()), forked_at=forked_at, begun_at=now)
    session.add(begun)
    return begun


def resolve(session: Session, opened: Opened) -> tuple[str, Position]:
    """The incarnation that counts now, and the position in it of a cursor that may be from an earlier one.

    A cursor from before a restore goes back to where the histories part: what came after that on the old
    branch is gone, and what is there now must not be missed.
    """
    lives = session.connection().execute(_LIVES).all()
    numbers = {life.id: life.number for life in lives}
    if opened.incarnation not in numbers:
        # A life that the backup does not know: it was begun after the backup was taken.
        raise Invalid(
            "This cursor comes from a history that this server does not hold. "
            "Leave `after` out to start from the beginning.",
            reason="cursor_of_lost_history",
        )
    position = opened.position
    for life in lives:
        if life.number > numbers[opened.incarnation] and position.after > life.forked_at:
            position = Position(after=life.forked_at, start=min(position.start, life.forked_at))
    return lives[-1].id, position
