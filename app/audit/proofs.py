"""What the log shows to whoever checks it: checkpoints, tiles, entry bundles and proofs.

Hashes alone are for every reader of the log, whatever they are the hashes of: an entry holds a random id and
salted commitments, so its hash tells nothing. Entries' bytes are for auditors. Nothing beyond the newest
checkpoint is shown: what nobody signed proves nothing.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import archives, cosignatures, service, tree
from app.audit.checkpoints import newest
from app.audit.cosignatures import Signed
from app.audit.models import AuditCheckpoint, AuditEntry
from app.errors import Conflict, Gone, Invalid, NotFound, Unavailable
from app.question import Actor
from app.transparency.errors import BadTile
from app.transparency.tiles import ENTRY_BYTES, WIDTH, Bundle, Tile, encode_bundle, needed, parse_path

RETRY_AFTER_SECONDS = 1
BEYOND = "beyond_checkpoint"
"""Why there is no proof yet: nobody has signed a tree as large."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Hashes that lead to the root of the tree of `size` leaves.

    Args:
        start: the leaf's index, or the size of the older tree.
        note: the checkpoint of exactly this size, if one was signed, with the cosignatures that it has.
    """

    start: int
    size: int
    hashes: list[bytes]
    note: bytes | None


def checkpoint(session: Session) -> AuditCheckpoint:
    """The newest checkpoint.

    Raises:
        NotFound: nothing was signed yet.
    """
    found = newest(session)
    if found is None:
        raise NotFound("The log has no checkpoint yet. Ask again shortly.", reason="no_checkpoint")
    return found


def note(session: Session, witnesses: Collection[tuple[str, str]], count: int) -> bytes:
    """The newest checkpoint with its cosignatures, as a note.

    Args:
        witnesses: names and key ids of those that count.
        count: how many of them must have cosigned it; 0: none needs to.

    Raises:
        NotFound: nothing was signed yet, or nothing was cosigned by so many.
    """
    found = checkpoint(session)
    if not count:
        return cosignatures.signed(session, [found])[0].note
    signed = cosignatures.newest(session, witnesses, count)
    if signed is None:
        raise NotFound(
            "So many witnesses have cosigned no checkpoint yet: `/.well-known/halyard` names them.",
            reason="not_witnessed",
        )
    return signed.note


def history(session: Session, before: int | None, limit: int) -> list[Signed]:
    """Checkpoints below a size, the newest first, with what witnesses signed of them."""
    return cosignatures.history(session, before=before, limit=limit)


def tile(session: Session, path: str) -> bytes:
    """The hashes of a tile, by its path behind the log's prefix.

    Raises:
        Invalid: it is no such path.
        NotFound: no checkpoint covers it yet; the problem says which one will.
        Unavailable: the stored tree is damaged.
    """
    wanted = _named(path)
    if not isinstance(wanted, Tile):
        raise _unfit("path", "Ask for entries below tile/entries/.")
    _require_covered(session, wanted)
    found = tree.read_tiles(session, [wanted])
    if wanted not in found:
        raise _damaged()
    return found[wanted]


def bundle(session: Session, actor: Actor, path: str) -> tuple[bytes, int]:
    """The bytes of the entries of a bundle, and how many they are. For auditors.

    Raises:
        Forbidden: the client is bound to collections; the log is not cut that way.
        Invalid, NotFound: as `tile`.
        Gone: its entries were aged out, and the problem names the archive; or one of them, from before there
            were bundles, is longer than a bundle can hold.
        Unavailable: entries are missing.
    """
    service.require_whole(actor)
    wanted = _named(path)
    if not isinstance(wanted, Bundle):
        raise _unfit("path", "Name a bundle: tile/entries/<index>.")
    _require_covered(session, wanted)
    first = wanted.index * WIDTH
    numbered = (
        select(AuditEntry.entry)
        .where(AuditEntry.seq > first, AuditEntry.seq <= first + wanted.width)
        .order_by(AuditEntry.seq)
    )
    entries = list(session.scalars(numbered))
    if len(entries) != wanted.width:
        archive = archives.holding(session, first)
        raise _damaged() if archive is None else archives.gone(archive)
    if any(len(entry) > ENTRY_BYTES for entry in entries):
        raise Gone("An entry of it is too long for a bundle: read entries by id.", reason="entry_too_long")
    return encode_bundle(entries), wanted.width


def of_leaf(session: Session, index: int, size: int | None) -> Proof:
    """That a leaf is in the tree of a checkpoint, or of `size` leaves.

    Raises:
        Invalid: the index is not below the size.
        Conflict: no checkpoint covers it yet; the problem says which one will.
        NotFound, Unavailable: as `tile`.
    """
    signed = checkpoint(session)
    upto = _size(signed, size, needs=index + 1)
    if index >= upto:
        raise _unfit("index", "An index is below the size.")
    with _whole():
        hashes = tree.inclusion(session, index, upto)
    return Proof(start=index, size=upto, hashes=hashes, note=_note(session, upto, signed))


def of_entry(session: Session, actor: Actor, entry_id: str, size: int | None) -> Proof:
    """That an entry which the reader may find is in the tree.

    Raises:
        NotFound: it does not exist, or does not concern the reader.
        Forbidden: as `bundle`.
        Invalid, Conflict, Unavailable: as `of_leaf`; Invalid names the size.
    """
    number = service.number(session, actor, entry_id)
    if size is not None and size < number:
        raise _unfit("size", f"The entry is in trees of {number} leaves and more.")
    return of_leaf(session, number - 1, size)


def of_growth(session: Session, old: int, new: int | None) -> Proof:
    """That the tree of `old` leaves is the beginning of that of `new`, or of the newest checkpoint.

    Raises:
        Invalid: the older size is more than the newer one.
        Conflict, NotFound, Unavailable: as `of_leaf`.
    """
    signed = checkpoint(session)
    upto = _size(signed, new, needs=old)
    if old > upto:
        raise _unfit("from", "The older size is at most the newer one.")
    with _whole():
        hashes = tree.consistency(session, old, upto)
    return Proof(start=old, size=upto, hashes=hashes, note=_note(session, upto, signed))


def beyond(signed: int, wanted: int) -> Conflict:
    """What is asked for is not signed yet, and which checkpoint to wait for."""
    return Conflict(
        _wait(signed, wanted),
        reason=BEYOND,
        checkpoint=signed,
        wait_for=wanted,
        retry_after=RETRY_AFTER_SECONDS,
    )


def _named(path: str) -> Tile | Bundle:
    try:
        return parse_path(path)
    except BadTile as error:
        raise _unfit("path", str(error)) from error


def _require_covered(session: Session, wanted: Tile | Bundle) -> None:
    signed, wait_for = checkpoint(session).size, needed(wanted)
    if wait_for > signed:
        raise NotFound(_wait(signed, wait_for), reason=BEYOND, checkpoint=signed, wait_for=wait_for)


def _size(signed: AuditCheckpoint, size: int | None, *, needs: int) -> int:
    """The size to prove against: what was asked for, or that of the newest checkpoint."""
    wanted = needs if size is None else size
    if wanted > signed.size:
        raise beyond(signed.size, wanted)
    return signed.size if size is None else size


def _wait(signed: int, wait_for: int) -> str:
    return f"The newest checkpoint has the size {signed}. Wait for one of {wait_for} or more."


def _note(session: Session, size: int, signed: AuditCheckpoint) -> bytes | None:
    if size == signed.size:
        return cosignatures.signed(session, [signed])[0].note
    found = cosignatures.at(session, size)
    return None if found is None else found.note


@contextmanager
def _whole() -> Iterator[None]:
    try:
        yield
    except BadTile as error:
        raise _damaged() from error


def _unfit(field: str, detail: str) -> Invalid:
    return Invalid("The request does not fit.", errors=[{"pointer": f"/{field}", "detail": detail}])


def _damaged() -> Unavailable:
    return Unavailable(
        "The stored log does not hold together here. Tell the operator: `halyard doctor`.",
        reason="log_damaged",
        retry_after=RETRY_AFTER_SECONDS,
    )
