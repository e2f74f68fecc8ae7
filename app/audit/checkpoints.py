"""Signs what the log has grown to: C2SP tlog-checkpoint, about once a second, by one process at a time."""

from typing import Any, Final
from urllib.parse import quote, urlsplit

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import lives
from app.audit.lives import Life
from app.audit.models import AuditCheckpoint
from app.audit.sequencer import hold_head
from app.audit.tree import Tree, consistency, size_of
from app.clock import SECOND
from app.db import Database
from app.keys import Keyring, Use
from app.transparency.checkpoints import Checkpoint
from app.transparency.errors import NotProven
from app.transparency.notes import KeyType, Note, Signer, VerifierKey
from app.transparency.tree import verify_consistency

log = structlog.get_logger(__name__)

PACE: Final = SECOND
"""Between two checkpoints, at least."""


def origin(issuer: str) -> str:
    """The log's name: the issuer without its scheme, and `/audit`, for example `example.org/audit`.

    It is also the name of the log's keys, which has no plus and no spaces; these are percent-encoded. A life
    that a restore began has a longer one: `Life.origin`.
    """
    parts = urlsplit(issuer)
    return quote(f"{parts.netloc}{parts.path.rstrip('/')}/audit", safe="/:[]%@~")


def newest(session: Session) -> AuditCheckpoint | None:
    """The largest checkpoint that was signed."""
    return session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1))


def due(db: Database, now: int) -> bool:
    """Whether the tree may have grown since the newest checkpoint, and it is old enough; without a lock."""
    with db.read() as session:
        last = newest(session)
        return not _too_soon(last, lives.current(session), now) and _grown(session, last)


def sign(db: Database, keyring: Keyring, name: str, now: int) -> bool:
    """Sign a checkpoint of the tree as it is committed, if it has grown; says whether it did.

    It holds the lock of the sequencer, so that sizes and roots are read and signed by one process at a time.
    What does not continue the newest checkpoint is never signed.

    Args:
        name: the log's origin in its first life; what is signed names the present one.
        now: microseconds UTC.
    """
    with db.write() as session:
        head = hold_head(session, wait=db.sqlite)
        if head is None:
            return False
        last, life = newest(session), lives.current(session)
        if _too_soon(last, life, now):
            return False
        try:
            tree = Tree(session, head)
            if tree.size == (last.size if last else 0):
                return False
            root = tree.root()
            if last is not None:
                _require_growth(session, last, tree.size, root)
        except NotProven as error:
            log.error("audit.checkpoint-refused", why=str(error))  # noqa: TRY400 - the reason is all there is to say
            return False
        key, origin_now = keyring.signer(session, Use.AUDIT), life.origin(name)
        text = Checkpoint(origin_now, tree.size, root).text
        note = Note(text, (Signer(origin_now, _private(key)).sign(text),)).encode()
        signed = AuditCheckpoint(
            size=tree.size, root=root, note=note, kid=str(key.kid), signed_at=now, life=life.number
        )
        session.add(signed)
        return True


def examine(db: Database) -> tuple[int, int]:
    """See that the stored tree holds together and continues the newest checkpoint.

    Returns:
        How many entries have a number, and how many of them are in the tree.

    Raises:
        NotProven: it was changed.
    """
    with db.write() as session:
        head = hold_head(session, wait=True) or 0
        tree, last = Tree(session, head), newest(session)
        if last is not None:
            _require_growth(session, last, tree.size, tree.root())
        return head, tree.size


def verifier_key(name: str, jwk: dict[str, Any]) -> VerifierKey:
    """The public half of a signing key as verifiers of notes take it."""
    public = OKPKey.import_key(jwk).public_key
    return VerifierKey(name, KeyType.NOTE, public.public_bytes_raw())


def _require_growth(session: Session, last: AuditCheckpoint, size: int, root: bytes) -> None:
    """See that the tree began as what was signed last.

    Raises:
        NotProven: it was truncated, or its tiles were changed.
    """
    proof = consistency(session, last.size, size) if last.size <= size else []
    verify_consistency(last.size, size, last.root, root, proof)


def _grown(session: Session, last: AuditCheckpoint | None) -> bool:
    try:
        return size_of(session) != (last.size if last else 0)
    except NotProven:
        return True  # so that it is looked at under the lock, and said loudly


def _too_soon(last: AuditCheckpoint | None, life: Life, now: int) -> bool:
    return last is not None and last.life == life.number and 0 <= now - last.signed_at < PACE


def _private(key: object) -> Ed25519PrivateKey:
    private = key.private_key if isinstance(key, OKPKey) else None
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("checkpoints are signed with Ed25519")
    return private
