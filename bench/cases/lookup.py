"""Looking up, against the driver fetching the same entries."""

from bench import copies, world
from bench.cases.filled import filled
from bench.client import Client, Credentials
from bench.lab import Lab, seconds
from bench.measure import Row, alternate

LOOKUP_SIZE = 500
BATCH = 10_000
ASKED = 20
"""One of so many stored values is asked about in a run, beside as many that are not there."""


def lookup(lab: Lab) -> list[Row]:
    """Exact lookups, half of them hits, against the driver fetching the same entries."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        known = _stocked(lab, address, owner, lab.size)
        lab.driver.vacuum()

        def asked() -> list[str]:
            count = lab.size // ASKED
            values = lab.random.sample(known, count) + world.digests(lab.random, count)
            lab.random.shuffle(values)
            return values

        def ours() -> float:
            values = asked()
            questions = list(world.questions(values, LOOKUP_SIZE))
            with Client(address, reader) as client:
                return len(values) / seconds(lambda: [client.post("/v1/lookup", body) for body in questions])

        def driver() -> float:
            keys = [bytes.fromhex(value) for value in asked()]
            batches = [keys[start : start + LOOKUP_SIZE] for start in range(0, len(keys), LOOKUP_SIZE)]
            return len(keys) / seconds(lambda: [lab.driver.match(batch) for batch in batches])

        figures, baseline = alternate(lab.runs, ours, driver)
    what = f"exact lookup among {lab.size:,}, batches of {LOOKUP_SIZE}"
    return [Row(what=what, unit="lookups/s", ours=figures, against="driver", baseline=baseline)]


def _stocked(lab: Lab, address: str, owner: Credentials, count: int) -> list[str]:
    """A list of so many values: the first few published, the rest written by the driver alike."""
    values, list_id = filled(lab, address, owner, count=world.BATCH)
    place_id = world.place_of(lab.runtime, list_id)
    more = world.digests(lab.random, count - world.BATCH)
    for tables, head in copies.batches(lab, list_id, list_id, place_id, more, BATCH):
        lab.driver.write(tables, place_id, head)
    return values + more
