"""Verbs on members: enrol, suspend, reactivate, offboard; and what others may know of them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, update

from app.errors import Conflict, Invalid
from app.events import MemberAdded, MemberStatusChanged, Subject
from app.feed import sight
from app.members import queries
from app.members.authority import check_texts, insert, is_operator, require_operator
from app.parties import Attribute, Client, GroupMember, Member, User
from app.record import Tx, record
from schemas.vocabulary import MemberKind, MemberStatus, Sector


@dataclass(frozen=True, kw_only=True)
class AttributeView:
    name: str
    valid_until: int
    holds: bool


@dataclass(frozen=True, kw_only=True)
class MemberView:
    """A member as one caller may know it. What is None is not for this caller."""

    id: str
    name: str
    sector: str
    kind: str
    status: str | None = None
    upstream: str | None = None
    created_at: int | None = None
    attributes: Sequence[AttributeView] | None = None


def add(
    tx: Tx, *, name: str, sector: Sector, kind: MemberKind = MemberKind.MEMBER, upstream_id: str | None = None
) -> MemberView:
    """Enrol a member.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: a downstream without the member that serves it, or another kind with one.
        Conflict: the name is taken.
    """
    require_operator(tx.actor)
    check_texts({"name": name})
    _check_upstream(tx, kind, upstream_id)
    row = Member(
        id=str(uuid.uuid4()), name=name, sector=sector.value, kind=kind.value,
        status=MemberStatus.ACTIVE.value, upstream_id=upstream_id, created_at=tx.now,
    )  # fmt: skip
    insert(tx.session, row, taken="A member of this name is enrolled. Choose another name.")
    record(tx, MemberAdded(subjects=(subject(row.id),)))
    return _view(tx, [row])[0]


def read(tx: Tx, member_id: str) -> MemberView:
    """Name, sector and kind of an active member; everything of one's own, and for the operator."""
    return _view(tx, [queries.get_member(tx, member_id)])[0]


def browse(tx: Tx, *, after: str | None = None, limit: int = 100) -> Sequence[MemberView]:
    """Up to `limit` members that the caller may know of, in the order of their names."""
    return _view(tx, queries.list_members(tx, after, limit))


def suspend(tx: Tx, member_id: str) -> MemberView:
    """Take a member out for a time: it sees nothing, and its tokens stop at once. Needs `moves_policy`."""
    return _move(tx, member_id, MemberStatus.SUSPENDED, MemberStatus.ACTIVE)


def reactivate(tx: Tx, member_id: str) -> MemberView:
    """End a suspension. Needs `moves_policy`."""
    return _move(tx, member_id, MemberStatus.ACTIVE, MemberStatus.SUSPENDED)


def offboard(tx: Tx, member_id: str) -> MemberView:
    """End a membership for good: groups are left, clients and users are disabled. Needs `moves_policy`."""
    return _move(tx, member_id, MemberStatus.OFFBOARDED, MemberStatus.ACTIVE, MemberStatus.SUSPENDED)


def subject(member_id: str) -> Subject:
    """A member as the subject of an audit entry that this member itself may read."""
    return Subject(kind="member", id=member_id, owner_id=member_id)


def _check_upstream(tx: Tx, kind: MemberKind, upstream_id: str | None) -> None:
    if kind is not MemberKind.DOWNSTREAM:
        if upstream_id is not None:
            raise Invalid("Only a downstream has an upstream.", reason="upstream")
        return
    upstream = tx.session.get(Member, upstream_id) if upstream_id is not None else None
    if upstream is None or upstream.kind != MemberKind.MEMBER or upstream.status != MemberStatus.ACTIVE:
        raise Invalid("A downstream names the active member that serves it.", reason="upstream")


def _move(tx: Tx, member_id: str, status: MemberStatus, *allowed: MemberStatus) -> MemberView:
    require_operator(tx.actor)
    row = queries.get_member(tx, member_id)
    if row.status not in allowed:
        raise Conflict(
            f"This needs a member that is {' or '.join(allowed)}; this one is {row.status}.",
            reason="member_status",
        )
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, row.id))):
        row.status = status.value
        if status is MemberStatus.OFFBOARDED:
            _let_go(tx, row.id)
    record(tx, MemberStatusChanged(subjects=(subject(row.id),), reason=status.value))
    return _view(tx, [row])[0]


def _let_go(tx: Tx, member_id: str) -> None:
    tx.session.execute(delete(GroupMember).where(GroupMember.member_id == member_id))
    for table in (Client, User):
        standing = update(table).where(table.member_id == member_id, table.disabled_at.is_(None))
        tx.session.execute(standing.values(disabled_at=tx.now))


def _view(tx: Tx, rows: Sequence[Member]) -> list[MemberView]:
    operator = is_operator(tx.actor)
    whole = {row.id for row in rows if operator or row.id == tx.actor.member_id}
    attributes: dict[str, list[AttributeView]] = {member_id: [] for member_id in whole}
    for found in queries.attributes_of(tx, sorted(whole)):
        attributes[found.member_id].append(attribute_view(tx, found))
    return [
        MemberView(
            id=row.id,
            name=row.name,
            sector=row.sector,
            kind=row.kind,
            status=row.status if row.id in whole else None,
            upstream=row.upstream_id if row.id in whole or row.upstream_id == tx.actor.member_id else None,
            created_at=row.created_at if row.id in whole else None,
            attributes=attributes.get(row.id),
        )
        for row in rows
    ]


def attribute_view(tx: Tx, row: Attribute) -> AttributeView:
    return AttributeView(name=row.name, valid_until=row.valid_until, holds=row.valid_until > tx.now)
