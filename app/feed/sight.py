"""Gaining and losing sight of places: one line each, addressed to one member.

`watching` compares who sees what before and after a change of markings, groups, attributes or standing, and
collects the difference. It needs the policy epoch to be held for change, so that no two of them cross.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import bindparam, exists, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, aliased

from app.feed import places
from app.feed.append import Line
from app.feed.models import Sight
from app.markings import Collection, Marking, MarkingPurpose, Place
from app.parties import Attribute, Member
from app.policy import member_sees
from schemas.vocabulary import ChangeKind, MemberKind

Pair = tuple[str, int]
"""(member id, place id)."""

Sees = dict[Pair, frozenset[str]]
"""Who sees which place, and for which purposes it is prohibited to them."""


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What a change can touch: some members, or the places of some collections. None: all."""

    members: frozenset[str] | None = None
    collections: frozenset[str] | None = None


def readers(session: Session, scope: Scope, now: int) -> Sees:
    """Who sees which place at `now`, through feeds."""
    inner = aliased(Marking)
    narrower = (
        exists()
        .where(inner.id == Place.marking_id, member_sees(Member, inner, Collection.id, now))
        .correlate_except(inner)
    )
    pairs = (
        select(Member.id, Place.id, Marking.owner_id, Marking.id, Place.marking_id)
        .select_from(Place)
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .join(Member, member_sees(Member, Marking, Collection.id, now))
        .where(Place.kind == "collection", or_(Place.marking_id.is_(None), narrower))
    )
    if scope.members is not None:
        pairs = pairs.where(Member.id.in_(sorted(scope.members)))
    if scope.collections is not None:
        pairs = pairs.where(Collection.id.in_(sorted(scope.collections)))
    rows = session.execute(pairs).all()
    prohibited = _prohibited(session, {row[3] for row in rows} | {row[4] for row in rows if row[4]})
    nothing: frozenset[str] = frozenset()
    return {
        (member, place): (
            nothing
            if member == owner
            else prohibited.get(outer, nothing) | prohibited.get(own or "", nothing)
        )
        for member, place, owner, outer, own in rows
    }


def _prohibited(session: Session, marking_ids: set[str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    rows = select(MarkingPurpose.marking_id, MarkingPurpose.purpose).where(
        MarkingPurpose.marking_id.in_(sorted(marking_ids))
    )
    for marking_id, purpose in session.execute(rows):
        found.setdefault(marking_id, set()).add(purpose)
    return {key: frozenset(value) for key, value in found.items()}


def served_by(session: Session, member_id: str) -> frozenset[str]:
    """The member, and everybody who sees through it: its downstreams and its peer server."""
    member = session.get_one(Member, member_id)
    downstream = session.scalars(
        select(Member.id).where(Member.upstream_id == member_id, Member.kind == MemberKind.DOWNSTREAM)
    )
    return frozenset({member_id, *downstream} | ({member.peer_id} if member.peer_id else set()))


@contextmanager
def watching(session: Session, scope: Scope, now: int, lines: list[Line]) -> Iterator[None]:
    """Add to `lines` what the block's change gained or lost for whom. Lapses must have been settled first."""
    before = readers(session, scope, now)
    yield
    session.flush()
    after = readers(session, scope, now)
    lines.extend(_difference(session, before, after))


def any_lapsed(session: Session, now: int) -> bool:
    """Whether an attribute ended whose loss of sight the feed does not show yet."""
    lapsed = select(Attribute.name).where(Attribute.valid_until <= now, Attribute.lapse_recorded.is_(False))
    return session.scalar(lapsed.limit(1)) is not None


def settle(session: Session, now: int, lines: list[Line]) -> list[Attribute]:
    """Record the loss of sight that attributes brought whose time ended; returns those attributes.

    Those of one moment are compared together with the moment before it, so that members that read on in the
    meantime are told exactly once, and a renewal after a lapse is a new gain.
    """
    lapsed = list(
        session.scalars(
            select(Attribute)
            .where(Attribute.valid_until <= now, Attribute.lapse_recorded.is_(False))
            .order_by(Attribute.valid_until)
            .with_for_update()
        )
    )
    for moment, ended in groupby(lapsed, key=lambda attribute: attribute.valid_until):
        together = list(ended)
        touched = [served_by(session, attribute.member_id) for attribute in together]
        scope = Scope(members=frozenset().union(*touched))
        before = readers(session, scope, moment - 1)
        lines.extend(_difference(session, before, readers(session, scope, moment)))
        for attribute in together:
            attribute.lapse_recorded = True
    session.flush()
    return lapsed


def _difference(session: Session, before: Sees, after: Sees) -> list[Line]:
    lines: list[Line] = []
    for pair in sorted(before.keys() | after.keys()):
        if pair not in after:
            lines.append(_line(session, pair, ChangeKind.SIGHT_LOST, None))
        elif pair not in before:
            lines.append(_line(session, pair, ChangeKind.SIGHT_GAINED, None))
        else:
            lost, gained = after[pair] - before[pair], before[pair] - after[pair]
            if lost:
                lines.append(_line(session, pair, ChangeKind.SIGHT_LOST, tuple(sorted(lost))))
            if gained:
                lines.append(_line(session, pair, ChangeKind.SIGHT_GAINED, tuple(sorted(gained))))
    return lines


def _line(session: Session, pair: Pair, kind: ChangeKind, purposes: tuple[str, ...] | None) -> Line:
    member_id, place_id = pair
    place = session.get_one(Place, place_id)
    collection_id = place.collection_id or ""
    return Line(
        place=places.of_member(session, member_id),
        kind=kind,
        collection_id=collection_id,
        object_id=collection_id,
        sight_place=place,
        purposes=purposes,
    )


def begin_sight(session: Session, gained: list[tuple[Line, int]]) -> None:
    """Note where sight begins, once the numbers of the `sight.gained` lines are known."""
    rows = [
        {"member_id": line.place.member_id, "place_id": line.sight_place.id, "purpose": purpose, "since": seq}
        for line, seq in gained
        if line.sight_place is not None
        for purpose in (line.purposes or ("",))
    ]
    if not rows:
        return
    make = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    statement = make(Sight)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["member_id", "place_id", "purpose"], set_={"since": statement.excluded.since}
        ),
        rows,
    )


def since(session: Session, member_id: str, purpose: str) -> dict[int, int]:
    """Place id → number of the last `sight.gained` that counts for this member and purpose."""
    begins: dict[int, int] = {}
    for place_id, seq in session.connection().execute(_SINCE, {"member": member_id, "purpose": purpose}):
        begins[place_id] = max(seq, begins.get(place_id, 0))
    return begins


_SINCE = select(Sight.place_id, Sight.since).where(
    Sight.member_id == bindparam("member"), or_(Sight.purpose == "", Sight.purpose == bindparam("purpose"))
)
