"""`/v1/lookup`: is any of these signals known to somebody whose entries the caller may see?"""

from flask import Response, request

from app.api.signals import signals_of
from app.errors import TooMany
from app.events import Subject
from app.question import Actor
from app.record import Tx
from app.signals import budget, lookup
from app.web.blueprint import Blueprint
from app.web.bodies import parse_json, read_body
from app.web.exchange import ATTEMPTS, Reply, audit_refusal, contended, question, read
from app.web.identity import requires
from app.web.state import runtime
from schemas.signals import LOOKUP_LIMIT, LookupAnswerSchema, LookupQuerySchema
from schemas.vocabulary import Scope

blp = Blueprint("lookup", __name__, url_prefix="/v1/lookup", description="Exact lookup of signals")

_ACTION = "signals.looked-up"
_QUERY_DOC = {"required": True, "content": {"application/json": {"schema": LookupQuerySchema}}}


@blp.post("")
@requires(Scope.SIGNALS_LOOKUP)
@blp.doc(requestBody=_QUERY_DOC)
@blp.response(200, LookupAnswerSchema)
def look_up() -> Response:
    """Match up to 500 values exactly against every entry that you may see.

    Queries of a type that a lookup-only list takes are counted by client, hour and day: see 429.
    """
    asked_body = read_body(request)
    asked = lookup.read_queries(signals_of(parse_json(asked_body), LOOKUP_LIMIT))
    subject = Subject(kind="lookup", count=len(asked))
    paid = 0

    def work(tx: Tx) -> Reply:
        answer = lookup.lookup(tx, asked, paid=paid)
        value = {"results": answer.results, "excluded": answer.excluded}
        return Reply.json(value, subjects=answer.subjects)

    for _ in range(ATTEMPTS):
        try:
            return read(_ACTION, subject, work, asked_body=asked_body)
        except lookup.Unpaid as unpaid:
            _pay(unpaid.actor, unpaid.count - paid, subject, question(asked_body))
            paid = unpaid.count
    raise contended()


def _pay(actor: Actor, count: int, asked: Subject, query: bytes) -> None:
    """Count queries to lookup-only lists, in a transaction of its own, before any of them is answered."""
    house = runtime()
    try:
        with house.db.write() as session:
            held = budget.limits(house.config)
            budget.reserve(session, actor.client_id or "", count, house.clock(), held)
    except TooMany as error:
        audit_refusal(actor, _ACTION, asked, error, query)
        raise
