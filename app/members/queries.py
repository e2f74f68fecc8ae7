"""Finds members, users, clients and groups, as far as the caller may know of them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, exists, or_, select, true

from app.errors import NotFound
from app.markings import Collection
from app.members.authority import is_operator
from app.parties import Attribute, Client, GroupMember, GroupRequirement, Member, SharingGroup, User
from app.question import Actor
from app.record import Tx
from schemas.vocabulary import MemberStatus


def known_to(actor: Actor) -> ColumnElement[bool]:
    """Condition over `Member`: everybody who is active, and one's own member; all for the operator."""
    if is_operator(actor):
        return true()
    return or_(Member.status == MemberStatus.ACTIVE, Member.id == actor.member_id)


def get_member(tx: Tx, member_id: str) -> Member:
    found = tx.session.scalar(select(Member).where(Member.id == member_id, known_to(tx.actor)))
    if found is None:
        raise NotFound
    return found


def list_members(tx: Tx, after: str | None, limit: int) -> Sequence[Member]:
    """Up to `limit` members in the order of their names, behind the name `after`."""
    wanted = select(Member).where(known_to(tx.actor)).order_by(Member.name).limit(limit)
    if after is not None:
        wanted = wanted.where(Member.name > after)
    return tx.session.scalars(wanted).all()


def attributes_of(tx: Tx, member_ids: Sequence[str]) -> Sequence[Attribute]:
    wanted = select(Attribute).where(Attribute.member_id.in_(member_ids))
    return tx.session.scalars(wanted.order_by(Attribute.member_id, Attribute.name)).all()


def get_user(tx: Tx, member_id: str, user_id: str) -> User:
    found = tx.session.scalar(select(User).where(User.id == user_id, User.member_id == member_id))
    if found is None:
        raise NotFound
    return found


def standing_users(tx: Tx, member_id: str, user_ids: Sequence[str]) -> set[str]:
    """Which of these are users of the member that are not disabled."""
    wanted = select(User.id).where(
        User.id.in_(user_ids), User.member_id == member_id, User.disabled_at.is_(None)
    )
    return set(tx.session.scalars(wanted))


def list_users(tx: Tx, member_id: str, after: str | None, limit: int) -> Sequence[User]:
    wanted = select(User).where(User.member_id == member_id).order_by(User.id).limit(limit)
    if after is not None:
        wanted = wanted.where(User.id > after)
    return tx.session.scalars(wanted).all()


def get_client(tx: Tx, member_id: str, client_id: str) -> Client:
    found = tx.session.scalar(select(Client).where(Client.id == client_id, Client.member_id == member_id))
    if found is None:
        raise NotFound
    return found


def list_clients(tx: Tx, member_id: str, after: str | None, limit: int) -> Sequence[Client]:
    wanted = select(Client).where(Client.member_id == member_id).order_by(Client.id).limit(limit)
    if after is not None:
        wanted = wanted.where(Client.id > after)
    return tx.session.scalars(wanted).all()


def known_collections(tx: Tx, collection_ids: Sequence[str]) -> set[str]:
    """Which of these exist: for the operator, who binds clients to them by id."""
    return set(tx.session.scalars(select(Collection.id).where(Collection.id.in_(collection_ids))))


def group_known_to(actor: Actor) -> ColumnElement[bool]:
    """Condition over `SharingGroup`: its owner, its members, and who was invited. A role gives no sight."""
    if actor.system:
        return true()
    related = (
        exists()
        .correlate_except(GroupMember)
        .where(GroupMember.group_id == SharingGroup.id, GroupMember.member_id == actor.member_id)
    )
    return or_(SharingGroup.owner_id == actor.member_id, related)


def get_group(tx: Tx, group_id: str) -> SharingGroup:
    found = tx.session.scalar(
        select(SharingGroup).where(SharingGroup.id == group_id, group_known_to(tx.actor))
    )
    if found is None:
        raise NotFound
    return found


def list_groups(tx: Tx, after: str | None, limit: int) -> Sequence[SharingGroup]:
    """Up to `limit` groups in the order of their names, behind the name `after`."""
    wanted = select(SharingGroup).where(group_known_to(tx.actor)).order_by(SharingGroup.name).limit(limit)
    if after is not None:
        wanted = wanted.where(SharingGroup.name > after)
    return tx.session.scalars(wanted).all()


def standing_in(tx: Tx, group_id: str, member_id: str | None) -> GroupMember | None:
    wanted = and_(GroupMember.group_id == group_id, GroupMember.member_id == member_id)
    return tx.session.scalar(select(GroupMember).where(wanted))


def members_of(tx: Tx, group_ids: Sequence[str]) -> Sequence[tuple[GroupMember, Member]]:
    """Everybody who is in these groups, invited or waiting, in the order of names."""
    wanted = select(GroupMember, Member).join(Member, Member.id == GroupMember.member_id)
    rows = tx.session.execute(wanted.where(GroupMember.group_id.in_(group_ids)).order_by(Member.name))
    return [(entry, member) for entry, member in rows]


def requirements_of(tx: Tx, group_ids: Sequence[str]) -> dict[str, list[str]]:
    """Group id → names of the attributes that it requires, sorted."""
    found: dict[str, list[str]] = {group_id: [] for group_id in group_ids}
    wanted = select(GroupRequirement).where(GroupRequirement.group_id.in_(group_ids))
    for row in tx.session.scalars(wanted.order_by(GroupRequirement.attribute)):
        found[row.group_id].append(row.attribute)
    return found


def holding(tx: Tx, member_ids: Sequence[str]) -> dict[str, set[str]]:
    """Member id → names of the attributes that it holds now."""
    found: dict[str, set[str]] = {member_id: set() for member_id in member_ids}
    for row in attributes_of(tx, member_ids):
        if row.valid_until > tx.now:
            found[row.member_id].add(row.name)
    return found
