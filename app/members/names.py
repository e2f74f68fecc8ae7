"""What ids are called, as far as a reader may know: for pages and tables that people read.

A role gives no sight: of a set or list that the reader does not see there is an id and no name. Members that
are suspended or gone keep their names for auditors, who must be able to read old entries. Handles are for a
person's own member and the operator.
"""

from collections.abc import Collection as Ids
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import Session

from app.markings import Collection, Marking
from app.members.authority import is_operator
from app.members.queries import known_to
from app.parties import Client, Member, User
from app.policy import visible_to
from app.question import Actor
from schemas.vocabulary import Scope

CHOICES = 500
"""How many of a kind are offered to choose from."""


@dataclass(frozen=True, kw_only=True)
class NamedCollection:
    """A set or list that the reader sees."""

    id: str
    kind: str
    slug: str
    title: str
    owner_id: str


@dataclass(frozen=True, kw_only=True)
class Names:
    """Id → name, of what the reader may know."""

    members: dict[str, str] = field(default_factory=dict)
    collections: dict[str, NamedCollection] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)


def of(
    session: Session,
    actor: Actor,
    now: int,
    *,
    members: Ids[str] = (),
    collections: Ids[str] = (),
    users: Ids[str] = (),
    clients: Ids[str] = (),
) -> Names:
    """The names of these ids; those that the reader may not know are left out."""
    return Names(
        members=_members(session, actor, members),
        collections=_collections(session, actor, now, Collection.id.in_(sorted(collections)))
        if collections
        else {},
        users=_own(session, actor, User, User.handle, users),
        clients=_own(session, actor, Client, Client.name, clients),
    )


def member_choices(session: Session, actor: Actor) -> dict[str, str]:
    """Id → name of members to choose from, in the order of their names."""
    rows = select(Member.id, Member.name).where(_known(actor)).order_by(Member.name).limit(CHOICES)
    return {row.id: row.name for row in session.execute(rows)}


def member_called(session: Session, actor: Actor, text: str) -> str | None:
    """The id of the member with this name."""
    return session.scalar(select(Member.id).where(Member.name == text, _known(actor)))


def collection_choices(session: Session, actor: Actor, now: int) -> list[NamedCollection]:
    """Sets and lists that the reader sees, in the order of their slugs."""
    found = _collections(session, actor, now, true())
    return sorted(found.values(), key=lambda one: (one.slug, one.id))


def collections_called(session: Session, actor: Actor, now: int, slug: str) -> list[NamedCollection]:
    """The sets and lists with this slug that the reader sees: each member may have one."""
    return list(_collections(session, actor, now, Collection.slug == slug).values())


def _known(actor: Actor) -> ColumnElement[bool]:
    return true() if Scope.AUDIT_READ in actor.scopes else known_to(actor)


def _members(session: Session, actor: Actor, ids: Ids[str]) -> dict[str, str]:
    if not ids:
        return {}
    rows = select(Member.id, Member.name).where(Member.id.in_(sorted(ids)), _known(actor))
    return {row.id: row.name for row in session.execute(rows)}


def _collections(
    session: Session, actor: Actor, now: int, wanted: ColumnElement[bool]
) -> dict[str, NamedCollection]:
    rows = (
        select(Collection.id, Collection.kind, Collection.slug, Collection.title, Collection.owner_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(wanted, visible_to(actor, now, any_purpose=True))
        .order_by(Collection.slug)
        .limit(CHOICES)
    )
    return {
        row.id: NamedCollection(
            id=row.id, kind=row.kind, slug=row.slug, title=row.title, owner_id=row.owner_id
        )
        for row in session.execute(rows)
    }


def _own(session: Session, actor: Actor, of: type[User | Client], name: Any, ids: Ids[str]) -> dict[str, str]:
    """Of what belongs to a member: for itself, and for the operator."""
    if not ids:
        return {}
    rows = select(of.id, name.label("called")).where(of.id.in_(sorted(ids)))
    if not is_operator(actor):
        rows = rows.where(of.member_id == actor.member_id)
    return {row.id: row.called for row in session.execute(rows)}
