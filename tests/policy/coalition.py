"""A small coalition that publishes, and pollers that keep a copy of what they are told, for tests of sight.

The coalition knows by itself, in plain sets, who may hold what: nothing of the policy is asked.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete

from app.audit.entry import Request
from app.feed import places, sight
from app.feed.append import Line
from app.feed.cursor import Position, View
from app.feed.read import begin_position, read
from app.feed.sight import Scope
from app.markings import Collection, Marking, MarkingPurpose, Place
from app.parties import Attribute, GroupMember, Member, Release, SharingGroup
from app.question import SYSTEM, Actor
from app.record import Tx, begin
from app.runtime import Runtime
from schemas.vocabulary import AudienceKind, ChangeKind, CollectionKind, MemberKind, MemberStatus, Pap, Tlp
from tests.factories import Make
from tests.policy.world import ATTRIBUTE

SECTION = "section"
"""The place inside `open` that only the group sees."""
PLACES = ("open", "group", SECTION)
WHOLE_HISTORY = 1_000


@dataclass
class Coalition:
    """An owner with a collection for the community and one for a group that asks for an attribute."""

    runtime: Runtime
    owner: Member
    group: SharingGroup
    members: dict[str, Member]
    downstream: Member
    places: dict[str, Place] = field(default_factory=dict)
    markings: dict[str, str] = field(default_factory=dict)
    state: dict[tuple[str, str], str] = field(default_factory=dict)
    """(place name, object id) → text: what stands there now."""
    inside: set[str] = field(default_factory=set)
    until: dict[str, int] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    prohibited: dict[str, set[str]] = field(default_factory=dict)

    # ── What the coalition itself knows ─────────────────────────────────────────────────────────────────

    def sees(self, name: str, where: str, purpose: str) -> bool:
        now = self.runtime.clock.now  # type: ignore[attr-defined]
        if purpose in self.prohibited.get("open" if where == SECTION else where, set()):
            return False
        if name == "downstream":
            return where == "open" or (where == "group" and self.entitled("first", now))
        return name not in self.suspended and (where == "open" or self.entitled(name, now))

    def entitled(self, name: str, now: int) -> bool:
        stands = name in self.inside and name not in self.suspended
        return stands and self.until.get(name, 0) > now

    def holds(self, name: str, purpose: str) -> dict[tuple[str, str], str]:
        """What a member's copy should hold now."""
        return {key: text for key, text in self.state.items() if self.sees(name, key[0], purpose)}

    # ── What happens in it ──────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def writing(self, *, moves_policy: bool = False) -> Iterator[Tx]:
        with begin(self.runtime, lambda _session, _now: SYSTEM, Request(), moves_policy=moves_policy) as tx:
            yield tx

    def _line(self, where: str, object_id: str, text: str | None, **rest: Any) -> Line:
        place = self.places[where]
        kind = ChangeKind.SIGNAL_TOMBSTONED if text is None else ChangeKind.SIGNAL_CHANGED
        return Line(
            place=place, kind=kind, collection_id=str(place.collection_id), object_id=object_id,
            body=None if text is None else json.dumps({"text": text}).encode(), **rest,
        )  # fmt: skip

    def publish(self, where: str, object_id: str | None = None) -> str:
        """A new object, or a new state of one that stands there."""
        chosen, text = object_id or str(uuid.uuid4()), uuid.uuid4().hex
        with self.writing() as tx:
            tx.lines.append(self._line(where, chosen, text, fresh=object_id is None))
        self.state[where, chosen] = text
        return chosen

    def end(self, where: str, object_id: str) -> None:
        with self.writing() as tx:
            extra = (("reason", "wrong"),)
            tx.lines.append(self._line(where, object_id, None, extra=extra, clears=True))
        del self.state[where, object_id]

    def narrow(self, object_id: str) -> None:
        """Move an object of `open` into the section that only the group sees."""
        text = uuid.uuid4().hex
        with self.writing() as tx:
            extra = (("reason", "narrowed"),)
            tx.lines.append(self._line("open", object_id, None, extra=extra, clears=True))
            tx.lines.append(self._line(SECTION, object_id, text, clears=True))
        del self.state["open", object_id]
        self.state[SECTION, object_id] = text

    @contextmanager
    def _watched(self, name: str) -> Iterator[Tx]:
        with self.writing(moves_policy=True) as tx:
            served = sight.served_by(tx.session, self.members[name].id)
            with tx.watching(Scope(members=served)):
                yield tx

    def join(self, name: str) -> None:
        with self._watched(name) as tx:
            key = {"group_id": self.group.id, "member_id": self.members[name].id}
            tx.session.add(GroupMember(**key, accepted_terms=1, active=True, joined_at=tx.now))
        self.inside.add(name)

    def leave(self, name: str) -> None:
        with self._watched(name) as tx:
            mine = delete(GroupMember).where(GroupMember.member_id == self.members[name].id)
            tx.session.execute(mine.where(GroupMember.group_id == self.group.id))
        self.inside.discard(name)

    def stand(self, name: str, status: MemberStatus) -> None:
        with self._watched(name) as tx:
            tx.session.get_one(Member, self.members[name].id).status = status
        (self.suspended.discard if status is MemberStatus.ACTIVE else self.suspended.add)(name)

    def renew(self, name: str, until: int) -> None:
        with self._watched(name) as tx:
            member = self.members[name].id
            row = tx.session.get(Attribute, (member, ATTRIBUTE))
            if row is None:
                row = Attribute(member_id=member, name=ATTRIBUTE)
                tx.session.add(row)
            row.valid_until, row.lapse_recorded = until, False
        self.until[name] = until

    def prohibit(self, where: str, purposes: set[str]) -> None:
        """Give a collection these prohibited purposes, and no other."""
        collection = str(self.places[where].collection_id)
        with (
            self.writing(moves_policy=True) as tx,
            tx.watching(Scope(collections=frozenset({collection}))),
        ):
            marking = self.markings[where]
            tx.session.execute(delete(MarkingPurpose).where(MarkingPurpose.marking_id == marking))
            rows = [MarkingPurpose(marking_id=marking, purpose=name) for name in purposes]
            tx.session.add_all(rows)
        self.prohibited[where] = purposes

    def notice(self) -> None:
        """What the worker does: record the lapses that time has brought."""
        with self.writing(moves_policy=True) as tx:
            sight.settle(tx.session, tx.now, tx.lines)


@dataclass
class Poller:
    """A reader of the feed that keeps its own copy: applies lines, and drops a place on `sight.lost`."""

    coalition: Coalition
    name: str
    purpose: str = "detect"
    position: Position | None = None
    copy: dict[tuple[str, str], str] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    since_lost: dict[str, set[str]] = field(default_factory=dict)
    """Place key → dates of lines that were taken since the place was last lost."""

    @property
    def member(self) -> Member:
        whole = {**self.coalition.members, "downstream": self.coalition.downstream}
        return whole[self.name]

    @property
    def actor(self) -> Actor:
        return Actor(member_id=self.member.id, purpose=self.purpose)

    @property
    def view(self) -> View:
        kinds = frozenset(kind.value for kind in CollectionKind)
        return View(member_id=self.member.id, user_id=None, kinds=kinds, purpose=self.purpose)

    def page(self, limit: int) -> bool:
        """Take one page; True when there is more."""
        runtime = self.coalition.runtime
        with runtime.db.read() as session:
            position = self.position or begin_position(session)
            found, _ = read(session, self.actor, self.view, position, limit=limit, now=runtime.clock())
        assert len(found.lines) <= limit
        self.position = found.position
        for line in found.lines:
            self._take(json.loads(line))
        return found.more

    def catch_up(self, limit: int = WHOLE_HISTORY) -> list[dict[str, Any]]:
        """Read to the end; what came."""
        known = len(self.log)
        while self.page(limit):
            pass
        return self.log[known:]

    def _take(self, line: dict[str, Any]) -> None:
        self.log.append(line)
        names = {place.key: name for name, place in self.coalition.places.items()}
        where, key = names[line["place"]], (names[line["place"]], line["object"])
        if line["kind"] == ChangeKind.SIGHT_LOST:
            self.copy = {known: text for known, text in self.copy.items() if known[0] != where}
            self.since_lost[line["place"]] = set()
            return
        taken = self.since_lost.setdefault(line["place"], set())
        assert line["date"] not in taken, "the same change came twice"
        taken.add(line["date"])
        if line["kind"] == ChangeKind.SIGHT_GAINED:
            return
        if "body" in line:
            assert self.coalition.sees(self.name, where, self.purpose), "a body came that is hidden now"
            self.copy[key] = line["body"]["text"]
        elif line["kind"] == ChangeKind.SIGNAL_TOMBSTONED:
            self.copy.pop(key, None)


def found(make: Make) -> Coalition:
    """The coalition on its first day: `first` is in the group, `second` and `third` are not."""
    runtime = make.runtime
    owner = make.member()
    members = {name: make.member() for name in ("first", "second", "third")}
    downstream = make.member(kind=MemberKind.DOWNSTREAM, upstream=members["first"])
    group = make.group(owner, [members["first"]], requires=[ATTRIBUTE], allows_downstream=True)
    known = Coalition(runtime, owner, group, members, downstream, inside={"first"})
    for name in ("first", "second"):
        known.until[name] = make.attribute(members[name], ATTRIBUTE).valid_until
    with runtime.db.write() as session:
        for where in PLACES:
            tlp, audience = (Tlp.GREEN, AudienceKind.COMMUNITY) if where == "open" else (Tlp.AMBER, "group")
            marking = Marking(
                id=str(uuid.uuid4()), tlp=tlp, pap=Pap.AMBER, owner_id=owner.id, audience=audience,
                group_id=group.id if audience == "group" else None,
            )  # fmt: skip
            session.add(marking)
            session.flush()
            known.markings[where] = marking.id
            if where == SECTION:
                outer = str(known.places["open"].collection_id)
                known.places[where] = places.of_collection(session, outer, marking.id)
                continue
            row = Collection(
                id=str(uuid.uuid4()), kind=CollectionKind.LIST, owner_id=owner.id, slug=uuid.uuid4().hex,
                title=where, marking_id=marking.id, created_at=runtime.clock(),
            )  # fmt: skip
            session.add(row)
            session.flush()
            known.places[where] = places.of_collection(session, row.id)
        released = str(known.places["group"].collection_id)
        session.add(
            Release(
                id=str(uuid.uuid4()),
                collection_id=released,
                upstream_id=members["first"].id,
                downstream_id=downstream.id,
                created_at=runtime.clock(),
            )
        )
    return known
