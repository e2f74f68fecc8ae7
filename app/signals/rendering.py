"""The wire form of entries: one form in feed lines, pages, single reads and lookups."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app import clock, remark
from app.question import MarkingView
from app.signals.kinds import render, unvalued
from app.signals.standing import Contributed

INLINE_BYTES: Final = 4096
"""A longer value travels as a reference, and is fetched singly."""


def describe(
    entry: Mapping[str, Any], narrower: MarkingView | None, *, reader: str | None = None, whole: bool = False
) -> dict[str, Any]:
    """One entry that stands.

    Args:
        entry: the columns of `queries.PARTS`, and its `contributions`. Without a value, everything else of it
            is described.
        narrower: its own marking, None where its list's holds.
        reader: as for `remark.to_wire`.
        whole: give the value however long it is.
    """
    described: dict[str, Any] = {"id": entry["id"], **_signal(entry, whole=whole)}
    described |= describe_standing(entry)
    if narrower is not None:
        described["marking"] = remark.to_wire(narrower, reader)
    return described


def describe_standing(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of an entry, and by whom."""
    contributions: Sequence[Contributed] = entry["contributions"]
    return {
        "labels": list(dict.fromkeys(label for one in contributions for label in one.labels)),
        "standing": entry["standing"],
        "valid_until": clock.to_text(entry["valid_until"]),
        "contributions": [_contribution(one) for one in contributions],
    }


def _contribution(contributed: Contributed) -> dict[str, Any]:
    described: dict[str, Any] = {"member": contributed.member_id, "labels": contributed.labels}
    if contributed.classification is not None:
        described["classification"] = contributed.classification
    if contributed.confidence is not None:
        described["confidence"] = contributed.confidence
    described["valid_until"] = clock.to_text(contributed.valid_until)
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
