"""Finds sequenced entries. Questions about things go through `audit_subject`, so they are index lookups."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Select, and_, exists, or_, select
from sqlalchemy.orm import Session, aliased

from app.audit.models import AuditEntry, AuditPrivate, AuditSubject

Condition = ColumnElement[bool]

_NO_OBJECT = "00000000-0000-0000-0000-000000000000"


class Shown(Protocol):
    """A line of the feed that held what is asked about (`app.feed.shown`)."""

    @property
    def collection_id(self) -> str: ...
    @property
    def place(self) -> str | None: ...
    @property
    def date(self) -> int: ...
    @property
    def until(self) -> int | None: ...


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which entries. All that is given must hold; times are microseconds, `since` included, `until` not."""

    member: str | None = None
    client: str | None = None
    action: str | None = None
    decision: str | None = None
    collection: str | None = None
    object: str | None = None
    version: str | None = None
    place: str | None = None
    request: str | None = None
    since: int | None = None
    until: int | None = None

    @property
    def about_something(self) -> bool:
        """Whether it asks about subjects, not only about who, what and when."""
        return any(part is not None for part in (self.collection, self.object, self.version, self.place))


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Whose entries a reader may find: those of a member and about what it owns. None: everybody's."""

    member: str | None = None


def objects(session: Session, asked: Filter) -> list[str]:
    """The ids of what is asked about: the object itself, or what was published as this version."""
    if asked.object is not None:
        return [asked.object]
    if asked.collection is None or asked.version is None:
        return []
    known = (
        select(AuditSubject.object_id)
        .where(
            AuditSubject.collection_id == asked.collection,
            AuditSubject.version == asked.version,
            AuditSubject.object_id.is_not(None),
        )
        .distinct()
    )
    # One id at least, so that what is hidden and what does not exist cost the same statements.
    return [found for found in session.scalars(known) if found is not None] or [_NO_OBJECT]


def entries(
    session: Session, scope: Scope, asked: Filter, shown: Sequence[Shown], after: int, limit: int
) -> list[AuditEntry]:
    """Sequenced entries behind `after`, oldest first."""
    wanted = select(AuditEntry).where(AuditEntry.seq > after, *_plain(scope, asked)).order_by(AuditEntry.seq)
    if asked.about_something:
        wanted = wanted.where(AuditEntry.id.in_(_about(scope, asked, shown)))
    elif scope.member is not None:
        wanted = wanted.where(_concerns(scope.member))
    return list(session.scalars(wanted.limit(limit)))


def entry(session: Session, scope: Scope, entry_id: str) -> AuditEntry | None:
    """One sequenced entry, if the reader may find it."""
    wanted = select(AuditEntry).where(AuditEntry.id == entry_id, AuditEntry.seq.is_not(None))
    if scope.member is not None:
        wanted = wanted.where(_concerns(scope.member))
    return session.scalar(wanted)


def private(session: Session, entry_id: str) -> AuditPrivate | None:
    """What the commitments of an entry open to, while it is retained."""
    return session.get(AuditPrivate, entry_id)


def _plain(scope: Scope, asked: Filter) -> list[Condition]:
    values: list[tuple[Any, Any]] = [
        (AuditEntry.member_id, asked.member),
        (AuditEntry.client_id, asked.client),
        (AuditEntry.request_id, asked.request),
        (AuditEntry.action, asked.action),
        (AuditEntry.decision, asked.decision),
    ]
    parts: list[Condition] = [column == value for column, value in values if value is not None]
    if asked.since is not None:
        parts.append(AuditEntry.at >= asked.since)
    if asked.until is not None:
        parts.append(AuditEntry.at < asked.until)
    if scope.member is not None and (asked.client is not None or asked.request is not None):
        # Other members' clients and requests are not shown, so they cannot be asked for either.
        parts.append(AuditEntry.member_id == scope.member)
    return parts


def _concerns(member_id: str) -> Condition:
    owned = (
        exists()
        .correlate_except(AuditSubject)
        .where(AuditSubject.entry_id == AuditEntry.id, AuditSubject.owner_id == member_id)
    )
    return or_(AuditEntry.member_id == member_id, owned)


def _about(scope: Scope, asked: Filter, shown: Sequence[Shown]) -> Select[Any]:
    """Ids of entries about what is asked for: named directly, or on a page whose range holds it.

    A member finds others' entries only by the subjects that it owns: a hit on another subject of such an
    entry would tell it what else the other member read.
    """
    owner_of = aliased(AuditEntry)
    ids = select(AuditSubject.entry_id).join(owner_of, owner_of.id == AuditSubject.entry_id)
    matches = [_named(asked)] + [_on_page(line, owner_of) for line in shown if _fits(line, asked)]
    ids = ids.where(or_(*matches))
    if scope.member is not None:
        ids = ids.where(or_(AuditSubject.owner_id == scope.member, owner_of.member_id == scope.member))
    return ids


def _named(asked: Filter) -> Condition:
    values = [
        (AuditSubject.collection_id, asked.collection),
        (AuditSubject.object_id, asked.object),
        (AuditSubject.version, asked.version),
        (AuditSubject.place, asked.place),
    ]
    return and_(*(column == value for column, value in values if value is not None))


def _fits(line: Shown, asked: Filter) -> bool:
    return (asked.collection is None or line.collection_id == asked.collection) and (
        asked.place is None or line.place == asked.place
    )


def _on_page(line: Shown, of: type[AuditEntry]) -> Condition:
    parts = [
        AuditSubject.collection_id == line.collection_id,
        AuditSubject.place.is_(None) if line.place is None else AuditSubject.place == line.place,
        AuditSubject.first <= line.date,
        AuditSubject.last >= line.date,
    ]
    if line.until is not None:
        parts.append(of.at < line.until)
    return and_(*parts)
