"""Small audited reads, against unaudited ones."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from bench import world
from bench.cases.filled import filled
from bench.client import Client, Credentials
from bench.lab import Lab, seconds
from bench.measure import Row, alternate

CROWDS = (1, 16, 64)


def audit(lab: Lab) -> list[Row]:
    """A small audited read, against the same server whose auditor writes nothing down."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving() as address:
        filled(lab, address, owner, count=5_000)
    lab.driver.vacuum()
    count = max(2 * max(CROWDS), lab.size // 100)
    rows = []
    with lab.serving() as audited, lab.serving(audited=False) as unaudited:
        for clients in CROWDS:
            work = partial(_crowd, reader, clients, count // clients)
            figures, baseline = alternate(lab.runs, partial(work, audited), partial(work, unaudited))
            what = f"feed page of 100, {clients} client{'s' if clients > 1 else ''}"
            rows.append(
                Row(what=what, unit="reads/s", ours=figures, against="no-op auditor", baseline=baseline)
            )
    return rows


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
