"""`/v1/lookup`: is any of these signals known to somebody whose entries the caller may see?"""

from flask import Response, request

from app.api.signals import signals_of
from app.events import Subject
from app.record import Tx
from app.signals import lookup
from app.web.blueprint import Blueprint
from app.web.bodies import parse_json, read_body
from app.web.exchange import Reply, read
from app.web.identity import requires
from schemas.signals import LOOKUP_LIMIT, LookupAnswerSchema, LookupQuerySchema
from schemas.vocabulary import Scope

blp = Blueprint("lookup", __name__, url_prefix="/v1/lookup", description="Exact lookup of signals")

_QUERY_DOC = {"required": True, "content": {"application/json": {"schema": LookupQuerySchema}}}


@blp.post("")
@requires(Scope.SIGNALS_LOOKUP)
@blp.doc(requestBody=_QUERY_DOC)
@blp.response(200, LookupAnswerSchema)
def look_up() -> Response:
    """Match up to 500 values exactly against every entry that you may see."""
    asked_body = read_body(request)
    asked = lookup.read_queries(signals_of(parse_json(asked_body), LOOKUP_LIMIT))

    def work(tx: Tx) -> Reply:
        answer = lookup.lookup(tx, asked)
        value = {"results": answer.results, "excluded": answer.excluded}
        return Reply.json(value, subjects=answer.subjects)

    return read("signals.looked-up", Subject(kind="lookup", count=len(asked)), work, asked_body=asked_body)
