"""Keyed signals in a list for a sharing group: only under keys and epochs that the group has declared."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.parties import GroupKey
from app.signals.kinds import Parsed
from app.signals.queries import Found
from app.signals.refused import RefusalReason, Refused
from schemas.vocabulary import SignalType

_HINT = "Ask the group's owner for its present key and epoch, or see GET /v1/groups/{id}/keys."


class KeyRing:
    """The keys that the group of a list has declared. A group that has declared none takes every key."""

    def __init__(self, session: Session, found: Found) -> None:
        group_id = found.marking.group_id
        self._keys: dict[str, GroupKey] = {}
        if group_id is not None and SignalType.HMAC_SHA256.value in found.types:
            wanted = select(GroupKey).where(GroupKey.group_id == group_id)
            self._keys = {row.key_id: row for row in session.scalars(wanted)}

    def check(self, parsed: Parsed) -> None:
        """Raise `Refused` for an unknown key, an epoch that has not begun, or one that is over."""
        if not self._keys or not parsed.qualifier:
            return
        _, key_id, epoch = parsed.qualifier.split("/")
        key = self._keys.get(key_id)
        if key is None or int(epoch) > key.epoch:
            raise Refused(RefusalReason.UNKNOWN_KEY, f"The group has not declared this key or epoch. {_HINT}")
        if int(epoch) < key.retired_before:
            raise Refused(RefusalReason.RETIRED_EPOCH, f"This epoch of the key is over. {_HINT}")
