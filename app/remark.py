"""Gives collections and items their marking, and changes it: what sets and lists have in common.

A marking arrives as the wire form of `schemas.markings` and becomes a `MarkingView` for `policy`, then rows.
The rules themselves are in `app.policy`; who really gains or loses sight is asked of the database.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import delete, insert, not_, or_, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session, aliased

from app import canonical
from app.errors import Invalid
from app.facts import load_thing, load_views
from app.feed import places
from app.feed.sight import Scope
from app.markings import Collection, Marking, MarkingMember, MarkingPurpose, MarkingUser, WideningProposal
from app.parties import GroupMember, Member, SharingGroup, User
from app.policy import member_sees, require_person
from app.question import Action, Actor, MarkingView
from app.record import Tx
from app.strictness import at_least_as_strict, check_audience
from schemas.vocabulary import AudienceKind, ChangeKind, MemberStatus, Pap, ProposalStatus, Sector, Tlp

Direction = Literal["narrowed", "widened"]

_NAMED_BY = {AudienceKind.GROUP: "group", AudienceKind.MEMBERS: "members", AudienceKind.USERS: "users"}


# ── From and to the wire ────────────────────────────────────────────────────────────────────────────────


def resolve(
    session: Session, owner_id: str, marking: Mapping[str, Any], *, actor: Actor, pointer: str = "/marking"
) -> MarkingView:
    """The view of a marking as it was sent (`schemas.markings.MarkingSchema`).

    Whoever marks something TLP:RED is its author and counts among the named users.

    Args:
        pointer: where the marking stands in the request, for `errors`.

    Raises:
        Invalid: label and audience do not fit, or name somebody who is not known to the owner.
        Forbidden: TLP:RED by a service client.
    """
    audience = marking["audience"]
    kind = AudienceKind(audience["kind"])
    for other, field in _NAMED_BY.items():
        if other is not kind and audience.get(field):
            detail = f"An audience of kind {kind} names no {field}. Choose one kind of audience."
            raise _invalid(f"{pointer}/audience/{field}", detail)
    tlp = Tlp(marking["tlp"])
    author = {require_person(actor)} if tlp is Tlp.RED else set()
    group_id = str(audience["group"]) if audience.get("group") else None
    named = [str(user) for user in audience.get("users") or ()]
    view = MarkingView(
        tlp=tlp,
        pap=Pap(marking["pap"]),
        owner_id=owner_id,
        audience=kind,
        group_id=group_id,
        members=frozenset(_known_members(session, audience.get("members") or (), f"{pointer}/audience")),
        users=frozenset(_known_users(session, named, f"{pointer}/audience")),
        prohibited=frozenset(str(purpose) for purpose in marking.get("prohibited_purposes") or ()),
        downstream_allowed=_group_terms(session, owner_id, group_id, f"{pointer}/audience/group"),
    )
    wrong = check_audience(view) or _addresses_authority(session, view)
    if wrong is not None:
        raise _invalid(f"{pointer}/audience", wrong)
    return _with_users(view, author)


def to_wire(view: MarkingView, reader: str | None) -> dict[str, Any]:
    """The wire form. Recipients see label, PAP and group; only the owner sees whom it named.

    Args:
        reader: id of the member that asks; None for what everybody reads (feed lines, envelopes).
    """
    audience: dict[str, Any] = {"kind": view.audience.value}
    if view.group_id is not None:
        audience["group"] = view.group_id
    if reader is not None and reader == view.owner_id:
        if view.members:
            audience["members"] = sorted(view.members)
        if view.users:
            audience["users"] = sorted(view.users)
    return {
        "tlp": view.tlp.value,
        "pap": view.pap.value,
        "audience": audience,
        "prohibited_purposes": sorted(view.prohibited),
    }


def _invalid(pointer: str, detail: str) -> Invalid:
    return Invalid(
        "The marking cannot be used. Correct it: nothing is taken in without one.",
        errors=[{"pointer": pointer, "detail": detail}],
    )


def _group_terms(session: Session, owner_id: str, group_id: str | None, pointer: str) -> bool:
    """Whether material may go on to downstreams; a group that is not the owner's is as good as unknown."""
    if group_id is None:
        return True
    group = session.get(SharingGroup, group_id)
    membership = session.get(GroupMember, (group_id, owner_id))
    if group is None or not (group.owner_id == owner_id or (membership is not None and membership.active)):
        raise _invalid(pointer, "You are in no such sharing group. Name one that you belong to.")
    return group.allows_downstream


def _known_members(session: Session, asked: Sequence[Any], pointer: str) -> list[str]:
    ids = [str(item) for item in asked]
    known = select(Member.id).where(Member.id.in_(ids), Member.status != MemberStatus.OFFBOARDED)
    return _all_known(ids, set(session.scalars(known)), f"{pointer}/members", "member")


def _known_users(session: Session, ids: list[str], pointer: str) -> list[str]:
    known = select(User.id).where(User.id.in_(ids), User.disabled_at.is_(None))
    return _all_known(ids, set(session.scalars(known)), f"{pointer}/users", "user")


def _addresses_authority(session: Session, view: MarkingView) -> str | None:
    """Names that would be given nothing: an authority sees what is public, and what its groups hold."""
    persons = select(User.member_id).where(User.id.in_(view.users))
    named = select(Member.id).where(
        or_(Member.id.in_(view.members), Member.id.in_(persons)),
        Member.sector == Sector.AUTHORITY,
        Member.id != view.owner_id,
    )
    if session.scalar(named.limit(1)) is None:
        return None
    return "An authority cannot be named by itself. Use an audience of kind group, of a group that it is in."


def _all_known(ids: list[str], known: set[str], pointer: str, what: str) -> list[str]:
    for position, item in enumerate(ids):
        if item not in known:
            raise _invalid(f"{pointer}/{position}", f"There is no such {what}. Check the id.")
    return ids


def _with_users(view: MarkingView, users: set[str]) -> MarkingView:
    return MarkingView(**(view.__dict__ | {"users": view.users | users}))


# ── Rows ────────────────────────────────────────────────────────────────────────────────────────────────


def store(session: Session, view: MarkingView) -> Marking:
    """New rows for a collection's marking."""
    row = Marking(id=str(uuid.uuid4()), identity=None, **_columns(view))
    session.add(row)
    session.flush()
    _store_names(session, row.id, view)
    return row


def intern_narrower(session: Session, collection: Collection, view: MarkingView, now: int) -> Marking:
    """The marking of an item that is narrower than its collection's; equal ones in a collection are one row.

    A refusal leaves nothing behind, so that the next item of a batch can go on.

    Raises:
        Invalid: somebody would read it who does not read the collection, or a label is weaker.
    """
    outer = load_views(session, [collection.marking_id])[collection.marking_id]
    wider = _invalid("/marking", "An item's marking must be at least as narrow as its collection's.")
    if not at_least_as_strict(view, outer):
        raise wider
    with session.begin_nested():
        marking = _intern(session, identity(collection.id, view), view)
        if _adds_readers(session, collection, marking.id, view, now):
            raise wider
    return marking


def _intern(session: Session, identity: str, view: MarkingView) -> Marking:
    wanted = select(Marking).where(Marking.identity == identity)
    found = session.scalar(wanted)
    if found is not None:
        return found
    make: Any = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    row = {"id": str(uuid.uuid4()), "identity": identity, **_columns(view)}
    session.execute(make(Marking).values(row).on_conflict_do_nothing(index_elements=["identity"]))
    marking = session.execute(wanted).scalar_one()
    if marking.id == row["id"]:  # another transaction was not first
        _store_names(session, marking.id, view)
    return marking


def identity(collection_id: str, view: MarkingView) -> str:
    """A digest by which equal markings in a collection are known."""
    parts = {
        "collection": collection_id,
        "group": view.group_id,
        "members": sorted(view.members),
        "owner": view.owner_id,
        "prohibited": sorted(view.prohibited),
        "users": sorted(view.users),
        "tlp": view.tlp.value,
        "pap": view.pap.value,
        "audience": view.audience.value,
    }
    return canonical.digest(canonical.encode(parts))


def _columns(view: MarkingView) -> dict[str, str | None]:
    return {
        "tlp": view.tlp.value,
        "pap": view.pap.value,
        "owner_id": view.owner_id,
        "audience": view.audience.value,
        "group_id": view.group_id,
    }


def _store_names(session: Session, marking_id: str, view: MarkingView) -> None:
    for table, column, values in (
        (MarkingMember, "member_id", view.members),
        (MarkingUser, "user_id", view.users),
        (MarkingPurpose, "purpose", view.prohibited),
    ):
        rows = [{"marking_id": marking_id, column: value} for value in sorted(values)]
        if rows:
            session.execute(insert(table), rows)


# ── Narrower and wider ──────────────────────────────────────────────────────────────────────────────────


def change_collection_marking(
    tx: Tx, collection: Collection, view: MarkingView, *, wider: Action = Action.WIDEN
) -> Direction:
    """Give a collection another marking, and tell everybody who gains or loses sight by it.

    Only a change by which nobody gains sight and no label, PAP or prohibited purpose is weakened is narrower.
    The transaction must have begun with `moves_policy=True`. What is narrowed to TLP:RED leaves all places:
    its tombstones and pointers are the caller's lines.

    Args:
        wider: what the actor must be allowed where it is wider.

    Raises:
        Forbidden: not the owner; or wider, and the actor is no person, or a second person is needed.
    """
    session = tx.session
    thing = load_thing(session, collection)
    tx.require(Action.NARROW, thing)
    if view.tlp is Tlp.RED:
        require_person(tx.actor)
    places.of_collection(session, collection.id)
    known = len(tx.lines)
    weaker = not at_least_as_strict(view, thing.marking) or _names_outsiders(
        session, collection, view, tx.now
    )
    before = _readers(session, collection, tx.now)
    with tx.watching(Scope(collections=frozenset({collection.id}))):
        _replace(session, collection.marking_id, view)
        if identity(collection.id, view) != identity(collection.id, thing.marking):
            _end_proposals(session, collection.id)
    gained = not _readers(session, collection, tx.now) <= before or any(
        line.kind is ChangeKind.SIGHT_GAINED and line.collection_id == collection.id
        for line in tx.lines[known:]
    )
    if not weaker and not gained:
        return "narrowed"
    tx.require(wider, thing)
    return "widened"


def _end_proposals(session: Session, collection_id: str) -> None:
    """What was proposed on another marking is over for good, also where this one comes back."""
    of_collection = update(WideningProposal).where(WideningProposal.collection_id == collection_id)
    is_open = WideningProposal.status == ProposalStatus.OPEN.value
    session.execute(of_collection.where(is_open).values(status=ProposalStatus.STALE.value))


def _replace(session: Session, marking_id: str, view: MarkingView) -> None:
    row = session.get_one(Marking, marking_id)
    for column, value in _columns(view).items():
        setattr(row, column, value)
    for table in (MarkingMember, MarkingUser, MarkingPurpose):
        session.execute(delete(table).where(table.marking_id == marking_id))
    session.flush()
    _store_names(session, marking_id, view)


def _readers(session: Session, collection: Collection, now: int) -> set[str]:
    """Members that see a collection, or would if they were not suspended: naming those too is widening."""
    readers = (
        select(Member.id)
        .join(Marking, Marking.id == collection.marking_id)
        .where(member_sees(Member, Marking, collection.id, now, any_status=True))
    )
    return set(session.scalars(readers))


def _adds_readers(
    session: Session, collection: Collection, marking_id: str, view: MarkingView, now: int
) -> bool:
    """Whether an item's marking addresses somebody who does not see its collection."""
    if _names_outsiders(session, collection, view, now):
        return True
    inner, outer = aliased(Marking), aliased(Marking)
    added = (
        select(Member.id)
        .select_from(Member)
        .join(inner, inner.id == marking_id)
        .join(outer, outer.id == collection.marking_id)
        .where(
            member_sees(Member, inner, collection.id, now),
            not_(member_sees(Member, outer, collection.id, now)),
        )
        .limit(1)
    )
    return session.scalar(added) is not None


def _names_outsiders(session: Session, collection: Collection, view: MarkingView, now: int) -> bool:
    """Whether a marking names users (TLP:RED) of members that do not see the collection as it is now.

    A collection that is TLP:RED itself is compared user by user, by `strictness.at_least_as_strict`.
    """
    outer = aliased(Marking)
    outsider = (
        select(User.id)
        .join(Member, Member.id == User.member_id)
        .join(outer, outer.id == collection.marking_id)
        .where(
            User.id.in_(sorted(view.users)),
            outer.tlp != Tlp.RED,
            not_(member_sees(Member, outer, collection.id, now)),
        )
        .limit(1)
    )
    return bool(view.users) and session.scalar(outsider) is not None
