"""Content to build documents of."""

from copy import deepcopy
from typing import Any

import pytest

from tests.samples import SCENARIOS, sample
from tests.unit.sets.building import SET_ID


@pytest.fixture
def content() -> dict[str, Any]:
    """One rule with a parameter (0), one observation (1), one classifier (2), one hash list (3)."""
    taken: dict[str, Any] = sample()["content"]
    rule, observation = taken["indicators"][0], taken["indicators"][10]
    classifier, hashes = deepcopy(rule), deepcopy(rule)
    classifier |= {"id": "us-fincen-2020-a008:T01", "category": "text_communication"}
    classifier["detection"] = {"kind": "policy_classifier", "language": "policy-class/0.1", "class": "T01"}
    hashes |= {"id": "us-fincen-2020-a008:I01", "category": "image"}
    hashes["detection"] = {
        "kind": "hash_list",
        "list": SET_ID,
        "signal_type": "pdq",
        "max_distance": {"param": "distance"},
        "params": [{"name": "distance", "default": 31, "unit": "bits", "basis": "source"}],
    }
    for made in (classifier, hashes):
        del made["stix_id"]
    del taken["counts"]
    return taken | {"indicators": [rule, observation, classifier, hashes]}


@pytest.fixture
def weighted() -> dict[str, Any]:
    """The sample with evidence, typologies and three weighted scenarios."""
    taken: dict[str, Any] = sample(SCENARIOS)["content"]
    return taken
