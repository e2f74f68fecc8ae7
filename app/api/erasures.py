"""`/v1/signal-lists/{id}/erasures`: values that must be destroyed, and must not come back."""

from typing import Any

from flask import Response, request

from app.api.signal_lists import asked_list
from app.errors import Invalid
from app.record import Tx
from app.signals import erasure
from app.signals.outcomes import to_wire
from app.web import ndjson
from app.web.blueprint import Blueprint
from app.web.bodies import parse_json, read_body
from app.web.exchange import Reply, write
from app.web.identity import requires
from app.web.lines import LineDoor, or_lines, take_lines
from app.web.state import runtime
from schemas.signals import ERASURE_LIMIT, ErasureAnswerSchema, ErasureSchema
from schemas.vocabulary import ItemStatus, Scope

blp = Blueprint("erasures", __name__, url_prefix="/v1/signal-lists", description="Erasure of signals")

JSON_LIMIT = 32_000_000
_LINE = {"schema": {"type": "string", "description": "One item per line, each as in `items`."}}
_DOC = {
    "required": True,
    "content": {"application/json": {"schema": ErasureSchema}, ndjson.MEDIA_TYPE: _LINE},
}


def erase_lines(list_id: str) -> Response:
    """Erase what lines name, in chunks: none of them is kept under a key, not even by its digest."""
    try:
        return take_lines(
            LineDoor(
                action="signals.erased",
                asked=asked_list(list_id),
                scope=Scope.SIGNALS_WRITE,
                statuses=(ItemStatus.ERASED,),
                read=erasure.read_item,
                work=lambda tx, items: erasure.erase(tx, list_id, items),
                idempotent=False,
            )
        )
    finally:  # also where the body broke off: the chunks before that are erased
        runtime().db.truncate_log()


@blp.post("/<ident:list_id>/erasures")
@requires(Scope.SIGNALS_WRITE)
@or_lines(erase_lines)
@blp.doc(requestBody=_DOC)
@blp.response(200, ErasureAnswerSchema)
def erase_signals(list_id: str) -> Response:
    """Destroy values of your own list for good: here, in the feed, and again should a backup be restored.

    Every recipient is told by a tombstone. The value is refused in this list from now on. As NDJSON it is
    taken in chunks, as signals are. Repeating is harmless, and no answer is kept for it: it would have to be
    known again by what was sent.
    """
    request.max_content_length = JSON_LIMIT
    items = erasure.read_items(_items(parse_json(read_body(request))))

    def work(tx: Tx) -> Reply:
        return Reply.json({"items": to_wire(erasure.erase(tx, list_id, items))})

    answer = write("signals.erased", asked_list(list_id), work, idempotent=False)
    runtime().db.truncate_log()
    return answer


def _items(body: Any) -> list[Any]:
    if not isinstance(body, dict) or body.keys() != {"items"} or not isinstance(body["items"], list):
        raise Invalid('Send an object with one member: {"items": […]}.')
    found: list[Any] = body["items"]
    if not 0 < len(found) <= ERASURE_LIMIT:
        detail = "Split them."
        raise Invalid(
            f"Send 1 to {ERASURE_LIMIT} items at once.", errors=[{"pointer": "/items", "detail": detail}]
        )
    return found
