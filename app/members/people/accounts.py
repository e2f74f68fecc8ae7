"""What the operator sees and does about people who sign in."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.errors import Conflict
from app.events import UserUnlocked
from app.members import queries, users
from app.members.authority import require_operator, require_own_or_operator
from app.members.people import attempts, roles
from app.members.people.models import Invitation, UserLink, UserSecret
from app.parties import User
from app.record import Tx, record
from schemas.vocabulary import Role


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user with what holds of its signing in."""

    user: User
    roles: Sequence[Role]
    enrolled: bool
    """It has a password and a device."""
    invited_until: int | None
    locked: bool
    locked_until: int | None
    """None: it is not, or until the operator unlocks it."""
    linked: bool
    """It signs in through the OpenID provider."""


def browse(tx: Tx, member_id: str, *, after: str | None = None, limit: int = 100) -> Sequence[Account]:
    """Up to `limit` users of a member, by id: for itself and for the operator."""
    return _view(tx, users.browse(tx, member_id, after=after, limit=limit))


def read(tx: Tx, member_id: str, user_id: str) -> Account:
    """One user of a member: for itself and for the operator."""
    require_own_or_operator(tx.actor, member_id)
    return _view(tx, [queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)])[0]


def unlock(tx: Tx, member_id: str, user_id: str) -> None:
    """End a lock, and forget the failures that led to it.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: there were no failures.
    """
    require_operator(tx.actor)
    user = queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)
    if not attempts.clear(tx.session, tx.runtime, user.handle):
        raise Conflict("This user is not locked: there was no failure.", reason="not_locked")
    record(tx, UserUnlocked(subjects=(roles.subject(user),)))


def _view(tx: Tx, found: Sequence[User]) -> list[Account]:
    ids = [user.id for user in found]
    held = roles.held_by(tx.session, ids)
    confirmed = UserSecret.totp_confirmed_at.is_not(None)
    enrolled = set(
        tx.session.scalars(select(UserSecret.user_id).where(UserSecret.user_id.in_(ids), confirmed))
    )
    linked = set(tx.session.scalars(select(UserLink.user_id).where(UserLink.user_id.in_(ids))))
    standing = select(Invitation.user_id, Invitation.expires_at).where(
        Invitation.user_id.in_(ids), Invitation.expires_at > tx.now
    )
    invited: dict[str, int] = {row.user_id: row.expires_at for row in tx.session.execute(standing)}
    locks = {user.id: attempts.locked_until(tx.session, tx.runtime, user.handle, tx.now) for user in found}
    return [
        Account(
            user=user, roles=sorted(held[user.id]), enrolled=user.id in enrolled,
            invited_until=invited.get(user.id), linked=user.id in linked,
            locked=locks[user.id] is not None, locked_until=locks[user.id] or None,
        )
        for user in found
    ]  # fmt: skip
