"""The benchmarks. Each fills a database through the server, measures, and returns lines of the table."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import Any

from bench import world
from bench.client import Client, Credentials
from bench.lab import Lab, seconds
from bench.measure import Row, alternate
from bench.publishing import publish

LOOKUP_SIZE = 500
CROWD = 32
POLLS = 100


def pull(lab: Lab) -> list[Row]:
    """An NDJSON stream of everything, against the driver's scan of the same bytes."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        _, list_id = _filled(lab, address, owner)
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


def lookup(lab: Lab) -> list[Row]:
    """Exact lookups, half of them hits, against the driver fetching the same entries."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        known, _ = _filled(lab, address, owner)
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


def audit(lab: Lab) -> list[Row]:
    """A small audited read, against the same server whose auditor writes nothing down."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        _filled(lab, address, owner, count=5_000)
    lab.driver.vacuum()
    count = max(2 * CROWD, lab.size // 100)
    rows = []
    with lab.serving() as audited, lab.serving(audited=False) as unaudited:
        for clients in (1, CROWD):
            work = partial(_crowd, reader, clients, count // clients)
            figures, baseline = alternate(lab.runs, partial(work, audited), partial(work, unaudited))
            what = f"feed page of 100, {clients} client{'s' if clients > 1 else ''}"
            rows.append(
                Row(what=what, unit="reads/s", ours=figures, against="no-op auditor", baseline=baseline)
            )
    return rows


def poll(lab: Lab) -> list[Row]:
    """A poll that finds nothing because what was written meanwhile is for others, against nothing written."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        with Client(address, reader) as client:
            before = _cursor(client)
        _filled(lab, address, owner, marking=world.named(owner))
        lab.driver.vacuum()
        with Client(address, reader) as client:
            after = _cursor(client)
        figures, baseline = alternate(
            lab.runs, partial(_polls, address, reader, before), partial(_polls, address, reader, after)
        )
    what = f"empty poll over {lab.size:,} rows of others"
    return [
        Row(what=what, unit="ms", ours=figures, against="nothing new", baseline=baseline, less_is_better=True)
    ]


CASES: dict[str, Callable[[Lab], list[Row]]] = {
    "publish": publish,
    "pull": pull,
    "lookup": lookup,
    "audit": audit,
    "poll": poll,
}
"""By the name that `--only` takes."""


def _filled(
    lab: Lab,
    address: str,
    owner: Credentials,
    *,
    count: int | None = None,
    marking: dict[str, Any] | None = None,
) -> tuple[list[str], str]:
    """A list that holds `count` (all of the size, if left out) values; returns them, and its id."""
    values = world.digests(lab.random, lab.size if count is None else count)
    with Client(address, owner) as client:
        list_id = world.new_list(client, marking or world.COMMUNITY)
        world.publish(client, list_id, values)
    return values, list_id


def _checked(client: Client, size: int) -> None:
    pulled = client.pull("/v1/changes")
    if pulled.lines != size + 2:  # the list itself, and the closing line
        raise RuntimeError(f"{pulled.lines} lines came instead of {size + 2}")


def _scanned(lab: Lab, place_id: int) -> int:
    """Bytes that the driver found in a place."""
    return sum(sum([len(row[0]) for row in rows]) for rows in lab.driver.scan(place_id))


def _crowd(reader: Credentials, clients: int, each: int, address: str) -> float:
    """Reads per second of so many clients at once."""
    connected = [Client(address, reader) for _ in range(clients)]

    def read_all(client: Client) -> None:
        for _ in range(each):
            client.get("/v1/changes?limit=100")

    with ThreadPoolExecutor(clients) as pool:
        taken = seconds(lambda: list(pool.map(read_all, connected)))
    for client in connected:
        client.close()
    return clients * each / taken


def _cursor(client: Client) -> str:
    """The cursor behind everything that there is now."""
    found: str = client.pull("/v1/changes").closing["next"]
    return found


def _polls(address: str, reader: Credentials, cursor: str) -> float:
    """Milliseconds of the middle one of some polls."""
    with Client(address, reader) as client:
        client.get("/v1/changes")
        return 1000 * median(seconds(lambda: _empty(client, cursor)) for _ in range(POLLS))


def _empty(client: Client, cursor: str) -> None:
    page = json.loads(client.get(f"/v1/changes?after={cursor}"))
    if page["changes"]:
        raise RuntimeError("a poll that must find nothing found changes")
