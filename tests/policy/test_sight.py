"""Gaining and losing sight, as a reader of the feed meets it: page by page, with its own copy."""

from itertools import pairwise
from random import Random

import pytest

from app.clock import DAY
from schemas.vocabulary import ChangeKind, MemberStatus
from tests.factories import Make
from tests.policy.coalition import SECTION, Coalition, Poller, found

LIMITS = (1, 2, 3)
DETECT, TRAIN = "detect", "train"


@pytest.fixture
def coalition(make: Make) -> Coalition:
    return found(make)


def kinds(lines: list[dict]) -> list[str]:
    return [line["kind"] for line in lines]


def in_order(lines: list[dict]) -> bool:
    return all(one["date"] < other["date"] for one, other in pairwise(lines))


def correct(poller: Poller) -> bool:
    return poller.copy == poller.coalition.holds(poller.name, poller.purpose)


@pytest.mark.parametrize("limit", LIMITS)
def test_who_starts_late_gets_every_present_state_once_and_no_past(coalition: Coalition, limit: int) -> None:
    changed, ended = coalition.publish("group"), coalition.publish("group")
    for _ in range(3):
        coalition.publish("group", changed)
    coalition.publish("open")
    coalition.end("group", ended)
    newcomer = Poller(coalition, "first")
    lines = newcomer.catch_up(limit)
    assert kinds(lines) == ["signal.changed", "signal.changed", "signal.tombstoned"]
    assert in_order(lines)
    assert correct(newcomer)
    assert newcomer.catch_up(limit) == []


@pytest.mark.parametrize("limit", LIMITS)
def test_who_is_up_to_date_gets_every_change_once_in_order(coalition: Coalition, limit: int) -> None:
    poller = Poller(coalition, "first")
    poller.catch_up(limit)
    changed = coalition.publish("group")
    for _ in range(3):
        coalition.publish("group", changed)
        coalition.publish("open")
    coalition.end("group", changed)
    lines = poller.catch_up(limit)
    assert len(lines) == 8
    assert in_order(lines)
    assert correct(poller)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_joiner_is_given_what_stood_before_it_joined_then_what_follows(
    coalition: Coalition, limit: int
) -> None:
    before = [coalition.publish("group") for _ in range(4)] + [coalition.publish("open")]
    joiner = Poller(coalition, "second")
    assert [line["object"] for line in joiner.catch_up(limit)] == before[-1:]
    coalition.publish("group", before[0])
    coalition.join("second")
    after = coalition.publish("group")
    lines = joiner.catch_up(limit)
    gained = [n for n, line in enumerate(lines) if line["kind"] == ChangeKind.SIGHT_GAINED]
    assert len(gained) == 2  # the collection, and the section of the other
    assert [line["object"] for line in lines if line["kind"] == "signal.changed"] == [
        *before[1:4], before[0], after,
    ]  # fmt: skip
    assert correct(joiner)
    assert joiner.catch_up(limit) == []


@pytest.mark.parametrize("limit", LIMITS)
def test_a_joiner_in_the_middle_of_its_first_pages_misses_nothing(coalition: Coalition, limit: int) -> None:
    for _ in range(4):
        coalition.publish("open")
        coalition.publish("group")
    reader = Poller(coalition, "second")
    reader.page(min(limit, 2))
    coalition.publish("group")
    coalition.join("second")
    coalition.publish("open")
    reader.catch_up(limit)
    assert correct(reader)
    assert len(reader.copy) == 10


@pytest.mark.parametrize("limit", LIMITS)
def test_what_changes_while_a_joiner_is_being_filled_reaches_it_once(
    coalition: Coalition, limit: int
) -> None:
    objects = [coalition.publish("group") for _ in range(5)]
    reader = Poller(coalition, "second")
    reader.catch_up()
    coalition.join("second")
    reader.page(min(limit, 2))
    coalition.publish("group", objects[0])
    coalition.publish("group", objects[4])
    coalition.end("group", objects[3])
    coalition.publish("group")
    reader.catch_up(limit)
    assert correct(reader)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_leaver_is_told_once_and_given_nothing_more(coalition: Coalition, limit: int) -> None:
    coalition.publish("group")
    leaver = Poller(coalition, "first")
    leaver.catch_up(limit)
    coalition.publish("group")
    coalition.leave("first")
    coalition.publish("group")
    coalition.publish("open")
    lines = leaver.catch_up(limit)
    assert kinds(lines) == ["sight.lost", "sight.lost", "signal.changed"]
    assert correct(leaver)
    assert len(leaver.copy) == 1


@pytest.mark.parametrize("limit", LIMITS)
def test_who_leaves_and_comes_back_has_the_present_state_again(coalition: Coalition, limit: int) -> None:
    reader, absent = Poller(coalition, "first"), Poller(coalition, "first")
    kept, ended = coalition.publish("group"), coalition.publish("group")
    reader.catch_up(limit)
    absent.catch_up(limit)
    coalition.leave("first")
    reader.catch_up(limit)
    coalition.end("group", ended)
    coalition.publish("group", kept)
    coalition.join("first")
    coalition.leave("first")
    coalition.join("first")
    for poller in (reader, absent, newcomer := Poller(coalition, "first")):
        poller.catch_up(limit)
        assert correct(poller)
    assert set(kinds(newcomer.log)) == {"signal.changed", "signal.tombstoned"}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_reader_that_is_lost_while_it_is_being_filled_is_filled_anew_when_it_returns(
    coalition: Coalition, limit: int
) -> None:
    for _ in range(4):
        coalition.publish("group")
    reader = Poller(coalition, "second")
    reader.catch_up()
    coalition.join("second")
    reader.page(min(limit, 2))
    coalition.leave("second")
    reader.page(1)
    coalition.publish("group")
    coalition.join("second")
    reader.catch_up(limit)
    assert correct(reader)


def test_a_downstream_gains_and_loses_with_the_member_that_serves_it(coalition: Coalition) -> None:
    coalition.publish("group")
    served = Poller(coalition, "downstream")
    served.catch_up()
    assert len(served.copy) == 1
    coalition.leave("first")
    served.catch_up()
    assert served.copy == {}
    coalition.join("first")
    served.catch_up()
    assert correct(served)
    assert len(served.copy) == 1


def test_a_suspended_member_comes_back_to_the_present_state(coalition: Coalition) -> None:
    reader, served = Poller(coalition, "first"), Poller(coalition, "downstream")
    objects = [coalition.publish("group"), coalition.publish("open")]
    reader.catch_up()
    served.catch_up()
    coalition.stand("first", MemberStatus.SUSPENDED)
    coalition.publish("group", objects[0])
    served.catch_up()
    assert correct(served)
    coalition.stand("first", MemberStatus.ACTIVE)
    for poller in (reader, served):
        poller.catch_up(2)
        assert correct(poller)
        assert poller.copy.keys() >= {("group", objects[0])}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_prohibited_purpose_takes_sight_from_that_purpose_alone_and_gives_it_back(
    coalition: Coalition, limit: int
) -> None:
    training, detecting = Poller(coalition, "first", TRAIN), Poller(coalition, "first", DETECT)
    coalition.publish("group")
    training.catch_up(limit)
    coalition.prohibit("group", {TRAIN, "research"})
    coalition.publish("group")
    assert kinds(training.catch_up(limit)) == ["sight.lost"]
    assert training.copy == {}
    coalition.prohibit("group", {"research"})
    coalition.publish("group")
    training.catch_up(limit)
    detecting.catch_up(limit)
    for poller in (training, detecting):
        assert correct(poller)
        assert len(poller.copy) == 3
    assert ChangeKind.SIGHT_LOST not in kinds(detecting.log)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("noticed", [True, False])
def test_an_attribute_that_lapses_hides_at_once_and_its_renewal_shows_all_again(
    coalition: Coalition, limit: int, *, noticed: bool
) -> None:
    reader = Poller(coalition, "first")
    coalition.publish("group")
    reader.catch_up(limit)
    coalition.runtime.clock.set(coalition.until["first"])  # type: ignore[attr-defined]
    coalition.publish("group")
    assert kinds(reader.catch_up(limit)) == []
    if noticed:
        coalition.notice()
        assert kinds(reader.catch_up(limit)) == ["sight.lost", "sight.lost"]
        assert reader.copy == {}
    coalition.publish("group")
    coalition.renew("first", coalition.until["first"] + DAY)
    coalition.publish("group")
    reader.catch_up(limit)
    assert correct(reader)
    assert len(reader.copy) == 4
    assert kinds(reader.log).count("sight.lost") == 2


def test_lapses_at_one_moment_are_told_once(coalition: Coalition, make: Make) -> None:
    second = make.attribute(coalition.members["first"], "trusted_flagger")
    with coalition.writing() as tx:
        row = tx.session.merge(second)
        row.valid_until = coalition.until["first"]
    served = Poller(coalition, "downstream")
    reader = Poller(coalition, "first")
    coalition.publish("group")
    reader.catch_up()
    served.catch_up()
    coalition.runtime.clock.set(coalition.until["first"] + DAY)  # type: ignore[attr-defined]
    coalition.notice()
    coalition.notice()
    assert kinds(reader.catch_up()) == ["sight.lost", "sight.lost"]
    assert kinds(served.catch_up()) == ["sight.lost"]


@pytest.mark.parametrize("limit", LIMITS)
def test_an_object_that_is_narrowed_leaves_who_may_not_see_it_and_stays_with_who_may(
    coalition: Coalition, limit: int
) -> None:
    inside, outside, late = (Poller(coalition, name) for name in ("first", "second", "third"))
    moved = coalition.publish("open")
    inside.catch_up(limit)
    outside.catch_up(limit)
    old = outside.copy["open", moved]
    coalition.narrow(moved)
    assert kinds(outside.catch_up(limit)) == ["signal.tombstoned"]
    assert kinds(inside.catch_up(limit)) == ["signal.tombstoned", "signal.changed"]
    assert kinds(late.catch_up(limit)) == ["signal.tombstoned"]
    for poller in (inside, outside, late, Poller(coalition, "first")):
        poller.catch_up(limit)
        assert correct(poller)
    assert inside.copy == {(SECTION, moved): coalition.state[SECTION, moved]}
    assert old not in str(Poller(coalition, "first").catch_up(limit))


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_in_between_every_copy_ends_as_it_may_be(coalition: Coalition, seed: int) -> None:
    random = Random(seed)
    purposes = (DETECT, TRAIN)
    pollers = [Poller(coalition, n, random.choice(purposes)) for n in (*coalition.members, "downstream")]
    for _ in range(40):
        happen(coalition, random)
        for poller in random.sample(pollers, 2):
            for _ in range(random.randrange(3)):
                if poller.name not in coalition.suspended:
                    poller.page(random.choice((1, 2, 3)))
        if random.random() < 0.1:
            pollers.append(Poller(coalition, random.choice(list(coalition.members)), random.choice(purposes)))
    for name in sorted(coalition.suspended):
        coalition.stand(name, MemberStatus.ACTIVE)
    coalition.notice()
    for poller in pollers:
        poller.catch_up(random.choice(LIMITS))
        assert poller.copy == coalition.holds(poller.name, poller.purpose)
    assert any(poller.copy for poller in pollers)


def happen(coalition: Coalition, random: Random) -> None:
    """One thing that may happen in a coalition."""
    name, where = random.choice(list(coalition.members)), random.choice(list(coalition.places))
    standing = [key for key in coalition.state if key[0] == where]
    match random.choice(
        ["new"] * 5 + ["change"] * 4 + ["end", "narrow", "group", "group", "time", "standing", "purpose"]
    ):
        case "new":
            coalition.publish(where)
        case "change" if standing:
            coalition.publish(*random.choice(standing))
        case "end" if standing:
            coalition.end(*random.choice(standing))
        case "narrow" if standing and where == "open":
            coalition.narrow(random.choice(standing)[1])
        case "group":
            (coalition.leave if name in coalition.inside else coalition.join)(name)
        case "time" if name in coalition.until:
            clock = coalition.runtime.clock
            clock.set(max(clock(), coalition.until[name]) + random.choice((0, 1, DAY)))  # type: ignore[attr-defined]
            if random.random() < 0.7:
                coalition.renew(name, clock() + random.choice((DAY, 30 * DAY)))
        case "standing":
            gone = name in coalition.suspended
            coalition.stand(name, MemberStatus.ACTIVE if gone else MemberStatus.SUSPENDED)
        case "purpose" if where != SECTION:
            coalition.prohibit(where, set(random.sample((TRAIN, DETECT), random.randrange(2))))
        case _:
            pass
