"""Controlled tags: unknown ones are refused with what is known, and no known one may go."""

import json
from typing import Any

import pytest
import yaml

from schemas.tags import Area, Capability, HarmType
from tests.samples import ROOT, SAMPLES, sample
from tests.unit.sets.building import accepted, put, refusals

SHARED = ROOT.parent / "shared" / "data"


@pytest.mark.parametrize(
    "pointer", ["/harm_types/0", "/indicators/0/harm_types/0", "/typologies/0/harm_types/0"]
)
def test_an_unknown_harm_type_is_refused_with_what_is_known(weighted: dict[str, Any], pointer: str) -> None:
    put(weighted, pointer, "some-other-harm")
    (found,) = refusals(weighted).items()
    assert found[0] == pointer
    assert all(word in found[1] for word in HarmType)
    assert "some-other-harm" not in found[1]


@pytest.mark.parametrize("pointer", ["/capabilities/0", "/indicators/0/capabilities/0"])
def test_an_unknown_capability_is_refused_with_what_is_known(weighted: dict[str, Any], pointer: str) -> None:
    put(weighted, pointer, "some-other-capability")
    (found,) = refusals(weighted).items()
    assert found[0] == pointer
    assert all(word in found[1] for word in Capability)


@pytest.mark.parametrize("name", ["HARM-TYPES", "some harm", "", 7, None])
def test_what_is_no_word_at_all_is_refused(weighted: dict[str, Any], name: Any) -> None:
    put(weighted, "/harm_types/0", name)
    assert set(refusals(weighted)) == {"/harm_types/0"}


def test_every_known_tag_is_taken(weighted: dict[str, Any]) -> None:
    weighted["harm_types"] = list(HarmType)
    weighted["capabilities"] = list(Capability)
    accepted(weighted)


def test_the_model_national_response_has_21_capabilities_in_six_areas() -> None:
    assert len(Capability) == 21
    assert {word.area for word in Capability} == set(Area)
    assert len({word.meaning for word in (*HarmType, *Capability)}) == len(HarmType) + len(Capability)


def test_every_harm_that_published_sets_name_is_known() -> None:
    sets = [sample(name)["content"] for name in SAMPLES]
    sets += [json.loads(file.read_text("utf-8")) for file in sorted(SHARED.glob("set-*.json"))]
    named = {harm for one in sets for holder in (one, *one["indicators"]) for harm in holder["harm_types"]}
    assert named <= set(HarmType)


@pytest.mark.parametrize("word", [*HarmType, *Capability])
def test_every_word_is_explained_in_the_documentation(word: HarmType | Capability) -> None:
    assert f"| `{word.value}` | {word.meaning} |" in (ROOT / "docs" / "tags.md").read_text("utf-8")


def test_the_openapi_document_publishes_every_word() -> None:
    schemas = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))["components"]["schemas"]
    assert schemas["HarmType"]["enum"] == [word.value for word in HarmType]
    assert schemas["Capability"]["enum"] == [word.value for word in Capability]
