"""Narrower is what gives nobody sight: literal cases, and random ones against who really reads."""

from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import delete, update

from app import policy, strictness
from app.audit.entry import Request
from app.errors import Forbidden
from app.facts import load_facts, load_thing, load_views
from app.feed import places
from app.feed.sight import Scope, readers
from app.markings import Collection, Marking
from app.parties import GroupMember, Member
from app.question import Action, Actor, MarkingView
from app.record import Tx, as_system, begin
from app.remark import change_collection_marking
from app.runtime import Runtime
from schemas.vocabulary import AudienceKind, ChangeKind, MemberStatus, Pap, Tlp
from tests.policy.drawn import Drawn, draw, marking
from tests.policy.world import World

# ── Literal cases ───────────────────────────────────────────────────────────────────────────────────────

CASES = """
clear           > green            narrower
clear           > amber/group      narrower
clear           > red/users        narrower
green           > clear            wider
green           > green/group      narrower
green           > amber/members    narrower
green           > red/users        narrower
green/group     > green            wider
green/group     > amber/group      narrower
green/group     > amber/terms      wider
green/group     > amber/members    narrower
amber/group     > green/group      wider
amber/group     > strict/group     narrower
amber/group     > strict/required  wider
amber/group     > red/users        narrower
amber/required  > strict/members   narrower
amber/members   > amber/group      wider
amber/members   > strict/members   narrower
amber/members   > red/users        narrower
strict/group    > amber/group      wider
strict/members  > strict/group     wider
red/users       > strict/members   wider
red/users       > red/users        narrower
"""
"""By label and kind of audience alone: whether a reader gains is asked of the database besides."""


@pytest.mark.parametrize("row", CASES.strip().splitlines())
def test_label_and_audience_are_at_least_as_strict_as_these_cases_say(world: World, row: str) -> None:
    old, _, new, said = row.split()
    views = {c: load_thing(world.session, thing).marking for c, thing in world.collections.items()}
    assert strictness.at_least_as_strict(views[new], views[old]) == (said == "narrower")
    if old != new:
        assert not strictness.at_least_as_strict(replace(views[new], owner_id="another"), views[old])
        assert not strictness.at_least_as_strict(views[new], replace(views[old], pap=Pap.RED))
        prohibiting = replace(views[old], prohibited=frozenset({"train"}))
        assert not strictness.at_least_as_strict(views[new], prohibiting)


def test_fewer_names_are_narrower_and_others_are_wider(world: World) -> None:
    named, red = (
        load_thing(world.session, world.collections[c]).marking for c in ("amber/members", "red/users")
    )
    some = frozenset(list(named.members)[:1])
    assert strictness.at_least_as_strict(replace(named, members=some), named)
    assert not strictness.at_least_as_strict(replace(named, members=some | {"another"}), named)
    few = frozenset(list(red.users)[:1])
    assert strictness.at_least_as_strict(replace(red, users=few), red)
    assert not strictness.at_least_as_strict(replace(red, users=few | {"another"}), red)


# ── Cases against who really reads ──────────────────────────────────────────────────────────────────────


Changes = dict[str, Any]


def direction(
    house: Runtime, world: World, column: str, changes: Changes, *, who: str = "owner's author"
) -> str:
    """What becomes of a collection that is given another marking; nothing of it stays."""
    collection = world.collections[column]
    view = replace(load_thing(world.session, collection).marking, **changes)
    actor = world.readers[who].actor
    with world.session.begin_nested() as undo:
        tx = Tx(
            runtime=house, session=world.session, actor=actor, request=Request(), now=world.now, epoch=0,
            moves_policy=True,
        )  # fmt: skip
        try:
            return change_collection_marking(tx, collection, view)
        except Forbidden as refusal:
            return refusal.reason
        finally:
            undo.rollback()
            world.session.expire_all()


def member(world: World, reader: str) -> str:
    return str(world.readers[reader].actor.member_id)


NAMED: Changes = {"tlp": Tlp.AMBER_STRICT, "audience": AudienceKind.MEMBERS, "group_id": None}
SUSPENDED = "member, suspended, in every audience"


def test_naming_members_of_the_group_instead_of_it_is_narrower(house: Runtime, world: World) -> None:
    inside = frozenset({member(world, "group member, attribute valid"), member(world, SUSPENDED)})
    assert direction(house, world, "amber/group", NAMED | {"members": inside}, who="owner") == "narrowed"


def test_naming_somebody_outside_the_group_is_wider_suspended_or_not(house: Runtime, world: World) -> None:
    for outsider in ("named member", "group member, attribute absent"):
        named = frozenset({member(world, outsider)})
        assert direction(house, world, "amber/required", NAMED | {"members": named}) == "widened"
        assert (
            direction(house, world, "amber/required", NAMED | {"members": named}, who="owner")
            == "needs_person"
        )
    gone = world.readers["member, suspended, in every audience"].member
    assert gone is not None
    with world.session.begin_nested() as undo:
        world.session.execute(delete(GroupMember).where(GroupMember.member_id == gone.id))
        named = frozenset({gone.id})
        assert direction(house, world, "amber/group", NAMED | {"members": named}) == "widened"
        undo.rollback()


def test_names_open_to_downstreams_what_the_terms_of_a_group_kept_from_them(
    house: Runtime, world: World
) -> None:
    inside = {"tlp": Tlp.AMBER, "members": frozenset({member(world, "group member, attribute valid")})}
    assert direction(house, world, "amber/group", NAMED | inside) == "widened"
    assert direction(house, world, "amber/terms", NAMED | inside) == "narrowed"


def test_a_group_with_an_authority_is_wider_than_the_community(house: Runtime, world: World) -> None:
    group: Changes = {"audience": AudienceKind.GROUP, "group_id": world.groups["group"].id}
    assert direction(house, world, "green", group) == "widened"


def test_red_is_narrower_for_users_of_those_who_read_and_wider_for_others(
    house: Runtime, world: World
) -> None:
    red: Changes = {"tlp": Tlp.RED, "audience": AudienceKind.USERS, "group_id": None, "members": frozenset()}
    own = frozenset({world.author.id})
    stranger = own | {str(world.readers["named user"].actor.user_id)}
    assert direction(house, world, "amber/group", red | {"users": own}) == "narrowed"
    assert direction(house, world, "amber/group", red | {"users": stranger}) == "widened"
    assert direction(house, world, "green", red | {"users": stranger}) == "narrowed"
    assert direction(house, world, "green", red | {"users": own}, who="owner") == "needs_person"
    assert direction(house, world, "strict/group", red | {"users": stranger}) == "needs_second_person"


def test_widening_takes_a_person_and_from_strict_up_a_second_one(house: Runtime, world: World) -> None:
    community: Changes = {"tlp": Tlp.GREEN, "audience": AudienceKind.COMMUNITY, "group_id": None}
    assert direction(house, world, "amber/group", community) == "widened"
    assert direction(house, world, "amber/group", community, who="owner") == "needs_person"
    assert direction(house, world, "strict/group", community) == "needs_second_person"
    assert direction(house, world, "amber/group", community, who="named member") == "not_owner"


def test_a_weaker_pap_or_an_allowed_purpose_is_wider_though_nobody_gains(
    house: Runtime, world: World
) -> None:
    for who, said in (("owner", "needs_person"), ("owner's author", "widened")):
        assert direction(house, world, "green", {"pap": Pap.GREEN}, who=who) == said
    prohibited = frozenset({"train"})
    assert (
        direction(house, world, "green", {"pap": Pap.RED, "prohibited": prohibited}, who="owner")
        == "narrowed"
    )


# ── Random ones ─────────────────────────────────────────────────────────────────────────────────────────


class Undo(Exception):
    """Leaves a transaction without a trace."""


def who_reads(
    world: Drawn, collection: Collection, *, all_active: bool = False
) -> set[tuple[str, str | None]]:
    """Members and persons that read the collection, any purpose; `all_active`: once nobody is suspended."""
    session = world.session
    session.expire_all()
    with session.begin_nested() as undo:
        if all_active:
            session.execute(update(Member).values(status=MemberStatus.ACTIVE))
        thing = load_thing(session, collection)
        actors = [Actor(member_id=row["id"]) for row in world.members]
        actors += [Actor(member_id=row["member_id"], user_id=row["id"]) for row in world.users]
        found = {
            (str(actor.member_id), actor.user_id)
            for actor in actors
            if policy.may(load_facts(session, actor, world.now), Action.READ, thing)
        }
        undo.rollback()
    session.expire_all()
    return found


def other_view(world: Drawn, old: MarkingView) -> MarkingView:
    """Another marking of the same owner, often one that is close to the old."""
    drawn = marking(world, old.owner_id)
    view = load_views(world.session, [drawn])[drawn]
    if world.likely(25):
        return view
    members = frozenset(world.some(sorted(old.members or view.members), 70)) or old.members
    users = frozenset(world.some(sorted(old.users), 70)) or old.users
    audience = old.audience if world.likely(60) else AudienceKind.MEMBERS
    if audience is AudienceKind.MEMBERS:
        members = members or frozenset(row["id"] for row in world.some(world.members, 50))
    strict = next(tlp for tlp, kinds in reversed(strictness.ALLOWED_AUDIENCES.items()) if audience in kinds)
    return replace(
        old, tlp=strict, audience=audience, prohibited=old.prohibited | view.prohibited,
        group_id=old.group_id if audience is AudienceKind.GROUP else None,
        members=members if audience is AudienceKind.MEMBERS else frozenset(),
        users=users if audience is AudienceKind.USERS else frozenset(),
    )  # fmt: skip


def change(tx: Tx, random: Random) -> str | None:
    """Give a random collection another marking as its owner's person would, and check what that did."""
    world = draw(random, tx.session)
    tx.now = world.now
    row = random.choice(world.collections)
    collection = tx.session.get_one(Collection, row["id"])
    thing = load_thing(tx.session, collection)
    author = next(user["id"] for user in world.users if user["member_id"] == collection.owner_id)
    tx.actor = Actor(member_id=collection.owner_id, user_id=author, purpose="detect")
    view = other_view(world, thing.marking)
    if strictness.check_audience(view) is not None:
        return None
    before, before_all = who_reads(world, collection), who_reads(world, collection, all_active=True)
    told = len(tx.lines)
    try:
        direction = change_collection_marking(tx, collection, view)
    except Forbidden:
        return None
    after, after_all = who_reads(world, collection), who_reads(world, collection, all_active=True)
    if direction == "narrowed":
        assert after <= before, "narrowing gave somebody sight"
        assert after_all <= before_all, "narrowing gave sight to a member that is suspended for now"
    compare_told(tx, told, collection, before, after)
    return direction


def compare_told(
    tx: Tx, told: int, collection: Collection,
    before: set[tuple[str, str | None]], after: set[tuple[str, str | None]],
) -> None:  # fmt: skip
    """Members that gain or lose the whole collection through the feed are told so, and nobody else is."""
    session = tx.session
    pairs = readers(session, Scope(collections=frozenset({collection.id})), tx.now)
    whole_place = places.of_collection(session, collection.id).id
    now_reading = {member for member, place in pairs if place == whole_place}
    lines = [line for line in tx.lines[told:] if line.sight_place and line.collection_id == collection.id]
    whole = [line for line in lines if line.sight_place.marking_id is None and line.purposes is None]  # type: ignore[union-attr]
    last = {line.place.member_id: line.kind for line in whole}  # an attribute that lapsed is told before
    gained = {member for member, kind in last.items() if kind is ChangeKind.SIGHT_GAINED}
    lost = {member for member, kind in last.items() if kind is ChangeKind.SIGHT_LOST}
    assert gained <= now_reading
    assert not lost & now_reading
    red = session.get_one(Marking, collection.marking_id).tlp == "TLP:RED"
    services = {member for member, user in after if user is None}
    assert red or gained >= services - {member for member, user in before if user is None}


def test_what_is_called_narrower_gives_nobody_sight_now_or_later(house: Runtime, *, soak: bool) -> None:
    directions: list[str | None] = []
    for seed in range(100 if soak else 16):
        with suppress(Undo), begin(house, as_system, Request(), moves_policy=True) as tx:
            directions.append(change(tx, Random(seed)))
            raise Undo
    assert directions.count("narrowed") >= 3
    assert directions.count("widened") >= 1
