"""The statement of a validation body, as canonical bytes. Pure; `schemas/documents/attestation.v1.json`.

Survivors appear as a band of numbers and as a reference that only the body's own register resolves: no name,
no quote, no count, no place finer than a country, no date finer than a year.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from app import canonical
from app.errors import Invalid
from app.screening import screen
from app.sets import dignity, schema
from schemas import documents

SCHEMA = "halyard.attestation/1"
ATTESTATION_TYP = "halyard-attestation+jws"
"""Its own, so that a signature of a statement is never taken for one of a document or an envelope."""

_TEXTS = ("method", "limits")


def build(claim: Mapping[str, Any], *, named: Mapping[str, str], this_year: int) -> bytes:
    """The bytes of a statement.

    Args:
        claim: what the body says (`schemas.attestations.NewAttestationSchema`).
        named: what the server adds: id, home, set, version, document, body.
        this_year: no statement is of a year to come.

    Raises:
        Invalid: `errors` says where, without any value.
    """
    statement = {"schema": SCHEMA, **named, **claim}
    found = [*schema.problems(documents.ATTESTATION, statement), *_checks(claim, this_year)]
    if found:
        raise Invalid(
            "The attestation breaks rules of its format. Correct each place listed.",
            errors=[{"pointer": pointer, "detail": detail} for pointer, detail in found],
        )
    return canonical.encode(statement)


def _checks(claim: Mapping[str, Any], this_year: int) -> Iterator[tuple[str, str]]:
    if claim["year"] > this_year:
        yield "/year", "Must not be a year to come."
    low, dash, high = str(claim.get("participants_band", "")).partition("-")
    if dash and low.isdigit() and high.isdigit() and int(high) <= int(low):
        yield "/participants_band", "Must be a band, not a count: the second number is the larger one."
    for name in _TEXTS:
        for finding in screen(str(claim[name]), path=f"/{name}"):
            yield finding.path, finding.hint
    yield from (("/limits", detail) for detail in dignity.unsaid(str(claim["limits"])))
