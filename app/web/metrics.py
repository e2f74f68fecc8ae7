"""What Prometheus may ask: counts and times by route pattern, never by id or value."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from app.audit.witnessing import Standing

REGISTRY = CollectorRegistry()

REQUEST_SECONDS = Histogram(
    "halyard_request_seconds", "Time to answer, by method, route and status.",
    ["method", "route", "status"], registry=REGISTRY,
)  # fmt: skip


WITNESS_SIZE = Gauge(
    "halyard_witness_cosigned_size", "Size of the newest checkpoint that a witness cosigned.",
    ["witness"], registry=REGISTRY,
)  # fmt: skip
WITNESS_PROBLEM = Gauge(
    "halyard_witness_problem", "1 while a witness does not cosign; grave: it sees another history.",
    ["witness", "grave"], registry=REGISTRY,
)  # fmt: skip


def tell_witnesses(found: Iterable[Standing]) -> None:
    """Say how the log stands with each witness."""
    for one in found:
        WITNESS_SIZE.labels(one.key.name).set(one.cosigned_size or 0)
        WITNESS_PROBLEM.labels(one.key.name, "true").set(one.grave)
        WITNESS_PROBLEM.labels(one.key.name, "false").set(one.problem is not None and not one.grave)


def exposition() -> bytes:
    """The text form, `text/plain; version=0.0.4`."""
    return generate_latest(REGISTRY)
