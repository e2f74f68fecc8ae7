"""Unusual days, against the member's own past."""

import pytest

from app.audit.tallies import Volume
from app.audit.unusual import LEAST_DAYS, PAST_DAYS, unusual
from app.clock import DAY

TODAY = 100 * DAY


def days(*entries: int, decision: str = "released") -> list[Volume]:
    """What a member did on the days up to and with today."""
    begun = TODAY - (len(entries) - 1) * DAY
    return [
        Volume(day=begun + n * DAY, action="changes.read", decision=decision, entries=count, items=0)
        for n, count in enumerate(entries)
        if count
    ]


def said(volumes: list[Volume], begun: int = 0) -> list[tuple[int, str, int]]:
    found = unusual(volumes, TODAY, TODAY + DAY, begun)
    return [(one.day, one.measure, one.value) for one in found]


def test_a_day_like_the_others_is_usual() -> None:
    assert said(days(*[100, 90, 110] * 9, 105)) == []


def test_a_day_far_above_the_others_is_unusual_and_says_by_what_it_was_measured() -> None:
    found = unusual(days(*[100, 90, 110] * 9, 100, 300), TODAY, TODAY + DAY, 0)
    assert [(one.measure, one.value, one.median, one.days) for one in found] == [("entries", 300, 100, 28)]
    assert found[0].limit == pytest.approx(100 + 6 * 1.4826 * 10, abs=0.1)


def test_some_wild_days_before_do_not_hide_another_one() -> None:
    assert said(days(*[10] * 20, 5_000, 4_000, 5_000, 10, 10, 10, 10, 10, 3_000)) == [
        (TODAY, "entries", 3_000)
    ]


def test_equal_days_leave_room_for_chance() -> None:
    assert said(days(*[100] * 28, 160)) == []
    assert said(days(*[100] * 28, 161)) == [(TODAY, "entries", 161)]


def test_much_after_silence_is_unusual_and_a_little_is_not() -> None:
    assert said(days(7)) == [(TODAY, "entries", 7)]
    assert said(days(6)) == []


def test_a_new_member_has_no_past_to_compare_with() -> None:
    begun = TODAY - (LEAST_DAYS - 1) * DAY
    assert said(days(1_000), begun) == []
    assert said(days(1_000), begun - DAY) == [(TODAY, "entries", 1_000)]


def test_refusals_are_measured_by_themselves() -> None:
    assert said(days(50, decision="refused")) == [(TODAY, "refused", 50)]


def test_only_days_of_the_period_are_judged() -> None:
    wild = days(1_000, *[0] * PAST_DAYS, 1)
    assert said(wild) == []
