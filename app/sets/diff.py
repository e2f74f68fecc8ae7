"""What changed between two versions of an indicator set: pure, over two documents."""

from typing import Any, TypedDict

from app import canonical

_Change = TypedDict("_Change", {"path": str, "from": Any, "to": Any}, total=False)


class IndicatorChange(TypedDict):
    """An indicator that both versions hold. `path` is an RFC 6901 pointer inside the indicator."""

    id: str
    fields: list[_Change]


class Diff(TypedDict):
    """Ids in the order of the document that holds them.

    A change without `from` was not there before, one without `to` is no longer there; null is a value.
    """

    added: list[str]
    removed: list[str]
    changed: list[IndicatorChange]
    set: list[_Change]


def diff(old_document: dict[str, Any], new_document: dict[str, Any]) -> Diff:
    """Set and indicators (matched by id), field by field. The order of indicators is no field."""
    old = {indicator["id"]: indicator for indicator in old_document["indicators"]}
    new = {indicator["id"]: indicator for indicator in new_document["indicators"]}
    both = [(key, _changes(old[key], indicator, "")) for key, indicator in new.items() if key in old]
    return Diff(
        added=[key for key in new if key not in old],
        removed=[key for key in old if key not in new],
        changed=[IndicatorChange(id=key, fields=fields) for key, fields in both if fields],
        set=_changes(_without_indicators(old_document), _without_indicators(new_document), ""),
    )


def _without_indicators(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != "indicators"}


def _changes(old: Any, new: Any, path: str) -> list[_Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [change for key in keys for change in _of_key(old, new, key, path)]
    if _holds_objects(old) and _holds_objects(new) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [change for index, (a, b) in pairs for change in _changes(a, b, f"{path}/{index}")]
    if canonical.encode(old) == canonical.encode(new):
        return []
    return [{"path": path, "from": old, "to": new}]


def _of_key(old: dict[str, Any], new: dict[str, Any], key: str, path: str) -> list[_Change]:
    at = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
    if key not in new:
        return [{"path": at, "from": old[key]}]
    if key not in old:
        return [{"path": at, "to": new[key]}]
    return _changes(old[key], new[key], at)


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)
