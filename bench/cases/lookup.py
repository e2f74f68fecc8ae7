"""Looking up, against the driver fetching the same entries."""

from bench import world
from bench.cases.filled import filled
from bench.client import Client
from bench.lab import Lab, seconds
from bench.measure import Row, alternate

LOOKUP_SIZE = 500


def lookup(lab: Lab) -> list[Row]:
    """Exact lookups, half of them hits, against the driver fetching the same entries."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        known, _ = filled(lab, address, owner)
        lab.driver.vacuum()

        def asked() -> list[str]:
            count = lab.size // 4
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
