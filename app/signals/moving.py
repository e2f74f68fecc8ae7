"""What an entry's way to a narrower place means for what was said of it, and for who reads it where."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.orm import aliased

from app.feed.append import Line
from app.markings import Marking
from app.parties import Member, User
from app.policy import member_sees
from app.record import Tx
from app.signals.lines import Shown
from app.signals.models import Contribution, SignalOpinion
from app.signals.queries import Entry, one_of
from app.signals.said import stands
from schemas.vocabulary import Reason


def heard(tx: Tx, entry_ids: Sequence[str], new: Shown, owner_id: str) -> set[str]:
    """Those of the entries to which somebody contributes that sees them there, or the list's owner."""
    wanted = select(Contribution.entry_id).where(
        one_of(tx.session, Contribution.entry_id, entry_ids),
        or_(Contribution.member_id == owner_id, Contribution.member_id.in_(_readers(tx, new))),
        stands(tx.now),
    )
    return set(tx.session.scalars(wanted))


def forget_unheard(tx: Tx, entry_ids: Sequence[str], new: Shown, owner_id: str) -> None:
    """Drop what members said of entries that they no longer see there; the list's owner always does.

    Of a TLP:RED entry its named users keep the opinions of their members: a contribution is no person's.
    """
    named = select(User.member_id).where(User.id.in_(sorted(new.users)))
    for table in (Contribution, SignalOpinion):
        unheard = and_(table.member_id != owner_id, table.member_id.not_in(_readers(tx, new)))
        if table is SignalOpinion and new.users:
            unheard = and_(unheard, table.member_id.not_in(named))
        gone = delete(table).where(one_of(tx.session, table.entry_id, entry_ids), unheard)
        tx.session.execute(gone, execution_options={"synchronize_session": False})


def moved(state: Entry, old: Shown, new: Shown) -> list[Line]:
    """The tombstone at the old place, then the state at the new one."""
    gone = old.gone(state["id"], Reason.NARROWED, keeping=new.users.keys())
    if old.place is None:
        return gone  # those who are still named have their pointer
    return [*gone, *new.state(state, fresh=False, clears=True)]


def _readers(tx: Tx, new: Shown) -> Select[Any]:
    marking = aliased(Marking)
    return (
        select(Member.id)
        .join(marking, marking.id == new.marking_id)
        .where(member_sees(Member, marking, new.list_id, tx.now, any_status=True))
    )
