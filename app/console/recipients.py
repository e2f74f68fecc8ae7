"""Who received a version of a set, and who has not been handed its retraction."""

from typing import Any

from flask import Blueprint, Response, request

from app.audit import questions, service
from app.audit.queries import Filter
from app.console import filters
from app.console.filters import COLLECTION, VERSION
from app.console.reading import ACTION, READERS
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.events import Subject
from app.members import names
from app.record import Tx
from app.web.audit import gathered, thing
from app.web.exchange import Reply, read

blp = Blueprint("console-recipients", __name__, url_prefix=PREFIX)

ROWS = 500


@blp.get("/recipients")
@signed_in(*READERS)
def recipients() -> Response:
    """Pick a set and a version: its recipients, and what each of them knows of its end."""
    typed = filters.typed(request.args)
    form = {name: typed[name] for name in (COLLECTION, VERSION) if name in typed}
    gathered()

    def work(tx: Tx) -> Reply:
        asked = filters.understand(tx, form)
        if form and not asked.errors:
            asked.errors.update(_missing(form))
        found = _answer(tx, asked.wanted) if form and not asked.errors else {}
        rows = found.get("rows", [])
        members = {one.member for one in rows if one.member is not None}
        collections = {asked.sent[COLLECTION]} if COLLECTION in asked.sent else set()
        return page(
            "console/recipients.html", form=asked, most=ROWS,
            names=names.of(tx.session, tx.actor, tx.now, members=members, collections=collections),
            collections=names.collection_choices(tx.session, tx.actor, tx.now),
            status=422 if asked.errors else 200, subjects=[Subject(kind="entry", count=len(rows))],
            **({"rows": None} | found),
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry"), work)


def _missing(form: dict[str, str]) -> dict[str, str]:
    said = {
        COLLECTION: "Name the set: its slug, or its id.",
        VERSION: "Name the version, for example 1.2.0.",
    }
    return {name: text for name, text in said.items() if name not in form}


def _answer(tx: Tx, wanted: Filter) -> dict[str, Any]:
    """Recipients by time; of a version that was taken back, who has not been told, and when it ended."""
    asked = thing(tx, collection=wanted.collection, version=wanted.version)
    scope = service.scope_of(tx.actor)
    told = questions.outstanding(tx.session, scope, asked)
    first = sorted(told.recipients, key=lambda one: one.first_at)
    rows = questions.named(tx.session, first[:ROWS])
    ended = asked.ended if told.recipients else None
    lacking = {one.member for one in told.outstanding} if ended is not None else set()
    return {"rows": rows, "count": len(told.recipients), "ended": ended, "lacking": lacking}
