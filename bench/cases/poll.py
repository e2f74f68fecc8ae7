"""Polls that find nothing, with and without what others wrote."""

import json
from functools import partial
from statistics import median

from bench import copies, world
from bench.cases.filled import filled
from bench.client import Client, Credentials
from bench.lab import Lab, seconds
from bench.measure import Row, alternate

POLLS = 100
BATCH = 10_000


def poll(lab: Lab) -> list[Row]:
    """A poll that finds nothing because what was written meanwhile is for others, against nothing written."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        with Client(address, reader) as client:
            before = _cursor(client)
        _hidden(lab, address, owner)
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


def _hidden(lab: Lab, address: str, owner: Credentials) -> None:
    """Fill a list of the owner alone: one signal through the server, and as many like it by the driver."""
    _, model = filled(lab, address, owner, count=1, marking=world.named(owner))
    with Client(address, owner) as client:
        into = world.new_list(client, world.named(owner))
    place_id = world.place_of(lab.runtime, into)
    values = world.digests(lab.random, lab.size)
    for tables, head in copies.batches(lab, model, into, place_id, values, BATCH):
        lab.driver.write(tables, place_id, head)


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
