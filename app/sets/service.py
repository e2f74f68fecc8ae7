"""Verbs on sets: create, read, list."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from app import canonical, screening
from app.errors import Conflict, Invalid
from app.events import SetCreated
from app.feed import visible
from app.feed.cursor import View
from app.markings import Collection
from app.question import Action
from app.record import Tx, record
from app.remark import resolve, store
from app.sets import lines, queries
from app.sets.forms import set_subject
from app.sets.models import IndicatorSet
from app.sets.queries import Found
from schemas.vocabulary import CollectionKind

EMPTY_DRAFT = b"{}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """Sets that one page holds, and those left out because their owner prohibits the actor's purpose."""

    items: Sequence[Found]
    latest: Mapping[str, str]
    excluded: Sequence[str]


def create(tx: Tx, *, slug: str, title: str, marking: Mapping[str, Any], set_id: str | None = None) -> Found:
    """A new set of the actor's member.

    Args:
        set_id: the id that it had elsewhere (an import); None: a new one.

    Raises:
        Invalid: the marking cannot be used, or a text holds personal data.
        Conflict: id or slug is taken.
        Forbidden: the client is bound to other collections; TLP:RED by a service client.
    """
    owner_id = _member(tx)
    _screen(slug=slug, title=title, note=marking.get("note"))
    view = resolve(tx.session, owner_id, marking, actor=tx.actor)
    _refuse_taken(tx, owner_id, slug, set_id)
    collection = Collection(
        id=set_id or str(uuid.uuid4()), kind=CollectionKind.SET.value, owner_id=owner_id, slug=slug,
        title=title, marking_id=store(tx.session, view).id, created_at=tx.now,
    )  # fmt: skip
    row = IndicatorSet(
        collection_id=collection.id, marking_note=marking.get("note"), draft=EMPTY_DRAFT,
        draft_digest=canonical.digest(EMPTY_DRAFT), draft_at=tx.now,
    )  # fmt: skip
    found = Found(collection=collection, row=row, marking=view)
    tx.require(Action.EDIT, found.thing)
    try:
        with tx.session.begin_nested():
            tx.session.add(collection)
            tx.session.flush()
            tx.session.add(row)
    except IntegrityError as error:  # another request took it in the meantime
        raise _taken() from error
    record(tx, SetCreated(subjects=(set_subject(found),)), lines.set_changed(tx.session, found, fresh=True))
    return found


def get(tx: Tx, set_id: str) -> Found:
    """One set.

    Raises:
        NotFound: it does not exist or is hidden.
        Forbidden: its owner prohibits the actor's purpose.
    """
    found = queries.find(tx, set_id)
    tx.require(Action.READ, found.thing)
    return found


def page(tx: Tx, after: str | None, limit: int) -> Page:
    """Sets that the actor sees, by id. TLP:RED ones are not among them: pointers in the feed name those."""
    items = queries.page(tx, after, limit)
    latest = queries.latest(tx.session, [found.id for found in items], tx.now)
    return Page(items=items, latest=latest, excluded=_excluded(tx))


def latest(tx: Tx, found: Found) -> str | None:
    """The highest version of a set that can be read now."""
    return queries.latest(tx.session, [found.id], tx.now).get(found.id)


def _member(tx: Tx) -> str:
    if tx.actor.member_id is None:
        raise RuntimeError("a set is created for a member: the door must ask for one")
    return tx.actor.member_id


def _refuse_taken(tx: Tx, owner_id: str, slug: str, set_id: str | None) -> None:
    same = (Collection.owner_id == owner_id) & (Collection.slug == slug)
    taken = same if set_id is None else same | (Collection.id == set_id)
    if tx.session.scalar(select(Collection.id).where(taken).limit(1)) is not None:
        raise _taken()


def _taken() -> Conflict:
    return Conflict("This id or slug is taken. Leave the id out, or choose another slug.", reason="taken")


def _screen(**texts: str | None) -> None:
    """Refuse personal data and content in texts that everybody who sees the set will read."""
    found = [
        finding
        for name, text in texts.items()
        if text is not None
        for finding in screening.screen(text, path="/marking/note" if name == "note" else f"/{name}")
    ]
    if found:
        raise Invalid(
            "A text holds what must not travel. Correct each place listed.",
            errors=[{"pointer": finding.path, "detail": finding.hint} for finding in found],
        )


def _excluded(tx: Tx) -> list[str]:
    actor = tx.actor
    if actor.member_id is None or actor.purpose is None:
        return []
    view = View(
        member_id=actor.member_id, user_id=actor.user_id, kinds=frozenset({CollectionKind.SET.value}),
        purpose=actor.purpose, collections=actor.collections,
    )  # fmt: skip
    return visible.excluded(tx.session, actor, view, tx.now)
