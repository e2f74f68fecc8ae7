"""The first sync of a large list: prepared segments in zstd, against the same lines pulled one by one."""

from app.feed import preparing
from bench import world
from bench.cases.filled import filled
from bench.client import Client
from bench.lab import Lab, seconds
from bench.measure import Row, alternate

THRESHOLD = 1_000


def snapshot(lab: Lab) -> list[Row]:
    """A reader that starts, against one whose cursor is from before: it is told every change."""
    owner, reader = world.enrol(lab.runtime, "Publisher"), world.enrol(lab.runtime, "Reader")
    with lab.serving(snapshot_lines=THRESHOLD) as address:
        with Client(address, reader) as client:
            before = client.pull("/v1/changes").closing["next"]
        filled(lab, address, owner)
        while preparing.step(lab.runtime.db, THRESHOLD):
            pass
        lab.driver.vacuum()

        def pulled(path: str, coding: str) -> float:
            with Client(address, reader) as client:
                return lab.size / seconds(lambda: _checked(client, path, coding, lab.size))

        figures, baseline = alternate(
            lab.runs,
            lambda: pulled("/v1/changes", "zstd"),
            lambda: pulled(f"/v1/changes?after={before}", "identity"),
        )
    what = f"snapshot pull of {lab.size:,}, unpacked"
    return [Row(what=what, unit="lines/s", ours=figures, against="live pull", baseline=baseline)]


def _checked(client: Client, path: str, coding: str, size: int) -> None:
    """All lines came: the list itself, the signals, marks and the closing line."""
    pulled = client.pull(path, coding=coding)
    if not size < pulled.lines <= size * 1.001 + 5:
        raise RuntimeError(f"{pulled.lines} lines came for {size} signals")
