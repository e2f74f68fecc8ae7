"""However a document is broken, the answer is a list of places and never another failure."""

from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sets import document
from tests.samples import SCENARIOS, sample
from tests.unit.sets.building import SET_ID, drop, put

NUMBERS = (0, -1, 2.5, float("nan"), float("inf"))
JUNK: tuple[Any, ...] = (None, True, *NUMBERS, "", "x", "E-NONE", [], [None], ["x", "x"], {}, {"id": 5})


def _short() -> dict[str, Any]:
    """A whole document with few indicators: `W01`, the context of `W09`, and those about a victim."""
    content: dict[str, Any] = sample(SCENARIOS)["content"]
    kept = ("W01", "W09", "V01", "V02", "V03")
    content["indicators"] = [one for one in content["indicators"] if one["id"].partition(":")[2] in kept]
    del content["scenarios"][1], content["scenarios"][0]["threshold"], content["counts"]
    ids = {one["id"] for one in content["indicators"]}
    for scenario in content["scenarios"]:
        scenario["indicators"] = [link for link in scenario["indicators"] if link["indicator"] in ids]
    return document.build(content, set_id=SET_ID, version="1.0.0")


def _places(value: Any, at: str = "") -> list[str]:
    if not isinstance(value, dict | list):
        return [at]
    children: Any = value.items() if isinstance(value, dict) else enumerate(value)
    return [at, *(place for key, child in children for place in _places(child, f"{at}/{key}"))]


WHOLE = _short()
PLACES = [place for place in _places(WHOLE) if place]
changes = st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK) | st.just("remove"))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(changes, min_size=1, max_size=3))
def test_any_broken_document_gets_its_places_told(made: list[tuple[str, Any]]) -> None:
    broken = deepcopy(WHOLE)
    for place, value in made:
        try:
            drop(broken, place) if value == "remove" else put(broken, place, value)
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # an earlier change took the place away
    for problem in document.problems(broken):
        assert set(problem) == {"pointer", "detail"}
        assert problem["detail"].endswith(".")
