"""`/v1/reminders`: which of one's own versions are to be reviewed soon, or should have been."""

from typing import Any

from flask import Response

from app.events import Subject
from app.record import Tx
from app.sets import reminders
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.sets import ReminderPageSchema
from schemas.vocabulary import Scope

blp = Blueprint("reminders", __name__, url_prefix="/v1/reminders", description="Reviews that are due")

_CURSOR = "reminders"


@blp.get("")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW)
@blp.arguments(PageArgs, location="query")
@blp.response(200, ReminderPageSchema)
def list_reminders(args: dict[str, Any]) -> Response:
    """List versions of your own whose review date is less than 30 days away, or past."""

    def work(tx: Tx) -> Reply:
        limit = args["limit"]
        rows = reminders.page(tx, paging.open_pair(tx, _CURSOR, args.get("after")), limit + 1)
        items, more = rows[:limit], len(rows) > limit
        following = paging.seal_pair(tx, _CURSOR, items[-1].key) if more else None
        subjects = [Subject(kind="version", collection_id=one.set, version=one.version) for one in items]
        return Reply.of(ReminderPageSchema, {"items": items, "next": following}, subjects=subjects)

    return read("reminders.listed", Subject(kind="version"), work)
