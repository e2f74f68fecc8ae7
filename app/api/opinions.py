"""`/v1/signals/{id}/opinions`: what members think of a signal."""

from typing import Any

from flask import Response

from app.events import Subject
from app.record import Tx
from app.signals import opinions
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.opinions import NewOpinionSchema, OpinionPageSchema, OpinionSchema
from schemas.vocabulary import Opinion, OpinionReason, Scope

blp = Blueprint("opinions", __name__, url_prefix="/v1/signals", description="Opinions on signals")


@blp.get("/<ident:signal_id>/opinions")
@requires(Scope.SIGNALS_READ)
@blp.arguments(PageArgs, location="query")
@blp.response(200, OpinionPageSchema)
def list_opinions(args: dict[str, Any], signal_id: str) -> Response:
    """Read what members think of a signal that you see."""
    cursor = f"opinions:{signal_id}"

    def work(tx: Tx) -> Reply:
        after = paging.open_(tx, cursor, args["after"]) if "after" in args else None
        page = opinions.page(tx, signal_id, after, args["limit"])
        value = {
            "items": [opinions.describe(row) for row in page.items],
            "next": paging.seal(tx, cursor, page.last) if page.last else None,
        }
        return Reply.json(value, subjects=[page.single.subject])

    return read("opinions.listed", _asked(signal_id), work)


@blp.put("/<ident:signal_id>/opinions")
@requires(Scope.FEEDBACK_WRITE)
@blp.arguments(NewOpinionSchema)
@blp.response(200, OpinionSchema)
def put_opinion(body: dict[str, Any], signal_id: str) -> Response:
    """Say what your member thinks of a signal: it has one opinion, and may change it."""
    reason = OpinionReason(body["reason"]) if "reason" in body else None

    def work(tx: Tx) -> Reply:
        row = opinions.state(tx, signal_id, Opinion(body["opinion"]), reason)
        return Reply.json(opinions.describe(row))

    return write("opinion.stated", _asked(signal_id), work)


@blp.delete("/<ident:signal_id>/opinions")
@requires(Scope.FEEDBACK_WRITE)
@blp.response(204)
def delete_opinion(signal_id: str) -> Response:
    """Take your member's opinion of a signal back."""

    def work(tx: Tx) -> Reply:
        opinions.withdraw(tx, signal_id)
        return Reply(status=204)

    return write("opinion.withdrawn", _asked(signal_id), work)


def _asked(signal_id: str) -> Subject:
    return Subject(kind="signal", id=signal_id)
