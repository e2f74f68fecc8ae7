"""`/v1/audit`: questions whose answer is not a list of entries: who took it, who was not told, how much."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from flask import Response

from app.api.audit import ACTION
from app.audit import questions, service, tallies
from app.audit.questions import Asked, Recipient
from app.audit.tallies import Volume
from app.audit.unusual import PAST_DAYS, unusual
from app.clock import DAY, to_text
from app.errors import Invalid
from app.events import Subject
from app.record import Tx
from app.web import paging
from app.web.audit import gathered, thing
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from schemas.audit_questions import (
    DAYS_LIMIT,
    AuditRecipientPageSchema,
    MatrixSchema,
    OutstandingPageSchema,
    PeriodArgs,
    ThingArgs,
    VolumeArgs,
    VolumeSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint("audit-questions", __name__, url_prefix="/v1/audit", description="Questions about the log")

_ASKED = Subject(kind="entry")
"""What was asked about is not named: its name in an entry would look as if it had been handed out."""


@blp.get("/recipients")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(ThingArgs, location="query")
@blp.response(200, AuditRecipientPageSchema)
def recipients(args: dict[str, Any]) -> Response:
    """Who was given a version or signal: when first and last, how often, under which label and purpose.

    Members are answered about what they own, and about themselves.
    """
    gathered()

    def work(tx: Tx) -> Reply:
        found = questions.recipients(tx.session, service.scope_of(tx.actor), _asked(tx, args))
        return _page(tx, AuditRecipientPageSchema, args, found, "audit-recipients")

    return read(ACTION, _ASKED, work)


@blp.get("/outstanding")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(ThingArgs, location="query")
@blp.response(200, OutstandingPageSchema)
def outstanding(args: dict[str, Any]) -> Response:
    """Who was given a version or signal and has not been handed the tombstone since it was taken back."""
    gathered()

    def work(tx: Tx) -> Reply:
        asked, scope = _asked(tx, args), service.scope_of(tx.actor)
        told = questions.outstanding(tx.session, scope, asked)
        visible = asked.ended if told.recipients or scope.member is None else None
        more = {"retracted_at": visible, "recipients": len(told.recipients), "told": told.told}
        found = told.outstanding if asked.ended is not None else []
        return _page(tx, OutstandingPageSchema, args, found, "audit-outstanding", **more)

    return read(ACTION, _ASKED, work)


@blp.get("/volume")
@requires(Scope.AUDIT_READ, Scope.AUDIT_READ_OWN)
@blp.arguments(VolumeArgs, location="query")
@blp.response(200, VolumeSchema)
def volume(args: dict[str, Any]) -> Response:
    """How much was done by day, and on which days a member did unusually much against its own past.

    Members are answered about themselves, and of others about what they did with their data.
    """
    gathered()

    def work(tx: Tx) -> Reply:
        session, scope, member = tx.session, service.scope_of(tx.actor), args.get("member")
        since, until = _period(tx, args)
        counts = tallies.volume(session, scope, member, since - PAST_DAYS * DAY, until)
        begun = tallies.first_days(session, scope, [member]).get(member) if member is not None else None
        value = {
            "days": _days(one for one in counts if one.day >= since),
            "unusual": [
                asdict(one) | {"day": _date(one.day)} for one in unusual(counts, since, until, begun)
            ] if begun is not None else [],
        }  # fmt: skip
        return Reply.of(VolumeSchema, value)

    return read(ACTION, _ASKED, work)


@blp.get("/matrix")
@requires(Scope.AUDIT_READ)
@blp.arguments(PeriodArgs, location="query")
@blp.response(200, MatrixSchema)
def matrix(args: dict[str, Any]) -> Response:
    """Which member did how much with whose data."""
    gathered()

    def work(tx: Tx) -> Reply:
        service.require_whole(tx.actor)
        cells = tallies.matrix(tx.session, *_period(tx, args))
        return Reply.of(MatrixSchema, {"items": cells})

    return read(ACTION, _ASKED, work)


def _asked(tx: Tx, args: dict[str, Any]) -> Asked:
    return thing(tx, collection=args.get("collection"), version=args.get("version"), one=args.get("object"))


def _page(
    tx: Tx, schema: type[Any], args: dict[str, Any], found: Sequence[Recipient], cursor: str, **more: Any
) -> Reply:
    after, limit = args.get("after"), args["limit"]
    start = paging.open_(tx, cursor, after) if after else ""
    rest = [one for one in found if not start or (one.member or "") > start]
    items = questions.named(tx.session, rest[:limit])
    following = paging.seal(tx, cursor, items[-1].member or "") if len(rest) > limit else None
    subject = Subject(
        kind="entry", count=len({seq for one in items for seq in (one.first_seq, one.last_seq)})
    )
    return Reply.of(schema, {"items": items, "next": following, **more}, subjects=[subject])


def _period(tx: Tx, args: dict[str, Any]) -> tuple[int, int]:
    """First and last moment of the days that are asked for.

    Raises:
        Invalid: they are too many.
    """
    until = args.get("until", tx.now + 1)
    since = args.get("since", until - PAST_DAYS * DAY)
    if until <= since or until - since > DAYS_LIMIT * DAY:
        detail = f"A period begins before it ends, and is {DAYS_LIMIT} days at most."
        raise Invalid("The request does not fit.", errors=[{"pointer": "/since", "detail": detail}])
    return since - since % DAY, until


def _days(counts: Iterable[Volume]) -> list[dict[str, Any]]:
    return [{"day": _date(day), "counts": list(of)} for day, of in groupby(counts, key=lambda one: one.day)]


def _date(day: int) -> str:
    return to_text(day)[:10]
