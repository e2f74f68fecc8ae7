"""Random worlds: members, groups, markings and releases, drawn so that about half of it is visible."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.orm import Session

from app.feed import places
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, Place
from app.parties import Attribute, GroupMember, GroupRequirement, Member, Release, SharingGroup, User
from app.question import ANONYMOUS, SYSTEM, Actor
from app.strictness import ALLOWED_AUDIENCES
from schemas.vocabulary import (
    AudienceKind,
    CollectionKind,
    MemberKind,
    MemberStatus,
    Pap,
    Purpose,
    Sector,
    Tlp,
)

NOW = 1_800_000_000_000_000
MEMBERS, GROUPS, COLLECTIONS = 8, 2, 6
ATTRIBUTES = ("us_314b_registered", "trusted_flagger")
PURPOSES = tuple(purpose.value for purpose in Purpose)
_MOSTLY_ACTIVE = [MemberStatus.ACTIVE] * 10 + [MemberStatus.SUSPENDED]
_KINDS = [MemberKind.MEMBER] * 3 + [MemberKind.DOWNSTREAM] * 2 + [MemberKind.PEER]
_LABELS = [Tlp.CLEAR, Tlp.GREEN, Tlp.GREEN, Tlp.AMBER, Tlp.AMBER, Tlp.AMBER_STRICT, Tlp.RED]
_ENDS = (-1, 0, 1, 2, 1_000_000, 1_000_000)


@dataclass
class Drawn:
    """One world in the database, and what there is to ask about it."""

    random: Random
    session: Session
    now: int = NOW
    members: list[dict[str, Any]] = field(default_factory=list)
    users: list[dict[str, Any]] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    collections: list[dict[str, Any]] = field(default_factory=list)
    items: list[tuple[str, str]] = field(default_factory=list)
    """(collection id, id of an item's own marking)."""
    _count: int = 0

    def id(self) -> str:
        """Ids are counted: every world is rolled back before the next."""
        self._count += 1
        return str(uuid.UUID(int=self._count))

    def likely(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def some(self, of: Sequence[Any], percent: int) -> list[Any]:
        return [one for one in of if self.likely(percent)]

    def store(self, table: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.session.execute(insert(table), rows)

    def actor(self) -> Actor:
        """Somebody who asks, of any kind."""
        if self.likely(4):
            return ANONYMOUS if self.likely(50) else SYSTEM
        member = self.random.choice(self.members)["id"]
        persons = [user["id"] for user in self.users if user["member_id"] == member]
        ids = [row["id"] for row in self.collections]
        return Actor(
            member_id=member,
            user_id=self.random.choice(persons) if self.likely(50) else None,
            purpose=self.random.choice(PURPOSES),
            collections=frozenset(self.some(ids, 70)) if self.likely(15) else None,
        )


def draw(random: Random, session: Session) -> Drawn:
    world = Drawn(random, session)
    _members(world)
    _groups(world)
    for _ in range(COLLECTIONS):
        _collection(world)
    _releases(world)
    session.flush()
    return world


def _members(world: Drawn) -> None:
    for n in range(MEMBERS):
        kind = world.random.choice(_KINDS) if n > 1 else MemberKind.MEMBER
        earlier = [row["id"] for row in world.members if row["kind"] != MemberKind.PEER]
        peers = [row["id"] for row in world.members if row["kind"] == MemberKind.PEER]
        through = peers and kind == MemberKind.MEMBER and world.likely(60)
        row = {
            "id": world.id(), "name": f"Member {n}", "kind": kind, "created_at": 0,
            "sector": Sector.AUTHORITY if world.likely(12) else Sector.FINANCE,
            "status": world.random.choice(_MOSTLY_ACTIVE), "same_community": world.likely(50),
            "upstream_id": world.random.choice(earlier) if kind == MemberKind.DOWNSTREAM else None,
            "peer_id": world.random.choice(peers) if through else None,
        }  # fmt: skip
        world.members.append(row)
        world.store(Member, [row])
    for member in [*world.members, world.members[0]]:
        n = len(world.users)
        disabled = 1 if world.likely(8) else None
        world.users.append(
            {"id": world.id(), "member_id": member["id"], "handle": f"u{n}", "disabled_at": disabled}
        )
    world.store(User, [row | {"created_at": 0} for row in world.users])


def _groups(world: Drawn) -> None:
    founder = world.members[0]["id"]
    for n in range(GROUPS):
        group = world.id()
        world.groups.append(group)
        row = {"id": group, "name": f"Group {n}", "owner_id": founder, "terms": "Terms.", "terms_version": 1}
        world.store(SharingGroup, [row | {"allows_downstream": world.likely(60), "created_at": 0}])
        needed = world.some(ATTRIBUTES, 25)
        world.store(GroupRequirement, [{"group_id": group, "attribute": name} for name in needed])
        inside = world.some(world.members, 92)
        world.store(
            GroupMember,
            [{"group_id": group, "member_id": row["id"], "active": world.likely(90)} for row in inside],
        )
    holding = [(row["id"], name) for row in world.members for name in world.some(ATTRIBUTES, 95)]
    world.store(
        Attribute,
        [
            {"member_id": member, "name": name, "valid_until": NOW + world.random.choice(_ENDS),
             "lapse_recorded": False}
            for member, name in holding
        ],
    )  # fmt: skip


def _collection(world: Drawn) -> None:
    owner = world.random.choice(world.members[:4])["id"]
    row = {
        "id": world.id(), "kind": world.random.choice(list(CollectionKind)), "owner_id": owner,
        "created_at": 0, "slug": f"c{len(world.collections)}", "title": "Title",
        "marking_id": marking(world, owner),
    }  # fmt: skip
    world.collections.append(row)
    world.store(Collection, [row])
    places.of_collection(world.session, row["id"])
    for _ in range(2):
        inner = marking(world, owner)
        world.items.append((row["id"], inner))
        places.of_collection(world.session, row["id"], inner)


def marking(world: Drawn, owner: str, **fixed: Any) -> str:
    """A marking whose audience fits its label; an item's need not be narrower to be asked about."""
    tlp = world.random.choice(_LABELS)
    audience = world.random.choice(sorted(ALLOWED_AUDIENCES[tlp]))
    row = {
        "id": world.id(), "tlp": tlp, "pap": Pap.GREEN, "owner_id": owner, "audience": audience,
        "group_id": world.random.choice(world.groups) if audience == AudienceKind.GROUP else None, **fixed,
    }  # fmt: skip
    world.store(Marking, [row])
    _names(world, row["id"], audience)
    return str(row["id"])


def _names(world: Drawn, marking_id: str, audience: AudienceKind) -> None:
    key = {"marking_id": marking_id}
    if audience == AudienceKind.MEMBERS:
        named = world.some(world.members, 92)
        world.store(MarkingMember, [key | {"member_id": row["id"]} for row in named])
    if audience == AudienceKind.USERS:
        named = world.some(world.users, 75)
        world.store(MarkingUser, [key | {"user_id": row["id"]} for row in named])
    prohibited = world.some(PURPOSES, 60) if world.likely(15) else []
    world.store(MarkingPurpose, [key | {"purpose": name} for name in prohibited])


def _releases(world: Drawn) -> None:
    rows = [
        {"id": world.id(), "collection_id": collection["id"], "downstream_id": row["id"], "created_at": 0,
         "upstream_id": row["upstream_id"] if world.likely(85) else world.members[0]["id"]}
        for row in world.members if row["upstream_id"] is not None
        for collection in world.some(world.collections, 75)
    ]  # fmt: skip
    world.store(Release, rows)


def move(world: Drawn) -> None:
    """Time passes, and a few things change: groups, standing, attributes, terms, releases, markings."""
    session, random = world.session, world.random
    world.now += random.choice((1, 2, 3, 2_000_000))
    acts = [_join, _leave, _stand, _renew, _terms, _forget_releases, _remark, _disable]
    for _ in range(random.randrange(1, 5)):
        random.choice(acts)(world)
    session.flush()
    session.expire_all()


def _join(world: Drawn) -> None:
    _leave(world)
    member, group = world.random.choice(world.members)["id"], world.random.choice(world.groups)
    key = {"member_id": member, "group_id": group}
    world.session.execute(delete(GroupMember).filter_by(**key))
    world.store(GroupMember, [key | {"active": True}])


def _leave(world: Drawn) -> None:
    member = world.random.choice(world.members)["id"]
    world.session.execute(delete(GroupMember).where(GroupMember.member_id == member))


def _stand(world: Drawn) -> None:
    member, status = world.random.choice(world.members)["id"], world.random.choice(list(MemberStatus))
    world.session.execute(update(Member).where(Member.id == member).values(status=status))


def _renew(world: Drawn) -> None:
    member, until = world.random.choice(world.members)["id"], world.now + world.random.choice(_ENDS)
    world.session.execute(update(Attribute).where(Attribute.member_id == member).values(valid_until=until))


def _terms(world: Drawn) -> None:
    group, allows = world.random.choice(world.groups), world.likely(50)
    changed = update(SharingGroup).where(SharingGroup.id == group)
    world.session.execute(changed.values(allows_downstream=allows))


def _forget_releases(world: Drawn) -> None:
    gone = world.random.choice(world.collections)["id"]
    world.session.execute(delete(Release).where(Release.collection_id == gone))


def _remark(world: Drawn) -> None:
    row = world.random.choice(world.collections)
    changed = marking(world, row["owner_id"])
    world.session.execute(update(Collection).where(Collection.id == row["id"]).values(marking_id=changed))
    row["marking_id"] = changed


def _disable(world: Drawn) -> None:
    user = world.random.choice(world.users)["id"]
    world.session.execute(update(User).where(User.id == user).values(disabled_at=1))


def place_of(session: Session, collection_id: str, marking_id: str | None) -> Place:
    return places.of_collection(session, collection_id, marking_id)
