"""Loads what `policy.may` asks about, in a fixed number of statements."""

from collections.abc import Iterable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser
from app.parties import Attribute, GroupMember, Member, Release, SharingGroup, User
from app.policy import in_group
from app.question import Actor, Circle, Facts, MarkingView, Thing
from schemas.vocabulary import VALIDATION_BODY, AudienceKind, MemberKind, MemberStatus, Pap, Tlp


def load_facts(session: Session, actor: Actor, now: int, *, public_reading: bool = False) -> Facts:
    """Everything that is true of the actor at `now` and that `may` asks about."""
    if actor.member_id is None:
        return Facts(actor=actor, public_reading=public_reading)
    member = session.get_one(Member, actor.member_id)
    related = select(Member).where(or_(Member.id == member.upstream_id, Member.peer_id == member.id))
    others = list(session.scalars(related)) if member.kind != MemberKind.MEMBER else []
    circles = _circles(session, [member, *others], now)
    person = _person(session, actor)
    released = select(Release.collection_id).where(
        Release.downstream_id == member.id, Release.upstream_id == member.upstream_id
    )
    return Facts(
        actor=actor,
        public_reading=public_reading,
        same_community=member.same_community,
        own=circles[member.id],
        person=person,
        upstream=circles.get(member.upstream_id or ""),
        represented=tuple(circles[other.id] for other in others if other.peer_id == member.id),
        released=frozenset(session.scalars(released)) if member.upstream_id else frozenset(),
        accredited=person is not None and _accredited(session, member.id, now),
    )


def _person(session: Session, actor: Actor) -> str | None:
    if actor.user_id is None:
        return None
    user = session.get(User, actor.user_id)
    stands = user is not None and user.disabled_at is None and user.member_id == actor.member_id
    return actor.user_id if stands else None


def _accredited(session: Session, member_id: str, now: int) -> bool:
    held = session.get(Attribute, (member_id, VALIDATION_BODY))
    return held is not None and held.valid_until > now


def _circles(session: Session, members: Iterable[Member], now: int) -> dict[str, Circle]:
    rows = list(members)
    memberships = select(GroupMember.member_id, GroupMember.group_id).where(
        GroupMember.member_id.in_([row.id for row in rows]),
        in_group(GroupMember.member_id, GroupMember.group_id, now),
    )
    groups: dict[str, set[str]] = {row.id: set() for row in rows}
    for member_id, group_id in session.execute(memberships):
        groups[member_id].add(group_id)
    return {
        row.id: Circle(
            member_id=row.id,
            kind=row.kind,
            sector=row.sector,
            active=row.status == MemberStatus.ACTIVE,
            groups=frozenset(groups[row.id]),
        )
        for row in rows
    }


def load_views(session: Session, marking_ids: Iterable[str]) -> dict[str, MarkingView]:
    """The views of several markings in a fixed number of statements."""
    ids = sorted(set(marking_ids))
    members: dict[str, set[str]] = {}
    users: dict[str, set[str]] = {}
    prohibited: dict[str, set[str]] = {}
    for target, key, value in (
        (members, MarkingMember.marking_id, MarkingMember.member_id),
        (users, MarkingUser.marking_id, MarkingUser.user_id),
        (prohibited, MarkingPurpose.marking_id, MarkingPurpose.purpose),
    ):
        for marking_id, item in session.execute(select(key, value).where(key.in_(ids))):
            target.setdefault(marking_id, set()).add(item)
    rows = select(Marking, SharingGroup.allows_downstream).outerjoin(
        SharingGroup, SharingGroup.id == Marking.group_id
    )
    return {
        row.id: MarkingView(
            tlp=Tlp(row.tlp),
            pap=Pap(row.pap),
            owner_id=row.owner_id,
            audience=AudienceKind(row.audience),
            group_id=row.group_id,
            members=frozenset(members.get(row.id, ())),
            users=frozenset(users.get(row.id, ())),
            prohibited=frozenset(prohibited.get(row.id, ())),
            downstream_allowed=downstream is not False,
        )
        for row, downstream in session.execute(rows.where(Marking.id.in_(ids)))
    }


def load_thing(session: Session, collection: Collection, narrower_id: str | None = None) -> Thing:
    """The marking of a collection, with a narrower one of an item in it if there is one."""
    ids = [collection.marking_id] + ([narrower_id] if narrower_id else [])
    views = load_views(session, ids)
    return Thing(
        collection_id=collection.id,
        marking=views[collection.marking_id],
        narrower=views[narrower_id] if narrower_id else None,
    )
