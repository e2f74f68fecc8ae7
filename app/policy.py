"""Who may see and do what: the only place that knows the rules of markings.

Two questions over one table (docs/policy.md shows it for people):

* `visible_to(actor, …)` in SQL, for lists: which collections, `place_visible` for which places;
* `may(facts, action, thing)` in Python, for one thing: `Allowed` or `Denied(reason)`.

Both take the actor, the time and the purpose as arguments; nothing is ambient. A hypothesis test holds them
to the same answers, and a table written out by hand holds both to the rules.
"""

from typing import Any

from sqlalchemy import ColumnElement, Exists, and_, exists, false, or_, true
from sqlalchemy.orm import aliased

from app.errors import Forbidden
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, Place
from app.parties import Attribute, GroupMember, GroupRequirement, Member, Release, SharingGroup, User
from app.question import Action, Actor, Allowed, Circle, Denied, Facts, MarkingView, Thing, Verdict
from schemas.vocabulary import (
    TLP_RANK,
    AudienceKind,
    Contributors,
    MemberKind,
    MemberStatus,
    Rank,
    Sector,
    Tlp,
)

Condition = ColumnElement[bool]

ALLOWED = Allowed()
NOT_VISIBLE = Denied("not_visible", "This marking does not address you.")
NOT_OWNER = Denied("not_owner", "Only the member that owns it may do this.")
NOT_ADDRESSED = Denied(
    "not_addressed", "Only a member that is addressed itself may do this: ask the one that lets you see it."
)
NOT_BOUND = Denied("client_not_bound", "This client is bound to other collections. Use another client.")
NEEDS_PERSON = Denied("needs_person", "A person must do this: use a personal client or the console.")
NEEDS_SECOND = Denied("needs_second_person", "From TLP:AMBER+STRICT up a second person approves a widening.")
NOT_INDEPENDENT = Denied("not_independent", "Another member must attest what this one publishes.")
NOT_ACCREDITED = Denied("not_accredited", "Only a validation body attests: ask the operator to accredit it.")
SUSPENDED = Denied("member_not_active", "The member is not active. Ask the coalition's operator.")
NOT_RELEASABLE = Denied(
    "not_releasable", "Its marking or the group's terms do not let it go to a downstream."
)


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
    if action in {Action.EXAMINE, Action.ATTEST}:
        return _may_validate(facts, action, thing)
    if action is Action.CONTRIBUTE and actor.member_id != thing.owner_id:
        return _may_contribute(facts, thing)
    if action is Action.JUDGE:
        return _may_judge(facts, thing)
    if action is Action.RECALL:
        return ALLOWED if facts.own is not None and _sees_whole(facts, thing) else NOT_VISIBLE
    return _may_change(facts, action, thing)


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


def _may_change(facts: Facts, action: Action, thing: Thing) -> Verdict:
    actor, own = facts.actor, facts.own
    if own is None or own.member_id != thing.owner_id:
        return NOT_OWNER
    if thing.effective.tlp is Tlp.RED:
        if actor.user_id is None:
            return NEEDS_PERSON
        if not _sees_red(facts, own, thing.effective):
            return NOT_VISIBLE
    if action in {Action.REVIEW, Action.WIDEN, Action.WIDEN_SECOND} and actor.user_id is None:
        return NEEDS_PERSON
    if action is Action.WIDEN and TLP_RANK[thing.effective.tlp] >= Rank.AMBER_STRICT:
        return NEEDS_SECOND
    return ALLOWED


def _may_validate(facts: Facts, action: Action, thing: Thing) -> Verdict:
    """A candidate is read by its owner and by the bodies invited on it; what is published, by who sees it."""
    if facts.actor.member_id == thing.owner_id:
        return NOT_INDEPENDENT if action is Action.ATTEST else _may_change(facts, Action.EDIT, thing)
    if thing.invited is not None and facts.actor.member_id not in thing.invited:
        return NOT_VISIBLE
    seen = _may_read(facts, thing, through_feed=False)
    if not seen or action is Action.EXAMINE:
        return seen
    if facts.person is None:
        return NEEDS_PERSON
    return ALLOWED if facts.accredited else NOT_ACCREDITED


def _may_contribute(facts: Facts, thing: Thing) -> Verdict:
    """Another member than the owner: only where the owner lets its audience, and who is addressed itself."""
    if thing.contributors is not Contributors.AUDIENCE:
        return NOT_OWNER
    verdict = _may_read(facts, thing, through_feed=False)
    if isinstance(verdict, Denied):
        return verdict
    addressed = facts.own is not None and _addressed_itself(facts.own, thing.marking)
    return ALLOWED if addressed else NOT_ADDRESSED


def _may_judge(facts: Facts, thing: Thing) -> Verdict:
    """Who reads it may say what it thinks: a peer server and an authority that no group lets in may not."""
    own, verdict = facts.own, _may_read(facts, thing, through_feed=False)
    if isinstance(verdict, Denied):
        return verdict
    if own is None or own.kind == MemberKind.PEER:
        return NOT_ADDRESSED
    if own.sector != Sector.AUTHORITY or own.member_id == thing.owner_id:
        return ALLOWED
    return ALLOWED if _addressed_itself(own, thing.marking) else NOT_ADDRESSED


def _addressed_itself(own: Circle, view: MarkingView) -> bool:
    """Not through an upstream, not for others as a peer does; an authority through a group alone."""
    if own.kind == MemberKind.PEER:
        return False
    if view.audience in {AudienceKind.PUBLIC, AudienceKind.COMMUNITY}:
        return own.sector != Sector.AUTHORITY
    return _in_audience(own, view)


def _sees_whole(facts: Facts, thing: Thing) -> bool:
    return all(_sees(facts, view, thing.collection_id) for view in thing.views)


def _may_read(facts: Facts, thing: Thing, *, through_feed: bool) -> Verdict:
    views = thing.views
    if through_feed and any(view.tlp is Tlp.RED for view in views):
        return NOT_VISIBLE
    if not _sees_whole(facts, thing):
        return NOT_VISIBLE
    for view in views:
        if facts.actor.purpose in view.prohibited and facts.actor.member_id != view.owner_id:
            return Denied(
                "purpose_prohibited",
                f"Its owner prohibits the purpose {facts.actor.purpose}. Use a token with another purpose.",
            )
    return ALLOWED


def _may_release(facts: Facts, thing: Thing) -> Verdict:
    view = thing.marking
    if view.tlp not in {Tlp.GREEN, Tlp.AMBER} or not view.downstream_allowed:
        return NOT_RELEASABLE
    if facts.own is None or not (_in_audience(facts.own, view) or facts.own.member_id == view.owner_id):
        return NOT_VISIBLE
    return ALLOWED


def _sees(facts: Facts, view: MarkingView, collection_id: str) -> bool:
    own = facts.own
    if own is None:
        return view.audience is AudienceKind.PUBLIC and facts.public_reading and facts.actor.anonymous
    if view.tlp is Tlp.RED:
        return _sees_red(facts, own, view)
    if own.member_id == view.owner_id or view.audience is AudienceKind.PUBLIC:
        return True
    if own.sector == Sector.AUTHORITY and view.audience is not AudienceKind.GROUP:
        return False
    if view.audience is AudienceKind.COMMUNITY:
        return facts.same_community if own.kind == MemberKind.PEER else True
    if _in_audience(own, view):
        return True
    return view.tlp is not Tlp.AMBER_STRICT and _sees_through_another(facts, own, view, collection_id)


def _sees_red(facts: Facts, own: Circle, view: MarkingView) -> bool:
    """The named user alone, as a person; one of an authority only what that authority itself marked."""
    if facts.person not in view.users:
        return False
    return own.sector != Sector.AUTHORITY or own.member_id == view.owner_id


def _sees_through_another(facts: Facts, own: Circle, view: MarkingView, collection_id: str) -> bool:
    upstream = facts.upstream
    if own.kind == MemberKind.PEER:
        return any(member.active and _in_audience(member, view) for member in facts.represented)
    served = own.kind == MemberKind.DOWNSTREAM and own.sector != Sector.AUTHORITY
    if not served or upstream is None or collection_id not in facts.released:
        return False
    entitled = _in_audience(upstream, view) or upstream.member_id == view.owner_id
    return upstream.active and view.downstream_allowed and entitled


def _in_audience(member: Circle, view: MarkingView) -> bool:
    """Addressed itself. A peer server never is: it receives for its members."""
    if member.kind == MemberKind.PEER:
        return False
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
    """Condition over `Place` of kind `collection`, joined to `Collection` and its `Marking`, for feeds.

    For members only: nobody reads a feed without a token.
    """
    inner = aliased(Marking)
    parts = [inner.id == Place.marking_id, _actor_sees(actor, inner, Place.collection_id, now)]
    parts.append(inner.tlp != Tlp.RED)
    if not any_purpose:
        parts.append(_purpose_allowed(actor, inner))
    narrower_visible = or_(Place.marking_id.is_(None), _any(inner).where(*parts))
    return and_(visible_to(actor, now, through_feed=True, any_purpose=any_purpose), narrower_visible)


def item_visible(
    actor: Actor, marking_id: Any, collection_id: Any, now: int, *, public_reading: bool = False
) -> Condition:
    """Condition for an item whose narrower marking is `marking_id` or NULL; its collection is asked apart."""
    inner = aliased(Marking)
    seen = and_(
        inner.id == marking_id,
        _actor_sees(actor, inner, collection_id, now, public_reading=public_reading),
        _purpose_allowed(actor, inner),
    )
    return or_(marking_id.is_(None), _any(inner).where(seen))


def member_sees(
    reader: Any, marking: Any, collection_id: Any, now: int, *, any_status: bool = False
) -> Condition:
    """Condition: the member row `reader` sees what carries `marking`, through feeds (so never RED).

    `reader` and `marking` are mapped classes or aliases of the enclosing statement, so that the same rule
    answers for one reader and for all of them. `any_status` also counts members that are suspended for now.
    """
    community = or_(reader.kind != MemberKind.PEER, reader.same_community.is_(True))
    beyond = and_(marking.tlp != Tlp.AMBER_STRICT, _through_another(reader, marking, collection_id, now))
    addressed = or_(
        and_(marking.audience == AudienceKind.COMMUNITY, community), _addressed(reader, marking, now), beyond
    )
    open_to_it = or_(reader.sector != Sector.AUTHORITY, marking.audience == AudienceKind.GROUP)
    return and_(
        true() if any_status else reader.status == MemberStatus.ACTIVE,
        marking.tlp != Tlp.RED,
        or_(
            reader.id == marking.owner_id,
            marking.audience == AudienceKind.PUBLIC,
            and_(open_to_it, addressed),
        ),
    )


def _any(*own: Any) -> Exists:
    """EXISTS over its own tables; every other one that it mentions belongs to an enclosing statement.

    Left to itself, a table of a statement two levels up would quietly become a second, unrelated one, and the
    condition true for everybody.
    """
    return exists().select_from(*own).correlate_except(*own)


def _actor_sees(
    actor: Actor, marking: Any, collection_id: Any, now: int, *, public_reading: bool = False
) -> Condition:
    if actor.anonymous:
        return marking.audience == AudienceKind.PUBLIC if public_reading else false()
    if actor.member_id is None:
        return false()
    reader = aliased(Member)
    seen = _any(reader).where(reader.id == actor.member_id, member_sees(reader, marking, collection_id, now))
    if actor.user_id is None:
        return seen
    named = _any(MarkingUser, User, reader).where(
        MarkingUser.marking_id == marking.id,
        MarkingUser.user_id == actor.user_id,
        User.id == MarkingUser.user_id,
        User.disabled_at.is_(None),
        User.member_id == actor.member_id,
        reader.id == User.member_id,
        reader.status == MemberStatus.ACTIVE,
        or_(reader.sector != Sector.AUTHORITY, reader.id == marking.owner_id),
    )
    return or_(seen, and_(marking.tlp == Tlp.RED, named))


def _purpose_allowed(actor: Actor, marking: Any) -> Condition:
    if actor.purpose is None:
        return true()
    prohibits = _any(MarkingPurpose).where(
        MarkingPurpose.marking_id == marking.id, MarkingPurpose.purpose == actor.purpose
    )
    return or_(marking.owner_id == actor.member_id, ~prohibits)


def _addressed(reader: Any, marking: Any, now: int) -> Condition:
    named = _any(MarkingMember).where(
        MarkingMember.marking_id == marking.id, MarkingMember.member_id == reader.id
    )
    return and_(
        reader.kind != MemberKind.PEER,
        or_(
            and_(marking.audience == AudienceKind.GROUP, in_group(reader.id, marking.group_id, now)),
            and_(marking.audience == AudienceKind.MEMBERS, reader.sector != Sector.AUTHORITY, named),
        ),
    )


def in_group(member_id: Any, group_id: Any, now: int) -> Condition:
    """Condition: the member is active in the group and holds every attribute that it requires, now."""
    holds = _any(Attribute).where(
        Attribute.member_id == member_id,
        Attribute.name == GroupRequirement.attribute,
        Attribute.valid_until > now,
    )
    lacks_one = _any(GroupRequirement).where(GroupRequirement.group_id == group_id, ~holds)
    inside = aliased(GroupMember)  # so that the question may be asked of a row of the same table
    return _any(inside).where(
        inside.group_id == group_id, inside.member_id == member_id, inside.active.is_(True), ~lacks_one
    )


def _through_another(reader: Any, marking: Any, collection_id: Any, now: int) -> Condition:
    """Through the member that serves a downstream, or through a peer server's members."""
    other = aliased(Member)
    entitled = or_(_addressed(other, marking, now), other.id == marking.owner_id)
    terms_allow = or_(
        marking.group_id.is_(None),
        _any(SharingGroup).where(
            SharingGroup.id == marking.group_id, SharingGroup.allows_downstream.is_(True)
        ),
    )
    released = _any(Release, other).where(
        Release.collection_id == collection_id,
        Release.downstream_id == reader.id,
        Release.upstream_id == reader.upstream_id,
        other.id == reader.upstream_id,
        other.status == MemberStatus.ACTIVE,
        entitled,
    )
    member = aliased(Member)
    represented = _any(member).where(
        member.peer_id == reader.id,
        member.status == MemberStatus.ACTIVE,
        _addressed(member, marking, now),
    )
    return or_(
        and_(reader.kind == MemberKind.DOWNSTREAM, reader.sector != Sector.AUTHORITY, terms_allow, released),
        and_(reader.kind == MemberKind.PEER, represented),
    )
