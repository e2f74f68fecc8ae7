"""Changes who may read a set: versions that can be read get a new envelope, and their readers new bytes."""

from collections.abc import Mapping
from typing import Any

from app import second_person
from app.events import MarkingChanged, Subject
from app.markings import WideningProposal
from app.question import Action, MarkingView
from app.record import Tx, record
from app.remark import Direction, change_collection_marking, resolve
from app.sets import lines, queries, status
from app.sets.forms import set_subject
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review.texts import screened
from app.sets.sign import put_envelope


def change_marking(tx: Tx, set_id: str, marking: Mapping[str, Any]) -> Found | WideningProposal:
    """Narrow or widen a set, or propose to, where widening it takes a second person.

    The transaction must have begun with `moves_policy=True`. Saying again what holds changes nothing.

    Raises:
        NotFound, Forbidden: as `policy` decides. Widening needs a person.
        Invalid: the marking cannot be used.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.NARROW, found.thing)
    screened(marking.get("note"), "/marking/note")
    view = resolve(tx.session, found.collection.owner_id, marking, actor=tx.actor)
    if view == found.marking and marking.get("note") == found.row.marking_note:
        record(tx, MarkingChanged(subjects=(set_subject(found),), reason="unchanged"))
        return found
    versions = status.settle(tx, found)
    became = second_person.change_or_propose(tx, found.collection, found.marking, view, marking)
    if isinstance(became, WideningProposal):
        return became
    return _show(tx, found, view, marking, versions, became)


def approve_widening(tx: Tx, set_id: str, proposal_id: str) -> Found:
    """Approve as a second person what another one proposed: the set is widened now.

    The transaction must have begun with `moves_policy=True`.

    Raises:
        NotFound, Forbidden, Conflict: as for `second_person.approve`.
        Invalid: the marking cannot be used any more.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.WIDEN_SECOND, found.thing)
    row = second_person.approve(tx, found.collection, found.marking, proposal_id)
    asker = second_person.proposer(tx, row)
    view = resolve(tx.session, found.collection.owner_id, row.asked, actor=asker)
    versions = status.settle(tx, found)
    became = change_collection_marking(tx, found.collection, view, wider=Action.WIDEN_SECOND)
    approved = second_person.subject(row, found.marking)
    return _show(tx, found, view, row.asked, versions, became, approved)


def withdraw_widening(tx: Tx, set_id: str, proposal_id: str) -> None:
    """Withdraw a proposal.

    Raises:
        NotFound, Forbidden, Conflict: as for `second_person.withdraw`.
    """
    found = queries.find(tx, set_id, lock=True)
    tx.require(Action.NARROW, found.thing)
    second_person.withdraw(tx, found.collection, found.marking, proposal_id)


def widenings(tx: Tx, set_id: str, before: int | None, limit: int) -> tuple[Found, list[WideningProposal]]:
    """What was proposed for a set of the actor's member, newest first.

    Raises:
        NotFound, Forbidden: as `policy` decides.
    """
    found = queries.find(tx, set_id)
    tx.require(Action.NARROW, found.thing)
    return found, second_person.proposals(tx, found.id, before, limit)


def _show(
    tx: Tx, before: Found, view: MarkingView, marking: Mapping[str, Any], versions: list[SetVersion],
    became: Direction, *approved: Subject,
) -> Found:  # fmt: skip
    """Renew envelopes and lines of a set whose marking has changed."""
    before.row.marking_note = marking.get("note")
    found = Found(collection=before.collection, row=before.row, marking=view)
    for row in versions:
        put_envelope(tx, found, row)
    tx.session.flush()
    changed = lines.moved(tx.session, before.marking, found, versions)
    record(tx, MarkingChanged(subjects=(set_subject(found), *approved), reason=became), changed)
    return found
