"""Charts as geometry: what stands in a plot, on which scale, and what is said of it."""

import itertools

import pytest

from app.console import charts, wording
from app.console.charts import HEIGHT, WIDTH, Point
from app.events import Event


def points(*values: int) -> list[Point]:
    return [Point(label=f"day {number}", value=value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (1, 4), (4, 4), (5, 8), (9, 20), (41, 80), (100, 200), (5_000_000, 8_000_000)]
)
def test_a_scale_ends_at_a_round_number_that_is_not_below_the_largest_value(most: int, top: int) -> None:
    chart = charts.bars("Title", points(most), of="things")
    assert [tick.value for tick in chart.ticks] == [0, top // 4, top // 2, top // 4 * 3, top]
    assert chart.ticks[0].y == HEIGHT
    assert chart.ticks[-1].y == 0


def test_bars_stand_side_by_side_on_the_ground_and_inside_the_plot() -> None:
    drawn = charts.bars("Title", points(3, 0, 8, 1), of="things").bars
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in drawn)
    assert all(left.x + left.width < right.x for left, right in itertools.pairwise(drawn))
    assert all(bar.y + bar.height == pytest.approx(HEIGHT) for bar in drawn)
    assert [bar.height for bar in drawn] == [60, 0, 160, 20]


def test_one_among_thousands_is_still_seen() -> None:
    assert charts.bars("Title", points(1, 900_000), of="things").bars[0].height == 2


def test_the_summary_says_what_the_picture_shows() -> None:
    assert charts.bars("T", points(1, 2_000, 3), of="reads").summary == (
        "2,004 reads from day 0 to day 2; the most on day 1: 2,000."
    )
    assert charts.bars("T", points(0, 0), of="reads").summary == "No reads from day 0 to day 1."
    assert charts.bars("T", [], of="reads").summary == "No reads."


def test_cells_are_shaded_by_how_much_they_count() -> None:
    assert [charts.shade(value, 100, 5) for value in (0, 1, 10, 40, 100)] == [0, 1, 2, 4, 5]
    assert charts.shade(5, 0, 5) == 0


def test_every_action_has_words() -> None:
    kinds = {kind.kind for kind in _events(Event)}
    assert kinds - wording.ACTIONS.keys() == set()
    assert wording.action("post.lookup.look_up") == "called lookup.look_up"
    assert wording.action("never.heard-of") == "never.heard-of"
    offered = [code for _, codes in wording.grouped() for code, _ in codes]
    assert sorted(offered) == sorted(wording.ACTIONS)


def _events(of: type[Event]) -> list[type[Event]]:
    found = [kind for kind in of.__subclasses__() if "kind" in vars(kind)]
    return found + [each for kind in of.__subclasses__() for each in _events(kind)]
