"""Loads what `policy.may` asks about: a fixed number of statements, built once."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, or_, select
from sqlalchemy.orm import Session

from app.db import Moment
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


_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_NOW: Any = bindparam("now", type_=Moment)
_MEMBERSHIPS = select(GroupMember.member_id, GroupMember.group_id).where(
    GroupMember.member_id.in_(_IDS),
    in_group(GroupMember.member_id, GroupMember.group_id, _NOW),
)


def _circles(session: Session, members: Iterable[Member], now: int) -> dict[str, Circle]:
    rows = list(members)
    groups: dict[str, set[str]] = {row.id: set() for row in rows}
    for member_id, group_id in session.execute(_MEMBERSHIPS, {"ids": list(groups), "now": now}):
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


_MEMBERS = select(MarkingMember.marking_id, MarkingMember.member_id).where(MarkingMember.marking_id.in_(_IDS))
_USERS = select(MarkingUser.marking_id, MarkingUser.user_id).where(MarkingUser.marking_id.in_(_IDS))
_PURPOSES = select(MarkingPurpose.marking_id, MarkingPurpose.purpose).where(
    MarkingPurpose.marking_id.in_(_IDS)
)
_MARKINGS = (
    select(Marking, SharingGroup.allows_downstream)
    .outerjoin(SharingGroup, SharingGroup.id == Marking.group_id)
    .where(Marking.id.in_(_IDS))
)


def load_views(session: Session, marking_ids: Iterable[str]) -> dict[str, MarkingView]:
    """The views of several markings in a fixed number of statements."""
    asked = {"ids": sorted(set(marking_ids))}
    members, users, prohibited = (
        _by_marking(session, statement, asked) for statement in (_MEMBERS, _USERS, _PURPOSES)
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
        for row, downstream in session.execute(_MARKINGS, asked)
    }


def _by_marking(
    session: Session, statement: Select[str, str], asked: dict[str, list[str]]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for marking_id, item in session.execute(statement, asked):
        found.setdefault(marking_id, set()).add(item)
    return found


def load_thing(session: Session, collection: Collection, narrower_id: str | None = None) -> Thing:
    """The marking of a collection, with a narrower one of an item in it if there is one."""
    ids = [collection.marking_id] + ([narrower_id] if narrower_id else [])
    views = load_views(session, ids)
    return Thing(
        collection_id=collection.id,
        marking=views[collection.marking_id],
        narrower=views[narrower_id] if narrower_id else None,
    )
