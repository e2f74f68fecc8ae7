"""Roles of users: what each lets a person do, and who gave them."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.errors import Conflict
from app.events import Subject, UserRoleChanged
from app.members import queries
from app.members.authority import require_operator
from app.members.people.models import UserRole
from app.parties import User
from app.record import Tx, record
from schemas.vocabulary import Role, Scope

SCOPES = {
    Role.AUDITOR: frozenset({Scope.AUDIT_READ}),
    Role.ANALYST: frozenset({Scope.AUDIT_READ_OWN, Scope.SETS_READ, Scope.SIGNALS_READ}),
    Role.OPERATOR: frozenset({Scope.MEMBERS_ADMIN, Scope.GROUPS_ADMIN, Scope.AUDIT_READ}),
}
"""What a role is for the policy: the same scopes that a client's token would carry."""


def scopes_of(roles: Iterable[Role]) -> frozenset[str]:
    """All that these roles let somebody do."""
    return frozenset(scope.value for role in roles for scope in SCOPES[role])


def held_by(session: Session, user_ids: Sequence[str]) -> dict[str, frozenset[Role]]:
    """User id → its roles."""
    found: dict[str, set[Role]] = {user_id: set() for user_id in user_ids}
    wanted = select(UserRole.user_id, UserRole.role).where(UserRole.user_id.in_(user_ids))
    for user_id, role in session.execute(wanted):
        found[user_id].add(Role(role))
    return {user_id: frozenset(roles) for user_id, roles in found.items()}


def give(tx: Tx, member_id: str, user_id: str, role: Role) -> None:
    """Give a person a role: it holds from its next request on. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: it has this role, or is disabled.
    """
    row = _user(tx, member_id, user_id)
    if row.disabled_at is not None:
        raise Conflict("This user is disabled.", reason="user_disabled")
    if tx.session.get(UserRole, (row.id, role.value)) is not None:
        raise Conflict("This user has this role already.", reason="role_held")
    tx.session.add(UserRole(user_id=row.id, role=role.value))
    tx.session.flush()
    record(tx, UserRoleChanged(subjects=(subject(row),), reason=f"{role.value}-given"))


def take(tx: Tx, member_id: str, user_id: str, role: Role) -> None:
    """Take a role from a person, in the sessions that it has open too. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: it does not have this role.
    """
    row = _user(tx, member_id, user_id)
    gone = delete(UserRole).where(UserRole.user_id == row.id, UserRole.role == role.value)
    if tx.session.execute(gone.returning(UserRole.role)).first() is None:
        raise Conflict("This user does not have this role.", reason="role_not_held")
    record(tx, UserRoleChanged(subjects=(subject(row),), reason=f"{role.value}-taken"))


def subject(row: User) -> Subject:
    """A user as the subject of an audit entry that its member may read."""
    return Subject(kind="user", id=row.id, owner_id=row.member_id)


def _user(tx: Tx, member_id: str, user_id: str) -> User:
    require_operator(tx.actor)
    return queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)
