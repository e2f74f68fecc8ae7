"""What changed between two versions of an indicator set: pure, over two documents."""

from typing import Any, TypedDict

from app import canonical

_Change = TypedDict("_Change", {"path": str, "from": Any, "to": Any}, total=False)


class ItemChange(TypedDict):
    """Something with an id that both versions hold. `path` is an RFC 6901 pointer inside it.

    In a scenario the id of an indicator stands for its position: `/indicators/<id>/weight`.
    """

    id: str
    fields: list[_Change]


class Items(TypedDict):
    """Ids in the order of the document that holds them."""

    added: list[str]
    removed: list[str]
    changed: list[ItemChange]


class Diff(Items):
    """The indicators, then the set itself, then what else in it has ids.

    A change without `from` was not there before, one without `to` is no longer there; null is a value.
    """

    set: list[_Change]
    evidence: Items
    typologies: Items
    scenarios: Items


_ITEMS = ("indicators", "evidence", "typologies", "scenarios")


def diff(old_document: dict[str, Any], new_document: dict[str, Any]) -> Diff:
    """Set, indicators, evidence, typologies and scenarios, each matched by id, field by field.

    The order of what is matched by id is no field.
    """
    indicators, evidence, typologies, scenarios = (
        _items(old_document.get(key, []), new_document.get(key, [])) for key in _ITEMS
    )
    return Diff(
        **indicators,
        set=_changes(_set_itself(old_document), _set_itself(new_document), ""),
        evidence=evidence,
        typologies=typologies,
        scenarios=scenarios,
    )


def _items(old_items: list[dict[str, Any]], new_items: list[dict[str, Any]]) -> Items:
    old = {item["id"]: _by_indicator(item) for item in old_items}
    new = {item["id"]: _by_indicator(item) for item in new_items}
    both = [(key, _changes(old[key], item, "")) for key, item in new.items() if key in old]
    return Items(
        added=[key for key in new if key not in old],
        removed=[key for key in old if key not in new],
        changed=[ItemChange(id=key, fields=fields) for key, fields in both if fields],
    )


def _by_indicator(item: dict[str, Any]) -> dict[str, Any]:
    """A scenario with its weights under the ids of their indicators; anything else as it is."""
    if "indicators" not in item:
        return item
    return {**item, "indicators": {link["indicator"]: link for link in item["indicators"]}}


def _set_itself(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in _ITEMS}


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
