"""Verbs on sharing groups: create, read, change their terms. Who comes and goes is in `membership`."""

import uuid
from collections.abc import Collection as Many
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select

from app.errors import Forbidden, Invalid
from app.events import GroupAdded, GroupChanged, Subject
from app.feed import sight
from app.members import queries
from app.members.authority import check_texts, insert
from app.parties import GroupMember, GroupRequirement, Member, SharingGroup
from app.record import Tx, record
from schemas.vocabulary import GroupStanding, MemberStatus


@dataclass(frozen=True, kw_only=True)
class MembershipView:
    member: str
    name: str
    sector: str
    standing: GroupStanding
    holds: bool
    """It holds every attribute that the group requires, now."""


@dataclass(frozen=True, kw_only=True)
class GroupView:
    """A group as one caller may know it. `members` is None for those who are not in it."""

    id: str
    name: str
    owner: str
    terms: str
    terms_version: int
    allows_downstream: bool
    requires_bound_tokens: bool
    requires: Sequence[str]
    standing: GroupStanding | None
    holds: bool
    members: Sequence[MembershipView] | None


def create(
    tx: Tx, *, name: str, terms: str, requires: Many[str] = (), allows_downstream: bool = False,
    requires_bound_tokens: bool = False, owner_id: str | None = None,
) -> GroupView:  # fmt: skip
    """Create a group; its owner is in it from the start. Needs `moves_policy` where it demands bound tokens.

    Args:
        owner_id: for the operator at the machine only; everybody else creates groups of its own member.

    Raises:
        Invalid: a text that cannot be taken.
        Conflict: the name is taken.
    """
    check_texts({"name": name, "terms": terms})
    owner = _owner(tx, owner_id)
    row = SharingGroup(
        id=str(uuid.uuid4()), name=name, owner_id=owner.id, terms=terms, terms_version=1,
        allows_downstream=allows_downstream, requires_bound_tokens=requires_bound_tokens, created_at=tx.now,
    )  # fmt: skip
    insert(tx.session, row, taken="A group of this name exists. Choose another name.")
    _require_attributes(tx, row.id, requires)
    entry = GroupMember(
        group_id=row.id, member_id=owner.id, accepted_terms=row.terms_version, active=True, joined_at=tx.now
    )
    tx.session.add(entry)
    tx.session.flush()
    record(tx, GroupAdded(subjects=(subject(row),)))
    return view(tx, [row])[0]


def read(tx: Tx, group_id: str) -> GroupView:
    return view(tx, [queries.get_group(tx, group_id)])[0]


def browse(tx: Tx, *, after: str | None = None, limit: int = 100) -> Sequence[GroupView]:
    """Up to `limit` groups that the caller owns, is in or is invited to, in the order of their names."""
    return view(tx, queries.list_groups(tx, after, limit))


def change(
    tx: Tx, group_id: str, *,
    terms: str | None = None, requires: Many[str] | None = None, allows_downstream: bool | None = None,
    requires_bound_tokens: bool | None = None,
) -> GroupView:  # fmt: skip
    """Change what the group asks for. Needs `moves_policy`.

    New terms (and letting material go to downstreams is one) are a new version: until it has accepted that
    version, a member is not in the group. Its acceptance then suffices, the owner has let it in before.
    Bound tokens are no part of the terms: whoever has none is refused from the next request on, not put out.

    Raises:
        Forbidden: the caller does not own the group.
        Invalid: a text that cannot be taken.
    """
    row = queries.get_group(tx, group_id)
    require_owner(tx, row)
    if terms is not None:
        check_texts({"terms": terms})
    members = set(tx.session.scalars(select(GroupMember.member_id).where(GroupMember.group_id == row.id)))
    touched = frozenset().union(*(sight.served_by(tx.session, member_id) for member_id in members))
    with tx.watching(sight.Scope(members=touched)):
        if requires is not None:
            _require_attributes(tx, row.id, requires)
        _change_terms(tx, row, terms=terms, allows_downstream=allows_downstream)
    if requires_bound_tokens is not None:
        row.requires_bound_tokens = requires_bound_tokens
    record(tx, GroupChanged(subjects=(subject(row),)))
    return view(tx, [row])[0]


def require_owner(tx: Tx, row: SharingGroup) -> None:
    """Raise `Forbidden` unless the caller is the group's owner, or the operator at the machine."""
    if not tx.actor.system and tx.actor.member_id != row.owner_id:
        raise Forbidden("Only the group's owner may do this.", reason="not_owner")


def subject(row: SharingGroup) -> Subject:
    return Subject(kind="group", id=row.id, owner_id=row.owner_id)


def standing(row: GroupMember | None, group: SharingGroup) -> GroupStanding | None:
    if row is None:
        return None
    if row.active:
        return GroupStanding.ACTIVE
    return GroupStanding.ACCEPTED if row.accepted_terms == group.terms_version else GroupStanding.INVITED


def view(tx: Tx, rows: Sequence[SharingGroup]) -> list[GroupView]:
    """The groups as the caller may know them, in three statements."""
    requires = queries.requirements_of(tx, [row.id for row in rows])
    pairs = queries.members_of(tx, [row.id for row in rows])
    own = tx.actor.member_id
    holding = queries.holding(tx, sorted({member.id for _, member in pairs} | ({own} if own else set())))
    views = []
    for row in rows:
        needed = set(requires[row.id])
        inside = [pair for pair in pairs if pair[0].group_id == row.id]
        mine = next((entry for entry, _ in inside if entry.member_id == own), None)
        whole = tx.actor.system or row.owner_id == own
        members = [
            _membership(row, entry, member, holds=needed <= holding[member.id])
            for entry, member in inside
            if whole or entry.active
        ]
        views.append(
            GroupView(
                id=row.id,
                name=row.name,
                owner=row.owner_id,
                terms=row.terms,
                terms_version=row.terms_version,
                allows_downstream=row.allows_downstream,
                requires_bound_tokens=row.requires_bound_tokens,
                requires=requires[row.id],
                standing=standing(mine, row),
                holds=own is not None and needed <= holding[own],
                members=members if whole or (mine is not None and mine.active) else None,
            )
        )
    return views


def _membership(row: SharingGroup, entry: GroupMember, member: Member, *, holds: bool) -> MembershipView:
    return MembershipView(
        member=member.id,
        name=member.name,
        sector=member.sector,
        standing=standing(entry, row) or GroupStanding.INVITED,
        holds=holds,
    )


def _owner(tx: Tx, owner_id: str | None) -> Member:
    if not tx.actor.system:
        owner_id = tx.actor.member_id
    found = tx.session.get(Member, owner_id) if owner_id is not None else None
    if found is None or found.status != MemberStatus.ACTIVE:
        raise Invalid("Name the active member that owns the group.", reason="owner")
    return found


def _require_attributes(tx: Tx, group_id: str, names: Many[str]) -> None:
    tx.session.execute(delete(GroupRequirement).where(GroupRequirement.group_id == group_id))
    tx.session.add_all(GroupRequirement(group_id=group_id, attribute=name) for name in sorted(set(names)))
    tx.session.flush()


def _change_terms(tx: Tx, row: SharingGroup, *, terms: str | None, allows_downstream: bool | None) -> None:
    unchanged = terms in {None, row.terms} and allows_downstream in {None, row.allows_downstream}
    if unchanged:
        return
    row.terms = row.terms if terms is None else terms
    row.allows_downstream = row.allows_downstream if allows_downstream is None else allows_downstream
    row.terms_version += 1
    for entry in tx.session.scalars(select(GroupMember).where(GroupMember.group_id == row.id)):
        if entry.member_id == row.owner_id:
            entry.accepted_terms = row.terms_version
        else:
            entry.active = False
