"""Attestations: validation bodies state how a candidate or a version was validated, and withdraw it."""

from collections.abc import Sequence
from typing import Any

import msgspec
from flask import Response

from app.api.review import asked_candidate
from app.api.versions import NO_VERSION, asked_version, known_version
from app.events import Subject
from app.record import Tx
from app.sets.forms import set_subject
from app.sets.queries import Found
from app.sets.review import attesting, queries, withdrawing
from app.sets.review.models import Attestation
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.attestations import (
    AttestationListSchema,
    AttestationPageSchema,
    AttestationSchema,
    NewAttestationSchema,
    WithdrawnAttestationSchema,
)
from schemas.vocabulary import AttestationStatus, Scope

blp = Blueprint("attestations", __name__, url_prefix="/v1", description="Attestations of validation bodies")

_CANDIDATE = "/sets/<ident:set_id>/review/<digest:digest>/attestations"
_CURSOR = "attestations"
_VERSION = "/sets/<ident:set_id>/versions/<version>/attestations"


@blp.get(_CANDIDATE)
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW, Scope.SETS_ATTEST)
@blp.response(200, AttestationListSchema)
def list_of_candidate(set_id: str, digest: str) -> Response:
    """List what was attested of a candidate: of your own all, as a body what it stated itself."""

    def work(tx: Tx) -> Reply:
        return _listed(*attesting.of_candidate(tx, set_id, digest))

    return read("attestations.listed", asked_candidate(set_id), work)


@blp.post(_CANDIDATE)
@requires(Scope.SETS_ATTEST, person=True)
@blp.arguments(NewAttestationSchema)
@blp.response(201, AttestationSchema)
def attest_candidate(body: dict[str, Any], set_id: str, digest: str) -> Response:
    """Attest a candidate that you are invited on, as an accredited validation body."""

    def work(tx: Tx) -> Reply:
        row = attesting.attest_candidate(tx, set_id, digest, body)
        return Reply.of(AttestationSchema, row, status=201)

    return write("attestation.made", asked_candidate(set_id), work)


@blp.get(_VERSION)
@requires(Scope.SETS_READ, anonymous=True)
@blp.response(200, AttestationListSchema)
def list_of_version(set_id: str, version: str) -> Response:
    """List the attestations of a published version that stand."""
    known = known_version(version)

    def work(tx: Tx) -> Reply:
        return _listed(*attesting.of_version(tx, set_id, known or NO_VERSION))

    return read("attestations.listed", asked_version(set_id, known), work)


@blp.post(_VERSION)
@requires(Scope.SETS_ATTEST, person=True)
@blp.arguments(NewAttestationSchema)
@blp.response(201, AttestationSchema)
def attest_version(body: dict[str, Any], set_id: str, version: str) -> Response:
    """Attest a published version that you read, as an accredited validation body."""
    known = known_version(version)

    def work(tx: Tx) -> Reply:
        row = attesting.attest_version(tx, set_id, known or NO_VERSION, body)
        return Reply.of(AttestationSchema, row, status=201)

    return write("attestation.made", asked_version(set_id, known), work)


@blp.get("/attestations")
@requires(Scope.SETS_ATTEST)
@blp.arguments(PageArgs, location="query")
@blp.response(200, AttestationPageSchema)
def list_own(args: dict[str, Any]) -> Response:
    """List what your body attested, also of sets that you no longer see: it is what you withdraw."""

    def work(tx: Tx) -> Reply:
        limit = args["limit"]
        rows = queries.of_body(tx, paging.open_pair(tx, _CURSOR, args.get("after")), limit + 1)
        items, more = rows[:limit], len(rows) > limit
        following = paging.seal_pair(tx, _CURSOR, (items[-1].at, items[-1].id)) if more else None
        subjects = [Subject(kind="attestation", count=len(items))]
        return Reply.json({"items": [_form(row) for row in items], "next": following}, subjects=subjects)

    return read("attestations.listed", Subject(kind="attestation"), work)


@blp.post("/attestations/<ident:attestation_id>/withdrawal")
@requires(Scope.SETS_ATTEST, person=True)
@blp.arguments(WithdrawnAttestationSchema)
@blp.response(200, AttestationSchema)
def withdraw(body: dict[str, Any], attestation_id: str) -> Response:
    """Withdraw a statement of your own body: its bytes are destroyed, and what needs it is retracted."""

    def work(tx: Tx) -> Reply:
        row = withdrawing.withdraw(tx, attestation_id, AttestationStatus(body["reason"]))
        return Reply.of(AttestationSchema, row)

    return write("attestation.withdrawn", Subject(kind="attestation", id=attestation_id), work)


def _listed(found: Found, rows: Sequence[Attestation]) -> Reply:
    items = [_form(row) for row in rows]
    return Reply.json({"items": items}, subjects=[set_subject(found, count=len(items))])


def _form(row: Attestation) -> dict[str, Any]:
    """Statement and signature as stored: what was signed is never serialised again."""
    state: dict[str, Any] = AttestationSchema().dump(row)
    if row.statement is None:
        return state
    return {**state, "statement": msgspec.Raw(row.statement), "jws": row.signature}
