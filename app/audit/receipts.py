"""Receipts: that one exchange is in the log, to be kept and verified without this server.

The form is `schemas/documents/audit-receipt.v1.json`.
"""

import msgspec
from sqlalchemy.orm import Session

from app.audit import proofs, service
from app.audit.checkpoints import newest
from app.question import Actor

SCHEMA = "halyard.audit-receipt/1"


def receipt(session: Session, actor: Actor, entry_id: str) -> bytes:
    """The receipt of an entry, against the newest checkpoint.

    Raises:
        NotFound, Forbidden: as `service.whole`.
        Conflict: no checkpoint covers the entry yet; the problem says which one will.
        Unavailable: the stored log does not hold together.
    """
    found = service.whole(session, actor, entry_id)
    if newest(session) is None:
        raise proofs.beyond(0, found.index + 1)
    proof = proofs.of_leaf(session, found.index, None)
    rest = {
        "hashes": [one.hex() for one in proof.hashes],
        "checkpoint": (proof.note or b"").decode(),
    }
    return b'{"schema":"%b","index":%d,"size":%d,"entry":%b,%b' % (
        SCHEMA.encode(), proof.start, proof.size, found.entry, msgspec.json.encode(rest)[1:],
    )  # fmt: skip
