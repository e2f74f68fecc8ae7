"""Charts as plain geometry: pure. The template draws them as SVG, with attributes alone.

A plot is as wide as its page: it is stretched, so it holds shapes and no text. Text stands beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 1000
HEIGHT: Final = 160
"""Units of a plot. A unit is a pixel in its height; in its width it is what the page makes of it."""
_TICKS: Final = 4
_STEPS: Final = (1, 2, 5)
_FILLED: Final = 0.78
"""Of the width of a place, what its bar takes."""
_SEEN: Final = 2
"""The least height of a bar that counts something, so that one among thousands is still seen."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """What is drawn at one place.

    Args:
        label: names the place, for example a day.
        value: what is counted there, 0 or more.
        marked: it is unusual, and is drawn with a mark as well as named in the text.
    """

    label: str
    value: int
    marked: bool = False


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    point: Point


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A line across the plot: its height from the top, and what it stands for."""

    y: float
    value: int


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Bars from left to right, on one scale that begins at 0."""

    title: str
    summary: str
    """What it shows, in a sentence."""
    bars: Sequence[Bar]
    ticks: Sequence[Tick]

    @property
    def points(self) -> list[Point]:
        return [bar.point for bar in self.bars]

    @property
    def total(self) -> int:
        return sum(bar.point.value for bar in self.bars)


def bars(title: str, points: Sequence[Point], *, of: str) -> Chart:
    """A chart of bars.

    Args:
        of: what is counted, in the plural, for the summary.
    """
    top = _top(max((point.value for point in points), default=0))
    place = WIDTH / max(len(points), 1)
    width = place * _FILLED
    drawn = []
    for number, point in enumerate(points):
        height = round(HEIGHT * point.value / top, 1)
        if point.value:
            height = max(height, _SEEN)
        x = round(number * place + (place - width) / 2, 1)
        y = round(HEIGHT - height, 1)
        drawn.append(Bar(x=x, y=y, width=round(width, 1), height=height, point=point))
    return Chart(title=title, summary=_summary(points, of), bars=drawn, ticks=_ticks(top))


def shade(value: int, most: int, shades: int) -> int:
    """How dark a cell is: 0 for nothing, else 1 to `shades`; by the square root, so that little is seen."""
    if value <= 0 or most <= 0:
        return 0
    return min(shades, 1 + int((shades - 1) * (value / most) ** 0.5 + 0.5))


def _summary(points: Sequence[Point], of: str) -> str:
    if not points:
        return f"No {of}."
    total = sum(point.value for point in points)
    span = f"{points[0].label} to {points[-1].label}"
    if not total:
        return f"No {of} from {span}."
    most = max(points, key=lambda point: point.value)
    return f"{total:,} {of} from {span}; the most on {most.label}: {most.value:,}."


def _top(most: int) -> int:
    """The end of the scale: the least round number that is not below the largest value."""
    step = 1
    while True:
        for factor in _STEPS:
            if _TICKS * step * factor >= most:
                return _TICKS * step * factor
        step *= 10


def _ticks(top: int) -> list[Tick]:
    step = top // _TICKS
    return [Tick(y=HEIGHT - HEIGHT * number / _TICKS, value=number * step) for number in range(_TICKS + 1)]
