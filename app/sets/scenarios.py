"""Typologies and scenarios: what they name is there, weights add up, and context never acts alone.

A scenario adds up the weights of its indicators that match. From its `threshold` on a person looks; nothing
happens by itself.
"""

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.sets.sound import Problem, Sound, repeated

Indicators = dict[str, dict[str, Any]]


def check(sound: Sound) -> Iterator[Problem]:
    yield from repeated(sound, "typologies")
    yield from repeated(sound, "scenarios")
    typologies, known = sound.ids("typologies"), sound.ids("indicators")
    indicators = {indicator["id"]: indicator for _, indicator in sound.entries("indicators")}
    for index, scenario in sound.entries("scenarios"):
        at = f"/scenarios/{index}"
        if typologies is not None and scenario.get("typology", "") not in {*typologies, ""}:
            yield f"{at}/typology", "Names a typology that this document does not hold. Add it to typologies."
        for pointer, detail in _scenario(scenario, indicators, known):
            yield f"{at}{pointer}", detail


def _scenario(scenario: dict[str, Any], indicators: Indicators, known: set[str] | None) -> Iterator[Problem]:
    yield from _named(scenario["indicators"], known)
    numbers = [(f"/indicators/{n}/weight", link["weight"]) for n, link in enumerate(scenario["indicators"])]
    if "threshold" in scenario:
        numbers.append(("/threshold/value", scenario["threshold"]["value"]))
    endless = [pointer for pointer, number in numbers if not math.isfinite(number)]
    yield from ((pointer, "Must be a finite number.") for pointer in endless)
    if any(link["indicator"] not in indicators for link in scenario["indicators"]):
        return  # what it adds up to is judged once everything that it names is there
    links = [(link, indicators[link["indicator"]]) for link in scenario["indicators"]]
    yield from _roles(scenario, links)
    if not endless:
        yield from _sums(scenario, links)


def _named(links: list[dict[str, Any]], known: set[str] | None) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, link in enumerate(links):
        name, at = link["indicator"], f"/indicators/{index}/indicator"
        if known is not None and name not in known:
            yield at, "Names an indicator that this document does not hold. Use the id of one that it holds."
        if name in seen:
            yield at, "Is named by an earlier entry of this scenario. Name it once, with one weight."
        seen.add(name)


Links = list[tuple[dict[str, Any], dict[str, Any]]]


def _roles(scenario: dict[str, Any], links: Links) -> Iterator[Problem]:
    if all(_is_context(indicator) for _, indicator in links):
        yield "/indicators", "Must name an indicator that is not context_only: context never acts alone."
    if scenario["actor_role"] == "victim":
        return
    for index, (_, indicator) in enumerate(links):
        if indicator["actor_role"] == "victim":
            yield (
                f"/indicators/{index}/indicator",
                "Is about a victim and never counts against anybody. Name it where actor_role is victim.",
            )


def _sums(scenario: dict[str, Any], links: Links) -> Iterator[Problem]:
    if "threshold" not in scenario:
        return
    threshold = _exact(scenario["threshold"]["value"])
    if sum(_exact(link["weight"]) for link, _ in links) < threshold:
        yield "/threshold/value", "Must not be more than all weights together, or it is never reached."
    context = sum(_exact(link["weight"]) for link, indicator in links if _is_context(indicator))
    if context >= threshold:
        yield (
            "/threshold/value",
            "Must be more than all context_only indicators weigh together: context never acts alone.",
        )
    for index, (link, indicator) in enumerate(links):
        alone = indicator["standalone_actionable"] or _is_context(indicator)
        if not alone and _exact(link["weight"]) >= threshold:
            yield (
                f"/indicators/{index}/weight",
                "Must be less than the threshold: this indicator is not standalone_actionable.",
            )


def _is_context(indicator: dict[str, Any]) -> bool:
    return indicator.get("context_only") is True


def _exact(number: float) -> Decimal:
    """The number as it is written: tenths must add up."""
    return Decimal(str(number))
