"""Marked collections with nothing in them, and the sight lines that members were sent."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select

from app.feed import places
from app.feed.models import Change
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, Place
from app.parties import Member, User
from app.runtime import Runtime
from schemas.vocabulary import AudienceKind, CollectionKind, Tlp


def collection(
    runtime: Runtime,
    owner: Member,
    tlp: str = Tlp.AMBER,
    *,
    group: str | None = None,
    members: Sequence[Member] = (),
    users: Sequence[User] = (),
    prohibited: Sequence[str] = (),
    kind: str = CollectionKind.SET,
) -> Collection:
    """A collection with the audience that its label and the named ones make."""
    audience = {Tlp.CLEAR: AudienceKind.PUBLIC, Tlp.RED: AudienceKind.USERS}.get(Tlp(tlp))
    audience = audience or (AudienceKind.GROUP if group else AudienceKind.MEMBERS)
    if tlp == Tlp.GREEN and group is None:
        audience = AudienceKind.COMMUNITY
    marking = Marking(
        id=str(uuid.uuid4()), tlp=tlp, pap="PAP:AMBER", owner_id=owner.id, audience=audience, group_id=group
    )
    row = Collection(
        id=str(uuid.uuid4()), kind=kind, owner_id=owner.id, slug=f"c-{uuid.uuid4().hex[:8]}",
        title=f"Title {uuid.uuid4().hex[:8]}", marking_id=marking.id, created_at=runtime.clock(),
    )  # fmt: skip
    with runtime.db.write() as session:
        session.add(marking)
        session.flush()
        session.add_all(MarkingMember(marking_id=marking.id, member_id=member.id) for member in members)
        session.add_all(MarkingUser(marking_id=marking.id, user_id=user.id) for user in users)
        session.add_all(MarkingPurpose(marking_id=marking.id, purpose=purpose) for purpose in prohibited)
        session.add(row)
        session.flush()
        places.of_collection(session, row.id)
    return row


def sights(runtime: Runtime, member: Member) -> list[tuple[str, str]]:
    """Kind and collection of every sight line that was addressed to this member, in order."""
    with runtime.db.read() as session:
        rows = session.execute(
            select(Change.kind, Change.collection_id)
            .join(Place, Place.id == Change.place_id)
            .where(Place.member_id == member.id)
            .order_by(Change.seq)
        )
        return [(kind, collection_id) for kind, collection_id in rows]
