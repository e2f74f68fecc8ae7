"""Signal lists: created, read, re-marked."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError

from app import clock, remark
from app.errors import Conflict, Forbidden, Invalid
from app.events import ListContributorsChanged, ListCreated, Subject
from app.feed import places
from app.feed.append import Line
from app.markings import Collection
from app.question import Action, MarkingView
from app.record import Tx, record
from app.screening import screen
from app.signals import erased, queries
from app.signals.kinds import REGISTRY
from app.signals.models import SignalList
from app.signals.queries import Found
from schemas.vocabulary import TLP_RANK, ChangeKind, CollectionKind, Contributors, Tlp


def create(
    tx: Tx,
    *,
    slug: str,
    title: str,
    types: Sequence[str],
    marking: Mapping[str, Any],
    contributors: Contributors = Contributors.OWNER,
    lookup_only: bool = False,
    list_id: str | None = None,
) -> Found:
    """Create a list that belongs to the actor's member.

    Args:
        types: the signal types that it takes; each may ask for a label that is strict enough.
        contributors: who may contribute to it.
        lookup_only: matched against and never handed out. It stays so: what has left cannot be called back,
            and what was promised never to leave must not leave later.
        list_id: the id that the list had elsewhere, for an import.

    Raises:
        Invalid: the marking does not fit the types or its audience, or the text holds plain personal data.
        Conflict: the member has a list of that slug already, or the id cannot be used.
    """
    owner = tx.actor.member_id or ""
    _screen(slug=slug, title=title)
    view = remark.resolve(tx.session, owner, marking, actor=tx.actor)
    wanted = tuple(sorted(set(types)))
    check_label(view, wanted)
    if lookup_only:
        _check_matched(wanted)
    collection = _insert(tx, list_id or str(uuid.uuid4()), owner, slug, title, view)
    tx.session.add(
        SignalList(
            collection_id=collection.id, types=list(wanted), contributors=contributors.value,
            lookup_only=lookup_only,
            has_erasures=list_id is not None and erased.any_of(tx.session, list_id),
        )
    )  # fmt: skip
    tx.session.flush()
    found = Found(
        collection=collection, types=wanted, marking=view, contributors=contributors, lookup_only=lookup_only
    )
    record(tx, ListCreated(subjects=(subject(found),)), [state(tx, found, fresh=True)])
    return found


def get(tx: Tx, list_id: str) -> Found:
    """One list that the actor sees.

    Raises:
        Forbidden: its owner prohibits the actor's purpose.
    """
    found = queries.find(tx, list_id)
    tx.require(Action.READ, found.thing)
    return found


def require_handed_out(found: Found) -> None:
    """Raise `Forbidden` where the signals of a list are never handed out, to its owner neither."""
    if found.lookup_only:
        raise Forbidden(
            "The signals of this list are matched against and never handed out: ask /v1/lookup.",
            reason="lookup_only",
        )


def set_contributors(tx: Tx, list_id: str, contributors: Contributors) -> Found:
    """Say anew who may contribute to a list. What was contributed stays.

    Raises:
        Forbidden: not the owner.
    """
    before = queries.find(tx, list_id)
    tx.require(Action.EDIT, before.thing)
    tx.session.get_one(SignalList, list_id).contributors = contributors.value
    found = replace(before, contributors=contributors)
    lines = [] if contributors is before.contributors else [state(tx, found, fresh=False)]
    record(tx, ListContributorsChanged(subjects=(subject(found),), reason=contributors.value), lines)
    return found


def subject(found: Found, **more: Any) -> Subject:
    """What an audit entry says of a list."""
    return Subject(kind="list", id=found.id, collection_id=found.id, **more).marked(found.marking)


def describe(found: Found, reader: str | None) -> dict[str, Any]:
    """The wire form of a list, as far as this member (None: everybody) may know it."""
    return {
        "id": found.id,
        "kind": CollectionKind.LIST.value,
        "slug": found.collection.slug,
        "title": found.collection.title,
        "owner": found.collection.owner_id,
        "types": list(found.types),
        "contributors": found.contributors.value,
        "lookup_only": found.lookup_only,
        "marking": remark.to_wire(found.marking, reader),
        "created_at": clock.to_text(found.collection.created_at),
    }


def _screen(**texts: str) -> None:
    findings = [finding for name, text in texts.items() for finding in screen(text, path=f"/{name}")]
    if findings:
        raise Invalid(
            "A text holds what must not be in it. Remove it.",
            errors=[{"pointer": finding.path, "detail": finding.hint} for finding in findings],
        )


def check_label(view: MarkingView, types: Sequence[str]) -> None:
    """Refuse a label that is too weak for the types of a list, or that no list as a whole can have.

    Raises:
        Invalid: located at the label.
    """
    if view.tlp is Tlp.RED:
        raise _bad_label("TLP:RED travels only singly: mark single signals of a list TLP:RED, not the list.")
    for name in types:
        floor = REGISTRY[name].floor_tlp
        if floor is not None and TLP_RANK[view.tlp] < TLP_RANK[floor]:
            raise _bad_label(f"A list that takes {name} is at least {floor}.")


def _check_matched(types: Sequence[str]) -> None:
    """What no lookup matches would be of no use to anybody in a lookup-only list."""
    unmatched = [name for name in types if not REGISTRY[name].exact_lookup]
    if unmatched:
        raise Invalid(
            "A lookup-only list takes only what lookups match. Choose other types.",
            errors=[{"pointer": "/types", "detail": f"No lookup matches {', '.join(unmatched)}."}],
        )


def _bad_label(detail: str) -> Invalid:
    return Invalid(
        "This list cannot have this label. Choose another label or other types.",
        errors=[{"pointer": "/marking/tlp", "detail": detail}],
    )


def _insert(tx: Tx, list_id: str, owner: str, slug: str, title: str, view: MarkingView) -> Collection:
    marking = remark.store(tx.session, view)
    collection = Collection(
        id=list_id, kind=CollectionKind.LIST.value, owner_id=owner, slug=slug, title=title,
        marking_id=marking.id, created_at=tx.now,
    )  # fmt: skip
    try:
        with tx.session.begin_nested():
            tx.session.add(collection)
            tx.session.flush()
    except IntegrityError as error:
        raise Conflict(
            "You have a collection of this slug already, or the id cannot be used. Choose another.",
            reason="taken",
        ) from error
    return collection


def state(tx: Tx, found: Found, *, fresh: bool) -> Line:
    """The feed's line of a list: its name and marking."""
    return Line(
        place=places.of_collection(tx.session, found.id),
        kind=ChangeKind.LIST_CHANGED,
        collection_id=found.id,
        object_id=found.id,
        body=msgspec.json.encode(describe(found, None)),
        fresh=fresh,
        clears=not fresh,
    )
