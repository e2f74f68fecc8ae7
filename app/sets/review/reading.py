"""Reads of a review: how it stands and stood, and the exact bytes of a candidate."""

from app.errors import Gone
from app.question import Action
from app.record import Tx
from app.sets import queries as sets
from app.sets.forms import tombstone
from app.sets.models import SetVersion
from app.sets.queries import Found
from app.sets.review import queries
from app.sets.review.models import Candidate


def page(tx: Tx, set_id: str, before: int | None, limit: int) -> tuple[Found, list[Candidate]]:
    """Candidates of a set, newest first: all for its owner, for a body those that it is invited on.

    Raises:
        NotFound, Forbidden: as for reading the set.
    """
    found = sets.find(tx, set_id)
    tx.require(Action.READ, found.thing)
    return found, queries.page(tx, found, before, limit)


def document(tx: Tx, set_id: str, digest: str) -> tuple[Found, Candidate, bytes]:
    """The bytes of a candidate, as they are reviewed, attested and published.

    Raises:
        NotFound, Forbidden: as `policy` decides.
        Gone: another candidate took its place, or the version made of it was taken back.
    """
    found = sets.find(tx, set_id)
    row = queries.find(tx, found, digest).row
    return found, row, _bytes(tx, row)


def _bytes(tx: Tx, row: Candidate) -> bytes:
    if row.document is not None:
        return row.document
    if row.version_id is None:
        raise Gone("Another candidate took its place. Read the present one.", reason="candidate_superseded")
    version = tx.session.get_one(SetVersion, row.version_id)
    ended = version.ended(tx.now)
    if ended is not None or version.document is None:
        raise Gone(
            "The version made of it was taken back. Drop your copy; the tombstone says why.",
            reason=f"version_{ended or version.status}",
            tombstone=tombstone(version, tx.now),
        )
    return version.document
