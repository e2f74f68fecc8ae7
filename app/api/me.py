"""Who the caller is, and what it may see and why."""

from typing import Any

from flask import Response

from app.events import Subject
from app.members import standing
from app.members.standing import Caller, SeenCollection
from app.record import Tx
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.me import MeSchema

blp = Blueprint("me", __name__, url_prefix="/v1/me", description="The caller")


@blp.get("")
@requires()
@blp.arguments(PageArgs, location="query")
@blp.response(200, MeSchema)
def me(args: dict[str, Any]) -> Response:
    """Say who calls, and page through what it may see and why."""

    def work(tx: Tx) -> Reply:
        after = paging.open_(tx, "me", args["after"]) if "after" in args else None
        seen = standing.sights(tx, after=after, limit=args["limit"])
        caller = standing.who(tx)
        document = {
            "member": caller.member,
            "client": _client(caller),
            "user": caller.user,
            "scopes": caller.scopes,
            "purpose": caller.purpose,
            "bound_to": caller.collections,
            "bound_tokens": caller.bound_tokens,
            "groups": caller.groups,
            "collections": [_collection(found) for found in seen.collections],
            "excluded": seen.excluded,
            "next": paging.seal(tx, "me", seen.last) if seen.last is not None else None,
        }
        own = Subject(kind="member", id=caller.member.id, owner_id=caller.member.id)
        return Reply.of(MeSchema, document, subjects=[own, *map(_subject, seen.collections)])

    return read("me.read", Subject(kind="member"), work)


def _client(caller: Caller) -> dict[str, Any] | None:
    found = caller.client
    if found is None:
        return None
    ends = {"ends_at": found.ends_at, "ends_soon": caller.ends_soon}
    return {"id": found.id, "name": found.name, "networks": found.networks, **ends}


def _collection(found: SeenCollection) -> dict[str, Any]:
    marking = found.marking
    return {
        "id": found.id,
        "kind": found.kind,
        "title": found.title,
        "owner": found.owner,
        "marking": {
            "tlp": marking.tlp,
            "pap": marking.pap,
            "audience": {"kind": marking.audience, "group": marking.group_id},
        },
        "reason": found.reason,
    }


def _subject(found: SeenCollection) -> Subject:
    return Subject(kind=found.kind, id=found.id, collection_id=found.id).marked(found.marking)
