"""Proposals to widen sets and lists: listed, approved by a second person, withdrawn."""

from typing import Any

from flask import Response

from app.api.sets import asked_set, state
from app.api.signal_lists import asked_list
from app.record import Tx
from app.sets import remarking as sets
from app.sets import service
from app.signals import lists as signal_lists
from app.signals import remarking as lists
from app.web import paging, proposals
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.markings import ProposalPageSchema
from schemas.sets import SetSchema
from schemas.signals import SignalListSchema
from schemas.vocabulary import Scope

blp = Blueprint("widening", __name__, url_prefix="/v1", description="Widening by two persons")

_SET = "/sets/<ident:set_id>/marking/proposals"
_LIST = "/signal-lists/<ident:list_id>/marking/proposals"


def _before(tx: Tx, args: dict[str, Any], cursor: str) -> int | None:
    return int(paging.open_(tx, cursor, args["after"])) if "after" in args else None


# ── Sets ────────────────────────────────────────────────────────────────────────────────────────────────


@blp.get(_SET)
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW)
@blp.arguments(PageArgs, location="query")
@blp.response(200, ProposalPageSchema)
def list_of_set(args: dict[str, Any], set_id: str) -> Response:
    """List what was proposed for a set of your own, newest first."""

    def work(tx: Tx) -> Reply:
        cursor, limit = f"proposals:{set_id}", args["limit"]
        found, rows = sets.widenings(tx, set_id, _before(tx, args, cursor), limit + 1)
        return proposals.listed(tx, rows, found.marking, limit=limit, cursor=cursor)

    return read("proposals.listed", asked_set(set_id), work)


@blp.post(f"{_SET}/<ident:proposal_id>/approval")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW, person=True)
@blp.response(200, SetSchema)
def approve_of_set(set_id: str, proposal_id: str) -> Response:
    """Approve what another person of your member proposed: the set is widened now."""

    def work(tx: Tx) -> Reply:
        found = sets.approve_widening(tx, set_id, proposal_id)
        return Reply.of(SetSchema, state(tx, found, service.latest(tx, found)))

    return write("marking.changed", asked_set(set_id), work, moves_policy=True)


@blp.delete(f"{_SET}/<ident:proposal_id>")
@requires(Scope.SETS_WRITE, person=True)
@blp.response(204)
def withdraw_of_set(set_id: str, proposal_id: str) -> Response:
    """Withdraw a proposal of your member."""

    def work(tx: Tx) -> Reply:
        sets.withdraw_widening(tx, set_id, proposal_id)
        return Reply(status=204)

    return write("widening.withdrawn", asked_set(set_id), work)


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────────────


@blp.get(_LIST)
@requires(Scope.SIGNALS_WRITE)
@blp.arguments(PageArgs, location="query")
@blp.response(200, ProposalPageSchema)
def list_of_list(args: dict[str, Any], list_id: str) -> Response:
    """List what was proposed for a list of your own, newest first."""

    def work(tx: Tx) -> Reply:
        cursor, limit = f"proposals:{list_id}", args["limit"]
        found, rows = lists.widenings(tx, list_id, _before(tx, args, cursor), limit + 1)
        return proposals.listed(tx, rows, found.marking, limit=limit, cursor=cursor)

    return read("proposals.listed", asked_list(list_id), work)


@blp.post(f"{_LIST}/<ident:proposal_id>/approval")
@requires(Scope.SIGNALS_WRITE, person=True)
@blp.response(200, SignalListSchema)
def approve_of_list(list_id: str, proposal_id: str) -> Response:
    """Approve what another person of your member proposed: the list is widened now."""

    def work(tx: Tx) -> Reply:
        found = lists.approve_widening(tx, list_id, proposal_id)
        return Reply.json(signal_lists.describe(found, tx.actor.member_id))

    return write("marking.changed", asked_list(list_id), work, moves_policy=True)


@blp.delete(f"{_LIST}/<ident:proposal_id>")
@requires(Scope.SIGNALS_WRITE, person=True)
@blp.response(204)
def withdraw_of_list(list_id: str, proposal_id: str) -> Response:
    """Withdraw a proposal of your member."""

    def work(tx: Tx) -> Reply:
        lists.withdraw_widening(tx, list_id, proposal_id)
        return Reply(status=204)

    return write("widening.withdrawn", asked_list(list_id), work)
