"""The benchmarks. Each fills a database through the server, measures, and returns lines of the table."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.cases.audit import audit
from bench.cases.lookup import lookup
from bench.cases.poll import poll
from bench.cases.publish import publish
from bench.cases.pull import pull
from bench.cases.questions import questions
from bench.cases.snapshot import snapshot
from bench.lab import Lab
from bench.measure import Row


@dataclass(frozen=True)
class Case:
    """One benchmark, and how many rows it is about unless told otherwise."""

    work: Callable[[Lab], list[Row]]
    size: int = 200_000


CASES = {
    "publish": Case(publish),
    "pull": Case(pull),
    "snapshot": Case(snapshot),
    "lookup": Case(lookup, 1_000_000),
    "audit": Case(audit),
    "poll": Case(poll, 1_000_000),
    "questions": Case(questions, 5_000_000),
}
"""By the name that `--only` takes."""
