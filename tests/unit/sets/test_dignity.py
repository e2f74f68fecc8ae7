"""Dignity and non-discrimination: what is refused of an indicator, and of a survivors' validation."""

from typing import Any

import pytest

from app.sets import document
from tests.unit.sets.building import RULE, SEEN, accepted, put, refusals

# --- context never acts alone ----------------------------------------------------------------------------

CONTEXT: list[dict[str, Any]] = [
    {"category": "demographic"},
    {"subcategory": "demographic"},
    {"subcategory": "demographics"},
    {"subcategory": "corridor"},
    {"subcategory": "payment-corridor"},
    {"subcategory": "corridors_by_value"},
]


@pytest.mark.parametrize("kind", CONTEXT)
@pytest.mark.parametrize("said", [None, False])
def test_demographic_and_corridor_facts_are_context(
    content: dict[str, Any], kind: dict[str, Any], *, said: bool | None
) -> None:
    content["indicators"][0] |= kind | ({} if said is None else {"context_only": said})
    assert set(refusals(content)) == {f"{RULE}/context_only"}
    content["indicators"][0]["context_only"] = True
    accepted(content)


@pytest.mark.parametrize("kind", [{}, *CONTEXT])
def test_context_is_never_actionable_by_itself(content: dict[str, Any], kind: dict[str, Any]) -> None:
    content["indicators"][0] |= kind | {"context_only": True, "standalone_actionable": True}
    assert refusals(content) == {f"{RULE}/standalone_actionable": "Must be false."}


@pytest.mark.parametrize(
    "feature",
    ["destination_in", "origin_country", "corridor_share", "payee_countries", "jurisdiction_of_payee"],
)
def test_a_rule_about_places_alone_is_context(content: dict[str, Any], feature: str) -> None:
    rule = content["indicators"][0]["detection"]
    rule |= {
        "all": [{"feature": feature, "op": "in", "value": "$jurisdictions_of_concern"}],
        "params": [],
    }
    assert set(refusals(content)) == {f"{RULE}/context_only"}
    content["indicators"][0]["context_only"] = True
    accepted(content)


def test_an_import_makes_context_of_what_an_old_file_left_open() -> None:
    old: dict[str, Any] = {
        "schema": document.DRAFT_0_1,
        "tlp": "TLP:GREEN",
        "indicators": [
            {"category": "demographic"},
            {"category": "demographic", "context_only": False},
            {"category": "financial", "subcategory": "corridor"},
            {"category": "financial"},
            "not an indicator",
        ],
    }
    content, _ = document.import_draft(old)
    assert content["indicators"] == [
        {"category": "demographic", "context_only": True},
        {"category": "demographic", "context_only": False},
        {"category": "financial", "subcategory": "corridor", "context_only": True},
        {"category": "financial"},
        "not an indicator",
    ]


# --- what may not be looked at ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "feature",
    [
        "nationality",
        "customer_nationality",
        "ethnicity",
        "ethnic_group",
        "religion",
        "religious_gifts",
        "gender",
        "gender_score",
        "sex",
        "migration_status",
        "race_score",
        "country_of_birth",
    ],
)
def test_a_feature_that_names_a_prohibited_attribute_is_refused(
    content: dict[str, Any], feature: str
) -> None:
    put(content, f"{RULE}/detection/all/0/feature", feature)
    assert set(refusals(content)) == {f"{RULE}/detection/all/0/feature"}


@pytest.mark.parametrize("feature", ["trace_count", "international_share", "embrace", "average_amount"])
def test_a_feature_that_only_sounds_like_one_is_taken(content: dict[str, Any], feature: str) -> None:
    put(content, f"{RULE}/detection/all/0/feature", feature)
    content["indicators"][0]["prohibited_attributes"].append("age")
    accepted(content)


# --- what survivors validated ----------------------------------------------------------------------------


@pytest.fixture
def record(content: dict[str, Any]) -> dict[str, Any]:
    """The validation record of the first indicator of `content`, as it may be."""
    made = {
        "method": "survivor-focus-group",
        "by": "An accredited body",
        "date": "2026",
        "geography": ["PH"],
        "survivor_validated": True,
        "consent_recorded": True,
        "participants_band": "5-9",
        "note": "Each statement was discussed and its wording changed where it blamed the person.",
    }
    content["indicators"][0]["validation"] = [made]
    return made


def unclaim(record: dict[str, Any]) -> None:
    """Make it a record that says nothing of survivors."""
    del record["participants_band"], record["consent_recorded"]
    record["method"], record["survivor_validated"] = "expert-review", False


@pytest.mark.parametrize("said", [None, False])
@pytest.mark.parametrize("field", ["method", "participants_band", "consent_recorded"])
def test_survivors_are_not_claimed_beside_the_word_that_demands_an_attestation(
    content: dict[str, Any], record: dict[str, Any], field: str, *, said: bool | None
) -> None:
    value = record[field]
    unclaim(record)
    record["survivor_validated"], record[field] = said, value
    assert set(refusals(content)) == {f"{RULE}/validation/0/{field}"}
    del record["survivor_validated"]
    assert f"{RULE}/validation/0/{field}" in refusals(content)


def test_a_record_of_survivor_validation_is_taken(content: dict[str, Any], record: dict[str, Any]) -> None:
    assert accepted(content)["indicators"][0]["validation"] == [record]


@pytest.mark.parametrize("date", ["2026-01", "2026-01-15"])
def test_no_date_finer_than_a_year_is_taken(
    content: dict[str, Any], record: dict[str, Any], date: str
) -> None:
    record["date"] = date
    assert "year" in refusals(content)[f"{RULE}/validation/0/date"]
    unclaim(record)
    accepted(content)


@pytest.mark.parametrize("date", ["2026-01", "2026-01-15"])
def test_an_import_keeps_only_the_year_of_what_survivors_validated(date: str) -> None:
    records: list[dict[str, Any]] = [
        {"date": date, "survivor_validated": True},
        {"date": date, "survivor_validated": False},
        {"date": date},
        {"date": None, "survivor_validated": True},
        {"date": f"about {date}", "survivor_validated": True},
    ]
    old: dict[str, Any] = {
        "schema": document.DRAFT_0_1,
        "tlp": "TLP:GREEN",
        "indicators": [{"validation": records}],
    }
    content, _ = document.import_draft(old)
    dates = [made["date"] for made in content["indicators"][0]["validation"]]
    assert dates == ["2026", date, date, None, f"about {date}"]
    assert records[0]["date"] == date


@pytest.mark.parametrize(
    ("place", "said"), [(["PH", "GB"], None), (["global"], None), (["GB-LND"], 0), (["Manila"], 0)]
)
def test_no_place_finer_than_a_country_is_taken(
    content: dict[str, Any], record: dict[str, Any], place: list[str], said: int | None
) -> None:
    record["geography"] = place
    if said is None:
        accepted(content)
    else:
        assert set(refusals(content)) == {f"{RULE}/validation/0/geography/{said}"}


@pytest.mark.parametrize("by", ["Dr Anne Example", "Ms. Example", "A survivor known as Blue"])
def test_a_person_is_not_named_as_who_validated(
    content: dict[str, Any], record: dict[str, Any], by: str
) -> None:
    record["by"] = by
    assert set(refusals(content)) == {f"{RULE}/validation/0/by"}


@pytest.mark.parametrize(
    "note",
    [
        'One said: "this is how it began".',
        "One said: \u201cthis is how it began\u201d.",
        "One said: 'this is how it began'.",
        "Mrs Example took part.",
        "A participant called Blue agreed.",
        "Seven survivors took part.",
        "Of 12 adult participants most agreed.",
        "Discussed on 15 January 2026.",
        "Discussed in January 2026, on Jan 15.",
        "Discussed on 2026-01-15.",
        "Discussed in the city of the organisation.",
        "Discussed in GB-LND.",
    ],
)
def test_a_record_holds_no_name_quote_count_day_or_town(
    content: dict[str, Any], record: dict[str, Any], note: str
) -> None:
    record["note"] = note
    found = refusals(content)
    assert set(found) == {f"{RULE}/validation/0/note"}
    assert note not in " ".join(found.values())
    unclaim(record)
    accepted(content)


@pytest.mark.parametrize(
    "note",
    [
        "Discussed in 2026 with the survivors' council; nobody's words are kept.",
        "Between 5-9 participants; the group's advice was followed.",
        "It may change in 2027. One question stayed open.",
    ],
)
def test_an_ordinary_note_is_taken(content: dict[str, Any], record: dict[str, Any], note: str) -> None:
    record["note"] = note
    accepted(content)


@pytest.mark.parametrize(
    ("change", "located"),
    [
        ({"consent_recorded": False}, "consent_recorded"),
        ({"consent_recorded": None}, "consent_recorded"),
        ({"date": None}, "date"),
        ({"participants_band": "1-4"}, "participants_band"),
        ({"participants_band": "4-9"}, "participants_band"),
    ],
)
def test_survivor_validation_needs_consent_a_date_and_a_band(
    content: dict[str, Any], record: dict[str, Any], change: dict[str, Any], located: str
) -> None:
    content["indicators"][0]["validation"] = [record | change]
    assert f"{RULE}/validation/0/{located}" in refusals(content)
    content["indicators"][0]["validation"] = [{k: v for k, v in record.items() if k != located}]
    assert refusals(content)[f"{RULE}/validation/0/{located}"] == "Is missing."


# --- victims, and what members are told to do ------------------------------------------------------------

ENFORCING = [
    "Close the account at once.",
    "Suspend the user and inform the team.",
    "Block all cards and freeze the funds.",
]
ENFORCING_A_VICTIM = [
    "Report the customer as a suspect.",
    "Call the immigration authorities.",
    "Confront the customer about it.",
    "Have the person arrested.",
]
PROTECTING = [
    "Never close the account. Offer help.",
    "Do not confront the customer; do not name a possible victim as the subject.",
    "Offer the contact of a support service; keep the account open.",
]


@pytest.mark.parametrize("text", ENFORCING)
@pytest.mark.parametrize("at", [RULE, SEEN])
def test_no_guidance_tells_members_to_act_together_against_an_account(
    content: dict[str, Any], text: str, at: str
) -> None:
    put(content, f"{at}/response_guidance", text)
    assert set(refusals(content)) == {f"{at}/response_guidance"}


@pytest.mark.parametrize("text", ENFORCING_A_VICTIM)
def test_an_indicator_about_a_victim_guides_to_protection_only(content: dict[str, Any], text: str) -> None:
    put(content, f"{SEEN}/response_guidance", text)
    assert set(refusals(content)) == {f"{SEEN}/response_guidance"}
    put(content, f"{SEEN}/response_guidance", PROTECTING[0])
    put(content, f"{SEEN}/detection/prompt", f"Somebody else speaks? {text}")
    assert set(refusals(content)) == {f"{SEEN}/detection/prompt"}
    put(content, f"{SEEN}/actor_role", "facilitator")
    accepted(content)


@pytest.mark.parametrize("text", PROTECTING)
def test_guidance_to_protection_is_taken(content: dict[str, Any], text: str) -> None:
    put(content, f"{SEEN}/response_guidance", text)
    accepted(content)


def test_a_scenario_about_a_victim_guides_to_protection_only(weighted: dict[str, Any]) -> None:
    for text in (*ENFORCING, *ENFORCING_A_VICTIM):
        put(weighted, "/scenarios/2/response_guidance", text)
        assert set(refusals(weighted)) == {"/scenarios/2/response_guidance"}


def test_what_is_about_a_victim_is_not_published_for_investigation(content: dict[str, Any]) -> None:
    content["purpose_codes"] = ["detect", "investigate"]
    assert set(refusals(content)) == {"/purpose_codes/1"}
    put(content, f"{SEEN}/actor_role", "unknown")
    accepted(content)
