"""JSON Schema validation that says where and what in our own words, and never repeats what was sent."""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import create

from app.screening import screen
from schemas import documents

UNKNOWN_FIELD = "Is or holds a field that this format does not have. Leave it out."
"""What is said of a field that no later edit can make right."""

TOO_MANY = "Breaks rules in so many places that the rest was not read. Correct these first."
"""What is said of the whole where looking on helps nobody."""

_ENOUGH = 1000
"""Problems after which looking on helps nobody."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def problems(name: str, value: Any) -> list[tuple[str, str]]:
    """What the schema `name` of `schemas/documents` refuses in `value`: sorted `(pointer, what to do)`."""
    errors = list(islice(_validator(name).iter_errors(value), _ENOUGH))
    located = {(tuple(error.absolute_path), _wording(error)) for error in errors}
    if len(errors) == _ENOUGH:
        located.add(((), TOO_MANY))
    ordered = sorted(located, key=lambda item: ([_position(part) for part in item[0]], item[1]))
    return [("".join(f"/{part}" for part in path), detail) for path, detail in ordered]


def _position(part: str | int) -> tuple[int, str]:
    return (part, "") if isinstance(part, int) else (-1, part)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """ECMA-262 means the end by a last `$`, Python also the place before a last line feed."""
    return re.compile(re.sub(r"\$$", r"\\Z", pattern))


def _pattern(_: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).search(instance):
        yield ValidationError("")


def _required(_: Any, required: list[str], instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """`required`, located at the missing key."""
    if isinstance(instance, dict):
        for key in required:
            if key not in instance:
                yield ValidationError("", path=(key,))


def _closed(_: Any, _allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """`additionalProperties: false`, located at the key if its name can be shown."""
    if isinstance(instance, dict):
        for key in instance:
            if key not in schema.get("properties", {}):
                shown = _NAME.fullmatch(key) is not None and not screen(key)
                yield ValidationError("", path=(key,) if shown else ())


def _items(validator: Validator, items: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """`items`, unless there are too many of them anyway: a refusal must not cost more than an answer."""
    if isinstance(instance, list) and len(instance) <= schema.get("maxItems", _ENOUGH):
        yield from Draft202012Validator.VALIDATORS["items"](validator, items, instance, schema)


def _unique(_: Any, _wanted: Any, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    """`uniqueItems` of texts in linear time; whatever else stands there is refused by `items`."""
    texts = [item for item in instance if isinstance(item, str)] if isinstance(instance, list) else []
    if len(set(texts)) < len(texts):
        yield ValidationError("")


_Located = create(
    meta_schema=Draft202012Validator.META_SCHEMA,
    validators={
        **Draft202012Validator.VALIDATORS,
        "pattern": _pattern,
        "required": _required,
        "additionalProperties": _closed,
        "items": _items,
        "uniqueItems": _unique,
    },
    type_checker=Draft202012Validator.TYPE_CHECKER,
)


@cache
def _validator(name: str) -> Validator:
    return _Located(documents.load(name))


def _wording(error: ValidationError) -> str:
    keyword = str(error.validator)
    if keyword in _DESCRIBED and isinstance(error.schema, Mapping):
        return f"Must be {error.schema['description']}."
    return _WORDS[keyword](error.validator_value)


def _at_least(limit: Any) -> str:
    return f"Is too short or too small: at least {limit}."


def _at_most(limit: Any) -> str:
    return f"Is too long or too large: at most {limit}."


_DESCRIBED = ("pattern", "anyOf")
"""Keywords whose schema carries a description that completes the sentence `Must be ...`."""

_WORDS: dict[str, Callable[[Any], str]] = {
    "required": lambda _: "Is missing.",
    "additionalProperties": lambda _: UNKNOWN_FIELD,
    "type": lambda wanted: f"Must be of type {wanted if isinstance(wanted, str) else ' or '.join(wanted)}.",
    "enum": lambda wanted: f"Must be one of: {', '.join(map(str, wanted))}.",
    "const": lambda wanted: f"Must be {str(wanted).lower() if isinstance(wanted, bool) else wanted}.",
    "minLength": _at_least,
    "minItems": _at_least,
    "minProperties": _at_least,
    "minimum": _at_least,
    "maxLength": _at_most,
    "maxItems": _at_most,
    "maximum": _at_most,
    "exclusiveMinimum": lambda limit: f"Must be more than {limit}.",
    "uniqueItems": lambda _: "Holds the same entry twice. Remove one.",
    "not": lambda _: "Does not belong here. Leave it out.",
}
