"""`/v1/subscriptions`: subscribe, take, acknowledge; and for owners, who takes a collection."""

from typing import Any

from flask import Response

from app.clock import SECOND
from app.errors import Forbidden
from app.events import Subject
from app.feed.cursor import View
from app.feed.page import subjects
from app.feed.read import MAX_BYTES
from app.record import Tx
from app.subscriptions import service
from app.subscriptions.lag import Lag
from app.subscriptions.service import SubscriptionState, Taking
from app.web import feed, paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.changes import ChangesSchema
from schemas.subscriptions import (
    AcknowledgementSchema,
    NewSubscriptionSchema,
    RecipientPageSchema,
    SubscriptionPageSchema,
    SubscriptionSchema,
    TakeArgs,
)
from schemas.vocabulary import CollectionKind, Scope

blp = Blueprint("subscriptions", __name__, url_prefix="/v1", description="Subscriptions")

_CURSOR = "subscriptions"


def asked_subscription(subscription_id: str | None = None) -> Subject:
    """What a request names, whether it exists or not."""
    return Subject(kind="subscription", id=subscription_id)


@blp.post("/subscriptions")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.arguments(NewSubscriptionSchema)
@blp.response(201, SubscriptionSchema)
def create_subscription(body: dict[str, Any]) -> Response:
    """Subscribe to everything that you see, or to named sets and lists. It belongs to this client."""

    def work(tx: Tx) -> Reply:
        view = feed.view_of(tx, body["collections"], body.get("kinds"))
        if not view.kinds >= set(body.get("kinds", ())):
            raise Forbidden(
                "Sets need the scope sets:read, lists need signals:read.", reason="insufficient_scope"
            )
        state = service.create(tx, name=body["name"], view=view, asked=body["collections"])
        headers = {"Location": f"/v1/subscriptions/{state.row.id}"}
        return Reply.of(SubscriptionSchema, _form(tx, state), status=201, headers=headers)

    return write("subscription.created", asked_subscription(), work)


@blp.get("/subscriptions")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.arguments(PageArgs, location="query")
@blp.response(200, SubscriptionPageSchema)
def list_subscriptions(args: dict[str, Any]) -> Response:
    """List this client's subscriptions that have not ended."""

    def work(tx: Tx) -> Reply:
        after, limit = args.get("after"), args["limit"]
        rows = service.page(tx, paging.open_(tx, _CURSOR, after) if after else None, limit + 1)
        items = rows[:limit]
        value = {
            "items": [_form(tx, state) for state in items],
            "next": paging.seal(tx, _CURSOR, items[-1].row.id) if len(rows) > limit else None,
        }
        return Reply.of(
            SubscriptionPageSchema, value, subjects=[Subject(kind="subscription", count=len(items))]
        )

    return read("subscriptions.listed", asked_subscription(), work)


@blp.get("/subscriptions/<ident:subscription_id>")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.response(200, SubscriptionSchema)
def get_subscription(subscription_id: str) -> Response:
    """Read one subscription and how far it is behind."""

    def work(tx: Tx) -> Reply:
        return Reply.of(SubscriptionSchema, _form(tx, service.get(tx, subscription_id)))

    return read("subscription.read", asked_subscription(subscription_id), work)


@blp.delete("/subscriptions/<ident:subscription_id>")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.response(204)
def end_subscription(subscription_id: str) -> Response:
    """End a subscription. Ending it again changes nothing."""

    def work(tx: Tx) -> Reply:
        service.end(tx, subscription_id)
        return Reply(status=204)

    return write("subscription.ended", asked_subscription(subscription_id), work)


@blp.get("/subscriptions/<ident:subscription_id>/changes")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.arguments(TakeArgs, location="query")
@blp.response(200, ChangesSchema)
def take_changes(args: dict[str, Any], subscription_id: str) -> Response:
    """Read a page of a subscription's changes. It acknowledges nothing: read again, get the same again."""

    def work(tx: Tx) -> Reply:
        taking = service.taking(tx, subscription_id)
        view = _view(tx, taking)
        position = feed.open_cursor(tx, view, args["after"]) if "after" in args else taking.position
        found = feed.read_page(tx, view, position, limit=args["limit"], max_bytes=MAX_BYTES)
        about = [asked_subscription(subscription_id), *subjects(found.page, found.seen)]
        return Reply(body=feed.render(tx, view, found), subjects=about, coded=True)

    return read("changes.read", asked_subscription(subscription_id), work)


@blp.post("/subscriptions/<ident:subscription_id>/ack")
@requires(Scope.SUBSCRIPTIONS_WRITE)
@blp.arguments(AcknowledgementSchema)
@blp.response(200, SubscriptionSchema)
def acknowledge(body: dict[str, Any], subscription_id: str) -> Response:
    """Say that you have stored everything up to a cursor. The owners of what you take see that you have."""

    def work(tx: Tx) -> Reply:
        view = _view(tx, service.taking(tx, subscription_id))
        state = service.acknowledge(tx, subscription_id, view, body["cursor"])
        return Reply.of(SubscriptionSchema, _form(tx, state))

    return write("subscription.acknowledged", asked_subscription(subscription_id), work)


@blp.get("/sets/<ident:set_id>/recipients")
@requires(Scope.SETS_READ, Scope.SETS_WRITE)
@blp.arguments(PageArgs, location="query")
@blp.response(200, RecipientPageSchema)
def set_recipients(args: dict[str, Any], set_id: str) -> Response:
    """For its owner: who subscribes to a set, how far behind each is, which retractions it lacks."""
    return _recipients(args, set_id, CollectionKind.SET)


@blp.get("/signal-lists/<ident:list_id>/recipients")
@requires(Scope.SIGNALS_READ, Scope.SIGNALS_WRITE)
@blp.arguments(PageArgs, location="query")
@blp.response(200, RecipientPageSchema)
def list_recipients(args: dict[str, Any], list_id: str) -> Response:
    """For its owner: who subscribes to a list, how far behind each is, which retractions it lacks."""
    return _recipients(args, list_id, CollectionKind.LIST)


def _recipients(args: dict[str, Any], collection_id: str, kind: CollectionKind) -> Response:
    asked = Subject(kind=kind.value, id=collection_id, collection_id=collection_id)

    def work(tx: Tx) -> Reply:
        cursor, after, limit = f"recipients:{collection_id}", args.get("after"), args["limit"]
        start = paging.open_(tx, cursor, after) if after else None
        found = service.recipients(tx, collection_id, kind, start, limit + 1)
        items = found.items[:limit]
        more = len(found.items) > limit
        value = {
            "items": items,
            "next": paging.seal(tx, cursor, items[-1].subscription) if more else None,
        }
        counted = Subject(kind=kind.value, id=collection_id, collection_id=collection_id, count=len(items))
        return Reply.of(RecipientPageSchema, value, subjects=[counted.marked(found.marking)])

    return read("recipients.read", asked, work)


def _view(tx: Tx, taking: Taking) -> View:
    """What this token looks at, if that is what the subscription was made with."""
    view = feed.view_of(tx, taking.view.collections, taking.view.kinds)
    service.require_view(taking.view, view)
    return view


def _form(tx: Tx, state: SubscriptionState) -> dict[str, Any]:
    row = state.row
    return {
        "id": row.id,
        "name": row.name,
        "kinds": row.kinds,
        "collections": state.collections,
        "purpose": row.purpose,
        "created_at": row.created_at,
        "acknowledged_at": row.acknowledged_at,
        "ended_at": row.ended_at,
        "lag": None if state.lag is None else _lag(state.lag, tx.now),
    }


def _lag(lag: Lag, now: int) -> dict[str, Any]:
    age = None if lag.oldest_at is None else max(0, now - lag.oldest_at) / SECOND
    return {"changes": lag.changes, "more": lag.more, "oldest_seconds": age}
