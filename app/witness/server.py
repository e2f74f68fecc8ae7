"""The witness over HTTP (C2SP tlog-witness): takes checkpoints, and shows what it holds and what it refused.

Whoever may reach it may ask it: what it cosigns was signed by a log that it follows, and what it shows is
public.
"""

import time
from collections.abc import Callable
from typing import Any

import structlog
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from app.transparency.errors import BadNote, NotProven, UnknownLog
from app.transparency.witness import BODY_BYTES, SIZE_TYPE, Verdict
from app.witness.files import Damaged
from app.witness.keeper import Keeper
from app.witness.status import status_of

log = structlog.get_logger(__name__)

PLAIN = "text/plain; charset=utf-8"
_SAID = {
    Verdict.OLD_ABOVE_SIZE: "The old size is at most that of the checkpoint.",
    Verdict.OTHER_HISTORY: "FORK: this tree began with another root than this log signed before. It is kept.",
    Verdict.NOT_PROVEN: "The proof does not show that the log only grew since the old size.",
}


def create_app(keeper: Keeper, seconds: Callable[[], float] = time.time) -> Flask:
    """Assemble the server of a witness.

    Args:
        seconds: tells the time, since 1970.
    """
    app = Flask("halyard-witness", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES
    app.config["PROPAGATE_EXCEPTIONS"] = False

    @app.post("/add-checkpoint")
    def add_checkpoint() -> Response:
        try:
            decided = keeper.add_checkpoint(request.get_data(cache=False), int(seconds()))
        except NotProven as error:
            return _plain(_status(error), str(error))
        if decided.verdict is Verdict.COSIGN:
            return Response(decided.cosignature, content_type=PLAIN)
        if decided.verdict.status == 409:
            return Response(f"{decided.size}\n", status=409, content_type=SIZE_TYPE)
        return _plain(decided.verdict.status, _SAID[decided.verdict])

    @app.get("/status")
    def status() -> dict[str, Any]:
        return status_of(keeper)

    @app.get("/healthz")
    def healthz() -> Response:
        return _plain(200, "ok")

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        return _plain(error.code or 500, error.name)

    @app.errorhandler(Damaged)
    @app.errorhandler(OSError)
    def unfit(error: Exception) -> Response:
        log.error("witness.unfit", error=type(error).__name__, why=str(error))
        return _plain(503, "The witness cannot read or store its state now: nothing was cosigned.")

    @app.after_request
    def finish(answer: Response) -> Response:
        answer.headers["Cache-Control"] = "no-store"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        return answer

    return app


def _status(error: NotProven) -> int:
    if isinstance(error, UnknownLog):
        return 404
    return 400 if isinstance(error, BadNote) else 403


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type=PLAIN)
