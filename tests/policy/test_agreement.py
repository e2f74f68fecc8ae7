"""SQL and Python answer alike, in random worlds and after they have changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as given_random
from hypothesis import strategies as st
from sqlalchemy import select

from app import policy
from app.db import Database
from app.facts import load_facts, load_views
from app.feed import sight, visible
from app.feed.cursor import View
from app.feed.sight import Scope
from app.markings import Collection, Marking, Place
from app.question import Action, Actor, Denied, Facts, Thing, Verdict
from app.runtime import Runtime
from schemas.vocabulary import CollectionKind, Contributors
from tests.policy.drawn import Drawn, draw, move, place_of

SEED = 20_261_123
DRAWS, DRAWS_PER_WORLD = 300, 15
ACTORS_PER_LOOK = 3
ALL = Contributors.AUDIENCE


Things = dict[tuple[str, str | None], Thing]
"""By collection and an item's own marking, or none."""


def things_of(world: Drawn) -> Things:
    rows = {row["id"]: row["marking_id"] for row in world.collections}
    views = load_views(world.session, [*rows.values(), *(item for _, item in world.items)])
    whole: Things = {(c, None): Thing(collection_id=c, marking=views[m]) for c, m in rows.items()}
    inside: Things = {(c, item): replace(whole[c, None], narrower=views[item]) for c, item in world.items}
    return whole | inside


@dataclass
class Look:
    """What one actor is told of everything in a world, by each way of asking."""

    world: Drawn
    actor: Actor
    public_reading: bool
    things: Things
    differences: list[str] = field(default_factory=list)
    asked: int = 0
    given: int = 0

    @cached_property
    def facts(self) -> Facts:
        session, now = self.world.session, self.world.now
        return load_facts(session, self.actor, now, public_reading=self.public_reading)

    def same(self, what: str, by_python: set[str], by_sql: set[str]) -> None:
        if by_python != by_sql:
            more, less = sorted(by_sql - by_python), sorted(by_python - by_sql)
            self.differences.append(f"{what} for {self.actor}: SQL adds {more}, leaves out {less}")

    def found(self, *, through_feed: bool, any_purpose: bool) -> set[str]:
        seen = policy.visible_to(
            self.actor, self.world.now, public_reading=self.public_reading, through_feed=through_feed,
            any_purpose=any_purpose,
        )  # fmt: skip
        joined = select(Collection.id).join(Marking, Marking.id == Collection.marking_id).where(seen)
        return set(self.world.session.scalars(joined))


def look(world: Drawn, things: Things, actor: Actor, *, public_reading: bool) -> Look:
    seen = Look(world, actor, public_reading, things)
    facts = seen.facts
    read = {key: policy.may(facts, Action.READ, thing) for key, thing in things.items()}
    received = {key: policy.may(facts, Action.RECEIVE, thing) for key, thing in things.items()}
    for verdicts, through_feed in ((read, False), (received, True)):
        whole = {c: verdict for (c, item), verdict in verdicts.items() if item is None}
        allowed = {c for c, verdict in whole.items() if verdict}
        prohibited = {
            c for c, v in whole.items() if isinstance(v, Denied) and v.reason == "purpose_prohibited"
        }
        what = "received" if through_feed else "read"
        seen.same(what, allowed, seen.found(through_feed=through_feed, any_purpose=False))
        any_purpose = seen.found(through_feed=through_feed, any_purpose=True)
        seen.same(f"{what} for any purpose", allowed | prohibited, any_purpose)
        if through_feed and actor.member_id is not None:
            feed_view = view(actor)
            left_out = set(visible.excluded(world.session, actor, feed_view, world.now))
            seen.same("excluded", prohibited, left_out)
    compare_validation(seen, things, read)
    compare_words(seen, {key for key, verdict in read.items() if verdict})
    compare_places(seen, {key for key, verdict in received.items() if verdict})
    compare_items(seen, {key for key, verdict in read.items() if verdict})
    seen.asked, seen.given = len(read), sum(map(bool, read.values()))
    return seen


def compare_validation(seen: Look, things: Things, read: dict[tuple[str, str | None], Verdict]) -> None:
    """An invited body examines what it reads, nobody else does; the owner examines what it may edit."""
    facts, member = seen.facts, str(seen.actor.member_id)
    for key, thing in things.items():
        own = seen.actor.member_id == thing.owner_id
        wanted = bool(policy.may(facts, Action.EDIT, thing)) if own else bool(read[key])
        invited = replace(thing, invited=frozenset({member}))
        examined = bool(policy.may(facts, Action.EXAMINE, invited))
        if examined != (wanted and not seen.actor.anonymous):
            seen.differences.append(f"examine for {seen.actor}: {key}")
        if not own and policy.may(facts, Action.EXAMINE, replace(thing, invited=frozenset())):
            seen.differences.append(f"examine uninvited for {seen.actor}: {key}")
        attested = policy.may(replace(facts, accredited=True), Action.ATTEST, thing)
        if bool(attested) != (bool(read[key]) and not own and facts.person is not None):
            seen.differences.append(f"attest for {seen.actor}: {key}")


def compare_words(seen: Look, read: set[tuple[str, str | None]]) -> None:
    """Who contributes or judges reads it; who sees it for whatever purpose may take back what it said."""
    facts, things = seen.facts, seen.things
    whole = {c: replace(thing, contributors=ALL) for (c, item), thing in things.items() if item is None}
    contributing = {c for c, thing in whole.items() if policy.may(facts, Action.CONTRIBUTE, thing)}
    readable = seen.found(through_feed=False, any_purpose=False)
    seen.same("contributed to", contributing & readable, contributing)
    judging = {key for key, thing in things.items() if policy.may(facts, Action.JUDGE, thing)}
    seen.same("judged", {str(key) for key in judging & read}, {str(key) for key in judging})
    recalling = {c for c, thing in whole.items() if policy.may(facts, Action.RECALL, thing)}
    known = seen.found(through_feed=False, any_purpose=True) if seen.actor.member_id else set()
    seen.same("recalled", recalling, known)


def view(actor: Actor) -> View:
    return View(
        member_id=str(actor.member_id), user_id=actor.user_id, kinds=frozenset(CollectionKind),
        purpose=str(actor.purpose), collections=actor.collections,
    )  # fmt: skip


def compare_places(seen: Look, received: set[tuple[str, str | None]]) -> None:
    """Places as the feed finds them, in the statement that is built once and in one built for this actor."""
    world, actor = seen.world, seen.actor
    if actor.member_id is None:
        received = set()
    ids = {str(place_of(world.session, *key).id) for key in received}
    joined = (
        select(Place.id)
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(Place.kind == "collection", policy.place_visible(actor, world.now))
    )
    known = {str(place_of(world.session, *key).id) for key in seen.things}
    seen.same("places", ids, {str(found) for found in world.session.scalars(joined)} & known)
    if actor.member_id is not None:
        found = visible.places(world.session, actor, view(actor), world.now, -1, set())
        seen.same("places of the feed", ids, {str(place.id) for place in found} & known)


def compare_items(seen: Look, read: set[tuple[str, str | None]]) -> None:
    world = seen.world
    collections = seen.found(through_feed=False, any_purpose=False)
    condition = policy.item_visible(
        seen.actor, Place.marking_id, Place.collection_id, world.now, public_reading=seen.public_reading
    )
    wanted = select(Place.collection_id, Place.marking_id).where(Place.kind == "collection", condition)
    pairs = {tuple(row) for row in world.session.execute(wanted)} & set(world.items)
    found = {str(item) for collection, item in pairs if collection in collections}
    seen.same("items", {item for _, item in read if item is not None}, found)


def compare_readers(world: Drawn, things: Things) -> list[str]:
    """Everybody at once: the pairs that gains and losses of sight are made from, and the purposes."""
    by_sql = sight.readers(world.session, Scope(), world.now)
    by_python = {}
    for member in world.members:
        facts = load_facts(world.session, Actor(member_id=member["id"]), world.now)
        for key, thing in things.items():
            if policy.may(facts, Action.RECEIVE, thing):
                views = [thing.marking] + ([thing.narrower] if thing.narrower else [])
                prohibited = [view.prohibited for view in views if view.owner_id != member["id"]]
                pair = (member["id"], place_of(world.session, *key).id)
                by_python[pair] = frozenset().union(*prohibited)
    pairs = by_sql.keys() ^ by_python.keys()
    purposes = {pair for pair in by_sql.keys() & by_python.keys() if by_sql[pair] != by_python[pair]}
    return [f"readers: {pair}" for pair in sorted(pairs | purposes)]


def explore(database: Database, random: Random) -> Iterator[Look]:
    """Look at a world, let it change, and look again."""
    with database.read() as session:
        world = draw(random, session)
        for change in (False, True):
            if change:
                move(world)
            things = things_of(world)
            for _ in range(ACTORS_PER_LOOK):
                yield look(world, things, world.actor(), public_reading=world.likely(50))
            assert compare_readers(world, things) == []


def test_python_and_the_database_agree_in_any_world(house: Runtime) -> None:
    asked, given = [0], [0]

    @settings(
        max_examples=8, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    @given_random(st.randoms(use_true_random=False))
    def agree(random: Random) -> None:
        for seen in explore(house.db, random):
            assert seen.differences == []
            asked[0], given[0] = asked[0] + seen.asked, given[0] + seen.given

    agree()
    assert given[0] >= 0.3 * asked[0], f"only {given[0]} of {asked[0]} were visible: too little was compared"


def test_at_least_three_of_ten_draws_are_visible_and_three_of_ten_are_not(house: Runtime) -> None:
    random = Random(SEED)
    given = 0
    for _ in range(DRAWS // DRAWS_PER_WORLD):
        with house.db.read() as session:
            world = draw(random, session)
            things = list(things_of(world).values())
            for _ in range(DRAWS_PER_WORLD):
                facts = load_facts(session, world.actor(), world.now, public_reading=world.likely(50))
                given += bool(policy.may(facts, Action.READ, random.choice(things)))
    assert 0.3 <= given / DRAWS <= 0.7
