"""Verbs on releases: a member lets one of those that it serves see a collection (TLP:AMBER: one step)."""

import uuid

from sqlalchemy import select

from app.errors import NotFound
from app.events import CollectionReleased, Subject
from app.facts import load_thing
from app.feed import sight
from app.markings import Collection, Marking
from app.members.members import subject as member_subject
from app.parties import Member, Release
from app.policy import visible_to
from app.question import Action
from app.record import Tx, record
from schemas.vocabulary import MemberKind


def release(tx: Tx, collection_id: str, downstream_id: str) -> None:
    """Let a downstream of the caller's member see a collection; repeating is harmless. Needs `moves_policy`.

    Raises:
        NotFound: the caller does not see the collection, or does not serve that member.
        Forbidden: its marking, or the group's terms, do not let it go to a downstream.
    """
    collection = _visible(tx, collection_id)
    downstream = _served(tx, downstream_id)
    thing = load_thing(tx.session, collection)
    tx.require(Action.RELEASE, thing)
    with tx.watching(_scope(collection.id, downstream.id)):
        if _find(tx, collection.id, downstream.id) is None:
            row = Release(
                id=str(uuid.uuid4()), collection_id=collection.id, upstream_id=downstream.upstream_id,
                downstream_id=downstream.id, created_at=tx.now,
            )  # fmt: skip
            tx.session.add(row)
    subject = Subject(kind="collection", id=collection.id, collection_id=collection.id)
    subjects = (subject.marked(thing.marking), member_subject(downstream.id))
    record(tx, CollectionReleased(subjects=subjects, reason="released"))


def withdraw(tx: Tx, collection_id: str, downstream_id: str) -> None:
    """Take a release back, whatever the marking is now. Needs `moves_policy`.

    Raises:
        NotFound: the caller released nothing of this kind.
    """
    row = _find(tx, collection_id, downstream_id)
    if row is None:
        raise NotFound
    with tx.watching(_scope(collection_id, downstream_id)):
        tx.session.delete(row)
    collection = tx.session.get_one(Collection, collection_id)
    subject = Subject(kind="collection", id=collection.id, collection_id=collection.id)
    subjects = (subject.marked(load_thing(tx.session, collection).marking), member_subject(downstream_id))
    record(tx, CollectionReleased(subjects=subjects, reason="withdrawn"))


def _scope(collection_id: str, downstream_id: str) -> sight.Scope:
    return sight.Scope(members=frozenset({downstream_id}), collections=frozenset({collection_id}))


def _visible(tx: Tx, collection_id: str) -> Collection:
    wanted = select(Collection).join(Marking, Marking.id == Collection.marking_id)
    found = tx.session.scalar(
        wanted.where(Collection.id == collection_id, visible_to(tx.actor, tx.now, any_purpose=True))
    )
    if found is None:
        raise NotFound
    return found


def _served(tx: Tx, downstream_id: str) -> Member:
    found = tx.session.scalar(
        select(Member).where(
            Member.id == downstream_id,
            Member.kind == MemberKind.DOWNSTREAM,
            Member.upstream_id == tx.actor.member_id,
        )
    )
    if found is None:
        raise NotFound
    return found


def _find(tx: Tx, collection_id: str, downstream_id: str) -> Release | None:
    return tx.session.scalar(
        select(Release).where(
            Release.collection_id == collection_id,
            Release.downstream_id == downstream_id,
            Release.upstream_id == tx.actor.member_id,
        )
    )
