"""`python -m bench`: prints one table per database."""

import argparse
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import lab, table
from bench.cases import CASES
from bench.databases import NAMES, databases


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Print figures with ratios.")
    parser.add_argument("--database", choices=NAMES, help="only this one; both, if left out")
    parser.add_argument("--size", type=int, default=200_000, help="how many rows (default %(default)s)")
    parser.add_argument("--runs", type=int, default=5, help="measured runs of each (default %(default)s)")
    parser.add_argument("--only", choices=sorted(CASES), help="only this benchmark")
    asked = parser.parse_args()
    for name in [asked.database] if asked.database else NAMES:
        _measure(name, [asked.only] if asked.only else list(CASES), size=asked.size, runs=asked.runs)


def _measure(database: str, cases: list[str], *, size: int, runs: int) -> None:
    rows = []
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="halyard-bench-")))
        new_database = held.enter_context(databases(database, folder))
        for case in cases:
            with lab.opened(new_database, folder, size=size, runs=runs) as opened:
                rows += CASES[case](opened)
    table.show(f"{database}, medians of {runs} alternating runs", rows)


if __name__ == "__main__":
    main()
