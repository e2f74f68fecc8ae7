"""Comparing two versions field by field."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sets.diff import diff

SAMPLE = Path(__file__).parents[3] / "samples" / "us-fincen-2020-a008.json"


@pytest.fixture
def old() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SAMPLE.read_text("utf-8"))["content"]
    return content


def test_equal_documents_differ_in_nothing(old: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"added": [], "removed": [], "changed": [], "set": []}
    assert diff(old, deepcopy(old)) == nothing
    assert diff(old, old | {"indicators": old["indicators"][::-1]}) == nothing


def test_added_removed_and_changed_indicators_are_told_apart(old: dict[str, Any]) -> None:
    new = deepcopy(old)
    gone = new["indicators"].pop(3)
    new["indicators"].append(gone | {"id": "us-fincen-2020-a008:F99"})
    changed = new["indicators"][0]
    changed["confidence"] = 60
    changed["detection"]["params"][0]["default"] = 5
    changed["context_only"] = True
    del changed["subcategory"]
    found = diff(old, new)
    assert found["added"] == ["us-fincen-2020-a008:F99"]
    assert found["removed"] == [gone["id"]]
    assert found["changed"] == [
        {
            "id": changed["id"],
            "fields": [
                {"path": "/subcategory", "from": "geography"},
                {"path": "/detection/params/0/default", "from": 4, "to": 5},
                {"path": "/confidence", "from": 35, "to": 60},
                {"path": "/context_only", "to": True},
            ],
        }
    ]


def test_fields_of_the_set_are_compared(old: dict[str, Any]) -> None:
    new = deepcopy(old) | {"version": "1.1.0", "harm_types": ["human-trafficking-labour"]}
    assert diff(old, new)["set"] == [
        {"path": "/version", "from": "1.0.0", "to": "1.1.0"},
        {"path": "/harm_types", "from": old["harm_types"], "to": ["human-trafficking-labour"]},
    ]


@pytest.mark.parametrize(("old", "new", "changes"), [(1, True, 1), (0, False, 1), (None, 0, 1), (2, 2.0, 0)])
def test_values_differ_as_their_canonical_bytes_do(old: Any, new: Any, changes: int) -> None:
    before, after = ({"indicators": [{"id": "a:1", "value": value}]} for value in (old, new))
    assert len(diff(before, after)["changed"]) == changes


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
indicators = st.dictionaries(
    st.sampled_from(["a:1", "a:2", "a:3"]), st.dictionaries(st.text("xy~/", min_size=1, max_size=2), values)
)


def _applied(old: Any, changes: list[Any]) -> Any:
    """`old` with every change made: what a reader of the diff would do."""
    holder = {"": deepcopy(old)}
    for change in changes:
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in change["path"].split("/")]
        target: Any = holder
        for part in way:
            target = target[int(part) if isinstance(target, list) else part]
        if "to" in change:
            target[int(last) if isinstance(target, list) else last] = change["to"]
        else:
            del target[last]
    return holder[""]


@given(indicators, indicators)
def test_a_diff_says_enough_to_make_the_new_version_from_the_old(old: Any, new: Any) -> None:
    found = diff(
        {"indicators": [fields | {"id": key} for key, fields in old.items()]},
        {"indicators": [fields | {"id": key} for key, fields in new.items()]},
    )
    assert set(found["added"]) == set(new) - set(old)
    assert set(found["removed"]) == set(old) - set(new)
    changes = {item["id"]: item["fields"] for item in found["changed"]}
    for key in set(old) & set(new):
        made = _applied(old[key], changes.get(key, []))
        assert json.dumps(made, sort_keys=True) == json.dumps(new[key], sort_keys=True)
