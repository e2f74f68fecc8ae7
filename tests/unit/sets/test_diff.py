"""Comparing two versions field by field."""

import json
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sets.diff import diff
from tests.samples import sample


@pytest.fixture
def old() -> dict[str, Any]:
    content: dict[str, Any] = sample()["content"]
    return content


def items(**found: Any) -> dict[str, Any]:
    """What a diff says of things with ids, nothing unless given."""
    return {"added": [], "removed": [], "changed": [], **found}


NOTHING = {"evidence": items(), "typologies": items(), "scenarios": items()}


def test_equal_documents_differ_in_nothing(old: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"added": [], "removed": [], "changed": [], "set": [], **NOTHING}
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


def test_evidence_typologies_and_scenarios_are_matched_by_id(weighted: dict[str, Any]) -> None:
    new = deepcopy(weighted)
    for key in ("evidence", "typologies", "scenarios", "indicators"):
        new[key].reverse()
    for scenario in new["scenarios"]:
        scenario["indicators"].reverse()
    assert diff(weighted, new) == {**items(), "set": [], **NOTHING}

    gone = new["evidence"].pop(0)
    new["evidence"].append(gone | {"id": "E-NEW"})
    new["evidence"][0]["uncertainty"]["text"] = "Better known."
    del new["typologies"][0]["harm_types"]
    new["scenarios"][2]["threshold"]["value"] = 7
    found = diff(weighted, new)
    assert (found["added"], found["removed"], found["changed"], found["set"]) == ([], [], [], [])
    assert found["evidence"] == items(
        added=["E-NEW"],
        removed=[gone["id"]],
        changed=[
            {
                "id": "E-FINCEN-2021",
                "fields": [
                    {
                        "path": "/uncertainty/text",
                        "from": weighted["evidence"][3]["uncertainty"]["text"],
                        "to": "Better known.",
                    }
                ],
            }
        ],
    )
    lost = {"path": "/harm_types", "from": weighted["typologies"][1]["harm_types"]}
    assert found["typologies"] == items(changed=[{"id": "T-CONTROL", "fields": [lost]}])
    moved = {"path": "/threshold/value", "from": 6, "to": 7}
    assert found["scenarios"] == items(changed=[{"id": "S-PAYER", "fields": [moved]}])


def test_a_weight_is_a_field_under_the_id_of_its_indicator(weighted: dict[str, Any]) -> None:
    new = deepcopy(weighted)
    links = new["scenarios"][0]["indicators"]
    gone = links.pop(0)
    links[0]["weight"] = 1.75
    added = {"indicator": "ocse-weighted-scenarios:W06", "weight": 2, "basis": "source"}
    links.insert(0, added)
    assert diff(weighted, new)["scenarios"]["changed"] == [
        {
            "id": "S-PAYER",
            "fields": [
                {"path": f"/indicators/{gone['indicator']}", "from": gone},
                {"path": "/indicators/ocse-weighted-scenarios:W02/weight", "from": 1.5, "to": 1.75},
                {"path": "/indicators/ocse-weighted-scenarios:W06", "to": added},
            ],
        }
    ]


def test_what_a_first_version_did_not_have_is_added(weighted: dict[str, Any]) -> None:
    old = {key: value for key, value in weighted.items() if key not in NOTHING}
    found = diff(old, weighted)
    assert found["scenarios"] == items(added=["S-PAYER", "S-COLLECTOR", "S-CONTROL"])
    assert found["typologies"]["added"] == ["T-PAYMENTS", "T-CONTROL"]
    assert len(diff(weighted, old)["evidence"]["removed"]) == len(weighted["evidence"])


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


links = st.dictionaries(
    st.sampled_from(["a:1", "a:2", "a:3"]), st.fixed_dictionaries({"weight": st.integers(1, 9)}), min_size=1
)


@given(links, links)
def test_a_diff_says_enough_to_make_the_new_weights_from_the_old(old: Any, new: Any) -> None:
    before, after = (
        {"indicators": [], "scenarios": [{"id": "S", "indicators": entries}]}
        for entries in ([{"indicator": key, **link} for key, link in side.items()] for side in (old, new))
    )
    fields = [field for item in diff(before, after)["scenarios"]["changed"] for field in item["fields"]]
    made = _applied({"indicators": {key: {"indicator": key, **link} for key, link in old.items()}}, fields)
    assert {key: link["weight"] for key, link in made["indicators"].items()} == {
        key: link["weight"] for key, link in new.items()
    }


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
