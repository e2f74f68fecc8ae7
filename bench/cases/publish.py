"""NDJSON publishing over HTTP, against the driver alone writing the same rows."""

import json

from app.web.ndjson import CHUNK_LINES
from bench import copies, world
from bench.client import Client
from bench.lab import Lab, seconds
from bench.measure import Row, alternate
from bench.raw import Tables


def publish(lab: Lab) -> list[Row]:
    """One request into a fresh list, against the driver in transactions as large as a chunk."""
    owner = world.enrol(lab.runtime, "Publisher")
    with lab.serving() as address:
        last: list[str] = []

        def ours() -> float:
            body = world.lines(world.digests(lab.random, lab.size))
            with Client(address, owner) as client:
                last[:] = [world.new_list(client, world.COMMUNITY)]
                return lab.size / seconds(lambda: _accepted(client, last[0], body, lab.size))

        def driver() -> float:
            with Client(address, owner) as client:
                into = world.new_list(client, world.COMMUNITY)
            place_id = world.place_of(lab.runtime, into)
            values = world.digests(lab.random, lab.size)
            batches = list(copies.batches(lab, last[0], into, place_id, values, CHUNK_LINES))
            return lab.size / seconds(lambda: _written(lab, batches, place_id))

        figures, baseline = alternate(lab.runs, ours, driver)
    return [
        Row(
            what=f"NDJSON publish of {lab.size:,}, chunks of {CHUNK_LINES:,}", unit="signals/s",
            ours=figures, against="driver", baseline=baseline,
        )
    ]  # fmt: skip


def _accepted(client: Client, list_id: str, body: bytes, size: int) -> None:
    report = json.loads(client.push(f"/v1/signal-lists/{list_id}/signals", body))
    if report["accepted"] != size:
        raise RuntimeError(f"{report['accepted']} were accepted instead of {size}")


def _written(lab: Lab, batches: list[tuple[Tables, int]], place_id: int) -> None:
    for tables, head in batches:
        lab.driver.write(tables, place_id, head)
