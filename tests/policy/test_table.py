"""The policy answers as the table written out by hand in `model` says: in Python, in SQL, in the feed."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from app import policy, strictness
from app.facts import load_facts, load_thing, load_views
from app.feed import places
from app.feed.append import Line, append
from app.feed.cursor import View
from app.feed.page import Page
from app.feed.read import begin_position, read
from app.feed.sight import Scope, readers
from app.feed.visible import excluded
from app.markings import Collection, Marking, Place
from app.parties import Attribute
from app.question import Action, Actor, Denied, Facts, Thing
from schemas.vocabulary import (
    VALIDATION_BODY,
    AudienceKind,
    ChangeKind,
    CollectionKind,
    Contributors,
    MemberStatus,
    Tlp,
)
from tests.policy import model
from tests.policy.model import COLUMNS, EXPORT, FEED, LIST, LOOKUP, READERS, SINGLE, STREAM, answer
from tests.policy.world import Reader, World

Cells = dict[tuple[str, str], bool]
PAIRS = [(outer, inner) for outer in COLUMNS for inner in COLUMNS]


def expected(surface: str) -> Cells:
    return {(who, column): answer(who, column, surface) == "yes" for who in READERS for column in COLUMNS}


def wrong(found: Cells, table: Cells) -> list[str]:
    """Cells that differ, in words; the same cells must have been asked."""
    assert found.keys() == table.keys()
    return [
        f"{who} / {column}: {'given' if found[who, column] else 'refused'}"
        for who, column in table
        if found[who, column] != table[who, column]
    ]


def facts(world: World, reader: Reader) -> Facts:
    return load_facts(world.session, reader.actor, world.now, public_reading=reader.public_reading)


def things(world: World) -> dict[str, Thing]:
    return {column: load_thing(world.session, row) for column, row in world.collections.items()}


def by_may(world: World, action: Action) -> Cells:
    found = {}
    for who, reader in world.readers.items():
        known = facts(world, reader)
        for column, thing in things(world).items():
            found[who, column] = bool(policy.may(known, action, thing))
    return found


def by_sql(world: World, *, through_feed: bool) -> Cells:
    found = {}
    for who, reader in world.readers.items():
        seen = policy.visible_to(
            reader.actor, world.now, public_reading=reader.public_reading, through_feed=through_feed
        )
        joined = select(Collection.id).join(Marking, Marking.id == Collection.marking_id).where(seen)
        ids = set(world.session.scalars(joined))
        found.update({(who, column): row.id in ids for column, row in world.collections.items()})
    return found


def visible_places(world: World, reader: Reader) -> set[int]:
    joined = (
        select(Place.id)
        .join(Collection, Collection.id == Place.collection_id)
        .join(Marking, Marking.id == Collection.marking_id)
        .where(Place.kind == "collection", policy.place_visible(reader.actor, world.now))
    )
    return set(world.session.scalars(joined))


def test_the_world_has_every_reader_and_every_combination_of_the_table(world: World) -> None:
    assert world.readers.keys() == set(READERS)
    assert world.collections.keys() == set(COLUMNS)
    allowed = {(tlp, kind) for tlp, kinds in strictness.ALLOWED_AUDIENCES.items() for kind in kinds}
    assert allowed == set(model.AUDIENCE.values())


def test_one_thing_is_read_as_the_table_says(world: World) -> None:
    assert wrong(by_may(world, Action.READ), expected(SINGLE)) == []


def test_one_thing_is_received_as_the_table_says(world: World) -> None:
    assert wrong(by_may(world, Action.RECEIVE), expected(LIST)) == []


def test_the_database_finds_single_things_as_the_table_says(world: World) -> None:
    assert wrong(by_sql(world, through_feed=False), expected(SINGLE)) == []


def test_the_database_lists_as_the_table_says(world: World) -> None:
    assert wrong(by_sql(world, through_feed=True), expected(LIST)) == []


def test_places_are_visible_as_the_table_says(world: World) -> None:
    found = {}
    for who, reader in world.readers.items():
        ids = visible_places(world, reader)
        found.update({(who, column): world.place(column).id in ids for column in COLUMNS})
    for surface in (FEED, STREAM, LOOKUP, EXPORT):
        assert wrong(found, expected(surface)) == []


def test_all_readers_of_all_places_at_once_are_those_of_the_table(world: World) -> None:
    pairs = readers(world.session, Scope(), world.now)
    members = {who: r.member.id for who, r in world.readers.items() if r.member and not r.user}
    found = {(who, c): (m, world.place(c).id) in pairs for who, m in members.items() for c in COLUMNS}
    assert wrong(found, {cell: yes for cell, yes in expected(FEED).items() if cell[0] in members}) == []


def view_of(actor: Actor) -> View:
    kinds = frozenset(CollectionKind)
    return View(
        member_id=str(actor.member_id), user_id=actor.user_id, kinds=kinds, purpose=str(actor.purpose)
    )


def page(world: World, actor: Actor) -> Page:
    position = begin_position(world.session)
    return read(world.session, actor, view_of(actor), position, limit=10_000, now=world.now)[0]


def lines_of_everything(world: World) -> list[Line]:
    """A body in every place that may hold one, and the pointers that stand for TLP:RED."""
    lines = []
    for column, row in world.collections.items():
        if column != "red/users":
            body = f'{{"column":"{column}"}}'.encode()
            lines.append(
                Line(
                    place=world.place(column),
                    kind=ChangeKind.SET_CHANGED,
                    collection_id=row.id,
                    object_id=row.id,
                    body=body,
                    fresh=True,
                )
            )
    red = world.collections["red/users"].id
    for user in world.persons:
        place = places.of_user(world.session, user.id)
        extra = (("object_kind", "set"), ("tlp", "TLP:RED"))
        pointer = ChangeKind.POINTER_CHANGED
        lines.append(
            Line(place=place, kind=pointer, collection_id=red, object_id=red, extra=extra, fresh=True)
        )
    return lines


def test_a_page_of_the_feed_holds_what_the_table_says(world: World) -> None:
    with world.session.begin_nested() as undo:
        append(world.session, lines_of_everything(world), world.now)
        differences = []
        for who, reader in world.readers.items():
            if reader.member is None or who in NOT_ADMITTED:
                continue
            text = b"\n".join(page(world, reader.actor).lines)
            for column in COLUMNS:
                body = f'"column":"{column}"'.encode() in text
                pointer = column == "red/users" and world.collections[column].id.encode() in text
                given = "yes" if body else "pointer" if pointer else "no"
                if given != answer(who, column, FEED):
                    differences.append(f"{who} / {column}: {given}")
        undo.rollback()
    assert differences == []


NOT_ADMITTED = {
    "named user, disabled since", "named user of a suspended member", "authority's user that is named",
}  # fmt: skip
"""Their tokens do not stand, or nobody may name them: no pointer is written for them."""


# ── Items with a marking of their own ───────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def narrower(world: World) -> dict[str, Marking]:
    """An item's own marking for every column; any collection may hold it."""
    return {column: world.mark(column) for column in COLUMNS}


def test_an_item_is_read_by_who_reads_both_its_collection_and_its_own_marking(
    world: World, narrower: dict[str, Marking]
) -> None:
    views = load_views(world.session, [row.id for row in narrower.values()])
    whole = things(world)
    differences = []
    for who, reader in world.readers.items():
        known = facts(world, reader)
        for outer, inner in PAIRS:
            thing = replace(whole[outer], narrower=views[narrower[inner].id])
            for action, surface in ((Action.READ, SINGLE), (Action.RECEIVE, LIST)):
                given = bool(policy.may(known, action, thing))
                if given != (answer(who, outer, surface, narrower=inner) == "yes"):
                    differences.append(f"{who} / {outer} > {inner}, {surface}: {given}")
    assert differences == []


def test_the_place_of_an_item_is_visible_to_who_receives_both(
    world: World, narrower: dict[str, Marking]
) -> None:
    inside = {pair: world.place(pair[0], narrower[pair[1]]).id for pair in PAIRS}
    together = readers(world.session, Scope(), world.now)
    differences = []
    for who, reader in world.readers.items():
        ids = visible_places(world, reader)
        for (outer, inner), place in inside.items():
            wanted = answer(who, outer, FEED, narrower=inner) == "yes"
            if (place in ids) != wanted:
                differences.append(f"{who} / {outer} > {inner}: {place in ids}")
            at_once = reader.member is not None and (reader.member.id, place) in together
            if reader.member is not None and at_once != wanted:
                differences.append(f"{who} / {outer} > {inner}, of all readers: {at_once}")
    assert differences == []


def test_the_database_finds_an_item_by_both_markings(world: World, narrower: dict[str, Marking]) -> None:
    differences = []
    whole = things(world)
    for who, reader in world.readers.items():
        known = facts(world, reader)
        for outer in ("clear", "green/terms", "amber/members", "red/users"):
            item = policy.item_visible(
                reader.actor, Marking.id, world.collections[outer].id, world.now,
                public_reading=reader.public_reading,
            )  # fmt: skip
            ids = set(world.session.scalars(select(Marking.id).where(item)))
            for inner, row in narrower.items():
                seen = row.id in ids and bool(policy.may(known, Action.READ, whole[outer]))
                if seen != (answer(who, outer, SINGLE, narrower=inner) == "yes"):
                    differences.append(f"{who} / {outer} > {inner}: {seen}")
    assert differences == []


# ── Purposes, bounds, standing ──────────────────────────────────────────────────────────────────────────

PURPOSES = """
member       clear            403      excluded
owner        clear            yes      yes
member       amber/members    no       no
named member amber/members    403      excluded
named user   red/users        403      no
"""
"""Who, what, and how a single read and a feed answer when the reader's purpose is prohibited."""


@pytest.mark.parametrize("row", PURPOSES.strip().splitlines())
def test_a_prohibited_purpose_refuses_one_thing_and_leaves_it_out_of_many(world: World, row: str) -> None:
    who, column, single, feed = row.rsplit(maxsplit=3)
    marking = world.mark(column, prohibited=("detect", "train"))
    collection = world.collect(column, marking)
    reader = world.readers[who]
    thing = load_thing(world.session, collection)
    verdict = policy.may(facts(world, reader), Action.READ, thing)
    reason = verdict.reason if isinstance(verdict, Denied) else "yes"
    assert {"not_visible": "no", "purpose_prohibited": "403"}.get(reason, reason) == single
    shown = places.of_collection(world.session, collection.id).id in visible_places(world, reader)
    left_out = excluded(world.session, reader.actor, view_of(reader.actor), world.now)
    assert ("yes" if shown else "excluded" if collection.id in left_out else "no") == feed
    elsewhere = replace(reader.actor, purpose="research")
    allowed = policy.may(facts(world, Reader(actor=elsewhere)), Action.READ, thing)
    assert bool(allowed) == (single != "no")


def test_a_bound_client_sees_only_the_collections_it_is_bound_to(world: World) -> None:
    whole = world.readers["owner"].actor
    bound = replace(whole, collections=frozenset({world.collections["amber/group"].id}))
    seen = policy.visible_to(bound, world.now)
    joined = select(Collection.id).join(Marking, Marking.id == Collection.marking_id).where(seen)
    assert list(world.session.scalars(joined)) == [world.collections["amber/group"].id]
    known = facts(world, Reader(actor=bound))
    allowed = {c for c, thing in things(world).items() if policy.may(known, Action.READ, thing)}
    assert allowed == {"amber/group"}
    for action in Action:
        assert not policy.may(known, action, things(world)["green"])


def test_a_suspended_owner_sees_and_changes_nothing_of_its_own(world: World) -> None:
    with world.session.begin_nested() as undo:
        world.owner.status = MemberStatus.SUSPENDED
        world.session.flush()
        for who in ("owner", "owner's author"):
            known = facts(world, world.readers[who])
            for thing in things(world).values():
                assert not any(policy.may(known, action, thing) for action in Action)
            seen = policy.visible_to(world.readers[who].actor, world.now)
            joined = select(Collection.id).join(Marking, Marking.id == Collection.marking_id).where(seen)
            assert set(world.session.scalars(joined)) == set()
        undo.rollback()
    world.session.refresh(world.owner)


CHANGES = """
owner                             edit      yes yes yes yes no
owner's author                    edit      yes yes yes yes yes
owner's other user                edit      yes yes yes yes no
member with every scope there is  edit      no  no  no  no  no
named member                      edit      no  no  no  no  no
named user                        edit      no  no  no  no  no
owner                             narrow    yes yes yes yes no
owner's author                    narrow    yes yes yes yes yes
named member                      narrow    no  no  no  no  no
owner                             widen     no  no  no  no  no
owner's author                    widen     yes yes yes no  no
owner's other user                widen     yes yes yes no  no
named user                        widen     no  no  no  no  no
the operator at the machine       widen     no  no  no  no  no
owner                             widen-second  no  no  no  no  no
owner's author                    widen-second  yes yes yes yes yes
owner's other user                widen-second  yes yes yes yes no
named user                        widen-second  no  no  no  no  no
owner                             review    no  no  no  no  no
owner's author                    review    yes yes yes yes yes
owner's other user                review    yes yes yes yes no
named member                      review    no  no  no  no  no
named user                        review    no  no  no  no  no
member with every scope there is  review    no  no  no  no  no
owner                             release   no  no  yes no  no
named member                      release   no  no  yes no  no
member                            release   no  no  no  no  no
downstream of the audience, all released  release   no  no  no  no  no
owner                             contribute  yes yes yes yes no
owner's author                    contribute  yes yes yes yes yes
member                            contribute  no  no  no  no  no
named member                      contribute  no  no  no  no  no
owner                             judge     yes yes yes yes no
named member                      judge     yes no  yes yes no
named user                        judge     yes no  no  no  yes
group member, attribute valid     judge     yes yes no  no  no
downstream of the audience, all released  judge  yes no  yes no  no
authority                         judge     no  no  no  no  no
authority in the groups           judge     no  yes no  no  no
peer with a member in the audience  judge   no  no  no  no  no
anonymous, public reading on      judge     no  no  no  no  no
the operator at the machine       judge     no  no  no  no  no
member                            recall    yes no  no  no  no
named member                      recall    yes no  yes yes no
authority                         recall    yes no  no  no  no
anonymous, public reading on      recall    no  no  no  no  no
"""
"""Who may change what, for the columns below: widening takes a person, and two from TLP:AMBER+STRICT up."""
CHANGED = ("clear", "green/group", "amber/members", "strict/members", "red/users")


@pytest.mark.parametrize("row", CHANGES.strip().splitlines())
def test_things_are_changed_by_whom_the_rules_name(world: World, row: str) -> None:
    *start, action = row.split(maxsplit=0)[0].rsplit(maxsplit=5)[0].rsplit(maxsplit=1)
    cells = row.split()[-5:]
    known = facts(world, world.readers[start[0].strip()])
    whole = things(world)
    given = ["yes" if policy.may(known, Action(action), whole[column]) else "no" for column in CHANGED]
    assert given == cells


VALIDATED = """
owner                                      invited   examine  yes yes yes yes no
owner's author                             invited   examine  yes yes yes yes yes
owner's other user                         invited   examine  yes yes yes yes no
named member                               invited   examine  yes no  yes yes no
named member                               uninvited examine  no  no  no  no  no
named user                                 invited   examine  yes no  no  no  yes
other user of the named user's member      invited   examine  yes no  no  no  no
anonymous, public reading on               uninvited examine  no  no  no  no  no
owner's author                             invited   attest   no  no  no  no  no
named user                                 invited   attest   yes no  no  no  yes
named user                                 uninvited attest   no  no  no  no  no
named user                                 published attest   yes no  no  no  yes
other user of the named user's member      published attest   yes no  no  no  no
service client of the named user's member  invited   attest   no  no  no  no  no
named member                               invited   attest   no  no  no  no  no
anonymous, public reading on               published attest   no  no  no  no  no
"""
"""Who may read a candidate and attest it, or what is published, where the reader's member is accredited."""


@pytest.mark.parametrize("row", VALIDATED.strip().splitlines())
def test_candidates_are_read_and_attested_by_whom_the_rules_name(world: World, row: str) -> None:
    who, standing, action, *cells = row.rsplit(maxsplit=7)
    reader = world.readers[who]
    invited = {"published": None, "uninvited": frozenset[str]()}
    named = invited.get(standing, frozenset({str(reader.actor.member_id)}))
    known = replace(facts(world, reader), accredited=True)
    whole = {column: replace(thing, invited=named) for column, thing in things(world).items()}
    given = ["yes" if policy.may(known, Action(action), whole[column]) else "no" for column in CHANGED]
    assert given == cells


def test_only_who_is_accredited_now_attests(world: World) -> None:
    reader = world.readers["named user"]
    assert reader.member is not None
    green = replace(things(world)["green"], invited=frozenset({reader.member.id}))
    assert policy.may(facts(world, reader), Action.ATTEST, green) == policy.NOT_ACCREDITED
    held = Attribute(
        member_id=reader.member.id, name=VALIDATION_BODY, valid_until=world.now + 1, lapse_recorded=False
    )
    with world.session.begin_nested() as undo:
        world.add(held)
        assert policy.may(facts(world, reader), Action.ATTEST, green)
        held.valid_until = world.now
        world.session.flush()
        assert policy.may(facts(world, reader), Action.ATTEST, green) == policy.NOT_ACCREDITED
        undo.rollback()


CONTRIBUTORS = """
owner                                       clear green green/group amber/group amber/members strict/members
member                                      clear green
named member                                clear green amber/members strict/members
group member, attribute valid               clear green green/group amber/group
group member, attribute expired             clear green green/group amber/group
downstream of the audience, all released    clear green
downstream in the groups itself             clear green green/group amber/group
authority
authority in the groups                     green/group amber/group
authority that is named
peer of the same community
peer with a member in the audience
member, suspended, in every audience
anonymous, public reading on
the operator at the machine
"""
"""Who contributes to what, of the columns below, where the owner lets its audience."""
CONTRIBUTED = ("clear", "green", "green/group", "amber/group", "amber/members", "strict/members")


@pytest.mark.parametrize("row", CONTRIBUTORS.strip().splitlines())
def test_an_audience_contributes_where_it_is_addressed_itself(world: World, row: str) -> None:
    who, *columns = [part for part in row.split("  ") if part.strip()]
    known, whole = facts(world, world.readers[who.strip()]), things(world)
    opened = {c: replace(whole[c], contributors=Contributors.AUDIENCE) for c in CONTRIBUTED}
    given = [c for c in CONTRIBUTED if policy.may(known, Action.CONTRIBUTE, opened[c])]
    assert given == (columns[0].split() if columns else [])


def test_a_release_follows_the_terms_of_the_group(world: World) -> None:
    known = facts(world, world.readers["group member, attribute valid"])
    whole = things(world)
    released = {c for c in COLUMNS if policy.may(known, Action.RELEASE, whole[c])}
    assert released == {"green/terms", "green/required", "amber/terms", "amber/required"}


@pytest.mark.parametrize("tlp", list(Tlp))
@pytest.mark.parametrize("kind", list(AudienceKind))
def test_a_label_takes_the_audiences_of_the_table_and_no_other(
    world: World, tlp: Tlp, kind: AudienceKind
) -> None:
    column = next(name for name, (_, audience) in model.AUDIENCE.items() if audience == kind)
    view = replace(things(world)[column].marking, tlp=tlp)
    assert (strictness.check_audience(view) is None) == ((tlp.value, kind.value) in model.AUDIENCE.values())


def test_an_audience_names_what_it_is_made_of_and_nothing_beside_it(world: World) -> None:
    whole = things(world)
    group, named, red = (whole[c].marking for c in ("amber/group", "amber/members", "red/users"))
    mixed = [
        replace(group, members=named.members), replace(named, group_id=group.group_id),
        replace(group, users=red.users), replace(red, members=named.members),
        replace(group, group_id=None), replace(named, members=frozenset()), replace(red, users=frozenset()),
    ]  # fmt: skip
    assert all(strictness.check_audience(view) for view in mixed)
