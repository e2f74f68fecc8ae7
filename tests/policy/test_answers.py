"""What the policy says when it refuses, what it takes for granted, and where its rules hold.

The table says who is given what; here are the corners that no cell of it turns on.
"""

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import select

from app import policy, strictness
from app.errors import Forbidden
from app.facts import load_thing
from app.feed import places
from app.markings import Collection, Marking, MarkingMember, MarkingUser, Place
from app.parties import Member, Release, User
from app.policy import Condition
from app.question import ANONYMOUS, Action, Actor, Denied, MarkingView
from schemas.vocabulary import Contributors, MemberKind, MemberStatus, Sector
from tests.policy.test_table import facts, things
from tests.policy.world import Reader, World


def found(world: World, seen: Condition) -> set[str]:
    joined = select(Collection.id).join(Marking, Marking.id == Collection.marking_id).where(seen)
    return set(world.session.scalars(joined))


def found_places(world: World, seen: Condition) -> set[int]:
    joined = (
        select(Place.id)
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(Place.kind == "collection", seen)
    )
    return set(world.session.scalars(joined))


def red(world: World) -> str:
    return world.collections["red/users"].id


# ── Words ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refusal_says_why_and_what_would_help(world: World) -> None:
    service = facts(world, world.readers["owner"])
    with pytest.raises(Forbidden) as refused:
        policy.require(service, Action.WIDEN, things(world)["amber/members"])
    assert refused.value.reason == "needs_person"
    assert refused.value.detail == "A person must do this: use a personal client or the console."
    with pytest.raises(Forbidden) as refused:
        policy.require_person(service.actor)
    assert refused.value.reason == "needs_person"
    assert refused.value.detail == "A person must do this: use a personal client or the console."
    verdict = policy.may(service, Action.RELEASE, things(world)["strict/group"])
    assert verdict == Denied(
        "not_releasable", "Its marking or the group's terms do not let it go to a downstream."
    )
    prohibited = load_thing(
        world.session, world.collect("clear", world.mark("clear", prohibited=("detect",)))
    )
    verdict = policy.may(facts(world, world.readers["member"]), Action.READ, prohibited)
    assert verdict == Denied(
        "purpose_prohibited", "Its owner prohibits the purpose detect. Use a token with another purpose."
    )


def marking(world: World, column: str, **changes: object) -> MarkingView:
    return replace(things(world)[column].marking, **changes)  # type: ignore[arg-type]


def test_a_marking_that_cannot_be_used_is_told_what_is_wrong_with_it(world: World) -> None:
    named = things(world)["amber/members"].marking.members
    one_kind = "An audience is of one kind: named members or users stand instead of a group, never beside it."
    said = {
        strictness.check_audience(marking(world, "amber/members", tlp="TLP:GREEN")),
        strictness.check_audience(marking(world, "amber/group", group_id=None)),
        strictness.check_audience(marking(world, "amber/members", members=frozenset())),
        strictness.check_audience(marking(world, "red/users", users=frozenset())),
        strictness.check_audience(marking(world, "amber/group", members=named)),
    }
    assert said == {
        "TLP:GREEN takes an audience of kind: community, group.",
        "Name the sharing group of the audience.",
        "Name at least one member of the audience.",
        "TLP:RED names its readers: give at least one user.",
        one_kind,
    }
    assert strictness.check_audience(marking(world, "amber/group")) is None


def test_a_named_user_of_a_red_collection_is_told_that_it_is_not_its_own_audience(world: World) -> None:
    red_list = replace(things(world)["red/users"], contributors=Contributors.AUDIENCE)
    person = facts(world, world.readers["named user"])
    assert policy.may(person, Action.CONTRIBUTE, red_list) == policy.NOT_ADDRESSED


# ── What is taken for granted when nothing is said ──────────────────────────────────────────────────────


def test_without_another_word_single_things_are_asked_about_and_purposes_count(world: World) -> None:
    person = world.readers["named user"].actor
    assert red(world) in found(world, policy.visible_to(person, world.now))
    row = world.mark("clear", prohibited=("detect",))
    prohibited = world.collect("clear", row)
    member = world.readers["member"].actor
    assert prohibited.id not in found(world, policy.visible_to(member, world.now))
    assert prohibited.id in found(world, policy.visible_to(member, world.now, any_purpose=True))


def test_places_of_a_prohibited_purpose_are_found_only_by_who_asks_for_any(world: World) -> None:
    collection = world.collect("clear", world.mark("clear", prohibited=("detect",)))
    place = places.of_collection(world.session, collection.id).id
    member = world.readers["member"].actor
    assert place not in found_places(world, policy.place_visible(member, world.now))
    assert place in found_places(world, policy.place_visible(member, world.now, any_purpose=True))


def test_without_another_word_nothing_is_public(world: World) -> None:
    clear = world.collections["clear"]
    assert found(world, policy.visible_to(ANONYMOUS, world.now)) == set()
    inside = select(Marking.id).where(policy.item_visible(ANONYMOUS, Marking.id, clear.id, world.now))
    assert set(world.session.scalars(inside)) == set()


def test_an_item_without_a_marking_of_its_own_is_seen_as_its_collection_is(world: World) -> None:
    actor = world.readers["member"].actor
    seen = policy.item_visible(actor, Place.marking_id, Place.collection_id, world.now)
    whole = set(world.session.scalars(select(Place.id).where(Place.marking_id.is_(None), seen)))
    assert {world.place(column).id for column in world.collections} <= whole


# ── Persons ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_named_user_counts_for_no_member_but_its_own(world: World) -> None:
    named, elsewhere = world.readers["named user"], world.readers["member"]
    stranger = Actor(
        member_id=elsewhere.actor.member_id, user_id=named.actor.user_id, purpose=named.actor.purpose
    )
    assert red(world) in found(world, policy.visible_to(named.actor, world.now))
    assert red(world) not in found(world, policy.visible_to(stranger, world.now))
    assert not policy.may(facts(world, Reader(actor=stranger)), Action.READ, things(world)["red/users"])


def test_a_user_named_beside_another_label_gains_nothing_by_it(world: World) -> None:
    row = world.mark("strict/members")
    person = world.readers["named user"].actor
    world.add(MarkingUser(marking_id=row.id, user_id=person.user_id))
    collection = world.collect("strict/members", row)
    assert collection.id not in found(world, policy.visible_to(person, world.now))
    thing = load_thing(world.session, collection)
    assert not policy.may(facts(world, Reader(actor=person)), Action.READ, thing)


def test_an_authority_reads_the_red_that_it_marked_itself(world: World) -> None:
    police = world.readers["authority's user that is named"]
    assert police.member is not None
    assert police.member.sector == Sector.AUTHORITY
    collection = world.collect("red/users", world.mark("red/users", owner=police.member))
    assert collection.id in found(world, policy.visible_to(police.actor, world.now))
    thing = load_thing(world.session, collection)
    assert policy.may(facts(world, police), Action.READ, thing)


# ── Rows that should not be: each condition counts by itself ────────────────────────────────────────────


def sees(world: World, reader: Reader, collection: Collection) -> bool:
    """By both ways of asking, which must agree."""
    given = collection.id in found(world, policy.visible_to(reader.actor, world.now))
    thing = load_thing(world.session, collection)
    assert given == bool(policy.may(facts(world, reader), Action.READ, thing))
    return given


def member(world: World, **columns: object) -> Member:
    values = {"sector": Sector.FINANCE, "kind": MemberKind.MEMBER, "status": MemberStatus.ACTIVE} | columns
    row = Member(id=str(uuid.uuid4()), name=uuid.uuid4().hex, created_at=world.now, **values)
    world.add(row)
    return row


def reading_as(row: Member) -> Reader:
    return Reader(actor=Actor(member_id=row.id, purpose="detect"), member=row)


def test_only_the_kind_of_audience_that_a_marking_has_is_addressed(world: World) -> None:
    named, grouped = world.mark("amber/members"), world.mark("amber/group")
    named.group_id = world.groups["group"].id
    world.add(MarkingMember(marking_id=grouped.id, member_id=world.named[0].id))
    in_group, by_name = world.readers["group member, attribute valid"], world.readers["named member"]
    world.add(MarkingMember(marking_id=grouped.id, member_id=by_name.actor.member_id))
    assert not sees(world, in_group, world.collect("amber/members", named))
    assert not sees(world, by_name, world.collect("amber/group", grouped))


def test_a_release_counts_only_from_the_member_that_serves_now(world: World) -> None:
    upstream, served = member(world), member(world, kind=MemberKind.DOWNSTREAM)
    served.upstream_id = upstream.id
    row = world.mark("amber/members")
    world.add(MarkingMember(marking_id=row.id, member_id=upstream.id))
    collection = world.collect("amber/members", row)
    world.release(member(world), served, [collection.id])
    assert not sees(world, reading_as(served), collection)


def test_who_is_no_downstream_any_more_gains_nothing_by_old_releases(world: World) -> None:
    upstream = member(world)
    former = member(world, upstream_id=upstream.id)
    row = world.mark("amber/members")
    world.add(MarkingMember(marking_id=row.id, member_id=upstream.id))
    collection = world.collect("amber/members", row)
    world.release(upstream, former, [collection.id])
    assert not sees(world, reading_as(former), collection)


def test_only_a_peer_server_receives_for_the_members_that_are_filed_under_it(world: World) -> None:
    no_peer = member(world)
    theirs = member(world, peer_id=no_peer.id)
    row = world.mark("amber/members")
    world.add(MarkingMember(marking_id=row.id, member_id=theirs.id))
    assert not sees(world, reading_as(no_peer), world.collect("amber/members", row))


# ── Inside other statements ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "who", ["named user", "member", "owner's author", "downstream of the audience, all released"]
)
def test_a_rule_means_the_same_inside_a_statement_over_the_same_tables(world: World, who: str) -> None:
    actor = world.readers[who].actor
    alone = found(world, policy.visible_to(actor, world.now))
    beside = (
        select(Collection.id)
        .join(Marking, Marking.id == Collection.marking_id)
        .join(User, User.id == world.author.id)
        .join(Member, Member.id == world.readers["authority"].actor.member_id)
        .outerjoin(MarkingUser, MarkingUser.user_id == world.author.id)
        .outerjoin(Release, Release.downstream_id == world.readers["member"].actor.member_id)
        .where(policy.visible_to(actor, world.now))
    )
    assert set(world.session.scalars(beside)) == alone
