"""`/v1/signal-lists`: lists of signals, and their marking."""

from typing import Any

from flask import Response

from app.events import Subject
from app.record import Tx
from app.signals import lists, queries, remarking
from app.signals.queries import Found
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from app.web.proposals import proposed
from schemas.markings import MarkingSchema, ProposalSchema
from schemas.signals import ContributorsSchema, NewSignalListSchema, SignalListPageSchema, SignalListSchema
from schemas.vocabulary import Contributors, Scope

blp = Blueprint("signal-lists", __name__, url_prefix="/v1/signal-lists", description="Signal lists")

_CURSOR = "signal-lists"


def asked_list(list_id: str | None = None) -> Subject:
    """What a request names, whether it exists or not."""
    return Subject(kind="list", id=list_id, collection_id=list_id)


@blp.get("/")
@requires(Scope.SIGNALS_READ, anonymous=True)
@blp.arguments(PageArgs, location="query")
@blp.response(200, SignalListPageSchema)
def list_lists(args: dict[str, Any]) -> Response:
    """List the signal lists that you see."""

    def work(tx: Tx) -> Reply:
        after, limit = args.get("after"), args["limit"]
        rows = queries.page(tx, paging.open_(tx, _CURSOR, after) if after else None, limit + 1)
        items = rows[:limit]
        value = {
            "items": [lists.describe(found, tx.actor.member_id) for found in items],
            "next": paging.seal(tx, _CURSOR, items[-1].id) if len(rows) > limit else None,
            "excluded": queries.excluded(tx),
        }
        return Reply.json(value, subjects=[lists.subject(found) for found in items])

    return read("lists.listed", asked_list(), work)


@blp.post("/")
@requires(Scope.SIGNALS_WRITE)
@blp.arguments(NewSignalListSchema)
@blp.response(201, SignalListSchema)
def create_list(body: dict[str, Any]) -> Response:
    """Create a signal list, or import one under the id that it had elsewhere."""

    def work(tx: Tx) -> Reply:
        found = lists.create(
            tx, slug=body["slug"], title=body["title"], types=body["types"], marking=body["marking"],
            contributors=Contributors(body["contributors"]), lookup_only=body["lookup_only"],
            list_id=body.get("id"),
        )  # fmt: skip
        headers = {"Location": f"/v1/signal-lists/{found.id}"}
        return Reply.json(lists.describe(found, tx.actor.member_id), status=201, headers=headers)

    return write("list.created", asked_list(body.get("id")), work)


@blp.get("/<ident:list_id>")
@requires(Scope.SIGNALS_READ, anonymous=True)
@blp.response(200, SignalListSchema)
def get_list(list_id: str) -> Response:
    """Read one signal list."""

    def work(tx: Tx) -> Reply:
        found = lists.get(tx, list_id)
        return Reply.json(lists.describe(found, tx.actor.member_id), subjects=[lists.subject(found)])

    return read("list.read", asked_list(list_id), work)


@blp.put("/<ident:list_id>/marking")
@requires(Scope.SIGNALS_WRITE)
@blp.arguments(MarkingSchema)
@blp.response(200, SignalListSchema)
@blp.alt_response(202, schema=ProposalSchema)
def put_marking(body: dict[str, Any], list_id: str) -> Response:
    """Narrow or widen a list. Widening takes a person; from TLP:AMBER+STRICT up it is proposed first."""

    def work(tx: Tx) -> Reply:
        became = remarking.set_marking(tx, list_id, body)
        if isinstance(became, Found):
            return Reply.json(lists.describe(became, tx.actor.member_id))
        return proposed(tx, became, queries.find(tx, list_id).marking)

    return write("marking.changed", asked_list(list_id), work, moves_policy=True)


@blp.put("/<ident:list_id>/contributors")
@requires(Scope.SIGNALS_WRITE)
@blp.arguments(ContributorsSchema)
@blp.response(200, SignalListSchema)
def put_contributors(body: dict[str, Any], list_id: str) -> Response:
    """Say who may contribute to a list of yours: you alone, or every member that it addresses."""

    def work(tx: Tx) -> Reply:
        found = lists.set_contributors(tx, list_id, Contributors(body["contributors"]))
        return Reply.json(lists.describe(found, tx.actor.member_id))

    return write("list.contributors-changed", asked_list(list_id), work)
