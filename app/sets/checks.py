"""What JSON Schema cannot say about an indicator set: references, order in time, dignity, non-discrimination.

Every check takes a document that the schema accepts and yields `(pointer, what to do)`. No check repeats
a value.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import semver

from app import clock

Problem = tuple[str, str]

_NEVER_FEATURES = re.compile(
    r"nationalit|citizenship|national_origin|country_of_birth|birth_country|ethnic|racial|religio|gender"
    r"|(?<![a-z])(?:race|caste|tribe|creed|faith|sex)(?![a-z])"
)


def check(document: dict[str, Any]) -> Iterator[Problem]:
    """All problems of a document that is valid by schema, set first, then indicator by indicator."""
    for set_check in _SET_CHECKS:
        yield from set_check(document)
    codes = {indicator["id"].partition(":")[2] for indicator in document["indicators"]}
    for index, indicator in enumerate(document["indicators"]):
        for pointer, detail in _indicator(indicator, codes):
            yield f"/indicators/{index}{pointer}", detail


# --- the set ---------------------------------------------------------------------------------------------


def _times(document: dict[str, Any]) -> Iterator[Problem]:
    moments: dict[str, int] = {}
    for key in ("valid_from", "review_by", "valid_until"):
        if key in document:
            try:
                moments[key] = clock.from_text(document[key])
            except ValueError:
                yield f"/{key}", "Is no date and time that exists. Write for example 2027-06-30T00:00:00Z."
    start = moments.get("valid_from")
    for key in ("review_by", "valid_until"):
        if start is not None and key in moments and moments[key] <= start:
            yield f"/{key}", "Must be later than valid_from."


def _version(document: dict[str, Any]) -> Iterator[Problem]:
    if not semver.Version.is_valid(document["version"]):
        yield "/version", "Must be a semantic version (2.0.0), for example 1.4.0."


def _unique(document: dict[str, Any]) -> Iterator[Problem]:
    for key in ("id", "stix_id"):
        seen: set[str] = set()
        for index, indicator in enumerate(document["indicators"]):
            if indicator[key] in seen:
                yield (
                    f"/indicators/{index}/{key}",
                    "Is used by an earlier indicator. Every indicator needs its own.",
                )
            seen.add(indicator[key])


def _counts(document: dict[str, Any]) -> Iterator[Problem]:
    actual = Counter(indicator["category"] for indicator in document["indicators"])
    actual["total"] = len(document["indicators"])
    for key, stated in document.get("counts", {}).items():
        if stated != actual[key]:
            yield f"/counts/{key}", f"Must be {actual[key]}, the number of indicators here, or left out."


def _combination(document: dict[str, Any]) -> Iterator[Problem]:
    if document["combination"]["min_indicators"] > len(document["indicators"]):
        yield "/combination/min_indicators", "Must not be more than the set has indicators."


_SET_CHECKS: tuple[Callable[[dict[str, Any]], Iterator[Problem]], ...] = (
    _times,
    _version,
    _unique,
    _counts,
    _combination,
)


# --- one indicator ---------------------------------------------------------------------------------------


def _indicator(indicator: dict[str, Any], codes: set[str]) -> Iterator[Problem]:
    if not semver.Version.is_valid(indicator["version"]):
        yield "/version", "Must be a semantic version (2.0.0), for example 1.4.0."
    yield from _params(indicator["detection"])
    yield from _conditions(indicator, codes)
    yield from _attributes(indicator)
    for index, validation in enumerate(indicator["validation"]):
        yield from _validation(validation, f"/validation/{index}")
    for index, reference in enumerate(indicator["references"]):
        yield from _day(reference.get("date"), f"/references/{index}/date")


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


def _conditions(indicator: dict[str, Any], codes: set[str]) -> Iterator[Problem]:
    conditions = indicator["detection"].get("all", [])
    own = indicator["id"].partition(":")[2]
    for index, condition in enumerate(conditions):
        if condition["feature"] == "has_indicator" and (
            condition["value"] == own or condition["value"] not in codes
        ):
            yield (
                f"/detection/all/{index}/value",
                "Must be the code of another indicator of this set, for example F01.",
            )
    only_destination = conditions and all(
        condition["feature"] == "destination_in" for condition in conditions
    )
    if only_destination and indicator.get("context_only") is not True:
        yield "/context_only", "Must be true: where money or people go is context and never acts alone."


def _attributes(indicator: dict[str, Any]) -> Iterator[Problem]:
    """Non-discrimination: no feature, class or data element may name what must not be looked at."""
    prohibited = [_words(attribute) for attribute in indicator["prohibited_attributes"]]
    for pointer, name in _named(indicator):
        words = _words(name)
        if _NEVER_FEATURES.search(words) or any(f"_{attribute}_" in f"_{words}_" for attribute in prohibited):
            yield (
                pointer,
                "Names a prohibited attribute. Describe conduct, never origin, belief, gender or status.",
            )


def _named(indicator: dict[str, Any]) -> Iterator[tuple[str, str]]:
    detection = indicator["detection"]
    for index, condition in enumerate(detection.get("all", [])):
        yield f"/detection/all/{index}/feature", condition["feature"]
    for index, param in enumerate(detection.get("params", [])):
        yield f"/detection/params/{index}/name", param["name"]
    if "class" in detection:
        yield "/detection/class", detection["class"]
    for index, element in enumerate(indicator.get("data_elements", [])):
        yield f"/data_elements/{index}", element


def _words(name: str) -> str:
    """Lower-case words joined by `_`, camel case taken apart."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")


def _validation(validation: dict[str, Any], at: str) -> Iterator[Problem]:
    yield from _day(validation.get("date"), f"{at}/date")
    low, dash, high = validation.get("participants_band", "").partition("-")
    if dash and int(high) <= int(low):
        yield f"{at}/participants_band", "Must be a band, not a count: the second number is the larger one."


def _day(text: str | None, at: str) -> Iterator[Problem]:
    if text is None:
        return
    try:
        date.fromisoformat(f"{text}-01-01"[:10] if len(text) == 4 else f"{text}-01"[:10])
    except ValueError:
        yield at, "Is no date that exists. Write YYYY, YYYY-MM or YYYY-MM-DD."
