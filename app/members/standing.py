"""Where the caller stands: who it is, and what it may see and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from app.clock import DAY
from app.facts import load_views
from app.markings import Collection, Marking
from app.members import groups, queries
from app.parties import Client, Member, User
from app.policy import visible_to
from app.question import Facts, MarkingView
from app.record import Tx
from schemas.vocabulary import (
    AudienceKind,
    BindingDemand,
    CollectionKind,
    GroupStanding,
    MemberKind,
    Scope,
    SightReason,
    TokenBinding,
)

GROUPS_SHOWN = 1_000
SOON = 30 * DAY
"""How long before its end a client is reminded of it."""

_KINDS = {
    Scope.SETS_READ: CollectionKind.SET,
    Scope.SIGNALS_READ: CollectionKind.LIST,
    Scope.SIGNALS_LOOKUP: CollectionKind.LIST,
}


@dataclass(frozen=True, kw_only=True)
class SeenCollection:
    """A collection that the caller sees, with its marking and why."""

    id: str
    kind: CollectionKind
    title: str
    owner: str
    marking: MarkingView
    reason: SightReason


@dataclass(frozen=True, kw_only=True)
class Sights:
    """One page. `excluded`: what the caller would see, were its purpose not prohibited there."""

    collections: Sequence[SeenCollection]
    excluded: Sequence[str]
    last: str | None
    """Id of the last one looked at; None: there are no more."""


@dataclass(frozen=True, kw_only=True)
class DemandedBinding:
    """One reason why the caller's tokens must be bound, and what satisfies it."""

    by: BindingDemand
    any_of: Sequence[TokenBinding]
    group: str | None = None


@dataclass(frozen=True, kw_only=True)
class Caller:
    member: Member
    client: Client | None
    ends_soon: bool
    """The client or its secret ends within `SOON`: somebody should renew it."""
    user: User | None
    scopes: Sequence[str]
    purpose: str | None
    groups: Sequence[groups.GroupView]
    bound_tokens: Sequence[DemandedBinding]
    collections: Sequence[str] | None
    """The only collections that the client may touch; None: no such bound."""


def who(tx: Tx) -> Caller:
    """Who the caller is, with the groups of its member."""
    actor = tx.actor
    client = tx.session.get(Client, actor.client_id) if actor.client_id else None
    known = groups.view(tx, queries.list_groups(tx, None, GROUPS_SHOWN))
    return Caller(
        member=tx.session.get_one(Member, actor.member_id),
        client=client,
        ends_soon=client is not None and ends_soon(client, tx.now),
        user=tx.session.get(User, actor.user_id) if actor.user_id else None,
        scopes=sorted(actor.scopes),
        purpose=actor.purpose,
        groups=known,
        bound_tokens=[*_by_client(client), *_by_groups(known, actor.member_id)],
        collections=None if actor.collections is None else sorted(actor.collections),
    )


def ends_soon(client: Client, now: int) -> bool:
    """Whether a client that may still act ends by itself within `SOON`."""
    return client.disabled_at is None and client.ends_at is not None and now < client.ends_at <= now + SOON


def _by_client(client: Client | None) -> Iterator[DemandedBinding]:
    if client is not None and client.dpop_bound_access_tokens:
        yield DemandedBinding(by=BindingDemand.CLIENT, any_of=[TokenBinding.DPOP])
    if client is not None and client.tls_client_certificate_bound_access_tokens:
        yield DemandedBinding(by=BindingDemand.CLIENT, any_of=[TokenBinding.CERTIFICATE])


def _by_groups(known: Sequence[groups.GroupView], member_id: str | None) -> Iterator[DemandedBinding]:
    for group in known:
        inside = group.standing is GroupStanding.ACTIVE or group.owner == member_id
        if group.requires_bound_tokens and inside:
            yield DemandedBinding(by=BindingDemand.GROUP, any_of=list(TokenBinding), group=group.id)


def sights(tx: Tx, *, after: str | None = None, limit: int = 100) -> Sights:
    """What the caller may see through feeds and lists, by the kinds of its scopes. RED is never in a list."""
    kinds = sorted({kind.value for scope, kind in _KINDS.items() if scope in tx.actor.scopes})
    seen = visible_to(
        tx.actor, tx.now, public_reading=tx.runtime.config.public_reading, through_feed=True, any_purpose=True
    )
    wanted = select(Collection).join(Marking, Marking.id == Collection.marking_id)
    wanted = wanted.where(seen, Collection.kind.in_(kinds)).order_by(Collection.id).limit(limit + 1)
    if after is not None:
        wanted = wanted.where(Collection.id > after)
    rows = tx.session.scalars(wanted).all()
    page = rows[:limit]
    views = load_views(tx.session, [row.marking_id for row in page])
    shown, excluded = [], []
    for row in page:
        view = views[row.marking_id]
        if tx.actor.purpose in view.prohibited and row.owner_id != tx.actor.member_id:
            excluded.append(row.id)
        else:
            shown.append(_seen(row, view, tx.facts))
    return Sights(collections=shown, excluded=excluded, last=page[-1].id if len(rows) > limit else None)


def _seen(row: Collection, view: MarkingView, facts: Facts) -> SeenCollection:
    return SeenCollection(
        id=row.id,
        kind=CollectionKind(row.kind),
        title=row.title,
        owner=row.owner_id,
        marking=view,
        reason=why(facts, view),
    )


def why(facts: Facts, view: MarkingView) -> SightReason:
    """In words why a visible marking is visible; whether it is, only `policy` decides."""
    own = facts.own
    if own is not None and own.member_id == view.owner_id:
        return SightReason.OWNER
    if own is None or view.audience is AudienceKind.PUBLIC:
        return SightReason.PUBLIC
    if view.audience is AudienceKind.COMMUNITY:
        return SightReason.COMMUNITY
    if view.group_id in own.groups:
        return SightReason.GROUP
    if own.member_id in view.members:
        return SightReason.NAMED
    return SightReason.REPRESENTED if own.kind == MemberKind.PEER else SightReason.RELEASED
