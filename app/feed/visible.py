"""What of the feed a reader sees now: places, what is addressed to it, and what its purpose leaves out.

The statements are built once over bound parameters, as few of them lists as can be, and run past the mapper:
building one, writing a list into it, and mapping what comes each cost more than the database does.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, or_, select, tuple_
from sqlalchemy.orm import Session

from app.feed.cursor import Position, View
from app.feed.models import Change
from app.feed.page import Seen
from app.markings import Collection, Marking, MarkingPurpose, Place
from app.policy import place_visible, visible_to
from app.question import Actor, parameters, parametrised


def places(
    session: Session, actor: Actor, view: View, now: int, after: int, needed: set[int]
) -> Iterator[Seen]:
    """Visible places of the view with something new, worked out from the markings as they are now."""
    statement = _places_statement(
        person=actor.user_id is not None, chosen=view.collections is not None, kinds=view.kinds,
        needing=bool(needed),
    )  # fmt: skip
    values = {**_parameters(actor, view, now), "after": after}
    if needed:
        values["needed"] = sorted(needed)
    for row in session.connection().execute(statement, values):
        yield Seen(
            id=row.id, key=row.key, head=row.head, collection_id=row.collection_id or "",
            narrower=row.marking_id is not None, owner_id=row.owner_id, tlp=row.tlp, pap=row.pap,
            audience=row.audience, group_id=row.group_id,
        )  # fmt: skip


@cache
def _places_statement(
    *, person: bool, chosen: bool, kinds: frozenset[str], needing: bool
) -> Select[*tuple[Any, ...]]:
    actor, now = parametrised(person=person)
    wanted = Place.head > bindparam("after")
    if needing:
        wanted = or_(wanted, Place.id.in_(bindparam("needed", expanding=True)))
    visible = (
        select(
            Place.id, Place.key, Place.head, Place.collection_id, Place.marking_id, Marking.owner_id,
            Marking.tlp, Marking.pap, Marking.audience, Marking.group_id,
        )
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(
            Place.kind == "collection",
            wanted,
            _of_kinds(kinds),
            place_visible(actor, now),
        )
    )  # fmt: skip
    return visible.where(_CHOSEN) if chosen else visible


def addressed(session: Session, view: View, position: Position, upto: int) -> list[Any]:
    """Lines addressed to this member (sight) or user (pointers) behind the position, in the view."""
    connection = session.connection()
    member = f"m:{view.member_id}"
    identities = {"member": member, "user": f"u:{view.user_id}" if view.user_id else member}
    own = connection.scalars(_OWN_PLACES, {**identities, "after": position.after}).all()
    statement = _addressed_statement(chosen=view.collections is not None, kinds=view.kinds)
    values = {"after": position.after, "upto": upto, **_of_view(view)}
    lines = [row for place_id in own for row in connection.execute(statement, {**values, "place": place_id})]
    lines.sort(key=lambda row: row.seq)
    return [row for row in lines if row.purposes is None or view.purpose in row.purposes.split(",")]


_OWN_PLACES = select(Place.id).where(
    or_(Place.identity == bindparam("member"), Place.identity == bindparam("user")),
    Place.head > bindparam("after"),
)


@cache
def _addressed_statement(*, chosen: bool, kinds: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """One place's lines. Pairs are compared for the same reason as in `read`: only one index can do that."""
    pair = tuple_(Change.place_id, Change.seq)
    lines = (
        select(
            Change.seq, Change.date, Change.place_id, Change.kind, Change.line, Change.superseded,
            Change.sight_place_id, Change.purposes,
        )
        .join(Collection, Collection.id == Change.collection_id)
        .where(
            pair > tuple_(bindparam("place"), bindparam("after")),
            pair <= tuple_(bindparam("place"), bindparam("upto")),
            _of_kinds(kinds),
        )
    )  # fmt: skip
    return lines.where(_CHOSEN) if chosen else lines


def excluded(session: Session, actor: Actor, view: View, now: int) -> list[str]:
    """Ids of collections that the reader sees, but whose owner prohibits the view's purpose."""
    statement = _excluded_statement(
        person=actor.user_id is not None, chosen=view.collections is not None, kinds=view.kinds
    )
    return list(session.connection().scalars(statement, _parameters(actor, view, now)))


@cache
def _excluded_statement(*, person: bool, chosen: bool, kinds: frozenset[str]) -> Select[str]:
    actor, now = parametrised(person=person)
    prohibited = (
        select(Collection.id)
        .join(Marking, Marking.id == Collection.marking_id)
        .join(MarkingPurpose, MarkingPurpose.marking_id == Marking.id)
        .where(
            MarkingPurpose.purpose == actor.purpose,
            _of_kinds(kinds),
            Marking.owner_id != actor.member_id,
            visible_to(actor, now, through_feed=True, any_purpose=True),
        )
        .order_by(Collection.id)
    )
    return prohibited.where(_CHOSEN) if chosen else prohibited


def _of_kinds(kinds: frozenset[str]) -> ColumnElement[bool]:
    return or_(*(Collection.kind == kind for kind in sorted(kinds)))


_CHOSEN = Collection.id.in_(bindparam("chosen", expanding=True))


def _parameters(actor: Actor, view: View, now: int) -> dict[str, Any]:
    return {**parameters(actor, now), **_of_view(view)}


def _of_view(view: View) -> dict[str, Any]:
    return {} if view.collections is None else {"chosen": sorted(view.collections)}
