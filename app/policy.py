"""Who may see and do what: the only place that knows the rules of markings.

Two questions over one table (docs/policy.md shows it for people):

* `visible_to(actor, …)` in SQL, for lists: which collections, `place_visible` for which places;
* `may(facts, action, thing)` in Python, for one thing: `Allowed` or `Denied(reason)`.

Both take the actor, the time and the purpose as arguments; nothing is ambient. A hypothesis test holds them
to the same answers, and a table written out by hand holds both to the rules.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, or_, true
from sqlalchemy.orm import aliased

from app.errors import Forbidden
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, Place
from app.parties import Attribute, GroupMember, GroupRequirement, Member, Release, SharingGroup, User
from schemas.vocabulary import (
    PAP_RANK,
    TLP_RANK,
    AudienceKind,
    MemberKind,
    MemberStatus,
    Pap,
    Rank,
    Sector,
    Tlp,
)

Condition = ColumnElement[bool]

ALLOWED_AUDIENCES: dict[Tlp, frozenset[AudienceKind]] = {
    Tlp.CLEAR: frozenset({AudienceKind.PUBLIC}),
    Tlp.GREEN: frozenset({AudienceKind.COMMUNITY, AudienceKind.GROUP}),
    Tlp.AMBER: frozenset({AudienceKind.GROUP, AudienceKind.MEMBERS}),
    Tlp.AMBER_STRICT: frozenset({AudienceKind.GROUP, AudienceKind.MEMBERS}),
    Tlp.RED: frozenset({AudienceKind.USERS}),
}


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asks. `user_id` is set for a person only: a personal client's token or a console session."""

    member_id: str | None = None
    client_id: str | None = None
    user_id: str | None = None
    scopes: frozenset[str] = frozenset()
    purpose: str | None = None
    collections: frozenset[str] | None = None
    """The only collections that this client may touch; None: no such bound."""
    system: bool = False
    """The operator at the machine itself (command line, worker): every verb of administration, no sight."""

    @property
    def anonymous(self) -> bool:
        return self.member_id is None and not self.system


ANONYMOUS = Actor()
SYSTEM = Actor(system=True)


@dataclass(frozen=True, kw_only=True)
class MarkingView:
    """A marking with everything that a decision about it needs."""

    tlp: Tlp
    pap: Pap
    owner_id: str
    audience: AudienceKind
    group_id: str | None = None
    members: frozenset[str] = frozenset()
    users: frozenset[str] = frozenset()
    prohibited: frozenset[str] = frozenset()
    downstream_allowed: bool = True
    """The group's terms let material go to downstreams; true where no group is named."""


@dataclass(frozen=True, kw_only=True)
class Thing:
    """What is asked about: a collection, or something in it with a narrower marking of its own."""

    collection_id: str
    marking: MarkingView
    narrower: MarkingView | None = None

    @property
    def owner_id(self) -> str:
        return self.marking.owner_id

    @property
    def effective(self) -> MarkingView:
        return self.narrower or self.marking


@dataclass(frozen=True, kw_only=True)
class Circle:
    """What is true of one member now: its standing in groups, as far as required attributes hold."""

    member_id: str
    sector: str
    active: bool
    groups: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """An actor with everything true of it at one moment. Loaded once per transaction."""

    actor: Actor
    public_reading: bool = False
    kind: str = MemberKind.MEMBER
    same_community: bool = False
    own: Circle | None = None
    upstream: Circle | None = None
    """For a downstream: the member that serves it."""
    represented: tuple[Circle, ...] = ()
    """For a peer server: its members that are known here."""
    released: frozenset[str] = field(default_factory=frozenset)
    """Collections that the upstream released to this downstream."""


class Action(StrEnum):
    READ = "read"
    RECEIVE = "receive"
    """Read through a feed, export or lookup: RED never travels there."""
    EDIT = "edit"
    """Draft, publish, deprecate, retract, withdraw, see the recipients: the owner's."""
    NARROW = "narrow"
    WIDEN = "widen"
    RELEASE = "release"
    """Let an own downstream see it."""


@dataclass(frozen=True)
class Allowed:
    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Denied:
    """`reason` is a code for programs and the audit log, `detail` says what would help."""

    reason: str
    detail: str

    def __bool__(self) -> bool:
        return False


Verdict = Allowed | Denied

ALLOWED = Allowed()
NOT_VISIBLE = Denied("not_visible", "This marking does not address you.")
NOT_OWNER = Denied("not_owner", "Only the member that owns it may do this.")
NOT_BOUND = Denied("client_not_bound", "This client is bound to other collections. Use another client.")
NEEDS_PERSON = Denied("needs_person", "A person must do this: use a personal client or the console.")
NEEDS_SECOND = Denied(
    "needs_second_person", "Widening from TLP:AMBER+STRICT up needs the approval of a second person."
)
SUSPENDED = Denied("member_not_active", "The member is not active. Ask the coalition's operator.")


# ── One thing, in Python ────────────────────────────────────────────────────────────────────────────────


def may(facts: Facts, action: Action, thing: Thing) -> Verdict:
    """Decide one action on one thing. The first rule that forbids gives the reason."""
    actor = facts.actor
    if actor.collections is not None and thing.collection_id not in actor.collections:
        return NOT_BOUND
    if facts.own is not None and not facts.own.active:
        return SUSPENDED
    if action in {Action.READ, Action.RECEIVE}:
        return _may_read(facts, thing, through_feed=action is Action.RECEIVE)
    if action is Action.RELEASE:
        return _may_release(facts, thing)
    if actor.member_id != thing.owner_id:
        return NOT_OWNER
    if thing.effective.tlp is Tlp.RED and actor.user_id is None:
        return NEEDS_PERSON
    if action is Action.WIDEN:
        if actor.user_id is None:
            return NEEDS_PERSON
        if TLP_RANK[thing.effective.tlp] >= Rank.AMBER_STRICT:
            return NEEDS_SECOND
    return ALLOWED


def require(facts: Facts, action: Action, thing: Thing) -> None:
    """Raise `Forbidden` with the reason unless `may` allows it."""
    verdict = may(facts, action, thing)
    if isinstance(verdict, Denied):
        raise Forbidden(verdict.detail, reason=verdict.reason)


def require_person(actor: Actor) -> str:
    """The id of the user who acts; `Forbidden` for a service client."""
    if actor.user_id is None:
        raise Forbidden(NEEDS_PERSON.detail, reason=NEEDS_PERSON.reason)
    return actor.user_id


def _may_read(facts: Facts, thing: Thing, *, through_feed: bool) -> Verdict:
    views = [thing.marking] if thing.narrower is None else [thing.marking, thing.narrower]
    for view in views:
        if through_feed and view.tlp is Tlp.RED:
            return NOT_VISIBLE
        if not _sees(facts, view, thing.collection_id):
            return NOT_VISIBLE
    for view in views:
        if facts.actor.purpose in view.prohibited and facts.actor.member_id != view.owner_id:
            return Denied(
                "purpose_prohibited",
                f"Its owner prohibits the purpose {facts.actor.purpose}. Ask for a token with another purpose.",
            )
    return ALLOWED


def _may_release(facts: Facts, thing: Thing) -> Verdict:
    view = thing.marking
    if view.tlp not in {Tlp.GREEN, Tlp.AMBER} or not view.downstream_allowed:
        return Denied("not_releasable", "Its marking or the group's terms do not let it go to a downstream.")
    if facts.own is None or not (_in_audience(facts.own, view) or facts.own.member_id == view.owner_id):
        return NOT_VISIBLE
    return ALLOWED


def _sees(facts: Facts, view: MarkingView, collection_id: str) -> bool:
    own = facts.own
    if own is None:
        return view.audience is AudienceKind.PUBLIC and facts.public_reading and facts.actor.anonymous
    if not own.active:
        return False
    if view.tlp is Tlp.RED:
        return facts.actor.user_id is not None and facts.actor.user_id in view.users
    if own.member_id == view.owner_id or view.audience is AudienceKind.PUBLIC:
        return True
    if view.audience is AudienceKind.COMMUNITY:
        if facts.kind == MemberKind.PEER:
            return facts.same_community
        return own.sector != Sector.AUTHORITY
    if _in_audience(own, view):
        return True
    return view.tlp is not Tlp.AMBER_STRICT and _sees_through_another(facts, view, collection_id)


def _sees_through_another(facts: Facts, view: MarkingView, collection_id: str) -> bool:
    if facts.kind == MemberKind.PEER:
        return any(member.active and _in_audience(member, view) for member in facts.represented)
    upstream = facts.upstream
    if facts.kind != MemberKind.DOWNSTREAM or upstream is None or collection_id not in facts.released:
        return False
    entitled = _in_audience(upstream, view) or upstream.member_id == view.owner_id
    return upstream.active and view.downstream_allowed and entitled


def _in_audience(member: Circle, view: MarkingView) -> bool:
    if view.audience is AudienceKind.GROUP:
        return view.group_id in member.groups
    named = view.audience is AudienceKind.MEMBERS and member.member_id in view.members
    return named and member.sector != Sector.AUTHORITY


# ── Many things, in SQL ─────────────────────────────────────────────────────────────────────────────────


def visible_to(
    actor: Actor,
    now: int,
    *,
    public_reading: bool = False,
    through_feed: bool = False,
    any_purpose: bool = False,
) -> Condition:
    """Condition over `Collection` joined to its `Marking`: this actor sees it.

    Args:
        through_feed: also leave out what never travels in feeds, lookups and exports (RED).
        any_purpose: do not leave out collections that prohibit the actor's purpose.
    """
    parts = [_actor_sees(actor, Marking, Collection.id, now, public_reading=public_reading)]
    if through_feed:
        parts.append(Marking.tlp != Tlp.RED)
    if not any_purpose:
        parts.append(_purpose_allowed(actor, Marking))
    if actor.collections is not None:
        parts.append(Collection.id.in_(sorted(actor.collections)))
    return and_(*parts)


def place_visible(actor: Actor, now: int, *, any_purpose: bool = False) -> Condition:
    """Condition over `Place` of kind `collection`, joined to `Collection` and its `Marking`, for feeds."""
    inner = aliased(Marking)
    parts = [inner.id == Place.marking_id, _actor_sees(actor, inner, Place.collection_id, now)]
    parts.append(inner.tlp != Tlp.RED)
    if not any_purpose:
        parts.append(_purpose_allowed(actor, inner))
    narrower_visible = or_(Place.marking_id.is_(None), exists().where(*parts))
    return and_(visible_to(actor, now, through_feed=True, any_purpose=any_purpose), narrower_visible)


def item_visible(actor: Actor, marking_id: Any, collection_id: Any, now: int) -> Condition:
    """Condition for an item whose narrower marking (or NULL) is `marking_id`; its collection is asked apart."""
    inner = aliased(Marking)
    seen = and_(
        inner.id == marking_id, _actor_sees(actor, inner, collection_id, now), _purpose_allowed(actor, inner)
    )
    return or_(marking_id.is_(None), exists().where(seen))


def member_sees(reader: Any, marking: Any, collection_id: Any, now: int) -> Condition:
    """Condition: the member row `reader` sees what carries `marking`, through feeds (so never RED).

    `reader` and `marking` are mapped classes or aliases of the enclosing statement, so that the same rule
    answers for one reader and for all of them.
    """
    community = or_(
        and_(reader.kind == MemberKind.PEER, reader.same_community.is_(True)),
        and_(reader.kind != MemberKind.PEER, reader.sector != Sector.AUTHORITY),
    )
    beyond = and_(marking.tlp != Tlp.AMBER_STRICT, _through_another(reader, marking, collection_id, now))
    return and_(
        reader.status == MemberStatus.ACTIVE,
        marking.tlp != Tlp.RED,
        or_(
            reader.id == marking.owner_id,
            marking.audience == AudienceKind.PUBLIC,
            and_(marking.audience == AudienceKind.COMMUNITY, community),
            _addressed(reader, marking, now),
            beyond,
        ),
    )


def _actor_sees(
    actor: Actor, marking: Any, collection_id: Any, now: int, *, public_reading: bool = False
) -> Condition:
    if actor.anonymous:
        return marking.audience == AudienceKind.PUBLIC if public_reading else false()
    if actor.member_id is None:
        return false()
    reader = aliased(Member)
    seen = exists().where(reader.id == actor.member_id, member_sees(reader, marking, collection_id, now))
    if actor.user_id is None:
        return seen
    named = exists().where(
        MarkingUser.marking_id == marking.id,
        MarkingUser.user_id == actor.user_id,
        User.id == MarkingUser.user_id,
        User.disabled_at.is_(None),
        reader.id == User.member_id,
        reader.status == MemberStatus.ACTIVE,
    )
    return or_(seen, and_(marking.tlp == Tlp.RED, named))


def _purpose_allowed(actor: Actor, marking: Any) -> Condition:
    if actor.purpose is None:
        return true()
    prohibits = exists().where(
        MarkingPurpose.marking_id == marking.id, MarkingPurpose.purpose == actor.purpose
    )
    return or_(marking.owner_id == actor.member_id, ~prohibits)


def _addressed(reader: Any, marking: Any, now: int) -> Condition:
    named = exists().where(
        MarkingMember.marking_id == marking.id, MarkingMember.member_id == reader.id
    )
    return or_(
        and_(marking.audience == AudienceKind.GROUP, in_group(reader.id, marking.group_id, now)),
        and_(marking.audience == AudienceKind.MEMBERS, reader.sector != Sector.AUTHORITY, named),
    )


def in_group(member_id: Any, group_id: Any, now: int) -> Condition:
    """Condition: the member is active in the group and holds every attribute that it requires, now."""
    holds = exists().where(
        Attribute.member_id == member_id,
        Attribute.name == GroupRequirement.attribute,
        Attribute.valid_until > now,
    )
    lacks_one = exists().where(GroupRequirement.group_id == group_id, ~holds)
    return exists().where(
        GroupMember.group_id == group_id,
        GroupMember.member_id == member_id,
        GroupMember.active.is_(True),
        ~lacks_one,
    )


def _through_another(reader: Any, marking: Any, collection_id: Any, now: int) -> Condition:
    """Through the member that serves a downstream, or through a peer server's members."""
    other = aliased(Member)
    entitled = or_(_addressed(other, marking, now), other.id == marking.owner_id)
    terms_allow = or_(
        marking.group_id.is_(None),
        exists().where(SharingGroup.id == marking.group_id, SharingGroup.allows_downstream.is_(True)),
    )
    released = exists().where(
        Release.collection_id == collection_id,
        Release.downstream_id == reader.id,
        Release.upstream_id == reader.upstream_id,
        other.id == reader.upstream_id,
        other.status == MemberStatus.ACTIVE,
        entitled,
    )
    member = aliased(Member)
    represented = exists().where(
        member.peer_id == reader.id,
        member.status == MemberStatus.ACTIVE,
        _addressed(member, marking, now),
    )
    return or_(
        and_(reader.kind == MemberKind.DOWNSTREAM, terms_allow, released),
        and_(reader.kind == MemberKind.PEER, represented),
    )


# ── Wider and narrower ──────────────────────────────────────────────────────────────────────────────────


def check_audience(view: MarkingView) -> str | None:
    """What is wrong with a marking on its own, in words for its author; None if nothing is."""
    if view.audience not in ALLOWED_AUDIENCES[view.tlp]:
        allowed = ", ".join(sorted(ALLOWED_AUDIENCES[view.tlp]))
        return f"{view.tlp} takes an audience of kind: {allowed}."
    if view.audience is AudienceKind.GROUP and view.group_id is None:
        return "Name the sharing group of the audience."
    if view.audience is AudienceKind.MEMBERS and not view.members:
        return "Name at least one member of the audience."
    if view.audience is AudienceKind.USERS and not view.users:
        return "TLP:RED names its readers: give at least one user."
    return None


def at_least_as_strict(new: MarkingView, old: MarkingView) -> bool:
    """Label, PAP and prohibited purposes are no weaker, and the audience is of a kind that can be narrower.

    Whether nobody gains sight is asked of the database too (`app.feed.sight.readers`): both must hold.
    """
    if TLP_RANK[new.tlp] < TLP_RANK[old.tlp] or PAP_RANK[new.pap] < PAP_RANK[old.pap]:
        return False
    if not new.prohibited >= old.prohibited or new.owner_id != old.owner_id:
        return False
    if old.audience is AudienceKind.GROUP and new.audience is AudienceKind.GROUP:
        return new.group_id == old.group_id
    if old.audience is AudienceKind.MEMBERS:
        return new.audience is AudienceKind.USERS or (
            new.audience is AudienceKind.MEMBERS and new.members <= old.members
        )
    if old.audience is AudienceKind.USERS:
        return new.audience is AudienceKind.USERS and new.users <= old.users
    return True
