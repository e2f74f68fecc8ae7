"""Finds sets and versions. Hidden and absent are one answer of one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.db import Id
from app.errors import NotFound
from app.facts import load_thing, load_views
from app.markings import Collection, Marking
from app.policy import visible_to
from app.question import MarkingView, Thing, parameters, parametrised
from app.record import Tx
from app.sets.models import IndicatorSet, SetVersion
from schemas.vocabulary import CollectionKind


@dataclass(frozen=True, kw_only=True)
class Found:
    """A set as it was found: its collection, its working state and its marking."""

    collection: Collection
    row: IndicatorSet
    marking: MarkingView

    @property
    def id(self) -> str:
        return self.collection.id

    @property
    def thing(self) -> Thing:
        return Thing(collection_id=self.collection.id, marking=self.marking)


def find(tx: Tx, set_id: str, *, lock: bool = False) -> Found:
    """The set, if this actor sees it, whatever its purpose: a prohibited one is `Forbidden` in `policy`.

    Args:
        lock: hold the set until the transaction ends, so that changes of one set follow each other.

    Raises:
        NotFound: it does not exist or is hidden.
    """
    actor = tx.actor
    values: dict[str, Any] = {}
    if actor.member_id is None:
        wanted = _visible(tx, any_purpose=True).where(Collection.id == set_id)
    else:
        wanted = _members_find(person=actor.user_id is not None, bound=actor.collections is not None)
        values = {**parameters(actor, tx.now), "wanted": set_id}
        if actor.collections is not None:
            values["chosen"] = sorted(actor.collections)
    if lock:
        wanted = wanted.with_for_update(of=IndicatorSet)
    found = tx.session.execute(wanted, values).one_or_none()
    if found is None:
        raise NotFound
    collection, row = found
    marking = load_thing(tx.session, collection).marking
    return Found(collection=collection, row=row, marking=marking)


def page(tx: Tx, after: str | None, limit: int) -> list[Found]:
    """Sets by id, without TLP:RED (pointers name those) and without prohibited purposes."""
    wanted = _visible(tx, through_feed=True).order_by(Collection.id).limit(limit)
    if after is not None:
        wanted = wanted.where(Collection.id > after)
    rows = tx.session.execute(wanted).all()
    views = load_views(tx.session, [collection.marking_id for collection, _ in rows])
    return [Found(collection=c, row=row, marking=views[c.marking_id]) for c, row in rows]


@cache
def _members_find(*, person: bool, bound: bool) -> Select[Collection, IndicatorSet]:
    """Built once: making it costs more than running it."""
    actor, now = parametrised(person=person)
    found = _SETS.where(
        Collection.id == bindparam("wanted", type_=Id), visible_to(actor, now, any_purpose=True)
    )
    return found.where(Collection.id.in_(bindparam("chosen", expanding=True))) if bound else found


def _visible(
    tx: Tx, *, any_purpose: bool = False, through_feed: bool = False
) -> Select[Collection, IndicatorSet]:
    return _SETS.where(
        visible_to(
            tx.actor,
            tx.now,
            public_reading=tx.runtime.config.public_reading,
            through_feed=through_feed,
            any_purpose=any_purpose,
        )
    )


_SETS = (
    select(Collection, IndicatorSet)
    .join(Marking, Marking.id == Collection.marking_id)
    .join(IndicatorSet, IndicatorSet.collection_id == Collection.id)
    .where(Collection.kind == CollectionKind.SET)
)


def of_collection(session: Session, set_id: str, *, lock: bool = False) -> Found:
    """The set by an id that is known to be right, for the server's own work.

    Args:
        lock: as for `find`.
    """
    row = session.get_one(IndicatorSet, set_id, with_for_update=lock)
    collection = session.get_one(Collection, set_id)
    marking = load_thing(session, collection).marking
    return Found(collection=collection, row=row, marking=marking)


def version(session: Session, set_id: str, named: str) -> SetVersion:
    """One version by its semantic version.

    Raises:
        NotFound: the set has no such version.
    """
    wanted = select(SetVersion).where(SetVersion.set_id == set_id, SetVersion.version == named)
    row = session.scalar(wanted)
    if row is None:
        raise NotFound
    return row


def versions(session: Session, set_id: str, after: int, limit: int) -> list[SetVersion]:
    """Versions whose count is above `after`, oldest first, without their bytes being of any use."""
    wanted = (
        select(SetVersion)
        .where(SetVersion.set_id == set_id, SetVersion.number > after)
        .order_by(SetVersion.number)
        .limit(limit)
    )
    return list(session.scalars(wanted))


def newest(session: Session, set_id: str) -> SetVersion | None:
    """The version published last, however it stands."""
    wanted = select(SetVersion).where(SetVersion.set_id == set_id)
    return session.scalar(wanted.order_by(SetVersion.number.desc()).limit(1))


def readable(session: Session, set_id: str) -> list[SetVersion]:
    """The versions that have not ended by an act or by the worker, oldest first."""
    wanted = select(SetVersion).where(SetVersion.set_id == set_id, SetVersion.document.is_not(None))
    return list(session.scalars(wanted.order_by(SetVersion.number)))


def latest(session: Session, set_ids: Sequence[str], now: int) -> dict[str, str]:
    """Set id → the highest version that can be read now, for the sets that have one."""
    highest = (
        select(SetVersion.set_id, func.max(SetVersion.number).label("number"))
        .where(
            SetVersion.set_id.in_(set_ids),
            SetVersion.document.is_not(None),
            or_(SetVersion.valid_until.is_(None), SetVersion.valid_until > now),
        )
        .group_by(SetVersion.set_id)
        .subquery()
    )
    wanted = select(SetVersion.set_id, SetVersion.version).join(
        highest, (highest.c.set_id == SetVersion.set_id) & (highest.c.number == SetVersion.number)
    )
    return {row.set_id: row.version for row in session.execute(wanted)}


def due(session: Session, now: int, limit: int) -> list[SetVersion]:
    """Versions whose validity has ended, oldest end first, held for change; others' are left out."""
    wanted = (
        select(SetVersion)
        .where(SetVersion.document.is_not(None), SetVersion.valid_until <= now)
        .order_by(SetVersion.valid_until, SetVersion.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(wanted))
