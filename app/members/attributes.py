"""Verbs on member attributes: what is true of a member for a time, and opens groups that require it."""

import re

from app.errors import Invalid, NotFound
from app.events import AttributeGranted
from app.feed import sight
from app.members import queries
from app.members.authority import require_operator
from app.members.members import AttributeView, attribute_view, subject
from app.parties import Attribute
from app.record import Tx, record

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


def grant(tx: Tx, member_id: str, name: str, valid_until: int) -> AttributeView:
    """Grant an attribute until a moment (microseconds UTC), or renew it. Needs `moves_policy`.

    A renewal after a lapse that the feed does not show yet is told as lost and then gained again.

    Raises:
        Forbidden: the caller is not the operator.
        Invalid: the moment is past, or the name is not of the form.
    """
    require_operator(tx.actor)
    member = queries.get_member(tx, member_id)
    if not _NAME.fullmatch(name):
        raise Invalid(
            "An attribute is named with 1 to 64 lower-case letters, digits and underscores, a letter first.",
            reason="attribute_name",
        )
    if valid_until <= tx.now:
        raise Invalid(
            "An attribute is granted until a moment to come. End it with DELETE.", reason="valid_until",
            errors=[{"pointer": "/valid_until", "detail": "This moment is past."}],
        )  # fmt: skip
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, member.id))):
        row = tx.session.get(Attribute, (member.id, name))
        renewed = row is not None
        if row is None:
            row = Attribute(member_id=member.id, name=name)
            tx.session.add(row)
        row.valid_until = valid_until
        row.lapse_recorded = False
    reason = "renewed" if renewed else "granted"
    record(tx, AttributeGranted(subjects=(subject(member.id),), reason=reason))
    return attribute_view(tx, row)


def end(tx: Tx, member_id: str, name: str) -> None:
    """End an attribute now. Needs `moves_policy`.

    Raises:
        Forbidden: the caller is not the operator.
        NotFound: the member does not hold it now.
    """
    require_operator(tx.actor)
    member = queries.get_member(tx, member_id)
    if not _NAME.fullmatch(name):
        raise NotFound
    with tx.watching(sight.Scope(members=sight.served_by(tx.session, member.id))):
        row = tx.session.get(Attribute, (member.id, name))
        if row is None or row.valid_until <= tx.now:
            raise NotFound
        row.valid_until = tx.now
        row.lapse_recorded = True  # told by the watching around this, not by the worker later
    record(tx, AttributeGranted(subjects=(subject(member.id),), reason="ended"))
