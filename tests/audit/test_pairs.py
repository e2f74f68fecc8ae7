"""The matrix is summed from whole weeks and single days: any period gives what its days give."""

import pytest

from app.audit import projecting, tallies
from app.audit.projection import WEEK, slot, slots
from app.clock import DAY, HOUR
from app.runtime import Runtime
from tests.audit.test_projecting import ONE, OWNER, entry, written

LAST = 30
"""Days that something happened on, from 0 on: on day `n` things that count `n + 1`."""


@pytest.fixture
def month(house: Runtime) -> Runtime:
    written(house, *(entry(day * DAY + HOUR, count=day + 1) for day in range(LAST + 1)))
    projecting.drain(house.db)
    return house


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (0, LAST + 1),
        (0, 7),  # a week
        (1, 7),
        (0, 8),
        (6, 15),  # one week and a day on either side
        (8, 13),  # inside a week
        (5, 9),  # two weeks' ends, and none of them whole
        (3, 27),
        (28, 40),
    ],
)
def test_a_period_is_the_sum_of_its_days(month: Runtime, since: int, until: int) -> None:
    days = range(since, min(until, LAST + 1))
    for cut in (0, HOUR):  # a day that it cuts is counted whole
        with month.db.read() as session:
            (found,) = tallies.matrix(session, since * DAY + cut, (until - 1) * DAY + 2 * HOUR)
        assert (found.member, found.owner) == (ONE, OWNER)
        assert (found.entries, found.items) == (len(days), sum(day + 1 for day in days))


def test_weeks_are_counted_beside_days(month: Runtime) -> None:
    with month.db.read() as session:
        assert tallies.matrix(session, LAST * DAY + WEEK, LAST * DAY + 9 * WEEK) == []


@pytest.mark.parametrize(
    "width", [0, 1, HOUR, HOUR + 1, DAY, 5 * DAY, 32 * DAY + 1, 1_024 * DAY, 9_999 * DAY]
)
@pytest.mark.parametrize("first", [0, 1, HOUR - 1, 17 * DAY + 5, 20_000 * DAY + 3 * HOUR])
def test_a_range_is_found_by_each_date_that_it_holds(first: int, width: int) -> None:
    last = first + width
    for date in {first, first + width // 3, first + width // 2, last}:
        assert slot(first, last) in slots(date)


def test_a_narrow_range_is_not_looked_at_for_a_date_far_away() -> None:
    assert slot(5 * DAY, 5 * DAY + HOUR) not in slots(5 * DAY + 3 * HOUR)
    assert slot(5 * DAY, 6 * DAY) not in slots(8 * DAY)
    assert len(slots(DAY)) == len(set(slots(DAY)))
