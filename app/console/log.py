"""The log with its filters, one entry with its proof, and what of them can be taken along."""

from flask import Blueprint, Response, request

from app.audit import inspection, names, sequencer, service
from app.audit.queries import Filter
from app.console import filters, wording
from app.console.filters import Asked
from app.console.reading import READERS, names_in, opened
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.events import Subject
from app.feed.shown import shown
from app.record import Tx
from app.web import paging
from app.web.exchange import Reply, read
from app.web.state import runtime
from schemas.vocabulary import Decision, Purpose

blp = Blueprint("console-log", __name__, url_prefix=PREFIX)

ACTION = "audit.read"
ROWS = 50
_CURSOR = "console-log"


@blp.get("/log")
@signed_in(*READERS)
def log() -> Response:
    """Search the log."""
    form, after = filters.typed(request.args), request.args.get("after")
    sequencer.drain(runtime().db)

    def work(tx: Tx) -> Reply:
        asked = filters.understand(tx, form)
        start = int(paging.open_(tx, _CURSOR, after)) if after else 0
        found = [] if asked.errors else _found(tx, asked, start)
        items = [opened(item) for item in found[:ROWS]]
        more = paging.seal(tx, _CURSOR, str(found[ROWS - 1].seq)) if len(found) > ROWS else None
        return page(
            "console/log.html", form=asked, items=items, more=more, first=after is None,
            names=names_in(tx, [item.document for item in items]),
            members=names.member_choices(tx.session, tx.actor),
            collections=names.collection_choices(tx.session, tx.actor, tx.now),
            actions=wording.grouped(), decisions=list(Decision), purposes=list(Purpose),
            status=422 if asked.errors else 200, subjects=[Subject(kind="entry", count=len(items))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry"), work)


def _found(tx: Tx, asked: Asked, start: int) -> list[service.Item]:
    wanted = Filter(**asked.values)
    lines = shown(tx.session, service.objects(tx.session, wanted))
    return service.find(tx.session, tx.actor, wanted, lines, after=start, limit=ROWS + 1)


@blp.get("/entries/<ident:entry_id>")
@signed_in(*READERS)
def entry(entry_id: str) -> Response:
    """One entry, and its proof checked before the reader's eyes."""
    house = runtime()
    sequencer.drain(house.db)

    def work(tx: Tx) -> Reply:
        found = opened(service.get(tx.session, tx.actor, entry_id))
        proof = None
        if not found.reduced:
            known = inspection.trusted(tx.session, house.keyring, house.config.issuer)
            proof = inspection.of_entry(tx.session, tx.actor, entry_id, bytes(found.entry), known)
        return page(
            "console/entry.html", item=found, entry=found.document, proof=proof,
            names=names_in(tx, [found.document]), issuer=house.config.issuer,
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry", id=entry_id), work)
