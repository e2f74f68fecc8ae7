"""Changes who may read a list. Its entries keep narrower markings of their own: both hold."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from app import remark, second_person
from app.events import MarkingChanged, Subject
from app.markings import WideningProposal
from app.question import Action, MarkingView
from app.record import Tx, record
from app.signals import lists, queries
from app.signals.queries import Found


def set_marking(tx: Tx, list_id: str, marking: Mapping[str, Any]) -> Found | WideningProposal:
    """Narrow or widen a list, or propose to, where widening it takes a second person.

    Raises:
        Invalid: the marking cannot be used, or is not strict enough for the types of the list.
        Forbidden: not the owner; wider, and the actor is no person.
    """
    before = queries.find(tx, list_id)
    tx.require(Action.NARROW, before.thing)
    view = remark.resolve(tx.session, before.marking.owner_id, marking, actor=tx.actor)
    lists.check_label(view, before.types)
    became = second_person.change_or_propose(tx, before.collection, before.marking, view, marking)
    if isinstance(became, WideningProposal):
        return became
    return _show(tx, before, view, became)


def approve_widening(tx: Tx, list_id: str, proposal_id: str) -> Found:
    """Approve as a second person what another one proposed: the list is widened now.

    Raises:
        NotFound, Forbidden, Conflict: as for `second_person.approve`.
        Invalid: the marking cannot be used any more.
    """
    before = queries.find(tx, list_id)
    tx.require(Action.WIDEN_SECOND, before.thing)
    row = second_person.approve(tx, before.collection, before.marking, proposal_id)
    asker = second_person.proposer(tx, row)
    view = remark.resolve(tx.session, before.marking.owner_id, row.asked, actor=asker)
    lists.check_label(view, before.types)
    became = remark.change_collection_marking(tx, before.collection, view, wider=Action.WIDEN_SECOND)
    return _show(tx, before, view, became, second_person.subject(row, before.marking))


def withdraw_widening(tx: Tx, list_id: str, proposal_id: str) -> None:
    """Withdraw a proposal.

    Raises:
        NotFound, Forbidden, Conflict: as for `second_person.withdraw`.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.NARROW, found.thing)
    second_person.withdraw(tx, found.collection, found.marking, proposal_id)


def widenings(tx: Tx, list_id: str, before: int | None, limit: int) -> tuple[Found, list[WideningProposal]]:
    """What was proposed for a list of the actor's member, newest first.

    Raises:
        NotFound, Forbidden: as `policy` decides.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.NARROW, found.thing)
    return found, second_person.proposals(tx, found.id, before, limit)


def _show(tx: Tx, before: Found, view: MarkingView, became: str, *approved: Subject) -> Found:
    found = replace(before, marking=view)
    changed = [lists.state(tx, found, fresh=False)]
    record(tx, MarkingChanged(subjects=(lists.subject(found), *approved), reason=became), changed)
    return found
