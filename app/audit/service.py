"""Reads the log: for auditors all of it, for a member what concerns its own data.

A member sees its own entries whole. Of others' it sees who read or was refused what it owns, when, under
which marking and purpose, and how much: no client, user, request or commitment, and no other subject.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from sqlalchemy.orm import Session

from app.audit import archives, projecting, queries, questions, withheld
from app.audit.models import AuditEntry, AuditPrivate
from app.audit.queries import Filter, Page, Shown
from app.errors import Forbidden, NotFound
from app.policy import NOT_BOUND
from app.question import Actor
from schemas.vocabulary import Scope

_NO_OBJECT = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry for one reader: final JSON, and the number that the next page begins after."""

    seq: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Sight:
    """One entry as far as one reader may have it.

    Args:
        index: the leaf, counted from 0.
        entry: the bytes that the log commits to or, if reduced, what is left of them.
    """

    index: int
    entry: bytes
    reduced: bool


def objects(session: Session, asked: Filter) -> list[str]:
    """The ids whose lines in the feed `find` needs to answer who was given them."""
    if asked.object is not None:
        return [asked.object]
    if asked.collection is None or asked.version is None:
        return []
    # One id at least, so that what is hidden and what does not exist cost the same statements.
    return questions.version_ids(session, asked.collection, asked.version) or [_NO_OBJECT]


def find(
    session: Session, actor: Actor, asked: Filter, shown: Sequence[Shown], page: Page
) -> tuple[list[Item], int | None]:
    """Entries in the order asked for, as far as they have their place in the log.

    Args:
        shown: the feed's lines of what is asked about, so that pages that gave it out are found.

    Returns:
        The entries, and the number that the next page begins behind; None: there is none. A page may hold
        less than its limit, or nothing, and still be followed by another one.

    Raises:
        Forbidden: the client is bound to collections; the log is not cut that way.
        Unavailable: the log is still being prepared for questions.
    """
    scope = scope_of(actor)
    projecting.require_counted(session)
    found = queries.entries(session, scope, asked, shown, page)
    return [Item(seq=row.seq or 0, body=_render(row, actor, scope)) for row in found.rows], found.reached


def look(
    session: Session, actor: Actor, asked: Filter, shown: Sequence[Shown], page: Page
) -> tuple[list[Sight], int | None]:
    """As `find`, for exports."""
    scope = scope_of(actor)
    found = queries.entries(session, scope, asked, shown, page)
    return [_sight(row, actor, scope) for row in found.rows], found.reached


def whole(session: Session, actor: Actor, entry_id: str) -> Sight:
    """One entry with all its bytes, for its receipt.

    It is for who made the exchange, whatever else it may read, for auditors, and for a member of whom
    nothing of it is withheld.

    Raises:
        NotFound: it does not exist, or does not concern the reader.
        Forbidden: parts of it are withheld from this reader; or as `find`.
    """
    row = queries.entry(session, entry_id)
    if row is not None and _made_by(row, actor):
        return Sight(index=(row.seq or 0) - 1, entry=row.entry, reduced=False)
    if not actor.scopes & {Scope.AUDIT_READ, Scope.AUDIT_READ_OWN}:
        raise NotFound
    scope = scope_of(actor)
    if row is None or not _concerns(row, scope):
        raise archives.absent(session)
    found = _sight(row, actor, scope)
    if found.reduced:
        raise Forbidden(
            "Parts of this entry are withheld from you, so you cannot have its receipt.", reason="reduced"
        )
    return found


def get(session: Session, actor: Actor, entry_id: str) -> Item:
    """One entry; for auditors with what its commitments open to, while that is retained.

    A member gets no openings: with the salt, the network address in an entry could be guessed.

    Raises:
        NotFound: it does not exist, or does not concern the reader.
        Forbidden: as `find`.
    """
    scope = scope_of(actor)
    row = _entry(session, scope, entry_id)
    body = _render(row, actor, scope)
    if scope.member is None:
        opened = msgspec.json.encode(_openings(queries.private(session, entry_id)))
        body = body[:-1] + b',"openings":' + opened + b"}"
    return Item(seq=row.seq or 0, body=body)


def number(session: Session, actor: Actor, entry_id: str) -> int:
    """The number of an entry in the log.

    Raises:
        NotFound, Forbidden: as `get`.
    """
    return _entry(session, scope_of(actor), entry_id).seq or 0


def require_whole(actor: Actor) -> None:
    """Refuse clients that are bound to collections.

    Raises:
        Forbidden: the log is not cut that way.
    """
    if actor.collections is not None:
        raise Forbidden(NOT_BOUND.detail, reason=NOT_BOUND.reason)


def scope_of(actor: Actor) -> queries.Scope:
    """Whose entries an actor may find.

    Raises:
        Forbidden: as `require_whole`; or the actor may not read the log, or not any more: a stream asks anew
            for each of its segments.
    """
    require_whole(actor)
    if actor.system or Scope.AUDIT_READ in actor.scopes:
        return queries.Scope(member=None)
    if Scope.AUDIT_READ_OWN not in actor.scopes:
        raise Forbidden("Reading the audit log is not granted, or not any more.", reason="insufficient_scope")
    return queries.Scope(member=actor.member_id)


def _entry(session: Session, scope: queries.Scope, entry_id: str) -> AuditEntry:
    row = queries.entry(session, entry_id)
    if row is None or not _concerns(row, scope):
        raise archives.absent(session)
    return row


def _concerns(row: AuditEntry, scope: queries.Scope) -> bool:
    """Whether a reader may find an entry: it is an auditor, it acted, or it owns what the entry is about."""
    if scope.member is None or row.member_id == scope.member:
        return True
    return any(subject.get("owner") == scope.member for subject in json.loads(row.entry)["subjects"])


def _render(row: AuditEntry, actor: Actor, scope: queries.Scope) -> bytes:
    if scope.member is None:
        return b'{"index":%d,"entry":%b}' % (row.seq or 0, row.entry)
    found = _sight(row, actor, scope)
    return b'{"entry":%b,"reduced":%b}' % (found.entry, b"true" if found.reduced else b"false")


def _sight(row: AuditEntry, actor: Actor, scope: queries.Scope) -> Sight:
    """Stored bytes as they are, or what is left for a reader that may not have all of it."""
    index = (row.seq or 0) - 1
    if scope.member is None:
        return Sight(index=index, entry=row.entry, reduced=False)
    document = json.loads(row.entry)
    reduced = withheld.for_member(document, scope.member, actor.user_id)
    if reduced == document:
        return Sight(index=index, entry=row.entry, reduced=False)
    return Sight(index=index, entry=msgspec.json.encode(reduced), reduced=True)


def _made_by(row: AuditEntry, actor: Actor) -> bool:
    """Whether the same client made this exchange or, for a person, the same user through another one."""
    if actor.member_id is None or row.member_id != actor.member_id:
        return False
    if actor.client_id is not None and row.client_id == actor.client_id:
        return True
    return actor.user_id is not None and json.loads(row.entry)["actor"]["user"] == actor.user_id


def _openings(row: AuditPrivate | None) -> dict[str, str | None] | None:
    if row is None:
        return None
    return {
        "salt": row.salt.hex(),
        "body": row.body_digest.hex() if row.body_digest is not None else None,
        "query": row.query_digest.hex() if row.query_digest is not None else None,
        "network": row.network,
    }
