"""Dignity and non-discrimination: what may not be looked at, said of survivors, or done to victims.

Checks of wording are a net for mistakes, not a lock: they know English, and reviewers still read.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.sets.days import day
from app.sets.sound import Problem, Sound

_NEVER_FEATURES = re.compile(
    r"nationalit|citizenship|national_origin|country_of_birth|birth_country|ethnic|racial|religio|gender"
    r"|(?<![a-z])(?:race|caste|tribe|creed|faith|sex)(?![a-z])"
)
_PLACE = re.compile(
    r"(?<![a-z])(?:destination|origin_in|origin_country|corridor|countr(?:y|ies)|jurisdictions?)(?![a-z])"
)

_ACTING = re.compile(
    r"\b(?:clos|block|suspend|freez|terminat|restrict|ban|exit|off-?board|de-?risk|de-?bank|blacklist|deactivat)"
    r"\w{0,6}\b[^.;:!?]{0,40}"
    r"\b(?:account|customer|client|user|relationship|profile|access|card|fund|wallet|service)s?\b"
)
_PROSECUTING = re.compile(
    r"\b(?:arrest|detain|detention|prosecut|deport|punish|criminalis|criminaliz|evict|confront|interrogat)\w{0,6}"
    r"|\bimmigration (?:authorit|enforcement|offic)\w{0,4}|\bas (?:a |the )?(?:suspect|offender|subject)s?\b"
)
_NEGATED = re.compile(r"\b(?:not|never|no|nor|without|avoid\w{0,3}|instead of|rather than|cannot)\b|n't\b")

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)[a-z]{0,6}\.?"
_NUMBER = r"(?:[0-9]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_PERSON = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof)\b\.?\s+[^\W\d_]"
    r"|\b(?i:named|called|known as|pseudonyms?|initials|alias)\b"
)
_QUOTE = re.compile(
    r"[\"\u201c-\u201f\u00ab\u00bb\u2039\u203a]|(?<!\w)['\u2018][^'\u2019]{2,200}['\u2019](?!\w)"
)
_FINER_DATE = re.compile(
    rf"\b[12][0-9]{{3}}-[0-9]{{2}}\b|\b{_MONTH}\s+[0-9]|\b[0-9]{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}(?!\w)"
)
_FINER_PLACE = re.compile(
    r"\b(?i:city|town|village|district|province|county|municipality|neighbou?rhood|suburb|street|postcode)\b"
    r"|\b[A-Z]{2}-[A-Z0-9]{1,3}\b"
)
_COUNT = re.compile(
    rf"(?<![-\u2013\w]){_NUMBER}\s+(?:\w+\s+)?(?:survivor|participant|victim|person|people|wom[ae]n|m[ae]n|girl|boy|child)"
    r"(?:s|ren)?\b",
    re.IGNORECASE,
)
_UNSAID = (
    (
        _QUOTE,
        "Must not quote: what survivors said stays with them. Say in your own words what was done.",
    ),
    (_PERSON, "Must not name or describe a person. Name the organisation only."),
    (_COUNT, "Must not count people. How many took part is said by participants_band only."),
    (_FINER_DATE, "Must not hold a date finer than a year: it could point to a person."),
    (_FINER_PLACE, "Must not name a place finer than a country: it could point to a person."),
)


def check(sound: Sound) -> Iterator[Problem]:
    yield from _purposes(sound)
    for index, indicator in sound.entries("indicators"):
        for pointer, detail in _indicator(indicator):
            yield f"/indicators/{index}{pointer}", detail
    for index, scenario in sound.entries("scenarios"):
        for pointer, detail in _guidance(scenario):
            yield f"/scenarios/{index}{pointer}", detail


def _purposes(sound: Sound) -> Iterator[Problem]:
    """What is about a victim serves protection: a set that holds it is not made for investigating people."""
    about = [entry for key in ("indicators", "scenarios") for _, entry in sound.entries(key)]
    if not any(_about_victim(entry) for entry in about):
        return
    for index, purpose in enumerate(sound.get("purpose_codes", ())):
        if purpose == "investigate":
            yield (
                f"/purpose_codes/{index}",
                "Does not go with what is about a victim. Take it out, or publish that in a set of its own.",
            )


def _indicator(indicator: dict[str, Any]) -> Iterator[Problem]:
    yield from _place_alone(indicator)
    yield from _attributes(indicator)
    yield from _guidance(indicator)
    for index, validation in enumerate(indicator["validation"]):
        yield from _validation(validation, f"/validation/{index}")


def _about_victim(entry: dict[str, Any]) -> bool:
    return bool(entry["actor_role"] == "victim")


# --- what is looked at -----------------------------------------------------------------------------------


def _place_alone(indicator: dict[str, Any]) -> Iterator[Problem]:
    conditions = indicator["detection"].get("all", [])
    names = [_words(condition["feature"]) for condition in conditions]
    only_place = names and all(_PLACE.search(name) and not _NEVER_FEATURES.search(name) for name in names)
    if only_place and indicator.get("context_only") is not True:
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


# --- what is done ----------------------------------------------------------------------------------------


def _guidance(entry: dict[str, Any]) -> Iterator[Problem]:
    """No joint action against anybody, and for a victim nothing but protection."""
    texts = {"/response_guidance": entry.get("response_guidance", "")}
    if _about_victim(entry):
        texts["/detection/prompt"] = entry.get("detection", {}).get("prompt", "")
    for pointer, text in texts.items():
        clauses = [part for part in re.split(r"[.;:!?]", text.lower()) if not _NEGATED.search(part)]
        if any(_ACTING.search(clause) for clause in clauses):
            yield pointer, "Must not tell members to act on an account or a person: each decides by itself."
        if _about_victim(entry) and any(_PROSECUTING.search(clause) for clause in clauses):
            yield pointer, "Is about a victim: guide to protection and safeguarding, never to enforcement."


# --- what is said of survivors ---------------------------------------------------------------------------


def _validation(validation: dict[str, Any], at: str) -> Iterator[Problem]:
    yield from day(validation.get("date"), f"{at}/date")
    low, dash, high = validation.get("participants_band", "").partition("-")
    if dash and int(high) <= int(low):
        yield f"{at}/participants_band", "Must be a band, not a count: the second number is the larger one."
    if validation.get("survivor_validated") is not True:
        yield from ((f"{at}/{name}", _UNCLAIMED) for name in _claiming(validation))
        return
    if _PERSON.search(validation["by"]):
        yield f"{at}/by", "Must be an organisation, never a person."
    yield from ((f"{at}/note", detail) for detail in unsaid(validation.get("note", "")))


def unsaid(text: str) -> Iterator[str]:
    """What a text about survivors holds that must never be said of them."""
    yield from (detail for pattern, detail in _UNSAID if pattern.search(text))


_OF_SURVIVORS = re.compile(r"survivor|lived[_-]?experience")
_UNCLAIMED = "Says that survivors took part: then survivor_validated is true, with all that this demands."


def _claiming(validation: dict[str, Any]) -> Iterator[str]:
    """The fields by which a validation says it of survivors without the word that demands an attestation."""
    if _OF_SURVIVORS.search(validation["method"]):
        yield "method"
    if "participants_band" in validation:
        yield "participants_band"
    if validation.get("consent_recorded") is True:
        yield "consent_recorded"
