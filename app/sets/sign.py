"""Signs documents and envelopes with the home server's document key (Ed25519)."""

from app import keys
from app.keys import Use
from app.record import Tx
from app.remark import to_wire
from app.sets.envelope import DOCUMENT_TYP, ENVELOPE_TYP, Envelope
from app.sets.models import SetVersion
from app.sets.queries import Found
from schemas.vocabulary import Reason, VersionStatus


def sign_document(tx: Tx, document: bytes) -> str:
    """The signature over what was said, made once."""
    return keys.sign_detached(tx.runtime.keyring.signer(tx.session, Use.DOCUMENT), document, DOCUMENT_TYP)


def put_envelope(tx: Tx, found: Found, row: SetVersion) -> None:
    """Make the version's envelope anew from how it stands, with the next counter, and sign it."""
    row.counter = (row.counter or 0) + 1
    row.changed_at = tx.now
    row.envelope = Envelope(
        set_id=found.id,
        version=row.version,
        document=row.document_digest,
        home=tx.runtime.config.issuer,
        owner=found.collection.owner_id,
        marking=to_wire(found.marking, None),
        note=found.row.marking_note,
        status=VersionStatus(row.status),
        successor=row.successor,
        reason=Reason(row.reason) if row.reason is not None else None,
        counter=row.counter,
        at=tx.now,
    ).encode()
    signer = tx.runtime.keyring.signer(tx.session, Use.DOCUMENT)
    row.envelope_signature = keys.sign_detached(signer, row.envelope, ENVELOPE_TYP)
