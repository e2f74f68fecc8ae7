"""`/v1/sets/{id}/review`: send a draft to review, comment, approve, return."""

from typing import Any

from flask import Response

from app.events import Subject
from app.record import Tx
from app.sets.forms import set_subject
from app.sets.review import forms, judging, reading, sending
from app.sets.review.forms import candidate_subject
from app.sets.review.models import Remark
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.review import (
    ApprovalSchema,
    CandidatePageSchema,
    CandidateSchema,
    FrozenDocumentSchema,
    NewCandidateSchema,
    NewCommentSchema,
    RemarkPageSchema,
    RemarkSchema,
    ReturnSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint(
    "review", __name__, url_prefix="/v1/sets/<ident:set_id>/review", description="Review of indicator sets"
)


def asked_candidate(set_id: str, version: str | None = None) -> Subject:
    """What a request names, whether it exists or not."""
    return Subject(kind="candidate", version=version, collection_id=set_id)


@blp.post("")
@requires(Scope.SETS_WRITE)
@blp.arguments(NewCandidateSchema)
@blp.response(201, CandidateSchema)
def send_to_review(body: dict[str, Any], set_id: str) -> Response:
    """Freeze the draft as a candidate: the bytes that are reviewed, attested and published."""

    def work(tx: Tx) -> Reply:
        found, row = sending.send(
            tx, set_id, version=body["version"], bodies=body["bodies"], note=body.get("note")
        )
        (state,) = forms.candidates(tx, found, [row])
        headers = {"Location": f"/v1/sets/{set_id}/review/{row.digest}"}
        return Reply.of(CandidateSchema, state, status=201, headers=headers)

    return write("candidate.sent", asked_candidate(set_id, body["version"]), work)


@blp.get("")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW, Scope.SETS_ATTEST)
@blp.arguments(PageArgs, location="query")
@blp.response(200, CandidatePageSchema)
def list_candidates(args: dict[str, Any], set_id: str) -> Response:
    """List the candidates of a set, newest first: yours, or those that you are invited to attest."""

    def work(tx: Tx) -> Reply:
        after, limit, cursor = args.get("after"), args["limit"], f"review:{set_id}"
        before = int(paging.open_(tx, cursor, after)) if after else None
        found, rows = reading.page(tx, set_id, before, limit + 1)
        items = rows[:limit]
        value = {
            "items": forms.candidates(tx, found, items),
            "next": paging.seal(tx, cursor, str(items[-1].number)) if len(rows) > limit else None,
        }
        return Reply.of(CandidatePageSchema, value, subjects=[set_subject(found, count=len(items))])

    return read("review.listed", asked_candidate(set_id), work)


@blp.get("/<digest:digest>")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW, Scope.SETS_ATTEST)
@blp.response(200, FrozenDocumentSchema)
def get_candidate(set_id: str, digest: str) -> Response:
    """Read the exact bytes of a candidate (indicator-set.v1); their SHA-256 is what the path names."""

    def work(tx: Tx) -> Reply:
        found, row, body = reading.document(tx, set_id, digest)
        return Reply(body=body, subjects=[candidate_subject(row, found)])

    return read("candidate.read", asked_candidate(set_id), work)


@blp.get("/<digest:digest>/comments")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW)
@blp.arguments(PageArgs, location="query")
@blp.response(200, RemarkPageSchema)
def list_comments(args: dict[str, Any], set_id: str, digest: str) -> Response:
    """List what was said of a candidate of your own: comments, approval, return."""

    def work(tx: Tx) -> Reply:
        after, limit, cursor = args.get("after"), args["limit"], f"comments:{set_id}:{digest}"
        start = int(paging.open_(tx, cursor, after)) if after else 0
        row, rows, found = judging.remarks(tx, set_id, digest, start, limit + 1)
        items = rows[:limit]
        value = {
            "items": items,
            "next": paging.seal(tx, cursor, str(items[-1].number)) if len(rows) > limit else None,
        }
        return Reply.of(RemarkPageSchema, value, subjects=[candidate_subject(row, found)])

    return read("comments.listed", asked_candidate(set_id), work)


@blp.post("/<digest:digest>/comments")
@requires(Scope.SETS_REVIEW, Scope.SETS_WRITE, person=True)
@blp.arguments(NewCommentSchema)
@blp.response(201, RemarkSchema)
def comment(body: dict[str, Any], set_id: str, digest: str) -> Response:
    """Comment on a candidate of your member, or on one indicator in it."""

    def work(tx: Tx) -> Reply:
        return _said(judging.comment(tx, set_id, digest, text=body["text"], indicator=body.get("indicator")))

    return write("candidate.commented", asked_candidate(set_id), work)


@blp.post("/<digest:digest>/approval")
@requires(Scope.SETS_REVIEW, person=True)
@blp.arguments(ApprovalSchema)
@blp.response(201, RemarkSchema)
def approve(body: dict[str, Any], set_id: str, digest: str) -> Response:
    """Approve a candidate of your member that you did not write yourself."""

    def work(tx: Tx) -> Reply:
        return _said(judging.approve(tx, set_id, digest, note=body.get("note")))

    return write("candidate.approved", asked_candidate(set_id), work)


@blp.post("/<digest:digest>/return")
@requires(Scope.SETS_REVIEW, person=True)
@blp.arguments(ReturnSchema)
@blp.response(201, RemarkSchema)
def send_back(body: dict[str, Any], set_id: str, digest: str) -> Response:
    """Return a candidate with a note on what must change: it is never published."""

    def work(tx: Tx) -> Reply:
        return _said(judging.send_back(tx, set_id, digest, note=body["note"]))

    return write("candidate.returned", asked_candidate(set_id), work)


def _said(made: Remark) -> Reply:
    return Reply.of(RemarkSchema, made, status=201)
