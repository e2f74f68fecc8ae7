"""OAuth clients of members."""

from typing import Any

from flask import Response

from app.events import Subject
from app.members import clients, key_sources
from app.members.clients import Bounds, NewClient
from app.members.key_sources import Fetched
from app.record import Tx
from app.web import paging
from app.web.blueprint import Blueprint
from app.web.exchange import Reply, read, write
from app.web.identity import requires
from app.web.paging import PageArgs
from app.web.state import runtime
from schemas.clients import (
    BindingSchema,
    ClientChangeSchema,
    ClientPageSchema,
    ClientSchema,
    IssuedClientSchema,
    NewClientSchema,
    RotationSchema,
)
from schemas.vocabulary import Scope

blp = Blueprint("clients", __name__, url_prefix="/v1/members", description="OAuth clients of members")


@blp.get("/<ident:member_id>/clients")
@requires()
@blp.arguments(PageArgs, location="query")
@blp.response(200, ClientPageSchema)
def list_clients(args: dict[str, Any], member_id: str) -> Response:
    """List the clients of a member: for itself and for the operator."""

    def page(tx: Tx) -> Reply:
        after = paging.open_(tx, "clients", args["after"]) if "after" in args else None
        found = clients.browse(tx, member_id, after=after, limit=args["limit"])
        following = paging.seal(tx, "clients", found[-1].id) if len(found) == args["limit"] else None
        return Reply.of(
            ClientPageSchema,
            {"items": found, "next": following},
            subjects=[Subject(kind="client", owner_id=member_id, count=len(found))],
        )

    return read("client.listed", Subject(kind="client", owner_id=member_id), page)


@blp.post("/<ident:member_id>/clients")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(NewClientSchema)
@blp.response(201, IssuedClientSchema)
def add_client(body: dict[str, Any], member_id: str) -> Response:
    """Register a client. A secret is shown in this answer only, so no `Idempotency-Key` is kept."""
    source = _source(body)

    def work(tx: Tx) -> Reply:
        asked = {**body, "user_id": body.get("user"), "source": source}
        asked.pop("user", None)
        asked.pop("jwks_uri", None)
        made = clients.add(tx, member_id, NewClient(**asked))
        location = f"/v1/members/{member_id}/clients/{made.client.id}"
        return Reply.of(IssuedClientSchema, made, status=201, headers={"Location": location})

    return write("client.added", Subject(kind="member", id=member_id), work, idempotent=False)


@blp.get("/<ident:member_id>/clients/<ident:client_id>")
@requires()
@blp.response(200, ClientSchema)
def get_client(member_id: str, client_id: str) -> Response:
    """Read one client: for its member and for the operator."""
    return read(
        "client.read",
        Subject(kind="client", id=client_id),
        lambda tx: Reply.of(ClientSchema, clients.read(tx, member_id, client_id)),
    )


@blp.patch("/<ident:member_id>/clients/<ident:client_id>")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(ClientChangeSchema)
@blp.response(200, ClientSchema)
def change_client(body: Bounds, member_id: str, client_id: str) -> Response:
    """Set a client's end or networks anew: they hold from its next request on, with any token.

    A client that was revoked or has ended stays so.
    """
    return write(
        "client.changed",
        Subject(kind="client", id=client_id),
        lambda tx: Reply.of(ClientSchema, clients.change(tx, member_id, client_id, body)),
        moves_policy=True,
    )


@blp.post("/<ident:member_id>/clients/<ident:client_id>/rotation")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(RotationSchema)
@blp.response(200, IssuedClientSchema)
def rotate_client(body: dict[str, Any], member_id: str, client_id: str) -> Response:
    """Replace the key set with the one that is sent or published, or the secret with a new one.

    The old one stops, at once or after `overlap_hours`.
    """
    source = _source(body)

    def work(tx: Tx) -> Reply:
        made = clients.rotate(
            tx, member_id, client_id, jwks=body.get("jwks"), source=source, secret_days=body["secret_days"],
            overlap_hours=body["overlap_hours"],
        )  # fmt: skip
        return Reply.of(IssuedClientSchema, made)

    return write("client.rotated", Subject(kind="client", id=client_id), work, idempotent=False)


@blp.put("/<ident:member_id>/clients/<ident:client_id>/binding")
@requires(Scope.MEMBERS_ADMIN)
@blp.arguments(BindingSchema)
@blp.response(200, ClientSchema)
def demand_binding(body: dict[str, Any], member_id: str, client_id: str) -> Response:
    """Say what a client's tokens must be bound to: those that are not stop at once."""

    def work(tx: Tx) -> Reply:
        changed = clients.demand_binding(
            tx, member_id, client_id, dpop=body["dpop_bound_access_tokens"],
            certificate=body["tls_client_certificate_bound_access_tokens"],
        )  # fmt: skip
        return Reply.of(ClientSchema, changed)

    return write("client.binding-demanded", Subject(kind="client", id=client_id), work, moves_policy=True)


@blp.delete("/<ident:member_id>/clients/<ident:client_id>")
@requires(Scope.MEMBERS_ADMIN)
@blp.response(204)
def revoke_client(member_id: str, client_id: str) -> Response:
    """Revoke a client: it gets no more tokens, and those that it has stop at once."""

    def work(tx: Tx) -> Reply:
        clients.revoke(tx, member_id, client_id)
        return Reply(status=204)

    return write("client.revoked", Subject(kind="client", id=client_id), work, moves_policy=True)


def _source(body: dict[str, Any]) -> Fetched | None:
    """The keys that the body says are published somewhere, fetched before any transaction is open."""
    return key_sources.fetch(runtime(), body["jwks_uri"]) if "jwks_uri" in body else None
