"""`/v1/sets`: indicator sets, their drafts and their marking."""

from typing import Any

from flask import Response, request
from werkzeug.datastructures import ETags

from app.errors import PreconditionRequired
from app.events import Subject
from app.record import Tx
from app.sets import drafts, queries, remarking, service
from app.sets.drafts import Draft
from app.sets.forms import set_form, set_subject
from app.sets.queries import Found
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from app.web.proposals import proposed
from schemas.markings import NotedMarkingSchema, ProposalSchema
from schemas.sets import (
    DraftContentSchema,
    DraftSchema,
    DraftStateSchema,
    NewSetSchema,
    SetPageSchema,
    SetSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint("sets", __name__, url_prefix="/v1/sets", description="Indicator sets")

_CURSOR = "sets"
_IF_MATCH = {
    "in": "header",
    "name": "If-Match",
    "required": True,
    "schema": {"type": "string"},
    "description": "The ETag of the draft that was edited.",
}


def asked_set(set_id: str | None = None) -> Subject:
    """What a request names, whether it exists or not."""
    return Subject(kind="set", id=set_id, collection_id=set_id)


@blp.get("")
@requires(Scope.SETS_READ, anonymous=True)
@blp.arguments(PageArgs, location="query")
@blp.response(200, SetPageSchema)
def list_sets(args: dict[str, Any]) -> Response:
    """List the indicator sets that you see."""

    def work(tx: Tx) -> Reply:
        after, limit = args.get("after"), args["limit"]
        page = service.page(tx, paging.open_(tx, _CURSOR, after) if after else None, limit + 1)
        items = page.items[:limit]
        more = len(page.items) > limit
        value = {
            "items": [state(tx, found, page.latest.get(found.id)) for found in items],
            "next": paging.seal(tx, _CURSOR, items[-1].id) if more else None,
            "excluded": page.excluded,
        }
        return Reply.of(SetPageSchema, value, subjects=[set_subject(found) for found in items])

    return read("sets.listed", asked_set(), work)


@blp.post("")
@requires(Scope.SETS_WRITE)
@blp.arguments(NewSetSchema)
@blp.response(201, SetSchema)
def create_set(body: dict[str, Any]) -> Response:
    """Create an indicator set, or import one under the id that it had elsewhere."""

    def work(tx: Tx) -> Reply:
        found = service.create(
            tx, slug=body["slug"], title=body["title"], marking=body["marking"], set_id=body.get("id")
        )
        headers = {"Location": f"/v1/sets/{found.id}"}
        return Reply.of(SetSchema, state(tx, found, None), status=201, headers=headers)

    return write("set.created", asked_set(body.get("id")), work)


@blp.get("/<ident:set_id>")
@requires(Scope.SETS_READ, anonymous=True)
@blp.response(200, SetSchema)
def get_set(set_id: str) -> Response:
    """Read one indicator set."""

    def work(tx: Tx) -> Reply:
        found = service.get(tx, set_id)
        value = state(tx, found, service.latest(tx, found))
        return Reply.of(SetSchema, value, subjects=[set_subject(found)])

    return read("set.read", asked_set(set_id), work)


@blp.put("/<ident:set_id>/marking")
@requires(Scope.SETS_WRITE)
@blp.arguments(NotedMarkingSchema)
@blp.response(200, SetSchema)
@blp.alt_response(202, schema=ProposalSchema)
def put_marking(body: dict[str, Any], set_id: str) -> Response:
    """Narrow or widen a set. Widening takes a person; from TLP:AMBER+STRICT up it is proposed first."""

    def work(tx: Tx) -> Reply:
        became = remarking.change_marking(tx, set_id, body)
        if isinstance(became, Found):
            return Reply.of(SetSchema, state(tx, became, service.latest(tx, became)))
        return proposed(tx, became, queries.find(tx, set_id).marking)

    return write("marking.changed", asked_set(set_id), work, moves_policy=True)


@blp.get("/<ident:set_id>/draft")
@requires(Scope.SETS_WRITE, Scope.SETS_REVIEW)
@blp.response(200, DraftSchema)
def get_draft(set_id: str) -> Response:
    """Read the draft of a set of your own; its ETag is what an edit must name."""

    def work(tx: Tx) -> Reply:
        draft = drafts.read(tx, set_id)
        value = {**_draft_state(draft), "content": draft.content}
        return Reply.of(
            DraftSchema, value, subjects=[set_subject(draft.found)], headers={"ETag": f'"{draft.digest}"'}
        )

    return read("draft.read", asked_set(set_id), work)


@blp.put("/<ident:set_id>/draft")
@requires(Scope.SETS_WRITE)
@blp.arguments(DraftContentSchema)
@blp.doc(parameters=[_IF_MATCH])
@blp.response(200, DraftStateSchema)
def put_draft(body: dict[str, Any], set_id: str) -> Response:
    """Replace the draft. It may be incomplete: `problems` says what would stop its publishing."""
    editions = _editions()

    def work(tx: Tx) -> Reply:
        draft = drafts.save(tx, set_id, body["content"], editions)
        return Reply.of(DraftStateSchema, _draft_state(draft), headers={"ETag": f'"{draft.digest}"'})

    return write("draft.edited", asked_set(set_id), work, idempotent=False)


def _editions() -> ETags:
    if "If-Match" not in request.headers:
        raise PreconditionRequired("Send If-Match with the ETag of the draft that you edited.")
    return request.if_match


def state(tx: Tx, found: Found, latest: str | None) -> dict[str, Any]:
    """A set as its reader may know it."""
    return {
        **set_form(found, tx.actor.member_id),
        "created_at": found.collection.created_at,
        "latest_version": latest,
    }


def _draft_state(draft: Draft) -> dict[str, Any]:
    return {
        "set": draft.found.id,
        "digest": draft.digest,
        "edited_at": draft.edited_at,
        "problems": draft.problems,
    }
