"""Sharing groups, and releases of collections to downstreams."""

from typing import Any

from flask import Response

from app.events import Subject
from app.members import groups, membership, releases
from app.record import Tx
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.groups import (
    AcceptanceSchema,
    GroupChangeSchema,
    GroupPageSchema,
    GroupSchema,
    InvitationSchema,
    NewGroupSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint("groups", __name__, url_prefix="/v1", description="Sharing groups and releases")


@blp.get("/groups")
@requires()
@blp.arguments(PageArgs, location="query")
@blp.response(200, GroupPageSchema)
def list_groups(args: dict[str, Any]) -> Response:
    """List the groups that the caller's member owns, is in or is invited to."""

    def page(tx: Tx) -> Reply:
        after = paging.open_(tx, "groups", args["after"]) if "after" in args else None
        found = groups.browse(tx, after=after, limit=args["limit"])
        following = paging.seal(tx, "groups", found[-1].name) if len(found) == args["limit"] else None
        return Reply.of(
            GroupPageSchema,
            {"items": found, "next": following},
            subjects=[Subject(kind="group", count=len(found))],
        )

    return read("group.listed", Subject(kind="group"), page)


@blp.post("/groups")
@requires(Scope.GROUPS_ADMIN)
@blp.arguments(NewGroupSchema)
@blp.response(201, GroupSchema)
def create_group(body: dict[str, Any]) -> Response:
    """Create a group; its owner is in it from the start."""

    def work(tx: Tx) -> Reply:
        made = groups.create(tx, **body)
        return Reply.of(GroupSchema, made, status=201, headers={"Location": f"/v1/groups/{made.id}"})

    return write("group.added", Subject(kind="group"), work, moves_policy=body["requires_bound_tokens"])


@blp.get("/groups/<ident:group_id>")
@requires()
@blp.response(200, GroupSchema)
def get_group(group_id: str) -> Response:
    """Read a group: its terms for who is invited, its members for who is in it."""
    return read("group.read", _group(group_id), lambda tx: Reply.of(GroupSchema, groups.read(tx, group_id)))


@blp.patch("/groups/<ident:group_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.arguments(GroupChangeSchema)
@blp.response(200, GroupSchema)
def change_group(body: dict[str, Any], group_id: str) -> Response:
    """Change terms, required attributes or tokens. New terms need every member's acceptance again."""

    def work(tx: Tx) -> Reply:
        return Reply.of(GroupSchema, groups.change(tx, group_id, **body))

    return write("group.changed", _group(group_id), work, moves_policy=True)


@blp.post("/groups/<ident:group_id>/invitations")
@requires(Scope.GROUPS_ADMIN)
@blp.arguments(InvitationSchema)
@blp.response(201, GroupSchema)
def invite_member(body: dict[str, Any], group_id: str) -> Response:
    """Ask a member in, as the group's owner: it may then read the terms."""

    def work(tx: Tx) -> Reply:
        return Reply.of(GroupSchema, membership.invite(tx, group_id, body["member"]), status=201)

    return write("group.invited", _group(group_id), work)


@blp.post("/groups/<ident:group_id>/acceptance")
@requires(Scope.GROUPS_ADMIN)
@blp.arguments(AcceptanceSchema)
@blp.response(200, GroupSchema)
def accept_terms(body: dict[str, Any], group_id: str) -> Response:
    """Accept the terms, for the caller's own member."""

    def work(tx: Tx) -> Reply:
        return Reply.of(GroupSchema, membership.accept(tx, group_id, body["terms_version"]))

    return write("group.terms-accepted", _group(group_id), work, moves_policy=True)


@blp.put("/groups/<ident:group_id>/members/<ident:member_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.response(200, GroupSchema)
def let_in(group_id: str, member_id: str) -> Response:
    """Let a member in, as the group's owner, once it has accepted the terms and holds the attributes."""

    def work(tx: Tx) -> Reply:
        return Reply.of(GroupSchema, membership.let_in(tx, group_id, member_id))

    return write("group.joined", _group(group_id), work, moves_policy=True)


@blp.delete("/groups/<ident:group_id>/members/<ident:member_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.response(204)
def leave_group(group_id: str, member_id: str) -> Response:
    """Leave a group, or take a member out of one's own."""

    def work(tx: Tx) -> Reply:
        membership.leave(tx, group_id, member_id)
        return Reply(status=204)

    return write("group.left", _group(group_id), work, moves_policy=True)


@blp.put("/collections/<ident:collection_id>/releases/<ident:downstream_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.response(204)
def release_collection(collection_id: str, downstream_id: str) -> Response:
    """Let a downstream of one's own see a collection: one step, never further."""

    def work(tx: Tx) -> Reply:
        releases.release(tx, collection_id, downstream_id)
        return Reply(status=204)

    return write("collection.released", _collection(collection_id), work, moves_policy=True)


@blp.delete("/collections/<ident:collection_id>/releases/<ident:downstream_id>")
@requires(Scope.GROUPS_ADMIN)
@blp.response(204)
def withdraw_release(collection_id: str, downstream_id: str) -> Response:
    """Take a release back."""

    def work(tx: Tx) -> Reply:
        releases.withdraw(tx, collection_id, downstream_id)
        return Reply(status=204)

    return write("collection.released", _collection(collection_id), work, moves_policy=True)


def _group(group_id: str) -> Subject:
    return Subject(kind="group", id=group_id)


def _collection(collection_id: str) -> Subject:
    return Subject(kind="collection", id=collection_id, collection_id=collection_id)
