"""Interns places: (collection, narrower marking or none), one member, one user."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.markings import Place


def of_collection(session: Session, collection_id: str, marking_id: str | None = None) -> Place:
    """The place of a collection's own audience, or of a narrower one inside it."""
    identity = f"c:{collection_id}:{marking_id or ''}"
    return _intern(session, identity, kind="collection", collection_id=collection_id, marking_id=marking_id)


def of_member(session: Session, member_id: str) -> Place:
    """Where lines addressed to one member stand: gained and lost sight."""
    return _intern(session, f"m:{member_id}", kind="member", member_id=member_id)


def of_user(session: Session, user_id: str) -> Place:
    """Where pointers addressed to one user stand (TLP:RED)."""
    return _intern(session, f"u:{user_id}", kind="user", user_id=user_id)


def _intern(session: Session, identity: str, **values: Any) -> Place:
    found = session.scalar(select(Place).where(Place.identity == identity))
    if found is not None:
        return found
    insert: Any = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = {"identity": identity, "key": str(uuid.uuid4()), "head": 0, **values}
    session.execute(insert(Place).values(row).on_conflict_do_nothing(index_elements=["identity"]))
    return session.execute(select(Place).where(Place.identity == identity)).scalar_one()
