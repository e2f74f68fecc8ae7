"""What a document demands before it may be published: a second person, a body's attestation. Pure."""

from typing import Any

Pointer = str


def approval(document: dict[str, Any]) -> list[Pointer]:
    """Where rights caution is high: publishing it takes the approval of a second person."""
    return [
        f"/indicators/{index}/rights_caution/level"
        for index, indicator in enumerate(document["indicators"])
        if indicator["rights_caution"]["level"] == "high"
    ]


def attestation(document: dict[str, Any]) -> list[Pointer]:
    """Where survivors are said to have validated it: a body must attest that, with their consent."""
    return [
        f"/indicators/{index}/validation/{position}/survivor_validated"
        for index, indicator in enumerate(document["indicators"])
        for position, validation in enumerate(indicator["validation"])
        if validation.get("survivor_validated") is True
    ]
