"""What JSON Schema cannot say about an indicator set: order in time, references, weights, dignity, tags.

Every check looks only at what the schema accepts and yields `(pointer, what to do)`. No check repeats a
value.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import semver

from app import clock
from app.sets import dignity, evidence, scenarios
from app.sets.days import day
from app.sets.sound import Problem, Sound, repeated
from schemas.tags import Capability, HarmType


def check(document: dict[str, Any], refused: Iterable[str] = ()) -> Iterator[Problem]:
    """All problems of the document, but for what lies at a pointer that the schema has refused already."""
    sound = Sound(document, refused)
    if sound.nothing:
        return
    for one in _CHECKS:
        yield from one(sound)


# --- the set ---------------------------------------------------------------------------------------------


def _times(sound: Sound) -> Iterator[Problem]:
    moments: dict[str, int] = {}
    for key in ("valid_from", "review_by", "valid_until"):
        text = sound.get(key)
        if text is not None:
            try:
                moments[key] = clock.from_text(text)
            except ValueError:
                yield f"/{key}", "Is no date and time that exists. Write for example 2027-06-30T00:00:00Z."
    start = moments.get("valid_from")
    for key in ("review_by", "valid_until"):
        if start is not None and key in moments and moments[key] <= start:
            yield f"/{key}", "Must be later than valid_from."


def _version(sound: Sound) -> Iterator[Problem]:
    version = sound.get("version")
    if version is not None and not semver.Version.is_valid(version):
        yield "/version", "Must be a semantic version (2.0.0), for example 1.4.0."


def _unique(sound: Sound) -> Iterator[Problem]:
    for field in ("id", "stix_id"):
        yield from repeated(sound, "indicators", field)


def _counts(sound: Sound) -> Iterator[Problem]:
    if not sound.whole("indicators"):
        return
    indicators = sound.get("indicators")
    actual = Counter(indicator["category"] for indicator in indicators)
    actual["total"] = len(indicators)
    for key, stated in sound.get("counts", {}).items():
        if stated != actual[key]:
            yield f"/counts/{key}", f"Must be {actual[key]}, the number of indicators here, or left out."


def _combination(sound: Sound) -> Iterator[Problem]:
    combination, indicators = sound.get("combination"), sound.get("indicators")
    if combination is None or indicators is None:
        return
    if combination["min_indicators"] > len(indicators):
        yield "/combination/min_indicators", "Must not be more than the set has indicators."


# --- tags ------------------------------------------------------------------------------------------------

_CONTROLLED: dict[str, tuple[str, list[str]]] = {
    "harm_types": ("harm type", [word.value for word in HarmType]),
    "capabilities": ("capability", [word.value for word in Capability]),
}


def _tags(sound: Sound) -> Iterator[Problem]:
    """Words of the controlled vocabulary, wherever they stand."""
    places = [("", {key: sound.get(key, ()) for key in _CONTROLLED})]
    for key in ("indicators", "typologies"):
        places += [(f"/{key}/{index}", entry) for index, entry in sound.entries(key)]
    for at, holder in places:
        for key, (name, words) in _CONTROLLED.items():
            for index, tag in enumerate(holder.get(key, ())):
                if tag not in words:
                    known = ", ".join(words)
                    yield f"{at}/{key}/{index}", f"Is no known {name}. Known are: {known}."


# --- one indicator ---------------------------------------------------------------------------------------


def _indicators(sound: Sound) -> Iterator[Problem]:
    codes = {found.partition(":")[2] for found in sound.ids("indicators") or ()}
    for index, indicator in sound.entries("indicators"):
        for pointer, detail in _indicator(indicator, codes):
            yield f"/indicators/{index}{pointer}", detail


def _indicator(indicator: dict[str, Any], codes: set[str]) -> Iterator[Problem]:
    if not semver.Version.is_valid(indicator["version"]):
        yield "/version", "Must be a semantic version (2.0.0), for example 1.4.0."
    yield from _params(indicator["detection"])
    yield from _builds_on(indicator, codes)
    for index, reference in enumerate(indicator["references"]):
        yield from day(reference.get("date"), f"/references/{index}/date")


def _params(detection: dict[str, Any]) -> Iterator[Problem]:
    """Every threshold is named once, finite, and used; whatever is used is there."""
    params = detection.get("params", [])
    names = [param["name"] for param in params]
    used = set()
    for pointer, name in _param_refs(detection, "/detection"):
        used.add(name)
        if name not in names:
            yield pointer, "Names a parameter that params does not hold. Add it with default, unit and basis."
    for index, param in enumerate(params):
        at = f"/detection/params/{index}"
        if not math.isfinite(param["default"]):
            yield f"{at}/default", "Must be a finite number."
        if param["name"] in names[:index]:
            yield f"{at}/name", "Is used by an earlier parameter. Every parameter needs its own."
        if param["name"] not in used:
            yield f"{at}/name", "Is used nowhere in this detection. Use it or remove it."


def _param_refs(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if set(value) == {"param"}:
            yield f"{at}/param", value["param"]
            return
        for key, child in value.items():
            yield from _param_refs(child, f"{at}/{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _param_refs(child, f"{at}/{index}")


def _builds_on(indicator: dict[str, Any], codes: set[str]) -> Iterator[Problem]:
    own = indicator["id"].partition(":")[2]
    for index, condition in enumerate(indicator["detection"].get("all", [])):
        if condition["feature"] == "has_indicator" and (
            condition["value"] == own or condition["value"] not in codes
        ):
            yield (
                f"/detection/all/{index}/value",
                "Must be the code of another indicator of this set, for example F01.",
            )


_CHECKS: tuple[Callable[[Sound], Iterator[Problem]], ...] = (
    _times,
    _version,
    _unique,
    _counts,
    _combination,
    _tags,
    _indicators,
    evidence.check,
    scenarios.check,
    dignity.check,
)
