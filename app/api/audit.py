"""`/v1/audit`: who got what, when, under which marking and purpose."""

from typing import Any

from flask import Response

from app.audit import archives, sequencer, service
from app.audit.queries import Page
from app.events import Subject
from app.feed.shown import shown
from app.record import Tx
from app.web import paging
from app.web.audit import filter_of, gathered
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.state import runtime
from schemas.audit import NEWEST, AuditOneSchema, AuditPageSchema, EntryArgs
from schemas.vocabulary import Scope

blp = Blueprint("audit", __name__, url_prefix="/v1/audit", description="The audit log")

ACTION = "audit.read"
_CURSOR, _CURSOR_NEWEST = "audit", "audit-newest"


@blp.get("/entries")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(EntryArgs, location="query")
@blp.response(200, AuditPageSchema)
def list_entries(args: dict[str, Any]) -> Response:
    """Search the log. Members find what they did, and what others did with what they own."""
    after, limit, newest = args.pop("after", None), args.pop("limit"), args.pop("order") == NEWEST
    asked = filter_of(args)
    cursor = _CURSOR_NEWEST if newest else _CURSOR
    gathered()

    def work(tx: Tx) -> Reply:
        start = int(paging.open_(tx, cursor, after)) if after else None
        lines = shown(tx.session, service.objects(tx.session, asked))
        page = Page(after=start, limit=limit, newest=newest)
        items, reached = service.find(tx.session, tx.actor, asked, lines, page)
        following = f'"{paging.seal(tx, cursor, str(reached))}"' if reached is not None else "null"
        told = f'],"held_from":{archives.held_from(tx.session)},"next":{following}}}'
        body = b'{"items":[' + b",".join(item.body for item in items) + told.encode()
        return Reply(body=body, subjects=[Subject(kind="entry", count=len(items))])

    return read(ACTION, Subject(kind="entry"), work)


@blp.get("/entries/<ident:entry_id>")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.response(200, AuditOneSchema)
def get_entry(entry_id: str) -> Response:
    """Read one entry; auditors also get what its commitments open to."""
    sequencer.place(runtime().db, entry_id)

    def work(tx: Tx) -> Reply:
        return Reply(body=service.get(tx.session, tx.actor, entry_id).body)

    return read(ACTION, Subject(kind="entry", id=entry_id), work)
