"""What tests of review share: paths, statements, and an accredited body."""

import uuid
from typing import Any

from werkzeug.test import TestResponse

from schemas.vocabulary import VALIDATION_BODY, Sector
from tests.factories import Caller, Make
from tests.samples import sent, small, version_path


def review_path(set_id: str, digest: str = "", verb: str = "") -> str:
    return "/".join(part for part in (f"/v1/sets/{set_id}/review", digest, verb) if part)


def cautious(title: str = "A cautious set") -> dict[str, Any]:
    """Content whose first indicator has high rights caution."""
    content = small(title)
    content["indicators"][0]["rights_caution"]["level"] = "high"
    return content


def claiming(title: str = "A validated set") -> dict[str, Any]:
    """Content whose first indicator says that survivors validated it."""
    content = small(title)
    content["indicators"][0]["validation"] = [
        {
            "method": "survivor-focus-group", "by": "A validation body", "date": "2026",
            "survivor_validated": True, "consent_recorded": True, "participants_band": "5-9",
        }
    ]  # fmt: skip
    return content


def statement(**changes: Any) -> dict[str, Any]:
    """What a body says, with what is None left out."""
    said = {
        "method": "survivor-focus-group", "year": 2026, "country": "IE", "survivors_consulted": True,
        "participants_band": "5-9", "consent_recorded": True, "consent_reference": str(uuid.uuid4()),
        "limits": "One group in one country; adults only.",
    }  # fmt: skip
    return {name: value for name, value in (said | changes).items() if value is not None}


def body(make: Make, *, accredited: bool = True) -> Caller:
    """A person of a validation body."""
    member = make.member(sector=Sector.NGO)
    if accredited:
        make.attribute(member, VALIDATION_BODY)
    return make.caller(member, user=make.user(member))


def colleague(make: Make, of: Caller) -> Caller:
    """Another person of the same member."""
    return make.caller(of.member, user=make.user(of.member))


def invited(ann: Caller, set_id: str, *bodies: Caller, version: str = "1.0.0") -> str:
    """The digest of a candidate that these bodies are invited on."""
    digest: str = sent(ann, set_id, version, bodies=[one.member.id for one in bodies])["digest"]
    return digest


def approve(caller: Caller, set_id: str, digest: str) -> TestResponse:
    return caller.post(review_path(set_id, digest, "approval"), json={})


def attest(caller: Caller, set_id: str, digest: str, **changes: Any) -> TestResponse:
    return caller.post(review_path(set_id, digest, "attestations"), json=statement(**changes))


def publish(caller: Caller, set_id: str, **sent: Any) -> TestResponse:
    return caller.post(version_path(set_id), json=sent)


def withdrawn(caller: Caller, attestation_id: str, reason: str = "withdrawn") -> TestResponse:
    return caller.post(f"/v1/attestations/{attestation_id}/withdrawal", json={"reason": reason})
