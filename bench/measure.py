"""Runs two things in turn, so that what else the machine does falls on both alike."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], float]
"""One run; returns its figure, measured by itself so that what it prepares is not counted."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """The figures of several runs of one thing."""

    values: tuple[float, ...]

    @property
    def middle(self) -> float:
        return median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table.

    Args:
        unit: of both figures.
        against: what `baseline` is.
        less_is_better: for times; the ratio is turned round, so that a higher one is always better.
    """

    what: str
    unit: str
    ours: Figures
    against: str
    baseline: Figures
    less_is_better: bool = False

    @property
    def ratios(self) -> Figures:
        """The ratio of each pair of runs that followed each other."""
        pairs = zip(self.ours.values, self.baseline.values, strict=True)
        if self.less_is_better:
            return Figures(values=tuple(baseline / ours for ours, baseline in pairs))
        return Figures(values=tuple(ours / baseline for ours, baseline in pairs))


def alternate(runs: int, ours: Work, baseline: Work) -> tuple[Figures, Figures]:
    """Run both once unmeasured, then `runs` times in turn, each time beginning with the other one."""
    ours()
    baseline()
    found: tuple[list[float], list[float]] = ([], [])
    for run in range(runs):
        order = ((ours, found[0]), (baseline, found[1]))
        for work, figures in order if run % 2 == 0 else reversed(order):
            figures.append(work())
    return Figures(values=tuple(found[0])), Figures(values=tuple(found[1]))
