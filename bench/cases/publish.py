"""Publishing, against the driver writing the same rows."""

from bench import copies, world
from bench.client import Client
from bench.lab import Lab, seconds
from bench.measure import Row, alternate
from bench.raw import Tables


def publish(lab: Lab) -> list[Row]:
    """JSON publishing into a fresh list, against the driver writing rows like these."""
    owner = world.enrol(lab.runtime, "Publisher")
    with lab.serving() as address:
        last: list[str] = []

        def ours() -> float:
            with Client(address, owner) as client:
                last[:] = [world.new_list(client, world.COMMUNITY)]
                bodies = world.bodies(world.digests(lab.random, lab.size))
                path = f"/v1/signal-lists/{last[0]}/signals"
                return lab.size / seconds(lambda: [client.post(path, body) for body in bodies])

        def driver() -> float:
            with Client(address, owner) as client:
                into = world.new_list(client, world.COMMUNITY)
            place_id = world.place_of(lab.runtime, into)
            values = world.digests(lab.random, lab.size)
            batches = list(copies.batches(lab, last[0], into, place_id, values))
            return lab.size / seconds(lambda: _written(lab, batches, place_id))

        figures, baseline = alternate(lab.runs, ours, driver)
    return [
        Row(
            what=f"JSON publish of {lab.size:,}, batches of {world.BATCH:,}", unit="signals/s",
            ours=figures, against="driver", baseline=baseline,
        )
    ]  # fmt: skip


def _written(lab: Lab, batches: list[tuple[Tables, int]], place_id: int) -> None:
    for tables, head in batches:
        lab.driver.write(tables, place_id, head)
