"""Who comes into a group and goes: the owner asks, the member accepts the terms, the owner lets it in."""

from app.errors import Conflict, Forbidden, NotFound
from app.events import Event, GroupInvited, GroupJoined, GroupLeft, GroupTermsAccepted
from app.feed import sight
from app.members import groups, queries
from app.members.members import subject as member_subject
from app.parties import GroupMember, SharingGroup
from app.record import Tx, record
from schemas.vocabulary import MemberStatus


def invite(tx: Tx, group_id: str, member_id: str) -> groups.GroupView:
    """Ask a member in: it may now read the terms, and nothing else.

    Raises:
        Forbidden: the caller does not own the group.
        Conflict: the member is in the group or invited already, or not active.
    """
    group = queries.get_group(tx, group_id)
    groups.require_owner(tx, group)
    member = queries.get_member(tx, member_id)
    if member.status != MemberStatus.ACTIVE:
        raise Conflict("Only an active member can be asked in.", reason="member_status")
    if queries.standing_in(tx, group.id, member.id) is not None:
        raise Conflict("This member is in the group or invited already.", reason="already_invited")
    tx.session.add(GroupMember(group_id=group.id, member_id=member.id, active=False))
    tx.session.flush()
    _record(tx, GroupInvited, group, member.id)
    return groups.view(tx, [group])[0]


def accept(tx: Tx, group_id: str, terms_version: int, *, member_id: str | None = None) -> groups.GroupView:
    """Accept the terms, the member's own act. Needs `moves_policy`.

    Args:
        member_id: for the operator at the machine only, who holds the member's acceptance on paper.

    Raises:
        NotFound: no such group, or the caller was not invited to it.
        Conflict: the terms have changed since they were read.
    """
    group = queries.get_group(tx, group_id)
    entry = queries.standing_in(tx, group.id, member_id if tx.actor.system else tx.actor.member_id)
    if entry is None:
        raise NotFound
    if terms_version != group.terms_version:
        raise Conflict(
            "The terms have another version now. Read them again, then accept that version.",
            reason="terms_changed", terms_version=group.terms_version,
        )  # fmt: skip
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, entry.member_id))):
        entry.accepted_terms = terms_version
        entry.active = entry.joined_at is not None  # let in before: accepting the new terms suffices
    _record(tx, GroupTermsAccepted, group, entry.member_id)
    return groups.view(tx, [group])[0]


def let_in(tx: Tx, group_id: str, member_id: str) -> groups.GroupView:
    """Let a member in: it sees everything that is marked with the group. Needs `moves_policy`.

    Raises:
        Forbidden: the caller does not own the group.
        Conflict: it has not accepted the current terms, lacks a required attribute, or is not active.
    """
    group = queries.get_group(tx, group_id)
    groups.require_owner(tx, group)
    member = queries.get_member(tx, member_id)
    entry = queries.standing_in(tx, group.id, member.id)
    if entry is None or entry.accepted_terms != group.terms_version:
        raise Conflict(
            "This member has not accepted the current terms. Invite it; it then accepts them itself.",
            reason="terms_not_accepted",
        )
    missing = set(queries.requirements_of(tx, [group.id])[group.id])
    missing -= queries.holding(tx, [member.id])[member.id]
    if missing:
        raise Conflict(
            "This member lacks an attribute that the group requires. The operator grants attributes.",
            reason="attributes_missing", missing=sorted(missing),
        )  # fmt: skip
    if member.status != MemberStatus.ACTIVE:
        raise Conflict("Only an active member can be let in.", reason="member_status")
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, member.id))):
        entry.active = True
        entry.joined_at = entry.joined_at or tx.now
    _record(tx, GroupJoined, group, member.id)
    return groups.view(tx, [group])[0]


def leave(tx: Tx, group_id: str, member_id: str) -> None:
    """Take a member out: its own act, or the owner's. Needs `moves_policy`.

    Raises:
        Forbidden: it is another member, and the caller does not own the group.
        Conflict: the owner cannot leave its own group.
        NotFound: the member is not in the group.
    """
    group = queries.get_group(tx, group_id)
    own = tx.actor.member_id == member_id
    if not own and not tx.actor.system and tx.actor.member_id != group.owner_id:
        raise Forbidden("Only the group's owner may take out another member.", reason="not_owner")
    entry = queries.standing_in(tx, group.id, member_id)
    if entry is None:
        raise NotFound
    if member_id == group.owner_id:
        raise Conflict("The owner stays in its own group.", reason="owner_stays")
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, member_id))):
        tx.session.delete(entry)
    _record(tx, GroupLeft, group, member_id, reason="left" if own else "removed")


def _record(
    tx: Tx, event: type[Event], group: SharingGroup, member_id: str, *, reason: str | None = None
) -> None:
    record(tx, event(subjects=(groups.subject(group), member_subject(member_id)), reason=reason))
