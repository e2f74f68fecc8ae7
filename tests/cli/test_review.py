"""Review at the command line, by two people of an NGO and a validation body, against a real server."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from schemas.vocabulary import VALIDATION_BODY
from tests.cli.conftest import Machine
from tests.reviewing import cautious, claiming

pytestmark = pytest.mark.slow

MARKING = {"tlp": "TLP:GREEN", "pap": "PAP:AMBER", "audience": {"kind": "community"}}
SCOPES = ("--scope", "sets:review", "--scope", "sets:attest")


def person(machine: Machine, member: str, handle: str) -> dict[str, str]:
    """A personal client of a new person."""
    machine.ok("user", "add", member, handle)
    return machine.client(member, "--user", handle, *SCOPES)


@pytest.fixture(scope="module")
def ann(served: Machine) -> dict[str, str]:
    served.ok("member", "add", "Reviewing NGO", "--sector", "ngo")
    return person(served, "Reviewing NGO", "ann")


@pytest.fixture(scope="module")
def ben(served: Machine, ann: dict[str, str]) -> dict[str, str]:
    return person(served, "Reviewing NGO", "ben")


def file_of(folder: Path, slug: str, content: dict[str, Any], marking: dict[str, Any]) -> str:
    file = folder / f"{slug}.json"
    file.write_text(json.dumps({"content": {**content, "slug": slug}, "marking": marking}))
    return str(file)


def test_a_cautious_set_is_reviewed_commented_approved_and_published(
    served: Machine, ann: dict[str, str], ben: dict[str, str], tmp_path: Path
) -> None:
    served.ok("set", "import", file_of(tmp_path, "cautious", cautious(), MARKING), **ann)
    assert "needs_candidate" in served.refused("set", "publish", "cautious", "--version", "1.0.0", **ann)

    sent = served.json("set", "review", "cautious", "--version", "1.0.0", "--note", "New thresholds.", **ann)
    assert "same_person" in served.refused("set", "approve", "cautious", **ann)
    indicator = cautious()["indicators"][0]["id"]
    served.ok("set", "comment", "cautious", "Where from?", "--indicator", indicator, **ben)
    served.ok("set", "return", "cautious", "--note", "Say where it is from.", **ben)
    assert "candidate_returned" in served.refused("set", "review", "cautious", "--version", "1.0.0", **ann)
    served.ok("set", "import", file_of(tmp_path, "cautious", cautious("Again"), MARKING), **ann)
    again = served.json("set", "review", "cautious", "--version", "1.0.0", **ann)
    served.ok("set", "approve", "cautious", "--note", "Read.", **ben)
    made = served.json("set", "publish", "cautious", **ann)

    assert made["document"] == again["digest"] != sent["digest"]
    shown = served.ok("set", "candidates", "cautious", **ben)
    assert "published" in shown
    assert "returned" in shown
    said = served.json("set", "comments", "cautious", "--digest", again["digest"], **ann)
    assert [one["kind"] for one in said] == ["approval"]


def test_a_claim_of_survivors_is_attested_and_can_be_taken_back(
    served: Machine, ann: dict[str, str], tmp_path: Path
) -> None:
    body_id = served.json("member", "add", "Listening Trust", "--sector", "ngo")["id"]
    body = person(served, "Listening Trust", "carer")
    served.ok("member", "attribute", "Listening Trust", VALIDATION_BODY)
    served.ok("set", "import", file_of(tmp_path, "claiming", claiming(), MARKING), **ann)
    served.ok("set", "review", "claiming", "--version", "1.0.0", "--body", body_id, **ann)
    set_id = served.json("set", "list", **ann)
    named = next(row["id"] for row in set_id if row["slug"] == "claiming")
    assert "needs_attestation" in served.refused("set", "publish", "claiming", **ann)

    made = served.json(
        "set", "attest", named, "--method", "survivor-focus-group", "--year", "2026", "--country", "IE",
        "--band", "5-9", "--consent", str(uuid.uuid4()), "--limits", "One group; adults only.", **body,
    )  # fmt: skip
    served.ok("set", "publish", "claiming", **ann)
    whole = json.loads(served.ok("set", "export", "claiming", **ann))
    assert [one["statement"]["id"] for one in whole["attestations"]] == [made["id"]]

    assert made["id"] in served.ok("set", "attestations", **body)
    said = served.ok("set", "withdraw-attestation", made["id"], "--reason", "consent_withdrawn", **body)
    assert "destroyed" in said
    assert served.json("set", "versions", "claiming", **ann)[0]["reason"] == "consent_withdrawn"


def test_the_operator_withdraws_consent_for_a_body_that_is_gone(
    served: Machine, ann: dict[str, str], tmp_path: Path
) -> None:
    body_id = served.json("member", "add", "Closing Trust", "--sector", "ngo")["id"]
    body = person(served, "Closing Trust", "closing-carer")
    served.ok("member", "attribute", "Closing Trust", VALIDATION_BODY)
    served.ok("set", "import", file_of(tmp_path, "orphaned", claiming(), MARKING), **ann)
    served.ok("set", "review", "orphaned", "--version", "1.0.0", "--body", body_id, **ann)
    named = next(row["id"] for row in served.json("set", "list", **ann) if row["slug"] == "orphaned")
    made = served.json(
        "set", "attest", named, "--method", "survivor-focus-group", "--year", "2026", "--country", "IE",
        "--band", "5-9", "--consent", str(uuid.uuid4()), "--limits", "One group; adults only.", **body,
    )  # fmt: skip
    served.ok("set", "publish", "orphaned", **ann)
    served.ok("member", "offboard", "Closing Trust", "--yes")

    assert "not-found" in served.refused("set", "withdraw-consent", "x", "--yes")
    assert "not-found" in served.refused("set", "withdraw-consent", named, "--yes")
    assert "destroyed" in served.ok("set", "withdraw-consent", made["id"], "--yes")

    assert served.json("set", "versions", "orphaned", **ann)[0]["reason"] == "consent_withdrawn"


def test_a_strict_set_is_widened_by_two(
    served: Machine, ann: dict[str, str], ben: dict[str, str], tmp_path: Path
) -> None:
    me = served.json("token", "--check", **ann)["member"]["id"]
    strict = {"tlp": "TLP:AMBER+STRICT", "pap": "PAP:AMBER", "audience": {"kind": "members", "members": [me]}}
    served.ok("set", "import", file_of(tmp_path, "strict", cautious(), strict), **ann)

    asked = served.json("set", "marking", "strict", "--tlp", "TLP:GREEN", **ann)
    assert "Proposed" in served.ok(
        "set", "marking", "strict", "--tlp", "TLP:AMBER", "--audience", f"members:{me}", **ann
    )
    assert "same_person" in served.refused("set", "approve-marking", "strict", asked["id"], **ann)
    served.ok("set", "approve-marking", "strict", asked["id"], **ben)

    assert served.json("set", "list", **ben)
    states = [one["status"] for one in served.json("set", "proposals", "strict", **ben)]
    assert states == ["stale", "approved"]


def test_reviews_that_are_due_are_shown(served: Machine, ann: dict[str, str]) -> None:
    assert "review by" in served.ok("set", "due", **ann)
