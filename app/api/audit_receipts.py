"""`/v1/audit/entries/{id}/receipt`: what a member keeps to prove an exchange years later."""

import time
from typing import Final

from flask import Response

from app.api.audit import ACTION
from app.audit import proofs, sequencer
from app.audit.receipts import receipt
from app.errors import Conflict
from app.events import Subject
from app.record import Tx
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.state import runtime
from schemas.audit_log import ReceiptSchema

blp = Blueprint("audit-receipts", __name__, url_prefix="/v1/audit", description="Receipts of the audit log")

WAITS: Final = 8
PAUSE_SECONDS: Final = 0.25
"""Checkpoints are about a second apart: who asks at once for a receipt is let wait for the next one."""


@blp.get("/entries/<ident:entry_id>/receipt")
@requires()
@blp.response(200, ReceiptSchema)
def get_receipt(entry_id: str) -> Response:
    """Read the receipt of an exchange that you made, or of an entry that you may read whole.

    It holds the entry, its inclusion proof and a signed checkpoint, and is verified without the server:
    `halyard audit verify --receipt FILE`. Where no checkpoint covers the entry within two seconds, the answer
    is 409 and says which one to wait for.
    """
    sequencer.place(runtime().db, entry_id)

    def work(tx: Tx) -> Reply:
        return Reply(body=receipt(tx.session, tx.actor, entry_id))

    for _ in range(WAITS):
        try:
            return read(ACTION, Subject(kind="entry", id=entry_id), work)
        except Conflict as error:
            if error.reason != proofs.BEYOND:
                raise
        time.sleep(PAUSE_SECONDS)  # with no transaction open
    return read(ACTION, Subject(kind="entry", id=entry_id), work)
