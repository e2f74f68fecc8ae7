"""Rows as a publication leaves them, made ready for the driver alone to write."""

import uuid
from collections.abc import Iterator
from typing import Any

from bench.lab import Lab
from bench.raw import CHANGE, CONTRIBUTION, ENTRY, Tables


def batches(
    lab: Lab, model: str, into: str, place_id: int, values: list[str], size: int
) -> Iterator[tuple[Tables, int]]:
    """Entries, contributions and changes like those of the list `model`, with other ids and values.

    They are for another list, whose own place is `place_id`.

    Each is what one transaction writes, `size` of them, and the number of its last change.
    """
    maker = _Maker(lab, model, into, place_id)
    head = lab.driver.head()
    for start in range(0, len(values), size):
        part = values[start : start + size]
        rows = [maker.rows(value, head + n) for n, value in enumerate(part, 1)]
        head += len(part)
        entries, contributions, changes = (list(third) for third in zip(*rows, strict=True))
        yield (
            {
                ENTRY: (maker.entry_columns, entries),
                CONTRIBUTION: (maker.contribution_columns, contributions),
                CHANGE: (maker.change_columns, changes),
            },
            head,
        )


class _Maker:
    """Makes one entry, its contribution and its change after the pattern of another."""

    def __init__(self, lab: Lab, model: str, into: str, place_id: int) -> None:
        self._driver = lab.driver
        self.entry_columns, entry = lab.driver.template(ENTRY, "collection_id", lab.driver.key(model))
        object_id, value = (entry[self.entry_columns.index(name)] for name in ("id", "value"))
        self.contribution_columns, contribution = lab.driver.template(CONTRIBUTION, "entry_id", object_id)
        self.change_columns, change = lab.driver.template(CHANGE, "object_id", object_id)
        line = _bytes(change[self.change_columns.index("line")])
        self._line = line
        self._old = str(uuid.UUID(object_id)).encode(), _bytes(value).hex().encode()
        collection = lab.driver.key(into)
        self._entry = {
            **dict(zip(self.entry_columns, entry, strict=True)),
            "collection_id": collection,
            "place_id": place_id,
        }
        self._contribution = dict(zip(self.contribution_columns, contribution, strict=True))
        self._change = {
            **dict(zip(self.change_columns, change, strict=True)),
            "collection_id": collection,
            "place_id": place_id,
        }

    def rows(self, value: str, number: int) -> tuple[list[Any], list[Any], list[Any]]:
        name, raw = str(uuid.uuid4()), bytes.fromhex(value)
        key = self._driver.key(name)
        line = self._line.replace(self._old[0], name.encode()).replace(self._old[1], value.encode())
        entry = {**self._entry, "id": key, "value": raw, "match_key": raw}
        contribution = {**self._contribution, "entry_id": key}
        change = {**self._change, "seq": number, "object_id": key, "line": line}
        return list(entry.values()), list(contribution.values()), list(change.values())


def _bytes(value: Any) -> bytes:
    """Bytes as the driver gave them: PostgreSQL's as text in hex behind two marks."""
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
