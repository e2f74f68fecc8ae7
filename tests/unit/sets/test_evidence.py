"""Evidence objects and their citations."""

from copy import deepcopy
from typing import Any

import pytest

from tests.unit.sets.building import accepted, drop, put, refusals

ONE = "/evidence/0"


@pytest.fixture
def measured(weighted: dict[str, Any]) -> dict[str, Any]:
    """The first evidence object with an estimate and an interval."""
    weighted["evidence"][0] |= {
        "kind": "survey",
        "population": "Adults who use remittance services",
        "estimate": {"value": 4.5, "unit": "percent", "basis": "source"},
        "uncertainty": {
            "text": "Self-reported.",
            "interval": {"low": 3.1, "high": 6, "level": 95, "unit": "percent", "basis": "source"},
        },
    }
    return weighted


def test_an_estimate_keeps_its_interval_and_who_gave_it(measured: dict[str, Any]) -> None:
    assert accepted(measured)["evidence"] == measured["evidence"]


@pytest.mark.parametrize(
    "kind", ["study", "survey", "case_review", "consultation", "advisory", "operational"]
)
def test_evidence_is_of_a_known_kind(weighted: dict[str, Any], kind: str) -> None:
    put(weighted, f"{ONE}/kind", kind)
    accepted(weighted)


@pytest.mark.parametrize("date", ["2019", "2019-05", "2019-05-31"])
def test_evidence_is_dated_as_finely_as_is_known(weighted: dict[str, Any], date: str) -> None:
    put(weighted, f"{ONE}/date", date)
    accepted(weighted)


def test_evidence_that_nobody_cites_is_taken(weighted: dict[str, Any]) -> None:
    weighted["evidence"].append(deepcopy(weighted["evidence"][0]) | {"id": "E-OTHER"})
    accepted(weighted)


BAD: list[tuple[str, Any, str]] = [
    # pointer, what is put there, where the refusal stands
    ("/evidence/1/id", "E-AUSTRAC", "/evidence/1/id"),
    (f"{ONE}/id", "a name", f"{ONE}/id"),
    (f"{ONE}/kind", "rumour", f"{ONE}/kind"),
    (f"{ONE}/date", "2019-02-30", f"{ONE}/date"),
    (f"{ONE}/date", None, f"{ONE}/date"),
    (f"{ONE}/date", "last year", f"{ONE}/date"),
    (f"{ONE}/geography", [], f"{ONE}/geography"),
    (f"{ONE}/geography", ["US-CA"], f"{ONE}/geography/0"),
    (f"{ONE}/geography", ["Utopia"], f"{ONE}/geography/0"),
    (f"{ONE}/uncertainty", {}, f"{ONE}/uncertainty"),
    (f"{ONE}/uncertainty", "low", f"{ONE}/uncertainty"),
    (f"{ONE}/uncertainty/interval/high", 3, f"{ONE}/uncertainty/interval/high"),
    (f"{ONE}/uncertainty/interval/level", 0, f"{ONE}/uncertainty/interval/level"),
    (f"{ONE}/uncertainty/interval/low", float("nan"), f"{ONE}/uncertainty/interval/low"),
    (f"{ONE}/estimate/value", 7, f"{ONE}/estimate/value"),
    (f"{ONE}/estimate/value", float("nan"), f"{ONE}/estimate/value"),
    (f"{ONE}/estimate/basis", "guess", f"{ONE}/estimate/basis"),
    (f"{ONE}/references", [], f"{ONE}/references"),
    (f"{ONE}/references/0/date", "2020-13", f"{ONE}/references/0/date"),
    (f"{ONE}/references/0/url", "ftp://example.org/x", f"{ONE}/references/0/url"),
    (f"{ONE}/finding", "See https://example.org/page", f"{ONE}/finding"),
    (f"{ONE}/method", "Ask a.person@example.org about it.", f"{ONE}/method"),
    (f"{ONE}/authors", ["x"], f"{ONE}/authors"),
    ("/evidence/0", None, "/evidence/0"),
    ("/evidence", {}, "/evidence"),
    ("/indicators/0/evidence", ["E-NONE"], "/indicators/0/evidence/0"),
    ("/indicators/0/evidence", ["E-FATF", "E-FATF"], "/indicators/0/evidence"),
    ("/typologies/0/evidence", ["E-FATF", "E-NONE"], "/typologies/0/evidence/1"),
    ("/scenarios/0/evidence", ["E-NONE"], "/scenarios/0/evidence/0"),
]


@pytest.mark.parametrize(("pointer", "value", "located"), BAD)
def test_a_bad_value_is_refused_at_its_place(
    measured: dict[str, Any], pointer: str, value: Any, located: str
) -> None:
    put(measured, pointer, value)
    found = refusals(measured)
    assert located in found
    assert len(found) == 1 or value is None or "/id" in pointer


@pytest.mark.parametrize("key", ["kind", "title", "method", "uncertainty", "geography", "date", "references"])
def test_what_quoted_evidence_lacks_is_required(weighted: dict[str, Any], key: str) -> None:
    drop(weighted, f"{ONE}/{key}")
    assert refusals(weighted) == {f"{ONE}/{key}": "Is missing."}


def test_a_citation_needs_its_evidence(weighted: dict[str, Any]) -> None:
    cited = sum(
        len(entry.get("evidence", ()))
        for key in ("indicators", "typologies", "scenarios")
        for entry in weighted[key]
    )
    del weighted["evidence"]
    found = refusals(weighted)
    assert len(found) == cited
    assert all("/evidence/" in pointer for pointer in found)


def test_evidence_in_another_unit_is_not_compared(measured: dict[str, Any]) -> None:
    put(measured, f"{ONE}/estimate", {"value": 45, "unit": "per-thousand", "basis": "source"})
    accepted(measured)
