"""Questions whose answer is not a list of entries: who took something, and who has not heard that it is gone.

A member is answered about what it owns and about itself, and never about what is TLP:RED: a role gives no
sight of that. How much is unusual is in `app.audit.unusual`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, false, func, or_, select
from sqlalchemy.orm import Session

from app.audit import projecting, withheld
from app.audit.models import AuditEntry
from app.audit.projection import AuditMention
from app.audit.queries import Scope, Shown, on_page
from schemas.vocabulary import Decision, VersionStatus

HANDING = ("version.read", "versions.compared", "signal.read")
"""Actions that hand out what they name. Others name it too: a list of reminders, a withdrawal."""
TOLD_BY = ("gone", *(f"version_{ended.value}" for ended in (VersionStatus.RETRACTED, VersionStatus.EXPIRED)))
"""Reasons of refusals that brought the tombstone."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A version of a set, or a signal or version by its id as `object`.

    Args:
        shown: the lines of the feed that held it.
        gone: the lines that said that it was taken back.
    """

    collection: str | None = None
    version: str | None = None
    object: str | None = None
    shown: Sequence[Shown] = ()
    gone: Sequence[Shown] = ()

    @property
    def ended(self) -> int | None:
        """When it was taken back, microseconds; None: it was not."""
        return min((line.date for line in self.gone), default=None)

    @property
    def named(self) -> ColumnElement[bool]:
        """Mentions by name."""
        if self.object is not None:
            return AuditMention.object_id == self.object
        return and_(AuditMention.collection_id == self.collection, AuditMention.version == self.version)


@dataclass(frozen=True, kw_only=True)
class Way:
    """Under which purpose and label something was handed out, by what, and how often."""

    action: str
    purpose: str | None
    tlp: str | None
    times: int


@dataclass(kw_only=True)
class Recipient:
    """A member to which something was handed: how often, first and last. `member` None: nobody known.

    The numbers are those of the entries; `ids` names these two by id once they are `named`.
    """

    member: str | None
    times: int = 0
    first_at: int = 0
    last_at: int = 0
    first_seq: int = 0
    last_seq: int = 0
    first_entry: str = ""
    last_entry: str = ""
    ways: list[Way] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Told:
    """Who took it, and which of them were not handed its tombstone."""

    recipients: Sequence[Recipient]
    outstanding: Sequence[Recipient]

    @property
    def told(self) -> int:
        """How many were handed its tombstone."""
        return len(self.recipients) - len(self.outstanding)


def version_ids(session: Session, collection: str, version: str) -> list[str]:
    """The id of a version, as the entries about it name it: none if there is no such entry."""
    wanted = (
        select(AuditMention.object_id)
        .where(
            AuditMention.collection_id == collection,
            AuditMention.version == version,
            AuditMention.object_id.is_not(None),
            AuditMention.action.like("version.%"),
        )
        .order_by(AuditMention.seq)
        .limit(1)
    )
    return [found for found in session.scalars(wanted) if found is not None]


def recipients(session: Session, scope: Scope, asked: Asked) -> list[Recipient]:
    """The members to which it was handed, by itself or on a page that held it, by id.

    Raises:
        Unavailable: the log is still being prepared for questions.
    """
    projecting.require_counted(session)
    released = AuditMention.decision == Decision.RELEASED.value
    found: dict[str | None, Recipient] = {}
    for condition in _handed(asked):
        for row in session.execute(_summed(scope, condition, released)):
            _add(found, row)
    return sorted(found.values(), key=lambda one: one.member or "")


def outstanding(session: Session, scope: Scope, asked: Asked) -> Told:
    """Of those who took it, the ones to which its tombstone was not handed since.

    An acknowledgement follows a page that was handed out, so that whoever acknowledged is told, too.

    Raises:
        Unavailable: as `recipients`.
    """
    took = recipients(session, scope, asked)
    told = _told(session, asked)
    return Told(recipients=took, outstanding=[one for one in took if one.member not in told])


def named(session: Session, found: Sequence[Recipient]) -> Sequence[Recipient]:
    """Give recipients the ids of their first and last entries."""
    numbers = {seq for one in found for seq in (one.first_seq, one.last_seq)}
    rows = select(AuditEntry.seq, AuditEntry.id).where(AuditEntry.seq.in_(numbers))
    ids = {row.seq: row.id for row in session.execute(rows)}
    for one in found:
        one.first_entry, one.last_entry = ids.get(one.first_seq, ""), ids.get(one.last_seq, "")
    return found


def _handed(asked: Asked) -> list[ColumnElement[bool]]:
    """Conditions of mentions that handed it out; no mention meets two of them."""
    return [and_(asked.named, AuditMention.action.in_(HANDING)), _on_pages(asked.shown)]


def _on_pages(lines: Sequence[Shown]) -> ColumnElement[bool]:
    """Mentions of pages that held one of the lines.

    It is asked also where there are none: what is hidden and what does not exist cost the same statements.
    """
    return or_(false(), *(on_page(line) for line in lines))


def _summed(
    scope: Scope, condition: ColumnElement[bool], decided: ColumnElement[bool]
) -> Select[*tuple[Any, ...]]:
    by = (AuditMention.member_id, AuditMention.action, AuditMention.purpose, AuditMention.tlp)
    counted = (
        func.count(AuditMention.seq.distinct()).label("times"),
        func.min(AuditMention.seq).label("first_seq"), func.max(AuditMention.seq).label("last_seq"),
        func.min(AuditMention.at).label("first_at"), func.max(AuditMention.at).label("last_at"),
    )  # fmt: skip
    return select(*by, *counted).where(condition, decided, *_within(scope)).group_by(*by).order_by(*by)


def _within(scope: Scope) -> list[ColumnElement[bool]]:
    """What of mentions a reader may be told."""
    if scope.member is None:
        return []
    own = or_(AuditMention.owner_id == scope.member, AuditMention.member_id == scope.member)
    return [own, withheld.mentions_told()]


def _add(found: dict[str | None, Recipient], row: Row[Any]) -> None:
    one = found.setdefault(
        row.member_id,
        Recipient(
            member=row.member_id, first_at=row.first_at, last_at=row.last_at,
            first_seq=row.first_seq, last_seq=row.last_seq,
        ),
    )  # fmt: skip
    one.times += row.times
    if row.first_seq < one.first_seq:
        one.first_seq, one.first_at = row.first_seq, row.first_at
    if row.last_seq > one.last_seq:
        one.last_seq, one.last_at = row.last_seq, row.last_at
    one.ways.append(Way(action=row.action, purpose=row.purpose, tlp=row.tlp, times=row.times))


def _told(session: Session, asked: Asked) -> set[str | None]:
    """Members to which the tombstone was handed, on a page or in the answer to a request for the version."""
    refused = and_(
        asked.named,
        AuditMention.decision == Decision.REFUSED.value,
        AuditMention.reason.in_(TOLD_BY),
    )
    paged = and_(_on_pages(asked.gone), AuditMention.decision == Decision.RELEASED.value)
    return set(_members(session, refused, paged))


def _members(session: Session, *conditions: ColumnElement[bool]) -> Iterable[str | None]:
    for condition in conditions:
        yield from session.scalars(select(AuditMention.member_id).where(condition).distinct())
