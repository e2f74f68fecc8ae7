"""Building, validating and importing documents of indicator sets."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from app import canonical
from app.errors import Invalid
from app.sets import document
from tests.samples import FINCEN, OCSE, SAMPLES, SCENARIOS, sample
from tests.unit.sets.building import HASH, RULE, SEEN, SET_ID, TEXT, drop, put, refusals

ROOT = Path(__file__).parents[3]
SHARED = (ROOT / ".." / "shared" / "data").resolve()
DRAFTS = (
    "set-a-us-fincen-human-trafficking.json",
    "set-b-ocse-livestream-payments.json",
    "set-d-synthetic-platform-policy.json",
)


def draft_0_1(name: str) -> dict[str, Any]:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the research data is not beside this repository: {name}")
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def tightened(key: str, value: Any) -> Any:
    """What an import makes of a value: `document.TIGHTENED_KEYS`, told again."""
    if key != "indicators":
        return value
    made = deepcopy(value)
    for indicator in made:
        if indicator["category"] == "demographic":
            indicator["context_only"] = True
        for validation in indicator["validation"]:
            if validation["survivor_validated"]:
                assert validation["date"] == "2026-01-15"
                validation["date"] = "2026"
    return made


# --- what goes in comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", DRAFTS)
def test_every_key_of_an_imported_draft_is_equal_or_stands_in_moved_keys(name: str) -> None:
    draft = draft_0_1(name)
    content, hint = document.import_draft(draft)
    built = document.build(content, set_id=SET_ID, version=draft["version"])
    stored = json.loads(canonical.encode(built))
    places = {"document": stored, "envelope": {"marking": hint, "status": hint["status"]}}
    for key, value in draft.items():
        moved = document.MOVED_KEYS.get(f"/{key}")
        if moved is None:
            assert stored[key] == tightened(key, value)
        elif key != "schema":
            where, _, pointer = moved.partition("#")
            found: Any = places[where]
            for part in pointer.strip("/").split("/"):
                found = found[part]
            assert found == value
    assert set(stored) - set(draft) == {"set", "stix_id"}


@pytest.mark.parametrize("name", DRAFTS)
def test_no_label_and_no_status_of_the_set_is_in_the_document(name: str) -> None:
    draft = draft_0_1(name)
    content, _ = document.import_draft(draft)
    built = document.build(content, set_id=SET_ID, version="1.0.0")
    assert not {"tlp", "pap", "tlp_note", "status", "marking"} & set(built)
    assert "TLP:" not in canonical.encode(built).decode()


@pytest.mark.parametrize(("name", "origin"), [(FINCEN, DRAFTS[0]), (OCSE, DRAFTS[1])])
def test_a_sample_holds_the_same_content_as_the_draft_it_came_from(name: str, origin: str) -> None:
    content, hint = document.import_draft(draft_0_1(origin))
    shipped = sample(name)
    assert shipped["content"] == content
    assert {key: shipped["marking"].get(key) for key in ("tlp", "pap", "note")} == {
        key: hint.get(key) for key in ("tlp", "pap", "note")
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_becomes_a_document(name: str) -> None:
    content = sample(name)["content"]
    built = document.build(content, set_id=SET_ID, version=content["version"])
    assert built == content | {"schema": document.SCHEMA, "set": SET_ID}


GOLDEN = {
    FINCEN: "32261168c6b61d97b4561dacfb9f3a3a6f876c805315206f1e4528fc7b487c69",
    OCSE: "8295c11a211d311053d17f69166d3c6feadc68152ea73441443708dd8e2f3295",
    SCENARIOS: "1786d84e0517bcb61edb6edbb83e8ef2f42af338ad71cd7106f56d714edab21e",
}
"""SHA-256 of the canonical bytes: what is hashed and signed must be the same in ten years."""


@pytest.mark.parametrize("name", SAMPLES)
def test_a_document_has_the_same_bytes_for_ever(name: str) -> None:
    content = sample(name)["content"]
    built = document.build(content, set_id=SET_ID, version=content["version"])
    assert canonical.digest(canonical.encode(built)) == GOLDEN[name]


def test_the_version_that_is_released_wins_over_the_one_that_the_draft_proposes(
    content: dict[str, Any],
) -> None:
    assert document.build(content, set_id=SET_ID, version="2.1.0")["version"] == "2.1.0"


def test_stix_ids_that_are_left_out_are_the_same_in_every_version(content: dict[str, Any]) -> None:
    del content["stix_id"]
    first = document.build(content, set_id=SET_ID, version="1.0.0")
    second = document.build(content, set_id=SET_ID, version="1.1.0")
    other = document.build(content, set_id=SET_ID.replace("0d", "1d"), version="1.0.0")
    ids = [[indicator["stix_id"] for indicator in built["indicators"]] for built in (first, second, other)]
    assert first["stix_id"] == f"grouping--{SET_ID}"
    assert ids[0] == ids[1]
    assert ids[0][0] == content["indicators"][0]["stix_id"]
    assert ids[0][2] != ids[2][2]


def test_a_document_shares_nothing_with_the_draft_it_was_made_of(content: dict[str, Any]) -> None:
    built = document.build(content, set_id=SET_ID, version="1.0.0")
    before = canonical.encode(built)
    put(content, "/indicators/0/detection/params/0/default", 99)
    put(content, "/originator/name", "changed")
    assert canonical.encode(built) == before


# --- what is refused, and where it says so ---------------------------------------------------------------

LONG = "word " * 500

BAD: list[tuple[str, Any, str]] = [
    # pointer, what is put there, where the refusal stands
    ("/tlp", "TLP:CLEAR", "/tlp"),
    ("/status", "published", "/status"),
    ("/schema", "halyard.indicator-set/1", "/schema"),
    ("/set", SET_ID, "/set"),
    ("/surprise", 1, "/surprise"),
    ("/title", "", "/title"),
    ("/title", "t" * 301, "/title"),
    ("/title", 5, "/title"),
    ("/slug", "Has Space", "/slug"),
    ("/slug", "line-feed\n", "/slug"),
    ("/purpose", LONG, "/purpose"),
    ("/purpose_codes", ["detect", "punish"], "/purpose_codes/1"),
    ("/purpose_codes", ["detect", "detect"], "/purpose_codes"),
    ("/purpose_codes", [], "/purpose_codes"),
    ("/indicators", [], "/indicators"),
    ("/indicators", "none", "/indicators"),
    ("/indicators/0", None, "/indicators/0"),
    ("/jurisdictions", ["Utopia"], "/jurisdictions/0"),
    ("/valid_from", "2026-02-30T00:00:00Z", "/valid_from"),
    ("/valid_from", "2026-02-03T00:00:00", "/valid_from"),
    ("/review_by", "2019-01-01T00:00:00Z", "/review_by"),
    ("/valid_until", "2019-01-01T00:00:00Z", "/valid_until"),
    ("/counts", {"financial": 4}, "/counts/financial"),
    ("/combination/require_human_review", False, "/combination/require_human_review"),
    ("/combination/min_indicators", 5, "/combination/min_indicators"),
    ("/combination/min_indicators", True, "/combination/min_indicators"),
    (f"{RULE}/extra", "x", f"{RULE}/extra"),
    (f"{RULE}/id", "no colon", f"{RULE}/id"),
    (f"{RULE}/id", "us-fincen-2020-a008:T01", f"{TEXT}/id"),
    (f"{RULE}/version", "1.0.0-01", f"{RULE}/version"),
    (f"{RULE}/status", "expired", f"{RULE}/status"),
    (f"{RULE}/category", "astrological", f"{RULE}/category"),
    (f"{RULE}/statement", "too short", f"{RULE}/statement"),
    (f"{RULE}/confidence", 101, f"{RULE}/confidence"),
    (f"{RULE}/confidence", float("nan"), f"{RULE}/confidence"),
    (f"{RULE}/evidence_basis", "hearsay", f"{RULE}/evidence_basis"),
    (f"{RULE}/actor_role", "suspect", f"{RULE}/actor_role"),
    (f"{RULE}/validation", [], f"{RULE}/validation"),
    (f"{RULE}/validation/0/participant_names", ["x"], f"{RULE}/validation/0/participant_names"),
    (f"{RULE}/validation/0/date", "2026-13", f"{RULE}/validation/0/date"),
    (f"{RULE}/validation/0/participants_band", "3-9", f"{RULE}/validation/0/participants_band"),
    (f"{RULE}/validation/0/participants_band", "7", f"{RULE}/validation/0/participants_band"),
    (f"{RULE}/validation/0/participants_band", "7-7", f"{RULE}/validation/0/participants_band"),
    (f"{RULE}/false_positive/benign_explanations", [], f"{RULE}/false_positive/benign_explanations"),
    (f"{RULE}/rights_caution/level", "none", f"{RULE}/rights_caution/level"),
    (f"{RULE}/rights_caution/text", "", f"{RULE}/rights_caution/text"),
    (f"{RULE}/prohibited_attributes", [], f"{RULE}/prohibited_attributes"),
    (f"{RULE}/references", [], f"{RULE}/references"),
    (f"{RULE}/references/0/url", "ftp://example.org/x", f"{RULE}/references/0/url"),
    (f"{RULE}/references/0/url", "https://a:b@example.org/", f"{RULE}/references/0/url"),
    (f"{RULE}/references/0/date", "2020-02-30", f"{RULE}/references/0/date"),
    (f"{RULE}/subcategory", "corridor", f"{RULE}/context_only"),
    (f"{RULE}/detection/kind", "keyword_list", f"{RULE}/detection/kind"),
    (f"{RULE}/detection/terms", ["a", "b"], f"{RULE}/detection/terms"),
    (f"{RULE}/detection/window", "P30W", f"{RULE}/detection/window"),
    (f"{RULE}/detection/all/0/value", 4, f"{RULE}/detection/all/0/value"),
    (f"{RULE}/detection/all/0/value", "two words", f"{RULE}/detection/all/0/value"),
    (f"{RULE}/detection/all/0/value", ["AA", "BB"], f"{RULE}/detection/all/0/value"),
    (f"{RULE}/detection/all/0/value", {"param": "unknown"}, f"{RULE}/detection/all/0/value/param"),
    (f"{RULE}/detection/all/0/op", "in", f"{RULE}/detection/all/0/value"),
    (f"{RULE}/detection/all/0/op", "~", f"{RULE}/detection/all/0/op"),
    (f"{RULE}/detection/all/0/filter", {"sender": "x"}, f"{RULE}/detection/all/0/filter/sender"),
    (f"{RULE}/detection/params/0/default", float("inf"), f"{RULE}/detection/params/0/default"),
    (f"{RULE}/detection/params/0/default", float("nan"), f"{RULE}/detection/params/0/default"),
    (f"{RULE}/detection/params/0/basis", "guess", f"{RULE}/detection/params/0/basis"),
    (f"{RULE}/detection/params/0/name", "other", f"{RULE}/detection/params/0/name"),
    (f"{RULE}/data_elements/0", "customer.nationality", f"{RULE}/data_elements/0"),
    (f"{SEEN}/detection/prompt", "short", f"{SEEN}/detection/prompt"),
    (f"{SEEN}/statement", "Write to a.person@example.org about this.", f"{SEEN}/statement"),
    (f"{SEEN}/rationale", "Seen at https://example.org/page", f"{SEEN}/rationale"),
    (f"{SEEN}/title", "Broken \x00 text", f"{SEEN}/title"),
    (f"{SEEN}/title", "Broken \ud800 text", f"{SEEN}/title"),
    (f"{TEXT}/detection/class", "a list, of terms", f"{TEXT}/detection/class"),
    (f"{HASH}/category", "text_communication", f"{HASH}/detection/kind"),
    (f"{HASH}/detection/signal_type", "crc32", f"{HASH}/detection/signal_type"),
    (f"{HASH}/detection/max_distance", 31, f"{HASH}/detection/max_distance"),
]


@pytest.mark.parametrize(("pointer", "value", "located"), BAD)
def test_a_bad_value_is_refused_at_its_place(
    content: dict[str, Any], pointer: str, value: Any, located: str
) -> None:
    put(content, pointer, value)
    found = refusals(content)
    assert located in found
    assert all(len(pointer) < 120 and detail.endswith(".") for pointer, detail in found.items())


REQUIRED = [
    "/originator",
    "/purpose_codes",
    "/prohibited_uses",
    "/combination",
    "/combination/require_human_review",
    "/review_by",
    "/license",
    f"{RULE}/id",
    f"{RULE}/version",
    f"{RULE}/status",
    f"{RULE}/category",
    f"{RULE}/statement",
    f"{RULE}/actor_role",
    f"{RULE}/detection",
    f"{RULE}/standalone_actionable",
    f"{RULE}/confidence",
    f"{RULE}/evidence_basis",
    f"{RULE}/validation",
    f"{RULE}/false_positive",
    f"{RULE}/rights_caution",
    f"{RULE}/prohibited_attributes",
    f"{RULE}/references",
    f"{RULE}/validation/0/method",
    f"{RULE}/validation/0/by",
    f"{RULE}/false_positive/risk",
    f"{RULE}/false_positive/benign_explanations",
    f"{RULE}/detection/params/0/basis",
    f"{RULE}/detection/params/0/unit",
    f"{SEEN}/response_guidance",
]


@pytest.mark.parametrize("pointer", REQUIRED)
def test_what_published_red_flags_lack_is_required(content: dict[str, Any], pointer: str) -> None:
    drop(content, pointer)
    assert refusals(content)[pointer] == "Is missing."


@pytest.mark.parametrize(
    "version", ["1", "1.0", "v1.0.0", "01.0.0", "1.0.0+build", "1.0.0-01", "", "1.0.0\n"]
)
def test_a_version_that_is_not_semantic_is_refused(content: dict[str, Any], version: str) -> None:
    assert "/version" in refusals(content, version)


def test_an_indicator_may_build_on_another_of_the_set_but_not_on_itself(content: dict[str, Any]) -> None:
    condition = {"feature": "has_indicator", "op": "=", "value": "B01"}
    content["indicators"][0]["detection"] |= {"all": [condition], "params": []}
    document.build(content, set_id=SET_ID, version="1.0.0")
    for wrong in ("F01", "Z99"):
        condition["value"] = wrong
        assert f"{RULE}/detection/all/0/value" in refusals(content)


def test_a_refusal_repeats_nothing_that_was_sent_and_ends_at_fifty(content: dict[str, Any]) -> None:
    canary = "Zq7canary"
    for indicator in content["indicators"]:
        indicator.update(dict.fromkeys(("status", "category", "actor_role", "confidence"), canary))
        indicator["detection"] = {"kind": canary, f"{canary} key": canary}
    content["jurisdictions"] = [f"{canary} {number}" for number in range(80)]
    content[f"{canary} key"] = canary
    with pytest.raises(Invalid) as refused:
        document.build(content, set_id=SET_ID, version=canary)
    assert refused.value.errors is not None
    assert len(refused.value.errors) == document.PROBLEMS_SHOWN
    details = [error["detail"] for error in refused.value.errors]
    assert canary not in " ".join([str(refused.value), *details])


def test_the_name_of_an_unknown_field_is_not_repeated_if_it_is_personal(content: dict[str, Any]) -> None:
    content["indicators"][0]["call +44 20 7946 0958"] = "x"
    assert all("7946" not in pointer for pointer in refusals(content))


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ("1.0.1", "1.0.0", True),
        ("1.10.0", "1.9.9", True),
        ("2.0.0", "2.0.0-rc.1", True),
        ("1.0.0", "1.0.0", False),
        ("1.0.0-alpha", "1.0.0", False),
        ("0.9.0", "1.0.0", False),
    ],
)
def test_versions_are_ordered_as_semver_says(new: str, old: str, *, expected: bool) -> None:
    assert document.is_higher(new, old) is expected


def test_comparing_with_what_is_no_version_is_refused() -> None:
    with pytest.raises(Invalid):
        document.is_higher("latest", "1.0.0")


@pytest.mark.parametrize("label", [None, "", "TLP:WHITE", "AMBER", "tlp:amber", ["TLP:AMBER", "TLP:RED"], {}])
def test_an_import_without_exactly_one_known_label_is_refused(label: Any) -> None:
    with pytest.raises(Invalid) as refused:
        document.import_draft({"schema": document.DRAFT_0_1, "tlp": label})
    assert [error["pointer"] for error in refused.value.errors or []] == ["/tlp"]


def test_an_import_of_another_format_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        document.import_draft({"schema": "misp", "tlp": "TLP:CLEAR"})
    assert [error["pointer"] for error in refused.value.errors or []] == ["/schema"]


def test_a_list_far_too_long_is_refused_without_reading_it(content: dict[str, Any]) -> None:
    content["harm_types"] = [{"x": number} for number in range(200_000)]
    assert set(refusals(content)) == {"/harm_types"}
