"""Reads of versions: one, many, and what changed between two."""

from dataclasses import dataclass

import msgspec

from app.errors import Gone
from app.question import Action
from app.record import Tx
from app.sets import diff as differences
from app.sets import lines, queries
from app.sets.diff import Diff
from app.sets.envelope import etag
from app.sets.forms import tombstone
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review import queries as review


@dataclass(frozen=True, kw_only=True)
class Read:
    """One version, ready to send: `body` is joined from stored bytes, `etag` is the digest of them."""

    found: Found
    row: SetVersion
    body: bytes
    etag: str


def get(tx: Tx, set_id: str, version: str) -> Read:
    """One version.

    Raises:
        NotFound: the set is hidden, or has no such version.
        Forbidden: its owner prohibits the actor's purpose.
        Gone: it was retracted or has expired; `extra["tombstone"]` says why.
    """
    found, row = readable(tx, set_id, version)
    stated = review.standing(tx.session, set_id, [row.document_digest])
    tag = etag(row.envelope, row.document_digest, [one.statement or b"" for one in stated])
    return Read(found=found, row=row, body=lines.joined(row, stated), etag=tag)


def page(tx: Tx, set_id: str, after: int, limit: int) -> tuple[Found, list[SetVersion]]:
    """Versions of a set in their order, with how they stand, ended ones too.

    Raises:
        NotFound, Forbidden: as for `get`.
    """
    found = queries.find(tx, set_id)
    tx.require(Action.READ, found.thing)
    return found, queries.versions(tx.session, set_id, after, limit)


def diff(tx: Tx, set_id: str, old: str, new: str) -> tuple[Diff, tuple[Read, Read]]:
    """What changed from one version to another, and the two that were read for it.

    Raises:
        NotFound, Forbidden, Gone: as for `get`, of either.
    """
    reads = (get(tx, set_id, old), get(tx, set_id, new))
    before, after = (msgspec.json.decode(read.row.document or b"") for read in reads)
    return differences.diff(before, after), reads


def readable(tx: Tx, set_id: str, version: str, *, lock: bool = False) -> tuple[Found, SetVersion]:
    """A version that can be read, and its set.

    Args:
        lock: hold the set until the transaction ends.

    Raises:
        NotFound, Forbidden, Gone: as for `get`.
    """
    found = queries.find(tx, set_id, lock=lock)
    tx.require(Action.READ, found.thing)
    row = queries.version(tx.session, set_id, version)
    ended = row.ended(tx.now)
    if ended is not None:
        raise Gone(
            "This version was taken back. Drop your copy; the tombstone says why.",
            reason=f"version_{ended.value}",
            tombstone=tombstone(row, tx.now),
        )
    return found, row
