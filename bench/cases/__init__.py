"""The benchmarks. Each fills a database through the server, measures, and returns lines of the table."""

from collections.abc import Callable

from bench.cases.audit import audit
from bench.cases.lookup import lookup
from bench.cases.poll import poll
from bench.cases.publish import publish
from bench.cases.pull import pull
from bench.lab import Lab
from bench.measure import Row

CASES: dict[str, Callable[[Lab], list[Row]]] = {
    "publish": publish,
    "pull": pull,
    "lookup": lookup,
    "audit": audit,
    "poll": poll,
}
"""By the name that `--only` takes."""
