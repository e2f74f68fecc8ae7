"""Members, their attributes and their users."""

from collections.abc import Sequence
from typing import Any

from flask import Response

from app.events import Subject
from app.members import attributes, members, users
from app.record import Tx
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from schemas.members import (
    AttributeSchema,
    GrantSchema,
    MemberPageSchema,
    MemberSchema,
    NewMemberSchema,
    NewUserSchema,
    UserPageSchema,
    UserSchema,
)
from schemas.vocabulary import MemberKind, Scope

blp = Blueprint("members", __name__, url_prefix="/v1/members", description="Members of the coalition")


@blp.get("")
@requires()
@blp.arguments(PageArgs, location="query")
@blp.response(200, MemberPageSchema)
def list_members(args: dict[str, Any]) -> Response:
    """List members by name: active ones for everybody, all for the operator."""

    def page(tx: Tx) -> Reply:
        after = paging.open_(tx, "members", args["after"]) if "after" in args else None
        found = members.browse(tx, after=after, limit=args["limit"])
        following = paging.seal(tx, "members", found[-1].name) if len(found) == args["limit"] else None
        return Reply.of(
            MemberPageSchema,
            {"items": found, "next": following},
            subjects=[Subject(kind="member", count=len(found))],
        )

    return read("member.listed", Subject(kind="member"), page)


@blp.post("")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(NewMemberSchema)
@blp.response(201, MemberSchema)
def add_member(body: dict[str, Any]) -> Response:
    """Enrol a member."""

    def work(tx: Tx) -> Reply:
        made = members.add(
            tx,
            name=body["name"],
            sector=body["sector"],
            kind=MemberKind(body["kind"]),
            upstream_id=body.get("upstream"),
        )
        return Reply.of(MemberSchema, made, status=201, headers={"Location": f"/v1/members/{made.id}"})

    return write("member.added", Subject(kind="member"), work)


@blp.get("/<ident:member_id>")
@requires()
@blp.response(200, MemberSchema)
def get_member(member_id: str) -> Response:
    """Read one member: status and attributes are for the member itself and the operator."""
    return read(
        "member.read",
        _member(member_id),
        lambda tx: Reply.of(MemberSchema, members.read(tx, member_id)),
    )


@blp.post("/<ident:member_id>/suspension")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(200, MemberSchema)
def suspend_member(member_id: str) -> Response:
    """Suspend a member: it sees nothing, and its tokens stop at once."""
    return write(
        "member.status-changed",
        _member(member_id),
        lambda tx: Reply.of(MemberSchema, members.suspend(tx, member_id)),
        moves_policy=True,
    )


@blp.delete("/<ident:member_id>/suspension")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(200, MemberSchema)
def reactivate_member(member_id: str) -> Response:
    """End a suspension."""
    return write(
        "member.status-changed",
        _member(member_id),
        lambda tx: Reply.of(MemberSchema, members.reactivate(tx, member_id)),
        moves_policy=True,
    )


@blp.delete("/<ident:member_id>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(200, MemberSchema)
def offboard_member(member_id: str) -> Response:
    """End a membership for good: groups are left, clients and users are disabled."""
    return write(
        "member.status-changed",
        _member(member_id),
        lambda tx: Reply.of(MemberSchema, members.offboard(tx, member_id)),
        moves_policy=True,
    )


@blp.put("/<ident:member_id>/attributes/<name>")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(GrantSchema)
@blp.response(200, AttributeSchema)
def grant_attribute(body: dict[str, Any], member_id: str, name: str) -> Response:
    """Grant an attribute until a moment, or renew it."""

    def work(tx: Tx) -> Reply:
        return Reply.of(AttributeSchema, attributes.grant(tx, member_id, name, body["valid_until"]))

    return write("member.attribute-granted", _member(member_id), work, moves_policy=True)


@blp.delete("/<ident:member_id>/attributes/<name>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(204)
def end_attribute(member_id: str, name: str) -> Response:
    """End an attribute now."""

    def work(tx: Tx) -> Reply:
        attributes.end(tx, member_id, name)
        return Reply(status=204)

    return write("member.attribute-granted", _member(member_id), work, moves_policy=True)


@blp.get("/<ident:member_id>/users")
@requires()
@blp.arguments(PageArgs, location="query")
@blp.response(200, UserPageSchema)
def list_users(args: dict[str, Any], member_id: str) -> Response:
    """List the users of a member: for itself and for the operator."""

    def page(tx: Tx) -> Reply:
        after = paging.open_(tx, "users", args["after"]) if "after" in args else None
        found = users.browse(tx, member_id, after=after, limit=args["limit"])
        following = paging.seal(tx, "users", found[-1].id) if len(found) == args["limit"] else None
        return Reply.of(
            UserPageSchema,
            {"items": found, "next": following},
            subjects=_counted("user", member_id, found),
        )

    return read("user.listed", Subject(kind="user", owner_id=member_id), page)


@blp.post("/<ident:member_id>/users")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(NewUserSchema)
@blp.response(201, UserSchema)
def add_user(body: dict[str, Any], member_id: str) -> Response:
    """Add a person of a member."""

    def work(tx: Tx) -> Reply:
        return Reply.of(UserSchema, users.add(tx, member_id, handle=body["handle"]), status=201)

    return write("user.added", _member(member_id), work)


@blp.delete("/<ident:member_id>/users/<ident:user_id>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(204)
def disable_user(member_id: str, user_id: str) -> Response:
    """End a person's access: tokens of its personal clients stop at once."""

    def work(tx: Tx) -> Reply:
        users.disable(tx, member_id, user_id)
        return Reply(status=204)

    return write("user.disabled", Subject(kind="user", id=user_id), work, moves_policy=True)


def _member(member_id: str) -> Subject:
    return Subject(kind="member", id=member_id)


def _counted(kind: str, member_id: str, found: Sequence[object]) -> list[Subject]:
    return [Subject(kind=kind, owner_id=member_id, count=len(found))]
