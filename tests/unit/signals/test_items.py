"""The publish item: what is read, and what is refused."""

import pytest

from app import clock
from app.signals.items import Classification, ItemFields, parse_item
from app.signals.kinds import RefusalReason, Refused, parse

SHA256_ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4 example


def item(**extra: object) -> dict[str, object]:
    return {"type": "sha256", "value": SHA256_ABC, **extra}


def test_an_item_with_nothing_but_a_value_says_nothing_else() -> None:
    parsed, fields = parse_item(item())
    assert parsed == parse(item())
    assert fields == ItemFields()


def test_everything_that_a_contributor_says_is_read() -> None:
    marking = {"tlp": "TLP:AMBER", "audience": {"kind": "group"}}
    parsed, fields = parse_item(
        item(
            producer="hasher-2",
            labels=["ncmec:a1", "series.7", "ncmec:a1"],
            valid_until="2027-01-01T01:00:00+01:00",
            classification={"scheme": "iwf", "code": "A1", "assessor": "hotline-nl"},
            marking=marking,
            confidence=80,
        )
    )
    assert parsed.metadata == {"producer": "hasher-2"}
    assert fields == ItemFields(
        labels=("ncmec:a1", "series.7"),
        valid_until=clock.from_text("2027-01-01T00:00:00Z"),
        classification=Classification("iwf", "A1", "hotline-nl"),
        marking=marking,
        confidence=80,
    )


@pytest.mark.parametrize("label", ["case:2026-11-23", "hasher-1.2.3.4", "isced:0413"])
def test_dates_and_versions_in_labels_are_no_identifiers(label: str) -> None:
    assert parse_item(item(labels=[label]))[1].labels == (label,)


def test_an_assessor_may_be_unknown() -> None:
    _, fields = parse_item(item(classification={"scheme": "iwf", "code": "B2"}))
    assert fields.classification == Classification("iwf", "B2", None)


@pytest.mark.parametrize("text", ["2027-01-01T00:00:00.5Z", "2027-01-01t00:00:00.500000z"])
def test_a_date_time_of_rfc_3339_is_read_in_either_case(text: str) -> None:
    _, fields = parse_item(item(valid_until=text))
    assert fields.valid_until == clock.from_text("2027-01-01T00:00:00.500000Z")


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"note": "x"}, RefusalReason.UNKNOWN_FIELD),
        ({"labels": "one"}, RefusalReason.WRONG_TYPE),
        ({"labels": [1]}, RefusalReason.WRONG_TYPE),
        ({"labels": None}, RefusalReason.WRONG_TYPE),
        ({"labels": [f"label-{number}" for number in range(17)]}, RefusalReason.TOO_LARGE),
        ({"labels": ["Upper"]}, RefusalReason.WRONG_FORMAT),
        ({"labels": ["two words"]}, RefusalReason.WRONG_FORMAT),
        ({"labels": [""]}, RefusalReason.WRONG_FORMAT),
        ({"labels": ["a" * 65]}, RefusalReason.WRONG_FORMAT),
        ({"labels": ["someone@example.org"]}, RefusalReason.WRONG_FORMAT),
        ({"labels": ["447700900123"]}, RefusalReason.PLAIN_DATA),
        ({"labels": ["card:4111-1111-1111-1111"]}, RefusalReason.PLAIN_DATA),
        ({"labels": ["iban:gb82west12345698765432"]}, RefusalReason.PLAIN_DATA),
        ({"labels": ["ip:8.8.8.8"]}, RefusalReason.PLAIN_DATA),
        ({"producer": "Some One"}, RefusalReason.WRONG_FORMAT),
        ({"producer": 3}, RefusalReason.WRONG_TYPE),
        ({"valid_until": 1_800_000_000}, RefusalReason.WRONG_TYPE),
        ({"valid_until": "2027-01-01"}, RefusalReason.WRONG_FORMAT),
        ({"valid_until": "2027-01-01T00:00:00"}, RefusalReason.WRONG_FORMAT),
        ({"valid_until": "20270101T000000Z"}, RefusalReason.WRONG_FORMAT),
        ({"valid_until": "2027-02-30T00:00:00Z"}, RefusalReason.WRONG_FORMAT),
        ({"valid_until": "2027-01-01T00:00:00+99:00"}, RefusalReason.WRONG_FORMAT),
        ({"classification": "A1"}, RefusalReason.WRONG_TYPE),
        ({"classification": {"scheme": "iwf"}}, RefusalReason.MISSING_FIELD),
        ({"classification": {"scheme": "iwf", "code": "A1", "text": "x"}}, RefusalReason.UNKNOWN_FIELD),
        ({"classification": {"scheme": "iwf", "code": 1}}, RefusalReason.WRONG_TYPE),
        ({"classification": {"scheme": "iwf", "code": "shows a street"}}, RefusalReason.WRONG_FORMAT),
        ({"marking": "TLP:RED"}, RefusalReason.WRONG_TYPE),
        ({"confidence": 101}, RefusalReason.OUT_OF_RANGE),
        ({"confidence": -1}, RefusalReason.OUT_OF_RANGE),
        ({"confidence": 50.5}, RefusalReason.WRONG_TYPE),
        ({"confidence": True}, RefusalReason.WRONG_TYPE),
        ({"type": "sha-256"}, RefusalReason.UNKNOWN_TYPE),
        ({"value": SHA256_ABC[1:]}, RefusalReason.WRONG_LENGTH),
    ],
)
def test_a_bad_item_is_refused_with_its_reason(extra: dict[str, object], reason: RefusalReason) -> None:
    with pytest.raises(Refused) as caught:
        parse_item(item(**extra))
    assert caught.value.reason is reason


def test_a_refused_field_is_named_and_its_content_is_not() -> None:
    with pytest.raises(Refused) as caught:
        parse_item(item(confidence="a private remark"))
    assert "confidence" in caught.value.hint
    assert "private" not in str(caught.value)
