"""Pulling everything line by line, against the driver's scan."""

from bench import world
from bench.cases.filled import filled
from bench.client import Client
from bench.lab import Lab, seconds
from bench.measure import Row, alternate


def pull(lab: Lab) -> list[Row]:
    """An NDJSON stream of everything, against the driver's scan of the same bytes."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        _, list_id = filled(lab, address, owner)
        lab.driver.vacuum()
        place_id = world.place_of(lab.runtime, list_id)

        def ours() -> float:
            with Client(address, reader) as client:
                taken = seconds(lambda: _checked(client, lab.size))
            return lab.size / taken

        def driver() -> float:
            return lab.size / seconds(lambda: _scanned(lab, place_id))

        figures, baseline = alternate(lab.runs, ours, driver)
    what = f"NDJSON pull of {lab.size:,}"
    return [Row(what=what, unit="lines/s", ours=figures, against="driver", baseline=baseline)]


def _checked(client: Client, size: int) -> None:
    pulled = client.pull("/v1/changes")
    if not size + 2 <= pulled.lines <= size * 1.001 + 5:  # the list itself, marks, and the closing line
        raise RuntimeError(f"{pulled.lines} lines came instead of {size + 2}")


def _scanned(lab: Lab, place_id: int) -> int:
    """Bytes that the driver found in a place."""
    return sum(sum([len(row[0]) for row in rows]) for rows in lab.driver.scan(place_id))
