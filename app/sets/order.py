"""The order of a set's versions: each is higher than every earlier one."""

from sqlalchemy.orm import Session

from app.errors import Conflict
from app.sets import document, queries


def require_higher(session: Session, set_id: str, version: str) -> int:
    """The number that `version` gets as the next one of the set.

    Raises:
        Conflict: it is not higher than every earlier one.
    """
    before = queries.newest(session, set_id)
    if before is None:
        return 1
    if not document.is_higher(version, before.version):
        raise Conflict(
            "A published version is never changed. Publish under a version higher than every earlier one.",
            reason="version_not_higher",
        )
    return before.number + 1
