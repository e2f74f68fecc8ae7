"""Where an entry is shown, and the feed lines that say how it stands there."""

import hashlib
from collections.abc import Collection as Several
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.events import Subject
from app.facts import load_views
from app.feed import places
from app.feed.append import Line
from app.markings import Marking, Place
from app.question import MarkingView
from app.signals.queries import is_lookup_only
from app.signals.rendering import describe
from schemas.vocabulary import ChangeKind, Reason, Tlp

_POINTER = (("object_kind", "signal"), ("tlp", Tlp.RED.value))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Where the entries of one list with one marking are shown.

    `home` keeps equal values of different audiences apart. It is the `place` in the feed too, but for
    TLP:RED, which stands in no feed: there its named users are pointed to it. Entries of a lookup-only list
    are `silent`: no line ever speaks of them.
    """

    list_id: str
    marking_id: str | None
    narrower: MarkingView | None
    home: Place
    users: Mapping[str, Place]
    silent: bool = False

    @property
    def place(self) -> Place | None:
        red = self.narrower is not None and self.narrower.tlp is Tlp.RED
        return None if red else self.home

    def match_key(self, key: bytes, value: bytes) -> bytes:
        """What identifies a value here: its own match key, or for TLP:RED one that no lookup can meet.

        So whoever may not know of a TLP:RED entry publishes the same value as if it were not there.
        """
        if self.place is not None:
            return key
        return red_key(self.marking_id, value)

    def state(self, entry: Mapping[str, Any], *, fresh: bool, clears: bool = False) -> list[Line]:
        """How an entry stands now. A pointer says only that there is one: renewals do not repeat it."""
        if self.silent:
            return []
        if self.place is None:
            return [
                self._line(place, ChangeKind.POINTER_CHANGED, entry["id"], extra=_POINTER, fresh=fresh)
                for place in self.users.values()
            ]
        body = msgspec.json.encode(describe(entry, self.narrower))
        return [
            self._line(
                self.place, ChangeKind.SIGNAL_CHANGED, entry["id"], body=body, fresh=fresh, clears=clears
            )
        ]

    def gone(self, entry_id: str, reason: Reason, *, keeping: Several[str] = ()) -> list[Line]:
        """That an entry is gone from here, and why. Users in `keeping` still have their pointer."""
        if self.silent:
            return []
        why = ("reason", reason.value)
        if self.place is not None:
            return [self._line(self.place, ChangeKind.SIGNAL_TOMBSTONED, entry_id, extra=(why,), clears=True)]
        return [
            self._line(place, ChangeKind.POINTER_TOMBSTONED, entry_id, extra=(*_POINTER, why), clears=True)
            for user, place in self.users.items()
            if user not in keeping
        ]

    def subject(self, outer: MarkingView, **more: Any) -> Subject:
        """What an audit entry says of entries here, under the marking that they stand under."""
        if self.narrower is not None and self.place is not None:
            more["place"] = self.place.key
        return Subject(kind="list", id=self.list_id, collection_id=self.list_id, **more).marked(
            self.narrower or outer
        )

    def _line(self, place: Place, kind: ChangeKind, entry_id: str, **more: Any) -> Line:
        return Line(place=place, kind=kind, collection_id=self.list_id, object_id=entry_id, **more)


def own_first(lines: Iterable[Line]) -> list[Line]:
    """Lines of one transaction, those of lists' own places first, and otherwise in the order that they had.

    Their dates follow each other by a microsecond: a line of a narrower place in between would leave a gap,
    and whoever reads only what the list addresses could count what is kept from it.
    """
    return sorted(
        lines, key=lambda line: line.place.collection_id is None or line.place.marking_id is not None
    )


def red_key(marking_id: str | None, value: bytes) -> bytes:
    """The match key of an entry with this value under a TLP:RED marking."""
    return hashlib.sha256(f"red:{marking_id}:".encode() + value).digest()


def named_only(session: Session, owner_id: str) -> frozenset[str]:
    """The TLP:RED markings that single items of this owner may have."""
    reds = select(Marking.id).where(
        Marking.owner_id == owner_id, Marking.tlp == Tlp.RED, Marking.identity.is_not(None)
    )
    return frozenset(session.scalars(reds))


def shown(session: Session, list_id: str, marking_id: str | None, view: MarkingView | None) -> Shown:
    """Where entries of this list with this narrower marking (None: the list's own) are shown."""
    red = view is not None and view.tlp is Tlp.RED
    return Shown(
        list_id=list_id,
        marking_id=marking_id,
        narrower=view,
        home=places.of_collection(session, list_id, marking_id),
        users={user: places.of_user(session, user) for user in (sorted(view.users) if red and view else ())},
        silent=is_lookup_only(session, list_id),
    )


def shown_by_marking(
    session: Session, list_id: str, marking_ids: Several[str | None]
) -> dict[str | None, Shown]:
    """`shown` for several markings of one list."""
    views = load_views(session, [marking_id for marking_id in marking_ids if marking_id is not None])
    return {
        marking_id: shown(session, list_id, marking_id, views.get(marking_id or ""))
        for marking_id in marking_ids
    }
