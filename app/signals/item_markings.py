"""Markings that single items of a publication ask for: each distinct one is worked out once."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from marshmallow import ValidationError

from app import remark
from app.errors import Forbidden, Invalid
from app.record import Tx
from app.signals.lines import Shown, shown
from app.signals.queries import Found
from app.signals.refused import RefusalReason, Refused
from schemas.markings import MarkingSchema

DISTINCT_LIMIT: Final = 50
"""Different item markings in one transaction: each takes some statements, and makes a place in the feed."""

UNMATCHED: Final = "Lookups never match this label, and this list is for nothing else. Choose another."

_SCHEMA = MarkingSchema()


class ItemMarkings:
    """Where the items of one publication are shown."""

    def __init__(self, tx: Tx, found: Found) -> None:
        self._tx = tx
        self._found = found
        self._own = shown(tx.session, found.id, None, None)
        self._known: dict[bytes, Shown | Refused] = {}

    def of(self, marking: Mapping[str, Any] | None) -> Shown:
        """Where an item with this marking as sent (None: the list's own) is shown.

        Raises:
            Refused: it cannot be used, is not narrower than the list's, needs a person, or the list's owner.
        """
        if marking is None:
            return self._own
        if self._tx.actor.member_id != self._found.marking.owner_id:
            raise Refused(
                RefusalReason.NOT_OWNER,
                "Only the owner of a list marks signals in it: leave marking out, yours takes the list's.",
            )
        key = msgspec.json.encode(marking, order="deterministic")
        if key not in self._known:
            if len(self._known) >= DISTINCT_LIMIT:
                raise Refused(
                    RefusalReason.MARKING, f"Send at most {DISTINCT_LIMIT} different markings at once."
                )
            self._known[key] = self._resolve(marking)
        known = self._known[key]
        if isinstance(known, Refused):
            raise Refused(known.reason, known.hint)
        return known

    def _resolve(self, marking: Mapping[str, Any]) -> Shown | Refused:
        session, collection = self._tx.session, self._found.collection
        try:
            view = remark.resolve(
                session, self._found.marking.owner_id, _SCHEMA.load(marking), actor=self._tx.actor
            )
            if view == self._found.marking:
                return self._own
            narrower = remark.intern_narrower(session, collection, view, self._tx.now)
        except ValidationError:
            return Refused(
                RefusalReason.MARKING, "Send marking as documented: tlp, pap, audience, prohibited_purposes."
            )
        except Invalid as invalid:
            hint = invalid.errors[0]["detail"] if invalid.errors else invalid.detail
            return Refused(RefusalReason.MARKING, hint)
        except Forbidden as forbidden:
            return Refused(RefusalReason.NEEDS_PERSON, forbidden.detail)
        where = shown(session, self._found.id, narrower.id, view)
        if where.silent and where.place is None:
            return Refused(RefusalReason.MARKING, UNMATCHED)
        return where
