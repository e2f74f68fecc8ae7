"""Evidence objects, and who cites them: no dangling citation, no interval that cannot be."""

import math
from collections.abc import Iterator
from typing import Any

from app.sets.days import day
from app.sets.sound import Problem, Sound, repeated

_CITING = ("indicators", "typologies", "scenarios")


def check(sound: Sound) -> Iterator[Problem]:
    """Evidence that nobody cites is allowed: it may support the set as a whole."""
    yield from repeated(sound, "evidence")
    for index, evidence in sound.entries("evidence"):
        for pointer, detail in _evidence(evidence):
            yield f"/evidence/{index}{pointer}", detail
    yield from _citations(sound)


def _evidence(evidence: dict[str, Any]) -> Iterator[Problem]:
    yield from day(evidence["date"], "/date")
    for index, reference in enumerate(evidence["references"]):
        yield from day(reference.get("date"), f"/references/{index}/date")
    numbers = dict(_numbers(evidence))
    endless = [pointer for pointer, number in numbers.items() if not math.isfinite(number)]
    yield from ((pointer, "Must be a finite number.") for pointer in endless)
    interval = evidence["uncertainty"].get("interval")
    if interval is None or endless:
        return
    if interval["high"] < interval["low"]:
        yield "/uncertainty/interval/high", "Must not be less than low."
        return
    estimate = evidence.get("estimate")
    if estimate is None or estimate["unit"] != interval["unit"]:
        return
    if not interval["low"] <= estimate["value"] <= interval["high"]:
        yield "/estimate/value", "Must lie in the interval of its uncertainty, which has the same unit."


def _numbers(evidence: dict[str, Any]) -> Iterator[tuple[str, float]]:
    if "estimate" in evidence:
        yield "/estimate/value", evidence["estimate"]["value"]
    interval = evidence["uncertainty"].get("interval", {})
    for key in ("low", "high", "level"):
        if key in interval:
            yield f"/uncertainty/interval/{key}", interval[key]


def _citations(sound: Sound) -> Iterator[Problem]:
    known = sound.ids("evidence")
    if known is None:
        return
    for key in _CITING:
        for index, entry in sound.entries(key):
            for position, cited in enumerate(entry.get("evidence", ())):
                if cited not in known:
                    yield (
                        f"/{key}/{index}/evidence/{position}",
                        "Cites evidence that this document does not hold. Add it to evidence.",
                    )
