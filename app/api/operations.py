"""Health, readiness and metrics."""

from flask import Response
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.audit import witnessing
from app.audit.models import AuditHead
from app.errors import Unavailable
from app.web.blueprint import Blueprint
from app.web.exchange import Reply
from app.web.identity import requires
from app.web.metrics import exposition, tell_witnesses
from app.web.state import runtime
from schemas.operations import HealthSchema
from schemas.vocabulary import Scope

blp = Blueprint("operations", __name__, description="Health and metrics")


@blp.get("/healthz")
@requires.nothing
@blp.response(200, HealthSchema)
def healthz() -> Response:
    """Say that the process runs."""
    return Reply.json({"status": "ok"}).response()


@blp.get("/readyz")
@requires.nothing
@blp.response(200, HealthSchema)
def readyz() -> Response:
    """Say whether requests can be served: the database answers, and the audit log can be written."""
    house = runtime()
    try:
        with house.db.read() as session:
            ready = session.scalar(select(AuditHead.id)) is not None
    except SQLAlchemyError as error:
        raise Unavailable("The database does not answer.", retry_after=5) from error
    if not ready or not house.auditor.healthy():
        raise Unavailable("The server is not ready: see `halyard doctor`.", retry_after=5)
    return Reply.json({"status": "ready"}).response()


@blp.get("/metrics")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(200, content_type="text/plain")
def metrics() -> Response:
    """Counts and times in Prometheus' text form.

    A metrics port of its own needs no token: see operations.md.
    """
    house = runtime()
    with house.db.read() as session:
        tell_witnesses(witnessing.standing(session, house.config.witness_list))
    return Response(exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
