"""The history of what was signed of the log, and that it only grew."""

from flask import Blueprint, Response, request

from app.audit import inspection, proofs, witnessing
from app.audit.inspection import Growth
from app.console.reading import ACTION, READERS
from app.console.session import signed_in
from app.console.site import PREFIX, page
from app.errors import HalyardError
from app.events import Subject
from app.record import Tx
from app.web.exchange import Reply, read
from app.web.state import runtime

blp = Blueprint("console-checkpoints", __name__, url_prefix=PREFIX)

ROWS = 50
_DIGITS = 19
_LARGEST = 2**63 - 1
"""Sizes are stored in 64 bits: of a larger one there is nothing to ask the database."""


@blp.get("/checkpoints")
@signed_in(*READERS)
def history() -> Response:
    """Checkpoints, newest first; with two sizes, whether the log only grew from one to the other."""
    house = runtime()
    before, old, new = (_size(name) for name in ("before", "from", "to"))

    def work(tx: Tx) -> Reply:
        found = proofs.history(tx.session, before, ROWS + 1)
        rows = found[:ROWS]
        growth, problem = None, None
        if old is not None and new is not None:
            growth, problem = _growth(tx, min(old, new), max(old, new))
        elif request.args.get("from") or request.args.get("to"):
            problem = "Give two sizes of checkpoints from the history, as whole numbers."
        return page(
            "console/checkpoints.html", rows=rows, more=rows[-1].row.size if len(found) > ROWS else None,
            first=before is None, growth=growth, problem=problem, old=request.args.get("from", "")[:_DIGITS],
            new=request.args.get("to", "")[:_DIGITS],
            standing=witnessing.standing(tx.session, house.config.witness_list),
            status=200 if problem is None else 422, subjects=[Subject(kind="checkpoint", count=len(rows))],
        )  # fmt: skip

    return read(ACTION, Subject(kind="checkpoint"), work)


@blp.get(f"/checkpoints/<int(max={_LARGEST}):size>")
@signed_in(*READERS)
def checkpoint(size: int) -> Response:
    """One checkpoint: its note, its key, its witnesses, each signature verified."""
    house = runtime()

    def work(tx: Tx) -> Reply:
        found = inspection.signed_at(tx.session, size)
        known = inspection.trusted(tx.session, house.keyring, house.config)
        newest = proofs.checkpoint(tx.session).size
        head, problem = inspection.head_of(found, known)
        return page(
            "console/checkpoint.html", found=found, head=head, problem=problem, newest=newest,
            growth=inspection.of_growth(tx.session, size, newest, known) if newest > size else None,
        )  # fmt: skip

    return read(ACTION, Subject(kind="checkpoint"), work)


def _growth(tx: Tx, old: int, new: int) -> tuple[Growth | None, str | None]:
    known = inspection.trusted(tx.session, tx.runtime.keyring, tx.runtime.config)
    try:
        return inspection.of_growth(tx.session, old, new, known), None
    except HalyardError as error:
        return None, error.detail


def _size(name: str) -> int | None:
    text = request.args.get(name, "").replace(",", "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        return None
    return int(text) if int(text) <= _LARGEST else None
