"""The published JSON Schemas: envelope, tombstone, their words and their bounds."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.sets import schema
from schemas import documents, vocabulary

SAMPLES = Path(__file__).parents[3] / "samples"
SET_ID = "0d4b3a3e-6a55-4b0e-9d43-2f0c6b8f2a11"


def envelope(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "schema": "halyard.set-envelope/1",
        "set": SET_ID,
        "version": "1.0.0",
        "document": "0" * 64,
        "home": "https://halyard.example.org",
        "owner": SET_ID,
        "marking": {"tlp": "TLP:CLEAR", "pap": "PAP:CLEAR", "audience": {"kind": "public"}},
        "prohibited_purposes": [],
        "status": "published",
        "successor": None,
        "reason": None,
        "counter": 1,
        "time": "2026-11-23T09:00:00.000000Z",
    }
    return whole | changes


def audience(**members: Any) -> dict[str, Any]:
    return {"tlp": "TLP:AMBER", "pap": "PAP:AMBER", "audience": members}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"owner": None},
        {"marking": audience(kind="group", group=SET_ID)},
        {"marking": audience(kind="members")},
        {"status": "deprecated", "successor": "1.1.0"},
        {"status": "retracted", "reason": "wrong"},
        {"status": "expired"},
    ],
)
def test_an_envelope_says_how_a_version_stands(changes: dict[str, Any]) -> None:
    assert schema.problems(documents.SET_ENVELOPE, envelope(**changes)) == []


@pytest.mark.parametrize(
    ("changes", "located"),
    [
        ({"marking": audience(kind="group")}, "/marking/audience/group"),
        ({"marking": audience(kind="members", members=[SET_ID])}, "/marking/audience/members"),
        ({"marking": audience(kind="community", group=SET_ID)}, "/marking/audience/group"),
        ({"marking": audience(kind="public") | {"tlp": "TLP:WHITE"}}, "/marking/tlp"),
        ({"document": "0" * 63}, "/document"),
        ({"counter": 0}, "/counter"),
        ({"time": "2026-11-23T09:00:00Z"}, "/time"),
        ({"status": "deprecated"}, "/successor"),
        ({"status": "retracted"}, "/reason"),
        ({"status": "draft"}, "/status"),
        ({"successor": "1.1.0"}, "/successor"),
        ({"title": "x"}, "/title"),
    ],
)
def test_an_envelope_that_says_too_much_or_too_little_is_refused(
    changes: dict[str, Any], located: str
) -> None:
    assert located in dict(schema.problems(documents.SET_ENVELOPE, envelope(**changes)))


def test_a_tombstone_holds_ids_and_codes_and_nothing_else() -> None:
    stone = {
        "schema": "halyard.tombstone/1",
        "kind": "signal",
        "id": SET_ID,
        "reason": "erased",
        "successor": None,
    }
    assert schema.problems(documents.TOMBSTONE, stone) == []
    versioned = stone | {"kind": "version", "version": "1.0.0", "successor": "1.1.0", "collection": SET_ID}
    assert schema.problems(documents.TOMBSTONE, versioned) == []
    for extra in ("digest", "title", "detail", "version"):
        assert f"/{extra}" in dict(schema.problems(documents.TOMBSTONE, stone | {extra: "1.0.0"}))


def enum(name: str, *way: str) -> set[str]:
    found: Any = documents.load(name)
    for part in way:
        found = found[part]
    return {word for word in found["enum"] if word is not None}


@pytest.mark.parametrize(
    ("words", "name", "way"),
    [
        (vocabulary.Tlp, documents.SET_ENVELOPE, "properties marking properties tlp"),
        (vocabulary.Pap, documents.SET_ENVELOPE, "properties marking properties pap"),
        (
            vocabulary.AudienceKind,
            documents.SET_ENVELOPE,
            "properties marking properties audience properties kind",
        ),
        (vocabulary.Purpose, documents.SET_ENVELOPE, "properties prohibited_purposes items"),
        (vocabulary.VersionStatus, documents.SET_ENVELOPE, "properties status"),
        (vocabulary.Reason, documents.SET_ENVELOPE, "properties reason"),
        (vocabulary.Reason, documents.TOMBSTONE, "properties reason"),
        (vocabulary.Purpose, documents.INDICATOR_SET, "properties purpose_codes items"),
        (vocabulary.Category, documents.INDICATOR_SET, "$defs indicator properties category"),
        (vocabulary.SignalType, documents.INDICATOR_SET, "$defs hash_list properties signal_type"),
    ],
)
def test_documents_use_the_words_of_the_vocabulary(words: Any, name: str, way: str) -> None:
    assert enum(name, *way.split()) == {word.value for word in words}


def _objects(node: Any) -> list[dict[str, Any]]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = [node] if isinstance(node, dict) else []
    return own + [found for child in children for found in _objects(child)]


@pytest.mark.parametrize("name", [documents.INDICATOR_SET, documents.SET_ENVELOPE, documents.TOMBSTONE])
def test_every_object_is_closed_and_every_text_and_list_is_bounded(name: str) -> None:
    for node in _objects(documents.load(name)):
        kind = node.get("type")
        if kind == "object" and "kind" not in node.get("required", []) + ["kind"] * ("allOf" in node):
            assert node["additionalProperties"] is False
        if kind == "array":
            assert "maxItems" in node
        if isinstance(kind, str) and kind == "string" and len(node) > 1:
            assert "maxLength" in node or "pattern" in node


@pytest.mark.parametrize("name", ["us-fincen-2020-a008.json", "ocse-livestream-payments.json"])
def test_the_marking_of_a_sample_fits_an_envelope(name: str) -> None:
    marking = json.loads((SAMPLES / name).read_text("utf-8"))["marking"]
    assert schema.problems(documents.SET_ENVELOPE, envelope(marking=marking)) == []
