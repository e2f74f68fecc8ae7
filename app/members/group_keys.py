"""Under which keys a group hashes identifiers, declared by name and epoch. A key itself never comes here."""

from collections.abc import Sequence

from sqlalchemy import select

from app.errors import Conflict, Forbidden, Invalid
from app.events import GroupKeyDeclared
from app.members import groups, queries
from app.parties import GroupKey
from app.record import Tx, record


def declare(tx: Tx, group_id: str, key_id: str, *, epoch: int, retired_before: int) -> GroupKey:
    """Name a key, begin a new epoch of it, or end old ones. From the first one on, others are not taken.

    Raises:
        Forbidden: the caller does not own the group.
        Invalid: every epoch would be over.
        Conflict: epochs would go back.
    """
    group = queries.get_group(tx, group_id)
    groups.require_owner(tx, group)
    if retired_before > epoch:
        raise Invalid(
            "Leave the newest epoch in use.",
            errors=[{"pointer": "/retired_before", "detail": "Send a number up to that of epoch."}],
        )
    # The group and not the key is held: of two that declare it for the first time there is no row yet.
    tx.session.refresh(group, with_for_update={"key_share": True})
    row = tx.session.get(GroupKey, (group.id, key_id))
    if row is None:
        row = GroupKey(group_id=group.id, key_id=key_id, epoch=epoch, retired_before=retired_before)
        tx.session.add(row)
    if epoch < row.epoch or retired_before < row.retired_before:
        raise Conflict("Epochs only go forward. Read the group's keys, then declare again.", reason="epoch")
    row.epoch, row.retired_before = epoch, retired_before
    record(tx, GroupKeyDeclared(subjects=(groups.subject(group),)))
    return row


def declared(tx: Tx, group_id: str) -> Sequence[GroupKey]:
    """The keys of a group, for its members and its owner.

    Raises:
        NotFound: no such group, or the caller was not invited to it.
        Forbidden: invited, and not yet in it.
    """
    group = queries.get_group(tx, group_id)
    entry = queries.standing_in(tx, group.id, tx.actor.member_id)
    inside = tx.actor.system or group.owner_id == tx.actor.member_id
    if not inside and (entry is None or not entry.active):
        raise Forbidden("Only the group's members know its keys.", reason="not_member")
    wanted = select(GroupKey).where(GroupKey.group_id == group.id).order_by(GroupKey.key_id)
    return tx.session.scalars(wanted).all()
