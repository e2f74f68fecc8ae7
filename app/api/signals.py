"""Signals, in bulk under `/v1/signal-lists/{id}`, and one by one under `/v1/signals/{id}`."""

from typing import Any

from flask import Response, request
from marshmallow import Schema

from app.api.signal_lines import WITHDRAWAL_PARAMETERS, narrow_lines, publish_lines, withdraw_lines
from app.api.signal_lists import asked_list
from app.errors import Invalid
from app.events import Subject
from app.record import Tx
from app.signals import entries, lists, publishing, withdrawal
from app.signals.naming import Narrowed
from app.signals.narrowing import narrow_entries
from app.signals.outcomes import to_wire
from app.web import ndjson, paging
from app.web.blueprint import Blueprint
from app.web.bodies import parse_json, read_body
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.lines import or_lines
from app.web.paging import PageArgs
from schemas.markings import MarkingSchema
from schemas.shapes import Moment
from schemas.signals import (
    LOOKUP_LIMIT,
    PUBLISH_LIMIT,
    NarrowedSchema,
    NarrowingSchema,
    NewSignalsSchema,
    PublishedSchema,
    SignalPageSchema,
    SingleSignalSchema,
    WithdrawalSchema,
    WithdrawnSchema,
)
from schemas.vocabulary import ItemStatus, Reason, Scope

blp = Blueprint("signals", __name__, url_prefix="/v1", description="Signals in lists")

JSON_LIMIT = 32_000_000
PAGE_BYTES = 4_000_000


def _or_lines(schema: type[Schema], line: str) -> dict[str, Any]:
    """The documentation of a body that may be JSON, or lines."""
    lines = {"schema": {"type": "string", "description": line}}
    return {"required": True, "content": {"application/json": {"schema": schema}, ndjson.MEDIA_TYPE: lines}}


class SignalPageArgs(PageArgs):
    ending_by = Moment(
        description="Only signals whose validity ends by then: what its contributor renews or lets go."
    )


@blp.post("/signal-lists/<ident:list_id>/signals")
@requires(Scope.SIGNALS_WRITE)
@blp.doc(requestBody=_or_lines(NewSignalsSchema, "One signal per line, each as in `signals`."))
@blp.response(200, PublishedSchema)
def publish_signals(list_id: str) -> Response:
    """Contribute signals: JSON with an answer for each, or NDJSON of any length with counts.

    NDJSON may be compressed (`Content-Encoding: gzip` or `zstd`) and is taken in chunks of at most 1,000
    lines, each in a transaction of its own. Should the body break off, or the caller lose its rights midway,
    the problem document says in `taken` what was done. Sending again is harmless; with the same
    `Idempotency-Key` it passes over what was done, and ends with the answer that one undisturbed request
    would have had.
    """
    if request.mimetype == ndjson.MEDIA_TYPE:
        return publish_lines(list_id)
    request.max_content_length = JSON_LIMIT
    items = publishing.read_items(signals_of(parse_json(read_body(request)), PUBLISH_LIMIT))

    def work(tx: Tx) -> Reply:
        outcomes = publishing.publish(tx, list_id, items)
        statuses = [outcome.status for outcome in outcomes]
        taken = (ItemStatus.ACCEPTED, ItemStatus.ALREADY_YOURS, ItemStatus.REFUSED)
        counts = {status.value: statuses.count(status) for status in taken}
        return Reply.json({**counts, "items": to_wire(outcomes)})

    return write("signals.published", asked_list(list_id), work)


@blp.get("/signal-lists/<ident:list_id>/signals")
@requires(Scope.SIGNALS_READ, anonymous=True)
@blp.arguments(SignalPageArgs, location="query")
@blp.response(200, SignalPageSchema)
def list_signals(args: dict[str, Any], list_id: str) -> Response:
    """Read the signals of a list, oldest first, as they stand now; or only those that end soon."""
    ending_by = args.get("ending_by")
    cursor = f"signals:{list_id}" if ending_by is None else f"signals:{list_id}:{ending_by}"

    def work(tx: Tx) -> Reply:
        after = _key(paging.open_(tx, cursor, args["after"])) if "after" in args else None
        page = entries.page(tx, list_id, after, args["limit"], PAGE_BYTES, ending_by=ending_by)
        value = {
            "list": list_id,
            "marking": lists.describe(page.found, tx.actor.member_id)["marking"],
            "items": page.items,
            "next": paging.seal(tx, cursor, f"{page.last[0]}:{page.last[1]}") if page.last else None,
        }
        return Reply.json(value, subjects=page.subjects)

    return read("signals.listed", asked_list(list_id), work)


@blp.post("/signal-lists/<ident:list_id>/withdrawals")
@requires(Scope.SIGNALS_WRITE)
@or_lines(withdraw_lines)
@blp.arguments(WithdrawalSchema)
@blp.doc(
    requestBody=_or_lines(WithdrawalSchema, 'One entry per line: {"id": …}.'),
    parameters=WITHDRAWAL_PARAMETERS,
)
@blp.response(200, WithdrawnSchema)
def withdraw_signals(body: dict[str, Any], list_id: str) -> Response:
    """Take your contributions back, or as the list's owner end signals whole.

    With the last contribution a signal ends: its value is destroyed here, and every recipient is told why.

    As NDJSON the reason is a query parameter; it is taken in chunks, as signals are.
    """

    def work(tx: Tx) -> Reply:
        outcomes = withdrawal.withdraw(tx, list_id, body["ids"], Reason(body["reason"]), whole=body["whole"])
        withdrawn = sum(outcome.status is ItemStatus.WITHDRAWN for outcome in outcomes)
        return Reply.json({"withdrawn": withdrawn, "items": to_wire(outcomes)})

    return write("signals.withdrawn", asked_list(list_id), work)


@blp.post("/signal-lists/<ident:list_id>/markings")
@requires(Scope.SIGNALS_WRITE)
@or_lines(narrow_lines)
@blp.arguments(NarrowingSchema)
@blp.doc(requestBody=_or_lines(NarrowingSchema, 'One entry per line: {"id": …, "marking": {…}}.'))
@blp.response(200, NarrowedSchema)
def narrow_signals(body: dict[str, Any], list_id: str) -> Response:
    """Give signals of your own a narrower marking than they have, each with an answer.

    As NDJSON each line has a marking of its own; it is taken in chunks, as signals are.
    """
    items = [Narrowed(id=entry_id, marking=body["marking"]) for entry_id in body["ids"]]

    def work(tx: Tx) -> Reply:
        outcomes = narrow_entries(tx, list_id, items)
        marked = sum(outcome.status is ItemStatus.MARKED for outcome in outcomes)
        return Reply.json({"marked": marked, "items": to_wire(outcomes)})

    return write("marking.changed", asked_list(list_id), work, moves_policy=True)


@blp.get("/signals/<ident:signal_id>")
@requires(Scope.SIGNALS_READ, anonymous=True)
@blp.response(200, SingleSignalSchema)
def get_signal(signal_id: str) -> Response:
    """Read one signal with its whole value, however long it is."""

    def work(tx: Tx) -> Reply:
        single = entries.get(tx, signal_id)
        described = entries.describe_single(tx, single)
        return Reply.json(described, subjects=[single.subject])

    return read("signal.read", _asked_signal(signal_id), work)


@blp.put("/signals/<ident:signal_id>/marking")
@requires(Scope.SIGNALS_WRITE)
@blp.arguments(MarkingSchema)
@blp.response(200, SingleSignalSchema)
def put_signal_marking(body: dict[str, Any], signal_id: str) -> Response:
    """Give one signal a narrower marking than it has."""

    def work(tx: Tx) -> Reply:
        single = entries.narrow(tx, signal_id, body)
        return Reply.json(entries.describe_single(tx, single))

    # The answer holds the value, which must not stay behind in a kept answer when the signal is withdrawn.
    return write("marking.changed", _asked_signal(signal_id), work, moves_policy=True, idempotent=False)


def signals_of(body: Any, limit: int) -> list[Any]:
    """The list in `{"signals": […]}`.

    Raises:
        Invalid: another form, or more than `limit`.
    """
    if not isinstance(body, dict) or body.keys() != {"signals"} or not isinstance(body["signals"], list):
        raise Invalid('Send an object with one member: {"signals": […]}.')
    found: list[Any] = body["signals"]
    if not 0 < len(found) <= limit:
        raise Invalid(
            f"Send 1 to {limit} signals at once.",
            errors=[{"pointer": "/signals", "detail": _MORE[limit]}],
        )
    return found


_MORE = {
    PUBLISH_LIMIT: f"Split them, or send them as {ndjson.MEDIA_TYPE}, which has no limit.",
    LOOKUP_LIMIT: "Split them.",
}


def _asked_signal(signal_id: str) -> Subject:
    return Subject(kind="signal", id=signal_id)


def _key(text: str) -> tuple[int, str]:
    created_at, _, entry_id = text.partition(":")
    return int(created_at), entry_id
