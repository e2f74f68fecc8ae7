"""What Prometheus may ask: counts and times by route pattern, never by id or value."""

from prometheus_client import CollectorRegistry, Histogram, generate_latest

REGISTRY = CollectorRegistry()

REQUEST_SECONDS = Histogram(
    "halyard_request_seconds", "Time to answer, by method, route and status.",
    ["method", "route", "status"], registry=REGISTRY,
)  # fmt: skip


def exposition() -> bytes:
    """The text form, `text/plain; version=0.0.4`."""
    return generate_latest(REGISTRY)
