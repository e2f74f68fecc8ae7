"""Prints figures as a table that can be read as it stands or pasted into a document."""

from collections.abc import Iterable, Sequence

from bench.measure import Figures, Row

HEAD = (
    "what",
    "unit",
    "Halyard (least to most)",
    "against",
    "its figure",
    "ratio",
)


def show(title: str, rows: Iterable[Row]) -> None:
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    print(f"\n### {title}\n")
    print(_line(cells[0], widths))
    print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for line in cells[1:]:
        print(_line(line, widths), flush=True)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    return row.what, row.unit, _spread(row.ours), row.against, _spread(row.baseline), _spread(row.ratios)


def _spread(figures: Figures) -> str:
    return f"{_number(figures.middle)} ({_number(figures.least)} to {_number(figures.most)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
