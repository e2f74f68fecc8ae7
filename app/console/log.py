"""The log with its filters, one entry with its proof, and what of them can be taken along."""

from flask import Blueprint, Response, request

from app.audit import inspection, sequencer, service
from app.audit.queries import Page
from app.audit.receipts import receipt
from app.console import filters, wording
from app.console.filters import Asked
from app.console.reading import ACTION, READERS, names_in, opened
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.errors import Invalid
from app.events import Subject
from app.feed.shown import shown
from app.members import names
from app.record import Tx, reading
from app.web import paging
from app.web.audit import gathered
from app.web.audit_export import ACTION as EXPORT
from app.web.audit_export import CSV, Lines, Rows
from app.web.exchange import Reply, read
from app.web.identity import identify, origin
from app.web.state import runtime
from app.web.stream import Stream
from schemas.vocabulary import Decision, Purpose, Tlp

blp = Blueprint("console-log", __name__, url_prefix=PREFIX)

ROWS = 50
_CURSOR = "console-log"


@blp.get("/log")
@signed_in(*READERS)
def log() -> Response:
    """Search the log."""
    form, after = filters.typed(request.args), request.args.get("after")
    gathered()

    def work(tx: Tx) -> Reply:
        asked = filters.understand(tx, form)
        start = int(paging.open_(tx, _CURSOR, after)) if after else None
        found, reached = ([], None) if asked.errors else _found(tx, asked, start)
        items = [opened(item) for item in found]
        more = paging.seal(tx, _CURSOR, str(reached)) if reached is not None else None
        return page(
            "console/log.html", form=asked, items=items, more=more, first=after is None,
            names=names_in(tx, [item.document for item in items]),
            members=names.member_choices(tx.session, tx.actor),
            collections=names.collection_choices(tx.session, tx.actor, tx.now),
            actions=wording.grouped(), decisions=list(Decision), purposes=list(Purpose), labels=list(Tlp),
            status=422 if asked.errors else 200, subjects=[Subject(kind="entry", count=len(items))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry"), work)


def _found(tx: Tx, asked: Asked, start: int | None) -> tuple[list[service.Item], int | None]:
    lines = shown(tx.session, service.objects(tx.session, asked.wanted))
    return service.find(tx.session, tx.actor, asked.wanted, lines, Page(after=start, limit=ROWS, newest=True))


@blp.get("/entries/<ident:entry_id>")
@signed_in(*READERS)
def entry(entry_id: str) -> Response:
    """One entry, and its proof checked before the reader's eyes."""
    house = runtime()
    sequencer.place(house.db, entry_id)

    def work(tx: Tx) -> Reply:
        found = opened(service.get(tx.session, tx.actor, entry_id))
        proof = None
        if not found.reduced:
            known = inspection.trusted(tx.session, house.keyring, house.config)
            proof = inspection.of_entry(tx.session, tx.actor, entry_id, bytes(found.entry), known)
        return page(
            "console/entry.html", item=found, entry=found.document, proof=proof,
            names=names_in(tx, [found.document]), issuer=house.config.issuer,
        )  # fmt: skip

    return read(ACTION, Subject(kind="entry", id=entry_id), work)


@blp.get("/entries/<ident:entry_id>/receipt")
@signed_in(*READERS)
def entry_receipt(entry_id: str) -> Response:
    """The receipt of an entry, as a file."""
    sequencer.place(runtime().db, entry_id)
    named = {"Content-Disposition": f'attachment; filename="halyard-receipt-{wording.short(entry_id)}.json"'}

    def work(tx: Tx) -> Reply:
        return Reply(body=receipt(tx.session, tx.actor, entry_id), headers=named)

    return read(ACTION, Subject(kind="entry", id=entry_id), work)


@blp.get("/log/export")
@signed_in(*READERS)
def export() -> Response:
    """What the filter shows, or all of the log, as a file."""
    gathered()
    house, form = runtime(), filters.typed(request.args)
    with reading(house, identify(), origin()) as tx:
        asked = filters.understand(tx, form)
    if asked.errors:
        raise Invalid("The filter does not fit.", errors=asked.problems())
    if request.args.get("form") == "csv":
        rows = Rows(asked.wanted, asked.sent, None)
        answer = Stream(EXPORT, rows.following, rows.accept, f"{CSV}; charset=utf-8").response()
        name = "halyard-audit.csv"
    else:
        lines = Lines(asked.wanted, asked.sent, None, proofs=True)
        answer = Stream(EXPORT, lines.following, lines.accept).response()
        name = "halyard-audit.ndjson"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
