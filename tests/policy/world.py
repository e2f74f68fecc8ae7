"""The rows behind the table of `model`: every kind of reader, and a collection for every column."""

import uuid
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from app.clock import DAY
from app.feed import places
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, Place
from app.parties import Attribute, GroupMember, GroupRequirement, Member, Release, SharingGroup, User
from app.question import ANONYMOUS, SYSTEM, Actor
from schemas.vocabulary import CollectionKind, MemberKind, MemberStatus, Pap, Scope, Sector
from tests.policy import model

ATTRIBUTE = "us_314b_registered"
GROUPS = ("group", "terms", "required")


@dataclass
class Reader:
    """A row of the table as somebody who can ask."""

    actor: Actor
    public_reading: bool = False
    member: Member | None = None
    user: User | None = None


@dataclass
class World:
    session: Session
    now: int
    owner: Member
    author: User
    readers: dict[str, Reader] = field(default_factory=dict)
    groups: dict[str, SharingGroup] = field(default_factory=dict)
    collections: dict[str, Collection] = field(default_factory=dict)
    """Column → collection."""
    named: list[Member] = field(default_factory=list)
    persons: list[User] = field(default_factory=list)
    releases: list[tuple[Member, Member]] = field(default_factory=list)
    """By whom, to whom: each of all collections."""

    def place(self, column: str, narrower: Marking | None = None) -> Place:
        return places.of_collection(
            self.session, self.collections[column].id, narrower.id if narrower else None
        )

    def mark(self, column: str, *, owner: Member | None = None, prohibited: tuple[str, ...] = ()) -> Marking:
        """A new marking as its column says."""
        label, audience = model.AUDIENCE[column]
        group = self.groups[column.rpartition("/")[2]] if audience == "group" else None
        row = Marking(
            id=str(uuid.uuid4()), tlp=label, pap=Pap.AMBER, owner_id=(owner or self.owner).id,
            audience=audience, group_id=group.id if group else None,
        )  # fmt: skip
        self.add(row)
        if audience == "members":
            self.add(*(MarkingMember(marking_id=row.id, member_id=member.id) for member in self.named))
        if audience == "users":
            self.add(*(MarkingUser(marking_id=row.id, user_id=user.id) for user in self.persons))
        self.add(*(MarkingPurpose(marking_id=row.id, purpose=purpose) for purpose in prohibited))
        return row

    def collect(self, column: str, marking: Marking, kind: str = CollectionKind.SET) -> Collection:
        row = Collection(
            id=str(uuid.uuid4()), kind=kind, owner_id=marking.owner_id, slug=uuid.uuid4().hex, title=column,
            marking_id=marking.id, created_at=self.now,
        )  # fmt: skip
        self.add(row)
        places.of_collection(self.session, row.id)
        return row

    def add(self, *rows: Any) -> None:
        for row in rows:
            self.session.add(row)
            self.session.flush()

    def release(self, upstream: Member, downstream: Member, collections: list[str]) -> None:
        for collection in collections:
            self.add(
                Release(
                    id=str(uuid.uuid4()),
                    collection_id=collection,
                    upstream_id=upstream.id,
                    downstream_id=downstream.id,
                    created_at=self.now,
                )
            )


class _Builder:
    """Adds the readers of the table, row by row, under the names that the table gives them."""

    def __init__(self, world: World) -> None:
        self.world = world

    def member(self, name: str, **columns: Any) -> Member:
        values = {
            "sector": Sector.FINANCE,
            "kind": MemberKind.MEMBER,
            "status": MemberStatus.ACTIVE,
        } | columns
        row = Member(
            id=str(uuid.uuid4()), name=f"{name} {uuid.uuid4().hex[:6]}", created_at=self.world.now, **values
        )
        self.world.add(row)
        return row

    def user(self, member: Member, **columns: Any) -> User:
        handle = f"user-{uuid.uuid4().hex[:10]}"
        row = User(
            id=str(uuid.uuid4()), member_id=member.id, handle=handle, created_at=self.world.now, **columns
        )
        self.world.add(row)
        return row

    def reads(
        self, name: str, member: Member, user: User | None = None, scopes: tuple[str, ...] = ()
    ) -> None:
        actor = Actor(
            member_id=member.id, user_id=user.id if user else None, purpose="detect", scopes=frozenset(scopes)
        )
        self.world.readers[name] = Reader(actor=actor, member=member, user=user)

    def join(self, member: Member, *, valid: int | None = None, active: bool = True) -> Member:
        """Put a member into all groups; its attribute ends `valid` microseconds from now; None: has none."""
        now = self.world.now
        for group in self.world.groups.values():
            self.world.add(
                GroupMember(
                    group_id=group.id,
                    member_id=member.id,
                    accepted_terms=1 if active else None,
                    active=active,
                    joined_at=now if active else None,
                )
            )
        if valid is not None:
            self.world.add(
                Attribute(member_id=member.id, name=ATTRIBUTE, valid_until=now + valid, lapse_recorded=False)
            )
        return member

    def name(self, member: Member) -> Member:
        """Name a member in every audience of named members."""
        self.world.named.append(member)
        return member

    def everywhere(self, member: Member) -> Member:
        return self.name(self.join(member, valid=DAY))

    def served(self, upstream: Member, *, by: Member | None = None, **columns: Any) -> Member:
        """A downstream to which everything was released, by its upstream unless said otherwise."""
        row = self.member("Served", kind=MemberKind.DOWNSTREAM, upstream_id=upstream.id, **columns)
        self.world.releases.append((by or upstream, row))
        return row

    def people(self) -> None:
        world = self.world
        world.readers["anonymous, public reading off"] = Reader(actor=ANONYMOUS)
        world.readers["anonymous, public reading on"] = Reader(actor=ANONYMOUS, public_reading=True)
        world.readers["the operator at the machine"] = Reader(actor=SYSTEM, public_reading=True)
        self.reads("member", self.member("Plain"))
        self.reads("member with every scope there is", self.member("Operator"), scopes=tuple(Scope))
        for status in (MemberStatus.SUSPENDED, MemberStatus.OFFBOARDED):
            gone = self.everywhere(self.member("Gone", status=status))
            self.reads(f"member, {status}, in every audience", gone)
        self.reads("owner", world.owner)
        self.reads("owner's author", world.owner, world.author)
        self.reads("owner's other user", world.owner, self.user(world.owner))
        self._named_users()

    def _named_users(self) -> None:
        member = self.member("Person's")
        persons = {
            "named user": self.user(member),
            "named user, disabled since": self.user(member, disabled_at=self.world.now),
            "named user of a suspended member": self.user(self.member("Gone", status=MemberStatus.SUSPENDED)),
            "authority's user that is named": self.user(self.member("Police", sector=Sector.AUTHORITY)),
        }
        for name, user in persons.items():
            self.world.persons.append(user)
            self.reads(name, self.world.session.get_one(Member, user.member_id), user)
        self.reads("service client of the named user's member", member)
        self.reads("other user of the named user's member", member, self.user(member))

    def groups(self) -> None:
        for name, valid in (("valid", DAY), ("expired", -DAY), ("expires now", 0), ("absent", None)):
            self.reads(f"group member, attribute {name}", self.join(self.member("Group"), valid=valid))
        invited = self.join(self.member("Invited"), valid=DAY, active=False)
        self.reads("invited to the groups, terms not accepted", invited)
        holder = self.member("Holder")
        self.world.add(Attribute(member_id=holder.id, name=ATTRIBUTE, valid_until=self.world.now + DAY))
        self.reads("holder of the attribute, in no group", holder)
        founder = self.world.session.get_one(Member, self.world.groups["group"].owner_id)
        self.reads("groups' owner, in none of them", founder)
        self.reads("named member", self.name(self.member("Named")))
        self.reads("authority", self.member("Police", sector=Sector.AUTHORITY))
        police = self.join(self.member("Police", sector=Sector.AUTHORITY), valid=DAY)
        self.reads("authority in the groups", police)
        self.reads("authority that is named", self.name(self.member("Police", sector=Sector.AUTHORITY)))

    def downstreams(self) -> None:
        upstream, outside = self.everywhere(self.member("Up")), self.member("Outside")
        lapsed = self.join(self.member("Lapsed"), valid=-DAY)
        suspended = self.everywhere(self.member("Gone", status=MemberStatus.SUSPENDED))
        unserved = self.member("Unserved", kind=MemberKind.DOWNSTREAM, upstream_id=upstream.id)
        self.reads("downstream of the audience, nothing released", unserved)
        served = self.served(upstream)
        self.reads("downstream of the audience, all released", served)
        gone = self.served(upstream, status=MemberStatus.SUSPENDED)
        self.reads("downstream, suspended, all released", gone)
        self.reads("downstream, released, upstream's lapsed", self.served(lapsed))
        self.reads("downstream, released by one outside", self.served(outside))
        self.reads("downstream, released by one not its own", self.served(outside, by=upstream))
        self.reads("downstream, released, upstream suspended", self.served(suspended))
        self.reads("downstream of a downstream, released twice", self.served(served))
        self.reads("downstream of the owner, released", self.served(self.world.owner))
        inside = self.member("Inside", kind=MemberKind.DOWNSTREAM, upstream_id=outside.id)
        self.reads("downstream in the groups itself", self.join(inside, valid=DAY))
        police = self.served(upstream, sector=Sector.AUTHORITY)
        self.reads("authority as downstream, all released", police)

    def peer(self, name: str, **columns: Any) -> Member:
        row = self.member("Peer", kind=MemberKind.PEER, **columns)
        self.reads(name, row)
        return row

    def peers(self) -> None:
        self.peer("peer")
        self.peer("peer of the same community", same_community=True)
        peer = self.peer("peer with a member in the audience")
        self.everywhere(self.member("Theirs", peer_id=peer.id))
        peer = self.peer("peer with a member whose attribute lapsed")
        self.join(self.member("Theirs", peer_id=peer.id), valid=-DAY)
        peer = self.peer("peer with a suspended member in the audience")
        self.everywhere(self.member("Theirs", peer_id=peer.id, status=MemberStatus.SUSPENDED))
        peer = self.peer("peer with an authority in the audience")
        self.everywhere(self.member("Theirs", peer_id=peer.id, sector=Sector.AUTHORITY))
        self.everywhere(self.peer("peer, itself in the groups and named"))
        gone = self.peer(
            "peer, suspended, of the same community", same_community=True, status=MemberStatus.SUSPENDED
        )
        self.everywhere(self.member("Theirs", peer_id=gone.id))
        police = self.peer("peer that is an authority's", same_community=True, sector=Sector.AUTHORITY)
        self.name(self.member("Theirs", peer_id=police.id))

    def found_groups(self) -> None:
        founder = self.member("Founder")
        for name in GROUPS:
            row = SharingGroup(
                id=str(uuid.uuid4()), name=f"{name} {uuid.uuid4().hex[:6]}", owner_id=founder.id,
                terms="Terms.", terms_version=1, allows_downstream=name != "group", created_at=self.world.now,
            )  # fmt: skip
            self.world.add(row)
            self.world.groups[name] = row
        self.world.add(GroupRequirement(group_id=self.world.groups["required"].id, attribute=ATTRIBUTE))


def build(session: Session, now: int) -> World:
    """Everybody of the table, and one collection per column; releases are of all collections."""
    owner = Member(
        id=str(uuid.uuid4()), name=f"Owner {uuid.uuid4().hex[:6]}", sector=Sector.NGO, kind=MemberKind.MEMBER,
        status=MemberStatus.ACTIVE, created_at=now,
    )  # fmt: skip
    author = User(id=str(uuid.uuid4()), member_id=owner.id, handle=uuid.uuid4().hex, created_at=now)
    world = World(session=session, now=now, owner=owner, author=author, persons=[author])
    world.add(owner, author)
    builder = _Builder(world)
    builder.found_groups()
    builder.people()
    builder.groups()
    builder.downstreams()
    builder.peers()
    for column in model.COLUMNS:
        world.collections[column] = world.collect(column, world.mark(column))
    for upstream, downstream in world.releases:
        world.release(upstream, downstream, [row.id for row in world.collections.values()])
    return world
