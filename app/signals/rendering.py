"""The wire form of entries: one form in feed lines, pages, single reads and lookups."""

from collections.abc import Mapping
from typing import Any, Final

from app import clock, remark
from app.question import MarkingView
from app.signals.kinds import render, unvalued

INLINE_BYTES: Final = 4096
"""A longer value travels as a reference, and is fetched singly."""


def describe(
    entry: Mapping[str, Any], narrower: MarkingView | None, *, reader: str | None = None, whole: bool = False
) -> dict[str, Any]:
    """One entry that stands.

    Args:
        entry: the columns of `queries.PARTS`; without a value, everything else of it is described.
        narrower: its own marking, None where its list's holds.
        reader: as for `remark.to_wire`.
        whole: give the value however long it is.
    """
    described: dict[str, Any] = {"id": entry["id"], **_signal(entry, whole=whole)}
    described["labels"] = entry["labels"]
    for name in ("classification", "confidence"):
        if entry[name] is not None:
            described[name] = entry[name]
    described["contributor"] = entry["contributor_id"]
    described["standing"] = entry["standing"]
    described["valid_until"] = clock.to_text(entry["valid_until"])
    if narrower is not None:
        described["marking"] = remark.to_wire(narrower, reader)
    return described


def _signal(entry: Mapping[str, Any], *, whole: bool) -> dict[str, Any]:
    value: bytes | None = entry["value"]
    if value is None:
        return unvalued(entry["type"], entry["qualifier"], entry["details"])
    if whole or len(value) <= INLINE_BYTES:
        return render(entry["type"], value, entry["qualifier"], entry["details"])
    return {
        "type": entry["type"],
        "value_at": f"/v1/signals/{entry['id']}",
        "value_bytes": len(value),
        **entry["details"],
    }
