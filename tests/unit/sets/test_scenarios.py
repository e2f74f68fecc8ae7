"""Typologies, scenarios and weights: nothing dangles, and context never acts alone."""

import json
import re
from typing import Any

import pytest

from app import canonical
from app.sets import document
from tests.samples import OCSE, ROOT, sample
from tests.unit.sets.building import accepted, put, refusals

PAYER, COLLECTOR, CONTROL = (f"/scenarios/{index}" for index in range(3))
"""Scenarios of the sample: a consumer, a facilitator, a victim."""
ABSENT = "ocse-weighted-scenarios:Z99"
CONTEXT = "ocse-weighted-scenarios:W09"


def test_three_weighted_scenarios_go_through_canonical_bytes_without_loss(weighted: dict[str, Any]) -> None:
    built = accepted(weighted)
    read = json.loads(canonical.encode(built))
    assert read == built
    assert {key: read[key] for key in weighted} == weighted
    assert canonical.encode(read) == canonical.encode(built)
    assert len(read["scenarios"]) == 3
    assert [type(link["weight"]) for link in read["scenarios"][0]["indicators"][:2]] == [int, float]


def test_one_indicator_stands_in_many_scenarios_with_a_weight_in_each(weighted: dict[str, Any]) -> None:
    weights = {
        scenario["id"]: link["weight"]
        for scenario in accepted(weighted)["scenarios"]
        for link in scenario["indicators"]
        if link["indicator"] == CONTEXT
    }
    assert weights == {"S-PAYER": 1, "S-COLLECTOR": 0.5}


def test_what_the_guide_writes_can_be_published() -> None:
    guide = (ROOT / "docs" / "guides" / "ngo-analyst.md").read_text("utf-8")
    (shown,) = re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    built = accepted(sample(OCSE)["content"] | json.loads(shown))
    assert built["scenarios"][0]["threshold"]["value"] == 4


BAD: list[tuple[str, Any, str]] = [
    # pointer, what is put there, where the refusal stands
    (f"{PAYER}/typology", "T-NONE", f"{PAYER}/typology"),
    (f"{PAYER}/actor_role", "suspect", f"{PAYER}/actor_role"),
    (f"{PAYER}/statement", "too short", f"{PAYER}/statement"),
    (f"{PAYER}/surprise", 1, f"{PAYER}/surprise"),
    (f"{PAYER}/indicators", [], f"{PAYER}/indicators"),
    (f"{PAYER}/indicators/1/indicator", ABSENT, f"{PAYER}/indicators/1/indicator"),
    (f"{PAYER}/indicators/1/indicator", "W01", f"{PAYER}/indicators/1/indicator"),
    (f"{PAYER}/indicators/1/indicator", "ocse-weighted-scenarios:W01", f"{PAYER}/indicators/1/indicator"),
    (f"{PAYER}/indicators/1/weight", 0, f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", -1, f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", 100.5, f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", "heavy", f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", True, f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", float("nan"), f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", float("inf"), f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/weight", 6, f"{PAYER}/indicators/1/weight"),
    (f"{PAYER}/indicators/1/basis", "guess", f"{PAYER}/indicators/1/basis"),
    (f"{PAYER}/threshold/value", 12.6, f"{PAYER}/threshold/value"),
    (f"{PAYER}/threshold/value", 1, f"{PAYER}/threshold/value"),
    (f"{PAYER}/threshold/value", float("nan"), f"{PAYER}/threshold/value"),
    (f"{PAYER}/threshold/basis", None, f"{PAYER}/threshold/basis"),
    (f"{PAYER}/id", "S-COLLECTOR", f"{COLLECTOR}/id"),
    (f"{PAYER}/id", "has space", f"{PAYER}/id"),
    (f"{CONTROL}/actor_role", "facilitator", f"{CONTROL}/indicators/0/indicator"),
    ("/typologies/1/id", "T-PAYMENTS", "/typologies/1/id"),
    ("/typologies/0/statement", "short", "/typologies/0/statement"),
    ("/typologies", {}, "/typologies"),
    ("/scenarios", "none", "/scenarios"),
]


@pytest.mark.parametrize(("pointer", "value", "located"), BAD)
def test_a_bad_value_is_refused_at_its_place(
    weighted: dict[str, Any], pointer: str, value: Any, located: str
) -> None:
    put(weighted, pointer, value)
    found = refusals(weighted)
    assert located in found
    assert all(detail.endswith(".") for detail in found.values())


@pytest.mark.parametrize("key", ["weight", "basis", "indicator"])
def test_every_weight_says_of_what_and_who_chose_it(weighted: dict[str, Any], key: str) -> None:
    del weighted["scenarios"][0]["indicators"][2][key]
    assert refusals(weighted) == {f"{PAYER}/indicators/2/{key}": "Is missing."}


def test_weights_at_the_ends_of_the_range_are_taken(weighted: dict[str, Any]) -> None:
    put(weighted, f"{PAYER}/indicators/0/weight", 100)
    put(weighted, f"{PAYER}/indicators/1/weight", 0.001)
    put(weighted, f"{PAYER}/threshold/value", 101)
    accepted(weighted)


def test_weights_add_up_as_they_are_written(weighted: dict[str, Any]) -> None:
    for index, weight in enumerate((0.7, 0.1, 0.1, 0.1)):
        put(weighted, f"{COLLECTOR}/indicators/{index}/weight", weight)
    put(weighted, f"{COLLECTOR}/threshold/value", 1.0)
    accepted(weighted)


def test_context_alone_is_no_scenario(weighted: dict[str, Any]) -> None:
    links = weighted["scenarios"][0]["indicators"]
    weighted["scenarios"][0]["indicators"] = [link for link in links if link["indicator"] == CONTEXT]
    del weighted["scenarios"][0]["threshold"]
    assert set(refusals(weighted)) == {f"{PAYER}/indicators"}


def test_context_together_stays_below_the_threshold(weighted: dict[str, Any]) -> None:
    for indicator in weighted["indicators"][:2]:
        indicator["context_only"] = True
    put(weighted, f"{PAYER}/threshold/value", 4.5)  # W01, W02 and W09 weigh 4.5
    assert set(refusals(weighted)) == {f"{PAYER}/threshold/value"}
    put(weighted, f"{PAYER}/threshold/value", 4.6)
    accepted(weighted)


def test_only_a_standalone_indicator_may_reach_the_threshold_by_itself(weighted: dict[str, Any]) -> None:
    put(weighted, f"{COLLECTOR}/threshold/value", 3)
    assert set(refusals(weighted)) == {f"{COLLECTOR}/indicators/0/weight"}
    weighted["indicators"][5]["standalone_actionable"] = True
    accepted(weighted)


def test_a_scenario_about_a_victim_needs_guidance_to_protection(weighted: dict[str, Any]) -> None:
    del weighted["scenarios"][2]["response_guidance"]
    assert refusals(weighted) == {f"{CONTROL}/response_guidance": "Is missing."}


def test_a_dangling_scenario_does_not_hide_what_else_is_wrong(weighted: dict[str, Any]) -> None:
    put(weighted, f"{PAYER}/indicators/0/indicator", ABSENT)
    put(weighted, f"{COLLECTOR}/indicators/0/weight", 1000)
    put(weighted, "/indicators/3/confidence", 101)
    put(weighted, "/indicators/3/detection/params/0/name", "unused")
    put(weighted, "/indicators/4/evidence/0", "E-NONE")
    put(weighted, "/indicators/5/detection/params/0/name", "other")
    put(weighted, "/counts/total", 3)
    put(weighted, "/valid_from", "yesterday")
    assert set(refusals(weighted)) == {
        f"{PAYER}/indicators/0/indicator",
        f"{COLLECTOR}/indicators/0/weight",
        "/indicators/3/confidence",  # what else is wrong with 3 is told once its form is right
        "/indicators/4/evidence/0",
        "/indicators/5/detection/all/0/value/param",
        "/indicators/5/detection/params/0/name",
        "/valid_from",
    }


def test_a_scenario_may_name_an_indicator_that_is_itself_refused(weighted: dict[str, Any]) -> None:
    put(weighted, "/indicators/0/confidence", 101)
    assert set(refusals(weighted)) == {"/indicators/0/confidence"}


def test_a_document_wrong_in_a_thousand_places_is_refused_as_a_whole(weighted: dict[str, Any]) -> None:
    weighted["indicators"] = [{"id": f"ocse-weighted-scenarios:N{n}"} for n in range(100)]
    found = document.problems({**weighted, "schema": document.SCHEMA})
    assert found[0]["pointer"] == ""
    assert len(found) == document.PROBLEMS_SHOWN
