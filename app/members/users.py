"""Verbs on users: the persons of a member, known by a handle."""

import uuid
from collections.abc import Sequence

from app.errors import Conflict
from app.events import Subject, UserAdded, UserDisabled
from app.members import queries
from app.members.authority import check_texts, insert, require_operator, require_own_or_operator
from app.parties import User
from app.record import Tx, record
from schemas.vocabulary import MemberStatus


def add(tx: Tx, member_id: str, *, handle: str) -> User:
    """Add a person by a handle: no name, no address.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: the handle holds personal data.
        Conflict: the handle is taken, or the member is offboarded.
    """
    require_operator(tx.actor)
    member = queries.get_member(tx, member_id)
    check_texts({"handle": handle})
    if member.status == MemberStatus.OFFBOARDED:
        raise Conflict("This member is offboarded. Enrol it anew first.", reason="member_status")
    row = User(id=str(uuid.uuid4()), member_id=member.id, handle=handle, created_at=tx.now)
    insert(tx.session, row, taken="This handle is taken. Choose another one.")
    record(tx, UserAdded(subjects=(_subject(row),)))
    return row


def browse(tx: Tx, member_id: str, *, after: str | None = None, limit: int = 100) -> Sequence[User]:
    """Up to `limit` users of a member, by id: for itself and for the operator."""
    require_own_or_operator(tx.actor, member_id)
    return queries.list_users(tx, queries.get_member(tx, member_id).id, after, limit)


def disable(tx: Tx, member_id: str, user_id: str) -> None:
    """End a person's access: tokens of its personal clients stop at once. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        Conflict: it is disabled already.
    """
    require_operator(tx.actor)
    row = queries.get_user(tx, queries.get_member(tx, member_id).id, user_id)
    if row.disabled_at is not None:
        raise Conflict("This user is disabled already.", reason="user_disabled")
    row.disabled_at = tx.now
    tx.session.flush()
    record(tx, UserDisabled(subjects=(_subject(row),)))


def _subject(row: User) -> Subject:
    return Subject(kind="user", id=row.id, owner_id=row.member_id)
